"""`semsig run` on a living market: quarters and hours when they are due, and never in the way of candles."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from world import MONDAY, bars, path, settings, world

from semanticsignal import wiring
from semanticsignal.adapters.system_clock import SetClock
from semanticsignal.domain.errors import Unavailable
from semanticsignal.drivers.host import Host
from semanticsignal.drivers.loop import Loop
from semanticsignal.drivers.pace import Ticking

MINUTE = timedelta(minutes=1)
HALF_PAST = MONDAY + 4 * 60 * MINUTE + 30 * MINUTE


class Source:
    """Counts who asks; tells nothing, or that it cannot."""

    name = "source"

    def __init__(self, wrong: str = "") -> None:
        self.asked: list[datetime] = []
        self.wrong = wrong

    async def _answer(self, until: datetime) -> tuple[Any, ...]:
        self.asked.append(until)
        await asyncio.sleep(0)
        if self.wrong:
            raise Unavailable(self.wrong)
        return ()

    async def readings(self, *, until: datetime) -> tuple[Any, ...]:
        return await self._answer(until)

    async def articles(self, *, until: datetime, limit: int) -> tuple[Any, ...]:
        return await self._answer(until)


class Living:
    """A host of which only the clock is set by hand."""

    def __init__(self, held: wiring.Home, *, is_simulated: bool = False, is_recorded: bool = False) -> None:
        tape: Any = world(bars(path([100] * 8))).market
        tape.is_simulated = is_simulated
        self.clock = SetClock(HALF_PAST)
        place: Any = wiring.World(tape, self.clock, None, 1.0, tape=tape if is_recorded else None)  # type: ignore[arg-type]
        self.host = Host(settings(), held, place)
        self.crank = Ticking(self.host)
        self.figures, self.press = Source(), Source()
        self.host.on = replace(self.host.on, context=(self.figures,), news=(self.press,))
        self.host.loop = Loop(self.host.on, held.ledger)

    async def ticks(self, *minutes: int) -> tuple[int, int]:
        """How often each was asked, once all that was begun has ended."""
        for minute in minutes:
            self.clock.set(HALF_PAST + minute * MINUTE)
            self.crank.gather(self.clock.now())
        await asyncio.gather(*self.host.tasks)
        return len(self.figures.asked), len(self.press.asked)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[wiring.Home]:
    home = wiring.home(tmp_path / "home", settings(), "run", is_durable=False)
    yield home
    home.close()


async def test_each_quarter_and_each_hour_is_gathered_once(held: wiring.Home) -> None:
    living = Living(held)

    assert await living.ticks(0, 0, 1) == (1, 1)
    assert await living.ticks(14) == (1, 1)
    assert await living.ticks(15, 16) == (2, 1)
    assert await living.ticks(30) == (3, 2)


async def test_a_market_that_does_not_live_has_no_press(held: wiring.Home) -> None:
    assert await Living(held, is_simulated=True).ticks(0) == (0, 0)
    assert await Living(held, is_recorded=True).ticks(0) == (0, 0)


async def test_a_silent_press_is_said_and_the_rest_goes_on(held: wiring.Home) -> None:
    living = Living(held)
    living.press.wrong = "source: HTTP 500"

    await living.ticks(0)
    assert living.host.health().problem == "every source is silent: source: HTTP 500"
    living.press.wrong = ""
    await living.ticks(30)

    assert living.host.health().problem is None


async def test_nobody_waits_for_it(held: wiring.Home) -> None:
    living = Living(held)

    living.crank.gather(HALF_PAST)

    assert (living.figures.asked, len(living.host.tasks)) == ([], 2)
    await asyncio.gather(*living.host.tasks)
