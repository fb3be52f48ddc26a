"""What a stated probability has been worth, against a posterior that is searched by hand."""

import random
from datetime import UTC, datetime, timedelta
from math import exp, log

import pytest

from semanticsignal.logic.evaluate.recalibration import NEEDED, Resolved, calibration

START = datetime(2026, 1, 1, tzinfo=UTC)


def at_once(*forecasts: tuple[float, bool], pairs: int = 1) -> list[Resolved]:
    """So many pairs at each instant, four hours apart."""
    return [Resolved(START + timedelta(hours=4) * (n // pairs), *one) for n, one in enumerate(forecasts)]


def made(
    slope: float, drift: float = 0.0, *, count: int = 1000, spread: float = 1.0, seed: int = 3
) -> list[tuple[float, bool]]:
    """Forecasts whose truth is known: stated with that spread of logits, happening at another slope."""
    dice = random.Random(seed)
    found = []
    for _ in range(count):
        x = dice.gauss(0, spread)
        found.append((1 / (1 + exp(-x)), dice.random() < 1 / (1 + exp(-(drift + slope * x)))))
    return found


def posterior(points: list[tuple[float, bool]], slope: float, weight: float = 1.0) -> float:
    """Logarithm, up to a constant: prior N(1, 1/4) and each forecast's own likelihood."""
    total = -((slope - 1) ** 2) / (2 * 0.25**2)
    for stated, up in points:
        p = min(0.99, max(0.01, stated))
        z = slope * log(p / (1 - p)) * (1 if up else -1)
        total -= weight * (log(1 + exp(-z)) if z > -500 else -z)
    return total


def slope_of(forecasts: list[tuple[float, bool]], overlap: float = 1.0, pairs: int = 1) -> float:
    found = calibration(at_once(*forecasts, pairs=pairs), overlap)
    assert found is not None and found.forecasts == len(forecasts)
    return found.slope


def test_below_three_hundred_nothing_is_said() -> None:
    assert calibration(at_once(*made(1.0, count=NEEDED - 1)), 1) is None
    assert calibration(at_once(*made(1.0, count=NEEDED)), 1) is not None


def coin(stated: float, right: float, count: int) -> list[tuple[float, bool]]:
    """Says `stated` up and down by turns, and is right in that share."""
    rights = [n % 100 < 100 * right for n in range(count)]
    return [(stated, is_right) if n % 2 else (1 - stated, not is_right) for n, is_right in enumerate(rights)]


@pytest.mark.parametrize(
    "forecasts",
    [
        made(0.0, 0.2, count=400), made(0.5, 0.2, count=400), made(1.0, 0.2, count=400), made(1.6, 0.2, count=400),
        coin(0.93, 0.5, 400), coin(0.9, 0.4, 300), coin(0.95, 0.5, 600), coin(1.0, 0.5, 1500), coin(1.0, 0.4, 1000),
        [(0.95, False)] * 314, [(0.99, False)] * 314, [(1.0, True), (0.0, False)] * 200,
    ],
)  # fmt: skip
@pytest.mark.parametrize(("overlap", "pairs"), [(1, 1), (6, 1), (6, 10)])
def test_it_is_the_top_of_the_posterior_however_sure_the_words_were(
    forecasts: list[tuple[float, bool]], overlap: float, pairs: int
) -> None:
    """As many as fill their instants, or the weights would be uneven."""
    forecasts = forecasts[: len(forecasts) // pairs * pairs]

    slope = slope_of(forecasts, overlap, pairs)

    weight = 1 / (overlap * pairs)
    best = posterior(forecasts, slope, weight)
    assert all(posterior(forecasts, slope + off, weight) < best for off in (-0.01, 0.01))
    assert -3 < slope < 3


def test_whoever_says_what_happens_is_believed_and_whoever_boasts_is_not() -> None:
    assert slope_of(made(1.0)) == pytest.approx(1, abs=0.15)
    assert slope_of(made(0.0)) < 0.2
    assert slope_of(coin(0.95, 0.5, 600)) < slope_of(coin(0.8, 0.5, 600)) < 0.3, (
        "the more is boasted the less is believed"
    )


def test_a_market_that_fell_all_the_time_is_nobody_s_fault() -> None:
    assert slope_of(made(1.0, -0.5)) == pytest.approx(slope_of(made(1.0)), abs=0.15)


def test_forecasts_that_hardly_leave_one_half_prove_little() -> None:
    """Logits of a twentieth: a thousand of them cannot tell a slope of 0 from one of 1."""
    assert slope_of(made(0.0, spread=0.05)) > 0.95


def test_what_is_open_at_once_and_what_moves_together_proves_as_much_as_one() -> None:
    boasts = coin(0.9, 0.5, 600)

    alone, overlapping, together = slope_of(boasts), slope_of(boasts, 6), slope_of(boasts, 6, 10)

    assert alone < overlapping < together < 1
