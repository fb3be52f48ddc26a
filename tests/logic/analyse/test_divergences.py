"""Divergences between two known swings of one kind."""

import numpy as np
import pytest

from semanticsignal.logic.analyse.divergences import divergences
from semanticsignal.logic.analyse.swings import Swing
from semanticsignal.logic.analyse.tail import Tail

BARS = 40


def drawn(prices: tuple[float, float], rsi: tuple[float, float], is_high: bool, last: float = 100.0) -> list[str]:
    """Two highs (or lows) at rows 10 and 25 with one of the other kind between and one after them."""
    close = [100.0] * (BARS - 1) + [last]
    values = [50.0] * BARS
    values[10], values[25] = rsi
    quiet = {"atr_14": [1.0] * BARS, "rsi_14": values, "macd": [0.0] * BARS}
    tail = Tail(close, close, close, close, [1.0] * BARS, quiet)
    swings = [
        Swing(10, prices[0], is_high, 13),
        Swing(17, 100.0, not is_high, 20),
        Swing(25, prices[1], is_high, 28),
    ]
    return [f"{x.name} {x.direction}" for x in divergences(tail, swings)]


@pytest.mark.parametrize(
    ("prices", "rsi", "is_high", "told"),
    [
        ((104, 106), (75, 65), True, "rsi_bearish_divergence down"),
        ((106, 104), (65, 75), True, "rsi_hidden_bearish_divergence down"),
        ((96, 94), (25, 35), False, "rsi_bullish_divergence up"),
        ((94, 96), (35, 25), False, "rsi_hidden_bullish_divergence up"),
    ],
)
def test_each_kind_is_told(prices: tuple[float, float], rsi: tuple[float, float], is_high: bool, told: str) -> None:
    assert drawn(prices, rsi, is_high) == [told]


def test_price_and_indicator_that_go_together_do_not_diverge() -> None:
    assert drawn((104, 106), (65, 75), True) == [] and drawn((96, 94), (35, 25), False) == []


def test_a_hair_is_no_divergence() -> None:
    assert drawn((104, 104.1), (75, 65), True) == [] and drawn((104, 106), (75, 74), True) == []


def test_a_close_beyond_the_second_swing_ends_it() -> None:
    assert drawn((104, 106), (75, 65), True, last=107) == []
    assert drawn((96, 94), (25, 35), False, last=93) == []


def test_too_few_swings_have_nothing_to_part() -> None:
    close = [100.0] * BARS
    tail = Tail(close, close, close, close, close, {"atr_14": close, "rsi_14": close, "macd": close})

    assert list(divergences(tail, [])) == []
    assert list(divergences(tail, [Swing(5, 1.0, True, 7), Swing(9, 0.5, False, 12)])) == []


def test_volume_that_leaves_while_the_price_climbs_diverges() -> None:
    close = np.linspace(100, 100.2, BARS).tolist()
    for row in (12, 14, 16, 18, 20):
        close[row] -= 1
    volume = [100.0 if row in {12, 14, 16, 18, 20} else 1.0 for row in range(BARS)]
    quiet = {"atr_14": [1.0] * BARS, "rsi_14": [50.0] * BARS, "macd": [0.0] * BARS}
    swings = [Swing(10, 104.0, True, 13), Swing(17, 100.0, False, 20), Swing(25, 106.0, True, 28)]

    assert [x.name for x in divergences(Tail(close, close, close, close, volume, quiet), swings)] == [
        "volume_bearish_divergence"
    ]
    silent = Tail(close, close, close, close, [0.0] * BARS, quiet)
    assert list(divergences(silent, swings)) == []
