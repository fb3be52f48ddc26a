"""MarketCollected → MarketAnalysed."""

from ..domain.errors import Missing
from ..domain.events import MarketAnalysed, MarketCollected
from ..domain.market import Market
from ..ports import Facts, Sockets


async def analyse(fact: MarketCollected, on: Sockets) -> Facts:
    # Here, so that no other function of the table loads the libraries of analysis.
    from ..logic.analyse.snapshot import snapshot

    market: Market | None = await on.archive.get(f"market/{fact.id}", Market)
    if market is None:
        raise Missing(f"nothing was collected under {fact.id}")
    await on.archive.put(f"snapshot/{fact.id}", snapshot(market, market.collected_at))
    return (MarketAnalysed(fact.id, fact.symbol, fact.timeframe, fact.closed_at, fact.is_forced),)
