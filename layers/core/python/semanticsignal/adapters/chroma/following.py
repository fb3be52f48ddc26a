"""A MemoryStore that finds with a server and believes the ledger."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import TypeVar

from ...domain.errors import MemoryUnavailable
from ...domain.learning import ANY, Conditions, Experience, Hindsight, PostMortem, SemanticRule, Which
from ...logic.decide.recall import Lived, most_like, vector
from ...ports import Ledger, MemoryStore
from . import records
from .store import Bounds, ChromaMemory

T = TypeVar("T")
K = TypeVar("K", Experience, Hindsight, SemanticRule)


class FollowingMemory:
    """A MemoryStore that has taken in all of its ledger before it answers. Raises MemoryUnavailable while it fills.

    The server finds; what it found is read from the ledger: its port has no key, and whatever else runs on this machine
    may write there.

    Whoever tells it something has written that into the ledger before: when the server is away nothing is lost, and
    nobody is held up. `instead`: where it is asked once its server was given up."""

    def __init__(self, memory: ChromaMemory, ledger: Ledger) -> None:
        self.memory, self._ledger = memory, ledger
        self._lock = asyncio.Lock()
        self.is_whole = False
        self.instead: MemoryStore | None = None
        # After how many editions, which rules stand.
        self._standing: tuple[int, tuple[SemanticRule, ...]] | None = None

    async def mend(self) -> int:
        """Looks whether anything is missing and takes it in; how many entries that were. Whether it can be asked is
        tried: an index may be broken where nothing is missing."""
        if self.is_whole:
            async with self._lock:
                self.is_whole = not await self._heard(self.memory.has_drifted())
        if self.is_whole:
            came = 0
        else:
            self._standing = None
            came = await self.memory.follow(self._ledger)
        await self._heard(self.memory.probe())
        self.is_whole = True
        return came

    async def remember(self, one: Experience | Hindsight | PostMortem) -> None:
        await self._told(lambda memory: memory.remember(one))

    async def learn(self, rule: SemanticRule) -> None:
        await self._told(lambda memory: memory.learn(rule))

    async def similar(
        self, conditions: Conditions, *, until: datetime, limit: int, which: Which = ANY
    ) -> tuple[tuple[Experience, float], ...]:
        found = await self._asked(lambda memory: memory.similar(conditions, until=until, limit=limit, which=which))
        true = [await self._true(Experience, f"LessonLearned:{one.trade_id}", one.id) for one, _ in found]
        return _nearest(conditions, true, Bounds(until, limit, which))

    async def refused(
        self, conditions: Conditions, *, until: datetime, limit: int, which: Which = ANY
    ) -> tuple[tuple[Hindsight, float], ...]:
        found = await self._asked(lambda memory: memory.refused(conditions, until=until, limit=limit, which=which))
        true = [await self._true(Hindsight, f"RefusalJudged:{one.id}", one.id) for one, _ in found]
        return _nearest(conditions, true, Bounds(until, limit, which))

    async def count(self, *, until: datetime, which: Which = ANY) -> int:
        """Asked every second: the server is not, as long as it is clear what it would say."""
        if self.instead:
            return await self.instead.count(until=until, which=which)
        await self._caught_up()
        known = self.memory.taken_in(until)
        if known is not None and which == Which(symbol=which.symbol):
            if which.symbol is not None:
                return known.get(records.pair(records.LIVED, which.symbol), 0)
            return sum(count for name, count in known.items() if name.startswith(f"{records.LIVED}_"))
        return await self._heard(self.memory.count(until=until, which=which))

    async def rules(self, *, until: datetime) -> tuple[SemanticRule, ...]:
        """Those that stand are found among all editions there ever were: once for each new one."""
        if self.instead:
            return await self.instead.rules(until=until)
        await self._caught_up()
        known = self.memory.taken_in(until)
        if known is None:
            return await self._rules(until)
        if self._standing is None or self._standing[0] != known.get(records.RULES, 0):
            self._standing = known.get(records.RULES, 0), await self._rules(until)
        return self._standing[1]

    async def _rules(self, until: datetime) -> tuple[SemanticRule, ...]:
        found = await self._heard(self.memory.rules(until=until))
        true = [await self._true(SemanticRule, f"RuleFormed:{one.id}", one.id) for one in found]
        return tuple(one for one in true if one and one.formed_at <= until)

    async def _true(self, kind: type[K], entry_id: str, id: str) -> K | None:
        """As the ledger has it; None for what it has not."""
        entry = await self._ledger.entry(entry_id)
        noun = entry.memorable if entry else None
        return noun if isinstance(noun, kind) and noun.id == id else None

    async def _told(self, tell: Callable[[MemoryStore], Awaitable[None]]) -> None:
        if self.instead:
            return await tell(self.instead)
        try:
            await self._caught_up()
        except MemoryUnavailable:
            return None  # it is in the ledger, and taken in when the server is there

    async def _asked(self, ask: Callable[[MemoryStore], Awaitable[T]]) -> T:
        if self.instead:
            return await ask(self.instead)
        await self._caught_up()
        return await self._heard(ask(self.memory))

    async def _caught_up(self) -> None:
        if not self.is_whole:
            raise MemoryUnavailable("memory is being filled from the ledger")
        async with self._lock:
            await self._heard(self.memory.follow(self._ledger, is_sure=True))

    async def _heard(self, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except MemoryUnavailable:
            self.is_whole = False
            raise


def _nearest(conditions: Conditions, found: Iterable[Lived | None], bounds: Bounds) -> tuple[tuple[Lived, float], ...]:
    """The filters are asked of the nouns themselves: what led here was the server's word."""
    once = {one.id: (one, vector(one.conditions)) for one in bounds.keeps(one for one in found if one)}
    return most_like(vector(conditions), once.values(), bounds.limit)
