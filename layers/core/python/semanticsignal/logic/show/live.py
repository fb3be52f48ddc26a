"""What is told while it happens and kept nowhere: how it goes, how far an analysis is, what was gathered."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ...domain.events import (
    AnalysisRequested,
    CandleClosed,
    ContextGathered,
    MarketAnalysed,
    MarketCollected,
    NewsGathered,
)
from ...domain.market import Timeframe

# Equity is marked at each close; two closes without one, and nobody watches.
SILENT_BARS = 2

Step = Literal["asked", "collecting", "analysing", "deciding", "failed"]
# What each fact begins. Where it ends is told by what the ledger keeps: DecisionMade, OrderPlaced, CandleMissed.
BEGINS: dict[type, Step] = {
    AnalysisRequested: "collecting",
    CandleClosed: "collecting",
    MarketCollected: "analysing",
    MarketAnalysed: "deciding",
}
Cycle = AnalysisRequested | CandleClosed | MarketCollected | MarketAnalysed


@dataclass(frozen=True, slots=True)
class PulseView:
    """`lag_s`: the age of the oldest of the prices shown, by the market's clock; None without any."""

    status: Literal["starting", "running", "degraded"]
    problem: str | None
    history_done_ratio: float
    next_candle_at: datetime | None
    lag_s: float | None


@dataclass(frozen=True, slots=True)
class AnalysisSteppedView:
    """`id`: of the analysis, which its decision will bear. `problem`: in words, of one that failed."""

    kind: Literal["AnalysisStepped"]
    id: str
    at: datetime
    symbol: str
    step: Step
    is_forced: bool
    problem: str | None


@dataclass(frozen=True, slots=True)
class NewsGatheredView:
    """There may be other news: ask."""

    kind: Literal["NewsGathered"]
    id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ContextGatheredView:
    """There are other figures of the whole market: ask."""

    kind: Literal["ContextGathered"]
    id: str
    at: datetime


def pulse(at: datetime, marked_until: datetime | None, timeframe: Timeframe, lag_s: float | None = None) -> PulseView:
    """As far as the portfolio tells it; who turns the crank in his own process knows more."""
    is_silent = marked_until is not None and at - marked_until > SILENT_BARS * timeframe.span
    return PulseView(
        status="starting" if marked_until is None else "degraded" if is_silent else "running",
        problem=f"equity was last marked at {marked_until}: the watch does not run" if is_silent else None,
        history_done_ratio=1.0,
        next_candle_at=timeframe.floor(at) + timeframe.span,
        lag_s=lag_s,
    )


def stepped(fact: Cycle, at: datetime) -> AnalysisSteppedView:
    return _stepped(fact, at, BEGINS[type(fact)])


def asked(fact: AnalysisRequested, at: datetime) -> AnalysisSteppedView:
    """Somebody wants it, and something else is under way."""
    return _stepped(fact, at, "asked")


def failed(fact: Cycle, at: datetime, problem: str) -> AnalysisSteppedView:
    return _stepped(fact, at, "failed", problem)


def gathered(fact: NewsGathered | ContextGathered) -> NewsGatheredView | ContextGatheredView:
    if isinstance(fact, NewsGathered):
        return NewsGatheredView("NewsGathered", fact.id, fact.at)
    return ContextGatheredView("ContextGathered", fact.id, fact.at)


def _stepped(fact: Cycle, at: datetime, step: Step, problem: str | None = None) -> AnalysisSteppedView:
    is_forced = isinstance(fact, AnalysisRequested) or getattr(fact, "is_forced", False)
    return AnalysisSteppedView("AnalysisStepped", fact.id, at, str(fact.symbol), step, is_forced, problem)
