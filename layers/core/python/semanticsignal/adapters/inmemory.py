"""Every socket in memory: tests, replay, and the local run's memory index."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic

from ..domain.decision import Prompt, Reply
from ..domain.errors import LedgerConflict, LedgerUnavailable, ModelUnavailable
from ..domain.learning import ANY, Conditions, Experience, Hindsight, PostMortem, SemanticRule, Which
from ..domain.ledger import Entry
from ..domain.market import Symbol, epoch_us
from ..domain.messages import MOST_WAITING, URGENT, Post, Posted, Topic, Waiting
from ..domain.trading import Portfolio
from ..logic.decide import purse
from ..logic.decide.recall import SCALE, Lived, most_like, vector
from ..logic.execute.position import empty
from ..ports import Archive

# Inside, numpy is imported by the memory alone: functions that wear another plug of this file do not wear numpy.
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# More than float64 is off in a sum of a few products.
ROUNDING = 1e-9


class InMemoryLedger:
    """A list and a portfolio; gone with the process."""

    def __init__(self, start_quote: Decimal) -> None:
        self._entries: list[Entry] = []
        self._by_id: dict[str, Entry] = {}
        self._portfolio = empty(start_quote)
        self._told = 0

    async def portfolio(self) -> Portfolio:
        return self._portfolio

    async def record(self, entry: Entry) -> Entry:
        return self._by_id.get(entry.id) or self._append(entry)

    async def settle(self, entry: Entry, before: Portfolio, after: Portfolio) -> Entry:
        if entry.id in self._by_id:
            return self._by_id[entry.id]
        if before.version != self._portfolio.version:
            raise LedgerConflict(f"the portfolio is at version {self._portfolio.version}, was read at {before.version}")
        self._portfolio = after
        return self._append(entry)

    def _append(self, entry: Entry) -> Entry:
        written = replace(entry, seq=len(self._entries) + 1)
        self._entries.append(written)
        self._by_id[written.id] = written
        return written

    async def entry(self, id: str) -> Entry | None:
        return self._by_id.get(id)

    async def entries(
        self,
        *,
        kinds: Iterable[str] = (),
        symbol: Symbol | None = None,
        after: int = 0,
        before: int | None = None,
        until: datetime | None = None,
        limit: int = 1000,
        newest_first: bool = False,
    ) -> tuple[Entry, ...]:
        wanted = set(kinds)
        found: list[Entry] = []
        for entry in reversed(self._entries) if newest_first else self._entries:
            if len(found) >= limit:
                break
            if entry.seq <= after or (before is not None and entry.seq >= before):
                continue
            if wanted and entry.kind not in wanted:
                continue
            if symbol is not None and getattr(entry.fact, "symbol", None) != symbol:
                continue
            if until is None or entry.fact.at <= until:
                found.append(entry)
        return tuple(found)

    async def untold(self) -> tuple[Entry, ...]:
        return tuple(self._entries[self._told :])

    async def told(self, seq: int) -> None:
        self._told = max(self._told, seq)

    async def last_seq(self) -> int:
        return len(self._entries)


class InMemoryPurse:
    """Gone with the process, and so is what it knew to be spent. Raises BadInput for what is no name or no sum,
    LedgerUnavailable when something is settled that was never set aside."""

    def __init__(self) -> None:
        self._held: dict[str, Decimal] = {}
        # What was set aside, and in which accounts; None once it was settled.
        self._reserved: dict[str, tuple[Decimal, tuple[str, ...]] | None] = {}

    async def reserve(self, id: str, usd: Decimal, limits: Mapping[str, Decimal]) -> bool:
        purse.check_names((id, *limits))
        purse.check_sums((usd, *limits.values()))
        if id in self._reserved:
            return True
        held = {account: self._held.get(account, purse.NOTHING) for account in limits}
        after = purse.set_aside(held, usd, limits)
        if after is None:
            return False
        self._held |= after
        self._reserved[id] = usd, tuple(limits)
        return True

    async def settle(self, id: str, usd: Decimal) -> None:
        purse.check_names((id,))
        purse.check_sums((usd,))
        if id not in self._reserved:
            raise LedgerUnavailable(f"nothing was set aside under {id!r}, was settled with {usd}")
        if reserved := self._reserved[id]:
            self._held |= purse.settled({account: self._held[account] for account in reserved[1]}, reserved[0], usd)
            self._reserved[id] = None

    async def spent(self, account: str) -> Decimal:
        purse.check_names((account,))
        return self._held.get(account, purse.NOTHING)


class InMemoryMail:
    """Gone with the process."""

    unreadable = 0

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        # What was sent or dropped leaves its id. What waits stands oldest first.
        self._ids: set[str] = set()
        self._waiting: dict[str, Waiting] = {}
        self._posted: dict[str, tuple[Posted, datetime]] = {}

    async def put(self, posts: Iterable[Post], *, at: datetime) -> int:
        made = tuple(posts)
        if not made or made[0].id in self._ids:
            return 0
        self._ids |= {post.id for post in made}
        self._waiting |= {post.id: Waiting(post, at) for post in made}
        order = sorted(self._waiting, key=lambda id: self._waiting[id].post.topic in URGENT)
        too_many = order[: max(0, len(order) - self._most)]
        for id in too_many:
            del self._waiting[id]
        return len(too_many)

    async def waiting(self) -> tuple[Waiting, ...]:
        first: dict[Topic, Waiting] = {}
        for one in self._waiting.values():
            first.setdefault(one.post.topic, one)
        return tuple(first.values())

    async def begun(self, id: str, *, at: datetime) -> None:
        if one := self._waiting.get(id):
            self._waiting[id] = replace(one, begun_at=at)

    async def back(self, id: str, *, tries: int) -> None:
        if one := self._waiting.get(id):
            self._waiting[id] = replace(one, begun_at=None, tries=tries)

    async def sent(self, id: str, name: str, *, until: datetime | None) -> None:
        self._waiting.pop(id, None)
        if until is not None:
            self._posted[id] = Posted(id, name), until

    async def dropped(self, id: str) -> None:
        self._waiting.pop(id, None)

    async def expired(self, *, at: datetime, limit: int) -> tuple[Posted, ...]:
        due = sorted((until, number, one) for number, (one, until) in enumerate(self._posted.values()) if until <= at)
        return tuple(one for _, _, one in due[:limit])

    async def gone(self, id: str) -> None:
        self._posted.pop(id, None)

    def close(self) -> None:
        """It holds nothing that another could want."""


class InMemoryArchive:
    """Keeps the newest `keep` items; None keeps everything."""

    def __init__(self, keep: int | None = None) -> None:
        self._items: OrderedDict[str, Any] = OrderedDict()
        self._keep = keep

    async def put(self, key: str, item: Any) -> Any:
        stands = self._items.setdefault(key, item)
        if self._keep is not None and len(self._items) > self._keep:
            self._items.popitem(last=False)
        return stands

    async def get(self, key: str, kind: type) -> Any:
        return self._items.get(key)


class SplitArchive:
    """Keys by their first part to different archives, the rest to one."""

    def __init__(self, parts: Mapping[str, Archive], rest: Archive) -> None:
        self._parts, self._rest = dict(parts), rest

    async def put(self, key: str, item: Any) -> Any:
        return await self._parts.get(key.partition("/")[0], self._rest).put(key, item)

    async def get(self, key: str, kind: type) -> Any:
        return await self._parts.get(key.partition("/")[0], self._rest).get(key, kind)


class InMemoryMemory:
    """An exact index: everything is compared. Tens of thousands are fine; a vector store takes over beyond."""

    def __init__(self) -> None:
        self._lived: _Compared[Experience] = _Compared()
        self._refused: _Compared[Hindsight] = _Compared()
        self._written: dict[str, PostMortem] = {}
        self._rules: dict[str, SemanticRule] = {}

    async def remember(self, one: Experience | Hindsight | PostMortem) -> None:
        match one:
            case Experience():
                self._lived.add(one)
            case Hindsight():
                self._refused.add(one)
            case PostMortem():
                self._written.setdefault(one.id, one)

    async def similar(
        self, conditions: Conditions, *, until: datetime, limit: int, which: Which = ANY
    ) -> tuple[tuple[Experience, float], ...]:
        return self._lived.nearest(conditions, self._lived.known(until, which), limit)

    async def refused(
        self, conditions: Conditions, *, until: datetime, limit: int, which: Which = ANY
    ) -> tuple[tuple[Hindsight, float], ...]:
        return self._refused.nearest(conditions, self._refused.known(until, which), limit)

    async def count(self, *, until: datetime, which: Which = ANY) -> int:
        return len(self._lived.known(until, which))

    async def learn(self, rule: SemanticRule) -> None:
        self._rules.setdefault(rule.id, rule)

    async def rules(self, *, until: datetime) -> tuple[SemanticRule, ...]:
        known = (rule for rule in self._rules.values() if rule.formed_at <= until)
        newest = {rule.pattern: rule for rule in sorted(known, key=_edition)}
        return tuple(newest[pattern] for pattern in sorted(newest))


def _edition(rule: SemanticRule) -> tuple[int, datetime, str]:
    return rule.wins + rule.losses, rule.formed_at, rule.id


class _Compared(Generic[Lived]):
    """Nouns, and beside each a row of what it is compared by and chosen by."""

    def __init__(self) -> None:
        import numpy as np

        self._nouns: list[Lived] = []
        self._ids: set[str] = set()
        # Rows up to len(_nouns) are filled; the room doubles when it is full.
        self._points, self._lengths = np.zeros((16, len(SCALE))), np.ones(16)
        # When it closed, microseconds; pair, side and regime, each a number that stands for the word.
        self._told = np.zeros((16, 4), dtype=np.int64)
        self._words: dict[str, int] = {}

    def add(self, one: Lived) -> None:
        import numpy as np

        if one.id in self._ids:
            return
        row = len(self._nouns)
        if row == len(self._points):
            self._points, self._lengths, self._told = (
                np.concatenate([filled, np.ones_like(filled)]) for filled in (self._points, self._lengths, self._told)
            )
        self._points[row] = vector(one.conditions)
        self._lengths[row] = np.linalg.norm(self._points[row]) or 1.0
        told: list[str] = [str(one.symbol), str(one.side), one.regime]
        words: list[int] = [self._words.setdefault(word, len(self._words)) for word in told]
        self._told[row] = [epoch_us(one.closed_at), *words]
        self._ids.add(one.id)
        self._nouns.append(one)

    def known(self, until: datetime, which: Which) -> "NDArray[np.intp]":
        """The rows of what had closed by then and is meant."""
        import numpy as np

        told = self._told[: len(self._nouns)]
        meant = told[:, 0] <= epoch_us(until)
        if which.since is not None:
            meant &= told[:, 0] >= epoch_us(which.since)
        for column, word in enumerate((which.symbol, which.side, which.regime), start=1):
            if word is not None:
                meant &= told[:, column] == self._words.get(str(word), -1)
        return np.flatnonzero(meant)

    def nearest(self, conditions: Conditions, known: "NDArray[np.intp]", limit: int) -> tuple[tuple[Lived, float], ...]:
        import numpy as np

        if not len(known) or limit <= 0:
            return ()
        point = vector(conditions)
        likeness = (1 + self._points[known] @ point / (self._lengths[known] * (np.linalg.norm(point) or 1.0))) / 2
        if len(known) > limit:
            # All that may reach the last place: exact likeness and ids settle it, not how numpy rounds.
            known = known[likeness >= np.partition(likeness, -limit)[-limit] - ROUNDING]
        nouns = [self._nouns[row] for row in known]
        return most_like(point, zip(nouns, self._points[known].tolist(), strict=True), limit)


class InMemoryNotifier:
    """Keeps what it is told, or, unheard, lets nobody prepare anything."""

    def __init__(self, *, is_heard: bool = True) -> None:
        self._is_heard = is_heard
        self.views: list[Any] = []

    async def is_heard(self) -> bool:
        return self._is_heard

    async def tell(self, view: Any) -> None:
        self.views.append(view)


class ScriptedModel:
    """Replies in the order given, then is unavailable: a model for tests and demonstrations."""

    def __init__(self, *texts: str, name: str = "scripted") -> None:
        self._texts = list(texts)
        self._name = name
        self.prompts: list[Prompt] = []

    async def complete(self, prompt: Prompt) -> Reply:
        self.prompts.append(prompt)
        if not self._texts:
            raise ModelUnavailable(f"the script has {len(self.prompts) - 1} replies, was asked once more")
        return Reply(text=self._texts.pop(0), model=self._name)

    async def close(self) -> None:
        """Nothing is held."""
