"""RSS and Atom of publishers that are on the list: fetched by us, and only then parsed."""

import asyncio
import re
from calendar import timegm
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from html.entities import html5
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import feedparser

from ..domain.errors import Unavailable
from ..domain.market import instant
from ..domain.news import Article
from ..domain.policy import Feed
from ..logic.collect.articles import BODY, RAW, URL, cleaned, plain
from ..logic.collect.pages import main_text
from ..ports import Web

FEEDS: Mapping[Feed, str] = {
    "coindesk": "https://www.coindesk.com/arc/outboundfeeds/rss/",
    "cointelegraph": "https://cointelegraph.com/rss",
    "decrypt": "https://decrypt.co/feed",
    "cryptoslate": "https://cryptoslate.com/feed/",
}
# Where a publisher's own pages lie: no other page is read, whatever a feed links to.
SITES: Mapping[Feed, str] = {
    "coindesk": "https://coindesk.com",
    "cointelegraph": "https://cointelegraph.com",
    "decrypt": "https://decrypt.co",
    "cryptoslate": "https://cryptoslate.com",
}
# Of so few characters an article is but announced; so many of the newest are looked up, so many at once.
SHORT, PAGES, AT_ONCE = 400, 15, 4
# A feed has some 50 articles, in a tenth of this.
LONGEST, MOST_PARTS, DEEPEST = 1_000_000, 5_000, 64
# What is read of an article, and how much of it: no publisher needs more, and no more can be made of it.
DATE = 100
PARTS: Mapping[str, int] = {
    "title": RAW, "description": RAW, "summary": RAW, "content": RAW, "content:encoded": RAW,
    "link": URL + 1, "guid": URL + 1, "id": URL + 1,
    "pubdate": DATE, "published": DATE, "issued": DATE, "updated": DATE, "modified": DATE, "dc:date": DATE,
}  # fmt: skip
ATTRIBUTES: Mapping[str, tuple[str, ...]] = {"link": ("href", "rel", "type"), "guid": ("isPermaLink",)}
RSS = (
    '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>{}</channel></rss>'
)
SHAPES = {"rss": RSS, "rdf:rdf": RSS, "feed": '<feed xmlns="http://www.w3.org/2005/Atom">{}</feed>'}
# What no XML may hold and some feeds do: unseen letters, and "&" that begins no name.
CONTROL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
AMPERSAND = re.compile(r"&(?!#?\w{1,32};)")
# Bytes are what we say they are, whatever they say of themselves.
AS_UTF8 = {"content-type": "application/xml; charset=utf-8"}
# What feedparser stumbles over in a body that is no feed.
STUMBLES = (LookupError, TypeError, ValueError, AttributeError, AssertionError, ArithmeticError, RuntimeError)


class RssFeed:
    """One publisher's newest articles. A body that is no feed, or declares entities, is no answer.

    `pages`: reads what is only announced on the publisher's own `site`, for at most `pages_s`; it must follow no
    redirect to another host. What cannot be had leaves the announcement."""

    def __init__(
        self,
        web: Web,
        name: str,
        url: str,
        timeout_s: float = 20,
        *,
        pages: Web | None = None,
        site: str = "",
        pages_s: float = 15,
    ) -> None:
        self._web, self.name, self._url, self._timeout_s = web, name, url, timeout_s
        self._pages, self._site, self._pages_s = pages, _origin(site), pages_s

    async def articles(self, *, until: datetime, limit: int) -> tuple[Article, ...]:
        content = await self._web.get(self._url)
        try:
            async with asyncio.timeout(self._timeout_s):
                # in a thread: nobody else waits for it
                found = await asyncio.to_thread(self._read, content, until, limit)
        except TimeoutError as wrong:
            raise Unavailable(f"{self.name}: a feed that takes more than {self._timeout_s:g} s to read") from wrong
        return found if self._pages is None else await self._whole(found, self._pages)

    async def _whole(self, announced: tuple[Article, ...], pages: Web) -> tuple[Article, ...]:
        """With what their pages say instead of what announces them."""
        short = [a for a in announced if len(a.body) < SHORT and _origin(a.url) == self._site][:PAGES]
        bodies: dict[str, str] = {}
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(article: Article) -> None:
            async with gate:
                try:
                    page = await pages.get(article.url)
                except Unavailable:
                    return
                text = await asyncio.to_thread(main_text, page)
                bodies[article.id] = plain(text or "", BODY)

        try:
            async with asyncio.timeout(self._pages_s):
                await asyncio.gather(*map(one, short))
        except TimeoutError:
            pass  # what came in time is told
        return tuple(replace(a, body=max(a.body, bodies.get(a.id, ""), key=len)) for a in announced)

    def _read(self, content: bytes, until: datetime, limit: int) -> tuple[Article, ...]:
        if len(content) > LONGEST:
            raise Unavailable(f"{self.name}: a feed of more than {LONGEST} bytes")
        sieve = _Sieve(self.name)
        try:
            told = feedparser.parse(
                BytesIO(sieve.sifted(content).encode()),
                response_headers=AS_UTF8,
                resolve_relative_uris=False,
                sanitize_html=False,
            )
            dated = [(at, entry) for entry in told.entries if (at := _published_at(entry)) and at <= until]
        except STUMBLES as wrong:
            raise Unavailable(f"{self.name}: unreadable feed, {type(wrong).__name__}") from wrong
        newest = sorted(dated, key=lambda one: one[0], reverse=True)[:limit]
        articles = (cleaned(self._article(entry, at, until)) for at, entry in newest)
        return tuple(article for article in articles if article)

    def _article(self, entry: Any, published_at: datetime, seen_at: datetime) -> Article:
        bodies = [part.get("value") or "" for part in entry.get("content", ())]
        body = max([entry.get("summary") or "", *bodies], key=len)
        title, link = (entry.get(part) or "" for part in ("title", "link"))
        return Article("", self.name, title, body, link, published_at, seen_at)


class _Sieve:
    """What is read of a feed, written anew: nothing else of it reaches feedparser, which takes hours over some
    authors, some blank lines, some declarations, and gigabytes over some addresses. Takes a time that grows with the
    length alone. Of a feed that breaks off, the articles before."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._shape, self._articles = "", list[str]()
        self._depth, self._mute, self._parts = 0, 0, 0
        self._article: list[str] | None = None
        self._part, self._part_depth, self._head = "", 0, ""
        self._text, self._room = list[str](), 0

    def sifted(self, content: bytes) -> str:
        text = AMPERSAND.sub("&amp;", CONTROL.sub("", content.decode("utf-8", "replace")))
        reader = expat.ParserCreate("utf-8")
        reader.buffer_text = True
        reader.StartDoctypeDeclHandler = self._declared
        reader.StartElementHandler, reader.EndElementHandler = self._started, self._ended
        reader.CharacterDataHandler = self._said
        # names that only HTML knows, which publishers use all the same
        reader.UseForeignDTD(True)
        reader.SkippedEntityHandler = lambda name, _: self._said(html5.get(f"{name};", ""))
        try:
            reader.Parse(text[max(0, text.find("<")) :].encode(), True)
        except expat.ExpatError as wrong:
            if self._shape and not self._articles:
                raise Unavailable(f"{self._name}: unreadable feed, {wrong!s:.80}") from wrong
        if not self._shape:
            raise Unavailable(f"{self._name}: not a feed, was {text[:80]!r}")
        return self._shape.format("".join(self._articles))

    def _declared(self, _name: str, _system: str | None, _public: str | None, has_own: int) -> None:
        if has_own:
            raise Unavailable(f"{self._name}: a feed with declarations of its own is not read")

    def _started(self, qualified: str, attributes: dict[str, str]) -> None:
        self._depth, name = self._depth + 1, qualified.lower()
        if self._depth > DEEPEST:
            raise Unavailable(f"{self._name}: a feed nested deeper than {DEEPEST}")
        if self._mute:
            return
        if self._part:
            self._written(f"<{qualified}>")
        elif self._article is not None and name in PARTS:
            self._begun(name, attributes)
        elif self._depth == 1:
            self._shape = SHAPES.get(name, "")
            self._mute = 0 if self._shape else 1
        elif self._article is None and name in ("item", "entry"):
            self._counted()
            self._article = []
        elif name != "channel":
            self._mute = self._depth

    def _begun(self, name: str, attributes: dict[str, str]) -> None:
        self._counted()
        known = ((key, attributes.get(key, "")) for key in ATTRIBUTES.get(name, ()))
        written = (f" {key}={quoteattr(value)}" for key, value in known if 0 < len(value) <= URL)
        self._part, self._part_depth, self._head = name, self._depth, name + "".join(written)
        self._text, self._room = [], PARTS[name]

    def _counted(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise Unavailable(f"{self._name}: a feed of more than {MOST_PARTS} parts")

    def _ended(self, qualified: str) -> None:
        self._depth, depth = self._depth - 1, self._depth
        name = qualified.lower()
        if self._mute:
            self._mute = 0 if self._mute == depth else self._mute
        elif self._part and depth > self._part_depth:
            self._written(f"</{qualified}>")
        elif self._part and self._article is not None:
            self._article.append(f"<{self._head}>{escape(''.join(self._text))}</{name}>")
            self._part = ""
        elif self._article is not None:
            self._articles.append(f"<item>{''.join(self._article)}</item>")
            self._article = None

    def _said(self, text: str) -> None:
        if self._part and not self._mute:
            # what lies in an element is text; what lies in the part itself may be HTML, as it stands
            self._written(text if self._depth == self._part_depth else escape(text))

    def _written(self, text: str) -> None:
        self._text.append(text[: self._room])
        self._room -= len(self._text[-1])


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme.lower(), (parts.hostname or "").removeprefix("www."), parts.port


def _published_at(entry: Any) -> datetime | None:
    """None for what has no date: nobody could say how old it is."""
    # the dict's own: feedparser's would answer for one with the other, and warn of it
    parsed = dict.get(entry, "published_parsed") or dict.get(entry, "updated_parsed")
    return instant(timegm(parsed) * 1_000) if parsed else None
