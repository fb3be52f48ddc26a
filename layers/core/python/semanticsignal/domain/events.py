"""The facts of the bus, in the order in which a candle makes them. Past tense; ids, not payloads."""

from dataclasses import dataclass
from datetime import datetime

from .market import Symbol, Timeframe


@dataclass(frozen=True, slots=True)
class CandleClosed:
    symbol: Symbol
    timeframe: Timeframe
    closed_at: datetime
    schema: int = 1

    @property
    def id(self) -> str:
        return f"{self.symbol}#{self.timeframe}#{self.closed_at.isoformat()}"


@dataclass(frozen=True, slots=True)
class AnalysisRequested:
    """Somebody wants an analysis now, between candles."""

    symbol: Symbol
    timeframe: Timeframe
    requested_at: datetime
    schema: int = 1

    @property
    def id(self) -> str:
        return f"{self.symbol}#forced#{self.requested_at.isoformat()}"


@dataclass(frozen=True, slots=True)
class MinutePassed:
    """Time to look at resting stops and targets, and to mark equity."""

    at: datetime
    schema: int = 1

    @property
    def id(self) -> str:
        return f"minute#{self.at.isoformat()}"


@dataclass(frozen=True, slots=True)
class QuarterPassed:
    """Time to look at what the whole market feels: every 15 minutes."""

    at: datetime
    schema: int = 1

    @property
    def id(self) -> str:
        return f"quarter#{self.at.isoformat()}"


@dataclass(frozen=True, slots=True)
class HourPassed:
    """Time to read the news."""

    at: datetime
    schema: int = 1

    @property
    def id(self) -> str:
        return f"hour#{self.at.isoformat()}"


@dataclass(frozen=True, slots=True)
class MarketCollected:
    id: str
    symbol: Symbol
    timeframe: Timeframe
    closed_at: datetime
    is_forced: bool = False
    schema: int = 1


@dataclass(frozen=True, slots=True)
class MarketAnalysed:
    id: str
    symbol: Symbol
    timeframe: Timeframe
    closed_at: datetime
    is_forced: bool = False
    schema: int = 1


@dataclass(frozen=True, slots=True)
class OfPair:
    """What happened to one pair at one instant; `id` names it in the ledger."""

    id: str
    symbol: Symbol
    at: datetime
    schema: int = 1


@dataclass(frozen=True, slots=True)
class OfAll:
    """What happened at one instant, to no pair in particular."""

    id: str
    at: datetime
    schema: int = 1


class CandleMissed(OfPair):
    """A candle that was told too late to decide on."""

    __slots__ = ()

    @property
    def closed_at(self) -> datetime:
        """When the candle closed, by its name."""
        return datetime.fromisoformat(self.id.rpartition("#")[2])


class DecisionMade(OfPair):
    __slots__ = ()


class OrderPlaced(OfPair):
    """A market order waits for the first price after the decision."""

    __slots__ = ()


class OrderExpired(OfPair):
    """No price came, or none that the venue's rules allow: nothing was bought or sold."""

    __slots__ = ()


class PositionOpened(OfPair):
    __slots__ = ()


class PositionUpdated(OfPair):
    __slots__ = ()


class PositionClosed(OfPair):
    __slots__ = ()


class EquityMarked(OfAll):
    __slots__ = ()


class LessonLearned(OfPair):
    __slots__ = ()


class RuleFormed(OfAll):
    __slots__ = ()


class Reflected(OfAll):
    """What all closed trades say together was reckoned anew."""

    __slots__ = ()


class PostMortemWritten(OfPair):
    __slots__ = ()


class EntryRefused(OfPair):
    """An entry was wanted and refused: what comes of it will be looked at."""

    __slots__ = ()


class RefusalJudged(OfPair):
    """It is known what a refused entry would have come to."""

    __slots__ = ()


class NewsGathered(OfAll):
    __slots__ = ()


class ContextGathered(OfAll):
    __slots__ = ()


Fact = (
    CandleClosed | AnalysisRequested | MinutePassed | QuarterPassed | HourPassed | CandleMissed | MarketCollected
    | MarketAnalysed | DecisionMade | OrderPlaced | OrderExpired | PositionOpened | PositionUpdated | PositionClosed
    | EquityMarked | LessonLearned | RuleFormed | Reflected | PostMortemWritten | EntryRefused | RefusalJudged
    | NewsGathered | ContextGathered
)  # fmt: skip
