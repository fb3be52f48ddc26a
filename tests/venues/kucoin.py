"""KuCoin: spot at `/api/v1` and `/api/v2`, futures at `/api/v1/contracts`, open interest at `/api/ua/v1`.

After the Classic API pages (symbols, klines, part order book, trade history, server time; futures contracts, klines,
funding rate) and the payloads `kucoin/sdk_spot_market.json`, `kucoin/hummingbot/kucoin_api_order_book_data_source`.
A candle is time, open, close, high, low, volume, turnover. Weeks begin on Thursday."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from semanticsignal.domain.market import Symbol, Timeframe
from tests.venues.desk import Answer, Desk, Query, Refused, plain, sides
from tests.venues.faults import Fault, Kind

UNITS = {"min": "m", "hour": "h", "day": "d", "week": "w"}
CONTRACT = {"BTC": Decimal("0.001"), "ETH": Decimal("0.01"), "SOL": Decimal("0.1")}
SPOT_PAGE, FUTURES_PAGE, NEWEST = 1500, 200, 100


def _error(code: str, message: str) -> dict[str, Any]:
    return {"code": code, "msg": message}


def _told(data: Any) -> dict[str, Any]:
    return {"code": "200000", "data": data}


class Kucoin(Desk):
    """A page is 1500 bars of spot, newest first, times in s; trades are the newest 100 with times in ns."""

    name: ClassVar[str] = "kucoin"
    week_starts_on_thursday: ClassVar[bool] = True
    manners: ClassVar[Mapping[Fault, Any]] = {
        Fault.LIMITED: _error("429000", "Too many requests in a short period of time, please retry later"),
        Fault.GEO: _error("400302", "Our services are currently unavailable in your region."),
        Fault.FORBIDDEN: _error("400303", "Not available where you are."),
        Fault.BROKEN: _error("500000", "Internal Server Error"),
        Fault.MAINTENANCE: _error("503", "Offline for maintenance, try again later."),
    }

    def routes(self) -> Mapping[str, tuple[Kind, Answer]]:
        return {
            "GET /api/v1/timestamp": (Kind.TIME, lambda query: _told(self.now_ms())),
            "GET /api/v2/symbols": (Kind.LISTING, lambda query: _told([self._listing(s) for s in self.symbols])),
            "GET /api/v1/market/allTickers": (Kind.LISTING, lambda query: _told(self._tickers())),
            "GET /api/v1/market/candles": (Kind.CANDLES, lambda query: _told(self._candles(query))),
            "GET /api/v1/market/orderbook/level2_{size}": (Kind.BOOK, lambda query: _told(self._book(query))),
            "GET /api/v1/market/histories": (Kind.TRADES, lambda query: _told(self._trades(query))),
            "GET /api/v1/contracts/active": (Kind.LISTING, lambda query: _told(self._contracts())),
            "GET /api/v1/kline/query": (Kind.CANDLES, lambda query: _told(self._contract_candles(query))),
            "GET /api/v1/funding-rate/{symbol}/current": (Kind.FUNDING, lambda query: _told(self._funding(query))),
            "GET /api/ua/v1/market/open-interest": (Kind.FUNDING, lambda query: _told(self._interests(query))),
        }

    def _listing(self, symbol: Symbol) -> dict[str, Any]:
        rules = self.world.market.rules(symbol)
        return {
            "symbol": f"{symbol.base}-{symbol.quote}",
            "name": f"{symbol.base}-{symbol.quote}",
            "baseCurrency": symbol.base,
            "quoteCurrency": symbol.quote,
            "feeCurrency": symbol.quote,
            "market": "USDS",
            "baseMinSize": plain(rules.quantity_step),
            "quoteMinSize": plain(rules.min_notional_quote),
            "baseMaxSize": "10000000000",
            "quoteMaxSize": "99999999",
            "baseIncrement": plain(rules.quantity_step),
            "quoteIncrement": "0.000001",
            "priceIncrement": plain(rules.price_tick),
            "priceLimitRate": "0.1",
            "minFunds": plain(rules.min_notional_quote),
            "isMarginEnabled": True,
            "enableTrading": not self.is_delisted(symbol),
        }

    def _tickers(self) -> dict[str, Any]:
        now = self.world.now_ms()
        return {
            "time": self.now_ms(),
            "ticker": [
                {"symbol": f"{symbol.base}-{symbol.quote}", "last": plain(self.world.market.price(symbol, now)),
                 "takerFeeRate": "0.001", "makerFeeRate": "0.001", "takerCoefficient": "1", "makerCoefficient": "1"}
                for symbol in self.symbols
            ],
        }  # fmt: skip

    def _candles(self, query: Query) -> list[Any]:
        symbol, timeframe = self._symbol(query), _timeframe(query.get("type", ""))
        end = int(query.get("endAt", 0)) * 1000 or self.world.now_ms() + 1
        start = int(query.get("startAt", 0)) * 1000
        rows = self.page(symbol, timeframe, start, end - 1, SPOT_PAGE, newest=True)
        return [[str(int(at) // 1000), *map(plain, (o, c, h, low, v, quote))]
                for at, o, h, low, c, v, _, quote, *_ in reversed(rows)]  # fmt: skip

    def _book(self, query: Query) -> dict[str, Any]:
        if query["size"] not in {"20", "100"}:
            raise Refused(404, _error("404", "No such depth."))
        book = self.book(self._symbol(query), int(query["size"]))
        return {"time": self.now_ms(), "sequence": "14610502970", "bids": sides(book.bids), "asks": sides(book.asks)}

    def _trades(self, query: Query) -> list[Any]:
        return [
            {"sequence": str(number), "price": plain(price), "size": plain(quantity),
             "side": "sell" if makes else "buy", "time": at * 1_000_000}
            for number, at, price, quantity, makes in self.prints(self._symbol(query), NEWEST)
        ]  # fmt: skip

    def _contracts(self) -> list[Any]:
        return [self._contract(base, quote) for base in self.world.bases for quote in ("USDT", "USDC")]

    def _contract(self, base: str, quote: str) -> dict[str, Any]:
        perpetual, size = self.world.perpetual(base, 8), CONTRACT.get(base, Decimal(1))
        return {
            "symbol": f"{_short(base)}{quote}M",
            "rootSymbol": quote,
            "type": "FFWCSX",
            "firstOpenDate": 1585555200000,
            "expireDate": None,
            "baseCurrency": _short(base),
            "quoteCurrency": quote,
            "settleCurrency": quote,
            "maxOrderQty": 1000000,
            "lotSize": 1,
            "tickSize": float(self.world.market.rules(self.world.priced(base)).price_tick),
            "multiplier": float(size),
            "makerFeeRate": 0.0002,
            "takerFeeRate": 0.0006,
            "isInverse": False,
            "status": "Open",
            "fundingFeeRate": float(perpetual.rate),
            "fundingRateGranularity": perpetual.interval_s * 1000,
            "nextFundingRateTime": perpetual.funds_ms - self.now_ms(),
            "openInterest": plain(perpetual.open_interest / size),
            "markPrice": float(perpetual.mark),
            "maxLeverage": 125,
        }

    def _contract_candles(self, query: Query) -> list[Any]:
        base = self._base(query)
        minutes = int(query["granularity"])
        timeframe = next((one for one in Timeframe if one.seconds == minutes * 60), None)
        if timeframe is None:
            raise Refused(400, _error("100001", "granularity is invalid"))
        start, end = int(query.get("from", 0)), int(query.get("to", self.world.now_ms()))
        rows = self.page(self.world.priced(base), timeframe, start, end - 1, FUTURES_PAGE, newest="from" not in query)
        size = CONTRACT.get(base, Decimal(1))
        return [[at, *map(float, (o, h, low, c)), float(Decimal(v) / size), float(quote)]
                for at, o, h, low, c, v, _, quote, *_ in rows]  # fmt: skip

    def _funding(self, query: Query) -> dict[str, Any]:
        perpetual = self.world.perpetual(self._base(query), 8)
        return {
            "symbol": f".{query['symbol']}FPI8H",
            "granularity": perpetual.interval_s * 1000,
            "timePoint": perpetual.funded_ms,
            "value": float(perpetual.rate),
            "predictedValue": float(perpetual.rate),
            "fundingRateCap": 0.003,
            "fundingRateFloor": -0.003,
            "period": 1,
            "fundingTime": perpetual.funds_ms,
        }

    def _interests(self, query: Query) -> list[Any]:
        told = []
        for name in str(query.get("symbol", "")).split(","):
            base = self._base({"symbol": name})
            contracts = self.world.perpetual(base, 8).open_interest / CONTRACT.get(base, Decimal(1))
            told.append({"symbol": name, "openInterest": plain(contracts), "ts": self.now_ms()})
        return told

    def _symbol(self, query: Query) -> Symbol:
        named = {f"{symbol.base}-{symbol.quote}": symbol for symbol in self.symbols}
        if query.get("symbol") not in named:
            raise Refused(400, _error("400100", "Unsupported trading pair."))
        return named[query["symbol"]]

    def _base(self, query: Query) -> str:
        named = {f"{_short(base)}{quote}M": base for base in self.world.bases for quote in ("USDT", "USDC")}
        if query.get("symbol") not in named:
            raise Refused(404, _error("400600", "This contract does not exist"))
        return named[query["symbol"]]


def _short(base: str) -> str:
    return "XBT" if base == "BTC" else base


def _timeframe(written: str) -> Timeframe:
    for word, unit in UNITS.items():
        if written.endswith(word) and (told := written.removesuffix(word) + unit) in set(Timeframe):
            return Timeframe(told)
    raise Refused(400, _error("400100", "Incorrect candlestick type"))
