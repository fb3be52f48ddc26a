"""Closed trades → their figures with how sure each is, and whether luck could explain them: what every page, report and
message says of it is reckoned here. Without numpy: every function loads this with the table of stages."""

from collections.abc import Iterable, Sequence

from ...domain.luck import FEW, Estimate, Name, Verdict
from ...domain.odds import Interval, independent, wilson
from ...domain.trading import Trade
from . import intervals, record

BLOCKS = "stationary block bootstrap"
TOO_FEW = f"an interval needs {intervals.LEAST} independent trades"
ONE_SIDED = "it needs a trade that won and one that lost: how large the other kind is was not seen yet"
NOTHING = (None, None)
OF_TRADES: tuple[Name, ...] = ("win_rate", "mean_r", "expectancy", "profit_factor")


def of_trades(trades: Sequence[Trade]) -> tuple[Estimate, ...]:
    n = len(trades)
    if not n:
        why = "no trade has closed yet"
        return tuple(Estimate(name, None, *NOTHING, "trades", 0, 0.0, None, "", why) for name in OF_TRADES)
    effective = _effective(trades)
    wins = sum(t.is_win for t in trades)
    between = wilson(wins / n * effective, effective)
    rate = record.win_rate_ratio(trades)
    money, factor = _in_money(trades, effective)
    return (
        Estimate("win_rate", rate, *between, "trades", n, effective, None, "Wilson (1927)", None),
        _in_r(trades), money, factor,
    )  # fmt: skip


def verdict(figures: Iterable[Estimate]) -> tuple[Verdict, str]:
    """By the mean result of a trade in R, else in money; a sentence without figures."""
    known = {one.name: one for one in figures}
    ruling = next((one for name in ("mean_r", "expectancy") if (one := known.get(name)) and one.n), None)
    if ruling is None:
        return "nothing", "No trade has closed yet: there is nothing to judge."
    if ruling.low is None or ruling.high is None:
        return "nothing", f"Nothing can be told from luck yet: {ruling.why or 'too few trades have closed'}."
    few = " Few trades are independent, so even that is a rough guess." if (ruling.effective or 0) < FEW else ""
    if ruling.low > 0:
        return "edge", (
            "A trade earns more than luck explains: the whole interval of its mean result is above 0. One in twenty "
            f"records without any edge looks like that.{few}"
        )
    if ruling.high < 0:
        return "loss", (
            f"A trade loses more than bad luck explains: the whole interval of its mean result is below 0.{few}"
        )
    return "unclear", f"Nothing shows an edge yet: the interval of a trade's mean result includes 0.{few}"


def ends(of: Interval | None) -> tuple[float | None, float | None]:
    return of or NOTHING


def _effective(trades: Sequence[Trade]) -> float:
    return independent([(t.opened_at, t.closed_at) for t in trades])


def _in_r(trades: Sequence[Trade]) -> Estimate:
    """Of the trades that had a stop to measure them by."""
    multiples = [t.r_multiple for t in trades if t.r_multiple is not None]
    n, effective = len(multiples), _effective([t for t in trades if t.r_multiple is not None])
    between = intervals.of_results(multiples, effective)[0]
    why = "no trade had a stop to measure it by" if not multiples else None if between else _why_none(effective)
    return Estimate("mean_r", record.mean_r(trades), *ends(between), "trades", n, effective, None, BLOCKS, why)


def _in_money(trades: Sequence[Trade], effective: float) -> tuple[Estimate, Estimate]:
    n = len(trades)
    mean, ratio = intervals.of_results([float(t.realized_pnl_quote) for t in trades], effective)
    expectancy, profit_factor = record.expectancy_quote(trades), record.profit_factor(trades)
    none = None if mean else _why_none(effective)
    endless = none or (None if ratio else "so few trades lost that by chance none might have: it has no upper end")
    return (
        Estimate(
            "expectancy", None if expectancy is None else float(expectancy), *ends(mean),
            "trades", n, effective, None, BLOCKS, none,
        ),
        Estimate(
            "profit_factor", profit_factor, *ends(ratio), "trades", n, effective, None, BLOCKS,
            "no trade has lost yet, so it has no end" if profit_factor is None else endless,
        ),
    )  # fmt: skip


def _why_none(effective: float) -> str:
    return TOO_FEW if effective < intervals.LEAST else ONE_SIDED
