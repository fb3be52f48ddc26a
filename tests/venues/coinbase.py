"""Coinbase: Advanced Trade's public endpoints at `/api/v3/brokerage/market`, the clock at `/v2/time`.

No payload of it is recorded: after the Advanced Trade REST pages (list public products, get public product candles,
get public product book, get public market trades) and what ccxt's `coinbase` reads. The side of a public trade is the
maker's, as other clients have found (hummingbot, bbgo and nautilus turn it around). No week, no perpetuals here."""

from collections.abc import Mapping
from typing import Any, ClassVar

from semanticsignal.domain.market import Symbol, Timeframe
from tests.venues.desk import Answer, Desk, Query, Refused, iso, plain
from tests.venues.faults import Fault, Kind

GRANULARITY = {
    "ONE_MINUTE": "1m", "FIVE_MINUTE": "5m", "FIFTEEN_MINUTE": "15m", "THIRTY_MINUTE": "30m", "ONE_HOUR": "1h",
    "TWO_HOUR": "2h", "FOUR_HOUR": "4h", "SIX_HOUR": "6h", "ONE_DAY": "1d",
}  # fmt: skip
PAGE, TAPE = 350, 1000


def _error(word: str, message: str) -> dict[str, Any]:
    return {"error": word, "error_details": message, "message": message}


class Coinbase(Desk):
    """A page is 350 bars, newest first, times in s as words, `end` included; more is refused."""

    name: ClassVar[str] = "coinbase"
    manners: ClassVar[Mapping[Fault, Any]] = {
        Fault.LIMITED: {"errors": [{"id": "rate_limit_exceeded", "message": "You have exceeded the rate limit."}]},
        Fault.FORBIDDEN: _error("PERMISSION_DENIED", "Forbidden"),
        Fault.BROKEN: {"errors": [{"id": "internal_server_error", "message": "Internal server error"}]},
        Fault.UNAVAILABLE: _error("UNAVAILABLE", "Service unavailable"),
        Fault.MAINTENANCE: _error("UNAVAILABLE", "Scheduled maintenance"),
    }

    def routes(self) -> Mapping[str, tuple[Kind, Answer]]:
        market = "GET /api/v3/brokerage/market"
        return {
            "GET /v2/time": (Kind.TIME, lambda query: {"data": self._time()}),
            f"{market}/products": (Kind.LISTING, self._products),
            f"{market}/products/{{product_id}}/candles": (
                Kind.CANDLES,
                self._candles,
            ),
            f"{market}/product_book": (Kind.BOOK, self._product_book),
            f"{market}/products/{{product_id}}/ticker": (Kind.TRADES, self._ticker),
        }

    def _time(self) -> dict[str, Any]:
        seconds = self.now_ms() // 1000
        return {"iso": iso(seconds * 1000)[:-5] + "Z", "epoch": seconds}

    def _products(self, query: Query) -> dict[str, Any]:
        if query.get("product_type") == "FUTURE":
            return {"products": [], "num_products": 0}
        products = [self._product(symbol) for symbol in self.symbols]
        return {"products": products, "num_products": len(products)}

    def _product(self, symbol: Symbol) -> dict[str, Any]:
        rules, gone = self.world.market.rules(symbol), self.is_delisted(symbol)
        return {
            "product_id": f"{symbol.base}-{symbol.quote}",
            "price": plain(self.world.market.price(symbol, self.world.now_ms())),
            "base_increment": plain(rules.quantity_step),
            "quote_increment": plain(rules.price_tick),
            "quote_min_size": plain(rules.min_notional_quote),
            "quote_max_size": "150000000",
            "base_min_size": plain(rules.quantity_step),
            "base_max_size": "3400",
            "base_name": symbol.base,
            "quote_name": symbol.quote,
            "watched": False,
            "is_disabled": gone,
            "new": False,
            "status": "delisted" if gone else "online",
            "cancel_only": False,
            "limit_only": False,
            "post_only": False,
            "trading_disabled": gone,
            "auction_mode": False,
            "product_type": "SPOT",
            "quote_currency_id": symbol.quote,
            "base_currency_id": symbol.base,
            "alias": "",
            "alias_to": [],
            "base_display_symbol": symbol.base,
            "quote_display_symbol": symbol.quote,
            "price_increment": plain(rules.price_tick),
        }

    def _candles(self, query: Query) -> dict[str, Any]:
        symbol = self._symbol(query)
        if query.get("granularity") not in GRANULARITY:
            raise Refused(400, _error("INVALID_ARGUMENT", "unsupported granularity"))
        timeframe = Timeframe(GRANULARITY[query["granularity"]])
        first, last = int(query["start"]) * 1000, int(query["end"]) * 1000
        if (last - first) // timeframe.ms + 1 > PAGE:
            raise Refused(400, _error("INVALID_ARGUMENT", f"number of candles requested should be less than {PAGE}"))
        rows = self.page(symbol, timeframe, first, last, PAGE)
        told = [
            {"start": str(int(at) // 1000), "low": plain(low), "high": plain(h), "open": plain(o), "close": plain(c),
             "volume": plain(v)}
            for at, o, h, low, c, v, *_ in reversed(rows)
        ]  # fmt: skip
        return {"candles": told}

    def _product_book(self, query: Query) -> dict[str, Any]:
        book = self.book(self._symbol(query), min(int(query.get("limit", 100)), 1000))
        bids, asks = ([{"price": plain(price), "size": plain(quantity)} for price, quantity in side]
                      for side in (book.bids, book.asks))  # fmt: skip
        told = {"product_id": query["product_id"], "bids": bids, "asks": asks, "time": iso(self.now_ms())}
        return {"pricebook": told, "last": bids[0]["price"], "mid_market": "", "spread_bps": "",
                "spread_absolute": ""}  # fmt: skip

    def _ticker(self, query: Query) -> dict[str, Any]:
        symbol = self._symbol(query)
        trades = [
            {"trade_id": str(number), "product_id": query["product_id"], "price": plain(price), "size": plain(quantity),
             "time": iso(at), "side": "BUY" if makes else "SELL", "bid": "", "ask": "", "exchange": "CBE"}
            for number, at, price, quantity, makes in reversed(
                self.prints(symbol, min(int(query.get("limit", 100)), TAPE))
            )
        ]  # fmt: skip
        book = self.world.market.book(symbol, self.world.now_ms(), 1)
        return {"trades": trades, "best_bid": plain(book.bids[0][0]), "best_ask": plain(book.asks[0][0])}

    def _symbol(self, query: Query) -> Symbol:
        named = {f"{symbol.base}-{symbol.quote}": symbol for symbol in self.symbols}
        if query.get("product_id") not in named:
            raise Refused(404, _error("NOT_FOUND", "valid product_id is required"))
        return named[query["product_id"]]
