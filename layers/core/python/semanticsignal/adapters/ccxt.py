"""Any venue that ccxt knows, and the simulated one: public market data only, no keys."""

import asyncio
import sys
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from itertools import pairwise
from math import isfinite
from types import ModuleType
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ..domain.errors import InvalidCandle, InvalidSetting, InvalidSymbol, MarketUnavailable
from ..domain.market import (
    Candles,
    FundingRate,
    MarketKind,
    Symbol,
    Timeframe,
    TradingRules,
    epoch_ms,
    exact,
    instant,
)

T = TypeVar("T")
Row = list[Any]

PAGE = 1_000
# Nothing trades above it; whatever claims to is a mistake.
DEAREST = 1e12
FINEST = Timeframe.M1
SAID = 200
# a venue's own names for what each kind is listed under
LISTED = {MarketKind.SPOT: ("spot",), MarketKind.PERP: ("linear", "swap")}


class CcxtMarket:
    """MarketData from one venue. With `base_url`, every request goes to that address and to no other.

    A bar counts once it has closed: a later bar has opened, or the venue's clock has passed its end."""

    def __init__(
        self,
        exchange: str,
        *,
        base_url: str | None = None,
        is_simulated: bool = False,
        kind: MarketKind = MarketKind.SPOT,
        clock: Callable[[], datetime],
    ) -> None:
        self._exchange, self._base_url = exchange, base_url
        self._kind, self._clock, self._is_simulated = kind, clock, is_simulated
        self._source = f"simulated {exchange}" if is_simulated else exchange
        self._opening = asyncio.Lock()
        self._venue: Any = None
        self._errors: Any = None

    async def open(self) -> None:
        """Loads ccxt, which takes its time: beside whatever else this process does. Raises InvalidSetting."""
        async with self._opening:
            if self._venue is None:
                of_venue, self._errors = await asyncio.to_thread(_loaded, self._exchange)
                self._venue = self._built(of_venue)

    def _built(self, of_venue: Callable[[dict[str, Any]], Any]) -> Any:
        venue = of_venue({
            "enableRateLimit": self._base_url is None,
            "options": {"defaultType": "swap" if self._kind is MarketKind.PERP else "spot"},
        })  # fmt: skip
        _narrow(venue.options, LISTED[self._kind])
        # currencies need keys on some venues and another request on all; nothing here reads them
        venue.has["fetchCurrencies"] = False
        if self._base_url is not None:
            venue.urls["api"] = _moved(venue.urls["api"], self._base_url.rstrip("/"))
            venue.timeout_on_exit = 0  # ms it waits for TLS to wind down; there is none here
        return venue

    @property
    def is_simulated(self) -> bool:
        return self._is_simulated

    async def candles(self, symbol: Symbol, timeframe: Timeframe, *, until: datetime, limit: int) -> Candles:
        end = timeframe.floor_ms(epoch_ms(until))
        return await self._closed(symbol, timeframe, end - limit * timeframe.ms, end)

    async def fine_candles(self, symbol: Symbol, *, since: datetime, until: datetime) -> Candles:
        return await self._closed(symbol, FINEST, _next(FINEST, since), FINEST.floor_ms(epoch_ms(until)))

    async def first_open(self, symbol: Symbol, *, since: datetime, until: datetime) -> tuple[datetime, float] | None:
        async for page in self._pages(symbol, FINEST, _next(FINEST, since), epoch_ms(until)):
            return instant(page[0][0]), self._price(page[0][1])
        return None

    async def last_price(self, symbol: Symbol, *, until: datetime) -> float | None:
        end = epoch_ms(until)
        rows = [
            row async for page in self._pages(symbol, FINEST, FINEST.floor_ms(end) - FINEST.ms, end) for row in page
        ]
        return self._price(_in_order(rows)[-1][4]) if rows else None

    async def funding(self, symbol: Symbol, *, since: datetime, until: datetime) -> tuple[FundingRate, ...]:
        if self._kind is MarketKind.SPOT:
            return ()
        market = await self._market(symbol)
        start, end = epoch_ms(since) + 1, epoch_ms(until)
        rates: dict[int, FundingRate] = {}
        while start <= end:
            page = await self._ask(self._venue.fetch_funding_rate_history(market["symbol"], start, PAGE))
            fresh = [row for row in page if start <= row["timestamp"] <= end]
            for row in fresh:
                at = int(row["timestamp"])
                rates[at] = FundingRate(symbol, instant(at), exact(row["fundingRate"]))
            if not fresh:
                break
            start = max(rates) + 1
        return tuple(rates[at] for at in sorted(rates))

    async def rules(self, symbol: Symbol) -> TradingRules:
        market = await self._market(symbol)
        precision, cost = market["precision"], market["limits"]["cost"]["min"]
        if self._venue.precisionMode != _tick_size() or not (precision["price"] and precision["amount"]):
            raise MarketUnavailable(f"{self._source} publishes no tick and step for {symbol}, was {precision}")
        least = exact(cost) if cost else Decimal(0)
        return TradingRules(exact(precision["price"]), exact(precision["amount"]), least)

    async def close(self) -> None:
        if self._venue is not None:
            await self._venue.close()

    async def _closed(self, symbol: Symbol, timeframe: Timeframe, start: int, end: int) -> Candles:
        # the bar that opens at `end` is asked for too: that it opened proves that the one before has closed
        rows = [row async for page in self._pages(symbol, timeframe, start, end) for row in page]
        rows = _in_order(rows)
        if rows and rows[-1][0] < end and rows[-1][0] + timeframe.ms > await self._now_ms():
            rows.pop()
        rows = [row for row in rows if row[0] + timeframe.ms <= end]
        opened, *prices = zip(*rows, strict=True) if rows else ((),) * 6
        columns = [array("d", column) for column in prices]
        try:
            return Candles(symbol, timeframe, self._source, array("q", opened), *columns).check()
        except InvalidCandle as wrong:
            raise MarketUnavailable(f"{self._source} tells nonsense of {symbol}: {wrong}") from wrong

    async def _pages(self, symbol: Symbol, timeframe: Timeframe, start: int, end: int) -> AsyncIterator[list[Row]]:
        """Bars opened in [start, end], page by page; a page without any is left out."""
        market = (await self._market(symbol))["symbol"]
        while start <= end:
            size = min(PAGE, (end - start) // timeframe.ms + 1)
            page = await self._ask(self._venue.fetch_ohlcv(market, timeframe.value, start, size))
            rows = [_whole(row) for row in page if start <= row[0] <= end]
            if rows:
                yield rows
            # a venue that was down answers an empty window, or with the first bar after it
            later = page[0][0] if page else start + size * timeframe.ms
            start = rows[-1][0] + timeframe.ms if rows else max(later, start + timeframe.ms)

    async def _market(self, symbol: Symbol) -> dict[str, Any]:
        await self.open()
        markets = await self._ask(self._venue.load_markets(not self._venue.markets))
        if not markets:
            raise MarketUnavailable(f"{self._source} published no pairs at all, was {markets!r}")
        name = f"{symbol}:{symbol.quote}" if self._kind is MarketKind.PERP else str(symbol)
        if name not in markets:
            raise InvalidSymbol(f"{self._source} does not list this pair as {self._kind}, was {symbol}")
        market: dict[str, Any] = markets[name]
        return market

    async def _now_ms(self) -> int:
        ours = epoch_ms(self._clock())
        if not self._venue.has["fetchTime"]:
            return ours
        theirs = await self._ask(self._venue.fetch_time())
        if not isinstance(theirs, int):
            raise MarketUnavailable(f"{self._source} tells no time, was {theirs!r:.80}")
        return min(ours, theirs)

    def _price(self, value: Any) -> float:
        """Of a bar that is not checked as part of a series. Raises MarketUnavailable for what is no price."""
        if not isinstance(value, int | float) or not isfinite(value) or not 0 < value < DEAREST:
            raise MarketUnavailable(f"{self._source} tells no price, was {value!r:.80}")
        return float(value)

    async def _ask(self, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except self._errors.BadSymbol as wrong:
            raise InvalidSymbol(f"{self._source}: {wrong!s:.{SAID}}") from wrong
        except self._errors.BaseError as wrong:
            raise MarketUnavailable(f"{self._source}: {type(wrong).__name__} {wrong!s:.{SAID}}") from wrong
        except (LookupError, TypeError, ValueError, AttributeError) as wrong:
            # what ccxt's parsers stumble over when a body is not what the venue documents
            raise MarketUnavailable(f"{self._source}: unreadable answer, {wrong!r:.{SAID}}") from wrong


def _loaded(exchange: str) -> tuple[Callable[[dict[str, Any]], Any], ModuleType]:
    """The class of one venue, and the errors of all. Raises InvalidSetting."""
    for name in ("ccxt", "ccxt.async_support"):
        if name not in sys.modules and (spec := find_spec(name)):
            # a package whose __init__ is not run: it would import every venue there is, twice
            sys.modules[name] = module_from_spec(spec)
    errors = import_module("ccxt.base.errors")
    # what ccxt's own modules look for in the package
    vars(sys.modules["ccxt"]).update({name: getattr(errors, name) for name in errors.__all__})
    vars(sys.modules["ccxt"])["Exchange"] = import_module("ccxt.base.exchange").Exchange
    if find_spec(f"ccxt.async_support.{exchange}"):
        found = getattr(import_module(f"ccxt.async_support.{exchange}"), exchange, None)
        if isinstance(found, type):
            return found, errors
    raise InvalidSetting(f"exchange must be a venue that ccxt knows, was {exchange!r}")


def _tick_size() -> int:
    size: int = import_module("ccxt.base.decimal_to_precision").TICK_SIZE
    return size


def _narrow(options: dict[str, Any], names: tuple[str, ...]) -> None:
    """A venue that asks host after host for its markets asks only for the kind that is traded here."""
    listed = options.get("fetchMarkets")
    if isinstance(listed, dict) and (types := [name for name in listed.get("types", ()) if name in names]):
        options["fetchMarkets"] = {**listed, "types": types}


def _moved(urls: Any, base_url: str) -> Any:
    """The same paths under another address, however the venue nests them."""
    if isinstance(urls, dict):
        return {name: _moved(url, base_url) for name, url in urls.items()}
    return base_url + urlsplit(urls).path


def _next(timeframe: Timeframe, since: datetime) -> int:
    """The first bar that opens at or after."""
    at, floor = epoch_ms(since), timeframe.floor(since)
    return epoch_ms(floor) if floor == since else timeframe.floor_ms(at) + timeframe.ms


def _whole(row: Row) -> Row:
    if len(row) < 6 or any(value is None for value in row[:6]):
        raise MarketUnavailable(f"a bar must have a time, four prices and a volume, was {row}")
    return row[:6]


def _in_order(rows: list[Row]) -> list[Row]:
    """Oldest first, a bar told twice once. Raises MarketUnavailable when it was told differently."""
    ordered = sorted(rows, key=lambda row: int(row[0]))
    for earlier, later in pairwise(ordered):
        if earlier[0] == later[0] and earlier != later:
            raise MarketUnavailable(f"one bar told in two ways, was {earlier} and {later}")
    return [row for number, row in enumerate(ordered) if not number or row != ordered[number - 1]]
