"""Bars for drawing: which lengths there are, and what is known of the one that has not closed."""

from ...domain.market import Candles, Timeframe
from .views import CandleView


def offered(traded: Timeframe) -> tuple[Timeframe, ...]:
    """The traded one, then the longer ones that it divides."""
    return tuple(one for one in Timeframe if one.ms >= traded.ms and one.ms % traded.ms == 0)


def forming(traded: Candles, opened_ms: int) -> CandleView | None:
    """The bar that opened then, of the closed bars within it; None while none has closed."""
    rows = [row for row, at in enumerate(traded.opened_ms) if at >= opened_ms]
    if not rows:
        return None
    return CandleView(
        time=opened_ms // 1000,
        open=traded.open[rows[0]],
        high=max(traded.high[row] for row in rows),
        low=min(traded.low[row] for row in rows),
        close=traded.close[rows[-1]],
        volume=sum(traded.volume[row] for row in rows),
    )
