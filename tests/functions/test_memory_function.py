"""The memory function: its real handler on what Lambda brings, and the plug that calls it by Lambda's wire format."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chroma_server import ChromaServer, Lambda, chroma_server, deployed, emptied, formed, lesson
from hypothesis import given
from hypothesis import strategies as st
from loopback import serve
from world import MONDAY, d

from semanticsignal import wiring
from semanticsignal.adapters import dynamodb, memory_function
from semanticsignal.adapters.chroma import ChromaMemory
from semanticsignal.adapters.dynamodb import DynamoLedger
from semanticsignal.adapters.inmemory import InMemoryLedger
from semanticsignal.adapters.memory_function import MemoryFunction
from semanticsignal.codec import plain
from semanticsignal.domain.errors import BadInput, InvalidSetting, LedgerUnavailable, MemoryUnavailable, Missing
from semanticsignal.domain.learning import ANY, Conditions, Experience, SemanticRule
from semanticsignal.drivers.aws_memory import ASKS, MOST_BYTES, MemoryDesk, asked
from semanticsignal.drivers.aws_memory import serve as desk_of
from semanticsignal.wiring import MemoryRoom
from tests.adapters.test_memory import HOUR, NOW, edition, lived
from tests.functions.aws import IDENTITY

ROOT = Path(__file__).resolve().parents[2]
SIMILAR = {
    "ask": "similar", "conditions": plain(NOW), "until": "2026-01-06T00:00:00Z", "limit": 5, "which": plain(ANY),
}  # fmt: skip
COUNT = {"ask": "count", "until": SIMILAR["until"], "which": plain(ANY)}
UNTIL = MONDAY + 24 * HOUR


@pytest.fixture(autouse=True)
def signed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaServer]:
    with chroma_server(tmp_path_factory.mktemp("chroma") / "data") as running:
        yield running


@pytest.fixture
def ledger() -> InMemoryLedger:
    return InMemoryLedger(d(10_000))


@pytest.fixture
def desk(server: ChromaServer, ledger: InMemoryLedger) -> Iterator[MemoryDesk]:
    """The handler of a new container, before a Chroma that holds nothing."""
    room = MemoryRoom(ledger, ChromaMemory(server.url))
    handler = desk_of(lambda: room)
    handler.runner.run(room.memory._drop())
    yield handler
    handler.runner.run(room.memory.close())
    handler.runner.close()


def learned(desk: MemoryDesk, *taught: Experience | SemanticRule) -> None:
    """By the ledger alone."""
    for one in taught:
        desk.runner.run(desk.room.ledger.record(lesson(one) if isinstance(one, Experience) else formed(one)))


# --- The handler ------------------------------------------------------------------------------------------------------


def test_every_answer_holds_what_the_ledger_learned_just_now(desk: MemoryDesk) -> None:
    learned(desk, lived("a", rsi=63.0))
    assert [one["id"] for one, _ in desk(SIMILAR, None)["found"]] == ["a"]

    learned(desk, lived("b", rsi=63.0))
    assert desk(COUNT, None) == {"count": 2}

    learned(desk, lived("c", rsi=63.0), edition(4))
    assert desk({"ask": "rules", "until": SIMILAR["until"]}, None) == {"rules": [plain(edition(4))]}
    assert [one["id"] for one, _ in desk(SIMILAR, None)["found"]] == ["a", "b", "c"]


def test_what_is_to_be_remembered_is_in_the_ledger_first(desk: MemoryDesk) -> None:
    with pytest.raises(Missing, match="has not learned the Experience a"):
        desk({"ask": "remember", "id": "a", "kind": "Experience"}, None)
    with pytest.raises(Missing, match="has not learned the SemanticRule p#4"):
        desk({"ask": "learn", "id": "p#4"}, None)

    learned(desk, lived("a"), edition(4))

    assert desk({"ask": "remember", "id": "a", "kind": "Experience"}, None) == {"holds": "a"}
    assert desk({"ask": "learn", "id": "p#4"}, None) == {"holds": "p#4"}


def test_a_rebuild_says_how_much_there_is(desk: MemoryDesk) -> None:
    learned(desk, lived("a"), lived("b"), edition(4))

    assert desk({"ask": "rebuild"}, None) == {"count": 2}


def test_a_heartbeat_needs_no_ledger(server: ChromaServer) -> None:
    room = MemoryRoom(None, ChromaMemory(server.url))  # type: ignore[arg-type]
    handler = MemoryDesk(lambda: room)

    assert handler({"ask": "heartbeat"}, None)["heartbeat"] > 0

    handler.runner.run(room.memory.close())
    handler.runner.close()


def test_an_answer_too_long_for_lambda_is_said(desk: MemoryDesk) -> None:
    learned(desk, *(replace(lived(f"e{row}", rsi=63.0), insight="x" * 400_000) for row in range(16)))

    with pytest.raises(MemoryUnavailable, match=f"at most {MOST_BYTES} bytes, similar was 64"):
        desk(SIMILAR | {"limit": 16}, None)
    assert len(desk(SIMILAR, None)["found"]) == 5


REFUSED: dict[str, tuple[Any, str]] = {
    "nothing": (None, "asked one of similar, refused, count.* was None"),
    "text": ("count", "asked one of"),
    "an empty event": ({}, "was {}"),
    "a fact of the bus": ({"detail-type": "PositionClosed", "detail": {}}, "asked one of"),
    "an unknown question": ({"ask": "forget"}, "asked one of"),
    "no name of a question": ({"ask": ["count"]}, "asked one of"),
    "too little": ({"ask": "count"}, "count takes until, which"),
    "too much": ({"ask": "rebuild", "until": SIMILAR["until"]}, "rebuild takes nothing more"),
    "an instant that is none": (COUNT | {"until": "noon"}, "noon"),
    "an instant of no place": (COUNT | {"until": "2026-01-06T00:00:00"}, "needs its offset"),
    "a filter that is none": (COUNT | {"which": {"side": "up"}}, "not a Which"),
    "a pair that is none": (COUNT | {"which": {"symbol": "BTC"}}, "written BASE/QUOTE"),
    "a refused entry of too many": (SIMILAR | {"ask": "refused", "limit": 1001}, "refused recalls 0 to 1000"),
    "a kind that is not remembered": ({"ask": "remember", "id": "a", "kind": "Lesson"}, "remembered is one of"),
    "a limit that is none": (SIMILAR | {"limit": True}, "expected int"),
    "a limit below": (SIMILAR | {"limit": -1}, "0 to 1000, was -1"),
    "a limit above": (SIMILAR | {"limit": 1001}, "0 to 1000, was 1001"),
    "conditions that are none": (SIMILAR | {"conditions": [1]}, "Conditions"),
    "a number that is none": (SIMILAR | {"conditions": {"labels": {}, "numbers": {"rsi": "7"}}}, "expected float"),
    "an integer of nobody": (SIMILAR | {"limit": 10**30}, "what JSON can say"),
    "half a character": ({"ask": "remember", "kind": "Experience", "id": "\ud800"}, "what JSON can say"),
    "an id without end": ({"ask": "remember", "kind": "PostMortem", "id": "x" * 1001}, "at most 1000 characters"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_whatever_is_no_question_is_refused_by_name(what: str) -> None:
    event, words = REFUSED[what]

    with pytest.raises(BadInput, match=words):
        asked(event)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(list(SIMILAR.values())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)
PARTS = st.sampled_from(["ask", "conditions", "until", "limit", "id", "which", "kind"])
NUMBERS = st.dictionaries(st.sampled_from(["rsi", "adx", "atr_log", ""]), JSON | st.floats(), max_size=3)
EVENTS = (
    JSON
    | st.dictionaries(PARTS, JSON)
    | st.fixed_dictionaries(
        {"ask": st.sampled_from(list(ASKS))},
        optional={"until": JSON, "limit": JSON, "id": JSON, "which": JSON, "kind": JSON},
    )
    | NUMBERS.map(lambda numbers: SIMILAR | {"conditions": {"labels": {}, "numbers": numbers}})
)


def test_garbage_is_refused_or_answered_and_nothing_else(desk: MemoryDesk) -> None:
    learned(desk, lived("a", rsi=63.0))

    @given(EVENTS)
    def whatever_comes(event: Any) -> None:
        try:
            answer = desk(event, None)
        except (BadInput, Missing):
            return
        assert set(answer) & {"found", "count", "rules", "holds", "heartbeat"}

    whatever_comes()


def test_what_goes_wrong_is_logged_and_raised() -> None:
    def nowhere() -> MemoryRoom:
        raise InvalidSetting("SEMSIG_CHROMA_URL is not set")

    handler = MemoryDesk(nowhere)
    assert handler.log
    words = io.StringIO()
    (stream,) = logging.getLogger("memory").handlers
    assert isinstance(stream, logging.StreamHandler)
    stream.stream = words  # not setStream: it flushes the one before, which may be that of a test that has ended

    with pytest.raises(InvalidSetting):
        handler({"ask": "rebuild"}, None)
    handler.runner.close()

    line = json.loads(words.getvalue())
    assert (line["level"], line["service"]) == ("ERROR", "memory")
    assert line["message"] == "InvalidSetting: SEMSIG_CHROMA_URL is not set"


def test_the_function_loads_nothing_before_it_is_asked() -> None:
    code = "import sys, functions.memory; print(*sys.modules)"
    paths = os.pathsep.join([str(ROOT), str(ROOT / "layers/core/python")])
    said = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=True
    )

    heavy = {"boto3", "chromadb", "httpx", "numpy", "aws_lambda_powertools", "semanticsignal.stages"}
    assert heavy & set(said.stdout.split()) == set()


def test_it_wears_what_its_places_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidSetting, match="SEMSIG_TABLE"):
        wiring.memory_room()
    monkeypatch.setenv("SEMSIG_TABLE", "ledger")
    monkeypatch.setenv("SEMSIG_CHROMA_URL", "http://chroma.internal:8000")

    ledger, memory = wiring.memory_room()

    assert isinstance(ledger, DynamoLedger) and isinstance(memory, ChromaMemory)


# --- The plug ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def asking(server: ChromaServer, ledger: InMemoryLedger) -> AsyncIterator[tuple[MemoryFunction, Lambda]]:
    async with emptied(server), deployed(MemoryRoom(ledger, ChromaMemory(server.url))) as (url, service):
        yield MemoryFunction("memory", endpoint_url=url), service


async def test_who_asks_gets_nouns(asking: tuple[MemoryFunction, Lambda], ledger: InMemoryLedger) -> None:
    memory, _ = asking
    one = lived("a", rsi=71.3, adx=33.3)
    await ledger.record(lesson(one))
    await ledger.record(formed(edition(4)))

    await memory.remember(one)
    await memory.learn(edition(4))

    ((found, likeness),) = await memory.similar(NOW, until=UNTIL, limit=5)
    assert (found, type(likeness)) == (one, float)
    assert await memory.count(until=UNTIL) == 1
    assert await memory.rules(until=UNTIL) == (edition(4),)
    assert await memory.rebuild() == 1
    assert await memory.heartbeat() > 0


async def test_nothing_is_asked_for_nothing(asking: tuple[MemoryFunction, Lambda]) -> None:
    memory, service = asking

    assert await memory.similar(NOW, until=UNTIL, limit=0) == ()
    assert service.events == []


async def test_what_was_not_remembered_is_said(asking: tuple[MemoryFunction, Lambda]) -> None:
    memory, _ = asking

    with pytest.raises(MemoryUnavailable, match="memory did not answer remember: Missing: the ledger has not learned"):
        await memory.remember(lived("a"))
    with pytest.raises(MemoryUnavailable, match="Missing"):
        await memory.learn(edition(4))


async def test_a_chroma_that_is_down_is_said_to_who_asks(
    asking: tuple[MemoryFunction, Lambda], server: ChromaServer
) -> None:
    memory, _ = asking
    server.kill()
    try:
        with pytest.raises(MemoryUnavailable, match=r"MemoryUnavailable: Chroma at .* did not answer"):
            await memory.count(until=UNTIL)
    finally:
        server.start()


async def test_a_function_of_another_name_is_said(asking: tuple[MemoryFunction, Lambda]) -> None:
    with pytest.raises(MemoryUnavailable, match=r"memory function other did not answer count: .*Function not found"):
        await MemoryFunction("other", endpoint_url=asking[0]._endpoint_url).count(until=UNTIL)


def raw(status: int, body: bytes, *headers: tuple[bytes, bytes]) -> Callable[..., Any]:
    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        answer.asked += 1  # type: ignore[attr-defined]
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        await send({"type": "http.response.body", "body": body})

    answer.asked = 0  # type: ignore[attr-defined]
    return answer


ANSWERS = {
    "throttled": (raw(429, b'{"Message":"Rate exceeded"}', (b"x-amzn-errortype", b"TooManyRequestsException")), "Rate"),
    "out of order": (raw(500, b'{"Message":"no"}', (b"x-amzn-errortype", b"ServiceException")), "ServiceException"),
    "forbidden": (raw(403, b'{"Message":"no"}', (b"x-amzn-errortype", b"AccessDeniedException")), "AccessDenied"),
    "out of time": (
        raw(200, b'{"errorMessage":"Task timed out after 30 s"}', (b"x-amz-function-error", b"Unhandled")),
        "Task timed out after 30 s",
    ),
    "an error of few words": (raw(200, b"null", (b"x-amz-function-error", b"Unhandled")), "error: None"),
    "no JSON": (raw(200, b"<html>"), "no JSON"),
    "nothing": (raw(200, b""), "no JSON"),
    "null": (raw(200, b"null"), "has no count"),
    "something else": (raw(200, b'{"found": []}'), "has no count"),
    "nonsense": (raw(200, b'{"count": "many"}'), "nonsense: .*many"),
}


@pytest.mark.parametrize("what", ANSWERS)
async def test_whatever_else_lambda_answers_is_said_and_asked_once(what: str) -> None:
    service, words = ANSWERS[what]

    async with serve(service) as url:
        with pytest.raises(MemoryUnavailable, match=words):
            await MemoryFunction("memory", endpoint_url=url).count(until=UNTIL)

    assert service.asked == 1  # type: ignore[attr-defined]


async def test_a_ledger_that_did_not_answer_the_function_is_no_memory_that_is_down() -> None:
    """Who decides goes on without memory, and is turned again without its ledger."""
    told = b'{"errorType":"LedgerUnavailable","errorMessage":"cannot read the ledger: throttled"}'

    async with serve(raw(200, told, (b"x-amz-function-error", b"Unhandled"))) as url:
        with pytest.raises(LedgerUnavailable, match="memory function memory, asked count: cannot read the ledger: thr"):
            await MemoryFunction("memory", endpoint_url=url).count(until=UNTIL)


def test_a_throttled_ledger_is_given_up_before_who_asked_the_function_for_it_goes_on_without_memory() -> None:
    # The SDK's standard mode waits up to 1 s, then each time up to twice as long.
    longest_s = sum(2**retry for retry in range(dynamodb.SDK_RETRIES))

    assert longest_s < memory_function.READ_S


async def test_nonsense_in_what_is_recalled_is_said() -> None:
    async with serve(raw(200, b'{"found": [[{}, 1.0]], "rules": [7]}')) as url:
        memory = MemoryFunction("memory", endpoint_url=url)
        with pytest.raises(MemoryUnavailable, match="nonsense"):
            await memory.similar(Conditions({}, {}), until=UNTIL, limit=5)
        with pytest.raises(MemoryUnavailable, match="nonsense"):
            await memory.rules(until=UNTIL)


async def test_a_function_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_function, "READ_S", 0.05)

    async def silent(scope: dict[str, Any], receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async with serve(silent) as url:
        with pytest.raises(MemoryUnavailable, match="Read timeout"):
            await MemoryFunction("memory", endpoint_url=url).count(until=UNTIL)


async def test_nobody_there_is_said() -> None:
    async with serve(raw(200, b"{}")) as url:
        pass

    with pytest.raises(MemoryUnavailable, match="Could not connect"):
        await MemoryFunction("memory", endpoint_url=url).count(until=UNTIL)


async def test_it_is_found_by_the_variables_of_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve(raw(200, b'{"count": 7}')) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        assert await wiring.memory_function("memory").count(until=UNTIL) == 7
