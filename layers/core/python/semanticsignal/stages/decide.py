"""MarketAnalysed → DecisionMade."""

from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from ..codec import dumps
from ..domain.analysis import Snapshot
from ..domain.decision import Action, Asked, Briefing, Decision, Refusal, Reply, Verdict
from ..domain.errors import InvalidReply, MemoryUnavailable, Missing, ModelUnavailable
from ..domain.events import DecisionMade, MarketAnalysed
from ..domain.learning import RuleStatus
from ..domain.ledger import Closing, Entry, Opening
from ..domain.trading import Trade
from ..logic.analyse.conditions import conditions
from ..logic.decide import guards, judge
from ..logic.decide.prompt import prompt, prompt_sha256
from ..logic.decide.recall import ranked
from ..logic.decide.reply import signal
from ..ports import Facts, Sockets
from .watch import settled

# Enough closed trades to see a losing streak and a day's loss.
RECENT = 50
# Recalled before re-ranking by age: with fewer, age could not change the choice.
OVER_FETCH = 10


async def decide(fact: MarketAnalysed, on: Sockets) -> Facts:
    """A retry tells the first answer again, even if the model has changed its mind since.

    Stops and targets met before the close come first, whoever was to look at them: nobody decides on a position that
    is gone."""
    told = await settled(fact.symbol, fact.closed_at, on)
    standing = await on.ledger.entry(f"DecisionMade:{fact.id}")
    if standing is None:
        decision = replace(await _decided(fact, on), is_forced=fact.is_forced)
        standing = await on.ledger.record(Entry(DecisionMade(fact.id, fact.symbol, decision.decided_at), decision))
    return (*told, standing.fact)


async def _decided(fact: MarketAnalysed, on: Sockets) -> Decision:
    seen: Snapshot | None = await on.archive.get(f"snapshot/{fact.id}", Snapshot)
    if seen is None:
        raise Missing(f"nothing was analysed under {fact.id}")
    briefing = await _briefing(seen, on)
    now_as = conditions(seen)
    missing = guards.completeness(seen, on.settings)
    if missing:
        asked, verdict = None, Verdict(Action.HOLD, refusals=(missing,))
    else:
        asked = await _asked(briefing, on)
        verdict = await _verdict(briefing, asked, on)
    late = guards.overdue(seen, on.clock.now(), on.settings.risk, is_forced=fact.is_forced)
    if late and verdict.action in (Action.BUY, Action.SELL):
        verdict = replace(verdict, action=Action.HOLD, refusals=(*verdict.refusals, late))
    return judge.decision(briefing, now_as, verdict, asked, (sha256(dumps(seen)).hexdigest(), on.clock.now()))


async def _briefing(seen: Snapshot, on: Sockets) -> Briefing:
    last = await on.ledger.entries(
        kinds=("DecisionMade",), symbol=seen.symbol, until=seen.seen_at, limit=1, newest_first=True
    )
    rules = await on.market.rules(seen.symbol)
    briefing = Briefing(
        snapshot=seen,
        portfolio=await on.ledger.portfolio(),
        kind=on.settings.market_kind,
        price_tick=rules.price_tick,
        last=last[0].subject if last and isinstance(last[0].subject, Decision) else None,
    )
    try:
        return await _remembering(briefing, on)
    except MemoryUnavailable:
        return replace(briefing, stored=None)  # trading goes on; prompt and decision say that nothing was recalled


async def _remembering(briefing: Briefing, on: Sockets) -> Briefing:
    seen, memory = briefing.snapshot, on.settings.memory
    found = await on.memory.similar(conditions(seen), until=seen.seen_at, limit=memory.k * OVER_FETCH)
    learned = await on.memory.rules(until=seen.seen_at)
    return replace(
        briefing,
        recalled=ranked(
            found, seen.seen_at, weight=memory.similarity_weight, half_life_days=memory.half_life_days, k=memory.k
        ),
        stored=await on.memory.count(until=seen.seen_at),
        rules=tuple(rule for rule in learned if rule.status is not RuleStatus.RETIRED),
    )


async def _asked(briefing: Briefing, on: Sockets) -> Asked:
    """The reply is kept under the cycle's id before anybody reads it: a retry neither pays nor asks twice."""
    words = prompt(briefing, on.settings.risk, on.settings.memory)
    words = await on.archive.put(f"prompt/{words.id}", words)
    sealed = prompt_sha256(words)
    reply: Reply | None = await on.archive.get(f"reply/{words.id}", Reply)
    if reply is None:
        try:
            reply = await on.archive.put(f"reply/{words.id}", _writable(await on.model.complete(words)))
        except ModelUnavailable as wrong:
            return Asked(words, sealed, None, None, str(wrong))
    return Asked(words, sealed, reply, sha256(reply.text.encode()).hexdigest())


def _writable(reply: Reply) -> Reply:
    """Half a character, which JSON can carry and no encoder can write, becomes a question mark."""
    return replace(reply, text=reply.text.encode("utf-8", "replace").decode())


async def _verdict(briefing: Briefing, asked: Asked, on: Sockets) -> Verdict:
    if asked.reply is None:
        return Verdict(Action.HOLD, refusals=(Refusal("model", asked.failure or "no model answered"),))
    try:
        read = signal(asked.reply, briefing.snapshot.price, on.settings.market_kind)
    except InvalidReply as wrong:
        return Verdict(Action.HOLD, refusals=(Refusal("reply", str(wrong)),))
    is_entry = read.action in (Action.BUY, Action.SELL) and not briefing.portfolio.position(briefing.snapshot.symbol)
    past = await _past(briefing.snapshot, on) if is_entry else ((), None)
    return judge.judged(read, briefing, past, on.settings)


async def _past(seen: Snapshot, on: Sockets) -> tuple[tuple[Trade, ...], datetime | None]:
    """Recent trades of all pairs, newest first, and when this pair was last entered."""
    closed = await on.ledger.entries(kinds=("PositionClosed",), until=seen.seen_at, limit=RECENT, newest_first=True)
    opened = await on.ledger.entries(
        kinds=("PositionOpened",), symbol=seen.symbol, until=seen.seen_at, limit=1, newest_first=True
    )
    trades = tuple(entry.subject.trade for entry in closed if isinstance(entry.subject, Closing))
    first = opened[0].subject if opened else None
    return trades, first.position.opened_at if isinstance(first, Opening) else None
