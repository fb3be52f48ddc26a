"""Stated probabilities against what happened: is a forecast worth more than the base rate known at the time?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from math import fsum, log

from ...domain.odds import Interval, independent, wilson
from .intervals import bootstrap
from .recalibration import Resolved

CLIP = 0.01
# Bins of a reliability diagram, each of about as many forecasts.
BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Forecasts that said about the same, `lowest` to `highest`: what they stated in the mean, and how often it came.
    `interval`: where that share lies at 90 % (Wilson), for as many as `effective`: those open at once count as one."""

    lowest: float
    highest: float
    stated: float
    happened: float
    forecasts: int
    effective: float
    interval: Interval


def brier(forecasts: Sequence[tuple[float, bool]]) -> float | None:
    """Mean squared error of probabilities (Brier 1950): 0 is perfect, 0.25 is always saying one half."""
    if not forecasts:
        return None
    return fsum((p - happened) ** 2 for p, happened in forecasts) / len(forecasts)


def log_loss(forecasts: Sequence[tuple[float, bool]]) -> float | None:
    """Mean negative log likelihood in nats, probabilities clipped to 1…99 %: a sure error costs 4.6, not infinity."""
    if not forecasts:
        return None
    clipped = ((min(1 - CLIP, max(CLIP, p)), happened) for p, happened in forecasts)
    return -fsum(log(p if happened else 1 - p) for p, happened in clipped) / len(forecasts)


def resolved(
    stated: Iterable[tuple[datetime, float | None]], closes: Mapping[datetime, Decimal], ahead: timedelta
) -> list[tuple[datetime, float, bool]]:
    """(when, stated, went up) of one pair's forecasts, each made at a close; without those whose end nobody saw.
    `closes`: all that were seen of the pair, whoever forecast at them."""
    found = []
    for at, p in stated:
        begin, end = closes.get(at), closes.get(at + ahead)
        if p is not None and begin is not None and end is not None:
            found.append((at, p, end > begin))
    return found


def base_rates(made: Sequence[tuple[datetime, bool]], ahead: timedelta) -> list[float]:
    """For each forecast, by time, the share of ups among those that were resolved when it was made (Laplace: from one
    half): an outcome `ahead` in the future is not known at the time, nor that of another pair at the same instant."""
    rates: list[float] = []
    resolved = ups = 0
    for at, _ in made:
        while resolved < len(made) and made[resolved][0] + ahead <= at:
            ups += made[resolved][1]
            resolved += 1
        rates.append((ups + 1) / (resolved + 2))
    return rates


def brier_skill(forecasts: Sequence[tuple[float, bool]], rates: Sequence[float]) -> float | None:
    """1 − Brier / Brier of the base rate known at the time: above 0 the forecast adds something."""
    reference = brier([(rate, happened) for rate, (_, happened) in zip(rates, forecasts, strict=True)])
    score = brier(forecasts)
    return None if score is None or not reference else 1 - score / reference


def reliability(made: Sequence[Resolved], ahead: timedelta) -> tuple[Bin, ...]:
    """By what was stated, lowest first, in BINS or fewer of equal mass; equal statements share a bin."""
    least = -(-len(made) // BINS)
    bins: list[list[Resolved]] = []
    for _, alike in groupby(sorted(made, key=lambda one: one.stated), key=lambda one: one.stated):
        if bins and len(bins[-1]) < least:
            bins[-1] += alike
        else:
            bins.append(list(alike))
    return tuple(_bin(some, ahead) for some in bins)


def _bin(some: Sequence[Resolved], ahead: timedelta) -> Bin:
    n, happened = len(some), sum(one.rose for one in some)
    effective = independent([(one.at, one.at + ahead) for one in some])
    return Bin(
        lowest=some[0].stated,
        highest=some[-1].stated,
        stated=fsum(one.stated for one in some) / n,
        happened=happened / n,
        forecasts=n,
        effective=effective,
        interval=wilson(happened / n * effective, effective),
    )


def skill_interval(made: Sequence[Resolved], rates: Sequence[float], ahead: timedelta) -> Interval | None:
    """Of `brier_skill`, by blocks of instants: forecasts of one instant stay together, and so do those that are open at
    once. `made` by time. None where too few are independent, or nothing separates them from the base rate's error.

    A base rate that is still being learned loses to always saying one half, which knows nothing. So the low end is also
    against the best constant of each resample, chosen afterwards, as in the decomposition of Murphy (1973): by knowing
    nothing nobody is above it."""
    if not made:
        return None
    instants = [list(some) for _, some in groupby(zip(made, rates, strict=True), key=lambda pair: pair[0].at)]
    ours = [fsum((one.stated - one.rose) ** 2 for one, _ in some) for some in instants]
    base = [fsum((rate - one.rose) ** 2 for one, rate in some) for some in instants]
    many = [float(len(some)) for some in instants]
    ups = [float(sum(one.rose for one, _ in some)) for some in instants]
    at = [some[0][0].at for some in instants]
    effective = independent([(begin, begin + ahead) for begin in at])
    together = len(at) / max(effective, 1.0)

    def skill(sums: Sequence[float]) -> float:
        return _above(sums[0], sums[1])

    def above_any_constant(sums: Sequence[float]) -> float:
        return _above(sums[0], sums[3] * (1 - sums[3] / sums[2]))

    known, afterwards = bootstrap(
        [ours, base, many, ups], [skill, above_any_constant], effective=effective, together=2 * together
    )
    if known is None:
        return None
    # All that came was the same, at least in a resample: the best constant erred nowhere, and nothing is above it.
    return (min(known[0], afterwards[0]) if afterwards else min(known[0], 0.0), known[1])


def _above(ours: float, reference: float) -> float:
    return 1 - ours / reference if reference > 0 else float("-inf")
