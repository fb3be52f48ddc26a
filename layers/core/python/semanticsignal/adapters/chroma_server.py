"""A Chroma server of one's own: a child on loopback with a folder of its own, that does not outlive its parent."""

import asyncio
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from socket import socket

import httpx

from ..domain.errors import LeaseLost, MemoryUnavailable
from ..domain.lease import MOST_TOKENS
from ..settings import variable

# The server alone, without the Python package around it, which takes a second and 80 MB to load. The pipe on its
# standard input closes when its parent ends, however that ends. A parent that was stopped does not end: who takes its
# home over raises the fence, and its child leaves by itself. The lock is in the folder, so there is never a second
# server on one, whatever became of the first.
CHILD = """
import os, sys, threading, time
fence, token, path, patience = sys.argv[1], int(sys.argv[2]), sys.argv[4], float(sys.argv[3])
def watch():
    os.read(0, 1)
    os._exit(0)
def heed():
    while True:
        try:
            with open(fence) as raised:
                if int(raised.read()) > token:
                    os._exit(0)
        except (FileNotFoundError, ValueError):
            pass  # nobody raised it, or what stands there is no number
        time.sleep(0.25)
threading.Thread(target=watch, daemon=True).start()
threading.Thread(target=heed, daemon=True).start()
from filelock import FileLock, Timeout
alone = FileLock(os.path.join(path, "lock"))
try:
    alone.acquire(timeout=patience)
except Timeout:
    sys.exit("another server has the folder and does not leave it")
import chromadb_rust_bindings
chromadb_rust_bindings.cli(["chroma", "run", "--path", *sys.argv[4:]])
"""
PACKAGE = "chromadb_rust_bindings"
# None of our secrets are its; and its log would hold three lines of every question.
ENVIRONMENT = {"ANONYMIZED_TELEMETRY": "False", "RUST_LOG": "warn"}
HOST, DATABASE = "127.0.0.1", "chroma.sqlite3"
STARTS_WITHIN_S, LEAVES_WITHIN_S, ENDS_WITHIN_S, LOOK_S = 20.0, 5.0, 2.0, 0.02
LONGEST_LOG, LAST_WORDS, KEPT = 1_000_000, 300, 3
# The place of the beginning in what Linux tells of a process after its name, and what ends also a stopped one.
BEGAN, KILLED = 19, 9
RAISED = re.compile(r"^[\w.]+: ")


def _environment() -> dict[str, str]:
    """On Windows no program finds its libraries without that one."""
    root = variable("SYSTEMROOT")
    return ENVIRONMENT | ({"SYSTEMROOT": root} if root else {})


def fence_of(folder: Path) -> int:
    """The highest token under which that folder was ever kept; 0 where nobody knows, also by a number above which there
    is no token."""
    try:
        told = int(folder.with_name(f"{folder.name}.fence").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
    return told if 0 <= told < MOST_TOKENS - 1 else 0


def is_installed() -> bool:
    return find_spec(PACKAGE) is not None


class ChromaServer:
    """One child at a time. `url`: where it listens, another port each time. It writes a log beside its folder.

    `token`: of whoever holds the home; a child of a lower one leaves. `permitted` raises what forbids to touch the
    folder: LeaseLost."""

    def __init__(self, folder: Path, token: int = 0, permitted: Callable[[], None] = lambda: None) -> None:
        self.folder, self.log, self.url = folder, folder.with_name(f"{folder.name}.log"), ""
        self._fence, self._token, self.permitted = folder.with_name(f"{folder.name}.fence"), token, permitted
        self._record = folder.with_name(f"{folder.name}.child")
        self._child: subprocess.Popen[bytes] | None = None
        self._inode: int | None = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    @property
    def is_up(self) -> bool:
        """It lives, and on the folder that is there: one that was deleted is served on from nowhere."""
        return self._child is not None and self._child.poll() is None and self._database() == self._inode

    async def start(self) -> None:
        """Anew; returns when it answers. Raises MemoryUnavailable, and what is not permitted."""
        await self.stop()
        self.permitted()
        with socket() as free:
            free.bind((HOST, 0))
            port = free.getsockname()[1]
        self.url = f"http://{HOST}:{port}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._raise_fence()
            self._end_orphan()
            _logged_ahead(self.folder / DATABASE)
            kept = self.log.exists() and self.log.stat().st_size < LONGEST_LOG
            with self.log.open("ab" if kept else "wb") as words:
                self._child = subprocess.Popen(  # noqa: ASYNC220, S603 - returns at once; every word is ours
                    [
                        sys.executable, "-I", "-c", CHILD, self._fence, str(self._token), str(LEAVES_WITHIN_S),
                        self.folder, "--host", HOST, "--port", str(port),
                    ],
                    env=_environment(), stdin=subprocess.PIPE, stdout=words, stderr=subprocess.STDOUT,
                    start_new_session=True,  # a Ctrl-C is the parent's: it ends its child when its own work is done
                )  # fmt: skip
            self._record.write_text(f"{self._child.pid} {_began(self._child.pid)}", encoding="ascii")
        except OSError as wrong:
            await self.stop()
            raise MemoryUnavailable(f"Chroma cannot be started on {self.folder}: {wrong}") from wrong
        await self._answering()
        self._inode = self._database()

    async def stop(self) -> None:
        """What it has acknowledged is on the disk."""
        child = self._child
        if child is None:
            return
        if child.stdin:
            child.stdin.close()
        try:
            await asyncio.to_thread(child.wait, ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            await asyncio.to_thread(child.wait)
        self._child = None  # not before: who has no time left kills it

    def kill(self) -> None:
        """For a parent that has no time left."""
        if self._child is not None:
            self._child.kill()

    async def set_aside(self) -> Path | None:
        """The folder under another name, so that the next start is afresh; None where there is none. The last few are
        kept."""
        await self.stop()
        self.permitted()
        name = f"{self.folder.name}.broken-"
        before = sorted(
            int(each.name.removeprefix(name))
            for each in self.folder.parent.glob(f"{name}*")
            if each.name.removeprefix(name).isdecimal()
        )
        for number in before[: 1 - KEPT]:
            await asyncio.to_thread(shutil.rmtree, self.folder.with_name(f"{name}{number}"), ignore_errors=True)
        try:
            return self.folder.rename(self.folder.with_name(f"{name}{max(before, default=0) + 1}"))
        except FileNotFoundError:
            return None
        except OSError as wrong:
            raise MemoryUnavailable(f"{self.folder} cannot be set aside: {wrong}") from wrong

    def _raise_fence(self) -> None:
        """Whole or not at all: the children of others read it while it changes. Raises LeaseLost where it is higher."""
        raised = fence_of(self.folder)
        if raised > self._token:
            raise LeaseLost(f"another process keeps its memory in {self.folder}, under {raised}, was {self._token}")
        new = self._fence.with_name(f"{self._fence.name}.{os.getpid()}")
        new.write_text(str(self._token), encoding="ascii")
        new.replace(self._fence)

    def _end_orphan(self) -> None:
        """A child of before that was stopped hears no fence, and keeps the folder locked. It is ended where nobody else
        can be meant: by its pid, when it began, and the folder that it was started on."""
        try:
            pid, _, began = self._record.read_text(encoding="ascii").partition(" ")
            if not began or began != _began(int(pid)) or _state(int(pid)) != "T":
                return
            if os.fsencode(self.folder) in Path(f"/proc/{int(pid)}/cmdline").read_bytes().split(b"\0"):
                os.kill(int(pid), KILLED)
        except (OSError, ValueError):
            pass  # nothing is known of one, or it is gone

    async def _answering(self) -> None:
        deadline = asyncio.get_running_loop().time() + STARTS_WITHIN_S
        async with httpx.AsyncClient(trust_env=False, timeout=1.0) as client:
            while self._child and self._child.poll() is None and asyncio.get_running_loop().time() < deadline:
                try:
                    if (await client.get(f"{self.url}/api/v2/heartbeat")).is_success:
                        return
                except httpx.RequestError:
                    pass  # not yet
                await asyncio.sleep(LOOK_S)
        is_silent = self._child is not None and self._child.poll() is None
        await self.stop()
        why = f"no answer within {STARTS_WITHIN_S:g} s" if is_silent else self._last_words()
        raise MemoryUnavailable(f"Chroma did not start on {self.folder}: {why}; {self.log} says more")

    def _last_words(self) -> str:
        """Its last line, without the name of what was raised."""
        try:
            with self.log.open("rb") as words:
                words.seek(max(0, os.fstat(words.fileno()).st_size - LAST_WORDS))
                said = words.read().decode(errors="replace")
        except OSError as wrong:
            return str(wrong)
        last = said.strip().rpartition("\n")[2]
        return RAISED.sub("", "".join(filter(str.isprintable, last)))

    def _database(self) -> int | None:
        try:
            return (self.folder / DATABASE).stat().st_ino
        except OSError:
            return None


def _stat(pid: int) -> list[str]:
    """What Linux tells of a process after its name; elsewhere nothing."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _state(pid: int) -> str:
    return next(iter(_stat(pid)), "")


def _began(pid: int) -> str:
    """In ticks since this machine started; empty where that is not told."""
    told = _stat(pid)
    return told[BEGAN] if len(told) > BEGAN else ""


def _logged_ahead(database: Path) -> None:
    """With a log ahead a record is added in a quarter of the time: the disk is flushed less often than with the journal
    that SQLite uses unasked. The file keeps the choice."""
    try:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error:
        pass  # what cannot be read is for Chroma to say
