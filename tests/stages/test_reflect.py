"""Every so many trades all of them are reflected on: once, whatever breaks off in between, and told alike each time."""

from dataclasses import replace
from typing import Any

import pytest
from logic.reflect.test_lesson import trade as one_trade
from world import (
    BTC,
    MONDAY,
    CycleModel,
    bars,
    close,
    cycle,
    d,
    decision,
    lived,
    path,
    says,
    signal,
    subjects,
    told,
    world,
)

from semanticsignal.domain.errors import LedgerUnavailable
from semanticsignal.domain.events import DecisionMade, LessonLearned, PositionClosed, Reflected, RuleFormed
from semanticsignal.domain.learning import Reflection, Statistics, Threshold
from semanticsignal.domain.ledger import Closing, Entry, Learned
from semanticsignal.domain.market import Timeframe
from semanticsignal.domain.trading import ExitReason, Fill, Trade
from semanticsignal.logic.evaluate.record import record
from semanticsignal.ports import Facts, Sockets
from semanticsignal.stages.reflect import reflect

H4 = Timeframe.H4.span
FLAT = path([100, 100, 100, 100])


def closed(number: int) -> Trade:
    """Every third wins 4 %, in another regime; the others lose 2 %. A bar apart."""
    is_win = number % 3 == 0
    change = "0.04" if is_win else "-0.02"
    at = MONDAY + number * H4
    return replace(
        one_trade(), id=f"t{number}", number=number, decision_id=f"d{number}", opened_at=at - H4, closed_at=at,
        realized_pnl_quote=d(change) * 200, gross_pnl_quote=d(change) * 200, return_ratio=float(change),
        r_multiple=float(change) * 20, exit_reason=ExitReason.TARGET if is_win else ExitReason.STOP,
    )  # fmt: skip


async def closing(on: Sockets, number: int) -> Facts:
    """A trade closes and is learned from; what its lesson leads to."""
    trade = closed(number)
    made = replace(decision(signal()), id=trade.decision_id, regime="bear ranging" if trade.is_win else "bull trending")
    await on.ledger.record(Entry(DecisionMade(made.id, BTC, trade.opened_at), made))
    fill = Fill("o", trade.closed_at, trade.exit_price, trade.quantity, d(0), d(0))
    await on.ledger.record(Entry(PositionClosed(trade.id, BTC, trade.closed_at), Closing(trade, fill)))
    (learned,) = await reflect(PositionClosed(trade.id, BTC, trade.closed_at), on)
    assert isinstance(learned, LessonLearned)
    return await reflect(learned, on)


def over(**memory: Any) -> Sockets:
    return world(bars(FLAT), **{f"memory__{name}": value for name, value in {"reflect_every": 5, **memory}.items()})


async def reflections(on: Sockets) -> list[Reflection]:
    return await subjects(on, "Reflected")


async def test_every_so_many_trades_are_reflected_on() -> None:
    on = over()

    came = [await closing(on, number) for number in range(1, 11)]

    assert [bool(facts) for facts in came] == [number % 5 == 0 for number in range(1, 11)]
    assert [one.id for one in await reflections(on)] == ["reflection#5", "reflection#10"]
    assert [one.statistics.whole.trades for one in await reflections(on)] == [5, 10]


async def test_its_statistics_are_those_of_the_trades_in_the_ledger() -> None:
    on = over()
    for number in range(1, 11):
        await closing(on, number)

    last = (await reflections(on))[-1]

    trades = [entry.subject.trade for entry in await told(on, "PositionClosed")]  # type: ignore[union-attr]
    known = record(trades)
    assert known is not None
    assert (last.statistics.whole.trades, last.statistics.whole.wins) == (known.trades, known.wins)
    assert last.statistics.whole.mean_return_ratio == pytest.approx(sum(t.return_ratio for t in trades) / 10)
    assert last.statistics.by_trait["exit target"].trades == 3
    assert last.statistics.by_trait["side long"] == last.statistics.whole


async def test_told_again_it_says_the_same_and_writes_nothing() -> None:
    on = over(min_losses=1)
    for number in range(1, 5):
        await closing(on, number)
    first = await closing(on, 5)
    before = await told(on, "Reflected", "RuleFormed")
    for number in (6, 7):
        await closing(on, number)

    lesson = LessonLearned("t5", BTC, closed(5).closed_at)
    again = await reflect(lesson, on)

    assert again == first
    assert len(await told(on, "Reflected", "RuleFormed")) == len(
        [e for e in before if e.kind in ("Reflected", "RuleFormed")]
    )


async def test_rules_are_told_before_the_reflection_that_holds_them() -> None:
    on = over(min_losses=1)

    for number in range(1, 5):
        await closing(on, number)
    *formed, last = await closing(on, 5)

    assert isinstance(last, Reflected)
    assert formed and all(isinstance(fact, RuleFormed) for fact in formed)
    kinds = [entry.kind for entry in await told(on, "Reflected", "RuleFormed")]
    assert kinds == ["RuleFormed"] * len(formed) + ["Reflected"]


class BreaksOff:
    """A ledger that cannot write one kind of entry."""

    def __init__(self, ledger: Any, kind: str) -> None:
        self._ledger, self._kind = ledger, kind

    async def record(self, entry: Entry) -> Entry:
        if entry.kind == self._kind:
            raise LedgerUnavailable("the disk is full")
        written: Entry = await self._ledger.record(entry)
        return written

    def __getattr__(self, question: str) -> Any:
        return getattr(self._ledger, question)


async def test_a_reflection_that_broke_off_is_made_whole_by_the_next_telling() -> None:
    whole, broken = over(min_losses=1), over(min_losses=1)
    for number in range(1, 6):
        await closing(whole, number)
    for number in range(1, 5):
        await closing(broken, number)
    away = replace(broken, ledger=BreaksOff(broken.ledger, "Reflected"))
    with pytest.raises(LedgerUnavailable):
        await closing(away, 5)

    told_again = await reflect(LessonLearned("t5", BTC, closed(5).closed_at), broken)

    assert isinstance(told_again[-1], Reflected)
    assert await reflections(broken) == await reflections(whole)
    assert [e.id for e in await told(broken, "RuleFormed")] == [e.id for e in await told(whole, "RuleFormed")]


async def test_what_was_lived_before_anything_was_reflected_on_is_counted_too() -> None:
    """A home of before there were reflections."""
    on = over()
    for number in range(1, 8):
        await on.ledger.record(
            Entry(LessonLearned(f"old{number}", BTC, MONDAY), Learned(lived(f"old{number}"), None))  # type: ignore[arg-type]
        )

    await closing(on, 10)

    (only,) = await reflections(on)
    assert only.statistics.whole.trades == 8


async def test_a_limit_that_experience_raised_is_in_the_prompt_and_in_the_guard() -> None:
    model = CycleModel({cycle(BTC, MONDAY + H4): says("BUY", 98, 103.4)})  # 1.7 for 1
    on = world(bars(FLAT), model=model)
    raised = Threshold("min_reward_risk_chop", 1.9, 1.2, 40, 0.1, 0.3)
    said = Reflection("reflection#10", MONDAY, Statistics(), (raised,), ())
    await on.ledger.record(Entry(Reflected(said.id, MONDAY), said))

    await close(on, MONDAY + H4)

    (made,) = await subjects(on, "DecisionMade")
    assert [refusal.guard for refusal in made.refusals] == ["reward_risk"]
    assert "1.9" in made.refusals[0].reason
    assert "1.9" in model.prompts[0].system
