"""Memory on a Chroma server: its HTTP API v2, our own vectors, and how far into the ledger it has followed."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

import httpx
import orjson

from ..codec import dumps, loads
from ..domain.errors import BadInput, InvalidSetting, MemoryUnavailable
from ..domain.learning import Conditions, Experience, SemanticRule
from ..domain.ledger import Entry, Learned
from ..domain.market import epoch_us
from ..logic.decide.recall import most_like, vector
from ..ports import Ledger

# Names what `logic.decide.recall.vector` makes. Another vector is another name: its collections fill from the ledger.
EMBEDDING = "v2"
EXPERIENCES, RULES = f"experiences_{EMBEDDING}", f"rules_{EMBEDDING}"
KINDS = ("LessonLearned", "RuleFormed")
COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"
# Finds the same 50 of 10,000 as comparing them all does, where the server's defaults miss one in 1 % of questions.
HNSW = {"space": "cosine", "ef_construction": 400, "ef_search": 800, "max_neighbors": 64}
CONNECT_S, READ_S = 1.0, 3.0
# A page of the ledger, and what one request to the server may hold: it refuses more than 40 MB.
PAGE, MOST_BYTES = 500, 4_000_000
# Asked for beyond the limit, so that what float32 puts in another order is among them; and how far float32 is off.
SPARE, ROUNDING = 20, 1e-5
# A kept connection that the server has closed meanwhile says so only when it is used.
DROPPED = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


class Collection(NamedTuple):
    """As the server names it: by another id once it was dropped and made again."""

    id: str
    told: dict[str, Any]


class Row(NamedTuple):
    """One record: what is compared, what is asked for, and the noun itself."""

    id: str
    point: Sequence[float]
    metadata: dict[str, Any]
    document: str


class Lost(MemoryUnavailable):
    """A collection is not there: dropped by a rebuild, or by whoever emptied the disk."""


class ChromaMemory:
    """Finds candidates with the server's index; how alike they are is computed here, as every memory does."""

    def __init__(self, url: str) -> None:
        try:
            is_address = httpx.URL(url).scheme in ("http", "https") and bool(httpx.URL(url).host)
        except httpx.InvalidURL:
            is_address = False
        if not is_address:
            raise InvalidSetting(f"Chroma is at http://… or https://…, was {url!r}")
        self._url = url.rstrip("/")
        self._ids: dict[str, str] = {}

    # --- MemoryStore --------------------------------------------------------------------------------------------------

    async def remember(self, experience: Experience) -> None:
        await self._add(await self._id(EXPERIENCES), [_of_experience(experience)])

    async def learn(self, rule: SemanticRule) -> None:
        await self._add(await self._id(RULES), [_of_rule(rule)])

    async def similar(
        self, conditions: Conditions, *, until: datetime, limit: int
    ) -> tuple[tuple[Experience, float], ...]:
        if limit <= 0:
            return ()
        point, asked = vector(conditions), limit + SPARE
        question: dict[str, Any] = {"query_embeddings": [point], "include": ["documents", "distances"]}
        later = await self._ids_where({"closed_us": {"$gt": epoch_us(until)}})
        if len(later) <= SPARE:
            # The index alone answers ten times sooner than index and filter: the few of later are left out here.
            asked += len(later)
        else:
            question["where"] = _closed(until)
        answer = await self._on(EXPERIENCES, "query", question | {"n_results": asked})
        with self._sense():
            near, farthest = _experiences(answer["documents"][0]), [float(far) for far in answer["distances"][0]][-1:]
        chosen = _chosen(point, near, until, limit)
        if len(near) < asked or len(chosen) < limit or 1 - farthest[0] / 2 > chosen[-1][1] - ROUNDING:
            # Few, ties, or nothing known: then all are compared.
            chosen = _chosen(point, await self._all(until), until, limit)
        return chosen

    async def count(self, *, until: datetime) -> int:
        return len(await self._ids_where(_closed(until)))

    async def rules(self, *, until: datetime) -> tuple[SemanticRule, ...]:
        """A rule that names its trades is long: only those that stand are fetched."""
        told = await self._on(
            RULES, "get", {"where": {"formed_us": {"$lte": epoch_us(until)}}, "include": ["metadatas"]}
        )
        newest: dict[str, tuple[int, str]] = {}
        with self._sense():
            for id, metadata in zip(told["ids"], told["metadatas"], strict=True):
                pattern, trades = str(metadata["pattern"]), int(metadata["trades"])
                if pattern not in newest or newest[pattern][0] < trades:
                    newest[pattern] = (trades, id)
        if not newest:
            return ()
        ids = [id for _, id in newest.values()]
        found = await self._on(RULES, "get", {"ids": ids, "include": ["documents"]})
        with self._sense():
            standing = [loads(SemanticRule, document) for document in found["documents"]]
        return tuple(sorted(standing, key=lambda rule: rule.pattern))

    # --- After the ledger ---------------------------------------------------------------------------------------------

    async def follow(self, ledger: Ledger) -> int:
        """Takes in what the ledger has learned since the last time; returns how many entries that were.

        How far it came is kept beside what it took in: a server that lost one has lost the other, and one that was
        filled from another ledger is emptied. Whoever follows at the same time does the same, and no harm."""
        lived, rules = await self._opened(EXPERIENCES), await self._opened(RULES)
        after = await self._followed(lived, rules)
        came = 0
        if after:
            # The entry it came to is read once more: it is there, unless this is another ledger.
            last = await ledger.entries(kinds=KINDS, after=after - 1, before=after + 1, limit=1)
            if [entry.id for entry in last] != [lived.told.get("entry")]:
                await self._drop()
                lived, rules, after = await self._opened(EXPERIENCES), await self._opened(RULES), 0
        while page := await ledger.entries(kinds=KINDS, after=after, limit=PAGE):
            await self._take(page, lived, rules)
            after, came = page[-1].seq, came + len(page)
            if len(page) < PAGE:
                break
        return came

    async def rebuild(self, ledger: Ledger) -> int:
        """From nothing; returns how many experiences there are. Broken off, the next `follow` goes on with it."""
        await self._drop()
        await self.follow(ledger)
        return await self._held(await self._id(EXPERIENCES))

    async def holds(self, kind: type[Experience | SemanticRule], id: str) -> bool:
        name = EXPERIENCES if kind is Experience else RULES
        found = await self._on(name, "get", {"ids": [id], "include": []})
        with self._sense():
            return bool(found["ids"] == [id])

    async def heartbeat(self) -> int:
        """The server's clock, nanoseconds."""
        answer = await self._ask("GET", "/api/v2/heartbeat")
        with self._sense():
            return int(answer["nanosecond heartbeat"])

    async def close(self) -> None:
        await self._client.aclose()

    async def _followed(self, lived: Collection, rules: Collection) -> int:
        """Up to where; 0 when the server holds less than it held then."""
        held, formed = await asyncio.gather(self._held(lived.id), self._held(rules.id))
        told = lived.told
        with self._sense():
            is_whole = (
                told.get("rules_id") == rules.id
                and held >= int(told.get("held", 0))
                and formed >= int(told.get("formed", 0))
            )
            return int(told.get("followed", 0)) if is_whole else 0

    async def _take(self, page: Sequence[Entry], lived: Collection, rules: Collection) -> None:
        """The cursor moves when all before it is in, and never back."""
        subjects = [entry.subject for entry in page]
        await self._add(lived.id, [_of_experience(one.experience) for one in subjects if isinstance(one, Learned)])
        await self._add(rules.id, [_of_rule(one) for one in subjects if isinstance(one, SemanticRule)])
        standing = await self._opened(EXPERIENCES)
        if standing.id == lived.id and await self._followed(standing, rules) >= page[-1].seq:
            return
        held, formed = await asyncio.gather(self._held(lived.id), self._held(rules.id))
        told = {"followed": page[-1].seq, "entry": page[-1].id, "rules_id": rules.id, "held": held, "formed": formed}
        await self._ask("PUT", f"{COLLECTIONS}/{lived.id}", {"new_metadata": told})

    # --- The server ---------------------------------------------------------------------------------------------------

    async def _add(self, collection: str, rows: Sequence[Row]) -> None:
        """What has an id that is there changes nothing: so the server adds."""
        for some in _batches(rows):
            body = {
                "ids": [row.id for row in some],
                "embeddings": [row.point for row in some],
                "metadatas": [row.metadata for row in some],
                "documents": [row.document for row in some],
            }
            await self._ask("POST", f"{COLLECTIONS}/{collection}/add", body)

    async def _ids_where(self, where: dict[str, Any]) -> list[str]:
        answer = await self._on(EXPERIENCES, "get", {"where": where, "include": []})
        with self._sense():
            return [str(id) for id in answer["ids"]]

    async def _all(self, until: datetime) -> list[Experience]:
        """In the order in which they came: what comes meanwhile comes last."""
        found: list[Experience] = []
        while True:
            page = {"where": _closed(until), "include": ["documents"], "limit": PAGE, "offset": len(found)}
            answer = await self._on(EXPERIENCES, "get", page)
            with self._sense():
                found += (some := _experiences(answer["documents"]))
            if len(some) < PAGE:
                return found

    async def _held(self, collection: str) -> int:
        answer = await self._ask("GET", f"{COLLECTIONS}/{collection}/count")
        with self._sense():
            return int(answer)

    async def _on(self, name: str, verb: str, body: dict[str, Any]) -> Any:
        return await self._ask("POST", f"{COLLECTIONS}/{await self._id(name)}/{verb}", body)

    async def _id(self, name: str) -> str:
        return self._ids.get(name) or (await self._opened(name)).id

    async def _opened(self, name: str) -> Collection:
        """As it is now, made when it is not there."""
        try:
            answer = await self._ask("GET", f"{COLLECTIONS}/{name}")
        except Lost:
            made = {"name": name, "get_or_create": True, "metadata": None}
            made |= {"configuration": {"hnsw": HNSW, "embedding_function": {"type": "legacy"}}}
            answer = await self._ask("POST", COLLECTIONS, made)
        with self._sense():
            collection = Collection(str(answer["id"]), dict(answer["metadata"] or {}))
        self._ids[name] = collection.id
        return collection

    async def _drop(self) -> None:
        """Experiences first: the cursor goes with them."""
        for name in (EXPERIENCES, RULES):
            try:
                await self._ask("DELETE", f"{COLLECTIONS}/{name}")
            except Lost:
                pass  # nothing to drop
        self._ids.clear()

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            content = None if body is None else orjson.dumps(body)
        except orjson.JSONEncodeError as wrong:
            raise BadInput(f"memory cannot be asked that: {wrong}, was {body!r:.300}") from wrong
        response = await self._response(method, path, content)
        said = response.text[:300]
        if response.status_code == httpx.codes.NOT_FOUND:
            self._ids.clear()
            raise Lost(f"Chroma at {self._url} has no such collection any more, ask again: {said}")
        if not response.is_success:
            raise MemoryUnavailable(f"Chroma at {self._url} answered {response.status_code} to {method} {path}: {said}")
        with self._sense():
            return orjson.loads(response.content)

    async def _response(self, method: str, path: str, content: bytes | None) -> httpx.Response:
        headers = {"content-type": "application/json"}
        try:
            try:
                return await self._client.request(method, path, content=content, headers=headers)
            except DROPPED:
                # Everything asked here may be asked twice.
                return await self._client.request(method, path, content=content, headers=headers)
        except httpx.RequestError as wrong:
            why = f"{type(wrong).__name__} {wrong}".strip()
            raise MemoryUnavailable(f"Chroma at {self._url} did not answer {method} {path}: {why}") from wrong

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self._url, timeout=httpx.Timeout(READ_S, connect=CONNECT_S), trust_env=False)

    @contextmanager
    def _sense(self) -> Iterator[None]:
        try:
            yield
        except (BadInput, LookupError, TypeError, ValueError, AttributeError) as wrong:
            raise MemoryUnavailable(f"Chroma at {self._url} answered nonsense: {wrong!r:.300}") from wrong


def _closed(until: datetime) -> dict[str, Any]:
    return {"closed_us": {"$lte": epoch_us(until)}}


def _experiences(documents: Iterable[str]) -> list[Experience]:
    return [loads(Experience, document) for document in documents]


def _chosen(
    point: Sequence[float], lived: Iterable[Experience], until: datetime, limit: int
) -> tuple[tuple[Experience, float], ...]:
    known = [(one, vector(one.conditions)) for one in lived if one.closed_at <= until]
    return most_like(point, known, limit)


def _of_experience(one: Experience) -> Row:
    told = {
        "closed_us": epoch_us(one.closed_at),
        "opened_us": epoch_us(one.opened_at),
        "symbol": str(one.symbol),
        "side": str(one.side),
        "regime": one.regime,
        "is_win": one.is_win,
    }
    return Row(one.id, vector(one.conditions), told, dumps(one).decode())


def _of_rule(rule: SemanticRule) -> Row:
    """Found by its pattern, never by likeness: its point says nothing."""
    told = {
        "formed_us": epoch_us(rule.formed_at),
        "pattern": rule.pattern,
        "trades": len(rule.trade_ids),
        "kind": str(rule.kind),
        "status": str(rule.status),
    }
    return Row(rule.id, (1.0,), told, dumps(rule).decode())


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    filled = 0
    for row in rows:
        size = len(row.document.encode())
        if batch and (filled + size > MOST_BYTES or len(batch) == PAGE):
            yield batch
            batch, filled = [], 0
        batch.append(row)
        filled += size
    if batch:
        yield batch
