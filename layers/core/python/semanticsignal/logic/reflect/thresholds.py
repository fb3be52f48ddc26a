"""What all trades did by trait → the numbers that experience may move away from their defaults.

What code enforces only ever gets stricter, and only where it is sure to one in two hundred; what is merely told moves
both ways. Both move with as much weight as there are trades. docs/adr/0026 has the reasons."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import sqrt

from ...domain.learning import Statistics, Tally, Threshold
from ...domain.odds import SURE, Interval, difference_interval, mean_interval, spread, student_quantile, win_interval
from ...domain.policy import Settings
from .tally import DESERVED, FACTORS, MAE, REWARD_RISK, SIZE, STOP, Scale

# Fewer say nothing; with so many more, half of the way is gone.
FEWEST, HALFWAY = 10, 20
# The most that a bar rises over its setting: what is refused is no longer lived, and cannot lower it again.
REWARD_RISK_RISE, CONFIDENCE_RISE, CONFLUENCES_RISE = 1.0, 0.15, 2
ADX_STRONG, ADX_STRONG_REACH = 25.0, (22.0, 27.0)
ADX_WEAK, ADX_WEAK_REACH = 20.0, (18.0, 22.0)
RECOMMENDED, STRONG, REWARD_RISK_REACH = 2.0, 2.5, 0.5
TYPICAL_STOP, CALM = 0.025, 0.9
CONFLUENCES_WEAK, CONFLUENCES = 4, 3
SMALL, SIZE_LEAST, SIZE_FLOOR = 5, 0.01, 0.02
MIXED_MOST, DIVERGENT_MOST = 0.4, 0.5
# Deviations of a trade's return by which one group must earn more than another to move a threshold all the way.
FULL = 0.5
# An edge so near to another is the same; ten times what is rounded away.
NEAR = 1e-5
NOTHING = Tally()
# Bands from the lowest on: the upper edge of each, and the trades in it.
Steps = Sequence[tuple[float, Tally]]


def learned(statistics: Statistics, settings: Settings) -> tuple[Threshold, ...]:
    """Every one, those that nothing moved too. Named as in the settings where those have it.

    `low` and `high` are of a mean return: of the trades that a bar would refuse (min_…), of small trades (size), of
    the ones less the others (adx_…, recommended, strong, reduce_…). Of a distance, for typical_stop and safe_mae."""
    risk, by, variance = settings.risk, statistics.by_trait, spread(statistics.whole)
    adx = [by.get(f"adx {word}", NOTHING) for word in ("low", "medium", "high")]
    aligned, mixed, divergent = (by.get(f"alignment {word}", NOTHING) for word in ("aligned", "mixed", "divergent"))
    mostly = _both(_scaled(by, REWARD_RISK, "trending "), _scaled(by, REWARD_RISK, "volatile "))
    ranging, every = _scaled(by, REWARD_RISK, "ranging "), _scaled(by, REWARD_RISK)
    weakly, firm = _counted(by, "low"), _both(_counted(by, "medium"), _counted(by, "high"))
    required, chop, stated = risk.min_reward_risk, risk.min_reward_risk_chop, risk.min_confidence_ratio
    stops = (risk.min_stop_ratio, risk.max_stop_ratio)
    usual = min(max(TYPICAL_STOP, stops[0]), stops[1])
    return (
        _bar("min_reward_risk", required, mostly, REWARD_RISK_RISE, variance),
        _bar("min_reward_risk_chop", chop, ranging, REWARD_RISK_RISE, variance),
        _bar("min_confidence_ratio", stated, _scaled(by, DESERVED), CONFIDENCE_RISE, variance),
        _stepped(_bar("min_confluences", CONFLUENCES, firm, CONFLUENCES_RISE, variance), 1),
        _stepped(_bar("min_confluences_weak", CONFLUENCES_WEAK, weakly, CONFLUENCES_RISE, variance), 1),
        _stepped(_edge("adx_strong", ADX_STRONG, (adx[1], adx[2]), ADX_STRONG_REACH, variance), 0.5),
        _stepped(_edge("adx_weak", ADX_WEAK, (adx[0], adx[1]), ADX_WEAK_REACH, variance), 0.5),
        _aim("recommended_reward_risk", max(RECOMMENDED, required), every, required, variance),
        _aim("strong_reward_risk", max(STRONG, required), every, required, variance),
        _usual("typical_stop_ratio", usual, _wins(by, STOP), stops),
        _survived("safe_mae_ratio", usual, _wins(by, MAE), stops),
        _floor("min_size_ratio", _sum(tally for _, tally in _scaled(by, SIZE)[:SMALL]), variance),
        _reduction("reduce_mixed_ratio", mixed, aligned, MIXED_MOST, variance),
        _reduction("reduce_divergent_ratio", divergent, aligned, DIVERGENT_MOST, variance),
    )


def _bar(name: str, default: float, steps: Steps, rise: float, variance: float) -> Threshold:
    """Rises to where what it would have refused lost most in all: if that lost for sure, and did worse than the rest
    for sure. What the setting refuses already says nothing of what it lets in."""
    allowed = [(upper, tally) for upper, tally in steps if upper > default + NEAR]
    found, below, rest = NOTHING, NOTHING, _sum(tally for _, tally in allowed)
    target = default
    for upper, tally in allowed:
        if upper > default + rise + NEAR:
            break
        below += tally
        if below.returns < found.returns:
            found, target = below, upper
    rest -= found
    if found.trades < FEWEST:
        return Threshold(name, default, default)
    is_worse = not rest.trades or difference_interval(found, rest, variance, SURE)[1] < 0
    if not is_worse or mean_interval(found, variance, SURE)[1] >= 0:
        return Threshold(name, default, default)
    return _moved(name, default, target, found.trades, mean_interval(found, variance))


def _edge(
    name: str, default: float, parted: tuple[Tally, Tally], reach: tuple[float, float], variance: float
) -> Threshold:
    """Between two groups: falls when the lower one earns more than the upper, for then the upper begins further down;
    rises when it earns less."""
    below, above = parted
    trades = min(below.trades, above.trades)
    if trades < FEWEST or not variance:
        return Threshold(name, default, default)
    lean = min(max((_mean(below) - _mean(above)) / sqrt(variance) / FULL, -1.0), 1.0)
    target = default + (default - reach[0] if lean > 0 else reach[1] - default) * -lean
    return _moved(name, default, target, trades, difference_interval(below, above, variance))


def _usual(name: str, default: float, steps: Sequence[tuple[float, int]], reach: tuple[float, float]) -> Threshold:
    """The mean of what was won with."""
    trades = sum(wins for _, wins in steps)
    if trades < FEWEST:
        return Threshold(name, default, default)
    mean = sum(middle * wins for middle, wins in steps) / trades
    variance = sum((middle - mean) ** 2 * wins for middle, wins in steps) / trades
    half = student_quantile(trades - 1) * sqrt(variance / (trades - 1))
    target = min(max(mean, reach[0]), reach[1])
    return _moved(name, default, target, trades, (mean - half, mean + half))


def _survived(name: str, default: float, steps: Sequence[tuple[float, int]], reach: tuple[float, float]) -> Threshold:
    """How far nine in ten of what was won went against its entry at most, to the band."""
    trades = sum(wins for _, wins in steps)
    if trades < FEWEST:
        return Threshold(name, default, default)
    calm = round(CALM * trades)
    shares = win_interval(Tally(trades, calm), Tally(trades, calm))
    target, low, high = (_quantile(steps, trades, share) for share in (CALM, *shares))
    return _moved(name, default, min(max(target, reach[0]), reach[1]), trades, (low, high))


def _quantile(steps: Sequence[tuple[float, int]], trades: int, share: float) -> float:
    passed = 0
    for middle, wins in steps:
        passed += wins
        if passed >= share * trades - 1e-9:
            return middle
    return steps[-1][0]


def _floor(name: str, small: Tally, variance: float) -> Threshold:
    """Falls when small positions earn: they are worth their while. It never rises: losing with small ones is no reason
    for larger ones."""
    if small.trades < FEWEST or not variance:
        return Threshold(name, SIZE_FLOOR, SIZE_FLOOR)
    lean = min(max(_mean(small) / sqrt(variance) / FULL, 0.0), 1.0)
    target = SIZE_FLOOR - lean * (SIZE_FLOOR - SIZE_LEAST)
    return _moved(name, SIZE_FLOOR, target, small.trades, mean_interval(small, variance))


def _reduction(name: str, some: Tally, aligned: Tally, most: float, variance: float) -> Threshold:
    """By how much less they earn than aligned trades, where those earn, if it is less for sure."""
    trades = min(some.trades, aligned.trades)
    if trades < FEWEST or _mean(aligned) <= 0:
        return Threshold(name, 0.0, 0.0)
    if difference_interval(some, aligned, variance, SURE)[1] >= 0:
        return Threshold(name, 0.0, 0.0)
    bounds = difference_interval(some, aligned, variance)
    return _moved(name, 0.0, min(1 - _mean(some) / _mean(aligned), most), trades, bounds)


def _moved(name: str, default: float, target: float, trades: int, bounds: Interval) -> Threshold:
    """To six digits: the last ones are the processor's."""
    value = default + trades / (trades + HALFWAY) * (target - default)
    return Threshold(name, round(value, 6), default, trades, round(bounds[0], 6), round(bounds[1], 6))


def _aim(name: str, default: float, steps: Steps, required: float, variance: float) -> Threshold:
    """A reward over risk to aim for: between what is cheaper and what is dearer, never under what is required."""
    below = _sum(tally for upper, tally in steps if upper <= default + NEAR)
    above = _sum(tally for upper, tally in steps if upper > default + NEAR)
    reach = max(default - REWARD_RISK_REACH, required), default + REWARD_RISK_REACH
    found = _stepped(_edge(name, default, (below, above), reach, variance), 0.1)
    return replace(found, value=max(found.value, reach[0]))


def _stepped(threshold: Threshold, step: float) -> Threshold:
    """Nobody asks for half a factor, or reads a hundredth of ADX; the steps are counted from the default."""
    steps = round((threshold.value - threshold.default) / step)
    return replace(threshold, value=round(threshold.default + steps * step, 6))


def _scaled(by: Mapping[str, Tally], scale: Scale, within: str = "") -> Steps:
    return [(scale.upper(place), by.get(within + word, NOTHING)) for place, word in enumerate(scale.words)]


def _counted(by: Mapping[str, Tally], adx: str) -> Steps:
    """Asking for one factor more refuses those with as many as now."""
    return [(count + 1.0, by.get(f"adx {adx} confluences {count}", NOTHING)) for count in range(len(FACTORS) + 1)]


def _wins(by: Mapping[str, Tally], scale: Scale) -> Sequence[tuple[float, int]]:
    return [(scale.middle(place), by[word].wins) for place, word in enumerate(scale.words) if word in by]


def _both(one: Steps, other: Steps) -> Steps:
    return [(upper, tally + beside) for (upper, tally), (_, beside) in zip(one, other, strict=True)]


def _sum(tallies: Iterable[Tally]) -> Tally:
    return sum(tallies, NOTHING)


def _mean(some: Tally) -> float:
    return some.returns / some.trades
