"""How much of what a cycle should know it knows."""

from ...domain.collected import Market, Part

# The bars are what is decided on; a decision can be made without the rest, but not without most of it.
BARS = 0.50
WEIGHTS = {
    Part.DAILY: 0.10,
    Part.WEEKLY: 0.05,
    Part.BOOK: 0.10,
    Part.TRADES: 0.10,
    Part.FUNDING: 0.04,
    Part.INTEREST: 0.02,
    Part.CONTEXT: 0.05,
    Part.NEWS: 0.04,
}


def score_ratio(market: Market) -> float:
    """0…1. The bars count by the share that is there; of the other parts those that were asked for, by their weight:
    what nobody can tell here is not missing."""
    around = market.around
    asked = sum(WEIGHTS[part] for part in around.asked)
    there = sum(WEIGHTS[part] for part in around.asked if part not in around.missing)
    return (BARS * market.candles.completeness_ratio + there) / (BARS + asked)
