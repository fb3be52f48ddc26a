"""Told to stop at any moment: it ends soon, with 0, and the next start makes the ledger of one that never stopped."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from drivers.instance import PATIENCE_S, free_port, here, surroundings
from world import BTC, H4, MONDAY, CycleModel, bars, cycle, path, says, settings, told, world

from semanticsignal import wiring
from semanticsignal.adapters.system_clock import SetClock
from semanticsignal.codec import dumps
from semanticsignal.domain.events import Fact
from semanticsignal.drivers import farewell, instance, record, start
from semanticsignal.drivers import replay as replays
from semanticsignal.drivers.farewell import Farewell
from semanticsignal.drivers.host import Host
from semanticsignal.drivers.loop import Loop
from semanticsignal.ports import Facts, Sockets
from semanticsignal.stages import STAGES, Stage

SETTINGS = settings(memory__store="embedded", risk__cooldown_bars=0)
# The first trade ends at its target, the second at its stop.
PRICES = [100, 100, 100, 103, 105, 105, 105, 101, 101]
LAST, SOON_S = 8, 5.0


def at(number: int) -> datetime:
    return MONDAY + number * H4


class Gate:
    """Holds a stage, at its `turn`th, when its work is written and nobody was told of it yet."""

    def __init__(self, name: str = "", turn: int = 1) -> None:
        self._name, self._left = name, turn
        self.reached = asyncio.Event()

    def stages(self) -> tuple[Stage, ...]:
        return tuple(self._held(one) if one.name == self._name else one for one in STAGES)

    def _held(self, stage: Stage) -> Stage:
        async def run(fact: Fact, on: Sockets) -> Facts:
            facts = await stage.run(fact, on)
            self._left -= 1
            if self._left == 0:
                self.reached.set()
                await asyncio.Event().wait()
            return facts

        return stage._replace(run=run)


class Clock(SetClock):
    """Stands until it is set."""

    def start(self) -> None:
        """It is set by hand."""


class Lived:
    """An instance that lives by itself, on a clock that goes on when a candle is decided on."""

    def __init__(self, home: Path, gate: Gate, clock: Clock) -> None:
        script = {cycle(BTC, at(1)): says("BUY", 98, 104), cycle(BTC, at(5)): says("BUY", 102, 110)}
        self.held, self.clock = wiring.home(home, SETTINGS, "run", is_durable=False), clock
        market: Any = world(bars(path(PRICES))).market
        place = wiring.World(market, clock, CycleModel(script), 1e9, tape=market)  # type: ignore[arg-type]
        self.host, self.gate = Host(SETTINGS, self.held, place), gate
        watch = self.host.watchdog
        self.host.loop = Loop(
            self.host.on, self.held.ledger, gate.stages(), aside=self.host.aside, turn=watch.turn
        )  # fmt: skip

    async def lives(self, bye: Farewell) -> None:
        """Until it is told to stop, or has lived through all of it."""
        bye.stops(self.host.stop.set)
        going = asyncio.create_task(self._goes_on())
        await instance.until_stopped(self.host, bye)
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
        self.held.close()

    async def _goes_on(self) -> None:
        for number in range(1, LAST + 1):
            self.clock.set(max(at(number), self.clock.now()))
            while not await self.held.ledger.entry(f"DecisionMade:{cycle(BTC, at(number))}"):
                await asyncio.sleep(0.005)
        while self.host.tasks or await self.held.ledger.untold():
            await asyncio.sleep(0.005)
        self.host.stop.set()


def patient() -> Farewell:
    """Who is out of time leaves the process at once, which here is that of all tests."""
    return Farewell(within_s=PATIENCE_S)


async def whole(home: Path) -> list[bytes]:
    lived = Lived(home, Gate(), Clock(at(1)))
    with patient().listening() as bye:
        await lived.lives(bye)
    return await read(home)


async def read(home: Path) -> list[bytes]:
    held = wiring.home(home, SETTINGS, "run", is_durable=False)
    try:
        on = replace(world(bars(path(PRICES))), ledger=held.ledger)
        lived = sorted(dumps(entry.fact) + dumps(entry.subject) for entry in await told(on))
        return [*lived, dumps(await held.ledger.portfolio())]
    finally:
        held.close()


@pytest.mark.parametrize(
    ("name", "turn", "number"),
    [
        ("collect", 2, signal.SIGTERM), ("analyse", 5, signal.SIGINT), ("decide", 1, signal.SIGTERM),
        ("decide", 5, signal.SIGINT), ("execute", 1, signal.SIGTERM), ("watch", 4, signal.SIGINT),
        ("reflect", 4, signal.SIGTERM), ("review", 1, signal.SIGINT), ("notify", 3, signal.SIGTERM),
        ("show", 20, signal.SIGINT),
    ],
)  # fmt: skip
async def test_a_signal_in_the_middle_of_any_stage_loses_nothing(
    name: str, turn: int, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance, "PATIENCE_S", 0.05)
    clock, gate = Clock(at(1)), Gate(name, turn)
    async with asyncio.timeout(60):
        expected = await whole(tmp_path / "whole")
        with patient().listening() as bye:
            stopped = asyncio.create_task(Lived(tmp_path / "home", gate, clock).lives(bye))
            await gate.reached.wait()
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), number)  # and once more: it changes nothing
            async with asyncio.timeout(SOON_S):
                await stopped
        with patient().listening() as again:
            await Lived(tmp_path / "home", Gate(), clock).lives(again)

    assert bye.heard == [number, number]
    assert await read(tmp_path / "home") == expected


def test_a_signal_before_there_is_anything_to_stop_ends_it_with_0() -> None:
    with pytest.raises(SystemExit) as ended, Farewell().listening():
        os.kill(os.getpid(), signal.SIGTERM)

    assert ended.value.code == 0


# In a process of its own: what a signal ends is all of it. The port is asked for first, so this is in the middle of
# the start.
TOLD_TO_STOP = """
import os, signal, sys
from semanticsignal.drivers import instance
from semanticsignal.drivers.cli import main

bound, number = instance.web.bound, int(sys.argv.pop(1))

def told_to_stop(port):
    os.kill(os.getpid(), number)
    return bound(port)

instance.web.bound = told_to_stop
try:
    main()
finally:
    assert signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_is_loaded_or_made_ends_it_with_0_in_one_line(number: int, tmp_path: Path) -> None:
    line = ("run", "--yes", "--home", tmp_path / "home", "--port", free_port())
    done = subprocess.run(
        [sys.executable, "-c", TOLD_TO_STOP, str(int(number)), *map(str, line)],
        cwd=tmp_path, env=surroundings({}), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        timeout=PATIENCE_S,
    )  # fmt: skip

    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert ("interrupted; what was done stands" in done.stderr) == (number == signal.SIGINT)


@pytest.mark.parametrize("number", farewell.SIGNALS)
def test_a_recording_that_is_told_to_stop_ends_with_0_before_it_began_and_after(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("record", "tapes", "--market", "simulated", "--symbols", "BTC/USDC", "--timeframes", "4h")
    checked, minute = record.check, record.Recorder.minute

    def told_first(*take: Any) -> None:
        os.kill(os.getpid(), number)
        checked(*take)

    async def told_then(self: Any, at: datetime) -> None:
        await minute(self, at)
        os.kill(os.getpid(), number)

    with monkeypatch.context() as early:
        early.setattr(record, "check", told_first)
        first = here(*line, folder=tmp_path)
    monkeypatch.setattr(record.Recorder, "minute", told_then)
    then = here(*line, folder=tmp_path)

    assert (first.returncode, first.stdout, first.stderr) == (0, "", "")
    assert then.returncode == 0 and then.stdout.startswith("recorded to tapes: ")
    assert "Traceback" not in then.stderr


def test_a_replay_that_is_told_to_stop_is_broken_off_with_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def replayed(*_: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(60)

    monkeypatch.setattr(replays, "replay", replayed)
    without, with_home = (here("replay", ".", *more, folder=tmp_path) for more in ((), ("--home", "h")))

    assert (without.returncode, with_home.returncode) == (1, 1)
    assert without.stderr.startswith("semsig: interrupted; nothing of it is kept: with --home DIR")
    assert with_home.stderr.startswith("semsig: interrupted; what was done stands in h")


@pytest.mark.parametrize("code", [farewell.DONE, farewell.INTERRUPTED])
async def test_who_does_not_end_is_left_and_what_must_be_tidied_is(code: int) -> None:
    left, tidied = threading.Event(), threading.Event()
    codes: list[int] = []

    def leave(left_with: int) -> None:
        codes.append(left_with)
        left.set()

    bye = Farewell(code, leave, tidied.set, within_s=0.05)
    bye.tidies.append(lambda: 1 / 0)
    with bye.listening():
        bye.stops(lambda: None)
        os.kill(os.getpid(), signal.SIGTERM)

        assert await asyncio.to_thread(left.wait, 30)

    assert codes == [code] and tidied.is_set()


@pytest.mark.parametrize(
    ("command", "code"), [("run", 0), ("record", 0), ("record --only-backfill", 1), ("replay", 1), ("doctor", 1)]
)
def test_a_signal_while_all_else_is_loaded_is_no_traceback_and_one_at_the_very_end_changes_nothing(
    command: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Loading:
        def __getattr__(self, name: str) -> Any:
            if name == "main":
                os.kill(os.getpid(), signal.SIGINT)
            raise AttributeError(name)

    monkeypatch.setattr(sys, "argv", ["semsig", *command.split()])
    monkeypatch.setitem(sys.modules, "semanticsignal.drivers.cli", Loading())  # type: ignore[arg-type]
    before = {number: signal.getsignal(number) for number in farewell.SIGNALS}
    try:
        with pytest.raises(SystemExit) as ended:
            start.main()
        if code == farewell.DONE:
            for number in farewell.SIGNALS:
                os.kill(os.getpid(), number)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

    assert ended.value.code == code
    assert capsys.readouterr().err == ("" if code == farewell.DONE else "semsig: interrupted\n")
