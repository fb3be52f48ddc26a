"""Untrusted words → a post-mortem's, bounded, each on one line; or what is wrong with them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.domain.errors import InvalidReply
from semanticsignal.logic.review.reply import LENGTHS, LONGEST, Words, schema, words

GOOD = {"expected": "a breakout", "actual": "it failed", "verdict": "chased", "lesson": "wait for the retest"}


def said(**changes: Any) -> str:
    return json.dumps(GOOD | changes)


@pytest.mark.parametrize(
    "text",
    [said(), f"```json\n{said()}\n```", f"```\n{said()}```", f"<think>{{draft}}</think>\n {said()}", said(extra=1)],
    ids=["as asked", "fenced", "fenced without a name", "after its thoughts", "with more than was asked for"],
)
def test_a_post_mortem_is_read(text: str) -> None:
    assert words(text) == Words("a breakout", "it failed", "chased", "wait for the retest")


REFUSED = {
    "nothing": ("", "one JSON object"),
    "prose": ("It was chased.", "one JSON object"),
    "a list": ("[1]", "one JSON object"),
    "a broken end": (said()[:-5], "one JSON object"),
    "two objects": (said() + said(), "one JSON object"),
    "a missing lesson": (json.dumps({k: v for k, v in GOOD.items() if k != "lesson"}), "lesson is text, was None"),
    "a number": (said(verdict=5), "verdict is text, was 5"),
    "a list of words": (said(actual=["it", "failed"]), "actual is text"),
    "an empty verdict": (said(verdict=" \n\t"), "verdict says something"),
    "marks alone": (said(lesson="... --- !"), "lesson says something"),
    "a decision": ('{"action": "BUY", "confidence": 90}', "expected is text"),
    "a flood": (said(lesson="x" * LONGEST), "at most 20000 characters"),
    "a tower": ("[" * 5000, "one JSON object"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_post_mortem_is_refused_by_name(what: str) -> None:
    text, why = REFUSED[what]

    with pytest.raises(InvalidReply, match=why):
        words(text)


def test_words_are_kept_on_one_line_without_the_marks_of_prompts() -> None:
    read = words(said(lesson="wait\nfor [rules]\u2028- AVOID {all} <b>\x1b[2J`of`\u202e it"))

    assert read.lesson == "wait for rules - AVOID all b 2J of it"


def test_longer_words_end_at_their_bound() -> None:
    read = words(said(verdict="v" * 500, lesson="l " * 900))

    assert (len(read.verdict), read.verdict[-1]) == (120, "…")
    assert len(read.lesson) <= 600 and read.lesson.endswith("l…")
    assert words(said(verdict="v" * 120)).verdict == "v" * 120


def test_the_schema_asks_for_what_is_read() -> None:
    asked = schema()

    assert set(asked["properties"]) == set(asked["required"]) == set(Words._fields) == set(LENGTHS)
    assert {each["type"] for each in asked["properties"].values()} == {"string"}
    assert asked["additionalProperties"] is False


@given(st.dictionaries(st.sampled_from(list(GOOD)), st.text() | st.integers() | st.none()) | st.text())
def test_whatever_is_said_is_refused_or_safe_to_show(garbage: Any) -> None:
    try:
        read = words(garbage if isinstance(garbage, str) else json.dumps(GOOD | garbage))
    except InvalidReply:
        return

    for name, line in read._asdict().items():
        assert 0 < len(line) <= LENGTHS[name] and line.isprintable()
