"""Functions as deployed: the rows of the real handlers, in a world of our own, on a bus that collects."""

import importlib
import json
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from semanticsignal.codec import dump_fact
from semanticsignal.domain.errors import Unavailable
from semanticsignal.domain.events import CandleClosed, Fact, MinutePassed
from semanticsignal.drivers.aws_lambda import serve
from semanticsignal.ports import Facts, Sockets
from semanticsignal.stages import STAGES

EVENTS = Path(__file__).parent / "events"
NAMES = tuple(stage.name for stage in STAGES)
Event = dict[str, Any]


def recorded(name: str) -> Event:
    """An event as AWS sends it."""
    event: Event = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return event


def envelope(fact: Fact) -> Event:
    """A fact as the bus brings it, through JSON and back."""
    event = recorded("analyse") | {"detail-type": type(fact).__name__, "detail": dump_fact(fact)}
    return dict(json.loads(json.dumps(event)))


def scheduled(fact: CandleClosed | MinutePassed) -> Event:
    """What EventBridge Scheduler sends for it."""
    if isinstance(fact, MinutePassed):
        return {"kind": "ScheduledMinute", "scheduled_at": _time(fact.at)}
    return {
        "kind": "ScheduledCandle",
        "symbol": str(fact.symbol),
        "timeframe": str(fact.timeframe),
        "scheduled_at": _time(fact.closed_at),
    }


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class Bus:
    """Keeps what it is told; the first `failing` times it is not there."""

    def __init__(self, failing: int = 0) -> None:
        self.facts: list[Fact] = []
        self._failing = failing

    async def publish(self, facts: Facts) -> None:
        if self._failing:
            self._failing -= 1
            raise Unavailable("bus semanticsignal did not take it: InternalFailure")
        self.facts += facts


class Cloud:
    """Every function of the table, in one world with one bus."""

    def __init__(self, on: Sockets, bus: Bus) -> None:
        self.on, self.bus = on, bus
        rows = {name: importlib.import_module(f"functions.{name}").handler.stage.name for name in NAMES}
        self.functions = {name: serve(row, lambda: replace(on), bus.publish) for name, row in rows.items()}

    def call(self, name: str, event: Event) -> list[Fact]:
        """What one function tells of an event."""
        before = len(self.bus.facts)
        answer = self.functions[name](event, None)
        told = self.bus.facts[before:]
        assert answer == {"facts": [fact.id for fact in told]}
        return told

    def deliver(self, event: Event) -> list[Fact]:
        """What all who hear an event tell of it, in the order of the table. A schedule calls its one function."""
        hearers = {"ScheduledCandle": ["collect"], "ScheduledMinute": ["watch"]}.get(event.get("kind", ""))
        return [told for name in hearers or _hearers(event) for told in self.call(name, event)]

    def run(self, *events: Event, times: int = 1) -> list[Event]:
        """Everything that came of it, first in, first out, each delivered `times` times; returns what was heard."""
        queue, heard = deque(events), []
        while queue:
            event = queue.popleft()
            heard.append(event)
            for _ in range(times):
                queue.extend(envelope(fact) for fact in self.deliver(event))
        return heard

    def live(self, instants: Sequence[datetime], *, times: int = 1, is_scheduled: bool = True) -> list[Event]:
        """At each boundary first the minute, then the closed bar of each pair."""
        heard, first = [], scheduled if is_scheduled else envelope
        for at in instants:
            self.on.clock.set(at)  # type: ignore[attr-defined]
            heard += self.run(first(MinutePassed(at)), times=times)
            for symbol in self.on.settings.pairs:
                heard += self.run(first(CandleClosed(symbol, self.on.settings.timeframe, at)), times=times)
        return heard


def _hearers(event: Event) -> list[str]:
    kind = event["detail-type"]
    return [stage.name for stage in STAGES if kind in {heard.__name__ for heard in stage.hears}]


@contextmanager
def deployed(on: Sockets, bus: Bus | None = None) -> Iterator[Cloud]:
    cloud = Cloud(on, bus or Bus())
    try:
        yield cloud
    finally:
        for function in cloud.functions.values():
            function.runner.close()
