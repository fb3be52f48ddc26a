"""What the indicators show by themselves."""

import numpy as np
import pytest
from drawn import bars, found, names, of, walk

from semanticsignal.domain.analysis import Pattern
from semanticsignal.domain.market import Candles
from semanticsignal.logic.analyse import gauges
from semanticsignal.logic.analyse.tail import Tail


def closes(values: np.ndarray, seed: int = 1, volume: np.ndarray | None = None, reach: float = 0.002) -> Candles:
    return bars(values, np.random.default_rng(seed), reach, volume)


def told(candles: Candles, name: str) -> Pattern:
    return next(pattern for pattern in found(candles) if pattern.name == name)


def wave(count: int = 300) -> np.ndarray:
    return 100 + 2 * np.sin(np.arange(count) / 6)


def test_a_fall_is_oversold_and_a_rise_overbought() -> None:
    falling = closes(np.append(wave(), 100 * 0.985 ** np.arange(1, 12)))
    rising = closes(np.append(wave(), 100 * 1.015 ** np.arange(1, 12)))

    assert {"rsi_oversold", "stoch_oversold"} <= names(falling)
    assert {"rsi_overbought", "stoch_overbought"} <= names(rising)
    assert told(falling, "rsi_oversold").direction == "up" and told(rising, "rsi_overbought").direction == "down"


def test_an_oscillator_says_since_when_it_is_beyond() -> None:
    values = [50.0, 29, 40, 25, 20, 15]

    assert list(gauges._beyond("rsi", values, 30.0)) == [Pattern("rsi_oversold", 1.0, (2, 0), "up")]
    assert list(gauges._beyond("rsi", [50.0, 70, 75], 30.0)) == [Pattern("rsi_overbought", 0.6667, (0, 0), "down")]
    assert list(gauges._beyond("rsi", [29.0, 30], 30.0)) == list(gauges._beyond("rsi", [float("nan")], 30.0)) == []


@pytest.mark.parametrize(
    ("newest", "is_told"),
    [
        ([25, 40, 28, 42, 43], True),  # past the peak between
        ([25, 40, 28, 39, 39], False),  # not yet
        ([25, 40, 22, 42, 43], False),  # a second trough below the first
        ([35, 45, 36, 48, 49], False),  # never beyond the threshold
        ([10, 40, 28, 42, 43], False),  # troughs too unlike
    ],
)
def test_two_troughs_of_rsi_and_a_rise_past_the_peak_between_are_a_w(newest: list[float], is_told: bool) -> None:
    rsi = [50.0, 60.0, 50.0] * 10 + newest

    assert [x.name for x in gauges._double_turn(rsi, "rsi_w_bottom", "up")] == ["rsi_w_bottom"] * is_told


def test_the_histogram_is_told_when_it_runs() -> None:
    assert list(gauges._histogram([0.0, 1, 2, 3, 4, 5])) == [Pattern("macd_histogram_rising", 0.5, (5, 0), "up")]
    assert list(gauges._histogram([5.0, 4, 3, 2, 1, 0, -1])) == [Pattern("macd_histogram_falling", 0.6, (6, 0), "down")]
    assert list(gauges._histogram([0.0, 1, 2, 3, 4])) == list(gauges._histogram([])) == []


def test_a_stochastic_crosses_out_of_its_ends_alone() -> None:
    def crossings(fast: list[float], slow: list[float]) -> list[tuple[str, tuple[int, ...]]]:
        tail = Tail([], [], [], [], [], {"stochastic_k": fast, "stochastic_d": slow})
        return [(x.name, x.bars) for x in gauges._stochastic(tail, 10) if "cross" in x.name]

    assert crossings([30, 10, 25, 30], [35, 15, 20, 24]) == [("stoch_cross_up", (2, 1))]
    assert crossings([70, 90, 75, 70], [65, 85, 80, 76]) == [("stoch_cross_down", (2, 1))]
    assert crossings([40, 45, 55], [45, 50, 50]) == []
    assert crossings([30, 10, 25, 30], [35, 15, 20, 24][:0] + [float("nan")] * 4) == []
    assert crossings([10], [20]) == []


@pytest.mark.parametrize(("sign", "word"), [(1, "up"), (-1, "down")])
def test_averages_in_the_order_of_a_trend_are_aligned(sign: int, word: str) -> None:
    candles = closes(100 * np.exp(sign * 0.002 * np.arange(400)))

    assert told(candles, f"sma_alignment_{word}").direction == word


def test_bars_suddenly_thrice_as_wide_are_a_spike_at_any_price() -> None:
    for scale in (1e-8, 1.0, 1e6):
        wide = np.append(wave(), 100 + 12 * np.array([1, -1, 1, -1, 1]))
        assert "atr_spike" in names(closes(scale * wide))


def test_a_range_that_grows_and_one_that_dies_are_told() -> None:
    tail = {"rising": 1.05 ** np.arange(30), "falling": 0.95 ** np.arange(30)}

    for word, atr in tail.items():
        assert [x.name for x in gauges._volatility_run(atr[-10:].tolist())] == [f"volatility_{word}"]
    assert list(gauges._volatility_run([1.0] * 10)) == list(gauges._volatility_run([1.0])) == []
    assert list(gauges._volatility_run([1.0 + 0.001 * k for k in range(10)])) == []
    assert list(gauges._volatility_run([0.0] * 9 + [1.0])) == []


def test_bands_narrower_than_nearly_ever_are_squeezed() -> None:
    chance = np.random.default_rng(1)
    widths = chance.uniform(0.02, 0.2, 500)

    assert [x.confidence_ratio for x in gauges._bands(np.append(widths, 0.01))] == [1.0]
    assert list(gauges._bands(np.append(widths, 0.1))) == []
    assert list(gauges._bands(np.append(widths[:50], 0.01))) == []  # too few to compare with
    assert list(gauges._bands(np.zeros(500))) == []
    assert list(gauges._bands(np.full(5, np.nan))) == []


def test_a_squeeze_is_told_while_it_lasts_and_its_release_after() -> None:
    chance = np.random.default_rng(3)
    quiet = 100 + 0.02 * chance.normal(0, 1, 60)
    lead = 100 * np.exp(np.cumsum(chance.normal(0, 0.01, 200)))
    lead *= 100 / lead[-1]
    resting = closes(np.concatenate((lead, quiet)), reach=0.006)
    freed = closes(np.concatenate((lead, quiet, 100 * 1.02 ** np.arange(1, 5))), reach=0.006)

    assert "ttm_squeeze" in names(resting) and not any("release" in name for name in names(resting))
    assert told(freed, "ttm_release_up").direction == "up" and "ttm_squeeze" not in names(freed)


def test_a_loud_bar_is_a_spike_and_goes_the_way_of_its_body() -> None:
    volume = np.full(300, 10.0)
    volume[-3] = 40
    close = wave()
    close[-3] = close[-4] + 1

    spike = told(closes(close, volume=volume), "volume_spike")
    assert spike.bars == (2,) and spike.direction == "up"
    assert spike.confidence_ratio == pytest.approx(0.5 + 0.5 * (4 - 2.5) / 2.5)


@pytest.mark.parametrize(("sign", "name", "direction"), [(-1, "selling_climax", "up"), (1, "buying_climax", "down")])
def test_a_loud_wide_bar_at_an_extreme_is_a_climax(sign: int, name: str, direction: str) -> None:
    volume = np.append(np.full(300, 10.0), 50)
    candles = closes(np.append(wave(), 100 + sign * 8), volume=volume)

    assert told(candles, name).direction == direction


def test_a_loud_bar_in_the_middle_of_its_range_is_no_climax() -> None:
    volume = np.append(np.full(300, 10.0), 50)
    close = np.append(100 + 6 * np.sin(np.arange(300) / 2), 100)
    opened, high, low = np.append(close[:1], close[:-1]), np.maximum(close, 100) + 9, np.minimum(close, 100) - 9
    high, low = np.maximum(high, opened), np.minimum(low, opened)
    high[-1], low[-1] = 109, 91

    assert not any("climax" in name for name in names(of(opened, high, low, close, volume)))


def test_three_quiet_bars_are_a_dry_up() -> None:
    volume = np.append(np.full(300, 10.0), [2, 2, 2])

    assert told(closes(wave(303), volume=volume), "volume_dry_up").bars == (2, 0)
    assert list(gauges._quiet([0.0] * 30)) == []


@pytest.mark.parametrize(("loud", "name"), [(1, "volume_accumulation"), (-1, "volume_distribution")])
def test_volume_in_the_bars_of_one_side_is_accumulation_or_distribution(loud: int, name: str) -> None:
    steps = np.tile([1.0, -1.0], 150)
    close = 100 + 0.5 * np.cumsum(steps)

    assert name in names(closes(close, volume=np.where(steps == loud, 40.0, 10.0)))


def test_what_was_never_traded_says_nothing_of_volume() -> None:
    assert not any("volume" in name or "climax" in name for name in names(closes(wave(), volume=np.zeros(300))))


def test_noise_is_squeezed_about_as_seldom_as_the_percentile_says() -> None:
    squeezed = sum("bb_squeeze" in names(walk(seed, 700)) for seed in range(200))

    assert squeezed <= 0.12 * 200
