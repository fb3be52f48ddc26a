"""Experience → traits → statistics: folded in trade by trade, so that a reflection costs what is new and not what is
old. Without numpy: every function loads this with the table of stages."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import NamedTuple

from ...domain.learning import Experience, Statistics, Tally
from .patterns import patterns

# What a prompt asks to be weighed; other names are a model's own and would never end.
FACTORS = ("trend", "momentum", "volume", "volatility", "patterns", "levels")
CONFLUENT_ABOVE = 50
Bounds = tuple[tuple[float, str], ...]
CONFIDENCE: Bounds = ((0.5, "low"), (0.7, "medium"))
# Points are whole as a rule: up to 30 is low, up to 69 medium.
FACTOR: Bounds = ((30.000001, "low"), (69.000001, "medium"))


class Bands(NamedTuple):
    """Of one number, from 0 on: each so wide, the last without an end. `scale`: of the number as it is written."""

    name: str
    width: float
    count: int
    scale: float = 1.0
    form: str = "{:g}"

    def named(self, value: float) -> str:
        """The trait of the band that holds it; an edge belongs to the band above."""
        return _name(self, min(self.count - 1, max(0, int(value / self.width + 1e-6))))

    def told(self, statistics: Statistics) -> list[tuple[float, Tally]]:
        """Lower edge and tally of each band that a trade fell into, the lowest first."""
        by_trait = statistics.by_trait
        named = ((n * self.width, by_trait.get(_name(self, n))) for n in range(self.count))
        return [(edge, tally) for edge, tally in named if tally]


REWARD_RISK = Bands("reward_risk", 0.1, 101, form="{:.1f}")
STOP = Bands("stop", 0.0025, 41, 100, "{:.2f}%")
SIZE = Bands("size", 0.01, 101, 100, "{:.0f}%")
MAE = Bands("mae", 0.0025, 41, 100, "{:.2f}%")


@cache
def _name(bands: Bands, number: int) -> str:
    return f"{bands.name} {bands.form.format(number * bands.width * bands.scale)}"


def traits(experience: Experience) -> tuple[str, ...]:
    """Everything that it had in common with others, "dimension band". What is not known is no trait."""
    return (
        *_met(experience),
        *_stated(experience),
        *_came(experience),
        *(f"pattern {name}" for name in patterns(experience)),
    )


def _met(lived: Experience) -> Iterator[str]:
    """The market at entry."""
    yield f"symbol {lived.symbol}"
    yield f"side {lived.side}"
    yield f"regime {lived.regime}"
    yield from (f"{name} {word}" for name, word in lived.conditions.labels.items() if name != "alignment")
    alignment = lived.conditions.alignment(lived.side)
    if alignment:
        yield f"alignment {alignment}"


def _stated(lived: Experience) -> Iterator[str]:
    """What the decider said and asked for at entry."""
    yield f"confidence {_word(lived.confidence_ratio, CONFIDENCE)}"
    given = {name: lived.factors[name] for name in FACTORS if name in lived.factors}
    if given:
        yield from (f"factor {name} {_word(points, FACTOR)}" for name, points in given.items())
        confluences = f"confluences {sum(points > CONFLUENT_ABOVE for points in given.values())}"
        yield confluences
        adx = lived.conditions.labels.get("adx")
        if adx:
            yield f"adx {adx} {confluences}"
    for bands, value in ((STOP, lived.stop_ratio), (REWARD_RISK, lived.reward_risk), (SIZE, lived.size_ratio)):
        if value is not None:
            yield bands.named(value)


def _came(lived: Experience) -> Iterator[str]:
    """Outcomes: shown and described, never what a rule is about. How far against it a trade went is told of winners."""
    yield f"exit {lived.exit_reason}"
    if lived.is_win:
        yield MAE.named(-lived.mae_ratio)


def _word(value: float, bounds: Bounds) -> str:
    return next((word for below, word in bounds if value < below), "high")


def folded(before: Statistics, learned: Iterable[tuple[int, Experience]]) -> Statistics:
    """What was learned, each with its place in the ledger, added to what is there already; what is up to its place
    `through` is in it. Sums are made in the order of the ledger, so that all at once is bit by bit what pieces are."""
    through, until = before.through, before.until
    sums: dict[str, list[float]] = {}
    whole = _opened(before.whole)
    for place, lived in sorted(learned, key=_place):
        if place <= through:
            continue
        through, until = place, _later(until, lived.closed_at)
        _add(whole, lived)
        for trait in traits(lived):
            if trait not in sums:
                sums[trait] = _opened(before.by_trait.get(trait, Tally()))
            _add(sums[trait], lived)
    if through == before.through:
        return before
    by_trait = {**before.by_trait, **{trait: _closed(summed) for trait, summed in sums.items()}}
    return Statistics(through, until, _closed(whole), by_trait)


def _place(learned: tuple[int, Experience]) -> int:
    return learned[0]


def _later(until: datetime | None, at: datetime) -> datetime:
    return at if until is None else max(until, at)


def _opened(tally: Tally) -> list[float]:
    return [tally.trades, tally.wins, tally.returns, tally.squares]


def _add(sums: list[float], lived: Experience) -> None:
    value = lived.return_ratio
    sums[0] += 1
    sums[1] += lived.is_win
    sums[2] += value
    sums[3] += value * value


def _closed(sums: list[float]) -> Tally:
    trades, wins, returns, squares = sums
    return Tally(int(trades), int(wins), returns, squares)
