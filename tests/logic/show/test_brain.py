"""The graph of memories, rules, decisions and trades, from ledgers made by hand."""

from datetime import timedelta
from decimal import Decimal

from remembered import CHAIN, LATER, LEDGER, closed, made, rule
from world import BTC, H4, MONDAY

from semanticsignal.domain.decision import Action, Refusal
from semanticsignal.domain.events import CandleMissed, OrderExpired
from semanticsignal.domain.ledger import Entry, Expiry
from semanticsignal.domain.market import MarketKind
from semanticsignal.domain.trading import Order, Purpose, Side
from semanticsignal.logic.show.brain import BrainView, brain


def lines(view: BrainView) -> set[tuple[str, str, str]]:
    return {(edge.kind, edge.source, edge.target) for edge in view.edges}


def test_a_trade_leads_to_what_it_taught_and_that_to_the_next_decision() -> None:
    view = brain(LEDGER, LATER)

    assert lines(view) == CHAIN
    assert not view.earlier
    nodes = {node.id: node for node in view.nodes}
    assert "decision:hold" not in nodes
    close = nodes["close:buy#order#closed"]
    assert (close.pnl_quote, close.tone, close.decision_id) == (Decimal("12.50"), "up", "close")
    assert [nodes[f"update:{id}#order"].title for id in ("move", "again")] == ["Stop moved", "Target moved"]
    assert nodes["entry:next#order"].price == Decimal(100)
    assert view.nodes[0].id == "decision:next"  # the newest story first


def test_facts_told_twice_and_in_any_order_draw_the_same() -> None:
    assert brain([*reversed(LEDGER), *LEDGER[3:9]], LATER) == brain(LEDGER, LATER)


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
