"""What so few trades can prove: 90 % intervals of a share of wins and of a mean return.

The incomplete beta function is the continued fraction 8.17.22 of the NIST Digital Library of Mathematical Functions,
evaluated by Lentz's method (1976) as Thompson and Barnett (1986) made it safe; its inverse is found by halving."""

from math import exp, lgamma, log, log1p, sqrt

from .learning import Tally

# Trades that a belief from before is worth: with as many of its own, evidence moves it half the way.
PRIOR = 20
TAIL = 0.05
# The standard normal quantile that leaves a tail on either side.
Z = 1.6448536269514722
TINY, ENOUGH, TERMS, HALVINGS = 1e-300, 1e-15, 10_000, 60


def weight(trades: int) -> float:
    """0…1: how far evidence of so many trades moves a belief from before."""
    return trades / (trades + PRIOR)


def share_interval(wins: int, trades: int) -> tuple[float, float]:
    """Of the true share of wins, after so many: equal tails of its posterior, every share as likely before."""
    a, b = wins + 1, trades - wins + 1
    return _quantile(TAIL, a, b), _quantile(1 - TAIL, a, b)


def mean_interval(some: Tally, whole: Tally) -> tuple[float, float, float]:
    """Of the true mean return of some trades: its posterior mean, and the interval around it. It lies before near that
    of the whole, by whose variance it is judged (normal with known variance; Gelman et al., BDA3, 2.5)."""
    if whole.trades < 2:
        mean = whole.mean_return_ratio or 0.0
        return mean, mean, mean
    center = whole.returns / whole.trades
    variance = max(0.0, whole.squares - whole.returns * center) / (whole.trades - 1)
    held = some.trades + PRIOR
    mean = (some.returns + PRIOR * center) / held
    reach = Z * sqrt(variance / held)
    return mean, mean - reach, mean + reach


def incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularized one: the chance that a share distributed as Beta(a, b) is at most `x`, 0…1."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # there the fraction converges slowly, and its mirror fast
        return 1 - incomplete_beta(1 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    return front / _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """1 + d₁/(1 + d₂/(1 + …)), until a term changes nothing."""
    value = above = 1.0
    below = 0.0
    for n in range(1, TERMS):
        m = n // 2
        term = -(a + m) * (a + b + m) * x if n % 2 else m * (b - m) * x
        term /= (a + n - 1) * (a + n)
        below = 1 / (_nonzero(1 + term * below))
        above = _nonzero(1 + term / above)
        value *= above * below
        if abs(above * below - 1) < ENOUGH:
            break
    return value


def _nonzero(value: float) -> float:
    return value if abs(value) > TINY else TINY


def _quantile(share: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if incomplete_beta(middle, a, b) < share else (low, middle)
    # to ten digits: the last ones are the processor's
    return round((low + high) / 2, 10)
