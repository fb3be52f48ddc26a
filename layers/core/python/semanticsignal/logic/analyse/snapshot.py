"""The Snapshot: all that was known at one instant. Here floats meet decimals, and nowhere else."""

from datetime import datetime

import numpy as np

from ...domain.analysis import BookView, Macro, Mark, Snapshot
from ...domain.collected import Market
from ...domain.market import Candles, Timeframe, epoch_ms, exact
from . import completeness, levels, microstructure, patterns, regime, volatility
from .macro import macro
from .periods import DAY_MS, periods
from .series import Columns, at, columns, newest, series
from .sessions import session

CLOSES_SHOWN = 12


def snapshot(market: Market, seen_at: datetime, before: BookView | None = None) -> Snapshot:
    """Causal: what it says of the newest closed bar depends on that bar and older ones alone. `before`: the order book
    as the last snapshot saw it."""
    candles, around = market.candles, market.around
    bars = columns(candles)
    whole = series(bars)
    every, price = whole | newest(bars), bars.close.item(-1)
    now = at(every, -1) | {"atr_rank_ratio": volatility.rank_ratio(whole["atr_ratio"], regime.RANK_BARS)}
    atr = now["atr_14"]
    return Snapshot(
        id=market.id,
        symbol=market.symbol,
        timeframe=market.timeframe,
        closed_at=candles.closed_at,
        seen_at=seen_at,
        price=exact(price),
        source=candles.source,
        is_simulated=market.is_simulated,
        indicators=now,
        earlier=at(every, -2),
        regime=regime.regime(whole, bars.close),
        patterns=patterns.found(candles, whole),
        levels=levels.levels(bars.high, bars.low, price, atr, traded=bars.volume),
        closes=tuple(exact(close) for close in bars.close[-CLOSES_SHOWN:]),
        bars=len(candles),
        gaps=candles.gaps,
        completeness_ratio=candles.completeness_ratio,
        score_ratio=completeness.score_ratio(market),
        book=microstructure.book_view(around.book, before) if around.book else None,
        flow=microstructure.flow(around.trades) if around.trades else None,
        funding=around.funding,
        interest=around.interest,
        readings=around.readings,
        news=around.news,
        missing=around.missing,
        flags=(*market.flags, *around.flags),
        is_disputed=market.is_disputed,
        macro=_macro(market),
        periods=tuple(periods(candles, bars, whole)),
        pivots=_pivots(market, bars, atr),
        retracement=levels.retracement(bars.high, bars.low, price, atr),
        session=session(candles.closed_at),
    )


def _macro(market: Market) -> tuple[Macro, ...]:
    longer = (_closed(one, market) for one in (market.around.daily, market.around.weekly))
    return tuple(told for told in (macro(one) for one in longer if one is not None) if told)


def _closed(candles: Candles | None, market: Market) -> Candles | None:
    """Without the bars that had not closed when the newest of the pair's own did."""
    if candles is None:
        return None
    end = epoch_ms(market.candles.closed_at) - candles.timeframe.ms
    known = int(np.searchsorted(np.asarray(candles.opened_ms, dtype=np.int64), end, side="right"))
    return candles if known == len(candles) else candles[:known]


def _pivots(market: Market, bars: Columns, atr: float | None) -> tuple[Mark, ...]:
    day = _last_day(market, bars)
    return levels.pivots(day, bars.close.item(-1), atr) if day else ()


def _last_day(market: Market, bars: Columns) -> tuple[float, float, float] | None:
    """High, low and close of the last UTC day that is over: its own bar, else made of shorter ones when all are there;
    None else. An older day's would not be the pivots that others watch."""
    candles = market.candles
    end = Timeframe.D1.floor_ms(epoch_ms(candles.closed_at))
    daily = _closed(market.around.daily, market)
    if daily is not None and len(daily) and daily.opened_ms[-1] == end - DAY_MS:
        return float(daily.high[-1]), float(daily.low[-1]), float(daily.close[-1])
    size = candles.timeframe.ms
    due = DAY_MS // size
    # counted back from the newest bar, which stands as many bars behind the end of the day as have closed since
    behind = (candles.opened_ms[-1] + size - end) // size
    first, last = len(candles) - behind - due, len(candles) - behind
    if not due or first < 0 or candles.opened_ms[first] != end - DAY_MS or candles.opened_ms[last - 1] != end - size:
        return None
    return bars.high[first:last].max().item(), bars.low[first:last].min().item(), bars.close.item(last - 1)
