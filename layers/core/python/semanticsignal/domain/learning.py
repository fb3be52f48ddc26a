"""What was lived and what it taught."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from .asking import Attempt
from .market import Symbol, Timeframe
from .trading import ExitReason, Side


@dataclass(frozen=True, slots=True)
class Conditions:
    """The ten things memory compares, described by one function for "then" and "now". None: not known.

    `labels`: words for people and rules. `numbers`: what similarity is measured on."""

    labels: Mapping[str, str]
    numbers: Mapping[str, float | None]

    def alignment(self, side: Side) -> str | None:
        """aligned, mixed or divergent: the side of a trade against the trends of all timeframes; None: not known."""
        word = self.labels.get("alignment")
        if word in (None, "mixed"):
            return word
        return "aligned" if (word == "bull") == (side is Side.LONG) else "divergent"


@dataclass(frozen=True, slots=True)
class Change:
    """Levels moved while a position was open. Prices: quote per base."""

    at: datetime
    price: Decimal
    stop_from: Decimal
    stop_to: Decimal
    target_from: Decimal | None
    target_to: Decimal | None


@dataclass(frozen=True, slots=True)
class Experience:
    """One thing lived: what was known at entry, and what came of it at `closed_at`.

    Nothing here was known before `closed_at`, so nobody may recall it earlier. Of the entry: `confidence_ratio`, what
    the guards went by, and `stated_ratio`, what the decider said, where that was lowered; `stop_ratio` and
    `target_ratio`, distances from the price it was decided at; `reward_risk` of these; `size_ratio`, notional as a
    share of equity; `factors`, 0…100 as the decider gave them; `model` and `prompt_version`, who decided. `changes`: of
    the levels since."""

    id: str
    trade_id: str
    symbol: Symbol
    side: Side
    opened_at: datetime
    closed_at: datetime
    conditions: Conditions
    regime: str
    confidence_ratio: float
    insight: str
    return_ratio: float
    r_multiple: float | None
    is_win: bool
    exit_reason: ExitReason
    mae_ratio: float
    mfe_ratio: float
    timeframe: Timeframe | None = None
    decision_id: str | None = None
    stop_ratio: float | None = None
    target_ratio: float | None = None
    reward_risk: float | None = None
    size_ratio: float | None = None
    factors: Mapping[str, float] = field(default_factory=dict)
    model: str | None = None
    prompt_version: str | None = None
    changes: tuple[Change, ...] = ()
    is_simulated: bool = False
    stated_ratio: float | None = None

    @property
    def stated(self) -> float:
        """The confidence that the decider stated, whatever became of it."""
        return self.confidence_ratio if self.stated_ratio is None else self.stated_ratio


@dataclass(frozen=True, slots=True)
class Which:
    """Which of all experiences are meant: those that are all of what is given here. `since`: closed then or later."""

    symbol: Symbol | None = None
    side: Side | None = None
    regime: str | None = None
    since: datetime | None = None

    def is_met(self, one: "Experience | Hindsight") -> bool:
        return (
            self.symbol in (None, one.symbol)
            and self.side in (None, one.side)
            and self.regime in (None, one.regime)
            and (self.since is None or one.closed_at >= self.since)
        )


ANY = Which()


@dataclass(frozen=True, slots=True)
class RefusedEntry:
    """An entry that was wanted and refused, with all that is needed to see what it would have come to."""

    id: str
    symbol: Symbol
    timeframe: Timeframe
    side: Side
    refused_at: datetime
    price: Decimal
    stop_price: Decimal
    target_price: Decimal
    confidence_ratio: float
    guards: tuple[str, ...]
    conditions: Conditions
    regime: str


class End(StrEnum):
    STOP = "stop"
    TARGET = "target"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Hindsight:
    """What a refused entry would have come to, bought or sold at the price it was decided at, fees paid on both sides.

    `end`: time when neither level traded within `bars`; the close then counts. Nothing of it was known before
    `closed_at`."""

    refused: RefusedEntry
    closed_at: datetime
    end: End
    bars: int
    return_ratio: float
    r_multiple: float

    @staticmethod
    def id_of(refused_id: str) -> str:
        """One a refused entry."""
        return f"{refused_id}#hindsight"

    @property
    def id(self) -> str:
        return self.id_of(self.refused.id)

    @property
    def symbol(self) -> Symbol:
        return self.refused.symbol

    @property
    def side(self) -> Side:
        return self.refused.side

    @property
    def regime(self) -> str:
        return self.refused.regime

    @property
    def conditions(self) -> Conditions:
        return self.refused.conditions

    @property
    def is_win(self) -> bool:
        return self.return_ratio > 0


@dataclass(frozen=True, slots=True)
class Recalled:
    """An experience brought back: `score` is made of its similarity among those that were found, and of its recency."""

    experience: Experience
    similarity_ratio: float
    recency_ratio: float
    score: float


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one trade taught, in a sentence made by code from its facts."""

    id: str
    trade_id: str
    symbol: Symbol
    learned_at: datetime
    verdict: str
    text: str


@dataclass(frozen=True, slots=True)
class PostMortem:
    """A closed trade looked at again by whoever `by` names: untrusted words, unless the rules analyst wrote them.

    `expected`: at entry; `actual`: what came instead; `lesson`: for the next time. `why`: the rules analyst wrote it in
    the place of a model that was asked; empty where nobody stands in. `attempts`: every question to a model."""

    id: str
    trade_id: str
    symbol: Symbol
    written_at: datetime
    verdict: str
    expected: str
    actual: str
    lesson: str
    by: str
    why: str = ""
    attempts: tuple[Attempt, ...] = ()

    @staticmethod
    def id_of(trade_id: str) -> str:
        """One a trade."""
        return f"{trade_id}#post-mortem"


@dataclass(frozen=True, slots=True)
class Tally:
    """Of some closed trades: how many, how many won, the sum of their returns and of the squares of those."""

    trades: int = 0
    wins: int = 0
    returns: float = 0.0
    squares: float = 0.0

    @property
    def losses(self) -> int:
        return self.trades - self.wins

    @property
    def win_ratio(self) -> float | None:
        return self.wins / self.trades if self.trades else None

    @property
    def mean_return_ratio(self) -> float | None:
        return self.returns / self.trades if self.trades else None

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.trades + other.trades,
            self.wins + other.wins,
            self.returns + other.returns,
            self.squares + other.squares,
        )

    def __sub__(self, other: "Tally") -> "Tally":
        return Tally(
            self.trades - other.trades,
            self.wins - other.wins,
            self.returns - other.returns,
            self.squares - other.squares,
        )


@dataclass(frozen=True, slots=True)
class Statistics:
    """Every trade that the ledger learned from up to its place `through`, the last of them closed at `until`: all of
    them, and by what they had in common (`trait → Tally`, traits as `logic.reflect.traits` names them)."""

    through: int = 0
    until: datetime | None = None
    whole: Tally = field(default_factory=Tally)
    by_trait: Mapping[str, Tally] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number that experience may move away from its default: `value` now, of so many `trades`; `low` and `high` bound
    what it was learned from, at 90 %. None: nothing learned yet."""

    name: str
    value: float
    default: float
    trades: int = 0
    low: float | None = None
    high: float | None = None


class RuleKind(StrEnum):
    FAVOR = "favor"
    AVOID = "avoid"


class RuleStatus(StrEnum):
    """Found in the past; held against what came since; doubted again; given up."""

    CANDIDATE = "candidate"
    ACTIVE = "active"
    PROBATION = "probation"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class SemanticRule:
    """What many lessons agree on. `pattern` is what the trades share; `wins` and `losses` are all the evidence.

    `found`: the trades it was found in; `tested`: those since then that share it; `others`: those since then that do
    not, which it is held against. `e_value`: how much likelier the tested are if it is true than if it is not (expected
    value 1 where it is not, whenever one looks). What changes it writes a new edition (`id` = pattern and count of all
    trades); the newest edition of a pattern stands. `trade_ids`: the newest that share it, from when it was found.
    `doubt`: how much likelier the newest tested are if its edge is gone than if it is there."""

    id: str
    pattern: str
    kind: RuleKind
    status: RuleStatus
    text: str
    wins: int
    losses: int
    mean_return_ratio: float
    formed_at: datetime
    trade_ids: tuple[str, ...]
    traits: Mapping[str, str] = field(default_factory=dict)
    found: Tally = field(default_factory=Tally)
    tested: Tally = field(default_factory=Tally)
    others: Tally = field(default_factory=Tally)
    e_value: float = 1.0
    doubt: float = 1.0


@dataclass(frozen=True, slots=True)
class Reflection:
    """What all trades closed up to `at` say together, and where every rule stands. The next one goes on from it."""

    id: str
    at: datetime
    statistics: Statistics
    thresholds: tuple[Threshold, ...]
    rules: tuple[SemanticRule, ...]


class PassageKind(StrEnum):
    INSIGHT = "insight"
    RULE = "rule"
    POST_MORTEM = "post-mortem"


@dataclass(frozen=True, slots=True)
class Passage:
    """Words that are found by what they mean; known since `at`. `id`: of the noun that they are from. A later passage
    `about` the same takes the place of an earlier one."""

    id: str
    about: str
    kind: PassageKind
    at: datetime
    text: str
