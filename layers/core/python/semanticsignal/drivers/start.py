"""`semsig` from its first moment to its last: a signal while all else is loaded, or while it ends, is no traceback."""

import os
import sys
from pathlib import Path

from .farewell import DONE, INTERRUPTED, Farewell

# These last until they are told to stop, and hear for themselves as soon as they are loaded; the past alone has an end.
LASTING, ENDING = ("run", "record"), "--only-backfill"


def main() -> None:
    _open()
    is_lasting = sys.argv[1:2] in [[one] for one in LASTING] and ENDING not in sys.argv
    with Farewell(DONE if is_lasting else INTERRUPTED).listening(is_last=is_lasting):
        from .cli import main as command

        if is_lasting:
            command()
    if not is_lasting:
        command()


def _open() -> None:
    """Whoever closed what we write to wants to hear nothing; what is opened next would take its number otherwise."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - to the end
