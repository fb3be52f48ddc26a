"""Words of others, as a messenger shows them and does nothing else: no mention, no hidden link, no open fence."""

import re
from collections.abc import Iterator

from ...domain.untrusted import writable

# Nothing to see, and no pattern of a messenger holds across it.
GAP = "\u200b"
# Characters that turn the direction of all that follows, or are no characters at all.
UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)
# <@1>, <#1>, </order:1>, <:emoji:1>, <t:1>; @everyone; ](address); address; ``` and all that it would swallow
LIVE = re.compile(r"<(?=[@#/:a-zA-Z])|@|\](?=\()|(?<=:)(?=//)|`(?=`)")
# Where a text may be cut, the best first.
CUTS = ("\n\n", "\n", ". ", " ")
JOINED = ("\u200d", "\ufe0f", "\ufe0e", GAP)


def defused(text: str) -> str:
    """The same to look at. Every character of it that can be seen stays, in order."""
    return LIVE.sub(lambda found: found[0] + GAP, seen(text))


def seen(text: str) -> str:
    """What can be seen of it."""
    return UNSEEN.sub("", writable(text.replace("\r\n", "\n")))


def units(text: str) -> int:
    """Its length as the strictest counts: an emoji is two."""
    return len(text) + sum(char > "\uffff" for char in text)


def cut(text: str, most: int) -> str:
    """At most so many units, with a sign that there was more."""
    return text if units(text) <= most else f"{text[: _fits(text, most - 1)].rstrip()}…"


def pieces(text: str, most: int) -> Iterator[str]:
    """All of it in order, each piece of at most so many units, cut between paragraphs, lines, sentences or words where
    there are any."""
    while units(text) > most:
        room = _fits(text, most)
        at = next((at + len(mark) for mark in CUTS if (at := text.rfind(mark, room // 2, room)) > 0), 0)
        at = at or _whole(text, room)
        yield text[:at]
        text = text[at:]
    yield text


def _fits(text: str, most: int) -> int:
    """How many characters of it."""
    count, taken = 0, 0
    for char in text:
        taken += 1 + (char > "\uffff")
        if taken > most:
            break
        count += 1
    return count


def _whole(text: str, room: int) -> int:
    """Not within an emoji of several characters, where that is a short one."""
    for back in range(min(8, room - 1)):
        at = room - back
        if text[at : at + 1] not in JOINED and text[at - 1] not in JOINED:
            return at
    return room
