"""The publisher against moto's server, and against a bus that takes only some of what it is told."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from loopback import serve

from semanticsignal.adapters.eventbridge import MOST_BYTES, EventBridge
from semanticsignal.codec import load_fact
from semanticsignal.domain.errors import BadInput, Unavailable
from semanticsignal.domain.events import CandleClosed, DecisionMade, Fact, MinutePassed, RuleFormed
from semanticsignal.domain.market import Symbol, Timeframe
from tests.functions.aws import BUS, IDENTITY, Account, account

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
BTC = Symbol("BTC", "USDC")
Answers = Callable[[int, list[dict[str, str]]], list[dict[str, str]]]


@pytest.fixture(autouse=True)
def identity(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


@pytest.fixture
def aws() -> Iterator[Account]:
    with account() as found:
        yield found


def minutes(count: int) -> list[Fact]:
    return [MinutePassed(NOON + timedelta(minutes=number)) for number in range(count)]


class Playing:
    """A bus that speaks PutEvents: `answers` is told which request this is and its entries, and gives the results."""

    def __init__(self, answers: Answers) -> None:
        self.requests: list[list[dict[str, str]]] = []
        self._answers = answers

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        assert dict(scope["headers"])[b"x-amz-target"] == b"AWSEvents.PutEvents"
        entries = json.loads(body)["Entries"]
        results = self._answers(len(self.requests), entries)
        self.requests.append(entries)
        failed = sum("ErrorCode" in result for result in results)
        said = json.dumps({"FailedEntryCount": failed, "Entries": results}).encode()
        headers = [(b"content-type", b"application/x-amz-json-1.1"), (b"content-length", b"%d" % len(said))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": said})

    def told(self) -> list[list[str]]:
        """Of each request, the instants of its minutes."""
        return [[json.loads(entry["Detail"])["at"][11:16] for entry in entries] for entries in self.requests]


def taken(entry: dict[str, str]) -> dict[str, str]:
    return {"EventId": f"taken-{json.loads(entry['Detail']).get('at')}"}


def refused(code: str = "ThrottlingException") -> dict[str, str]:
    return {"ErrorCode": code, "ErrorMessage": "not now"}


async def test_what_is_published_arrives_as_the_same_fact(aws: Account) -> None:
    facts: list[Fact] = [
        CandleClosed(BTC, Timeframe.H4, NOON),
        DecisionMade("BTC/USDC#4h#2026-01-05T12:00:00+00:00", BTC, NOON + timedelta(microseconds=1)),
    ]

    await EventBridge(BUS, endpoint_url=aws.url).publish(facts)

    events = aws.delivered()
    assert [load_fact(event["detail"]) for event in events] == facts
    assert [event["detail-type"] for event in events] == ["CandleClosed", "DecisionMade"]
    assert {(event["source"], event["version"]) for event in events} == {("semanticsignal", "0")}


async def test_more_than_ten_facts_all_arrive(aws: Account) -> None:
    facts = minutes(23)

    await EventBridge(BUS, endpoint_url=aws.url).publish(facts)

    assert {load_fact(event["detail"]) for event in aws.delivered()} == set(facts)


async def test_one_request_holds_ten_facts_at_most_in_their_order() -> None:
    bus = Playing(lambda _, entries: [taken(entry) for entry in entries])

    async with serve(bus) as url:
        await EventBridge(BUS, endpoint_url=url).publish(minutes(23))

    assert [len(entries) for entries in bus.requests] == [10, 10, 3]
    assert [at for request in bus.told() for at in request] == [f"12:{number:02}" for number in range(23)]
    assert {entry["EventBusName"] for entries in bus.requests for entry in entries} == {BUS}


async def test_one_request_holds_256_kilobytes_at_most() -> None:
    bus = Playing(lambda _, entries: [taken(entry) for entry in entries])
    facts = [RuleFormed(letter * 100_000, NOON) for letter in "abcde"]

    async with serve(bus) as url:
        await EventBridge(BUS, endpoint_url=url).publish(facts)

    assert [len(entries) for entries in bus.requests] == [2, 2, 1]
    sizes = [sum(len(entry["Detail"]) for entry in entries) for entries in bus.requests]
    assert max(sizes) <= MOST_BYTES


async def test_a_fact_too_large_for_the_bus_is_refused_before_anything_is_told() -> None:
    bus = Playing(lambda _, entries: [taken(entry) for entry in entries])

    async with serve(bus) as url:
        with pytest.raises(BadInput, match=r"RuleFormed xxx.* was 2560"):
            await EventBridge(BUS, endpoint_url=url).publish([*minutes(12), RuleFormed("x" * 255_950, NOON)])

    assert bus.requests == []


async def test_nothing_to_tell_asks_nobody() -> None:
    bus = Playing(lambda _, entries: [taken(entry) for entry in entries])

    async with serve(bus) as url:
        await EventBridge(BUS, endpoint_url=url).publish([])

    assert bus.requests == []


async def test_only_what_was_not_taken_is_told_again() -> None:
    def every_second(request: int, entries: list[dict[str, str]]) -> list[dict[str, str]]:
        return [refused() if request == 0 and row % 2 else taken(entry) for row, entry in enumerate(entries)]

    bus = Playing(every_second)

    async with serve(bus) as url:
        await EventBridge(BUS, endpoint_url=url).publish(minutes(4))

    assert bus.told() == [["12:00", "12:01", "12:02", "12:03"], ["12:01", "12:03"]]


async def test_what_is_never_taken_is_named_after_three_more_tries() -> None:
    bus = Playing(lambda _, entries: [refused() if "12:01" in e["Detail"] else taken(e) for e in entries])

    async with serve(bus) as url:
        with pytest.raises(Unavailable) as wrong:
            await EventBridge(BUS, endpoint_url=url).publish(minutes(3))

    assert bus.told() == [["12:00", "12:01", "12:02"], ["12:01"], ["12:01"], ["12:01"]]
    assert str(wrong.value) == (
        "bus semanticsignal did not take MinutePassed minute#2026-01-05T12:01:00+00:00 (ThrottlingException)"
    )


async def test_an_answer_that_leaves_facts_out_has_not_taken_them() -> None:
    bus = Playing(lambda request, entries: [taken(entry) for entry in entries[: request + 1]])

    async with serve(bus) as url:
        await EventBridge(BUS, endpoint_url=url).publish(minutes(3))

    assert bus.told() == [["12:00", "12:01", "12:02"], ["12:01", "12:02"]]


async def test_a_later_batch_is_not_told_before_an_earlier_one_was_taken() -> None:
    bus = Playing(lambda _, entries: [refused() for _ in entries])

    async with serve(bus) as url:
        with pytest.raises(Unavailable):
            await EventBridge(BUS, endpoint_url=url).publish(minutes(11))

    assert {len(entries) for entries in bus.requests} == {10}


async def test_a_bus_that_does_not_answer_is_unavailable() -> None:
    async with serve(Playing(lambda _, entries: [])) as url:
        pass

    with pytest.raises(Unavailable, match=r"MinutePassed minute#2026-01-05T12:00:00.*Could not connect"):
        await EventBridge(BUS, endpoint_url=url).publish(minutes(1))


async def test_a_bus_that_is_not_there_is_unavailable() -> None:
    async def nowhere(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"application/x-amz-json-1.1")]
        said = json.dumps({"__type": "ResourceNotFoundException", "message": "no such bus"}).encode()
        await send({"type": "http.response.start", "status": 400, "headers": headers})
        await send({"type": "http.response.body", "body": said})

    async with serve(nowhere) as url:
        with pytest.raises(Unavailable, match="no such bus"):
            await EventBridge(BUS, endpoint_url=url).publish(minutes(1))
