"""STAGES: the whole flow in one table. Every crank (Lambda, local loop, replay) turns these rows and no others."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, get_args

from ..domain import events
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
from .watch import watch


class Stage(NamedTuple):
    """One step: the facts it hears, and what it does with each. `run` returns the facts it tells in turn. `is_slow`: it
    may wait for somebody for minutes, and nothing waits for it. `first`: what it hears before all others do."""

    name: str
    hears: tuple[type, ...]
    run: Callable[[Any, Sockets], Awaitable[Facts]]
    is_slow: bool = False
    first: tuple[type, ...] = ()


STAGES = (
    Stage("collect", (events.CandleClosed, events.AnalysisRequested), collect),
    Stage("analyse", (events.MarketCollected,), analyse),
    Stage("decide", (events.MarketAnalysed,), decide),
    Stage("execute", (events.DecisionMade,), execute),
    Stage("watch", (events.MinutePassed,), watch),
    Stage("reflect", (events.PositionClosed, events.LessonLearned, events.DecisionMade), reflect),
    Stage("review", (events.LessonLearned,), review, is_slow=True),
    Stage("context", (events.QuarterPassed,), context),
    Stage("news", (events.HourPassed,), news),
    Stage("notify", TOLD, notify, is_slow=True),
    Stage("show", get_args(events.Fact), show, first=BEGINNINGS),
)
