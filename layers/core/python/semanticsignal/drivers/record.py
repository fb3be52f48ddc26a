"""`semsig record`: what a living market tells, onto tapes that replay reads."""

import asyncio
import logging
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from .. import wiring
from ..domain.collected import Part
from ..domain.context import MarketContext
from ..domain.errors import (
    ArchiveUnavailable,
    BadInput,
    InvalidCandle,
    MarketUnavailable,
    NotOffered,
    SemanticSignalError,
    Unavailable,
)
from ..domain.events import HourPassed, QuarterPassed
from ..domain.market import Symbol, Timeframe, epoch_ms, instant
from ..domain.microstructure import PublicTrades
from ..domain.news import News
from ..domain.policy import Settings
from ..logic.collect.candles import closed
from ..ports import NOBODY, MarketData, Sockets, Sources
from ..stages.context import context
from ..stages.news import news
from . import worlds
from .farewell import Farewell
from .writable import nearest, unwritable, whole

log = logging.getLogger("semsig")

Progress = Callable[[str, int, int], None]
Line = tuple[Symbol, Timeframe]
# Bars asked for at once, and pairs whose past is asked for side by side: a venue wants few questions at a time.
CHUNK, SIDE_BY_SIDE = 2_000, 3
# Whoever has not told by then is asked again in the next minute, and delays nobody.
LIMIT_S = 50.0
SILENCE_S = 300.0
# Whose past could not be had is asked for it again.
AGAIN_S = 300.0
MB = 1_000_000
# Bars up to so many are read whole at the start, as replay reads them; of more their shape and order alone.
WHOLE_BYTES = 64 * MB
ROW = re.compile(rb"(\d{1,16})(?:,\d+(?:\.\d+)?(?:e[+-]\d+)?){5}\n")
# Before the first block there was nothing to trade.
GENESIS = datetime(2009, 1, 3, tzinfo=UTC)
SEED = "simulated_seed"
# Measured: bytes a bar, and a line of each kind; of trades as many as a minute of a brisk market has.
BAR_BYTES = 64
LINE_BYTES = {Part.BOOK: 2_600, Part.TRADES: 12_000, Part.FUNDING: 250, Part.INTEREST: 250}
WHOLE_MB = 26.0


def _unseen(what: str, done: int, of: int) -> None:
    """Nobody watches the progress."""


class Take(NamedTuple):
    """What is recorded, and where to. `since`: None for as much as an analysis looks back on."""

    folder: Path
    settings: Settings
    timeframes: tuple[Timeframe, ...]
    since: datetime | None = None
    only_backfill: bool = False
    min_free_mb: float = 500.0

    def begins_at(self, timeframe: Timeframe, now: datetime) -> int:
        """Open of the first bar, ms."""
        if self.since:
            floor = timeframe.floor(self.since)
            return epoch_ms(floor if floor == self.since else floor + timeframe.span)
        asked = self.settings
        bars = {
            Timeframe.D1: asked.collect.daily_limit,
            Timeframe.W1: asked.collect.weekly_limit,
            asked.timeframe: asked.candle_limit,
        }
        return epoch_ms(timeframe.floor(now - timeframe.span * bars.get(timeframe, Timeframe.D1.ms // timeframe.ms)))

    def mb_a_day(self, market: MarketData) -> float:
        """Before the day is compressed, to about a third."""
        bars = sum(BAR_BYTES * Timeframe.D1.ms // timeframe.ms for timeframe in self.timeframes)
        lines = sum(LINE_BYTES.get(part, 0) for part in market.offers) * Timeframe.D1.ms // Timeframe.M1.ms
        read = 0.0 if market.is_simulated else WHOLE_MB
        return read + len(self.settings.pairs) * (bars + lines) / MB


class RecordingStopped(SemanticSignalError):
    """Nothing more is recorded; what was stays whole."""


@dataclass
class Written:
    """What this process has recorded: bars by file, lines by kind."""

    bars: Counter[str] = field(default_factory=Counter)
    lines: Counter[str] = field(default_factory=Counter)
    trades: int = 0
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        files = "1 file" if len(self.bars) == 1 else f"{len(self.bars)} files"
        told = [f"bars {self.bars.total()} in {files}"] if self.bars else []
        lines = dict(sorted(self.lines.items())) | {"trades": self.trades}
        return ", ".join([*told, *(f"{word} {count}" for word, count in lines.items() if count)]) or "nothing"


class Recorder:
    """One folder, one market. Whatever goes wrong with a pair or a source is said, and the others go on."""

    def __init__(self, take: Take, reel: wiring.Reel, on: Sockets, progress: Progress = _unseen) -> None:
        self.written = Written()
        self.stop = asyncio.Event()
        self._take, self._reel, self._on, self._progress = take, reel, on, progress
        self._settings = on.settings
        self._began = on.clock.now()
        self._files: dict[tuple[str, Symbol, Timeframe], wiring.CandleFile] = {}
        self._trades: dict[str, wiring.Unseen] = {}
        self._locks: defaultdict[Line, asyncio.Lock] = defaultdict(asyncio.Lock)
        # whose past is to be fetched: a minute leaves them alone, also while they wait for their turn
        self._behind: dict[Line, None] = {}
        self._turns = asyncio.Semaphore(SIDE_BY_SIDE)
        self._gathered: dict[type, datetime] = {}
        self._said_at: dict[str, float] = {}
        self._never: set[str] = set()
        self._day = self._began.date()

    async def run(self) -> None:
        """Until all is there, or without end until `stop`. Raises RecordingStopped when the disk is nearly full."""
        for name in self._reel.torn:
            log.warning("%s ended in half a line, which was dropped", name)
        self._check_disk()
        await asyncio.to_thread(self.check_bars)
        await asyncio.to_thread(self._reel.days.compress, self._day)
        work = [self.backfill()] if self._take.only_backfill else [self._past_and_again(), self._minutes()]
        await self._until_stopped(work)
        if self._behind and not self._take.only_backfill:
            log.warning("the past is not there yet: %s; the same command goes on from here", _named(self._behind))

    async def _until_stopped(self, work: list[Coroutine[Any, Any, None]]) -> None:
        """Nothing is left running. A file is written without a pause, so nothing is broken off in a line."""
        stopped = asyncio.create_task(self.stop.wait())
        tasks = {asyncio.create_task(each) for each in work}
        left: set[asyncio.Task[Any]] = set(tasks)
        try:
            while left and not self.stop.is_set():
                done, rest = await asyncio.wait({*left, stopped}, return_when=asyncio.FIRST_COMPLETED)
                left = rest - {stopped}
                for task in done - {stopped}:
                    task.result()
        finally:
            for task in (*tasks, stopped):
                task.cancel()
            await asyncio.gather(*tasks, stopped, return_exceptions=True)

    # --- Bars ---

    def check_bars(self) -> None:
        """What is there is what replay can read: nothing is appended to a file that is damaged further up. Raises
        InvalidCandle by file and row."""
        for symbol in self._pairs:
            for timeframe in self._take.timeframes:
                name = f"_{self._settings.market_kind}_{symbol.joined}_{timeframe}.csv"
                for path in sorted(self._take.folder.glob(f"*{name}")):
                    file = self._reel.bars(path.name.removesuffix(name), self._settings, symbol, timeframe)
                    _say_dropped(file)
                    if file.last_ms is not None and path.stat().st_size <= WHOLE_BYTES:
                        wiring.check_bars(path, symbol, timeframe)
                    elif file.last_ms is not None:
                        _check_rows(path, timeframe)

    async def backfill(self, lines: Iterable[Line] = ()) -> None:
        """Of each pair the longest bars first. What could not be had is in `written.missing`."""
        longest = sorted(self._take.timeframes, key=lambda timeframe: -timeframe.ms)
        lines = tuple(lines) or tuple((symbol, timeframe) for timeframe in longest for symbol in self._pairs)
        self._behind = dict.fromkeys(lines)
        kept = [what for what in self.written.missing if what not in {_named([line]) for line in lines}]
        found = await asyncio.gather(*(self._past(*line) for line in lines))
        self.written.missing = (*kept, *(what for what in found if what))
        lacking = f", but for {', '.join(self.written.missing)}" if self.written.missing else ""
        log.info("the past is there%s: %d bars", lacking, self.written.bars.total())

    async def _past_and_again(self) -> None:
        """Whoever was silent is asked for the past again, until it is there."""
        await self.backfill()
        while silent := [line for line in self._lines() if _named([line]) in self.written.missing]:
            await self._on.clock.sleep(AGAIN_S)
            await self.backfill(silent)

    def _lines(self) -> Iterator[Line]:
        yield from ((symbol, timeframe) for symbol in self._pairs for timeframe in self._take.timeframes)

    async def _past(self, symbol: Symbol, timeframe: Timeframe) -> str:
        """What is missing of it, in words; empty for nothing. However long it takes: only a minute has an end."""
        missing = _named([(symbol, timeframe)])
        async with self._turns, self._locks[symbol, timeframe]:
            try:
                await self._extend(symbol, timeframe)
                missing = await self._earlier(symbol, timeframe)
            except ArchiveUnavailable:
                raise
            except (Unavailable, BadInput) as wrong:
                log.warning("%s: %s", missing, wrong)
            # not when it is broken off: then it still is behind
            self._behind.pop((symbol, timeframe), None)
        return missing

    async def _earlier(self, symbol: Symbol, timeframe: Timeframe) -> str:
        """What was asked for and lies before the first bar of the file, where its venue has it: a file only grows."""
        begin = self._take.begins_at(timeframe, self._began)
        found = [(file.first_ms, source, file) for (source, *line), file in self._files.items()
                 if line == [symbol, timeframe] and file.first_ms is not None]  # fmt: skip
        first, source, file = min(found, key=lambda told: told[0], default=(begin, "", None))
        if file is None or not self._take.since or first <= begin:
            return ""
        others, limit = frozenset(self._on.market.sources) - {source}, min(CHUNK, (first - begin) // timeframe.ms)
        try:
            told = await self._on.market.candles(symbol, timeframe, until=instant(first), limit=limit, besides=others)
        except NotOffered:
            return ""
        if not len(told):
            return ""
        began = instant(first).isoformat()
        log.warning("%s begins at %s; earlier bars are for another folder", file.path.name, began)
        return f"{_named([(symbol, timeframe)])} before {began}"

    async def bars(self, symbol: Symbol, timeframe: Timeframe) -> None:
        """Those that have closed since the last look; of many a part, for a minute ends. Raises MarketUnavailable,
        InvalidSymbol."""
        lock = self._locks[symbol, timeframe]
        if (symbol, timeframe) not in self._behind and not lock.locked():  # else its past is being fetched
            async with lock:
                await self._extend(symbol, timeframe, chunks=1)

    async def _extend(self, symbol: Symbol, timeframe: Timeframe, chunks: float = inf) -> None:
        """Whoever answers goes on in a file of its own, from its own last bar on, and then it alone is asked."""
        market, source, besides = self._on.market, self._on.market.sources[0], NOBODY
        begin = start = self._start(source, symbol, timeframe)
        end = timeframe.floor_ms(epoch_ms(self._on.clock.now()))
        while start < end and chunks > 0:
            self._check_disk()
            stop = min(start + CHUNK * timeframe.ms, end)
            limit = (stop - start) // timeframe.ms
            try:
                told = await market.candles(symbol, timeframe, until=instant(stop), limit=limit, besides=besides)
            except NotOffered as wrong:
                begin = start = await self._first_day((symbol, timeframe), start, besides, wrong)
                continue
            if told.source != source and besides:
                raise MarketUnavailable(f"{symbol} {timeframe}: {source} alone was asked, {told.source} answered")
            if told.source != source:
                source, besides = told.source, frozenset(market.sources) - {told.source}
                begin = start = self._start(source, symbol, timeframe)
                continue
            file = self._file(source, symbol, timeframe)
            if count := file.append(closed(told, instant(stop))):
                self.written.bars[file.path.name] += count
            start, chunks = stop, chunks - 1
            self._progress(f"{symbol} {timeframe}", (start - begin) // timeframe.ms, (end - begin) // timeframe.ms)

    async def _first_day(self, line: Line, start: int, besides: Sources, wrong: NotOffered) -> int:
        """Where to go on when nobody tells of the oldest bars: before a pair was listed there are none. Raises what was
        said where that is not why."""
        (symbol, timeframe), now = line, self._on.clock.now()
        days = (epoch_ms(now) - start) // Timeframe.D1.ms
        if not days:
            raise wrong
        told = await self._on.market.candles(symbol, Timeframe.D1, until=now, limit=days, besides=besides)
        first = timeframe.floor_ms(told.opened_ms[0]) if len(told) else start
        if first <= start:
            raise wrong
        return first

    def _start(self, source: str, symbol: Symbol, timeframe: Timeframe) -> int:
        """After its last bar; a venue that stands in begins where the first one fell silent."""
        first = self._on.market.sources[0]
        for name in dict.fromkeys((source, first)):
            last = self._file(name, symbol, timeframe).last_ms
            if last is not None:
                return last + timeframe.ms
        return self._take.begins_at(timeframe, self._began)

    def _file(self, source: str, symbol: Symbol, timeframe: Timeframe) -> "wiring.CandleFile":
        key = (source, symbol, timeframe)
        if key not in self._files:
            file = self._files[key] = self._reel.bars(source, self._settings, symbol, timeframe)
            _say_dropped(file)
        return self._files[key]

    # --- What a market tells now ---

    async def _minutes(self) -> None:
        log.info(
            "recording %s to %s, about %.0f MB a day; Ctrl-C ends it",
            ", ".join(self._settings.symbols), self._take.folder, self._take.mb_a_day(self._on.market),
        )  # fmt: skip
        while True:
            at = Timeframe.M1.floor(self._on.clock.now())
            await self.minute(at)
            left = (at + Timeframe.M1.span - self._on.clock.now()).total_seconds()
            await self._on.clock.sleep(max(left, 0.0))

    async def minute(self, at: datetime) -> None:
        """Everybody is asked at once; whoever is silent is said to be."""
        self._check_disk()
        if at.date() != self._day:
            self._day = at.date()
            await asyncio.to_thread(self._reel.days.compress, self._day)
        await asyncio.gather(*(self._tried(about, work) for about, work in self._looks(at)))

    def _looks(self, at: datetime) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        market = self._on.market
        asked: tuple[tuple[Part, Callable[..., Awaitable[Any]]], ...] = (
            (Part.BOOK, market.book), (Part.TRADES, market.trades),
            (Part.FUNDING, market.funding_quote), (Part.INTEREST, market.open_interest),
        )  # fmt: skip
        for symbol in self._pairs:
            for timeframe in self._take.timeframes:
                yield f"{symbol} {timeframe}", self.bars(symbol, timeframe)
            for part, ask in asked:
                if part in market.offers and f"{symbol} {part}" not in self._never:
                    yield f"{symbol} {part}", self._look(symbol, part, ask)
        for due in (QuarterPassed(Timeframe.M15.floor(at)), HourPassed(Timeframe.H1.floor(at))):
            if self._gathered.get(type(due)) != due.at:
                yield "news" if isinstance(due, HourPassed) else "context", self._gather(due)

    async def _look(self, symbol: Symbol, part: Part, ask: Callable[..., Awaitable[Any]]) -> None:
        try:
            told = await ask(symbol, until=self._on.clock.now())
        except NotOffered as wrong:
            self._never.add(f"{symbol} {part}")
            log.info("%s: %s", symbol, wrong)
            return
        name = self._reel.name(told, self._settings)
        if isinstance(told, PublicTrades):
            if name not in self._trades:
                self._trades[name] = self._reel.unseen(name)
            told = replace(told, trades=self._trades[name].of(told.trades))
            self.written.trades += len(told.trades)
        self._reel.days.append(name, self._day, told)
        self.written.lines[f"{part}s" if part is Part.BOOK else f"looks at {part}"] += 1

    async def _gather(self, due: QuarterPassed | HourPassed) -> None:
        """By the steps that gather for decisions, onto the reel; asked again each minute while all is silent."""
        told = await context(due, self._on) if isinstance(due, QuarterPassed) else await news(due, self._on)
        self._gathered[type(due)] = due.at
        word, kind = ("context", MarketContext) if isinstance(due, QuarterPassed) else ("news", News)
        for fact in told:
            found: Any = await self._on.archive.get(f"{word}/{fact.id}", kind)
            self.written.lines[word] += found.gathered_at >= self._began
            for source, why in found.silent.items():
                self._said(f"{word} of {source}", why)

    # --- What goes wrong ---

    async def _tried(self, about: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(LIMIT_S):
                await work
        except (ArchiveUnavailable, RecordingStopped):
            raise
        except (Unavailable, BadInput) as wrong:
            self._said(about, str(wrong))
        except TimeoutError:
            self._said(about, f"no answer within {LIMIT_S:g} s")
        except Exception as wrong:
            self._said(about, f"a defect: {wrong!r}")

    def _said(self, about: str, problem: str) -> None:
        """What is wrong with one thing once in a while, not at every minute, however its words change."""
        now = asyncio.get_running_loop().time()
        if now - self._said_at.get(about, -SILENCE_S) >= SILENCE_S:
            self._said_at[about] = now
            log.warning("%s: %s", about, problem)

    def _check_disk(self) -> None:
        free, least = shutil.disk_usage(self._take.folder).free / MB, self._take.min_free_mb
        if free < least:
            raise RecordingStopped(
                f"{self._take.folder} has {free:.0f} MB left, less than {least:g}; what was recorded is whole "
                f"({self.written}); make room and run the same again"
            )

    @property
    def _pairs(self) -> tuple[Symbol, ...]:
        return self._settings.pairs


async def record(take: Take, market: str, bye: Farewell, progress: Progress = _unseen) -> Written:
    """Until it is told to stop, or with `only_backfill` until the past is there.

    Raises BadInput, AlreadyRunning, Offline, RecordingStopped, ArchiveUnavailable."""
    clock = wiring.system_clock()
    settings = worlds.suited(take.settings, market, None)
    async with AsyncExitStack() as stack:
        venue = await worlds.living(stack, settings, market, clock)
        await _listed(venue, settings)
        reel = wiring.reel(take.folder)
        stack.callback(reel.lock.release)
        if venue.is_simulated:
            _keep_seed(take)
        recorder = Recorder(take, reel, wiring.recording(settings, reel, venue, clock), progress)
        bye.stops(recorder.stop.set)
        await recorder.run()
        if recorder.stop.is_set() and take.only_backfill:
            raise RecordingStopped(f"interrupted after {recorder.written}; the same command goes on from here")
        return recorder.written


def check(take: Take, market: str = "live") -> None:
    """What can be refused before anybody is asked and anything is made. Raises BadInput."""
    there = nearest(take.folder)
    if why := unwritable(there):
        raise BadInput(f"tapes are recorded to a folder that can be written, was {take.folder}: {there} {why}")
    if take.since and take.since > wiring.system_clock().now():
        raise BadInput(f"--since lies in the past, was {take.since.isoformat()}")
    if take.since and take.since < GENESIS:
        raise BadInput(f"--since is {GENESIS.date()} or later, Bitcoin's first block, was {take.since.isoformat()}")
    if market == "simulated":
        _check_seed(take)


def _check_seed(take: Take) -> None:
    """Two simulated worlds in one file would be a market that never was."""
    path, seed = take.folder / SEED, str(take.settings.simulation.seed)
    try:
        kept = path.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        return
    if kept != seed:
        raise BadInput(
            f"{take.folder} holds the simulated market of seed {kept[:20]}; record elsewhere, was seed {seed}"
        )


def _keep_seed(take: Take) -> None:
    _check_seed(take)
    with whole(take.folder / SEED) as partial:
        partial.write_text(f"{take.settings.simulation.seed}\n", encoding="utf-8")


def _check_rows(path: Path, timeframe: Timeframe) -> None:
    """Of a file too long to be read whole. Raises InvalidCandle by file and row."""
    last = -inf
    with path.open("rb") as file:
        file.readline()
        for number, line in enumerate(file):
            row = ROW.fullmatch(line)
            if not row:
                raise InvalidCandle(f"{path.name}: row {number}: is no bar, was {line[:80]!r}")
            opened = int(row[1])
            if opened <= last or timeframe.floor_ms(opened) != opened:
                fault = f"out of order, or opens no {timeframe} bar"
                raise InvalidCandle(f"{path.name}: row {number}: {fault}, was {opened}")
            last = opened


def _say_dropped(file: "wiring.CandleFile") -> None:
    if file.dropped:
        log.warning("%s ended in half a row, which was dropped", file.path.name)


def _named(lines: Iterable[Line]) -> str:
    return ", ".join(f"{symbol} {timeframe}" for symbol, timeframe in lines)


async def _listed(venue: MarketData, settings: Settings) -> None:
    """Raises InvalidSymbol for a pair that no venue lists; one that does not answer now may do so later."""
    for symbol in settings.pairs:
        try:
            await venue.rules(symbol)
        except MarketUnavailable as wrong:
            log.warning("%s: %s", symbol, wrong)
