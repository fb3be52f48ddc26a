"""What a home came to, and how much of it may be luck: one reading of its ledger, for terminal, page and machines."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import wiring
from ..domain.decision import Decision, Refusal
from ..domain.learning import PostMortem
from ..domain.ledger import Closing, Entry, Expiry
from ..domain.policy import Settings
from ..domain.trading import EquityPoint, Trade
from ..logic.evaluate import benchmark, statistics
from ..logic.evaluate.forecasts import Forecasts
from ..logic.evaluate.luck import of_trades, verdict
from ..logic.evaluate.marks import Marks, of_marks
from ..logic.show.costs import Bill
from ..logic.show.report import Point, Report, group, luck, money, months, shared
from .figures import calibrations
from .lines import one_line

PAGE = 500


class Between(NamedTuple):
    """From `since` on; what happens at `until` belongs to the next, so that periods side by side leave nothing out and
    share nothing. None: no bound."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


async def read(settings: Settings, between: Between) -> Report:
    """Of the ledger of a home, whoever holds it. Raises BadInput where there is none, LedgerUnavailable."""
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
        self._opening: EquityPoint | None = None
        self._actions, self._refusals = Counter[str](), Counter[str]()
        self._bill, self._forecasts = Bill(), Forecasts()
        self._is_simulated = False
        self._quote: str | None = None

    def take(self, entry: Entry) -> None:
        is_meant = self._between.holds(entry.fact.at)
        match entry.subject:
            case Decision() as made:
                self._decided(made, is_meant=is_meant)
            case EquityPoint() as mark:
                self._marked(mark)
            case Closing(trade=done) if is_meant:
                self._quote = done.symbol.quote
                self._trades.append(done)
            case PostMortem(attempts=attempts) if is_meant:
                self._bill.add(attempts)
            case Expiry(refusal=told) | (Refusal() as told) if is_meant:
                self._refusals[told.guard] += 1

    def _marked(self, mark: EquityPoint) -> None:
        """A mark at a bound is the end of the time before it and the beginning of the time after."""
        since = self._between.since
        if since is not None and mark.at <= since:
            self._opening = mark
        else:
            self._marks.append(mark)

    def _decided(self, made: Decision, *, is_meant: bool) -> None:
        self._quote = made.symbol.quote
        self._regimes[made.id] = one_line(made.regime)  # words of others
        self._forecasts.add(made, is_counted=is_meant)
        if is_meant:
            self._is_simulated |= made.is_simulated
            self._actions[str(made.action)] += 1
            self._refusals.update(refusal.guard for refusal in made.refusals)
            self._bill.decided(made.attempts)

    def report(self, settings: Settings, start: Decimal, now: Decimal | None) -> Report:
        begin = start if self._opening is None else self._opening.equity_quote
        end = now if now is not None else self._marks[-1].equity_quote if self._marks else begin
        first = self._between.since or (self._marks[0].at if self._marks else None)
        last = self._between.until or (self._marks[-1].at if self._marks else None)
        groups = tuple(group(one, of_trades(one.trades)) for one in shared(self._trades, self._regimes))
        curve = [self._opening, *self._marks] if self._opening else self._marks
        # a first mark of all before which nothing happened ends no month
        is_begun = self._opening is None and bool(self._marks) and self._marks[0].equity_quote == begin
        marks, per_year = self._beside(curve, begin, settings), settings.timeframe.bars_per_year
        figures = (*(groups[0].figures if groups else of_trades(())), *of_marks(marks, per_year))
        ruling, said = verdict(figures)
        judged = calibrations(self._forecasts, settings.timeframe)
        lasted = last - first if first and last else timedelta(0)
        return Report(
            luck=tuple(luck(groups, said, lasted, judged, is_simulated=self._is_simulated)),
            verdict=ruling,
            home=settings.home,
            quote=self._quote or settings.pairs[0].quote,  # a home may have lived on other pairs than are set now
            timeframe=settings.timeframe,
            since=self._between.since,
            until=self._between.until,
            first=first,
            last=last,
            is_simulated=self._is_simulated,
            money=money(begin, end, self._trades),
            figures=figures,
            sortino_annualized=statistics.sortino_annualized(np.array(marks.equity), per_year),
            exposure_ratio=statistics.exposure_ratio([mark.open_positions > 0 for mark in self._marks]),
            groups=groups,
            months=months(begin, self._marks[is_begun:]),
            returns=tuple(trade.return_ratio for trade in self._trades),
            calibration=judged,
            decisions=sum(self._actions.values()),
            actions=dict(self._actions.most_common()),
            refusals=dict(self._refusals.most_common()),
            costs=self._bill.view(),
            equity=tuple(Point(mark.at, mark.equity_quote) for mark in curve),
        )

    def _beside(self, curve: Sequence[EquityPoint], begin: Decimal, settings: Settings) -> Marks:
        at = tuple(mark.at for mark in curve)
        held = benchmark.hold(at, self._forecasts.closes, begin, settings.paper)
        return Marks(float(begin), at, tuple(float(mark.equity_quote) for mark in curve), held)
