"""What the past has to say: of whom, how much of it, and nothing of what had not happened yet."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import (
    BTC,
    ETH,
    H4,
    MONDAY,
    CycleModel,
    GoneMemory,
    bars,
    close,
    cycle,
    d,
    lived,
    path,
    says,
    subjects,
    world,
)

from semanticsignal.domain.decision import Decision
from semanticsignal.domain.events import PostMortemWritten
from semanticsignal.domain.learning import (
    Conditions,
    End,
    Experience,
    Hindsight,
    PostMortem,
    RefusedEntry,
)
from semanticsignal.domain.ledger import Entry
from semanticsignal.domain.market import Symbol, Timeframe
from semanticsignal.domain.trading import Side
from semanticsignal.logic.decide.recall import ranked
from semanticsignal.ports import Sockets

FLAT = path([100, 100, 100, 100])
DAY = timedelta(days=1)
BUY = CycleModel({cycle(BTC, MONDAY + H4): says("BUY", 98, 104)})


def post_mortem(trade_id: str, lesson: str, at: datetime = MONDAY, symbol: Symbol = BTC) -> Entry:
    one = PostMortem(f"{trade_id}#post-mortem", trade_id, symbol, at, "chased", "a rise", "a fall", lesson, "analyst")
    return Entry(PostMortemWritten(one.id, symbol, at), one)


def over(**overrides: Any) -> Sockets:
    return world(bars(FLAT), model=CycleModel(BUY.script), **overrides)


def words(on: Sockets) -> str:
    return str(on.model.prompts[-1].user)  # type: ignore[attr-defined]


async def decided(on: Sockets, at: datetime = MONDAY + H4) -> Decision:
    await close(on, at)
    made: Decision = (await subjects(on, "DecisionMade"))[-1]
    return made


async def test_while_a_pair_has_lived_through_little_all_pairs_are_recalled() -> None:
    on = over(memory__pool_below=2)
    for one in (lived("mine"), lived("other", ETH)):
        await on.memory.remember(one)

    made = await decided(on)

    assert set(made.recalled) == {"mine#experience", "other#experience"}
    assert "chosen: the nearest of 2 of all pairs" in words(on)


async def test_a_pair_that_has_lived_through_enough_recalls_its_own() -> None:
    on = over(memory__pool_below=2)
    for one in (lived("a"), lived("b"), lived("other", ETH)):
        await on.memory.remember(one)

    made = await decided(on)

    assert set(made.recalled) == {"a#experience", "b#experience"}
    assert "chosen: the nearest of this pair's 2" in words(on)


async def test_more_neighbors_are_counted_than_are_shown() -> None:
    on = over(memory__k=2, memory__neighbors=6)
    for number in range(8):
        await on.memory.remember(lived(f"t{number}", is_win=number < 3, return_ratio=0.0))

    made = await decided(on)

    assert len(made.recalled) == 2
    assert "of 6 longs won" in words(on)


async def test_a_losing_neighborhood_beyond_what_is_shown_costs_ten_points() -> None:
    on = over(memory__k=2, memory__neighbors=6)
    for number in range(6):
        await on.memory.remember(lived(f"t{number}", is_win=number < 2))

    made = await decided(on)

    assert made.signal and made.signal.confidence_ratio == pytest.approx(0.6)
    assert made.notes[0].endswith("2 of 6 similar longs won")


async def test_a_lesson_that_is_stored_is_read_by_the_next_prompt_that_it_concerns() -> None:
    on = over()
    await on.memory.remember(lived("t1"))
    await on.ledger.record(post_mortem("t1", "wait for the retest"))

    await decided(on)

    assert "lesson: wait for the retest" in words(on)


async def test_the_newest_lesson_of_the_pair_is_read_even_where_memory_does_not_answer() -> None:
    on = replace(over(), memory=GoneMemory())
    for trade, lesson, at, symbol in (
        ("t1", "too early", MONDAY - DAY, BTC), ("t2", "too late", MONDAY, BTC), ("t3", "of another", MONDAY, ETH),
    ):  # fmt: skip
        await on.ledger.record(post_mortem(trade, lesson, at, symbol))

    await decided(on)

    assert "lesson: too late" in words(on)
    assert "too early" not in words(on) and "of another" not in words(on)


async def test_a_lesson_written_later_is_not_known_yet() -> None:
    on = over()
    await on.memory.remember(lived("t1"))
    await on.ledger.record(post_mortem("t1", "from the future", MONDAY + 2 * H4))

    await decided(on)

    assert "from the future" not in words(on)


async def test_what_refused_entries_would_have_come_to_is_told() -> None:
    on = over()
    refused = RefusedEntry(
        "r", BTC, Timeframe.H4, Side.LONG, MONDAY - DAY, d(100), d(95), d(110), 0.5, ("cooldown",), Conditions({}, {}),
        "bull trending",
    )  # fmt: skip
    await on.memory.remember(Hindsight(refused, MONDAY, End.TARGET, 3, 0.09, 1.9))
    await on.memory.remember(Hindsight(replace(refused, id="later"), MONDAY + 2 * H4, End.STOP, 3, -0.05, -1.0))

    await decided(on)

    assert "of the 1 most similar entries that were refused 1 would have won, mean return +9.00 %" in words(on)


async def test_switched_off_memory_has_no_say_and_is_kept_all_the_same() -> None:
    on = over(memory__is_used=False)
    for number in range(5):
        await on.memory.remember(lived(f"t{number}", is_win=False))
    await on.ledger.record(post_mortem("t1", "no word of it"))

    made = await decided(on)

    assert (made.recalled, made.notes) == ((), ())
    assert made.signal and made.signal.confidence_ratio == pytest.approx(0.7)
    assert "no word of it" not in words(on)
    assert await on.memory.count(until=MONDAY) == 5


@given(data=st.data())
async def test_how_trades_ended_changes_nothing_in_what_is_recalled(data: st.DataObject) -> None:
    """Every field that tells of the outcome is dealt anew among the same experiences."""
    size = data.draw(st.integers(2, 12))
    numbers = [
        {"rsi": data.draw(st.floats(0, 100)), "adx": data.draw(st.none() | st.floats(0, 60))} for _ in range(size)
    ]
    first = [
        lived(f"t{n}", conditions=Conditions({}, told), return_ratio=n / 100, is_win=n % 2 == 0, r_multiple=float(n))
        for n, told in enumerate(numbers)
    ]
    dealt = data.draw(st.permutations(first))
    outcome = ("return_ratio", "is_win", "r_multiple", "exit_reason", "mae_ratio", "mfe_ratio")
    second = [
        replace(one, **{name: getattr(other, name) for name in outcome})
        for one, other in zip(first, dealt, strict=True)
    ]

    found = [await recalled(lives) for lives in (first, second)]

    assert found[0] == found[1]


async def recalled(lives: list[Experience]) -> list[tuple[str, float]]:
    memory = over().memory
    for one in lives:
        await memory.remember(one)
    near = await memory.similar(Conditions({}, {"rsi": 55.0, "adx": 20.0}), until=MONDAY, limit=8)
    return [(one.experience.id, one.score) for one in ranked(near, MONDAY, weight=0.7, half_life_days=90, k=5)]
