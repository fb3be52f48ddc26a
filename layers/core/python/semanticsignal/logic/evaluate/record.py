"""Closed trades → figures. Computed here and nowhere else; undefined is None, never 0. Without numpy: every function
loads this with the table of stages."""

from collections.abc import Sequence
from decimal import Decimal
from math import fsum

from ...domain.trading import ZERO, Record, Trade


def record(trades: Sequence[Trade]) -> Record | None:
    """None while nothing has closed."""
    if not trades:
        return None
    return Record(
        trades=len(trades),
        wins=sum(t.is_win for t in trades),
        net_quote=sum((t.realized_pnl_quote for t in trades), ZERO),
        profit_factor=profit_factor(trades),
        expectancy_quote=expectancy_quote(trades),
        mean_r=mean_r(trades),
    )


def win_rate_ratio(trades: Sequence[Trade]) -> float | None:
    """Share of trades that made money after fees and funding."""
    return sum(t.is_win for t in trades) / len(trades) if trades else None


def profit_factor(trades: Sequence[Trade]) -> float | None:
    """Net gains over net losses; None while nothing was lost: it would be infinite."""
    gained = sum((t.realized_pnl_quote for t in trades if t.is_win), ZERO)
    lost = -sum((t.realized_pnl_quote for t in trades if not t.is_win), ZERO)
    return float(gained / lost) if lost > 0 else None


def expectancy_quote(trades: Sequence[Trade]) -> Decimal | None:
    """Mean net result of a trade."""
    return sum((t.realized_pnl_quote for t in trades), ZERO) / len(trades) if trades else None


def mean_r(trades: Sequence[Trade]) -> float | None:
    multiples = [t.r_multiple for t in trades if t.r_multiple is not None]
    return fsum(multiples) / len(multiples) if multiples else None
