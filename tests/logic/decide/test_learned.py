"""What closed trades taught, where it is used: limits that only rise, sizes that only shrink, words in the prompt."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import MONDAY, settings, signal

from semanticsignal.domain.decision import Action
from semanticsignal.domain.learning import Conditions, Reflection, Statistics, Tally, Threshold
from semanticsignal.domain.policy import Risk
from semanticsignal.logic.decide import learned
from semanticsignal.logic.reflect import thresholds

WHOLE = Tally(20, 10, 0.03, 0.01)
SOME = Statistics(
    99, MONDAY, WHOLE,
    {
        "confidence high": Tally(12, 8, 0.06, 0.004), "confidence medium": Tally(8, 3, -0.03, 0.006),
        "side long": WHOLE, "adx high": Tally(16, 10, 0.05, 0.006), "adx low": Tally(4, 1, -0.02, 0.004),
        "factor trend high": Tally(5, 4, 0.02, 0.001), "factor [rules] buy high": WHOLE,
    },
)  # fmt: skip


def reflection(*moved: Threshold, statistics: Statistics = SOME) -> Reflection:
    return Reflection("reflection#20", MONDAY, statistics, moved, ())


def test_before_anything_is_learned_nothing_is_told() -> None:
    few = replace(SOME, whole=Tally(4, 2, 0.0, 0.0))

    assert list(learned.told(None)) == []
    assert list(learned.told(reflection(statistics=few))) == []


def test_it_is_told_how_often_each_kind_won_where_there_are_five() -> None:
    """Half of all won, so five won and five lost are added: of Beta(8, 10) and Beta(13, 9), 5 % lie below and above,
    by sums of exact binomials."""
    assert list(learned.told(reflection())) == [
        "[learned]",
        "of all trades: 10 of 20 won, mean +0.15 %, as of 2026-01-05T00:00+00:00",
        "by confidence: medium 3 of 8 won, mean -0.38 %, between 26% and 64% win; "
        "high 8 of 12 won, mean +0.50 %, between 42% and 76% win",
        "by side: long 10 of 20 won, mean +0.15 %",
        "by adx: high 10 of 16 won, mean +0.31 %",
        "by factor trend: high 4 of 5 won, mean +0.40 %",
    ]


def test_what_moved_is_told_with_what_it_was_and_who_enforces_it() -> None:
    said = list(
        learned.told(
            reflection(
                Threshold("min_reward_risk", 1.75, 1.5, 41, -0.012, -0.003),
                Threshold("min_confidence_ratio", 0.55, 0.55),
                Threshold("adx_strong", 23.5, 25.0, 30, 0.001, 0.004),
                Threshold("reduce_mixed_ratio", 0.166667, 0.0, 40, -0.01, -0.001),
            )
        )
    )

    assert said[-3:] == [
        "raised_limits, enforced: min_reward_risk 1.5 -> 1.75 (41 trades)",
        "reduced_sizes, enforced: reduce_mixed_ratio 0 -> 0.1667 (40 trades)",
        "for_your_judgment: adx_strong 25 -> 23.5 (ADX from which a trend is strong, 30 trades)",
    ]


def test_no_words_of_others_are_told() -> None:
    assert "[rules]" not in "".join(list(learned.told(reflection()))[1:])


def test_it_is_short_whatever_there_is() -> None:
    moved = [replace(one, value=one.default + 1) for one in thresholds.learned(SOME, settings())]
    words = [f"{kind} {word}" for kind in ("confidence", "adx") for word in learned.WORDS]
    words += [f"factor {factor} {word}" for factor in learned.FACTORS for word in learned.WORDS]
    words += [f"alignment {word}" for word in ("aligned", "mixed", "divergent")] + ["side long", "side short"]
    said = list(learned.told(reflection(*moved, statistics=replace(SOME, by_trait=dict.fromkeys(words, WHOLE)))))

    assert len(said) <= 25
    assert all(one.name in "".join(said) for one in moved)


# --- Limits and sizes -----------------------------------------------------------------------------------------------


def test_limits_are_those_of_the_settings_as_long_as_nothing_was_learned() -> None:
    assert learned.stricter(Risk(), None) == Risk()
    assert learned.stricter(Risk(), reflection()) == Risk()


def test_limits_that_were_raised_are_in_force() -> None:
    raised = reflection(
        Threshold("min_reward_risk", 1.75, 1.5, 41),
        Threshold("min_reward_risk_chop", 1.3, 1.2, 20),
        Threshold("min_confidence_ratio", 0.6, 0.55, 30),
    )

    assert learned.stricter(Risk(), raised) == replace(
        Risk(), min_reward_risk=1.75, min_reward_risk_chop=1.3, min_confidence_ratio=0.6
    )


@given(st.floats(0, 3), st.floats(0, 3), st.floats(0, 1))
def test_no_limit_is_ever_lowered(dear: float, cheap: float, stated: float) -> None:
    after = learned.stricter(
        Risk(),
        reflection(
            Threshold("min_reward_risk", dear, 1.5),
            Threshold("min_reward_risk_chop", cheap, 1.2),
            Threshold("min_confidence_ratio", stated, 0.55),
        ),
    )

    assert after.min_reward_risk >= 1.5
    assert after.min_reward_risk_chop >= 1.2
    assert after.min_confidence_ratio >= 0.55
    assert (after.min_stop_ratio, after.max_stop_ratio) == (Risk().min_stop_ratio, Risk().max_stop_ratio)


REDUCED = reflection(Threshold("reduce_mixed_ratio", 0.2, 0.0, 40), Threshold("reduce_divergent_ratio", 0.4, 0.0, 40))


@pytest.mark.parametrize(
    ("action", "label", "factor"),
    [
        (Action.BUY, "bull", 1.0),
        (Action.BUY, "mixed", 0.8),
        (Action.BUY, "bear", 0.6),
        (Action.SELL, "bear", 1.0),
        (Action.SELL, "bull", 0.6),
        (Action.CLOSE, "bear", 1.0),
        (Action.BUY, None, 1.0),
    ],
)
def test_an_entry_is_smaller_where_the_timeframes_are_not_for_it(
    action: Action, label: str | None, factor: float
) -> None:
    conditions = Conditions({"alignment": label} if label else {}, {})

    assert learned.size_factor(signal(action), conditions, REDUCED) == pytest.approx(factor)
    assert learned.size_factor(signal(action), conditions, reflection()) == 1.0
    assert learned.size_factor(signal(action), conditions, None) == 1.0


@given(st.floats(-5, 5))
def test_no_size_ever_grows(reduced: float) -> None:
    said = reflection(Threshold("reduce_mixed_ratio", reduced, 0.0, 40))

    assert 0 <= learned.size_factor(signal(Action.BUY), Conditions({"alignment": "mixed"}, {}), said) <= 1


def test_without_a_signal_there_is_nothing_to_make_smaller() -> None:
    assert learned.size_factor(None, Conditions({"alignment": "mixed"}, {}), REDUCED) == 1.0


def test_what_is_learned_is_what_is_used() -> None:
    """Each name that is used is one that is learned."""
    known = {one.name for one in thresholds.learned(Statistics(), settings())}

    assert known == {*learned.LIMITS, *learned.REDUCTIONS, *learned.ADVICE}
