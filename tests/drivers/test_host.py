"""`semsig run` in a process of its own: it lives, shows, pushes, is killed and goes on, stops, and runs once."""

import asyncio
import json
import os
import pty
import signal
import sqlite3
import termios
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
import tape
from drivers.instance import Instance, free_port, refusal, semsig, until
from fastapi import FastAPI, Request, Response
from loopback import serve
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_now

from semanticsignal import wiring
from semanticsignal.domain.events import OrderPlaced
from semanticsignal.domain.ledger import Entry
from semanticsignal.domain.market import MarketKind, Symbol
from semanticsignal.domain.policy import Settings
from semanticsignal.domain.trading import Order, Purpose, Side
from semanticsignal.drivers import worlds
from semanticsignal.logic.execute import position as fold
from semanticsignal.simulate import model

BTC = "BTC/USDT"
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
QUICK = {"SEMSIG_SIMULATION__HISTORY_DAYS": "15"}
# A recorded market of 800 bars: analysed from bar 250 on, 23 days of it lived through at once.
RECORDED = {"SEMSIG_SYMBOLS": BTC, "SEMSIG_CANDLE_LIMIT": "250", "SEMSIG_SIMULATION__HISTORY_DAYS": "23"}
LIVED_UNTIL = tape.at(250 + 23 * 6)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = tape.frames(800, 3, finer=(tape.M1,))
    return tape.written(tmp_path_factory.mktemp("market") / "candles", BTC, frames, ending="parquet")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """Three pairs of the simulated market, after some days of history, at the usual speed."""
    with Instance(tmp_path_factory.mktemp("simulated") / "home", "--yes", **QUICK) as instance:
        yield instance.running()


@pytest.fixture(scope="module")
def moving(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A recorded market, a bar in less than a second."""
    home = tmp_path_factory.mktemp("moving") / "home"
    with Instance(home, "--yes", "--market", recorded, "--speed", "max", **RECORDED) as instance:
        yield instance.running()


def problem(answer: httpx.Response, status: int) -> str:
    """What an RFC 9457 document says."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status and body["title"] and body["type"]
    return str(body["detail"])


# --- What it shows -------------------------------------------------------------------------------------------------


def test_it_runs_and_says_what_it_is(simulated: Instance) -> None:
    health = simulated.get("/api/health")

    assert (health["status"], health["problem"], health["history_done_ratio"]) == ("running", None, 1.0)
    assert health["is_simulated"] is True and health["market_source"].startswith("simulated")
    assert health["symbols"] == ["BTC/USDC", "ETH/USDC", "SOL/USDC"]
    assert timedelta() < datetime.fromisoformat(health["next_candle_at"]) - datetime.fromisoformat(health["now"])


def test_statistics_are_the_sums_of_the_trades(simulated: Instance) -> None:
    trades, told = simulated.get("/api/trades", limit=1000)["trades"], simulated.get("/api/statistics")
    start, gross, fees, funding, equity, open_pnl = (
        Decimal(told[f"{name}_quote"]) for name in ("start", "gross_pnl", "fees", "funding", "equity", "unrealized_pnl")
    )

    assert told["trades"] == len(trades) >= 1
    assert gross == sum((Decimal(trade["gross_pnl_quote"]) for trade in trades), open_pnl)
    assert equity == start + gross - fees - funding
    assert told["wins"] == sum(Decimal(trade["realized_pnl_quote"]) > 0 for trade in trades)


def test_the_state_holds_what_the_lists_hold(simulated: Instance) -> None:
    state = simulated.get("/api/state")

    assert {row["id"] for row in state["trades"]} <= {
        r["id"] for r in simulated.get("/api/trades", limit=1000)["trades"]
    }
    assert state["health"]["status"] == "running"
    assert simulated.get("/api/events", after=state["last_event_id"], limit=1)["events"] is not None
    assert [d["seq"] for d in state["decisions"]] == sorted((d["seq"] for d in state["decisions"]), reverse=True)


def test_decisions_page_backwards_without_gap_or_overlap(simulated: Instance) -> None:
    whole = [row["id"] for row in simulated.get("/api/decisions", limit=100, symbol="ETH/USDC")["decisions"]]

    paged: list[str] = [whole[0]]
    while len(paged) < 90:
        page = simulated.get("/api/decisions", limit=7, symbol="ETH/USDC", before=paged[-1])["decisions"]
        paged += [row["id"] for row in page]

    assert paged == whole[: len(paged)]
    assert {id.split("#")[0] for id in whole} == {"ETH/USDC"}


def test_a_decision_is_told_with_all_that_led_to_it_and_came_of_it(simulated: Instance) -> None:
    trade = simulated.get("/api/trades", limit=1)["trades"][0]

    why = simulated.get(f"/api/decisions/{trade['decision_id'].replace('#', '%23')}")

    parts = [why["decision"]["prompt_version"], why["system_prompt"], why["user_prompt"], ""]
    sealed = b"".join(len(part.encode()).to_bytes(8, "big") + part.encode() for part in parts)
    assert sha256(sealed).hexdigest() == why["prompt_sha256"]
    assert sha256(why["snapshot"].encode()).hexdigest() == why["snapshot_sha256"]
    assert json.loads(why["reply"])["action"] == why["decision"]["wanted"] == "BUY"
    kinds = [event["kind"] for event in why["events"]]
    assert kinds == ["OrderPlaced", "PositionOpened", "PositionClosed", "LessonLearned", "PostMortemWritten"]
    assert why["events"][2]["trade"] == trade


def test_the_graph_leads_from_what_was_recalled_over_a_decision_to_what_its_trade_came_to(simulated: Instance) -> None:
    trade = simulated.get("/api/trades", limit=1)["trades"][0]
    decision, close = f"decision:{trade['decision_id']}", f"close:{trade['id']}"

    told = simulated.get("/api/brain", symbol=trade["symbol"], limit=5, decision=trade["decision_id"])

    nodes = {node["id"]: node for node in told["nodes"]}
    lines = {(edge["kind"], edge["source"], edge["target"]) for edge in told["edges"]}
    why = simulated.get(f"/api/decisions/{trade['decision_id'].replace('#', '%23')}")
    assert nodes[close]["pnl_quote"] == trade["realized_pnl_quote"]
    assert ("taught", close, f"memory:{trade['id']}#experience") in lines
    assert {("recalled", f"memory:{one['id']}", decision) for one in why["recalled"]} <= lines
    assert {node["symbol"] for node in nodes.values() if node["kind"] == "decision"} == {trade["symbol"]}


def test_the_chart_of_a_decision_is_a_picture(simulated: Instance) -> None:
    decision = simulated.get("/api/decisions", limit=1)["decisions"][0]["id"].replace("#", "%23")

    answer = httpx.get(
        f"{simulated.base}/api/decisions/{decision}/chart.png", timeout=20, verify=False, trust_env=False
    )

    assert answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG\r\n\x1a\n") and len(answer.content) > 10_000


@pytest.mark.parametrize(
    "path",
    [
        "/api/position",
        "/api/equity",
        "/api/memory",
        "/api/rules",
        "/api/worked?side=long&during=bull",
        "/api/search?words=a+long+that+was+stopped+out&limit=3",
        "/api/hindsights",
        "/api/post-mortems",
        "/api/reflection",
        "/api/refusals",
        "/api/calibration",
        "/api/intervals",
        "/api/curve",
        "/api/market?symbol=BTC/USDC",
        "/api/market?symbol=BTC/USDC&timeframe=1w",
    ],
)
def test_everything_else_is_told_too(path: str, simulated: Instance) -> None:
    assert simulated.get(path)


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/api/events?after=nonsense", 404, "nonsense"),
        ("/api/decisions?before=nonsense", 404, "nonsense"),
        ("/api/decisions/nonsense", 404, "nonsense"),
        ("/api/decisions/nonsense/chart.png", 404, "nonsense"),
        ("/api/brain?decision=nonsense", 404, "nonsense"),
        ("/api/brain?limit=101", 422, "limit"),
        ("/api/brain?symbol=NOPE/USDC", 404, "NOPE/USDC"),
        ("/api/decisions?limit=0", 422, "limit"),
        ("/api/decisions?limit=1001", 422, "limit"),
        ("/api/decisions?limit=many", 422, "many"),
        ("/api/decisions?symbol=NOPE/USDC", 404, "NOPE/USDC"),
        ("/api/decisions?symbol=BTC", 404, "BASE/QUOTE"),
        ("/api/memory?sort=color", 422, "sort"),
        ("/api/worked?during=zebra", 422, "zebra"),
        ("/api/worked?color=red", 422, "color"),
        ("/api/worked?since=yesterday", 422, "yesterday"),
        ("/api/worked?symbol=BTC", 404, "BASE/QUOTE"),
        ("/api/search?words=%3F", 422, "search for words"),
        ("/api/search?words=x&kind=poem", 422, "poem"),
        ("/api/market", 422, "symbol"),
        ("/api/market?symbol=BTC/USDC&timeframe=1h", 422, "4h, 8h, 12h, 1d, 1w"),
        ("/api/nothing", 404, "Not Found"),
    ],
)
def test_what_cannot_be_answered_is_a_problem_document(path: str, status: int, said: str, simulated: Instance) -> None:
    answer = httpx.get(simulated.base + path, timeout=10, verify=False, trust_env=False)

    assert said in problem(answer, status)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"symbol": "NOPE/USDC"}', 404),
        (b'{"symbol": ["x"]}', 422),
        (b"{}", 422),
        (b"not json", 422),
        (b'{"symbol": "BTC/USDC", "x": 1}', 422),
    ],
)
def test_an_analysis_nobody_can_make_is_refused(body: bytes, status: int, simulated: Instance) -> None:
    answer = httpx.post(
        f"{simulated.base}/api/analyses",
        content=body,
        headers={"content-type": "application/json"},
        verify=False,
        trust_env=False,
    )

    assert problem(answer, status)


# --- Who may ask ---------------------------------------------------------------------------------------------------


def test_another_host_name_is_refused(simulated: Instance) -> None:
    answer = httpx.get(f"{simulated.base}/api/state", headers={"host": "evil.example"}, verify=False, trust_env=False)

    assert answer.status_code == 400


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null"])
def test_a_page_of_another_origin_may_not_act(origin: str, simulated: Instance) -> None:
    answer = httpx.post(
        f"{simulated.base}/api/analyses",
        json={"symbol": "BTC/USDC"},
        headers={"origin": origin},
        verify=False,
        trust_env=False,
    )

    assert origin in problem(answer, 403)


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null"])
def test_a_page_of_another_origin_may_not_listen(origin: str, simulated: Instance) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect_now(f"ws://127.0.0.1:{simulated.port}/ws", origin=origin, proxy=None)  # type: ignore[arg-type]

    assert refused.value.response.status_code == 403


def test_the_page_and_its_assets_say_how_they_may_be_used(simulated: Instance) -> None:
    page = httpx.get(simulated.base + "/", verify=False, trust_env=False)
    assets = [part.split('"')[0] for part in page.text.split('="') if part.startswith(("./assets/", "/assets/"))]

    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["script-src"] == "'self'" and policy["frame-ancestors"] == "'none'"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert assets
    for asset in assets:
        answer = httpx.get(f"{simulated.base}/{asset.lstrip('./')}", verify=False, trust_env=False)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "content-security-policy" in answer.headers
    assert (
        httpx.get(f"{simulated.base}/assets/gone.js", verify=False, trust_env=False).headers["cache-control"]
        == "no-store"
    )
    assert (
        httpx.get(f"{simulated.base}/api/health", verify=False, trust_env=False).headers["cache-control"] == "no-store"
    )


# --- What it pushes ------------------------------------------------------------------------------------------------


async def test_the_socket_tells_every_event_once_and_the_api_tells_the_same_in_pages(moving: Instance) -> None:
    heard: list[dict[str, Any]] = []
    async with connect(f"ws://127.0.0.1:{moving.port}/ws", origin=moving.base, proxy=None) as socket:  # type: ignore[arg-type]
        async with asyncio.timeout(30):
            while len(heard) < 12:
                message = json.loads(await socket.recv())
                if "seq" in message:
                    heard.append(message)
    first, last = min(event["seq"] for event in heard), max(event["seq"] for event in heard)
    before = await asyncio.to_thread(id_of, moving, first - 1)

    paged: list[dict[str, Any]] = []
    after = before
    while not paged or paged[-1]["seq"] < last:
        page = (await asyncio.to_thread(moving.get, "/api/events", after=after, limit=3))["events"]
        paged += page
        after = page[-1]["id"]

    assert [event["seq"] for event in paged] == list(range(first, paged[-1]["seq"] + 1))
    assert heard == [event for event in paged if event["seq"] <= last]
    assert {"DecisionMade", "EquityMarked"} <= {event["kind"] for event in heard}


def id_of(instance: Instance, seq: int) -> str:
    with closing(sqlite3.connect(f"file:{instance.home / 'ledger.db'}?mode=ro", uri=True)) as db:
        kind, id = db.execute("SELECT kind, id FROM entries WHERE seq = ?", (seq,)).fetchone()
    return str(id) if str(id).startswith(kind) else f"{kind}:{id}"


async def test_two_listeners_hear_the_same(moving: Instance) -> None:
    async def heard() -> list[str]:
        async with connect(f"ws://127.0.0.1:{moving.port}/ws", origin=moving.base, proxy=None) as socket:  # type: ignore[arg-type]
            async with asyncio.timeout(30):
                told = [json.loads(await socket.recv()) for _ in range(25)]
        return [message["id"] for message in told if "seq" in message]

    one, two = await asyncio.gather(heard(), heard())

    both = [id for id in one if id in two]
    assert len(both) >= 3
    assert both == [id for id in two if id in one]


# --- Asked to analyse ----------------------------------------------------------------------------------------------


def test_a_forced_analysis_is_waited_for_and_told(simulated: Instance, tmp_path: Path) -> None:
    done = semsig("analyze", "ETH/USDC", "--wait", "--port", simulated.port, folder=tmp_path)

    decision = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert decision["is_forced"] is True and decision["symbol"] == "ETH/USDC"
    assert decision["id"] in {row["id"] for row in simulated.get("/api/decisions")["decisions"]}


def test_a_forced_analysis_of_a_pair_not_traded_is_refused(simulated: Instance, tmp_path: Path) -> None:
    done = semsig("analyze", "NOPE/USDC", "--port", simulated.port, folder=tmp_path)

    assert "NOPE/USDC is not traded here" in refusal(done)


def test_a_forced_analysis_without_an_instance_fails_in_one_line(tmp_path: Path) -> None:
    done = semsig("analyze", "BTC/USDC", "--port", free_port(), folder=tmp_path)

    assert done.returncode == 1
    assert done.stderr.startswith("semsig: no semsig runs at") and done.stderr.count("\n") == 1


def thoughtful(asked: list[str], may_answer: asyncio.Event) -> FastAPI:
    """The simulated model, answering only when it may."""
    web = FastAPI()
    inner = model.app()

    @web.middleware("http")
    async def wait(request: Request, call: Any) -> Response:
        asked.append(request.url.path)
        await may_answer.wait()
        answer: Response = await call(request)
        return answer

    web.mount("/", inner)
    return web


async def test_an_analysis_forced_while_another_runs_waits_and_is_answered(tmp_path: Path) -> None:
    asked: list[str] = []
    may_answer = asyncio.Event()
    async with serve(thoughtful(asked, may_answer)) as url:
        mind = {"SEMSIG_MODEL__PROVIDER": "openai_compatible", "SEMSIG_MODEL__BASE_URL": f"{url}/v1"}
        slow = {"SEMSIG_SIMULATION__HISTORY_DAYS": "0", "SEMSIG_SYMBOLS": "BTC/USDC"}
        with Instance(tmp_path / "home", "--yes", "--speed", "1", **mind, **slow) as instance:
            await asyncio.to_thread(instance.running)
            async with httpx.AsyncClient(base_url=instance.base, verify=False, trust_env=False, timeout=10) as web:
                first = (await web.post("/api/analyses", json={"symbol": "BTC/USDC"})).json()
                async with asyncio.timeout(20):
                    while not asked:
                        await asyncio.sleep(0.02)
                second = (await web.post("/api/analyses", json={"symbol": "BTC/USDC"})).json()
                unanswered = (await web.get(f"/api/decisions/{second['id'].replace('#', '%23')}")).status_code
                may_answer.set()
                decided = [await decision(web, queued["id"]) for queued in (first, second)]

    # the candle's own analysis runs; the first one waits behind it, and the second click is that same one
    assert first["waits"] is True and unanswered == 404
    assert second["id"] == first["id"]
    assert [made["id"] for made in decided] == [first["id"], first["id"]]
    assert all(made["is_forced"] and made["reasoning"] for made in decided)


async def decision(web: httpx.AsyncClient, id: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while (answer := await web.get(f"/api/decisions/{id.replace('#', '%23')}")).status_code != 200:
            await asyncio.sleep(0.05)
    found: dict[str, Any] = answer.json()["decision"]
    return found


# --- Killed, stopped, started twice --------------------------------------------------------------------------------


def history(home: Path) -> list[tuple[Any, ...]]:
    """The ledger's bytes up to the end of what is lived through at once."""
    with closing(sqlite3.connect(f"file:{home / 'ledger.db'}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT seq, id, at_us, fact, subject FROM entries ORDER BY seq").fetchall()
    return [row for row in rows if row[2] < LIVED_UNTIL.timestamp() * 1_000_000]


def test_killed_it_comes_back_with_everything_and_goes_on(recorded: Path, tmp_path: Path) -> None:
    options = ("--yes", "--market", recorded, "--speed", "max")
    with Instance(tmp_path / "home", *options, **RECORDED) as instance:
        instance.running()
        newest = LIVED_UNTIL + timedelta(hours=8)
        until(lambda: (clock(instance) or LIVED_UNTIL) >= newest, "two bars passed")
        trades, decisions = (instance.get(f"/api/{name}", limit=1000)[name] for name in ("trades", "decisions"))
        stood = clock(instance)
        instance.process.kill()
        instance.process.wait(10)

    with Instance(tmp_path / "home", *options, **RECORDED) as again:
        again.running()
        resumed = clock(again)
        kept = [again.get(f"/api/{name}", limit=1000)[name] for name in ("trades", "decisions")]
        more = until(
            lambda: len(again.get("/api/decisions", limit=1000)["decisions"]) > len(decisions), "it decides again"
        )

    assert len(trades) >= 1 and len(decisions) >= 138
    assert kept[0][-len(trades) :] == trades
    assert [row for row in kept[1] if row["seq"] <= decisions[0]["seq"]] == decisions
    assert resumed >= stood - timedelta(hours=4), "the clock runs back by no more than the bar that was not marked yet"
    assert resumed >= datetime.fromisoformat(decisions[0]["decided_at"])
    assert more


def clock(instance: Instance) -> datetime:
    return datetime.fromisoformat(instance.get("/api/health")["now"])


def test_killed_in_the_middle_of_its_history_it_ends_with_the_same_one(recorded: Path, tmp_path: Path) -> None:
    options = ("--yes", "--market", recorded, "--speed", "1")
    with Instance(tmp_path / "whole", *options, **RECORDED) as whole:
        whole.running()
        assert whole.stopped() == 0
    with Instance(tmp_path / "home", *options, **RECORDED) as killed:
        until(lambda: (tmp_path / "home/ledger.db").exists() and 0 < len(rows(tmp_path / "home")) > 60, "it lives")
        killed.process.kill()
        killed.process.wait(10)
    left = len(rows(tmp_path / "home"))

    with Instance(tmp_path / "home", *options, **RECORDED) as again:
        again.running()

    assert left < len(history(tmp_path / "whole"))
    assert history(tmp_path / "home") == history(tmp_path / "whole")


def rows(home: Path) -> list[tuple[Any, ...]]:
    try:
        return history(home)
    except sqlite3.OperationalError:  # not there yet
        return []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly_even_while_a_page_listens(number: int, recorded: Path, tmp_path: Path) -> None:
    with Instance(tmp_path / "home", "--yes", "--market", recorded, **RECORDED) as instance:
        instance.running()
        with connect_now(f"ws://127.0.0.1:{instance.port}/ws", origin=instance.base, proxy=None):  # type: ignore[arg-type]
            code = instance.stopped(number)

        last = instance.said().splitlines()[-1]
        stands = (
            f"semsig: interrupted; what was done stands in {tmp_path / 'home'}, and the same command goes on from there"
        )
        assert code == 0
        assert (last == stands) == (number == signal.SIGINT)
        assert instance.group() == []
        assert "Traceback" not in instance.said()


def test_a_signal_in_the_middle_of_the_history_stops_it_cleanly(recorded: Path, tmp_path: Path) -> None:
    long = RECORDED | {"SEMSIG_SIMULATION__HISTORY_DAYS": "90"}
    with Instance(tmp_path / "home", "--yes", "--market", recorded, **long) as instance:
        until(lambda: len(rows(tmp_path / "home")) > 60, "it lives")

        assert instance.stopped() == 0
        assert instance.group() == []
        assert "stopped before it was running" in instance.said()
        assert "Traceback" not in instance.said()


def test_a_signal_while_the_history_is_fetched_stops_it_within_ten_seconds(tmp_path: Path) -> None:
    with Instance(tmp_path / "home", "--yes", SEMSIG_SIMULATION__HISTORY_DAYS="400") as instance:
        until(lambda: "living through 400 days" in instance.said(), "it fetches")

        assert instance.stopped() == 0


def test_for_a_model_that_sees_no_picture_is_drawn_of_the_past_that_it_is_not_asked_about(tmp_path: Path) -> None:
    few = {"SEMSIG_MODEL__PROVIDER": "all", "SEMSIG_SIMULATION__HISTORY_DAYS": "3"}
    with Instance(tmp_path / "home", "--yes", "--speed", "1", **few) as instance:
        instance.running()

        assert {row["model"] for row in instance.get("/api/decisions")["decisions"]} == {"rules-analyst"}
        assert not [*(instance.home / "archive" / "chart").glob("*")]


def test_a_second_instance_on_one_home_is_refused(simulated: Instance, tmp_path: Path) -> None:
    done = semsig("run", "--port", free_port(), "--home", simulated.home, "--yes", folder=tmp_path)

    assert "another semsig runs on this home" in refusal(done)
    assert simulated.status() == "running"


def test_a_busy_port_is_refused(simulated: Instance, tmp_path: Path) -> None:
    done = semsig("run", "--port", simulated.port, "--home", tmp_path / "home", "--yes", folder=tmp_path)

    assert f"port {simulated.port} is busy" in refusal(done)
    assert not (tmp_path / "home").exists()


def test_a_home_of_another_market_is_refused(simulated: Instance, recorded: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Instance(home, "--yes", "--market", recorded, **RECORDED) as instance:
        instance.running()
        assert instance.stopped() == 0

    done = semsig("run", "--port", free_port(), "--home", home, "--yes", folder=tmp_path)

    assert "holds something else" in refusal(done)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--speed", "nonsense"), "--speed is a number above 0 up to 21600, or max, was nonsense"),
        (("--speed", "0"), "was 0"),
        (("--speed", "nan"), "was nan"),
        (("--market", "nowhere"), "no such folder of candles, was nowhere"),
        (("--symbols", "BTC"), "BASE/QUOTE"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_use_is_said_in_one_line(options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = semsig("run", "--port", free_port(), "--home", tmp_path / "home", "--yes", *options, folder=tmp_path)

    assert said in refusal(done)


def test_a_recorded_market_runs_and_says_that_it_is_not_simulated(moving: Instance) -> None:
    health = moving.get("/api/health")

    assert health["is_simulated"] is False and health["symbols"] == [BTC]
    assert datetime.fromisoformat(health["now"]) >= LIVED_UNTIL, "it stands there while the first bar is decided on"
    assert moving.get("/api/decisions", limit=1)["decisions"][0]["is_simulated"] is False


def test_a_recorded_market_without_minutes_runs_on_the_finest_bars_there_are(tmp_path: Path) -> None:
    folder = tape.written(tmp_path / "candles", BTC, tape.frames(500, 3, finer=(tape.H1,)))
    with Instance(tmp_path / "home", "--yes", "--market", folder, **RECORDED) as instance:
        instance.running()

        assert len(instance.get("/api/decisions", limit=1000)["decisions"]) >= 23 * 6


# --- Keys ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def invested(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The recorded market, lived through until shortly before a position is opened for three bars or more."""
    folder = tmp_path_factory.mktemp("invested")
    span = ("--symbol", BTC, "--from", tape.at(250).isoformat(), "--to", tape.at(800).isoformat())
    done = semsig("replay", recorded, *span, "--home", folder / "home", folder=folder, variables=RECORDED)
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(folder / "home/ledger.db")) as db:
        trades = [
            json.loads(row)["trade"]
            for (row,) in db.execute("SELECT subject FROM entries WHERE kind = 'PositionClosed'")
        ]
    opened = next(
        (datetime.fromisoformat(trade["opened_at"]) - tape.START) // tape.H4.span
        for trade in trades
        if datetime.fromisoformat(trade["closed_at"]) - datetime.fromisoformat(trade["opened_at"]) >= tape.H4.span * 3
    )
    return RECORDED | {"SEMSIG_SIMULATION__HISTORY_DAYS": str((opened - 1 - 250) // 6)}


class Keyboard:
    """An instance that sits at a terminal of its own."""

    def __init__(self, home: Path, *options: object, **variables: str) -> None:
        self.ours, self.theirs = pty.openpty()
        self.before = termios.tcgetattr(self.theirs)
        self.instance = Instance(home, *options, stdin=self.theirs, **variables)

    def press(self, key: str, said: str) -> None:
        """Presses it, and waits until that is said once more than before."""
        heard = self.instance.said().count(said)
        os.write(self.ours, key.encode())
        until(lambda: self.instance.said().count(said) > heard, f"{said!r} after {key!r}")

    def __enter__(self) -> Self:
        self.instance.running()
        return self

    def __exit__(self, *_: object) -> None:
        self.instance.__exit__()
        os.close(self.ours)
        os.close(self.theirs)


def test_keys_help_analyse_and_ask_before_they_leave_a_position(
    recorded: Path, invested: dict[str, str], tmp_path: Path
) -> None:
    with Keyboard(tmp_path / "home", "--market", recorded, "--speed", "14400", **invested) as at:
        at.press("h", "a: analyze the chosen pair now")
        at.press("\x1b[BA", f"analysis of {BTC}")
        until(
            lambda: any(d["is_forced"] for d in at.instance.get("/api/decisions")["decisions"]), "the analysis is made"
        )
        os.write(at.ours, b"x")
        until(lambda: at.instance.get("/api/position")["positions"], "a position is open")
        at.press("q", "Quit? y or q")
        at.press("n", "going on")
        at.press("q", "Quit? y or q")
        os.write(at.ours, b"y")

        assert at.instance.process.wait(10) == 0
        assert termios.tcgetattr(at.theirs) == at.before, "the terminal is left as it was"


def test_q_without_a_position_quits_at_once(recorded: Path, tmp_path: Path) -> None:
    nothing = RECORDED | {"SEMSIG_SIMULATION__HISTORY_DAYS": "0"}
    with Keyboard(tmp_path / "home", "--market", recorded, "--speed", "1", **nothing) as at:
        assert at.instance.get("/api/position")["positions"] == []
        os.write(at.ours, b"q")

        assert at.instance.process.wait(10) == 0
        assert "Quit?" not in at.instance.said()


def test_two_keys_at_once_are_both_heard(recorded: Path, tmp_path: Path) -> None:
    nothing = RECORDED | {"SEMSIG_SIMULATION__HISTORY_DAYS": "0"}
    with Keyboard(tmp_path / "home", "--market", recorded, "--speed", "1", **nothing) as at:
        os.write(at.ours, b"hh")

        until(lambda: at.instance.said().count("a: analyze the chosen pair now") == 2, "both are heard", 5)


def test_q_never_asks_who_said_yes(recorded: Path, invested: dict[str, str], tmp_path: Path) -> None:
    with Keyboard(tmp_path / "home", "--yes", "--market", recorded, "--speed", "14400", **invested) as at:
        until(lambda: at.instance.get("/api/position")["positions"], "a position is open")
        os.write(at.ours, b"q")

        assert at.instance.process.wait(10) == 0
        assert "Quit?" not in at.instance.said()


async def test_a_pair_that_is_no_longer_asked_for_is_watched_while_it_is_open(tmp_path: Path) -> None:
    settings = Settings(symbols=("BTC/USDC",))
    held = wiring.home(tmp_path / "home", settings, "run here", is_durable=False)
    before = await held.ledger.portfolio()
    order = Order(
        "ETH#order", "ETH", Symbol("ETH", "USDC"), MarketKind.SPOT, Purpose.OPEN, Side.LONG, Decimal(1), NOON,
        NOON, Decimal(100), Decimal(95), Decimal(110),
    )  # fmt: skip
    placed = Entry(OrderPlaced(order.id, order.symbol, NOON), order)
    await held.ledger.settle(placed, before, fold.with_order(before, order))

    found = await worlds.with_open_pairs(settings, held, None)
    held.close()

    assert found.symbols == ("BTC/USDC", "ETH/USDC")
