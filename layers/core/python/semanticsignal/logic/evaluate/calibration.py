"""Stated probabilities against what happened: is a forecast worth more than the base rate known at the time?"""

from collections.abc import Sequence
from math import log

CLIP = 0.01


def brier(forecasts: Sequence[tuple[float, bool]]) -> float | None:
    """Mean squared error of probabilities (Brier 1950): 0 is perfect, 0.25 is always saying one half."""
    if not forecasts:
        return None
    return sum((p - happened) ** 2 for p, happened in forecasts) / len(forecasts)


def log_loss(forecasts: Sequence[tuple[float, bool]]) -> float | None:
    """Mean negative log likelihood in nats, probabilities clipped to 1…99 %: a sure error costs 4.6, not infinity."""
    if not forecasts:
        return None
    clipped = ((min(1 - CLIP, max(CLIP, p)), happened) for p, happened in forecasts)
    return -sum(log(p if happened else 1 - p) for p, happened in clipped) / len(forecasts)


def base_rates(outcomes: Sequence[bool]) -> list[float]:
    """For each outcome the share of ups among the earlier ones (Laplace: from one half): what was known at the time."""
    rates, ups = [], 0
    for count, happened in enumerate(outcomes):
        rates.append((ups + 1) / (count + 2))
        ups += happened
    return rates


def brier_skill(forecasts: Sequence[tuple[float, bool]]) -> float | None:
    """1 − Brier / Brier of the base rate known at the time: above 0 the forecast adds something."""
    outcomes = [happened for _, happened in forecasts]
    reference = brier(list(zip(base_rates(outcomes), outcomes, strict=True)))
    score = brier(forecasts)
    return None if score is None or not reference else 1 - score / reference
