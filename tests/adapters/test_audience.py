"""Who may listen, and who does: on moto for what it says, on DynamoDB Local for races."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count

import pytest
from world import MONDAY

from semanticsignal.adapters.audience import MOST_EACH, DynamoAudience
from semanticsignal.domain.errors import Unavailable
from tests.functions.aws import connections_table

SOON = MONDAY + timedelta(seconds=30)
TABLES = count()
pytestmark = pytest.mark.usefixtures("signed")


@pytest.fixture(params=["moto", "real_dynamodb"])
def opened(request: pytest.FixtureRequest) -> Callable[[], DynamoAudience]:
    """Each call is another function on the same table."""
    url = request.getfixturevalue(request.param)
    table = connections_table(url, f"connections-{next(TABLES)}")
    return lambda: DynamoAudience(table, endpoint_url=url)


async def test_a_ticket_lets_its_owner_in_once(opened: Callable[[], DynamoAudience]) -> None:
    audience = opened()
    ticket = await audience.admit("ann", until=SOON)

    assert [await audience.redeem(ticket, at=MONDAY) for _ in range(2)] == ["ann", None]
    assert await audience.redeem("guessed", at=MONDAY) is None


async def test_a_ticket_that_is_too_old_lets_nobody_in(opened: Callable[[], DynamoAudience]) -> None:
    audience = opened()

    assert await audience.redeem(await audience.admit("ann", until=SOON), at=SOON) is None


async def test_no_name_of_one_thing_is_a_name_of_another(opened: Callable[[], DynamoAudience]) -> None:
    audience = opened()
    await audience.join("c1", who="ann", until=SOON)
    await audience.first("a1", until=SOON)

    for guess in ("c1", "a1", "connection#c1", "asked"):
        assert await audience.redeem(guess, at=MONDAY) is None
    assert await audience.listeners(at=MONDAY) == ("c1",)


async def test_who_is_there_is_listed_until_they_leave_or_their_time_is_up(
    opened: Callable[[], DynamoAudience],
) -> None:
    audience = opened()
    for name, seconds in (("c1", 30), ("c2", 30), ("c3", 10)):
        await audience.join(name, who=name, until=MONDAY + timedelta(seconds=seconds))
    for _ in range(50):
        await audience.admit("ann", until=SOON)

    await audience.leave("c1")

    assert await audience.listeners(at=MONDAY + timedelta(seconds=20)) == ("c2",)


async def test_one_person_does_not_take_the_line_for_all(opened: Callable[[], DynamoAudience]) -> None:
    audience = opened()
    for number in range(MOST_EACH + 5):
        await audience.join(f"a{number:02}", who="ann", until=SOON + timedelta(seconds=number))
    await audience.join("bob", who="bob", until=SOON)

    listeners = await audience.listeners(at=MONDAY)

    assert listeners == (*(f"a{number:02}" for number in range(5, MOST_EACH + 5)), "bob")


async def test_what_was_asked_for_is_asked_for_once_until_it_is_forgotten(
    opened: Callable[[], DynamoAudience],
) -> None:
    audience = opened()

    assert [await audience.first("now", until=SOON) for _ in range(3)] == [True, False, False]
    await audience.forget("now")
    assert await audience.first("now", until=SOON)


def test_of_twenty_who_race_one_is_first_and_one_comes_in(real_dynamodb: str) -> None:
    table = connections_table(real_dynamodb, f"connections-{next(TABLES)}")
    ticket = asyncio.run(DynamoAudience(table, endpoint_url=real_dynamodb).admit("ann", until=SOON))

    async def race(_: int) -> tuple[bool, str | None]:
        audience = DynamoAudience(table, endpoint_url=real_dynamodb)
        return await audience.first("now", until=SOON), await audience.redeem(ticket, at=MONDAY)

    with ThreadPoolExecutor(10) as pool:
        told = list(pool.map(lambda n: asyncio.run(race(n)), range(20)))

    assert [first for first, _ in told].count(True) == 1
    assert [who for _, who in told].count("ann") == 1


async def test_a_table_that_does_not_answer_is_said() -> None:
    with pytest.raises(Unavailable, match="the table of connections gone does not answer"):
        await DynamoAudience("gone", endpoint_url="http://127.0.0.1:9").listeners(at=MONDAY)
