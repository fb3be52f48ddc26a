"""A disk that takes nothing: at the start one line, in the middle nothing is lost, and with room again it goes on."""

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import tape
from drivers.instance import Instance, free_port, here, refusal, until
from world import BTC, H4, MONDAY, CycleModel, bars, cycle, path, says, settings, subjects, told, world

from semanticsignal import wiring
from semanticsignal.adapters import chroma_server
from semanticsignal.adapters.inmemory import InMemoryArchive, InMemoryLedger
from semanticsignal.adapters.sqlite import SqliteMail
from semanticsignal.adapters.system_clock import SetClock
from semanticsignal.codec import dumps
from semanticsignal.domain import policy
from semanticsignal.domain.decision import Decision
from semanticsignal.domain.errors import LedgerUnavailable
from semanticsignal.domain.events import CandleClosed, MinutePassed
from semanticsignal.domain.market import Timeframe
from semanticsignal.domain.messages import Message, Post, Tone, Topic
from semanticsignal.drivers import disk
from semanticsignal.drivers.host import Host
from semanticsignal.drivers.post_office import PostOffice
from tests.drivers.test_keeper import keeping

SETTINGS = settings(memory__store="embedded", risk__cooldown_bars=0)
PRICES = [100, 100, 100, 103, 105, 105, 105, 101, 101]
RECORDED = {
    "SEMSIG_SYMBOLS": "BTC/USDT", "SEMSIG_CANDLE_LIMIT": "250", "SEMSIG_SIMULATION__HISTORY_DAYS": "3",
    "SEMSIG_MEMORY__STORE": "embedded",
}  # fmt: skip


def at(number: int) -> datetime:
    return MONDAY + number * H4


# --- In the middle ----------------------------------------------------------------------------------------------------


class Turned:
    """A host over a ledger whose file may not grow when it is told so: SQLite's own limit, and its own refusal."""

    def __init__(self, folder: Path) -> None:
        script = {cycle(BTC, at(1)): says("BUY", 98, 104), cycle(BTC, at(5)): says("BUY", 102, 110)}
        self.held = wiring.home(folder, SETTINGS, "run", is_durable=False)
        self.clock = SetClock(MONDAY)
        market: Any = world(bars(path(PRICES))).market
        place = wiring.World(market, self.clock, CycleModel(script), 1.0, tape=market)  # type: ignore[arg-type]
        self.host = Host(SETTINGS, self.held, place)

    def fills(self) -> None:
        """From now on no page more: what is free in those that there are is used up first."""
        db = self.held.ledger._db
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
        for size in (2_000_000, 1_000, 100):
            with pytest.raises(LedgerUnavailable, match="full"):
                self._stuffed(f"{pages} {size}", size)

    def _stuffed(self, name: str, size: int) -> None:
        for number in range(10_000):
            self.held.ledger.set_note(f"ballast {name} {number}", "x" * size)

    def locks(self) -> None:
        """Nothing is written any more."""
        self.held.ledger._db.execute("PRAGMA query_only = 1")

    def heals(self) -> None:
        self.held.ledger._db.execute("PRAGMA max_page_count = 1000000")
        self.held.ledger._db.execute("PRAGMA query_only = 0")

    async def turn(self, number: int) -> tuple[bool, bool]:
        """Whether the minute, and whether the candle, went through."""
        self.clock.set(at(number))
        went = (await self.host.run(MinutePassed(at(number))), await self.host.run(candle(number)))
        await self.ends()
        return went

    async def ends(self) -> None:
        while self.host.tasks:
            await asyncio.gather(*self.host.tasks)

    async def story(self) -> list[bytes]:
        """Everything, whatever came first: what is told again comes later. But for the prompt's seal: it stands since
        the first try, when the minute before it could not be marked."""
        told_of = [(entry.fact, entry.subject) for entry in await told(self.host.on)]
        plain = [(f, replace(s, prompt_sha256="") if isinstance(s, Decision) else s) for f, s in told_of]
        lived = sorted(dumps(fact) + dumps(subject) for fact, subject in plain)
        return [*lived, dumps(await self.held.ledger.portfolio())]


def candle(number: int) -> CandleClosed:
    return CandleClosed(BTC, Timeframe.H4, at(number))


@pytest.mark.parametrize(("breaks", "said"), [(Turned.fills, "is full"), (Turned.locks, "readonly")])
async def test_a_ledger_that_refused_at_every_close_ends_as_one_that_never_did(
    breaks: Callable[[Turned], None], said: str, tmp_path: Path
) -> None:
    whole, ill = Turned(tmp_path / "whole"), Turned(tmp_path / "ill")
    refused = []
    for number in range(1, 9):
        assert await whole.turn(number) == (True, True)

        breaks(ill)
        refused.append(await ill.turn(number))
        assert all(refused[-1]) or said in (ill.host.health().problem or "")
        ill.heals()
        assert await ill.turn(number) == (True, True)
        await ill.host.loop.recover()
        await ill.ends()

    assert sum(not decided for _, decided in refused) >= 4, "what cannot be written is not decided"
    trades = [[one.trade for one in await subjects(each.host.on, "PositionClosed")] for each in (ill, whole)]
    assert trades[0] == trades[1] and [str(trade.exit_reason) for trade in trades[0]] == ["target", "stop"]
    assert await ill.held.ledger.portfolio() == await whole.held.ledger.portfolio()
    if breaks is Turned.locks:  # on a full one a small decision may be written before a lesson that is larger
        assert await ill.story() == await whole.story()
    assert ill.host.health().problem is None and await ill.held.ledger.untold() == ()
    ill.held.close()
    whole.held.close()


async def test_a_post_that_cannot_be_noted_as_sent_is_sent_once(tmp_path: Path) -> None:
    mail = SqliteMail(tmp_path / "mail.db")

    class Courier:
        def __init__(self) -> None:
            self.posts: list[str] = []

        async def post(self, post: Post, told: Any, picture: Any) -> str:
            del told, picture
            self.posts.append(post.id)
            mail._db.execute("PRAGMA query_only = 1")
            return "name"

    class Clock(SetClock):
        waits = 0

        async def sleep(self, seconds: float) -> None:
            self.waits += 1
            if self.waits == 3:
                mail._db.execute("PRAGMA query_only = 0")
            await super().sleep(seconds)

    courier, clock = Courier(), Clock(MONDAY)
    wanted = policy.Discord()
    office = PostOffice(mail, courier, InMemoryArchive(), clock, wanted)  # type: ignore[arg-type]
    box = wiring.letterbox(policy.Settings(), mail, clock, office.woken, str)
    message = Message("one", Topic.EXIT, Tone.GAIN, MONDAY, "one", "one", about="paper", worth_s=3600.0)

    await box.take(message)
    await office.emptied()

    assert clock.waits == 3 and len(courier.posts) == 1
    assert await mail.waiting() == () and office.delivered == 1
    mail.close()


async def test_a_memory_on_a_full_disk_is_not_thrown_away_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = chroma_server.CHILD
    monkeypatch.setattr(chroma_server, "CHILD", "import sys; sys.exit('disk I/O error')")
    monkeypatch.setattr(disk, "ROOM", 2**60)
    async with keeping(tmp_path, InMemoryLedger(SETTINGS.paper.start_quote)) as kept:
        said = kept.said
        await kept.holds(lambda: asyncio.sleep(0, sum("disk is full" in one for one in said) > 8), "it is said")
        assert kept.memory.instead is None

        monkeypatch.setattr(disk, "ROOM", 0)
        monkeypatch.setattr(chroma_server, "CHILD", started)
        await kept.well(0)
    assert not any("broken" in name for name in await asyncio.to_thread(os.listdir, tmp_path))


# --- On a real one ----------------------------------------------------------------------------------------------------


@contextmanager
def small(folder: Path, *options: str) -> Iterator[Path]:
    """A file system of its own, where we may make one."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    made = subprocess.run(mount, capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def filled(folder: Path) -> Path:
    """With a file that takes all the room there is."""
    ballast = folder / "ballast"
    with ballast.open("ab", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            return ballast
    raise AssertionError("it has no end")


def run_on(home: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    return here("run", "--yes", "--port", free_port(), "--home", home, folder=folder)


def test_a_home_on_a_full_disk_is_one_line_at_the_start(tmp_path: Path) -> None:
    with small(tmp_path / "small", "size=1m") as mount:
        filled(mount)

        done = run_on(mount / "home", tmp_path)

    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("semsig: ") and str(mount / "home") in done.stderr


def test_a_home_that_is_read_only_is_one_line_at_the_start(tmp_path: Path) -> None:
    with small(tmp_path / "small", "size=1m") as mount:
        (mount / "home").mkdir()
        subprocess.run(["mount", "-o", "remount,ro", str(mount)], check=True)

        assert f"home cannot be written, was {mount / 'home'}" in refusal(run_on(mount / "home", tmp_path))
        assert f"home cannot be written, was {mount / 'new'}" in refusal(run_on(mount / "new", tmp_path))


def test_a_disk_that_fills_while_it_runs_stops_deciding_and_nothing_else(tmp_path: Path) -> None:
    market = tape.written(tmp_path / "candles", "BTC/USDT", tape.frames(800, 3, finer=(tape.M1,)), ending="parquet")

    def decisions(instance: Instance) -> list[str]:
        return [made["id"] for made in instance.get("/api/decisions", limit=1000)["decisions"]]

    with small(tmp_path / "small", "size=24m") as mount:
        options = ("--yes", "--market", market, "--speed", "max")
        with Instance(mount / "home", *options, **RECORDED) as instance:
            instance.running()
            before = decisions(instance)
            ballast = filled(mount)
            until(lambda: instance.status() == "degraded", "it says so")
            problem = instance.get("/api/health")["problem"]
            full = decisions(instance)
            ballast.unlink()
            until(lambda: len(decisions(instance)) > len(full), "it decides again")
            until(lambda: instance.status() == "running", "all is well")
            kept, code = decisions(instance), instance.stopped()

    assert "No space left" in problem or "full" in problem
    assert kept[-len(before) :] == before
    assert code == 0
