"""Order or touch → Fill: the price after slippage, on the venue's tick, and the fee."""

from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from ...domain.decision import Refusal
from ...domain.market import MarketKind, TradingRules, exact
from ...domain.money import exactly
from ...domain.policy import Paper
from ...domain.trading import Fill, Order, Portfolio, Purpose, Side

BPS = Decimal(10_000)


def bought(side: Side, is_opening: bool) -> bool:
    """A long opens by buying and a short closes by buying."""
    return (side is Side.LONG) == is_opening


@exactly
def fill(  # noqa: PLR0913 - what a fill is made of
    order_id: str, quantity: Decimal, at: datetime, price: Decimal, terms: tuple[Paper, TradingRules], *, is_buy: bool
) -> Fill:
    """A market or stop order: `price` moved against us by the slippage, then onto the tick, against us again."""
    paper, rules = terms
    moved = price * (BPS + paper.slippage_bps if is_buy else BPS - paper.slippage_bps) / BPS
    got = on_tick(moved, rules.price_tick, up=is_buy)
    return Fill(
        order_id=order_id,
        filled_at=at,
        price=got,
        quantity=quantity,
        fee_quote=got * quantity * paper.fee_ratio,
        slippage_quote=abs(got - price) * quantity,
    )


@exactly
def resting_fill(order_id: str, quantity: Decimal, at: datetime, price: Decimal, paper: Paper) -> Fill:
    """A target rests as a limit order: it fills at its own price, or at the open that gapped past it."""
    return Fill(order_id, at, price, quantity, price * quantity * paper.fee_ratio, Decimal(0))


def on_tick(price: Decimal, tick: Decimal, *, up: bool) -> Decimal:
    """The nearest price the venue knows, upwards or downwards, never zero."""
    steps = (price / tick).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR)
    return max(steps, Decimal(1)) * tick


def level(price: Decimal | None, rules: TradingRules) -> Decimal | None:
    """A stop or target where the venue can rest it: the nearest tick."""
    if price is None:
        return None
    return max((price / rules.price_tick).to_integral_value(ROUND_HALF_EVEN), Decimal(1)) * rules.price_tick


def has_jumped(order: Order, price: Decimal) -> bool:
    """Whether the first price lies beyond a level: then nothing is opened."""
    stop, target, sign = order.stop_price, order.target_price, order.side.sign
    return stop is None or (price - stop) * sign <= 0 or (target is not None and (target - price) * sign <= 0)


def refusal(order: Order, got: Fill, portfolio: Portfolio, paper: Paper) -> Refusal | None:
    """What the first price after the decision can still forbid: a wild print, levels it jumped over, or no cash."""
    band = 1 + exact(paper.price_band_ratio)
    seen = order.decided_price
    if not seen / band <= got.price <= seen * band:
        return Refusal("price_band", f"the price is not believed so far from {seen}, was {got.price}")
    if order.purpose is Purpose.CLOSE:
        return None
    if has_jumped(order, got.price):
        levels = f"stop {order.stop_price} target {order.target_price}"
        return Refusal("gapped", f"the first price jumped a level: {levels}, was {got.price}")
    cost, cash = got.price * got.quantity + got.fee_quote, portfolio.cash_quote + order.notional_quote
    if order.kind is MarketKind.SPOT and cost > cash:
        return Refusal("cash", f"it costs {cost}, there is {cash}")
    return None
