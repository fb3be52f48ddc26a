"""Ledger and outbox in one SQLite file, purse and mail in others: one transaction a write, durable at its return."""

import asyncio
import logging
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from ..codec import FACTS, SUBJECTS, dumps, loads
from ..domain.errors import AlreadyRunning, BadInput, InvalidPost, LeaseLost, LedgerConflict, LedgerUnavailable
from ..domain.lease import LOCK, MOST_TOKENS, Lease
from ..domain.ledger import Entry
from ..domain.market import Symbol, epoch_us
from ..domain.messages import MOST_WAITING, URGENT, Post, Posted, Waiting
from ..domain.trading import Portfolio
from ..logic.decide import purse
from ..logic.execute.position import empty
from ..logic.notify import kept
from ..logic.notify.kept import DROPPED, GONE, SENT, UNREADABLE, WAITS

# Of SCHEMA and what is in its tables: 0 is from before they were counted, and the same.
EDITION = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, symbol TEXT, at_us INTEGER NOT NULL,
    fact BLOB NOT NULL, subject BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS entries_by_kind ON entries (kind, symbol, seq);
CREATE INDEX IF NOT EXISTS entries_in_kind ON entries (kind, seq);
CREATE TABLE IF NOT EXISTS portfolio (
    one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS notes (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS lease (
    one INTEGER PRIMARY KEY CHECK (one = 1), token INTEGER NOT NULL, pid INTEGER NOT NULL, since TEXT NOT NULL,
    lock TEXT NOT NULL, renews_s REAL NOT NULL, port INTEGER, beats INTEGER NOT NULL);
"""
# In each file of a home: the number of who may write there. Nobody who took no lease writes where somebody has.
FENCE_SCHEMA = """
CREATE TABLE IF NOT EXISTS {of}fence (one INTEGER PRIMARY KEY CHECK (one = 1), token INTEGER NOT NULL);
INSERT OR IGNORE INTO {of}fence VALUES (1, 0);
"""
# Not WAL, which several processes cannot turn on at once. EXTRA: a power cut gives back no money that was set aside.
PURSE_SCHEMA = """
PRAGMA synchronous=EXTRA;
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS accounts (name TEXT PRIMARY KEY, usd TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reservations (id TEXT PRIMARY KEY, usd TEXT NOT NULL, settled_usd TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shares (id TEXT, account TEXT, PRIMARY KEY (id, account)) WITHOUT ROWID;
COMMIT;
"""
# What was sent keeps its id, so that it is never sent again, and no more.
MAIL_SCHEMA = """
PRAGMA synchronous=FULL;
CREATE TABLE IF NOT EXISTS posts (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL, put_us INTEGER NOT NULL, body TEXT,
    level TEXT NOT NULL, worth_s REAL NOT NULL, chart TEXT, name TEXT, until_us INTEGER,
    topic TEXT NOT NULL DEFAULT 'decision', begun_us INTEGER, tries INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS posts_by_state ON posts (state, seq);
"""
# What the mail of an older version has not.
MAIL_ADDED = {
    "topic": "TEXT NOT NULL DEFAULT 'decision'", "begun_us": "INTEGER", "tries": "INTEGER NOT NULL DEFAULT 0",
}  # fmt: skip
DECODED = 4096
PATIENCE_S = 5
# What passes: locked by somebody else, and where there is no room now.
PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM)
# No system counts its processes further.
MOST_PIDS = 2**31
LOCK_NAME = re.compile(rf"{LOCK}(\.[0-9]+)?")
# Nobody renews a lease more rarely; who waits for a sign of life waits for that.
LONGEST_RENEWAL_S = 2.0

log = logging.getLogger("semsig")
Read = TypeVar("Read")


class _File:
    """One SQLite file. Raises LedgerUnavailable whenever it cannot be used, LeaseLost for a write after somebody else
    took it under a higher token than ours."""

    _what = "ledger"
    _db: sqlite3.Connection

    def __init__(self, path: Path, token: int = 0) -> None:
        self._path, self._token = path, token

    def close(self) -> None:
        self._db.close()

    def _connect(self, where: Path | str, *, uri: bool = False, is_shared: bool = False) -> None:
        """`is_shared`: among threads that take turns."""
        self._db = sqlite3.connect(
            where, isolation_level=None, timeout=PATIENCE_S, cached_statements=256, uri=uri,
            check_same_thread=not is_shared,
        )  # fmt: skip

    @contextmanager
    def _opening(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as wrong:
            if hasattr(self, "_db"):
                self._db.close()
            raise LedgerUnavailable(f"cannot open the {self._what} {self._path}, was {wrong}") from wrong

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as wrong:
            raise LedgerUnavailable(f"cannot read the {self._what} {self._path}, was {wrong}") from wrong

    def _raise_fence(self) -> None:
        """From now on whoever was before us writes here no more. Also in the middle of `_opening`."""
        self._db.executescript(FENCE_SCHEMA.format(of=""))
        self._db.execute("UPDATE fence SET token = ? WHERE token < ?", (self._token, self._token))

    def _check_fence(self) -> None:
        """In the transaction that it guards: who was stopped and wakes in the middle of its work writes nothing."""
        row = self._db.execute("SELECT token FROM fence").fetchone()
        if row is None:
            raise sqlite3.DatabaseError("it says no more who may write there")
        if row[0] != self._token:
            raise LeaseLost(f"another process took the {self._what} over, was {self._path}; this one writes no more")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._check_fence()
                yield
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:  # also when a commit was refused: it would be in the way of the next one
                    self._db.execute("ROLLBACK")
        except sqlite3.Error as wrong:
            raise LedgerUnavailable(f"cannot write the {self._what} {self._path}, was {wrong}") from wrong


class SqliteLedger(_File):
    """`is_durable`: flush to the disk at every commit. Without it a power cut may lose the last entries (never a killed
    process): right for a replay, which can be run again. `only_reads`: another process may hold it, and nothing is
    made or written, so there must be one. Raises LedgerUnavailable when the file cannot be used, BadInput when a newer
    semsig wrote it."""

    def __init__(self, path: Path, start_quote: Decimal, *, is_durable: bool = True, only_reads: bool = False) -> None:
        super().__init__(path)
        self._is_checked = is_durable
        with self._opening():
            if only_reads:
                self._connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
            else:
                self._begin(start_quote)
            (edition,) = self._db.execute("PRAGMA user_version").fetchone()
        if edition > EDITION:
            self.close()
            said = f"the ledger {path} was written by a newer semsig, in edition {edition}; this one reads {EDITION}"
            raise BadInput(f"{said}: update, or choose another --home")
        self._portfolio: Portfolio | None = None
        self._decoded = lru_cache(maxsize=DECODED)(_decoded)

    def _begin(self, start_quote: Decimal) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._connect(self._path)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(f"PRAGMA synchronous={'FULL' if self._is_checked else 'NORMAL'}")
        (edition,) = self._db.execute("PRAGMA user_version").fetchone()
        if edition > EDITION:
            return
        self._db.executescript(SCHEMA)
        self._raise_fence()
        if edition < EDITION:
            self._db.execute(f"PRAGMA user_version={EDITION}")
        first = empty(start_quote)
        self._db.execute("INSERT OR IGNORE INTO portfolio VALUES (1, ?, ?)", (first.version, dumps(first)))

    def make_durable(self) -> None:
        """From now on every commit is flushed to the disk, and what came before with it."""
        self._is_checked = True
        with self._reading():
            self._db.execute("PRAGMA wal_checkpoint(FULL)")
            self._db.execute("PRAGMA synchronous=FULL")

    def claim(self, wanted: Lease, over: Lease | None, beside: Iterable[Path] = (), least: int = 0) -> Lease:
        """Takes it, and the files beside it with their fences, as long as `over` is what stands: who renewed it since
        keeps it. `least`: the fence of what is no SQLite file. Raises AlreadyRunning."""
        with self._writing_all(beside) as next_tokens:
            if _lease(self._db) != over:
                raise AlreadyRunning(f"another semsig took this home, or lives after all, was {self._path.parent}")
            taken = replace(wanted, token=_token(max(*next_tokens.values(), least + 1)))
            for of in next_tokens:
                self._db.execute(f"UPDATE {of}fence SET token = ?", (taken.token,))  # noqa: S608 - names of our own
            self._db.execute(
                "INSERT OR REPLACE INTO lease VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
                (taken.token, taken.pid, taken.since.isoformat(), taken.lock, taken.renews_s, taken.port, taken.beats),
            )
        self._token = taken.token
        return taken

    def renew(self) -> None:
        """A sign of life. Not flushed to the disk: after a power cut nobody lives. Raises LeaseLost."""
        with self._reading():
            self._db.execute("PRAGMA synchronous=NORMAL")
        try:
            with self._writing():
                self._db.execute("UPDATE lease SET beats = beats + 1")
        finally:
            with self._reading():
                self._db.execute(f"PRAGMA synchronous={'FULL' if self._is_checked else 'NORMAL'}")

    def check_lease(self) -> None:
        """Raises LeaseLost."""
        with self._reading():
            self._check_fence()

    @contextmanager
    def _writing_all(self, beside: Iterable[Path]) -> Iterator[dict[str, int]]:
        """One transaction over this file and those, whoever may write there; under what name each is known in it, and
        the lowest token that is above its fence."""
        files, taken = {"": self._path}, self._path
        try:
            try:
                for number, path in enumerate(beside):
                    taken = path
                    self._db.execute(f"ATTACH DATABASE ? AS beside{number}", (str(path),))
                    files[f"beside{number}."] = path
                    self._db.executescript(FENCE_SCHEMA.format(of=f"beside{number}."))
                taken = self._path
                self._db.execute("BEGIN IMMEDIATE")
                next_tokens = {}
                for of, path in files.items():
                    taken = path
                    next_tokens[of] = _above(self._db, of)
                taken = self._path
                yield next_tokens
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                for of in filter(None, files):
                    self._db.execute(f"DETACH DATABASE {of.rstrip('.')}")
        except sqlite3.Error as wrong:
            raise LedgerUnavailable(f"cannot take {taken}, was {wrong}") from wrong

    async def portfolio(self) -> Portfolio:
        with self._reading():
            (version,) = self._db.execute("SELECT version FROM portfolio").fetchone()
            if self._portfolio is None or self._portfolio.version != version:
                (body,) = self._db.execute("SELECT body FROM portfolio").fetchone()
                self._portfolio = loads(Portfolio, body)
            return self._portfolio

    async def record(self, entry: Entry) -> Entry:
        with self._writing():
            return self._standing(entry.id) or self._insert(entry)

    async def settle(self, entry: Entry, before: Portfolio, after: Portfolio) -> Entry:
        with self._writing():
            standing = self._standing(entry.id)
            if standing:
                return standing
            (version,) = self._db.execute("SELECT version FROM portfolio").fetchone()
            if version != before.version:
                raise LedgerConflict(f"the portfolio is at version {version}, was read at {before.version}")
            self._db.execute("UPDATE portfolio SET version = ?, body = ?", (after.version, dumps(after)))
            written = self._insert(entry)
        self._portfolio = after
        return written

    async def entry(self, id: str) -> Entry | None:
        with self._reading():
            return self._standing(id)

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
        wanted = tuple(kinds)
        where, values = ["seq > ?"], [after]
        for clause, value in (("seq < ?", before), ("symbol = ?", symbol), ("at_us <= ?", until)):
            if value is not None:
                where.append(clause)
                values.append(_value(value))
        if wanted:
            where.append(f"kind IN ({', '.join('?' * len(wanted))})")
        order = "DESC" if newest_first else "ASC"
        # Only the constants above are joined; every value is bound.
        query = f"SELECT seq FROM entries WHERE {' AND '.join(where)} ORDER BY seq {order} LIMIT ?"  # noqa: S608
        with self._reading():
            rows = self._db.execute(query, (*values, *wanted, limit)).fetchall()
            return tuple(self._read(seq) for (seq,) in rows)

    async def untold(self) -> tuple[Entry, ...]:
        return await self.entries(after=int(self.note("told") or 0), limit=-1)

    async def told(self, seq: int) -> None:
        self.set_note("told", str(seq))

    async def last_seq(self) -> int:
        with self._reading():
            (seq,) = self._db.execute("SELECT COALESCE(MAX(seq), 0) FROM entries").fetchone()
            return int(seq)

    def note(self, key: str) -> str | None:
        """A word the crank left in this home, such as which replay it holds."""
        with self._reading():
            row = self._db.execute("SELECT value FROM notes WHERE key = ?", (key,)).fetchone()
            return row[0] if row else None

    def set_note(self, key: str, value: str) -> None:
        with self._writing():
            self._db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (key, value))

    def digest(self) -> str:
        """SHA-256 over every entry in order and the portfolio they add up to: the identity of a run."""
        seal = sha256()
        with self._reading():
            for id, fact, subject in self._db.execute("SELECT id, fact, subject FROM entries ORDER BY seq"):
                seal.update(b"%d %d %d\n" % (len(id.encode()), len(fact), len(subject)) + id.encode() + fact + subject)
            (body,) = self._db.execute("SELECT body FROM portfolio").fetchone()
        seal.update(body)
        return seal.hexdigest()

    def _standing(self, id: str) -> Entry | None:
        row = self._db.execute("SELECT seq FROM entries WHERE id = ?", (id,)).fetchone()
        return self._read(row[0]) if row else None

    def _read(self, seq: int) -> Entry:
        return self._decoded(self._db, seq)

    def _insert(self, entry: Entry) -> Entry:
        symbol = getattr(entry.fact, "symbol", None)
        fact, subject = dumps(entry.fact), dumps(entry.subject)
        if self._is_checked:
            # What cannot be read back must never stand: the list only grows. A replay can be thrown away.
            loads(FACTS[entry.kind], fact)
            loads(SUBJECTS[entry.kind], subject)
        cursor = self._db.execute(
            "INSERT INTO entries (id, kind, symbol, at_us, fact, subject) VALUES (?, ?, ?, ?, ?, ?)",
            (entry.id, entry.kind, _value(symbol), _value(entry.fact.at), fact, subject),
        )
        return replace(entry, seq=int(cursor.lastrowid or 0))


class SqlitePurse(_File):
    """Shared by every process that opens the file; while another writes, nobody waits but who asks. Raises BadInput for
    what is no name or no sum, LedgerUnavailable when something is settled that was never set aside."""

    _what = "purse"

    def __init__(self, path: Path, token: int = 0) -> None:
        super().__init__(path, token)
        self._turn = Lock()
        with self._opening():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connect(path, is_shared=True)
            self._db.executescript(PURSE_SCHEMA)
            self._raise_fence()

    async def reserve(self, id: str, usd: Decimal, limits: Mapping[str, Decimal]) -> bool:
        purse.check_names((id, *limits))
        purse.check_sums((usd, *limits.values()))
        return await asyncio.to_thread(self._reserve, id, usd, limits)

    async def settle(self, id: str, usd: Decimal) -> None:
        purse.check_names((id,))
        purse.check_sums((usd,))
        await asyncio.to_thread(self._settle, id, usd)

    async def spent(self, account: str) -> Decimal:
        purse.check_names((account,))
        return await asyncio.to_thread(self._spent, account)

    def _reserve(self, id: str, usd: Decimal, limits: Mapping[str, Decimal]) -> bool:
        with self._turn, self._writing():
            if self._db.execute("SELECT 1 FROM reservations WHERE id = ?", (id,)).fetchone():
                return True
            after = purse.set_aside({account: self._held(account) for account in limits}, usd, limits)
            if after is None:
                return False
            self._db.execute("INSERT INTO reservations (id, usd) VALUES (?, ?)", (id, str(usd)))
            self._db.executemany("INSERT INTO shares VALUES (?, ?)", [(id, account) for account in limits])
            self._hold(after)
            return True

    def _settle(self, id: str, usd: Decimal) -> None:
        with self._turn, self._writing():
            found = self._db.execute("SELECT usd, settled_usd FROM reservations WHERE id = ?", (id,)).fetchone()
            if found is None:
                raise LedgerUnavailable(f"nothing was set aside under {id!r}, was settled with {usd}")
            reserved, settled = found
            if settled is not None:
                return
            shares = self._db.execute("SELECT account FROM shares WHERE id = ?", (id,)).fetchall()
            held = {account: self._held(account) for (account,) in shares}
            self._db.execute("UPDATE reservations SET settled_usd = ? WHERE id = ?", (str(usd), id))
            self._hold(purse.settled(held, purse.stored(reserved, id), usd))

    def _spent(self, account: str) -> Decimal:
        with self._turn, self._reading():
            return self._held(account)

    def _held(self, account: str) -> Decimal:
        row = self._db.execute("SELECT usd FROM accounts WHERE name = ?", (account,)).fetchone()
        return purse.stored(row[0], account) if row else purse.NOTHING

    def _hold(self, sums: Mapping[str, Decimal]) -> None:
        rows = [(account, str(usd)) for account, usd in sums.items()]
        self._db.executemany("INSERT OR REPLACE INTO accounts VALUES (?, ?)", rows)


class SqliteMail(_File):
    """Of one home. Raises LedgerUnavailable."""

    _what = "mail"

    def __init__(self, path: Path, most: int = MOST_WAITING, token: int = 0) -> None:
        super().__init__(path, token)
        self._most = most
        self.unreadable = 0
        with self._opening():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connect(path)
            # other bytes make one text unreadable, and no others
            self._db.text_factory = lambda content: content.decode(errors="surrogateescape")
            self._db.executescript(MAIL_SCHEMA)
            known = {name for _, name, *_ in self._db.execute("PRAGMA table_info(posts)")}
            for name, kind in MAIL_ADDED.items():
                if name not in known:
                    self._db.execute(f"ALTER TABLE posts ADD COLUMN {name} {kind}")
            self._raise_fence()
            self._check()

    def _check(self) -> None:
        """What every start and every write need of it, in the middle of `_opening`; a message alone is another
        matter."""
        (encoding,) = self._db.execute("PRAGMA encoding").fetchone()
        if encoding != "UTF-8":  # it cannot be written in one transaction with the ledger
            raise sqlite3.DatabaseError(f"its text is in {encoding}, not in UTF-8")
        columns = f"seq, state, put_us, name, until_us, {', '.join(kept.FIELDS)}"
        self._db.execute(f"SELECT {columns} FROM posts ORDER BY seq DESC LIMIT 1").fetchone()  # noqa: S608 - of our own
        _above(self._db)

    async def put(self, posts: Iterable[Post], *, at: datetime) -> int:
        """All parts of a message, or none where its first one stands: made anew, it might be cut elsewhere."""
        made = tuple(posts)
        with self._writing():
            if not made or self._db.execute("SELECT 1 FROM posts WHERE id = ?", (made[0].id,)).fetchone():
                return 0
            rows = [(p.id, WAITS, epoch_us(at), p.body, p.level, p.worth_s, p.chart, p.topic) for p in made]
            self._db.executemany(
                "INSERT OR IGNORE INTO posts (id, state, put_us, body, level, worth_s, chart, topic) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            (waiting,) = self._db.execute("SELECT COUNT(*) FROM posts WHERE state = ?", (WAITS,)).fetchone()
            too_many: int = max(0, waiting - self._most)
            self._db.execute(
                "UPDATE posts SET state = ?, body = NULL WHERE seq IN "
                "(SELECT seq FROM posts WHERE state = ? ORDER BY topic IN (?, ?), seq LIMIT ?)",
                (DROPPED, WAITS, *URGENT, too_many),
            )
            return too_many

    async def waiting(self) -> tuple[Waiting, ...]:
        """Raises LeaseLost: what somebody else will send is not sent twice."""
        while True:
            with self._reading():
                self._check_fence()
                rows = self._db.execute(
                    f"SELECT seq, {', '.join(kept.FIELDS)} FROM posts WHERE seq IN "  # noqa: S608 - names of our own
                    "(SELECT MIN(seq) FROM posts WHERE state = ? GROUP BY topic) ORDER BY seq",
                    (WAITS,),
                ).fetchall()
            found = self._readable(rows, kept.waiting)
            if len(found) == len(rows):
                return tuple(found)

    async def begun(self, id: str, *, at: datetime) -> None:
        with self._writing():
            self._db.execute("UPDATE posts SET begun_us = ? WHERE id = ? AND state = ?", (epoch_us(at), id, WAITS))

    async def back(self, id: str, *, tries: int) -> None:
        with self._writing():
            self._db.execute(
                "UPDATE posts SET begun_us = NULL, tries = ? WHERE id = ? AND state = ?", (tries, id, WAITS)
            )

    async def sent(self, id: str, name: str, *, until: datetime | None) -> None:
        self._turn_to(SENT, id, name, None if until is None else epoch_us(until))

    async def dropped(self, id: str) -> None:
        self._turn_to(DROPPED, id)

    async def expired(self, *, at: datetime, limit: int) -> tuple[Posted, ...]:
        while True:
            with self._reading():
                rows = self._db.execute(
                    "SELECT seq, id, name FROM posts WHERE state = ? AND until_us <= ? ORDER BY seq LIMIT ?",
                    (SENT, epoch_us(at), limit),
                ).fetchall()
            found = self._readable(rows, kept.posted)
            if len(found) == len(rows):
                return tuple(found)

    async def gone(self, id: str) -> None:
        self._turn_to(GONE, id)

    def _readable(self, rows: Iterable[tuple[Any, ...]], read: Callable[..., Read]) -> list[Read]:
        """The others are marked, by their place alone, and stay as they are."""
        found = []
        for seq, *told in rows:
            try:
                found.append(read(*told))
            except InvalidPost as wrong:
                with self._writing():
                    self._db.execute("UPDATE posts SET state = ? WHERE seq = ?", (UNREADABLE, seq))
                self.unreadable += 1
                log.warning("a message cannot be read and is given up: %r: %s", told[0], wrong)
        return found

    def _turn_to(self, state: str, id: str, name: str | None = None, until_us: int | None = None) -> None:
        with self._writing():
            self._db.execute(
                "UPDATE posts SET state = ?, body = NULL, name = ?, until_us = ? WHERE id = ?",
                (state, name, until_us, id),
            )


def lease_of(path: Path) -> tuple[Lease | None, str | None]:
    """Who holds the ledger at that path, or held it last, and what it is for; whoever has it open. None where nobody
    ever took it. Raises LedgerUnavailable."""
    if not path.is_file():
        return None, None
    try:
        with _looked_at(path) as db:
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
            held = db.execute("SELECT value FROM notes WHERE key = 'holds'").fetchone() if "notes" in tables else None
            return _lease(db) if "lease" in tables else None, held[0] if held else None
    except sqlite3.Error as wrong:
        raise LedgerUnavailable(f"cannot read the ledger {path}, was {wrong}") from wrong


def _looked_at(path: Path) -> "closing[sqlite3.Connection]":
    """Nothing is made or written."""
    return closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE_S))


def is_sound(path: Path) -> bool:
    """Whether it is a database at all."""
    try:
        with _looked_at(path) as db:
            db.execute("SELECT name FROM sqlite_master").fetchall()
    except sqlite3.DatabaseError as wrong:
        return isinstance(wrong, sqlite3.OperationalError)  # locked, or not to be opened now: that is another matter
    return True


def ailing(mail: Path) -> str | None:
    """What keeps that mail from ever being used, found by opening it; None where nothing does. Raises LedgerUnavailable
    after PATIENCE_S for what passes by itself: it is locked, the disk is full."""
    if not mail.is_file():  # a pipe would be waited for
        return "it is no file"
    try:
        SqliteMail(mail).close()
    except LedgerUnavailable as wrong:
        if getattr(wrong.__cause__, "sqlite_errorcode", 0) & 0xFF in PASSING:
            raise
        return str(wrong.__cause__)
    return None


def _token(told: object, most: int = MOST_TOKENS) -> int:
    """Raises sqlite3.DatabaseError for what nobody ever counted up to."""
    if not isinstance(told, int) or not 0 <= told < most:
        raise sqlite3.DatabaseError(f"it says no more who may write there, but {told!r}")
    return told


def _above(db: sqlite3.Connection, of: str = "") -> int:
    """The lowest token that is above that fence. Raises sqlite3.DatabaseError where there is none."""
    row = db.execute(f"SELECT token FROM {of}fence").fetchone()  # noqa: S608 - names of our own
    return _token(row and row[0], MOST_TOKENS - 1) + 1


def _lease(db: sqlite3.Connection) -> Lease | None:
    row = db.execute("SELECT token, pid, since, lock, renews_s, port, beats FROM lease").fetchone()
    if row is None:
        return None
    token, pid, since, lock, renews_s, port, beats = row
    if not isinstance(renews_s, int | float) or not 0 <= renews_s <= LONGEST_RENEWAL_S:
        raise sqlite3.DatabaseError(f"its lease is renewed each 0 to {LONGEST_RENEWAL_S:g} s, was {renews_s!r}")
    if not isinstance(pid, int) or not 0 < pid < MOST_PIDS:
        raise sqlite3.DatabaseError(f"its lease is held by no process, was pid {pid!r}")
    if not isinstance(lock, str) or not LOCK_NAME.fullmatch(lock):  # any other file is not ours to lock, or to make
        raise sqlite3.DatabaseError(f"its lease names a lock file {LOCK} or {LOCK}.<token>, was {lock!r}")
    try:
        began = datetime.fromisoformat(since)
    except (TypeError, ValueError) as wrong:
        raise sqlite3.DatabaseError(f"its lease is since no time, was {since!r}") from wrong
    return Lease(_token(token), pid, began, lock, renews_s, port, beats)


def _decoded(db: sqlite3.Connection, seq: int) -> Entry:
    """Entries never change, so each is decoded once while it is remembered."""
    kind, fact, subject = db.execute("SELECT kind, fact, subject FROM entries WHERE seq = ?", (seq,)).fetchone()
    if kind not in FACTS:
        raise BadInput(f"the ledger was written by a newer version: unknown kind {kind!r}")
    return Entry(loads(FACTS[kind], fact), loads(SUBJECTS[kind], subject), seq)


def _value(value: Any) -> Any:
    match value:
        case datetime():
            return epoch_us(value)
        case Symbol():
            return str(value)
    return value
