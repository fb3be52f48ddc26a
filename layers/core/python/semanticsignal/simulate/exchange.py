"""The simulated market behind Binance's own REST paths, bodies, limits and errors, so that the real plug reads it."""

import re
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..domain.market import Symbol, Timeframe
from .market import Print, SimulatedMarket

DAY_MS = 86_400_000
EXPECTED = {"symbol": r"^[A-Z0-9-_.]{1,20}$"}
INTEGER = r"^[0-9]{1,20}$"


class Refused(Exception):
    """What Binance answers with status 400 and {"code", "msg"}."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def app(market: SimulatedMarket, now_ms: Callable[[], int]) -> FastAPI:
    """The exchange at the instant that `now_ms` tells. Every response carries `x-simulated: true`."""
    api = FastAPI(title="Simulated exchange", openapi_url=None)
    for path, answer in _Desk(market, now_ms).answers().items():
        api.add_api_route(f"/api/v3/{path}", _route(answer), methods=["GET"], response_model=None)
    api.add_exception_handler(Refused, _refusal)
    api.add_middleware(_Marked)
    return api


class _Marked:
    """Nothing leaves without saying that it is simulated, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-simulated"] = "true"
            await send(message)

        await self._app(scope, receive, marked)


def _route(answer: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return _json(answer(request))

    return endpoint


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json;charset=UTF-8")


async def _refusal(request: Request, refused: Exception) -> Response:
    if not isinstance(refused, Refused):
        raise refused
    return _json({"code": refused.code, "msg": refused.message}, 400)


class _Desk:
    """Query in, JSON out."""

    def __init__(self, market: SimulatedMarket, now_ms: Callable[[], int]) -> None:
        self._market, self._now_ms = market, now_ms
        self._symbols = {symbol.joined: symbol for symbol in market.symbols}

    def answers(self) -> dict[str, Callable[[Request], Any]]:
        return {
            "ping": lambda request: {},
            "time": lambda request: {"serverTime": self._now_ms()},
            "exchangeInfo": self._info,
            "klines": self._klines,
            "depth": self._depth,
            "trades": lambda request: [_trade(row) for row in self._prints(request)],
            "aggTrades": lambda request: [_aggregate(row) for row in self._prints(request)],
            "ticker/24hr": lambda request: self._each(request, self._day),
            "ticker/price": lambda request: self._each(request, self._price),
            "ticker/bookTicker": lambda request: self._each(request, self._top),
        }

    def _info(self, request: Request) -> dict[str, Any]:
        return {
            "timezone": "UTC",
            "serverTime": self._now_ms(),
            "rateLimits": [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
                {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61000},
            ],
            "exchangeFilters": [],
            "symbols": [self._listing(symbol) for symbol in self._asked(request)],
        }

    def _listing(self, symbol: Symbol) -> dict[str, Any]:
        rules = self._market.rules(symbol)
        tick, step = _number(rules.price_tick), _number(rules.quantity_step)
        notional = _number(rules.min_notional_quote)
        return {
            "symbol": symbol.joined,
            "status": "TRADING",
            "baseAsset": symbol.base,
            "baseAssetPrecision": 8,
            "quoteAsset": symbol.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
            "icebergAllowed": True,
            "ocoAllowed": True,
            "quoteOrderQtyMarketAllowed": True,
            "allowTrailingStop": True,
            "cancelReplaceAllowed": True,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "20000000.00000000", "tickSize": tick},
                {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "90000000.00000000", "stepSize": step},
                {"filterType": "ICEBERG_PARTS", "limit": 10},
                {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "90000.00000000",
                 "stepSize": "0.00000000"},
                {"filterType": "NOTIONAL", "minNotional": notional, "applyMinToMarket": True,
                 "maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5},
                {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
            ],
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
            "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
        }  # fmt: skip

    def _klines(self, request: Request) -> list[Any]:
        symbol, interval = self._symbol(request), request.query_params.get("interval")
        if not interval:
            raise _missing("interval")
        if interval not in set(Timeframe):
            raise Refused(-1120, "Invalid interval.")
        start, end = _integer(request, "startTime"), _integer(request, "endTime")
        limit = _limit(request, 500, 1000)
        return list(self._market.klines(symbol, Timeframe(interval), start, end, limit, self._now_ms()))

    def _depth(self, request: Request) -> dict[str, Any]:
        now = self._now_ms()
        book = self._market.book(self._symbol(request), now, _limit(request, 100, 5000))
        return {
            "lastUpdateId": now,
            "bids": [[_number(price), _number(quantity)] for price, quantity in book.bids],
            "asks": [[_number(price), _number(quantity)] for price, quantity in book.asks],
        }

    def _prints(self, request: Request) -> list[Print]:
        symbol, limit = self._symbol(request), _limit(request, 500, 1000)
        start, end = _integer(request, "startTime"), _integer(request, "endTime")
        return self._market.trades(symbol, start, end, limit, self._now_ms())

    def _price(self, symbol: Symbol) -> dict[str, Any]:
        return {"symbol": symbol.joined, "price": _number(self._market.price(symbol, self._now_ms()))}

    def _top(self, symbol: Symbol) -> dict[str, Any]:
        book = self._market.book(symbol, self._now_ms(), 1)
        (bid, bid_quantity), (ask, ask_quantity) = book.bids[0], book.asks[0]
        return {
            "symbol": symbol.joined,
            "bidPrice": _number(bid),
            "bidQty": _number(bid_quantity),
            "askPrice": _number(ask),
            "askQty": _number(ask_quantity),
        }

    def _day(self, symbol: Symbol) -> dict[str, Any]:
        now = self._now_ms()
        opened_ms, opened, high, low, close, volume, _, quote, count, *_ = self._market.rolling(symbol, DAY_MS, now)
        last = self._market.trades(symbol, None, None, 1, now)
        begun, ended, traded = Decimal(opened), Decimal(close), Decimal(volume)
        return {
            **self._top(symbol),
            "priceChange": _number(ended - begun),
            "priceChangePercent": f"{(ended / begun - 1) * 100:.3f}",
            "weightedAvgPrice": _number(Decimal(quote) / traded if traded else ended),
            "prevClosePrice": opened,
            "lastPrice": close,
            "lastQty": _number(last[-1][3]) if last else "0.00000000",
            "openPrice": opened,
            "highPrice": high,
            "lowPrice": low,
            "volume": volume,
            "quoteVolume": quote,
            "openTime": opened_ms,
            "closeTime": now,
            "firstId": last[-1][0] - int(count) + 1 if last else -1,
            "lastId": last[-1][0] if last else -1,
            "count": count,
        }

    def _each(self, request: Request, answer: Callable[[Symbol], dict[str, Any]]) -> Any:
        """One object for `symbol`, a list for `symbols` or for nothing, as Binance's tickers do."""
        if "symbol" in request.query_params:
            return answer(self._symbol(request))
        return [answer(symbol) for symbol in self._asked(request)]

    def _asked(self, request: Request) -> list[Symbol]:
        if "symbol" in request.query_params:
            return [self._symbol(request)]
        if "symbols" not in request.query_params:
            return list(self._market.symbols)
        try:
            names = orjson.loads(request.query_params["symbols"])
        except orjson.JSONDecodeError as wrong:
            raise _illegal("symbols", EXPECTED["symbol"]) from wrong
        if not isinstance(names, list):
            raise _illegal("symbols", EXPECTED["symbol"])
        return [self._listed(name) for name in names]

    def _symbol(self, request: Request) -> Symbol:
        name = request.query_params.get("symbol")
        if not name:
            raise _missing("symbol")
        if not re.match(EXPECTED["symbol"], name):
            raise _illegal("symbol", EXPECTED["symbol"])
        return self._listed(name)

    def _listed(self, name: object) -> Symbol:
        if not isinstance(name, str) or name not in self._symbols:
            raise Refused(-1121, "Invalid symbol.")
        return self._symbols[name]


def _missing(name: str) -> Refused:
    return Refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def _illegal(name: str, expected: str) -> Refused:
    return Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{expected}'.")


def _integer(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not re.match(INTEGER, text, re.ASCII):
        raise _illegal(name, INTEGER)
    return int(text)


def _limit(request: Request, default: int, most: int) -> int:
    """Binance cuts a limit that is too large and refuses none at all."""
    limit = _integer(request, "limit")
    if limit == 0:
        raise Refused(-1130, "Data sent for parameter 'limit' is not valid.")
    return min(limit or default, most)


def _number(value: Decimal) -> str:
    return f"{value:.8f}"


def _trade(row: Print) -> dict[str, Any]:
    number, at, price, quantity, makes = row
    return {
        "id": number,
        "price": _number(price),
        "qty": _number(quantity),
        "quoteQty": _number(price * quantity),
        "time": at,
        "isBuyerMaker": makes,
        "isBestMatch": True,
    }


def _aggregate(row: Print) -> dict[str, Any]:
    number, at, price, quantity, makes = row
    return {"a": number, "p": _number(price), "q": _number(quantity), "f": number, "l": number, "T": at, "m": makes,
            "M": True}  # fmt: skip
