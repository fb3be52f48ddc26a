"""Statistics → thresholds: where experience moves a number, within bounds, by as much as it proves.

What guards and sizing enforce only ever becomes stricter than the settings; the rest is told. Each needs a least number
of trades and moves by `trades / (trades + 20)` of the way that its evidence points. docs/adr/0026 has the reasons."""

from collections.abc import Sequence
from math import fsum, sqrt

from ...domain.chance import Z, mean_interval, share_interval, weight
from ...domain.learning import Statistics, Tally, Threshold
from ...domain.policy import Risk, Settings
from . import tally

FEWEST = 5
# Won more often is good, more rarely poor; so far beyond either is all the reason there can be.
GOOD, POOR, ALL_REASON = 0.55, 0.40, 0.25
BETTER = 0.10
STRICTER_REWARD_RISK, STRICTER_CONFIDENCE, SUREST = 0.5, 0.10, 0.95
ADX_STRONG, ADX_WEAK, ADX_REACH_STRONG, ADX_REACH_WEAK = 25.0, 20.0, 2.5, 2.0
RECOMMENDED, STRONG, HIGHEST_RECOMMENDED, HIGHEST_STRONG, OF_WINNERS = 2.0, 2.5, 3.0, 4.0, 0.8
STOP_RATIO = 0.025
CONFLUENCES_WEAK, CONFLUENCES_STANDARD, COUNTS = 4, 3, range(2, 6)
REDUCE_MIXED, REDUCE_DIVERGENT = 0.40, 0.50
# Of winners, the share that is at most so strong, or went at most so far against themselves.
STRONG_SHARE, SAFE_SHARE = 0.75, 0.90

Weighed = Sequence[tuple[float, int]]


def learned(statistics: Statistics, settings: Settings) -> tuple[Threshold, ...]:
    """All of them, in one order; each exactly its default where nothing says otherwise."""
    risk = settings.risk
    # What is recommended is never below what may come to be demanded.
    demanded = risk.min_reward_risk + STRICTER_REWARD_RISK
    rewards, stops = _winners(statistics, tally.REWARD_RISK), _winners(statistics, tally.STOP)
    stop_ratio = min(max(STOP_RATIO, risk.min_stop_ratio), risk.max_stop_ratio)
    strongest = max(HIGHEST_STRONG, demanded + 1)
    return (
        _adx_strong(statistics),
        _adx_weak(statistics),
        _min_reward_risk(statistics, risk),
        _mean(
            "recommended_reward_risk",
            (demanded, max(RECOMMENDED, demanded), max(HIGHEST_RECOMMENDED, demanded + 1)),
            [(at * OF_WINNERS, wins) for at, wins in rewards],
        ),
        _part("strong_reward_risk", (demanded, max(STRONG, demanded), strongest), rewards, STRONG_SHARE),
        _mean("average_stop_ratio", (risk.min_stop_ratio, stop_ratio, risk.max_stop_ratio), stops),
        _min_confidence(statistics, risk),
        _confluences("confluences_weak", CONFLUENCES_WEAK, statistics, is_weak=True),
        _confluences("confluences_standard", CONFLUENCES_STANDARD, statistics, is_weak=False),
        _reduction("mixed", REDUCE_MIXED, statistics),
        _reduction("divergent", REDUCE_DIVERGENT, statistics),
        _part("safe_mae_ratio", (0.0, stop_ratio, risk.max_stop_ratio), _winners(statistics, tally.MAE), SAFE_SHARE),
    )


def _of(statistics: Statistics, trait: str) -> Tally:
    return statistics.by_trait.get(trait, Tally())


def _won(of: Tally) -> float:
    return of.wins / of.trades


def _moved(name: str, default: float, way: float, of: Tally) -> Threshold:
    """`way`: from its default to where the evidence points, were there no end of it."""
    if of.trades < FEWEST:
        return Threshold(name, default, default, of.trades)
    value = _from(default, way, of.trades)
    return Threshold(name, value, default, of.trades, *share_interval(of.wins, of.trades))


def _from(default: float, way: float, trades: int) -> float:
    moved = round(way * weight(trades), 4)
    return round(default + moved, 10) if moved else default


def _reason(beyond: float) -> float:
    """0…1: how much of the way a share points to that lies so far beyond the line."""
    return min(1.0, max(0.0, beyond) / ALL_REASON)


def _adx_strong(statistics: Statistics) -> Threshold:
    """Lower where a middling trend wins and a strong one hardly more; higher where even a strong one loses."""
    high, medium = _of(statistics, "adx high"), _of(statistics, "adx medium")
    of, way = high, 0.0
    if min(high.trades, medium.trades) < FEWEST:
        return Threshold("adx_strong", ADX_STRONG, ADX_STRONG, min(high.trades, medium.trades))
    if _won(high) < POOR:
        way = ADX_REACH_STRONG * _reason(POOR - _won(high))
    elif _won(high) <= _won(medium) + BETTER:
        of, way = medium, -ADX_REACH_STRONG * _reason(_won(medium) - GOOD)
    return _moved("adx_strong", ADX_STRONG, way, of)


def _adx_weak(statistics: Statistics) -> Threshold:
    """Higher where trades in a weak trend lose, lower where they win."""
    low = _of(statistics, "adx low")
    won = _won(low) if low.trades else 0.5
    return _moved("adx_weak", ADX_WEAK, ADX_REACH_WEAK * (_reason(POOR - won) - _reason(won - GOOD)), low)


def _min_reward_risk(statistics: Statistics, risk: Risk) -> Threshold:
    """Stricter where trades with little to gain lost money, and won more rarely than what they had to gain asks for."""
    default = risk.min_reward_risk
    bands = tally.REWARD_RISK
    little = [(at, of) for at, of in bands.told(statistics) if at < default + STRICTER_REWARD_RISK - bands.width / 2]
    of = sum((each for _, each in little), Tally())
    way = 0.0
    if of.returns < 0:
        # Whoever gains r for a risk of 1 breaks even by winning one in 1 + r.
        needed = fsum(each.trades / (1 + at + bands.width / 2) for at, each in little)
        way = STRICTER_REWARD_RISK * _reason((needed - of.wins) / of.trades)
    return _moved("min_reward_risk", default, way, of)


def _min_confidence(statistics: Statistics, risk: Risk) -> Threshold:
    """Stricter where trades of high stated confidence lost money and seldom won: what is stated is worth less."""
    default, high = risk.min_confidence_ratio, _of(statistics, "confidence high")
    room = min(STRICTER_CONFIDENCE, max(0.0, SUREST - default))
    way = room * _reason(GOOD - _won(high)) if high.returns < 0 else 0.0
    return _moved("min_confidence_ratio", default, way, high)


def _winners(statistics: Statistics, bands: tally.Bands) -> list[tuple[float, int]]:
    """The middle of each band, and how many trades in it won."""
    return [(at + bands.width / 2, of.wins) for at, of in bands.told(statistics) if of.wins]


def _mean(name: str, bounds: tuple[float, float, float], weighed: Weighed) -> Threshold:
    """Toward the mean. `bounds`: lowest, default, highest."""
    lowest, default, highest = bounds
    count = sum(wins for _, wins in weighed)
    if count < FEWEST:
        return Threshold(name, default, default, count)
    mean = fsum(at * wins for at, wins in weighed) / count
    variance = fsum(wins * (at - mean) ** 2 for at, wins in weighed) / (count - 1)
    reach = Z * sqrt(variance / count)
    way = min(max(mean, lowest), highest) - default
    return Threshold(name, _from(default, way, count), default, count, round(mean - reach, 6), round(mean + reach, 6))


def _part(name: str, bounds: tuple[float, float, float], weighed: Weighed, share: float) -> Threshold:
    """Toward the value that a share of them is at or below; its interval, by how many may be (normal approximation)."""
    lowest, default, highest = bounds
    count = sum(wins for _, wins in weighed)
    if count < FEWEST:
        return Threshold(name, default, default, count)
    reach = Z * sqrt(share * (1 - share) / count)
    low, value, high = (round(_at(part, weighed, count), 6) for part in (share - reach, share, share + reach))
    way = min(max(value, lowest), highest) - default
    return Threshold(name, _from(default, way, count), default, count, low, high)


def _at(share: float, weighed: Weighed, count: int) -> float:
    passed = 0
    for at, wins in weighed:
        passed += wins
        if passed >= share * count - 1e-9:
            return at
    return weighed[-1][0]


def _confluences(name: str, default: int, statistics: Statistics, *, is_weak: bool) -> Threshold:
    """Toward the fewest confluences that were good. Weak: in a weak trend; else in any other."""
    for count in COUNTS:
        weak = _of(statistics, f"adx low confluences {count}")
        of = weak if is_weak else _of(statistics, f"confluences {count}") - weak
        if of.trades >= FEWEST and _won(of) >= GOOD:
            moved = _moved(name, default, count - default, of)
            # half a confluence is none
            return Threshold(name, default + round(moved.value - default), default, of.trades, moved.low, moved.high)
    return Threshold(name, default, default)


def _reduction(alignment: str, most: float, statistics: Statistics) -> Threshold:
    """By what share smaller a trade against the larger trends is made: by as much as it earned less than one with
    them. Nothing where those earned nothing either."""
    name = f"reduce_{alignment}_ratio"
    aligned, of = _of(statistics, "alignment aligned"), _of(statistics, f"alignment {alignment}")
    trades = min(aligned.trades, of.trades)
    if trades < FEWEST:
        return Threshold(name, 0.0, 0.0, trades)
    way = 0.0
    if aligned.returns > 0:
        way = min(most, max(0.0, 1 - (of.returns / of.trades) / (aligned.returns / aligned.trades)))
    _, low, high = mean_interval(of, statistics.whole)
    return Threshold(name, _from(0.0, way, trades), 0.0, trades, round(low, 6), round(high, 6))
