"""Whether a record can be told from luck, in words."""

import pytest

from semanticsignal.domain.luck import Estimate
from semanticsignal.logic.evaluate.luck import verdict


def mean_r(low: float | None, high: float | None, n: int = 80, why: str | None = None) -> Estimate:
    return Estimate("mean_r", 0.1, low, high, "trades", n, float(n), None, "", why)


@pytest.mark.parametrize(
    ("figure", "judged", "said"),
    [
        (mean_r(-0.2, 0.4), "unclear", "Nothing shows an edge yet"),
        (mean_r(0.05, 0.4), "edge", "more than luck explains"),
        (mean_r(-0.5, -0.1), "loss", "more than bad luck explains"),
        (mean_r(0.05, 0.4, n=12), "edge", "rough guess"),
        (mean_r(None, None, n=3, why="too few"), "nothing", "Nothing can be told from luck yet: too few."),
        (mean_r(None, None, n=0), "nothing", "No trade has closed yet"),
    ],
)
def test_the_mean_result_says_whether_it_is_luck(figure: Estimate, judged: str, said: str) -> None:
    found = verdict([figure])

    assert found[0] == judged
    assert said in found[1]


def test_without_stops_the_result_in_money_says_it() -> None:
    in_money = Estimate("expectancy", 2.0, 0.5, 4.0, "trades", 80, 80.0, None, "", None)

    assert verdict([mean_r(None, None, n=0), in_money])[0] == "edge"
