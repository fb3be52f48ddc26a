"""Each guard with its boundary on both sides, and what the judge makes of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import BTC, ETH, H4, MONDAY, d, position, settings, signal, snapshot

from semanticsignal.domain.analysis import Phase
from semanticsignal.domain.decision import Action, Briefing, Calibration, Refusal, Signal, Verdict
from semanticsignal.domain.learning import Conditions, Experience, Recalled, Reflection, Statistics, Threshold
from semanticsignal.domain.market import MarketKind
from semanticsignal.domain.policy import Memory, Risk
from semanticsignal.domain.trading import Account, ExitReason, Order, Portfolio, Position, Purpose, Side, Trade
from semanticsignal.logic.decide import guards, judge

NOW = MONDAY + H4
SECOND = timedelta(seconds=1)
FLAT = Portfolio(0, Account(d(10_000)))
GOOD = signal(Action.BUY, "98", "104")
ABOUT = Briefing(snapshot(), FLAT, MarketKind.SPOT, d("0.01"))


def trade(pnl: str, closed_at: datetime = NOW) -> Trade:
    return Trade(
        id="t",
        number=1,
        position_id="p",
        decision_id="x",
        symbol=ETH,
        kind=MarketKind.SPOT,
        side=Side.LONG,
        quantity=d(1),
        entry_price=d(100),
        exit_price=d(100),
        opened_at=MONDAY,
        closed_at=closed_at,
        stop_price=d(95),
        initial_stop_price=d(95),
        target_price=None,
        gross_pnl_quote=d(pnl),
        fees_quote=d(0),
        funding_quote=d(0),
        realized_pnl_quote=d(pnl),
        return_ratio=0.0,
        r_multiple=None,
        mae_ratio=0.0,
        mfe_ratio=0.0,
        exit_reason=ExitReason.STOP,
        is_ambiguous=False,
    )


def refused(
    of: Signal = GOOD,
    portfolio: Portfolio = FLAT,
    trades: Sequence[Trade] = (),
    entered_at: datetime | None = None,
    *,
    phase: Phase = Phase.TRENDING,
    late: timedelta = timedelta(0),
    **overrides: object,
) -> list[str]:
    seen = snapshot("100", phase=phase, late=late)
    briefing = Briefing(seen, portfolio, MarketKind.SPOT, d("0.01"))
    return [r.guard for r in guards.entry_refusals(of, briefing, (trades, entered_at), settings(**overrides))]


def test_a_good_entry_meets_no_guard() -> None:
    assert refused() == []


def test_every_guard_speaks_not_only_the_first() -> None:
    poor = signal(Action.SELL, "100.1", "99.9", confidence=0.1)

    assert refused(poor, entered_at=NOW) == ["short_on_spot", "confidence", "stop_distance", "reward_risk", "cooldown"]


@pytest.mark.parametrize(("kind", "guards_"), [(MarketKind.SPOT, ["short_on_spot"]), (MarketKind.PERP, [])])
def test_only_a_perpetual_can_be_sold_short(kind: MarketKind, guards_: list[str]) -> None:
    assert refused(signal(Action.SELL, "102", "96"), market_kind=kind) == guards_


@pytest.mark.parametrize(("confidence", "guards_"), [(0.55, []), (0.5499, ["confidence"])])
def test_confidence(confidence: float, guards_: list[str]) -> None:
    assert refused(signal(confidence=confidence)) == guards_


@pytest.mark.parametrize(
    ("stop", "guards_"),
    [
        ("99.5", []),
        ("99.51", ["stop_distance"]),
        ("90", []),
        ("89.99", ["stop_distance"]),
        (None, ["stop_missing", "reward_risk"]),
    ],
)
def test_the_stop_lies_between_half_a_percent_and_ten(stop: str | None, guards_: list[str]) -> None:
    assert refused(signal(stop=stop, target="130")) == guards_


@pytest.mark.parametrize(
    ("phase", "target", "guards_"),
    [
        (Phase.TRENDING, "103", []),  # 3 to win, 2 to lose: 1.5
        (Phase.TRENDING, "102.99", ["reward_risk"]),
        (Phase.VOLATILE, "102.99", ["reward_risk"]),
        (Phase.RANGING, "102.4", []),  # 2.4 to 2: 1.2
        (Phase.RANGING, "102.39", ["reward_risk"]),
        (Phase.TRENDING, None, ["reward_risk"]),
    ],
)
def test_reward_to_risk_by_the_market(phase: Phase, target: str | None, guards_: list[str]) -> None:
    assert refused(signal(target=target), phase=phase) == guards_


@pytest.mark.parametrize(
    ("late", "is_forced", "is_refused"),
    [
        (H4 / 4, False, False),  # a quarter of a bar
        (H4 / 4 + SECOND, False, True),
        (H4 * 5 / 4, True, False),  # a forced one may come anywhere in the next bar
        (H4 * 5 / 4 + SECOND, True, True),
    ],
)
def test_a_decision_long_after_its_bar_opens_nothing(late: timedelta, is_forced: bool, is_refused: bool) -> None:
    found = guards.overdue(snapshot(), NOW + late, Risk(), is_forced=is_forced)

    assert (found is not None and found.guard == "stale") is is_refused


@pytest.mark.parametrize(
    ("ago", "bars", "guards_"),
    [(2 * H4, 2, []), (2 * H4 - SECOND, 2, ["cooldown"]), (timedelta(0), 1, ["cooldown"]), (timedelta(0), 0, [])],
)
def test_an_entry_waits_some_bars_after_the_last(ago: timedelta, bars: int, guards_: list[str]) -> None:
    assert refused(entered_at=NOW - ago, risk__cooldown_bars=bars) == guards_


@pytest.mark.parametrize(
    ("losses", "ago", "guards_"),
    [
        (6, timedelta(0), ["losing_streak"]),
        (5, timedelta(0), []),
        (6, 12 * H4 - SECOND, ["losing_streak"]),
        (6, 12 * H4, []),
    ],
)
def test_a_losing_streak_pauses_entries_for_twelve_bars(losses: int, ago: timedelta, guards_: list[str]) -> None:
    trades = [trade("-1", NOW - ago - n * SECOND) for n in range(losses)]

    assert refused(trades=trades) == guards_


def test_a_win_ends_a_streak_and_breaking_even_does_not() -> None:
    lost, won, even = trade("-1"), trade("1"), trade("0")

    assert refused(trades=[lost] * 5 + [won] + [lost] * 5) == []
    assert refused(trades=[lost] * 5 + [even]) == ["losing_streak"]


@pytest.mark.parametrize(("lost", "guards_"), [("-300", ["daily_loss"]), ("-299.99", [])])
def test_three_percent_lost_in_a_day_pause_entries(lost: str, guards_: list[str]) -> None:
    """3 % of a balance of 10,000."""
    assert refused(trades=[trade(lost)]) == guards_


def test_only_the_day_counts_and_wins_count_against_losses() -> None:
    today, yesterday = trade("-300", MONDAY), trade("-300", MONDAY - SECOND)

    assert refused(trades=[today]) == ["daily_loss"]
    assert refused(trades=[yesterday]) == []
    assert refused(trades=[trade("1"), today]) == []


def test_the_pause_of_a_lost_day_ends_at_midnight() -> None:
    found = guards.entry_refusals(GOOD, ABOUT, ([trade("-300")], None), settings())

    assert [refusal.until for refusal in found] == [MONDAY + timedelta(days=1)]


@pytest.mark.parametrize(
    ("peak", "ago", "guards_"),
    [
        ("13333.33", timedelta(0), []),
        ("13333.34", timedelta(0), ["drawdown"]),  # 10,000 is a quarter below 13,333.33…
        ("13333.34", 12 * H4 - SECOND, ["drawdown"]),
        ("13333.34", 12 * H4, []),
    ],
)
def test_a_fall_of_a_quarter_from_the_peak_pauses_entries_for_twelve_bars(
    peak: str, ago: timedelta, guards_: list[str]
) -> None:
    fallen = replace(FLAT, peak_equity_quote=d(peak))

    assert refused(portfolio=fallen, trades=[trade("1", NOW - ago)]) == guards_


def test_without_a_closed_trade_there_is_no_drawdown_to_wait_for() -> None:
    assert refused(portfolio=replace(FLAT, peak_equity_quote=d(20_000))) == []


@pytest.mark.parametrize(("units", "guards_"), [("50", ["exposure"]), ("49.99", [])])
def test_half_of_equity_at_work_is_enough(units: str, guards_: list[str]) -> None:
    busy = replace(FLAT, positions=(replace(position(), symbol=ETH, quantity=d(units)),))

    assert refused(portfolio=busy) == guards_


@pytest.mark.parametrize(("bars", "is_enough"), [(200, True), (199, False)])
def test_enough_bars_were_seen(bars: int, is_enough: bool) -> None:
    seen = replace(snapshot(), bars=bars)

    assert (guards.completeness(seen, settings(min_bars=200)) is None) is is_enough


@pytest.mark.parametrize(("ratio", "is_enough"), [(0.9, True), (0.8999, False)])
def test_enough_of_the_bars_were_there(ratio: float, is_enough: bool) -> None:
    seen = replace(snapshot(), completeness_ratio=ratio)

    assert (guards.completeness(seen, settings(min_completeness_ratio=0.9)) is None) is is_enough


@pytest.mark.parametrize(("score", "is_enough"), [(0.7, True), (0.6999, False)])
def test_enough_of_everything_was_known(score: float, is_enough: bool) -> None:
    seen = replace(snapshot(), score_ratio=score, missing={"order book": "crossed"})

    refusal = guards.completeness(seen, settings())

    assert (refusal is None) is is_enough
    assert refusal is None or refusal.reason.endswith("without order book")


def test_nothing_is_opened_at_a_price_that_another_venue_does_not_see() -> None:
    flags = ("prices of one alone", "price disputed: one 100, two 103, 3.0% apart")
    seen = replace(snapshot(), is_disputed=True, flags=flags)

    (refusal,) = guards.entry_refusals(GOOD, replace(ABOUT, snapshot=seen), ((), None), settings())

    assert (refusal.guard, refusal.reason) == ("price_disputed", flags[1])


# --- Moving levels --------------------------------------------------------------------------------------------------


def moved(side: Side, stop: str | None, target: str | None, price: str, **changes: object) -> str | None:
    """A long from 100 with a stop of 95 and a target of 110; a short mirrored at 105 and 90."""
    held = position(side, "100", *(("95", "110") if side is Side.LONG else ("105", "90")), **changes)
    refusal = guards.update_refusal(signal(Action.UPDATE, stop, target), held, Decimal(price), Risk())
    return refusal.guard if refusal else None


@pytest.mark.parametrize(
    ("side", "stop", "price", "guard"),
    [
        (Side.LONG, "96", "101.5", None),  # 1.5 of the 10 to the target: 15 %
        (Side.LONG, "96", "101.49", "tightened_early"),
        (Side.LONG, "95", "100", None),  # the same stop moves nothing
        (Side.LONG, "94.99", "105", "stop_loosened"),
        (Side.LONG, "105", "105", "stop_side"),
        (Side.LONG, "104.99", "105", None),
        (Side.SHORT, "104", "98.5", None),
        (Side.SHORT, "104", "98.51", "tightened_early"),
        (Side.SHORT, "105", "100", None),
        (Side.SHORT, "105.01", "95", "stop_loosened"),
        (Side.SHORT, "95", "95", "stop_side"),
        (Side.SHORT, "95.01", "95", None),
    ],
)
def test_a_stop_only_tightens_and_not_too_early(side: Side, stop: str, price: str, guard: str | None) -> None:
    assert moved(side, stop, None, price) == guard


@pytest.mark.parametrize(
    ("side", "target", "price", "guard"),
    [
        (Side.LONG, "105.01", "105", None),
        (Side.LONG, "105", "105", "target_side"),
        (Side.SHORT, "94.99", "95", None),
        (Side.SHORT, "95", "95", "target_side"),
    ],
)
def test_a_target_stays_beyond_the_price(side: Side, target: str, price: str, guard: str | None) -> None:
    assert moved(side, None, target, price) == guard


def test_without_a_target_there_is_no_way_to_measure() -> None:
    assert moved(Side.LONG, "96", None, "100.5", target_price=None) is None


# --- The judge ------------------------------------------------------------------------------------------------------


def recalled(*wins: bool) -> tuple[Recalled, ...]:
    def lived(number: int, is_win: bool) -> Experience:
        return Experience(
            id=str(number),
            trade_id=str(number),
            symbol=BTC,
            side=Side.LONG,
            opened_at=MONDAY,
            closed_at=MONDAY,
            conditions=Conditions({}, {}),
            regime="",
            confidence_ratio=0.7,
            insight="",
            return_ratio=0.0,
            r_multiple=None,
            is_win=is_win,
            exit_reason=ExitReason.STOP,
            mae_ratio=0.0,
            mfe_ratio=0.0,
        )

    return tuple(Recalled(lived(number, win), 0.9, 1.0, 0.93) for number, win in enumerate(wins))


def judged(
    of: Signal, held: Position | None = None, waiting: Order | None = None, lived: Sequence[bool] = ()
) -> tuple[Action, list[str]]:
    portfolio = replace(FLAT, positions=(held,) if held else (), orders=(waiting,) if waiting else ())
    briefing = Briefing(snapshot("100"), portfolio, MarketKind.PERP, d("0.01"), neighbors=recalled(*lived))
    verdict = judge.judged(of, briefing, ((), None), settings(market_kind=MarketKind.PERP))
    return verdict.action, [refusal.guard for refusal in verdict.refusals]


LONG, SHORT = position(Side.LONG, "100", "95", "110"), position(Side.SHORT, "100", "105", "90")


@pytest.mark.parametrize(
    ("action", "held", "done"),
    [
        (Action.BUY, None, (Action.BUY, [])),
        (Action.HOLD, None, (Action.HOLD, [])),
        (Action.CLOSE, None, (Action.HOLD, ["no_position"])),
        (Action.UPDATE, None, (Action.HOLD, ["no_position"])),
        (Action.HOLD, LONG, (Action.HOLD, [])),
        (Action.BUY, LONG, (Action.HOLD, ["already_open"])),
        (Action.SELL, LONG, (Action.CLOSE, [])),
        (Action.CLOSE, LONG, (Action.CLOSE, [])),
        (Action.SELL, SHORT, (Action.HOLD, ["already_open"])),
        (Action.BUY, SHORT, (Action.CLOSE, [])),
        (Action.CLOSE, SHORT, (Action.CLOSE, [])),
    ],
)
def test_what_becomes_of_each_wish(action: Action, held: Position | None, done: tuple[Action, list[str]]) -> None:
    assert judged(signal(action), held) == done


def test_an_opposite_signal_closes_and_does_not_flip_even_when_no_entry_would_be_allowed() -> None:
    assert judged(signal(Action.SELL, None, None, confidence=0.0), LONG) == (Action.CLOSE, [])


def test_an_update_is_done_or_refused_by_its_rules() -> None:
    far = replace(LONG, target_price=d("100.5"), entry_price=d(99))

    assert judged(signal(Action.UPDATE, "98", None), far) == (Action.UPDATE, [])
    assert judged(signal(Action.UPDATE, "94", None), far) == (Action.HOLD, ["stop_loosened"])


@pytest.mark.parametrize("action", [Action.BUY, Action.SELL, Action.CLOSE, Action.UPDATE])
def test_while_an_order_waits_nothing_else_is_done(action: Action) -> None:
    waiting = Order("o", "x", BTC, MarketKind.PERP, Purpose.OPEN, Side.LONG, d(1), MONDAY, NOW + H4, d(100))

    assert judged(signal(action), None, waiting) == (Action.HOLD, ["order_waiting"])


@pytest.mark.parametrize(
    ("lived", "confidence", "noted"),
    [
        ((True, False, False, False), 0.6, True),  # one of four: below half
        ((True, True, False, False), 0.7, False),  # exactly half
        ((True, False, False), 0.7, False),  # too few to say
        ((False,) * 5, 0.6, True),
        ((True,) * 5, 0.7, False),
        ((), 0.7, False),
    ],
)
def test_a_neighborhood_that_mostly_lost_costs_ten_points_by_code(
    lived: tuple[bool, ...], confidence: float, noted: bool
) -> None:
    lowered, notes = judge.penalized(signal(confidence=0.7), recalled(*lived), Memory())

    assert lowered.confidence_ratio == pytest.approx(confidence)
    assert lowered.stated_ratio == (0.7 if noted else None)
    assert bool(notes) is noted


def test_what_shorts_lost_costs_a_long_nothing() -> None:
    lost = recalled(*[False] * 5)
    shorts = tuple(replace(one, experience=replace(one.experience, side=Side.SHORT)) for one in lost)

    assert judge.penalized(signal(confidence=0.7), shorts, Memory()) == (signal(confidence=0.7), ())
    assert judge.penalized(signal(Action.SELL, confidence=0.7), shorts, Memory())[0].confidence_ratio < 0.7


def test_confidence_falls_no_lower_than_nothing() -> None:
    lowered, _ = judge.penalized(signal(confidence=0.05), recalled(*[False] * 4), Memory())

    assert lowered.confidence_ratio == 0.0


def test_the_penalty_decides_before_the_guards_look() -> None:
    """64 less 10 is 54, and an entry needs 55; 65 less 10 is enough."""
    losing = (False,) * 4

    assert judged(signal(confidence=0.64), lived=losing) == (Action.HOLD, ["confidence"])
    assert judged(signal(confidence=0.65), lived=losing) == (Action.BUY, [])
    assert judged(signal(confidence=0.64)) == (Action.BUY, [])


def test_the_penalty_is_for_entries_alone() -> None:
    assert judged(signal(Action.CLOSE, confidence=0.1), LONG, lived=(False,) * 5) == (Action.CLOSE, [])


def test_a_refusal_keeps_what_the_model_wanted() -> None:
    briefing = Briefing(snapshot("100"), FLAT, MarketKind.PERP, d("0.01"))

    verdict = judge.judged(signal(confidence=0.1), briefing, ((), None), settings())

    assert verdict.action is Action.HOLD
    assert verdict.signal == signal(confidence=0.1)
    assert verdict.refusals == (Refusal("confidence", "needs 55%, was 10%"),)


ENTRY = Verdict(Action.BUY, signal(Action.BUY, "98", "104", confidence=0.8), notes=("before",))


def test_a_model_that_boasts_is_read_down_and_may_not_enter() -> None:
    """Slope 0: whatever it says is worth one half."""
    found = judge.recalibrated(ENTRY, Calibration(500, 0.0), Risk())

    assert found.action is Action.HOLD
    assert [refusal.guard for refusal in found.refusals] == ["confidence"]
    assert found.signal is not None and found.signal.confidence_ratio == 0.5
    assert found.notes == (
        "before", "confidence 80% read as 50%: 500 forecasts of this model were worth a slope of 0.00",
    )  # fmt: skip


def test_half_a_slope_leaves_two_thirds_of_eight_in_ten() -> None:
    """Odds of 4 to 1 become 2 to 1."""
    found = judge.recalibrated(ENTRY, Calibration(500, 0.5), Risk())

    assert found.action is Action.BUY
    assert found.signal is not None and found.signal.confidence_ratio == pytest.approx(2 / 3, abs=1e-4)


def test_a_short_is_read_down_like_a_long() -> None:
    short = Verdict(Action.SELL, signal(Action.SELL, "102", "96", confidence=0.8))

    found = judge.recalibrated(short, Calibration(500, 0.5), Risk())

    assert found.signal is not None and found.signal.confidence_ratio == pytest.approx(2 / 3, abs=1e-4)


@pytest.mark.parametrize("known", [None, Calibration(300, 1.0), Calibration(300, 2.0)])
def test_who_is_as_right_as_they_say_or_unknown_is_taken_at_their_word(known: Calibration | None) -> None:
    assert judge.recalibrated(ENTRY, known, Risk()) == ENTRY


def test_only_entries_are_read_down() -> None:
    held = Verdict(Action.HOLD, signal(Action.BUY, confidence=0.9))

    assert judge.recalibrated(held, Calibration(500, 0.0), Risk()) == held


def taught(*thresholds: Threshold) -> Briefing:
    """A briefing at 100, after a reflection."""
    said = Reflection("r", MONDAY, Statistics(), thresholds, ())
    return Briefing(snapshot("100"), FLAT, MarketKind.PERP, d("0.01"), reflection=said)


RAISED = (
    Threshold("min_confidence_ratio", 0.62, 0.55, 34, -0.011, -0.004),
    Threshold("min_reward_risk", 1.75, 1.5, 41, -0.012, -0.003),
    Threshold("min_reward_risk_chop", 1.4, 1.2, 22, -0.012, -0.003),
)


def test_what_was_learned_refuses_and_says_from_where_and_by_how_many_trades() -> None:
    poor = signal(Action.BUY, "98", "103.4", confidence=0.6)

    assert guards.entry_refusals(poor, taught(*RAISED), ((), None), settings()) == (
        Refusal("confidence", "needs 62.0%, raised from 55% by 34 trades, was 60.0%"),
        Refusal("reward_risk", "needs 1.75 in a trending market, raised from 1.5 by 41 trades, was 1.70"),
    )


def test_a_threshold_that_did_not_move_is_not_blamed() -> None:
    still = (Threshold("min_confidence_ratio", 0.55, 0.55), Threshold("min_reward_risk", 1.5, 1.5))
    poor = signal(Action.BUY, "98", "102.9", confidence=0.54)

    assert [refusal.reason for refusal in guards.entry_refusals(poor, taught(*still), ((), None), settings())] == [
        "needs 55%, was 54%", "needs 1.5 in a trending market, was 1.45",
    ]  # fmt: skip


@pytest.mark.parametrize(("target", "guards_"), [("102.8", []), ("102.79", ["reward_risk"])])
def test_a_ranging_market_has_its_own_learned_bar(target: str, guards_: list[str]) -> None:
    briefing = replace(taught(*RAISED), snapshot=snapshot("100", phase=Phase.RANGING))
    found = guards.entry_refusals(signal(target=target), briefing, ((), None), settings())

    assert [refusal.guard for refusal in found] == guards_


@pytest.mark.parametrize(("confidence", "is_refused"), [(0.62, False), (0.6199, True)])
def test_the_learned_bar_lets_in_what_reaches_it(confidence: float, is_refused: bool) -> None:
    assert bool(guards.confidence(signal(confidence=confidence), Risk(), RAISED)) is is_refused


def test_nothing_learned_loosens_a_limit() -> None:
    """However it came there: a setting made stricter since, or a ledger that was tampered with."""
    loose = (Threshold("min_confidence_ratio", 0.1, 0.55, 99), Threshold("min_reward_risk", 0.2, 1.5, 99))
    poor = signal(Action.BUY, "98", "102.9", confidence=0.54)

    assert guards.entry_refusals(poor, taught(*loose), ((), None), settings()) == (
        Refusal("confidence", "needs 55%, was 54%"),
        Refusal("reward_risk", "needs 1.5 in a trending market, was 1.45"),
    )
    stricter = settings(risk__min_confidence_ratio=0.7)
    (refusal,) = guards.entry_refusals(signal(confidence=0.65), taught(*RAISED), ((), None), stricter)
    assert refusal.reason == "needs 70%, was 65%"


@given(st.floats(0, 1), st.floats(0, 2), st.floats(0.2, 0.9))
def test_whatever_was_learned_a_refusal_of_the_settings_stays_one(
    stated: float, learned: float, setting: float
) -> None:
    risk, of = Risk(min_confidence_ratio=setting), signal(confidence=stated)
    thresholds = (Threshold("min_confidence_ratio", learned, 0.55, 50),)

    if guards.confidence(of, risk):
        assert guards.confidence(of, risk, thresholds)


def test_the_judge_holds_an_entry_against_what_was_learned() -> None:
    verdict = judge.judged(signal(confidence=0.6), taught(*RAISED), ((), None), settings(market_kind=MarketKind.PERP))

    assert verdict.action is Action.HOLD
    assert [refusal.guard for refusal in verdict.refusals] == ["confidence"]
