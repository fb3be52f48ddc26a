"""The table of stages in this process: facts in a queue, until no fact is left."""

import logging
from collections import deque
from typing import Any

from ..domain.errors import BadInput, Unavailable
from ..domain.events import Fact
from ..ports import Outbox, Sockets
from ..stages import STAGES, Stage

log = logging.getLogger(__name__)


class Loop:
    """Runs a fact to its end, so that a run is a sequence and can be repeated. Several facts may be under way at once.

    `outbox`: which entries are fully told; after a crash, or when `is_behind`, `recover` tells the rest again."""

    def __init__(self, on: Sockets, outbox: Outbox, stages: tuple[Stage, ...] = STAGES) -> None:
        self._on, self._outbox = on, outbox
        self._running = 0
        self.is_behind = False
        self._hearers: dict[type, list[Stage]] = {}
        for stage in stages:
            for kind in stage.hears:
                self._hearers.setdefault(kind, []).append(stage)

    async def run(self, fact: Fact) -> tuple[Fact, ...]:
        """Everything that came of it, in order. Raises what a stage raises; what was written stands."""
        queue: deque[Fact] = deque((fact,))
        told: list[Any] = []
        self._running += 1
        is_whole = False
        try:
            while queue:
                heard = queue.popleft()
                told.append(heard)
                for stage in self._hearers.get(type(heard), ()):
                    queue.extend(await stage.run(heard, self._on))
            is_whole = True
        finally:
            self._running -= 1
            self.is_behind |= not is_whole
        # Only when nobody else is under way, and nobody broke off, is everything in the ledger also told.
        if not self._running and not self.is_behind:
            await self._outbox.told(await self._outbox.last_seq())
        return tuple(told)

    async def recover(self) -> int:
        """Tells again what a crash or a run that broke off left untold; every stage answers a repetition with what it
        did before. Returns how many were tried."""
        entries = await self._outbox.untold()
        self.is_behind, is_whole = True, True
        for entry in entries:
            try:
                await self.run(entry.fact)
            except (Unavailable, BadInput) as wrong:
                log.warning("told again in vain: %s: %s", entry.id, wrong)
                is_whole = False
        if is_whole:
            self.is_behind = False
            await self._outbox.told(await self._outbox.last_seq())
        return len(entries)
