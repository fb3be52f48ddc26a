"""What was stated at each close of a ledger's decisions, and what came of it by the closes that any of them saw."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from ...domain.decision import Decision, Forecast
from ...domain.market import Symbol
from .calibration import resolved
from .recalibration import Resolved


class Forecasts:
    """Decisions, counted as they come; the order is all one. A forced one was made at no close and is passed over."""

    def __init__(self) -> None:
        self._closes: dict[Symbol, dict[datetime, Decimal]] = {}
        self._stated: dict[Symbol, list[tuple[datetime, Forecast]]] = {}

    def add(self, one: Decision, *, is_counted: bool = True) -> None:
        """Of one that is not counted only the close is kept, for others to be resolved by."""
        if one.is_forced:
            return
        self._closes.setdefault(one.symbol, {})[one.closed_at] = one.price
        if is_counted and one.signal:
            self._stated.setdefault(one.symbol, []).append((one.closed_at, one.signal.forecast))

    @property
    def closes(self) -> Mapping[Symbol, Mapping[datetime, Decimal]]:
        """Pair → instant → price, wherever a decision saw one; as it stands now."""
        return {pair: dict(seen) for pair, seen in self._closes.items()}

    def resolved(self, ahead: timedelta, chance: Callable[[Forecast], float | None]) -> list[Resolved]:
        """In order of time; without those whose end nobody saw. Others may be added meanwhile."""
        found: list[Resolved] = []
        for symbol, rows in list(self._stated.items()):
            stated = ((at, chance(forecast)) for at, forecast in rows)
            found += [Resolved(*each) for each in resolved(stated, self._closes[symbol], ahead)]
        return sorted(found, key=lambda one: one.at)
