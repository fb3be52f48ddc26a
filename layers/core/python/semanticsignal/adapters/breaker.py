"""A language model that is left alone for a while when it fails too often, or when it says so."""

from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from ..domain.asking import Fault
from ..domain.decision import Prompt, Reply
from ..domain.errors import ModelUnavailable
from ..ports import LanguageModel

FAILURES = 3
# At first, twice as long after each trial that fails, and at most.
FIRST_S, MOST_S = 60.0, 900.0
# One is enough: asking again with the same key helps nobody.
AT_ONCE = {Fault.AUTH: 900.0, Fault.QUOTA: 900.0, Fault.RATE_LIMIT: 30.0}
TROUBLE = frozenset((Fault.OVERLOAD, Fault.TIMEOUT, Fault.CONNECTION, Fault.MALFORMED))
# A server that asks for more is asked all the same after so long: one lie shall not silence it for hours.
LONGEST_WAIT_S = 300.0


class Circuit(NamedTuple):
    """`left_s`: how long it is still left alone, and `why`; None while it is asked."""

    name: str
    left_s: float | None
    why: str


class Breaker:
    """Raises ModelUnavailable with Fault.CIRCUIT and how long it still is, without asking. Afterwards one question is
    a trial: others wait until it is answered. What the model says, be it nothing, and what there is money for, is no
    trouble of the server's. The state is of this process, and the pauses are real time: in a replay too the server is
    as it is."""

    def __init__(self, model: LanguageModel, name: str, now_s: Callable[[], float] = monotonic) -> None:
        self._model, self._name, self._now_s = model, name, now_s
        self._failures, self._pause_s, self._until_s = 0, FIRST_S, 0.0
        self._is_open, self._is_tried, self._why = False, False, ""

    async def complete(self, prompt: Prompt) -> Reply:
        left_s = self._until_s - self._now_s()
        if self._is_open and (left_s > 0 or self._is_tried):
            raise ModelUnavailable(
                f"{self._name}: left alone for {max(0.0, left_s):.0f} s more, for it failed by {self._why}",
                Fault.CIRCUIT,
                wait_s=max(0.0, left_s),
            )
        self._is_tried = self._is_open
        try:
            reply = await self._model.complete(prompt)
        except ModelUnavailable as wrong:
            self._count(wrong)
            raise
        finally:
            self._is_tried = False
        self._failures, self._pause_s, self._is_open = 0, FIRST_S, False
        return reply

    def circuit(self) -> Circuit:
        left_s = max(0.0, self._until_s - self._now_s()) if self._is_open else None
        return Circuit(self._name, left_s, self._why if self._is_open else "")

    async def close(self) -> None:
        await self._model.close()

    def _count(self, wrong: ModelUnavailable) -> None:
        self._why = wrong.fault.replace("_", " ")
        if wrong.fault in AT_ONCE:
            pause_s = AT_ONCE[wrong.fault] if wrong.wait_s is None else min(wrong.wait_s, LONGEST_WAIT_S)
            self._open(pause_s)
        elif wrong.fault in TROUBLE:
            self._failures += 1
            if self._is_open or self._failures >= FAILURES:
                self._open(max(self._pause_s, min(wrong.wait_s or 0.0, LONGEST_WAIT_S)))
                self._pause_s = min(2 * self._pause_s, MOST_S)

    def _open(self, pause_s: float) -> None:
        self._is_open, self._until_s = True, self._now_s() + pause_s
