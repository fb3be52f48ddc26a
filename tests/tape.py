"""Candle folders made by a seed: trends that the analyst trades, finer bars that agree, gaps, funding."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from semanticsignal.domain.market import Timeframe, epoch_ms

Frames = dict[Timeframe, pd.DataFrame]
H4, H1, M5, M1 = Timeframe.H4, Timeframe.H1, Timeframe.M5, Timeframe.M1
START = datetime(2024, 1, 1, tzinfo=UTC)
COLUMNS = ("ts", "open", "high", "low", "close", "volume")
# Coarse bars between two turns of the trend, how far one of them drifts and shakes, and the pullbacks on the way.
TURN_BARS, DRIFT, SHAKE = 120, 0.003, 0.006
SWING_BARS, SWING = 30, 0.04


def at(bar: int, timeframe: Timeframe = H4) -> datetime:
    """When this bar of a tape opens, counted from 0."""
    return START + timeframe.span * bar


def frames(
    bars: int,
    seed: int,
    *,
    finer: Iterable[Timeframe] = (H1,),
    price: float = 100.0,
    gaps: Mapping[int, int] | None = None,
) -> Frames:
    """`bars` bars of 4 h and the same market in finer ones. `gaps`: first missing bar → how many are missing."""
    lengths = sorted({H4, *finer}, key=lambda timeframe: timeframe.ms)
    finest = _walk(bars, lengths[0], np.random.default_rng(seed), price)
    for first, count in (gaps or {}).items():
        since, until = epoch_ms(at(first)), epoch_ms(at(first + count))
        finest = finest[(finest["ts"] < since) | (finest["ts"] >= until)]
    return {timeframe: coarser(finest, timeframe) for timeframe in lengths}


def _walk(bars: int, timeframe: Timeframe, dice: np.random.Generator, price: float) -> pd.DataFrame:
    """A random walk whose trend turns now and then; each bar opens where the one before closed."""
    steps = H4.ms // timeframe.ms
    turns = bars // TURN_BARS + 1
    trends = np.where((np.arange(turns) + dice.integers(2)) % 2, 1.0, -0.8) * dice.uniform(0.6, 1.4, size=turns)
    drift = np.repeat(trends, TURN_BARS * steps)[: bars * steps] * DRIFT / steps
    swing = SWING * np.sin(np.arange(bars * steps) * 2 * np.pi / (SWING_BARS * steps))
    moves = drift + dice.normal(0.0, SHAKE / np.sqrt(steps), size=bars * steps)
    closes = np.round(price * np.exp(np.cumsum(moves) + swing), 4)
    opens = np.concatenate([[price], closes[:-1]])
    wicks = np.abs(dice.normal(0.0, SHAKE / np.sqrt(steps) / 3, size=(2, bars * steps)))
    opened = epoch_ms(START) + np.arange(bars * steps, dtype=np.int64) * timeframe.ms
    high = np.round(np.maximum(opens, closes) * (1 + wicks[0]), 4)
    low = np.round(np.minimum(opens, closes) * (1 - wicks[1]), 4)
    volume = np.round(dice.uniform(10, 20, size=bars * steps) * (1 + 50 * np.abs(moves)), 3)
    columns = (opened, opens, np.maximum(high, np.maximum(opens, closes)), np.minimum(low, np.minimum(opens, closes)))
    return pd.DataFrame(dict(zip(COLUMNS, (*columns, closes, volume), strict=True)))


def coarser(fine: pd.DataFrame, timeframe: Timeframe) -> pd.DataFrame:
    """The same market in longer bars."""
    by = fine.assign(ts=fine["ts"] // timeframe.ms * timeframe.ms).groupby("ts", as_index=False)
    joined: pd.DataFrame = by.agg(
        open=("open", "first"),
        high=("high", "max"),
        low=("low", "min"),
        close=("close", "last"),
        volume=("volume", "sum"),
    )
    return joined[list(COLUMNS)]


def by_hand(rows: Iterable[tuple[float, float, float, float]], timeframe: Timeframe = H4) -> Frames:
    """Bars of open, high, low, close, one after another from START on."""
    table = pd.DataFrame(list(rows), columns=list(COLUMNS[1:5]))
    table.insert(0, "ts", epoch_ms(START) + np.arange(len(table), dtype=np.int64) * timeframe.ms)
    return {timeframe: table.assign(volume=10.0)}


def written(folder: Path, pair: str, tape: Frames, *, kind: str = "spot", ending: str = "csv.gz") -> Path:
    """The folder, with a file for each timeframe of the pair, `BTC/USDT`."""
    folder.mkdir(parents=True, exist_ok=True)
    for timeframe, table in tape.items():
        path = folder / f"binance_{kind}_{pair.replace('/', '')}_{timeframe}.{ending}"
        if ending == "parquet":
            table.to_parquet(path, index=False)
        else:
            table.to_csv(path, index=False)
    return folder


def funded(folder: Path, pair: str, bars: int, seed: int) -> Path:
    """Funding each eight hours over `bars` bars of 4 h: mostly paid by longs, sometimes by shorts."""
    paid = [epoch_ms(START + timedelta(hours=8) * n) for n in range(bars // 2)]
    rates = np.random.default_rng(seed).normal(0.0001, 0.0002, size=len(paid))
    table = pd.DataFrame({"ts": paid, "rate": np.round(rates, 8)})
    table.to_parquet(folder / f"binance_perp_{pair.replace('/', '')}_funding_8h.parquet", index=False)
    return folder


def altered(tape: Frames, since: datetime, factor: float = 3.7) -> Frames:
    """Another future: every price from that instant on times `factor`, in all timeframes."""
    other: Frames = {}
    for timeframe, table in tape.items():
        later = table["ts"] >= epoch_ms(since)
        changed = table.copy()
        for column in COLUMNS[1:5]:
            changed.loc[later, column] = changed.loc[later, column] * factor
        other[timeframe] = changed
    return other
