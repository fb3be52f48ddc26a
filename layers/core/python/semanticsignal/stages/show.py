"""Any fact → the dashboards that listen."""

import asyncio
from datetime import datetime
from decimal import Decimal

from ..domain.errors import InvalidSymbol, MarketUnavailable
from ..domain.events import Fact, MinutePassed
from ..domain.market import Symbol, exact
from ..logic.show import views
from ..ports import Facts, Sockets


async def show(fact: Fact, on: Sockets) -> Facts:
    """Facts of the ledger are shown as its entries; a minute as prices and positions; the rest is inner talk."""
    if not await on.notifier.is_heard():
        return ()
    if isinstance(fact, MinutePassed):
        await on.notifier.tell(views.minute(fact.at, await on.ledger.portfolio(), await _prices(fact.at, on)))
        return ()
    entry = await on.ledger.entry(f"{type(fact).__name__}:{fact.id}")
    if entry:
        await on.notifier.tell(views.event(entry))
    return ()


async def _prices(at: datetime, on: Sockets) -> dict[Symbol, Decimal]:
    """Of the pairs whose venues answer: the others are shown as they were."""
    quotes = await asyncio.gather(*(_price(symbol, at, on) for symbol in on.settings.pairs))
    return {symbol: price for symbol, price in zip(on.settings.pairs, quotes, strict=True) if price is not None}


async def _price(symbol: Symbol, at: datetime, on: Sockets) -> Decimal | None:
    try:
        quote = await on.market.last_price(symbol, until=at)
    except (MarketUnavailable, InvalidSymbol):
        return None
    return exact(quote.price) if quote else None
