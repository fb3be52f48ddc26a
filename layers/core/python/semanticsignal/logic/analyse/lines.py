"""Shapes between two lines: triangles, wedges, channels, and flags and pennants on their poles."""

from collections.abc import Iterator, Sequence
from math import inf
from typing import NamedTuple

from ...domain.analysis import Pattern
from .swings import Swing
from .tail import Tail, share

SHORTEST = 15
# Shares of the width at the first swing: how flat is flat, how far a swing or a close may be off its line.
FLAT, OFF, BEYOND = 0.2, 0.12, 0.1
NARROWED, PARALLEL = 0.7, (0.75, 1.33)
FULL_WIDTH_ATR = 8.0
POLE_ATR, POLE_BARS, POLE_ATR_A_BAR = 5.0, 12, 0.5
REST_BARS = (5, 20)
DEEPEST = 0.5


class _Line(NamedTuple):
    start: float
    slope: float
    off: float

    def __call__(self, row: float) -> float:
        return self.start + self.slope * row


class _Pair(NamedTuple):
    """Rows are counted from the first swing. `width`: between the lines there; `narrowed`: of it at the last."""

    top: _Line
    bottom: _Line
    width: float
    narrowed: float
    span: int

    def tilts(self) -> tuple[float, float]:
        return self.top.slope * self.span / self.width, self.bottom.slope * self.span / self.width


def corridors(tail: Tail, swings: Sequence[Swing], within: int) -> list[Pattern]:
    """The one between the newest swings and, where a break has made new swings since, the one before."""
    for end in range(len(swings), max(4, len(swings) - 2), -1):
        for count in (6, 5):
            found = _corridor(tail, swings[end - count : end], within) if end >= count else None
            if found:
                return [found]
    return []


def _fit(at: Sequence[float], price: Sequence[float]) -> _Line:
    """Least squares; `off`: the farthest point from it."""
    count = len(at)
    mean_at, mean = sum(at) / count, sum(price) / count
    spread = sum((x - mean_at) ** 2 for x in at)
    slope = sum((x - mean_at) * (y - mean) for x, y in zip(at, price, strict=True)) / spread
    start = mean - slope * mean_at
    return _Line(start, slope, max(abs(start + slope * x - y) for x, y in zip(at, price, strict=True)))


def _pair(cut: Sequence[Swing]) -> _Pair | None:
    first, span = cut[0].at, cut[-1].at - cut[0].at
    if span < SHORTEST:
        return None
    highs, lows = [x for x in cut if x.is_high], [x for x in cut if not x.is_high]
    top = _fit([x.at - first for x in highs], [x.price for x in highs])
    bottom = _fit([x.at - first for x in lows], [x.price for x in lows])
    width, at_end = top(0) - bottom(0), top(span) - bottom(span)
    if not (width > 0 and at_end > 0) or max(top.off, bottom.off) > OFF * width:
        return None
    return _Pair(top, bottom, width, at_end / width, span)


def _corridor(tail: Tail, cut: Sequence[Swing], within: int) -> Pattern | None:
    pair = _pair(cut)
    named = _name(pair) if pair else None
    if not pair or not named:
        return None
    side, row = _break(tail, cut, pair)
    formed = max(row, cut[-1].known)
    if len(tail.close) - 1 - formed > within or _apex(pair) < len(tail.close) - 1 - cut[0].at:
        return None
    name, expected = named
    fit = 1 - max(pair.top.off, pair.bottom.off) / (OFF * pair.width)
    size = share(pair.width / tail.series["atr_14"][cut[-1].known], 0, FULL_WIDTH_ATR)
    touches = len(cut) / 6
    confidence = round(0.5 * max(0.0, fit) * touches + 0.3 * size + 0.2 * touches, 4)
    bars = tail.ago(*(x.at for x in cut), formed)
    return Pattern(name + (f"_break_{side}" if side else ""), confidence, bars, side or expected)


def _name(pair: _Pair) -> tuple[str, str] | None:
    """And where the books expect it to break."""
    top, bottom = pair.tilts()
    if pair.narrowed <= NARROWED:
        return _converging(top, bottom)
    if not PARALLEL[0] <= pair.narrowed <= PARALLEL[1]:
        return None
    if abs(top) <= FLAT and abs(bottom) <= FLAT:
        return "rectangle", "none"
    if min(top, bottom) > FLAT:
        return "rising_channel", "up"
    return ("falling_channel", "down") if max(top, bottom) < -FLAT else None


def _converging(top: float, bottom: float) -> tuple[str, str]:
    if abs(top) <= FLAT and bottom > FLAT:
        return "ascending_triangle", "up"
    if abs(bottom) <= FLAT and top < -FLAT:
        return "descending_triangle", "down"
    if top > 0 and bottom > 0:
        return "rising_wedge", "down"
    return ("falling_wedge", "up") if top < 0 and bottom < 0 else ("symmetrical_triangle", "none")


def _break(tail: Tail, cut: Sequence[Swing], pair: _Pair) -> tuple[str, int]:
    """The first close clear of a line after the last swing, or nothing and the swing's own row."""
    first, clear = cut[0].at, BEYOND * pair.width
    for row in range(cut[-1].at + 1, len(tail.close)):
        close = tail.close[row]
        if close > pair.top(row - first) + clear:
            return "up", row
        if close < pair.bottom(row - first) - clear:
            return "down", row
    return "", cut[-1].known


def _apex(pair: _Pair) -> float:
    """The row where the lines meet: beyond it they enclose nothing."""
    closing = pair.bottom.slope - pair.top.slope
    return pair.width / closing if closing > 0 and pair.narrowed <= NARROWED else inf


def flags(tail: Tail, swings: Sequence[Swing]) -> Iterator[Pattern]:
    """A steep leg and the short rest after it, while it lasts."""
    if not swings:
        return
    last, newest = swings[-1], len(tail.close) - 1
    values, which = (tail.low, min) if last.is_high else (tail.high, max)
    part = values[last.at + 1 :]
    growing = last.at + 1 + part.index(which(part)) if part else last.at
    poles = [(last.at, growing, not last.is_high)]
    if len(swings) > 1:
        poles.append((swings[-2].at, last.at, last.is_high))
    for start, end, is_up in poles:
        if REST_BARS[0] <= newest - end <= REST_BARS[1] and 0 < end - start <= POLE_BARS:
            found = _flag(tail, start, end, is_up)
            if found:
                yield found


def _flag(tail: Tail, start: int, end: int, is_up: bool) -> Pattern | None:
    atr = tail.series["atr_14"][start]
    high, low = (tail.high, tail.low) if is_up else ([-x for x in tail.low], [-x for x in tail.high])
    height = high[end] - low[start]
    if not atr > 0 or height < max(POLE_ATR, POLE_ATR_A_BAR * (end - start)) * atr:
        return None
    rows = range(len(high) - 1 - end)
    top, bottom = _fit(rows, high[end + 1 :]), _fit(rows, low[end + 1 :])
    width, at_end = top(0) - bottom(0), top(rows[-1]) - bottom(rows[-1])
    depth = (high[end] - min(low[end + 1 :])) / height
    # It rests: against the pole or along it, never on with it, and it gives back less than half.
    if depth > DEEPEST or not (width > 0 and at_end > 0) or bottom.slope * len(rows) > FLAT * height:
        return None
    word = "pennant" if at_end / width <= NARROWED and bottom.slope > 0 > top.slope else "flag"
    if word == "flag" and not (at_end / width <= 2 * PARALLEL[1] and top.slope <= 0):
        return None
    confidence = 0.5 * share(height / atr, 0, 2 * POLE_ATR) + 0.5 * (1 - max(0.0, depth) / DEEPEST)
    direction = "up" if is_up else "down"
    bars = tail.ago(start, end, len(high) - 1)
    return Pattern(f"{'bull' if is_up else 'bear'}_{word}", round(confidence, 4), bars, direction)


def structure(tail: Tail, swings: Sequence[Swing]) -> Iterator[Pattern]:
    """Dow's reading of the two newest highs and lows: both higher, both lower, spreading or narrowing."""
    if len(swings) < 4:
        return
    cut = swings[-4:]
    highs, lows = [x.price for x in cut if x.is_high], [x.price for x in cut if not x.is_high]
    atr = tail.series["atr_14"][cut[-1].known]
    up, down = (highs[1] - highs[0]) / atr, (lows[1] - lows[0]) / atr
    words = {
        (True, True): ("higher_highs_and_lows", "up"),
        (False, False): ("lower_highs_and_lows", "down"),
        (True, False): ("spreading_swings", "none"),
        (False, True): ("narrowing_swings", "none"),
    }
    name, direction = words[up > 0, down > 0]
    confidence = round(min(share(abs(up), 0, 2), share(abs(down), 0, 2)), 4)
    yield Pattern(name, confidence, tail.ago(*(x.at for x in cut), cut[-1].known), direction)
