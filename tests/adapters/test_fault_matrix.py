"""Every venue × every fault: three real plugs behind the real failover, over HTTP, and the whole collect stage.

A cell ends in the simulated market's own numbers, from a venue that is named, or in a refusal of ours: never in another
number, never in a wait past the deadline, never in somebody else's exception."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product
from typing import Any, TypeVar

import pytest
import pytest_asyncio

from semanticsignal.adapters.ccxt import CcxtMarket
from semanticsignal.adapters.failover import Failover
from semanticsignal.adapters.inmemory import InMemoryArchive, InMemoryLedger, InMemoryMemory, InMemoryNotifier
from semanticsignal.adapters.system_clock import SetClock
from semanticsignal.domain.collected import Market, Part
from semanticsignal.domain.errors import Blocked, InvalidSymbol, Maintenance, MarketUnavailable, RateLimited
from semanticsignal.domain.events import CandleClosed, MarketCollected
from semanticsignal.domain.market import Candles, MarketKind, Repair, Symbol, Timeframe, epoch_ms, instant
from semanticsignal.domain.microstructure import FundingQuote, OpenInterest, OrderBook, PublicTrades
from semanticsignal.ports import MarketData, Sockets
from semanticsignal.simulate.market import EPOCH_MS, SimulatedMarket
from semanticsignal.stages.collect import collect
from tests.venues import VENUES, Fault, Kind, Venue, World, venues
from tests.venues.faults import OF_THE_LINE, RETRY_AFTER_S
from tests.world import CycleModel, settings

T = TypeVar("T")

# the venues stand for all cells, so their loop does too
pytestmark = pytest.mark.asyncio(loop_scope="module")

BTC, ETH = Symbol.parse("BTC/USDC"), Symbol.parse("ETH/USDC")
MARKET = SimulatedMarket(11, (BTC, ETH))
HOUR = Timeframe.H1
CLOSED_AT = instant(EPOCH_MS + 40 * 86_400_000 + 5 * 3_600_000)
NOW = CLOSED_AT + timedelta(seconds=2)
CLOCK = SetClock(NOW)
WORLD = World(MARKET, lambda: epoch_ms(CLOCK.now()))
BARS, DAYS, WEEKS = 48, 20, 3
# a question that is not answered by then hangs; what is silent is given up much sooner
HANGS_S, SILENCE_S, ENOUGH_S = 5.0, 0.15, 4.0
# who stands by, whichever is under test
NEXT = {name: [other for other in ("okx", "binance", "gate") if other != name][:2] for name in VENUES}

CELLS = [pytest.param(name, fault, id=f"{name}-{fault}") for name, fault in product(VENUES, Fault)]
LINE = [pytest.param(fault, id=str(fault)) for fault in Fault if fault in OF_THE_LINE]
# a venue that asks for patience, keeps us out or is closed is told from one that is merely broken
SAID = {
    Fault.LIMITED: RateLimited, Fault.LIMITED_MUTE: RateLimited, Fault.TEAPOT: RateLimited,
    Fault.GEO: Blocked, Fault.FORBIDDEN: Blocked, Fault.MAINTENANCE: Maintenance,
}  # fmt: skip
# whose answer does not say that it is for maintenance
MUTE = {"hyperliquid"}
# these touch what a venue says of itself, and are seen by who has not asked it yet
ANEW = {Fault.AHEAD, Fault.BEHIND, Fault.DELISTED, Fault.SILENT}


@dataclass
class Street:
    """The venues, and a plug at each that has read its listing."""

    standing: dict[str, Venue]
    plugs: dict[str, CcxtMarket] = field(default_factory=dict)

    def plug(self, name: str, timeout_s: float = ENOUGH_S) -> CcxtMarket:
        return CcxtMarket(name, base_url=self.standing[name].url, clock=CLOCK.now, timeout_s=timeout_s)

    def heal(self) -> None:
        CLOCK.set(NOW)
        for venue in self.standing.values():
            venue.faults.off()
            venue.log.clear()

    @asynccontextmanager
    async def failover(self, name: str, fault: Fault, *, cold: bool) -> AsyncIterator[Failover]:
        """The venue with its fault first, two healthy ones behind it. `cold`: it was never asked before."""
        is_new = cold or fault in ANEW
        under_test = self.plug(name, SILENCE_S if fault is Fault.SILENT else ENOUGH_S) if is_new else self.plugs[name]
        if fault is Fault.SILENT:
            await under_test.open()
        self.standing[name].faults.on(fault)
        try:
            yield Failover([(name, under_test), *((other, self.plugs[other]) for other in NEXT[name])], clock=CLOCK.now)
        finally:
            self.standing[name].faults.off()
            if is_new:
                await under_test.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town() -> AsyncIterator[Street]:
    async with venues(world=WORLD) as standing:
        street = Street(standing)
        CLOCK.set(NOW)
        for name in VENUES:
            street.plugs[name] = street.plug(name)
            await street.plugs[name].rules(BTC)
        yield street
        for plug in street.plugs.values():
            await plug.close()


@pytest_asyncio.fixture(loop_scope="module")
async def street(town: Street) -> AsyncIterator[Street]:
    town.heal()
    yield town
    town.heal()


# --- what is true ---------------------------------------------------------------------------------------------------


def true_bars(timeframe: Timeframe, until: datetime, limit: int) -> dict[int, tuple[float, ...]]:
    last = timeframe.floor_ms(epoch_ms(until)) - timeframe.ms
    rows = MARKET.klines(BTC, timeframe, last - (limit - 1) * timeframe.ms, last, limit, epoch_ms(NOW))
    return {int(row[0]): tuple(float(column) for column in row[1:6]) for row in rows}


def told_bars(candles: Candles) -> dict[int, tuple[float, ...]]:
    columns = (candles.open, candles.high, candles.low, candles.close, candles.volume)
    return dict(zip(candles.opened_ms, zip(*columns, strict=True), strict=True))


def assert_true_book(book: OrderBook) -> None:
    truth = MARKET.book(BTC, epoch_ms(NOW), 50)
    assert len(book.bids) >= 20
    assert book.bids == truth.bids[: len(book.bids)]
    assert book.asks == truth.asks[: len(book.asks)]


def assert_true_trades(trades: PublicTrades) -> None:
    truth = MARKET.trades(BTC, None, None, 500, epoch_ms(NOW))
    told = [(epoch_ms(trade.at), trade.price, trade.quantity, not trade.is_buy) for trade in trades.trades]
    assert told == [row[1:] for row in truth[len(truth) - len(told) :]]


def assert_true_funding(quote: FundingQuote) -> None:
    assert quote.interval_s in {3_600, 28_800}
    hours = quote.interval_s // 3_600
    assert float(quote.rate_ratio) == pytest.approx(float(WORLD.perpetual("BTC", hours).rate), rel=1e-9)


def assert_true_interest(interest: OpenInterest) -> None:
    assert interest.quantity is not None
    assert float(interest.quantity) == pytest.approx(float(WORLD.perpetual("BTC", 8).open_interest), rel=1e-6)


# --- without a fault ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VENUES)
async def test_nine_hundred_bars_of_every_venue_are_the_markets(street: Street, name: str) -> None:
    candles = await street.plugs[name].candles(BTC, HOUR, until=CLOSED_AT, limit=900)

    # kraken tells its newest 720, of which the last one runs
    kept = 719 if name == "kraken" else 900
    assert told_bars(candles) == dict(list(true_bars(HOUR, CLOSED_AT, 900).items())[-kept:])
    assert candles.source == name


@pytest.mark.parametrize("name", ["binance", "kucoin", "hyperliquid", "okx"])
async def test_a_perpetuals_volume_is_told_in_base(street: Street, name: str) -> None:
    plug = CcxtMarket(name, base_url=street.standing[name].url, clock=CLOCK.now, kind=MarketKind.PERP)

    candles = await plug.candles(BTC, HOUR, until=CLOSED_AT, limit=450)
    await plug.close()

    truth = true_bars(HOUR, CLOSED_AT, 450)
    assert list(candles.opened_ms) == list(truth)
    assert list(candles.close) == [row[3] for row in truth.values()]
    assert list(candles.volume) == pytest.approx([row[4] for row in truth.values()])


# --- one question at a time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "fault"), CELLS)
async def test_bars_are_true_or_another_venues(street: Street, name: str, fault: Fault) -> None:
    truth = true_bars(HOUR, CLOSED_AT, BARS)

    async with street.failover(name, fault, cold=False) as market, asyncio.timeout(HANGS_S):
        candles = await market.candles(BTC, HOUR, until=CLOSED_AT, limit=BARS)

    told = told_bars(candles)
    assert street.standing[name].log
    assert told.items() <= truth.items()
    assert candles.source in {name, *NEXT[name]}
    match fault:
        case Fault.LATE:
            assert told.keys() >= truth.keys() - {max(truth)}
        case Fault.HOLE:
            assert len(told) == BARS - 1
        case _:
            assert told == truth
    if fault in OF_THE_LINE or fault is Fault.DELISTED:
        assert candles.source == NEXT[name][0]


@pytest.mark.parametrize(("name", "fault"), CELLS)
async def test_book_trades_and_funding_are_true_or_another_venues(street: Street, name: str, fault: Fault) -> None:
    async with street.failover(name, fault, cold=False) as market, asyncio.timeout(HANGS_S):
        book = await market.book(BTC, until=NOW)
        trades = await market.trades(BTC, until=NOW)
        funding = await market.funding_quote(BTC, until=NOW)
        interest = await market.open_interest(BTC, until=NOW)

    assert_true_book(book)
    assert_true_trades(trades)
    assert_true_funding(funding)
    assert_true_interest(interest)
    if fault in OF_THE_LINE:
        assert name not in {book.source, trades.source, funding.source, interest.source}
    if fault is Fault.CROSSED:
        assert book.source == NEXT[name][0]


@pytest.mark.parametrize("fault", LINE)
@pytest.mark.parametrize("name", VENUES)
async def test_a_plug_alone_says_what_kind_of_fault_it_is(street: Street, name: str, fault: Fault) -> None:
    plug = street.plug(name, SILENCE_S) if fault is Fault.SILENT else street.plugs[name]
    await plug.open()
    street.standing[name].faults.on(fault)
    said = MarketUnavailable if fault is Fault.MAINTENANCE and name in MUTE else SAID.get(fault, MarketUnavailable)

    with pytest.raises(MarketUnavailable) as refused:
        await plug.book(BTC, until=NOW)
    if plug is not street.plugs[name]:
        await plug.close()

    assert type(refused.value) is said
    assert name in str(refused.value)
    if isinstance(refused.value, RateLimited):
        assert refused.value.wait_s == (None if fault is Fault.LIMITED_MUTE else RETRY_AFTER_S)


@pytest.mark.parametrize("name", VENUES)
async def test_only_what_is_at_fault_is_another_venues(street: Street, name: str) -> None:
    async with street.failover(name, Fault.GATEWAY, cold=False) as market, asyncio.timeout(HANGS_S):
        street.standing[name].faults.off()
        street.standing[name].faults.on(Fault.GATEWAY, Kind.BOOK)
        book = await market.book(BTC, until=NOW)
        candles = await market.candles(BTC, HOUR, until=CLOSED_AT, limit=BARS)

    assert (book.source, candles.source) == (NEXT[name][0], name)


@pytest.mark.parametrize("name", VENUES)
async def test_a_venue_that_says_how_long_is_left_alone_as_long(street: Street, name: str) -> None:
    log, answered = street.standing[name].log, []

    async with street.failover(name, Fault.LIMITED, cold=False) as market, asyncio.timeout(HANGS_S):
        await market.candles(BTC, HOUR, until=CLOSED_AT, limit=BARS)
        street.standing[name].faults.off()
        log.clear()
        for wait_s in (RETRY_AFTER_S - 1, 2):
            await CLOCK.sleep(wait_s)
            answered.append((await market.candles(BTC, HOUR, until=CLOSED_AT, limit=BARS)).source)

    assert answered == [NEXT[name][0], name]


@pytest.mark.parametrize("name", VENUES)
async def test_a_clock_ahead_does_not_close_a_bar_that_still_runs(street: Street, name: str) -> None:
    soon = CLOSED_AT + HOUR.span
    CLOCK.set(soon - timedelta(seconds=30))

    async with street.failover(name, Fault.AHEAD, cold=True) as market, asyncio.timeout(HANGS_S):
        candles = await market.candles(BTC, HOUR, until=soon, limit=5)

    assert candles.closed_at == CLOSED_AT


@pytest.mark.parametrize("fault", LINE)
async def test_when_no_venue_answers_that_is_said_in_time_and_in_our_words(street: Street, fault: Fault) -> None:
    names = ("kucoin", "kraken", "okx")
    plugs = [(name, street.plug(name, SILENCE_S)) for name in names]
    for name, plug in plugs:
        await plug.open()
        street.standing[name].faults.on(fault)
    market = Failover(plugs, clock=CLOCK.now)

    async with asyncio.timeout(HANGS_S):
        with pytest.raises(MarketUnavailable) as refused:
            await market.candles(BTC, HOUR, until=CLOSED_AT, limit=BARS)
        with pytest.raises(MarketUnavailable):
            await market.book(BTC, until=NOW)
    await market.close()

    assert all(name in str(refused.value) for name in names)


# --- the whole stage ------------------------------------------------------------------------------------------------


def sockets(market: MarketData) -> Sockets:
    policy = settings((BTC,), timeframe=HOUR, candle_limit=BARS, collect__daily_limit=DAYS, collect__weekly_limit=WEEKS)
    return Sockets(
        settings=policy,
        clock=CLOCK,
        market=market,
        model=CycleModel(),
        memory=InMemoryMemory(),
        ledger=InMemoryLedger(policy.paper.start_quote),
        archive=InMemoryArchive(),
        notifier=InMemoryNotifier(is_heard=False),
    )


async def collected(on: Sockets) -> Market:
    fact = CandleClosed(BTC, HOUR, CLOSED_AT)
    async with asyncio.timeout(HANGS_S):
        facts = await collect(fact, on)
    assert facts == (MarketCollected(fact.id, BTC, HOUR, CLOSED_AT, False),)
    market: Market = await on.archive.get(f"market/{fact.id}", Market)
    return market


def there(market: Market, part: Part, found: T | None) -> T:
    assert found is not None, market.around.missing.get(part)
    return found


def sources(market: Market) -> set[str]:
    known = market.around
    parts: Iterable[Any] = (market.candles, known.daily, known.weekly, known.book, known.trades, known.funding,
                            known.interest)  # fmt: skip
    return {part.source for part in parts if part is not None}


@pytest.mark.parametrize(("name", "fault"), CELLS)
async def test_what_is_collected_is_true_whoever_tells_it(street: Street, name: str, fault: Fault) -> None:
    async with street.failover(name, fault, cold=fault in OF_THE_LINE) as venue:
        if fault is Fault.LATE:
            # two answers without it, of whatever timeframe: then it is published
            street.standing[name].faults.on(fault, times=2)
        market = await collected(sockets(venue))

    assert told_bars(market.candles) == true_bars(HOUR, CLOSED_AT, BARS)
    assert not market.is_disputed
    for timeframe, longer, limit in (
        (Timeframe.D1, market.around.daily, DAYS),
        (Timeframe.W1, market.around.weekly, WEEKS),
    ):
        assert longer is not None
        truth, told = true_bars(timeframe, CLOSED_AT, limit), told_bars(longer)
        # a venue's own holes are nobody's wrong numbers
        assert told == truth if fault not in {Fault.HOLE, Fault.LATE} else told.items() <= truth.items()
    if CLOCK.now() == NOW:
        assert_true_book(there(market, Part.BOOK, market.around.book))
        assert_true_trades(there(market, Part.TRADES, market.around.trades))
    assert_true_funding(there(market, Part.FUNDING, market.around.funding))
    assert_true_interest(there(market, Part.INTEREST, market.around.interest))
    assert CLOCK.now() - NOW <= timedelta(seconds=30)
    if fault in OF_THE_LINE:
        assert name not in sources(market)


@pytest.mark.parametrize("fault", [pytest.param(fault, id=str(fault)) for fault in Fault])
async def test_a_fault_of_the_second_opinion_spoils_nothing(street: Street, fault: Fault) -> None:
    second = street.plug("okx", SILENCE_S if fault is Fault.SILENT else ENOUGH_S)
    await second.open()
    street.standing["okx"].faults.on(fault)
    plugs = [("binance", street.plugs["binance"]), ("okx", second), ("gate", street.plugs["gate"])]

    market = await collected(sockets(Failover(plugs, clock=CLOCK.now)))
    await second.close()

    assert told_bars(market.candles) == true_bars(HOUR, CLOSED_AT, BARS)
    assert (market.candles.source, market.candles.repairs) == ("binance", ())
    assert not market.is_disputed


async def test_prices_of_another_world_are_disputed_and_nothing_is_taken_from_it(street: Street) -> None:
    elsewhere = World(SimulatedMarket(12, (BTC, ETH)), WORLD.now_ms)

    async with venues("mexc", world=elsewhere) as apart:
        odd = CcxtMarket("mexc", base_url=apart["mexc"].url, clock=CLOCK.now)
        market = await collected(sockets(Failover([("okx", street.plugs["okx"]), ("mexc", odd)], clock=CLOCK.now)))
        await odd.close()

    assert market.is_disputed
    assert told_bars(market.candles) == true_bars(HOUR, CLOSED_AT, BARS)
    assert any("okx" in flag and "mexc" in flag for flag in market.flags)


@pytest.mark.parametrize("name", VENUES)
async def test_a_hole_is_filled_by_the_next_venue_and_flagged(street: Street, name: str) -> None:
    slot = epoch_ms(CLOSED_AT) - 6 * HOUR.ms

    async with street.failover(name, Fault.HOLE, cold=False) as venue:
        market = await collected(sockets(venue))

    assert market.candles.source == name
    assert market.candles.repairs == (Repair(slot, NEXT[name][0], "missing"),)
    assert any(NEXT[name][0] in flag and "missing" in flag for flag in market.flags)


@pytest.mark.parametrize("name", VENUES)
async def test_a_bar_revised_after_it_was_collected_changes_nothing(street: Street, name: str) -> None:
    async with street.failover(name, Fault.REVISED, cold=False) as venue:
        on = sockets(venue)
        first = await collected(on)
        again = await collected(on)

    assert told_bars(first.candles) == true_bars(HOUR, CLOSED_AT, BARS)
    assert told_bars(again.candles) == told_bars(first.candles)


@pytest.mark.parametrize("name", VENUES)
async def test_a_bar_that_is_never_published_is_another_venues_before_the_deadline(street: Street, name: str) -> None:
    async with street.failover(name, Fault.LATE, cold=False) as venue:
        market = await collected(sockets(venue))

    assert market.candles.closed_at == CLOSED_AT
    assert market.candles.source == NEXT[name][0]
    assert CLOCK.now() - NOW <= timedelta(seconds=30)


@pytest.mark.parametrize("fault", LINE)
async def test_a_cycle_in_which_no_venue_answers_is_refused_at_the_deadline(street: Street, fault: Fault) -> None:
    names = ("kucoin", "kraken", "okx")
    plugs = [(name, street.plug(name, 0.05)) for name in names]
    for name, plug in plugs:
        await plug.open()
        street.standing[name].faults.on(fault)
    market = Failover(plugs, clock=CLOCK.now)
    on = sockets(market)

    with pytest.raises((MarketUnavailable, InvalidSymbol)):
        await collected(on)
    await market.close()

    assert CLOCK.now() - NOW <= timedelta(seconds=35)
    assert await on.archive.get(f"market/{CandleClosed(BTC, HOUR, CLOSED_AT).id}", Market) is None
