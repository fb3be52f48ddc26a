"""Which of the past is shown: similarity and age, by hand, blind to how it ended."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from world import BTC, MONDAY

from semanticsignal.domain.learning import Conditions, Experience
from semanticsignal.domain.trading import ExitReason, Side
from semanticsignal.logic.decide.recall import SCALE, ranked, recency_ratio, vector

DAY = timedelta(days=1)


def lived(name: str = "a", closed_at: datetime = MONDAY, *, is_win: bool = True) -> Experience:
    return Experience(
        id=name,
        trade_id=name,
        symbol=BTC,
        side=Side.LONG,
        opened_at=closed_at,
        closed_at=closed_at,
        conditions=Conditions({}, {}),
        regime="",
        confidence_ratio=0.7,
        insight="",
        return_ratio=0.1 if is_win else -0.1,
        r_multiple=None,
        is_win=is_win,
        exit_reason=ExitReason.STOP,
        mae_ratio=0.0,
        mfe_ratio=0.0,
    )


def best(found: list[tuple[Experience, float]], k: int = 5) -> list[tuple[str, float]]:
    return [(one.experience.id, one.score) for one in ranked(found, MONDAY, weight=0.7, half_life_days=90, k=k)]


def test_the_score_is_seven_parts_similarity_and_three_recency() -> None:
    found = [
        (lived("old", MONDAY - 90 * DAY), 0.97),
        (lived("new", MONDAY), 0.95),
        (lived("older", MONDAY - 180 * DAY), 1.0),
        (lived("unlike", MONDAY - 90 * DAY), 0.9),
    ]

    # likeness from 0.90 to 1.00: 0.7 × 1 + 0.3 × ¼; 0.7 × 0.5 + 0.3 × 1; 0.7 × 0.7 + 0.3 × ½; 0.7 × 0 + 0.3 × ½
    assert best(found) == [
        ("older", pytest.approx(0.775)),
        ("new", pytest.approx(0.65)),
        ("old", pytest.approx(0.64)),
        ("unlike", pytest.approx(0.15)),
    ]


def test_a_narrow_band_of_likeness_weighs_as_much_as_a_wide_one() -> None:
    wide = [(lived(name, MONDAY - n * 40 * DAY), n / 3) for n, name in enumerate("abcd")]
    narrow = [(one, 0.9 + similar / 100) for one, similar in wide]

    assert [name for name, _ in best(wide)] == [name for name, _ in best(narrow)]


def test_where_all_are_as_much_alike_the_newest_come_first() -> None:
    found = [(lived("old", MONDAY - 90 * DAY), 0.8), (lived("new"), 0.8)]

    assert best(found) == [("new", pytest.approx(1.0)), ("old", pytest.approx(0.85))]


@pytest.mark.parametrize(("days", "ratio"), [(0, 1.0), (90, 0.5), (180, 0.25), (45, 0.5**0.5), (-5, 1.0)])
def test_recency_halves_every_ninety_days(days: int, ratio: float) -> None:
    assert recency_ratio(MONDAY - days * DAY, MONDAY, 90) == pytest.approx(ratio)


def test_ties_go_by_id_whatever_the_order() -> None:
    found = [(lived(name), 0.5) for name in "cab"]

    assert [name for name, _ in best(found)] == [name for name, _ in best(found[::-1])] == ["a", "b", "c"]


def test_only_the_best_are_kept() -> None:
    found = [(lived(str(n)), n / 10) for n in range(10)]

    assert [name for name, _ in best(found, k=2)] == ["9", "8"]
    assert best(found, k=0) == []


def test_the_past_is_chosen_blind_to_how_it_ended() -> None:
    found = [(lived(name, MONDAY - n * DAY, is_win=n % 2 == 0), 0.5 + n / 100) for n, name in enumerate("abcdef")]
    turned = [
        (
            replace(
                e,
                is_win=not e.is_win,
                return_ratio=-e.return_ratio,
                r_multiple=9.0,
                exit_reason=ExitReason.TARGET,
                insight="!",
            ),
            s,
        )
        for e, s in found
    ]

    assert best(found) == best(turned)


# --- Similarity -----------------------------------------------------------------------------------------------------


def test_what_is_not_known_pulls_nowhere() -> None:
    assert vector(Conditions({}, {})) == (0.0,) * len(SCALE)
    assert vector(Conditions({}, {"rsi": None, "unheard of": 5.0})) == (0.0,) * len(SCALE)


def test_each_number_is_measured_in_its_own_spread() -> None:
    point = dict(zip(SCALE, vector(Conditions({}, {"rsi": 62.4, "adx": 14.0, "atr_log": -3.03})), strict=True))

    # (62.4 − 50) / 12.4, (14 − 25) / 11, (−3.03 + 3.5) / 0.235
    assert (point["rsi"], point["adx"]) == (pytest.approx(1), pytest.approx(-1))
    assert point["atr_log"] == pytest.approx(2)


def test_an_outlier_is_clipped_and_volatility_less_so() -> None:
    point = dict(zip(SCALE, vector(Conditions({}, {"rsi": 1e9, "atr_log": 1e9, "adx": -1e9})), strict=True))

    assert (point["rsi"], point["adx"], point["atr_log"]) == (4.0, -4.0, 8.0)
