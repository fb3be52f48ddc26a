"""Notifier through an API Gateway WebSocket: one post a listener."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Any

from ..codec import dumps
from ..domain.errors import Unavailable
from ..ports import Audience

log = logging.getLogger(__name__)
CONNECT_S, READ_S = 2.0, 5.0
# One frame; a page that is told nothing of a longer one sees the gap at the next, and asks for it.
MOST_BYTES = 32 * 1024


class ApiGateway:
    """`endpoint_url`: the stage's management address. Who is gone (410) is forgotten; who cannot be reached now misses
    a message, sees the gap and asks for it. Raises Unavailable when nobody at all could be reached."""

    def __init__(self, endpoint_url: str, audience: Audience, clock: Callable[[], datetime]) -> None:
        self._endpoint_url, self._audience, self._clock = endpoint_url, audience, clock

    async def is_heard(self) -> bool:
        return bool(await self._audience.listeners(at=self._clock()))

    async def tell(self, view: Any) -> None:
        message = dumps(view)
        if len(message) > MOST_BYTES:
            log.warning("too long for a frame, left to be asked for: %d bytes", len(message))
            return
        listeners = await self._audience.listeners(at=self._clock())
        problems = await asyncio.gather(*(self._told(one, message) for one in listeners))
        failed = [problem for problem in problems if problem]
        for problem in failed:
            log.warning("a listener was not reached: %s", problem)
        if failed and len(failed) == len(listeners):
            raise Unavailable(f"nobody could be told: {failed[0]}")

    async def _told(self, connection: str, message: bytes) -> str | None:
        """What went wrong, if anything."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            await asyncio.to_thread(self._client.post_to_connection, ConnectionId=connection, Data=message)
        except self._client.exceptions.GoneException:
            await self._audience.leave(connection)
        except (BotoCoreError, ClientError) as wrong:
            return str(wrong)
        return None

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        limits = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"mode": "standard", "max_attempts": 2})
        session = boto3.session.Session()
        return session.client("apigatewaymanagementapi", endpoint_url=self._endpoint_url, config=limits)
