"""What a model says of the figures: what is another is found, and what is no such figure is left alone."""

import json
import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from world import BTC, MONDAY, signal, snapshot

from semanticsignal.domain.analysis import BookView, Flow, Level, Macro, Mark, Period, Snapshot, Trend
from semanticsignal.domain.context import Reading, Unit
from semanticsignal.domain.decision import Action, Briefing, Mismatch
from semanticsignal.domain.market import MarketKind, Timeframe
from semanticsignal.domain.microstructure import FundingQuote
from semanticsignal.domain.policy import Settings
from semanticsignal.domain.trading import Account, Portfolio
from semanticsignal.logic.decide import analyst, measured, prompt
from semanticsignal.logic.decide.claims import mismatches

NOW = {
    "rsi_14": 54.2, "adx_14": 23.1, "atr_14": 412.3, "sma_20": 41_010.0, "sma_50": 40_012.2, "sma_200": 38_000.0,
    "ema_20": 41_000.0, "ema_50": 40_500.0, "macd": 120.4, "macd_signal": 100.2, "macd_histogram": 20.2,
    "bb_upper": 42_010.0, "bb_middle": 41_010.0, "bb_lower": 40_300.0, "change_6_ratio": 0.0243, "plus_di_14": 28.0,
    "minus_di_14": 15.5, "mfi_14": 61.0, "cci_20": -80.0, "cmf_20": 0.12, "vwap_20": 40_900.0, "choppiness_14": 44.0,
    "stochastic_k": 70.5, "stochastic_d": 65.0, "williams_r_14": -29.5, "bb_position_ratio": 0.82, "hurst_256": None,
}  # fmt: skip
BEFORE = {"rsi_14": 40.3, "adx_14": 21.0, "sma_50": 39_990.0}


def seen() -> Snapshot:
    made = replace(snapshot("41250.5", **NOW), earlier=BEFORE)
    return replace(made, closes=(Decimal(40_800), Decimal("41250.5")))


def found(reasoning: str = "", over: Snapshot | None = None, **figures: float) -> list[tuple[str, float, float | None]]:
    """Of a long with its stop at 40,000 and its target at 43,751.50: reward/risk (2,501 / 1,250.50) of 2."""
    said = replace(signal(Action.BUY, "40000", "43751.5"), reasoning=reasoning, figures=figures)
    return [(one.name, one.stated, one.computed) for one in mismatches(said, over or seen())]


# --- Figures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "stated"),
    [
        ("rsi_14", 54.2),
        ("rsi_14", 54),  # rounded to the digits stated
        ("rsi_14", 54.7),  # within 1 %
        ("williams_r_14", -30),  # of -29.5, as whole points
        ("rsi_14", 40.3),  # of one bar before
        ("RSI", 54.2),
        ("RSI(14)", 54.2),
        ("RSI 14", 54.2),
        ("rsi14", 54.2),
        ("+DI", 28),
        ("-DI(14)", 15.5),
        ("SMA50", 40_012.2),
        ("SMA 50", 40_012),
        ("MACD_hist", 20.2),
        ("Bollinger upper", 42_010),
        ("change_6_ratio", 0.0243),
        ("change_6_ratio", 2.43),  # as percent
        ("change_6_percent", 2.4),
        ("bb_position_ratio", 82),
        ("price", 41_250.5),
        ("close", 41_250),
        ("price", 40_800),  # a close before
        ("reward_risk", 2.0),
        ("risk/reward", 2.01),
        ("risk/reward", 0.5),  # the other way round
        ("stop_price", 1),
        ("target_price", 1),
        ("entry_price", 1),
    ],
)
def test_a_figure_as_it_was_computed_is_no_mismatch(name: str, stated: float) -> None:
    assert found(**{name: stated}) == []


@pytest.mark.parametrize(
    ("name", "stated", "key", "computed"),
    [
        ("rsi_14", 55.4, "rsi_14", 54.2),
        ("rsi_14", 53, "rsi_14", 54.2),
        ("RSI(14)", 64.2, "rsi_14", 54.2),
        ("rsi_14", -54.2, "rsi_14", 54.2),
        ("sma_50", 41_000, "sma_50", 40_012.2),
        ("change_6_ratio", -0.0243, "change_6_ratio", 0.0243),
        ("change_6_ratio", 0.05, "change_6_ratio", 0.0243),
        ("rsi_14", 5420, "rsi_14", 54.2),  # only a ratio may be percent
        ("price", 45_000, "price", 41_250.5),
        ("reward_risk", 2.6, "reward_risk", 2.0),
        ("reward_risk", 0.5, "reward_risk", 2.0),
        ("hurst_256", 0.5, "hurst_256", None),  # unknown: nobody can have read it
        ("moon_phase", 1, "moon_phase", None),
        ("rsi_7", 54.2, "rsi_7", None),
    ],
)
def test_a_figure_that_is_another_is_told_with_the_computed_one(
    name: str, stated: float, key: str, computed: float | None
) -> None:
    assert found(**{name: stated}) == [(key, stated, computed)]


@pytest.mark.parametrize(("stop", "target"), [(None, None), ("40000", None), ("41250.5", "43000")])
def test_without_both_levels_there_is_no_reward_and_risk_to_weigh(stop: str | None, target: str | None) -> None:
    said = replace(signal(Action.HOLD, stop, target), figures={"reward_risk": 9.0}, reasoning="R/R 9")

    assert mismatches(said, seen()) == ()


def test_what_else_the_model_was_shown_is_known_by_its_name() -> None:
    def reading(name: str, value: str, unit: Unit, age_h: int = 1) -> Reading:
        at = MONDAY - timedelta(hours=age_h)
        return Reading(name, Decimal(value), unit, at, at + timedelta(days=2), "hand")

    week = Macro(
        Timeframe.W1, MONDAY, 100, 41_000.0, {"sma_50": 30_000.0}, None, None, None, 1.0, None, None, None,
        {"rsi_14": 66.0, "atr_14": None}, Trend.BULL, (),
    )  # fmt: skip
    over = replace(
        seen(),
        readings=(
            reading("fear_greed", "20", Unit.POINTS, 25),
            reading("fear_greed", "35", Unit.POINTS),
            reading("btc_dominance", "0.553", Unit.RATIO),
        ),
        levels=(Level("support", 40_500.0, 3, 12),),
        pivots=(Mark("r1", 41_900.0, None),),
        macro=(week,),
        book=BookView(MONDAY, "hand", 41_250.0, 1.25, (), (), ()),
        flow=Flow(MONDAY, "hand", 500, 60.0, 40.0, 100.0, 0.6, 300.0),
        funding=FundingQuote(BTC, MONDAY, Decimal("0.0001"), 28_800, "BTCUSDC", "hand"),
    )
    true = {
        "fear_greed": 35.0, "btc_dominance": 55.3, "support": 40_500.0, "r1": 41_900.0, "weekly_rsi_14": 66.0,
        "weekly_RSI": 66.0, "weekly_close": 41_000.0, "weekly_sma_50": 30_000.0, "spread_bps": 1.25,
        "taker_buy_ratio": 0.6, "funding_rate": 0.0001,
    }  # fmt: skip

    assert found(over=over, **true) == []
    assert found(over=over, fear_greed=20, btc_dominance=0.553, funding=0.01, taker_buy_ratio=60) == []
    assert found("Fear & Greed at 50, so fear and greed index of 35.", over) == [("fear_greed", 50.0, 35.0)]
    wrong = {name: value * 2 for name, value in true.items() if name != "weekly_RSI"}
    assert [(name, stated / 2) for name, stated, computed in found(over=over, **wrong) if computed is not None] == list(
        {name: value for name, value in true.items() if name != "weekly_RSI"}.items()
    )
    assert found(over=seen(), spread_bps=1, taker_buy_ratio=0.5, funding=0.01, weekly_rsi_14=66, support=1) == [
        ("spread_bps", 1, None), ("taker_buy_ratio", 0.5, None), ("funding", 0.01, None), ("weekly_rsi_14", 66, None),
        ("support", 1, None),
    ]  # fmt: skip


# --- Words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "RSI 54.2", "RSI(14) is at 54", "RSI (54.2)", "rsi_14: 54.2", "RSI = 54", "the RSI reads 54",
        "RSI at a neutral 54",
        "ADX of 23.1", "ATR 412", "ATR(14) of 412.3", "SMA 50 at 40012", "SMA50 = 40,012.2", "50-period SMA (40,012)",
        "EMA20 41,000", "20 EMA is at 41000", "MACD 120.4 above its signal", "MACD is 20.2", "MACD(12,26,9) at 120.4",
        "MACD histogram 20.2", "MACD signal line at 100.2", "MFI 61", "CCI -80", "CMF 0.12", "VWAP 40,900",
        "Choppiness index 44", "%K 70.5", "Stochastic %D at 65", "Williams %R -29.5", "Williams %R −29.5", "+DI 28",
        "-DI 15.5", "upper Bollinger band at 42,010", "BB lower 40300", "price 41,250.5", "price at 41.2k",
        "price is $41,250", "reward/risk 2.0", "R:R 1:2", "R/R of 2", "risk-to-reward ratio of 1:2", "**RSI** `54.2`",
        "RSI rose from 40 to 54", "RSI has risen to 54", "RSI fell to 40.3", "RSI 54 and ADX 23", "RSI 54.",
        "4h RSI 54",
        "BTC RSI 54", "bb_position_ratio 0.82", "RSI, currently at 54", "RSI deeply oversold at 54.2",
        # with the way that it is meant
        "risk/reward of 0.5 (1:2)", "R/R 0.5", "price is trading at 41,250.5", "price currently trades near 41k",
    ],
)  # fmt: skip
def test_a_figure_told_as_it_was_computed_is_no_mismatch(words: str) -> None:
    assert found(f"{words}; the trend holds.") == []


@pytest.mark.parametrize(
    ("words", "name", "stated"),
    [
        ("RSI 64.2", "rsi_14", 64.2), ("RSI(14) is at 64", "rsi_14", 64), ("(RSI 80, ADX 23)", "rsi_14", 80),
        ("RSI (80.5)", "rsi_14", 80.5), ("RSI: 80.", "rsi_14", 80), ("rsi_14 = 99", "rsi_14", 99),
        ("RSI at a bearish 30", "rsi_14", 30), ("RSI rose from 40 to 64", "rsi_14", 64), ("4h RSI 80", "rsi_14", 80),
        ("RSI has risen to 70", "rsi_14", 70), ("BTC RSI 80", "rsi_14", 80), ("BTC's RSI 80", "rsi_14", 80),
        ("ADX of 33.1", "adx_14", 33.1), ("14-period RSI 80", "rsi_14", 80),
        ("RSI 80 is too much", "rsi_14", 80), ("ATR 500", "atr_14", 500), ("SMA 50 at 42012", "sma_50", 42_012),
        ("50-period SMA (42,012.2)", "sma_50", 42_012.2), ("EMA20 = 45,000", "ema_20", 45_000),
        ("MACD 250.4", "macd", 250.4), ("MACD histogram -20.2", "macd_histogram", -20.2),
        ("MACD signal line at 10", "macd_signal", 10), ("price 45,000", "price", 45_000),
        ("price is $39000", "price", 39_000), ("price at 45.2k", "price", 45_200),
        ("upper Bollinger band at 45,000", "bb_upper", 45_000), ("Bollinger lower band 39000", "bb_lower", 39_000),
        ("+DI 38", "plus_di_14", 38), ("-DI 38", "minus_di_14", 38), ("Williams %R −80", "williams_r_14", -80),
        ("change_6_ratio: 0.054", "change_6_ratio", 0.054), ("R:R 1:3", "reward_risk", 3),
        ("reward/risk of 3.0", "reward_risk", 3), ("risk/reward ratio 3:1", "reward_risk", 3),
        ("reward/risk of 0.5", "reward_risk", 0.5), ("risk/reward of 0.3 (1:3)", "reward_risk", 0.3),
        # in other words
        ("RSI around 64", "rsi_14", 64), ("RSI ~64", "rsi_14", 64), ("RSI near 64", "rsi_14", 64),
        ("RSI (currently 64)", "rsi_14", 64), ("RSI roughly 64", "rsi_14", 64), ("RSI, now 64", "rsi_14", 64),
        ("RSI deeply oversold at 19.5", "rsi_14", 19.5), ("Price is trading at 70,000", "price", 70_000),
        ("Price currently trades near 70,000", "price", 70_000), ("RSI: ~64", "rsi_14", 64),
        ("RSI (≈64)", "rsi_14", 64), ("RSI at about 64", "rsi_14", 64), ("RSI approx. 64", "rsi_14", 64),
        ("RSI is still very overbought at around 80", "rsi_14", 80), ("RSI, currently at 64", "rsi_14", 64),
        ("price ~$70k", "price", 70_000), ("ATR ≈ 500", "atr_14", 500),
        ("bb_position_ratio ~0.6", "bb_position_ratio", 0.6), ("current price: 2.48", "price", 2.48),
        ("price 45,000 above its SMA", "price", 45_000),
        # beside what might be a rule or a row
        ("RSI 80 confirms momentum", "rsi_14", 80), ("ADX 40, 2 bars after the cross", "adx_14", 40),
        ("price above SMA 50, RSI 80", "rsi_14", 80), ("RSI 80 is high, the minimum is 30", "rsi_14", 80),
    ],
)  # fmt: skip
def test_a_figure_told_as_another_is_a_mismatch(words: str, name: str, stated: float) -> None:
    computed = {**NOW, "price": 41_250.5, "reward_risk": 2.0}

    assert found(f"The trend holds; {words}; it is early.") == [(name, stated, computed[name])]


@pytest.mark.parametrize(
    "words",
    [
        # a wish, a fear, a rule
        "if RSI is at 30 we buy", "wait for RSI of 30", "RSI above 70 would be too much", "once ADX is 40 it trends",
        "RSI could fall to 30", "needs reward/risk of 3", "until RSI is 60", "RSI must be 70",
        "RSI 80 would be too much",
        "expect RSI at 70", "toward an RSI of 70",
        # another time
        "RSI was 70", "yesterday RSI 70", "RSI 70 a day ago", "RSI 70 yesterday", "previously RSI 80",
        "RSI 70 last week",
        "RSI rose from 30 to 54",
        # another pair, other bars
        "ETH RSI 80", "ETH's RSI 80", "Ethereum's RSI 80", "daily RSI 61", "weekly ADX at 40", "1h RSI 80",
        "15-minute RSI 80", "on the higher timeframe RSI 80", "4小时 RSI 80", "日线 RSI 80",
        # no figure of that name
        "RSI(7) = 75", "RSI(7) 75.2", "RSI(7) confirms", "RSI 14 confirms", "SMA 50 confirms", "SMA 50, 200",
        "SMA 10 at 41900",
        "RSI 50-60",
        "RSI between 40 and 60", "RSI 60 to 70", "RSI 54/100", "RSI 80%", "RSI 80 %", "RSI 80+", "ATR is 1.2 %",
        "stop 2 ATR 40000", "2 ATR (824)", "1.5x ATR of 618", "SMA 50 3 bars ago", "ADX 40 threshold", "RSI 80 level",
        "price target 45000", "target price 45000", "stop price at 39000", "entry price of 40000", "high price 45000",
        "price at 40,000 support", "price 2 ATR above", "price 3% up", "MACD(12,26,9) rises", "RSI 80th", "RSI 80-line",
        "oversize 80", "xrsi 80", "RSI's 80", "moon_phase 80", "hurst_256 0.9", "R/R 1.5:2", "RSI 80k0", "RSI 1,2,3",
        "RSI 41 250", "RSI 7 is 14.651", "RSI 7 = 14.6", "3-period ATR is 35.5", "RSI 6.03 (7-period)",
        "RSI 7-period 45",
        # a rule, a goal, a limit
        "ADX 25 separates trends", "RSI at 30 means oversold", "RSI 70 was touched, now 52", "R/R of 1.5 required",
        "R/R 1.5 minimum is met with 2.0", "a price of 72,196 is the objective", "R/R of 1.5 is required",
        "R/R 1.5 or better", "RSI (30) means oversold", "RSI 70 = overbought", "RSI 70 and above is overbought",
        "ADX 40 must hold", "price of 45,000 is our next target", "price 45,000 as resistance", "minimum R/R of 1.5",
        "the minimum is R/R 1.5", "R/R 1.5 needed", "target a price of 45,000", "take profit at a price of 45,000",
        "typically RSI 70 is too much", "price 45,000 acts as support", "RSI 70 has been reached",
        # a row
        "RSI, ADX: 51.7, 26.5", "RSI and ADX at 51.7, 26.5", "RSI, ADX, MFI: 51.7, 26.5, 40", "RSI/ADX (51.7, 26.5)",
        "rsi_14, adx_14: 51.7, 26.5", "RSI, SMA 50 = 54, 40012", "RSI(14) | ADX(14): 51.7 | 26.5",
        # a distance, an age
        "price is 300 above the SMA 50", "price trades near 50 EMA", "price near 20-EMA", "price near 52-week highs",
        "price near 3-year highs", "price trades around 1.5 sigma", "price near 40,000 fib", "RSI near 40 midline",
        "histogram flat: MACD histogram near 0", "CCI around 0", "RSI nowhere near 80", "RSI is not at 80",
        "intraday RSI is near 30", "price near 45,000 EMA", "price is near 4 touches of the band",
    ],
)  # fmt: skip
def test_what_may_be_something_else_is_left_alone(words: str) -> None:
    assert found(f"The trend holds; {words}; it is early.") == []


@pytest.mark.parametrize(
    ("words", "is_told"),
    [
        # of 54.2: what is rounded, and 0.542 or, roughly, 2.168
        ("RSI around 56.4", False), ("RSI around 56.5", True), ("RSI ~56", False), ("RSI ~57", True), ("RSI 56", True),
        ("RSI near 51.5", True), ("RSI near 52", False), ("RSI at 52", True),
        # of 41,250.50: a half, and 412.51 or, roughly, 1,650.02
        ("price at 41,663", False), ("price at 41,664", True), ("price near 42,901", False),
        ("price near 42,902", True),
    ],
)  # fmt: skip
def test_around_allows_three_percent_more(words: str, is_told: bool) -> None:
    assert bool(found(f"The trend holds; {words}.")) is is_told


def test_a_clause_does_not_cast_its_doubt_on_the_next() -> None:
    assert found("If it breaks out, we buy. RSI 80.") == [("rsi_14", 80.0, 54.2)]
    assert found("RSI 80. Yesterday it was calm.") == [("rsi_14", 80.0, 54.2)]


def test_figures_come_first_then_words_as_they_are_told_and_each_once() -> None:
    told = found("ADX 40, RSI 80, ADX 40 and price 45,000.", rsi_14=80.0, moon=1.0)

    assert [name for name, _, _ in told] == ["rsi_14", "moon", "adx_14", "price"]


def test_there_are_ten_at_most() -> None:
    figures = {f"moon_{letter}": 1.0 for letter in "abcdefghijkl"}

    assert [name for name, _, _ in found("RSI 80", **figures)] == list(figures)[:10]


def test_figures_that_are_none_and_letters_that_grow_are_passed_over() -> None:
    assert found("İstanbul sees RSI 80", rsi_14=float("nan"), adx_14=float("inf")) == []


@pytest.mark.parametrize("account", ["side: none", "side: long\nentry_price: 40000\nstop_price: 39000\nr_now: 1.25"])
@pytest.mark.parametrize(
    "changes", [{}, {"adx_14": 12.51}, {"rsi_14": 81.49}, {"macd_histogram": -99.0}, {"atr_14": 2_500}]
)
def test_what_the_rules_analyst_says_of_its_figures_is_true(account: str, changes: dict[str, float]) -> None:
    over = replace(seen(), indicators={**NOW, "macd_histogram": 300.0, **changes})
    figures = "\n".join(f"{name}: {value}" for name, value in over.indicators.items() if value is not None)
    said = json.loads(analyst.answer("", f"price: 41250.5 USDC per BTC\n{figures}\n{account}"))

    assert said["reasoning"]
    assert found(said["reasoning"], over) == []


def test_the_prompt_read_out_is_true() -> None:
    """Every figure as it is shown, with what it was a bar before."""
    over = replace(longer(), indicators={**NOW, "adx_14": 30.0})  # as the regime of the fixture has it
    briefing = Briefing(over, Portfolio(0, Account(Decimal(10_000))), MarketKind.PERP, Decimal("0.1"))
    shown = prompt.prompt(briefing, Settings()).user

    assert "rsi_14: 54.2" in shown and "sma_50: 40012.2" in shown
    assert found(shown, over) == []
    assert found(shown.replace("rsi_14: 54.2", "rsi_14: 64.2"), over) == [("rsi_14", 64.2, 54.2)]


DAY = Macro(
    Timeframe.D1, MONDAY, 365, 41_000.0, {"sma_20": 39_100.0, "sma_50": 36_200.0, "sma_200": 30_300.0}, "ascending",
    "golden", 12, 0.5, 0.25, 0.61, 0.35, {"rsi_14": 66.04, "adx_14": 31.26, "plus_di_14": 33.0, "atr_ratio": 0.0312},
    Trend.BULL, ("close > sma_200",),
)  # fmt: skip
SEVEN = Period(
    7, 42, 42, True, 0.0312, 42_000.0, 39_000.0, 40_321.5, 1_234.5, 0.0769,
    {"rsi_14": 8.25, "adx_14": -3.5, "stochastic_k": 20.5, "atr_ratio": -0.0021},
)  # fmt: skip


def longer() -> Snapshot:
    return replace(seen(), macro=(DAY,), periods=(SEVEN,))


def lines() -> list[str]:
    """Of [periods] and [macro], as the model is shown them."""
    tick = Decimal("0.1")
    return [line for part in (measured.periods, measured.macro) for line in part(longer(), tick) if line[0] != "["]


def test_a_line_of_days_or_of_longer_bars_is_quoted_and_no_mismatch() -> None:
    assert len(lines()) == 5

    for line in (*lines(), "\n".join(lines())):
        assert found(line, longer()) == []
        assert found(f"It holds: {line}", longer()) == []


def test_such_a_line_without_its_name_is_known_by_what_stands_beside() -> None:
    for line in lines():
        bare = line.partition(": ")[2]
        assert found(bare, longer()) == []
        assert found(f"It holds. {bare}; it is early.", longer()) == []


@pytest.mark.parametrize(
    ("words", "name", "stated", "computed"),
    [
        # with its name: of that line, also where the pair's own bars have that figure
        ("daily_numbers: rsi_14 76.04, adx_14 31.26", "daily_rsi_14", 76.04, 66.04),
        ("daily_numbers: rsi_14 66.04, adx_14 23.1", "daily_adx_14", 23.1, 31.26),
        ("daily_means: close 41000.0, sma_20 39100.0, sma_50 40012.2", "daily_sma_50", 40_012.2, 36_200.0),
        ("last_7d: change +3.12 %, volume 1234, rsi_14 +18.25", "last_7d_rsi_14", 18.25, 8.25),
        ("last_7d: change +3.12 %, volume 1234, rsi_14 +8.250, adx_14 +3.5", "last_7d_adx_14", 3.5, -3.5),
        # without it: another figure, or one of which nothing beside it is of that line
        ("rsi_14 76.04, adx_14 31.26, plus_di_14 33.00", "rsi_14", 76.04, 54.2),
        ("rsi_14 66.04, adx_14 31.26, plus_di_14 43.00", "plus_di_14", 43, 28.0),
        ("rsi_14 66.04", "rsi_14", 66.04, 54.2),
        ("rsi_14 66.04, mfi_14 61", "rsi_14", 66.04, 54.2),
        ("rsi_14: 66.04, price 41250.5", "rsi_14", 66.04, 54.2),
        # after it: of the pair's own bars again
        ("daily_numbers: rsi_14 66.04, adx_14 31.26; rsi_14 80", "rsi_14", 80, 54.2),
        ("daily_numbers: rsi_14 66.04, adx_14 31.26 and rsi_14 at 80", "rsi_14", 80, 54.2),
    ],
)
def test_a_wrong_figure_in_such_a_line_counts(words: str, name: str, stated: float, computed: float) -> None:
    assert found(f"It holds. {words}", longer()) == [(name, stated, computed)]


def test_figures_of_days_are_known_by_their_line_and_name() -> None:
    true = {
        "last_7d_high": 42_000.0, "last_7d_low": 39_000.0, "last_7d_mean": 40_321.5, "last_7d_change": 3.12,
        "last_7d_range": 0.0769, "last_7d_rsi_14": 8.25, "last_7d_volume": 1_234.5,
    }  # fmt: skip

    assert found(over=longer(), **true) == []
    assert found(over=longer(), last_7d_change=4.0) == [("last_7d_change", 4.0, pytest.approx(3.12))]
    assert found(over=longer(), last_30d_high=42_000.0) == [("last_30d_high", 42_000.0, None)]


PIECES = (
    "RSI", "ADX ", "price", " at ", "(", ")", "14", "54.2", "80", ",", ".", " ", "_ratio", "k", "%", "-", "1:",
    "SMA 50", "\n", "is", "to",
)  # fmt: skip


@given(reasoning=st.text(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
@profile(max_examples=200)
def test_any_words_at_all_are_mismatches_or_none(reasoning: str) -> None:
    for name, stated, computed in found(reasoning):
        assert Mismatch(name, stated, computed)
        assert computed is not None and abs(stated - computed) > abs(computed) / 100


@pytest.mark.parametrize(
    "unit",
    ["r : ", "price at a ", "risk to ", "a_", "1,111", "rsi is ", "sma ", "-di ", "macd (12, 26, 9) ", "rsi 80 ", " ",
     "rsi is very very very ", "price is close to ", "rsi, adx: 80, 33 ", "rsi (", "rsi ~", "stop at a price 9 ",
     "last_7d: ", "daily_numbers: a 1, ", "a_1 9, ", "last_7d: a_1 9, ", "rsi_14 80, adx_14 70, ",
     "a_" * 50 + "a, rsi 99, 9 ", "rsi 80 is the our my its ", "price 70,000 "],
)  # fmt: skip
def test_hostile_words_cost_little(unit: str) -> None:
    words = (unit * 2_000)[:2_000]
    began = time.process_time()

    found(words)

    assert time.process_time() - began < 0.25
