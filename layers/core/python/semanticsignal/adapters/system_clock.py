"""Clocks: the machine's own, as it is and as venues confirm it, one that runs faster, and two that stand still until
they are turned."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from ..domain.market import Alone


class SystemClock:
    """Now, in UTC."""

    is_unsure = False
    speed = 1.0

    def start(self) -> None:
        """It never stood still."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


# A clock that is further off makes bars that have closed look open, and bars that have not look closed.
MOST_AHEAD_S = 2.0
# No zone and no drift explains more: whoever tells so is not believed, and nothing is known of the time.
MOST_BELIEVED_S = 86_400.0
# The same of one venue alone, unless the machine's clock, or time as it went on here, says so too.
ALONE_BELIEVED_S = 3_600.0


class CheckedClock:
    """The machine's clock as far as the venues agree with it; where it is further off than two seconds, theirs.

    When the machine's clock jumps (it was set, or slept for hours) time goes on here as if nothing had happened, until
    a venue has said which of the two is right: `is_unsure` until then."""

    speed = 1.0

    def __init__(self, wall: Callable[[], datetime], ticks: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._ticks = wall, ticks
        self._last = (wall(), ticks())
        self._offset = timedelta()
        self.is_unsure = True

    def start(self) -> None:
        """It never stood still."""

    @property
    def ahead_s(self) -> float:
        """How far the machine's clock is ahead of this one."""
        return -self._offset.total_seconds()

    def now(self) -> datetime:
        wall, ticks = self._wall(), self._ticks()
        (last_wall, last_ticks), self._last = self._last, (wall, ticks)
        jump = wall - last_wall - timedelta(seconds=ticks - last_ticks)
        if abs(jump.total_seconds()) > MOST_AHEAD_S:
            self._offset -= jump
            self.is_unsure = True
        return wall + self._offset

    def judged(self, ahead_s: float) -> None:
        """By venues, how far this clock is ahead of theirs. What cannot be believed leaves it unsure."""
        machine_s = ahead_s + self.ahead_s
        nearest_s, most_s = min(abs(ahead_s), abs(machine_s)), MOST_BELIEVED_S
        if isinstance(ahead_s, Alone):
            most_s = ALONE_BELIEVED_S
        if not nearest_s <= most_s:
            self.is_unsure = True
            return
        self._offset = timedelta(seconds=-machine_s if abs(machine_s) > MOST_AHEAD_S else 0.0)
        self.is_unsure = False

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class FastClock:
    """Stands at an instant until `start`, then runs `speed` times as fast as the machine's monotonic clock."""

    is_unsure = False

    def __init__(self, at: datetime, speed: float) -> None:
        self.speed = speed
        self._at = at
        self._began: float | None = None

    def start(self) -> None:
        self._began = time.monotonic()

    def now(self) -> datetime:
        passed = 0.0 if self._began is None else time.monotonic() - self._began
        return self._at + timedelta(seconds=passed * self.speed)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)


class TurnedClock:
    """Stands still until it is turned, so that what takes this machine long takes the market no time. Who sleeps waits
    for the outside, which mends itself in real time."""

    is_unsure = False

    def __init__(self, at: datetime, speed: float) -> None:
        self.speed = speed
        self._at = at

    def start(self) -> None:
        """It stands."""

    def now(self) -> datetime:
        return self._at

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def turn(self, to: datetime) -> None:
        """Never back."""
        self._at = max(self._at, to)


class SetClock:
    """Stands still until it is set: replay turns it by hand."""

    is_unsure = False
    speed = 1.0

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def set(self, at: datetime) -> None:
        self._at = at

    async def sleep(self, seconds: float) -> None:
        """Nobody waits: it is that much later."""
        self._at += timedelta(seconds=seconds)
