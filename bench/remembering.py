"""Memory at growing sizes: a home's own Chroma, and the index in the process. Everything as a decision asks it."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from statistics import quantiles
from time import perf_counter

import psutil

from bench.measures import START, Figure, fresh, lived
from semanticsignal.adapters.chroma import ChromaMemory
from semanticsignal.adapters.chroma_server import ChromaServer
from semanticsignal.adapters.inmemory import InMemoryLedger, InMemoryMemory
from semanticsignal.domain.events import LessonLearned
from semanticsignal.domain.learning import Experience, Lesson, Which
from semanticsignal.domain.ledger import Entry, Learned
from semanticsignal.domain.market import Symbol
from semanticsignal.domain.trading import Side
from semanticsignal.logic.decide.recall import ranked
from semanticsignal.ports import MemoryStore

SHORT, LONG = (1_000, 10_000), (1_000, 10_000, 50_000, 100_000)
RECALL = {1_000: "<= 8", 10_000: "<= 12", 50_000: "<= 15"}
CONTEXT = {1_000: "<= 20", 10_000: "<= 30", 50_000: "<= 50", 100_000: "<= 80"}
PAIRS = tuple(Symbol(base, "USDC") for base in ("BTC", "ETH", "SOL"))
NOW = START + timedelta(days=100_000)
MEANT = Which(side=Side.LONG, regime="bull trending")
TIMES = 60


def remembering() -> list[Figure]:
    return asyncio.run(_all(SHORT))


def remembering_long() -> list[Figure]:
    """The same up to 100,000: filling Chroma with them takes minutes."""
    return asyncio.run(_all(LONG))


def past(n: int) -> list[Experience]:
    """Of three pairs and both sides."""
    return [
        replace(
            one, symbol=PAIRS[i % 3], side=Side.LONG if i % 2 else Side.SHORT, factors={"trend": 60.0, "news": 40.0}
        )
        for i, one in enumerate(lived(n))
    ]


async def _all(sizes: tuple[int, ...]) -> list[Figure]:
    known = past(sizes[-1] + TIMES)
    return [*await _of_chroma(sizes, known), *await _of_process(sizes, known)]


async def _of_chroma(sizes: tuple[int, ...], known: list[Experience]) -> list[Figure]:
    found: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        server = ChromaServer(Path(folder) / "chroma")
        began = perf_counter()
        await server.start()
        found.append(Figure("Chroma, start to first answer", "ms", [(perf_counter() - began) * 1e3]))
        found.append(Figure("Chroma, resident, empty", "MB", [_resident(server)]))
        memory, ledger = ChromaMemory(server.url), InMemoryLedger(Decimal(10_000))
        before = 0
        for size in sizes:
            for one in known[before:size]:
                lesson = Lesson(one.id, one.trade_id, one.symbol, one.closed_at, "won", "text")
                await ledger.record(Entry(LessonLearned(one.trade_id, one.symbol, one.closed_at), Learned(one, lesson)))
            began = perf_counter()
            await memory.follow(ledger)
            each = (perf_counter() - began) / (size - before) * 1e3
            found.append(Figure(f"Chroma, filled from the ledger, {before} to {size}", "ms each", [each]))
            found += await _asked("Chroma", memory, size, known[-TIMES:])
            found.append(Figure(f"Chroma, resident, {size}", "MB", [_resident(server)]))
            before = size
        await memory.close()
        await server.stop()
    return found


async def _of_process(sizes: tuple[int, ...], known: list[Experience]) -> list[Figure]:
    found: list[Figure] = []
    for size in sizes:
        memory = InMemoryMemory()
        for one in known[:size]:
            await memory.remember(one)
        found += await _asked("in process", memory, size, known[-TIMES:])
        more = fresh(f"from bench.remembering import {grown.__name__} as grown; print(grown({size}))", 1)
        found.append(Figure(f"in process, what {size} add to it", "MB", more))
    return found


def grown(size: int) -> float:
    """How much a process grows by keeping so many, MB."""
    process, memory = psutil.Process(), InMemoryMemory()
    before = process.memory_info().rss

    async def fill() -> None:
        for one in past(size):
            await memory.remember(one)

    asyncio.run(fill())
    return (process.memory_info().rss - before) / 1e6


async def _asked(name: str, memory: MemoryStore, size: int, new: list[Experience]) -> list[Figure]:
    async def recall(one: Experience) -> None:
        """Of 5, filtered, with what they are compared by."""
        found = await memory.similar(one.conditions, until=NOW, limit=50, which=MEANT)
        assert len(ranked(found, NOW, weight=0.7, half_life_days=90, k=5)) == 5

    async def context(one: Experience) -> None:
        """All that a prompt holds of it."""
        await memory.similar(one.conditions, until=NOW, limit=50)
        await memory.refused(one.conditions, until=NOW, limit=50)
        await memory.count(until=NOW)
        await memory.rules(until=NOW)

    first, recalled, told = await _timed(recall, new), await _timed(recall, new), await _timed(context, new)
    found = [
        Figure(f"{name}, recall of 5 of {size}, filtered, never seen", "ms", first, RECALL.get(size, "")),
        Figure(f"{name}, recall of 5 of {size}, filtered", "ms", recalled, RECALL.get(size, "")),
        Figure(f"{name}, recall of 5 of {size}, filtered, p99", "ms", [_p99(recalled)], RECALL.get(size, "")),
        Figure(f"{name}, memory for a decision, {size}", "ms", told, CONTEXT.get(size, "")),
    ]
    if name == "Chroma":  # what is remembered here is forgotten by none: under other names
        written = await _timed(memory.remember, [replace(one, id=f"{size} {one.id}") for one in new])
        found.append(Figure(f"{name}, remember one, {size}", "ms", written, "<= 15"))
        found.append(Figure(f"{name}, remember one, {size}, p99", "ms", [_p99(written)]))
    return found


async def _timed(work: Callable[[Experience], Awaitable[None]], ones: Iterable[Experience]) -> list[float]:
    samples = []
    for one in ones:
        began = perf_counter()
        await work(one)
        samples.append((perf_counter() - began) * 1e3)
    return samples[1:]


def _p99(samples: list[float]) -> float:
    return quantiles(samples, n=100, method="inclusive")[98]


def _resident(server: ChromaServer) -> float:
    return float(psutil.Process(server.pid).memory_info().rss / 1e6)
