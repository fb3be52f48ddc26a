"""A memory that grows, and what age adds to likeness: 0.7 of the one and 0.3 of the other, however one is measured."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from bench.moments import DAY_MS, Array, Moments, Rows
from bench.neighbors import OVER_FETCH, SAME, Block, K, Points, Way, best, blocks, dice, likeness
from semanticsignal.domain.policy import Memory

POLICY = Memory()
WEIGHT, HALF_LIFE_DAYS = POLICY.similarity_weight, POLICY.half_life_days
PAIRS = 200_000
Rescale = Callable[[Array, Array, tuple[float, float]], tuple[Array, Array]]


def _plain(alike: Array, fresh: Array, _: tuple[float, float]) -> tuple[Array, Array]:
    """The cosine moved to 0…1, as the product says it."""
    return (1 + alike) / 2, fresh


def _stretched(alike: Array, fresh: Array, band: tuple[float, float]) -> tuple[Array, Array]:
    """0 and 1 where 1 % of pairs of before 2023 are less and more alike."""
    low, high = band
    return np.clip((alike - low) / (high - low), 0, 1), fresh


def _of_candidates(alike: Array, fresh: Array, _: tuple[float, float]) -> tuple[Array, Array]:
    """0 the least and 1 the most alike of those that were fetched."""
    known = np.isfinite(alike)
    low = np.where(known, alike, np.inf).min(axis=1, keepdims=True)
    high = np.where(known, alike, -np.inf).max(axis=1, keepdims=True)
    return (alike - low) / np.maximum(high - low, 1e-12), fresh


def _by_rank(alike: Array, fresh: Array, _: tuple[float, float]) -> tuple[Array, Array]:
    """1 the first, 0 the last of those that were fetched; they come in order."""
    known = np.isfinite(alike)
    place = np.arange(alike.shape[1]) / np.maximum(known.sum(axis=1, keepdims=True) - 1, 1)
    return np.where(known, 1 - place, -np.inf), fresh


def _standard(alike: Array, fresh: Array, _: tuple[float, float]) -> tuple[Array, Array]:
    """Both in standard deviations of those that were fetched."""
    known = np.isfinite(alike)
    return _z(alike, known), _z(fresh, known)


def _z(values: Array, known: Array) -> Array:
    some = np.where(known, values, np.nan)
    z = (values - np.nanmean(some, axis=1, keepdims=True)) / np.maximum(np.nanstd(some, axis=1, keepdims=True), 1e-12)
    return np.where(known, z, -np.inf)


def _alone(alike: Array, fresh: Array, _: tuple[float, float]) -> tuple[Array, Array]:
    return alike, np.zeros_like(fresh)


RESCALES: Mapping[str, Rescale] = {
    "likeness alone": _alone,
    "as it is": _plain,
    "p1 to p99": _stretched,
    "min to max": _of_candidates,
    "rank": _by_rank,
    "z-scores": _standard,
}


class Search(NamedTuple):
    """Among whom. `size`: of each coin at most so many, evenly over what is told; None: all. `fetched`: how many are
    re-ranked, None: all."""

    is_own: bool
    size: int | None = None
    fetched: int | None = K * OVER_FETCH


class Candidates(NamedTuple):
    """Rows of those that were fetched, the most alike first unless all were; how alike, -inf where there are no more;
    how fresh, 0…1."""

    rows: Rows
    alike: Array
    fresh: Array


def band(way: Way, remembered: Moments) -> tuple[float, float]:
    """Likeness that 1 % and 99 % of pairs stay under."""
    chance = dice("pairs")
    one, other = (chance.integers(0, remembered.size, PAIRS) for _ in range(2))
    points = way.points(remembered, None).astype(np.float64)
    if way.is_distance:
        alike = -((points[one] - points[other]) ** 2).sum(axis=1)
    else:
        length = np.maximum(np.linalg.norm(points, axis=1), 1e-12)
        alike = (points[one] * points[other]).sum(axis=1) / length[one] / length[other]
    low, high = np.quantile(alike, (0.01, 0.99))
    return float(low), float(high)


def candidates(way: Way, asked: Moments, remembered: Moments, search: Search) -> Candidates:
    """Of what was told by the time of asking, for each moment that asks."""
    here, there = way.points(asked, None), way.points(remembered, None)
    parts = []
    for block in blocks(asked, remembered, is_own=search.is_own):
        scores = likeness(here[block.asked], there[block.may], is_distance=way.is_distance)
        if way.is_tied:
            chance = dice(way.name, str(search), str(block.coin))
            scores += chance.random(scores.shape, dtype=np.float32) * np.float32(SAME)
        parts.append(_fetched(block, scores, asked, remembered, search))
    order = np.argsort(np.concatenate([block.asked for block in blocks(asked, remembered, is_own=True)]))
    width = max(part.alike.shape[1] for part in parts)
    return Candidates(
        *(np.concatenate([_wide(one, width) for one in column])[order] for column in zip(*parts, strict=True))
    )


def _wide(part: Array, width: int) -> Array:
    fill = -np.inf if part.dtype.kind == "f" else 0
    return np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=fill)


def _fetched(block: Block, scores: Points, asked: Moments, remembered: Moments, search: Search) -> Candidates:
    now, told = asked.closed_ms[block.asked], remembered.told_ms[block.may]
    scores = np.where(told[None, :] <= now[:, None], scores, -np.inf)
    if search.size is not None:
        scores = np.where(_thin(now, told, remembered.coin[block.may], search.size), scores, -np.inf)
    columns = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    if search.fetched is not None:
        columns = best(scores, search.fetched)
    alike = np.take_along_axis(scores, columns, axis=1).astype(np.float64)
    age_days = (now[:, None] - told[columns]) / DAY_MS
    return Candidates(block.may[columns], alike, 2 ** (-np.maximum(age_days, 0) / HALF_LIFE_DAYS))


def _thin(now: Rows, told: Rows, coin: Rows, size: int) -> Array:
    """Which columns are remembered: of each coin `size`, evenly over those told by then, all when there are fewer."""
    kept = np.zeros((len(now), len(told)), dtype=bool)
    for one in np.unique(coin):
        columns = np.flatnonzero(coin == one)
        count = np.searchsorted(told[columns], now, side="right")
        step = np.maximum(count / size, 1)
        place = ((np.arange(size) + 0.5) * step[:, None]).astype(np.int64)
        rows, places = np.nonzero(place < count[:, None])
        kept[rows, columns[place[rows, places]]] = True
    return kept


def ranked(some: Candidates, rescale: Rescale, within: tuple[float, float]) -> Rows:
    """The K best of each row by likeness and age together."""
    alike, fresh = rescale(some.alike, some.fresh, within)
    with np.errstate(invalid="ignore"):
        score = WEIGHT * alike + (1 - WEIGHT) * fresh
    score = np.where(np.isfinite(some.alike), score, -np.inf)
    return np.take_along_axis(some.rows, best(score.astype(np.float64), K), axis=1)
