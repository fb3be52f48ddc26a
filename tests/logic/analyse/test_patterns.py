"""Crossings, and all kinds together: causal, bounded, free of scale, silent where nothing moves."""

import numpy as np
import pytest
from drawn import bars, found, of, walk
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.domain.analysis import Pattern
from semanticsignal.domain.market import Candles
from semanticsignal.logic.analyse.patterns import FAMILIES, crossing

ONES = np.ones(5)
UP, DOWN = "up", "down"


def test_a_crossing_up_at_the_newest_bar_is_certain() -> None:
    fast = np.array([0.0, 0, 0, 0, 2])

    assert crossing("x", fast, ONES, within=4) == Pattern("x_up", 1.0, (1, 0), UP)


def test_a_crossing_down_two_bars_ago_is_half_believed_in_four() -> None:
    fast = np.array([2.0, 2, 0, 0, 0])

    assert crossing("x", fast, ONES, within=4) == Pattern("x_down", 0.5, (3, 2), DOWN)


def test_the_newest_of_two_crossings_is_told() -> None:
    fast = np.array([0.0, 2, 2, 0, 0])

    assert crossing("x", fast, ONES, within=4) == Pattern("x_down", 0.75, (2, 1), DOWN)


def test_a_crossing_older_than_asked_for_is_not_told() -> None:
    fast = np.array([0.0, 2, 2, 2, 2])

    assert crossing("x", fast, ONES, within=3) is None
    assert crossing("x", fast, ONES, within=4) == Pattern("x_up", 0.25, (4, 3), UP)


def test_no_crossing_is_made_of_what_is_not_known() -> None:
    unknown = np.array([np.nan, np.nan, 2, 2, 2])

    assert crossing("x", unknown, ONES, within=4) is None
    assert crossing("x", ONES, unknown, within=4) is None


def test_through_the_line_by_way_of_the_line_is_one_crossing() -> None:
    fast = np.array([2.0, 2, 1, 0, 0])

    assert crossing("x", fast, ONES, within=4) == Pattern("x_down", 0.75, (2, 1), DOWN)


def test_a_touch_that_turns_back_is_no_crossing() -> None:
    fast = np.array([2.0, 2, 1, 2, 2])

    assert crossing("x", fast, ONES, within=4) is None


def test_one_bar_or_none_cross_nothing() -> None:
    assert crossing("x", ONES[:1], ONES[:1], within=4) is None
    assert crossing("x", ONES[:0], ONES[:0], within=4) is None


def family(name: str) -> str:
    """By the words of a name, for the test alone."""
    words = {
        "divergence": "divergence", "cross": "crossing", "volume": "volume", "climax": "volume", "swings": "structure",
        "highs": "structure", "atr": "volatility", "volatility": "volatility", "squeeze": "volatility",
        "release": "volatility", "rsi": "momentum", "stoch": "momentum", "macd": "momentum", "alignment": "momentum",
    }  # fmt: skip
    if name.startswith("stoch_cross"):
        return "momentum"
    return next((told for word, told in words.items() if word in name), "")


@st.composite
def candles(draw: st.DrawFn) -> Candles:
    """Anything a venue may print: jumps, standstills, bars without volume, prices of any size."""
    count = draw(st.integers(1, 400))
    chance = np.random.default_rng(draw(st.integers(0, 10_000)))
    volatility = draw(st.sampled_from([0.0, 1e-6, 0.01, 0.2]))
    step = chance.normal(0, volatility, count) * (chance.random(count) < draw(st.sampled_from([0.1, 1.0])))
    start = draw(st.sampled_from([1e-9, 1.0, 1e5, 1e10]))
    close = np.clip(start * np.exp(np.cumsum(step)), 1e-12, 1e14)
    volume = draw(st.sampled_from([0.0, 1e-9, 1.0, 1e12])) * chance.random(count).round(draw(st.sampled_from([0, 8])))
    return bars(close, chance, draw(st.sampled_from([0.0, 0.001])), volume)


@given(candles())
def test_every_pattern_of_any_candles_is_bounded(some: Candles) -> None:
    told = found(some)

    assert len(told) <= 25 == sum(most for _, most in FAMILIES.values())
    assert len({(pattern.name, pattern.bars) for pattern in told}) == len(told)
    for pattern in told:
        assert 0 <= pattern.confidence_ratio <= 1
        assert pattern.direction in {"up", "down", "none"}
        assert list(pattern.bars) == sorted(pattern.bars, reverse=True)
        assert pattern.bars[-1] >= 0 and pattern.bars[0] < len(some)
        oldest, _ = FAMILIES.get(family(pattern.name), FAMILIES["shape"])
        assert pattern.bars[-1] <= oldest


@given(seed=st.integers(0, 10_000), count=st.integers(1, 500), more=st.integers(1, 60))
def test_what_is_told_of_a_bar_does_not_change_when_later_bars_arrive(seed: int, count: int, more: int) -> None:
    chance = np.random.default_rng(seed)
    whole = bars(100 * np.exp(np.cumsum(chance.normal(0, 0.01, count + more))), chance, 0.003)
    columns = (whole.open, whole.high, whole.low, whole.close, whole.volume)
    alone = of(*(np.array(column)[:count] for column in columns))

    assert found(whole[:count]) == found(alone)


def test_a_completed_shape_grows_old_bar_by_bar_with_the_same_bars() -> None:
    events = {"double_top", "double_bottom", "head_and_shoulders", "volume_spike", "rsi_bearish_divergence"}
    checked = 0
    for seed in range(30):
        whole = walk(seed, 330)
        now = [pattern for pattern in found(whole[:329]) if pattern.name in events and pattern.bars[-1] == 0]
        after = found(whole)
        for pattern in now:
            older = tuple(bars + 1 for bars in pattern.bars)
            again = [one for one in after if one.name == pattern.name]
            # it may be over (a close beyond it) or give way to a newer one, but not be redrawn
            assert all(one.bars == older or one.bars[-1] == 0 for one in again)
            checked += len(again)
    assert checked


@pytest.mark.parametrize("by", [2.0**-27, 2.0**20])
@given(seed=st.integers(0, 10_000), count=st.integers(1, 400))
def test_patterns_know_no_unit_of_price(by: float, seed: int, count: int) -> None:
    some = walk(seed, count)
    prices = (np.asarray(column) * by for column in (some.open, some.high, some.low, some.close))

    assert found(of(*prices, np.asarray(some.volume))) == found(some)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 13])
def test_few_bars_show_nothing(count: int) -> None:
    assert found(walk(1, count)) == ()


@pytest.mark.parametrize("price", [1e-9, 0.1, 100.0, 7e12])
def test_a_market_that_stands_still_shows_nothing(price: float) -> None:
    still = np.full(600, price)

    assert found(of(still, still, still, still, np.full(600, 3.0))) == ()


def test_families_come_in_their_order_the_newest_and_then_the_strongest_first() -> None:
    for seed in range(40):
        told = [pattern for pattern in found(walk(seed, 700)) if family(pattern.name) == "divergence"]
        assert told == sorted(told, key=lambda pattern: (pattern.bars[-1], -pattern.confidence_ratio, pattern.name))
