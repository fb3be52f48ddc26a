"""Trending, ranging or volatile; bull, bear or neutral: with the numbers that say so.

Each verdict is entered at one edge and left at another, further back, so that a figure that trembles at an edge does
not turn the regime at every bar. It hangs on the bars alone, not on what was said before: on which edge was passed
last."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ...domain.analysis import Phase, Regime, Trend
from .volatility import rank_ratio

Array = NDArray[np.float64]
# Wilder's 25 begins a trend, his 20 ends it. A volatile market begins in the top tenth of its ATRs, ends below 0.8.
ADX_IN, ADX_OUT = 25.0, 20.0
RANK_IN, RANK_OUT, RANK_BARS = 0.9, 0.8, 540
# A vote turns when the gap has reached so much on the other side: ATRs between prices, points between DIs. In between
# the one may stand on the other's side again: what is told is when it went, not where it is.
GAP_ATR, GAP_DI = 0.25, 2.0
# How far back a rank that stands between its edges is followed; each costs a comparison with 540 others.
FOLLOWED = 60
Turned = tuple[int, int]
NEVER: Turned = (0, 0)


def regime(series: Mapping[str, Array], close: Array) -> Regime:
    """Of the newest bar. A trend needs two of three votes: close over SMA 200, SMA 50 over SMA 200, +DI over -DI.
    `series`: indicators by name, as long as the closes."""
    atr = series["atr_14"]
    votes, evidence = [], []
    for above, left, below, right, gap in (
        ("close", close, "sma_200", series["sma_200"], GAP_ATR * atr),
        ("sma_50", series["sma_50"], "sma_200", series["sma_200"], GAP_ATR * atr),
        ("+DI", series["plus_di_14"], "-DI", series["minus_di_14"], GAP_DI),
    ):
        side, bars = _side(left - right, gap)
        if side:
            votes.append(side)
            evidence.append(f"{above} went {'above' if side > 0 else 'below'} {below} {bars - 1} bars ago")
    total = sum(votes)
    trend = Trend.NEUTRAL if len(votes) < 2 or total == 0 else Trend.BULL if total > 0 else Trend.BEAR
    phase, why = _phase(series["adx_14"], series["atr_ratio"])
    return Regime(trend, phase, (*evidence, *why))


def _side(gap: Array, reach: Array | float) -> Turned:
    """1 or -1, whichever edge was passed last, and how many bars that side has held, the newest among them; 0 as long
    as neither was."""
    return _turned(gap >= reach, gap <= -reach) if len(gap) else NEVER


def _turned(enters: NDArray[np.bool_], leaves: NDArray[np.bool_]) -> Turned:
    """Whether it was entered (1) or left (-1) last, and for how many bars it has been so."""
    size = len(enters)
    inside, outside = _last(enters), _last(leaves)
    if inside == outside:
        return NEVER  # neither: where the edges are apart both cannot be
    is_in = inside > outside
    turn, other = (enters, outside) if is_in else (leaves, inside)
    return (1 if is_in else -1), size - (other + 1 + int(turn[other + 1 :].argmax()))


def _last(flags: NDArray[np.bool_]) -> int:
    """Its newest place; -1 where there is none."""
    return len(flags) - 1 - int(flags[::-1].argmax()) if flags.any() else -1


def _phase(adx: Array, atr_ratio: Array) -> tuple[Phase, tuple[str, ...]]:
    is_trending, bars = _turned(adx >= ADX_IN, adx < ADX_OUT)
    now = adx.item(-1) if len(adx) else float("nan")
    why = () if np.isnan(now) else (f"ADX {now:.1f}",)
    if is_trending == 1:
        return Phase.TRENDING, (*why, f"trending for {bars} bars, until ADX falls below {ADX_OUT:g}")
    rank, is_wild = _wild(atr_ratio)
    if is_wild:
        return Phase.VOLATILE, (*why, f"ATR rank {rank:.2f}, volatile until it falls below {RANK_OUT:g}")
    return Phase.RANGING, why


def _wild(atr_ratio: Array) -> tuple[float | None, bool]:
    """Rank of the newest ATR among its last 540, and whether the edge passed last was the upper one."""
    newest = rank = rank_ratio(atr_ratio, RANK_BARS)
    for back in range(1, FOLLOWED + 1):
        if rank is None or not RANK_OUT <= rank < RANK_IN:
            break
        rank = rank_ratio(atr_ratio[:-back], RANK_BARS)
    return newest, rank is not None and rank >= RANK_IN
