"""CryptoCompare on loopback: articles as plain text, a key in its header only, and nothing that is no answer."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from semanticsignal.adapters.cryptocompare import CryptoCompare
from semanticsignal.adapters.web import Web
from semanticsignal.domain.errors import InvalidSetting, Unavailable
from semanticsignal.domain.market import epoch_ms, instant
from semanticsignal.domain.news import Article
from tests.feeds import NOON, Told, bent, site

MINUTE = timedelta(minutes=1)


def item(minutes_ago: int, title: str = "Bitcoin rises", **changes: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "guid": "g",
        "published_on": epoch_ms(NOON - minutes_ago * MINUTE) // 1_000,
        "imageurl": "https://images.example/1.png",
        "title": title,
        "url": f"https://news.example/{minutes_ago}/",
        "source": "example",
        "body": "It rose &#8230; <b>again</b>.<script>alert(1)</script>",
        "tags": "BTC",
        "categories": "BTC|Market",
        "lang": "EN",
        "source_info": {"name": "Example News", "lang": "EN", "img": ""},
    } | changes


def answer(*items: Any) -> dict[str, Any]:
    return {"Type": 100, "Message": "News list successfully returned", "Promoted": [], "Data": list(items),
            "RateLimit": {}, "HasWarning": False}  # fmt: skip


async def read(content: object, until: datetime = NOON, limit: int = 100) -> tuple[Article, ...]:
    return await CryptoCompare(Told(json.dumps(content).encode()), "k3y").articles(until=until, limit=limit)


async def test_articles_come_newest_first_as_plain_text() -> None:
    async with site({"/data/v2/news/": answer(item(9), item(3, "Ether\u202e <i>falls</i>"))}) as there:
        articles = await CryptoCompare(Web(5), "k3y", there.url).articles(until=NOON, limit=10)

    assert [article.title for article in articles] == ["Ether falls", "Bitcoin rises"]
    newest = articles[0]
    assert (newest.body, newest.source, newest.url) == ("It rose … again.", "Example News", "https://news.example/3/")
    assert (newest.published_at, newest.seen_at) == (NOON - 3 * MINUTE, NOON)
    assert len({article.id for article in articles}) == 2
    (path, headers) = there.asked[0]
    assert (path, headers["authorization"]) == ("/data/v2/news/?lang=EN", "Apikey k3y")


async def test_the_key_is_in_no_error_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    echo = {"Response": "Error", "Message": "k3y is no key", "Type": 1, "Data": {}}
    async with site({"/data/v2/news/": echo}) as there:
        with pytest.raises(Unavailable) as refused:
            await CryptoCompare(Web(5), "k3y", there.url).articles(until=NOON, limit=10)

    assert "k3y" not in str(refused.value) + caplog.text
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("key", ["", "k3y\n", "k3ÿ"])
def test_without_a_key_that_a_header_can_carry_nobody_is_asked(key: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        CryptoCompare(Web(5), key)

    assert "k3" not in str(refused.value)


async def test_what_is_published_later_and_what_is_too_much_is_left_out() -> None:
    told = answer(item(5, "five"), item(-1, "tomorrow"), item(1, "one"), item(3, "three"))

    assert [article.title for article in await read(told)] == ["one", "three", "five"]
    assert [article.title for article in await read(told, limit=2)] == ["one", "three"]
    assert [article.title for article in await read(told, until=NOON - 4 * MINUTE)] == ["five"]


@pytest.mark.parametrize("changes", [{"title": " "}, {"title": "…"}, {"url": "javascript:alert(1)"}, {"url": ""}])
async def test_an_item_that_is_no_article_is_left_out(changes: dict[str, Any]) -> None:
    assert [article.title for article in await read(answer(item(1, **changes), item(2)))] == ["Bitcoin rises"]


async def test_an_answer_of_faults_is_given_up_at_the_first() -> None:
    with pytest.raises(Unavailable, match=r"unreadable answer, Data\.0:"):
        await read(answer(*[0] * 9_000))


@given(bent(answer(item(1))))
async def test_garbage_is_refused_or_reads_as_articles(content: bytes) -> None:
    try:
        articles = await CryptoCompare(Told(content), "k3y").articles(until=NOON, limit=10)
    except Unavailable:
        return

    assert all(a.title and a.url.startswith("http") and a.published_at <= NOON for a in articles)


async def test_a_recorded_answer_reads_as_it_was(recorded_data: Path) -> None:
    content = (recorded_data / "news/cryptocompare_news_v2_sample.json").read_bytes()
    told = json.loads(content)["Data"]
    newest = instant(max(item["published_on"] for item in told) * 1_000)

    articles = await CryptoCompare(Told(content), "k3y").articles(until=newest, limit=100)

    assert len(articles) == len(told) == 5
    assert {article.url for article in articles} == {item["url"] for item in told}
    assert not any("&#" in article.body or "<" in article.body for article in articles)
