"""The real ccxt plug against real HTTP on loopback: the simulated exchange, eight venues, and some that misbehave."""

import asyncio
import gzip
import sys
import zlib
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import brotli
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from semanticsignal.adapters.ccxt import CcxtMarket, is_known
from semanticsignal.domain.collected import Part
from semanticsignal.domain.errors import (
    Blocked,
    InvalidSetting,
    InvalidSymbol,
    Maintenance,
    MarketUnavailable,
    NotOffered,
    RateLimited,
)
from semanticsignal.domain.market import FundingRate, MarketKind, Symbol, Timeframe, epoch_ms, instant
from semanticsignal.domain.microstructure import FundingQuote, Quote
from semanticsignal.simulate.exchange import app
from semanticsignal.simulate.market import EPOCH_MS, SimulatedMarket
from tests.loopback import serve
from tests.venues import VENUES, Fault, Kind, Venue, World, venues

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

    assert first == Quote(opening, float(MARKET.price(BTC, epoch_ms(opening))), "simulated binance")


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


async def test_a_quantity_keeps_the_digits_that_the_venue_wrote(market: CcxtMarket) -> None:
    book = await market.book(BTC, until=NOW)

    assert str((await market.rules(BTC)).quantity_step) == "0.00001"
    assert max(-int(rung[1].as_tuple().exponent) for rung in book.bids) <= 5


@pytest.mark.parametrize(("venue", "contract"), [("okx", "0.01"), ("binance", "1")])
async def test_a_perpetuals_quantities_are_in_base_whatever_its_contract_is(venue: str, contract: str) -> None:
    async with standing(venue, kind=MarketKind.PERP) as (_, market):
        listed = await market._market(BTC)
        rules, book = await market.rules(BTC), await market.book(BTC, until=NOW)

    assert Decimal(str(listed["contractSize"])) == Decimal(contract)
    assert rules.quantity_step == Decimal(str(listed["precision"]["amount"])) * Decimal(contract)
    assert sum(quantity for _, quantity in book.bids) == pytest.approx(
        sum(quantity for _, quantity in MARKET.book(BTC, epoch_ms(NOW), 50).bids), rel=Decimal("0.01")
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


@pytest.mark.parametrize("body", [{"rows": 1}, [7], [["a", "b"]]])
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


def listing(**filters: dict[str, str]) -> Any:
    """Of one pair, with these figures beside the usual ones."""
    told = {
        "PRICE_FILTER": {"tickSize": "0.01"}, "LOT_SIZE": {"stepSize": "0.00001"}, "NOTIONAL": {"minNotional": "5"},
    }  # fmt: skip
    figures = [{"filterType": name, **(told[name] | filters.get(name, {}))} for name in told]
    return {"symbols": [LISTING | {"filters": figures}]}


def venue_that_lists(listed: Any) -> FastAPI:
    api = FastAPI()
    api.add_api_route("/api/v3/exchangeInfo", lambda: listed, response_model=None)
    return api


@pytest.mark.parametrize(
    ("name", "figure", "told"),
    [
        *(("PRICE_FILTER", "tickSize", told) for told in ("Infinity", "NaN", "-0.01", "1e7", "1e-21")),
        *(("LOT_SIZE", "stepSize", told) for told in ("Infinity", "NaN", "-0.01", "1e7", "1e-21")),
        *(("NOTIONAL", "minNotional", told) for told in ("Infinity", "NaN", "-5", "1e300")),
    ],
)
async def test_rules_that_cannot_be_true_are_refused_by_the_venues_name(name: str, figure: str, told: str) -> None:
    async with plugged(venue_that_lists(listing(**{name: {figure: told}}))) as market:
        with pytest.raises(MarketUnavailable, match="simulated binance publishes no"):
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


def perpetual_that_settles(*settled: dict[str, Any]) -> FastAPI:
    api = FastAPI()
    listed = {"symbols": [LISTING | {"contractType": "PERPETUAL", "marginAsset": "USDC"}]}
    api.add_api_route("/fapi/v1/exchangeInfo", lambda: listed, response_model=None)
    api.add_api_route("/fapi/v1/fundingRate", lambda: [{"symbol": "BTCUSDC", **row} for row in settled])
    return api


@pytest.mark.parametrize("rate", [None, "NaN", "Infinity", "0.0501", "-0.0501", "much"])
async def test_a_settlement_that_cannot_be_true_is_refused_by_the_venues_name(rate: Any) -> None:
    paid = perpetual_that_settles({"fundingTime": epoch_ms(NOW) - 1, "fundingRate": rate})

    async with plugged(paid, kind=MarketKind.PERP) as market:
        with pytest.raises(MarketUnavailable, match="simulated binance: "):
            await market.funding(BTC, since=NOW - timedelta(days=1), until=NOW)


@pytest.mark.parametrize("rate", ["0.05", "-0.05"])
async def test_a_settlement_of_five_hundredths_is_the_highest_there_is(rate: str) -> None:
    paid = perpetual_that_settles({"fundingTime": epoch_ms(NOW) - 1, "fundingRate": rate})

    async with plugged(paid, kind=MarketKind.PERP) as market:
        (told,) = await market.funding(BTC, since=NOW - timedelta(days=1), until=NOW)

    assert told.rate_ratio == Decimal(rate)


@pytest.mark.parametrize(
    "page",
    [
        [{"timestamp": None, "fundingRate": 0.0001}],
        [{"timestamp": epoch_ms(NOW)}],
        [{"timestamp": epoch_ms(NOW), "fundingRate": []}],
        [None],
        7,
    ],
)
async def test_settlements_that_cannot_be_read_are_refused_by_the_venues_name(page: Any) -> None:
    async with plugged(perpetual_that_settles(), kind=MarketKind.PERP) as market:
        await market._markets()
        market._venue.fetch_funding_rate_history = telling(page)
        with pytest.raises(MarketUnavailable, match="simulated binance: unreadable answer"):
            await market.funding(BTC, since=NOW - timedelta(days=1), until=NOW)


def telling(answer: Any) -> Callable[..., Any]:
    """A method of ccxt that makes this of whatever it was told."""

    async def told(*_question: Any) -> Any:
        return answer

    return told


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        *(("fetch_ohlcv", answer) for answer in (7, [7], [["x"] * 6], [[epoch_ms(NOW) - 60_000, *["x"] * 5]])),
        ("fetch_ohlcv", [[epoch_ms(NOW) // 60_000 * 60_000, *[10**400] * 5]]),
        *(("load_markets", answer) for answer in (7, {"BTC/USDC": 7}, {"BTC/USDC": {}})),
        *(("fetch_order_book", answer) for answer in (7, {}, {"timestamp": 10**30, "bids": [], "asks": []})),
        *(("fetch_trades", answer) for answer in (7, [7], [{"side": "buy", "timestamp": None}])),
        ("fetch_time", 10**400),
        *((name, 7) for name in ("fetch_funding_rate", "fetch_open_interest")),
    ],
)
async def test_whatever_ccxt_makes_of_an_answer_only_our_exceptions_come_out(method: str, answer: Any) -> None:
    async with plugged(app(MARKET, lambda: epoch_ms(NOW))) as market:
        await market.open()
        if method == "load_markets":
            market._venue.markets = answer
            market._listed_ms = epoch_ms(NOW)
        setattr(market._venue, method, telling(answer))
        hour = NOW - timedelta(hours=1)
        market._teller = market
        asked = [
            market.candles(BTC, Timeframe.M1, until=NOW, limit=3),
            market.fine_candles(BTC, since=hour, until=NOW),
            market.first_open(BTC, since=hour, until=NOW),
            market.last_price(BTC, until=NOW),
            market.rules(BTC),
            market.book(BTC, until=NOW),
            market.trades(BTC, until=NOW),
            market.funding_quote(BTC, until=NOW),
            market.open_interest(BTC, until=NOW),
            market.probe((BTC,)),
        ]
        told = await asyncio.gather(*asked, return_exceptions=True)
        market._teller = None

    wrongs = [wrong for wrong in told if isinstance(wrong, BaseException)]
    assert {type(wrong) for wrong in wrongs} <= {MarketUnavailable, NotOffered, InvalidSymbol}
    assert any("simulated binance" in str(wrong) for wrong in wrongs)


# --- answers that are too much ---

MIB = 1024 * 1024
PACK = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}


def venue_that_floods(path: str, content: bytes, headers: dict[str, str], status: int = 200) -> FastAPI:
    """Answers one question with that, and all others as it should."""
    api = venue_that_tells([bar(1)])

    @api.middleware("http")
    async def flooded(request: Request, call_next: Any) -> Any:
        if request.url.path == path:
            return Response(content, status, {"content-type": "application/json", **headers})
        return await call_next(request)

    return api


@pytest.mark.parametrize("coding", PACK)
@pytest.mark.parametrize(("path", "size"), [("/api/v3/exchangeInfo", 32), ("/api/v3/klines", 8)])
async def test_a_small_answer_that_unpacks_to_a_huge_one_is_not_unpacked(coding: str, path: str, size: int) -> None:
    bomb = PACK[coding](b"[" + b" " * (size * MIB) + b"]")
    assert len(bomb) < MIB

    async with plugged(venue_that_floods(path, bomb, {"content-encoding": coding})) as market:
        with pytest.raises(MarketUnavailable, match=f"simulated binance: .* at most {size * MIB} bytes unpacked"):
            await market.candles(BTC, Timeframe.H1, until=NOW, limit=3)


@pytest.mark.parametrize(("bars", "match"), [(5_001, "at most 5000 of anything"), (30_000, "at most 250000 values")])
async def test_far_more_bars_than_were_asked_for_are_not_read(bars: int, match: str) -> None:
    async with plugged(venue_that_tells([bar(1)] * bars)) as market:
        with pytest.raises(MarketUnavailable, match=f"simulated binance: .* {match}"):
            await market.candles(BTC, Timeframe.H1, until=NOW, limit=3)


async def test_far_more_settlements_than_ever_were_are_not_read() -> None:
    paid = perpetual_that_settles(*[{"fundingTime": epoch_ms(NOW), "fundingRate": "0.0001"}] * 60_001)

    async with plugged(paid, kind=MarketKind.PERP) as market:
        with pytest.raises(MarketUnavailable, match="at most 60000 of anything"):
            await market.funding(BTC, since=NOW - timedelta(days=1), until=NOW)


async def test_a_listing_of_more_pairs_than_there_are_is_not_read() -> None:
    listed = [LISTING | {"symbol": f"C{number}USDC", "baseAsset": f"C{number}"} for number in range(20_001)]

    async with plugged(venue_that_lists(JSONResponse({"symbols": listed}))) as market:
        with pytest.raises(MarketUnavailable, match=r"simulated binance: .* at most 20000 of anything"):
            await market.rules(BTC)


async def test_a_refusal_that_goes_on_and_on_is_still_the_refusal_it_is() -> None:
    page = gzip.compress(b"<p>slow down</p>" * MIB)
    headers = {"content-encoding": "gzip", "retry-after": "7"}

    async with plugged(venue_that_floods("/api/v3/klines", page, headers, 429)) as market:
        with pytest.raises(RateLimited) as raised:
            await market.candles(BTC, Timeframe.H1, until=NOW, limit=3)

    assert raised.value.wait_s == 7
    assert len(str(raised.value)) < 300


async def test_a_charset_that_would_take_hours_to_decode_is_not_used() -> None:
    content = b'{"symbols": [' + JSONResponse(LISTING).body + b"]}"
    headers = {"content-type": "application/json; charset=punycode"}

    async with plugged(venue_that_floods("/api/v3/exchangeInfo", content, headers)) as market:
        assert len(await market.candles(BTC, Timeframe.H1, until=NOW, limit=3)) == 1


# --- eight venues, each in its own tongue, of one world ---

WORLD = World(MARKET, lambda: epoch_ms(NOW))
# 20 days of the world are long enough for two weeks that begin on a Monday
THURSDAY = {"kucoin", "gate", "hyperliquid", "kraken"}
REACH = {"kraken": 720, "hyperliquid": 5_000}
PERPETUAL = {
    "binance": "BTC/USDC:USDC", "kucoin": "BTC/USDC:USDC", "gate": "BTC/USDT:USDT", "mexc": "BTC/USDT:USDT",
    "hyperliquid": "BTC/USDC:USDC", "kraken": "BTC/USD:USD", "okx": "BTC/USDC:USDC",
}  # fmt: skip


@asynccontextmanager
async def standing(name: str, clock: Any = lambda: NOW, **ways: Any) -> AsyncIterator[tuple[Venue, CcxtMarket]]:
    async with venues(name, world=WORLD) as here:
        market = CcxtMarket(name, base_url=here[name].url, clock=clock, **ways)
        try:
            yield here[name], market
        finally:
            await market.close()


@pytest.fixture(params=VENUES)
async def at(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Venue, CcxtMarket]]:
    async with standing(request.param) as both:
        yield both


def truth(timeframe: Timeframe, bars: int) -> list[int]:
    closed = timeframe.floor_ms(epoch_ms(NOW)) - timeframe.ms
    return [int(row[0]) for row in WORLD.bars(BTC, timeframe, closed - (bars - 1) * timeframe.ms, closed)]


async def test_pages_join_without_a_seam_on_every_venue(at: tuple[Venue, CcxtMarket]) -> None:
    venue, market = at
    minutes = min(2_200, REACH.get(venue.name, 2_200))

    candles = await market.candles(BTC, Timeframe.M1, until=NOW, limit=2_200)

    # kraken's newest bar is the one that is still forming
    told = truth(Timeframe.M1, minutes - 1 if venue.name == "kraken" else minutes)
    assert list(candles.opened_ms) == told
    assert sum(asked.kind is Kind.CANDLES for asked in venue.log) <= 14


async def test_hours_of_last_week_are_the_ones_that_were_asked_for(at: tuple[Venue, CcxtMarket]) -> None:
    _, market = at
    until = NOW - timedelta(days=9)

    candles = await market.candles(BTC, Timeframe.H1, until=until, limit=100)

    assert (len(candles), candles.gaps, candles.closed_at) == (100, 0, Timeframe.H1.floor(until))


async def test_minutes_that_a_venue_no_longer_tells_are_not_taken_for_quiet_ones(at: tuple[Venue, CcxtMarket]) -> None:
    venue, market = at
    since, until = NOW - timedelta(days=5), NOW - timedelta(days=5) + timedelta(hours=1)

    if venue.name in REACH:
        with pytest.raises(NotOffered, match=f"newest {REACH[venue.name]} minutes"):
            await market.fine_candles(BTC, since=since, until=until)
        with pytest.raises(NotOffered, match=f"newest {REACH[venue.name]} minutes"):
            await market.first_open(BTC, since=since, until=until)
    else:
        assert len(await market.fine_candles(BTC, since=since, until=until)) == 59


async def test_weeks_begin_on_monday_or_are_not_told(at: tuple[Venue, CcxtMarket]) -> None:
    venue, market = at

    for _ in range(2):
        if venue.name in THURSDAY or venue.name == "coinbase":
            with pytest.raises(NotOffered, match=r"another day than Monday|no bars of 1w"):
                await market.candles(BTC, Timeframe.W1, until=NOW, limit=2)
            assert Part.WEEKLY not in market.offers
        else:
            weeks = await market.candles(BTC, Timeframe.W1, until=NOW, limit=2)
            assert [instant(at).weekday() for at in weeks.opened_ms] == [0, 0]
            assert Part.WEEKLY in market.offers
    assert sum(asked.kind is Kind.CANDLES for asked in venue.log) <= 1


async def test_a_timeframe_that_a_venue_has_not_is_not_offered() -> None:
    async with standing("coinbase") as (venue, market):
        with pytest.raises(NotOffered, match="coinbase has no bars of 4h"):
            await market.candles(BTC, Timeframe.H4, until=NOW, limit=5)

    assert not [asked for asked in venue.log if asked.kind is Kind.CANDLES]


async def test_the_book_has_fifty_rungs_or_what_the_venue_tells(at: tuple[Venue, CcxtMarket]) -> None:
    venue, market = at
    rungs = 20 if venue.name == "hyperliquid" else 50
    truly = MARKET.book(BTC, epoch_ms(NOW), rungs)

    book = await market.book(BTC, until=NOW)

    assert (book.bids, book.asks) == (truly.bids, truly.asks)
    assert (book.source, book.symbol) == (venue.name, BTC)


async def test_a_crossed_book_is_unavailable(at: tuple[Venue, CcxtMarket]) -> None:
    venue, market = at
    venue.faults.on(Fault.CROSSED)

    with pytest.raises(MarketUnavailable, match="crossed"):
        await market.book(BTC, until=NOW)


async def test_trades_are_the_newest_oldest_first_each_once_by_the_takers_side(at: tuple[Venue, CcxtMarket]) -> None:
    venue, market = at
    if venue.name == "hyperliquid":
        with pytest.raises(NotOffered):
            await market.trades(BTC, until=NOW)
        assert Part.TRADES not in market.offers
        return
    count = 100 if venue.name == "kucoin" else 500
    truly = MARKET.trades(BTC, None, None, count, epoch_ms(NOW))

    told = await market.trades(BTC, until=NOW)

    told_rows = [(epoch_ms(trade.at), trade.price, trade.quantity, trade.is_buy) for trade in told.trades]
    assert told_rows == [(at_ms, price, quantity, not is_maker) for _, at_ms, price, quantity, is_maker in truly]
    assert list(told.trades) == sorted(told.trades, key=lambda trade: trade.at)


async def test_no_trade_after_the_question_is_told(at: tuple[Venue, CcxtMarket]) -> None:
    venue, market = at
    if venue.name == "hyperliquid":
        return
    until = NOW - timedelta(seconds=30)

    told = await market.trades(BTC, until=until)

    assert told.trades
    assert all(trade.at <= until for trade in told.trades)


async def test_when_nobody_traded_the_tape_is_empty() -> None:
    async with standing("gate") as (venue, market):
        venue.faults.on(Fault.NO_TRADES)

        assert (await market.trades(BTC, until=NOW)).trades == ()


async def test_the_funding_of_the_perpetual_says_its_true_interval(at: tuple[Venue, CcxtMarket]) -> None:
    venue, market = at
    if venue.name == "coinbase":
        with pytest.raises(NotOffered):
            await market.funding_quote(BTC, until=NOW)
        assert not market.offers & {Part.FUNDING, Part.INTEREST}
        return
    hours = 1 if venue.name in {"hyperliquid", "kraken"} else 8
    perpetual = WORLD.perpetual("BTC", hours)

    quote = await market.funding_quote(BTC, until=NOW)

    assert quote == FundingQuote(BTC, quote.at, perpetual.rate, hours * 3_600, PERPETUAL[venue.name], venue.name)
    assert NOW - timedelta(minutes=1) < quote.at <= NOW


async def test_open_interest_is_counted_in_base(at: tuple[Venue, CcxtMarket]) -> None:
    venue, market = at
    if venue.name == "coinbase":
        with pytest.raises(NotOffered):
            await market.open_interest(BTC, until=NOW)
        return

    interest = await market.open_interest(BTC, until=NOW)

    assert interest.quantity == WORLD.perpetual("BTC", 8).open_interest
    assert (interest.perpetual, interest.source) == (PERPETUAL[venue.name], venue.name)
    # absent where it is not told, never nothing
    assert interest.notional_quote is None or interest.notional_quote > 0


async def test_an_interval_that_cannot_be_read_is_absent_and_not_guessed() -> None:
    async with standing("binance") as (venue, market):
        await market.funding_quote(ETH, until=NOW)
        fresh = CcxtMarket("binance", base_url=venue.url, clock=lambda: NOW)
        teller = await fresh._of_perpetuals()
        await teller._markets()
        teller._venue.fetch_funding_intervals = teller._venue.fetch_accounts

        quote = await fresh.funding_quote(ETH, until=NOW)

        await fresh.close()
    assert quote.interval_s is None
    assert quote.annualized_ratio is None


ANSWERS = {
    Fault.LIMITED: RateLimited, Fault.LIMITED_MUTE: RateLimited, Fault.TEAPOT: RateLimited, Fault.GEO: Blocked,
    Fault.FORBIDDEN: Blocked, Fault.MAINTENANCE: Maintenance, Fault.BROKEN: MarketUnavailable,
    Fault.GATEWAY: MarketUnavailable, Fault.UNAVAILABLE: MarketUnavailable, Fault.SLOW_GATEWAY: MarketUnavailable,
    Fault.PAGE: MarketUnavailable, Fault.TRUNCATED: MarketUnavailable, Fault.HALF: MarketUnavailable,
}  # fmt: skip


async def test_each_fault_of_the_line_is_called_by_its_name(at: tuple[Venue, CcxtMarket]) -> None:
    venue, market = at
    await market.rules(BTC)
    told = {}

    for fault in ANSWERS:
        venue.faults.off()
        venue.faults.on(fault)
        with pytest.raises(MarketUnavailable) as raised:
            await market.candles(BTC, Timeframe.H1, until=NOW, limit=5)
        told[fault] = type(raised.value)
        assert len(str(raised.value)) < 300 and "\n" not in str(raised.value)
    # hyperliquid has no words for it
    expected = ANSWERS | ({Fault.MAINTENANCE: MarketUnavailable} if venue.name == "hyperliquid" else {})

    assert told == expected


async def test_how_long_a_venue_wants_to_be_left_alone_is_told_or_unknown(at: tuple[Venue, CcxtMarket]) -> None:
    venue, market = at
    await market.rules(BTC)
    waits = []

    for fault in (Fault.LIMITED, Fault.LIMITED_MUTE):
        venue.faults.off()
        venue.faults.on(fault)
        with pytest.raises(RateLimited) as raised:
            await market.book(BTC, until=NOW)
        waits.append(raised.value.wait_s)

    assert waits == [7.0, None]


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry-After": "120"}, 120.0),
        (
            {"Retry-After": (NOW + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT")},
            pytest.approx(90, abs=1),
        ),
        ({"gw-ratelimit-reset": "2500"}, 2.5),
        ({"X-Gate-Ratelimit-Reset-Timestamp": str(epoch_ms(NOW) // 1_000 + 10)}, pytest.approx(10, abs=1)),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "999999999"}, 3 * 86_400),
        ({"Retry-After": "Mon, 01 Jan 2026 00:00:00 +99999999999999999999"}, None),
    ],
)
async def test_a_wait_is_read_as_each_venue_writes_it(headers: dict[str, str], wait_s: Any) -> None:
    api = FastAPI()
    api.add_api_route("/api/v3/exchangeInfo", lambda: JSONResponse({}, 429, headers))

    async with plugged(api) as market:
        with pytest.raises(RateLimited) as raised:
            await market.rules(BTC)

    assert raised.value.wait_s == wait_s


async def test_a_venue_that_hangs_costs_its_timeout_and_no_more() -> None:
    async with standing("kucoin", timeout_s=0.05) as (venue, market):
        venue.faults.on(Fault.SILENT)

        with pytest.raises(MarketUnavailable):
            await asyncio.wait_for(market.candles(BTC, Timeframe.H1, until=NOW, limit=5), 5)


async def test_a_pair_that_is_no_longer_traded_says_so(at: tuple[Venue, CcxtMarket]) -> None:
    venue, market = at
    venue.faults.on(Fault.DELISTED)

    with pytest.raises(InvalidSymbol, match=r"any more|does not list"):
        await market.candles(BTC, Timeframe.H1, until=NOW, limit=5)


async def test_the_listing_is_read_again_after_a_while_behind_the_back_of_who_asks() -> None:
    now = [NOW]
    async with standing("binance", lambda: now[0]) as (venue, market):
        await market.rules(BTC)
        venue.faults.on(Fault.DELISTED)
        now[0] += timedelta(hours=7)

        assert (await market.rules(BTC)).price_tick
        assert market._listing
        await market._listing
        with pytest.raises(InvalidSymbol, match="any more"):
            await market.rules(BTC)


@pytest.mark.parametrize("ours_ahead_s", [90, -90])
async def test_a_bar_is_closed_once_the_venues_clock_and_ours_say_so(ours_ahead_s: int) -> None:
    end = Timeframe.H1.floor(NOW)
    closed = end - timedelta(milliseconds=1) if ours_ahead_s > 0 else end
    world = World(MARKET, lambda: epoch_ms(closed))
    async with venues("mexc", world=world) as here:
        ours = closed + timedelta(seconds=ours_ahead_s)
        market = CcxtMarket("mexc", base_url=here["mexc"].url, clock=lambda: ours)

        candles = await market.candles(BTC, Timeframe.H1, until=end, limit=3)

        await market.close()
    assert candles.closed_at == end - Timeframe.H1.span


async def test_days_that_have_closed_are_asked_for_once_until_the_next_has() -> None:
    async with standing("okx") as (venue, market):
        first = await market.candles(BTC, Timeframe.D1, until=NOW, limit=10)
        asked = len(venue.log)
        again = await market.candles(BTC, Timeframe.D1, until=NOW + timedelta(hours=3), limit=10)
        assert again is first
        assert len(venue.log) == asked
        earlier = await market.candles(BTC, Timeframe.D1, until=NOW - timedelta(days=1), limit=10)

    assert earlier.closed_at == first.closed_at - timedelta(days=1)


async def test_days_without_the_newest_are_not_kept() -> None:
    async with standing("okx") as (venue, market):
        venue.faults.on(Fault.LATE, times=2)

        told = [(await market.candles(BTC, Timeframe.D1, until=NOW, limit=3)).closed_at for _ in range(2)]

    assert told == [Timeframe.D1.floor(NOW) - timedelta(days=1), Timeframe.D1.floor(NOW)]


async def test_one_venue_is_no_second_opinion_on_itself(market: CcxtMarket) -> None:
    besides = {"simulated binance"}

    assert market.sources == ("simulated binance",)
    for asked in (
        market.candles(BTC, Timeframe.H4, until=NOW, limit=5, besides=besides),
        market.fine_candles(BTC, since=NOW, until=NOW, besides=besides),
        market.first_open(BTC, since=NOW, until=NOW, besides=besides),
        market.last_price(BTC, until=NOW, besides=besides),
    ):
        with pytest.raises(InvalidSymbol, match="no other"):
            await asked


async def test_a_probe_tells_the_way_the_clock_and_what_is_listed(at: tuple[Venue, CcxtMarket]) -> None:
    venue, market = at
    venue.faults.on(Fault.BEHIND)

    probe = await market.probe((BTC, Symbol.parse("XRP/USDC")))

    assert 0 <= probe.latency_s < 5
    assert probe.skew_s == pytest.approx(90, abs=2) == await market.ahead_s()
    assert (probe.listed, probe.absent) == ((BTC,), (Symbol.parse("XRP/USDC"),))


async def test_who_gives_up_waiting_for_the_listing_does_not_take_it_from_the_others() -> None:
    release = asyncio.Event()
    api = venue_that_tells([bar(1)])

    @api.middleware("http")
    async def held(request: Request, call_next: Any) -> Any:
        await release.wait()
        return await call_next(request)

    async with plugged(api) as market:
        first, second = (asyncio.create_task(market.candles(BTC, Timeframe.H1, until=NOW, limit=3)) for _ in range(2))
        while market._listing is None:
            await asyncio.sleep(0)
        first.cancel()
        release.set()
        candles = await second

    assert first.cancelled()
    assert len(candles) == 1


async def test_a_question_given_up_in_the_queue_takes_nobodys_turn() -> None:
    market = CcxtMarket("kraken", clock=lambda: NOW)
    await market.open()
    pace = market._pace
    assert pace is not None

    await pace(1)
    waiting = [asyncio.create_task(pace(1_000)) for _ in range(3)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert [cost for _, cost in pace._throttler.queue] == [0, 0, 0]
    await market.close()


@pytest.mark.parametrize(
    ("exchange", "algorithm", "within"),
    [
        ("binance", "rollingWindow", (60_000, 1_200)),
        ("kucoin", "rollingWindow", (30_000, 4_000)),
        ("gate", "rollingWindow", (10_000, 200)),
        ("coinbase", "rollingWindow", (1_000, 29)),
        ("kraken", "leakyBucket", None),
        ("okx", "leakyBucket", None),
    ],
)
async def test_a_burst_is_let_through_where_the_venue_counts_by_the_window(
    exchange: str, algorithm: str, within: tuple[int, int] | None
) -> None:
    market = CcxtMarket(exchange, clock=lambda: NOW)
    await market.open()

    pace = market._venue.throttler.config
    await market.close()

    assert pace["algorithm"] == algorithm
    assert within is None or (pace["windowSize"], int(pace["maxWeight"])) == within


async def test_a_clock_that_is_set_back_does_not_keep_an_old_listing() -> None:
    now = [NOW]
    async with standing("okx", lambda: now[0]) as (venue, market):
        await market.rules(BTC)
        now[0] -= timedelta(days=30)
        await market.rules(BTC)
        assert market._listing
        await market._listing

    assert sum(asked.kind is Kind.LISTING for asked in venue.log) == 2


async def test_a_listing_that_cannot_be_renewed_serves_on() -> None:
    now = [NOW]
    async with standing("okx", lambda: now[0]) as (venue, market):
        await market.rules(BTC)
        venue.faults.on(Fault.BROKEN, Kind.LISTING)
        now[0] += timedelta(hours=7)

        for _ in range(3):
            assert (await market.rules(BTC)).price_tick
            assert market._listing
            await asyncio.wait({market._listing})

    assert sum(asked.kind is Kind.LISTING for asked in venue.log) == 2


async def test_perpetuals_are_loaded_when_they_are_first_asked_for_and_share_the_venues_limit() -> None:
    async with standing("gate") as (_, market):
        await market.candles(BTC, Timeframe.H1, until=NOW, limit=3)
        before = market._teller
        await market.funding_quote(BTC, until=NOW)
        teller = market._teller

        assert before is None
        assert teller
        assert teller._venue.throttle is market._venue.throttle


def test_what_ccxt_knows_is_known_without_loading_it() -> None:
    assert is_known("bitvavo")
    assert not is_known("mtgox")
    assert not is_known("../gate")
    assert not is_known("__init__")
    assert "ccxt.async_support.bitvavo" not in sys.modules


def test_what_an_address_does_not_tell_is_not_offered() -> None:
    spot_only = CcxtMarket("binance", clock=lambda: NOW, has_perpetuals=False)

    assert spot_only.offers == {Part.DAILY, Part.WEEKLY, Part.BOOK, Part.TRADES}
    assert CcxtMarket("binance", clock=lambda: NOW).offers == {*spot_only.offers, Part.FUNDING, Part.INTEREST}
