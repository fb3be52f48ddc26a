"""Fold fills into positions, and positions with their last fill into trades. Every sum is exact."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from ...domain.market import Candles, FundingRate, exact, instant
from ...domain.money import exactly
from ...domain.trading import (
    ZERO,
    Account,
    EquityPoint,
    Fill,
    Levels,
    Order,
    Portfolio,
    Position,
    Touch,
    Trade,
)
from .exits import believed

# Funding comes as a ratio of any length; what is paid is rounded once, here, and booked as rounded.
FUNDING_STEP = Decimal("1e-8")


def opened(order: Order, fill: Fill) -> Position:
    if order.stop_price is None:
        raise ValueError(f"an entry order carries its stop, was {order}")
    return Position(
        id=order.id,
        decision_id=order.decision_id,
        symbol=order.symbol,
        kind=order.kind,
        side=order.side,
        quantity=fill.quantity,
        entry_price=fill.price,
        entry_fee_quote=fill.fee_quote,
        opened_at=fill.filled_at,
        stop_price=order.stop_price,
        initial_stop_price=order.stop_price,
        target_price=order.target_price,
        stop_from=fill.filled_at,
        checked_until=fill.filled_at,
        funded_until=fill.filled_at,
        highest_price=fill.price,
        lowest_price=fill.price,
        mark_price=fill.price,
        source=fill.source,
    )


def amended(position: Position, stop: Decimal | None, target: Decimal | None, at: datetime) -> Position:
    """New levels, resting from `at` on; None keeps the old one."""
    return replace(
        position,
        stop_price=position.stop_price if stop is None else stop,
        target_price=position.target_price if target is None else target,
        stop_from=at,
        earlier=(*position.earlier, Levels(position.stop_from, position.stop_price, position.target_price)),
    )


def watched(position: Position, bars: Candles, band_ratio: float) -> Position:
    """Extremes and mark after bars that touched nothing, up to the last one that is believed. Without any (the venue is
    down or late) the mark stays. Levels that no bar can meet any more are forgotten."""
    rows = believed(position, bars, band_ratio)
    if not rows:
        return position
    until = instant(bars.opened_ms[rows[-1]] + bars.timeframe.ms)
    return replace(
        position,
        checked_until=until,
        earlier=_still_resting(position, until),
        highest_price=max(position.highest_price, exact(max(bars.high[row] for row in rows))),
        lowest_price=min(position.lowest_price, exact(min(bars.low[row] for row in rows))),
        mark_price=exact(bars.close[rows[-1]]),
    )


def _still_resting(position: Position, until: datetime) -> tuple[Levels, ...]:
    """Older levels that a bar opening at or after `until` would still meet."""
    if position.stop_from <= until:
        return ()
    kept = [levels for levels in position.earlier if levels.since > until]
    resting = position.levels_at(until)
    return (resting, *kept) if resting else tuple(kept)


@exactly
def funded(
    position: Position, rates: Iterable[FundingRate], until: datetime, prices: Mapping[datetime, Decimal]
) -> Position:
    """With what it pays for holding at each settlement in (funded_until, until], on the price of that instant, or on
    its last mark where there is none.

    A positive rate is paid by longs to shorts (Binance, Bybit); a short receives, so its payment is negative."""
    paid, last = position.funding_quote, position.funded_until
    for rate in rates:
        if position.funded_until < rate.paid_at <= until:
            price = prices.get(rate.paid_at, position.mark_price)
            payment = rate.rate_ratio * price * position.quantity * position.side.sign
            paid += payment.quantize(FUNDING_STEP, ROUND_HALF_EVEN)
            last = max(last, rate.paid_at)
    return replace(position, funding_quote=paid, funded_until=last)


@exactly
def closed(position: Position, fill: Fill, touch: Touch, number: int, decision_id: str | None = None) -> Trade:
    """`gross − fees − funding = realized`, to the last digit. `touch` says why it ended."""
    sign = position.side.sign
    gross = (fill.price - position.entry_price) * position.quantity * sign
    fees = position.entry_fee_quote + fill.fee_quote
    realized = gross - fees - position.funding_quote
    high, low = max(position.highest_price, fill.price), min(position.lowest_price, fill.price)
    best, worst = (high, low) if sign > 0 else (low, high)
    entry, risk = position.entry_price, position.risk_quote
    return Trade(
        id=f"{position.id}#closed",
        number=number,
        position_id=position.id,
        decision_id=position.decision_id,
        symbol=position.symbol,
        kind=position.kind,
        side=position.side,
        quantity=position.quantity,
        entry_price=entry,
        exit_price=fill.price,
        opened_at=position.opened_at,
        closed_at=fill.filled_at,
        stop_price=position.stop_price,
        initial_stop_price=position.initial_stop_price,
        target_price=position.target_price,
        gross_pnl_quote=gross,
        fees_quote=fees,
        funding_quote=position.funding_quote,
        realized_pnl_quote=realized,
        return_ratio=float(realized) / float(position.notional_quote),
        r_multiple=float(realized) / float(risk) if risk else None,
        mae_ratio=float((worst - entry) * sign) / float(entry),
        mfe_ratio=float((best - entry) * sign) / float(entry),
        exit_reason=touch.reason,
        is_ambiguous=touch.is_ambiguous,
        close_decision_id=decision_id,
    )


def with_order(portfolio: Portfolio, order: Order) -> Portfolio:
    return _next(portfolio, orders=(*portfolio.orders, order))


def without_order(portfolio: Portfolio, order: Order) -> Portfolio:
    return _next(portfolio, orders=tuple(o for o in portfolio.orders if o.id != order.id))


def with_opened(portfolio: Portfolio, position: Position, fill: Fill) -> Portfolio:
    """The entry fee is booked at once; the waiting order is done."""
    return _next(
        portfolio,
        account=portfolio.account.book(fees=fill.fee_quote),
        positions=(*portfolio.positions, position),
        orders=tuple(o for o in portfolio.orders if o.id != fill.order_id),
    )


def with_amended(portfolio: Portfolio, position: Position) -> Portfolio:
    return _next(portfolio, positions=_swapped(portfolio, position))


def with_closed(portfolio: Portfolio, trade: Trade, fill: Fill, funding: Decimal) -> Portfolio:
    """`funding`: what was not yet booked at a mark. A waiting order of the pair falls away with its position."""
    return _next(
        portfolio,
        account=portfolio.account.book(gross=trade.gross_pnl_quote, fees=fill.fee_quote, funding=funding),
        positions=tuple(p for p in portfolio.positions if p.id != trade.position_id),
        orders=tuple(o for o in portfolio.orders if o.symbol != trade.symbol),
        closed_trades=portfolio.closed_trades + 1,
    )


@exactly
def with_mark(portfolio: Portfolio, positions: Iterable[Position], at: datetime) -> tuple[Portfolio, EquityPoint]:
    """All positions at their marks, their new funding booked, equity as it stands at `at`."""
    marked = tuple(positions)
    before = sum((p.funding_quote for p in portfolio.positions), ZERO)
    funding = sum((p.funding_quote for p in marked), ZERO) - before
    after = _next(portfolio, account=portfolio.account.book(funding=funding), positions=marked, marked_until=at)
    equity = after.equity_quote
    peak = equity if after.peak_equity_quote is None else max(equity, after.peak_equity_quote)
    point = EquityPoint(at, equity, after.account.balance_quote, after.unrealized_pnl_quote, len(marked))
    return replace(after, peak_equity_quote=peak), point


def empty(start_quote: Decimal) -> Portfolio:
    return Portfolio(version=0, account=Account(start_quote))


def _swapped(portfolio: Portfolio, position: Position) -> tuple[Position, ...]:
    return tuple(position if p.id == position.id else p for p in portfolio.positions)


def _next(portfolio: Portfolio, **changes: object) -> Portfolio:
    return replace(portfolio, version=portfolio.version + 1, **changes)  # type: ignore[arg-type]
