"""What a refused entry would have come to: by the same stops, targets, slippage and fees as what was done."""

from datetime import timedelta
from decimal import Decimal

import pytest
from world import BTC, H4, MONDAY, RULES, bars, d

from semanticsignal.domain.learning import Conditions, End, Hindsight, RefusedEntry
from semanticsignal.domain.market import Timeframe
from semanticsignal.domain.policy import Paper
from semanticsignal.domain.trading import Side
from semanticsignal.logic.execute.hindsight import hindsight

FREE = Paper(fee_ratio=Decimal(0), slippage_bps=Decimal(0))


def refused(side: Side = Side.LONG, stop: str = "95", target: str = "110") -> RefusedEntry:
    return RefusedEntry(
        id="r", symbol=BTC, timeframe=Timeframe.H4, side=side, refused_at=MONDAY + H4, price=d(100), stop_price=d(stop),
        target_price=d(target), confidence_ratio=0.7, guards=("cooldown",), conditions=Conditions({}, {}),
        regime="bull trending",
    )  # fmt: skip


def came(
    *rows: tuple[float, ...], of: RefusedEntry | None = None, paper: Paper = FREE, horizon: int = 5
) -> Hindsight | None:
    """The bar before the refusal, then these."""
    return hindsight(of or refused(), bars([(100, 100, 100, 100), *rows]), (paper, RULES), horizon)


def test_a_target_that_trades_is_what_it_would_have_made() -> None:
    found = came((100, 104, 99, 103), (103, 111, 102, 108))

    assert found is not None
    assert (found.end, found.bars, found.closed_at) == (End.TARGET, 2, MONDAY + 3 * H4)
    assert found.return_ratio == pytest.approx(0.10)
    assert found.r_multiple == pytest.approx(2.0)
    assert found.is_win


def test_a_stop_and_a_target_in_one_bar_count_as_the_stop() -> None:
    found = came((100, 111, 94, 108))

    assert found is not None
    assert (found.end, found.bars) == (End.STOP, 1)
    assert found.r_multiple == pytest.approx(-1.0)


def test_a_gap_fills_at_the_open() -> None:
    found = came((100, 101, 99, 100), (90, 92, 89, 91))

    assert found is not None
    assert found.r_multiple == pytest.approx(-2.0)
    assert found.closed_at == MONDAY + 3 * H4


def test_what_neither_level_ends_ends_at_the_close_of_its_last_bar() -> None:
    found = came((100, 101, 99, 100), (100, 103, 99, 102), (102, 200, 1, 150), horizon=2)

    assert found is not None
    assert (found.end, found.bars, found.closed_at) == (End.TIME, 2, MONDAY + 3 * H4)
    assert found.return_ratio == pytest.approx(0.02)


def test_nothing_is_said_before_it_is_known() -> None:
    assert came((100, 101, 99, 100), (100, 103, 99, 102)) is None
    assert came() is None


def test_bars_that_begin_after_the_refusal_tell_nothing() -> None:
    late = bars([(100, 111, 94, 108)] * 6, opened_at=MONDAY + 2 * H4)

    assert hindsight(refused(), late, (FREE, RULES), 5) is None


def test_the_bar_of_the_decision_itself_is_not_looked_at() -> None:
    market = bars([(100, 111, 94, 100), (100, 101, 99, 100)])

    assert hindsight(refused(), market, (FREE, RULES), 5) is None


def test_a_short_wins_where_the_price_falls() -> None:
    found = came((100, 101, 89, 91), of=refused(Side.SHORT, "105", "90"))

    assert found is not None
    assert (found.end, found.return_ratio) == (End.TARGET, pytest.approx(0.10))


def test_fees_and_slippage_are_paid_as_in_any_trade() -> None:
    """Bought at 100 and 2 bps, on the tick 100.02; the stop at 95 sells 2 bps lower at 94.98; 0.075 % of each."""
    found = came((100, 100, 94, 95), paper=Paper())

    assert found is not None
    gross = (94.98 - 100.02) / 100.02
    fees = 0.00075 * (100.02 + 94.98) / 100.02
    assert found.return_ratio == pytest.approx(gross - fees, rel=1e-9)


def test_a_hole_in_the_bars_does_not_lengthen_the_time() -> None:
    first = bars([(100, 100, 100, 100), (100, 101, 99, 100)])
    later = bars([(100, 120, 99, 101)], opened_at=MONDAY + 7 * H4)
    columns = [[*getattr(first, name), *getattr(later, name)] for name in ("open", "high", "low", "close", "volume")]
    with_hole = type(first)(BTC, Timeframe.H4, "hand", [*first.opened_ms, *later.opened_ms], *columns)

    found = hindsight(refused(), with_hole, (FREE, RULES), 5)

    assert found is not None
    assert (found.end, found.closed_at, found.return_ratio) == (End.TIME, MONDAY + timedelta(hours=24), 0.0)


@pytest.mark.parametrize("first", [112, 93, 110, 95])
def test_an_order_whose_first_price_has_jumped_a_level_would_have_expired_and_is_no_hindsight(first: int) -> None:
    assert came((first, first + 1, first - 1, first), horizon=1) is None
