"""What it costs to fold closed trades into statistics, to learn thresholds from them, and to tell a model of it."""

from dataclasses import replace

import numpy as np

from bench.measures import START, Figure, lived, timed
from semanticsignal.domain.learning import Conditions, Experience, Reflection, Statistics
from semanticsignal.domain.market import Timeframe
from semanticsignal.domain.policy import Settings
from semanticsignal.domain.trading import Side
from semanticsignal.logic.decide.learned import told
from semanticsignal.logic.reflect import tally, thresholds

MANY, FEW = 10_000, 10
WORDS = {
    "trend": ("bull", "bear", "neutral"), "adx": ("low", "medium", "high"), "volatility": ("low", "medium", "high"),
    "rsi": ("oversold", "weak", "middle", "strong", "overbought"), "macd": ("bearish", "bullish"),
    "volume": ("dry", "normal", "high"), "bollinger": ("near lower", "inside", "near upper"), "weekend": ("yes", "no"),
    "sentiment": ("extreme fear", "fear", "neutral", "greed", "extreme greed"),
    "pressure": ("selling", "balanced", "buying"), "alignment": ("bull", "bear", "mixed"),
}  # fmt: skip


def whole(count: int) -> list[tuple[int, Experience]]:
    """Place in the ledger, and an experience of which everything is known."""
    dice = np.random.default_rng(5)
    found = []
    for place, one in enumerate(lived(count)):
        labels = {name: words[dice.integers(len(words))] for name, words in WORDS.items()}
        full = replace(
            one, conditions=Conditions(labels, one.conditions.numbers), side=list(Side)[dice.integers(2)],
            timeframe=Timeframe.H4, confidence_ratio=float(dice.uniform(0.5, 0.95)),
            stop_ratio=float(dice.uniform(0.005, 0.1)), reward_risk=float(dice.uniform(1.2, 4)),
            size_ratio=float(dice.uniform(0.01, 0.1)), mae_ratio=-float(dice.uniform(0, 0.05)),
            factors={name: float(dice.uniform(0, 100)) for name in tally.FACTORS},
        )  # fmt: skip
        found.append((place + 1, full))
    return found


def tallying() -> list[Figure]:
    past = whole(MANY + FEW)
    before = tally.folded(Statistics(), past[:MANY])
    newest, settings = past[MANY:], Settings()
    reflected = Reflection("r", START, before, thresholds.learned(before, settings), ())
    return [
        Figure(f"statistics of {MANY}, cold", "ms", timed(lambda: tally.folded(Statistics(), past), 5), "<= 200"),
        Figure(f"statistics of {MANY}, {FEW} more", "ms", timed(lambda: tally.folded(before, newest), 50), "<= 1"),
        Figure("thresholds learned from statistics", "ms", timed(lambda: thresholds.learned(before, settings), 50)),
        Figure("statistics told to a model", "ms", timed(lambda: list(told(reflected)), 50), "<= 1"),
    ]
