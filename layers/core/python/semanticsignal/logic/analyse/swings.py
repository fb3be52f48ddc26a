"""Swings: the highs and lows between which a price travels, each known only once the price has turned from it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .tail import Tail

# Two average ranges: less is the noise inside a leg, much more leaves no swing within a month of 4h bars.
REACH_ATR = 2.0


class Swing(NamedTuple):
    """`at`: the row of the extreme. `known`: the row whose close had turned far enough; before it nobody could know."""

    at: int
    price: float
    is_high: bool
    known: int


def swings(tail: Tail) -> list[Swing]:
    """Zigzag by average true range, oldest first, highs and lows in turn."""
    reach = [REACH_ATR * width for width in tail.series["atr_14"]]
    return zigzag(tail.high, tail.low, tail.close, reach)


def zigzag(high: Sequence[float], low: Sequence[float], close: Sequence[float], reach: Sequence[float]) -> list[Swing]:
    """A high is a swing when a later close is `reach` below it, a low when one is `reach` above. Causal: a bar that
    comes changes no swing that was known. Of equal extremes the first counts. The first turn is left out: its extreme
    may lie before the first row."""
    found: list[Swing] = []
    is_rising, at = True, 0
    for row, (top, bottom, last, far) in enumerate(zip(high, low, close, reach, strict=True)):
        if not far > 0:  # not known yet, or a market that never moved
            at = row
        elif is_rising:
            if top > high[at]:
                at = row
            if last <= high[at] - far:
                found.append(Swing(at, high[at], True, row))
                is_rising, at = False, _extreme(low, at, row, min)
        else:
            if bottom < low[at]:
                at = row
            if last >= low[at] + far:
                found.append(Swing(at, low[at], False, row))
                is_rising, at = True, _extreme(high, at, row, max)
    return found[1:]


def _extreme(values: Sequence[float], turned: int, row: int, which: Callable[[Sequence[float]], float]) -> int:
    """Where the new leg stands already: its extreme since the turn, which the turn's own bar cannot be but alone."""
    start = min(turned + 1, row)
    part = values[start : row + 1]
    return start + part.index(which(part))
