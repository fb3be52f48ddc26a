"""Refused entries are followed: what would have come of them is told, once, when it is known."""

from dataclasses import replace
from typing import Any

import pytest
from world import BTC, H4, MONDAY, CycleModel, bars, close, cycle, path, says, story, subjects, told, world

from semanticsignal.adapters.inmemory import InMemoryArchive
from semanticsignal.domain.decision import Action, Decision, Refusal
from semanticsignal.domain.errors import LedgerUnavailable
from semanticsignal.domain.events import DecisionMade
from semanticsignal.domain.learning import End, Hindsight, RefusedEntry
from semanticsignal.domain.ledger import Entry
from semanticsignal.domain.trading import Side
from semanticsignal.logic.decide.judge import refused_entry
from semanticsignal.ports import Sockets
from semanticsignal.stages.reflect import reflect

RISE = path([100, 100, 102, 104, 107, 108, 108, 108])


class Unwritable:
    """A ledger that takes everything but what became of refused entries."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def record(self, entry: Entry, *more: Any) -> Entry:
        if entry.kind == "RefusalJudged":
            raise LedgerUnavailable("no room")
        found: Entry = await self._ledger.record(entry, *more)
        return found


TIMID = CycleModel({cycle(BTC, MONDAY + H4): says("BUY", 98, 106, confidence=10)})


async def lived(cycles: int) -> Sockets:
    on = world(bars(RISE), model=TIMID)
    for n in range(1, cycles + 1):
        await close(on, MONDAY + n * H4)
    return on


async def test_an_entry_that_guards_refused_is_followed_until_it_is_known_what_came_of_it() -> None:
    on = await lived(5)

    (refused,) = await subjects(on, "EntryRefused")
    (came,) = await subjects(on, "RefusalJudged")
    assert isinstance(refused, RefusedEntry) and isinstance(came, Hindsight)
    assert (refused.side, refused.guards, refused.confidence_ratio) == (Side.LONG, ("confidence",), 0.1)
    assert came.refused == refused
    assert (came.end, came.closed_at) == (End.TARGET, MONDAY + 4 * H4)
    assert 0.055 < came.return_ratio < 0.06


async def test_it_is_not_told_before_its_bar_has_closed() -> None:
    on = await lived(3)

    assert await subjects(on, "RefusalJudged") == []


async def test_it_is_told_once_however_often_one_looks() -> None:
    on = await lived(7)
    again = await reflect(DecisionMade(cycle(BTC, MONDAY + 7 * H4), BTC, MONDAY + 7 * H4), on)

    assert again == ()
    assert len(await told(on, "RefusalJudged")) == 1


async def test_what_was_not_collected_any_more_is_judged_by_the_next_bars() -> None:
    on = await lived(3)
    lost = replace(on, archive=InMemoryArchive())

    assert await reflect(DecisionMade(cycle(BTC, MONDAY + 4 * H4), BTC, MONDAY + 4 * H4), lost) == ()
    await close(on, MONDAY + 5 * H4)

    assert len(await subjects(on, "RefusalJudged")) == 1


async def test_an_order_is_placed_though_what_was_refused_before_cannot_be_judged() -> None:
    both = CycleModel(
        {
            cycle(BTC, MONDAY + H4): says("BUY", 98, 106, confidence=10),
            cycle(BTC, MONDAY + 4 * H4): says("BUY", 101, 118, confidence=80),
        }
    )
    on = world(bars(RISE), model=both)
    for n in range(1, 4):
        await close(on, MONDAY + n * H4)
    broken = replace(on, ledger=Unwritable(on.ledger))

    with pytest.raises(LedgerUnavailable, match="no room"):
        await close(broken, MONDAY + 4 * H4)

    assert [entry.kind for entry in await told(on)][-3:] == ["DecisionMade", "OrderPlaced", "PositionOpened"]


async def test_nothing_was_bought() -> None:
    on = await lived(5)

    assert await story(on) == []
    assert [entry.kind for entry in await told(on)].count("OrderPlaced") == 0


async def test_what_could_not_have_been_done_is_not_followed() -> None:
    on = await lived(1)
    (made,) = await subjects(on, "DecisionMade")
    assert isinstance(made, Decision) and made.signal

    assert refused_entry(made) is not None
    assert refused_entry(replace(made, action=Action.BUY)) is None
    assert refused_entry(replace(made, refusals=())) is None
    assert refused_entry(replace(made, refusals=(Refusal("already_open", "it is open"),))) is None
    assert refused_entry(replace(made, refusals=(Refusal("stale", "decided 0.9 bars after the close"),))) is None
    assert (
        refused_entry(
            replace(
                made,
                refusals=(
                    *made.refusals,
                    Refusal("short_on_spot", "no"),
                ),
            )
        )
        is None
    )
    assert refused_entry(replace(made, signal=replace(made.signal, target_price=None))) is None
    assert refused_entry(replace(made, signal=replace(made.signal, action=Action.CLOSE))) is None
    assert refused_entry(replace(made, signal=None)) is None


async def test_what_was_refused_between_candles_is_followed_from_the_next_one() -> None:
    on = await lived(1)
    (made,) = await subjects(on, "DecisionMade")

    forced = refused_entry(replace(made, is_forced=True, decided_at=MONDAY + 1.5 * H4))

    assert forced is not None
    assert forced.refused_at == MONDAY + 2 * H4
