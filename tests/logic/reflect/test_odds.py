"""Intervals against sums of exact fractions, printed tables, and what they are for."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import comb, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.domain import odds
from semanticsignal.domain.learning import Tally


def binomial_tail(a: int, b: int, x: Fraction) -> Fraction:
    """Of Beta(a, b) with whole parameters: at least `a` of a + b - 1 tosses (DLMF 8.17.5)."""
    n, yes, of = a + b - 1, x.numerator, x.denominator
    # reduced once and not at each of some hundred terms
    return Fraction(sum(comb(n, k) * yes**k * (of - yes) ** (n - k) for k in range(a, n + 1)), of**n)


@given(st.integers(1, 60), st.integers(1, 60), st.fractions(0, 1, max_denominator=97))
def test_the_share_below_is_a_sum_of_binomials(a: int, b: int, x: Fraction) -> None:
    assert odds.beta_share(float(x), a, b) == pytest.approx(float(binomial_tail(a, b, x)), abs=1e-12)


@given(st.integers(1, 200), st.integers(1, 200), st.sampled_from([0.05, 0.5, 0.95]))
def test_the_quantile_is_where_that_sum_reaches_it(a: int, b: int, share: float) -> None:
    found = odds.beta_quantile(share, a, b)

    assert float(binomial_tail(a, b, Fraction(found))) == pytest.approx(share, abs=1e-9)


@given(st.floats(0.5, 1e5), st.floats(0.5, 1e5), st.sampled_from([0.05, 0.95]))
def test_the_quantile_leads_back_at_any_size(a: float, b: float, share: float) -> None:
    assert odds.beta_share(odds.beta_quantile(share, a, b), a, b) == pytest.approx(share, abs=1e-6)


def test_a_coin_that_was_never_tossed_lies_anywhere() -> None:
    """Beta(1, 1) is the uniform, Beta(½, ½) the arcsine distribution: its quantile is sin²(πp/2)."""
    assert odds.beta_quantile(0.05, 1, 1) == pytest.approx(0.05, abs=1e-12)
    assert odds.beta_quantile(0.05, 0.5, 0.5) == pytest.approx(0.0061558297, abs=1e-9)


# Abramowitz and Stegun, table 26.10, at 0.95
@pytest.mark.parametrize(
    ("freedom", "quantile"), [(8, 1.860), (9, 1.833), (10, 1.812), (20, 1.725), (30, 1.697), (60, 1.671), (120, 1.658)]
)
def test_students_quantile_is_the_printed_one(freedom: int, quantile: float) -> None:
    assert odds.student_quantile(freedom) == pytest.approx(quantile, abs=0.001)


def test_a_share_of_few_trades_is_held_toward_that_of_all() -> None:
    """Three of three, where 60 of 120 won: Beta(3 + 5, 5); its middle is 8 of 13."""
    low, high = odds.win_interval(Tally(3, 3), Tally(120, 60))

    assert float(binomial_tail(8, 5, Fraction(low))) == pytest.approx(0.05, abs=1e-9)
    assert float(binomial_tail(8, 5, Fraction(high))) == pytest.approx(0.95, abs=1e-9)


@given(st.integers(0, 400), st.integers(0, 400))
def test_the_interval_lies_between_nothing_and_all(wins: int, losses: int) -> None:
    low, high = odds.win_interval(Tally(wins + losses, wins), Tally(wins + losses, wins))

    assert 0 < low < high < 1


def test_more_trades_of_the_same_share_are_surer() -> None:
    widths = [
        high - low for n in (0, 4, 40, 400) for low, high in [odds.win_interval(Tally(2 * n, n), Tally(800, 400))]
    ]

    assert widths == sorted(widths, reverse=True)
    assert len(set(widths)) == len(widths)


def of(*returns: float) -> Tally:
    return Tally(len(returns), sum(r > 0 for r in returns), sum(returns), sum(r * r for r in returns))


def test_the_mean_of_few_is_held_toward_nothing() -> None:
    """Ten trades of exactly -2 %, a trade's variance 4e-4: as many at 0 are believed, the middle is -1 %, and the
    squares are 10 x 4e-4 + 10 x 10 / 20 x 4e-4 = 6e-3, of 20 degrees; the scale is the root of 6e-3 / 20 / 20."""
    low, high = odds.mean_interval(of(*[-0.02] * 10), 4e-4)

    assert (low + high) / 2 == pytest.approx(-0.01)
    assert (high - low) / 2 == pytest.approx(1.7247 * 0.0038729833, rel=1e-4)


def test_without_trades_the_mean_may_be_of_either_sign() -> None:
    low, high = odds.mean_interval(Tally(), 1e-4)

    assert low == -high < 0


def test_a_difference_is_as_sure_as_its_smaller_group() -> None:
    """2 % less -1 %; a variance of 1e-4 among 5 and 20: the root of 1e-4 (1/5 + 1/20) is half a percent."""
    low, high = odds.difference_interval(of(*[0.02] * 5), of(*[-0.01] * 20), 1e-4)

    assert (low + high) / 2 == pytest.approx(0.03)
    assert (high - low) / 2 == pytest.approx(1.7139 * 0.005, rel=1e-3)  # 23 degrees


def test_the_spread_is_the_variance_and_never_below_nothing() -> None:
    assert odds.spread(of(0.01, 0.03)) == pytest.approx(1e-4)
    assert odds.spread(Tally()) == 0.0
    assert odds.spread(Tally(3, 0, 0.3, 0.3 * 0.1 - 1e-18)) >= 0.0
    assert isclose(odds.spread(of(*[0.1] * 7)), 0.0, abs_tol=1e-12)


@pytest.mark.parametrize("pairs", [1, 3, 7])
def test_eight_bars_of_any_number_of_pairs_are_eight_independent_ones_and_not_a_hair_fewer(pairs: int) -> None:
    begin, bar = datetime(2026, 7, 1, tzinfo=UTC), timedelta(hours=4)

    assert odds.independent([(begin + n * bar, begin + (n + 1) * bar) for n in range(8) for _ in range(pairs)]) == 8
