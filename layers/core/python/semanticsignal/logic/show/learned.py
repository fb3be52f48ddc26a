"""What was made of closed trades and refused entries, as panels show it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from ...domain.learning import End, Hindsight, Passage, PassageKind, PostMortem, Reflection, RefusedEntry, Threshold
from ...domain.ledger import Entry
from ...domain.trading import Side


@dataclass(frozen=True, slots=True)
class ThresholdView:
    """`low`, `high`: 90 % interval of what it was learned from; None: nothing learned yet."""

    name: str
    value: float
    default: float
    trades: int
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class ReflectedView:
    kind: Literal["Reflected"]
    id: str
    seq: int
    at: datetime
    trades: int
    thresholds: tuple[ThresholdView, ...]


@dataclass(frozen=True, slots=True)
class PostMortemView:
    """Words about a closed trade by whoever `by` names: untrusted."""

    id: str
    trade_id: str
    symbol: str
    written_at: datetime
    verdict: str
    expected: str
    actual: str
    lesson: str
    by: str


@dataclass(frozen=True, slots=True)
class PostMortemWrittenView:
    kind: Literal["PostMortemWritten"]
    id: str
    seq: int
    at: datetime
    post_mortem: PostMortemView


@dataclass(frozen=True, slots=True)
class HindsightView:
    """An entry that was refused; what it would have come to stands there once it is known. Returns net of fees."""

    id: str
    symbol: str
    side: Side
    refused_at: datetime
    price: Decimal
    stop_price: Decimal
    target_price: Decimal
    confidence_ratio: float
    guards: tuple[str, ...]
    closed_at: datetime | None
    end: End | None
    return_ratio: float | None
    r_multiple: float | None


@dataclass(frozen=True, slots=True)
class EntryRefusedView:
    kind: Literal["EntryRefused"]
    id: str
    seq: int
    at: datetime
    refused: HindsightView


@dataclass(frozen=True, slots=True)
class RefusalJudgedView:
    kind: Literal["RefusalJudged"]
    id: str
    seq: int
    at: datetime
    refused: HindsightView


@dataclass(frozen=True, slots=True)
class FoundView:
    """A passage that was searched for; `similarity`: cosine of what it means, 1 the same. Its words are untrusted."""

    id: str
    kind: PassageKind
    at: datetime
    text: str
    similarity: float


@dataclass(frozen=True, slots=True)
class FoundViews:
    found: tuple[FoundView, ...]


@dataclass(frozen=True, slots=True)
class HindsightViews:
    refusals: tuple[HindsightView, ...]


@dataclass(frozen=True, slots=True)
class PostMortemViews:
    post_mortems: tuple[PostMortemView, ...]


@dataclass(frozen=True, slots=True)
class TallyView:
    trait: str
    trades: int
    wins: int
    mean_return_ratio: float | None


@dataclass(frozen=True, slots=True)
class ReflectionView:
    """`at`: None before the first reflection. `traits`: of all closed trades then, the most frequent first."""

    at: datetime | None
    trades: int
    wins: int
    mean_return_ratio: float | None
    thresholds: tuple[ThresholdView, ...]
    traits: tuple[TallyView, ...]


def reflection(noun: Reflection | None) -> ReflectionView:
    if noun is None:
        return ReflectionView(None, 0, 0, None, (), ())
    whole = noun.statistics.whole
    rows = (TallyView(name, t.trades, t.wins, t.mean_return_ratio) for name, t in noun.statistics.by_trait.items())
    return ReflectionView(
        at=noun.at,
        trades=whole.trades,
        wins=whole.wins,
        mean_return_ratio=whole.mean_return_ratio,
        thresholds=tuple(map(threshold, noun.thresholds)),
        traits=tuple(sorted(rows, key=lambda one: (-one.trades, one.trait))),
    )


def found(noun: Passage, similarity: float) -> FoundView:
    return FoundView(noun.id, noun.kind, noun.at, noun.text, round(similarity, 4))


def threshold(noun: Threshold) -> ThresholdView:
    return ThresholdView(noun.name, noun.value, noun.default, noun.trades, noun.low, noun.high)


def post_mortem(noun: PostMortem) -> PostMortemView:
    return PostMortemView(
        id=noun.id,
        trade_id=noun.trade_id,
        symbol=str(noun.symbol),
        written_at=noun.written_at,
        verdict=noun.verdict,
        expected=noun.expected,
        actual=noun.actual,
        lesson=noun.lesson,
        by=noun.by,
    )


def hindsight(noun: RefusedEntry | Hindsight) -> HindsightView:
    """Under one id before and after it is known what came of it."""
    known, one = (noun, noun.refused) if isinstance(noun, Hindsight) else (None, noun)
    return HindsightView(
        id=one.id,
        symbol=str(one.symbol),
        side=one.side,
        refused_at=one.refused_at,
        price=one.price,
        stop_price=one.stop_price,
        target_price=one.target_price,
        confidence_ratio=one.confidence_ratio,
        guards=one.guards,
        closed_at=None if known is None else known.closed_at,
        end=None if known is None else known.end,
        return_ratio=None if known is None else known.return_ratio,
        r_multiple=None if known is None else known.r_multiple,
    )


def event(entry: Entry) -> ReflectedView | PostMortemWrittenView | EntryRefusedView | RefusalJudgedView:
    """A ledger entry as the socket and `/api/events` tell it. Raises TypeError for one of another room."""
    base = (entry.id, entry.seq, entry.fact.at)
    match entry.subject:
        case Reflection() as told:
            thresholds = tuple(map(threshold, told.thresholds))
            return ReflectedView("Reflected", *base, told.statistics.whole.trades, thresholds)
        case PostMortem() as told:
            return PostMortemWrittenView("PostMortemWritten", *base, post_mortem(told))
        case RefusedEntry() as told:
            return EntryRefusedView("EntryRefused", *base, hindsight(told))
        case Hindsight() as told:
            return RefusalJudgedView("RefusalJudged", *base, hindsight(told))
    raise TypeError(f"nothing that was learned, was {entry.kind}")
