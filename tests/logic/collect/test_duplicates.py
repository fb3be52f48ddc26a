"""One story told by several is one; stories on one theme are several."""

from datetime import timedelta

import pytest
from conftest import NO_RECORDED_DATA
from hypothesis import given
from hypothesis import strategies as st
from world import MONDAY

from bench.relevance import recorded
from semanticsignal.domain.news import Article
from semanticsignal.logic.collect.duplicates import stories

TOLD = (
    "The exchange said on Monday that it would return all coins to its users within a week, after a court had approved"
    " the plan that creditors had voted on in spring."
)


def article(number: int, title: str, body: str = "", source: str = "hand", minutes: int = 0) -> Article:
    seen = MONDAY + timedelta(minutes=minutes)
    return Article(f"{number:03}", source, title, body, f"https://n.example/{number}", MONDAY, seen)


def ids(*articles: Article) -> list[str]:
    return ["".join(one.id[-1] for one in story) for story in stories(articles)]


def test_the_same_first_words_by_another_publisher_are_the_same_story() -> None:
    first, second = article(1, "Users get coins back", TOLD), article(2, "Court nods to plan", TOLD, "other", 5)

    assert ids(second, first) == ["12"]


def test_a_brief_of_a_story_is_the_same_story() -> None:
    assert ids(article(1, "A", TOLD + " It is more. " * 20), article(2, "B", TOLD[:90], "other")) == ["12"]


def test_the_same_headline_with_other_marks_is_the_same_story() -> None:
    assert ids(article(1, "XRP moves as its maker buys back"), article(2, "XRP moves – as its maker buys back!")) == [
        "12"
    ]


def test_what_one_publisher_says_every_day_makes_no_story() -> None:
    digest = (
        "Get your daily digest of coins and chains, of what was said and done and what was not, in a minute or two."
    )

    assert ids(article(1, "A bank and a bridge", digest), article(2, "Two funds and a fork", digest)) == ["1", "2"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Listings and delistings: week 45", "Listings and delistings: week 46"),
        ("Bitcoin falls below $30,000 in a day", "Bitcoin falls below $28,000 in a day"),
        ("Bitcoin and Ether struggle to recover, YFI rallies", "Bitcoin and Ether struggle to recover, AAVE rises"),
        ("SEC rejects a spot fund of Alder", "SEC rejects a spot fund of Birch and Sons"),
    ],
)
def test_a_series_and_a_theme_are_several_stories(one: str, other: str) -> None:
    assert ids(article(1, one), article(2, other)) == ["1", "2"]


def test_every_teller_is_like_the_first_and_nothing_is_chained() -> None:
    words = [f"word{letter}" for letter in "abcdefghijklmno"]
    chain = [article(n, " ".join(words[n : n + 10]), minutes=n) for n in range(5)]

    assert ids(*chain) == ["01", "23", "4"]


def test_nothing_told_is_no_story() -> None:
    assert stories(()) == ()
    assert ids(article(1, "…"), article(2, "…", source="other")) == ["1", "2"]


TEXTS = st.lists(
    st.tuples(st.sampled_from(["A b c d e", "A b c d f", TOLD[:60]]), st.sampled_from(["", TOLD]), st.text())
)


@given(TEXTS, st.randoms(use_true_random=False))
def test_each_article_is_in_one_story_whatever_their_order(told: list[tuple[str, str, str]], dice: object) -> None:
    some = [article(n, title + more, body, str(n % 3), n % 4) for n, (title, body, more) in enumerate(told)]
    mixed = list(some)
    dice.shuffle(mixed)  # type: ignore[attr-defined]

    assert stories(mixed) == stories(some)
    assert sorted(one.id for story in stories(some) for one in story) == [one.id for one in some]


def test_of_what_was_really_written_three_stories_were_told_twice() -> None:
    some = list(recorded())
    if not some:
        pytest.skip(NO_RECORDED_DATA)

    assert [len(story) for story in stories(some) if len(story) > 1] == [2, 2, 2]
