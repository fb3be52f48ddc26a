"""The simulated market: the same in every process, sound in every bar, and nothing before its time."""

import os
import subprocess
import sys
from decimal import Decimal
from itertools import groupby, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.domain.errors import InvalidSymbol
from semanticsignal.domain.market import Symbol, Timeframe
from semanticsignal.simulate.market import DAY, EPOCH_MS, MINUTE_MS, Floats, Row, SimulatedMarket

BTC, ETH, SOL = (Symbol.parse(text) for text in ("BTC/USDC", "ETH/USDC", "SOL/USDC"))
DAY_MS = DAY * MINUTE_MS
NOW = EPOCH_MS + 40 * DAY_MS + 5 * 3_600_000 + 17 * MINUTE_MS + 23_456
MARKET = SimulatedMarket(7, (BTC, ETH, SOL))


def bars(market: SimulatedMarket, symbol: Symbol, timeframe: Timeframe, now_ms: int = NOW) -> list[Row]:
    return market.klines(symbol, timeframe, EPOCH_MS - 7 * DAY_MS, None, 1_000_000, now_ms)


MINUTES = bars(MARKET, BTC, Timeframe.M1, EPOCH_MS + 16 * DAY_MS - 90_001)


def numbers(rows: list[Row]) -> Floats:
    """open, high, low, close, volume."""
    return np.array([[float(value) for value in row[1:6]] for row in rows])


def test_a_restarted_process_makes_exactly_the_same_bytes() -> None:
    code = (
        "from semanticsignal.domain.market import Symbol, Timeframe\n"
        "from semanticsignal.simulate.market import SimulatedMarket\n"
        "btc = Symbol.parse('BTC/USDC')\n"
        f"print(SimulatedMarket(7, (btc,)).klines(btc, Timeframe.M1, None, None, 1000, {NOW}))"
    )

    there = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=there).stdout

    assert told.strip() == str(MARKET.klines(BTC, Timeframe.M1, None, None, 1000, NOW))


def test_a_pair_is_the_same_whatever_is_listed_beside_it_and_in_whatever_order_it_is_asked() -> None:
    alone, beside = SimulatedMarket(7, (ETH,)), SimulatedMarket(7, (SOL, BTC, ETH))

    late_first = alone.klines(ETH, Timeframe.H1, None, None, 100, NOW)
    early_first = [beside.price(ETH, EPOCH_MS), beside.klines(ETH, Timeframe.H1, None, None, 100, NOW)]

    assert early_first[1] == late_first


def test_another_seed_is_another_market() -> None:
    assert bars(SimulatedMarket(8, (BTC,)), BTC, Timeframe.D1) != bars(MARKET, BTC, Timeframe.D1)


@pytest.mark.parametrize("symbol", [BTC, ETH, SOL])
def test_every_minute_bounds_its_prices_and_opens_where_the_last_one_closed(symbol: Symbol) -> None:
    opened, high, low, close, volume = numbers(bars(MARKET, symbol, Timeframe.M1)).T

    assert (low > 0).all() and (volume[:-1] > 0).all()
    assert (high >= np.maximum(opened, close)).all() and (low <= np.minimum(opened, close)).all()
    assert (opened[1:] == close[:-1]).all()


@pytest.mark.parametrize("timeframe", list(Timeframe))
def test_a_bar_of_any_length_is_made_of_its_minutes(timeframe: Timeframe) -> None:
    minutes = [list(rows) for _, rows in groupby(MINUTES, key=lambda row: timeframe.floor_ms(int(row[0])))]

    made = bars(MARKET, BTC, timeframe, EPOCH_MS + 16 * DAY_MS - 90_001)

    assert len(made) == len(minutes)
    for row, inside in zip(numbers(made), map(numbers, minutes), strict=True):
        opened, high, low, close, volume = row
        assert (opened, close) == (inside[0, 0], inside[-1, 3])
        assert (high, low) == (inside[:, 1].max(), inside[:, 2].min())
        assert volume == pytest.approx(inside[:, 4].sum(), abs=1e-6)


@pytest.mark.parametrize("timeframe", list(Timeframe))
def test_bars_stand_on_the_grid_without_a_gap(timeframe: Timeframe) -> None:
    opens = [int(row[0]) for row in bars(MARKET, SOL, timeframe)]

    assert all(later - earlier == timeframe.ms for earlier, later in pairwise(opens))
    assert all(timeframe.floor_ms(at) == at for at in opens)
    assert opens[-1] == timeframe.floor_ms(NOW)


@given(st.integers(0, 60 * DAY_MS), st.sampled_from(list(Timeframe)))
def test_what_is_told_now_never_changes_later_but_for_the_bar_still_forming(
    elapsed_ms: int, timeframe: Timeframe
) -> None:
    now = EPOCH_MS + elapsed_ms

    then = MARKET.klines(BTC, timeframe, None, now, 20, now)
    later = MARKET.klines(BTC, timeframe, None, now, 20, EPOCH_MS + 61 * DAY_MS)

    assert then[:-1] == later[:-1]
    assert then[-1][:2] == later[-1][:2]
    assert float(later[-1][3]) <= float(then[-1][3]) <= float(then[-1][2]) <= float(later[-1][2])


@given(st.integers(0, 60 * DAY_MS))
def test_the_newest_bar_closes_at_the_price_of_now(elapsed_ms: int) -> None:
    now = EPOCH_MS + elapsed_ms

    newest = MARKET.klines(BTC, Timeframe.H4, None, None, 1, now)[-1]

    assert Decimal(str(newest[4])) == MARKET.price(BTC, now)


def test_a_bar_that_has_just_opened_has_one_price_and_no_volume() -> None:
    opening = NOW // MINUTE_MS * MINUTE_MS

    newest = MARKET.klines(BTC, Timeframe.M1, None, None, 1, opening)[0]

    assert newest[0] == opening
    assert len(set(newest[1:5])) == 1
    assert newest[5] == "0.00000000"


def test_nothing_is_told_before_the_market_began() -> None:
    assert MARKET.klines(BTC, Timeframe.M1, None, None, 10, EPOCH_MS - 1) == []
    assert MARKET.trades(BTC, None, None, 10, EPOCH_MS - 1) == []
    assert MARKET.klines(BTC, Timeframe.H4, 0, None, 2, NOW)[0][0] == EPOCH_MS


def test_limit_counts_from_the_start_or_without_one_from_the_end() -> None:
    start, end = EPOCH_MS + DAY_MS + 1, EPOCH_MS + 3 * DAY_MS

    first = MARKET.klines(BTC, Timeframe.H1, start, end, 5, NOW)
    last = MARKET.klines(BTC, Timeframe.H1, None, end, 5, NOW)

    assert (len(first), first[0][0]) == (5, EPOCH_MS + DAY_MS + 3_600_000)
    assert (len(last), last[-1][0]) == (5, end)


@given(st.integers(0, 60 * DAY_MS), st.integers(1, 60), st.sampled_from([BTC, ETH, SOL]))
def test_the_price_lies_between_bids_and_asks_a_few_basis_points_apart(
    elapsed_ms: int, limit: int, pair: Symbol
) -> None:
    now = EPOCH_MS + elapsed_ms

    book, price = MARKET.book(pair, now, limit), MARKET.price(pair, now)

    assert [p for p, _ in book.bids] == sorted({p for p, _ in book.bids}, reverse=True)
    assert [p for p, _ in book.asks] == sorted({p for p, _ in book.asks})
    assert book.bids[0][0] < price < book.asks[0][0]
    assert (book.asks[0][0] - book.bids[0][0]) / price < Decimal("0.0005")
    assert all(quantity > 0 for _, quantity in book.bids + book.asks)


def test_a_deeper_book_begins_with_the_shallower_one() -> None:
    assert MARKET.book(BTC, NOW, 100).bids[:5] == MARKET.book(BTC, NOW, 5).bids


def test_the_trades_of_a_minute_lie_in_its_bar_and_make_up_its_volume() -> None:
    start = NOW // MINUTE_MS * MINUTE_MS - 5 * MINUTE_MS
    bar = MARKET.klines(ETH, Timeframe.M1, start, None, 1, NOW)[0]

    trades = MARKET.trades(ETH, start, start + MINUTE_MS - 1, 1000, NOW)

    assert sum(quantity for _, _, _, quantity, _ in trades) == Decimal(str(bar[5]))
    assert all(Decimal(str(bar[3])) <= price <= Decimal(str(bar[2])) for _, _, price, _, _ in trades)
    assert [number for number, *_ in trades] == sorted({number for number, *_ in trades})


def test_the_newest_trades_are_the_last_before_now() -> None:
    trades = MARKET.trades(BTC, None, None, 100, NOW)

    assert len(trades) == 100
    assert all(at <= NOW for _, at, *_ in trades)
    assert NOW - trades[-1][1] < 5_000


def test_it_moves_as_such_markets_do() -> None:
    now = EPOCH_MS + 300 * DAY_MS
    _, high, low, close, _ = numbers(bars(MARKET, BTC, Timeframe.H4, now)).T
    hours = [np.diff(np.log(numbers(bars(MARKET, pair, Timeframe.H1, now))[:, 3])) for pair in (BTC, ETH, SOL)]
    days = numbers(bars(MARKET, BTC, Timeframe.D1, now))[:, 3]

    ranges = (np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])) / close[1:]
    fortnights = days[14:] / days[:-14] - 1
    roughness = np.abs(hours[0])

    assert 0.01 < ranges.mean() < 0.02
    assert 0.45 < np.corrcoef(hours)[0, 1] < 0.75
    assert np.corrcoef(roughness[1:], roughness[:-1])[0, 1] > 0.1
    assert fortnights.max() > 0.15 and fortnights.min() < -0.10


def test_years_of_it_stay_within_reason() -> None:
    days = numbers(bars(SimulatedMarket(1, (SOL,)), SOL, Timeframe.W1, EPOCH_MS + 900 * DAY_MS))[:, 3]

    assert 10 < days.min() < days.max() < 3_000


@pytest.mark.parametrize("text", ["DOGE/USDT", "PEPE/USDC", "ETH/BTC"])
def test_a_pair_nobody_named_has_a_tick_and_a_lot_that_fit_its_price(text: str) -> None:
    pair = Symbol.parse(text)
    market = SimulatedMarket(7, (pair,))

    price, rules = market.price(pair, EPOCH_MS), market.rules(pair)

    assert rules.price_tick / price < Decimal("0.001")
    assert rules.quantity_step * price < rules.min_notional_quote
    assert price == price.quantize(rules.price_tick)


def test_a_pair_that_is_not_listed_is_refused_by_name() -> None:
    with pytest.raises(InvalidSymbol, match="was XRP/USDC"):
        MARKET.price(Symbol.parse("XRP/USDC"), NOW)
