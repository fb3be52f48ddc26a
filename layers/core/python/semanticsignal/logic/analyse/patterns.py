"""Named shapes with the bars that made them."""

import numpy as np
from numpy.typing import NDArray

from ...domain.analysis import Pattern

Array = NDArray[np.float64]


def crossing(name: str, fast: Array, slow: Array, within: int) -> Pattern | None:
    """The newest crossing of `fast` over (`…_up`) or under (`…_down`) `slow` in the last `within` bars.

    Confidence falls linearly with age: 1 at the newest bar."""
    gap = fast[-within - 1 :] - slow[-within - 1 :]
    side = np.sign(gap)
    turned = np.flatnonzero((side[1:] != side[:-1]) & (side[1:] != 0) & ~np.isnan(gap[1:]) & ~np.isnan(gap[:-1]))
    if not len(turned):
        return None
    newest = int(turned[-1])
    bars_ago = len(gap) - 2 - newest
    direction = "up" if side[newest + 1] > 0 else "down"
    return Pattern(f"{name}_{direction}", round(1 - bars_ago / within, 4), (bars_ago + 1, bars_ago))
