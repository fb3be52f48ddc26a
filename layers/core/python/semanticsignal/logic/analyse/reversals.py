"""Tops and bottoms of two or three peaks, complete only when a close breaks the line below (or above) them."""

from collections.abc import Sequence
from typing import NamedTuple

from ...domain.analysis import Pattern
from .swings import Swing
from .tail import Tail, share

# All in shares of the height of the shape, so that any price and any volatility is judged alike.
UNLIKE = 0.25
HEAD_ABOVE, SHOULDER_ABOVE, NECK_TILT = 0.15, 0.3, 0.35
LONGEST_WAIT = 60
FULL_HEIGHT_ATR = 8.0


class _Peaks(NamedTuple):
    """Mirrored, so that a bottom is a top: `price` is negated there."""

    at: tuple[int, ...]
    price: tuple[float, ...]


class _Shape(NamedTuple):
    name: str
    height: float
    likeness: float
    neck: tuple[float, float]  # where the line to break begins, and its slope a bar
    begins: int


def reversals(tail: Tail, swings: Sequence[Swing], within: int) -> list[Pattern]:
    """Those broken in the last `within` bars. What a head and shoulders or three peaks explain, two peaks do not."""
    found: list[Pattern] = []
    for end in range(len(swings) - 1, max(2, len(swings) - 5), -1):
        last = swings[end]
        side = 1.0 if last.is_high else -1.0
        broken = [_broken(tail, swings, end, shape, within) for shape in _shapes(swings, end, side)]
        found += [pattern for pattern in broken if pattern][:1]
    return found


def _shapes(swings: Sequence[Swing], end: int, side: float) -> list[_Shape]:
    shapes = []
    for count, kinds in ((5, (_three, _head)), (3, (_two,))):
        if end < count:
            continue
        cut = swings[end - count : end + 1]
        peaks = _Peaks(tuple(x.at for x in cut), tuple(side * x.price for x in cut))
        shapes += [shape for shape in (kind(peaks) for kind in kinds) if shape]
    return shapes


def _two(peaks: _Peaks) -> _Shape | None:
    before, first, valley, second = peaks.price
    height = (first + second) / 2 - valley
    # A reversal needs something to reverse: the way up to it began below its own valley.
    if height <= 0 or before > valley or abs(first - second) > UNLIKE * height:
        return None
    alike = 1 - abs(first - second) / (UNLIKE * height)
    return _Shape("double", height, (alike + _evenly(peaks.at[1:])) / 2, (valley, 0.0), peaks.at[2])


def _three(peaks: _Peaks) -> _Shape | None:
    before, first, left, second, right, third = peaks.price
    tops, valley = (first, second, third), min(left, right)
    height = sum(tops) / 3 - valley
    spread = max(tops) - min(tops)
    if height <= 0 or before > valley or spread > UNLIKE * height or abs(left - right) > 2 * UNLIKE * height:
        return None
    alike = 1 - spread / (UNLIKE * height)
    return _Shape("triple", height, (alike + _evenly(peaks.at[1:])) / 2, (valley, 0.0), peaks.at[2])


def _head(peaks: _Peaks) -> _Shape | None:
    before, left, neck_left, head, neck_right, right = peaks.price
    slope = (neck_right - neck_left) / (peaks.at[4] - peaks.at[2])
    height = head - (neck_left + slope * (peaks.at[3] - peaks.at[2]))
    if height <= 0 or before > min(neck_left, neck_right) or head - max(left, right) < HEAD_ABOVE * height:
        return None
    if min(left, right) - max(neck_left, neck_right) < SHOULDER_ABOVE * height:
        return None
    if abs(left - right) > UNLIKE * height or abs(neck_left - neck_right) > NECK_TILT * height:
        return None
    alike = 1 - abs(left - right) / (UNLIKE * height)
    level = 1 - abs(neck_left - neck_right) / (NECK_TILT * height)
    return _Shape("head", height, (alike + level + _evenly(peaks.at[1:])) / 3, (neck_left, slope), peaks.at[2])


def _evenly(at: tuple[int, ...]) -> float:
    """How alike the halves are in time: the shorter to the longer."""
    middle = at[len(at) // 2]
    halves = (middle - at[0], at[-1] - middle)
    return min(halves) / max(1, *halves)


NAMES = {
    ("double", True): "double_top",
    ("double", False): "double_bottom",
    ("triple", True): "triple_top",
    ("triple", False): "triple_bottom",
    ("head", True): "head_and_shoulders",
    ("head", False): "inverse_head_and_shoulders",
}


def _broken(tail: Tail, swings: Sequence[Swing], end: int, shape: _Shape, within: int) -> Pattern | None:
    """The first close beyond the neck after the last peak, and before a further peak grew in its place."""
    last, side = swings[end], 1.0 if swings[end].is_high else -1.0
    stop = swings[end + 2].at if end + 2 < len(swings) else len(tail.close)
    stop = min(stop, last.at + LONGEST_WAIT)
    price, slope = shape.neck
    for row in range(last.at + 1, stop):
        if side * tail.close[row] < price + slope * (row - shape.begins):
            break
    else:
        return None
    row = max(row, last.known)
    # Known far below the neck already, or long ago: nothing is left of it.
    if len(tail.close) - 1 - row > within:
        return None
    size = share(shape.height / tail.series["atr_14"][row], 0, FULL_HEIGHT_ATR)
    count = 3 if shape.name == "double" else 5
    rows = [x.at for x in swings[end - count + 1 : end + 1]]
    confidence = round(0.6 * max(0.0, shape.likeness) + 0.4 * size, 4)
    return Pattern(NAMES[shape.name, last.is_high], confidence, tail.ago(*rows, row), "down" if side > 0 else "up")
