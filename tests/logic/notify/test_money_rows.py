"""Every row of money that people are told, of two small trades and a day that are reckoned here by hand."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from world import H4, MONDAY, d, position

from semanticsignal.domain.ledger import Closing, Opening
from semanticsignal.domain.luck import Estimate
from semanticsignal.domain.messages import Message, Tone
from semanticsignal.domain.trading import EquityPoint, ExitReason, Fill, Position, Side, Touch
from semanticsignal.logic.execute.position import closed
from semanticsignal.logic.notify import daily, messages
from semanticsignal.logic.notify.daily import Day
from semanticsignal.logic.notify.messages import Known

KNOWN = Known(False, 14_400, Decimal("0.01"))
TUESDAY = MONDAY + timedelta(days=1)
DAWN = TUESDAY + timedelta(hours=6)


def ended(held: Position, price: str, fee: str, at: datetime, why: ExitReason) -> Closing:
    fill = Fill("exit#order", at, d(price), held.quantity, d(fee), d(0))
    return Closing(closed(held, fill, Touch(at, d(price), why, False), 7), fill)


# Long, 2 BTC at 100, stop 95, target 110; fees of 0.1 %.
#   invested  2 × 100                            = 200.00
#   1R        2 × (100 − 95)                     =  10.00
#   fees      200 × 0.1 % = 0.20 to open it, 220 × 0.1 % = 0.22 to close it at 110: 0.42
#   funding   paid, 0.38;                          with the fees: 0.42 + 0.38 = 0.80
#   gross     2 × (110 − 100)                    = +20.00
#   net       20.00 − 0.80                       = +19.20, of 200 +9.60 %, of 1R +1.92
#   on its way from 97 (−3 %) to 110 (+10 %)
HELD = position(entry_fee_quote=d("0.20"))
WON = ended(replace(HELD, lowest_price=d(97), funding_quote=d("0.38")), "110", "0.22", DAWN, ExitReason.TARGET)
# Short, 2 BTC at 100, stop 105, where it ends.
#   fees      200 × 0.1 % = 0.20, 210 × 0.1 % = 0.21: 0.41
#   funding   received, −0.29;                     with the fees: 0.41 − 0.29 = 0.12
#   gross     2 × (100 − 105)                    = −10.00
#   net       −10.00 − 0.12                      = −10.12, of 200 −5.06 %, of 1R (2 × 5 = 10) −1.012
#   on its way from 105 (−5 %) to 98 (+2 %)
SHORT = position(Side.SHORT, stop="105", target=None, entry_fee_quote=d("0.20"))
LOST = ended(replace(SHORT, lowest_price=d(98), funding_quote=d("-0.29")), "105", "0.21", MONDAY + H4, ExitReason.STOP)


def rows(told: Message) -> dict[str, str]:
    return {row.name: plain(row.value) for row in told.rows}


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_an_opened_position_says_what_is_in_it_what_is_at_risk_and_what_it_cost_to_open() -> None:
    fill = Fill("one#order", MONDAY, d(100), d(2), d("0.20"), d(0))

    assert rows(messages.opened("one", Opening(HELD, fill), KNOWN)) == {
        "Entry": "100.00 USDC",
        "Quantity": "2 BTC",
        "Invested": "200.00 USDC",
        "Stop": "95.00 USDC\n−5.00 %",
        "Target": "110.00 USDC\n+10.00 %",
        "At risk (1R)": "10.00 USDC",
        "Entry fee": "0.20 USDC",
    }


def test_a_position_stands_at_its_result_before_fees_and_funding_and_its_levels_at_their_way_from_the_mark() -> None:
    """At 104 it has made 2 × (104 − 100) = 8.00; 98.80 is 104 × 0.95, 114.40 is 104 × 1.10."""
    moved = replace(HELD, mark_price=d(104), stop_price=d("98.80"), target_price=d("114.40"), funding_quote=d("0.38"))

    told = messages.status(moved, MONDAY + 2 * H4, KNOWN)

    assert plain(told.title) == "BTC/USDC · long stands at +8.00 USDC before fees"
    assert plain(told.line) == "BTC/USDC long stands at +8.00 USDC before fees"
    assert rows(told) == {
        "Entry": "100.00 USDC",
        "Now": "104.00 USDC\n+4.00 %",
        "Result so far": "+8.00 USDC\nbefore fees and funding",
        "Stop": "98.80 USDC\n−5.00 %",
        "Target": "114.40 USDC\n+10.00 %",
        "Invested": "200.00 USDC",
        "Held": "8 h 0 min",
    }


WON_ROWS = {
    "Result after costs": "+19.20 USDC",
    "Return": "+9.60 %",
    "Times the risk (R)": "+1.92 R",
    "Entry": "100.00 USDC",
    "Exit": "110.00 USDC",
    "Held": "1 d 6 h",
    "Before costs": "+20.00 USDC",
    "Fees and funding": "0.80 USDC",
    "Worst / best on the way": "−3.00 % / +10.00 %",
}
LOST_ROWS = {
    "Result after costs": "−10.12 USDC",
    "Return": "−5.06 %",
    "Times the risk (R)": "−1.01 R",
    "Entry": "100.00 USDC",
    "Exit": "105.00 USDC",
    "Held": "4 h 0 min",
    "Before costs": "−10.00 USDC",
    "Fees and funding": "0.12 USDC",
    "Worst / best on the way": "−5.00 % / +2.00 %",
}


@pytest.mark.parametrize(
    ("done", "side", "how", "tone", "expected"),
    [(WON, "long", "at its target", Tone.GAIN, WON_ROWS), (LOST, "short", "at its stop", Tone.LOSS, LOST_ROWS)],
    ids=["a long that paid funding", "a short that received it"],
)
def test_an_exit_says_its_result_after_costs_and_what_these_were(
    done: Closing, side: str, how: str, tone: Tone, expected: dict[str, str]
) -> None:
    told, net = messages.closed(done, "", KNOWN), {"long": "+19.20 USDC", "short": "−10.12 USDC"}[side]

    assert plain(told.title) == f"BTC/USDC · {side} closed, {net}"
    assert plain(told.line) == f"BTC/USDC {side} closed {how}: {net}"
    assert told.tone is tone
    assert rows(told) == expected


def test_a_trade_whose_costs_ate_its_gain_is_told_as_a_loss() -> None:
    """At 100.10 it made 2 × 0.10 = 0.20; 0.20 to open it and 0.20 to close it leave −0.20."""
    told = messages.closed(ended(HELD, "100.10", "0.20", DAWN, ExitReason.SIGNAL), "", KNOWN)

    assert (plain(told.title), told.tone) == ("BTC/USDC · long closed, −0.20 USDC", Tone.LOSS)
    assert rows(told)["Before costs"] == "+0.20 USDC"


def estimate(name: str, value: float, low: float, high: float) -> Estimate:
    return Estimate(name, value, low, high, "trades", 2, 2.0, None, "by hand", None)  # type: ignore[arg-type]


# It began with 1,000.00.
#   Monday    the short ends at −10.12: 989.88, and nothing is open
#   Tuesday   the long ends at +19.20; another is open that cost 0.10 to open and stands at +4.50
#             balance   989.88 + 19.20 − 0.10  = 1,008.98
#             equity  1,008.98 + 4.50          = 1,013.48
#   that day  1,013.48 − 989.88                = +23.60, of 989.88 +2.384 %
#   in all    1,013.48 − 1,000.00              = +13.48, of 1,000.00 +1.348 %
#   costs     of both that closed, 0.80 + 0.12 = 0.92
#   mean      (19.20 − 10.12) / 2              = +4.54
DAY = Day(
    since=TUESDAY,
    until=TUESDAY + timedelta(days=1),
    quote="USDC",
    start_quote=d(1_000),
    before=EquityPoint(TUESDAY, d("989.88"), d("989.88"), d(0), 0),
    after=EquityPoint(TUESDAY + timedelta(days=1), d("1013.48"), d("1008.98"), d("4.50"), 1),
    trades=(LOST.trade, WON.trade),
    figures=(estimate("win_rate", 0.5, 0.1, 0.9), estimate("expectancy", 4.54, -5.5, 14.25)),
    said="",
    decisions=(),
    refused=(),
)


def test_a_day_says_what_came_of_it_and_of_all_days_with_every_cost() -> None:
    told = daily.performance(DAY, KNOWN)

    assert plain(told.title) == "Day 2026-01-06 · +23.60 USDC" and told.tone is Tone.GAIN
    assert plain(told.line) == "day 2026-01-06: +23.60 USDC, equity 1,013.48 USDC, trades closed: 1"
    assert rows(told) == {
        "That day": "+23.60 USDC\n+2.38 %",
        "Closed that day": "1, 1 won",
        "Decisions": "none",
        "Equity": "1,013.48 USDC",
        "Since the start": "+13.48 USDC\n+1.35 %",
        "Open at its end": "1, at +4.50 USDC\nbefore fees and funding",
        "Trades in all": "2, 1 won",
        "Their fees and funding": "0.92 USDC",
        "Share won": "50.0 %, at 90 % sure: 10.0 % to 90.0 %",
        "Mean of a trade": "+4.54 USDC, at 90 % sure: −5.50 USDC to +14.25 USDC",
    }


def test_the_first_day_is_measured_from_the_money_of_the_start() -> None:
    """989.88 − 1,000.00 = −10.12, which is −1.01 %; the short has closed, and nothing else has."""
    nothing_open = EquityPoint(TUESDAY, d("989.88"), d("989.88"), d(0), 0)
    monday = replace(DAY, since=MONDAY, until=TUESDAY, before=None, after=nothing_open, trades=(LOST.trade,))

    told = daily.performance(monday, KNOWN)

    assert plain(told.title) == "Day 2026-01-05 · −10.12 USDC" and told.tone is Tone.LOSS
    assert rows(told)["That day"] == rows(told)["Since the start"] == "−10.12 USDC\n−1.01 %"
    assert rows(told)["Closed that day"] == rows(told)["Trades in all"] == "1, 0 won"
    assert rows(told)["Open at its end"] == "nothing"
