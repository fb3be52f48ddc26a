"""Loopback servers of chat completions: OpenRouter and LM Studio, each in its own manners, and one of bytes alone."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse


class Asked(NamedTuple):
    headers: Mapping[str, str]
    body: dict[str, Any]


def tokens(messages: list[dict[str, Any]]) -> int:
    return ceil(len(json.dumps(messages)) / 4)


def has_picture(messages: list[dict[str, Any]]) -> bool:
    return any(
        part.get("type") == "image_url"
        for message in messages
        for part in (message["content"] if isinstance(message["content"], list) else ())
    )


@dataclass(frozen=True)
class Listed:
    """A model of OpenRouter's list. Prices: US dollars a token."""

    sees: bool = True
    has_endpoint: bool = True
    input_usd: float = 0.000002
    output_usd: float = 0.00001


@dataclass
class OpenRouter:
    """`POST /api/v1/chat/completions`. `error` is answered instead: with its own code as the status; or after a 200 and
    blanks, as when the model had begun (`is_late`); or within the choice, after some words of it (`is_midway`).

    `thought`: tokens of reasoning before the words, where an effort was asked for. `extra`: put over the whole body."""

    key: str = "sk-or-of-nobody"
    says: str = "HOLD"
    thought: int = 40
    models: dict[str, Listed] = field(default_factory=lambda: {"google/gemini-3-flash": Listed()})
    error: dict[str, Any] | None = None
    is_late: bool = False
    is_midway: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    blanks: int = 0
    asked: list[Asked] = field(default_factory=list)

    def api(self) -> FastAPI:
        api = FastAPI()
        api.add_api_route("/api/v1/chat/completions", self._completions, methods=["POST"], response_model=None)
        return api

    async def _completions(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(Asked(request.headers, body))
        refused = self._refused(request.headers.get("authorization", ""), body)
        if refused:
            return self._answer({"error": refused, "user_id": "user_2x"}, refused["code"])
        if self.error and not (self.is_late or self.is_midway):
            return self._answer({"error": self.error, "user_id": "user_2x"}, int(self.error["code"]))
        if self.error and self.is_late:
            return self._answer({"error": self.error, "user_id": "user_2x"})
        return self._answer(self._completion(body) | self.extra)

    def _refused(self, authorization: str, body: dict[str, Any]) -> dict[str, Any] | None:
        if not authorization.startswith("Bearer "):
            return {"message": "No auth credentials found", "code": 401}
        if authorization != f"Bearer {self.key}":
            return {"message": f"User not found for {authorization}.", "code": 401}
        model = self.models.get(body["model"])
        if model is None:
            return {"message": f"{body['model']} is not a valid model ID", "code": 400}
        if not model.has_endpoint:
            return {"message": f"No endpoints found for {body['model']}.", "code": 404}
        if has_picture(body["messages"]) and not model.sees:
            return {"message": "No endpoints found that support image input", "code": 404}
        return None

    def _completion(self, body: dict[str, Any]) -> dict[str, Any]:
        thought = self.thought if "reasoning" in body else 0
        said = ceil(len(self.says) / 4)
        room = body.get("max_tokens", 10**6) - thought
        reason, native, words = ("stop", "STOP", self.says) if said <= room else ("length", "MAX_TOKENS", "")
        price, asked, said = self.models[body["model"]], tokens(body["messages"]), thought + min(said, max(room, 0))
        message = {"role": "assistant", "content": words, "refusal": None, "reasoning": "Let me see" * bool(thought)}
        choice: dict[str, Any] = {
            "logprobs": None, "finish_reason": reason, "native_finish_reason": native, "index": 0, "message": message,
        }  # fmt: skip
        if self.error:
            choice |= {"finish_reason": "error", "native_finish_reason": "error", "error": self.error}
        cost = asked * price.input_usd + said * price.output_usd
        usage = {
            "prompt_tokens": asked,
            "completion_tokens": said,
            "total_tokens": asked + said,
            "cost": cost,
            "is_byok": False,
            "prompt_tokens_details": {"cached_tokens": 0},
            "cost_details": {"upstream_inference_cost": cost},
            "completion_tokens_details": {"reasoning_tokens": thought, "image_tokens": 0},
        }
        return {
            "id": "gen-1759000000-a",
            "provider": "Google AI Studio",
            "model": f"{body['model']}-preview-09-2025",
            "object": "chat.completion",
            "created": 1759000000,
            "choices": [choice],
            "usage": usage,
        }

    def _answer(self, body: dict[str, Any], status: int = 200) -> Response:
        async def dripped() -> AsyncIterator[bytes]:
            for _ in range(self.blanks):
                yield b"\n         "
            yield b"\n" + json.dumps(body).encode()

        if not self.blanks:
            return JSONResponse(body, status, headers=self.headers)
        return StreamingResponse(dripped(), status, media_type="application/json", headers=self.headers)


@dataclass
class LmStudio:
    """`GET /v1/models`, `POST /v1/chat/completions`; whatever else is asked is answered with 200 and a complaint.

    `loaded`: None when no model is. `has_crashed`: the engine died on the question."""

    loaded: str | None = "qwen3-8b"
    context_tokens: int = 4096
    says: str = "HOLD"
    has_crashed: bool = False
    is_silent_on_overflow: bool = False
    asked: list[Asked] = field(default_factory=list)

    def api(self) -> FastAPI:
        api = FastAPI()
        api.add_api_route("/v1/models", self._models, methods=["GET"])
        api.add_api_route("/v1/chat/completions", self._completions, methods=["POST"], response_model=None)
        api.add_api_route("/{path:path}", self._unexpected, methods=["GET", "POST"], response_model=None)
        return api

    async def _models(self) -> dict[str, Any]:
        listed = [{"id": self.loaded, "object": "model", "owned_by": "organization_owner"}] if self.loaded else []
        return {"data": listed, "object": "list"}

    async def _unexpected(self, request: Request) -> Response:
        path = request.url.path
        return JSONResponse({"error": f"Unexpected endpoint or method. ({request.method} {path})"})

    async def _completions(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(Asked(request.headers, body))
        headers = {"x-powered-by": "Express"}
        form = body.get("response_format", {"type": "text"})
        if form["type"] not in ("json_schema", "text"):
            return JSONResponse({"error": "'response_format.type' must be 'json_schema' or 'text'"}, 400, headers)
        if self.loaded is None:
            message = "No models loaded. Please load a model in the developer page or with lms load."
            error = {"message": message, "type": "invalid_request_error", "param": "model", "code": "model_not_found"}
            return JSONResponse({"error": error}, 404, headers)
        asked = tokens(body["messages"])
        is_over = asked > self.context_tokens
        if is_over and not self.is_silent_on_overflow:
            complaint = f"Trying to keep the first {asked} tokens when context the overflows."
            return JSONResponse({"error": complaint}, 400, headers)
        if self.has_crashed:
            crash = "The model has crashed without additional information. (Exit code: null)"
            return JSONResponse({"error": crash}, 400, headers)
        words = "" if is_over else self.says
        said = ceil(len(words) / 4)
        return JSONResponse(
            {
                "id": "chatcmpl-t8tsxqx7kwi9ekj70xwwl",
                "object": "chat.completion",
                "created": 1745605592,
                "model": self.loaded,
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": words, "tool_calls": []},
                        "logprobs": None,
                        "finish_reason": "stop",
                    }
                ],
                "usage": {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said},
                "stats": {},
                "system_fingerprint": self.loaded,
            },
            headers=headers,
        )


@asynccontextmanager
async def wire(answer: Callable[[], bytes], *, is_reset: bool = False) -> AsyncIterator[str]:
    """Yields the base URL of a server that says these bytes to whoever asked, and hangs up: as whoever has said all, or
    as one that died."""

    async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        await reader.readexactly(int(lengths[0]) if lengths else 0)
        writer.write(answer())
        await writer.drain()
        if is_reset:
            writer.transport.abort()
        writer.close()

    server = await asyncio.start_server(said, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        await server.wait_closed()


def http(content: bytes, *headers: bytes, status: int = 200) -> bytes:
    """A whole answer of HTTP/1.1."""
    lines = (b"HTTP/1.1 %d Said" % status, b"content-length: %d" % len(content), b"connection: close", *headers)
    return b"\r\n".join((*lines, b"", content))
