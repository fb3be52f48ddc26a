"""What the whole market feels and holds, beyond one pair: each figure with the instant it was true, and its end."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from .errors import InvalidReading


class Unit(StrEnum):
    """`points`: of 100. `ratio`: 1 is the whole."""

    USD = "usd"
    RATIO = "ratio"
    POINTS = "points"


# What is known of the whole market, by name; whatever calls itself otherwise is shown to no model.
FIGURES = frozenset({
    "fear_greed", "market_cap", "market_cap_change_24h", "volume_24h", "btc_dominance", "eth_dominance", "tvl",
    "stablecoins", "dex_volume_24h", "fees_24h",
})  # fmt: skip
LONGEST = 60


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure of one source.

    `true_at`: as the source dates it; a figure without a date is true as it is asked for. From `stale_at` on it counts
    as absent. Raises InvalidReading for a name or source that is no short line, or a value that is no figure."""

    name: str
    value: Decimal
    unit: Unit
    true_at: datetime
    stale_at: datetime
    source: str

    def __post_init__(self) -> None:
        if not all(word.isprintable() and len(word) <= LONGEST for word in (self.name, self.source)):
            raise InvalidReading(f"name and source are short lines, was {self.name!r:.80} of {self.source!r:.80}")
        if not (self.value.is_finite() and abs(self.value) < 10**18):
            raise InvalidReading(f"{self.name} of {self.source}: no figure, was {self.value!s:.80}")


@dataclass(frozen=True, slots=True)
class MarketContext:
    """All that was known at `gathered_at`, archived whole. Several readings of one name are its history.
    `silent`: the sources that told nothing, and why."""

    id: str
    gathered_at: datetime
    readings: tuple[Reading, ...]
    silent: Mapping[str, str]

    def history(self, name: str, at: datetime) -> tuple[Reading, ...]:
        """What that figure was up to `at`, oldest first; empty when the newest of them is stale."""
        return known((reading for reading in self.readings if reading.name == name), at)

    def reading(self, name: str, at: datetime) -> Reading | None:
        """The newest; None when nobody told it, or too long ago: never a neutral value."""
        history = self.history(name, at)
        return history[-1] if history else None


def known(readings: Iterable[Reading], at: datetime) -> tuple[Reading, ...]:
    """What was true by `at`, by name and oldest first, without the names of which even the newest is stale."""
    true = sorted((r for r in readings if r.true_at <= at), key=lambda r: (r.name, r.true_at, r.value, r.source))
    newest = {reading.name: reading for reading in true}
    return tuple(reading for reading in true if at < newest[reading.name].stale_at)
