"""Named shapes with the bars that made them."""

import numpy as np
from numpy.typing import NDArray

from ...domain.analysis import Pattern

Array = NDArray[np.float64]


def crossing(name: str, fast: Array, slow: Array, within: int) -> Pattern | None:
    """The newest crossing of `fast` over (`…_up`) or under (`…_down`) `slow` in the last `within` bars.

    Confidence falls linearly with age: 1 at the newest bar."""
    gap = fast[-within - 1 :] - slow[-within - 1 :]
    # A touch has no side: what counts is where it was before and where it went.
    sided = np.flatnonzero(~np.isnan(gap) & (gap != 0))
    turned = np.flatnonzero(np.diff(gap[sided] > 0))
    if not len(turned):
        return None
    after = int(sided[turned[-1] + 1])
    direction = "up" if gap[after] > 0 else "down"
    bars_ago = len(gap) - 1 - after
    return Pattern(f"{name}_{direction}", round(1 - bars_ago / within, 4), (bars_ago + 1, bars_ago))
