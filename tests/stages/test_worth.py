"""Whose forecasts count for whose: by the name that was asked, not by the one that a server gives itself."""

from dataclasses import replace
from datetime import timedelta

from world import MONDAY, bars, decision, path, snapshot, world

from semanticsignal.domain.asking import Attempt, Fault, Usage
from semanticsignal.domain.decision import Action, Calibration, Decision, Forecast, Signal
from semanticsignal.domain.events import DecisionMade
from semanticsignal.domain.ledger import Entry
from semanticsignal.logic.evaluate.recalibration import NEEDED
from semanticsignal.stages.decide import worth

H4 = timedelta(hours=4)
COUNT = NEEDED + 10
SAID = Signal(Action.HOLD, 0.7, "", Forecast(p_up=0.9, p_up_24h=0.9))


def answered(bar: int, asked: str, served: str) -> Decision:
    """A decision whose server calls itself `served`."""
    at = MONDAY + bar * H4
    attempt = Attempt("local", asked, at, 1.0, Usage(), served=served)
    return decision(SAID, str(1000 + bar), id=f"d{bar}", closed_at=at, decided_at=at, model=served, attempts=(attempt,))


async def lived_worth(who: str | None, asked: str = "small", served: str = "famous") -> Calibration | None:
    on = world(bars(path([100, 101, 102])))
    for bar in range(COUNT):
        made = answered(bar, asked, served)
        await on.ledger.record(Entry(DecisionMade(made.id, made.symbol, made.decided_at), made))
    at = MONDAY + COUNT * H4
    return await worth(replace(snapshot("100"), closed_at=at, seen_at=at), who, on)


async def test_who_was_asked_has_the_record() -> None:
    found = await lived_worth("small at local")

    # the day after the last six closes nobody has seen
    assert found is not None and found.forecasts == COUNT - 6
    assert found.slope > 1, "right every time"


async def test_a_server_that_names_another_model_takes_nothing_from_it() -> None:
    assert await lived_worth("famous") is None
    assert await lived_worth("famous at local") is None


async def test_an_answer_that_failed_names_nobody() -> None:
    fault = replace(answered(0, "small", "famous").attempts[0], fault=Fault.SCHEMA)

    assert decision(SAID, attempts=(fault,), model=None).decider is None
    assert decision(SAID, attempts=(), model="rules-analyst").decider == "rules-analyst"
