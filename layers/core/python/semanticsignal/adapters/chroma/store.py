"""Memory on a Chroma server: its HTTP API v2, our own vectors, and how far into the ledger it has followed.

A collection a pair: choosing the pair is choosing where to look, and all pairs together are asked side by side. The
other filters would make the server compare everything it holds, so they are in the ids, and are applied here to more
than was asked for."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import httpx
import orjson

from ...codec import loads
from ...domain.errors import BadInput, InvalidSetting, MemoryUnavailable
from ...domain.learning import ANY, Conditions, Experience, Hindsight, PostMortem, SemanticRule, Which
from ...domain.ledger import MEMORABLE, Memorable
from ...domain.market import Symbol, epoch_us
from ...logic.decide.recall import SCALE, Lived, most_like, vector
from ...ports import Ledger
from . import records

COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"
# Finds the same 50 of 100,000 as comparing them all does, where the server's defaults miss one in 1 % of questions.
HNSW = {"space": "cosine", "ef_construction": 400, "ef_search": 800, "max_neighbors": 64}
# As long to connect as to answer: a machine with no time to spare is slow to both.
CONNECT_S, READ_S, ADD_S = 3.0, 3.0, 15.0
# A page of the ledger.
PAGE = 500
# Asked for beyond the limit, so that what float32 puts in another order is among them; and how far float32 is off.
SPARE, ROUNDING = 20, 1e-5
# Ids are cheap to ask for: 2000 of 100,000 take 10 ms, where the server's own filter takes 200.
FILTERED, WIDE = 10, 2000
# Nouns kept at hand, 25 MB: what was recalled once is recalled again.
AT_HAND = 10_000
# A kept connection that the server has closed meanwhile says so only when it is used.
DROPPED = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)
T = TypeVar("T")


class Collection(NamedTuple):
    """As the server names it: by another id once it was dropped and made again."""

    id: str
    told: dict[str, Any]


class Near(NamedTuple):
    """What one collection answered: ids with their likeness as the server sees it; `edge`: what it left out is no more
    alike than this, None where it left out nothing."""

    collection: str
    found: list[tuple[str, float]]
    edge: float | None


class Cursor(NamedTuple):
    """Up to where in the ledger, the id of the entry there, how many of its entries belong in each collection, and the
    last instant that any of them is known since, microseconds."""

    seq: int = 0
    entry: str = ""
    counts: Mapping[str, int] = MappingProxyType({})
    newest_us: int = 0


class Bounds(NamedTuple):
    """What of all records is meant."""

    until: datetime
    limit: int
    which: Which

    @property
    def is_plain(self) -> bool:
        return self.which == Which(symbol=self.which.symbol)

    def holds(self, key: records.Key) -> bool:
        """The pair was chosen with the collection."""
        return (
            key.closed_us <= epoch_us(self.until)
            and self.which.side in (None, key.side)
            and self.which.regime in (None, key.regime)
            and (self.which.since is None or key.closed_us >= epoch_us(self.which.since))
        )

    def where(self) -> dict[str, Any]:
        """The same in the server's words."""
        parts: list[dict[str, Any]] = [{"closed_us": {"$lte": epoch_us(self.until)}}]
        if self.which.since is not None:
            parts.append({"closed_us": {"$gte": epoch_us(self.which.since)}})
        if self.which.side is not None:
            parts.append({"side": str(self.which.side)})
        if self.which.regime is not None:
            parts.append({"regime": self.which.regime})
        return parts[0] if len(parts) == 1 else {"$and": parts}

    def keeps(self, lived: Iterable[Lived]) -> Iterator[Lived]:
        return (one for one in lived if one.closed_at <= self.until and self.which.is_met(one))


class Lost(MemoryUnavailable):
    """A collection is not there: dropped by a rebuild, or by whoever emptied the disk."""


class ChromaMemory:
    """Finds candidates with the server's index; how alike they are is computed here, as every memory does."""

    def __init__(self, url: str) -> None:
        self.move(url)
        self._cursor: Cursor | None = None
        self._seen: OrderedDict[tuple[str, str], Any] = OrderedDict()

    def move(self, url: str) -> None:
        """To a server at another address. Raises InvalidSetting for what is no address."""
        try:
            is_address = httpx.URL(url).scheme in ("http", "https") and bool(httpx.URL(url).host)
        except httpx.InvalidURL:
            is_address = False
        if not is_address:
            raise InvalidSetting(f"Chroma is at http://… or https://…, was {url!r}")
        self._url = url.rstrip("/")
        self._ids: dict[str, str] | None = None

    # --- MemoryStore --------------------------------------------------------------------------------------------------

    async def remember(self, one: Experience | Hindsight | PostMortem) -> None:
        await self._put([one])

    async def learn(self, rule: SemanticRule) -> None:
        await self._put([rule])

    async def similar(
        self, conditions: Conditions, *, until: datetime, limit: int, which: Which = ANY
    ) -> tuple[tuple[Experience, float], ...]:
        return await self._nearest((records.LIVED, Experience), conditions, Bounds(until, limit, which))

    async def refused(
        self, conditions: Conditions, *, until: datetime, limit: int, which: Which = ANY
    ) -> tuple[tuple[Hindsight, float], ...]:
        return await self._nearest((records.REFUSED, Hindsight), conditions, Bounds(until, limit, which))

    async def count(self, *, until: datetime, which: Which = ANY) -> int:
        bounds = Bounds(until, 0, which)
        ids = await self._of(records.LIVED, which.symbol)
        if not bounds.is_plain:
            return sum(map(len, await asyncio.gather(*(self._where(id, bounds.where()) for id in ids))))
        # What came since is little, and counted at once; what came before is everything.
        later = await asyncio.gather(*(self._where(id, {"closed_us": {"$gt": epoch_us(until)}}) for id in ids))
        held = await asyncio.gather(*map(self._held, ids))
        return sum(held) - sum(map(len, later))

    async def rules(self, *, until: datetime) -> tuple[SemanticRule, ...]:
        """A rule that names its trades is long: only those that stand are fetched."""
        told = await self._on(
            records.RULES, "get", {"where": {"formed_us": {"$lte": epoch_us(until)}}, "include": ["metadatas"]}
        )
        newest: dict[str, tuple[int, int, str]] = {}
        with self._sense():
            for id, metadata in zip(told["ids"], told["metadatas"], strict=True):
                edition = int(metadata["trades"]), int(metadata["formed_us"]), str(id)
                pattern = str(metadata["pattern"])
                newest[pattern] = max(edition, newest.get(pattern, edition))
        if not newest:
            return ()
        ids = [id for *_, id in newest.values()]
        found = await self._on(records.RULES, "get", {"ids": ids, "include": ["documents"]})
        with self._sense():
            standing = [loads(SemanticRule, document) for document in found["documents"]]
        return tuple(sorted(standing, key=lambda rule: rule.pattern))

    # --- After the ledger ---------------------------------------------------------------------------------------------

    async def follow(self, ledger: Ledger, *, is_sure: bool = False) -> int:
        """Takes in what the ledger has learned since the last time; returns how many entries that were.

        How far it came, and how much that was, is kept beside what it took in: a server that holds less is filled
        anew, one that holds more, or was filled from another ledger, is emptied first. Whoever follows at the same time
        does the same, and no harm. `is_sure`: nobody else writes there and nothing is lost since the last time."""
        if is_sure and self._cursor:
            return await self._followed(ledger, self._cursor, is_noted=False)
        standing = await self._listed()
        cursor = _cursor(standing.get(records.RULES))
        if cursor.seq and not await _is_of(ledger, cursor):
            await self._drop()
            standing, cursor = {}, Cursor()
        held = await self._counted(standing)
        if any(held.get(name, 0) < count for name, count in cursor.counts.items()):
            cursor = Cursor()
        came = await self._followed(ledger, cursor)
        # What is remembered is in the ledger first: what was held before the ledger was read to its end is of it.
        if self._cursor and any(count > self._cursor.counts.get(name, 0) for name, count in held.items()):
            await self._drop()
            return await self._followed(ledger, Cursor())
        return came

    async def has_drifted(self) -> bool:
        """Whether it holds something else than it took in; when not, that is noted there. True as well when it took in
        nothing yet."""
        if self._cursor is None:
            return True
        standing = await self._listed()
        held = await self._counted(standing)
        if {name: count for name, count in held.items() if count} != dict(self._cursor.counts):
            return True
        if _cursor(standing.get(records.RULES)) != self._cursor:
            await self._note(self._cursor)
        return False

    def taken_in(self, until: datetime) -> Mapping[str, int] | None:
        """How many records of each collection were known by then; None where that has to be asked."""
        if self._cursor is None or epoch_us(until) < self._cursor.newest_us:
            return None
        return self._cursor.counts

    async def rebuild(self, ledger: Ledger) -> int:
        """From nothing; returns how many experiences there are. Broken off, the next `follow` goes on with it."""
        await self._drop()
        await self.follow(ledger)
        return sum(await asyncio.gather(*map(self._held, await self._of(records.LIVED, None))))

    async def holds(self, kind: type[Memorable], id: str) -> bool:
        if kind is SemanticRule or kind is PostMortem:
            found = await self._on(
                records.RULES if kind is SemanticRule else records.WRITTEN, "get", {"ids": [id], "include": []}
            )
            with self._sense():
                return bool(found["ids"] == [id])
        ids = await self._of(records.LIVED if kind is Experience else records.REFUSED, None)
        return any(await asyncio.gather(*(self._where(each, {"id": id}) for each in ids)))

    async def heartbeat(self) -> int:
        """The server's clock, nanoseconds."""
        answer = await self._ask("GET", "/api/v2/heartbeat")
        with self._sense():
            return int(answer["nanosecond heartbeat"])

    async def probe(self) -> None:
        """Each index is asked something: one may be broken where nothing is missing."""
        ids = [*await self._of(records.LIVED, None), *await self._of(records.REFUSED, None)]
        await _all(self._near(id, [1.0] * len(SCALE), 1, None) for id in ids)

    async def close(self) -> None:
        await self._client.aclose()

    async def _followed(self, ledger: Ledger, cursor: Cursor, *, is_noted: bool = True) -> int:
        came = 0
        while page := await ledger.entries(kinds=MEMORABLE, after=cursor.seq, limit=PAGE):
            subjects = [entry.memorable for entry in page]
            known = [one for one in subjects if one is not None]
            await self._put(known)
            counts = Counter(cursor.counts)
            counts.update(map(records.place, known))
            newest_us = max([cursor.newest_us, *map(records.since_us, known)])
            cursor = Cursor(page[-1].seq, page[-1].id, counts, newest_us)
            if is_noted:
                await self._note(cursor)
            came += len(page)
            if len(page) < PAGE:
                break
        self._cursor = cursor
        return came

    async def _note(self, cursor: Cursor) -> None:
        """The cursor moves when all before it is in, and never back, unless what is before it was lost."""
        standing = await self._opened(records.RULES)
        before = _cursor(standing)
        if before.seq >= cursor.seq:
            held = await self._counted(await self._listed())
            if all(held.get(name, 0) >= count for name, count in before.counts.items()):
                return
        counts = orjson.dumps(dict(cursor.counts), option=orjson.OPT_SORT_KEYS).decode()
        told = {"followed": cursor.seq, "entry": cursor.entry, "counts": counts, "newest_us": cursor.newest_us}
        await self._ask("PUT", f"{COLLECTIONS}/{standing.id}", {"new_metadata": told})

    # --- What is most alike -------------------------------------------------------------------------------------------

    async def _nearest(
        self, what: tuple[str, type[Lived]], conditions: Conditions, bounds: Bounds
    ) -> tuple[tuple[Lived, float], ...]:
        if bounds.limit <= 0:
            return ()
        (kind, noun), point = what, vector(conditions)
        ids = await self._of(kind, bounds.which.symbol)
        keys = await self._candidates(ids, point, bounds)
        if keys is None:
            # Ties without end, or an index that lost what it holds: then all are compared.
            pages = await _all(self._read_all(noun, id, bounds) for id in ids)
        else:
            pages = await _all(self._read(noun, id, some) for id, some in keys.items())
        lived = bounds.keeps(one for page in pages for one in page)
        return most_like(point, ((one, vector(one.conditions)) for one in lived), bounds.limit)

    async def _candidates(
        self, ids: Sequence[str], point: Sequence[float], bounds: Bounds
    ) -> dict[str, list[str]] | None:
        """By collection, the ids of all that may be among the most alike; None when that cannot be told."""
        if not any(point):
            return await self._first(ids, bounds)
        some = bounds.limit if bounds.is_plain else bounds.limit * FILTERED
        # A fair share first; a collection that may hold more of the nearest is asked for more of them.
        share = min(some, 2 * some // max(1, len(ids)))
        shares = (share + SPARE, some + SPARE, max(some + SPARE, WIDE))
        answers: dict[str, Near] = {}
        asked = list(ids)
        for width, where in (*((share, None) for share in shares), (bounds.limit + SPARE, bounds.where())):
            for near in await _all(self._near(id, point, width, where) for id in asked):
                answers[near.collection] = near
            with self._sense():
                chosen, asked = _chosen(list(answers.values()), bounds)
            if not asked:
                return chosen
        return None

    async def _first(self, ids: Sequence[str], bounds: Bounds) -> dict[str, list[str]]:
        """Where nothing is known of now, everything is as much alike."""
        pages = await _all(self._where(id, bounds.where()) for id in ids)
        with self._sense():
            known = [(records.key(row).id, id, row) for id, rows in zip(ids, pages, strict=True) for row in rows]
        chosen: dict[str, list[str]] = {}
        for _, id, row in sorted(known)[: bounds.limit]:
            chosen.setdefault(id, []).append(row)
        return chosen

    async def _near(self, collection: str, point: Sequence[float], width: int, where: dict[str, Any] | None) -> Near:
        question = {"query_embeddings": [point], "n_results": width, "include": ["distances"]}
        path = f"{COLLECTIONS}/{collection}"
        answer = await self._ask("POST", f"{path}/query", question | ({"where": where} if where else {}))
        with self._sense():
            distances = [float(far) for far in answer["distances"][0]]
            found = [(str(id), 1 - far / 2) for id, far in zip(answer["ids"][0], distances, strict=True)]
        if len(found) < width:
            # All there are, or all that an index knows which lost some.
            whole = len(await self._where(collection, where)) if where else await self._held(collection)
            return Near(collection, found, None if len(found) >= whole else 1.0)
        return Near(collection, found, found[-1][1])

    async def _read(self, noun: type[T], collection: str, ids: Sequence[str]) -> list[T]:
        """A noun never changes under its id."""
        unseen = [id for id in ids if (collection, id) not in self._seen]
        found: dict[str, T] = {id: self._seen[collection, id] for id in ids if (collection, id) in self._seen}
        if unseen:
            question = {"ids": unseen, "include": ["documents"]}
            answer = await self._ask("POST", f"{COLLECTIONS}/{collection}/get", question)
            with self._sense():
                for id, document in zip(answer["ids"], answer["documents"], strict=True):
                    found[str(id)] = loads(noun, document)
        for id, one in found.items():
            self._seen[collection, id] = one
            self._seen.move_to_end((collection, id))
        while len(self._seen) > AT_HAND:
            self._seen.popitem(last=False)
        return list(found.values())

    async def _read_all(self, noun: type[T], collection: str, bounds: Bounds) -> list[T]:
        """In the order in which they came: what comes meanwhile comes last."""
        found: list[T] = []
        while True:
            page = {"where": bounds.where(), "include": ["documents"], "limit": PAGE, "offset": len(found)}
            answer = await self._ask("POST", f"{COLLECTIONS}/{collection}/get", page)
            with self._sense():
                found += (some := [loads(noun, document) for document in answer["documents"]])
            if len(some) < PAGE:
                return found

    # --- The server ---------------------------------------------------------------------------------------------------

    async def _put(self, nouns: Iterable[Memorable]) -> None:
        """What has an id that is there changes nothing: so the server adds."""
        rows: dict[str, list[records.Row]] = {}
        for noun in nouns:
            rows.setdefault(records.place(noun), []).append(records.row(noun))
        for name, some in rows.items():
            await self._add(await self._id(name), some)

    async def _add(self, collection: str, rows: Sequence[records.Row]) -> None:
        for some in records.batches(rows):
            body = {
                "ids": [row.id for row in some],
                "embeddings": [row.point for row in some],
                "metadatas": [row.metadata for row in some],
                "documents": [row.document for row in some],
            }
            await self._ask("POST", f"{COLLECTIONS}/{collection}/add", body, ADD_S)

    async def _where(self, collection: str, where: dict[str, Any]) -> list[str]:
        answer = await self._ask("POST", f"{COLLECTIONS}/{collection}/get", {"where": where, "include": []})
        with self._sense():
            return [str(id) for id in answer["ids"]]

    async def _held(self, collection: str) -> int:
        answer = await self._ask("GET", f"{COLLECTIONS}/{collection}/count")
        with self._sense():
            return int(answer)

    async def _counted(self, standing: Mapping[str, Collection]) -> dict[str, int]:
        counts = await asyncio.gather(*(self._held(each.id) for each in standing.values()))
        return dict(zip(standing, counts, strict=True))

    async def _on(self, name: str, verb: str, body: dict[str, Any]) -> Any:
        return await self._ask("POST", f"{COLLECTIONS}/{await self._id(name)}/{verb}", body)

    async def _of(self, kind: str, symbol: Symbol | None) -> list[str]:
        """The collections of that kind, of one pair or of all."""
        wanted = None if symbol is None else records.pair(kind, symbol)
        known = await self._known()
        return [id for name, id in known.items() if name.startswith(f"{kind}_") and wanted in (None, name)]

    async def _id(self, name: str) -> str:
        return (await self._known()).get(name) or (await self._opened(name)).id

    async def _known(self) -> dict[str, str]:
        if self._ids is None:
            await self._listed()
        return self._ids or {}

    async def _listed(self) -> dict[str, Collection]:
        """All that are ours, by name."""
        answer = await self._ask("GET", COLLECTIONS)
        with self._sense():
            ours = {
                str(each["name"]): Collection(str(each["id"]), dict(each["metadata"] or {}))
                for each in answer
                if records.is_ours(str(each["name"]))
            }
        self._ids = {name: each.id for name, each in ours.items()}
        return ours

    async def _opened(self, name: str) -> Collection:
        """As it is now, made when it is not there."""
        known = self._ids
        try:
            answer = await self._ask("GET", f"{COLLECTIONS}/{name}")
        except Lost:
            self._ids = known
            made = {"name": name, "get_or_create": True, "metadata": None}
            made |= {"configuration": {"hnsw": HNSW, "embedding_function": {"type": "legacy"}}}
            answer = await self._ask("POST", COLLECTIONS, made)
        with self._sense():
            collection = Collection(str(answer["id"]), dict(answer["metadata"] or {}))
        if self._ids is not None:
            self._ids[name] = collection.id
        return collection

    async def _drop(self) -> None:
        """What is of this version. The cursor goes first: broken off, all is filled anew."""
        for name in sorted(await self._listed(), key=lambda name: name != records.RULES):
            try:
                await self._ask("DELETE", f"{COLLECTIONS}/{name}")
            except Lost:
                pass  # nothing to drop
        self._ids, self._cursor = None, None

    async def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, wait_s: float | None = None
    ) -> Any:
        try:
            content = None if body is None else orjson.dumps(body)
        except orjson.JSONEncodeError as wrong:
            raise BadInput(f"memory cannot be asked that: {wrong}, was {body!r:.300}") from wrong
        response = await self._response(method, path, content, wait_s or READ_S)
        said = response.text[:300]
        if response.status_code == httpx.codes.NOT_FOUND:
            self._ids = None
            raise Lost(f"Chroma at {self._url} has no such collection any more, ask again: {said}")
        if not response.is_success:
            raise MemoryUnavailable(f"Chroma at {self._url} answered {response.status_code} to {method} {path}: {said}")
        with self._sense():
            return orjson.loads(response.content)

    async def _response(self, method: str, path: str, content: bytes | None, wait_s: float) -> httpx.Response:
        """In time as a whole: whoever holds the port may tell a byte a second, and decisions wait for it."""
        asked: dict[str, Any] = {"content": content, "headers": {"content-type": "application/json"}}
        asked["timeout"] = httpx.Timeout(None, connect=CONNECT_S)
        try:
            async with asyncio.timeout(wait_s):
                try:
                    return await self._client.request(method, f"{self._url}{path}", **asked)
                except DROPPED:
                    # Everything asked here may be asked twice.
                    return await self._client.request(method, f"{self._url}{path}", **asked)
        except (TimeoutError, httpx.RequestError) as wrong:
            is_late = isinstance(wrong, TimeoutError)
            why = f"not within {wait_s:g} s" if is_late else f"{type(wrong).__name__} {wrong}".strip()
            raise MemoryUnavailable(f"Chroma at {self._url} did not answer {method} {path}: {why}") from wrong

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(trust_env=False)

    @contextmanager
    def _sense(self) -> Iterator[None]:
        try:
            yield
        except (BadInput, LookupError, TypeError, ValueError, AttributeError) as wrong:
            raise MemoryUnavailable(f"Chroma at {self._url} answered nonsense: {wrong!r:.300}") from wrong


async def _all(asked: Iterable[Awaitable[T]]) -> list[T]:
    return list(await asyncio.gather(*asked))


async def _is_of(ledger: Ledger, cursor: Cursor) -> bool:
    """The entry it came to is read once more: it is there, unless this is another ledger."""
    last = await ledger.entries(kinds=MEMORABLE, after=cursor.seq - 1, before=cursor.seq + 1, limit=1)
    return [entry.id for entry in last] == [cursor.entry]


def _cursor(rules: Collection | None) -> Cursor:
    """From the start where it is not told, or not so that it can be read."""
    told = rules.told if rules else {}
    try:
        counts = {str(name): int(count) for name, count in dict(orjson.loads(told["counts"])).items()}
        return Cursor(int(told["followed"]), str(told["entry"]), counts, int(told["newest_us"]))
    except (KeyError, TypeError, ValueError):
        return Cursor()


def _chosen(answers: Sequence[Near], bounds: Bounds) -> tuple[dict[str, list[str]], list[str]]:
    """Of what is meant, all that may be among the most alike, by collection; and the collections that left out some
    which may be too."""
    meant = [
        (like, near.collection, id)
        for near in answers
        for id, like in near.found
        if bounds.holds(records.key(id))
    ]  # fmt: skip
    meant.sort(reverse=True)
    least = meant[bounds.limit - 1][0] - ROUNDING if len(meant) >= bounds.limit else -1.0
    chosen: dict[str, list[str]] = {}
    for like, collection, id in meant:
        if like >= least:
            chosen.setdefault(collection, []).append(id)
    return chosen, [near.collection for near in answers if near.edge is not None and near.edge >= least]
