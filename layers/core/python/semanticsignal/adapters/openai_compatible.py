"""Any server that speaks OpenAI's chat completions: OpenRouter, LM Studio, llama.cpp, our own rules analyst."""

import asyncio
from base64 import b64encode
from decimal import Decimal
from time import perf_counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..domain.asking import Usage
from ..domain.decision import Prompt, Reply
from ..domain.errors import ModelUnavailable
from ..domain.market import exact

if TYPE_CHECKING:
    from openai import APIStatusError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
SAID = 200
# An answer that says more is no answer about tokens or money.
MOST_TOKENS, MOST_USD = 10**9, 10**6


class OpenAICompatible:
    """One model of one server. Asked once: who is asked next is Fallback's business. Raises ModelUnavailable."""

    def __init__(self, base_url: str, model: str, api_key: str = "none", timeout_s: float = 60) -> None:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        self._model, self._timeout_s, self._name = model, timeout_s, f"{model} at {base_url}"
        # a proxy from the environment leads out of this machine, never to a server on it
        client = DefaultAsyncHttpxClient(trust_env=urlsplit(base_url).hostname not in LOOPBACK)
        self._client = AsyncOpenAI(
            base_url=base_url, api_key=api_key, timeout=timeout_s, max_retries=0, http_client=client
        )

    async def complete(self, prompt: Prompt) -> Reply:
        started = perf_counter()
        completion = await self._asked(prompt)
        latency_s = perf_counter() - started
        text, usage = self._text(completion), getattr(completion, "usage", None)
        return Reply(
            text=_writable(text),
            model=_named(completion.model) or self._model,
            latency_s=latency_s,
            usage=Usage(
                input_tokens=_counted(getattr(usage, "prompt_tokens", None)),
                output_tokens=_counted(getattr(usage, "completion_tokens", None)),
                cost_usd=_cost(getattr(usage, "cost", None)),  # OpenRouter's addition
            ),
        )

    async def close(self) -> None:
        await self._client.close()

    async def _asked(self, prompt: Prompt) -> Any:
        from openai import APIConnectionError, APIStatusError, APITimeoutError, OpenAIError

        messages: Any = [{"role": "system", "content": prompt.system}, {"role": "user", "content": _content(prompt)}]
        try:
            # the SDK's own timeout is for each read: a server that drips would never meet it
            async with asyncio.timeout(self._timeout_s):
                return await self._client.chat.completions.create(model=self._model, messages=messages, temperature=0)
        except (APITimeoutError, TimeoutError) as wrong:
            raise self._unavailable(f"timeout, no whole answer in {self._timeout_s} s") from wrong
        except APIConnectionError as wrong:
            raise self._unavailable(f"connection failed, {wrong.__cause__ or wrong}") from wrong
        except APIStatusError as wrong:
            raise self._unavailable(_status(wrong)) from wrong
        except (OpenAIError, ValueError) as wrong:
            raise self._unavailable(f"malformed answer, {wrong}") from wrong

    def _text(self, completion: Any) -> str:
        """The SDK does not validate, so anything may be missing or of another type than it says."""
        choices = getattr(completion, "choices", None)
        choice = choices[0] if isinstance(choices, list) and choices else None
        message = getattr(choice, "message", None)
        if message is None:
            raise self._unavailable(f"malformed answer, no message in it, was {completion!r}")
        if refusal := getattr(message, "refusal", None):
            raise self._unavailable(f"refusal, {refusal}")
        match getattr(choice, "finish_reason", None):
            case "length":
                raise self._unavailable("truncated, the answer ran into the length limit")
            case "content_filter":
                raise self._unavailable("refusal, the content filter stopped it")
        content = getattr(message, "content", None)
        if not isinstance(content, str) or not content.strip():
            raise self._unavailable(f"empty reply, was {content!r}")
        return content

    def _unavailable(self, kind: str) -> ModelUnavailable:
        return ModelUnavailable(f"{self._name}: {_writable(kind[:SAID])}")


def _writable(text: str) -> str:
    """Half a character, which JSON can carry and no encoder can write, becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def _named(model: Any) -> str:
    """What the server calls the model that answered, if that is a name."""
    return _writable(model[:SAID]) if isinstance(model, str) else ""


def _counted(tokens: Any) -> int | None:
    return tokens if type(tokens) is int and 0 <= tokens < MOST_TOKENS else None


def _cost(usd: Any) -> Decimal | None:
    is_number = isinstance(usd, int | float) and not isinstance(usd, bool)
    return exact(usd) if is_number and 0 <= usd < MOST_USD else None


def _content(prompt: Prompt) -> str | list[dict[str, Any]]:
    if prompt.image is None:
        return prompt.user
    url = f"data:image/png;base64,{b64encode(prompt.image).decode()}"
    return [{"type": "text", "text": prompt.user}, {"type": "image_url", "image_url": {"url": url}}]


def _status(wrong: "APIStatusError") -> str:
    match wrong.status_code:
        case 401 | 403:
            kind = "auth refused"
        case 429:
            kind = "rate limit"
        case code if code >= 500:
            kind = "server error"
        case _:
            kind = "request refused"
    return f"{kind}, HTTP {wrong.status_code}, {wrong.message}"
