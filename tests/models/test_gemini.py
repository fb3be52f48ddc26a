"""The real Google SDK against a server on loopback that plays every way an answer can go right and wrong."""

import asyncio
import gzip
import json
import logging
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semanticsignal.adapters.gemini import Gemini
from semanticsignal.codec import dumps, loads
from semanticsignal.domain.asking import Fault, Usage
from semanticsignal.domain.decision import Form, Prompt, Reply, Turn
from semanticsignal.domain.errors import InvalidSetting, ModelUnavailable
from semanticsignal.logic.decide.reply import schema
from semanticsignal.logic.review.reply import schema as review_schema
from tests.feeds import bent
from tests.models.gemini_server import KEY, MODEL, Asked, GeminiServer, Played, answer, error, playing, plugged

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROMPT = Prompt(id="p1", version="1", system="You trade.", user="price: 100")
PNG = bytes(range(256))
PAID = Usage(input_tokens=12, output_tokens=3)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def there() -> AsyncIterator[GeminiServer]:
    async with playing() as server:
        yield server


async def asked(there: GeminiServer, prompt: Prompt = PROMPT, model: str = MODEL, **options: Any) -> Asked:
    there.plays(Played(answer()))
    async with plugged(there, model, **options) as plug:
        await plug.complete(prompt)
    (only,) = there.asked
    return only


async def replied(there: GeminiServer, body: Any, **played: Any) -> Reply:
    there.plays(Played(body, **played))
    return await there.plug.complete(PROMPT)


async def failure(
    there: GeminiServer, body: Any, status: int = 200, plug: Gemini | None = None, **played: Any
) -> ModelUnavailable:
    there.plays(Played(body, status, **played))
    with pytest.raises(ModelUnavailable) as caught:
        await (plug or there.plug).complete(PROMPT)
    assert len(there.asked) == 1, "asked once: whom to ask next is not this plug's business"
    assert_speaks_in_one_line(caught.value)
    return caught.value


def assert_speaks_in_one_line(wrong: ModelUnavailable) -> None:
    said = str(wrong)
    assert said.startswith(f"{MODEL} at google: ")
    assert len(said) < 280 and said.isprintable()
    assert KEY not in said
    assert wrong.__cause__ is None and wrong.__context__ is None, "what is behind it may repeat the key"


# --- What goes out ---------------------------------------------------------------------------------------------------


async def test_a_question_goes_out_with_its_system_its_settings_and_the_shape_of_the_reply(there: GeminiServer) -> None:
    question = await asked(there)

    assert question.path == f"/v1beta/models/{MODEL}:generateContent"
    assert question.body == {
        "systemInstruction": {"parts": [{"text": "You trade."}], "role": "user"},
        "contents": [{"role": "user", "parts": [{"text": "price: 100"}]}],
        "generationConfig": {
            "temperature": 1.0,
            "topP": 0.95,
            "topK": 64,
            "maxOutputTokens": 8192,
            "thinkingConfig": {"thinking_level": "HIGH"},  # the proto's own names, as the SDK sends them: both are read
            "responseMimeType": "application/json",
            "responseJsonSchema": schema(),
        },
    }


@pytest.mark.parametrize("model", [MODEL, "gemini-2.5-flash"])
@pytest.mark.parametrize("with_code", [False, True])
async def test_a_post_mortem_is_asked_for_in_its_own_shape_and_without_code(
    there: GeminiServer, model: str, with_code: bool
) -> None:
    review = Prompt(id="t#review", version="review_v1", system="s", user="u", form=Form.POST_MORTEM)

    body = (await asked(there, review, model, with_code=with_code)).body

    assert body["generationConfig"]["responseMimeType"] == "application/json"
    assert body["generationConfig"]["responseJsonSchema"] == review_schema()
    assert "tools" not in body


async def test_the_key_goes_in_a_header_and_nowhere_else(there: GeminiServer) -> None:
    question = await asked(there)

    assert question.headers["x-goog-api-key"] == KEY
    assert (question.query, "authorization" in question.headers) == ("", False)
    assert question.headers["accept-encoding"] == "identity"
    assert KEY not in json.dumps(question.body) + question.path


async def test_a_picture_goes_with_its_caption(there: GeminiServer) -> None:
    question = await asked(there, Prompt("p", "1", "s", "u", image=PNG, caption="The chart shows 200 bars."))

    words, caption, picture = question.body["contents"][0]["parts"]
    assert (words, caption) == ({"text": "u"}, {"text": "The chart shows 200 bars."})
    assert picture["inlineData"]["mime_type"] == "image/png"
    assert urlsafe_b64decode(picture["inlineData"]["data"]) == PNG


@pytest.mark.parametrize(
    ("prompt", "options"),
    [
        (Prompt("p", "1", "s", "u", image=PNG, caption="The chart"), {"has_vision": False}),
        (Prompt("p", "1", "s", "u", caption="The chart"), {}),
    ],
    ids=["who cannot see", "no picture"],
)
async def test_without_a_picture_nothing_is_said_of_one(
    there: GeminiServer, prompt: Prompt, options: dict[str, Any]
) -> None:
    question = await asked(there, prompt, **options)

    assert question.body["contents"] == [{"role": "user", "parts": [{"text": "u"}]}]


async def test_an_unusable_reply_and_the_complaint_follow_the_question(there: GeminiServer) -> None:
    turns = (Turn("BUY!", "That is no JSON."), Turn("{}", "action is missing."))

    question = await asked(there, Prompt("p", "1", "s", "u", turns=turns))

    said = [(content["role"], content["parts"][0]["text"]) for content in question.body["contents"]]
    assert said == [
        ("user", "u"),
        ("model", "BUY!"),
        ("user", "That is no JSON."),
        ("model", "{}"),
        ("user", "action is missing."),
    ]


async def test_half_a_character_goes_out_as_a_question_mark(there: GeminiServer) -> None:
    question = await asked(there, Prompt("p", "1", "s\ud800", "u\udfff", turns=(Turn("\ud800", "c\ud800"),)))

    assert question.body["systemInstruction"]["parts"] == [{"text": "s?"}]
    assert [content["parts"][0]["text"] for content in question.body["contents"]] == ["u?", "?", "c?"]


async def test_no_system_words_are_no_system_instruction(there: GeminiServer) -> None:
    assert "systemInstruction" not in (await asked(there, Prompt("p", "1", "", "u"))).body


@pytest.mark.parametrize(
    ("model", "thinking", "tokens", "sent"),
    [
        ("gemini-3-flash-preview", "minimal", 8192, {"thinking_level": "MINIMAL"}),
        ("gemini-3-flash-preview", "low", 8192, {"thinking_level": "LOW"}),
        ("gemini-3.5-flash", "medium", 8192, {"thinking_level": "MEDIUM"}),
        ("gemini-3.1-pro-preview", "high", 8192, {"thinking_level": "HIGH"}),
        ("models/gemini-4-pro", "high", 8192, {"thinking_level": "HIGH"}),
        ("gemini-flash-latest", "high", 8192, {"thinking_level": "HIGH"}),
        ("gemini-3-flash-preview", "", 8192, None),
        ("gemini-2.5-flash", "minimal", 8192, {"thinking_budget": 512}),
        ("gemini-2.5-pro", "low", 8192, {"thinking_budget": 1024}),
        ("gemini-2.5-flash", "medium", 8192, {"thinking_budget": 4096}),
        ("gemini-2.5-flash", "high", 8192, {"thinking_budget": 6144}),
        ("gemini-2.5-flash", "high", 32_768, {"thinking_budget": 24_576}),
        ("gemini-2.5-pro", "high", 65_536, {"thinking_budget": 24_576}),
        ("gemini-2.5-flash-lite", "low", 1000, {"thinking_budget": 512}),
        ("gemini-2.5-flash", "", 8192, None),
        ("gemini-2.0-flash", "high", 8192, None),
        ("gemini-1.5-pro-002", "high", 8192, None),
        ("gemma-3-27b-it", "high", 8192, None),
    ],
)
async def test_thinking_is_asked_for_in_the_words_of_the_model(
    there: GeminiServer, model: str, thinking: str, tokens: int, sent: Any
) -> None:
    question = await asked(there, model=model, thinking=thinking, max_output_tokens=tokens)

    assert question.body["generationConfig"].get("thinkingConfig") == sent
    assert question.body["generationConfig"]["maxOutputTokens"] == tokens


@pytest.mark.parametrize(("model", "has_schema"), [("gemini-3-flash-preview", True), ("gemini-2.5-flash", False)])
async def test_code_may_run_and_the_schema_goes_along_where_both_may_be(
    there: GeminiServer, model: str, has_schema: bool
) -> None:
    question = await asked(there, model=model, with_code=True)

    assert question.body["tools"] == [{"codeExecution": {}}]
    assert ("responseJsonSchema" in question.body["generationConfig"]) is has_schema
    assert ("responseMimeType" in question.body["generationConfig"]) is has_schema


async def test_without_code_no_tool_is_named(there: GeminiServer) -> None:
    assert "tools" not in (await asked(there)).body


async def test_nothing_is_read_from_the_environment(there: GeminiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = "http://127.0.0.1:9"
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL"):
        monkeypatch.setenv(name, nowhere)
        monkeypatch.setenv(name.lower(), nowhere)
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION"):
        monkeypatch.setenv(name, "another")
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    monkeypatch.setenv("GOOGLE_GENAI_USE_ENTERPRISE", "true")
    monkeypatch.setenv("GOOGLE_GENAI_API_VERSION", "v9")
    monkeypatch.setenv("GOOGLE_GENAI_CLIENT_MODE", "replay")

    question = await asked(there)

    assert question.path == f"/v1beta/models/{MODEL}:generateContent"
    assert question.headers["x-goog-api-key"] == KEY


async def test_by_default_google_is_asked_by_way_of_the_proxy_that_leads_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wanted.append(await reader.readline())
        writer.close()

    wanted: list[bytes] = []
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:9")
    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        plug = Gemini(KEY, MODEL, 5)
        with pytest.raises(ModelUnavailable) as caught:
            await plug.complete(PROMPT)
        await plug.close()

    assert wanted == [b"CONNECT generativelanguage.googleapis.com:443 HTTP/1.1\r\n"]
    assert caught.value.fault is Fault.CONNECTION


@pytest.mark.parametrize("key", ["", "  ", "ключ", "a\nb", "a\x00b"])
async def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(InvalidSetting, match="Gemini needs a key") as refused:
        Gemini(key, MODEL)

    assert not key.strip() or key not in str(refused.value)


@pytest.mark.parametrize("model", ["", "a b", "../x", "gemini?key=1", "x" * 200, "a/b/c", "a..b", "gemini-3\n"])
async def test_a_name_that_would_bend_the_address_is_refused(model: str) -> None:
    with pytest.raises(InvalidSetting, match="named like gemini-3-flash-preview, was "):
        Gemini(KEY, model)


async def test_an_unknown_level_of_thinking_is_refused() -> None:
    with pytest.raises(InvalidSetting, match=r"minimal, low, medium, high or empty, was 'extreme'"):
        Gemini(KEY, MODEL, thinking="extreme")


# --- What comes back -------------------------------------------------------------------------------------------------


async def test_a_good_answer_comes_back_as_it_was_with_its_costs(there: GeminiServer) -> None:
    reply = await replied(there, answer("  HOLD\n"))

    assert (reply.text, reply.model, reply.usage) == ("  HOLD\n", "gemini-3-flash-preview-001", PAID)
    assert reply.latency_s is not None and 0 < reply.latency_s < 5


async def test_callers_read_whose_model_it_is_and_its_name(there: GeminiServer) -> None:
    assert (there.plug.provider, there.plug.model) == ("google", MODEL)


async def test_only_what_is_said_is_the_answer(there: GeminiServer) -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "print(28)"}}
    result = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "28\n"}}
    thought = {"text": "I had better wait.", "thought": True}
    signed = {"text": "LD", "thoughtSignature": "c2ln"}

    reply = await replied(there, answer(thought, code, result, "HO", {}, thought, signed, {"text": None}))

    assert reply.text == "HOLD"


async def test_the_first_candidate_speaks_for_all(there: GeminiServer) -> None:
    first, second = answer("HOLD")["candidates"], answer("BUY")["candidates"]

    assert (await replied(there, answer() | {"candidates": first + second})).text == "HOLD"


@pytest.mark.parametrize("finish", [None, "STOP", "FINISH_REASON_UNSPECIFIED", ""])
async def test_an_answer_that_came_to_its_end_is_one(there: GeminiServer, finish: str | None) -> None:
    assert (await replied(there, answer("HOLD", finish=finish))).text == "HOLD"


async def test_half_a_character_in_the_answer_becomes_a_question_mark(there: GeminiServer) -> None:
    assert (await replied(there, answer("HO\ud800LD"))).text == "HO?LD"


async def test_what_was_thought_and_what_a_tool_brought_is_counted(there: GeminiServer) -> None:
    told = {
        "promptTokenCount": 100, "cachedContentTokenCount": 60, "toolUsePromptTokenCount": 20,
        "candidatesTokenCount": 10, "thoughtsTokenCount": 500, "totalTokenCount": 630,
    }  # fmt: skip

    usage = (await replied(there, answer(usageMetadata=told))).usage

    assert usage == Usage(input_tokens=120, output_tokens=510, thinking_tokens=500)


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        (None, Usage()),
        ([1], Usage()),
        ("dear", Usage()),
        ({}, Usage()),
        ({"promptTokenCount": 6}, Usage(input_tokens=6)),
        ({"promptTokenCount": 0, "candidatesTokenCount": 0}, Usage(input_tokens=0, output_tokens=0)),
        ({"thoughtsTokenCount": 7}, Usage(output_tokens=7, thinking_tokens=7)),
        ({"promptTokenCount": None, "candidatesTokenCount": 3}, Usage(output_tokens=3)),
        ({"promptTokenCount": "6", "candidatesTokenCount": True, "thoughtsTokenCount": 1.5}, Usage()),
        ({"promptTokenCount": -1, "candidatesTokenCount": 10**30}, Usage()),
        ({"promptTokenCount": 5, "toolUsePromptTokenCount": -5, "candidatesTokenCount": 3}, Usage(output_tokens=3)),
        ({"candidatesTokenCount": 3, "thoughtsTokenCount": "x"}, Usage()),
        # what was thought, told in the total alone
        (
            {"promptTokenCount": 9137, "candidatesTokenCount": 611, "totalTokenCount": 13_037},
            Usage(input_tokens=9137, output_tokens=3900),
        ),
        ({"promptTokenCount": 9137, "totalTokenCount": 13_037}, Usage(input_tokens=9137, output_tokens=3900)),
        ({"promptTokenCount": 6, "totalTokenCount": 5}, Usage(input_tokens=6)),
    ],
    ids=str,
)
async def test_a_count_that_is_none_is_unknown(there: GeminiServer, told: Any, usage: Usage) -> None:
    assert (await replied(there, answer(usageMetadata=told))).usage == usage


@pytest.mark.parametrize("named", [5, {"a": "b"}, None, "", "x" * 90_000, "\ud800", KEY, "a\nb"])
async def test_whatever_a_server_calls_itself_the_reply_can_be_kept(there: GeminiServer, named: Any) -> None:
    reply = await replied(there, answer(modelVersion=named))

    assert loads(Reply, dumps(reply)) == reply
    assert 0 < len(reply.model) <= 200 and KEY not in reply.model


# --- What is no answer -----------------------------------------------------------------------------------------------


async def test_a_truncated_answer_is_paid_and_says_so(there: GeminiServer) -> None:
    told = {"promptTokenCount": 12, "candidatesTokenCount": 8000, "thoughtsTokenCount": 192}

    wrong = await failure(there, answer('{"action": "BU', finish="MAX_TOKENS", usageMetadata=told))

    assert (wrong.fault, wrong.usage) == (Fault.TRUNCATED, Usage(12, 8192, 192))
    assert "truncated, stopped by MAX_TOKENS" in str(wrong)


@pytest.mark.parametrize(
    ("finish", "fault"),
    [
        ("MAX_TOKENS", Fault.TRUNCATED),
        ("CONTINUATION", Fault.TRUNCATED),
        ("SAFETY", Fault.REFUSAL),
        ("RECITATION", Fault.REFUSAL),
        ("LANGUAGE", Fault.REFUSAL),
        ("OTHER", Fault.REFUSAL),
        ("BLOCKLIST", Fault.REFUSAL),
        ("PROHIBITED_CONTENT", Fault.REFUSAL),
        ("SPII", Fault.REFUSAL),
        ("IMAGE_SAFETY", Fault.REFUSAL),
        ("ESCALATION", Fault.REFUSAL),
        ("A_REASON_OF_TOMORROW", Fault.REFUSAL),
        ("MALFORMED_FUNCTION_CALL", Fault.MALFORMED),
        ("UNEXPECTED_TOOL_CALL", Fault.MALFORMED),
        ("TOO_MANY_TOOL_CALLS", Fault.MALFORMED),
        ("MALFORMED_RESPONSE", Fault.MALFORMED),
    ],
)
async def test_an_answer_that_was_stopped_says_by_what_and_is_paid(
    there: GeminiServer, finish: str, fault: Fault
) -> None:
    said, unsaid = await failure(there, answer("HOLD", finish=finish)), await failure(there, answer({}, finish=finish))

    assert (said.fault, said.usage) == (unsaid.fault, unsaid.usage) == (fault, PAID)
    assert f"stopped by {finish}" in str(said)


async def test_why_it_was_stopped_is_told_in_the_words_of_the_server(there: GeminiServer) -> None:
    body = answer("HO", finish="OTHER")
    body["candidates"][0]["finishMessage"] = "Model failed\r\nto generate\u2028content\x1b[31m."

    assert str(await failure(there, body)).endswith("refusal, stopped by OTHER Model failed to generate content [31m.")


async def test_a_blocked_question_is_a_refusal_that_says_why(there: GeminiServer) -> None:
    feedback = {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "Reasons"}

    wrong = await failure(there, {"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 12}})

    assert (wrong.fault, wrong.usage) == (Fault.REFUSAL, Usage(input_tokens=12))
    assert str(wrong).endswith("refusal, blocked by PROHIBITED_CONTENT Reasons")


async def test_an_answer_is_not_continued_behind_our_back(there: GeminiServer) -> None:
    body = answer("HO", finish="CONTINUATION")
    body["candidates"][0]["continuationToken"] = "dG9rZW4="

    assert (await failure(there, body)).fault is Fault.TRUNCATED


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (answer(""), Fault.EMPTY),
        (answer(" \n"), Fault.EMPTY),
        (answer({"text": "hm", "thought": True}), Fault.EMPTY),
        (answer({"functionCall": {"name": "now", "args": {}}}), Fault.EMPTY),
        ({"candidates": [{"content": {"parts": []}, "finishReason": "STOP"}]}, Fault.EMPTY),
        ({"candidates": [{"content": {"role": "model"}, "finishReason": "STOP"}]}, Fault.EMPTY),
        ({"candidates": [{"content": {}}]}, Fault.EMPTY),
        ({"candidates": [{"finishReason": "STOP"}]}, Fault.EMPTY),
        ({"candidates": [{}]}, Fault.EMPTY),
        ({"candidates": []}, Fault.EMPTY),
        ({"candidates": None}, Fault.EMPTY),
        ({"usageMetadata": {"promptTokenCount": 1}}, Fault.EMPTY),
        ({}, Fault.EMPTY),
        ({"choices": [{"message": {"content": "HOLD"}}]}, Fault.MALFORMED),
        ({"candidates": "HOLD"}, Fault.MALFORMED),
        ({"candidates": {"0": "HOLD"}}, Fault.MALFORMED),
        ({"candidates": ["HOLD"]}, Fault.MALFORMED),
        ({"candidates": [{"content": "HOLD"}]}, Fault.MALFORMED),
        ({"candidates": [{"content": {"parts": "HOLD"}}]}, Fault.MALFORMED),
        ({"candidates": [{"content": {"parts": ["HOLD"]}}]}, Fault.MALFORMED),
        ({"candidates": [{"content": {"parts": [{"text": ["HOLD"]}]}}]}, Fault.MALFORMED),
        ({"candidates": [{"content": {"parts": [{"text": "HOLD"}]}, "finishReason": 1}]}, Fault.MALFORMED),
        ({"promptFeedback": "SAFETY"}, Fault.MALFORMED),
        ({"error": "no"}, Fault.MALFORMED),
        ([], Fault.MALFORMED),
        ([answer()], Fault.MALFORMED),
        ("HOLD", Fault.MALFORMED),
        (None, Fault.MALFORMED),
        (b"", Fault.MALFORMED),
        (b'{"candidates": [', Fault.MALFORMED),
        (b"\xff\xfe", Fault.MALFORMED),
        (b"<html><body>Sign in</body></html>", Fault.MALFORMED),
        (b"[" * 200_000, Fault.MALFORMED),
        (b'{"candidates":' + b"[" * 200_000, Fault.MALFORMED),
        (b'{"usageMetadata":{"promptTokenCount":' + b"9" * 5_000 + b"}}", Fault.MALFORMED),
        (b'data: {"candidates": []}\r\n\r\n', Fault.MALFORMED),
    ],
    ids=lambda body: repr(body)[:60],
)
async def test_what_is_no_answer_says_of_which_kind(there: GeminiServer, body: Any, fault: Fault) -> None:
    assert (await failure(there, body)).fault is fault


async def test_a_failure_told_as_a_success_is_one(there: GeminiServer) -> None:
    assert (await failure(there, error(503, "overloaded"))).fault is Fault.OVERLOAD


async def test_a_page_in_between_is_no_answer(there: GeminiServer) -> None:
    wrong = await failure(there, b"<html>\n<body>Sign in</body>\n</html>", media_type="text/html")

    assert str(wrong).endswith("malformed answer, no JSON object, was <html> <body>Sign in</body> </html>")


async def test_an_answer_without_end_is_given_up(there: GeminiServer) -> None:
    wrong = await failure(there, b" " * 4_000_001 + json.dumps(answer()).encode())

    assert (wrong.fault, "more than 4000000 bytes" in str(wrong)) == (Fault.MALFORMED, True)


async def test_a_packed_answer_nobody_asked_for_is_not_unpacked(there: GeminiServer) -> None:
    wrong = await failure(there, gzip.compress(json.dumps(answer()).encode()), headers={"content-encoding": "gzip"})

    assert (wrong.fault, "packed as gzip" in str(wrong)) == (Fault.MALFORMED, True)


@pytest.mark.parametrize("charset", ["base64", "zlib", "undefined", "utf-16", "idna", "no-such"])
async def test_an_answer_is_utf_8_whatever_it_says_of_itself(there: GeminiServer, charset: str) -> None:
    reply = await replied(there, answer("HOLD"), media_type=f"application/json; charset={charset}")

    assert reply.text == "HOLD"


# --- Refusals by status ----------------------------------------------------------------------------------------------

BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
DISABLED = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}


@pytest.mark.parametrize(
    ("body", "status", "fault", "says"),
    [
        (error(400, "API key not valid.", "INVALID_ARGUMENT", BAD_KEY), 400, Fault.AUTH, "auth refused, HTTP 400, API"),
        (error(401, "Unauthenticated", "UNAUTHENTICATED"), 401, Fault.AUTH, "auth refused, HTTP 401"),
        (error(403, "API is disabled.", "PERMISSION_DENIED", DISABLED), 403, Fault.AUTH, "auth refused, HTTP 403"),
        (error(400, "User location is not supported for the API use.", "FAILED_PRECONDITION"), 400, Fault.REQUEST,
         "request refused, HTTP 400, User location is not supported for the API use."),
        (error(400, "Unknown name.", "INVALID_ARGUMENT"), 400, Fault.REQUEST, "request refused, HTTP 400"),
        (error(404, "models/x is not found", "NOT_FOUND"), 404, Fault.REQUEST, "request refused, HTTP 404, models/x"),
        (error(413, "too large"), 413, Fault.REQUEST, "request refused, HTTP 413"),
        (error(408, "timeout"), 408, Fault.TIMEOUT, "timeout, HTTP 408"),
        (error(429, "slower", "RESOURCE_EXHAUSTED"), 429, Fault.RATE_LIMIT, "rate limit, HTTP 429, slower"),
        (error(499, "The operation was cancelled.", "CANCELLED"), 499, Fault.OVERLOAD, "server error, HTTP 499"),
        (error(500, "Internal", "INTERNAL"), 500, Fault.OVERLOAD, "server error, HTTP 500"),
        (b"<html>Bad Gateway</html>", 502, Fault.OVERLOAD, "server error, HTTP 502, <html>Bad Gateway</html>"),
        (error(503, "The model is overloaded.", "UNAVAILABLE"), 503, Fault.OVERLOAD, "server error, HTTP 503"),
        (error(504, "late", ""), 504, Fault.TIMEOUT, "timeout, HTTP 504"),
        (error(504, "Deadline expired", "DEADLINE_EXCEEDED"), 504, Fault.TIMEOUT, "timeout, HTTP 504"),
        (b"<html>Moved</html>", 302, Fault.MALFORMED, "malformed answer, HTTP 302"),
        (answer(), 202, Fault.MALFORMED, "malformed answer, HTTP 202"),
        (b"\xff\xfe", 503, Fault.OVERLOAD, "server error, HTTP 503"),
        (b"", 403, Fault.AUTH, "auth refused, HTTP 403"),
        ([error(403, "in a list")], 403, Fault.AUTH, "auth refused, HTTP 403, in a list"),
        ([], 429, Fault.RATE_LIMIT, "rate limit, HTTP 429"),
        ("no", 500, Fault.OVERLOAD, "server error, HTTP 500"),
        ({"error": None}, 500, Fault.OVERLOAD, "server error, HTTP 500"),
        ({"error": {"message": {"a": 1}, "details": "none"}}, 429, Fault.RATE_LIMIT, "rate limit, HTTP 429"),
        ({"error": {"details": [1, {"violations": 5}, {"metadata": [2]}, {"violations": [3]}]}}, 429,
         Fault.RATE_LIMIT, "rate limit, HTTP 429"),
        (b"[" * 200_000, 500, Fault.MALFORMED, "malformed answer"),
    ],
    ids=lambda each: repr(each)[:50],
)  # fmt: skip
async def test_a_refusal_by_status_says_which_kind(
    there: GeminiServer, body: Any, status: int, fault: Fault, says: str
) -> None:
    wrong = await failure(there, body, status)

    assert (wrong.fault, wrong.wait_s) == (fault, None)
    assert str(wrong).startswith(f"{MODEL} at google: {says}")


def exhausted(*limits: dict[str, str], message: str = "You exceeded your current quota, please check billing.") -> Any:
    failed = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": list(limits)}
    return error(429, message, "RESOURCE_EXHAUSTED", *([failed] if limits else []))


MINUTE = {"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "quotaValue": "10"}
DAY = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "250"}
METRIC = {"quotaMetric": "generativelanguage.googleapis.com/generate_requests_per_model_per_day"}
NOTHING = {"quotaId": "GenerateContentInputTokensPerModelPerMinute-FreeTier", "quotaValue": "0"}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (exhausted(MINUTE), Fault.RATE_LIMIT),
        (exhausted(DAY), Fault.QUOTA),
        (exhausted(MINUTE, DAY), Fault.QUOTA),
        (exhausted(METRIC), Fault.QUOTA),
        (exhausted(NOTHING), Fault.QUOTA),
        (exhausted(), Fault.QUOTA),
        (exhausted(message="Your prepayment credits are depleted."), Fault.QUOTA),
        (exhausted(message="Your project has exceeded its monthly spending cap."), Fault.QUOTA),
        (exhausted(message="Resource has been exhausted (e.g. check quota)."), Fault.RATE_LIMIT),
        (exhausted(message="Resource exhausted. Please try again later."), Fault.RATE_LIMIT),
    ],
)
async def test_too_many_questions_are_something_else_than_a_day_used_up(
    there: GeminiServer, body: Any, fault: Fault
) -> None:
    assert (await failure(there, body, 429)).fault is fault


def retry(delay: Any) -> Any:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    return error(429, "slower", "RESOURCE_EXHAUSTED", info)


@pytest.mark.parametrize(
    ("body", "headers", "wait_s"),
    [
        (retry("7s"), {}, 7.0),
        (retry("1.5s"), {}, 1.5),
        (retry("0s"), {}, 0.0),
        (retry("34.074824224s"), {"retry-after": "1"}, 34.074824224),
        (retry("99999999999s"), {}, 86_400.0),
        (retry("9" * 400 + "s"), {}, 86_400.0),
        (retry("-7s"), {}, None),
        (retry("soon"), {}, None),
        (retry("1e9s"), {}, None),
        (retry("nan"), {}, None),
        (retry("\u0667s"), {}, None),
        (retry({"seconds": 7}), {}, None),
        (retry(7), {}, None),
        (retry(None), {"retry-after": "12"}, 12.0),
        (retry("soon"), {"retry-after": "12"}, 12.0),
        (error(503), {"retry-after": " 30 "}, 30.0),
        (error(503), {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        (b"<html>", {"retry-after": "5"}, 5.0),
    ],
    ids=repr,
)
async def test_how_long_it_wants_to_be_left_alone(
    there: GeminiServer, body: Any, headers: dict[str, str], wait_s: float | None
) -> None:
    assert (await failure(there, body, 429, headers=headers)).wait_s == wait_s


# --- Time and connection ---------------------------------------------------------------------------------------------


async def test_a_slow_answer_is_a_timeout(there: GeminiServer) -> None:
    async with plugged(there, timeout_s=0.1) as plug:
        wrong = await failure(there, answer(), plug=plug, delay_s=0.5)

    assert (wrong.fault, str(wrong)) == (Fault.TIMEOUT, f"{MODEL} at google: timeout, no whole answer in 0.1 s")


@pytest.mark.parametrize("status", [200, 503])
async def test_an_answer_that_drips_is_given_up(there: GeminiServer, status: int) -> None:
    async with plugged(there, timeout_s=0.2) as plug:
        wrong = await failure(there, b" " * 1_000, status, plug, drip_s=0.02)

    assert wrong.fault is Fault.TIMEOUT


@pytest.mark.parametrize("status", [200, 503])
async def test_an_answer_that_breaks_off_is_truncated(there: GeminiServer, status: int) -> None:
    wrong = await failure(there, answer(), status, is_cut=True)

    assert (wrong.fault, "the connection broke off" in str(wrong)) == (Fault.TRUNCATED, True)


async def test_a_server_that_is_gone_is_a_connection_failure() -> None:
    async with playing() as gone:
        pass

    async with plugged(gone) as plug:
        with pytest.raises(ModelUnavailable, match="connection failed") as caught:
            await plug.complete(PROMPT)

    assert caught.value.fault is Fault.CONNECTION


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (b"", Fault.CONNECTION),
        (b"220 smtp.example ESMTP\r\n", Fault.CONNECTION),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", Fault.TRUNCATED),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{", Fault.TRUNCATED),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{", Fault.TRUNCATED),
        (b"HTTP/1.1 200 " + KEY.encode() + b"\x00\r\n\r\n", Fault.CONNECTION),
    ],
    ids=repr,
)
async def test_a_server_of_another_kind_is_told_from_one_that_stops_in_the_middle(said: bytes, fault: Fault) -> None:
    async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal questions
        questions += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        writer.close()

    questions = 0
    async with await asyncio.start_server(hangs_up, "127.0.0.1", 0) as server:
        plug = Gemini(KEY, MODEL, 5, base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(ModelUnavailable) as caught:
            await plug.complete(PROMPT)
        await plug.close()

    assert (caught.value.fault, questions) == (fault, 1)
    assert_speaks_in_one_line(caught.value)


async def test_who_asks_is_free_to_stop_waiting(there: GeminiServer) -> None:
    there.plays(Played(answer(), delay_s=0.5))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await there.plug.complete(PROMPT)


async def test_several_may_ask_at_once(there: GeminiServer) -> None:
    there.plays(Played(answer()))

    replies = await asyncio.gather(*(there.plug.complete(PROMPT) for _ in range(5)))

    assert ({reply.text for reply in replies}, len(there.asked)) == ({"HOLD"}, 5)


async def test_a_plug_that_was_pulled_says_so(there: GeminiServer) -> None:
    async with plugged(there) as plug:
        await plug.close()

        with pytest.raises(ModelUnavailable, match="closed"):
            await plug.complete(PROMPT)


# --- The key ---------------------------------------------------------------------------------------------------------

CODED = "".join(f"\\u{ord(letter):04x}" for letter in KEY)


@pytest.mark.parametrize("status", [200, 400, 403, 429, 500])
@pytest.mark.parametrize(
    "body",
    [
        error(400, f"Invalid API key: {KEY}", KEY, BAD_KEY | {"detail": KEY}),
        {"error": {"code": 400, "message": KEY * 20}},
        {"message": KEY, "status": KEY},
        f"<html>{'x' * 190}{KEY}".encode(),
        {KEY: KEY},
        answer("HO", finish=KEY),
        {"promptFeedback": {"blockReason": KEY, "blockReasonMessage": KEY}},
        {"candidates": [{"content": {"parts": [{"text": {KEY: 1}}]}}]},
    ],
    ids=lambda body: repr(body)[:40],
)
async def test_a_key_that_comes_back_is_not_passed_on(there: GeminiServer, body: Any, status: int) -> None:
    wrong = await failure(there, body, status)

    assert KEY[:4] not in str(wrong) + repr(wrong)


@pytest.mark.parametrize("parts", [[CODED], [KEY[:5], KEY[5:]]], ids=["by its codes", "in pieces"])
async def test_nor_is_one_in_an_answer(there: GeminiServer, parts: list[str]) -> None:
    told = json.dumps(answer("was ", *(f"PART{number}" for number, _ in enumerate(parts))))
    for number, part in enumerate(parts):
        told = told.replace(f"PART{number}", part)

    reply = await replied(there, told.encode())

    assert reply.text == "was [key]"


@pytest.mark.parametrize("status", [200, 500])
async def test_no_piece_of_a_key_is_left_where_a_line_is_cut(there: GeminiServer, status: int) -> None:
    for before in range(150, 210):
        wrong = await failure(there, b"x" * before + KEY.encode() + b" is not known", status)

        assert KEY[:1] not in str(wrong)


async def test_no_log_tells_the_key(there: GeminiServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    await replied(there, answer())
    await failure(there, error(400, KEY, "", BAD_KEY), 400)
    async with plugged(there):
        pass

    assert "generateContent" in caplog.text and KEY not in caplog.text
    assert "AFC is enabled" not in caplog.text, "no function of ours is called"


# --- Anything --------------------------------------------------------------------------------------------------------

THOUGHT = answer(
    {"text": "hm", "thought": True}, "HOLD",
    usageMetadata={"promptTokenCount": 1, "candidatesTokenCount": 2, "thoughtsTokenCount": 3},
    promptFeedback={"safetyRatings": [{"category": "HARM_CATEGORY_HATE_SPEECH", "probability": "LOW"}]},
)  # fmt: skip
REFUSED = error(429, "no", "RESOURCE_EXHAUSTED", {"violations": [DAY], "retryDelay": "7s"}, {"metadata": {"a": "b"}})


@given(bent(THOUGHT) | bent(REFUSED), st.sampled_from([200, 200, 200, 400, 429, 503]))
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
async def test_whatever_comes_is_a_reply_or_no_answer(there: GeminiServer, content: bytes, status: int) -> None:
    there.plays(Played(content, status))

    try:
        reply = await there.plug.complete(PROMPT)
    except ModelUnavailable as wrong:
        assert_speaks_in_one_line(wrong)
        return

    assert status == 200 and reply.text.strip()
    assert loads(Reply, dumps(reply)) == reply
