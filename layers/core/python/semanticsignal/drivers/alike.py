"""How alike every experience is to one moment, from what the ledger tells: no index has to answer."""

from typing import TYPE_CHECKING

from ..domain.learning import Conditions, Experience
from ..logic.decide.recall import SCALE, vector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Alike:
    """A row of unit length for each experience, the room doubled when it is full."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._rows: NDArray[np.float64] | None = None

    def add(self, one: Experience) -> None:
        import numpy as np

        if one.id in self._ids:
            return
        row = len(self._ids)
        if self._rows is None or row == len(self._rows):
            wider = np.zeros((max(64, 2 * row), len(SCALE)))
            if self._rows is not None:
                wider[:row] = self._rows
            self._rows = wider
        self._rows[row] = _unit(one.conditions)
        self._ids[one.id] = row

    def to(self, conditions: Conditions) -> dict[str, float]:
        """0…1 each, as `logic.decide.recall.likeness` but for the last digits."""
        if self._rows is None:
            return {}
        likeness = (1 + (self._rows[: len(self._ids)] @ _unit(conditions)).clip(-1, 1)) / 2
        return dict(zip(self._ids, likeness.tolist(), strict=True))


def _unit(conditions: Conditions) -> "NDArray[np.float64]":
    import numpy as np

    point = np.array(vector(conditions))
    return point / (float(np.linalg.norm(point)) or 1.0)
