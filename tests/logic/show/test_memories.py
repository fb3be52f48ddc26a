"""What is wanted of everything lived, in which order, and how often it was recalled since."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from world import BTC, MONDAY, d, decision, lived

from semanticsignal.domain.decision import Decision
from semanticsignal.domain.learning import Lesson
from semanticsignal.domain.ledger import Learned
from semanticsignal.domain.market import MarketKind, Symbol
from semanticsignal.domain.trading import ExitReason, Side, Trade
from semanticsignal.logic.show.memories import Column, Memories, Uses, Wanted

DAY = timedelta(days=1)
LATER = MONDAY + 99 * DAY


def learned(name: str, days: int = 0, **more: Any) -> Learned:
    one = lived(name, closed_at=MONDAY + days * DAY, **more)
    return Learned(one, Lesson(f"{name}#lesson", name, one.symbol, one.closed_at, "worked", f"{name} taught this"))


def trade(decision_id: str, pnl: str) -> Trade:
    return Trade(
        f"{decision_id}#order#closed", 1, "p", decision_id, BTC, MarketKind.SPOT, Side.LONG, d(1), d(100), d(101),
        MONDAY, MONDAY + DAY, d(99), d(99), None, d(pnl), d(0), d(0), d(pnl), 0.01, 1.0, 0.0, 0.0, ExitReason.TARGET,
        False,
    )  # fmt: skip


def made(id: str, *recalled: str) -> Decision:
    return decision(id=id, recalled=tuple(f"{name}#experience" for name in recalled))


def told(*facts: Decision | Trade | Learned) -> Memories:
    memories = Memories()
    take: dict[type, Callable[[Any], None]] = {
        Decision: memories.decided, Trade: memories.closed, Learned: memories.learn,
    }  # fmt: skip
    for fact in facts:
        take[type(fact)](fact)
    return memories


def names(memories: Memories, likeness: dict[str, float] | None = None, **wanted: Any) -> str:
    found = memories.chosen(Wanted(LATER, **wanted), likeness or {})
    return " ".join(one.experience.trade_id for one in found)


FACTS = (made("one", "a", "b"), made("two", "a", "a"), trade("one", "10"), trade("two", "-4"))


@pytest.mark.parametrize("order", list(permutations(range(4)))[::5])
def test_a_use_counts_once_and_with_its_trade_however_late_and_however_often_it_is_told(order: tuple[int, ...]) -> None:
    memories = told(*(FACTS[n] for n in order), *FACTS)

    used, other = memories.uses("a#experience", LATER), memories.uses("b#experience", LATER)

    assert (sorted(used.decisions), used.wins, used.losses, used.win_ratio) == (["one", "two"], 1, 1, 0.5)
    assert (other.decisions, other.wins, other.losses) == (["one"], 1, 0)


def test_what_opened_nothing_is_a_use_without_an_end() -> None:
    memories = told(learned("a"), made("held", "a"), trade("stranger", "5"))

    seen = memories.view(learned("a"), LATER)

    assert (seen.used, seen.used_wins, seen.used_losses) == (1, 0, 0)
    assert memories.uses("a#experience", LATER).win_ratio is None and memories.uses("b#experience", LATER) == Uses()
    assert memories.recall(made("held")).is_win is None


THREE = (
    learned("a", 0, return_ratio=0.03, r_multiple=None, confidence_ratio=0.9),
    learned("b", 1, return_ratio=-0.02, r_multiple=-1.0, is_win=False, side=Side.SHORT, symbol=Symbol("ETH", "USDC")),
    learned("c", 2, return_ratio=0.01, r_multiple=0.4, regime="chop", insight="Bought the breakout"),
)
USES = (made("one", "b", "c"), made("two", "b"), trade("one", "3"), trade("two", "-1"))


@pytest.mark.parametrize(
    ("by", "falling", "rising"),
    [
        ("date", "c b a", "a b c"),
        ("age", "a b c", "c b a"),
        ("symbol", "b c a", "c a b"),
        ("side", "b c a", "c a b"),
        ("regime", "c b a", "b a c"),
        ("pnl", "a c b", "b c a"),
        ("r", "c b a", "b c a"),
        ("confidence", "a c b", "c b a"),
        ("outcome", "c a b", "b c a"),
        ("similarity", "a b c", "b a c"),
        ("used", "b c a", "a c b"),
        ("win_rate", "c b a", "b c a"),
    ],
)
def test_every_column_orders_both_ways_and_the_unknown_comes_last(by: Column, falling: str, rising: str) -> None:
    memories = told(*THREE, *USES, *THREE)
    likeness = {"a#experience": 0.9, "b#experience": 0.5}

    assert names(memories, likeness, by=by) == falling
    assert names(memories, likeness, by=by, is_rising=True) == rising


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"side": Side.LONG}, "c a"),
        ({"is_win": False}, "b"),
        ({"since": MONDAY + DAY}, "c b"),
        ({"words": ("breakout", "bought")}, "c"),
        ({"words": ("eth/usdc",)}, "b"),
        ({"words": ("breakout", "eth")}, ""),
    ],
)
def test_what_is_wanted_is_all_of_it(wanted: dict[str, Any], found: str) -> None:
    assert names(told(*THREE), **wanted) == found


def test_a_use_is_told_and_counts_only_once_it_was_made_and_its_end_once_that_was_known() -> None:
    first, second = decision(id="one", recalled=("a#experience",)), made("two", "b")
    other = replace(second, id="later", decided_at=MONDAY + 3 * DAY)
    memories = told(*THREE, first, second, other, trade("one", "3"))
    then = first.decided_at

    seen = [memories.view(THREE[0], until) for until in (then - DAY, then, MONDAY + DAY)]

    assert [(one.used, one.used_wins) for one in seen] == [(0, 0), (1, 0), (1, 1)]
    assert [memories.view(THREE[1], until).used for until in (MONDAY + 2 * DAY, LATER)] == [1, 2]
    assert names(memories, by="used") == "b a c"
    by_then = memories.chosen(Wanted(MONDAY + 2 * DAY, by="used"), {})
    assert [one.experience.trade_id for one in by_then] == ["b", "a", "c"]


def test_nothing_is_told_before_it_had_closed() -> None:
    found = told(*THREE).chosen(Wanted(MONDAY + DAY), {})

    assert [one.experience.trade_id for one in found] == ["b", "a"]
