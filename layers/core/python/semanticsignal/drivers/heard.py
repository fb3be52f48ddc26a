"""What a server says to a question that costs nothing, whole, in time and not too long; none of it is believed."""

import asyncio
import math
import re
import ssl
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import orjson

from ..domain.hosts import LOOPBACK
from .findings import ms_since, short

MOST_BYTES, MB = 4_000_000, 1_000_000
MOST_USD = 1e9
ERRNO = re.compile(r"^\[Errno -?\d+\] ")


class Heard(NamedTuple):
    """What a server answered; `body`: None where it is no JSON. `wrong`: why nothing was heard; empty when it was."""

    status: int = 0
    body: Any = None
    latency_ms: int | None = None
    wrong: str = ""

    @property
    def is_well(self) -> bool:
        return not self.wrong and self.status == httpx.codes.OK


async def ask(url: str, headers: Mapping[str, str], limit_s: float) -> Heard:
    """One answer, whole, in time and not too long; no redirect is followed, for the key would go along."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(limit_s):
            # a proxy from the environment leads out of this machine, never to a server on it
            trusts = urlsplit(url).hostname not in LOOPBACK
            async with (
                httpx.AsyncClient(timeout=limit_s, trust_env=trusts, verify=_tls()) as client,
                client.stream("GET", url, headers={"accept-encoding": "identity", **headers}) as answer,
            ):
                content = await _whole(answer)
    except (TimeoutError, httpx.TimeoutException):
        return Heard(wrong=f"no answer in {limit_s:g} s")
    except httpx.InvalidURL:
        return Heard(wrong="no address that can be asked")
    except httpx.ConnectError as wrong:
        return Heard(wrong=f"no answer, was {_unreached(wrong)}")
    except Exception as wrong:
        # what it says may be the server's words
        return Heard(wrong=f"no answer that can be read, was {type(wrong).__name__}")
    if content is None:
        return Heard(wrong=f"an answer of more than {MOST_BYTES // MB} MB, or packed")
    return Heard(answer.status_code, _json(content), ms_since(began))


def unwell(url: str, heard: Heard) -> str:
    if heard.wrong:
        return f"{origin(url)}: {heard.wrong}"
    if heard.is_well:
        return f"{origin(url)} answers with no list of models"
    return f"{origin(url)} answers with status {heard.status}"


def origin(url: str) -> str:
    """Who the server is, and no more: a path or a query may hold a key."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that is none"
    return f"{parts.scheme}://{parts.netloc}"


def fit(key: str) -> str:
    """A key as a header carries it; empty where none can."""
    key = key.strip()
    return key if key.isascii() and key.isprintable() else ""


def ids(heard: Heard) -> frozenset[str] | None:
    """The names of a list of models; None where the answer is no such list."""
    data = fields(heard.body).get("data")
    if not heard.is_well or not isinstance(data, list):
        return None
    named = (fields(one).get(key) for one in data for key in ("id", "canonical_slug"))
    return frozenset(name for name in named if isinstance(name, str))


def usd(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -MOST_USD < value < MOST_USD and math.isfinite(value) else None


def fields(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _unreached(wrong: httpx.ConnectError) -> str:
    """In the system's words: before there is a connection no server has said anything."""
    cause: BaseException | None = wrong
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
        cause = cause.__cause__ or cause.__context__
    return short(ERRNO.sub("", str(wrong)))


async def _whole(answer: httpx.Response) -> bytes | None:
    """As it came: what is not packed does not explode. None where it is too long, or packed after all."""
    if answer.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        return None
    content = bytearray()
    async for part in answer.aiter_raw():
        content += part
        if len(content) > MOST_BYTES:
            return None
    return bytes(content)


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _json(content: bytes) -> Any:
    """None for what is no JSON; however deep it is nested, it raises nothing else."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
