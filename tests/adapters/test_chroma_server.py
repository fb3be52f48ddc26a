"""A Chroma of one's own: it is there at once, says why it is not, and never outlives its parent."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from drivers.instance import until

from semanticsignal.adapters import chroma_server
from semanticsignal.adapters.chroma import ChromaMemory
from semanticsignal.adapters.chroma_server import ChromaServer
from semanticsignal.domain.errors import LeaseLost, MemoryUnavailable


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ChromaServer]:
    own = ChromaServer(tmp_path / "home" / "chroma")
    yield own
    await own.stop()


async def beat(server: ChromaServer) -> int:
    memory = ChromaMemory(server.url)
    try:
        return await memory.heartbeat()
    finally:
        await memory.close()


async def test_it_answers_once_it_has_started_and_is_gone_once_it_has_stopped(server: ChromaServer) -> None:
    await server.start()
    assert server.is_up and await beat(server) > 0
    pid = server.pid
    assert pid is not None

    await server.stop()

    assert not server.is_up and not psutil.pid_exists(pid)
    with pytest.raises(MemoryUnavailable):
        await beat(server)


async def test_it_listens_to_this_machine_alone_and_knows_none_of_our_secrets(
    server: ChromaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-secret")

    await server.start()

    child = psutil.Process(server.pid)
    assert {each.laddr.ip for each in child.net_connections() if each.status == "LISTEN"} == {"127.0.0.1"}
    told = child.environ()
    assert told["ANONYMIZED_TELEMETRY"] == "False" and "OPENROUTER_API_KEY" not in told
    assert b"Connect to Chroma" in server.log.read_bytes()


async def test_a_child_that_died_is_seen(server: ChromaServer) -> None:
    await server.start()
    assert server.pid is not None

    os.kill(server.pid, signal.SIGKILL)

    until(lambda: not server.is_up, "its end is seen", 5)
    await server.start()
    assert server.is_up and await beat(server) > 0


@pytest.mark.parametrize("is_made_again", [False, True])
async def test_a_folder_that_was_deleted_is_seen(server: ChromaServer, is_made_again: bool) -> None:
    await server.start()

    shutil.rmtree(server.folder)
    if is_made_again:
        server.folder.mkdir()
        (server.folder / "chroma.sqlite3").touch()

    assert not server.is_up
    shutil.rmtree(server.folder, ignore_errors=True)
    await server.start()
    assert server.is_up and await beat(server) > 0


def garbage(folder: Path) -> None:
    (folder / "chroma.sqlite3").write_bytes(b"no database" * 1000)
    (folder / "chroma.sqlite3-wal").unlink(missing_ok=True)


def another_version(folder: Path) -> None:
    with sqlite3.connect(folder / "chroma.sqlite3") as database:
        database.execute("UPDATE migrations SET hash = 'of another version'")
    database.close()


def a_folder_in_its_place(folder: Path) -> None:
    (folder / "chroma.sqlite3").unlink()
    (folder / "chroma.sqlite3").mkdir()


@pytest.mark.parametrize("broken", [garbage, another_version, a_folder_in_its_place])
async def test_what_cannot_be_read_is_said_and_can_be_set_aside(server: ChromaServer, broken: Any) -> None:
    await server.start()
    await server.stop()
    broken(server.folder)

    with pytest.raises(MemoryUnavailable, match=f"did not start on {server.folder}: .*[a-z]{{3}}.*says") as said:
        await server.start()
    assert not server.is_up
    assert "Traceback" not in str(said.value) and "pyo3" not in str(said.value)

    assert await server.set_aside() == server.folder.with_name("chroma.broken-1")
    await server.start()
    assert server.is_up
    assert await server.set_aside() == server.folder.with_name("chroma.broken-2")
    assert await server.set_aside() is None


async def test_what_it_is_asked_leaves_no_line_in_its_log(server: ChromaServer) -> None:
    await server.start()
    began = server.log.stat().st_size
    memory = ChromaMemory(server.url)

    for _ in range(50):
        await memory.heartbeat()
        await memory.rules(until=datetime.max.replace(tzinfo=UTC))
    await memory.close()

    assert server.log.stat().st_size == began


async def test_of_what_was_set_aside_the_last_three_are_kept(server: ChromaServer) -> None:
    for number in range(1, 6):
        server.folder.mkdir(parents=True)
        (server.folder / "which").write_text(str(number))
        await server.set_aside()

    kept = sorted(server.folder.parent.glob("chroma.broken-*"))
    assert [(each.name, (each / "which").read_text()) for each in kept] == [
        ("chroma.broken-3", "3"), ("chroma.broken-4", "4"), ("chroma.broken-5", "5"),
    ]  # fmt: skip


async def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(MemoryUnavailable, match="cannot be started"):
        await ChromaServer(tmp_path / "file" / "chroma").start()


async def test_a_child_that_never_answers_is_given_up(server: ChromaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chroma_server, "CHILD", "import os; os.read(0, 1)")
    monkeypatch.setattr(chroma_server, "STARTS_WITHIN_S", 0.2)

    with pytest.raises(MemoryUnavailable, match=r"did not start on .*: no answer within 0\.2 s"):
        await server.start()

    assert server.pid is None


async def test_a_child_that_does_not_end_is_ended(server: ChromaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chroma_server, "ENDS_WITHIN_S", 0.2)
    await server.start()
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)

    await server.stop()

    assert not psutil.pid_exists(pid)


async def test_its_log_does_not_grow_for_ever(server: ChromaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chroma_server, "LONGEST_LOG", 10)
    server.log.parent.mkdir()
    server.log.write_bytes(b"old words" * 10)

    await server.start()

    assert b"old words" not in server.log.read_bytes()


PARENT = """
import asyncio, sys, time
from pathlib import Path
from semanticsignal.adapters.chroma_server import ChromaServer
server = ChromaServer(Path(sys.argv[1]))
asyncio.run(server.start())
print(server.pid, server.url, flush=True)
time.sleep(60)
"""


def test_it_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, tmp_path / "chroma"], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    with parent, parent.stdout:
        pid, url = parent.stdout.readline().split()
        assert httpx.get(f"{url}/api/v2/heartbeat", verify=False, trust_env=False).is_success

        parent.kill()

    until(lambda: not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == "zombie", "its end", 5)


async def test_when_a_home_is_taken_over_the_server_of_before_leaves_and_the_new_one_waits_until_it_has(
    server: ChromaServer,
) -> None:
    """Its parent was stopped, and cannot end it."""
    await server.start()
    new = ChromaServer(server.folder, server._token + 1)

    await new.start()

    assert new.is_up and not server.is_up and await beat(new) > 0
    with pytest.raises(LeaseLost):  # it woke
        await server.start()
    assert new.is_up and await beat(new) > 0
    await new.stop()


async def test_there_are_never_two_servers_on_one_folder(server: ChromaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chroma_server, "LEAVES_WITHIN_S", 0.1)
    await server.start()
    twin = ChromaServer(server.folder)

    with pytest.raises(MemoryUnavailable, match="another server has the folder and does not leave it"):
        await twin.start()

    assert server.is_up and await beat(server) > 0


def stopped(pid: int) -> None:
    """Each of its threads."""
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED)


async def test_who_has_no_time_left_can_end_a_child_that_is_being_waited_for(server: ChromaServer) -> None:
    await server.start()
    child = server._child
    assert child
    stopped(child.pid)
    stopping = asyncio.create_task(server.stop())
    await asyncio.sleep(0)

    server.kill()
    await stopping

    assert child.returncode == -signal.SIGKILL


@pytest.mark.parametrize("told", ["garbage", "-5", f"{2**53 - 1}", "9" * 30])
def test_a_fence_that_is_no_number_or_has_no_token_above_it_counts_as_none(told: str, tmp_path: Path) -> None:
    (tmp_path / "chroma.fence").write_text(told)

    assert chroma_server.fence_of(tmp_path / "chroma") == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process began")
@pytest.mark.parametrize("is_ours", [True, False])
async def test_a_stopped_server_of_before_is_ended_where_it_is_ours_beyond_doubt(
    server: ChromaServer, monkeypatch: pytest.MonkeyPatch, is_ours: bool
) -> None:
    monkeypatch.setattr(chroma_server, "LEAVES_WITHIN_S", 0.1)
    await server.start()
    child = server._child
    assert child
    stopped(child.pid)
    if not is_ours:
        server._record.write_text(f"{child.pid} 1")
    new = ChromaServer(server.folder, server._token + 1)

    if is_ours:
        await new.start()
        assert new.is_up and child.wait() == -signal.SIGKILL
        await new.stop()
    else:
        with pytest.raises(MemoryUnavailable, match="another server has the folder"):
            await new.start()
        assert child.poll() is None
        server.kill()
