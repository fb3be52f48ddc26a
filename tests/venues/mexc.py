"""MEXC: spot at `/api/v3`, perpetuals at `/api/v1/contract`.

After the Spot v3 and Contract v1 pages (exchange information, klines, depth, aggregate trades; contract detail,
funding rate, ticker) and the payloads `mexc/hummingbot/*`, `mexc/ccxt_static_response_excerpt.json`."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from semanticsignal.domain.market import Symbol, Timeframe
from tests.venues.desk import Answer, Desk, Query, Refused, decimals, plain, sides
from tests.venues.faults import Fault, Kind

INTERVALS = {"60m": "1h", "1W": "1w"} | {one: one for one in ("1m", "5m", "15m", "30m", "4h", "1d")}
LONG = {"Min1": "1m", "Min5": "5m", "Min15": "15m", "Min30": "30m", "Min60": "1h", "Hour4": "4h", "Hour8": "8h",
        "Day1": "1d", "Week1": "1w"}  # fmt: skip
CONTRACT = {"BTC": Decimal("0.0001"), "ETH": Decimal("0.01"), "SOL": Decimal("0.1")}
SPOT_PAGE, CONTRACT_PAGE = 500, 2000


def _error(code: int, message: str) -> dict[str, Any]:
    return {"code": code, "msg": message}


def _told(data: Any) -> dict[str, Any]:
    return {"success": True, "code": 0, "data": data}


class Mexc(Desk):
    """A page is 500 bars, oldest first, times in ms, `endTime` excluded. Spot and contracts share their listing."""

    name: ClassVar[str] = "mexc"
    manners: ClassVar[Mapping[Fault, Any]] = {
        Fault.LIMITED: _error(429, "Too Many Requests"),
        Fault.BROKEN: _error(500, "Internal error"),
        Fault.UNAVAILABLE: _error(503, "Service not available, please try again"),
        Fault.MAINTENANCE: _error(801, "System under maintenance"),
    }

    def routes(self) -> Mapping[str, tuple[Kind, Answer]]:
        contract = "GET /api/v1/contract"
        return {
            "GET /api/v3/time": (Kind.TIME, lambda query: {"serverTime": self.now_ms()}),
            "GET /api/v3/exchangeInfo": (Kind.LISTING, lambda query: self._info()),
            "GET /api/v3/klines": (Kind.CANDLES, self._klines),
            "GET /api/v3/depth": (Kind.BOOK, self._depth),
            "GET /api/v3/aggTrades": (Kind.TRADES, self._trades),
            f"{contract}/ping": (Kind.TIME, lambda query: _told(self.now_ms())),
            f"{contract}/detail": (Kind.LISTING, lambda query: _told([self._detail(b) for b in self.world.bases])),
            f"{contract}/kline/{{symbol}}": (Kind.CANDLES, lambda query: _told(self._contract_klines(query))),
            f"{contract}/funding_rate/{{symbol}}": (Kind.FUNDING, lambda query: _told(self._funding(query))),
            f"{contract}/ticker": (Kind.FUNDING, lambda query: _told(self._ticker(query))),
        }

    def _info(self) -> dict[str, Any]:
        return {"timezone": "CST", "serverTime": self.now_ms(), "rateLimits": [], "exchangeFilters": [],
                "symbols": [self._listing(symbol) for symbol in self.symbols]}  # fmt: skip

    def _listing(self, symbol: Symbol) -> dict[str, Any]:
        rules = self.world.market.rules(symbol)
        return {
            "symbol": symbol.joined,
            "status": "2" if self.is_delisted(symbol) else "1",
            "baseAsset": symbol.base,
            "baseAssetPrecision": decimals(rules.quantity_step),
            "quoteAsset": symbol.quote,
            "quotePrecision": decimals(rules.price_tick),
            "quoteAssetPrecision": decimals(rules.price_tick),
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"],
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "quoteAmountPrecision": plain(rules.min_notional_quote),
            "baseSizePrecision": plain(rules.quantity_step),
            "permissions": ["SPOT"],
            "filters": [],
            "maxQuoteAmount": "4000000",
            "makerCommission": "0",
            "takerCommission": "0.0005",
        }

    def _klines(self, query: Query) -> list[Any]:
        symbol, timeframe = self._symbol(query), _timeframe(INTERVALS, query.get("interval", ""))
        limit = min(int(query.get("limit", SPOT_PAGE)), SPOT_PAGE)
        end = int(query.get("endTime", self.world.now_ms() + 1))
        first = int(query.get("startTime", end - limit * timeframe.ms))
        rows = self.page(symbol, timeframe, first, end - 1, limit, newest="startTime" not in query)
        return [[at, *map(plain, (o, h, low, c, v)), int(end) + 1, plain(quote)]
                for at, o, h, low, c, v, end, quote, *_ in rows]  # fmt: skip

    def _depth(self, query: Query) -> dict[str, Any]:
        book = self.book(self._symbol(query), min(int(query.get("limit", 100)), 5000))
        return {"lastUpdateId": 20453289489, "bids": sides(book.bids), "asks": sides(book.asks),
                "timestamp": self.now_ms()}  # fmt: skip

    def _trades(self, query: Query) -> list[Any]:
        rows = self.prints(self._symbol(query), min(int(query.get("limit", 500)), 1000))
        return [
            {"a": None, "f": None, "l": None, "p": plain(price), "q": plain(quantity), "T": at, "m": makes, "M": True}
            for _, at, price, quantity, makes in reversed(rows)
        ]

    def _detail(self, base: str) -> dict[str, Any]:
        return {
            "symbol": f"{base}_USDT",
            "displayNameEn": f"{base}_USDT PERPETUAL",
            "baseCoin": base,
            "quoteCoin": "USDT",
            "settleCoin": "USDT",
            "contractSize": float(CONTRACT.get(base, Decimal(1))),
            "minLeverage": 1,
            "maxLeverage": 200,
            "priceUnit": float(self.world.market.rules(self.world.priced(base)).price_tick),
            "volUnit": 1,
            "minVol": 1,
            "maxVol": 1800000,
            "takerFeeRate": 0.0002,
            "makerFeeRate": 0,
            "state": 0,
        }

    def _contract_klines(self, query: Query) -> dict[str, Any]:
        base, timeframe = self._base(query), _timeframe(LONG, query.get("interval", "Min1"))
        last = int(query.get("end", self.world.now_ms() // 1000)) * 1000
        first = int(query.get("start", last // 1000 - CONTRACT_PAGE * timeframe.seconds)) * 1000
        rows = self.page(self.world.priced(base), timeframe, first, last, CONTRACT_PAGE)
        size = CONTRACT.get(base, Decimal(1))
        told: dict[str, Any] = {"time": [int(row[0]) // 1000 for row in rows]}
        for column, name in enumerate(("open", "high", "low", "close"), 1):
            told[name] = [float(row[column]) for row in rows]
        return {**told, "vol": [float(Decimal(row[5]) / size) for row in rows], "amount": [float(r[7]) for r in rows]}

    def _funding(self, query: Query) -> dict[str, Any]:
        perpetual = self.world.perpetual(self._base(query), 8)
        return {"symbol": query["symbol"], "fundingRate": float(perpetual.rate), "maxFundingRate": 0.003,
                "minFundingRate": -0.003, "collectCycle": perpetual.interval_s // 3600,
                "nextSettleTime": perpetual.funds_ms, "timestamp": self.now_ms()}  # fmt: skip

    def _ticker(self, query: Query) -> Any:
        if "symbol" in query:
            return self._figures(self._base(query))
        return [self._figures(base) for base in self.world.bases]

    def _figures(self, base: str) -> dict[str, Any]:
        perpetual = self.world.perpetual(base, 8)
        mark = float(perpetual.mark)
        return {"contractId": 10, "symbol": f"{base}_USDT", "lastPrice": mark, "fairPrice": mark, "indexPrice": mark,
                "holdVol": int(perpetual.open_interest / CONTRACT.get(base, Decimal(1))),
                "fundingRate": float(perpetual.rate), "timestamp": self.now_ms()}  # fmt: skip

    def _symbol(self, query: Query) -> Symbol:
        named = {symbol.joined: symbol for symbol in self.symbols}
        if query.get("symbol") not in named:
            raise Refused(400, _error(-1121, "Invalid symbol."))
        return named[query["symbol"]]

    def _base(self, query: Query) -> str:
        base: str = query.get("symbol", "").removesuffix("_USDT")
        if base not in self.world.bases:
            raise Refused(200, {"success": False, "code": 1001, "message": "Contract does not exist!"})
        return base


def _timeframe(named: Mapping[str, str], written: str) -> Timeframe:
    if written not in named:
        raise Refused(400, _error(-1121, "Invalid interval."))
    return Timeframe(named[written])
