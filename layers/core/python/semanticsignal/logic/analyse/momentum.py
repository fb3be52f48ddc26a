"""How fast the price moves. Each function: array in, array of the same length out, NaN until there are enough bars and
where the definition divides by nothing."""

import numpy as np
import talib
from numpy.typing import NDArray

from .windows import aligned, means, over, windows

Array = NDArray[np.float64]


def rsi(close: Array, period: int = 14) -> Array:
    """Relative strength index, 0…100 (Wilder 1978); NaN while the price has never moved, where it is 0/0."""
    index = np.array(talib.RSI(close, period))
    index[: _still(close)] = np.nan
    return index


def _still(close: Array) -> int:
    """How many bars passed before the price first moved."""
    moved = close != close[:1]
    return int(moved.argmax()) if moved.any() else len(close)


def change_ratio(close: Array, bars: int) -> Array:
    """Close against the close `bars` before, −1…: 0.05 is five percent up. Rate of change, as a ratio."""
    return np.asarray(talib.ROCP(close, bars))


def stochastic(high: Array, low: Array, close: Array, period: int = 14, smooth: int = 3) -> tuple[Array, Array]:
    """Slow %K and %D, 0…100 (Lane 1984): where the close stands between the extremes of `period` bars, averaged over
    `smooth` bars once and once more."""
    raw = 100 + williams_r(high, low, close, period)
    k = _mean(raw, smooth)
    return k, _mean(k, smooth)


def _mean(values: Array, bars: int) -> Array:
    """Afresh for each bar: one NaN within, and a running mean would be lost for good."""
    total = values.copy()
    for back in range(1, bars):
        total[back:] += values[:-back]
        total[:back] = np.nan
    return total / bars


def williams_r(high: Array, low: Array, close: Array, period: int = 14) -> Array:
    """%R, −100…0 (Williams 1973): how far the close is below the highest high, as a share of the range."""
    top, bottom = talib.MAX(high, period), talib.MIN(low, period)
    return -100 * over(top - close, top - bottom)


def ultimate(high: Array, low: Array, close: Array, periods: tuple[int, int, int] = (7, 14, 28)) -> Array:
    """Ultimate oscillator, 0…100 (Williams 1985): buying pressure over true range, of three spans, weighed 4, 2, 1."""
    before = close[:-1]
    bottom, top = np.minimum(low[1:], before), np.maximum(high[1:], before)
    longest = max(periods)
    pressure, ranges = windows(close[1:] - bottom, longest), windows(top - bottom, longest)
    shares = [over(pressure[:, -n:].sum(axis=1), ranges[:, -n:].sum(axis=1)) for n in periods]
    return aligned(100 * (4 * shares[0] + 2 * shares[1] + shares[2]) / 7, len(close))


def tsi(close: Array, long: int = 25, short: int = 13) -> Array:
    """True strength index, −100…100 (Blau 1991): the change of a bar smoothed twice, over its size smoothed twice."""
    index = np.array(talib.TSI(close, long, short))
    index[: _still(close)] = np.nan
    return index


def rmi(close: Array, period: int = 20, span: int = 5) -> Array:
    """Relative momentum index, 0…100 (Altman 1993): Wilder's RSI of the moves over `span` bars instead of one."""
    moves = talib.MOM(close, span)
    gained, lost = (talib.RMA(side, period) for side in (np.maximum(moves, 0.0), np.maximum(-moves, 0.0)))
    return 100 * over(gained, gained + lost)


def coppock(close: Array, long: int = 14, short: int = 11, smooth: int = 10) -> Array:
    """Coppock's curve, percent (Coppock 1962): the linearly weighted mean of two rates of change added up."""
    return np.asarray(talib.WMA(talib.ROC(close, long) + talib.ROC(close, short), smooth))


def kst(close: Array, signal: int = 9) -> tuple[Array, Array]:
    """Know sure thing and its signal, percent (Pring 1992): rates of change over 10, 15, 20 and 30 bars, averaged over
    10, 10, 10 and 15, weighed 1 to 4."""
    spans = ((10, 10), (15, 10), (20, 10), (30, 15))
    each = [weight * talib.SMA(talib.ROC(close, span), mean) for weight, (span, mean) in enumerate(spans, 1)]
    line: Array = each[0] + each[1] + each[2] + each[3]
    return line, np.asarray(talib.SMA(line, signal))


def cci(high: Array, low: Array, close: Array, period: int = 20) -> Array:
    """Commodity channel index (Lambert 1980): the typical price off its mean, in 0.015 mean absolute deviations."""
    typical = windows((high + low + close) / 3, period)
    apart = typical - means(typical)
    # of prices that are all the same the mean is off by a last digit, and no deviation
    is_moved = typical.max(axis=1) > typical.min(axis=1)
    deviation = np.where(is_moved, means(np.abs(apart))[:, 0], 0.0)
    return aligned(over(apart[:, -1], 0.015 * deviation), len(close))
