"""Forecasts of a ledger's decisions, resolved by hand."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from world import BTC, ETH, MONDAY, decision

from semanticsignal.domain.decision import Action, Decision, Forecast, Signal
from semanticsignal.domain.market import Symbol
from semanticsignal.logic.evaluate.forecasts import Forecasts
from semanticsignal.logic.evaluate.recalibration import Resolved

H4 = timedelta(hours=4)


def made(bar: int, price: str, p_up: float | None = None, symbol: Symbol = BTC, *, is_forced: bool = False) -> Decision:
    said = None if p_up is None else Signal(Action.HOLD, 0.7, "", Forecast(p_up=p_up, p_up_24h=1 - p_up))
    return decision(said, price, symbol=symbol, closed_at=at(bar), is_forced=is_forced)


def at(bar: int) -> datetime:
    return MONDAY + bar * H4


def kept(decisions: Iterable[Decision]) -> Forecasts:
    forecasts = Forecasts()
    for one in decisions:
        forecasts.add(one)
    return forecasts


ROWS = [made(0, "100", 0.6), made(0, "10", 0.3, ETH), made(1, "101", 0.7), made(1, "9", 0.2, ETH), made(2, "99")]


def test_each_pair_is_resolved_by_its_own_closes_in_order_of_time() -> None:
    found = kept(ROWS).resolved(H4, lambda forecast: forecast.p_up)

    assert found == [Resolved(at(0), 0.6, True), Resolved(at(0), 0.3, False), Resolved(at(1), 0.7, False)]
    assert kept(ROWS).resolved(2 * H4, lambda forecast: forecast.p_up_24h) == [Resolved(at(0), 0.4, False)]


def test_the_order_in_which_they_come_is_all_one() -> None:
    def at_btc(rows: Iterable[Decision]) -> list[Resolved]:
        return kept(one for one in rows if one.symbol == BTC).resolved(H4, lambda forecast: forecast.p_up)

    assert at_btc(reversed(ROWS)) == at_btc(ROWS) != []


def test_of_who_is_not_counted_only_the_close_is_kept() -> None:
    forecasts = Forecasts()
    forecasts.add(made(0, "100", 0.6))
    forecasts.add(made(1, "101", 0.7), is_counted=False)
    forecasts.add(made(2, "102", 0.8))

    assert forecasts.resolved(H4, lambda forecast: forecast.p_up) == [Resolved(at(0), 0.6, True)]


def test_a_forced_decision_was_made_at_no_close() -> None:
    rows = [made(0, "100", 0.6), made(1, "101", 0.7, is_forced=True)]

    assert kept(rows).resolved(H4, lambda forecast: forecast.p_up) == []
