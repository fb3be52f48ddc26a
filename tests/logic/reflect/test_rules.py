"""When many lessons agree: rules with their evidence, and how they fall."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from world import BTC, H4, MONDAY

from semanticsignal.domain.learning import Conditions, Experience, RuleKind, RuleStatus, SemanticRule
from semanticsignal.domain.policy import Memory
from semanticsignal.domain.trading import ExitReason, Side
from semanticsignal.logic.reflect import rules

MEMORY = Memory(reflect_every=10, min_wins=5, min_losses=3)


def lived(
    number: int, return_ratio: float, side: Side = Side.LONG, adx: str = "high", regime: str = "bull trending"
) -> Experience:
    labels = {"adx": adx} if adx else {}
    return Experience(
        id=f"e{number}", trade_id=f"t{number}", symbol=BTC, side=side, opened_at=MONDAY, closed_at=MONDAY + number * H4,
        conditions=Conditions(labels, {}), regime=regime, confidence_ratio=0.7, insight="", return_ratio=return_ratio,
        r_multiple=None, is_win=return_ratio > 0, exit_reason=ExitReason.STOP, mae_ratio=0.0, mfe_ratio=0.0,
    )  # fmt: skip


def many(*returns: float) -> list[Experience]:
    return [lived(number, value) for number, value in enumerate(returns)]


def formed(experiences: Sequence[Experience], standing: Sequence[SemanticRule] = ()) -> list[SemanticRule]:
    return list(rules.formed(experiences, standing, MONDAY + 99 * H4, MEMORY))


@pytest.mark.parametrize(("closed", "due"), [(0, False), (9, False), (10, True), (11, False), (20, True)])
def test_a_reflection_is_due_at_every_tenth_trade(closed: int, due: bool) -> None:
    assert rules.is_due(closed, MEMORY) is due


def test_trades_are_compared_by_direction_regime_and_strength_of_trend() -> None:
    assert rules.pattern(lived(1, 0.1)) == "long in bull trending, ADX high"
    assert rules.pattern(lived(1, 0.1, Side.SHORT, "", "bear ranging")) == "short in bear ranging, ADX unknown"


@pytest.mark.parametrize(
    ("returns", "kind"),
    [
        ((0.1,) * 5, RuleKind.FAVOR),
        ((0.1,) * 4, None),
        ((0.1,) * 6 + (-0.1,) * 4, RuleKind.FAVOR),  # six of ten
        ((0.1,) * 5 + (-0.1,) * 4, None),  # five of nine
        ((-0.1,) * 3, RuleKind.AVOID),
        ((-0.1,) * 2, None),
        ((-0.1,) * 3 + (0.1,) * 2, RuleKind.AVOID),  # three of five
        ((-0.1,) * 3 + (0.1,) * 3, None),
        ((-0.01,) * 3 + (0.5,), None),  # mostly lost, and made money: nothing to avoid
        ((0.01,) * 5 + (-0.5,), None),  # mostly won, and lost money: nothing to favor
    ],
)
def test_counts_and_money_must_agree(returns: tuple[float, ...], kind: RuleKind | None) -> None:
    assert [rule.kind for rule in formed(many(*returns))] == ([kind] if kind else [])


def test_a_rule_carries_its_evidence() -> None:
    (rule,) = formed(many(-0.1, -0.2, -0.3, 0.1))

    assert rule.id == "rule#long in bull trending, ADX high#4"
    assert (rule.wins, rule.losses, rule.trade_ids) == (1, 3, ("t0", "t1", "t2", "t3"))
    assert rule.mean_return_ratio == pytest.approx(-0.125)
    assert (rule.status, rule.formed_at) == (RuleStatus.ACTIVE, MONDAY + 99 * H4)
    assert "AVOID" in rule.text and "1 won, 3 lost, mean -12.50 %" in rule.text


def test_each_pattern_has_its_own_rule_in_order_of_its_name() -> None:
    shorts = [lived(10 + n, -0.1, Side.SHORT) for n in range(3)]

    found = formed([*shorts, *many(-0.1, -0.1, -0.1)])

    assert [rule.pattern for rule in found] == ["long in bull trending, ADX high", "short in bull trending, ADX high"]


def test_without_new_evidence_there_is_no_new_edition() -> None:
    lost = many(-0.1, -0.1, -0.1)

    assert formed(lost, formed(lost)) == []


def test_new_evidence_for_a_rule_makes_a_new_edition() -> None:
    lost = many(-0.1, -0.1, -0.1)

    (newer,) = formed([*lost, lived(3, -0.1)], formed(lost))

    assert (newer.losses, newer.status, newer.id) == (4, RuleStatus.ACTIVE, "rule#long in bull trending, ADX high#4")


def test_a_rule_that_lost_its_agreement_goes_on_probation_then_retires_and_is_left_alone() -> None:
    lost = many(-0.1, -0.1, -0.1)
    first = formed(lost)
    mixed = [*lost, lived(3, 0.1), lived(4, 0.1), lived(5, 0.1)]

    (second,) = formed(mixed, first)
    (third,) = formed([*mixed, lived(6, 0.01)], [second])
    fourth = formed([*mixed, lived(6, 0.01), lived(7, -0.01)], [third])

    assert (second.kind, second.status) == (RuleKind.AVOID, RuleStatus.PROBATION)
    assert (third.kind, third.status) == (RuleKind.AVOID, RuleStatus.RETIRED)
    assert "no longer agreed upon" in third.text
    assert fourth == []


def test_a_rule_on_probation_that_is_confirmed_is_active_again() -> None:
    lost = many(-0.1, -0.1, -0.1)
    (second,) = formed([*lost, lived(3, 0.1), lived(4, 0.1), lived(5, 0.1)], formed(lost))

    (third,) = formed([*lost, *(lived(n, 0.1) for n in (3, 4, 5)), *(lived(n, -0.2) for n in (6, 7))], [second])

    assert (third.status, third.kind, third.wins, third.losses) == (RuleStatus.ACTIVE, RuleKind.AVOID, 3, 5)


def test_a_retired_rule_may_come_back_the_other_way_round() -> None:
    lost = many(-0.1, -0.1, -0.1)
    (retired,) = [replace(rule, status=RuleStatus.RETIRED) for rule in formed(lost)]

    (back,) = formed([*lost, *(lived(n, 0.3) for n in range(3, 9))], [retired])

    assert (back.kind, back.status, back.wins) == (RuleKind.FAVOR, RuleStatus.ACTIVE, 6)
