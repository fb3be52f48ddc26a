"""Simple things done on the same bars, by hand."""

from decimal import Decimal

import numpy as np
import pytest

from semanticsignal.domain.market import Candles, FundingRate, Symbol, Timeframe, instant
from semanticsignal.domain.policy import Paper
from semanticsignal.logic.evaluate.baselines import buy_and_hold, funding_per_coin, sma_cross

FREE = Paper(start_quote=Decimal(1000), fee_ratio=Decimal(0), slippage_bps=Decimal(0))
DEAR = Paper(start_quote=Decimal(1000), fee_ratio=Decimal("0.01"), slippage_bps=Decimal(100))


def candles(opens: np.ndarray, closes: np.ndarray) -> Candles:
    high, low = np.maximum(opens, closes), np.minimum(opens, closes)
    times = range(0, len(opens) * Timeframe.H4.ms, Timeframe.H4.ms)
    return Candles(Symbol("BTC", "USDC"), Timeframe.H4, "hand", times, opens, high, low, closes, np.ones(len(opens)))


def opened_at_the_close_before(closes: np.ndarray) -> Candles:
    return candles(np.concatenate([closes[:1], closes[:-1]]), closes)


# --- Buy and hold --------------------------------------------------------------------------------------------------


def test_without_costs_a_doubled_price_doubles_the_money() -> None:
    assert buy_and_hold({"BTC/USDC": (Decimal(100), Decimal(200))}, FREE) == 2000


def test_the_entry_pays_slippage_and_fee_and_nothing_is_sold() -> None:
    """1000 buys at 101, with 1 % of that as fee: 1000 / 102.01 coins, marked at 102.01."""
    assert buy_and_hold({"BTC/USDC": (Decimal(100), Decimal("102.01"))}, DEAR) == pytest.approx(Decimal(1000))


def test_the_money_is_parted_equally_between_pairs() -> None:
    prices = {"BTC/USDC": (Decimal(100), Decimal(200)), "ETH/USDC": (Decimal(10), Decimal(5))}

    assert buy_and_hold(prices, FREE) == 1250


def test_with_no_pair_the_money_stays() -> None:
    assert buy_and_hold({}, DEAR) == 1000


# --- SMA cross -----------------------------------------------------------------------------------------------------


def test_a_market_that_only_rises_is_held_from_the_first_open_after_the_means_agree() -> None:
    closes = np.arange(100.0, 400.0)  # SMA 50 is above SMA 200 from the first bar that has both, row 199

    end, curve = sma_cross(opened_at_the_close_before(closes), 0, FREE)

    # the start, then a value a close
    assert curve[:201] == pytest.approx(np.full(201, 1000.0))
    assert curve[201:] == pytest.approx(1000 * closes[200:] / closes[199])
    assert end == curve[-1]


def test_a_market_that_only_falls_is_never_bought() -> None:
    end, curve = sma_cross(opened_at_the_close_before(np.arange(400.0, 100.0, -1)), 0, DEAR)

    assert end == 1000
    assert set(curve) == {1000.0}


def test_buying_and_selling_each_pay_once() -> None:
    closes = np.concatenate([np.arange(100.0, 350.0), np.arange(350.0, 50.0, -1)])
    bars = opened_at_the_close_before(closes)

    free, _ = sma_cross(bars, 0, FREE)
    dear, _ = sma_cross(bars, 0, DEAR)

    assert free != 1000
    assert dear / free == pytest.approx(0.99**2 / 1.01**2, rel=1e-9)


def test_what_is_decided_at_a_close_is_filled_at_the_next_open() -> None:
    closes = np.arange(100.0, 400.0)
    opens = np.concatenate([closes[:1], closes[:-1]])
    opens[200] = 250.0  # the open after row 199 decided

    _, curve = sma_cross(candles(opens, closes), 0, FREE)

    assert curve[201] == pytest.approx(1000 * closes[200] / 250)


def test_the_last_close_decides_nothing_that_could_still_be_filled() -> None:
    closes = np.concatenate([np.full(250, 100.0), [1e6]])

    end, _ = sma_cross(opened_at_the_close_before(closes), 0, FREE)

    assert end == 1000


def test_bars_before_the_warm_up_only_feed_the_means() -> None:
    closes = np.arange(100.0, 400.0)
    bars = opened_at_the_close_before(closes)

    end, curve = sma_cross(bars, 250, FREE)

    assert len(curve) == 1 + 50
    assert end == pytest.approx(1000 * closes[-1] / closes[249])


@pytest.mark.parametrize("bars", [0, 1, 2, 199])
def test_too_few_bars_keep_the_money(bars: int) -> None:
    end, curve = sma_cross(opened_at_the_close_before(np.arange(1.0, 1.0 + bars)), 0, DEAR)

    assert end == 1000
    assert len(curve) == 1 + bars


def test_a_warm_up_longer_than_the_tape_leaves_the_start() -> None:
    end, curve = sma_cross(opened_at_the_close_before(np.arange(1.0, 11.0)), 20, FREE)

    assert (end, list(curve)) == (1000, [1000])


def test_no_bar_of_the_curve_changes_when_later_bars_arrive() -> None:
    closes = 100 + 30 * np.sin(np.arange(900) / 60)
    bars = opened_at_the_close_before(closes)

    _, whole = sma_cross(bars, 200, DEAR)
    _, part = sma_cross(bars[:600], 200, DEAR)

    np.testing.assert_array_equal(part, whole[:401])
    assert len(set(np.round(part, 6))) > 50


def test_held_perpetuals_pay_their_funding() -> None:
    """One coin for 1,000; 2 of funding a coin: 3 less than without, were it 3 coins."""
    free = buy_and_hold({"BTC/USDC": (Decimal(100), Decimal(110))}, FREE)
    paid = buy_and_hold({"BTC/USDC": (Decimal(100), Decimal(110))}, FREE, {"BTC/USDC": Decimal(2)})

    assert (free, paid) == (Decimal(1100), Decimal(1080))


def test_a_settlement_is_paid_on_the_open_of_its_bar_by_what_is_held_then() -> None:
    closes = np.arange(100.0, 400.0)
    bars = opened_at_the_close_before(closes)
    at = bars.opened_ms[250]
    rate = FundingRate(bars.symbol, instant(at), Decimal("0.001"))

    paid = funding_per_coin(bars, [rate])
    _, free = sma_cross(bars, 0, FREE)
    _, held = sma_cross(bars, 0, FREE, paid)

    assert paid[250] == pytest.approx(0.001 * bars.open[250])
    assert paid.sum() == paid[250]
    # bought 1,000 / 299 coins at the open of row 200: each pays 0.349 at row 250
    assert free[-1] - held[-1] == pytest.approx(1000 / closes[199] * 0.001 * closes[249])
