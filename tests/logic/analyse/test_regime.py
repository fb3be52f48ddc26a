"""Trend by three votes, phase by ADX and the rank of ATR; each enters at one edge and leaves at another."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from semanticsignal.domain.analysis import Phase, Regime, Trend
from semanticsignal.logic.analyse.regime import regime

Array = NDArray[np.float64]
BARS = 600
NAN = float("nan")


def told(close: float | Array = 110.0, **changed: float | Array) -> Regime:
    """The regime after `BARS` bars of a quiet bull market, but for what is changed: a number all along, or a column."""
    ramp = np.linspace(0.01, 0.02, BARS)
    ramp[-1] = 0.015  # in the middle of its ranks
    steady: dict[str, float | Array] = {
        "sma_50": 105.0, "sma_200": 100.0, "plus_di_14": 30.0, "minus_di_14": 10.0, "adx_14": 15.0, "atr_14": 2.0,
        "atr_ratio": ramp,
    }  # fmt: skip
    columns = {name: np.broadcast_to(value, BARS).astype(float) for name, value in (steady | changed).items()}
    return regime(columns, np.broadcast_to(close, BARS).astype(float))


def last(*values: float, before: float) -> Array:
    """`before` all along, and these at the end."""
    return np.array([before] * (BARS - len(values)) + list(values))


def test_three_votes_up_are_a_bull() -> None:
    seen = told()

    assert seen.trend is Trend.BULL
    assert seen.evidence == (
        "close went above sma_200 599 bars ago",
        "sma_50 went above sma_200 599 bars ago",
        "+DI went above -DI 599 bars ago",
        "ADX 15.0",
    )


def test_two_of_three_votes_decide() -> None:
    assert told(close=90.0).trend is Trend.BULL
    assert told(close=90.0, sma_50=95.0).trend is Trend.BEAR


def test_without_a_long_mean_one_vote_is_no_trend() -> None:
    seen = told(sma_200=NAN)

    assert seen.trend is Trend.NEUTRAL
    assert seen.evidence == ("+DI went above -DI 599 bars ago", "ADX 15.0")


def test_without_directions_two_votes_must_agree() -> None:
    assert told(plus_di_14=NAN).trend is Trend.BULL
    assert told(close=90.0, plus_di_14=NAN).trend is Trend.NEUTRAL


def test_nothing_known_is_neutral_and_ranging_without_evidence() -> None:
    nothing = dict.fromkeys(
        ("sma_50", "sma_200", "plus_di_14", "minus_di_14", "adx_14", "atr_14", "atr_ratio"), np.full(1, NAN)
    )

    assert regime(nothing, np.array([110.0])) == Regime(Trend.NEUTRAL, Phase.RANGING, ())


def test_a_market_that_never_moved_has_no_side() -> None:
    assert told(close=100.0, sma_50=100.0, plus_di_14=0.0, minus_di_14=0.0, atr_14=0.0).trend is Trend.NEUTRAL


@pytest.mark.parametrize(
    ("adx", "phase"),
    [
        ([25.0], Phase.TRENDING),
        ([24.9], Phase.RANGING),
        ([25.0, 20.0], Phase.TRENDING),
        ([25.0, 24.0, 20.1, 24.9], Phase.TRENDING),
        ([25.0, 19.9], Phase.RANGING),
        ([25.0, 19.9, 24.9], Phase.RANGING),
        ([25.0, 19.9, 25.0], Phase.TRENDING),
        ([25.0, NAN], Phase.TRENDING),
    ],
)
def test_a_trend_begins_at_25_and_ends_below_20(adx: list[float], phase: Phase) -> None:
    assert told(adx_14=last(*adx, before=15.0)).phase is phase


def test_the_evidence_says_how_long_it_trends_and_when_it_ends() -> None:
    seen = told(adx_14=last(25.0, 31.0, 22.04, before=15.0))

    assert seen.evidence[-2:] == ("ADX 22.0", "trending for 3 bars, until ADX falls below 20")


def test_a_close_that_trembles_at_its_mean_changes_no_vote() -> None:
    """ATR 2: a vote turns half a unit beyond the mean."""
    trembling = last(100.4, 99.6, 100.4, 99.6, before=110.0)

    assert told(close=trembling).evidence[0] == "close went above sma_200 599 bars ago"
    assert told(close=last(99.5, 100.4, before=110.0)).evidence[0] == "close went below sma_200 1 bars ago"


@pytest.mark.parametrize(
    ("newest", "phase"),
    [
        ([0.0195], Phase.VOLATILE),
        ([0.0195, 0.0185], Phase.VOLATILE),
        ([0.0195, 0.0175], Phase.RANGING),
        ([0.0195, 0.0175, 0.0185], Phase.RANGING),
    ],
)
def test_a_volatile_market_begins_in_the_top_tenth_and_ends_below_the_top_fifth(
    newest: list[float], phase: Phase
) -> None:
    """540 even steps from 0.01 to 0.02 and a few more: 0.0195 is at 0.95, 0.0185 at 0.85, 0.0175 at 0.75."""
    steps = np.concatenate([np.linspace(0.01, 0.02, 541)[np.random.default_rng(5).permutation(541)], [0.012]])

    seen = told(atr_ratio=np.concatenate([np.full(BARS - 542 - len(newest), NAN), steps, newest]))

    assert seen.phase is phase
    assert ("ATR rank" in " ".join(seen.evidence)) == (phase is Phase.VOLATILE)


def test_a_trend_comes_before_a_wild_market() -> None:
    assert told(adx_14=30.0, atr_ratio=np.linspace(0.01, 0.02, BARS)).phase is Phase.TRENDING


def stepwise(adx: Array) -> Phase:
    """By the definition, bar by bar."""
    phase = Phase.RANGING
    for value in adx:
        phase = Phase.TRENDING if value >= 25 else Phase.RANGING if value < 20 else phase
    return phase


@given(st.lists(st.floats(0, 60), min_size=1, max_size=80))
def test_which_edge_was_passed_last_is_what_walking_bar_by_bar_finds(values: list[float]) -> None:
    adx = last(*values, before=22.0)

    assert told(adx_14=adx).phase is stepwise(adx)


def test_the_phase_turns_less_often_than_without_a_second_edge() -> None:
    noise = np.random.default_rng(3).normal(0, 2, 400)
    adx = 23 + 6 * np.sin(np.arange(400) / 30) + noise
    bare = np.count_nonzero(np.diff(adx >= 25))

    phases = [told(adx_14=last(*adx[: n + 1], before=NAN)).phase for n in range(400)]

    assert sum(one is not other for one, other in pairwise(phases)) < bare / 2


def test_a_regime_reads_as_two_words() -> None:
    assert str(told(adx_14=40.0)) == "bull trending"
