"""Named shapes with the bars that made them: which kinds there are, how long each is news, how many are told."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from ...domain.analysis import Pattern
from ...domain.market import Candles
from .candlesticks import candlesticks
from .divergences import divergences
from .gauges import alignment, momentum, volatility, volume
from .lines import corridors, flags, structure
from .reversals import reversals
from .swings import swings
from .tail import Tail, tail

Array = NDArray[np.float64]
ZERO = np.zeros(1)
# Family: its oldest news in bars, and how many of it are told. Together at most 25.
FAMILIES = {
    "crossing": (60, 4),
    "momentum": (10, 4),
    "divergence": (20, 3),
    "volatility": (5, 3),
    "volume": (10, 3),
    "shape": (20, 4),
    "structure": (30, 1),
    "candlestick": (2, 3),
}


def found(candles: Candles, series: Mapping[str, Array]) -> tuple[Pattern, ...]:
    """What the newest bars show, family by family, newest and then strongest first. `series`: the indicators by name,
    as long as the candles."""
    families = {"crossing": _crossings(series)} | _of_the_tail(tail(candles, series), series)
    return tuple(pattern for family, some in families.items() for pattern in _news(family, some))


def _crossings(series: Mapping[str, Array]) -> list[Pattern]:
    crossings = (
        crossing("macd_cross", series["macd"], series["macd_signal"], within=12),
        crossing("sma_20_50_cross", series["sma_20"], series["sma_50"], within=30),
        crossing("sma_50_200_cross", series["sma_50"], series["sma_200"], within=60),
        crossing("macd_zero_cross", series["macd"], ZERO, within=12),
    )
    return [pattern for pattern in crossings if pattern]


def _of_the_tail(newest: Tail, series: Mapping[str, Array]) -> dict[str, Iterable[Pattern]]:
    turns = swings(newest)
    within = {family: bars for family, (bars, _) in FAMILIES.items()}
    return {
        "momentum": [*momentum(newest, within["momentum"]), *alignment(newest)],
        "divergence": divergences(newest, turns),
        "volatility": volatility(newest, series["bb_width_ratio"], within["volatility"]),
        "volume": volume(newest, within["volume"]),
        "shape": [
            *reversals(newest, turns, within["shape"]),
            *corridors(newest, turns, within["shape"]),
            *flags(newest, turns),
        ],
        "structure": structure(newest, turns),
        "candlestick": candlesticks(newest, within["candlestick"]),
    }


def _news(family: str, some: Iterable[Pattern]) -> list[Pattern]:
    oldest, most = FAMILIES[family]
    recent = [pattern for pattern in some if pattern.bars[-1] <= oldest]
    if family == "crossing":
        return recent  # in the order they are asked for: a reader knows where to look
    if len(recent) > 1:
        recent.sort(key=lambda pattern: (pattern.bars[-1], -pattern.confidence_ratio, pattern.name))
    return recent[:most]


def crossing(name: str, fast: Array, slow: Array, within: int) -> Pattern | None:
    """The newest crossing of `fast` over (`…_up`) or under (`…_down`) `slow` in the last `within` bars.

    Confidence falls linearly with age: 1 at the newest bar."""
    gap = (fast[-within - 1 :] - slow[-within - 1 :]).tolist()
    after = None
    for row in range(len(gap) - 1, -1, -1):
        # A touch has no side, nor has what is not known: what counts is where it was before and where it went.
        if not (gap[row] > 0 or gap[row] < 0):
            continue
        if after is not None and (gap[row] > 0) != (gap[after] > 0):
            direction, bars_ago = "up" if gap[after] > 0 else "down", len(gap) - 1 - after
            return Pattern(f"{name}_{direction}", round(1 - bars_ago / within, 4), (bars_ago + 1, bars_ago), direction)
        after = row
    return None
