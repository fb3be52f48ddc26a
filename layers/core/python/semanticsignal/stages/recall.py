"""What the past has to say of a moment: the part of deciding that asks memory."""

from dataclasses import replace

from ..domain.decision import Briefing
from ..domain.errors import MemoryUnavailable
from ..domain.learning import ANY, Conditions, PostMortem, Reflection, RuleStatus, Which
from ..logic.decide.recall import ranked
from ..ports import Sockets

# Recalled before re-ranking by age: with fewer, age could not change the choice.
OVER_FETCH = 10
AGREED = (RuleStatus.ACTIVE, RuleStatus.PROBATION)


async def remembering(briefing: Briefing, now_as: Conditions, on: Sockets) -> Briefing:
    """Trading goes on where memory does not answer; prompt and decision say that nothing was recalled then."""
    briefing = replace(briefing, reflection=await _reflection(briefing, on))
    try:
        briefing = await _recalled(briefing, now_as, on)
    except MemoryUnavailable:
        briefing = replace(briefing, stored=None)
    return replace(briefing, post_mortems=await _post_mortems(briefing, on))


async def _recalled(briefing: Briefing, now_as: Conditions, on: Sockets) -> Briefing:
    """Of the pair alone once it has lived through enough, else of all pairs."""
    seen, memory = briefing.snapshot, on.settings.memory
    which, until = Which(symbol=seen.symbol), seen.seen_at
    stored = await on.memory.count(until=until, which=which)
    is_own = stored >= memory.pool_below
    if not is_own:
        which, stored = ANY, await on.memory.count(until=until)
    found = await on.memory.similar(now_as, until=until, limit=memory.neighbors * OVER_FETCH, which=which)
    neighbors = ranked(
        found, until, weight=memory.similarity_weight, half_life_days=memory.half_life_days, k=memory.neighbors
    )
    learned = await on.memory.rules(until=until)
    return replace(
        briefing,
        recalled=neighbors[: memory.k],
        neighbors=neighbors,
        stored=stored,
        is_own=is_own,
        refused=await on.memory.refused(now_as, until=until, limit=memory.neighbors, which=which),
        rules=tuple(rule for rule in learned if rule.status in AGREED),
    )


async def _reflection(briefing: Briefing, on: Sockets) -> Reflection | None:
    found = await on.ledger.entries(kinds=("Reflected",), until=briefing.snapshot.seen_at, limit=1, newest_first=True)
    return found[0].subject if found and isinstance(found[0].subject, Reflection) else None


async def _post_mortems(briefing: Briefing, on: Sockets) -> tuple[PostMortem, ...]:
    """Of the trades that are recalled, in their order, then the newest of the pair."""
    seen = briefing.snapshot
    ids = [f"PostMortemWritten:{PostMortem.id_of(one.experience.trade_id)}" for one in briefing.recalled]
    entries = [await on.ledger.entry(id) for id in ids]
    newest = await on.ledger.entries(
        kinds=("PostMortemWritten",), symbol=seen.symbol, until=seen.seen_at, limit=1, newest_first=True
    )
    told = [entry for entry in (*entries, *newest) if entry and entry.fact.at <= seen.seen_at]
    found = {one.id: one for entry in told if isinstance(one := entry.subject, PostMortem)}
    return tuple(found.values())
