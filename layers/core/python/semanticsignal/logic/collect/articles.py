"""From what a publisher sent to articles that can be kept: plain text, one of each story, none too old."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from html.parser import HTMLParser
from unicodedata import category
from urllib.parse import parse_qsl, urlencode, urlsplit

from ...domain.news import Article

TITLE, BODY, URL, SOURCE = 300, 2_000, 2_000, 60
# Of what was sent, before it is read: the parser takes its time over markup that never closes.
RAW = 10_000
MOST = 200
MUTE = frozenset({"script", "style", "template", "noscript"})
BLOCKS = frozenset({"p", "br", "div", "li", "ul", "ol", "tr", "blockquote", "figure", "figcaption", "section"})
BLOCKS |= {"article", "h1", "h2", "h3", "h4", "h5", "h6"}
ADDRESS = re.compile(r"https?://[^\s<>\"'`\\]+", re.IGNORECASE)
TRACKING = re.compile(r"utm_\w+|fbclid|gclid|ref|ref_src|mc_cid|mc_eid", re.IGNORECASE)
# What style or attribute keeps from being drawn: a reader of the page never sees it, a model would.
UNDRAWN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|content-visibility\s*:\s*hidden|"
    r"(?<![-\w])(?:font-size|opacity|(?:max-|line-)?height|(?:max-)?width)\s*:\s*0?\.?0(?:[a-z%]{1,4})?\s*(?:[;!]|$)|"
    r"(?:text-indent|left|top|right|margin-left)\s*:\s*-\s*\d{3}|"
    r"(?<![-\w])color\s*:\s*(?:transparent|white|#fff(?:f{3}|f{5})?(?![\da-f])|rgba?\(\s*255\s*,\s*255\s*,\s*255|"
    r"rgba\([^()]{0,40},\s*0?\.?0\s*\))|clip(?:-path)?\s*:|transform\s*:\s*scale\(\s*0",
    re.IGNORECASE,
)
CSS_COMMENT = re.compile(r"/\*[^*]*\*/")
# They have no end, so nothing stands in them.
VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
# A tag that never ends: the parser would look for its end from each of them anew.
UNCLOSED = re.compile(r"<(?![^<>]*>)")
BLANK_LINE = re.compile(r"\n\s*\n")
# Drawn by nobody, read by a model: letters can be hidden in them.
VARIATIONS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def cleaned(told: Article) -> Article | None:
    """As it is kept, named for its address; None for what has no title, no address of the web, or no words in it."""
    title, address = plain(told.title, TITLE).replace("\n", " "), told.url.strip()
    name = story(address)
    if name is None or not any(letter.isalpha() for letter in title):
        return None
    return replace(
        told,
        id=sha256(name.encode()).hexdigest()[:16],
        source=plain(told.source, SOURCE).replace("\n", " "),
        title=title,
        body=plain(told.body, BODY),
        url=address,
    )


def kept(articles: Iterable[Article], until: datetime, keep: timedelta) -> tuple[Article, ...]:
    """One of each story published in the last `keep` and seen by `until`, newest first. Of two the one that was seen
    first stands, as it was seen then; in one gathering the one published first, then the longer."""
    fresh = (a for a in articles if until - keep < a.published_at <= until and a.seen_at <= until)
    stand: list[Article] = []
    stories: set[str] = set()
    for article in sorted(fresh, key=lambda a: (a.seen_at, a.published_at, -len(a.body), a.id, a.source)):
        names = {story(article.url) or article.url, headline(article.title)}
        if not names & stories:
            stand.append(article)
        stories |= names
    return tuple(sorted(stand, key=lambda a: (a.published_at, a.id), reverse=True)[:MOST])


def story(url: str) -> str | None:
    """The address without what only tells who came from where; None for what is no address of the web."""
    if len(url) > URL or not url.isprintable() or not ADDRESS.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.")
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    asked = [(key, value) for key, value in parse_qsl(parts.query) if not TRACKING.fullmatch(key)]
    if not host or "@" in parts.netloc:
        return None
    return f"{host}{port}{parts.path.rstrip('/')}?{urlencode(sorted(asked))}"


def headline(title: str) -> str:
    """Its words alone: two that differ in case, marks or spaces are one."""
    return " ".join(re.findall(r"\w+", title.casefold()))


def plain(text: str, limit: int) -> str:
    """The words of a text that may be HTML: a paragraph a line, nothing that cannot be seen, cut at a word."""
    words = _Words()
    words.feed(UNCLOSED.sub("&lt;", text[:RAW])[:RAW])
    words.close()
    paragraphs = (_seen(part) for part in BLANK_LINE.split("".join(words.said)))
    whole = "\n".join(part for part in paragraphs if part)
    return whole if len(whole) <= limit else whole[: limit - 1].rsplit(None, 1)[0] + "…"


def _seen(text: str) -> str:
    visible = VARIATIONS.sub("", text)
    letters = (
        " " if letter.isspace() else letter for letter in visible if letter.isspace() or category(letter)[0] != "C"
    )
    return " ".join("".join(letters).split())


def is_hidden(attributes: Mapping[str, str | None]) -> bool:
    """Whether an element is kept from being drawn by its own attributes."""
    told = (attributes.get("aria-hidden") or "").strip().lower()
    style = CSS_COMMENT.sub("", attributes.get("style") or "")
    return "hidden" in attributes or told == "true" or UNDRAWN.search(style) is not None


class _Words(HTMLParser):
    """What a reader would read of it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.said: list[str] = []
        self._muted = 0
        # the hidden element that is open, and how many of its kind are, itself included
        self._hidden, self._open = "", 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._hidden:
            self._open += tag == self._hidden
        elif tag not in VOID and is_hidden(dict(attrs)):
            self._hidden, self._open = tag, 1
        self._muted += tag in MUTE
        self._broken(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """As HTML reads it: the slash closes nothing."""
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self._open -= tag == self._hidden
        self._hidden = self._hidden if self._open > 0 else ""
        self._muted = max(0, self._muted - (tag in MUTE))
        self._broken(tag)

    def handle_data(self, data: str) -> None:
        if not self._muted and not self._hidden:
            self.said.append(data)

    def parse_html_declaration(self, i: int) -> int:
        """What XML knows as a marked section HTML does not, and the parser would stumble over most."""
        is_section = self.rawdata.startswith("<![", i)
        return self.parse_bogus_comment(i, report=False) if is_section else super().parse_html_declaration(i)

    def _broken(self, tag: str) -> None:
        if tag in BLOCKS and not self._hidden:
            self.said.append("\n\n")
