"""What the paper venue gave, beside what was expected of it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from ...domain.decision import Decision
from ...domain.ledger import Closing, Entry, Opening
from ...domain.money import exactly
from ...domain.trading import ExitReason, Purpose, Side

Expected = Literal["decision", "stop", "target"]


@dataclass(frozen=True, slots=True)
class FillView:
    """`price` after slippage; `slippage_quote`: what slipping cost against the venue's own price.

    `expected_price`: what the deciding close, the stop or the target said, by `expected`; None where none is known.
    `worse_quote`: what the fill cost against it, all of its quantity, below 0 when it was better; `worse_ratio`: of the
    expected price. `event_id`: the fact that tells of it."""

    event_id: str
    order_id: str
    purpose: Purpose
    side: Side
    filled_at: datetime
    price: Decimal
    quantity: Decimal
    fee_quote: Decimal
    slippage_quote: Decimal
    source: str | None
    expected: Expected
    expected_price: Decimal | None
    worse_quote: Decimal | None
    worse_ratio: float | None


@exactly
def fill(entry: Entry, by: Decision | None) -> FillView | None:
    """`by`: the decision that was carried out; None where a resting level was. None: no fill in this entry."""
    match entry.subject:
        case Opening(position=position, fill=noun):
            purpose, side = Purpose.OPEN, position.side
        case Closing(trade=trade, fill=noun):
            purpose, side = Purpose.CLOSE, trade.side
        case _:
            return None
    expected, price = _expected(entry, by)
    # An entry of a long and an exit of a short buy: a higher price is worse.
    sign = side.sign if purpose is Purpose.OPEN else -side.sign
    off = None if price is None else (noun.price - price) * sign
    return FillView(
        event_id=entry.id,
        order_id=noun.order_id,
        purpose=purpose,
        side=side,
        filled_at=noun.filled_at,
        price=noun.price,
        quantity=noun.quantity,
        fee_quote=noun.fee_quote,
        slippage_quote=noun.slippage_quote,
        source=noun.source,
        expected=expected,
        expected_price=price,
        worse_quote=None if off is None else off * noun.quantity,
        worse_ratio=None if off is None or not price else float(off) / float(price),
    )


def _expected(entry: Entry, by: Decision | None) -> tuple[Expected, Decimal | None]:
    if isinstance(entry.subject, Closing):
        trade = entry.subject.trade
        if trade.exit_reason is ExitReason.STOP:
            return "stop", trade.stop_price
        if trade.exit_reason is ExitReason.TARGET:
            return "target", trade.target_price
    return "decision", by.price if by else None
