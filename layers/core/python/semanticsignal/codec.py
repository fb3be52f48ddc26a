"""Nouns ↔ JSON, once, for the bus, the archive, the ledger and the browser.

Decimals are strings, instants ISO 8601 with offset, symbols `BASE/QUOTE`; a fact carries its `kind`."""

import base64
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson

from .domain import decision, events, learning, ledger, trading
from .domain.errors import BadInput
from .domain.market import Symbol

T = TypeVar("T")

FACTS: dict[str, type] = {kind.__name__: kind for kind in get_args(events.Fact)}
SUBJECTS: dict[str, type] = {
    "CandleMissed": decision.Refusal,
    "DecisionMade": decision.Decision,
    "OrderPlaced": trading.Order,
    "OrderExpired": ledger.Expiry,
    "PositionOpened": ledger.Opening,
    "PositionUpdated": ledger.Amendment,
    "PositionClosed": ledger.Closing,
    "EquityMarked": trading.EquityPoint,
    "LessonLearned": ledger.Learned,
    "RuleFormed": learning.SemanticRule,
    "Reflected": learning.Reflection,
    "PostMortemWritten": learning.PostMortem,
    "EntryRefused": learning.RefusedEntry,
    "RefusalJudged": learning.Hindsight,
}


def dumps(noun: Any) -> bytes:
    """Canonical bytes: the same noun gives the same bytes in every process."""
    try:
        return orjson.dumps(noun, default=_bare, option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS)
    except orjson.JSONEncodeError as wrong:
        raise TypeError(str(wrong.__cause__ or wrong)) from wrong


def loads(kind: type[T], content: bytes | str) -> T:
    """Raises BadInput when the bytes are no such noun."""
    try:
        noun: T = decode(kind, orjson.loads(content))
        return noun
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, ArithmeticError) as wrong:
        raise BadInput(f"not a {kind.__name__}: {wrong!r}, was {content[:80]!r}") from wrong


def dump_fact(fact: Any) -> dict[str, Any]:
    return {"kind": type(fact).__name__, **plain(fact)}


def load_fact(envelope: Mapping[str, Any]) -> Any:
    """Raises BadInput for a kind of fact that we do not know."""
    name = envelope.get("kind")
    if not isinstance(name, str) or name not in FACTS:
        raise BadInput(f"not a fact we know, kind was {name!r}")
    if envelope.get("schema", 1) != 1:
        raise BadInput(f"{name} of a schema we do not know, was {envelope['schema']!r}")
    try:
        return decode(FACTS[name], envelope)
    except (KeyError, TypeError, ValueError, ArithmeticError) as wrong:
        raise BadInput(f"not a {name}: {wrong!r}, was {envelope!r}") from wrong


def plain(noun: Any) -> Any:
    """Any noun as the lists, dicts, strings and numbers that JSON knows."""
    return orjson.loads(dumps(noun))


def _bare(value: Any) -> Any:
    """What the encoder does not write by itself, one layer at a time; instants and enums it does."""
    match value:
        case Decimal() | Symbol():
            return str(value)
        case bytes():
            return base64.b64encode(value).decode()
        case array() | memoryview():
            return value.tolist()
        case Mapping():
            return dict(value)
        case _ if is_dataclass(value):
            kind: Any = type(value)
            return {name: getattr(value, name) for name in _names(kind)}
        case Sequence() | set() | frozenset():
            return list(value)
    raise TypeError(f"no way to write a {type(value).__name__}")


def decode(kind: Any, data: Any) -> Any:
    """The reverse of `plain`, led by the type hints of the nouns. Raises KeyError, TypeError or ValueError."""
    return _decoder(kind)(data)


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@cache
def _decoder(kind: Any) -> Callable[[Any], Any]:
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _optional(args)
    if origin is tuple:
        if args[-1] is Ellipsis:
            item = _decoder(args[0])
            return lambda data: tuple(item(x) for x in data)
        items = [_decoder(arg) for arg in args]
        return lambda data: tuple(read(x) for read, x in zip(items, data, strict=True))
    if origin in (dict, Mapping):
        return _of_mapping(_decoder(args[1]))
    if origin is Sequence:
        return lambda data: array("q" if args[0] is int else "d", data)
    if kind is Symbol:
        return _symbol
    if kind is datetime:
        return _instant
    if kind is Decimal:
        return _money
    if kind is bytes:
        return base64.b64decode
    if is_dataclass(kind):
        return _of_dataclass(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    return _scalar(kind)


def _symbol(data: Any) -> Symbol:
    if not isinstance(data, str):
        raise TypeError(f"a pair is text, was {data!r}")
    return Symbol.parse(data)


def _money(data: Any) -> Decimal:
    """Text only: a number has been through a float."""
    if not isinstance(data, str):
        raise TypeError(f"money is text, was {data!r}")
    return Decimal(data)


def _instant(data: Any) -> datetime:
    """Always UTC: two spellings of one instant would make two ids of one candle."""
    at = datetime.fromisoformat(data)
    if at.tzinfo is None:
        raise ValueError(f"an instant needs its offset, was {data}")
    return at if at.tzinfo is UTC else at.astimezone(UTC)


def _optional(args: tuple[Any, ...]) -> Callable[[Any], Any]:
    kinds = [arg for arg in args if arg is not NoneType]
    if len(kinds) != 1:
        raise TypeError(f"no way to read one of {kinds}")
    read = _decoder(kinds[0])
    return lambda data: None if data is None else read(data)


def _of_mapping(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read_all(data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise TypeError(f"an object was expected, was {data!r:.80}")
        return {key: read(item) for key, item in data.items()}

    return read_all


def _of_dataclass(kind: Any) -> Callable[[Any], Any]:
    hints = get_type_hints(kind)
    known = {field.name for field in fields(kind)}
    readers: dict[str, Callable[[Any], Any]] = {}

    def read(data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise TypeError(f"a {kind.__name__} is an object, was {data!r:.80}")
        if not readers:
            readers.update((name, _decoder(hints[name])) for name in known)
        return kind(**{name: readers[name](item) for name, item in data.items() if name in known})

    return read


def _scalar(kind: Any) -> Callable[[Any], Any]:
    def read(data: Any) -> Any:
        if kind is float and type(data) is int:
            return float(data)
        if type(data) is not kind:
            raise TypeError(f"expected {kind.__name__}, was {data!r}")
        return data

    return read
