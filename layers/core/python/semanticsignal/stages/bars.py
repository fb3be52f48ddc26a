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
    own, other = await together(
        _published(symbol, timeframe, closed_at, on),
        _second(symbol, timeframe, closed_at, on, {on.market.sources[0]}),
    )
    if isinstance(other, Candles) and other.source == own.source:
        # the first venue did not answer, and the second opinion was that of the second
        other = await _second(symbol, timeframe, closed_at, on, {own.source})
    if isinstance(other, Candles):
        return _compared(own, other, on)
    if own.opened_ms[-1] in series.striking(own) and not isinstance(other, InvalidSymbol):
        raise MarketUnavailable(f"{own.source} tells a wild bar of {symbol}, and nobody else can be asked: {other}")
    why = "no other venue lists the pair" if isinstance(other, InvalidSymbol) else "no other venue answers"
    return Bars(own, (f"prices of {own.source} alone: {why}",))


def _compared(own: Candles, other: Candles, on: Sockets) -> Bars:
    limit = on.settings.collect.max_apart_ratio
    whole = series.repaired(own, other, limit)
    ours, theirs = whole.close[-1], other.close[-1]
    apart = series.apart(ours, theirs)
    if other.opened_ms[-1] != whole.opened_ms[-1] or apart <= limit:
        return Bars(whole, series.flags(whole))
    said = f"price disputed: {own.source} {ours:g}, {other.source} {theirs:g}, {apart:.1%} apart"
    return Bars(whole, (*series.flags(whole), said), is_disputed=True)


async def _second(
    symbol: Symbol, timeframe: Timeframe, closed_at: datetime, on: Sockets, besides: Sources
) -> Candles | MarketUnavailable | InvalidSymbol:
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
    began = on.clock.now()
    while True:
        waited = (on.clock.now() - began).total_seconds()
        try:
            found = await _asked(symbol, timeframe, closed_at, on)
            if not series.is_expected(found, closed_at) and 2 * waited >= deadline_s:
                found = await _elsewhere(found, timeframe, closed_at, on)
            return series.expected(found, closed_at)
        except MarketUnavailable:
            if waited + pause > deadline_s:
                raise
        await on.clock.sleep(pause)
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
