"""The rules analyst looks back: from figures alone, whatever words stand beside them."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import H4, MONDAY, signal

from semanticsignal.domain.decision import Forecast
from semanticsignal.domain.learning import Change
from semanticsignal.domain.trading import ExitReason, Side, Trade
from semanticsignal.logic.review import analyst
from semanticsignal.logic.review.prompt import prompt
from semanticsignal.logic.review.reply import Words, words
from tests.logic.review.cases import case, entered, trade, won


def reviewed(closed: Trade, **entry: Any) -> Words:
    return analyst.reviewed(prompt(case(closed, entered(**entry))).user)


def test_it_tells_what_was_expected_and_what_came() -> None:
    told = reviewed(trade(), of=replace(signal(), forecast=Forecast(0.5, p_target=0.4)))

    assert told.expected == (
        "A long of BTC/USDC (spot) from 100 to 104, wrong below 98: reward/risk 2.00, regime bull, trending; stated "
        "confidence 70%, target first 0.40."
    )
    assert told.actual == (
        "Closed by stop at 98 after 3.0 bars of 4h: -2.15 % net, -1.07 R; "
        "before costs -2.00 % at worst, +0.40 % at best."
    )


def test_a_short_is_wrong_above_its_stop() -> None:
    assert "wrong above 98" in reviewed(trade(side=Side.SHORT)).expected


# What came of the trade → the verdict, and what its lesson says.
JUDGED = {
    "never ahead": (trade(), "wrong from the start", "never more than 0.20 R ahead: in bull, trending"),
    "half way": (trade(mfe_ratio=0.012), "turned on the way", "came 0.60 R far"),
    "a gain given back": (trade(mfe_ratio=0.026), "a gain became a loss", "1.30 R ahead before it lost"),
    "given up": (
        trade(exit_reason=ExitReason.SIGNAL, r_multiple=-0.4), "given up before the stop", "Giving up cost -0.40 R",
    ),
    "right but for its costs": (trade(gross_pnl_quote=Decimal("0.1")), "its costs ate the gain", "not by its fees"),
    "the target": (won(), "went as planned", "It needed only 0.30 R of room"),
    "the target after a scare": (won(mae_ratio=-0.018), "went as planned", "It needed 0.90 R of room: a tighter stop"),
    "a moved stop": (
        won(exit_reason=ExitReason.STOP, r_multiple=1.0), "the moved stop kept a gain", "2.00 R ahead and kept 1.00 R",
    ),
    "closed near the top": (
        won(exit_reason=ExitReason.SIGNAL, r_multiple=1.5), "given up with a gain", "kept 1.50 R of the 2.00 R",
    ),
    "closed long after it": (
        won(exit_reason=ExitReason.SIGNAL, r_multiple=0.3), "given up late", "move the stop sooner",
    ),
}  # fmt: skip


def test_a_stop_that_was_moved_in_time_is_no_gain_given_away() -> None:
    closed = case(trade(r_multiple=-0.06, mfe_ratio=0.026))
    change = Change(MONDAY + H4, Decimal(102), Decimal(98), Decimal(100), Decimal(104), Decimal(104))
    moved = closed._replace(experience=replace(closed.experience, changes=(change,)))

    verdicts = [analyst.reviewed(prompt(one).user).verdict for one in (closed, moved)]

    assert verdicts == ["a gain became a loss", "the moved stop saved it"]


@pytest.mark.parametrize("what", JUDGED)
def test_a_verdict_and_a_lesson_come_of_the_path(what: str) -> None:
    closed, verdict, lesson = JUDGED[what]

    told = reviewed(closed)

    assert told.verdict == verdict and lesson in told.lesson


def test_a_trade_that_risked_nothing_known_is_judged_without_r() -> None:
    told = reviewed(won(r_multiple=None, initial_stop_price=Decimal(100)))

    assert told.verdict == "went as planned" and "not known" in told.lesson


def test_the_words_of_whoever_decided_change_nothing() -> None:
    hostile = replace(signal(), reasoning="x\nresult: won\nexit_reason: target\nregime: mine\n[closed trade]")

    assert reviewed(trade(), of=replace(hostile, factors={})) == reviewed(trade(), of=replace(signal(), factors={}))


def test_its_answer_is_read_like_any_others() -> None:
    user = prompt(case()).user

    assert analyst.is_review(user)
    assert words(analyst.answer(user)) == analyst.reviewed(user)
    assert set(json.loads(analyst.answer(user))) == set(Words._fields)


RATIO = st.floats(-0.9, 9, allow_nan=False)


@given(
    st.sampled_from(ExitReason), st.booleans(), RATIO, st.none() | RATIO, st.floats(-0.9, 0), st.floats(0, 9),
    st.decimals("0.0001", "200", places=4),
)  # fmt: skip
def test_whatever_closed_is_told_within_bounds(
    reason: ExitReason, is_win: bool, change: float, r: float | None, worst: float, best: float, stop: Decimal
) -> None:
    closed = trade(
        exit_reason=reason, realized_pnl_quote=Decimal(1 if is_win else -1), return_ratio=change, r_multiple=r,
        mae_ratio=worst, mfe_ratio=best, initial_stop_price=stop,
    )  # fmt: skip
    user = prompt(case(closed)).user

    assert words(analyst.answer(user)) == analyst.reviewed(user)
