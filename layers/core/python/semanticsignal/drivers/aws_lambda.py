"""The Lambda crank: an envelope in, one stage of the table, the facts it tells back on the bus."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import orjson

from .. import wiring
from ..codec import load_fact
from ..domain.asking import Attempt
from ..domain.decision import Decision
from ..domain.errors import BadInput, Unavailable
from ..domain.events import Fact, LessonLearned, MarketAnalysed, MinutePassed
from ..domain.learning import PostMortem
from ..domain.ledger import Entry
from ..domain.market import Timeframe
from ..logic.decide import judge
from ..ports import Facts, Sockets
from ..stages import STAGES, Stage
from .container import Container, hides

Publish = Callable[[Facts], Awaitable[None]]
ENVELOPE_VERSION = "0"
FORCED = {"kind", "symbol"}
# Sooner than a retry comes.
JUST_MADE = timedelta(seconds=30)


def serve(name: str, sockets: Callable[[], Sockets] | None = None, publish: Publish | None = None) -> "Function":
    """The handler of one row of the table; its facts go to `publish`, else to the wiring's bus. Raises BadInput."""
    for stage in STAGES:
        if stage.name == name:
            return Function(stage, sockets or wiring.cloud, publish)
    raise BadInput(f"a function turns one of {', '.join(stage.name for stage in STAGES)}, was {name!r}")


class Function(Container):
    """One stage in one container. What it wears is put on with the first event, and kept for the next ones."""

    def __init__(self, stage: Stage, sockets: Callable[[], Sockets], publish: Publish | None) -> None:
        super().__init__(stage.name)
        self.stage = stage
        self._sockets, self._given = sockets, publish

    def __call__(self, event: Any, _context: object) -> dict[str, Any]:
        """The ids of the facts it told; of a batch from the ledger's stream, where to begin again. Whatever is raised
        makes Lambda try again, and then the event a dead letter.

        Raises BadInput for what is no fact or none this stage hears, and all that the stage or the bus raises."""
        match event:
            case {"Records": [{"eventSource": "aws:dynamodb"}, *_] as records}:
                return self._batch(records)
            case {"kind": "AnalysisRequested", **_more}:
                event = _forced(event, self.on)
        return {"facts": [told.id for told in self._heard(event)]}

    def _heard(self, event: Any) -> Facts:
        with self.reported():
            fact = heard(event, self.stage)
            self.log.append_keys(cycle_id=_cycle(fact))
            facts = self.runner.run(self._turned(fact, self.on))
            self.log.info("%s told %s", type(fact).__name__, ", ".join(type(f).__name__ for f in facts) or "nothing")
            return facts

    def _batch(self, records: list[Any]) -> dict[str, Any]:
        """In order, up to the first that fails: Lambda tries again from there, and tells nothing twice before it."""
        for record in records:
            try:
                self._heard(_written(record))
            except Exception as wrong:
                # The stream's own retries and dead letters follow; a record that is no entry has not been said yet.
                self.log.error("the batch begins again here: %s", hides(str(wrong)))
                return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
        return {"batchItemFailures": []}

    async def _turned(self, fact: Fact, on: Sockets) -> Facts:
        try:
            facts = await self.stage.run(fact, on)
            if facts:
                await self.publish(facts)
        finally:
            await self._measured(fact, on)
        return facts

    async def _measured(self, fact: Fact, on: Sockets) -> None:
        """What the alarms watch: the fall from the peak each minute; decisions, those made without memory, what the
        model cost. A figure that cannot be had is left out: the work is done, or has said what was wrong."""
        try:
            if isinstance(fact, MinutePassed) and self.stage.name == "watch":
                portfolio = await on.ledger.portfolio()
                peak = portfolio.peak_equity_quote or portfolio.account.start_quote
                self.metrics.add_metric("DrawdownRatio", "None", max(0.0, float(1 - portfolio.equity_quote / peak)))
            elif isinstance(fact, MarketAnalysed):
                await self._decided(await on.ledger.entry(f"DecisionMade:{fact.id}"), on)
            elif isinstance(fact, LessonLearned) and self.stage.name == "review":
                written = await on.ledger.entry(f"PostMortemWritten:{PostMortem.id_of(fact.id)}")
                told = written.subject if written else None
                if isinstance(told, PostMortem) and on.clock.now() - told.written_at <= JUST_MADE:
                    self._spent(told.attempts)
        except (Unavailable, BadInput) as wrong:
            self.log.warning("not measured: %s", wrong)

    async def _decided(self, entry: Entry | None, on: Sockets) -> None:
        """A decision is counted when it is made, not each time that it is told again."""
        made = entry.subject if entry else None
        if not isinstance(made, Decision) or on.clock.now() - made.decided_at > JUST_MADE:
            return
        self._spent(made.attempts)
        if judge.FORGETFUL in made.notes:
            self.metrics.add_metric("DecisionsWithoutMemory", "Count", 1)
        if not made.is_forced:
            self.metrics.add_metric("DecisionMade", "Count", 1)

    def _spent(self, attempts: Iterable[Attempt]) -> None:
        """By all that were asked, whoever answered in the end."""
        told = [attempt.usage.cost_usd for attempt in attempts if attempt.usage.cost_usd is not None]
        if told:
            self.metrics.add_metric("ModelSpendUsd", "None", float(sum(told)))

    @cached_property
    def on(self) -> Sockets:
        return self._sockets()

    @cached_property
    def publish(self) -> Publish:
        return self._given or wiring.bus().publish


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


def _forced(event: Mapping[str, Any], on: Sockets) -> Any:
    """An analysis asked for by hand is named for its minute: asked twice within it, it is one."""
    if set(event) != FORCED:
        raise BadInput(f"a forced analysis names its {' and '.join(sorted(FORCED))} and no more, was {_short(event)}")
    asked = requested(str(event["symbol"]), on.settings.timeframe, on.clock.now())
    if load_fact(asked).symbol not in on.settings.pairs:
        raise BadInput(f"{event['symbol']} is not traded here, only {', '.join(on.settings.symbols)}")
    return {"version": ENVELOPE_VERSION, "detail-type": "AnalysisRequested", "detail": asked}


def requested(symbol: str, timeframe: Timeframe, now: datetime) -> dict[str, Any]:
    """AnalysisRequested of this minute, as the codec writes it."""
    minute = Timeframe.M1.floor(now).isoformat()
    return {"kind": "AnalysisRequested", "symbol": symbol, "timeframe": str(timeframe), "requested_at": minute}


def _written(record: Any) -> dict[str, Any]:
    """What the ledger's stream tells of a new entry, as the bus would have told it."""
    match record:
        case {"eventName": "INSERT", "dynamodb": {"NewImage": {"kind": {"S": kind}, "fact": {"S": fact}}}}:
            try:
                told = orjson.loads(fact)
            except orjson.JSONDecodeError as wrong:
                raise BadInput(f"no entry of the ledger, was {_short(record)}") from wrong
            if isinstance(told, dict):
                return {"version": ENVELOPE_VERSION, "detail-type": kind, "detail": {"kind": kind, **told}}
    raise BadInput(f"no entry of the ledger, was {_short(record)}")


def _cycle(fact: Fact) -> str:
    """Pair, timeframe and instant: what every id of one cycle begins with."""
    return "#".join(fact.id.split("#")[:3])


def _short(event: Any) -> str:
    return repr(event)[:300]
