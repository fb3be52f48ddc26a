"""One core, two cranks: through the Lambda handlers, envelope by envelope, comes what comes through the loop."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from itertools import zip_longest
from typing import Any

import pytest
from world import BTC, ETH, H4, MONDAY, CycleModel, bars, coarser, cycle, live, path, says, told, world, written

from semanticsignal.adapters.analyst import RulesAnalyst
from semanticsignal.domain.market import Candles, MarketKind, Symbol, Timeframe, instant
from semanticsignal.ports import Sockets
from semanticsignal.simulate.market import EPOCH_MS, SimulatedMarket
from tests.functions.lambdas import Cloud, deployed

BARS, WARM_UP = 900, 205
LOOSE = {
    "market_kind": MarketKind.PERP, "risk__cooldown_bars": 0, "risk__losing_streak": 100, "risk__daily_loss_ratio": 1.0,
    "risk__max_drawdown_ratio": 1.0, "risk__min_confidence_ratio": 0.3, "risk__min_reward_risk": 0.5,
    "risk__min_reward_risk_chop": 0.5, "memory__reflect_every": 2, "memory__min_wins": 1, "memory__min_losses": 1,
}  # fmt: skip


@cache
def generated(symbol: Symbol) -> Candles:
    rows = SimulatedMarket(7, (BTC, ETH)).klines(
        symbol, Timeframe.H4, EPOCH_MS, None, BARS, EPOCH_MS + BARS * Timeframe.H4.ms - 1
    )
    return bars([tuple(map(float, row[1:6])) for row in rows], instant(EPOCH_MS), symbol=symbol)


def long_run() -> Sockets:
    """Two generated pairs and the rules analyst."""
    return world(generated(BTC), generated(ETH), model=RulesAnalyst(), **LOOSE)


def short_run() -> Sockets:
    """Half-hour bars by hand: a stop, a target and a close, and a reflection at every trade."""

    def prices(symbol: Symbol, start: float, turns: tuple[float, ...]) -> list[Candles]:
        walk = [start]
        for turn in turns:
            walk += [round(walk[-1] + (turn - walk[-1]) * step / 8, 2) for step in range(1, 9)]
        fine = bars(path(walk, wick=0.05), timeframe=Timeframe.M30, symbol=symbol)
        return [fine, coarser(fine, Timeframe.H4)]

    def at(number: int, symbol: Symbol = BTC) -> str:
        return cycle(symbol, MONDAY + number * H4)

    script = {
        at(1): says("BUY", 98, 104), at(3): says("BUY", 103, 112), at(5): says("BUY", 95, 120), at(6): says("CLOSE"),
        at(2, ETH): says("BUY", 49, 55), at(3, ETH): says("UPDATE", 50), at(7, ETH): says("BUY", 40, 60),
    }  # fmt: skip
    return world(
        *prices(BTC, 100, (100, 101, 105, 106, 101, 103, 104, 104, 104)),
        *prices(ETH, 50, (50, 50, 52, 53, 51, 48, 48, 49, 49)),
        model=CycleModel(script),
        **LOOSE | {"market_kind": MarketKind.SPOT, "memory__reflect_every": 1, "risk__tighten_progress_ratio": 0.0},
    )


def instants(on: Sockets) -> list[datetime]:
    tape = on.market.tape(BTC, Timeframe.H4)  # type: ignore[attr-defined]
    first = WARM_UP if len(tape) > WARM_UP else 1
    return [instant(tape.opened_ms[row]) for row in range(first, len(tape))] + [tape.closed_at]


def looped(on: Sockets) -> Sockets:
    """The same world, turned by the loop."""
    at = instants(on)
    asyncio.run(live(on, at[0], at[-1]))
    return on


def parting(expected: Sockets, got: Sockets) -> tuple[bytes, bytes] | None:
    """Where two ledgers part; None when they are the same, portfolio and all."""
    pairs = zip_longest(asyncio.run(written(expected)), asyncio.run(written(got)), fillvalue=b"nothing")
    return next(((a[:200], b[:200]) for a, b in pairs if a != b), None)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with deployed(short_run()) as found:
        yield found


@pytest.mark.parametrize("is_scheduled", [True, False], ids=["from schedules", "from the bus"])
def test_lambda_and_loop_make_the_same_facts(is_scheduled: bool) -> None:
    loop = looped(long_run())

    with deployed(long_run()) as cloud:
        cloud.live(instants(cloud.on), is_scheduled=is_scheduled)

    kinds = Counter(entry.kind for entry in asyncio.run(told(loop)))
    assert kinds["DecisionMade"] == 2 * (BARS - WARM_UP + 1)
    assert kinds["PositionClosed"] >= 10 and kinds["Reflected"] >= 2
    assert parting(loop, cloud.on) is None


def test_every_envelope_twice_makes_the_same_facts(cloud: Cloud) -> None:
    loop = looped(short_run())

    heard = cloud.live(instants(cloud.on), times=2)

    closed = [entry.subject.trade.exit_reason for entry in asyncio.run(told(loop, "PositionClosed"))]
    assert set(closed) == {"stop", "target", "signal"}
    assert len(heard) > 3 * len(asyncio.run(told(loop)))
    assert parting(loop, cloud.on) is None


@pytest.mark.parametrize("seed", range(5))
def test_what_comes_again_after_later_facts_changes_nothing(seed: int, cloud: Cloud) -> None:
    loop, dice = looped(short_run()), random.Random(seed)
    past: list[dict[str, Any]] = []

    for at in instants(cloud.on):
        past += cloud.live([at])
        for event in dice.sample(past, k=min(12, len(past))):
            cloud.run(event)

    assert parting(loop, cloud.on) is None


def test_the_whole_past_again_in_reverse_changes_nothing(cloud: Cloud) -> None:
    loop = looped(short_run())
    past = cloud.live(instants(cloud.on))

    for event in reversed(past):
        cloud.run(event)

    assert parting(loop, cloud.on) is None
