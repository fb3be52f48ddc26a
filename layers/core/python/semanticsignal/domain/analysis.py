"""What the market looked like at one instant, in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from .market import Symbol, Timeframe


class Trend(StrEnum):
    BULL = "bull"
    BEAR = "bear"
    NEUTRAL = "neutral"


class Phase(StrEnum):
    TRENDING = "trending"
    RANGING = "ranging"
    VOLATILE = "volatile"


@dataclass(frozen=True, slots=True)
class Regime:
    """State of the market, with the numbers that say so."""

    trend: Trend
    phase: Phase
    evidence: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.trend} {self.phase}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A named shape. `confidence_ratio` 0…1; `bars`: how many closed bars ago each defining bar was, newest 0."""

    name: str
    confidence_ratio: float
    bars: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Level:
    """A price that mattered: `kind` support or resistance, `touches` times, newest touch `bars_ago`."""

    kind: str
    price: float
    touches: int
    bars_ago: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything known at `seen_at`; what the model is shown and the key of replay.

    `indicators`: name → value at the last closed bar, None until there are enough bars.
    `earlier`: the same, one bar before. `closes`: the newest closes, oldest first, quote.
    `completeness_ratio`: share of what should have been there that was."""

    id: str
    symbol: Symbol
    timeframe: Timeframe
    closed_at: datetime
    seen_at: datetime
    price: Decimal
    source: str
    is_simulated: bool
    indicators: Mapping[str, float | None]
    earlier: Mapping[str, float | None]
    regime: Regime
    patterns: tuple[Pattern, ...]
    levels: tuple[Level, ...]
    closes: tuple[Decimal, ...]
    bars: int
    gaps: int
    completeness_ratio: float
