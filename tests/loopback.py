"""A real HTTP server for one test, on a free port of 127.0.0.1, in the running loop."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn


@asynccontextmanager
async def serve(app: Callable[..., Any]) -> AsyncIterator[str]:
    """Yields the base URL; on leaving, the server has stopped and its port is free."""
    # named TCP, so that asyncio sends each answer at once: else it waits 40 ms for more
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1, ws="none")
    config.load()
    server = uvicorn.Server(config)
    # `serve()` would take over the signal handlers of the test run
    server.lifespan = config.lifespan_class(config)
    await server.startup([listener])
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        await server.shutdown([listener])
