"""The figures of a ledger with how sure they are: what evaluates, put into what is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt

import numpy as np

from ..domain.odds import Interval, Z, independent, wilson
from ..domain.trading import Trade
from ..logic.evaluate import benchmark, intervals
from ..logic.reflect import record, statistics
from ..logic.show.intervals import EstimateView, Name

BLOCKS, LO = "stationary block bootstrap", "Lo (2002) and Mertens (2002), with autocorrelation"
GROWTH = "difference in growth, with autocorrelation (Newey and West 1987)"
TOO_FEW = f"an interval needs {intervals.LEAST} independent trades"
ONE_SIDED = "it needs a trade that won and one that lost: how large the other kind is was not seen yet"
TOO_SHORT = f"it needs {intervals.LEAST_MARKS} marks of equity that move"
NOTHING = (None, None)
OF_TRADES: tuple[Name, ...] = ("win_rate", "mean_r", "expectancy", "profit_factor")


@dataclass(frozen=True, slots=True)
class Marks:
    """Equity beside what holding would be worth, at each mark; both began with `start`."""

    start: float
    at: tuple[datetime, ...]
    equity: tuple[float, ...]
    held: benchmark.Held


def of_trades(trades: Sequence[Trade]) -> tuple[EstimateView, ...]:
    n = len(trades)
    if not n:
        why = "no trade has closed yet"
        return tuple(EstimateView(name, None, *NOTHING, "trades", 0, 0.0, None, "", why) for name in OF_TRADES)
    effective = _effective(trades)
    wins = sum(t.is_win for t in trades)
    between = wilson(wins / n * effective, effective)
    rate = record.win_rate_ratio(trades)
    money, factor = _in_money(trades, effective)
    return (
        EstimateView("win_rate", rate, *between, "trades", n, effective, None, "Wilson (1927)", None),
        _in_r(trades), money, factor,
    )  # fmt: skip


def _ends(of: Interval | None) -> tuple[float | None, float | None]:
    return of or NOTHING


def _effective(trades: Sequence[Trade]) -> float:
    return independent([(t.opened_at, t.closed_at) for t in trades])


def _in_r(trades: Sequence[Trade]) -> EstimateView:
    """Of the trades that had a stop to measure them by."""
    multiples = [t.r_multiple for t in trades if t.r_multiple is not None]
    n, effective = len(multiples), _effective([t for t in trades if t.r_multiple is not None])
    between = intervals.of_results(multiples, effective)[0]
    why = "no trade had a stop to measure it by" if not multiples else None if between else _why_none(effective)
    return EstimateView("mean_r", record.mean_r(trades), *_ends(between), "trades", n, effective, None, BLOCKS, why)


def _in_money(trades: Sequence[Trade], effective: float) -> tuple[EstimateView, EstimateView]:
    n = len(trades)
    mean, ratio = intervals.of_results([float(t.realized_pnl_quote) for t in trades], effective)
    expectancy, profit_factor = record.expectancy_quote(trades), record.profit_factor(trades)
    none = None if mean else _why_none(effective)
    endless = none or (None if ratio else "so few trades lost that by chance none might have: it has no upper end")
    return (
        EstimateView(
            "expectancy", None if expectancy is None else float(expectancy), *_ends(mean),
            "trades", n, effective, None, BLOCKS, none,
        ),
        EstimateView(
            "profit_factor", profit_factor, *_ends(ratio), "trades", n, effective, None, BLOCKS,
            "no trade has lost yet, so it has no end" if profit_factor is None else endless,
        ),
    )  # fmt: skip


def _why_none(effective: float) -> str:
    return TOO_FEW if effective < intervals.LEAST else ONE_SIDED


def of_marks(marks: Marks, bars_per_year: float) -> tuple[EstimateView, ...]:
    curve, n = np.array(marks.equity), len(marks.equity)
    return (
        _sharpe(curve.tolist(), statistics.sharpe_annualized(curve, bars_per_year), bars_per_year),
        _drawdown(statistics.max_drawdown_ratio(curve, marks.start), n),
        _against_hold(marks),
    )


def _sharpe(curve: Sequence[float], shown: float | None, bars_per_year: float) -> EstimateView:
    changes = statistics.returns(np.array(curve)).tolist()
    ratio = intervals.sharpe(changes) if shown is not None else None
    if ratio is None or shown is None:
        return EstimateView("sharpe", shown, *NOTHING, "marks", len(curve), None, None, LO, TOO_SHORT)
    half = Z * ratio.error * sqrt(bars_per_year)
    return EstimateView("sharpe", shown, shown - half, shown + half, "marks", len(curve), None, ratio.needed, LO, None)


def _drawdown(fall: float | None, n: int) -> EstimateView:
    why = "equity was not marked yet" if fall is None else "the worst so far can only grow"
    return EstimateView("max_drawdown", fall, *NOTHING, "marks", n, None, None, "as it was", why)


def _against_hold(marks: Marks) -> EstimateView:
    n = len(marks.equity)
    held = [marks.start, *map(float, marks.held.values_quote)]
    known = intervals.ahead_of([marks.start, *marks.equity], held) if marks.held.quantities else None
    if known is None:
        why = "no close of a traded pair was seen yet"
        return EstimateView("against_hold", None, *NOTHING, "marks", n, None, None, GROWTH, why)
    gone, between = known
    return EstimateView(
        "against_hold", gone, *_ends(between), "marks", n, None, None, GROWTH, None if between else TOO_SHORT
    )
