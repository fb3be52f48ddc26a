"""What a cycle knows beside its bars: each part asked for on its own, and none of them holds up the others."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..domain.collected import Part
from ..domain.context import MarketContext, Reading, known
from ..domain.errors import BadInput, InvalidSymbol, NotOffered, Unavailable
from ..domain.events import MarketCollected
from ..domain.market import Candles, Symbol, Timeframe
from ..domain.microstructure import FundingQuote, OpenInterest, OrderBook, PublicTrades
from ..domain.news import Excerpt, News
from ..logic.collect.candles import closed
from ..ports import Sockets
from .context import QUARTER
from .context import id_of as context_id
from .news import HOUR
from .news import id_of as news_id

PATIENCE_S = 20.0
SAID = 160


@dataclass
class Parts:
    """As in Market."""

    daily: Candles | None = None
    weekly: Candles | None = None
    book: OrderBook | None = None
    trades: PublicTrades | None = None
    funding: FundingQuote | None = None
    interest: OpenInterest | None = None
    readings: tuple[Reading, ...] = ()
    news: tuple[Excerpt, ...] = ()
    asked: tuple[Part, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()


async def parts(told: MarketCollected, on: Sockets) -> Parts:
    """What the market offers, and what was gathered of the whole market and the press. A venue that is silent raises
    nothing here: what is not there is named."""
    found = Parts()
    offered = [part for part in Part if part in on.market.offers]
    await asyncio.gather(*(_of_venue(part, told, found, on) for part in offered))
    await _of_archive(told.symbol, found, on)
    found.asked = tuple(part for part in Part if part in found.asked)
    return found


async def _of_venue(part: Part, told: MarketCollected, found: Parts, on: Sockets) -> None:
    """A part that no venue tells of this pair is named as missing, but was not to be expected."""
    name, ask = ASKED[part]
    try:
        async with asyncio.timeout(PATIENCE_S):
            setattr(found, name, await ask(told, on))
    except (NotOffered, InvalidSymbol) as wrong:
        found.missing[part.value] = _why(wrong)
        return
    except (Unavailable, BadInput, TimeoutError) as wrong:
        found.missing[part.value] = _why(wrong)
    found.asked = (*found.asked, part)


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


# part → the attribute it fills, and how it is asked for
ASKED: Mapping[Part, tuple[str, Callable[[MarketCollected, Sockets], Awaitable[Any]]]] = {
    Part.DAILY: ("daily", _daily),
    Part.WEEKLY: ("weekly", _weekly),
    Part.BOOK: ("book", lambda told, on: on.market.book(told.symbol, until=on.clock.now())),
    Part.TRADES: ("trades", lambda told, on: on.market.trades(told.symbol, until=on.clock.now())),
    Part.FUNDING: ("funding", lambda told, on: on.market.funding_quote(told.symbol, until=on.clock.now())),
    Part.INTEREST: ("interest", lambda told, on: on.market.open_interest(told.symbol, until=on.clock.now())),
}


async def _of_archive(symbol: Symbol, found: Parts, on: Sockets) -> None:
    """The mood of the whole market and the press, as they were gathered last: what was seen by now counts, whenever it
    was published."""
    now = on.clock.now()
    gathered, read = await _gathered(now, on), await _read(now, on)
    if gathered or on.context:
        found.readings = known(gathered.readings, now) if gathered else ()
        found.asked = (*found.asked, Part.CONTEXT)
        if not found.readings:
            found.missing[Part.CONTEXT.value] = "nothing that is not too old was gathered"
    if read or on.news:
        # Here, so that who knows no news does not load what reads it.
        from ..logic.collect.defuse import defused
        from ..logic.collect.excerpts import excerpts

        found.asked = (*found.asked, Part.NEWS)
        if read is None:
            found.missing[Part.NEWS.value] = f"nothing was read in {on.settings.news.keep_hours} h"
            return
        found.news, withheld = excerpts(read.articles, symbol, now, on.settings.news, defused)
        if withheld:
            found.flags = (*found.flags, f"articles withheld, for they give orders or are not in English: {withheld}")


async def _gathered(now: datetime, on: Sockets) -> MarketContext | None:
    """The newest gathering that may still hold a figure that is not stale."""
    newest = QUARTER.floor(now)
    for back in range(on.settings.context.max_age_minutes * 60 // QUARTER.seconds + 2):
        id = context_id(newest - back * QUARTER.span)
        found: MarketContext | None = await on.archive.get(f"context/{id}", MarketContext)
        if found and found.gathered_at <= now:
            return found
    return None


async def _read(now: datetime, on: Sockets) -> News | None:
    newest = HOUR.floor(now)
    for back in range(on.settings.news.keep_hours + 1):
        found: News | None = await on.archive.get(f"news/{news_id(newest - back * HOUR.span)}", News)
        if found and found.gathered_at <= now:
            return found
    return None
