"""What models really wrote, and what becomes of a good reply on its way: the same signal, or none."""

import gzip
import json
import sys
from collections.abc import Sequence
from decimal import Decimal
from math import isfinite
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from world import every_number

from bench.replies import HAND, MUTATIONS, Whole, words
from bench.replies import decided as recorded_decisions
from bench.replies import read as read_or_refused
from semanticsignal.codec import dumps
from semanticsignal.domain.decision import Signal

SEED = 20_260_105
# Edits a number of the order itself: it may be read as another, within its range.
EDITING = {"wild"}
# Says something else as well, which alone is found out, but not where a second damage hides what was said first.
ADDING = {"key_twice", "thinking"}
# What models do every day, and what of it has to come through.
HARMLESS = {
    "fenced": 1.0, "chatty": 1.0, "thinking": 1.0, "line_breaks": 1.0, "commas": 0.8, "notes": 0.8, "other_quotes": 0.6,
    "inserted": 0.6, "deleted": 0.6, "doubled": 0.6, "strange_letters": 0.5, "wrapped": 0.5, "letters": 0.4,
}  # fmt: skip
# What must not come through, whatever it says.
NEVER = {"thinking_without_end"}


def assert_possible(found: Signal, price: Decimal) -> None:
    """What a signal on a perpetual can be, told anew and without a look at the reader."""
    assert found.action.value in {"BUY", "SELL", "HOLD", "CLOSE", "UPDATE"}
    shares = [found.size_ratio, found.forecast.p_up, found.forecast.p_up_24h, found.forecast.p_target]
    assert all(share is None or (isinstance(share, float) and 0 <= share <= 1) for share in shares)
    assert 0 <= found.confidence_ratio <= 1 and not 0 < found.confidence_ratio < 0.01
    assert all(isfinite(number) for number in every_number(found) if isinstance(number, (float, Decimal)))
    assert found.trend in {"bull", "bear", "neutral", None}
    assert len(found.reasoning) <= 2_000 and len(found.invalidation or "") <= 500
    assert len(found.factors) <= 20 and all(0 <= score <= 100 for score in found.factors.values())
    assert len(found.figures) <= 11
    assert all(len(name) <= 40 for name in (*found.factors, *found.figures))
    assert dumps(found)
    stop, target = found.stop_price, found.target_price
    assert all(level is None or (level.is_finite() and 0 < level < 10**12) for level in (stop, target))
    if found.action.value == "BUY":
        assert stop is not None and target is not None and stop < price < target
    if found.action.value == "SELL":
        assert stop is not None and target is not None and target < price < stop
    if found.action.value == "UPDATE":
        assert stop is not None or target is not None
    if found.action.value in {"BUY", "SELL", "UPDATE"}:
        assert all(price / 10 < level < price * 10 for level in (stop, target) if level is not None)


def order(of: Signal) -> tuple[object, ...]:
    return (of.action, of.stop_price, of.target_price, of.size_ratio, of.confidence_ratio)


def is_read_the_same_or_not_at_all(whole: Whole, damaged: str, kinds: Sequence[str]) -> bool:
    """True when it was read. Any other exception than InvalidReply is let through."""
    good, found = read_or_refused(whole.text, whole.price), read_or_refused(damaged, whole.price)
    assert good is not None
    if found is None:
        return False
    assert_possible(found, whole.price)
    if not (EDITING if len(kinds) == 1 else EDITING | ADDING) & set(kinds):
        assert (found.action, found.confidence_ratio) == (good.action, good.confidence_ratio)
        if good.action.value in {"BUY", "SELL", "UPDATE"}:
            assert order(found) == order(good)
    return True


@pytest.mark.parametrize("whole", HAND, ids=[f"{number}" for number in range(len(HAND))])
def test_the_replies_are_good_before_anything_becomes_of_them(whole: Whole) -> None:
    found = read_or_refused(whole.text, whole.price)

    assert found is not None
    assert_possible(found, whole.price)
    told = json.loads(whole.text)
    assert order(found) == (
        told["action"],
        *(None if told[key] is None else Decimal(repr(float(told[key]))) for key in ("stop_price", "target_price")),
        told.get("size_ratio"),
        told["confidence"] / 100,
    )


@pytest.mark.parametrize("kind", MUTATIONS)
@given(whole=st.sampled_from(HAND), seed=st.integers(0, 2**32))
@profile(max_examples=60)
def test_a_damaged_reply_is_read_the_same_or_not_at_all(kind: str, whole: Whole, seed: int) -> None:
    damaged = MUTATIONS[kind](whole.text, Random(seed))

    assert not (is_read_the_same_or_not_at_all(whole, damaged, [kind]) and kind in NEVER)


@given(
    whole=st.sampled_from(HAND),
    kinds=st.lists(st.sampled_from(sorted(MUTATIONS)), min_size=2, max_size=3),
    seed=st.integers(0, 2**32),
)
@profile(max_examples=400)
def test_neither_is_one_that_was_damaged_twice(whole: Whole, kinds: list[str], seed: int) -> None:
    dice, damaged = Random(seed), whole.text
    # What breaks off does so last of all: nobody closes behind it what it left open.
    for kind in sorted(kinds, key=lambda kind: kind.startswith("cut")):
        damaged = MUTATIONS[kind](damaged or "{", dice)

    is_read_the_same_or_not_at_all(whole, damaged, kinds)


@pytest.mark.parametrize("whole", HAND, ids=[f"{number}" for number in range(len(HAND))])
@pytest.mark.parametrize("before", ["", "```json\n", "<think>no</think>"])
def test_a_reply_cut_at_any_place_at_all_is_read_the_same_or_not_at_all(whole: Whole, before: str) -> None:
    for length in range(len(whole.text)):
        is_read_the_same_or_not_at_all(whole, before + whole.text[:length], ["cut"])


def test_what_models_do_every_day_comes_through() -> None:
    """Seen with -s: the share of the replies by hand that is read after each kind of damage."""
    shares = {}
    for kind, mutate in MUTATIONS.items():
        dice = Random(SEED)
        damaged = [(whole, mutate(whole.text, dice)) for whole in HAND for _ in range(60)]
        shares[kind] = sum(is_read_the_same_or_not_at_all(*one, [kind]) for one in damaged) / len(damaged)
    sys.stdout.writelines(f"{kind}: {share:.0%}\n" for kind, share in shares.items())

    assert {kind: shares[kind] for kind, least in HARMLESS.items() if shares[kind] < least} == {}


# --- What real models wrote -----------------------------------------------------------------------------------------


def recorded_words(folder: Path) -> set[str]:
    return {
        text
        for file in sorted((folder / "llm_decisions").glob("*.jsonl.gz"))
        for line in gzip.decompress(file.read_bytes()).decode().splitlines()
        for text in words(json.loads(line))
    }


def test_what_real_models_wrote_is_read_or_refused(recorded_data: Path) -> None:
    """Their schemas are not ours, so nearly all is refused; nothing else may happen."""
    texts = recorded_words(recorded_data)

    read = [found for text in texts if (found := read_or_refused(text, Decimal(100))) is not None]

    for found in read:
        assert_possible(found, Decimal(100))
    # 6,224 strings, none of them in our schema; bounds, because the recordings may grow
    assert len(texts) > 6_000
    assert len(read) < len(texts) / 100


def test_what_real_models_decided_survives_the_translation_into_our_schema(recorded_data: Path) -> None:
    wholes = list(recorded_decisions())

    for whole in wholes:
        found = read_or_refused(whole.text, whole.price)
        assert found is not None
        assert_possible(found, whole.price)
        assert found.stop_price == Decimal(repr(float(json.loads(whole.text)["stop_price"])))
    # nofx and nof1: 749, of which 66 entries
    assert len(wholes) > 700
    assert sum(json.loads(whole.text)["action"] != "HOLD" for whole in wholes) > 60


def test_what_real_models_decided_is_read_the_same_or_not_at_all_when_damaged(recorded_data: Path) -> None:
    dice = Random(SEED)
    wholes = list(recorded_decisions())
    entries = [whole for whole in wholes if json.loads(whole.text)["action"] != "HOLD"]

    for whole in (*wholes, *entries * 10):
        kind = dice.choice(sorted(MUTATIONS))
        is_read_the_same_or_not_at_all(whole, MUTATIONS[kind](whole.text, dice), [kind])


def test_the_thousands_separators_that_broke_a_real_trader_are_read() -> None:
    """From nofx_deepseek_failures: its parser refused "6,000" in a reasoning; ours reads the decision around it."""
    text = '{"action": "HOLD", "confidence": 60, "reasoning": "价格接近106,000阻力", "stop_price": 6,000}'

    found = read_or_refused(text, Decimal(100))

    assert found is not None
    assert (found.action, found.stop_price) == ("HOLD", Decimal("6000.0"))
