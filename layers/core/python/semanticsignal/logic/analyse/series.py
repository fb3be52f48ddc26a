"""All indicators of a series of bars, by name."""

from collections.abc import Mapping
from math import isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...domain.market import Candles
from . import momentum, statistics, trend, volatility, volume
from .windows import over

Array = NDArray[np.float64]
Series = dict[str, Array]


class Columns(NamedTuple):
    """Bars as arrays, oldest first. `high`, `low`, `close`: quote; `volume`: base."""

    high: Array
    low: Array
    close: Array
    volume: Array

    def last(self, bars: int) -> "Columns":
        return Columns(self.high[-bars:], self.low[-bars:], self.close[-bars:], self.volume[-bars:])


def columns(candles: Candles) -> Columns:
    named = (candles.high, candles.low, candles.close, candles.volume)
    return Columns(*(np.asarray(column, dtype=np.float64) for column in named))


def series(bars: Columns) -> Series:
    """Those that remember all bars before, or that patterns read along their way: as long as the bars."""
    return _trends(bars) | _momenta(bars) | _widths(bars)


def _trends(bars: Columns) -> Series:
    high, low, close, traded = bars
    line, signal, histogram = trend.macd(close)
    plus, minus = trend.directional(high, low, close)
    supertrend, direction = trend.supertrend(high, low, close)
    return {
        "sma_20": trend.sma(close, 20),
        "sma_50": trend.sma(close, 50),
        "sma_200": trend.sma(close, 200),
        "ema_20": trend.ema(close, 20),
        "ema_50": trend.ema(close, 50),
        "macd": line,
        "macd_signal": signal,
        "macd_histogram": histogram,
        "ppo": trend.ppo(close),
        "trix_15": trend.trix(close),
        "adx_14": trend.adx(high, low, close),
        "plus_di_14": plus,
        "minus_di_14": minus,
        "sar": trend.sar(high, low),
        "supertrend_10": supertrend,
        "supertrend_direction": direction,
        "volume": traded,
        "obv_change_10_ratio": volume.obv_change_ratio(close, traded, 10),
        "force_13": volume.force(close, traded),
    }


def _momenta(bars: Columns) -> Series:
    high, low, close, _ = bars
    k, d = momentum.stochastic(high, low, close)
    kst, kst_signal = momentum.kst(close)
    return {
        "rsi_14": momentum.rsi(close),
        "change_1_ratio": momentum.change_ratio(close, 1),
        "change_6_ratio": momentum.change_ratio(close, 6),
        "change_14_ratio": momentum.change_ratio(close, 14),
        "change_42_ratio": momentum.change_ratio(close, 42),
        "stochastic_k": k,
        "stochastic_d": d,
        "tsi_25_13": momentum.tsi(close),
        "rmi_20_5": momentum.rmi(close),
        "coppock": momentum.coppock(close),
        "kst": kst,
        "kst_signal": kst_signal,
    }


def _widths(bars: Columns) -> Series:
    high, low, close, _ = bars
    upper, middle, lower = volatility.bollinger(close)
    top, center, bottom = volatility.keltner(high, low, close)
    long, short = volatility.chandelier(high, low, close)
    atr = volatility.atr(high, low, close)
    band = upper - lower
    return {
        "atr_14": atr,
        "atr_ratio": atr / close,
        "bb_upper": upper,
        "bb_middle": middle,
        "bb_lower": lower,
        "bb_position_ratio": over(close - lower, band),
        "bb_width_ratio": band / middle,
        "keltner_upper": top,
        "keltner_middle": center,
        "keltner_lower": bottom,
        "chandelier_long": long,
        "chandelier_short": short,
    }


def newest(bars: Columns) -> Series:
    """Those that a window of bars determines whole, made of just the bars that the newest two values need: the same
    numbers as of all bars, to the last bit, in a tenth of the time."""
    return _windowed(bars) | _clouds(bars.last(80)) | _statistics(bars)


def _windowed(bars: Columns) -> Series:
    high, low, close, traded = bars.last(30)
    day = bars.last(21)
    fortnight = bars.last(16)
    vortex_plus, vortex_minus = trend.vortex(fortnight.high, fortnight.low, fortnight.close)
    slope, explained = trend.regression(fortnight.close[-15:])
    upper, lower = volatility.donchian(day.high, day.low)
    return {
        "td_setup": trend.setup(close[-14:]),
        "vortex_plus_14": vortex_plus,
        "vortex_minus_14": vortex_minus,
        "slope_14_ratio": slope,
        "r2_14": explained,
        "williams_r_14": momentum.williams_r(*fortnight[:3]),
        "ultimate": momentum.ultimate(high, low, close),
        "cci_20": momentum.cci(*day[:3]),
        "donchian_upper": upper,
        "donchian_lower": lower,
        "choppiness_14": volatility.choppiness(*fortnight[:3]),
        "volume_ratio": volume.volume_ratio(day.volume),
        "vwap_20": volume.vwap(*day),
        "twap_20": volume.twap(*day[:3]),
        "mfi_14": volume.mfi(*fortnight),
        "cmf_20": volume.cmf(*day),
        "obv_slope_10_ratio": volume.obv_slope_ratio(close[-12:], traded[-12:]),
        "pvt_change_10_ratio": volume.pvt_change_ratio(close[-12:], traded[-12:]),
        "ad_change_10_ratio": volume.cmf(high[-11:], low[-11:], close[-11:], traded[-11:], 10),
    }


def _clouds(bars: Columns) -> Series:
    cloud = trend.ichimoku(bars.high, bars.low)
    return {
        "ichimoku_conversion": cloud.conversion,
        "ichimoku_base": cloud.base,
        "ichimoku_span_a": cloud.span_a,
        "ichimoku_span_b": cloud.span_b,
        "ichimoku_cloud_top": cloud.cloud_top,
        "ichimoku_cloud_bottom": cloud.cloud_bottom,
    }


def _statistics(bars: Columns) -> Series:
    close = bars.close
    variance, skewness, excess = statistics.moments(close[-22:])
    return {
        "pfe_10": trend.efficiency(close[-(10 + trend.SMOOTHED + 1) :]),
        "zscore_20": statistics.zscore(close[-21:]),
        "return_variance_20": variance,
        "return_skewness_20": skewness,
        "return_kurtosis_20": excess,
        "hurst_256": statistics.hurst(close[-258:]),
    }


def at(every: Mapping[str, Array], index: int) -> dict[str, float | None]:
    """Values at one bar, counted from the end; NaN and infinity are absent, not numbers."""
    values = {name: array.item(index) if len(array) >= -index else None for name, array in every.items()}
    return {name: value if value is not None and isfinite(value) else None for name, value in values.items()}
