"""Recorded AWS envelopes → handler: what each function hears, tells, refuses, and says in its log."""

import asyncio
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import BTC, H4, MONDAY, CycleModel, GoneMemory, bars, cycle, path, says, told, world, written

from semanticsignal import wiring
from semanticsignal.adapters.dynamodb import written as written_item
from semanticsignal.adapters.inmemory import InMemoryNotifier
from semanticsignal.codec import load_fact
from semanticsignal.domain.asking import Attempt, Fault, Usage
from semanticsignal.domain.decision import Refusal, Reply
from semanticsignal.domain.errors import BadInput, InvalidSetting, Missing, Unavailable
from semanticsignal.domain.events import CandleClosed, CandleMissed, MinutePassed
from semanticsignal.domain.ledger import Entry
from semanticsignal.domain.market import Timeframe
from semanticsignal.drivers.aws_lambda import heard, serve
from semanticsignal.ports import Sockets
from semanticsignal.settings import PLACES
from semanticsignal.stages import STAGES
from tests.functions.lambdas import NAMES, Bus, Cloud, Event, deployed, envelope, recorded

ROOT = Path(__file__).resolve().parents[2]
# Who is called by a recorded event, when, and the kinds of fact that it tells.
FOUR, TWENTY = MONDAY + H4, MONDAY + 5 * H4
CALLS = {
    "collect": (FOUR, ["MarketCollected"]),
    "analyse": (FOUR, ["MarketAnalysed"]),
    "decide": (FOUR, ["DecisionMade"]),
    "execute": (FOUR, ["OrderPlaced", "PositionOpened"]),
    "watch": (TWENTY, ["PositionClosed", "EquityMarked"]),
    "reflect": (TWENTY, ["LessonLearned"]),
    "review": (TWENTY, ["PostMortemWritten"]),
    "context": (TWENTY, []),  # in this world nobody is asked
    "news": (TWENTY, []),
    "notify": (TWENTY, []),  # nor is anybody told
    "show": (TWENTY, []),
}


def market(**overrides: Any) -> Sockets:
    """A long from 100 on Monday at four, closed at its target of 104 before twenty."""
    model = CycleModel({cycle(BTC, FOUR): says("BUY", 98, 104)})
    on = world(bars(path([100, 100, 100, 103, 105, 105, 105])), model=model, **overrides)
    return replace(on, notifier=InMemoryNotifier())


def upto(cloud: Cloud, name: str) -> None:
    """Plays the recorded events before this one, and sets the clock for it."""
    for before in NAMES[: NAMES.index(name)]:
        cloud.on.clock.set(CALLS[before][0])  # type: ignore[attr-defined]
        cloud.call(before, recorded(before))
    cloud.on.clock.set(CALLS[name][0])  # type: ignore[attr-defined]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with deployed(market()) as found:
        yield found


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_event_makes_a_function_tell_its_facts(name: str, cloud: Cloud) -> None:
    upto(cloud, name)

    facts = cloud.call(name, recorded(name))

    assert [type(fact).__name__ for fact in facts] == CALLS[name][1]


def test_the_recorded_events_are_what_the_functions_tell(cloud: Cloud) -> None:
    for name in NAMES:
        upto(cloud, name)
        cloud.call(name, recorded(name))

    details = [envelope(fact)["detail"] for fact in cloud.bus.facts]
    assert [n for n in NAMES if "detail" in recorded(n) and recorded(n)["detail"] not in details] == []


def test_every_row_of_the_table_is_a_function() -> None:
    files = {file.stem for file in (ROOT / "functions").glob("*.py")} - {"__init__"}

    assert set(NAMES) <= files


def test_an_analysis_asked_for_now_is_collected(cloud: Cloud) -> None:
    cloud.on.clock.set(FOUR)  # type: ignore[attr-defined]

    (collected,) = cloud.call("collect", recorded("collect_asked"))

    assert (collected.id, collected.is_forced) == ("BTC/USDC#forced#2026-01-05T04:00:00+00:00", True)  # type: ignore[union-attr]


def test_what_is_shown_reaches_whoever_listens(cloud: Cloud) -> None:
    upto(cloud, "show")

    cloud.call("show", recorded("show"))

    assert len(cloud.on.notifier.views) == 1  # type: ignore[attr-defined]


def test_a_stage_that_is_not_in_the_table_has_no_function() -> None:
    with pytest.raises(BadInput, match="was 'trade'"):
        serve("trade")


# --- Envelopes --------------------------------------------------------------------------------------------------------

COLLECT, WATCH, DECIDE = (stage for name in ("collect", "watch", "decide") for stage in STAGES if stage.name == name)


@pytest.mark.parametrize(
    ("timeframe", "scheduled_at", "closed_at"),
    [
        ("4h", "2026-01-05T12:00:00Z", "2026-01-05T12:00:00+00:00"),
        ("4h", "2026-01-05T12:00:07Z", "2026-01-05T12:00:00+00:00"),
        ("4h", "2026-01-05T12:00:00.123+00:00", "2026-01-05T12:00:00+00:00"),
        ("1d", "2026-01-05T23:59:59Z", "2026-01-05T00:00:00+00:00"),
        ("1w", "2026-01-08T00:01:00Z", "2026-01-05T00:00:00+00:00"),
    ],
)
def test_a_schedule_names_the_candle_that_had_closed_by_then(timeframe: str, scheduled_at: str, closed_at: str) -> None:
    event = {"kind": "ScheduledCandle", "symbol": "BTC/USDC", "timeframe": timeframe, "scheduled_at": scheduled_at}

    fact = heard(event, COLLECT)

    assert fact.id == f"BTC/USDC#{timeframe}#{closed_at}"


def test_a_schedule_names_the_minute() -> None:
    assert heard(recorded("watch"), WATCH) == MinutePassed(TWENTY)


def changed(name: str, **changes: Any) -> Event:
    return recorded(name) | changes


def detailed(name: str, **changes: Any) -> Event:
    event = recorded(name)
    return event | {"detail": event["detail"] | changes}


REFUSED: dict[str, tuple[Any, str]] = {
    "nothing": (None, "was None"),
    "a list": ([recorded("decide")], "neither an event"),
    "an empty event": ({}, "was {}"),
    "an event of S3": (
        changed("decide", **{"source": "aws.s3", "detail-type": "Object Created", "detail": {}}),
        "aws.s3",
    ),
    "a queue's batch": ({"Records": [{"body": "{}"}]}, "Records"),
    "an unknown kind": (changed("decide", **{"detail-type": "Won", "detail": {"kind": "Won"}}), "kind was 'Won'"),
    "a kind of another name": (changed("decide", **{"detail-type": "MarketCollected"}), "one kind"),
    "a kind that is no text": (changed("decide", **{"detail-type": ["a"], "detail": {"kind": ["a"]}}), "kind was"),
    "an envelope of another version": (changed("decide", version="1"), "version '0', was '1'"),
    "an envelope without a version": ({k: v for k, v in recorded("decide").items() if k != "version"}, "neither"),
    "a fact of another schema": (detailed("decide", schema=2), "schema we do not know, was 2"),
    "a detail that is text": (changed("decide", detail="{}"), "neither an event"),
    "a detail without its id": (changed("decide", detail={"kind": "MarketAnalysed", "symbol": "BTC/USDC"}), "id"),
    "an id that is no text": (detailed("decide", id=5), "expected str"),
    "a symbol that is no pair": (detailed("decide", symbol="BTC"), "BASE/QUOTE"),
    "a symbol that is no text": (detailed("decide", symbol=5), "MarketAnalysed"),
    "a timeframe of nobody": (detailed("decide", timeframe="5h"), "5h"),
    "an instant that is none": (detailed("decide", closed_at="noon"), "noon"),
    "an instant of no place": (detailed("decide", closed_at="2026-01-05T04:00:00"), "needs its offset"),
    "a fact for somebody else": (recorded("execute"), "decide hears MarketAnalysed, was .*DecisionMade"),
    "a schedule for somebody else": (recorded("watch"), "decide hears"),
    "a schedule without its time": ({"kind": "ScheduledMinute"}, "neither an event"),
    "a schedule's own template": (changed("watch", scheduled_at="<aws.scheduler.scheduled-time>"), "scheduled-time"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_whatever_is_no_fact_for_it_is_refused_by_name(what: str, cloud: Cloud) -> None:
    event, words = REFUSED[what]

    with pytest.raises(BadInput, match=words):
        cloud.functions["decide"](event, None)

    assert cloud.bus.facts == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from(["kind", "id", "symbol", "timeframe", "closed_at", "is_forced", "schema"])


@given(st.dictionaries(FIELDS, JSON, min_size=1))
def test_garbage_in_a_detail_is_refused_or_means_what_it_says(garbage: dict[str, Any]) -> None:
    event = detailed("decide", **garbage)

    try:
        fact = heard(event, DECIDE)
    except BadInput:
        return

    assert load_fact(event["detail"]) == fact


# --- Late and again ---------------------------------------------------------------------------------------------------


def test_a_candle_that_comes_late_is_not_traded_and_that_is_recorded(cloud: Cloud) -> None:
    cloud.on.clock.set(FOUR + H4 / 4 + timedelta(seconds=1))  # type: ignore[attr-defined]

    scheduled = cloud.functions["collect"](recorded("collect"), None)
    told_on_the_bus = cloud.functions["collect"](envelope(CandleClosed(BTC, Timeframe.H4, FOUR)), None)

    assert scheduled == told_on_the_bus == {"facts": [cycle(BTC, FOUR)]}
    assert {type(fact).__name__ for fact in cloud.bus.facts} == {"CandleMissed"}
    (missed,) = asyncio.run(told(cloud.on))
    assert missed.subject.guard == "late"  # type: ignore[union-attr]


def test_a_candle_just_in_time_is_traded(cloud: Cloud) -> None:
    cloud.on.clock.set(FOUR + H4 / 4)  # type: ignore[attr-defined]

    facts = cloud.call("collect", recorded("collect"))

    assert [type(fact).__name__ for fact in facts] == ["MarketCollected"]


def test_a_minute_that_comes_late_finds_what_it_would_have_found(cloud: Cloud) -> None:
    upto(cloud, "watch")
    cloud.on.clock.set(TWENTY + H4)  # type: ignore[attr-defined]

    facts = cloud.call("watch", recorded("watch"))

    assert [type(fact).__name__ for fact in facts] == CALLS["watch"][1]


def test_what_is_not_there_yet_is_left_to_the_next_try(cloud: Cloud) -> None:
    with pytest.raises(Missing, match="nothing was collected"):
        cloud.call("analyse", recorded("analyse"))
    with pytest.raises(Missing, match="no decision"):
        cloud.call("execute", recorded("execute"))


def test_sockets_are_made_with_the_first_event_and_kept() -> None:
    made: list[Sockets] = []

    def sockets() -> Sockets:
        made.append(market())
        made[-1].clock.set(FOUR)  # type: ignore[attr-defined]
        return made[-1]

    function = serve("collect", sockets, Bus().publish)
    before = len(made)
    for _ in range(3):
        function(recorded("collect"), None)
    function.runner.close()

    assert (before, len(made)) == (0, 1)


def test_sockets_that_could_not_be_made_are_made_with_the_next_event() -> None:
    ready = market()
    ready.clock.set(FOUR)  # type: ignore[attr-defined]
    attempts = iter([Unavailable("the disk is full"), ready])

    def sockets() -> Sockets:
        attempt = next(attempts)
        if isinstance(attempt, Unavailable):
            raise attempt
        return attempt

    function = serve("collect", sockets, Bus().publish)
    with pytest.raises(Unavailable, match="disk is full"):
        function(recorded("collect"), None)
    answer = function(recorded("collect"), None)
    function.runner.close()

    assert answer == {"facts": [cycle(BTC, FOUR)]}


@pytest.mark.parametrize("name", [name for name in NAMES if CALLS[name][1]])
def test_a_bus_that_fails_after_the_ledger_was_written_is_told_the_same_by_the_next_try(name: str) -> None:
    with deployed(market()) as whole:
        upto(whole, name)
        expected = whole.call(name, recorded(name))
    with deployed(market()) as cloud:
        upto(cloud, name)
        bus = Bus(failing=1)
        function = serve(name, lambda: cloud.on, bus.publish)

        with pytest.raises(Unavailable):
            function(recorded(name), None)
        first = asyncio.run(written(cloud.on))
        function(recorded(name), None)
        function.runner.close()

    # Marks of equity are told once: the ledger holds them, and nobody acts on them.
    assert bus.facts == [fact for fact in expected if type(fact).__name__ != "EquityMarked"]
    assert asyncio.run(written(cloud.on)) == first == asyncio.run(written(whole.on))


# --- What is said -----------------------------------------------------------------------------------------------------


def said(name: str) -> io.StringIO:
    """What the function's log says from here on."""
    words = io.StringIO()
    (stream,) = logging.getLogger(name).handlers
    assert isinstance(stream, logging.StreamHandler)
    stream.stream = words  # not setStream: it flushes the one before, which may be that of a test that has ended
    return words


def lines(words: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in words.getvalue().splitlines()]


def test_the_log_is_json_with_the_cycle_and_the_function(cloud: Cloud) -> None:
    upto(cloud, "reflect")
    assert cloud.functions["reflect"].log
    words = said("reflect")

    cloud.call("reflect", recorded("reflect"))

    (line,) = lines(words)
    assert (line["level"], line["service"], line["cycle_id"]) == ("INFO", "reflect", cycle(BTC, FOUR))
    assert line["message"] == "PositionClosed told LessonLearned"


def test_the_log_says_why_it_failed_and_forgets_the_cycle_before(cloud: Cloud) -> None:
    upto(cloud, "decide")
    cloud.call("decide", recorded("decide"))
    words = said("decide")

    with pytest.raises(BadInput):
        cloud.functions["decide"]({}, None)

    (line,) = lines(words)
    assert (line["level"], line["message"]) == (
        "ERROR",
        "BadInput: neither an event of the bus nor of a schedule, was {}",
    )
    assert "cycle_id" not in line


def test_the_log_says_which_candle_was_missed(cloud: Cloud) -> None:
    cloud.on.clock.set(FOUR + 2 * H4)  # type: ignore[attr-defined]
    assert cloud.functions["collect"].log
    words = said("collect")

    cloud.call("collect", recorded("collect"))

    (line,) = lines(words)
    assert (line["level"], line["cycle_id"]) == ("INFO", cycle(BTC, FOUR))
    assert line["message"] == "CandleClosed told CandleMissed"


def counted(out: str) -> list[dict[str, Any]]:
    """The figures that CloudWatch reads out of a log."""
    told = [json.loads(line) for line in out.splitlines() if "_aws" in line]
    assert {one["_aws"]["CloudWatchMetrics"][0]["Namespace"] for one in told} <= {"SemanticSignal"}
    return [{name: value for name, value in one.items() if name != "_aws"} for one in told]


def test_what_the_alarms_read_is_told_and_nothing_else(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    for name in NAMES:
        upto(cloud, name)
        cloud.call(name, recorded(name))
    figures = counted(capsys.readouterr().out)

    assert {tuple(sorted(one)) for one in figures} == {("DecisionMade", "service"), ("DrawdownRatio", "service")}
    assert next(one for one in figures if "DecisionMade" in one) == {"DecisionMade": [1.0], "service": "decide"}
    assert next(one for one in figures if "DrawdownRatio" in one) == {"DrawdownRatio": [0.0], "service": "watch"}


def test_what_a_decision_cost_and_that_memory_was_away_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    on = replace(market(), memory=GoneMemory())
    with deployed(on) as cloud:
        upto(cloud, "decide")
        dear = Reply(
            says("HOLD"),
            "dear",
            attempts=(
                Attempt("first", "m", MONDAY, 1.0, Usage(cost_usd=Decimal("0.012")), Fault.SCHEMA, "no decision"),
                Attempt("second", "dear", MONDAY, 1.0, Usage(cost_usd=Decimal("0.0003"))),
            ),
        )
        asyncio.run(on.archive.put(f"reply/{cycle(BTC, FOUR)}", dear))
        capsys.readouterr()
        cloud.call("decide", recorded("decide"))

    (told_,) = counted(capsys.readouterr().out)
    assert told_ == {
        "DecisionMade": [1.0], "DecisionsWithoutMemory": [1.0], "ModelSpendUsd": [0.0123], "service": "decide",
    }  # fmt: skip


def test_what_looking_back_cost_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    with deployed(market()) as cloud:
        upto(cloud, "review")
        dear = Attempt("first", "m", MONDAY, 1.0, Usage(cost_usd=Decimal("0.012")))
        trade = recorded("review")["detail"]["id"]
        asyncio.run(cloud.on.archive.put(f"review-reply/{trade}#review", Reply("no", "dear", attempts=(dear,))))
        capsys.readouterr()
        cloud.call("review", recorded("review"))
        cloud.on.clock.set(TWENTY + H4)  # type: ignore[attr-defined]
        cloud.call("review", recorded("review"))

    assert counted(capsys.readouterr().out) == [{"ModelSpendUsd": [0.012], "service": "review"}]


# --- A container ------------------------------------------------------------------------------------------------------


def fresh(code: str, given: str = "", **variables: str) -> str:
    """A new process, as a new container is: what it prints."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SEMSIG_", "AWS_"))}
    paths = os.pathsep.join([str(ROOT), str(ROOT / "layers/core/python")])
    ran = subprocess.run(
        [sys.executable, "-c", code],
        input=given,
        env=clean | {"PYTHONPATH": paths} | variables,
        cwd=variables.get("SEMSIG_HOME", ROOT),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_function_loads_nothing_it_does_not_wear() -> None:
    loaded = fresh("import sys, functions.reflect; print(*sorted(sys.modules))").split()

    heavy = {"ccxt", "matplotlib", "openai", "boto3", "botocore", "aws_lambda_powertools", "fastapi", "httpx"}
    assert "functions.reflect" in loaded
    assert heavy & set(loaded) == set()


def test_a_part_that_the_template_did_not_tell_of_is_named_when_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PLACES.values():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SEMSIG_SYMBOLS", "BTC/USDC,ETH/USDC")

    on = wiring.cloud()

    assert on.settings.symbols == ("BTC/USDC", "ETH/USDC")
    with pytest.raises(InvalidSetting, match="SEMSIG_TABLE is not set"):
        asyncio.run(on.ledger.portfolio())
    with pytest.raises(InvalidSetting, match="SEMSIG_BUCKET is not set"):
        asyncio.run(on.archive.get("reply/1", Reply))


# --- By hand ----------------------------------------------------------------------------------------------------------


def test_an_analysis_is_forced_by_hand_once_a_minute_however_often_it_is_asked(cloud: Cloud) -> None:
    asked = {"kind": "AnalysisRequested", "symbol": "BTC/USDC"}

    answers = []
    for seconds in (0, 20, 59, 60):
        cloud.on.clock.set(FOUR + timedelta(seconds=seconds))  # type: ignore[attr-defined]
        answers.append(cloud.functions["collect"](asked, None))

    first, second = ("BTC/USDC#forced#2026-01-05T04:00:00+00:00", "BTC/USDC#forced#2026-01-05T04:01:00+00:00")
    assert answers == [{"facts": [first]}] * 3 + [{"facts": [second]}]


def test_an_analysis_forced_twice_is_decided_once(cloud: Cloud) -> None:
    cloud.on.clock.set(FOUR)  # type: ignore[attr-defined]
    for _ in range(2):
        cloud.functions["collect"]({"kind": "AnalysisRequested", "symbol": "BTC/USDC"}, None)

    cloud.run(*(envelope(fact) for fact in cloud.bus.facts))

    (made,) = asyncio.run(told(cloud.on, "DecisionMade"))
    assert made.subject.is_forced  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"kind": "AnalysisRequested"}, "names its kind and symbol"),
        ({"kind": "AnalysisRequested", "symbol": "BTC/USDC", "sybmol": "x"}, "and no more"),
        ({"kind": "AnalysisRequested", "symbol": "BTC"}, "BASE/QUOTE"),
        ({"kind": "AnalysisRequested", "symbol": None}, "BASE/QUOTE"),
        ({"kind": "AnalysisRequested", "symbol": "DOGE/USDC"}, "not traded here, only BTC/USDC"),
    ],
)
def test_what_is_forced_by_hand_is_checked(event: Event, words: str, cloud: Cloud) -> None:
    with pytest.raises(BadInput, match=words):
        cloud.functions["collect"](event, None)


# --- The ledger's stream ----------------------------------------------------------------------------------------------


def record(fact: Any, number: int) -> Event:
    """As DynamoDB's stream tells of a new item."""
    image = written_item(Entry(fact, Refusal("late", "")), number)
    return {
        "eventID": str(number),
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {"SequenceNumber": str(number), "NewImage": image, "StreamViewType": "NEW_IMAGE"},
    }


async def standing(cloud: Cloud, *hours: int) -> list[Event]:
    """Missed candles in the ledger, as its stream tells of them."""
    facts = [CandleMissed(f"c{hour}", BTC, MONDAY + timedelta(hours=hour)) for hour in hours]
    for fact in facts:
        await cloud.on.ledger.record(Entry(fact, Refusal("late", "")))
    return [record(fact, number) for number, fact in enumerate(facts, 1)]


def test_what_the_stream_brings_is_shown_in_order(cloud: Cloud) -> None:
    records = asyncio.run(standing(cloud, 1, 2, 3))

    answer = cloud.functions["show"]({"Records": records}, None)

    assert answer == {"batchItemFailures": []}
    assert [view.id for view in cloud.on.notifier.views] == [f"CandleMissed:c{hour}" for hour in (1, 2, 3)]  # type: ignore[attr-defined]


def test_a_batch_begins_again_where_it_failed(cloud: Cloud) -> None:
    first, second, third = asyncio.run(standing(cloud, 1, 2, 3))
    second["dynamodb"]["NewImage"]["fact"]["S"] = "{"

    answer = cloud.functions["show"]({"Records": [first, second, third]}, None)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert [view.id for view in cloud.on.notifier.views] == ["CandleMissed:c1"]  # type: ignore[attr-defined]


def test_an_entry_of_a_newer_version_is_a_failure_and_not_lost(cloud: Cloud) -> None:
    (one,) = asyncio.run(standing(cloud, 1))
    one["dynamodb"]["NewImage"]["kind"]["S"] = "MoonLanded"

    assert cloud.functions["show"]({"Records": [one]}, None) == {"batchItemFailures": [{"itemIdentifier": "1"}]}


def test_a_record_that_is_no_entry_is_said(cloud: Cloud) -> None:
    (one,) = asyncio.run(standing(cloud, 1))
    del one["dynamodb"]["NewImage"]["fact"]
    assert cloud.functions["show"].log
    words = said("show")

    cloud.functions["show"]({"Records": [one]}, None)

    (line,) = lines(words)
    assert line["level"] == "ERROR" and "begins again here: no entry of the ledger" in line["message"]
