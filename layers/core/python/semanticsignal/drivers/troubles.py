"""What is wrong with a running instance: on the page until it is well again, in the log now and then, and after a while
an alarm, once."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from ..domain.messages import Message
from ..logic.notify import alarms
from ..logic.notify.messages import Known
from ..ports import Clock

log = logging.getLogger("semsig")

SOON, LATER = timedelta(minutes=5), timedelta(hours=6)


class Kind(NamedTuple):
    """`words`: of people, for what is wrong. `patience`: so long nobody is told; long for what no trade hangs on.
    `is_told`: whether it can be told."""

    words: str
    patience: timedelta = SOON
    is_told: bool = True


# By what it is about; everything else is a pair.
KINDS = {
    "watch": Kind("stops and targets"),
    "host": Kind("the program itself"),
    "clock": Kind("the clock of this machine"),
    "lease": Kind("the hold on its home"),
    "disk": Kind("the disk"),
    "untold": Kind("what a run that broke off left"),
    "context": Kind("figures of the whole market", LATER),
    "news": Kind("news", LATER),
    "review": Kind("looking back at trades", LATER),
    "memory": Kind("memory", LATER),
    "messages": Kind("the mail to Discord", LATER),
    "alarms": Kind("the mail of alarms", LATER),
    # who has gone cannot be told that it went
    "Discord": Kind("Discord", LATER, is_told=False),
}  # fmt: skip


def kind(about: str) -> Kind:
    return KINDS.get(about) or Kind(f"candles of {about}")


class Troubles:
    """`real`: the clock of this machine, by which people wait. `hides`: what must not be said."""

    def __init__(self, real: Clock, hides: Callable[[str], str]) -> None:
        self.real = real
        self.are_over = False
        self._hides = hides
        self._said: dict[str, str] = {}
        self._since: dict[str, datetime] = {}
        self._alarmed: set[str] = set()

    def items(self) -> tuple[tuple[str, str], ...]:
        return tuple(self._said.items())

    @property
    def problem(self) -> str | None:
        return "; ".join(self._said.values()) or None

    def said(self, about: str, problem: str) -> None:
        """What is wrong with one thing; nothing: it is well."""
        if self.are_over:
            return
        if not problem:
            self._said.pop(about, None)
            self._since.pop(about, None)
            self._alarmed.discard(about)
            return
        self._said[about] = self._hides(problem)
        self._since.setdefault(about, self.real.now())
        log.warning("%s: %s", about, self._said[about], extra={"about": about})

    def due(self) -> frozenset[str]:
        """What has been wrong for too long, and nobody was told of."""
        real = self.real.now()
        late = {about for about, since in self._since.items() if real - since >= kind(about).patience}
        return frozenset(late - self._alarmed)

    def alarm(self, due: frozenset[str], known: Known) -> Message | None:
        """Of all of it together."""
        problems = {
            kind(about).words: said for about, said in self._said.items() if about in due and kind(about).is_told
        }
        if not problems:
            return None
        since = min(self._since[about] for about in due)
        return alarms.wrong(problems, since, int((self.real.now() - since).total_seconds()) // 60, known)

    def alarmed(self, due: frozenset[str]) -> None:
        """They were told: not again until it is well."""
        self._alarmed |= due & self._since.keys()
