"""What was lived and what it taught."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .market import Symbol
from .trading import ExitReason, Side


@dataclass(frozen=True, slots=True)
class Conditions:
    """The ten things memory compares, described by one function for "then" and "now". None: not known.

    `labels`: words for people and rules. `numbers`: what similarity is measured on."""

    labels: Mapping[str, str]
    numbers: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Experience:
    """One thing lived: what was known at entry, and what came of it at `closed_at`.

    Nothing here was known before `closed_at`, so nobody may recall it earlier."""

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


@dataclass(frozen=True, slots=True)
class Recalled:
    """An experience brought back: `score = 0.7·similarity + 0.3·recency` with the default weights."""

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


class RuleKind(StrEnum):
    FAVOR = "favor"
    AVOID = "avoid"


class RuleStatus(StrEnum):
    ACTIVE = "active"
    PROBATION = "probation"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class SemanticRule:
    """What many lessons agree on. `pattern` is what the trades share; `wins` and `losses` are the evidence.

    Each reflection writes a new edition (`id` = pattern and count); the newest edition of a pattern stands."""

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
