"""Hyperliquid: everything at `POST /info`, told apart by the body's `type`.

After the Info endpoint pages (candle snapshot, l2 book, meta and asset contexts, spot meta, exchange status) and the
payloads `hyperliquid/hummingbot/*`, `hyperliquid/nautilus/http_*`, `hyperliquid/sdk_cassettes/*`.
Weeks begin on Thursday; funding is hourly; the public tape is `recentTrades`, which the web page reads."""

from collections.abc import Mapping
from typing import Any, ClassVar

from semanticsignal.domain.market import Symbol, Timeframe
from tests.venues.desk import Answer, Answered, Desk, Query, Refused, decimals, plain
from tests.venues.faults import Fault, Kind

WRAPPED = {"BTC": "UBTC", "ETH": "UETH", "SOL": "USOL", "USDT": "USDT0"}
INTERVALS = set(Timeframe) - {Timeframe.H6}
PAGE, RUNGS, RECENT = 5000, 20, 10
KINDS = {
    "candleSnapshot": Kind.CANDLES,
    "l2Book": Kind.BOOK,
    "recentTrades": Kind.TRADES,
    "exchangeStatus": Kind.TIME,
    "fundingHistory": Kind.FUNDING,
}


class Hyperliquid(Desk):
    """The newest 5000 bars and no others, oldest first, times in ms; 20 rungs a side; no trades by ccxt."""

    name: ClassVar[str] = "hyperliquid"
    week_starts_on_thursday: ClassVar[bool] = True
    manners: ClassVar[Mapping[Fault, Any]] = {Fault.LIMITED: None, Fault.BROKEN: None}

    def routes(self) -> Mapping[str, tuple[Kind, Answer]]:
        return {"POST /info": (Kind.LISTING, self._info)}

    def kind_of(self, kind: Kind, told: Query) -> Kind:
        return KINDS.get(str(told.get("type")), kind)

    def nowhere(self) -> Answered:
        return Answered(422, b"Failed to deserialize the JSON body into the target type")

    def _info(self, query: Query) -> Any:
        answers: Mapping[str, Answer] = {
            "exchangeStatus": lambda query: {"time": self.now_ms(), "specialStatuses": None},
            "spotMetaAndAssetCtxs": lambda query: self._spot(),
            "metaAndAssetCtxs": lambda query: self._perpetuals(),
            "perpDexs": lambda query: [None],
            "candleSnapshot": self._candles,
            "l2Book": self._book,
            "recentTrades": self._trades,
            "fundingHistory": self._settled,
        }
        answer = answers.get(str(query.get("type")))
        if answer is None:
            raise Refused(422, b"Failed to deserialize the JSON body into the target type")
        return answer(query)

    def _spot(self) -> list[Any]:
        listed = [symbol for symbol in self.symbols if not self.is_delisted(symbol)]
        names = list(dict.fromkeys(name for symbol in self.symbols for name in (symbol.quote, symbol.base)))
        lots = {symbol.base: self.world.market.rules(symbol).quantity_step for symbol in self.symbols}
        tokens = [
            {"name": WRAPPED.get(name, name), "szDecimals": decimals(lots[name]) if name in lots else 8,
             "weiDecimals": 8, "index": number, "tokenId": f"0x{number:032x}", "isCanonical": name == "USDC"}
            for number, name in enumerate(names)
        ]  # fmt: skip
        universe = [
            {"name": f"@{number}", "tokens": [names.index(symbol.base), names.index(symbol.quote)],
             "index": number, "isCanonical": False}
            for number, symbol in enumerate(self.symbols) if symbol in listed
        ]  # fmt: skip
        contexts = [self._context(symbol) | {"coin": f"@{n}"} for n, symbol in enumerate(self.symbols)]
        return [{"tokens": tokens, "universe": universe}, contexts]

    def _context(self, symbol: Symbol) -> dict[str, Any]:
        price = plain(self.world.market.price(symbol, self.world.now_ms()))
        return {"prevDayPx": price, "dayNtlVlm": "0.0", "markPx": price, "midPx": price, "circulatingSupply": "0.0"}

    def _perpetuals(self) -> list[Any]:
        universe = [
            {"name": base, "szDecimals": decimals(self.world.market.rules(self.world.priced(base)).quantity_step),
             "maxLeverage": 50, "onlyIsolated": False}
            for base in self.world.bases
        ]  # fmt: skip
        return [{"universe": universe}, [self._figures(base) for base in self.world.bases]]

    def _figures(self, base: str) -> dict[str, Any]:
        perpetual = self.world.perpetual(base, 1)
        mark = plain(perpetual.mark)
        return {"funding": plain(perpetual.rate), "openInterest": plain(perpetual.open_interest), "prevDayPx": mark,
                "dayNtlVlm": "0.0", "premium": "0.0", "oraclePx": mark, "markPx": mark, "midPx": mark,
                "impactPxs": [mark, mark]}  # fmt: skip

    def _candles(self, query: Query) -> list[Any]:
        asked = query["req"]
        if asked.get("interval") not in INTERVALS:
            raise Refused(422, b"Failed to deserialize the JSON body into the target type")
        timeframe, symbol = Timeframe(asked["interval"]), self._symbol(asked)
        earliest = self.world.now_ms() - PAGE * timeframe.ms
        first, last = max(int(asked["startTime"]), earliest), int(asked.get("endTime") or self.world.now_ms())
        return [
            {"t": at, "T": end, "s": asked["coin"], "i": timeframe.value, "o": plain(o), "c": plain(c), "h": plain(h),
             "l": plain(low), "v": plain(v), "n": count}
            for at, o, h, low, c, v, end, _, count, *_ in self.page(symbol, timeframe, first, last, PAGE)
        ]  # fmt: skip

    def _book(self, query: Query) -> dict[str, Any]:
        book = self.book(self._symbol(query), RUNGS)
        levels = [[{"px": plain(price), "sz": plain(quantity), "n": 1} for price, quantity in side]
                  for side in (book.bids, book.asks)]  # fmt: skip
        return {"coin": query["coin"], "levels": levels, "time": self.now_ms()}

    def _trades(self, query: Query) -> list[Any]:
        rows = self.prints(self._symbol(query), RECENT)
        return [
            {"coin": query["coin"], "side": "A" if makes else "B", "px": plain(price), "sz": plain(quantity),
             "hash": f"0x{number:064x}", "time": at, "tid": number, "users": ["0x1", "0x2"]}
            for number, at, price, quantity, makes in reversed(rows)
        ]  # fmt: skip

    def _settled(self, query: Query) -> list[Any]:
        first, last, hour = int(query["startTime"]), int(query.get("endTime", self.world.now_ms())), 3_600_000
        rate = plain(self.world.perpetual(query["coin"], 1).rate)
        hours = range(-(-first // hour) * hour, min(last, self.world.now_ms()) + 1, hour)
        return [{"coin": query["coin"], "fundingRate": rate, "premium": "0.0", "time": at} for at in hours][:500]

    def _symbol(self, query: Query) -> Symbol:
        named = {f"@{number}": symbol for number, symbol in enumerate(self.symbols)}
        perpetual = {base: self.world.priced(base) for base in self.world.bases}
        coin = query.get("coin")
        if coin not in named and coin not in perpetual:
            raise Refused(500, None)
        return named.get(coin) or perpetual[coin]
