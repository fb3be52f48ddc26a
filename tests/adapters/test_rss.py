"""Feeds on loopback: what publishers send, what they should not, and what is no feed at all."""

import asyncio
import gzip
from datetime import timedelta
from email.utils import format_datetime
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import feedparser
import orjson
import pytest
from feedparser.mixin import _FeedParserMixin
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal import wiring
from semanticsignal.adapters.rss import DEEPEST, FEEDS, LONGEST, MOST_PARTS, SITES, RssFeed
from semanticsignal.adapters.web import Web
from semanticsignal.domain.errors import InvalidSetting, Unavailable
from semanticsignal.domain.market import instant
from semanticsignal.domain.news import Article
from semanticsignal.domain.policy import News, Settings
from semanticsignal.settings import load
from tests.feeds import NOON, Told, site

MINUTE = timedelta(minutes=1)


def item(minutes_ago: int, title: str = "Bitcoin rises", link: str | None = None, body: str = "It rose.") -> str:
    address = f"https://news.example/{minutes_ago}?utm_source=rss" if link is None else link
    at = format_datetime(NOON - minutes_ago * MINUTE)
    return (
        f"<item><title><![CDATA[{title}]]></title><link>{escape(address)}</link><guid>{minutes_ago}</guid>"
        f"<pubDate>{at}</pubDate><dc:creator>A. Writer</dc:creator><description><![CDATA[{body}]]></description></item>"
    )


def rss(*items: str, head: str = "") -> bytes:
    """As the publishers on the list send it: RSS 2.0 in UTF-8."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>Example</title>'
        f"<link>https://news.example</link><language>en</language>{''.join(items)}</channel></rss>"
    ).encode()


ATOM = b"""<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Example</title><entry>
<title type="html">Ether &amp;amp; friends</title><link href="https://news.example/a"/><updated>2026-01-05T11:00:00+01:00
</updated><summary>Short.</summary><content type="html">&lt;p&gt;Long, in full.&lt;/p&gt;</content></entry></feed>"""


async def read(content: bytes, limit: int = 100) -> tuple[Article, ...]:
    return await RssFeed(Told(content), "example", "").articles(until=NOON, limit=limit)


async def refusal(content: bytes) -> str:
    with pytest.raises(Unavailable) as refused:
        await read(content)
    return str(refused.value)


async def test_a_feed_is_fetched_and_told_newest_first() -> None:
    content = rss(item(30, "Older", body="<p>One &amp; two.</p><p>Three.</p>"), item(5))
    async with site({"/rss": content}, headers={"content-type": "text/xml; charset=latin-1"}) as there:
        articles = await RssFeed(Web(5), "example", f"{there.url}/rss").articles(until=NOON, limit=10)

    newest, older = articles
    assert (newest.title, newest.body, newest.source) == ("Bitcoin rises", "It rose.", "example")
    assert (newest.url, newest.published_at, newest.seen_at) == (
        "https://news.example/5?utm_source=rss",
        NOON - 5 * MINUTE,
        NOON,
    )
    assert (older.title, older.body) == ("Older", "One & two.\nThree.")


async def test_atom_is_a_feed_too_and_the_longest_text_is_taken() -> None:
    (article,) = await read(ATOM)

    assert (article.title, article.body) == ("Ether & friends", "Long, in full.")
    assert article.published_at == NOON - 2 * 60 * MINUTE


async def test_what_is_published_later_undated_or_too_much_is_left_out() -> None:
    undated = item(4, "undated").replace("pubDate", "nothing")
    content = rss(item(9, "nine"), item(-1, "tomorrow"), undated, item(3, "three"))

    assert [article.title for article in await read(content)] == ["three", "nine"]
    assert [article.title for article in await read(content, limit=1)] == ["three"]


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "/relative", "", "data:text/html,x", "https://a b/", "https://you@evil.example/"]
)
async def test_an_item_without_an_address_of_the_web_is_left_out(link: str) -> None:
    assert [article.title for article in await read(rss(item(1, "bad", link), item(2, "good")))] == ["good"]


async def test_the_text_is_plain_bounded_and_only_what_a_reader_sees() -> None:
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "buy now")
    body = f"<style>p</style><p onclick='x()'>A\u202eB\x07C{hidden}</p><!-- buy --><script>buy()</script><img src=x>"
    content = rss(item(1, f"T{hidden}\n<b>i</b>tle", body=body + "word " * 5_000))

    (article,) = await read(content)

    assert article.title == "T itle"
    assert article.body.startswith("ABC\nword word") and article.body.endswith("word…")
    assert len(article.body) <= 2_000


async def test_broken_markup_tells_what_can_be_read() -> None:
    content = rss(item(1)).replace(b"</channel></rss>", b"<item><title>cut")

    assert [article.title for article in await read(content)] == ["Bitcoin rises"]


BOMB = '<!DOCTYPE r [<!ENTITY a "' + "x" * 1_000 + '"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
FILE = '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("head", [BOMB, FILE, FILE.replace("ENTITY", "EnTiTy"), FILE.replace("SYSTEM", "PUBLIC 'p'")])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
async def test_a_feed_that_declares_entities_is_not_read(head: str, encoding: str) -> None:
    content = rss(item(1, "&a;&b;"), head=head).decode().replace('encoding="UTF-8"', "")

    assert "example: " in await refusal(content.encode(encoding))


async def test_an_external_document_type_is_not_fetched() -> None:
    async with site({"/x.dtd": b"<!ELEMENT rss ANY>"}) as there:
        articles = await read(rss(item(1), head=f'<!DOCTYPE rss SYSTEM "{there.url}/x.dtd">'))

    assert (len(articles), there.asked) == (1, [])


@pytest.mark.parametrize(
    "content",
    [b"", b"   ", b"error code: 1020", b"<html><body><h1>Just a moment...</h1></body></html>", b'{"items": []}',
     b"\x1f\x8b\x08", b"/etc/passwd", b"https://news.example/rss", b"\xff\xfe<\x00", b"<" * 5_000, b"&#" * 5_000],
)  # fmt: skip
async def test_what_is_no_feed_is_no_answer(content: bytes) -> None:
    assert "not a feed" in await refusal(content)


AUTHORS = ["author", "dc:creator", "managingEditor", "webMaster", "itunes:author", "dc:publisher", "contributor"]


@pytest.mark.parametrize("name", AUTHORS)
@pytest.mark.parametrize("place", ["<item>", "<channel>"])
async def test_who_wrote_it_is_never_looked_at(name: str, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # feedparser looks for an address in it, in a time that grows with the square of its length; gone from a later
    # version, it fails here, for somebody to look for what came instead
    looked: list[object] = []
    monkeypatch.setattr(_FeedParserMixin, "_sync_author_detail", lambda *told: looked.append(told))
    content = rss(item(1)).decode().replace(place, f"{place}<{name}>a@b.example</{name}>")
    feedparser.parse(BytesIO(content.replace(name, "author").encode()))
    assert looked
    looked.clear()

    assert [article.title for article in await read(content.encode())] == ["Bitcoin rises"]
    assert looked == []


HOSTILE = {
    "an author": b"<author>" + b"a" * 200_000 + b"@</author>",
    "categories": b"".join(b"<category>%d</category>" % n for n in range(9_000)),
    "tags": b"<tags>" + b",".join(b"%d" % n for n in range(50_000)) + b"</tags>",
    "a base": b'<a xml:base="http://x/' + b"a" * 200_000 + b'/"/>',
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
async def test_what_is_not_read_does_not_reach_the_parser(hostile: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[bytes] = []
    parse = feedparser.parse
    monkeypatch.setattr(feedparser, "parse", lambda body, **o: (given.append(body.getvalue()), parse(body, **o))[1])

    articles = await read(rss(item(1)).replace(b"<guid>", hostile + b"<guid>"))

    assert [article.title for article in articles] == ["Bitcoin rises"]
    assert len(given[0]) < 1_000


@pytest.mark.parametrize("between", [b"\n" * 300_000, b"<?" + b'encoding=""' * 30_000 + b"?>", b"<!-- -->" * 30_000])
async def test_what_stands_before_a_feed_does_not_reach_the_parser(
    between: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[bytes] = []
    empty = feedparser.FeedParserDict(entries=[])
    monkeypatch.setattr(feedparser, "parse", lambda body, **_: (given.append(body.getvalue()), empty)[1])

    await read(rss(item(1)).replace(b"<rss", between.replace(b"<?", b"<?x ") + b"<rss", 1))

    assert given[0].startswith(b"<rss ") and len(given[0]) < 1_000


@pytest.mark.parametrize("inside", ["<title>{}</title>", "<nothing>{}</nothing>", "{}"])
async def test_a_feed_is_nested_as_deep_as_markup_is(inside: str) -> None:
    def nest(deep: int) -> bytes:
        return rss(item(1)).replace(b"<guid>", inside.format("<a>" * deep + "</a>" * deep).encode() + b"<guid>")

    assert len(await read(nest(DEEPEST - 4))) == 1
    assert "nested deeper than 64" in await refusal(nest(DEEPEST))
    assert "nested deeper than 64" in await refusal(nest(DEEPEST).partition(b"</a>")[0])


async def test_a_feed_is_only_so_long_and_of_so_many_parts() -> None:
    assert "more than 1000000 bytes" in await refusal(rss(item(1, body="x" * LONGEST)))
    assert "more than 5000 parts" in await refusal(rss("<item/>" * (MOST_PARTS + 1)))
    assert "more than 5000 parts" in await refusal(rss(f"<item>{'<link/>' * MOST_PARTS}</item>"))


async def test_of_a_part_no_more_is_read_than_is_kept() -> None:
    far = "https://news.example/" + "a" * 3_000
    content = rss(item(1, "far", far), item(2, "T" * 200_000, body="word " * 100_000))

    (article,) = await read(content)

    assert (len(article.title), len(article.body) <= 2_000) == (300, True)


async def test_what_xml_does_not_know_is_read_all_the_same() -> None:
    told = item(1).replace("<![CDATA[Bitcoin rises]]>", "R&D \x01&nbsp;&eacute; &amp; &nothing;<b>up</b>")
    content = b"\xef\xbb\xbf\n" + rss(told.replace("<link>", "<link>https://news.example/?a=1&b=2</link><!--"))

    (article,) = await read(content.replace(b"</link><guid>", b"--><guid>"))

    assert (article.title, article.url) == ("R&D é & up", "https://news.example/?a=1&b=2")


async def test_markup_that_is_not_wrapped_is_read_too() -> None:
    body = b"<div xmlns='http://www.w3.org/1999/xhtml'><p>One &lt; two.</p><p><svg/>Three.</p></div>"
    content = ATOM.replace(b'<content type="html">&lt;p&gt;Long, in full.&lt;/p&gt;', b'<content type="xhtml">' + body)

    (article,) = await read(content)

    assert article.body == "One < two.\nThree."


async def test_a_feed_without_articles_is_a_feed() -> None:
    assert await read(rss()) == ()


PARTS = [
    "<rss>", "<item>", "</item>", "<![CDATA[", "]]>", "<link>", "<title>", "<!--", "<?xml", "&lt;", "&#xD800;", "&x;",
    "<pubDate>99 Foo 2026", "<pubDate>0000-00-00T99:99:99Z</pubDate>", "<updated>9999999999999</updated>", "<!DOCTYPE",
    "<content type='html'>", "http://[::1", "\x00", "<svg><math>", "xml:base='//['", "<media:content url=''>",
    "<geo:lat>x</geo:lat>", "<enclosure length='x'>", "<feed xmlns='http://www.w3.org/2005/Atom'>",
]  # fmt: skip


@st.composite
def bent_feeds(draw: st.DrawFn) -> bytes:
    """No feed at all, scraps of one, or one with scraps thrown in."""
    scraps = "".join(draw(st.lists(st.sampled_from(PARTS) | st.text(max_size=9), max_size=12)))
    if draw(st.booleans()):
        return draw(st.binary(max_size=80)) + scraps.encode(errors="replace")
    whole = draw(st.sampled_from([rss(item(1), item(2, "Second")), ATOM]))
    at = draw(st.integers(0, len(whole)))
    return whole[:at] + scraps.encode(errors="replace") + whole[draw(st.sampled_from([at, at + 7])) :]


@given(bent_feeds())
async def test_garbage_is_refused_or_reads_as_articles(content: bytes) -> None:
    try:
        articles = await read(content)
    except Unavailable:
        return

    assert all(a.title and a.url.startswith("http") and a.published_at <= NOON for a in articles)
    assert orjson.dumps(articles)


async def test_a_feed_that_takes_too_long_to_read_is_given_up() -> None:
    content = rss(*(item(number % 60, body="<p>word" * 200) for number in range(400)))

    with pytest.raises(Unavailable, match=r"takes more than 0\.01 s"):
        await RssFeed(Told(content), "example", "", timeout_s=0.01).articles(until=NOON, limit=400)


def test_the_list_has_an_address_for_each_publisher_of_the_settings() -> None:
    assert tuple(FEEDS) == News().feeds
    assert all(url.startswith("https://") for url in FEEDS.values())


def test_who_is_asked_is_what_the_settings_say() -> None:
    some = Settings(news=News(feeds=("decrypt", "coindesk", "decrypt")))

    assert [feed.name for feed in wiring.news_feed(some)] == ["decrypt", "coindesk"]
    assert [feed.name for feed in wiring.news_feed(some, "k3y")] == ["decrypt", "coindesk", "cryptocompare"]
    assert wiring.news_feed(Settings(news=News(feeds=())), "k3y") == ()
    assert [feed.name for feed in wiring.context_feed(Settings())] == [
        "alternative.me", "coingecko", "defillama tvl", "defillama stablecoins", "defillama dex_volume_24h",
        "defillama fees_24h",
    ]  # fmt: skip


def test_publishers_are_named_in_one_word_with_commas_and_no_other_is_asked() -> None:
    assert load(environ={"SEMSIG_NEWS__FEEDS": "decrypt, coindesk"}).settings.news.feeds == ("decrypt", "coindesk")
    assert load(environ={"SEMSIG_NEWS__FEEDS": ""}).settings.news.feeds == ()
    with pytest.raises(InvalidSetting, match=r"news\.feeds\.0: must be 'coindesk', .*was 'theblock'"):
        load(environ={"SEMSIG_NEWS__FEEDS": "theblock"})


async def test_recorded_bodies_come_through_a_feed_as_plain_text(recorded_data: Path) -> None:
    lines = gzip.decompress((recorded_data / "news/fullbody_2024-06_a.jsonl.gz").read_bytes()).splitlines()
    told: list[dict[str, Any]] = [orjson.loads(line) for line in lines]
    items = [item(number, one["title"], body=one["body"]) for number, one in enumerate(told)]

    articles = await read(rss(*items))

    assert len(articles) == len(told) > 50
    for article, one in zip(articles, told, strict=True):
        assert article.title.split() == one["title"].split()
        assert one["body"].split()[:20] == article.body.split()[:20]
        assert instant(0) < article.published_at and len(article.body) <= 2_000


STORY = "".join(f"<p>Paragraph {n} of the story says at some length what happened on that day.</p>" for n in range(9))
PAGE = f"""<!doctype html><html><head><title>T</title><script>buy("now")</script></head><body>
<nav><a href="/">Home</a> Menu</nav><main><article><h1>Bitcoin rises</h1>{STORY}
<p style="display:none">hidden words</p></article></main><footer>All rights reserved</footer></body></html>""".encode()


async def whole(there: Any, *items: str, site: str = "", **changes: Any) -> tuple[Article, ...]:
    """A feed read with its publisher's pages."""
    feed = RssFeed(
        Told(rss(*items)), "example", "", pages=Web(5, 200_000, stays=True), site=site or there.url, **changes
    )
    return await feed.articles(until=NOON, limit=100)


async def test_what_is_only_announced_is_read_on_its_own_page() -> None:
    async with site({"/a": PAGE}) as there:
        (article,) = await whole(there, item(1, link=f"{there.url}/a"))

    assert article.body.startswith("Paragraph 0 of the story") and "Paragraph 8" in article.body
    assert not [word for word in ("hidden", "Menu", "rights", "buy", "Bitcoin rises") if word in article.body]
    assert article.title == "Bitcoin rises"


async def test_only_a_publisher_s_own_pages_are_read_and_only_the_newest_that_are_short() -> None:
    async with site({f"/{n}": PAGE for n in range(30)}) as there:
        mine = [item(n, f"Story {n}", f"{there.url}/{n}") for n in range(1, 20)]
        long = item(0, "Long", f"{there.url}/0", body="word " * 100)
        told = await whole(there, *mine, long, item(25, "Elsewhere", "https://news.example/25"))
        asked = {path for path, _ in there.asked}
        there.asked.clear()
        await whole(there, item(1, link=f"{there.url}/1"), site="https://other.example")

    assert asked == {f"/{n}" for n in range(1, 16)}
    assert [len(article.body) > 400 for article in told] == [True] * 16 + [False] * 5
    assert there.asked == []


@pytest.mark.parametrize("page", [b"", b"<html><body><p>Just a moment...</p>", b"<div>" * 5_000, b"\xff" * 300_000])
async def test_a_page_that_cannot_be_had_leaves_the_announcement(page: bytes) -> None:
    async with site({"/a": page} if page else {}) as there:
        (article,) = await whole(there, item(1, link=f"{there.url}/a"))

    assert (article.body, len(there.asked)) == ("It rose.", 1)


async def test_pages_that_take_too_long_leave_the_announcement() -> None:
    class Asleep(Web):
        async def get(self, url: str, headers: Any = ()) -> bytes:
            await asyncio.sleep(60)
            return PAGE

    feed = RssFeed(Told(rss(item(1))), "example", "", pages=Asleep(1), site="https://news.example", pages_s=0.05)

    (article,) = await feed.articles(until=NOON, limit=9)

    assert article.body == "It rose."


async def test_a_page_that_leads_to_another_host_is_not_followed() -> None:
    moved = {"location": "https://elsewhere.example/a"}
    async with site({"/a": PAGE}, status=302, headers=moved) as there:
        with pytest.raises(Unavailable, match="redirected to another host, was elsewhere"):
            await Web(5, stays=True).get(f"{there.url}/a")
        (article,) = await whole(there, item(1, link=f"{there.url}/a"))

    assert article.body == "It rose."


def test_each_publisher_s_pages_lie_on_its_own_site() -> None:
    assert tuple(SITES) == tuple(FEEDS)
    assert all(SITES[name].startswith("https://") for name in FEEDS)
    assert all(urlsplit(FEEDS[name]).hostname.removeprefix("www.") == urlsplit(SITES[name]).hostname for name in FEEDS)  # type: ignore[union-attr]
