"""A stage that does not come back is ended after its time, and an event loop that stands still is noticed: neither
stops what else there is to do."""

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from types import CodeType, FrameType
from typing import Any

from ..domain.errors import Stuck
from ..domain.events import Fact
from ..domain.policy import Settings
from ..logic.show.vitals import WatchdogView
from ..ports import Clock, Facts, Sockets
from ..stages import Stage

log = logging.getLogger("semsig")

# Who was told to end has so long; then it is left alone: what it may still write, it writes first or not at all.
ENDS_WITHIN_S = 2.0
# So long without a turn of the loop is worth a line.
BLOCKED_S, BEAT_S = 5.0, 0.5
FRAMES, BRANCHES = 8, 3
AWAITED = (("cr_frame", "cr_await"), ("gi_frame", "gi_yieldfrom"), ("ag_frame", "ag_await"))


class Watchdog:
    """Turns stages. `clock`: of this machine. `within_s`: how long one turn of a stage may take, real time."""

    def __init__(self, clock: Clock, within_s: Callable[[Stage, Settings], float] = Stage.within_s) -> None:
        self._clock, self._within_s = clock, within_s
        self._at_work: dict[tuple[str, str], asyncio.Task[Facts]] = {}
        self._overran, self._blocked, self._longest_s = 0, 0, 0.0
        self._last: str | None = None
        self._last_at: datetime | None = None
        self._beat_at = 0.0

    def view(self) -> WatchdogView:
        longest_s = round(self._longest_s, 1) if self._blocked else None
        return WatchdogView(self._overran, self._blocked, longest_s, self._last, self._last_at)

    def is_at(self, stage: str) -> bool:
        """Whether such a stage is under way."""
        return any(name == stage for name, _ in self._at_work)

    async def turn(self, stage: Stage, fact: Fact, on: Sockets) -> Facts:
        """What it tells; nothing where it is at work on that very fact already. Raises Stuck when it does not come back
        in its time, else what it raises."""
        key, limit_s = (stage.name, fact.id), self._within_s(stage, on.settings)
        if key in self._at_work:
            return ()
        task = self._at_work[key] = asyncio.ensure_future(stage.run(fact, on))
        try:
            await asyncio.wait({task}, timeout=limit_s)
            if not task.done():
                stood = where(task)
                if not await self._ended(task):
                    log.error("%s of %s does not even end when it is told to, and is left alone", *key)
                self._overrun(key, limit_s, stood)
                raise Stuck(f"{stage.name} did not come back within {limit_s:g} s; what it wrote stands")
            return task.result()
        finally:
            self._at_work.pop(key, None)
            if not task.done():
                await self._ended(task)

    def _overrun(self, key: tuple[str, str], limit_s: float, stood: str) -> None:
        self._overran += 1
        self._told(
            f"{key[0]} of {key[1]} did not come back within {limit_s:g} s and was told to end; it stood in {stood}"
        )

    def _told(self, what: str) -> None:
        self._last, self._last_at = what, self._clock.now()
        log.error("%s", what)

    async def _ended(self, task: asyncio.Task[Facts]) -> bool:
        task.cancel()
        await asyncio.wait({task}, timeout=ENDS_WITHIN_S)
        if task.done() and not task.cancelled():
            task.exception()  # whatever it says now, nobody waits for it
        return task.done()

    # --- The loop ---------------------------------------------------------------------------------------------------

    @contextmanager
    def listening(self, blocked_s: float = BLOCKED_S, beat_s: float = BEAT_S) -> Iterator[None]:
        """As long as it lasts, a thread notices when this event loop stands still."""
        loop, over = asyncio.get_running_loop(), threading.Event()

        def beat() -> None:
            self._beat_at = time.monotonic()
            if not over.is_set():
                loop.call_later(beat_s, beat)

        beat()
        ear = threading.Thread(
            target=self._listen, args=(over, threading.get_ident(), blocked_s, beat_s), name="watchdog", daemon=True
        )
        ear.start()
        try:
            yield
        finally:
            over.set()
            ear.join(beat_s)

    def _listen(self, over: threading.Event, main: int, blocked_s: float, beat_s: float) -> None:
        looked_at, since = time.monotonic(), 0.0
        while not over.wait(beat_s):
            now, before, looked_at = time.monotonic(), looked_at, time.monotonic()
            if now - before > blocked_s:  # this thread did not turn either: the machine slept, or we were stopped
                self._beat_at = now
            elif not since and now - self._beat_at > blocked_s:
                since, self._blocked = self._beat_at, self._blocked + 1
                still = f"the event loop stands still since {now - since:.1f} s, and nothing else is done"
                self._told(f"{still}; it is in {_trace(main)}")
            if since:
                self._longest_s = max(self._longest_s, now - since)
                if self._beat_at > since:
                    log.warning("the event loop turns again, after %.1f s", self._beat_at - since)
                    since = 0.0


def where(task: "asyncio.Future[Any]", deep: int = FRAMES) -> str:
    """Where it waits, the innermost first; of what waits for several, the first few."""
    lines, awaited = [], getattr(task, "get_coro", lambda: None)()
    while awaited is not None:
        frame, further = next(
            ((getattr(awaited, f), getattr(awaited, a)) for f, a in AWAITED if hasattr(awaited, f)), (None, None)
        )
        if frame is not None:
            lines.append(_line(frame.f_code, frame.f_lineno))
        awaited = further
    waits = getattr(task, "_fut_waiter", None)  # private, and only words depend on it
    inner = [one for one in getattr(waits, "_children", (waits,)) if isinstance(one, asyncio.Task) and not one.done()]
    branches = [found for one in inner[:BRANCHES] if deep > 1 and (found := where(one, deep - 1))]
    return " < ".join([*([" + ".join(branches)] if branches else []), *lines[::-1][:deep]]) or "nowhere"


def _trace(thread: int) -> str:
    """Where a thread is, the innermost first."""

    def outwards(one: FrameType | None) -> Iterator[FrameType]:
        while one is not None:
            yield one
            one = one.f_back

    frame = sys._current_frames().get(thread)  # noqa: SLF001 - there is no other way to ask
    return " < ".join(_line(one.f_code, one.f_lineno) for one in islice(outwards(frame), FRAMES)) or "nowhere"


def _line(code: CodeType, number: int) -> str:
    return f"{'/'.join(code.co_filename.rsplit('/', 2)[-2:])}:{number} {code.co_name}"
