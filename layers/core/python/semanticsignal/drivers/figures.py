"""The figures of one ledger, computed once for page, socket, command line and report; each entry is read once."""

from collections import Counter
from datetime import timedelta

import numpy as np

from ..domain.decision import Decision, Refusal
from ..domain.learning import PostMortem
from ..domain.ledger import Closing, Entry, Expiry, Learned
from ..domain.market import Timeframe
from ..domain.trading import EquityPoint, Trade
from ..logic.evaluate import calibration
from ..logic.evaluate.forecasts import Forecasts
from ..logic.evaluate.recalibration import Resolved
from ..logic.reflect import record, statistics
from ..logic.show.costs import AccountView, Bill, CostsView
from ..logic.show.memories import Memories
from ..logic.show.views import CalibrationView, StatisticsView
from ..ports import Ledger
from .alike import Alike

PAGE = 2000
DAY = timedelta(days=1)


class Figures:
    """Follows a ledger. `refresh` reads what is new; everything else answers from memory."""

    def __init__(self, ledger: Ledger, timeframe: Timeframe) -> None:
        self._ledger, self._timeframe = ledger, timeframe
        self._seq = 0
        self.trades: list[Trade] = []
        self.equity: list[EquityPoint] = []
        self.actions: Counter[str] = Counter()
        self.guards: Counter[str] = Counter()
        self.decisions = 0
        self.refused = 0
        self.memories, self.alike = Memories(), Alike()
        self._bill = Bill()
        self._forecasts = Forecasts()

    async def refresh(self) -> None:
        while page := await self._ledger.entries(after=self._seq, limit=PAGE):
            for entry in page:
                if entry.seq > self._seq:  # who refreshed while this page was on its way may have read it
                    self._read(entry)
                    self._seq = entry.seq

    def _read(self, entry: Entry) -> None:
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
                self.refused += 1
                self.guards[told.guard] += 1

    def _decided(self, told: Decision) -> None:
        self.decisions += 1
        self.actions[told.action] += 1
        self.refused += bool(told.refusals)
        self.guards.update(refusal.guard for refusal in told.refusals)
        self._bill.add(told.attempts)
        self._forecasts.add(told)
        self.memories.decided(told)

    async def statistics(self) -> StatisticsView:
        await self.refresh()
        portfolio = await self._ledger.portfolio()
        account, trades = portfolio.account, self.trades
        curve = np.array([float(point.equity_quote) for point in self.equity])
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
            max_drawdown_ratio=statistics.max_drawdown_ratio(curve),
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

    async def calibration(self) -> tuple[CalibrationView, ...]:
        """Forecasts over one bar and over 24 hours, resolved by the closes that later decisions saw."""
        await self.refresh()
        bar, of = self._timeframe.span, self._forecasts.resolved
        return (
            _calibration("next bar", of(bar, lambda forecast: forecast.p_up), bar),
            _calibration("24 h", of(DAY, lambda forecast: forecast.p_up_24h), DAY),
        )


def _calibration(horizon: str, made: list[Resolved], ahead: timedelta) -> CalibrationView:
    forecasts = [(stated, up) for _, stated, up in made]
    rates = calibration.base_rates([(at, up) for at, _, up in made], ahead)
    return CalibrationView(
        horizon=horizon,
        forecasts=len(forecasts),
        up_ratio=sum(up for _, up in forecasts) / len(forecasts) if forecasts else None,
        brier=calibration.brier(forecasts),
        brier_skill=calibration.brier_skill(forecasts, rates),
        log_loss=calibration.log_loss(forecasts),
    )
