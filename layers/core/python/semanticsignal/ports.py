"""Sockets: what a step may ask of the world.

What can grow is read up to `until`, so that a replay cannot see the future; what is named by id, the portfolio and a
venue's rules are read as they stand. Every write is first-write-wins."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from .domain.collected import Part
from .domain.context import Reading
from .domain.decision import Prompt, Reply
from .domain.events import Fact
from .domain.learning import ANY, Conditions, Experience, Hindsight, PostMortem, SemanticRule, Which
from .domain.ledger import Entry
from .domain.market import Candles, FundingRate, Symbol, Timeframe, TradingRules
from .domain.messages import Message, Post, Posted, Waiting
from .domain.microstructure import FundingQuote, OpenInterest, OrderBook, PublicTrades, Quote
from .domain.news import Article
from .domain.policy import Settings
from .domain.trading import Portfolio

T = TypeVar("T")

Sources = Collection[str]


NOBODY: frozenset[str] = frozenset()


class MarketData(Protocol):
    """A venue, or several of which one answers. Raises MarketUnavailable when none answers, InvalidSymbol for a pair
    that none lists.

    `besides`: the sources that shall not answer, for a second opinion: InvalidSymbol when no other has the pair."""

    @property
    def is_simulated(self) -> bool: ...

    @property
    def sources(self) -> tuple[str, ...]:
        """Who may answer, as nouns name their source; the first is asked first. One: there is no second opinion."""
        ...

    @property
    def offers(self) -> frozenset[Part]:
        """What a venue can be asked for at all, beside the bars: neither context nor news. It may shrink as a venue
        turns out not to tell something."""
        ...

    async def candles(
        self, symbol: Symbol, timeframe: Timeframe, *, until: datetime, limit: int, besides: Sources = NOBODY
    ) -> Candles:
        """The bars of the last `limit` grid slots closed at or before `until`, oldest first, all of one source; a hole
        is a hole."""
        ...

    async def fine_candles(
        self, symbol: Symbol, *, since: datetime, until: datetime, besides: Sources = NOBODY
    ) -> Candles:
        """The finest bars there are, opened at or after `since` and closed at or before `until`, oldest first, all of
        one source."""
        ...

    async def first_open(
        self, symbol: Symbol, *, since: datetime, until: datetime, besides: Sources = NOBODY
    ) -> Quote | None:
        """The first bar opening in [since, until]: when, and at what price. An opening price is known as it opens."""
        ...

    async def last_price(self, symbol: Symbol, *, until: datetime, besides: Sources = NOBODY) -> Quote | None:
        """The newest price known at `until`; None before the first. For showing and comparing: no money moves on it."""
        ...

    async def funding(self, symbol: Symbol, *, since: datetime, until: datetime) -> tuple[FundingRate, ...]:
        """Settlements in (since, until], oldest first; empty for spot. Always the first source's: whoever holds its
        perpetual pays what it settles."""
        ...

    async def rules(self, symbol: Symbol) -> TradingRules: ...

    async def book(self, symbol: Symbol, *, until: datetime) -> OrderBook:
        """The 50 best rungs of each side as they stand at `until`, which is now."""
        ...

    async def trades(self, symbol: Symbol, *, until: datetime) -> PublicTrades:
        """The newest 500 up to `until`, which is now."""
        ...

    async def funding_quote(self, symbol: Symbol, *, until: datetime) -> FundingQuote:
        """Of the perpetual of the pair's base, in the pair's quote where there is one, else in a dollar."""
        ...

    async def open_interest(self, symbol: Symbol, *, until: datetime) -> OpenInterest:
        """Of the same perpetual."""
        ...


class Web(Protocol):
    """HTTP for plugs that read what is public; bounded in time, size and redirects. Raises Unavailable."""

    async def get(self, url: str, headers: Mapping[str, str] = ...) -> bytes: ...

    async def read(self, kind: type[T], url: str, headers: Mapping[str, str] = ...) -> T:
        """The JSON there, as `kind`; an answer that is no such thing is no answer."""
        ...


class ContextFeed(Protocol):
    """One source of figures on the whole market. Raises Unavailable."""

    @property
    def name(self) -> str: ...

    async def readings(self, *, until: datetime) -> tuple[Reading, ...]:
        """True at or before `until`, which is now: a living source tells nothing of how it was."""
        ...


class NewsFeed(Protocol):
    """One source of news. Raises Unavailable. Every word of it is untrusted."""

    @property
    def name(self) -> str: ...

    async def articles(self, *, until: datetime, limit: int) -> tuple[Article, ...]:
        """The newest published at or before `until`, which is now."""
        ...


class LanguageModel(Protocol):
    """Raises ModelUnavailable. Whatever text comes back is untrusted."""

    async def complete(self, prompt: Prompt) -> Reply: ...

    async def close(self) -> None:
        """Connections, and whatever else is held."""
        ...


class Purse(Protocol):
    """What models may cost, shared by every process of a deployment. Raises LedgerUnavailable."""

    async def reserve(self, id: str, usd: Decimal, limits: Mapping[str, Decimal]) -> bool:
        """Sets `usd` aside in every account of `limits` (account → the most that may ever be in it), in all of them or
        in none: False when one of them would hold more. Under one id once: True again, and nothing more set aside."""
        ...

    async def settle(self, id: str, usd: Decimal) -> None:
        """What it came to takes the place of what was set aside. Once; whoever never settles has spent it all."""
        ...

    async def spent(self, account: str) -> Decimal:
        """What was settled and what is set aside."""
        ...


class MemoryStore(Protocol):
    """An index that can be rebuilt from the ledger. Raises MemoryUnavailable."""

    async def remember(self, one: Experience | Hindsight | PostMortem) -> None: ...

    async def similar(
        self, conditions: Conditions, *, until: datetime, limit: int, which: Which = ANY
    ) -> tuple[tuple[Experience, float], ...]:
        """Experiences closed at or before `until` with their similarity, most similar first, ties by id: the cosine of
        `logic.decide.recall.vector`, moved to 0…1."""
        ...

    async def refused(
        self, conditions: Conditions, *, until: datetime, limit: int, which: Which = ANY
    ) -> tuple[tuple[Hindsight, float], ...]:
        """Refused entries of which it was known at `until` what they would have come to; otherwise as `similar`."""
        ...

    async def count(self, *, until: datetime, which: Which = ANY) -> int:
        """Experiences closed at or before `until`."""
        ...

    async def learn(self, rule: SemanticRule) -> None: ...

    async def rules(self, *, until: datetime) -> tuple[SemanticRule, ...]:
        """The newest edition of each pattern formed at or before `until`, by pattern: the one of the most trades, then
        the one formed last."""
        ...


class Ledger(Protocol):
    """The truth. One transaction an entry, durable when the call returns; a read sees every write before it.

    `seq` rises by one with each entry, in the order of the commits: who has read up to n finds no smaller one later."""

    async def portfolio(self) -> Portfolio: ...

    async def record(self, entry: Entry) -> Entry:
        """Writes an entry that moves no money; returns the one that stands under its id. Never conflicts."""
        ...

    async def settle(self, entry: Entry, before: Portfolio, after: Portfolio) -> Entry:
        """Writes the entry and the new portfolio together. An entry that already stands changes nothing.
        Raises LedgerConflict when the portfolio is no longer `before`."""
        ...

    async def entry(self, id: str) -> Entry | None: ...

    async def entries(
        self,
        *,
        kinds: Iterable[str] = (),
        symbol: Symbol | None = None,
        after: int = 0,
        before: int | None = None,
        until: datetime | None = None,
        limit: int = 1000,
        newest_first: bool = False,
    ) -> tuple[Entry, ...]:
        """By `seq`, strictly between `after` and `before`; `until` bounds the facts' own time."""
        ...


class Outbox(Protocol):
    """Kept by ledgers that live beside the loop: which entries still have to be told after a crash."""

    async def untold(self) -> tuple[Entry, ...]: ...

    async def told(self, seq: int) -> None: ...

    async def last_seq(self) -> int: ...


class Archive(Protocol):
    """What was seen, asked and answered, by key."""

    async def put(self, key: str, item: Any) -> Any:
        """First write wins: returns what stands."""
        ...

    async def get(self, key: str, kind: type) -> Any:
        """None when nothing is kept under that key."""
        ...


class Notifier(Protocol):
    async def is_heard(self) -> bool:
        """Whether anybody listens: nothing is prepared for nobody."""
        ...

    async def tell(self, view: Any) -> None: ...


class Messenger(Protocol):
    """One way to tell people. Never waits for them."""

    @property
    def is_rich(self) -> bool:
        """Whether it shows more of a message than its line."""
        ...

    async def take(self, message: Message) -> None:
        """Once under its id: what was taken before is not taken again. Raises Unavailable when it cannot be kept."""
        ...


class Mail(Protocol):
    """Posts that wait to be sent, and those that were until they are taken back. Durable when a call returns. Raises
    Unavailable."""

    async def put(self, posts: Iterable[Post], *, at: datetime) -> int:
        """First write wins by id, for ever; of too many that wait the oldest are dropped, urgent ones last: returns how
        many."""
        ...

    @property
    def unreadable(self) -> int:
        """How many it gave up, since it was opened, because they cannot be read."""
        ...

    async def waiting(self) -> tuple[Waiting, ...]:
        """Of each topic the one that has waited longest; the oldest of them first. One that cannot be read is given up,
        logged with its id, and the next one stands for it."""
        ...

    async def begun(self, id: str, *, at: datetime) -> None:
        """It is being sent: until the next word of it nobody knows whether it was."""
        ...

    async def back(self, id: str, *, tries: int) -> None:
        """It was not taken, `tries` times by a fault of its own: it waits again where it stood, and is not begun."""
        ...

    async def sent(self, id: str, name: str, *, until: datetime | None) -> None:
        """It is called `name` there, and is to be taken back then; None: never."""
        ...

    async def dropped(self, id: str) -> None: ...

    async def expired(self, *, at: datetime, limit: int) -> tuple[Posted, ...]:
        """To be taken back by then, the oldest first."""
        ...

    async def gone(self, id: str) -> None:
        """It was taken back, or somebody else did."""
        ...

    def close(self) -> None: ...


class Courier(Protocol):
    """Carries a post to where people read it. Never waits for its turn: raises Postponed with how long to leave it
    alone, NobodyHome when there is no use in asking again, InvalidPost for what will never be taken, Unanswered where
    nobody knows whether it was, Unavailable where it was not."""

    @property
    def remembers_s(self) -> float:
        """For so long a post that is sent again is shown once."""
        ...

    async def post(self, post: Post, payload: Mapping[str, Any], picture: bytes | None) -> str | None:
        """Returns what it is called there; None: it was taken, and nobody heard under what name."""
        ...

    async def look(self) -> None:
        """Asks for what changes nothing, to see whether anybody answers there."""
        ...

    async def take_back(self, name: str) -> None:
        """One that is not there any more is taken back."""
        ...


class Audience(Protocol):
    """Who listens over a socket that this process does not hold, and who may begin to."""

    async def admit(self, who: str, *, until: datetime) -> str:
        """A ticket that lets somebody in once."""
        ...

    async def redeem(self, ticket: str, *, at: datetime) -> str | None:
        """Whom the ticket was given to; None for one that is unknown, used or too old."""
        ...

    async def first(self, what: str, *, until: datetime) -> bool:
        """Whether nobody has asked for it yet."""
        ...

    async def forget(self, what: str) -> None:
        """It may be asked for again."""
        ...

    async def join(self, connection: str, *, who: str, until: datetime) -> None: ...

    async def leave(self, connection: str) -> None: ...

    async def listeners(self, *, at: datetime) -> tuple[str, ...]:
        """A handful for each person, the newest: nobody takes the line for all."""
        ...


class Clock(Protocol):
    @property
    def speed(self) -> float:
        """Seconds that pass on it in one of a person's."""
        ...

    @property
    def is_unsure(self) -> bool:
        """Nobody who can be believed has confirmed it: nothing is opened by it, and no equity marked."""
        ...

    def now(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None:
        """Until so much later by this clock."""
        ...


@dataclass(frozen=True)
class Sockets:
    """All a step is given. Without a `context` or `news` feed nobody is asked, and nothing is told; without
    `messengers` no message is made.

    `leaving`: pairs that are no longer asked for; nothing is decided on them but on what is open.

    `looked`: until when this process walked each position on its own venue's bars. Nothing hangs on it but that a
    venue which stands in for a silent one does not judge those bars anew."""

    settings: Settings
    clock: Clock
    market: MarketData
    model: LanguageModel
    memory: MemoryStore
    ledger: Ledger
    archive: Archive
    notifier: Notifier
    context: tuple[ContextFeed, ...] = ()
    news: tuple[NewsFeed, ...] = ()
    messengers: tuple[Messenger, ...] = ()
    leaving: frozenset[Symbol] = frozenset()
    looked: dict[str, datetime] = field(default_factory=dict)


Facts = tuple[Fact, ...]
