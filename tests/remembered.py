"""A ledger by hand: a trade from the decision that opened it to what it taught, and the next that recalls it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from world import BTC, MONDAY, decision, lived, position, signal

from semanticsignal.domain.decision import Action
from semanticsignal.domain.events import (
    DecisionMade,
    LessonLearned,
    PositionClosed,
    PositionOpened,
    PositionUpdated,
    RuleFormed,
)
from semanticsignal.domain.learning import Lesson, RuleKind, RuleStatus, SemanticRule
from semanticsignal.domain.ledger import Amendment, Closing, Entry, Learned, Opening
from semanticsignal.domain.market import MarketKind
from semanticsignal.domain.trading import ExitReason, Fill, Side, Trade

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


# A trade is opened, moved and closed by decisions; what it taught is recalled for the next.
LEDGER = (
    made("buy", Action.BUY, 1, 1),
    opened("buy", 1, 2),
    made("hold", Action.HOLD, 2, 3),
    made("move", Action.UPDATE, 3, 4),
    moved("move", "buy", 3, 5, stop="97", target="110"),
    made("again", Action.UPDATE, 3, 6),
    moved("again", "buy", 3, 7, stop="97", target="112"),
    made("close", Action.CLOSE, 4, 8),
    closed("buy", 4, 9, by="close"),
    lesson("buy#order#closed", 4, 10),
    rule(5, 4, 11),
    made("next", Action.BUY, 5, 12, recalled=("buy#order#closed#experience",), rules=("rule#chop#5",)),
    opened("next", 5, 13),
)
CHAIN = {
    ("opened", "decision:buy", "entry:buy#order"),
    ("moved", "entry:buy#order", "update:move#order"),
    ("moved", "decision:move", "update:move#order"),
    ("moved", "update:move#order", "update:again#order"),
    ("moved", "decision:again", "update:again#order"),
    ("closed", "update:again#order", "close:buy#order#closed"),
    ("closed", "decision:close", "close:buy#order#closed"),
    ("taught", "close:buy#order#closed", "memory:buy#order#closed#experience"),
    ("recalled", "memory:buy#order#closed#experience", "decision:next"),
    ("shown", "rule:long in chop", "decision:next"),
    ("opened", "decision:next", "entry:next#order"),
}
