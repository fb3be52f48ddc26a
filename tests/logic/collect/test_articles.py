"""Words out of markup, one of each story, and nothing too old, too new or unseen."""

from datetime import timedelta
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import MONDAY

from semanticsignal.domain.news import Article
from semanticsignal.logic.collect.articles import MOST, cleaned, headline, kept, plain, story

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = MONDAY + DAY


def article(number: int = 0, hours_old: float = 1, **changes: object) -> Article:
    """A story of its own number, seen now."""
    told = {
        "id": "",
        "source": "hand",
        "title": f"Story {number}",
        "body": "It is told.",
        "url": f"https://news.example/{number}",
        "published_at": NOW - hours_old * HOUR,
        "seen_at": NOW,
    }
    return Article(**(told | changes))  # type: ignore[arg-type]


def titles(*articles: Article, keep: timedelta = DAY) -> list[str]:
    return [one.title for one in kept(articles, NOW, keep)]


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("plain", "plain"),
        ("a <b>b</b>old c", "a bold c"),
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("one<br/>two", "one\ntwo"),
        ("one\ntwo\n \nthree", "one two\nthree"),
        ("<script>x</script>a<style>y</style><template>z</template>b", "ab"),
        ("AT&amp;T &lt;rose&gt; &#8230; &nbsp; 5 < 6 > 4", "AT&T <rose> … 5 < 6 > 4"),
        ("<!-- no --> yes <![CDATA[no]]>", "yes"),
        ("a\u200bb\u202ec\x00d\ufe0f\u00ade", "abcde"),
        ("\ud800x", "x"),
        ("<img alt='no' src=x onerror=y>", ""),
        ("</script>a", "a"),
    ],
)
def test_what_is_left_is_what_a_reader_reads(markup: str, words: str) -> None:
    assert plain(markup, 100) == words


@given(st.text(), st.integers(5, 60))
def test_whatever_comes_is_short_and_can_be_seen(text: str, limit: int) -> None:
    words = plain(text, limit)

    assert len(words) <= limit
    assert not [letter for letter in words if letter != "\n" and category(letter)[0] == "C"]
    assert words == "\n".join(" ".join(line.split()) for line in words.split("\n"))


def test_a_long_text_is_cut_at_a_word() -> None:
    assert plain("word " * 10, 13) == "word word…"
    assert plain("x" * 50, 10) == "x" * 9 + "…"


def test_markup_that_never_closes_takes_no_time() -> None:
    for scrap in ("<!--", "<![", "<a ", "&", "<p><script>", "</"):
        plain(scrap * 100_000, 2_000)


@pytest.mark.parametrize(
    "url",
    [
        "https://news.example/a",
        "http://www.news.example/a/",
        "https://NEWS.example/a#top",
        "https://news.example/a?utm_source=rss&utm_medium=x&fbclid=1",
    ],
)
def test_one_story_has_one_name_however_it_is_linked(url: str) -> None:
    assert story(url) == story("https://news.example/a")
    assert cleaned(article(url=url)).id == cleaned(article(url="https://news.example/a")).id  # type: ignore[union-attr]


def test_what_is_asked_for_tells_stories_apart() -> None:
    assert story("https://n.example/a?id=1") != story("https://n.example/a?id=2")
    assert story("https://n.example/a?b=1&a=2") == story("https://n.example/a?a=2&b=1")
    assert story("https://n.example:8443/a") != story("https://n.example/a")
    assert story("https://medium.example/@writer/a")


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "ftp://n.example/a", "javascript:alert(1)", "//n.example/a", "https://", "https://a b/", "https://[/",
     "https://n.example:x/", "https://you@n.example/", "https://n.example/<a>", "https://n.example/\u202e", "https:///a",
     "https://n.example/" + "a" * 2_000, " https://n.example/", 'https://n.example/"'],
)  # fmt: skip
def test_what_is_no_address_of_the_web_is_refused(url: str) -> None:
    assert story(url) is None


@pytest.mark.parametrize("title", ["", " ", "<b></b>", "…", "12.5 %", "\u200b"])
def test_an_article_without_a_title_is_none(title: str) -> None:
    assert cleaned(article(title=title)) is None


@given(st.builds(article, url=st.text() | st.just("https://n.example/a"), title=st.text(), body=st.text()))
def test_what_is_clean_stays_as_it_is(told: Article) -> None:
    first = cleaned(told)

    assert first is None or (first.id and first.title and "\n" not in first.title)


def test_one_of_each_story_stands_newest_first() -> None:
    assert titles(article(1, 3), article(2, 1), article(3, 2)) == ["Story 2", "Story 3", "Story 1"]
    assert titles(article(1), article(9, title="STORY — 1!")) == ["Story 1"]
    assert titles(article(1), article(1, title="Told again")) == ["Story 1"]


def test_what_was_seen_first_stands_as_it_was() -> None:
    early = article(1, 5, body="short", seen_at=NOW - 4 * HOUR)
    late = article(1, 3, body="long " * 20)

    assert kept((late, early), NOW, DAY) == (early,)
    assert kept((article(1, 5), article(1, 5, body="longer than the other")), NOW, DAY)[0].body.startswith("longer")


def test_what_bridges_two_names_of_a_story_is_the_same_story() -> None:
    first, bridge = article(1, 5), article(2, 4, title="Story 1")
    again = article(2, 3, title="Another headline")

    assert titles(first, bridge, again) == ["Story 1"]


def test_too_old_not_yet_published_and_not_yet_seen_are_left_out() -> None:
    assert titles(article(1, 24), article(2, 23.99)) == ["Story 2"]
    assert titles(article(1, -0.01), article(2, 0)) == ["Story 2"]
    assert titles(article(1, seen_at=NOW + HOUR)) == []
    assert titles(article(1, 3), keep=2 * HOUR) == []


def test_no_more_than_can_be_kept_are() -> None:
    assert len(titles(*(article(number, number / 100) for number in range(MOST + 9)))) == MOST


@given(st.permutations([article(n % 7, n % 5, body="x" * n, source=str(n % 3)) for n in range(12)]))
def test_the_order_of_the_answers_changes_nothing(told: list[Article]) -> None:
    assert kept(told, NOW, DAY) == kept(sorted(told, key=repr), NOW, DAY)


def test_a_headline_is_its_words() -> None:
    assert headline("Bitcoin’s  “Rise” – 5%!") == headline("bitcoin’s rise 5")


def test_tags_that_never_end_are_words_and_are_looked_at_once() -> None:
    assert plain("<a " * 3 + "5 < 6 and <b>bold</b> <", 100) == "<a <a <a 5 < 6 and bold <"
    # each of these would be looked for to the end of the text by a parser that starts anew
    assert len(plain("<a " * 100_000, 50)) <= 50
