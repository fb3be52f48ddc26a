"""Candlesticks: TA-Lib's and ours, after the move that they are to turn."""

import pytest

from semanticsignal.logic.analyse.candlesticks import candlesticks
from semanticsignal.logic.analyse.tail import Tail

Bar = tuple[float, float, float, float]
PLAIN: Bar = (100, 101.1, 99.4, 100.5)


def told(*newest: Bar, move: float = 0.0, within: int = 2) -> list[tuple[str, tuple[int, ...]]]:
    """Twenty plain bars, six that lead down (or up) by `move` each to 100, then these."""
    lead = [(100 - move * k, 101.1 - move * k, 99.4 - move * k, 100 - move * (k - 1)) for k in range(6, 0, -1)]
    bars = [*[(o - 6 * move, h - 6 * move, x - 6 * move, c - 6 * move) for o, h, x, c in [PLAIN] * 20], *lead, *newest]
    columns = [list(column) for column in zip(*bars, strict=True)]
    tail = Tail(*columns, [1.0] * len(bars), {"atr_14": [1.7] * len(bars)})
    return [(x.name, x.bars) for x in candlesticks(tail, within)]


@pytest.mark.parametrize(
    ("name", "bars", "move"),
    [
        ("hammer", [(99.4, 99.82, 96.5, 99.8)], -1.0),
        ("shooting_star", [(100.6, 103.5, 100.18, 100.2)], 1.0),
        ("bullish_engulfing", [(100, 100.4, 98.9, 99), (98.9, 101, 98.8, 100.8)], -1.0),
        ("bearish_engulfing", [(100, 101.1, 99.6, 101), (101.1, 101.2, 99, 99.2)], 1.0),
        ("bullish_harami", [(100, 100.1, 96.9, 97), (97.8, 98.5, 97.7, 98.2)], -1.0),
        ("bearish_harami", [(100, 103.1, 99.9, 103), (102.2, 102.3, 101.5, 101.8)], 1.0),
        ("morning_star", [(100, 100.1, 97.9, 98), (98, 98.5, 97.5, 98.2), (98.2, 99.9, 98.1, 99.8)], -1.0),
        ("evening_star", [(100, 102.1, 99.9, 102), (102, 102.5, 101.5, 101.8), (101.8, 101.9, 100, 100.2)], 1.0),
        ("three_inside_up", [(100, 100.1, 96.9, 97), (97.8, 98.5, 97.7, 98.2), (98.2, 100.9, 98, 100.7)], -1.0),
        ("three_white_soldiers", [(100, 101.6, 99.9, 101.5), (101.5, 103, 101.4, 102.9), (102.9, 104.5, 102.8, 104.4)],
         0.0),
        ("three_black_crows", [(100, 100.1, 98.4, 98.5), (98.5, 98.6, 97, 97.1), (97.1, 97.2, 95.5, 95.6)], 0.0),
        ("bullish_marubozu", [(100, 102.5, 100, 102.5)], 0.0),
        ("bearish_marubozu", [(100, 100, 97.5, 97.5)], 0.0),
        ("doji", [(100, 100.9, 99.1, 100)], -1.0),
        ("dragonfly_doji", [(100, 100.01, 97.5, 100)], -1.0),
        ("gravestone_doji", [(100, 102.5, 99.99, 100)], 1.0),
    ],
)  # fmt: skip
def test_each_candlestick_is_told_with_its_bars(name: str, bars: list[Bar], move: float) -> None:
    assert (name, tuple(range(len(bars) - 1, -1, -1))) in told(*bars, move=move)


def test_what_turns_nothing_is_not_told() -> None:
    engulfing: list[Bar] = [(100, 100.4, 98.9, 99), (98.9, 101, 98.8, 100.8)]

    assert not any("engulfing" in name for name, _ in told(*engulfing, move=0.0))
    assert not any("engulfing" in name for name, _ in told(*engulfing, move=1.0))


def test_a_candlestick_of_yesterday_ages_and_is_forgotten() -> None:
    engulfing: list[Bar] = [(100, 100.4, 98.9, 99), (98.9, 101, 98.8, 100.8)]

    assert ("bullish_engulfing", (2, 1)) in told(*engulfing, PLAIN, move=-1.0)
    assert not any("engulfing" in name for name, _ in told(*engulfing, PLAIN, PLAIN, PLAIN, move=-1.0))


def test_under_twenty_bars_there_is_no_usual_body() -> None:
    columns = [list(column) for column in zip(*[PLAIN] * 19, strict=True)]

    assert candlesticks(Tail(*columns, [1.0] * 19, {"atr_14": [1.7] * 19}), 2) == []


def test_without_a_range_there_is_no_size_to_believe() -> None:
    bars = [*[PLAIN] * 29, (100.0, 102.5, 100.0, 102.5)]
    columns = [list(column) for column in zip(*bars, strict=True)]

    assert candlesticks(Tail(*columns, [1.0] * 30, {"atr_14": [0.0] * 30}), 2) == []
