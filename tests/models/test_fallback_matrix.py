"""Each failure at each position of the chain: the right next step, every attempt on record, in time and in budget."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from semanticsignal.adapters.inmemory import InMemoryPurse
from semanticsignal.adapters.metered import Tariff
from semanticsignal.adapters.sqlite import SqlitePurse
from semanticsignal.domain.asking import Fault, Usage
from semanticsignal.domain.decision import Prompt, Reply, decider
from semanticsignal.domain.errors import ModelUnavailable
from semanticsignal.domain.policy import Budget
from tests.models.played import FREE, HOLD, PROMPT, Plays, Time, chain, fault
from tests.world import says

# What a plug itself can meet; the rest is made by what stands around it.
MET = [
    Fault.AUTH, Fault.QUOTA, Fault.RATE_LIMIT, Fault.OVERLOAD, Fault.TIMEOUT, Fault.CONNECTION, Fault.REFUSAL,
    Fault.TRUNCATED, Fault.EMPTY, Fault.MALFORMED, Fault.REQUEST, Fault.PAYMENT,
]  # fmt: skip
DOLLAR = Tariff((Decimal(0), Decimal(100)), 10_000)  # one whole answer: one dollar


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("kind", MET, ids=str)
async def test_whatever_fails_the_next_one_is_asked_and_all_is_on_record(kind: Fault, position: int) -> None:
    """All before that position fail alike, the one behind it answers; behind the last is nobody."""
    time = Time()
    models = [Plays(fault(kind)) if n <= position else Plays(HOLD) for n in range(3)]

    if position < 2:
        reply = await chain(*models, time=time).complete(PROMPT)
        attempts = reply.attempts
        assert reply.text == HOLD
    else:
        with pytest.raises(ModelUnavailable) as caught:
            await chain(*models, time=time).complete(PROMPT)
        attempts = caught.value.attempts
        assert caught.value.fault is kind
        assert str(caught.value).startswith("nothing usable came from any of 3 models that can be asked: 1. played: ")

    failed = [(f"provider-{n}", kind, f"played: {kind}") for n in range(position + 1)]
    answered = [(f"provider-{position + 1}", None, "")] if position < 2 else []
    assert [(one.provider, one.fault, one.said) for one in attempts] == failed + answered
    assert [len(model.asked) for model in models] == [1] * min(3, position + 2) + [0] * max(0, 1 - position)


@pytest.mark.parametrize("position", [0, 1, 2])
async def test_words_that_are_no_decision_are_sent_back_once_then_the_next_is_asked(position: int) -> None:
    wrong = says("BUY", 120, 130)  # a stop above the price
    models = [Plays(wrong) if n <= position else Plays(HOLD) for n in range(3)]

    if position < 2:
        attempts = (await chain(*models, time=Time()).complete(PROMPT)).attempts
    else:
        with pytest.raises(ModelUnavailable) as caught:
            await chain(*models, time=Time()).complete(PROMPT)
        assert caught.value.fault is Fault.SCHEMA
        attempts = caught.value.attempts

    schema = [one for one in attempts if one.fault is Fault.SCHEMA]
    assert [one.provider for one in schema] == [f"provider-{n}" for n in range(position + 1) for _ in range(2)]
    assert all("BUY needs stop < price < target" in one.said for one in schema)
    assert {one.text for one in schema} == {wrong}, "what was said is kept"
    second = models[0].asked[1].turns
    assert [turn.reply for turn in second] == [wrong]
    assert "BUY needs stop < price < target" in second[0].complaint


async def test_a_mended_answer_counts_and_its_first_try_stays_on_record() -> None:
    model, other = Plays("I would rather not say.", HOLD), Plays(HOLD)

    reply = await chain(model, other, time=Time()).complete(PROMPT)

    assert reply.text == HOLD
    assert [one.fault for one in reply.attempts] == [Fault.SCHEMA, None]
    assert [one.usage.output_tokens for one in reply.attempts] == [200, 200]
    assert not other.asked


async def test_a_model_that_takes_no_picture_is_asked_with_words_alone() -> None:
    model = Plays(fault(Fault.REQUEST), HOLD)
    seeing = Prompt(**{f: getattr(PROMPT, f) for f in PROMPT.__slots__} | {"image": b"PNG", "caption": "The picture"})

    reply = await chain(model, time=Time()).complete(seeing)

    assert [(one.image, one.caption) for one in model.asked] == [(b"PNG", "The picture"), (None, "")]
    assert [one.fault for one in reply.attempts] == [Fault.REQUEST, None]


async def test_who_wants_to_be_left_alone_is_waited_for_only_when_nobody_else_answers() -> None:
    time = Time()
    busy, other = Plays(fault(Fault.RATE_LIMIT, 7), HOLD, time=time), Plays(HOLD, time=time)
    assert (await chain(busy, other, time=time).complete(PROMPT)).attempts[-1].provider == "provider-1"
    assert time.slept == []

    busy, broken = Plays(fault(Fault.RATE_LIMIT, 7), HOLD, time=time), Plays(fault(Fault.AUTH), time=time)
    reply = await chain(busy, broken, time=time).complete(PROMPT)

    assert time.slept == [7]
    assert [(one.provider, one.fault) for one in reply.attempts] == [
        ("provider-0", Fault.RATE_LIMIT), ("provider-1", Fault.AUTH), ("provider-0", None),
    ]  # fmt: skip
    assert len(broken.asked) == 1, "a wrong key is no better a little later"


async def test_nobody_is_waited_for_beyond_the_deadline() -> None:
    time = Time()

    with pytest.raises(ModelUnavailable):
        await chain(Plays(fault(Fault.RATE_LIMIT, 99.5), HOLD), time=time, deadline_s=100).complete(PROMPT)

    assert time.slept == []


@pytest.mark.parametrize("takes_s", [10, 40, 60, 99.5, 150])
async def test_the_deadline_of_the_decision_holds_whoever_dawdles(takes_s: float) -> None:
    time = Time()
    models = [Plays(fault(Fault.TIMEOUT), time=time, takes_s=takes_s) for _ in range(4)]

    with pytest.raises(ModelUnavailable) as caught:
        await chain(*models, time=time, deadline_s=100).complete(PROMPT)

    asked = sum(len(model.asked) for model in models)
    late = [one for one in caught.value.attempts if one.fault is Fault.DEADLINE]
    assert asked == min(4, int(99 // takes_s) + 1)
    assert len(late) == 4 - asked
    given = [model.asked[0].within_s for model in models if model.asked]
    assert given == [min(60, 100 - n * takes_s) for n in range(asked)]


async def test_an_answer_that_does_not_come_is_cut_off_in_time() -> None:
    async def never(prompt: Prompt) -> Reply:
        await asyncio.Event().wait()
        raise AssertionError

    reply = await chain(Plays(never), Plays(HOLD), time=Time(), timeout_s=0.05).complete(PROMPT)

    assert [one.fault for one in reply.attempts] == [Fault.TIMEOUT, None]
    assert 0.05 <= reply.attempts[0].latency_s < 5


async def test_ten_pairs_at_once_never_spend_more_than_the_budget() -> None:
    purse, budget = InMemoryPurse(), Budget(call_usd=Decimal(2), day_usd=Decimal("3.5"), month_usd=Decimal(100))
    dear, free = Plays(Reply(HOLD, "dear", usage=Usage(10, 10_000))), Plays(HOLD)
    time = Time()
    first = chain(dear, time=time, purse=purse, budget=budget, tariff=DOLLAR)

    async def ask(number: int) -> str:
        pair = Prompt(f"PAIR{number}/USDC#4h#1", "v", "s", "u", price=Decimal(100))
        try:
            return (await first.complete(pair)).model
        except ModelUnavailable as poor:
            faults.append(poor.fault)
            return (await chain(free, time=time).complete(pair)).model

    faults: list[Fault] = []
    asked = await asyncio.gather(*(ask(number) for number in range(10)))

    assert asked.count("dear") == len(dear.asked) == 3
    assert faults == [Fault.BUDGET] * 7
    assert await purse.spent("2026-11-28") == await purse.spent("2026-11") == Decimal(3)


async def test_what_an_answer_did_not_need_is_there_for_the_next(tmp_path: Path) -> None:
    """Set aside: a dollar each. Needed: ten cents. Of 1.50 a day six can be had: then 0.90 is left."""
    purse = SqlitePurse(tmp_path / "purse.db")
    budget = Budget(call_usd=Decimal(2), day_usd=Decimal("1.5"))
    model = Plays(Reply(HOLD, "m", usage=Usage(10, 1_000)))
    mind = chain(model, time=Time(), purse=purse, budget=budget, tariff=DOLLAR)

    for _ in range(6):
        await mind.complete(PROMPT)
    with pytest.raises(ModelUnavailable, match="would pass a limit"):
        await mind.complete(PROMPT)

    assert await purse.spent("2026-11-28") == Decimal("0.6")


@pytest.mark.parametrize(
    ("kind", "usage", "left"),
    [
        (Fault.RATE_LIMIT, {}, "0"),
        (Fault.AUTH, {}, "0"),
        (Fault.TRUNCATED, {"input_tokens": 5, "output_tokens": 10_000}, "1"),
        (Fault.REFUSAL, {"cost_usd": Decimal("0.25")}, "0.25"),
        (Fault.TIMEOUT, {}, "1"),
        (Fault.MALFORMED, {}, "1"),
        (Fault.CONNECTION, {}, "1"),  # it may have had the question
        (Fault.CONNECTION, {"cost_usd": Decimal(0)}, "0"),  # nobody was there
    ],
)
async def test_a_failure_costs_what_it_took_and_all_that_was_set_aside_where_nobody_knows(
    kind: Fault, usage: dict[str, object], left: str
) -> None:
    purse = InMemoryPurse()
    budget = Budget(call_usd=Decimal(2), day_usd=Decimal(5))

    mind = chain(Plays(fault(kind, **usage)), time=Time(), purse=purse, budget=budget, tariff=DOLLAR)

    with pytest.raises(ModelUnavailable):
        await mind.complete(PROMPT)

    assert await purse.spent("2026-11-28") == Decimal(left)


async def test_one_answer_that_could_cost_too_much_is_not_asked_for() -> None:
    model = Plays(HOLD)

    with pytest.raises(ModelUnavailable, match=r"one answer may cost 1\.0000 USD, budget\.call_usd is 0\.25"):
        await chain(model, time=Time(), budget=Budget(), tariff=DOLLAR).complete(PROMPT)

    assert not model.asked


async def test_a_price_that_nobody_knows_takes_the_most_that_an_answer_may_cost() -> None:
    purse = InMemoryPurse()
    unknown = Tariff(None, 1000)
    mind = chain(Plays(HOLD), time=Time(), purse=purse, tariff=unknown)

    reply = await mind.complete(PROMPT)

    assert reply.attempts[0].usage.cost_usd is None
    assert await purse.spent("2026-11-28") == Budget().call_usd


async def test_a_provider_has_a_day_of_its_own() -> None:
    purse = InMemoryPurse()
    tariff = Tariff(None, 1000, most_usd=Decimal("0.05"), day_usd=Decimal("0.12"))
    mind = chain(
        Plays(Reply(HOLD, "m", usage=Usage(cost_usd=Decimal("0.05")))), time=Time(), purse=purse, tariff=tariff
    )

    await mind.complete(PROMPT)
    await mind.complete(PROMPT)
    with pytest.raises(ModelUnavailable, match=r"provider-0 2026-11-28: 0\.12 USD"):
        await mind.complete(PROMPT)

    assert await purse.spent("provider-0 2026-11-28") == Decimal("0.10")


async def test_what_was_thought_to_cost_nothing_and_does_is_booked_and_bounded_from_then_on() -> None:
    """A server on this machine that passes the question on to somebody who bills."""
    purse, budget = InMemoryPurse(), Budget(call_usd=Decimal("0.10"), day_usd=Decimal("0.25"))
    model = Plays(Reply(HOLD, "m", usage=Usage(10, 10, cost_usd=Decimal("0.04"))))
    mind = chain(model, time=Time(), purse=purse, budget=budget, tariff=FREE)

    for _ in range(4):
        await mind.complete(PROMPT)
    spent = await purse.spent("2026-11-28")
    with pytest.raises(ModelUnavailable, match="would pass a limit"):
        await mind.complete(PROMPT)

    assert spent == Decimal("0.16")
    assert len(model.asked) == 4, "0.16 are spent, and 0.10 would have to be set aside"


async def test_until_it_has_answered_for_nothing_a_free_name_is_set_money_aside_for() -> None:
    """Ten at once: what is in the purse bounds how many are asked before anybody knows."""
    purse, budget = InMemoryPurse(), Budget(call_usd=Decimal("0.10"), day_usd=Decimal("0.35"))
    billing = Plays(Reply(HOLD, "m", usage=Usage(10, 10, cost_usd=Decimal("0.10"))))
    minds = [chain(billing, time=Time(), purse=purse, budget=budget, tariff=FREE) for _ in range(10)]

    asked = (mind.complete(replace(PROMPT, id=f"pair {number}")) for number, mind in enumerate(minds))
    told = await asyncio.gather(*asked, return_exceptions=True)

    assert sum(isinstance(one, Reply) for one in told) == len(billing.asked) == 3
    assert await purse.spent("2026-11-28") == Decimal("0.30")


async def test_a_question_that_came_to_nothing_does_not_show_that_a_name_is_free() -> None:
    purse, budget = InMemoryPurse(), Budget(call_usd=Decimal("0.10"), day_usd=Decimal("0.25"))
    late = Plays(fault(Fault.TIMEOUT), Reply(HOLD, "m"))
    mind = chain(late, time=Time(), purse=purse, budget=budget, tariff=FREE)
    with pytest.raises(ModelUnavailable):
        await mind.complete(PROMPT)
    seen_after_a_fault = await purse.spent("free asked-for at provider-0")

    await mind.complete(PROMPT)

    assert (seen_after_a_fault, await purse.spent("free asked-for at provider-0")) == (0, 1)
    assert await purse.spent("2026-11-28") == 0, "what was set aside came back"


async def test_a_budget_under_one_answer_lets_a_free_name_show_that_it_is_and_nobody_else_be_asked() -> None:
    purse, budget = InMemoryPurse(), Budget(call_usd=Decimal("0.25"), day_usd=Decimal("0.01"))
    billing = Plays(Reply(HOLD, "m"), Reply(HOLD, "m", usage=Usage(cost_usd=Decimal("0.002"))))
    mind = chain(billing, time=Time(), purse=purse, budget=budget, tariff=FREE)
    dear = chain(Plays(HOLD), time=Time(), purse=purse, budget=budget, tariff=Tariff(None, 1000))

    await mind.complete(PROMPT)
    await mind.complete(PROMPT)
    for bounded in (mind, dear):
        with pytest.raises(ModelUnavailable, match="would pass a limit"):
            await bounded.complete(replace(PROMPT, id="the next close"))


async def test_what_was_free_once_is_asked_also_when_the_month_s_money_is_gone() -> None:
    purse, budget = InMemoryPurse(), Budget(call_usd=Decimal("0.10"), day_usd=Decimal("0.10"))
    free = Plays(Reply(HOLD, "m"))
    await chain(free, time=Time(), purse=purse, budget=budget, tariff=FREE).complete(PROMPT)
    await purse.reserve("paid by others", Decimal("0.10"), {"2026-11-28": Decimal("0.10")})

    await chain(free, time=Time(), purse=purse, budget=budget, tariff=FREE).complete(PROMPT)

    assert len(free.asked) == 2
    assert await purse.spent("2026-11-28") == Decimal("0.10")


async def test_whoever_charged_once_is_bounded_in_every_process_and_every_month() -> None:
    purse, budget = InMemoryPurse(), Budget(call_usd=Decimal("0.10"), day_usd=Decimal("0.15"))
    billing = Plays(Reply(HOLD, "m"), Reply(HOLD, "m", usage=Usage(10, 10, cost_usd=Decimal("0.04"))))
    for _ in range(2):
        await chain(billing, time=Time(), purse=purse, budget=budget, tariff=FREE).complete(PROMPT)

    later = Time(seconds=60 * 86_400)
    another = chain(billing, time=later, purse=purse, budget=budget, tariff=FREE)
    for _ in range(2):
        await another.complete(PROMPT)
    with pytest.raises(ModelUnavailable, match="would pass a limit"):
        await another.complete(PROMPT)

    assert await purse.spent("2027-01-27") == Decimal("0.08")


async def test_a_dear_answer_is_told_as_it_was_though_the_purse_believes_less_of_it() -> None:
    purse, budget = InMemoryPurse(), Budget(call_usd=Decimal("0.10"), day_usd=Decimal(5), month_usd=Decimal(20))
    dear = Plays(Reply(HOLD, "m", usage=Usage(10, 10, cost_usd=Decimal("0.90"))))

    reply = await chain(dear, time=Time(), purse=purse, budget=budget).complete(PROMPT)

    assert reply.attempts[0].usage.cost_usd == Decimal("0.90")
    assert await purse.spent("2026-11") == Decimal("0.40")


async def test_an_attempt_is_named_as_it_was_asked_whatever_the_server_calls_itself() -> None:
    purse, budget = InMemoryPurse(), Budget()
    posing = Plays(Reply(HOLD, "the-best-model-there-is"))

    (attempt,) = (await chain(posing, time=Time(), purse=purse, budget=budget).complete(PROMPT)).attempts

    assert (attempt.model, attempt.served) == ("asked-for", "the-best-model-there-is")
    assert decider((attempt,), "the-best-model-there-is") == "asked-for at provider-0"
    assert decider((), "rules-analyst") == "rules-analyst"
    assert decider((replace(attempt, fault=Fault.SCHEMA),), None) is None


async def test_what_costs_nothing_costs_nothing_also_where_nobody_counts() -> None:
    purse = InMemoryPurse()
    model = Plays(Reply(HOLD, "m"), fault(Fault.TIMEOUT))

    reply = await chain(model, time=Time(), purse=purse).complete(PROMPT)

    assert reply.attempts[0].usage.cost_usd == 0
    assert await purse.spent("2026-11-28") == 0


async def test_a_server_s_own_trouble_is_paid_where_it_tells_of_tokens() -> None:
    purse, budget = InMemoryPurse(), Budget(call_usd=Decimal(2), day_usd=Decimal(5))
    broke = fault(Fault.OVERLOAD, input_tokens=4196, output_tokens=680)
    mind = chain(Plays(broke), time=Time(), purse=purse, budget=budget, tariff=DOLLAR)

    with pytest.raises(ModelUnavailable):
        await mind.complete(PROMPT)

    assert await purse.spent("2026-11-28") == Decimal("0.068")


async def test_no_lie_about_a_cost_closes_the_month() -> None:
    purse, budget = InMemoryPurse(), Budget(call_usd=Decimal("0.25"), day_usd=Decimal(1), month_usd=Decimal(20))
    liar = Plays(Reply(HOLD, "m", usage=Usage(10, 10, cost_usd=Decimal(999_999))))

    reply = await chain(liar, time=Time(), purse=purse, budget=budget, tariff=FREE).complete(PROMPT)

    assert await purse.spent("2026-11") == Decimal(1)
    assert reply.usage.cost_usd == Decimal(20), "no bill is longer than a month may cost"


async def test_where_the_price_is_known_less_is_not_believed() -> None:
    purse, budget = InMemoryPurse(), Budget(call_usd=Decimal(2), day_usd=Decimal(5))
    liar = Plays(Reply(HOLD, "m", usage=Usage(10, 5_000, cost_usd=Decimal(0))))

    await chain(liar, time=Time(), purse=purse, budget=budget, tariff=DOLLAR).complete(PROMPT)

    assert await purse.spent("2026-11-28") == Decimal("0.5")
