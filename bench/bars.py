"""How often chance alone moves what experience may enforce, and how often a planted loss does: docs/adr/0026."""

import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from bench.measures import BTC, Figure
from semanticsignal.domain.learning import Conditions, Experience, Statistics
from semanticsignal.domain.policy import Settings
from semanticsignal.domain.trading import ExitReason, Side
from semanticsignal.logic.decide.learned import LIMITS, REDUCTIONS
from semanticsignal.logic.reflect import tally, thresholds

SEEDS, EVERY, DEVIATION = 200, 10, 0.02
CHEAP = 1.8
AT = datetime(2026, 1, 1, tzinfo=UTC)
BARE = Experience(
    id="e", trade_id="t", symbol=BTC, side=Side.LONG, opened_at=AT, closed_at=AT, conditions=Conditions({}, {}),
    regime="bull trending", confidence_ratio=0.6, insight="", return_ratio=0.0, r_multiple=None, is_win=False,
    exit_reason=ExitReason.STOP, mae_ratio=0.0, mfe_ratio=0.0,
)  # fmt: skip


class Market(NamedTuple):
    """`mean` return of a trade; `planted` is added to it where reward over risk is under 1.8."""

    mean: float
    planted: float = 0.0
    trades: int = 300


def life(market: Market, seed: int) -> list[tuple[int, Experience]]:
    dice = random.Random(seed)
    found = []
    for place in range(1, market.trades + 1):
        reward_risk, confidence = dice.uniform(1.5, 3), dice.uniform(0.55, 0.9)
        labels = {"adx": "high", "alignment": dice.choice(["bull", "mixed", "bear"])}
        value = dice.gauss(market.mean, DEVIATION) + (market.planted if reward_risk < CHEAP else 0.0)
        one = replace(
            BARE, return_ratio=value, is_win=value > 0, reward_risk=reward_risk, confidence_ratio=confidence,
            conditions=Conditions(labels, {}), factors={name: dice.uniform(0, 100) for name in tally.FACTORS},
        )  # fmt: skip
        found.append((place, one))
    return found


def moved(market: Market, seed: int) -> set[str]:
    """What was ever another than its default, looked at every ten trades."""
    lived, now, found = life(market, seed), Statistics(), set()
    for start in range(0, len(lived), EVERY):
        now = tally.folded(now, lived[start : start + EVERY])
        found |= {one.name for one in thresholds.learned(now, Settings()) if one.value != one.default}
    return found & {*LIMITS, *REDUCTIONS}


def bars() -> list[Figure]:
    figures = []
    for said, market, aim in (
        ("that earns nothing", Market(0.0), "<= 10"),
        ("that costs 0.15 %", Market(-0.0015), "<= 10"),
        ("but cheap ones cost 1.2 %", Market(0.002, -0.012), ""),
    ):
        runs = [moved(market, seed) for seed in range(SEEDS)]
        for name in ("min_reward_risk", "min_confidence_ratio", "reduce_mixed_ratio"):
            share = 100 * sum(name in run for run in runs) / SEEDS
            figures.append(Figure(f"{name} ever moved, {market.trades} trades {said}", "% of runs", [share], aim))
    return figures
