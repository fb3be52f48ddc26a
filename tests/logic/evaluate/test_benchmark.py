"""The same money left alone, by hand; whatever the prices, no cent of it is lost."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from world import d

from semanticsignal.domain.market import Symbol
from semanticsignal.domain.policy import Paper
from semanticsignal.logic.evaluate.benchmark import hold

H4 = timedelta(hours=4)
MARKS = [datetime(2026, 11, 23, tzinfo=UTC) + n * H4 for n in range(12)]
BTC, ETH = Symbol("BTC", "USDC"), Symbol("ETH", "USDC")
FREE = Paper(fee_ratio=Decimal(0), slippage_bps=Decimal(0))


def test_half_in_each_pair_by_hand() -> None:
    closes = {
        BTC: dict(zip(MARKS, map(d, (100, 120, 90)), strict=False)),
        ETH: dict(zip(MARKS, map(d, (10, 10, 20)), strict=False)),
    }
    found = hold(MARKS[:3], closes, d(1000), FREE)

    assert found.quantities == {BTC: d(5), ETH: d(50)}
    assert found.values_quote == (d(1000), d(1100), d(1450))
    assert found.cash_quote == found.fees_quote == 0


def test_the_entry_pays_fee_and_slippage_and_nothing_later_does() -> None:
    paper = Paper(fee_ratio=d("0.001"), slippage_bps=d(10))
    found = hold(MARKS[:2], {BTC: {MARKS[0]: d(100), MARKS[1]: d(100)}}, d(1000), paper)

    assert found.quantities[BTC] == d("9.980029960049")  # 1000 / 100.1 / 1.001, rounded down
    assert round(found.values_quote[0], 2) == round(found.values_quote[1], 2) == d("998.00")


def test_a_mark_without_a_close_keeps_the_last_and_a_pair_waits_in_cash_for_its_first() -> None:
    closes = {BTC: {MARKS[0]: d(100)}, ETH: {MARKS[1]: d(10), MARKS[2]: d(20)}}
    found = hold(MARKS[:3], closes, d(1000), FREE)

    assert found.values_quote == (d(1000), d(1000), d(1500))


def test_it_ends_at_the_newest_close_and_not_at_a_mark_whose_price_nobody_knows() -> None:
    closes = {BTC: {MARKS[0]: d(100), MARKS[2]: d(90)}, ETH: {MARKS[0]: d(10), MARKS[1]: d(12)}}

    assert hold(MARKS[:4], closes, d(1000), FREE).values_quote == (d(1000), d(1100), d(1050))


def test_a_pair_that_came_days_later_is_no_part_of_it() -> None:
    closes = {BTC: {MARKS[0]: d(100), MARKS[11]: d(200)}, ETH: {MARKS[11]: d(10)}}

    assert hold(MARKS, closes, d(1000), FREE).values_quote[-1] == d(2000)


def test_without_a_mark_or_a_close_the_money_lies_there() -> None:
    assert hold([], {}, d(1000), FREE).values_quote == ()
    assert hold(MARKS[:2], {BTC: {}}, d(1000), FREE).values_quote == (d(1000), d(1000))


prices = st.decimals(min_value="0.00000001", max_value="1000000", places=8)


@given(st.lists(prices, min_size=1, max_size=12), st.lists(prices, min_size=1, max_size=12))
def test_coins_fees_slippage_and_cash_are_the_start_money(first: list[Decimal], second: list[Decimal]) -> None:
    closes = {BTC: dict(zip(MARKS, first, strict=False)), ETH: dict(zip(MARKS, second, strict=False))}
    paper = Paper()
    found = hold(MARKS, closes, d(10_000), paper)
    spent = sum(
        (
            coins * closes[pair][MARKS[0]] * (1 + paper.slippage_bps / 10_000)
            for pair, coins in found.quantities.items()
        ),
        Decimal(0),
    )

    assert abs(spent + found.fees_quote + found.cash_quote - 10_000) < Decimal("1E-15")
    # the coins are rounded down to their step: less than a cent of each pair stays
    assert 0 <= found.cash_quote < Decimal("0.01")
    assert len(found.values_quote) == max(len(first), len(second))
