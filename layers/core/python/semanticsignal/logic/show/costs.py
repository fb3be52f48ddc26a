"""What asking models cost: by UTC day of real time, by provider, by model and in all, and every way the same sum.

A figure that nobody told is None, never 0."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from statistics import fmean, median
from typing import Any, TypeVar

from ...domain.asking import Attempt, Fault, Usage
from ...domain.money import exactly

# Attempts that never reached a model: no question, no answer, no time.
UNASKED = frozenset((Fault.BUDGET, Fault.CIRCUIT, Fault.DEADLINE, Fault.UNRECORDED))
FIGURES = ("input_tokens", "output_tokens", "thinking_tokens", "cost_usd")
# Day, provider, model.
Cell = tuple[date, str, str]
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class CostView:
    """Some attempts. `calls` were asked, and `faults` of them brought no decision; `unasked` were not: there was no
    money or no time, the model had just failed too often, or the tape was asked in its place.

    Each sum is of those that told theirs, `…_untold` counts the calls that did not. Thinking is part of the output."""

    calls: int
    faults: int
    unasked: int
    input_tokens: int | None
    input_untold: int
    output_tokens: int | None
    output_untold: int
    thinking_tokens: int | None
    thinking_untold: int
    cost_usd: Decimal | None
    cost_untold: int
    mean_latency_s: float | None
    median_latency_s: float | None


@dataclass(frozen=True, slots=True)
class DayCostView:
    day: date
    cost: CostView


@dataclass(frozen=True, slots=True)
class ProviderCostView:
    provider: str
    cost: CostView


@dataclass(frozen=True, slots=True)
class ModelCostView:
    provider: str
    model: str
    cost: CostView


@dataclass(frozen=True, slots=True)
class AccountView:
    """What is spent of a budget, with what is set aside for questions that are being asked."""

    account: str
    cap_usd: Decimal
    spent_usd: Decimal


@dataclass(frozen=True, slots=True)
class CostsView:
    """Days newest first, providers and models dearest first: each of them adds up to `total`. `earlier_days` are in
    none of it. `decisions`: for so many of these days a model was asked. `budget`: the accounts of now; None where
    nobody keeps any."""

    total: CostView
    days: tuple[DayCostView, ...]
    providers: tuple[ProviderCostView, ...]
    models: tuple[ModelCostView, ...]
    earlier_days: int
    decisions: int
    budget: tuple[AccountView, ...] | None


@exactly
def paid(attempts: Iterable[Attempt]) -> Decimal | None:
    """What they came to; None where no model was asked, or one that was did not tell."""
    asked = [_told(one.usage, "cost_usd") for one in attempts if one.fault not in UNASKED]
    return sum(asked, Decimal(0)) if asked and None not in asked else None


class Bill:
    """Attempts, counted as they come; the order is all one."""

    def __init__(self) -> None:
        self._cells: dict[Cell, _Tally] = {}
        self._decisions: Counter[date] = Counter()

    def decided(self, attempts: Sequence[Attempt]) -> None:
        """Those of a decision; none is asked for where nothing was to be judged, or somebody built in decides."""
        self.add(attempts)
        asked = [one.asked_at.astimezone(UTC).date() for one in attempts if one.fault not in UNASKED]
        self._decisions.update(asked[:1])

    def add(self, attempts: Iterable[Attempt]) -> None:
        for one in attempts:
            cell = (one.asked_at.astimezone(UTC).date(), one.provider, one.model)
            self._cells.setdefault(cell, _Tally()).add(one)

    def view(self, days: int | None = None, budget: tuple[AccountView, ...] | None = None) -> CostsView:
        """Of the newest so many days on which anything was attempted; None: of all."""
        every = sorted({day for day, _, _ in self._cells}, reverse=True)
        kept = every[:days]
        cells = {cell: tally for cell, tally in self._cells.items() if cell[0] >= kept[-1]}
        by_day = _costs(cells, lambda cell: cell[0])
        by_provider = _costs(cells, lambda cell: cell[1])
        by_model = _costs(cells, lambda cell: cell[1:])
        return CostsView(
            total=_costs(cells, lambda _: None).get(None) or _Tally().view(),
            days=tuple(DayCostView(day, by_day[day]) for day in kept),
            providers=tuple(ProviderCostView(name, by_provider[name]) for name in _dearest(by_provider)),
            models=tuple(ModelCostView(who, model, by_model[who, model]) for who, model in _dearest(by_model)),
            earlier_days=len(every) - len(kept),
            decisions=sum(many for day, many in self._decisions.items() if day in kept),
            budget=budget,
        )


def _costs(cells: Mapping[Cell, "_Tally"], key: Callable[[Cell], K]) -> dict[K, CostView]:
    sums: dict[K, _Tally] = {}
    for cell, tally in cells.items():
        sums.setdefault(key(cell), _Tally()).take(tally)
    return {name: tally.view() for name, tally in sums.items()}


def _dearest(costs: Mapping[Any, CostView]) -> list[Any]:
    return sorted(sorted(costs), key=lambda name: costs[name].cost_usd or 0, reverse=True)


class _Tally:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.told: dict[str, Any] = {}
        self.untold: Counter[str] = Counter()
        self.latencies_s: list[float] = []

    @exactly
    def add(self, one: Attempt) -> None:
        is_asked = one.fault not in UNASKED
        self.counts["calls" if is_asked else "unasked"] += 1
        if is_asked:
            self.counts["faults"] += one.fault is not None
            self.latencies_s.append(one.latency_s)
        for name in FIGURES:
            told = _told(one.usage, name)
            if told is not None:
                self.told[name] = self.told.get(name, 0) + told
            elif is_asked:
                self.untold[name] += 1

    @exactly
    def take(self, other: "_Tally") -> None:
        self.counts.update(other.counts)
        self.untold.update(other.untold)
        self.latencies_s += other.latencies_s
        for name, told in other.told.items():
            self.told[name] = self.told.get(name, 0) + told

    def view(self) -> CostView:
        told, untold, latencies_s = self.told, self.untold, self.latencies_s
        return CostView(
            calls=self.counts["calls"],
            faults=self.counts["faults"],
            unasked=self.counts["unasked"],
            input_tokens=told.get("input_tokens"),
            input_untold=untold["input_tokens"],
            output_tokens=told.get("output_tokens"),
            output_untold=untold["output_tokens"],
            thinking_tokens=told.get("thinking_tokens"),
            thinking_untold=untold["thinking_tokens"],
            cost_usd=told.get("cost_usd"),
            cost_untold=untold["cost_usd"],
            mean_latency_s=fmean(latencies_s) if latencies_s else None,
            median_latency_s=median(latencies_s) if latencies_s else None,
        )


def _told(usage: Usage, name: str) -> Any:
    """One figure; a sum without end is none, or it would make one of the whole bill."""
    value = getattr(usage, name)
    return None if isinstance(value, Decimal) and not value.is_finite() else value
