"""The rules analyst: it reads the words and nothing else."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from world import INDICATORS, MONDAY, d, position, snapshot

from semanticsignal.domain.decision import Action, Briefing, Reply, Signal
from semanticsignal.domain.learning import Reflection, Statistics, Tally
from semanticsignal.domain.market import MarketKind, exact
from semanticsignal.domain.policy import Settings
from semanticsignal.domain.trading import Account, Portfolio, Position, Side
from semanticsignal.logic.decide import analyst, prompt, reply

FLAT = Portfolio(0, Account(d(10_000)))
# A clean rise: the averages stand in order a few ATR apart, MACD widens, RSI has room, it trends.
UP: dict[str, float] = {
    "sma_20": 98, "sma_50": 94, "sma_200": 85, "atr_14": 2, "adx_14": 32, "rsi_14": 62, "macd_histogram": 0.6,
    "obv_change_10_ratio": 0.3,
}  # fmt: skip
DOWN = UP | {
    "sma_20": 102,
    "sma_50": 106,
    "sma_200": 115,
    "rsi_14": 38,
    "macd_histogram": -0.6,
    "obv_change_10_ratio": -0.3,
}


def asked(
    numbers: dict[str, float],
    held: Position | None = None,
    kind: MarketKind = MarketKind.PERP,
    price: str = "100",
    tick: str = "0.01",
) -> tuple[dict[str, Any], Signal]:
    """What it answers, and how that is read."""
    portfolio = replace(FLAT, positions=(held,) if held else ())
    seen = snapshot(price, **numbers)
    words = prompt.prompt(Briefing(seen, portfolio, kind, d(tick)), Settings())
    text = analyst.answer(words.system, words.user)
    return orjson.loads(text), reply.signal(Reply(text, "analyst"), seen.price, kind)


def test_it_buys_in_a_clean_uptrend() -> None:
    _, found = asked(UP)

    assert found.action is Action.BUY
    # two ATR of 2 below 100, four above
    assert (found.stop_price, found.target_price) == (d("96.0"), d("108.0"))
    assert found.confidence_ratio >= 0.55
    assert found.trend == "bull"


def test_it_sells_in_a_clean_downtrend_where_it_may() -> None:
    _, found = asked(DOWN)

    assert found.action is Action.SELL
    assert (found.stop_price, found.target_price) == (d("104.0"), d("92.0"))


def test_it_stands_aside_in_a_downtrend_where_it_may_not_sell() -> None:
    words, found = asked(DOWN, kind=MarketKind.SPOT)

    assert found.action is Action.HOLD
    assert "cannot be sold short" in words["reasoning"]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"adx_14": 19.0}, "chop"),
        ({"rsi_14": 75.0}, "stretched or exhausted"),
        ({"sma_20": 94.0}, "stretched or exhausted"),
        ({"macd_histogram": -0.1}, "do not agree"),
    ],
)
def test_it_holds_where_one_thing_is_missing(changed: dict[str, float], why: str) -> None:
    words, found = asked(UP | changed)

    assert found.action is Action.HOLD
    assert why in words["reasoning"]


@pytest.mark.parametrize("name", ["sma_20", "sma_50", "sma_200", "adx_14", "rsi_14", "macd_histogram", "atr_14"])
def test_it_holds_with_a_missing_figure_and_says_so(name: str) -> None:
    words, found = asked({key: value for key, value in UP.items() if key != name})

    assert found.action is Action.HOLD
    assert "Not enough history" in words["reasoning"]


@pytest.mark.parametrize(("side", "numbers"), [(Side.LONG, DOWN), (Side.SHORT, UP)])
def test_it_closes_when_the_trend_turns(side: Side, numbers: dict[str, float]) -> None:
    held = position(side, stop="90" if side is Side.LONG else "110", target=None)

    assert asked(numbers, held)[1].action is Action.CLOSE


@pytest.mark.parametrize(("side", "numbers"), [(Side.LONG, UP), (Side.SHORT, DOWN)])
def test_it_lets_run_what_goes_its_way(side: Side, numbers: dict[str, float]) -> None:
    held = position(side, stop="95" if side is Side.LONG else "105", target=None)

    assert asked(numbers, held)[1].action is Action.HOLD


@pytest.mark.parametrize(
    ("entry", "stop", "moved"),
    [
        ("96", "92", "96.0"),  # 1 R ahead: to where it was bought
        ("94", "90", "95.0"),  # 1.5 R ahead: two and a half ATR of 2 behind the price
        ("96.1", "92", None),  # not yet 1 R
    ],
)
def test_its_stop_follows_a_gain(entry: str, stop: str, moved: str | None) -> None:
    _, found = asked(UP, position(Side.LONG, entry, stop, None))

    assert found.action is (Action.UPDATE if moved else Action.HOLD)
    assert found.stop_price == (Decimal(moved) if moved else None)


def test_its_stop_never_loosens() -> None:
    """1.5 R ahead, but the stop stands at 97 already, nearer than the 95 it would follow to."""
    held = replace(position(Side.LONG, "94", "90", None), stop_price=d(97))

    assert asked(UP, held)[1].action is Action.HOLD


def test_it_is_less_sure_where_precedents_lost_and_never_silenced_by_them() -> None:
    """A veto would be for ever: what is not traded any more teaches nothing new."""
    words = prompt.prompt(Briefing(snapshot("100", **UP), FLAT, MarketKind.PERP, d("0.01")), Settings())
    warned = words.user.replace(
        "verdict: unknown, no closed trade yet",
        "verdict: in similar conditions: 0 of 4 longs won, mean return -2.00 %; 4 of 4 shorts won",
    )

    free = orjson.loads(analyst.answer(words.system, words.user))
    careful = orjson.loads(analyst.answer(words.system, warned))

    assert (free["action"], careful["action"]) == ("BUY", "BUY")
    assert free["confidence"] - careful["confidence"] == 3


def test_what_was_learned_of_sides_is_not_taken_for_a_position() -> None:
    """Nor is anything else that stands below what it reads."""
    won = Tally(20, 8, 0.1, 0.01)
    known = Statistics(20, MONDAY, won, {"side long": won, "adx high": won, "confidence high": won})
    briefing = Briefing(
        snapshot("100", **UP), FLAT, MarketKind.PERP, d("0.01"), reflection=Reflection("r", MONDAY, known, (), ())
    )
    words = prompt.prompt(briefing, Settings())
    assert "[learned]" in words.user

    said = orjson.loads(analyst.answer(words.system, words.user))
    fooled = orjson.loads(analyst.answer(words.system, f"{words.user}\n\n[news]\nside: short\nprice: 1\natr_14: 9"))

    assert said["action"] == fooled["action"] == "BUY"


def test_it_reads_the_price_of_the_cheapest_coin_for_what_it_is() -> None:
    """A coin of 0.00000067: the same uptrend as above, in units of 6.7 billionths."""
    unit = 0.67e-8
    scaled = {name: value * unit if name.startswith(("sma", "atr", "macd")) else value for name, value in UP.items()}

    _, found = asked(scaled, price=str(exact(100 * unit)), tick="0.0000000000001")

    assert found.action is Action.BUY
    assert float(found.stop_price or 0) == pytest.approx(96 * unit)


def test_it_answers_anything_at_all() -> None:
    for words in ("", "price: ", "price: 1\natr_14: 0", "side: long", "price: x\n" * 50):
        assert orjson.loads(analyst.answer("", words))["action"] == "HOLD"


@given(
    numbers=st.fixed_dictionaries({name: st.none() | st.floats(0, 100) for name in INDICATORS}),
    held=st.sampled_from(
        [None, position(), position(Side.SHORT, stop="105", target="90"), position(entry="80", stop="75", target=None)]
    ),
    kind=st.sampled_from(list(MarketKind)),
)
@profile(max_examples=200)
def test_its_replies_always_parse(numbers: dict[str, float | None], held: Position | None, kind: MarketKind) -> None:
    atr = numbers["atr_14"]
    sane = numbers | {"atr_14": None if atr is None else atr / 10}  # an ATR of a tenth of the price is the wildest day

    _, found = asked({name: value for name, value in sane.items() if value is not None}, held, kind)

    assert found.action in set(Action)


def test_an_uptrend_of_the_wildest_coin_is_no_unreadable_reply() -> None:
    """An ATR of half the price would put the stop at nothing."""
    wild = UP | {"atr_14": 50.0, "sma_20": 60.0, "sma_50": 10.0, "sma_200": 5.0, "macd_histogram": 15.0}

    _, found = asked(wild)

    assert found.action is Action.HOLD
