"""Closed trades by hand, as the review is given them."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from world import BTC, H4, MONDAY, decision, signal

from semanticsignal.domain.decision import Decision, Signal
from semanticsignal.domain.learning import Conditions
from semanticsignal.domain.market import MarketKind
from semanticsignal.domain.trading import ExitReason, Side, Trade
from semanticsignal.logic.reflect.lesson import learned
from semanticsignal.logic.review.prompt import Case


def trade(**changes: Any) -> Trade:
    """A long of two units from 100, stopped at 98: the first stop, 1 R away, after three bars."""
    made = Trade(
        id="one#order#closed",
        number=1,
        position_id="one#order",
        decision_id="one",
        symbol=BTC,
        kind=MarketKind.SPOT,
        side=Side.LONG,
        quantity=Decimal(2),
        entry_price=Decimal(100),
        exit_price=Decimal(98),
        opened_at=MONDAY,
        closed_at=MONDAY + 3 * H4 - timedelta(milliseconds=1),
        stop_price=Decimal(98),
        initial_stop_price=Decimal(98),
        target_price=Decimal(104),
        gross_pnl_quote=Decimal(-4),
        fees_quote=Decimal("0.297"),
        funding_quote=Decimal(0),
        realized_pnl_quote=Decimal("-4.297"),
        return_ratio=-0.021485,
        r_multiple=-1.07425,
        mae_ratio=-0.02,
        mfe_ratio=0.004,
        exit_reason=ExitReason.STOP,
        is_ambiguous=False,
    )
    return replace(made, **changes)


def entered(of: Signal | None = None, **changes: Any) -> Decision:
    known = {"conditions": Conditions({"trend": "bullish", "adx": "high"}, {}), "regime": "bull, trending"}
    made = {"model": "some-model", "prompt_version": "trader_v4"}
    return decision(of or replace(signal(), factors={"trend": 80.0}), **{**known, **made, **changes})


def case(closed: Trade | None = None, entry: Decision | None = None, close: Decision | None = None) -> Case:
    closed, entry = closed or trade(), entry or entered()
    return Case(learned(closed, entry).experience, closed, entry, close)


def won(**changes: Any) -> Trade:
    """The same, but its target at 104 traded: 2 R, less costs."""
    usual = {
        "exit_price": Decimal(104), "exit_reason": ExitReason.TARGET, "gross_pnl_quote": Decimal(8),
        "realized_pnl_quote": Decimal("7.694"), "return_ratio": 0.03847, "r_multiple": 1.9235, "mae_ratio": -0.006,
        "mfe_ratio": 0.04,
    }  # fmt: skip
    return trade(**{**usual, **changes})
