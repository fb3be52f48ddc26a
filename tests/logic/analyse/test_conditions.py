"""What memory compares: words and numbers of one snapshot."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import log

import pytest

from semanticsignal.domain.analysis import BookView, Depth, Macro, Phase, Regime, Snapshot, Trend
from semanticsignal.domain.context import Reading, Unit
from semanticsignal.domain.market import Symbol, Timeframe
from semanticsignal.logic.analyse.conditions import conditions

WEDNESDAY = datetime(2025, 6, 25, 12, tzinfo=UTC)
NUMBERS: dict[str, float | None] = {
    "adx_14": 22.0,
    "plus_di_14": 30.0,
    "minus_di_14": 18.0,
    "rsi_14": 50.0,
    "volume_ratio": 1.0,
    "atr_14": 2.0,
    "atr_ratio": 0.02,
    "atr_rank_ratio": 0.4,
    "bb_position_ratio": 0.5,
    "macd_histogram": 0.5,
    "sma_50": 96.0,
    "sma_200": 104.0,
}
SNAPSHOT = Snapshot(
    id="id",
    symbol=Symbol("BTC", "USDC"),
    timeframe=Timeframe.H4,
    closed_at=WEDNESDAY,
    seen_at=WEDNESDAY,
    price=Decimal(100),
    source="hand",
    is_simulated=False,
    indicators=NUMBERS,
    earlier={},
    regime=Regime(Trend.BULL, Phase.RANGING, ()),
    patterns=(),
    levels=(),
    closes=(Decimal(100),),
    bars=300,
    gaps=0,
    completeness_ratio=1.0,
)


def with_numbers(**changed: float | None) -> Snapshot:
    return replace(SNAPSHOT, indicators=NUMBERS | changed)


def test_an_ordinary_market_in_words() -> None:
    assert conditions(SNAPSHOT).labels == {
        "trend": "bull",
        "adx": "medium",
        "volatility": "medium",
        "rsi": "middle",
        "macd": "bullish",
        "volume": "normal",
        "bollinger": "inside",
        "weekend": "no",
    }


def test_an_ordinary_market_in_numbers() -> None:
    assert conditions(SNAPSHOT).numbers == pytest.approx(
        {
            "di_difference": 12.0,
            "sma_50_atr": 2.0,
            "sma_200_atr": -2.0,
            "adx": 22.0,
            "atr_log": log(0.02),
            "atr_rank": 0.4,
            "rsi": 50.0,
            "macd_atr": 0.25,
            "volume_log": 0.0,
            "bollinger": 0.5,
            "weekend": 0.0,
            "sentiment": None,
            "pressure": None,
        }
    )


def felt(value: int, hours_ago: float = 1) -> Reading:
    true_at = WEDNESDAY - timedelta(hours=hours_ago)
    return Reading("fear_greed", Decimal(value), Unit.POINTS, true_at, true_at + timedelta(days=2), "alternative.me")


def pressed(*imbalances: tuple[int, float]) -> BookView:
    depths = tuple(Depth(levels, 1.0, 1.0, ratio) for levels, ratio in imbalances)
    return BookView(WEDNESDAY, "hand", 100.0, 1.0, depths, (), ())


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (0, "extreme fear"), (25, "extreme fear"), (26, "fear"), (46, "fear"), (47, "neutral"), (54, "neutral"),
        (55, "greed"), (75, "greed"), (76, "extreme greed"), (100, "extreme greed"),
    ],
)  # fmt: skip
def test_sentiment_is_the_newest_fear_and_greed_in_the_words_of_its_publisher(value: int, word: str) -> None:
    told = conditions(replace(SNAPSHOT, readings=(felt(99 - value, 25), felt(value))))

    assert (told.labels["sentiment"], told.numbers["sentiment"]) == (word, float(value))


@pytest.mark.parametrize(
    ("ratio", "word"),
    [
        (-1.0, "strong selling"), (-0.31, "strong selling"), (-0.3, "selling"), (-0.11, "selling"), (-0.1, "balanced"),
        (0.1, "balanced"), (0.11, "buying"), (0.3, "buying"), (0.31, "strong buying"), (1.0, "strong buying"),
    ],
)  # fmt: skip
def test_pressure_is_the_imbalance_within_twenty_rungs(ratio: float, word: str) -> None:
    told = conditions(replace(SNAPSHOT, book=pressed((5, 0.9), (10, -0.9), (20, ratio), (50, 0.0))))

    assert (told.labels["pressure"], told.numbers["pressure"]) == (word, ratio)


def test_a_short_book_presses_with_what_it_has() -> None:
    assert conditions(replace(SNAPSHOT, book=pressed((5, 0.2), (10, 0.4)))).numbers["pressure"] == 0.4
    assert conditions(replace(SNAPSHOT, book=pressed((3, 0.2)))).numbers["pressure"] == 0.2


@pytest.mark.parametrize(
    ("name", "value", "label", "word"),
    [
        ("adx_14", 19.99, "adx", "low"),
        ("adx_14", 20.0, "adx", "medium"),
        ("adx_14", 25.0, "adx", "high"),
        ("rsi_14", 29.99, "rsi", "oversold"),
        ("rsi_14", 30.0, "rsi", "weak"),
        ("rsi_14", 45.0, "rsi", "middle"),
        ("rsi_14", 55.0, "rsi", "strong"),
        ("rsi_14", 70.0, "rsi", "strong"),
        ("rsi_14", 70.1, "rsi", "overbought"),
        ("atr_ratio", 0.0149, "volatility", "low"),
        ("atr_ratio", 0.03, "volatility", "high"),
        ("volume_ratio", 0.49, "volume", "dry"),
        ("volume_ratio", 1.5, "volume", "high"),
        ("bb_position_ratio", 0.19, "bollinger", "near lower"),
        ("bb_position_ratio", 0.8, "bollinger", "near upper"),
        ("macd_histogram", -0.01, "macd", "bearish"),
    ],
)
def test_words_change_at_their_edges(name: str, value: float, label: str, word: str) -> None:
    assert conditions(with_numbers(**{name: value})).labels[label] == word


def test_what_is_not_known_has_no_word_and_no_number() -> None:
    told = conditions(replace(SNAPSHOT, indicators=dict.fromkeys(NUMBERS)))

    assert set(told.labels) == {"trend", "weekend"}
    assert {name for name, number in told.numbers.items() if number is not None} == {"weekend"}


def test_no_movement_and_no_volume_have_no_logarithm() -> None:
    numbers = conditions(with_numbers(atr_ratio=0.0, atr_14=0.0, volume_ratio=0.0)).numbers

    assert (numbers["atr_log"], numbers["volume_log"], numbers["macd_atr"]) == (None, None, None)


@pytest.mark.parametrize(("day", "word"), [(27, "no"), (28, "yes"), (29, "yes"), (30, "no")])
def test_saturday_and_sunday_are_the_weekend(day: int, word: str) -> None:
    told = conditions(replace(SNAPSHOT, closed_at=datetime(2025, 6, day, 12, tzinfo=UTC)))

    assert told.labels["weekend"] == word
    assert told.numbers["weekend"] == float(word == "yes")


@pytest.mark.parametrize(
    ("timeframe", "ratio"), [(Timeframe.H1, 0.01), (Timeframe.H4, 0.02), (Timeframe.D1, 0.02 * 6**0.5)]
)
def test_swings_are_as_large_on_every_timeframe(timeframe: Timeframe, ratio: float) -> None:
    """What moves 1 % an hour moves 2 % in four and 4.9 % a day."""
    seen = replace(SNAPSHOT, timeframe=timeframe, indicators={**SNAPSHOT.indicators, "atr_ratio": ratio})

    assert conditions(seen).numbers["atr_log"] == pytest.approx(log(0.02))


def large(trend: Trend) -> Macro:
    return Macro(Timeframe.D1, WEDNESDAY, 200, 1.0, {}, None, None, None, 0.0, None, None, None, {}, trend, ())


@pytest.mark.parametrize(
    ("own", "larger", "word"),
    [
        (Trend.BULL, (Trend.BULL, Trend.BULL), "bull"),
        (Trend.BEAR, (Trend.BEAR,), "bear"),
        (Trend.BULL, (Trend.BULL, Trend.BEAR), "mixed"),
        (Trend.BULL, (Trend.NEUTRAL,), "mixed"),
        (Trend.NEUTRAL, (Trend.NEUTRAL,), "mixed"),
        (Trend.BULL, (), None),
    ],
)
def test_timeframes_agree_or_they_do_not(own: Trend, larger: tuple[Trend, ...], word: str | None) -> None:
    seen = replace(SNAPSHOT, regime=Regime(own, Phase.TRENDING, ()), macro=tuple(map(large, larger)))

    assert conditions(seen).labels.get("alignment") == word
