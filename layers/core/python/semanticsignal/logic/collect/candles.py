"""From what a venue sent to closed bars that can be believed."""

from datetime import datetime

from ...domain.errors import MarketUnavailable
from ...domain.market import Candles, epoch_ms


def closed(candles: Candles, until: datetime) -> Candles:
    """Only bars with open + timeframe <= `until`: the bar still forming says nothing yet.

    Rule of every venue we read: the newest row of a klines answer may be unfinished."""
    last = epoch_ms(until) - candles.timeframe.ms
    keep = len(candles)
    while keep and candles.opened_ms[keep - 1] > last:
        keep -= 1
    return candles if keep == len(candles) else candles[:keep]


def expected(candles: Candles, closed_at: datetime) -> Candles:
    """Itself when its newest bar is the one that closed at `closed_at`; else MarketUnavailable."""
    if not len(candles) or candles.closed_at != closed_at:
        newest = candles.closed_at.isoformat() if len(candles) else "none"
        raise MarketUnavailable(
            f"{candles.symbol} {candles.timeframe} bar closed at {closed_at.isoformat()} is not published, was {newest}"
        )
    return candles
