"""The statistics with how sure they are, and what the same money would be worth had it been left alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from .views import StatisticsView

Name = Literal["win_rate", "mean_r", "expectancy", "profit_factor", "sharpe", "max_drawdown", "against_hold"]
# Fewer independent trades than this and an interval is itself a guess.
FEW = 30


@dataclass(frozen=True, slots=True)
class EstimateView:
    """One figure: `low` and `high` are its 90 % interval by `method`. `n` of `of` it rests on, of which so many as
    `effective` are independent at least (None: not reckoned). Without a `value` `why` says so, without an interval
    too. `needed`: how many would tell it from nothing, if it stays as it is."""

    name: Name
    value: float | None
    low: float | None
    high: float | None
    of: Literal["trades", "marks"]
    n: int
    effective: float | None
    needed: float | None
    method: str
    why: str | None


@dataclass(frozen=True, slots=True)
class IntervalsView:
    """`verdict`: whether the mean result of a trade can be told from luck, `said` in words. `statistics`: of the same
    moment, with the exact sums."""

    verdict: Literal["nothing", "unclear", "edge", "loss"]
    said: str
    figures: tuple[EstimateView, ...]
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
    after the fee and slippage of its one entry, oldest first, thinned. Its worth now: `cash_quote` and the
    `held` coins at their prices. `acted`: oldest first."""

    since: datetime | None
    start_quote: Decimal
    cash_quote: Decimal
    fees_quote: Decimal
    held: tuple[HeldView, ...]
    points: tuple[HoldPointView, ...]
    acted: tuple[ActedView, ...]


def verdict(figures: Iterable[EstimateView]) -> tuple[Literal["nothing", "unclear", "edge", "loss"], str]:
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
