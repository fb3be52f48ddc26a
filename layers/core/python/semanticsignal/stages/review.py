"""LessonLearned → PostMortemWritten."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from ..domain.decision import Decision, Prompt, Reply
from ..domain.errors import InvalidReply, MemoryUnavailable, Missing, ModelUnavailable
from ..domain.events import LessonLearned, PositionClosed, PostMortemWritten
from ..domain.learning import PostMortem
from ..domain.ledger import Closing, Entry, Learned
from ..domain.untrusted import line, writable
from ..logic.review import analyst
from ..logic.review.prompt import Case, prompt
from ..logic.review.reply import Words, words
from ..ports import Facts, Sockets

STOOD_IN, WHY_LENGTH = "analyst", 300
# More trades than close between two looks.
RECENT = 50


async def review(fact: LessonLearned, on: Sockets) -> Facts:
    """The first post-mortem of a trade stands, whoever is asked again. Memory follows the ledger, where it will find it
    if it is away now: nobody is asked again for that."""
    standing = await on.ledger.entry(_written(fact.id))
    if standing is None:
        told = await _reviewed(await _case(fact, on), on)
        standing = await on.ledger.record(Entry(PostMortemWritten(told.id, told.symbol, told.written_at), told))
    if isinstance(standing.subject, PostMortem):
        with suppress(MemoryUnavailable):
            await on.memory.remember(standing.subject)
    return (standing.fact,)


async def unreviewed(until: datetime, on: Sockets) -> tuple[PositionClosed, ...]:
    """Trades closed by `until` whose post-mortem nobody has written, oldest first, back to the newest that has one."""
    closed = await on.ledger.entries(kinds=("PositionClosed",), until=until, limit=RECENT, newest_first=True)
    found: list[PositionClosed] = []
    for entry in closed:
        if await on.ledger.entry(_written(entry.fact.id)):
            break
        if isinstance(entry.fact, PositionClosed):
            found.insert(0, entry.fact)
    return tuple(found)


def _written(trade_id: str) -> str:
    return f"PostMortemWritten:{PostMortem.id_of(trade_id)}"


async def _case(fact: LessonLearned, on: Sockets) -> Case:
    lesson = await on.ledger.entry(f"LessonLearned:{fact.id}")
    closing = await on.ledger.entry(f"PositionClosed:{fact.id}")
    if lesson is None or not isinstance(lesson.subject, Learned):
        raise Missing(f"no lesson {fact.id} in the ledger")
    if closing is None or not isinstance(closing.subject, Closing):
        raise Missing(f"no trade {fact.id} in the ledger")
    trade = closing.subject.trade
    entry = await _decision(trade.decision_id, on)
    if entry is None:
        raise Missing(f"trade {trade.id} has no decision {trade.decision_id}")
    close = await _decision(trade.close_decision_id, on) if trade.close_decision_id else None
    return Case(lesson.subject.experience, trade, entry, close)


async def _decision(id: str, on: Sockets) -> Decision | None:
    found = await on.ledger.entry(f"DecisionMade:{id}")
    return found.subject if found and isinstance(found.subject, Decision) else None


async def _reviewed(case: Case, on: Sockets) -> PostMortem:
    """By the model; where it gives none, or where nobody would read it, by the rules analyst, and why."""
    asked = prompt(case)
    if not on.settings.memory.is_used:
        return _instead(case, asked, "memory is switched off: nobody would read a model's", on)
    try:
        reply = await _answered(asked, on)
    except ModelUnavailable as silent:
        return replace(_instead(case, asked, str(silent), on), attempts=silent.attempts)
    try:
        made = _post_mortem(case, words(reply.text), reply.model, on)
    except InvalidReply as wrong:
        made = _instead(case, asked, f"{reply.model}: {wrong}", on)
    return replace(made, attempts=reply.attempts)


def _instead(case: Case, asked: Prompt, why: str, on: Sockets) -> PostMortem:
    return replace(_post_mortem(case, analyst.reviewed(asked.user), STOOD_IN, on), why=line(why, WHY_LENGTH))


def _post_mortem(case: Case, said: Words, by: str, on: Sockets) -> PostMortem:
    return PostMortem(
        id=PostMortem.id_of(case.trade.id),
        trade_id=case.trade.id,
        symbol=case.trade.symbol,
        written_at=on.clock.now(),
        by=line(by, WHY_LENGTH),
        **said._asdict(),
    )


async def _answered(words: Prompt, on: Sockets) -> Reply:
    """Kept under the trade's id before anybody reads it: a retry neither pays nor asks twice."""
    kept: Prompt = await on.archive.put(f"review-prompt/{words.id}", words)
    reply: Reply | None = await on.archive.get(f"review-reply/{words.id}", Reply)
    if reply is None:
        answer = await on.model.complete(kept)
        reply = await on.archive.put(f"review-reply/{words.id}", replace(answer, text=writable(answer.text)))
    return reply
