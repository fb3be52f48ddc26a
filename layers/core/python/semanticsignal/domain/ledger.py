"""One line of the ledger: a fact, and the noun it tells of."""

from dataclasses import dataclass
from enum import StrEnum

from .decision import Decision, Refusal
from .events import (
    CandleMissed,
    DecisionMade,
    EntryRefused,
    EquityMarked,
    LessonLearned,
    OrderExpired,
    OrderPlaced,
    PositionClosed,
    PositionOpened,
    PositionUpdated,
    PostMortemWritten,
    Reflected,
    RefusalJudged,
    RuleFormed,
)
from .learning import Experience, Hindsight, Lesson, PostMortem, Reflection, RefusedEntry, SemanticRule
from .trading import EquityPoint, Fill, Order, Position, Trade


@dataclass(frozen=True, slots=True)
class Expiry:
    """An order that did not fill, and why."""

    order: Order
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Opening:
    """A position and the fill that made it."""

    position: Position
    fill: Fill


@dataclass(frozen=True, slots=True)
class Amendment:
    """A position with its levels moved by a decision."""

    position: Position
    decision_id: str


@dataclass(frozen=True, slots=True)
class Closing:
    """A trade and the fill that ended it."""

    trade: Trade
    fill: Fill


@dataclass(frozen=True, slots=True)
class Learned:
    """What one trade left: the experience for memory, the lesson for people."""

    experience: Experience
    lesson: Lesson


# What memory takes in, and the kinds of entry that hold it.
Memorable = Experience | Hindsight | PostMortem | SemanticRule
MEMORABLE = ("LessonLearned", "RuleFormed", "RefusalJudged", "PostMortemWritten")

LedgerFact = (
    CandleMissed | DecisionMade | OrderPlaced | OrderExpired | PositionOpened | PositionUpdated | PositionClosed
    | EquityMarked | LessonLearned | RuleFormed | Reflected | PostMortemWritten | EntryRefused | RefusalJudged
)  # fmt: skip
Subject = (
    Refusal | Decision | Order | Expiry | Opening | Amendment | Closing | EquityPoint | Learned | SemanticRule
    | Reflection | PostMortem | RefusedEntry | Hindsight
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """`seq` is its place, counted from 1, given by the ledger when the entry is written."""

    fact: LedgerFact
    subject: Subject
    seq: int = 0

    @property
    def id(self) -> str:
        """One entry per fact, for ever: writing it again changes nothing."""
        return f"{type(self.fact).__name__}:{self.fact.id}"

    @property
    def kind(self) -> str:
        return type(self.fact).__name__

    @property
    def memorable(self) -> Memorable | None:
        match self.subject:
            case Learned(experience=lived):
                return lived
            case Hindsight() | PostMortem() | SemanticRule() as one:
                return one
        return None


class What(StrEnum):
    """What of a ledger is read as a table."""

    TRADES = "trades"
    DECISIONS = "decisions"
    EQUITY = "equity"
    EXPERIENCES = "experiences"
    REFUSALS = "refusals"
    EVENTS = "events"
