"""The statistics with how sure they are, and what the same money would be worth had it been left alone."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ...domain.luck import Estimate, Verdict
from .views import StatisticsView


@dataclass(frozen=True, slots=True)
class IntervalsView:
    """`verdict`: whether the mean result of a trade can be told from luck, `said` in words. `statistics`: of the same
    moment, with the exact sums."""

    verdict: Verdict
    said: str
    figures: tuple[Estimate, ...]
    bars_per_year: float
    statistics: StatisticsView


@dataclass(frozen=True, slots=True)
class HeldView:
    symbol: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class HoldPointView:
    at: datetime
    hold_quote: Decimal


@dataclass(frozen=True, slots=True)
class ActedView:
    """A decision that did something."""

    decision_id: str
    at: datetime
    symbol: str
    action: str


@dataclass(frozen=True, slots=True)
class CurveView:
    """What is drawn beside equity. `points`: the same start money in equal parts in each pair since the first mark,
    after the fee and slippage of its one entry, without funding, oldest first, thinned, up to the last mark whose price
    was decided on. Its worth now: `cash_quote` and the `held` coins at their prices. `acted`: oldest first."""

    since: datetime | None
    start_quote: Decimal
    cash_quote: Decimal
    fees_quote: Decimal
    held: tuple[HeldView, ...]
    points: tuple[HoldPointView, ...]
    acted: tuple[ActedView, ...]
