"""How much: each cap by hand, the venue's steps, and no rounding up."""

from dataclasses import replace
from decimal import Decimal

import pytest
from world import BTC, ETH, d, decision, position, settings, signal

from semanticsignal.domain.errors import InvalidOrder
from semanticsignal.domain.market import TradingRules
from semanticsignal.domain.trading import Account, Portfolio
from semanticsignal.logic.execute import sizing

FINE = TradingRules(d("0.01"), d("0.00001"), d(5))
TEN_THOUSAND = Portfolio(0, Account(d(10_000)))


def sized(portfolio: Portfolio = TEN_THOUSAND, rules: TradingRules = FINE, *, stop: str = "95", confidence: float = 0.8,
          size: float | None = None, **overrides: object) -> Decimal:  # fmt: skip
    made = decision(signal(stop=stop, target="120", confidence=confidence, size=size))
    return sizing.quantity(made, portfolio, rules, settings(**overrides))


@pytest.mark.parametrize(
    ("confidence", "quantity"), [(0.9, "10"), (0.7, "10"), (0.69, "8"), (0.6, "8"), (0.59, "5"), (0.0, "5")]
)
def test_without_a_wish_the_size_follows_the_confidence(confidence: float, quantity: str) -> None:
    """10, 8 or 5 % of 10,000 at a price of 100."""
    assert sized(confidence=confidence) == d(quantity)


def test_the_models_own_wish_is_heard_below_the_caps() -> None:
    assert sized(size=0.03) == d(3)


def test_no_position_is_larger_than_its_cap() -> None:
    assert sized(size=1.0) == d(10)
    assert sized(size=1.0, risk__position_cap_ratio=d("0.2")) == d(20)


def test_a_stop_loses_at_most_the_risk_of_a_trade() -> None:
    """0.2 % of 10,000 is 20; a stop 5 away loses it with four units."""
    assert sized(size=1.0, risk__per_trade_ratio=d("0.002")) == d(4)


def test_a_wide_stop_means_a_small_position() -> None:
    """1 % of 10,000 is 100; a stop 40 away loses it with two and a half units."""
    assert sized(stop="60") == d("2.5")


def test_all_positions_together_stay_under_the_exposure_cap() -> None:
    """Half of 10,000 is 5,000; 46 units at 100 are at work; four more fit."""
    busy = replace(TEN_THOUSAND, positions=(replace(position(), symbol=ETH, quantity=d(46)),))

    assert sized(busy) == d(4)


def test_cash_pays_for_fee_and_slippage_too() -> None:
    """99 units are open at 100, so 100 is left; with fee 1 % and slippage 1 % a unit costs 102."""
    rich = replace(TEN_THOUSAND, positions=(replace(position(), symbol=ETH, quantity=d(99)),))

    quantity = sized(rich, risk__exposure_cap_ratio=d(2), paper__fee_ratio=d("0.01"), paper__slippage_bps=d(100))

    # 100 / 1.02 = 98.0392…, in steps of 0.00001 units
    assert quantity == d("0.98039")


def test_an_unrealized_gain_counts_as_equity() -> None:
    """Two units up by 50 make 10,100; a tenth of it buys 10.1."""
    winning = replace(TEN_THOUSAND, positions=(replace(position(mark_price=d(150)), symbol=ETH),))

    assert sized(winning) == d("10.1")


def test_a_quantity_is_rounded_down_to_the_step() -> None:
    whole = TradingRules(d("0.01"), d(3), d(5))

    assert sized(rules=whole) == d(9)


def test_an_order_below_the_minimum_is_refused_and_never_rounded_up() -> None:
    strict = TradingRules(d("0.01"), d("0.00001"), d(1000))

    assert sized(rules=strict) == d(10)
    with pytest.raises(InvalidOrder, match=r"from 1000 quote, was 999\.9"):
        sized(rules=strict, size=0.09999)


def test_a_step_larger_than_the_size_is_refused_even_without_a_minimum() -> None:
    with pytest.raises(InvalidOrder):
        sized(rules=TradingRules(d("0.01"), d(100), d(0)))


def test_over_the_cap_already_nothing_is_bought() -> None:
    busy = replace(TEN_THOUSAND, positions=(replace(position(), symbol=ETH, quantity=d(80)),))

    with pytest.raises(InvalidOrder):
        sized(busy)


@pytest.mark.parametrize("nothing", [None, signal(stop=None)])
def test_an_entry_without_a_stop_cannot_be_sized(nothing: object) -> None:
    with pytest.raises(InvalidOrder, match="needs a stop"):
        sizing.quantity(decision(nothing), TEN_THOUSAND, FINE, settings((BTC,)))  # type: ignore[arg-type]


def test_a_short_is_sized_like_a_long() -> None:
    short = decision(replace(signal(stop="105", target="90"), confidence_ratio=0.8))

    assert sizing.quantity(short, TEN_THOUSAND, FINE, settings()) == sized()


def test_what_experience_takes_off_comes_off_whatever_cap_was_met() -> None:
    """A tenth of 10,000 at 100 are ten; four fifths of them eight. A stop 40 away: 2.5, of which two."""
    made = replace(decision(signal(stop="95", target="120", confidence=0.8)), size_factor=0.8)
    wide = replace(decision(signal(stop="60", target="180", confidence=0.8)), size_factor=0.8)

    assert sizing.quantity(made, TEN_THOUSAND, FINE, settings()) == d(8)
    assert sizing.quantity(wide, TEN_THOUSAND, FINE, settings()) == d(2)
