"""The Snapshot: all that was known at one instant. Here floats meet decimals, and nowhere else."""

from collections.abc import Mapping
from datetime import datetime
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from ...domain.analysis import BookView, Pattern, Snapshot
from ...domain.collected import Market
from ...domain.market import Candles, exact
from . import completeness, levels, microstructure, momentum, patterns, regime, trend, volatility, volume

Array = NDArray[np.float64]
CLOSES_SHOWN = 12
RANK_BARS = 540


def snapshot(market: Market, seen_at: datetime, before: BookView | None = None) -> Snapshot:
    """Causal: what it says of the newest closed bar depends on that bar and older ones alone. `before`: the order book
    as the last snapshot saw it."""
    candles, around = market.candles, market.around
    series = _series(candles)
    close = np.asarray(candles.close, dtype=np.float64)
    now = _at(series, -1) | {"atr_rank_ratio": volatility.rank_ratio(series["atr_ratio"], RANK_BARS)}
    return Snapshot(
        id=market.id,
        symbol=market.symbol,
        timeframe=market.timeframe,
        closed_at=candles.closed_at,
        seen_at=seen_at,
        price=exact(close[-1]),
        source=candles.source,
        is_simulated=market.is_simulated,
        indicators=now,
        earlier=_at(series, -2),
        regime=regime.regime(now, float(close[-1])),
        patterns=_patterns(series),
        levels=levels.levels(_column(candles.high), _column(candles.low), float(close[-1]), now["atr_14"]),
        closes=tuple(exact(price) for price in close[-CLOSES_SHOWN:]),
        bars=len(candles),
        gaps=candles.gaps,
        completeness_ratio=candles.completeness_ratio,
        score_ratio=completeness.score_ratio(market),
        book=microstructure.book_view(around.book, before) if around.book else None,
        flow=microstructure.flow(around.trades) if around.trades else None,
        funding=around.funding,
        interest=around.interest,
        readings=around.readings,
        news=around.news,
        missing=around.missing,
        flags=(*market.flags, *around.flags),
        is_disputed=market.is_disputed,
    )


def _column(values: object) -> Array:
    return np.asarray(values, dtype=np.float64)


def _series(candles: Candles) -> dict[str, Array]:
    high, low = _column(candles.high), _column(candles.low)
    close, traded = _column(candles.close), _column(candles.volume)
    line, signal, histogram = trend.macd(close)
    plus, minus = trend.directional(high, low, close)
    upper, middle, lower = volatility.bollinger(close)
    atr = volatility.atr(high, low, close)
    band = upper - lower
    return {
        "sma_20": trend.sma(close, 20),
        "sma_50": trend.sma(close, 50),
        "sma_200": trend.sma(close, 200),
        "macd": line,
        "macd_signal": signal,
        "macd_histogram": histogram,
        "adx_14": trend.adx(high, low, close),
        "plus_di_14": plus,
        "minus_di_14": minus,
        "rsi_14": momentum.rsi(close),
        "change_1_ratio": momentum.change_ratio(close, 1),
        "change_6_ratio": momentum.change_ratio(close, 6),
        "change_42_ratio": momentum.change_ratio(close, 42),
        "atr_14": atr,
        "atr_ratio": atr / close,
        "bb_upper": upper,
        "bb_middle": middle,
        "bb_lower": lower,
        "bb_position_ratio": np.divide(close - lower, band, out=np.full_like(close, np.nan), where=band > 0),
        "bb_width_ratio": band / middle,
        "obv_change_10_ratio": volume.obv_change_ratio(close, traded, 10),
        "volume": traded,
        "volume_ratio": volume.volume_ratio(traded),
    }


def _at(series: Mapping[str, Array], index: int) -> dict[str, float | None]:
    """Values at one bar; NaN and infinity are absent, not numbers."""
    values = {name: float(array[index]) if len(array) >= -index else None for name, array in series.items()}
    return {name: value if value is not None and isfinite(value) else None for name, value in values.items()}


def _patterns(series: Mapping[str, Array]) -> tuple[Pattern, ...]:
    found = (
        patterns.crossing("macd_cross", series["macd"], series["macd_signal"], within=12),
        patterns.crossing("sma_20_50_cross", series["sma_20"], series["sma_50"], within=30),
        patterns.crossing("sma_50_200_cross", series["sma_50"], series["sma_200"], within=60),
    )
    return tuple(pattern for pattern in found if pattern)
