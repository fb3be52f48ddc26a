"""Pivots of the true last day and Fibonacci's shares of the last swing, by hand."""

from array import array
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from semanticsignal.domain.collected import Around, Market
from semanticsignal.domain.market import Candles, Symbol, Timeframe, TradingRules, epoch_ms
from semanticsignal.logic.analyse.levels import pivots, retracement
from semanticsignal.logic.analyse.snapshot import snapshot

MONDAY_MS = epoch_ms(datetime(2024, 1, 1, tzinfo=UTC))
H4, DAY, WEEK = Timeframe.H4, Timeframe.D1, Timeframe.W1


def bars(count: int, timeframe: Timeframe = H4, price: float = 100.0) -> Candles:
    close = price + np.sin(np.arange(count) * 1.7)
    times = array("q", (MONDAY_MS + row * timeframe.ms for row in range(count)))
    columns = (close, close + 1, close - 1, close, np.full(count, 3.0))
    return Candles(Symbol("BTC", "USDC"), timeframe, "hand", times, *columns).check()


def market(candles: Candles, daily: Candles | None = None, weekly: Candles | None = None) -> Market:
    rules = TradingRules(Decimal("0.01"), Decimal("0.00001"), Decimal(5))
    around = Around(daily=daily, weekly=weekly)
    return Market("id", candles.symbol, candles.timeframe, candles.closed_at, candles, rules, around=around)


def test_pivots_are_the_floor_traders() -> None:
    told = {mark.kind: mark.price for mark in pivots((110.0, 100.0, 108.0), 106.0, 2.0)}

    assert told["p"] == 106
    assert (told["r1"], told["r2"], told["r3"]) == (112, 116, 122)
    assert (told["s1"], told["s2"], told["s3"]) == (102, 96, 92)
    assert told["fibonacci_r1"] == pytest.approx(106 + 3.82)
    assert told["fibonacci_s2"] == pytest.approx(106 - 6.18)
    assert told["fibonacci_r3"] == 116


def test_a_mark_knows_how_many_atrs_away_it_is_and_which_way() -> None:
    told = {mark.kind: mark.distance_atr for mark in pivots((110.0, 100.0, 108.0), 106.0, 2.0)}

    assert (told["p"], told["r1"], told["s1"]) == (0, 3, -2)
    assert {mark.distance_atr for mark in pivots((110.0, 100.0, 108.0), 106.0, None)} == {None}


def test_pivots_are_of_the_last_day_that_is_over_and_not_of_the_bar_before() -> None:
    """Twenty bars of four hours: three days and two bars more."""
    candles = bars(20)
    high, low = max(candles.high[12:18]), min(candles.low[12:18])

    told = {mark.kind: mark.price for mark in snapshot(market(candles), candles.closed_at).pivots}

    assert told["p"] == pytest.approx((high + low + candles.close[17]) / 3)


def test_the_days_own_bar_is_taken_before_one_made_of_shorter_ones() -> None:
    candles, daily = bars(20), bars(3, DAY, price=104.0)

    told = {mark.kind: mark.price for mark in snapshot(market(candles, daily), candles.closed_at).pivots}

    assert told["p"] == pytest.approx((daily.high[-1] + daily.low[-1] + daily.close[-1]) / 3)


def test_a_day_of_another_date_or_with_a_hole_gives_no_pivots() -> None:
    candles = bars(20)
    holed = replace(
        candles,
        **{name: np.delete(getattr(candles, name), 14) for name in ("open", "high", "low", "close", "volume")},
        opened_ms=array("q", np.delete(np.array(candles.opened_ms), 14).tolist()),
    )

    assert snapshot(market(holed, bars(2, DAY)), candles.closed_at).pivots == ()
    assert snapshot(market(bars(3)), candles.closed_at).pivots == ()


def test_a_longer_bar_that_has_not_closed_is_not_looked_at() -> None:
    candles = bars(20)

    early = snapshot(market(candles, bars(3, DAY), bars(2, WEEK)), candles.closed_at)
    late = snapshot(market(candles, bars(9, DAY), bars(9, WEEK)), candles.closed_at)

    assert early.pivots == late.pivots
    assert [(one.timeframe, one.bars) for one in late.macro] == [(DAY, 3)]


def tent(extremes: list[tuple[int, float]], bars: int) -> np.ndarray:
    return np.interp(np.arange(bars), *zip(*extremes, strict=True)) + np.linspace(0, 1e-6, bars)


def test_a_rise_is_retraced_from_its_top_to_its_bottom() -> None:
    line = tent([(0, 110), (20, 100), (40, 120), (60, 114)], 61)

    found = retracement(line, line, 114.0, 2.0)

    assert found is not None
    assert (round(found.from_price, 3), round(found.to_price, 3)) == (100, 120)
    assert (found.from_bars_ago, found.to_bars_ago) == (40, 20)
    assert [round(mark.price, 2) for mark in found.marks] == [115.28, 112.36, 110, 107.64, 104.28]
    assert found.marks[2].distance_atr == pytest.approx(-2, abs=1e-5)


def test_a_fall_is_retraced_from_its_bottom_to_its_top() -> None:
    line = tent([(0, 110), (20, 120), (40, 100), (60, 106)], 61)

    found = retracement(line, line, 106.0, 2.0)

    assert found is not None
    assert (round(found.from_price, 3), round(found.to_price, 3)) == (120, 100)
    assert found.marks[0].price == pytest.approx(104.72, abs=1e-4)


def test_a_swing_begins_at_the_farthest_turn_before_a_higher_top() -> None:
    line = tent([(0, 90), (12, 130), (24, 100), (36, 112), (48, 106), (60, 120), (72, 115)], 73)

    found = retracement(line, line, 115.0, 2.0)

    assert found is not None
    assert (round(found.from_price), round(found.to_price)) == (100, 120)


def test_a_swing_of_less_than_three_atrs_is_passed_over() -> None:
    line = tent([(0, 110), (20, 100), (40, 120), (52, 117), (64, 119), (76, 116)], 77)

    found = retracement(line, line, 116.0, 2.0)

    assert found is not None
    assert (round(found.from_price), round(found.to_price)) == (100, 120)
    assert retracement(line, line, 116.0, 20.0) is None


def test_without_movement_or_bars_there_is_no_swing() -> None:
    flat = np.full(80, 5.0)

    assert retracement(flat, flat, 5.0, 0.0) is None
    assert retracement(flat, flat, 5.0, None) is None
    assert retracement(flat, flat, 5.0, 1.0) is None
    assert retracement(flat[:9], flat[:9], 5.0, 1.0) is None
