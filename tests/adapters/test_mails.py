"""One contract, four mails: each message once for ever, in order, none of it lost; and one at a time who sends it."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from world import MONDAY

from semanticsignal.adapters.dynamodb import DynamoMail
from semanticsignal.adapters.inmemory import InMemoryMail
from semanticsignal.adapters.sqlite import SqliteMail
from semanticsignal.domain.errors import LedgerUnavailable
from semanticsignal.domain.messages import Post, Posted, Topic, Waiting
from tests.functions.aws import client, mail_table

MOST = 4
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TABLES = count()


pytestmark = pytest.mark.usefixtures("signed")


def in_the_cloud(url: str) -> DynamoMail:
    return DynamoMail(mail_table(url, f"mail-{next(TABLES)}"), MOST, endpoint_url=url)


@pytest.fixture(params=["memory", "sqlite", "moto", "dynamodb-local"])
def mail(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    match request.param:
        case "memory":
            opened: Any = InMemoryMail(MOST)
        case "sqlite":
            opened = SqliteMail(tmp_path / "home" / "mail.db", MOST)
        case "moto":
            opened = in_the_cloud(request.getfixturevalue("moto"))
        case _:
            opened = in_the_cloud(request.getfixturevalue("real_dynamodb"))
    yield opened
    opened.close()


@pytest.fixture
def shared(real_dynamodb: str) -> Iterator[DynamoMail]:
    opened = in_the_cloud(real_dynamodb)
    yield opened
    opened.close()


def parts(name: str, *texts: str, chart: str | None = None, topic: Topic = Topic.DECISION) -> list[Post]:
    texts = texts or (name,)
    return [Post(f"{name}#{n}", json.dumps(text), "normal", 3600.0, chart, topic) for n, text in enumerate(texts, 1)]


async def sent(mail: Any, expiry: timedelta | None = None) -> list[str]:
    """What waits, sent one after another."""
    told = []
    while waiting := await mail.waiting():
        post = waiting[0].post
        told.append(json.loads(post.body))
        await mail.sent(post.id, f"there {post.id}", until=MONDAY + expiry if expiry else None)
    return told


class TestMail:
    async def test_nothing_waits_where_nothing_was_put(self, mail: Any) -> None:
        assert await mail.put([], at=MONDAY) == 0
        assert await mail.waiting() == () and await mail.expired(at=MONDAY, limit=9) == ()

    async def test_posts_come_out_whole_and_in_the_order_in_which_they_were_put(self, mail: Any) -> None:
        # neither by name nor by time
        await mail.put(parts("z", chart="chart/z"), at=MONDAY + HOUR)
        await mail.put(parts("b", "b one", "b two"), at=MONDAY)
        await mail.put(parts("a"), at=MONDAY)

        assert await mail.waiting() == (Waiting(parts("z", chart="chart/z")[0], MONDAY + HOUR),)
        assert await sent(mail) == ["z", "b one", "b two", "a"]

    async def test_a_message_is_put_once_for_ever_whatever_became_of_it(self, mail: Any) -> None:
        await mail.put(parts("waits", "as it was"), at=MONDAY)
        await mail.put(parts("waits", "anew", "and longer"), at=MONDAY)
        assert await sent(mail) == ["as it was"]

        await mail.put(parts("late"), at=MONDAY)
        await mail.dropped("late#1")
        for name in ("waits", "late"):
            await mail.put(parts(name), at=MONDAY + HOUR)
        assert await mail.waiting() == ()

    async def test_of_too_many_that_wait_the_oldest_are_dropped_and_counted(self, mail: Any) -> None:
        dropped = [await mail.put(parts(name, name, f"{name} more"), at=MONDAY) for name in ("a", "b", "c")]

        assert dropped == [0, 0, 2]
        assert await mail.put(parts("a"), at=MONDAY) == 0
        assert await sent(mail) == ["b", "b more", "c", "c more"]

    async def test_of_each_topic_the_one_that_has_waited_longest_is_told_and_urgent_ones_are_dropped_last(
        self, mail: Any
    ) -> None:
        await mail.put(parts("alarm", topic=Topic.ALARM), at=MONDAY)
        for name in ("a", "b", "c"):
            await mail.put(parts(name), at=MONDAY)
        assert [one.post.id for one in await mail.waiting()] == ["alarm#1", "a#1"]

        assert await mail.put(parts("exit", topic=Topic.EXIT), at=MONDAY) == 1
        assert [one.post for one in await mail.waiting()] == [
            *parts("alarm", topic=Topic.ALARM), *parts("b"), *parts("exit", topic=Topic.EXIT)
        ]  # fmt: skip

    async def test_what_is_begun_is_known_to_be_until_the_next_word_of_it(self, mail: Any) -> None:
        await mail.put(parts("a", chart="chart/a"), at=MONDAY)
        (waits,) = await mail.waiting()

        await mail.begun("a#1", at=MONDAY + MINUTE)
        assert await mail.waiting() == (replace(waits, begun_at=MONDAY + MINUTE),)

        await mail.back("a#1", tries=3)
        assert await mail.waiting() == (replace(waits, tries=3),)

        await sent(mail)
        await mail.begun("a#1", at=MONDAY)
        await mail.back("a#1", tries=4)
        assert await mail.waiting() == ()

    async def test_what_was_sent_is_taken_back_when_it_is_due_the_oldest_first_and_once(self, mail: Any) -> None:
        await mail.put(parts("z"), at=MONDAY)
        await mail.put(parts("a"), at=MONDAY)
        await sent(mail, HOUR)
        await mail.put(parts("later"), at=MONDAY)
        await sent(mail, 2 * HOUR)

        assert await mail.expired(at=MONDAY + HOUR - MINUTE, limit=9) == ()
        assert await mail.expired(at=MONDAY + HOUR, limit=1) == (Posted("z#1", "there z#1"),)
        await mail.gone("z#1")
        assert await mail.expired(at=MONDAY + HOUR, limit=9) == (Posted("a#1", "there a#1"),)
        await mail.gone("a#1")
        assert [one.id for one in await mail.expired(at=MONDAY + 9 * HOUR, limit=9)] == ["later#1"]
        await mail.put(parts("z"), at=MONDAY)
        assert await mail.waiting() == ()

    async def test_what_is_never_taken_back_is_never_due(self, mail: Any) -> None:
        await mail.put(parts("a"), at=MONDAY)
        await sent(mail)

        assert await mail.expired(at=MONDAY + 10_000 * HOUR, limit=9) == ()


DAMAGES = {
    "topic": "of a newer version", "body": None, "worth_s": 1e30, "level": "loud", "put_us": 10**18,
    "body as bytes": b"\xff\xfe", "body in no JSON": "{not json", "body with half a letter": '"\\ud800"',
    "body with no number": "[NaN]",
}  # fmt: skip


def damaged(mail: Any, id: str, name: str, value: Any) -> None:
    """One value of a post that waits."""
    name = name.partition(" ")[0]
    if isinstance(mail, SqliteMail):
        value = value.decode("latin-1") if name == "id" else value
        how = "CAST(? AS TEXT)" if isinstance(value, bytes) else "?"
        mail._db.execute(f"UPDATE posts SET {name} = {how} WHERE id = ?", (value, id))
        return
    name, value = ("waits", f"{1:020d}#{value}") if name == "topic" else (name, value)
    typed = {"N": str(value)} if isinstance(value, int | float) else {"B" if isinstance(value, bytes) else "S": value}
    mail._client.update_item(
        TableName=mail._table, Key={"pk": {"S": "posts"}, "sk": {"S": id}},
        UpdateExpression="REMOVE #n" if value is None else "SET #n = :v", ExpressionAttributeNames={"#n": name},
        **({} if value is None else {"ExpressionAttributeValues": {":v": typed}}),
    )  # fmt: skip


class TestDamage:
    @pytest.fixture(params=["sqlite", "moto"])
    def mail(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
        is_file = request.param == "sqlite"
        opened: Any = SqliteMail(tmp_path / "mail.db", 99) if is_file else in_the_cloud(request.getfixturevalue("moto"))
        opened._most = 99
        yield opened
        opened.close()

    @pytest.mark.parametrize("name", DAMAGES)
    async def test_a_post_that_cannot_be_read_is_given_up_by_name_and_stops_no_other(
        self, mail: Any, name: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        for each in ("sick", "next"):
            await mail.put(parts(each), at=MONDAY)
        damaged(mail, "sick#1", name, DAMAGES[name])

        assert await mail.put(parts("exit", topic=Topic.EXIT), at=MONDAY) == 0
        assert [one.post.id for one in await mail.waiting()] == ["next#1", "exit#1"]
        assert mail.unreadable == 1 and caplog.text.count("cannot be read and is given up: 'sick#1'") == 1

        assert await sent(mail) == ["next", "exit"] and await mail.put(parts("sick"), at=MONDAY) == 0
        assert await mail.waiting() == () and mail.unreadable == 1

    async def test_what_has_lost_its_name_there_is_not_asked_for(self, mail: Any) -> None:
        for each in ("sick", "next"):
            await mail.put(parts(each), at=MONDAY)
        await sent(mail, HOUR)
        damaged(mail, "sick#1", "name" if isinstance(mail, SqliteMail) else "post_name", None)

        assert await mail.expired(at=MONDAY + HOUR, limit=1) == (Posted("next#1", "there next#1"),)


# --- Many at once, as functions are -----------------------------------------------------------------------------------


def at_once(*works: Any) -> list[Any]:
    """Each in a thread with a loop of its own, all from the same moment."""
    together = Barrier(len(works))

    def one(work: Any) -> Any:
        together.wait()
        return asyncio.run(work())

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(one, works))


def test_who_put_at_once_lose_nothing_double_nothing_and_leave_messages_in_one_piece(shared: DynamoMail) -> None:
    shared._most = 100
    messages = [parts(str(n), f"{n} one", f"{n} two") for n in range(6)]

    at_once(*[lambda made=made: shared.put(made, at=MONDAY) for made in [*messages, *messages]])

    told = asyncio.run(sent(shared))
    assert sorted(told) == sorted(json.loads(post.body) for made in messages for post in made)
    assert all(told[n].split()[0] == told[n + 1].split()[0] for n in range(0, len(told), 2))


def test_one_at_a_time_has_the_turn(shared: DynamoMail) -> None:
    until = MONDAY + MINUTE

    began = at_once(*[lambda who=who: shared.begin(who, at=MONDAY, until=until) for who in "abcdef"])

    assert began.count(True) == 1


async def test_a_turn_ends_when_it_is_given_back_or_its_time_is_over(shared: DynamoMail) -> None:
    assert await shared.begin("dies", at=MONDAY, until=MONDAY + MINUTE)
    assert not await shared.begin("next", at=MONDAY + MINUTE / 2, until=MONDAY + HOUR)
    assert await shared.begin("next", at=MONDAY + MINUTE, until=MONDAY + HOUR)

    # whoever comes back from the dead ends nobody else's turn
    await shared.end("dies", free_at=MONDAY)
    assert not await shared.begin("third", at=MONDAY + 2 * MINUTE, until=MONDAY + HOUR)

    await shared.end("next", free_at=MONDAY + 5 * MINUTE)
    assert not await shared.begin("third", at=MONDAY + 4 * MINUTE, until=MONDAY + HOUR)
    assert await shared.begin("third", at=MONDAY + 5 * MINUTE, until=MONDAY + HOUR)


async def test_nobody_is_left_alone_for_longer_than_an_hour_whatever_was_written(moto: str) -> None:
    shared = in_the_cloud(moto)
    assert await shared.begin("one", at=MONDAY, until=MONDAY + MINUTE)
    await shared.end("one", free_at=MONDAY + 24 * HOUR)

    assert await shared.begin("next", at=MONDAY + MINUTE, until=MONDAY + HOUR)


async def test_what_a_dead_put_left_too_many_of_the_next_one_drops(shared: DynamoMail) -> None:
    for n in range(MOST):
        await shared.put(parts(str(n)), at=MONDAY)
    await shared._put(tuple(parts("put")), MONDAY)  # and then it died

    assert await shared.put(parts("next"), at=MONDAY) == 2
    assert await sent(shared) == ["2", "3", "put", "next"]


async def test_a_mail_that_is_not_there_is_unavailable(moto: str) -> None:
    nowhere = DynamoMail("nowhere", endpoint_url=moto)

    for ask in (
        nowhere.waiting,
        lambda: nowhere.put(parts("a"), at=MONDAY),
        lambda: nowhere.dropped("a#1"),
        lambda: nowhere.begin("a", at=MONDAY, until=MONDAY),
    ):
        with pytest.raises(LedgerUnavailable, match="the mail nowhere"):
            await ask()
    assert "nowhere" not in client("dynamodb", moto).list_tables()["TableNames"]
