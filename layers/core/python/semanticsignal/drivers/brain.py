"""Reads from the ledger what the graph of memories, decisions and trades is made of."""

import asyncio
from collections.abc import Iterable
from datetime import datetime

from ..domain.decision import Decision
from ..domain.ledger import Closing, Entry
from ..domain.market import Symbol
from ..logic.show.brain import BrainView, brain, is_told, touched
from ..ports import Ledger

ACTS = ("PositionOpened", "PositionUpdated", "PositionClosed", "OrderExpired")
# Refusals are found among so many of the newest decisions: no fact of their own names them all.
LOOKED_AT = 300
MISSED = 3
FACTS = 1000
# Of one trade that was asked for, however long ago.
OF_ONE = 100
AT_ONCE = 16


async def told(ledger: Ledger, until: datetime, symbol: Symbol | None, limit: int, asked: Entry | None) -> BrainView:
    """Of the newest `limit` decisions that did something or were refused, and of the one `asked` for."""

    async def newest(*kinds: str, limit: int, after: int = 0) -> tuple[Entry, ...]:
        return await ledger.entries(
            kinds=kinds, symbol=symbol, after=after, until=until, limit=limit, newest_first=True
        )

    made, acts = await asyncio.gather(newest("DecisionMade", limit=LOOKED_AT), newest(*ACTS, limit=2 * limit))
    told_of = [entry for entry in made if isinstance(entry.subject, Decision) and is_told(entry.subject)]
    lately = sorted([*told_of, *acts], key=lambda entry: entry.seq, reverse=True)
    ids = list(dict.fromkeys(id for entry in lately for id in touched(entry)))
    found = {entry.id: entry for entry in told_of}
    chosen = await _got(ledger, (f"DecisionMade:{id}" for id in ids[:limit]), found)
    oldest = min((entry.seq for entry in chosen), default=0)
    facts = await newest(*ACTS, "LessonLearned", after=oldest, limit=FACTS) if chosen else ()
    missed = await newest("CandleMissed", after=oldest, limit=MISSED)
    mine = {entry.fact.id for entry in chosen}
    # Of a trade that was closed or moved lately, every decision; of others that are older, nothing.
    kept = [entry for entry in facts if not (of := touched(entry)) or of[0] in mine]
    more = await _asked(ledger, until, asked) if asked else []
    whole = {entry.id: entry for entry in (*chosen, *kept, *missed, *more)}
    ids_of = (f"DecisionMade:{id}" for entry in (*kept, *more) for id in touched(entry))
    whole |= {entry.id: entry for entry in await _got(ledger, ids_of, whole)}
    decisions = [entry.subject for entry in whole.values() if isinstance(entry.subject, Decision)]
    lessons = (f"LessonLearned:{id.removesuffix('#experience')}" for one in decisions for id in one.recalled)
    rules = (f"RuleFormed:{id}" for one in decisions for id in one.rules)
    learned = await _got(ledger, (*lessons, *rules), whole)
    earlier = len(ids) > limit or len(acts) == 2 * limit or len(made) == LOOKED_AT
    return brain([*whole.values(), *learned], until, asked.fact.id if asked else None, earlier)


async def _got(ledger: Ledger, ids: Iterable[str], known: dict[str, Entry]) -> list[Entry]:
    """The entries of these ids, those that are known already unasked."""
    wanted = list(dict.fromkeys(ids))
    missing = [id for id in wanted if id not in known]
    found = dict(known)
    for start in range(0, len(missing), AT_ONCE):
        for entry in await asyncio.gather(*map(ledger.entry, missing[start : start + AT_ONCE])):
            if entry:
                found[entry.id] = entry
    return [found[id] for id in wanted if id in found]


async def _asked(ledger: Ledger, until: datetime, asked: Entry) -> list[Entry]:
    """The trade that a decision belongs to, whole."""
    decision = asked.subject
    assert isinstance(decision, Decision)

    async def acts(after: int, id: str) -> list[Entry]:
        found = await ledger.entries(kinds=ACTS, symbol=decision.symbol, after=after, until=until, limit=OF_ONE)
        return [entry for entry in found if id in touched(entry)]

    here = await acts(asked.seq, decision.id)
    opener = next((touched(entry)[0] for entry in here), decision.id)
    if opener != decision.id and (root := await ledger.entry(f"DecisionMade:{opener}")):
        here = [root, *await acts(root.seq, opener)]
    closed = next((entry for entry in here if isinstance(entry.subject, Closing)), None)
    lesson = await ledger.entry(f"LessonLearned:{closed.fact.id}") if closed else None
    return [asked, *here, *filter(None, [lesson])]
