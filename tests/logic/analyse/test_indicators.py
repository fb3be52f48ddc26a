"""Every indicator against two oracles: the `ta` library, and the formula of its paper written out once more here.

Where Wilder's averages begin is a matter of taste: TA-Lib leaves the first bar out of true range and sums 13 moves
before it smooths, `ta` counts it in and sums 14, some begin at the first value alone. A beginning is forgotten as
(13/14)^n, MACD's slowest as (25/27)^n: after WARM bars both are below 1e-19, and from there on all must agree."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import ta.momentum
import ta.trend
import ta.volatility
import ta.volume
from numpy.typing import NDArray

from semanticsignal.logic.analyse import momentum, trend, volatility, volume

Array = NDArray[np.float64]
WARM, BARS = 620, 1500
PAIRS = ("BTC", "ETH", "SOL")
SCALES = (1.0, 1e12, 1e-9)


class Bars(NamedTuple):
    high: Array
    low: Array
    close: Array
    volume: Array

    def frame(self) -> dict[str, pd.Series]:
        return {name: pd.Series(column) for name, column in self._asdict().items()}


def walk(scale: float, bars: int = BARS) -> Bars:
    """A random walk of one percent a bar around `scale`."""
    dice = np.random.default_rng(11)
    close = scale * np.exp(np.cumsum(dice.normal(0, 0.01, bars)))
    reach = 1 + np.abs(dice.normal(0, 0.004, bars))
    return Bars(close * reach, close / reach[::-1], close, dice.lognormal(3, 1, bars))


@pytest.fixture(params=[*PAIRS, *SCALES], ids=str)
def bars(request: pytest.FixtureRequest) -> Bars:
    if isinstance(request.param, float):
        return walk(request.param)
    folder: Path = request.getfixturevalue("recorded_data")
    frame = pd.read_parquet(folder / "candles" / f"binance_spot_{request.param}USDT_4h.parquet").tail(BARS)
    return Bars(*(frame[name].to_numpy(dtype=np.float64) for name in Bars._fields))


def agree(ours: Array, oracle: Array | pd.Series, unit: float = 0.0) -> None:
    """To nine digits, or, where large numbers cancel, to twelve digits of `unit`, what they are made of."""
    theirs = np.asarray(oracle, dtype=np.float64)
    assert len(ours) == len(theirs)
    np.testing.assert_allclose(ours[WARM:], theirs[WARM:], rtol=1e-9, atol=1e-12 * unit)


# --- The papers, in plain Python -----------------------------------------------------------------------------------


def wilder(values: list[float], period: int = 14) -> list[float]:
    """Mean of the first `period`, then each new value weighs one `period`th. Starts with the first full window."""
    smooth = [sum(values[:period]) / period]
    for value in values[period:]:
        smooth.append((smooth[-1] * (period - 1) + value) / period)
    return smooth


def ema(values: list[float], period: int) -> list[float]:
    smooth = [sum(values[:period]) / period]
    for value in values[period:]:
        smooth.append(smooth[-1] + (value - smooth[-1]) * 2 / (period + 1))
    return smooth


def right(values: list[float], length: int) -> Array:
    return np.array([np.nan] * (length - len(values)) + values)


def true_ranges(bars: Bars) -> list[float]:
    rows = zip(bars.high[1:], bars.low[1:], bars.close[:-1], strict=True)
    return [max(high, before) - min(low, before) for high, low, before in rows]


def directional_moves(bars: Bars) -> tuple[list[float], list[float]]:
    ups, downs = np.diff(bars.high), -np.diff(bars.low)
    plus = [up if up > down and up > 0 else 0.0 for up, down in zip(ups, downs, strict=True)]
    minus = [down if down > up and down > 0 else 0.0 for up, down in zip(ups, downs, strict=True)]
    return plus, minus


def paper_directional(bars: Bars) -> tuple[list[float], list[float], list[float]]:
    plus, minus = directional_moves(bars)
    smooth = zip(wilder(plus), wilder(minus), wilder(true_ranges(bars)), strict=True)
    up, down = zip(*((100 * p / r, 100 * m / r) for p, m, r in smooth), strict=True)
    dx = [100 * abs(p - m) / (p + m) for p, m in zip(up, down, strict=True)]
    return list(up), list(down), wilder(dx)


# --- Agreement -----------------------------------------------------------------------------------------------------


def test_rsi_is_wilders(bars: Bars) -> None:
    moves = np.diff(bars.close)
    up, down = wilder([max(m, 0.0) for m in moves]), wilder([max(-m, 0.0) for m in moves])
    paper = [100 - 100 / (1 + u / d) for u, d in zip(up, down, strict=True)]

    rsi = momentum.rsi(bars.close)

    agree(rsi, right(paper, len(rsi)))
    agree(rsi, ta.momentum.RSIIndicator(bars.frame()["close"]).rsi())
    assert np.isnan(rsi[:14]).all() and np.isfinite(rsi[14:]).all()


def test_rsi_begins_as_wilder_began(bars: Bars) -> None:
    """The seed too: fourteen moves averaged. (`ta` begins with the first move alone and differs here.)"""
    moves = np.diff(bars.close)[:14]
    gained, lost = moves[moves > 0].sum(), -moves[moves < 0].sum()

    assert momentum.rsi(bars.close)[14] == pytest.approx(100 * gained / (gained + lost), rel=1e-9)


def test_macd_is_appels(bars: Bars) -> None:
    close, length = list(bars.close), len(bars.close)
    fast, slow = right(ema(close, 12), length), right(ema(close, 26), length)
    paper_line = fast - slow
    paper_signal = right(ema(list(paper_line[25:]), 9), length)
    oracle = ta.trend.MACD(bars.frame()["close"])
    unit = float(bars.close.max())

    line, signal, histogram = trend.macd(bars.close)

    for ours, paper, theirs in (
        (line, paper_line, oracle.macd()),
        (signal, paper_signal, oracle.macd_signal()),
        (histogram, paper_line - paper_signal, oracle.macd_diff()),
    ):
        agree(ours, paper, unit)
        agree(ours, theirs, unit)


def test_atr_is_wilders(bars: Bars) -> None:
    frame = bars.frame()

    atr = volatility.atr(bars.high, bars.low, bars.close)

    np.testing.assert_allclose(atr[14:], wilder(true_ranges(bars)), rtol=1e-9)
    assert np.isnan(atr[:14]).all()
    agree(atr, ta.volatility.AverageTrueRange(frame["high"], frame["low"], frame["close"]).average_true_range())


def test_adx_and_both_directions_are_wilders(bars: Bars) -> None:
    frame, length = bars.frame(), len(bars.close)
    oracle = ta.trend.ADXIndicator(frame["high"], frame["low"], frame["close"])
    paper_plus, paper_minus, paper_adx = paper_directional(bars)

    adx = trend.adx(bars.high, bars.low, bars.close)
    plus, minus = trend.directional(bars.high, bars.low, bars.close)

    for ours, paper, theirs in (
        (adx, paper_adx, oracle.adx()),
        (plus, paper_plus, oracle.adx_pos()),
        (minus, paper_minus, oracle.adx_neg()),
    ):
        agree(ours, right(paper, length))
        agree(ours, theirs)


def test_bollinger_is_two_population_deviations_about_the_mean(bars: Bars) -> None:
    windows = np.lib.stride_tricks.sliding_window_view(bars.close, 20)
    mean, width = windows.mean(axis=1), 2 * windows.std(axis=1)
    oracle = ta.volatility.BollingerBands(bars.frame()["close"])

    upper, middle, lower = volatility.bollinger(bars.close)

    for ours, paper, theirs in (
        (upper, mean + width, oracle.bollinger_hband()),
        (middle, mean, oracle.bollinger_mavg()),
        (lower, mean - width, oracle.bollinger_lband()),
    ):
        np.testing.assert_allclose(ours[19:], paper, rtol=1e-9)
        agree(ours, theirs)
    np.testing.assert_allclose((upper - lower)[19:], 2 * width, rtol=1e-6)


@pytest.mark.parametrize("period", [20, 50, 200])
def test_sma_is_the_mean_of_the_window(bars: Bars, period: int) -> None:
    sma = trend.sma(bars.close, period)

    np.testing.assert_allclose(
        sma[period - 1 :], np.lib.stride_tricks.sliding_window_view(bars.close, period).mean(axis=1), rtol=1e-9
    )
    agree(sma, ta.trend.SMAIndicator(bars.frame()["close"], period).sma_indicator())


def test_obv_adds_on_a_rise_takes_on_a_fall_and_leaves_a_tie_alone(bars: Bars) -> None:
    moves = np.sign(np.diff(bars.close))
    paper = bars.volume[0] + np.concatenate([[0.0], np.cumsum(moves * bars.volume[1:])])
    ties = np.concatenate([[0.0], np.cumsum((moves == 0) * bars.volume[1:])])
    frame = bars.frame()

    obv = volume.obv(bars.close, bars.volume)

    unit = float(bars.volume.sum())
    agree(obv, paper, unit)
    # `ta` adds the volume of a tie; Granville does not.
    agree(obv + ties, ta.volume.OnBalanceVolumeIndicator(frame["close"], frame["volume"]).on_balance_volume(), unit)


def test_obv_change_is_a_share_of_what_was_traded(bars: Bars) -> None:
    moves = np.sign(np.diff(bars.close))[-10:]
    traded = bars.volume[-10:]

    change = volume.obv_change_ratio(bars.close, bars.volume, 10)

    assert change[-1] == pytest.approx((moves * traded).sum() / traded.sum(), rel=1e-9)
    assert np.isnan(change[:10]).all()
    assert (np.abs(change[10:]) <= 1 + 1e-9).all()


def test_volume_ratio_is_volume_over_its_mean(bars: Bars) -> None:
    windows = np.lib.stride_tricks.sliding_window_view(bars.volume, 20)

    ratio = volume.volume_ratio(bars.volume)

    np.testing.assert_allclose(ratio[19:], bars.volume[19:] / windows.mean(axis=1), rtol=1e-9)


@pytest.mark.parametrize("ago", [1, 6, 42])
def test_change_ratio_is_a_ratio_and_not_percent(bars: Bars, ago: int) -> None:
    change = momentum.change_ratio(bars.close, ago)

    assert change[-1] == pytest.approx(bars.close[-1] / bars.close[-1 - ago] - 1, rel=1e-9)
    agree(change * 100, ta.momentum.ROCIndicator(bars.frame()["close"], ago).roc(), unit=100.0)


# --- By hand, and at the edges -------------------------------------------------------------------------------------


def test_rsi_of_a_market_that_only_rose_is_100_and_that_only_fell_is_0() -> None:
    rising = np.arange(1.0, 40.0)

    assert momentum.rsi(rising)[-1] == 100
    assert momentum.rsi(rising[::-1].copy())[-1] == 0


def test_five_percent_up_is_0_05() -> None:
    assert momentum.change_ratio(np.array([100.0, 105.0]), 1)[1] == pytest.approx(0.05)


def test_five_rises_and_five_falls_of_equal_volume_leave_obv_where_it_was() -> None:
    close = np.array([10.0, 11, 12, 13, 14, 15, 14, 13, 12, 11, 10])

    change = volume.obv_change_ratio(close, np.ones(11), 10)

    assert change[-1] == 0


@pytest.mark.parametrize("length", [0, 1, 2, 13])
def test_too_few_bars_give_nan_of_the_same_length_and_no_error(length: int) -> None:
    short = np.linspace(10.0, 11.0, length)
    columns = [
        trend.sma(short, 20),
        *trend.macd(short),
        trend.adx(short, short, short),
        *trend.directional(short, short, short),
        momentum.rsi(short),
        volatility.atr(short, short, short),
        *volatility.bollinger(short),
        volume.volume_ratio(short),
        momentum.change_ratio(short, 42),
    ]

    assert [len(column) for column in columns] == [length] * len(columns)
    assert all(np.isnan(column).all() for column in columns)


@pytest.mark.parametrize("price", [1e12, 100.0, 1e-9])
def test_a_flat_market_has_no_width_and_no_strength(price: float) -> None:
    flat = np.full(300, price)
    upper, middle, lower = volatility.bollinger(flat)

    assert volatility.atr(flat, flat, flat)[-1] == 0
    assert trend.adx(flat, flat, flat)[-1] == 0
    assert upper[-1] == pytest.approx(price, rel=1e-12) and lower[-1] == pytest.approx(price, rel=1e-12)
    assert middle[-1] == pytest.approx(price, rel=1e-12)
    assert trend.sma(flat, 200)[-1] == pytest.approx(price, rel=1e-12)


def test_where_nothing_was_ever_traded_volume_says_nothing() -> None:
    close, none = walk(100.0, 60).close, np.zeros(60)

    assert np.isnan(volume.volume_ratio(none)).all()
    assert np.isnan(volume.obv_change_ratio(close, none, 10)).all()


@pytest.mark.parametrize("seed", range(8))
def test_where_trading_ceased_volume_says_nothing(seed: int) -> None:
    """A running sum keeps a residue of what has left its window; a residue is not a trade."""
    dice = np.random.default_rng(seed)
    traded = np.concatenate([dice.lognormal(8, 1, 200), np.zeros(60)])
    close = 100 + dice.normal(0, 1, 260).cumsum()

    assert np.isnan(volume.volume_ratio(traded)[-30:]).all()
    assert np.isnan(volume.obv_change_ratio(close, traded, 10)[-30:]).all()


def test_the_rank_of_the_largest_is_1_and_of_the_smallest_one_over_all() -> None:
    rising = np.arange(1.0, 101.0)

    assert volatility.rank_ratio(rising, 540) == 1
    assert volatility.rank_ratio(rising[::-1], 540) == 0.01
    assert volatility.rank_ratio(rising, 50) == 1


def test_a_rank_wants_fifty_values_and_counts_only_the_known() -> None:
    known = np.arange(49.0)

    assert volatility.rank_ratio(known, 540) is None
    assert volatility.rank_ratio(np.append(np.full(100, np.nan), known), 540) is None
    assert volatility.rank_ratio(np.append(np.full(100, np.nan), np.arange(50.0)), 540) == 1
    assert volatility.rank_ratio(np.append(np.arange(60.0), np.nan), 540) is None
