"""The graph of memories, rules, decisions and trades, from ledgers made by hand."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from world import BTC, H4, MONDAY, decision, lived, position, signal

from semanticsignal.domain.decision import Action, Refusal
from semanticsignal.domain.events import (
    CandleMissed,
    DecisionMade,
    LessonLearned,
    OrderExpired,
    PositionClosed,
    PositionOpened,
    PositionUpdated,
    RuleFormed,
)
from semanticsignal.domain.learning import Lesson, RuleKind, RuleStatus, SemanticRule
from semanticsignal.domain.ledger import Amendment, Closing, Entry, Expiry, Learned, Opening
from semanticsignal.domain.market import MarketKind
from semanticsignal.domain.trading import ExitReason, Fill, Order, Purpose, Side, Trade
from semanticsignal.logic.show.brain import BrainView, brain

LATER = MONDAY + timedelta(days=30)
FILL = Fill("", MONDAY, Decimal(100), Decimal(2), Decimal(0), Decimal(0))


def made(id: str, wanted: Action, day: int, seq: int, **more: Any) -> Entry:
    at = MONDAY + timedelta(days=day)
    noun = replace(decision(signal(wanted)), id=id, decided_at=at, **more)
    return Entry(DecisionMade(id, BTC, at), noun, seq)


def opened(by: str, day: int, seq: int) -> Entry:
    at = MONDAY + timedelta(days=day)
    held = position(id=f"{by}#order", decision_id=by, opened_at=at)
    return Entry(PositionOpened(held.id, BTC, at), Opening(held, FILL), seq)


def moved(by: str, of: str, day: int, seq: int, stop: str, target: str) -> Entry:
    held = position(id=f"{of}#order", decision_id=of, stop=stop, target=target)
    return Entry(PositionUpdated(f"{by}#order", BTC, MONDAY + timedelta(days=day)), Amendment(held, by), seq)


def closed(of: str, day: int, seq: int, pnl: str = "12.50", by: str | None = None) -> Entry:
    at = MONDAY + timedelta(days=day)
    trade = Trade(
        f"{of}#order#closed", 1, f"{of}#order", of, BTC, MarketKind.PERP, Side.LONG, Decimal(2), Decimal(100),
        Decimal(107), MONDAY, at, Decimal(95), Decimal(95), Decimal(110), Decimal(14), Decimal("1.5"), Decimal(0),
        Decimal(pnl), 0.06, 1.2, -0.01, 0.07, ExitReason.SIGNAL if by else ExitReason.TARGET, False, by,
    )  # fmt: skip
    return Entry(PositionClosed(trade.id, BTC, at), Closing(trade, FILL), seq)


def lesson(trade: str, day: int, seq: int) -> Entry:
    at = MONDAY + timedelta(days=day)
    taught = Lesson(f"{trade}#lesson", trade, BTC, at, "held", "it held")
    return Entry(LessonLearned(trade, BTC, at), Learned(lived(trade, closed_at=at), taught), seq)


def rule(count: int, day: int, seq: int) -> Entry:
    at = MONDAY + timedelta(days=day)
    told = SemanticRule(
        f"rule#chop#{count}", "long in chop", RuleKind.AVOID, RuleStatus.ACTIVE, f"{count} lost", 1, 4, -0.1, at, ()
    )
    return Entry(RuleFormed(told.id, at), told, seq)


def lines(view: BrainView) -> set[tuple[str, str, str]]:
    return {(edge.kind, edge.source, edge.target) for edge in view.edges}


# A trade is opened, moved and closed by decisions; what it taught is recalled for the next.
LEDGER = (
    made("buy", Action.BUY, 1, 1),
    opened("buy", 1, 2),
    made("hold", Action.HOLD, 2, 3),
    made("move", Action.UPDATE, 3, 4),
    moved("move", "buy", 3, 5, stop="97", target="110"),
    made("close", Action.CLOSE, 4, 6),
    closed("buy", 4, 7, by="close"),
    lesson("buy#order#closed", 4, 8),
    rule(5, 4, 9),
    made("next", Action.BUY, 5, 10, recalled=("buy#order#closed#experience",), rules=("rule#chop#5",)),
    opened("next", 5, 11),
)
CHAIN = {
    ("opened", "decision:buy", "entry:buy#order"),
    ("moved", "entry:buy#order", "update:move#order"),
    ("moved", "decision:move", "update:move#order"),
    ("closed", "update:move#order", "close:buy#order#closed"),
    ("closed", "decision:close", "close:buy#order#closed"),
    ("taught", "close:buy#order#closed", "memory:buy#order#closed#experience"),
    ("recalled", "memory:buy#order#closed#experience", "decision:next"),
    ("shown", "rule:long in chop", "decision:next"),
    ("opened", "decision:next", "entry:next#order"),
}


def test_a_trade_leads_to_what_it_taught_and_that_to_the_next_decision() -> None:
    view = brain(LEDGER, LATER)

    assert lines(view) == CHAIN
    assert not view.earlier
    nodes = {node.id: node for node in view.nodes}
    assert "decision:hold" not in nodes
    close = nodes["close:buy#order#closed"]
    assert (close.pnl_quote, close.tone, close.decision_id) == (Decimal("12.50"), "up", "close")
    assert nodes["update:move#order"].title == "Stop moved"
    assert nodes["entry:next#order"].price == Decimal(100)
    assert view.nodes[0].id == "decision:next"  # the newest story first


def test_facts_told_twice_and_in_any_order_draw_the_same() -> None:
    assert brain([*reversed(LEDGER), *LEDGER[3:7]], LATER) == brain(LEDGER, LATER)


def test_nothing_is_told_before_it_was_known() -> None:
    view = brain(LEDGER, MONDAY + timedelta(days=3))

    assert lines(view) == {line for line in CHAIN if line[0] in ("opened", "moved") and "next" not in line[1]}


def test_a_decision_that_only_held_is_told_when_it_is_asked_for_and_comes_first() -> None:
    view = brain(LEDGER, LATER, asked="hold")

    assert view.nodes[0].id == "decision:hold"
    assert lines(view) == CHAIN


def test_a_rule_is_one_node_in_the_newest_edition_that_was_shown() -> None:
    shown = (rule(5, 1, 1), rule(6, 2, 2), made("one", Action.BUY, 3, 3, rules=("rule#chop#6",)),
             made("two", Action.BUY, 4, 4, rules=("rule#chop#5",)))  # fmt: skip

    view = brain(shown, LATER)

    (found,) = [node for node in view.nodes if node.kind == "rule"]
    assert found.detail == "avoid, active: 6 lost"
    assert len(view.edges) == 2


def test_whole_stories_are_left_out_when_there_are_more_than_can_be_read() -> None:
    view = brain(LEDGER, LATER, most=5)

    assert view.earlier
    assert {node.id for node in view.nodes} == {
        "decision:next", "entry:next#order", "rule:long in chop", "memory:buy#order#closed#experience",
    }  # fmt: skip


def test_what_was_refused_expired_or_missed_is_told_with_its_reason() -> None:
    order = Order("late#order", "late", BTC, MarketKind.PERP, Purpose.OPEN, Side.LONG, Decimal(2), MONDAY, MONDAY + H4,
                  Decimal(100))  # fmt: skip
    why, two = Refusal("price", "none came"), (Refusal("cooldown", "wait"), Refusal("size", "too small"))
    view = brain(
        (
            made("no", Action.BUY, 1, 1, action=Action.HOLD, refusals=two),
            made("late", Action.BUY, 2, 2),
            Entry(OrderExpired(order.id, BTC, MONDAY + timedelta(days=3)), Expiry(order, why), 3),
            Entry(CandleMissed("gone", BTC, MONDAY + timedelta(days=4)), Refusal("late", "told after an hour"), 4),
        ),
        LATER,
    )

    told = {node.id: (node.title, node.detail) for node in view.nodes}
    assert told["refusal:no"] == ("cooldown and 1 more", "cooldown: wait\nsize: too small")
    assert told["refusal:OrderExpired:late#order"] == ("Order expired", "price: none came")
    assert told["refusal:CandleMissed:gone"] == ("late", "told after an hour")
    assert told["decision:no"][0] == "BUY"  # what was wanted
    assert lines(view) == {
        ("refused", "decision:no", "refusal:no"),
        ("refused", "decision:late", "refusal:OrderExpired:late#order"),
    }


def test_a_close_whose_entry_is_not_told_hangs_on_its_decision() -> None:
    view = brain((made("buy", Action.BUY, 1, 1), closed("buy", 2, 2, pnl="-3")), LATER)

    assert lines(view) == {("closed", "decision:buy", "close:buy#order#closed")}
    assert view.nodes[1].tone == "down"
