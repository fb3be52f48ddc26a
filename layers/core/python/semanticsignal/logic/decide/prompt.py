"""Briefing → Prompt: compact sections with units and as-of times."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from hashlib import sha256
from importlib.resources import files
from math import fsum

from ...domain.decision import Briefing, Decision, Prompt
from ...domain.learning import Recalled, RuleStatus
from ...domain.market import MarketKind
from ...domain.policy import Memory, Risk
from ...domain.trading import Position
from . import around, envelope, measured

VERSION = "trader_v2"
INSIGHT_LENGTH, REASON_LENGTH = 160, 300


def prompt(briefing: Briefing, risk: Risk, memory: Memory) -> Prompt:
    """The same briefing gives the same words, byte for byte."""
    seen, tick = briefing.snapshot, briefing.price_tick
    sections = (
        _market(briefing), measured.indicators(seen, tick), _regime(briefing), measured.periods(seen, tick),
        measured.macro(seen, tick), around.microstructure(seen, tick), around.whole_market(seen),
        _position(briefing), _account(briefing),
        _memory(briefing, memory), _rules(briefing), _last(briefing.last), around.news(seen),
    )  # fmt: skip
    user = "\n\n".join(text for text in ("\n".join(lines) for lines in sections) if text)
    return Prompt(id=briefing.snapshot.id, version=VERSION, system=system(risk, memory), user=user)


def prompt_sha256(words: Prompt) -> str:
    """Seals template, words and picture, each with its length before it: no two prompts run into the same bytes."""
    seal = sha256()
    for part in (words.version.encode(), words.system.encode(), words.user.encode(), words.image or b""):
        seal.update(len(part).to_bytes(8, "big") + part)
    return seal.hexdigest()


@cache
def system(risk: Risk, memory: Memory) -> str:
    """The standing instructions, with the very constants that the guards enforce."""
    template = (files(__package__) / "prompts" / f"{VERSION}.txt").read_text(encoding="utf-8")
    return template.format(
        min_reward_risk=f"{risk.min_reward_risk:g}",
        min_reward_risk_chop=f"{risk.min_reward_risk_chop:g}",
        min_stop_percent=f"{risk.min_stop_ratio * 100:g}",
        max_stop_percent=f"{risk.max_stop_ratio * 100:g}",
        min_confidence=f"{risk.min_confidence_ratio * 100:g}",
        tighten_percent=f"{risk.tighten_progress_ratio * 100:g}",
        penalty=f"{memory.penalty_ratio * 100:g}",
        news=envelope.SAID,
    )


def _market(briefing: Briefing) -> Iterator[str]:
    seen = briefing.snapshot
    origin = f"{seen.source} (simulated market)" if seen.is_simulated else seen.source
    yield "[market]"
    sides = "long or short" if briefing.kind is MarketKind.PERP else "long only"
    yield f"pair: {seen.symbol} ({briefing.kind}; {sides})"
    yield f"timeframe: {seen.timeframe}"
    yield f"as_of: {seen.closed_at.isoformat()} {seen.closed_at:%A}, seen {seen.seen_at.isoformat()}"
    yield f"source: {origin}; {seen.bars} bars, {seen.gaps} missing"
    yield f"price: {seen.price:f} {seen.symbol.quote} per {seen.symbol.base}"
    for flag in seen.flags:
        yield f"caution: {flag}"
    if seen.missing:
        # why stands in the snapshot: those may be a venue's own words
        yield f"not known: {', '.join(seen.missing)}"
    yield f"closes: {' '.join(f'{price:f}' for price in seen.closes)} (oldest first)"


def _regime(briefing: Briefing) -> Iterator[str]:
    regime = briefing.snapshot.regime
    yield "[regime]"
    yield f"trend: {regime.trend}"
    yield f"phase: {regime.phase}"
    yield f"evidence: {'; '.join(regime.evidence)}"
    if briefing.snapshot.closed_at.weekday() >= 5:
        yield "weekend: yes; thin liquidity, moves are easier to push and to fake"


def _position(briefing: Briefing) -> Iterator[str]:
    position = briefing.portfolio.position(briefing.snapshot.symbol)
    yield "[position]"
    if position is None:
        yield "side: none"
        return
    price = briefing.snapshot.price
    yield f"side: {position.side}"
    yield f"entry_price: {position.entry_price:f}"
    yield f"stop_price: {position.stop_price:f} (first {position.initial_stop_price:f})"
    yield f"target_price: {'none' if position.target_price is None else format(position.target_price, 'f')}"
    yield f"r_now: {_r_now(position, price):.2f}"
    yield f"held_bars: {int((briefing.snapshot.closed_at - position.opened_at) / briefing.snapshot.timeframe.span)}"


def _r_now(position: Position, price: Decimal) -> float:
    risk = abs(position.entry_price - position.initial_stop_price)
    return float((price - position.entry_price) * position.side.sign / risk) if risk else 0.0


def _account(briefing: Briefing) -> Iterator[str]:
    portfolio = briefing.portfolio
    yield "[account]"
    yield f"equity: {portfolio.equity_quote:.2f} {briefing.snapshot.symbol.quote}"
    yield f"start: {portfolio.account.start_quote:.2f}"
    yield f"exposure: {portfolio.exposure_quote:.2f} in {len(portfolio.positions)} positions"


def _memory(briefing: Briefing, memory: Memory) -> Iterator[str]:
    recalled = briefing.recalled
    yield "[memory]"
    if briefing.stored is None:
        yield "verdict: unknown, memory does not answer now"
        return
    if not recalled:
        yield "verdict: unknown, no closed trade yet"
        return
    won = sum(r.experience.is_win for r in recalled)
    mean = fsum(r.experience.return_ratio for r in recalled) / len(recalled)
    yield f"verdict: {won} of {len(recalled)} won, mean return {mean * 100:+.2f} %"
    yield (
        f"chosen: the nearest of {briefing.stored} by {memory.similarity_weight:g} similarity and "
        f"{1 - memory.similarity_weight:.2g} recency, half-life {memory.half_life_days:g} days"
    )
    for one in recalled:
        yield _precedent(one)


def _precedent(recalled: Recalled) -> str:
    lived = recalled.experience
    r = "" if lived.r_multiple is None else f" ({lived.r_multiple:+.2f} R)"
    return (
        f"- {recalled.similarity_ratio:.2f} similar, {lived.opened_at:%Y-%m-%d} {lived.symbol} {lived.side}, "
        f"{lived.regime}: "
        f"{'won' if lived.is_win else 'lost'} {lived.return_ratio * 100:+.2f} %{r} by {lived.exit_reason}; "
        f"it was thought: {lived.insight[:INSIGHT_LENGTH]}"
    )


def _rules(briefing: Briefing) -> Iterator[str]:
    yield "[rules]"
    if briefing.stored is None:
        yield "unknown, memory does not answer now"
        return
    if not briefing.rules:
        yield "none yet"
    for rule in briefing.rules:
        word = rule.kind.upper() if rule.status is RuleStatus.ACTIVE else "ON PROBATION"
        yield f"- {word} {rule.pattern}: {rule.text}"


def _last(last: Decision | None) -> Iterator[str]:
    yield "[last decision]"
    if last is None:
        yield "none yet"
        return
    yield f"action: {last.action} at {last.price:f}, {last.closed_at.isoformat()}"
    for refusal in last.refusals:
        # On one line: words of others may not begin a line, where figures stand.
        yield f"refused: {refusal.guard}: {' '.join(refusal.reason.split())[:REASON_LENGTH]}"
