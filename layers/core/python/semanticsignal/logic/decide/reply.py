"""Reply → Signal, or InvalidReply. The text is untrusted: salvaged, bounded, and checked against the price."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import cache
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from ...domain.analysis import Trend
from ...domain.decision import Action, Forecast, Reply, Signal
from ...domain.errors import InvalidReply
from ...domain.market import MarketKind, exact
from .salvage import ORDERED, decision, number

STRING_LENGTH = 20_000
REASONING_LENGTH, INVALIDATION_LENGTH, NAME_LENGTH = 2_000, 500, 40
FIGURES = 10
FACTORS = ("trend", "momentum", "volume", "volatility", "patterns", "levels")
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


def signal(reply: Reply, price: Decimal, kind: MarketKind) -> Signal:
    """Raises InvalidReply saying what cannot be read or what contradicts the price."""
    found = decision(reply.text)
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


def _price(text: str) -> float | None:
    return number(text.lstrip("$€£ "))


def _points(text: str) -> float | None:
    return number(text.removesuffix("%").rstrip())


def _share(text: str) -> float | None:
    """`62 %` says what it means. A bare 62 does not, nor does 1.5: neither is within 0 and 1."""
    points = _points(text)
    return points / 100 if points is not None and text.endswith("%") else points


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
    read = ((name, _figure(one)) for name, one in stated if isinstance(name, str) and name.strip())
    return [{"name": name, "value": figure} for name, figure in read if figure is not None][:FIGURES]


def _figure(value: object) -> float | None:
    if isinstance(value, str):
        try:
            value = number(value.strip(" $€£%"))
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
