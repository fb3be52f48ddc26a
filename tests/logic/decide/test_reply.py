"""Untrusted words: each either a signal within its ranges or InvalidReply, and never anything else."""

import json
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from math import isfinite
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from json_repair import repair_json
from openai.lib._pydantic import _ensure_strict_json_schema
from world import every_number, says

from semanticsignal.codec import dumps
from semanticsignal.domain.decision import Action, Forecast, Reply, Signal
from semanticsignal.domain.errors import InvalidReply
from semanticsignal.domain.market import MarketKind
from semanticsignal.logic.decide import reply

GOOD = (
    '{"schema": 1, "action": "BUY", "confidence": 70, "stop_price": 95.5, "target_price": 110, "size_ratio": 0.05, '
    '"p_up": 0.55, "p_up_24h": 0.6, "p_target": 0.4, "trend": "bull", "factors": {"trend": 80, "volume": null}, '
    '"invalidation": "a close below 95", "reasoning": "it rises"}'
)
PRICE = Decimal(100)


def read(text: str, kind: MarketKind = MarketKind.PERP, price: Decimal = PRICE) -> Signal:
    return reply.signal(Reply(text, "hand"), price, kind)


def entry(**fields: Any) -> str:
    return json.dumps({"action": "BUY", "confidence": 70, "stop_price": 95, "target_price": 110} | fields)


def test_a_good_reply_is_read_whole() -> None:
    assert read(GOOD) == Signal(
        action=Action.BUY,
        confidence_ratio=0.7,
        reasoning="it rises",
        forecast=Forecast(0.55, 0.6, 0.4),
        stop_price=Decimal("95.5"),
        target_price=Decimal("110.0"),
        size_ratio=0.05,
        trend="bull",
        invalidation="a close below 95",
        factors={"trend": 80.0},
    )


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}\n```",
        f"I thought about it.\n\n```json\n{GOOD}\n```\nGood luck!",
        f"Here is my decision: {GOOD}",
        f"{GOOD}\n\nI hope that this helps.",
        GOOD.replace('"', "'"),
        GOOD[:-1],
        GOOD.removesuffix(' rises"}'),
        GOOD.removesuffix("}") + ",}",
        f'{{"analysis": {GOOD}}}',
        f"[{GOOD}]",
        f"\n\t {GOOD} \n",
        GOOD.replace("95.5", '"$95.50"').replace("70", '"70 %"').replace("110", '"110"'),
    ],
    ids=[
        "fenced",
        "fenced bare",
        "fenced and chatty",
        "chatty before",
        "chatty after",
        "single quotes",
        "unclosed",
        "cut in a word",
        "trailing comma",
        "nested",
        "in a list",
        "padded",
        "as strings",
    ],
)
def test_a_good_reply_badly_wrapped_is_read_the_same(text: str) -> None:
    found = read(text)

    assert (found.action, found.confidence_ratio) == (Action.BUY, 0.7)
    assert (found.stop_price, found.target_price) == (Decimal("95.5"), Decimal("110.0"))


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("1,250", "1250"),
        ("1,250.75", "1250.75"),
        ('"$1,250.75"', "1250.75"),
        ('"$ 1250.75"', "1250.75"),
        ('"1,250"', "1250"),
        ('" 1250 "', "1250"),
        ('"+1250"', "1250"),
        ("1.25e3", "1250"),
    ],
)
def test_numbers_are_read_as_people_write_them(written: str, target: str) -> None:
    found = read(entry(stop_price=990).replace("110", written), price=Decimal(1_000))

    assert found.target_price == Decimal(target)


def test_many_thousands_have_many_commas() -> None:
    found = read(entry(stop_price="$1,234,000.5", target_price="1,250,000"), price=Decimal(1_240_000))

    assert (found.stop_price, found.target_price) == (Decimal("1234000.5"), Decimal(1_250_000))


@pytest.mark.parametrize(
    "written",
    [
        '"41.250,50"', '"41 250"', '"41\'250"', '"41250,5"', '"41_250"', '"41k"', '"41.25k"', '"~41250"', '"≈ 41250"',
        '"\uff14\uff11\uff12\uff15\uff10"', '"41250 or 41300"', '"41250-41300"', '"4,1250"', '"0,125"', '"041250"',
        '"41250."', '"1 %"',
        '"0x41250"', '"41250 USD"', "[41250]", '{"price": 41250}', "true", "false", '"true"', '"41250.5.1"', '"1e"',
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["stop_price", "target_price"])
def test_a_level_written_in_a_way_that_may_mean_another_is_refused(name: str, written: str) -> None:
    levels = {"stop_price": 40_000, "target_price": 43_000} | {name: -7}

    with pytest.raises(InvalidReply, match=name):
        read(entry(**levels).replace("-7", written), price=Decimal(41_000))


@pytest.mark.parametrize(
    ("price", "stop", "target"),
    [
        ("1.20", "1.15", "1,250"),  # a comma for a point
        ("41000", "40.500", "43000"),  # a point for a comma
        ("41000", "40000", "430000"),  # a digit too many
        ("41000", "4100", "43000"),  # a digit too few
    ],
)
def test_a_level_ten_times_off_the_price_has_lost_its_point(price: str, stop: str, target: str) -> None:
    with pytest.raises(InvalidReply, match="within 10 times the price"):
        read(entry(stop_price=stop, target_price=target), price=Decimal(price))


def test_the_level_of_an_update_has_not_lost_its_point_either() -> None:
    with pytest.raises(InvalidReply, match="within 10 times the price"):
        read(says("UPDATE", stop=40.5), price=Decimal(41_000))


@pytest.mark.parametrize("nothing", ["null", '"null"', '"None"', '"N/A"', '""', '" "', '"-"'])
def test_nothing_has_many_names(nothing: str) -> None:
    found = read(says("UPDATE", stop=-7, target=120).replace("-7", nothing).replace("-7.0", nothing))

    assert (found.stop_price, found.target_price) == (None, Decimal("120.0"))
    with pytest.raises(InvalidReply, match="needs stop_price and target_price"):
        read(entry(stop_price=-7).replace("-7", nothing))


@pytest.mark.parametrize(
    "confidence",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "true",
        "false",
        "null",
        "-1",
        "100.01",
        "1e400",
        '"high"',
        '"nan"',
        '"inf"',
        "[70]",
        "{}",
        '""',
        "9" * 400,
    ],
)
def test_a_confidence_that_is_no_number_of_its_range_is_refused(confidence: str) -> None:
    with pytest.raises(InvalidReply, match=r"confidence"):
        read(entry().replace("70", confidence))


@pytest.mark.parametrize("confidence", [0, 100, 55.5])
def test_the_ends_of_its_range_are_confidence_too(confidence: float) -> None:
    assert read(entry(confidence=confidence)).confidence_ratio == confidence / 100


@pytest.mark.parametrize(
    "price", ["NaN", "Infinity", "0", "-95", "1e12", "1e400", '"cheap"', "[95]", '"nan"', "9" * 400]
)
@pytest.mark.parametrize("name", ["stop_price", "target_price"])
def test_a_level_that_is_no_price_is_refused(name: str, price: str) -> None:
    with pytest.raises(InvalidReply, match=name):
        read(entry(**{name: -7}).replace("-7", price))


@pytest.mark.parametrize("confidence", [0.7, 0.01, "0.85", 0.999])
def test_a_confidence_between_zero_and_one_is_of_another_scale(confidence: object) -> None:
    """Read as it stands, the model would be a hundredth as sure as it is; nobody guesses either."""
    with pytest.raises(InvalidReply, match="confidence: 0 to 100"):
        read(entry(confidence=confidence))


@pytest.mark.parametrize(
    "chance", ["NaN", "-0.1", "1.1", "1.5", "2", "55", '"55"', '"101 %"', '"-1 %"', "Infinity", "true"]
)
@pytest.mark.parametrize("name", ["p_up", "p_up_24h", "p_target", "size_ratio"])
def test_a_chance_beyond_zero_and_one_is_refused(name: str, chance: str) -> None:
    with pytest.raises(InvalidReply, match=name):
        read(entry(**{name: -7}).replace("-7", chance))


@pytest.mark.parametrize(("written", "share"), [("62 %", 0.62), ("62%", 0.62), ("0.5 %", 0.005), ("0.62", 0.62)])
def test_a_share_with_a_percent_sign_says_what_it_means(written: str, share: float) -> None:
    found = read(entry(size_ratio=written, p_up=written))

    assert (found.size_ratio, found.forecast.p_up) == (pytest.approx(share), pytest.approx(share))


@pytest.mark.parametrize(("written", "action"), [("buy", "BUY"), (" Buy ", "BUY"), ("hold\n", "HOLD")])
def test_an_action_is_read_in_any_letters(written: str, action: str) -> None:
    assert read(entry(action=written)).action == action


@pytest.mark.parametrize(
    "action",
    [
        "WAIT",
        "open_long",
        "LONG",
        "SHORT",
        "strong buy",
        "BUY or HOLD",
        "BUY|SELL",
        "**BUY**",
        "\uff22\uff35\uff39",
        "",
        None,
        1,
        ["BUY"],
    ],
)
def test_an_action_that_is_none_of_the_five_is_refused(action: object) -> None:
    with pytest.raises(InvalidReply, match="action"):
        read(entry(action=action))


# --- Geometry -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "stop", "target"),
    [("BUY", 95, 110), ("BUY", 99.99, 100.01), ("SELL", 105, 90), ("SELL", 100.01, 99.99)],
)
def test_levels_on_their_sides_of_the_price_are_read(action: str, stop: float, target: float) -> None:
    found = read(says(action, stop, target))

    assert (found.stop_price, found.target_price) == (Decimal(str(float(stop))), Decimal(str(float(target))))


@pytest.mark.parametrize(
    ("action", "stop", "target"),
    [
        ("BUY", 110, 95),
        ("BUY", 100, 110),
        ("BUY", 95, 100),
        ("BUY", 105, 110),
        ("BUY", 90, 95),
        ("SELL", 95, 110),
        ("SELL", 100, 90),
        ("SELL", 105, 100),
        ("SELL", 95, 90),
        ("SELL", 110, 105),
    ],
)
def test_levels_on_the_wrong_side_of_the_price_are_refused(action: str, stop: float, target: float) -> None:
    with pytest.raises(InvalidReply, match=f"{action} needs"):
        read(says(action, stop, target))


@pytest.mark.parametrize(("stop", "target"), [(None, 110), (95, None), (None, None)])
def test_an_entry_without_both_levels_is_refused(stop: float | None, target: float | None) -> None:
    with pytest.raises(InvalidReply, match="needs stop_price and target_price"):
        read(says("BUY", stop, target))


def test_a_sale_on_spot_needs_no_levels_because_it_only_closes() -> None:
    assert read(says("SELL"), MarketKind.SPOT).action is Action.SELL
    with pytest.raises(InvalidReply):
        read(says("SELL"), MarketKind.PERP)


def test_an_update_needs_one_level_at_least() -> None:
    assert read(says("UPDATE", stop=99)).stop_price == Decimal("99.0")
    assert read(says("UPDATE", target=120)).target_price == Decimal("120.0")
    with pytest.raises(InvalidReply, match="UPDATE needs"):
        read(says("UPDATE"))


@pytest.mark.parametrize("action", ["HOLD", "CLOSE"])
def test_hold_and_close_need_no_levels(action: str) -> None:
    assert read(says(action)).action == action


# --- Hostile --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "HOLD",
        "null",
        "5",
        '"BUY"',
        "[]",
        "{}",
        "{",
        "}",
        "[[]]",
        "I would buy here, stop 95, target 110.",
        '{"analysis": "BUY"}',
        '{"analysis": [1]}',
        '{"action": {"action": "BUY"}}',
        "\x00",
        "{\x00}",
        "```json\n```",
        "```{}```",
        '{"```json2```',
        '{"confidence": 70, "```json\n2```": "action"',
    ],
)
def test_words_without_a_decision_are_refused(text: str) -> None:
    with pytest.raises(InvalidReply):
        read(text)


@pytest.mark.parametrize("between", ["", "\n", "\n\nOr rather:\n"])
def test_two_decisions_are_no_decision(between: str) -> None:
    with pytest.raises(InvalidReply):
        read(says("BUY", 95, 110) + between + says("HOLD"))


def test_two_fenced_decisions_are_no_decision() -> None:
    """A first draft and a second thought: nobody may pick one for the model."""
    draft, thought = says("BUY", 95, 110), says("HOLD")

    with pytest.raises(InvalidReply):
        read(f"```json\n{draft}\n```\nOn second thought:\n```json\n{thought}\n```")


def test_a_reply_of_three_hundred_thousand_characters_is_refused() -> None:
    with pytest.raises(InvalidReply, match="at most 200000 characters, was 300"):
        read(says(reasoning="x" * 300_000))


def test_long_words_are_cut_not_refused() -> None:
    found = read(says(reasoning="x" * 5_000, invalidation="z" * 1_000, factors={"y" * 100: 50}))

    assert (len(found.reasoning), len(found.invalidation or "")) == (2_000, 500)
    assert found.factors == {"y" * 40: 50}


@pytest.mark.parametrize(
    ("written", "trend"),
    [
        ("bull", "bull"),
        ("BEARISH", "bear"),
        (" neutral ", "neutral"),
        ("sideways", None),
        (None, None),
        (["bull"], None),
    ],
)
def test_a_trend_is_one_of_three_or_not_known(written: object, trend: str | None) -> None:
    assert read(says(trend=written)).trend == trend


@pytest.mark.parametrize(
    "text",
    [
        '{"a":' * 900,
        '{"a":' * 10_000,
        '{"a":' + "[" * 90_000,
        "{" * 3_000,
        "```{" * 1_000,
        '{"action": "HOLD", "confidence": 50, "x": ' + "[" * 2_000,
    ],
    ids=["objects", "many objects", "lists", "braces", "fences", "a good start"],
)
def test_a_reply_nested_beyond_reason_is_refused(text: str) -> None:
    with pytest.raises(InvalidReply):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        "```{" * 25_000,
        "```{" + "} " * 90_000,
        '{"a": "' + '\\"' * 90_000,
        "{" + ":" * 190_000,
        '{"a": ' + "," * 190_000,
    ],
    ids=["fences", "closing", "quotes", "colons", "commas"],
)
def test_a_hostile_reply_costs_less_than_two_seconds(text: str) -> None:
    began = time.process_time()

    with pytest.raises(InvalidReply):
        read(text)

    assert time.process_time() - began < 2


@pytest.mark.parametrize("half", ["\\ud83d", "\ud83d"], ids=["escaped", "as it is"])
@pytest.mark.parametrize(
    "field",
    [
        {"reasoning": "MARK"}, {"trend": "MARK"}, {"invalidation": "MARK"}, {"MARK": 1}, {"factors": {"MARK": 50}},
        {"figures": {"MARK": 50}}, {"figures": [{"name": "MARK", "value": 50}]}, {"action": "MARK"}, {"p_up": "MARK"},
    ],
)  # fmt: skip
def test_half_a_character_never_reaches_the_ledger(field: dict[str, Any], half: str) -> None:
    """`\\ud83d` is half an emoji: no encoder can write it down."""
    text = says(**field).replace("MARK", half)

    try:
        kept: Signal | str = read(text)
    except InvalidReply as refused:
        kept = str(refused)

    assert dumps(kept)


def assert_within_ranges(found: Signal) -> None:
    chances = (
        found.confidence_ratio,
        found.size_ratio,
        found.forecast.p_up,
        found.forecast.p_up_24h,
        found.forecast.p_target,
    )
    assert all(chance is None or 0 <= chance <= 1 for chance in chances)
    assert all(price is None or 0 < price < 10**12 for price in (found.stop_price, found.target_price))
    assert all(isfinite(number) for number in every_number(found) if isinstance(number, (float, Decimal)))
    assert len(found.reasoning) <= 2_000
    if found.action is Action.BUY:
        assert found.stop_price is not None and found.target_price is not None
        assert found.stop_price < PRICE < found.target_price
    assert dumps(found)


def assert_read_or_refused(text: str) -> bool:
    """True when it was read. Any other exception than InvalidReply is let through."""
    try:
        found = read(text)
    except InvalidReply:
        return False
    assert_within_ranges(found)
    return True


JSONISH = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["BUY", "SELL", "95", "$1,000", "70 %"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "action",
    "confidence",
    "stop_price",
    "target_price",
    "size_ratio",
    "p_up",
    "trend",
    "factors",
    "reasoning",
    "analysis",
)


@given(text=st.text(max_size=300))
@example("{'a': 1, 'a': 2}")
@example('{"action": "HOLD", "confidence": 1e999}')
@profile(max_examples=200)
def test_any_text_is_a_signal_within_its_ranges_or_refused(text: str) -> None:
    assert_read_or_refused(text)


@given(
    fields=st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSONISH)),
    base=st.sampled_from(["BUY", "SELL", "HOLD", "CLOSE", "UPDATE", None]),
    cut=st.integers(0, 60),
    quote=st.sampled_from(['"', "'"]),
)
@profile(max_examples=300)
def test_any_json_whole_or_cut_is_a_signal_within_its_ranges_or_refused(
    fields: dict[str, Any], base: str | None, cut: int, quote: str
) -> None:
    stop, target = (105, 90) if base == "SELL" else (95, 110)
    whole = ({"action": base, "confidence": 70, "stop_price": stop, "target_price": target} if base else {}) | fields
    text = json.dumps(whole).replace('"', quote)

    assert_read_or_refused(text[: len(text) - cut])


# --- Figures and factors --------------------------------------------------------------------------------------------


RSI, ATR = {"name": "rsi_14", "value": 54.2}, {"name": "atr_14", "value": 412}


@pytest.mark.parametrize(
    "figures",
    [
        [RSI, ATR],
        {"rsi_14": 54.2, "atr_14": 412},
        [{"name": "rsi_14", "value": "54.2"}, {"name": "atr_14", "value": "$412"}],
        [RSI, {"name": "trend", "value": "up"}, ATR, 5, None],
        [RSI | {"unit": "points"}, {"value": 1}, {"name": 7, "value": 1}, ATR],
        [RSI, {"name": "x", "value": True}, {"name": "", "value": 1}, ATR],
        [RSI, {"name": "x", "value": 1e300}, ATR],
    ],
    ids=["array", "object", "as strings", "one in words", "with more", "not named", "huge"],
)
def test_figures_are_read_by_name_and_what_is_none_is_left_out(figures: object) -> None:
    assert read(says(figures=figures)).figures == {"rsi_14": 54.2, "atr_14": 412.0}


@pytest.mark.parametrize("figures", [None, "rsi 54", 54, True, [], {}, [[]]])
def test_figures_of_no_kind_are_no_figures(figures: object) -> None:
    assert read(says(figures=figures)).figures == {}


def test_figures_are_ten_at_most() -> None:
    many = [{"name": f"{n}" + "x" * 100, "value": n} for n in range(1_000)]

    for written in (many, {one["name"]: one["value"] for one in many}):
        found = read(says(figures=written)).figures
        assert list(found.values()) == list(range(10))
        assert all(len(name) == 40 for name in found)


@pytest.mark.parametrize(("written", "kept"), [(2.5, 2.5), ("2.5", 2.5), (None, None), ("1:2", None), (True, None)])
def test_the_reward_and_risk_it_states_is_one_of_its_figures(written: object, kept: float | None) -> None:
    found = read(entry(reward_risk=written))

    assert found.figures == ({} if kept is None else {"reward_risk": kept})


@pytest.mark.parametrize("score", [101, -1, "NaN", '"high"', "true", "[50]"])
def test_a_factor_that_is_no_score_is_refused(score: object) -> None:
    with pytest.raises(InvalidReply, match="factors"):
        read(says(factors={"trend": -7}).replace("-7", str(score)))


def test_factors_are_kept_whatever_their_names_and_left_out_where_unknown() -> None:
    found = read(says(factors={"trend": "80 %", "moon": 50, "volume": None, "levels": "N/A"}))

    assert found.factors == {"trend": 80, "moon": 50}
    assert read(says(factors=None)).factors == {}
    with pytest.raises(InvalidReply, match="factors"):
        read(says(factors={f"{n}": 50 for n in range(21)}))


@pytest.mark.parametrize("other", ["position_size", "size", "size_rati", " size_ratio", "Size_ratio"])
def test_a_size_under_another_name_is_not_passed_over(other: str) -> None:
    with pytest.raises(InvalidReply, match="size_ratio is not there"):
        read(entry(**{other: 0.01}))
    with pytest.raises(InvalidReply, match="size_ratio is not there"):
        read(entry(trend="up", p_up="60 %", **{other: 0.01}))
    if other.strip().lower() != "size_ratio":
        assert read(entry(**{other: 0.01, "size_ratio": 0.05})).size_ratio == 0.05
    assert read(says("CLOSE", **{other: 0.01})).action is Action.CLOSE


def test_a_level_of_an_update_under_another_name_is_not_passed_over() -> None:
    text = '{"action": "UPDATE", "confidence": 60, "target_price": 120, "stop_loss": 99}'

    with pytest.raises(InvalidReply, match="stop_price is not there, and there is no key 'stop_loss'"):
        read(text)
    assert read(text.replace('"stop_loss": 99', '"stop_loss": 99, "stop_price": null')).stop_price is None


def test_another_schema_is_refused() -> None:
    assert read(says(schema="1")).action is Action.HOLD
    with pytest.raises(InvalidReply, match="schema"):
        read(says(schema=2))


def test_null_stands_for_what_was_not_said() -> None:
    found = read(says(reasoning=None, trend=None, invalidation=None, p_up=None, size_ratio=None, figures=None))

    assert (found.reasoning, found.trend, found.invalidation, found.forecast.p_up) == ("", None, None, None)


# --- Thoughts -------------------------------------------------------------------------------------------------------

DRAFT = says("BUY", 95, 110)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"<think>I could {DRAFT}, but no.</think>", ""),
        (f"<think>\n{DRAFT}\n</think>\n\n```json\n", "\n```"),
        (f"<THINKING>{DRAFT}</THINKING>", " Good luck!"),
        (f'<thought kind="draft">{DRAFT}</thought>', ""),
        (f"{DRAFT} is what I thought first.</think>", ""),
        (f"<think>a <think> b {DRAFT}</think> {DRAFT} </think>", ""),
        (f"[THINK]{DRAFT}[/THINK]", ""),
        (f"◁think▷{DRAFT}◁/think▷", ""),
        (f"<seed:think>{DRAFT}</seed:think>", ""),
        (f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>", "<|return|>"),
        (f"<|channel|>analysis<|message|>{DRAFT}<|end|>", "<|end|>"),
        (f"<|channel>thought\n{DRAFT}<channel|>", ""),
        ("<reasoning>Stop < price, so {this} is [it].</reasoning><decision>", "</decision>"),
    ],
)  # fmt: skip
def test_a_draft_in_the_thoughts_is_not_the_answer(before: str, after: str) -> None:
    assert read(before + says("CLOSE") + after).action is Action.CLOSE


@pytest.mark.parametrize(
    "text",
    [
        f"<think>{DRAFT}",
        f"<think>I am sure:\n```json\n{DRAFT}\n```\n",
        f"Well. <think>{DRAFT}",
        f"<think>no</think><think>{DRAFT}",
        f"[THINK]{DRAFT}",
        f"<|channel|>analysis<|message|>{DRAFT}",
        f"<think>{DRAFT}</think>",
        f"<think>{DRAFT}</think> I hold.",
    ],
)
def test_thoughts_alone_are_no_answer(text: str) -> None:
    with pytest.raises(InvalidReply, match="no JSON object"):
        read(text)


@pytest.mark.parametrize("besides", ["", "\x1f", "°"])
def test_the_mark_of_a_thought_within_a_reason_is_a_word_like_any(besides: str) -> None:
    found = read(says("BUY", 95, 110, reasoning=f"</think> stop < price <think>{besides} [/THINK]"))

    assert (found.action, found.reasoning) == (Action.BUY, f"</think> stop < price <think>{besides} [/THINK]")


# --- Twice ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "other"),
    [("action", '"SELL"'), ("confidence", "71"), ("stop_price", "90"), ("target_price", "120"), ("size_ratio", "0.5")],
)
@pytest.mark.parametrize("spelled", ["{}", "\\u00{:02x}"], ids=["plain", "escaped"])
@pytest.mark.parametrize("wrapped", ["{}", "Here: {}", "```json\n{}\n```"])
def test_a_key_of_an_order_said_twice_is_refused(key: str, other: str, spelled: str, wrapped: str) -> None:
    again = spelled.format(ord(key[0])) + key[1:] if "x" in spelled else key
    text = wrapped.replace("{}", GOOD[:-1] + f', "{again}": {other}' + "}")

    with pytest.raises(InvalidReply, match=key):
        read(text)


@pytest.mark.parametrize(
    ("key", "other"),
    [("action", '"SELL"'), ("confidence", "71"), ("stop_price", "90"), ("target_price", "120"), ("size_ratio", "0.5")],
)
@pytest.mark.parametrize("spell", [str.upper, str.title, " {} ".format])
@pytest.mark.parametrize("wrapped", ["{}", "Here: {}", "```json\n{}\n```"])
def test_in_other_letters_it_is_the_same_key_said_twice(
    key: str, other: str, spell: Callable[[str], str], wrapped: str
) -> None:
    text = wrapped.replace("{}", GOOD[:-1] + f', "{spell(key)}": {other}' + "}")

    with pytest.raises(InvalidReply, match=f"(?i){key} +is said once"):
        read(text)


def test_a_long_s_makes_no_other_key() -> None:
    with pytest.raises(InvalidReply, match="said once"):
        read(GOOD[:-1] + ', "\u017ftop_price": 90}')


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace('"', "'")[:-1] + ", 'stop_price': 90}",
        GOOD.replace('"', "'")[:-1] + ", 'size_ratio': 0.0",
        "{'action': 'HOLD', 'confidence': 70, 'action': 'CLOSE'}",
        "```\n{'action': 'HOLD', 'confidence': 70}\n```\n```\n{'action': 'HOLD', 'confidence': 70}\n```",
    ],
)
def test_nothing_is_said_twice_where_it_must_be_repaired(text: str) -> None:
    with pytest.raises(InvalidReply, match=r"said once|holds one decision"):
        read(text)


def test_a_key_said_twice_alike_is_said() -> None:
    assert read(GOOD[:-1] + ', "stop_price": 95.5}').stop_price == Decimal("95.5")


@pytest.mark.parametrize(
    "text",
    [
        GOOD[:-1] + f', "alternative": {says("HOLD")}' + "}",
        f'{{"analysis": {GOOD}, "second": {says("HOLD")}}}',
        f"{GOOD} Or rather: " + '{"stop_price": 90}',
        f'{GOOD} I could also have said "action": "SELL".',
        f"{GOOD}\naction: HOLD",
        f"{GOOD}\n{{'action': 'HOLD', 'confidence': 5}}",
        f'{GOOD} On second thought: {{"reasoning": "no, it',
        f'[{GOOD}, {{"reasoning": "no, it',
        f"[{GOOD},",
        f'{GOOD} But with "stop_price": 9',
        f"{GOOD}{GOOD}",
        '{"considered": ' + GOOD + ', "reasoning": "no, it',
        f"```json\n{GOOD}\n```\nNo:\n```json\n{{'action': 'HOLD'}}\n```",
    ],
)  # fmt: skip
def test_a_second_decision_whole_or_not_leaves_none(text: str) -> None:
    with pytest.raises(InvalidReply):
        read(text)


def test_repeating_an_order_in_words_does_not_unsay_it() -> None:
    text = f'{GOOD}\nI chose "action": "BUY", with "stop_price": 95.5, "size_ratio": 0.05, as told.'

    assert read(text).stop_price == Decimal("95.5")


# --- Broken off -----------------------------------------------------------------------------------------------------

ORDER = (
    '{"action": "BUY", "confidence": 70, "size_ratio": 0.05, "target_price": 110.25, "stop_price": 95.55, '
    '"trend": "bull"}'
)


@pytest.mark.parametrize("length", range(len(ORDER)))
@pytest.mark.parametrize(("before", "after"), [("", ""), ("```json\n", ""), ("```json\n", "\n```"), ("Here: ", "…")])
def test_an_order_broken_off_is_the_same_order_or_none(length: int, before: str, after: str) -> None:
    try:
        found = read(before + ORDER[:length] + after)
    except InvalidReply:
        return

    assert length >= len(ORDER.partition("95.55,")[0]) + len("95.55")
    assert (found.stop_price, found.target_price, found.size_ratio) == (Decimal("95.55"), Decimal("110.25"), 0.05)


def test_the_end_that_an_order_does_not_need_may_be_missing() -> None:
    assert read(ORDER[:-1]).action is Action.BUY
    assert read(ORDER[: -len('ull"}')]).action is Action.BUY


@pytest.mark.parametrize("missing", ["confidence", "stop_price", "target_price", "size_ratio"])
def test_a_broken_order_without_one_of_its_parts_is_none(missing: str) -> None:
    """Whole, it may leave out its size. Broken, nobody knows whether it was about to name one."""
    whole = json.loads(ORDER)
    del whole[missing]

    with pytest.raises(InvalidReply, match=f"{missing} cannot be read from it for certain"):
        read(json.dumps(whole)[:-1])


def test_an_action_that_only_a_repair_would_find_is_none() -> None:
    """Repaired, this one holds, and needs no size; as it is written, it buys and has none."""
    text = (
        '{"action": "BUY", "confidence": 70, "stop_price": 95, "target_price": 110, "size_ratio": 0.05 it rises '
        '"action" "HOLD"'
    )

    assert repair_json(text, return_objects=True)["action"] == "HOLD"
    with pytest.raises(InvalidReply, match="action cannot be read from it for certain"):
        read(text)


@pytest.mark.parametrize("action", ["HOLD", "CLOSE"])
def test_what_is_no_order_may_break_off_after_its_confidence(action: str) -> None:
    found = read(f'{{"action": "{action}", "confidence": 70, "stop_price": 4123')

    assert (found.action, found.confidence_ratio, found.stop_price) == (action, 0.7, None)
    with pytest.raises(InvalidReply, match="confidence cannot be read from it for certain"):
        read(f'{{"action": "{action}", "confidence": 7')


def test_a_forecast_cut_short_is_no_forecast() -> None:
    assert read('{"action": "HOLD", "confidence": 70, "p_up": 0.5').forecast == Forecast(None)


@pytest.mark.parametrize(
    "damage",
    [
        "9 5.5",
        "9\n5.5",
        '9"5.5',
        "9}5.5",
        "95}.5",
        "9,5.5",
        "9]5.5",
        "9{5.5",
        "95.5x",
        "95..5",
        "95.5,5",
        "9;5.5",
        '"95.5',
    ],
)
def test_a_number_with_something_in_it_is_no_level(damage: str) -> None:
    with pytest.raises(InvalidReply):
        read(GOOD.replace("95.5", damage))


@pytest.mark.parametrize("key", ["stop_price", "target_price", "size_ratio", "confidence"])
@pytest.mark.parametrize("after", [', "trend": "bull"}', "", "\n```", " Good luck!"])
def test_an_object_that_closes_within_a_number_is_no_order(key: str, after: str) -> None:
    """What is read up to the brace is JSON, and wrong."""
    whole = {"action": "BUY", "confidence": 71.5, "stop_price": 95.55, "target_price": 110.25, "size_ratio": 0.055}
    text = json.dumps({name: value for name, value in whole.items() if name != key} | {key: whole[key]})[:-1]

    for at in range(1, len(str(whole[key]))):
        with pytest.raises(InvalidReply):
            read(f"{text[:-at]}}}{text[-at:]}{after}")


def test_a_line_break_within_a_reason_needs_no_repair() -> None:
    text = entry(reasoning="MARK").replace("MARK", "it rises\nand rises")

    assert read(text).reasoning == "it rises\nand rises"


def test_a_note_in_brackets_is_no_decision() -> None:
    assert read(f"As told [1], {{see}} below:\n{GOOD}\n[1] {{}}").action is Action.BUY


def test_an_update_of_both_levels_has_the_price_between_them() -> None:
    assert read(says("UPDATE", 99, 120)).target_price == Decimal("120.0")
    for stop, target in ((90, 95), (105, 110), (100, 110)):
        with pytest.raises(InvalidReply, match="between stop and target"):
            read(says("UPDATE", stop, target))


# --- The schema -----------------------------------------------------------------------------------------------------


def nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for inner in (
        *schema.get("properties", {}).values(),
        *schema.get("anyOf", ()),
        *([schema["items"]] if "items" in schema else ()),
    ):
        yield from nodes(inner)


def test_the_schema_is_written_in_words_that_every_server_takes() -> None:
    """Without bounds: of those we ask, one or the other answers 400 to `minimum`, `maxItems`, `pattern` or `const`."""
    found = list(nodes(reply.schema()))

    assert {word for one in found for word in one} == {
        "type", "description", "enum", "properties", "required", "additionalProperties", "items", "anyOf",
    }  # fmt: skip
    for one in found:
        assert ("type" in one) != ("anyOf" in one)
        if one.get("type") == "object":
            assert one["required"] == list(one["properties"])
            assert one["additionalProperties"] is False
        if "anyOf" in one:
            assert one["anyOf"][1] == {"type": "null"} and len(one["anyOf"]) == 2
    assert "$" not in json.dumps(reply.schema())


def test_the_schema_asks_for_what_the_reader_reads() -> None:
    properties = reply.schema()["properties"]

    assert list(properties) == [
        "schema", "figures", "reasoning", "trend", "p_up", "p_up_24h", "action", "factors", "confidence", "stop_price",
        "target_price", "p_target", "reward_risk", "size_ratio", "invalidation",
    ]  # fmt: skip
    assert properties["schema"]["enum"] == [1]
    assert properties["action"]["enum"] == ["BUY", "SELL", "HOLD", "CLOSE", "UPDATE"]
    assert properties["trend"]["enum"] == ["bull", "bear", "neutral"]
    assert list(properties["factors"]["properties"]) == [
        "trend", "momentum", "volume", "volatility", "patterns", "levels",
    ]  # fmt: skip
    assert list(properties["figures"]["items"]["properties"]) == ["name", "value"]
    nullable = {name for name, one in properties.items() if "anyOf" in one}
    assert nullable == {"stop_price", "target_price", "p_target", "reward_risk", "size_ratio"}


def test_nobody_spoils_the_schema_for_the_next() -> None:
    reply.schema()["properties"].clear()

    assert reply.schema()["properties"]


def test_openai_finds_nothing_to_make_stricter() -> None:
    strict = _ensure_strict_json_schema(reply.schema(), path=(), root=reply.schema())

    assert strict == reply.schema()


def instances(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Whatever a server bound to the schema can write."""
    if "anyOf" in schema:
        return st.one_of(*map(instances, schema["anyOf"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "object":
            return st.fixed_dictionaries({name: instances(one) for name, one in schema["properties"].items()})
        case "array":
            return st.lists(instances(schema["items"]), max_size=12)
        case "string":
            return st.text(st.characters(codec="utf-8"), max_size=20)
        case "number":
            return st.floats(0, 1)
        case _:
            return st.none()


@given(written=instances(reply.schema()), confidence=st.integers(0, 100))
@profile(max_examples=200)
def test_what_the_schema_lets_through_is_read(written: dict[str, Any], confidence: int) -> None:
    """But for what no schema can bind: how the levels lie to the price."""
    levels = (
        {"stop_price": 95, "target_price": 110}
        if written["action"] == "BUY"
        else {"stop_price": 105, "target_price": 90}
    )
    text = json.dumps(written | levels | {"confidence": confidence})

    found = read(text)

    assert (found.action, found.trend) == (written["action"], written["trend"])
    assert found.forecast == Forecast(written["p_up"], written["p_up_24h"], written["p_target"])
    assert_within_ranges(found)


@pytest.mark.parametrize(
    "text",
    [
        "{" * 400 + '"' + "x" * 39_000,
        "{" * 8 + '"' + "x" * 199_000,
        "{" * 100 + '"' + "x" * 39_000,
    ],
)
def test_what_would_take_minutes_to_repair_is_refused_at_once(text: str) -> None:
    """A model that loops on one letter must not hold up stops and targets: the work is bounded before it is begun."""
    with pytest.raises(InvalidReply, match=r"too much of it is broken|brackets|held another|characters"):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"analysis": {"action": "HOLD", "confidence": 50}, "analysis": {"action": "CLOSE", "confidence": 50}}',
        '{"Action": "HOLD", "action": "CLOSE", "confidence": 50}',
        '{"action": "CLOSE", "confidence": 50, "ACTION": "HOLD"}',
    ],
)
def test_two_decisions_under_one_key_are_two(text: str) -> None:
    with pytest.raises(InvalidReply, match="is said once"):
        read(text)
