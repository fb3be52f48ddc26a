"""Signal + guards → Decision: what will be done, and everything that speaks for knowing why."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from math import exp, log

from ...domain.decision import Action, Asked, Briefing, Calibration, Decision, Refusal, Signal, Verdict
from ...domain.learning import Conditions, Recalled, RefusedEntry
from ...domain.policy import Memory, Risk, Settings
from ...domain.trading import Side, Trade
from . import guards
from .learned import size_factor

LOSING_BELOW = 0.5
CLIP = 0.01
FORGETFUL = "decided without memory: it did not answer"
PRECEDENTS_NEEDED = 4
# Nothing would have come of these: it is open already, the venue knows no such thing, or the price was gone.
IMPOSSIBLE = {"order_waiting", "already_open", "no_position", "short_on_spot", "stale"}


def penalized(signal: Signal, neighbors: Sequence[Recalled], memory: Memory) -> tuple[Signal, tuple[str, ...]]:
    """Code, not the model, lowers the confidence of an entry whose neighborhood, on its own side, mostly lost."""
    side = Side.LONG if signal.action is Action.BUY else Side.SHORT
    found = [r.experience.is_win for r in neighbors if r.experience.side is side]
    won = sum(found)
    if len(found) < PRECEDENTS_NEEDED or won / len(found) >= LOSING_BELOW:
        return signal, ()
    lowered = max(0.0, signal.confidence_ratio - memory.penalty_ratio)
    note = (
        f"confidence {signal.confidence_ratio:.0%} lowered to {lowered:.0%}: {won} of {len(found)} similar {side}s won"
    )
    return _lowered(signal, lowered), (note,)


def _lowered(signal: Signal, confidence: float) -> Signal:
    """With what was stated kept beside it."""
    return replace(signal, confidence_ratio=confidence, stated_ratio=signal.stated)


def recalibrated(verdict: Verdict, known: Calibration | None, risk: Risk) -> Verdict:
    """An entry whose confidence, read as this model's record deserves, no longer suffices is held. It is only ever
    lowered: learning loosens no limit."""
    signal = verdict.signal
    if known is None or known.slope >= 1 or signal is None or verdict.action not in (Action.BUY, Action.SELL):
        return verdict
    confidence = deserved(signal, known)
    if confidence >= signal.confidence_ratio:
        return verdict
    note = (
        f"confidence {signal.confidence_ratio:.0%} read as {confidence:.0%}: {known.forecasts} forecasts of this model "
        f"were worth a slope of {known.slope:.2f}"
    )
    lowered = _lowered(signal, confidence)
    refusal = guards.confidence(lowered, risk)
    return replace(
        verdict,
        signal=lowered,
        notes=(*verdict.notes, note),
        action=Action.HOLD if refusal else verdict.action,
        refusals=(*verdict.refusals, refusal) if refusal else verdict.refusals,
    )


def deserved(signal: Signal, known: Calibration) -> float:
    """What a stated confidence has been worth, 0…1."""
    stated = min(1 - CLIP, max(CLIP, signal.confidence_ratio))
    return round(1 / (1 + exp(-known.slope * log(stated / (1 - stated)))), 4)


def judged(
    signal: Signal, briefing: Briefing, past: tuple[Sequence[Trade], datetime | None], settings: Settings
) -> Verdict:
    """What will be done, and what was refused. An opposite signal closes; it does not flip."""
    position = briefing.portfolio.position(briefing.snapshot.symbol)
    order = briefing.portfolio.order(briefing.snapshot.symbol)
    action = signal.action
    if action is Action.HOLD:
        return Verdict(Action.HOLD, signal)
    if order is not None:
        why = f"an order waits for its price until {order.expires_at.isoformat()}: nothing else is done meanwhile"
        return _held(signal, Refusal("order_waiting", why))
    if position is None:
        if action in (Action.CLOSE, Action.UPDATE):
            return _held(signal, Refusal("no_position", f"nothing is open, so there is nothing to {action.lower()}"))
        signal, notes = penalized(signal, briefing.neighbors, settings.memory)
        refusals = guards.entry_refusals(signal, briefing, past, settings)
        return Verdict(Action.HOLD if refusals else action, signal, refusals, notes)
    if action is Action.UPDATE:
        refusal = guards.update_refusal(signal, position, briefing.snapshot.price, settings.risk)
        return _held(signal, refusal) if refusal else Verdict(Action.UPDATE, signal)
    if action is Action.CLOSE or (action is Action.BUY) != (position.side is Side.LONG):
        return Verdict(Action.CLOSE, signal)
    why = f"a {position.side} is open already, as wanted: it stays as it is, and nothing is added to it"
    return _held(signal, Refusal("already_open", why))


def refused_entry(made: Decision) -> RefusedEntry | None:
    """The entry that guards kept a decision from, where it can be seen what it would have come to: it needs both
    levels, and a venue that could have done it. What was decided between candles is followed from the next one on."""
    wanted = made.signal
    named = tuple(refusal.guard for refusal in made.refusals)
    if made.action is not Action.HOLD or wanted is None or wanted.action not in (Action.BUY, Action.SELL):
        return None
    if not named or IMPOSSIBLE & set(named) or wanted.stop_price is None or wanted.target_price is None:
        return None
    span = made.timeframe.span
    return RefusedEntry(
        id=made.id,
        symbol=made.symbol,
        timeframe=made.timeframe,
        side=Side.LONG if wanted.action is Action.BUY else Side.SHORT,
        refused_at=made.timeframe.floor(made.decided_at) + span if made.is_forced else made.closed_at,
        price=made.price,
        stop_price=wanted.stop_price,
        target_price=wanted.target_price,
        confidence_ratio=wanted.confidence_ratio,
        guards=named,
        conditions=made.conditions,
        regime=made.regime,
    )


def _held(signal: Signal, refusal: Refusal) -> Verdict:
    return Verdict(Action.HOLD, signal, (refusal,))


def decision(
    briefing: Briefing, conditions: Conditions, verdict: Verdict, asked: Asked | None, sealed: tuple[str, datetime]
) -> Decision:
    """`sealed`: the snapshot's hash, and the instant of the decision."""
    seen = briefing.snapshot
    snapshot_sha256, decided_at = sealed
    return Decision(
        id=seen.id,
        symbol=seen.symbol,
        timeframe=seen.timeframe,
        closed_at=seen.closed_at,
        decided_at=decided_at,
        price=seen.price,
        action=verdict.action,
        signal=verdict.signal,
        refusals=verdict.refusals,
        snapshot_id=seen.id,
        snapshot_sha256=snapshot_sha256,
        prompt_sha256=asked.prompt_sha256 if asked else None,
        prompt_version=asked.prompt.version if asked else None,
        reply_sha256=asked.reply_sha256 if asked else None,
        model=asked.reply.model if asked and asked.reply else None,
        recalled=tuple(r.experience.id for r in briefing.recalled),
        rules=tuple(rule.id for rule in briefing.rules),
        regime=str(seen.regime),
        conditions=conditions,
        is_simulated=seen.is_simulated,
        notes=verdict.notes if briefing.stored is not None else (*verdict.notes, FORGETFUL),
        attempts=asked.attempts if asked else (),
        mismatches=verdict.mismatches,
        size_factor=size_factor(verdict.signal, conditions, briefing.reflection),
    )
