"""The table of stages in this process: facts in a queue, until no fact is left."""

import logging
from asyncio import Lock
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from ..domain.errors import BadInput, Unavailable
from ..domain.events import Fact
from ..ports import Facts, Outbox, Sockets
from ..stages import STAGES, Stage
from ..stages.review import unreviewed

log = logging.getLogger(__name__)

Work = Callable[[], Awaitable[None]]
Aside = Callable[[str, Work], None]
Turn = Callable[[Stage, Any, Sockets], Awaitable[Facts]]


def unwatched(stage: Stage, fact: Any, on: Sockets) -> Awaitable[Facts]:
    return stage.run(fact, on)


class Loop:
    """Runs a fact to its end, so that a run is a sequence and can be repeated. Several facts may be under way at once.

    `outbox`: which entries are fully told; after a crash, or when `is_behind`, `recover` tells the rest again. `aside`
    takes what is slow, with the name of its stage, and turns it in a task of its own: of each stage one after another,
    and a run ends without it.
    Nobody there: it has its turn like any other stage, in order, and what a crash left of it is made up for by the next
    run. `turn`: who turns a stage, and ends it where it does not come back."""

    def __init__(
        self,
        on: Sockets,
        outbox: Outbox,
        stages: tuple[Stage, ...] = STAGES,
        aside: Aside | None = None,
        turn: Turn = unwatched,
    ) -> None:
        self._on, self._outbox, self._aside, self._turn = on, outbox, aside, turn
        self._running, self._broken = 0, 0
        self._put_aside: set[tuple[str, str]] = set()
        self._turns: dict[str, Lock] = {}
        self.is_behind = False
        self._hearers: dict[type, list[Stage]] = {}
        for stage in stages:
            for kind in stage.hears:
                hearers = self._hearers.setdefault(kind, [])
                hearers.insert(0 if kind in stage.first else len(hearers), stage)
        # A past that this process did not live through itself may have broken off between lesson and post-mortem.
        self._is_new = aside is None and any(stage.is_slow for stage in stages)

    @property
    def is_at_work(self) -> bool:
        return self._running > 0

    async def run(self, fact: Fact) -> tuple[Fact, ...]:
        """Everything that came of it, in order. Raises what a stage raises; what was written stands."""
        told: list[Any] = []
        self._running += 1
        is_whole = False
        try:
            queue: deque[Fact] = deque((fact, *await self._left()))
            while queue:
                heard = queue.popleft()
                told.append(heard)
                for stage in self._hearers.get(type(heard), ()):
                    if self._aside is not None and stage.is_slow:
                        self._later(stage, heard, self._aside)
                    else:
                        queue.extend(await self._turn(stage, heard, self._on))
            is_whole = True
        finally:
            self._ended(is_whole=is_whole)
        await self._told()
        return tuple(told)

    async def recover(self) -> int:
        """Tells again what a crash or a run that broke off left untold; every stage answers a repetition with what it
        did before. Returns how many were tried."""
        self.is_behind, broken = True, self._broken
        entries = await self._outbox.untold()
        for entry in entries:
            try:
                await self.run(entry.fact)
            except (Unavailable, BadInput) as wrong:
                log.warning("told again in vain: %s: %s", entry.id, wrong, extra={"about": entry.id})
        self.is_behind = self._broken != broken
        await self._told()
        return len(entries)

    async def _left(self) -> tuple[Fact, ...]:
        if not self._is_new:
            return ()
        found = await unreviewed(self._on.clock.now(), self._on)
        self._is_new = bool(found)
        return found

    def _later(self, stage: Stage, heard: Any, aside: Aside) -> None:
        """Once at a time, however often it is told again meanwhile. It counts as under way until it is done: a stop in
        the middle leaves the fact untold."""
        key = (stage.name, heard.id)
        if key not in self._put_aside:
            self._put_aside.add(key)
            self._running += 1
            aside(stage.name, lambda: self._alone(stage, heard))

    async def _alone(self, stage: Stage, heard: Any) -> None:
        is_whole = False
        try:
            async with self._turns.setdefault(stage.name, Lock()):
                for told in await self._turn(stage, heard, self._on):
                    await self.run(told)
            is_whole = True
        finally:
            self._put_aside.discard((stage.name, heard.id))
            self._ended(is_whole=is_whole)
        await self._told()

    def _ended(self, *, is_whole: bool) -> None:
        self._running -= 1
        if not is_whole:
            self._broken += 1
            self.is_behind = True

    async def _told(self) -> None:
        """Only when nobody else is under way, and nobody broke off, is everything in the ledger also told."""
        if not self.is_at_work and not self.is_behind:
            await self._outbox.told(await self._outbox.last_seq())
