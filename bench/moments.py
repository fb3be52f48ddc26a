"""Moments of six coins as memory sees them: their conditions, the words for them, and what came after."""

import csv
import gzip
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.measures import ROOT, TERMS
from semanticsignal.adapters.candle_files import read
from semanticsignal.domain.analysis import Snapshot
from semanticsignal.domain.collected import Around, Market
from semanticsignal.domain.context import Reading, Unit
from semanticsignal.domain.market import Candles, Symbol, Timeframe, epoch_ms, exact, instant
from semanticsignal.logic.analyse.conditions import ADX_STRONG, ADX_WEAK, ATR_HIGH, ATR_LOW, conditions
from semanticsignal.logic.analyse.regime import RANK_BARS
from semanticsignal.logic.analyse.series import Columns, columns, series
from semanticsignal.logic.analyse.snapshot import snapshot
from semanticsignal.logic.analyse.volatility import rank_ratio
from semanticsignal.logic.analyse.volume import volume_ratio
from semanticsignal.logic.decide.recall import SCALE, vector

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
COINS = ("BTC", "ETH", "SOL", "LINK", "DOT", "XTZ")
TAPE, MOOD = "candles/binance_spot_{}USDT_4h.parquet", "fear_greed/fear_greed_daily.csv.gz"
NAMES = tuple(SCALE)
# No order book was recorded.
NEVER_KNOWN = "pressure"
OUTCOME, GRID, DAY_MS = 42, 6, 86_400_000
SPLIT_MS = epoch_ms(datetime(2023, 1, 1, tzinfo=UTC))
READ = (
    "adx_14", "rsi_14", "atr_14", "atr_ratio", "bb_position_ratio", "macd_histogram", "plus_di_14", "minus_di_14",
    "sma_50", "sma_200",
)  # fmt: skip
# What each word is about: the numbers that go with it when it is left out, the one it is judged by first.
FAMILIES: dict[str, tuple[str, ...]] = {
    "trend": ("di_difference",),
    "adx": ("adx",),
    "volatility": ("atr_log", "atr_rank"),
    "rsi": ("rsi",),
    "macd": ("macd_atr",),
    "volume": ("volume_log",),
    "bollinger": ("bollinger",),
    "weekend": ("weekend",),
    "sentiment": ("sentiment",),
}
WORDS: dict[str, tuple[str, ...]] = {
    "trend": ("BEARISH", "NEUTRAL", "BULLISH"),
    "adx": ("Low ADX", "Medium ADX", "High ADX"),
    "volatility": ("LOW volatility", "MEDIUM volatility", "HIGH volatility"),
    "rsi": ("RSI oversold", "RSI neutral", "RSI overbought"),
    "macd": ("MACD bearish", "MACD bullish"),
    "volume": ("volume low", "volume normal", "volume high"),
    "bollinger": ("near lower band", "inside bands", "near upper band"),
    "weekend": ("weekday", "weekend"),
    "sentiment": ("extreme fear", "fear", "neutral", "greed", "extreme greed"),
}
# A value at an edge has the upper word.
EDGES: dict[str, tuple[float, ...]] = {
    "trend": (-5, 5),
    "adx": (ADX_WEAK, ADX_STRONG),
    "volatility": (float(np.log(ATR_LOW)), float(np.log(ATR_HIGH))),
    "rsi": (30, 70),
    "macd": (0,),
    "volume": (float(np.log(0.5)), float(np.log(1.5))),
    "bollinger": (0.2, 0.8),
    "weekend": (0.5,),
    "sentiment": (25.000001, 46.000001, 55, 75.000001),
}


class Mood(NamedTuple):
    """Fear & Greed, oldest first, each from its stamp on."""

    since_ms: Rows
    value: Array

    def at(self, ms: int) -> float | None:
        row = int(np.searchsorted(self.since_ms, ms, side="right")) - 1
        return None if row < 0 else float(self.value[row])


class Moments(NamedTuple):
    """One row a moment. `coin`: row of COINS. `points`: the product's vectors; `numbers`: what they were made of, by
    the columns of NAMES, NaN not known; `words`: columns as WORDS, rows of theirs. `swing`: logarithm of the realized
    volatility of the next 42 bars, `swing_before` of the last 42; `rose`: after 42; `told_ms`: when that was known."""

    coin: Rows
    closed_ms: Rows
    points: Array
    numbers: Array
    words: Rows
    swing: Array
    swing_before: Array
    rose: NDArray[np.bool_]
    told_ms: Rows

    def at(self, rows: Rows | NDArray[np.bool_]) -> "Moments":
        columns: list[Any] = [column[rows] for column in self]
        return Moments(*columns)

    @property
    def size(self) -> int:
        return len(self.coin)

    @property
    def month(self) -> Rows:
        return self.closed_ms.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)

    @property
    def regime(self) -> Rows:
        """Trend × ADX × volatility, 27 of them."""
        return self.words[:, 0] * 9 + self.words[:, 1] * 3 + self.words[:, 2]

    def column(self, name: str) -> Array:
        return self.numbers[:, NAMES.index(name)]


def together(parts: Sequence[Moments]) -> Moments:
    return Moments(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


class Lives(NamedTuple):
    """`grid`: every 6th bar, whose moments are remembered; `asked`: those that ask."""

    grid: Moments
    asked: Moments


def data() -> Path:
    return Path(os.environ.get("SEMSIG_DATA") or ROOT.parent / "shared" / "data")


def mood(folder: Path) -> Mood:
    with gzip.open(folder / MOOD, "rt") as file:
        told = [(int(row["timestamp"]) * 1000, float(row["value"])) for row in csv.DictReader(file)]
    told.sort()
    return Mood(np.array([at for at, _ in told], dtype=np.int64), np.array([value for _, value in told]))


def tape(folder: Path, coin: str) -> Candles:
    return read(folder / TAPE.format(coin), Symbol(coin, "USDT"), Timeframe.H4, "binance")


def market(candles: Candles, feeling: float | None) -> Market:
    """Bars and the index, seen as the last bar closes."""
    at = candles.closed_at
    told = () if feeling is None else (_reading(feeling, at),)
    return Market("bench#4h#1", candles.symbol, candles.timeframe, at, candles, TERMS, around=Around(readings=told))


def _reading(feeling: float, at: datetime) -> Reading:
    return Reading("fear_greed", Decimal(f"{feeling:g}"), Unit.POINTS, at, at, "alternative.me")


class Eye:
    """Snapshots of one tape that hold what conditions are made of, and nothing else of their own: the product's series
    over all bars instead of over a window for each."""

    def __init__(self, candles: Candles, feeling: Mood) -> None:
        self._candles, self._mood = candles, feeling
        self._bars: Columns = columns(candles)
        whole = series(self._bars)
        self._series = {name: whole[name] for name in READ} | {"volume_ratio": volume_ratio(self._bars.volume)}
        self._any = snapshot(market(candles[:RANK_BARS], None), candles[:RANK_BARS].closed_at)

    def snapshot(self, row: int) -> Snapshot:
        now: dict[str, float | None] = {name: _known(values.item(row)) for name, values in self._series.items()}
        now["atr_rank_ratio"] = rank_ratio(self._series["atr_ratio"][: row + 1], RANK_BARS)
        opened = self._candles.opened_ms[row]
        closed, feeling = instant(opened + self._candles.timeframe.ms), self._mood.at(opened)
        return replace(
            self._any, closed_at=closed, price=exact(self._bars.close.item(row)), indicators=now,
            readings=() if feeling is None else (_reading(feeling, closed),),
        )  # fmt: skip

    def is_whole(self, row: int) -> bool:
        """Whether all is known of it that ever can be."""
        numbers = conditions(self.snapshot(row)).numbers
        return all(value is not None for name, value in numbers.items() if name != NEVER_KNOWN)

    def moments(self, coin: int, rows: Rows) -> Moments:
        told = [conditions(self.snapshot(int(row))) for row in rows]
        numbers = np.array([[_number(one.numbers, name) for name in NAMES] for one in told]).reshape(-1, len(NAMES))
        close = self._bars.close
        opened = np.asarray(self._candles.opened_ms, dtype=np.int64)
        return Moments(
            np.full(len(rows), coin, dtype=np.int64),
            opened[rows] + self._candles.timeframe.ms,
            np.array([vector(one) for one in told]).reshape(-1, len(NAMES)),
            numbers,
            words(numbers),
            swing(close, rows, OUTCOME),
            swing(close, rows - OUTCOME, OUTCOME),
            close[rows + OUTCOME] > close[rows],
            opened[rows + OUTCOME] + self._candles.timeframe.ms,
        )


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _number(numbers: Mapping[str, float | None], name: str) -> float:
    value = numbers[name]
    return float("nan") if value is None else value


def swing(close: Array, rows: Rows, bars: int) -> Array:
    """Logarithm of the realized volatility of the `bars` after."""
    squares = np.concatenate(([0.0], np.cumsum(np.diff(np.log(close)) ** 2)))
    total = squares[rows + bars] - squares[rows]
    return np.asarray(0.5 * np.log(np.maximum(total, 1e-12) / bars))


def words(numbers: Array) -> Rows:
    """Which word of each family, by its first number."""
    told = [np.digitize(numbers[:, NAMES.index(FAMILIES[family][0])], edges) for family, edges in EDGES.items()]
    return np.stack(told, axis=1).astype(np.int64)


def lives(candles: Candles, coin: int, feeling: Mood, chance: np.random.Generator, asking: int) -> Lives:
    """Of one coin. Bars ask that close from 2023 on, drawn by chance; both need their 42 bars after."""
    eye = Eye(candles, feeling)
    last = len(candles) - OUTCOME
    first = next(row for row in range(last) if eye.is_whole(row))
    grid = np.arange(first, last, GRID, dtype=np.int64)
    closed = np.asarray(candles.opened_ms, dtype=np.int64) + candles.timeframe.ms
    may = np.flatnonzero(closed[:last] >= SPLIT_MS)
    drawn = np.sort(chance.choice(may, min(asking, len(may)), replace=False))
    return Lives(eye.moments(coin, grid), eye.moments(coin, drawn))


def recorded(folder: Path, seed: int, asking: int) -> Lives:
    feeling = mood(folder)
    found = [
        lives(tape(folder, coin), n, feeling, np.random.default_rng([seed, n]), asking) for n, coin in enumerate(COINS)
    ]
    return Lives(together([one.grid for one in found]), together([one.asked for one in found]))
