"""The simulated exchange speaks as Binance does: shapes, limits, errors. And it says that it is simulated."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from semanticsignal.domain.market import Symbol, Timeframe
from semanticsignal.simulate.exchange import app
from semanticsignal.simulate.market import EPOCH_MS, SimulatedMarket

PAIRS = tuple(Symbol.parse(text) for text in ("BTC/USDC", "ETH/USDC", "SOL/USDC"))
NOW = EPOCH_MS + 20 * 86_400_000 + 5 * 3_600_000 + 17_123
MARKET = SimulatedMarket(7, PAIRS)


@pytest.fixture
async def venue() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app(MARKET, lambda: NOW))
    async with httpx.AsyncClient(transport=transport, base_url="http://venue/api/v3/") as client:
        yield client


async def asked(venue: httpx.AsyncClient, path: str, **query: Any) -> Any:
    response = await venue.get(path, params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def test_it_tells_its_own_time(venue: httpx.AsyncClient) -> None:
    assert await asked(venue, "ping") == {}
    assert await asked(venue, "time") == {"serverTime": NOW}


@pytest.mark.parametrize("path", ["ping", "klines", "nowhere"])
async def test_every_answer_says_that_it_is_simulated_errors_included(venue: httpx.AsyncClient, path: str) -> None:
    response = await venue.get(path)

    assert response.headers["x-simulated"] == "true"


async def test_it_lists_its_pairs_with_the_filters_of_their_orders(venue: httpx.AsyncClient) -> None:
    info = await asked(venue, "exchangeInfo")

    filters = {rule["filterType"]: rule for rule in info["symbols"][0]["filters"]}
    assert [listing["symbol"] for listing in info["symbols"]] == ["BTCUSDC", "ETHUSDC", "SOLUSDC"]
    assert {listing["status"] for listing in info["symbols"]} == {"TRADING"}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"
    assert filters["NOTIONAL"]["minNotional"] == "5.00000000"


async def test_one_or_some_of_its_pairs_can_be_asked_for(venue: httpx.AsyncClient) -> None:
    one = await asked(venue, "exchangeInfo", symbol="ETHUSDC")
    some = await asked(venue, "exchangeInfo", symbols='["ETHUSDC","SOLUSDC"]')

    assert [listing["symbol"] for listing in one["symbols"]] == ["ETHUSDC"]
    assert [listing["symbol"] for listing in some["symbols"]] == ["ETHUSDC", "SOLUSDC"]


async def test_no_bar_that_has_not_opened_is_told_even_when_it_is_asked_for(venue: httpx.AsyncClient) -> None:
    rows = await asked(venue, "klines", symbol="BTCUSDC", interval="4h", endTime=NOW + 10 * 86_400_000)
    future = await asked(venue, "klines", symbol="BTCUSDC", interval="4h", startTime=NOW + 1)

    assert rows[-1][0] == Timeframe.H4.floor_ms(NOW)
    assert rows[-1][6] > NOW
    assert future == []


async def test_a_bar_has_the_twelve_columns_of_binance(venue: httpx.AsyncClient) -> None:
    (row,) = await asked(venue, "klines", symbol="BTCUSDC", interval="1h", limit=1, endTime=NOW - 3_600_000)

    kinds = [type(value) for value in row]
    assert kinds == [int, str, str, str, str, str, int, str, int, str, str, str]
    assert row[6] == row[0] + 3_599_999
    assert Decimal(row[3]) <= Decimal(row[7]) / Decimal(row[5]) <= Decimal(row[2])
    assert Decimal(row[9]) <= Decimal(row[5])


@pytest.mark.parametrize(("limit", "rows"), [(None, 500), (7, 7), (1000, 1000), (5000, 1000)])
async def test_bars_come_five_hundred_at_a_time_and_never_more_than_a_thousand(
    venue: httpx.AsyncClient, limit: int | None, rows: int
) -> None:
    query = {} if limit is None else {"limit": limit}

    assert len(await asked(venue, "klines", symbol="BTCUSDC", interval="1m", **query)) == rows


@pytest.mark.parametrize(
    ("path", "query", "code", "words"),
    [
        ("klines", {"symbol": "NOPEUSDC", "interval": "1m"}, -1121, "Invalid symbol."),
        ("klines", {"symbol": "btc/usdc", "interval": "1m"}, -1100, "Illegal characters found in parameter 'symbol'"),
        ("klines", {"interval": "1m"}, -1102, "Mandatory parameter 'symbol' was not sent"),
        ("klines", {"symbol": "BTCUSDC"}, -1102, "Mandatory parameter 'interval' was not sent"),
        ("klines", {"symbol": "BTCUSDC", "interval": "7m"}, -1120, "Invalid interval."),
        ("klines", {"symbol": "BTCUSDC", "interval": "1m", "limit": "0"}, -1130, "'limit' is not valid"),
        ("klines", {"symbol": "BTCUSDC", "interval": "1m", "limit": "-1"}, -1100, "Illegal characters"),
        ("klines", {"symbol": "BTCUSDC", "interval": "1m", "startTime": "today"}, -1100, "'startTime'"),
        ("depth", {}, -1102, "'symbol'"),
        ("exchangeInfo", {"symbol": "NOPE"}, -1121, "Invalid symbol."),
        ("exchangeInfo", {"symbols": "nope"}, -1100, "'symbols'"),
        ("ticker/price", {"symbols": '"BTCUSDC"'}, -1100, "'symbols'"),
        ("ticker/price", {"symbols": "[1]"}, -1121, "Invalid symbol."),
    ],
)
async def test_a_wrong_question_is_refused_with_the_code_of_binance(
    venue: httpx.AsyncClient, path: str, query: dict[str, str], code: int, words: str
) -> None:
    response = await venue.get(path, params=query)

    assert response.status_code == 400
    assert response.json()["code"] == code
    assert words in response.json()["msg"]


async def test_the_last_price_is_one_and_the_same_wherever_it_is_told(venue: httpx.AsyncClient) -> None:
    price = await asked(venue, "ticker/price", symbol="SOLUSDC")
    top = await asked(venue, "ticker/bookTicker", symbol="SOLUSDC")
    day = await asked(venue, "ticker/24hr", symbol="SOLUSDC")
    depth = await asked(venue, "depth", symbol="SOLUSDC", limit=5)

    assert price["price"] == day["lastPrice"]
    assert Decimal(top["bidPrice"]) < Decimal(price["price"]) < Decimal(top["askPrice"])
    assert [top["bidPrice"], top["bidQty"]] == depth["bids"][0]
    assert (len(depth["bids"]), len(depth["asks"])) == (5, 5)


async def test_tickers_come_one_or_all(venue: httpx.AsyncClient) -> None:
    everyone = await asked(venue, "ticker/24hr")

    assert [ticker["symbol"] for ticker in everyone] == ["BTCUSDC", "ETHUSDC", "SOLUSDC"]
    assert everyone[0] == await asked(venue, "ticker/24hr", symbol="BTCUSDC")


async def test_a_day_sums_up_its_hours(venue: httpx.AsyncClient) -> None:
    hours = await asked(venue, "klines", symbol="BTCUSDC", interval="1h", limit=24)

    day = await asked(venue, "ticker/24hr", symbol="BTCUSDC")

    assert Decimal(day["highPrice"]) >= max(Decimal(row[2]) for row in hours)
    assert Decimal(day["lastPrice"]) - Decimal(day["openPrice"]) == Decimal(day["priceChange"])
    assert day["closeTime"] - day["openTime"] == 86_400_000


async def test_trades_and_aggregated_trades_are_the_same_prints(venue: httpx.AsyncClient) -> None:
    trades = await asked(venue, "trades", symbol="BTCUSDC", limit=10)
    aggregated = await asked(venue, "aggTrades", symbol="BTCUSDC", limit=10)

    assert [(row["id"], row["price"], row["qty"], row["time"]) for row in trades] == [
        (row["a"], row["p"], row["q"], row["T"]) for row in aggregated
    ]
    assert len(trades) == 10
    assert all(row["time"] <= NOW for row in trades)


async def test_before_the_market_began_there_is_a_day_without_trades() -> None:
    transport = httpx.ASGITransport(app(MARKET, lambda: EPOCH_MS))

    async with httpx.AsyncClient(transport=transport, base_url="http://venue/api/v3/") as venue:
        day = await asked(venue, "ticker/24hr", symbol="BTCUSDC")

    assert (day["volume"], day["lastId"], day["priceChange"]) == ("0.00000000", -1, "0.00000000")
