"""What doing something simple on the same bars, with the same fees and slippage, would have given."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import numpy as np
import talib
from numpy.typing import NDArray

from ...domain.market import Candles, FundingRate, epoch_ms
from ...domain.policy import Paper

Array = NDArray[np.float64]


def buy_and_hold(
    prices: Mapping[str, tuple[Decimal, Decimal]], paper: Paper, funding: Mapping[str, Decimal] | None = None
) -> Decimal:
    """End equity of spending the start in equal parts at the first price of each pair and marking at the last.

    `prices`: pair → (first open after the first decision, last close). `funding`: pair → what one coin paid at all
    settlements. The entry pays fee and slippage; nothing is sold."""
    if not prices:
        return paper.start_quote
    part = paper.start_quote / len(prices)
    slipped = 1 + paper.slippage_bps / 10_000
    paid = funding or {}
    return sum(
        (
            part / (first * slipped) / (1 + paper.fee_ratio) * (last - paid.get(pair, Decimal(0)))
            for pair, (first, last) in prices.items()
        ),
        Decimal(0),
    )


def sma_cross(candles: Candles, warm_up: int, paper: Paper, funding: Array | None = None) -> tuple[float, Array]:
    """End equity and equity, from the start on, at each close of being all in while SMA 50 > SMA 200, else in cash.

    Decided at a close, filled at the next open, fee and slippage on every change. Bars before `warm_up` only feed the
    means. `funding`: what one coin pays in each bar."""
    opens, closes = np.asarray(candles.open, dtype=np.float64), np.asarray(candles.close, dtype=np.float64)
    wants = np.asarray(talib.SMA(closes, 50)) > np.asarray(talib.SMA(closes, 200))
    paid = np.zeros(len(closes)) if funding is None else funding
    fee, slip = float(paper.fee_ratio), float(paper.slippage_bps) / 10_000
    cash, coins = float(paper.start_quote), 0.0
    curve = [cash]
    for row in range(warm_up, len(closes)):
        cash -= coins * paid[row]
        wanted = bool(wants[row - 1]) if row else False
        if wanted and not coins:
            coins = cash / (opens[row] * (1 + slip) * (1 + fee))
            cash = 0.0
        elif not wanted and coins:
            cash, coins = cash + coins * opens[row] * (1 - slip) * (1 - fee), 0.0
        curve.append(cash + coins * closes[row])
    return curve[-1], np.array(curve)


def funding_per_coin(candles: Candles, rates: Iterable[FundingRate]) -> Array:
    """What one coin held long pays in each bar: the settlements at or after its open, on that open. A settlement at the
    first open comes before anything was bought."""
    paid = np.zeros(len(candles))
    opened = np.asarray(candles.opened_ms, dtype=np.int64)
    for rate in rates:
        row = int(np.searchsorted(opened, epoch_ms(rate.paid_at), side="right")) - 1
        if row >= 0 and opened[row] <= epoch_ms(rate.paid_at) < opened[row] + candles.timeframe.ms:
            paid[row] += float(rate.rate_ratio) * candles.open[row]
    return paid
