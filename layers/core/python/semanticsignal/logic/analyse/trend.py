"""Where the price is going. Each function: array in, array of the same length out, NaN until there are enough bars."""

from typing import NamedTuple

import numpy as np
import talib
from numpy.typing import NDArray

from .windows import aligned, means, over, windows

Array = NDArray[np.float64]
# How many values an EMA of five is made of before the older ones vanish.
SMOOTHED = 80


def sma(close: Array, period: int) -> Array:
    """Simple moving average, quote."""
    return np.asarray(talib.SMA(close, period))


def ema(close: Array, period: int) -> Array:
    """Exponential moving average of weight 2/(period + 1), quote; begins as the mean of its first window."""
    return np.asarray(talib.EMA(close, period))


def macd(close: Array, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[Array, Array, Array]:
    """Line, signal and histogram, quote (Appel). EMAs are seeded with the mean of their first window."""
    line, smoothed, histogram = talib.MACD(close, fast, slow, signal)
    return np.asarray(line), np.asarray(smoothed), np.asarray(histogram)


def ppo(close: Array, fast: int = 12, slow: int = 26) -> Array:
    """Percentage price oscillator (Appel): how many percent the fast EMA stands above the slow one."""
    return 100 * (ema(close, fast) / ema(close, slow) - 1)


def adx(high: Array, low: Array, close: Array, period: int = 14) -> Array:
    """Average directional index, 0…100 (Wilder 1978): how strongly it trends, either way."""
    return np.asarray(talib.ADX(high, low, close, period))


def directional(high: Array, low: Array, close: Array, period: int = 14) -> tuple[Array, Array]:
    """+DI and −DI, 0…100 (Wilder 1978)."""
    return np.asarray(talib.PLUS_DI(high, low, close, period)), np.asarray(talib.MINUS_DI(high, low, close, period))


def trix(close: Array, period: int = 15) -> Array:
    """Change over one bar, percent, of the EMA of the EMA of the EMA (Hutson 1983)."""
    thrice = ema(ema(ema(close, period), period), period)
    return np.asarray(talib.ROC(thrice, 1))


def sar(high: Array, low: Array, step: float = 0.02, most: float = 0.2) -> Array:
    """Parabolic stop and reverse, quote (Wilder 1978): below the price in a rise, above it in a fall.

    Its first direction is that of the first directional move; from the first reversal on the beginning is forgotten."""
    return np.asarray(talib.SAR(high, low, step, most))


def supertrend(high: Array, low: Array, close: Array, period: int = 10, width: float = 3.0) -> tuple[Array, Array]:
    """Its line, quote, and its direction, 1 up or −1 down (Seban): a stop `width` Wilder ATRs from the bar's middle
    that only follows, until the close is beyond it."""
    line, direction = talib.SUPERTREND(high, low, close, period, width)
    known = ~np.isnan(line)
    return np.asarray(line), np.where(known, np.asarray(direction, dtype=np.float64), np.nan)


class Ichimoku(NamedTuple):
    """All quote. `span_a`, `span_b`: made of this bar, to be drawn ahead; `cloud_…`: what was drawn over this bar."""

    conversion: Array
    base: Array
    span_a: Array
    span_b: Array
    cloud_top: Array
    cloud_bottom: Array


def ichimoku(high: Array, low: Array, *, fast: int = 9, middle: int = 26, slow: int = 52) -> Ichimoku:
    """Conversion, base and both leading spans as of this very bar (Hosoda 1968), and the edges of the cloud over it:
    the spans of `middle` bars before. The lagging span is left out: drawn back, it shows a bar its own future."""
    conversion, base, span_b = (_middle(high, low, period) for period in (fast, middle, slow))
    span_a = (conversion + base) / 2
    top, bottom = np.maximum(span_a, span_b), np.minimum(span_a, span_b)
    return Ichimoku(conversion, base, span_a, span_b, _later(top, middle), _later(bottom, middle))


def _middle(high: Array, low: Array, period: int) -> Array:
    return np.asarray((talib.MAX(high, period) + talib.MIN(low, period)) / 2)


def _later(values: Array, bars: int) -> Array:
    return aligned(values[:-bars], len(values))


def vortex(high: Array, low: Array, close: Array, period: int = 14) -> tuple[Array, Array]:
    """VI+ and VI− (Botes and Siepman 2010): how far highs stand from the low before, and lows from the high before,
    as a share of the true range; about 1."""
    ranges = windows(talib.TRANGE(high, low, close)[1:], period).sum(axis=1)
    up = windows(np.abs(high[1:] - low[:-1]), period).sum(axis=1)
    down = windows(np.abs(low[1:] - high[:-1]), period).sum(axis=1)
    return aligned(over(up, ranges), len(close)), aligned(over(down, ranges), len(close))


def regression(close: Array, period: int = 14) -> tuple[Array, Array]:
    """Least squares through the logarithms of the closes: the slope, the ratio a bar by which the line grows, and r²,
    0…1, the share of the variance it explains; r² is NaN where the price did not move."""
    logs = windows(np.log(close), period)
    steps = np.arange(period) - (period - 1) / 2
    apart = logs - means(logs)
    slope = (apart * steps).sum(axis=1) / (steps**2).sum()
    is_moved = logs.max(axis=1) > logs.min(axis=1)
    slope = np.where(is_moved, slope, 0.0)
    explained = over(slope**2 * (steps**2).sum(), np.where(is_moved, (apart**2).sum(axis=1), 0.0))
    return aligned(np.expm1(slope), len(close)), aligned(np.minimum(explained, 1.0), len(close))


def setup(close: Array, compared: int = 4, most: int = 9) -> Array:
    """TD setup (DeMark 1994): how many closes in a row stood above (counted up, toward a sell at 9) or below (counted
    down, toward a buy at −9) the close four bars before. Counted no further than nine, so that thirteen bars tell it
    whole; the price flip that a first bar wants is not asked for."""
    sides = np.sign(close[compared:] - close[:-compared])
    rows = windows(sides, most)
    newest = rows[:, -1:]
    # the first of the older ones, from the newest on back, that stood on another side
    is_other = rows[:, ::-1] != newest
    count = np.where(is_other.any(axis=1), is_other.argmax(axis=1), most)
    return aligned(count * newest[:, 0], len(close))


def efficiency(close: Array, period: int = 10, smooth: int = 5) -> Array:
    """Polarized fractal efficiency, −100…100 (Hannula 1994): the straight way over `period` bars as a share of the way
    gone, signed, smoothed by an EMA.

    Hannula measures the way in the plane of price and bars, √(Δ² + 1): a length that depends on the coin's unit. Here
    a step counts in units of the window's mean absolute step, so that a bar is as wide as it is high on average and
    every coin is measured alike. A market that did not move has no direction: 0. The EMA is made of the newest 80
    values: what is older weighs 1e-14 of it."""
    if len(close) <= period:
        return np.full(len(close), np.nan)
    steps = windows(np.diff(close), period)
    unit = means(np.abs(steps))
    steps = np.divide(steps, unit, out=np.zeros_like(steps), where=unit > 0)
    net = (close[period:] - close[:-period]) / np.where(unit[:, 0] > 0, unit[:, 0], 1.0)
    straight, gone = np.sqrt(net**2 + period**2), np.sqrt(steps**2 + 1).sum(axis=1)
    weights = (1 - 2 / (smooth + 1)) ** np.arange(SMOOTHED - 1, -1, -1)
    raw = windows(100 * np.sign(net) * straight / gone, SMOOTHED)
    return aligned((raw * weights).sum(axis=1) / weights.sum(), len(close))
