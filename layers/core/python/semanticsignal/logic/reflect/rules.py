"""Enough lessons → SemanticRule, with its evidence for and against."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from math import fsum

from ...domain.learning import Experience, RuleKind, RuleStatus, SemanticRule
from ...domain.policy import Memory

# A pattern to favor wins this share of its trades at least; one to avoid loses it.
AGREEMENT = 0.6


def is_due(closed_trades: int, memory: Memory) -> bool:
    """Every so many closed trades, counted over all pairs."""
    return closed_trades > 0 and closed_trades % memory.reflect_every == 0


def pattern(experience: Experience) -> str:
    """What trades are compared by: direction, regime and ADX bucket at entry."""
    return f"{experience.side} in {experience.regime}, ADX {experience.conditions.labels.get('adx', 'unknown')}"


def formed(
    lived: Sequence[Experience], standing: Iterable[SemanticRule], now: datetime, memory: Memory
) -> tuple[SemanticRule, ...]:
    """New editions of every rule whose evidence changed, by pattern.

    Enough agreeing trades make a rule active; one that lost its agreement goes on probation, and retires when a later
    reflection finds it still without."""
    groups: dict[str, list[Experience]] = {}
    for experience in lived:
        groups.setdefault(pattern(experience), []).append(experience)
    before = {rule.pattern: rule for rule in standing}
    editions = (_edition(name, group, before.get(name), now, memory) for name, group in sorted(groups.items()))
    return tuple(rule for rule in editions if rule)


def _edition(
    name: str, group: Sequence[Experience], before: SemanticRule | None, now: datetime, memory: Memory
) -> SemanticRule | None:
    wins = sum(e.is_win for e in group)
    losses = len(group) - wins
    mean = fsum(e.return_ratio for e in group) / len(group)
    kind = _agreed(wins, losses, mean, memory)
    if before and (len(before.trade_ids) == len(group) or (kind is None and before.status is RuleStatus.RETIRED)):
        return None
    status = RuleStatus.ACTIVE
    if kind is None and before:
        kind = before.kind
        status = RuleStatus.PROBATION if before.status is RuleStatus.ACTIVE else RuleStatus.RETIRED
    if kind is None:
        return None
    return SemanticRule(
        id=f"rule#{name}#{len(group)}",
        pattern=name,
        kind=kind,
        status=status,
        text=_text(kind, status, wins, losses, mean),
        wins=wins,
        losses=losses,
        mean_return_ratio=mean,
        formed_at=now,
        trade_ids=tuple(e.trade_id for e in group),
    )


def _agreed(wins: int, losses: int, mean: float, memory: Memory) -> RuleKind | None:
    """Counts and money must point the same way: many small losses under a few large gains are no reason to avoid."""
    total = wins + losses
    if wins >= memory.min_wins and wins / total >= AGREEMENT and mean > 0:
        return RuleKind.FAVOR
    if losses >= memory.min_losses and losses / total >= AGREEMENT and mean < 0:
        return RuleKind.AVOID
    return None


def _text(kind: RuleKind, status: RuleStatus, wins: int, losses: int, mean: float) -> str:
    record = f"{wins} won, {losses} lost, mean {mean * 100:+.2f} %"
    if status is not RuleStatus.ACTIVE:
        return f"no longer agreed upon ({record})"
    return f"worked more often than not ({record})" if kind is RuleKind.FAVOR else f"⚠ AVOID, it mostly lost ({record})"
