"""The HTTP face, the same here and behind API Gateway.

`python -m semanticsignal.drivers.api` prints its OpenAPI document."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Any, Literal, Protocol, TypeVar

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .. import __version__, wiring
from ..codec import dumps
from ..domain.analysis import Snapshot
from ..domain.collected import Market
from ..domain.context import MarketContext
from ..domain.decision import Decision, Prompt, Reply
from ..domain.errors import (
    ArchiveUnavailable,
    BadInput,
    InvalidSymbol,
    MemoryUnavailable,
    Missing,
    SemanticSignalError,
    Unavailable,
)
from ..domain.learning import Hindsight, PassageKind, PostMortem, Reflection, RefusedEntry, SemanticRule, Which
from ..domain.ledger import Amendment, Closing, Entry, Learned, Opening
from ..domain.market import Symbol, epoch_ms
from ..domain.news import News
from ..domain.trading import Position, Side
from ..logic.decide.prompt import prompt_sha256
from ..logic.show import costs, export, fills, intervals, learned, surroundings, views
from ..logic.show.brain import BrainView
from ..logic.show.candles import forming, offered
from ..logic.show.chosen import Chosen, Kind
from ..logic.show.memories import Column, MemoryView, Wanted
from ..logic.show.vitals import VitalsView
from ..logic.show.worked import WorkedView
from ..ports import Ledger, Purse, Sockets
from ..stages.context import keys_before as contexts_before
from ..stages.news import keys_before as news_before
from . import brain
from .costs import Caps, budget
from .figures import DRAWN, Figures, kept
from .library import Library
from .public import for_whom, unsearched
from .public import why as why_not
from .questions import Past, Question
from .vitals import Known, measured

T = TypeVar("T")
Limit = Annotated[int, Query(ge=1, le=1000)]
Few = Annotated[int, Query(ge=1, le=100)]
STARTING = 50
# Decisions that one question looks at, and that it reads at once; what matches nothing is not looked for for ever.
LOOKED_AT, GLANCE = 1000, 200
# Of the decisions that recalled an experience.
USES_TOLD = 50
# Of the levels of one position.
MOVES = 1000
# Keys of the archive asked for at once: a bucket is far away.
AT_ONCE = 8
# An archive that cannot be read so often is not asked on.
GIVE_UP = 3
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    ),
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Room(Protocol):
    """What the API needs of the crank that serves it."""

    on: Sockets
    figures: Figures

    def health(self) -> views.HealthView: ...

    def known(self) -> Known: ...

    async def request_analysis(self, symbol: Symbol) -> views.QueuedView: ...


class AnalysisWanted(BaseModel):
    model_config = ConfigDict(extra="forbid")
    symbol: str


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")
    symbol: str | None = None
    side: Side | None = None
    regime: str | None = None
    during: str | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class Lived(BaseModel):
    model_config = ConfigDict(extra="forbid")
    query: str = ""
    like: str = ""
    sort: Column = "date"
    order: Literal["asc", "desc"] = "desc"
    side: Side | None = None
    outcome: Literal["won", "lost"] | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    offset: Annotated[int, Field(ge=0)] = 0
    limit: Limit = 100


def said(content: Any, status: int = 200) -> Response:
    """The codec writes every answer, so page and socket read the same words."""
    return Response(dumps(for_whom(content)), status, media_type="application/json")


def problem(status: int, detail: str) -> Response:
    body = views.Problem("about:blank", HTTPStatus(status).phrase, status, why_not(status, detail))
    return Response(dumps(body), status, media_type="application/problem+json")


def app(room: Room, purse: Purse | None = None, caps: Caps = dict) -> FastAPI:
    """`purse` and `caps`: the budget that `/api/costs` tells of; none is kept without a purse."""
    api = FastAPI(title="Semantic Signal", version=__version__, docs_url=None, redoc_url=None)
    _errors(api)
    _now(api, room)
    _vitals(api, room)
    _past(api, room)
    _measured(api, room)
    _refused(api, room)
    _one_decision(api, room)
    _around(api, room)
    _remembered(api, room)
    _learned(api, room)
    _thought(api, room)
    _paid(api, room, purse, caps)
    return api


def _errors(api: FastAPI) -> None:
    @api.exception_handler(RequestValidationError)
    async def invalid(_: Request, wrong: RequestValidationError) -> Response:
        first = wrong.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return problem(422, f"{where}: {first['msg']}, was {str(first.get('input'))[:80]!r}")

    @api.exception_handler(HTTPException)
    async def refused(_: Request, wrong: HTTPException) -> Response:
        return problem(wrong.status_code, str(wrong.detail))

    @api.exception_handler(SemanticSignalError)
    async def ours(_: Request, wrong: SemanticSignalError) -> Response:
        status = 422 if isinstance(wrong, BadInput) else 503 if isinstance(wrong, Unavailable) else 409
        return problem(404 if isinstance(wrong, InvalidSymbol | Missing) else status, str(wrong))


class WithHeaders:
    """Every answer, a refusal too, tells the browser what it may do with it."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if scope["path"].startswith("/assets/") and message["status"] == HTTPStatus.OK:
                    headers["cache-control"] = "public, max-age=31536000, immutable"  # named by their content
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._inner(scope, receive, dressed)


def _now(api: FastAPI, room: Room) -> None:
    ledger = room.on.ledger

    @api.get("/api/health", response_model=views.HealthView)
    async def health() -> Response:
        return said(room.health())

    @api.get("/api/state", response_model=views.StateView)
    async def state() -> Response:
        return said(await _state(room))

    @api.get("/api/position", response_model=views.Positions)
    async def position() -> Response:
        portfolio = await ledger.portfolio()
        positions = tuple(views.position(p) for p in portfolio.positions)
        return said(views.Positions(positions, tuple(views.order(o) for o in portfolio.orders)))

    @api.get("/api/statistics", response_model=views.StatisticsView)
    async def statistics() -> Response:
        return said(await room.figures.statistics())

    @api.get("/api/market", response_model=views.MarketView)
    async def market(symbol: str, limit: Limit = 300, timeframe: str = "") -> Response:
        """`timeframe`: that which is traded, or a longer one it divides."""
        return said(await _market(room, _known(room, symbol), limit, timeframe))

    @api.post("/api/analyses", response_model=views.QueuedView, status_code=202)
    async def analyse(wanted: AnalysisWanted) -> Response:
        return said(await room.request_analysis(_known(room, wanted.symbol)), 202)


def _vitals(api: FastAPI, room: Room) -> None:
    @api.get("/api/vitals", response_model=VitalsView)
    async def vitals() -> Response:
        """How the machine itself fares."""
        return said(await measured(room))


def _past(api: FastAPI, room: Room) -> None:
    ledger = room.on.ledger

    @api.get("/api/events", response_model=views.Events)
    async def events(after: str = "", limit: Limit = 1000) -> Response:
        seq = 0
        if after:
            entry = await ledger.entry(after)
            if entry is None:
                return problem(404, f"no such event, was {after!r}; read /api/state again")
            seq = entry.seq
        return said(views.Events(tuple(views.event(e) for e in await ledger.entries(after=seq, limit=limit))))

    @api.get("/api/decisions", response_model=views.Decisions)
    async def decisions(
        limit: Limit = 100, symbol: str = "", before: str = "", action: Kind | None = None, words: str = "",
    ) -> Response:  # fmt: skip
        """Newest first, all of `words` in each. Looks at so many at once and no more: ask on from `next`."""
        edge = await ledger.entry(f"DecisionMade:{before}") if before else None
        if before and edge is None:
            return problem(404, f"no such decision, was {before!r}")
        chosen = Chosen(action, tuple(words.lower().split()), unsearched())
        return said(await _chosen(room, chosen, _known(room, symbol) if symbol else None, edge, limit))

    @api.get("/api/trades", response_model=views.Trades)
    async def trades(limit: Limit = 100) -> Response:
        await room.figures.refresh()
        return said(views.Trades(tuple(views.trade(t) for t in reversed(room.figures.trades[-limit:]))))

    @api.get("/api/equity", response_model=views.Equity)
    async def equity(limit: Limit = 1000) -> Response:
        await room.figures.refresh()
        return said(views.Equity(tuple(views.equity(point) for point in reversed(room.figures.equity[-limit:]))))


def _measured(api: FastAPI, room: Room) -> None:
    @api.get("/api/intervals", response_model=intervals.IntervalsView)
    async def sure() -> Response:
        """The statistics, each with its 90 % interval and what it rests on."""
        return said(await room.figures.intervals(room.on.settings.paper))

    @api.get("/api/calibration", response_model=views.Calibrations)
    async def calibration() -> Response:
        return said(views.Calibrations(await room.figures.calibration()))

    @api.get("/api/curve", response_model=intervals.CurveView)
    async def curve(points: Limit = DRAWN) -> Response:
        """What is drawn beside equity: buy and hold of the start money, and the decisions that did something."""
        return said(await room.figures.curve(room.on.settings.paper, points))


def _refused(api: FastAPI, room: Room) -> None:
    @api.get("/api/refusals", response_model=views.Refusals)
    async def refusals(limit: Limit = 100) -> Response:
        await room.figures.refresh()
        return said(views.Refusals(room.figures.refusals(limit)))


def _one_decision(api: FastAPI, room: Room) -> None:
    @api.get(
        "/api/decisions/{id:path}/chart.png", responses={200: {"content": {"image/png": {}}}}, response_class=Response
    )
    async def picture(id: str) -> Response:
        decision = await _decision(room, id)
        if decision is None:
            return problem(404, f"no such decision, was {id!r}")
        return Response(await _chart(room, decision.subject), media_type="image/png")

    @api.get("/api/decisions/{id:path}/export.json", response_model=export.ExportView)
    async def exported(id: str) -> Response:
        """All of it in one file, with the seals to check it by."""
        decision = await _decision(room, id)
        if decision is None:
            return problem(404, f"no such decision, was {id!r}")
        answer = said(await _export(room, decision))
        answer.headers["content-disposition"] = f'attachment; filename="{export.file_name(id)}"'
        return answer

    @api.get("/api/decisions/{id:path}", response_model=views.WhyView)
    async def why(id: str) -> Response:
        decision = await _decision(room, id)
        return said(await _why(room, decision)) if decision else problem(404, f"no such decision, was {id!r}")


def _around(api: FastAPI, room: Room) -> None:
    @api.get("/api/news", response_model=surroundings.NewsView)
    async def news(limit: Annotated[int, Query(ge=1, le=200)] = 50) -> Response:
        return said(surroundings.news(await _read(room), limit))

    @api.get("/api/context", response_model=surroundings.ContextView)
    async def context() -> Response:
        return said(surroundings.context(await _gathered(room), room.on.clock.now()))

    @api.get("/api/snapshots/{id:path}", response_model=surroundings.Seen)
    async def snapshot(id: str) -> Response:
        # Only what a decision was made on: an id of the ledger, never a key that somebody wrote.
        decision = await _decision(room, id)
        if decision is None:
            return problem(404, f"no such decision, was {id!r}")
        found = await _newest(room, [f"snapshot/{id}"], Snapshot)
        assert isinstance(decision.subject, Decision)
        return said(surroundings.seen(decision.subject, found))


def _remembered(api: FastAPI, room: Room) -> None:
    @api.get("/api/memory", response_model=views.Experiences)
    async def memory(asked: Annotated[Lived, Query()]) -> Response:
        """Everything lived, a page of it. `query`: words, or a decision. Similarity is to `like`, a decision or the
        newest one of a pair; else to the newest of all."""
        return said(await _experiences(room, asked))

    @api.get("/api/memory/{id:path}", response_model=MemoryView)
    async def one_memory(id: str) -> Response:
        await room.figures.refresh()
        found = room.figures.memories.lived(id)
        return said(await _memory(room, found)) if found else problem(404, f"no such experience, was {id!r}")


def _learned(api: FastAPI, room: Room) -> None:
    shelf, past = Library(room.on.ledger, wiring.meanings()), Past(room.on.ledger)

    @api.get("/api/search", response_model=learned.FoundViews)
    async def search(words: str, kind: PassageKind | None = None, limit: Limit = 20) -> Response:
        """Insights, rules and post-mortems by what they mean."""
        kinds = (kind,) if kind else tuple(PassageKind)
        told = await shelf.search(words, until=room.on.clock.now(), limit=limit, kinds=kinds)
        return said(learned.FoundViews(tuple(learned.found(*one) for one in told)))

    @api.get("/api/worked", response_model=WorkedView)
    async def worked(asked: Annotated[Asked, Query()]) -> Response:
        """What worked: of the trades that are all of this. `during`: a word of a regime; its newest time is meant."""
        which = Which(Symbol.parse(asked.symbol) if asked.symbol else None, asked.side, asked.regime, asked.since)
        question = Question(which, asked.until or room.on.clock.now(), asked.during)
        return said(await past.what_worked(question))

    @api.get("/api/hindsights", response_model=learned.HindsightViews)
    async def hindsights(limit: Limit = 100) -> Response:
        """Refused entries, newest first, each with what it would have come to as far as that is known."""
        return said(learned.HindsightViews(await _hindsights(room.on.ledger, limit)))

    @api.get("/api/post-mortems", response_model=learned.PostMortemViews)
    async def post_mortems(limit: Limit = 100) -> Response:
        told = await room.on.ledger.entries(kinds=("PostMortemWritten",), limit=limit, newest_first=True)
        found = (learned.post_mortem(one) for entry in told if isinstance(one := entry.subject, PostMortem))
        return said(learned.PostMortemViews(tuple(found)))

    @api.get("/api/reflection", response_model=learned.ReflectionView)
    async def reflection() -> Response:
        """The last one: what all trades say together, thresholds that experience moved, and every rule."""
        told = await room.on.ledger.entries(kinds=("Reflected",), limit=1, newest_first=True)
        last = told[0].subject if told else None
        return said(learned.reflection(last if isinstance(last, Reflection) else None))

    @api.get("/api/rules", response_model=views.Rules)
    async def rules(limit: Limit = 100) -> Response:
        found = await room.on.memory.rules(until=room.on.clock.now())
        newest = sorted(found, key=lambda rule: (rule.formed_at, rule.id), reverse=True)
        return said(views.Rules(tuple(views.rule(rule) for rule in newest[:limit])))


def _thought(api: FastAPI, room: Room) -> None:
    @api.get("/api/brain", response_model=BrainView)
    async def graph(symbol: str = "", decision: str = "", limit: Few = 24) -> Response:
        """How memories and rules led to the newest decisions that did or wanted something, and what came of these.

        `decision`: one to be told of, too, though it only held."""
        asked = await _decision(room, decision) if decision else None
        until = room.on.clock.now()
        if decision and (asked is None or asked.fact.at > until):
            return problem(404, f"no such decision, was {decision!r}")
        pair = _known(room, symbol) if symbol else None
        return said(await brain.told(room.on.ledger, until, pair, limit, asked))


def _paid(api: FastAPI, room: Room, purse: Purse | None, caps: Caps) -> None:
    @api.get("/api/costs", response_model=costs.CostsView)
    async def spent(limit: Limit = 1000) -> Response:
        """Of the newest `limit` days on which a model was asked."""
        return said(await room.figures.costs(limit, await budget(purse, caps)))


async def _state(room: Room) -> views.StateView:
    ledger, on = room.on.ledger, room.on
    # First, so that what happens while the rest is read is asked for again rather than missed.
    newest = await ledger.entries(limit=1, newest_first=True)
    decisions = await ledger.entries(kinds=("DecisionMade",), limit=STARTING, newest_first=True)
    lessons = await ledger.entries(kinds=("LessonLearned",), limit=1, newest_first=True)
    statistics = await room.figures.statistics()
    portfolio = await ledger.portfolio()
    health = room.health()
    rules: tuple[SemanticRule, ...] = ()
    try:
        rules = await on.memory.rules(until=on.clock.now())
    except MemoryUnavailable as wrong:
        health = replace(health, status="degraded", problem="; ".join(filter(None, (health.problem, str(wrong)))))
    equity = room.figures.equity
    drawn = [equity[row] for row in kept([float(point.equity_quote) for point in equity], DRAWN)]
    return views.StateView(
        health=health,
        statistics=statistics,
        positions=tuple(views.position(p) for p in portfolio.positions),
        orders=tuple(views.order(o) for o in portfolio.orders),
        decisions=_decisions(decisions),
        trades=tuple(views.trade(t) for t in reversed(room.figures.trades[-1000:])),
        equity=tuple(views.equity(point) for point in drawn),
        rules=tuple(views.rule(rule) for rule in sorted(rules, key=lambda r: (r.formed_at, r.id), reverse=True)),
        last_lesson_id=lessons[0].id if lessons else None,
        last_event_id=newest[0].id if newest else None,
    )


def _decisions(entries: Sequence[Entry]) -> tuple[views.DecisionView, ...]:
    return tuple(views.decision(e.subject, e.seq) for e in entries if isinstance(e.subject, Decision))


async def _market(room: Room, symbol: Symbol, limit: int, wanted: str) -> views.MarketView:
    on, traded = room.on, room.on.settings.timeframe
    frames, now = offered(traded), on.clock.now()
    timeframe = next((one for one in frames if one == (wanted or traded)), None)
    if timeframe is None:
        raise BadInput(f"timeframe is one of {', '.join(frames)}, was {wanted[:20]!r}")
    candles = await on.market.candles(symbol, timeframe, until=now, limit=limit)
    begun = None
    if timeframe is not traded:
        inside = timeframe.ms // traded.ms
        begun = forming(
            await on.market.candles(symbol, traded, until=now, limit=inside), timeframe.floor_ms(epoch_ms(now))
        )
    rows = zip(candles.opened_ms, candles.open, candles.high, candles.low, candles.close, candles.volume, strict=True)
    drawn = tuple(views.CandleView(at // 1000, *prices) for at, *prices in rows)
    return views.MarketView(
        str(symbol), str(symbol), timeframe, candles.source, on.market.is_simulated, now, drawn, begun, frames
    )


async def _decision(room: Room, id: str) -> Entry | None:
    return await room.on.ledger.entry(f"DecisionMade:{id}")


async def _why(room: Room, entry: Entry) -> views.WhyView:
    on, decision = room.on, entry.subject
    assert isinstance(decision, Decision)
    prompt: Prompt | None = await on.archive.get(f"prompt/{decision.id}", Prompt)
    reply: Reply | None = await on.archive.get(f"reply/{decision.id}", Reply)
    snapshot: Snapshot | None = await on.archive.get(f"snapshot/{decision.id}", Snapshot)
    lived = [await on.ledger.entry(f"LessonLearned:{id.removesuffix('#experience')}") for id in decision.recalled]
    rules = [await on.ledger.entry(f"RuleFormed:{id}") for id in decision.rules]
    came = await _came_of(room, entry)
    return views.WhyView(
        decision=views.decision(decision, entry.seq),
        snapshot=dumps(snapshot).decode() if snapshot else None,
        system_prompt=prompt.system if prompt else None,
        user_prompt=prompt.user if prompt else None,
        saw_chart=bool(prompt.caption) if prompt else None,
        reply=reply.text if reply else None,
        prompt_sha256=decision.prompt_sha256,
        reply_sha256=decision.reply_sha256,
        snapshot_sha256=decision.snapshot_sha256,
        recalled=tuple(views.experience(e.subject) for e in lived if e and isinstance(e.subject, Learned)),
        rules=tuple(views.rule(e.subject) for e in rules if e and isinstance(e.subject, SemanticRule)),
        events=tuple(map(views.event, came)),
        fills=await _fills(room, decision, came),
        attempts=tuple(map(views.attempt, decision.attempts)),
        mismatches=decision.mismatches,
    )


async def _read(room: Room) -> News | None:
    """The press as it was read last, within the hours that its articles are kept."""
    return await _newest(room, [*news_before(room.on.clock.now(), room.on.settings.news)], News)


async def _gathered(room: Room) -> MarketContext | None:
    """The figures as they were gathered last, as far back as a decision would look for them."""
    return await _newest(room, [*contexts_before(room.on.clock.now(), room.on.settings.context)], MarketContext)


async def _newest(room: Room, keys: Sequence[str], kind: type[T]) -> T | None:
    """The first of the keys under which something is kept; a damaged item is passed over for the one before it.

    Raises ArchiveUnavailable when there is none because of that, or the archive does not answer."""
    wrong: list[str] = []
    batches = [keys[:1], *(keys[start : start + AT_ONCE] for start in range(1, len(keys), AT_ONCE))]
    for batch in batches:
        asked = (room.on.archive.get(key, kind) for key in batch)
        for found in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(found, kind):
                return found
            if isinstance(found, ArchiveUnavailable | BadInput):
                wrong.append(str(found))
            elif isinstance(found, BaseException):
                raise found
        if len(wrong) >= GIVE_UP:
            break
    if wrong:
        raise ArchiveUnavailable(wrong[0])
    return None


async def _came_of(room: Room, made: Entry) -> list[Entry]:
    """What the decision led to, oldest first, found by the ids that are made from its own, and by the position that it
    opened, moved or closed."""
    ledger, decision = room.on.ledger, made.subject
    assert isinstance(decision, Decision)
    order = f"{decision.id}#order"
    trade = f"{order}#closed"
    ids = (
        f"OrderPlaced:{order}", f"OrderExpired:{order}", f"PositionOpened:{order}", f"PositionUpdated:{order}",
        f"PositionClosed:{trade}", f"LessonLearned:{trade}", f"PostMortemWritten:{PostMortem.id_of(trade)}",
        f"EntryRefused:{decision.id}", f"RefusalJudged:{Hindsight.id_of(decision.id)}",
    )  # fmt: skip
    found = {entry.id: entry for entry in await asyncio.gather(*map(ledger.entry, ids)) if entry}
    opened, closed = found.get(f"PositionOpened:{order}"), found.get(f"PositionClosed:{trade}")
    if opened:
        moved = await ledger.entries(
            kinds=("PositionUpdated",), symbol=decision.symbol, after=opened.seq,
            before=closed.seq if closed else None, limit=MOVES,
        )  # fmt: skip
        found |= {entry.id: entry for entry in moved}
    elif f"OrderPlaced:{order}" in found:
        # It closes what another decision opened, whose trade bears that one's name.
        ended = await ledger.entries(kinds=("PositionClosed",), symbol=decision.symbol, after=made.seq, limit=1)
        found |= {entry.id: entry for entry in ended if _closed_by(entry) == decision.id}
    return sorted(found.values(), key=lambda entry: entry.seq)


def _closed_by(entry: Entry) -> str | None:
    return entry.subject.trade.close_decision_id if isinstance(entry.subject, Closing) else None


async def _fills(room: Room, decision: Decision, came: list[Entry]) -> tuple[fills.FillView, ...]:
    told = []
    for entry in came:
        by: Entry | None = None
        if (id := _closed_by(entry)) and id != decision.id:
            by = await _decision(room, id)
        noun = by.subject if by and isinstance(by.subject, Decision) else decision
        told.append(fills.fill(entry, noun))
    return tuple(one for one in told if one)


async def _export(room: Room, entry: Entry) -> export.ExportView:
    archive, decision = room.on.archive, entry.subject
    assert isinstance(decision, Decision)
    why = await _why(room, entry)
    prompt: Prompt | None = await archive.get(f"prompt/{decision.id}", Prompt)
    chart: bytes | None = await archive.get(f"chart/{decision.id}", bytes)
    kept: Market | None = await archive.get(f"market/{decision.id}", Market)
    market = export.market(kept) if kept else None
    # A picture that was shown and is gone cannot be sealed anew.
    is_whole = prompt is not None and (not prompt.caption or chart is not None)
    shown = replace(prompt, image=chart if prompt.caption else None) if prompt and is_whole else None
    found: dict[export.Sealed, str | None] = {
        "snapshot": _seal(why.snapshot), "prompt": prompt_sha256(shown) if shown else None, "reply": _seal(why.reply),
        "market": _seal(dumps(market)) if market else None, "chart": _seal(chart),
    }  # fmt: skip
    return export.export(why, market, chart, export.seals(decision, found))


def _seal(content: str | bytes | None) -> str | None:
    if content is None:
        return None
    return sha256(content.encode() if isinstance(content, str) else content).hexdigest()


async def _chart(room: Room, decision: Any) -> bytes:
    """What the model was shown, where it was. Else drawn from the bars of the archive, or the venue's own up to that
    close: they are the same bars."""
    on = room.on
    shown: bytes | None = await on.archive.get(f"chart/{decision.id}", bytes)
    if shown is not None:
        return shown
    from ..logic.analyse.chart import chart

    market: Market | None = await on.archive.get(f"market/{decision.id}", Market)
    if market is None:
        candles = await on.market.candles(
            decision.symbol, decision.timeframe, until=decision.closed_at, limit=on.settings.candle_limit
        )
        market = Market(
            decision.id, decision.symbol, decision.timeframe, decision.decided_at, candles,
            await on.market.rules(decision.symbol), decision.is_simulated,
        )  # fmt: skip
    seen = await on.archive.get(f"snapshot/{decision.id}", Snapshot)
    if seen is None:
        raise Missing(f"nothing was analysed under {decision.id}")
    # Beside the loop: exits do not wait for a picture.
    return await asyncio.to_thread(chart, market, seen, await _position_at(room, decision))


async def _position_at(room: Room, decision: Decision) -> Position | None:
    """What was open when it was decided: the newest opening before it, unless it had closed by then."""
    made = await room.on.ledger.entry(f"DecisionMade:{decision.id}")
    opened = await room.on.ledger.entries(
        kinds=("PositionOpened", "PositionUpdated", "PositionClosed"), symbol=decision.symbol,
        before=made.seq if made else None, limit=1, newest_first=True,
    )  # fmt: skip
    subject = opened[0].subject if opened else None
    return subject.position if isinstance(subject, Opening | Amendment) else None


async def _chosen(room: Room, chosen: Chosen, symbol: Symbol | None, edge: Entry | None, limit: int) -> views.Decisions:
    """Those before `edge`, or the newest."""
    found: list[Entry] = []
    seen, looked, glance = edge, 0, limit if not (chosen.kind or chosen.words) else GLANCE
    while True:
        page = await room.on.ledger.entries(
            kinds=("DecisionMade",), symbol=symbol, before=seen.seq if seen else None, limit=glance, newest_first=True
        )
        for entry in page:
            seen = entry
            if isinstance(entry.subject, Decision) and chosen.is_met(entry.subject):
                found.append(entry)
            if len(found) == limit:
                return _shown(found, seen, is_beginning=False)
        looked += len(page)
        if len(page) < glance or looked >= LOOKED_AT:
            return _shown(found, seen, is_beginning=len(page) < glance)


def _shown(found: list[Entry], seen: Entry | None, *, is_beginning: bool) -> views.Decisions:
    last = seen.subject if seen else None
    until = last.closed_at if isinstance(last, Decision) else None
    return views.Decisions(_decisions(found), seen.fact.id if seen and not is_beginning else None, until)


async def _experiences(room: Room, asked: Lived) -> views.Experiences:
    """What is asked for of everything lived."""
    await room.figures.refresh()
    memories, until = room.figures.memories, asked.until or room.on.clock.now()
    like, words = await _like(room, asked, until)
    likeness = room.figures.alike.to(like.conditions) if like else {}
    wanted = Wanted(
        until, words, asked.since, asked.side, None if asked.outcome is None else asked.outcome == "won", asked.sort,
        is_rising=asked.order == "asc",
    )  # fmt: skip
    found = memories.chosen(wanted, likeness)
    page = found[asked.offset : asked.offset + asked.limit]
    shown = tuple(memories.view(one, until, likeness.get(one.experience.id)) for one in page)
    return views.Experiences(shown, len(found), until, like.id if like else None)


async def _like(room: Room, asked: Lived, until: datetime) -> tuple[Decision | None, tuple[str, ...]]:
    """The decision that similarity is to, and the words that are looked for."""
    words = tuple(asked.query.lower().split())
    for id in filter(None, (asked.query, asked.like)):
        named = await _decision(room, id)
        if named and isinstance(named.subject, Decision):
            return named.subject, () if id == asked.query else words
    newest = await room.on.ledger.entries(
        kinds=("DecisionMade",), symbol=_known(room, asked.like) if asked.like else None, until=until, limit=1,
        newest_first=True,
    )  # fmt: skip
    subject = newest[0].subject if newest else None
    return subject if isinstance(subject, Decision) else None, words


async def _memory(room: Room, told: Learned) -> MemoryView:
    memories, until = room.figures.memories, room.on.clock.now()
    ids = memories.uses(told.experience.id, until).decisions[: -USES_TOLD - 1 : -1]
    found = [entry for id in ids if (entry := await _decision(room, id))]
    recalls = (memories.recall(entry.subject) for entry in found if isinstance(entry.subject, Decision))
    return MemoryView(memories.view(told, until), tuple(recalls))


async def _hindsights(ledger: Ledger, limit: int) -> tuple[learned.HindsightView, ...]:
    refused = await ledger.entries(kinds=("EntryRefused",), limit=limit, newest_first=True)
    found: list[learned.HindsightView] = []
    for start in range(0, len(refused), AT_ONCE):
        batch = refused[start : start + AT_ONCE]
        ids = (f"RefusalJudged:{Hindsight.id_of(entry.fact.id)}" for entry in batch)
        for entry, known in zip(batch, await asyncio.gather(*map(ledger.entry, ids)), strict=True):
            subject = known.subject if known else entry.subject
            if isinstance(subject, RefusedEntry | Hindsight):
                found.append(learned.hindsight(subject))
    return tuple(found)


def _known(room: Room, text: str) -> Symbol:
    symbol = Symbol.parse(text)
    if symbol not in room.on.settings.pairs:
        raise InvalidSymbol(f"{symbol} is not traded here, only {', '.join(room.on.settings.symbols)}")
    return symbol


class _Nobody:
    """A room without a house: enough to write the document down."""

    on: Any = None
    figures: Any = None


def document() -> dict[str, Any]:
    nobody: Any = _Nobody()
    nobody.on = type("On", (), {"ledger": None})()
    return app(nobody).openapi()


if __name__ == "__main__":
    import json

    sys.stdout.write(json.dumps(document(), indent=1, sort_keys=True) + "\n")
