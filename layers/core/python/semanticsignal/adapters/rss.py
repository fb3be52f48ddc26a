"""RSS and Atom of publishers that are on the list: fetched by us, and only then parsed."""

import asyncio
from calendar import timegm
from collections.abc import Mapping
from datetime import datetime
from io import BytesIO
from typing import Any

import feedparser

from ..domain.errors import Unavailable
from ..domain.market import instant
from ..domain.news import Article
from ..domain.policy import Feed
from ..logic.collect.articles import cleaned
from ..ports import Web

FEEDS: Mapping[Feed, str] = {
    "coindesk": "https://www.coindesk.com/arc/outboundfeeds/rss/",
    "cointelegraph": "https://cointelegraph.com/rss",
    "decrypt": "https://decrypt.co/feed",
    "cryptoslate": "https://cryptoslate.com/feed/",
}
# Bytes are what we say they are, whatever they say of themselves.
AS_UTF8 = {"content-type": "application/xml; charset=utf-8"}
# What feedparser stumbles over in a body that is no feed.
STUMBLES = (LookupError, TypeError, ValueError, AttributeError, AssertionError, ArithmeticError, RuntimeError)


class RssFeed:
    """One publisher's newest articles. A body that is no feed, or declares entities, is no answer."""

    def __init__(self, web: Web, name: str, url: str, timeout_s: float = 20) -> None:
        self._web, self.name, self._url, self._timeout_s = web, name, url, timeout_s

    async def articles(self, *, until: datetime, limit: int) -> tuple[Article, ...]:
        content = await self._web.get(self._url)
        try:
            async with asyncio.timeout(self._timeout_s):
                # in a thread: a hostile feed may take its time, and nobody else waits for it
                found = await asyncio.to_thread(self._read, content, until, limit)
        except TimeoutError as wrong:
            raise Unavailable(f"{self.name}: a feed that takes more than {self._timeout_s:g} s to read") from wrong
        return found

    def _read(self, content: bytes, until: datetime, limit: int) -> tuple[Article, ...]:
        # without NUL no byte order is guessed, so that the words looked for here are the words that are parsed
        text = content.decode("utf-8", "replace").replace("\0", "")
        if "<!entity" in text.lower():
            raise Unavailable(f"{self.name}: a feed with entities of its own is not read")
        try:
            told = feedparser.parse(
                BytesIO(text.encode()), response_headers=AS_UTF8, resolve_relative_uris=False, sanitize_html=False
            )
            dated = [(at, entry) for entry in told.entries if (at := _published_at(entry)) and at <= until]
        except STUMBLES as wrong:
            raise Unavailable(f"{self.name}: unreadable feed, {type(wrong).__name__}") from wrong
        if not told.get("version"):
            raise Unavailable(f"{self.name}: not a feed, was {text[:80]!r}")
        newest = sorted(dated, key=lambda one: one[0], reverse=True)[:limit]
        articles = (cleaned(self._article(entry, at, until)) for at, entry in newest)
        return tuple(article for article in articles if article)

    def _article(self, entry: Any, published_at: datetime, seen_at: datetime) -> Article:
        bodies = [part.get("value") or "" for part in entry.get("content", ())]
        body = max([entry.get("summary") or "", *bodies], key=len)
        title, link = (entry.get(part) or "" for part in ("title", "link"))
        return Article("", self.name, title, body, link, published_at, seen_at)


def _published_at(entry: Any) -> datetime | None:
    """None for what has no date: nobody could say how old it is."""
    # the dict's own: feedparser's would answer for one with the other, and warn of it
    parsed = dict.get(entry, "published_parsed") or dict.get(entry, "updated_parsed")
    return instant(timegm(parsed) * 1_000) if parsed else None
