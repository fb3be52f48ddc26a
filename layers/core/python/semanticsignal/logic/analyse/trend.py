"""Where the price is going. Each function: array in, array of the same length out, NaN until there are enough bars."""

import numpy as np
import talib
from numpy.typing import NDArray

Array = NDArray[np.float64]


def sma(close: Array, period: int) -> Array:
    """Simple moving average, quote."""
    return np.asarray(talib.SMA(close, period))


def macd(close: Array, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[Array, Array, Array]:
    """Line, signal and histogram, quote (Appel). EMAs are seeded with the mean of their first window."""
    line, smoothed, histogram = talib.MACD(close, fast, slow, signal)
    return np.asarray(line), np.asarray(smoothed), np.asarray(histogram)


def adx(high: Array, low: Array, close: Array, period: int = 14) -> Array:
    """Average directional index, 0…100 (Wilder 1978): how strongly it trends, either way."""
    return np.asarray(talib.ADX(high, low, close, period))


def directional(high: Array, low: Array, close: Array, period: int = 14) -> tuple[Array, Array]:
    """+DI and −DI, 0…100 (Wilder 1978)."""
    return np.asarray(talib.PLUS_DI(high, low, close, period)), np.asarray(talib.MINUS_DI(high, low, close, period))
