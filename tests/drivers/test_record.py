"""`semsig record`: what it writes, what it survives, and that replay reads what it wrote."""

import asyncio
import errno
import json
import os
import signal
import subprocess
from array import array
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from drivers.instance import SEMSIG, here, refusal, surroundings, until

from semanticsignal import wiring
from semanticsignal.adapters.failover import Failover
from semanticsignal.adapters.system_clock import SetClock
from semanticsignal.codec import loads
from semanticsignal.domain.collected import Part
from semanticsignal.domain.context import MarketContext, Reading, Unit
from semanticsignal.domain.errors import (
    ArchiveUnavailable,
    InvalidCandle,
    InvalidSymbol,
    MarketUnavailable,
    NotOffered,
    Unavailable,
)
from semanticsignal.domain.market import Candles, FundingRate, Symbol, Timeframe, TradingRules, epoch_ms, instant
from semanticsignal.domain.microstructure import (
    FundingQuote,
    OpenInterest,
    OrderBook,
    PublicTrade,
    PublicTrades,
    Quote,
)
from semanticsignal.domain.news import Article, News
from semanticsignal.domain.policy import Settings
from semanticsignal.drivers import record
from semanticsignal.drivers.record import Recorder, RecordingStopped, Take
from semanticsignal.drivers.replay import Plan
from semanticsignal.ports import NOBODY, Sockets, Sources
from semanticsignal.simulate.market import EPOCH_MS, SimulatedMarket

BTC, ETH = Symbol("BTC", "USDC"), Symbol("ETH", "USDC")
M1, H4, D1 = Timeframe.M1, Timeframe.H4, Timeframe.D1
MINUTE = timedelta(minutes=1)
NOON = instant(EPOCH_MS) + timedelta(days=30, hours=12)
MARKET = SimulatedMarket(17, (BTC, ETH))
EVERY = frozenset({Part.BOOK, Part.TRADES, Part.FUNDING, Part.INTEREST})


@dataclass
class Venue:
    """A venue of the seeded market, in this process. `silent`: pairs, or all, that it tells nothing of now."""

    clock: SetClock
    name: str = "binance"
    offers: frozenset[Part] = EVERY
    silent: set[str] = field(default_factory=set)
    asked: list[tuple[Symbol, Timeframe, datetime]] = field(default_factory=list)
    is_simulated: bool = False

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.name,)

    def _speaks(self, symbol: Symbol, what: str = "bars") -> int:
        """Now, by its clock."""
        if self.silent & {str(symbol), what, "all"}:
            raise MarketUnavailable(f"{self.name} is silent")
        return epoch_ms(self.clock.now())

    async def open(self) -> None:
        """It is."""

    async def close(self) -> None:
        """Nothing was opened."""

    async def candles(
        self, symbol: Symbol, timeframe: Timeframe, *, until: datetime, limit: int, besides: Sources = NOBODY
    ) -> Candles:
        now = self._speaks(symbol)
        self.asked.append((symbol, timeframe, until))
        end = timeframe.floor_ms(epoch_ms(until))
        rows: list[Any] = []
        for start in range(end - limit * timeframe.ms, end, 1000 * timeframe.ms):
            last = min(start + 1000 * timeframe.ms, end) - 1
            rows += MARKET.klines(symbol, timeframe, max(start, EPOCH_MS), last, 1000, now)
        first, high, low, last, volume = (array("d", [float(row[at]) for row in rows]) for at in range(1, 6))
        opened = array("q", [int(row[0]) for row in rows])
        return Candles(symbol, timeframe, self.name, opened, first, high, low, last, volume).check()

    async def rules(self, symbol: Symbol) -> TradingRules:
        self._speaks(symbol)
        return MARKET.rules(symbol)

    async def book(self, symbol: Symbol, *, until: datetime) -> OrderBook:
        return replace(MARKET.book(symbol, self._speaks(symbol, "book"), 50), source=self.name)

    async def trades(self, symbol: Symbol, *, until: datetime) -> PublicTrades:
        told = prints(symbol, None, self._speaks(symbol, "trades"))
        return PublicTrades(symbol, self.clock.now(), told, self.name)

    async def funding_quote(self, symbol: Symbol, *, until: datetime) -> FundingQuote:
        self._speaks(symbol)
        return FundingQuote(symbol, self.clock.now(), Decimal("0.0001"), 28_800, f"{symbol}:USDC", self.name)

    async def open_interest(self, symbol: Symbol, *, until: datetime) -> OpenInterest:
        raise NotOffered(f"{self.name} tells no open interest")

    async def fine_candles(
        self, symbol: Symbol, *, since: datetime, until: datetime, besides: Sources = NOBODY
    ) -> Candles:
        raise NotImplementedError

    async def first_open(
        self, symbol: Symbol, *, since: datetime, until: datetime, besides: Sources = NOBODY
    ) -> Quote | None:
        raise NotImplementedError

    async def last_price(self, symbol: Symbol, *, until: datetime, besides: Sources = NOBODY) -> Quote | None:
        raise NotImplementedError

    async def funding(self, symbol: Symbol, *, since: datetime, until: datetime) -> tuple[FundingRate, ...]:
        return ()


class Mislabeled(Venue):
    """Each answer is told as another venue's than the one asked."""

    sources = ("binance", "kraken")

    async def candles(
        self, symbol: Symbol, timeframe: Timeframe, *, until: datetime, limit: int, besides: Sources = NOBODY
    ) -> Candles:
        told = await super().candles(symbol, timeframe, until=until, limit=limit)
        return replace(told, source="binance" if besides else "kraken")


def prints(symbol: Symbol, since_ms: int | None, now_ms: int, limit: int = 500) -> tuple[PublicTrade, ...]:
    rows = MARKET.trades(symbol, since_ms, None, limit, now_ms)
    return tuple(PublicTrade(instant(at), price, quantity, not makes) for _, at, price, quantity, makes in rows)


class Source:
    """Figures and articles, or nothing."""

    name = "source"
    is_silent = False

    async def readings(self, *, until: datetime) -> tuple[Reading, ...]:
        if self.is_silent:
            raise Unavailable("source: HTTP 500")
        return (Reading("fear", Decimal(20), Unit.POINTS, until, until + timedelta(hours=1), self.name),)

    async def articles(self, *, until: datetime, limit: int) -> tuple[Article, ...]:
        return (Article("one", self.name, "Rates fall", "They fell.", "https://x.org/1", until - MINUTE, until),)


class Studio:
    """A folder being recorded to, on a clock set by hand."""

    def __init__(self, folder: Path, *venues: Venue, clock: SetClock, symbols: tuple[str, ...], **changes: Any) -> None:
        settings = Settings(symbols=symbols, candle_limit=300)
        self.clock, self.folder, self.venues = clock, folder, venues
        market: Any = venues[0] if len(venues) == 1 else Failover([(v.name, v) for v in venues], clock=clock.now)
        self.reel = wiring.reel(folder)
        on = wiring.recording(settings, self.reel, market, clock)
        self.source = Source()
        self.on: Sockets = replace(on, context=(self.source,), news=(self.source,))
        self.take = Take(folder, settings, **({"timeframes": (M1, H4)} | changes))
        self.recorder = Recorder(self.take, self.reel, self.on)

    async def lives(self, minutes: int, step: int = 1) -> None:
        for _ in range(0, minutes, step):
            self.clock.set(M1.floor(self.clock.now()) + step * MINUTE + timedelta(seconds=2))
            await self.recorder.minute(M1.floor(self.clock.now()))

    def opened(self, name: str) -> list[datetime]:
        return [instant(int(line.split(",")[0])) for line in (self.folder / name).read_text().splitlines()[1:]]

    def lines(self, name: str) -> list[bytes]:
        return (self.folder / f"{name}.jsonl").read_bytes().splitlines()


Set = Callable[..., Studio]


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Set]:
    opened: list[Studio] = []

    def made(*names: str, at: datetime = NOON, symbols: tuple[str, ...] = ("BTC/USDC",), **changes: Any) -> Studio:
        for before in opened:
            before.reel.lock.release()
        clock = SetClock(at)
        venues = [Venue(clock, name) for name in names or ("binance",)]
        opened.append(Studio(tmp_path / "tapes", *venues, clock=clock, symbols=symbols, **changes))
        return opened[-1]

    yield made
    for one in opened:
        one.reel.lock.release()


def each(since: datetime, until_at: datetime, timeframe: Timeframe = M1) -> list[datetime]:
    return [since + n * timeframe.span for n in range(int((until_at - since) / timeframe.span))]


# --- The past ------------------------------------------------------------------------------------------------------


async def test_the_past_is_fetched_from_since_to_the_last_bar_that_has_closed(studio: Set) -> None:
    since = NOON - timedelta(days=3)
    made = studio(at=NOON + timedelta(seconds=59), since=since, timeframes=(M1, H4, D1))

    await made.recorder.backfill()

    assert made.opened("binance_spot_BTCUSDC_1m.csv") == each(since, NOON)
    assert made.opened("binance_spot_BTCUSDC_4h.csv") == each(since, NOON, H4)
    assert made.opened("binance_spot_BTCUSDC_1d.csv") == each(D1.floor(since) + D1.span, D1.floor(NOON), D1)
    assert made.recorder.written.missing == ()


async def test_without_since_it_is_as_much_as_an_analysis_reads(studio: Set) -> None:
    made = studio(timeframes=(M1, Timeframe.M15, H4))

    await made.recorder.backfill()

    counts = {path.name.split("_")[-1]: len(made.opened(path.name)) for path in made.folder.glob("*.csv")}
    # the simulated market is younger than 300 bars of 4 h
    assert counts == {"1m.csv": 1440, "15m.csv": 96, "4h.csv": len(each(instant(EPOCH_MS), NOON, H4))}


async def test_the_next_start_goes_on_where_a_crash_ended_and_asks_for_nothing_again(studio: Set) -> None:
    since = NOON - timedelta(hours=30)
    first = studio(since=since, timeframes=(M1,))
    await first.recorder.backfill()
    path = first.folder / "binance_spot_BTCUSDC_1m.csv"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])

    again = studio(since=since, timeframes=(M1,))
    await again.recorder.backfill()

    assert path.read_bytes() == whole
    assert again.recorder.written.bars.total() == pytest.approx(900, abs=5)


async def test_a_venue_that_falls_silent_is_gone_on_with_later(studio: Set) -> None:
    since = NOON - timedelta(hours=8)
    made = studio(since=since, symbols=("BTC/USDC", "ETH/USDC"))
    made.venues[0].silent.add("ETH/USDC")

    await made.recorder.backfill()
    missing, btc = made.recorder.written.missing, made.opened("binance_spot_BTCUSDC_1m.csv")
    made.venues[0].silent.clear()
    await made.lives(1)

    assert (missing, btc) == (("ETH/USDC 4h", "ETH/USDC 1m"), each(since, NOON))
    assert made.opened("binance_spot_ETHUSDC_1m.csv") == each(since, NOON + MINUTE)


async def test_who_stands_in_has_a_file_of_its_own_and_neither_has_a_hole(studio: Set) -> None:
    made = studio("binance", "kraken", since=NOON - timedelta(hours=1), timeframes=(M1,))
    await made.recorder.backfill()
    for is_silent in (True, False, True, False):
        made.venues[0].silent = {"all"} if is_silent else set()
        await made.lives(12)

    binance, kraken = (made.opened(f"{name}_spot_BTCUSDC_1m.csv") for name in ("binance", "kraken"))

    assert binance == each(NOON - timedelta(hours=1), NOON + 48 * MINUTE)
    assert kraken == each(NOON, kraken[-1] + MINUTE) and kraken[-1] >= NOON + 34 * MINUTE


# --- Minute by minute ----------------------------------------------------------------------------------------------


async def test_each_minute_everything_is_recorded_once(studio: Set) -> None:
    made = studio()
    began = epoch_ms(made.clock.now())

    await made.lives(7)

    books = [loads(OrderBook, line) for line in made.lines("binance_spot_BTCUSDC_book_2025-01-31")]
    looks = [loads(PublicTrades, line) for line in made.lines("binance_spot_BTCUSDC_trades_2025-01-31")]
    assert [book.at for book in books] == [NOON + n * MINUTE + timedelta(seconds=2) for n in range(1, 8)]
    assert len(made.lines("binance_spot_BTCUSDC_funding_2025-01-31")) == 7
    assert not list(made.folder.glob("*interest*"))
    told = [trade for look in looks for trade in look.trades]
    assert [t for t in told if t.at > instant(began)] == list(prints(BTC, began + 1, epoch_ms(made.clock.now())))
    assert len(told) == made.recorder.written.trades
    assert made.opened("binance_spot_BTCUSDC_1m.csv")[-1] == NOON + 6 * MINUTE


async def test_a_start_in_between_tells_no_trade_twice(studio: Set) -> None:
    await studio().lives(3)
    made = studio(at=NOON + 3 * MINUTE + timedelta(seconds=40))

    await made.lives(3)

    looks = [loads(PublicTrades, line) for line in made.lines("binance_spot_BTCUSDC_trades_2025-01-31")]
    told = [trade for look in looks for trade in look.trades]
    assert told == list(prints(BTC, epoch_ms(told[0].at), epoch_ms(made.clock.now()), 1000))


async def test_one_that_is_silent_stops_no_other(studio: Set, caplog: pytest.LogCaptureFixture) -> None:
    made = studio(symbols=("BTC/USDC", "ETH/USDC"))
    made.venues[0].silent |= {"ETH/USDC", "trades"}
    made.source.is_silent = True

    await made.lives(3)

    names = {path.name for path in made.folder.glob("*.jsonl")}
    assert names == {
        "binance_spot_BTCUSDC_book_2025-01-31.jsonl", "binance_spot_BTCUSDC_funding_2025-01-31.jsonl",
        "news_2025-01-31.jsonl",
    }  # fmt: skip
    said = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(said) == len(set(said))
    assert "ETH/USDC order book: binance is silent" in said
    assert "context: every source is silent: source: HTTP 500" in said


async def test_context_and_news_are_gathered_when_due_and_asked_again_while_silent(studio: Set) -> None:
    made = studio()
    made.source.is_silent = True
    await made.lives(2)
    made.source.is_silent = False

    await made.lives(30)
    await studio(at=made.clock.now()).lives(1)

    quarters = [loads(MarketContext, line) for line in made.lines("context_2025-01-31")]
    assert [quarter.id for quarter in quarters] == [f"context#{(NOON + 15 * n * MINUTE).isoformat()}" for n in range(3)]
    assert quarters[0].gathered_at == NOON + 3 * MINUTE + timedelta(seconds=2)
    assert [loads(News, line).id for line in made.lines("news_2025-01-31")] == [f"news#{NOON.isoformat()}"]
    assert (made.recorder.written.lines["context"], made.recorder.written.lines["news"]) == (3, 1)


async def test_the_day_that_is_over_is_compressed(studio: Set) -> None:
    made = studio(at=NOON + timedelta(hours=11, minutes=58))

    await made.lives(4)

    names = sorted(path.name.split("_", 3)[-1] for path in made.folder.glob("*_book_*"))
    assert names == ["book_2025-01-31.jsonl.gz", "book_2025-02-01.jsonl"]


async def test_what_hangs_and_what_breaks_is_said_and_the_rest_goes_on(
    studio: Set, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = studio()
    monkeypatch.setattr(record, "LIMIT_S", 0.05)
    made.venues[0].book = _never  # type: ignore[method-assign]
    made.venues[0].funding_quote = _broken  # type: ignore[method-assign]

    await made.lives(2)

    assert len(made.lines("binance_spot_BTCUSDC_trades_2025-01-31")) == 2
    said = [entry.message for entry in caplog.records if entry.levelname == "WARNING"]
    assert sorted(said) == [
        "BTC/USDC funding rate: a defect: KeyError('rate')", "BTC/USDC order book: no answer within 0.05 s"
    ]  # fmt: skip


async def _never(symbol: Symbol, *, until: datetime) -> OrderBook:
    await asyncio.sleep(3600)
    raise AssertionError


async def _broken(symbol: Symbol, *, until: datetime) -> FundingQuote:
    raise KeyError("rate")


async def test_what_a_crash_left_and_what_since_cannot_mend_is_said(
    studio: Set, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    first = studio(since=NOON - timedelta(hours=2), timeframes=(M1,))
    await first.recorder.backfill()
    await first.lives(1)
    for name in ("binance_spot_BTCUSDC_1m.csv", "binance_spot_BTCUSDC_book_2025-01-31.jsonl"):
        path = first.folder / name
        path.write_bytes(path.read_bytes()[:-3])
    caplog.clear()

    again = studio(at=NOON + MINUTE, since=NOON - timedelta(hours=9), timeframes=(M1,), only_backfill=True)
    await again.recorder.run()

    assert [entry.message for entry in caplog.records] == [
        "binance_spot_BTCUSDC_book_2025-01-31.jsonl ended in half a line, which was dropped",
        "binance_spot_BTCUSDC_1m.csv ended in half a row, which was dropped",
        "binance_spot_BTCUSDC_1m.csv begins at 2025-01-31T10:00:00+00:00; earlier bars are for another folder",
        "the past is there, but for BTC/USDC 1m before 2025-01-31T10:00:00+00:00: 1 bars",
    ]
    assert again.recorder.written.missing == ("BTC/USDC 1m before 2025-01-31T10:00:00+00:00",)


async def test_a_folder_that_begins_where_its_venue_does_lacks_nothing(studio: Set) -> None:
    for since in (timedelta(days=400), timedelta(days=500)):
        made = studio(since=instant(EPOCH_MS) - since, timeframes=(H4,))
        await made.recorder.backfill()

        assert made.opened("binance_spot_BTCUSDC_4h.csv")[0] == instant(EPOCH_MS)
        assert made.recorder.written.missing == ()


async def test_before_a_pair_was_listed_nobody_has_to_tell_of_it(studio: Set) -> None:
    """Of several venues an empty answer is none: the first day that one tells of is where the past begins."""
    made = studio("binance", "kraken", since=instant(EPOCH_MS) - timedelta(days=900), timeframes=(M1, H4))

    await made.recorder.backfill()

    assert made.recorder.written.missing == ()
    assert made.opened("binance_spot_BTCUSDC_1m.csv") == each(instant(EPOCH_MS), NOON)
    assert made.opened("binance_spot_BTCUSDC_4h.csv") == each(instant(EPOCH_MS), NOON, H4)


class Lagging(Venue):
    """Each answer takes a while. `most`: how many questions for bars were out at once; `broken`: broken off."""

    at_once = most = broken = 0

    async def candles(
        self, symbol: Symbol, timeframe: Timeframe, *, until: datetime, limit: int, besides: Sources = NOBODY
    ) -> Candles:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            self.broken += 1
            raise
        finally:
            self.at_once -= 1
        return await super().candles(symbol, timeframe, until=until, limit=limit, besides=besides)


class Interrupted(Venue):
    """Somebody stops the recording before it has answered."""

    def __init__(self, clock: SetClock, stop: asyncio.Event) -> None:
        super().__init__(clock)
        self._stop = stop

    async def candles(
        self, symbol: Symbol, timeframe: Timeframe, *, until: datetime, limit: int, besides: Sources = NOBODY
    ) -> Candles:
        self._stop.set()
        await asyncio.Event().wait()
        raise AssertionError("nothing else ends it")


class Pacing(SetClock):
    """A minute takes a hundredth of a second."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0.01)


async def test_the_past_is_waited_for_beside_the_minutes_and_nothing_breaks_it_off(
    studio: Set, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(record, "LIMIT_S", 0.1)
    monkeypatch.setattr(record, "CHUNK", 200)
    since = NOON - timedelta(hours=40)
    made = studio(since=since, timeframes=(M1, Timeframe.M5, H4), symbols=("BTC/USDC", "ETH/USDC"))
    clock = Pacing(NOON)
    venue = Lagging(clock, silent={"book", "trades"})
    made.recorder._on = replace(made.on, market=venue, clock=clock)

    async with asyncio.timeout(20):
        running = asyncio.create_task(made.recorder.run())
        while not any("the past is there" in entry.message for entry in caplog.records):
            await asyncio.sleep(0.01)
        made.recorder.stop.set()
        await running

    bars = 2 * (40 * 60 + 40 * 12 + 10)
    said = [entry.message for entry in caplog.records]
    assert f"the past is there: {bars} bars" in said and not any("no answer within" in line for line in said)
    assert made.opened("binance_spot_ETHUSDC_1m.csv") == each(since, NOON)
    assert (venue.most, venue.broken) == (record.SIDE_BY_SIDE, 0)


async def test_a_stop_in_the_middle_of_the_past_says_what_is_not_there_yet(
    studio: Set, caplog: pytest.LogCaptureFixture
) -> None:
    made = studio(timeframes=(M1, H4))
    clock = Pacing(NOON)
    made.recorder._on = replace(made.on, market=Interrupted(clock, made.recorder.stop), clock=clock)

    await made.recorder.run()

    said = "the past is not there yet: BTC/USDC 4h, BTC/USDC 1m; the same command goes on from here"
    assert said in [entry.message for entry in caplog.records]


async def test_a_past_that_fails_beside_the_minutes_is_missing_and_asked_for_again(
    studio: Set, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    made = studio(timeframes=(M1,), symbols=("BTC/USDC", "ETH/USDC"))
    made.venues[0].silent.add("ETH/USDC")
    seen: list[tuple[str, ...]] = []

    class Again(SetClock):
        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(0)
            if seconds == record.AGAIN_S:
                seen.append(made.recorder.written.missing)
                made.venues[0].silent.clear()
            elif seen and not made.recorder.written.missing:
                made.recorder.stop.set()

    made.recorder._on = replace(made.on, clock=Again(NOON))
    async with asyncio.timeout(20):
        await made.recorder.run()

    assert (seen, made.recorder.written.missing) == ([("ETH/USDC 1m",)], ())
    assert "the past is there, but for ETH/USDC 1m: 1440 bars" in [entry.message for entry in caplog.records]


async def test_a_minute_catches_up_by_a_part_that_fits_into_it(studio: Set) -> None:
    made = studio(since=NOON - timedelta(days=5), timeframes=(M1,))

    await made.recorder.bars(BTC, M1)

    assert len(made.opened("binance_spot_BTCUSDC_1m.csv")) == record.CHUNK


async def test_what_is_wrong_with_one_thing_is_said_once_however_its_words_change(
    studio: Set, caplog: pytest.LogCaptureFixture
) -> None:
    made = studio()

    for minute in range(5):
        made.recorder._said("BTC/USDC 1m", f"left alone until 12:0{minute}:00")
        made.recorder._said("ETH/USDC 1m", "silent")

    assert len(caplog.records) == len(made.recorder._said_at) == 2


@pytest.mark.parametrize("whole", [record.WHOLE_BYTES, 0])
@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ("{0},1.5,2.5,0.5,nan,1.0", "row 5: "),
        ("{0},1.5,2.5", "row 5: "),
        ("{1},1.5,2.5,0.5,1.5,1.0", "row 5: "),
        ("{2},1.5,2.5,0.5,1.5,1.0", "row 5: "),
        ("rubbish\x00\x01", ""),
    ],
)
async def test_a_file_that_is_damaged_further_up_is_refused_at_the_start(
    studio: Set, monkeypatch: pytest.MonkeyPatch, row: str, wrong: str, whole: int
) -> None:
    monkeypatch.setattr(record, "WHOLE_BYTES", whole)
    first = studio(since=NOON - timedelta(hours=2), timeframes=(M1,))
    await first.recorder.backfill()
    path = first.folder / "binance_spot_BTCUSDC_1m.csv"
    lines = path.read_text().splitlines()
    begin = int(lines[1].split(",")[0])
    lines[6] = row.format(begin + 5 * M1.ms, begin, begin + 5 * M1.ms + 1)
    path.write_text("\n".join(lines) + "\n")

    again = studio(since=NOON - timedelta(hours=2), timeframes=(M1,), only_backfill=True)
    with pytest.raises(InvalidCandle, match=f"^binance_spot_BTCUSDC_1m.csv: .*{wrong}"):
        await again.recorder.run()


@pytest.mark.parametrize("whole", [record.WHOLE_BYTES, 0])
async def test_a_file_as_it_was_recorded_is_gone_on_with(
    studio: Set, monkeypatch: pytest.MonkeyPatch, whole: int
) -> None:
    monkeypatch.setattr(record, "WHOLE_BYTES", whole)
    await studio(timeframes=(M1, H4, D1)).recorder.backfill()

    again = studio(at=NOON + MINUTE, timeframes=(M1, H4, D1), only_backfill=True)
    await again.recorder.run()

    assert (str(again.recorder.written), again.recorder.written.missing) == ("bars 1 in 1 file", ())


async def test_a_venue_that_answers_for_another_is_not_believed(studio: Set) -> None:
    made = studio(timeframes=(M1,))
    made.recorder._on = replace(made.on, market=Mislabeled(made.clock))

    with pytest.raises(MarketUnavailable, match="kraken alone was asked, binance answered"):
        await made.recorder.bars(BTC, M1)


async def test_it_stops_by_itself_before_the_disk_is_full(studio: Set) -> None:
    made = studio(min_free_mb=1e9)

    with pytest.raises(RecordingStopped, match=r"MB left, less than 1e\+09; what was recorded is whole"):
        await made.recorder.run()


async def test_a_disk_that_refuses_ends_it(studio: Set, monkeypatch: pytest.MonkeyPatch) -> None:
    made = studio()

    def refused(name: str, day: object, noun: object) -> int:
        raise ArchiveUnavailable("cannot record")

    monkeypatch.setattr(made.reel.days, "append", refused)
    with pytest.raises(ArchiveUnavailable):
        await made.recorder.run()


async def test_a_stop_ends_it_at_once_with_nothing_left_running(studio: Set) -> None:
    made = studio()

    class Slow(SetClock):
        async def sleep(self, seconds: float) -> None:
            self.set(self.now() + timedelta(seconds=seconds))
            if self.now() >= NOON + 5 * MINUTE:
                made.recorder.stop.set()
                await asyncio.sleep(3600)

    clock = Slow(NOON)
    made.venues[0].clock = clock
    made.recorder._on = replace(made.on, clock=clock)

    async with asyncio.timeout(10):
        await made.recorder.run()

    assert len(asyncio.all_tasks()) == 1
    assert len(made.lines("binance_spot_BTCUSDC_book_2025-01-31")) == 5
    assert "order books 5" in str(made.recorder.written)


# --- Replay reads it -----------------------------------------------------------------------------------------------


async def test_replay_knows_what_was_recorded_and_by_its_id(studio: Set) -> None:
    made = studio(since=NOON - timedelta(days=20))
    await made.recorder.backfill()
    await made.lives(20)

    settings = made.take.settings
    tape = wiring.tape(made.folder, settings)
    held = wiring.home(made.folder.parent / "home", settings, "x", is_durable=False)
    on = wiring.replayed(settings, tape, held.ledger, NOON, made.on.model).on
    held.close()

    assert tape.offers == {Part.BOOK, Part.TRADES, Part.FUNDING}
    assert (await on.market.book(BTC, until=NOON + 10 * MINUTE)).at == NOON + 9 * MINUTE + timedelta(seconds=2)
    live = await made.venues[0].trades(BTC, until=made.clock.now())
    assert (await on.market.trades(BTC, until=made.clock.now())).trades == live.trades
    quarter = await on.archive.get(f"context/context#{(NOON + 15 * MINUTE).isoformat()}", MarketContext)
    press = await on.archive.get(f"news/news#{NOON.isoformat()}", News)
    assert (quarter.readings[0].value, press.articles[0].title) == (Decimal(20), "Rates fall")


async def test_another_recording_is_another_replay(studio: Set) -> None:
    made = studio(since=NOON - timedelta(days=20), timeframes=(H4,))
    await made.recorder.backfill()
    plan = Plan(made.take.settings, NOON - timedelta(days=2), NOON)

    def holds() -> str:
        return plan.holds(wiring.tape(made.folder, made.take.settings))

    before = holds()
    await made.lives(1)

    assert holds() == holds() != before


# --- The command ---------------------------------------------------------------------------------------------------


def simulated(folder: Path, *options: object) -> subprocess.CompletedProcess[str]:
    return here("record", "tapes", "--market", "simulated", "--symbols", "BTC/USDC", *options, folder=folder)


def test_the_simulated_exchange_is_recorded_and_replayed(tmp_path: Path) -> None:
    done = simulated(tmp_path, "--only-backfill", "--timeframes", "4h,1d", "--since", "2025-01-01")
    again = simulated(tmp_path, "--only-backfill", "--timeframes", "4h,1d", "--since", "2025-01-01")

    assert (done.returncode, again.returncode) == (0, 0), done.stderr + again.stderr
    assert "recorded to tapes: " in done.stdout and again.stdout == "recorded to tapes: nothing\n"
    lines = (tmp_path / "tapes" / "simulatedbinance_spot_BTCUSDC_4h.csv").read_text().splitlines()
    now_ms = epoch_ms(datetime.now(UTC))
    rows = SimulatedMarket(17, (BTC,)).klines(BTC, H4, EPOCH_MS, None, 1000, now_ms)
    assert [line.split(",") for line in lines[1:1001]] == [
        [str(row[0]), *(repr(float(value)) for value in row[1:6])] for row in rows
    ]

    span = ("--symbol", "BTC/USDC", "--timeframe", "4h", "--from", "2025-06-01", "--to", "2025-06-20")
    replayed = here("replay", "tapes", *span, "--json", "report.json", folder=tmp_path)

    assert replayed.returncode == 0, replayed.stderr
    assert json.loads((tmp_path / "report.json").read_text())["candles"] == 19 * 6


@contextmanager
def recording(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    asked = [SEMSIG, "record", "tapes", "--market", "simulated", "--symbols", "BTC/USDC", *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        asked, cwd=folder, env=surroundings({}), stdout=pipe, stderr=pipe, stdin=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_simulated_folder_is_of_one_seed(tmp_path: Path) -> None:
    options = ("record", "tapes", "--market", "simulated", "--symbols", "BTC/USDC", "--only-backfill")
    since = ("--timeframes", "4h", "--since", (datetime.now(UTC) - timedelta(days=3)).date())
    done = simulated(tmp_path, "--only-backfill", *since)
    kept = {path.name: path.read_bytes() for path in (tmp_path / "tapes").iterdir()}

    other = here(*options, *since, folder=tmp_path, variables={"SEMSIG_SIMULATION__SEED": "99"})

    assert done.returncode == 0, done.stderr
    assert "tapes holds the simulated market of seed 17; " in refusal(other) and "was seed 99" in other.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "tapes").iterdir()} == kept


def test_a_disk_that_is_full_at_the_start_leaves_no_half_a_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is there when it cannot be written any more: so it is with a disk that is full."""
    monkeypatch.setattr(os, "fsync", full)
    line = (
        "record",
        "tapes",
        "--market",
        "simulated",
        "--symbols",
        "BTC/USDC",
        "--only-backfill",
        "--timeframes",
        "4h",
    )

    done = here(*line, "--since", (datetime.now(UTC) - timedelta(days=3)).date(), folder=tmp_path)

    assert done.returncode == 1 and "No space left" in done.stderr
    assert not [path.name for path in (tmp_path / "tapes").iterdir() if "seed" in path.name]


def full(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_earlier_bars_that_a_folder_cannot_take_are_said_and_exit_with_one(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    options = ("--only-backfill", "--timeframes", "4h", "--since")
    first = simulated(tmp_path, *options, (now - timedelta(days=3)).date())

    earlier = simulated(tmp_path, *options, (now - timedelta(days=9)).date())

    assert (first.returncode, earlier.returncode) == (0, 1), first.stderr + earlier.stderr
    assert "semsig: still missing: BTC/USDC 4h before " in earlier.stderr and "another folder" in earlier.stderr


def test_a_kill_in_the_middle_leaves_no_hole_and_no_double(tmp_path: Path) -> None:
    path = tmp_path / "tapes" / "simulatedbinance_spot_BTCUSDC_1m.csv"
    since = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=60)
    options = ("--only-backfill", "--timeframes", "1m", "--since", since.isoformat())
    for size in (100_000, 1_000_000):
        with recording(tmp_path, *options) as process:
            until(lambda size=size: path.exists() and path.stat().st_size > size, "it has begun")
            process.send_signal(signal.SIGKILL)
    torn = path.read_bytes()

    done = simulated(tmp_path, *options)

    assert done.returncode == 0, done.stderr
    whole = path.read_bytes()
    opened = [int(line.split(b",")[0]) for line in whole.splitlines()[1:]]
    assert opened == list(range(epoch_ms(since), opened[-1] + 1, M1.ms))
    assert instant(opened[-1]) > datetime.now(UTC) - 5 * MINUTE
    assert whole.startswith(torn[: torn.rfind(b"\n")])


def test_a_second_one_on_the_folder_is_refused_and_a_signal_ends_the_first(tmp_path: Path) -> None:
    with recording(tmp_path, "--timeframes", "1m,4h") as process:
        until(lambda: list((tmp_path / "tapes").glob("*_book_*")), "it records")
        second = simulated(tmp_path)
        process.send_signal(signal.SIGTERM)
        said, logged = process.communicate(timeout=15)

    assert "another semsig records there, was tapes" in refusal(second)
    assert process.returncode == 0, logged
    assert said.startswith("recorded to tapes: ") and "order books 1" in said and "Traceback" not in logged
    assert "MB a day" in logged


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("file",), "was file: "),
        (("file/tapes",), "is a file"),
        (("tapes", "--timeframes", "7m"), "--timeframes are of 1m, 5m"),
        (("tapes", "--timeframes", ","), "--timeframes are of 1m, 5m"),
        (("tapes", "--since", "2999-01-01"), "--since lies in the past, was 2999-01-01"),
        (("tapes", "--since", "soon"), "--since is a date or an instant"),
        (("tapes", "--from", "soon"), "--from is a date or an instant"),
        (("tapes", "--since", "0001-01-01"), "--since is 2009-01-03 or later"),
        (("tapes", "--since", "2009-01-02T23:59"), "--since is 2009-01-03 or later"),
        (("",), "tapes are recorded to a folder, was ''"),
        (("tapes", "--symbols", "BTC"), "a pair is written BASE/QUOTE"),
        (("tapes", "--symbols", ","), "symbols"),
        (("tapes", "--market", "mars"), "--market is live or simulated, was mars"),
        (("tapes", "--min-free", "-1"), "--min-free"),
    ],
)
def test_a_wrong_use_is_one_line_and_makes_nothing(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    (tmp_path / "file").write_text("in the way")

    assert said in refusal(here("record", *options, folder=tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


async def test_a_pair_that_nobody_lists_is_refused_before_a_folder_is_made(tmp_path: Path) -> None:
    from semanticsignal.drivers.record import _listed

    clock = SetClock(NOON)
    nobody = Venue(clock)
    nobody.rules = _unlisted  # type: ignore[method-assign]

    with pytest.raises(InvalidSymbol, match="not listed"):
        await _listed(nobody, Settings())


async def _unlisted(symbol: Symbol) -> TradingRules:
    raise InvalidSymbol(f"not listed, was {symbol}")
