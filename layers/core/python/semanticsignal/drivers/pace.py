"""Two cranks of a host with one face: one ticks with a clock that runs, one turns a clock that stands."""

import asyncio
import math
from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..domain.events import CandleClosed, HourPassed, QuarterPassed
from ..domain.market import Timeframe
from . import keeper
from .host import PUBLISHED_WITHIN_S, RECOVER_S, TICK_S, Host

if TYPE_CHECKING:
    from .. import wiring

# How often at full speed what rests is looked at, from one close to the next.
LOOKS = 8


class Crank(ABC):
    """Of one host."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._recover_at = 0.0

    @abstractmethod
    async def turn(self) -> None:
        """Candle after candle until `stop`."""

    async def recovered(self) -> None:
        """What a run that broke off left untold is told again."""
        self._recover_at = math.inf
        try:
            with self.host.telling("untold"):
                await self.host.loop.recover()
        finally:
            self._recover_at = asyncio.get_running_loop().time() + RECOVER_S

    async def _first_close(self) -> datetime:
        """That nobody has looked at yet, or not to its end."""
        host, span = self.host, self.host.settings.timeframe.span
        marked, now = (await host.held.ledger.portfolio()).marked_until, host.on.clock.now()
        return marked if marked and now - marked < span else host.settings.timeframe.floor(now)


class Ticking(Crank):
    """Each second, with time as it passes."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._gathered: dict[type, datetime] = {}

    async def turn(self) -> None:
        host, boundary = self.host, await self._first_close()
        while not host.stop.is_set():
            now = min(host.on.clock.now(), host.ends_at())
            boundary = await self.tick(boundary, now)
            await host.wait(min(TICK_S, max(0.01, (boundary - now).total_seconds() / host.world.speed)))

    async def tick(self, boundary: datetime, now: datetime) -> datetime:
        """What rested is looked at; at each close first that, then the pairs, each on its own. `boundary`: the next
        close; returns the one after."""
        host, timeframe = self.host, self.host.settings.timeframe
        if boundary > now + timeframe.span:  # the clock was set back
            boundary = timeframe.floor(now) + timeframe.span
        marked = (await host.held.ledger.portfolio()).marked_until
        if marked and boundary < marked <= now:  # and went on again: what was lived through is not missed
            boundary = marked
        while boundary <= min(host.on.clock.now(), host.ends_at()) and not host.stop.is_set():
            await host.minute(boundary)
            for symbol in host.settings.pairs:
                host.spawn(host.candle(CandleClosed(symbol, timeframe, boundary)))
            boundary += timeframe.span
        await host.minute(Timeframe.M1.floor(now))
        self.gather(now)
        self.catch_up()
        await host.watched_over()
        host.keep_time()
        return boundary

    def gather(self, now: datetime) -> None:
        """The whole market and the press, when each is due and on its own: no candle and no stop waits for them. A
        simulated or recorded market has neither."""
        if self.host.world.tape or self.host.on.market.is_simulated:
            return
        for due in (QuarterPassed(Timeframe.M15.floor(now)), HourPassed(Timeframe.H1.floor(now))):
            if self._gathered.get(type(due)) != due.at:
                self._gathered[type(due)] = due.at
                self.host.spawn(self.host.run(due))

    def catch_up(self) -> None:
        """At most every so often, and nothing waits for it."""
        if self.host.loop.is_behind and asyncio.get_running_loop().time() >= self._recover_at:
            self.host.spawn(self.recovered())


class Turned(Crank):
    """At full speed: at each close what rested is looked at, then the pairs decide, one after another; between two
    closes, what rested. Time goes on when nothing is under way any more, and whoever is away is waited for as long as
    for a bar: the same market makes the same ledger on any machine."""

    def __init__(self, host: Host, clock: "wiring.TurnedClock") -> None:
        super().__init__(host)
        self._clock = clock

    async def turn(self) -> None:
        host, clock = self.host, self._clock
        span, delay = host.settings.timeframe.span, timedelta(seconds=host.settings.decision_delay_s)
        boundary = await self._first_close()
        while not host.stop.is_set() and boundary <= host.ends_at():
            clock.turn(boundary)
            await host.looked(boundary, PUBLISHED_WITHIN_S)
            await self._quiet()
            await keeper.ready(host.memory, PUBLISHED_WITHIN_S)
            clock.turn(boundary + delay)
            for symbol in host.settings.pairs:
                await host.candle(CandleClosed(symbol, host.settings.timeframe, boundary))
                await self._quiet()
            for looked in range(1, LOOKS):
                await self._turned_to(boundary + looked * span / LOOKS)
            boundary += span
            await self._paced(boundary - clock.now())
        await host.stop.wait()

    async def _turned_to(self, at: datetime) -> None:
        host, clock = self.host, self._clock
        if host.stop.is_set() or at <= clock.now() or at > host.ends_at():
            return
        await self._paced(at - clock.now())
        clock.turn(at)
        await host.looked(Timeframe.M1.floor(at), PUBLISHED_WITHIN_S)
        await self._quiet()
        await host.watched_over()

    async def _paced(self, span: timedelta) -> None:
        """No faster than a page can be followed."""
        await self.host.wait(span.total_seconds() / self.host.world.speed)

    async def _quiet(self) -> None:
        """Until nothing is under way, and everything in the ledger is told, as far as patience goes."""
        host, now = self.host, asyncio.get_running_loop().time
        deadline = now() + PUBLISHED_WITHIN_S
        while not host.stop.is_set():
            if host.tasks:
                await asyncio.wait(host.tasks, timeout=TICK_S)
                continue
            if not host.loop.is_behind or now() > deadline:
                return
            await self.recovered()
            if host.loop.is_behind:
                await host.wait(TICK_S)


def crank(host: Host) -> Crank:
    return Turned(host, host.world.turned) if host.world.turned else Ticking(host)
