"""What this account lived through, as sections of the prompt: position, money, record, memories, last decision."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from math import fsum

from ...domain.decision import Briefing, Mismatch
from ...domain.learning import Conditions, Experience, Recalled, RuleStatus
from ...domain.policy import Memory
from ...domain.trading import Position, Side
from ...domain.untrusted import code, line, marked

INSIGHT_LENGTH, REASON_LENGTH, REASONING_LENGTH, NAME_LENGTH = 160, 300, 600, 60
# Guards that tell what a model, or a server that stands for one, said.
ANSWERED = ("model", "reply")
# A word describes a neighborhood when this share of it agrees; so many of them are named.
MOSTLY, WORDS = 0.6, 4


def position(briefing: Briefing) -> Iterator[str]:
    held = briefing.portfolio.position(briefing.snapshot.symbol)
    yield "[position]"
    if held is None:
        yield "side: none"
        return
    price = briefing.snapshot.price
    yield f"side: {held.side}"
    yield f"entry_price: {held.entry_price:f}"
    yield f"stop_price: {held.stop_price:f} (first {held.initial_stop_price:f})"
    yield f"target_price: {'none' if held.target_price is None else format(held.target_price, 'f')}"
    yield f"r_now: {_r_now(held, price):.2f}"
    yield f"held_bars: {int((briefing.snapshot.closed_at - held.opened_at) / briefing.snapshot.timeframe.span)}"


def _r_now(held: Position, price: Decimal) -> float:
    risk = abs(held.entry_price - held.initial_stop_price)
    return float((price - held.entry_price) * held.side.sign / risk) if risk else 0.0


def account(briefing: Briefing) -> Iterator[str]:
    portfolio = briefing.portfolio
    yield "[account]"
    yield f"equity: {portfolio.equity_quote:.2f} {briefing.snapshot.symbol.quote}"
    yield f"start: {portfolio.account.start_quote:.2f}"
    yield f"exposure: {portfolio.exposure_quote:.2f} in {len(portfolio.positions)} positions"


def record(briefing: Briefing) -> Iterator[str]:
    """Nothing as long as no trade has closed."""
    told = briefing.record
    if told is None:
        return
    yield "[record]"
    yield f"closed_trades: {briefing.portfolio.closed_trades} of all pairs; what follows is of the last {told.trades}"
    yield f"won: {told.wins} of {told.trades}, net {told.net_quote:+.2f}"
    known = (
        ("profit_factor", None if told.profit_factor is None else f"{told.profit_factor:.2f}"),
        ("expectancy", None if told.expectancy_quote is None else f"{told.expectancy_quote:+.2f} a trade"),
        ("mean_r", None if told.mean_r is None else f"{told.mean_r:+.2f}"),
    )
    yield from (f"{name}: {value}" for name, value in known if value is not None)


def memory(briefing: Briefing, settings: Memory) -> Iterator[str]:
    recalled = briefing.recalled
    yield "[memory]"
    if not settings.is_used:
        yield "verdict: unknown, memory is switched off"
        return
    if briefing.stored is None:
        yield "verdict: unknown, memory does not answer now"
        return
    if not recalled:
        yield "verdict: unknown, no closed trade yet"
        return
    yield f"verdict: {alike(briefing)}"
    of = f"of this pair's {briefing.stored}" if briefing.is_own else f"of {briefing.stored} of all pairs"
    yield (
        f"chosen: the nearest {of} by {settings.similarity_weight:g} similarity and "
        f"{1 - settings.similarity_weight:.2g} recency, half-life {settings.half_life_days:g} days, whatever their end"
    )
    yield from (_precedent(number, one) for number, one in enumerate(recalled, 1))
    thought = [line(one.experience.insight, INSIGHT_LENGTH) for one in recalled]
    words = [f"{number}. {said}" for number, said in enumerate(thought, 1) if said]
    yield from _opinions(briefing, {"what was thought at each": words})


def alike(briefing: Briefing) -> str:
    """How often trades in conditions like these won, by side, and what those conditions were."""
    found = briefing.neighbors or briefing.recalled
    told = []
    for side in Side:
        lived = [r.experience for r in found if r.experience.side is side]
        if lived:
            won, mean = sum(e.is_win for e in lived), fsum(e.return_ratio for e in lived) / len(lived)
            told.append(f"{won} of {len(lived)} {side}s won, mean return {mean * 100:+.2f} %")
    shared = _shared(briefing.conditions, [r.experience for r in found])
    where = f"in similar conditions ({' + '.join(shared)})" if shared else "in the most similar conditions there were"
    return f"{where}: {'; '.join(told)}"


def _shared(now: Conditions | None, lived: Sequence[Experience]) -> tuple[str, ...]:
    """What holds now and held in most of them, the first few."""
    if now is None:
        return ()
    most = [
        f"{name} {word}"
        for name, word in now.labels.items()
        if sum(e.conditions.labels.get(name) == word for e in lived) >= MOSTLY * len(lived)
    ]
    return tuple(most[:WORDS])


def refusals(briefing: Briefing) -> Iterator[str]:
    """Nothing as long as no refused entry was alike."""
    found = [one for one, _ in briefing.refused]
    if not found:
        return
    won, mean = sum(one.is_win for one in found), fsum(one.return_ratio for one in found) / len(found)
    yield "[refusals]"
    yield (
        f"similar: of the {len(found)} most similar entries that were refused {won} would have won, mean return "
        f"{mean * 100:+.2f} %"
    )
    named = Counter(guard for one in found for guard in one.refused.guards)
    yield f"refused by: {', '.join(f'{line(guard, NAME_LENGTH)} {count}' for guard, count in sorted(named.items()))}"


def post_mortems(briefing: Briefing) -> Iterator[str]:
    """Of the trades in [memory], and the newest of this pair; nothing where there is none."""
    if not briefing.post_mortems:
        return
    yield "[post-mortems]"
    words = [
        f"{one.written_at:%Y-%m-%d} {one.symbol}, by {line(one.by, NAME_LENGTH)}: "
        f"{line(one.verdict, INSIGHT_LENGTH)}; lesson: {line(one.lesson, REASON_LENGTH)}"
        for one in briefing.post_mortems
    ]
    yield from _opinions(briefing, {"what was written": words})


def _opinions(briefing: Briefing, told: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Of whoever decided, reviewed or did not answer: they may repeat what the press had them say."""
    words = {what: lines for what, lines in told.items() if lines}
    seal = code(briefing.snapshot.id, (each for lines in words.values() for each in lines))
    for what, lines in words.items():
        yield from marked(what, lines, seal)


def _precedent(number: int, recalled: Recalled) -> str:
    lived = recalled.experience
    r = "" if lived.r_multiple is None else f" ({lived.r_multiple:+.2f} R)"
    return (
        f"- {number}. {recalled.similarity_ratio:.2f} similar, {lived.opened_at:%Y-%m-%d} {lived.symbol} {lived.side}, "
        f"{line(lived.regime, NAME_LENGTH)}: "
        f"{'won' if lived.is_win else 'lost'} {lived.return_ratio * 100:+.2f} %{r} by {lived.exit_reason}"
    )


def rules(briefing: Briefing, settings: Memory) -> Iterator[str]:
    yield "[rules]"
    if not settings.is_used:
        yield "unknown, memory is switched off"
        return
    if briefing.stored is None:
        yield "unknown, memory does not answer now"
        return
    if not briefing.rules:
        yield "none yet"
    for rule in briefing.rules:
        word = rule.kind.upper() if rule.status is RuleStatus.ACTIVE else "ON PROBATION"
        yield f"- {word} {line(rule.pattern, INSIGHT_LENGTH)}: {line(rule.text, REASONING_LENGTH)}"


def last(briefing: Briefing) -> Iterator[str]:
    """The words of whoever decided, or did not, come last."""
    before = briefing.last
    yield "[last decision]"
    if before is None:
        yield "none yet"
        return
    yield f"action: {before.action} at {before.price:f}, {before.closed_at.isoformat()}"
    if before.signal is not None:
        wanted = before.signal
        if wanted.action is not before.action:
            yield f"wanted: {wanted.action}"
        yield f"stated_confidence: {wanted.stated:.0%}"
    for refusal in before.refusals:
        why = "in their own words below" if refusal.guard in ANSWERED else line(refusal.reason, REASON_LENGTH)
        yield f"refused: {refusal.guard}: {why}"
    for wrong in before.mismatches:
        yield f"misstated: {_misstated(wrong)}"
    said = before.signal
    told = {
        "what was thought": line(said.reasoning if said else "", REASONING_LENGTH),
        "what would prove it wrong": line((said.invalidation if said else "") or "", REASON_LENGTH),
    } | {
        f"why {refusal.guard} was refused": line(refusal.reason, REASON_LENGTH)
        for refusal in before.refusals
        if refusal.guard in ANSWERED
    }
    yield from _opinions(briefing, {what: (each,) for what, each in told.items() if each})


def _misstated(wrong: Mismatch) -> str:
    name = line(wrong.name, 60)
    was = "there is no such figure" if wrong.computed is None else f"it was {wrong.computed:.6g}"
    return f"{name} as {wrong.stated:.6g}, {was}"
