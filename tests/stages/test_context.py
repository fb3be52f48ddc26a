"""A quarter of the whole market: what is known, who is silent, and nothing that was not known yet."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from world import BTC, H4, MONDAY, bars, path, story, told, world

from semanticsignal.adapters.folder import FolderArchive
from semanticsignal.codec import dumps, loads
from semanticsignal.domain.analysis import Snapshot
from semanticsignal.domain.context import MarketContext, Reading, Unit, known
from semanticsignal.domain.errors import InvalidReading, Unavailable
from semanticsignal.domain.events import CandleClosed, ContextGathered, QuarterPassed
from semanticsignal.drivers.aws_lambda import serve
from semanticsignal.drivers.loop import Loop
from semanticsignal.ports import Sockets
from semanticsignal.stages.context import context
from tests.functions.lambdas import Bus, recorded

QUARTER, SECOND, DAY = timedelta(minutes=15), timedelta(seconds=1), timedelta(days=1)
TWENTY = MONDAY + 5 * H4
ID = "context#2026-01-05T20:00:00+00:00"


def reading(name: str = "tvl", value: int = 5, true_at: datetime = TWENTY, lasts: timedelta = DAY) -> Reading:
    return Reading(name, Decimal(value), Unit.USD, true_at, true_at + lasts, "hand")


class Source:
    """Tells what it is given, after `takes_s`; keeps until when it was asked."""

    def __init__(self, name: str, *tells: Reading, wrong: str = "", takes_s: float = 0) -> None:
        self.name, self._tells, self._wrong, self._takes_s = name, tells, wrong, takes_s
        self.asked: list[datetime] = []

    async def readings(self, *, until: datetime) -> tuple[Reading, ...]:
        self.asked.append(until)
        await asyncio.sleep(self._takes_s)
        if self._wrong:
            raise Unavailable(self._wrong)
        return self._tells


def sockets(*sources: Source, at: datetime = TWENTY + SECOND, **more: Any) -> Sockets:
    on = replace(world(bars(path([100] * 8))), context=sources, **more)
    on.clock.set(at)  # type: ignore[attr-defined]
    return on


async def kept(on: Sockets) -> MarketContext:
    found: MarketContext = await on.archive.get(f"context/{ID}", MarketContext)
    return found


async def test_a_quarter_is_gathered_archived_and_told() -> None:
    on = sockets(Source("one", reading("tvl"), reading("fees")), Source("two", reading("cap")))

    facts = await context(QuarterPassed(TWENTY), on)

    assert facts == (ContextGathered(ID, TWENTY + SECOND),)
    assert await kept(on) == MarketContext(
        ID, TWENTY + SECOND, (reading("cap"), reading("fees"), reading("tvl")), silent={}
    )


async def test_any_instant_of_a_quarter_is_that_quarter() -> None:
    on = sockets(Source("one", reading()), at=TWENTY + QUARTER - SECOND)

    facts = await context(QuarterPassed(TWENTY + 7 * SECOND), on)

    assert [fact.id for fact in facts] == [ID]


async def test_everyone_is_asked_at_once_and_until_now() -> None:
    sources = [Source(str(number), reading(str(number)), takes_s=0.2) for number in range(10)]
    on = sockets(*sources)

    async with asyncio.timeout(1.5):
        await context(QuarterPassed(TWENTY), on)

    assert [source.asked for source in sources] == [[TWENTY + SECOND]] * 10


async def test_who_is_silent_is_named_and_silences_nobody() -> None:
    on = sockets(Source("b", wrong="b: HTTP 500"), Source("one", reading()), Source("a", wrong="a: HTTP 429"))

    await context(QuarterPassed(TWENTY), on)

    found = await kept(on)
    assert found.readings == (reading(),)
    assert list(found.silent.items()) == [("a", "a: HTTP 429"), ("b", "b: HTTP 500")]


async def test_when_all_are_silent_nothing_is_kept_and_the_next_try_may_hear() -> None:
    source = Source("one", reading(), wrong="one: HTTP 500")
    on = sockets(source)

    with pytest.raises(Unavailable, match="every source is silent: one: HTTP 500"):
        await context(QuarterPassed(TWENTY), on)
    assert await kept(on) is None
    source._wrong = ""

    assert len(await context(QuarterPassed(TWENTY), on)) == 1


async def test_the_same_quarter_twice_tells_the_same_and_asks_nobody_again() -> None:
    source = Source("one", reading())
    on = sockets(source)
    first = await context(QuarterPassed(TWENTY), on)
    on.clock.set(TWENTY + 9 * DAY)  # type: ignore[attr-defined]

    assert await context(QuarterPassed(TWENTY), on) == first
    assert len(source.asked) == 1


async def test_two_at_once_tell_the_same() -> None:
    on = sockets(Source("one", reading(), takes_s=0.05))

    first, second = await asyncio.gather(*(context(QuarterPassed(TWENTY), on) for _ in range(2)))

    assert first == second


@pytest.mark.parametrize("at", [TWENTY - SECOND, TWENTY + QUARTER, TWENTY + DAY])
async def test_a_quarter_that_is_over_or_has_not_begun_is_not_gathered(at: datetime) -> None:
    source = Source("one", reading())
    on = sockets(source, at=at)

    assert await context(QuarterPassed(TWENTY), on) == ()
    assert source.asked == [] and await kept(on) is None


async def test_without_a_source_nobody_is_asked_and_nothing_told() -> None:
    assert await context(QuarterPassed(TWENTY), sockets()) == ()


async def test_what_is_true_later_or_stale_is_not_kept() -> None:
    late = reading("late", true_at=TWENTY + 2 * SECOND)
    stale = reading("stale", true_at=TWENTY - DAY, lasts=DAY)
    on = sockets(Source("one", late, stale, reading()))

    await context(QuarterPassed(TWENTY), on)

    assert (await kept(on)).readings == (reading(),)


def test_a_figure_is_absent_before_it_was_true_and_once_it_is_stale() -> None:
    found = MarketContext(ID, TWENTY, (reading("tvl", 1, TWENTY, QUARTER),), {})

    assert found.reading("tvl", TWENTY - SECOND) is None
    assert (
        found.reading("tvl", TWENTY)
        == found.reading("tvl", TWENTY + QUARTER - SECOND)
        == reading("tvl", 1, TWENTY, QUARTER)
    )
    assert found.reading("tvl", TWENTY + QUARTER) is None
    assert found.reading("nothing", TWENTY) is None


def test_a_history_is_told_whole_as_long_as_its_newest_is_fresh() -> None:
    week = tuple(reading("fear_greed", day, TWENTY - (6 - day) * DAY) for day in range(7))
    found = MarketContext(ID, TWENTY, known(reversed(week), TWENTY), {})

    assert found.readings == found.history("fear_greed", TWENTY) == week
    assert found.history("fear_greed", TWENTY - 3 * DAY) == week[:4]
    assert found.history("fear_greed", TWENTY + DAY) == ()


async def test_what_is_archived_comes_back_from_a_folder_as_it_was(tmp_path: Path) -> None:
    sources = Source("one", reading()), Source("two", wrong="two: gone")
    on = sockets(*sources, archive=FolderArchive(tmp_path))

    facts = await context(QuarterPassed(TWENTY), on)

    found = await kept(on)
    assert found == loads(MarketContext, dumps(found)) and found.silent == {"two": "two: gone"}
    assert await context(QuarterPassed(TWENTY), on) == facts


def test_the_function_hears_its_schedule_and_tells_the_bus() -> None:
    on, bus = sockets(Source("one", reading())), Bus()
    function = serve("context", lambda: on, bus.publish)

    answer = function(recorded("context"), None)
    function.runner.close()

    assert answer == {"facts": [ID]}
    assert bus.facts == [ContextGathered(ID, TWENTY + SECOND)]


async def test_nothing_is_decided_or_written_because_of_it() -> None:
    on = sockets(Source("one", reading()))
    loop = Loop(on, on.ledger)  # type: ignore[arg-type]

    facts = await loop.run(QuarterPassed(TWENTY))

    assert [type(fact).__name__ for fact in facts] == ["QuarterPassed", "ContextGathered"]
    assert await story(on) == await told(on) == []


async def test_a_decision_sees_what_was_gathered_last_and_not_what_came_later() -> None:
    on = sockets(Source("one", reading()))
    loop = Loop(on, on.ledger)  # type: ignore[arg-type]
    await loop.run(QuarterPassed(TWENTY))

    await loop.run(CandleClosed(BTC, on.settings.timeframe, TWENTY))
    (prompt,) = on.model.prompts  # type: ignore[attr-defined]
    seen = await on.archive.get(f"snapshot/{prompt.id}", Snapshot)

    assert "[whole market]" in prompt.user and "tvl: 5.000 USD, 0.0 h old, hand" in prompt.user
    assert [one.name for one in seen.readings] == ["tvl"]
    assert all(one.true_at <= seen.seen_at < one.stale_at for one in seen.readings)


async def test_a_context_that_nobody_gathered_is_named_as_missing() -> None:
    on = sockets(Source("one", reading()))

    await Loop(on, on.ledger).run(CandleClosed(BTC, on.settings.timeframe, TWENTY))  # type: ignore[arg-type]
    (prompt,) = on.model.prompts  # type: ignore[attr-defined]

    assert "[whole market]" not in prompt.user
    assert "not known: market context" in prompt.user


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e18"])
def test_a_value_that_is_no_figure_makes_no_reading(value: str) -> None:
    with pytest.raises(InvalidReading, match="no figure"):
        Reading("tvl", Decimal(value), Unit.USD, TWENTY, TWENTY + DAY, "hand")


@pytest.mark.parametrize("source", ["hand\n[rules]", "x" * 61, "a\u202eb"])
def test_a_source_that_is_no_short_line_makes_no_reading(source: str) -> None:
    with pytest.raises(InvalidReading, match="short lines"):
        Reading("tvl", Decimal(1), Unit.USD, TWENTY, TWENTY + DAY, source)
