"""Support and resistance on bars one can check with a pencil."""

import numpy as np
import pytest

from semanticsignal.domain.analysis import Level
from semanticsignal.logic.analyse.levels import levels


def tent(peaks: dict[int, float], bars: int, base: float = 100.0, slope_a_bar: float = 0.1) -> np.ndarray:
    """A line that falls off by the slope from each named extreme toward `base`."""
    line = np.full(bars, base)
    for at, price in peaks.items():
        slope = np.abs(np.arange(bars) - at) * slope_a_bar
        line = np.maximum(line, price - slope) if price > base else np.minimum(line, price + slope)
    return line + np.linspace(0, 1e-6, bars)  # no two bars the same: a plateau would be many swings


def test_a_swing_high_above_the_close_is_resistance_with_its_age() -> None:
    high = tent({20: 110.0}, 41)

    found = levels(high, high - 50, 100.0, atr=1.0)

    assert [(x.kind, round(x.price, 4), x.touches, x.bars_ago) for x in found if x.kind == "resistance"] == [
        ("resistance", 110.0, 1, 20)
    ]


def test_a_swing_low_below_the_close_is_support() -> None:
    low = tent({30: 90.0}, 41)

    found = levels(low + 50, low, 100.0, atr=1.0)

    assert [(x.kind, round(x.price, 4), x.touches, x.bars_ago) for x in found if x.kind == "support"] == [
        ("support", 90.0, 1, 10)
    ]


def test_swings_within_half_an_atr_are_one_level_at_their_mean() -> None:
    high = tent({10: 110.0, 30: 110.4}, 41)

    apart = [x for x in levels(high, high - 50, 100.0, atr=0.6) if x.price > 100]
    together = [x for x in levels(high, high - 50, 100.0, atr=1.0) if x.price > 100]

    assert [round(x.price, 3) for x in apart] == [110.0, 110.4]
    assert [(round(x.price, 3), x.touches, x.bars_ago) for x in together] == [(110.2, 2, 10)]


def test_a_level_tells_the_volume_of_the_bars_that_made_it_against_all() -> None:
    """Two touches on 3 and 5 where the others trade 1: 4 against a mean of 47/41."""
    high = tent({10: 110.0, 30: 110.4}, 41)
    traded = np.ones(41)
    traded[10], traded[30] = 3.0, 5.0

    (told,) = [x for x in levels(high, high - 50, 100.0, atr=1.0, traded=traded) if x.price > 100]

    assert told.volume_ratio == pytest.approx(4 / (47 / 41))


def test_where_nothing_was_traded_a_level_has_no_volume() -> None:
    high = tent({20: 110.0}, 41)

    assert {x.volume_ratio for x in levels(high, high - 50, 100.0, atr=1.0, traded=np.zeros(41))} == {None}
    assert {x.volume_ratio for x in levels(high, high - 50, 100.0, atr=1.0)} == {None}


def test_the_newest_five_bars_hold_no_swing_yet() -> None:
    high = tent({36: 110.0}, 41)
    older = tent({35: 110.0}, 41)

    assert not [x for x in levels(high, high - 50, 100.0, atr=1.0) if x.price > 105]
    assert [x.bars_ago for x in levels(older, older - 50, 100.0, atr=1.0) if x.price > 105] == [5]


def test_the_nearest_three_of_each_kind_are_kept_nearest_first() -> None:
    high = tent({10: 140.0, 30: 130.0, 50: 120.0, 70: 110.0}, 81, base=50.0, slope_a_bar=2.0)

    found = [round(x.price) for x in levels(high, high - 100, 100.0, atr=1.0) if x.kind == "resistance"]

    assert found == [110, 120, 130]


def test_the_close_itself_is_support_and_a_level_is_never_on_the_wrong_side() -> None:
    dice = np.random.default_rng(4)
    close = 100 * np.exp(np.cumsum(dice.normal(0, 0.01, 400)))

    for price in close[50::50]:
        for level in levels(close * 1.004, close * 0.996, float(price), atr=0.8):
            assert (level.kind == "support") == (level.price <= price)


def test_without_movement_or_bars_there_are_no_levels() -> None:
    flat = np.full(50, 100.0)
    nothing: tuple[Level, ...] = ()

    assert levels(flat, flat, 100.0, atr=0.0) == nothing
    assert levels(flat, flat, 100.0, atr=None) == nothing
    assert levels(flat[:10], flat[:10] - 1, 100.0, atr=1.0) == nothing
