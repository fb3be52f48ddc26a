"""Any fact → the dashboards that listen."""

import asyncio
from datetime import datetime

from ..domain.errors import InvalidSymbol, MarketUnavailable
from ..domain.events import (
    AnalysisRequested,
    CandleClosed,
    ContextGathered,
    Fact,
    MarketAnalysed,
    MarketCollected,
    MinutePassed,
    NewsGathered,
)
from ..domain.market import Symbol, exact
from ..domain.microstructure import Quote
from ..logic.show import live, views
from ..ports import Facts, Sockets

# Told before anybody works on them: what they begin is seen while it goes on.
BEGINNINGS = (AnalysisRequested, CandleClosed, MarketCollected, MarketAnalysed)
# Shown, and not in the ledger.
UNWRITTEN = (*BEGINNINGS, NewsGathered, ContextGathered)


async def show(fact: Fact, on: Sockets) -> Facts:
    """Facts of the ledger are shown as its entries; a minute as prices, positions and how it goes; of an analysis its
    steps; of what was gathered that it was. The rest is inner talk."""
    if await on.notifier.is_heard():
        view = await _view(fact, on)
        if view is not None:
            await on.notifier.tell(view)
    return ()


async def _view(fact: Fact, on: Sockets) -> views.EventView | None:
    if isinstance(fact, MinutePassed):
        return await _minute(fact.at, on)
    if isinstance(fact, BEGINNINGS):
        return live.stepped(fact, on.clock.now())
    if isinstance(fact, NewsGathered | ContextGathered):
        return live.gathered(fact)
    entry = await on.ledger.entry(f"{type(fact).__name__}:{fact.id}")
    return views.event(entry) if entry else None


async def _minute(at: datetime, on: Sockets) -> views.MinutePassedView:
    quotes, portfolio = await _quotes(at, on), await on.ledger.portfolio()
    lag_s = max(((at - quote.at).total_seconds() for quote in quotes.values()), default=None)
    pulse = live.pulse(at, portfolio.marked_until, on.settings.timeframe, lag_s)
    return views.minute(at, portfolio, {symbol: exact(quote.price) for symbol, quote in quotes.items()}, pulse)


async def _quotes(at: datetime, on: Sockets) -> dict[Symbol, Quote]:
    """Of the pairs whose venues answer: the others are shown as they were."""
    quotes = await asyncio.gather(*(_quote(symbol, at, on) for symbol in on.settings.pairs))
    return {symbol: quote for symbol, quote in zip(on.settings.pairs, quotes, strict=True) if quote is not None}


async def _quote(symbol: Symbol, at: datetime, on: Sockets) -> Quote | None:
    try:
        return await on.market.last_price(symbol, until=at)
    except (MarketUnavailable, InvalidSymbol):
        return None
