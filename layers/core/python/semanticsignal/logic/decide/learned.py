"""What closed trades taught, where it is used: stricter limits, smaller sizes, and a section of the prompt."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...domain.decision import Action, Signal
from ...domain.learning import Conditions, Reflection, Statistics, Tally, Threshold
from ...domain.odds import win_interval
from ...domain.policy import Risk
from ...domain.trading import Side
from .reply import FACTORS

# Fewer trades of a kind are not told of: a handful is no rate.
TOLD_FROM = 5
LIMITS = ("min_reward_risk", "min_reward_risk_chop", "min_confidence_ratio")
WORDS = ("low", "medium", "high")
REDUCTIONS = ("reduce_mixed_ratio", "reduce_divergent_ratio")
# What is for whoever decides to weigh, and is held against nobody.
ADVICE = {
    "recommended_reward_risk": "to aim for",
    "strong_reward_risk": "of a strong setup",
    "adx_strong": "ADX from which a trend is strong",
    "adx_weak": "ADX below which it is weak",
    "min_confluences": "factors over 50 to ask for",
    "min_confluences_weak": "factors over 50 to ask for while ADX is low",
    "typical_stop_ratio": "where winners had their stop, no limit",
    "safe_mae_ratio": "no further against them went nine in ten winners",
    "min_size_ratio": "a smaller position is not worth its while",
}


def stricter(risk: Risk, reflection: Reflection | None) -> Risk:
    """The limits as experience has raised them; it lowers none."""
    raised = {name: max(getattr(risk, name), _value(name, reflection)) for name in LIMITS}
    return replace(risk, **raised)


def size_factor(signal: Signal | None, conditions: Conditions, reflection: Reflection | None) -> float:
    """By what an entry is made smaller where the timeframes do not agree with it: 1 as long as nothing was learned."""
    if signal is None or signal.action not in (Action.BUY, Action.SELL):
        return 1.0
    side = Side.LONG if signal.action is Action.BUY else Side.SHORT
    reduced = _value(f"reduce_{conditions.alignment(side)}_ratio", reflection)
    return 1.0 - min(max(reduced, 0.0), 1.0)


def told(reflection: Reflection | None) -> Iterator[str]:
    """Nothing where nothing is learned. Shares won with their 90 % interval, which is drawn toward that of all trades;
    traits are those that code gave, so that nobody's words are among them."""
    if reflection is None or reflection.statistics.whole.trades < TOLD_FROM:
        return
    statistics = reflection.statistics
    yield "[learned]"
    yield f"of all trades: {_won(statistics.whole)}, as of {reflection.at.isoformat(timespec='minutes')}"
    yield from _row(statistics, "confidence", sure=True)
    yield from _row(statistics, "side", ("long", "short"))
    yield from _row(statistics, "adx")
    yield from _row(statistics, "alignment", ("aligned", "mixed", "divergent"))
    for factor in FACTORS:
        yield from _row(statistics, f"factor {factor}")
    moved = {one.name: one for one in reflection.thresholds if one.value != one.default}
    yield from _moved("raised_limits, enforced", [(moved[name], "") for name in LIMITS if name in moved])
    yield from _moved("reduced_sizes, enforced", [(moved[name], "") for name in REDUCTIONS if name in moved])
    yield from _moved("for_your_judgment", [(moved[name], f"{why}, ") for name, why in ADVICE.items() if name in moved])


def _row(
    statistics: Statistics, dimension: str, words: tuple[str, ...] = WORDS, *, sure: bool = False
) -> Iterator[str]:
    """One line for all bands of which there are enough; none for none."""
    found = []
    for word in words:
        some = statistics.by_trait.get(f"{dimension} {word}", Tally())
        if some.trades >= TOLD_FROM:
            found.append(f"{word} {_won(some)}{_between(some, statistics.whole) if sure else ''}")
    if found:
        yield f"by {dimension}: {'; '.join(found)}"


def _won(some: Tally) -> str:
    return f"{some.wins} of {some.trades} won, mean {(some.mean_return_ratio or 0.0) * 100:+.2f} %"


def _between(some: Tally, whole: Tally) -> str:
    low, high = win_interval(some, whole)
    return f", between {low:.0%} and {high:.0%} win"


def _moved(head: str, thresholds: Sequence[tuple[Threshold, str]]) -> Iterator[str]:
    """From its default to what it is now, and of how many trades."""
    if thresholds:
        each = (f"{t.name} {t.default:.4g} -> {t.value:.4g} ({why}{t.trades} trades)" for t, why in thresholds)
        yield f"{head}: {'; '.join(each)}"


def _value(name: str, reflection: Reflection | None) -> float:
    return next((one.value for one in reflection.thresholds if one.name == name), 0.0) if reflection else 0.0
