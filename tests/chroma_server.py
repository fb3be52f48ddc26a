"""A real Chroma server for tests, `chroma run` in a folder of its own, and before it Lambda, as its wire format is."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from loopback import serve
from world import d

from semanticsignal.adapters.chroma import ChromaMemory
from semanticsignal.adapters.inmemory import InMemoryLedger
from semanticsignal.adapters.memory_function import MemoryFunction
from semanticsignal.domain.errors import SemanticSignalError
from semanticsignal.domain.events import LessonLearned, PostMortemWritten, RefusalJudged, RuleFormed
from semanticsignal.domain.learning import (
    ANY,
    Conditions,
    Experience,
    Hindsight,
    Lesson,
    PostMortem,
    SemanticRule,
    Which,
)
from semanticsignal.domain.ledger import Entry, Learned
from semanticsignal.drivers.aws_memory import MemoryDesk
from semanticsignal.ports import Ledger
from semanticsignal.wiring import MemoryRoom

STARTS_WITHIN_S = 60


class ChromaServer:
    """One child process at a time; its folder and its port stay the same."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.folder, self.url, self._port = folder, f"http://127.0.0.1:{port}", str(port)
        self.start()

    def start(self) -> None:
        chroma = Path(sys.executable).parent / "chroma"
        self._child = subprocess.Popen(
            [chroma, "run", "--path", str(self.folder), "--host", "127.0.0.1", "--port", self._port],
            env={**os.environ, "ANONYMIZED_TELEMETRY": "False"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < deadline and self._child.poll() is None:
            try:
                httpx.get(f"{self.url}/api/v2/heartbeat", verify=False, trust_env=False).raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.02)
        self.kill()
        pytest.fail(f"Chroma did not start, exit code {self._child.poll()}")

    def kill(self) -> None:
        """As a machine does: no last words."""
        self._child.kill()
        self._child.wait()

    def wipe(self) -> None:
        """Another disk, empty."""
        self.kill()
        shutil.rmtree(self.folder)
        self.start()

    def restart(self) -> None:
        self.kill()
        self.start()

    def empty(self) -> None:
        """For whoever comes next: it runs, and holds nothing."""
        if self._child.poll() is not None:
            self.start()

        async def dropped() -> None:
            async with emptied(self):
                pass

        asyncio.run(dropped())


@contextmanager
def chroma_server(folder: Path) -> Iterator[ChromaServer]:
    server = ChromaServer(folder)
    try:
        yield server
    finally:
        server.kill()


@asynccontextmanager
async def emptied(server: ChromaServer) -> AsyncIterator[ChromaMemory]:
    """A memory that holds nothing yet."""
    memory = ChromaMemory(server.url)
    await memory._drop()
    try:
        yield memory
    finally:
        await memory.close()


def lesson(one: Experience) -> Entry:
    """What reflect writes down of an experience."""
    taught = Lesson(one.id, one.trade_id, one.symbol, one.closed_at, "won", "text")
    return Entry(LessonLearned(one.trade_id, one.symbol, one.closed_at), Learned(one, taught))


def formed(rule: SemanticRule) -> Entry:
    return Entry(RuleFormed(rule.id, rule.formed_at), rule)


def judged(one: Hindsight) -> Entry:
    return Entry(RefusalJudged(one.id, one.symbol, one.closed_at), one)


def reviewed(one: PostMortem) -> Entry:
    return Entry(PostMortemWritten(one.id, one.symbol, one.written_at), one)


def written(one: Experience | Hindsight | PostMortem) -> Entry:
    """As it stands in the ledger."""
    match one:
        case Experience():
            return lesson(one)
        case Hindsight():
            return judged(one)
        case PostMortem():
            return reviewed(one)


class Lambda:
    """Invoke, as AWS speaks it: `call` is the handler; what it raises is an answer too."""

    def __init__(self, name: str, call: Callable[[Any], Any]) -> None:
        self.path, self._call = f"/2015-03-31/functions/{name}/invocations", call
        self.events: list[Any] = []
        # One event at a time, in one thread, as in one container.
        self._container = ThreadPoolExecutor(1)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        status, headers, told = 200, [], None
        if (scope["method"], unquote(scope["path"])) != ("POST", self.path):
            status, headers = 404, [(b"x-amzn-errortype", b"ResourceNotFoundException")]
            told = {"Message": f"Function not found: {scope['path']}"}
        else:
            self.events.append(json.loads(body))
            try:
                told = await asyncio.get_running_loop().run_in_executor(self._container, self._call, self.events[-1])
            except SemanticSignalError as wrong:
                headers = [(b"x-amz-function-error", b"Unhandled")]
                told = {"errorMessage": str(wrong), "errorType": type(wrong).__name__, "stackTrace": []}
        said = json.dumps(told).encode()
        headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(said))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": said})

    async def close(self, *last: Callable[[], Any]) -> None:
        """Runs these where the function ran, and ends it."""
        for call in last:
            await asyncio.get_running_loop().run_in_executor(self._container, call)
        self._container.shutdown()


class Reflecting:
    """A memory as reflect uses it: the ledger first."""

    def __init__(self, ledger: Ledger, memory: MemoryFunction) -> None:
        self._ledger, self._memory = ledger, memory

    async def remember(self, one: Experience | Hindsight | PostMortem) -> None:
        await self._ledger.record(written(one))
        await self._memory.remember(one)

    async def learn(self, rule: SemanticRule) -> None:
        await self._ledger.record(formed(rule))
        await self._memory.learn(rule)

    async def similar(
        self, conditions: Conditions, *, until: datetime, limit: int, which: Which = ANY
    ) -> tuple[tuple[Experience, float], ...]:
        return await self._memory.similar(conditions, until=until, limit=limit, which=which)

    async def refused(
        self, conditions: Conditions, *, until: datetime, limit: int, which: Which = ANY
    ) -> tuple[tuple[Hindsight, float], ...]:
        return await self._memory.refused(conditions, until=until, limit=limit, which=which)

    async def count(self, *, until: datetime, which: Which = ANY) -> int:
        return await self._memory.count(until=until, which=which)

    async def rules(self, *, until: datetime) -> tuple[SemanticRule, ...]:
        return await self._memory.rules(until=until)


@asynccontextmanager
async def behind_lambda(server: ChromaServer) -> AsyncIterator[Reflecting]:
    """The memory function's real handler behind Lambda's wire format, over a Chroma that holds nothing yet."""
    ledger = InMemoryLedger(d(10_000))
    async with emptied(server), deployed(MemoryRoom(ledger, ChromaMemory(server.url))) as (url, _):
        yield Reflecting(ledger, MemoryFunction("memory", endpoint_url=url))


@asynccontextmanager
async def deployed(room: MemoryRoom) -> AsyncIterator[tuple[str, Lambda]]:
    """Where Lambda is called, and what it was called with."""
    desk = MemoryDesk(lambda: room)
    service = Lambda("memory", lambda event: json.loads(json.dumps(desk(event, None))))
    async with serve(service) as url:
        try:
            yield url, service
        finally:
            await service.close(lambda: desk.runner.run(room.memory.close()), desk.runner.close)
