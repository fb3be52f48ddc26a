"""MarketAnalysed → DecisionMade."""

from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

from ..codec import dumps
from ..domain.analysis import Snapshot
from ..domain.decision import (
    Action,
    Asked,
    Briefing,
    Calibration,
    Decision,
    Prompt,
    Refusal,
    Reply,
    Verdict,
    decider,
)
from ..domain.errors import InvalidReply, Missing, ModelUnavailable
from ..domain.events import DecisionMade, MarketAnalysed
from ..domain.learning import Conditions
from ..domain.ledger import Closing, Entry, Opening
from ..domain.trading import Trade
from ..domain.untrusted import writable
from ..logic.analyse.conditions import conditions
from ..logic.decide import guards, judge
from ..logic.decide.claims import mismatches
from ..logic.decide.learned import stricter
from ..logic.decide.prompt import prompt, prompt_sha256
from ..logic.decide.reply import signal
from ..logic.evaluate.forecasts import Forecasts
from ..logic.evaluate.recalibration import calibration
from ..logic.evaluate.record import record
from ..ports import Facts, Sockets
from .recall import remembering
from .watch import settled

# Enough closed trades to see a losing streak and a day's loss.
RECENT = 50
# Decisions whose forecasts say what a model's word is worth.
STATED, DAY = 1500, timedelta(days=1)


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
    now_as = conditions(seen)
    briefing = await _briefing(seen, now_as, on)
    # what experience has made stricter holds for this decision, in its prompt and in its guards
    on = replace(on, settings=replace(on.settings, risk=stricter(on.settings.risk, briefing.reflection)))
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


async def _briefing(seen: Snapshot, now_as: Conditions, on: Sockets) -> Briefing:
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
        record=record(await closed_trades(seen.seen_at, on)),
        chart=await on.archive.get(f"chart/{seen.id}", bytes) if on.settings.model.sees else None,
        conditions=now_as,
    )
    return await remembering(briefing, now_as, on) if on.settings.memory.is_used else briefing


async def _asked(briefing: Briefing, on: Sockets) -> Asked:
    """The reply is kept under the cycle's id before anybody reads it: a retry neither pays nor asks twice."""
    words = prompt(briefing, on.settings)
    # its picture is in the archive already
    kept: Prompt = await on.archive.put(f"prompt/{words.id}", replace(words, image=None))
    words = replace(kept, image=briefing.chart if kept.caption else None)
    sealed = prompt_sha256(words)
    reply: Reply | None = await on.archive.get(f"reply/{words.id}", Reply)
    if reply is None:
        try:
            answer = await on.model.complete(words)
            reply = await on.archive.put(f"reply/{words.id}", replace(answer, text=writable(answer.text)))
        except ModelUnavailable as wrong:
            return Asked(words, sealed, None, None, str(wrong), wrong.attempts)
    return Asked(words, sealed, reply, sha256(reply.text.encode()).hexdigest(), attempts=reply.attempts)


async def _verdict(briefing: Briefing, asked: Asked, on: Sockets) -> Verdict:
    if asked.reply is None:
        return Verdict(Action.HOLD, refusals=(Refusal("model", asked.failure or "no model answered"),))
    seen = briefing.snapshot
    try:
        read = signal(asked.reply, seen.price, on.settings.market_kind)
    except InvalidReply as wrong:
        return Verdict(Action.HOLD, refusals=(Refusal("reply", str(wrong)),))
    is_entry = read.action in (Action.BUY, Action.SELL) and not briefing.portfolio.position(seen.symbol)
    past = (await closed_trades(seen.seen_at, on), await _entered_at(seen, on)) if is_entry else ((), None)
    verdict = judge.judged(read, briefing, past, on.settings)
    if is_entry and verdict.action is not Action.HOLD:
        known = await worth(seen, decider(asked.attempts, asked.reply.model), on)
        verdict = judge.recalibrated(verdict, known, on.settings.risk)
    return replace(verdict, mismatches=mismatches(read, seen))


async def closed_trades(until: datetime, on: Sockets) -> tuple[Trade, ...]:
    """The newest of all pairs, newest first."""
    closed = await on.ledger.entries(kinds=("PositionClosed",), until=until, limit=RECENT, newest_first=True)
    return tuple(entry.subject.trade for entry in closed if isinstance(entry.subject, Closing))


async def _entered_at(seen: Snapshot, on: Sockets) -> datetime | None:
    """When this pair was last entered."""
    opened = await on.ledger.entries(
        kinds=("PositionOpened",), symbol=seen.symbol, until=seen.seen_at, limit=1, newest_first=True
    )
    first = opened[0].subject if opened else None
    return first.position.opened_at if isinstance(first, Opening) else None


async def worth(seen: Snapshot, who: str | None, on: Sockets) -> Calibration | None:
    """Of what this decider stated lately, for all pairs: where the price would be a day on; a bar on where bars are
    longer. The closes are those that any decision saw."""
    made = await on.ledger.entries(kinds=("DecisionMade",), until=seen.seen_at, limit=STATED, newest_first=True)
    forecasts, bar = Forecasts(), seen.timeframe.span
    for entry in made:
        if isinstance(one := entry.subject, Decision):
            forecasts.add(one, is_counted=one.decider == who and one.timeframe is seen.timeframe)
    ahead = max(DAY, bar)
    found = forecasts.resolved(ahead, lambda stated: stated.p_up_24h if bar <= DAY else stated.p_up)
    return calibration(found, overlap=ahead / bar)
