"""Two venues held against each other: what is missing or wild in one series, and what the other makes of it."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import M1, MONDAY, Row, bars, path

from semanticsignal.domain.market import Candles, Timeframe, epoch_ms
from semanticsignal.logic.collect import candles as series
from semanticsignal.logic.collect import witness

LIMIT = 0.01
# a market that breathes 1 % a bar around 100
CALM = path([100, 101] * 20, wick=0.1)


def told(source: str, rows: Iterable[Row], lacking: Iterable[int] = (), timeframe: Timeframe = Timeframe.H4) -> Candles:
    whole = replace(bars(rows, timeframe=timeframe), source=source)
    kept = [row for row in range(len(whole)) if row not in set(lacking)]
    names = ("opened_ms", "open", "high", "low", "close", "volume")
    return replace(whole, **{name: [getattr(whole, name)[row] for row in kept] for name in names})


def spiked(rows: list[Row], row: int, low: float) -> list[Row]:
    opened, high, _, close = rows[row]
    return [*rows[:row], (opened, high, low, close), *rows[row + 1 :]]


def test_a_hole_is_filled_with_the_bar_of_the_other_venue_and_said() -> None:
    own, other = told("one", CALM, lacking=[7]), told("two", CALM)

    whole = series.repaired(own, other, LIMIT)

    assert whole.gaps == 0 and len(whole) == len(own) + 1
    assert [(r.source, r.fault) for r in whole.repairs] == [("two", "missing")]
    assert whole.close[7] == other.close[7]
    assert series.flags(whole) == ("4h bar of 2026-01-06 04:00 is two's: one's is missing",)


def test_a_hole_that_both_have_stays_a_hole() -> None:
    own, other = told("one", CALM, lacking=[7]), told("two", CALM, lacking=[7])

    whole = series.repaired(own, other, LIMIT)

    assert whole.gaps == 1 and not whole.repairs


def test_a_crash_that_both_saw_stands() -> None:
    own, other = told("one", spiked(CALM, 20, 70)), told("two", spiked(CALM, 20, 70.5))

    assert len(series.striking(own)) == 1
    assert series.repaired(own, other, LIMIT) is own


def test_a_wild_bar_that_the_other_venue_did_not_see_is_replaced_by_its_bar() -> None:
    own, other = told("one", spiked(CALM, 20, 7)), told("two", CALM)

    whole = series.repaired(own, other, LIMIT)

    assert whole.low[20] == other.low[20]
    assert [(r.source, r.fault) for r in whole.repairs] == [("two", "apart")]
    assert list(whole.low[:20]) == list(own.low[:20]) and list(whole.low[21:]) == list(own.low[21:])


def test_nothing_is_taken_over_from_a_venue_whose_prices_are_apart_anyway() -> None:
    own = told("one", CALM, lacking=[7])
    other = told("two", [tuple(price * 1.03 for price in row) for row in CALM])

    assert series.repaired(own, other, LIMIT) is own


def test_a_venue_that_shares_too_few_bars_repairs_nothing() -> None:
    own = told("one", CALM, lacking=[7])

    assert series.repaired(own, told("two", CALM)[5:8], LIMIT) is own


def test_a_calm_series_has_nothing_striking_in_it_and_an_empty_one_neither() -> None:
    assert series.striking(told("one", CALM)) == ()
    assert series.striking(told("one", CALM)[:0]) == ()


@given(st.sets(st.integers(1, 38)), st.sets(st.integers(1, 38)))
def test_a_repaired_series_is_its_own_bars_and_the_others_where_it_had_none(mine: set[int], theirs: set[int]) -> None:
    own, other = told("one", CALM, lacking=mine), told("two", CALM, lacking=theirs)

    whole = series.repaired(own, other, LIMIT)

    taken = {repair.opened_ms for repair in whole.repairs}
    assert taken <= set(other.opened_ms) - set(own.opened_ms)
    assert set(whole.opened_ms) == set(own.opened_ms) | taken
    assert list(whole.opened_ms) == sorted(set(whole.opened_ms))


# --- Whether another venue saw it -----------------------------------------------------------------------------------

MINUTES = path([100, 100.1] * 10)


def minutes(source: str, rows: Iterable[Row], lacking: Iterable[int] = ()) -> Candles:
    return told(source, rows, lacking, Timeframe.M1)


def test_a_minute_that_left_the_close_before_by_more_than_the_limit_is_sharp() -> None:
    assert witness.sharp(minutes("one", MINUTES), 100, LIMIT) == ()
    assert witness.sharp(minutes("one", spiked(MINUTES, 9, 98)), 100, LIMIT) == (9,)


@pytest.mark.parametrize(("low", "is_seen"), [(98.0, True), (98.96, True), (99.1, False), (100.0, False)])
def test_who_moved_the_same_way_at_least_half_as_far_saw_it(low: float, is_seen: bool) -> None:
    own = minutes("one", spiked(MINUTES, 9, 98))
    other = minutes("two", spiked(MINUTES, 9, low))

    assert witness.confirms(other, own, 9, own.close[8], LIMIT) is is_seen


def test_the_first_minute_is_held_against_the_price_before_it() -> None:
    below = minutes("one", path([95, 95.05] * 5, wick=0.01))

    assert witness.sharp(below, 100, LIMIT) == (0,)
    assert witness.confirms(minutes("two", MINUTES), below, 0, 100, LIMIT) is False
    assert witness.sharp(below[:0], 100, LIMIT) == ()


def test_a_price_that_drifted_away_is_not_confirmed_by_one_that_stayed() -> None:
    drift = minutes("one", path([100 - 0.9 * n for n in range(11)]))

    assert witness.sharp(drift, 100, LIMIT) == ()
    assert witness.confirms(minutes("two", MINUTES), drift, 6, drift.close[5], LIMIT) is False


@given(st.lists(st.floats(-0.04, 0.04), min_size=3, max_size=30), st.data())
def test_no_venue_denies_what_it_saw_itself(moves: list[float], data: st.DataObject) -> None:
    prices = [100.0]
    for move in moves:
        prices.append(prices[-1] * (1 + move))
    own = minutes("one", path(prices, wick=0.2))
    row = data.draw(st.integers(0, len(own) - 1))

    assert witness.confirms(own, own, row, witness.before_of(own, row, 100), LIMIT) is True


def test_a_minute_sooner_or_later_is_the_same_move() -> None:
    own = minutes("one", spiked(MINUTES, 9, 98))

    assert witness.confirms(minutes("two", spiked(MINUTES, 10, 98)), own, 9, own.close[8], LIMIT) is True
    assert witness.confirms(minutes("two", spiked(MINUTES, 8, 98)), own, 9, own.close[8], LIMIT) is True
    assert witness.confirms(minutes("two", spiked(MINUTES, 12, 98)), own, 9, own.close[8], LIMIT) is False


def test_a_fall_is_not_confirmed_by_a_rise() -> None:
    own = minutes("one", spiked(MINUTES, 9, 98))
    rise = [*MINUTES[:9], (100.1, 103.0, 100.0, 100.0), *MINUTES[10:]]

    assert witness.confirms(minutes("two", rise), own, 9, own.close[8], LIMIT) is False


def test_who_tells_nothing_of_that_time_is_no_witness() -> None:
    own = minutes("one", spiked(MINUTES, 9, 98))

    assert witness.confirms(minutes("two", MINUTES)[:9], own, 9, own.close[8], LIMIT) is None
    assert witness.confirms(minutes("two", MINUTES, lacking=[8, 9, 10]), own, 9, own.close[8], LIMIT) is None


def test_a_bar_that_is_not_believed_is_told_as_the_other_saw_it_and_named() -> None:
    own, other = minutes("one", spiked(MINUTES, 9, 50)), minutes("two", MINUTES)

    told_anew = witness.without(own, 9, own.close[8], other)

    assert told_anew.low[9] == other.low[9] and len(told_anew) == len(own)
    assert [(r.opened_ms, r.source, r.fault) for r in told_anew.repairs] == [
        (epoch_ms(MONDAY + 9 * M1), "two", "not confirmed")
    ]


def test_where_the_other_traded_nothing_in_that_minute_the_price_stands_still() -> None:
    own, other = minutes("one", spiked(MINUTES, 9, 50)), minutes("two", MINUTES, lacking=[9])

    still = witness.without(own, 9, own.close[8], other)

    assert still.low[9] == still.high[9] == own.close[8]
    assert len(still) == len(own) and still.volume[9] == 0


def test_a_cut_keeps_the_repairs_of_the_bars_it_keeps() -> None:
    whole = series.repaired(told("one", CALM, lacking=[7]), told("two", CALM), LIMIT)

    assert len(whole[5:10].repairs) == 1
    assert whole[:5].repairs == whole[8:].repairs == ()


@pytest.mark.parametrize(("high", "is_striking"), [(1.08, True), (1.079, False)])
def test_a_bar_is_striking_from_eight_per_cent_on(high: float, is_striking: bool) -> None:
    quiet = [(100.0, 100.1, 100.0, 100.0)] * 20

    own = told("one", [*quiet, (100.0, 100 * high, 100.0, 100.0)])

    assert bool(series.striking(own)) is is_striking


@pytest.mark.parametrize(("times", "is_striking"), [(6.1, True), (5.9, False)])
def test_a_bar_is_striking_from_six_times_the_median_on(times: float, is_striking: bool) -> None:
    lively = [(100.0, 103.0, 100.0, 100.0)] * 20

    own = told("one", [*lively, (100.0, 100 + 3 * times, 100.0, 100.0)])

    assert bool(series.striking(own)) is is_striking


def test_one_per_cent_is_not_more_than_one_per_cent() -> None:
    assert series.apart(100, 101) == series.apart(101, 100) == 0.01
    assert series.apart(1e-8, 1.01e-8) == series.apart(1e5, 1.01e5) == 0.01
