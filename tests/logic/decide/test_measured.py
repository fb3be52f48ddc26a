"""The sections of what was calculated: each figure once, in the pair's decimals or in four digits."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from world import MONDAY, bars, d, snapshot

from semanticsignal.domain.analysis import Level, Macro, Mark, Period, Retracement, Trend
from semanticsignal.domain.collected import Around, Market
from semanticsignal.domain.market import Timeframe, TradingRules
from semanticsignal.logic.analyse.snapshot import snapshot as analysed
from semanticsignal.logic.decide import measured

TICK = d("0.01")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0.000"), (61.2345, "61.23"), (999.96, "1000"), (123456.7, "123457"), (0.00123456, "0.001235"),
     (7.9e-05, "7.900e-05"), (-0.5, "-0.5000"), (4.5e15, "4.500e+15")],
)  # fmt: skip
def test_a_figure_has_four_significant_digits_and_a_large_one_all_before_the_point(value: float, shown: str) -> None:
    assert measured.figure(value) == shown


@pytest.mark.parametrize(
    ("tick", "digits"), [("0.01", 2), ("0.010", 2), ("1E-8", 8), ("0.00000001", 8), ("1", 0), ("5", 0), ("1E+1", 0)]
)
def test_a_tick_says_how_many_decimals_a_price_has(tick: str, digits: int) -> None:
    assert measured.decimals(Decimal(tick)) == digits


def test_a_coin_at_a_hundred_millionth_keeps_its_digits() -> None:
    assert measured.priced(1.234e-8, 8) == "0.00000001"
    assert measured.priced(3.1e-9, 8) == "3.100e-09"
    assert measured.priced(0.0, 8) == "0.00000000"
    assert measured.priced(-0.001, 2) == "-0.001000"


def test_every_indicator_has_its_family_and_none_is_told_twice() -> None:
    walk = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, 300)))
    rows = [(price, price * 1.01, price * 0.99, price) for price in walk]
    told = bars(rows)
    rules = TradingRules(TICK, TICK, d(5))
    seen = analysed(Market("id", told.symbol, told.timeframe, told.closed_at, told, rules, around=Around()), MONDAY)

    names = [name for _, members in measured.FAMILIES for name in members]
    lines = list(measured.indicators(seen, TICK))

    assert len(names) == len(set(names))
    assert set(names) == set(seen.indicators)
    assert "# others" not in lines
    assert set(names) > measured.PRICED
    for name in names:
        assert sum(line.startswith(f"{name}: ") for line in lines) == 1


def test_what_has_no_family_is_told_with_the_others() -> None:
    seen = replace(snapshot(), indicators={"rsi_14": 50.0, "new_one": 1.0}, earlier={})

    lines = list(measured.indicators(seen, TICK))

    assert lines[:2] == [
        "[indicators]",
        "# momentum: 0 to 100; williams -100 to 0; tsi -100 to 100; coppock and kst percent",
    ]
    assert lines[-2:] == ["# others", "new_one: 1.000"]


def test_levels_pivots_and_retracements_are_told_with_their_distance() -> None:
    seen = replace(
        snapshot(),
        levels=(Level("support", 98.765, 3, 12, -0.5, 1.756),),
        pivots=(Mark("r1", 101.0, 1.25), Mark("p", 100.0, None)),
        retracement=Retracement(90.0, 110.0, 30, 7, (Mark("0.5", 100.0, -0.1),)),
    )

    lines = list(measured.shapes(seen, TICK))

    assert lines == [
        "[shapes]",
        "support: 98.77, touched 3 times, last 12 bars ago, -0.50 ATR away, on 1.76 of the mean volume",
        "pivots of the last day: r1 101.00 (+1.25 ATR), p 100.00",
        "retracement of 90.00 30 bars ago to 110.00 7 bars ago: 0.5 100.00 (-0.10 ATR)",
    ]


MACRO = Macro(
    Timeframe.D1, MONDAY, 365, 100.0, {"sma_20": 99.0, "sma_50": 98.0}, "ascending", "golden", 12, 0.5, 0.25, 0.61,
    -0.03, {"rsi_14": 55.5, "adx_14": None}, Trend.BULL, ("close > sma_200",),
)  # fmt: skip


def test_the_large_picture_is_told_in_four_lines() -> None:
    lines = list(measured.macro(replace(snapshot(), macro=(MACRO,)), TICK))

    assert lines == [
        "[macro]",
        "daily_trend: bull, 365 bars to 2026-01-05; close > sma_200",
        "daily_means: close 100.00, sma_20 99.00, sma_50 98.00, ascending, "
        "golden cross of sma_50 and sma_200 12 bars ago",
        "daily_change: +50.0 % in all, +25.0 % in a year, -3.0 % off sma_200, volatility 61.0 % a year",
        "daily_numbers: rsi_14 55.50",
    ]


def test_what_a_young_coin_does_not_have_is_left_out() -> None:
    young = Macro(Timeframe.W1, MONDAY, 2, 1.0, {}, None, None, None, 0.1, None, None, None, {}, Trend.NEUTRAL, ())

    lines = list(measured.macro(replace(snapshot(), macro=(young,)), TICK))

    assert lines[1:] == [
        "weekly_trend: neutral, 2 bars to 2026-01-05; ",
        "weekly_means: close 1.00",
        "weekly_change: +10.0 % in all",
    ]


def test_a_period_says_how_much_of_it_is_there() -> None:
    whole = Period(1, 6, 6, True, 0.0125, 102.0, 98.0, 100.0, 1234.5, 0.04, {"rsi_14": 3.5, "adx_14": -2.0})
    part = Period(7, 20, 42, False, None, 102.0, 98.0, 100.0, 0.0, 0.04, {"rsi_14": None})

    lines = list(measured.periods(replace(snapshot(), periods=(whole, part)), TICK))

    assert lines == [
        "[periods]",
        "last_1d: change +1.25 %, high 102.00, low 98.00, mean 100.00, range 4.00 %, volume 1234, rsi_14 +3.500, "
        "adx_14 -2.000",
        "last_7d: only 20 of 42 bars, change unknown, high 102.00, low 98.00, mean 100.00, range 4.00 %, volume 0.000",
    ]


def test_without_longer_bars_and_periods_there_is_not_even_a_heading() -> None:
    assert list(measured.macro(snapshot(), TICK)) == []
    assert list(measured.periods(snapshot(), TICK)) == []
    assert snapshot().closed_at - MONDAY == timedelta(hours=4)
