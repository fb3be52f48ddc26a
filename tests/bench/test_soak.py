"""The whole host through a simulated day of faults, against the same day without one; how a soak is read."""

from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal

import pytest

from bench.soak import Asked, Came, Day, differing, lived, reasons, slope
from bench.weather import MENDABLE

A_DAY = Asked(days=1, history_days=1, seed=3, per_day=0)


@pytest.fixture(scope="module")
def runs() -> dict[str, Came]:
    kinds = ("none", "mendable")
    return dict(zip(kinds, lived(A_DAY, *kinds), strict=True))


def test_faults_that_mend_leave_the_ledger_of_fair_weather(runs: dict[str, Came]) -> None:
    fair, foul = runs["none"], runs["mendable"]

    assert set(foul.loose) == {f"{part} {kind}" for part, kinds in MENDABLE.items() for kind in kinds}
    assert sum(foul.met.values()) >= 10 and not fair.met
    assert len(fair.entries) > 12 + 6, "each bar of two pairs was decided on, and equity marked"
    assert differing(fair, foul) == []
    assert fair.digest == foul.digest


def test_faults_leave_no_task_no_untold_fact_no_mail_and_no_flood(runs: dict[str, Came]) -> None:
    for run in runs.values():
        assert run.orphans == []
        assert (run.untold, run.mail_left, run.mail_dropped, run.problems) == (0, 0, 0, [])
        assert Decimal(run.missing_quote) == 0, "cash and positions are what the fills made of them"
        assert run.most_in_an_hour <= 20
        assert max(day.tasks for day in run.days) <= run.days[0].tasks + 6
    assert runs["none"].posts == runs["mendable"].posts
    assert runs["none"].posts["Semantic Signal is connected"] == 1


# --- How it is read -------------------------------------------------------------------------------------------------


def came(**subjects: str) -> Came:
    ids = {"one": "DecisionMade:1", "two": "EquityMarked:2"}
    entries = [(ids[name], '{"id":1}', text) for name, text in subjects.items()]
    return Came(asdict(Asked()), digest=str(subjects), entries=entries)


def test_a_slope_is_of_the_days_after_the_warm_up_and_of_those_that_are_known() -> None:
    def days(rss: Callable[[int], float | None]) -> list[Day]:
        return [Day("", 0.0, rss(day), *(0,) * 8, 0.0) for day in range(20)]

    assert slope(days(lambda day: 300 + 100 * min(day, 5) + 2 * day), "chroma_mb") == 2
    assert slope(days(lambda day: None if day % 7 == 0 else 3.0 * day), "chroma_mb") == 3


def test_what_is_otherwise_is_told_by_its_reason_and_what_has_none_is_unexplained() -> None:
    fair = came(one='{"notes":[]}', two='{"equity":1}')

    assert differing(fair, fair) == []
    assert reasons(fair, came(one='{"notes":[]}', two='{"equity":2}')) == {"UNEXPLAINED": 1}
    assert reasons(fair, came(one='{"refusals":[{"guard":"model"}]}', two='{"equity":2}')) == {
        "no model answered: held": 1, "after the first of these, and not told apart from what follows of it": 1
    }  # fmt: skip
