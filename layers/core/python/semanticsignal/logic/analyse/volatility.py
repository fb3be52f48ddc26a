"""How far the price swings. Each function: array in, array of the same length out, NaN until there are enough bars."""

from math import log10

import numpy as np
import talib
from numpy.typing import NDArray

from .windows import aligned, over, windows

Array = NDArray[np.float64]


def atr(high: Array, low: Array, close: Array, period: int = 14) -> Array:
    """Average true range, quote (Wilder 1978)."""
    return np.asarray(talib.ATR(high, low, close, period))


def bollinger(close: Array, period: int = 20, width: float = 2.0) -> tuple[Array, Array, Array]:
    """Upper, middle and lower band, quote (Bollinger): mean ± `width` population standard deviations."""
    upper, middle, lower = talib.BBANDS(close, period, width, width)
    return np.asarray(upper), np.asarray(middle), np.asarray(lower)


def keltner(high: Array, low: Array, close: Array, period: int = 20, width: float = 2.0) -> tuple[Array, Array, Array]:
    """Upper, middle and lower line, quote (Keltner 1960, as Raschke draws them): EMA ± `width` ATRs of 10 bars."""
    middle = np.asarray(talib.EMA(close, period))
    reach = width * atr(high, low, close, 10)
    return middle + reach, middle, middle - reach


def donchian(high: Array, low: Array, period: int = 20) -> tuple[Array, Array]:
    """Highest high and lowest low of `period` bars, this one with them, quote (Donchian)."""
    return np.asarray(talib.MAX(high, period)), np.asarray(talib.MIN(low, period))


def chandelier(high: Array, low: Array, close: Array, period: int = 22, width: float = 3.0) -> tuple[Array, Array]:
    """Stop of a long and stop of a short, quote (LeBeau): `width` ATRs off the extreme of `period` bars."""
    reach = width * atr(high, low, close, period)
    top, bottom = donchian(high, low, period)
    return top - reach, bottom + reach


def choppiness(high: Array, low: Array, close: Array, period: int = 14) -> Array:
    """Choppiness index, 0…100 (Dreiss 1993): the ways gone as a share of the range, in logarithms. Over 61.8 is
    called choppy, under 38.2 trending."""
    ranges = windows(talib.TRANGE(high, low, close)[1:], period).sum(axis=1)
    top, bottom = windows(high[1:], period).max(axis=1), windows(low[1:], period).min(axis=1)
    ways = over(ranges, top - bottom)
    return aligned(100 * np.log10(ways) / log10(period), len(close))


def rank_ratio(values: Array, bars: int) -> float | None:
    """Share of the last `bars` values that the newest reaches or passes, 0…1; None under 50, or when all are equal."""
    known = values[-bars:][~np.isnan(values[-bars:])]
    if len(known) < 50 or np.isnan(values[-1]) or known.max() == known.min():
        return None
    return float(np.count_nonzero(known <= values[-1]) / len(known))
