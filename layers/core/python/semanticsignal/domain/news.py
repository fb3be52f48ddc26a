"""What the press wrote. Untrusted text: data, never instructions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Article:
    """`published_at` is the publisher's claim; `seen_at` is when we first had it, and what replay trusts.

    `title` is a line, `body` are paragraphs, one a line: plain text of bounded length. `url`: http or https."""

    id: str
    source: str
    title: str
    body: str
    url: str
    published_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class News:
    """What was known of the press at `gathered_at`, newest first, archived whole. `silent`: the sources that told
    nothing, and why."""

    id: str
    gathered_at: datetime
    articles: tuple[Article, ...]
    silent: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What of an article a decision is shown. `text`: its lead, whole sentences, made harmless. `score`: how much it is
    about the pair, higher is more."""

    id: str
    source: str
    title: str
    text: str
    url: str
    published_at: datetime
    seen_at: datetime
    score: float
