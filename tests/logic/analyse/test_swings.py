"""Swings: known only after the price has turned, and then for good."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.logic.analyse.swings import Swing, zigzag


def turns(prices: list[float], reach: float) -> list[Swing]:
    return zigzag(prices, prices, prices, [reach] * len(prices))


def test_a_swing_is_known_at_the_close_that_has_turned_far_enough() -> None:
    assert turns([5, 3, 1, 2, 4, 6, 5, 3], reach=2) == [Swing(2, 1, False, 4), Swing(5, 6, True, 7)]


def test_the_first_turn_is_left_out() -> None:
    assert turns([5, 3, 1], reach=2) == []


def test_of_equal_extremes_the_first_is_the_swing() -> None:
    assert turns([5, 1, 1, 1, 4], reach=2) == [Swing(1, 1, False, 4)]


def test_a_wick_makes_the_extreme_and_a_close_the_turn() -> None:
    high, low, close = [6.0, 4, 4, 5], [5.0, 1, 3, 3], [5.0, 3.5, 3.5, 4.5]

    assert zigzag(high, low, close, [2.0] * 4) == [Swing(1, 1, False, 2)]


def test_where_the_reach_is_not_known_or_nothing_there_is_no_swing() -> None:
    prices = [5.0, 1, 5, 1, 5]

    assert turns(prices, float("nan")) == turns(prices, 0.0) == []
    assert turns([], 1.0) == []


@given(seed=st.integers(0, 10_000), bars=st.integers(1, 150), more=st.integers(1, 60), reach=st.floats(0.5, 5))
def test_a_known_swing_stays_when_later_bars_arrive(seed: int, bars: int, more: int, reach: float) -> None:
    prices = np.random.default_rng(seed).normal(0, 1, bars + more).cumsum().tolist()

    then, now = turns(prices[:bars], reach), turns(prices, reach)

    assert now[: len(then)] == then
    assert all(swing.known >= bars for swing in now[len(then) :])


@given(seed=st.integers(0, 10_000), reach=st.floats(0.5, 5))
def test_highs_and_lows_come_in_turn_and_lie_a_reach_apart(seed: int, reach: float) -> None:
    found = turns(np.random.default_rng(seed).normal(0, 1, 200).cumsum().tolist(), reach)

    for one, other in pairwise(found):
        assert one.is_high != other.is_high and one.at < other.at and one.known <= other.known
        assert abs(other.price - one.price) >= reach
