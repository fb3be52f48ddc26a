"""Reply → Signal, or InvalidReply. The text is untrusted: salvaged, bounded, and checked against the price.

Damaged words are read as far as nothing hangs on the damage: of an order, only what stands there in full."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import cache
from typing import Annotated, Any

import orjson
from json_repair import repair_json
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from ...domain.analysis import Trend
from ...domain.decision import Action, Forecast, Reply, Signal
from ...domain.errors import InvalidReply
from ...domain.market import MarketKind, exact

LONGEST = 200_000
DEEPEST = 500
STRING_LENGTH = 20_000
REASONING_LENGTH, INVALIDATION_LENGTH, NAME_LENGTH = 2_000, 500, 40
FIGURES = 10
FACTORS = ("trend", "momentum", "volume", "volatility", "patterns", "levels")
# What an order is made of.
ORDERED = ("action", "confidence", "stop_price", "target_price", "size_ratio")
LEVELS, SIZED = frozenset(ORDERED[2:4]), frozenset(ORDERED[2:])
TRENDS = frozenset(Trend)
# A level that is so many times the price, or so small a part of it, has lost its point or its thousands.
FARTHEST = 10

# --- What is asked for ----------------------------------------------------------------------------------------------

# Strict: to a lax reader true is 1. What is written otherwise is forgiven below, or not.
Finite = Annotated[float, Field(strict=True, gt=-1e18, lt=1e18)]
Price = Annotated[float, Field(strict=True, gt=0, lt=1e12)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Points = Annotated[float, Field(strict=True, ge=0, le=100)]
# Of what the reader can do without, but the writer is not told so.
ASKED: dict[str, JsonValue] = {"asked": True}


class _Figure(BaseModel):
    model_config = ConfigDict(str_max_length=STRING_LENGTH)

    name: str
    value: Finite


class _Answer(BaseModel):
    """The reply schema, version 1, for both sides: what writes is bound to it, what reads forgives more.

    The order is that of the thought, for under a grammar each value is chosen in the light of those before it: first
    the figures, then what they mean and what will be, and only then what to do, what speaks for it, how surely, and at
    which prices. A reply that breaks off has then lost its end, and without it there is no order."""

    model_config = ConfigDict(extra="ignore", str_max_length=STRING_LENGTH)

    version: int = Field(1, alias="schema", ge=1, le=1, json_schema_extra={"const": 1})
    figures: list[_Figure] = Field(
        default_factory=list, description=f"computed figures relied on, by their names in the data; at most {FIGURES}"
    )
    reasoning: str | None = Field(None, description="why, in at most five sentences", json_schema_extra=ASKED)
    trend: Trend | None = Field(None, description="of this timeframe", json_schema_extra=ASKED)
    p_up: Share | None = Field(
        None, description="probability that the next close is above this one, 0 to 1", json_schema_extra=ASKED
    )
    p_up_24h: Share | None = Field(
        None, description="probability that the close in 24 hours is above this one, 0 to 1", json_schema_extra=ASKED
    )
    action: Action
    factors: dict[str, Points | None] = Field(
        default_factory=dict, max_length=20, description="how strongly each speaks for the action, 0 to 100"
    )
    confidence: Points = Field(description="in the action, 0 to 100")
    stop_price: Price | None = Field(None, description="quote per base; BUY and SELL need it")
    target_price: Price | None = Field(None, description="quote per base; BUY and SELL need it")
    p_target: Share | None = Field(None, description="probability that the target trades before the stop, 0 to 1")
    reward_risk: Finite | None = Field(None, description="from the price to the target over from the price to the stop")
    size_ratio: Share | None = Field(
        None, description="notional as a share of equity, 0 to 1; null leaves it to the risk rules"
    )
    invalidation: str | None = Field(
        None, description="the one thing that would prove this wrong", json_schema_extra=ASKED
    )


KEYS = frozenset(field.alias or name for name, field in _Answer.model_fields.items())


def schema() -> dict[str, Any]:
    """The JSON Schema that a reply is asked in; the caller's own, to do with as it likes.

    Without bounds on numbers, lengths and counts: some servers refuse a schema that has any. The reader checks them."""
    found: dict[str, Any] = orjson.loads(_schema())
    return found


@cache
def _schema() -> bytes:
    made = _Answer.model_json_schema()
    return orjson.dumps(_closed({**made, "description": ""}, made["$defs"]))


def _closed(node: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """The same in the words that every server takes: no reference, each key required, no other key let in."""
    node = {**named.get(node.get("$ref", "").rpartition("/")[2], {}), **node}
    if node.get("asked"):
        node = {**node, **_closed(node["anyOf"][0], named), "anyOf": []}
    if "const" in node:
        node["enum"] = [node["const"]]
    made = {key: node[key] for key in ("type", "enum", "description") if node.get(key)}
    if node.get("anyOf"):
        made["anyOf"] = [_closed(one, named) for one in node["anyOf"]]
    if "items" in node:
        made["items"] = _closed(node["items"], named)
    if node.get("type") == "object":
        keys = node.get("properties") or dict.fromkeys(FACTORS, node["additionalProperties"])
        made["properties"] = {key: _closed(one, named) for key, one in keys.items()}
        made |= {"required": list(keys), "additionalProperties": False}
    return made


# --- Reading --------------------------------------------------------------------------------------------------------

ABSENT = frozenset({"", "null", "none", "n/a", "na", "nil", "-"})
# As JSON writes it, or with commas between thousands. 0,125 and 41.250,50 are other people's commas: no number.
PLAIN = re.compile(
    r"[+-]?(?:(?:0|[1-9][0-9]*|[1-9][0-9]{0,2}(?:,[0-9]{3})+)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
)


def signal(reply: Reply, price: Decimal, kind: MarketKind) -> Signal:
    """Raises InvalidReply saying what cannot be read or what contradicts the price."""
    found = _object(reply.text)
    answer = _answer(found)
    figures = {figure.name[:NAME_LENGTH]: figure.value for figure in answer.figures[:FIGURES]}
    if answer.reward_risk is not None:
        figures["reward_risk"] = answer.reward_risk
    read = Signal(
        action=answer.action,
        confidence_ratio=answer.confidence / 100,
        reasoning=(answer.reasoning or "")[:REASONING_LENGTH],
        forecast=Forecast(answer.p_up, answer.p_up_24h, answer.p_target),
        stop_price=None if answer.stop_price is None else exact(answer.stop_price),
        target_price=None if answer.target_price is None else exact(answer.target_price),
        size_ratio=answer.size_ratio,
        trend=answer.trend and answer.trend.value,
        invalidation=(answer.invalidation or "")[:INVALIDATION_LENGTH] or None,
        factors={name[:NAME_LENGTH]: value for name, value in answer.factors.items() if value is not None},
        figures=figures,
    )
    _check_keys(found, read.action)
    _check_geometry(read, price, kind)
    return read


def _check_keys(found: Mapping[str, Any], action: Action) -> None:
    """What an order does not say must not be what it says under another name: `position_size`, or a key misspelled."""
    if action is Action.HOLD or action is Action.CLOSE:
        return
    needed = LEVELS if action is Action.UPDATE else SIZED
    if not found.keys() >= needed and (unknown := found.keys() - KEYS):
        raise InvalidReply(f"{min(needed - found.keys())} is not there, and there is no key {min(unknown)[:40]!r}")


def _answer(found: dict[str, Any]) -> _Answer:
    try:
        try:
            answer = _Answer.model_validate(found)
        except ValidationError:
            answer = _Answer.model_validate(_forgiven(found))
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "reply"
        raise InvalidReply(f"{key}: {first['msg']}, was {str(first['input'])[:80]!r}") from wrong
    if 0 < answer.confidence < 1:
        # Some models say 0.7 for 70: nobody is taken for a hundredth as sure as he is.
        raise InvalidReply(f"confidence: 0 to 100 and no share of 1, was {answer.confidence}")
    return answer


def _forgiven(found: dict[str, Any]) -> dict[str, Any]:
    """Read as it is meant, where that is plain. Raises InvalidReply for a string that is no number."""
    for key in READ.keys() & found.keys():
        found[key] = _told(key, found[key], READ[key])
    action, factors = found.get("action"), found.get("factors")
    if isinstance(action, str):
        # In any letters. But LONG is no BUY: it may mean that the position stays; and there is no SHORT on spot.
        found["action"] = action.strip().upper()
    if isinstance(factors, dict):
        found["factors"] = {name: _told("factors", score, _points) for name, score in factors.items()}
    elif factors is None:
        found["factors"] = {}
    found["trend"] = _trend(found.get("trend"))
    found["figures"] = _figures(found.get("figures"))
    found["reward_risk"] = _figure(found.get("reward_risk"))
    return found


def _told(key: str, value: object, read: Callable[[str], float | None]) -> object:
    """A number in a string; what is no string is left for the type to refuse."""
    if not isinstance(value, str):
        return value
    try:
        return read(value.strip())
    except ValueError as wrong:
        raise InvalidReply(f"{key}: no plain number, was {value[:80]!r}") from wrong


def _number(text: str) -> float | None:
    if text.lower() in ABSENT:
        return None
    if not PLAIN.fullmatch(text):
        raise ValueError("no plain number")
    return float(text.replace(",", ""))


def _price(text: str) -> float | None:
    return _number(text.lstrip("$€£ "))


def _points(text: str) -> float | None:
    return _number(text.removesuffix("%").rstrip())


def _share(text: str) -> float | None:
    """`62 %` says what it means. A bare 62 does not, nor does 1.5: neither is within 0 and 1."""
    number = _points(text)
    return number / 100 if number is not None and text.endswith("%") else number


READ: dict[str, Callable[[str], float | None]] = {
    "confidence": _points, "stop_price": _price, "target_price": _price, "size_ratio": _share,
    "p_up": _share, "p_up_24h": _share, "p_target": _share,
}  # fmt: skip


def _trend(value: object) -> str | None:
    word = value.strip().lower().removesuffix("ish") if isinstance(value, str) else ""
    return word if word in TRENDS else None


def _figures(value: object) -> list[dict[str, object]]:
    """Names and values in an array, or an object of them. Nothing is traded on them: what is no figure is left out."""
    stated: Iterable[tuple[object, object]] = ()
    if isinstance(value, dict):
        stated = value.items()
    elif isinstance(value, list):
        stated = ((one.get("name"), one.get("value")) for one in value if isinstance(one, dict))
    read = ((name, _figure(number)) for name, number in stated if isinstance(name, str) and name.strip())
    return [{"name": name, "value": number} for name, number in read if number is not None][:FIGURES]


def _figure(value: object) -> float | None:
    if isinstance(value, str):
        try:
            value = _number(value.strip(" $€£%"))
        except ValueError:
            return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e18 else None  # type: ignore[arg-type]


def _check_geometry(read: Signal, price: Decimal, kind: MarketKind) -> None:
    """An entry needs both levels, on the right sides of the price. SELL on spot only ever closes: no levels."""
    stop, target = read.stop_price, read.target_price
    if read.action is Action.BUY or (read.action is Action.SELL and kind is MarketKind.PERP):
        if stop is None or target is None:
            raise InvalidReply(f"{read.action} needs stop_price and target_price, was stop {stop} target {target}")
        low, high = (stop, target) if read.action is Action.BUY else (target, stop)
        if not low < price < high:
            order = "stop < price < target" if read.action is Action.BUY else "target < price < stop"
            raise InvalidReply(f"{read.action} needs {order}, was stop {stop} price {price} target {target}")
    elif read.action is Action.UPDATE:
        if stop is None and target is None:
            raise InvalidReply("UPDATE needs stop_price or target_price, was neither")
        low, high = min(stop or price, target or price), max(stop or price, target or price)
        if stop is not None and target is not None and not low < price < high:
            raise InvalidReply(f"the price lies between stop and target, was stop {stop} price {price} target {target}")
    else:
        return
    if low * FARTHEST <= price or high >= price * FARTHEST:
        raise InvalidReply(f"a level lies within {FARTHEST} times the price {price}, was {low} and {high}")


# --- Salvaging ------------------------------------------------------------------------------------------------------

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


def _object(text: str) -> dict[str, Any]:
    """The JSON object in a reply that may be thought aloud, fenced, chatty, truncated or almost JSON."""
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
    """Of a key that stands there twice the last one wins, which nobody may leave to a parser."""
    count = text.count
    return (
        count('"action"') < 2
        and count('"stop_price"') < 2
        and count('"target_price"') < 2
        and count('"size_ratio"') < 2
        and count('"confidence"') < 2
        and "\\u00" not in text
    )


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
        text = THOUSANDS.sub(lambda number: number[0].replace(",", ""), text)
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
        return _number(value.strip("$€£% ")) == kept
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
    if len(found) < len(pairs):
        for key, value in pairs:
            if key in ORDERED and found[key] != value:
                raise InvalidReply(f"{key} is said once, was {str(value)[:40]!r} and {str(found[key])[:40]!r}")
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
            raise InvalidReply(f"{key} does not stand in full in a reply that is broken, was {value!r}")
        found[key] = value if is_whole else None
    return found
