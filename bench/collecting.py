"""One cycle's collection over HTTP: two Binance-shaped venues in a process of their own, each answer 50 ms late.

The bars, the book and the trades are those of the simulated exchange; every pair is told the same ones, and each answer
is kept, so that what is measured is the asking and the reading, not the making of a market."""

import asyncio
import json
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import uvicorn

from bench.measures import Figure
from semanticsignal.adapters.ccxt import CcxtMarket
from semanticsignal.adapters.failover import Failover
from semanticsignal.adapters.inmemory import InMemoryArchive, InMemoryLedger, InMemoryMemory, InMemoryNotifier
from semanticsignal.adapters.system_clock import SetClock
from semanticsignal.domain.collected import Market, Part
from semanticsignal.domain.context import MarketContext
from semanticsignal.domain.events import CandleClosed
from semanticsignal.domain.market import Symbol, Timeframe, epoch_ms, instant
from semanticsignal.domain.policy import Settings
from semanticsignal.ports import Sockets
from semanticsignal.simulate.market import EPOCH_MS, SimulatedMarket
from semanticsignal.stages.collect import collect
from tests.venues import VENUES, World

ROOT = Path(__file__).parent.parent
LATENCY_S, ROUNDS = 0.05, 5
PAIRS = (1, 10, 100)
# Closed days and weeks are kept by the plug: asked for twice they would cost nothing.
KEPT = ("365 days", "300 weeks")
BTC = Symbol("BTC", "USDC")
# 300 weeks and 999 bars of 4h lie before it
CLOSE = Timeframe.H4.floor(instant(EPOCH_MS + 302 * Timeframe.W1.ms)) + timedelta(days=3)
NOW = CLOSE + timedelta(seconds=2)


def symbols(count: int) -> tuple[Symbol, ...]:
    return (BTC, *(Symbol(f"C{number:03}", "USDC") for number in range(1, count)))


# --- The venues -----------------------------------------------------------------------------------------------------


class _Kept:
    """A desk that lists many pairs, answers for each what it would for the first, and is late with everything."""

    def __init__(self, desk: Any, listed: tuple[Symbol, ...]) -> None:
        self._desk, self._listed = desk, listed
        self._answers: dict[tuple[str, bytes], list[dict[str, Any]]] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        began = time.perf_counter()
        pairs = {symbol.joined.encode() for symbol in self._listed}
        asked = [part.split(b"=", 1) for part in scope["query_string"].split(b"&") if part]
        query = b"&".join(b"=".join([key, b"BTCUSDC" if value in pairs else value]) for key, value in asked)
        key = (scope["path"], query)
        if key not in self._answers:
            self._answers[key] = await self._answered({**scope, "query_string": query}, receive)
        await asyncio.sleep(max(0.0, LATENCY_S - (time.perf_counter() - began)))
        for message in self._answers[key]:
            await send(message)

    async def _answered(self, scope: Any, receive: Any) -> list[dict[str, Any]]:
        said: list[dict[str, Any]] = []

        async def keep(message: dict[str, Any]) -> None:
            said.append(message)

        await self._desk(scope, receive, keep)
        if scope["path"].endswith("exchangeInfo"):
            body = json.loads(said[-1]["body"])
            one = body["symbols"][0]
            body["symbols"] = [one | {"symbol": pair.joined, "baseAsset": pair.base} for pair in self._listed]
            content = json.dumps(body).encode()
            said[0]["headers"] = [h for h in said[0]["headers"] if h[0] != b"content-length"]
            said[0]["headers"].append((b"content-length", str(len(content)).encode()))
            said[-1]["body"] = content
        return said


def serve() -> None:
    """Two venues of one world, on free ports; tells the ports, then serves until it is ended."""
    desk = VENUES["binance"](World(SimulatedMarket(7, (BTC,)), lambda: epoch_ms(NOW)))
    app = _Kept(desk, symbols(max(PAIRS)))
    listeners = [socket.create_server(("127.0.0.1", 0), backlog=1024) for _ in range(2)]
    print(json.dumps([f"http://127.0.0.1:{one.getsockname()[1]}" for one in listeners]), flush=True)
    config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none", timeout_keep_alive=60)
    asyncio.run(uvicorn.Server(config).serve(listeners))


# --- Who asks -------------------------------------------------------------------------------------------------------


def _sockets(urls: list[str], count: int, *, is_paced: bool) -> Sockets:
    clock = SetClock(NOW)
    pairs = symbols(count)
    settings = replace(Settings(), symbols=tuple(map(str, pairs)))
    venues = [(name, CcxtMarket(name, base_url=url, clock=clock.now)) for name, url in
              zip(("binance", "binanceus"), urls, strict=True)]  # fmt: skip
    if is_paced:
        _pace(venues)
    return Sockets(
        settings=settings,
        clock=clock,
        market=Failover(venues, clock=clock.now, timeout_s=60, patience_s=120),
        model=None,  # type: ignore[arg-type]
        memory=InMemoryMemory(),
        ledger=InMemoryLedger(settings.paper.start_quote),
        archive=InMemoryArchive(),
        notifier=InMemoryNotifier(is_heard=False),
    )


def _pace(venues: list[tuple[str, CcxtMarket]]) -> None:
    """As for a real venue: a local one is not paced otherwise."""
    for _, market in venues:
        built = market._built

        def paced(of_venue: Any, built: Any = built) -> Any:
            venue = built(of_venue)
            venue.enableRateLimit = True
            return venue

        market._built = paced  # type: ignore[method-assign]


async def _cycle(on: Sockets, count: int) -> dict[str, float]:
    """Everything of each pair at once, the venues' listings known from before."""
    id = f"context#{Timeframe.M15.floor(NOW).isoformat()}"
    await on.archive.put(f"context/{id}", MarketContext(id, NOW, (), {}))
    await asyncio.gather(*(on.market.rules(symbol) for symbol in on.settings.pairs))
    await on.market.last_price(BTC, until=NOW, besides={"binance"})
    await on.market.funding_quote(BTC, until=NOW)
    cpu, began = time.process_time(), time.perf_counter()
    await asyncio.gather(*(collect(CandleClosed(s, Timeframe.H4, CLOSE), on) for s in on.settings.pairs))
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    for symbol in on.settings.pairs:
        _whole(await on.archive.get(f"market/{CandleClosed(symbol, Timeframe.H4, CLOSE).id}", Market))
    return {"wall_ms": wall * 1e3, "cpu_ms": cpu * 1e3 / count, "rss_mb": _resident()}


def _whole(market: Market) -> None:
    """What is fast because it is not there is no figure."""
    around = market.around
    if len(market.candles) != 999 or around.missing.keys() - {Part.CONTEXT.value} or market.is_disputed:
        raise SystemExit(f"bench: {market.symbol} was not collected whole: {around.missing} {market.flags}")
    if around.daily is None or around.weekly is None or (len(around.daily), len(around.weekly)) != (365, 300):
        raise SystemExit(f"bench: {market.symbol} has not all longer bars")


def _resident() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def ask(urls: list[str], count: int, *, is_paced: bool) -> dict[str, float]:
    on = _sockets(urls, count, is_paced=is_paced)
    try:
        return await _cycle(on, count)
    finally:
        await on.market.close()  # type: ignore[attr-defined]


async def slowest(urls: list[str]) -> dict[str, float]:
    """Each question of one cycle alone, in ms."""
    on = _sockets(urls, 1, is_paced=False)
    market, took = on.market, {}
    await market.rules(BTC)
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "999 bars": lambda: market.candles(BTC, Timeframe.H4, until=CLOSE, limit=999),
        "365 days": lambda: market.candles(BTC, Timeframe.D1, until=CLOSE, limit=365),
        "300 weeks": lambda: market.candles(BTC, Timeframe.W1, until=CLOSE, limit=300),
        "book": lambda: market.book(BTC, until=NOW),
        "trades": lambda: market.trades(BTC, until=NOW),
        "funding": lambda: market.funding_quote(BTC, until=NOW),
        "interest": lambda: market.open_interest(BTC, until=NOW),
    }
    for name, question in asked.items():
        if name not in KEPT:
            await question()  # listings and intervals are read once a day, not once a cycle
        began = time.perf_counter()
        await question()
        took[name] = (time.perf_counter() - began) * 1e3
    await market.close()  # type: ignore[attr-defined]
    return took


def _fresh(*words: str) -> Any:
    command = [sys.executable, "-m", "bench.collecting", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(words)} failed:\n{done.stderr.decode()}")
    return json.loads(done.stdout)


def collecting() -> list[Figure]:
    command = [sys.executable, "-m", "bench.collecting", "serve"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as server:
        try:
            urls = server.stdout.readline().decode().strip() if server.stdout else "[]"
            _fresh("ask", urls, "1", "")  # the venues make their answers once
            alone = [max(_fresh("slowest", urls).values()) for _ in range(ROUNDS)]
            told = {count: [_fresh("ask", urls, str(count), "") for _ in range(ROUNDS)] for count in PAIRS}
            paced = [_fresh("ask", urls, str(PAIRS[-1]), "paced")["wall_ms"] for _ in range(2)]
        finally:
            server.terminate()
    return [
        Figure("collect: slowest single question, venue 50 ms away", "ms", alone),
        *(Figure(f"collect: a whole cycle, {_pairs(count)}", "ms", _each(told[count], "wall_ms")) for count in PAIRS),
        Figure(f"collect: a whole cycle, {_pairs(PAIRS[-1])}, at the venue's pace", "ms", paced),
        Figure("collect: one pair, of the slowest question", "ratio",
               [one["wall_ms"] / median(alone) for one in told[1]], "<= 3"),
        *(Figure(f"collect: CPU a pair, {_pairs(count)}", "ms", _each(told[count], "cpu_ms")) for count in PAIRS),
        Figure("collect: memory a pair", "MB",
               [(one["rss_mb"] - median(_each(told[1], "rss_mb"))) / (PAIRS[-1] - 1) for one in told[PAIRS[-1]]]),
    ]  # fmt: skip


def _each(told: list[dict[str, float]], name: str) -> list[float]:
    return [one[name] for one in told]


def _pairs(count: int) -> str:
    return f"{count} pair{'s' if count > 1 else ''}"


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve"]:
            serve()
        case ["ask", urls, count, pace]:
            print(json.dumps(asyncio.run(ask(json.loads(urls), int(count), is_paced=bool(pace)))))
        case ["slowest", urls]:
            print(json.dumps(asyncio.run(slowest(json.loads(urls)))))
