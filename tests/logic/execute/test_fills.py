"""The fourteen rules of a fill (field.md, D2), one sentence each.

Here: 1 decide on closed bars (tests/stages), 2 the first price after the decision (tests/stages), 3 gaps and
resting orders, 4 both barriers in the finest bar, 5 the nearer barrier on one side (stop before liquidation does
not apply, see below; of stop and target each side holds one), 6 a target needs trade-through, 7 fees both sides and
funding, 8 precision and minimum notional, 9 equity (tests/stages), 11 the entry bar, 12 missed ticks
(tests/stages), 13 the sanity band, 14 one order a decision (tests/stages). Not here, because nothing of it exists:
the book walk of 2 (fills start from the first open and pay `slippage_bps`), limit entries of 6 (an entry is a
market order), liquidation of 5 (no leverage: the largest position is a share of equity) and partial exits of 10 (a
position closes whole, so its stop never needs another size)."""

from datetime import timedelta
from decimal import Decimal

import pytest
from world import BTC, H4, MONDAY, RULES, bars, d, position

from semanticsignal.domain.market import Candles, FundingRate, MarketKind, Timeframe, TradingRules
from semanticsignal.domain.policy import Paper
from semanticsignal.domain.trading import Account, ExitReason, Fill, Levels, Order, Portfolio, Purpose, Side, Touch
from semanticsignal.logic.execute import exits, paper
from semanticsignal.logic.execute import position as fold

BAND = 0.5
LAST_MS = timedelta(milliseconds=1)
TERMS = (Paper(), RULES)
FREE = (Paper(fee_ratio=d(0), slippage_bps=d(0)), RULES)


def first_touch(
    rows: list[tuple[float, float, float, float]], side: Side = Side.LONG, **changes: object
) -> Touch | None:
    """A long from 100 with a stop of 95 and a target of 110; a short mirrored at 105 and 90."""
    stop, target = ("95", "110") if side is Side.LONG else ("105", "90")
    return exits.first_touch(position(side, "100", stop, target, **changes), bars(rows), BAND)


# --- 3: resting orders ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "open_"), [(Side.LONG, 93.0), (Side.SHORT, 107.0)])
def test_a_gap_past_the_stop_fills_at_the_open(side: Side, open_: float) -> None:
    touch = first_touch([(100, 100, 100, 100), (open_, open_, open_, open_)], side)

    assert touch == Touch(MONDAY + H4, Decimal(str(open_)), ExitReason.STOP, False)


@pytest.mark.parametrize(("side", "open_"), [(Side.LONG, 112.0), (Side.SHORT, 88.0)])
def test_a_gap_past_the_target_fills_at_the_open(side: Side, open_: float) -> None:
    touch = first_touch([(100, 100, 100, 100), (open_, open_, open_, open_)], side)

    assert touch == Touch(MONDAY + H4, Decimal(str(open_)), ExitReason.TARGET, False)


@pytest.mark.parametrize(("side", "row"), [(Side.LONG, (100, 101, 95, 99)), (Side.SHORT, (100, 105, 99, 101))])
def test_a_stop_is_touched_at_its_very_price(side: Side, row: tuple[float, float, float, float]) -> None:
    touch = first_touch([row], side)

    assert touch == Touch(MONDAY + H4 - LAST_MS, d("95") if side is Side.LONG else d("105"), ExitReason.STOP, False)


@pytest.mark.parametrize(("side", "row"), [(Side.LONG, (100, 101, 95.01, 99)), (Side.SHORT, (100, 104.99, 99, 101))])
def test_a_stop_a_tick_away_rests(side: Side, row: tuple[float, float, float, float]) -> None:
    assert first_touch([row], side) is None


def test_an_open_at_the_stop_is_the_stop() -> None:
    touch = first_touch([(95, 99, 95, 99)])

    assert touch == Touch(MONDAY, d(95), ExitReason.STOP, False)


# --- 6: a target needs trade-through --------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "row"), [(Side.LONG, (100, 110, 99, 100)), (Side.SHORT, (100, 101, 90, 100))])
def test_a_target_only_touched_rests(side: Side, row: tuple[float, float, float, float]) -> None:
    assert first_touch([row], side) is None


@pytest.mark.parametrize(("side", "row"), [(Side.LONG, (100, 110.01, 99, 100)), (Side.SHORT, (100, 101, 89.99, 100))])
def test_a_target_traded_through_fills_at_its_own_price(side: Side, row: tuple[float, float, float, float]) -> None:
    touch = first_touch([row], side)

    assert touch == Touch(MONDAY + H4 - LAST_MS, d("110") if side is Side.LONG else d("90"), ExitReason.TARGET, False)


def test_an_open_at_the_target_that_goes_no_further_rests() -> None:
    assert first_touch([(110, 110, 100, 100)]) is None


def test_without_a_target_only_the_stop_ends_it() -> None:
    held = position(target=None)

    assert exits.first_touch(held, bars([(100, 140, 96, 140)]), BAND) is None
    assert exits.first_touch(held, bars([(100, 140, 95, 140)]), BAND) == Touch(
        MONDAY + H4 - LAST_MS, d(95), ExitReason.STOP, False
    )


# --- 4: both in one bar ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "row"), [(Side.LONG, (100, 111, 94, 100)), (Side.SHORT, (100, 106, 89, 100))])
def test_a_stop_and_a_target_in_one_candle_count_as_the_stop_and_are_flagged(
    side: Side, row: tuple[float, float, float, float]
) -> None:
    touch = first_touch([row], side)

    assert touch is not None
    assert (touch.reason, touch.is_ambiguous) == (ExitReason.STOP, True)
    assert touch.price == (d("95") if side is Side.LONG else d("105"))


def test_a_target_only_touched_beside_the_stop_is_not_ambiguous() -> None:
    touch = first_touch([(100, 110, 94, 100)])

    assert touch is not None
    assert (touch.reason, touch.is_ambiguous) == (ExitReason.STOP, False)


def test_an_open_beyond_the_target_settles_which_came_first() -> None:
    touch = first_touch([(111, 112, 94, 100)])

    assert touch == Touch(MONDAY, d(111), ExitReason.TARGET, False)


def test_finer_bars_settle_what_the_coarser_cannot() -> None:
    minutes = bars([(100, 111, 100, 111), (111, 111, 94, 94)], timeframe=Timeframe.M1)

    touch = exits.first_touch(position(), minutes, BAND)

    assert touch is not None
    assert (touch.reason, touch.at) == (ExitReason.TARGET, MONDAY + timedelta(minutes=1) - LAST_MS)


def test_the_first_of_many_touches_counts() -> None:
    touch = first_touch([(100, 101, 99, 100), (100, 101, 94, 96), (96, 120, 96, 120)])

    assert touch is not None
    assert (touch.reason, touch.at) == (ExitReason.STOP, MONDAY + 2 * H4 - LAST_MS)


# --- 11: the entry bar counts; older bars do not --------------------------------------------------------------------


def test_the_entry_bar_counts() -> None:
    touch = first_touch([(100, 100, 94, 96)], opened_at=MONDAY)

    assert touch is not None and touch.reason is ExitReason.STOP


def test_a_bar_that_opened_before_the_entry_cannot_stop_it() -> None:
    at = MONDAY + timedelta(seconds=30)
    minutes = bars([(100, 100, 94, 99), (99, 100, 99, 100), (100, 100, 94, 94)], timeframe=Timeframe.M1)

    touch = exits.first_touch(position(opened_at=at, stop_from=at), minutes, BAND)

    # the minute of 00:00 opened half a minute before the fill; the next that trades at 95 is that of 00:02
    assert touch is not None and touch.at == MONDAY + timedelta(minutes=3) - LAST_MS


def test_an_older_bar_cannot_touch_a_newer_stop_and_the_old_one_still_guards() -> None:
    moved = position(stop="99", stop_from=MONDAY + H4, earlier=(Levels(MONDAY, d(95), d(110)),))

    between = exits.first_touch(moved, bars([(100, 101, 97, 100), (100, 101, 99.5, 100)]), BAND)
    older = exits.first_touch(moved, bars([(100, 101, 94, 100), (100, 101, 99.5, 100)]), BAND)
    newer = exits.first_touch(moved, bars([(100, 101, 97, 100), (100, 101, 98, 100)]), BAND)

    assert between is None
    assert older is not None and (older.price, older.at) == (d(95), MONDAY + H4 - LAST_MS)
    assert newer is not None and (newer.price, newer.at) == (d(99), MONDAY + 2 * H4 - LAST_MS)


def test_a_bar_that_opens_as_the_levels_move_meets_the_new_ones() -> None:
    moved = position(stop="99", stop_from=MONDAY, earlier=(Levels(MONDAY - H4, d(95), None),))

    touch = exits.first_touch(moved, bars([(100, 101, 98, 100)]), BAND)

    assert touch is not None and touch.price == d(99)


def test_an_older_target_still_fills_before_the_move() -> None:
    moved = position(target="120", stop_from=MONDAY + H4, earlier=(Levels(MONDAY, d(95), d(110)),))

    touch = exits.first_touch(moved, bars([(100, 111, 100, 111), (111, 111, 111, 111)]), BAND)

    assert touch == Touch(MONDAY + H4 - LAST_MS, d(110), ExitReason.TARGET, False)


# --- 13: one wrong print is not a market ----------------------------------------------------------------------------


def minutes(*rows: tuple[float, float, float, float]) -> Touch | None:
    return exits.first_touch(position(), bars(rows, timeframe=Timeframe.M1), BAND)


def test_a_wild_print_moves_nothing() -> None:
    assert minutes((100, 100, 50, 100), (100, 101, 99, 100)) is None
    assert minutes((100, 1000, 100, 100), (100, 101, 99, 100)) is None


def test_a_wild_print_the_next_bar_confirms_fills_at_the_open_that_confirms_it() -> None:
    touch = minutes((100, 100, 50, 50), (51, 52, 50, 51))

    assert touch == Touch(MONDAY + timedelta(minutes=1), d(51), ExitReason.STOP, False)


def test_four_hours_hold_too_many_trades_to_be_one_wrong_print() -> None:
    touch = first_touch([(100, 100, 50, 60)])

    assert touch is not None and (touch.price, touch.reason) == (d(95), ExitReason.STOP)


def test_the_band_is_wide_enough_for_what_it_names() -> None:
    """Half up is 150, half down is 100 / 1.5: both edges are still believed."""
    held = position(target="149.99", stop="66.67")

    up = exits.first_touch(held, bars([(100, 150, 100, 150)], timeframe=Timeframe.M1), BAND)
    beyond = exits.first_touch(held, bars([(100, 150.01, 100, 150)], timeframe=Timeframe.M1), BAND)

    assert up is not None and up.reason is ExitReason.TARGET
    assert beyond is None


# --- 2, 3, 7: slippage and fees -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("is_buy", "got"), [(True, "100.04"), (False, "99.98")])
def test_slippage_moves_against_us_and_onto_the_tick(is_buy: bool, got: str) -> None:
    fill = paper.fill("o", d(2), MONDAY, d("100.01"), TERMS, is_buy=is_buy)

    # 100.01 ± 2 basis points is 100.030002 and 99.989998; a tick is a cent
    assert fill.price == d(got)


def test_a_stop_slips_and_pays_the_fee_of_what_it_got() -> None:
    fill = paper.fill("o", d(2), MONDAY, d(95), TERMS, is_buy=False)

    # 95 × 0.9998 = 94.981, down to 94.98; 0.075 % of 189.96; two cents on two units
    assert fill == Fill("o", MONDAY, d("94.98"), d(2), d("0.14247"), d("0.04"))


def test_a_target_neither_slips_nor_improves_and_pays_its_fee() -> None:
    fill = paper.resting_fill("o", d(2), MONDAY, d(110), Paper())

    assert fill == Fill("o", MONDAY, d(110), d(2), d("0.165"), d(0))


@pytest.mark.parametrize(
    ("side", "is_opening", "is_buy"),
    [(Side.LONG, True, True), (Side.LONG, False, False), (Side.SHORT, True, False), (Side.SHORT, False, True)],
)
def test_a_long_opens_by_buying_and_a_short_by_selling(side: Side, is_opening: bool, is_buy: bool) -> None:
    assert paper.bought(side, is_opening) is is_buy


def test_a_price_never_slips_to_nothing() -> None:
    assert paper.on_tick(d("0.001"), d("0.01"), up=False) == d("0.01")


def test_a_level_rests_on_the_nearest_tick() -> None:
    assert paper.level(d("98.004"), RULES) == d(98)
    assert paper.level(d("98.006"), RULES) == d("98.01")
    assert paper.level(None, RULES) is None


# --- 2, 13: what the first price can still forbid -------------------------------------------------------------------


def order(
    purpose: Purpose = Purpose.OPEN, side: Side = Side.LONG, kind: MarketKind = MarketKind.SPOT, **changes: object
) -> Order:
    stop, target = (d(95), d(110)) if side is Side.LONG else (d(105), d(90))
    facts: dict[str, object] = {"stop_price": stop, "target_price": target} | changes
    return Order("o", "one", BTC, kind, purpose, side, d(2), MONDAY, MONDAY + H4, d(100), **facts)  # type: ignore[arg-type]


def refused(of: Order, price: str, balance: str = "10000") -> str | None:
    fill = Fill("o", MONDAY, d(price), d(2), d("0.15"), d(0))
    refusal = paper.refusal(of, fill, Portfolio(0, Account(d(balance)), orders=(of,)), Paper())
    return refusal.guard if refusal else None


@pytest.mark.parametrize(
    ("side", "price"), [(Side.LONG, "95"), (Side.LONG, "110"), (Side.SHORT, "105"), (Side.SHORT, "90")]
)
def test_an_entry_that_jumped_a_level_is_refused(side: Side, price: str) -> None:
    assert refused(order(side=side), price) == "gapped"


@pytest.mark.parametrize(
    ("side", "price"), [(Side.LONG, "95.01"), (Side.LONG, "109.99"), (Side.SHORT, "104.99"), (Side.SHORT, "90.01")]
)
def test_an_entry_between_its_levels_is_taken(side: Side, price: str) -> None:
    assert refused(order(side=side), price) is None


def test_an_entry_that_carries_no_stop_is_refused() -> None:
    assert refused(order(stop_price=None), "100") == "gapped"


def test_a_spot_entry_costs_no_more_than_the_cash_there_is() -> None:
    """Two units at 100 and 15 cents of fee cost 200.15."""
    assert refused(order(), "100", balance="200.15") is None
    assert refused(order(), "100", balance="200.14") == "cash"
    assert refused(order(kind=MarketKind.PERP), "100", balance="200.14") is None


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_first_price_outside_the_band_moves_no_money(purpose: Purpose) -> None:
    wide = order(purpose, stop_price=d(1), target_price=d(1000))

    assert refused(wide, "150") is None
    assert refused(wide, "150.01") == "price_band"
    assert refused(wide, "66.67") is None
    assert refused(wide, "66.66") == "price_band"


# --- 7: the trade ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "exit_price", "gross"), [(Side.LONG, "104", "8"), (Side.SHORT, "96", "8"), (Side.SHORT, "104", "-8")]
)
def test_fees_of_both_sides_and_funding_are_in_the_result(side: Side, exit_price: str, gross: str) -> None:
    stop = "95" if side is Side.LONG else "105"
    held = position(side, stop=stop, target=None, funding_quote=d("0.25"))
    fill = Fill("x", MONDAY + H4, d(exit_price), d(2), d("0.156"), d(0))

    trade = fold.closed(held, fill, Touch(fill.filled_at, fill.price, ExitReason.SIGNAL, False), 1)

    # entry fee 0.15, exit fee 0.156, funding 0.25; 1 R is 2 × 5; 200 at entry
    assert trade.gross_pnl_quote == d(gross)
    assert trade.fees_quote == d("0.306")
    assert trade.realized_pnl_quote == d(gross) - d("0.556")
    assert trade.r_multiple == pytest.approx(float(d(gross) - d("0.556")) / 10)
    assert trade.return_ratio == pytest.approx(float(d(gross) - d("0.556")) / 200)


@pytest.mark.parametrize(
    ("side", "best", "worst"),
    [(Side.LONG, 0.06, -0.04), (Side.SHORT, 0.04, -0.06)],  # from 100 it went up to 106 and down to 96
)
def test_the_excursions_of_a_short_are_those_of_a_long_mirrored(side: Side, best: float, worst: float) -> None:
    held = position(side, stop="95" if side is Side.LONG else "115", target=None)
    seen = fold.watched(held, bars([(100, 106, 99, 100), (100, 101, 96, 100)]), BAND)
    fill = Fill("x", MONDAY + 2 * H4, d(100), d(2), d(0), d(0))

    trade = fold.closed(seen, fill, Touch(fill.filled_at, fill.price, ExitReason.SIGNAL, False), 1)

    assert (trade.mfe_ratio, trade.mae_ratio) == (best, worst)


def test_the_exit_itself_belongs_to_the_excursions() -> None:
    fill = Fill("x", MONDAY, d(93), d(2), d(0), d(0))

    trade = fold.closed(position(), fill, Touch(MONDAY, d(93), ExitReason.STOP, False), 1)

    assert trade.mae_ratio == -0.07
    assert trade.mfe_ratio == 0.0


def test_a_position_without_a_bar_keeps_its_mark() -> None:
    nothing: Candles = bars([])

    seen = fold.watched(position(), nothing, BAND)

    # nothing was seen, so nothing counts as looked at: what comes late is looked at late
    assert (seen.mark_price, seen.checked_until) == (d(100), MONDAY)


def test_bars_older_than_the_position_leave_no_trace_on_it() -> None:
    held = position(opened_at=MONDAY + H4)

    seen = fold.watched(held, bars([(50, 150, 50, 150), (100, 102, 99, 101)]), BAND)

    assert (seen.highest_price, seen.lowest_price, seen.mark_price) == (d(102), d(99), d(101))


def test_funding_is_charged_to_who_holds_at_the_instant() -> None:
    rates = [FundingRate(BTC, MONDAY + n * H4, d("0.0001")) for n in range(4)]

    paid = fold.funded(position(opened_at=MONDAY), rates, MONDAY + 2 * H4, {}).funding_quote

    # 2 units at a mark of 100: 0.02 at 04:00 and at 08:00; not at the instant of opening, not after
    assert paid == d("0.04")


def test_a_settlement_that_is_published_late_is_charged_late_and_once() -> None:
    early = [FundingRate(BTC, MONDAY + H4, d("0.0001"))]
    both = [*early, FundingRate(BTC, MONDAY + 2 * H4, d("0.0001"))]

    first = fold.funded(position(opened_at=MONDAY), early, MONDAY + 2 * H4, {})
    second = fold.funded(first, both, MONDAY + 3 * H4, {})

    assert (first.funding_quote, second.funding_quote) == (d("0.02"), d("0.04"))


def test_funding_of_a_short_is_received() -> None:
    rates = [FundingRate(BTC, MONDAY + H4, d("0.0001"))]

    assert fold.funded(position(Side.SHORT), rates, MONDAY + H4, {}).funding_quote == d("-0.02")


def test_funding_is_rounded_once_where_it_is_booked() -> None:
    rates = [FundingRate(BTC, MONDAY + H4, d("0.000000000333333"))]

    # 200 × 3.33333e-10 = 6.66666e-8, to eight decimals
    assert fold.funded(position(), rates, MONDAY + H4, {}).funding_quote == d("0.00000007")


def test_an_entry_order_without_a_stop_makes_no_position() -> None:
    with pytest.raises(ValueError, match="carries its stop"):
        fold.opened(order(stop_price=None), Fill("o", MONDAY, d(100), d(2), d(0), d(0)))


def test_moving_one_level_keeps_the_other_and_remembers_both() -> None:
    moved = fold.amended(position(), d(98), None, MONDAY + H4)

    assert (moved.stop_price, moved.target_price) == (d(98), d(110))
    assert moved.earlier == (Levels(MONDAY, d(95), d(110)),)
    assert (moved.initial_stop_price, moved.stop_from) == (d(95), MONDAY + H4)


# --- 8: the venue's steps -------------------------------------------------------------------------------------------


def test_a_coarse_tick_costs_a_whole_tick() -> None:
    coarse = (Paper(slippage_bps=d(1)), TradingRules(d("0.5"), d("0.001"), d(5)))

    # 100 ± one basis point is 100.01 and 99.99
    assert paper.fill("o", d(1), MONDAY, d(100), coarse, is_buy=True).price == d("100.5")
    assert paper.fill("o", d(1), MONDAY, d(100), coarse, is_buy=False).price == d("99.5")


def test_without_slippage_a_price_on_the_tick_stays() -> None:
    assert paper.fill("o", d(1), MONDAY, d("100.01"), FREE, is_buy=True).price == d("100.01")
    assert paper.fill("o", d(1), MONDAY, d("100.01"), FREE, is_buy=False).price == d("100.01")
