"""Whether another venue saw what one venue tells, before money moves on it."""

from ...domain.market import Candles, Repair
from .candles import apart, replaced

# Venues differ in how far they follow a crash, not in whether there was one.
FOLLOWS = 0.5
AROUND = 1  # bars: what trades first on one venue trades a little later on another


def sharp(bars: Candles, limit_ratio: float) -> tuple[int, ...]:
    """Rows in which the price left the close before by more than the limit."""
    return tuple(row for row in range(len(bars)) if max(_moves(bars, row, row)) > limit_ratio)


def confirms(other: Candles, bars: Candles, row: int, limit_ratio: float) -> bool | None:
    """Whether the other venue moved the same way at that time, at least half as far, from about the same price; None
    while it tells nothing of that time."""
    start = bars.opened_ms[row] - AROUND * bars.timeframe.ms
    end = bars.opened_ms[row] + AROUND * bars.timeframe.ms
    rows = [at for at, opened in enumerate(other.opened_ms) if start <= opened <= end]
    if not rows or other.opened_ms[-1] < bars.opened_ms[row]:
        return None
    if apart(_before(bars, row), _before(other, rows[0])) > limit_ratio:
        return False
    down, up = _moves(bars, row, row)
    their_down, their_up = _moves(other, rows[0], rows[-1])
    return (down <= limit_ratio or their_down >= FOLLOWS * down) and (up <= limit_ratio or their_up >= FOLLOWS * up)


def without(bars: Candles, row: int, other: Candles) -> Candles:
    """That bar as the other venue tells it, and named, in its place; a bar that does not move where it tells none."""
    slot = bars.opened_ms[row]
    repair = (Repair(slot, other.source, "not confirmed"),)
    if slot in other.opened_ms:
        return replaced(bars, other, repair)
    price = _before(bars, row)
    column = [price]
    still = Candles(bars.symbol, bars.timeframe, other.source, [slot], column, column, column, column, [0.0])
    return replaced(bars, still, repair)


def _before(bars: Candles, row: int) -> float:
    return bars.close[row - 1] if row else bars.open[0]


def _moves(bars: Candles, first: int, last: int) -> tuple[float, float]:
    """How far down and how far up it went from the close before, as ratios."""
    before = _before(bars, first)
    return 1 - min(bars.low[first : last + 1]) / before, max(bars.high[first : last + 1]) / before - 1
