"""Mail → Discord, one post after another, beside everything else: what is slow, limited or gone costs no trade."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from .. import wiring
from ..domain.errors import (
    InvalidPost,
    LeaseLost,
    MessengerUnavailable,
    NobodyHome,
    Postponed,
    SemanticSignalError,
    Unanswered,
    Unavailable,
)
from ..domain.messages import BELIEVED_S, URGENT, Message, Post, Posted, Topic, Waiting, wait_end
from ..domain.policy import Discord, Settings
from ..domain.secrets import DISCORD
from ..logic.notify import address
from ..logic.notify.discord import payload, posts, rings, unsaid
from ..logic.notify.messages import hello
from ..ports import Archive, Clock, Courier, Mail, Messenger
from ..settings import secret
from . import diary

log = logging.getLogger("semsig")

FIRST_S, MOST_S = 1.0, 300.0
# So often a post is sent that Discord does not take while it answers everything else.
TRIES = 5
# Nothing waits: what has expired is looked for as often.
IDLE_S = 600.0
# After a defect; and from when on a wait is worth a word.
DEFECT_S, LONG_S = 60.0, 300.0
PATIENCE_S = 2.0
WELL = datetime.min.replace(tzinfo=UTC)


class PostOffice:
    """`woken` wakes `run`. One post is under way at a time: of each topic in order, urgent ones before all others. A
    post that Discord alone does not take holds up its own topic for a while, and is then given up; while Discord takes
    nothing, all wait, each as long as it is worth. When nobody is home there it says so once, also to `said`, and asks
    no more; a new start asks again. It also says to `said` when it waits for long and when it met a defect, and with
    an empty word that this is over. `clock`: of this machine, for Discord knows no other. `leaves`: whether it goes
    home instead of resting for so many seconds; what waits stays. `shut`: in words, how long nobody is asked who is
    gone."""

    def __init__(
        self,
        mail: Mail,
        courier: Courier,
        archive: Archive,
        clock: Clock,
        wanted: Discord,
    ) -> None:
        self._mail, self._courier, self._archive = mail, courier, archive
        self._clock, self._wanted = clock, wanted
        self.said: Callable[[str], None] = lambda _: None
        self.hello: Message | None = None
        self.leaves: Callable[[float], bool] = lambda _: False
        self.shut = "until the next start"
        self._wake = asyncio.Event()
        self._again_s = FIRST_S
        # Until then nothing is sent, nothing is taken back, nothing of a topic is sent.
        self._sends_at = self._takes_back_at = WELL
        self._topic_at: dict[Topic, datetime] = {}
        self._send_refusals, self._take_back_refusals = Refusals(), Refusals()
        self._is_troubled = False
        self._defects: set[tuple[str, int | None]] = set()
        # Whether the last answer never came; and what was sent, where the mail could not be told.
        self._is_doubted = False
        self._stays: dict[str, int] = {}
        self._unnoted: dict[str, tuple[str | None, datetime | None]] = {}
        self._lost = 0
        self.dropped = self.delivered = 0
        self.is_closed = False

    def woken(self, dropped: int = 0) -> None:
        self._count(dropped)
        self._wake.set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """While it lasts, after a hello where none was said. At its end what is under way has a moment to be written
        down."""
        await self._greeted()
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

    async def _greeted(self) -> None:
        if self.hello:
            try:
                self._count(await self._mail.put(posts(self.hello, "silent"), at=self._clock.now()))
            except Unavailable as wrong:  # the next start says it
                log.warning("%s", wrong)

    async def run(self) -> None:
        """Until canceled, or until nobody is home. A defect is said, and after a pause it goes on."""
        while True:
            try:
                await self.emptied()
            except Exception as defect:
                self._broke(defect)
                await self._rested(DEFECT_S)
                continue
            if self.is_closed:
                return
            self._well()
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_S):
                    await self._wake.wait()

    async def emptied(self) -> None:
        """Sends what waits, and takes back what has expired. A disk that refuses is tried again like all else."""
        while not self.is_closed:
            self._wake.clear()
            try:
                wait_s = await self._one_done()
            except LeaseLost:  # somebody else sends the mail of this home from now on
                self.is_closed = True
                return
            except SemanticSignalError as wrong:
                self._later(str(wrong))
                now = self._clock.now()
                wait_s = (wait_end(self._sends_at, now) - now).total_seconds()
            if wait_s is None or self.leaves(wait_s):
                return
            await self._rested(wait_s)

    async def _one_done(self) -> float | None:
        """How long there is nothing to do; None: until something comes."""
        now = self._clock.now()
        before = self._mail.unreadable
        waiting = await self._mail.waiting()
        self.dropped += self._mail.unreadable - before
        for one in waiting:
            if now - one.since > timedelta(seconds=one.post.worth_s):
                await self._dropped(one.post)
                return 0.0
        waiting = tuple(sorted(waiting, key=lambda one: one.post.topic not in URGENT))
        for one in waiting:
            if self._free_at(one.post.topic, now) <= now:
                await self._tried(self._carried(one))
                return 0.0
        if not waiting:
            self._told_losses()
        expired = await self._mail.expired(at=now, limit=1)
        takes_back_at = wait_end(self._takes_back_at, now)
        if expired and takes_back_at <= now:
            await self._tried(self._taken_back(expired[0]))
            return 0.0
        times = [self._free_at(one.post.topic, now) for one in waiting] + [takes_back_at] * bool(expired)
        return (min(times) - now).total_seconds() if times else None

    def _free_at(self, topic: Topic, now: datetime) -> datetime:
        return max(wait_end(self._sends_at, now), wait_end(self._topic_at.get(topic), now))

    async def _rested(self, seconds: float) -> None:
        """Or until something comes, which may have leave to go."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        both = [asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(self._wake.wait())]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()

    # --- One post ---------------------------------------------------------------------------------------------------

    async def _carried(self, one: Waiting) -> None:
        post = one.post
        if post.id in self._unnoted:
            await self._noted(post)
            return
        if one.begun_at is not None and not self._is_safe_again(one.begun_at):
            if post.topic not in URGENT or one.tries >= TRIES - 1:
                log.warning("a message may have come to Discord or not, and is not sent again: %s", post.id)
                await self._mail.dropped(post.id)
                self.dropped += 1
                return
            one = replace(one, tries=TRIES - 1)  # once more, and never a third time
            await self._mail.back(post.id, tries=one.tries)
        if self._is_doubted:
            await self._seen_well()
        await self._sent(one)

    def _is_safe_again(self, begun_at: datetime) -> bool:
        return self._clock.now() - begun_at < timedelta(seconds=self._courier.remembers_s)

    async def _sent(self, one: Waiting) -> None:
        post = one.post
        picture = await self._picture(post)
        try:
            told = payload(post, rings=rings(post, self._clock.now(), self._wanted), has_chart=picture is not None)
        except InvalidPost as wrong:
            log.warning("a message cannot be read and is given up: %s", wrong)
            await self._dropped(post)
            return
        await self._mail.begun(post.id, at=self._clock.now())
        try:
            name = await self._courier.post(post, told, picture)
        except InvalidPost as wrong:
            log.warning("%s", wrong)
            await self._dropped(post)
        except Unanswered:
            self._is_doubted = True
            raise
        except (Postponed, NobodyHome):
            await self._mail.back(post.id, tries=one.tries)
            raise
        except MessengerUnavailable as wrong:
            await self._mail.back(post.id, tries=one.tries)
            await self._seen_well()
            await self._not_taken(one, wrong)
        else:
            hours = self._wanted.expiry_hours if name else 0
            self._unnoted[post.id] = (name, self._clock.now() + timedelta(hours=hours) if hours else None)
            await self._noted(post)

    async def _noted(self, post: Post) -> None:
        name, until = self._unnoted[post.id]
        await self._mail.sent(post.id, name or "", until=until)
        del self._unnoted[post.id]
        self._topic_at.pop(post.topic, None)
        self._again_s = FIRST_S
        self._send_refusals.end()
        self._well()
        self.delivered += 1

    async def _not_taken(self, one: Waiting, wrong: MessengerUnavailable) -> None:
        """Others are: its topic waits a little, and not for ever."""
        post, tries = one.post, one.tries + 1
        if tries >= TRIES:
            log.warning("%s to one message, %d times, and is well otherwise: it is given up", wrong, tries)
            await self._dropped(post)
            return
        await self._mail.back(post.id, tries=tries)
        self._topic_at[post.topic] = self._clock.now() + timedelta(seconds=FIRST_S * 2**tries)

    async def _dropped(self, post: Post) -> None:
        await self._mail.dropped(post.id)
        self._topic_at.pop(post.topic, None)
        self._count(1)

    async def _taken_back(self, one: Posted) -> None:
        """What cannot be taken back holds up nothing that is sent, and others only for a while."""
        try:
            await self._courier.take_back(one.name)
        except Postponed as wait:
            self._takes_back_at = self._clock.now() + timedelta(seconds=self._take_back_refusals.wait_s(wait))
            return
        except InvalidPost as wrong:
            log.warning("a message stays there: %s", wrong)
        except NobodyHome:
            raise
        except MessengerUnavailable as wrong:
            self._takes_back_at = self._clock.now() + timedelta(seconds=MOST_S)
            await self._seen_well()
            self._stays[one.id] = self._stays.get(one.id, 0) + 1
            if self._stays[one.id] < TRIES:
                return
            log.warning("a message stays there: %s", wrong)
        self._stays.pop(one.id, None)
        self._take_back_refusals.end()
        await self._mail.gone(one.id)

    async def _seen_well(self) -> None:
        """Raises where Discord answers nothing at all."""
        await self._courier.look()
        self._is_doubted, self._again_s = False, FIRST_S

    async def _tried(self, work: Awaitable[None]) -> None:
        try:
            await work
        except NobodyHome as gone:
            self.is_closed = True
            log.warning("%s; nothing more is sent there %s, and trading goes on", gone, self.shut)
            self.said(str(gone))
        except Postponed as wait:
            wait_s = self._send_refusals.wait_s(wait)
            if wait_s > LONG_S:
                self._trouble(
                    f"Discord wants no messages for {wait_s / 60:.0f} minutes; they wait, and trading goes on"
                )
            self._sends_at = self._clock.now() + timedelta(seconds=wait_s)

    def _later(self, why: str) -> None:
        """All wait, longer and longer."""
        if self._again_s == FIRST_S:
            log.warning("%s; it is tried again", why)
        self._sends_at = self._clock.now() + timedelta(seconds=self._again_s)
        self._again_s = min(2 * self._again_s, MOST_S)

    def _broke(self, defect: Exception) -> None:
        """Its own words may hold the address, which is the secret: `said` hides it, and so does the diary."""
        at = defect.__traceback__
        while at and at.tb_next:
            at = at.tb_next
        place = (type(defect).__name__, at.tb_lineno if at else None)
        if place not in self._defects:
            self._defects.add(place)
            diary.stacks.error("a defect in the post office", exc_info=defect)
        self._trouble(f"a defect in the post office, was {place[0]}; it is tried again in {DEFECT_S:.0f} s")

    def _trouble(self, why: str) -> None:
        if not self._is_troubled:
            log.warning("%s", why)
        self._is_troubled = True
        self.said(why)

    def _well(self) -> None:
        if self._is_troubled:
            self._is_troubled = False
            self.said("")

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


class Refusals:
    """In a row: each is waited for as long as it says, and longer than a little, and the next one longer still."""

    def __init__(self) -> None:
        self._least_s = FIRST_S

    def wait_s(self, refused: Postponed) -> float:
        least_s, self._least_s = self._least_s, min(2 * self._least_s, MOST_S)
        return min(max(refused.wait_s, least_s), BELIEVED_S)

    def end(self) -> None:
        self._least_s = FIRST_S


def opened(
    settings: Settings, held: wiring.Home, archive: Archive, said: Callable[[str], None]
) -> tuple[PostOffice | None, tuple[Messenger, ...]]:
    """Of a home: the console hears everything; Discord what is wanted there, where there is a secret for it. `said`:
    who hears that nobody is home there. Raises InvalidSetting for one that can be none, LedgerUnavailable."""
    clock = wiring.system_clock()
    courier = wiring.discord(settings, clock)
    if courier is None:
        return None, (wiring.console(),)
    mail = wiring.mail(held)
    office = PostOffice(mail, courier, archive, clock, settings.discord)
    office.said = said
    webhook, _, channel = (secret(name).strip() for name in DISCORD)
    where = address.place(webhook, channel)
    log.info("Discord: told by %s", where.by)
    hides = wiring.unsaid()
    office.hello = unsaid(hello(settings, where.name, clock.now()), hides)
    return office, (wiring.console(), wiring.letterbox(settings, mail, clock, office.woken, hides))
