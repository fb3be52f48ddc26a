"""STAGES: the whole flow in one table. Every crank (Lambda, local loop, replay) turns these rows and no others."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, get_args

from ..domain import events
from ..domain.policy import Settings
from ..ports import Facts, Sockets
from .analyse import analyse
from .collect import collect
from .context import context
from .decide import decide
from .execute import execute
from .news import news
from .notify import TOLD, notify
from .reflect import reflect
from .review import review
from .show import BEGINNINGS, show
from .watch import PATIENCE_ANSWERS, watch


def _nobody(_: Settings) -> float:
    return 0.0


def _models(settings: Settings) -> float:
    return settings.model.deadline_s


def _bar(settings: Settings) -> float:
    return settings.collect.deadline_s


def _venues(settings: Settings) -> float:
    """Of the pairs together: once for what happened to them, once for the mark."""
    return 2 * PATIENCE_ANSWERS * settings.collect.timeout_s


class Stage(NamedTuple):
    """One step: the facts it hears, and what it does with each. `run` returns the facts it tells in turn. `is_slow`: it
    may wait for somebody for minutes, and nothing waits for it. `first`: what it hears before all others do.

    `own_s`: seconds that its own work may take, beside what it `waits` for. Every plug keeps a time of its own; this is
    the end of it where one does not."""

    name: str
    hears: tuple[type, ...]
    run: Callable[[Any, Sockets], Awaitable[Facts]]
    own_s: float = 60.0
    waits: Callable[[Settings], float] = _nobody
    is_slow: bool = False
    first: tuple[type, ...] = ()

    def within_s(self, settings: Settings) -> float:
        return self.own_s + self.waits(settings)


STAGES = (
    Stage("collect", (events.CandleClosed, events.AnalysisRequested), collect, 120.0, _bar),
    Stage("analyse", (events.MarketCollected,), analyse),
    Stage("decide", (events.MarketAnalysed,), decide, waits=_models),
    Stage("execute", (events.DecisionMade,), execute),
    Stage("watch", (events.MinutePassed,), watch, 12.0, _venues),
    Stage("reflect", (events.PositionClosed, events.LessonLearned, events.DecisionMade), reflect),
    Stage("review", (events.LessonLearned,), review, waits=_models, is_slow=True),
    Stage("context", (events.QuarterPassed,), context),
    Stage("news", (events.HourPassed,), news, 120.0),
    Stage("notify", TOLD, notify, is_slow=True),
    Stage("show", get_args(events.Fact), show, first=BEGINNINGS),
)
