"""A stage that hangs is ended and told of, a loop that stands still is noticed, and the exits go on all the while."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from world import BTC, H4, MONDAY, CycleModel, bars, cycle, path, says, settings, subjects, world

from semanticsignal import wiring
from semanticsignal.adapters.inmemory import InMemoryLedger, InMemoryMemory
from semanticsignal.adapters.system_clock import SetClock
from semanticsignal.domain.decision import Prompt, Reply
from semanticsignal.domain.errors import Stuck
from semanticsignal.domain.events import CandleClosed, Fact, MinutePassed
from semanticsignal.domain.learning import Experience
from semanticsignal.domain.market import Timeframe
from semanticsignal.domain.policy import Settings
from semanticsignal.drivers import host as hosts
from semanticsignal.drivers import watchdog
from semanticsignal.drivers.host import Host
from semanticsignal.drivers.loop import Loop
from semanticsignal.drivers.pace import Ticking
from semanticsignal.drivers.vitals import measured
from semanticsignal.drivers.watchdog import Watchdog
from semanticsignal.ports import Facts, Sockets
from semanticsignal.stages import STAGES, Stage

SETTINGS = settings(memory__store="embedded", risk__cooldown_bars=0)
NEVER_S, SOON_S = 600.0, 0.05
# Bought at the first close, the target two bars later; bought again, and stopped out while a model is thinking.
PRICES = [100, 100, 100, 103, 105, 105, 105, 101, 101]


class Hanging(CycleModel):
    """Answers by its script until it is asked about this cycle: then never, whatever time it was given."""

    def __init__(self, script: dict[str, str], hangs_on: str) -> None:
        super().__init__(script)
        self._hangs_on = hangs_on
        self.hangs, self.heals = asyncio.Event(), asyncio.Event()

    async def complete(self, prompt: Prompt) -> Reply:
        if prompt.id == self._hangs_on:
            self.hangs.set()
            await self.heals.wait()
        return await super().complete(prompt)

    async def close(self) -> None:
        """Nothing is held."""


class Forgetful(InMemoryMemory):
    """Counts, and never ends remembering until it heals."""

    def __init__(self) -> None:
        super().__init__()
        self.heals = asyncio.Event()

    async def remember(self, one: Any) -> None:
        if isinstance(one, Experience):
            await self.heals.wait()
        await super().remember(one)


class Turned:
    """A host that is turned by hand, and a watchdog that is as patient with each stage as it is told."""

    def __init__(self, held: wiring.Home, mind: Any, **patience_s: float) -> None:
        self.clock = SetClock(MONDAY)
        tape: Any = world(bars(path(PRICES))).market
        self.host = Host(SETTINGS, held, wiring.World(tape, self.clock, mind, 1.0, tape=tape))  # type: ignore[arg-type]
        self.host.watchdog = Watchdog(wiring.system_clock(), lambda stage, _: patience_s.get(stage.name, NEVER_S))
        self.wear(self.host.on)

    def wear(self, on: Sockets) -> None:
        self.host.on = on
        self.host.loop = Loop(on, self.host.held.ledger, aside=self.host.aside, turn=self.host.watchdog.turn)

    async def minute(self, number: int) -> None:
        self.clock.set(at(number))
        await self.host.minute(at(number))

    async def candle(self, number: int) -> None:
        self.clock.set(at(number))
        await self.host.candle(CandleClosed(BTC, Timeframe.H4, at(number)))

    async def lives(self, first: int, last: int) -> None:
        for number in range(first, last + 1):
            await self.minute(number)
            await self.candle(number)

    async def exits(self) -> list[str]:
        return [str(closing.trade.exit_reason) for closing in await subjects(self.host.on, "PositionClosed")]

    async def ends(self) -> None:
        """What was begun, and what came of it."""
        while self.host.tasks:
            await asyncio.gather(*self.host.tasks)

    async def stops(self) -> None:
        for task in tuple(self.host.tasks):
            task.cancel()
        await asyncio.gather(*self.host.tasks, return_exceptions=True)


def at(number: int) -> datetime:
    return MONDAY + number * H4


def script() -> dict[str, str]:
    return {cycle(BTC, at(1)): says("BUY", 98, 104), cycle(BTC, at(5)): says("BUY", 102, 110)}


@pytest.fixture
def held(tmp_path: Path) -> Iterator[wiring.Home]:
    home = wiring.home(tmp_path / "home", SETTINGS, "run", is_durable=False)
    yield home
    home.close()


# --- Stages ---------------------------------------------------------------------------------------------------------


async def test_a_stop_that_is_hit_while_a_model_hangs_is_executed(held: wiring.Home) -> None:
    mind = Hanging(script(), cycle(BTC, at(6)))
    turned = Turned(held, mind)
    await turned.lives(1, 5)
    thinking = asyncio.create_task(turned.candle(6))
    await mind.hangs.wait()

    await turned.minute(7)

    assert await turned.exits() == ["target", "stop"] and not thinking.done()
    thinking.cancel()
    await turned.stops()


async def test_a_model_that_never_answers_is_told_to_end_and_the_next_candle_is_decided(
    held: wiring.Home, caplog: pytest.LogCaptureFixture
) -> None:
    mind = Hanging(script(), cycle(BTC, at(2)))
    turned = Turned(held, mind, decide=SOON_S)
    await turned.lives(1, 1)
    turned.host.troubles.said = lambda about, problem: said.append((about, problem))  # type: ignore[method-assign]
    said: list[tuple[str, str]] = []
    mind_asked = asyncio.create_task(turned.candle(2))
    await mind.hangs.wait()
    turned.host.stop.set()  # one try; else it is asked again for half a minute

    await mind_asked
    turned.host.stop.clear()
    await turned.lives(3, 3)

    problem = f"decide did not come back within {SOON_S:g} s; what it wrote stands"
    assert [what for about, what in said if about == str(BTC)] == [problem, ""]
    assert [made.id for made in await subjects(turned.host.on, "DecisionMade")] == [cycle(BTC, at(n)) for n in (1, 3)]
    (line,) = [one.getMessage() for one in caplog.records if "was told to end" in one.getMessage()]
    assert line.startswith(f"decide of {cycle(BTC, at(2))} did not come back within {SOON_S:g} s")
    stood = line.partition("it stood in ")[2].split(" < ")
    assert stood[0].endswith(" wait") and [one.split()[1] for one in stood[1:5]] == [
        "complete", "_asked", "_decided", "decide",
    ]  # fmt: skip
    told = (await measured(turned.host)).watchdog
    assert told and (told.overran, told.last) == (1, line)


async def test_what_hangs_after_a_stop_keeps_no_later_stop_waiting_and_is_told_again_when_it_heals(
    held: wiring.Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "MINUTE_S", 5 * SOON_S)
    monkeypatch.setattr(import_module("semanticsignal.stages.watch"), "COUNTED_WITHIN_S", SOON_S / 5)
    turned, memory = Turned(held, CycleModel(script())), Forgetful()
    turned.wear(replace(turned.host.on, memory=memory))
    await turned.lives(1, 5)  # the first trade closes, and whoever learns from it hangs from here on
    assert turned.host.watchdog.is_at("reflect")

    await turned.minute(7)
    after = await turned.exits()
    await turned.minute(8)  # tells both again, and hangs on neither twice
    async with asyncio.timeout(10):
        while turned.host.watchdog.is_at("watch"):
            await asyncio.sleep(0.01)
    at_work = [name for name, _ in turned.host.watchdog._at_work]
    left = await held.ledger.untold()
    memory.heals.set()
    await turned.ends()

    assert after == ["target", "stop"] and left
    assert sorted(at_work) == ["reflect", "reflect"]
    assert await memory.count(until=at(8)) == 2 and await held.ledger.untold() == ()


async def test_what_was_ended_is_told_again_later(held: wiring.Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "MINUTE_S", SOON_S)
    turned, memory = Turned(held, CycleModel(script()), reflect=SOON_S), Forgetful()
    turned.wear(replace(turned.host.on, memory=memory))
    await turned.lives(1, 4)
    await turned.ends()
    broken = (turned.host.loop.is_behind, await memory.count(until=at(4)), turned.host.watchdog.view().overran)

    memory.heals.set()
    Ticking(turned.host).catch_up()
    await turned.ends()

    assert broken[:2] == (True, 0) and broken[2] >= 1
    assert (turned.host.loop.is_behind, await memory.count(until=at(4))) == (False, 1)
    assert await held.ledger.untold() == ()


@dataclass
class Deaf:
    """A stage that heeds nobody who tells it to end."""

    begins: asyncio.Event = field(default_factory=asyncio.Event)
    ends: asyncio.Event = field(default_factory=asyncio.Event)
    runs: int = 0

    async def __call__(self, fact: Fact, on: Sockets) -> Facts:
        del fact, on
        self.runs += 1
        self.begins.set()
        while not self.ends.is_set():
            try:
                await self.ends.wait()
            except asyncio.CancelledError:
                continue
        return ()


async def test_a_stage_that_does_not_end_even_when_told_to_is_left_alone_and_tried_anew(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watchdog, "ENDS_WITHIN_S", SOON_S)
    deaf, heard = Deaf(), []

    async def other(fact: Fact, _: Sockets) -> Facts:
        heard.append(fact)
        return ()

    ledger = InMemoryLedger(SETTINGS.paper.start_quote)
    dog = Watchdog(wiring.system_clock(), lambda stage, _: SOON_S if stage.name == "deaf" else NEVER_S)
    stages = (Stage("other", (MinutePassed,), other), Stage("deaf", (MinutePassed,), deaf))
    loop = Loop(world(bars(path([100, 101]))), ledger, stages, turn=dog.turn)

    for _ in range(2):
        with pytest.raises(Stuck):
            await loop.run(MinutePassed(MONDAY))

    assert (deaf.runs, len(heard), dog.view().overran, dog.is_at("deaf")) == (2, 2, 2, False)
    assert sum("does not even end" in one.getMessage() for one in caplog.records) == 2
    deaf.ends.set()
    await asyncio.sleep(0)


async def test_a_fact_that_is_told_again_while_a_stage_is_at_it_is_not_worked_on_twice() -> None:
    deaf, dog = Deaf(), Watchdog(wiring.system_clock(), lambda *_: NEVER_S)
    ledger = InMemoryLedger(SETTINGS.paper.start_quote)
    loop = Loop(world(bars(path([100, 101]))), ledger, (Stage("deaf", (MinutePassed,), deaf),), turn=dog.turn)
    first = asyncio.create_task(loop.run(MinutePassed(MONDAY)))
    await deaf.begins.wait()

    await loop.run(MinutePassed(MONDAY))
    meanwhile = deaf.runs
    deaf.ends.set()
    await first
    await loop.run(MinutePassed(MONDAY))

    assert (meanwhile, deaf.runs) == (1, 2)


def test_every_stage_has_its_time_and_who_asks_models_has_theirs_too() -> None:
    patient = replace(Settings(), model=replace(Settings().model, deadline_s=840.0))

    took = {stage.name: (stage.within_s(Settings()), stage.within_s(patient)) for stage in STAGES}

    assert all(30 <= usual <= 300 for usual, _ in took.values())
    assert {name for name, (usual, more) in took.items() if more > usual} == {"decide", "review"}
    assert took["decide"][1] > 840


# --- The loop ---------------------------------------------------------------------------------------------------------


class Freed(logging.Handler):
    """Opens the gate when it is said that the loop stands still."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.lines = threading.Event(), list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        if "stands still" in self.lines[-1]:
            self.gate.set()


async def test_a_loop_that_stands_still_is_noticed_once_with_where_it_is() -> None:
    def blocks_everything(gate: threading.Event) -> None:
        assert gate.wait(30), "nobody noticed"

    dog, freed = Watchdog(wiring.system_clock()), Freed()
    log = logging.getLogger("semsig")
    log.addHandler(freed)
    try:
        with dog.listening(blocked_s=0.2, beat_s=0.02):
            blocks_everything(freed.gate)
            async with asyncio.timeout(30):
                while len(freed.lines) < 2:
                    await asyncio.sleep(0.01)
    finally:
        log.removeHandler(freed)

    still, again = freed.lines
    assert "blocks_everything" in still and "test_watchdog.py" in still
    assert again.startswith("the event loop turns again, after ")
    told = dog.view()
    assert (told.overran, told.blocked, told.last) == (0, 1, still) and (told.longest_blocked_s or 0) >= 0.2
    assert not any(thread.name == "watchdog" for thread in threading.enumerate())
