"""Courier to Discord: by a webhook, or by a bot into one channel.

Webhooks know no name for a message before it is sent, and nobody may ask them what they have sent: whether a message
came whose answer was lost cannot be known. A bot names each message, and for some minutes Discord keeps it once."""

import asyncio
import json
import logging
import math
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Any

import httpx

from .. import __version__
from ..domain.errors import InvalidPost, InvalidSetting, MessengerUnavailable, NobodyHome, Postponed, Unanswered
from ..domain.hosts import LOOPBACK
from ..domain.messages import BELIEVED_S, Post, wait_end
from ..logic.notify import address
from ..logic.notify.discord import CHART

URL = "https://discord.com/api/v10"
AGENT = f"DiscordBot (https://github.com/semantic-signal, {__version__})"
MOST_BYTES = 200_000
# Where a limit is met and nobody says for how long.
DEFAULT_WAIT_S = 60.0
UNKNOWN_MESSAGE = 10008
NONCE = 25
# Discord says that it holds a nonce for a few minutes.
NONCE_S = 120.0
# By httpx: from here on the whole question is out.
OUT = "receive_response_headers.started"


class DiscordCourier:
    """`webhook`: its address, a secret; or `bot`: its token and a channel. Neither is ever said. What is said of limits
    is kept, and nobody is asked before. Raises InvalidSetting for what can be neither."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        timeout_s: float,
        webhook: str = "",
        bot: tuple[str, str] = ("", ""),
        base_url: str = URL,
    ) -> None:
        for chatty in ("httpx", "httpcore"):  # they log each address, and ours is the secret
            logging.getLogger(chatty).setLevel(logging.WARNING)
        self._clock, self._timeout_s = clock, timeout_s
        self._headers = {"user-agent": AGENT, "accept-encoding": "identity"}
        token, channel = bot
        self._is_bot = not webhook
        if why := address.wrong(webhook, token, channel):
            raise InvalidSetting(why)
        if webhook:
            self._posts, self._messages, self._place = f"{webhook}?wait=true", f"{webhook}/messages", webhook
        else:
            self._place = f"{base_url}/channels/{channel}"
            self._posts = self._messages = f"{self._place}/messages"
            self._headers |= {"authorization": f"Bot {token}"}
        # "POST", "DELETE", "GET", and "" for all of them.
        self._free_at: dict[str, datetime] = {}

    @property
    def remembers_s(self) -> float:
        return NONCE_S if self._is_bot else 0.0

    async def look(self) -> None:
        with suppress(InvalidPost):  # no is an answer too
            await self._asked("GET", self._place)

    async def post(self, post: Post, payload: Mapping[str, Any], picture: bytes | None) -> str | None:
        told = dict(payload)
        if self._is_bot:
            told |= {"nonce": sha256(post.id.encode()).hexdigest()[:NONCE], "enforce_nonce": True}
        if picture is None:
            answer = await self._asked("POST", self._posts, json=told)
        else:
            files = {"payload_json": (None, json.dumps(told), "application/json")}
            answer = await self._asked("POST", self._posts, files=files | {"files[0]": (CHART, picture, "image/png")})
        name = _fields(answer).get("id")
        return name if isinstance(name, str) and name.isdecimal() else None

    async def take_back(self, name: str) -> None:
        await self._asked("DELETE", f"{self._messages}/{name}")

    async def _asked(self, method: str, url: str, **more: Any) -> Any:
        now = self._clock()
        free_at = max(wait_end(self._free_at.get(key), now) for key in ("", method))
        if free_at > now:
            raise Postponed("Discord wants fewer messages", (free_at - now).total_seconds())
        heard = _Heard()
        try:
            # httpx counts from byte to byte: a server that drips would never meet its timeout
            async with asyncio.timeout(self._timeout_s):
                await self._listen(heard, method, url, more)
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as wrong:
            if heard.status is None:
                raise self._silence(heard, wrong) from None
        # a status is an answer, whatever became of the rest of it
        return self._read(method, heard.status or 0, heard.headers, _json(bytes(heard.content)))

    async def _listen(self, heard: "_Heard", method: str, url: str, more: Mapping[str, Any]) -> None:
        trusts = httpx.URL(url).host not in LOOPBACK
        async with (
            httpx.AsyncClient(
                headers=self._headers, verify=self._tls, trust_env=trusts, timeout=self._timeout_s
            ) as client,
            client.stream(method, url, extensions={"trace": heard.trace}, **more) as answer,
        ):
            heard.status, heard.headers = answer.status_code, answer.headers
            async for part in answer.aiter_raw():
                heard.content += part
                if len(heard.content) > MOST_BYTES:
                    break

    def _silence(self, heard: "_Heard", wrong: Exception) -> MessengerUnavailable:
        """Its own words may hold the address, which is the secret."""
        if isinstance(wrong, TimeoutError | httpx.TimeoutException):
            said = f"Discord: no answer in {self._timeout_s:g} s"
        else:
            said = f"Discord cannot be reached, was {type(wrong).__name__}"
        return Unanswered(said) if heard.is_out else MessengerUnavailable(said)

    def _read(self, method: str, status: int, headers: httpx.Headers, said: Any) -> Any:
        self._spaced(method, headers)
        if 200 <= status < 300:
            return said
        code = _fields(said).get("code")
        if status == 429:
            is_global = _fields(said).get("global") is True or "x-ratelimit-global" in headers
            wait_s = _wait_s(_fields(said).get("retry_after"), headers)
            self._leave("" if is_global or not isinstance(said, dict) else method, wait_s)
            raise Postponed("Discord wants fewer messages", wait_s)
        if method == "DELETE" and status == 404 and code == UNKNOWN_MESSAGE:
            return None
        if status in (401, 403, 404):
            what = "the bot or its channel" if self._is_bot else "the webhook"
            raise NobodyHome(f"Discord answers {status}: {what} is gone, or lets us in no more")
        if 400 <= status < 500 and status != 408:
            raise InvalidPost(f"Discord refuses a message with {status}{f', code {code}' * isinstance(code, int)}")
        raise MessengerUnavailable(f"Discord answers {status}")

    def _spaced(self, method: str, headers: httpx.Headers) -> None:
        """The last of what may be asked for now: the next one would be refused, and refusals are counted."""
        if headers.get("x-ratelimit-remaining") == "0" and (wait_s := _seconds(headers.get("x-ratelimit-reset-after"))):
            self._leave(method, wait_s)

    def _leave(self, key: str, wait_s: float) -> None:
        now = self._clock()
        self._free_at[key] = max(now + timedelta(seconds=wait_s), wait_end(self._free_at.get(key), now))

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()


class _Heard:
    """How far it got."""

    def __init__(self) -> None:
        self.is_out = False
        self.status: int | None = None
        self.headers, self.content = httpx.Headers(), bytearray()

    async def trace(self, event: str, _: Any) -> None:
        self.is_out = self.is_out or event.endswith(OUT)


def _wait_s(told: Any, headers: httpx.Headers) -> float:
    """The longest that is said; something where nothing is."""
    said = [_seconds(told), _seconds(headers.get("retry-after")), _seconds(headers.get("x-ratelimit-reset-after"))]
    return max((each for each in said if each is not None), default=DEFAULT_WAIT_S)


def _seconds(told: Any) -> float | None:
    try:
        seconds = float(told)
    except (TypeError, ValueError, OverflowError):  # a number may have as many digits as it likes
        return None
    return min(max(seconds, 0.0), BELIEVED_S) if math.isfinite(seconds) else None


def _fields(said: Any) -> dict[str, Any]:
    return said if isinstance(said, dict) else {}


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
