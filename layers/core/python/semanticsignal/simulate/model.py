"""The rules analyst behind OpenAI's chat completions, so that the real model plug has somebody to ask."""

from hashlib import sha256
from math import ceil
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from ..domain.errors import BadInput

MODEL = "rules-analyst"


def app() -> FastAPI:
    """`POST /v1/chat/completions` and `GET /v1/models`."""
    api = FastAPI(title="Simulated model", openapi_url=None)
    api.add_api_route("/v1/models", _models, methods=["GET"])
    api.add_api_route("/v1/chat/completions", _completions, methods=["POST"], response_model=None)
    return api


async def _models() -> dict[str, Any]:
    return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "semanticsignal"}]}


async def _completions(request: Request) -> JSONResponse:
    from ..logic.decide.analyst import answer
    from ..logic.review import analyst as reviewer

    try:
        system, user = _asked(await request.body())
        text = reviewer.answer(user) if reviewer.is_review(user) else answer(system, user)
    except BadInput as wrong:
        error = {"message": str(wrong), "type": "invalid_request_error", "param": None, "code": None}
        return JSONResponse({"error": error}, status_code=400)
    return JSONResponse(_completion(system + user, text))


def _asked(content: bytes) -> tuple[str, str]:
    """(system, user): all words of each role, in order. Raises BadInput."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as wrong:
        raise BadInput(f"the body must be JSON: {wrong}, was {content[:80]!r}") from wrong
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        raise BadInput("you must provide a model parameter")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadInput(f"'messages' must be a list with a message in it, was {messages!r:.80}")
    if body.get("stream"):
        raise BadInput("'stream' must be false here, was true")
    words: dict[str, list[str]] = {"system": [], "developer": [], "user": [], "assistant": []}
    for message in messages:
        role = message.get("role") if isinstance(message, dict) else None
        if not isinstance(role, str) or role not in words:
            raise BadInput(f"'role' must be one of {', '.join(words)}, was {role!r:.80}")
        words[role].append(_text(message.get("content")))
    return "\n".join(words["system"] + words["developer"]), "\n".join(words["user"])


def _text(content: Any) -> str:
    """A string, or the text parts of a list; the analyst does not look at pictures."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise BadInput(f"'content' must be a string or a list of parts, was {content!r:.80}")
    texts = [part.get("text") for part in content if part.get("type") == "text"]
    if not all(isinstance(text, str) for text in texts):
        raise BadInput("a part of type 'text' must have a text")
    return "\n".join(texts)


def _completion(prompt: str, text: str) -> dict[str, Any]:
    """Its id names the prompt and its time is 0: the analyst has no clock, and the same question the same answer."""
    asked, said = ceil(len(prompt) / 4), ceil(len(text) / 4)
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": f"chatcmpl-{sha256(prompt.encode()).hexdigest()[:24]}",
        "object": "chat.completion",
        "created": 0,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said},
    }
