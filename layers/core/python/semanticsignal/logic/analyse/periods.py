"""What the last days did: 1 to 30 of them, and how much of each is there."""

from collections.abc import Iterator, Mapping
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from ...domain.analysis import Period
from ...domain.market import Candles
from .series import Columns

Array = NDArray[np.float64]
DAYS = (1, 2, 3, 7, 30)
DAY_MS = 86_400_000
# Indicators whose change over a period is told: those on a scale of their own.
CHANGING = ("rsi_14", "adx_14", "stochastic_k", "atr_ratio")


def periods(candles: Candles, bars: Columns, series: Mapping[str, Array]) -> Iterator[Period]:
    """None of less than one bar. What reaches back behind the first bar is told once, as far as it is there: longer
    ones would be the same."""
    opened = np.asarray(candles.opened_ms, dtype=np.int64)
    size = candles.timeframe.ms
    end = candles.opened_ms[-1] + size
    due = [(days, days * DAY_MS // size) for days in DAYS if days * DAY_MS >= size]
    # A bar is of the period when it opened at its beginning or later.
    firsts = np.searchsorted(opened, [end - days * DAY_MS for days, _ in due]).tolist()
    counted = _Counted(bars, len(candles) - min(firsts, default=0))
    for (days, wanted), first in zip(due, firsts, strict=True):
        yield counted.period(days, wanted, first, series)
        if first == 0:
            return


class _Counted:
    """Extremes and sums from the newest bar back: each period reads its own off the same walk."""

    def __init__(self, bars: Columns, most: int) -> None:
        high, low, close, traded = (column[::-1][:most] for column in bars)
        self._close = bars.close
        self._high, self._low = np.maximum.accumulate(high), np.minimum.accumulate(low)
        self._closes, self._volume = np.cumsum(close), np.cumsum(traded)

    def period(self, days: int, due: int, first: int, series: Mapping[str, Array]) -> Period:
        bars = len(self._close) - first
        back = bars - 1
        # One full period before the newest close stands the close of the bar before the first.
        base = max(0, first - 1)
        last, before = self._close.item(-1), self._close.item(base)
        high, low = self._high.item(back), self._low.item(back)
        return Period(
            days=days,
            bars=bars,
            bars_due=due,
            is_whole=first > 0 and bars == due,
            change_ratio=last / before - 1 if len(self._close) - 1 > base else None,
            high=high,
            low=low,
            mean_close=self._closes.item(back) / bars,
            volume=self._volume.item(back),
            range_ratio=high / low - 1,
            changes={name: _change(series[name], base) for name in CHANGING},
        )


def _change(column: Array, base: int) -> float | None:
    change = column.item(-1) - column.item(base)
    return change if isfinite(change) else None
