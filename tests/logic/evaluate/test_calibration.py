"""Stated probabilities against what happened."""

from datetime import UTC, datetime, timedelta
from math import log

import pytest

from semanticsignal.logic.evaluate.calibration import base_rates, brier, brier_skill, log_loss

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
H4 = timedelta(hours=4)


def test_brier_is_the_mean_squared_error_of_a_probability() -> None:
    assert brier([(0.7, True), (0.2, True), (0.5, False)]) == pytest.approx((0.09 + 0.64 + 0.25) / 3)
    assert brier([]) is None


def test_a_sure_error_costs_a_hundredth_not_infinity() -> None:
    assert log_loss([(0.0, True)]) == pytest.approx(-log(0.01))
    assert log_loss([(0.5, False)]) == pytest.approx(log(2))
    assert log_loss([]) is None


def test_the_base_rate_knows_only_what_was_resolved_when_the_forecast_was_made() -> None:
    made = [(NOON + n * H4, True) for n in range(5)]

    one_bar = base_rates(made, H4)
    a_day = base_rates(made, timedelta(hours=24))

    # (ups + 1) / (resolved + 2): one more is resolved at each bar; a day on, none is
    assert one_bar == pytest.approx([1 / 2, 2 / 3, 3 / 4, 4 / 5, 5 / 6])
    assert a_day == [0.5] * 5


def test_two_pairs_at_one_instant_do_not_know_each_other() -> None:
    made = [(NOON, True), (NOON, True), (NOON + H4, False)]

    assert base_rates(made, H4) == pytest.approx([1 / 2, 1 / 2, 3 / 4])


def test_skill_is_zero_for_the_base_rate_itself_and_negative_for_worse() -> None:
    forecasts = [(0.5, True), (2 / 3, False)]
    rates = [0.5, 2 / 3]

    assert brier_skill(forecasts, rates) == pytest.approx(0)
    # 0.81 and 0.81 against 0.25 and 4/9
    assert brier_skill([(0.1, True), (0.9, False)], rates) == pytest.approx(1 - 1.62 / (0.25 + 4 / 9))
    assert brier_skill([], []) is None
