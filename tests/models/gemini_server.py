"""Google's generateContent on loopback, as it goes over the wire: it keeps what it was asked and plays one answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse

from semanticsignal.adapters.gemini import Gemini
from tests.loopback import serve

KEY = "AIza-k3y-of-ours"
MODEL = "gemini-3-flash-preview"
JSON = "application/json; charset=UTF-8"


@dataclass(frozen=True)
class Asked:
    """What one question brought."""

    path: str
    query: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(frozen=True)
class Played:
    """What is answered. `drip_s`: the pause after each byte. `is_cut`: the connection ends in the middle."""

    body: Any
    status: int = 200
    media_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0
    drip_s: float = 0
    is_cut: bool = False


def answer(*parts: Any, finish: str | None = "STOP", **more: Any) -> dict[str, Any]:
    """A whole answer; a part that is a string is text."""
    said = [{"text": part} if isinstance(part, str) else part for part in parts or ("HOLD",)]
    candidate: dict[str, Any] = {"content": {"parts": said, "role": "model"}, "index": 0}
    return {
        "candidates": [candidate if finish is None else candidate | {"finishReason": finish}],
        "usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": 3, "totalTokenCount": 15},
        "modelVersion": "gemini-3-flash-preview-001",
        "responseId": "r1",
    } | more


def error(code: int, message: Any = "no", status: str = "", *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


class GeminiServer:
    """`/v1beta/models/{model}:generateContent`, and `:streamGenerateContent?alt=sse` with the same in one event."""

    url: str
    plug: Gemini

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._played = Played(answer())
        self.api = FastAPI()
        self.api.add_api_route("/v1beta/models/{model}:generateContent", self._whole, methods=["POST"])
        self.api.add_api_route("/v1beta/models/{model}:streamGenerateContent", self._stream, methods=["POST"])

    def plays(self, played: Played) -> None:
        self._played, self.asked = played, []

    async def _whole(self, request: Request) -> Response:
        return await self._answered(request, self._content(), self._played.media_type)

    async def _stream(self, request: Request) -> Response:
        content = self._content()
        is_event = self._played.status == 200 and not isinstance(self._played.body, bytes)
        event = b"data: " + content + b"\r\n\r\n" if is_event else content
        return await self._answered(request, event, "text/event-stream")

    def _content(self) -> bytes:
        body = self._played.body
        return body if isinstance(body, bytes) else json.dumps(body).encode()

    async def _answered(self, request: Request, content: bytes, media_type: str) -> Response:
        url = request.url
        self.asked.append(Asked(url.path, url.query, dict(request.headers), await request.json()))
        played = self._played
        await asyncio.sleep(played.delay_s)
        headers = {"content-type": media_type} | played.headers
        if played.drip_s:
            return StreamingResponse(_dripping(content, played.drip_s), played.status, headers)
        if played.is_cut:
            whole = headers | {"content-length": str(len(content))}
            return _Cut(content[: len(content) // 2], played.status, whole)
        return Response(content, played.status, headers)


class _Cut(Response):
    """Promises more than it sends; the server then drops the connection."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})


async def _dripping(content: bytes, pause_s: float) -> AsyncIterator[bytes]:
    for byte in content:
        yield bytes([byte])
        await asyncio.sleep(pause_s)


@asynccontextmanager
async def playing() -> AsyncIterator[GeminiServer]:
    """A server with a plug in it, which whatever it is told must not spoil for the next question."""
    server = GeminiServer()
    async with serve(server.api) as server.url, plugged(server) as server.plug:
        yield server


@asynccontextmanager
async def plugged(server: GeminiServer, model: str = MODEL, **options: Any) -> AsyncIterator[Gemini]:
    plug = Gemini(KEY, model, **{"timeout_s": 5, "base_url": server.url} | options)
    try:
        yield plug
    finally:
        await plug.close()
