"""Marked equity → figures. Computed here and nowhere else; undefined is None, never 0."""

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def returns(equity: Array) -> Array:
    """Simple returns from mark to mark."""
    return np.diff(equity) / equity[:-1] if len(equity) > 1 else np.empty(0)


def sharpe_annualized(equity: Array, bars_per_year: float) -> float | None:
    """Mean over sample deviation of the marked returns, times √(bars a year); risk-free rate 0 (Sharpe 1994)."""
    changes = returns(equity)
    if len(changes) < 2:
        return None
    mean, deviation = float(np.mean(changes)), float(np.std(changes, ddof=1))
    # Returns that never vary leave a deviation of rounding errors: no ratio can be made of that.
    return mean / deviation * sqrt(bars_per_year) if deviation > 1e-9 * abs(mean) else None


def sortino_annualized(equity: Array, bars_per_year: float) -> float | None:
    """Mean over downside deviation against 0, all bars counted (Sortino and Price 1994); None with no loss."""
    changes = returns(equity)
    if len(changes) < 2:
        return None
    downside = float(np.sqrt(np.mean(np.minimum(changes, 0.0) ** 2)))
    return float(np.mean(changes)) / downside * sqrt(bars_per_year) if downside > 0 else None


def max_drawdown_ratio(equity: Array, start: float) -> float | None:
    """Largest fall from a peak, as a share of it, 0…1, the money of the start being the first peak; None without a
    mark."""
    if not len(equity):
        return None
    peaks = np.maximum(np.maximum.accumulate(equity), start)
    return float(np.max((peaks - equity) / peaks))


def deepest_fall(equity: Array) -> tuple[int, int]:
    """Rows of the peak and of the lowest mark after it of the largest fall, among marks alone. Raises ValueError
    without one."""
    peaks = np.maximum.accumulate(equity)
    low = int(np.argmax((peaks - equity) / peaks))
    return int(np.argmax(equity[: low + 1])), low


def exposure_ratio(in_market: Sequence[bool]) -> float | None:
    """Share of marks at which something was open."""
    return sum(in_market) / len(in_market) if in_market else None
