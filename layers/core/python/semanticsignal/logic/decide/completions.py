"""What a server that speaks OpenAI's chat completions answered: words, what they took, or why there are none.

Nothing in an answer is certain, not even what kind of thing it holds."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from ...domain.asking import Fault, Usage
from ...domain.market import exact

SHOWN = 80
# An answer that says more is no answer about tokens, money or time.
MOST_TOKENS, MOST_USD, MOST_WAIT_S = 10**9, 10**6, 31 * 86_400
LEAST_USD = 1e-9

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
NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
LEAST_EPOCH_MS = 10**12
# OpenRouter keeps a connection warm with blanks, and with comments where it streams.
COMMENTS = re.compile(rb"\A(?:\s*+:[^\n]*+\n)++")


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    content: bytes


class Flaw(NamedTuple):
    """Why there is no reply in an answer."""

    fault: Fault
    said: str
    wait_s: float | None = None


def parsed(content: bytes) -> Any:
    """None where it is no JSON. By the standard library, which takes half a character as it comes."""
    try:
        return json.loads(COMMENTS.sub(b"", content))
    except (ValueError, RecursionError):
        return None


def flaw(answer: Answer, body: Any) -> Flaw | None:
    """None: there are words in it. `body`: its content, parsed."""
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


def words(body: Any) -> str:
    """Of an answer without a flaw."""
    return _text(_dict(_choice(body).get("message")).get("content"))


def served(body: Any) -> str:
    """What the server calls the model that answered; empty where it does not."""
    return _text(_dict(body).get("model"))


def usage(body: Any) -> Usage:
    told = _dict(_dict(body).get("usage"))
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


def _choice(body: Any) -> dict[str, Any]:
    choices = _dict(body).get("choices")
    return _dict(choices[0]) if isinstance(choices, list) and choices else {}


def _dict(thing: Any) -> dict[str, Any]:
    return thing if isinstance(thing, dict) else {}


def _text(thing: Any) -> str:
    return thing if isinstance(thing, str) else ""
