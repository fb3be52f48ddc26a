"""What worked, and when: counted by hand, with how little a handful of trades says."""

from datetime import timedelta

import pytest
from world import MONDAY, lived

from semanticsignal.domain.learning import Conditions
from semanticsignal.domain.odds import wilson
from semanticsignal.domain.trading import ExitReason, Side
from semanticsignal.logic.show.worked import GroupView, WorkedView, run, worked

DAY = timedelta(days=1)
TRADES = [
    lived("a", conditions=Conditions({"adx": "high"}, {}), return_ratio=0.04, r_multiple=2.0),
    lived("b", conditions=Conditions({"adx": "high"}, {}), return_ratio=-0.02, r_multiple=-1.0, is_win=False,
          exit_reason=ExitReason.STOP),
    lived("c", side=Side.SHORT, confidence_ratio=0.55, return_ratio=0.01, r_multiple=None),
]  # fmt: skip


def group(view: WorkedView, by: str, name: str) -> GroupView:
    (found,) = [one for one in view.groups if (one.by, one.name) == (by, name)]
    return found


def test_trades_are_counted_whole_and_by_what_they_had_in_common() -> None:
    told = worked(TRADES, None, MONDAY)

    whole = told.groups[0]
    assert (whole.by, whole.trades, whole.wins) == ("all", 3, 2)
    assert whole.mean_return_ratio == pytest.approx(0.01)
    assert whole.mean_r == pytest.approx(0.5)  # of the two that have one
    high = group(told, "adx", "high")
    assert (high.trades, high.wins, high.mean_return_ratio) == (2, 1, pytest.approx(0.01))
    assert group(told, "side", "short").mean_r is None
    assert (group(told, "exit", "stop").wins, group(told, "confidence", "50 to 70 %").trades) == (0, 1)


def test_trades_that_were_open_at_once_make_a_share_no_surer_than_one_would() -> None:
    told = worked([*TRADES, lived("d", closed_at=MONDAY - DAY)], None, MONDAY)

    # three of one day, and one of the day before: two that stand alone
    whole, first = group(told, "all", "all trades"), wilson(1.5, 2)
    assert (whole.trades, whole.wins) == (4, 3)
    assert (whole.win_low, whole.win_high) == (pytest.approx(first[0]), pytest.approx(first[1]))


def test_the_largest_group_of_a_kind_comes_first() -> None:
    told = worked(TRADES, None, MONDAY)

    assert [one.name for one in told.groups if one.by == "side"] == ["long", "short"]


def test_no_trade_is_no_group() -> None:
    assert worked([], None, MONDAY) == WorkedView(None, MONDAY, 0, ())


@pytest.mark.parametrize(
    ("wins", "trades", "low", "high"),
    [(5, 10, 0.2693, 0.7307), (0, 4, 0.0, 0.4035), (4, 4, 0.5965, 1.0), (80, 100, 0.7267, 0.8575)],
)
def test_the_interval_of_a_share_is_wilsons(wins: int, trades: int, low: float, high: float) -> None:
    """Where the score test of Wilson (1927) just does not refuse, at 90 %: worked out apart."""
    assert wilson(wins, trades) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def days(*told: tuple[int, str]) -> list[tuple[object, str]]:
    return [(MONDAY + day * DAY, regime) for day, regime in told]


def test_a_run_is_the_newest_long_enough_time_with_that_word() -> None:
    old = [(day, "bull trending") for day in range(20)]
    new = [(day, "bull ranging") for day in range(40, 50)]
    short = [(day, "bull trending") for day in range(60, 64)]
    bear = [(day, "bear trending") for day in (*range(20, 40), *range(50, 60))]

    found = run(sorted(days(*old, *new, *short, *bear)), "Bull")  # type: ignore[type-var, arg-type]

    assert found == (MONDAY + 40 * DAY, MONDAY + 49 * DAY)


def test_a_short_interruption_ends_no_run_and_a_long_one_does() -> None:
    held = run(days(*[(day, "bull x") for day in (0, 1, 2, 5, 8, 9)]), "bull")  # type: ignore[arg-type]
    broken = run(days(*[(day, "bull x") for day in (0, 4, 8, 12)]), "bull")  # type: ignore[arg-type]

    assert held == (MONDAY, MONDAY + 9 * DAY)
    assert broken is None


def test_a_word_is_a_whole_word() -> None:
    assert run(days(*[(day, "bullish x") for day in range(20)]), "bull") is None  # type: ignore[arg-type]
