"""Marked equity → its figures with how sure each is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt

import numpy as np

from ...domain.luck import Estimate
from ...domain.odds import Z
from . import benchmark, intervals, statistics
from .luck import NOTHING, ends

LO = "Lo (2002) and Mertens (2002), with autocorrelation"
GROWTH = "difference in growth to a holding that pays no funding, with autocorrelation (Newey and West 1987)"
TOO_SHORT = f"it needs {intervals.LEAST_MARKS} marks of equity that move"


@dataclass(frozen=True, slots=True)
class Marks:
    """Equity at each mark, beside what holding would be worth as far as its price is known; both began with `start`."""

    start: float
    at: tuple[datetime, ...]
    equity: tuple[float, ...]
    held: benchmark.Held


def of_marks(marks: Marks, bars_per_year: float) -> tuple[Estimate, ...]:
    curve, n = np.array(marks.equity), len(marks.equity)
    return (
        _sharpe(curve.tolist(), statistics.sharpe_annualized(curve, bars_per_year), bars_per_year),
        _drawdown(statistics.max_drawdown_ratio(curve, marks.start), n),
        _against_hold(marks),
    )


def _sharpe(curve: Sequence[float], shown: float | None, bars_per_year: float) -> Estimate:
    changes = statistics.returns(np.array(curve)).tolist()
    ratio = intervals.sharpe(changes) if shown is not None else None
    if ratio is None or shown is None:
        return Estimate("sharpe", shown, *NOTHING, "marks", len(curve), None, None, LO, TOO_SHORT)
    half = Z * ratio.error * sqrt(bars_per_year)
    return Estimate("sharpe", shown, shown - half, shown + half, "marks", len(curve), None, ratio.needed, LO, None)


def _drawdown(fall: float | None, n: int) -> Estimate:
    why = "equity was not marked yet" if fall is None else "the worst so far can only grow"
    return Estimate("max_drawdown", fall, *NOTHING, "marks", n, None, None, "as it was", why)


def _against_hold(marks: Marks) -> Estimate:
    held = [marks.start, *map(float, marks.held.values_quote)]
    own = [marks.start, *marks.equity][: len(held)]  # both end at the same instant
    n = len(own) - 1
    known = intervals.ahead_of(own, held) if marks.held.quantities else None
    if known is None:
        why = "no close of a traded pair was seen yet"
        return Estimate("against_hold", None, *NOTHING, "marks", n, None, None, GROWTH, why)
    gone, between = known
    return Estimate(
        "against_hold", gone, *ends(between), "marks", n, None, None, GROWTH, None if between else TOO_SHORT
    )
