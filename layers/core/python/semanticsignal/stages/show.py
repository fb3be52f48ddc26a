"""Any fact → the dashboards that listen."""

from ..domain.events import Fact, MinutePassed
from ..domain.market import Timeframe, exact
from ..logic.show import views
from ..ports import Facts, Sockets


async def show(fact: Fact, on: Sockets) -> Facts:
    """Facts of the ledger are shown as its entries; a minute as prices and positions; the rest is inner talk."""
    if not on.notifier.is_heard:
        return ()
    if isinstance(fact, MinutePassed):
        prices = []
        for symbol in on.settings.pairs:
            newest = await on.market.candles(symbol, Timeframe.M1, until=fact.at, limit=1)
            if len(newest):
                prices.append(views.PriceView(str(symbol), exact(newest.close[-1])))
        await on.notifier.tell(views.minute(fact.at, await on.ledger.portfolio(), tuple(prices)))
        return ()
    entry = await on.ledger.entry(f"{type(fact).__name__}:{fact.id}")
    if entry:
        await on.notifier.tell(views.event(entry))
    return ()
