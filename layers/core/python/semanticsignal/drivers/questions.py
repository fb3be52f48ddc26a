"""What a memory is asked by people: what worked, and what was written about it. Of the ledger, whoever holds it."""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from .. import wiring
from ..domain.decision import Decision
from ..domain.errors import BadInput
from ..domain.learning import Experience, PassageKind, Which
from ..domain.ledger import Learned
from ..domain.market import Symbol
from ..domain.policy import Settings
from ..logic.show.learned import FoundView, found
from ..logic.show.worked import GroupView, WorkedView, run, worked
from ..ports import Ledger
from .library import Library

KINDS = ("DecisionMade", "LessonLearned")
# Said by nobody who means an end: a simulated market runs ahead of the clock.
FOREVER = datetime(2100, 1, 1, tzinfo=UTC)
# As many as are read in a few hundredths of a second.
PAGE = 100
HEAD = ("", "trades", "won", "likely share, 90 %", "mean return", "mean R")


class Question(NamedTuple):
    """`during`: a word of a regime; the newest time of it is meant, of each pair its own."""

    which: Which
    until: datetime
    during: str | None = None


class Past:
    """Trades that were learned from and regimes that were decided in, of one ledger: each read once, a little at a
    time, so that whoever shares the loop has their turn."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._turn = asyncio.Lock()
        self._after = 0
        self._lived: list[Experience] = []
        self._regimes: list[tuple[datetime, Symbol, str]] = []

    async def what_worked(self, question: Question) -> WorkedView:
        """Raises BadInput where there was no such time."""
        async with self._turn:
            await self._follow()
        return await asyncio.to_thread(self._worked, question)

    def _worked(self, question: Question) -> WorkedView:
        which, until = question.which, question.until
        if which.since is not None and which.since > until:
            raise BadInput(f"nothing lies between, was from {which.since.isoformat()} to {until.isoformat()}")
        known = sorted({one.regime for one in self._lived})
        if which.regime is not None and known and which.regime not in known:
            raise BadInput(f"no trade was entered in such a regime, was {which.regime!r}; there are {', '.join(known)}")
        lived = [one for one in self._lived if which.is_met(one) and one.closed_at <= until]
        if not question.during:
            return worked(lived, which.since, until)
        times = self._times(question.during, which.symbol, until)
        began, ended = min(first for first, _ in times.values()), max(last for _, last in times.values())
        if which.since is not None and which.since > ended:
            raise BadInput(f"the newest such time ended at {ended.isoformat()}, was from {which.since.isoformat()}")
        lived = [one for one in lived if one.symbol in times]
        lived = [one for one in lived if times[one.symbol][0] <= one.closed_at <= times[one.symbol][1]]
        return worked(lived, max(began, which.since or began), ended)

    def _times(self, word: str, symbol: Symbol | None, until: datetime) -> dict[Symbol, tuple[datetime, datetime]]:
        """Of each pair that had such a time, the newest of its own: pairs rise and fall apart."""
        told: dict[Symbol, list[tuple[datetime, str]]] = {}
        for at, pair, regime in self._regimes:
            if at <= until and symbol in (None, pair):
                told.setdefault(pair, []).append((at, regime))
        found = {pair: stretch for pair, regimes in told.items() if (stretch := run(regimes, word))}
        if not found:
            raise BadInput(f"no week of a regime with that word in it was lived through, was {word!r}")
        return found

    async def _follow(self) -> None:
        while page := await self._ledger.entries(kinds=KINDS, after=self._after, limit=PAGE):
            for entry in page:
                match entry.subject:
                    case Learned(experience=lived):
                        self._lived.append(lived)
                    case Decision() as made:
                        self._regimes.append((made.closed_at, made.symbol, made.regime))
            self._after = page[-1].seq
            await asyncio.sleep(0)


async def read(settings: Settings, question: Question) -> WorkedView:
    """Of the ledger of a home, whoever holds it. Raises BadInput where there is none, LedgerUnavailable."""
    with closing(wiring.read_ledger(Path(settings.home), settings)) as ledger:
        return await Past(ledger).what_worked(question)


async def searched(
    settings: Settings, words: str, *, until: datetime, limit: int, kinds: Sequence[PassageKind]
) -> tuple[FoundView, ...]:
    """As above."""
    with closing(wiring.read_ledger(Path(settings.home), settings)) as ledger:
        shelf = Library(ledger, wiring.meanings())
        return tuple(found(*one) for one in await shelf.search(words, until=until, limit=limit, kinds=kinds))


def time(view: WorkedView) -> str:
    """Which trades are meant, in words."""
    since = "" if view.since is None else f" from {view.since:%Y-%m-%d %H:%M} UTC"
    return f"closed{since}" + ("" if view.until >= FOREVER else f" until {view.until:%Y-%m-%d %H:%M} UTC")


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
