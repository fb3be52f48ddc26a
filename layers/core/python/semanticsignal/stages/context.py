"""QuarterPassed → ContextGathered."""

from datetime import datetime

from ..domain.context import MarketContext, known
from ..domain.events import ContextGathered, QuarterPassed
from ..domain.market import Timeframe
from ..ports import Facts, Sockets
from .gather import gather

QUARTER = Timeframe.M15


async def context(fact: QuarterPassed, on: Sockets) -> Facts:
    """A quarter is gathered while it lasts: what was true in an earlier one cannot be asked for now.

    Raises Unavailable while every source is silent: ask again."""
    quarter, now = QUARTER.floor(fact.at), on.clock.now()
    id = id_of(quarter)
    found = await on.archive.get(f"context/{id}", MarketContext)
    if found is None:
        if not on.context or not quarter <= now < quarter + QUARTER.span:
            return ()
        readings, silent = await gather(on.context, lambda source: source.readings(until=now))
        gathered = MarketContext(id, on.clock.now(), known(readings, now), silent)
        found = await on.archive.put(f"context/{id}", gathered)
    return (ContextGathered(id, found.gathered_at),)


def id_of(quarter: datetime) -> str:
    """Under which the figures of that quarter of an hour are kept."""
    return f"context#{quarter.isoformat()}"
