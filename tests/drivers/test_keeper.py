"""The memory of a home: whatever happens to its Chroma, trading goes on, nothing is lost, and the index is mended."""

import asyncio
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from chroma_server import formed, lesson, written
from drivers.instance import Instance, here, refusal, until
from world import BTC, H4, MONDAY, CycleModel, bars, close, cycle, d, live, path, says, subjects, tick, world

from semanticsignal import wiring
from semanticsignal.adapters import chroma_server
from semanticsignal.adapters.inmemory import InMemoryLedger, InMemoryMemory
from semanticsignal.adapters.sqlite import SqliteLedger
from semanticsignal.domain.errors import LeaseLost, LedgerUnavailable, MemoryUnavailable
from semanticsignal.domain.learning import Conditions, Experience
from semanticsignal.domain.lease import Lease
from semanticsignal.domain.policy import Memory, Settings
from semanticsignal.drivers import doctor, keeper
from semanticsignal.drivers.findings import State
from semanticsignal.drivers.keeper import Keeper
from semanticsignal.ports import Ledger, Sockets
from tests.adapters.test_memory import edition, lived, refused

EVER = MONDAY + timedelta(days=10_000)
NOW = Conditions({}, {"rsi": 60.0})
TICK_S = 0.02


class Kept:
    """A memory that is kept, and what was said of it."""

    def __init__(self, room: wiring.HomeMemory) -> None:
        self.room, self.said = room, [""]

    @property
    def memory(self) -> Any:
        return self.room.memory

    async def well(self, count: int | None = None) -> None:
        """Until it answers, and with so many. Fails when it never does."""
        await self.holds(lambda: self._is_well(count), "memory is well")

    async def holds(self, true: Callable[[], Awaitable[bool]], what: str) -> None:
        async with asyncio.timeout(30):
            while not await true():
                await asyncio.sleep(0.01)

    async def _is_well(self, count: int | None) -> bool:
        try:
            await self.memory.similar(NOW, until=EVER, limit=1)
            held = await self.memory.memory.count(until=EVER)
        except MemoryUnavailable:
            return False
        return self.said[-1] == "" and count in (None, held)


class InHand:
    """A ledger of a home that somebody takes over when a test says so."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self.is_lost = ledger, False

    def check_lease(self) -> None:
        if self.is_lost:
            raise LeaseLost("another process has this home")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


def room_of(folder: Path, ledger: Ledger) -> wiring.HomeMemory:
    held: Any = wiring.Home(folder, InHand(ledger), None, Lease(1, 1, MONDAY, "lock"))  # type: ignore[arg-type]
    room = wiring.home_memory(Settings(), held)
    assert room is not None
    return room


@asynccontextmanager
async def keeping(folder: Path, ledger: Ledger) -> AsyncIterator[Kept]:
    found = Kept(room_of(folder, ledger))
    task = asyncio.create_task(Keeper(found.room, found.said.append, TICK_S).keep())
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await found.room.server.stop()
        await found.memory.memory.close()


@pytest.fixture
def ledger() -> InMemoryLedger:
    return InMemoryLedger(d(10_000))


@pytest.fixture
async def kept(tmp_path: Path, ledger: InMemoryLedger) -> AsyncIterator[Kept]:
    async with keeping(tmp_path, ledger) as found:
        yield found


async def reflect(ledger: Ledger, kept: Kept, *ones: Experience) -> None:
    """As the stage does: written down, then told."""
    for one in ones:
        await ledger.record(lesson(one))
        await kept.memory.remember(one)


def some(count: int, name: str = "e") -> list[Experience]:
    return [lived(f"{name}{number}", number, rsi=50.0 + number) for number in range(count)]


async def recalls_the_same(kept: Kept, ones: list[Experience]) -> bool:
    exact = InMemoryMemory()
    for one in ones:
        await exact.remember(one)
    found = await kept.memory.similar(NOW, until=EVER, limit=9)
    return bool(found == await exact.similar(NOW, until=EVER, limit=9))


# --- Faults -----------------------------------------------------------------------------------------------------------


async def test_who_lost_its_home_neither_starts_a_server_there_nor_moves_its_folder(
    tmp_path: Path, ledger: InMemoryLedger
) -> None:
    room, said = room_of(tmp_path, ledger), [""]
    kept = asyncio.create_task(Keeper(room, said.append, TICK_S).keep())
    async with asyncio.timeout(30):
        while not room.memory.is_whole:
            await asyncio.sleep(0.01)
    room.ledger.is_lost = True  # type: ignore[attr-defined]
    assert room.server.pid is not None
    os.kill(room.server.pid, signal.SIGKILL)  # as a child ends when another takes the home over

    with pytest.raises(LeaseLost):
        await asyncio.wait_for(kept, 30)

    assert not room.server.is_up and not any(said)
    with pytest.raises(LeaseLost):
        await room.server.set_aside()
    assert room.server.folder.is_dir()
    await room.server.stop()
    await room.memory.memory.close()


async def test_a_server_that_is_killed_while_it_writes_loses_nothing(kept: Kept, ledger: InMemoryLedger) -> None:
    ones = some(120)
    await kept.well(0)

    for number, one in enumerate(ones):
        await reflect(ledger, kept, one)
        if number % 30 == 15:
            killed = kept.room.server.pid
            assert killed is not None
            writing = asyncio.create_task(kept.memory.memory.remember(ones[-1]))
            os.kill(killed, signal.SIGKILL)
            await asyncio.gather(writing, return_exceptions=True)
        if number % 30 == 29:
            await kept.well(number + 1)

    await kept.well(120)
    assert await recalls_the_same(kept, ones)


async def test_a_folder_that_is_deleted_is_filled_again(kept: Kept, ledger: InMemoryLedger) -> None:
    ones = some(20)
    await kept.well(0)
    await reflect(ledger, kept, *ones[:10])
    await kept.well(10)

    shutil.rmtree(kept.room.server.folder)
    await reflect(ledger, kept, *ones[10:])

    await kept.holds(lambda: asyncio.to_thread(kept.room.server.folder.exists), "another folder")
    await kept.well(20)
    assert await recalls_the_same(kept, ones)


def not_a_database(folder: Path) -> None:
    (folder / "chroma.sqlite3").write_bytes(b"no database" * 1000)
    (folder / "chroma.sqlite3-wal").unlink(missing_ok=True)


def a_broken_index(folder: Path) -> None:
    for index in folder.glob("*-*/*"):
        index.write_bytes(os.urandom(5000))


@pytest.mark.parametrize(("broken", "is_set_aside"), [(not_a_database, True), (a_broken_index, None)])
async def test_garbage_on_the_disk_is_set_aside_and_all_is_filled_again(
    tmp_path: Path, ledger: InMemoryLedger, broken: Callable[[Path], None], is_set_aside: bool | None
) -> None:
    ones = some(1200)
    for one in ones:
        await ledger.record(lesson(one))
    async with keeping(tmp_path, ledger) as before:
        await before.well(1200)
    assert list((tmp_path / "chroma").glob("*-*/*")), "no index on the disk"
    broken(tmp_path / "chroma")

    async with keeping(tmp_path, ledger) as kept:
        await kept.well(1200)

        assert await recalls_the_same(kept, ones)
        assert kept.memory.instead is None
    if is_set_aside:
        assert (tmp_path / "chroma.broken-1" / "chroma.sqlite3").read_bytes().startswith(b"no database")


async def test_counts_that_drift_are_mended(
    kept: Kept, ledger: InMemoryLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "LOOK_S", keeper.TICK_S)
    await kept.well(0)
    await reflect(ledger, kept, *some(5))
    (name,) = [name for name in await kept.memory.memory._known() if name.startswith("experiences")]

    await kept.memory.memory._on(name, "delete", {"where": {"id": "e3"}})
    await kept.well(5)
    await kept.memory.memory.remember(lived("stray"))
    await kept.well(5)

    assert await recalls_the_same(kept, some(5))


async def test_an_hour_without_a_server_is_an_hour_of_trading_that_is_remembered_afterwards(tmp_path: Path) -> None:
    # Bought at the first close, sold at the target two bars later; the clock is set, the hour is four of them.
    script = {cycle(BTC, MONDAY + H4): says("BUY", 98.0, 104.0)}
    on = world(
        bars(path([100, 100, 100, 103, 105, 105, 105])), model=CycleModel(script), ledger=InMemoryLedger(d(10_000))
    )
    found = Kept(room_of(tmp_path, on.ledger))
    away: Sockets = replace(on, memory=found.memory)

    await live(away, MONDAY + H4, MONDAY + 5 * H4)

    decisions = await subjects(on, "DecisionMade")
    assert len(decisions) == 5 and all("decided without memory" in one.notes[0] for one in decisions)
    assert len(await subjects(on, "LessonLearned")) == 1

    task = asyncio.create_task(Keeper(found.room, found.said.append, TICK_S).keep())
    await found.well(1)
    await tick(away, MONDAY + 6 * H4)
    await close(away, MONDAY + 6 * H4)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await found.room.server.stop()
    await found.memory.memory.close()

    assert not any("without memory" in note for note in (await subjects(on, "DecisionMade"))[-1].notes)
    assert (await subjects(on, "LessonLearned"))[0].experience.trade_id


async def test_a_server_that_hangs_is_started_anew(
    kept: Kept, ledger: InMemoryLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semanticsignal.adapters.chroma.store.READ_S", 0.2)
    await kept.well(0)
    await reflect(ledger, kept, *some(3))
    hung = kept.room.server.pid
    assert hung is not None
    monkeypatch.setattr(chroma_server, "ENDS_WITHIN_S", 0.1)

    os.kill(hung, signal.SIGSTOP)
    with pytest.raises(MemoryUnavailable):
        await kept.memory.similar(NOW, until=EVER, limit=1)

    await kept.well(3)
    assert kept.room.server.pid != hung and not psutil.pid_exists(hung)


# --- When it cannot be had --------------------------------------------------------------------------------------------


async def test_without_the_package_the_index_in_the_process_answers(
    tmp_path: Path, ledger: InMemoryLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chroma_server, "PACKAGE", "no_such_package")
    for noun in (*some(2), refused("r", rsi=63.0)):
        await ledger.record(written(noun))
    await ledger.record(formed(edition(4)))

    async with keeping(tmp_path, ledger) as kept:
        await kept.holds(lambda: asyncio.sleep(0, bool(kept.memory.instead)), "the other index")
        await reflect(ledger, kept, lived("new", 9, rsi=60.0))
        await kept.memory.learn(edition(5))

        assert await kept.memory.count(until=EVER) == 3
        assert (await kept.memory.similar(NOW, until=EVER, limit=1))[0][0].id in ("new", "e0", "e1")
        assert len(await kept.memory.refused(NOW, until=EVER, limit=9)) == 1
        assert await kept.memory.rules(until=EVER) == (edition(5),)
        await asyncio.sleep(0)
        assert "not installed: the index in this process stands in" in kept.said[-1]
    assert not (tmp_path / "chroma").exists()


async def test_a_doctor_starts_chroma_and_says_where_memory_will_be(monkeypatch: pytest.MonkeyPatch) -> None:
    async def said(settings: Settings) -> tuple[State, str]:
        (found,) = await doctor._memory(settings, 20)
        return found.state, found.said

    embedded = Settings(memory=Memory(store="embedded"))
    state, words = await said(Settings())
    assert state is State.OK and re.fullmatch(r"Chroma starts, on a free port such as \d+", words)
    assert await said(embedded) == (State.OK, "kept in the process, as memory.store says")

    monkeypatch.setattr(chroma_server, "CHILD", "import no_such_thing")
    state, words = await said(Settings())
    assert state is State.WARNING and words.startswith("Chroma does not start: ") and "in the process" in words

    monkeypatch.setattr(chroma_server, "PACKAGE", "no_such_package")
    assert await said(Settings()) == (State.WARNING, "Chroma is not installed: it is kept in the process")
    assert (await said(embedded))[0] is State.OK


async def test_a_chroma_that_never_starts_is_given_up_after_a_new_folder_was_tried(
    tmp_path: Path, ledger: InMemoryLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "LONGEST_S", 0.02)
    monkeypatch.setattr(chroma_server, "CHILD", "import sys; sys.exit('out of order')")
    await ledger.record(lesson(lived("a", rsi=63.0)))

    async with keeping(tmp_path, ledger) as kept:
        await kept.holds(lambda: asyncio.sleep(0, bool(kept.memory.instead)), "the other index")

        assert await kept.memory.count(until=EVER) == 1
        await asyncio.sleep(0)
    assert "out of order" in kept.said[1]
    assert "chroma.log says more: the index in this process stands in" in kept.said[-1]
    assert (tmp_path / "chroma.broken-1").is_dir()


async def test_a_ledger_that_cannot_be_read_costs_no_memory(
    kept: Kept, ledger: InMemoryLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = ledger.entries

    async def unreadable(**asked: Any) -> Any:
        raise LedgerUnavailable("the disk is busy")

    monkeypatch.setattr(ledger, "entries", unreadable)
    await kept.holds(lambda: asyncio.sleep(0, "the disk is busy" in kept.said), "it is said")
    monkeypatch.setattr(ledger, "entries", read)

    await kept.well(0)
    assert not list(kept.room.server.folder.parent.glob("*.broken-*"))


# --- In the whole system ----------------------------------------------------------------------------------------------


QUICK = {"SEMSIG_SIMULATION__HISTORY_DAYS": "15"}


def children(instance: Instance) -> list[psutil.Process]:
    """Those that live: `platform` has a `uname` of its own for a moment."""
    return [one for one in psutil.Process(instance.process.pid).children() if is_alive(one)]


def is_alive(one: psutil.Process) -> bool:
    try:
        return bool(one.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_an_instance_has_a_chroma_of_its_own_that_ends_with_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Instance(home, "--yes", **QUICK) as instance:
        instance.running()
        (child,) = until(lambda: children(instance), "a child")
        assert until((home / "chroma" / "chroma.sqlite3").exists, "its folder")

        child.kill()

        (other,) = until(lambda: [one for one in children(instance) if one.pid != child.pid], "another child")
        until(lambda: instance.get("/api/health")["problem"] is None, "memory is well")
        assert "another semsig runs on this home" in refusal(here("memory", "rebuild", "--home", home, folder=tmp_path))
        lessons = instance.get("/api/memory")["experiences"]
    assert lessons
    until(lambda: not other.is_running(), "the child ended")

    done = here("memory", "rebuild", "--home", home, folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert f"memory holds {len(lessons)} experiences" in done.stdout


def test_an_embedded_memory_needs_no_child_and_no_rebuild(tmp_path: Path) -> None:
    embedded = {"SEMSIG_MEMORY__STORE": "embedded"}
    with Instance(tmp_path / "home", "--yes", **QUICK, **embedded) as instance:
        instance.running()
        assert children(instance) == []
        assert instance.get("/api/memory")["experiences"]
    assert not (tmp_path / "home" / "chroma").exists()

    done = here("memory", "rebuild", "--home", tmp_path / "home", folder=tmp_path, variables=embedded)

    assert "nothing to do" in done.stdout


def test_a_home_that_lived_nothing_has_nothing_to_rebuild(tmp_path: Path) -> None:
    said = refusal(here("memory", "rebuild", "--home", tmp_path / "home", folder=tmp_path))

    assert "nothing was lived in this home yet" in said and not (tmp_path / "home").exists()


async def test_a_rebuild_starts_afresh_where_the_folder_is_broken(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path), memory=Memory())
    ledger = SqliteLedger(tmp_path / wiring.LEDGER, settings.paper.start_quote)
    for one in some(7):
        await ledger.record(lesson(one))
    ledger.close()
    (tmp_path / "chroma").mkdir()
    not_a_database(tmp_path / "chroma")

    assert await keeper.rebuilt(settings) == 7
    assert await keeper.rebuilt(settings) == 7
