"""Order book and public trades → figures. Formulas: imbalance = (bids - asks) / (bids + asks), of what rests in quote;
spread and distances in basis points of the mid price, which is the mean of the best bid and the best ask."""

from datetime import datetime
from math import fsum

from ...domain.analysis import BookView, Depth, Flow, Liquidity, Wall
from ...domain.microstructure import OrderBook, PublicTrades, Rung

LEVELS = (5, 10, 20, 50)
NEAR_BPS = (10, 25)
Rungs = list[tuple[float, float]]


def book_view(book: OrderBook, before: BookView | None) -> BookView:
    """`before`: the last snapshot's, for what has changed; another venue's has not changed, it is another."""
    before = before if before and before.source == book.source else None
    bids, asks = _rungs(book.bids), _rungs(book.asks)
    mid = (bids[0][0] + asks[0][0]) / 2
    spread_bps = (asks[0][0] - bids[0][0]) / mid * 1e4
    # A side that is shorter than the deepest level told: figures at that depth would compare unlike things.
    held = min(len(bids), len(asks))
    depths = tuple(_depth(bids, asks, levels) for levels in LEVELS if levels <= held) or (_depth(bids, asks, held),)
    return BookView(
        at=book.at,
        source=book.source,
        mid_price=mid,
        spread_bps=spread_bps,
        depths=depths,
        liquidity=tuple(_liquidity(bids, asks, mid, bps) for bps in NEAR_BPS),
        walls=(_wall(bids, mid, is_bid=True), _wall(asks, mid, is_bid=False)),
        spread_change_bps=spread_bps - before.spread_bps if before else None,
        imbalance_change=_imbalance_change(depths, before),
    )


def flow(trades: PublicTrades) -> Flow | None:
    """None when nobody traded."""
    if not trades.trades:
        return None
    bought = fsum(float(one.price * one.quantity) for one in trades.trades if one.is_buy)
    sold = fsum(float(one.price * one.quantity) for one in trades.trades if not one.is_buy)
    span_s = _seconds(trades.trades[0].at, trades.trades[-1].at)
    return Flow(
        at=trades.trades[-1].at,
        source=trades.source,
        trades=len(trades.trades),
        buy_quote=bought,
        sell_quote=sold,
        span_s=span_s,
        buy_ratio=bought / (bought + sold) if bought + sold else None,
        # n trades have n - 1 intervals between them
        per_minute=(len(trades.trades) - 1) / span_s * 60 if span_s else None,
    )


def _seconds(first: datetime, last: datetime) -> float:
    return (last - first).total_seconds()


def _rungs(side: tuple[Rung, ...]) -> Rungs:
    return [(float(price), float(quantity)) for price, quantity in side]


def _worth(rungs: Rungs) -> float:
    return fsum(price * quantity for price, quantity in rungs)


def _depth(bids: Rungs, asks: Rungs, levels: int) -> Depth:
    bid, ask = _worth(bids[:levels]), _worth(asks[:levels])
    return Depth(levels, bid, ask, (bid - ask) / (bid + ask))


def _liquidity(bids: Rungs, asks: Rungs, mid: float, bps: int) -> Liquidity:
    reach = mid * bps / 1e4
    near_bids = [rung for rung in bids if rung[0] >= mid - reach]
    near_asks = [rung for rung in asks if rung[0] <= mid + reach]
    is_whole = len(near_bids) < len(bids) and len(near_asks) < len(asks)
    return Liquidity(bps, _worth(near_bids), _worth(near_asks), is_whole)


def _wall(rungs: Rungs, mid: float, *, is_bid: bool) -> Wall:
    price, quantity = max(rungs, key=lambda rung: rung[0] * rung[1])
    worth = price * quantity
    return Wall(is_bid, price, worth, abs(price - mid) / mid * 1e4, worth / _worth(rungs))


def _imbalance_change(depths: tuple[Depth, ...], before: BookView | None) -> float | None:
    """At the deepest that both tell."""
    earlier = {depth.levels: depth for depth in before.depths} if before else {}
    common = [depth for depth in depths if depth.levels in earlier]
    return common[-1].imbalance_ratio - earlier[common[-1].levels].imbalance_ratio if common else None
