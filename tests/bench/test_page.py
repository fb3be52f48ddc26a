"""Which aims the page of the benchmarks calls missed, and of what day each figure is."""

import json
from dataclasses import asdict, replace
from datetime import date
from decimal import Decimal

import pytest

from bench import soak, stopping
from bench.__main__ import HEAD, PAGE, RESULTS, line, merged, page, row
from bench.measures import Figure
from bench.soak import Asked, Came, Day

TODAY = "2026-11-28"
QUIET = Came(asdict(Asked()), days=[Day("", 300.0, 60.0, *(0,) * 8, 0.0)] * 9, missing_quote="0")


def is_bold(figure: Figure) -> bool:
    return f"**{figure.aim}**" in line(row(figure, "soak", TODAY))


def missed(*runs: Came) -> set[str]:
    """In a soak of three runs, each of another weather."""
    lived = dict(zip(("none", "mendable", "lossy"), runs, strict=True))
    return {figure.name for figure in soak.figures(lived) if is_bold(figure)}


@pytest.mark.parametrize("quote", ["500", "-500", "-1E-18"])
def test_money_that_is_missing_or_too_much_in_one_run_of_three_is_missed(quote: str) -> None:
    odd = replace(QUIET, missing_quote=str(Decimal(quote)))

    assert missed(QUIET, QUIET, odd) == missed(odd, odd, odd) == {"soak: money missing"}
    assert missed(QUIET, QUIET, QUIET) == set()


def test_a_soak_is_as_good_as_the_worst_of_its_three_runs() -> None:
    def steep(kb_a_day: float) -> Came:
        return replace(QUIET, days=[replace(QUIET.days[0], rss_mb=300 + day * kb_a_day / 1e3) for day in range(9)])

    assert missed(steep(172.0), steep(177.5), steep(204.8)) == {"soak: resident, slope after the warm-up"}
    assert missed(QUIET, QUIET, replace(QUIET, orphans=["one"] * 7)) == {"soak: orphan tasks"}
    assert missed(QUIET, QUIET, replace(QUIET, most_in_an_hour=21)) == {
        "soak: the same line in one simulated hour, at most"
    }


def test_three_slow_stops_of_eight_break_the_promise_and_three_slow_charts_do_not() -> None:
    """The median of both is 1 s."""
    samples = [1.0] * 5 + [9.0] * 3

    assert is_bold(Figure("stop: running", "s", samples, stopping.AIM))
    assert not is_bold(Figure("chart", "s", samples, "<= 5"))


@pytest.mark.parametrize(
    ("aim", "bold"),
    [("<= 2", False), ("<= 1", True), (">= 2; 300", False), (">= 3; 2", True), ("max <= 3", False), ("max <= 2", True),
     ("min >= 1", False), ("min >= 2", True), ("", False)],
)  # fmt: skip
def test_an_aim_is_of_the_median_unless_it_says_otherwise(aim: str, bold: bool) -> None:
    assert is_bold(Figure("replay", "s", [1.0, 2.0, 3.0], aim)) is bold


def test_what_is_no_number_reaches_no_aim_and_an_aim_that_cannot_be_read_is_none() -> None:
    assert is_bold(Figure("one", "s", [float("nan")], "<= 5")) and is_bold(Figure("one", "s", [float("nan")], ">= 5"))
    with pytest.raises(ValueError, match="was below 5"):
        is_bold(Figure("one", "s", [1.0], "below 5"))


def test_a_figure_keeps_the_day_on_which_it_was_measured() -> None:
    before = [row(Figure(name, "ms", [3.0]), "chart", "2026-11-22") for name in ("chart", "recall")]

    rows = merged(before, [row(Figure("chart", "ms", [2.0]), "chart", TODAY)])

    told = page({"cpu": "2 x one", "python": "3.11"}, rows).splitlines()
    assert told[-2:] == [
        "| chart | ms | 1 | 2 | 2 | 2 |  | 2026-11-28 |",
        "| recall | ms | 1 | 3 | 3 | 3 |  | 2026-11-22 |",
    ]
    assert "2026" not in HEAD.format(cpu="one", python="3.11")


def test_the_page_is_what_the_results_say_each_with_its_day() -> None:
    told = json.loads(RESULTS.read_text())

    assert PAGE.read_text() == page(told["machine"], told["results"]), "python -m bench writes it anew"
    assert all(date.fromisoformat(one["on"]) for one in told["results"])
