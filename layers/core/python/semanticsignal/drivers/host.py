"""The room of one process: what its API answers, and each run of a fact, with what goes wrong in it said."""

import asyncio
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal

from .. import __version__, wiring
from ..domain.errors import LeaseLost, SemanticSignalError, Unavailable
from ..domain.events import AnalysisRequested, CandleClosed, Fact, HourPassed, MinutePassed, QuarterPassed
from ..domain.market import Symbol
from ..domain.messages import Message
from ..domain.policy import Settings
from ..logic.show import live, views
from ..ports import Clock, Notifier, Sockets
from ..stages.notify import plainly, silences
from . import diary, post_office, timekeeping
from .figures import Figures
from .loop import Loop, Work
from .troubles import Troubles
from .vitals import Known
from .watchdog import Watchdog

log = logging.getLogger("semsig")

# A venue may publish a bar some seconds after it closed; then the bar is given up.
PUBLISHED_WITHIN_S = 30.0
TICK_S = 1.0
RECOVER_S = 10.0
# A longer pause between two ticks was sleep; and how often it is asked whether anything is decided.
ASLEEP, LISTENING = timedelta(minutes=1), timedelta(seconds=30)
# So long a tick waits for what came of a minute; then it goes on beside.
MINUTE_S = 5.0
NOT_HERE = (("dead_letters", "in one process nothing is queued: what fails is said at once and tried again"),)
# What a problem is about where it is no pair's: by the fact, and by the stage that has its turn beside.
ABOUT = {QuarterPassed: "context", HourPassed: "news"}
BESIDE = {"notify": "messages"}


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
    """What is asked of an instance, and what is under way in it; a crank turns it."""

    def __init__(
        self, settings: Settings, held: wiring.Home, world: wiring.World, leaving: frozenset[Symbol] = frozenset()
    ) -> None:
        self.world, self.settings = world, settings
        # Of this machine, by which people wait.
        self.real: Clock = world.checked[0] if world.checked else wiring.system_clock()
        self._hides = wiring.unsaid()
        self.troubles = Troubles(self.real, self._hides)
        self.notifier = wiring.websocket()
        self.held = held
        self.memory = wiring.home_memory(settings, held)
        on = wiring.local(settings, held, world, self.notifier, self.memory)
        self.office, messengers = post_office.opened(settings, held, on.archive, partial(self.troubles.said, "Discord"))
        knowing = Knowing(self.notifier, self.pulse)
        self.on: Sockets = replace(on, notifier=knowing, messengers=messengers, leaving=leaving)
        self.figures = Figures(held.ledger, settings.timeframe)
        self.watchdog = Watchdog(wiring.system_clock())
        self.loop = Loop(self.on, held.ledger, aside=self.aside, turn=self.watchdog.turn)
        self._status: Literal["starting", "running"] = "starting"
        self._ticked_at = self._listened_at = self.real.now()
        self._awake_since = self.on.clock.now()
        self._waiting: dict[Symbol, views.QueuedView] = {}
        self.history_done = 0.0
        self._locks: dict[Symbol, asyncio.Lock] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self._began = self.real.now()
        self._minute_at: datetime | None = None
        self.stop = asyncio.Event()
        self.is_lost = False
        said = partial(self.troubles.said, "clock")
        self._timekeeper = timekeeping.Timekeeper(*world.checked, said, self._marked) if world.checked else None

    def lose(self) -> None:
        """The home is somebody else's: whatever is under way ends by itself, and nothing more is said."""
        self.is_lost = self.troubles.are_over = True
        self.stop.set()

    @contextmanager
    def losing(self) -> Iterator[None]:
        """What finds the home to be somebody else's ends with that."""
        try:
            yield
        except LeaseLost:
            self.lose()

    @contextmanager
    def telling(self, about: str) -> Iterator[None]:
        """What goes wrong in it is said, until it goes right."""
        try:
            with self.losing():
                yield
        except SemanticSignalError as wrong:
            self.troubles.said(about, str(wrong))
        else:
            self.troubles.said(about, "")

    def runs(self) -> None:
        """Its history is lived through."""
        self.history_done, self._status = 1.0, "running"
        self._awake_since = self.on.clock.now()
        log.info("running: %s, %s", ", ".join(self.settings.symbols), self.health().market_source)

    def ends_at(self) -> datetime:
        """A market that ends, a recorded one with its tape; the page stays."""
        return self.world.ends_at or datetime.max.replace(tzinfo=UTC)

    def pulse(self, told: live.PulseView | None) -> live.PulseView:
        """What a minute tells of, by one who knows better than the ledger."""
        health = self.health()
        lag_s = told.lag_s if told else None
        return live.PulseView(health.status, health.problem, health.history_done_ratio, health.next_candle_at, lag_s)

    def known(self) -> Known:
        real = self.real.now()
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
            problems=self.troubles.items(),
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
            status="degraded" if self.troubles.problem and self._status == "running" else self._status,
            problem=self.troubles.problem,
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
            history_done_ratio=self.history_done,
            next_candle_at=self._close_after(now),
        )

    def _close_after(self, now: datetime) -> datetime | None:
        """None while the history is lived through, and when a recorded market ends before it."""
        close = self.settings.timeframe.floor(now) + self.settings.timeframe.span
        return close if self._status == "running" and close <= self.ends_at() else None

    async def request_analysis(self, symbol: Symbol) -> views.QueuedView:
        """Queued behind what runs for the pair, and never lost while the process lives. Whoever asks while one waits
        gets that one: a hundred clicks are one analysis."""
        if symbol in self._waiting:
            return self._waiting[symbol]
        fact = AnalysisRequested(symbol, self.settings.timeframe, self.on.clock.now())
        waits = self._lock(symbol).locked() or self._status == "starting"
        queued = self._waiting[symbol] = views.QueuedView(fact.id, str(symbol), waits)
        await self.notifier.tell(live.asked(fact, self.on.clock.now()))
        self.spawn(self._analysed(fact))
        return queued

    async def _marked(self) -> datetime | None:
        return (await self.held.ledger.portfolio()).marked_until

    async def minute(self, at: datetime) -> None:
        """One look at the stops at a time; what comes of one, however long it takes, keeps neither the next look nor a
        candle waiting for more than a moment."""
        if not self.watchdog.is_at("watch"):
            await self.patiently(self.looked(at))

    async def looked(self, at: datetime, patience_s: float = 0.0) -> None:
        if await self._insisted(MinutePassed(at), patience_s):
            self._minute_at = max(at, self._minute_at or at)

    async def patiently(self, work: Any) -> None:
        await asyncio.wait({self.spawn(work)}, timeout=MINUTE_S)

    async def candle(self, fact: CandleClosed) -> None:
        async with self._lock(fact.symbol):
            await self._insisted(fact, PUBLISHED_WITHIN_S)

    async def _insisted(self, fact: Fact, patience_s: float) -> bool:
        """Again while somebody is away, as long as there is patience; whether it went through."""
        deadline = asyncio.get_running_loop().time() + patience_s
        while not (is_through := await self.run(fact)):
            if self.stop.is_set() or asyncio.get_running_loop().time() >= deadline:
                break
            await self.wait(TICK_S)
        return is_through

    async def _analysed(self, fact: AnalysisRequested) -> None:
        while self._status == "starting" and not self.stop.is_set():
            await self.wait(0.2)
        async with self._lock(fact.symbol):
            self._waiting.pop(fact.symbol, None)
            await self.run(fact)

    async def run(self, fact: Fact) -> bool:
        """Whether it went through. What goes wrong is said on the page until the same thing goes right, and the crank
        turns on: the next tick looks again."""
        about = str(getattr(fact, "symbol", ABOUT.get(type(fact), "watch")))
        try:
            with self.losing():
                await self.loop.run(fact)
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
        self.troubles.said(about, "")
        return True

    async def _broke(self, fact: Fact, about: str, problem: str) -> None:
        problem = self._hides(problem)
        self.troubles.said(about, problem)
        if isinstance(fact, CandleClosed | AnalysisRequested):
            await self.notifier.tell(live.failed(fact, self.on.clock.now(), problem))

    async def _listened(self) -> None:
        """Whether each pair is still decided on. Who has slept has not waited."""
        real = self.real.now()
        if real - self._ticked_at > ASLEEP:
            self._awake_since = self.on.clock.now()
        self._ticked_at = real
        if real - self._listened_at >= LISTENING:
            self._listened_at = real
            for told in await silences(self._awake_since, min(self.on.clock.now(), self.ends_at()), self.on):
                await self._tell(told)

    async def _tell(self, told: Message) -> None:
        for messenger in self.on.messengers:
            await messenger.take(told)

    async def watched_over(self) -> None:
        """A messenger's full disk stops no candle."""
        with self.telling("alarms"):
            await self._alarm()
            await self._listened()

    async def _alarm(self) -> None:
        """What has been wrong for a while is told to people, once until it is well again."""
        due = self.troubles.due()
        if due:
            if told := self.troubles.alarm(due, plainly(self.on)):
                await self._tell(told)
            self.troubles.alarmed(due)

    def keep_time(self) -> None:
        if self._timekeeper and self._timekeeper.is_due():
            self.spawn(self._timekeeper.look())

    def renewal(self, problem: str) -> None:
        """Why the lease of the home cannot be renewed."""
        self.troubles.said("lease", problem)

    def remembers(self, problem: str) -> None:
        """What is wrong with memory: decisions are made without it."""
        self.troubles.said("memory", problem)

    def _lock(self, symbol: Symbol) -> asyncio.Lock:
        return self._locks.setdefault(symbol, asyncio.Lock())

    def aside(self, stage: str, work: Work) -> None:
        """A post-mortem waits for its model there, a message for its file, and neither a candle nor a stop waits for
        them."""
        self.spawn(self._beside(BESIDE.get(stage, stage), work))

    async def _beside(self, about: str, work: Work) -> None:
        with self.telling(about):
            await work()

    def spawn(self, work: Any) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (wrong := task.exception()):
            diary.stacks.error("a defect in a task", exc_info=wrong)
            self.troubles.said("host", f"a defect: {wrong!r}")

    async def ended(self) -> None:
        """Nothing is left under way."""
        for task in tuple(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.stop.wait(), seconds)
        except TimeoutError:
            return
