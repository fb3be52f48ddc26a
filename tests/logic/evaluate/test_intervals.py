"""How sure a figure is: by hand, by what must hold of any record, and against what is known of made-up ones."""

from datetime import UTC, datetime, timedelta
from math import comb, fsum, sqrt
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semanticsignal.domain.odds import Interval, Z, independent, wilson
from semanticsignal.logic.evaluate.intervals import (
    ahead_of,
    bootstrap,
    long_run_variance,
    of_results,
    sharpe,
)

MONDAY, HOUR = datetime(2026, 11, 23, tzinfo=UTC), timedelta(hours=1)
results = st.lists(st.floats(-3, 5), min_size=9, max_size=60)


def open_during(*hours: tuple[float, float]) -> float:
    return independent([(MONDAY + begin * HOUR, MONDAY + end * HOUR) for begin, end in hours])


def mean_interval(rows: list[float], effective: float | None = None) -> Interval | None:
    n = len(rows)
    return bootstrap([rows], [lambda of: of[0] / n], effective=effective or n)[0]


def test_trades_that_are_open_at_once_count_for_less_by_hand() -> None:
    assert open_during((0, 4), (4, 8), (10, 12)) == pytest.approx(3)
    assert open_during((0, 4), (0, 4)) == pytest.approx(1)
    # two hours alone and two beside the other, each: three quarters of a trade twice
    assert open_during((0, 4), (2, 6)) == pytest.approx(1.5)
    # a trade within another: 2/8 alone at half each leave the long one 7/8, the short one a half
    assert open_during((0, 8), (3, 5)) == pytest.approx(7 / 8 + 1 / 2)
    assert open_during((1, 1)) == 1
    assert open_during() == 0


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20)), min_size=1, max_size=30), st.randoms())
def test_independent_trades_are_one_at_least_and_all_at_most_in_whatever_order(
    spans: list[tuple[int, int]], chance: Random
) -> None:
    hours = [(float(begin), float(begin + length)) for begin, length in spans]
    found = open_during(*hours)
    chance.shuffle(hours)

    assert 1 - 1e-9 <= found <= len(hours)
    assert open_during(*hours) == pytest.approx(found)


@settings(max_examples=25)
@given(results)
def test_the_interval_holds_the_figure_and_is_the_same_each_time(rows: list[float]) -> None:
    found = mean_interval(rows)

    assert found is not None
    assert found[0] <= fsum(rows) / len(rows) <= found[1]
    assert mean_interval(list(rows)) == found


@pytest.mark.parametrize("results", [[-1.02] * 8, [2.0] * 30, [0.5, 0.1] * 10, [0.0, -1.0] * 10, []])
def test_where_none_has_won_or_none_has_lost_nothing_is_told_from_luck(results: list[float]) -> None:
    assert of_results(results, float(len(results))) == (None, None)


@pytest.mark.parametrize(("won", "n"), [(4, 8), (4, 12), (4, 20), (2, 12), (1, 8)])
def test_a_system_without_an_edge_is_seldom_said_to_lose(won: int, n: int) -> None:
    """Of all records of one that wins so many times what it loses, as often as makes it fair: their share by the
    binomial."""
    fair, said, chance = 1 / (won + 1), 0.0, Random(3)
    for wins in range(n + 1):
        results = [float(won)] * wins + [-1.0] * (n - wins)
        chance.shuffle(results)
        between = of_results(results, float(n))[0]
        if between and between[1] < 0:
            said += comb(n, wins) * fair**wins * (1 - fair) ** (n - wins)

    assert said <= 0.07


def test_one_more_of_the_worst_and_of_the_best_lies_within_the_interval() -> None:
    """Twelve trades of which three are always open at once: as many more as are open."""
    mean, factor = of_results([2.0, -1.0] * 6, 4.0 * 2)
    low, high = (6 - 1.5) / 13.5, (6 + 3) / 13.5

    assert mean and factor
    assert mean[0] < low and high < mean[1]
    assert factor[0] < 12 / (6 + 1.5) and factor[1] > (12 + 3) / 6


def test_few_independent_trades_have_no_interval() -> None:
    assert mean_interval([1.0, -1.0] * 10, effective=7.9) is None
    assert mean_interval([1.0]) is None


def test_a_figure_that_has_no_end_has_no_interval() -> None:
    wins, losses = [1.0] * 20, [0.0] * 19 + [1.0]
    found = bootstrap([wins, losses], [lambda of: of[0] / of[1] if of[1] else float("inf")], effective=20)

    assert found == [None]


def test_nine_in_ten_intervals_of_a_known_mean_hold_it() -> None:
    """Of 24 results that do not know of each other: within four standard errors of what is promised."""
    chance, held = Random(8), 0
    for _ in range(150):
        found = mean_interval([chance.gauss(0.2, 1.3) for _ in range(24)])
        held += found is not None and found[0] <= 0.2 <= found[1]

    assert held / 150 == pytest.approx(0.9, abs=0.1)


def test_results_that_follow_one_another_are_less_sure_than_shuffled_ones() -> None:
    rows = [1.0 if n // 20 % 2 else -1.0 for n in range(400)]
    shuffled = list(rows)
    Random(3).shuffle(shuffled)
    together, apart = mean_interval(rows), mean_interval(shuffled)

    assert together and apart
    assert together[1] - together[0] > 1.8 * (apart[1] - apart[0])


def test_a_long_record_is_as_sure_as_the_normal_says() -> None:
    chance = Random(5)
    rows = [chance.gauss(0, 1) for _ in range(9_001)]
    found = mean_interval(rows)

    assert found is not None
    assert found[1] - found[0] == pytest.approx(2 * 1.645 / sqrt(9_001), rel=0.12)


def test_the_error_of_a_sharpe_ratio_without_memory_is_mertens() -> None:
    """Against moments reckoned apart: 1 − skew·SR + (kurtosis − 1)/4·SR², over n."""
    chance = Random(11)
    changes = [chance.gauss(0.3, 1) + (6 if chance.random() < 0.05 else 0) for _ in range(4_000)]
    found = sharpe(changes)
    mean = sum(changes) / len(changes)
    second, third, fourth = (sum((x - mean) ** power for x in changes) / len(changes) for power in (2, 3, 4))
    ratio, skew, kurtosis = mean / sqrt(second), third / second**1.5, fourth / second**2
    mertens = sqrt((1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2) / len(changes))

    assert found is not None
    assert found.value == pytest.approx(ratio, rel=1e-3)
    assert found.error == pytest.approx(mertens, rel=0.12)
    assert found.needed == pytest.approx((1.645 * found.error * sqrt(len(changes)) / ratio) ** 2, rel=1e-3)


def test_returns_that_carry_on_make_a_sharpe_ratio_less_sure() -> None:
    chance, last, changes = Random(2), 0.0, []
    for _ in range(3_000):
        last = 0.6 * last + chance.gauss(0, 1)
        changes.append(0.05 + last)
    apart = list(changes)
    chance.shuffle(apart)
    carried, shuffled = sharpe(changes), sharpe(apart)

    # an autocorrelation of 0.6 doubles the error: √((1 + 0.6) / (1 − 0.6))
    assert carried and shuffled
    assert carried.error / shuffled.error == pytest.approx(2, abs=0.35)


def test_a_ratio_that_is_not_above_zero_is_never_told_from_it_by_waiting() -> None:
    found = sharpe([0.01, -0.02] * 40)

    assert found is not None
    assert found.needed is None
    assert sharpe([0.01, -0.02] * 14) is None
    assert sharpe([0.01] * 80) is None


def test_only_marks_that_moved_tell_how_sure_a_ratio_is() -> None:
    moved = [0.01, -0.008] * 15

    assert sharpe([0.0] * 29 + [0.01]) is None
    assert sharpe([0.0] * 500 + moved[:-1]) is None
    assert sharpe([0.0] * 500 + moved) is not None


def test_equity_that_is_seldom_in_the_market_is_seldom_told_from_nothing() -> None:
    """Spells of eight bars between forty flat ones, of no mean: nine in ten intervals hold 0."""
    chance, held, known = Random(8), 0, 0
    for _ in range(300):
        changes = [chance.gauss(0, 0.01) if bar % 48 > 39 else 0.0 for bar in range(chance.randint(30, 400))]
        if found := sharpe(changes):
            known += 1
            held += abs(found.value) <= Z * found.error

    assert known > 100
    assert 0.84 < held / known < 0.96


def test_ahead_of_holding_by_hand() -> None:
    assert ahead_of([100, 110], [100, 121]) == (pytest.approx(110 / 121 - 1), None)
    assert ahead_of([100], [100]) is None
    equity = [100 * 1.002**n * (1.001 if n % 2 else 1) for n in range(60)]
    held = [200 * 1.001**n for n in range(60)]
    gone, between = ahead_of(equity, held) or (0, None)

    assert gone == pytest.approx(equity[-1] / equity[0] / (held[-1] / held[0]) - 1)
    assert between is not None
    assert 0 < between[0] < gone < between[1]


def test_what_turns_back_at_once_is_no_surer_than_half() -> None:
    assert long_run_variance([1.0, -1.0] * 100) == 0.5


def test_the_interval_of_a_share_holds_the_share_also_where_all_or_none_won() -> None:
    for n in range(1, 200):
        for wins in (0, n):
            low, high = wilson(wins, n)
            assert low <= wins / n <= high, (wins, n)


def test_wilson_takes_a_number_of_trades_that_is_not_whole() -> None:
    assert wilson(5, 10) == (pytest.approx(0.2693, abs=1e-4), pytest.approx(0.7307, abs=1e-4))
    low, high = wilson(3.75, 7.5)
    assert (low, high) == (pytest.approx(0.2426, abs=1e-4), pytest.approx(0.7574, abs=1e-4))
