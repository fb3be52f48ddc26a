"""A report as tables of words, for terminal and page alike."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from ..domain.luck import Estimate, Name
from ..logic.show.report import Group, Report
from ..logic.show.views import BinView, CalibrationView
from .costs import HEAD as COSTS_HEAD
from .costs import sections as costs_of
from .lines import one_line

Row = tuple[str, ...]


class Section(NamedTuple):
    """Rows in parts, with a line between them."""

    title: str
    head: Row
    rows: Sequence[Sequence[Row]]


CALIBRATION_HEAD = ("forecasts", "skill", "skill, 90 %", "n", "independent", "rose", "Brier")
FIGURES_HEAD = ("", "value", "from", "to", "n", "independent")
GROUP_HEAD = ("", "n", "won", "won, 90 %", "≈ net", "mean R", "mean R, 90 %")
BINS_HEAD = ("horizon, stated", "rose", "rose, 90 %", "n", "independent", "in the mean")
# An amount of the quote currency, as exact as a glance wants it.
AMOUNT = "amount"
# Figure → what it is called, how it is written.
FIGURES: dict[Name, tuple[str, str]] = {
    "mean_r": ("mean R", "+.2f"),
    "win_rate": ("win rate", ".1%"),
    "profit_factor": ("profit factor", ".2f"),
    "expectancy": ("mean net of a trade", AMOUNT),
    "sharpe": ("Sharpe, annualized", ".2f"),
    "against_hold": ("against buy and hold, without funding", "+.2%"),
    "max_drawdown": ("largest drawdown", ".2%"),
}


def sections(report: Report) -> tuple[Section, ...]:
    return (
        Section("Result", ("", "value"), _result(report)),
        Section("How sure it is: 90 % intervals", FIGURES_HEAD, [list(_figures(report.figures))]),
        Section("Trades by what they share", GROUP_HEAD, _groups(report.groups)),
        Section(f"Months, {one_line(report.quote)}", ("month", "begin", "end", "net", "return"), [[
            (month.month, f"{month.begin_quote:f}", f"{month.end_quote:f}", f"{month.net_quote:+f}",
             _number(month.return_ratio, "+.2%")) for month in report.months
        ]]),
        Section("Calibration", CALIBRATION_HEAD, [[_calibration(one) for one in report.calibration]]),
        Section("Stated against what happened", BINS_HEAD, [
            [_bin(one.horizon, b) for b in one.bins] for one in report.calibration if one.bins
        ]),
        Section("Decisions", ("action", "n"), [list(_counted(report.actions))]),
        Section("Refusals", ("guard", "n"), [list(_counted(report.refusals))]),
        Section("What models cost", COSTS_HEAD, costs_of(report.costs) if report.costs.total.calls else ()),
    )  # fmt: skip


def _figures(figures: Sequence[Estimate]) -> Iterable[Row]:
    known = {one.name: one for one in figures}
    for name, (title, form) in FIGURES.items():
        one = known[name]
        yield (
            title, _number(one.value, form), _number(one.low, form, "none"), _number(one.high, form, "none"),
            f"{one.n} {one.of}", "" if one.effective is None else str(int(one.effective)),
        )  # fmt: skip


def _calibration(one: CalibrationView) -> Row:
    return (
        one.horizon, _number(one.brier_skill, "+.3f"), _between(one.skill_low, one.skill_high, "+.3f"),
        str(one.forecasts), str(int(one.effective)), _number(one.up_ratio, ".1%"), _number(one.brier, ".4f"),
    )  # fmt: skip


def _bin(horizon: str, one: BinView) -> Row:
    stated = f"{one.lowest:.1%}" if one.lowest == one.highest else f"{one.lowest:.1%} to {one.highest:.1%}"
    return (
        f"{horizon}, {stated}", f"{one.happened:.1%}", _between(one.low, one.high, ".0%"), str(one.forecasts),
        str(int(one.effective)), f"{one.stated:.1%}",
    )  # fmt: skip


def _result(report: Report) -> list[list[Row]]:
    money = report.money
    period = "nothing marked yet"
    if report.first and report.last:
        period = f"{report.first:%Y-%m-%d %H:%M} to {report.last:%Y-%m-%d %H:%M} UTC"
    quote = one_line(report.quote)

    def exact(amount: Decimal) -> str:
        return f"{amount:+f} {quote}"

    share = f" ({float(money.net_quote / money.begin_quote):+.2%})" if money.begin_quote else ""
    return [
        [("period", period), ("equity at the beginning", f"{money.begin_quote:f} {quote}"),
         ("equity at the end", f"{money.end_quote:f} {quote}"), ("net", exact(money.net_quote) + share)],
        [("closed trades, gross", exact(money.closed_gross_quote)), ("their fees", exact(-money.closed_fees_quote)),
         ("their funding", exact(-money.closed_funding_quote)), ("their net", exact(money.closed_net_quote)),
         ("of what was open at either end", exact(money.rest_quote))],
        [("in the market", _number(report.exposure_ratio, ".0%")),
         ("Sortino, annualized", _number(report.sortino_annualized, ".2f"))],
    ]  # fmt: skip


def _groups(groups: Sequence[Group]) -> list[list[Row]]:
    parts: dict[str, list[Row]] = {}
    for one in groups:
        name = one.name if one.by == "all" else f"{one.by}: {one.name}"
        won, mean = one.figure("win_rate"), one.figure("mean_r")
        parts.setdefault(one.by, []).append((
            name, str(one.trades), str(one.wins), _between(won.low, won.high, ".0%"), _amount(one.net_quote),
            _number(mean.value, "+.2f"), _between(mean.low, mean.high, "+.2f"),
        ))  # fmt: skip
    return list(parts.values())


def _counted(counts: dict[str, int]) -> list[Row]:
    return [(name, str(many)) for name, many in counts.items()]


def _between(low: float | None, high: float | None, form: str) -> str:
    return "none" if low is None or high is None else f"{low:{form}} to {high:{form}}"


def _number(value: float | None, form: str, without: str = "undefined") -> str:
    if value is None:
        return without
    return _amount(Decimal(repr(value))) if form == AMOUNT else f"{value:{form}}"


def _amount(amount: Decimal) -> str:
    """Two digits after the point, or four that say something."""
    return f"{amount:+.{max(2, 3 - amount.adjusted() if amount else 2)}f}"
