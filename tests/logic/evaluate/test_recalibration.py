"""What a stated probability has been worth, against a posterior that is searched by hand."""

import random
from math import exp, log

import pytest

from semanticsignal.logic.evaluate.recalibration import NEEDED, calibration


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


def posterior(points: list[tuple[float, bool]], slope: float) -> float:
    """Logarithm, up to a constant: prior N(1, 1/4) and each forecast's own likelihood."""
    total = -((slope - 1) ** 2) / (2 * 0.25**2)
    for stated, up in points:
        p = min(0.99, max(0.01, stated))
        z = slope * log(p / (1 - p))
        total -= log(1 + exp(-z if up else z))
    return total


def test_below_three_hundred_nothing_is_said() -> None:
    assert calibration(made(1.0, count=NEEDED - 1)) is None
    assert calibration(made(1.0, count=NEEDED)) is not None


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0, 1.6])
def test_it_is_the_top_of_the_posterior(slope: float) -> None:
    points = made(slope, 0.2, count=400)

    found = calibration(points)

    assert found is not None and found.forecasts == 400
    best = posterior(points, found.slope)
    assert all(posterior(points, found.slope + off) < best for off in (-0.01, 0.01))


def test_whoever_says_what_happens_is_believed_and_whoever_boasts_is_not() -> None:
    honest, boasting = calibration(made(1.0)), calibration(made(0.0))

    assert honest is not None and honest.slope == pytest.approx(1, abs=0.15)
    assert boasting is not None and boasting.slope < 0.2


def test_a_market_that_fell_all_the_time_is_nobody_s_fault() -> None:
    calm, falling = calibration(made(1.0)), calibration(made(1.0, -0.5))

    assert calm is not None and falling is not None
    assert falling.slope == pytest.approx(calm.slope, abs=0.15)


def test_forecasts_that_hardly_leave_one_half_prove_little() -> None:
    """Logits of a twentieth: a thousand of them cannot tell a slope of 0 from one of 1."""
    found = calibration(made(0.0, spread=0.05))

    assert found is not None and found.slope > 0.95


def test_certainty_is_cut_where_it_cannot_be_reckoned_with() -> None:
    found = calibration([(1.0, True), (0.0, False)] * 200)

    assert found is not None and 1 < found.slope < 3
