"""What the same money would be worth had it been spread over the pairs and left alone, mark by mark."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from ...domain.market import Symbol
from ...domain.money import exactly
from ...domain.policy import Paper
from ...domain.trading import ZERO

# A pair of which nothing was heard within the first day came later: it is no part of what could be bought.
PATIENCE = timedelta(days=1)
STEP = Decimal("1E-12")
Closes = Mapping[Symbol, Mapping[datetime, Decimal]]


@dataclass(frozen=True, slots=True)
class Held:
    """`quantities`: coins of each pair. `cash_quote`: what was not spent. `values_quote`: worth at each mark, up to the
    last one whose price is known; all of them while nothing could be bought."""

    quantities: Mapping[Symbol, Decimal]
    cash_quote: Decimal
    fees_quote: Decimal
    values_quote: tuple[Decimal, ...]


@exactly
def hold(marks: Sequence[datetime], closes: Closes, start_quote: Decimal, paper: Paper) -> Held:
    """`marks` rising. Each pair gets an equal part, spent at the first mark at which its close is known, with the fee
    and the slippage of any entry; nothing is sold, and no funding is paid: a ledger holds only that of positions. A
    mark without a close keeps the last; marks after the newest close have no worth yet, for their price is unknown."""
    if not marks:
        return Held({}, start_quote, ZERO, ())
    known = sorted(pair for pair, seen in closes.items() if seen and min(seen) <= marks[0] + PATIENCE)
    if not known:
        return Held({}, start_quote, ZERO, (start_quote,) * len(marks))
    part = start_quote / len(known)
    quantities: dict[Symbol, Decimal] = {}
    newest: dict[Symbol, Decimal] = {}
    cash, fees, values, priced = start_quote, ZERO, [], 0
    for row, at in enumerate(marks, 1):
        for pair in known:
            price = closes[pair].get(at)
            if price is None:
                continue
            newest[pair], priced = price, row
            if pair not in quantities:
                paid = price * (1 + paper.slippage_bps / 10_000)
                quantities[pair] = (part / paid / (1 + paper.fee_ratio)).quantize(STEP, ROUND_DOWN)
                fee = quantities[pair] * paid * paper.fee_ratio
                fees += fee
                cash -= quantities[pair] * paid + fee
        values.append(sum((coins * newest[pair] for pair, coins in quantities.items()), cash))
    return Held(quantities, cash, fees, tuple(values[:priced] if quantities else values))
