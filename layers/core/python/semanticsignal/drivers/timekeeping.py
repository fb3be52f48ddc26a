"""Holds the clock of a live run against the venues': now and then, and at once when it jumped."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from .. import wiring

Ask = Callable[[], Awaitable[float | None]]

JUDGED_EACH_S, AGAIN_S = 600.0, 10.0


async def judged(clock: "wiring.CheckedClock", ask: Ask) -> bool:
    """Whether the venues had an answer that can be believed."""
    ahead_s = await ask()
    if ahead_s is not None:
        clock.judged(ahead_s)
    return ahead_s is not None and not clock.is_unsure


class Timekeeper:
    """`said` is told what is wrong with the machine's clock, and with nothing when it is well. `marked`: until when
    equity is marked."""

    def __init__(
        self,
        clock: "wiring.CheckedClock",
        ask: Ask,
        said: Callable[[str], None],
        marked: Callable[[], Awaitable[datetime | None]],
    ) -> None:
        self._clock, self._ask, self._said, self._marked = clock, ask, said, marked
        self._asked_s: float | None = None
        self._is_answered = not clock.is_unsure
        self._ahead: datetime | None = None
        self._said_now()

    def is_due(self) -> bool:
        """By the monotonic clock, which nobody sets. After a jump at once, and then each few seconds until somebody
        answers."""
        self._clock.now()  # a jump is found when it is looked at
        if self._asked_s is None:
            return True
        passed_s = asyncio.get_running_loop().time() - self._asked_s
        is_pressing = self._clock.is_unsure and self._is_answered
        return is_pressing or passed_s >= (AGAIN_S if self._clock.is_unsure else JUDGED_EACH_S)

    async def look(self) -> None:
        self._asked_s, self._is_answered = asyncio.get_running_loop().time(), False
        self._is_answered = await judged(self._clock, self._ask)
        self._ahead = await self._marked()
        self._said_now()

    def _said_now(self) -> None:
        ahead_s = self._clock.ahead_s
        if self._clock.is_unsure and not self._is_answered:
            said = "nobody who can be believed tells which time it is, at the start or after a jump"
            self._said(f"{said}: time goes on as it did, stops are looked at, nothing is opened and no equity marked")
        elif ahead_s:
            way = "ahead of" if ahead_s > 0 else "behind"
            self._said(f"this machine's clock is {abs(ahead_s):.0f} s {way} the venues'; theirs counts: set it")
        elif self._ahead and self._ahead > self._clock.now():
            until = self._ahead.isoformat()
            self._said(
                f"equity is marked until {until}, which has not come yet: none is marked before, trading goes on"
            )
        else:
            self._said("")
