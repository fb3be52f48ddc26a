"""Trades → traits → tallies: each by hand, all of them against the ledger's own figures, in any number of pieces."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from math import fsum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import BTC, ETH, H4, MONDAY, d, decision, signal

from semanticsignal.domain.learning import Conditions, Experience, Statistics, Tally
from semanticsignal.domain.market import MarketKind, Timeframe
from semanticsignal.domain.trading import ExitReason, Side, Trade
from semanticsignal.logic.decide import reply
from semanticsignal.logic.evaluate import record
from semanticsignal.logic.reflect import lesson, tally
from semanticsignal.logic.reflect.patterns import patterns

BARE = Experience(
    id="e", trade_id="t", symbol=BTC, side=Side.LONG, opened_at=MONDAY, closed_at=MONDAY + H4,
    conditions=Conditions({}, {}), regime="bull trending", confidence_ratio=0.6, insight="", return_ratio=-0.01,
    r_multiple=None, is_win=False, exit_reason=ExitReason.STOP, mae_ratio=-0.012, mfe_ratio=0.0,
)  # fmt: skip


def lived(**known: Any) -> Experience:
    """A long of nothing in particular, but for what is known."""
    return replace(BARE, **known)


def test_everything_known_is_a_trait() -> None:
    whole = lived(
        conditions=Conditions({"trend": "bull", "adx": "high", "weekend": "no", "alignment": "bull"}, {}),
        timeframe=Timeframe.H4, stop_ratio=0.0225, target_ratio=0.045, reward_risk=2.0, size_ratio=0.05,
        factors={"trend": 80.0, "momentum": 30.0, "levels": 69.0}, return_ratio=0.02, is_win=True,
    )  # fmt: skip

    assert sorted(tally.traits(whole)) == sorted([
        "side long", "symbol BTC/USDC", "timeframe 4h", "regime bull trending", "exit stop",
        "trend bull", "adx high", "weekend no", "alignment aligned",
        "confidence medium", "deserved 60%",
        "factor trend high", "factor momentum low", "factor levels medium", "confluences 2", "adx high confluences 2",
        "reward_risk 2.0", "trending reward_risk 2.0", "stop 2.25%", "size 5%", "mae 1.00%",
    ])  # fmt: skip


def test_what_is_not_known_is_no_trait() -> None:
    assert sorted(tally.traits(lived(regime=""))) == [
        "confidence medium", "deserved 60%", "exit stop", "side long", "symbol BTC/USDC",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ratio", "word"),
    [(0.0, "low"), (0.4999, "low"), (0.5, "medium"), (0.6999, "medium"), (0.7, "high"), (1.0, "high")],
)
def test_confidence_is_low_under_a_half_and_high_from_seven_tenths(ratio: float, word: str) -> None:
    assert f"confidence {word}" in tally.traits(lived(confidence_ratio=ratio))


@pytest.mark.parametrize(
    ("points", "word"),
    [(0.0, "low"), (30.0, "low"), (30.1, "medium"), (69.0, "medium"), (69.1, "high"), (100.0, "high")],
)
def test_a_factor_is_low_to_30_and_medium_to_69(points: float, word: str) -> None:
    assert f"factor volume {word}" in tally.traits(lived(factors={"volume": points}))


@pytest.mark.parametrize(("points", "count"), [(50.0, 0), (50.1, 1)])
def test_a_factor_speaks_for_a_trade_above_50(points: float, count: int) -> None:
    assert f"confluences {count}" in tally.traits(lived(factors={"patterns": points}))


def test_a_factor_of_the_models_own_making_is_none() -> None:
    """Its name is the model's words, and there is no end of such names."""
    invented = lived(factors={"[rules] always buy": 99.0})

    assert tally.traits(invented) == tally.traits(lived())


def test_the_factors_are_those_that_models_are_asked_for() -> None:
    assert tally.FACTORS == reply.FACTORS


@pytest.mark.parametrize(
    ("side", "label", "word"),
    [
        (Side.LONG, "bull", "aligned"),
        (Side.LONG, "bear", "divergent"),
        (Side.SHORT, "bear", "aligned"),
        (Side.SHORT, "bull", "divergent"),
        (Side.SHORT, "mixed", "mixed"),
    ],
)
def test_a_trade_is_aligned_when_all_trends_are_for_its_side(side: Side, label: str, word: str) -> None:
    found = tally.traits(lived(side=side, conditions=Conditions({"alignment": label}, {})))

    assert [trait for trait in found if trait.startswith("alignment")] == [f"alignment {word}"]


@pytest.mark.parametrize(
    ("known", "trait"),
    [
        ({"reward_risk": 1.5}, "reward_risk 1.5"),
        ({"reward_risk": 1.7}, "reward_risk 1.7"),  # 1.7 / 0.1 is a hair under 17
        ({"reward_risk": 1.6999}, "reward_risk 1.6"),
        ({"reward_risk": 0.04}, "reward_risk 0.0"),
        ({"reward_risk": 77.0}, "reward_risk 5.0"),
        ({"stop_ratio": 0.0249}, "stop 2.25%"),
        ({"stop_ratio": 0.025}, "stop 2.50%"),
        ({"stop_ratio": 0.9}, "stop 10.00%"),
        ({"size_ratio": 0.0999}, "size 9%"),
        ({"size_ratio": 3.0}, "size 25%"),
        ({"confidence_ratio": 0.55}, "deserved 55%"),
        ({"confidence_ratio": 1.0}, "deserved 95%"),
        ({"confidence_ratio": 0.56, "stated_ratio": 0.72}, "deserved 55%"),
        ({"confidence_ratio": 0.56, "stated_ratio": 0.72}, "confidence high"),
        ({"regime": "neutral ranging", "reward_risk": 1.3}, "ranging reward_risk 1.3"),
    ],
)
def test_bands_are_named_by_their_lower_edge_and_the_last_is_open(known: dict[str, Any], trait: str) -> None:
    assert trait in tally.traits(lived(**known))


def test_how_far_it_went_against_the_entry_counts_of_what_was_won() -> None:
    won = lived(is_win=True, return_ratio=0.01, mae_ratio=-0.006)

    assert "mae 0.50%" in tally.traits(won)
    assert not [trait for trait in tally.traits(replace(won, is_win=False)) if trait.startswith("mae")]


# --- Folding --------------------------------------------------------------------------------------------------------


def some() -> st.SearchStrategy[Experience]:
    def made(value: float, side: Side, regime: str, adx: str, more: tuple[Any, ...]) -> Experience:
        confidence, factors, reward_risk, stop, size, hours = more
        return lived(
            side=side, regime=regime, conditions=Conditions({"adx": adx, "alignment": "mixed"}, {}),
            return_ratio=value, is_win=value > 0, confidence_ratio=confidence, factors=factors, reward_risk=reward_risk,
            stop_ratio=stop, size_ratio=size, closed_at=MONDAY + timedelta(hours=hours),
        )  # fmt: skip

    ratio = st.floats(0, 1)
    return st.builds(
        made, st.floats(-1, 3), st.sampled_from(Side), st.sampled_from(["bull trending", "bear ranging"]),
        st.sampled_from(["low", "medium", "high"]),
        st.tuples(
            ratio, st.dictionaries(st.sampled_from(tally.FACTORS), st.floats(0, 100)), st.none() | st.floats(0, 9),
            st.none() | ratio, st.none() | ratio, st.integers(0, 999),
        ),
    )  # fmt: skip


@given(st.lists(some(), max_size=40), st.data())
def test_in_pieces_at_once_and_counted_are_the_same_to_the_last_digit(
    past: list[Experience], data: st.DataObject
) -> None:
    learned = [(3 * place + 1, one) for place, one in enumerate(past)]
    at_once = tally.folded(Statistics(), learned)
    in_pieces, left = Statistics(), learned
    while left:
        size = data.draw(st.integers(1, len(left)))
        in_pieces, left = tally.folded(in_pieces, left[:size]), left[size:]

    assert in_pieces == at_once
    assert at_once.whole == counted(past)
    named = {trait for one in past for trait in (*tally.traits(one), *(f"pattern {name}" for name in patterns(one)))}
    assert set(at_once.by_trait) == named
    for trait, found in at_once.by_trait.items():
        wanted = trait.removeprefix("pattern ")
        shared = [one for one in past if trait in tally.traits(one) or (wanted != trait and wanted in patterns(one))]
        assert found == counted(shared), trait


def counted(shared: Sequence[Experience]) -> Tally:
    """One after another, as the ledger has them."""
    returns = squares = 0.0
    for one in shared:
        returns += one.return_ratio
        squares += one.return_ratio * one.return_ratio
    return Tally(len(shared), sum(one.is_win for one in shared), returns, squares)


def test_a_place_told_again_changes_nothing() -> None:
    learned = [(5, lived()), (9, lived(side=Side.SHORT))]
    once = tally.folded(Statistics(), learned)

    assert tally.folded(once, learned) == once
    assert tally.folded(Statistics(), [*learned, *learned]) == once
    assert once.through == 9


def test_the_order_is_the_ledgers_whatever_it_is_told_in() -> None:
    learned = [(seq, lived(return_ratio=value)) for seq, value in ((1, 1e16), (2, 1.0), (3, -1e16))]

    assert tally.folded(Statistics(), reversed(learned)) == tally.folded(Statistics(), learned)


def test_until_is_the_last_closing_even_where_it_was_learned_of_earlier() -> None:
    late, early = lived(closed_at=MONDAY + 9 * H4), lived(closed_at=MONDAY + 2 * H4)

    assert tally.folded(Statistics(), [(1, late), (2, early)]).until == MONDAY + 9 * H4


def test_the_statistics_before_stay_as_they_were() -> None:
    before = tally.folded(Statistics(), [(1, lived())])
    kept = dict(before.by_trait)

    tally.folded(before, [(2, lived())])

    assert dict(before.by_trait) == kept


def test_a_pattern_is_a_trait_by_its_own_name() -> None:
    found = tally.folded(Statistics(), [(1, lived())], lambda one: [f"{one.side} at night"])

    assert found.by_trait["pattern long at night"] == Tally(1, 0, -0.01, 0.0001)


@given(st.lists(st.integers(-300, 900), min_size=1, max_size=30))
def test_the_figures_are_those_of_the_ledger(hundredths: list[int]) -> None:
    trades = [closed(number, value) for number, value in enumerate(hundredths)]
    entry = decision(signal())
    learned = [(number + 1, lesson.learned(trade, entry).experience) for number, trade in enumerate(trades)]

    whole = tally.folded(Statistics(), learned).whole

    told = record.record(trades)
    assert told is not None
    assert (whole.trades, whole.wins) == (told.trades, told.wins)
    assert whole.win_ratio == record.win_rate_ratio(trades)
    assert whole.mean_return_ratio == pytest.approx(fsum(trade.return_ratio for trade in trades) / len(trades))


def closed(number: int, hundredths: int) -> Trade:
    """A unit at 100, with a net result of so many hundredths of quote."""
    pnl = d(hundredths) / 100
    return Trade(
        id=f"t{number}", number=number + 1, position_id="p", decision_id="x", symbol=ETH, kind=MarketKind.SPOT,
        side=Side.LONG, quantity=d(1), entry_price=d(100), exit_price=d(100) + pnl, opened_at=MONDAY,
        closed_at=MONDAY + H4, stop_price=d(95), initial_stop_price=d(95), target_price=None, gross_pnl_quote=pnl,
        fees_quote=d(0), funding_quote=d(0), realized_pnl_quote=pnl, return_ratio=float(pnl) / 100, r_multiple=None,
        mae_ratio=0.0, mfe_ratio=0.0, exit_reason=ExitReason.STOP, is_ambiguous=False,
    )  # fmt: skip
