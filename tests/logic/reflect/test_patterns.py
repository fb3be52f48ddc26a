"""What a rule may be about: what was known at entry, and nothing else."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from world import lived

from semanticsignal.domain.learning import Conditions
from semanticsignal.domain.trading import ExitReason, Side
from semanticsignal.logic.reflect.patterns import patterns

HIGH = Conditions({"adx": "high"}, {})


def test_trades_are_compared_by_direction_regime_strength_of_trend_and_plan() -> None:
    found = patterns(lived("a", conditions=HIGH, stop_ratio=0.025, reward_risk=1.7))

    assert list(found) == [
        "long in bull trending",
        "long in bull trending, ADX high",
        "long in bull trending, ADX high, stop 2 to 4 %",
        "long in bull trending, ADX high, reward/risk under 2",
    ]
    assert found["long in bull trending, ADX high, stop 2 to 4 %"] == {
        "side": "long", "regime": "bull trending", "adx": "high", "stop": "2 to 4 %",
    }  # fmt: skip


def test_the_other_direction_is_another_pattern() -> None:
    long, short = (patterns(lived("a", side=side, conditions=HIGH)) for side in Side)

    assert not long.keys() & short.keys()


def test_what_is_not_known_is_no_trait() -> None:
    assert list(patterns(lived("a", conditions=Conditions({}, {})))) == ["long in bull trending"]
    assert patterns(lived("a", regime="")) == {}


def test_the_edge_of_a_band_belongs_to_the_wider_one() -> None:
    found = patterns(lived("a", conditions=HIGH, stop_ratio=0.04, reward_risk=2.0))

    assert "long in bull trending, ADX high, stop 4 % and more" in found
    assert "long in bull trending, ADX high, reward/risk 2 to 3" in found


@given(
    exit=st.sampled_from(ExitReason),
    made=st.floats(-1, 1),
    worst=st.floats(-1, 0),
    best=st.floats(0, 1),
    is_win=st.booleans(),
)
def test_how_it_ended_is_in_no_pattern(exit: ExitReason, made: float, worst: float, best: float, is_win: bool) -> None:
    one = lived("a", conditions=HIGH, stop_ratio=0.025, reward_risk=1.7)
    ended = replace(
        one, exit_reason=exit, return_ratio=made, r_multiple=made, mae_ratio=worst, mfe_ratio=best, is_win=is_win
    )

    assert patterns(ended) == patterns(one)
