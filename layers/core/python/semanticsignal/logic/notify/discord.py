"""Message → posts, as Discord takes them: under every limit, all of the text in order, nobody mentioned."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from ...domain.errors import InvalidPost
from ...domain.messages import Level, Message, Post, Row, Tone
from ...domain.policy import Discord
from .foreign import cut, defused, pieces, seen, units

TITLE, TEXT, NAME, VALUE, ABOUT, ROWS, WHOLE = 256, 4096, 256, 1024, 2048, 25, 6000
CHART = "chart.png"
COLORS = {
    Tone.BUY: 0x2ECC71, Tone.SELL: 0xE74C3C, Tone.HOLD: 0x95A5A6, Tone.CLOSE: 0xE67E22, Tone.UPDATE: 0x3498DB,
    Tone.GAIN: 0x2ECC71, Tone.LOSS: 0xE74C3C, Tone.FLAT: 0x95A5A6, Tone.ALARM: 0xF1C40F,
}  # fmt: skip
# Discord's flag for a message that makes no sound.
SILENT = 1 << 12


def level(message: Message, wanted: Discord) -> Level:
    if message.is_minor and not wanted.has_holds:
        return "off"
    named: Level = getattr(wanted, message.topic)
    return named


def unsaid(message: Message, hides: Callable[[str], str]) -> Message:
    """Without what `hides` leaves out of a text: before anything of it is cut, and of what can be seen, for what cannot
    may stand between two letters of a secret."""

    def hidden(text: str) -> str:
        return hides(seen(text))

    return replace(
        message,
        title=hidden(message.title),
        line=hidden(message.line),
        about=hidden(message.about),
        text=hidden(message.text),
        rows=tuple(replace(row, name=hidden(row.name), value=hidden(row.value)) for row in message.rows),
    )


def posts(message: Message, level: Level) -> tuple[Post, ...]:
    """One, or as many as the text needs; the figures and the chart are with the first."""
    title, about = cut(defused(message.title), TITLE), cut(defused(message.about), ABOUT)
    rows, taken = _rows(message.rows, WHOLE - units(title) - units(about) - 1)
    room = min(TEXT, WHOLE - units(title) - units(about) - taken)
    text = defused(message.text)
    first = next(pieces(text, room))
    texts = [first, *pieces(text[len(first) :], min(TEXT, WHOLE - units(about) - TITLE))]
    texts = [each for number, each in enumerate(texts) if not number or each.strip()]
    made, at = [], message.at.astimezone(UTC).isoformat()
    for number, each in enumerate(texts, 1):
        embed: dict[str, Any] = {"color": COLORS[message.tone], "footer": {"text": about}, "timestamp": at}
        if number == 1:
            embed |= {"title": title} | ({"fields": rows} if rows else {})
        elif title.strip():
            embed["title"] = cut(f"({number}) {title}", TITLE)
        if each.strip():
            embed["description"] = each
        body = json.dumps({"embeds": [embed], "allowed_mentions": {"parse": []}}, ensure_ascii=False, sort_keys=True)
        chart = message.chart if number == 1 else None
        made.append(Post(f"{message.id}#{number}", body, level, message.worth_s, chart, message.topic))
    return tuple(made)


def payload(post: Post, *, rings: bool, has_chart: bool) -> dict[str, Any]:
    """What is sent, now that it is. Raises InvalidPost."""
    told = json.loads(post.body)
    if not (isinstance(told, dict) and isinstance(told.get("embeds"), list) and told["embeds"]):
        raise InvalidPost(f"{post.id} is no message as Discord takes them")
    if has_chart:
        told["embeds"][0]["image"] = {"url": f"attachment://{CHART}"}
        told["attachments"] = [{"id": 0, "filename": CHART, "description": "The chart that the decision was made on"}]
    return told if rings else told | {"flags": SILENT}


def rings(post: Post, at: datetime, wanted: Discord) -> bool:
    """Whether a phone may ring for it at that instant."""
    return post.level == "always" or (post.level == "normal" and not _is_quiet(at, wanted))


def _is_quiet(at: datetime, wanted: Discord) -> bool:
    if not wanted.quiet_hours:
        return False
    since, until = map(time.fromisoformat, wanted.quiet_hours.split("-"))
    now = at.astimezone(UTC if wanted.zone == "UTC" else ZoneInfo(wanted.zone)).time()
    return since <= now < until if since <= until else now >= since or now < until


def _rows(rows: tuple[Row, ...], room: int) -> tuple[list[dict[str, Any]], int]:
    """As they are taken, and the room they take. Discord refuses an empty one."""
    made, taken = [], 0
    for row in rows[:ROWS]:
        name, value = cut(defused(row.name), NAME), cut(defused(row.value), VALUE)
        if not (name.strip() and value.strip()) or taken + units(name) + units(value) > room:
            continue
        taken += units(name) + units(value)
        made.append({"name": name, "value": value, "inline": not row.is_wide})
    return made, taken
