"""Who holds a home: one process at a time, each under a number above all before it."""

from dataclasses import dataclass
from datetime import datetime

# Tokens are counted up to here: above it a number means nothing.
MOST_TOKENS = 2**53
# The lock file of a home; one that a takeover had to make has its token behind it.
LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Lease:
    """`since`: by the machine's clock, for people; nothing is reckoned with it. `lock`: the name of the lock file that
    the holder keeps locked while it lives. `beats`: how often it was renewed, each `renews_s` seconds; none: it never
    is. `port`: where its dashboard is."""

    token: int
    pid: int
    since: datetime
    lock: str
    renews_s: float = 0.0
    port: int | None = None
    beats: int = 0

    @property
    def holder(self) -> str:
        return f"pid {self.pid} since {self.since:%Y-%m-%d %H:%M:%S} UTC"
