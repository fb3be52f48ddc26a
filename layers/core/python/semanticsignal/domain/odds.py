"""How sure a share and a mean of a few trades are: 90 % intervals, by the standard library alone."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import accumulate, pairwise
from math import exp, lgamma, log, log1p, sqrt
from statistics import NormalDist

from .learning import Tally

Interval = tuple[float, float]
# So many trades of no surprise are added to every few: as if what trades have in common moved the share won by some 15
# points (half over the root of eleven). Until so many have come, what was thought before them counts for more.
HELD = 10.0
TAIL = 0.05
Z = NormalDist().inv_cdf(1 - TAIL)
# One in two hundred beyond it, for what is looked at again and again.
SURE = NormalDist().inv_cdf(0.995)
TINY, CLOSE = 1e-300, 1e-12


def win_interval(some: Tally, whole: Tally) -> Interval:
    """Between which the share won lies at 90 %: the posterior of a Beta prior around the share of all trades, which is
    held toward one half in the same way."""
    expected = (whole.wins + HELD / 2) / (whole.trades + HELD)
    a, b = some.wins + HELD * expected, some.losses + HELD * (1 - expected)
    return beta_quantile(TAIL, a, b), beta_quantile(1 - TAIL, a, b)


def wilson(wins: float, n: float) -> Interval:
    """Between which a share lies at 90 % (Wilson 1927). `n`: as many as are independent, which need not be whole."""
    share, square = wins / n, Z**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = Z * sqrt(share * (1 - share) / n + square / (4 * n**2)) / (1 + square / n)
    # at none and at all the sum comes out a hair beside the share itself
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def independent(spans: Sequence[tuple[datetime, datetime]]) -> float:
    """How many of these times do not overlap, at least: each counts by the share of its own that it has to itself, on
    average over its life (the average uniqueness of López de Prado 2018, 4.4). As if all pairs moved as one."""
    edges = sorted({edge for span in spans for edge in span})
    place = {edge: row for row, edge in enumerate(edges)}
    opened = [0] * (len(edges) + 1)
    for begin, end in spans:
        opened[place[begin]] += 1
        opened[place[end]] -= 1
    lasted = [(later - earlier).total_seconds() for earlier, later in pairwise(edges)]
    shares = [length / max(1, many) for length, many in zip(lasted, accumulate(opened), strict=False)]
    until = [0.0, *accumulate(shares)]
    own = 0.0
    for begin, end in spans:
        whole = (end - begin).total_seconds()
        own += (until[place[end]] - until[place[begin]]) / whole if whole > 0 else 1.0
    # sums of parts end a hair beside the whole number that they are
    return min(round(own, 9), float(len(spans)))


def mean_interval(some: Tally, variance: float, z: float = Z) -> Interval:
    """Between which the mean return lies at 90 %: Student's t, the posterior of a normal prior around 0, where nothing
    is gained or lost, and of `variance`, that of one trade among all (Gelman et al. 2013, 3.3)."""
    n = some.trades
    mean = some.returns / n if n else 0.0
    squares = HELD * variance + n * spread(some) + HELD * n / (HELD + n) * mean**2
    scale = sqrt(squares / (HELD + n) / (HELD + n))
    middle, half = some.returns / (HELD + n), student_quantile(HELD + n, z) * scale
    return middle - half, middle + half


def difference_interval(some: Tally, others: Tally, variance: float, z: float = Z) -> Interval:
    """Between which the first mean return less the second lies at 90 %, both with at least one trade."""
    gap = some.returns / some.trades - others.returns / others.trades
    freedom = max(some.trades + others.trades - 2, 1)
    half = student_quantile(freedom, z) * sqrt(variance * (1 / some.trades + 1 / others.trades))
    return gap - half, gap + half


def spread(some: Tally) -> float:
    """Variance of the return of one of them; 0 where there is none."""
    if not some.trades:
        return 0.0
    return max(some.squares / some.trades - (some.returns / some.trades) ** 2, 0.0)


def student_quantile(freedom: float, z: float = Z) -> float:
    """From that of the normal, `z` (Abramowitz and Stegun 26.7.5); at 95 % from 8 degrees on right to 0.001."""
    n = freedom
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )


@lru_cache(maxsize=4096)
def beta_quantile(share: float, a: float, b: float) -> float:
    """Where the distribution function of Beta(a, b) reaches `share`: Newton's steps, halved back between what is known
    to lie below and above."""
    low, high, x = 0.0, 1.0, a / (a + b)
    constant = lgamma(a + b) - lgamma(a) - lgamma(b)
    for _ in range(100):
        over = beta_share(x, a, b) - share
        low, high = (low, x) if over > 0 else (x, high)
        steep = exp(constant + (a - 1) * log(max(x, TINY)) + (b - 1) * log1p(-min(x, 1 - CLOSE)))
        after = x - over / steep if steep else low
        if not low < after < high:
            after = (low + high) / 2
        if abs(after - x) < CLOSE:
            return after
        x = after
    return x


def beta_share(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function (DLMF 8.17.22), its fraction by Lentz's method."""
    if not 0 < x < 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_share(1 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    c, d = 1.0, 1 / _full(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, 1000):
        for part in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 / _full(1 + part * d), _full(1 + part / c)
            found *= c * d
        if abs(c * d - 1) < CLOSE:
            break
    return front * found


def _full(value: float) -> float:
    return value if abs(value) > TINY else TINY
