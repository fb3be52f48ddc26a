"""A report as tables of words, for terminal and page alike."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from .costs import HEAD as COSTS_HEAD
from .costs import sections as costs_of
from .report import Group, Interval, Report

Row = tuple[str, ...]


class Section(NamedTuple):
    """Rows in parts, with a line between them."""

    title: str
    head: Row
    rows: Sequence[Sequence[Row]]


def sections(report: Report) -> tuple[Section, ...]:
    return (
        Section("Result", ("", "value"), _result(report)),
        Section("Trades by what they share", GROUP_HEAD, _groups(report.groups)),
        Section("Months", ("month", "begin", "end", "net", "return"), [[
            (month.month, f"{month.begin_quote:f}", f"{month.end_quote:f}", f"{month.net_quote:+f}",
             f"{month.return_ratio:+.2%}") for month in report.months
        ]]),
        Section("Calibration", ("forecasts of a rise", "n", "rose", "Brier", "skill", "log loss"), [[
            (one.horizon, str(one.forecasts), _share(one.up_ratio), _number(one.brier, 4),
             _number(one.brier_skill, 3, "+"), _number(one.log_loss, 4)) for one in report.calibration
        ]]),
        Section("Stated against what happened", ("horizon, stated", "n", "rose", "90 % interval"), [
            [(f"{one.horizon}, {b.stated:.0%}", str(b.forecasts), f"{b.rose / b.forecasts:.0%}",
              _interval(b.rose_interval, ".0%")) for b in one.bins] for one in report.calibration if one.bins
        ]),
        Section("Decisions", ("action", "n"), [list(_counted(report.actions))]),
        Section("Refusals", ("guard", "n"), [list(_counted(report.refusals))]),
        Section("What models cost", COSTS_HEAD, costs_of(report.costs) if report.costs.total.calls else ()),
    )  # fmt: skip


GROUP_HEAD = ("", "n", "won", "share, 90 %", "net", "mean return", "90 % interval", "mean R")


def _result(report: Report) -> list[list[Row]]:
    money = report.money
    period = "nothing marked yet"
    if report.first and report.last:
        period = f"{report.first:%Y-%m-%d %H:%M} to {report.last:%Y-%m-%d %H:%M} UTC"
    share = f" ({float(money.net_quote / money.begin_quote):+.2%})" if money.begin_quote else ""
    return [
        [("period", period), ("equity at the beginning", f"{money.begin_quote:f}"),
         ("equity at the end", f"{money.end_quote:f}"), ("net", f"{money.net_quote:+f}{share}")],
        [("closed trades, gross", f"{money.closed_gross_quote:+f}"), ("their fees", f"{-money.closed_fees_quote:+f}"),
         ("their funding", f"{-money.closed_funding_quote:+f}"), ("their net", f"{money.closed_net_quote:+f}"),
         ("of what was open at either end", f"{money.rest_quote:+f}")],
        [("largest drawdown", _share(report.max_drawdown_ratio, 2)),
         ("Sharpe, annualized", _number(report.sharpe_annualized, 2)),
         ("Sortino, annualized", _number(report.sortino_annualized, 2)),
         ("in the market", _share(report.exposure_ratio)), ("profit factor", _number(report.profit_factor, 2)),
         ("mean net of a trade", "undefined" if report.expectancy_quote is None else _signed(report.expectancy_quote))],
    ]  # fmt: skip


def _groups(groups: Sequence[Group]) -> list[list[Row]]:
    parts: dict[str, list[Row]] = {}
    for one in groups:
        name = one.name if one.by == "all" else f"{one.by}: {one.name}"
        parts.setdefault(one.by, []).append((
            name, str(one.trades), str(one.wins), _interval(one.win_interval, ".0%"), _signed(one.net_quote),
            f"{one.mean_return_ratio:+.2%}",
            "too few" if one.mean_interval is None else _interval(one.mean_interval, "+.2%"),
            _number(one.mean_r, 2, "+"),
        ))  # fmt: skip
    return list(parts.values())


def _counted(counts: dict[str, int]) -> list[Row]:
    return [(name, str(many)) for name, many in counts.items()]


def _interval(both: Interval, form: str) -> str:
    return f"{both[0]:{form}} to {both[1]:{form}}"


def _signed(amount: Decimal) -> str:
    return f"{amount:+f}"


def _share(ratio: float | None, digits: int = 0) -> str:
    return "undefined" if ratio is None else f"{ratio:.{digits}%}"


def _number(value: float | None, digits: int, sign: str = "") -> str:
    return "undefined" if value is None else f"{value:{sign}.{digits}f}"
