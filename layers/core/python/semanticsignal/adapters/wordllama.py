"""Words by what they mean: WordLlama's 256 numbers a token, averaged. Its table comes in the package; no network."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..domain.errors import MemoryUnavailable
from ..domain.untrusted import writable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NUMBERS = 256


class WordLlama:
    """Loaded when first asked: 0.3 s and 50 MB."""

    def points(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """One row of unit length a text; zeros for a text without a known word. Raises MemoryUnavailable."""
        import numpy as np

        if not texts:
            return np.zeros((0, NUMBERS), dtype=np.float32)
        # half a character is no text, and nothing to a tokenizer
        whole = [writable(text) for text in texts]
        found = np.asarray(self._model.embed(whole, norm=False), dtype=np.float32)
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        return np.where(lengths > 0, found / np.where(lengths > 0, lengths, 1), 0).astype(np.float32)

    @cached_property
    def _model(self) -> Any:
        try:
            import wordllama
        except ImportError as wrong:
            raise MemoryUnavailable(
                "searching by meaning needs the package wordllama, which this machine has not: search by words"
            ) from wrong
        # its tokenizer lies in the package too, where it looks for what it once downloaded
        here = Path(wordllama.__file__).parent
        try:
            return wordllama.WordLlama.load(cache_dir=here, disable_download=True, dim=NUMBERS)
        except (FileNotFoundError, OSError, ValueError) as wrong:
            raise MemoryUnavailable(f"the table of wordllama cannot be read, was {wrong}") from wrong
