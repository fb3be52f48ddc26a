"""Gate: spot at `/api/v4/spot`, USDT perpetuals at `/api/v4/futures/usdt`.

After the API v4 pages (currency pairs, candlesticks, order book, trades, server time; futures contracts, candlesticks,
contract statistics, labels of errors) and the payloads `gate/hummingbot/*`, `gate/xchange/api_v4_spot_*`.
A candle is time, quote volume, close, high, low, open, base volume, closed. `7d` counts from 1970: Thursdays."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from semanticsignal.domain.market import Symbol, Timeframe
from tests.venues.desk import Answer, Desk, Query, Refused, decimals, plain, sides
from tests.venues.faults import Fault, Kind

CONTRACT = {"BTC": Decimal("0.0001"), "ETH": Decimal("0.01"), "SOL": Decimal(1)}
INTERVALS = {"1m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "1d"}
PAGE, OLDEST = 1000, 10_000


def _error(label: str, message: str) -> dict[str, str]:
    return {"label": label, "message": message}


class Gate(Desk):
    """A page is 1000 bars, oldest first, times in s, `to` included; 10 000 bars back at most."""

    name: ClassVar[str] = "gate"
    week_starts_on_thursday: ClassVar[bool] = True
    manners: ClassVar[Mapping[Fault, Any]] = {
        Fault.LIMITED: _error("TOO_MANY_REQUESTS", "Request rate limit exceeded"),
        Fault.FORBIDDEN: _error("FORBIDDEN", "Access is denied from your location"),
        Fault.BROKEN: _error("SERVER_ERROR", "Internal server error"),
        Fault.UNAVAILABLE: _error("INTERNAL", "Service unavailable"),
        Fault.MAINTENANCE: _error("SERVER_ERROR", "System maintenance in progress"),
    }

    def routes(self) -> Mapping[str, tuple[Kind, Answer]]:
        spot, futures = "GET /api/v4/spot", "GET /api/v4/futures/usdt"
        return {
            f"{spot}/time": (Kind.TIME, lambda query: {"server_time": self.now_ms()}),
            f"{spot}/currency_pairs": (Kind.LISTING, lambda query: [self._listing(s) for s in self.symbols]),
            "GET /api/v4/margin/currency_pairs": (Kind.LISTING, lambda query: []),
            f"{spot}/candlesticks": (Kind.CANDLES, self._candles),
            f"{spot}/order_book": (Kind.BOOK, self._book),
            f"{spot}/trades": (Kind.TRADES, self._trades),
            f"{futures}/contracts": (Kind.LISTING, lambda query: [self._contract(base) for base in self.world.bases]),
            "GET /api/v4/futures/btc/contracts": (Kind.LISTING, lambda query: []),
            f"{futures}/contracts/{{contract}}": (Kind.FUNDING, lambda query: self._contract(self._base(query))),
            f"{futures}/contract_stats": (Kind.FUNDING, self._statistics),
            f"{futures}/candlesticks": (Kind.CANDLES, self._contract_candles),
        }

    def _listing(self, symbol: Symbol) -> dict[str, Any]:
        rules = self.world.market.rules(symbol)
        return {
            "id": f"{symbol.base}_{symbol.quote}",
            "base": symbol.base,
            "quote": symbol.quote,
            "fee": "0.2",
            "min_base_amount": plain(rules.quantity_step),
            "min_quote_amount": plain(rules.min_notional_quote),
            "amount_precision": decimals(rules.quantity_step),
            "precision": decimals(rules.price_tick),
            "trade_status": "untradable" if self.is_delisted(symbol) else "tradable",
            "sell_start": 0,
            "buy_start": 0,
        }

    def _candles(self, query: Query) -> list[Any]:
        symbol = self._symbol(query)
        timeframe, first, last, limit = self._span(query)
        now = self.world.now_ms()
        return [
            [str(int(at) // 1000), *map(plain, (quote, c, h, low, o, v)), "true" if int(end) < now else "false"]
            for at, o, h, low, c, v, end, quote, *_ in self.page(
                symbol, timeframe, first, last, limit, newest="from" not in query
            )
        ]

    def _span(self, query: Query) -> tuple[Timeframe, int, int, int]:
        """(timeframe, first ms, last ms, limit). Refuses a range and a limit together, as Gate does."""
        written = query.get("interval", "30m")
        if written not in {*INTERVALS, "7d"}:
            raise Refused(400, _error("INVALID_PARAM_VALUE", "Invalid interval"))
        timeframe = Timeframe.W1 if written == "7d" else Timeframe(written)
        last = int(query.get("to", self.world.now_ms() // 1000)) * 1000
        limit = min(int(query.get("limit", 100)), PAGE)
        if "from" not in query:
            return timeframe, last - limit * timeframe.ms + 1, last, limit
        if "limit" in query:
            raise Refused(400, _error("INVALID_PARAM_VALUE", "limit conflicts with from and to"))
        first = int(query["from"]) * 1000
        if self.world.now_ms() - first > OLDEST * timeframe.ms:
            raise Refused(400, _error("INVALID_PARAM_VALUE", f"Candlestick too long ago. At most {OLDEST} points"))
        if (last - first) // timeframe.ms + 1 > PAGE:
            raise Refused(400, _error("INVALID_PARAM_VALUE", f"Too broad a range. At most {PAGE} points"))
        return timeframe, first, last, PAGE

    def _book(self, query: Query) -> dict[str, Any]:
        book, now = self.book(self._symbol(query), min(int(query.get("limit", 10)), PAGE)), self.now_ms()
        return {"id": now, "current": now, "update": now, "asks": sides(book.asks), "bids": sides(book.bids)}

    def _trades(self, query: Query) -> list[Any]:
        rows = self.prints(self._symbol(query), min(int(query.get("limit", 100)), PAGE))
        return [
            {"id": str(number), "create_time": str(at // 1000), "create_time_ms": f"{at}.123000",
             "currency_pair": query["currency_pair"], "side": "sell" if makes else "buy", "amount": plain(quantity),
             "price": plain(price), "sequence_id": str(number)}
            for number, at, price, quantity, makes in reversed(rows)
        ]  # fmt: skip

    def _contract(self, base: str) -> dict[str, Any]:
        perpetual, size = self.world.perpetual(base, 8), CONTRACT.get(base, Decimal(1))
        return {
            "name": f"{base}_USDT",
            "type": "direct",
            "quanto_multiplier": plain(size),
            "order_price_deviate": "0.5",
            "order_price_round": plain(self.world.market.rules(self.world.priced(base)).price_tick),
            "order_size_min": 1,
            "order_size_max": 1000000,
            "leverage_min": "1",
            "leverage_max": "100",
            "mark_price": plain(perpetual.mark),
            "index_price": plain(perpetual.mark),
            "last_price": plain(perpetual.mark),
            "funding_rate": plain(perpetual.rate),
            "funding_rate_indicative": plain(perpetual.rate),
            "funding_interval": perpetual.interval_s,
            "funding_next_apply": perpetual.funds_ms // 1000,
            "interest_rate": "0.0003",
            "position_size": int(perpetual.open_interest / size),
            "create_time": 1546905600,
            "in_delisting": False,
            "status": "trading",
        }

    def _statistics(self, query: Query) -> list[Any]:
        base = self._base(query)
        perpetual, size = self.world.perpetual(base, 8), CONTRACT.get(base, Decimal(1))
        step = Timeframe(query.get("interval", "5m"))
        newest, limit = step.floor_ms(self.now_ms()), min(int(query.get("limit", 30)), 100)
        contracts, worth = perpetual.open_interest / size, perpetual.open_interest * perpetual.mark
        return [
            {"time": (newest - back * step.ms) // 1000, "open_interest": int(contracts),
             "open_interest_usd": float(worth), "mark_price": float(perpetual.mark)}
            for back in range(limit - 1, -1, -1)
        ]  # fmt: skip

    def _contract_candles(self, query: Query) -> list[Any]:
        base = self._base(query)
        timeframe, first, last, limit = self._span(query)
        size = CONTRACT.get(base, Decimal(1))
        rows = self.page(self.world.priced(base), timeframe, first, last, limit, newest="from" not in query)
        return [
            {"t": int(at) // 1000, "o": plain(o), "h": plain(h), "l": plain(low), "c": plain(c),
             "v": int(Decimal(v) / size), "sum": plain(quote)}
            for at, o, h, low, c, v, _, quote, *_ in rows
        ]  # fmt: skip

    def _symbol(self, query: Query) -> Symbol:
        named = {f"{symbol.base}_{symbol.quote}": symbol for symbol in self.symbols}
        if query.get("currency_pair") not in named:
            raise Refused(400, _error("INVALID_CURRENCY_PAIR", f"Invalid currency pair {query.get('currency_pair')}"))
        return named[query["currency_pair"]]

    def _base(self, query: Query) -> str:
        base: str = query.get("contract", "").removesuffix("_USDT")
        if base not in self.world.bases:
            raise Refused(404, _error("CONTRACT_NOT_FOUND", "CONTRACT_NOT_FOUND"))
        return base
