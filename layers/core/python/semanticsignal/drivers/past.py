"""The days before now, lived through at full speed by the same stages, before a run is up."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from .. import wiring
from ..domain.errors import ArchiveUnavailable, LedgerUnavailable, Unavailable
from ..domain.market import Timeframe
from ..domain.policy import LOCAL, Model, Settings
from ..logic.show import views
from ..ports import LanguageModel
from . import disk
from .host import PUBLISHED_WITHIN_S, RECOVER_S, TICK_S, Host
from .replay import Plan, closes, walk

log = logging.getLogger("semsig")

FINE = Timeframe.M1
# Longer without a word is too long where each candle of the past waits for a model.
SILENCE_S = 10.0


class Stopped(Exception):
    """The stop came in the middle of the history; it goes on from there at the next start."""


async def insisted(host: Host, work: Callable[[], Awaitable[None]]) -> None:
    """Again, while the disk takes nothing: what was written stands, and with room again it goes on from there."""
    while not host.stop.is_set():
        try:
            await work()
        except (LedgerUnavailable, ArchiveUnavailable) as wrong:
            if not disk.refuses(wrong):
                raise
            host.troubles.said("disk", str(wrong))
            await host.wait(RECOVER_S)
        else:
            host.troubles.said("disk", "")
            return
    raise Stopped


class Past:
    """Of one host."""

    def __init__(self, host: Host) -> None:
        self._host, self._told_s = host, 0.0

    async def lived(self) -> None:
        """Where its world has one. Raises Stopped."""
        world = self._host.world
        if not world.lived_from or not world.lived_until:
            return
        beat = asyncio.create_task(self._beat())
        try:
            await insisted(self._host, partial(self._lived, world.lived_from, world.lived_until))
        finally:
            beat.cancel()

    async def _lived(self, since: datetime, until: datetime) -> None:
        """On the venue's own candles."""
        host = self._host
        marked = (await host.held.ledger.portfolio()).marked_until
        if since >= until or (marked is not None and marked >= until):
            return
        log.info("living through %d days of history; fetching its candles first", (until - since).days)
        tape = host.world.tape or await self._backfilled(since, until)
        settings = self._settings()
        past = wiring.replayed(settings, tape, host.held.ledger, since, self._mind())
        if host.memory is None:
            past = past._replace(on=replace(past.on, memory=host.on.memory))
        else:  # no bar of the past waits for a server
            await wiring.remember(host.held.ledger, past.on.memory)
        on = replace(past.on, archive=wiring.past_archive(host.on.archive), leaving=host.on.leaving)
        plan = Plan(settings, since, until)
        await walk(past._replace(on=on), plan, closes(tape, plan), self._progressed)

    async def _backfilled(self, since: datetime, until: datetime) -> "wiring.Tape":
        """A venue that is away for a moment ends no run. Raises MarketUnavailable after patience."""
        host, now = self._host, asyncio.get_running_loop().time
        deadline = now() + PUBLISHED_WITHIN_S
        while True:
            try:
                return await wiring.backfilled(host.on.market, host.settings, since=since, until=until, fine=FINE)
            except Unavailable as wrong:
                if host.stop.is_set() or now() > deadline:
                    raise
                log.warning("history: %s; it is asked again", wrong, extra={"about": "history"})
            await host.wait(TICK_S)

    def _settings(self) -> Settings:
        """The analyst sees no chart, so none is drawn where it stands in."""
        told = self._host.settings
        return told if told.model.provider in LOCAL else replace(told, model=replace(told.model, has_chart=False))

    def _mind(self) -> LanguageModel:
        """The analyst answers for itself, without HTTP, and in the place of models that are paid by the question: three
        months at once would spend their money on the past. A model of one's own is asked as it would have been."""
        settings = self._host.settings
        if settings.model.provider in LOCAL:
            return self._host.world.mind
        if settings.model.provider != "analyst":
            log.info("the rules analyst stands in for these days; %s is asked from now on", settings.decider)
        return wiring.model(replace(settings, model=Model()))

    async def _beat(self) -> None:
        """While it lasts the page hears that somebody is there."""
        on = self._host.on
        while True:
            at = on.clock.now()
            await on.notifier.tell(views.minute(at, await self._host.held.ledger.portfolio(), {}))
            await asyncio.sleep(TICK_S)

    async def _progressed(self, done: int, of: int) -> None:
        host = self._host
        if int(4 * done / of) > int(4 * host.history_done) or time.monotonic() - self._told_s > SILENCE_S:
            log.info("history: %.0f %%, %d of %d candles", 100 * done / of, done, of)
            self._told_s = time.monotonic()
        host.history_done = done / of
        # Everything else in this process (the page above all) gets its turn between two candles.
        await asyncio.sleep(0)
        if host.stop.is_set():
            raise Stopped
