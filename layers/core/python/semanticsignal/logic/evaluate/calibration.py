"""Stated probabilities against what happened: is a forecast worth more than the base rate known at the time?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from math import fsum, log

CLIP = 0.01


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
