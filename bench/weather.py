"""Faults by simulated time, drawn from a seed, between the host and everything it asks, and under its disk."""

import asyncio
import json
import os
import random
import resource
import signal
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from semanticsignal.adapters.system_clock import TurnedClock

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
App = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

SLOW_S, DISK_S = 0.3, 1.2
SAYS = {
    "429": (429, {"retry-after": "1"}, b'{"code":-1003,"msg":"Too many requests.","retry_after":0.2,"global":false}'),
    "500": (500, {}, b"<html>oops</html>"),
    "503": (503, {}, b""),
    "malformed": (200, {"content-type": "application/json"}, b'[[1700000000000,"3'),
    "nonsense": (200, {"content-type": "application/json"}, b'{"choices":[]}'),
}
# What each part may do. An outside that answers late, or not at once, is asked again: nothing of it is in the ledger.
MENDABLE = {
    "bars": ("hang", "500", "503", "malformed", "cut", "stale", "slow"),
    "model": ("slow",),
    "discord": ("hang", "429", "500", "503", "cut", "slow"),
    "chroma": ("kill", "pause"),
    "disk": ("files", "ledger"),
}
# What is away in the middle of something that will not be waited for: a decision is made without it.
LOSSY = {
    "bars": (*MENDABLE["bars"], "429"),
    "venue": ("hang", "429", "500", "503", "malformed", "cut", "slow"),
    "model": ("hang", "429", "500", "503", "malformed", "nonsense", "cut", "slow"),
    "discord": MENDABLE["discord"],
    "chroma": ("kill", "pause", "kill within"),
    "disk": MENDABLE["disk"],
}
CLASSES: dict[str, dict[str, tuple[str, ...]]] = {"none": {}, "mendable": MENDABLE, "lossy": LOSSY}


class Fault(NamedTuple):
    """`many`: questions that meet it."""

    at: datetime
    part: str
    kind: str
    many: int


def forecast(seed: int, kinds: str, between: tuple[datetime, datetime], per_day: float) -> deque[Fault]:
    """Every kind at least once where there is time for it, the rest at random; none in the last hours, so that all is
    well again at the end."""
    dice = random.Random(seed)
    every = [(part, kind) for part, of in CLASSES[kinds].items() for kind in of]
    since, until = between
    span = until - since - timedelta(hours=8)
    count = max(len(every), int(per_day * span / timedelta(days=1))) if every else 0
    drawn = [*every, *(dice.choice(every) for _ in range(count - len(every)))]
    made = [
        Fault(
            since + dice.random() * span, part, kind, 1 if kind == "hang" or part == "discord" else dice.randint(1, 3)
        )
        for part, kind in drawn
    ]
    return deque(sorted(made))


class Troubled:
    """An application that answers what it is told to, to the next questions that are meant, and else as it is."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.next: dict[str, deque[str]] = {}
        self.met: Counter[str] = Counter()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        part = part_of(scope)
        waiting = self.next.get(part)
        if not waiting:
            await self._app(scope, receive, send)
            return
        kind = waiting.popleft()
        if kind == "stale" and b"interval=1m" in scope["query_string"]:
            waiting.append(kind)  # a minute that nobody traded in looks the same: there is nothing to wait for
            await self._app(scope, receive, send)
            return
        self.met[f"{part} {kind}"] += 1
        match kind:
            case "slow":
                await asyncio.sleep(SLOW_S)
                await self._app(scope, receive, send)
            case "hang":
                while (await receive())["type"] != "http.disconnect":
                    pass
            case "cut":  # what was asked for is done
                await self._app(scope, receive, _unsent)
                await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5000")]})
                await send({"type": "http.response.body", "body": b"[[17000000", "more_body": True})
                raise Cut
            case "stale":
                await self._app(scope, receive, _Stale(send))
            case _:
                await receive()
                status, headers, body = SAYS[kind]
                head = [(name.encode(), value.encode()) for name, value in headers.items()]
                await send({"type": "http.response.start", "status": status, "headers": head})
                await send({"type": "http.response.body", "body": body})


async def _unsent(_: dict[str, Any]) -> None:
    """Nobody hears of it."""


class Cut(Exception):
    """The server breaks off in the middle of its answer."""


class _Stale:
    """Bars without the newest."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def __call__(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [h for h in message["headers"] if h[0].lower() != b"content-length"]
        elif body := message.get("body"):
            message["body"] = json.dumps(json.loads(body)[:-2]).encode()
        await self._send(message)


def part_of(scope: dict[str, Any]) -> str:
    path, query = scope["path"], scope["query_string"]
    if path.endswith("completions"):
        return "model"
    if "/webhooks/" in path:
        return "discord"
    is_bars = path.endswith("klines") and b"interval=1d" not in query and b"interval=1w" not in query
    return "bars" if is_bars else "venue"


class Weather:
    """Lets each fault loose when its time has come; `loose` counts those that found what they are for."""

    def __init__(self, coming: deque[Fault], outside: dict[str, Troubled]) -> None:
        self._coming, self._outside = coming, outside
        self.loose: Counter[str] = Counter()
        self.chroma: Callable[[], int | None] = lambda: None
        self.ledger: Callable[[str], Any] = lambda words: None

    def passes(self, now: datetime) -> None:
        while self._coming and self._coming[0].at <= now:
            fault = self._coming.popleft()
            is_loose = True
            match fault.part:
                case "chroma":
                    is_loose = self._shaken(fault.kind)
                case "disk":
                    self._full(fault.kind)
                case _:
                    app = self._outside["venue" if fault.part in ("bars", "venue") else fault.part]
                    app.next.setdefault(fault.part, deque()).extend([fault.kind] * fault.many)
            self.loose[f"{fault.part} {fault.kind}"] += is_loose

    def _shaken(self, kind: str) -> bool:
        pid = self.chroma()
        if pid is None:
            return False
        if kind == "pause":
            os.kill(pid, signal.SIGSTOP)
            self._in(SLOW_S, lambda: _signalled(pid, signal.SIGCONT))
        elif kind == "kill within":
            self._in(0.05, lambda: _signalled(self.chroma() or 0, signal.SIGKILL))
        else:
            os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return True

    def _full(self, kind: str) -> None:
        if kind == "files":  # the kernel refuses every byte that would make a file longer
            _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
            self._in(DISK_S, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))
            return
        (pages,) = self.ledger("PRAGMA page_count").fetchone()
        self.ledger(f"PRAGMA max_page_count = {pages}")
        self._in(DISK_S, lambda: self.ledger("PRAGMA max_page_count = 1073741823"))

    def _in(self, seconds: float, then: Callable[[], Any]) -> None:
        asyncio.get_running_loop().call_later(seconds, then)


def _signalled(pid: int, number: int) -> None:
    if pid:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


class WatchedClock(TurnedClock):
    """Tells of each turn before anything is asked at the new time."""

    def __init__(self, at: datetime, speed: float) -> None:
        super().__init__(at, speed)
        self.turns: list[Callable[[datetime], None]] = []

    def turn(self, to: datetime) -> None:
        is_new = to > self.now()
        super().turn(to)
        if is_new:
            for tell in self.turns:
                tell(to)
