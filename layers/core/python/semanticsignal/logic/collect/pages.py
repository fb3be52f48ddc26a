"""What an article says, out of the page it is published on."""

import re
from collections.abc import Iterator
from html import unescape

from .articles import BLOCKS, RAW, VOID, is_hidden

# Beyond these no publisher's page goes; within them whatever comes is read in a fraction of a second.
LONGEST, MOST_TAGS, DEEPEST = 1_500_000, 10_000, 100
LEAST = 200
TAG = re.compile(r"<(/?)([a-z][a-z0-9]{0,20})(?![a-z0-9])([^<>]{0,4000})>|<!--|<[!?][^<>]{0,4000}>", re.IGNORECASE)
ATTRIBUTE = re.compile(r"([a-z-]{1,30})(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'=<>`]+)))?", re.IGNORECASE)
# What the parser needs to find the text among the rest; all other tags only cost it time.
KEPT = BLOCKS | {"html", "body", "main", "header", "footer", "nav", "aside", "table", "tbody", "td", "th", "pre"}
MUTE = frozenset({
    "script", "style", "template", "noscript", "svg", "math", "iframe", "object", "head", "h1", "nav", "aside",
    "footer", "form", "button", "select", "textarea", "title", "figcaption", "dialog",
})  # fmt: skip
# In them a tag is none, but their own end.
RAW_TEXT = {name: re.compile(rf"</{name}[^<>]{{0,99}}>?", re.IGNORECASE)
            for name in ("script", "style", "iframe", "noscript", "textarea", "title")}  # fmt: skip
COMMENT_END = re.compile("-->")


def main_text(html: bytes | str) -> str | None:
    """Paragraphs with a blank line between, without headline, menus and what is not drawn; None where no article can
    be found. Takes a time that grows with the length alone."""
    content = html if isinstance(html, bytes) else html.encode("utf-8", "replace")
    text = content[: LONGEST + 1].decode("utf-8", "replace")
    sifted = _sifted(text) if len(content) <= LONGEST else None
    if sifted is None:
        return None
    # only who reads pages has the parser
    from resiliparse.extract.html2text import extract_plain_text

    found = str(extract_plain_text(sifted, main_content=True, alt_texts=False, links=False, list_bullets=False))
    return found[:RAW] if len(found.strip()) >= LEAST else None


def _sifted(text: str) -> str | None:
    """The page in few and plain tags; None for one of too many, or too deep."""
    kept: list[str] = []
    depth = tags = 0
    for part in _drawn(text):
        kept.append(part)
        if part.startswith("<"):
            tags += 1
            depth = max(0, depth - 1) if part.startswith("</") else depth + (part[1:3] not in ("p ", "p>", "li", "br"))
        if tags > MOST_TAGS or depth > DEEPEST:
            return None
    return "".join(kept)


def _drawn(text: str) -> Iterator[str]:
    """Text and tags, in turn; neither comments nor what is never drawn."""
    at, mute, inside = 0, "", 0
    while found := TAG.search(text, at):
        yield "" if mute else _text(text[at : found.start()])
        name, is_end, at = (found[2] or "").lower(), bool(found[1]), _behind(text, found)
        if mute:
            inside += 0 if name != mute else -1 if is_end else 1
            mute = mute if inside else ""
        elif not is_end and name not in VOID and (name in MUTE or is_hidden(_attributes(found[3] or ""))):
            mute, inside = ("", 0) if name in RAW_TEXT else (name, 1)
        elif name in KEPT:
            yield _tag(name, found[3], is_end)
    yield "" if mute else _text(text[at:])


def _behind(text: str, found: re.Match[str]) -> int:
    """Where to read on: behind the comment, or the raw text, that begins here."""
    raw = None if found[1] or not found[2] else RAW_TEXT.get(found[2].lower())
    end = COMMENT_END if found[0] == "<!--" else raw
    return _after(text, end, found.end()) if end else found.end()


def _after(text: str, end: re.Pattern[str], at: int) -> int:
    """What never ends ends with the text."""
    found = end.search(text, at)
    return found.end() if found else len(text)


def _attributes(told: str) -> dict[str, str | None]:
    found = ATTRIBUTE.finditer(told)
    return {one[1].lower(): unescape(one[2] or one[3] or one[4] or "") for one in found}


def _tag(name: str, told: str, is_end: bool) -> str:
    """By class and role the parser knows what is the article."""
    if is_end:
        return f"</{name}>"
    known = _attributes(told)
    words = {key: re.sub(r"[^\w -]", "", known.get(key) or "")[:200] for key in ("class", "id", "role")}
    written = "".join(f' {key}="{value}"' for key, value in words.items() if value)
    return f"<{name}{written}>"


def _text(text: str) -> str:
    return text.replace("<", "&lt;")
