"""What kind of noise it is. Of logarithmic returns where not said otherwise: those of all coins compare.

Each function: array in, array of the same length out, NaN until there are enough bars and where nothing moved."""

import numpy as np
from numpy.typing import NDArray

from .windows import aligned, means, over, windows

Array = NDArray[np.float64]
# Returns that spread less are the last digits of a float64 price, not a market.
STILL = 1e-12


def zscore(close: Array, period: int = 20) -> Array:
    """The close off its mean of `period` bars, in population standard deviations."""
    rows = windows(close, period)
    apart = rows - means(rows)
    spread = np.where(rows.max(axis=1) > rows.min(axis=1), np.sqrt(means(apart * apart)[:, 0]), 0.0)
    return aligned(over(apart[:, -1], spread), len(close))


def moments(close: Array, period: int = 20) -> tuple[Array, Array, Array]:
    """Variance, skewness and excess kurtosis of `period` returns, without the bias of a small sample (Fisher's k
    statistics; G1 and G2 of Joanes and Gill 1998). A normal distribution has skewness 0 and excess kurtosis 0."""
    rows, n = windows(_returns(close), period), period
    apart = rows - means(rows)
    squares = apart * apart
    second, third, fourth = (means(one)[:, 0] for one in (squares, squares * apart, squares * squares))
    second = np.where(second > STILL**2, second, 0.0)
    skewness = over(third, second**1.5) * np.sqrt(n * (n - 1)) / (n - 2)
    excess = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * (over(fourth, second**2) - 3) + 6)
    variance = second * n / (n - 1)
    return tuple(aligned(one, len(close)) for one in (variance, skewness, excess))  # type: ignore[return-value]


LAGS = (1, 2, 4, 8, 16)


def hurst(close: Array, period: int = 256) -> Array:
    """Hurst exponent of the log price over `period` returns: 0.5 wanders, above it persists, below it turns back.

    Half the slope, over lags of 1 to 16 bars in logarithms, of the variance of what the price moves in a lag (the
    generalized exponent of order 2), each variance with the drift taken out and free of the bias that overlapping
    lags have (Lo and MacKinlay 1988). Of 256 bars it is known to about ±0.05, so 0.55 is no evidence of a trend."""
    logs = windows(np.log(close), period + 1)
    logs -= (logs[:, -1:] - logs[:, :1]) / period * np.arange(period + 1)
    variances = np.stack([_variance(logs, lag) for lag in LAGS])
    is_moved = (variances > STILL**2).all(axis=0)
    spread = np.log(np.where(is_moved, variances, 1.0)) / 2
    steps = np.log(LAGS) - np.mean(np.log(LAGS))
    slope = (spread * steps[:, None]).sum(axis=0) / (steps**2).sum()
    return aligned(np.where(is_moved, slope, np.nan), len(close))


def _variance(logs: Array, lag: int) -> Array:
    n = logs.shape[1] - 1
    apart = logs[:, lag:] - logs[:, :-lag]
    total: Array = (apart * apart).sum(axis=1)
    variance: Array = total / ((n - lag + 1) * (1 - lag / n))
    return variance


def _returns(close: Array) -> Array:
    return np.diff(np.log(close))
