"""Rank Experiences for the conditions of now: similarity × age. Blind to their outcome."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from math import fsum, sqrt
from operator import mul
from typing import TypeVar

from ...domain.learning import Conditions, Experience, Hindsight, Recalled

Lived = TypeVar("Lived", Experience, Hindsight)

# Center and spread of each number, so that one unit means the same in all of them: median and quartiles of six coins
# before 2023 (docs/memory.md, where they are held against others). ATR% counts four times (its z doubled): it alone
# carries what neighbors share with the present. Pressure has no record: its spread is a guess.
SCALE: dict[str, tuple[float, float]] = {
    "di_difference": (-1.0, 14.3),
    "sma_50_atr": (0.0, 2.5),
    "sma_200_atr": (-0.3, 5.9),
    "adx": (25.0, 11.0),
    "atr_log": (-3.5, 0.235),
    "atr_rank": (0.42, 0.42),
    "rsi": (50.0, 12.4),
    "macd_atr": (0.0, 0.2),
    "volume_log": (-0.17, 0.49),
    "bollinger": (0.5, 0.385),
    "weekend": (0.29, 0.45),
    "sentiment": (39.0, 28.0),
    "pressure": (0.0, 0.3),
}
CLIP = 4.0


def vector(conditions: Conditions) -> tuple[float, ...]:
    """The conditions as one point. What is not known stands at the center: it pulls nowhere."""
    point: list[float] = []
    for name, (center, spread) in SCALE.items():
        value = conditions.numbers.get(name)
        z = 0.0 if value is None else (value - center) / spread
        point.append(max(-2 * CLIP, min(2 * CLIP, z)) if name == "atr_log" else max(-CLIP, min(CLIP, z)))
    return tuple(point)


def likeness(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine of two points moved to 0…1, half where one of them says nothing.

    Of exactly rounded sums: an index may look for candidates as it likes, what it says of them is the same to the last
    bit in every index and on every processor."""
    squares = fsum(map(mul, one, one)) * fsum(map(mul, other, other))
    if squares == 0:
        return 0.5
    return (1 + max(-1.0, min(1.0, fsum(map(mul, one, other)) / sqrt(squares)))) / 2


def most_like(
    point: Sequence[float], lived: Iterable[tuple[Lived, Sequence[float]]], limit: int
) -> tuple[tuple[Lived, float], ...]:
    """The `limit` whose points are most like this one, ties by id."""
    found = [(one, likeness(point, other)) for one, other in lived]
    return tuple(sorted(found, key=lambda each: (-each[1], each[0].id))[:limit])


def recency_ratio(closed_at: datetime, now: datetime, half_life_days: float) -> float:
    """2^(−age / half-life), 1 for what just happened."""
    age_days = max(0.0, (now - closed_at).total_seconds() / 86_400)
    return float(2 ** (-age_days / half_life_days))


def ranked(
    found: Iterable[tuple[Experience, float]], now: datetime, *, weight: float, half_life_days: float, k: int
) -> tuple[Recalled, ...]:
    """The best `k` by `weight · similarity + (1 − weight) · recency`; ties by id, so the order is always the same.

    Similarity is taken from the least to the most alike of those that were found, 0…1: likeness itself stays in a
    narrow band, in which a little age would outweigh it all (measured in docs/memory.md)."""
    nearest = list(found)
    alike = [similar for _, similar in nearest]
    least, span = (min(alike), max(alike) - min(alike)) if alike else (0.0, 0.0)
    scored = []
    for experience, similar in nearest:
        recency = recency_ratio(experience.closed_at, now, half_life_days)
        taken = (similar - least) / span if span > 0 else 1.0
        scored.append(Recalled(experience, similar, recency, weight * taken + (1 - weight) * recency))
    scored.sort(key=lambda r: (-r.score, r.experience.id))
    return tuple(scored[:k])
