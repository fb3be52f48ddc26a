"""Who stands behind the move."""

import numpy as np
import talib
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[np.float64]


def obv(close: Array, volume: Array) -> Array:
    """On-balance volume, base (Granville). Its level depends on the first bar; read its slope."""
    return np.asarray(talib.OBV(close, volume))


def obv_change_ratio(close: Array, volume: Array, bars: int) -> Array:
    """Change of on-balance volume over `bars` as a share of what was traded in them, −1…1: free of OBV's origin."""
    change = np.full_like(close, np.nan)
    total = _sums(volume, bars)
    flow = obv(close, volume)
    change[bars:] = flow[bars:] - flow[:-bars]
    return np.divide(change, total, out=np.full_like(close, np.nan), where=total > 0)


def volume_ratio(volume: Array, period: int = 20) -> Array:
    """Volume against its own mean over `period` bars; NaN where nothing was traded in all of them."""
    mean = _sums(volume, period) / period
    return np.divide(volume, mean, out=np.full_like(volume, np.nan), where=mean > 0)


def _sums(values: Array, bars: int) -> Array:
    """Each window summed afresh: a running sum would carry the dust of huge volumes into quiet ones."""
    sums = np.full_like(values, np.nan)
    if len(values) >= bars:
        sums[bars - 1 :] = sliding_window_view(values, bars).sum(axis=1)
    return sums
