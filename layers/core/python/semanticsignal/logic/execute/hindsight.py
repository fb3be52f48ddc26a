"""A refused entry + the bars since → what it would have come to, by the very rules that real positions live under."""

from datetime import datetime
from math import ceil

from ...domain.learning import End, Hindsight, RefusedEntry
from ...domain.market import Candles, MarketKind, TradingRules, epoch_ms, exact, instant
from ...domain.policy import Paper
from ...domain.trading import ExitReason, Fill, Order, Position, Purpose, Touch
from . import exits, paper
from . import position as fold


def hindsight(
    refused: RefusedEntry, bars: Candles, terms: tuple[Paper, TradingRules], horizon: int
) -> Hindsight | None:
    """None while it would still be open, where `bars` no longer reach back to the refusal, and for ever where the first
    price had jumped a level: nothing would have been opened.

    One step of the venue's quantity, entered at the price it was decided at; slippage and fees as ever, funding left
    aside. The bars are the pair's own timeframe: where one of them holds both levels the stop counts. Whatever is open
    after `horizon` bars ends at their last close."""
    span, began = refused.timeframe.ms, epoch_ms(refused.refused_at)
    ends = began + horizon * span
    rows = [row for row, opened in enumerate(bars.opened_ms) if began <= opened < ends]
    if not rows or bars.opened_ms[0] > began:
        return None
    walked = bars[rows[0] : rows[-1] + 1]
    order = _ordered(refused, terms[1])
    if paper.has_jumped(order, exact(walked.open[0])):
        return None
    held = _entered(order, terms)
    touch = exits.first_touch(held, walked, terms[0].price_band_ratio)
    end = End.TIME if touch is None else End(str(touch.reason))
    if touch is None:
        if epoch_ms(bars.closed_at) < ends:
            return None
        touch = Touch(instant(ends), exact(walked.close[-1]), ExitReason.SIGNAL, False)
    trade = fold.closed(held, _left(held, touch, terms), touch, 0)
    return Hindsight(
        refused=refused,
        closed_at=_known_at(touch.at, walked),
        end=end,
        bars=ceil((epoch_ms(touch.at) - began) / span),
        return_ratio=trade.return_ratio,
        r_multiple=trade.r_multiple or 0.0,
    )


def _known_at(at: datetime, bars: Candles) -> datetime:
    """A touch within a bar is known when the bar has closed."""
    floor = bars.timeframe.floor_ms(epoch_ms(at))
    return at if floor == epoch_ms(at) and floor not in bars.opened_ms else instant(floor + bars.timeframe.ms)


def _ordered(refused: RefusedEntry, rules: TradingRules) -> Order:
    return Order(
        id=refused.id,
        decision_id=refused.id,
        symbol=refused.symbol,
        kind=MarketKind.SPOT,
        purpose=Purpose.OPEN,
        side=refused.side,
        quantity=rules.quantity_step,
        created_at=refused.refused_at,
        expires_at=refused.refused_at,
        decided_price=refused.price,
        stop_price=paper.level(refused.stop_price, rules),
        target_price=paper.level(refused.target_price, rules),
    )


def _entered(order: Order, terms: tuple[Paper, TradingRules]) -> Position:
    is_buy = paper.bought(order.side, is_opening=True)
    return fold.opened(
        order, paper.fill(order.id, order.quantity, order.created_at, order.decided_price, terms, is_buy=is_buy)
    )


def _left(held: Position, touch: Touch, terms: tuple[Paper, TradingRules]) -> Fill:
    if touch.reason is ExitReason.TARGET:
        return paper.resting_fill(held.id, held.quantity, touch.at, touch.price, terms[0])
    is_buy = paper.bought(held.side, is_opening=False)
    return paper.fill(held.id, held.quantity, touch.at, touch.price, terms, is_buy=is_buy)
