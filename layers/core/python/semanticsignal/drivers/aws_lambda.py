"""The Lambda crank: an envelope in, one stage of the table, the facts it tells back on the bus."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .. import wiring
from ..codec import load_fact
from ..domain.errors import BadInput
from ..domain.events import Fact
from ..ports import Facts, Sockets
from ..stages import STAGES, Stage

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger
    from aws_lambda_powertools.metrics import EphemeralMetrics

Publish = Callable[[Facts], Awaitable[None]]
NAMESPACE = "SemanticSignal"
ENVELOPE_VERSION = "0"


def serve(name: str, sockets: Callable[[], Sockets] = wiring.cloud, publish: Publish | None = None) -> "Function":
    """The handler of one row of the table; its facts go to `publish`, else to the wiring's bus. Raises BadInput."""
    for stage in STAGES:
        if stage.name == name:
            return Function(stage, sockets, publish)
    raise BadInput(f"a function turns one of {', '.join(stage.name for stage in STAGES)}, was {name!r}")


class Function:
    """One stage in one container. What it wears is put on with the first event, and kept for the next ones."""

    def __init__(self, stage: Stage, sockets: Callable[[], Sockets], publish: Publish | None) -> None:
        self.stage = stage
        self._sockets, self._given = sockets, publish

    def __call__(self, event: Any, _context: object) -> dict[str, list[str]]:
        """The ids of the facts it told. Whatever is raised makes Lambda try again, and then the event a dead letter.

        Raises BadInput for what is no fact or none this stage hears, and all that the stage or the bus raises."""
        with self._reported():
            fact = heard(event, self.stage)
            self.log.append_keys(cycle_id=_cycle(fact))
            facts = self.runner.run(self._turned(fact, self.on))
            self.metrics.add_metric("FactsPublished", "Count", len(facts))
            self.log.info("%s told %s", type(fact).__name__, ", ".join(type(f).__name__ for f in facts) or "nothing")
            return {"facts": [told.id for told in facts]}

    async def _turned(self, fact: Fact, on: Sockets) -> Facts:
        facts = await self.stage.run(fact, on)
        if facts:
            await self.publish(facts)
        return facts

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except Exception as wrong:
            self.metrics.add_metric("Failures", "Count", 1)
            self.log.error("%s: %s", type(wrong).__name__, wrong)
            raise
        finally:
            self.metrics.flush_metrics()
            self.log.remove_keys(["cycle_id"])

    @cached_property
    def runner(self) -> asyncio.Runner:
        """One loop a container: what a plug opened in it still answers at the next event."""
        return asyncio.Runner()

    @cached_property
    def on(self) -> Sockets:
        return self._sockets()

    @cached_property
    def publish(self) -> Publish:
        return self._given or wiring.bus().publish

    @cached_property
    def log(self) -> "Logger":
        from aws_lambda_powertools import Logger

        return Logger(service=self.stage.name, utc=True, use_rfc3339=True)

    @cached_property
    def metrics(self) -> "EphemeralMetrics":
        from aws_lambda_powertools.metrics import EphemeralMetrics

        return EphemeralMetrics(namespace=NAMESPACE, service=self.stage.name)


def heard(event: Any, stage: Stage) -> Fact:
    """The fact that came for a stage, from the bus or from a schedule. Raises BadInput saying what else it was."""
    fact: Fact = _fact(event)
    if type(fact) not in stage.hears:
        raise BadInput(f"{stage.name} hears {', '.join(kind.__name__ for kind in stage.hears)}, was {_short(event)}")
    return fact


def _fact(event: Any) -> Any:
    match event:
        case {"detail-type": kind, "detail": {"kind": told} as detail, "version": version}:
            if version != ENVELOPE_VERSION:
                raise BadInput(f"an envelope of EventBridge has version {ENVELOPE_VERSION!r}, was {version!r}")
            if kind != told:
                raise BadInput(f"detail-type and detail name one kind, was {kind!r} and {told!r}")
            return load_fact(detail)
        case {"kind": "ScheduledCandle", "symbol": symbol, "timeframe": timeframe, "scheduled_at": at}:
            due = load_fact({"kind": "CandleClosed", "symbol": symbol, "timeframe": timeframe, "closed_at": at})
            return replace(due, closed_at=due.timeframe.floor(due.closed_at))
        case {"kind": "ScheduledMinute" | "ScheduledQuarter" | "ScheduledHour" as due, "scheduled_at": at}:
            return load_fact({"kind": f"{due.removeprefix('Scheduled')}Passed", "at": at})
    raise BadInput(f"neither an event of the bus nor of a schedule, was {_short(event)}")


def _cycle(fact: Fact) -> str:
    """Pair, timeframe and instant: what every id of one cycle begins with."""
    return "#".join(fact.id.split("#")[:3])


def _short(event: Any) -> str:
    return repr(event)[:300]
