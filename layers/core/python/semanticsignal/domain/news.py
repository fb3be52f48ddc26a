"""What the press wrote. Untrusted text: data, never instructions."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Article:
    """`published_at` is the publisher's claim; `seen_at` is when we first had it, and what replay trusts."""

    id: str
    source: str
    title: str
    body: str
    url: str
    published_at: datetime
    seen_at: datetime
