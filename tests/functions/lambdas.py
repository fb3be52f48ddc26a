"""Functions as deployed: the real handlers' rows in a world of our own, on a bus that collects."""

import importlib
import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from semanticsignal.codec import dump_fact
from semanticsignal.domain.errors import Unavailable
from semanticsignal.domain.events import Fact
from semanticsignal.drivers.aws_lambda import Function, serve
from semanticsignal.ports import Facts, Sockets
from semanticsignal.stages import STAGES

EVENTS = Path(__file__).parent / "events"
NAMES = tuple(stage.name for stage in STAGES)


def recorded(name: str) -> dict[str, Any]:
    """An event as AWS sends it."""
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return event


def envelope(fact: Fact, number: int = 0) -> dict[str, Any]:
    """A fact as it comes from the bus, through JSON and back."""
    told = {
        "version": "0",
        "id": f"00000000-0000-0000-0000-{number:012}",
        "detail-type": type(fact).__name__,
        "source": "semanticsignal",
        "account": "123456789012",
        "time": datetime(2026, 1, 5, 12, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "eu-central-1",
        "resources": [],
        "detail": dump_fact(fact),
    }
    event: dict[str, Any] = json.loads(json.dumps(told))
    return event


class Collected:
    """A bus that keeps what it is told; `failing` times it is not there."""

    def __init__(self, failing: int = 0) -> None:
        self.facts: list[Fact] = []
        self.failing = failing

    async def __call__(self, facts: Facts) -> None:
        if self.failing:
            self.failing -= 1
            raise Unavailable("bus semanticsignal did not take it: InternalFailure")
        self.facts += facts


@contextmanager
def deployed(on: Sockets, bus: Collected) -> Iterator[dict[str, Function]]:
    """Every function of the table, each by its own module, in one world."""
    rows = {name: importlib.import_module(f"functions.{name}").handler.stage.name for name in NAMES}
    functions = {name: serve(row, lambda: on, bus) for name, row in rows.items()}
    try:
        yield functions
    finally:
        for function in functions.values():
            function.runner.close()


def turned(functions: dict[str, Function], bus: Collected, fact: Fact, *, times: int = 1) -> list[Fact]:
    """Everything that came of a fact, each delivered to all that hear it, `times` times, first in, first out."""
    queue, heard = deque([fact]), []
    while queue:
        event = envelope(queue.popleft(), len(heard))
        told = told_by(functions, bus, event)
        for _ in range(times - 1):
            told_by(functions, bus, event)
        heard.append(event)
        queue.extend(told)
    return heard


def told_by(functions: dict[str, Function], bus: Collected, event: dict[str, Any]) -> list[Fact]:
    """What every function that hears an event publishes."""
    before = len(bus.facts)
    for function in functions.values():
        if event["detail-type"] in {kind.__name__ for kind in function.stage.hears}:
            function(event, None)
    return bus.facts[before:]
