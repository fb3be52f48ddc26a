"""What a memory is asked by people: what worked, and what was written about it. Of the ledger, whoever holds it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from .. import wiring
from ..domain.decision import Decision
from ..domain.errors import BadInput
from ..domain.learning import Experience, PassageKind, Which
from ..domain.ledger import Learned
from ..domain.policy import Settings
from ..logic.show.learned import FoundView, found
from ..logic.show.worked import GroupView, WorkedView, run, worked
from ..ports import Ledger
from .library import Library

PAGE = 2000
HEAD = ("", "trades", "won", "95 %", "mean return", "mean R")


class Question(NamedTuple):
    """`during`: a word of a regime; the newest time of it is meant, of any pair unless `which` names one."""

    which: Which
    until: datetime
    during: str | None = None


async def what_worked(ledger: Ledger, question: Question) -> WorkedView:
    """Raises BadInput where there was no such time."""
    which, until = question.which, question.until
    if question.during:
        stretch = await _stretch(ledger, question)
        if stretch is None:
            raise BadInput(f"no week of a regime with that word in it was lived through, was {question.during!r}")
        which, until = replace(which, since=max(filter(None, (which.since, stretch[0])))), min(until, stretch[1])
    lived = [one for one in await _lived(ledger) if which.is_met(one) and one.closed_at <= until]
    return worked(lived, which.since, until)


async def read(settings: Settings, question: Question) -> WorkedView:
    ledger = wiring.read_ledger(Path(settings.home), settings)
    try:
        return await what_worked(ledger, question)
    finally:
        ledger.close()


async def searched(
    settings: Settings, words: str, *, until: datetime, limit: int, kinds: Sequence[PassageKind]
) -> tuple[FoundView, ...]:
    ledger = wiring.read_ledger(Path(settings.home), settings)
    try:
        shelf = Library(ledger, wiring.meanings())
        return tuple(found(*one) for one in await shelf.search(words, until=until, limit=limit, kinds=kinds))
    finally:
        ledger.close()


def rows(view: WorkedView) -> list[list[list[str]]]:
    """A section for all trades, then one for each thing they had in common."""
    sections: dict[str, list[list[str]]] = {}
    for group in view.groups:
        sections.setdefault(group.by, []).append(_row(group))
    return list(sections.values())


def _row(group: GroupView) -> list[str]:
    name = group.name if group.by == "all" else f"{group.by}: {group.name}"
    return [
        name, str(group.trades), str(group.wins), f"{group.win_low:.0%} to {group.win_high:.0%}",
        f"{group.mean_return_ratio * 100:+.2f} %", "" if group.mean_r is None else f"{group.mean_r:+.2f}",
    ]  # fmt: skip


async def _stretch(ledger: Ledger, question: Question) -> tuple[datetime, datetime] | None:
    made: list[tuple[datetime, str]] = []
    after = 0
    while page := await ledger.entries(
        kinds=("DecisionMade",), symbol=question.which.symbol, after=after, until=question.until, limit=PAGE
    ):
        made += [(one.closed_at, one.regime) for entry in page if isinstance(one := entry.subject, Decision)]
        after = page[-1].seq
    return run(made, question.during or "")


async def _lived(ledger: Ledger) -> list[Experience]:
    lived: list[Experience] = []
    after = 0
    while page := await ledger.entries(kinds=("LessonLearned",), after=after, limit=PAGE):
        lived += [one.experience for entry in page if isinstance(one := entry.subject, Learned)]
        after = page[-1].seq
    return lived
