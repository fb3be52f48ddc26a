"""`python -m bench.rules`: how soon a planted edge becomes a rule, how often chance does, how soon a lost one goes."""

import random
import statistics
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from semanticsignal.domain.learning import (
    Conditions,
    Experience,
    Reflection,
    RuleKind,
    RuleStatus,
    SemanticRule,
    Statistics,
)
from semanticsignal.domain.market import Symbol
from semanticsignal.domain.policy import Memory
from semanticsignal.domain.trading import ExitReason, Side
from semanticsignal.logic.reflect import rules, tally

START = datetime(2024, 1, 1, tzinfo=UTC)
MEMORY = Memory()
SEEDS, WITHIN, LONG = 50, 200, 1000
# Constants were chosen on other seeds than those from here on.
UNSEEN = 20_000
PLANTED = "long in bull trending, ADX high"
# Side, regime and strength of trend of a trade, and its share of all.
PLACES = {
    ("long", "bull trending", "high"): 0.25,
    ("long", "bull trending", "medium"): 0.108,
    ("long", "bull ranging", "low"): 0.108,
    ("long", "neutral ranging", "low"): 0.108,
    ("long", "bear ranging", "medium"): 0.072,
    ("long", "bull volatile", "high"): 0.054,
    ("short", "bear trending", "high"): 0.12,
    ("short", "bear trending", "medium"): 0.048,
    ("short", "bear ranging", "low"): 0.048,
    ("short", "neutral ranging", "low"): 0.036,
    ("short", "bull ranging", "medium"): 0.024,
    ("short", "bear volatile", "high"): 0.024,
}
# What a win makes and a loss costs on average; each is drawn from half to one and a half of it.
GAIN, LOSS = 0.0122, 0.01
HEAD = """| market | trades | seeds with the rule active | after so many trades, median |
|---|---|---|---|
"""
# Number of the trade, name of its pattern → chance that it wins.
Chance = Callable[[int, str], float]


class Edge(NamedTuple):
    """One pattern wins more often than the others."""

    inside: float
    outside: float

    def __call__(self, _: int, name: str) -> float:
        return self.inside if name == PLANTED else self.outside


def stream(seed: int, count: int, chance: Chance) -> list[Experience]:
    """One trade every eight hours; stop and reward over risk are drawn without a meaning."""
    draw = random.Random(seed)
    return [_one(number, draw, chance) for number in range(count)]


def _one(number: int, draw: random.Random, chance: Chance) -> Experience:
    ((side, regime, adx),) = draw.choices(list(PLACES), list(PLACES.values()))
    is_win = draw.random() < chance(number, f"{side} in {regime}, ADX {adx}")
    at = START + number * timedelta(hours=8)
    return Experience(
        id=f"e{number}", trade_id=f"t{number}", symbol=Symbol("BTC", "USDC"), side=Side(side),
        opened_at=at - timedelta(hours=4), closed_at=at, conditions=Conditions({"adx": adx}, {}), regime=regime,
        confidence_ratio=0.7, insight="", return_ratio=draw.uniform(0.5, 1.5) * (GAIN if is_win else -LOSS),
        r_multiple=None, is_win=is_win, exit_reason=ExitReason.TARGET if is_win else ExitReason.STOP, mae_ratio=0.0,
        mfe_ratio=0.0, stop_ratio=draw.choice([0.015, 0.025, 0.03, 0.05]),
        reward_risk=draw.choice([1.7, 2.2, 2.5, 3.5]),
    )  # fmt: skip


def lived(experiences: list[Experience]) -> Iterator[tuple[int, tuple[SemanticRule, ...]]]:
    """How many trades there were at each reflection, and every rule as it stood then."""
    before: Reflection | None = None
    now = Statistics()
    for start in range(0, len(experiences), MEMORY.reflect_every):
        newest = experiences[start : start + MEMORY.reflect_every]
        now = tally.folded(now, [(start + place, one) for place, one in enumerate(newest, 1)])
        at = newest[-1].closed_at
        standing, _ = rules.formed(now, before, newest, at, MEMORY)
        before = Reflection(f"r{start}", at, now, (), standing)
        yield start + len(newest), standing


def holding(standing: tuple[SemanticRule, ...]) -> set[str]:
    return {rule.pattern for rule in standing if rule.status in (RuleStatus.ACTIVE, RuleStatus.PROBATION)}


def first_active(experiences: list[Experience], pattern: str = "") -> int | None:
    """After how many trades a rule about that pattern, or a finer one of it, was active for the first time."""
    for count, standing in lived(experiences):
        if any(name.startswith(pattern) for name in holding(standing)):
            return count
    return None


def given_up(experiences: list[Experience], turned: int) -> tuple[bool, int | None]:
    """Whether the rule was active by the turn; how many trades after it was retired, None where it never was."""
    was_active = False
    for count, standing in lived(experiences):
        status = next((r.status for r in standing if r.pattern == PLANTED and r.kind is RuleKind.FAVOR), None)
        was_active |= status is RuleStatus.ACTIVE and count <= turned
        if was_active and count > turned and status is RuleStatus.RETIRED:
            return True, count - turned
    return was_active, None


def table(seeds: int = SEEDS) -> str:
    rows = [
        _row(f"{inside:.0%} of a quarter of all trades win, {outside:.0%} of the others", WITHIN,
             [first_active(stream(UNSEEN + seed, WITHIN, Edge(inside, outside)), PLANTED) for seed in range(seeds)])
        for inside, outside in ((0.85, 0.40), (0.80, 0.40), (0.75, 0.45), (0.70, 0.45), (0.65, 0.45))
    ]  # fmt: skip
    rows += [
        _row(f"noise: {chance:.0%} of all win", count,
             [first_active(stream(UNSEEN + seed, count, Edge(chance, chance))) for seed in range(seeds)])
        for chance, count in ((0.45, WITHIN), (0.45, LONG), (0.40, LONG))
    ]  # fmt: skip
    return HEAD + "".join(rows) + _turned(seeds)


def _row(name: str, count: int, found: list[int | None]) -> str:
    known = [one for one in found if one is not None]
    median = f"{statistics.median(known):.0f}" if known else ""
    return f"| {name} | {count} | {len(known)} of {len(found)} ({len(known) / len(found):.0%}) | {median} |\n"


def _turned(seeds: int, turn: int = 300, count: int = 900) -> str:
    def chance(number: int, name: str) -> float:
        return Edge(0.85 if number < turn else 0.20, 0.40)(number, name)

    found = [given_up(stream(UNSEEN + seed, count, chance), turn) for seed in range(seeds)]
    known = [after for was_active, after in found if was_active and after is not None]
    by_then = sum(was_active for was_active, _ in found)
    return (
        f"\nAn edge of 85 % against 40 % that turns to 20 % after {turn} trades: where the rule was active by then, it "
        f"was given up in {len(known)} of {by_then} seeds, {statistics.median(known):.0f} trades after the turn "
        f"(median; a quarter of them its own), at most {max(known)}.\n"
    )


if __name__ == "__main__":
    import sys

    sys.stdout.write(table())
