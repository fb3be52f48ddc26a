"""The figures of one ledger, computed once for page, socket, command line and report; each entry is read once."""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain, islice
from typing import Any, TypeVar

import numpy as np

from ..domain.decision import Decision, Refusal
from ..domain.learning import PostMortem
from ..domain.ledger import Closing, Entry, Expiry, Learned
from ..domain.market import Timeframe
from ..domain.odds import independent
from ..domain.policy import Paper
from ..domain.trading import EquityPoint, Trade
from ..logic.evaluate import benchmark, calibration, record, statistics
from ..logic.evaluate.forecasts import Forecasts
from ..logic.evaluate.luck import of_trades, verdict
from ..logic.evaluate.marks import Marks, of_marks
from ..logic.evaluate.recalibration import Resolved
from ..logic.show.costs import AccountView, Bill, CostsView
from ..logic.show.intervals import ActedView, CurveView, HeldView, HoldPointView, IntervalsView
from ..logic.show.memories import Memories
from ..logic.show.views import BinView, CalibrationView, RefusedView, StatisticsView, refused
from ..ports import Ledger
from .alike import Alike

G = TypeVar("G")
T = TypeVar("T")
PAGE, AT_ONCE = 500, 100
DAY = timedelta(days=1)
# Decisions that did something, as far back as a chart marks them.
ACTED = 2000
REFUSED = 1000
CENT = Decimal("0.01")
# Marks that are drawn, and the newest of them, which are told whole: a table lists these.
DRAWN, NEWEST = 1000, 100
# Guards that stand where no model gave an answer that could be read.
UNANSWERED = frozenset(("model", "reply"))


class Figures:
    """Follows a ledger. `refresh` reads what is new; everything else answers from memory."""

    def __init__(self, ledger: Ledger, timeframe: Timeframe) -> None:
        self._ledger, self._timeframe = ledger, timeframe
        self.seq = 0
        self.trades: list[Trade] = []
        self.equity: list[EquityPoint] = []
        self.actions: Counter[str] = Counter()
        self.guards: Counter[str] = Counter()
        self.decisions = 0
        self.refused = 0
        self.memories, self.alike = Memories(), Alike()
        self.acted: deque[ActedView] = deque(maxlen=ACTED)
        # (UTC day, what happened on it) → how often; pair → the last decision on it
        self.days: Counter[tuple[str, str]] = Counter()
        self.last: dict[str, Decision] = {}
        self._bill = Bill()
        self._forecasts = Forecasts()
        self._kept: dict[str, tuple[int, Any]] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._refused: deque[tuple[RefusedView, ...]] = deque(maxlen=REFUSED)

    async def refresh(self) -> None:
        while page := await self._ledger.entries(after=self.seq, limit=PAGE):
            for entry in page:
                if entry.seq > self.seq:  # who refreshed while this page was on its way may have read it
                    self._read(entry)
                    self.seq = entry.seq
                if not entry.seq % AT_ONCE:  # a long past is read while exits go on
                    await asyncio.sleep(0)

    def refusals(self, limit: int) -> tuple[RefusedView, ...]:
        """What was refused last, newest first: at most REFUSED of them are known."""
        return tuple(islice(chain.from_iterable(reversed(self._refused)), limit))

    def _read(self, entry: Entry) -> None:
        if against := refused(entry):
            self._refused.append(against)
        match entry.subject:
            case Decision() as told:
                self._decided(told)
            case PostMortem() as told:
                self._bill.add(told.attempts)
            case Closing() as told:
                self.trades.append(told.trade)
                self.memories.closed(told.trade)
            case Learned() as told:
                self.memories.learn(told)
                self.alike.add(told.experience)
            case EquityPoint() as told:
                self.equity.append(told)
            case Expiry(refusal=told) | (Refusal() as told):
                is_late = isinstance(entry.subject, Refusal)
                self.days[_day(entry.fact.at), "missed" if is_late else "expired"] += 1
                self.refused += 1
                self.guards[told.guard] += 1

    def _decided(self, told: Decision) -> None:
        self.decisions += 1
        day = _day(told.decided_at)
        self.days[day, "decisions"] += 1
        self.days[day, "unanswered"] += any(refusal.guard in UNANSWERED for refusal in told.refusals)
        self.last[str(told.symbol)] = told
        self.actions[told.action] += 1
        self.refused += bool(told.refusals)
        self.guards.update(refusal.guard for refusal in told.refusals)
        if told.action != "HOLD":
            self.acted.append(ActedView(told.id, told.decided_at, str(told.symbol), told.action))
        self._bill.decided(told.attempts)
        self._forecasts.add(told)
        self.memories.decided(told)

    async def statistics(self) -> StatisticsView:
        await self.refresh()
        portfolio = await self._ledger.portfolio()
        account, trades = portfolio.account, self.trades
        curve = np.array([float(point.equity_quote) for point in self.equity])
        peak_quote = max(account.start_quote, portfolio.equity_quote, *(point.equity_quote for point in self.equity))
        wins = sum(t.is_win for t in trades)
        return StatisticsView(
            trades=len(trades),
            wins=wins,
            losses=len(trades) - wins,
            win_rate_ratio=record.win_rate_ratio(trades),
            profit_factor=record.profit_factor(trades),
            expectancy_quote=record.expectancy_quote(trades),
            mean_r=record.mean_r(trades),
            sharpe_annualized=statistics.sharpe_annualized(curve, self._timeframe.bars_per_year),
            sortino_annualized=statistics.sortino_annualized(curve, self._timeframe.bars_per_year),
            max_drawdown_ratio=statistics.max_drawdown_ratio(curve, float(account.start_quote)),
            drawdown_ratio=float(1 - portfolio.equity_quote / peak_quote) if len(curve) else None,
            peak_quote=peak_quote,
            exposure_ratio=statistics.exposure_ratio([point.open_positions > 0 for point in self.equity]),
            start_quote=account.start_quote,
            equity_quote=portfolio.equity_quote,
            gross_pnl_quote=account.gross_pnl_quote + portfolio.unrealized_pnl_quote,
            fees_quote=account.fees_quote,
            funding_quote=account.funding_quote,
            net_pnl_quote=portfolio.equity_quote - account.start_quote,
            unrealized_pnl_quote=portfolio.unrealized_pnl_quote,
            ambiguous_exits=sum(t.is_ambiguous for t in trades),
            decisions=self.decisions,
            refused=self.refused,
        )

    async def costs(self, days: int | None = None, budget: tuple[AccountView, ...] | None = None) -> CostsView:
        """Of the newest so many days on which a model was asked; None: of all."""
        await self.refresh()
        return self._bill.view(days, budget)

    async def intervals(self, paper: Paper) -> IntervalsView:
        """The statistics with their intervals, of one moment."""
        told = await self.statistics()
        marks, per_year = await self._marks(told.start_quote, paper), self._timeframe.bars_per_year
        found = await self._once(
            "figures", lambda: tuple(self.trades), lambda trades: (*of_trades(trades), *of_marks(marks, per_year))
        )
        judged, said = verdict(found)
        return IntervalsView(judged, said, found, per_year, told)

    async def curve(self, paper: Paper, points: int) -> CurveView:
        """Buy and hold of the start money, thinned to about so many points, and the decisions that did something."""
        await self.refresh()
        start_quote = (await self._ledger.portfolio()).account.start_quote
        marks = await self._marks(start_quote, paper)
        held = marks.held
        return CurveView(
            since=marks.at[0] if marks.at else None,
            start_quote=start_quote,
            cash_quote=held.cash_quote,
            fees_quote=held.fees_quote,
            held=tuple(HeldView(str(pair), coins) for pair, coins in held.quantities.items()),
            points=tuple(
                HoldPointView(marks.at[row], held.values_quote[row].quantize(CENT))
                for row in kept(marks.equity, points)
                if row < len(held.values_quote)
            ),
            acted=tuple(self.acted),
        )

    async def _marks(self, start_quote: Decimal, paper: Paper) -> Marks:
        def work(given: tuple[tuple[EquityPoint, ...], benchmark.Closes]) -> Marks:
            points, closes = given
            at = tuple(point.at for point in points)
            equity = tuple(float(point.equity_quote) for point in points)
            return Marks(float(start_quote), at, equity, benchmark.hold(at, closes, start_quote, paper))

        return await self._once("marks", lambda: (tuple(self.equity), self._forecasts.closes), work)

    async def calibration(self) -> tuple[CalibrationView, ...]:
        """Forecasts over one bar and over 24 hours, resolved by the closes that later decisions saw."""
        await self.refresh()
        return await self._once(
            "calibration", lambda: self._forecasts, lambda made: calibrations(made, self._timeframe)
        )

    async def _once(self, name: str, given: Callable[[], G], work: Callable[[G], T]) -> T:
        """What was reckoned of the same entries before; else now, beside the loop, of what is given before it goes on
        reading."""
        async with self._turns[name]:  # twenty pages that ask at once are told of one reckoning
            kept = self._kept.get(name)
            if kept is None or kept[0] != self.seq:
                kept = self.seq, await asyncio.to_thread(work, given())
                self._kept[name] = kept
        found: T = kept[1]
        return found


def kept(equity: Sequence[float], most: int) -> list[int]:
    """Rows of a long record, about so many: of each step the highest and the lowest, with the first, the newest and
    both ends of the deepest fall. So what is drawn falls as deep as the whole did, below the same peak."""
    newest = min(NEWEST, most // 2)
    older = len(equity) - newest
    if len(equity) <= most:
        return list(range(len(equity)))
    step = -(-older // max(1, (most - newest) // 2))
    rows = {0, *range(older, len(equity)), *statistics.deepest_fall(np.array(equity))}
    for begin in range(0, older, step):
        some = range(begin, min(begin + step, older))
        rows.update((max(some, key=equity.__getitem__), min(some, key=equity.__getitem__)))
    return sorted(rows)


def calibrations(made: Forecasts, timeframe: Timeframe) -> tuple[CalibrationView, ...]:
    bar = timeframe.span
    return (
        _calibration("next bar", made.resolved(bar, lambda forecast: forecast.p_up), bar),
        _calibration("24 h", made.resolved(DAY, lambda forecast: forecast.p_up_24h), DAY),
    )


def _calibration(horizon: str, made: list[Resolved], ahead: timedelta) -> CalibrationView:
    forecasts = [(stated, up) for _, stated, up in made]
    rates = calibration.base_rates([(at, up) for at, _, up in made], ahead)
    low, high = calibration.skill_interval(made, rates, ahead) or (None, None)
    return CalibrationView(
        horizon=horizon,
        forecasts=len(forecasts),
        effective=independent([(at, at + ahead) for at, _, _ in made]),
        up_ratio=sum(up for _, up in forecasts) / len(forecasts) if forecasts else None,
        brier=calibration.brier(forecasts),
        brier_skill=calibration.brier_skill(forecasts, rates),
        skill_low=low,
        skill_high=high,
        log_loss=calibration.log_loss(forecasts),
        bins=tuple(
            BinView(
                lowest=one.lowest,
                highest=one.highest,
                stated=one.stated,
                happened=one.happened,
                forecasts=one.forecasts,
                effective=one.effective,
                low=one.interval[0],
                high=one.interval[1],
            )
            for one in calibration.reliability(made, ahead)
        ),
    )


def _day(at: datetime) -> str:
    return at.astimezone(UTC).date().isoformat()
