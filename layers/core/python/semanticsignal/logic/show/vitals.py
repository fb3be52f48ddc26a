"""How the machine itself fares: what is late, what failed, who is left alone, how full the disk is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .surroundings import GapView


@dataclass(frozen=True, slots=True)
class PairVitalsView:
    """The last decision on a pair and the candle it was made on; None before the first."""

    symbol: str
    decision_id: str | None
    closed_at: datetime | None
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class DayVitalsView:
    """Of a UTC day of the market's clock. `unanswered`: decisions for which no model gave a readable answer; `missed`:
    candles that were told too late to decide on; `expired`: orders for which no price came."""

    day: str
    decisions: int
    unanswered: int
    missed: int
    expired: int


@dataclass(frozen=True, slots=True)
class CircuitView:
    """`is_open`: it is left alone `until` then, for that reason. `score_ratio`: near 1 when it lately answered."""

    of: Literal["venue", "model"]
    name: str
    is_open: bool
    until: datetime | None
    score_ratio: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class MemoryVitalsView:
    """`kept_by`: who finds what is alike. `is_whole`: it has taken in all of the ledger."""

    kept_by: str
    is_whole: bool | None
    experiences: int | None


@dataclass(frozen=True, slots=True)
class WatchdogView:
    """Since the start: stages that did not come back in their time and were told to end; how often the event loop stood
    still, for seconds in which nothing else was done, and how long at the most. `last`: the newest of either, and where
    it stood."""

    overran: int
    blocked: int
    longest_blocked_s: float | None
    last: str | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class VitalsView:
    """What is None is not known here, and `unknown` says why, by the name of the field. `started_at`, `uptime_s`: real
    time; `now`, `last_minute_at`: the market's clock. `problems`: what goes wrong now. `days`: the newest first."""

    now: datetime
    version: str
    speed: float
    started_at: datetime | None
    uptime_s: float | None
    last_minute_at: datetime | None
    pairs: tuple[PairVitalsView, ...]
    days: tuple[DayVitalsView, ...]
    problems: tuple[GapView, ...]
    circuits: tuple[CircuitView, ...] | None
    watchdog: WatchdogView | None
    dead_letters: int | None
    deliveries: int | None
    memory: MemoryVitalsView
    ledger_entries: int | None
    ledger_bytes: int | None
    disk_free_bytes: int | None
    unknown: tuple[GapView, ...]


def days(counts: Iterable[tuple[tuple[str, str], int]], most: int) -> tuple[DayVitalsView, ...]:
    """(day, what) → how often, as rows; the newest `most` of them."""
    table: dict[str, dict[str, int]] = {}
    for (day, what), count in counts:
        table.setdefault(day, {})[what] = count
    rows = (
        DayVitalsView(day, *(row.get(what, 0) for what in ("decisions", "unanswered", "missed", "expired")))
        for day, row in table.items()
    )
    return tuple(sorted(rows, key=lambda one: one.day, reverse=True)[:most])
