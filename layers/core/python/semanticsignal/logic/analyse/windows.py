"""Each window of a series summed afresh, so that what has left it leaves no dust, and the same bars give the same bits
however many bars stand before them."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def windows(values: Array, bars: int) -> Array:
    """One row a window of `bars`, oldest first; no row when there are too few values.

    Copied into rows: a row laid out in one piece is summed in one order, whatever stands around it."""
    rows = max(0, len(values) - bars + 1)
    whole = np.ascontiguousarray(values, dtype=np.float64)
    # what sliding_window_view gives, at a tenth of its cost
    view: Array = np.ndarray((rows, bars), np.float64, whole, 0, (8, 8)) if rows else np.empty((0, bars))
    return view.copy()


def aligned(found: Array, length: int) -> Array:
    """As long as the bars it was made of: what stands before the first window is NaN."""
    column = np.empty(length)
    column[: length - len(found)] = np.nan
    column[length - len(found) :] = found
    return column


def sums(values: Array, bars: int) -> Array:
    return aligned(windows(values, bars).sum(axis=1), len(values))


def over(above: Array, below: Array) -> Array:
    """The quotient; NaN where there is nothing to divide by."""
    quotient: Array = above / np.where(below > 0, below, np.nan)
    return quotient


def means(rows: Array) -> Array:
    """Of each row, as a column beside them."""
    found: Array = rows.sum(axis=1, keepdims=True) / rows.shape[1]
    return found
