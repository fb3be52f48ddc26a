"""A language model made of language models: the first that answers speaks, as long as there is time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import NamedTuple

from ..domain.asking import Attempt, Fault
from ..domain.decision import Prompt, Reply
from ..domain.errors import ModelUnavailable
from ..ports import LanguageModel

log = logging.getLogger(__name__)

# What waiting may mend; whoever has another fault is not asked twice.
WAITS = frozenset((Fault.RATE_LIMIT, Fault.OVERLOAD, Fault.CIRCUIT))
# Less is no time for an answer.
LEAST_S = 1.0
SAID = 300


class Named(NamedTuple):
    """A model, whose it is, and its own patience."""

    provider: str
    name: str
    model: LanguageModel
    timeout_s: float


class Fallback:
    """Asks in order, all of them within `deadline_s`. When nobody answered and the first that wants to be left alone
    for a while can be waited for, waits and asks those once more. Raises ModelUnavailable naming every attempt, with
    the fault of the first. `now`: real time; `now_s` and `sleep` are the clock that the deadline is of."""

    def __init__(
        self,
        models: Sequence[Named],
        deadline_s: float,
        now: Callable[[], datetime],
        now_s: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._models, self._deadline_s, self._now = tuple(models), deadline_s, now
        self._now_s, self._sleep = now_s, sleep

    async def complete(self, prompt: Prompt) -> Reply:
        end_s = self._now_s() + self._deadline_s
        attempts: list[Attempt] = []
        waiting = await self._round(self._models, prompt, end_s, attempts)
        if isinstance(waiting, Reply):
            return waiting
        wait_s = min((wait_s for _, wait_s in waiting), default=None)
        if wait_s is not None and self._now_s() + wait_s + LEAST_S <= end_s:
            if wait_s >= LEAST_S:
                log.warning(
                    "no model can be asked now: the first is asked again in %.0f s", wait_s, extra={"about": "models"}
                )
            await self._sleep(wait_s)
            again = [named for named, asked_s in waiting if asked_s <= wait_s + LEAST_S]
            found = await self._round(again, prompt, end_s, attempts)
            if isinstance(found, Reply):
                return found
        said = "; ".join(f"{number}. {one.said}" for number, one in enumerate(attempts, start=1))
        whom = "the only model" if len(self._models) == 1 else f"any of {len(self._models)} models"
        raise ModelUnavailable(
            f"nothing usable came from {whom} that can be asked: {said}",
            attempts[0].fault or Fault.CONNECTION if attempts else Fault.CONNECTION,
            attempts=tuple(attempts),
        )

    async def close(self) -> None:
        for named in self._models:
            await named.model.close()

    async def _round(
        self, models: Sequence[Named], prompt: Prompt, end_s: float, attempts: list[Attempt]
    ) -> Reply | list[tuple[Named, float]]:
        """The first reply; or who may be asked again, and after how many seconds."""
        waiting: list[tuple[Named, float]] = []
        for named in models:
            left_s = end_s - self._now_s()
            if left_s < LEAST_S:
                attempts.append(self._unasked(named, Fault.DEADLINE, f"no time left of {self._deadline_s:g} s"))
                continue
            try:
                reply = await named.model.complete(replace(prompt, within_s=min(left_s, named.timeout_s)))
                return replace(reply, attempts=(*attempts, *reply.attempts))
            except ModelUnavailable as silent:
                attempts += silent.attempts or (self._unasked(named, silent.fault, str(silent)),)
                if silent.fault in WAITS and silent.wait_s is not None:
                    waiting.append((named, silent.wait_s))
        return waiting

    def _unasked(self, named: Named, fault: Fault, why: str) -> Attempt:
        said = " ".join(why.split())[:SAID]
        return Attempt(named.provider, named.name, self._now(), 0.0, fault=fault, said=said)
