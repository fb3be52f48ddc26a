"""Reply → the words of a post-mortem, or InvalidReply. The text is untrusted: it is read strictly, and bounded."""

import re
from typing import Any, NamedTuple

import orjson

from ...domain.errors import InvalidReply

LONGEST = 20_000
# In the order of the thought, each with the most characters that are kept.
LENGTHS = {"expected": 600, "actual": 600, "verdict": 120, "lesson": 600}
MEANT = {
    "expected": "what the decision counted on",
    "actual": "what happened instead",
    "verdict": "the trade in a few words",
    "lesson": "one thing to do otherwise or again",
}
# Marks of prompts, of pages and of code, which prose does without.
STRUCTURE = re.compile(r"[<>{}\[\]|\\`]")
THOUGHT, FENCE = "</think>", "```"


class Words(NamedTuple):
    """Each on one line, none of them empty."""

    expected: str
    actual: str
    verdict: str
    lesson: str


def schema() -> dict[str, Any]:
    """The JSON Schema that a reply is asked in. Without bounds on lengths: some servers refuse one that has any."""
    said = {name: {"type": "string", "description": f"{MEANT[name]}, at most {LENGTHS[name]}"} for name in LENGTHS}
    return {"type": "object", "properties": said, "required": list(LENGTHS), "additionalProperties": False}


def words(text: str) -> Words:
    """Raises InvalidReply saying what is missing. Longer words end at their bound."""
    if len(text) > LONGEST:
        raise InvalidReply(f"a post-mortem has at most {LONGEST} characters, was {len(text)}")
    try:
        found = orjson.loads(_spoken(text))
    except orjson.JSONDecodeError as wrong:
        raise InvalidReply(f"a post-mortem is one JSON object, was {text[:80]!r}") from wrong
    if not isinstance(found, dict):
        raise InvalidReply(f"a post-mortem is one JSON object, was {text[:80]!r}")
    return Words(*(_line(name, found.get(name)) for name in LENGTHS))


def _spoken(text: str) -> str:
    """Without what was thought before it, and without the fence around it."""
    text = text.rpartition(THOUGHT)[2].strip()
    if text.startswith(FENCE) and text.endswith(FENCE):
        text = text.strip("`").removeprefix("json")
    return text


def _line(name: str, told: object) -> str:
    if not isinstance(told, str):
        raise InvalidReply(f"{name} is text, was {told!r:.80}")
    line = STRUCTURE.sub(" ", told)
    if not line.isprintable():
        line = "".join(each if each.isprintable() else " " for each in line)
    line = " ".join(line.split())
    if not any(map(str.isalnum, line)):
        raise InvalidReply(f"{name} says something, was {told[:80]!r}")
    return line if len(line) <= LENGTHS[name] else f"{line[: LENGTHS[name] - 1].rstrip()}…"
