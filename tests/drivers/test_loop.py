"""The loop: a fact to its end, several at once, and after a crash everything that was left is told again."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

import pytest
from world import BTC, ETH, MONDAY, CycleModel, bars, cycle, path, says, told, world

from semanticsignal.adapters.inmemory import InMemoryLedger
from semanticsignal.domain.errors import MarketUnavailable
from semanticsignal.domain.events import CandleClosed, EquityMarked, Fact, MinutePassed
from semanticsignal.domain.ledger import Entry
from semanticsignal.domain.market import Timeframe
from semanticsignal.domain.trading import EquityPoint
from semanticsignal.drivers.loop import Loop, Work
from semanticsignal.ports import Facts, Sockets
from semanticsignal.stages import Stage


@dataclass
class Ear:
    """A stage that remembers what it heard, refuses what it is told to refuse, and waits where it is told to wait."""

    answers: dict[str, Facts] = field(default_factory=dict)
    refuses: set[str] = field(default_factory=set)
    waits: dict[str, asyncio.Event] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)

    async def __call__(self, fact: Fact, on: Sockets) -> Facts:
        del on
        self.heard.append(fact.id)
        if fact.id in self.waits:
            await self.waits[fact.id].wait()
        if fact.id in self.refuses:
            raise MarketUnavailable(f"not now, was {fact.id}")
        return self.answers.get(fact.id, ())

    def loop(self, on: Sockets, ledger: InMemoryLedger) -> Loop:
        return Loop(on, ledger, (Stage("ear", (EquityMarked, MinutePassed, CandleClosed), self),))


def place() -> tuple[Sockets, InMemoryLedger]:
    ledger = InMemoryLedger(Decimal(10_000))
    return world(bars(path([100, 101])), ledger=ledger), ledger


def marked(number: int) -> EquityMarked:
    at = MONDAY + timedelta(hours=4 * number)
    return EquityMarked(at.isoformat(), at)


async def written(ledger: InMemoryLedger, number: int) -> EquityMarked:
    fact = marked(number)
    await ledger.record(Entry(fact, EquityPoint(fact.at, Decimal(1), Decimal(1), Decimal(0), 0)))
    return fact


async def test_a_fact_runs_to_its_end_in_order() -> None:
    on, ledger = place()
    one, two, three = (marked(number) for number in (1, 2, 3))
    ear = Ear({"minute#" + MONDAY.isoformat(): (one, two), one.id: (three,)})

    heard = await ear.loop(on, ledger).run(MinutePassed(MONDAY))

    assert heard == (MinutePassed(MONDAY), one, two, three)
    assert ear.heard == [fact.id for fact in heard]


async def test_what_a_finished_run_wrote_is_told() -> None:
    on, ledger = place()
    fact = await written(ledger, 1)

    await Ear().loop(on, ledger).run(fact)

    assert await ledger.untold() == ()


async def test_recover_tells_again_what_a_crash_left_and_nothing_else() -> None:
    on, ledger = place()
    ear = Ear()
    await ear.loop(on, ledger).run(await written(ledger, 1))
    left = [await written(ledger, number) for number in (2, 3)]

    count = await ear.loop(on, ledger).recover()

    assert count == 2
    assert ear.heard[1:] == [fact.id for fact in left]
    assert await ledger.untold() == ()


async def test_a_run_that_raised_leaves_its_entries_to_be_told_again() -> None:
    on, ledger = place()
    fact = await written(ledger, 1)
    ear = Ear(refuses={fact.id})

    with pytest.raises(MarketUnavailable):
        await ear.loop(on, ledger).run(fact)

    assert [entry.fact for entry in await ledger.untold()] == [fact]


async def test_an_entry_that_cannot_be_told_again_yet_does_not_keep_the_others_from_it() -> None:
    on, ledger = place()
    facts = [await written(ledger, number) for number in (1, 2, 3)]
    ear = Ear(refuses={facts[0].id})

    await ear.loop(on, ledger).recover()

    assert ear.heard == [fact.id for fact in facts]


async def test_nothing_counts_as_told_while_another_run_is_under_way() -> None:
    """One is told while another still thinks: were the process killed now, the other's entry must be told again."""
    on, ledger = place()
    slow, quick = [await written(ledger, number) for number in (1, 2)]
    ear = Ear(waits={slow.id: asyncio.Event()})
    loop = ear.loop(on, ledger)

    thinking = asyncio.create_task(loop.run(slow))
    await asyncio.sleep(0)
    await loop.run(quick)
    meanwhile = await ledger.untold()
    ear.waits[slow.id].set()
    await thinking

    assert [entry.fact for entry in meanwhile] == [slow, quick]
    assert await ledger.untold() == ()


async def test_a_run_that_raised_is_not_taken_for_told_because_a_later_one_went_through() -> None:
    on, ledger = place()
    fails, passes = [await written(ledger, number) for number in (1, 2)]
    loop = Ear(refuses={fails.id}).loop(on, ledger)

    with pytest.raises(MarketUnavailable):
        await loop.run(fails)
    await loop.run(passes)

    assert fails in [entry.fact for entry in await ledger.untold()]


async def test_pairs_that_run_at_the_same_time_decide_as_one_after_the_other() -> None:
    def on() -> Sockets:
        closed = MONDAY + timedelta(hours=4)
        script = {cycle(BTC, closed): says("BUY", 95, 120), cycle(ETH, closed): says("BUY", 48, 60)}
        tapes = [bars(path([first, first + 1, first + 2]), symbol=symbol) for symbol, first in ((BTC, 100), (ETH, 50))]
        made = world(*tapes, model=CycleModel(script), risk__cooldown_bars=0)
        made.clock.set(closed)  # type: ignore[attr-defined]
        return made

    facts = [CandleClosed(symbol, Timeframe.H4, MONDAY + timedelta(hours=4)) for symbol in (BTC, ETH)]
    apart, together = on(), on()

    for fact in facts:
        await Loop(apart, apart.ledger).run(fact)  # type: ignore[arg-type]
    loop = Loop(together, together.ledger)  # type: ignore[arg-type]
    await asyncio.gather(*(loop.run(fact) for fact in facts))

    one, other = [{(e.id, repr(e.subject)) for e in await told(each)} for each in (apart, together)]
    assert len([id for id, _ in one if id.startswith("OrderPlaced")]) == 2
    assert one == other
    assert await together.ledger.untold() == ()  # type: ignore[attr-defined]


# --- Aside -----------------------------------------------------------------------------------------------------------


@dataclass
class Aside:
    """Who turns what is slow in tasks of their own."""

    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def __call__(self, stage: str, work: Work) -> None:
        self.tasks.append(asyncio.ensure_future(work()))

    async def ended(self) -> list[BaseException | None]:
        return await asyncio.gather(*self.tasks, return_exceptions=True)


def slow_and_quick(on: Sockets, ledger: InMemoryLedger, slow: Ear, quick: Ear) -> tuple[Loop, Aside]:
    aside = Aside()
    stages = (Stage("review", (EquityMarked,), slow, is_slow=True), Stage("watch", (EquityMarked, MinutePassed), quick))
    return Loop(on, ledger, stages, aside), aside


async def test_nothing_waits_for_a_post_mortem_and_what_comes_of_it_is_told() -> None:
    on, ledger = place()
    fact = await written(ledger, 1)
    slow, quick = Ear({fact.id: (MinutePassed(MONDAY),)}, waits={fact.id: asyncio.Event()}), Ear()
    loop, aside = slow_and_quick(on, ledger, slow, quick)

    heard = await loop.run(fact)
    meanwhile = [*quick.heard]
    slow.waits[fact.id].set()
    await aside.ended()

    assert heard == (fact,) and meanwhile == [fact.id]
    assert quick.heard == [fact.id, MinutePassed(MONDAY).id]


async def test_what_is_put_aside_counts_as_told_when_it_is_done() -> None:
    on, ledger = place()
    fact = await written(ledger, 1)
    slow = Ear(waits={fact.id: asyncio.Event()})
    loop, aside = slow_and_quick(on, ledger, slow, Ear())

    await loop.run(fact)
    await loop.run(MinutePassed(MONDAY))
    meanwhile = await ledger.untold()
    slow.waits[fact.id].set()
    await aside.ended()

    assert [entry.fact for entry in meanwhile] == [fact]
    assert await ledger.untold() == ()


async def test_what_is_told_again_meanwhile_is_asked_once_and_two_never_at_a_time() -> None:
    on, ledger = place()
    first, second = [await written(ledger, number) for number in (1, 2)]
    slow = Ear(waits={first.id: asyncio.Event()})
    loop, aside = slow_and_quick(on, ledger, slow, Ear())

    for fact in (first, second, first):
        await loop.run(fact)
    await loop.recover()
    await asyncio.sleep(0)
    meanwhile = [*slow.heard]
    slow.waits[first.id].set()
    await aside.ended()

    assert meanwhile == [first.id]
    assert slow.heard == [first.id, second.id]
    assert await ledger.untold() == ()


@pytest.mark.parametrize("how", ["it fails", "a stop"])
async def test_what_broke_off_aside_is_told_again(how: str) -> None:
    on, ledger = place()
    fact = await written(ledger, 1)
    slow = Ear(refuses={fact.id} if how == "it fails" else set(), waits={fact.id: asyncio.Event()})
    loop, aside = slow_and_quick(on, ledger, slow, Ear())

    await loop.run(fact)
    await asyncio.sleep(0)
    if how == "a stop":
        aside.tasks[0].cancel()
    else:
        slow.waits[fact.id].set()
    await aside.ended()
    left, was_behind = await ledger.untold(), loop.is_behind
    slow.refuses.clear()
    slow.waits[fact.id].set()
    await loop.recover()
    await aside.ended()

    assert [entry.fact for entry in left] == [fact] and was_behind
    assert slow.heard == [fact.id, fact.id]
    assert await ledger.untold() == ()


async def test_what_fails_aside_while_the_rest_is_told_again_is_not_forgotten() -> None:
    on, ledger = place()
    fact, other = [await written(ledger, number) for number in (1, 2)]
    quick = Ear(waits={other.id: asyncio.Event()})
    loop, aside = slow_and_quick(on, ledger, Ear(refuses={fact.id}), quick)

    recovering = asyncio.create_task(loop.recover())
    await asyncio.sleep(0)
    await aside.ended()
    quick.waits[other.id].set()
    await recovering
    await aside.ended()

    assert loop.is_behind and [entry.fact for entry in await ledger.untold()] == [fact, other]
