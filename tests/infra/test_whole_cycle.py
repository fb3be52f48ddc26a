"""A whole life on the deployment that the template describes: the ledger of a laptop's loop, fact for fact."""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from assembly import Assembly
from aws_here import NEVER, Deployed, deployed, http, threaded, throttled
from chroma_server import ChromaServer
from discord_server import HOOK, Discord
from lived import INSTANTS, SETTINGS, Venue, entries, ledger_of, of_the_loop, open_venue, written

from semanticsignal.adapters import dynamodb, memory_function, s3
from semanticsignal.domain.errors import BadInput
from semanticsignal.domain.events import CandleClosed, MinutePassed
from semanticsignal.drivers import remote
from tests.functions.lambdas import scheduled

# An entry, its levels moved, its exit, the lesson; in the longer one two more, and what was learned of them.
BUSY, LONGER = INSTANTS[:11], INSTANTS[:18]


@pytest.fixture(scope="module")
def venue() -> Iterator[Venue]:
    with open_venue() as found:
        yield found


@pytest.fixture
def here(assembly: Assembly, chroma: ChromaServer, venue: Venue, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    with deployed(assembly, chroma, venue.plug, monkeypatch) as found:
        yield found


def shown(here: Deployed, connection: str = "page") -> list[str]:
    return [view["id"] for view in here.browsers.heard[connection] if "seq" in view]


def test_the_ledger_of_the_deployment_is_that_of_the_laptop_fact_for_fact(
    here: Deployed, venue: Venue, tmp_path: Path
) -> None:
    expected = of_the_loop(venue, tmp_path, LONGER)

    for at in LONGER:
        # A connection lasts two hours; the page comes back with a new ticket.
        here.clock.set(at)
        assert here.connect("page") == "Allow"
        here.live([at])

    assert here.dead == []
    kinds = Counter(entry.kind for entry in entries(here))
    assert (kinds["DecisionMade"], kinds["EquityMarked"]) == (2 * len(LONGER), len(LONGER))
    assert kinds["PositionClosed"] >= 3 and kinds["Reflected"] >= 1 and kinds["PositionUpdated"] >= 1
    assert asyncio.run(written(ledger_of(here))) == expected
    assert shown(here) == [entry.id for entry in entries(here)]


# --- Faults ----------------------------------------------------------------------------------------------------------

# The pair that trades in it.
BUSIER = replace(SETTINGS, symbols=("BTC/USDC",))


@pytest.fixture
def single(here: Deployed) -> Deployed:
    """The same deployment for one pair: what goes wrong goes wrong with one as with two."""
    here.wear(lambda _: {"SEMSIG_SYMBOLS": BUSIER.symbols[0]})
    return here


def same_as_the_loop(here: Deployed, venue: Venue, home: Path, instants: list[datetime], webhook: str = "") -> None:
    """Nothing lost, nothing doubled."""
    expected = of_the_loop(venue, home, instants, BUSIER, webhook)
    assert asyncio.run(written(ledger_of(here))) == expected
    assert sum(b"PositionClosed:" in line for line in expected) >= 1


def test_every_event_delivered_twice_trades_once_and_tells_people_once_what_a_laptop_tells_them(
    single: Deployed, venue: Venue, tmp_path: Path
) -> None:
    here, told, expected = single, Discord(), Discord()
    with threaded(told) as there, threaded(expected) as elsewhere:
        here.keep(DISCORD_WEBHOOK_URL=there + HOOK)
        here.live(BUSY, times=2)
        here.deliver("notify", {"kind": "ScheduledRound", "scheduled_at": BUSY[-1].isoformat()}, times=2)

        assert here.dead == []
        same_as_the_loop(here, venue, tmp_path, BUSY, elsewhere + HOOK)

    assert sorted(map(json.dumps, told.messages.values())) == sorted(map(json.dumps, expected.messages.values()))
    assert Counter(told.pictures.values()) == Counter(expected.pictures.values())
    assert len(told.messages) >= 5 and len(told.pictures) >= 2


def test_trading_goes_on_where_discord_is_gone(single: Deployed, venue: Venue, tmp_path: Path) -> None:
    here = single
    with threaded(there := Discord(is_deleted=True)) as url:
        here.keep(DISCORD_WEBHOOK_URL=url + HOOK)
        here.live(BUSY[:3])

    assert here.dead == [] and there.asked and there.messages == {}
    assert asyncio.run(written(ledger_of(here))) == of_the_loop(venue, tmp_path, BUSY[:3], BUSIER)


def test_old_events_that_come_again_in_any_order_change_nothing(single: Deployed, venue: Venue, tmp_path: Path) -> None:
    here = single
    here.live(BUSY)

    for event in [*reversed(here.heard), *here.heard]:
        for target in here.targets(event):
            here.deliver(target, event)
    here.run()

    assert here.dead == []
    same_as_the_loop(here, venue, tmp_path, BUSY)


def test_a_function_that_dies_between_ledger_and_bus_is_called_again_and_nothing_is_lost(
    single: Deployed, venue: Venue, tmp_path: Path
) -> None:
    here = single
    told: dict[str, int] = {}

    def dying(name: str, publish: Any) -> Any:
        async def die_first(facts: Any) -> None:
            told[name] = told.get(name, 0) + 1
            if told[name] % 3 == 1:
                raise ConnectionResetError("gone before it could tell")
            await publish(facts)

        return die_first

    for name, handler in here.handlers.items():
        if name not in ("api", "show", "notify", "sockets", "memory"):
            handler.publish = dying(name, handler.publish)

    here.live(BUSY)

    assert here.dead == [] and {"collect", "decide", "execute", "reflect", "review", "watch"} <= set(told)
    same_as_the_loop(here, venue, tmp_path, BUSY)


def test_a_throttled_ledger_delays_and_loses_nothing(single: Deployed, venue: Venue, tmp_path: Path) -> None:
    here = single
    asked, in_a_row = 0, range(200, 201 + dynamodb.SDK_RETRIES)

    def now_and_then(question: str) -> Any:
        """One answer, which the SDK asks again by itself; once so many in a row that it gives up."""
        nonlocal asked
        asked += (is_asked := question.startswith("dynamodb"))
        return throttled() if is_asked and (asked % 97 == 0 or asked in in_a_row) else None

    here.wire.fault = now_and_then

    here.live(BUSY)

    here.wire.fault = lambda question: None
    assert here.dead == []
    same_as_the_loop(here, venue, tmp_path, BUSY)


def test_a_slow_archive_is_asked_again(
    single: Deployed, venue: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = single
    monkeypatch.setattr(s3, "READ_S", 0.3)
    asked = 0

    def every_fifth(question: str) -> Any:
        nonlocal asked
        asked += question.startswith("s3")
        return NEVER if question.startswith("s3") and asked % 5 == 0 else None

    here.wire.fault = every_fifth

    here.live(BUSY)

    assert here.dead == []
    same_as_the_loop(here, venue, tmp_path, BUSY)


def test_trading_goes_on_while_chroma_is_down_and_memory_catches_up(here: Deployed) -> None:
    here.live(LONGER[:6])
    here.chroma.kill()
    here.live(LONGER[6:11])
    made = [entry.subject for entry in entries(here, "DecisionMade")]
    closed = len(entries(here, "PositionClosed"))
    forgotten = here.api("GET", "/api/state")["health"]

    here.chroma.start()
    here.live(LONGER[11:])

    without = [decision.notes for decision in made[12:]]
    assert closed >= 1 and set(without) == {("decided without memory: it did not answer",)}
    assert forgotten["status"] == "degraded" and "memory" in forgotten["problem"].lower()
    trades = entries(here, "PositionClosed")
    assert {entry.fact.id for entry in entries(here, "LessonLearned")} == {entry.fact.id for entry in trades}
    assert here.invoke("memory", {"ask": "count", "until": LONGER[-1].isoformat(), "which": {}}) == {
        "count": len(trades)
    }
    assert {entry.subject.trade_id for entry in entries(here, "PostMortemWritten")} == {e.fact.id for e in trades}
    assert entries(here, "DecisionMade")[-1].subject.notes == ()
    # What could not be told to memory while it was down waits in the dead letters of reflect alone.
    assert {function for function, _, _ in here.dead} <= {"reflect"}


def test_a_memory_function_that_times_out_holds_up_nobody(here: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    with threaded(Silent()) as nobody:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", nobody)
        monkeypatch.setattr(memory_function, "READ_S", 0.2)

        here.live(BUSY[:2])

    assert [entry.subject.notes for entry in entries(here, "DecisionMade")] == [
        ("decided without memory: it did not answer",)
    ] * 4
    assert here.dead == []


def test_a_model_that_times_out_is_a_hold_with_its_reason(here: Deployed) -> None:
    with threaded(Silent()) as nobody:
        terms = {"SEMSIG_MODEL__PROVIDER": "openai_compatible", "SEMSIG_MODEL__BASE_URL": f"{nobody}/v1"}
        here.wear(lambda name: {**terms, "SEMSIG_MODEL__TIMEOUT_S": "0.2"})

        here.live(BUSY[:1])

    made = [entry.subject for entry in entries(here, "DecisionMade")]
    assert [(one.action, one.refusals[0].guard) for one in made] == [("HOLD", "model")] * 2
    assert "no whole answer in 0.2 s" in made[0].refusals[0].reason


def test_a_schedule_that_comes_too_late_is_refused_and_recorded(here: Deployed) -> None:
    here.clock.set(BUSY[0] + timedelta(hours=1, seconds=1))

    here.deliver("collect", scheduled(CandleClosed(SETTINGS.pairs[0], SETTINGS.timeframe, BUSY[0])))
    here.run()

    (missed,) = entries(here)
    assert (missed.kind, missed.subject.guard) == ("CandleMissed", "late")
    assert here.api("GET", "/api/refusals")["refusals"][0]["reason"].startswith("not collected within 3600 s")


# --- The page --------------------------------------------------------------------------------------------------------


def test_a_ticket_lets_one_page_in_once(here: Deployed) -> None:
    ticket = here.api("POST", "/api/tickets")["ticket"]

    assert [here.authorized(ticket) for _ in range(2)] == ["Allow", "Deny"]
    assert here.authorized("guessed") == here.authorized("") == "Deny"


def test_a_ticket_is_good_for_half_a_minute(here: Deployed) -> None:
    here.clock.set(BUSY[0])
    ticket = here.api("POST", "/api/tickets")["ticket"]
    here.clock.set(BUSY[0] + timedelta(seconds=31))

    assert here.authorized(ticket) == "Deny"


def test_who_has_left_is_forgotten_and_the_others_are_told(here: Deployed) -> None:
    here.clock.set(BUSY[0])
    for page in ("one", "two", "three"):
        here.connect(page)
    here.leave("one")
    here.leave("two", says_so=False)

    here.live(BUSY[:1])

    assert shown(here, "three") == [entry.id for entry in entries(here)]
    assert asyncio.run(here.audience().listeners(at=BUSY[0])) == ("three",)


def test_what_is_told_before_a_connection_stands_does_not_silence_it(here: Deployed) -> None:
    """API Gateway answers "gone" until `$connect` has returned; the page's first ping brings it back."""
    here.clock.set(BUSY[0])
    here.connect("page")
    del here.browsers.heard["page"]
    here.live(BUSY[:1])
    here.browsers.heard["page"] = []

    here.clock.set(BUSY[0] + timedelta(minutes=1))
    here.ping("page", since=BUSY[0])
    here.invoke("show", scheduled(MinutePassed(here.clock.now())))

    assert [view["kind"] for view in here.browsers.heard["page"]] == ["MinutePassed"]


def test_only_admins_force_an_analysis_and_it_is_made_once(here: Deployed) -> None:
    here.clock.set(BUSY[0])
    asked = {"symbol": "BTC/USDC"}

    refused = here.invoke("api", http("POST", "/api/analyses", asked, "[readers]"))
    queued = [here.api("POST", "/api/analyses", asked) for _ in range(3)]
    here.run()

    assert refused["statusCode"] == 403
    assert {one["id"] for one in queued} == {f"BTC/USDC#forced#{BUSY[0].isoformat()}"}
    (made,) = entries(here, "DecisionMade")
    assert made.subject.is_forced and made.fact.id == queued[0]["id"]
    # As a page sends it, and as a gateway that reads it first passes it on.
    for id in (quote(made.fact.id, safe=""), made.fact.id):
        assert here.api("GET", f"/api/decisions/{id}")["decision"]["is_forced"]


def test_a_page_before_the_first_minute_sees_a_deployment_that_starts(here: Deployed) -> None:
    state = here.api("GET", "/api/state")

    assert (state["health"]["status"], state["equity"], state["trades"]) == ("starting", [], [])
    assert not any(
        "PutItem" in question or "Transact" in question for question in here.wire.asked if "dynamodb" in question
    )


def test_an_analysis_is_forced_from_the_command_line_of_any_machine(here: Deployed) -> None:
    here.clock.set(BUSY[0])

    queued = asyncio.run(remote.analyze_deployed(SETTINGS, "btc/usdc", wait=False))
    here.run()
    made = asyncio.run(remote.analyze_deployed(SETTINGS, "BTC/USDC", wait=True))

    assert made["id"] == queued["id"] and made["is_forced"]
    with pytest.raises(BadInput, match="DOGE/USDC is not traded here"):
        asyncio.run(remote.analyze_deployed(SETTINGS, "DOGE/USDC", wait=False))


def test_memory_is_rebuilt_from_the_command_line(here: Deployed) -> None:
    here.live(LONGER)
    here.chroma.wipe()

    assert asyncio.run(remote.rebuild_deployed(SETTINGS)) == len(entries(here, "LessonLearned")) >= 1


def test_the_page_reads_everything_from_the_cloud(here: Deployed) -> None:
    here.live(BUSY)

    state = here.api("GET", "/api/state")
    chart = here.invoke(
        "api", http("GET", f"/api/decisions/{quote(state['decisions'][0]['id'], safe='')}/chart.png", None, "")
    )
    market = here.api("GET", "/api/market?symbol=BTC/USDC&limit=20")

    assert state["health"]["status"] == "running" and not state["health"]["problem"]
    assert len(state["decisions"]) == 2 * len(BUSY) and len(state["trades"]) >= 1
    assert [one["id"] for one in here.api("GET", "/api/events?limit=1000")["events"]] == [e.id for e in entries(here)]
    assert base64.b64decode(chart["body"]).startswith(b"\x89PNG") and chart["isBase64Encoded"]
    assert len(market["candles"]) == 20


class Silent:
    """Takes a call and says nothing until the caller hangs up."""

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
