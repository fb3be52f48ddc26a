"""What every loopback venue is: routes from a query to its own JSON, a log of who asked what, and the faults it has.

Faults of the line (status, silence, half a body) are made here in the venue's manner; faults of the data (a hole, a
crossed book) before the venue writes it down."""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import orjson

from semanticsignal.domain.market import Symbol, Timeframe, instant
from semanticsignal.domain.microstructure import OrderBook
from semanticsignal.simulate.market import Print, Row
from tests.venues.faults import RETRY_AFTER_S, SKEW_MS, STATUS, Fault, Faults, Kind
from tests.venues.world import WEEK_MS, World

Scope = Mapping[str, Any]
Receive = Callable[[], Any]
Send = Callable[[dict[str, Any]], Any]
Query = Mapping[str, Any]
Answer = Callable[[Query], Any]


@dataclass(frozen=True)
class Asked:
    kind: Kind
    path: str
    query: Query


@dataclass(frozen=True)
class Answered:
    """`content`: bytes as they are, or whatever becomes JSON."""

    status: int
    content: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """What a desk answers to a question that it does not like."""

    def __init__(self, status: int, content: Any) -> None:
        super().__init__(str(content))
        self.answered = Answered(status, content)


class Desk:
    """One venue as an ASGI app. A subclass tells its routes and its manners."""

    name: ClassVar[str]
    week_starts_on_thursday: ClassVar[bool] = False
    # what stands in for the whole answer when a fault of the line says so; without an entry a gateway's HTML does
    manners: ClassVar[Mapping[Fault, Any]] = {}
    statuses: ClassVar[Mapping[Fault, int]] = {}

    def __init__(self, world: World) -> None:
        self.world, self.faults = world, Faults()
        self.log: list[Asked] = []
        self._routes = [(_pattern(path), *route) for path, route in self.routes().items()]

    def routes(self) -> Mapping[str, tuple[Kind, Answer]]:
        """`GET /path/{name}` → what it is about, and the query (with the path's names in it) → JSON."""
        raise NotImplementedError

    def nowhere(self) -> Answered:
        return Answered(404, b"<html><body>404 Not Found</body></html>")

    # --- the world, as this venue tells it ---

    def now_ms(self) -> int:
        """The server's clock."""
        skew = SKEW_MS * (self.faults.is_on(Fault.AHEAD) - self.faults.is_on(Fault.BEHIND))
        return self.world.now_ms() + skew

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        return self.world.market.symbols

    def is_delisted(self, symbol: Symbol) -> bool:
        """The world's first pair, when the fault is on. Its tape ends ten bars ago."""
        return self.faults.is_on(Fault.DELISTED) and symbol == self.symbols[0]

    def page(
        self, symbol: Symbol, timeframe: Timeframe, first_ms: int, last_ms: int, limit: int, *, newest: bool = False
    ) -> list[Row]:
        """Bars opened in [first, last], oldest first: the first or the newest `limit`, with the faults of the data."""
        if newest:
            first_ms = max(first_ms, min(last_ms, self.world.now_ms()) - (limit + 1) * timeframe.ms)
        else:
            last_ms = min(last_ms, max(first_ms, 0) + (limit + 1) * timeframe.ms, self.world.now_ms())
        if timeframe is Timeframe.W1 and self.week_starts_on_thursday:
            rows = self.world.epoch_weeks(symbol, first_ms, last_ms)
        else:
            rows = self.world.bars(symbol, timeframe, first_ms, last_ms)
        rows = rows[-limit:] if newest else rows[:limit]
        return self._spoiled(rows, symbol, timeframe)

    def book(self, symbol: Symbol, limit: int) -> OrderBook:
        book = self.world.market.book(symbol, self.world.now_ms(), limit)
        if not self.faults.strikes(Fault.CROSSED, Kind.BOOK):
            return book
        # the noun refuses to be crossed, so its sides change places behind its back
        object.__setattr__(book, "bids", ((book.asks[0][0] * 2, book.bids[0][1]), *book.bids[1:]))
        return book

    def prints(self, symbol: Symbol, limit: int, start_ms: int | None = None, end_ms: int | None = None) -> list[Print]:
        """Oldest first: the first `limit` from start, or without a start the newest."""
        if self.faults.strikes(Fault.NO_TRADES, Kind.TRADES):
            return []
        return self.world.market.trades(symbol, start_ms, end_ms, limit, self.world.now_ms())

    def _spoiled(self, rows: list[Row], symbol: Symbol, timeframe: Timeframe) -> list[Row]:
        week = timeframe is Timeframe.W1 and self.week_starts_on_thursday
        now = self.world.now_ms()
        closed = (now // WEEK_MS * WEEK_MS if week else timeframe.floor_ms(now)) - timeframe.ms
        is_newest = any(row[0] == closed for row in rows)
        if self.is_delisted(symbol):
            rows = [row for row in rows if int(row[0]) < closed - 10 * timeframe.ms]
        if is_newest and self.faults.strikes(Fault.LATE, Kind.CANDLES):
            rows = [row for row in rows if int(row[0]) < closed]
        if self.faults.strikes(Fault.HOLE, Kind.CANDLES):
            rows = [row for row in rows if row[0] != closed - 5 * timeframe.ms]
        if is_newest and self.faults.is_on(Fault.REVISED) and self.faults.has_told(symbol, timeframe):
            # the first who asks is told the truth, whoever asks later another close
            rows = [(*row[:4], row[3], *row[5:]) if row[0] == closed else row for row in rows]
        if self.faults.strikes(Fault.TWICE, Kind.CANDLES):
            rows = [told for row in rows for told in (row, row)]
        if self.faults.strikes(Fault.DISORDER, Kind.CANDLES):
            rows = rows[1::2] + rows[::2]
        return rows

    # --- the line ---

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind, answer, query = await self._question(scope, receive)
        if answer is None or kind is None:
            await _sent(send, self.nowhere())
            return
        self.log.append(Asked(kind, scope["path"], query))
        if self.world.latency_s:
            await asyncio.sleep(self.world.latency_s)
        match fault := self.faults.of_the_line(kind):
            case Fault.SILENT:
                await _nothing(receive)
            case Fault.HALF:
                await _half(send, self._answered(answer, query))
            case None | Fault.MISSHAPEN | Fault.TRUNCATED:
                await _sent(send, _bent(self._answered(answer, query), fault))
            case _:
                await _sent(send, self._refusal(fault))

    async def _question(self, scope: Scope, receive: Receive) -> tuple[Kind | None, Answer | None, Query]:
        body = await _body(receive)
        asked = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        told = orjson.loads(body) if body else {}
        for pattern, kind, answer in self._routes:
            if found := pattern.fullmatch(f"{scope['method']} {scope['path']}"):
                return self.kind_of(kind, told), answer, {**asked, **told, **found.groupdict()}
        return None, None, {}

    def kind_of(self, kind: Kind, told: Query) -> Kind:
        """Where one path serves all, the body says what is asked."""
        return kind

    def _answered(self, answer: Answer, query: Query) -> Answered:
        try:
            return Answered(200, answer(query))
        except Refused as refused:
            return refused.answered

    def _refusal(self, fault: Fault) -> Answered:
        if fault is Fault.PAGE:
            return Answered(200, b"<!doctype html><html><body>Sign in to the network</body></html>")
        headers = {"retry-after": str(RETRY_AFTER_S)} if fault in {Fault.LIMITED, Fault.TEAPOT} else {}
        status = self.statuses.get(fault, STATUS[fault])
        alike = Fault.LIMITED if fault is Fault.LIMITED_MUTE else fault
        said = self.manners.get(alike, f"<html><head><title>{status}</title></head></html>".encode())
        return Answered(status, said, headers)


def decimals(step: Decimal) -> int:
    """Digits behind the point: 0.001 → 3."""
    exponent = step.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def plain(value: Any) -> str:
    """A number as most venues write it: no exponent, no idle zeros."""
    text = f"{Decimal(value):.12f}"
    return text.rstrip("0").rstrip(".")


def iso(ms: int) -> str:
    return instant(ms).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def sides(levels: Iterable[tuple[Decimal, Decimal]]) -> list[list[str]]:
    return [[plain(price), plain(quantity)] for price, quantity in levels]


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)))


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


async def _nothing(receive: Receive) -> None:
    """Says nothing until the other side hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _half(send: Send, answered: Answered) -> None:
    content = orjson.dumps(answered.content)
    await _began(send, 200, {"content-type": "application/json", "content-length": str(len(content))})
    # the server closes a line on which less came than was announced
    await send({"type": "http.response.body", "body": content[: len(content) // 2], "more_body": True})


async def _sent(send: Send, answered: Answered) -> None:
    is_raw = isinstance(answered.content, bytes)
    content = answered.content if is_raw else orjson.dumps(answered.content)
    form = "text/html" if content.startswith(b"<") else "application/json"
    await _began(send, answered.status, {"content-type": form, "content-length": str(len(content)), **answered.headers})
    await send({"type": "http.response.body", "body": content})


async def _began(send: Send, status: int, headers: Mapping[str, str]) -> None:
    written = [(name.encode(), text.encode()) for name, text in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": written})


def _bent(answered: Answered, fault: Fault | None) -> Answered:
    if fault is Fault.TRUNCATED:
        whole = orjson.dumps(answered.content)
        return Answered(answered.status, whole[: len(whole) * 2 // 3])
    if fault is Fault.MISSHAPEN:
        return Answered(answered.status, _misshapen(answered.content))
    return answered


def _misshapen(content: Any, *, is_row: bool = False) -> Any:
    """The same envelope around something else: lists have become objects, and what stood in them words."""
    if isinstance(content, dict):
        return {name: _misshapen(inner, is_row=is_row) for name, inner in content.items()}
    if isinstance(content, list | tuple):
        return {str(number): _misshapen(inner, is_row=True) for number, inner in enumerate(content)}
    is_number = isinstance(content, int | float) and not isinstance(content, bool)
    return "soon" if is_number or is_row else content
