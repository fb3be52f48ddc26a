"""Which plug sits in which socket. Imports are inside, so nobody loads what they do not wear."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .domain.errors import AlreadyRunning, BadInput
from .domain.learning import SemanticRule
from .domain.ledger import Learned
from .domain.market import Timeframe
from .domain.policy import Settings
from .ports import Archive, LanguageModel, Ledger, MarketData, MemoryStore, Sockets

if TYPE_CHECKING:
    from .adapters.candle_files import Tape as Tape
    from .adapters.ccxt import CcxtMarket
    from .adapters.eventbridge import EventBridge
    from .adapters.sqlite import SqliteLedger as SqliteLedger
    from .adapters.system_clock import FastClock, SystemClock
    from .adapters.system_clock import SetClock as SetClock
    from .adapters.websocket import WebSocketNotifier as WebSocketNotifier

LEDGER, ARCHIVE, REPLIES, LOCK = "ledger.db", "archive", "replies", "lock"
# A replay looks back one cycle only; the tape is its archive.
REPLAY_KEEPS = 64
PAGE = 2000


class Home(NamedTuple):
    """A folder held by this process alone, with its ledger."""

    path: Path
    ledger: "SqliteLedger"
    lock: Any

    def close(self) -> None:
        self.ledger.close()
        self.lock.release()


class World(NamedTuple):
    """Where candles come from: the venue, its clock, who decides, and the days lived through before it starts."""

    market: MarketData
    clock: "FastClock | SystemClock"
    mind: LanguageModel
    speed: float
    lived_from: datetime | None = None
    lived_until: datetime | None = None
    tape: "Tape | None" = None


class Rig(NamedTuple):
    """What a replay turns: sockets over a tape, the clock it sets by hand, the ledger it fills."""

    on: Sockets
    clock: "SetClock"
    ledger: "SqliteLedger"


def home(path: Path, settings: Settings, holds: str, *, is_durable: bool) -> Home:
    """Raises AlreadyRunning when another process holds it, BadInput when it holds something else than `holds`."""
    from filelock import FileLock, Timeout

    from .adapters.sqlite import SqliteLedger

    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path / LOCK)
        lock.acquire(timeout=0)
    except Timeout:
        raise AlreadyRunning(
            f"another semsig runs on this home, was {path}; stop it or choose another --home"
        ) from None
    except OSError as wrong:
        raise BadInput(f"home cannot be written, was {path}: {wrong}; choose another --home") from wrong
    ledger = SqliteLedger(path / LEDGER, settings.paper.start_quote, is_durable=is_durable)
    held = ledger.note("holds")
    if held is None:
        ledger.set_note("holds", holds)
    elif held != holds:
        ledger.close()
        lock.release()
        raise BadInput(f"home {path} holds something else; choose another --home, was {_differing(held, holds)}")
    return Home(path, ledger, lock)


def _differing(held: str, holds: str) -> str:
    """Two replays differ in a word or two of many: those are named."""
    (kind, _, one), (other_kind, _, other) = held.partition(" "), holds.partition(" ")
    if kind != "replay" or other_kind != "replay":
        return f"{held[:60]} and not {holds[:60]}"
    first, second = json.loads(one), json.loads(other)
    pairs = [(key, first.get(key), second.get(key)) for key in first | second]
    pairs += [(key, first["settings"].get(key), value) for key, value in second["settings"].items()]
    told = [f"{key} {a!s:.60} and not {b!s:.60}" for key, a, b in pairs if a != b and key != "settings"]
    return "a replay of " + "; ".join(told)


def replayed(settings: Settings, tape: "Tape", ledger: "SqliteLedger", at: datetime, mind: LanguageModel) -> Rig:
    """Recorded candles, a clock set by hand, nobody listening."""
    from .adapters.inmemory import InMemoryArchive, InMemoryMemory, InMemoryNotifier
    from .adapters.system_clock import SetClock

    clock = SetClock(at)
    on = Sockets(
        settings=settings,
        clock=clock,
        market=tape,
        model=mind,
        memory=InMemoryMemory(),
        ledger=ledger,
        archive=InMemoryArchive(REPLAY_KEEPS),
        notifier=InMemoryNotifier(is_heard=False),
    )
    return Rig(on, clock, ledger)


def local(settings: Settings, held: Home, world: World, notifier: "WebSocketNotifier") -> Sockets:
    """Everything in one process: a venue, a model, and stores in the home folder."""
    from .adapters.folder import FolderArchive
    from .adapters.inmemory import InMemoryMemory

    return Sockets(
        settings=settings,
        clock=world.clock,
        market=world.market,
        model=world.mind,
        memory=InMemoryMemory(),
        ledger=held.ledger,
        archive=FolderArchive(held.path / ARCHIVE),
        notifier=notifier,
    )


def cloud() -> Sockets:
    """What a Lambda function wears, from its settings: the embedded plugs, in the folder SEMSIG_HOME. Functions side by
    side may share it, so none locks it. The AWS stores take these sockets by plugs of their own.

    The memory is what the ledger held when the container woke. Raises InvalidSetting, LedgerUnavailable, and BadInput
    for a home that holds something else."""
    import asyncio

    from .adapters.folder import FolderArchive
    from .adapters.inmemory import InMemoryMemory, InMemoryNotifier
    from .adapters.sqlite import SqliteLedger
    from .settings import load

    settings = load().settings
    path, clock, memory = Path(settings.home), system_clock(), InMemoryMemory()
    ledger = SqliteLedger(path / LEDGER, settings.paper.start_quote, is_durable=True)
    holds = f"functions {settings.exchange} {settings.market_kind} {settings.timeframe}"
    if (held := ledger.note("holds") or holds) != holds:
        ledger.close()
        raise BadInput(
            f"home {path} holds something else; choose another SEMSIG_HOME, was {held[:200]} and not {holds}"
        )
    ledger.set_note("holds", holds)
    asyncio.run(remember(ledger, memory))
    return Sockets(
        settings=settings,
        clock=clock,
        market=venue(settings, clock.now),
        model=model(settings),
        memory=memory,
        ledger=ledger,
        archive=FolderArchive(path / ARCHIVE),
        notifier=InMemoryNotifier(is_heard=False),
    )


def bus(name: str = "semanticsignal") -> "EventBridge":
    """Where a Lambda function's facts go."""
    from .adapters.eventbridge import EventBridge

    return EventBridge(name)


def past_archive(archive: Archive) -> Archive:
    """For history lived through at once: words and snapshots are kept, the bars are not, the venue still has them."""
    from .adapters.inmemory import InMemoryArchive, SplitArchive

    return SplitArchive({"market": InMemoryArchive(REPLAY_KEEPS)}, archive)


def model(settings: Settings, home: Path | None = None) -> LanguageModel:
    """The configured model; the built-in analyst needs no server. Several names, separated by commas, are asked in that
    order. With a home, what a server answered is kept there and never asked again."""
    if settings.model.provider == "analyst":
        from .adapters.analyst import RulesAnalyst

        return RulesAnalyst()
    from .adapters.fallback import Fallback
    from .adapters.folder import FolderArchive
    from .adapters.recorded import Recorded

    asked = settings.model
    minds = [served(asked.base_url, name.strip(), asked.timeout_s) for name in asked.name.split(",")]
    mind = minds[0] if len(minds) == 1 else Fallback(minds)
    return Recorded(FolderArchive(home / REPLIES), mind) if home else mind


def recorded(home: Path) -> LanguageModel:
    """Only what an earlier run in that home was answered. Raises BadInput when nothing was kept there."""
    from .adapters.folder import FolderArchive
    from .adapters.recorded import Recorded

    if not (home / REPLIES).is_dir():
        raise BadInput(f"no replies were recorded there, was {home}; it is the --home of an earlier run with a model")
    return Recorded(FolderArchive(home / REPLIES), None)


def served(base_url: str, name: str, timeout_s: float) -> LanguageModel:
    """A model behind an OpenAI-compatible server."""
    from .adapters.openai_compatible import OpenAICompatible

    return OpenAICompatible(base_url, name, timeout_s=timeout_s)


def tape(folder: Path, settings: Settings) -> "Tape":
    from .adapters import candle_files

    return candle_files.load(folder, settings.pairs, settings.timeframe, settings.market_kind, settings.exchange)


def venue(
    settings: Settings, clock: Callable[[], datetime], base_url: str | None = None, *, is_simulated: bool = False
) -> "CcxtMarket":
    from .adapters.ccxt import CcxtMarket

    return CcxtMarket(
        settings.exchange, base_url=base_url, is_simulated=is_simulated, kind=settings.market_kind, clock=clock
    )


def system_clock() -> "SystemClock":
    from .adapters.system_clock import SystemClock

    return SystemClock()


def fast_clock(at: datetime, speed: float) -> "FastClock":
    from .adapters.system_clock import FastClock

    return FastClock(at, speed)


def websocket() -> "WebSocketNotifier":
    from .adapters.websocket import WebSocketNotifier

    return WebSocketNotifier()


async def backfilled(
    market: MarketData, settings: Settings, *, since: datetime, until: datetime, fine: Timeframe
) -> "Tape":
    """What a venue has of the configured pairs, as a tape: bars to analyse from `candle_limit` before `since`, finer
    ones to resolve fills from `since` on."""
    from .adapters.candle_files import Tape as Tape

    span = settings.timeframe.span
    bars = settings.candle_limit + int((until - since) / span) + 1
    minutes = int((until - since) / fine.span)
    series, rules = {}, {}
    for symbol in settings.pairs:
        series[symbol] = {
            settings.timeframe: await market.candles(symbol, settings.timeframe, until=until, limit=bars),
            fine: await market.candles(symbol, fine, until=until, limit=minutes),
        }
        rules[symbol] = await market.rules(symbol)
    return Tape(series, rules=rules, is_simulated=market.is_simulated)


async def remember(ledger: Ledger, memory: MemoryStore) -> int:
    """Rebuilds the memory index from the ledger; returns how many experiences there are."""
    after, count = 0, 0
    while page := await ledger.entries(kinds=("LessonLearned", "RuleFormed"), after=after, limit=PAGE):
        for entry in page:
            match entry.subject:
                case Learned() as learned:
                    await memory.remember(learned.experience)
                    count += 1
                case SemanticRule() as rule:
                    await memory.learn(rule)
        after = page[-1].seq
    return count
