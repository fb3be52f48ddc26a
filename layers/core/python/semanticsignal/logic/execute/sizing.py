"""Equity and risk → quantity: fixed-fractional, capped by position, exposure, cash and the model's own wish; smaller
where experience says so."""

from decimal import ROUND_DOWN, Decimal

from ...domain.decision import Decision
from ...domain.errors import InvalidOrder
from ...domain.market import TradingRules, exact
from ...domain.policy import Settings
from ...domain.trading import Portfolio

# Notional as a share of equity when the model names no size: by its confidence, never above the position cap.
FALLBACK = ((0.70, Decimal("0.10")), (0.60, Decimal("0.08")), (0.0, Decimal("0.05")))


def quantity(decision: Decision, portfolio: Portfolio, rules: TradingRules, settings: Settings) -> Decimal:
    """Base quantity of an entry, rounded down to the venue's step.

    Raises InvalidOrder when that is less than the venue's minimum: an order is refused, never rounded up."""
    signal, risk, paper = decision.signal, settings.risk, settings.paper
    if signal is None or signal.stop_price is None:
        raise InvalidOrder("an entry needs a stop to size it by, was none")
    equity, price = portfolio.equity_quote, decision.price
    size = signal.size_ratio
    wished = _fallback(signal.confidence_ratio) if size is None else exact(size)
    notional = min(
        equity * risk.per_trade_ratio / (abs(price - signal.stop_price) / price),
        equity * risk.position_cap_ratio,
        equity * wished,
        equity * risk.exposure_cap_ratio - portfolio.exposure_quote,
        portfolio.cash_quote / (1 + paper.fee_ratio + paper.slippage_bps / 10_000),
    )
    steps = (max(Decimal(0), notional) * exact(decision.size_factor) / price / rules.quantity_step).to_integral_value(
        ROUND_DOWN
    )
    quantity = steps * rules.quantity_step
    if quantity * price < rules.min_notional_quote or not quantity:
        raise InvalidOrder(f"the venue takes orders from {rules.min_notional_quote} quote, was {quantity * price:.8f}")
    return quantity


def _fallback(confidence_ratio: float) -> Decimal:
    return next(size for edge, size in FALLBACK if confidence_ratio >= edge)
