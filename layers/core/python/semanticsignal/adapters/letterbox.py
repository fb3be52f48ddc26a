"""Messengers: a line on the console, and a letterbox that somebody empties."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from ..domain.messages import Message, Topic
from ..domain.policy import Discord
from ..logic.notify.discord import level, posts, unsaid
from ..ports import Mail

# What is told again after a crash is not far back.
REMEMBERED = 1000


class Console:
    """A line a message, in the log called `semsig`."""

    is_rich = False

    def __init__(self) -> None:
        self._log = logging.getLogger("semsig")
        self._taken: OrderedDict[str, None] = OrderedDict()

    async def take(self, message: Message) -> None:
        if message.id in self._taken:
            return
        self._taken[message.id] = None
        if len(self._taken) > REMEMBERED:
            self._taken.popitem(last=False)
        self._log.log(logging.WARNING if message.topic is Topic.ALARM else logging.INFO, "%s", message.line)


class DiscordLetterbox:
    """What is wanted, as posts into the mail. `woken`: called when there is something to send, with how many older
    posts had to be dropped for it. `hides`: a text without secrets; nothing goes into the mail but by it."""

    def __init__(
        self,
        mail: Mail,
        wanted: Discord,
        clock: Callable[[], datetime],
        woken: Callable[[int], None],
        hides: Callable[[str], str] = str,
    ) -> None:
        self._mail, self._wanted, self._clock, self._woken, self._hides = mail, wanted, clock, woken, hides
        self.is_rich = True

    async def take(self, message: Message) -> None:
        wanted = level(message, self._wanted)
        if wanted != "off":
            self._woken(await self._mail.put(posts(unsaid(message, self._hides), wanted), at=self._clock()))
