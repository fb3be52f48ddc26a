"""Any venue that ccxt knows, and the simulated one: public market data only, no keys."""

import asyncio
import re
import sys
import threading
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import cache, wraps
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from itertools import pairwise
from math import isfinite
from pathlib import Path
from types import ModuleType
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar
from urllib.parse import urlsplit

from ..domain.collected import Part
from ..domain.errors import (
    Blocked,
    InvalidBook,
    InvalidCandle,
    InvalidSetting,
    InvalidSymbol,
    Maintenance,
    MarketUnavailable,
    NotOffered,
    RateLimited,
    SemanticSignalError,
)
from ..domain.hosts import LOOPBACK
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
from ..domain.microstructure import (
    FundingQuote,
    OpenInterest,
    OrderBook,
    PublicTrade,
    PublicTrades,
    Quote,
    Rung,
)
from ..ports import NOBODY, Sources

T = TypeVar("T")
P = ParamSpec("P")
Row = list[Any]

RUNGS, TRADES = 50, 500
# Nothing trades above it; whatever claims to is a mistake.
DEAREST = 1e12
FINEST = Timeframe.M1
SAID = 200
HOUR_MS = 3_600_000
# Listings change by the week; what is kept serves on while the new one is fetched.
LISTING_MS, RELISTING_MS = 6 * HOUR_MS, HOUR_MS // 6
# How long a venue's clock is taken to differ from ours by as much as it did.
SKEW_MS = 10_000
# Closed bars of a day and of a week: a hundred pairs' and some.
KEPT = 400
LONGEST_WAIT_S = 3 * 86_400.0
# a venue's own names for what each kind is listed under
LISTED = {MarketKind.SPOT: ("spot",), MarketKind.PERP: ("linear", "swap")}
DOLLARS = ("USDT", "USDC", "USD")
GEO = re.compile(r"(?i)restricted location|(un|not )available in (the|your)|country/region|your (country|region)")
CLOSED = re.compile(r"(?i)maintenance|EService:Unavailable")
# What ccxt's parsers stumble over when a body is not what the venue documents.
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
# No settlement takes more of a position, either way; no tick and no step is finer or coarser.
HIGHEST_RATE = Decimal("0.05")
FINEST_STEP, COARSEST_STEP = Decimal("1e-20"), Decimal("1e6")


class Room(NamedTuple):
    """How much an answer may be. `size_bytes`: unpacked. `marks`: brackets and commas of its JSON, counted before it is
    read: what there is of values. `rows`: of any one list in it."""

    size_bytes: int
    marks: int
    rows: int


MIB = 1024 * 1024
# Five pages of the venue that tells most at once; binance's listing has about a million marks; krakenfutures tells all
# the hours that it ever settled, whatever it is asked for.
ANSWER = Room(8 * MIB, 250_000, 5_000)
SETTLEMENTS = Room(8 * MIB, 500_000, 60_000)
LISTING = Room(32 * MIB, 3_000_000, 20_000)
# How much is read of an answer whose status says enough.
FAULT_BYTES = 64 * 1024
# Lists of rows lie no deeper than this in any venue's answers.
LEVELS = 4
_ROOM: ContextVar[Room] = ContextVar("room", default=ANSWER)


class Ways(NamedTuple):
    """How a venue's API is asked where ccxt leaves it to the caller.

    `page`, `perp_page`: most bars of one answer; `older`: (bars back, bars of one answer from before them). `bound`:
    the parameter that ends a page where ccxt would ask up to now. `reach`: the newest bars, before which nothing is
    told. `rungs`: the smallest book of at least 50 that may be asked for. `settlements`: most of one answer.
    `perpetuals`: the class that tells of them; None: none does. `interest`: what tells their open interest, and by
    which figure of it.
    `window_ms`: of the venue's limit, where it lets a burst through; 0: evenly spaced. `counts_contracts`: the volume
    of its perpetuals' bars is not in base. `taker_buys`: its side of a public trade in which the taker bought; some
    tell the maker's."""

    page: int = 1_000
    perp_page: int = 1_000
    older: tuple[int, int] | None = None
    bound: str = ""
    reach: int | None = None
    rungs: int = RUNGS
    settlements: int = 1_000
    perpetuals: str | None = None
    interest: tuple[str, str] = ("fetch_open_interest", "")
    has_trades: bool = True
    has_weeks: bool = True
    window_ms: int = 0
    counts_contracts: bool = False
    taker_buys: str = "buy"


KUCOIN = Ways(
    page=1_000, perp_page=200, rungs=100, settlements=100, perpetuals="kucoinfutures", window_ms=30_000,
    counts_contracts=True,
)  # fmt: skip
WAYS = {
    # 6 000 weights a minute, by calendar minute
    "binance": Ways(perpetuals="binanceusdm", window_ms=60_000),
    "binanceusdm": Ways(perpetuals="binanceusdm", window_ms=60_000),
    "kucoin": KUCOIN,
    "kucoinfutures": KUCOIN,
    "gate": Ways(
        perpetuals="gate", interest=("fetch_open_interest_history", ""), window_ms=10_000, counts_contracts=True,
    ),
    "mexc": Ways(
        page=500, bound="end", settlements=100, perpetuals="mexc", interest=("fetch_ticker", "holdVol"),
        window_ms=10_000, counts_contracts=True,
    ),
    # public trades are told over its socket alone: what ccxt asks for are one user's
    "hyperliquid": Ways(
        bound="until", reach=5_000, settlements=500, perpetuals="hyperliquid", has_trades=False, window_ms=60_000
    ),
    # one question a second: it lets no burst through
    "kraken": Ways(page=720, reach=720, perpetuals="krakenfutures"),
    "krakenfutures": Ways(perpetuals="krakenfutures", interest=("fetch_tickers", "openInterest")),
    "coinbase": Ways(taker_buys="sell", page=300, has_weeks=False, window_ms=1_000),
    # its limits are each endpoint's own; an answer from before the last 1440 bars may be shorter
    "okx": Ways(page=300, perp_page=300, older=(1_439, 100), settlements=100, perpetuals="okx"),
}  # fmt: skip
# It names the perpetuals whose interval is another.
BINANCE_FUNDING_S = 8 * 3_600


class Probe(NamedTuple):
    """How a venue is reached. `latency_s`: of its cheapest question. `skew_s`: how far our clock is ahead of the
    venue's, to about the latency, or to the whole second that it tells; None: it tells no time. `listed`: of the pairs
    asked for, those that trade there; `absent`: the others."""

    latency_s: float
    skew_s: float | None
    listed: tuple[Symbol, ...]
    absent: tuple[Symbol, ...]


def _in_our_words(
    ask: Callable[Concatenate["CcxtMarket", P], Awaitable[T]],
) -> Callable[Concatenate["CcxtMarket", P], Coroutine[Any, Any, T]]:
    """A question of which no exception comes but ours."""

    @wraps(ask)
    async def asked(self: "CcxtMarket", /, *args: P.args, **options: P.kwargs) -> T:
        try:
            return await ask(self, *args, **options)
        except UNREADABLE as wrong:
            raise MarketUnavailable(f"{self.sources[0]}: unreadable answer, {_line(repr(wrong))}") from wrong

    return asked


class CcxtMarket:
    """MarketData from one venue. With `base_url`, every request goes to that address and to no other.

    A bar counts once it has closed: a later bar has opened, or the venue's clock has passed its end. `timeout_s` bounds
    each answer, waiting for its turn included. `has_perpetuals`: whether this address tells of them."""

    def __init__(
        self,
        exchange: str,
        *,
        base_url: str | None = None,
        is_simulated: bool = False,
        kind: MarketKind = MarketKind.SPOT,
        clock: Callable[[], datetime],
        timeout_s: float = 10.0,
        has_perpetuals: bool = True,
        pace: "_Pace | None" = None,
    ) -> None:
        self._exchange, self._base_url = exchange, base_url
        self._kind, self._clock, self._is_simulated = kind, clock, is_simulated
        self._timeout_s, self._pace = timeout_s, pace
        self._source = f"simulated {exchange}" if is_simulated else exchange
        self._ways = WAYS.get(exchange, Ways())
        self._perpetuals = self._ways.perpetuals if has_perpetuals else None
        self._opening = asyncio.Lock()
        self._venue: Any = None
        self._errors: Any = None
        self._listing: asyncio.Task[Any] | None = None
        self._listed_ms = 0
        self._teller: CcxtMarket | None = None
        self._skew: tuple[int, int] | None = None
        self._intervals: tuple[int, dict[str, int | None]] | None = None
        self._has_other_weeks = False
        self._kept: dict[tuple[Symbol, Timeframe, int, int], Candles] = {}

    async def open(self) -> None:
        """Loads ccxt, which takes its time: beside whatever else this process does. Raises InvalidSetting."""
        async with self._opening:
            if self._venue is None:
                of_venue, self._errors = await asyncio.to_thread(_loaded, self._exchange)
                self._venue = self._built(of_venue)

    def _built(self, of_venue: Callable[[dict[str, Any]], Any]) -> Any:
        is_local = self._base_url is not None and urlsplit(self._base_url).hostname in LOOPBACK
        pace = {"rateLimiterAlgorithm": "rollingWindow", "rollingWindowSize": self._ways.window_ms}
        venue = of_venue({
            "enableRateLimit": not is_local,
            "timeout": int(self._timeout_s * 1_000),
            "options": {"defaultType": "swap" if self._kind is MarketKind.PERP else "spot"},
            **(pace if self._ways.window_ms else {}),
        })  # fmt: skip
        _narrow(venue, LISTED[self._kind])
        # currencies need keys on some venues and another request on all; nothing here reads them
        venue.has["fetchCurrencies"] = False
        # what ccxt asks "up to now" is up to the clock's now
        venue.milliseconds = lambda: epoch_ms(self._clock())
        venue.seconds = lambda: epoch_ms(self._clock()) // 1_000
        venue.handle_errors = _Ear(self._source, self._clock, venue.handle_errors)
        venue.open = _Opening(self._source, venue)
        self._pace = self._pace or _Pace(venue.throttler)
        venue.throttle = self._pace
        if self._base_url is not None:
            venue.urls["api"] = _moved(venue.urls["api"], self._base_url.rstrip("/"))
        if is_local:
            venue.timeout_on_exit = 0  # ms it waits for TLS to wind down; there is none here
        return venue

    async def close(self) -> None:
        if self._listing is not None:
            self._listing.cancel()
            await asyncio.wait({self._listing})
        if self._teller is not None:
            await self._teller.close()
        if self._venue is not None:
            await self._venue.close()

    @property
    def is_simulated(self) -> bool:
        return self._is_simulated

    @property
    def sources(self) -> tuple[str, ...]:
        return (self._source,)

    @property
    def offers(self) -> frozenset[Part]:
        weeks = self._ways.has_weeks and not self._has_other_weeks
        if self._venue is not None:
            weeks = weeks and bool(self._venue.timeframes.get(Timeframe.W1.value))
        told = {
            Part.DAILY: True,
            Part.WEEKLY: weeks,
            Part.BOOK: True,
            Part.TRADES: self._ways.has_trades,
            Part.FUNDING: self._perpetuals is not None,
            Part.INTEREST: self._perpetuals is not None,
        }
        return frozenset(part for part, is_told in told.items() if is_told)

    @_in_our_words
    async def probe(self, symbols: Sequence[Symbol]) -> Probe:
        """One question for its time and one for its listing. Raises MarketUnavailable."""
        await self.open()
        clock, skew = asyncio.get_running_loop(), None
        if self._venue.has["fetchTime"]:
            latency, skew = await self._compared()
        else:
            asked = clock.time()
            await self._markets()
            latency = clock.time() - asked
        await self._markets()
        listed = tuple([symbol for symbol in symbols if await self._is_listed(symbol)])
        return Probe(latency, skew, listed, tuple(symbol for symbol in symbols if symbol not in listed))

    @_in_our_words
    async def ahead_s(self) -> float | None:
        """How far our clock is ahead of the venue's, as `Probe.skew_s`. Raises MarketUnavailable."""
        await self.open()
        return (await self._compared())[1] if self._venue.has["fetchTime"] else None

    async def _compared(self) -> tuple[float, float | None]:
        """Latency, and how far our clock is ahead."""
        clock = asyncio.get_running_loop()
        asked = clock.time()
        theirs = await self._ask(self._venue.fetch_time())
        latency = clock.time() - asked
        # the venue looked at its clock about half way
        skew = (epoch_ms(self._clock()) - theirs) / 1_000 - latency / 2 if isinstance(theirs, int) else None
        return latency, skew

    @_in_our_words
    async def candles(
        self, symbol: Symbol, timeframe: Timeframe, *, until: datetime, limit: int, besides: Sources = NOBODY
    ) -> Candles:
        self._alone(symbol, besides)
        end = timeframe.floor_ms(epoch_ms(until))
        key = (symbol, timeframe, limit, end)
        if key in self._kept:
            return self._kept[key]
        candles = await self._closed(symbol, timeframe, end - limit * timeframe.ms, end)
        if timeframe.ms >= Timeframe.D1.ms and len(candles) and candles.opened_ms[-1] + timeframe.ms == end:
            self._kept[key] = candles
            if len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
        return candles

    @_in_our_words
    async def fine_candles(
        self, symbol: Symbol, *, since: datetime, until: datetime, besides: Sources = NOBODY
    ) -> Candles:
        self._alone(symbol, besides)
        start = _next(FINEST, since)
        self._within_reach(start)
        return await self._closed(symbol, FINEST, start, FINEST.floor_ms(epoch_ms(until)))

    @_in_our_words
    async def first_open(
        self, symbol: Symbol, *, since: datetime, until: datetime, besides: Sources = NOBODY
    ) -> Quote | None:
        self._alone(symbol, besides)
        start = _next(FINEST, since)
        self._within_reach(start)
        async for page in self._pages(symbol, FINEST, start, epoch_ms(until)):
            return Quote(instant(page[0][0]), self._price(page[0][1]), self._source)
        return None

    @_in_our_words
    async def last_price(self, symbol: Symbol, *, until: datetime, besides: Sources = NOBODY) -> Quote | None:
        self._alone(symbol, besides)
        end = epoch_ms(until)
        rows = [
            row async for page in self._pages(symbol, FINEST, FINEST.floor_ms(end) - FINEST.ms, end) for row in page
        ]
        if not rows:
            return None
        last = _in_order(rows)[-1]
        return Quote(instant(min(end, last[0] + FINEST.ms)), self._price(last[4]), self._source)

    @_in_our_words
    async def funding(self, symbol: Symbol, *, since: datetime, until: datetime) -> tuple[FundingRate, ...]:
        if self._kind is MarketKind.SPOT:
            return ()
        market = await self._market(symbol)
        start, end = epoch_ms(since) + 1, epoch_ms(until)
        rates: dict[int, FundingRate] = {}
        while start <= end:
            asked = self._venue.fetch_funding_rate_history(market["symbol"], start, self._ways.settlements)
            page = await self._ask(asked, SETTLEMENTS)
            fresh = [row for row in page if start <= row["timestamp"] <= end]
            for row in fresh:
                at = int(row["timestamp"])
                rates[at] = FundingRate(symbol, instant(at), self._settled(row["fundingRate"]))
            if not fresh:
                break
            start = max(rates) + 1
        return tuple(rates[at] for at in sorted(rates))

    def _settled(self, told: Any) -> Decimal:
        """It moves money: what no venue settles at is not taken from one that says so."""
        rate = _finite(told)
        if abs(rate) > HIGHEST_RATE:
            raise MarketUnavailable(f"{self._source}: a settlement must be within ±{HIGHEST_RATE:%}, was {rate}")
        return rate

    @_in_our_words
    async def rules(self, symbol: Symbol) -> TradingRules:
        market = await self._market(symbol)
        precision, cost = market["precision"], market["limits"]["cost"]["min"]
        if self._venue.precisionMode != _tick_size() or not (precision["price"] and precision["amount"]):
            raise MarketUnavailable(f"{self._source} publishes no tick and step for {symbol}, was {precision}")
        tick, step = exact(precision["price"]), exact(precision["amount"]) * _size(market)
        least = exact(cost) if cost else Decimal(0)
        # all of them: a NaN compares with nothing
        figures_are_sane = all(each.is_finite() and FINEST_STEP <= each <= COARSEST_STEP for each in (tick, step))
        if not (figures_are_sane and least.is_finite() and 0 <= least <= DEAREST):
            said = f"a tick of {tick}, a step of {step} and orders from {least}"
            raise MarketUnavailable(f"{self._source} publishes no rules for {symbol} that can be true, was {said}")
        return TradingRules(tick, step, least)

    @_in_our_words
    async def book(self, symbol: Symbol, *, until: datetime) -> OrderBook:
        market = await self._market(symbol)
        told = await self._ask(self._venue.fetch_order_book(market["symbol"], self._ways.rungs))
        size = _size(market)

        def side(name: str) -> tuple[Rung, ...]:
            return tuple((exact(rung[0]), exact(rung[1]) * size) for rung in told[name][:RUNGS])

        at = self._read(lambda: self._at(told["timestamp"]))
        return self._read(lambda: OrderBook(symbol, at, side("bids"), side("asks"), self._source))

    @_in_our_words
    async def trades(self, symbol: Symbol, *, until: datetime) -> PublicTrades:
        if not self._ways.has_trades:
            raise NotOffered(f"{self._source} tells no public trades")
        market = await self._market(symbol)
        told = await self._ask(self._venue.fetch_trades(market["symbol"], None, TRADES))
        size, end = _size(market), epoch_ms(until)

        def trade(row: dict[str, Any]) -> PublicTrade:
            price, quantity = exact(row["price"]), exact(row["amount"]) * size
            if not (price > 0 and quantity > 0):
                raise ValueError(f"a trade of {quantity} at {price}")
            return PublicTrade(instant(row["timestamp"]), price, quantity, row["side"] == self._ways.taker_buys)

        def newest() -> tuple[PublicTrade, ...]:
            # a venue that does not know which side took is not guessed at
            rows = [row for row in told if row["side"] in ("buy", "sell") and row["timestamp"] <= end]
            once = {row["id"] if row["id"] is not None else (number,): row for number, row in enumerate(rows)}
            ordered = sorted(once.values(), key=lambda row: int(row["timestamp"]))
            return tuple(trade(row) for row in ordered[-TRADES:])

        return PublicTrades(symbol, until, self._read(newest), self._source)

    @_in_our_words
    async def funding_quote(self, symbol: Symbol, *, until: datetime) -> FundingQuote:
        return await (await self._of_perpetuals()).funding_told(symbol, self._source)

    @_in_our_words
    async def open_interest(self, symbol: Symbol, *, until: datetime) -> OpenInterest:
        return await (await self._of_perpetuals()).interest_told(symbol, self._source)

    async def funding_told(self, symbol: Symbol, source: str) -> FundingQuote:
        """By a venue of perpetuals, for the venue that was asked: `source`."""
        market = await self._perpetual(symbol)
        name = market["symbol"]
        told = await self._ask(self._venue.fetch_funding_rate(name))
        if self._read(lambda: told["fundingRate"]) is None:
            raise NotOffered(f"{source} tells no funding rate of {name}")
        rate = self._read(lambda: _finite(told["fundingRate"]))
        interval = _interval_s(told.get("interval")) or await self._interval_s(name)
        at = self._read(lambda: self._at(told.get("timestamp")))
        return FundingQuote(symbol, at, rate, interval, name, source)

    async def interest_told(self, symbol: Symbol, source: str) -> OpenInterest:
        """By a venue of perpetuals, for the venue that was asked: `source`."""
        market = await self._perpetual(symbol)
        name, size = market["symbol"], _size(market)
        told = await self._interest(name)

        def figures() -> tuple[Decimal | None, Decimal | None, datetime]:
            base, contracts, worth = told.get("baseVolume"), told["openInterestAmount"], told.get("openInterestValue")
            quantity = _finite(base) if base is not None else None if contracts is None else _finite(contracts) * size
            return quantity, None if worth is None else _finite(worth), self._at(told.get("timestamp"))

        quantity, notional, at = self._read(figures)
        if quantity is None and notional is None:
            raise NotOffered(f"{source} tells no open interest of {name}")
        return OpenInterest(symbol, at, quantity, notional, name, source)

    async def _interest(self, name: str) -> dict[str, Any]:
        """As ccxt tells it, or from where else the venue does: in contracts."""
        asked, figure = self._ways.interest
        told: Any
        match asked:
            case "fetch_open_interest":
                told = await self._ask(self._venue.fetch_open_interest(name))
            case "fetch_open_interest_history":
                page = await self._ask(self._venue.fetch_open_interest_history(name, "5m", None, 1))
                told = page[-1] if page else None
            case _:
                one = asked == "fetch_ticker"
                ticker = await self._ask(self._venue.fetch_ticker(name) if one else self._venue.fetch_tickers([name]))
                ticker = self._read(lambda: ticker if one else ticker[name])
                contracts = self._read(lambda: ticker["info"].get(figure))
                told = {"openInterestAmount": contracts, "timestamp": ticker.get("timestamp")}
        if not isinstance(told, dict):
            raise NotOffered(f"{self._source} tells no open interest of {name}")
        return told

    async def _interval_s(self, name: str) -> int | None:
        """Of a perpetual whose rate does not say it. None where the venue does not say it at all."""
        if not self._exchange.startswith("binance"):
            return None
        now = epoch_ms(self._clock())
        if self._intervals is None or not 0 <= now - self._intervals[0] < HOUR_MS:
            try:
                told = await self._ask(self._venue.fetch_funding_intervals())
            except MarketUnavailable:
                return None
            seconds = self._read(lambda: {key: _interval_s(row.get("interval")) for key, row in told.items()})
            self._intervals = (now, seconds)
        return self._intervals[1].get(name, BINANCE_FUNDING_S)

    async def _of_perpetuals(self) -> "CcxtMarket":
        """Who tells of this venue's perpetuals: made when first asked, under one limit where it is one API."""
        if self._perpetuals is None:
            raise NotOffered(f"{self._source} tells nothing of perpetuals")
        if self._kind is MarketKind.PERP:
            return self
        await self.open()
        if self._teller is None:
            self._teller = CcxtMarket(
                self._perpetuals,
                base_url=self._base_url,
                is_simulated=self._is_simulated,
                kind=MarketKind.PERP,
                clock=self._clock,
                timeout_s=self._timeout_s,
                pace=self._pace if self._perpetuals == self._exchange else None,
            )
        return self._teller

    async def _perpetual(self, symbol: Symbol) -> dict[str, Any]:
        markets = await self._markets()
        for quote in dict.fromkeys((symbol.quote, *DOLLARS)):
            market: dict[str, Any] | None = markets.get(f"{symbol.base}/{quote}:{quote}")
            if market is not None and market.get("active") is not False:
                return market
        raise NotOffered(f"{self._source} lists no perpetual of {symbol.base} in {symbol.quote} or a dollar")

    async def _closed(self, symbol: Symbol, timeframe: Timeframe, start: int, end: int) -> Candles:
        # the bar that opens at `end` is asked for too: that it opened proves that the one before has closed
        rows = [row async for page in self._pages(symbol, timeframe, start, end) for row in page]
        rows = _in_order(rows)
        if timeframe is Timeframe.W1 and any(timeframe.floor_ms(row[0]) != row[0] for row in rows):
            self._has_other_weeks = True
            raise NotOffered(f"{self._source} starts its weeks on another day than Monday")
        if rows and rows[-1][0] < end and rows[-1][0] + timeframe.ms > await self._now_ms():
            rows.pop()
        rows = [row for row in rows if row[0] + timeframe.ms <= end]
        opened, *prices = zip(*rows, strict=True) if rows else ((),) * 6
        first, high, low, last, volume = (array("d", column) for column in prices)
        try:
            return Candles(symbol, timeframe, self._source, array("q", opened), first, high, low, last, volume).check()
        except InvalidCandle as wrong:
            raise MarketUnavailable(f"{self._source} tells nonsense of {symbol}: {wrong}") from wrong

    async def _pages(self, symbol: Symbol, timeframe: Timeframe, start: int, end: int) -> AsyncIterator[list[Row]]:
        """Bars opened in [start, end], page by page; a page without any is left out."""
        market = await self._market(symbol)
        self._has_timeframe(market, timeframe)
        size = float(_size(market)) if self._ways.counts_contracts else 1.0
        while start <= end:
            count = min(self._page(timeframe, start), (end - start) // timeframe.ms + 1)
            bound = self._bound(start + count * timeframe.ms)
            asked = self._venue.fetch_ohlcv(market["symbol"], timeframe.value, start, count, bound)
            page = [_whole(row) for row in await self._ask(asked)]
            rows = [row for row in page if start <= row[0] <= end]
            if rows:
                yield rows if size == 1 else [[*row[:5], row[5] * size] for row in rows]
            # a venue that was down answers an empty window, or with the first bar after it
            later = page[0][0] if page and page[0][0] > start else start + count * timeframe.ms
            start = rows[-1][0] + timeframe.ms if rows else later

    def _page(self, timeframe: Timeframe, start: int) -> int:
        """Most bars of one answer that begins there."""
        size = self._ways.page if self._kind is MarketKind.SPOT else self._ways.perp_page
        if self._ways.older and start < epoch_ms(self._clock()) - self._ways.older[0] * timeframe.ms:
            return self._ways.older[1]
        return size

    def _bound(self, end: int) -> dict[str, int]:
        """What keeps an answer to the bars that open before `end`, ms."""
        if self._ways.bound == "until":
            return {"until": end - 1}
        if self._ways.bound == "end" and self._kind is MarketKind.PERP:
            return {"end": end // 1_000 - 1}
        return {}

    def _has_timeframe(self, market: dict[str, Any], timeframe: Timeframe) -> None:
        own = self._venue.options.get("timeframes")
        offered = own.get(market["type"]) if isinstance(own, dict) else None
        if not (offered or self._venue.timeframes).get(timeframe.value):
            raise NotOffered(f"{self._source} has no bars of {timeframe}")
        if timeframe is Timeframe.W1 and self._has_other_weeks:
            raise NotOffered(f"{self._source} starts its weeks on another day than Monday")

    def _within_reach(self, start: int) -> None:
        """An answer that begins later than asked would look like minutes in which nobody traded."""
        reach = self._ways.reach
        if reach and start < epoch_ms(self._clock()) - (reach - 1) * FINEST.ms:
            raise NotOffered(f"{self._source} tells of its newest {reach} minutes only")

    def _alone(self, symbol: Symbol, besides: Sources) -> None:
        if self._source in besides:
            raise InvalidSymbol(f"no other venue than {self._source} is asked for {symbol} here")

    async def _is_listed(self, symbol: Symbol) -> bool:
        try:
            await self._market(symbol)
        except InvalidSymbol:
            return False
        return True

    async def _market(self, symbol: Symbol) -> dict[str, Any]:
        markets = await self._markets()
        name = f"{symbol}:{symbol.quote}" if self._kind is MarketKind.PERP else str(symbol)
        if name not in markets:
            raise InvalidSymbol(f"{self._source} does not list this pair as {self._kind}, was {symbol}")
        market: dict[str, Any] = markets[name]
        if market.get("active") is False:
            raise InvalidSymbol(f"{self._source} does not trade this pair any more, was {symbol}")
        return market

    async def _markets(self) -> Mapping[str, Any]:
        """All that is listed: fetched once for all who wait, and none of them takes it from the others by going."""
        await self.open()
        venue, now = self._venue, epoch_ms(self._clock())
        if not venue.markets or not 0 <= now - self._listed_ms <= LISTING_MS:
            if self._listing is None or self._listing.done():
                # if it fails, the one that is kept serves until the next try
                self._listed_ms = now - LISTING_MS + RELISTING_MS
                self._listing = asyncio.create_task(_relisted(venue))
                self._listing.add_done_callback(self._has_listed)
            if not venue.markets:
                await self._ask(asyncio.shield(self._listing))
        if not venue.markets:
            raise MarketUnavailable(f"{self._source} published no pairs at all, was {venue.markets!r}")
        markets: Mapping[str, Any] = venue.markets
        return markets

    def _has_listed(self, task: "asyncio.Task[Any]") -> None:
        # its exception is looked at: nobody else may be left to
        if not task.cancelled() and task.exception() is None:
            self._listed_ms = epoch_ms(self._clock())

    async def _now_ms(self) -> int:
        """By the venue's clock or by ours, whichever is behind."""
        if not self._venue.has["fetchTime"]:
            return epoch_ms(self._clock())
        ours = epoch_ms(self._clock())
        if self._skew is None or not 0 <= ours - self._skew[0] < SKEW_MS:
            theirs = await self._ask(self._venue.fetch_time())
            if not isinstance(theirs, int):
                raise MarketUnavailable(f"{self._source} tells no time, was {theirs!r:.80}")
            ours = epoch_ms(self._clock())
            self._skew = (ours, theirs - ours)
        return ours + min(self._skew[1], 0)

    def _at(self, told_ms: Any) -> datetime:
        """When it was true: as told, else now."""
        return instant(int(told_ms)) if told_ms else self._clock()

    def _price(self, value: Any) -> float:
        """Of a bar that is not checked as part of a series. Raises MarketUnavailable for what is no price."""
        if not isinstance(value, int | float) or not isfinite(value) or not 0 < value < DEAREST:
            raise MarketUnavailable(f"{self._source} tells no price, was {value!r:.80}")
        return float(value)

    async def _ask(self, answer: Awaitable[T], room: Room = ANSWER) -> T:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await _within(room, answer)
        except TimeoutError as wrong:
            raise MarketUnavailable(f"{self._source}: no whole answer in {self._timeout_s:g} s") from wrong
        except self._errors.BaseError as wrong:
            raise self._ours(wrong) from wrong
        except UNREADABLE as wrong:
            raise MarketUnavailable(f"{self._source}: unreadable answer, {_line(repr(wrong))}") from wrong

    def _read(self, noun: Callable[[], T]) -> T:
        try:
            return noun()
        except InvalidBook as wrong:
            raise MarketUnavailable(f"{self._source} tells nonsense: {wrong}") from wrong
        except UNREADABLE as wrong:
            raise MarketUnavailable(f"{self._source}: unreadable answer, {_line(repr(wrong))}") from wrong

    def _ours(self, wrong: Exception) -> SemanticSignalError:
        said = f"{self._source}: {type(wrong).__name__} {_line(str(wrong))}"
        kinds, beginning = self._errors, str(wrong)[:FAULT_BYTES]
        if isinstance(wrong, kinds.BadSymbol):
            return InvalidSymbol(said)
        if isinstance(wrong, kinds.OnMaintenance) or CLOSED.search(beginning):
            return Maintenance(said)
        if isinstance(wrong, kinds.RateLimitExceeded | kinds.DDoSProtection):
            return RateLimited(said)
        # what is public and denied is denied to this place
        if isinstance(wrong, kinds.RestrictedLocation | kinds.PermissionDenied) or GEO.search(beginning):
            return Blocked(said)
        if isinstance(wrong, kinds.NotSupported | kinds.ArgumentsRequired) or "too long ago" in beginning:
            return NotOffered(said)
        return MarketUnavailable(said)


class _Pace:
    """ccxt's own limiter; but a question that was given up while it waited takes nobody's turn."""

    def __init__(self, throttler: Any) -> None:
        self._throttler = throttler

    async def __call__(self, cost: float | None = None) -> None:
        turn = self._throttler(cost)
        try:
            await turn
        except asyncio.CancelledError:
            waiting = self._throttler.queue
            # left in its place: the limiter holds the head of the queue while it sleeps
            for place, (future, _) in enumerate(waiting):
                if future is turn:
                    waiting[place] = (future, 0)
            raise


async def _within(room: Room, answer: Awaitable[T]) -> T:
    """The task that reads an answer, and each that it starts, knows how much it may be."""
    token = _ROOM.set(room)
    try:
        return await answer
    finally:
        _ROOM.reset(token)


async def _relisted(venue: Any) -> Any:
    return await _within(LISTING, venue.load_markets(True))


class _Opening:
    """Opens ccxt's own session, but one that reads no more of an answer than it may be."""

    def __init__(self, source: str, venue: Any) -> None:
        self._source, self._venue, self._open = source, venue, venue.open

    def __call__(self, lazy: bool = False) -> None:
        before = self._venue.session
        self._open(lazy)
        if (bare := self._venue.session) is not before:
            self._venue.session = import_module("aiohttp").ClientSession(
                connector=bare.connector, trust_env=bare.trust_env, response_class=_answers(self._source)
            )
            bare.detach()


@cache
def _answers(source: str) -> type:
    """Of one venue. aiohttp, which takes its time to load, comes with ccxt."""

    class Answer(import_module("aiohttp").ClientResponse):  # type: ignore[misc]
        async def text(self, encoding: str | None = None, errors: str = "strict") -> str:
            """Whatever charset it names: some take Python hours to decode."""
            room, content = _ROOM.get(), bytearray()
            async for part in self.content.iter_any():
                # unpacked piece by piece, and no further than it is read
                content += part
                if self.status >= 400 and len(content) > FAULT_BYTES:
                    self.close()
                    del content[FAULT_BYTES:]
                    break
                if len(content) > room.size_bytes:
                    self.close()
                    raise MarketUnavailable(f"{source}: an answer must be at most {room.size_bytes} bytes unpacked")
            if sum(map(content.count, (b"[", b"{", b","))) > room.marks:
                raise MarketUnavailable(f"{source}: an answer must hold at most {room.marks} values")
            return content.decode("utf-8", errors)

    return Answer


class _Ear:
    """Hears an answer's status before ccxt gives it a meaning of its own."""

    def __init__(self, source: str, clock: Callable[[], datetime], otherwise: Callable[..., Any]) -> None:
        self._source, self._clock, self._otherwise = source, clock, otherwise

    def __call__(self, *answer: Any) -> Any:
        code, reason, _, _, headers, body, content = answer[:7]
        beginning = body[:FAULT_BYTES]
        said = f"{self._source}: HTTP {code} {_line(f'{reason} {beginning}')}"
        if code in (403, 451):
            raise Blocked(said)
        if code in (418, 429):
            raise RateLimited(said, _wait_s(headers, self._clock()))
        if (code >= 500 or beginning.lstrip().startswith("<")) and CLOSED.search(beginning):
            raise Maintenance(said)
        if code < 400 and content is None and body.strip():
            # ccxt would take a sign-in page, or half an answer, for an empty one
            raise MarketUnavailable(f"{self._source}: unreadable answer, {_line(beginning)}")
        if _is_longer(content, rows := _ROOM.get().rows):
            raise MarketUnavailable(f"{self._source}: an answer must list at most {rows} of anything")
        return self._otherwise(*answer)


def _is_longer(content: Any, rows: int) -> bool:
    """Than what was asked for. ccxt would walk all of it in Python."""
    level = [content] if isinstance(content, dict | list) else []
    for _ in range(LEVELS):
        if any(len(each) > rows for each in level):
            return True
        within = (child for each in level for child in (each.values() if isinstance(each, dict) else each))
        level = [child for child in within if isinstance(child, dict | list)]
    return False


def _wait_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """How long a venue wants to be left alone, in the words of each; None where it does not say."""
    told = {name.lower(): value.strip() for name, value in headers.items()}
    try:
        if "retry-after" in told:
            after = told["retry-after"]
            wait = float(after) if after[:1].isdigit() else (parsedate_to_datetime(after) - now).total_seconds()
        elif "gw-ratelimit-reset" in told:
            wait = float(told["gw-ratelimit-reset"]) / 1_000
        elif "x-gate-ratelimit-reset-timestamp" in told:
            wait = float(told["x-gate-ratelimit-reset-timestamp"]) - epoch_ms(now) / 1_000
        else:
            return None
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(wait, 0.0), LONGEST_WAIT_S) if isfinite(wait) else None


def is_known(exchange: str) -> bool:
    """Whether ccxt has such a venue; nothing is imported for the answer."""
    package = find_spec("ccxt")
    places = package.submodule_search_locations if package else None
    # `__init__` is a file there too, and would import every venue there is
    return (
        exchange.isidentifier()
        and not exchange.startswith("_")
        and any((Path(place) / "async_support" / f"{exchange}.py").is_file() for place in places or ())
    )


_LOADING = threading.Lock()


def _loaded(exchange: str) -> tuple[Callable[[dict[str, Any]], Any], ModuleType]:
    """The class of one venue, and the errors of all. Raises InvalidSetting."""
    with _LOADING:
        for name in ("ccxt", "ccxt.async_support"):
            if name not in sys.modules and (spec := find_spec(name)):
                # a package whose __init__ is not run: it would import every venue there is, twice
                sys.modules[name] = module_from_spec(spec)
        errors = import_module("ccxt.base.errors")
        # what ccxt's own modules look for in the package
        vars(sys.modules["ccxt"]).update({name: getattr(errors, name) for name in errors.__all__})
        vars(sys.modules["ccxt"])["Exchange"] = import_module("ccxt.base.exchange").Exchange
        if is_known(exchange):
            found = getattr(import_module(f"ccxt.async_support.{exchange}"), exchange, None)
            if isinstance(found, type):
                return found, errors
    raise InvalidSetting(f"exchange must be a venue that ccxt knows, was {exchange!r}")


def _tick_size() -> int:
    size: int = import_module("ccxt.base.decimal_to_precision").TICK_SIZE
    return size


def _narrow(venue: Any, names: tuple[str, ...]) -> None:
    """A venue that asks host after host for its markets asks only for the kind that is traded here."""
    listed = venue.options.get("fetchMarkets")
    if venue.id == "mexc":
        venue.fetch_markets = venue.fetch_spot_markets if "spot" in names else venue.fetch_swap_markets
    elif isinstance(listed, dict) and (types := [name for name in listed.get("types", ()) if name in names]):
        # fees come from all tickers, and nothing here reads them
        venue.options["fetchMarkets"] = {**listed, "types": types, "fetchTickersFees": False}


def _moved(urls: Any, base_url: str) -> Any:
    """The same paths under another address, however the venue nests them."""
    if isinstance(urls, dict):
        return {name: _moved(url, base_url) for name, url in urls.items()}
    return base_url + urlsplit(urls).path


def _next(timeframe: Timeframe, since: datetime) -> int:
    """The first bar that opens at or after."""
    at, floor = epoch_ms(since), timeframe.floor(since)
    return epoch_ms(floor) if floor == since else timeframe.floor_ms(at) + timeframe.ms


def _size(market: dict[str, Any]) -> Decimal:
    """Base of one contract: what a perpetual's quantities are counted in. Spot counts in base."""
    size = market.get("contractSize")
    # 1.0 would add a digit to all that is multiplied by it
    base = Decimal(1) if not size or size == 1 else _finite(size)
    if base <= 0:
        raise ValueError(f"a contract of {base}")
    return base


def _interval_s(told: Any) -> int | None:
    """Of `8h`, or of milliseconds where ccxt has no word for them."""
    text = str(told or "")
    if hours := re.fullmatch(r"(\d{1,3})h", text):
        return int(hours[1]) * 3_600 or None
    return int(text) // 1_000 or None if text.isdigit() else None


def _finite(value: Any) -> Decimal:
    number = exact(value)
    if not number.is_finite():
        raise ValueError(f"no number, was {value!r:.80}")
    return number


def _line(text: str) -> str:
    return " ".join(text[: 4 * SAID].split())[:SAID]


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
