"""Clocks: the machine's own, one that runs faster than real time, and one that is set by hand."""

import asyncio
import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """Now, in UTC."""

    speed = 1.0

    def start(self) -> None:
        """It never stood still."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class FastClock:
    """Stands at an instant until `start`, then runs `speed` times as fast as the machine's monotonic clock."""

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


class SetClock:
    """Stands still until it is set: replay turns it by hand."""

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
