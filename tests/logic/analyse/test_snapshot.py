"""The Snapshot: causal, finite, and honest about what is not known."""

from array import array
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isfinite

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.domain.analysis import Phase, Snapshot, Trend
from semanticsignal.domain.collected import Market
from semanticsignal.domain.market import Candles, Symbol, Timeframe, TradingRules, epoch_ms, instant
from semanticsignal.logic.analyse import momentum, trend, volatility, volume
from semanticsignal.logic.analyse.conditions import conditions
from semanticsignal.logic.analyse.snapshot import snapshot
from semanticsignal.logic.collect.candles import closed

START_MS = epoch_ms(datetime(2024, 1, 1, tzinfo=UTC))
H4 = Timeframe.H4


def candles(close: np.ndarray, reach: float = 0.004, volume: np.ndarray | None = None) -> Candles:
    opened = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(opened, close) * (1 + reach), np.minimum(opened, close) * (1 - reach)
    traded = np.full(len(close), 5.0) if volume is None else volume
    times = array("q", (START_MS + row * H4.ms for row in range(len(close))))
    return Candles(Symbol("BTC", "USDC"), H4, "hand", times, opened, high, low, close, traded).check()


def market(bars: Candles) -> Market:
    rules = TradingRules(Decimal("0.01"), Decimal("0.00001"), Decimal(5))
    return Market("id", bars.symbol, bars.timeframe, bars.closed_at, bars, rules)


def seen(close: np.ndarray, **more: object) -> Snapshot:
    bars = candles(close, **more)  # type: ignore[arg-type]
    return snapshot(market(bars), bars.closed_at)


def walk(seed: int, bars: int, scale: float = 100.0) -> np.ndarray:
    return scale * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, bars)))


@given(
    bars=st.integers(1, 320),
    seed=st.integers(0, 10_000),
    later=st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=40),
    volumes=st.sampled_from([0.0, 1e-9, 5.0, 1e12]),
)
def test_no_snapshot_changes_when_later_bars_arrive(bars: int, seed: int, later: list[float], volumes: float) -> None:
    past = walk(seed, bars)
    at = instant(START_MS + bars * H4.ms)
    traded = np.append(np.full(bars, 5.0), np.full(len(later), volumes))
    ours = candles(past, volume=traded[:bars])
    theirs = candles(np.append(past, later), volume=traded)

    before = snapshot(market(ours), at)
    after = snapshot(market(closed(theirs, at)), at)

    assert before == after


@given(bars=st.integers(1, 260), more=st.integers(1, 40), seed=st.integers(0, 10_000))
def test_no_indicator_at_a_bar_changes_when_the_next_arrive(bars: int, more: int, seed: int) -> None:
    close = walk(seed, bars + more)
    traded = np.random.default_rng(seed).lognormal(3, 1, bars + more)
    high, low = close * 1.004, close * 0.996
    series = (
        lambda n: trend.sma(close[:n], 50),
        lambda n: np.stack(trend.macd(close[:n])),
        lambda n: trend.adx(high[:n], low[:n], close[:n]),
        lambda n: np.stack(trend.directional(high[:n], low[:n], close[:n])),
        lambda n: momentum.rsi(close[:n]),
        lambda n: momentum.change_ratio(close[:n], 6),
        lambda n: volatility.atr(high[:n], low[:n], close[:n]),
        lambda n: np.stack(volatility.bollinger(close[:n])),
        lambda n: volume.obv_change_ratio(close[:n], traded[:n], 10),
        lambda n: volume.volume_ratio(traded[:n]),
    )

    for indicator in series:
        short, long = np.atleast_2d(indicator(bars)), np.atleast_2d(indicator(bars + more))
        np.testing.assert_array_equal(short, long[:, :bars])


@pytest.mark.parametrize("scale", [1e12, 100.0, 1e-9])
@pytest.mark.parametrize("bars", [1, 2, 3, 26, 60, 300])
@pytest.mark.parametrize("traded", [0.0, 1e-9, 1e12])
@pytest.mark.parametrize("is_flat", [True, False])
def test_nothing_in_a_snapshot_is_nan_or_infinite(bars: int, scale: float, traded: float, is_flat: bool) -> None:
    close = np.full(bars, scale) if is_flat else walk(3, bars, scale)

    told = seen(close, reach=0.0 if is_flat else 0.004, volume=np.full(bars, traded))

    numbers = [*told.indicators.values(), *told.earlier.values(), *(level.price for level in told.levels)]
    numbers += [pattern.confidence_ratio for pattern in told.patterns]
    numbers += list(conditions(told).numbers.values())
    assert all(number is None or isfinite(number) for number in numbers)


def test_one_bar_knows_its_volume_and_nothing_that_needs_a_past() -> None:
    told = seen(np.array([100.0]))

    known = {name for name, value in told.indicators.items() if value is not None}
    assert known == {"volume"}
    assert set(told.earlier.values()) == {None}
    assert told.patterns == () and told.levels == ()
    assert told.regime.trend is Trend.NEUTRAL


def test_earlier_is_what_was_said_one_bar_before() -> None:
    close = walk(5, 300)

    now, before = seen(close), seen(close[:-1])

    assert dict(now.earlier) == {name: before.indicators[name] for name in now.earlier}


def test_a_snapshot_carries_the_exact_price_and_the_newest_closes_oldest_first() -> None:
    told = seen(np.array([0.1 + 0.2, *np.linspace(1.0, 2.0, 11), 107146.5]))

    assert told.price == Decimal("107146.5")
    assert len(told.closes) == 12 and told.closes[-1] == told.price and told.closes[0] == Decimal("1.0")


def test_a_snapshot_counts_its_bars_and_its_gaps() -> None:
    whole = candles(walk(1, 10))
    holed = replace(whole, opened_ms=array("q", [*whole.opened_ms[:-1], whole.opened_ms[-1] + 2 * H4.ms]))

    told = snapshot(market(holed), holed.closed_at)

    assert (told.bars, told.gaps) == (10, 2)
    assert told.completeness_ratio == pytest.approx(10 / 12)
    assert told.closed_at == instant(START_MS) + timedelta(hours=48)


def test_a_market_that_never_moved_is_not_called_oversold() -> None:
    told = seen(np.full(300, 100.0), reach=0.0)

    assert told.indicators["rsi_14"] in {None, 50.0}  # no gain over no loss: undefined, or the middle; never an extreme
    assert conditions(told).labels.get("rsi") != "oversold"


def test_a_market_that_never_moved_has_no_trend() -> None:
    told = seen(np.full(300, 100.0), reach=0.0)

    assert told.regime.trend is Trend.NEUTRAL


def test_a_market_that_never_moved_is_not_volatile() -> None:
    told = seen(np.full(300, 100.0), reach=0.0)

    assert told.regime.phase is Phase.RANGING
