"""The real ccxt plug against real HTTP on loopback: the simulated exchange, and venues that misbehave."""

from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from semanticsignal.adapters.ccxt import CcxtMarket
from semanticsignal.domain.errors import InvalidSetting, InvalidSymbol, MarketUnavailable
from semanticsignal.domain.market import FundingRate, MarketKind, Symbol, Timeframe, epoch_ms, instant
from semanticsignal.simulate.exchange import app
from semanticsignal.simulate.market import EPOCH_MS, SimulatedMarket
from tests.loopback import serve

BTC, ETH = Symbol.parse("BTC/USDC"), Symbol.parse("ETH/USDC")
MARKET = SimulatedMarket(7, (BTC, ETH))
MINUTE = timedelta(minutes=1)
NOW = instant(EPOCH_MS + 20 * 86_400_000 + 5 * 3_600_000 + 17 * 60_000 + 23_456)
CLOSED_4H = Timeframe.H4.floor(NOW)

LISTING = {
    "symbol": "BTCUSDC", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDC", "isSpotTradingAllowed": True,
    "filters": [],
}  # fmt: skip


@asynccontextmanager
async def plugged(
    venue: Callable[..., Any], now: Any = NOW, kind: MarketKind = MarketKind.SPOT
) -> AsyncIterator[CcxtMarket]:
    async with serve(venue) as url:
        market = CcxtMarket("binance", base_url=url, is_simulated=True, kind=kind, clock=lambda: now)
        try:
            yield market
        finally:
            await market.close()


@pytest.fixture
async def market() -> AsyncIterator[CcxtMarket]:
    async with plugged(app(MARKET, lambda: epoch_ms(NOW))) as plug:
        yield plug


def venue_that_tells(rows: Any, status: int = 200) -> FastAPI:
    """Lists one pair and answers every question for bars with the same rows."""
    api = FastAPI()

    @api.get("/api/v3/exchangeInfo")
    async def listings() -> Any:
        return {"symbols": [LISTING]}

    @api.get("/api/v3/time")
    async def time() -> Any:
        return {"serverTime": epoch_ms(NOW)}

    @api.get("/api/v3/klines")
    async def bars() -> Any:
        return JSONResponse(rows, status)

    return api


async def test_only_closed_candles_come_newest_last(market: CcxtMarket) -> None:
    candles = await market.candles(BTC, Timeframe.H4, until=NOW, limit=50)

    assert len(candles) == 50
    assert candles.closed_at == CLOSED_4H
    assert candles.gaps == 0
    assert (candles.symbol, candles.timeframe, candles.source) == (BTC, Timeframe.H4, "simulated binance")
    assert isinstance(candles.opened_ms, array) and candles.opened_ms.typecode == "q"
    assert isinstance(candles.close, array) and candles.close.typecode == "d"


async def test_candles_are_those_of_the_venue_to_the_last_digit(market: CcxtMarket) -> None:
    rows = MARKET.klines(BTC, Timeframe.H4, None, epoch_ms(CLOSED_4H) - 1, 3, epoch_ms(NOW))

    candles = await market.candles(BTC, Timeframe.H4, until=NOW, limit=3)

    assert list(candles.opened_ms) == [row[0] for row in rows]
    assert [candles.candle(n).close for n in range(3)] == [Decimal(str(row[4])) for row in rows]


async def test_a_bar_is_closed_at_its_very_end_and_not_a_millisecond_before(market: CcxtMarket) -> None:
    at_the_end = await market.candles(BTC, Timeframe.H4, until=CLOSED_4H, limit=5)
    just_before = await market.candles(BTC, Timeframe.H4, until=CLOSED_4H - timedelta(milliseconds=1), limit=5)

    assert at_the_end.closed_at == CLOSED_4H
    assert just_before.closed_at == CLOSED_4H - Timeframe.H4.span


async def test_a_question_about_the_future_is_answered_with_what_has_closed(market: CcxtMarket) -> None:
    candles = await market.candles(BTC, Timeframe.H4, until=NOW + timedelta(days=3), limit=100)

    assert candles.closed_at == CLOSED_4H


async def test_a_clock_that_runs_ahead_of_the_venue_does_not_close_its_bar() -> None:
    behind = epoch_ms(CLOSED_4H) - 1

    async with plugged(app(MARKET, lambda: behind)) as market:
        candles = await market.candles(BTC, Timeframe.H4, until=CLOSED_4H, limit=5)

    assert candles.closed_at == CLOSED_4H - Timeframe.H4.span


async def test_more_than_one_page_is_put_together_without_a_seam(market: CcxtMarket) -> None:
    since = NOW - timedelta(minutes=2_500)

    candles = await market.fine_candles(BTC, since=since, until=NOW)

    assert len(candles) == 2_499
    assert candles.gaps == 0
    assert instant(candles.opened_ms[0]) == Timeframe.M1.floor(since) + MINUTE
    assert candles.closed_at == Timeframe.M1.floor(NOW)


async def test_no_fine_candle_within_a_minute_is_an_empty_series(market: CcxtMarket) -> None:
    candles = await market.fine_candles(BTC, since=NOW, until=NOW)

    assert len(candles) == 0
    assert candles.gaps == 0


async def test_a_market_younger_than_the_question_gives_what_there_is(market: CcxtMarket) -> None:
    candles = await market.candles(BTC, Timeframe.H4, until=NOW, limit=999)

    assert instant(candles.opened_ms[0]) == instant(EPOCH_MS)
    assert len(candles) == 20 * 6 + 1


async def test_the_open_of_an_unfinished_minute_is_known(market: CcxtMarket) -> None:
    opening = Timeframe.M1.floor(NOW)

    first = await market.first_open(BTC, since=opening, until=NOW)

    assert first == (opening, float(MARKET.price(BTC, epoch_ms(opening))))


async def test_no_minute_that_opens_outside_the_bounds_is_the_first(market: CcxtMarket) -> None:
    opening = Timeframe.M1.floor(NOW)

    assert await market.first_open(BTC, since=opening + timedelta(seconds=1), until=NOW) is None
    assert await market.first_open(BTC, since=opening + MINUTE, until=opening + 5 * MINUTE) is None


async def test_rules_are_the_venues_own(market: CcxtMarket) -> None:
    rules = await market.rules(BTC)

    assert (rules.price_tick, rules.quantity_step, rules.min_notional_quote) == (
        Decimal("0.01"),
        Decimal("0.00001"),
        Decimal(5),
    )


async def test_spot_has_no_funding_and_a_simulation_says_so(market: CcxtMarket) -> None:
    assert await market.funding(BTC, since=NOW - timedelta(days=9), until=NOW) == ()
    assert market.is_simulated


async def test_a_pair_that_is_not_listed_is_refused_by_name(market: CcxtMarket) -> None:
    with pytest.raises(InvalidSymbol, match="was XRP/USDC"):
        await market.rules(Symbol.parse("XRP/USDC"))


async def test_a_venue_that_ccxt_does_not_know_is_refused_by_name() -> None:
    market = CcxtMarket("mtgox", clock=lambda: NOW)

    with pytest.raises(InvalidSetting, match="was 'mtgox'"):
        await market.open()


async def test_a_venue_that_does_not_answer_is_unavailable() -> None:
    async with serve(app(MARKET, lambda: epoch_ms(NOW))) as url:
        market = CcxtMarket("binance", base_url=url, clock=lambda: NOW)
    try:
        with pytest.raises(MarketUnavailable, match="binance: ExchangeNotAvailable"):
            await market.candles(BTC, Timeframe.H4, until=NOW, limit=5)
    finally:
        await market.close()


@pytest.mark.parametrize("status", [400, 418, 429, 500, 503])
async def test_a_venue_that_refuses_is_unavailable(status: int) -> None:
    async with plugged(venue_that_tells([], status)) as market:
        with pytest.raises(MarketUnavailable):
            await market.candles(BTC, Timeframe.H4, until=NOW, limit=5)


@pytest.mark.parametrize(
    "body", [b"<html>Sign in</html>", b"{}", b"[]", b'"ok"', b'{"symbols": []}', b'{"symbols": 7}']
)
async def test_a_page_that_is_no_listing_is_unavailable_rather_than_a_pair_not_listed(body: bytes) -> None:
    api = FastAPI()
    api.add_api_route("/api/v3/exchangeInfo", lambda: Response(body, media_type="text/html"), response_model=None)

    async with plugged(api) as market:
        for _ in range(2):
            with pytest.raises(MarketUnavailable):
                await market.rules(BTC)


@pytest.mark.parametrize("body", [{"rows": 1}, "maintenance", [7], [["a", "b"]]])
async def test_a_body_without_a_single_bar_in_it_makes_no_candles(body: Any) -> None:
    async with plugged(venue_that_tells(body)) as market:
        assert len(await market.candles(BTC, Timeframe.H1, until=NOW, limit=5)) == 0


async def test_a_bar_with_a_price_left_out_is_refused() -> None:
    async with plugged(venue_that_tells([bar(2)[:3], bar(1)])) as market:
        with pytest.raises(MarketUnavailable, match="four prices and a volume"):
            await market.candles(BTC, Timeframe.H1, until=NOW, limit=5)


async def test_a_venue_that_tells_no_time_is_judged_by_our_clock() -> None:
    async with plugged(venue_that_tells([bar(1), bar(0)])) as market:
        await market.open()
        market._venue.has["fetchTime"] = False

        candles = await market.candles(BTC, Timeframe.H1, until=NOW + timedelta(hours=1), limit=3)

    assert candles.closed_at == Timeframe.H1.floor(NOW)


async def test_a_pair_that_the_venue_itself_refuses_is_an_invalid_symbol() -> None:
    refusal: Any = {"code": -1121, "msg": "Invalid symbol."}

    async with plugged(venue_that_tells(refusal, 400)) as market:
        with pytest.raises(InvalidSymbol, match="simulated binance"):
            await market.candles(BTC, Timeframe.H1, until=NOW, limit=3)


async def test_without_an_address_the_venue_is_the_real_one_and_paced() -> None:
    market = CcxtMarket("binance", clock=lambda: NOW)

    await market.open()

    assert market._venue.urls["api"]["public"] == "https://api.binance.com/api/v3"
    assert market._venue.enableRateLimit
    assert not market.is_simulated
    await market.close()


def bar(hours_ago: int, close: str = "101") -> list[Any]:
    at = epoch_ms(Timeframe.H1.floor(NOW)) - hours_ago * 3_600_000
    return [at, "100", "102", "99", close, "5", at + 3_599_999, "500", 9, "2", "200", "0"]


async def test_a_bar_told_twice_counts_once_and_order_does_not_matter() -> None:
    async with plugged(venue_that_tells([bar(1), bar(2), bar(2), bar(3)])) as market:
        candles = await market.candles(BTC, Timeframe.H1, until=NOW, limit=3)

    assert [instant(at).hour for at in candles.opened_ms] == [2, 3, 4]


async def test_a_bar_told_in_two_ways_is_refused() -> None:
    async with plugged(venue_that_tells([bar(2), bar(2, close="100.5"), bar(1)])) as market:
        with pytest.raises(MarketUnavailable, match="told in two ways"):
            await market.candles(BTC, Timeframe.H1, until=NOW, limit=3)


@pytest.mark.parametrize("close", ["103", "0", "-1", "nan"])
async def test_a_bar_that_cannot_be_true_is_refused(close: str) -> None:
    async with plugged(venue_that_tells([bar(2), bar(1, close=close)])) as market:
        with pytest.raises(MarketUnavailable):
            await market.candles(BTC, Timeframe.H1, until=NOW, limit=3)


async def test_a_venue_that_publishes_no_tick_is_unavailable_rather_than_guessed() -> None:
    async with plugged(venue_that_tells([])) as market:
        with pytest.raises(MarketUnavailable, match="no tick"):
            await market.rules(BTC)


async def test_a_hole_in_the_venues_history_stays_a_gap() -> None:
    async with plugged(venue_that_tells([bar(5), bar(1)])) as market:
        candles = await market.candles(BTC, Timeframe.H1, until=NOW, limit=5)

    assert (len(candles), candles.gaps) == (2, 3)


async def test_a_perpetual_tells_its_funding_after_since_and_up_to_until() -> None:
    settled = [epoch_ms(NOW) - hours * 3_600_000 for hours in (24, 16, 8, 0)]
    asked: list[str] = []
    api = FastAPI()

    @api.get("/fapi/v1/exchangeInfo")
    async def listings() -> Any:
        return {"symbols": [LISTING | {"contractType": "PERPETUAL", "marginAsset": "USDC"}]}

    @api.get("/fapi/v1/fundingRate")
    async def rates(request: Request) -> Any:
        asked.append(request.query_params["symbol"])
        start = int(request.query_params["startTime"])
        return [{"symbol": "BTCUSDC", "fundingTime": at, "fundingRate": "0.0001"} for at in settled if at >= start]

    async with plugged(api, kind=MarketKind.PERP) as market:
        rates_paid = await market.funding(BTC, since=instant(settled[0]), until=instant(settled[2]))

    assert rates_paid == tuple(FundingRate(BTC, instant(at), Decimal("0.0001")) for at in settled[1:3])
    assert set(asked) == {"BTCUSDC"}
