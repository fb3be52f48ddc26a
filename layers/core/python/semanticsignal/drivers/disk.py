"""Whether it is the disk that refuses: full, read-only, over its quota or broken. It may be well again at any time."""

import errno
import shutil
from pathlib import Path

REFUSALS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
SQLITE = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY")
# Less is nothing to a server that keeps a log ahead.
ROOM = 1_000_000


def refuses(wrong: BaseException) -> bool:
    """By what is behind an error of ours."""
    cause: BaseException | None = wrong
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in REFUSALS:
            return True
        if getattr(cause, "sqlite_errorname", "").startswith(SQLITE):
            return True
        cause = cause.__cause__
    return False


def is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < ROOM
    except OSError:
        return False
