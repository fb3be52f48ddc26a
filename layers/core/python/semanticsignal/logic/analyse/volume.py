"""Who stands behind the move. Each function: array in, array of the same length out, NaN until there are enough bars
and where nothing was traded. What is summed up since the first bar is told by its change: its level is arbitrary."""

import numpy as np
import talib
from numpy.typing import NDArray

from .windows import aligned, means, over, sums, windows

Array = NDArray[np.float64]


def obv(close: Array, volume: Array) -> Array:
    """On-balance volume, base (Granville). Its level depends on the first bar; read its slope."""
    return np.asarray(talib.OBV(close, volume))


def obv_change_ratio(close: Array, volume: Array, bars: int) -> Array:
    """Change of on-balance volume over `bars` as a share of what was traded in them, −1…1: free of OBV's origin."""
    change = np.full_like(close, np.nan)
    total = sums(volume, bars)
    flow = obv(close, volume)
    change[bars:] = flow[bars:] - flow[:-bars]
    return over(change, total)


def obv_slope_ratio(close: Array, volume: Array, bars: int = 10) -> Array:
    """Least squares through the last `bars` values of on-balance volume: its slope a bar over the mean volume of those
    bars, about −1…1; the same wherever OBV began."""
    flows = windows(np.sign(np.diff(close)) * volume[1:], bars)
    steps = np.arange(bars) - (bars - 1) / 2
    # the first flow of a window only lifts all of its values, so it has no part in the slope
    levels = np.cumsum(flows, axis=1)
    slope = ((levels - levels[:, :1]) * steps).sum(axis=1) / (steps**2).sum()
    return aligned(over(slope, means(windows(volume[1:], bars))[:, 0]), len(close))


def volume_ratio(volume: Array, period: int = 20) -> Array:
    """Volume against its own mean over `period` bars; NaN where nothing was traded in all of them."""
    return over(volume, sums(volume, period) / period)


def vwap(high: Array, low: Array, close: Array, volume: Array, period: int = 20) -> Array:
    """Mean of the typical price (high + low + close)/3 over `period` bars, weighed by volume, quote. Rolling: a market
    that never closes has no session to begin with."""
    typical, traded = windows((high + low + close) / 3, period), windows(volume, period)
    return aligned(over((typical * traded).sum(axis=1), traded.sum(axis=1)), len(close))


def twap(high: Array, low: Array, close: Array, period: int = 20) -> Array:
    """The same, each bar weighing alike, quote."""
    return aligned(means(windows((high + low + close) / 3, period))[:, 0], len(close))


def mfi(high: Array, low: Array, close: Array, volume: Array, period: int = 14) -> Array:
    """Money flow index, 0…100 (Quong and Soudack 1989): typical price × volume of the bars that rose, as a share of
    that of those that rose or fell."""
    typical = (high + low + close) / 3
    moved, money = np.sign(np.diff(typical)), typical[1:] * volume[1:]
    rose, fell = (windows(np.where(moved == side, money, 0.0), period).sum(axis=1) for side in (1, -1))
    return aligned(100 * over(rose, rose + fell), len(close))


def cmf(high: Array, low: Array, close: Array, volume: Array, period: int = 20) -> Array:
    """Chaikin money flow, −1…1 (Chaikin): volume weighed by where its bar closed, −1 at the low and 1 at the high, as a
    share of all volume. Of `period` bars it is also the change of the accumulation/distribution line in them, as a
    share of what was traded. A bar without a range weighs nothing."""
    weight = np.divide(2 * close - high - low, high - low, out=np.zeros_like(close), where=high > low)
    flow = windows(weight * volume, period).sum(axis=1)
    return aligned(over(flow, windows(volume, period).sum(axis=1)), len(close))


def force(close: Array, volume: Array, period: int = 13) -> Array:
    """Force index, quote × base (Elder 1993): the EMA of each bar's change times its volume."""
    return np.asarray(talib.EMA(talib.MOM(close, 1) * volume, period))


def pvt_change_ratio(close: Array, volume: Array, bars: int = 10) -> Array:
    """Change of the price-volume trend over `bars` as a share of what was traded in them: the mean return, each bar's
    weighed by its volume."""
    returns = close[1:] / close[:-1] - 1
    flow = windows(returns * volume[1:], bars).sum(axis=1)
    return aligned(over(flow, windows(volume[1:], bars).sum(axis=1)), len(close))
