"""Whether a place on the disk can be written, tried before the work and not after it; and a file that is whole or not
there."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
    """Raises BadInput for what no file can be written to, and for what is no file: a device or a pipe would be replaced
    by one."""
    if file.is_dir():
        raise BadInput(f"{option} is a file, was the folder {file}")
    if not file.parent.is_dir():
        raise BadInput(f"{option} is a file in a folder that is there, was {file}")
    if file.name == "-" or (file.exists() and not file.is_file()):
        raise BadInput(f"{option} is a file, was {file}, which is none")
    if unwritable(file.parent):
        raise BadInput(f"{option} is a file in a folder that can be written, was {file}")


@contextmanager
def whole(to: Path) -> Iterator[Path]:
    """A file beside it that takes its place when it is done; whoever is interrupted leaves nothing."""
    to = to.resolve()  # what a link leads to, not the link
    partial = to.with_name(f".{to.name}.{os.getpid()}.partial")
    try:
        yield partial
        with partial.open("r+b") as done:  # Windows flushes only what may be written
            os.fsync(done.fileno())
        partial.replace(to)
    finally:
        partial.unlink(missing_ok=True)
