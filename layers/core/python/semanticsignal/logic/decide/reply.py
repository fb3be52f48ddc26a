"""Reply → Signal, or InvalidReply. The text is untrusted: salvaged, bounded, and checked against the price."""

import re
from decimal import Decimal
from typing import Annotated, Any

import orjson
from json_repair import repair_json
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ...domain.decision import Action, Forecast, Reply, Signal
from ...domain.errors import InvalidReply
from ...domain.market import MarketKind, exact

LONGEST = 200_000
DEEPEST = 500
REASONING_LENGTH = 2_000
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?:\D|$))")


def _number(value: object) -> object:
    """Models write `"$41,250.5"` or `"70 %"` where a number belongs; anything else is left for the schema to refuse."""
    if isinstance(value, str):
        bare = THOUSANDS.sub("", value).strip().strip("$€£% ")
        return bare or None
    return None if isinstance(value, bool) else value


Number = Annotated[Annotated[float, Field(allow_inf_nan=False)] | None, BeforeValidator(_number)]
Price = Annotated[Annotated[float, Field(gt=0, lt=1e12, allow_inf_nan=False)] | None, BeforeValidator(_number)]
Chance = Annotated[Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None, BeforeValidator(_number)]


class _Answer(BaseModel):
    """The reply schema, version 1."""

    model_config = ConfigDict(extra="ignore", str_max_length=20_000)

    action: Action
    confidence: Annotated[float, BeforeValidator(_number), Field(ge=0, le=100, allow_inf_nan=False)]
    stop_price: Price = None
    target_price: Price = None
    size_ratio: Chance = None
    p_up: Chance = None
    p_up_24h: Chance = None
    p_target: Chance = None
    trend: str | None = None
    factors: dict[str, Number] = Field(default_factory=dict, max_length=20)
    invalidation: str | None = None
    reasoning: str = ""


def signal(reply: Reply, price: Decimal, kind: MarketKind) -> Signal:
    """Raises InvalidReply saying what cannot be read or what contradicts the price."""
    try:
        answer = _Answer.model_validate(_object(reply.text))
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "reply"
        raise InvalidReply(f"{key}: {first['msg']}, was {str(first['input'])[:80]!r}") from wrong
    read = Signal(
        action=answer.action,
        confidence_ratio=answer.confidence / 100,
        reasoning=answer.reasoning[:REASONING_LENGTH],
        forecast=Forecast(answer.p_up, answer.p_up_24h, answer.p_target),
        stop_price=None if answer.stop_price is None else exact(answer.stop_price),
        target_price=None if answer.target_price is None else exact(answer.target_price),
        size_ratio=answer.size_ratio,
        trend=(answer.trend or "")[:40] or None,
        invalidation=(answer.invalidation or "")[:500] or None,
        factors={name[:40]: value for name, value in answer.factors.items() if value is not None},
    )
    _check_geometry(read, price, kind)
    return read


def _check_geometry(read: Signal, price: Decimal, kind: MarketKind) -> None:
    """An entry needs both levels, on the right sides of the price. SELL on spot only ever closes: no levels."""
    if read.action is Action.UPDATE and read.stop_price is None and read.target_price is None:
        raise InvalidReply("UPDATE needs stop_price or target_price, was neither")
    if read.action is Action.BUY or (read.action is Action.SELL and kind is MarketKind.PERP):
        stop, target = read.stop_price, read.target_price
        if stop is None or target is None:
            raise InvalidReply(f"{read.action} needs stop_price and target_price, was stop {stop} target {target}")
        low, high = (stop, target) if read.action is Action.BUY else (target, stop)
        if not low < price < high:
            order = "stop < price < target" if read.action is Action.BUY else "target < price < stop"
            raise InvalidReply(f"{read.action} needs {order}, was stop {stop} price {price} target {target}")


def _object(text: str) -> dict[str, Any]:
    """The JSON object in a reply that may be fenced, chatty, truncated or almost JSON."""
    if len(text) > LONGEST:
        raise InvalidReply(f"a reply has at most {LONGEST} characters, was {len(text)}")
    candidate = _fenced(text)
    try:
        found: Any = orjson.loads(candidate)
    except orjson.JSONDecodeError:
        found = _repaired(candidate)
    if isinstance(found, list):
        objects = [item for item in found if isinstance(item, dict)]
        found = objects[0] if len(objects) == 1 else None
    if not isinstance(found, dict):
        raise InvalidReply(f"the reply is no single JSON object, was {text[:80]!r}")
    inner = found.get("analysis")
    return inner if isinstance(inner, dict) and "action" not in found else found


def _fenced(text: str) -> str:
    """What stands between the only pair of fences that holds an object; the whole text where there is none."""
    blocks = [block.removeprefix("json").strip() for block in text.split("```")[1::2]]
    objects = [block for block in blocks if block.startswith("{")]
    if len(objects) > 1:
        raise InvalidReply(f"a reply holds one decision, was {len(objects)}")
    return objects[0] if objects else text


def _repaired(text: str) -> Any:
    start = text.find("{")
    if start < 0:
        raise InvalidReply(f"no JSON object in the reply, was {text[:80]!r}")
    if text.count("{") + text.count("[") > DEEPEST:
        raise InvalidReply(f"a reply opens at most {DEEPEST} brackets, was {text[:80]!r}")
    try:
        return repair_json(THOUSANDS.sub("", text[start:]), return_objects=True)
    except (RecursionError, ValueError) as wrong:
        raise InvalidReply(f"not to be read as JSON: {wrong!s:.80}, was {text[:80]!r}") from wrong
