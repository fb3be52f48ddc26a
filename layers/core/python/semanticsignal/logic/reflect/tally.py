"""Closed trades → how many of each trait there were, won and earned: what rules, thresholds and panels are made of."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from ...domain.learning import Experience, Statistics, Tally
from .patterns import patterns as patterns_of

# Others that a model may name are no trait: there would be no end of them.
FACTORS = ("trend", "momentum", "volume", "volatility", "patterns", "levels")
FACTOR_LOW, FACTOR_MEDIUM, SPEAKS = 30.0, 69.0, 50.0
CONFIDENCE_MEDIUM, CONFIDENCE_HIGH = 0.5, 0.7
# A place on a grid is not missed by what binary fractions lack.
NEAR = 1e-6
# All trades, while they are counted.
WHOLE = ""
Named = Callable[[Experience], Iterable[str]]
# Return, its square, whether it was won.
Row = tuple[float, float, bool]


class Scale(NamedTuple):
    """Bands of one width, each named by its lower edge; the last is open above."""

    name: str
    step: float
    words: tuple[str, ...]

    def band(self, value: float) -> str:
        return self.words[min(int(abs(value) / self.step + NEAR), len(self.words) - 1)]

    def upper(self, place: int) -> float:
        return round((place + 1) * self.step, 6)

    def middle(self, place: int) -> float:
        return (place + 0.5) * self.step


def _scale(name: str, step: float, bands: int, form: str) -> Scale:
    return Scale(name, step, tuple(f"{name} {place * step:{form}}" for place in range(bands)))


REWARD_RISK = _scale("reward_risk", 0.1, 51, ".1f")
DESERVED = _scale("deserved", 0.05, 20, ".0%")
STOP = _scale("stop", 0.0025, 41, ".2%")
MAE = _scale("mae", 0.0025, 41, ".2%")
SIZE = _scale("size", 0.01, 26, ".0%")


def traits(experience: Experience) -> tuple[str, ...]:
    """What it had in common with others, each as "dimension band"; what is not known is no trait.

    Known when it was entered: side, pair, timeframe, regime, the words of the conditions (trend, adx, volatility, rsi,
    macd, volume, bollinger, weekend, sentiment, pressure), alignment, confidence as stated and what was left of it
    (deserved), factors and how many of them speak for it (confluences), reward_risk, stop, size. Known when it had
    closed: exit, and the mae of what was won."""
    labels = experience.conditions.labels
    found = [
        f"side {experience.side}",
        f"symbol {experience.symbol}",
        f"exit {experience.exit_reason}",
        f"confidence {_confidence(experience.stated)}",
        DESERVED.band(experience.confidence_ratio),
    ]
    found += [f"{name} {word}" for name, word in labels.items() if name != "alignment"]
    if experience.regime:
        found.append(f"regime {experience.regime}")
    if experience.timeframe:
        found.append(f"timeframe {experience.timeframe}")
    if alignment := experience.conditions.alignment(experience.side):
        found.append(f"alignment {alignment}")
    found += _factors(experience.factors, labels.get("adx"))
    found += _levels(experience)
    return tuple(found)


def folded(before: Statistics, learned: Iterable[tuple[int, Experience]], patterns: Named = patterns_of) -> Statistics:
    """With what the ledger learned after the place that `before` goes to; a place told again changes nothing.

    `learned`: place in the ledger, and what was lived. Sums are added in the order of the ledger, so that they are the
    same to the last digit however many at a time are added."""
    shared: defaultdict[str, list[Row]] = defaultdict(list)
    through, until = before.through, before.until
    for seq, experience in sorted(learned, key=_place):
        if seq <= through:
            continue
        through, until = seq, _later(until, experience.closed_at)
        value = experience.return_ratio
        row = value, value * value, experience.is_win
        for trait in (WHOLE, *traits(experience), *[f"pattern {name}" for name in patterns(experience)]):
            shared[trait].append(row)
    known = {**before.by_trait, WHOLE: before.whole}
    for trait, rows in shared.items():
        known[trait] = _with(known.get(trait, Tally()), rows)
    return Statistics(through, until, known.pop(WHOLE), known)


def _place(learned: tuple[int, Experience]) -> int:
    return learned[0]


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None or other > one else one


def _with(before: Tally, rows: Sequence[Row]) -> Tally:
    """One after another: `sum` rounds in another way, and not in every Python alike."""
    wins, returns, squares = before.wins, before.returns, before.squares
    for value, square, is_win in rows:
        wins += is_win
        returns += value
        squares += square
    return Tally(before.trades + len(rows), wins, returns, squares)


def _confidence(ratio: float) -> str:
    return "low" if ratio < CONFIDENCE_MEDIUM else "medium" if ratio < CONFIDENCE_HIGH else "high"


def _factors(factors: Mapping[str, float], adx: str | None) -> Iterator[str]:
    """Each factor, and how many speak for the trade, alone and together with the strength of the trend."""
    speaking = 0
    is_known = False
    for name in FACTORS:
        points = factors.get(name)
        if points is None:
            continue
        is_known = True
        speaking += points > SPEAKS
        word = "low" if points <= FACTOR_LOW else "medium" if points <= FACTOR_MEDIUM else "high"
        yield f"factor {name} {word}"
    if is_known:
        yield f"confluences {speaking}"
        if adx:
            yield f"adx {adx} confluences {speaking}"


def _levels(experience: Experience) -> Iterator[str]:
    if experience.reward_risk is not None:
        band = REWARD_RISK.band(experience.reward_risk)
        yield band
        if experience.regime:
            yield f"{experience.regime.rpartition(' ')[2]} {band}"
    if experience.stop_ratio is not None:
        yield STOP.band(experience.stop_ratio)
    if experience.size_ratio is not None:
        yield SIZE.band(experience.size_ratio)
    if experience.is_win:
        yield MAE.band(experience.mae_ratio)
