"""`semsig run` with a model that takes its time to look back: no candle, stop or target waits for it."""

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from world import BTC, H4, MONDAY, CycleModel, bars, cycle, path, says, settings, subjects, told, world

from semanticsignal import wiring
from semanticsignal.adapters.by_form import ByForm
from semanticsignal.adapters.system_clock import SetClock
from semanticsignal.domain.asking import Attempt, Usage
from semanticsignal.domain.decision import Prompt, Reply
from semanticsignal.domain.events import CandleClosed, PostMortemWritten
from semanticsignal.domain.learning import PostMortem
from semanticsignal.domain.ledger import Entry
from semanticsignal.domain.market import Timeframe
from semanticsignal.drivers import replay
from semanticsignal.drivers.figures import Figures
from semanticsignal.drivers.host import Host

PRICES = [100, 100, 100, 103, 105, 105, 105, 101, 101]
SETTINGS = settings(memory__store="embedded", risk__cooldown_bars=0)
SAID = {"expected": "a rise", "actual": "a rise", "verdict": "as planned", "lesson": "again"}


class Slow:
    """Looks back when it is told to, and not before."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.may_answer = asyncio.Event()

    async def complete(self, prompt: Prompt) -> Reply:
        self.asked.append(prompt.id)
        await self.may_answer.wait()
        return Reply(json.dumps(SAID), "slow")

    async def close(self) -> None:
        """Nothing is held."""


class Turned:
    """A host that is turned by hand."""

    def __init__(self, held: wiring.Home, slow: Slow) -> None:
        script = {cycle(BTC, MONDAY + H4): says("BUY", 98, 104), cycle(BTC, MONDAY + 5 * H4): says("BUY", 102, 110)}
        self.clock = SetClock(MONDAY)
        tape: Any = world(bars(path(PRICES))).market
        place = wiring.World(tape, self.clock, ByForm(CycleModel(script), slow), 1.0, tape=tape)  # type: ignore[arg-type]
        self.host = Host(SETTINGS, held, place)

    async def lives(self, first: int, last: int) -> None:
        """Each close: what rested, then the candle; nobody waits for anything else."""
        for number in range(first, last + 1):
            at: datetime = MONDAY + number * H4
            self.clock.set(at)
            await asyncio.wait_for(self.host.minute(at), 5)
            await asyncio.wait_for(self.host.candle(CandleClosed(BTC, Timeframe.H4, at)), 5)

    async def ends(self) -> None:
        await asyncio.gather(*self.host.tasks)

    async def stops(self) -> None:
        for task in tuple(self.host.tasks):
            task.cancel()
        await asyncio.gather(*self.host.tasks, return_exceptions=True)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[wiring.Home]:
    home = wiring.home(tmp_path / "home", SETTINGS, "run", is_durable=False)
    yield home
    home.close()


async def test_candles_and_stops_go_on_while_a_model_looks_back(held: wiring.Home) -> None:
    slow = Slow()
    turned = Turned(held, slow)

    await turned.lives(1, 7)
    exits = [closing.trade.exit_reason for closing in await subjects(turned.host.on, "PositionClosed")]
    decided, meanwhile = await told(turned.host.on, "DecisionMade"), await told(turned.host.on, "PostMortemWritten")
    waiting = await held.ledger.untold()
    slow.may_answer.set()
    await turned.ends()

    assert exits == ["target", "stop"] and len(decided) == 7
    assert meanwhile == [] and waiting
    assert [one.verdict for one in await subjects(turned.host.on, "PostMortemWritten")] == ["as planned"] * 2
    assert len(slow.asked) == 2 and await held.ledger.untold() == ()


async def test_a_stop_in_the_middle_of_it_loses_nothing(held: wiring.Home) -> None:
    first, second = Slow(), Slow()
    stopped = Turned(held, first)
    await stopped.lives(1, 5)
    await asyncio.sleep(0)
    await stopped.stops()
    second.may_answer.set()
    again = Turned(held, second)
    again.clock.set(MONDAY + 5 * H4)

    await again.host.loop.recover()
    await again.ends()

    assert first.asked == second.asked and len(first.asked) == 1
    assert len(await told(again.host.on, "PostMortemWritten")) == 1
    assert await held.ledger.untold() == ()


async def test_a_past_pays_nobody_for_its_post_mortems(held: wiring.Home) -> None:
    slow, tape = Slow(), world(bars(path(PRICES))).market
    script = {cycle(BTC, MONDAY + H4): says("BUY", 98, 104)}
    mind = ByForm(CycleModel(script), slow)  # type: ignore[arg-type]
    rig = wiring.replayed(SETTINGS, tape, held.ledger, MONDAY, mind)  # type: ignore[arg-type]
    plan = replay.Plan(SETTINGS, MONDAY + H4, MONDAY + 7 * H4)

    await replay.walk(rig, plan, replay.closes(tape, plan))  # type: ignore[arg-type]

    (one,) = await subjects(rig.on, "PostMortemWritten")
    assert (one.by, one.verdict) == ("rules-analyst", "went as planned") and slow.asked == []
    assert [made.model for made in await subjects(rig.on, "DecisionMade")] == ["by-cycle"] * 6


async def test_what_looking_back_cost_is_on_the_bill(held: wiring.Home) -> None:
    paid = Attempt("openrouter", "dear", MONDAY, 1.0, Usage(900, 100, cost_usd=Decimal("0.0031")))
    one = PostMortem("t#post-mortem", "t", BTC, MONDAY, "v", "e", "a", "l", "dear", attempts=(paid,))
    await held.ledger.record(Entry(PostMortemWritten(one.id, BTC, MONDAY), one))

    bill = await Figures(held.ledger, SETTINGS.timeframe).costs()

    assert (bill.total.calls, bill.total.cost_usd) == (1, Decimal("0.0031"))


async def test_a_defect_of_it_is_said_and_the_candles_go_on(held: wiring.Home) -> None:
    class Broken(Slow):
        async def complete(self, prompt: Prompt) -> Reply:
            raise RuntimeError("no such thing")

    turned = Turned(held, Broken())

    await turned.lives(1, 6)
    await asyncio.gather(*turned.host.tasks, return_exceptions=True)

    assert "no such thing" in (turned.host.health().problem or "")
    assert len(await told(turned.host.on, "DecisionMade")) == 6
