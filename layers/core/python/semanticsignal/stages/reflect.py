"""PositionClosed → LessonLearned → RuleFormed | Reflected; DecisionMade → RefusalJudged."""

from contextlib import suppress
from decimal import Decimal

from ..domain.collected import Market
from ..domain.decision import Decision
from ..domain.errors import MemoryUnavailable, Missing
from ..domain.events import DecisionMade, LessonLearned, PositionClosed, Reflected, RefusalJudged, RuleFormed
from ..domain.learning import Experience, Hindsight, Reflection, RefusedEntry, SemanticRule, Statistics
from ..domain.ledger import Amendment, Closing, Entry, Learned
from ..domain.trading import EquityPoint, Position, Trade
from ..logic.execute.hindsight import hindsight
from ..logic.reflect import lesson, rules, tally, thresholds
from ..ports import Facts, Sockets

PAGE = 1000
# More changes of levels than one position sees.
MOVES = 100


async def reflect(fact: PositionClosed | LessonLearned | DecisionMade, on: Sockets) -> Facts:
    """The ledger first, then the memory: its index follows the ledger, so what it misses while it is away comes later
    and holds up nobody."""
    match fact:
        case DecisionMade():
            return await _judged(fact, on)
        case LessonLearned():
            return await _reflected(fact, on)
        case PositionClosed():
            return await _learned(fact, on)


async def _learned(fact: PositionClosed, on: Sockets) -> Facts:
    trade = await _closed(fact.id, on)
    decision = await on.ledger.entry(f"DecisionMade:{trade.decision_id}")
    if decision is None or not isinstance(decision.subject, Decision):
        raise Missing(f"trade {trade.id} has no decision {trade.decision_id}")
    learned = lesson.learned(trade, decision.subject, await _amended(trade, on), await _equity(trade, on))
    standing = await on.ledger.record(Entry(LessonLearned(trade.id, trade.symbol, trade.closed_at), learned))
    if isinstance(standing.subject, Learned):
        with suppress(MemoryUnavailable):
            await on.memory.remember(standing.subject.experience)
    return (standing.fact,)


async def _closed(trade_id: str, on: Sockets) -> Trade:
    closing = await on.ledger.entry(f"PositionClosed:{trade_id}")
    if closing is None or not isinstance(closing.subject, Closing):
        raise Missing(f"no trade {trade_id} in the ledger")
    return closing.subject.trade


async def _amended(trade: Trade, on: Sockets) -> list[Position]:
    """The position after each change of its levels, oldest first."""
    moved = await on.ledger.entries(
        kinds=("PositionUpdated",), symbol=trade.symbol, until=trade.closed_at, limit=MOVES, newest_first=True
    )
    told = [one.position for entry in reversed(moved) if isinstance(one := entry.subject, Amendment)]
    return [after for after in told if after.id == trade.position_id]


async def _equity(trade: Trade, on: Sockets) -> Decimal | None:
    """Of the last mark before the entry; before the first, what the account began with."""
    marks = await on.ledger.entries(kinds=("EquityMarked",), until=trade.opened_at, limit=1, newest_first=True)
    mark = marks[0].subject if marks else None
    return mark.equity_quote if isinstance(mark, EquityPoint) else on.settings.paper.start_quote


async def _reflected(fact: LessonLearned, on: Sockets) -> Facts:
    """Every so many trades: the lessons since the last reflection are added to what it said."""
    trade = await _closed(fact.id, on)
    if not rules.is_due(trade.number, on.settings.memory):
        return ()
    id = f"reflection#{trade.number}"
    standing = await on.ledger.entry(f"Reflected:{id}")
    if standing is None:
        standing = await on.ledger.record(Entry(Reflected(id, fact.at), await _reflection(id, fact, on)))
    said = standing.subject
    formed = [rule for rule in said.rules if rule.formed_at == said.at] if isinstance(said, Reflection) else []
    return (*(RuleFormed(rule.id, rule.formed_at) for rule in formed), standing.fact)


async def _reflection(id: str, fact: LessonLearned, on: Sockets) -> Reflection:
    """Rules first: a reflection in the ledger then says that all of them are. Of the ledger up to this lesson, so that
    a second run says the same."""
    this = await on.ledger.entry(f"LessonLearned:{fact.id}")
    if this is None:
        raise Missing(f"no lesson {fact.id} in the ledger")
    last = await on.ledger.entries(kinds=("Reflected",), before=this.seq, limit=1, newest_first=True)
    before = last[0].subject if last and isinstance(last[0].subject, Reflection) else None
    since = await _lessons(before.statistics.through if before else 0, this.seq, on)
    now = tally.folded(before.statistics if before else Statistics(), since)
    newest = [experience for _, experience in since]
    standing, changed = rules.formed(now, before, newest, fact.at, on.settings.memory)
    for rule in changed:
        entry = await on.ledger.record(Entry(RuleFormed(rule.id, rule.formed_at), rule))
        if isinstance(entry.subject, SemanticRule):
            with suppress(MemoryUnavailable):
                await on.memory.learn(entry.subject)
    return Reflection(id, fact.at, now, thresholds.learned(now, on.settings), standing)


async def _lessons(after: int, until: int, on: Sockets) -> list[tuple[int, Experience]]:
    """Place in the ledger and experience, in order, from behind `after` up to `until`."""
    found: list[tuple[int, Experience]] = []
    while page := await on.ledger.entries(kinds=("LessonLearned",), after=after, before=until + 1, limit=PAGE):
        found += [(entry.seq, one.experience) for entry in page if isinstance(one := entry.subject, Learned)]
        after = page[-1].seq
    return found


async def _judged(fact: DecisionMade, on: Sockets) -> Facts:
    """What refused entries of the pair would have come to, as far as the bars of this cycle tell it; where these are
    not kept any more, those of the next one reach as far back. Heard once it is decided: nothing is held up by it."""
    horizon = on.settings.memory.hindsight_bars
    told = await on.ledger.entries(
        kinds=("EntryRefused", "RefusalJudged"), symbol=fact.symbol, until=fact.at, limit=3 * horizon,
        newest_first=True,
    )  # fmt: skip
    known = {one.refused.id for entry in told if isinstance(one := entry.subject, Hindsight)}
    waiting = [one for entry in told if isinstance(one := entry.subject, RefusedEntry) and one.id not in known]
    if not waiting:
        return ()
    market: Market | None = await on.archive.get(f"market/{fact.id}", Market)
    if market is None:
        return ()
    found = []
    for one in waiting:
        came = hindsight(one, market.candles, (on.settings.paper, market.rules), horizon)
        if came:
            judged = RefusalJudged(came.id, came.symbol, came.closed_at)
            entry = await on.ledger.record(Entry(judged, came))
            found.append(entry.fact)
            with suppress(MemoryUnavailable):
                await on.memory.remember(came)
    return tuple(found)
