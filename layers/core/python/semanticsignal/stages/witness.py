"""Prices that may move money: what one venue alone saw moves none."""

from bisect import bisect_left
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from ..domain.errors import InvalidSymbol, MarketUnavailable
from ..domain.market import Candles, Repair, Symbol, Timeframe, exact, instant
from ..domain.microstructure import Quote
from ..domain.trading import Order, Position, Purpose
from ..logic.collect import witness
from ..logic.collect.candles import apart, replaced
from ..ports import Sockets

MINUTE = Timeframe.M1.span
STANDS_IN = "silent or elsewhere"
WITNESSES = 2
# Others asked for the price of one minute: some have not traded in it.
ASKED = 3
# A venue that tells no bar of a minute by then has not traded in it.
PUBLISHED_WITHIN = timedelta(minutes=5)
# What is open must be able to end: after so long one venue's word is taken for what closes a position.
ALONE_AFTER = timedelta(minutes=15)


async def first_price(order: Order, until: datetime, on: Sockets) -> Quote | None:
    """The first open since the order, as two venues see it; None before there is one. Of three that two agree on, the
    first. Raises MarketUnavailable while nobody else can be asked, or no two agree: for what opens a position until its
    order expires; for what closes one for a quarter of an hour, then what is nearest to the decided price is taken.

    A pair that one venue alone lists, or that only one has traded in that minute, has no witness and needs none: what
    nobody else has told after five minutes was not traded there."""
    own = await on.market.first_open(order.symbol, since=order.created_at, until=until)
    if own is None or len(on.market.sources) == 1:
        return own
    told = [own]
    must_end = order.purpose is Purpose.CLOSE and on.clock.now() - own.at >= ALONE_AFTER
    try:
        return await _agreed(order.symbol, told, on)
    except MarketUnavailable:
        if must_end:
            return min(told, key=lambda quote: abs(exact(quote.price) - order.decided_price))
        raise


async def _agreed(symbol: Symbol, told: list[Quote], on: Sockets) -> Quote:
    """What two of them tell alike, or the first where there is nobody else. `told` grows by whoever is asked."""
    (own,), limit = told, on.settings.collect.max_apart_ratio
    while len(told) <= WITNESSES:
        try:
            besides = frozenset(quote.source for quote in told)
            other = await on.market.first_open(symbol, since=own.at, until=own.at, besides=besides)
        except InvalidSymbol:
            break
        if other is None:
            if len(told) == 1 and on.clock.now() - own.at < PUBLISHED_WITHIN:
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


async def watched_bars(position: Position, until: datetime, on: Sockets) -> tuple[Candles, "Jury | None"]:
    """The finest bars of the position's own venue since they were last looked at. A sharp move that no second venue saw
    is told as that venue saw it, and named in `repairs`. With whom a touch is to be held against; nobody on a market of
    one venue. Raises MarketUnavailable while nobody else can be asked about a sharp move, or has told of that time."""
    if len(on.market.sources) == 1:
        bars = await on.market.fine_candles(position.symbol, since=position.checked_until, until=until)
        return bars, None
    jury = Jury(position, until, on)
    own = await jury.opened()
    for row in witness.sharp(own, jury.first, on.settings.collect.max_apart_ratio):
        own = await jury.judged(own, row)
    return own, jury


class Jury:
    """The bars of one position, and the venues that they are held against; each asked once about all of them."""

    def __init__(self, position: Position, until: datetime, on: Sockets) -> None:
        sources = on.market.sources
        self._home = position.source if position.source in sources else sources[0]
        self._position, self._until, self._on = position, until, on
        self._looked = max(position.checked_until, on.looked.get(position.id, position.checked_until))
        # who is silent or was overruled is no witness
        self._shunned: set[str] = set()
        self._heard: list[Candles] = []
        self._is_all = False
        self.first = float(position.mark_price)

    async def opened(self) -> Candles:
        """Of the venue that it was opened on. While that is silent another stands in, from where it was looked at."""
        sources, since = frozenset(self._on.market.sources), self._position.checked_until
        try:
            own = await self._bars(since, sources - {self._home})
        except (MarketUnavailable, InvalidSymbol):
            self._shunned.add(self._home)
            own = await self._bars(self._looked, self._shunned)
            if self._looked > since and len(own):
                self.first = own.open[0]  # the price of the last mark is too old to hold it against
        return await self._current(own)

    async def _bars(self, since: datetime, besides: AbstractSet[str]) -> Candles:
        return await self._on.market.fine_candles(
            self._position.symbol, since=since, until=self._until, besides=besides
        )

    async def _current(self, own: Candles) -> Candles:
        """Themselves, unless the market has gone on without them: two others agree on a price that is not theirs, or
        they end long ago and another venue's do not. Raises MarketUnavailable when one other alone tells another price,
        for a quarter of an hour."""
        told_until = own.closed_at if len(own) else self._looked
        if self._until - told_until > PUBLISHED_WITHIN:
            return await self._instead_of(own, told_until) or own
        other = await self._close(own, set()) if len(own) else None
        limit = self._on.settings.collect.max_apart_ratio
        if other is None or apart(own.close[-1], other.price) <= limit:
            return own
        third = await self._close(own, {other.source})
        if third and apart(own.close[-1], third.price) <= limit:
            return own
        if third and apart(other.price, third.price) <= limit:
            return await self._instead_of(own, self._looked) or own
        if self._on.clock.now() - own.closed_at >= ALONE_AFTER:
            return own
        said = f"{own.source} {own.close[-1]:g}, {other.source} {other.price:g}"
        raise MarketUnavailable(f"the price of {own.symbol} is disputed: {said}")

    async def _close(self, own: Candles, besides: set[str]) -> Quote | None:
        """Another venue's close of the very minute that is the newest of theirs; of the first who traded in it."""
        left = {own.source, *besides, *self._shunned}
        for _ in range(ASKED):
            try:
                ask = self._on.market.fine_candles
                since, until = own.closed_at - own.timeframe.span, own.closed_at
                bars = await ask(own.symbol, since=since, until=until, besides=left)
            except (MarketUnavailable, InvalidSymbol):
                return None
            if len(bars):
                return Quote(bars.closed_at, bars.close[-1], bars.source)
            left.add(bars.source)
        return None

    async def _instead_of(self, own: Candles, since: datetime) -> Candles | None:
        """Another venue's bars from there on, named, after those that were looked at; None when it has none."""
        try:
            bars = await self._bars(since, {own.source, *self._shunned})
        except (MarketUnavailable, InvalidSymbol):
            return None
        if not len(bars):
            return None
        self._shunned.add(own.source)
        before = own[: bisect_left(own.opened_ms, bars.opened_ms[0])]
        if not len(before):
            return bars
        return replaced(before, bars, tuple(Repair(slot, bars.source, STANDS_IN) for slot in bars.opened_ms))

    async def judged(self, bars: Candles, row: int) -> Candles:
        """Themselves when one of two others saw that bar too, or nobody else trades; else with it as they saw it."""
        at = instant(bars.opened_ms[row])
        if any(repair.opened_ms == bars.opened_ms[row] and repair.fault != STANDS_IN for repair in bars.repairs):
            return bars
        before = witness.before_of(bars, row, self.first)
        limit = self._on.settings.collect.max_apart_ratio
        denying, number = None, 0
        while (other := await self._other(number, bars, at)) is not None:
            number += 1
            if other.source == bars.source_at(at):
                continue
            seen = witness.confirms(other, bars, row, before, limit)
            if seen:
                return bars
            denying = other if denying is None and seen is False else denying
        if denying:
            return witness.without(bars, row, before, denying)
        if self._heard and self._on.clock.now() - at < PUBLISHED_WITHIN:
            raise MarketUnavailable(f"{bars.source} tells a price of {bars.symbol} that nobody else tells of yet")
        return bars

    async def _other(self, number: int, bars: Candles, at: datetime) -> Candles | None:
        """The next of two others; None when there is none, or none can be asked any more."""
        if number < len(self._heard):
            return self._heard[number]
        if self._is_all or number == WITNESSES:
            return None
        on, position = self._on, self._position
        # with the bars around: where they came from, and what followed
        since, until = position.checked_until - 2 * MINUTE, min(self._until + MINUTE, on.clock.now())
        besides = {bars.source_at(at), *self._shunned, *(heard.source for heard in self._heard)}
        try:
            other = await on.market.fine_candles(position.symbol, since=since, until=until, besides=besides)
        except InvalidSymbol:
            self._is_all = True
            return None
        except MarketUnavailable:
            if on.clock.now() - at < ALONE_AFTER:
                raise
            self._is_all = True
            return None
        self._heard.append(other)
        return other
