"""Code for a fresh process: bars of its own, what is seen in them, a picture."""

BARS = """
from datetime import UTC, datetime
from decimal import Decimal
from math import sin
from semanticsignal.domain.collected import Market
from semanticsignal.domain.market import Candles, Symbol, Timeframe, TradingRules, epoch_ms

def market(bars=400):
    start, pair = epoch_ms(datetime(2024, 1, 1, tzinfo=UTC)), Symbol("BTC", "USDC")
    close = [30_000 + 900 * sin(i / 17) + 150 * sin(i / 3) + i for i in range(bars)]
    opened = [30_000.0, *close[:-1]]
    high = [max(pair) + 40 for pair in zip(opened, close)]
    low = [min(pair) - 40 for pair in zip(opened, close)]
    stamps = [start + i * Timeframe.H4.ms for i in range(bars)]
    candles = Candles(
        pair, Timeframe.H4, "drawn", stamps, *[np.array(each) for each in (opened, high, low, close, [9.0] * bars)]
    )
    terms = TradingRules(Decimal("0.01"), Decimal("0.00001"), Decimal(5))
    return Market("drawn", pair, Timeframe.H4, candles.closed_at, candles, terms)
"""

CHART = f"""
import numpy as np
{BARS}
from semanticsignal.logic.analyse.chart import chart
from semanticsignal.logic.analyse.snapshot import snapshot

seen = market()
picture = chart(seen, snapshot(seen, seen.collected_at), None)
"""
