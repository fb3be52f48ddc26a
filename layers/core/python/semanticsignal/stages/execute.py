"""DecisionMade → OrderPlaced, then PositionOpened | PositionClosed | OrderExpired; or PositionUpdated, EntryRefused."""

from dataclasses import replace
from datetime import timedelta

from ..domain.decision import Action, Decision, Refusal
from ..domain.errors import InvalidOrder, LedgerConflict, Missing, Unavailable
from ..domain.events import DecisionMade, EntryRefused, OrderExpired, OrderPlaced, PositionUpdated
from ..domain.ledger import Amendment, Entry, Expiry
from ..domain.market import TradingRules
from ..domain.trading import ZERO, Order, Portfolio, Purpose, Side
from ..logic.decide import judge
from ..logic.execute import position as fold
from ..logic.execute import sizing
from ..logic.execute.paper import level
from ..ports import Facts, Sockets
from .watch import settled, untaught

OUTCOMES = ("OrderPlaced", "PositionUpdated", "OrderExpired", "PositionOpened")


async def execute(fact: DecisionMade, on: Sockets) -> Facts:
    """Whatever a first run already wrote is told again, and done no second time."""
    entry = await on.ledger.entry(f"DecisionMade:{fact.id}")
    if entry is None or not isinstance(entry.subject, Decision):
        raise Missing(f"no decision {fact.id} in the ledger")
    if entry.subject.action is Action.HOLD:
        refused = judge.refused_entry(entry.subject)
        if refused is None:
            return ()
        told_of = EntryRefused(refused.id, refused.symbol, entry.subject.decided_at)
        return ((await on.ledger.record(Entry(told_of, refused))).fact,)
    await _carry_out(entry.subject, on)
    try:
        told = await settled(fact.symbol, on.clock.now(), on)
    except Unavailable:
        told = ()  # the order waits; the next watch fills it or lets it expire
    outcomes = await _outcomes(fact.id, on)
    return tuple(dict.fromkeys((*outcomes, *await untaught(on.clock.now(), on), *told)))


async def _carry_out(decision: Decision, on: Sockets) -> None:
    while True:
        before = await on.ledger.portfolio()
        # After the portfolio: a twin of this run that settles later than this look makes our version stale.
        if await _outcomes(decision.id, on):
            return
        entry, after = await _change(decision, before, on)
        try:
            await on.ledger.settle(entry, before, after)
            return
        except LedgerConflict:
            continue


async def _change(decision: Decision, before: Portfolio, on: Sockets) -> tuple[Entry, Portfolio]:
    position = before.position(decision.symbol)
    rules = await on.market.rules(decision.symbol)
    order = _order(decision, before, rules, on)
    if decision.action is Action.UPDATE and position:
        levels = decision.signal or order
        amended = fold.amended(
            position, level(levels.stop_price, rules), level(levels.target_price, rules), decision.decided_at
        )
        fact = PositionUpdated(order.id, decision.symbol, decision.decided_at)
        return Entry(fact, Amendment(amended, decision.id)), fold.with_amended(before, amended)
    is_entry = order.purpose is Purpose.OPEN
    if is_entry == (position is not None) or before.order(decision.symbol):
        refusal = Refusal("overtaken", f"the {decision.symbol} position changed after the decision")
        return _unplaced(order, before, refusal)
    if is_entry and on.clock.is_unsure:
        return _unplaced(order, before, Refusal("clock", "nobody who can be believed tells which time it is"))
    # whoever stood still for hours opens nothing in a time that is already accounted for; a mark that lies in the
    # future accounts for no more than the time that has passed
    passed = min(before.marked_until, on.clock.now()) if before.marked_until else None
    if is_entry and passed and passed >= order.expires_at:
        said = f"to be carried out by {order.expires_at.isoformat()}, was after {passed.isoformat()}"
        return _unplaced(order, before, Refusal("late", said))
    if is_entry:
        try:
            order = replace(order, quantity=sizing.quantity(decision, before, rules, on.settings))
        except InvalidOrder as wrong:
            return _unplaced(order, before, Refusal("size", str(wrong)))
    return Entry(OrderPlaced(order.id, order.symbol, order.created_at), order), fold.with_order(before, order)


def _unplaced(order: Order, before: Portfolio, refusal: Refusal) -> tuple[Entry, Portfolio]:
    entry = Entry(OrderExpired(order.id, order.symbol, order.created_at), Expiry(order, refusal))
    return entry, fold.without_order(before, order)


def _order(decision: Decision, portfolio: Portfolio, rules: TradingRules, on: Sockets) -> Order:
    """Named for the decision it carries out, so that a retry is the same order. An entry has no quantity yet."""
    position = portfolio.position(decision.symbol)
    closes = decision.action in (Action.CLOSE, Action.UPDATE)
    signal, settings = decision.signal, on.settings
    life = timedelta(seconds=settings.timeframe.seconds * settings.risk.order_life_ratio)
    wanted = Side.SHORT if decision.action is Action.SELL else Side.LONG
    return Order(
        id=f"{decision.id}#order",
        decision_id=decision.id,
        symbol=decision.symbol,
        kind=settings.market_kind,
        purpose=Purpose.CLOSE if closes else Purpose.OPEN,
        side=position.side if position and closes else wanted,
        quantity=position.quantity if position and closes else ZERO,
        created_at=decision.decided_at,
        expires_at=decision.decided_at + life,
        decided_price=decision.price,
        stop_price=None if closes or signal is None else level(signal.stop_price, rules),
        target_price=None if closes or signal is None else level(signal.target_price, rules),
    )


async def _outcomes(decision_id: str, on: Sockets) -> Facts:
    found = [await on.ledger.entry(f"{kind}:{decision_id}#order") for kind in OUTCOMES]
    return tuple(entry.fact for entry in found if entry)
