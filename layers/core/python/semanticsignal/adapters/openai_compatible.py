"""Any server that speaks OpenAI's chat completions: OpenRouter, BlockRun, LM Studio, llama.cpp, our own analyst."""

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC
from decimal import Decimal
from email.utils import parsedate_to_datetime
from time import perf_counter
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

import httpx2

from ..domain.asking import WORDS, Fault, Usage
from ..domain.decision import Form, Prompt, Reply
from ..domain.errors import ModelUnavailable
from ..domain.hosts import LOOPBACK
from ..domain.market import exact

NO_KEY = "none"
SAID, SHOWN = 200, 80
# An answer that says more is no answer about tokens, money or time; one that is longer is none at all.
MOST_TOKENS, MOST_USD, MOST_WAIT_S, MOST_BYTES = 10**9, 10**6, 31 * 86_400, 4_000_000
LEAST_USD = 1e-9
# Set on a request whose answer has begun: what goes wrong from then on cuts it off.
BEGUN = "begun"

# HTTP statuses, and OpenRouter's codes, which are the same; 5xx apart from these are the server's trouble
NUMBERED = {
    401: Fault.AUTH,
    402: Fault.QUOTA,
    403: Fault.AUTH,
    408: Fault.TIMEOUT,
    504: Fault.TIMEOUT,
    429: Fault.RATE_LIMIT,
}
# What an error calls itself: OpenRouter's limit_source and error_type, else the code or type of whoever else.
# Words for a bad request are not here: they come with every status.
NAMED = {
    "openrouter_in_flight_budget": Fault.RATE_LIMIT,  # a 402 that passes
    "openrouter_credits": Fault.QUOTA,
    "openrouter_key_limit": Fault.QUOTA,
    "openrouter_guardrail_budget": Fault.QUOTA,
    "openrouter_workspace_budget": Fault.QUOTA,
    "openrouter_free_tier_daily": Fault.QUOTA,
    "insufficient_quota": Fault.QUOTA,
    "payment_required": Fault.QUOTA,
    "invalid_api_key": Fault.AUTH,
    "authentication": Fault.AUTH,
    "rate_limit_exceeded": Fault.RATE_LIMIT,
    "provider_overloaded": Fault.OVERLOAD,
    "provider_unavailable": Fault.OVERLOAD,
    "overloaded_error": Fault.OVERLOAD,
    "server": Fault.OVERLOAD,
    "server_error": Fault.OVERLOAD,
    "timeout": Fault.TIMEOUT,
    "max_tokens_exceeded": Fault.TRUNCATED,
    "content_policy_violation": Fault.REFUSAL,
    "content_filter": Fault.REFUSAL,
    "refusal": Fault.REFUSAL,
}
# Where only the words of the message tell.
MEANT = (
    (Fault.RATE_LIMIT, re.compile(r"per[-_ ]?day|daily", re.IGNORECASE), Fault.QUOTA),
    (Fault.AUTH, re.compile(r"key limit|budget", re.IGNORECASE), Fault.QUOTA),
    (Fault.AUTH, re.compile(r"moderation|flagged", re.IGNORECASE), Fault.REFUSAL),
    (Fault.REQUEST, re.compile(r"crashed|unloaded|failed to load", re.IGNORECASE), Fault.OVERLOAD),  # LM Studio
)
# finish_reason, and OpenRouter's native_finish_reason, which is the maker's own word for it
FINISHED = {
    "length": Fault.TRUNCATED,
    "max_tokens": Fault.TRUNCATED,
    "max_output_tokens": Fault.TRUNCATED,
    "content_filter": Fault.REFUSAL,
    "safety": Fault.REFUSAL,
    "recitation": Fault.REFUSAL,
    "prohibited_content": Fault.REFUSAL,
    "blocklist": Fault.REFUSAL,
    "spii": Fault.REFUSAL,
    "refusal": Fault.REFUSAL,
}
# httpx's words for a server that is gone; all else that it has against a server is no HTTP
HUNG_UP = re.compile("disconnected|closed connection")
NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
LEAST_EPOCH_MS = 10**12
# OpenRouter keeps a connection warm with blanks, and with comments where it streams.
COMMENTS = re.compile(rb"\A(?:\s*:[^\n]*\n)+")


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    content: bytes


# Nobody had the question: nothing can be owed for it.
NOBODY_THERE = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
UNSENT = Usage(cost_usd=Decimal(0))
# Too busy to begin: nothing was answered.
BUSY = (503, 529)


class Flaw(NamedTuple):
    """Why there is no reply in an answer."""

    fault: Fault
    said: str
    wait_s: float | None = None


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
        self._secret = re.compile(re.escape(key), re.IGNORECASE) if key != NO_KEY else None
        between = rb"(?:\s|\\[nrt])*"
        letters = (re.escape(bytes([letter])) for letter in key.encode())
        self._spelled = re.compile(between.join(letters), re.IGNORECASE) if key != NO_KEY else None
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
        body = _json(answer.content)
        usage = self._usage(body)
        if flaw := _flaw(answer, body):
            is_busy = answer.status in BUSY and usage == Usage()
            raise self._unavailable(flaw, UNSENT if is_busy else usage)
        text: str = _choice(body)["message"]["content"]
        model = self._tellable(_text(body.get("model"))) or self.model
        return Reply(text=_writable(text), model=model, latency_s=latency_s, usage=usage)

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
            return Answer(raw.status_code, raw.headers, self._masked(raw.content))
        except APIStatusError as refused:
            return Answer(refused.status_code, refused.response.headers, self._masked(refused.response.content))
        except (TimeoutError, OpenAIError, ValueError, Unfit) as wrong:
            silence = wrong
        # out here nothing of the SDK's, which may hold the key, is told along
        told = UNSENT if self._paid is None and isinstance(silence.__cause__, NOBODY_THERE) else self._usage(None)
        raise _carried(silence) or self._unavailable(_broken(silence, limit_s), told)

    def _messages(self, prompt: Prompt) -> list[dict[str, Any]]:
        user: Any = _writable(prompt.user)
        if self._has_vision and prompt.image is not None:
            url = f"data:image/png;base64,{b64encode(prompt.image).decode()}"
            words = [{"type": "text", "text": text} for text in (user, _writable(prompt.caption)) if text]
            user = [*words, {"type": "image_url", "image_url": {"url": url}}]
        messages = [{"role": "system", "content": _writable(prompt.system)}, {"role": "user", "content": user}]
        for turn in prompt.turns:
            messages.append({"role": "assistant", "content": _writable(turn.reply)})
            messages.append({"role": "user", "content": _writable(turn.complaint)})
        return messages

    def _usage(self, body: Any) -> Usage:
        usage = _usage(_dict(_dict(body).get("usage")))
        return replace(usage, cost_usd=self._paid()) if self._paid else usage

    def _unavailable(self, flaw: Flaw, usage: Usage) -> ModelUnavailable:
        said = self._tellable(f"{WORDS[flaw.fault]}, {flaw.said}")
        return ModelUnavailable(f"{self._name}: {said}", flaw.fault, wait_s=flaw.wait_s, usage=usage)

    def _masked(self, content: bytes) -> bytes:
        """Without the key before anything is cut or read, however it is broken into lines."""
        return self._spelled.sub(b"[key]", content) if self._spelled else content

    def _tellable(self, text: str) -> str:
        """A server's words in one short line, without the key that it was shown."""
        if self._secret:
            text = self._secret.sub("[key]", text)
        line = " ".join(text.split())[:SAID]
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


# --- no answer ------------------------------------------------------------------------------------------------------


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


# --- an answer, of which nothing is certain -------------------------------------------------------------------------


def _json(content: bytes) -> Any:
    """None where it is none. By the standard library, which takes half a character as it comes."""
    try:
        return json.loads(COMMENTS.sub(b"", content))
    except (ValueError, RecursionError):
        return None


def _dict(thing: Any) -> dict[str, Any]:
    return thing if isinstance(thing, dict) else {}


def _text(thing: Any) -> str:
    return thing if isinstance(thing, str) else ""


def _choice(body: Any) -> dict[str, Any]:
    choices = _dict(body).get("choices")
    return _dict(choices[0]) if isinstance(choices, list) and choices else {}


def _flaw(answer: Answer, body: Any) -> Flaw | None:
    """None: there are words in it."""
    if error := _error(answer, body):
        return error
    choice = _choice(body)
    message = choice.get("message")
    if not isinstance(message, dict):
        return Flaw(Fault.MALFORMED, f"no message in it, was {answer.content[:SHOWN].decode(errors='replace')}")
    if refusal := message.get("refusal"):
        return Flaw(Fault.REFUSAL, _text(refusal))
    for name in ("finish_reason", "native_finish_reason"):
        if fault := FINISHED.get(_text(choice.get(name)).lower()):
            return Flaw(fault, f"{name} {choice[name]}")
    if not _text(message.get("content")).strip():
        thought = message.get("reasoning") or message.get("reasoning_content")
        return Flaw(Fault.EMPTY, "it only thought" if thought else "no words in it")
    return None


def _error(answer: Answer, body: Any) -> Flaw | None:
    """OpenRouter says 200 before it knows, and takes it back in the body, or in the choice that broke off."""
    choice = _choice(body)
    error = _dict(body).get("error") or choice.get("error")
    if answer.status >= 300:
        error, number, place = error or body, answer.status, f"HTTP {answer.status}"
    elif error or choice.get("finish_reason") == "error":
        number = _code(error) or (502 if choice else 400)
        place = f"error {number}"
    else:
        return None
    fault = _fault(error, number)
    return Flaw(fault, ", ".join((place, *_told(error))), _wait_s(answer, error, fault))


def _code(error: Any) -> int | None:
    code = str(_dict(error).get("code"))
    return int(code) if re.fullmatch("[45][0-9][0-9]", code) else None


def _fault(error: Any, number: int) -> Fault:
    fields, metadata = _dict(error), _dict(_dict(error).get("metadata"))
    names = (metadata.get("limit_source"), fields.get("code"), metadata.get("error_type"), fields.get("type"))
    named = next((NAMED[name] for name in names if isinstance(name, str) and name in NAMED), None)
    fault = named or NUMBERED.get(number) or (Fault.OVERLOAD if number >= 500 else Fault.REQUEST)
    message = next(_told(error), "")
    return next((meant for said, words, meant in MEANT if said is fault and words.search(message)), fault)


def _told(error: Any) -> Iterator[str]:
    """The message first; then who failed behind OpenRouter, and in which words."""
    fields, metadata = _dict(error), _dict(_dict(error).get("metadata"))
    message = _text(error) or fields.get("message") or fields.get("detail")
    return filter(None, map(_text, (message, metadata.get("provider_name"), metadata.get("raw"))))


def _wait_s(answer: Answer, error: Any, fault: Fault) -> float | None:
    """How long to stay away, by the server's own clock: `Date` is now."""
    headers = answer.headers
    now, until = _instant(headers.get("date")), _instant(headers.get("retry-after"))
    milliseconds, seconds = _number(headers.get("retry-after-ms")), _number(headers.get("retry-after"))
    reset = _reset(answer, error) if fault in (Fault.RATE_LIMIT, Fault.QUOTA) else None
    waits = (
        None if milliseconds is None else milliseconds / 1000,
        seconds,
        None if now is None or until is None else until - now,
        None if now is None or reset is None else reset - now,
    )
    return next((max(0.0, wait) for wait in waits if wait is not None and wait <= MOST_WAIT_S), None)


def _reset(answer: Answer, error: Any) -> float | None:
    """OpenRouter's X-RateLimit-Reset, of the answer or within its error; ms since 1970 → s."""
    within = _dict(_dict(_dict(error).get("metadata")).get("headers"))
    told = _number(answer.headers.get("x-ratelimit-reset") or within.get("X-RateLimit-Reset"))
    return told / 1000 if told is not None and told >= LEAST_EPOCH_MS else None


def _number(told: Any) -> float | None:
    text = str(told).strip()
    return float(text) if NUMBER.fullmatch(text) else None


def _instant(told: str | None) -> float | None:
    """An HTTP date → seconds since 1970."""
    try:
        at = parsedate_to_datetime(told or "")
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _usage(told: dict[str, Any]) -> Usage:
    asked, said = _counted(told.get("prompt_tokens")), _counted(told.get("completion_tokens"))
    whole, thought = _counted(told.get("total_tokens")), _dict(told.get("completion_tokens_details"))
    if asked is not None and said is not None and whole is not None:
        # Google counts what was thought in the total alone, and bills it
        said = max(said, whole - asked)
    thinking = _counted(thought.get("reasoning_tokens"))
    return Usage(
        input_tokens=asked,
        output_tokens=said,
        thinking_tokens=thinking if thinking is None or said is None or thinking <= said else None,
        cost_usd=_cost(told),
    )


def _counted(tokens: Any) -> int | None:
    return tokens if type(tokens) is int and 0 <= tokens < MOST_TOKENS else None


def _cost(told: dict[str, Any]) -> Decimal | None:
    """OpenRouter's addition. Through a key of one's own it takes nothing or a fee: the maker's bill comes on top."""
    fee = _usd(told.get("cost"))
    if told.get("is_byok") is not True or fee is None:
        return fee
    bill = _usd(_dict(told.get("cost_details")).get("upstream_inference_cost"))
    return None if bill is None else fee + bill


def _usd(amount: Any) -> Decimal | None:
    is_number = isinstance(amount, int | float) and not isinstance(amount, bool)
    if not is_number or not 0 <= amount < MOST_USD:
        return None
    # so small that no account could hold it: a little more
    return exact(amount) if amount == 0 or amount >= LEAST_USD else exact(LEAST_USD)


def _writable(text: str) -> str:
    """Half a character, which JSON can carry and no encoder can write, becomes a question mark."""
    return text.encode("utf-8", "replace").decode()
