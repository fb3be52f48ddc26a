"""MinutePassed → PositionOpened | PositionClosed | OrderExpired | EquityMarked.

Everything since the last mark is walked in order of time on the finest bars there are, so a tick that comes late, twice
or not at all changes nothing in what is found. A closing that nobody learned from is told again."""

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from ..domain.decision import Refusal
from ..domain.errors import BadInput, LedgerConflict, MarketUnavailable, MemoryUnavailable, Unavailable
from ..domain.events import EquityMarked, Fact, MinutePassed, OrderExpired, PositionClosed, PositionOpened
from ..domain.learning import Experience, PostMortem
from ..domain.ledger import Closing, Entry, Expiry, Learned, Opening
from ..domain.market import Candles, MarketKind, Symbol, TradingRules, epoch_ms, exact
from ..domain.trading import ExitReason, Fill, Order, Portfolio, Position, Purpose, Touch
from ..logic.execute import exits, paper
from ..logic.execute import position as fold
from ..ports import Facts, Sockets
from .witness import first_price, watched_bars

T = TypeVar("T")

UNTAUGHT = 20
# Stops are looked at again after that, whatever memory does.
COUNTED_WITHIN_S = 5.0
# For all that is asked of one pair, as many answers of one venue each: one that hangs, the next, and a witness. At the
# longest that one may take all is over within the minute; a pair that needs longer holds up nobody else.
PATIENCE_ANSWERS = 3
# What figures that cannot be make of arithmetic: of one pair, and no reason to leave the others unwatched.
NONSENSE = (ArithmeticError, LookupError, TypeError, ValueError)
# A tick that is more of the price would move a fill further than any slippage.
COARSEST_TICK = Decimal("0.02")
Silent = dict[Symbol, MarketUnavailable]


async def watch(fact: MinutePassed, on: Sockets) -> Facts:
    """A pair whose venue is silent holds up no other: all are looked at up to now. Only the mark waits for all, and the
    silence is raised at the end: Unavailable."""
    told: list[Fact] = []
    silent: Silent = {}
    at = min(fact.at, on.clock.now())
    for until in _steps((await on.ledger.portfolio()).marked_until, at, on):
        told += await _looked_at(until, on, silent)
        if not (silent or on.clock.is_unsure) and until == on.settings.timeframe.floor(until):
            told += await _marked(until, on, silent)
    facts = tuple(dict.fromkeys((*await untaught(at, on), *told)))
    # What was found is in the ledger, and is told again when the pair speaks.
    for wrong in silent.values():
        raise wrong
    return facts


async def settled(symbol: Symbol, until: datetime, on: Sockets) -> Facts:
    """The waiting order and the resting levels of one pair up to `until`. Raises Unavailable when it is silent."""
    silent: Silent = {}
    found = await _looked_at(until, on, silent, only=symbol)
    for wrong in silent.values():
        raise wrong
    return found


async def _looked_at(until: datetime, on: Sockets, silent: Silent, only: Symbol | None = None) -> Facts:
    """What happened up to `until`, one transaction each, the earliest first. Who does not answer goes into `silent` and
    is asked no second time: many bars of one hung pair cost one patience."""
    told: list[Fact] = []
    while True:
        portfolio = await on.ledger.portfolio()
        at_work = {o.symbol for o in portfolio.orders} | {p.symbol for p in portfolio.positions}
        asked = sorted((at_work & {only} if only else at_work) - silent.keys())
        nexts = await _together([_patiently(s, _next(s, portfolio, until, on), silent, on) for s in asked])
        if not nexts:
            return tuple(told)
        first = min(nexts, key=lambda happening: (happening.at, str(happening.symbol)))
        try:
            told.append((await on.ledger.settle(first.entry, portfolio, first.after)).fact)
        except LedgerConflict:
            continue


async def _together(asked: list[Coroutine[Any, Any, T | None]]) -> list[T]:
    """However many hang, they cost one patience. One alone is simply awaited: pairs decided on at the same time take no
    turns that their venue does not force on them."""
    answers = await asyncio.gather(*asked) if len(asked) > 1 else [await one for one in asked]
    return [answer for answer in answers if answer is not None]


async def _patiently(symbol: Symbol, answer: Awaitable[T], silent: Silent, on: Sockets) -> T | None:
    """None from a pair that does not answer, or answers nonsense: it is silent then."""
    patience_s = PATIENCE_ANSWERS * on.settings.collect.timeout_s
    try:
        async with asyncio.timeout(patience_s):
            return await answer
    except (Unavailable, BadInput, TimeoutError, *NONSENSE) as wrong:
        reason = f"no answer in {patience_s:g} s" if isinstance(wrong, TimeoutError) else str(wrong)
        silent[symbol] = MarketUnavailable(f"{symbol} cannot be watched: {reason}")
        return None


class Happening(NamedTuple):
    """What the ledger would be told next about a pair."""

    at: datetime
    symbol: Symbol
    entry: Entry
    after: Portfolio


async def _next(symbol: Symbol, portfolio: Portfolio, until: datetime, on: Sockets) -> Happening | None:
    position, order = portfolio.position(symbol), portfolio.order(symbol)
    found = [
        await _order_next(order, portfolio, until, on) if order else None,
        await _position_next(position, portfolio, until, on) if position else None,
    ]
    # At the same instant the order comes first: it filled at the open, before anything else of that bar.
    return min((happening for happening in found if happening), key=lambda h: h.at, default=None)


async def _order_next(order: Order, portfolio: Portfolio, until: datetime, on: Sockets) -> Happening | None:
    limit = min(until, order.expires_at)
    is_opening = order.purpose is Purpose.OPEN
    try:
        price = await first_price(order, limit, on)
    except MarketUnavailable as wrong:
        if is_opening and until >= order.expires_at:
            return _expired(order, portfolio, order.expires_at, Refusal("no_price", f"no price was agreed on: {wrong}"))
        raise
    if price is None:
        if until < order.expires_at:
            return None
        return _expired(order, portfolio, order.expires_at, Refusal("no_price", "no price came while the order lived"))
    at = price.at
    terms = (on.settings.paper, await _rules(order.symbol, exact(price.price), on))
    got = paper.fill(
        order.id, order.quantity, at, exact(price.price), terms, is_buy=paper.bought(order.side, is_opening)
    )  # fmt: skip
    fill = replace(got, source=price.source)
    refusal = paper.refusal(order, fill, portfolio, on.settings.paper)
    if refusal:
        return _expired(order, portfolio, at, refusal)
    if is_opening:
        return _opened(order, fill, portfolio)
    position = portfolio.position(order.symbol)
    if position is None:
        return _expired(order, portfolio, at, Refusal("no_position", "the position had closed before"))
    bars, _ = await _touched(position, at, on)
    return await _closed(position, portfolio, (fill, Touch(at, fill.price, ExitReason.SIGNAL, False)), bars, on)


async def _position_next(position: Position, portfolio: Portfolio, until: datetime, on: Sockets) -> Happening | None:
    bars, touch = await _touched(position, until, on)
    if touch is None:
        return None
    order_id = f"{position.id}#{touch.reason}"
    if touch.reason is ExitReason.TARGET:
        fill = paper.resting_fill(order_id, position.quantity, touch.at, touch.price, on.settings.paper)
    else:
        terms = (on.settings.paper, await _rules(position.symbol, touch.price, on))
        is_buy = paper.bought(position.side, is_opening=False)
        fill = paper.fill(order_id, position.quantity, touch.at, touch.price, terms, is_buy=is_buy)
    return await _closed(position, portfolio, (replace(fill, source=bars.source_at(touch.at)), touch), bars, on)


async def _rules(symbol: Symbol, price: Decimal, on: Sockets) -> TradingRules:
    """Raises MarketUnavailable for rules by which that price could not be traded."""
    rules = await on.market.rules(symbol)
    if not 0 < rules.price_tick <= price * COARSEST_TICK:
        raise MarketUnavailable(f"a tick of {rules.price_tick} cannot be the rule of {symbol} at {price}")
    return rules


async def _touched(position: Position, until: datetime, on: Sockets) -> tuple[Candles, Touch | None]:
    """The first touch that two venues saw, and the bars as they are believed."""
    band_ratio = on.settings.paper.price_band_ratio
    bars, jury = await watched_bars(position, until, on)
    while (touch := exits.first_touch(position, bars, band_ratio)) and jury:
        judged = await jury.judged(bars, bars.row_at(touch.at))
        if judged is bars:
            break
        bars = judged
    if jury and len(bars) and not touch:
        on.looked[position.id] = bars.closed_at
    return bars, touch


def _opened(order: Order, fill: Fill, portfolio: Portfolio) -> Happening:
    position = fold.opened(order, fill)
    fact = PositionOpened(order.id, order.symbol, fill.filled_at)
    after = fold.with_opened(portfolio, position, fill)
    return Happening(fill.filled_at, order.symbol, Entry(fact, Opening(position, fill)), after)


def _expired(order: Order, portfolio: Portfolio, at: datetime, refusal: Refusal) -> Happening:
    entry = Entry(OrderExpired(order.id, order.symbol, at), Expiry(order, refusal))
    return Happening(at, order.symbol, entry, fold.without_order(portfolio, order))


async def _closed(
    position: Position, portfolio: Portfolio, end: tuple[Fill, Touch], bars: Candles, on: Sockets
) -> Happening:
    fill, touch = end
    order = portfolio.order(position.symbol)
    decision_id = order.decision_id if order and touch.reason is ExitReason.SIGNAL else None
    seen = fold.watched(position, _before(bars, touch.at), on.settings.paper.price_band_ratio)
    held = replace(await _funded(seen, touch.at, on), mark_price=fill.price)
    paid = held.funding_quote - position.funding_quote
    trade = fold.closed(held, fill, touch, portfolio.closed_trades + 1, decision_id)
    entry = Entry(PositionClosed(trade.id, trade.symbol, trade.closed_at), Closing(trade, fill))
    return Happening(touch.at, trade.symbol, entry, fold.with_closed(portfolio, trade, fill, paid))


async def _marked(at: datetime, on: Sockets, silent: Silent) -> Facts:
    """Equity at a bar boundary: positions at their newest close, funding booked, extremes kept. Nothing while one of
    them is silent: the stops after it do not wait for the mark."""
    while True:
        portfolio = await on.ledger.portfolio()
        if portfolio.marked_until is not None and portfolio.marked_until >= at:
            return ()
        asked = [_patiently(p.symbol, _seen(p, at, on), silent, on) for p in portfolio.positions]
        positions = await _together(asked)
        if silent:
            return ()
        after, point = fold.with_mark(portfolio, positions, at)
        entry = Entry(EquityMarked(at.isoformat(), at), point)
        try:
            return ((await on.ledger.settle(entry, portfolio, after)).fact,)
        except LedgerConflict:
            continue


async def _seen(position: Position, at: datetime, on: Sockets) -> Position:
    bars, _ = await _touched(position, at, on)
    return await _funded(fold.watched(position, bars, on.settings.paper.price_band_ratio), at, on)


async def _funded(position: Position, until: datetime, on: Sockets) -> Position:
    if position.kind is MarketKind.SPOT:
        return position
    rates = await on.market.funding(position.symbol, since=position.funded_until, until=until)
    opens = [await on.market.first_open(position.symbol, since=r.paid_at, until=r.paid_at) for r in rates]
    prices = {quote.at: exact(quote.price) for quote in opens if quote}
    return fold.funded(position, rates, until, prices)


async def untaught(at: datetime, on: Sockets) -> Facts:
    """Trades closed by `at` that nobody learned from yet: told again, in case a crash swallowed the first telling. What
    was learned while memory was away is remembered now."""
    closed = (await on.ledger.portfolio()).closed_trades
    try:
        async with asyncio.timeout(COUNTED_WITHIN_S):
            missing = closed - await on.memory.count(until=at)
    except (MemoryUnavailable, TimeoutError):
        return ()  # stops do not wait for memory; once it answers again it is behind, and then they are told
    return await _taught(missing, at, on) if missing > 0 else ()


async def _taught(missing: int, at: datetime, on: Sockets) -> Facts:
    closed = await on.ledger.entries(kinds=("PositionClosed",), until=at, limit=UNTAUGHT + missing, newest_first=True)
    facts: list[Fact] = []
    is_heard = True
    for entry in reversed(closed):
        lesson = await on.ledger.entry(f"LessonLearned:{entry.fact.id}")
        if lesson is None:
            facts.append(entry.fact)
        elif isinstance(lesson.subject, Learned):
            # tried again at the next look; the others are told all the same
            is_heard = is_heard and await _remembered(lesson.subject.experience, on)
            if not await on.ledger.entry(f"PostMortemWritten:{PostMortem.id_of(entry.fact.id)}"):
                facts.append(lesson.fact)  # whoever learned it could not remember it, and told nobody
    return tuple(facts)


async def _remembered(one: Experience, on: Sockets) -> bool:
    """Whether memory came back at all."""
    try:
        async with asyncio.timeout(COUNTED_WITHIN_S):
            await on.memory.remember(one)
    except MemoryUnavailable:
        return True
    except TimeoutError:
        return False
    return True


def _before(bars: Candles, at: datetime) -> Candles:
    """Bars that had closed when it happened; the bar of the touch itself is known only by its level."""
    keep = len(bars)
    while keep and bars.opened_ms[keep - 1] + bars.timeframe.ms - 1 >= epoch_ms(at):
        keep -= 1
    return bars[:keep]


def _steps(marked: datetime | None, at: datetime, on: Sockets) -> Iterable[datetime]:
    """Each bar boundary since the last mark, then the instant itself."""
    timeframe = on.settings.timeframe
    boundary = timeframe.floor(at) if marked is None else timeframe.floor(marked) + timeframe.span
    while boundary <= at:
        yield boundary
        boundary += timeframe.span
    if timeframe.floor(at) != at:
        yield at
