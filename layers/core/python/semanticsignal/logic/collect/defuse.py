"""Words of the press can inform, never instruct: what of a text may be shown to a model and on a page."""

import re
from functools import lru_cache
from html import unescape
from unicodedata import category

from .orders import is_order
from .skeleton import visible
from .tongue import is_english, is_mixed

LONGEST = 20_000
# What is taken out may leave something together that was apart: what is not done after so many rounds never is.
ROUNDS = 4
MARKUP = re.compile(r"<!--(?:(?!-->|<!--).)*(?:-->)?|</?[a-z!?][^<>\n]{0,4000}>", re.IGNORECASE | re.DOTALL)
IMAGE, LINK = (
    re.compile(r"!\[[^\[\]\n]{0,300}\]\([^()\n]{0,2000}\)"),
    re.compile(r"\[([^\[\]\n]{0,300})\]\([^()\n]{0,2000}\)"),
)
URL = re.compile(
    r"(?<![a-z])(?:(?:https?|hxxps?|ftps?|wss?|file|ipfs|tg|chrome|about|blob)\s?:\s?/{1,3}|www\.|"
    r"(?:java|vb|live)script\s?:|data\s?:\s?[a-z]{1,20}/[a-z+.-]{1,40}|mailto\s?:)\S*",
    re.IGNORECASE,
)
PATH = re.compile(r"(?<![\w.@-])[\w-]{1,63}(?:\.[\w-]{1,63}){0,4}\.[a-z]{2,10}(?::\d{1,5})?/\S*|//\S+", re.IGNORECASE)
EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
TEMPLATE = re.compile(
    r"<\|[^<>|\n]{0,60}\|>|<</?sys>>|\[/?inst\]|</?s>|\[/?(?:system|assistant|user)\]|"
    r"#{2,6} ?(?:instructions?|system|response|input|assistant|user|human)\b|"
    r"<\/?(?:system|assistant|user|tool_\w{1,20}|function_\w{1,20}|instructions?)>",
    re.IGNORECASE | re.MULTILINE,
)
ROLE = re.compile(r"(?:(?<=[.!?]\s)|^\W{0,5})(?:system|assistant|user|human|developer|tool|ai)\s?:\s?",
                  re.IGNORECASE | re.MULTILINE)  # fmt: skip
SECTION = re.compile(r"^[ >*#-]{0,5}(?:\[[a-z ]{2,30}\][^\w\n]{0,5}$|[a-z][a-z0-9_]{0,30}\s?[:=]\s.*$)", re.MULTILINE)
# Hashes, keys and payloads: words that nobody could say.
ENCODED = re.compile(
    r"(?:%[0-9a-f]{2}){3,}|(?:\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|[0-7]{3}))+|(?:&#x?[0-9a-f]{1,7};?){2,}|"
    r"(?<!\w)(?:0x)?[0-9a-f]{16,}(?!\w)|(?:\b[0-9a-f]{2}[ :]){7,}[0-9a-f]{2}\b|(?:\b[01]{7,8}\s?){3,}|"
    r"(?:(?<!\S)[.\-–—_/·•|]{1,7}(?:\s+|$)){5,}|[a-z0-9+/_]{24,}={0,2}|[a-z0-9+/]{8,}={1,2}(?!\w)",
    re.IGNORECASE,
)
CRAMMED = re.compile(r"(?<!\S)(?=\S{0,40}[a-z])(?=\S{0,40}[A-Z])(?=\S{0,40}\d)[A-Za-z0-9+/=]{12,}(?!\w)")
# Letters, figures, and the marks of prose: nothing that brackets, fences, quotes code or draws.
PLAIN = frozenset("&°%§™®+−×÷±=$€£¥₿")
STRUCTURE = frozenset("<>{}[]|\\^`~#*_@")
REPEATED, BLANKS = re.compile(r"([^\w\s])\1{2,}"), re.compile(r"[^\S\n]+")


@lru_cache(maxsize=1_024)  # one story is shown to many pairs
def defused(text: str) -> str | None:
    """The text as it may be shown; None when it is withheld: it gives orders to whoever reads it for us, hides what it
    says, or is not English. Of a text without end, the beginning."""
    shown = visible(_unescaped(text[:LONGEST]))[:LONGEST]
    if _is_withheld(shown):
        return None
    for _ in range(ROUNDS):
        before, shown = shown, _plain(shown)
        if shown == before:
            return None if text.strip() and not _says(shown) else shown
        if _is_withheld(shown):
            return None
    return None


def _is_withheld(text: str) -> bool:
    return TEMPLATE.search(text) is not None or is_mixed(text) or is_order(text) or not is_english(_bare(text))


def _bare(text: str) -> str:
    """Without what is no language."""
    for pattern in (MARKUP, URL, PATH, EMAIL, ENCODED, CRAMMED):
        text = pattern.sub(" ", text)
    return text


def _plain(text: str) -> str:
    text = LINK.sub(r"\1", IMAGE.sub(" ", MARKUP.sub(" ", text)))
    text = SECTION.sub("", ROLE.sub("", _without_objects(_bare(text))))
    text = REPEATED.sub(lambda run: "…" if run[1] == "." else run[1], "".join(map(_letter, text)))
    lines = (BLANKS.sub(" ", line).strip() for line in visible(text).replace("...", "…").split("\n"))
    return "\n".join(line for line in lines if line)


def _unescaped(text: str) -> str:
    """However often it was escaped, within reason."""
    for _ in range(3):
        text = unescape(text)
    return text


def _without_objects(text: str) -> str:
    """Without what stands in braces, however deep; what is never closed ends with its line."""
    kept: list[str] = []
    depth = 0
    for letter in text:
        depth = 0 if letter == "\n" else depth + (letter == "{")
        if not depth:
            kept.append(letter)
        depth -= letter == "}" and depth > 0
    return "".join(kept)


def _letter(letter: str) -> str:
    kind = category(letter)
    if letter in STRUCTURE:
        return " "
    return letter if letter == "\n" or letter in PLAIN or kind[0] in "LMNPZ" or kind == "Sc" else " "


def _says(text: str) -> bool:
    return any(letter.isalnum() for letter in text)
