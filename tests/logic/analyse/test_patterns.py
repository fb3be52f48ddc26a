"""Crossings, with the bars that made them."""

import numpy as np

from semanticsignal.domain.analysis import Pattern
from semanticsignal.logic.analyse.patterns import crossing

ONES = np.ones(5)


def test_a_crossing_up_at_the_newest_bar_is_certain() -> None:
    fast = np.array([0.0, 0, 0, 0, 2])

    assert crossing("x", fast, ONES, within=4) == Pattern("x_up", 1.0, (1, 0))


def test_a_crossing_down_two_bars_ago_is_half_believed_in_four() -> None:
    fast = np.array([2.0, 2, 0, 0, 0])

    assert crossing("x", fast, ONES, within=4) == Pattern("x_down", 0.5, (3, 2))


def test_the_newest_of_two_crossings_is_told() -> None:
    fast = np.array([0.0, 2, 2, 0, 0])

    assert crossing("x", fast, ONES, within=4) == Pattern("x_down", 0.75, (2, 1))


def test_a_crossing_older_than_asked_for_is_not_told() -> None:
    fast = np.array([0.0, 2, 2, 2, 2])

    assert crossing("x", fast, ONES, within=3) is None
    assert crossing("x", fast, ONES, within=4) == Pattern("x_up", 0.25, (4, 3))


def test_no_crossing_is_made_of_what_is_not_known() -> None:
    unknown = np.array([np.nan, np.nan, 2, 2, 2])

    assert crossing("x", unknown, ONES, within=4) is None
    assert crossing("x", ONES, unknown, within=4) is None


def test_through_the_line_by_way_of_the_line_is_one_crossing() -> None:
    fast = np.array([2.0, 2, 1, 0, 0])

    assert crossing("x", fast, ONES, within=4) == Pattern("x_down", 0.75, (2, 1))


def test_a_touch_that_turns_back_is_no_crossing() -> None:
    fast = np.array([2.0, 2, 1, 2, 2])

    assert crossing("x", fast, ONES, within=4) is None


def test_one_bar_or_none_cross_nothing() -> None:
    assert crossing("x", ONES[:1], ONES[:1], within=4) is None
    assert crossing("x", ONES[:0], ONES[:0], within=4) is None
