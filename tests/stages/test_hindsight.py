"""Refused entries are followed: what would have come of them is told, once, when it is known."""

from dataclasses import replace

from world import BTC, H4, MONDAY, CycleModel, bars, close, cycle, path, says, story, subjects, told, world

from semanticsignal.domain.decision import Action, Decision, Refusal
from semanticsignal.domain.events import MarketAnalysed
from semanticsignal.domain.learning import End, Hindsight, RefusedEntry
from semanticsignal.domain.market import Timeframe
from semanticsignal.domain.trading import Side
from semanticsignal.logic.decide.judge import refused_entry
from semanticsignal.ports import Sockets
from semanticsignal.stages.reflect import reflect

RISE = path([100, 100, 102, 104, 107, 108, 108, 108])
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
    again = await reflect(MarketAnalysed(cycle(BTC, MONDAY + 7 * H4), BTC, Timeframe.H4, MONDAY + 7 * H4), on)

    assert again == ()
    assert len(await told(on, "RefusalJudged")) == 1


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
