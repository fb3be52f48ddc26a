"""Mail → Discord, one post after another, beside everything else: what is slow, limited or gone costs no trade."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

from .. import wiring
from ..domain.errors import InvalidPost, NobodyHome, Postponed, SemanticSignalError
from ..domain.messages import Post, Posted
from ..domain.policy import Discord, Settings
from ..logic.notify.discord import payload, rings
from ..ports import Archive, Clock, Courier, Mail, Messenger

log = logging.getLogger("semsig")

FIRST_S, MOST_S = 1.0, 300.0
# Nothing waits: what has expired is looked for as often.
IDLE_S = 600.0
PATIENCE_S = 2.0


class PostOffice:
    """`woken` wakes `run`. One post is under way at a time, so that they come in order: while the first cannot be sent
    the others wait behind it, each as long as it is worth. When nobody is home there it says so once and asks no more;
    a new start asks again. `clock`: of this machine, for Discord knows no other."""

    def __init__(self, mail: Mail, courier: Courier, archive: Archive, clock: Clock, wanted: Discord) -> None:
        self._mail, self._courier, self._archive = mail, courier, archive
        self._clock, self._wanted = clock, wanted
        self._wake = asyncio.Event()
        self._again_s = FIRST_S
        self._lost = 0
        self.dropped = self.delivered = 0
        self.is_closed = False

    def woken(self, dropped: int = 0) -> None:
        self._count(dropped)
        self._wake.set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """While it lasts. At its end what is under way has a moment to be written down."""
        task = asyncio.create_task(self.run())
        try:
            yield
        finally:
            self.is_closed = True
            self._wake.set()
            await asyncio.wait({task}, timeout=PATIENCE_S)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._mail.close()

    async def run(self) -> None:
        """Until canceled, or until nobody is home."""
        while True:
            self._wake.clear()
            await self.emptied()
            if self.is_closed:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_S):
                    await self._wake.wait()

    async def emptied(self) -> None:
        """Sends what waits, then takes back what has expired. A disk that refuses is tried again like all else."""
        while not self.is_closed:
            try:
                if not await self._one_done():
                    break
            except SemanticSignalError as wrong:
                await self._later(str(wrong))

    async def _one_done(self) -> bool:
        """Whether there was anything to do."""
        now = self._clock.now()
        if found := await self._mail.first():
            post, since = found
            if now - since > timedelta(seconds=post.worth_s):
                await self._mail.dropped(post.id)
                self._count(1)
            else:
                await self._tried(self._sent(post))
            return True
        self._told_losses()
        for one in await self._mail.expired(at=now, limit=1):
            await self._tried(self._taken_back(one))
            return True
        return False

    async def _taken_back(self, one: Posted) -> None:
        try:
            await self._courier.take_back(one.name)
        except InvalidPost as wrong:
            log.warning("a message stays there: %s", wrong)
        await self._mail.gone(one.id)

    async def _sent(self, post: Post) -> None:
        picture = await self._picture(post)
        told = payload(post, rings=rings(post, self._clock.now(), self._wanted), has_chart=picture is not None)
        try:
            name = await self._courier.post(post, told, picture)
        except InvalidPost as wrong:
            log.warning("%s", wrong)
            await self._mail.dropped(post.id)
            self._count(1)
            return
        hours = self._wanted.expiry_hours
        until = self._clock.now() + timedelta(hours=hours) if hours else None
        await self._mail.sent(post.id, name, until=until)
        self.delivered += 1

    async def _tried(self, work: Awaitable[None]) -> None:
        """What does not go through is looked at again after a while."""
        try:
            await work
        except NobodyHome as gone:
            self.is_closed = True
            log.warning("%s; nothing more is sent there until the next start, and trading goes on", gone)
        except Postponed as wait:
            await self._clock.sleep(wait.wait_s)
        else:
            self._again_s = FIRST_S

    async def _later(self, why: str) -> None:
        if self._again_s == FIRST_S:
            log.warning("%s; it is tried again", why)
        await self._clock.sleep(self._again_s)
        self._again_s = min(2 * self._again_s, MOST_S)

    async def _picture(self, post: Post) -> bytes | None:
        try:
            picture: bytes | None = await self._archive.get(post.chart, bytes) if post.chart else None
        except SemanticSignalError:
            return None  # a message without its chart is better than none
        return picture

    def _count(self, dropped: int) -> None:
        self.dropped += dropped
        self._lost += dropped

    def _told_losses(self) -> None:
        """Once they can be sent again, not one by one."""
        if self._lost:
            log.warning("%d messages to Discord came too late to be worth sending, and were dropped", self._lost)
            self._lost = 0


def opened(settings: Settings, path: Path, archive: Archive) -> tuple[PostOffice | None, tuple[Messenger, ...]]:
    """Of a home: the console hears everything; Discord what is wanted there, where there is a secret for it. Raises
    InvalidSetting for one that can be none, LedgerUnavailable."""
    clock = wiring.system_clock()
    courier = wiring.discord(settings, clock)
    if courier is None:
        return None, (wiring.console(),)
    mail = wiring.mail(path)
    office = PostOffice(mail, courier, archive, clock, settings.discord)
    return office, (wiring.console(), wiring.letterbox(settings, mail, clock, office.woken))
