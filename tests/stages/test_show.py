"""What the pages are told while it happens: each step before the work it begins, and what was gathered."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from world import BTC, M1, MONDAY, CycleModel, bars, cycle, path, settings, world

from semanticsignal.adapters.inmemory import InMemoryNotifier
from semanticsignal.domain.decision import Prompt, Reply
from semanticsignal.domain.events import (
    AnalysisRequested,
    CandleClosed,
    ContextGathered,
    EquityMarked,
    Fact,
    MinutePassed,
    NewsGathered,
)
from semanticsignal.domain.market import Timeframe
from semanticsignal.drivers.loop import Loop
from semanticsignal.logic.show import live, views
from semanticsignal.ports import Sockets
from semanticsignal.stages.show import show

CLOSE = MONDAY + timedelta(hours=1200)


class Watching(CycleModel):
    """Knows what had been told when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.views: list[Any] = []
        self.seen: list[Any] = []

    async def complete(self, prompt: Prompt) -> Reply:
        self.seen = [*self.views]
        return await super().complete(prompt)


def heard(*, model: Watching | None = None) -> tuple[Sockets, list[Any]]:
    notifier = InMemoryNotifier()
    mind = model or Watching()
    mind.views = notifier.views
    on = replace(world(bars(path([100 + n % 7 for n in range(400)])), model=mind), notifier=notifier)
    on.clock.set(CLOSE)  # type: ignore[attr-defined]
    return on, notifier.views


def steps(views_: list[Any]) -> list[str]:
    return [view.step if isinstance(view, live.AnalysisSteppedView) else view.kind for view in views_]


@pytest.mark.parametrize(
    "fact", [CandleClosed(BTC, Timeframe.H4, CLOSE), AnalysisRequested(BTC, Timeframe.H4, CLOSE)], ids=lambda f: f.id
)
async def test_an_analysis_is_told_step_by_step_as_each_begins(fact: Fact) -> None:
    model = Watching()
    on, told = heard(model=model)

    await Loop(on, on.ledger).run(fact)  # type: ignore[arg-type]

    assert steps(model.seen) == ["collecting", "analysing", "deciding"]  # the model had not answered yet
    assert steps(told)[:4] == ["collecting", "analysing", "deciding", "DecisionMade"]
    stepped = [view for view in told if isinstance(view, live.AnalysisSteppedView)]
    assert {(view.id, view.symbol, view.is_forced) for view in stepped} == {
        (told[3].decision.id, "BTC/USDC", isinstance(fact, AnalysisRequested))
    }


async def test_nothing_is_prepared_for_nobody() -> None:
    on, _ = heard()
    silent = InMemoryNotifier(is_heard=False)

    await show(CandleClosed(BTC, Timeframe.H4, CLOSE), replace(on, notifier=silent))

    assert silent.views == []


async def test_that_something_was_gathered_is_told_and_what_is_not_written_is_not() -> None:
    on, told = heard()

    for fact in (NewsGathered("n1", CLOSE), ContextGathered("c1", CLOSE), EquityMarked("never", CLOSE)):
        await show(fact, on)

    assert told == [
        live.NewsGatheredView("NewsGathered", "n1", CLOSE),
        live.ContextGatheredView("ContextGathered", "c1", CLOSE),
    ]


async def test_a_minute_tells_how_old_its_prices_are_and_when_the_next_candle_closes() -> None:
    on, told = heard()
    late = CLOSE + 3 * M1

    await show(MinutePassed(late), on)

    (minute,) = told
    assert isinstance(minute, views.MinutePassedView) and minute.pulse is not None
    assert minute.pulse.lag_s == 180.0
    assert minute.pulse.next_candle_at == CLOSE + timedelta(hours=4)
    assert minute.pulse.status == "starting"  # nothing was ever marked


def test_two_closes_without_a_mark_and_the_watch_is_said_not_to_run() -> None:
    well = live.pulse(CLOSE + timedelta(hours=8), CLOSE, Timeframe.H4)
    ill = live.pulse(CLOSE + timedelta(hours=8, seconds=1), CLOSE, Timeframe.H4)

    assert (well.status, well.problem) == ("running", None)
    assert ill.status == "degraded" and "the watch does not run" in str(ill.problem)


def test_an_analysis_that_failed_says_why() -> None:
    fact = CandleClosed(BTC, settings().timeframe, CLOSE)

    assert live.failed(fact, CLOSE, "no venue answers") == live.AnalysisSteppedView(
        "AnalysisStepped", cycle(BTC, CLOSE), CLOSE, "BTC/USDC", "failed", False, "no venue answers"
    )
