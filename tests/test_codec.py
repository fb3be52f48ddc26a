"""Nouns to JSON and back: nothing lost, nothing invented, the same bytes for the same noun."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import orjson
import pytest
from hypothesis import Phase, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from world import BTC, MONDAY, bars, path

from semanticsignal import codec
from semanticsignal.domain import (
    analysis,
    context,
    decision,
    events,
    learning,
    ledger,
    market,
    microstructure,
    news,
    trading,
)
from semanticsignal.domain.errors import BadInput
from semanticsignal.domain.events import CandleClosed, DecisionMade
from semanticsignal.domain.market import EPOCH, Candles, Symbol, Timeframe
from semanticsignal.domain.trading import Account, Portfolio

NOUNS = [
    kind
    for module in (market, microstructure, context, news, analysis, decision, trading, learning, ledger, events)
    for kind in vars(module).values()
    if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == module.__name__
    # a bar and a book check their prices and columns of bars are arrays: each has its own test; an entry is written in
    # two halves
    if kind not in (Symbol, market.Candle, Candles, microstructure.OrderBook, ledger.Entry)
]
MONEY = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15)
INSTANTS = st.integers(0, 4 * 10**15).map(lambda us: EPOCH + timedelta(microseconds=us))
SYMBOLS = st.from_regex(r"[A-Z0-9]{1,10}/[A-Z0-9]{1,10}", fullmatch=True).map(Symbol.parse)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def anything(kind: Any) -> st.SearchStrategy[Any]:
    """Any value that a type hint of the nouns allows."""
    origin, args = get_origin(kind), get_args(kind)
    leaves = {
        Decimal: MONEY,
        datetime: INSTANTS,
        Symbol: SYMBOLS,
        float: NUMBERS,
        str: st.text(max_size=12),
        bool: st.booleans(),
        int: st.integers(-(2**53), 2**53),
        bytes: st.binary(max_size=8),
        NoneType: st.none(),
    }
    if kind in leaves:
        return leaves[kind]
    if origin in (Union, UnionType):
        return st.one_of(*map(anything, args))
    if origin is tuple:
        return (
            st.lists(anything(args[0]), max_size=2).map(tuple)
            if args[-1] is Ellipsis
            else st.tuples(*map(anything, args))
        )
    if origin in (dict, Mapping):
        return st.dictionaries(st.text(max_size=5), anything(args[1]), max_size=2)
    if origin is Sequence:
        return st.lists(anything(args[0]), max_size=2)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    return built(kind)


# Figures that check themselves: anything else than what can be is refused, and has its own tests.
ABOVE_ZERO = st.decimals("0.00001", "1000000", allow_nan=False, allow_infinity=False)
LINES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
CHECKED: Mapping[type, Mapping[str, st.SearchStrategy[Any]]] = {
    microstructure.PublicTrade: {"price": ABOVE_ZERO, "quantity": ABOVE_ZERO},
    microstructure.FundingQuote: {"rate_ratio": st.decimals(-1, 1, allow_nan=False, allow_infinity=False)},
    microstructure.OpenInterest: {"quantity": st.none() | ABOVE_ZERO, "notional_quote": st.none() | ABOVE_ZERO},
    context.Reading: {"name": LINES, "source": LINES, "value": ABOVE_ZERO},
}


def built(kind: Any) -> st.SearchStrategy[Any]:
    hints, checked = get_type_hints(kind), CHECKED.get(kind, {})
    each = {field.name: st.deferred(lambda hint=hints[field.name]: anything(hint)) for field in fields(kind)}
    return st.builds(kind, **{**each, **checked})


@pytest.mark.parametrize("kind", NOUNS, ids=lambda kind: kind.__name__)
def test_every_noun_comes_back_as_it_went(kind: type) -> None:
    @given(noun=built(kind))
    @profile(max_examples=15)
    def comes_back(noun: Any) -> None:
        content = codec.dumps(noun)

        again = codec.loads(kind, content)

        assert again == noun
        assert codec.dumps(again) == content

    comes_back()


@pytest.mark.parametrize("kind", codec.FACTS.values(), ids=lambda kind: kind.__name__)
def test_every_fact_comes_back_in_its_envelope(kind: type) -> None:
    @given(made=built(kind))
    @profile(max_examples=15)
    def comes_back(made: Any) -> None:
        fact = replace(made, schema=1)
        envelope = codec.dump_fact(fact)

        assert envelope["kind"] == kind.__name__
        assert codec.load_fact(orjson.loads(orjson.dumps(envelope))) == fact

    comes_back()


def test_candles_come_back_column_by_column() -> None:
    tape = bars(path([100, 0.1, 1e-7, 123456.789]), MONDAY)

    again = codec.loads(Candles, codec.dumps(tape))

    assert (again.symbol, again.timeframe, again.source) == (BTC, Timeframe.H4, "hand")
    for name in ("opened_ms", "open", "high", "low", "close", "volume"):
        assert list(getattr(again, name)) == list(getattr(tape, name))
    assert codec.dumps(again) == codec.dumps(tape)
    assert codec.loads(market.Candle, codec.dumps(tape.candle(2))) == tape.candle(2)


def test_every_subject_of_the_ledger_has_its_kind() -> None:
    assert set(codec.SUBJECTS) == {kind.__name__ for kind in get_args(ledger.LedgerFact)}
    assert set(codec.SUBJECTS.values()) == set(get_args(ledger.Subject))
    assert set(codec.SUBJECTS) <= set(codec.FACTS)


# --- The wire -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["10000.00", "0.10", "1E-7", "-0.000001", "123456789012345678901234567890.123456789"])
def test_money_is_a_string_on_the_wire_with_every_digit(text: str) -> None:
    wire = codec.plain(Account(Decimal(text)))

    assert wire["start_quote"] == text
    assert str(codec.decode(Account, wire).start_quote) == text


@pytest.mark.parametrize("number", [0.1, 1, True])
def test_money_that_comes_as_a_number_is_refused(number: object) -> None:
    """0.1 as a number is 0.1000000000000000055511151231257827…: whoever sent it has already lost the digits."""
    wire = codec.plain(Account(Decimal(1))) | {"start_quote": number}

    with pytest.raises(BadInput):
        codec.loads(Account, orjson.dumps(wire))


def test_an_instant_carries_its_offset_and_a_pair_its_slash() -> None:
    wire = codec.dump_fact(CandleClosed(BTC, Timeframe.H4, MONDAY))

    assert wire == {
        "kind": "CandleClosed",
        "symbol": "BTC/USDC",
        "timeframe": "4h",
        "closed_at": "2026-01-05T00:00:00+00:00",
        "schema": 1,
    }


def test_an_instant_of_another_zone_is_the_same_instant() -> None:
    east = codec.load_fact({"kind": "MinutePassed", "at": "2026-01-05T09:00:00+09:00"})

    assert east.at == MONDAY
    assert codec.plain(MONDAY.astimezone(timezone(timedelta(hours=9)))) == "2026-01-05T09:00:00+09:00"


def test_bytes_are_canonical() -> None:
    assert codec.dumps({"b": Decimal("1.0"), "a": (True, None)}) == b'{"a":[true,null],"b":"1.0"}'


def test_another_process_writes_the_same_bytes() -> None:
    program = (
        "from semanticsignal.codec import dumps\n"
        "from semanticsignal.domain.learning import Conditions\n"
        "import sys\n"
        "sys.stdout.buffer.write(dumps(Conditions({'z': '1', 'a': '2', 'ä': '3'}, {'y': 0.1, 'b': None})))\n"
    )

    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }

    assert outputs == {'{"labels":{"a":"2","z":"1","ä":"3"},"numbers":{"b":null,"y":0.1}}'.encode()}


def test_what_is_no_noun_cannot_be_written() -> None:
    with pytest.raises(TypeError, match="no way to write a object"):
        codec.dumps(object())


# --- Refused --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "envelope",
    [{}, {"kind": "MoonLanded"}, {"kind": None}, {"kind": ["DecisionMade"]}, {"kind": "Portfolio"}, {"id": "x"}],
)
def test_a_kind_of_fact_we_do_not_know_is_refused(envelope: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="not a fact we know, kind was"):
        codec.load_fact(envelope)


@pytest.mark.parametrize(
    "changed",
    [
        {"symbol": "BTCUSDC"},
        {"symbol": 5},
        {"symbol": None},
        {"at": "yesterday"},
        {"at": 5},
        {"id": 5},
        {"id": None},
        {"schema": "1"},
        {"schema": 1.0},
        {"schema": True},
    ],
)
def test_a_fact_with_a_wrong_field_is_refused(changed: dict[str, Any]) -> None:
    envelope = codec.dump_fact(DecisionMade("x", BTC, MONDAY)) | changed

    with pytest.raises(BadInput):
        codec.load_fact(envelope)


def test_a_fact_of_a_schema_we_do_not_know_is_refused() -> None:
    with pytest.raises(BadInput, match="DecisionMade of a schema we do not know, was 2"):
        codec.load_fact(codec.dump_fact(DecisionMade("x", BTC, MONDAY, schema=2)))


@pytest.mark.parametrize("missing", ["id", "symbol", "at"])
def test_a_fact_without_a_field_is_refused(missing: str) -> None:
    envelope = codec.dump_fact(DecisionMade("x", BTC, MONDAY))
    del envelope[missing]

    with pytest.raises(BadInput):
        codec.load_fact(envelope)


def test_a_field_of_a_newer_version_is_ignored() -> None:
    envelope = codec.dump_fact(DecisionMade("x", BTC, MONDAY)) | {"mood": "bright"}

    assert codec.load_fact(envelope) == DecisionMade("x", BTC, MONDAY)


def test_an_instant_without_an_offset_is_refused() -> None:
    with pytest.raises(BadInput):
        codec.load_fact(codec.dump_fact(DecisionMade("x", BTC, MONDAY)) | {"at": "2026-01-05T00:00:00"})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"5",
        b'"x"',
        b"{}",
        b'{"version": "1", "account": {}}',
        b'{"version": 1, "account": []}',
        b"\xff",
    ],
)
def test_bytes_that_are_no_portfolio_are_refused(content: bytes) -> None:
    with pytest.raises(BadInput, match="not a Portfolio"):
        codec.loads(Portfolio, content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | NUMBERS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(data=st.data())
@profile(max_examples=150, phases=(Phase.reuse, Phase.generate))
def test_a_noun_with_anything_anywhere_is_read_or_refused(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([trading.Order, trading.Portfolio, decision.Decision, ledger.Learned]))
    wire = orjson.loads(codec.dumps(data.draw(built(kind))))
    wire[data.draw(st.sampled_from(sorted(wire)))] = data.draw(JSON)

    try:
        noun = codec.loads(kind, orjson.dumps(wire))
    except BadInput:
        return
    assert isinstance(noun, kind)
