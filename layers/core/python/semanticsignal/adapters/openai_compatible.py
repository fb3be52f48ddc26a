"""Any server that speaks OpenAI's chat completions: OpenRouter, BlockRun, LM Studio, llama.cpp, our own analyst."""

import asyncio
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from decimal import Decimal
from time import perf_counter
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2

from ..domain.asking import UNSENT, WORDS, Fault, Usage
from ..domain.decision import Form, Prompt, Reply
from ..domain.errors import ModelUnavailable
from ..domain.hosts import LOOPBACK
from ..domain.untrusted import writable
from ..logic.decide import completions
from ..logic.decide.completions import Answer, Flaw
from ..logic.decide.masked import Masked

NO_KEY = "none"
SAID = 200
# An answer that is longer is none at all.
MOST_BYTES = 4_000_000
# Set on a request whose answer has begun: what goes wrong from then on cuts it off.
BEGUN = "begun"

# httpx's words for a server that is gone; all else that it has against a server is no HTTP
HUNG_UP = re.compile("disconnected|closed connection")
# Nobody had the question. The other SDK's are of another library, by the same names.
NOBODY_THERE = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
# Too busy to begin: nothing was answered.
BUSY = (503, 529)


class OpenAICompatible:
    """One model of one server. Asked once: who is asked next is Fallback's business. Raises ModelUnavailable.

    `auth` goes along with every request, to sign or to pay; a ModelUnavailable that it raises comes out as it is.
    `paid`: US dollars that the last call took, where somebody knows better than the server, None: unknown.
    `form`: what the server is told of the reply's form: its JSON schema, or nothing.
    `reasoning`: how hard it shall think, in the server's own word; empty: not told."""

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str = NO_KEY,
        timeout_s: float = 60,
        *,
        provider: str = "local",
        auth: httpx2.Auth | None = None,
        has_vision: bool = False,
        reasoning: str = "",
        max_output_tokens: int | None = None,
        temperature: float | None = 0,
        form: Literal["schema", "none"] = "none",
        paid: Callable[[], Decimal | None] | None = None,
    ) -> None:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient, omit

        self.provider, self.model = provider, model
        self._timeout_s, self._has_vision, self._paid = timeout_s, has_vision, paid
        self._name = f"{model} at {_place(base_url)}"
        key = api_key.strip() or NO_KEY
        self._masked = Masked(key if key != NO_KEY else "")
        self._asked = {"temperature": temperature, "max_tokens": max_output_tokens}
        self._formed = {asked: _formed(form, asked) for asked in Form}
        self._extra = _reasoned(provider, reasoning)
        # the SDK would tell every server what the environment holds for OpenAI; what is not packed does not explode
        own: Any = {
            "Authorization": f"Bearer {key}",
            "OpenAI-Organization": omit,
            "OpenAI-Project": omit,
            "Accept-Encoding": "identity",
        }
        client = DefaultAsyncHttpxClient(
            # a proxy from the environment leads out of this machine, never to a server on it
            trust_env=urlsplit(base_url).hostname not in LOOPBACK,
            auth=auth,
            # who is paid is not the server's to choose
            follow_redirects=False,  # the prompt is for whom it was sent to
            event_hooks={"request": [_asking], "response": [_answering]},
        )
        self._client = AsyncOpenAI(
            base_url=base_url,
            api_key=key,
            timeout=timeout_s,
            max_retries=0,
            default_headers=own,
            http_client=client,
        )

    async def complete(self, prompt: Prompt) -> Reply:
        started = perf_counter()
        answer = await self._answered(prompt)
        latency_s = perf_counter() - started
        body = self._masked.body(completions.parsed(answer.content))
        usage = self._usage(body)
        if flaw := completions.flaw(answer, body):
            is_busy = answer.status in BUSY and usage == Usage()
            raise self._unavailable(flaw, UNSENT if is_busy else usage)
        model = self._tellable(completions.served(body)) or self.model
        return Reply(text=writable(completions.words(body)), model=model, latency_s=latency_s, usage=usage)

    async def close(self) -> None:
        await self._client.close()

    async def _answered(self, prompt: Prompt) -> Answer:
        from openai import APIStatusError, OpenAIError

        limit_s = min(self._timeout_s, prompt.within_s or self._timeout_s)
        asked: Any = {name: value for name, value in self._asked.items() if value is not None}
        asked |= {"model": self.model, "messages": self._messages(prompt)} | self._formed[prompt.form]
        try:
            # the SDK's own timeout is for each read: a server that drips would never meet it
            async with asyncio.timeout(limit_s):
                raw = await self._client.chat.completions.with_raw_response.create(**asked, extra_body=self._extra)
            return Answer(raw.status_code, raw.headers, self._masked.raw(raw.content))
        except APIStatusError as refused:
            return Answer(refused.status_code, refused.response.headers, self._masked.raw(refused.response.content))
        except (TimeoutError, OpenAIError, ValueError, Unfit) as wrong:
            silence = wrong
        # out here nothing of the SDK's, which may hold the key, is told along
        told = UNSENT if self._paid is None and isinstance(silence.__cause__, NOBODY_THERE) else self._usage(None)
        raise _carried(silence) or self._unavailable(_broken(silence, limit_s), told)

    def _messages(self, prompt: Prompt) -> list[dict[str, Any]]:
        user: Any = writable(prompt.user)
        if self._has_vision and prompt.image is not None:
            url = f"data:image/png;base64,{b64encode(prompt.image).decode()}"
            words = [{"type": "text", "text": text} for text in (user, writable(prompt.caption)) if text]
            user = [*words, {"type": "image_url", "image_url": {"url": url}}]
        messages = [{"role": "system", "content": writable(prompt.system)}, {"role": "user", "content": user}]
        for turn in prompt.turns:
            messages.append({"role": "assistant", "content": writable(turn.reply)})
            messages.append({"role": "user", "content": writable(turn.complaint)})
        return messages

    def _usage(self, body: Any) -> Usage:
        usage = completions.usage(body)
        return replace(usage, cost_usd=self._paid()) if self._paid else usage

    def _unavailable(self, flaw: Flaw, usage: Usage) -> ModelUnavailable:
        said = self._tellable(f"{WORDS[flaw.fault]}, {flaw.said}")
        return ModelUnavailable(f"{self._name}: {said}", flaw.fault, wait_s=flaw.wait_s, usage=usage)

    def _tellable(self, text: str) -> str:
        """A server's words in one short line, without the key that it was shown."""
        line = " ".join(self._masked(text).split())[:SAID]
        return "".join(letter if letter.isprintable() else "?" for letter in line)


class Unfit(Exception):
    """An answer that is not read to its end."""


class Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        length = 0
        async for part in self._stream:
            length += len(part)
            if length > MOST_BYTES:
                raise Unfit(f"more than {MOST_BYTES} bytes")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _asking(request: httpx2.Request) -> None:
    request.extensions[BEGUN] = False


async def _answering(response: httpx2.Response) -> None:
    """Whoever reads it, `auth` included, reads no further than it may be long."""
    response.request.extensions[BEGUN] = not response.is_redirect
    coding = response.headers.get("content-encoding", "identity").strip()
    if coding not in ("", "identity"):
        raise Unfit(f"it is packed, {coding}")
    response.stream = Bounded(response.stream)


def _place(base_url: str) -> str:
    """Scheme, host and port: all else may be secret."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _formed(form: str, asked: Form) -> dict[str, Any]:
    if form == "none":
        return {}
    from ..logic.decide import reply as decision
    from ..logic.review import reply as review

    name, schema = ("post_mortem", review.schema()) if asked is Form.POST_MORTEM else ("decision", decision.schema())
    said = {"name": name, "strict": True, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": said}}


def _reasoned(provider: str, effort: str) -> dict[str, Any]:
    if not effort:
        return {}
    return {"reasoning": {"effort": effort}} if provider == "openrouter" else {"reasoning_effort": effort}


def _carried(wrong: BaseException | None) -> ModelUnavailable | None:
    """What `auth` raised, whatever it was wrapped in."""
    while wrong is not None and not isinstance(wrong, ModelUnavailable):
        wrong = wrong.__cause__
    return wrong


def _broken(wrong: Exception, timeout_s: float) -> Flaw:
    from openai import APIConnectionError, APITimeoutError

    if isinstance(wrong, TimeoutError | APITimeoutError):
        return Flaw(Fault.TIMEOUT, f"no whole answer in {timeout_s:g} s")
    if isinstance(wrong, Unfit):
        return Flaw(Fault.MALFORMED, str(wrong))
    if not isinstance(wrong, APIConnectionError):
        return Flaw(Fault.REQUEST, f"it cannot be sent, {type(wrong).__name__}")
    cause = wrong.__cause__ or wrong
    if isinstance(cause, httpx2.LocalProtocolError | httpx2.UnsupportedProtocol | httpx2.TooManyRedirects):
        # its words may hold our own headers
        return Flaw(Fault.REQUEST, f"it cannot be sent, {type(cause).__name__}")
    if isinstance(cause, httpx2.RemoteProtocolError) and not HUNG_UP.search(str(cause)):
        return Flaw(Fault.MALFORMED, str(cause))
    if wrong.request.extensions.get(BEGUN):
        return Flaw(Fault.TRUNCATED, f"it broke off, {cause}")
    return Flaw(Fault.CONNECTION, str(cause))
