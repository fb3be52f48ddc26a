"""The order book and the public trades in figures, computed by hand."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import BTC, MONDAY, d

from semanticsignal.domain.errors import InvalidBook
from semanticsignal.domain.microstructure import FundingQuote, OrderBook, PublicTrade, PublicTrades
from semanticsignal.logic.analyse.microstructure import book_view, flow


def book(bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> OrderBook:
    return OrderBook(
        BTC, MONDAY, tuple((d(p), d(q)) for p, q in bids), tuple((d(p), d(q)) for p, q in asks), "hand"
    )  # fmt: skip


def deep(levels: int, bid_quantity: str = "1", ask_quantity: str = "1") -> OrderBook:
    """Rungs a tenth apart on both sides of 100."""
    bids = [(str(d("99.9") - d("0.1") * n), bid_quantity) for n in range(levels)]
    asks = [(str(d("100.1") + d("0.1") * n), ask_quantity) for n in range(levels)]
    return book(bids, asks)


def trades(*told: tuple[float, str, str, bool]) -> PublicTrades:
    made = tuple(PublicTrade(MONDAY + timedelta(seconds=s), d(p), d(q), is_buy) for s, p, q, is_buy in told)
    return PublicTrades(BTC, MONDAY + timedelta(minutes=5), made, "hand")


def test_spread_and_middle_are_those_of_the_best_rungs() -> None:
    seen = book_view(book([("99", "1"), ("98", "2")], [("101", "1"), ("103", "4")]), None)

    assert seen.mid_price == 100
    assert isclose(seen.spread_bps, 200)


def test_imbalance_is_of_what_rests_in_quote() -> None:
    (depth,) = book_view(book([("99", "2"), ("98", "1")], [("101", "1")]), None).depths

    assert (depth.levels, depth.bids_quote, depth.asks_quote) == (1, 198, 101)
    assert isclose(depth.imbalance_ratio, (198 - 101) / (198 + 101))


def test_a_depth_that_one_side_does_not_have_is_not_told() -> None:
    assert [depth.levels for depth in book_view(deep(50), None).depths] == [5, 10, 20, 50]
    assert [depth.levels for depth in book_view(deep(20), None).depths] == [5, 10, 20]
    assert [depth.levels for depth in book_view(deep(7), None).depths] == [5]


def test_liquidity_is_what_rests_within_so_many_basis_points_of_the_middle() -> None:
    ten, twenty_five = book_view(deep(50), None).liquidity

    assert (ten.bps, ten.bids_quote, ten.asks_quote) == (10, 99.9, 100.1)
    assert ten.is_whole and twenty_five.is_whole
    assert isclose(twenty_five.bids_quote, 99.9 + 99.8)
    assert isclose(twenty_five.asks_quote, 100.1 + 100.2)


def test_where_the_book_told_ends_nearer_it_is_at_least_so_much() -> None:
    ten, twenty_five = book_view(deep(2), None).liquidity

    assert ten.is_whole and not twenty_five.is_whole


def test_the_wall_is_the_rung_worth_most_with_its_distance_and_share() -> None:
    bid, ask = book_view(book([("99", "1"), ("98", "3")], [("101", "1"), ("102", "1")]), None).walls

    assert (bid.is_bid, bid.price, bid.quote) == (True, 98, 294)
    assert isclose(bid.distance_bps, 200) and isclose(bid.share_ratio, 294 / (99 + 294))
    assert (ask.is_bid, ask.price) == (False, 102)


def test_what_has_changed_since_the_last_snapshot_is_told_at_a_depth_that_both_have() -> None:
    before = book_view(deep(20, bid_quantity="1"), None)

    now = book_view(deep(50, bid_quantity="3"), before)

    assert before.imbalance_change is None and before.spread_change_bps is None
    assert now.spread_change_bps == 0
    assert now.imbalance_change is not None
    at_20 = {depth.levels: depth.imbalance_ratio for depth in now.depths}[20]
    assert isclose(now.imbalance_change, at_20 - before.depths[-1].imbalance_ratio)


def test_another_venues_book_has_not_changed() -> None:
    before = book_view(replace(deep(20), source="another"), None)

    now = book_view(deep(20), before)

    assert now.spread_change_bps is None and now.imbalance_change is None


def test_who_bought_how_much_and_how_often() -> None:
    seen = flow(trades((0, "100", "1", True), (30, "110", "2", False), (60, "100", "0.5", True)))

    assert seen is not None
    assert (seen.trades, seen.buy_quote, seen.sell_quote, seen.span_s) == (3, 150, 220, 60)
    assert seen.at == MONDAY + timedelta(minutes=1), "of the last trade, not of the question"
    assert seen.buy_ratio is not None and isclose(seen.buy_ratio, 150 / 370)
    assert seen.per_minute == 2


def test_no_trade_is_no_flow_and_one_trade_has_no_pace() -> None:
    one = flow(trades((0, "100", "1", True)))

    assert flow(trades()) is None
    assert one is not None and one.per_minute is None and one.buy_ratio == 1


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: book([("101", "1")], [("100", "1")]),
        lambda: book([("100", "1")], [("100", "1")]),
        lambda: book([], [("100", "1")]),
        lambda: book([("98", "1"), ("99", "1")], [("100", "1")]),
        lambda: book([("99", "0")], [("100", "1")]),
        lambda: book([("99", "1")], [("100", "1"), ("100", "2")]),
    ],
)
def test_a_book_that_cannot_be_true_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidBook, match="hand BTC/USDC"):
        wrong()  # type: ignore[operator]


def test_funding_is_annualized_with_its_true_interval_and_not_without_one() -> None:
    eight = FundingQuote(BTC, MONDAY, Decimal("0.0001"), 8 * 3600, "BTC/USDC:USDC", "hand")

    assert eight.annualized_ratio == Decimal("0.1095")
    assert replace(eight, interval_s=3600).annualized_ratio == Decimal("0.876")
    assert replace(eight, interval_s=None).annualized_ratio is None


@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)), min_size=1, max_size=60))
def test_every_figure_of_any_book_stays_in_its_bounds(rungs: list[tuple[int, int]]) -> None:
    quantities = [(Decimal(one), Decimal(other)) for one, other in rungs]
    bids = tuple((Decimal(10_000) - n, one) for n, (one, _) in enumerate(quantities))
    asks = tuple((Decimal(10_001) + n, other) for n, (_, other) in enumerate(quantities))

    seen = book_view(OrderBook(BTC, MONDAY, bids, asks, "hand"), None)

    assert all(-1 <= depth.imbalance_ratio <= 1 for depth in seen.depths)
    assert all(0 < wall.share_ratio <= 1 and wall.distance_bps > 0 for wall in seen.walls)
    assert seen.liquidity[0].bids_quote <= seen.liquidity[1].bids_quote
