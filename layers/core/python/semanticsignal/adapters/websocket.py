"""Notifier: every view to every browser that listens."""

import asyncio
from typing import Any

from ..codec import dumps

# A page that has not read this many messages is gone or hopeless; it reconnects and asks for what it missed.
WAITING = 500


class WebSocketNotifier:
    """Messages are written once and put into one queue a listener; the web side drains it. A listener that falls behind
    finds None at the end of its queue: it must be closed."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[str | None]] = set()

    async def is_heard(self) -> bool:
        return bool(self._listeners)

    def join(self) -> asyncio.Queue[str | None]:
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._listeners.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[str | None]) -> None:
        self._listeners.discard(queue)

    async def tell(self, view: Any) -> None:
        message = dumps(view).decode()
        for queue in tuple(self._listeners):
            if queue.qsize() < WAITING:
                queue.put_nowait(message)
            else:
                self._listeners.discard(queue)
                queue.put_nowait(None)

    def close(self) -> None:
        """Tells every listener that there is nothing more to come."""
        for queue in tuple(self._listeners):
            queue.put_nowait(None)
        self._listeners.clear()
