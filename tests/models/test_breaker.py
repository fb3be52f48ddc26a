"""A provider in trouble is left alone, tried once, and trusted again when it answers."""

import asyncio

import pytest

from semanticsignal.adapters.breaker import Breaker
from semanticsignal.domain.asking import Fault
from semanticsignal.domain.decision import Prompt, Reply
from semanticsignal.domain.errors import ModelUnavailable
from tests.models.played import HOLD, PROMPT, Plays, Time, fault


async def tried(breaker: Breaker) -> Fault | None:
    try:
        await breaker.complete(PROMPT)
    except ModelUnavailable as silent:
        return silent.fault
    return None


@pytest.mark.parametrize("kind", [Fault.OVERLOAD, Fault.TIMEOUT, Fault.CONNECTION, Fault.MALFORMED], ids=str)
async def test_the_third_failure_in_a_row_opens_the_circuit_for_a_minute(kind: Fault) -> None:
    time, model = Time(), Plays(fault(kind))
    breaker = Breaker(model, "p", time.now_s)

    found = [await tried(breaker) for _ in range(5)]

    assert found == [kind] * 3 + [Fault.CIRCUIT] * 2
    assert len(model.asked) == 3
    time.seconds = 59.9
    assert await tried(breaker) is Fault.CIRCUIT
    time.seconds = 60
    assert await tried(breaker) is kind, "one trial"


@pytest.mark.parametrize(
    "kind",
    [Fault.REFUSAL, Fault.TRUNCATED, Fault.EMPTY, Fault.SCHEMA, Fault.REQUEST, Fault.BUDGET, Fault.PAYMENT],
    ids=str,
)
async def test_what_is_no_trouble_of_the_server_opens_nothing(kind: Fault) -> None:
    breaker = Breaker(Plays(fault(kind)), "p", Time().now_s)

    assert [await tried(breaker) for _ in range(9)] == [kind] * 9


@pytest.mark.parametrize(
    ("kind", "wait_s", "pause_s"),
    [
        (Fault.AUTH, None, 900), (Fault.QUOTA, None, 900), (Fault.RATE_LIMIT, None, 30), (Fault.RATE_LIMIT, 7, 7),
        (Fault.QUOTA, 86_400, 300),
    ],
)  # fmt: skip
async def test_who_says_so_is_left_alone_at_once_for_as_long_as_it_says(
    kind: Fault, wait_s: float | None, pause_s: float
) -> None:
    time = Time()
    breaker = Breaker(Plays(fault(kind, wait_s), HOLD), "p", time.now_s)

    assert await tried(breaker) is kind
    with pytest.raises(ModelUnavailable) as caught:
        await breaker.complete(PROMPT)
    assert (caught.value.fault, caught.value.wait_s) == (Fault.CIRCUIT, pause_s)
    time.seconds = pause_s
    assert await tried(breaker) is None


async def test_each_trial_that_fails_doubles_the_pause_up_to_a_quarter_of_an_hour() -> None:
    time = Time()
    breaker = Breaker(Plays(fault(Fault.OVERLOAD)), "p", time.now_s)
    for _ in range(3):
        await tried(breaker)

    pauses = []
    for _ in range(6):
        with pytest.raises(ModelUnavailable) as caught:
            await breaker.complete(PROMPT)
        pauses.append(caught.value.wait_s)
        time.seconds += caught.value.wait_s or 0
        await tried(breaker)

    assert pauses == [60, 120, 240, 480, 900, 900]


async def test_an_answer_closes_it_and_forgets_what_was() -> None:
    time = Time()
    model = Plays(*[fault(Fault.OVERLOAD)] * 3, HOLD, *[fault(Fault.OVERLOAD)] * 2, HOLD)
    breaker = Breaker(model, "p", time.now_s)
    for _ in range(3):
        await tried(breaker)
    time.seconds = 60

    found = [await tried(breaker) for _ in range(4)]

    assert found == [None, Fault.OVERLOAD, Fault.OVERLOAD, None]


async def test_of_ten_pairs_one_tries_and_the_others_wait() -> None:
    time, gate = Time(), asyncio.Event()

    async def slow(prompt: Prompt) -> Reply:
        await gate.wait()
        return Reply(HOLD, "m")

    model = Plays(fault(Fault.AUTH), slow)
    breaker = Breaker(model, "p", time.now_s)
    await tried(breaker)
    time.seconds = 900

    pairs = [asyncio.create_task(tried(breaker)) for _ in range(10)]
    await asyncio.sleep(0)
    gate.set()
    found = await asyncio.gather(*pairs)

    assert found == [None] + [Fault.CIRCUIT] * 9
    assert len(model.asked) == 2


async def test_it_tells_for_how_long_and_why_while_it_is_open_and_nothing_else() -> None:
    time = Time()
    breaker = Breaker(Plays(fault(Fault.AUTH), HOLD), "p", time.now_s)
    before = breaker.circuit()
    await tried(breaker)
    time.seconds = 100

    assert (before.name, before.left_s, before.why) == ("p", None, "")
    assert (breaker.circuit().left_s, breaker.circuit().why) == (800, "auth")
    time.seconds = 900
    await tried(breaker)
    assert breaker.circuit().left_s is None
