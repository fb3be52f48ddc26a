"""How the machine fares, as its crank and its ledger tell it; what is not known says why."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from world import BTC, H4, MONDAY, CycleModel, bars, close, cycle, path, says, world

from semanticsignal.domain.decision import Prompt, Reply
from semanticsignal.domain.errors import ModelUnavailable
from semanticsignal.drivers.aws_api import CloudRoom
from semanticsignal.drivers.vitals import measured
from semanticsignal.ports import Sockets

CLOSED = MONDAY + 300 * H4


class Silent(CycleModel):
    async def complete(self, prompt: Prompt) -> Reply:
        raise ModelUnavailable("nobody answers")


def room(on: Sockets) -> CloudRoom:
    nobody: Any = None
    return CloudRoom(on, nobody, nobody)


def market(model: CycleModel) -> Sockets:
    return world(bars(path([100 + n % 7 for n in range(320)])), model=model)


async def test_what_is_not_known_says_why_and_nothing_else_does() -> None:
    told = await measured(room(market(CycleModel())))

    flat = asdict(told) | asdict(told.memory)
    absent = {name for name, value in flat.items() if value is None}
    assert {gap.name for gap in told.unknown} == absent
    assert all(gap.why for gap in told.unknown)


async def test_a_day_tells_its_decisions_those_without_an_answer_and_candles_that_came_too_late() -> None:
    on = market(Silent())
    await close(on, CLOSED)
    await close(on, CLOSED + H4, at=CLOSED + H4 + timedelta(hours=2))

    told = await measured(room(on))

    (day,) = told.days
    assert (day.day, day.decisions, day.unanswered, day.missed, day.expired) == ("2026-02-24", 1, 1, 1, 0)


async def test_of_each_pair_the_last_decision_is_told_and_before_the_first_none() -> None:
    on = market(CycleModel({cycle(BTC, CLOSED): says()}))
    before = (await measured(room(on))).pairs[0]
    await close(on, CLOSED, at=CLOSED + timedelta(minutes=1))

    after = (await measured(room(on))).pairs[0]

    assert (before.symbol, before.decision_id, before.closed_at) == ("BTC/USDC", None, None)
    assert (after.decision_id, after.closed_at) == (cycle(BTC, CLOSED), CLOSED)
    assert after.decided_at == CLOSED + timedelta(minutes=1)
