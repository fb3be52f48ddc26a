"""The one decision in a model's words, or InvalidReply: they may be hostile, and anything may surround it.

Damaged words are read as far as nothing hangs on the damage: of an order, only what stands there in full."""

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson
from json_repair import repair_json

from ...domain.decision import Action
from ...domain.errors import InvalidReply

LONGEST = 200_000
MOST_WORK = 200_000
DEEPEST = 500
# What an order is made of.
ORDERED = ("action", "confidence", "stop_price", "target_price", "size_ratio")
KEYED = re.compile(rf'"\s*({"|".join(ORDERED)})\s*"\s*:', re.IGNORECASE)
ABSENT = frozenset({"", "null", "none", "n/a", "na", "nil", "-"})
# As JSON writes it, or with commas between thousands. 0,125 and 41.250,50 are other people's commas: no number.
PLAIN = re.compile(
    r"[+-]?(?:(?:0|[1-9][0-9]*|[1-9][0-9]{0,2}(?:,[0-9]{3})+)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
)
# What a guess at hostile words may end in: {"```json2``` breaks an assertion of the library's own.
UNREPAIRABLE = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
BRACKET = re.compile(r"[{}\[\]]")
THOUSANDS = re.compile(r"(?<=:)\s{0,20}[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?(?=\s{0,20}[,}\]])")
# An object that closes in the middle of a number.
GOES_ON = re.compile(r"[ \t]*\.?[0-9]")
# A number that the text ends in may have had more digits.
CUT = re.compile(r"(?<=:)\s{0,20}[-+.0-9eE]+\s*\Z")
# Where the thoughts of one model or another begin and end.
THOUGHT = re.compile(
    r"<(?:seed:)?(?:think(?:ing)?|thoughts?|reasoning|reflection|scratchpad)\b[^<>]{0,40}>|\[THINK\]|◁think▷"
    r"|<\|channel\|>(?:analysis|commentary)|<\|channel>thought"
    r"|(?P<end></(?:seed:)?(?:think(?:ing)?|thoughts?|reasoning|reflection|scratchpad)\s{0,20}>|\[/THINK\]|◁/think▷"
    r"|<\|channel\|>final|<channel\|>|(?P<soft><\|end\|>))",
    re.IGNORECASE,
)
QUOTES = "\"'“”’`"
# One of the keys of an order with what it is said to be; that is whole when another key, or the end of an object,
# follows and no further digit.
SAID = re.compile(
    rf"(?:(?<!\\)[{QUOTES}]|[{{,\n]\s{{0,20}})(?P<key>{'|'.join(ORDERED)})[{QUOTES}]?\s{{0,20}}[:=]\s{{0,20}}"
    r"(?:(?:\"(?P<double>[^\"\\\n]{0,60})\"|'(?P<single>[^'\\\n]{0,60})'|“(?P<curly>[^”\\\n]{0,60})”"
    r"|(?P<bare>[^\s\"'“”’`,:{}\[\]\\]{1,60}))"
    r"(?=\s{0,20}[,}](?!\s{0,20}[0-9.])|\s{1,20}[\"'“][a-z]))?"
)


def decision(text: str) -> dict[str, Any]:
    """The one JSON object in a reply that may be thought aloud, fenced, chatty, truncated or almost JSON; the caller's
    own. Raises InvalidReply where there is none, or more than one."""
    if len(text) > LONGEST:
        raise InvalidReply(f"a reply has at most {LONGEST} characters, was {len(text)}")
    try:
        found: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        spoken = _spoken(text)
        return _framed(spoken) or _salvaged(spoken)
    if not _is_unambiguous(text):
        return _salvaged(text)
    return found if isinstance(found, dict) and "action" in found else _only(_decisions(found), text)


def _is_unambiguous(text: str) -> bool:
    """Of a key that stands there twice the last one wins, which nobody may leave to a parser; in other letters it is
    the same key."""
    keys = [key.casefold() for key in KEYED.findall(text)]
    return len(keys) == len(set(keys)) and "\\u00" not in text


def _framed(text: str) -> dict[str, Any] | None:
    """What is JSON from the first brace to the last, with no other bracket and no other decision around it."""
    begin, end = text.find("{"), text.rfind("}") + 1
    around = f"{text[: max(0, begin)]}\n{text[end:]}"
    is_alone = begin >= 0 and "[" not in around and "{" not in around and not GOES_ON.match(text, end)
    if not is_alone or not _is_unambiguous(text):
        return None
    try:
        found: dict[str, Any] = orjson.loads(text[begin:end])
    except orjson.JSONDecodeError:
        return None
    return found if "action" in found and _agrees(around, found) else None


def _salvaged(text: str) -> dict[str, Any]:
    if text.count("{") + text.count("[") > DEEPEST:
        raise InvalidReply(f"a reply opens at most {DEEPEST} brackets, was {text[:80]!r}")
    decisions, around = _whole(text)
    if not decisions:
        text = THOUSANDS.sub(lambda written: written[0].replace(",", ""), text)
        decisions, around = _whole(text)
    if not decisions:
        return _repaired(text)
    found = _only(decisions, text)
    if not _agrees(around, found):
        raise InvalidReply(f"a reply holds one decision, was another beside it: {around.strip()[:80]!r}")
    return found


def _agrees(around: str, found: Mapping[str, Any]) -> bool:
    """Whether the words around a decision begin no other and give its keys no other value."""
    told = [said for said in SAID.finditer(around) if said["key"] == "action" or said[0][0] in QUOTES]
    is_closed = around.count("{") <= around.count("}")
    return is_closed and all(_is_same(_value(said), found.get(said["key"])) for said in told)


def _is_same(value: str | None, kept: object) -> bool:
    if value is None:
        return False
    try:
        return number(value.strip("$€£% ")) == kept
    except ValueError:
        return value.strip().upper() == str(kept).strip().upper()


def _value(said: re.Match[str]) -> str | None:
    """None where it does not stand in full."""
    return next((said[kind] for kind in ("double", "single", "curly", "bare") if said[kind] is not None), None)


def _spoken(text: str) -> str:
    """What is not thought: a draft in the thoughts is no answer, and thoughts without an end leave none."""
    if not any(mark in text for mark in ("<", "[THINK]", "[/THINK]", "◁")):
        return text
    said: list[str] = []
    begin, is_thought = 0, False
    for tag in THOUGHT.finditer(text):
        if tag["end"] is None:
            if not is_thought:
                said.append(text[begin : tag.start()])
            is_thought = True
        elif is_thought or tag["soft"] is None:
            if not is_thought:
                said.clear()  # the thoughts began before the reply
            begin, is_thought = tag.end(), False
    return "".join(said if is_thought else [*said, text[begin:]])


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    said: dict[str, Any] = {}
    for key, value in pairs:
        before = said.setdefault(key.strip().casefold(), value)
        # as written: a NaN is not even itself
        if repr(before) != repr(value):
            raise InvalidReply(f"{key[:40]} is said once, was {str(before)[:40]!r} and {str(value)[:40]!r}")
    return found


# Takes a line break within a string, which many write, and no integer for larger than a float.
DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_int=float, strict=False)


def _whole(text: str) -> tuple[list[dict[str, Any]], str]:
    """The decisions that are JSON as they stand, within no bracket left open; and the words around them."""
    decisions: list[dict[str, Any]] = []
    around: list[str] = []
    begin, skipped, is_open = 0, 0, 0
    for bracket in BRACKET.finditer(text):
        at = bracket.start()
        if at < skipped:
            continue
        if bracket[0] in "}]":
            is_open = max(0, is_open - 1)
            continue
        try:
            value, skipped = DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            is_open += 1
            continue
        if GOES_ON.match(text, skipped):
            is_open += 1
        elif not is_open and (inside := _acting(value)):
            decisions += inside
            around.append(text[begin:at])
            begin = skipped
    return decisions, "".join([*around, text[begin:]])


def _acting(value: Any) -> list[dict[str, Any]]:
    """Every object in it that names an action. One that does not stand where a decision stands is none, but two are
    two wherever they stand."""
    found, inner = [], [value]
    while inner:
        one = inner.pop()
        if isinstance(one, dict):
            found += [one] if "action" in one else []
            inner += one.values()
        elif isinstance(one, list):
            inner += one
    return found if len(found) > 1 else [one for one in _decisions(value) if "action" in one]


def _decisions(found: Any) -> list[dict[str, Any]]:
    """The objects that stand where a decision stands: alone, in a list, or under `analysis`."""
    objects = _objects(found)
    inner = [one.get("analysis") if "action" not in one else None for one in objects]
    return [under if isinstance(under, dict) else one for one, under in zip(objects, inner, strict=True)]


def _objects(found: Any) -> list[dict[str, Any]]:
    return [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]


def _only(decisions: list[dict[str, Any]], text: str) -> dict[str, Any]:
    if len(decisions) != 1:
        raise InvalidReply(f"a reply is one JSON object, was {len(decisions)}: {text[:80]!r}")
    return decisions[0]


def _repaired(text: str) -> dict[str, Any]:
    """What is almost JSON. Repairing is guessing: an order is taken from the words themselves, or not at all."""
    block = _fenced(text)
    start = block.find("{")
    if start < 0:
        raise InvalidReply(f"no JSON object in the reply, was {text[:80]!r}")
    if block.count("[", 0, start) > block.count("]", 0, start):
        raise InvalidReply(f"a list that is broken may have held another decision, was {text[:80]!r}")
    block = CUT.sub(" null", block)
    said: dict[str, str | None] = {}
    for one in SAID.finditer(block):
        value = _value(one)
        if said.setdefault(one["key"], value) != value:
            raise InvalidReply(f"{one['key']} is said once, was {said[one['key']]!r} and {value!r}")
    # what repairing takes grows with both: a decision has a dozen brackets and some thousand letters
    if (block.count("{") + block.count("[")) * (len(block) - start) > MOST_WORK:
        raise InvalidReply(f"too much of it is broken, was {text[:80]!r}")
    try:
        found = repair_json(block[start:], return_objects=True, skip_json_loads=True)
    except UNREPAIRABLE as wrong:
        raise InvalidReply(f"not to be read as JSON: {type(wrong).__name__}, was {text[:80]!r}") from wrong
    return _in_full(_only(_objects(found), text), said)


def _fenced(text: str) -> str:
    """What stands between the only pair of fences that holds an object; the whole text where there is none."""
    blocks = [block.removeprefix("json").strip() for block in text.split("```")[1::2]]
    objects = [block for block in blocks if block.startswith("{")]
    if len(objects) > 1:
        raise InvalidReply(f"a reply holds one decision, was {len(objects)}")
    return objects[0] if objects else text


def _in_full(found: dict[str, Any], said: Mapping[str, str | None]) -> dict[str, Any]:
    """What an order is made of as it is written, where repair has found the same: a number cut short is another
    number, and a size cut off is another size."""
    action = (said.get("action") or "").strip().upper()
    needed = ORDERED[:2] if action in (Action.HOLD, Action.CLOSE) else ORDERED
    for key in ORDERED:
        value = said.get(key)
        is_whole = value is not None and key in found and (value == found[key] or _is_same(value, found[key]))
        if not is_whole and key in needed:
            raise InvalidReply(f"the reply is broken, and {key} cannot be read from it for certain, was {value!r}")
        found[key] = value if is_whole else None
    return found


def number(text: str) -> float | None:
    """None for a word that says there is none. Raises ValueError for what is no plain number."""
    if text.lower() in ABSENT:
        return None
    if not PLAIN.fullmatch(text):
        raise ValueError("no plain number")
    return float(text.replace(",", ""))
