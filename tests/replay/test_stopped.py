"""A replay and a run that are stopped while a model is slow, busy or silent; and a replay that says where it is."""

import asyncio
import json
import signal
import sqlite3
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import tape
from drivers.instance import PATIENCE_S, SEMSIG, Instance, semsig, surroundings, until
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from semanticsignal.domain.policy import Model, Settings
from semanticsignal.drivers import cli, replay
from tests.loopback import serve
from tests.replay.test_replay import BARS, BTC, FIRST, SEEDS, Span, ledger_rows

# What a stop may take, and what a process takes to end on a loaded machine.
SOON_S = 5.0
LIVES = {"SEMSIG_SYMBOLS": BTC, "SEMSIG_CANDLE_LIMIT": str(FIRST), "SEMSIG_SIMULATION__HISTORY_DAYS": "3"}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tape.written(tmp_path_factory.mktemp("market") / "candles", BTC, tape.frames(BARS, SEEDS[BTC]))


@dataclass
class Server:
    """An OpenAI-compatible server that never answers, is busy for long, or answers without a word."""

    mood: str
    asked: int = 0
    api: FastAPI = field(default_factory=FastAPI)

    def __post_init__(self) -> None:
        self.api.add_api_route("/v1/chat/completions", self._answer, methods=["POST"], response_model=None)

    async def _answer(self, request: Request) -> Response:
        del request
        self.asked += 1
        if self.mood == "busy":
            return JSONResponse({"error": {"message": "slow down"}}, 429, {"retry-after": "90"})
        if self.mood == "slow":
            await asyncio.sleep(PATIENCE_S)
        message: dict[str, Any] = {"role": "assistant", "content": ""}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1000, "completion_tokens": 0, "total_tokens": 1000}
        said = {"id": "c", "object": "chat.completion", "created": 0, "model": "m", "usage": usage}
        return JSONResponse(said | {"choices": [choice]})


def started(folder: Path, *arguments: object, variables: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [SEMSIG, *map(str, arguments)],
        cwd=folder,
        env=surroundings(variables or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]", number: int = signal.SIGINT) -> tuple[int, list[str], float]:
    """Exit code, what it said beside its progress, and the seconds from the signal to its end."""
    began = time.monotonic()
    process.send_signal(number)
    try:
        said = process.communicate(timeout=PATIENCE_S)[1]
    finally:
        process.kill()
    lines = [line for line in said.splitlines() if not line.startswith("replaying: ")]
    return process.returncode, lines, time.monotonic() - began


# --- Interrupted ---------------------------------------------------------------------------------------------------


def test_a_replay_that_is_interrupted_says_what_stands_and_goes_on_from_there(market: Path, tmp_path: Path) -> None:
    home, whole = tmp_path / "home", tmp_path / "whole"
    process = started(tmp_path, *Span().command(market, "--home", home))
    until(lambda: (home / "ledger.db").exists() and len(rows(home)) > 30, "it lives")

    code, said, seconds = ended(process)

    assert (code, said) == (
        1, [f"semsig: interrupted; what was done stands in {home}, and the same command goes on from there"]
    )  # fmt: skip
    assert seconds < SOON_S
    left = len(rows(home))
    for place in (home, whole):
        assert semsig(*Span().command(market, "--home", place), folder=tmp_path).returncode == 0
    assert 30 < left < len(rows(whole))
    assert rows(home) == rows(whole)


def rows(home: Path) -> list[tuple[Any, ...]]:
    try:
        return ledger_rows(home)
    except sqlite3.OperationalError:  # not there yet
        return []


async def asked(server: Server) -> None:
    for _ in range(int(PATIENCE_S / 0.05)):
        if server.asked:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the model was not asked")


@pytest.mark.parametrize("mood", ["slow", "busy"])
async def test_a_replay_is_interrupted_at_once_while_a_model_thinks_or_wants_to_be_left_alone(
    mood: str, market: Path, tmp_path: Path
) -> None:
    server = Server(mood)
    async with serve(server.api) as url:
        variables = {"SEMSIG_MODEL__BASE_URL": f"{url}/v1"}
        process = started(tmp_path, *Span().command(market, "--model", "m"), variables=variables)
        await asked(server)
        await asyncio.sleep(0.2)

        code, said, seconds = await asyncio.to_thread(ended, process)

    waiting = ["no model can be asked now: the first is asked again in 90 s"] if mood == "busy" else []
    nothing = "semsig: interrupted; nothing of it is kept: with --home DIR the same command goes on from where it was"
    assert (code, said) == (1, [*waiting, nothing])
    assert seconds < SOON_S


@pytest.mark.parametrize("mood", ["slow", "busy"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 0)], ids=["told", "interrupted"])
async def test_a_run_stops_within_five_seconds_while_a_model_thinks_or_wants_to_be_left_alone(
    mood: str, number: int, code: int, market: Path, tmp_path: Path
) -> None:
    server = Server(mood)
    async with serve(server.api) as url:
        asks = {"SEMSIG_MODEL__PROVIDER": "local", "SEMSIG_MODEL__BASE_URL": f"{url}/v1"}
        with Instance(tmp_path / "home", "--yes", "--market", market, **LIVES, **asks) as instance:
            await asked(server)
            await asyncio.sleep(0.2)
            began = time.monotonic()

            stopped = await asyncio.to_thread(instance.stopped, number)

            seconds = time.monotonic() - began
            said = instance.said()
    assert stopped == code and seconds < SOON_S
    assert "Traceback" not in said and "goes on from" in said
    assert instance.group() == []


async def test_a_run_in_the_middle_of_a_candle_stops_within_five_seconds(market: Path, tmp_path: Path) -> None:
    server = Server("slow")
    async with serve(server.api) as url:
        asks = {"SEMSIG_MODEL__PROVIDER": "local", "SEMSIG_MODEL__BASE_URL": f"{url}/v1"}
        none = LIVES | {"SEMSIG_SIMULATION__HISTORY_DAYS": "0"}
        with Instance(tmp_path / "home", "--yes", "--market", market, "--speed", "max", **none, **asks) as instance:
            await asyncio.to_thread(instance.running)
            await asked(server)
            began = time.monotonic()

            stopped = await asyncio.to_thread(instance.stopped)

            seconds = time.monotonic() - began
    assert stopped == 0 and seconds < SOON_S


# --- A model without a word ----------------------------------------------------------------------------------------


async def test_a_replay_of_a_model_that_says_nothing_holds_at_each_close_and_waits_for_nothing(
    market: Path, tmp_path: Path
) -> None:
    server, out = Server("empty"), tmp_path / "out.json"
    span = Span(until=tape.at(FIRST + 8))
    async with serve(server.api) as url:
        variables = {"SEMSIG_MODEL__BASE_URL": f"{url}/v1"}
        process = started(tmp_path, *span.command(market, "--model", "m", "--json", out), variables=variables)

        said = (await asyncio.to_thread(process.communicate, timeout=PATIENCE_S))[1]

    assert process.returncode == 0, said
    report = json.loads(out.read_text())
    assert (report["decisions"], report["actions"]["HOLD"], report["refusals_by_guard"]) == (8, 8, {"model": 8})
    assert server.asked >= 8, "each close was asked about"
    assert report["seconds"] < 60, "no pause of the circuit's"


# --- Where it is ---------------------------------------------------------------------------------------------------


async def test_without_a_terminal_a_replay_says_every_ten_seconds_where_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now_s = 0.0
    with cli._bar(lambda: now_s) as tell:
        for _ in range(31):
            await tell(min(int(now_s), 20), 200)
            now_s += 1.0

    out, complained = capsys.readouterr()
    assert out == ""
    assert complained.splitlines() == [
        "replaying: 10 of 200 closes, 5%", "replaying: 20 of 200 closes, 10%", "replaying: 20 of 200 closes, 10%"
    ]  # fmt: skip


async def test_while_a_model_is_waited_for_the_replay_beats_all_the_same(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "BEAT_S", 0.02)
    server, told = Server("slow"), []
    enough = asyncio.Event()

    async def progress(done: int, of: int) -> None:
        told.append((done, of))
        if len(told) >= 4:
            enough.set()

    async with serve(server.api) as url:
        mind = Model(provider="local", base_url=f"{url}/v1", name="m")
        plan = replay.Plan(Settings(symbols=(BTC,), model=mind), tape.at(FIRST), tape.at(FIRST + 8))
        running = asyncio.create_task(replay.replay(market, plan, None, progress))
        await asyncio.wait_for(enough.wait(), PATIENCE_S)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    assert set(told) == {(0, 8)}
