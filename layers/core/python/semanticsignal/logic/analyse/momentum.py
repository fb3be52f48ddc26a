"""How fast the price moves."""

import numpy as np
import talib
from numpy.typing import NDArray

Array = NDArray[np.float64]


def rsi(close: Array, period: int = 14) -> Array:
    """Relative strength index, 0…100 (Wilder 1978)."""
    return np.asarray(talib.RSI(close, period))


def change_ratio(close: Array, bars: int) -> Array:
    """Close against the close `bars` before, −1…: 0.05 is five percent up."""
    return np.asarray(talib.ROCP(close, bars))
