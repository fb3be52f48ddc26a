"""Figures by hand, and by formulas written independently; undefined is None, never 0."""

import math
import statistics as plain
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.domain.market import MarketKind, Symbol
from semanticsignal.domain.trading import ExitReason, Side, Trade
from semanticsignal.logic.evaluate import record, statistics

AT = datetime(2025, 6, 25, tzinfo=UTC)
TRADE = Trade(
    id="t",
    number=1,
    position_id="p",
    decision_id="d",
    symbol=Symbol("BTC", "USDC"),
    kind=MarketKind.SPOT,
    side=Side.LONG,
    quantity=Decimal(1),
    entry_price=Decimal(100),
    exit_price=Decimal(110),
    opened_at=AT,
    closed_at=AT,
    stop_price=Decimal(95),
    initial_stop_price=Decimal(95),
    target_price=None,
    gross_pnl_quote=Decimal(10),
    fees_quote=Decimal(0),
    funding_quote=Decimal(0),
    realized_pnl_quote=Decimal(10),
    return_ratio=0.1,
    r_multiple=2.0,
    mae_ratio=0.0,
    mfe_ratio=0.1,
    exit_reason=ExitReason.TARGET,
    is_ambiguous=False,
)
EQUITY = np.array([100.0, 110.0, 99.0, 99.0, 121.0])
CURVES = st.lists(st.floats(1.0, 1e6), min_size=3, max_size=60)


def won(*results: str) -> list[Trade]:
    return [replace(TRADE, realized_pnl_quote=Decimal(result)) for result in results]


# --- Trades --------------------------------------------------------------------------------------------------------


def test_three_wins_of_four_are_three_quarters() -> None:
    assert record.win_rate_ratio(won("1", "2", "3", "-1")) == 0.75


def test_breaking_even_is_no_win() -> None:
    assert record.win_rate_ratio(won("0", "1")) == 0.5


def test_the_profit_factor_is_gains_over_losses() -> None:
    assert record.profit_factor(won("30", "-10", "0", "15", "-5")) == 3.0
    assert record.profit_factor(won("-10")) == 0.0


def test_a_profit_factor_without_a_loss_is_not_infinite_but_unknown() -> None:
    assert record.profit_factor(won("30", "0")) is None


def test_expectancy_is_the_mean_to_the_last_digit() -> None:
    assert record.expectancy_quote(won("0.1", "0.2", "-0.6")) == Decimal("-0.1")


def test_mean_r_counts_only_trades_that_have_one() -> None:
    trades = [replace(TRADE, r_multiple=r) for r in (2.0, -1.0, None)]

    assert record.mean_r(trades) == 0.5
    assert record.mean_r(trades[2:]) is None


def test_without_trades_nothing_is_known() -> None:
    for figure in (
        record.win_rate_ratio,
        record.profit_factor,
        record.expectancy_quote,
        record.mean_r,
    ):
        assert figure([]) is None


# --- Equity --------------------------------------------------------------------------------------------------------


def test_returns_go_from_mark_to_mark() -> None:
    assert statistics.returns(EQUITY) == pytest.approx([0.1, -0.1, 0.0, 2 / 9])
    assert len(statistics.returns(EQUITY[:1])) == 0


def test_sharpe_by_hand() -> None:
    """Returns 0.1, −0.1, 0.3: mean 0.1, sample deviation 0.2, so 0.5 a bar; of 4 bars a year 1."""
    equity = np.array([100.0, 110.0, 99.0, 128.7])

    assert statistics.sharpe_annualized(equity, 4.0) == pytest.approx(1.0)


def test_sortino_by_hand() -> None:
    """Returns 0.1, −0.1, 0.3: mean 0.1, downside √(0.01 / 3), so √3 a bar; of 4 bars a year 2√3."""
    equity = np.array([100.0, 110.0, 99.0, 128.7])

    assert statistics.sortino_annualized(equity, 4.0) == pytest.approx(2 * math.sqrt(3))


@given(CURVES)
def test_sharpe_and_sortino_are_what_the_standard_library_makes_of_them(curve: list[float]) -> None:
    changes = [after / before - 1 for before, after in pairwise(curve)]
    deviation = plain.stdev(changes)
    downside = math.sqrt(plain.fmean(min(change, 0.0) ** 2 for change in changes))

    sharpe = statistics.sharpe_annualized(np.array(curve), 2190.0)
    sortino = statistics.sortino_annualized(np.array(curve), 2190.0)

    if deviation > 1e-9:
        assert sharpe == pytest.approx(plain.fmean(changes) / deviation * math.sqrt(2190), rel=1e-6, abs=1e-6)
    if downside > 1e-9:
        assert sortino == pytest.approx(plain.fmean(changes) / downside * math.sqrt(2190), rel=1e-6, abs=1e-6)
    if not any(change < 0 for change in changes):
        assert sortino is None


@given(CURVES)
def test_the_drawdown_is_the_worst_of_all_pairs(curve: list[float]) -> None:
    worst = max((high - low) / high for n, high in enumerate(curve) for low in curve[n:])

    assert statistics.max_drawdown_ratio(np.array(curve), curve[0]) == pytest.approx(worst)


def test_a_fall_from_110_to_99_is_a_tenth() -> None:
    assert statistics.max_drawdown_ratio(EQUITY, EQUITY[0]) == pytest.approx(0.1)


def test_a_curve_that_only_rose_never_drew_down() -> None:
    assert statistics.max_drawdown_ratio(np.array([1.0, 2.0, 3.0]), 1.0) == 0


def test_the_money_of_the_start_is_the_first_peak() -> None:
    assert statistics.max_drawdown_ratio(np.array([80.0, 90.0]), 100.0) == pytest.approx(0.2)


def test_too_few_marks_say_nothing() -> None:
    two = np.array([100.0, 101.0])

    assert statistics.sharpe_annualized(two, 4.0) is None
    assert statistics.sortino_annualized(two, 4.0) is None
    assert statistics.max_drawdown_ratio(two[:0], 1.0) is None


def test_an_equity_that_never_moved_has_no_sharpe_and_no_sortino() -> None:
    still = np.full(50, 10_000.0)

    assert statistics.sharpe_annualized(still, 2190.0) is None
    assert statistics.sortino_annualized(still, 2190.0) is None


def test_returns_that_never_vary_have_no_sharpe() -> None:
    """One percent on every bar: the deviation is a rounding error, and a ratio over it is noise."""
    steady = 10_000 * 1.01 ** np.arange(50)

    assert statistics.sharpe_annualized(steady, 2190.0) is None


def test_exposure_is_the_share_of_marks_with_something_open() -> None:
    assert statistics.exposure_ratio([True, False, False, True, True]) == 0.6
    assert statistics.exposure_ratio([]) is None
