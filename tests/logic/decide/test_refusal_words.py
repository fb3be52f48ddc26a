"""A wish of which nothing comes is told with what happens in its place, as nothing that went wrong."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from semanticsignal.domain.decision import Action, Briefing
from semanticsignal.domain.market import MarketKind
from semanticsignal.domain.trading import Order, Position, Purpose, Side
from semanticsignal.logic.decide import judge
from tests.logic.decide.test_guards import BTC, FLAT, H4, LONG, MONDAY, NOW, SHORT, signal, snapshot
from tests.world import settings

WAITING = Order(
    "o", "x", BTC, MarketKind.PERP, Purpose.OPEN, Side.LONG, Decimal(1), MONDAY, NOW + H4, Decimal(100)
)  # fmt: skip


def reason(action: Action, held: Position | None, waiting: Order | None = None) -> str:
    at_work: dict[str, Any] = {"positions": (held,) if held else (), "orders": (waiting,) if waiting else ()}
    briefing = Briefing(snapshot("100"), replace(FLAT, **at_work), MarketKind.PERP, Decimal("0.01"))
    (refusal,) = judge.judged(signal(action), briefing, ((), None), settings(market_kind=MarketKind.PERP)).refusals
    return refusal.reason


@pytest.mark.parametrize(("action", "held"), [(Action.BUY, LONG), (Action.SELL, SHORT)], ids=["long", "short"])
def test_what_is_open_as_wanted_stays_as_it_is(action: Action, held: Position) -> None:
    said = f"a {held.side} is open already, as wanted: it stays as it is, and nothing is added to it"

    assert reason(action, held) == said


def test_where_nothing_is_open_there_is_nothing_to_close() -> None:
    assert reason(Action.CLOSE, None) == "nothing is open, so there is nothing to close"
    assert reason(Action.UPDATE, None) == "nothing is open, so there is nothing to update"


def test_while_an_order_waits_it_is_said_for_what_and_how_long() -> None:
    said = f"an order waits for its price until {(NOW + H4).isoformat()}: nothing else is done meanwhile"

    assert reason(Action.BUY, None, WAITING) == said
