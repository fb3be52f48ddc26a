"""What a home came to, and how much of it may be luck: one reading of its ledger, for terminal, page and machines."""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from math import fsum
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import wiring
from ..domain.decision import Decision, Refusal
from ..domain.errors import BadInput
from ..domain.learning import PostMortem
from ..domain.ledger import Closing, Entry, Expiry
from ..domain.market import Timeframe
from ..domain.money import exactly
from ..domain.odds import wilson
from ..domain.policy import Settings
from ..domain.trading import ZERO, EquityPoint, Trade
from ..logic.evaluate import calibration
from ..logic.evaluate.forecasts import Forecasts
from ..logic.evaluate.intervals import of_results
from ..logic.evaluate.recalibration import Resolved
from ..logic.reflect import record, statistics
from ..logic.show.costs import Bill, CostsView
from .lines import one_line

PAGE = 500
# Fewer trades, or days, say little of anything.
FEW, SHORT_DAYS = 30, 180
BINS = 10
DAY = timedelta(days=1)
Interval = tuple[float, float]


def mean_interval(values: Sequence[float]) -> Interval | None:
    """90 % interval of a mean as in the statistics, each value counted as independent; None: too few, or none has won
    or lost yet."""
    return of_results(values, float(len(values)))[0]


@dataclass(frozen=True, slots=True)
class Group:
    """Closed trades that share something. Intervals are of 90 %; None: too few."""

    by: str
    name: str
    trades: int
    wins: int
    win_interval: Interval
    net_quote: Decimal
    mean_return_ratio: float
    mean_interval: Interval | None
    mean_r: float | None


@dataclass(frozen=True, slots=True)
class Month:
    """From the last mark of the month before to its own last one."""

    month: str
    begin_quote: Decimal
    end_quote: Decimal
    net_quote: Decimal
    return_ratio: float


@dataclass(frozen=True, slots=True)
class Bin:
    """Forecasts of about the same probability, and how often it came so."""

    stated: float
    forecasts: int
    rose: int
    rose_interval: Interval


@dataclass(frozen=True, slots=True)
class Reliability:
    horizon: str
    forecasts: int
    up_ratio: float | None
    brier: float | None
    brier_skill: float | None
    log_loss: float | None
    bins: tuple[Bin, ...]


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
    """`luck` stands first: how many, and what cannot be concluded. Undefined is None."""

    luck: tuple[str, ...]
    home: str
    timeframe: str
    since: datetime | None
    until: datetime | None
    first: datetime | None
    last: datetime | None
    is_simulated: bool
    money: Money
    max_drawdown_ratio: float | None
    sharpe_annualized: float | None
    sortino_annualized: float | None
    exposure_ratio: float | None
    profit_factor: float | None
    expectancy_quote: Decimal | None
    groups: tuple[Group, ...]
    months: tuple[Month, ...]
    returns: tuple[float, ...]
    calibration: tuple[Reliability, ...]
    decisions: int
    actions: dict[str, int]
    refusals: dict[str, int]
    costs: CostsView
    equity: tuple[Point, ...]

    @property
    def whole(self) -> Group | None:
        return self.groups[0] if self.groups else None


class Between(NamedTuple):
    """Both bounds belong to it; None: no bound."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        return (self.since is None or at >= self.since) and (self.until is None or at <= self.until)


async def read(settings: Settings, between: Between) -> Report:
    """Of the ledger of a home, whoever holds it. Raises BadInput where there is none, LedgerUnavailable."""
    if between.since and between.until and between.since >= between.until:
        told = f"{between.since.isoformat()} and {between.until.isoformat()}"
        raise BadInput(f"--since must lie before --until, was {told}")
    with closing(wiring.read_ledger(Path(settings.home), settings)) as ledger:
        made, after = _Reading(between), 0
        while page := await ledger.entries(after=after, until=between.until, limit=PAGE):
            for entry in page:
                made.take(entry)
            after = page[-1].seq
        portfolio = await ledger.portfolio()
    now = portfolio.equity_quote if between.until is None else None
    return made.report(settings, portfolio.account.start_quote, now)


class _Reading:
    """Entries as they come; only what a report tells is kept."""

    def __init__(self, between: Between) -> None:
        self._between = between
        self._trades: list[Trade] = []
        self._regimes: dict[str, str] = {}
        self._marks: list[EquityPoint] = []
        self._before: Decimal | None = None
        self._actions, self._refusals = Counter[str](), Counter[str]()
        self._bill, self._forecasts = Bill(), Forecasts()
        self._is_simulated = False

    def take(self, entry: Entry) -> None:
        is_meant = self._between.holds(entry.fact.at)
        match entry.subject:
            case Decision() as made:
                self._decided(made, is_meant=is_meant)
            case EquityPoint() as mark if not is_meant:
                self._before = mark.equity_quote
            case EquityPoint() as mark:
                self._marks.append(mark)
            case Closing(trade=done) if is_meant:
                self._trades.append(done)
            case PostMortem(attempts=attempts) if is_meant:
                self._bill.add(attempts)
            case Expiry(refusal=told) | (Refusal() as told) if is_meant:
                self._refusals[told.guard] += 1

    def _decided(self, made: Decision, *, is_meant: bool) -> None:
        self._regimes[made.id] = made.regime
        self._forecasts.add(made, is_counted=is_meant)
        if is_meant:
            self._is_simulated |= made.is_simulated
            self._actions[str(made.action)] += 1
            self._refusals.update(refusal.guard for refusal in made.refusals)
            self._bill.decided(made.attempts)

    def report(self, settings: Settings, start: Decimal, now: Decimal | None) -> Report:
        begin = start if self._before is None else self._before
        end = now if now is not None else self._marks[-1].equity_quote if self._marks else begin
        curve = np.array([float(begin), *(float(mark.equity_quote) for mark in self._marks)])
        per_year = settings.timeframe.bars_per_year
        groups, judged = self._groups(), _judged(self._forecasts, settings.timeframe)
        first = self._between.since or (self._marks[0].at if self._marks else None)
        last = self._between.until or (self._marks[-1].at if self._marks else None)
        lasted = last - first if first and last else timedelta(0)
        return Report(
            luck=tuple(_luck(groups, lasted, judged, is_simulated=self._is_simulated)),
            home=settings.home,
            timeframe=settings.timeframe,
            since=self._between.since,
            until=self._between.until,
            first=first,
            last=last,
            is_simulated=self._is_simulated,
            money=_money(begin, end, self._trades),
            max_drawdown_ratio=statistics.max_drawdown_ratio(curve, float(begin)),
            sharpe_annualized=statistics.sharpe_annualized(curve, per_year),
            sortino_annualized=statistics.sortino_annualized(curve, per_year),
            exposure_ratio=statistics.exposure_ratio([mark.open_positions > 0 for mark in self._marks]),
            profit_factor=record.profit_factor(self._trades),
            expectancy_quote=_mean([trade.realized_pnl_quote for trade in self._trades]),
            groups=groups,
            months=_months(begin, self._marks),
            returns=tuple(trade.return_ratio for trade in self._trades),
            calibration=judged,
            decisions=sum(self._actions.values()),
            actions=dict(self._actions.most_common()),
            refusals=dict(self._refusals.most_common()),
            costs=self._bill.view(),
            equity=tuple(Point(mark.at, mark.equity_quote) for mark in self._marks),
        )

    def _groups(self) -> tuple[Group, ...]:
        found: dict[tuple[str, str], list[Trade]] = {}
        for trade in self._trades:
            traits = (
                ("all", "all trades"), ("pair", str(trade.symbol)), ("side", trade.side),
                ("regime", self._regimes.get(trade.decision_id, "unknown")), ("exit", trade.exit_reason),
                ("month", f"{trade.closed_at:%Y-%m}"),
            )  # fmt: skip
            for trait in traits:
                found.setdefault(trait, []).append(trade)
        order = ("all", "pair", "side", "regime", "exit", "month")
        by_size = sorted(found, key=lambda key: (-len(found[key]), key[1]))
        keys = sorted(by_size, key=lambda key: (order.index(key[0]), key[1] if key[0] == "month" else ""))
        return tuple(_group(key, found[key]) for key in keys)


@exactly
def _group(key: tuple[str, str], trades: Sequence[Trade]) -> Group:
    wins, returns = sum(trade.is_win for trade in trades), [trade.return_ratio for trade in trades]
    return Group(
        key[0], one_line(key[1]), len(trades), wins, wilson(wins, len(trades)),
        sum((trade.realized_pnl_quote for trade in trades), ZERO), fsum(returns) / len(returns),
        mean_interval(returns), record.mean_r(trades),
    )  # fmt: skip


@exactly
def _money(begin: Decimal, end: Decimal, trades: Sequence[Trade]) -> Money:
    gross = sum((trade.gross_pnl_quote for trade in trades), ZERO)
    fees = sum((trade.fees_quote for trade in trades), ZERO)
    funding = sum((trade.funding_quote for trade in trades), ZERO)
    closed = gross - fees - funding
    return Money(begin, end, end - begin, gross, fees, funding, closed, end - begin - closed)


def _mean(amounts: Sequence[Decimal]) -> Decimal | None:
    """A mean has no last digit: to the one hundred millionth of the quote currency."""
    return (sum(amounts, ZERO) / len(amounts)).quantize(Decimal("1e-8")) if amounts else None


@exactly
def _months(begin: Decimal, marks: Iterable[EquityPoint]) -> tuple[Month, ...]:
    """A mark at midnight ends the day before."""
    ends: dict[str, Decimal] = {}
    for mark in marks:
        ends[f"{mark.at - timedelta(microseconds=1):%Y-%m}"] = mark.equity_quote
    found = []
    for month, end in ends.items():
        found.append(Month(month, begin, end, end - begin, float((end - begin) / begin) if begin else 0.0))
        begin = end
    return tuple(found)


def _judged(made: Forecasts, timeframe: Timeframe) -> tuple[Reliability, ...]:
    bar = timeframe.span
    return (
        _reliability("next bar", made.resolved(bar, lambda forecast: forecast.p_up), bar),
        _reliability("24 h", made.resolved(DAY, lambda forecast: forecast.p_up_24h), DAY),
    )


def _reliability(horizon: str, made: Sequence[Resolved], ahead: timedelta) -> Reliability:
    stated = [(one.stated, one.rose) for one in made]
    rates = calibration.base_rates([(one.at, one.rose) for one in made], ahead)
    return Reliability(
        horizon, len(made), sum(rose for _, rose in stated) / len(stated) if stated else None,
        calibration.brier(stated), calibration.brier_skill(stated, rates), calibration.log_loss(stated), _bins(stated),
    )  # fmt: skip


def _bins(stated: Sequence[tuple[float, bool]]) -> tuple[Bin, ...]:
    """As wide as one another; those that nothing fell into are left out."""
    found: dict[int, list[tuple[float, bool]]] = {}
    for one in stated:
        found.setdefault(min(BINS - 1, int(one[0] * BINS)), []).append(one)
    return tuple(
        Bin(fsum(p for p, _ in row) / len(row), len(row), up := sum(rose for _, rose in row), wilson(up, len(row)))
        for _, row in sorted(found.items())
    )


def _luck(
    groups: Sequence[Group], lasted: timedelta, judged: Sequence[Reliability], *, is_simulated: bool
) -> Iterable[str]:
    """What these figures cannot say, in words."""
    if is_simulated:
        yield "A simulated market: nothing here says anything of a real one."
    if not groups:
        yield "No trade was closed: of skill nothing can be said."
    else:
        yield from _of_trades(groups[0])
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
            better = "better" if one.brier_skill > 0 else "no better"
            yield (
                f"{one.forecasts} forecasts ({one.horizon}): {better} than the base rate known at the time, Brier "
                f"skill {one.brier_skill:+.3f} without an interval; neighbouring forecasts overlap."
            )


def _of_trades(whole: Group) -> Iterable[str]:
    low, high = whole.win_interval
    share = f"{low:.0%} to {high:.0%}"
    yield f"n = {whole.trades} closed trades, {whole.wins} won: 90 % interval of the share {share}."
    if whole.trades < FEW:
        yield f"Under {FEW} trades chance alone makes any picture: neither skill nor its lack can be concluded."
    if whole.mean_interval is None:
        return
    low, high = whole.mean_interval
    told = f"The mean net return of a trade is {whole.mean_return_ratio:+.3%}, 90 % interval {low:+.3%} to {high:+.3%}"
    if low <= 0 <= high:
        yield f"{told}: it holds zero, so luck alone explains it."
    else:
        yield f"{told}, {'above' if low > 0 else 'below'} zero, if trades were independent, which they are not quite."
