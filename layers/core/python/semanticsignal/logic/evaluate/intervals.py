"""How sure a figure is: 90 % intervals that know of neighbours that resemble each other. Standard library alone; the
same record gives the same interval, to the last digit, wherever it is reckoned."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from math import exp, fsum, isfinite, log, sqrt
from operator import mul
from random import Random  # noqa: TID251, seeded by the record alone
from statistics import NormalDist
from typing import NamedTuple

from ...domain.odds import Interval, Z, student_quantile

RESAMPLES = 1000
# Of a longer record neighbours are added up first, until so many rows or fewer than twice as many are left.
ROWS = 2000
# Fewer independent ones span nothing that deserves the name; fewer marks have no spread worth a square root.
LEAST, LEAST_MARKS = 8, 30
Column = Sequence[float]
Figure = Callable[[Sequence[float]], float]


class Ratio(NamedTuple):
    """A Sharpe ratio of one mark: `error` is its standard error, `needed` the marks that would tell it from 0 on one
    side at 95 %; None where it is not above 0."""

    value: float
    error: float
    needed: float | None


def bootstrap(
    columns: Sequence[Column], figures: Sequence[Figure], *, effective: float, together: float = 1.0
) -> list[Interval | None]:
    """An interval of each figure, which is made of the sums of the columns: the stationary bootstrap (Politis and
    Romano 1994), its blocks of n^⅓ rows in the mean (the rate of Hall, Horowitz and Jing 1995) or of `together`, the
    rows that go on at once, if these are more. Percentiles, wider by Student's t and n/(n − 1) for few rows
    (Hesterberg 2015, 5.3), never without the figure itself. None under LEAST of `effective` rows, and where a figure
    has no end."""
    if len(columns[0]) < 2 or effective < LEAST:
        return [None] * len(figures)
    beside = max(1, len(columns[0]) // ROWS)
    columns = [_added(column, beside) for column in columns]
    rows, together = len(columns[0]), together / beside
    drawn: list[list[float]] = [[] for _ in figures]
    for sums in _resampled(columns, max(rows ** (1 / 3), together)):
        for kept, figure in zip(drawn, figures, strict=True):
            kept.append(figure(sums))
    tail = NormalDist().cdf(-sqrt(effective / (effective - 1)) * student_quantile(effective - 1))
    whole = [fsum(column) for column in columns]
    return [_between(sorted(kept), tail, figure(whole)) for kept, figure in zip(drawn, figures, strict=True)]


def of_results(results: Sequence[float], effective: float) -> tuple[Interval | None, Interval | None]:
    """Of the mean of results, and of what was won over what was lost. Few results have not shown all that may come, and
    resamples hold nothing else: so the high ends are as if one more independent result had been the best so far, the
    low ends as if it had been the worst. None where none has won yet or none has lost: what nobody saw has no size."""
    best, worst = max(results, default=0.0), min(results, default=0.0)
    if best <= 0 or worst >= 0:
        return None, None
    n, more = len(results), len(results) / effective
    columns = [max(0.0, one) for one in results], [max(0.0, -one) for one in results]
    gain, loss = more * best, -more * worst
    mean_low, mean_high, low, high = bootstrap(
        columns,
        [
            lambda of: (of[0] - of[1] - loss) / (n + more),
            lambda of: (of[0] - of[1] + gain) / (n + more),
            lambda of: of[0] / (of[1] + loss),
            lambda of: (of[0] + gain) / of[1] if of[1] > 0 else float("inf"),
        ],
        effective=effective,
        together=more,
    )
    return _from_to(mean_low, mean_high), _from_to(low, high)


def _from_to(low: Interval | None, high: Interval | None) -> Interval | None:
    return (low[0], high[1]) if low and high else None


def _added(column: Column, beside: int) -> Column:
    """Neighbours added up; a rest that is shorter joins the last ones, or it would count for as much as they."""
    if beside == 1:
        return column
    last = (len(column) // beside - 1) * beside
    return [*(fsum(column[row : row + beside]) for row in range(0, last, beside)), fsum(column[last:])]


def _between(drawn: Sequence[float], tail: float, value: float) -> Interval | None:
    low, high = min(value, _quantile(drawn, tail)), max(value, _quantile(drawn, 1 - tail))
    return (low, high) if isfinite(low) and isfinite(high) else None


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = int(place)
    low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    return low if low == high else low + (high - low) * (place - below)


def _resampled(columns: Sequence[Column], length: float) -> Iterator[list[float]]:
    """The sums of each column over so many rows, in blocks that begin anywhere and go round the end."""
    rows = len(columns[0])
    until = [[0.0, *accumulate([*column, *column])] for column in columns]
    # The seed is the record itself: no two runs differ, and no two records share their luck.
    chance = Random(",".join(map(repr, (rows, *map(fsum, columns))))).random
    stay = log(1 - 1 / length) if length > 1 else None
    for _ in range(RESAMPLES):
        sums, left = [0.0] * len(until), rows
        while left:
            begin = int(chance() * rows)
            run = 1 if stay is None else min(left, 1 + int(log(1 - chance()) / stay))
            left -= run
            for at, total in enumerate(until):
                sums[at] += total[begin + run] - total[begin]
        yield sums


def sharpe(changes: Sequence[float]) -> Ratio | None:
    """Of simple returns from mark to mark. The error is that of Lo (2002), for returns that are neither normal
    (Mertens 2002) nor free of their own past: the long-run variance of the ratio's influence function. `needed` is
    the record length of Bailey and López de Prado (2012). None under LEAST_MARKS at which something moved, however long
    it stood still between, and where nothing varied."""
    n = len(changes)
    if sum(change != 0 for change in changes) < LEAST_MARKS:
        return None
    mean = fsum(changes) / n
    away = [change - mean for change in changes]
    variance = fsum(map(mul, away, away)) / n
    if sqrt(variance) <= 1e-9 * abs(mean) or variance == 0:
        return None
    deviation = sqrt(variance)
    value = mean / deviation
    spread = long_run_variance([x / deviation - value / 2 * (x * x / variance - 1) for x in away])
    needed = spread * (Z / value) ** 2 if value > 0 else None
    # The sample deviation divides by n − 1, as the figure does that is shown.
    return Ratio(value * sqrt((n - 1) / n), sqrt(spread / n), needed)


def ahead_of(equity: Sequence[float], held: Sequence[float]) -> tuple[float, Interval | None] | None:
    """By how much the first ended above the second, as a share of it, from their first mark on, and the interval of
    that: the sum of their differences in growth with its long-run variance. None without two marks."""
    if len(equity) < 2:
        return None
    gaps = [log(own / other) for own, other in zip(equity, held, strict=True)]
    steps = [later - earlier for earlier, later in pairwise(gaps)]
    gone = gaps[-1] - gaps[0]
    if len(steps) < LEAST_MARKS:
        return exp(gone) - 1, None
    mean = gone / len(steps)
    half = Z * sqrt(len(steps) * long_run_variance([step - mean for step in steps]))
    return exp(gone) - 1, (exp(gone - half) - 1, exp(gone + half) - 1)


def long_run_variance(away: Sequence[float]) -> float:
    """Of what is away from its mean: with its own past, Bartlett weights (Newey and West 1987), so many lags as their
    rule of 1994 gives. Never less than half of what it would be without: an estimate that all but cancels is none."""
    n = len(away)
    alone = fsum(map(mul, away, away)) / n
    lags = min(n - 1, int(4 * (n / 100) ** (2 / 9)))
    beside = fsum(
        2 * (1 - lag / (lags + 1)) * fsum(map(mul, away[lag:], away[:-lag])) / n for lag in range(1, lags + 1)
    )
    return max(alone + beside, alone / 2)
