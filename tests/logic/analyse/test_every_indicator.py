"""Every indicator that `test_indicators` has not, against two oracles that do not know our code: the `ta` library or
TA-Lib where ours is not TA-Lib itself, and the author's formula written out here in another way.

On three recorded coins and on walks at 1e12, 1 and 1e-9. From WARM on: what began otherwise is forgotten there."""

from collections.abc import Callable
from math import log10
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import ta.momentum
import ta.trend
import ta.volatility
import ta.volume
import talib
from numpy.typing import NDArray

from semanticsignal.logic.analyse import momentum, statistics, trend, volatility, volume

Array = NDArray[np.float64]
WARM, BARS = 620, 1500
PAIRS, SCALES = ("BTC", "ETH", "SOL"), (1.0, 1e12, 1e-9)


class Bars:
    """The same bars as arrays for ours and TA-Lib, and as pandas for the others."""

    def __init__(self, high: Array, low: Array, close: Array, volume: Array) -> None:
        self.high, self.low, self.close, self.volume = high, low, close, volume
        self.h, self.l, self.c, self.v = (pd.Series(one) for one in (high, low, close, volume))
        self.hlc = (high, low, close)
        self.typical = (self.h + self.l + self.c) / 3

    @property
    def ranges(self) -> pd.Series:
        before = self.c.shift()
        return pd.concat([self.h, before], axis=1).max(axis=1, skipna=False) - pd.concat([self.l, before], axis=1).min(
            axis=1, skipna=False
        )


def walk(scale: float, bars: int = BARS, seed: int = 11) -> Bars:
    dice = np.random.default_rng(seed)
    close = scale * np.exp(np.cumsum(dice.normal(0, 0.01, bars)))
    reach = 1 + np.abs(dice.normal(0, 0.004, bars))
    return Bars(close * reach, close / reach[::-1], close, dice.lognormal(3, 1, bars))


@pytest.fixture(params=[*PAIRS, *SCALES], ids=str, scope="module")
def bars(request: pytest.FixtureRequest) -> Bars:
    if isinstance(request.param, float):
        return walk(request.param)
    folder: Path = request.getfixturevalue("recorded_data")
    frame = pd.read_parquet(folder / "candles" / f"binance_spot_{request.param}USDT_4h.parquet").tail(BARS)
    return Bars(*(frame[name].to_numpy(dtype=np.float64) for name in ("high", "low", "close", "volume")))


# --- Formulas, once more -------------------------------------------------------------------------------------------


def wilder(values: pd.Series, period: int) -> pd.Series:
    return values.ewm(alpha=1 / period, adjust=False).mean()


def ema(values: pd.Series, period: int) -> pd.Series:
    return values.ewm(span=period, adjust=False).mean()


def rolled(values: pd.Series, period: int, each: Callable[[Array], float]) -> pd.Series:
    return values.rolling(period).apply(each, raw=True)


def middle(bars: Bars, period: int) -> pd.Series:
    return (bars.h.rolling(period).max() + bars.l.rolling(period).min()) / 2


def parabolic(bars: Bars) -> Array:
    """Wilder 1978, chapter II, bar by bar."""
    high, low = bars.high, bars.low
    up, factor, extreme, stop = True, 0.02, high[0], low[0]
    found = [np.nan]
    for i in range(1, len(high)):
        stop += factor * (extreme - stop)
        stop = min(stop, low[i - 1], low[max(0, i - 2)]) if up else max(stop, high[i - 1], high[max(0, i - 2)])
        if (low[i] < stop) if up else (high[i] > stop):
            # the new stop is the old extreme, and never within the bars that it is to guard
            stop = max(extreme, high[i - 1], high[i]) if up else min(extreme, low[i - 1], low[i])
            up, factor, extreme = not up, 0.02, (low[i] if up else high[i])
        elif (high[i] > extreme) if up else (low[i] < extreme):
            extreme, factor = (high[i] if up else low[i]), min(0.2, factor + 0.02)
        found.append(stop)
    return np.array(found)


def supertrends(bars: Bars, period: int = 10, width: float = 3.0) -> tuple[Array, Array]:
    reach = width * wilder(bars.ranges, period).to_numpy()
    center = (bars.high + bars.low) / 2
    upper, lower, up = np.inf, 0.0, True
    lines, sides = [], []
    for i, close in enumerate(bars.close):
        before = bars.close[i - 1] if i else close
        top, bottom = center[i] + reach[i], center[i] - reach[i]
        if np.isnan(top):
            lines.append(np.nan)
            sides.append(np.nan)
            continue
        upper = top if top < upper or before > upper else upper
        lower = bottom if bottom > lower or before < lower else lower
        up = close >= lower if up else close > upper
        lines.append(lower if up else upper)
        sides.append(1.0 if up else -1.0)
    return np.array(lines), np.array(sides)


def setups(close: Array) -> Array:
    count, found = 0, []
    for i in range(len(close)):
        side = np.sign(close[i] - close[i - 4]) if i >= 4 else 0
        count = int(side) if side != np.sign(count) else count + int(side)
        found.append(max(-9, min(9, count)))
    return np.array(found, dtype=float)


def efficiencies(bars: Bars) -> pd.Series:
    raw = []
    for i in range(len(bars.close)):
        part = bars.close[i - 10 : i + 1] if i >= 10 else np.array([])
        if not len(part):
            raw.append(np.nan)
            continue
        unit = np.mean(np.abs(np.diff(part)))
        way = sum(np.hypot(step / unit, 1) for step in np.diff(part))
        net = (part[-1] - part[0]) / unit
        raw.append(100 * np.sign(net) * np.hypot(net, 10) / way)
    return ema(pd.Series(raw), 5)


def moneys(bars: Bars) -> Array:
    weight = ((bars.c - bars.l) - (bars.h - bars.c)) / (bars.h - bars.l)
    return (weight * bars.v).to_numpy()


def vwap(bars: Bars) -> pd.Series:
    return (bars.typical * bars.v).rolling(20).sum() / bars.v.rolling(20).sum()


def change(cumulated: Array, bars: Bars) -> Array:
    return np.asarray((pd.Series(cumulated).diff(10) / bars.v.rolling(10).sum()).to_numpy())


def knowing(bars: Bars) -> pd.Series:
    spans = ((1, 10, 10), (2, 15, 10), (3, 20, 10), (4, 30, 15))
    return sum((w * (100 * bars.c.pct_change(n)).rolling(m).mean() for w, n, m in spans), pd.Series(0.0, bars.c.index))


def hursts(close: Array) -> float:
    """Lo and MacKinlay's variances by loops."""
    logs, spreads = np.log(close), []
    n = len(logs) - 1
    drift = (logs[-1] - logs[0]) / n
    for lag in (1, 2, 4, 8, 16):
        total = sum((logs[i] - logs[i - lag] - lag * drift) ** 2 for i in range(lag, n + 1))
        spreads.append(total / ((n - lag + 1) * (1 - lag / n)))
    return float(np.polyfit(np.log([1, 2, 4, 8, 16]), np.log(spreads), 1)[0] / 2)


def slope(values: Array) -> float:
    return float(np.polyfit(np.arange(len(values)), values, 1)[0])


LOG: Callable[[Bars], pd.Series] = lambda b: pd.Series(np.log(b.close))  # noqa: E731 - a column of the table below
Columns = tuple[object, ...]
Told = Callable[[Bars], Columns]

# name → ours, then the oracles; the columns of each in the same order.
TABLE: dict[str, tuple[Told, ...]] = {
    "ema": (
        lambda b: (trend.ema(b.close, 20),),
        lambda b: (ta.trend.EMAIndicator(b.c, 20).ema_indicator(),),
        lambda b: (ema(b.c, 20),),
    ),
    "ppo": (
        lambda b: (trend.ppo(b.close),),
        lambda b: (ta.momentum.PercentagePriceOscillator(b.c, 26, 12).ppo(),),
        lambda b: (talib.PPO(b.close, 12, 26, 1),),
    ),
    "trix": (
        lambda b: (trend.trix(b.close),),
        lambda b: (ta.trend.TRIXIndicator(b.c, 15).trix(),),
        lambda b: (talib.TRIX(b.close, 15),),
    ),
    "parabolic sar": (
        lambda b: (trend.sar(b.high, b.low),),
        lambda b: (parabolic(b),),
    ),
    "supertrend": (
        lambda b: trend.supertrend(*b.hlc),
        supertrends,
    ),
    "ichimoku": (
        lambda b: trend.ichimoku(b.high, b.low)[:4],
        lambda b: (
            (cloud := ta.trend.IchimokuIndicator(b.h, b.l)).ichimoku_conversion_line(),
            cloud.ichimoku_base_line(), cloud.ichimoku_a(), cloud.ichimoku_b(),
        ),
        lambda b: (middle(b, 9), middle(b, 26), (middle(b, 9) + middle(b, 26)) / 2, middle(b, 52)),
    ),
    "vortex": (
        lambda b: trend.vortex(*b.hlc),
        lambda b: (
            (found := ta.trend.VortexIndicator(b.h, b.l, b.c, 14)).vortex_indicator_pos(), found.vortex_indicator_neg(),
        ),
        lambda b: talib.VORTEX(*b.hlc, 14),
    ),
    "linear regression": (
        lambda b: trend.regression(b.close),
        lambda b: (np.expm1(talib.LINEARREG_SLOPE(np.log(b.close), 14)),
                   talib.CORREL(np.log(b.close), np.arange(len(b.close)) * 1.0, 14) ** 2),
        lambda b: (np.expm1(rolled(LOG(b), 14, slope)),
                   rolled(LOG(b), 14, lambda x: np.corrcoef(x, np.arange(14))[0, 1] ** 2)),
    ),
    "td setup": (
        lambda b: (trend.setup(b.close),),
        lambda b: (setups(b.close),),
    ),
    "efficiency": (
        lambda b: (trend.efficiency(b.close),),
        lambda b: (efficiencies(b),),
    ),
    "stochastic": (
        lambda b: momentum.stochastic(*b.hlc),
        lambda b: talib.STOCH(*b.hlc, 14, 3, 0, 3, 0),
        lambda b: ((k := ta.momentum.StochasticOscillator(b.h, b.l, b.c, 14, 3).stoch_signal()), k.rolling(3).mean()),
    ),
    "williams": (
        lambda b: (momentum.williams_r(*b.hlc),),
        lambda b: (talib.WILLR(*b.hlc, 14),),
        lambda b: (ta.momentum.WilliamsRIndicator(b.h, b.l, b.c, 14).williams_r(),),
    ),
    "ultimate": (
        lambda b: (momentum.ultimate(*b.hlc),),
        lambda b: (talib.ULTOSC(*b.hlc, 7, 14, 28),),
        lambda b: (ta.momentum.UltimateOscillator(b.h, b.l, b.c).ultimate_oscillator(),),
    ),
    "tsi": (
        lambda b: (momentum.tsi(b.close),),
        lambda b: (ta.momentum.TSIIndicator(b.c, 25, 13).tsi(),),
        lambda b: (100 * ema(ema(b.c.diff(), 25), 13) / ema(ema(b.c.diff().abs(), 25), 13),),
    ),
    "rmi": (
        lambda b: (momentum.rmi(b.close),),
        lambda b: (100 * wilder((up := b.c.diff(5)).clip(lower=0), 20) / wilder(up.abs(), 20),),
    ),
    "rmi of one bar is rsi": (
        lambda b: (momentum.rmi(b.close, 14, 1),),
        lambda b: (ta.momentum.RSIIndicator(b.c, 14).rsi(),),
        lambda b: (talib.RSI(b.close, 14),),
    ),
    "coppock": (
        lambda b: (momentum.coppock(b.close),),
        lambda b: (talib.COPPOCK(b.close, 10, 11, 14),),
        lambda b: (rolled(100 * (b.c.pct_change(14) + b.c.pct_change(11)), 10, lambda x: x @ np.arange(1, 11) / 55),),
    ),
    "kst": (
        lambda b: momentum.kst(b.close),
        lambda b: (
            (found := ta.trend.KSTIndicator(b.c, 10, 15, 20, 30, 10, 10, 10, 15, 9)).kst(), found.kst_sig(),
        ),
        lambda b: (knowing(b), knowing(b).rolling(9).mean()),
    ),
    "cci": (
        lambda b: (momentum.cci(*b.hlc),),
        lambda b: (talib.CCI(*b.hlc, 20),),
        lambda b: (ta.trend.CCIIndicator(b.h, b.l, b.c, 20).cci(),),
    ),
    "keltner": (
        lambda b: volatility.keltner(*b.hlc),
        lambda b: ((line := ema(b.c, 20)) + 2 * (atr := wilder(b.ranges, 10)), line, line - 2 * atr),
        lambda b: (
            (line := ta.trend.EMAIndicator(b.c, 20).ema_indicator())
            + 2 * (atr := ta.volatility.AverageTrueRange(b.h, b.l, b.c, 10).average_true_range()), line, line - 2 * atr,
        ),
    ),
    "donchian": (
        lambda b: volatility.donchian(b.high, b.low),
        lambda b: talib.DONCHIAN(b.high, b.low, 20)[::2],
        lambda b: (
            (found := ta.volatility.DonchianChannel(b.h, b.l, b.c, 20)).donchian_channel_hband(),
            found.donchian_channel_lband(),
        ),
    ),
    "chandelier": (
        lambda b: volatility.chandelier(*b.hlc),
        lambda b: (b.h.rolling(22).max() - 3 * (atr := wilder(b.ranges, 22)), b.l.rolling(22).min() + 3 * atr),
        lambda b: (
            b.h.rolling(22).max() - 3 * (a := ta.volatility.AverageTrueRange(b.h, b.l, b.c, 22).average_true_range()),
            b.l.rolling(22).min() + 3 * a,
        ),
    ),
    "choppiness": (
        lambda b: (volatility.choppiness(*b.hlc),),
        lambda b: (100 * np.log10(b.ranges.rolling(14).sum() / (b.h.rolling(14).max() - b.l.rolling(14).min()))
                   / log10(14),),
        lambda b: (100 * np.log10(talib.SUM(talib.TRANGE(*b.hlc), 14) / (talib.MAX(b.high, 14) - talib.MIN(b.low, 14)))
                   / log10(14),),
    ),
    "vwap": (
        lambda b: (volume.vwap(*b.hlc, b.volume),),
        lambda b: (ta.volume.VolumeWeightedAveragePrice(b.h, b.l, b.c, b.v, 20).volume_weighted_average_price(),),
        lambda b: (vwap(b),),
    ),
    "twap": (
        lambda b: (volume.twap(*b.hlc),),
        lambda b: (talib.SMA(talib.TYPPRICE(*b.hlc), 20),),
        lambda b: (b.typical.rolling(20).mean(),),
    ),
    "mfi": (
        lambda b: (volume.mfi(*b.hlc, b.volume),),
        lambda b: (ta.volume.MFIIndicator(b.h, b.l, b.c, b.v, 14).money_flow_index(),),
        lambda b: (
            100 * (rose := (b.typical * b.v).where(b.typical.diff() > 0, 0).rolling(14).sum())
            / (rose + (b.typical * b.v).where(b.typical.diff() < 0, 0).rolling(14).sum()),
        ),
    ),
    "cmf": (
        lambda b: (volume.cmf(*b.hlc, b.volume),),
        lambda b: (talib.CMF(*b.hlc, b.volume, 20),),
        lambda b: (ta.volume.ChaikinMoneyFlowIndicator(b.h, b.l, b.c, b.v, 20).chaikin_money_flow(),),
    ),
    "change of the a/d line": (
        lambda b: (volume.cmf(*b.hlc, b.volume, 10),),
        lambda b: (change(talib.AD(*b.hlc, b.volume), b),),
        lambda b: (change(np.cumsum(moneys(b)), b),),
    ),
    "force": (
        lambda b: (volume.force(b.close, b.volume),),
        lambda b: (ta.volume.ForceIndexIndicator(b.c, b.v, 13).force_index(),),
        lambda b: (talib.EFI(b.close, b.volume, 13),),
    ),
    "change of the price-volume trend": (
        lambda b: (volume.pvt_change_ratio(b.close, b.volume),),
        lambda b: (change(talib.PVT(b.close, b.volume), b),),
        lambda b: (change((b.c.pct_change() * b.v).fillna(0).cumsum().to_numpy(), b),),
    ),
    "slope of obv": (
        lambda b: (volume.obv_slope_ratio(b.close, b.volume),),
        lambda b: (talib.LINEARREG_SLOPE(talib.OBV(b.close, b.volume), 10) / talib.SMA(b.volume, 10),),
        lambda b: (rolled((np.sign(b.c.diff()) * b.v).cumsum(), 10, slope) / b.v.rolling(10).mean(),),
    ),
    "z-score": (
        lambda b: (statistics.zscore(b.close),),
        lambda b: (rolled(b.c, 20, lambda x: (x[-1] - x.mean()) / x.std()),),
        lambda b: ((b.c - b.c.rolling(20).mean()) / b.c.rolling(20).std(ddof=0),),
    ),
    "moments": (
        lambda b: statistics.moments(b.close),
        lambda b: ((r := LOG(b).diff().rolling(20)).var(), r.skew(), r.kurt()),
    ),
    "hurst": (
        lambda b: (statistics.hurst(b.close),),
        lambda b: (rolled(b.c, 257, hursts),),
    ),
}  # fmt: skip

# Where TA-Lib takes what is smaller than 1e-14 for nothing, or less than one unit of money for no money, it is no
# oracle for a coin at 1e-9. Each is left to its other oracle there.
BLIND = {("mfi", 1e-9)}
# Running sums carry the digits of what has left them, as ours do not: what oracles differ by, and from what size.
# Values near zero are told to twelve digits of what cancelled to make them.
UNITS = {
    "ppo": 100.0, "trix": 100.0, "linear regression": 1.0, "tsi": 100.0, "coppock": 100.0, "kst": 1000.0, "cci": 1e4,
    "efficiency": 1e3, "williams": 100.0, "stochastic": 100.0, "ultimate": 100.0, "cmf": 1e3, "mfi": 1e3,
    "change of the a/d line": 1e4, "change of the price-volume trend": 1e3, "slope of obv": 1e4, "z-score": 1e4,
    "moments": 1e3, "hurst": 1.0, "choppiness": 100.0, "vortex": 1e3,
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_every_oracle_says_the_same(name: str, bars: Bars, request: pytest.FixtureRequest) -> None:
    ours, *oracles = (tuple(np.asarray(column, dtype=np.float64) for column in told(bars)) for told in TABLE[name])
    scale = request.node.callspec.params["bars"]
    unit = UNITS.get(name) or float(bars.close.max() * (bars.volume.max() if name == "force" else 1))

    for oracle in oracles:
        if (name, scale) in BLIND and oracle is oracles[0]:
            continue
        assert len(ours) == len(oracle)
        for column, theirs in zip(ours, oracle, strict=True):
            assert len(column) == len(bars.close)
            np.testing.assert_allclose(column[WARM:], theirs[WARM:], rtol=1e-9, atol=1e-12 * unit)


@pytest.mark.parametrize("name", TABLE)
def test_no_value_changes_when_later_bars_arrive(name: str) -> None:
    whole, ours = walk(100.0, 400), TABLE[name][0]
    told = ours(whole)

    for bars in (1, 2, 3, 14, 21, 60, 120, 258, 399):
        cut = Bars(whole.high[:bars], whole.low[:bars], whole.close[:bars], whole.volume[:bars])
        for column, later in zip(ours(cut), told, strict=True):
            np.testing.assert_array_equal(np.asarray(column), np.asarray(later)[:bars])


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("price", [1e12, 100.0, 0.1, 1e-8])
@pytest.mark.parametrize("traded", [0.0, 5.0])
def test_a_flat_market_says_nothing_extreme(name: str, price: float, traded: float) -> None:
    """Neither an oscillator at its end nor a deviation made of last digits: a price, zero, its middle, or nothing."""
    flat = np.full(400, price)
    bars = Bars(flat, flat, flat, np.full(400, traded))

    for column in TABLE[name][0](bars):
        last = float(np.asarray(column)[-1])
        is_quiet = np.isnan(last) or abs(last) <= 1e-9 or last in {1.0, -1.0} or last == pytest.approx(price, rel=1e-9)
        assert is_quiet, last


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("bars", [0, 1, 2, 3])
def test_hardly_any_bars_are_no_error_and_no_number(name: str, bars: int) -> None:
    few = walk(100.0, bars)

    for column in TABLE[name][0](few):
        told = np.asarray(column)
        assert len(told) == bars
        # a sar is known from the second bar on
        assert np.isnan(told[: 1 if name == "parabolic sar" else bars]).all()


@pytest.mark.parametrize("name", ["vwap", "mfi", "cmf", "change of the price-volume trend", "slope of obv"])
def test_where_trading_ceased_nothing_is_said_of_it(name: str) -> None:
    bars = walk(100.0, 300)
    bars.volume[200:] = 0.0

    for column in TABLE[name][0](bars):
        assert np.isnan(np.asarray(column)[-30:]).all()


@pytest.mark.parametrize("name", sorted(set(TABLE) - {"force", "supertrend", "parabolic sar", "td setup"}))
def test_a_coin_in_another_unit_is_told_alike(name: str) -> None:
    """All but prices are the same at 1e-8 and at 1e8; prices are as many times as large."""
    small, large = walk(1e-8), walk(1e8)

    for one, other in zip(TABLE[name][0](small), TABLE[name][0](large), strict=True):
        mine, theirs = np.asarray(one)[WARM:], np.asarray(other)[WARM:]
        ratio = 1e16 if abs(np.nanmean(theirs)) > 1e6 else 1.0
        np.testing.assert_allclose(mine * ratio, theirs, rtol=1e-6, atol=1e-9 * float(np.nanmax(np.abs(theirs))))


def test_the_cloud_over_a_bar_is_the_one_that_was_known_26_bars_before() -> None:
    bars = walk(100.0)
    told = trend.ichimoku(bars.high, bars.low)

    np.testing.assert_array_equal(told.cloud_top[78:], np.maximum(told.span_a, told.span_b)[52:-26])
    np.testing.assert_array_equal(told.cloud_bottom[78:], np.minimum(told.span_a, told.span_b)[52:-26])


def test_a_random_walk_has_a_hurst_exponent_of_a_half_and_a_spread_of_a_twentieth() -> None:
    found = [statistics.hurst(walk(100.0, 257, seed).close)[-1] for seed in range(200)]

    assert np.mean(found) == pytest.approx(0.5, abs=0.02)
    assert 0.03 < np.std(found) < 0.07


def test_what_turns_back_is_below_a_half_and_what_goes_on_is_above() -> None:
    dice = np.random.default_rng(3)
    noise = dice.normal(0, 0.01, 400)
    back = np.exp(noise)
    on = np.exp(np.cumsum(np.convolve(noise, np.ones(12) / 12)[:400]))

    assert statistics.hurst(back)[-1] < 0.2
    assert statistics.hurst(on)[-1] > 0.7


def test_a_steady_growth_is_its_own_slope() -> None:
    slopes, explained = trend.regression(100 * 1.01 ** np.arange(60))

    assert slopes[-1] == pytest.approx(0.01)
    assert explained[-1] == pytest.approx(1)


def test_a_setup_counts_to_nine_and_no_further() -> None:
    rising = np.arange(1.0, 30.0)

    assert np.isnan(trend.setup(rising)[:12]).all()
    assert trend.setup(rising)[12:].tolist() == [9] * 17
    assert trend.setup(rising[::-1].copy())[-1] == -9
    assert trend.setup(np.append(rising, 20.0))[-1] == -1
