"""Whom a live run can ask to decide: a line each in `semsig doctor`, and a refusal before `semsig run` begins."""

import asyncio
import gzip
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from drivers.instance import free_port, here, refusal
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from loopback import serve
from models.openai_servers import LmStudio, http, wire

from semanticsignal import wiring
from semanticsignal.adapters.ccxt import CcxtMarket
from semanticsignal.adapters.system_clock import SystemClock
from semanticsignal.domain.market import Symbol, epoch_ms
from semanticsignal.domain.policy import BlockRun, Google, Model, OpenRouter, Settings
from semanticsignal.drivers import cli, doctor_models
from semanticsignal.drivers.findings import Finding, State
from semanticsignal.simulate import exchange
from semanticsignal.simulate.market import SimulatedMarket

FREE, PAID, ROUTED = "free-k3y-of-ours", "paid-k3y-of-ours", "routed-k3y-of-ours"
# The key of everybody's first Ethereum test, and the address that every wallet shows for it.
WALLET_KEY = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
WALLET = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
PAYEE = "0x" + "ab" * 20
LIMIT_S = 5.0
GEMINI = "gemini-3-flash-preview"
MINE, SPARE = "google/gemini-3-flash-preview", "deepseek/deepseek-r1:free"

GOOGLE_MODEL = {
    "name": f"models/{GEMINI}",
    "version": "3-flash-preview-12-2025",
    "displayName": "Gemini 3 Flash Preview",
    "inputTokenLimit": 1048576,
    "outputTokenLimit": 65536,
    "supportedGenerationMethods": ["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"],
    "thinking": True,
}
ROUTED_KEY = {
    "label": "sk-or-v1-au7...890",
    "is_management_key": False,
    "limit": 100,
    "limit_reset": "monthly",
    "limit_remaining": 74.5,
    "include_byok_in_limit": False,
    "usage": 25.5,
    "is_free_tier": False,
    "expires_at": None,
    "rate_limit": {"requests": 1000, "interval": "1h", "note": "This field is deprecated and safe to ignore."},
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, no .env and no config.toml of this machine is read."""
    monkeypatch.chdir(tmp_path)
    for name in doctor_models.NAMES:
        monkeypatch.delenv(name, raising=False)


def dotenv(content: bytes) -> None:
    Path(".env").write_bytes(content)


def google_error(code: int, message: str, status: str, reason: str = "") -> dict[str, Any]:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}]
    return {"error": {"code": code, "message": message, "status": status} | ({"details": details} if reason else {})}


def listing(*names: str) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": name, "object": "model"} for name in names]}


class Asked(NamedTuple):
    path: str
    headers: dict[str, str]


class Server:
    """Whatever is asked for at a path, of a status and a body: JSON, bytes, or a whole response."""

    def __init__(self, **answers: tuple[int, Any]) -> None:
        self.asked: list[Asked] = []
        self._answers = {path.replace("__", "/"): answer for path, answer in answers.items()}
        self.api = FastAPI()
        self.api.add_api_route("/{path:path}", self._answer, methods=["GET"], response_model=None)

    async def _answer(self, request: Request) -> Response:
        self.asked.append(Asked(str(request.url).removeprefix(str(request.base_url)), dict(request.headers)))
        status, body = self._answers.get(request.url.path.rpartition("/")[2], (404, {"error": "nothing there"}))
        if callable(body):
            body = body(request)
        if isinstance(body, Response):
            return body
        return Response(body if isinstance(body, bytes) else json.dumps(body), status, media_type="application/json")


@asynccontextmanager
async def google(status: int, body: Any) -> AsyncIterator[tuple[str, Server]]:
    server = Server()
    server._answers = {GEMINI: (status, body)}
    async with serve(server.api) as url:
        yield url, server


@asynccontextmanager
async def serving(**answers: tuple[int, Any]) -> AsyncIterator[tuple[str, Server]]:
    server = Server(**answers)
    async with serve(server.api) as url:
        yield f"{url}/api/v1", server


async def looked(settings: Settings, limit_s: float = LIMIT_S) -> dict[str, Finding]:
    found = await doctor_models.examined(settings, limit_s)
    assert len({finding.what for finding in found}) == len(found)
    return {finding.what.removeprefix("model "): finding for finding in found}


def of(provider: Any, base_url: str, **more: Any) -> Settings:
    """Settings that ask one provider at that address."""
    match provider:
        case "google":
            return Settings(model=Model(provider), google=Google(base_url=base_url, **more))
        case "openrouter":
            return Settings(model=Model(provider), openrouter=OpenRouter(base_url=base_url, **more))
        case "blockrun":
            return Settings(model=Model(provider), blockrun=BlockRun(base_url=base_url, **more))
        case _:
            return Settings(model=Model(provider, base_url, **more))


# --- Google --------------------------------------------------------------------------------------------------------


async def test_a_key_that_google_lets_in_is_said_with_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_STUDIO_API_KEY", f" {FREE}\n")
    async with google(200, GOOGLE_MODEL) as (url, server):
        found = await looked(of("google", f"{url}/"))

    assert [(asked.path, asked.headers["x-goog-api-key"]) for asked in server.asked] == [
        (f"v1beta/models/{GEMINI}", FREE)
    ]
    assert list(found) == ["model", "google"]
    assert (found["model"].state, found["model"].said) == (State.OK, "google can be asked")
    assert (found["google"].state, found["google"].mend) == (State.OK, "")
    assert found["google"].said == f"GOOGLE_STUDIO_API_KEY is let in, {GEMINI} is there"
    assert 0 <= (found["google"].latency_ms or 0) < 5_000


NOT_VALID = google_error(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT", "API_KEY_INVALID")
EXPIRED = google_error(400, "API key expired. Please renew the API key.", "INVALID_ARGUMENT", "API_KEY_INVALID")
DENIED = google_error(403, "Method doesn't allow unregistered callers", "PERMISSION_DENIED")
ABROAD = google_error(400, "User location is not supported for the API use.", "FAILED_PRECONDITION")
UNKNOWN = google_error(404, f"models/{GEMINI} is not found for API version v1beta", "NOT_FOUND")


@pytest.mark.parametrize(
    ("status", "body", "said", "mend"),
    [
        (400, NOT_VALID, "GOOGLE_STUDIO_API_KEY is refused, status 400", "aistudio.google.com/apikey"),
        (400, EXPIRED, "GOOGLE_STUDIO_API_KEY is refused, status 400", "aistudio.google.com/apikey"),
        (403, DENIED, "GOOGLE_STUDIO_API_KEY is refused, status 403", "aistudio.google.com/apikey"),
        (401, b"", "GOOGLE_STUDIO_API_KEY is refused, status 401", "aistudio.google.com/apikey"),
        (404, UNKNOWN, f"there is no model {GEMINI}", "google.model"),
        (400, ABROAD, "it serves nobody from here, status 400", "network"),
        (400, b"<html>", "URL answers with status 400", "network"),
        (429, google_error(429, "Resource exhausted", "RESOURCE_EXHAUSTED"), "URL answers with status 429", "wait"),
        (503, [["no"]], "URL answers with status 503", "wait"),
        (200, b"<html>Log in to this network</html>", "answers with no model", "network"),
        (200, {"name": "generic"}, "answers with no model", "google.base_url"),
        (
            200,
            GOOGLE_MODEL | {"supportedGenerationMethods": ["embedContent"]},
            f"{GEMINI} answers no questions",
            "google.model",
        ),
    ],
)
async def test_what_google_has_against_a_key_or_a_model_is_said_with_its_mend(
    status: int, body: Any, said: str, mend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_STUDIO_API_KEY", FREE)
    async with google(status, body) as (url, _):
        found = await looked(of("google", url))

    assert (found["google"].state, found["google"].said) == (State.WARNING, said.replace("URL", url))
    assert mend in found["google"].mend
    assert (found["model"].state, found["model"].said) == (State.MISSING, "nobody can be asked, looked at: google")


async def test_each_key_of_google_is_looked_at_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_STUDIO_API_KEY", FREE)
    monkeypatch.setenv("GOOGLE_STUDIO_PAID_API_KEY", PAID)

    def by_key(request: Request) -> Response:
        is_paid = request.headers["x-goog-api-key"] == PAID
        return Response(json.dumps(GOOGLE_MODEL if is_paid else NOT_VALID), 200 if is_paid else 400)

    async with google(200, by_key) as (url, _):
        found = await looked(of("google", url))

    assert [(what, finding.state) for what, finding in found.items()] == [
        ("model", State.OK), ("google", State.WARNING), ("google-paid", State.OK),
    ]  # fmt: skip
    assert found["model"].said == "google-paid can be asked"
    assert found["google-paid"].said.startswith("GOOGLE_STUDIO_PAID_API_KEY is let in")


@pytest.mark.parametrize("key", ["k\xe9y", "two\nlines", "  "])
async def test_a_key_that_no_header_carries_stops_a_run_whoever_else_could_be_asked(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_STUDIO_API_KEY", key)
    async with serving(models=(200, listing("mine"))) as (url, _):
        found = await looked(of("all", url, name="mine"))

    assert found["local"].state is State.OK
    assert found["model"].state is State.MISSING and "GOOGLE_STUDIO_API_KEY is empty or holds" in found["model"].said
    assert key.strip() == "" or not any(key in str(finding) for finding in found.values())


# --- OpenRouter ----------------------------------------------------------------------------------------------------


async def routed(
    monkeypatch: pytest.MonkeyPatch, key: tuple[int, Any], models: tuple[int, Any], **asked: Any
) -> tuple[dict[str, Finding], Server]:
    monkeypatch.setenv("OPENROUTER_API_KEY", ROUTED)
    async with serving(key=key, models=models) as (url, server):
        return await looked(of("openrouter", url, **asked)), server


async def test_a_key_of_openrouter_is_said_with_what_is_left_of_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    found, server = await routed(monkeypatch, (200, {"data": ROUTED_KEY}), (200, listing("x/y", SPARE, MINE)))

    assert {asked.path for asked in server.asked} == {"api/v1/key", "api/v1/models"}
    assert {asked.headers["authorization"] for asked in server.asked} == {f"Bearer {ROUTED}"}
    assert (found["model"].state, found["openrouter"].state) == (State.OK, State.OK)
    assert found["openrouter"].said == (
        f"OPENROUTER_API_KEY is let in, 74.50 USD are left of its limit, {MINE} and {SPARE} listed"
    )


@pytest.mark.parametrize(
    ("key", "listed", "is_able", "said"),
    [
        ({"limit_remaining": None}, (MINE, SPARE), True, "is let in, google/"),
        ({"limit_remaining": 0}, (MINE, SPARE), False, "0.00 USD are left"),
        ({"limit_remaining": -1.5}, (MINE, SPARE), False, "-1.50 USD are left"),
        ({"limit_remaining": "12"}, (MINE, SPARE), True, "is let in, google/"),
        ({"limit_remaining": True}, (MINE, SPARE), True, "is let in, google/"),
        ({"limit_remaining": 1e300}, (MINE, SPARE), True, "is let in, google/"),
        ({"limit_remaining": float("nan")}, (MINE, SPARE), False, "answers with nothing on the key"),
        ({"limit_remaining": 10**400}, (MINE, SPARE), False, "answers with nothing on the key"),
        ({"is_free_tier": True}, (MINE, SPARE), True, "never bought credits"),
        ({}, (SPARE,), True, f"does not list {MINE}"),
        ({}, (MINE,), True, f"does not list {SPARE}"),
        ({}, ("x/y",), False, f"does not list {MINE}, {SPARE}"),
    ],
)
async def test_what_a_key_of_openrouter_gets_an_answer_from_is_said(
    key: dict[str, Any], listed: tuple[str, ...], is_able: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, _ = await routed(monkeypatch, (200, {"data": ROUTED_KEY | key}), (200, listing(*listed)))

    assert said in found["openrouter"].said
    assert found["model"].state is (State.OK if is_able else State.MISSING)
    assert (found["openrouter"].state is State.OK) == (not found["openrouter"].mend)


async def test_a_key_without_credits_and_no_free_model_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    key = {"data": ROUTED_KEY | {"is_free_tier": True}}

    found, _ = await routed(monkeypatch, (200, key), (200, listing(MINE)), fallback_model="")

    assert found["model"].state is State.MISSING and "credits" in found["openrouter"].mend


@pytest.mark.parametrize(
    ("asked", "is_listed"),
    [(f"{MINE}:nitro", True), (f"{MINE}:floor", True), (f"{MINE}:free", False), ("google/other:nitro", False)],
)
async def test_how_a_model_is_to_be_served_is_in_no_list(
    asked: str, is_listed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, _ = await routed(
        monkeypatch, (200, {"data": ROUTED_KEY}), (200, listing(MINE)), model=asked, fallback_model=""
    )

    assert (found["openrouter"].state is State.OK) == is_listed


@pytest.mark.parametrize(
    ("key", "models", "is_able", "said"),
    [
        ((401, {"error": {"message": "User not found.", "code": 401}}), (200, listing(MINE)), False, "is refused"),
        ((500, b"oops"), (200, listing(MINE)), False, "answers with status 500"),
        ((200, b"<html>"), (200, listing(MINE)), False, "answers with nothing on the key"),
        ((200, {"data": [ROUTED_KEY]}), (200, listing(MINE)), False, "answers with nothing on the key"),
        ((200, {"data": ROUTED_KEY}), (500, b"oops"), True, "what it lists cannot be read"),
        ((200, {"data": ROUTED_KEY}), (200, {"data": {MINE: 1}}), True, "what it lists cannot be read"),
    ],
)
async def test_an_answer_of_openrouter_that_says_nothing_is_a_warning(
    key: tuple[int, Any], models: tuple[int, Any], is_able: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, _ = await routed(monkeypatch, key, models)

    assert found["openrouter"].state is State.WARNING and said in found["openrouter"].said
    assert found["model"].state is (State.OK if is_able else State.MISSING)


# --- BlockRun ------------------------------------------------------------------------------------------------------


async def test_the_wallet_that_pays_blockrun_is_shown_and_its_key_never_leaves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BLOCKRUN_WALLET_KEY", WALLET_KEY)
    async with serving(models=(200, listing("deepseek/deepseek-reasoner"))) as (url, server):
        found = await looked(of("blockrun", url, payees=(PAYEE,)))

    assert (found["model"].state, found["model"].said) == (State.OK, "blockrun can be asked")
    assert found["blockrun"].said == (f"wallet {WALLET} pays for deepseek/deepseek-reasoner, at most 0.50 USD a day")
    assert WALLET_KEY[2:] not in str(server.asked) and "authorization" not in server.asked[0].headers


async def test_nobody_is_paid_until_somebody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLOCKRUN_WALLET_KEY", WALLET_KEY)
    async with serving(models=(200, listing("deepseek/deepseek-reasoner"))) as (url, _):
        found = await looked(of("blockrun", url))

    assert found["model"].state is State.MISSING
    assert found["blockrun"].state is State.WARNING and WALLET in found["blockrun"].said
    assert found["blockrun"].mend.startswith("nobody is paid until blockrun.payees names the address")
    assert "blockrun.payees names the address" in found["blockrun"].mend


@pytest.mark.parametrize(
    ("models", "said", "state"),
    [
        ((200, listing("x/y")), "does not list deepseek/deepseek-reasoner", State.OK),
        ((502, b""), "answers with status 502", State.MISSING),
        ((200, b"<html>"), "answers with no list of models", State.MISSING),
    ],
)
async def test_a_gateway_that_lists_nothing_cannot_be_asked(
    models: tuple[int, Any], said: str, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLOCKRUN_WALLET_KEY", WALLET_KEY)
    async with serving(models=models) as (url, _):
        found = await looked(of("blockrun", url, payees=(PAYEE,)))

    assert found["blockrun"].state is State.WARNING
    assert WALLET in found["blockrun"].said and said in found["blockrun"].said
    assert found["model"].state is state


@pytest.mark.parametrize(
    ("key", "payee", "said"),
    [("not-a-k3y", PAYEE, "a wallet key is 64 hex digits"), (WALLET_KEY, "0x12", "a payee is an address")],
)
async def test_a_wallet_or_a_payee_that_is_none_stops_a_run(
    key: str, payee: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLOCKRUN_WALLET_KEY", key)
    async with serving(models=(200, listing("mine"))) as (url, _):
        local = of("all", url, name="mine")
        found = await looked(replace(local, blockrun=BlockRun(base_url=url, payees=(payee,))))

    assert found["local"].state is State.OK
    assert found["model"].state is State.MISSING and said in found["model"].said
    assert not any(key in str(finding) for finding in found.values())


# --- A server of one's own -----------------------------------------------------------------------------------------


async def test_a_server_that_lists_the_models_asked_for_is_well() -> None:
    async with serving(models=(200, listing("b", "a", "c"))) as (url, server):
        found = await looked(of("openai_compatible", url, name="a, c"))

    assert [asked.path for asked in server.asked] == ["api/v1/models"]
    assert "authorization" not in server.asked[0].headers
    assert (found["local"].state, found["local"].said) == (State.OK, f"{url.removesuffix('/api/v1')} lists a, c")
    assert found["model"].said == "local can be asked"


async def test_a_server_is_shown_its_own_key_and_nobody_else_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_API_KEY", "own-k3y")
    monkeypatch.setenv("OPENROUTER_API_KEY", ROUTED)
    async with serving(models=(401, b"")) as (url, server):
        found = await looked(of("local", url))

    assert server.asked[0].headers["authorization"] == "Bearer own-k3y"
    assert "refuses MODEL_API_KEY, status 401" in found["local"].said and found["local"].mend == "MODEL_API_KEY in .env"
    assert ROUTED not in str(server.asked)


async def test_a_server_that_wants_a_key_says_which() -> None:
    async with serving(models=(401, b"")) as (url, _):
        found = await looked(of("local", url))

    assert "wants a key" in found["local"].said and found["local"].mend == "MODEL_API_KEY in .env"
    assert found["model"].state is State.MISSING


async def test_a_model_that_is_not_listed_is_a_warning_with_a_few_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_API_KEY", "own-k3y")
    odd = ("forged\nok       model", "\x1b[2J", "A-OWN-K3Y", "x" * 90)
    async with serving(models=(200, listing(*odd, "d", "c", "b", "a"))) as (url, _):
        found = await looked(of("local", url, name="qwen3-8b"))

    assert found["local"].state is State.WARNING and found["local"].said.endswith(" does not list qwen3-8b")
    assert found["local"].mend == "set model.name to one that it lists: a, b, c"
    assert found["model"].state is State.OK


async def test_of_lm_studio_the_wrong_path_and_no_loaded_model_are_told_apart() -> None:
    async with serve(LmStudio(loaded=None).api()) as url:
        rootless, empty = await looked(of("local", url)), await looked(of("local", f"{url}/v1"))

    assert "answers with no list of models" in rootless["local"].said and "ends in /v1" in rootless["local"].mend
    assert "lists no model" in empty["local"].said and empty["local"].mend == "load one there"
    assert [found["model"].state for found in (rootless, empty)] == [State.MISSING] * 2


async def test_a_name_of_nothing_is_no_model() -> None:
    found = await looked(of("local", "http://127.0.0.1:9/v1", name=" , "))

    assert found["local"].said == "model.name names no model" and found["model"].state is State.MISSING


async def test_of_a_model_server_scheme_and_host_are_told_and_no_more() -> None:
    async with serving(models=(503, b"")) as (url, _):
        base = url.removesuffix("/api/v1")
        settings = of("local", f"{base}/s3cret/v1?key=s3cret")
        found = [(await looked(settings))["local"]]
    found.append((await looked(settings))["local"])
    found.append((await looked(of("local", "http://127.0.0.1:x/s3cret")))["local"])
    found.append((await looked(of("local", "http://[s3cret")))["local"])

    assert base in found[0].said and found[1].said == f"{base}: no answer, was connection refused"
    assert "no address that can be asked" in found[2].said and "was ValueError" in found[3].said
    assert all(finding.state is State.WARNING and "s3cret" not in str(finding) for finding in found)


# --- All of them ---------------------------------------------------------------------------------------------------


async def test_without_a_key_each_is_named_with_its_variable_and_where_to_get_it() -> None:
    async with serving(models=(200, listing("mine"))) as (url, _):
        found = await looked(of("all", url, name="mine"))

    assert list(found) == ["model", "google", "openrouter", "blockrun", "local"]
    assert (found["model"].state, found["model"].said) == (State.OK, "local can be asked")
    for who, variable, where in (
        ("google", "GOOGLE_STUDIO_API_KEY", "aistudio.google.com/apikey"),
        ("openrouter", "OPENROUTER_API_KEY", "openrouter.ai/keys"),
        ("blockrun", "BLOCKRUN_WALLET_KEY", "a wallet of its own"),
    ):
        assert found[who].state is State.WARNING
        assert variable in found[who].said and found[who].said.endswith("is not set") and where in found[who].mend


async def test_those_who_can_be_asked_are_told_in_the_order_in_which_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GOOGLE_STUDIO_API_KEY", FREE)
    async with google(200, GOOGLE_MODEL) as (theirs, _), serving(models=(200, listing("mine"))) as (url, _):
        settings = replace(of("all", url, name="mine"), google=Google(base_url=theirs))

        found = await looked(settings)

    assert found["model"].said == "google, then local can be asked"


async def test_nobody_who_can_be_asked_is_missing() -> None:
    found = await looked(of("all", f"http://127.0.0.1:{free_port()}/v1"))

    assert found["model"].state is State.MISSING
    assert found["model"].said == "nobody can be asked, looked at: google, openrouter, blockrun, local"
    assert [finding.state for finding in found.values()][1:] == [State.WARNING] * 4


async def test_who_never_answers_costs_the_limit_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_STUDIO_API_KEY", FREE)
    monkeypatch.setenv("GOOGLE_STUDIO_PAID_API_KEY", PAID)
    monkeypatch.setenv("OPENROUTER_API_KEY", ROUTED)
    began = time.monotonic()
    async with wire_that_hangs() as hole:
        settings = replace(of("all", hole), google=Google(base_url=hole), openrouter=OpenRouter(base_url=hole))

        found = await looked(settings, 0.3)

    assert time.monotonic() - began < 3
    assert [who for who, finding in found.items() if finding.said.endswith("no answer in 0.3 s")] == [
        "google", "google-paid", "openrouter", "local",
    ]  # fmt: skip


@asynccontextmanager
async def wire_that_hangs() -> AsyncIterator[str]:
    """It lets everybody in, and never answers."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        finally:
            writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


# --- Servers that mean no good -------------------------------------------------------------------------------------


def endless(_: Request) -> Response:
    async def more() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 100_000
            await asyncio.sleep(0)

    return StreamingResponse(more())


def dripping(_: Request) -> Response:
    async def more() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.02)

    return StreamingResponse(more())


def packed(_: Request) -> Response:
    return Response(gzip.compress(b" " * 9_000_000), headers={"content-encoding": "gzip"})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (endless, "an answer of more than 4 MB, or packed"),
        (packed, "an answer of more than 4 MB, or packed"),
        (dripping, "no answer in 1 s"),
        (b'{"data":' * 200_000, "answers with no list of models"),
        (b'{"data": ' + b"9" * 5_000 + b"}", "answers with no list of models"),
        (b"\xff\xfe\x00", "answers with no list of models"),
        (b"", "answers with no list of models"),
        (b'{"data": [{"id": "\\ud800"}]}', "answers with no list of models"),
        ({"data": [None, [], {"id": ["x"]}, {"id": 7}]}, "lists no model"),
    ],
    ids=["endless", "packed", "dripping", "deep", "digits", "bytes", "nothing", "half", "odd"],
)
async def test_whatever_a_server_sends_is_read_with_care(body: Any, said: str) -> None:
    async with serving(models=(200, body)) as (url, _):
        found = await looked(of("local", url), 1)

    assert found["local"].state is State.WARNING and said in found["local"].said


async def test_a_key_does_not_follow_a_redirect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_STUDIO_API_KEY", FREE)
    async with (
        google(200, GOOGLE_MODEL) as (other, elsewhere),
        google(200, lambda _: RedirectResponse(f"{other}/v1beta/models/{GEMINI}")) as (url, _),
    ):
        found = await looked(of("google", url))

    assert elsewhere.asked == [] and "answers with status 307" in found["google"].said


@pytest.mark.parametrize(
    "answer",
    [
        f"HTTP/1.1 {FREE} no\r\n\r\n".encode(),
        f"{FREE}\r\n\r\n".encode(),
        b"HTTP/1.1 200 OK\r\n" + FREE.encode() + b"\r\n\r\n",
        http(json.dumps(google_error(400, f"API key not valid: {FREE}", FREE, FREE)).encode(), status=400),
        http(json.dumps({"name": FREE, "supportedGenerationMethods": [FREE]}).encode()),
        b"",
    ],
)
async def test_a_server_that_repeats_the_key_is_not_repeated(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_STUDIO_API_KEY", FREE)
    async with wire(lambda: answer) as url:
        found = await looked(of("google", url))

    assert found["google"].state is State.WARNING
    assert not any(FREE in str(finding) for finding in found.values())


# --- The rules analyst ---------------------------------------------------------------------------------------------


async def test_the_analyst_is_well_and_says_what_gives_its_place_to_a_language_model() -> None:
    (found,) = await doctor_models.examined(Settings(), LIMIT_S)

    assert (found.what, found.state) == ("model", State.OK)
    assert found.said == (
        'the rules analyst is built in; for a language model set model.provider = "all" (SEMSIG_MODEL__PROVIDER=all) '
        "and, in .env, GOOGLE_STUDIO_API_KEY (a free one at aistudio.google.com/apikey) or "
        "OPENROUTER_API_KEY (one at openrouter.ai/keys)"
    )


async def test_a_key_that_nobody_uses_is_pointed_out() -> None:
    dotenv(f"OPENROUTER_API_KEY={ROUTED}\n".encode())

    (found,) = await doctor_models.examined(Settings(), LIMIT_S)

    assert found.said.endswith("(SEMSIG_MODEL__PROVIDER=all); not used yet: OPENROUTER_API_KEY")


@pytest.mark.parametrize("provider", ["analyst", "google", "all"])
async def test_secrets_that_cannot_be_read_are_missing(provider: Any) -> None:
    dotenv(b"GOOGLE_STUDIO_API_KEY=\xff\xfes3cret")

    (found,) = await doctor_models.examined(Settings(model=Model(provider)), LIMIT_S)

    assert (found.state, found.said) == (State.MISSING, "cannot read secrets from .env, was UnicodeDecodeError")
    assert found.mend


# --- `semsig run` --------------------------------------------------------------------------------------------------


@pytest.fixture
def _unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks a venue has gone too far."""

    def asked(*_: object) -> None:
        raise AssertionError("a venue was asked")

    monkeypatch.setattr(wiring, "venues", asked)
    monkeypatch.setattr(cli, "_run", asked)


KEYLESS = {
    "google": "no key for google: set GOOGLE_STUDIO_API_KEY or GOOGLE_STUDIO_PAID_API_KEY in .env "
    "(a free one at aistudio.google.com/apikey)",
    "openrouter": "no key for openrouter: set OPENROUTER_API_KEY in .env (one at openrouter.ai/keys)",
    "blockrun": "no key for blockrun: set BLOCKRUN_WALLET_KEY in .env "
    "(the key of a wallet of its own with a few USDC on Base)",
}


@pytest.mark.usefixtures("_unasked")
@pytest.mark.parametrize("market", ["live", "simulated"])
@pytest.mark.parametrize("provider", KEYLESS)
def test_a_run_without_a_key_ends_in_a_line_that_names_it_and_leaves_nothing(
    provider: str, market: str, tmp_path: Path
) -> None:
    done = here("run", "--market", market, folder=tmp_path, variables={"SEMSIG_MODEL__PROVIDER": provider})

    assert refusal(done) == f'semsig: {KEYLESS[provider]}, or model.provider = "analyst", was none'
    assert done.stdout == "" and list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_unasked")
@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"SEMSIG_MODEL__PROVIDER": "blockrun", "BLOCKRUN_WALLET_KEY": WALLET_KEY}, "set blockrun.payees to"),
        ({"SEMSIG_MODEL__PROVIDER": "local", "SEMSIG_MODEL__NAME": ","}, "model.name is the name of a model, was ','"),
        (
            {"SEMSIG_MODEL__PROVIDER": "local", "SEMSIG_MODEL__BASE_URL": "http://x:s3cret/"},
            "base_url is http://… or https://…",
        ),
        (
            {"SEMSIG_MODEL__PROVIDER": "local", "SEMSIG_MODEL__BASE_URL": "http://[s3cret/"},
            "base_url is http://… or https://…",
        ),
        ({"SEMSIG_MODEL__PROVIDER": "all", "GOOGLE_STUDIO_API_KEY": "k\xe9y"}, "Gemini needs a key"),
        ({"COINGECKO_API_KEY": "k\xe9y"}, "CoinGecko"),
    ],
)
def test_a_run_with_a_key_that_is_none_leaves_nothing(variables: dict[str, str], said: str, tmp_path: Path) -> None:
    done = here("run", "--market", "live", folder=tmp_path, variables=variables)

    assert said in refusal(done) and list(tmp_path.iterdir()) == []
    assert not any(value in done.stderr for value in (WALLET_KEY, "k\xe9y", "s3cret"))


@pytest.mark.usefixtures("_unasked")
def test_a_run_whose_secrets_cannot_be_read_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"COINGECKO_API_KEY=\xff\xfes3cret")

    done = here("run", "--market", "live", folder=tmp_path)

    assert refusal(done) == "semsig: cannot read secrets from .env, was UnicodeDecodeError"
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, ["the rules analyst decides; for a language model set", "SEMSIG_MODEL__PROVIDER=all", "GOOGLE_STUDIO"]),
        (
            {"SEMSIG_MODEL__PROVIDER": "all", "OPENROUTER_API_KEY": ROUTED},
            ["openrouter, local can be asked, others not: google, GOOGLE_STUDIO", "aistudio.google.com/apikey",
             "blockrun, BLOCKRUN_WALLET_KEY is not set"],
        ),
        ({"SEMSIG_MODEL__PROVIDER": "openrouter", "OPENROUTER_API_KEY": ROUTED}, []),
    ],
)  # fmt: skip
async def test_a_live_run_says_in_one_line_who_decides_and_who_could(
    variables: dict[str, str], said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ran(*_: object, **__: object) -> None:
        logging.getLogger("semsig").info("it runs")

    clock = SystemClock()
    desk = exchange.app(SimulatedMarket(17, (Symbol("BTC", "USDC"),)), lambda: epoch_ms(clock.now()))
    monkeypatch.setattr(cli, "_run", ran)
    async with serve(desk) as url:
        monkeypatch.setattr(
            wiring, "venues", lambda *_: {"binance": CcxtMarket("binance", base_url=url, clock=clock.now)}
        )

        done = await asyncio.to_thread(here, "run", "--market", "live", folder=tmp_path, variables=variables)

    lines = [line for line in done.stderr.splitlines() if "HTTP/1.1" not in line]  # the venue's own
    assert done.returncode == 0 and lines[-1].endswith(" it runs"), done.stderr
    assert len(lines) == (2 if said else 1)
    assert all(words in lines[0] for words in said) and ROUTED not in done.stderr


async def test_a_key_that_nobody_uses_is_asked_when_one_wants_to_know() -> None:
    dotenv(b"OPENROUTER_API_KEY=sk-or-v1-k\n")
    async with serving(key=(401, {})) as (url, server):
        settings = replace(Settings(), openrouter=replace(Settings().openrouter, base_url=url))

        (found,) = await doctor_models.unused(settings, LIMIT_S)
        assert (found.what, found.state) == ("model openrouter, not in use", State.WARNING)
        assert found.said == "OPENROUTER_API_KEY is refused, status 401"

        asked = len(server.asked)
        used = replace(settings, model=Model("openrouter"))
        assert await doctor_models.unused(used, LIMIT_S) == [] and len(server.asked) == asked
