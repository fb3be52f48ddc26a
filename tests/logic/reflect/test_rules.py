"""When many lessons agree: found in the past, held against what comes, doubted when it turns, given up."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.rules import MEMORY, PLANTED, UNSEEN, WITHIN, Edge, first_active, given_up, holding, lived, stream
from semanticsignal.domain.learning import (
    Experience,
    Reflection,
    RuleKind,
    RuleStatus,
    SemanticRule,
    Statistics,
)
from semanticsignal.logic.reflect import rules, tally
from semanticsignal.logic.reflect.patterns import patterns

STRONG, CHANCE = Edge(0.85, 0.40), Edge(0.45, 0.45)
FEW = range(UNSEEN, UNSEEN + 10)


def last(experiences: list[Experience]) -> tuple[SemanticRule, ...]:
    *_, (_, standing) = lived(experiences)
    return standing


def sharing(experiences: list[Experience], pattern: str) -> list[Experience]:
    return [one for one in experiences if pattern in patterns(one)]


@pytest.mark.parametrize(("closed", "due"), [(0, False), (9, False), (10, True), (11, False), (20, True)])
def test_a_reflection_is_due_at_every_tenth_trade(closed: int, due: bool) -> None:
    assert rules.is_due(closed, MEMORY) is due


# --- What it is worth -----------------------------------------------------------------------------------------------


def test_a_planted_edge_is_found_in_most_markets_within_two_hundred_trades() -> None:
    """All fifty seeds are `python -m bench.rules`: at least eight of ten."""
    found = [first_active(stream(seed, WITHIN, STRONG), PLANTED) for seed in FEW]

    assert sum(one is not None for one in found) >= 7


def test_chance_makes_hardly_a_rule() -> None:
    """All seeds, and a thousand trades, are `python -m bench.rules`: at most one of ten."""
    found = [first_active(stream(seed, WITHIN, CHANCE)) for seed in range(UNSEEN, UNSEEN + 20)]

    assert sum(one is not None for one in found) <= 2


def test_an_edge_that_turns_is_doubted_and_given_up() -> None:
    def chance(number: int, name: str) -> float:
        return Edge(0.85 if number < 300 else 0.20, 0.40)(number, name)

    found = [given_up(stream(seed, 900, chance), 300) for seed in FEW]

    assert sum(was_active for was_active, _ in found) >= 5
    known = sorted(after for was_active, after in found if was_active and after is not None)
    assert len(known) >= 0.7 * sum(was_active for was_active, _ in found)
    assert known[len(known) // 2] <= 250


def test_what_loses_is_to_be_avoided() -> None:
    losing = [last(stream(seed, 400, Edge(0.10, 0.60))) for seed in FEW]

    kinds = [
        rule.kind
        for standing in losing
        for rule in standing
        if rule.pattern.startswith(PLANTED) and rule.status is RuleStatus.ACTIVE
    ]
    assert len(kinds) >= 5 and set(kinds) == {RuleKind.AVOID}


def test_an_edge_of_longs_says_nothing_of_shorts() -> None:
    """But for what chance says of them."""
    spoken = [holding(last(stream(seed, 300, STRONG))) for seed in FEW]

    assert sum(any(name.startswith("long") for name in names) for names in spoken) >= 7
    assert sum(any(name.startswith("short") for name in names) for names in spoken) <= 2


def test_one_edge_is_not_told_in_several_rules() -> None:
    """A pattern and what is finer of it say the same."""
    for seed in FEW:
        kinds = [name for name in holding(last(stream(seed, 600, STRONG))) if name.startswith(PLANTED)]

        assert len(kinds) <= 1, kinds


# --- What it is made of ---------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 10_000), count=st.integers(5, 30), inside=st.sampled_from([0.2, 0.45, 0.8]))
@settings(max_examples=25)
def test_all_its_counts_are_those_of_the_trades(seed: int, count: int, inside: float) -> None:
    experiences = stream(seed, 10 * count, Edge(inside, 0.45))

    for rule in last(experiences):
        if rule.formed_at != experiences[-1].closed_at:
            continue
        shared = sharing(experiences, rule.pattern)
        assert (rule.wins, rule.losses) == (sum(e.is_win for e in shared), sum(not e.is_win for e in shared))
        assert rule.mean_return_ratio == pytest.approx(sum(e.return_ratio for e in shared) / len(shared))
        assert rule.trade_ids == tuple(e.trade_id for e in shared)[-len(rule.trade_ids) :]
        if rule.status is not RuleStatus.RETIRED:
            assert f"{rule.found.wins} won, {rule.found.losses} lost" in rule.text
        if rule.status is not RuleStatus.RETIRED and rule.tested.trades:
            assert f"{rule.tested.wins} won, {rule.tested.losses} lost" in rule.text
        if rule.status is not RuleStatus.RETIRED and rule.others.trades:
            assert f"{rule.others.wins} won, {rule.others.losses} lost" in rule.text


@given(seed=st.integers(0, 10_000), count=st.integers(5, 30))
@settings(max_examples=25)
def test_what_it_was_found_in_never_counts_as_a_test_of_it(seed: int, count: int) -> None:
    experiences = stream(seed, 10 * count, STRONG)
    first: dict[str, int] = {}
    for so_far, standing in lived(experiences):
        for rule in standing:
            if rule.status is RuleStatus.RETIRED:
                first.pop(rule.pattern, None)
                continue
            found_at = first.setdefault(rule.pattern, so_far)
            since = sharing(experiences[found_at:so_far], rule.pattern)
            side = [e for e in experiences[found_at:so_far] if str(e.side) == rule.traits["side"]]

            assert (rule.tested.trades, rule.tested.wins) == (len(since), sum(e.is_win for e in since))
            assert rule.others.trades == len(side) - len(since)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=10)
def test_the_same_past_gives_the_same_rules(seed: int) -> None:
    one, other = (last(stream(seed, 150, STRONG)) for _ in range(2))

    assert one == other


def test_without_new_trades_nothing_is_written() -> None:
    experiences = stream(7, 200, STRONG)
    now = tally.folded(Statistics(), list(enumerate(experiences, 1)))
    before = Reflection("r", experiences[-1].closed_at, now, (), last(experiences))

    standing, editions = rules.formed(now, before, [], experiences[-1].closed_at, MEMORY)

    assert (standing, editions) == (before.rules, ())


def test_no_two_editions_have_one_name() -> None:
    experiences = stream(7, 200, STRONG)
    before, now, told = None, Statistics(), []
    for start in range(0, 200, 10):
        newest = experiences[start : start + 10]
        now = tally.folded(now, list(enumerate(newest, start + 1)))
        standing, editions = rules.formed(now, before, newest, newest[-1].closed_at, MEMORY)
        before = Reflection("r", newest[-1].closed_at, now, (), standing)
        assert {rule.id for rule in editions} <= {rule.id for rule in standing}
        told += [rule.id for rule in editions]

    assert len(told) > 20
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("chance", [STRONG, CHANCE, Edge(0.1, 0.6)])
def test_living_candidates_have_a_bound(chance: Callable[[int, str], float]) -> None:
    for _, standing in lived(stream(11, 600, chance)):
        assert sum(rule.status is not RuleStatus.RETIRED for rule in standing) <= 40
