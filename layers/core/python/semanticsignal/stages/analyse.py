"""MarketCollected → MarketAnalysed."""

from datetime import timedelta

from ..domain.analysis import BookView, Snapshot
from ..domain.collected import Market
from ..domain.errors import Missing
from ..domain.events import CandleClosed, MarketAnalysed, MarketCollected
from ..ports import Facts, Sockets


async def analyse(fact: MarketCollected, on: Sockets) -> Facts:
    # Here, so that no other function of the table loads the libraries of analysis.
    from ..logic.analyse.snapshot import snapshot

    market: Market | None = await on.archive.get(f"market/{fact.id}", Market)
    if market is None:
        raise Missing(f"nothing was collected under {fact.id}")
    before = await _before(fact, on) if market.around.book else None
    seen = await on.archive.put(f"snapshot/{fact.id}", snapshot(market, market.collected_at, before))
    if on.settings.model.sees:
        await _draw(market, seen, on)
    return (MarketAnalysed(fact.id, fact.symbol, fact.timeframe, fact.closed_at, fact.is_forced),)


async def _before(fact: MarketCollected, on: Sockets) -> BookView | None:
    """The order book of the cycle before; None when there was none."""
    back = timedelta(0) if fact.is_forced else fact.timeframe.span
    earlier = CandleClosed(fact.symbol, fact.timeframe, fact.closed_at - back)
    seen: Snapshot | None = await on.archive.get(f"snapshot/{earlier.id}", Snapshot)
    return seen.book if seen else None


async def _draw(market: Market, seen: Snapshot, on: Sockets) -> None:
    """What a model that can see will be shown."""
    from ..logic.analyse.chart import chart

    portfolio = await on.ledger.portfolio()
    await on.archive.put(f"chart/{market.id}", chart(market, seen, portfolio.position(market.symbol)))
