"""`semsig run`: loop, schedules, API, socket and dashboard in one process."""

import asyncio
import logging
import math
import shutil
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from socket import socket
from typing import Any, Literal

from .. import __version__, wiring
from ..domain.errors import ArchiveUnavailable, LeaseLost, LedgerUnavailable, SemanticSignalError, Unavailable
from ..domain.events import AnalysisRequested, CandleClosed, Fact, HourPassed, MinutePassed, QuarterPassed
from ..domain.market import Symbol, Timeframe
from ..domain.messages import Message
from ..domain.policy import LOCAL, Model, Settings
from ..logic.notify import alarms
from ..logic.show import live, views
from ..ports import Clock, LanguageModel, Notifier, Sockets
from ..stages.notify import plainly, silences
from . import diary, disk, keeper, post_office, tenure, timekeeping, web, worlds
from .costs import limits
from .farewell import Farewell
from .figures import Figures
from .loop import Loop, Work
from .replay import Plan, closes, walk
from .vitals import Known
from .watchdog import Watchdog

log = logging.getLogger("semsig")

# A venue may publish a bar some seconds after it closed; then the bar is given up.
PUBLISHED_WITHIN_S = 30.0
TICK_S = 1.0
# How often at full speed what rests is looked at, from one close to the next.
LOOKS = 8
SILENCE_S = 300.0
PATIENCE_S = 1.5
RECOVER_S = 10.0
# What is wrong for so long is an alarm; what no trade hangs on later.
ALARMING, MINOR_ALARMING = timedelta(minutes=5), timedelta(hours=6)
MINOR = ("context", "news", "review", "memory", "messages", "Discord")
# Of what problems are, in words of people.
NAMES = {
    "watch": "stops and targets", "context": "figures of the whole market", "review": "looking back at trades",
    "host": "the program itself", "messages": "the mail to Discord", "news": "news", "memory": "memory",
}  # fmt: skip
# A longer pause between two ticks was sleep; and how often it is asked whether anything is decided.
ASLEEP, LISTENING = timedelta(minutes=1), timedelta(seconds=30)
# So long a tick waits for what came of a minute; then it goes on beside.
MINUTE_S = 5.0
HISTORY_FINE = Timeframe.M1
# Longer without a word is too long where each candle of the past waits for a model.
HISTORY_SILENCE_S = 10.0
NOT_HERE = (("dead_letters", "in one process nothing is queued: what fails is said at once and tried again"),)
ABOUT = {QuarterPassed: "context", HourPassed: "news"}


class Knowing:
    """A Notifier whose minutes bear what the host knows of itself."""

    def __init__(self, inner: Notifier, pulse: Callable[[live.PulseView | None], live.PulseView]) -> None:
        self._inner, self._pulse = inner, pulse

    async def is_heard(self) -> bool:
        return await self._inner.is_heard()

    async def tell(self, view: Any) -> None:
        if isinstance(view, views.MinutePassedView):
            view = replace(view, pulse=self._pulse(view.pulse))
        await self._inner.tell(view)


class Host:
    """The room of the API, and the crank of everything in it."""

    def __init__(self, settings: Settings, held: wiring.Home, world: wiring.World) -> None:
        self.world, self.settings = world, settings
        self.notifier = wiring.websocket()
        self.held = held
        self.memory = wiring.home_memory(settings, held)
        on = wiring.local(settings, held, world, self.notifier, self.memory)
        self.office, messengers = post_office.opened(settings, held, on.archive, partial(self._said, "Discord"))
        self.on: Sockets = replace(on, notifier=Knowing(self.notifier, self.pulse), messengers=messengers)
        self.figures = Figures(held.ledger, settings.timeframe)
        self.watchdog = Watchdog(wiring.system_clock())
        self._loop = Loop(self.on, held.ledger, aside=self._aside, turn=self.watchdog.turn)
        self._status: Literal["starting", "running"] = "starting"
        self._problems: dict[str, str] = {}
        self._hides = wiring.unsaid()
        self._since: dict[str, datetime] = {}
        self._alarmed: set[tuple[str, datetime]] = set()
        self._real: Clock = world.checked[0] if world.checked else wiring.system_clock()
        self._ticked_at = self._listened_at = self._real.now()
        self._awake_since = self.on.clock.now()
        self._logged: dict[tuple[str, str], float] = {}
        self._waiting: dict[Symbol, views.QueuedView] = {}
        self._history_done, self._told_s = 0.0, 0.0
        self._recover_at = 0.0
        self._gathered: dict[type, datetime] = {}
        self._locks: dict[Symbol, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._began = wiring.system_clock().now()
        self._minute_at: datetime | None = None
        self.stop = asyncio.Event()
        self.is_lost = False
        said = partial(self._said, "clock")
        self._timekeeper = timekeeping.Timekeeper(*world.checked, said) if world.checked else None

    def lose(self) -> None:
        """The home is somebody else's: whatever is under way ends by itself, and nothing more is said."""
        self.is_lost = True
        self.stop.set()

    def pulse(self, told: live.PulseView | None) -> live.PulseView:
        """What a minute tells of, by one who knows better than the ledger."""
        health = self.health()
        lag_s = told.lag_s if told else None
        return live.PulseView(health.status, health.problem, health.history_done_ratio, health.next_candle_at, lag_s)

    def known(self) -> Known:
        real = wiring.system_clock().now()
        file, unknown = self.held.path / wiring.LEDGER, [*NOT_HERE]
        circuits = wiring.circuits(self.world, real)
        if not circuits:
            unknown.append(("circuits", "one venue alone and the rules analyst: neither is ever left alone"))
        if self.office is None:
            unknown.append(("deliveries", "no Discord is set: DISCORD_WEBHOOK_URL, in .env"))
        kept = self.memory.memory if self.memory else None
        is_embedded = kept is None or kept.instead is not None
        return Known(
            speed=self.world.speed,
            started_at=self._began,
            uptime_s=(real - self._began).total_seconds(),
            last_minute_at=self._minute_at,
            problems=tuple(self._problems.items()),
            circuits=circuits or None,
            watchdog=self.watchdog.view(),
            deliveries=self.office.delivered if self.office else None,
            kept_by="this process" if is_embedded else "chroma",
            is_whole=kept.is_whole if kept and not is_embedded else True,
            ledger_bytes=file.stat().st_size,
            disk_free_bytes=shutil.disk_usage(self.held.path).free,
            unknown=tuple(unknown),
        )

    def health(self) -> views.HealthView:
        now = self.on.clock.now()
        return views.HealthView(
            status="degraded" if self._problems and self._status == "running" else self._status,
            problem="; ".join(self._problems.values()) or None,
            version=__version__,
            now=now,
            is_simulated=self.on.market.is_simulated,
            speed=self.world.speed,
            symbols=self.settings.symbols,
            timeframe=self.settings.timeframe,
            market_source=f"simulated {self.settings.exchange}"
            if self.on.market.is_simulated
            else self.settings.exchange,
            model=self.settings.decider,
            history_done_ratio=self._history_done,
            next_candle_at=self._close_after(now),
        )

    def _close_after(self, now: datetime) -> datetime | None:
        """None while the history is lived through, and when a recorded market ends before it."""
        close = self.settings.timeframe.floor(now) + self.settings.timeframe.span
        return close if self._status == "running" and close <= self._ends_at() else None

    async def request_analysis(self, symbol: Symbol) -> views.QueuedView:
        """Queued behind what runs for the pair, and never lost while the process lives. Whoever asks while one waits
        gets that one: a hundred clicks are one analysis."""
        if symbol in self._waiting:
            return self._waiting[symbol]
        fact = AnalysisRequested(symbol, self.settings.timeframe, self.on.clock.now())
        waits = self._lock(symbol).locked() or self._status == "starting"
        queued = self._waiting[symbol] = views.QueuedView(fact.id, str(symbol), waits)
        await self.notifier.tell(live.asked(fact, self.on.clock.now()))
        self._spawn(self._analysed(fact))
        return queued

    async def live(self) -> None:
        """History first, then candle after candle until `stop`."""
        if self.memory is None:
            await wiring.remember(self.held.ledger, self.on.memory)
        if self.world.lived_from and self.world.lived_until:
            beat = asyncio.create_task(self._beat())
            try:
                await self._insist(partial(self._live_history, self.world.lived_from, self.world.lived_until))
            finally:
                beat.cancel()
        await self._insist(self._durable)
        self.world.clock.start()
        await keeper.ready(self.memory)
        await self._patiently(self._recovered())
        self._history_done, self._status = 1.0, "running"
        self._awake_since = self.on.clock.now()
        log.info("running: %s, %s", ", ".join(self.settings.symbols), self.health().market_source)
        try:
            await (self._turned(self.world.turned) if self.world.turned else self._schedule())
        finally:
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _durable(self) -> None:
        self.held.ledger.make_durable()

    async def _insist(self, work: Callable[[], Awaitable[None]]) -> None:
        """Again, while the disk takes nothing: what was written stands, and with room again it goes on from there."""
        while not self.stop.is_set():
            try:
                await work()
            except (LedgerUnavailable, ArchiveUnavailable) as wrong:
                if not disk.refuses(wrong):
                    raise
                self._said("disk", str(wrong))
                await self._wait(RECOVER_S)
            else:
                self._said("disk", "")
                return
        raise Stopped

    async def _live_history(self, since: datetime, until: datetime) -> None:
        """The days before now, on the venue's own candles, at full speed and by the same stages."""
        marked = (await self.held.ledger.portfolio()).marked_until
        if since >= until or (marked is not None and marked >= until):
            return
        log.info("living through %d days of history; fetching its candles first", (until - since).days)
        tape = self.world.tape or await self._backfilled(since, until)
        past = wiring.replayed(self.settings, tape, self.held.ledger, since, self._past_mind())
        if self.memory is None:
            past = past._replace(on=replace(past.on, memory=self.on.memory))
        else:  # no bar of the past waits for a server
            await wiring.remember(self.held.ledger, past.on.memory)
        on = replace(past.on, archive=wiring.past_archive(self.on.archive))
        plan = Plan(self.settings, since, until)
        await walk(past._replace(on=on), plan, closes(tape, plan), self._progressed)

    async def _backfilled(self, since: datetime, until: datetime) -> "wiring.Tape":
        """A venue that is away for a moment ends no run. Raises MarketUnavailable after patience."""
        deadline = asyncio.get_running_loop().time() + PUBLISHED_WITHIN_S
        while True:
            try:
                return await wiring.backfilled(
                    self.on.market, self.settings, since=since, until=until, fine=HISTORY_FINE
                )
            except Unavailable as wrong:
                if self.stop.is_set() or asyncio.get_running_loop().time() > deadline:
                    raise
                log.warning("history: %s; it is asked again", wrong)
            await self._wait(TICK_S)

    def _past_mind(self) -> LanguageModel:
        """The analyst answers for itself, without HTTP, and in the place of models that are paid by the question: three
        months at once would spend their money on the past. A model of one's own is asked as it would have been."""
        if self.settings.model.provider in LOCAL:
            return self.world.mind
        if self.settings.model.provider != "analyst":
            log.info("the rules analyst stands in for these days; %s is asked from now on", self.settings.decider)
        return wiring.model(replace(self.settings, model=Model()))

    async def _beat(self) -> None:
        """While history is lived through the page hears that somebody is there."""
        while True:
            at = self.on.clock.now()
            await self.on.notifier.tell(views.minute(at, await self.held.ledger.portfolio(), {}))
            await asyncio.sleep(TICK_S)

    async def _progressed(self, done: int, of: int) -> None:
        if int(4 * done / of) > int(4 * self._history_done) or time.monotonic() - self._told_s > HISTORY_SILENCE_S:
            log.info("history: %.0f %%, %d of %d candles", 100 * done / of, done, of)
            self._told_s = time.monotonic()
        self._history_done = done / of
        # Everything else in this process (the page above all) gets its turn between two candles.
        await asyncio.sleep(0)
        if self.stop.is_set():
            raise Stopped

    async def _turned(self, clock: "wiring.TurnedClock") -> None:
        """At full speed: at each close what rested is looked at, then the pairs decide, one after another; between two
        closes, what rested. Time goes on when nothing is under way any more, and whoever is away is waited for as long
        as for a bar: the same market makes the same ledger on any machine."""
        span, delay = self.settings.timeframe.span, timedelta(seconds=self.settings.decision_delay_s)
        boundary = await self._first_close()
        while not self.stop.is_set() and boundary <= self._ends_at():
            clock.turn(boundary)
            await self._looked(boundary, PUBLISHED_WITHIN_S)
            await self._quiet()
            await keeper.ready(self.memory, PUBLISHED_WITHIN_S)
            clock.turn(boundary + delay)
            for symbol in self.settings.pairs:
                await self._candle(CandleClosed(symbol, self.settings.timeframe, boundary))
                await self._quiet()
            for looked in range(1, LOOKS):
                await self._turned_to(boundary + looked * span / LOOKS, clock)
            boundary += span
            await self._paced(boundary - clock.now())
        await self.stop.wait()

    async def _turned_to(self, at: datetime, clock: "wiring.TurnedClock") -> None:
        if self.stop.is_set() or at <= clock.now() or at > self._ends_at():
            return
        await self._paced(at - clock.now())
        clock.turn(at)
        await self._looked(Timeframe.M1.floor(at), PUBLISHED_WITHIN_S)
        await self._quiet()
        await self._watched_over()

    async def _paced(self, span: timedelta) -> None:
        """No faster than a page can be followed."""
        await self._wait(span.total_seconds() / self.world.speed)

    async def _quiet(self) -> None:
        """Until nothing is under way, and everything in the ledger is told, as far as patience goes."""
        deadline = asyncio.get_running_loop().time() + PUBLISHED_WITHIN_S
        while not self.stop.is_set():
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=TICK_S)
                continue
            if not self._loop.is_behind or asyncio.get_running_loop().time() > deadline:
                return
            await self._recovered()
            if self._loop.is_behind:
                await self._wait(TICK_S)

    async def _first_close(self) -> datetime:
        """That nobody has looked at yet, or not to its end."""
        marked, now = (await self.held.ledger.portfolio()).marked_until, self.on.clock.now()
        return marked if marked and now - marked < self.settings.timeframe.span else self.settings.timeframe.floor(now)

    async def _schedule(self) -> None:
        boundary = await self._first_close()
        while not self.stop.is_set():
            now = min(self.on.clock.now(), self._ends_at())
            boundary = await self._tick(boundary, now)
            await self._wait(min(TICK_S, max(0.01, (boundary - now).total_seconds() / self.world.speed)))

    async def _tick(self, boundary: datetime, now: datetime) -> datetime:
        """What rested is looked at; at each close first that, then the pairs, each on its own. `boundary`: the next
        close; returns the one after."""
        clock, span = self.on.clock, self.settings.timeframe.span
        if boundary > now + span:  # the clock was set back
            boundary = self.settings.timeframe.floor(now) + span
        marked = (await self.held.ledger.portfolio()).marked_until
        if marked and boundary < marked <= now:  # and went on again: what was lived through is not missed
            boundary = marked
        while boundary <= min(clock.now(), self._ends_at()) and not self.stop.is_set():
            await self._minute(boundary)
            for symbol in self.settings.pairs:
                self._spawn(self._candle(CandleClosed(symbol, self.settings.timeframe, boundary)))
            boundary += span
        await self._minute(Timeframe.M1.floor(now))
        self._gather(now)
        self._catch_up()
        await self._watched_over()
        if self._timekeeper and self._timekeeper.is_due():
            self._spawn(self._timekeeper.look())
        return boundary

    def _ends_at(self) -> datetime:
        """A recorded market ends with its tape; the page stays."""
        return self.world.tape.ends_at if self.world.tape else datetime.max.replace(tzinfo=UTC)

    def _gather(self, now: datetime) -> None:
        """The whole market and the press, when each is due and on its own: no candle and no stop waits for them. A
        simulated or recorded market has neither."""
        if self.world.tape or self.on.market.is_simulated:
            return
        for due in (QuarterPassed(Timeframe.M15.floor(now)), HourPassed(Timeframe.H1.floor(now))):
            if self._gathered.get(type(due)) != due.at:
                self._gathered[type(due)] = due.at
                self._spawn(self._run(due))

    def _catch_up(self) -> None:
        """What a run that broke off left untold is told again, at most every so often, and nothing waits for it."""
        if self._loop.is_behind and asyncio.get_running_loop().time() >= self._recover_at:
            self._spawn(self._recovered())

    async def _recovered(self) -> None:
        self._recover_at = math.inf
        try:
            await self._loop.recover()
        except LeaseLost:
            self.lose()
        except SemanticSignalError as wrong:
            self._loop.is_behind = True
            log.error("cannot be told again: %s", wrong)
        finally:
            self._recover_at = asyncio.get_running_loop().time() + RECOVER_S

    async def _minute(self, at: datetime) -> None:
        """One look at the stops at a time; what comes of one, however long it takes, keeps neither the next look nor a
        candle waiting for more than a moment."""
        if not self.watchdog.is_at("watch"):
            await self._patiently(self._looked(at))

    async def _looked(self, at: datetime, patience_s: float = 0.0) -> None:
        if await self._insisted(MinutePassed(at), patience_s):
            self._minute_at = max(at, self._minute_at or at)

    async def _patiently(self, work: Any) -> None:
        await asyncio.wait({self._spawn(work)}, timeout=MINUTE_S)

    async def _candle(self, fact: CandleClosed) -> None:
        async with self._lock(fact.symbol):
            await self._insisted(fact, PUBLISHED_WITHIN_S)

    async def _insisted(self, fact: Fact, patience_s: float) -> bool:
        """Again while somebody is away, as long as there is patience; whether it went through."""
        deadline = asyncio.get_running_loop().time() + patience_s
        while not (is_through := await self._run(fact)):
            if self.stop.is_set() or asyncio.get_running_loop().time() >= deadline:
                break
            await self._wait(TICK_S)
        return is_through

    async def _analysed(self, fact: AnalysisRequested) -> None:
        while self._status == "starting" and not self.stop.is_set():
            await self._wait(0.2)
        async with self._lock(fact.symbol):
            self._waiting.pop(fact.symbol, None)
            await self._run(fact)

    async def _looked_back(self, work: Work) -> None:
        """A post-mortem waits for its model here, and neither a candle nor a stop waits for it."""
        try:
            await work()
        except LeaseLost:
            self.lose()
        except SemanticSignalError as wrong:
            self._said("review", str(wrong))
        else:
            self._said("review", "")

    async def _run(self, fact: Fact) -> bool:
        """Whether it went through. What goes wrong is said on the page until the same thing goes right, and the crank
        turns on: the next tick looks again."""
        about = str(getattr(fact, "symbol", ABOUT.get(type(fact), "watch")))
        try:
            await self._loop.run(fact)
        except LeaseLost:
            self.lose()
            return True
        except Unavailable as wrong:
            await self._broke(fact, about, str(wrong))
            return False
        except SemanticSignalError as wrong:
            await self._broke(fact, about, str(wrong))
            return True
        except Exception as wrong:
            diary.stacks.exception("a defect in what %s is about", fact.id)
            await self._broke(fact, about, f"a defect: {wrong!r}")
            return True
        self._said(about, "")
        return True

    async def _broke(self, fact: Fact, about: str, problem: str) -> None:
        problem = self._hides(problem)
        self._said(about, problem)
        if isinstance(fact, CandleClosed | AnalysisRequested):
            await self.notifier.tell(live.failed(fact, self.on.clock.now(), problem))

    def _said(self, about: str, problem: str) -> None:
        """The same problem is logged once in a while, not at every tick."""
        if self.is_lost:
            return
        now = asyncio.get_running_loop().time()
        if not problem:
            self._problems.pop(about, None)
            self._since.pop(about, None)
            return
        problem = self._hides(problem)
        self._since.setdefault(about, self._real.now())
        if now - self._logged.get((about, problem), -SILENCE_S) >= SILENCE_S:
            self._logged[about, problem] = now
            log.warning("%s: %s", about, problem)
        self._problems[about] = problem

    async def _alarm(self) -> None:
        """What has been wrong for a while is told to people, once until it is well again."""
        real = self._real.now()
        due = {
            about: since
            for about, since in self._since.items()
            if real - since >= (MINOR_ALARMING if about in MINOR else ALARMING) and (about, since) not in self._alarmed
        }
        # who has gone cannot be told that it went
        told = [about for about in due if about != "Discord"]
        problems = {NAMES.get(about, f"candles of {about}"): self._problems[about] for about in told}
        if problems:
            since = min(due.values())
            await self._tell(alarms.wrong(problems, since, int((real - since).total_seconds()) // 60, plainly(self.on)))
        self._alarmed.update(due.items())

    async def _listened(self) -> None:
        """Whether each pair is still decided on. Who has slept has not waited."""
        real = self._real.now()
        if real - self._ticked_at > ASLEEP:
            self._awake_since = self.on.clock.now()
        self._ticked_at = real
        if real - self._listened_at >= LISTENING:
            self._listened_at = real
            for told in await silences(self._awake_since, min(self.on.clock.now(), self._ends_at()), self.on):
                await self._tell(told)

    async def _tell(self, told: Message) -> None:
        for messenger in self.on.messengers:
            await messenger.take(told)

    async def _watched_over(self) -> None:
        """A messenger's full disk stops no candle."""
        try:
            await self._alarm()
            await self._listened()
        except LeaseLost:
            self.lose()
        except SemanticSignalError as wrong:
            self._said("messages", str(wrong))
        else:
            self._said("messages", "")

    def renewal(self, problem: str) -> None:
        """Why the lease of the home cannot be renewed."""
        self._said("lease", problem)

    def remembers(self, problem: str) -> None:
        """What is wrong with memory: decisions are made without it."""
        self._said("memory", problem)

    def _lock(self, symbol: Symbol) -> asyncio.Lock:
        return self._locks.setdefault(symbol, asyncio.Lock())

    def _aside(self, work: Work) -> None:
        self._spawn(self._looked_back(work))

    def _spawn(self, work: Any) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (wrong := task.exception()):
            diary.stacks.error("a defect in a task", exc_info=wrong)
            self._said("host", f"a defect: {wrong!r}")

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.stop.wait(), seconds)
        except TimeoutError:
            return


class Stopped(Exception):
    """The stop came in the middle of the history; it goes on from there at the next start."""


async def run(
    settings: Settings,
    where: tuple[str, str | None],
    ready: Callable[[Host, str], Any],
    *,
    bye: Farewell,
    is_port_given: bool = True,
) -> None:
    """Everything until it is told to stop, from its first moment on. `where`: the market and its speed. `ready` is told
    the address. Raises BadInput, AlreadyRunning; LeaseLost when another process took the home over meanwhile."""
    starting = asyncio.current_task()
    if starting is None:
        raise RuntimeError("an instance runs in a task")
    bye.stops(starting.cancel)
    lost: wiring.Home | None = None
    try:
        async with AsyncExitStack() as stack:
            listener = tenure.listener(settings, is_given=is_port_given)
            stack.callback(listener.close)
            lost = await _lived(stack, settings, where, (listener, ready), bye)
    except asyncio.CancelledError:
        if not bye.heard:
            raise
        log.info("stopped before it was running; the next start goes on from here")
    if lost:
        raise lost.lost()


async def _lived(
    stack: AsyncExitStack,
    settings: Settings,
    where: tuple[str, str | None],
    door: tuple[socket, Callable[[Host, str], Any]],
    bye: Farewell,
) -> wiring.Home | None:
    """The home, where it was lost."""
    (market, speed), (listener, ready) = where, door
    settings = worlds.suited(settings, market, speed)
    worlds.factor_of(settings, speed)
    recorded = None if market in ("simulated", "live") else wiring.tape(Path(market), settings)
    held = await tenure.taken(settings, worlds.holds(settings, market), listener, wiring.system_clock())
    stack.callback(held.close)
    stack.enter_context(diary.kept(held.path))
    settings = await worlds.with_open_pairs(settings, held, recorded)
    world = await worlds.made(stack, settings, (market, recorded), speed, held)
    host = Host(settings, held, world)
    await stack.enter_async_context(tenure.renewed(held, host.lose, host.renewal))
    stack.enter_context(host.watchdog.listening())
    real = wiring.system_clock()
    site = web.site(host, host.notifier, world.purse, lambda: limits(settings, real.now()))
    address = await stack.enter_async_context(web.served(site, listener))
    stack.callback(host.notifier.close)
    if host.office:
        await stack.enter_async_context(host.office.open())
    await stack.enter_async_context(keeper.kept(host.memory, host.remembers))
    if host.memory:
        bye.tidies.append(host.memory.server.kill)
    bye.stops(host.stop.set)
    ready(host, address)
    try:
        await _until_stopped(host, bye)
        if not host.is_lost:
            _note_clock(held, world)
    except LeaseLost:
        host.lose()
    return held if host.is_lost else None


def _note_clock(held: wiring.Home, world: wiring.World) -> None:
    try:
        held.ledger.set_note("clock", world.clock.now().isoformat())
    except LedgerUnavailable as wrong:
        log.warning("where the clock stood is not noted, so it goes on from what was written last: %s", wrong)


async def _until_stopped(host: Host, bye: Farewell) -> None:
    """A stop is heard at once, also while history is fetched; what runs then has a moment to end by itself."""
    life = asyncio.create_task(host.live())
    stopped = asyncio.create_task(host.stop.wait())
    await asyncio.wait({life, stopped}, return_when=asyncio.FIRST_COMPLETED)
    bye.begin()
    await asyncio.wait({life}, timeout=PATIENCE_S)
    life.cancel()
    stopped.cancel()
    try:
        await life
    except (Stopped, asyncio.CancelledError):
        if host.is_lost:
            return
        if host.health().status == "starting":
            log.info("stopped before it was running; the next start goes on from here")
        else:
            log.info("stopped in the middle of a candle; the next start looks at it again")
