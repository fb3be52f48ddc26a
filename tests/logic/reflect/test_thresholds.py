"""Which way each threshold moves, how far, and that none of them ever loosens a limit."""

from collections.abc import Iterable
from dataclasses import replace
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import BTC, H4, MONDAY, settings

from semanticsignal.domain.learning import Conditions, Experience, Statistics, Threshold
from semanticsignal.domain.policy import Settings
from semanticsignal.domain.trading import ExitReason, Side
from semanticsignal.logic.analyse import conditions
from semanticsignal.logic.reflect import tally
from semanticsignal.logic.reflect.thresholds import learned

BARE = Experience(
    id="e", trade_id="t", symbol=BTC, side=Side.LONG, opened_at=MONDAY, closed_at=MONDAY + H4,
    conditions=Conditions({}, {}), regime="bull trending", confidence_ratio=0.6, insight="", return_ratio=0.0,
    r_multiple=None, is_win=False, exit_reason=ExitReason.STOP, mae_ratio=0.0, mfe_ratio=0.0,
)  # fmt: skip
DEFAULTS = {
    "min_reward_risk": 1.5, "min_reward_risk_chop": 1.2, "min_confidence_ratio": 0.55, "min_confluences": 3,
    "min_confluences_weak": 4, "adx_strong": 25.0, "adx_weak": 20.0, "recommended_reward_risk": 2.0,
    "strong_reward_risk": 2.5, "typical_stop_ratio": 0.025, "safe_mae_ratio": 0.025, "min_size_ratio": 0.02,
    "reduce_mixed_ratio": 0.0, "reduce_divergent_ratio": 0.0,
}  # fmt: skip
BOUNDS = {
    "min_reward_risk": (1.5, 2.5), "min_reward_risk_chop": (1.2, 2.2), "min_confidence_ratio": (0.55, 0.7),
    "min_confluences": (3, 5), "min_confluences_weak": (4, 6), "adx_strong": (22, 27), "adx_weak": (18, 22),
    "recommended_reward_risk": (1.5, 2.5), "strong_reward_risk": (2.0, 3.0), "typical_stop_ratio": (0.005, 0.1),
    "safe_mae_ratio": (0.005, 0.1), "min_size_ratio": (0.01, 0.02), "reduce_mixed_ratio": (0.0, 0.4),
    "reduce_divergent_ratio": (0.0, 0.5),
}  # fmt: skip
LIMITS = ("min_reward_risk", "min_reward_risk_chop", "min_confidence_ratio", "min_confluences", "min_confluences_weak")


def lived(*returns: float, labels: dict[str, str] | None = None, **known: Any) -> list[Experience]:
    one = replace(BARE, conditions=Conditions(labels or {}, {}), **known)
    return [replace(one, return_ratio=value, is_win=value > 0) for value in returns]


def won(n: int, **known: Any) -> list[Experience]:
    """Nearly alike, 2 % each."""
    return lived(*[0.018, 0.022] * (n // 2), **known)


def lost(n: int, **known: Any) -> list[Experience]:
    """Nearly alike, -1 % each."""
    return lived(*[-0.008, -0.012] * (n // 2), **known)


def even(n: int, **known: Any) -> list[Experience]:
    """As much won as lost."""
    return lived(*[0.01, -0.01] * (n // 2), **known)


def statistics(past: Iterable[Experience]) -> Statistics:
    return tally.folded(Statistics(), enumerate(past, 1))


def found(past: Iterable[Experience], under: Settings | None = None) -> dict[str, Threshold]:
    return {one.name: one for one in learned(statistics(past), under or settings())}


def values(past: Iterable[Experience], under: Settings | None = None) -> dict[str, float]:
    return {name: one.value for name, one in found(past, under).items()}


def test_without_evidence_each_stands_at_its_default() -> None:
    assert values([]) == DEFAULTS
    assert {one.trades for one in found([]).values()} == {0}
    assert {one.low for one in found([]).values()} == {None}


def test_the_defaults_are_the_settings_in_force() -> None:
    mine = settings(risk__min_reward_risk=2.2, risk__min_confidence_ratio=0.6, risk__max_stop_ratio=0.02)

    moved = values([], mine)

    assert (moved["min_reward_risk"], moved["min_confidence_ratio"]) == (2.2, 0.6)
    assert moved["recommended_reward_risk"] == 2.2  # not below what is required
    assert moved["typical_stop_ratio"] == 0.02


def test_trends_are_strong_and_weak_where_conditions_say_so() -> None:
    assert (DEFAULTS["adx_strong"], DEFAULTS["adx_weak"]) == (conditions.ADX_STRONG, conditions.ADX_WEAK)


# --- Bars -----------------------------------------------------------------------------------------------------------


def test_losing_at_low_reward_over_risk_raises_the_bar() -> None:
    """Twenty lost between 1.5 and 1.6: half of the way to 1.6."""
    one = found([*lost(20, reward_risk=1.55), *won(20, reward_risk=2.2)])["min_reward_risk"]

    assert one.value == pytest.approx(1.55)
    assert (one.default, one.trades) == (1.5, 20)
    assert one.low is not None and one.high is not None
    assert -0.012 < one.low < one.high < 0


def test_four_losses_under_the_bar_do_not_lower_it() -> None:
    assert values([*lost(4, reward_risk=1.25), *won(20, reward_risk=2.0)])["min_reward_risk"] == 1.5
    assert values(lost(40, reward_risk=1.25))["min_reward_risk"] == 1.5


def test_winning_at_low_reward_over_risk_lowers_nothing() -> None:
    assert values(won(500, reward_risk=1.5))["min_reward_risk"] == 1.5


def test_the_bar_rises_to_where_the_losses_end() -> None:
    """Lost up to 1.8, won above: with 60 trades three quarters of the way from 1.5 to 1.8."""
    past = [trade for rr in (1.55, 1.65, 1.75) for trade in lost(20, reward_risk=rr)]

    assert values([*past, *won(40, reward_risk=1.85)])["min_reward_risk"] == pytest.approx(1.725)


def test_what_was_lost_in_a_ranging_market_raises_the_bar_of_those_alone() -> None:
    past = lost(20, reward_risk=1.25, regime="neutral ranging")

    moved = values(past)

    assert moved["min_reward_risk_chop"] == pytest.approx(1.25)
    assert moved["min_reward_risk"] == 1.5
    assert values(lost(20, reward_risk=1.55, regime="bull volatile"))["min_reward_risk"] > 1.5


def test_losses_that_chance_explains_move_no_bar() -> None:
    past = lived(*[0.02, -0.021] * 10, reward_risk=1.55)

    assert values(past)["min_reward_risk"] == 1.5


def test_where_everything_loses_alike_reward_over_risk_is_not_to_blame() -> None:
    past = [*lost(200, reward_risk=1.55), *lost(200, reward_risk=2.9)]

    assert values(past)["min_reward_risk"] == 1.5


@pytest.mark.parametrize(("losses", "is_moved"), [(8, False), (10, True)])
def test_ten_trades_are_the_fewest(losses: int, is_moved: bool) -> None:
    assert (values(lost(losses, reward_risk=1.55))["min_reward_risk"] > 1.5) is is_moved


def test_no_bar_rises_by_more_than_its_bound() -> None:
    past = [trade for tenth in range(15, 30) for trade in lost(400, reward_risk=tenth / 10)]

    assert 2.4 < values([*past, *won(40, reward_risk=3.5)])["min_reward_risk"] <= 2.5


def test_losing_at_low_confidence_raises_what_is_needed() -> None:
    one = found([*lost(20, confidence_ratio=0.57), *won(20, confidence_ratio=0.8)])["min_confidence_ratio"]

    assert one.value == pytest.approx(0.575)


def test_winning_at_high_confidence_lowers_nothing() -> None:
    assert values(won(200, confidence_ratio=0.9))["min_confidence_ratio"] == 0.55


def test_losing_with_few_factors_asks_for_more_of_them() -> None:
    three = {"trend": 80.0, "momentum": 80.0, "volume": 80.0}
    past = [
        *lost(60, factors=three, labels={"adx": "high"}),
        *won(40, factors={**three, "levels": 80.0}, labels={"adx": "high"}),
    ]

    moved = values(past)

    assert moved["min_confluences"] == 4
    assert moved["min_confluences_weak"] == 4  # says nothing of weak trends


def test_losing_with_four_factors_while_adx_is_low_asks_for_five() -> None:
    four = dict.fromkeys(("trend", "momentum", "volume", "levels"), 80.0)

    moved = values(lost(60, factors=four, labels={"adx": "low"}))

    assert (moved["min_confluences_weak"], moved["min_confluences"]) == (5, 3)


# --- What is told ---------------------------------------------------------------------------------------------------


def test_a_medium_adx_that_earns_more_than_a_high_one_is_strong_earlier() -> None:
    """Two deviations apart and forty of each: two thirds of the way from 25 to 22."""
    past = [*won(40, labels={"adx": "medium"}), *lost(40, labels={"adx": "high"})]

    assert values(past)["adx_strong"] == 23.0


def test_a_medium_adx_that_earns_less_is_strong_later() -> None:
    past = [*lost(40, labels={"adx": "medium"}), *won(40, labels={"adx": "high"})]

    assert values(past)["adx_strong"] == 26.5  # two thirds of two, to the half


@pytest.mark.parametrize(("low", "medium", "value"), [(lost, won, 21.5), (won, lost, 18.5), (even, even, 20.0)])
def test_a_weak_trend_reaches_as_far_as_it_loses(low: Any, medium: Any, value: float) -> None:
    assert values([*low(40, labels={"adx": "low"}), *medium(40, labels={"adx": "medium"})])["adx_weak"] == value


def test_weak_and_strong_never_cross() -> None:
    past = [
        *lost(4000, labels={"adx": "low"}),
        *won(4000, labels={"adx": "medium"}),
        *lost(4000, labels={"adx": "high"}),
    ]
    moved = values(past)

    assert moved["adx_weak"] <= 22 <= moved["adx_strong"]


@pytest.mark.parametrize(("cheap", "dear", "value"), [(lost, won, 2.3), (won, lost, 1.7), (even, even, 2.0)])
def test_the_recommended_reward_over_risk_follows_what_earned(cheap: Any, dear: Any, value: float) -> None:
    past = [*cheap(40, reward_risk=1.85), *dear(40, reward_risk=2.15)]

    assert values(past)["recommended_reward_risk"] == value


def test_what_is_recommended_is_never_less_than_what_is_required() -> None:
    past = [*won(4000, reward_risk=1.6), *lost(4000, reward_risk=2.6)]
    moved = values(past, settings(risk__min_reward_risk=1.9))

    assert moved["recommended_reward_risk"] >= 1.9
    assert moved["strong_reward_risk"] >= 2.0


def test_a_step_down_does_not_step_over_what_is_required() -> None:
    """From 2.0 seven hundredths are left, which are nearer to a tenth than to none."""
    past = [*won(4000, reward_risk=1.95), *lost(4000, reward_risk=2.6)]

    assert values(past, settings(risk__min_reward_risk=1.93))["recommended_reward_risk"] == 1.93


def test_the_typical_stop_is_that_of_winners() -> None:
    """The middle of the band from 4 % is 4.125 %, with twenty of them half of the way from 2.5 %."""
    one = found([*won(20, stop_ratio=0.04), *lost(40, stop_ratio=0.01)])["typical_stop_ratio"]

    assert one.value == pytest.approx(0.033125)
    assert one.trades == 20


def test_the_stops_of_winners_do_not_ratchet_down() -> None:
    """Whoever takes over what was told stays there; no stop is ever refused for it."""
    past, told = [], []
    for _ in range(30):
        stop = values(past)["typical_stop_ratio"]
        past += won(10, stop_ratio=stop)
        told.append(stop)

    assert min(told) >= 0.025 - 0.00125  # half a band
    assert not [one for one in learned(statistics(past), settings()) if "max" in one.name]


def test_what_winners_went_through_is_safe() -> None:
    """Nine of ten within the band to 1 %; with twenty winners half of the way from 2.5 %."""
    past = [*won(18, mae_ratio=-0.009), *won(2, mae_ratio=-0.05)]

    assert values(past)["safe_mae_ratio"] == pytest.approx((0.025 + 0.00875) / 2)


def test_losers_say_nothing_of_what_winners_went_through() -> None:
    assert values(lost(100, mae_ratio=-0.08))["safe_mae_ratio"] == 0.025


def test_losing_small_positions_do_not_raise_the_floor() -> None:
    assert values([*lost(100, size_ratio=0.02), *won(20, size_ratio=0.09)])["min_size_ratio"] == 0.02


def test_small_positions_that_earn_lower_the_floor() -> None:
    assert values([*won(100, size_ratio=0.02), *lost(20, size_ratio=0.09)])["min_size_ratio"] < 0.02
    assert values([*won(100, size_ratio=0.09), *lost(20, size_ratio=0.02)])["min_size_ratio"] == 0.02


# --- Sizes ----------------------------------------------------------------------------------------------------------


def test_mixed_trends_that_earn_less_are_entered_smaller() -> None:
    """2 % aligned, 1.5 % mixed: a quarter less, of which two thirds with forty of each."""
    past = [
        *won(40, labels={"alignment": "bull"}),
        *lived(*[0.0145, 0.0155] * 20, labels={"alignment": "mixed"}),
    ]
    moved = values(past)

    assert moved["reduce_mixed_ratio"] == pytest.approx(0.25 * 2 / 3, abs=1e-6)
    assert moved["reduce_divergent_ratio"] == 0.0


def test_trades_against_all_trends_that_lose_are_entered_at_most_half_smaller() -> None:
    past = [*won(4000, labels={"alignment": "bull"}), *lost(4000, labels={"alignment": "bear"})]

    assert 0.49 < values(past)["reduce_divergent_ratio"] <= 0.5


def test_mixed_trends_that_earn_more_are_entered_no_larger() -> None:
    past = [*even(40, labels={"alignment": "bull"}), *won(40, labels={"alignment": "mixed"})]

    assert values(past)["reduce_mixed_ratio"] == 0.0


def test_where_aligned_trades_lose_there_is_nothing_to_compare_with() -> None:
    past = [*lost(40, labels={"alignment": "bull"}), *lived(*[-0.03, -0.031] * 20, labels={"alignment": "mixed"})]

    assert values(past)["reduce_mixed_ratio"] == 0.0


# --- Whatever was lived ---------------------------------------------------------------------------------------------


# On a grid of binary fractions, so that sums are exact and a thing told twice is the same thing.
RETURNS = st.integers(-512, 1024).map(lambda n: n / 8192)
GROUPS = st.lists(
    st.tuples(
        st.lists(RETURNS, min_size=1, max_size=12),
        st.fixed_dictionaries(
            {
                "regime": st.sampled_from(["bull trending", "bear volatile", "neutral ranging"]),
                "side": st.sampled_from(Side),
                "confidence_ratio": st.sampled_from([0.5, 0.56, 0.62, 0.71, 0.9]),
                "reward_risk": st.sampled_from([1.25, 1.55, 1.85, 2.15, 2.65, 4.0]),
                "stop_ratio": st.sampled_from([0.004, 0.012, 0.026, 0.07, 0.2]),
                "size_ratio": st.sampled_from([0.01, 0.04, 0.09]),
                "mae_ratio": st.sampled_from([-0.001, -0.01, -0.06]),
                "factors": st.integers(0, 6).map(lambda n: dict.fromkeys(tally.FACTORS[:n], 80.0) | {"levels": 10.0}),
            }
        ),
        st.fixed_dictionaries(
            {"adx": st.sampled_from(["low", "medium", "high"]), "alignment": st.sampled_from(["bull", "bear", "mixed"])}
        ),
    ),
    max_size=8,
)  # fmt: skip
Groups = list[tuple[list[float], dict[str, Any], dict[str, str]]]


def past_of(groups: Groups, times: int = 1) -> list[Experience]:
    return [trade for returns, known, labels in groups for trade in lived(*(returns * times), labels=labels, **known)]


@given(GROUPS, st.integers(1, 30))
def test_none_is_ever_looser_than_its_setting_or_beyond_its_bounds(groups: Groups, times: int) -> None:
    for name, one in found(past_of(groups, times)).items():
        low, high = BOUNDS[name]
        assert low <= one.value <= high, name
        assert one.default == DEFAULTS[name], name
        if name in LIMITS or name.startswith("reduce"):
            assert one.value >= one.default, name
        if name == "min_size_ratio":
            assert one.value <= one.default


@given(
    GROUPS, st.integers(1, 30), st.floats(0.5, 3), st.floats(0.3, 0.95),
    st.tuples(st.floats(0.001, 0.02), st.floats(0.03, 0.2)),
)  # fmt: skip
def test_whatever_the_settings_are(
    groups: Groups, times: int, required: float, stated: float, stops: tuple[float, float]
) -> None:
    under = settings(
        risk__min_reward_risk=required, risk__min_reward_risk_chop=required, risk__min_confidence_ratio=stated,
        risk__min_stop_ratio=stops[0], risk__max_stop_ratio=stops[1],
    )  # fmt: skip

    moved = values(past_of(groups, times), under)

    assert required <= moved["min_reward_risk"] <= required + 1
    assert required <= moved["min_reward_risk_chop"] <= required + 1
    assert stated <= moved["min_confidence_ratio"] <= min(stated + 0.15, 1.0)
    assert moved["recommended_reward_risk"] >= required - 1e-6
    assert stops[0] - 1e-6 <= moved["typical_stop_ratio"] <= stops[1] + 1e-6
    assert stops[0] - 1e-6 <= moved["safe_mae_ratio"] <= stops[1] + 1e-6


@given(GROUPS, st.integers(1, 12), st.integers(2, 12))
def test_more_evidence_of_the_same_moves_at_least_as_far_the_same_way(groups: Groups, some: int, more: int) -> None:
    once, again = found(past_of(groups, some)), found(past_of(groups, some * more))

    for name, one in once.items():
        moved, after = one.value - one.default, again[name].value - one.default
        assert abs(after) >= abs(moved) - 1e-6, name
        assert moved * after >= 0, name


@given(GROUPS)
def test_what_moved_says_of_how_many_trades_and_between_what(groups: Groups) -> None:
    for one in found(past_of(groups)).values():
        if one.value != one.default:
            assert one.trades >= 10
            assert one.low is not None and one.high is not None
            assert -inf < one.low <= one.high < inf
