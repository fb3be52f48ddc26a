"""Shapes of one to three bars: TA-Lib's where they need no gap, with the move before them that their books ask for.

A market that never closes opens where it closed: what TA-Lib defines by a gap is defined here without."""

from collections.abc import Callable
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
import talib
from numpy.typing import NDArray

from ...domain.analysis import Pattern
from .tail import Tail, share

Array = NDArray[np.float64]
# 0 where nothing is, else the sign; TA-Lib tells it in whole numbers
Find = Callable[[Array, Array, Array, Array], NDArray[Any]]
# TA-Lib weighs a body against the ten before it and looks at three bars; so do the shapes of this file.
BARS = 20
MOVE_BARS, MOVE_ATR = 5, 1.0
FULL_SIZE_ATR = 2.0


class _Shape(NamedTuple):
    """`up`, `down`: the name for each sign found, "" for a sign that is left out. `is_turn`: it needs a move to end.
    `is_mirrored`: looked for upside down, as a shooting star is a hammer seen in a mirror."""

    find: Find
    up: str
    down: str
    bars: int
    is_turn: bool = True
    is_mirrored: bool = False


def candlesticks(tail: Tail, within: int) -> list[Pattern]:
    """Those whose last bar is one of the newest `within` + 1."""
    if len(tail.close) < BARS:
        return []
    columns = [np.array(values[-BARS:]) for values in (tail.open, tail.high, tail.low, tail.close)]
    mirrored, found = _mirrored(columns), []
    is_moved = any(abs(_moved(tail, ago)) >= MOVE_ATR for ago in range(1, within + 4))
    for shape in SHAPES if is_moved else MARCHES:
        signs = shape.find(*(mirrored if shape.is_mirrored else columns))[-within - 1 :].tolist()
        for bars_ago, sign in enumerate(reversed(signs)):
            if sign:
                found.append(_pattern(tail, shape, (sign > 0) != shape.is_mirrored, bars_ago))
    return [pattern for pattern in found if pattern]


def _pattern(tail: Tail, shape: _Shape, is_up: bool, bars_ago: int) -> Pattern | None:
    name = shape.up if is_up else shape.down
    last = len(tail.close) - 1 - bars_ago
    first = last - shape.bars + 1
    atr = tail.series["atr_14"][last]
    if not (name and atr > 0):
        return None
    moved = _moved(tail, bars_ago + shape.bars)
    against = abs(moved) if name == "doji" else -moved if is_up else moved
    if shape.is_turn and against < MOVE_ATR:
        return None
    size = (max(tail.high[first : last + 1]) - min(tail.low[first : last + 1])) / atr / sqrt(shape.bars)
    confidence = 0.6 * share(size, 0, FULL_SIZE_ATR) + 0.4 * (share(against, 0, 4) if shape.is_turn else 1)
    direction = "none" if name == "doji" else "up" if is_up else "down"
    return Pattern(name, round(confidence, 4), tuple(range(bars_ago + shape.bars - 1, bars_ago - 1, -1)), direction)


def _moved(tail: Tail, ago: int) -> float:
    """How far the closes had gone, in ATR, up to the one `ago` bars before the newest: what a shape may turn."""
    atr = tail.series["atr_14"][-1 - ago]
    return (tail.close[-1 - ago] - tail.close[-1 - ago - MOVE_BARS]) / atr if atr > 0 else 0.0


def _mirrored(columns: list[Array]) -> list[Array]:
    """Prices upside down, and above zero still."""
    opened, high, low, close = columns
    mirror = high.max() + low.min()
    return [mirror - opened, mirror - low, mirror - high, mirror - close]


def _star(opened: Array, high: Array, low: Array, close: Array) -> Array:
    """A long body, a small one, and a body that takes back more than half of the first (Nison, without his gaps)."""
    body, usual = close - opened, _usual(opened, close, 2)
    first, second, third = body[:-2], body[1:-1], body[2:]
    size = np.abs(first)
    is_star = (size > usual) & (np.abs(second) < size / 3) & (-third * np.sign(first) > size / 2)
    return np.where(is_star, np.sign(third), 0)


def _march(opened: Array, high: Array, low: Array, close: Array) -> Array:
    """Three bodies one way, none of them small, each closing near the end of its bar (Nison)."""
    body, reach = close - opened, high - low
    side = np.sign(body)
    edge = np.where(side > 0, high - close, close - low)
    is_firm = (edge <= 0.25 * reach) & (np.abs(body) > 0)
    usual = _usual(opened, close, 2)
    same = (side[2:] == side[1:-1]) & (side[1:-1] == side[:-2]) & is_firm[2:] & is_firm[1:-1] & is_firm[:-2]
    least = np.minimum(np.minimum(np.abs(body[2:]), np.abs(body[1:-1])), np.abs(body[:-2]))
    return np.where(same & (least > 0.75 * usual), side[2:], 0)


def _usual(opened: Array, close: Array, before: int) -> Array:
    """For each bar from the third on: the mean body of up to ten bars before its shape, infinite without any ten."""
    bodies = np.abs(close - opened)
    sums = np.concatenate(([0.0], np.cumsum(bodies)))
    usual = np.full(len(bodies) - before, np.inf)
    usual[10:] = (sums[10 : -before - 1] - sums[: -before - 11]) / 10
    return usual


SHAPES = (
    _Shape(talib.CDLENGULFING, "bullish_engulfing", "bearish_engulfing", 2),
    _Shape(talib.CDLHARAMI, "bullish_harami", "bearish_harami", 2),
    _Shape(talib.CDLHAMMER, "hammer", "", 1),
    _Shape(talib.CDLHAMMER, "", "shooting_star", 1, is_mirrored=True),
    _Shape(talib.CDLHANGINGMAN, "", "hanging_man", 1),
    _Shape(talib.CDLHANGINGMAN, "inverted_hammer", "", 1, is_mirrored=True),
    _Shape(talib.CDLDRAGONFLYDOJI, "dragonfly_doji", "", 1),
    _Shape(talib.CDLDRAGONFLYDOJI, "", "gravestone_doji", 1, is_mirrored=True),
    _Shape(talib.CDLDOJI, "doji", "", 1),
    _Shape(_star, "morning_star", "evening_star", 3),
    _Shape(talib.CDL3INSIDE, "three_inside_up", "three_inside_down", 3),
    _Shape(_march, "three_white_soldiers", "three_black_crows", 3, is_turn=False),
    _Shape(talib.CDLMARUBOZU, "bullish_marubozu", "bearish_marubozu", 1, is_turn=False),
)
MARCHES = tuple(shape for shape in SHAPES if not shape.is_turn)
