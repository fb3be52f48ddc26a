"""What doing something simple on the same bars, with the same fees and slippage, would have given."""

from collections.abc import Mapping
from decimal import Decimal

import numpy as np
import talib
from numpy.typing import NDArray

from ...domain.market import Candles
from ...domain.policy import Paper

Array = NDArray[np.float64]


def buy_and_hold(prices: Mapping[str, tuple[Decimal, Decimal]], paper: Paper) -> Decimal:
    """End equity of spending the start in equal parts at the first price of each pair and marking at the last.

    `prices`: pair → (first open after the first decision, last close). The entry pays fee and slippage; nothing is
    sold."""
    if not prices:
        return paper.start_quote
    part = paper.start_quote / len(prices)
    slipped = 1 + paper.slippage_bps / 10_000
    return sum((part / (first * slipped) / (1 + paper.fee_ratio) * last for first, last in prices.values()), Decimal(0))


def sma_cross(candles: Candles, warm_up: int, paper: Paper) -> tuple[float, Array]:
    """End equity and equity at each close of being all in while SMA 50 > SMA 200, else in cash.

    Decided at a close, filled at the next open, fee and slippage on every change. Bars before `warm_up` only feed the
    means."""
    opens, closes = np.asarray(candles.open, dtype=np.float64), np.asarray(candles.close, dtype=np.float64)
    wants = np.asarray(talib.SMA(closes, 50)) > np.asarray(talib.SMA(closes, 200))
    fee, slip = float(paper.fee_ratio), float(paper.slippage_bps) / 10_000
    cash, coins = float(paper.start_quote), 0.0
    curve = np.empty(max(0, len(closes) - warm_up))
    for row in range(warm_up, len(closes)):
        wanted = bool(wants[row - 1]) if row else False
        if wanted and not coins:
            coins, cash = cash / (opens[row] * (1 + slip) * (1 + fee)), 0.0
        elif not wanted and coins:
            cash, coins = coins * opens[row] * (1 - slip) * (1 - fee), 0.0
        curve[row - warm_up] = cash + coins * closes[row]
    return (float(curve[-1]) if len(curve) else float(paper.start_quote)), curve
