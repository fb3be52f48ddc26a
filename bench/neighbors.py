"""Who is found next to a moment, by whichever likeness, and how much of the moment they share."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from bench.moments import DAY_MS, FAMILIES, NAMES, WORDS, Array, Moments, Rows
from semanticsignal.logic.decide.recall import CLIP, SCALE

Points = NDArray[np.float32]
Scale = Mapping[str, tuple[float, float]]
K, OVER_FETCH = 10, 10
DRAWS, SEED = 2000, 7
# Closer than this the points are the same: whoever said the same words is found in no order.
SAME = 1e-5
NORMAL_IQR = 1.349


class Way(NamedTuple):
    """How likeness is measured. `points`: of moments, without the family named. `is_tied`: many are the same."""

    name: str
    points: Callable[[Moments, str | None], Points]
    is_distance: bool = False
    is_tied: bool = False


def scaled(numbers: Array, scale: Scale) -> Array:
    """What `vector` makes of them, for any scale."""
    center, spread = np.array([scale[name] for name in NAMES]).T
    z = np.nan_to_num((numbers - center) / spread)
    clip = np.array([2 * CLIP if name == "atr_log" else CLIP for name in NAMES])
    return np.asarray(np.clip(z, -clip, clip))


def fitted(remembered: Moments) -> dict[str, tuple[float, float]]:
    """Median and robust spread of each number, ATR% halved in spread as SCALE has it; a yes or no by its mean."""
    scale = dict(SCALE)
    for name in NAMES:
        values = remembered.column(name)
        values = values[~np.isnan(values)]
        if not len(values):
            continue
        if name == "weekend":
            scale[name] = (float(values.mean()), float(values.std()))
        else:
            low, center, high = np.quantile(values, (0.25, 0.5, 0.75))
            spread = (high - low) / NORMAL_IQR / (2 if name == "atr_log" else 1)
            scale[name] = (float(center), float(spread))
    return scale


def even(scale: Scale) -> dict[str, tuple[float, float]]:
    """ATR% counted as the others."""
    return {name: (at, 2 * spread if name == "atr_log" else spread) for name, (at, spread) in scale.items()}


def _without(points: Array, family: str | None) -> Points:
    kept = np.array([family is None or name not in FAMILIES[family] for name in NAMES])
    return np.asarray(points * kept, dtype=np.float32)


def product(name: str, *, is_distance: bool = False) -> Way:
    return Way(name, lambda moments, family: _without(moments.points, family), is_distance)


def numbers(name: str, scale: Scale) -> Way:
    return Way(name, lambda moments, family: _without(scaled(moments.numbers, scale), family))


def one_hot(name: str) -> Way:
    def points(moments: Moments, family: str | None) -> Points:
        parts = [
            moments.words[:, [column]] == np.arange(len(told))
            for column, (one, told) in enumerate(WORDS.items())
            if one != family
        ]
        return np.hstack(parts).astype(np.float32)

    return Way(name, points, is_tied=True)


def atr_alone(name: str) -> Way:
    column = NAMES.index("atr_log")
    return Way(name, lambda moments, _: moments.numbers[:, [column]].astype(np.float32), is_distance=True)


def likeness(asked: Points, remembered: Points, *, is_distance: bool) -> Points:
    """Row by column: cosine, or the negative square of the distance."""
    if is_distance:
        squares = (asked**2).sum(axis=1)[:, None] + (remembered**2).sum(axis=1)
        return np.asarray(2 * asked @ remembered.T - squares)
    return np.asarray(_unit(asked) @ _unit(remembered).T)


def _unit(points: Points) -> Points:
    length = np.linalg.norm(points, axis=1, keepdims=True)
    return np.asarray(points / np.where(length > 0, length, 1))


def best(scores: Points, k: int) -> Rows:
    """Columns of the `k` highest of each row, the highest first."""
    k = min(k, scores.shape[1])
    found = np.argpartition(scores, -k, axis=1)[:, -k:]
    order = np.argsort(-np.take_along_axis(scores, found, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)


def dice(*names: str) -> np.random.Generator:
    """Of its own for each thing drawn, so that one figure can be made again without the others."""
    return np.random.default_rng([SEED, *(crc32(name.encode()) for name in names)])


class Block(NamedTuple):
    """Moments of one coin that ask, and whom they may find: rows of both."""

    coin: int
    asked: Rows
    may: Rows


def blocks(asked: Moments, remembered: Moments, *, is_own: bool) -> Iterator[Block]:
    for coin in np.unique(asked.coin):
        may = np.flatnonzero(remembered.coin == coin) if is_own else np.arange(remembered.size)
        yield Block(int(coin), np.flatnonzero(asked.coin == coin), may)


def found(way: Way, asked: Moments, remembered: Moments, *, is_own: bool, without: str | None = None) -> Rows:
    """The K rows of `remembered` for each that asks."""
    here, there = way.points(asked, without), way.points(remembered, without)
    rows = np.empty((asked.size, K), dtype=np.int64)
    chance = dice(way.name, str(is_own), str(without))
    for block in blocks(asked, remembered, is_own=is_own):
        scores = likeness(here[block.asked], there[block.may], is_distance=way.is_distance)
        if way.is_tied:
            scores += chance.random(scores.shape, dtype=np.float32) * np.float32(SAME)
        rows[block.asked] = block.may[best(scores, K)]
    return rows


def by_chance(asked: Moments, remembered: Moments, *, is_own: bool) -> Rows:
    """Of what was told by the time of asking; one may come twice."""
    chance = dice("chance", str(is_own))
    return _placed(asked, remembered, lambda told: chance.random((len(told), K)) * told[:, None], is_own=is_own)


def newest(asked: Moments, remembered: Moments, *, is_own: bool) -> Rows:
    """The last that were told by the time of asking; of the same instant the last of COINS."""
    return _placed(asked, remembered, lambda told: np.asarray(told[:, None] - 1.0 - np.arange(K)), is_own=is_own)


def _placed(asked: Moments, remembered: Moments, places: Callable[[Rows], Array], *, is_own: bool) -> Rows:
    """By place among all that was told by then, the oldest 0. `places`: how many were told → K of them."""
    rows = np.empty((asked.size, K), dtype=np.int64)
    for block in blocks(asked, remembered, is_own=is_own):
        told = remembered.told_ms[block.may]
        order = np.argsort(told, kind="stable")
        count = np.searchsorted(told[order], asked.closed_ms[block.asked], side="right")
        rows[block.asked] = block.may[order[places(count).astype(np.int64)]]
    return rows


class Marks(NamedTuple):
    """Of each that asked. `swing`: |log of the next week's realized volatility over the neighbors' mean|; `regime`:
    share of neighbors in its own; `rises`: how many rose, `rose`: whether it did; `brier`: of their share, less that of
    always saying the base rate; `age`: days since the neighbors were told; `held`: error in what was left out of
    likeness as a share of anybody's, None where nothing was left out."""

    month: Rows
    swing: Array
    regime: Array
    rises: Rows
    rose: NDArray[np.bool_]
    brier: Array
    age: Array
    held: Array | None = None


def marks(asked: Moments, remembered: Moments, rows: Rows, held: Array | None = None) -> Marks:
    said = np.log(np.exp(remembered.swing[rows]).mean(axis=1))
    rises = remembered.rose[rows].sum(axis=1)
    coins, place = np.unique(asked.coin, return_inverse=True)
    base = np.array([remembered.rose[remembered.coin == coin].mean() for coin in coins])[place]
    return Marks(
        asked.month,
        np.abs(asked.swing - said),
        (remembered.regime[rows] == asked.regime[:, None]).mean(axis=1),
        rises,
        asked.rose,
        (rises / rows.shape[1] - asked.rose) ** 2 - (base - asked.rose) ** 2,
        ((asked.closed_ms[:, None] - remembered.told_ms[rows]) / DAY_MS).mean(axis=1),
        held,
    )


Finds = Callable[[str], Rows]


def held_out(asked: Moments, remembered: Moments, finds: Finds, *, is_own: bool) -> Array:
    """Each family in turn is left out of likeness; the mean error in it, as a share of the error of everybody who
    may be found. 1: as good as anybody."""
    scale = even(fitted(remembered))
    here, there = scaled(asked.numbers, scale), scaled(remembered.numbers, scale)
    total = np.zeros(asked.size)
    for family, names in FAMILIES.items():
        column = NAMES.index(names[0])
        error = np.abs(here[:, [column]] - there[finds(family), column]).mean(axis=1)
        total += error / _anybody(asked, remembered, (here[:, column], there[:, column]), is_own=is_own)
    return total / len(FAMILIES)


def _anybody(asked: Moments, remembered: Moments, values: tuple[Array, Array], *, is_own: bool) -> float:
    here, there = values
    sums = 0.0
    for block in blocks(asked, remembered, is_own=is_own):
        sums += float(np.abs(here[block.asked, None] - there[block.may]).mean(axis=1).sum())
    return sums / len(here)


class Estimate(NamedTuple):
    """A figure and what it is in each draw of months."""

    value: float
    drawn: Array

    def __sub__(self, other: "Estimate") -> "Estimate":
        return Estimate(self.value - other.value, self.drawn - other.drawn)

    def told(self, sign: str = "") -> str:
        low, high = np.quantile(self.drawn, (0.025, 0.975))
        return f"{self.value:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"

    def side(self, of: float = 0.0) -> int:
        """1 when the whole interval is above, -1 when it is below, else 0."""
        low, high = np.quantile(self.drawn, (0.025, 0.975))
        return int(low > of) - int(high < of)


class Months:
    """Whole calendar months are drawn, all coins together, the same for whatever is compared."""

    def __init__(self, month: Rows) -> None:
        _, self._of = np.unique(month, return_inverse=True)
        count = int(self._of.max()) + 1
        drawn = dice("months").integers(0, count, (DRAWS, count))
        self._times = np.stack([(drawn == one).sum(axis=1) for one in range(count)], axis=1).astype(np.float64)
        self._size = np.bincount(self._of).astype(np.float64)

    def mean(self, values: Array) -> Estimate:
        sums = np.bincount(self._of, values)
        return Estimate(float(values.mean()), self._times @ sums / (self._times @ self._size))

    def auc(self, rises: Rows, rose: NDArray[np.bool_]) -> Estimate:
        """How often who rose had more neighbors that rose than who did not; 0.5 says nothing."""
        shape = (len(self._size), K + 1)
        up, down = (
            np.bincount(self._of[which] * (K + 1) + rises[which], minlength=shape[0] * shape[1]).reshape(shape)
            for which in (rose, ~rose)
        )
        return Estimate(
            float(_area(up.sum(axis=0)[None], down.sum(axis=0)[None])[0]), _area(self._times @ up, self._times @ down)
        )


def _area(up: Array, down: Array) -> Array:
    below = np.cumsum(down, axis=1) - down
    return np.asarray((up * (below + down / 2)).sum(axis=1) / (up.sum(axis=1) * down.sum(axis=1)))
