"""What lies around a pair, as sections of the prompt: its order book and trades, the whole market, the press."""

from collections.abc import Iterator
from decimal import Decimal

from ...domain.analysis import BookView, Flow, Snapshot
from ...domain.context import FIGURES, Reading, Unit
from ...domain.microstructure import FundingQuote, OpenInterest
from .envelope import enveloped, nonce

LARGE = ((Decimal(10) ** 12, "T"), (Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"))


def microstructure(seen: Snapshot, tick: Decimal) -> Iterator[str]:
    """Nothing at all where no venue tells any of it, as on a tape of candles."""
    lines = [
        *(_book(seen.book, tick) if seen.book else ()),
        *(_flow(seen.flow) if seen.flow else ()),
        *(_funding(seen.funding) if seen.funding else ()),
        *(_interest(seen.interest) if seen.interest else ()),
    ]
    if lines:
        yield "[microstructure]"
        yield from lines


def _book(book: BookView, tick: Decimal) -> Iterator[str]:
    digits = max(0, -int(tick.as_tuple().exponent))
    change = "" if book.spread_change_bps is None else f" ({book.spread_change_bps:+.2f} since the last)"
    yield f"order_book: {book.source}, {book.at.isoformat()}, mid {book.mid_price:.{digits}f}"
    yield f"spread_bps: {book.spread_bps:.2f}{change}"
    for depth in book.depths:
        yield (
            f"depth_{depth.levels}: bids {depth.bids_quote:.0f}, asks {depth.asks_quote:.0f}, "
            f"imbalance {depth.imbalance_ratio:+.2f}"
        )
    if book.imbalance_change is not None:
        yield f"imbalance_change: {book.imbalance_change:+.2f} since the last"
    for near in book.liquidity:
        least = "" if near.is_whole else "at least "
        yield f"within_{near.bps}_bps: {least}bids {near.bids_quote:.0f}, asks {near.asks_quote:.0f}"
    for wall in book.walls:
        side = "bid" if wall.is_bid else "ask"
        yield (
            f"{side}_wall: {wall.price:.{digits}f}, {wall.quote:.0f}, {wall.distance_bps:.1f} bps away, "
            f"{wall.share_ratio:.0%} of its side"
        )


def _flow(flow: Flow) -> Iterator[str]:
    bought = "unknown" if flow.buy_ratio is None else f"{flow.buy_ratio:.2f}"
    pace = "unknown" if flow.per_minute is None else f"{flow.per_minute:.1f}"
    yield f"public_trades: {flow.trades} over {flow.span_s:.0f} s to {flow.at.isoformat()}, {flow.source}"
    yield f"taker_buy_ratio: {bought}, {flow.buy_quote:.0f} bought and {flow.sell_quote:.0f} sold"
    yield f"trades_per_minute: {pace}"


def _funding(funding: FundingQuote) -> Iterator[str]:
    yearly = "" if funding.annualized_ratio is None else f", {funding.annualized_ratio * 100:+.2f} % a year"
    every = "" if funding.interval_s is None else f" each {funding.interval_s / 3600:g} h"
    yield f"funding: {funding.rate_ratio * 100:+.6f} %{every}{yearly}, {funding.perpetual} at {funding.source}"


def _interest(interest: OpenInterest) -> Iterator[str]:
    told = [
        *([f"{interest.quantity:f} {interest.symbol.base}"] if interest.quantity is not None else []),
        *([f"worth {_short(interest.notional_quote)}"] if interest.notional_quote is not None else []),
    ]
    yield f"open_interest: {', '.join(told) or 'unknown'}, {interest.perpetual} at {interest.source}"


def whole_market(seen: Snapshot) -> Iterator[str]:
    """Each figure with its age; the days before it where there are some."""
    newest: dict[str, list[Reading]] = {}
    for reading in (one for one in seen.readings if one.name in FIGURES):
        newest.setdefault(reading.name, []).append(reading)
    if not newest:
        return
    yield "[whole market]"
    for name, readings in newest.items():
        last = readings[-1]
        age_h = (seen.seen_at - last.true_at).total_seconds() / 3600
        before = f" (before: {' '.join(_value(one) for one in readings[:-1])})" if len(readings) > 1 else ""
        yield f"{name}: {_value(last)}{before}, {age_h:.1f} h old, {last.source}"


def _value(reading: Reading) -> str:
    match reading.unit:
        case Unit.USD:
            return f"{_short(reading.value)} USD"
        case Unit.RATIO:
            return f"{reading.value * 100:.2f} %"
        case Unit.POINTS:
            return f"{reading.value:.4g}"


def _short(value: Decimal) -> str:
    """Three digits behind the point are more than these sums are known to."""
    unit, letter = next(((unit, letter) for unit, letter in LARGE if value >= unit), (Decimal(1), ""))
    return f"{value / unit:.3f}{letter}"


def news(seen: Snapshot) -> Iterator[str]:
    """Words of strangers, last of all and each line marked: none of them begins a line where figures stand."""
    if seen.news:
        yield "[news]"
        yield from enveloped(seen.news, nonce(seen.id, seen.news))
