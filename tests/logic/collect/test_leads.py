"""Whole sentences from the top, none of what every article says, never more than may be spent."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.domain.tokens import tokens
from semanticsignal.logic.collect.leads import _undated, lead, sentences

NEWS = "Solana rose 3.5% to $182.50 in the U.S. on Monday. Mr. Smith of Acme Inc. bought. Others sold."


def test_abbreviations_and_decimals_end_no_sentence() -> None:
    assert sentences(NEWS) == (
        "Solana rose 3.5% to $182.50 in the U.S. on Monday.", "Mr. Smith of Acme Inc. bought.", "Others sold.",
    )  # fmt: skip
    assert sentences("It was approx. 3 p.m. there. So said Dr. Who. He left.") == (
        "It was approx. 3 p.m. there.", "So said Dr. Who.", "He left.",
    )  # fmt: skip


def test_as_many_of_the_first_sentences_as_may_be_spent() -> None:
    assert lead("A title", NEWS, 100) == NEWS
    assert lead("A title", NEWS, tokens(NEWS) - 1) == NEWS.removesuffix(" Others sold.")
    assert lead("A title", NEWS, 24) == "Solana rose 3.5% to $182.50 in the U.S. on Monday."


def test_a_long_sentence_does_not_let_a_later_one_go_before_it() -> None:
    assert lead("", f"It is so. Long {'long ' * 90}it was. It ends.", 20) == "It is so."


@pytest.mark.parametrize(
    "empty",
    [
        "Follow us on Telegram.", "Read more: what others said.", "Disclaimer: not advice.", "Key facts",
        "This article was first published elsewhere.", "Subscribe to our letter.", "Related: what came before.",
        "BTC $65,000 +1.2% ETH $3,500 -0.4% SOL $180 +3%", "The title told again", "Image: a chart.",
    ],
)  # fmt: skip
def test_what_every_article_says_is_left_out(empty: str) -> None:
    assert lead("The title told again", f"{empty}\nIt fell.\n{empty}", 100) == "It fell."


def test_the_place_and_day_at_the_top_are_left_out() -> None:
    assert lead("", "NEW YORK, June 20 (Reuters) - Bitcoin fell.", 100) == "Bitcoin fell."
    assert lead("", "LONDON – It rose.", 100) == "It rose."
    assert lead("", "BTC-based funds rose.", 100) == "BTC-based funds rose."


def test_what_the_feed_cut_off_is_shown_only_when_there_is_nothing_else() -> None:
    assert lead("", "It fell. It then went […]", 100) == "It fell."
    assert lead("", "It fell and then it went…", 100) == "It fell and then it went…"


def test_a_heading_is_shown_only_when_there_is_nothing_else() -> None:
    assert lead("", "What happened\nIt fell.\nWhat next", 100) == "It fell."
    assert lead("", "Solana fell", 100) == "Solana fell"


def test_a_paragraph_without_end_is_read_to_a_bound() -> None:
    assert lead("", "It fell. " * 900 + "It ro", 9_000) == " ".join(["It fell."] * 444)


def test_a_first_sentence_that_is_too_long_is_cut_at_a_clause() -> None:
    told = "When the market opened that morning, nobody had thought of it, and those who had were gone by noon."

    assert lead("", told, 18) == "When the market opened that morning, nobody had thought of it…"
    assert lead("", told.replace(",", ""), 12) == "When the market opened that morning nobody had thought…"
    assert lead("", "x" * 99, 6) == "x" * 22 + "…"
    assert lead("", told, 1) == ""
    assert lead("", told, -9) == ""


def test_a_lead_is_as_long_as_the_prompt_counts_it() -> None:
    """Of 14 letters and a full stop, 4.38 tokens: 114 of them are 499.32, one more is too much."""
    assert lead("", "It fell all again. " * 200, 500) == " ".join(["It fell all again."] * 114)


PLAIN = st.text(st.sampled_from("ab N.!?…,\n\"'()5–U ")) | st.text()


@given(PLAIN, PLAIN, st.integers(-5, 60))
def test_whatever_is_written_the_lead_is_short_and_stands_in_the_text(title: str, body: str, limit: int) -> None:
    text = lead(title, body, limit)

    assert not text or tokens(text) <= limit
    left = text
    for paragraph in map(str.strip, body.split("\n")):
        for sentence in sentences(_undated(paragraph)):
            left = left[len(sentence) :].lstrip() if left.startswith(sentence) else left
    assert not left or left.endswith("…")


@given(PLAIN)
def test_sentences_are_the_text_and_none_overlap(text: str) -> None:
    found = sentences(text)

    places, at = [], 0
    for one in found:
        at = text.index(one, at)
        places.append((at, at := at + len(one)))
    assert all(not text[end:start].strip() for (_, end), (start, _) in pairwise(places))


@pytest.mark.parametrize("scrap", ["“", "a. ", "x", "NEW YORK ", "read more\n", "p.m. ", "$5 ", "…", ". ", "(", ", "])
def test_hostile_texts_take_no_time(scrap: str) -> None:
    assert tokens(lead("", scrap * 50_000, 500)) <= 500
