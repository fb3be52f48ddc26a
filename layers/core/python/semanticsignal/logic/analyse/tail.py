"""The newest bars as plain lists: patterns look at few numbers each, and there a list is read faster than an array."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...domain.market import Candles

Array = NDArray[np.float64]
# Six swings and the wait for a break of them; of what is read at its end alone, less.
BARS = 160
END = 64
WHOLE = ("atr_14", "rsi_14", "macd")
ENDS = (
    "macd_histogram", "stochastic_k", "stochastic_d", "sma_20", "sma_50", "sma_200", "bb_upper", "bb_lower",
)  # fmt: skip


class Tail(NamedTuple):
    """Columns of one length, oldest first. `series`: indicators by name, NaN where there were not enough bars; those
    of `ENDS` are shorter: count them from the newest."""

    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    volume: list[float]
    series: Mapping[str, list[float]]

    def ago(self, *at: int) -> tuple[int, ...]:
        """How many bars before the newest each row is."""
        newest = len(self.close) - 1
        return tuple(newest - row for row in at)


def tail(candles: Candles, series: Mapping[str, Array]) -> Tail:
    columns = (candles.open, candles.high, candles.low, candles.close, candles.volume)
    opened, high, low, close, volume = (np.asarray(column[-BARS:], dtype=np.float64).tolist() for column in columns)
    whole = {name: series[name][-BARS:].tolist() for name in WHOLE}
    ends = {name: series[name][-END:].tolist() for name in ENDS}
    return Tail(opened, high, low, close, volume, whole | ends)


def share(value: float, least: float, full: float) -> float:
    """0 at `least` and below (or above, when `full` is smaller), 1 at `full` and beyond."""
    return min(1.0, max(0.0, (value - least) / (full - least)))


def clear(value: float, least: float, full: float) -> float:
    """Of what counts from `least` on: half believed there, wholly at `full`."""
    return round(0.5 + 0.5 * share(value, least, full), 4)


def run(values: list[bool]) -> int:
    """How many of the newest are true in a row."""
    count = 0
    for is_true in reversed(values):
        if not is_true:
            break
        count += 1
    return count
