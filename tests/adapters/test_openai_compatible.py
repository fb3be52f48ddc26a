"""The real OpenAI SDK against a real server on loopback that plays every way an answer can go wrong."""

import asyncio
import gzip
import json
import traceback
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import httpx
import httpx2
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.adapters.openai_compatible import OpenAICompatible
from semanticsignal.codec import dumps, loads
from semanticsignal.domain.asking import Fault, Usage
from semanticsignal.domain.decision import Prompt, Reply, Turn
from semanticsignal.domain.errors import ModelUnavailable
from semanticsignal.simulate import model as simulated
from tests.loopback import serve
from tests.models.openai_servers import http, wire

PROMPT = Prompt(id="p1", version="1", system="You trade.", user="price: 100")


def completion(content: Any = "HOLD", finish_reason: str = "stop", refusal: str | None = None, **more: Any) -> Any:
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return {
        "id": "c1", "object": "chat.completion", "created": 0, "model": "played",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15},
    } | more  # fmt: skip


class Player:
    """A server with one answer; keeps what it was asked."""

    def __init__(
        self, content: Any, status: int = 200, delay_s: float = 0, headers: dict[str, str] | None = None
    ) -> None:
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self._content, self._status, self._delay_s, self._said = content, status, delay_s, headers
        self.api = FastAPI()
        self.api.add_api_route("/v1/chat/completions", self._answer, methods=["POST"], response_model=None)

    async def _answer(self, request: Request) -> Response:
        self.asked.append(await request.json())
        self.headers.append(dict(request.headers))
        await asyncio.sleep(self._delay_s)
        if isinstance(self._content, bytes):
            return Response(self._content, self._status, self._said, media_type="application/json")
        if isinstance(self._content, str):
            return Response(self._content, self._status, self._said, media_type="text/html")
        return JSONResponse(self._content, self._status, self._said)


@asynccontextmanager
async def plugged(api: FastAPI, timeout_s: float = 5, **options: Any) -> AsyncIterator[OpenAICompatible]:
    async with serve(api) as url:
        model = OpenAICompatible(f"{url}/v1", "asked-for", timeout_s=timeout_s, **options)
        try:
            yield model
        finally:
            await model.close()


async def refused(player: Player, timeout_s: float = 5, **options: Any) -> ModelUnavailable:
    async with plugged(player.api, timeout_s, **options) as model:
        with pytest.raises(ModelUnavailable) as caught:
            await model.complete(PROMPT)
    assert len(player.asked) == 1, "asked once: whom to ask next is not this plug's business"
    return caught.value


async def failure(player: Player, timeout_s: float = 5) -> str:
    return str(await refused(player, timeout_s))


async def wired(answer: bytes, *, is_reset: bool = False) -> ModelUnavailable:
    """What comes of these bytes on the wire."""
    async with wire(lambda: answer, is_reset=is_reset) as url:
        model = OpenAICompatible(url, "asked-for", timeout_s=5)
        with pytest.raises(ModelUnavailable) as caught:
            await model.complete(PROMPT)
        await model.close()
    return caught.value


async def test_a_good_answer_comes_back_as_it_was_with_its_costs() -> None:
    async with plugged(Player(completion("  HOLD\n")).api) as model:
        reply = await model.complete(PROMPT)

    assert (reply.text, reply.model) == ("  HOLD\n", "played")
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.cost_usd) == (12, 3, None)
    assert reply.latency_s is not None and 0 < reply.latency_s < 5


@pytest.mark.parametrize(
    "lies",
    [
        {"model": 5}, {"model": {"a": "b"}}, {"model": None}, {"model": "x" * 90_000}, {"model": "\ud800"},
        {"usage": {"prompt_tokens": "x", "completion_tokens": True, "cost": "dear"}},
        {"usage": {"prompt_tokens": -1, "completion_tokens": 10**30, "cost": -5}}, {"usage": [1]},
    ],
    ids=str,
)  # fmt: skip
async def test_whatever_a_server_says_of_itself_the_reply_can_be_kept(lies: dict[str, Any]) -> None:
    async with plugged(Player(json.dumps(completion("HOLD") | lies).encode()).api) as model:
        reply = await model.complete(PROMPT)

    assert loads(Reply, dumps(reply)) == reply
    assert isinstance(reply.model, str) and 0 < len(reply.model) <= 200
    assert all(count is None or count in (12, 3) for count in (reply.usage.input_tokens, reply.usage.output_tokens))


async def test_half_a_character_in_a_refusal_is_no_defect() -> None:
    assert "refusal" in await failure(Player(json.dumps(completion(None, refusal="\ud800")).encode()))


async def test_the_prompt_goes_out_as_system_and_user_without_chance() -> None:
    player = Player(completion())

    async with plugged(player.api) as model:
        await model.complete(PROMPT)

    assert player.asked == [
        {
            "model": "asked-for",
            "messages": [{"role": "system", "content": "You trade."}, {"role": "user", "content": "price: 100"}],
            "temperature": 0,
        }
    ]


async def test_half_a_character_in_our_own_words_goes_out_as_a_question_mark() -> None:
    player = Player(completion())
    half = "\ud800"
    turns = (Turn(f"r{half}", f"t{half}"),)
    prompt = Prompt(id="p", version="1", system=f"s{half}", user=f"u{half}", image=b"", caption=f"c{half}", turns=turns)

    async with plugged(player.api, has_vision=True) as model:
        await model.complete(prompt)

    system, user, reply, complaint = (said["content"] for said in player.asked[0]["messages"])
    assert (system, reply, complaint) == ("s?", "r?", "t?")
    assert [part.get("text") for part in user] == ["u?", "c?", None]


async def test_an_image_goes_along_as_a_part_of_the_user_message() -> None:
    player = Player(completion())

    async with plugged(player.api, has_vision=True) as model:
        await model.complete(Prompt(id="p2", version="1", system="s", user="u", image=b"png"))

    text, image = player.asked[0]["messages"][1]["content"]
    assert text == {"type": "text", "text": "u"}
    assert image == {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}}


async def test_costs_that_the_provider_does_not_tell_are_unknown_and_those_it_tells_are_exact() -> None:
    async with plugged(Player(completion(usage=None, model=None)).api) as model:
        untold = await model.complete(PROMPT)
    async with plugged(Player(completion(usage={"prompt_tokens": 1, "cost": 0.00014})).api) as model:
        told = await model.complete(PROMPT)

    assert (untold.model, untold.usage.input_tokens, untold.usage.output_tokens) == ("asked-for", None, None)
    assert told.usage.cost_usd == Decimal("0.00014")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "request refused, HTTP 400"),
        (401, "auth refused, HTTP 401"),
        (403, "auth refused, HTTP 403"),
        (429, "rate limit, HTTP 429"),
        (500, "server error, HTTP 500"),
        (503, "server error, HTTP 503"),
    ],
)
async def test_a_refusal_by_status_says_which_kind(status: int, kind: str) -> None:
    said = await failure(Player({"error": {"message": "no", "type": "t", "param": None, "code": None}}, status))

    assert kind in said
    assert said.startswith("asked-for at http://127.0.0.1:")


async def test_a_slow_answer_is_a_timeout() -> None:
    assert "timeout, no whole answer in 0.05 s" in await failure(Player(completion(), delay_s=0.3), timeout_s=0.05)


async def test_a_server_that_is_gone_is_a_connection_failure() -> None:
    async with serve(Player(completion()).api) as url:
        model = OpenAICompatible(f"{url}/v1", "asked-for")

    with pytest.raises(ModelUnavailable, match="connection failed") as caught:
        await model.complete(PROMPT)
    await model.close()
    assert caught.value.usage.cost_usd == 0, "nobody had the question"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (completion(""), "empty reply"),
        (completion(" \n"), "empty reply"),
        (completion(None), "empty reply"),
        (completion([{"text": "HOLD"}]), "empty reply"),
        (completion("HO", "length"), "truncated"),
        (completion(None, refusal="I cannot"), "refusal, I cannot"),
        (completion(None, "content_filter"), "refusal, finish_reason content_filter"),
        (b'{"choices": [', "malformed answer"),
        (b"\xff\xfe", "malformed answer"),
        (b"[]", "malformed answer"),
        (b"{}", "malformed answer"),
        (b'{"choices": []}', "malformed answer"),
        (b'{"choices": "none"}', "malformed answer"),
        (b'{"choices": [{"index": 0}]}', "malformed answer"),
        (b'{"choices": ["HOLD"]}', "malformed answer"),
        ("<html>Sign in</html>", "malformed answer"),
    ],
)
async def test_an_answer_without_words_says_what_it_was_instead(content: Any, kind: str) -> None:
    assert kind in await failure(Player(content))


@pytest.mark.parametrize(
    ("content", "status", "fault"),
    [
        (completion(""), 200, Fault.EMPTY),
        (completion(None) | {"reasoning": "a"}, 200, Fault.EMPTY),
        (completion([{"type": "text", "text": "HOLD"}]), 200, Fault.EMPTY),
        (completion("HO", "length"), 200, Fault.TRUNCATED),
        (completion("", "length"), 200, Fault.TRUNCATED),
        (completion("HOLD", refusal="I cannot"), 200, Fault.REFUSAL),
        (completion("HOLD", refusal={"why": "I cannot"}), 200, Fault.REFUSAL),
        (completion("HOLD", "content_filter"), 200, Fault.REFUSAL),
        (b'{"choices": [', 200, Fault.MALFORMED),
        (b"", 200, Fault.MALFORMED),
        (b"null", 200, Fault.MALFORMED),
        (b"[" * 100_000, 200, Fault.MALFORMED),
        (b'{"choices": [{"message": {"content": ' + b"9" * 5_000 + b"}}]}", 200, Fault.MALFORMED),
        (b'data: {"choices": []}\n\n', 200, Fault.MALFORMED),
        ("<html>Sign in</html>", 200, Fault.MALFORMED),
        ("<html>Bad gateway</html>", 502, Fault.OVERLOAD),
        ("<html>Blocked</html>", 403, Fault.AUTH),
        ({"detail": "Not Found"}, 404, Fault.REQUEST),
        ({"object": "error", "message": "no such model", "code": 404}, 404, Fault.REQUEST),
        ({"error": {"code": "insufficient_quota", "type": "insufficient_quota"}}, 429, Fault.QUOTA),
        ({"error": {"code": None, "type": "insufficient_quota"}}, 429, Fault.QUOTA),
        ({"error": {"code": "rate_limit_exceeded", "message": "on requests per day (RPD)"}}, 429, Fault.QUOTA),
        ({"error": {"code": "rate_limit_exceeded", "message": "on tokens per minute (TPM)"}}, 429, Fault.RATE_LIMIT),
        ({"error": {"code": "421", "message": "Moderation Block", "type": "content_filter"}}, 400, Fault.REFUSAL),
        ({"error": {"code": "context_length_exceeded", "type": "invalid_request_error"}}, 400, Fault.REQUEST),
        ({"error": {"code": "invalid_api_key", "type": "invalid_request_error"}}, 401, Fault.AUTH),
        ({"error": {"type": "server_error"}}, 200, Fault.OVERLOAD),
        ({"error": "no"}, 402, Fault.QUOTA),
        ({"error": ["no"]}, 408, Fault.TIMEOUT),
        (b"\xff", 599, Fault.OVERLOAD),
        (b"", 304, Fault.REQUEST),
    ],
    ids=lambda told: str(told)[:60],
)  # fmt: skip
async def test_a_failure_is_named_so_that_the_right_thing_is_done_next(content: Any, status: int, fault: Fault) -> None:
    assert (await refused(Player(content, status))).fault is fault


@pytest.mark.parametrize(
    "content",
    [
        {"error": "no such model"},
        {"error": {"message": "no such model"}},
        {"object": "error", "message": "no such model", "code": 404},
        {"detail": "no such model"},
    ],
)
async def test_what_a_server_says_is_told_wherever_its_kind_says_it(content: Any) -> None:
    assert (await failure(Player(content, 404))).endswith("request refused, HTTP 404, no such model")


async def test_half_a_character_in_an_answer_is_a_question_mark() -> None:
    async with plugged(Player(json.dumps(completion("HOLD \ud800")).encode()).api) as model:
        assert (await model.complete(PROMPT)).text == "HOLD ?"


async def test_what_was_only_thought_is_said_to_be_thought() -> None:
    message = {"role": "assistant", "content": "", "reasoning_content": "It may rise."}

    assert "it only thought" in await failure(Player(completion() | {"choices": [{"message": message}]}))


async def test_an_answer_that_cannot_be_used_is_paid_like_any_other() -> None:
    details = {"completion_tokens_details": {"reasoning_tokens": 7}}
    usage = {"prompt_tokens": 9, "completion_tokens": 8, "cost": 0.5} | details

    truncated = await refused(Player(completion("HO", "length", usage=usage)))
    filtered = await refused(Player(completion("", "content_filter", usage=usage)))
    empty = await refused(Player(completion("", usage=usage)))

    assert truncated.usage == filtered.usage == empty.usage == Usage(9, 8, 7, Decimal("0.5"))


async def test_no_more_is_thought_than_was_said_at_all() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 8, "completion_tokens_details": {"reasoning_tokens": 9}}

    async with plugged(Player(completion(usage=usage)).api) as model:
        assert (await model.complete(PROMPT)).usage == Usage(9, 8, None, None)


@pytest.mark.parametrize("cost", ["0.1", True, -1, 10**6, [1], b"NaN", b"Infinity", b"1e400", b"-0.1"])
async def test_money_that_cannot_be_is_unknown(cost: Any) -> None:
    content = json.dumps(completion(usage={"cost": "?" if isinstance(cost, bytes) else cost})).encode()
    if isinstance(cost, bytes):
        content = content.replace(b'"?"', cost)

    async with plugged(Player(content).api) as model:
        assert (await model.complete(PROMPT)).usage.cost_usd is None


NOON = {"date": "Sat, 27 Sep 2025 12:00:00 GMT"}
WAITS = [
    ({"retry-after": "20"}, 20),
    ({"retry-after": "1.5"}, 1.5),
    ({"retry-after": "0"}, 0),
    ({"retry-after-ms": "1500"}, 1.5),
    ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
    ({"retry-after-ms": "soon", "retry-after": "2"}, 2),
    (NOON | {"retry-after": "Sat, 27 Sep 2025 12:01:30 GMT"}, 90),
    (NOON | {"retry-after": "Sat, 27 Sep 2025 14:01:30 +0200"}, 90),
    (NOON | {"retry-after": "Sat, 27 Sep 2025 11:00:00 GMT"}, 0),
    (NOON | {"retry-after": "Sat, 27 Sep 2025 12:01:30 -0000"}, 90),
    (NOON | {"retry-after": "27 Sep 99999999999999999999 12:01:30 GMT"}, None),
    (NOON | {"x-ratelimit-reset": "1758974460000"}, 60),
    (NOON | {"x-ratelimit-reset": "1758970000000"}, 0),
    (NOON | {"x-ratelimit-reset": "60"}, None),
    (NOON | {"x-ratelimit-reset": "999999999999999"}, None),
    (NOON | {"retry-after": "Sat, 27 Sep 2055 12:01:30 GMT"}, None),
    ({"date": "now", "retry-after": "Sat, 27 Sep 2025 12:01:30 GMT"}, None),
    ({"retry-after": "-5"}, None),
    ({"retry-after": "nan"}, None),
    ({"retry-after": "1e3"}, None),
    ({"retry-after": "99999999"}, None),
    ({"retry-after": "Sat, 99 Sep 2025 12:01:30 GMT"}, None),
    ({}, None),
]


@pytest.mark.parametrize(("headers", "wait_s"), WAITS, ids=str)
async def test_how_long_to_stay_away_is_what_the_server_says_or_unknown(
    headers: dict[str, str], wait_s: float | None
) -> None:
    lines = [f"{name}: {value}".encode() for name, value in headers.items()]

    wrong = await wired(http(b"{}", *lines, status=429))

    assert (wrong.fault, wrong.wait_s) == (Fault.RATE_LIMIT, wait_s)


async def test_a_busy_server_may_say_when_to_come_back() -> None:
    assert (await refused(Player({}, 503, headers={"retry-after": "7"}))).wait_s == 7


# --- the wire -------------------------------------------------------------------------------------------------------

WHOLE = json.dumps(completion()).encode()


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"", Fault.CONNECTION),
        (b"HTTP/1.1 200 OK\r\ncontent-le", Fault.CONNECTION),
        (http(WHOLE)[:-9], Fault.TRUNCATED),
        (b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"cho\r\n', Fault.TRUNCATED),
        (http(b"")[:-2] + b"transfer-encoding: chunked\r\n\r\nzz\r\n", Fault.MALFORMED),
        (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", Fault.MALFORMED),
        (http(gzip.compress(WHOLE), b"content-encoding: gzip"), Fault.MALFORMED),
        (http(b"oops", b"content-encoding: gzip"), Fault.MALFORMED),
        (http(WHOLE + b" " * 4_000_000), Fault.MALFORMED),
        (http(b'{"error": "' + b"x" * 4_000_000 + b'"}', status=500), Fault.MALFORMED),
    ],
    ids=lambda told: str(told)[:60],
)
async def test_what_is_no_answer_on_the_wire_is_named_as_well(answer: bytes, fault: Fault) -> None:
    assert (await wired(answer)).fault is fault


async def test_who_dies_before_a_word_was_not_there_and_who_dies_amid_them_cut_it_off() -> None:
    silent, cut = await wired(b"", is_reset=True), await wired(http(WHOLE)[:-9], is_reset=True)

    assert (silent.fault, cut.fault) == (Fault.CONNECTION, Fault.TRUNCATED)


async def test_an_answer_may_be_long_and_have_comments_before_it() -> None:
    long = b": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n" + WHOLE + b" " * 3_000_000
    answer = http(long, b"content-encoding: identity", b"x-latin: \xe9")

    async with wire(lambda: answer) as url:
        model = OpenAICompatible(url, "asked-for")
        assert (await model.complete(PROMPT)).text == "HOLD"
        await model.close()


async def test_a_server_that_drips_is_given_up_in_time() -> None:
    async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n")
        try:
            while True:
                writer.write(b" ")
                await asyncio.sleep(0.02)
        finally:
            writer.close()

    server = await asyncio.start_server(dripping, "127.0.0.1", 0)
    model = OpenAICompatible(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", "m", timeout_s=0.2)

    with pytest.raises(ModelUnavailable) as caught:
        await model.complete(PROMPT)

    assert caught.value.fault is Fault.TIMEOUT
    await model.close()
    server.close()


async def test_of_the_server_no_more_is_told_than_where_it_is() -> None:
    async with wire(lambda: b"") as url:
        model = OpenAICompatible(f"{url}/s3cret?key=s3cret".replace("http://", "http://me:s3cret@"), "m")
        with pytest.raises(ModelUnavailable) as caught:
            await model.complete(PROMPT)
        await model.close()

    assert str(caught.value).startswith(f"m at {url.removesuffix('/v1')}: connection failed, ")
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("key", ["s3\ncret", "s3cret\u20ac", "s3cret\x00"])
async def test_a_key_that_no_header_can_carry_is_not_told_either(key: str) -> None:
    async with serve(Player(completion()).api) as url:
        model = OpenAICompatible(f"{url}/v1", "m", key)
        with pytest.raises(ModelUnavailable) as caught:
            await model.complete(PROMPT)
        await model.close()

    assert caught.value.fault is Fault.REQUEST
    assert "cret" not in "".join(traceback.format_exception(caught.value))


async def test_what_the_environment_holds_for_openai_stays_here(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "s3cret")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer s3cret")
    player = Player(completion())

    async with plugged(player.api) as model:
        await model.complete(PROMPT)

    assert "s3cret" not in str(player.headers)
    assert player.headers[0]["authorization"] == "Bearer none"


# --- who pays -------------------------------------------------------------------------------------------------------


class Paying(httpx2.Auth):
    """Shows a payment when one is demanded, or fails as it was told to."""

    def __init__(self, wrong: Exception | None = None) -> None:
        self.wrong = wrong

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        response = yield request
        if response.status_code == 402:
            await response.aread()
            if self.wrong:
                raise self.wrong
            request.headers["x-payment"] = "0.003"
            yield request


class Toll(Player):
    """Demands a payment before it answers."""

    async def _answer(self, request: Request) -> Response:
        if "x-payment" not in request.headers:
            return JSONResponse({"error": "Payment Required"}, 402)
        return await super()._answer(request)


async def test_what_was_paid_is_what_it_cost_whatever_the_server_says_and_also_in_vain() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "cost": 9}
    paid = {"auth": Paying(), "paid": lambda: Decimal("0.003")}

    async with plugged(Toll(completion(usage=usage)).api, **paid) as model:
        reply = await model.complete(PROMPT)
    empty = await refused(Toll(completion("", usage=usage)), **paid)
    late = await refused(Toll(completion(), delay_s=0.4), 0.2, **paid)

    assert reply.usage == empty.usage == Usage(1, 2, None, Decimal("0.003"))
    assert (late.fault, late.usage) == (Fault.TIMEOUT, Usage(cost_usd=Decimal("0.003")))


async def test_nothing_paid_is_not_what_the_server_says_either() -> None:
    async with plugged(Player(completion(usage={"cost": 9})).api, paid=lambda: None) as model:
        assert (await model.complete(PROMPT)).usage.cost_usd is None


async def test_a_demand_that_nobody_pays_is_a_quota_used_up() -> None:
    async with plugged(Toll(completion()).api) as model:
        with pytest.raises(ModelUnavailable) as caught:
            await model.complete(PROMPT)

    assert caught.value.fault is Fault.QUOTA


async def test_why_it_was_not_paid_comes_out_as_it_was_said() -> None:
    wrong = ModelUnavailable("too dear", Fault.PAYMENT, usage=Usage(cost_usd=Decimal(1)))
    wrapped = httpx2.ConnectError("no way")
    wrapped.__cause__ = ValueError("inner")
    wrapped.__cause__.__cause__ = wrong

    for raised in (wrong, wrapped):
        async with plugged(Toll(completion()).api, auth=Paying(raised), paid=lambda: Decimal(5)) as model:
            with pytest.raises(ModelUnavailable) as caught:
                await model.complete(PROMPT)
        assert caught.value is wrong
        assert (wrong.fault, wrong.usage.cost_usd, str(wrong)) == (Fault.PAYMENT, Decimal(1), "too dear")


async def test_who_is_gone_once_it_was_paid_was_not_there_to_answer() -> None:
    answers = iter([http(b"{}", status=402), b""])

    async with wire(lambda: next(answers)) as url:
        model = OpenAICompatible(url, "m", auth=Paying())
        with pytest.raises(ModelUnavailable) as caught:
            await model.complete(PROMPT)
        await model.close()

    assert caught.value.fault is Fault.CONNECTION


async def test_a_demand_is_read_no_further_than_an_answer() -> None:
    demand = http(b"x" * 4_000_001, status=402)

    async with wire(lambda: demand) as url:
        model = OpenAICompatible(url, "m", auth=Paying())
        with pytest.raises(ModelUnavailable) as caught:
            await model.complete(PROMPT)
        await model.close()

    assert caught.value.fault is Fault.MALFORMED


async def test_nobody_is_led_elsewhere_with_the_prompt() -> None:
    player, moved = Player(completion()), FastAPI()
    async with serve(player.api) as there:
        moved.add_api_route(
            "/v1/chat/completions",
            lambda: RedirectResponse(f"{there}/v1/chat/completions"),
            methods=["POST"],
            response_model=None,
        )
        async with plugged(moved, auth=Paying()) as model:
            with pytest.raises(ModelUnavailable) as caught:
                await model.complete(PROMPT)
        assert (caught.value.fault, player.asked) == (Fault.REQUEST, [])

        async with plugged(moved, api_key="s3cret") as model:
            with pytest.raises(ModelUnavailable):
                await model.complete(PROMPT)

    assert player.asked == []


async def test_a_key_that_is_said_back_is_nowhere_in_what_is_kept_however_it_is_cut_or_broken() -> None:
    key = "key-of-fifty-seven-letters-that-nobody-shall-read-" + "x" * 7
    coded = "".join(f"\\u{ord(letter):04x}" for letter in key)
    for content in (
        # as JSON may write it: in the answer itself, and in the decision within it
        json.dumps(completion("no json KEY")).replace("KEY", coded).encode(),
        completion(f'{{"action": "HOLD", "reasoning": "{coded}"}}'),
        json.dumps({"error": {"message": "KEY"}}).replace("KEY", coded).encode(),
        {"x": "y" * 40 + key},
        completion(f"no json {key}"),
        completion(json.dumps({"action": "HOLD", "reasoning": key})),
        {"error": {"message": f"{key[:30]}\n{key[30:]}"}},
    ):  # fmt: skip
        async with plugged(Player(content).api, api_key=key) as model:
            try:
                said = (await model.complete(PROMPT)).text
            except ModelUnavailable as wrong:
                said = str(wrong)
        assert "[key]" in said
        assert not any(key[start : start + 12] in said for start in range(len(key) - 11)), said


@pytest.mark.parametrize(("cost", "told"), [(1e-300, "1E-9"), (0, "0"), (0.003, "0.003"), (1e-12, "1E-9")])
async def test_no_cost_is_too_small_for_an_account(cost: float, told: str) -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "cost": cost}

    async with plugged(Player(completion(usage=usage)).api) as model:
        reply = await model.complete(PROMPT)

    assert reply.usage.cost_usd == Decimal(told)


# --- anything at all ------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def keyed(**known: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Some of these keys, with what belongs there or anything else; or no object at all."""
    return st.fixed_dictionaries({}, optional={name: told | JSON for name, told in known.items()}) | JSON


ERROR = keyed(
    code=st.integers(0, 999) | st.sampled_from(["429", "insufficient_quota"]),
    message=st.text(),
    type=st.text(),
    metadata=keyed(headers=keyed(**{"X-RateLimit-Reset": st.text()}), raw=st.text(), limit_source=st.text()),
)
COMPLETION = keyed(
    model=st.text(),
    error=st.none() | ERROR,
    choices=st.lists(
        keyed(
            finish_reason=st.sampled_from(["stop", "length", "error"]),
            native_finish_reason=st.text(),
            error=st.none() | ERROR,
            message=keyed(content=st.text(), refusal=st.none() | st.text(), reasoning=st.text()),
        ),
        max_size=2,
    ),
    usage=keyed(
        prompt_tokens=st.integers(),
        completion_tokens=st.integers(),
        total_tokens=st.integers(),
        cost=st.floats(),
        is_byok=st.booleans(),
        cost_details=keyed(upstream_inference_cost=st.floats()),
        completion_tokens_details=keyed(reasoning_tokens=st.integers()),
    ),
)
VALUES = st.binary(max_size=30).filter(lambda value: not set(value) & set(b"\r\n\0")) | st.from_regex(
    rb"(Mon, )?[0-9]{1,4} [A-Z][a-z]{2} [0-9]{1,5} [0-9:]{1,9} ([+-][0-9]{4,6}|GMT)", fullmatch=True
)
NAMES = st.sampled_from([b"retry-after: ", b"retry-after-ms: ", b"x-ratelimit-reset: ", b"date: ", b"location: /v1/"])
LINES = st.lists(st.builds(bytes.__add__, NAMES, VALUES), max_size=4)


def test_whatever_a_server_says_it_is_a_reply_or_a_model_that_is_unavailable() -> None:
    said = [b""]

    async def asked(url: str) -> Reply | ModelUnavailable:
        model = OpenAICompatible(url, "asked-for", "s3cret", timeout_s=5)
        try:
            return await model.complete(PROMPT)
        except ModelUnavailable as wrong:
            return wrong
        finally:
            await model.close()

    with asyncio.Runner() as runner:
        server = wire(lambda: said[0])
        url = runner.run(server.__aenter__())

        @given(COMPLETION.map(lambda told: json.dumps(told).encode()) | st.binary(), st.integers(200, 599), LINES)
        def tried(content: bytes, status: int, lines: list[bytes]) -> None:
            said[0] = http(content, *lines, status=status)
            answer = runner.run(asked(url))

            if isinstance(answer, Reply):
                assert answer.text.strip() and loads(Reply, dumps(answer)) == answer
            else:
                assert "\n" not in str(answer) and len(str(answer)) < 300
                assert answer.wait_s is None or 0 <= answer.wait_s < 10**7
            usage = answer.usage
            counts = (usage.input_tokens, usage.output_tokens, usage.thinking_tokens, usage.cost_usd)
            assert all(count is None or 0 <= count < 10**10 for count in counts)

        try:
            tried()
        finally:
            runner.run(server.__aexit__(None, None, None))


async def test_the_simulated_model_is_asked_by_the_real_plug() -> None:
    async with plugged(simulated.app()) as model:
        first, second = await model.complete(PROMPT), await model.complete(PROMPT)

    assert '"action":"HOLD"' in first.text
    assert (first.text, first.model) == (second.text, "rules-analyst")
    assert first.usage.input_tokens == 5


async def test_the_simulated_model_reads_parts_and_lists_itself() -> None:
    parts = Prompt(id="p2", version="1", system="You trade.", user="price: 100", image=b"png")

    async with plugged(simulated.app()) as model, serve(simulated.app()) as url, httpx.AsyncClient() as client:
        with_image, without = await model.complete(parts), await model.complete(PROMPT)
        models = (await client.get(f"{url}/v1/models")).json()

    assert with_image.text == without.text
    assert [listed["id"] for listed in models["data"]] == ["rules-analyst"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"messages": [{"role": "user", "content": "x"}]}',
        b'{"model": "m"}',
        b'{"model": "m", "messages": []}',
        b'{"model": "m", "messages": ["x"]}',
        b'{"model": "m", "messages": [{"role": "king", "content": "x"}]}',
        b'{"model": "m", "messages": [{"role": "user", "content": 7}]}',
        b'{"model": "m", "messages": [{"role": "user", "content": [{"type": "text"}]}]}',
        b'{"model": "m", "stream": true, "messages": [{"role": "user", "content": "x"}]}',
    ],
)
async def test_the_simulated_model_refuses_a_bad_body_in_the_shape_of_openai(body: bytes) -> None:
    transport = httpx.ASGITransport(simulated.app())

    async with httpx.AsyncClient(transport=transport, base_url="http://model") as client:
        response = await client.post("/v1/chat/completions", content=body)

    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert response.json()["error"]["message"]
