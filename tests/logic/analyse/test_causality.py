"""Whatever the bars, a snapshot is made of those before it alone, and of numbers."""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.codec import dumps, loads
from semanticsignal.domain.analysis import Snapshot
from semanticsignal.domain.collected import Around, Market
from semanticsignal.domain.market import Candles, Symbol, Timeframe, TradingRules, epoch_ms
from semanticsignal.logic.analyse.series import columns, newest, series
from semanticsignal.logic.analyse.snapshot import snapshot

MONDAY_MS = epoch_ms(datetime(2020, 1, 6, tzinfo=UTC))
BTC = Symbol("BTC", "USDC")
RULES = TradingRules(Decimal("0.01"), Decimal("0.00001"), Decimal(5))


def candles(close: np.ndarray, traded: np.ndarray, timeframe: Timeframe = Timeframe.H4, first: int = 0) -> Candles:
    opened = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    times = array("q", (MONDAY_MS + (first + row) * timeframe.ms for row in range(len(close))))
    return Candles(BTC, timeframe, "hand", times, opened, high, low, close, traded).check()


def walk(seed: int, bars: int, scale: float = 100.0) -> np.ndarray:
    return scale * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, bars)))


def seen(bars: Candles, daily: Candles | None = None, weekly: Candles | None = None) -> Snapshot:
    around = Around(daily=daily, weekly=weekly)
    return snapshot(Market("id", BTC, bars.timeframe, bars.closed_at, bars, RULES, around=around), bars.closed_at)


def numbers(noun: Any) -> Iterator[float]:
    if isinstance(noun, float):
        yield noun
    elif is_dataclass(noun):
        for field in fields(noun):
            yield from numbers(getattr(noun, field.name))
    elif isinstance(noun, Mapping):
        for item in noun.values():
            yield from numbers(item)
    elif isinstance(noun, tuple):
        for item in noun:
            yield from numbers(item)


@given(n=st.integers(1, 700), more=st.integers(1, 200), seed=st.integers(0, 9999))
def test_what_is_said_at_a_bar_is_the_same_with_and_without_the_bars_after_it(n: int, more: int, seed: int) -> None:
    close, traded = walk(seed, n + more), np.random.default_rng(seed).lognormal(3, 1, n + more)
    whole = candles(close, traded)
    days, weeks = candles(walk(seed, 500), traded[:1].repeat(500), Timeframe.D1), Timeframe.W1

    alone = seen(whole[:n], days[: n // 6])
    knowing = seen(whole[:n], days, candles(walk(seed, 99), np.ones(99), weeks, first=n // 42 + 1))

    assert alone == knowing


@given(n=st.integers(1, 700), more=st.integers(1, 99), seed=st.integers(0, 9999))
def test_no_series_changes_behind_what_is_already_known(n: int, more: int, seed: int) -> None:
    close, traded = walk(seed, n + more), np.random.default_rng(seed).lognormal(3, 1, n + more)
    whole = candles(close, traded)

    short, long = series(columns(whole[:n])), series(columns(whole))

    for name, column in short.items():
        np.testing.assert_array_equal(column, long[name][:n], err_msg=name)


@given(n=st.integers(1, 400), seed=st.integers(0, 9999))
def test_what_a_window_determines_is_the_same_of_few_bars_and_of_all(n: int, seed: int) -> None:
    """Bit for bit: the cut of `newest` takes nothing away."""
    close, traded = walk(seed, n + 300), np.random.default_rng(seed).lognormal(3, 1, n + 300)
    whole, cut = candles(close, traded), candles(close[-300:], traded[-300:])

    of_all, of_few = newest(columns(whole)), newest(columns(cut))

    for name, column in of_few.items():
        np.testing.assert_array_equal(column[-2:], of_all[name][-2:], err_msg=name)


def gapped(bars: Candles) -> Candles:
    """Three days without a bar in the middle."""
    half = len(bars) // 2
    times = array("q", [*bars.opened_ms[:half], *(at + 18 * bars.timeframe.ms for at in bars.opened_ms[half:])])
    return Candles(BTC, bars.timeframe, "hand", times, bars.open, bars.high, bars.low, bars.close, bars.volume)


SHAPES = {
    "flat": np.full,
    "walk": lambda n, scale: walk(2, n, scale),
    "stairs": lambda n, scale: scale * (1 + np.arange(n) // 40 * 0.1),
    "a jump": lambda n, scale: scale * np.where(np.arange(n) < n // 2, 1.0, 1000.0),
    "to and fro": lambda n, scale: scale * (1 + 0.1 * (np.arange(n) % 2)),
    "growth": lambda n, scale: scale * 1.01 ** np.arange(n),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [1e12, 1.0, 1e-8])
@pytest.mark.parametrize("bars", [1, 2, 3, 15, 60, 600])
@pytest.mark.parametrize("volume", [0.0, 1e-9, 1e12])
def test_no_number_in_a_snapshot_is_nan_or_infinite(shape: str, scale: float, bars: int, volume: float) -> None:
    close, traded = SHAPES[shape](bars, scale), np.full(bars, volume)
    if close.max() >= 1e15:
        close = close / 1e3  # a price is less

    for one in (candles(close, traded), gapped(candles(close, traded))):
        told = seen(one, candles(close, traded, Timeframe.D1), candles(close, traded, Timeframe.W1))

        assert all(map(isfinite, numbers(told)))
        assert loads(Snapshot, dumps(told)) == told
