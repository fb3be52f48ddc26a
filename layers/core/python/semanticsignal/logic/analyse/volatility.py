"""How far the price swings."""

import numpy as np
import talib
from numpy.typing import NDArray

Array = NDArray[np.float64]


def atr(high: Array, low: Array, close: Array, period: int = 14) -> Array:
    """Average true range, quote (Wilder 1978)."""
    return np.asarray(talib.ATR(high, low, close, period))


def bollinger(close: Array, period: int = 20, width: float = 2.0) -> tuple[Array, Array, Array]:
    """Upper, middle and lower band, quote (Bollinger): mean ± `width` population standard deviations."""
    upper, middle, lower = talib.BBANDS(close, period, width, width)
    return np.asarray(upper), np.asarray(middle), np.asarray(lower)


def rank_ratio(values: Array, bars: int) -> float | None:
    """Share of the last `bars` values that the newest reaches or passes, 0…1; None under 50, or when all are equal."""
    known = values[-bars:][~np.isnan(values[-bars:])]
    if len(known) < 50 or np.isnan(values[-1]) or known.max() == known.min():
        return None
    return float(np.count_nonzero(known <= values[-1]) / len(known))
