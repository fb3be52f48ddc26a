"""Candles drawn through given points, with seeded noise, and walks that hold no shape but by chance."""

from array import array
from datetime import UTC, datetime

import numpy as np

from semanticsignal.domain.analysis import Pattern
from semanticsignal.domain.market import Candles, Symbol, Timeframe, epoch_ms
from semanticsignal.logic.analyse import patterns
from semanticsignal.logic.analyse.series import columns, series

START_MS = epoch_ms(datetime(2024, 1, 1, tzinfo=UTC))
Points = list[tuple[int, float]]


def through(points: Points, seed: int, noise: float = 0.2, lead: int = 60) -> Candles:
    """`points`: after how many bars which height, in half percents of the start, where a quiet `lead` ends. Heights and
    spans vary a little by seed."""
    chance = np.random.default_rng(seed)
    at = np.cumsum([lead] + [max(2, round(bars * chance.uniform(0.85, 1.2))) for bars, _ in points])
    height = np.array([0.0] + [level + chance.normal(0, 0.2) for _, level in points])
    path = np.interp(np.arange(at[-1] + 1), at, height)
    return bars(100 * (1 + 0.005 * (path + chance.normal(0, noise, len(path)))), chance, 0.001)


def bars(close: np.ndarray, chance: np.random.Generator, reach: float, volume: np.ndarray | None = None) -> Candles:
    opened = np.concatenate([close[:1], close[:-1]])
    high = np.maximum(opened, close) * (1 + reach * np.abs(chance.normal(0, 1, len(close))))
    low = np.minimum(opened, close) * (1 - reach * np.abs(chance.normal(0, 1, len(close))))
    traded = chance.lognormal(3, 0.5, len(close)) if volume is None else volume
    return of(opened, high, low, close, traded)


def of(opened: np.ndarray, high: np.ndarray, low: np.ndarray, close: np.ndarray, volume: np.ndarray) -> Candles:
    times = array("q", (START_MS + row * Timeframe.H4.ms for row in range(len(close))))
    return Candles(Symbol("BTC", "USDC"), Timeframe.H4, "hand", times, opened, high, low, close, volume).check()


def walk(seed: int, count: int, volatility: float = 0.01) -> Candles:
    chance = np.random.default_rng(seed)
    return bars(100 * np.exp(np.cumsum(chance.normal(0, volatility, count))), chance, volatility / 3)


def scaled(candles: Candles, by: float) -> Candles:
    prices = (np.asarray(x) * by for x in (candles.open, candles.high, candles.low, candles.close))
    return of(*prices, np.asarray(candles.volume))


def found(candles: Candles) -> tuple[Pattern, ...]:
    return patterns.found(candles, series(columns(candles)))


def names(candles: Candles) -> set[str]:
    return {pattern.name for pattern in found(candles)}
