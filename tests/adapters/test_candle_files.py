"""Recorded candles: every format read, every broken file refused by name and row, nothing told before its time."""

import asyncio
import gzip
from array import array
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.adapters.candle_files import Tape, load, read
from semanticsignal.domain.errors import BadInput, InvalidCandle, InvalidSymbol
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
from semanticsignal.domain.microstructure import Quote

BTC, ETH, SOL = (Symbol(base, "USDC") for base in ("BTC", "ETH", "SOL"))
H4, M5 = Timeframe.H4, Timeframe.M5
START = datetime(2025, 6, 23, tzinfo=UTC)
START_MS = epoch_ms(START)
NAME = "binance_spot_BTCUSDC_4h"


def frame(bars: int = 4, timeframe: Timeframe = H4, price: float = 100.0, start_ms: int = START_MS) -> pd.DataFrame:
    opened = start_ms + np.arange(bars, dtype=np.int64) * timeframe.ms
    prices = {"open": price, "high": price * 1.1, "low": price * 0.9, "close": price * 1.05, "volume": 2.5}
    return pd.DataFrame({"ts": opened} | {name: np.full(bars, value) for name, value in prices.items()})


def tape_of(bars: int, timeframe: Timeframe = H4, price: float = 100.0, start_ms: int = START_MS) -> Candles:
    table = frame(bars, timeframe, price, start_ms)
    prices = (memoryview(table[name].to_numpy(dtype=np.float64).copy()) for name in table.columns[1:])
    return Candles(BTC, timeframe, "hand", memoryview(array("q", table["ts"].tolist())), *prices)


def write(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False)
    return path


def of(folder: Path, symbol: Symbol = BTC, exchange: str = "binance", kind: MarketKind = MarketKind.SPOT) -> Tape:
    return load(folder, [symbol], H4, kind, exchange)


# --- Formats -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["parquet", "csv", "csv.gz"])
def test_every_format_says_the_same(tmp_path: Path, ending: str) -> None:
    path = write(frame(), tmp_path / f"{NAME}.{ending}")

    candles = read(path, BTC, H4, "binance")

    assert list(candles.opened_ms) == [START_MS + n * H4.ms for n in range(4)]
    assert (candles.open[0], candles.high[0], candles.low[0], candles.close[0]) == pytest.approx((100, 110, 90, 105))
    assert (candles.volume[3], candles.source, candles.symbol, candles.timeframe) == (2.5, "binance", BTC, H4)
    assert candles.check() is candles


def test_further_columns_and_another_order_of_columns_change_nothing(tmp_path: Path) -> None:
    plain = write(frame(), tmp_path / f"{NAME}.csv")
    mixed = frame().assign(n_1h=4)[["n_1h", "volume", "close", "low", "high", "open", "ts"]]
    other = write(mixed, tmp_path / "other.csv")

    one, two = read(plain, BTC, H4, "x"), read(other, BTC, H4, "x")

    assert Tape({BTC: {H4: one}}).digest() == Tape({BTC: {H4: two}}).digest()


def test_one_bar_is_a_tape(tmp_path: Path) -> None:
    write(frame(1), tmp_path / f"{NAME}.csv")

    assert len(of(tmp_path).tape(BTC, H4)) == 1


# --- Broken files --------------------------------------------------------------------------------------------------


def put(column: str, row: int, value: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def changed(table: pd.DataFrame) -> pd.DataFrame:
        table[column] = table[column].astype(float)
        table.loc[row, column] = value
        return table

    return changed


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize(
    ("breaking", "said"),
    [
        (put("close", 2, float("nan")), "row 2: prices must be above zero and finite"),
        (put("high", 1, float("inf")), "row 1: prices must be above zero and finite"),
        (put("low", 3, 0.0), "row 3: prices must be above zero and finite"),
        (put("volume", 0, -1.0), "row 0: volume must be finite and not negative"),
        (put("volume", 0, float("nan")), "row 0: volume must be finite and not negative"),
        (put("high", 2, 80.0), "row 2: high and low must bound open and close"),
        (put("high", 2, 104.0), "row 2: high and low must bound open and close"),
        (put("low", 0, 101.0), "row 0: high and low must bound open and close"),
        (put("ts", 3, START_MS + 2 * H4.ms), "row 3: a duplicate candle"),
        (put("ts", 2, START_MS - 1), "row 2: out of order"),
        (put("ts", 1, START_MS + 0.5), "row 1: ts must be whole milliseconds"),
        (put("ts", 1, float("nan")), "row 1: ts must be whole milliseconds"),
        (put("ts", 3, 1e18), "row 3: ts must be whole milliseconds"),
        (lambda table: table.drop(columns="high"), "columns high are missing"),
        (lambda table: table.assign(close=["1", "2", "three", "4"]), "column close holds more than numbers"),
        (lambda table: table[:0], "holds no candle"),
    ],
)
def test_a_broken_file_is_refused_by_name_and_row(
    tmp_path: Path, ending: str, breaking: Callable[[pd.DataFrame], pd.DataFrame], said: str
) -> None:
    path = write(breaking(frame()), tmp_path / f"{NAME}.{ending}")

    with pytest.raises(InvalidCandle) as refused:
        of(tmp_path)

    assert str(refused.value).startswith(f"{path.name}: {said}")


@pytest.mark.parametrize("ending", ["parquet", "csv", "csv.gz"])
@pytest.mark.parametrize("content", [b"", b"Dear diary,\ntoday the market fell.\n", bytes(range(256)) * 8], ids=len)
def test_what_is_no_table_is_refused_by_name(tmp_path: Path, ending: str, content: bytes) -> None:
    (tmp_path / f"{NAME}.{ending}").write_bytes(content)

    with pytest.raises(InvalidCandle, match=rf"^{NAME}\.{ending}: "):
        of(tmp_path)


def test_a_download_cut_short_is_refused_by_name(tmp_path: Path) -> None:
    whole = gzip.compress(frame(500).to_csv(index=False).encode())
    (tmp_path / f"{NAME}.csv.gz").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(InvalidCandle, match=rf"^{NAME}\.csv\.gz: "):
        of(tmp_path)


def test_hours_in_a_file_of_four_hours_are_refused(tmp_path: Path) -> None:
    """Bars closer than their timeframe overlap; there would be more of them than slots to hold them."""
    write(frame(8, Timeframe.H1), tmp_path / f"{NAME}.csv")

    with pytest.raises(InvalidCandle, match=rf"^{NAME}\.csv: "):
        of(tmp_path)


# --- Which file ----------------------------------------------------------------------------------------------------


def test_an_unknown_pair_is_told_what_there_is(tmp_path: Path) -> None:
    write(frame(), tmp_path / f"{NAME}.csv")
    write(frame(), tmp_path / "kraken_perp_ETHUSDC_1h.csv")

    with pytest.raises(InvalidSymbol, match=r"no candles of SOL/USDC in .*; there are BTCUSDC, ETHUSDC"):
        of(tmp_path, SOL)


def test_a_pair_without_that_timeframe_or_market_is_told_what_there_is(tmp_path: Path) -> None:
    write(frame(timeframe=Timeframe.H1), tmp_path / "kraken_perp_ETHUSDC_1h.csv")

    with pytest.raises(InvalidSymbol, match=r"no spot 4h candles of ETH/USDC in .*; there are kraken perp 1h"):
        of(tmp_path, ETH)


def test_an_empty_folder_has_none_and_a_missing_one_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidSymbol, match="there are none"):
        of(tmp_path)
    with pytest.raises(BadInput, match="no such folder"):
        of(tmp_path / "nowhere")


def test_names_that_are_no_candles_are_passed_over(tmp_path: Path) -> None:
    write(frame(), tmp_path / f"{NAME}.csv")
    for name in ("README.md", "binance_spot_BTCUSDC_3h.csv", "binance_spot_BTCUSDC_4h.csv.bak", "funding.parquet"):
        (tmp_path / name).write_text("not candles")

    assert len(of(tmp_path).tape(BTC, H4)) == len(frame())


def test_the_venue_asked_for_is_taken_and_else_the_first_by_name(tmp_path: Path) -> None:
    for venue in ("kraken", "binance", "okx"):
        write(frame(), tmp_path / f"{venue}_spot_BTCUSDC_4h.csv")

    assert of(tmp_path, exchange="okx").tape(BTC, H4).source == "okx"
    assert of(tmp_path, exchange="coinbase").tape(BTC, H4).source == "binance"


def test_a_longer_file_that_is_broken_is_refused_too_for_decisions_know_it(tmp_path: Path) -> None:
    write(frame(), tmp_path / f"{NAME}.csv")
    (tmp_path / "binance_spot_BTCUSDC_1d.csv").write_text("broken")

    with pytest.raises(InvalidCandle, match=r"BTCUSDC_1d\.csv"):
        of(tmp_path)


# --- What is told, and when ----------------------------------------------------------------------------------------


@given(
    bars=st.integers(1, 40),
    after_ms=st.integers(-(10**7), 7 * 10**8),
    limit=st.integers(1, 50),
    m5_bars=st.integers(1, 60),
)
def test_never_a_bar_that_closes_after_until(bars: int, after_ms: int, limit: int, m5_bars: int) -> None:
    tape = Tape({BTC: {H4: tape_of(bars), M5: tape_of(m5_bars, M5)}})
    until = START + timedelta(milliseconds=after_ms)

    told = asyncio.run(tape.candles(BTC, H4, until=until, limit=limit))
    fine = asyncio.run(tape.fine_candles(BTC, since=START, until=until))

    # the bars of the last `limit` slots of the grid, wherever the tape ends
    earliest = H4.floor(until) - H4.span * limit
    whole = [ms for ms in tape.tape(BTC, H4).opened_ms if instant(ms + H4.ms) <= until and instant(ms) >= earliest]
    assert list(told.opened_ms) == whole
    assert all(instant(ms) >= START and instant(ms + fine.timeframe.ms) <= until for ms in fine.opened_ms)


async def test_the_finest_tape_that_covers_the_span_is_taken() -> None:
    tape = Tape({BTC: {H4: tape_of(12), M5: tape_of(48, M5)}})  # five-minute bars for the first four hours alone
    four_hours, eight_hours = START + timedelta(hours=4), START + timedelta(hours=8)

    covered = await tape.fine_candles(BTC, since=START, until=four_hours)
    uncovered = await tape.fine_candles(BTC, since=START, until=eight_hours)

    assert (covered.timeframe, len(covered)) == (M5, 48)
    assert (uncovered.timeframe, len(uncovered)) == (H4, 2)


async def test_a_span_before_the_fine_tape_is_told_by_the_coarse_one() -> None:
    tape = Tape({BTC: {H4: tape_of(12), M5: tape_of(48, M5, start_ms=START_MS + H4.ms)}})

    told = await tape.fine_candles(BTC, since=START, until=START + timedelta(hours=8))

    assert (told.timeframe, len(told)) == (H4, 2)


async def test_a_span_that_holds_no_whole_bar_holds_none() -> None:
    tape = Tape({BTC: {H4: tape_of(12)}})

    assert len(await tape.fine_candles(BTC, since=START + timedelta(hours=1), until=START + timedelta(hours=7))) == 0
    assert len(await tape.fine_candles(BTC, since=START + timedelta(hours=5), until=START)) == 0


def said(at: datetime) -> Quote:
    return Quote(at, 100.0, "hand")


async def test_the_first_open_is_the_first_at_or_after_since() -> None:
    tape = Tape({BTC: {H4: tape_of(12)}})
    second = START + timedelta(hours=4)

    assert await tape.first_open(BTC, since=START, until=second) == said(START)
    assert await tape.first_open(BTC, since=START + timedelta(microseconds=1), until=second) == said(second)
    assert await tape.first_open(BTC, since=START + timedelta(milliseconds=1), until=second) == said(second)
    assert await tape.first_open(BTC, since=second, until=second) == said(second)


async def test_no_open_is_told_that_comes_after_until() -> None:
    tape = Tape({BTC: {H4: tape_of(2)}})

    assert await tape.first_open(BTC, since=START + timedelta(hours=1), until=START + timedelta(hours=3)) is None
    assert await tape.first_open(BTC, since=START + timedelta(hours=5), until=START + timedelta(hours=99)) is None


@pytest.mark.parametrize("since", [timedelta(hours=4), timedelta(hours=3, minutes=57)])
async def test_where_the_fine_tape_ends_the_coarse_one_goes_on(since: timedelta) -> None:
    tape = Tape({BTC: {H4: tape_of(12), M5: tape_of(48, M5)}})
    second = START + timedelta(hours=4)

    assert await tape.first_open(BTC, since=START + since, until=second) == said(second)


async def test_rules_are_seven_digits_of_the_first_price_or_the_venues_own() -> None:
    own = TradingRules(Decimal("0.5"), Decimal("0.1"), Decimal(10))
    ticks = {100.0: "0.0001", 107146.5: "0.1", 1.23e-8: "1E-14"}

    for price, tick in ticks.items():
        assert (await Tape({BTC: {H4: tape_of(2, price=price)}}).rules(BTC)).price_tick == Decimal(tick)
    assert await Tape({BTC: {H4: tape_of(2)}}, rules={BTC: own}).rules(BTC) == own


async def test_a_pair_that_is_not_on_the_tape_is_told_what_is() -> None:
    tape = Tape({BTC: {H4: tape_of(2)}})

    with pytest.raises(InvalidSymbol, match="SOL/USDC is not on this tape, it holds BTC/USDC"):
        await tape.candles(SOL, H4, until=START, limit=1)


# --- Funding -------------------------------------------------------------------------------------------------------


async def test_funding_is_told_after_since_up_to_until() -> None:
    rates = tuple(FundingRate(BTC, START + timedelta(hours=8 * n), Decimal(n)) for n in range(4))
    tape = Tape({BTC: {H4: tape_of(2)}}, funding={BTC: rates})

    told = await tape.funding(BTC, since=rates[0].paid_at, until=rates[2].paid_at)

    assert told == rates[1:3]
    assert await tape.funding(ETH, since=START, until=START + timedelta(days=9)) == ()


@pytest.mark.parametrize("place", ["candles", "funding"])
async def test_funding_is_read_beside_the_candles_or_in_its_own_folder(tmp_path: Path, place: str) -> None:
    for folder in ("candles", "funding"):
        (tmp_path / folder).mkdir()
    write(frame(), tmp_path / "candles" / "bybit_perp_BTCUSDC_4h.parquet")
    paid = pd.DataFrame({"ts": [START_MS, START_MS + 2 * H4.ms], "rate": [0.0001, -0.00025]})
    paid.to_parquet(tmp_path / place / "bybit_perp_BTCUSDC_funding_8h.parquet")

    tape = of(tmp_path / "candles", exchange="bybit", kind=MarketKind.PERP)
    told = await tape.funding(BTC, since=START - timedelta(hours=1), until=START + timedelta(hours=8))

    assert [(rate.paid_at, rate.rate_ratio) for rate in told] == [
        (START, Decimal("0.0001")),
        (START + timedelta(hours=8), Decimal("-0.00025")),
    ]


async def test_spot_pays_no_funding(tmp_path: Path) -> None:
    write(frame(), tmp_path / f"{NAME}.csv")
    paid = pd.DataFrame({"ts": [START_MS], "rate": [0.0001]})
    paid.to_parquet(tmp_path / "binance_perp_BTCUSDC_funding_8h.parquet")

    assert await of(tmp_path).funding(BTC, since=START - timedelta(hours=1), until=START + timedelta(days=1)) == ()


async def test_recorded_funding_is_read_as_it_lies_on_disk(tmp_path: Path, recorded_data: Path) -> None:
    name = "binance_perp_BTCUSDT_funding_8h.parquet"
    (tmp_path / name).symlink_to(recorded_data / "funding" / name)
    write(frame(), tmp_path / "binance_perp_BTCUSDT_4h.parquet")
    btc = Symbol("BTC", "USDT")

    tape = of(tmp_path, btc, kind=MarketKind.PERP)
    told = await tape.funding(btc, since=START, until=START + timedelta(days=1))

    table = pd.read_parquet(recorded_data / "funding" / name)
    inside = table[(table["ts"] > START_MS) & (table["ts"] <= START_MS + 86_400_000)]
    assert [float(rate.rate_ratio) for rate in told] == list(inside.iloc[:, 1])
    assert len(told) == 3


# --- Seal ----------------------------------------------------------------------------------------------------------


def test_the_same_market_has_the_same_seal_and_one_price_breaks_it() -> None:
    one, same, other = tape_of(5), tape_of(5), tape_of(5)
    other.close[3] = np.nextafter(other.close[3], 200.0)  # type: ignore[index]

    seals = [Tape({BTC: {H4: candles}}).digest() for candles in (one, same, other)]

    assert seals[0] == seals[1] != seals[2]
    assert len(seals[0]) == 64


def test_source_funding_and_every_column_are_in_the_seal() -> None:
    whole = tape_of(5)
    changed = [
        replace(whole, source="other"),
        replace(whole, volume=whole.open),
        replace(whole, opened_ms=tape_of(5, start_ms=START_MS + H4.ms).opened_ms),
        whole[:4],
    ]
    seals = {Tape({BTC: {H4: candles}}).digest() for candles in (whole, *changed)}
    paid = Tape({BTC: {H4: whole}}, funding={BTC: (FundingRate(BTC, START, Decimal(1)),)}).digest()

    assert len(seals | {paid}) == 6


# --- Real data -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeframe", ["1h", "4h", "1d"])
def test_the_outages_of_real_bitcoin_are_counted(recorded_data: Path, timeframe: str) -> None:
    path = recorded_data / "candles" / f"binance_spot_BTCUSDT_{timeframe}.parquet"
    opened = pd.read_parquet(path, columns=["ts"])["ts"].to_numpy()

    candles = read(path, Symbol("BTC", "USDT"), Timeframe(timeframe), "binance")

    steps = np.diff(opened) // Timeframe(timeframe).ms
    assert candles.gaps == int((steps - 1).sum())
    assert candles.completeness_ratio == pytest.approx(len(opened) / (len(opened) + candles.gaps))
    assert timeframe != "1h" or candles.gaps == 122
    assert timeframe != "4h" or candles.gaps > 0


@pytest.mark.parametrize("pair", ["BTC", "ETH", "SOL", "LINK", "NEAR", "TRX", "XLM", "DOT", "BCH", "XTZ"])
def test_every_recorded_pair_is_read_and_sound(recorded_data: Path, pair: str) -> None:
    symbol = Symbol(pair, "USDT")

    tape = of(recorded_data / "candles", symbol).tape(symbol, H4)

    assert tape.check() is tape
    assert tape.completeness_ratio > 0.99
    assert tape.closed_at == datetime(2025, 7, 1, tzinfo=UTC)


def test_the_recorded_perpetual_is_read_as_the_shape_of_its_minutes(recorded_data: Path) -> None:
    symbol = Symbol("BTC", "USDT")

    tape = load(recorded_data / "candles", [symbol], Timeframe.M1, MarketKind.PERP, "bybit")

    assert len(tape.tape(symbol, Timeframe.M1)) == 43_200
