"""The Lambda crank of `notify`: a fact into the mail, then the mail to Discord, as far as the time of the call goes.

What is left waits for the schedule, and so does whatever goes wrong once it is in the mail."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from traceback import format_tb
from typing import TYPE_CHECKING, Any

from .. import wiring
from ..domain.errors import NobodyHome, Postponed, Unavailable
from ..domain.events import Fact
from ..domain.messages import BELIEVED_S, Post
from ..domain.secrets import DISCORD
from ..ports import Clock, Courier, Facts, Sockets
from ..stages import STAGES
from .aws_lambda import Function
from .container import hides
from .post_office import PostOffice

if TYPE_CHECKING:
    from ..wiring import DynamoMail, NamedParameters

STAGE = next(stage for stage in STAGES if stage.name == "notify")
# To note what Discord answered, and to say so.
CLOSING_S = 5.0
# Nobody pays a function for waiting longer.
LONGEST_S = 5.0
NOBODY_HOME = timedelta(hours=1)


def serve() -> "Notify":
    return Notify(STAGE, wiring.cloud, None)


class Errand:
    """A courier for one call, which hears until when it is to be left alone: who is called next asks no sooner."""

    def __init__(self, courier: Courier, clock: Clock) -> None:
        self._courier, self._clock = courier, clock
        self.free_at: datetime | None = None

    @property
    def remembers_s(self) -> float:
        return self._courier.remembers_s

    async def post(self, post: Post, payload: Mapping[str, Any], picture: bytes | None) -> str | None:
        try:
            return await self._courier.post(post, payload, picture)
        except Postponed as wait:
            self.free_at = self._clock.now() + timedelta(seconds=min(wait.wait_s, BELIEVED_S))
            raise
        except NobodyHome:
            self.free_at = self._clock.now() + NOBODY_HOME
            raise

    async def look(self) -> None:
        await self._courier.look()

    async def take_back(self, name: str) -> None:
        await self._courier.take_back(name)


class Notify(Function):
    """Of many calls at once one sends, so that what people read comes in order and once."""

    _context: Any = None
    _is_silent = False

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        self._context = context
        match event:
            case {"kind": "ScheduledRound", "scheduled_at": str()}:
                with self.reported():
                    self.runner.run(self._round(self.on))
                return {"facts": []}
        return super().__call__(event, context)

    async def _turned(self, fact: Fact, on: Sockets) -> Facts:
        courier = self._courier(on)
        if courier is None:
            return ()
        box = wiring.letterbox(on.settings, self.mail, on.clock, self._lost, hides)
        facts = await super()._turned(fact, replace(on, messengers=(box,)))
        try:
            await self._emptied(courier, on)
        except Unavailable as wrong:
            self.log.warning("what is in the mail stays there for now: %s", wrong)
        except Exception as defect:  # the fact is in the mail: told again, it would add nothing
            # where it was, and not in its own words: they may hold the address, which is the secret
            stack = "".join(format_tb(defect.__traceback__))
            self.log.error(
                "what is in the mail stays there for now, was a defect: %s\n%s", type(defect).__name__, stack
            )
        return facts

    async def _round(self, on: Sockets) -> None:
        """Looks before it asks for a secret: most rounds find nothing to do."""
        has_any = await self.mail.waiting() or await self.mail.expired(at=on.clock.now(), limit=1)
        if has_any and (courier := self._courier(on)):
            await self._emptied(courier, on)

    async def _emptied(self, courier: Courier, on: Sockets) -> None:
        """Whoever leaves its posts to somebody else's turn has put them before that turn ended: so who ends one looks
        again."""
        left = timedelta(milliseconds=self._context.get_remaining_time_in_millis())
        who, until = self._context.aws_request_id, on.clock.now() + left
        while await self.mail.begin(who, at=on.clock.now(), until=until):
            errand = Errand(courier, on.clock)
            try:
                is_all = await self._sent(errand, until, on)
            finally:
                await self.mail.end(who, free_at=errand.free_at or on.clock.now())
            if not is_all or not await self.mail.waiting():
                return

    async def _sent(self, errand: Errand, until: datetime, on: Sockets) -> bool:
        """Whether all is sent that waited."""
        last = until - timedelta(seconds=2 * on.settings.discord.timeout_s + CLOSING_S)  # a post, and a look
        was_left = False

        def leaves(wait_s: float) -> bool:
            nonlocal was_left
            was_left = wait_s > LONGEST_S or on.clock.now() + timedelta(seconds=wait_s) > last
            return was_left

        office = PostOffice(self.mail, errand, on.archive, on.clock, on.settings.discord)
        office.leaves, office.shut = leaves, "for an hour"
        if leaves(0.0):
            return False
        await office.emptied()
        if was_left:
            self._lost(office.dropped)
        return not (was_left or office.is_closed)

    def _courier(self, on: Sockets) -> Courier | None:
        told = self.secrets.read()
        courier = wiring.discord(on.settings, on.clock, lambda name: told.get(name, ""))
        if courier is None and not self._is_silent:
            self.log.info("nobody is told: %s are not among the secrets", ", ".join(DISCORD))
        self._is_silent = courier is None
        return courier

    def _lost(self, dropped: int) -> None:
        if dropped:
            self.log.warning("%d messages to Discord were dropped: too many, or too late", dropped)

    @cached_property
    def mail(self) -> "DynamoMail":
        return wiring.cloud_mail()

    @cached_property
    def secrets(self) -> "NamedParameters":
        return wiring.discord_parameters()
