"""Bodies that the exchanges themselves sent, or print in their documentation, read by ccxt's unmodified classes.

The numbers were read off the files by hand; they hold the loopback venues to the true formats."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from tests.loopback import serve
from tests.venues.plugged import plugged


@pytest.fixture
def payloads(recorded_data: Path) -> Path:
    return recorded_data / "payloads"


def read(file: Path) -> Any:
    return json.loads(file.read_text())


@asynccontextmanager
async def told(
    name: str, bodies: Mapping[str, Any], posted: Mapping[str, Any] | None = None, *, perpetuals: bool = False
) -> AsyncIterator[Any]:
    """ccxt's class at a site where these bodies lie at these paths; `posted`: by the `type` that is asked for."""
    site = FastAPI()

    async def answer(request: Request) -> Response:
        if request.method == "POST" and posted is not None:
            return JSONResponse(posted[(await request.json())["type"]])
        return JSONResponse(bodies[request.url.path]) if request.url.path in bodies else Response("nothing", 404)

    site.add_api_route("/{path:path}", answer, methods=["GET", "POST"], response_model=None)
    async with serve(site) as url, plugged(name, url, perpetuals=perpetuals) as venue:
        yield venue


async def test_binance(payloads: Path) -> None:
    here = payloads / "binance" / "nautilus"
    bodies = {
        "/api/v3/exchangeInfo": read(here / "spot__http_json__exchange_info_response.json"),
        "/api/v3/klines": read(here / "spot__http_json__klines_response.json"),
        "/api/v3/depth": read(here / "spot__http_json__depth_response.json"),
        "/api/v3/trades": read(here / "spot__http_json__trades_response.json"),
        "/api/v3/time": read(here / "spot__http_json__server_time_response.json"),
    }

    async with told("binance", bodies) as venue:
        rows = await venue.fetch_ohlcv("ETH/BTC", "1w")
        book = await venue.fetch_order_book("ETH/BTC")
        trades = await venue.fetch_trades("ETH/BTC", params={"fetchTradesMethod": "publicGetTrades"})
        time = await venue.fetch_time()

    assert rows == [[1499040000000, 0.0163479, 0.8, 0.015758, 0.015771, 148976.11427815]]
    assert (book["bids"], book["asks"]) == ([[4.0, 431.0]], [[4.000002, 12.0]])
    assert [(t["timestamp"], t["price"], t["amount"], t["side"]) for t in trades] == [
        (1499865549590, 4.000001, 12.0, "sell")
    ]
    assert time == 1499827319559


async def test_kraken(payloads: Path) -> None:
    here = payloads / "kraken" / "nautilus"
    bodies = {
        "/0/public/AssetPairs": read(here / "http_asset_pairs.json"),
        "/0/public/OHLC": read(here / "http_ohlc.json"),
        "/0/public/Depth": read(here / "http_order_book.json"),
        "/0/public/Trades": read(here / "http_trades.json"),
        "/0/public/Time": read(here / "http_server_time.json"),
    }

    async with told("kraken", bodies) as venue:
        listed = await venue.load_markets()
        rows = await venue.fetch_ohlcv("BTC/USDT", "1m")
        book = await venue.fetch_order_book("BTC/USDT")
        trades = await venue.fetch_trades("BTC/USDT")
        time = await venue.fetch_time()

    market = listed["BTC/USDT"]
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.1, 1e-8)
    assert (market["limits"]["cost"]["min"], market["active"]) == (0.5, True)
    assert len(rows) == 721
    assert rows[3] == [1762777200000, 106038.1, 106044.3, 106038.1, 106040.1, 0.08317981]
    assert rows[-1][0] == 1762820220000
    assert book["asks"][0][:2] == [105944.3, 0.136]
    assert book["bids"][1][:2] == [105935.4, 0.024]
    assert len(trades) == 1000
    first = trades[0]
    assert (first["timestamp"], first["price"], first["amount"], first["side"]) == (
        1762795433971, 105433.6, 0.00027625, "buy",
    )  # fmt: skip
    assert time == 1762820224000


async def test_krakens_futures(payloads: Path) -> None:
    here = payloads / "kraken" / "nautilus"
    bodies = {
        "/derivatives/api/v3/instruments": read(here / "http_futures_instruments.json"),
        "/derivatives/api/v3/tickers": read(here / "http_futures_tickers.json"),
        "/api/charts/v1/trade/PF_ETHUSD/1h": read(here / "http_futures_candles_trade.json"),
    }

    async with told("kraken", bodies, perpetuals=True) as venue:
        rates = await venue.fetch_funding_rates(["ETH/USD:USD"])
        rows = await venue.fetch_ohlcv("ETH/USD:USD", "1h")
        tickers = await venue.fetch_tickers(["ETH/USD:USD"])

    # 0.000015 quote an hour for one contract of 3205.25
    assert rates["ETH/USD:USD"]["fundingRate"] == pytest.approx(0.000015 / 3205.25)
    assert rates["ETH/USD:USD"]["interval"] == "1h"
    assert rows[1] == [1731718800000, 91045.5, 91488.5, 91045.5, 91415.0, 2407.0]
    assert tickers["ETH/USD:USD"]["info"]["openInterest"] == 1_000_000


async def test_okx(payloads: Path) -> None:
    here = payloads / "okx" / "nautilus"
    bodies = {
        "/api/v5/public/instruments": read(here / "http_get_instruments_swap.json"),
        "/api/v5/market/candles": read(here / "http_get_candlesticks_full.json"),
        "/api/v5/market/books": read(here / "http_get_order_book.json"),
    }

    async with told("okx", bodies, perpetuals=True) as venue:
        rows = await venue.fetch_ohlcv("BTC/USDT:USDT", "1m")
        book = await venue.fetch_order_book("BTC/USDT:USDT")

    # newest first on the wire; of a swap the volume that counts is the one in base
    assert rows == [
        [1747093980000, 102806.0, 102820.5, 102783.1, 102806.1, 71.6404],
        [1747094040000, 102806.1, 102820.4, 102806.1, 102820.4, 10.4037],
    ]
    assert book["bids"][0][:2] == [41006.7, 0.487921]
    assert book["asks"][2][:2] == [41007.0, 2.0584253]
    assert book["timestamp"] == 1704067200000


async def test_okxs_spot_pairs(payloads: Path) -> None:
    here = payloads / "okx" / "nautilus"
    listing = read(here / "http_get_instruments_spot.json")
    # the recorded trades are of a pair that the recorded listing has not
    listing["data"].append(listing["data"][0] | {"instId": "BTC-USDT", "quoteCcy": "USDT"})
    bodies = {
        "/api/v5/public/instruments": listing,
        "/api/v5/market/trades": read(here / "http_get_trades.json"),
    }

    async with told("okx", bodies) as venue:
        listed = await venue.load_markets()
        trades = await venue.fetch_trades("BTC/USDT")

    market = listed["BTC/USD"]
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.1, 1e-8)
    assert market["active"] is True
    assert [(t["timestamp"], t["price"], t["amount"], t["side"]) for t in trades] == [
        (1747087161666, 102537.9, 0.0000125, "buy"),
        (1747087163557, 102537.9, 0.00013669, "sell"),
    ]


async def test_hyperliquid(payloads: Path) -> None:
    here = payloads / "hyperliquid"
    cassettes = [*read(here / "sdk_cassettes" / "test_get_candles_snapshot.json"),
                 *read(here / "sdk_cassettes" / "test_get_l2_snapshot.json")]  # fmt: skip
    posted = {call["request"]["type"]: call["response"] for call in cassettes}
    names = [one["name"] for one in posted["meta"]["universe"]]
    posted["metaAndAssetCtxs"] = [posted["meta"], [{"markPx": "1.0"} for _ in names]]

    async with told("hyperliquid", {}, posted, perpetuals=True) as venue:
        await venue.load_markets()
        thousand = next(market for market in venue.markets.values() if market["baseName"] == "kPEPE")
        rows = await venue.fetch_ohlcv(thousand["symbol"], "1h")
        book = await venue.fetch_order_book("DYDX/USDC:USDC")

    assert rows[:2] == [
        [1684699200000, 0.001601, 0.001616, 0.001601, 0.001604, 520665683.0],
        [1684702800000, 0.001603, 0.001603, 0.001584, 0.001591, pytest.approx(rows[1][5])],
    ]
    assert book["bids"][:2] == [[2.111, 134.4], [2.1105, 141.1]]


async def test_kucoin(payloads: Path) -> None:
    printed = read(payloads / "kucoin" / "sdk_spot_market.json")
    bodies = {
        "/api/v2/symbols": printed["get_all_symbols_resp_model"]["response"],
        "/api/v1/market/allTickers": printed["get_all_tickers_resp_model"]["response"],
        "/api/v1/market/candles": printed["get_klines_resp_model"]["response"],
        "/api/v1/market/orderbook/level2_100": printed["get_part_order_book_resp_model"]["response"],
        "/api/v1/market/histories": printed["get_trade_history_resp_model"]["response"],
        "/api/v1/timestamp": printed["get_server_time_resp_model"]["response"],
    }

    async with told("kucoin", bodies) as venue:
        listed = await venue.load_markets()
        rows = await venue.fetch_ohlcv("BTC/USDT", "1m")
        book = await venue.fetch_order_book("BTC/USDT", 100)
        trades = await venue.fetch_trades("BTC/USDT")
        time = await venue.fetch_time()

    assert listed["BTC/USDT"]["precision"]["price"] == 0.1
    # time, open, close, high, low, volume on the wire, newest first
    assert rows[0] == [1566789600000, 10408.6, 10416.0, 10405.4, 10416.0, 12.45584973]
    assert rows[2] == [1566789720000, 10411.5, 10411.5, 10396.3, 10401.9, 29.11357276]
    assert book["bids"][0] == [66976.4, 0.69109872]
    assert book["asks"][1] == [66976.8, 0.0005]
    first = trades[0]
    assert (first["timestamp"], first["price"], first["amount"], first["side"]) == (
        1729177117877, 67122.0, 0.000025, "buy",
    )  # fmt: skip
    assert time == 1729100692873


async def test_gate(payloads: Path) -> None:
    here = payloads / "gate"
    bodies = {
        "/api/v4/spot/currency_pairs": read(here / "xchange" / "api_v4_spot_currency_pairs.json"),
        "/api/v4/margin/currency_pairs": [],
        "/api/v4/spot/candlesticks": read(here / "hummingbot" / "gate_io_spot_candles.json")[
            "get_candles_rest_data_mock"
        ],
        "/api/v4/spot/order_book": read(here / "xchange" / "api_v4_spot_order_book.json"),
    }

    async with told("gate", bodies) as venue:
        listed = await venue.load_markets()
        rows = await venue.fetch_ohlcv("BTC/USDT", "1h")
        book = await venue.fetch_order_book("BTC/USDT")

    assert (listed["BTC/USDT"]["precision"]["price"], listed["BTC/USDT"]["precision"]["amount"]) == (0.1, 0.0001)
    # time, quote volume, close, high, low, open, base volume on the wire
    assert rows[0] == [1685167200000, 26728.1, 26736.1, 26718.4, 26718.4, 4.856410775]
    assert (book["bids"][0], book["asks"][0], book["timestamp"]) == ([150.0, 1.0], [200.0, 1.0], 1684102210493)


async def test_mexc(payloads: Path) -> None:
    printed = read(payloads / "mexc" / "ccxt_static_response_excerpt.json")
    listing = {
        "symbol": "BTCUSDT", "status": "1", "baseAsset": "BTC", "baseAssetPrecision": 6, "quoteAsset": "USDT",
        "quoteAssetPrecision": 2, "baseSizePrecision": "0.000001", "quoteAmountPrecision": "1",
        "isSpotTradingAllowed": True, "isMarginTradingAllowed": False,
    }  # fmt: skip
    bodies = {
        "/api/v3/exchangeInfo": {"symbols": [listing]},
        "/api/v1/contract/detail": {"success": True, "code": 0, "data": []},
        "/api/v3/klines": printed["fetchOHLCV"]["httpResponse"],
        "/api/v3/depth": printed["fetchOrderBook"]["httpResponse"],
        "/api/v3/aggTrades": printed["fetchTrades"]["httpResponse"],
    }

    async with told("mexc", bodies) as venue:
        rows = await venue.fetch_ohlcv("BTC/USDT", "1h")
        book = await venue.fetch_order_book("BTC/USDT")
        trades = await venue.fetch_trades("BTC/USDT")

    assert rows == [[1710327600000, 73260.0, 73442.95, 73238.69, 73414.21, 49.560236]]
    assert (book["bids"], book["timestamp"]) == ([[45995.47, 10.337165]], 1704908526228)
    assert [(t["timestamp"], t["price"], t["amount"], t["side"]) for t in trades] == [
        (1710327661000, 73238.7, 0.000112, "buy")
    ]
