"""What a stated probability has been worth: the slope of a logistic recalibration (Cox 1958), held back by a prior.

logit P(up) = slope · logit(stated). Whoever is right as often as they say has 1; below, more is said than known. No
intercept: whether the market rose or fell meanwhile says nothing of whoever forecast it. The maximum of the posterior
under slope ~ N(1, ¼): few forecasts, or ones that hardly leave one half, prove little and change little."""

from collections.abc import Sequence
from math import exp, fsum, log

from ...domain.decision import Calibration

NEEDED = 300
SPREAD = 0.25
CLIP = 0.01
STEPS, CLOSE = 50, 1e-10


def calibration(forecasts: Sequence[tuple[float, bool]]) -> Calibration | None:
    """Of resolved forecasts, stated and whether it went up; None under 300 of them."""
    if len(forecasts) < NEEDED:
        return None
    points = [(_logit(min(1 - CLIP, max(CLIP, stated))), up) for stated, up in forecasts]
    slope, held = 1.0, 1 / SPREAD**2
    for _ in range(STEPS):
        # Newton's step on a strictly concave function
        chances = [1 / (1 + exp(-slope * x)) for x, _ in points]
        pull = fsum((up - p) * x for p, (x, up) in zip(chances, points, strict=True)) - (slope - 1) * held
        step = pull / (fsum(p * (1 - p) * x * x for p, (x, _) in zip(chances, points, strict=True)) + held)
        slope += step
        if abs(step) < CLOSE:
            break
    # to six digits: the last ones are the processor's
    return Calibration(len(forecasts), round(slope, 6))


def _logit(p: float) -> float:
    return log(p / (1 - p))
