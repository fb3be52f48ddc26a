"""Google's Gemini over its own SDK: one question, one whole answer."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from ..domain.asking import UNSENT, WORDS, Fault, Usage
from ..domain.decision import Form, Prompt, Reply
from ..domain.errors import InvalidSetting, ModelUnavailable
from ..domain.hosts import LOOPBACK
from ..domain.untrusted import writable
from ..logic.decide.masked import Masked
from ..logic.decide.reply import schema
from ..logic.review import reply as review

T = TypeVar("T")

URL = "https://generativelanguage.googleapis.com"
NAME = re.compile(r"(?:models/|tunedModels/)?(?!.*\.\.)[\w.-]{1,100}", re.ASCII)
SAID = 200
# An answer that says more is no answer: of words, about tokens, about waiting.
MOST_BYTES, MOST_TOKENS, MOST_WAIT_S = 4_000_000, 10**9, 86_400.0

# Gemini 3 takes a level of thinking, 2.5 a budget in tokens, and whoever is older or of another family neither. A
# budget is a share of the whole answer, within what every 2.5 model takes: with 32,768 tokens "high" has 24,576.
LEVELS_SINCE, BUDGETS_SINCE = (3, 0), (2, 5)
GENERATION = re.compile(r"(?:models/)?gemini-(?:(\d{1,3})(?:\.(\d{1,3}))?)?")
NEWEST = (1_000, 0)
SHARES = {"minimal": 1 / 16, "low": 1 / 8, "medium": 1 / 2, "high": 3 / 4}
LEAST_BUDGET, MOST_BUDGET = 512, 24_576

# Any other reason to stop is a refusal: those that are known all are, and so are those that come.
ENDED = ("", "STOP", "FINISH_REASON_UNSPECIFIED")
CUT = ("MAX_TOKENS", "CONTINUATION")
GARBLED = (
    "MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "MISSING_THOUGHT_SIGNATURE", "TOO_MANY_TOOL_CALLS",
    "UNEXPECTED_TOOL_CALL",
)  # fmt: skip
SPOKEN = {"candidates", "promptFeedback", "usageMetadata", "modelVersion", "responseId"}
USED_UP = re.compile(r"billing|current quota|credit|spend", re.IGNORECASE)
SECONDS = re.compile(r"([0-9]+(?:\.[0-9]+)?)s?")

# Nobody had the question. The other SDK's are of another library, by the same names.
NOBODY_THERE = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
# What a library that trusts its server stumbles with.
STUMBLES = (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


class _BrokenOff(Exception):
    """The connection ended in the middle of an answer."""


class _Whole(httpx.AsyncClient):
    """Reads an answer to its end, not too long, as UTF-8: the SDK would read whatever comes, however packed."""

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        answer = await super().send(request, **{**options, "stream": True})
        try:
            content = await self._content(answer)
        finally:
            await answer.aclose()
        headers = {"content-type": "application/json; charset=utf-8"}
        if "retry-after" in answer.headers:
            headers["retry-after"] = answer.headers["retry-after"]
        return httpx.Response(answer.status_code, headers=headers, content=content, request=request)

    @staticmethod
    async def _content(answer: httpx.Response) -> bytes:
        if (coding := answer.headers.get("content-encoding", "identity")) not in ("", "identity"):
            raise ValueError(f"an answer packed as {coding}, asked for identity")
        content = bytearray()
        try:
            async for part in answer.aiter_raw():
                content += part
                if len(content) > MOST_BYTES:
                    raise ValueError(f"an answer of more than {MOST_BYTES} bytes")
        except httpx.HTTPError as wrong:
            raise _BrokenOff(str(wrong)) from wrong
        return content.decode("utf-8", "replace").encode()


class Gemini:
    """One model of Google's. Asked once: who is asked next is not its business. Raises ModelUnavailable.

    `thinking`: minimal, low, medium or high, as far as the model knows them; "" leaves it to the model.
    `max_output_tokens`: what is thought and not said included. `with_code`: it may run code of its own at Google's.
    `has_vision`: without it neither the picture nor its caption goes out."""

    provider = "google"

    def __init__(
        self,
        api_key: str,
        model: str,
        timeout_s: float = 60,
        *,
        thinking: str = "high",
        max_output_tokens: int = 8192,
        with_code: bool = False,
        has_vision: bool = True,
        base_url: str | None = None,
    ) -> None:
        from google import genai
        from google.genai.client import DebugConfig
        from google.genai.types import HttpOptions

        key = api_key.strip()
        if not (key and key.isascii() and key.isprintable()):
            raise InvalidSetting("Gemini needs a key, of characters that a header can carry")
        if not NAME.fullmatch(model):
            raise InvalidSetting(f"a Gemini model is named like gemini-3-flash-preview, was {model[:SAID]!r}")
        if thinking not in ("", *SHARES):
            raise InvalidSetting(f"thinking is one of {', '.join(SHARES)} or empty, was {thinking[:SAID]!r}")
        self.model, self._masked, self._timeout_s, self._has_vision = model, Masked(key), timeout_s, has_vision
        self._config = _config(model, thinking, max_output_tokens, with_code)
        url = base_url or URL
        # a proxy from the environment leads out of this machine, never to a server on it
        trusts = urlsplit(url).hostname not in LOOPBACK
        tls = httpx.create_ssl_context()
        self._http = _Whole(headers={"accept-encoding": "identity"}, trust_env=trusts, verify=tls)
        # all that the SDK would else look for in the environment is said here
        self._sdk = genai.Client(
            api_key=key,
            enterprise=False,
            debug_config=DebugConfig(client_mode=None, replays_directory=None, replay_id=None),
            http_options=HttpOptions(
                base_url=url,
                api_version="v1beta",
                httpx_async_client=self._http,
                # for clients that the SDK makes and nobody uses: each would read all certificates anew
                client_args={"verify": tls},
                async_client_args={"ssl": tls},
            ),
        )

    async def complete(self, prompt: Prompt) -> Reply:
        started = perf_counter()
        answer = self._read(await self._asked(prompt))
        latency_s = perf_counter() - started
        usage = _usage(answer)
        return Reply(
            text=self._words(answer, usage),
            model=self._named(answer.get("modelVersion")) or self.model,
            latency_s=latency_s,
            usage=usage,
        )

    async def close(self) -> None:
        self._sdk.close()
        await self._http.aclose()

    async def _asked(self, prompt: Prompt) -> str:
        """The body of the answer, as it came.

        It is asked for whole and not as a stream: while a model thinks, no stream says anything either, so it would
        keep no idle connection open; half a stream may look like all of it, half a JSON never does; and of an error
        in its middle the SDK sees only what begins as it expects."""
        from google.genai.errors import APIError

        limit_s = min(self._timeout_s, prompt.within_s or self._timeout_s)
        contents = self._contents(prompt)
        config: Any = {**self._config, "system_instruction": writable(prompt.system) or None}
        if prompt.form is Form.POST_MORTEM:
            # words about figures that it is given: there is nothing to compute
            config |= {"response_mime_type": "application/json", "response_json_schema": review.schema(), "tools": None}
        try:
            # the SDK's own limit is for each read: a server that drips would never meet it
            async with asyncio.timeout(limit_s):
                answer = await self._sdk.aio.models.generate_content(model=self.model, contents=contents, config=config)
            return (answer.sdk_http_response and answer.sdk_http_response.body) or ""
        except TimeoutError:
            failure = self._unavailable(Fault.TIMEOUT, f"no whole answer in {limit_s:g} s")
        except APIError as wrong:
            failure = self._refused(wrong.code, wrong.details, getattr(wrong.response, "headers", {}))
        except _BrokenOff as wrong:
            failure = self._unavailable(Fault.TRUNCATED, f"the connection broke off, {wrong}")
        except httpx.HTTPError as wrong:
            usage = UNSENT if isinstance(wrong, NOBODY_THERE) else None
            failure = self._unavailable(Fault.CONNECTION, str(wrong.__cause__ or wrong), usage=usage)
        except (httpx.InvalidURL, *STUMBLES) as wrong:
            failure = self._unavailable(Fault.MALFORMED, f"{type(wrong).__name__}, {wrong}")
        # out here, with nothing behind it: what a server says may repeat the key
        raise failure

    def _contents(self, prompt: Prompt) -> Any:
        parts: list[dict[str, Any]] = [{"text": writable(prompt.user)}]
        if prompt.image is not None and self._has_vision:
            if prompt.caption:
                parts.append({"text": writable(prompt.caption)})
            parts.append({"inline_data": {"mime_type": "image/png", "data": prompt.image}})
        contents = [{"role": "user", "parts": parts}]
        for turn in prompt.turns:
            contents.append({"role": "model", "parts": [{"text": writable(turn.reply)}]})
            contents.append({"role": "user", "parts": [{"text": writable(turn.complaint)}]})
        return contents

    def _read(self, body: str) -> dict[str, Any]:
        body = self._masked(body)
        try:
            answer = self._masked.body(json.loads(body))
        except (ValueError, RecursionError):
            answer = body
        if not isinstance(answer, dict):
            raise self._unavailable(Fault.MALFORMED, f"no JSON object, was {body}")
        if "error" in answer:
            code = _object(answer["error"]).get("code")
            raise self._refused(code if type(code) is int else httpx.codes.OK, answer, {})
        return answer

    def _words(self, answer: dict[str, Any], usage: Usage) -> str:
        candidate = self._candidate(answer, usage)
        words = self._said(candidate, usage)
        reason = self._as(str, candidate.get("finishReason"), usage)
        stopped = f"stopped by {reason} {_text(candidate.get('finishMessage'))}"
        if reason in CUT:
            raise self._unavailable(Fault.TRUNCATED, stopped, usage=usage)
        if reason in GARBLED:
            raise self._unavailable(Fault.MALFORMED, stopped, usage=usage)
        if reason not in ENDED:
            raise self._unavailable(Fault.REFUSAL, stopped, usage=usage)
        if not words.strip():
            raise self._unavailable(Fault.EMPTY, f"was {words[:SAID]!r}", usage=usage)
        return writable(self._masked(words))  # its parts may be pieces of the key

    def _candidate(self, answer: dict[str, Any], usage: Usage) -> dict[str, Any]:
        feedback = self._as(dict, answer.get("promptFeedback"), usage)
        if reason := feedback.get("blockReason"):
            detail = f"blocked by {_text(reason)} {_text(feedback.get('blockReasonMessage'))}"
            raise self._unavailable(Fault.REFUSAL, detail, usage=usage)
        if candidates := self._as(list, answer.get("candidates"), usage):
            return self._as(dict, candidates[0], usage)
        fault = Fault.EMPTY if not answer or SPOKEN & answer.keys() else Fault.MALFORMED
        raise self._unavailable(fault, f"no candidate in it, was {', '.join(answer) or 'nothing'}", usage=usage)

    def _said(self, candidate: dict[str, Any], usage: Usage) -> str:
        """What it says: not what it thought, not the code that it ran."""
        content = self._as(dict, candidate.get("content"), usage)
        parts = [self._as(dict, part, usage) for part in self._as(list, content.get("parts"), usage)]
        return "".join(self._as(str, part.get("text"), usage) for part in parts if not part.get("thought"))

    def _as(self, kind: type[T], value: Any, usage: Usage) -> T:
        """What is left out is empty; what is of another kind belongs to no answer."""
        if value is None:
            return kind()
        if isinstance(value, kind):
            return value
        raise self._unavailable(
            Fault.MALFORMED, f"a {type(value).__name__} where a {kind.__name__} belongs", usage=usage
        )

    def _refused(self, code: int, told: Any, headers: Mapping[str, str]) -> ModelUnavailable:
        body = _object(told)
        error = _object(body["error"]) if "error" in body else body
        message = _text(error.get("message"))
        detail = f"HTTP {code}, {message}" if message else f"HTTP {code}"
        # too busy to begin: nothing was answered
        usage = UNSENT if code == httpx.codes.SERVICE_UNAVAILABLE else None
        return self._unavailable(_fault(code, error), detail, wait_s=_wait_s(error, headers), usage=usage)

    def _unavailable(
        self, fault: Fault, detail: str, *, wait_s: float | None = None, usage: Usage | None = None
    ) -> ModelUnavailable:
        return ModelUnavailable(
            f"{self.model} at google: {WORDS[fault]}, {self._line(detail)}", fault, wait_s=wait_s, usage=usage
        )

    def _line(self, text: str) -> str:
        """Without the key, in one line that can be written."""
        start = self._masked(text)[: 10 * SAID]
        return " ".join("".join(each if each.isprintable() else " " for each in start).split())[:SAID]

    def _named(self, model: Any) -> str:
        """What the server calls the model that answered, if that is a name."""
        return self._line(model) if isinstance(model, str) else ""


def _config(model: str, thinking: str, max_output_tokens: int, with_code: bool) -> dict[str, Any]:
    """All of a question but the words. Before Gemini 3 a tool and a schema exclude each other: the tool wins, for a
    decision can be read out of any words."""
    generation = _generation(model)
    config: dict[str, Any] = {
        "temperature": 1.0,
        "top_p": 0.95,
        "top_k": 64,
        "max_output_tokens": max_output_tokens,
        "automatic_function_calling": {"disable": True},
        # read here: at one word that it does not expect, anywhere in an answer, the SDK would give none of it, and an
        # answer that it takes for unfinished it would ask for again
        "should_return_http_response": True,
    }
    if thinking and generation >= LEVELS_SINCE:
        config["thinking_config"] = {"thinking_level": thinking.upper()}
    elif thinking and generation >= BUDGETS_SINCE:
        budget = int(max_output_tokens * SHARES[thinking])
        config["thinking_config"] = {"thinking_budget": min(max(budget, LEAST_BUDGET), MOST_BUDGET)}
    if with_code:
        config["tools"] = [{"code_execution": {}}]
    if not with_code or generation >= LEVELS_SINCE:
        config |= {"response_mime_type": "application/json", "response_json_schema": schema()}
    return config


def _generation(model: str) -> tuple[int, int]:
    """(2, 5) of gemini-2.5-flash. An alias like gemini-flash-latest is of the newest, another family of none."""
    found = GENERATION.match(model)
    if found is None:
        return (0, 0)
    return (int(found[1]), int(found[2] or 0)) if found[1] else NEWEST


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _listed(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _usage(answer: dict[str, Any]) -> Usage:
    """What is cached counts among the prompt's tokens; what a tool brought in, and what was thought, comes on top."""
    told = _object(answer.get("usageMetadata"))
    asked = _counted(told, "promptTokenCount", "toolUsePromptTokenCount")
    said, whole = _counted(told, "candidatesTokenCount", "thoughtsTokenCount"), _counted(told, "totalTokenCount")
    if asked is not None and whole is not None and whole > asked:
        # thoughts that are told in the total alone are billed all the same
        said = max(said or 0, whole - asked)
    return Usage(
        input_tokens=asked,
        output_tokens=said,
        thinking_tokens=_counted(told, "thoughtsTokenCount"),
    )


def _counted(told: dict[str, Any], *names: str) -> int | None:
    """The sum of those that are told; None where none is, or where one is no count."""
    counts = [told[name] for name in names if told.get(name) is not None]
    is_told = counts and all(type(count) is int and 0 <= count < MOST_TOKENS for count in counts)
    return int(sum(counts)) if is_told else None


def _fault(code: int, error: dict[str, Any]) -> Fault:
    if code == 400 and any(detail.get("reason") == "API_KEY_INVALID" for detail in _listed(error.get("details"))):
        return Fault.AUTH
    if error.get("status") == "DEADLINE_EXCEEDED":
        return Fault.TIMEOUT
    match code:
        case 401 | 403:
            return Fault.AUTH
        case 408 | 504:
            return Fault.TIMEOUT
        case 429:
            return Fault.QUOTA if _is_used_up(error) else Fault.RATE_LIMIT
        # 499: somebody cancelled it, and it was not us
        case _ if code == 499 or code >= 500:
            return Fault.OVERLOAD
        case _ if code >= 400:
            return Fault.REQUEST
    return Fault.MALFORMED


def _is_used_up(error: dict[str, Any]) -> bool:
    """Whether a little waiting is of no use: the day's share is gone, there is none at all, or somebody has to pay.

    Where limits are named the message tells nothing: of billing Google writes in all of them."""
    if limits := list(_limits(error)):
        return any("perday" in name.lower().replace("_", "") or most == "0" for name, most in limits)
    return USED_UP.search(_text(error.get("message"))) is not None


def _limits(error: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The limits that were met: the name of each, and how much it is."""
    for detail in _listed(error.get("details")):
        for met in _listed(detail.get("violations")):
            yield _text(met.get("quotaId") or met.get("quotaMetric")), _text(met.get("quotaValue"))
        metadata = _object(detail.get("metadata"))
        if name := _text(metadata.get("quota_limit")):
            yield name, _text(metadata.get("quota_limit_value"))


def _wait_s(error: dict[str, Any], headers: Mapping[str, str]) -> float | None:
    """How long it wants to be left alone, in the words of either; None where neither says."""
    told = [detail.get("retryDelay") for detail in _listed(error.get("details"))]
    for text in (*told, headers.get("retry-after")):
        if found := SECONDS.fullmatch(_text(text).strip()):
            return min(float(found[1]), MOST_WAIT_S)
    return None
