"""What a ledger came to, part by part. How sure each figure is has been reckoned before; here it is put together and
said in words, luck first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from ...domain.luck import FEW, Estimate, Name, Verdict
from ...domain.money import exactly
from ...domain.trading import ZERO, EquityPoint, Trade
from .costs import CostsView
from .views import CalibrationView

SHORT_DAYS = 180
ORDER = ("all", "pair", "side", "regime", "exit", "month")


@dataclass(frozen=True, slots=True)
class Group:
    """Closed trades that share something, and their figures with intervals of 90 %."""

    by: str
    name: str
    trades: int
    wins: int
    net_quote: Decimal
    figures: tuple[Estimate, ...]

    def figure(self, name: Name) -> Estimate:
        return next(one for one in self.figures if one.name == name)


@dataclass(frozen=True, slots=True)
class Month:
    """From the last mark of the month before to its own last one. `return_ratio`: None where it began with nothing."""

    month: str
    begin_quote: Decimal
    end_quote: Decimal
    net_quote: Decimal
    return_ratio: float | None


@dataclass(frozen=True, slots=True)
class Money:
    """`net = closed_gross − closed_fees − closed_funding + rest`, exactly: the rest is of what was open at either end,
    with the fees of its entries."""

    begin_quote: Decimal
    end_quote: Decimal
    net_quote: Decimal
    closed_gross_quote: Decimal
    closed_fees_quote: Decimal
    closed_funding_quote: Decimal
    closed_net_quote: Decimal
    rest_quote: Decimal


@dataclass(frozen=True, slots=True)
class Point:
    at: datetime
    equity_quote: Decimal


@dataclass(frozen=True, slots=True)
class Report:
    """`luck` stands first: how many, and what cannot be concluded. `figures`, `verdict` and `calibration` are those of
    `/api/intervals` and `/api/calibration`. `quote`: the currency of all amounts. Undefined is None."""

    luck: tuple[str, ...]
    verdict: Verdict
    home: str
    quote: str
    timeframe: str
    since: datetime | None
    until: datetime | None
    first: datetime | None
    last: datetime | None
    is_simulated: bool
    money: Money
    figures: tuple[Estimate, ...]
    sortino_annualized: float | None
    exposure_ratio: float | None
    groups: tuple[Group, ...]
    months: tuple[Month, ...]
    returns: tuple[float, ...]
    calibration: tuple[CalibrationView, ...]
    decisions: int
    actions: dict[str, int]
    refusals: dict[str, int]
    costs: CostsView
    equity: tuple[Point, ...]


class Shared(NamedTuple):
    """Trades that share something; the first of all are all of them."""

    by: str
    name: str
    trades: tuple[Trade, ...]


def shared(trades: Iterable[Trade], regimes: Mapping[str, str]) -> tuple[Shared, ...]:
    """By kind, the largest first, months in order. `regimes`: decision → regime it saw."""
    found: dict[tuple[str, str], list[Trade]] = {}
    for trade in trades:
        traits = (
            ("all", "all trades"), ("pair", str(trade.symbol)), ("side", trade.side),
            ("regime", regimes.get(trade.decision_id, "unknown")), ("exit", trade.exit_reason),
            ("month", f"{trade.closed_at:%Y-%m}"),
        )  # fmt: skip
        for trait in traits:
            found.setdefault(trait, []).append(trade)
    by_size = sorted(found, key=lambda key: (-len(found[key]), key[1]))
    keys = sorted(by_size, key=lambda key: (ORDER.index(key[0]), key[1] if key[0] == "month" else ""))
    return tuple(Shared(*key, tuple(found[key])) for key in keys)


@exactly
def group(one: Shared, figures: tuple[Estimate, ...]) -> Group:
    """`figures`: of these trades."""
    wins, net = sum(trade.is_win for trade in one.trades), (trade.realized_pnl_quote for trade in one.trades)
    return Group(one.by, one.name, len(one.trades), wins, sum(net, ZERO), figures)


@exactly
def money(begin: Decimal, end: Decimal, trades: Sequence[Trade]) -> Money:
    gross = sum((trade.gross_pnl_quote for trade in trades), ZERO)
    fees = sum((trade.fees_quote for trade in trades), ZERO)
    funding = sum((trade.funding_quote for trade in trades), ZERO)
    closed = gross - fees - funding
    return Money(begin, end, end - begin, gross, fees, funding, closed, end - begin - closed)


@exactly
def months(begin: Decimal, marks: Iterable[EquityPoint]) -> tuple[Month, ...]:
    """A mark at midnight ends the day before."""
    ends: dict[str, Decimal] = {}
    for mark in marks:
        ends[f"{mark.at - timedelta(microseconds=1):%Y-%m}"] = mark.equity_quote
    found = []
    for month, end in ends.items():
        found.append(Month(month, begin, end, end - begin, float((end - begin) / begin) if begin else None))
        begin = end
    return tuple(found)


def luck(
    groups: Sequence[Group], said: str, lasted: timedelta, judged: Sequence[CalibrationView], *, is_simulated: bool
) -> Iterable[str]:
    """What the figures say of skill, and what they cannot. `said`: the verdict on the trades."""
    if is_simulated:
        yield "A simulated market: nothing here says anything of a real one."
    yield from _of_trades(groups[0], said) if groups else ("No trade was closed: of skill nothing can be said.",)
    if timedelta(0) < lasted < timedelta(days=SHORT_DAYS):
        yield f"{lasted.days} days are one weather of the market; under another the same rules may do otherwise."
    looks = len(groups) - 1
    if looks > 1:
        yield (
            f"{looks} groups are looked at: one in ten of their 90 % intervals misses by chance, so the best of them "
            "is no finding."
        )
    for one in judged:
        if one.brier_skill is not None:
            yield _of_forecasts(one, one.brier_skill)


def _of_trades(whole: Group, said: str) -> Iterable[str]:
    won, mean = whole.figure("win_rate"), whole.figure("mean_r")
    told = f"n = {whole.trades} closed trades{independent(won)}; {whole.wins} won"
    if won.low is not None and won.high is not None:
        told += f": 90 % interval of the share {won.low:.1%} to {won.high:.1%}"
    yield f"{told}."
    if mean.value is not None and mean.low is not None and mean.high is not None:
        yield (
            f"The mean result of a trade is {mean.value:+.2f} R, 90 % interval {mean.low:+.2f} to {mean.high:+.2f}. "
            f"{said}"
        )
    else:
        yield said


def _of_forecasts(one: CalibrationView, skill: float) -> str:
    least = f", at least {int(one.effective)} independent" if one.forecasts - one.effective >= 0.5 else ""
    told = f"{one.forecasts} forecasts ({one.horizon}){least}: Brier skill {skill:+.3f}"
    if one.skill_low is None or one.skill_high is None:
        return f"{told} without an interval: too few independent ones have come due to tell skill from luck."
    told += f", 90 % interval {one.skill_low:+.3f} to {one.skill_high:+.3f}"
    few = "; few are independent, so even that is a rough guess" if one.effective < FEW else ""
    if one.skill_low > 0:
        return f"{told}: they know something that saying always the same does not{few}."
    if one.skill_high < 0:
        return f"{told}: they are worse than the base rate known at the time{few}."
    return f"{told}: it includes 0, so the forecasts cannot be told from saying the base rate{few}."


def independent(one: Estimate) -> str:
    """What it rests on beside its n, where that is less."""
    if one.effective is None or one.n - one.effective < 0.5:
        return ""
    return f", at least {int(one.effective)} independent"
