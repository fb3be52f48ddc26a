"""What is measured, on work of the shapes that docs and issues name. Wall time unless the unit says otherwise."""

import asyncio
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil

from semanticsignal.adapters.sqlite import SqliteLedger
from semanticsignal.codec import dumps
from semanticsignal.domain.collected import Market
from semanticsignal.domain.decision import Briefing
from semanticsignal.domain.events import EquityMarked, Reflected
from semanticsignal.domain.learning import Conditions, Experience, Recalled, Reflection, Statistics
from semanticsignal.domain.ledger import Entry
from semanticsignal.domain.market import Candles, MarketKind, Symbol, Timeframe, TradingRules, epoch_ms
from semanticsignal.domain.policy import Memory, Settings
from semanticsignal.domain.trading import ExitReason, Side
from semanticsignal.logic.analyse.chart import chart
from semanticsignal.logic.analyse.snapshot import snapshot
from semanticsignal.logic.decide.prompt import prompt
from semanticsignal.logic.decide.recall import SCALE
from semanticsignal.logic.execute.position import empty, with_mark
from semanticsignal.logic.reflect import rules, tally, thresholds

ROOT = Path(__file__).parent.parent
SEMSIG = ROOT / ".venv" / "bin" / "semsig"
START = datetime(2024, 1, 1, tzinfo=UTC)
BTC = Symbol("BTC", "USDC")
TERMS = TradingRules(Decimal("0.01"), Decimal("0.00001"), Decimal(5))


class Figure(NamedTuple):
    name: str
    unit: str
    samples: list[float]
    aim: str = ""


def timed(work: Callable[[], object], n: int, scale: float = 1e3) -> list[float]:
    work()
    samples = []
    for _ in range(n):
        began = time.perf_counter()
        work()
        samples.append((time.perf_counter() - began) * scale)
    return samples


def brownian(bars: int = 999) -> Candles:
    """Geometric Brownian motion, start 30,000, 1.2 % a bar, lognormal volume."""
    dice = np.random.default_rng(7)
    close = 30_000 * np.exp(np.cumsum(dice.normal(0, 0.012, bars)))
    opened = np.concatenate([[30_000], close[:-1]])
    high = np.maximum(opened, close) * (1 + np.abs(dice.normal(0, 0.004, bars)))
    low = np.minimum(opened, close) * (1 - np.abs(dice.normal(0, 0.004, bars)))
    first = epoch_ms(START)
    stamps = [first + i * Timeframe.H4.ms for i in range(bars)]
    return Candles(BTC, Timeframe.H4, "bench", stamps, opened, high, low, close, dice.lognormal(5, 1, bars))


def market() -> Market:
    candles = brownian()
    return Market("bench", BTC, Timeframe.H4, candles.closed_at, candles, TERMS)


def fresh(code: str, n: int) -> list[float]:
    """The time that `code` reports from inside a new process, ms."""
    line = [sys.executable, "-c", code]
    return [float(subprocess.run(line, capture_output=True, text=True, check=True, cwd=ROOT).stdout) for _ in range(n)]


def analysis() -> list[Figure]:
    seen = market()
    now = snapshot(seen, seen.collected_at)
    briefing = Briefing(
        now, empty(Decimal(10_000)), MarketKind.SPOT, Decimal("0.01"), recalled=precedents(5), stored=200,
        reflection=reflected(None, lived(60), 0), rules=reflected(None, lived(60), 0).rules,
    )  # fmt: skip
    words = prompt(briefing, Settings())
    new = fresh(
        "import time; t=time.perf_counter(); from bench.measures import market, snapshot; m=market(); "
        "a=time.perf_counter(); snapshot(m, m.collected_at); print((time.perf_counter()-a)*1e3)", 3,
    )  # fmt: skip
    return [
        Figure("snapshot of 999 bars, warm", "ms", timed(lambda: snapshot(seen, seen.collected_at), 50), "<= 2"),
        Figure("snapshot of 999 bars, first in a process", "ms", new, "<= 50"),
        Figure("prompt build", "ms", timed(lambda: prompt(briefing, Settings()), 50), "<= 5"),
        Figure("prompt length, characters / 4", "tokens", [len(words.system + words.user) / 4], "<= 9000"),
    ]


def precedents(k: int) -> tuple[Recalled, ...]:
    return tuple(Recalled(one, 0.9, 0.5, 0.78) for one in lived(k))


def picture() -> list[Figure]:
    seen = market()
    now = snapshot(seen, seen.collected_at)
    new = fresh(
        "import time; from bench.measures import market, snapshot; m=market(); s=snapshot(m, m.collected_at); "
        "t=time.perf_counter(); from semanticsignal.logic.analyse.chart import chart; chart(m, s, None); "
        "print((time.perf_counter()-t)*1e3)", 3,
    )  # fmt: skip
    return [
        Figure("chart 1920x1080, warm", "ms", timed(lambda: chart(seen, now, None), 5), "<= 250"),
        Figure("chart 1920x1080, new process", "ms", new, "<= 800"),
        Figure("chart size", "kB", [len(chart(seen, now, None)) / 1000], "<= 150"),
    ]


def lived(n: int) -> list[Experience]:
    dice = np.random.default_rng(11)
    numbers = dice.normal(0, 1, (n, len(SCALE)))
    words = ("low", "medium", "high")
    return [
        Experience(
            id=f"e{i}", trade_id=f"t{i}", symbol=BTC, side=Side.LONG, opened_at=START + timedelta(hours=i),
            closed_at=START + timedelta(hours=i + 9),
            conditions=Conditions({"adx": words[i % 3]}, dict(zip(SCALE, map(float, numbers[i]), strict=True))),
            regime=("bull trending", "bear ranging", "bull volatile")[i % 3], confidence_ratio=0.6, insight="why " * 20,
            return_ratio=float(numbers[i, 0]) / 50, r_multiple=1.0, is_win=bool(numbers[i, 0] > 0),
            exit_reason=ExitReason.STOP, mae_ratio=-0.01, mfe_ratio=0.02,
        )
        for i in range(n)
    ]  # fmt: skip


def memory() -> list[Figure]:
    """What every tenth trade costs; what is asked of it is measured in `remembering`."""
    return [
        Figure(f"reflection after {count} trades", "ms", reflection(lived(count)), f"<= {aim}")
        for count, aim in ((1_000, 50), (10_000, 300))
    ]


def reflection(past: list[Experience]) -> list[float]:
    """The newest ten, added to a reflection that is read from a cold ledger: statistics, rules, thresholds, written."""
    *older, last = [past[start : start + 10] for start in range(0, len(past), 10)]
    standing, seq = None, 0
    for ten in older:
        standing = reflected(standing, ten, seq)
        seq += len(ten)
    assert standing is not None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        store = SqliteLedger(path, Decimal(10_000), is_durable=False)
        asyncio.run(store.record(Entry(Reflected(standing.id, standing.at), standing)))
        store.close()

        def reflect() -> None:
            cold = SqliteLedger(path, Decimal(10_000), is_durable=False)
            (entry,) = asyncio.run(cold.entries(kinds=("Reflected",), limit=1, newest_first=True))
            assert isinstance(entry.subject, Reflection)
            dumps(reflected(entry.subject, last, seq))
            cold.close()

        return timed(reflect, 20)


def reflected(before: Reflection | None, newest: list[Experience], seq: int) -> Reflection:
    statistics = before.statistics if before else Statistics()
    now = tally.folded(statistics, [(seq + place, one) for place, one in enumerate(newest, 1)])
    at = newest[-1].closed_at
    standing, _ = rules.formed(now, before, newest, at, Memory())
    return Reflection(f"reflection#{seq}", at, now, thresholds.learned(now, Settings()), standing)


def ledger() -> list[Figure]:
    found = []
    for is_durable in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            store = SqliteLedger(Path(folder) / "ledger.db", Decimal(10_000), is_durable=is_durable)
            count = iter(range(10_000_000))

            async def write(store: SqliteLedger, seconds: int) -> None:
                before = await store.portfolio()
                after, point = with_mark(before, (), START + timedelta(seconds=seconds))
                await store.settle(Entry(EquityMarked(point.at.isoformat(), point.at), point), before, after)

            runner = asyncio.Runner()

            samples = timed(lambda: runner.run(write(store, next(count))), 300)  # noqa: B023 - called here and now
            runner.close()
            store.close()
        found.append(
            Figure(f"ledger entry with its portfolio, {'flushed to disk' if is_durable else 'WAL'}", "ms", samples)
        )
    return found


def replay() -> list[Figure]:
    data = Path(os.environ.get("SEMSIG_DATA") or ROOT.parent / "shared" / "data") / "candles"
    if not data.is_dir():
        return []
    env = {**os.environ}
    rates, peaks, decisions = [], [], []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out.json"
            line = [SEMSIG, "replay", data, "--symbol", "BTC/USDT", "--timeframe", "4h", "--from", "2018-07-01",
                    "--to", "2025-06-30", "--json", out]  # fmt: skip
            process = psutil.Popen(list(map(str, line)), stdout=subprocess.DEVNULL, env=env, cwd=folder)
            peak = 0
            while process.poll() is None:
                try:
                    peak = max(peak, process.memory_info().rss)
                except psutil.NoSuchProcess:
                    break
                time.sleep(0.2)
            report = json.loads(out.read_text())
        rates.append(report["decisions_per_s"])
        decisions.append(report["decisions"])
        peaks.append(peak / 1e6)
    return [
        Figure("replay BTC 4h, seven years", "decisions/s", rates, ">= 150; 300; 1000"),
        Figure("replay BTC 4h, decisions", "", decisions, ">= 15000"),
        Figure("replay BTC 4h, resident", "MB", peaks),
    ]


def host() -> list[Figure]:
    """Starts the whole system three times: first page, end of history, memory, answers."""
    first, lived_through, resident, state = [], [], [], []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            line = [str(SEMSIG), "run", "--port", "8977", "--home", folder, "--yes"]
            began = time.perf_counter()
            process = psutil.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                first.append(_until(lambda: _get("/") is not None, began))
                lived_through.append(_until(lambda: b'"status":"running"' in (_get("/api/health") or b""), began))
                state += timed(lambda: _get("/api/state"), 10)
                resident.append(process.memory_info().rss / 1e6)
            finally:
                process.terminate()
                process.wait(20)
    return [
        Figure("start to first page", "s", first, "<= 3"),
        Figure("start to end of 90 days of 3 pairs", "s", lived_through, "<= 60"),
        Figure("GET /api/state", "ms", state, "<= 30"),
        Figure("resident, running", "MB", resident, "<= 300"),
    ]


def _get(path: str) -> bytes | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:8977{path}", timeout=5) as answer:
            return bytes(answer.read())
    except OSError:
        return None


def _until(holds: Callable[[], bool], began: float) -> float:
    while not holds():
        if time.perf_counter() - began > 120:
            raise SystemExit("bench: the system did not come up within 120 s")
        time.sleep(0.02)
    return time.perf_counter() - began


def page() -> list[Figure]:
    dist = ROOT / "frontend" / "dist"
    html = (dist / "index.html").read_text()
    initial = sum(len(gzip.compress((dist / path).read_bytes())) for path in re.findall(r'src="/?([^"]+\.js)"', html))
    every = sum(len(gzip.compress(path.read_bytes())) for path in dist.rglob("*.js"))
    return [
        Figure("initial JavaScript, gzip", "kB", [initial / 1000], "<= 150"),
        Figure("all JavaScript, gzip", "kB", [every / 1000]),
    ]


MEASURES: dict[str, Callable[[], list[Figure]]] = {
    "analysis": analysis,
    "chart": picture,
    "memory": memory,
    "ledger": ledger,
    "page": page,
    "replay": replay,
    "host": host,
}
