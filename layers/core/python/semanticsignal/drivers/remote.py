"""Talking to a running instance."""

import asyncio
import json
from base64 import b64decode
from typing import Any
from urllib.parse import quote

import httpx

from .. import wiring
from ..domain.errors import BadInput, CloudUnavailable, Unavailable
from ..domain.market import Symbol
from ..domain.policy import Settings
from . import aws_words

# A bar is waited for, and then a model.
WAIT_S, POLL_S = 240.0, 0.5


async def analyze(base: str, symbol: str, *, wait: bool) -> dict[str, Any]:
    """What the instance answered: the queued analysis, or with `wait` its decision. Raises Unavailable or BadInput."""
    async with httpx.AsyncClient(base_url=base, timeout=10, trust_env=False) as web_client:
        queued = await _asked(web_client, "POST", "/api/analyses", "id", {"symbol": symbol})
        if not wait:
            return queued
        for _ in range(int(WAIT_S / POLL_S)):
            try:
                found = await _asked(web_client, "GET", f"/api/decisions/{quote(queued['id'], safe='')}", "decision")
            except BadInput:  # not yet
                await asyncio.sleep(POLL_S)
                continue
            decision: dict[str, Any] = found["decision"]
            return decision
    raise Unavailable(f"no decision within {WAIT_S:g} s, asked as {queued['id']}")


async def analyze_deployed(settings: Settings, symbol: str, *, wait: bool) -> dict[str, Any]:
    """The same of the deployment in the account of this machine's AWS credentials. Raises Unavailable or BadInput."""
    told = await _called(settings, "collect", {"kind": "AnalysisRequested", "symbol": str(Symbol.parse(symbol))})
    queued = {"id": told["facts"][0], "symbol": symbol, "waits": True}
    if not wait:
        return queued
    for _ in range(int(WAIT_S / POLL_S)):
        answer = await _called(settings, "api", _get(f"/api/decisions/{quote(queued['id'], safe='')}"))
        if answer["statusCode"] == httpx.codes.OK:
            body = b64decode(answer["body"]) if answer.get("isBase64Encoded") else answer["body"]
            decision: dict[str, Any] = json.loads(body)["decision"]
            return decision
        await asyncio.sleep(POLL_S)
    raise Unavailable(f"no decision within {WAIT_S:g} s, asked as {queued['id']}")


async def rebuild_deployed(settings: Settings) -> int:
    """Memory anew from the ledger; how many experiences there are."""
    return int((await _called(settings, "memory", {"ask": "rebuild"}))["count"])


async def _called(settings: Settings, verb: str, event: dict[str, Any]) -> dict[str, Any]:
    """The answer of a function of the deployment."""
    name = f"semanticsignal-{settings.cloud.stage}-{verb}"
    try:
        return await wiring.function(name).asked(event)
    except CloudUnavailable as wrong:
        raise Unavailable(aws_words.of_function(wrong, name, wiring.aws_account().region)) from wrong


def _get(path: str) -> dict[str, Any]:
    """A question as the HTTP API passes it on."""
    http = {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "cli"},
        "requestContext": {"http": http, "stage": "$default"},
    }


async def _asked(
    client: httpx.AsyncClient, method: str, path: str, wanted: str, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """An answer that has what is wanted."""
    address = str(client.base_url).rstrip("/")
    try:
        answer = await client.request(method, path, json=body)
        content = answer.json()
    except (httpx.HTTPError, ValueError) as wrong:
        if isinstance(wrong, httpx.ConnectError):
            raise Unavailable(f"no semsig runs at {address}; `semsig run` starts one, --port names another") from wrong
        raise Unavailable(f"what is at {address} does not answer as semsig does, was {type(wrong).__name__}") from wrong
    told = content if isinstance(content, dict) else {}
    if answer.is_client_error:
        raise BadInput(str(told.get("detail", content)))
    if answer.is_error:
        raise Unavailable(str(told.get("detail", content)))
    if wanted not in told:
        raise Unavailable(f"what is at {address} does not answer as semsig does")
    return told
