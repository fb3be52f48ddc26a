"""What a stated probability has been worth: the slope of a logistic recalibration (Cox 1958), held back by a prior.

logit P(up) = slope · logit(stated). Whoever is right as often as they say has 1; below, more is said than known. No
intercept: whether the market rose or fell meanwhile says nothing of whoever forecast it. The maximum of the posterior
under slope ~ N(1, ¼): few forecasts, or ones that hardly leave one half, prove little and change little."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from math import exp, fsum, log
from typing import NamedTuple

from ...domain.decision import Calibration

NEEDED = 300
SPREAD = 0.25
CLIP = 0.01
# Where the slope is looked for, and how often what is left of it is halved: to less than its six digits.
LOWEST, HIGHEST, HALVINGS = -10.0, 10.0, 60


class Resolved(NamedTuple):
    """A forecast made at a close, and whether the price rose."""

    at: datetime
    stated: float
    rose: bool


def calibration(forecasts: Sequence[Resolved], overlap: float) -> Calibration | None:
    """None under 300 of them. `overlap`: forecasts of one pair that are open at once; these prove as much as one, and
    so do those of all pairs at one instant, for pairs move together."""
    if len(forecasts) < NEEDED:
        return None
    beside = Counter(one.at for one in forecasts)
    points = [(_logit(one.stated), one.rose, 1 / (max(1.0, overlap) * beside[one.at])) for one in forecasts]

    def pull(slope: float) -> float:
        """Of the logarithm of the posterior; falls strictly, so that there is one place where it is nothing."""
        data = fsum(weight * x * (rose - _chance(slope * x)) for x, rose, weight in points)
        return data - (slope - 1) / SPREAD**2

    low, high = LOWEST, HIGHEST
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if pull(middle) > 0 else (low, middle)
    # to six digits: the last ones are the processor's
    return Calibration(len(forecasts), round((low + high) / 2, 6))


def _logit(stated: float) -> float:
    p = min(1 - CLIP, max(CLIP, stated))
    return log(p / (1 - p))


def _chance(logit: float) -> float:
    """Without a power that no float holds."""
    return 1 / (1 + exp(-logit)) if logit >= 0 else 1 - 1 / (1 + exp(logit))
