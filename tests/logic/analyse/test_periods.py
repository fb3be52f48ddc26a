"""The last days, on bars whose numbers are their places."""

from array import array
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from semanticsignal.domain.analysis import Period
from semanticsignal.domain.market import Candles, Symbol, Timeframe, epoch_ms
from semanticsignal.logic.analyse.periods import periods
from semanticsignal.logic.analyse.series import columns, series

START_MS = epoch_ms(datetime(2024, 1, 1, tzinfo=UTC))


def bars(count: int, timeframe: Timeframe = Timeframe.H4) -> Candles:
    close = np.arange(100.0, 100.0 + count)
    times = array("q", (START_MS + row * timeframe.ms for row in range(count)))
    return Candles(Symbol("BTC", "USDC"), timeframe, "hand", times, close, close + 1, close - 2, close, close / 100)


def told(candles: Candles) -> dict[int, Period]:
    found = columns(candles)
    return {one.days: one for one in periods(candles, found, series(found))}


def test_a_day_of_4h_bars_is_measured_from_the_close_before_its_six() -> None:
    """The reference measured from the first close inside, one bar short."""
    day = told(bars(200))[1]

    assert (day.bars, day.bars_due, day.is_whole) == (6, 6, True)
    assert day.change_ratio == pytest.approx(299 / 293 - 1)
    assert (day.high, day.low) == (300, 292)
    assert day.mean_close == pytest.approx(np.mean(np.arange(294, 300)))
    assert day.volume == pytest.approx(np.arange(294, 300).sum() / 100)
    assert day.range_ratio == pytest.approx(300 / 292 - 1)


def test_all_five_are_told_where_a_month_is_there() -> None:
    found = told(bars(200))

    assert {days: one.bars for days, one in found.items()} == {1: 6, 2: 12, 3: 18, 7: 42, 30: 180}
    assert all(one.is_whole for one in found.values())


def test_what_is_not_there_whole_is_told_once_with_how_many_bars_there_are() -> None:
    found = told(bars(20))

    assert list(found) == [1, 2, 3, 7]
    assert [one.is_whole for one in found.values()] == [True, True, True, False]
    assert (found[7].bars, found[7].bars_due) == (20, 42)
    assert found[7].change_ratio == pytest.approx(119 / 100 - 1)


def test_as_many_bars_as_a_day_has_are_a_day_without_the_close_before_it() -> None:
    day = told(bars(6))[1]

    assert (day.bars, day.bars_due, day.is_whole) == (6, 6, False)


def test_one_bar_has_no_change() -> None:
    (only,) = told(bars(1)).values()

    assert (only.bars, only.change_ratio, only.is_whole) == (1, None, False)


def test_a_gap_is_counted_and_the_day_stays_a_day() -> None:
    whole = bars(100)
    times = array("q", [*whole.opened_ms[:97], *(at + 2 * Timeframe.H4.ms for at in whole.opened_ms[97:])])

    day = told(replace(whole, opened_ms=times))[1]

    assert (day.bars, day.bars_due, day.is_whole) == (4, 6, False)
    assert day.change_ratio == pytest.approx(199 / 195 - 1)


def test_periods_shorter_than_a_bar_are_not_told() -> None:
    assert list(told(bars(30, Timeframe.D1))) == [1, 2, 3, 7, 30]
    assert list(told(bars(30, Timeframe.W1))) == [7, 30]


def test_indicators_change_over_the_same_bars() -> None:
    candles = bars(300)
    walked = replace(candles, close=100 + np.sin(np.arange(300.0)), high=np.full(300, 102.0), low=np.full(300, 98.0))
    whole = series(columns(walked))

    day = told(walked)[1]

    assert day.changes["rsi_14"] == pytest.approx(whole["rsi_14"][-1] - whole["rsi_14"][-7])
    assert told(bars(3))[1].changes["rsi_14"] is None
