"""Binance: spot at `/api/v3`, USD-M futures at `/fapi/v1`.

After the Spot and USD-M Futures API pages (exchange information, klines, order book, aggregate trades, mark price,
open interest, error codes) and the payloads `binance/nautilus/spot__http_json__*`, `binance/hummingbot`."""

from collections.abc import Mapping
from typing import Any, ClassVar

from semanticsignal.domain.market import Symbol, Timeframe
from semanticsignal.simulate.market import Print
from tests.venues.desk import Answer, Desk, Query, Refused, plain
from tests.venues.faults import Fault, Kind

QUOTES = ("USDC", "USDT")


def _error(code: int, message: str) -> dict[str, Any]:
    return {"code": code, "msg": message}


class Binance(Desk):
    """A page is 1000 bars; oldest first; times in ms; the running bar is told."""

    name: ClassVar[str] = "binance"
    manners: ClassVar[Mapping[Fault, Any]] = {
        Fault.LIMITED: _error(-1003, "Too many requests queued."),
        Fault.TEAPOT: _error(-1003, "Way too many requests; IP banned until 1735731234567."),
        Fault.GEO: _error(0, "Service unavailable from a restricted location according to 'b. Eligibility'."),
        Fault.BROKEN: _error(-1000, "An unknown error occurred while processing the request."),
        Fault.MAINTENANCE: _error(1, "System is under maintenance."),
    }

    def routes(self) -> Mapping[str, tuple[Kind, Answer]]:
        shared: dict[str, tuple[Kind, Answer]] = {
            "time": (Kind.TIME, lambda query: {"serverTime": self.now_ms()}),
            "klines": (Kind.CANDLES, self._klines),
            "depth": (Kind.BOOK, self._depth),
            "aggTrades": (Kind.TRADES, self._trades),
        }
        return {
            **{f"GET /{root}/{path}": route for root in ("api/v3", "fapi/v1") for path, route in shared.items()},
            "GET /api/v3/exchangeInfo": (Kind.LISTING, lambda query: self._info(self._spot())),
            "GET /fapi/v1/exchangeInfo": (Kind.LISTING, lambda query: self._info(self._perpetuals())),
            "GET /api/v3/ticker/24hr": (Kind.TICKER, self._ticker),
            "GET /fapi/v1/premiumIndex": (Kind.FUNDING, self._premium),
            "GET /fapi/v1/fundingInfo": (Kind.FUNDING, lambda query: self._intervals()),
            "GET /fapi/v1/fundingRate": (Kind.FUNDING, self._settled),
            "GET /fapi/v1/openInterest": (Kind.FUNDING, self._interest),
        }

    def _info(self, symbols: list[dict[str, Any]]) -> dict[str, Any]:
        return {"timezone": "UTC", "serverTime": self.now_ms(), "rateLimits": [], "exchangeFilters": [],
                "symbols": symbols}  # fmt: skip

    def _spot(self) -> list[dict[str, Any]]:
        return [
            {
                **self._listing(symbol, symbol.quote, "NOTIONAL"),
                "isSpotTradingAllowed": not self.is_delisted(symbol),
                "isMarginTradingAllowed": False,
                "permissions": [],
                "permissionSets": [["SPOT"]],
            }
            for symbol in self.symbols
        ]

    def _perpetuals(self) -> list[dict[str, Any]]:
        return [
            {
                **self._listing(self.world.priced(base), quote, "MIN_NOTIONAL"),
                "pair": base + quote,
                "contractType": "PERPETUAL",
                "deliveryDate": 4133404800000,
                "onboardDate": 1569398400000,
                "marginAsset": quote,
            }
            for base in self.world.bases
            for quote in QUOTES
        ]

    def _listing(self, symbol: Symbol, quote: str, least: str) -> dict[str, Any]:
        rules = self.world.market.rules(symbol)
        tick, step, notional = plain(rules.price_tick), plain(rules.quantity_step), plain(rules.min_notional_quote)
        return {
            "symbol": symbol.base + quote,
            "status": "BREAK" if self.is_delisted(symbol) else "TRADING",
            "baseAsset": symbol.base,
            "quoteAsset": quote,
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "20000000", "tickSize": tick},
                {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "90000000", "stepSize": step},
                {"filterType": least, "minNotional": notional, "notional": notional},
            ],
        }

    def _klines(self, query: Query) -> list[Any]:
        symbol = self._symbol(query)
        if query.get("interval") not in set(Timeframe):
            raise Refused(400, _error(-1120, "Invalid interval."))
        timeframe = Timeframe(query["interval"])
        limit = min(int(query.get("limit", 500)), 1000)
        last = int(query.get("endTime", self.world.now_ms()))
        start = query.get("startTime")
        first = int(start) if start else last - limit * timeframe.ms + 1
        return [list(row) for row in self.page(symbol, timeframe, first, last, limit, newest=not start)]

    def _depth(self, query: Query) -> dict[str, Any]:
        book = self.book(self._symbol(query), min(int(query.get("limit", 100)), 5000))
        bids, asks = ([[f"{p:.8f}", f"{q:.8f}"] for p, q in side] for side in (book.bids, book.asks))
        return {"lastUpdateId": self.world.now_ms(), "bids": bids, "asks": asks}

    def _trades(self, query: Query) -> list[Any]:
        start, end = (int(query[name]) if name in query else None for name in ("startTime", "endTime"))
        rows = self.prints(self._symbol(query), min(int(query.get("limit", 500)), 1000), start, end)
        return [_aggregate(row) for row in rows]

    def _ticker(self, query: Query) -> dict[str, Any]:
        symbol = self._symbol(query)
        book = self.world.market.book(symbol, self.world.now_ms(), 1)
        return {"symbol": symbol.joined, "lastPrice": plain(self.world.market.price(symbol, self.world.now_ms())),
                "bidPrice": plain(book.bids[0][0]), "askPrice": plain(book.asks[0][0]),
                "closeTime": self.now_ms()}  # fmt: skip

    def _premium(self, query: Query) -> dict[str, Any]:
        perpetual = self.world.perpetual(self._symbol(query).base, 8)
        return {"symbol": query["symbol"], "markPrice": plain(perpetual.mark), "indexPrice": plain(perpetual.mark),
                "estimatedSettlePrice": plain(perpetual.mark), "lastFundingRate": plain(perpetual.rate),
                "interestRate": "0.00010000", "nextFundingTime": perpetual.funds_ms,
                "time": self.now_ms()}  # fmt: skip

    def _intervals(self) -> list[Any]:
        """Only the perpetuals whose interval is not the usual eight hours are told; here that is the second base."""
        return [
            {"symbol": base + quote, "adjustedFundingRateCap": "0.02500000",
             "adjustedFundingRateFloor": "-0.02500000", "fundingIntervalHours": 8, "disclaimer": False}
            for base in self.world.bases[1:2] for quote in QUOTES
        ]  # fmt: skip

    def _settled(self, query: Query) -> list[Any]:
        symbol, span, now = self._symbol(query), 8 * 3_600_000, self.world.now_ms()
        first = -(-int(query.get("startTime", now - 100 * span)) // span) * span
        last = min(now, int(query.get("endTime", now)))
        rate = plain(self.world.perpetual(symbol.base, 8).rate)
        told = [{"symbol": query["symbol"], "fundingRate": rate, "fundingTime": at, "markPrice": ""}
                for at in range(first, last + 1, span)]  # fmt: skip
        return told[: min(int(query.get("limit", 100)), 1000)]

    def _interest(self, query: Query) -> dict[str, Any]:
        perpetual = self.world.perpetual(self._symbol(query).base, 8)
        return {"openInterest": plain(perpetual.open_interest), "symbol": query["symbol"], "time": self.now_ms()}

    def _symbol(self, query: Query) -> Symbol:
        name = query.get("symbol", "")
        spot = {symbol.joined: symbol for symbol in self.symbols}
        perpetual = {base + quote: self.world.priced(base) for base in self.world.bases for quote in QUOTES}
        if name not in spot and name not in perpetual:
            raise Refused(400, _error(-1121, "Invalid symbol."))
        return spot.get(name) or perpetual[name]


def _aggregate(row: Print) -> dict[str, Any]:
    number, at, price, quantity, makes = row
    return {"a": number, "p": f"{price:.8f}", "q": f"{quantity:.8f}", "f": number, "l": number, "T": at, "m": makes,
            "M": True}  # fmt: skip
