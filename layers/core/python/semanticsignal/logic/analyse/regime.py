"""Trending, ranging or volatile; bull, bear or neutral: with the numbers that say so."""

from collections.abc import Mapping

from ...domain.analysis import Phase, Regime, Trend

STRONG_ADX = 25.0
WILD_RANK = 0.9


def regime(numbers: Mapping[str, float | None], close: float) -> Regime:
    """A trend needs two of three votes: close over SMA 200, SMA 50 over SMA 200, +DI over −DI.

    ADX of 25 and more is trending (Wilder); else an ATR in the top tenth of its last 540 bars is volatile."""
    votes: list[int] = []
    evidence: list[str] = []
    for above, left, below, right in (
        ("close", close, "sma_200", numbers["sma_200"]),
        ("sma_50", numbers["sma_50"], "sma_200", numbers["sma_200"]),
        ("+DI", numbers["plus_di_14"], "-DI", numbers["minus_di_14"]),
    ):
        if left is not None and right is not None:
            votes.append((left > right) - (left < right))
            evidence.append(f"{above} {'>' if left > right else '<' if left < right else '='} {below}")
    total = sum(votes)
    trend = Trend.NEUTRAL if len(votes) < 2 or abs(total) < 1 else Trend.BULL if total > 0 else Trend.BEAR
    adx, rank = numbers["adx_14"], numbers["atr_rank_ratio"]
    if adx is not None:
        evidence.append(f"ADX {adx:.1f}")
    if adx is not None and adx >= STRONG_ADX:
        return Regime(trend, Phase.TRENDING, tuple(evidence))
    if rank is not None and rank >= WILD_RANK:
        return Regime(trend, Phase.VOLATILE, (*evidence, f"ATR rank {rank:.2f}"))
    return Regime(trend, Phase.RANGING, tuple(evidence))
