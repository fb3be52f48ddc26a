"""Shapes between swings: drawn ones are found, chance seldom makes them."""

from collections import Counter

import pytest
from drawn import Points, found, names, scaled, through, walk

SEEDS = range(40)


def zig(*levels: float, bars: int = 10) -> Points:
    return [(bars, level) for level in levels]


# The first turn of a series is no swing: nobody knows what came before.
BEFORE: Points = [(10, 4), (10, -3)]
DRAWN: dict[str, Points] = {
    "double_top": [*BEFORE, (16, 14), (9, 6), (9, 14), (13, 3)],
    "triple_top": [*BEFORE, (16, 14), (9, 6), (9, 14), (9, 6), (9, 14), (13, 3)],
    "head_and_shoulders": [*BEFORE, (14, 11), (8, 5), (10, 16), (10, 5), (8, 11), (12, 1)],
    "ascending_triangle": zig(14, 3, 14, 6.5, 14, 10, 12, bars=12),
    "descending_triangle": zig(-14, -3, -14, -6.5, -14, -10, -12, bars=12),
    "symmetrical_triangle": zig(15, -1, 13, 2, 11, 5, 8, bars=12),
    "rising_wedge": zig(9, 1, 12, 6, 15, 11, 14, bars=12),
    "falling_wedge": zig(-9, -1, -12, -6, -15, -11, -14, bars=12),
    "rising_channel": zig(10, 4, 14, 8, 18, 12, 16, bars=10),
    "falling_channel": zig(-10, -4, -14, -8, -18, -12, -16, bars=10),
    "rectangle": zig(10, 0, 10, 0, 10, 0, 5, bars=10),
    "bull_flag": [(8, 3), (8, -1), (8, 14), (9, 11)],
    "higher_highs_and_lows": zig(10, 5, 15, 9, 20, 16, bars=9),
    "spreading_swings": [*BEFORE, *zig(8, 2, 12, -3, 8, bars=9)],
    "narrowing_swings": [*BEFORE, *zig(14, 0, 10, 4, 8, bars=9)],
}
MIRRORED = {
    "double_top": "double_bottom",
    "triple_top": "triple_bottom",
    "head_and_shoulders": "inverse_head_and_shoulders",
    "bull_flag": "bear_flag",
    "higher_highs_and_lows": "lower_highs_and_lows",
}
ALL = DRAWN | {MIRRORED[name]: [(bars, -level) for bars, level in DRAWN[name]] for name in MIRRORED}


@pytest.mark.parametrize("name", ALL)
def test_a_drawn_shape_is_found_in_nine_of_ten(name: str) -> None:
    hits = sum(any(seen.startswith(name) for seen in names(through(ALL[name], seed))) for seed in SEEDS)

    assert hits >= 0.9 * len(SEEDS)


def test_a_broken_triangle_says_where_to() -> None:
    told = [pattern for seed in SEEDS for pattern in found(through([*DRAWN["ascending_triangle"][:-1], (8, 19)], seed))]

    broken = [pattern for pattern in told if pattern.name == "ascending_triangle_break_up"]
    assert len(broken) >= 0.8 * len(SEEDS)
    assert {pattern.direction for pattern in broken} == {"up"}


@pytest.mark.parametrize(("name", "direction"), [("double_top", "down"), ("double_bottom", "up"),
                                                 ("bull_flag", "up"), ("bear_flag", "down")])  # fmt: skip
def test_a_shape_says_where_its_books_expect_the_price(name: str, direction: str) -> None:
    told = {pattern.direction for seed in SEEDS for pattern in found(through(ALL[name], seed)) if pattern.name == name}

    assert told == {direction}


def test_a_top_is_no_top_before_a_close_below_its_valley() -> None:
    unbroken = [*DRAWN["double_top"][:-1], (4, 9)]

    assert not any("double_top" in names(through(unbroken, seed)) for seed in SEEDS)


def test_a_broken_top_is_told_as_long_as_it_is_news() -> None:
    early = [*DRAWN["double_top"], (15, 3)]
    late = [*DRAWN["double_top"], (45, 3)]

    assert any("double_top" in names(through(early, seed)) for seed in SEEDS)
    assert not any("double_top" in names(through(late, seed, noise=0.1)) for seed in SEEDS)


def test_even_peaks_are_believed_more_than_uneven_ones() -> None:
    def mean(second: float) -> float:
        points: Points = [*BEFORE, (16, 14), (9, 6), (9, second), (13, 3)]
        told = [pattern for seed in SEEDS for pattern in found(through(points, seed, noise=0.1))]
        sure = [pattern.confidence_ratio for pattern in told if pattern.name == "double_top"]
        return sum(sure) / len(sure)

    assert mean(14) > mean(12.6) + 0.1


def test_chance_seldom_makes_a_shape() -> None:
    walks = 300
    seen = Counter(name for seed in range(walks) for name in names(walk(seed, 260)))
    shapes = {name for name in ALL if "highs" not in name and "swings" not in name}

    assert all(seen[name] <= 0.12 * walks for name in shapes), seen
    assert sum(seen[name] for name in shapes) <= 0.45 * walks


@pytest.mark.parametrize("by", [1e-8, 1e6])
def test_a_shape_is_the_same_at_any_price(by: float) -> None:
    for seed in range(25):
        candles = walk(seed, 320)
        assert found(scaled(candles, by)) == found(candles)
