"""One trade, one lesson: frozen at entry, named by its path."""

from dataclasses import replace
from datetime import timedelta

import pytest
from world import BTC, H4, MONDAY, d, decision, signal

from semanticsignal.domain.decision import Action
from semanticsignal.domain.learning import Conditions
from semanticsignal.domain.market import MarketKind
from semanticsignal.domain.trading import ExitReason, Side, Trade
from semanticsignal.logic.reflect.lesson import learned


def trade(pnl: str = "10", reason: ExitReason = ExitReason.TARGET, best: float = 0.06, r: float | None = 1.0) -> Trade:
    """A long from 100 with a stop of 95, so that 1 R is 5 %."""
    return Trade(
        id="t",
        number=1,
        position_id="p",
        decision_id="x",
        symbol=BTC,
        kind=MarketKind.SPOT,
        side=Side.LONG,
        quantity=d(2),
        entry_price=d(100),
        exit_price=d(105),
        opened_at=MONDAY,
        closed_at=MONDAY + 3 * H4,
        stop_price=d(95),
        initial_stop_price=d(95),
        target_price=d(105),
        gross_pnl_quote=d(pnl),
        fees_quote=d(0),
        funding_quote=d(0),
        realized_pnl_quote=d(pnl),
        return_ratio=0.05,
        r_multiple=r,
        mae_ratio=-0.01,
        mfe_ratio=best,
        exit_reason=reason,
        is_ambiguous=False,
    )


def verdict(of: Trade) -> str:
    return learned(of, decision(signal())).lesson.verdict


@pytest.mark.parametrize(
    ("of", "phrase"),
    [
        (trade("10", ExitReason.TARGET), "target reached"),
        (trade("10", ExitReason.SIGNAL), "profit kept"),
        (trade("10", ExitReason.STOP), "profit kept"),
        (trade("-10", ExitReason.SIGNAL), "left before the stop"),
        (trade("-10", ExitReason.STOP, best=0.05), "gave back a gain of 1 R and more"),
        (trade("-10", ExitReason.STOP, best=0.0499), "stopped out"),
        (trade("-10", ExitReason.STOP, best=0.0125), "stopped out"),
        (trade("-10", ExitReason.STOP, best=0.0124), "never worked"),
        (trade("0", ExitReason.STOP, best=0.06), "gave back a gain of 1 R and more"),
    ],
)
def test_a_trade_is_named_by_its_path_and_its_end(of: Trade, phrase: str) -> None:
    assert verdict(of) == phrase


def test_the_experience_is_frozen_at_entry() -> None:
    conditions = Conditions({"adx": "high"}, {"adx": 32.0})
    entry = decision(signal(confidence=0.8), conditions=conditions, regime="bull trending")

    lived = learned(trade(), entry).experience

    assert (lived.conditions, lived.regime, lived.confidence_ratio) == (conditions, "bull trending", 0.8)
    assert (lived.id, lived.trade_id, lived.opened_at, lived.closed_at) == (
        "t#experience",
        "t",
        MONDAY,
        MONDAY + 3 * H4,
    )
    assert (lived.is_win, lived.return_ratio, lived.r_multiple) == (True, 0.05, 1.0)


def test_the_thought_behind_it_is_kept_on_one_line_and_cut() -> None:
    rambling = replace(signal(), reasoning="it  rises\n\nand\trises " + "x" * 600)

    insight = learned(trade(), decision(rambling)).experience.insight

    assert insight.startswith("it rises and rises xxx")
    assert len(insight) == 500


def test_a_trade_without_a_signal_teaches_without_an_insight() -> None:
    lived = learned(trade(), decision(None)).experience

    assert (lived.insight, lived.confidence_ratio) == ("", 0.0)


def test_the_lesson_says_what_happened_in_a_sentence() -> None:
    entry = decision(signal(), conditions=Conditions({"trend": "bull", "adx": "high"}, {}), regime="bull trending")

    lesson = learned(trade(), entry).lesson

    assert lesson.learned_at - MONDAY == timedelta(hours=12)
    assert lesson.text == (
        "Long BTC/USDC in a bull trending market ended by target after 12 h: +5.00 % (+1.00 R) net, "
        "before costs +6.00 % at best, -1.00 % at worst. At entry: trend bull, adx high."
    )


def test_without_a_first_risk_there_is_no_multiple_of_it() -> None:
    assert "R)" not in learned(trade(r=None), decision(signal())).lesson.text


def test_what_was_stated_and_what_the_guards_saw_is_kept_beside_what_was_paid() -> None:
    """Decided at 100, filled at 100.5: the limits were held against the price of the decision."""
    wanted = replace(signal(Action.BUY, "98", "104", confidence=0.55), stated_ratio=0.72)
    slipped = replace(trade(), entry_price=d("100.5"), initial_stop_price=d(98))

    told = learned(slipped, decision(wanted)).experience

    assert (told.stop_ratio, told.target_ratio, told.reward_risk) == (0.02, 0.04, 2.0)
    assert (told.confidence_ratio, told.stated_ratio, told.stated) == (0.55, 0.72, 0.72)
