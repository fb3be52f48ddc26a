"""Tapes as they are recorded: bars appended to CSV files, all else a noun a line in files of a day; and read again.

Every append is one write of whole lines and one fsync: a process that is killed loses nothing that was appended, and a
power cut at most the append that it cut, which is dropped before the next. Days that are over are compressed."""

import errno
import gzip
import os
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ..codec import dumps, loads
from ..domain.collected import Part
from ..domain.errors import ArchiveUnavailable, BadInput, InvalidCandle
from ..domain.market import Candles, MarketKind, Symbol, Timeframe
from ..domain.microstructure import FundingQuote, OpenInterest, OrderBook, PublicTrade, PublicTrades

T = TypeVar("T")

HEADER = b"ts,open,high,low,close,volume\n"
WORDS: dict[type, str] = {OrderBook: "book", PublicTrades: "trades", FundingQuote: "funding", OpenInterest: "interest"}
# Context and news of today and yesterday.
DAYS_KEPT = 4
# Most that a day unpacks to: a thousandth of it on the disk may be all of a machine's memory.
DAY_BYTES = 512 * 1024 * 1024
PARTS = {"book": Part.BOOK, "trades": Part.TRADES, "funding": Part.FUNDING, "interest": Part.INTEREST}
NAME = re.compile(
    r"^((?P<venue>[a-z0-9]+)_(?P<kind>spot|perp)_(?P<pair>[A-Z0-9]+)_(?P<word>book|trades|funding|interest)"
    r"|(?P<whole>context|news))_(?P<day>\d{4}-\d\d-\d\d)\.jsonl(\.gz)?$"
)
AT = re.compile(rb'"at":"([^"]+)"')
SIMULATED = "simulated"
DRAFT = ".draft"
# As many trades as a venue tells at once, and the longest silence between two looks that leaves them one run.
NEWEST, SILENCE = 500, timedelta(minutes=5)
BLOCK = 65_536


def venue_of(source: str) -> str:
    """A source as file names write it."""
    return re.sub(r"[^a-z0-9]", "", source.lower())


class CandleFile:
    """One venue's bars of one pair and timeframe, `{venue}_{market}_{BASEQUOTE}_{timeframe}.csv`; it only grows.

    Raises InvalidCandle for a file that somebody else wrote otherwise, ArchiveUnavailable when the disk refuses."""

    def __init__(self, folder: Path, source: str, kind: MarketKind, symbol: Symbol, timeframe: Timeframe) -> None:
        self.path = folder / f"{venue_of(source)}_{kind}_{symbol.joined}_{timeframe}.csv"
        self.dropped = _cut(self.path) if self.path.exists() else 0
        self.first_ms, self.last_ms = self._ends()

    def append(self, candles: Candles) -> int:
        """Those bars that are newer than all that are there; how many those were."""
        last = self.last_ms
        rows = [row for row in range(len(candles)) if last is None or candles.opened_ms[row] > last]
        if not rows:
            return 0
        lines = b"".join(_row(candles, row) for row in rows)
        _append(self.path, lines if self.last_ms is not None else HEADER + lines)
        self.last_ms = candles.opened_ms[rows[-1]]
        self.first_ms = candles.opened_ms[rows[0]] if self.first_ms is None else self.first_ms
        return len(rows)

    def _ends(self) -> tuple[int | None, int | None]:
        """The opens of its first and its last bar."""
        if not self.path.exists() or not self.path.stat().st_size:
            return None, None
        with self.path.open("rb") as file:
            if (header := file.readline(200)) != HEADER:
                raise InvalidCandle(f"{self.path.name}: bars are not appended to other columns, was {header[:80]!r}")
            first = file.readline(1000)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(len(HEADER), size - 1000))
            last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
        if not first:
            # a header alone is written again with the first bar
            self.path.write_bytes(b"")
            return None, None
        return self._opened(first), self._opened(last)

    def _opened(self, line: bytes) -> int:
        try:
            opened, *numbers = line.split(b",")
            if len([float(number) for number in numbers]) == 5:
                return int(opened)
        except ValueError:
            pass
        raise InvalidCandle(f"{self.path.name}: bars are not appended to what is no bar, was {line[:80]!r}")


def _row(candles: Candles, row: int) -> bytes:
    """Shortest digits that round-trip, so that a bar is read again as it was told."""
    columns = (candles.open, candles.high, candles.low, candles.close, candles.volume)
    return f"{candles.opened_ms[row]},{','.join(repr(float(column[row])) for column in columns)}\n".encode()


class DayFiles:
    """Nouns as lines of canonical JSON, `{name}_{day}.jsonl`; once the day is over, `.jsonl.gz`.

    Raises ArchiveUnavailable when the disk refuses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mend(self) -> list[str]:
        """Drops what a crash left of a last line, and drafts; the names of the files that it cut."""
        for draft in self.folder.glob(f"*{DRAFT}"):
            draft.unlink()
        return [path.name for path in sorted(self.folder.glob("*.jsonl")) if NAME.match(path.name) and _cut(path)]

    def append(self, name: str, day: date, noun: Any) -> int:
        """How many bytes that took."""
        line = dumps(noun) + b"\n"
        _append(self.folder / f"{name}_{day.isoformat()}.jsonl", line)
        return len(line)

    def compress(self, before: date) -> list[str]:
        """Whole days, each in one step: whoever looks finds the one file or the other. The names of the new ones."""
        done = []
        for path in sorted(self.folder.glob("*.jsonl")):
            parts = NAME.match(path.name)
            if parts and parts["day"] < before.isoformat() and (packed := _compressed(path)):
                done.append(packed.name)
        return done

    def recent(self, name: str) -> Iterator[bytes]:
        """The lines of its newest day, newest first."""
        days = sorted({path.name.partition(".")[0] for path in self.folder.glob(f"{name}_????-??-??.jsonl*")})
        return reversed(_lines(self.folder / f"{days[-1]}.jsonl")) if days else iter(())


class Unseen:
    """Of the trades that a venue tells at each look, those it had not told before. Trades carry no name that all venues
    give: of the last instant told, as many alike are old as there were."""

    def __init__(self, lines: Iterable[bytes] = ()) -> None:
        self._at: datetime | None = None
        self._then: Counter[PublicTrade] = Counter()
        for line in lines:
            trades = loads(PublicTrades, line).trades
            self._at = self._at or (trades[-1].at if trades else None)
            self._then.update(trade for trade in trades if trade.at == self._at)
            if trades and trades[0].at != self._at:
                break

    def of(self, trades: Iterable[PublicTrade]) -> tuple[PublicTrade, ...]:
        old, fresh = Counter(self._then), []
        for trade in sorted(trades, key=lambda trade: trade.at):
            if self._at is None or trade.at > self._at:
                fresh.append(trade)
            elif trade.at == self._at and old[trade]:
                old[trade] -= 1
            elif trade.at == self._at:
                fresh.append(trade)
        if fresh:
            kept = self._then if fresh[-1].at == self._at else Counter[PublicTrade]()
            self._at = fresh[-1].at
            self._then = kept + Counter(trade for trade in fresh if trade.at == self._at)
        return tuple(fresh)


class _Line(NamedTuple):
    at: datetime
    content: bytes
    number: int


class Recordings:
    """What was recorded beside the bars of pairs of one market, as it is asked for; and, as an archive, the market
    context and the news under the ids that they were gathered under. With `days` what is put is recorded, else it is
    kept in memory and the folder stays as it is.

    Raises BadInput that names file and line for what is no such noun."""

    def __init__(self, folder: Path, kind: MarketKind, days: DayFiles | None = None) -> None:
        self._folder, self._kind, self._days = folder, kind, days
        self._put: dict[str, Any] = {}
        self._read: dict[str, tuple[str, list[_Line]]] = {}
        self._kept: dict[Path, list[bytes]] = {}

    def __bool__(self) -> bool:
        return any(True for _ in self._named())

    def parts(self, symbol: Symbol) -> frozenset[Part]:
        """Of the venue: context and news are of the archive."""
        return frozenset(
            PARTS[parts["word"]]
            for parts in self._named()
            if parts["word"] and (parts["pair"], parts["kind"]) == (symbol.joined, self._kind)
        )

    def newest(self, kind: type[T], symbol: Symbol, *, until: datetime, within: timedelta, source: str) -> T | None:
        for name in self._names(kind, symbol, source):
            for line in self._back(name, until):
                if until - line.at <= within:
                    return self._noun(kind, name, line)
                break
        return None

    def trades(self, symbol: Symbol, *, until: datetime, within: timedelta, source: str) -> PublicTrades | None:
        """The newest of all looks that follow each other, as the venue would have told them at once."""
        for name in self._names(PublicTrades, symbol, source):
            looks = list(self._run(name, until, within))
            if looks:
                told = tuple(trade for look in reversed(looks) for trade in look.trades)
                return PublicTrades(symbol, looks[0].at, told[-NEWEST:], looks[0].source)
        return None

    def _run(self, name: str, until: datetime, within: timedelta) -> Iterator[PublicTrades]:
        """Newest first, as far back as nobody looked away."""
        count, last = 0, until
        for line in self._back(name, until):
            if last - line.at > (within if last is until else SILENCE) or count >= NEWEST:
                return
            look = self._noun(PublicTrades, name, line)
            count, last = count + len(look.trades), line.at
            yield look

    def digest(self, symbols: Iterable[Symbol]) -> str:
        """Of the lines, however they are compressed."""
        pairs = {symbol.joined for symbol in symbols}
        mine = (p for p in self._named() if p["whole"] or (p["pair"] in pairs and p["kind"] == self._kind))
        seal = sha256()
        for stem in sorted({parts.string.partition(".")[0] for parts in mine}):
            seal.update(stem.encode())
            for line in _lines(self._folder / f"{stem}.jsonl"):
                seal.update(line)
        return seal.hexdigest()

    async def get(self, key: str, kind: type) -> Any:
        """By `context/context#<instant>` and the like. As in every archive: who asks by id may see what came later."""
        if key in self._put:
            return self._put[key]
        path, id = self._place(key)
        mark = dumps({"id": id})[1:-1]
        for number, line in enumerate(self._day_of(path), 1):
            if mark in line:
                found: Any = _read(kind, line, path.name, number)
                if found.id == id:
                    return found
        return None

    async def put(self, key: str, item: Any) -> Any:
        stands = await self.get(key, type(item))
        if stands is not None:
            return stands
        if self._days:
            what, _, id = key.partition("/")
            self._days.append(what, _day(id), item)
        else:
            self._put[key] = item
        return item

    def _day_of(self, path: Path) -> list[bytes]:
        """A day that nobody writes to any more is unpacked once, while it is asked about."""
        if self._days:
            return _lines(path)
        if path not in self._kept:
            if len(self._kept) >= DAYS_KEPT:
                self._kept.clear()
            self._kept[path] = _lines(path)
        return self._kept[path]

    def _place(self, key: str) -> tuple[Path, str]:
        what, _, id = key.partition("/")
        return self._folder / f"{what}_{_day(id).isoformat()}.jsonl", id

    def _named(self) -> Iterator[re.Match[str]]:
        if self._folder.is_dir():
            yield from (parts for path in self._folder.iterdir() if (parts := NAME.match(path.name)))

    def _names(self, kind: type, symbol: Symbol, source: str) -> list[str]:
        """The venue's own first. What was made up is not told of a market that was not."""
        asked = (WORDS[kind], symbol.joined, str(self._kind))
        there = {p["venue"] for p in self._named() if (p["word"], p["pair"], p["kind"]) == asked}
        own, is_made_up = venue_of(source), source.startswith(SIMULATED)
        venues = sorted(v for v in there if v.startswith(SIMULATED) == is_made_up)
        ordered = sorted(venues, key=lambda venue: venue != own)
        return [f"{venue}_{self._kind}_{symbol.joined}_{WORDS[kind]}" for venue in ordered]

    def _back(self, name: str, until: datetime) -> Iterator[_Line]:
        """Lines of that day and the one before, newest first, none after `until`."""
        day = until.astimezone(UTC).date()
        for each in (day, day - timedelta(days=1)):
            yield from (line for line in reversed(self._of(name, each.isoformat())) if line.at <= until)

    def _of(self, name: str, day: str) -> list[_Line]:
        """A day is read once: who walks asks for it again and again."""
        held = self._read.get(name)
        if held is None or held[0] != day:
            path = self._folder / f"{name}_{day}.jsonl"
            found = [_Line(_at(line, path.name, n), line, n) for n, line in enumerate(_lines(path), 1)]
            self._read[name] = held = (day, sorted(found, key=lambda line: (line.at, line.number)))
        return held[1]

    def _noun(self, kind: type[T], name: str, line: _Line) -> T:
        return _read(kind, line.content, f"{name}_{line.at.date().isoformat()}", line.number)


def _read(kind: type[T], line: bytes, name: str, number: int) -> T:
    try:
        return loads(kind, line)
    except BadInput as wrong:
        raise BadInput(f"{name}: line {number}: {wrong}") from wrong


def _at(line: bytes, name: str, number: int) -> datetime:
    """When a noun of the market is from, without reading all of it. Canonical lines say it once."""
    found = AT.search(line)
    try:
        if found:
            return datetime.fromisoformat(found[1].decode()).astimezone(UTC)
    except ValueError:
        pass
    raise BadInput(f"{name}: line {number}: says no instant, was {line[:80]!r}")


def _day(id: str) -> date:
    """Raises BadInput."""
    try:
        return datetime.fromisoformat(id.partition("#")[2]).astimezone(UTC).date()
    except ValueError:
        raise BadInput(f"what is recorded is named by its instant, was {id[:80]!r}") from None


def _lines(path: Path) -> list[bytes]:
    """The whole lines of a day, compressed or not, or caught between the two; what follows the last is no line yet."""
    packed = path.with_name(f"{path.name}.gz")
    try:
        new = path.read_bytes()
    except FileNotFoundError:
        new = b""
    try:
        # After the other: a day that is compressed just now is in the one or in both.
        old = _unpacked(packed) if packed.exists() else b""
    except (OSError, EOFError, zlib.error) as wrong:
        raise BadInput(f"{packed.name}: cannot be read, was {wrong!r}") from wrong
    return _united(old, new).splitlines(keepends=True)


def _unpacked(packed: Path) -> bytes:
    with gzip.open(packed) as file:
        # one byte more than may be: enough to know that it is too long
        content = file.read(DAY_BYTES + 1)
    if len(content) > DAY_BYTES:
        raise BadInput(f"{packed.name}: must unpack to at most {DAY_BYTES} bytes")
    return content


def _united(old: bytes, new: bytes) -> bytes:
    new = new[: new.rfind(b"\n") + 1]
    return old if old.endswith(new) else old + new


def _compressed(path: Path) -> Path | None:
    """None for a day that stays as it is: packed, it would be longer than what is unpacked."""
    packed = path.with_name(f"{path.name}.gz")
    draft = path.with_name(f"{packed.name}{DRAFT}")
    content = b"".join(_lines(path))
    if len(content) > DAY_BYTES:
        return None
    try:
        with draft.open("wb") as file:
            file.write(gzip.compress(content, mtime=0))
            file.flush()
            os.fsync(file.fileno())  # a name must never point at bytes that a power cut can still lose
        draft.replace(packed)
        path.unlink()
    except OSError as wrong:
        raise ArchiveUnavailable(f"cannot compress {path}, was {wrong}") from wrong
    return packed


def _append(path: Path, content: bytes) -> None:
    """All of it, safely on the disk, or nothing."""
    try:
        with path.open("ab", buffering=0) as file:
            before = file.seek(0, os.SEEK_END)
            try:
                if file.write(content) != len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except OSError:
                file.truncate(before)
                raise
    except OSError as wrong:
        raise ArchiveUnavailable(f"cannot record to {path}, was {wrong}; what was recorded before is whole") from wrong


def _cut(path: Path) -> int:
    """Drops what follows the last line end; how many bytes that were."""
    with path.open("r+b") as file:
        size = end = file.seek(0, os.SEEK_END)
        whole = 0
        while end and not whole:
            start = max(0, end - BLOCK)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            whole, end = (start + found + 1 if found >= 0 else 0), start
        if whole < size:
            file.truncate(whole)
            os.fsync(file.fileno())
    return size - whole
