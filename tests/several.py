"""Several venues in memory behind the failover of the product: tapes that can be silent, late, or wrong."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from world import BTC, RULES, d, world

from semanticsignal.adapters.candle_files import Tape
from semanticsignal.adapters.failover import Failover
from semanticsignal.domain.collected import Part
from semanticsignal.domain.errors import MarketUnavailable
from semanticsignal.domain.market import Candles, Symbol, Timeframe
from semanticsignal.domain.microstructure import FundingQuote, OpenInterest, OrderBook, PublicTrade, PublicTrades, Quote
from semanticsignal.ports import Sockets

MINUTE = timedelta(minutes=1)


class Exchange(Tape):
    """A tape that calls itself by a name. `is_silent`: it answers nothing. `tells_from`: it has no bar before it is so
    late after the close. `fails`: the questions that it does not answer."""

    def __init__(self, name: str, *candles: Candles, offers: Iterable[Part] = ()) -> None:
        named = [replace(bars, source=name) for bars in candles]
        series: dict[Symbol, dict[Timeframe, Candles]] = {}
        for bars in named:
            series.setdefault(bars.symbol, {})[bars.timeframe] = bars
        super().__init__(series, rules=dict.fromkeys(series, RULES))
        self.name, self._offers = name, frozenset(offers)
        self.is_silent = False
        self.publishes_at: datetime | None = None
        self.now: Any = None
        self.asked: list[str] = []

    async def open(self) -> None:
        """It always is."""

    async def close(self) -> None:
        """Nothing to let go of."""

    @property
    def offers(self) -> frozenset[Part]:
        return self._offers

    def _heard(self, question: str) -> None:
        self.asked.append(question)
        if self.is_silent:
            raise MarketUnavailable(f"{self.name} is silent")

    async def candles(
        self, symbol: Symbol, timeframe: Timeframe, *, until: datetime, limit: int, besides: Collection[str] = ()
    ) -> Candles:
        self._heard(f"candles {timeframe}")
        found = await super().candles(symbol, timeframe, until=until, limit=limit, besides=besides)
        is_early = self.publishes_at is not None and self.now() < self.publishes_at
        return found[: len(found) - 1] if is_early else found

    async def fine_candles(
        self, symbol: Symbol, *, since: datetime, until: datetime, besides: Collection[str] = ()
    ) -> Candles:
        self._heard("fine_candles")
        return await super().fine_candles(symbol, since=since, until=until, besides=besides)

    async def first_open(
        self, symbol: Symbol, *, since: datetime, until: datetime, besides: Collection[str] = ()
    ) -> Any:
        self._heard("first_open")
        return await super().first_open(symbol, since=since, until=until, besides=besides)

    async def last_price(self, symbol: Symbol, *, until: datetime, besides: Collection[str] = ()) -> Quote | None:
        self._heard("last_price")
        return await super().last_price(symbol, until=until, besides=besides)

    async def book(self, symbol: Symbol, *, until: datetime) -> OrderBook:
        self._heard("book")
        return OrderBook(symbol, until, ((d(99), d(1)),), ((d(101), d(1)),), self.name)

    async def trades(self, symbol: Symbol, *, until: datetime) -> PublicTrades:
        self._heard("trades")
        return PublicTrades(symbol, until, (PublicTrade(until, d(100), d(1), True),), self.name)

    async def funding_quote(self, symbol: Symbol, *, until: datetime) -> FundingQuote:
        self._heard("funding_quote")
        return FundingQuote(symbol, until, d("0.0001"), 28_800, "BTC/USDT:USDT", self.name)

    async def open_interest(self, symbol: Symbol, *, until: datetime) -> OpenInterest:
        self._heard("open_interest")
        return OpenInterest(symbol, until, d(1000), None, "BTC/USDT:USDT", self.name)


def among(*exchanges: Exchange, **more: Any) -> Sockets:
    """A world whose market they are, the first of them asked first."""
    bars = exchanges[0].tape(BTC, Timeframe.H4)
    on = world(bars, **more)
    for exchange in exchanges:
        exchange.now = on.clock.now
    market = Failover([(exchange.name, exchange) for exchange in exchanges], clock=on.clock.now)
    return replace(on, market=market)
