"""Position + finest bars → the first touch of stop or target, or nothing.

Stop and target are resting orders. A gap past one fills at the open; a stop is touched, a target must be traded
through; where one finest bar holds both, the stop counts and the trade is flagged."""

from decimal import Decimal

from ...domain.market import Candles, Timeframe, epoch_ms, exact, instant
from ...domain.trading import ExitReason, Levels, Position, Side, Touch

# Up to this length a bar may be one wrong trade; a longer one holds too many to be one.
WRONG_PRINT = Timeframe.M15


def first_touch(position: Position, bars: Candles, band_ratio: float) -> Touch | None:
    """`bars`: opened at or after entry, oldest first. What is not believed touches nothing."""
    now = Levels(position.stop_from, position.stop_price, position.target_price)
    moved_ms = epoch_ms(position.stop_from)
    for row in believed(position, bars, band_ratio):
        opened = bars.opened_ms[row]
        levels = now if opened >= moved_ms else position.levels_at(instant(opened))
        if levels and _may_touch(position.side, bars, row, (levels.stop_price, levels.target_price)):
            touch = _touch(position.side, bars, row, (levels.stop_price, levels.target_price))
            if touch:
                return touch
    return None


def believed(position: Position, bars: Candles, band_ratio: float) -> list[int]:
    """Rows since the entry that may move money. A short bar outside the band around the last believed price waits until
    the next one opens near where it ended: one wrong print is not a market."""
    since, last = epoch_ms(position.opened_at), float(position.mark_price)
    is_short = bars.timeframe.ms <= WRONG_PRINT.ms
    doubted: float | None = None
    rows: list[int] = []
    for row in range(len(bars)):
        if bars.opened_ms[row] < since:
            continue
        is_confirmed = doubted is not None and _near(bars.open[row], doubted, band_ratio)
        if is_short and not is_confirmed and _is_wild(bars, row, last, band_ratio):
            doubted = bars.close[row]
            continue
        last, doubted = bars.close[row], None
        rows.append(row)
    return rows


def _may_touch(side: Side, bars: Candles, row: int, levels: tuple[Decimal | None, Decimal | None]) -> bool:
    """In floats, for speed: order is kept from decimal to float, so this can only let too many through."""
    below, above = levels if side is Side.LONG else levels[::-1]
    return (below is not None and bars.low[row] <= float(below)) or (
        above is not None and bars.high[row] >= float(above)
    )


def _touch(side: Side, bars: Candles, row: int, levels: tuple[Decimal | None, Decimal | None]) -> Touch | None:
    stop, target = levels
    opened = exact(bars.open[row])
    at, last = instant(bars.opened_ms[row]), instant(bars.opened_ms[row] + bars.timeframe.ms - 1)
    high, low = exact(bars.high[row]), exact(bars.low[row])
    worst, best = (low, high) if side is Side.LONG else (high, low)
    sign = side.sign
    if stop is not None and (opened - stop) * sign <= 0:
        return Touch(at, opened, ExitReason.STOP, False)
    if target is not None and (opened - target) * sign > 0:
        return Touch(at, opened, ExitReason.TARGET, False)
    stopped = stop is not None and (worst - stop) * sign <= 0
    reached = target is not None and (best - target) * sign > 0
    if stop is not None and stopped:
        return Touch(last, stop, ExitReason.STOP, reached)
    if target is not None and reached:
        return Touch(last, target, ExitReason.TARGET, False)
    return None


def _is_wild(bars: Candles, row: int, believed: float, band_ratio: float) -> bool:
    return not (_near(bars.low[row], believed, band_ratio) and _near(bars.high[row], believed, band_ratio))


def _near(price: float, other: float, band_ratio: float) -> bool:
    return other / (1 + band_ratio) <= price <= other * (1 + band_ratio)
