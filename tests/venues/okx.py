"""OKX: everything at `/api/v5`, spot and swaps alike.

After the v5 pages (get instruments, candlesticks and their history, order book, trades, funding rate, open interest,
system time, error codes) and the payloads `okx/nautilus/http_get_*`.
Bars newest first, `after` older than and `before` newer than, both excluded; `1Wutc` begins on Monday."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from semanticsignal.domain.market import Symbol, Timeframe
from tests.venues.desk import Answer, Desk, Query, Refused, plain
from tests.venues.faults import Fault, Kind

BARS = {"1m": "1m", "5m": "5m", "15m": "15m", "30m": "30m", "1H": "1h", "2H": "2h", "4H": "4h",
        "6Hutc": "6h", "12Hutc": "12h", "1Dutc": "1d", "1Wutc": "1w"}  # fmt: skip
CONTRACT = {"BTC": Decimal("0.01"), "ETH": Decimal("0.1"), "SOL": Decimal(1)}
PAGE, NEAR, RUNGS, TAPE = 300, 1440, 400, 500
QUOTES = ("USDT", "USDC")


def _error(code: str, message: str) -> dict[str, Any]:
    return {"code": code, "msg": message, "data": []}


def _told(data: list[Any]) -> dict[str, Any]:
    return {"code": "0", "msg": "", "data": data}


class Okx(Desk):
    """A page is 300 bars; the newest 1440 at one path, what has closed, however old, at another."""

    name: ClassVar[str] = "okx"
    manners: ClassVar[Mapping[Fault, Any]] = {
        Fault.LIMITED: _error("50011", "Too Many Requests"),
        Fault.BROKEN: _error("50026", "System error, please try again later."),
        Fault.UNAVAILABLE: _error("50013", "System is busy, please try again later."),
        Fault.SLOW_GATEWAY: _error("50004", "API endpoint request timeout."),
        Fault.MAINTENANCE: _error("50001", "Service temporarily unavailable."),
    }

    def routes(self) -> Mapping[str, tuple[Kind, Answer]]:
        market, public = "GET /api/v5/market", "GET /api/v5/public"
        return {
            f"{public}/time": (Kind.TIME, lambda query: _told([{"ts": str(self.now_ms())}])),
            f"{public}/instruments": (Kind.LISTING, lambda query: _told(self._instruments(query))),
            f"{market}/candles": (Kind.CANDLES, lambda query: _told(self._candles(query, is_history=False))),
            f"{market}/history-candles": (Kind.CANDLES, lambda query: _told(self._candles(query, is_history=True))),
            f"{market}/books": (Kind.BOOK, lambda query: _told([self._books(query)])),
            f"{market}/trades": (Kind.TRADES, lambda query: _told(self._trades(query))),
            f"{public}/funding-rate": (Kind.FUNDING, lambda query: _told([self._funding(query)])),
            f"{public}/open-interest": (Kind.FUNDING, lambda query: _told([self._interest(query)])),
        }

    def _instruments(self, query: Query) -> list[Any]:
        match query.get("instType"):
            case "SPOT":
                return [self._spot(symbol) for symbol in self.symbols]
            case "SWAP":
                return [self._swap(base, quote) for base in self.world.bases for quote in QUOTES]
            case "FUTURES" | "OPTION":
                return []
        raise Refused(200, _error("51000", "Parameter instType error"))

    def _spot(self, symbol: Symbol) -> dict[str, Any]:
        rules = self.world.market.rules(symbol)
        return {
            **self._instrument(symbol, "SPOT", f"{symbol.base}-{symbol.quote}"),
            "baseCcy": symbol.base,
            "quoteCcy": symbol.quote,
            "lotSz": plain(rules.quantity_step),
            "minSz": plain(rules.quantity_step),
            "maxMktSz": "1000000",
            "state": "suspend" if self.is_delisted(symbol) else "live",
        }

    def _swap(self, base: str, quote: str) -> dict[str, Any]:
        return {
            **self._instrument(self.world.priced(base), "SWAP", f"{base}-{quote}-SWAP"),
            "baseCcy": "",
            "quoteCcy": "",
            "settleCcy": quote,
            "ctVal": plain(CONTRACT.get(base, Decimal(1))),
            "ctMult": "1",
            "ctValCcy": base,
            "ctType": "linear",
            "uly": f"{base}-{quote}",
            "instFamily": f"{base}-{quote}",
            "lotSz": "0.01",
            "minSz": "0.01",
        }

    def _instrument(self, symbol: Symbol, kind: str, name: str) -> dict[str, Any]:
        return {
            "alias": "", "auctionEndTime": "", "category": "1", "ctMult": "", "ctType": "", "ctVal": "",
            "ctValCcy": "", "expTime": "", "instFamily": "", "instId": name, "instType": kind, "lever": "10",
            "listTime": "1733454000000", "maxLmtSz": "9999999999", "optType": "", "ruleType": "normal",
            "settleCcy": "", "state": "live", "stk": "", "uly": "",
            "tickSz": plain(self.world.market.rules(symbol).price_tick),
        }  # fmt: skip

    def _candles(self, query: Query, *, is_history: bool) -> list[Any]:
        symbol, size = self._listed(query)
        if query.get("bar", "1m") not in BARS:
            raise Refused(200, _error("51000", "Parameter bar error"))
        timeframe, now = Timeframe(BARS[query.get("bar", "1m")]), self.world.now_ms()
        first = int(query.get("before", -1)) + 1
        last = min(int(query.get("after", now + 1)) - 1, now)
        if is_history:
            last = min(last, timeframe.floor_ms(now) - 1)
        else:
            first = max(first, now - NEAR * timeframe.ms)
        rows = self.page(symbol, timeframe, first, last, min(int(query.get("limit", 100)), PAGE), newest=True)
        return [
            [str(at), *map(plain, (o, h, low, c)), plain(Decimal(v) / size), plain(v if size != 1 else quote),
             plain(quote), "1" if int(end) < now else "0"]
            for at, o, h, low, c, v, end, quote, *_ in reversed(rows)
        ]  # fmt: skip

    def _books(self, query: Query) -> dict[str, Any]:
        symbol, size = self._listed(query)
        book = self.book(symbol, min(int(query.get("sz", 1)), RUNGS))
        asks, bids = ([[plain(price), plain(quantity / size), "0", "1"] for price, quantity in side]
                      for side in (book.asks, book.bids))  # fmt: skip
        return {"asks": asks, "bids": bids, "ts": str(self.now_ms())}

    def _trades(self, query: Query) -> list[Any]:
        symbol, size = self._listed(query)
        rows = self.prints(symbol, min(int(query.get("limit", 100)), TAPE))
        return [
            {"instId": query["instId"], "side": "sell" if makes else "buy", "sz": plain(quantity / size),
             "px": plain(price), "tradeId": str(number), "ts": str(at)}
            for number, at, price, quantity, makes in reversed(rows)
        ]  # fmt: skip

    def _funding(self, query: Query) -> dict[str, Any]:
        perpetual = self.world.perpetual(self._listed(query)[0].base, 8)
        after = perpetual.funds_ms + perpetual.interval_s * 1000
        return {"instType": "SWAP", "instId": query["instId"], "method": "current_period",
                "fundingRate": plain(perpetual.rate), "nextFundingRate": "", "fundingTime": str(perpetual.funds_ms),
                "nextFundingTime": str(after), "settState": "settled", "ts": str(self.now_ms())}  # fmt: skip

    def _interest(self, query: Query) -> dict[str, Any]:
        symbol, size = self._listed(query)
        perpetual = self.world.perpetual(symbol.base, 8)
        return {"instType": "SWAP", "instId": query["instId"], "oi": plain(perpetual.open_interest / size),
                "oiCcy": plain(perpetual.open_interest), "oiUsd": plain(perpetual.open_interest * perpetual.mark),
                "ts": str(self.now_ms())}  # fmt: skip

    def _listed(self, query: Query) -> tuple[Symbol, Decimal]:
        """The pair whose prices it has, and what one unit of quantity is in base."""
        one = Decimal(1)
        named = {f"{symbol.base}-{symbol.quote}": (symbol, one) for symbol in self.symbols}
        for base in self.world.bases:
            for quote in QUOTES:
                named[f"{base}-{quote}-SWAP"] = self.world.priced(base), CONTRACT.get(base, one)
        if query.get("instId") not in named:
            raise Refused(200, _error("51001", "Instrument ID doesn't exist."))
        return named[query["instId"]]
