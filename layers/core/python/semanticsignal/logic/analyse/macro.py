"""The large picture: where daily and weekly bars have been going."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from math import isfinite, sqrt

import numpy as np
from numpy.typing import NDArray

from ...domain.analysis import Macro, Trend
from ...domain.market import Candles, Timeframe
from . import momentum, trend, volatility
from .series import Columns, columns

Array = NDArray[np.float64]
MEANS = (20, 50, 100, 200)
# How old a cross may be to count, and how far a year must have gone.
FRESH_BARS = 30
FAR_RATIO = 0.1


def macro(candles: Candles) -> Macro | None:
    """None under two bars. A mean that there are too few bars for is left out, and so is what would need it."""
    if len(candles) < 2:
        return None
    bars = columns(candles)
    close, last = bars.close, float(bars.close[-1])
    means = {f"sma_{period}": float(close[-period:].mean()) for period in MEANS if len(close) >= period}
    order = _order(tuple(means.values()))
    cross, age = _cross(close)
    change = last / float(close[0]) - 1
    year = _year(close, candles.timeframe)
    votes = tuple(_votes(last, means, order, (cross, age), change if year is None else year))
    return Macro(
        timeframe=candles.timeframe,
        closed_at=candles.closed_at,
        bars=len(candles),
        close=last,
        means=means,
        order=order,
        cross=cross,
        cross_bars_ago=age,
        change_ratio=change,
        year_change_ratio=year,
        volatility_annual_ratio=_volatility(close, candles.timeframe),
        sma_200_distance_ratio=last / means["sma_200"] - 1 if "sma_200" in means else None,
        numbers=_numbers(bars),
        trend=_trend([side for side, _ in votes]),
        evidence=tuple(words for _, words in votes),
    )


def _order(means: tuple[float, ...]) -> str | None:
    """Means of rising length: the price has been rising when each is above the next."""
    if len(means) < 2:
        return None
    if all(short > long for short, long in pairwise(means)):
        return "ascending"
    return "descending" if all(short < long for short, long in pairwise(means)) else "mixed"


def _cross(close: Array) -> tuple[str | None, int | None]:
    """The newest cross of SMA 50 and SMA 200 and how many bars ago it was seen; where they touch neither is above."""
    if len(close) <= MEANS[-1]:
        return None, None
    gap = trend.sma(close, 50)[199:] - trend.sma(close, 200)[199:]
    sided = np.flatnonzero(gap)
    turned = np.flatnonzero(np.diff(gap[sided] > 0))
    if not len(turned):
        return None, None
    after = int(sided[turned[-1] + 1])
    return "golden" if gap[after] > 0 else "death", len(gap) - 1 - after


def _year(close: Array, timeframe: Timeframe) -> float | None:
    """Over 52 weeks, which are 364 days: of 365 daily bars no more can have gone by."""
    bars = min(round(timeframe.bars_per_year), 364)
    return float(close[-1] / close[-1 - bars] - 1) if len(close) > bars else None


def _volatility(close: Array, timeframe: Timeframe) -> float | None:
    """Needs two returns."""
    if len(close) < 3:
        return None
    return float(np.diff(np.log(close)).std(ddof=1)) * sqrt(timeframe.bars_per_year)


def _numbers(bars: Columns) -> Mapping[str, float | None]:
    high, low, close, traded = bars
    plus, minus = trend.directional(high, low, close)
    mean = float(traded.mean())
    found = {
        "rsi_14": momentum.rsi(close),
        "macd_histogram_ratio": trend.macd(close)[2] / close,
        "adx_14": trend.adx(high, low, close),
        "plus_di_14": plus,
        "minus_di_14": minus,
        "atr_ratio": volatility.atr(high, low, close) / close,
    }
    newest = {name: column.item(-1) for name, column in found.items()}
    newest["volume_20_ratio"] = float(traded[-20:].mean()) / mean if mean > 0 and len(traded) >= 20 else float("nan")
    return {name: value if isfinite(value) else None for name, value in newest.items()}


def _votes(
    close: float, means: Mapping[str, float], order: str | None, cross: tuple[str | None, int | None], change: float
) -> Iterator[tuple[int, str]]:
    """Side and words of each that can be cast: the close against the longest mean, the second shortest mean against
    the longest, the order of three means and more, a fresh cross, and a far way gone in a year."""
    names = list(means)
    if names:
        yield _above("close", close, names[-1], means[names[-1]])
    if len(names) > 2:
        yield _above(names[1], means[names[1]], names[-1], means[names[-1]])
        yield {"ascending": 1, "descending": -1}.get(order or "", 0), f"means {order}"
    elif len(names) == 2:
        yield _above(names[0], means[names[0]], names[1], means[names[1]])
    kind, age = cross
    if age is not None and age <= FRESH_BARS:
        yield 1 if kind == "golden" else -1, f"{kind} cross {age} bars ago"
    yield (change > FAR_RATIO) - (change < -FAR_RATIO), f"change {change * 100:+.1f} %"


def _above(left: str, one: float, right: str, other: float) -> tuple[int, str]:
    side = (one > other) - (one < other)
    return side, f"{left} {'<=>'[side + 1]} {right}"


def _trend(sides: list[int]) -> Trend:
    """Two votes and more, and more than there are against it."""
    up, down = sides.count(1), sides.count(-1)
    if up >= 2 and up > down:
        return Trend.BULL
    return Trend.BEAR if down >= 2 and down > up else Trend.NEUTRAL
