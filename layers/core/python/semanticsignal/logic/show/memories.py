"""Everything lived, as a table shows it: what is wanted of it, in which order, and how often it was recalled since."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import itemgetter
from typing import Any, Literal, NamedTuple

from ...domain.decision import Decision
from ...domain.ledger import Learned
from ...domain.trading import Side, Trade
from .views import ExperienceView, experience

Column = Literal[
    "date", "symbol", "side", "regime", "pnl", "r", "confidence", "outcome", "similarity", "age", "used", "win_rate"
]


@dataclass(frozen=True, slots=True)
class RecallView:
    """A decision that was shown an experience. `is_win`, `return_ratio`: of the trade that it opened; None where it
    opened none, or none that has closed."""

    decision_id: str
    symbol: str
    closed_at: datetime
    action: str
    wanted: str | None
    is_win: bool | None
    return_ratio: float | None


@dataclass(frozen=True, slots=True)
class MemoryView:
    """One thing lived, with the newest of the decisions that recalled it; `experience.used` says how many there are."""

    experience: ExperienceView
    recalled_by: tuple[RecallView, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of all experiences those that are all of this, closed from `since` until `until`. Newest, most or best first
    unless `is_rising`; of equals the newest first, and what has no such figure last, either way."""

    until: datetime
    words: tuple[str, ...] = ()
    since: datetime | None = None
    side: Side | None = None
    is_win: bool | None = None
    by: Column = "date"
    is_rising: bool = False


@dataclass(slots=True)
class Uses:
    """The decisions that recalled one experience, as they came, and how trades ended that they opened, as far as that
    was known at some time."""

    decisions: list[str] = field(default_factory=list)
    wins: int = 0
    losses: int = 0

    @property
    def win_ratio(self) -> float | None:
        closed = self.wins + self.losses
        return self.wins / closed if closed else None


class Lived(NamedTuple):
    """`text`: what words are looked for in."""

    told: Learned
    text: str


class Memories:
    """Experiences, decisions and trades, each counted once as it comes; the order is all one."""

    def __init__(self) -> None:
        self._lived: dict[str, Lived] = {}
        self._ordered: list[Lived] = []
        # Experience → the decisions that recalled it, and when each was made.
        self._uses: dict[str, dict[str, datetime]] = {}
        self._came: dict[str, Trade] = {}

    def learn(self, told: Learned) -> None:
        one = told.experience
        words = (one.symbol, one.side, one.regime, one.exit_reason, told.lesson.verdict, told.lesson.text, one.insight)
        self._lived.setdefault(one.id, Lived(told, " ".join(map(str, words)).lower()))

    def decided(self, told: Decision) -> None:
        for id in told.recalled:
            self._uses.setdefault(id, {}).setdefault(told.id, told.decided_at)

    def closed(self, trade: Trade) -> None:
        self._came.setdefault(trade.decision_id, trade)

    def uses(self, id: str, until: datetime) -> Uses:
        """What was known of them `until` then."""
        made = [decision for decision, at in self._uses.get(id, {}).items() if at <= until]
        ends = [trade for one in made if (trade := self._came.get(one)) and trade.closed_at <= until]
        wins = sum(trade.is_win for trade in ends)
        return Uses(made, wins, len(ends) - wins)

    def lived(self, id: str) -> Learned | None:
        return found.told if (found := self._lived.get(id)) else None

    def chosen(self, wanted: Wanted, likeness: Mapping[str, float]) -> list[Learned]:
        """All of them, in order. `likeness`: id → how alike, of those of which that is known."""
        found = [told for told, text in self._newest_first() if _is_met(wanted, told, text)]
        if wanted.by == "date":
            return found[::-1] if wanted.is_rising else found
        value = self._column(wanted, likeness)
        told = [(value(one), one) for one in found]
        known = [pair for pair in told if pair[0] is not None]
        known.sort(key=itemgetter(0), reverse=not wanted.is_rising)  # equals stay newest first
        return [one for _, one in known] + [one for of, one in told if of is None]

    def _newest_first(self) -> list[Lived]:
        if len(self._ordered) < len(self._lived):
            self._ordered = sorted(self._lived.values(), key=lambda one: _when(one.told), reverse=True)
        return self._ordered

    def view(self, told: Learned, until: datetime, similarity_ratio: float | None = None) -> ExperienceView:
        used = self.uses(told.experience.id, until)
        seen = experience(told, similarity_ratio)
        return replace(seen, used=len(used.decisions), used_wins=used.wins, used_losses=used.losses)

    def recall(self, made: Decision) -> RecallView:
        trade = self._came.get(made.id)
        return RecallView(
            made.id, str(made.symbol), made.closed_at, made.action, made.signal.action if made.signal else None,
            trade.is_win if trade else None, trade.return_ratio if trade else None,
        )  # fmt: skip

    def _column(self, wanted: Wanted, likeness: Mapping[str, float]) -> Callable[[Learned], Any]:
        columns: dict[str, Callable[[Learned], Any]] = {
            "symbol": lambda one: str(one.experience.symbol),
            "side": lambda one: one.experience.side,
            "regime": lambda one: one.experience.regime,
            "pnl": lambda one: one.experience.return_ratio,
            "r": lambda one: one.experience.r_multiple,
            "confidence": lambda one: one.experience.confidence_ratio,
            "outcome": lambda one: one.experience.is_win,
            "similarity": lambda one: likeness.get(one.experience.id),
            # The oldest has the greatest age.
            "age": lambda one: -one.experience.closed_at.timestamp(),
            "used": lambda one: len(self.uses(one.experience.id, wanted.until).decisions),
            "win_rate": lambda one: self.uses(one.experience.id, wanted.until).win_ratio,
        }
        return columns[wanted.by]


def _when(one: Learned) -> tuple[datetime, str]:
    return one.experience.closed_at, one.experience.id


def _is_met(wanted: Wanted, told: Learned, text: str) -> bool:
    one = told.experience
    return (
        one.closed_at <= wanted.until
        and (wanted.since is None or one.closed_at >= wanted.since)
        and wanted.side in (None, one.side)
        and wanted.is_win in (None, one.is_win)
        and all(word in text for word in wanted.words)
    )
