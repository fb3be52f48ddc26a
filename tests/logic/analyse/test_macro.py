"""The large picture from two bars up, against numbers one can make with a pencil or with pandas."""

from array import array
from datetime import UTC, datetime
from math import isfinite, log, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.domain.analysis import Macro, Trend
from semanticsignal.domain.market import Candles, Symbol, Timeframe, epoch_ms
from semanticsignal.logic.analyse.macro import macro

MONDAY_MS = epoch_ms(datetime(2020, 1, 6, tzinfo=UTC))
DAY, WEEK = Timeframe.D1, Timeframe.W1


def bars(close: np.ndarray, timeframe: Timeframe = DAY) -> Candles:
    times = array("q", (MONDAY_MS + row * timeframe.ms for row in range(len(close))))
    columns = (close, close * 1.01, close * 0.99, close, np.full(len(close), 7.0))
    return Candles(Symbol("BTC", "USDC"), timeframe, "hand", times, *columns).check()


def told(close: np.ndarray, timeframe: Timeframe = DAY) -> Macro:
    found = macro(bars(close, timeframe))
    assert found is not None
    return found


def walk(bars: int, drift: float = 0.0, seed: int = 5) -> np.ndarray:
    return 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(drift, 0.02, bars)))


def test_one_bar_has_no_large_picture_and_two_have_a_small_one() -> None:
    two = told(np.array([100.0, 110.0]))

    assert macro(bars(np.array([100.0]))) is None
    assert two.change_ratio == pytest.approx(0.1)
    assert (dict(two.means), two.order, two.cross, two.year_change_ratio) == ({}, None, None, None)
    assert two.volatility_annual_ratio is None
    assert two.trend is Trend.NEUTRAL


@pytest.mark.parametrize(("count", "names"), [(19, 0), (20, 1), (50, 2), (100, 3), (199, 3), (200, 4), (365, 4)])
def test_the_means_that_there_are_bars_for_are_told(count: int, names: int) -> None:
    close = walk(count)

    means = dict(told(close).means)

    assert list(means) == ["sma_20", "sma_50", "sma_100", "sma_200"][:names]
    for name, value in means.items():
        assert value == pytest.approx(close[-int(name[4:]) :].mean(), rel=1e-12)


@pytest.mark.parametrize("count", [2, 51, 120, 199])
def test_a_young_coin_has_weeks_but_no_distance_to_200_of_them(count: int) -> None:
    found = told(walk(count), WEEK)

    assert found.sma_200_distance_ratio is None
    assert found.bars == count


def test_the_distance_to_the_mean_of_200_weeks_is_a_ratio() -> None:
    close = walk(300)

    assert told(close, WEEK).sma_200_distance_ratio == pytest.approx(close[-1] / close[-200:].mean() - 1)


def test_volatility_is_of_all_returns_and_of_a_year() -> None:
    close = walk(365)
    returns = pd.Series(np.log(close)).diff()

    assert told(close).volatility_annual_ratio == pytest.approx(returns.std() * sqrt(365))
    assert told(close, WEEK).volatility_annual_ratio == pytest.approx(returns.std() * sqrt(365 / 7))
    assert told(np.array([1.0, 2.0, 1.0])).volatility_annual_ratio == pytest.approx(log(2) * sqrt(2) * sqrt(365))


@pytest.mark.parametrize(("timeframe", "back"), [(DAY, 364), (WEEK, 52)])
def test_a_year_is_52_weeks_and_is_not_told_before_it_is_over(timeframe: Timeframe, back: int) -> None:
    close = walk(back + 1)

    assert told(close, timeframe).year_change_ratio == pytest.approx(close[-1] / close[0] - 1)
    assert told(close[1:], timeframe).year_change_ratio is None


def test_a_rise_of_a_year_is_a_bull_market_with_its_reasons_and_a_fall_a_bear_market() -> None:
    rise = 100 * 1.005 ** np.arange(365)

    up, down = told(rise), told(rise[::-1].copy())

    assert (up.trend, up.order, down.trend, down.order) == (Trend.BULL, "ascending", Trend.BEAR, "descending")
    assert up.evidence == ("close > sma_200", "sma_50 > sma_200", "means ascending", "change +514.4 %")
    assert down.evidence[:3] == ("close < sma_200", "sma_50 < sma_200", "means descending")


def test_a_market_that_never_moved_has_no_trend_no_order_and_no_cross() -> None:
    flat = told(np.full(365, 0.1))

    assert (flat.trend, flat.order, flat.cross) == (Trend.NEUTRAL, "mixed", None)
    assert flat.volatility_annual_ratio == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_a_cross_is_the_newest_change_of_side_with_its_age(seed: int) -> None:
    close = walk(365, seed=seed)
    frame = pd.Series(close)
    above = (frame.rolling(50).mean() > frame.rolling(200).mean()).iloc[199:]
    turns = np.flatnonzero(above.diff().fillna(False).to_numpy(dtype=bool))

    found = told(close)

    if not len(turns):
        assert found.cross is None
    else:
        assert found.cross_bars_ago == len(above) - 1 - turns[-1]
        assert found.cross == ("golden" if above.iloc[-1] else "death")


@given(count=st.integers(2, 400), seed=st.integers(0, 999), scale=st.sampled_from([1e12, 1.0, 1e-8]))
def test_whatever_the_history_no_number_is_nan_or_infinite(count: int, seed: int, scale: float) -> None:
    for timeframe in (DAY, WEEK):
        found = told(scale * walk(count, seed=seed), timeframe)

        numbers = [found.close, found.change_ratio, found.year_change_ratio, found.volatility_annual_ratio]
        numbers += [found.sma_200_distance_ratio, *found.means.values(), *found.numbers.values()]
        assert all(number is None or isfinite(number) for number in numbers)
