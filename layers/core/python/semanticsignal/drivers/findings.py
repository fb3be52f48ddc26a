"""One thing that `semsig doctor` looked at, and how to say why it cannot be reached."""

import re
import time
from enum import StrEnum
from typing import NamedTuple

# Whom an error is about: an address in it, or the host that it begins with.
ADDRESS = re.compile(r"https?://([^/\s]+)|^([a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?): ")
BRACKETS = re.compile(r"^Cannot connect to host .* \[(?=.*\]$)|\]$|^\[Errno -?\d+\] ")
LONGEST = 100


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"


class Finding(NamedTuple):
    """One thing looked at. `missing`: a live run cannot do without. `latency_ms`: how long the answer took."""

    what: str
    state: State
    said: str
    mend: str = ""
    latency_ms: int | None = None

    def __str__(self) -> str:
        took = "" if self.latency_ms is None else f"{self.latency_ms} ms; "
        return f"{self.what}: {took}{self.said}{f'; mend: {self.mend}' if self.mend else ''}"


def ms_since(began: float) -> int:
    return round((time.monotonic() - began) * 1_000)


def reason(wrong: BaseException) -> str:
    """Of a chain of errors the system's own word, which says most; else what the last one says."""
    cause: BaseException | None = wrong
    while cause is not None:
        if isinstance(cause, OSError) and not isinstance(cause, TimeoutError) and (told := ADDRESS.search(str(wrong))):
            return f"cannot reach {told[1] or told[2]}, was {BRACKETS.sub('', str(cause)) or type(cause).__name__}"
        cause = cause.__cause__ or cause.__context__
    return str(wrong) or repr(wrong)


def short(text: str) -> str:
    """A reason that fits beside its name."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
