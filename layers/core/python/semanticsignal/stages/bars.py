"""The bars of a cycle: the expected one waited for, holes and wild bars held against a second venue."""

from datetime import datetime
from typing import NamedTuple

from ..domain.errors import InvalidSymbol, MarketUnavailable
from ..domain.market import Candles, Symbol, Timeframe
from ..logic.collect import candles as series
from ..ports import NOBODY, Sockets, Sources
from .gather import together

# Venues publish within a second or two; each pause is this much longer than the last, up to the longest.
PAUSE_S, LONGEST_PAUSE_S = 1.0, 5.0
# Times that a second venue is asked for a bar that the first has published.
OPINIONS = 4
Opinion = Candles | MarketUnavailable | InvalidSymbol


class Bars(NamedTuple):
    """`flags`: repairs and doubts in words. `is_disputed`: the second venue's newest price is another."""

    candles: Candles
    flags: tuple[str, ...] = ()
    is_disputed: bool = False


async def bars(symbol: Symbol, timeframe: Timeframe, closed_at: datetime, on: Sockets) -> Bars:
    """All of one venue but for the repairs, which are named. Raises MarketUnavailable when the expected bar is not
    published in time, or when its newest bar is wild and nobody can be asked about it."""
    if len(on.market.sources) == 1:
        return Bars(await _published(symbol, timeframe, closed_at, on))
    own, first = await together(
        _published(symbol, timeframe, closed_at, on),
        _second(symbol, timeframe, closed_at, on, {on.market.sources[0]}),
    )
    other = await _opinion(own, first, closed_at, on)
    if isinstance(other, Candles):
        return await _compared(own, other, closed_at, on)
    if own.opened_ms[-1] in series.striking(own) and not isinstance(other, InvalidSymbol):
        raise MarketUnavailable(f"{own.source} tells a wild bar of {symbol}, and nobody else can be asked: {other}")
    why = "no other venue lists the pair" if isinstance(other, InvalidSymbol) else "no other venue answers"
    return Bars(own, (f"prices of {own.source} alone: {why}",))


async def _opinion(own: Candles, other: Opinion, closed_at: datetime, on: Sockets) -> Opinion:
    """Of another venue than the one that answered, with the newest bar in it: what was asked as the bar closed may be
    too early, as with the first. Who still has not told it cannot speak of it."""
    for _ in range(OPINIONS):
        if not isinstance(other, Candles) or _speaks_of(other, own):
            return other
        if other.source != own.source:
            await on.clock.sleep(PAUSE_S)
        other = await _second(own.symbol, own.timeframe, closed_at, on, {own.source})
    if isinstance(other, Candles) and not _speaks_of(other, own):
        return MarketUnavailable(f"{other.source} has not told the newest bar of {own.symbol}")
    return other


def _speaks_of(other: Candles, own: Candles) -> bool:
    return other.source != own.source and other.opened_ms[-1] == own.opened_ms[-1]


async def _compared(own: Candles, other: Candles, closed_at: datetime, on: Sockets) -> Bars:
    """Against the second venue; where that tells another newest bar a third decides whose it is."""
    limit = on.settings.collect.max_apart_ratio
    whole = series.repaired(own, other, limit)
    apart = series.apart(own.close[-1], other.close[-1])
    is_repaired = any(repair.opened_ms == own.opened_ms[-1] for repair in whole.repairs)
    if apart <= limit:
        return Bars(whole, series.flags(whole))
    third = await _second(own.symbol, own.timeframe, closed_at, on, {own.source, other.source})
    if isinstance(third, Candles) and third.opened_ms[-1] == own.opened_ms[-1]:
        if is_repaired and series.apart(third.close[-1], other.close[-1]) <= limit:
            return Bars(whole, series.flags(whole))
        if series.apart(third.close[-1], own.close[-1]) <= limit:
            stands = series.repaired(own, third, limit)
            return Bars(stands, (*series.flags(stands), f"{other.source} tells another price, {third.source} does not"))
    said = f"price disputed: {own.source} {own.close[-1]:g}, {other.source} {other.close[-1]:g}, {apart:.1%} apart"
    return Bars(whole, (*series.flags(whole), said), is_disputed=True)


async def _second(symbol: Symbol, timeframe: Timeframe, closed_at: datetime, on: Sockets, besides: Sources) -> Opinion:
    """Another venue's opinion, or why there is none."""
    limit = on.settings.candle_limit
    try:
        found = await on.market.candles(symbol, timeframe, until=closed_at, limit=limit, besides=besides)
    except (MarketUnavailable, InvalidSymbol) as wrong:
        return wrong
    return found if len(found) else MarketUnavailable(f"{found.source} tells no bar of {symbol}")


async def _published(symbol: Symbol, timeframe: Timeframe, closed_at: datetime, on: Sockets) -> Candles:
    """The series that ends with the expected bar, of the first venue that has it, asked for again until the deadline;
    in the second half of that time others are asked too."""
    deadline_s, pause = on.settings.collect.deadline_s, PAUSE_S
    began, paused = on.clock.now(), 0.0
    while True:
        # A clock may stand still while somebody waits, and one that is set back makes nobody wait for ever.
        waited = max(paused, (on.clock.now() - began).total_seconds())
        try:
            found = await _asked(symbol, timeframe, closed_at, on)
            if not series.is_expected(found, closed_at) and 2 * waited >= deadline_s:
                found = await _elsewhere(found, timeframe, closed_at, on)
            return series.expected(found, closed_at)
        except MarketUnavailable:
            if waited + pause > deadline_s:
                raise
        await on.clock.sleep(pause)
        paused += pause
        pause = min(pause + PAUSE_S, LONGEST_PAUSE_S)


async def _elsewhere(found: Candles, timeframe: Timeframe, closed_at: datetime, on: Sockets) -> Candles:
    try:
        return await _asked(found.symbol, timeframe, closed_at, on, {found.source})
    except (MarketUnavailable, InvalidSymbol):
        return found  # what the first venue said stands, and is what the refusal names


async def _asked(
    symbol: Symbol, timeframe: Timeframe, closed_at: datetime, on: Sockets, besides: Sources = NOBODY
) -> Candles:
    limit = on.settings.candle_limit
    found = await on.market.candles(symbol, timeframe, until=closed_at, limit=limit, besides=besides)
    return series.closed(found, closed_at)
