"""Whether another venue saw what one venue tells, before money moves on it."""

from ...domain.market import Candles, Repair
from .candles import apart, replaced

# Venues differ in how far they follow a crash, not in whether there was one.
FOLLOWS = 0.5
AROUND = 1  # bars: what trades first on one venue trades a little later on another


def sharp(bars: Candles, before: float, limit_ratio: float) -> tuple[int, ...]:
    """Rows in which the price left the close before by more than the limit; `before`: the price before the first."""
    return tuple(
        row for row in range(len(bars)) if max(_moves(bars, row, row, before_of(bars, row, before))) > limit_ratio
    )


def confirms(other: Candles, bars: Candles, row: int, before: float, limit_ratio: float) -> bool | None:
    """Whether the other venue's prices around that time reach as far, or left the same price the same way at least half
    as far; None while it tells nothing of that time. `before`: the price before the row."""
    slot, span = bars.opened_ms[row], bars.timeframe.ms
    rows = [at for at, opened in enumerate(other.opened_ms) if abs(opened - slot) <= AROUND * span]
    if not rows or other.opened_ms[-1] < slot:
        return None
    low, high = min(other.low[at] for at in rows), max(other.high[at] for at in rows)
    if low <= bars.low[row] * (1 + limit_ratio) and high >= bars.high[row] / (1 + limit_ratio):
        return True
    earlier = [at for at, opened in enumerate(other.opened_ms) if opened < slot]
    if not earlier or apart(before, other.close[earlier[-1]]) > limit_ratio:
        return False
    down, up = _moves(bars, row, row, before)
    start = other.close[rows[0] - 1] if rows[0] else other.open[0]
    their_down, their_up = _moves(other, rows[0], rows[-1], start)
    return (down <= limit_ratio or their_down >= FOLLOWS * down) and (up <= limit_ratio or their_up >= FOLLOWS * up)


def without(bars: Candles, row: int, before: float, other: Candles) -> Candles:
    """That bar as the other venue tells it, and named, in its place; a bar that stands still where it tells none."""
    slot = bars.opened_ms[row]
    if slot in other.opened_ms:
        return replaced(bars, other, (Repair(slot, other.source, "not confirmed"),))
    column = [before]
    still = Candles(bars.symbol, bars.timeframe, other.source, [slot], column, column, column, column, [0.0])
    return replaced(bars, still, (Repair(slot, other.source, "not confirmed, nor traded"),))


def before_of(bars: Candles, row: int, first: float) -> float:
    """The price before a row; `first`: that before all of them."""
    return bars.close[row - 1] if row else first


def _moves(bars: Candles, first: int, last: int, before: float) -> tuple[float, float]:
    """How far down and how far up it went from the price before, as ratios."""
    return 1 - min(bars.low[first : last + 1]) / before, max(bars.high[first : last + 1]) / before - 1
