"""Prices that mattered: swing highs and lows, clustered."""

from math import fsum

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ...domain.analysis import Level

Array = NDArray[np.float64]
WING = 5
LOOK_BACK = 180


def levels(high: Array, low: Array, close: float, atr: float | None, count: int = 3) -> tuple[Level, ...]:
    """At most `count` supports below and resistances above the close, nearest first.

    A swing is the extreme of itself and five bars each side, so the newest five bars hold none yet. Swings
    within half an ATR of each other are one level, at their mean."""
    if atr is None or atr <= 0 or len(high) < 2 * WING + 1:
        return ()
    high, low = high[-LOOK_BACK:], low[-LOOK_BACK:]
    width = 2 * WING + 1
    # The first bar of a plateau stands for it: a market that does not move has no swings.
    inner, before = slice(WING, -WING), slice(WING - 1, -WING - 1)
    is_top = (sliding_window_view(high, width).max(axis=1) == high[inner]) & (high[inner] > high[before])
    is_bottom = (sliding_window_view(low, width).min(axis=1) == low[inner]) & (low[inner] < low[before])
    tops, bottoms = np.flatnonzero(is_top) + WING, np.flatnonzero(is_bottom) + WING
    swings = sorted([(float(high[i]), int(i)) for i in tops] + [(float(low[i]), int(i)) for i in bottoms])
    found = [_level(cluster, close, len(high)) for cluster in _clusters(swings, atr / 2)]
    supports = sorted((x for x in found if x.kind == "support"), key=lambda x: -x.price)[:count]
    resistances = sorted((x for x in found if x.kind == "resistance"), key=lambda x: x.price)[:count]
    return (*supports, *resistances)


def _clusters(swings: list[tuple[float, int]], reach: float) -> list[list[tuple[float, int]]]:
    clusters: list[list[tuple[float, int]]] = []
    for swing in swings:
        if clusters and swing[0] - clusters[-1][0][0] <= reach:
            clusters[-1].append(swing)
        else:
            clusters.append([swing])
    return clusters


def _level(cluster: list[tuple[float, int]], close: float, bars: int) -> Level:
    price = fsum(p for p, _ in cluster) / len(cluster)
    newest = max(i for _, i in cluster)
    return Level("support" if price <= close else "resistance", price, len(cluster), bars - 1 - newest)
