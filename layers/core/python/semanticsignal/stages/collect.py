"""CandleClosed | AnalysisRequested → MarketCollected."""

from ..domain.events import AnalysisRequested, CandleClosed, MarketCollected
from ..domain.market import Market
from ..logic.collect.candles import closed, expected
from ..ports import Facts, Sockets


async def collect(fact: CandleClosed | AnalysisRequested, on: Sockets) -> Facts:
    """Raises MarketUnavailable while the venue has not published the bar: ask again."""
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
