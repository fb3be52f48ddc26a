"""What came back from chat completions: words, or why there are none; whatever it is, it is read."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.domain.asking import Fault, Usage
from semanticsignal.domain.untrusted import writable
from semanticsignal.logic.decide.completions import Answer, Flaw, flaw, parsed, served, usage, words

NAMES = (
    "choices", "message", "content", "refusal", "finish_reason", "error", "code", "metadata", "usage", "cost", "model",
    "prompt_tokens", "completion_tokens", "total_tokens", "headers", "raw", "is_byok", "cost_details",
)  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=30,
)


def answer(body: Any, status: int = 200, **headers: str) -> tuple[Answer, Any]:
    content = json.dumps(body).encode()
    return Answer(status, headers, content), parsed(content)


def said(text: Any, **choice: Any) -> dict[str, Any]:
    return {"model": "m-1", "choices": [{"message": {"content": text}, **choice}]}


def test_words_are_what_was_said_and_who_said_it() -> None:
    came, body = answer(said("HOLD"))

    assert flaw(came, body) is None
    assert (words(body), served(body)) == ("HOLD", "m-1")


@pytest.mark.parametrize(
    ("body", "status", "fault"),
    [
        (said("HO", finish_reason="length"), 200, Fault.TRUNCATED),
        (said("HO", native_finish_reason="SAFETY"), 200, Fault.REFUSAL),
        (said(" "), 200, Fault.EMPTY),
        (said(7), 200, Fault.EMPTY),
        ({"choices": []}, 200, Fault.MALFORMED),
        ([], 200, Fault.MALFORMED),
        ({"error": {"code": 429, "message": "slow"}}, 200, Fault.RATE_LIMIT),
        ({"error": {"code": 429, "message": "free-models-per-day"}}, 200, Fault.QUOTA),
        ({}, 307, Fault.REQUEST),
        ({}, 500, Fault.OVERLOAD),
    ],
)
def test_why_there_are_no_words(body: Any, status: int, fault: Fault) -> None:
    found = flaw(*answer(body, status))

    assert found is not None and found.fault is fault


def test_a_server_waits_by_its_own_clock() -> None:
    date, later = "Mon, 05 Jan 2026 08:00:00 GMT", "Mon, 05 Jan 2026 08:01:30 GMT"

    assert flaw(*answer({}, 429, **{"date": date, "retry-after": later})) == Flaw(Fault.RATE_LIMIT, "HTTP 429", 90.0)


@given(ANYTHING, st.sampled_from((200, 302, 400, 402, 429, 503)))
def test_whatever_comes_is_a_flaw_or_words(body: Any, status: int) -> None:
    came, read = answer(body, status)

    found = flaw(came, read)

    assert found is not None or words(read).strip()
    assert isinstance(usage(read), Usage) and isinstance(served(read), str)


@given(st.binary(max_size=50))
def test_whatever_is_no_json_is_nothing(content: bytes) -> None:
    read = parsed(content)

    assert flaw(Answer(200, {}, content), read) is not None


def test_half_a_character_becomes_a_question_mark() -> None:
    assert writable("a \ud83d b \U0001f600") == "a ? b \U0001f600"


def test_an_answer_of_comments_takes_no_more_memory_than_a_few_copies_of_it() -> None:
    content = b": x\n" * 250_000 + b"1"
    tracemalloc.start()
    read = parsed(content)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert read == 1 and most < 10 * len(content)
