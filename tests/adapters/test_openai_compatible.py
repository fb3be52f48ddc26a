"""The real OpenAI SDK against a real server on loopback that plays every way an answer can go wrong."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from semanticsignal.adapters.openai_compatible import OpenAICompatible
from semanticsignal.codec import dumps, loads
from semanticsignal.domain.decision import Prompt, Reply
from semanticsignal.domain.errors import ModelUnavailable
from semanticsignal.simulate import model as simulated
from tests.loopback import serve

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

    def __init__(self, content: Any, status: int = 200, delay_s: float = 0) -> None:
        self.asked: list[dict[str, Any]] = []
        self._content, self._status, self._delay_s = content, status, delay_s
        self.api = FastAPI()
        self.api.add_api_route("/v1/chat/completions", self._answer, methods=["POST"], response_model=None)

    async def _answer(self, request: Request) -> Response:
        self.asked.append(await request.json())
        await asyncio.sleep(self._delay_s)
        if isinstance(self._content, bytes):
            return Response(self._content, self._status, media_type="application/json")
        if isinstance(self._content, str):
            return Response(self._content, self._status, media_type="text/html")
        return JSONResponse(self._content, self._status)


@asynccontextmanager
async def plugged(api: FastAPI, timeout_s: float = 5) -> AsyncIterator[OpenAICompatible]:
    async with serve(api) as url:
        model = OpenAICompatible(f"{url}/v1", "asked-for", timeout_s=timeout_s)
        try:
            yield model
        finally:
            await model.close()


async def failure(player: Player, timeout_s: float = 5) -> str:
    async with plugged(player.api, timeout_s) as model:
        with pytest.raises(ModelUnavailable) as caught:
            await model.complete(PROMPT)
    assert len(player.asked) == 1, "asked once: whom to ask next is not this plug's business"
    return str(caught.value)


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


async def test_an_image_goes_along_as_a_part_of_the_user_message() -> None:
    player = Player(completion())

    async with plugged(player.api) as model:
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

    with pytest.raises(ModelUnavailable, match="connection failed"):
        await model.complete(PROMPT)
    await model.close()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (completion(""), "empty reply"),
        (completion(" \n"), "empty reply"),
        (completion(None), "empty reply"),
        (completion([{"text": "HOLD"}]), "empty reply"),
        (completion("HO", "length"), "truncated"),
        (completion(None, refusal="I cannot"), "refusal, I cannot"),
        (completion(None, "content_filter"), "refusal, the content filter"),
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
