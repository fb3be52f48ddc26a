"""Talking to a running instance."""

import asyncio
import json
from base64 import b64decode
from typing import Any
from urllib.parse import quote

import httpx

from .. import wiring
from ..domain.errors import BadInput, Unavailable
from ..domain.market import Symbol
from ..domain.policy import Settings

# A bar is waited for, and then a model.
WAIT_S, POLL_S = 240.0, 0.5


async def analyze(base: str, symbol: str, *, wait: bool) -> dict[str, Any]:
    """What the instance answered: the queued analysis, or with `wait` its decision. Raises Unavailable or BadInput."""
    async with httpx.AsyncClient(base_url=base, timeout=10, trust_env=False) as web_client:
        queued = await _asked(web_client, "POST", "/api/analyses", {"symbol": symbol})
        if not wait:
            return queued
        for _ in range(int(WAIT_S / POLL_S)):
            answer = await web_client.get(f"/api/decisions/{quote(queued['id'], safe='')}")
            if answer.status_code == httpx.codes.OK:
                decision: dict[str, Any] = answer.json()["decision"]
                return decision
            await asyncio.sleep(POLL_S)
    raise Unavailable(f"no decision within {WAIT_S:g} s, asked as {queued['id']}")


async def analyze_deployed(settings: Settings, symbol: str, *, wait: bool) -> dict[str, Any]:
    """The same of the deployment in the account of this machine's AWS credentials. Raises Unavailable or BadInput."""
    collect = wiring.function(f"semanticsignal-{settings.cloud.stage}-collect")
    told = await collect.asked({"kind": "AnalysisRequested", "symbol": str(Symbol.parse(symbol))})
    queued = {"id": told["facts"][0], "symbol": symbol, "waits": True}
    if not wait:
        return queued
    api = wiring.function(f"semanticsignal-{settings.cloud.stage}-api")
    for _ in range(int(WAIT_S / POLL_S)):
        answer = await api.asked(_get(f"/api/decisions/{quote(queued['id'], safe='')}"))
        if answer["statusCode"] == httpx.codes.OK:
            body = b64decode(answer["body"]) if answer.get("isBase64Encoded") else answer["body"]
            decision: dict[str, Any] = json.loads(body)["decision"]
            return decision
        await asyncio.sleep(POLL_S)
    raise Unavailable(f"no decision within {WAIT_S:g} s, asked as {queued['id']}")


async def rebuild_deployed(settings: Settings) -> int:
    """Memory anew from the ledger; how many experiences there are."""
    memory = wiring.function(f"semanticsignal-{settings.cloud.stage}-memory")
    return int((await memory.asked({"ask": "rebuild"}))["count"])


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


async def _asked(client: httpx.AsyncClient, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    try:
        answer = await client.request(method, path, json=body)
    except httpx.HTTPError as wrong:
        raise Unavailable(
            f"no running instance at {client.base_url}, was {wrong!r}; start it with `semsig run`"
        ) from wrong
    content: dict[str, Any] = answer.json()
    if answer.is_client_error:
        raise BadInput(str(content.get("detail", content)))
    if answer.is_error:
        raise Unavailable(str(content.get("detail", content)))
    return content
