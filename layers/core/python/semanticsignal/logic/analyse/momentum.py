"""How fast the price moves."""

import numpy as np
import talib
from numpy.typing import NDArray

Array = NDArray[np.float64]


def rsi(close: Array, period: int = 14) -> Array:
    """Relative strength index, 0…100 (Wilder 1978); NaN while the price has never moved, where it is 0/0."""
    index = np.array(talib.RSI(close, period))
    moved = np.maximum.accumulate(np.abs(np.diff(close, prepend=close[:1])))
    index[moved == 0] = np.nan
    return index


def change_ratio(close: Array, bars: int) -> Array:
    """Close against the close `bars` before, −1…: 0.05 is five percent up."""
    return np.asarray(talib.ROCP(close, bars))
