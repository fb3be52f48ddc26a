"""Whether a place on the disk can be written, tried before the work and not after it."""

import tempfile
from pathlib import Path

from ..domain.errors import BadInput


def nearest(path: Path) -> Path:
    """Itself, or what is there of the way to it."""
    whole = path.resolve()
    return next(parent for parent in (whole, *whole.parents) if parent.exists())


def unwritable(there: Path) -> str:
    """Why nothing can be made in what is there; empty when it can. It is tried, and nothing is left of it: what a
    folder's permissions say is not all that a file system refuses."""
    if not there.is_dir():
        return "is a file"
    try:
        with tempfile.TemporaryDirectory(prefix=".semsig", dir=there):
            return ""
    except OSError:
        return "cannot be written"


def check_file(option: str, file: Path) -> None:
    """Raises BadInput for what no file can be written to."""
    if file.is_dir() or not file.parent.is_dir():
        raise BadInput(f"{option} is a file in a folder that is there, was {file}")
    if unwritable(file.parent):
        raise BadInput(f"{option} is a file in a folder that can be written, was {file}")
