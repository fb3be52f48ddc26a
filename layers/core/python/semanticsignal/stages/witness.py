"""Prices that may move money: what one venue alone saw moves none."""

from datetime import datetime, timedelta

from ..domain.errors import InvalidSymbol, MarketUnavailable
from ..domain.market import Candles, Symbol, Timeframe, instant
from ..domain.microstructure import Quote
from ..domain.trading import Position
from ..logic.collect import witness
from ..logic.collect.candles import apart
from ..ports import Sockets

MINUTE = Timeframe.M1.span
WITNESSES = 2
# A venue that tells no bar of a minute by then has not traded in it.
PUBLISHED_WITHIN = timedelta(minutes=5)
# What is open must be able to end: after so long one venue's word is taken for what closes a position.
ALONE_AFTER = timedelta(minutes=15)


async def first_price(
    symbol: Symbol, since: datetime, until: datetime, on: Sockets, *, is_opening: bool
) -> Quote | None:
    """The first open in [since, until], as two venues see it; None before there is one. Of three that two agree on, the
    first. Raises MarketUnavailable while nobody else can be asked, or no two agree: for what opens a position until its
    order expires, for what closes one for a quarter of an hour.

    A pair that one venue alone lists, or that only one has traded in that minute, has no witness and needs none: what
    nobody else has told after five minutes was not traded there."""
    own = await on.market.first_open(symbol, since=since, until=until)
    if own is None or len(on.market.sources) == 1:
        return own
    try:
        return await _agreed(symbol, own, on)
    except MarketUnavailable:
        if is_opening or on.clock.now() - own.at < ALONE_AFTER:
            raise
        return own


async def _agreed(symbol: Symbol, own: Quote, on: Sockets) -> Quote:
    limit = on.settings.collect.max_apart_ratio
    told = [own]
    while len(told) <= WITNESSES:
        other, is_listed = await _at(symbol, own.at, frozenset(quote.source for quote in told), on)
        if other is None:
            if len(told) == 1 and is_listed and on.clock.now() - own.at < PUBLISHED_WITHIN:
                raise MarketUnavailable(f"{own.source} tells a price of {symbol} that nobody else tells of yet")
            break
        alike = next((quote for quote in told if apart(other.price, quote.price) <= limit), None)
        if alike:
            return alike
        told.append(other)
    if len(told) == 1:
        return own
    said = ", ".join(f"{quote.source} {quote.price:g}" for quote in told)
    raise MarketUnavailable(f"the price of {symbol} at {own.at.isoformat()} is disputed: {said}")


async def _at(symbol: Symbol, at: datetime, besides: frozenset[str], on: Sockets) -> tuple[Quote | None, bool]:
    """What another venue opened at then, None when it told nothing; and whether another lists the pair at all."""
    try:
        return await on.market.first_open(symbol, since=at, until=at, besides=besides), True
    except InvalidSymbol:
        return None, False


async def watched_bars(position: Position, until: datetime, on: Sockets) -> tuple[Candles, "Jury | None"]:
    """The finest bars of the position's own venue since they were last looked at. A sharp move that no second venue saw
    is told as that venue saw it, and named in `repairs`. With whom a touch is to be held against; nobody on a market of
    one venue. Raises MarketUnavailable while nobody else can be asked about a sharp move, or has told of that time."""
    if len(on.market.sources) == 1:
        bars = await on.market.fine_candles(position.symbol, since=position.checked_until, until=until)
        return bars, None
    own = await _current(await _own(position, until, on), position, until, on)
    jury = Jury(position, until, on)
    for row in witness.sharp(own, float(position.mark_price), on.settings.collect.max_apart_ratio):
        own = await jury.judged(own, row)
    return own, jury


async def _own(position: Position, until: datetime, on: Sockets) -> Candles:
    """Of the venue that it was opened on. While that is silent another stands in, for what it had not told yet."""
    sources, since = on.market.sources, position.checked_until
    home = position.source if position.source in sources else sources[0]
    ask = on.market.fine_candles
    try:
        bars = await ask(position.symbol, since=since, until=until, besides=frozenset(sources) - {home})
    except (MarketUnavailable, InvalidSymbol):
        since = max(since, on.looked.get(position.id, since))
        return await ask(position.symbol, since=since, until=until, besides={home})
    if len(bars):
        on.looked[position.id] = bars.closed_at
    return bars


async def _current(own: Candles, position: Position, until: datetime, on: Sockets) -> Candles:
    """Themselves, unless the market has gone on without them: two others agree on a price that is not theirs, or they
    end long ago and another venue's do not. Raises MarketUnavailable when one other alone tells another price."""
    told_until = own.closed_at if len(own) else position.checked_until
    if until - told_until > PUBLISHED_WITHIN:
        stands_in = await _instead_of(own, position, until, on)
        return stands_in if stands_in and stands_in.closed_at > told_until else own
    other = await _price(own, until, {own.source}, on) if len(own) else None
    limit = on.settings.collect.max_apart_ratio
    if other is None or apart(own.close[-1], other.price) <= limit:
        return own
    third = await _price(own, until, {own.source, other.source}, on)
    if third and apart(own.close[-1], third.price) <= limit:
        return own
    stands_in = await _instead_of(own, position, until, on)
    if stands_in and third and apart(other.price, third.price) <= limit:
        return stands_in
    said = f"{own.source} {own.close[-1]:g}, {other.source} {other.price:g}"
    raise MarketUnavailable(f"the price of {own.symbol} is disputed: {said}")


async def _price(own: Candles, until: datetime, besides: set[str], on: Sockets) -> Quote | None:
    try:
        return await on.market.last_price(own.symbol, until=until, besides=besides)
    except (MarketUnavailable, InvalidSymbol):
        return None


async def _instead_of(own: Candles, position: Position, until: datetime, on: Sockets) -> Candles | None:
    since = position.checked_until
    try:
        bars = await on.market.fine_candles(own.symbol, since=since, until=until, besides={own.source})
    except (MarketUnavailable, InvalidSymbol):
        return None
    return bars if len(bars) else None


class Jury:
    """The other venues, asked once each about all the bars of one position, when there is something to ask."""

    def __init__(self, position: Position, until: datetime, on: Sockets) -> None:
        self._position, self._until, self._on = position, until, on
        self._first = float(position.mark_price)
        self._heard: list[Candles] = []
        self._is_all = False

    async def judged(self, bars: Candles, row: int) -> Candles:
        """Themselves when one of two others saw that bar too, or nobody else trades; else with it as they saw it."""
        if any(repair.opened_ms == bars.opened_ms[row] for repair in bars.repairs):
            return bars
        before = witness.before_of(bars, row, self._first)
        limit = self._on.settings.collect.max_apart_ratio
        denying, number = None, 0
        while (other := await self._other(number, bars, row)) is not None:
            seen = witness.confirms(other, bars, row, before, limit)
            if seen:
                return bars
            denying = other if denying is None and seen is False else denying
            number += 1
        if denying:
            return witness.without(bars, row, before, denying)
        if self._heard and self._on.clock.now() - instant(bars.opened_ms[row]) < PUBLISHED_WITHIN:
            raise MarketUnavailable(f"{bars.source} tells a price of {bars.symbol} that nobody else tells of yet")
        return bars

    async def _other(self, number: int, bars: Candles, row: int) -> Candles | None:
        """The next of two others; None when there is none, or none can be asked any more."""
        if number < len(self._heard):
            return self._heard[number]
        if self._is_all or number == WITNESSES:
            return None
        on, position = self._on, self._position
        # with the bars around: where they came from, and what followed
        since, until = position.checked_until - 2 * MINUTE, min(self._until + MINUTE, on.clock.now())
        besides = {bars.source, *(heard.source for heard in self._heard)}
        try:
            other = await on.market.fine_candles(position.symbol, since=since, until=until, besides=besides)
        except InvalidSymbol:
            self._is_all = True
            return None
        except MarketUnavailable:
            if on.clock.now() - instant(bars.opened_ms[row]) < ALONE_AFTER:
                raise
            self._is_all = True
            return None
        self._heard.append(other)
        return other
