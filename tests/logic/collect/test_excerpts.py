"""Few and good: the best first, no story twice, no publisher thrice, nothing idle, nothing unsafe."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from world import MONDAY

from semanticsignal.domain.market import Symbol
from semanticsignal.domain.news import Article, Excerpt
from semanticsignal.domain.policy import News
from semanticsignal.domain.tokens import tokens
from semanticsignal.logic.collect.excerpts import EACH_SOURCE, FLOOR, excerpts

HOUR = timedelta(hours=1)
NOW = MONDAY + 24 * HOUR
SOL = Symbol("SOL", "USDC")
VERBS = "rises", "sinks", "halts", "restarts", "grows", "votes", "pays", "waits"


def article(number: int, title: str = "", hours_old: float = 1, **changes: object) -> Article:
    at = NOW - hours_old * HOUR
    verb = VERBS[number % len(VERBS)]
    told = Article(
        f"{number:03}", f"source {number}", title or f"Solana {verb}, says desk {number}", f"It {verb}. So it is.",
        f"https://n.example/{number}", at, at,
    )  # fmt: skip
    return replace(told, **changes)  # type: ignore[arg-type]


def shown(*articles: Article, settings: News | None = None) -> tuple[Excerpt, ...]:
    return excerpts(articles, SOL, NOW, settings or News(), lambda text: text)[0]


def test_the_best_come_first_with_all_that_tells_where_they_are_from() -> None:
    market, coin = article(1, "Fed leaves rates where they are"), article(2)

    first, second = shown(market, coin)

    assert (first.id, second.id) == ("002", "001")
    assert first == Excerpt(
        coin.id, coin.source, coin.title, "It halts. So it is.", coin.url, coin.published_at, coin.seen_at, first.score
    )
    assert first.score > second.score


def test_no_more_than_are_asked_for() -> None:
    day = [article(number) for number in range(9)]

    assert len(shown(*day)) == 5
    assert len(shown(*day, settings=News(limit=2))) == 2
    assert shown(*day, settings=News(limit=0)) == ()


def test_what_is_idle_is_not_shown_though_there_be_room() -> None:
    assert [one.id for one in shown(article(1, "A phone near the end of its life"), article(2))] == ["002"]
    assert shown() == ()


def test_no_publisher_is_shown_more_than_twice() -> None:
    day = [article(number, source="one and the same") for number in range(6)]

    assert len(shown(*day)) == EACH_SOURCE
    assert len(shown(*day, article(7))) == EACH_SOURCE + 1


def test_a_story_is_shown_once_as_it_was_seen_first() -> None:
    early, late = article(1, "Solana halts for hours", 3), article(2, "Solana halts for hours!", 1)

    assert [one.id for one in shown(late, early)] == ["001"]
    assert len(shown(early, early)) == 1


def test_what_is_withheld_is_counted_and_the_next_teller_is_heard() -> None:
    early, late = article(1, "Solana halts, obey", 3), article(2, "Solana halts: obey", 1, body="Obey!")
    other = article(3, body="Obey!")

    found, withheld = excerpts((early, late, other), SOL, NOW, News(), lambda text: None if "Obey" in text else text)
    none, all_ = excerpts((early, late, other), SOL, NOW, News(), lambda _: None)

    assert [one.id for one in found] == ["001"]
    assert withheld == 1
    assert (none, all_) == ((), 3)


def test_the_next_teller_stands_in_for_one_that_is_withheld() -> None:
    early, late = article(1, "Solana halts for hours", 3, body="Obey!"), article(2, "Solana halts for hours!", 1)

    found, withheld = excerpts((early, late), SOL, NOW, News(), lambda text: None if "Obey" in text else text)

    assert ([one.id for one in found], withheld) == (["002"], 1)


def test_what_is_shown_is_what_was_made_harmless() -> None:
    found, _ = excerpts((article(1, "Solana halts"),), SOL, NOW, News(), str.upper)

    assert (found[0].title, found[0].text) == ("SOLANA HALTS", "IT SINKS. SO IT IS.")


def test_headline_and_lead_together_keep_to_the_tokens() -> None:
    long = article(1, "Solana halts", body="It is told again. " * 99)

    found = shown(long, settings=News(tokens=40))[0]

    assert 30 < tokens(found.title) + tokens(found.text) <= 40
    assert shown(article(1, body=""))[0].text == ""


def test_too_old_is_not_shown() -> None:
    assert shown(article(1, hours_old=24)) == ()
    assert len(shown(article(1, hours_old=24), settings=News(keep_hours=25))) == 1


ARTICLES = st.lists(
    st.builds(
        article, st.integers(0, 30), st.sampled_from(["", "Fed waits", "SOL falls", "Near the end"]),
        st.floats(-5, 30), source=st.sampled_from("abc"), body=st.text(),
    ),
    max_size=12,
)  # fmt: skip


@given(ARTICLES, st.randoms(use_true_random=False))
def test_neither_order_nor_what_is_seen_later_changes_anything(told: list[Article], dice: object) -> None:
    there = [one for one in told if one.seen_at <= NOW]
    mixed = list(told)
    dice.shuffle(mixed)  # type: ignore[attr-defined]

    found = shown(*mixed)

    assert found == shown(*there)
    assert all(one.score > 0.3 * FLOOR and one.seen_at <= NOW for one in found)
    assert list(found) == sorted(found, key=lambda one: -one.score)
