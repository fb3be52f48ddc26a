"""What models cost adds up whichever way it is cut, to the last digit, and what nobody told is not nothing."""

from collections.abc import Callable, Iterable
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import d

from semanticsignal.domain.asking import Attempt, Fault, Usage
from semanticsignal.logic.show.costs import UNASKED, AccountView, Bill, CostsView, CostView, paid

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def asked(
    provider: str = "google", model: str = "gemini", at: datetime = NOON, fault: Fault | None = None, **more: Any
) -> Attempt:
    usage = Usage(*(more.get(name) for name in ("input", "output", "thinking")), cost_usd=more.get("usd"))
    return Attempt(provider, model, at, more.get("s", 1.0), usage, fault)


def view(*attempts: Attempt, days: int | None = None) -> CostsView:
    bill = Bill()
    bill.add(attempts)
    return bill.view(days)


def test_what_a_day_came_to_by_hand() -> None:
    told = view(
        asked(input=1000, output=300, thinking=200, usd=d("0.0012"), s=2.0),
        asked(input=1500, output=100, usd=d("0.00000003"), s=9.0),
        asked(fault=Fault.TIMEOUT, s=60.0),
        asked(fault=Fault.RATE_LIMIT, usd=d(0), s=0.5),
        asked(fault=Fault.BUDGET, s=0.0),
    )

    assert told.total == CostView(
        calls=4, faults=2, unasked=1, input_tokens=2500, input_untold=2, output_tokens=400, output_untold=2,
        thinking_tokens=200, thinking_untold=3, cost_usd=d("0.00120003"), cost_untold=1,
        mean_latency_s=71.5 / 4, median_latency_s=5.5,
    )  # fmt: skip
    assert [(one.day, one.cost) for one in told.days] == [(date(2026, 11, 28), told.total)]


def test_what_one_decision_cost_is_known_where_every_question_told_its_own() -> None:
    first, second, unasked = asked(usd=d("0.0012")), asked(usd=d("0.0003")), asked(fault=Fault.BUDGET)

    assert paid((first, second, unasked)) == d("0.0015")
    assert paid(()) is paid((unasked,)) is paid((first, asked())) is None


def test_a_decision_counts_on_its_day_where_a_model_was_asked_for_it() -> None:
    bill = Bill()
    bill.decided((asked(fault=Fault.TIMEOUT), asked(at=NOON + DAY)))
    bill.decided(())
    bill.decided((asked(fault=Fault.BUDGET),))
    bill.decided((asked(at=NOON + DAY),))
    bill.add((asked(at=NOON + DAY),))

    assert (bill.view().decisions, bill.view(1).decisions, view().decisions) == (2, 1, 0)


def test_nothing_asked_is_no_figure_at_all() -> None:
    told = view()

    assert (told.days, told.providers, told.models, told.earlier_days, told.budget) == ((), (), (), 0, None)
    assert (told.total.calls, told.total.faults, told.total.unasked) == (0, 0, 0)
    undefined = {field.name for field in fields(CostView) if getattr(told.total, field.name) is None}
    assert undefined == {
        "input_tokens", "output_tokens", "thinking_tokens", "cost_usd", "mean_latency_s", "median_latency_s"
    }  # fmt: skip


def test_a_cost_that_nobody_told_is_none_and_one_of_nothing_is_nothing() -> None:
    told = view(asked("local"), asked("local"), asked("google", usd=d(0)))

    costs = {one.provider: (one.cost.cost_usd, one.cost.cost_untold) for one in told.providers}
    assert costs == {"local": (None, 2), "google": (d(0), 0)}
    assert (told.total.cost_usd, told.total.cost_untold) == (d(0), 2)


@pytest.mark.parametrize("fault", Fault)
def test_only_what_never_reached_a_model_is_no_call(fault: Fault) -> None:
    said = {Fault.BUDGET, Fault.CIRCUIT, Fault.DEADLINE, Fault.UNRECORDED}

    total = view(asked(fault=fault, s=3.0)).total

    calls = 0 if fault in said else 1
    assert (total.calls, total.faults, total.unasked, total.input_untold) == (calls, calls, 1 - calls, calls)
    assert total.mean_latency_s == (3.0 if calls else None)


def test_money_is_counted_even_of_a_question_that_was_broken_off_before_it_was_asked() -> None:
    total = view(asked(fault=Fault.BUDGET, usd=d("0.01"))).total

    assert (total.calls, total.cost_usd, total.cost_untold) == (0, d("0.01"), 0)


def test_days_are_those_of_utc_newest_first() -> None:
    tokyo = timezone(timedelta(hours=9))
    told = view(
        asked(at=datetime(2026, 11, 28, 23, 59, 59, 999_999, UTC)),
        asked(at=datetime(2026, 11, 29, 8, 59, 59, tzinfo=tokyo)),
        asked(at=datetime(2026, 11, 29, 9, tzinfo=tokyo)),
        asked(at=datetime(2026, 11, 26, tzinfo=UTC)),
    )

    counted = [(one.day.isoformat(), one.cost.calls) for one in told.days]
    assert counted == [("2026-11-29", 1), ("2026-11-28", 2), ("2026-11-26", 1)]


def test_the_dearest_come_first_then_by_name() -> None:
    told = view(
        asked("b", "x"), asked("a", "z"), asked("c", "cheap", usd=d("0.1")), asked("c", "dear", usd=d("0.2")),
        asked("d", "y", usd=d("0.25")),
    )  # fmt: skip

    assert [one.provider for one in told.providers] == ["c", "d", "a", "b"]
    assert [(one.provider, one.model) for one in told.models] == [
        ("d", "y"), ("c", "dear"), ("c", "cheap"), ("a", "z"), ("b", "x")
    ]  # fmt: skip


def test_of_the_newest_days_everything_is_of_these_days() -> None:
    attempts = [asked(f"p{n}", at=NOON - n * DAY, usd=d(10**n)) for n in (0, 1, 3, 4)]

    told = view(*attempts, days=2)

    assert [one.day.day for one in told.days] == [28, 27]
    assert [one.provider for one in told.providers] == ["p1", "p0"]
    assert (told.total.cost_usd, told.total.calls, told.earlier_days) == (d(11), 2, 2)


def test_a_sum_without_end_is_none_of_the_bill() -> None:
    told = view(asked(usd=d("Infinity")), asked(usd=d("NaN")), asked(usd=d("sNaN")), asked(usd=d("0.5"))).total

    assert (told.cost_usd, told.cost_untold) == (d("0.5"), 3)


def test_the_budget_is_told_as_it_is_given() -> None:
    accounts = (AccountView("2026-11-28", d(1), d("0.31")),)

    assert Bill().view(budget=accounts).budget == accounts


# --- It adds up ------------------------------------------------------------------------------------------------------

money = st.decimals(0, 1_000_000_000, places=30, allow_nan=False, allow_infinity=False)
tokens = st.none() | st.integers(0, 10**9)
attempts = st.lists(
    st.builds(
        Attempt,
        provider=st.sampled_from(["google", "openrouter", "blockrun"]),
        model=st.sampled_from(["flash", "pro", "r1"]),
        asked_at=st.datetimes(datetime(2026, 11, 20), datetime(2026, 12, 2), timezones=st.just(UTC)),  # noqa: DTZ001
        latency_s=st.floats(0, 600),
        usage=st.builds(Usage, tokens, tokens, tokens, st.none() | money),
        fault=st.none() | st.sampled_from(Fault),
    ),
    max_size=40,
)
SUMS = ("input_tokens", "output_tokens", "thinking_tokens", "cost_usd")
COUNTS = ("calls", "faults", "unasked", "input_untold", "output_untold", "thinking_untold", "cost_untold")


def added(costs: Iterable[CostView]) -> dict[str, Any]:
    """In fractions, which round nothing; None where nobody told."""
    rows = list(costs)
    told = {name: [Fraction(x) for row in rows if (x := getattr(row, name)) is not None] for name in SUMS}
    sums: dict[str, Any] = {name: sum(values) if values else None for name, values in told.items()}
    return sums | {name: sum(getattr(row, name) for row in rows) for name in COUNTS}


def by_hand(made: list[Attempt]) -> dict[str, Any]:
    asked = [one for one in made if one.fault not in UNASKED]
    told = {name: [Fraction(x) for one in made if (x := getattr(one.usage, name)) is not None] for name in SUMS}
    sums: dict[str, Any] = {name: sum(values) if values else None for name, values in told.items()}
    untold = {
        name.replace("_tokens", "").replace("_usd", "") + "_untold": sum(getattr(o.usage, name) is None for o in asked)
        for name in SUMS
    }
    faults = sum(one.fault is not None for one in asked)
    return sums | untold | {"calls": len(asked), "faults": faults, "unasked": len(made) - len(asked)}


@given(attempts, st.none() | st.integers(1, 14))
def test_days_providers_and_models_each_add_up_to_the_whole(made: list[Attempt], limit: int | None) -> None:
    told = view(*made, days=limit)

    newest = sorted({one.asked_at.date() for one in made}, reverse=True)[:limit]
    counted = [one for one in made if one.asked_at.date() in newest]
    whole = by_hand(counted)
    assert added([told.total]) == whole
    for part in (told.days, told.providers, told.models):
        assert added(one.cost for one in part) == whole
    assert [one.day for one in told.days] == newest
    assert len(newest) + told.earlier_days == len({one.asked_at.date() for one in made})


@given(attempts)
def test_each_part_is_the_bill_of_its_own_attempts(made: list[Attempt]) -> None:
    told = view(*made)

    def own(wanted: Callable[[Attempt], bool]) -> CostView:
        return view(*filter(wanted, made)).total

    for day in told.days:
        assert day.cost == own(lambda one, day=day: one.asked_at.date() == day.day)  # type: ignore[misc]
    for who in told.providers:
        assert who.cost == own(lambda one, who=who: one.provider == who.provider)  # type: ignore[misc]
    for which in told.models:
        name = (which.provider, which.model)
        assert which.cost == own(lambda one, name=name: (one.provider, one.model) == name)  # type: ignore[misc]


@given(attempts, st.randoms(use_true_random=False))
def test_the_order_they_come_in_is_all_one(made: list[Attempt], chance: Random) -> None:
    mixed = list(made)
    chance.shuffle(mixed)

    assert view(*mixed) == view(*made)


def test_a_view_stands_while_the_bill_goes_on() -> None:
    bill = Bill()
    bill.add([asked(usd=d(1))])
    first = bill.view()

    bill.add([asked(usd=d(2))])

    assert first.total.cost_usd == d(1)
    assert bill.view() == bill.view()
    assert bill.view().total.cost_usd == d(3)
