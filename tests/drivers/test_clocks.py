"""Clocks that jump: what closed meanwhile is caught up or told as missed, nothing comes twice, venues' time counts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from loopback import serve
from world import BTC, H4, M1, MONDAY, RULES, CycleModel, bars, coarser, cycle, d, path, says, settings

from semanticsignal import wiring
from semanticsignal.adapters.candle_files import Tape
from semanticsignal.adapters.failover import Failover
from semanticsignal.adapters.inmemory import InMemoryPurse
from semanticsignal.adapters.system_clock import CheckedClock, SetClock
from semanticsignal.domain.asking import Fault
from semanticsignal.domain.decision import Prompt
from semanticsignal.domain.errors import MarketUnavailable, ModelUnavailable
from semanticsignal.domain.events import EquityMarked
from semanticsignal.domain.ledger import Closing, Entry
from semanticsignal.domain.market import Alone, Timeframe
from semanticsignal.drivers import instance, web, worlds
from semanticsignal.drivers.farewell import Farewell
from semanticsignal.drivers.host import Host
from semanticsignal.drivers.pace import Ticking
from semanticsignal.drivers.timekeeping import Timekeeper
from semanticsignal.logic.execute import position as fold

HOUR = timedelta(hours=1)
YEAR = timedelta(days=365)


async def unmarked() -> datetime | None:
    return None


class Turned(SetClock):
    """The clock of a run, set by hand."""

    def start(self) -> None:
        """It stands until it is set."""


# --- The crank --------------------------------------------------------------------------------------------------------


class Room:
    """A host over three days of minutes, with a long at the first close whose stop is met five hours and seven minutes
    later; its clock is set by hand, and each `tick` is one turn of its crank."""

    def __init__(self, home: Path) -> None:
        still = [(100, 100.2, 99.8, 100)] * (3 * 1440)
        fine = bars(still, timeframe=Timeframe.M1)
        fine.low[4 * 60 + 307] = 94.0
        script = {cycle(BTC, MONDAY + H4): says("BUY", stop=95.0, target=130.0)}
        self.model, told = CycleModel(script), settings(memory__store="embedded")
        self.clock = Turned(MONDAY + H4)
        series = {Timeframe.M1: fine, Timeframe.H4: coarser(fine, Timeframe.H4)}
        market = Tape({BTC: series}, rules={BTC: RULES}, is_simulated=True)
        held = wiring.home(home, told, "a test", is_durable=False)
        self.host = Host(told, held, wiring.World(market, self.clock, self.model, 1.0))  # type: ignore[arg-type]
        self.host.runs()
        self.crank = Ticking(self.host)
        self.boundary = MONDAY + H4

    async def tick(self, at: datetime) -> None:
        """And all that it set going."""
        self.clock.set(at)
        self.boundary = await self.crank.tick(self.boundary, at)
        while self.host.tasks:
            await asyncio.gather(*self.host.tasks)

    async def entries(self, *kinds: str) -> list[str]:
        return [entry.id for entry in await self.host.held.ledger.entries(kinds=kinds, limit=10_000)]

    @property
    def problem(self) -> str | None:
        return self.host.health().problem


@pytest.fixture
async def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Room]:
    monkeypatch.delenv("DISCORD_WEBHOOK_URL", raising=False)
    made = Room(tmp_path / "home")
    await made.tick(MONDAY + H4)
    await made.tick(MONDAY + H4 + 2 * M1)
    assert await made.entries("PositionOpened")
    yield made
    made.host.held.close()


async def test_after_ten_hours_asleep_the_stop_is_met_in_its_minute_and_what_closed_is_missed_or_decided(
    room: Room,
) -> None:
    await room.tick(MONDAY + 14 * HOUR)

    (closed,) = await room.host.held.ledger.entries(kinds=("PositionClosed",))
    assert isinstance(closed.subject, Closing)
    assert Timeframe.M1.floor(closed.subject.trade.closed_at) == MONDAY + H4 + 307 * M1
    assert await room.entries("CandleMissed") == [
        f"CandleMissed:{cycle(BTC, MONDAY + hours * HOUR)}" for hours in (8, 12)
    ]
    assert await room.entries("DecisionMade") == [f"DecisionMade:{cycle(BTC, MONDAY + H4)}"]
    assert len(await room.entries("EquityMarked")) == 3 and room.problem is None

    await room.tick(MONDAY + 16 * HOUR + M1)
    assert len(await room.entries("DecisionMade")) == 2, "and it goes on with the next"


async def test_a_close_slept_over_by_less_than_a_quarter_of_a_bar_is_decided_once(room: Room) -> None:
    await room.tick(MONDAY + 8 * HOUR + 40 * M1)
    stood = await room.entries()

    for later in range(3):
        await room.tick(MONDAY + 8 * HOUR + (41 + later) * M1)

    assert f"DecisionMade:{cycle(BTC, MONDAY + 8 * HOUR)}" in stood
    assert await room.entries() == stood and len(room.model.prompts) == 2


@pytest.mark.parametrize("back", [timedelta(seconds=3), HOUR, 3 * H4, YEAR], ids=str)
async def test_a_clock_set_back_repeats_nothing_and_waits_for_the_next_close(room: Room, back: timedelta) -> None:
    await room.tick(MONDAY + 8 * HOUR)
    stood, asked = await room.entries(), len(room.model.prompts)

    await room.tick(MONDAY + 8 * HOUR - back)
    for _ in range(3):
        await room.tick(room.clock.now() + M1)

    assert await room.entries() == stood and len(room.model.prompts) == asked
    assert room.boundary > room.clock.now(), "the crank rests until then"
    await room.tick(MONDAY + 12 * HOUR)
    assert f"DecisionMade:{cycle(BTC, MONDAY + 12 * HOUR)}" in await room.entries()
    assert await room.entries("CandleMissed") == [], "of what was lived through nothing was missed"


async def test_a_clock_that_goes_to_and_fro_over_a_close_decides_it_once(room: Room) -> None:
    for seconds in (-1, 1, -2, 0, -1, 5, -3, 2):
        await room.tick(MONDAY + 8 * HOUR + timedelta(seconds=seconds))

    assert len(await room.entries("DecisionMade")) == len(room.model.prompts) == 2


# --- The machine's clock and the venues' ------------------------------------------------------------------------------


class Machine:
    """A wall clock that can be set, and one that nobody sets. `slept`: only the first goes on."""

    def __init__(self) -> None:
        self.wall, self.ticks = MONDAY, 1000.0
        self.true = MONDAY
        self.clock = CheckedClock(lambda: self.wall, lambda: self.ticks)
        self.clock.judged(0.0)

    def passes(self, time: timedelta) -> None:
        self.true += time
        self.wall += time
        self.ticks += time.total_seconds()

    def sleeps(self, time: timedelta) -> None:
        self.true += time
        self.wall += time

    def steps(self, by: timedelta) -> None:
        self.wall += by

    async def ahead_s(self) -> float | None:
        return (self.clock.now() - self.true).total_seconds()


STEPS = [timedelta(seconds=5), HOUR, YEAR, -timedelta(seconds=5), -HOUR, -YEAR]


@pytest.mark.parametrize("step", STEPS, ids=str)
async def test_a_step_of_the_machines_clock_moves_nothing_and_is_told(step: timedelta) -> None:
    machine, said = Machine(), [""]
    keeper = Timekeeper(machine.clock, machine.ahead_s, said.append, unmarked)
    await keeper.look()
    machine.passes(HOUR)
    machine.steps(step)

    assert machine.clock.now() == machine.true and keeper.is_due()
    await keeper.look()

    assert machine.clock.now() == machine.true and not keeper.is_due()
    way = "ahead of" if step > timedelta() else "behind"
    assert said[-1].startswith(f"this machine's clock is {abs(step).total_seconds():.0f} s {way} the venues'")
    machine.steps(-step)
    machine.clock.now()
    await keeper.look()
    assert machine.clock.now() == machine.true and said[-1] == ""


async def test_after_a_night_asleep_it_is_morning_once_a_venue_says_so() -> None:
    machine, said = Machine(), [""]
    keeper = Timekeeper(machine.clock, machine.ahead_s, said.append, unmarked)
    await keeper.look()
    machine.sleeps(8 * HOUR)

    before, is_due = machine.clock.now(), keeper.is_due()
    await keeper.look()

    assert (before, is_due) == (MONDAY, True)
    assert machine.clock.now() == MONDAY + 8 * HOUR and said[-1] == ""


async def test_a_clock_that_runs_away_slowly_is_corrected_too() -> None:
    machine = Machine()
    for _ in range(10):
        machine.passes(M1)
        machine.steps(timedelta(seconds=1))
        machine.clock.now()
    assert machine.clock.now() - machine.true == timedelta(seconds=10)

    machine.clock.judged((await machine.ahead_s()) or 0.0)

    assert machine.clock.now() == machine.true and machine.clock.ahead_s == 10.0


async def test_while_nobody_answers_the_old_time_goes_on_and_that_is_told() -> None:
    machine, said = Machine(), [""]
    answers: list[Callable[[], Awaitable[float | None]]] = []

    async def nobody() -> float | None:
        return None

    async def ask() -> float | None:
        return await answers[-1]()

    answers.append(machine.ahead_s)
    keeper = Timekeeper(machine.clock, ask, said.append, unmarked)
    await keeper.look()
    machine.steps(YEAR)
    machine.clock.now()
    answers.append(nobody)

    await keeper.look()
    machine.passes(HOUR)

    assert machine.clock.now() == machine.true
    assert "nobody who can be believed tells which time it is" in said[-1] and not keeper.is_due()


class Telling:
    """A venue of which only the time is asked."""

    def __init__(self, name: str, ahead: float | Exception | None) -> None:
        self.sources, self._ahead = (name,), ahead

    async def ahead_s(self) -> float | None:
        if isinstance(self._ahead, Exception):
            raise self._ahead
        return self._ahead


SILENT = MarketUnavailable("nobody answers")


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ([0.1], 0.1),
        ([SILENT], None),
        ([3600.0, 3600.4, 0.0], 3600.0),
        ([YEAR.total_seconds(), 0.1, 0.2], 0.1),
        ([SILENT, 5.0, 5.5], 5.0),
        ([None, 5.0, 5.5], 5.0),
        ([0.1, YEAR.total_seconds()], 0.1),
        ([0.1, SILENT, None], 0.1),
        ([7.0, YEAR.total_seconds()], None),
        ([ValueError("no time"), SILENT, 7.0], None),
    ],
)
async def test_one_venue_that_tells_a_false_time_moves_no_clock(told: list[Any], found: float | None) -> None:
    venues = [(name, Telling(name, one)) for name, one in zip(("binance", "kucoin", "gate"), told, strict=False)]

    market = Failover(venues, clock=lambda: MONDAY)  # type: ignore[arg-type]

    assert await market.ahead_s() == found


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ([3600.0, 3600.0, 0.1, 0.2], 0.1),
        ([3600.0, 3600.0, SILENT, 0.2], 0.2),
        ([3600.0, 3600.0, SILENT, SILENT], None),
        ([SILENT, 5.0, 5.5, SILENT], 5.0),
    ],
    ids=["outvoted", "outvoted by one and our clock", "no second voice", "only its mirror is open"],
)
async def test_a_venue_and_its_mirror_are_one_voice_about_the_time(told: list[Any], found: float | None) -> None:
    names = ("binance", "binance", "kucoin", "gate")
    venues = [(name, Telling(name, one)) for name, one in zip(names, told, strict=True)]

    assert await Failover(venues, clock=lambda: MONDAY).ahead_s() == found  # type: ignore[arg-type]
    alone = await Failover(venues[:2], clock=lambda: MONDAY).ahead_s()  # type: ignore[arg-type]
    assert isinstance(alone, Alone), "who has no other venue has one that tells, not two"


async def test_what_is_wrong_with_the_clock_is_on_the_page(tmp_path: Path) -> None:
    machine = Machine()
    told = settings(memory__store="embedded")
    market = Tape({BTC: {Timeframe.H4: bars(path([100, 101, 102]))}}, rules={BTC: RULES}, is_simulated=True)
    held = wiring.home(tmp_path / "home", told, "a test", is_durable=False)
    checked = (machine.clock, machine.ahead_s)
    host = Host(told, held, wiring.World(market, machine.clock, CycleModel(), 1.0, checked=checked))
    host.runs()
    machine.steps(HOUR)

    await Ticking(host).tick(MONDAY + H4, machine.clock.now())
    await asyncio.gather(*host.tasks)

    assert host.health().problem == "this machine's clock is 3600 s ahead of the venues'; theirs counts: set it"
    assert host.health().now == MONDAY
    held.close()


def dear() -> FastAPI:
    """A model whose one answer costs 18 cents."""
    api = FastAPI()

    async def answer() -> dict[str, Any]:
        choice = {"index": 0, "message": {"role": "assistant", "content": says("HOLD")}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 100_000, "completion_tokens": 8_000}
        return {"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}

    api.add_api_route("/v1/chat/completions", answer, methods=["POST"])
    return api


async def test_a_step_of_the_machines_clock_opens_no_other_days_budget(tmp_path: Path) -> None:
    machine = Machine()
    async with serve(dear()) as url, AsyncExitStack() as stack:
        told = settings(
            model__provider="local", model__base_url=f"{url}/v1", model__name="m", model__input_usd=d(1),
            model__output_usd=d(10), budget__day_usd=d("0.2"),
        )  # fmt: skip
        held = wiring.home(tmp_path / "home", told, "a test", is_durable=False)
        stack.callback(held.close)
        mind, purse, _ = await worlds.spending(stack, told, held, machine.clock)
        await mind.complete(Prompt("one", "1", "system", "What now?", within_s=5.0))
        for day in range(3):
            machine.steps(24 * HOUR)
            with pytest.raises(ModelUnavailable) as refused:
                await mind.complete(Prompt(f"again {day}", "1", "system", f"And now, {day}?", within_s=5.0))
            assert refused.value.fault is Fault.BUDGET

        assert purse and await purse.spent("2026-01-05") == await purse.spent("2026-01") == d("0.18")


async def test_the_page_tells_of_the_budget_of_the_same_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISCORD_WEBHOOK_URL", raising=False)
    machine, told = Machine(), settings(memory__store="embedded", home=str(tmp_path / "home"))
    market = Tape({BTC: {Timeframe.H4: bars(path([100, 101, 102]))}}, rules={BTC: RULES}, is_simulated=True)
    asked: list[asyncio.Task[httpx.Response]] = []

    async def world(*_: Any) -> wiring.World:
        checked = (machine.clock, machine.ahead_s)
        return wiring.World(market, machine.clock, CycleModel(), 1.0, purse=InMemoryPurse(), checked=checked)

    async def ask(host: Host, address: str) -> httpx.Response:
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                return await client.get(f"{address}/api/costs")
        finally:
            host.stop.set()

    def ready(host: Host, address: str) -> None:
        asked.append(asyncio.create_task(ask(host, address)))

    with Farewell(within_s=120.0).listening() as bye:  # who is out of time would take all tests along
        async with AsyncExitStack() as stack:
            where = instance.Where("live", None, world)
            await instance.lived(stack, told, where, (web.bound(0), ready), bye)

    budget = asked[0].result().json()["budget"]
    assert [one["account"] for one in budget] == ["2026-01-05", "2026-01"]


@pytest.mark.parametrize("ahead_s", [-3e11, 1e18, float("inf"), float("nan"), 100_000.0])
def test_what_no_clock_is_wrong_by_is_not_believed(ahead_s: float) -> None:
    clock = CheckedClock(lambda: MONDAY, lambda: 0.0)

    clock.judged(ahead_s)

    assert clock.is_unsure and clock.now() == MONDAY


def test_one_venue_alone_moves_a_clock_by_an_hour_at_most_unless_the_machine_says_so_too() -> None:
    machine = Machine()
    machine.clock.judged(Alone(-2 * 86_400.0))
    assert machine.clock.is_unsure and machine.clock.now() == machine.true

    machine.clock.judged(Alone(0.0))
    machine.sleeps(8 * HOUR)
    machine.clock.now()
    machine.clock.judged(Alone(-8 * 3600.0))

    assert not machine.clock.is_unsure and machine.clock.now() == machine.true


async def test_while_the_time_is_unsure_stops_are_met_but_nothing_is_opened_or_marked(room: Room) -> None:
    room.clock.is_unsure = True

    await room.tick(MONDAY + 12 * HOUR + M1)

    assert await room.entries("PositionClosed") and len(await room.entries("EquityMarked")) == 1
    room.clock.is_unsure = False
    await room.tick(MONDAY + 12 * HOUR + 2 * M1)
    assert len(await room.entries("EquityMarked")) == 3


@pytest.mark.parametrize(("is_unsure", "ahead", "is_opened"), [(True, None, False), (False, YEAR, True)])
async def test_a_mark_in_the_future_makes_no_entry_late_and_an_unsure_clock_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_unsure: bool, ahead: timedelta | None, is_opened: bool
) -> None:
    monkeypatch.delenv("DISCORD_WEBHOOK_URL", raising=False)
    made = Room(tmp_path / "home")
    made.clock.is_unsure = is_unsure
    if ahead:
        ledger = made.host.held.ledger
        before = await ledger.portfolio()
        after, point = fold.with_mark(before, (), MONDAY + ahead)
        await ledger.settle(Entry(EquityMarked(point.at.isoformat(), point.at), point), before, after)

    await made.tick(MONDAY + H4)
    await made.tick(MONDAY + H4 + 2 * M1)
    await made.tick(MONDAY + 10 * HOUR)

    assert bool(await made.entries("PositionOpened")) is bool(await made.entries("PositionClosed")) is is_opened
    assert bool(await made.entries("OrderExpired")) is is_unsure
    made.host.held.close()


async def test_a_mark_in_the_future_is_a_problem_of_the_clock() -> None:
    machine, said = Machine(), [""]

    async def marked() -> datetime:
        return MONDAY + YEAR

    await Timekeeper(machine.clock, machine.ahead_s, said.append, marked).look()

    assert said[-1].startswith("equity is marked until 2")
