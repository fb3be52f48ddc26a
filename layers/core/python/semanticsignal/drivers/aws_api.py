"""The API behind API Gateway: the same FastAPI application, in a room without a host."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from .. import __version__, wiring
from ..codec import load_fact
from ..domain.errors import Unavailable
from ..domain.market import Symbol
from ..logic.show import live, views
from ..ports import Audience, Facts, Sockets
from .api import WithHeaders, app, problem, said
from .aws_lambda import requested
from .container import Container
from .costs import limits
from .figures import Figures
from .public import PublicDoor
from .vitals import Known

ADMINS = "admin"
# What only another function or CloudWatch could tell.
ELSEWHERE = (
    (("circuits",), "venues and models are asked by other functions, each container with circuits of its own"),
    (("watchdog",), "each function has a time-out of its own, and alarms tell of those that came to it"),
    (("dead_letters",), "an alarm watches the queues; this function may not read them"),
    (("deliveries",), "the function notify delivers to Discord, and says in its log what it could not"),
    (("started_at", "uptime_s", "last_minute_at"), "functions start and end as they are called"),
    (("is_whole",), "the memory function alone knows"),
    (("ledger_bytes", "disk_free_bytes"), "DynamoDB has no disk that could fill"),
)
TICKET_LASTS, ASKED_LASTS = timedelta(seconds=30), timedelta(minutes=5)


class CloudRoom:
    """What the API needs of a crank, read from the ledger: the cranks are other functions."""

    def __init__(self, on: Sockets, audience: Audience, publish: Callable[[Facts], Awaitable[None]]) -> None:
        self.on, self.audience, self._publish = on, audience, publish
        self.figures = Figures(on.ledger, on.settings.timeframe)
        self._marked: datetime | None = None

    async def refresh(self) -> None:
        """What `health` speaks of."""
        self._marked = (await self.on.ledger.portfolio()).marked_until

    def health(self) -> views.HealthView:
        settings, now = self.on.settings, self.on.clock.now()
        pulse = live.pulse(now, self._marked, settings.timeframe)
        return views.HealthView(
            status=pulse.status,
            problem=pulse.problem,
            version=__version__,
            now=now,
            is_simulated=False,
            speed=1.0,
            symbols=settings.symbols,
            timeframe=settings.timeframe,
            market_source=settings.exchange,
            model=settings.decider,
            history_done_ratio=pulse.history_done_ratio,
            next_candle_at=pulse.next_candle_at,
        )

    def known(self) -> Known:
        return Known(
            kept_by="chroma",
            unknown=tuple((name, why) for names, why in ELSEWHERE for name in names),
        )

    async def request_analysis(self, symbol: Symbol) -> views.QueuedView:
        """On the bus, which keeps it until it is done; asked again within its minute it is the same one."""
        settings, now = self.on.settings, self.on.clock.now()
        fact = load_fact(requested(str(symbol), settings.timeframe, now))
        # A hundred clicks are one analysis, also when they come at once: a model is paid by the question.
        if await self.audience.first(fact.id, until=now + ASKED_LASTS):
            try:
                await self._publish((fact,))
            except Unavailable:
                await self.audience.forget(fact.id)
                raise
        return views.QueuedView(fact.id, str(symbol), waits=True)


def site(room: CloudRoom) -> FastAPI:
    """The application, with a door for the socket, and a guard before what acts."""
    settings, clock = room.on.settings, room.on.clock
    is_paid = settings.model.provider != "analyst"
    web = app(room, wiring.cloud_purse() if is_paid else None, lambda: limits(settings, clock.now()))

    @web.post("/api/tickets", response_model=views.TicketView, status_code=201)
    async def ticket(request: Request) -> Response:
        until = room.on.clock.now() + TICKET_LASTS
        who = str(_claims(request.scope).get("sub", "unknown"))
        return said(views.TicketView(await room.audience.admit(who, until=until), until), 201)

    web.add_middleware(AdminsAct)
    nothing = problem(404, "this is not part of the public view")
    web.add_middleware(PublicDoor, refused=nothing, is_open=settings.cloud.is_public)
    web.add_middleware(GZipMiddleware, minimum_size=1000)
    web.add_middleware(WithHeaders)
    return web


class AdminsAct:
    """Whoever is signed in may look; only the group `admin` may make something happen."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        acts = scope["type"] == "http" and scope["method"] not in ("GET", "HEAD") and scope["path"] != "/api/tickets"
        if acts and ADMINS not in groups(_claims(scope).get("cognito:groups")):
            await problem(403, f"only the group {ADMINS} may do this")(scope, receive, send)
        else:
            await self._inner(scope, receive, send)


def groups(claim: Any) -> tuple[str, ...]:
    """API Gateway writes a list claim as text: `[admin readers]`."""
    if isinstance(claim, list):
        return tuple(map(str, claim))
    text = str(claim or "")
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    return tuple(inner.split(" "))  # a name of a group holds no space, and may hold anything else


def _claims(scope: Scope) -> dict[str, Any]:
    """What the authorizer in front of us has verified; nothing where there was none."""
    found = scope.get("aws.event", {}).get("requestContext", {}).get("authorizer", {}).get("jwt", {}).get("claims", {})
    return dict(found)


def serve(room: Callable[[], CloudRoom] | None = None) -> "ApiDesk":
    return ApiDesk(room or _room)


class ApiDesk(Container):
    """The handler: an event of the HTTP API in, its answer out."""

    def __init__(self, room: Callable[[], CloudRoom]) -> None:
        super().__init__("api")
        self._made = room

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        with self.reported():
            # The adapter asks for the current loop: one a container, as for every function.
            asyncio.set_event_loop(self.runner.get_loop())
            answer: dict[str, Any] = self.web(event, context)
            return answer

    @cached_property
    def web(self) -> Callable[[Any, Any], dict[str, Any]]:
        from mangum import Mangum

        room = self._made()
        return Mangum(_refreshed(site(room), room), lifespan="off")


def _refreshed(inner: ASGIApp, room: CloudRoom) -> Any:
    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await room.refresh()
        except Unavailable as wrong:
            await problem(503, str(wrong))(scope, receive, send)
        else:
            await inner(scope, receive, send)

    return asked


def _room() -> CloudRoom:
    return CloudRoom(wiring.cloud(), wiring.audience(), wiring.bus().publish)
