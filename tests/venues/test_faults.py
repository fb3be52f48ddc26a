"""The faults of the loopback venues: what ccxt makes of each, so that a plug's author knows what arrives."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from semanticsignal.domain.market import Symbol, Timeframe
from semanticsignal.simulate.market import EPOCH_MS, SimulatedMarket
from tests.venues import VENUES, Fault, Kind, Venue, World, venues
from tests.venues.faults import RETRY_AFTER_S, SKEW_MS
from tests.venues.plugged import plugged

pytestmark = pytest.mark.asyncio(loop_scope="module")

BTC, ETH = Symbol.parse("BTC/USDC"), Symbol.parse("ETH/USDC")
MARKET = SimulatedMarket(7, (BTC, ETH))
NOW_MS = EPOCH_MS + 100 * 86_400_000 + 5 * 3_600_000 + 17 * 60_000 + 23_456
WORLD = World(MARKET, lambda: NOW_MS)
HOUR = Timeframe.H1
CLOSED = HOUR.floor_ms(NOW_MS) - HOUR.ms
TRUTH = [int(row[0]) for row in WORLD.bars(BTC, HOUR, CLOSED - 9 * HOUR.ms, CLOSED)]

# a venue's own body speaks before its status does
USUAL = {
    Fault.LIMITED: "RateLimitExceeded", Fault.LIMITED_MUTE: "RateLimitExceeded", Fault.TEAPOT: "DDoSProtection",
    Fault.GEO: "ExchangeNotAvailable", Fault.FORBIDDEN: "ExchangeNotAvailable", Fault.BROKEN: "ExchangeNotAvailable",
    Fault.GATEWAY: "ExchangeNotAvailable", Fault.UNAVAILABLE: "ExchangeNotAvailable",
    Fault.SLOW_GATEWAY: "RequestTimeout", Fault.SILENT: "RequestTimeout", Fault.HALF: "ExchangeError",
    Fault.MAINTENANCE: "ExchangeNotAvailable",
}  # fmt: skip
PECULIAR = {
    ("binance", Fault.LIMITED): "DDoSProtection", ("binance", Fault.LIMITED_MUTE): "DDoSProtection",
    ("binance", Fault.BROKEN): "OperationFailed", ("binance", Fault.MAINTENANCE): "OnMaintenance",
    ("kucoin", Fault.GEO): "ExchangeError", ("kucoin", Fault.FORBIDDEN): "PermissionDenied",
    ("gate", Fault.FORBIDDEN): "PermissionDenied", ("mexc", Fault.BROKEN): "ExchangeError",
    ("mexc", Fault.MAINTENANCE): "OnMaintenance", ("kraken", Fault.LIMITED): "DDoSProtection",
    ("kraken", Fault.LIMITED_MUTE): "DDoSProtection", ("coinbase", Fault.FORBIDDEN): "PermissionDenied",
    ("coinbase", Fault.BROKEN): "ExchangeError", ("coinbase", Fault.UNAVAILABLE): "ExchangeError",
    ("coinbase", Fault.MAINTENANCE): "ExchangeError", ("okx", Fault.MAINTENANCE): "OnMaintenance",
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everywhere() -> AsyncIterator[dict[str, Venue]]:
    async with venues(world=WORLD) as standing:
        yield standing


@pytest_asyncio.fixture(loop_scope="module", params=VENUES)
async def at(everywhere: dict[str, Venue], request: pytest.FixtureRequest) -> AsyncIterator[tuple[Venue, Any]]:
    """A venue without faults, and ccxt's class with its listing read."""
    here = everywhere[request.param]
    here.faults.off()
    async with plugged(here.name, here.url, timeout_ms=2_000) as venue:
        await venue.load_markets()
        here.log.clear()
        yield here, venue
    here.faults.off()


async def bars(venue: Any) -> list[int]:
    rows = await venue.fetch_ohlcv("BTC/USDC", "1h", CLOSED - 9 * HOUR.ms, 11)
    return [row[0] for row in rows if row[0] <= CLOSED]


@pytest.mark.parametrize("fault", USUAL, ids=str)
async def test_ccxt_calls_a_fault_of_the_line_this(at: tuple[Venue, Any], fault: Fault) -> None:
    here, venue = at
    here.faults.on(fault, Kind.CANDLES)
    venue.timeout = 40 if fault is Fault.SILENT else 2_000

    with pytest.raises(Exception, match=here.name) as raised:
        await bars(venue)

    assert type(raised.value).__name__ == PECULIAR.get((here.name, fault), USUAL[fault])


@pytest.mark.parametrize("fault", [Fault.PAGE, Fault.TRUNCATED, Fault.MISSHAPEN], ids=str)
async def test_ccxt_takes_what_is_no_answer_for_no_bars(at: tuple[Venue, Any], fault: Fault) -> None:
    here, venue = at
    here.faults.on(fault, Kind.CANDLES)

    assert await bars(venue) == []


async def test_how_long_to_wait_stands_in_the_headers_or_nowhere(at: tuple[Venue, Any]) -> None:
    here, venue = at
    told = []

    for fault in (Fault.LIMITED, Fault.LIMITED_MUTE):
        here.faults.off()
        here.faults.on(fault)
        with pytest.raises(Exception, match=here.name):
            await bars(venue)
        # ccxt keeps the names as they came: in whatever case
        headers = {name.lower(): text for name, text in venue.last_response_headers.items()}
        told.append(headers.get("retry-after"))

    assert told == [str(RETRY_AFTER_S), None]


async def test_a_fault_touches_what_it_is_told_to_and_as_often(at: tuple[Venue, Any]) -> None:
    here, venue = at
    here.faults.on(Fault.GATEWAY, Kind.CANDLES, times=2)

    book = await venue.fetch_order_book("BTC/USDC")
    for _ in range(2):
        with pytest.raises(Exception, match="502"):
            await bars(venue)

    assert book["bids"]
    assert await bars(venue) == TRUTH


async def test_a_bar_is_published_when_the_fault_is_used_up(at: tuple[Venue, Any]) -> None:
    here, venue = at
    here.faults.on(Fault.LATE, times=2)

    assert [await bars(venue) for _ in range(3)] == [TRUTH[:-1], TRUTH[:-1], TRUTH]


async def test_a_bar_is_revised_for_who_asks_again(at: tuple[Venue, Any]) -> None:
    here, venue = at
    here.faults.on(Fault.REVISED)

    told = [(await venue.fetch_ohlcv("BTC/USDC", "1h", CLOSED, 1))[0] for _ in range(3)]

    assert [float(column) for column in WORLD.bars(BTC, HOUR, CLOSED, CLOSED)[0][1:6]] == told[0][1:]
    assert told[1] == told[2] != told[0]


async def test_a_hole_duplicates_and_disorder_come_through_as_they_are(at: tuple[Venue, Any]) -> None:
    here, venue = at

    here.faults.on(Fault.HOLE)
    holed = await bars(venue)
    here.faults.off()
    here.faults.on(Fault.TWICE)
    # ccxt orders what it parses, and cuts it to the number asked for: duplicates push the newest out
    twice = await bars(venue)
    here.faults.off()
    here.faults.on(Fault.DISORDER)
    shuffled = await bars(venue)

    assert sorted(holed) == [opened for opened in TRUTH if opened != CLOSED - 5 * HOUR.ms]
    assert len(twice) > len(set(twice))
    assert sorted(shuffled) == TRUTH


async def test_a_crossed_book_is_told_as_it_is(at: tuple[Venue, Any]) -> None:
    here, venue = at
    here.faults.on(Fault.CROSSED)

    book = await venue.fetch_order_book("BTC/USDC")

    assert book["bids"][0][0] > book["asks"][0][0]


async def test_an_empty_tape_is_no_error(at: tuple[Venue, Any]) -> None:
    here, venue = at
    here.faults.on(Fault.NO_TRADES)

    if here.name == "hyperliquid":
        assert await venue.publicPostInfo({"type": "recentTrades", "coin": "@0"}) == []
    else:
        assert await venue.fetch_trades("BTC/USDC", None, 50) == []


async def test_a_clock_is_ninety_seconds_off_to_either_side(at: tuple[Venue, Any]) -> None:
    here, venue = at
    here.faults.on(Fault.AHEAD)
    ahead = await venue.fetch_time()
    here.faults.off()
    here.faults.on(Fault.BEHIND)
    behind = await venue.fetch_time()

    assert ahead - behind == 2 * SKEW_MS
    assert 0 <= NOW_MS + SKEW_MS - ahead < 1_000


async def test_a_delisted_pair_is_marked_or_gone_and_its_tape_has_ended(at: tuple[Venue, Any]) -> None:
    here, venue = at
    here.faults.on(Fault.DELISTED)

    told = await bars(venue)
    listed = await venue.load_markets(True)

    assert max(told, default=0) < CLOSED - 10 * HOUR.ms
    assert "BTC/USDC" not in listed if here.name == "hyperliquid" else listed["BTC/USDC"]["active"] is False
    assert listed["ETH/USDC"]["active"] is True
