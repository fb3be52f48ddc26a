"""Trend by three votes, phase by ADX and the rank of ATR."""

import pytest

from semanticsignal.domain.analysis import Phase, Trend
from semanticsignal.logic.analyse.regime import regime

BULL = {
    "sma_50": 105.0,
    "sma_200": 100.0,
    "plus_di_14": 30.0,
    "minus_di_14": 10.0,
    "adx_14": 20.0,
    "atr_rank_ratio": 0.5,
}


def test_three_votes_up_are_a_bull() -> None:
    told = regime(BULL, 110.0)

    assert told.trend is Trend.BULL
    assert told.evidence == ("close > sma_200", "sma_50 > sma_200", "+DI > -DI", "ADX 20.0")


def test_two_of_three_votes_decide() -> None:
    assert regime(BULL, 99.0).trend is Trend.BULL
    assert regime(BULL | {"sma_50": 95.0}, 99.0).trend is Trend.BEAR


def test_without_a_long_mean_one_vote_is_no_trend() -> None:
    told = regime(BULL | {"sma_200": None}, 110.0)

    assert told.trend is Trend.NEUTRAL
    assert told.evidence == ("+DI > -DI", "ADX 20.0")


def test_without_directions_two_votes_must_agree() -> None:
    blind = BULL | {"plus_di_14": None, "minus_di_14": None}

    assert regime(blind, 110.0).trend is Trend.BULL
    assert regime(blind, 99.0).trend is Trend.NEUTRAL


def test_nothing_known_is_neutral_and_ranging_without_evidence() -> None:
    told = regime(dict.fromkeys(BULL), 110.0)

    assert (told.trend, told.phase, told.evidence) == (Trend.NEUTRAL, Phase.RANGING, ())


@pytest.mark.parametrize(
    ("adx", "rank", "phase"),
    [
        (25.0, 0.5, Phase.TRENDING),
        (24.999, 0.5, Phase.RANGING),
        (24.999, 0.9, Phase.VOLATILE),
        (24.999, 0.899, Phase.RANGING),
        (25.0, 1.0, Phase.TRENDING),
        (None, 0.95, Phase.VOLATILE),
        (10.0, None, Phase.RANGING),
    ],
)
def test_the_phase_at_its_edges(adx: float | None, rank: float | None, phase: Phase) -> None:
    told = regime(BULL | {"adx_14": adx, "atr_rank_ratio": rank}, 110.0)

    assert told.phase is phase
    assert ("ATR rank" in " ".join(told.evidence)) == (phase is Phase.VOLATILE)


def test_a_regime_reads_as_two_words() -> None:
    assert str(regime(BULL | {"adx_14": 40.0}, 110.0)) == "bull trending"
