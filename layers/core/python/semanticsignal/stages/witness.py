"""Prices that may move money: what one venue alone saw moves none."""

from datetime import datetime, timedelta

from ..domain.errors import InvalidSymbol, MarketUnavailable
from ..domain.market import Candles, Symbol, Timeframe, instant
from ..domain.microstructure import Quote
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

    A pair that one venue alone lists, or that only one has traded in that minute, has no witness and needs none."""
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
        other = await _at(symbol, own.at, frozenset(quote.source for quote in told), on)
        if other is None:
            break
        alike = next((quote for quote in told if apart(other.price, quote.price) <= limit), None)
        if alike:
            return alike
        told.append(other)
    if len(told) == 1:
        return own
    said = ", ".join(f"{quote.source} {quote.price:g}" for quote in told)
    raise MarketUnavailable(f"the price of {symbol} at {own.at.isoformat()} is disputed: {said}")


async def _at(symbol: Symbol, at: datetime, besides: frozenset[str], on: Sockets) -> Quote | None:
    try:
        return await on.market.first_open(symbol, since=at, until=at, besides=besides)
    except InvalidSymbol:
        return None


async def fine_bars(symbol: Symbol, since: datetime, until: datetime, on: Sockets) -> Candles:
    """The finest bars, in which a sharp move that no second venue saw is told as that venue saw it, and named in
    `repairs`. Raises MarketUnavailable while nobody else can be asked about one, or has told of that time yet."""
    own = await on.market.fine_candles(symbol, since=since, until=until)
    limit = on.settings.collect.max_apart_ratio
    doubted = witness.sharp(own, limit) if len(on.market.sources) > 1 else ()
    # with the bars around: where they came from, and what followed
    window = (since - 2 * MINUTE, until + MINUTE)
    heard: list[Candles] = []
    while doubted and len(heard) < WITNESSES:
        try:
            other = await _besides(symbol, window, {own.source, *(bars.source for bars in heard)}, on)
        except MarketUnavailable:
            if on.clock.now() - instant(own.opened_ms[doubted[-1]]) < ALONE_AFTER:
                raise
            break
        if other is None:
            break
        heard.append(other)
        doubted = tuple(row for row in doubted if not witness.confirms(other, own, row, limit))
    for row in doubted:
        own = _without(own, row, heard, limit, on)
    return own


def _without(own: Candles, row: int, heard: list[Candles], limit: float, on: Sockets) -> Candles:
    """The bar as the first tells it who was there and did not see it; itself where nobody was there to see."""
    denying = next((other for other in heard if witness.confirms(other, own, row, limit) is False), None)
    if denying:
        return witness.without(own, row, denying)
    if heard and on.clock.now() - instant(own.opened_ms[row]) < PUBLISHED_WITHIN:
        raise MarketUnavailable(f"{own.source} tells a sharp move of {own.symbol} that nobody else tells of yet")
    return own


async def _besides(symbol: Symbol, window: tuple[datetime, datetime], besides: set[str], on: Sockets) -> Candles | None:
    """None when no other venue lists the pair."""
    since, until = window[0], min(window[1], on.clock.now())
    try:
        return await on.market.fine_candles(symbol, since=since, until=until, besides=besides)
    except InvalidSymbol:
        return None
