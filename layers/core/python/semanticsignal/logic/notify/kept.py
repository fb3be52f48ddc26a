"""What a mail kept → a post that waits, or one to be taken back. A file may be damaged, or of a newer version."""

import json
import math
from datetime import datetime, timedelta
from typing import Any, get_args

from ...domain.errors import InvalidPost
from ...domain.market import EPOCH
from ...domain.messages import Level, Post, Posted, Topic, Waiting

MOST_WORTH_S = 366 * 86_400.0
# What became of a post.
WAITS, SENT, DROPPED, GONE, UNREADABLE = "waits", "sent", "dropped", "gone", "unreadable"
# What is kept of a post that waits, by these names; what is missing is None.
FIELDS = ("id", "body", "level", "worth_s", "chart", "topic", "put_us", "begun_us", "tries")


def waiting(*told: Any) -> Waiting:
    """Of `FIELDS`. Raises InvalidPost."""
    id, body, level, worth_s, chart, topic, put_us, begun_us, tries = told
    if level not in get_args(Level):
        raise InvalidPost(f"its level is none, was {level!r}")
    if topic not in tuple(Topic):
        raise InvalidPost(f"its topic is none of this version, was {topic!r}")
    if not (isinstance(worth_s, int | float) and math.isfinite(worth_s) and 0 <= worth_s <= MOST_WORTH_S):
        raise InvalidPost(f"what it is worth is no time, was {worth_s!r}")
    if not isinstance(tries, int):
        raise InvalidPost(f"its tries are no number, was {tries!r}")
    post = Post(_text(id), _json(body), level, worth_s, None if chart is None else _text(chart), Topic(topic))
    return Waiting(post, _instant(put_us), None if begun_us is None else _instant(begun_us), tries)


def posted(id: Any, name: Any) -> Posted:
    """Raises InvalidPost: an empty name would ask for something else."""
    if not _text(name):
        raise InvalidPost("it has no name there")
    return Posted(_text(id), name)


def _json(body: Any) -> str:
    """As it can be sent: no NaN, no half of a letter."""
    try:
        json.dumps(json.loads(_text(body)), ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as wrong:
        raise InvalidPost(f"its body is no JSON, was {type(wrong).__name__}") from None
    return str(body)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidPost(f"a part of it is no text, was {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidPost("a part of it is no text, was other bytes") from None
    return value


def _instant(us: Any) -> datetime:
    try:
        return EPOCH + timedelta(microseconds=us)
    except (TypeError, OverflowError, ValueError):
        raise InvalidPost(f"a time of it is none, was {us!r}") from None
