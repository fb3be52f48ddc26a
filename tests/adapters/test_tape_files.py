"""Recorded tapes: whatever a crash leaves, the next start makes the same file of it; and what was written is read."""

import gzip
from array import array
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.adapters.candle_files import Tape, load, read
from semanticsignal.adapters.tape_files import CandleFile, DayFiles, Recordings, Unseen
from semanticsignal.codec import dumps
from semanticsignal.domain.collected import Part
from semanticsignal.domain.context import MarketContext
from semanticsignal.domain.errors import ArchiveUnavailable, BadInput, InvalidCandle, NotOffered
from semanticsignal.domain.market import Candles, MarketKind, Symbol, Timeframe, epoch_ms
from semanticsignal.domain.microstructure import FundingQuote, OrderBook, PublicTrade, PublicTrades

BTC, ETH = Symbol("BTC", "USDC"), Symbol("ETH", "USDC")
H4, D1, M1 = Timeframe.H4, Timeframe.D1, Timeframe.M1
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
START_MS = epoch_ms(datetime(2026, 11, 2, tzinfo=UTC))
MINUTE = timedelta(minutes=1)
WITHIN = timedelta(minutes=5)


def bars(
    count: int, timeframe: Timeframe = H4, source: str = "binance", first: int = 0, price: float = 100.0
) -> Candles:
    opened = array("q", [START_MS + n * timeframe.ms for n in range(first, first + count)])
    lows, highs = (array("d", [price * share + 1e-7 * at for at in range(count)]) for share in (0.9, 1.1))
    middle = array("d", [price + at / 3 * 1e-3 for at in range(count)])
    return Candles(BTC, timeframe, source, opened, middle, highs, lows, middle, array("d", range(count)))


def tape_file(folder: Path, timeframe: Timeframe = H4, source: str = "binance") -> CandleFile:
    return CandleFile(folder, source, MarketKind.SPOT, BTC, timeframe)


def of(folder: Path) -> Tape:
    recorded = Recordings(folder, MarketKind.SPOT)
    return load(folder, [BTC], H4, MarketKind.SPOT, "binance", recorded=recorded or None)


def book(at: datetime, price: int = 100, source: str = "binance", symbol: Symbol = BTC) -> OrderBook:
    one = Decimal(1)
    return OrderBook(symbol, at, ((Decimal(price), one),), ((Decimal(price + 1), one),), source)


def trade(minute: float, price: int = 100, quantity: int = 1) -> PublicTrade:
    return PublicTrade(NOON + minute * MINUTE, Decimal(price), Decimal(quantity), is_buy=True)


def look(minute: float, *told: PublicTrade, source: str = "binance") -> PublicTrades:
    return PublicTrades(BTC, NOON + minute * MINUTE, told, source)


def recorded(folder: Path, *nouns: OrderBook | PublicTrades | FundingQuote) -> Recordings:
    """A folder with a bar, so that it is a tape, and these."""
    tape_file(folder).append(bars(1))
    words = {OrderBook: "book", PublicTrades: "trades", FundingQuote: "funding"}
    for noun in nouns:
        name = f"{noun.source.replace(' ', '')}_spot_{noun.symbol.joined}_{words[type(noun)]}"
        DayFiles(folder).append(name, noun.at.date(), noun)
    return Recordings(folder, MarketKind.SPOT)


# --- Bars that are appended ----------------------------------------------------------------------------------------


@given(data=st.data(), count=st.integers(1, 12))
def test_a_file_cut_at_any_byte_becomes_the_same_file_again(data: st.DataObject, count: int) -> None:
    with TemporaryDirectory() as folder:
        whole = tape_file(Path(folder))
        whole.append(bars(count))
        content = whole.path.read_bytes()
        whole.path.write_bytes(content[: data.draw(st.integers(0, len(content)))])

        again = tape_file(Path(folder))
        again.append(bars(count))

        assert whole.path.read_bytes() == content
        assert (again.first_ms, again.last_ms) == (START_MS, START_MS + (count - 1) * H4.ms)


@given(lengths=st.lists(st.integers(1, 4), min_size=1, max_size=5), overlap=st.integers(0, 3))
def test_the_same_bars_in_any_pieces_make_the_same_file(lengths: list[int], overlap: int) -> None:
    whole = bars(sum(lengths))
    with TemporaryDirectory() as folder:
        at, written = 0, 0
        for length in lengths:
            written += tape_file(Path(folder)).append(whole[max(0, at - overlap) : at + length])
            at += length

        again = read(tape_file(Path(folder)).path, BTC, H4, "binance")

    assert written == len(whole)
    assert [list(column) for column in (again.opened_ms, again.open, again.high, again.low, again.volume)] == [
        list(column) for column in (whole.opened_ms, whole.open, whole.high, whole.low, whole.volume)
    ]


def test_bytes_of_a_lost_disk_block_are_no_row(tmp_path: Path) -> None:
    file = tape_file(tmp_path)
    file.append(bars(3))
    content = file.path.read_bytes()
    file.path.write_bytes(content + bytes(200_000))

    assert tape_file(tmp_path).dropped == 200_000
    assert file.path.read_bytes() == content


@pytest.mark.parametrize(
    "content", ["time,price\n1,2\n", "ts,open,high,low,close,volume\n1,2,3\n", "ts,open,high,low,close,volume\n\n"]
)
def test_nothing_is_appended_to_what_somebody_else_wrote(tmp_path: Path, content: str) -> None:
    path = tmp_path / "binance_spot_BTCUSDC_4h.csv"
    path.write_text(content)

    with pytest.raises(InvalidCandle, match=r"^binance_spot_BTCUSDC_4h\.csv: bars are not appended to "):
        tape_file(tmp_path)
    assert path.read_text() == content


def test_a_disk_that_refuses_is_said_and_leaves_whole_lines(tmp_path: Path) -> None:
    file = tape_file(tmp_path / "gone")

    with pytest.raises(ArchiveUnavailable, match=r"cannot record to .*; what was recorded before is whole"):
        file.append(bars(1))


def test_a_line_that_the_disk_took_in_part_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tape_file(tmp_path)
    file.append(bars(2))
    before = file.path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ArchiveUnavailable, match="No space left on device"):
        file.append(bars(3))
    assert file.path.read_bytes() == before


# --- Lines of a day ------------------------------------------------------------------------------------------------


@given(cut=st.integers(1, 400))
def test_a_torn_line_is_dropped_and_said_and_whole_ones_stay(cut: int) -> None:
    with TemporaryDirectory() as folder:
        days, lines = DayFiles(Path(folder)), [dumps(book(NOON + n * MINUTE)) + b"\n" for n in range(3)]
        path = Path(folder) / "binance_spot_BTCUSDC_book_2026-11-22.jsonl"
        path.write_bytes(b"".join(lines)[: -min(cut, len(lines[0]))])

        said = days.mend()
        days.append("binance_spot_BTCUSDC_book", NOON.date(), book(NOON + 2 * MINUTE))

        assert said == ([path.name] if cut < len(lines[0]) else [])
        assert path.read_bytes() == b"".join(lines)


def test_days_that_are_over_are_compressed_and_today_is_not(tmp_path: Path) -> None:
    days = DayFiles(tmp_path)
    for day in (20, 21, 22):
        days.append("news", date(2026, 11, day), {"day": day})
    (tmp_path / "diary_2026-11-01.jsonl").write_text("mine\n")

    done = days.compress(date(2026, 11, 22))

    assert done == ["news_2026-11-20.jsonl.gz", "news_2026-11-21.jsonl.gz"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "diary_2026-11-01.jsonl", *done, "news_2026-11-22.jsonl"
    ]  # fmt: skip
    assert gzip.decompress((tmp_path / done[0]).read_bytes()) == b'{"day":20}\n'


@pytest.mark.parametrize("late", [b"", b'{"day":"late"}\n'])
def test_a_crash_between_compressing_and_deleting_loses_and_doubles_nothing(tmp_path: Path, late: bytes) -> None:
    plain, packed = tmp_path / "news_2026-11-20.jsonl", tmp_path / "news_2026-11-20.jsonl.gz"
    plain.write_bytes(late or b'{"day":1}\n{"day":2}\n')
    packed.write_bytes(gzip.compress(b'{"day":1}\n{"day":2}\n'))
    (tmp_path / "news_2026-11-20.jsonl.gz.draft").write_bytes(b"half")

    days = DayFiles(tmp_path)
    days.mend()
    days.compress(date(2026, 11, 22))

    assert [path.name for path in tmp_path.iterdir()] == [packed.name]
    assert gzip.decompress(packed.read_bytes()) == b'{"day":1}\n{"day":2}\n' + late


# --- Trades told again ---------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 2)), max_size=25), st.lists(st.integers(1, 9), max_size=8))
def test_looks_that_overlap_record_each_trade_once(prints: list[tuple[int, int]], steps: list[int]) -> None:
    """Several alike at one instant are several; a start in between changes nothing."""
    tape = [trade(at, quantity=quantity) for at, quantity in sorted(prints)]
    lines: list[bytes] = []
    found: list[PublicTrade] = []
    seen = 0
    for step in [*steps, len(tape)]:
        seen = min(seen + step, len(tape))
        fresh = Unseen(reversed(lines)).of(tape[:seen])
        lines.append(dumps(look(seen, *fresh)))
        found += fresh

    assert found == tape


def test_what_came_in_the_same_instant_after_a_look_is_new() -> None:
    unseen = Unseen()

    first = unseen.of([trade(0), trade(1)])
    second = unseen.of([trade(0), trade(1), trade(1), trade(1, price=101)])
    third = unseen.of([trade(1), trade(1), trade(1, price=101), trade(1, price=101)])

    assert [len(told) for told in (first, second, third)] == [2, 2, 1]


# --- Read again ----------------------------------------------------------------------------------------------------


async def test_the_newest_book_is_told_for_five_minutes_and_never_before_its_time(tmp_path: Path) -> None:
    recorded(tmp_path, book(NOON), book(NOON + MINUTE, 200))
    tape = of(tmp_path)

    async def price(at: datetime) -> int:
        return int((await tape.book(BTC, until=at)).bids[0][0])

    assert await price(NOON) == await price(NOON + 0.9 * MINUTE) == 100
    assert await price(NOON + MINUTE) == await price(NOON + 6 * MINUTE) == 200
    for at in (NOON - timedelta(microseconds=1), NOON + 6.1 * MINUTE):
        with pytest.raises(NotOffered, match="no order book of BTC/USDC was recorded shortly before"):
            await tape.book(BTC, until=at)


async def test_a_rate_stands_for_an_hour(tmp_path: Path) -> None:
    quote = FundingQuote(BTC, NOON, Decimal("0.0001"), 28_800, "BTC/USDC:USDC", "binance")
    recorded(tmp_path, quote)
    tape = of(tmp_path)

    assert await tape.funding_quote(BTC, until=NOON + timedelta(hours=1)) == quote
    with pytest.raises(NotOffered):
        await tape.funding_quote(BTC, until=NOON + timedelta(hours=1, seconds=1))
    with pytest.raises(NotOffered):
        await tape.open_interest(BTC, until=NOON)


async def test_a_look_over_midnight_finds_the_day_before(tmp_path: Path) -> None:
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    recorded(tmp_path, book(midnight - MINUTE), book(midnight + MINUTE, 200))
    DayFiles(tmp_path).compress(midnight.date())

    assert (await of(tmp_path).book(BTC, until=midnight)).at == midnight - MINUTE


async def test_trades_are_told_as_the_venue_would_have_told_them_at_once(tmp_path: Path) -> None:
    looks = [look(n, *(trade(n - 1 + k / 200, price=n) for k in range(200))) for n in range(1, 6)]
    recorded(tmp_path, *looks)

    told = await of(tmp_path).trades(BTC, until=NOON + 4.5 * MINUTE)

    assert told.at == NOON + 4 * MINUTE
    assert told.trades == (*looks[1].trades[100:], *looks[2].trades, *looks[3].trades)


async def test_trades_from_before_nobody_looked_are_not_told_with_those_after(tmp_path: Path) -> None:
    recorded(tmp_path, look(0, trade(-0.5)), look(30, trade(29.5)), look(31), look(32, trade(31.2)))
    tape = of(tmp_path)

    assert (await tape.trades(BTC, until=NOON + 33 * MINUTE)).trades == (trade(29.5), trade(31.2))
    assert (await tape.trades(BTC, until=NOON + 31 * MINUTE)).trades == (trade(29.5),)
    with pytest.raises(NotOffered, match="no public trades"):
        await tape.trades(BTC, until=NOON + 29 * MINUTE)


def test_the_venues_own_is_told_before_anothers_and_what_is_made_up_never(tmp_path: Path) -> None:
    tape = recorded(
        tmp_path, book(NOON), book(NOON + 3 * MINUTE, source="kraken"), book(NOON + 4 * MINUTE, source="simulated okx")
    )

    def source(minute: int, of_source: str = "binance") -> str | None:
        found = tape.newest(OrderBook, BTC, until=NOON + minute * MINUTE, within=WITHIN, source=of_source)
        return found.source if found else None

    assert (source(4), source(6), source(9)) == ("binance", "kraken", None)
    assert source(9, "simulated binance") == "simulated okx"


def test_a_damaged_day_is_refused_by_name(tmp_path: Path) -> None:
    tape, path = recorded(tmp_path, book(NOON)), tmp_path / "binance_spot_BTCUSDC_book_2026-11-22.jsonl"
    DayFiles(tmp_path).compress(date(2026, 11, 23))
    packed = path.with_name(f"{path.name}.gz")
    packed.write_bytes(packed.read_bytes()[:-9])

    with pytest.raises(BadInput, match=r"^binance_spot_BTCUSDC_book_2026-11-22.jsonl.gz: cannot be read"):
        tape.newest(OrderBook, BTC, until=NOON, within=WITHIN, source="binance")


def test_a_day_that_unpacks_to_more_than_a_day_can_be_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tape = recorded(tmp_path, book(NOON))
    DayFiles(tmp_path).compress(date(2026, 11, 23))
    packed = tmp_path / "binance_spot_BTCUSDC_book_2026-11-22.jsonl.gz"
    content = gzip.decompress(packed.read_bytes())
    monkeypatch.setattr("semanticsignal.adapters.tape_files.DAY_BYTES", len(content))
    assert tape.newest(OrderBook, BTC, until=NOON, within=WITHIN, source="binance")

    # a second part, as gzip allows
    packed.write_bytes(packed.read_bytes() + gzip.compress(b"\n" * 1_000_000))

    with pytest.raises(BadInput, match=rf"^{packed.name}: must unpack to at most {len(content)} bytes"):
        Recordings(tmp_path, MarketKind.SPOT).newest(OrderBook, BTC, until=NOON, within=WITHIN, source="binance")


def test_a_day_that_could_not_be_unpacked_again_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = DayFiles(tmp_path)
    for day in (20, 21):
        days.append("news", date(2026, 11, day), {"day": "long" * day})
    monkeypatch.setattr("semanticsignal.adapters.tape_files.DAY_BYTES", len(dumps({"day": "long" * 20})) + 1)

    assert days.compress(date(2026, 11, 22)) == ["news_2026-11-20.jsonl.gz"]
    assert list(days.recent("news")) == [dumps({"day": "long" * 21}) + b"\n"]


def test_a_line_that_is_no_noun_is_refused_by_file_and_line(tmp_path: Path) -> None:
    tape, path = recorded(tmp_path, book(NOON)), tmp_path / "binance_spot_BTCUSDC_book_2026-11-22.jsonl"
    path.write_bytes(path.read_bytes() + b'{"at":"2026-11-22T12:01:00+00:00","bids":7}\nrubbish\n')

    with pytest.raises(BadInput, match=r"binance_spot_BTCUSDC_book_2026-11-22.jsonl: line 3: says no instant"):
        tape.newest(OrderBook, BTC, until=NOON, within=WITHIN, source="binance")
    path.write_bytes(path.read_bytes().removesuffix(b"rubbish\n"))
    with pytest.raises(BadInput, match=r"binance_spot_BTCUSDC_book_2026-11-22: line 2: not a OrderBook"):
        tape.newest(OrderBook, BTC, until=NOON + MINUTE, within=WITHIN, source="binance")


async def test_what_was_gathered_is_found_under_its_id(tmp_path: Path) -> None:
    ids = [f"context#{(NOON + n * 15 * MINUTE).isoformat()}" for n in range(3)]
    quarters = [MarketContext(id, NOON, (), {}) for id in ids]
    writing = Recordings(tmp_path, MarketKind.SPOT, DayFiles(tmp_path))
    for quarter in (*quarters[:2], MarketContext(ids[0], NOON + MINUTE, (), {})):
        await writing.put(f"context/{quarter.id}", quarter)

    reading = Recordings(tmp_path, MarketKind.SPOT)

    assert [await reading.get(f"context/{id}", MarketContext) for id in ids] == [*quarters[:2], None]
    assert await reading.put(f"context/{ids[0]}", quarters[2]) == quarters[0]
    with pytest.raises(BadInput, match="named by its instant"):
        await reading.get("context/yesterday", MarketContext)


async def test_a_reader_leaves_the_folder_as_it_is(tmp_path: Path) -> None:
    reading = Recordings(tmp_path, MarketKind.SPOT)
    quarter = MarketContext(f"context#{NOON.isoformat()}", NOON, (), {})

    assert await reading.put(f"context/{quarter.id}", quarter) is quarter
    assert await reading.get(f"context/{quarter.id}", MarketContext) is quarter
    assert not reading and not reading.parts(BTC)


# --- What a folder has ---------------------------------------------------------------------------------------------


def test_what_every_pair_has_is_offered(tmp_path: Path) -> None:
    recorded(tmp_path, book(NOON), look(0))
    for symbol, days in ((BTC, True), (ETH, False)):
        for timeframe in (H4, D1)[: 1 + days]:
            whole = bars(3, timeframe)
            CandleFile(tmp_path, "binance", MarketKind.SPOT, symbol, timeframe).append(whole)
    found = Recordings(tmp_path, MarketKind.SPOT)

    both = load(tmp_path, [BTC, ETH], H4, MarketKind.SPOT, "binance", recorded=found)

    assert of(tmp_path).offers == {Part.BOOK, Part.TRADES, Part.DAILY}
    assert both.offers == frozenset()
    DayFiles(tmp_path).append("news", NOON.date(), {})
    assert both.offers == frozenset(), "the press is of the archive, no venue is asked for it"


async def test_longer_bars_are_told_and_nothing_is_filled_on_them(tmp_path: Path) -> None:
    tape_file(tmp_path).append(bars(12))
    before = of(tmp_path)
    tape_file(tmp_path, D1).append(bars(60, D1, price=7.0))
    after, late = of(tmp_path), NOON + timedelta(days=30)

    days = await after.candles(BTC, D1, until=late, limit=365)

    assert (len(days), days.timeframe, set(after.offers)) == (50, D1, {Part.DAILY})
    for ask in ("rules", "last_price", "first_open", "fine_candles"):
        spans = {"rules": {}, "last_price": {"until": late}}
        asked = spans.get(ask, {"since": NOON - timedelta(days=25), "until": late})
        one, other = [await getattr(tape, ask)(BTC, **asked) for tape in (before, after)]
        assert getattr(one, "opened_ms", one) == getattr(other, "opened_ms", other)
    assert after.finest(BTC) is H4 and after.ends_at == before.ends_at
    with pytest.raises(NotOffered, match="no 1w candles of BTC/USDC"):
        await after.candles(BTC, Timeframe.W1, until=late, limit=5)


def test_longer_bars_and_recordings_are_part_of_the_seal(tmp_path: Path) -> None:
    tape_file(tmp_path).append(bars(12))
    seals = [of(tmp_path).digest()]
    tape_file(tmp_path, D1).append(bars(2, D1))
    seals.append(of(tmp_path).digest())
    DayFiles(tmp_path).append("binance_spot_BTCUSDC_book", NOON.date(), book(NOON))
    seals.append(of(tmp_path).digest())
    tape_file(tmp_path, D1).append(bars(3, D1))
    seals.append(of(tmp_path).digest())

    assert len(set(seals)) == 4


def test_other_recordings_are_another_tape_and_compressing_is_not(tmp_path: Path) -> None:
    def seal(*nouns: OrderBook | PublicTrades, name: str) -> str:
        (tmp_path / name).mkdir()
        recorded(tmp_path / name, *nouns)
        return of(tmp_path / name).digest()

    plain, same = seal(name="plain"), seal(name="same")
    with_book, other_book = seal(book(NOON), name="book"), seal(book(NOON, 101), name="other")
    DayFiles(tmp_path / "book").compress(NOON.date() + timedelta(days=1))

    assert plain == same and len({plain, with_book, other_book}) == 3
    assert of(tmp_path / "book").digest() == with_book


def test_a_simulated_tape_says_so(tmp_path: Path) -> None:
    tape_file(tmp_path, source="simulated binance").append(bars(3, source="simulated binance"))

    tape = of(tmp_path)

    assert tape.is_simulated and tape.sources == ("simulated binance",)
    assert (tmp_path / "simulatedbinance_spot_BTCUSDC_4h.csv").exists()


# --- Two files of one series ---------------------------------------------------------------------------------------


def beside(folder: Path, rows: Sequence[int], changed: float = 0.0) -> Path:
    """The same bars as a parquet file; the last of them another by so much."""
    whole = bars(6)
    names = ("ts", "open", "high", "low", "close", "volume")
    volume = [told + changed * (row == rows[-1]) for row, told in enumerate(whole.volume)]
    columns = (whole.opened_ms, whole.open, whole.high, whole.low, whole.close, volume)
    table = pd.DataFrame({name: list(column) for name, column in zip(names, columns, strict=True)}).iloc[list(rows)]
    path = folder / "binance_spot_BTCUSDC_4h.parquet"
    table.reset_index(drop=True).to_parquet(path, index=False)
    return path


@pytest.mark.parametrize("rows", [[0, 1, 2, 3], [0, 1], [5], range(6)])
def test_a_csv_and_a_parquet_of_one_venue_are_one_series(tmp_path: Path, rows: Sequence[int]) -> None:
    tape_file(tmp_path).append(bars(6)[2:])
    beside(tmp_path, rows)

    told = of(tmp_path).tape(BTC, H4)

    expected = sorted({*rows, *range(2, 6)})
    whole = bars(6)
    assert list(told.opened_ms) == [whole.opened_ms[row] for row in expected]
    assert list(told.volume) == [whole.volume[row] for row in expected]
    assert told.check() is told


def test_a_bar_told_in_two_ways_is_refused_by_file_and_row(tmp_path: Path) -> None:
    tape_file(tmp_path).append(bars(6)[2:])
    path = beside(tmp_path, [1, 2, 3], changed=0.5)

    with pytest.raises(InvalidCandle, match=rf"^{path.name}: row 2: told otherwise by binance_spot_BTCUSDC_4h.csv"):
        of(tmp_path)
