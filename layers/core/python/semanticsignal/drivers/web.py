"""The API, the socket and the built dashboard on one loopback port."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from .. import wiring
from ..domain.errors import BadInput
from ..ports import Purse
from .api import Room, WithHeaders, app, problem
from .costs import Caps

LOOPBACK = "127.0.0.1"
# Names a browser on this machine may use; anything else is a page elsewhere pointing its own name at us.
HOSTS = ["127.0.0.1", "localhost"]
LARGEST_BODY = 4096
SITE = Path(__file__).parents[5] / "frontend" / "dist"
UNBUILT = (
    "<!doctype html><html lang='en'><title>Semantic Signal</title>"
    "<p>The dashboard is not built: run <code>make setup</code>. The API answers under <code>/api</code>."
)


def bound(port: int) -> socket.socket:
    """A listening socket on loopback. Raises BadInput when the port is taken or not ours to take."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen(128)
    except OSError as wrong:
        listener.close()
        reason = "is busy" if wrong.errno == errno.EADDRINUSE else f"cannot be used: {wrong.strerror}"
        raise BadInput(f"port {port} {reason}; choose another with --port, was {LOOPBACK}:{port}") from wrong
    listener.setblocking(False)
    return listener


class _Server(uvicorn.Server):
    """Leaves signals to the host: it stops when it is told to."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(web: ASGIApp, listener: socket.socket) -> AsyncIterator[str]:
    """Serves until the block ends; gives the base address."""
    config = uvicorn.Config(
        web, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1, ws="websockets-sansio"
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    host, port = listener.getsockname()[:2]
    try:
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn offers a flag, no event
            await asyncio.sleep(0.01)
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        await task
        listener.close()


def site(room: Room, notifier: "wiring.WebSocketNotifier", purse: Purse | None = None, caps: Caps = dict) -> FastAPI:
    """Everything a browser asks for."""
    web = app(room, purse, caps)

    @web.websocket("/ws")
    async def listen(browser: WebSocket) -> None:
        await browser.accept()
        await _listening(browser, notifier)

    if (SITE / "index.html").exists():
        web.mount("/", StaticFiles(directory=SITE, html=True))
    else:

        @web.get("/", include_in_schema=False)
        async def unbuilt() -> HTMLResponse:
            return HTMLResponse(UNBUILT)

    web.add_middleware(GZipMiddleware, minimum_size=1000)
    web.add_middleware(OwnPagesOnly)
    web.add_middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)
    web.add_middleware(WithHeaders)
    return web


class OwnPagesOnly:
    """A page of another origin may neither act here nor listen in: browsers say where a request comes from."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _refusal(scope)
        if refusal is None:
            await self._inner(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "another origin"})
        else:
            await problem(*refusal)(scope, receive, send)


def _refusal(scope: Scope) -> tuple[int, str] | None:
    """Status and reason for what a foreign page asks, and for bodies that no question of ours needs."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope.get("headers", ())}
    origin, site = headers.get("origin", ""), headers.get("sec-fetch-site", "none")
    own = f"{'http' if scope['type'] == 'http' else 'ws'}://{headers.get('host', '')}"
    if origin and origin.replace("http://", "ws://") != own.replace("http://", "ws://"):
        return 403, f"only pages of this server may ask, was {origin[:80]!r}"
    if site not in ("same-origin", "none") and not (scope.get("path") == "/" and scope.get("method") == "GET"):
        return 403, f"only pages of this server may ask, was a {site[:20]} request"
    if scope.get("method") in ("POST", "PUT", "PATCH", "DELETE"):
        size = headers.get("content-length", "")
        if not size.isdecimal() or int(size) > LARGEST_BODY:
            return (
                413,
                f"a body has at most {LARGEST_BODY} bytes and says its length, was {size[:20] or 'nothing said'}",
            )
    return None


async def _listening(browser: WebSocket, notifier: "wiring.WebSocketNotifier") -> None:
    queue = notifier.join()
    gone = asyncio.create_task(_until_gone(browser))
    try:
        while not gone.done():
            message = asyncio.create_task(queue.get())
            await asyncio.wait({message, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not message.done():
                message.cancel()
                return
            text = message.result()
            if text is None:
                await browser.close(code=1001)
                return
            await browser.send_text(text)
    except WebSocketDisconnect:
        return
    finally:
        gone.cancel()
        notifier.leave(queue)


async def _until_gone(browser: WebSocket) -> None:
    """Whatever a page sends is read and forgotten; the socket only tells."""
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await browser.receive_text()
