"""Each function as a new container: a fresh Python with only its layers answers its first event, and may be killed."""

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from assembly import Assembly
from aws_here import STAGE, Deployed, deployed, http
from chroma_server import ChromaServer
from lived import INSTANTS, SETTINGS, Venue, entries, ledger_of, of_the_loop, open_venue, written

from infra import layers
from semanticsignal.codec import dump_fact
from semanticsignal.domain.events import CandleClosed, MinutePassed
from semanticsignal.domain.ledger import Entry
from tests.functions.aws import IDENTITY
from tests.functions.lambdas import recorded, scheduled
from tests.infra.fresh import NOT_BUILT, WHERE, fresh, worn

FUNCTIONS = sorted(path.stem for path in layers.FUNCTIONS.glob("*.py") if path.stem != "__init__")
# A trade was opened, closed by the last minute, and learned from; nothing is open.
LIVED = INSTANTS[:11]
CALL = """
import json, {name}
lambda_s = type("Context", (), dict(aws_request_id="1", get_remaining_time_in_millis=lambda _: 60_000))
answer = {name}.handler(json.loads({event!r}), lambda_s())
print(json.dumps(answer))
"""
WORLD = """
import json, os, signal, {name}
from dataclasses import replace
from datetime import datetime
from semanticsignal import wiring
from semanticsignal.adapters.system_clock import SetClock
on, clock = wiring.cloud(), SetClock(datetime.fromisoformat({at!r}))
market = wiring.venue(on.settings, clock.now, {url!r}, is_simulated=True)
{name}.handler.on = replace(on, clock=clock, market=market)

async def killed(facts):
    os.kill(os.getpid(), signal.SIGKILL)

{name}.handler.publish = killed
{name}.handler(json.loads({event!r}), None)
"""


@pytest.fixture(scope="module")
def venue() -> Iterator[Venue]:
    with open_venue() as found:
        yield found


@pytest.fixture(scope="module")
def lived(assembly: Assembly, chroma: ChromaServer, venue: Venue) -> Iterator[Deployed]:
    """A deployment with a past."""
    with pytest.MonkeyPatch.context() as patch, deployed(assembly, chroma, venue.plug, patch) as here:
        here.live(LIVED[:-1])
        here.clock.set(LIVED[-1])
        here.deliver("watch", scheduled(MinutePassed(LIVED[-1])))
        here.run()
        assert len(entries(here, "LessonLearned")) == 1
        yield here


def first_events(here: Deployed) -> dict[str, tuple[Any, Any]]:
    """What each function is called with, and what it answers: mostly what stands already, told once more."""
    (closed,) = entries(here, "PositionClosed")
    (opened,) = entries(here, "PositionOpened")
    (lesson,) = entries(here, "LessonLearned")
    (reviewed,) = entries(here, "PostMortemWritten")
    decision = next(e for e in entries(here, "DecisionMade") if f"{e.fact.id}#order" == opened.fact.id)
    missed = CandleClosed(SETTINGS.pairs[0], SETTINGS.timeframe, INSTANTS[20])
    cycle = decision.fact.id
    at = decision.subject.closed_at.isoformat()  # type: ignore[union-attr]
    of = {"id": cycle, "symbol": str(decision.fact.symbol), "timeframe": "4h", "closed_at": at}  # type: ignore[union-attr]
    order = f"{cycle}#order"
    return {
        "collect": (scheduled(missed), {"facts": [missed.id]}),
        "analyse": (bus("MarketCollected", of), {"facts": [cycle]}),
        "decide": (bus("MarketAnalysed", of), {"facts": [cycle]}),
        "execute": (bus("DecisionMade", dump_fact(decision.fact)), {"facts": [order, order]}),
        "watch": (scheduled(MinutePassed(LIVED[-1])), {"facts": []}),
        "reflect": (bus("PositionClosed", dump_fact(closed.fact)), {"facts": [lesson.fact.id]}),
        "review": (bus("LessonLearned", dump_fact(lesson.fact)), {"facts": [reviewed.fact.id]}),
        # it draws the chart, and then finds that the news is old
        "notify": (bus("DecisionMade", dump_fact(decision.fact)), {"facts": []}),
        "context": (recorded("context"), {"facts": []}),
        "news": (recorded("news"), {"facts": []}),
        "show": ({"Records": [_record(closed)]}, {"batchItemFailures": []}),
        "memory": ({"ask": "count", "until": LIVED[-1].isoformat(), "which": {}}, {"count": 1}),
        "sockets": (here._routed("$disconnect", "nobody", LIVED[-1]), {"statusCode": 200}),
        "api": (http("GET", "/api/health", None, ""), 200),
    }


def bus(kind: str, detail: dict[str, Any]) -> dict[str, Any]:
    return recorded("analyse") | {"detail-type": kind, "detail": {**detail, "kind": kind}}


def _record(entry: Entry) -> dict[str, Any]:
    fact = {key: value for key, value in dump_fact(entry.fact).items() if key != "kind"}
    image = {"pk": {"S": "ledger"}, "kind": {"S": entry.kind}, "fact": {"S": json.dumps(fact)}}
    told = {"SequenceNumber": "1", "NewImage": image}
    return {"eventSource": "aws:dynamodb", "eventName": "INSERT", "dynamodb": told}


def environment(here: Deployed, name: str) -> dict[str, str]:
    """What Lambda tells this function, of a cloud that is here."""
    places = {"SEMSIG_CHROMA_URL": here.chroma.url} if name == "memory" else {}
    places |= {"SEMSIG_SOCKET_ENDPOINT": here.endpoints["socket"] + STAGE} if name == "show" else {}
    endpoints = {"AWS_ENDPOINT_URL": here.endpoints["aws"], "AWS_ENDPOINT_URL_LAMBDA": here.endpoints["lambda"]}
    return {**here.environment(name), **places, **IDENTITY, **endpoints}


@pytest.mark.parametrize("name", [pytest.param(name, id=f"{name}, Python {WHERE.python}") for name in FUNCTIONS])
def test_a_new_container_answers_its_first_event(name: str, lived: Deployed) -> None:
    if worn(name) is None:
        pytest.skip(NOT_BUILT)
    event, expected = first_events(lived)[name]
    lived.keep(DISCORD_WEBHOOK_URL="http://127.0.0.1:9/hook")

    done = fresh(name, CALL.format(name=name, event=json.dumps(event)), environment(lived, name))

    assert done.returncode == 0, done.stderr + done.stdout
    answer = json.loads(done.stdout.splitlines()[-1])
    assert (answer["statusCode"] if name == "api" else answer) == expected


def test_a_container_killed_between_ledger_and_bus_is_followed_by_one_that_tells_it(
    assembly: Assembly, chroma: ChromaServer, venue: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL, no last words: the order is in the ledger, and nobody was told."""
    if worn("execute") is None:
        pytest.skip(NOT_BUILT)
    with deployed(assembly, chroma, venue.plug, monkeypatch) as here:
        killed: list[int] = []
        call = here.invoke

        def dying(name: str, event: Any) -> Any:
            """Execute's first try at each decision runs in a process of its own, and does not survive."""
            if name == "execute" and event["detail"]["id"] not in tried:
                tried.add(event["detail"]["id"])
                at, url = here.clock.now().isoformat(), venue.url
                code = WORLD.format(name=name, at=at, url=url, event=json.dumps(event))
                done = fresh(name, code, environment(here, name))
                if done.returncode == -signal.SIGKILL:
                    killed.append(len(entries(here, "OrderPlaced", "PositionOpened")))
                    raise ConnectionResetError("the container is gone")
            return call(name, event)

        tried: set[str] = set()
        monkeypatch.setattr(here, "invoke", dying)
        here.live(INSTANTS[:3])

        # A HOLD tells nothing, so nothing is killed; the one entry was: with its order and its position written.
        assert killed == [2]
        assert here.dead == []
        assert asyncio.run(written(ledger_of(here))) == of_the_loop(venue, tmp_path, INSTANTS[:3])
