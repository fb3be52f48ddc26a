"""Everything that was written down in a ledger, searched by what it means."""

import asyncio
import re
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from ..domain.errors import BadInput
from ..domain.learning import Passage, PassageKind
from ..logic.show.passages import KINDS, passages
from ..ports import Ledger

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Points = Callable[[Sequence[str]], NDArray[np.float32]]

# As many as are read in a few hundredths of a second.
PAGE = 100
LONGEST = 1000
# What is less alike than that shares a word by chance.
LEAST = 0.15


class Found(NamedTuple):
    passage: Passage
    similarity: float


class Library:
    """Follows one ledger. `points`: text → a row of unit length."""

    def __init__(self, ledger: Ledger, points: "Points") -> None:
        self._ledger, self._points = ledger, points
        self._after = 0
        self._turn = asyncio.Lock()
        self._shelf: list[tuple[Passage, NDArray[np.float32]]] = []

    async def search(
        self, words: str, *, until: datetime, limit: int, kinds: Collection[PassageKind] = tuple(PassageKind)
    ) -> tuple[Found, ...]:
        """Most alike first, ties by id; what shares no meaning is left out. Raises BadInput for no words, and what the
        ledger and `points` raise."""
        if not re.search(r"\w", words) or len(words) > LONGEST:
            raise BadInput(f"search for words, at most {LONGEST} characters of them, was {words[:60]!r}")
        import numpy as np

        async with self._turn:
            await self._follow()
        (point,) = await asyncio.to_thread(self._points, [words])
        meant = [each for each in self._shelf if each[0].kind in kinds and each[0].at <= until]
        known = list({passage.about: (passage, row) for passage, row in meant}.values())
        if not known:
            return ()
        alike = np.stack([row for _, row in known]) @ point
        found = [Found(passage, float(s)) for (passage, _), s in zip(known, alike, strict=True) if s >= LEAST]
        return tuple(sorted(found, key=lambda one: (-one.similarity, one.passage.id))[:limit])

    async def _follow(self) -> None:
        while page := await self._ledger.entries(kinds=KINDS, after=self._after, limit=PAGE):
            new = [passage for entry in page for passage in passages(entry)]
            rows = await asyncio.to_thread(self._points, [one.text for one in new])
            self._shelf += zip(new, rows, strict=True)
            self._after = page[-1].seq
