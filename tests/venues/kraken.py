"""Kraken: spot at `/0/public`, futures at `/derivatives/api/v3`, `/api/charts/v1`, `/api/history/v3`.

After the Spot REST pages (asset pairs, OHLC, depth, trades, server time) and the Futures pages (instruments, tickers,
order book, market candles, public executions), and the payloads `kraken/nautilus/http_*`.
Errors come with status 200 and in a list. Weeks begin on Thursday; the last bar told is the running one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from semanticsignal.domain.market import Symbol, Timeframe
from tests.venues.desk import Answer, Desk, Query, Refused, decimals, iso, plain
from tests.venues.faults import Fault, Kind

ASSETS = {"BTC": "XXBT", "ETH": "XETH", "USD": "ZUSD", "EUR": "ZEUR"}
MINUTES = (1, 5, 15, 30, 60, 240, 1440, 10080)
CHARTS = {"1m", "5m", "15m", "30m", "1h", "4h", "12h", "1d", "1w"}
PAGE, RUNGS, TAPE, CHART_PAGE = 720, 500, 1000, 2000


def _told(result: Any) -> dict[str, Any]:
    return {"error": [], "result": result}


def _error(message: str) -> dict[str, Any]:
    return {"error": [message]}


class Kraken(Desk):
    """The newest 720 bars and no others, oldest first, times in s; 1000 trades with fractions of a second."""

    name: ClassVar[str] = "kraken"
    week_starts_on_thursday: ClassVar[bool] = True
    statuses: ClassVar[Mapping[Fault, int]] = {Fault.MAINTENANCE: 200}
    manners: ClassVar[Mapping[Fault, Any]] = {
        Fault.LIMITED: _error("EGeneral:Too many requests"),
        Fault.BROKEN: _error("EGeneral:Internal error"),
        Fault.UNAVAILABLE: _error("EService:Busy"),
        Fault.MAINTENANCE: _error("EService:Unavailable"),
    }

    def routes(self) -> Mapping[str, tuple[Kind, Answer]]:
        spot, futures = "GET /0/public", "GET /derivatives/api/v3"
        return {
            f"{spot}/Time": (Kind.TIME, lambda query: _told(self._time())),
            f"{spot}/AssetPairs": (Kind.LISTING, lambda query: _told(self._pairs())),
            f"{spot}/OHLC": (Kind.CANDLES, lambda query: _told(self._ohlc(query))),
            f"{spot}/Depth": (Kind.BOOK, lambda query: _told(self._depth(query))),
            f"{spot}/Trades": (Kind.TRADES, lambda query: _told(self._trades(query))),
            f"{futures}/instruments": (Kind.LISTING, lambda query: self._futures(self._instruments(), "instruments")),
            f"{futures}/tickers": (Kind.FUNDING, lambda query: self._futures(self._tickers(), "tickers")),
            f"{futures}/orderbook": (Kind.BOOK, lambda query: self._futures(self._orderbook(query), "orderBook")),
            "GET /api/charts/v1/trade/{symbol}/{interval}": (Kind.CANDLES, self._chart),
        }

    def _time(self) -> dict[str, Any]:
        seconds = self.now_ms() // 1000
        return {"unixtime": seconds, "rfc1123": datetime.fromtimestamp(seconds, UTC).strftime("%a, %d %b %y %T +0000")}

    def _pairs(self) -> dict[str, Any]:
        return {_name(symbol): self._listing(symbol) for symbol in self.symbols}

    def _listing(self, symbol: Symbol) -> dict[str, Any]:
        rules = self.world.market.rules(symbol)
        return {
            "altname": _name(symbol),
            "wsname": f"{_short(symbol.base)}/{symbol.quote}",
            "aclass_base": "currency",
            "base": ASSETS.get(symbol.base, symbol.base),
            "aclass_quote": "currency",
            "quote": ASSETS.get(symbol.quote, symbol.quote),
            "lot": "unit",
            "cost_decimals": 5,
            "pair_decimals": decimals(rules.price_tick),
            "lot_decimals": decimals(rules.quantity_step),
            "lot_multiplier": 1,
            "leverage_buy": [],
            "leverage_sell": [],
            "fees": [[0, 0.4]],
            "fees_maker": [[0, 0.25]],
            "fee_volume_currency": "ZUSD",
            "ordermin": plain(rules.quantity_step),
            "costmin": plain(rules.min_notional_quote),
            "tick_size": plain(rules.price_tick),
            "status": "cancel_only" if self.is_delisted(symbol) else "online",
        }

    def _ohlc(self, query: Query) -> dict[str, Any]:
        symbol, minutes = self._symbol(query), query.get("interval", "1")
        if minutes not in {str(one) for one in MINUTES}:
            raise Refused(200, _error("EGeneral:Invalid arguments"))
        timeframe = next(one for one in Timeframe if one.seconds == int(minutes) * 60)
        since, now = int(query.get("since", 0)) * 1000, self.world.now_ms()
        rows = self.page(symbol, timeframe, since + 1, now, PAGE, newest=True)
        last = max((int(row[0]) for row in rows), default=now) - timeframe.ms
        told = [[int(at) // 1000, *map(plain, (o, h, low, c)), plain(_vwap(quote, v)), plain(v), count]
                for at, o, h, low, c, v, _, quote, count, *_ in rows]  # fmt: skip
        return {_name(symbol): told, "last": last // 1000}

    def _depth(self, query: Query) -> dict[str, Any]:
        symbol, seconds = self._symbol(query), self.now_ms() // 1000
        book = self.book(symbol, min(int(query.get("count", 100)), RUNGS))
        asks, bids = ([[plain(price), plain(quantity), seconds] for price, quantity in side]
                      for side in (book.asks, book.bids))  # fmt: skip
        return {_name(symbol): {"asks": asks, "bids": bids}}

    def _trades(self, query: Query) -> dict[str, Any]:
        symbol, limit = self._symbol(query), min(int(query.get("count", TAPE)), TAPE)
        start = int(float(query["since"]) * 1000) if "since" in query else None
        rows = self.prints(symbol, limit, start)
        told = [[plain(price), plain(quantity), at / 1000, "s" if makes else "b", "l", "", number]
                for number, at, price, quantity, makes in rows]  # fmt: skip
        return {_name(symbol): told, "last": str((rows[-1][1] if rows else self.now_ms()) * 1_000_000)}

    def _futures(self, told: Any, name: str) -> dict[str, Any]:
        return {"result": "success", name: told, "serverTime": iso(self.now_ms())}

    def _instruments(self) -> list[Any]:
        return [
            {
                "symbol": f"PF_{_short(base)}USD",
                "type": "flexible_futures",
                "tickSize": float(self.world.market.rules(self.world.priced(base)).price_tick),
                "contractSize": 1,
                "tradeable": True,
                "impactMidSize": 1.0,
                "maxPositionSize": 1000000.0,
                "openingDate": "2022-03-22T00:00:00Z",
                "marginLevels": [],
                "contractValueTradePrecision": decimals(self.world.market.rules(self.world.priced(base)).quantity_step),
                "postOnly": False,
                "base": base,
                "quote": "USD",
                "pair": f"{_short(base)}:USD",
            }
            for base in self.world.bases
        ]

    def _tickers(self) -> list[Any]:
        """`fundingRate`: quote per contract and hour, absolute, not a ratio."""
        told = []
        for base in self.world.bases:
            perpetual = self.world.perpetual(base, 1)
            mark, absolute = float(perpetual.mark), float(perpetual.rate * perpetual.mark)
            told.append({
                "symbol": f"PF_{_short(base)}USD", "tag": "perpetual", "pair": f"{_short(base)}:USD", "last": mark,
                "lastTime": iso(self.now_ms()), "markPrice": mark, "indexPrice": mark, "bid": mark, "ask": mark,
                "open24h": mark, "vol24h": 1.0, "openInterest": float(perpetual.open_interest),
                "fundingRate": absolute, "fundingRatePrediction": absolute, "suspended": False, "postOnly": False,
            })  # fmt: skip
        return told

    def _orderbook(self, query: Query) -> dict[str, Any]:
        book = self.book(self.world.priced(self._base(query)), RUNGS)
        return {
            "bids": [[float(p), float(q)] for p, q in book.bids],
            "asks": [[float(p), float(q)] for p, q in book.asks],
        }

    def _chart(self, query: Query) -> dict[str, Any]:
        base = self._base(query)
        if query["interval"] not in CHARTS:
            raise Refused(400, {"errors": [{"message": "invalid resolution"}]})
        timeframe = Timeframe(query["interval"])
        last = int(query.get("to", self.world.now_ms() // 1000)) * 1000
        first = int(query.get("from", last // 1000 - CHART_PAGE * timeframe.seconds)) * 1000
        rows = self.page(self.world.priced(base), timeframe, first, last, CHART_PAGE)
        candles = [{"time": at, "open": plain(o), "high": plain(h), "low": plain(low), "close": plain(c),
                    "volume": plain(v)} for at, o, h, low, c, v, *_ in rows]  # fmt: skip
        return {"candles": candles, "more_candles": False}

    def _symbol(self, query: Query) -> Symbol:
        named = {_name(symbol): symbol for symbol in self.symbols}
        if query.get("pair") not in named:
            raise Refused(200, _error("EQuery:Unknown asset pair"))
        return named[query["pair"]]

    def _base(self, query: Query) -> str:
        named = {f"PF_{_short(base)}USD": base for base in self.world.bases}
        if query.get("symbol") not in named:
            raise Refused(200, {"result": "error", "error": "contractNotFound", "serverTime": iso(self.now_ms())})
        return named[query["symbol"]]


def _short(base: str) -> str:
    return "XBT" if base == "BTC" else base


def _name(symbol: Symbol) -> str:
    return _short(symbol.base) + symbol.quote


def _vwap(quote: Any, volume: Any) -> str:
    return f"{float(quote) / float(volume):.8f}" if float(volume) else "0.0"
