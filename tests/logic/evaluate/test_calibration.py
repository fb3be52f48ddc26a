"""Stated probabilities against what happened."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import log
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.logic.evaluate.calibration import (
    base_rates,
    brier,
    brier_skill,
    log_loss,
    reliability,
    skill_interval,
)
from semanticsignal.logic.evaluate.recalibration import Resolved

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


def made(stated: list[float], rose: list[bool]) -> list[Resolved]:
    return [Resolved(NOON + n * H4, *pair) for n, pair in enumerate(zip(stated, rose, strict=True))]


def test_what_was_stated_alike_stands_together_by_hand() -> None:
    bins = reliability(made([0.4] * 4 + [0.6] * 6, [True, False, False, False] + [True] * 3 + [False] * 3), H4)

    assert [(one.stated, one.happened, one.forecasts) for one in bins] == [
        (pytest.approx(0.4), 0.25, 4), (pytest.approx(0.6), 0.5, 6),
    ]  # fmt: skip
    assert bins[1].interval == (pytest.approx(0.2213, abs=1e-4), pytest.approx(0.7787, abs=1e-4))


def test_forecasts_that_are_open_at_once_make_a_bin_less_sure() -> None:
    alone, day = (reliability(made([0.5] * 60, [True, False] * 30), ahead)[0] for ahead in (H4, 6 * H4))

    assert alone.effective == pytest.approx(60)
    # one begins every four hours and lasts a day: six beside each other but at both ends
    assert day.effective == pytest.approx(60 / 6, abs=1.5)
    assert day.interval[0] < alone.interval[0] < 0.5 < alone.interval[1] < day.interval[1]


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.35, 0.5, 0.52, 0.7]) | st.floats(0, 1), st.booleans()), max_size=80))
def test_every_forecast_is_in_one_of_ten_bins(pairs: list[tuple[float, bool]]) -> None:
    bins = reliability(made([p for p, _ in pairs], [rose for _, rose in pairs]), H4)

    assert len(bins) <= 10
    assert sum(one.forecasts for one in bins) == len(pairs)
    assert sum(one.forecasts * one.happened for one in bins) == pytest.approx(sum(rose for _, rose in pairs))
    assert all(one.lowest <= one.stated + 1e-9 and one.stated <= one.highest + 1e-9 for one in bins)
    assert all(one.highest < other.lowest for one, other in pairwise(bins))
    assert all(one.interval[0] - 1e-9 <= one.happened <= one.interval[1] + 1e-9 for one in bins)


def test_a_forecaster_who_knows_has_skill_and_one_who_guesses_has_none_that_shows() -> None:
    chance = Random(4)
    rose = [chance.random() < 0.5 for _ in range(400)]
    rates = [0.5] * 400
    knows = skill_interval(made([0.7 if up else 0.3 for up in rose], rose), rates, H4)
    guesses = skill_interval(made([chance.choice([0.49, 0.51]) for _ in rose], rose), rates, H4)

    assert knows and guesses
    assert 0.6 < knows[0] <= 1 - 0.09 / 0.25 <= knows[1] < 0.7
    assert guesses[0] < 0 < guesses[1]
    assert skill_interval(made([0.5] * 7, [True] * 7), [0.5] * 7, H4) is None
    assert skill_interval([], [], H4) is None


@pytest.mark.parametrize("ahead", [H4, 6 * H4])
def test_who_always_says_the_same_never_has_skill_and_who_tilts_to_the_truth_has(ahead: timedelta) -> None:
    """The base rate that is still being learned loses to one half on a coin: that is no knowledge."""
    for seed in range(4):
        chance = Random(seed)
        coin = [chance.random() < 0.5 for _ in range(400)]
        for stated in (0.5, sum(coin) / len(coin)):
            told = made([stated] * len(coin), coin)
            rates = base_rates([(one.at, one.rose) for one in told], ahead)
            low, high = skill_interval(told, rates, ahead) or (1.0, -1.0)
            assert low <= 0 < high
        tilted = made([0.6 if up else 0.4 for up in coin], coin)
        assert (skill_interval(tilted, rates, ahead) or (0.0, 0.0))[0] > 0.2
    always = made([1.0] * 60, [True] * 60)
    assert (skill_interval(always, base_rates([(one.at, True) for one in always], ahead), ahead) or (1.0,))[0] == 0
