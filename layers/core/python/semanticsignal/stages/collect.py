"""CandleClosed | AnalysisRequested → MarketCollected."""

from datetime import timedelta

from ..domain.events import AnalysisRequested, CandleClosed, MarketCollected
from ..domain.market import Market
from ..logic.collect.candles import closed, expected
from ..ports import Facts, Sockets


async def collect(fact: CandleClosed | AnalysisRequested, on: Sockets) -> Facts:
    """A bar told long after it closed is not decided on: better no trade than one on old prices.

    Raises MarketUnavailable while the venue has not published the bar: ask again."""
    if isinstance(fact, CandleClosed) and on.clock.now() - fact.closed_at > _patience(fact, on):
        return ()
    is_forced = isinstance(fact, AnalysisRequested)
    closed_at = fact.timeframe.floor(fact.requested_at) if isinstance(fact, AnalysisRequested) else fact.closed_at
    limit = on.settings.candle_limit
    candles = await on.market.candles(fact.symbol, fact.timeframe, until=closed_at, limit=limit)
    market = Market(
        id=fact.id,
        symbol=fact.symbol,
        timeframe=fact.timeframe,
        collected_at=on.clock.now(),
        candles=expected(closed(candles, closed_at), closed_at),
        rules=await on.market.rules(fact.symbol),
        is_simulated=on.market.is_simulated,
    )
    await on.archive.put(f"market/{fact.id}", market)
    return (MarketCollected(fact.id, fact.symbol, fact.timeframe, closed_at, is_forced),)


def _patience(fact: CandleClosed, on: Sockets) -> timedelta:
    return fact.timeframe.span * on.settings.risk.stale_ratio
