"""Any fact → the dashboards that listen."""

from ..domain.events import Fact, MinutePassed
from ..domain.market import exact
from ..logic.show import views
from ..ports import Facts, Sockets


async def show(fact: Fact, on: Sockets) -> Facts:
    """Facts of the ledger are shown as its entries; a minute as prices and positions; the rest is inner talk."""
    if not await on.notifier.is_heard():
        return ()
    if isinstance(fact, MinutePassed):
        found = {symbol: await on.market.last_price(symbol, until=fact.at) for symbol in on.settings.pairs}
        prices = {symbol: exact(price) for symbol, price in found.items() if price is not None}
        await on.notifier.tell(views.minute(fact.at, await on.ledger.portfolio(), prices))
        return ()
    entry = await on.ledger.entry(f"{type(fact).__name__}:{fact.id}")
    if entry:
        await on.notifier.tell(views.event(entry))
    return ()
