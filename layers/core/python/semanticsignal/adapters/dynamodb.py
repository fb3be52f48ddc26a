"""Ledger and purse in one DynamoDB table, mail in another: one transaction a write, every read consistent."""

import asyncio
import logging
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple

from ..codec import FACTS, SUBJECTS, dumps, loads
from ..domain.errors import BadInput, InvalidPost, LedgerConflict, LedgerUnavailable
from ..domain.ledger import Entry
from ..domain.market import Symbol, epoch_us
from ..domain.messages import MOST_WAITING, URGENT, Post, Posted, Waiting
from ..domain.trading import Portfolio
from ..logic.decide import purse
from ..logic.execute.position import empty
from ..logic.notify import kept
from ..logic.notify.kept import DROPPED, GONE, SENT, UNREADABLE, WAITS

Item = dict[str, dict[str, Any]]

# Partitions: the entries in their order, the head they add up to, where an entry's name points to; and the purse's.
ENTRIES, HEAD, NAME, PURSE = "ledger", "head", "id#", "purse#"
# Of the other table: posts by id, the number of the last one (`head`), whose turn it is to send them.
POSTS, TURN = "posts", "turn"
log = logging.getLogger("semsig")
# No call runs longer, and nobody leaves Discord alone for longer: a turn until later was written by mistake.
LONGEST_TURN = timedelta(hours=1, minutes=5)
STILL_WAITS = "attribute_exists(waits)"
DIGITS, INSTANT_DIGITS = 15, 18
LAST = 10**DIGITS - 1
# An item holds at most 400 KB; what is longer than this is kept compressed.
PLAIN_BYTES = 4096
PAGE = 500
ATTEMPTS = 60
FIRST_WAIT_S, LONGEST_WAIT_S = 0.01, 0.5
CONNECT_S, READ_S = 2.0, 5.0
# Asked again after up to 1, 2 and 4 s: where it is throttled it says so before who asked the memory function for it has
# stopped waiting, and would go on without memory.
SDK_RETRIES = 3


class _Table:
    """The one table. Raises LedgerUnavailable whenever it does not answer."""

    _what = "ledger"

    def __init__(self, table: str, endpoint_url: str | None) -> None:
        self._table, self._endpoint_url = table, endpoint_url

    def close(self) -> None:
        self._client.close()

    async def _got(self, pk: str, sk: str) -> Item | None:
        answer = await asyncio.to_thread(
            self._answered, self._client.get_item, TableName=self._table, Key=_key(pk, sk), ConsistentRead=True
        )
        found: Item | None = answer.get("Item")
        return found

    def _transacted(self, actions: list[dict[str, Any]]) -> bool:
        """All of it or nothing: False when somebody else wrote first. The SDK repeats a lost answer under one token, so
        a write whose answer was lost counts once."""
        try:
            self._client.transact_write_items(TransactItems=actions)
        except self._client.exceptions.TransactionCanceledException as wrong:
            reasons = {reason.get("Code") for reason in wrong.response.get("CancellationReasons", [])}
            if reasons <= {"None", "ConditionalCheckFailed", "TransactionConflict"}:
                return False
            raise LedgerUnavailable(f"cannot write the {self._what} {self._table}: {wrong}") from wrong
        except _errors() as wrong:
            raise LedgerUnavailable(f"cannot write the {self._what} {self._table}: {wrong}") from wrong
        return True

    def _new(self, item: Item) -> dict[str, Any]:
        return {"TableName": self._table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}

    def _updated(self, key: Item, update: str, condition: str, values: Item, **names: str) -> bool:
        """False where the condition does not hold."""
        try:
            self._client.update_item(
                TableName=self._table, Key=key, UpdateExpression=update, ConditionExpression=condition,
                ExpressionAttributeValues=values, **({"ExpressionAttributeNames": names} if names else {}),
            )  # fmt: skip
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        except _errors() as wrong:
            raise LedgerUnavailable(f"cannot write the {self._what} {self._table}: {wrong}") from wrong
        return True

    def _answered(self, question: Callable[..., Any], **asked: Any) -> Any:
        try:
            return question(**asked)
        except _errors() as wrong:
            raise LedgerUnavailable(f"cannot read the {self._what} {self._table}: {wrong}") from wrong

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        retries = {"mode": "standard", "max_attempts": SDK_RETRIES}
        limits = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries=retries)
        return boto3.session.Session().client("dynamodb", endpoint_url=self._endpoint_url, config=limits)


class DynamoLedger(_Table):
    """Keys: partition `pk`, sort `sk`; local indexes `by_kind` (`kind_seq`) and `by_pair` (`pair_seq`), which unlike
    global ones can be read consistently.

    Each write is one transaction: the entry under the next number, its name, and the head that held the number before.
    So numbers rise without gaps in the order of the commits, and a name is given once. Raises LedgerUnavailable."""

    def __init__(self, table: str, start_quote: Decimal, *, endpoint_url: str | None = None) -> None:
        super().__init__(table, endpoint_url)
        self._start = start_quote

    async def portfolio(self) -> Portfolio:
        """Before the first write it is the starting capital; who only reads needs no right to write it."""
        item = await self._got(HEAD, HEAD)
        return loads(Portfolio, _unpacked(item["body"])) if item else empty(self._start)

    async def record(self, entry: Entry) -> Entry:
        for attempt in range(ATTEMPTS):
            if standing := await self.entry(entry.id):
                return standing
            head = await self._head()
            if await self._written(entry, head, None):
                return replace(entry, seq=head.seq + 1)
            await _pause(entry.id, attempt)
        raise LedgerUnavailable(f"{entry.id} was not written in {ATTEMPTS} tries: others were always first")

    async def settle(self, entry: Entry, before: Portfolio, after: Portfolio) -> Entry:
        for attempt in range(ATTEMPTS):
            if standing := await self.entry(entry.id):
                return standing
            head = await self._head()
            if (now := head.portfolio.version) != before.version:
                if standing := await self.entry(entry.id):
                    return standing  # written between the two looks: by a twin of whoever asks
                raise LedgerConflict(f"the portfolio is at version {now}, was read at {before.version}")
            if await self._written(entry, head, after):
                return replace(entry, seq=head.seq + 1)
            await _pause(entry.id, attempt)
        raise LedgerUnavailable(f"{entry.id} was not written in {ATTEMPTS} tries: others were always first")

    async def entry(self, id: str) -> Entry | None:
        name = await self._got(f"{NAME}{id}", "id")
        if name is None:
            return None
        item = await self._got(ENTRIES, _place(int(name["seq"]["N"])))
        if item is None:
            raise LedgerUnavailable(f"{id} has number {name['seq']['N']}, and nothing stands there")
        return read(item)

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
        first, last = max(after, 0) + 1, LAST if before is None else min(before - 1, LAST)
        if first > last or limit <= 0:
            return ()
        wanted = tuple(dict.fromkeys(kinds))
        if len(wanted) > 1 and (head := await self._got(HEAD, HEAD)):
            # Each kind is a question of its own: without one end for all, a late answer would hold an older entry back.
            last = min(last, int(head["seq"]["N"]))
        ranges = [_range(kind, symbol, first, last) for kind in wanted or (None,)]
        filters = [
            *([("symbol = :symbol", ":symbol", {"S": str(symbol)})] if symbol and not wanted else []),
            *([("at_us <= :until", ":until", {"N": str(epoch_us(until))})] if until is not None else []),
        ]
        pages = [asyncio.to_thread(self._found, r, filters, limit, newest_first) for r in ranges]
        found = [item for page in await asyncio.gather(*pages) for item in page]
        found.sort(key=lambda item: item["sk"]["S"], reverse=newest_first)
        return tuple(map(read, found[:limit]))

    def _found(
        self, keys: "Range", filters: list[tuple[str, str, dict[str, str]]], limit: int, newest_first: bool
    ) -> list[Item]:
        asked: dict[str, Any] = {
            "TableName": self._table,
            "ConsistentRead": True,
            "ScanIndexForward": not newest_first,
            "KeyConditionExpression": f"pk = :pk AND {keys.key} BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":pk": {"S": ENTRIES},
                ":first": {"S": keys.first},
                ":last": {"S": keys.last},
                **{name: value for _, name, value in filters},
            },
            **({"IndexName": keys.by} if keys.by else {}),
            **({"FilterExpression": " AND ".join(said for said, _, _ in filters)} if filters else {}),
        }
        found: list[Item] = []
        while True:
            # A filter throws away after the limit was counted: then a page may hold fewer than are wanted.
            left = limit - len(found)
            asked["Limit"] = min(PAGE, max(25, 2 * left) if filters else left)
            answer = self._answered(self._client.query, **asked)
            found += answer.get("Items", [])
            if len(found) >= limit or "LastEvaluatedKey" not in answer:
                return found
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    async def _head(self) -> "Head":
        item = await self._got(HEAD, HEAD)
        if item is None:
            await asyncio.to_thread(self._begun)
            item = await self._got(HEAD, HEAD)
        if item is None:
            raise LedgerUnavailable(f"the ledger {self._table} has no portfolio, and none can be written")
        return Head(int(item["seq"]["N"]), loads(Portfolio, _unpacked(item["body"])))

    def _begun(self) -> None:
        first = empty(self._start)
        item = {
            **_key(HEAD, HEAD),
            "seq": {"N": "0"},
            "version": {"N": str(first.version)},
            "body": _packed(dumps(first)),
        }
        try:
            self._client.put_item(TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(pk)")
        except self._client.exceptions.ConditionalCheckFailedException:
            return  # another function was first, and first write wins
        except _errors() as wrong:
            raise LedgerUnavailable(f"cannot begin the ledger {self._table}: {wrong}") from wrong

    async def _written(self, entry: Entry, head: "Head", after: Portfolio | None) -> bool:
        """False when somebody else wrote first: read again."""
        item = written(entry, head.seq + 1)
        read(item)  # what cannot be read back must never stand: the list only grows
        return await asyncio.to_thread(self._put, item, head, after)

    def _put(self, item: Item, head: "Head", after: Portfolio | None) -> bool:
        name = {**_key(f"{NAME}{item['id']['S']}", "id"), "seq": item["seq"]}
        return self._transacted(
            [{"Put": self._new(name)}, {"Put": self._new(item)}, {"Update": self._moved(head, after)}]
        )

    def _moved(self, head: "Head", after: Portfolio | None) -> dict[str, Any]:
        moved: dict[str, Any] = {
            "TableName": self._table,
            "Key": _key(HEAD, HEAD),
            "UpdateExpression": "SET seq = :next",
            "ConditionExpression": "seq = :seq",
            "ExpressionAttributeValues": {":seq": {"N": str(head.seq)}, ":next": {"N": str(head.seq + 1)}},
        }
        if after is not None:
            moved["UpdateExpression"] += ", version = :after, body = :body"
            moved["ConditionExpression"] += " AND version = :before"
            moved["ExpressionAttributeValues"] |= {
                ":before": {"N": str(head.portfolio.version)},
                ":after": {"N": str(after.version)},
                ":body": _packed(dumps(after)),
            }
        return moved


class DynamoPurse(_Table):
    """In the ledger's table, where no question to the ledger and no filter of its stream finds it: an item an account
    (`sk` account) and an item a reservation (`sk` reserved), in partitions of their own and without an index's keys.

    A sum is text, for a number of DynamoDB has 38 digits. What is written stands only where each account still holds
    what was read of it. Raises BadInput for what is no name or no sum, LedgerUnavailable, also when something is
    settled that was never set aside."""

    _what = "purse in"

    def __init__(self, table: str, *, endpoint_url: str | None = None) -> None:
        super().__init__(table, endpoint_url)

    async def reserve(self, id: str, usd: Decimal, limits: Mapping[str, Decimal]) -> bool:
        purse.check_names((id, *limits))
        purse.check_sums((usd, *limits.values()))
        item = {**_key(f"{PURSE}{id}", "reserved"), "usd": {"S": str(usd)}, "accounts": _listed(limits)}
        for attempt in range(ATTEMPTS):
            if await self._reserved(id):
                return True
            held = await self._held(limits)
            after = purse.set_aside(_sums(held), usd, limits)
            if after is None:
                return await self._reserved(id) is not None  # filled, it may be, by a twin of whoever asks
            if await asyncio.to_thread(self._transacted, [{"Put": self._new(item)}, *self._changed(held, after)]):
                return True
            await _pause(id, attempt)
        raise LedgerUnavailable(f"{usd} were not set aside for {id} in {ATTEMPTS} tries: others were always first")

    async def settle(self, id: str, usd: Decimal) -> None:
        purse.check_names((id,))
        purse.check_sums((usd,))
        item = await self._reserved(id)
        if item is None:
            raise LedgerUnavailable(f"nothing was set aside under {id!r}, was settled with {usd}")
        accounts = [account["S"] for account in item["accounts"]["L"]]
        for attempt in range(ATTEMPTS):
            held = await self._held(accounts)
            # Asked after the accounts: what a twin settled meanwhile is no longer in them.
            if "settled_usd" in (await self._reserved(id) or item):
                return
            after = purse.settled(_sums(held), purse.stored(item["usd"]["S"], id), usd)
            once = {"Update": self._once(id, usd)}
            if await asyncio.to_thread(self._transacted, [once, *self._changed(held, after)]):
                return
            await _pause(id, attempt)
        raise LedgerUnavailable(f"{id} was not settled in {ATTEMPTS} tries: others were always first")

    async def spent(self, account: str) -> Decimal:
        purse.check_names((account,))
        return _sums(await self._held((account,)))[account]

    async def _reserved(self, id: str) -> Item | None:
        return await self._got(f"{PURSE}{id}", "reserved")

    async def _held(self, accounts: Iterable[str]) -> dict[str, Item | None]:
        names = tuple(accounts)
        found = await asyncio.gather(*(self._got(f"{PURSE}{name}", "account") for name in names))
        return dict(zip(names, found, strict=True))

    def _changed(self, held: Mapping[str, Item | None], after: Mapping[str, Decimal]) -> list[dict[str, Any]]:
        return [{"Put": self._moved(account, item, after[account])} for account, item in held.items()]

    def _moved(self, account: str, item: Item | None, usd: Decimal) -> dict[str, Any]:
        put = self._new({**_key(f"{PURSE}{account}", "account"), "usd": {"S": str(usd)}})
        if item is None:
            return put
        return put | {"ConditionExpression": "usd = :read", "ExpressionAttributeValues": {":read": item["usd"]}}

    def _once(self, id: str, usd: Decimal) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Key": _key(f"{PURSE}{id}", "reserved"),
            "UpdateExpression": "SET settled_usd = :usd",
            "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(settled_usd)",
            "ExpressionAttributeValues": {":usd": {"S": str(usd)}},
        }


class DynamoMail(_Table):
    """In a table of its own, where what it does can neither write nor hold up the ledger. Keys: partition `pk`, sort
    `sk`; local indexes of keys alone, `waiting` (`waits`) and `expiring` (`expires`): a post has the attribute while it
    does so.

    Also whose turn it is to send them, for many functions could at once. Raises LedgerUnavailable."""

    _what = "mail"

    def __init__(self, table: str, most: int = MOST_WAITING, *, endpoint_url: str | None = None) -> None:
        super().__init__(table, endpoint_url)
        self._most = most
        self.unreadable = 0

    async def put(self, posts: Iterable[Post], *, at: datetime) -> int:
        """All parts of a message in one transaction, or none where its first one stands. Whoever dies before those that
        are too many are dropped leaves that to the next one."""
        made = tuple(posts)
        if not made or not await self._put(made, at):
            return 0
        waiting = await self._listed("waiting", "waits", _place(LAST))
        waiting.sort(key=lambda one: _topic(one) in URGENT)
        too_many = waiting[: max(0, len(waiting) - self._most)]
        return sum([await self._turned(one["sk"]["S"], DROPPED, STILL_WAITS) for one in too_many])

    async def waiting(self) -> tuple[Waiting, ...]:
        of_topic: dict[str, list[str]] = {}
        for one in await self._listed("waiting", "waits", _place(LAST)):
            of_topic.setdefault(_topic(one), []).append(one["sk"]["S"])
        found = []
        for ids in of_topic.values():
            for id in ids:
                item = await self._got(POSTS, id)
                if item is None or "waits" not in item:
                    break  # it was sent or dropped between the two looks
                try:
                    found.append((item["waits"]["S"], _waiting(item)))
                    break
                except InvalidPost as wrong:
                    await self._given_up(id, wrong)
        return tuple(one for _, one in sorted(found, key=lambda placed: placed[0]))

    async def begun(self, id: str, *, at: datetime) -> None:
        await self._noted(id, "SET begun_us = :at", {":at": {"N": str(epoch_us(at))}})

    async def back(self, id: str, *, tries: int) -> None:
        await self._noted(id, "SET tries = :tries REMOVE begun_us", {":tries": {"N": str(tries)}})

    async def sent(self, id: str, name: str, *, until: datetime | None) -> None:
        item = await self._got(POSTS, id)
        if item is None:
            return
        more: Item = {"post_name": {"S": name}}
        if until is not None:
            more["expires"] = {"S": f"{epoch_us(until):0{INSTANT_DIGITS}d}#{item['place']['S']}"}
        await self._turned(id, SENT, more=more)

    async def dropped(self, id: str) -> None:
        await self._turned(id, DROPPED)

    async def expired(self, *, at: datetime, limit: int) -> tuple[Posted, ...]:
        while True:
            due = await self._listed("expiring", "expires", f"{epoch_us(at):0{INSTANT_DIGITS}d}#~", limit=limit)
            before, found = self.unreadable, []
            for one in due:
                item = await self._got(POSTS, id := one["sk"]["S"])
                if item and "expires" in item:
                    try:
                        found.append(kept.posted(id, _said(item, "post_name")))
                    except InvalidPost as wrong:
                        await self._given_up(id, wrong)
            if self.unreadable == before:
                return tuple(found)

    async def gone(self, id: str) -> None:
        await self._turned(id, GONE)

    async def _given_up(self, id: str, wrong: InvalidPost) -> None:
        """It is marked, and else stays as it is."""
        key, values = _key(POSTS, id), {":state": {"S": UNREADABLE}}
        update, held = "SET #state = :state REMOVE waits, expires", "attribute_exists(pk)"
        await asyncio.to_thread(self._updated, key, update, held, values, **{"#state": "state"})
        self.unreadable += 1
        log.warning("a message cannot be read and is given up: %r: %s", id, wrong)

    async def begin(self, who: str, *, at: datetime, until: datetime) -> bool:
        """Of many who could send, one does at a time: whether it is theirs now, until then at the latest, so that
        whoever dies holds nobody up for longer. Raises LedgerUnavailable."""
        return await asyncio.to_thread(
            self._updated, _key(TURN, TURN), "SET who = :who, until_us = :until",
            "attribute_not_exists(pk) OR until_us <= :at OR until_us > :most",
            {":who": {"S": who}, ":until": {"N": str(epoch_us(until))}, ":at": {"N": str(epoch_us(at))},
             ":most": {"N": str(epoch_us(at + LONGEST_TURN))}},
        )  # fmt: skip

    async def end(self, who: str, *, free_at: datetime) -> None:
        """Nobody begins before that. Whose turn it is no more changes nothing."""
        values = {":who": {"S": who}, ":free": {"N": str(epoch_us(free_at))}}
        update = "SET until_us = :free REMOVE who"
        await asyncio.to_thread(self._updated, _key(TURN, TURN), update, "who = :who", values)

    async def _put(self, made: tuple[Post, ...], at: datetime) -> bool:
        """False where its first part stands."""
        for attempt in range(ATTEMPTS):
            if await self._got(POSTS, made[0].id):
                return False
            head = await self._got(HEAD, HEAD)
            last = int(head["seq"]["N"]) if head else 0
            put = [{"Put": self._new(_put(post, last + n, at))} for n, post in enumerate(made, 1)]
            numbered = {"Update": self._numbered(last, last + len(made))}
            if await asyncio.to_thread(self._transacted, [*put, numbered]):
                return True
            await _pause(made[0].id, attempt)
        raise LedgerUnavailable(f"{made[0].id} was not put in {ATTEMPTS} tries: others were always first")

    def _numbered(self, last: int, after: int) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Key": _key(HEAD, HEAD),
            "UpdateExpression": "SET seq = :after",
            "ConditionExpression": "seq = :last" if last else "attribute_not_exists(pk)",
            "ExpressionAttributeValues": {":after": {"N": str(after)}} | ({":last": {"N": str(last)}} if last else {}),
        }

    async def _noted(self, id: str, update: str, values: Item) -> None:
        """Of one that still waits."""
        await asyncio.to_thread(self._updated, _key(POSTS, id), update, STILL_WAITS, values)

    async def _turned(
        self, id: str, state: str, condition: str = "attribute_exists(pk)", more: Item | None = None
    ) -> bool:
        """What was sent keeps its id, so that it is never sent again, and no more. False where the condition does not
        hold."""
        told = more or {}
        values = {":state": {"S": state}} | {f":{name}": value for name, value in told.items()}
        said = ["#state = :state", *(f"{name} = :{name}" for name in told)]
        left = [name for name in ("body", "waits", "expires", "post_name", "chart", "begun_us") if name not in told]
        update = f"SET {', '.join(said)} REMOVE {', '.join(left)}"
        names = {"#state": "state"}
        return await asyncio.to_thread(self._updated, _key(POSTS, id), update, condition, values, **names)

    async def _listed(self, index: str, key: str, last: str, limit: int | None = None) -> list[Item]:
        """Keys of an index up to `last`, in its order."""
        asked: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": index,
            "ConsistentRead": True,
            "KeyConditionExpression": f"pk = :pk AND {key} <= :last",
            "ExpressionAttributeValues": {":pk": {"S": POSTS}, ":last": {"S": last}},
            **({"Limit": limit} if limit else {}),
        }
        found: list[Item] = []
        while True:
            page = await asyncio.to_thread(self._answered, self._client.query, **asked)
            found += page.get("Items", [])
            if "LastEvaluatedKey" not in page or (limit and len(found) >= limit):
                return found
            asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]


class Head(NamedTuple):
    """The number of the newest entry, and what all entries add up to."""

    seq: int
    portfolio: Portfolio


class Range(NamedTuple):
    by: str | None
    key: str
    first: str
    last: str


def _range(kind: str | None, symbol: Symbol | None, first: int, last: int) -> Range:
    if kind is None:
        return Range(None, "sk", _place(first), _place(last))
    if symbol is None:
        return Range("by_kind", "kind_seq", f"{kind}#{_place(first)}", f"{kind}#{_place(last)}")
    return Range("by_pair", "pair_seq", f"{kind}#{symbol}#{_place(first)}", f"{kind}#{symbol}#{_place(last)}")


def written(entry: Entry, seq: int) -> Item:
    symbol = getattr(entry.fact, "symbol", None)
    of_pair = (
        {"symbol": {"S": str(symbol)}, "pair_seq": {"S": f"{entry.kind}#{symbol}#{_place(seq)}"}} if symbol else {}
    )
    return {
        **_key(ENTRIES, _place(seq)),
        "seq": {"N": str(seq)},
        "id": {"S": entry.id},
        "kind": {"S": entry.kind},
        "kind_seq": {"S": f"{entry.kind}#{_place(seq)}"},
        "at_us": {"N": str(epoch_us(entry.fact.at))},
        "fact": {"S": dumps(entry.fact).decode()},
        "subject": _packed(dumps(entry.subject)),
        **of_pair,
    }


def read(item: Item) -> Entry:
    """Raises BadInput for a kind of a newer version."""
    kind = item["kind"]["S"]
    if kind not in FACTS or kind not in SUBJECTS:
        raise BadInput(f"the ledger was written by a newer version: unknown kind {kind!r}")
    seq = int(item["seq"]["N"])
    return Entry(loads(FACTS[kind], item["fact"]["S"]), loads(SUBJECTS[kind], _unpacked(item["subject"])), seq)


def _put(post: Post, seq: int, at: datetime) -> Item:
    return {
        **_key(POSTS, post.id),
        "place": {"S": _place(seq)},
        # with its topic, so that keys alone say which posts are the first of theirs
        "waits": {"S": f"{_place(seq)}#{post.topic}"},
        "state": {"S": WAITS},
        "put_us": {"N": str(epoch_us(at))},
        "body": {"S": post.body},
        "level": {"S": post.level},
        "worth_s": {"N": repr(post.worth_s)},
        **({"chart": {"S": post.chart}} if post.chart else {}),
    }


def _waiting(item: Item) -> Waiting:
    """Raises InvalidPost."""
    if _said(item, "place") is None:
        raise InvalidPost("it has no place")
    texts = {name: _said(item, name) for name in ("body", "level", "chart")}
    numbers = {name: _number(item, name) for name in ("worth_s", "put_us", "begun_us", "tries")}
    numbers["tries"] = 0 if numbers["tries"] is None else numbers["tries"]
    told = {"id": item["sk"]["S"], "topic": _topic(item), **texts, **numbers}
    return kept.waiting(*(told[name] for name in kept.FIELDS))


def _topic(item: Item) -> str:
    """Maybe none of this version."""
    return str(item["waits"]["S"].partition("#")[2])


def _said(item: Item, name: str) -> str | None:
    text: str | None = item.get(name, {}).get("S")
    return text


def _number(item: Item, name: str) -> float | int | None:
    """DynamoDB's numbers are numbers, though not always ours."""
    told: str | None = item.get(name, {}).get("N")
    return None if told is None else int(told) if told.lstrip("-").isdecimal() else float(told)


def _packed(content: bytes) -> dict[str, Any]:
    return {"S": content.decode()} if len(content) <= PLAIN_BYTES else {"B": zlib.compress(content)}


def _unpacked(value: dict[str, Any]) -> bytes:
    return value["S"].encode() if "S" in value else zlib.decompress(value["B"])


def _listed(names: Iterable[str]) -> dict[str, Any]:
    return {"L": [{"S": name} for name in names]}


def _sums(held: Mapping[str, Item | None]) -> dict[str, Decimal]:
    return {
        account: purse.stored(item["usd"]["S"], account) if item else purse.NOTHING for account, item in held.items()
    }


def _key(pk: str, sk: str) -> Item:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _place(seq: int) -> str:
    return f"{seq:0{DIGITS}d}"


async def _pause(id: str, attempt: int) -> None:
    """Longer each time, and of another length for each name: who collided once should not collide again."""
    spread = sha256(f"{id} {attempt}".encode()).digest()[0] / 255
    await asyncio.sleep(min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt) * (0.25 + 0.75 * spread))


def _errors() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError

    return BotoCoreError, ClientError
