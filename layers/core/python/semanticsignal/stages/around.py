"""What a cycle knows beside its bars: each part asked for on its own, and none of them holds up the others."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from ..domain.collected import Around, Part
from ..domain.context import MarketContext, known
from ..domain.errors import ArchiveUnavailable, BadInput, InvalidSymbol, NotOffered, Unavailable
from ..domain.events import MarketCollected
from ..domain.market import Candles, Symbol, Timeframe
from ..domain.news import News
from ..logic.collect.candles import closed
from ..ports import Sockets
from .context import keys_before as contexts_before
from .gather import together
from .news import keys_before as news_before

T = TypeVar("T", MarketContext, News)

PATIENCE_S = 20.0
SAID = 160


class Found(NamedTuple):
    """What came of asking for a part: `told`, or `missing` with why. `is_due`: somebody here can tell it."""

    part: Part
    told: Any = None
    missing: str = ""
    is_due: bool = True


async def around(told: MarketCollected, on: Sockets) -> Around:
    """What the market offers, and what was gathered of the whole market and the press. A venue that is silent raises
    nothing here: what is not there is named."""
    of_venues, (context, press, withheld) = await together(_of_venues(told, on), _of_archive(told.symbol, on))
    found = [*of_venues, *(one for one in (context, press) if one)]
    return Around(
        **{FIELDS[one.part]: one.told for one in found if one.told is not None},
        asked=tuple(one.part for one in found if one.is_due),
        missing={one.part.value: one.missing for one in found if one.missing},
        flags=(f"articles withheld, for they give orders or are not in English: {withheld}",) if withheld else (),
    )


async def _of_venues(told: MarketCollected, on: Sockets) -> list[Found]:
    offered = [part for part in Part if part in on.market.offers]
    return await asyncio.gather(*(_of_venue(part, told, on) for part in offered))


async def _of_archive(symbol: Symbol, on: Sockets) -> tuple[Found | None, Found | None, int]:
    """Context, press, and how much of it was withheld."""
    return await _context(on), *await _press(symbol, on)


async def _of_venue(part: Part, told: MarketCollected, on: Sockets) -> Found:
    """A part that no venue tells of this pair is named as missing, but was not to be expected."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return Found(part, await ASKED[part](told, on))
    except (NotOffered, InvalidSymbol) as wrong:
        return Found(part, missing=_why(wrong), is_due=False)
    except (Unavailable, BadInput, TimeoutError) as wrong:
        return Found(part, missing=_why(wrong))


def _why(wrong: Exception) -> str:
    said = f"no answer in {PATIENCE_S:g} s" if isinstance(wrong, TimeoutError) else str(wrong)
    return " ".join(said.split())[:SAID]


async def _daily(told: MarketCollected, on: Sockets) -> Candles:
    return await _longer(told, Timeframe.D1, on.settings.collect.daily_limit, on)


async def _weekly(told: MarketCollected, on: Sockets) -> Candles:
    return await _longer(told, Timeframe.W1, on.settings.collect.weekly_limit, on)


async def _longer(told: MarketCollected, timeframe: Timeframe, limit: int, on: Sockets) -> Candles:
    if not limit:
        raise NotOffered(f"no {timeframe} bars are asked for")
    found = await on.market.candles(told.symbol, timeframe, until=told.closed_at, limit=limit)
    if not len(found):
        raise NotOffered(f"{found.source} has no {timeframe} bar of {told.symbol} yet")
    return closed(found, told.closed_at)


FIELDS = {
    Part.DAILY: "daily",
    Part.WEEKLY: "weekly",
    Part.BOOK: "book",
    Part.TRADES: "trades",
    Part.FUNDING: "funding",
    Part.INTEREST: "interest",
    Part.CONTEXT: "readings",
    Part.NEWS: "news",
}
ASKED: Mapping[Part, Callable[[MarketCollected, Sockets], Awaitable[Any]]] = {
    Part.DAILY: _daily,
    Part.WEEKLY: _weekly,
    Part.BOOK: lambda told, on: on.market.book(told.symbol, until=on.clock.now()),
    Part.TRADES: lambda told, on: on.market.trades(told.symbol, until=on.clock.now()),
    Part.FUNDING: lambda told, on: on.market.funding_quote(told.symbol, until=on.clock.now()),
    Part.INTEREST: lambda told, on: on.market.open_interest(told.symbol, until=on.clock.now()),
}


async def _context(on: Sockets) -> Found | None:
    """The figures that were gathered last and are not stale; None where nobody gathers any."""
    now = on.clock.now()
    gathered = await _last(contexts_before(now, on.settings.context), MarketContext, now, on)
    if gathered is None and not on.context:
        return None
    readings = known(gathered.readings, now) if gathered else ()
    return Found(Part.CONTEXT, readings, "" if readings else "nothing that is not too old was gathered")


async def _press(symbol: Symbol, on: Sockets) -> tuple[Found | None, int]:
    """What a decision on the pair is shown of what was read last, by the instant it was first seen; and how much of it
    was withheld. None where nobody reads any."""
    now = on.clock.now()
    read = await _last(news_before(now, on.settings.news), News, now, on)
    if read is None:
        missing = Found(Part.NEWS, missing=f"nothing was read in {on.settings.news.keep_hours} h")
        return missing if on.news else None, 0
    # Here, so that who knows no news does not load what reads it.
    from ..logic.collect.defuse import defused
    from ..logic.collect.excerpts import excerpts

    shown, withheld = excerpts(read.articles, symbol, now, on.settings.news, defused)
    return Found(Part.NEWS, shown), withheld


async def _last(keys: Iterable[str], kind: type[T], now: datetime, on: Sockets) -> T | None:
    """The first of them that was gathered by now. One that is no such thing is passed over; an archive that does not
    answer, or takes its time over many, is not asked for the next: what was gathered is missing then."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            for key in keys:
                with suppress(BadInput):
                    found: T | None = await on.archive.get(key, kind)
                    if found and found.gathered_at <= now:
                        return found
    except (ArchiveUnavailable, TimeoutError):
        return None
    return None
