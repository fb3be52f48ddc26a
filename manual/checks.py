"""What must hold of the built site: every link and anchor leads somewhere, and a page asks nobody else for anything."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches by itself, by element and attribute.
FETCHED = {
    ("img", "src"),
    ("script", "src"),
    ("source", "srcset"),
    ("source", "src"),
    ("iframe", "src"),
    ("img", "srcset"),
}
FETCHING_RELS = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch", "modulepreload", "manifest"}
ELSEWHERE = re.compile(r"url\(\s*['\"]?(?:https?:)?//|@import\s+['\"](?:https?:)?//")
# Placeholders of the address in an example are none.
PROPER = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?(/[^\s]*)?$")


class Page(HTMLParser):
    """Its anchors, where it leads, and what it fetches."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.leads: list[str] = []
        self.fetches: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self.anchors |= {told[name] for name in ("id", "name") if name in told}
        if tag == "a" and "href" in told:
            self.leads.append(told["href"])
        if tag == "link" and FETCHING_RELS & set(told.get("rel", "").split()):
            self.fetches.append(told.get("href", ""))
        self.fetches += [value for name, value in told.items() if (tag, name) in FETCHED]


def complaints(site: Path) -> list[str]:
    """Everything that is wrong with it, a line each."""
    pages = {
        path.relative_to(site).as_posix(): Page(path.read_text(encoding="utf-8"))
        for path in sorted(site.rglob("*.html"))
    }
    there = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    found = [
        line
        for name, page in pages.items()
        for line in (*led_astray(name, page, pages, there), *asked(name, page, there))
    ]
    styles = (path for path in sorted(site.rglob("*.css")) if ELSEWHERE.search(path.read_text(encoding="utf-8")))
    return [*found, *(f"{path.relative_to(site)} fetches from elsewhere" for path in styles)]


def led_astray(name: str, page: Page, pages: Mapping[str, Page], there: set[str]) -> Iterator[str]:
    for lead in dict.fromkeys(page.leads):
        parts = urlsplit(lead)
        if parts.scheme in ("http", "https"):
            if not PROPER.match(lead):
                yield f"{name}: {lead} is no address"
            continue
        if parts.scheme:
            yield f"{name}: {lead} leads out by {parts.scheme}"
            continue
        where = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(parts.path))) if parts.path else name
        where = "index.html" if where in (".", "/") else where
        if where not in there:
            # The page for what is not found stands at any depth, so its links begin at the root.
            if name != "404.html":
                yield f"{name}: {lead} leads to nothing"
        elif parts.fragment and where in pages and unquote(parts.fragment) not in pages[where].anchors:
            yield f"{name}: {lead} leads to a page without that heading"


def asked(name: str, page: Page, there: set[str]) -> Iterator[str]:
    for one in dict.fromkeys(page.fetches):
        address = one.split()[0] if one else ""
        parts = urlsplit(address)
        if parts.scheme == "data":
            continue
        if parts.scheme or parts.netloc:
            yield f"{name} asks {parts.netloc or address} for something"
        elif (
            name != "404.html"
            and posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(parts.path))) not in there
        ):
            yield f"{name}: {address} is not there"
