"""QuarterPassed → ContextGathered."""

from collections.abc import Iterator
from datetime import datetime

from ..domain.context import MarketContext, known
from ..domain.events import ContextGathered, QuarterPassed
from ..domain.market import Timeframe
from ..domain.policy import Context
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


def keys_before(now: datetime, settings: Context) -> Iterator[str]:
    """Of the archive, the newest first, as far back as a figure may be that is not stale."""
    newest = QUARTER.floor(now)
    for back in range(settings.max_age_minutes * 60 // QUARTER.seconds + 2):
        yield f"context/{id_of(newest - back * QUARTER.span)}"
