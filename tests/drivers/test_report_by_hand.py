"""Figures of a report on a life of five marks and three questions to models, reckoned here by hand."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from math import sqrt
from typing import Any

import pytest
from drivers.instance import here
from drivers.test_report import home_of
from world import BTC, decision, signal

from semanticsignal.domain.asking import Attempt, Fault, Usage
from semanticsignal.domain.events import DecisionMade, EquityMarked, PostMortemWritten
from semanticsignal.domain.learning import PostMortem
from semanticsignal.domain.ledger import Entry
from semanticsignal.domain.trading import EquityPoint


def on(month: int, day: int) -> datetime:
    return datetime(2026, month, day, tzinfo=UTC)


# When, equity, open positions. From mark to mark +10 %, −5 %, +5 % and nothing.
MARKS = (
    (on(7, 10), "10000", 0), (on(7, 20), "11000", 1), (on(8, 20), "10450", 2), (on(9, 10), "10972.5", 1),
    (on(9, 20), "10972.5", 0),
)  # fmt: skip


def marked(at: datetime, equity: str, positions: int) -> Entry:
    return Entry(
        EquityMarked(at.isoformat(), at), EquityPoint(at, Decimal(equity), Decimal(equity), Decimal(0), positions)
    )


def asked(usd: str, fault: Fault | None = None) -> Attempt:
    return Attempt("gemini", "flash", on(7, 10), 1.0, Usage(100, 10, 0, Decimal(usd)), fault)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The report for machines, on bars of 4 h."""
    folder = tmp_path_factory.mktemp("life")
    made = decision(signal(), id="d1", decided_at=on(7, 10), attempts=(asked("0.0025", Fault.SCHEMA), asked("0.0125")))
    looked = PostMortem(
        PostMortem.id_of("t1"), "t1", BTC, on(7, 21), "chased", "a rise", "a fall", "wait", "gemini",
        attempts=(asked("0.005"),),
    )  # fmt: skip
    home = home_of(folder, [
        Entry(DecisionMade("d1", BTC, on(7, 10)), made), *(marked(*mark) for mark in MARKS),
        Entry(PostMortemWritten(looked.id, BTC, on(7, 21)), looked),
    ])  # fmt: skip
    done = here("report", "--home", home, "--to", "2026-10-01", "--json", "told.json", folder=folder)
    assert (done.returncode, done.stderr) == (0, "written: told.json\n")
    report: dict[str, Any] = json.loads((folder / "told.json").read_text())
    return report


def test_a_month_is_measured_from_what_it_began_with(told: dict[str, Any]) -> None:
    """1,000 of 10,000, −550 of 11,000, 522.50 of 10,450."""
    assert [(one["month"], one["begin_quote"], one["net_quote"]) for one in told["months"]] == [
        ("2026-07", "10000", "1000"), ("2026-08", "11000", "-550"), ("2026-09", "10450", "522.5")
    ]  # fmt: skip
    assert [one["return_ratio"] for one in told["months"]] == pytest.approx([0.10, -0.05, 0.05], rel=1e-12)


def test_whoever_asks_a_model_is_billed_for_decisions_and_post_mortems_also_where_no_decision_came(
    told: dict[str, Any],
) -> None:
    """0.0025 for words that made no decision, 0.0125 for those that did, 0.005 for looking back."""
    total = told["costs"]["total"]

    assert Decimal(total["cost_usd"]) == Decimal("0.02")
    assert (total["calls"], total["faults"], total["input_tokens"], total["output_tokens"]) == (3, 1, 300, 30)
    assert told["costs"]["decisions"] == 1


def test_one_open_position_is_exposure(told: dict[str, Any]) -> None:
    """At three marks of five something was open, at one of them two."""
    assert told["exposure_ratio"] == 3 / 5


def test_sortino_is_annualized_by_the_bars_of_a_year(told: dict[str, Any]) -> None:
    """The mean of +10 %, −5 %, +5 % and 0 is 2.5 %; below 0 lies −5 % alone: √(0.05² / 4) = 2.5 %. A year has 365 days
    of 6 bars: 1 × √2190."""
    assert told["sortino_annualized"] == pytest.approx(sqrt(2190), rel=1e-12)
