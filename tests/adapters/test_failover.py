"""Several venues as one: who is asked, who is left alone and how long, and what is said when nobody answers."""

import asyncio
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import pytest

from semanticsignal import wiring
from semanticsignal.adapters.ccxt import CcxtMarket
from semanticsignal.adapters.failover import Failover
from semanticsignal.adapters.system_clock import SetClock
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
from semanticsignal.domain.market import (
    Candles,
    FundingRate,
    MarketKind,
    Symbol,
    Timeframe,
    TradingRules,
    epoch_ms,
    instant,
)
from semanticsignal.domain.microstructure import FundingQuote, OpenInterest, OrderBook, PublicTrades, Quote
from semanticsignal.domain.policy import Collect, Settings
from semanticsignal.ports import NOBODY, MarketData, Sources
from semanticsignal.simulate.market import EPOCH_MS, SimulatedMarket
from tests.venues import Fault, Kind, World, venues

BTC, ETH = Symbol.parse("BTC/USDC"), Symbol.parse("ETH/USDC")
NOW = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
ONE = Decimal(1)
Wrong = Exception | None


class Venue:
    """Tells one bar, or what it was told to raise; `gate` holds every answer until it is set."""

    is_simulated = False

    def __init__(self, name: str, *wrongs: Wrong, offers: frozenset[Part] = frozenset(Part)) -> None:
        self.name, self.offers, self.sources = name, offers, (name,)
        # the last of them stays
        self.wrongs: list[Wrong] = list(wrongs) or [None]
        self.asked: list[str] = []
        self.gate: asyncio.Event | None = None
        self.is_open = self.is_empty = self.has_no_minute = False

    async def open(self) -> None:
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False

    async def _told(self, question: str) -> None:
        self.asked.append(question)
        wrong = self.wrongs.pop(0) if len(self.wrongs) > 1 else self.wrongs[0]
        if self.gate is not None:
            await self.gate.wait()
        if wrong is not None:
            raise wrong

    async def candles(
        self, symbol: Symbol, timeframe: Timeframe, *, until: datetime, limit: int, besides: Sources = NOBODY
    ) -> Candles:
        await self._told("candles")
        column = array("d", [] if self.is_empty else [1.0])
        opened = array("q", [] if self.is_empty else [timeframe.floor_ms(epoch_ms(until)) - timeframe.ms])
        return Candles(symbol, timeframe, self.name, opened, column, column, column, column, column)

    async def fine_candles(
        self, symbol: Symbol, *, since: datetime, until: datetime, besides: Sources = NOBODY
    ) -> Candles:
        return await self.candles(symbol, Timeframe.M1, until=until, limit=1)

    async def first_open(
        self, symbol: Symbol, *, since: datetime, until: datetime, besides: Sources = NOBODY
    ) -> Quote | None:
        await self._told("first_open")
        return None if self.has_no_minute else Quote(since, 1.0, self.name)

    async def last_price(self, symbol: Symbol, *, until: datetime, besides: Sources = NOBODY) -> Quote | None:
        await self._told("last_price")
        return Quote(until, 1.0, self.name)

    async def funding(self, symbol: Symbol, *, since: datetime, until: datetime) -> tuple[FundingRate, ...]:
        await self._told("funding")
        return (FundingRate(symbol, until, ONE),)

    async def rules(self, symbol: Symbol) -> TradingRules:
        await self._told("rules")
        return TradingRules(Decimal(len(self.name)), ONE, ONE)

    async def book(self, symbol: Symbol, *, until: datetime) -> OrderBook:
        await self._told("book")
        return OrderBook(symbol, until, ((ONE, ONE),), ((ONE + 1, ONE),), self.name)

    async def trades(self, symbol: Symbol, *, until: datetime) -> PublicTrades:
        await self._told("trades")
        return PublicTrades(symbol, until, (), self.name)

    async def funding_quote(self, symbol: Symbol, *, until: datetime) -> FundingQuote:
        await self._told("funding_quote")
        return FundingQuote(symbol, until, ONE, None, "BTC", self.name)

    async def open_interest(self, symbol: Symbol, *, until: datetime) -> OpenInterest:
        await self._told("open_interest")
        return OpenInterest(symbol, until, ONE, None, "BTC", self.name)


class Rig:
    def __init__(self, *markets: Venue, timeout_s: float = 5.0, patience_s: float = 15.0) -> None:
        self.clock = SetClock(NOW)
        self.markets = markets
        self.failover = Failover(
            [(market.name, market) for market in markets],
            clock=self.clock.now,
            timeout_s=timeout_s,
            patience_s=patience_s,
        )

    async def ask(self, symbol: Symbol = BTC, besides: Sources = NOBODY) -> str:
        """Who answered."""
        candles = await self.failover.candles(symbol, Timeframe.H4, until=NOW, limit=1, besides=besides)
        return candles.source

    def later(self, seconds: float) -> None:
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))

    @property
    def asked(self) -> list[int]:
        return [len(market.asked) for market in self.markets]


def down() -> MarketUnavailable:
    return MarketUnavailable("no route")


async def test_the_first_is_asked_and_nobody_else() -> None:
    rig = Rig(Venue("one"), Venue("two"))

    assert [await rig.ask() for _ in range(3)] == ["one"] * 3
    assert rig.asked == [3, 0]


async def test_each_question_moves_on_by_itself_and_the_answer_says_whose_it_is() -> None:
    rig = Rig(Venue("one", down(), None), Venue("two"))

    assert [await rig.ask(), await rig.ask()] == ["two", "one"]


async def test_every_question_fails_over() -> None:
    rig = Rig(Venue("one", NotOffered("no")), Venue("two"))
    over = rig.failover

    assert (await over.fine_candles(BTC, since=NOW - timedelta(minutes=5), until=NOW)).source == "two"
    for told in (
        await over.first_open(BTC, since=NOW, until=NOW),
        await over.last_price(BTC, until=NOW),
        await over.book(BTC, until=NOW),
        await over.trades(BTC, until=NOW),
        await over.funding_quote(BTC, until=NOW),
        await over.open_interest(BTC, until=NOW),
    ):
        assert told is not None
        assert told.source == "two"


@pytest.mark.parametrize(
    ("wrong", "rest_s"),
    [
        (RateLimited("slow down"), 60),
        (RateLimited("slow down", 7.0), 7),
        (RateLimited("slow down", 900.0), 900),
        (Blocked("not from here"), 3_600),
        (Maintenance("closed"), 300),
    ],
    ids=["limited", "limited for 7 s", "limited for 15 min", "blocked", "maintenance"],
)
async def test_a_venue_is_left_alone_as_long_as_its_fault_lasts(wrong: MarketUnavailable, rest_s: float) -> None:
    rig = Rig(Venue("one", wrong, None), Venue("two"))

    told = [await rig.ask()]
    rig.later(rest_s - 0.001)
    told.append(await rig.ask())
    rig.later(0.001)
    told.append(await rig.ask())

    assert told == ["two", "two", "one"]
    assert rig.asked == [2, 2]


async def test_three_failures_in_a_row_open_the_circuit_for_half_a_minute_doubling_to_ten() -> None:
    rig = Rig(Venue("one", down()), Venue("two"))
    rests = []

    for _ in range(2):
        await rig.ask()
    assert rig.failover.health()[0].open_until is None
    for _ in range(20):
        await rig.ask()
        open_until = rig.failover.health()[0].open_until
        assert open_until is not None
        rests.append((open_until - rig.clock.now()).total_seconds())
        # its score heals too, so that it is tried at all
        rig.later(3_600)

    assert rests == [30, 60, 120, 240, 480] + [600] * 15


async def test_two_failures_and_a_success_begin_anew() -> None:
    rig = Rig(Venue("one", down(), down(), None, down(), down(), None), Venue("two"))

    assert [await rig.ask() for _ in range(5)] == ["two", "two", "one", "two", "two"]
    assert rig.failover.health()[0].open_until is None


async def test_after_its_rest_one_question_tries_and_all_others_go_elsewhere() -> None:
    one, two = Venue("one", Maintenance("closed"), None), Venue("two")
    rig = Rig(one, two)
    await rig.ask()
    rig.later(300)
    one.gate = asyncio.Event()

    asked = [asyncio.create_task(rig.ask()) for _ in range(50)]
    await asyncio.wait(asked[1:])
    assert rig.asked == [2, 50]
    one.gate.set()
    told = await asyncio.gather(*asked)

    assert told == ["one"] + ["two"] * 49
    assert await rig.ask() == "one"


async def test_where_nobody_else_is_left_all_wait_for_the_one_that_tries() -> None:
    one = Venue("one", Maintenance("closed"), None)
    rig = Rig(one)
    with pytest.raises(Maintenance):
        await rig.ask()
    rig.later(300)
    one.gate = asyncio.Event()

    asked = [asyncio.create_task(rig.ask()) for _ in range(20)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert rig.asked == [2]
    one.gate.set()

    assert await asyncio.gather(*asked) == ["one"] * 20


async def test_a_trial_that_fails_is_felt_by_all_who_wait_and_asked_by_none_of_them() -> None:
    one = Venue("one", Maintenance("closed"))
    rig = Rig(one)
    with pytest.raises(Maintenance):
        await rig.ask()
    rig.later(300)
    one.gate = asyncio.Event()

    asked = [asyncio.create_task(rig.ask()) for _ in range(20)]
    for _ in range(5):
        await asyncio.sleep(0)
    one.gate.set()
    told = await asyncio.gather(*asked, return_exceptions=True)

    assert rig.asked == [2]
    assert all(isinstance(wrong, MarketUnavailable) and "closed" in str(wrong) for wrong in told)


async def test_a_trial_that_is_given_up_leaves_the_venue_to_the_next() -> None:
    one = Venue("one", Maintenance("closed"), None)
    rig = Rig(one)
    with pytest.raises(Maintenance):
        await rig.ask()
    rig.later(300)
    one.gate = asyncio.Event()

    given_up, waiting = asyncio.create_task(rig.ask()), asyncio.create_task(rig.ask())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    given_up.cancel()
    one.gate.set()

    assert await waiting == "one"
    assert given_up.cancelled()


async def test_a_hundred_failures_at_once_open_the_circuit_once() -> None:
    rig = Rig(Venue("one", down()), Venue("two"))

    assert await asyncio.gather(*(rig.ask() for _ in range(100))) == ["two"] * 100

    health = rig.failover.health()[0]
    assert health.open_until == NOW + timedelta(seconds=30)
    assert health.score_ratio > 0.5


async def test_answers_to_questions_from_before_neither_close_nor_open_it() -> None:
    one, two = Venue("one", None, Maintenance("closed"), None), Venue("two")
    rig = Rig(one, two)
    one.gate = asyncio.Event()
    early = asyncio.create_task(rig.ask())
    while not one.asked:
        await asyncio.sleep(0)
    gate, one.gate = one.gate, None
    await rig.ask()
    gate.set()

    assert await early == "one"
    assert rig.failover.health()[0].open_until == NOW + timedelta(seconds=300)


async def test_when_all_rest_those_that_did_not_ask_for_it_are_tried_all_the_same_soonest_first() -> None:
    limited, blocked, closed = Venue("l", RateLimited("no", 9.0)), Venue("b", Blocked("no"), None), Venue("m")
    closed.wrongs = [Maintenance("closed"), None]
    rig = Rig(limited, blocked, closed)
    with pytest.raises(MarketUnavailable):
        await rig.ask()

    assert await rig.ask() == "m"
    assert rig.asked == [1, 1, 2]


async def test_a_venue_that_wants_to_be_left_alone_is_even_when_nobody_else_is_there() -> None:
    rig = Rig(Venue("one", RateLimited("slow down", 20.0), None))

    for wait in (0, 19.9):
        rig.later(wait)
        with pytest.raises(MarketUnavailable, match="slow down"):
            await rig.ask()
    assert rig.asked == [1]
    rig.later(0.1)

    assert await rig.ask() == "one"


async def test_a_shorter_wait_does_not_shorten_a_longer_one() -> None:
    one = Venue("one", RateLimited("slow down", 100.0), RateLimited("slow down", 5.0))
    rig = Rig(one, Venue("two"))
    one.gate = asyncio.Event()

    asked = [asyncio.create_task(rig.ask()) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    one.gate.set()
    await asyncio.gather(*asked)

    assert rig.failover.health()[0].open_until == NOW + timedelta(seconds=100)


async def test_a_venue_that_fares_badly_is_asked_after_those_that_do_well_until_it_is_forgotten() -> None:
    one = Venue("one", *[down(), down(), None] * 8)
    rig = Rig(one, Venue("two"))

    told = [await rig.ask() for _ in range(20)]

    assert rig.failover.health()[0].score_ratio < 0.5
    assert told[-3:] == ["two"] * 3
    one.wrongs = [None]
    rig.later(1_200)
    assert await rig.ask() == "one"


async def test_a_pair_that_one_does_not_list_is_no_fault_and_not_asked_for_again_within_the_hour() -> None:
    rig = Rig(Venue("one", InvalidSymbol("one does not list it")), Venue("two"))

    assert [await rig.ask() for _ in range(5)] == ["two"] * 5
    assert rig.asked == [1, 5]
    # for every question about it, and about no other pair
    await rig.failover.book(BTC, until=NOW)
    assert rig.asked == [1, 6]
    await rig.ask(ETH)
    assert rig.asked == [2, 7]
    assert rig.failover.health()[0].open_until is None
    rig.later(3_601)
    await rig.ask()
    assert rig.asked == [3, 8]


async def test_what_one_does_not_offer_is_remembered_for_that_question_alone() -> None:
    one = Venue("one", NotOffered("no books"), None)
    rig = Rig(one, Venue("two"))

    told = [(await rig.failover.book(BTC, until=NOW)).source for _ in range(3)]

    assert told == ["two"] * 3
    assert await rig.ask() == "one"


async def test_a_venue_without_a_single_bar_is_passed_over_and_asked_again() -> None:
    one = Venue("one")
    one.is_empty = True
    rig = Rig(one, Venue("two"))

    assert await rig.ask() == "two"
    one.is_empty = False
    assert await rig.ask() == "one"


async def test_a_venue_that_tells_no_minute_vetoes_no_fill() -> None:
    one = Venue("one")
    one.has_no_minute = True
    rig = Rig(one, Venue("two"))

    async def first(minutes: float) -> str | None:
        told = await rig.failover.first_open(BTC, since=NOW - timedelta(minutes=minutes), until=NOW)
        return told and told.source

    assert [await first(2), await first(60)] == ["two", "two"]
    assert rig.asked == [2, 2]
    # the minute may not have opened yet
    assert await first(1.9) is None
    assert rig.asked == [3, 2]
    assert rig.failover.health()[0] == ("one", 1.0, None, "")


@pytest.mark.parametrize("wrong", [None, down()])
async def test_when_no_venue_tells_a_minute_there_is_none(wrong: Wrong) -> None:
    markets = [Venue("one"), Venue("two", wrong), Venue("three")]
    for market in markets:
        market.has_no_minute = True
    rig = Rig(*markets)

    assert await rig.failover.first_open(BTC, since=NOW - timedelta(minutes=2), until=NOW) is None
    assert rig.asked == [1, 1, 1]


@pytest.mark.parametrize(
    "wrong",
    [InvalidOperation("x"), OverflowError("x"), KeyError("x" * 9_000), TypeError("x"), ValueError("x"),
     AttributeError("x")],
)  # fmt: skip
async def test_what_no_plug_should_raise_is_its_venues_fault_and_the_next_is_asked(wrong: Exception) -> None:
    rig = Rig(Venue("one", wrong), Venue("two"))

    assert [await rig.ask() for _ in range(3)] == ["two"] * 3
    assert rig.failover.health()[0].open_until == NOW + timedelta(seconds=30)
    alone = Rig(Venue("one", wrong))
    with pytest.raises(MarketUnavailable, match=f"^one: unforeseen {type(wrong).__name__} ") as raised:
        await alone.ask()
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("wrong", [RateLimited("slow down", 86_400.0), Blocked("not from here"), down()])
async def test_a_clock_that_is_set_back_locks_no_venue_out(wrong: MarketUnavailable) -> None:
    one = Venue("one", wrong, wrong, wrong, None)
    rig = Rig(one, Venue("two"))
    while rig.failover.health()[0].open_until is None:
        await rig.ask()
    one.wrongs = [None]
    rig.later(-30 * 86_400)

    assert [await rig.ask(), await rig.ask()] == ["one", "one"]
    assert rig.failover.health()[0].open_until is None


async def test_after_a_clock_was_set_back_a_venue_can_be_left_alone_again() -> None:
    rig = Rig(Venue("one", RateLimited("slow down", 900.0), RateLimited("slow down", 60.0), None), Venue("two"))
    await rig.ask()
    rig.later(-30 * 86_400)

    told = [await rig.ask(), await rig.ask()]
    rig.later(60)

    assert [*told, await rig.ask()] == ["two", "two", "one"]
    assert rig.asked == [3, 2 + 1]


async def test_nobody_is_left_alone_for_longer_than_three_days() -> None:
    rig = Rig(Venue("one", RateLimited("slow down", 1e9)), Venue("two"))

    await rig.ask()

    assert rig.failover.health()[0].open_until == NOW + timedelta(days=3)


async def test_a_pair_refused_by_a_clock_that_was_set_back_since_is_asked_for_again() -> None:
    rig = Rig(Venue("one", InvalidSymbol("one does not list it"), None), Venue("two"))
    await rig.ask()
    rig.later(-30 * 86_400)

    assert await rig.ask() == "one"


async def test_a_pair_that_none_lists_is_invalid() -> None:
    rig = Rig(Venue("one", InvalidSymbol("one has no BTC/USDC")), Venue("two", InvalidSymbol("nor has two")))

    for _ in range(2):
        with pytest.raises(InvalidSymbol, match=r"one: .*no BTC/USDC; two: .*nor has two"):
            await rig.ask()


async def test_what_none_offers_is_not_offered() -> None:
    rig = Rig(Venue("one", NotOffered("no")), Venue("two", InvalidSymbol("no")))

    with pytest.raises(NotOffered):
        await rig.ask()


async def test_when_nobody_answers_each_is_named_with_its_reason_in_one_bounded_line() -> None:
    long = MarketUnavailable("<html>\n" + "x" * 5_000)
    rig = Rig(Venue("one", Blocked("HTTP 451")), Venue("two", long), *(Venue(f"v{n}", long) for n in range(20)))

    with pytest.raises(MarketUnavailable) as raised:
        await rig.ask()

    said = str(raised.value)
    assert "BTC/USDC" in said and "one: Blocked HTTP 451" in said and "two: MarketUnavailable <html>" in said
    assert len(said) <= 1_000 and "\n" not in said


async def test_a_second_opinion_comes_from_another_or_not_at_all() -> None:
    rig = Rig(Venue("one"), Venue("two"))

    assert await rig.ask(besides={"one"}) == "two"
    with pytest.raises(InvalidSymbol, match="no other venue has BTC/USDC, was besides one, two"):
        await rig.ask(besides={"one", "two"})
    assert rig.asked == [0, 1]


async def test_a_mirror_of_the_same_venue_is_no_second_opinion() -> None:
    mirror = Venue("mirror")
    mirror.sources = ("one",)
    rig = Rig(Venue("one"), mirror, Venue("two"))

    assert rig.failover.sources == ("one", "two")
    assert await rig.ask(besides={"one"}) == "two"


async def test_a_venue_that_hangs_is_given_up_and_the_next_is_asked() -> None:
    one = Venue("one")
    one.gate = asyncio.Event()
    rig = Rig(one, Venue("two"), timeout_s=0.02)

    assert await rig.ask() == "two"
    assert rig.failover.health()[0].score_ratio < 1


async def test_many_that_hang_cost_no_more_than_the_patience() -> None:
    hanging = [Venue(f"v{number}") for number in range(50)]
    for venue in hanging:
        venue.gate = asyncio.Event()
    rig = Rig(*hanging, timeout_s=0.02, patience_s=0.05)
    began = asyncio.get_running_loop().time()

    with pytest.raises(MarketUnavailable, match="no time was left"):
        await rig.ask()

    assert asyncio.get_running_loop().time() - began < 1
    assert sum(rig.asked) <= 4


async def test_who_is_cancelled_blames_nobody() -> None:
    one = Venue("one")
    one.gate = asyncio.Event()
    rig = Rig(one, Venue("two"))

    asked = asyncio.create_task(rig.ask())
    while not one.asked:
        await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked

    assert rig.asked == [1, 0]
    assert rig.failover.health()[0] == ("one", 1.0, None, "")


async def test_the_rules_of_a_pair_stay_for_an_hour() -> None:
    rig = Rig(Venue("three", None, down()), Venue("fourth"))

    before = await rig.failover.rules(BTC)
    after = await rig.failover.rules(BTC)

    assert before is after
    assert await rig.failover.rules(ETH) == TradingRules(Decimal(6), ONE, ONE)
    assert await rig.failover.rules(BTC) is before


async def test_a_tick_that_was_told_wrongly_is_read_anew_after_an_hour() -> None:
    rig = Rig(Venue("false", None, down(), None))
    coarse = TradingRules(Decimal(5), ONE, ONE)
    assert await rig.failover.rules(BTC) == coarse
    rig.markets[0].name = "right now"

    rig.later(3_599)
    assert await rig.failover.rules(BTC) == coarse
    rig.later(1)
    assert await rig.failover.rules(BTC) == coarse  # the venue does not answer: what was read stands
    rig.later(3_600)

    assert (await rig.failover.rules(BTC)).price_tick == 9


async def test_settlements_are_the_firsts_alone() -> None:
    rig = Rig(Venue("one", down()), Venue("two"))

    with pytest.raises(MarketUnavailable, match="no route"):
        await rig.failover.funding(BTC, since=NOW - timedelta(days=1), until=NOW)

    assert rig.asked == [1, 0]


async def test_a_part_is_asked_of_those_that_offer_it() -> None:
    rig = Rig(Venue("one", offers=frozenset({Part.BOOK})), Venue("two", offers=frozenset({Part.FUNDING})))

    assert rig.failover.offers == {Part.BOOK, Part.FUNDING}
    assert (await rig.failover.funding_quote(BTC, until=NOW)).source == "two"
    assert rig.asked == [0, 1]
    with pytest.raises(NotOffered, match="no venue tells public trades"):
        await rig.failover.trades(BTC, until=NOW)


async def test_perpetuals_that_are_blocked_do_not_take_the_spot_pairs_with_them() -> None:
    one = Venue("one", Blocked("no perpetuals from here"), None)
    rig = Rig(one, Venue("two"))

    assert (await rig.failover.funding_quote(BTC, until=NOW)).source == "two"
    assert (await rig.failover.open_interest(BTC, until=NOW)).source == "two"

    assert await rig.ask() == "one"
    assert [health.name for health in rig.failover.health()] == ["one", "two", "one perpetuals"]


async def test_a_limit_holds_for_all_that_a_venue_is_asked() -> None:
    one = Venue("one", RateLimited("slow down", 30.0), None)
    rig = Rig(one, Venue("two"))

    await rig.failover.funding_quote(BTC, until=NOW)

    assert await rig.ask() == "two"
    rig.later(30)
    assert await rig.ask() == "one"


async def test_a_hundred_pairs_at_once_are_all_answered() -> None:
    flaky = Venue("one", *[None, down(), RateLimited("slow down", 1.0), None] * 5)
    rig = Rig(flaky, Venue("two"))
    pairs = [Symbol(f"COIN{number}", "USDC") for number in range(100)]

    told = await asyncio.gather(*(rig.ask(pair) for pair in pairs))

    assert len(told) == 100
    assert set(told) <= {"one", "two"}


async def test_only_the_first_is_opened_and_all_are_closed() -> None:
    rig = Rig(Venue("one"), Venue("two"))

    await rig.failover.open()
    assert [market.is_open for market in rig.markets] == [True, False]
    rig.markets[1].is_open = True
    await rig.failover.close()

    assert [market.is_open for market in rig.markets] == [False, False]


# --- the real plugs ---

MARKET = SimulatedMarket(7, (BTC, ETH))
LIVE = instant(EPOCH_MS + 20 * 86_400_000 + 5 * 3_600_000 + 17 * 60_000)


@asynccontextmanager
async def binance_and_kucoin() -> AsyncIterator[tuple[Any, Failover]]:
    """Binance, its mirror at another address, and kucoin."""
    world = World(MARKET, lambda: epoch_ms(LIVE))
    async with venues("binance", "kucoin", world=world) as here, venues("binance", world=world) as mirror:
        plugs = {
            "binance": CcxtMarket("binance", base_url=here["binance"].url, clock=lambda: LIVE),
            "mirror": CcxtMarket(
                "binance", base_url=mirror["binance"].url, clock=lambda: LIVE, has_perpetuals=False
            ),
            "kucoin": CcxtMarket("kucoin", base_url=here["kucoin"].url, clock=lambda: LIVE),
        }  # fmt: skip
        over = Failover(tuple(plugs.items()), clock=lambda: LIVE)
        try:
            yield {**here, "mirror": mirror["binance"]}, over
        finally:
            await over.close()


async def test_where_binance_is_closed_its_mirror_answers_in_its_name() -> None:
    async with binance_and_kucoin() as (here, over):
        here["binance"].faults.on(Fault.GEO)

        candles = await over.candles(BTC, Timeframe.H4, until=LIVE, limit=20)
        book = await over.book(BTC, until=LIVE)
        funding = await over.funding_quote(BTC, until=LIVE)

        assert (candles.source, book.source, len(candles)) == ("binance", "binance", 20)
        # its perpetuals have no mirror
        assert funding.source == "kucoin"
        assert over.health()[0].open_until == LIVE + timedelta(hours=1)
        assert "451" in over.health()[0].reason
        assert {asked.kind for asked in here["mirror"].log} >= {Kind.CANDLES, Kind.BOOK}
        other = await over.last_price(BTC, until=LIVE, besides=("binance",))
        assert other is not None
        assert other.source == "kucoin"


async def test_the_questions_of_a_close_survive_a_venue_that_begins_to_refuse() -> None:
    async with binance_and_kucoin() as (here, over):
        await over.candles(BTC, Timeframe.H4, until=LIVE, limit=5)
        here["binance"].faults.on(Fault.LIMITED, Kind.CANDLES)
        here["mirror"].faults.on(Fault.LIMITED_MUTE, Kind.CANDLES)

        told = await asyncio.gather(
            *(over.candles(pair, Timeframe.H1, until=LIVE, limit=30) for pair in (BTC, ETH) for _ in range(10))
        )

    assert {candles.source for candles in told} == {"kucoin"}
    assert {candles.closed_at for candles in told} == {Timeframe.H1.floor(LIVE)}


def settings(**changes: Any) -> Settings:
    return Settings(**{"symbols": ("BTC/USDC",), **changes})


def now() -> datetime:
    return NOW


def names(market: MarketData) -> list[str]:
    assert isinstance(market, Failover)
    return [health.name for health in market.health()]


async def test_live_is_the_configured_venue_with_its_mirror_and_the_fallbacks_each_once() -> None:
    live = wiring.venue(settings(exchange="kraken", collect=Collect(fallbacks=("binance", "kraken", "okx"))), now)

    assert names(live) == ["kraken", "binance", "data-api.binance.vision", "okx"]
    assert live.sources == ("kraken", "binance", "okx")
    await live.close()


async def test_the_mirror_is_asked_for_spot_at_its_own_address_and_paced() -> None:
    named = dict(wiring.ranked(settings(), now))
    mirror = named["data-api.binance.vision"]
    await mirror.open()

    assert list(named)[:2] == ["binance", "data-api.binance.vision"]
    assert mirror._venue.urls["api"]["public"] == "https://data-api.binance.vision/api/v3"
    assert mirror._venue.enableRateLimit
    assert mirror.sources == ("binance",)
    assert Part.FUNDING not in mirror.offers
    await mirror.close()


async def test_a_perpetual_has_no_mirror() -> None:
    live = wiring.venue(settings(market_kind=MarketKind.PERP, collect=Collect(fallbacks=("okx",))), now)

    assert names(live) == ["binance", "okx"]
    await live.close()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"exchange": "mtgox"}, "exchange must be a venue that ccxt knows, was 'mtgox'"),
        ({"collect": Collect(fallbacks=("okx", "mtgox"))}, "collect.fallbacks must be .* was 'mtgox'"),
    ],
)
def test_an_unknown_venue_in_the_settings_is_refused_by_name(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(InvalidSetting, match=match):
        wiring.venue(settings(**changes), now)


@pytest.mark.parametrize("is_simulated", [True, False])
def test_a_venue_at_an_address_is_alone(is_simulated: bool) -> None:
    market = wiring.venue(settings(), now, "http://127.0.0.1:1", is_simulated=is_simulated)

    assert isinstance(market, CcxtMarket)
    # the simulated exchange has no perpetuals
    assert (Part.FUNDING in market.offers) is not is_simulated


def test_both_are_market_data() -> None:
    clock: Callable[[], datetime] = now
    plugs: list[MarketData] = [CcxtMarket("binance", clock=clock), Failover([("one", Venue("one"))], clock=clock)]

    assert [plug.sources for plug in plugs] == [("binance",), ("one",)]
