"""Untrusted words: each either a signal within its ranges or InvalidReply, and never anything else."""

import gzip
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import settings as profile
from hypothesis import strategies as st
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


def read(text: str, kind: MarketKind = MarketKind.PERP) -> Signal:
    return reply.signal(Reply(text, "hand"), PRICE, kind)


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
        ('"1,234,567"', "1234567"),
        ('" 1250 "', "1250"),
        ("1.25e3", "1250"),
    ],
)
def test_numbers_are_read_as_people_write_them(written: str, target: str) -> None:
    found = read(entry().replace("110", written))

    assert found.target_price == Decimal(target)


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


@pytest.mark.parametrize("chance", ["NaN", "-0.1", "1.1", "55", '"60 %"', "Infinity"])
@pytest.mark.parametrize("name", ["p_up", "p_up_24h", "p_target", "size_ratio"])
def test_a_chance_beyond_zero_and_one_is_refused(name: str, chance: str) -> None:
    with pytest.raises(InvalidReply, match=name):
        read(entry(**{name: -7}).replace("-7", chance))


def test_a_boolean_is_no_price() -> None:
    with pytest.raises(InvalidReply, match="needs stop_price and target_price, was stop None"):
        read(entry(stop_price=True))


@pytest.mark.parametrize("action", ["buy", "WAIT", "open_long", "", None, 1, ["BUY"]])
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
    found = read(says(reasoning="x" * 5_000, trend="y" * 100, invalidation="z" * 1_000))

    assert (len(found.reasoning), len(found.trend or ""), len(found.invalidation or "")) == (2_000, 40, 500)


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


@pytest.mark.parametrize("field", ["reasoning", "trend", "invalidation"])
def test_half_a_character_never_reaches_the_ledger(field: str) -> None:
    """`\\ud83d` is half an emoji: no encoder can write it down."""
    text = says(**{field: "MARK"}).replace("MARK", "\\ud83d")

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


# --- What real models wrote -----------------------------------------------------------------------------------------


def words(value: Any) -> Iterator[str]:
    """Every string in a record, and every object as the JSON it came as."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield json.dumps(value, ensure_ascii=False)
        for item in value.values():
            yield from words(item)
    elif isinstance(value, list):
        for item in value:
            yield from words(item)


def test_what_real_models_wrote_is_read_or_refused(recorded_data: Path) -> None:
    """Their schemas are not ours, so nearly all is refused; nothing else may happen."""
    texts = {
        text
        for file in sorted((recorded_data / "llm_decisions").glob("*.jsonl.gz"))
        for line in gzip.decompress(file.read_bytes()).decode().splitlines()
        for text in words(json.loads(line))
    }

    valid = sum(assert_read_or_refused(text) for text in texts)

    # 6,224 strings, none of them in our schema; bounds, because the recordings may grow
    assert len(texts) > 6_000
    assert valid < len(texts) / 100


def translated(of: dict[str, Any]) -> dict[str, Any]:
    """A nofx decision in our words, its own values untouched."""
    actions = {"open_long": "BUY", "open_short": "SELL", "close_long": "CLOSE", "close_short": "CLOSE"}
    return {
        "action": actions.get(of.get("action", ""), "HOLD"),
        "confidence": of.get("confidence", 0),
        "stop_price": of.get("stop_loss"),
        "target_price": of.get("take_profit"),
        "reasoning": of.get("reasoning", ""),
    }


def test_what_a_real_model_decided_survives_the_translation_into_our_schema(recorded_data: Path) -> None:
    lines = (
        gzip.decompress((recorded_data / "llm_decisions/nofx_deepseek_run1762611457.jsonl.gz").read_bytes())
        .decode()
        .splitlines()
    )
    decided = [one for line in lines for one in json.loads(json.loads(line)["decision_json"] or "[]")]
    entries = [one for one in decided if one["action"] in ("open_long", "open_short")]

    kept = 0
    for one in entries:
        middle = Decimal(str((one["stop_loss"] + one["take_profit"]) / 2))
        found = reply.signal(
            Reply(json.dumps(translated(one), ensure_ascii=False), "deepseek"), middle, MarketKind.PERP
        )
        kept += found.stop_price == Decimal(str(float(one["stop_loss"])))

    assert kept == len(entries) > 0


def test_the_thousands_separators_that_broke_a_real_trader_are_read() -> None:
    """From nofx_deepseek_failures: its parser refused "6,000" in a reasoning; ours reads the decision around it."""
    found = read('{"action": "HOLD", "confidence": 60, "reasoning": "价格接近106,000阻力", "stop_price": 6,000}')

    assert (found.action, found.stop_price) == (Action.HOLD, Decimal("6000.0"))
