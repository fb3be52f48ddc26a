"""Prices that mattered, and prices that are calculated: swings, clustered; pivots of the day; Fibonacci's shares."""

from dataclasses import replace
from math import fsum

import numpy as np
import talib
from numpy.typing import NDArray

from ...domain.analysis import Level, Mark, Retracement

Array = NDArray[np.float64]
WING, COUNT = 5, 3
LOOK_BACK = 180
SIGNIFICANT_ATR = 3.0
SHARES = (0.236, 0.382, 0.5, 0.618, 0.786)


def levels(
    high: Array, low: Array, close: float, atr: float | None, *, traded: Array | None = None
) -> tuple[Level, ...]:
    """At most three supports below and resistances above the close, nearest first. `traded`: volume, base.

    A swing is the extreme of itself and five bars each side, so the newest five bars hold none yet. Swings
    within half an ATR of each other are one level, at their mean."""
    if atr is None or atr <= 0 or len(high) < 2 * WING + 1:
        return ()
    high, low = high[-LOOK_BACK:], low[-LOOK_BACK:]
    tops, bottoms = _swings(high, low)
    swings = sorted([(float(high[i]), i) for i in tops] + [(float(low[i]), i) for i in bottoms])
    found = [(_level(cluster, close, atr, len(high)), cluster) for cluster in _clusters(swings, atr / 2)]
    supports = sorted((x for x in found if x[0].kind == "support"), key=lambda x: -x[0].price)[:COUNT]
    resistances = sorted((x for x in found if x[0].kind == "resistance"), key=lambda x: x[0].price)[:COUNT]
    kept = (*supports, *resistances)
    volumes = np.zeros(1) if traded is None else traded[-LOOK_BACK:]
    mean = float(volumes.mean())
    if mean <= 0:
        return tuple(level for level, _ in kept)
    return tuple(
        replace(level, volume_ratio=fsum(volumes.item(i) for _, i in cluster) / len(cluster) / mean)
        for level, cluster in kept
    )


def _swings(high: Array, low: Array) -> tuple[list[int], list[int]]:
    """Bars of the tops and of the bottoms, oldest first."""
    width = 2 * WING + 1
    # The first bar of a plateau stands for it: a market that does not move has no swings.
    inner, before = slice(WING, -WING), slice(WING - 1, -WING - 1)
    is_top = (talib.MAX(high, width)[width - 1 :] == high[inner]) & (high[inner] > high[before])
    is_bottom = (talib.MIN(low, width)[width - 1 :] == low[inner]) & (low[inner] < low[before])
    tops, bottoms = np.flatnonzero(is_top) + WING, np.flatnonzero(is_bottom) + WING
    return tops.tolist(), bottoms.tolist()


def _clusters(swings: list[tuple[float, int]], reach: float) -> list[list[tuple[float, int]]]:
    clusters: list[list[tuple[float, int]]] = []
    for swing in swings:
        if clusters and swing[0] - clusters[-1][0][0] <= reach:
            clusters[-1].append(swing)
        else:
            clusters.append([swing])
    return clusters


def _level(cluster: list[tuple[float, int]], close: float, atr: float, bars: int) -> Level:
    price = fsum(p for p, _ in cluster) / len(cluster)
    newest = max(i for _, i in cluster)
    kind = "support" if price <= close else "resistance"
    return Level(kind, price, len(cluster), bars - 1 - newest, (price - close) / atr)


def pivots(day: tuple[float, float, float], close: float, atr: float | None) -> tuple[Mark, ...]:
    """Classic pivots (floor traders') and Fibonacci pivots of one day's high, low and close, highest of each first."""
    high, low, last = day
    pivot, span = (high + low + last) / 3, high - low
    classic = {
        "r3": high + 2 * (pivot - low),
        "r2": pivot + span,
        "r1": 2 * pivot - low,
        "p": pivot,
        "s1": 2 * pivot - high,
        "s2": pivot - span,
        "s3": low - 2 * (high - pivot),
    }
    shares = {f"fibonacci_r{n}": share for n, share in ((3, 1.0), (2, 0.618), (1, 0.382))}
    shares |= {f"fibonacci_s{n}": -share for n, share in ((1, 0.382), (2, 0.618), (3, 1.0))}
    prices = classic | {name: pivot + share * span for name, share in shares.items()}
    return tuple(_mark(name, price, close, atr) for name, price in prices.items())


def retracement(high: Array, low: Array, close: float, atr: float | None) -> Retracement | None:
    """Of the newest swing of three ATRs and more: from its end, a swing that holds its five bars each side, back to the
    farthest opposite swing since a swing beyond that end."""
    if atr is None or atr <= 0 or len(high) < 2 * WING + 1:
        return None
    high, low = high[-LOOK_BACK:], low[-LOOK_BACK:]
    tops, bottoms = _swings(high, low)
    ends = sorted([(i, 1, high.item(i)) for i in tops] + [(i, -1, low.item(i)) for i in bottoms], reverse=True)
    for place, (end, side, to) in enumerate(ends):
        start = _start(ends[place + 1 :], side, to)
        if start and abs(to - start[1]) >= SIGNIFICANT_ATR * atr:
            first, beginning = start
            marks = tuple(_mark(f"{share:g}", to - share * (to - beginning), close, atr) for share in SHARES)
            return Retracement(beginning, to, len(high) - 1 - first, len(high) - 1 - end, marks)
    return None


def _start(older: list[tuple[int, int, float]], side: int, to: float) -> tuple[int, float] | None:
    """The farthest of the opposite swings, newest first, that come before one beyond `to` on its own side."""
    farthest: tuple[int, float] | None = None
    for place, kind, price in older:
        if kind == side and price * side > to * side:
            break
        if kind != side and (farthest is None or price * side < farthest[1] * side):
            farthest = place, price
    return farthest


def _mark(kind: str, price: float, close: float, atr: float | None) -> Mark:
    return Mark(kind, price, (price - close) / atr if atr else None)
