"""The web, read with care: a whole answer in time, not too long, redirected to https only."""

import asyncio
import ssl
import zlib
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from .. import __version__
from ..domain.errors import Unavailable
from ..domain.hosts import LOOPBACK

T = TypeVar("T")

# one coding, that zlib unpacks no further than told: httpx would unpack what it gets, as often as it is told to
AGENT = {"user-agent": f"SemanticSignal/{__version__}", "accept-encoding": "gzip"}
GZIP = 31
NONE: Mapping[str, str] = MappingProxyType({})
REDIRECTS, SAID, FAULTS = 3, 160, 100


class Web:
    """Each question opens a connection of its own: a few an hour, from whichever loop. Nothing of `headers` is ever
    said, or sent to another host than the one that was asked. With `stays`, no other host is asked at all."""

    def __init__(self, timeout_s: float, limit_bytes: int = 2_000_000, *, stays: bool = False) -> None:
        self._timeout_s, self._limit_bytes, self._stays = timeout_s, limit_bytes, stays

    async def get(self, url: str, headers: Mapping[str, str] = NONE) -> bytes:
        try:
            # httpx counts from byte to byte: a server that drips would never meet its timeout
            async with asyncio.timeout(self._timeout_s):
                return await self._followed(httpx.URL(url), headers)
        except TimeoutError as wrong:
            raise Unavailable(f"{_host(url)}: no whole answer in {self._timeout_s:g} s") from wrong
        except (httpx.HTTPError, httpx.InvalidURL) as wrong:
            raise Unavailable(f"{_host(url)}: {type(wrong).__name__} {wrong!s:.{SAID}}") from wrong

    async def read(self, kind: type[T], url: str, headers: Mapping[str, str] = NONE) -> T:
        """Every list of `kind` must fail fast, and every mapping be bounded: pydantic keeps all that is wrong."""
        content = await self.get(url, headers)
        try:
            return TypeAdapter(kind).validate_json(content)
        except ValidationError as wrong:
            raise Unavailable(f"{_host(url)}: unreadable answer, {_fault(wrong)}") from None

    async def _followed(self, url: httpx.URL, headers: Mapping[str, str]) -> bytes:
        # a proxy from the environment leads out of this machine, never to a server on it
        options = {"verify": self._tls, "trust_env": url.host not in LOOPBACK, "timeout": self._timeout_s}
        async with httpx.AsyncClient(headers=AGENT, **options) as client:  # type: ignore[arg-type]
            for _ in range(1 + REDIRECTS):
                async with client.stream("GET", url, headers=headers) as answer:
                    if not answer.has_redirect_location:
                        return await self._whole(answer)
                    to = url.join(answer.headers["location"])
                if to.scheme != "https":
                    raise Unavailable(f"{url.host}: redirected to something else than https, was {str(to)[:SAID]}")
                if self._stays and to.host.removeprefix("www.") != url.host.removeprefix("www."):
                    raise Unavailable(f"{url.host}: redirected to another host, was {to.host[:SAID]}")
                url, headers = to, headers if to.host == url.host else NONE
        raise Unavailable(f"{url.host}: more than {REDIRECTS} redirects")

    async def _whole(self, answer: httpx.Response) -> bytes:
        if answer.status_code != httpx.codes.OK:
            raise Unavailable(f"{answer.url.host}: HTTP {answer.status_code} {answer.reason_phrase[:SAID]}")
        coding = answer.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("", "identity", "gzip"):
            raise Unavailable(f"{answer.url.host}: an answer that is {coding:.{SAID}}, asked for gzip")
        unpacker = zlib.decompressobj(GZIP) if coding == "gzip" else None
        content, packed = bytearray(), 0
        async for part in answer.aiter_raw():
            packed += len(part)
            # one byte more than may be: enough to know that it is too long
            room = self._limit_bytes + 1 - len(content)
            content += self._unpacked(answer, unpacker, part, room) if unpacker else part[:room]
            if max(packed, len(content)) > self._limit_bytes:
                raise Unavailable(f"{answer.url.host}: an answer of more than {self._limit_bytes} bytes")
        if unpacker and not unpacker.eof:
            raise Unavailable(f"{answer.url.host}: an answer that is cut")
        return bytes(content)

    @staticmethod
    def _unpacked(answer: httpx.Response, unpacker: "zlib._Decompress", part: bytes, room: int) -> bytes:
        try:
            found = unpacker.decompress(part, room)
        except zlib.error as wrong:
            raise Unavailable(f"{answer.url.host}: does not unpack, {wrong!s:.{SAID}}") from wrong
        # zlib would keep what comes after the end, and copy all of it with each part
        if unpacker.unused_data:
            raise Unavailable(f"{answer.url.host}: more comes after the end of what was packed")
        return found

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()


def _host(url: str) -> str:
    return url.partition("//")[2].partition("/")[0][:SAID]


def _fault(wrong: ValidationError) -> str:
    """Where and what, not what was there: an answer may repeat a key that it refuses."""
    if wrong.error_count() > FAULTS:
        return f"{wrong.error_count()} faults"
    first = wrong.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where:.{SAID}}: {first['msg']:.{SAID}}"
