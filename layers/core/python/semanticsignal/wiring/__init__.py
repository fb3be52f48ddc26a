"""Which plug sits in which socket. Imports are inside, so nobody loads what they do not wear."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from ..domain.errors import AlreadyRunning, BadInput, InvalidSetting
from ..domain.learning import Experience, Hindsight, PostMortem, SemanticRule
from ..domain.lease import LOCK
from ..domain.ledger import MEMORABLE
from ..domain.market import MarketKind, Symbol, Timeframe
from ..domain.policy import Settings
from ..domain.secrets import DISCORD
from ..logic.show.unsaid import Unsaid
from ..logic.show.vitals import CircuitView
from ..ports import (
    Archive,
    Clock,
    ContextFeed,
    Courier,
    LanguageModel,
    Ledger,
    Mail,
    MarketData,
    MemoryStore,
    Messenger,
    NewsFeed,
    Purse,
    Sockets,
)
from ..settings import secret as environment_secret
from . import identity as identity
from .homes import CHROMA as CHROMA
from .homes import LEDGER as LEDGER
from .homes import MAIL
from .homes import Home as Home
from .homes import Wish as Wish
from .homes import home as home
from .homes import is_locked as is_locked
from .homes import lease_of as lease_of
from .homes import resting as resting
from .models import PURSE as PURSE
from .models import Secret
from .models import keyless as keyless
from .models import model as model
from .models import purse as purse
from .models import recorded as recorded
from .models import served as served
from .models import wallet as wallet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..adapters.audience import DynamoAudience
    from ..adapters.aws_account import AwsAccount as AwsAccount
    from ..adapters.breaker import Breaker as Breaker
    from ..adapters.candle_files import Tape as Tape
    from ..adapters.ccxt import CcxtMarket as CcxtMarket
    from ..adapters.chroma import ChromaMemory, FollowingMemory
    from ..adapters.chroma_server import ChromaServer
    from ..adapters.dynamodb import DynamoMail as DynamoMail
    from ..adapters.eventbridge import EventBridge
    from ..adapters.failover import Failover as Failover
    from ..adapters.lambda_function import LambdaFunction
    from ..adapters.sqlite import SqliteLedger as SqliteLedger
    from ..adapters.sqlite import SqliteMail
    from ..adapters.ssm import NamedParameters as NamedParameters
    from ..adapters.system_clock import CheckedClock as CheckedClock
    from ..adapters.system_clock import FastClock as FastClock
    from ..adapters.system_clock import SetClock as SetClock
    from ..adapters.system_clock import SystemClock
    from ..adapters.system_clock import TurnedClock as TurnedClock
    from ..adapters.tape_files import CandleFile as CandleFile
    from ..adapters.tape_files import DayFiles, Recordings
    from ..adapters.tape_files import Unseen as Unseen
    from ..adapters.websocket import WebSocketNotifier as WebSocketNotifier

ARCHIVE = "archive"
# Secrets of the parameter store that this process has read, by name.
_READ: dict[str, str] = {}
# A replay looks back one cycle only; the tape is its archive.
REPLAY_KEEPS = 64
PAGE = 2000


class HomeMemory(NamedTuple):
    """The memory of a home, the server that it is kept on, and the ledger it follows."""

    server: "ChromaServer"
    memory: "FollowingMemory"
    ledger: Ledger


class World(NamedTuple):
    """Where candles come from: the venue, its clock, who decides and what that may cost, and the days lived through
    before it starts."""

    market: MarketData
    clock: "CheckedClock | FastClock | TurnedClock"
    mind: LanguageModel
    speed: float
    lived_from: datetime | None = None
    lived_until: datetime | None = None
    tape: "Tape | None" = None
    purse: Purse | None = None
    circuits: "Sequence[Breaker]" = ()
    # its end, where that is not its tape's
    closed_at: datetime | None = None
    # of a live market: the clock, and who tells how far it is ahead of the venues'
    checked: "tuple[CheckedClock, Callable[[], Awaitable[float | None]]] | None" = None

    @property
    def ends_at(self) -> datetime | None:
        """None where it goes on for ever."""
        return self.closed_at or (self.tape.ends_at if self.tape else None)

    @property
    def turned(self) -> "TurnedClock | None":
        """Its clock, where that stands still until it is turned."""
        from ..adapters.system_clock import TurnedClock

        return self.clock if isinstance(self.clock, TurnedClock) else None


class Rig(NamedTuple):
    """What a replay turns: sockets over a tape, the clock it sets by hand, the ledger it fills."""

    on: Sockets
    clock: "SetClock"
    ledger: "SqliteLedger"


def replayed(settings: Settings, tape: "Tape", ledger: "SqliteLedger", at: datetime, mind: LanguageModel) -> Rig:
    """Recorded candles and what was recorded beside them, a clock set by hand, nobody listening. Whoever decides, the
    rules analyst looks back: a past pays nobody for its post-mortems."""
    from ..adapters.analyst import RulesAnalyst
    from ..adapters.by_form import ByForm
    from ..adapters.inmemory import InMemoryArchive, InMemoryMemory, InMemoryNotifier
    from ..adapters.system_clock import SetClock

    clock = SetClock(at)
    on = Sockets(
        settings=settings,
        clock=clock,
        market=tape,
        model=ByForm(mind, RulesAnalyst()),
        memory=InMemoryMemory(),
        ledger=ledger,
        archive=with_recorded(tape, InMemoryArchive(REPLAY_KEEPS)),
        notifier=InMemoryNotifier(is_heard=False),
    )
    return Rig(on, clock, ledger)


def local(
    settings: Settings, held: Home, world: World, notifier: "WebSocketNotifier", kept: HomeMemory | None = None
) -> Sockets:
    """Everything in one process: a venue, a model, and stores in the home folder. News and the mood of the whole market
    go with a live venue alone: they are of today."""
    from ..adapters.folder import FolderArchive
    from ..adapters.inmemory import InMemoryMemory

    is_live = world.tape is None and not world.market.is_simulated
    context, news = gathered(settings) if is_live else ((), ())
    return Sockets(
        settings=settings,
        clock=world.clock,
        market=world.market,
        model=world.mind,
        memory=kept.memory if kept else InMemoryMemory(),
        ledger=held.ledger,
        archive=with_recorded(world.tape, FolderArchive(held.path / ARCHIVE)),
        notifier=notifier,
        context=context,
        news=news,
    )


class _Late:
    """A plug, or several, put in when first asked something: a function loads what it uses, and no more."""

    def __init__(self, made: Callable[[], Any], **known: Any) -> None:
        """`known`: what it would answer, so that it need not be made for that."""
        self._made = made
        self.__dict__.update(known)

    def __getattr__(self, question: str) -> Any:
        return getattr(self._plugged(), question)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._plugged())

    def _plugged(self) -> Any:
        if "_plug" not in self.__dict__:
            self._plug = self._made()
        return self._plug


def cloud() -> Sockets:
    """What a Lambda function wears, from its settings and from where the template says its parts are.

    Raises InvalidSetting; a part that this function was not told of does so when it is asked."""
    from ..adapters.apigateway import ApiGateway
    from ..adapters.dynamodb import DynamoLedger, DynamoPurse
    from ..adapters.s3 import S3Archive
    from ..settings import load, places

    settings, parts, clock = load().settings, places(), system_clock()

    def late(made: Callable[[], Any], **known: Any) -> Any:
        return _Late(made, **known)

    def secret(key: str) -> str:
        return parameters(parts.secrets)(key)

    return Sockets(
        settings=settings,
        clock=clock,
        market=late(lambda: venue(settings, clock.now), is_simulated=False),
        model=late(lambda: model(settings, secret=secret, spending=late(lambda: DynamoPurse(parts.table)))),
        memory=late(lambda: memory_function(parts.memory)),
        ledger=late(lambda: DynamoLedger(parts.table, settings.paper.start_quote)),
        archive=late(lambda: S3Archive(parts.bucket)),
        notifier=late(lambda: ApiGateway(parts.socket, audience(), clock.now)),
        context=late(lambda: context_feed(settings, secret("COINGECKO_API_KEY"))),
        # a plug that is not made yet is there: whether it will be is for the settings to say
        news=late(lambda: news_feed(settings, secret("CRYPTOCOMPARE_API_KEY"))) if settings.news.feeds else (),
    )


def aws_account() -> "AwsAccount":
    """Of this machine's AWS credentials."""
    from ..adapters.aws_account import AwsAccount

    return AwsAccount()


def function(name: str) -> "LambdaFunction":
    """A deployed function, called with this machine's AWS credentials."""
    from ..adapters.lambda_function import LambdaFunction

    return LambdaFunction(name)


def cloud_purse() -> Purse:
    """What models may cost, in the ledger's table."""
    from ..adapters.dynamodb import DynamoPurse
    from ..settings import places

    return DynamoPurse(places().table)


def read_ledger(path: Path, settings: Settings) -> "SqliteLedger":
    """The ledger of a home, whoever holds it: nothing is written. Raises BadInput where nobody has lived yet,
    LedgerUnavailable."""
    from ..adapters.sqlite import SqliteLedger

    if not (path / LEDGER).is_file():
        raise BadInput(f"nothing was lived in this home yet, was {path}; semsig run, or choose another --home")
    return SqliteLedger(path / LEDGER, settings.paper.start_quote, only_reads=True)


def audience() -> "DynamoAudience":
    """Who listens over the WebSocket API."""
    from ..adapters.audience import DynamoAudience
    from ..settings import places

    return DynamoAudience(places().connections)


def cloud_mail() -> "DynamoMail":
    """What Discord is to be told, and whose turn it is to tell it."""
    from ..adapters.dynamodb import DynamoMail
    from ..settings import places

    return DynamoMail(places().mail)


def discord_parameters() -> "NamedParameters":
    """The secrets of Discord, and no others, in the parameter store."""
    from ..adapters.ssm import NamedParameters
    from ..settings import DISCORD_IN, places

    return NamedParameters(f"{places().secrets}/{DISCORD_IN}", DISCORD, _READ.update)


def bus() -> "EventBridge":
    """Where a Lambda function's facts go."""
    from ..adapters.eventbridge import EventBridge
    from ..settings import places

    return EventBridge(places().bus)


def parameters(path: str) -> Callable[[str], str]:
    """Secrets by name from the parameter store; empty where none is kept."""
    from ..adapters.ssm import ParameterStore

    return ParameterStore(path, _READ.update).secret


def past_archive(archive: Archive) -> Archive:
    """For history lived through at once: words and snapshots are kept, the bars are not, the venue still has them."""
    from ..adapters.inmemory import InMemoryArchive, SplitArchive

    return SplitArchive({"market": InMemoryArchive(REPLAY_KEEPS)}, archive)


def tape(folder: Path, settings: Settings) -> "Tape":
    from ..adapters import candle_files

    where = (folder, settings.pairs, settings.timeframe, settings.market_kind, settings.exchange)
    return candle_files.load(*where, recorded=recordings(folder, settings))


# Public spot data of a venue at another address, which is open where the first may not be.
MIRRORS = {"binance": "https://data-api.binance.vision"}


def venue(
    settings: Settings, clock: Callable[[], datetime], base_url: str | None = None, *, is_simulated: bool = False
) -> "CcxtMarket | Failover":
    """The configured venue alone where an address is given; else with its mirror and the fallbacks behind it.
    Raises InvalidSetting."""
    from ..adapters.ccxt import CcxtMarket
    from ..adapters.failover import Failover

    kind, timeout_s = settings.market_kind, settings.collect.timeout_s
    if base_url is not None or is_simulated:
        return CcxtMarket(
            settings.exchange, base_url=base_url, is_simulated=is_simulated, kind=kind, clock=clock,
            timeout_s=timeout_s, has_perpetuals=not is_simulated,
        )  # fmt: skip
    # as long as a closed bar may be waited for, and no longer than three of them take
    patience_s = max(timeout_s, min(3 * timeout_s, settings.collect.deadline_s))
    return Failover(ranked(settings, clock), clock=clock, timeout_s=timeout_s, patience_s=patience_s)


def ranked(settings: Settings, clock: Callable[[], datetime]) -> tuple[tuple[str, "CcxtMarket"], ...]:
    """Each live venue by name, a mirror after its own, in the order asked. Raises InvalidSetting that names it for one
    that is unknown."""
    from ..adapters.ccxt import CcxtMarket, is_known

    asked = dict.fromkeys((settings.exchange, *settings.collect.fallbacks), "collect.fallbacks")
    asked[settings.exchange] = "exchange"
    found = []
    for name, key in asked.items():
        if not is_known(name):
            raise InvalidSetting(f"{key} must be a venue that ccxt knows, was {name!r}")
        addresses: dict[str, str | None] = {name: None}
        if settings.market_kind is MarketKind.SPOT and name in MIRRORS:
            addresses[urlsplit(MIRRORS[name]).hostname or name] = MIRRORS[name]
        found += [
            (label, CcxtMarket(
                name, base_url=url, kind=settings.market_kind, clock=clock, timeout_s=settings.collect.timeout_s,
                has_perpetuals=url is None,
            ))
            for label, url in addresses.items()
        ]  # fmt: skip
    return tuple(found)


def unsaid() -> Unsaid:
    """Text without any secret of this machine, as they are now."""
    return Unsaid(environment_secret)


def unsaid_here() -> Unsaid:
    """Text without any secret that this function has read so far; a server may have said it back."""
    return Unsaid(lambda name: _READ.get(name, ""))


def system_clock() -> "SystemClock":
    from ..adapters.system_clock import SystemClock

    return SystemClock()


def checked_clock() -> "CheckedClock":
    from ..adapters.system_clock import CheckedClock

    return CheckedClock(system_clock().now)


def fast_clock(at: datetime, speed: float) -> "FastClock":
    from ..adapters.system_clock import FastClock

    return FastClock(at, speed)


def turned_clock(at: datetime, speed: float) -> "TurnedClock":
    from ..adapters.system_clock import TurnedClock

    return TurnedClock(at, speed)


def meanings() -> "Callable[[Sequence[str]], NDArray[np.float32]]":
    """Texts as points, near where they mean much the same; loaded when first asked, MemoryUnavailable where it is
    not here."""
    from ..adapters.wordllama import WordLlama

    return WordLlama().points


def websocket() -> "WebSocketNotifier":
    from ..adapters.websocket import WebSocketNotifier

    return WebSocketNotifier()


def discord(settings: Settings, clock: Clock, secret: Secret = environment_secret) -> Courier | None:
    """By a webhook, or by a bot into one channel; None where there is a secret for neither. Raises InvalidSetting."""
    from ..adapters.discord import DiscordCourier

    webhook, token, channel = (secret(name).strip() for name in DISCORD)
    bot = ("", "") if webhook else (token, channel)
    if not webhook and not any(bot):
        return None
    return DiscordCourier(clock.now, settings.discord.timeout_s, webhook, bot)


def discord_url() -> str:
    from ..adapters.discord import URL

    return URL


def console() -> Messenger:
    from ..adapters.letterbox import Console

    return Console()


def mail(held: Home) -> "SqliteMail":
    from ..adapters.sqlite import SqliteMail

    return SqliteMail(held.path / MAIL, token=held.lease.token)


def letterbox(
    settings: Settings, mail: Mail, clock: Clock, woken: Callable[[int], None], hides: Callable[[str], str]
) -> Messenger:
    """What Discord is told, into the mail, by what `hides` secrets."""
    from ..adapters.letterbox import DiscordLetterbox

    return DiscordLetterbox(mail, settings.discord, clock.now, woken, hides)


async def backfilled(
    market: MarketData, settings: Settings, *, since: datetime, until: datetime, fine: Timeframe
) -> "Tape":
    """What a venue has of the configured pairs, as a tape: bars to analyse from `candle_limit` before `since`, finer
    ones to resolve fills from `since` on."""
    from ..adapters.candle_files import Tape as Tape

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
    while page := await ledger.entries(kinds=MEMORABLE, after=after, limit=PAGE):
        for entry in page:
            match entry.memorable:
                case SemanticRule() as rule:
                    await memory.learn(rule)
                case Experience() | Hindsight() | PostMortem() as one:
                    await memory.remember(one)
                    count += isinstance(one, Experience)
        after = page[-1].seq
    return count


# DefiLlama sends every protocol along with its sums.
FIGURES_BYTES = 8_000_000


def circuits(world: World, now: datetime) -> tuple[CircuitView, ...]:
    """Venues by the market's clock, then models; `now` is real. One venue alone is asked whatever it does."""
    from ..adapters.failover import Failover

    venues = world.market.health() if isinstance(world.market, Failover) else ()
    models = [breaker.circuit() for breaker in world.circuits]
    return (
        *(CircuitView("venue", one.name, one.open_until is not None, one.open_until, one.score_ratio, one.reason)
          for one in venues),
        *(CircuitView("model", one.name, one.left_s is not None,
                      None if one.left_s is None else now + timedelta(seconds=one.left_s), None, one.why)
          for one in models),
    )  # fmt: skip


def context_feed(settings: Settings, coingecko_key: str = "") -> tuple[ContextFeed, ...]:
    """Who is asked about the whole market. Raises InvalidSetting for a key that no header can carry."""
    from typing import get_args

    from ..adapters.alternative_me import AlternativeMe
    from ..adapters.coingecko import CoinGecko
    from ..adapters.defillama import DefiLlama, Figure
    from ..adapters.web import Web

    web = Web(settings.context.timeout_s, FIGURES_BYTES)
    max_age = timedelta(minutes=settings.context.max_age_minutes)
    llamas = (DefiLlama(web, figure, max_age) for figure in get_args(Figure))
    return (AlternativeMe(web, max_age), CoinGecko(web, max_age, demo_key=coingecko_key), *llamas)


# One page of a publisher.
PAGE_S, PAGE_BYTES = 8.0, 1_500_000


def news_feed(settings: Settings, cryptocompare_key: str = "", *, with_pages: bool = True) -> tuple[NewsFeed, ...]:
    """Whose news are read; CryptoCompare's only with a key, and nobody's where no publisher is wanted. Raises
    InvalidSetting for a key that no header can carry."""
    if not settings.news.feeds:
        return ()
    from ..adapters.cryptocompare import CryptoCompare
    from ..adapters.rss import FEEDS, SITES, RssFeed
    from ..adapters.web import Web

    web, pages = Web(settings.news.timeout_s), Web(PAGE_S, PAGE_BYTES, stays=True) if with_pages else None
    feeds = [
        RssFeed(web, name, FEEDS[name], settings.news.timeout_s, pages=pages, site=SITES[name])
        for name in dict.fromkeys(settings.news.feeds)
    ]
    return (*feeds, CryptoCompare(web, cryptocompare_key)) if cryptocompare_key else tuple(feeds)


class MemoryRoom(NamedTuple):
    """What the memory function wears: the ledger it follows, and where it keeps what it has read."""

    ledger: Ledger
    memory: "ChromaMemory"


def memory_room() -> MemoryRoom:
    """From its settings and places. Raises InvalidSetting."""
    from ..adapters.dynamodb import DynamoLedger
    from ..settings import load, places

    told = places()
    return MemoryRoom(DynamoLedger(told.table, load().settings.paper.start_quote), chroma(told.chroma))


def chroma(url: str) -> "ChromaMemory":
    """Memory on a Chroma server. Raises InvalidSetting for what is no address."""
    from ..adapters.chroma import ChromaMemory

    return ChromaMemory(url)


def home_memory(settings: Settings, held: Home) -> HomeMemory | None:
    """Memory in the home's own Chroma, which has to be started; None where the index in this process is wanted."""
    from ..adapters.chroma import FollowingMemory
    from ..adapters.chroma_server import ChromaServer

    if settings.memory.store == "embedded":
        return None
    server = ChromaServer(held.path / CHROMA, held.lease.token, held.ledger.check_lease)
    return HomeMemory(server, FollowingMemory(chroma("http://127.0.0.1"), held.ledger), held.ledger)


def has_chroma() -> bool:
    from ..adapters.chroma_server import is_installed

    return is_installed()


async def tried_chroma() -> int:
    """The port that a Chroma of no home listened on; it is gone. Raises MemoryUnavailable."""
    from tempfile import TemporaryDirectory

    from ..adapters.chroma_server import ChromaServer

    with TemporaryDirectory(prefix="semsig") as folder:
        server = ChromaServer(Path(folder) / CHROMA)
        try:
            await server.start()
            return int(server.url.rpartition(":")[2])
        finally:
            await server.stop()


async def embed(room: HomeMemory) -> None:
    """From now on the index in this process answers, for a Chroma that cannot be had."""
    from ..adapters.inmemory import InMemoryMemory

    store = InMemoryMemory()
    await remember(room.ledger, store)
    room.memory.instead = store
    await remember(room.ledger, store)  # what was written down while it was filled


def memory_function(name: str) -> MemoryStore:
    """Memory behind the memory function."""
    from ..adapters.memory_function import MemoryFunction

    return MemoryFunction(name)


def recordings(folder: Path, settings: Settings) -> "Recordings | None":
    """What was recorded there beside the bars; None when that is nothing."""
    from ..adapters.tape_files import Recordings

    return Recordings(folder, settings.market_kind) or None


def with_recorded(tape: "Tape | None", archive: Archive) -> Archive:
    """Context and news from the tape, under the ids that they were gathered under; all else from that archive."""
    from ..adapters.inmemory import SplitArchive

    if tape is None or tape.recorded is None:
        return archive
    return SplitArchive(dict.fromkeys(("context", "news"), tape.recorded), archive)


class Reel(NamedTuple):
    """A folder that this process alone records to. `torn`: the files of which a crash had left half a line."""

    path: Path
    days: "DayFiles"
    lock: Any
    torn: tuple[str, ...]

    def bars(self, source: str, settings: Settings, symbol: Symbol, timeframe: Timeframe) -> "CandleFile":
        from ..adapters.tape_files import CandleFile

        return CandleFile(self.path, source, settings.market_kind, symbol, timeframe)

    def name(self, noun: Any, settings: Settings) -> str:
        """What the day files of such a noun begin with."""
        from ..adapters.tape_files import WORDS, venue_of

        return f"{venue_of(noun.source)}_{settings.market_kind}_{noun.symbol.joined}_{WORDS[type(noun)]}"

    def unseen(self, name: str) -> "Unseen":
        from ..adapters.tape_files import Unseen

        return Unseen(self.days.recent(name))


def reel(folder: Path) -> Reel:
    """Raises AlreadyRunning when another process records there, BadInput for what is no folder to write to."""
    from filelock import FileLock, Timeout

    from ..adapters.tape_files import DayFiles

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK)
        lock.acquire(timeout=0)
        days = DayFiles(folder)
        return Reel(folder, days, lock, tuple(days.mend()))
    except Timeout:
        raise AlreadyRunning(f"another semsig records there, was {folder}; stop it or record elsewhere") from None
    except OSError as wrong:
        raise BadInput(f"tapes are recorded to a folder that can be written, was {folder}: {wrong.strerror}") from wrong


def recording(settings: Settings, held: Reel, market: MarketData, clock: Clock) -> Sockets:
    """What the steps that gather are given while recording: what they archive goes onto the reel. Nobody decides."""
    from ..adapters.analyst import RulesAnalyst
    from ..adapters.inmemory import InMemoryLedger, InMemoryMemory, InMemoryNotifier
    from ..adapters.tape_files import Recordings

    context, news = ((), ()) if market.is_simulated else gathered(settings)
    return Sockets(
        settings=settings,
        clock=clock,
        market=market,
        model=RulesAnalyst(),
        memory=InMemoryMemory(),
        ledger=InMemoryLedger(settings.paper.start_quote),
        archive=Recordings(held.path, settings.market_kind, held.days),
        notifier=InMemoryNotifier(is_heard=False),
        context=context,
        news=news,
    )


def check_bars(path: Path, symbol: Symbol, timeframe: Timeframe) -> None:
    """As replay reads them. Raises InvalidCandle by file and row."""
    from ..adapters import candle_files

    candle_files.read(path, symbol, timeframe, path.name)


def venues(settings: Settings, clock: Clock) -> "dict[str, CcxtMarket]":
    """Each that may be asked, by itself, in the order asked. Raises InvalidSetting, with the right spelling where only
    capitals are wrong."""
    from ..adapters.ccxt import is_known

    fallbacks = (("collect.fallbacks", name) for name in settings.collect.fallbacks)
    for key, name in (("exchange", settings.exchange), *fallbacks):
        if name != name.lower() and is_known(name.lower()):
            raise InvalidSetting(f"{key} must be a venue in lower case, like {name.lower()}, was {name!r}")
    return dict(ranked(settings, clock.now))


def gathered(settings: Settings, *, with_pages: bool = True) -> tuple[tuple[ContextFeed, ...], tuple[NewsFeed, ...]]:
    """Who is asked about the whole market, and whose news are read, with the keys of this machine. Without pages a
    publisher is asked for its feed alone."""
    context = context_feed(settings, environment_secret("COINGECKO_API_KEY"))
    return context, news_feed(settings, environment_secret("CRYPTOCOMPARE_API_KEY"), with_pages=with_pages)
