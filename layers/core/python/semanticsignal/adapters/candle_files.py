"""MarketData from recorded candles: `{exchange}_{market}_{BASEQUOTE}_{tf}.parquet` or `.csv[.gz]` in a folder.

Files of one venue, pair and timeframe are one series: where they overlap they must say the same."""

import re
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from math import floor, log10
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from ..domain.collected import Part
from ..domain.errors import BadInput, InvalidCandle, InvalidSymbol, NotOffered
from ..domain.market import (
    Candles,
    FundingRate,
    MarketKind,
    Symbol,
    Timeframe,
    TradingRules,
    epoch_ms,
    exact,
    instant,
)
from ..domain.microstructure import FundingQuote, OpenInterest, OrderBook, PublicTrades, Quote
from ..ports import NOBODY, Sources

NAME = re.compile(r"^([a-z0-9]+)_(spot|perp)_([A-Z0-9]+)_([0-9]+[mhdw])\.(parquet|csv|csv\.gz)$")
FUNDING = "{exchange}_perp_{pair}_funding_*.parquet"
COLUMNS = ("ts", "open", "high", "low", "close", "volume")
# What a decision may know beyond its own bars.
BEYOND = {Part.DAILY: Timeframe.D1, Part.WEEKLY: Timeframe.W1}
# Older than that, a book and the trades are no longer the market's; a rate stands for hours.
FRESH, STANDS = timedelta(minutes=5), timedelta(hours=1)
# How a file name begins of what no venue told.
SIMULATED = "simulated"
# What most venues ask of most pairs; a tape does not record the rules of its day.
QUANTITY_STEP, MIN_NOTIONAL_QUOTE, PRICE_DIGITS = Decimal("0.00001"), Decimal(5), 7


T = TypeVar("T")


class Recorded(Protocol):
    """What was recorded beside the bars. `source`: whose is told, where it is there; else another's."""

    def parts(self, symbol: Symbol) -> frozenset[Part]: ...

    def newest(self, kind: type[T], symbol: Symbol, *, until: datetime, within: timedelta, source: str) -> T | None: ...

    def trades(self, symbol: Symbol, *, until: datetime, within: timedelta, source: str) -> PublicTrades | None: ...

    def digest(self, symbols: Iterable[Symbol]) -> str: ...

    async def put(self, key: str, item: Any) -> Any: ...

    async def get(self, key: str, kind: type) -> Any: ...


class Tape:
    """For each pair the candles of one venue, in every timeframe there is; nothing beyond `until` is told.

    `timeframe`: what is decided on. Longer bars are told by `candles` alone: nothing is filled or shown on them."""

    def __init__(
        self,
        series: Mapping[Symbol, Mapping[Timeframe, Candles]],
        *,
        funding: Mapping[Symbol, tuple[FundingRate, ...]] | None = None,
        rules: Mapping[Symbol, TradingRules] | None = None,
        is_simulated: bool = False,
        timeframe: Timeframe | None = None,
        recorded: Recorded | None = None,
    ) -> None:
        longest = timeframe.ms if timeframe else max(tf.ms for tf in Timeframe)
        self._series: dict[Symbol, dict[Timeframe, Candles]] = {}
        self._longer: dict[Symbol, dict[Timeframe, Candles]] = {}
        for symbol, tapes in series.items():
            ordered = [(tf, tapes[tf]) for tf in sorted(tapes, key=lambda tf: tf.ms) if len(tapes[tf])]
            self._series[symbol] = {tf: tape for tf, tape in ordered if tf.ms <= longest}
            self._longer[symbol] = {tf: tape for tf, tape in ordered if tf.ms > longest}
        self.recorded = recorded
        self._funding, self._rules = dict(funding or {}), dict(rules or {})
        self.is_simulated = is_simulated

    def tape(self, symbol: Symbol, timeframe: Timeframe) -> Candles:
        """Everything there is of a pair; for the crank, which walks it, never for a step."""
        return self._tapes(symbol)[timeframe]

    def digest(self) -> str:
        """SHA-256 over every column and all that was recorded: two tapes with it are the same market."""
        seal = sha256()
        for symbol, tapes in sorted(self._series.items()):
            for tape in (*tapes.values(), *self._longer[symbol].values()):
                _seal(seal, tape)
            seal.update(repr(self._funding.get(symbol)).encode())
        if self.recorded:
            seal.update(self.recorded.digest(sorted(self._series)).encode())
        return seal.hexdigest()

    @property
    def sources(self) -> tuple[str, ...]:
        """One, whichever: each pair is told by the venue it was recorded from, and by no second."""
        return (next(tape.source for tapes in self._series.values() for tape in tapes.values()),)

    @property
    def offers(self) -> frozenset[Part]:
        """What there is of every pair: a part that one of them lacks would be missing at each of its decisions."""
        each = [self._parts(symbol) for symbol in self._series]
        return each[0].intersection(*each[1:]) if each else frozenset()

    def _parts(self, symbol: Symbol) -> frozenset[Part]:
        lengths = self._series[symbol] | self._longer[symbol]
        bars = frozenset(part for part, timeframe in BEYOND.items() if timeframe in lengths)
        return bars | (self.recorded.parts(symbol) if self.recorded else frozenset())

    async def candles(
        self, symbol: Symbol, timeframe: Timeframe, *, until: datetime, limit: int, besides: Sources = NOBODY
    ) -> Candles:
        self._single(symbol, besides)
        tape = self._bars(symbol, timeframe)
        last = timeframe.floor_ms(epoch_ms(until))
        start = bisect_left(tape.opened_ms, last - limit * timeframe.ms)
        return tape[start : max(start, bisect_left(tape.opened_ms, last))]

    async def fine_candles(
        self, symbol: Symbol, *, since: datetime, until: datetime, besides: Sources = NOBODY
    ) -> Candles:
        self._single(symbol, besides)
        first, last = epoch_ms(since), epoch_ms(until)
        tape = self._finest(symbol, first, last)
        start = bisect_left(tape.opened_ms, first)
        end = bisect_right(tape.opened_ms, last - tape.timeframe.ms)
        return tape[start : max(start, end)]

    async def first_open(
        self, symbol: Symbol, *, since: datetime, until: datetime, besides: Sources = NOBODY
    ) -> Quote | None:
        self._single(symbol, besides)
        first, last = epoch_ms(since), epoch_ms(until)
        if instant(first) < since:
            first += 1  # a bar that opened within the same millisecond but before
        tapes = list(self._tapes(symbol).values())
        # A hole in the tape that covers the instant is a hole: a coarser bar's open lies somewhere behind it.
        tape = next((t for t in tapes if t.opened_ms[0] <= first <= t.opened_ms[-1]), tapes[-1])
        row = bisect_left(tape.opened_ms, first)
        if row == len(tape) or tape.opened_ms[row] > last:
            return None
        return Quote(instant(tape.opened_ms[row]), tape.open[row], tape.source)

    async def last_price(self, symbol: Symbol, *, until: datetime, besides: Sources = NOBODY) -> Quote | None:
        self._single(symbol, besides)
        last = epoch_ms(until)
        tape = self._finest(symbol, last, last)
        row = bisect_right(tape.opened_ms, last - tape.timeframe.ms) - 1
        if row < 0:
            return None
        return Quote(instant(tape.opened_ms[row] + tape.timeframe.ms), tape.close[row], tape.source)

    async def funding(self, symbol: Symbol, *, since: datetime, until: datetime) -> tuple[FundingRate, ...]:
        return tuple(rate for rate in self._funding.get(symbol, ()) if since < rate.paid_at <= until)

    async def book(self, symbol: Symbol, *, until: datetime) -> OrderBook:
        return self._newest(OrderBook, symbol, until, FRESH, "order book")

    async def trades(self, symbol: Symbol, *, until: datetime) -> PublicTrades:
        source = self._source(symbol)
        found = self.recorded and self.recorded.trades(symbol, until=until, within=FRESH, source=source)
        if not found:
            raise NotOffered(f"no public trades of {symbol} were recorded shortly before {until.isoformat()}")
        return found

    async def funding_quote(self, symbol: Symbol, *, until: datetime) -> FundingQuote:
        return self._newest(FundingQuote, symbol, until, STANDS, "funding rate")

    async def open_interest(self, symbol: Symbol, *, until: datetime) -> OpenInterest:
        return self._newest(OpenInterest, symbol, until, STANDS, "open interest")

    def _newest(self, kind: type[T], symbol: Symbol, until: datetime, within: timedelta, what: str) -> T:
        source = self._source(symbol)
        found = self.recorded and self.recorded.newest(kind, symbol, until=until, within=within, source=source)
        if not found:
            raise NotOffered(f"no {what} of {symbol} was recorded shortly before {until.isoformat()}")
        return found

    def _source(self, symbol: Symbol) -> str:
        return next(iter(self._tapes(symbol).values())).source

    def finest(self, symbol: Symbol) -> Timeframe:
        return next(iter(self._tapes(symbol)))

    @property
    def ends_at(self) -> datetime:
        """Close of the newest bar of any pair."""
        return max(tape.closed_at for tapes in self._series.values() for tape in tapes.values())

    async def rules(self, symbol: Symbol) -> TradingRules:
        """The venue's own where they are known; else a tick of seven digits of the tape's first price, fixed before
        anything was decided."""
        if symbol in self._rules:
            return self._rules[symbol]
        coarsest = list(self._tapes(symbol).values())[-1]
        tick = Decimal(1).scaleb(floor(log10(coarsest.open[0])) + 1 - PRICE_DIGITS)
        return TradingRules(tick, QUANTITY_STEP, MIN_NOTIONAL_QUOTE)

    def _single(self, symbol: Symbol, besides: Sources) -> None:
        """A tape of a pair is one venue's: there is no second opinion."""
        if besides and all(tape.source in besides for tape in self._tapes(symbol).values()):
            raise InvalidSymbol(f"{symbol} is on this tape from one venue alone, was besides {', '.join(besides)}")

    def _bars(self, symbol: Symbol, timeframe: Timeframe) -> Candles:
        found = self._tapes(symbol).get(timeframe) or self._longer[symbol].get(timeframe)
        if found is None:
            raise NotOffered(f"no {timeframe} candles of {symbol} are on this tape")
        return found

    def _tapes(self, symbol: Symbol) -> dict[Timeframe, Candles]:
        if symbol not in self._series:
            raise InvalidSymbol(f"{symbol} is not on this tape, it holds {', '.join(map(str, self._series))}")
        return self._series[symbol]

    def _finest(self, symbol: Symbol, first_ms: int, last_ms: int) -> Candles:
        """The finest tape that covers all of the span; the coarsest where none does."""
        tapes = list(self._tapes(symbol).values())
        for tape in tapes:
            if tape.opened_ms[0] <= first_ms and last_ms <= tape.opened_ms[-1] + tape.timeframe.ms:
                return tape
        return tapes[-1]


def _seal(seal: Any, tape: Candles) -> None:
    seal.update(f"{tape.symbol} {tape.timeframe} {tape.source}\n".encode())
    for column in (tape.opened_ms, tape.open, tape.high, tape.low, tape.close, tape.volume):
        seal.update(memoryview(column))  # type: ignore[arg-type]


def load(
    folder: Path,
    symbols: Iterable[Symbol],
    timeframe: Timeframe,
    kind: MarketKind,
    exchange: str,
    *,
    recorded: Recorded | None = None,
) -> Tape:
    """Raises InvalidSymbol for a pair without candles here, InvalidCandle naming file and row, BadInput for a folder
    that cannot be read."""
    if not folder.is_dir():
        raise BadInput(f"no such folder of candles, was {folder}")
    series: dict[Symbol, dict[Timeframe, Candles]] = {}
    funding: dict[Symbol, tuple[FundingRate, ...]] = {}
    for symbol in symbols:
        venue, files = _chosen(folder, symbol, timeframe, kind, exchange)
        source = venue.replace(SIMULATED, f"{SIMULATED} ", 1) if venue.startswith(SIMULATED) else venue
        series[symbol] = {
            tf: _together([(path, read(path, symbol, tf, source)) for path in paths]) for tf, paths in files.items()
        }
        if not len(series[symbol][timeframe]):
            raise InvalidCandle(f"{files[timeframe][0].name}: holds no candle")
        if kind is MarketKind.PERP:
            funding[symbol] = _funding(folder, symbol, venue)
    made_up = any(tape.source.startswith(SIMULATED) for tapes in series.values() for tape in tapes.values())
    return Tape(series, funding=funding, is_simulated=made_up, timeframe=timeframe, recorded=recorded)


def _together(files: list[tuple[Path, Candles]]) -> Candles:
    """One series of several files. Raises InvalidCandle by file and row for a bar that two of them tell differently."""
    (first, whole), *others = files
    for path, candles in others:
        whole = _joined(whole, candles, f"{path.name}: row {{}}: told otherwise by {first.name}, was {{}} and {{}}")
    return whole


def _joined(one: Candles, other: Candles, refusal: str) -> Candles:
    tables = [np.column_stack([c.open, c.high, c.low, c.close, c.volume]).reshape(-1, 5) for c in (one, other)]
    opened = [np.asarray(candles.opened_ms, dtype=np.int64) for candles in (one, other)]
    _, rows, other_rows = np.intersect1d(opened[0], opened[1], assume_unique=True, return_indices=True)
    apart = np.flatnonzero((tables[0][rows] != tables[1][other_rows]).any(axis=1))
    if len(apart):
        row, other_row = int(rows[apart[0]]), int(other_rows[apart[0]])
        raise InvalidCandle(refusal.format(other_row, tables[1][other_row].tolist(), tables[0][row].tolist()))
    every, places = np.unique(np.concatenate(opened), return_index=True)
    columns = [np.ascontiguousarray(column).data for column in np.concatenate(tables)[places].T]
    prices: list[Any] = columns
    return Candles(one.symbol, one.timeframe, one.source, memoryview(array("q", every.tolist())), *prices)


def read(path: Path, symbol: Symbol, timeframe: Timeframe, source: str) -> Candles:
    """One file as checked columns. Raises InvalidCandle that names the file and the row."""
    frame = _frame(path)
    missing = [column for column in COLUMNS if column not in frame.columns]
    if missing:
        raise InvalidCandle(
            f"{path.name}: columns {', '.join(missing)} are missing, was {', '.join(map(str, frame.columns))}"
        )
    columns: dict[str, Any] = {}
    for name in COLUMNS:
        try:
            columns[name] = np.asarray(frame[name], dtype=np.float64)
        except (TypeError, ValueError) as wrong:
            raise InvalidCandle(f"{path.name}: column {name} holds more than numbers, was {wrong}") from wrong
    _check(path.name, columns, timeframe)
    opened = memoryview(array("q", columns["ts"].astype(np.int64).tolist()))
    prices: list[Any] = [np.ascontiguousarray(columns[name]).data for name in COLUMNS[1:]]
    return Candles(symbol, timeframe, source, opened, *prices)


def _frame(path: Path) -> Any:
    import pandas as pd

    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError, EOFError, zlib.error) as wrong:
        raise InvalidCandle(f"{path.name}: cannot be read as candles, was {wrong}") from wrong


def _check(name: str, columns: dict[str, Any], timeframe: Timeframe) -> None:
    """The rules of `Candles.check`, on whole columns: years of minutes in milliseconds."""
    ts, volume = columns["ts"], columns["volume"]
    prices = np.vstack([columns[column] for column in COLUMNS[1:5]])
    steps = np.diff(ts, prepend=-np.inf)
    faults = (
        ("ts must be whole milliseconds", ~np.isfinite(ts) | (ts != np.floor(ts)) | (np.abs(ts) > 2**53)),
        ("prices must be above zero and finite", ~(np.isfinite(prices) & (prices > 0)).all(axis=0)),
        ("volume must be finite and not negative", ~(np.isfinite(volume) & (volume >= 0))),
        ("high and low must bound open and close", (prices.max(axis=0) > prices[1]) | (prices.min(axis=0) < prices[2])),
        ("a duplicate candle", steps == 0),
        ("out of order", steps < 0),
        (f"ts must open a {timeframe} bar", (ts - timeframe.floor_ms(0)) % timeframe.ms != 0),
    )
    for fault, where in faults:
        rows = np.flatnonzero(where)
        if len(rows):
            row = int(rows[0])
            was = ", ".join(f"{column} {columns[column][row]:.15g}" for column in COLUMNS)
            raise InvalidCandle(f"{name}: row {row}: {fault}, was {was}")


def _chosen(
    folder: Path, symbol: Symbol, timeframe: Timeframe, kind: MarketKind, exchange: str
) -> tuple[str, dict[Timeframe, list[Path]]]:
    """The files of one venue: the configured one where it has the pair, else the first by name."""
    venues: dict[tuple[str, str], dict[Timeframe, list[Path]]] = {}
    pairs: set[str] = set()
    for path in sorted(folder.iterdir()):
        parts = NAME.match(path.name)
        if not parts or parts[4] not in list(Timeframe):
            continue
        pairs.add(parts[3])
        if parts[3] == symbol.joined:
            venues.setdefault((parts[1], parts[2]), {}).setdefault(Timeframe(parts[4]), []).append(path)
    having = [venue for venue, files in venues.items() if timeframe in files and venue[1] == kind]
    if having:
        venue = next((v for v in having if v[0] == exchange), having[0])
        files = venues[venue]
        return venue[0], {tf: files[tf] for tf in files if tf.ms <= timeframe.ms or tf in BEYOND.values()}
    if not venues:
        raise InvalidSymbol(f"no candles of {symbol} in {folder}; there are {', '.join(sorted(pairs)) or 'none'}")
    there = ", ".join(sorted(f"{v[0]} {v[1]} {tf}" for v, files in venues.items() for tf in files))
    raise InvalidSymbol(f"no {kind} {timeframe} candles of {symbol} in {folder}; there are {there}")


def _funding(folder: Path, symbol: Symbol, exchange: str) -> tuple[FundingRate, ...]:
    """Settlements beside the candles, or in a `funding` folder beside theirs: the venue's own, else another's, for
    perpetuals of one pair pay alike. None recorded: none is charged, and the report says that there were none."""
    own, any_venue = (FUNDING.format(exchange=venue, pair=symbol.joined) for venue in (exchange, "*"))
    folders = (folder, folder.parent / "funding")
    paths = [path for pattern in (own, any_venue) for where in folders for path in sorted(where.glob(pattern))]
    if not paths:
        return ()
    frame = _frame(paths[0])
    column = next((name for name in ("rate", "funding_rate") if name in frame.columns), None)
    if column is None or "ts" not in frame.columns:
        raise InvalidCandle(f"{paths[0].name}: needs ts and rate, was {', '.join(map(str, frame.columns))}")
    try:
        ts, rates = np.asarray(frame["ts"], dtype=np.float64), np.asarray(frame[column], dtype=np.float64)
    except (TypeError, ValueError) as unread:
        raise InvalidCandle(f"{paths[0].name}: holds more than numbers, was {unread}") from unread
    wrong = np.flatnonzero(~np.isfinite(ts) | ~np.isfinite(rates) | (np.abs(rates) > 1) | (np.diff(ts, prepend=0) <= 0))
    if len(wrong):
        row = int(wrong[0])
        raise InvalidCandle(f"{paths[0].name}: row {row}: a settlement that cannot be, was {ts[row]:.15g} {rates[row]}")
    return tuple(FundingRate(symbol, instant(int(at)), exact(rate)) for at, rate in zip(ts, rates, strict=True))
