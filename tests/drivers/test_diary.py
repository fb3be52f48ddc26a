"""The log of a home: bounded, never in the way, no line over and over, and in no place a secret."""

import io
import json
import logging
import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from world import BTC, H4, MONDAY, CycleModel, says, settings

from semanticsignal import wiring
from semanticsignal.adapters.discreet import Discreet
from semanticsignal.adapters.inmemory import InMemoryArchive
from semanticsignal.adapters.system_clock import SetClock
from semanticsignal.domain.decision import Prompt
from semanticsignal.domain.errors import MarketUnavailable
from semanticsignal.domain.events import CandleClosed
from semanticsignal.domain.market import Timeframe
from semanticsignal.domain.messages import Message, Row, Tone, Topic
from semanticsignal.domain.secrets import HIDDEN
from semanticsignal.drivers import diary, post_office, terminal
from semanticsignal.drivers.diary import Damped
from semanticsignal.drivers.host import Host
from semanticsignal.drivers.lines import OneLine
from semanticsignal.drivers.troubles import Troubles
from semanticsignal.drivers.vitals import measured
from semanticsignal.logic.show.unsaid import Unsaid

log = logging.getLogger("semsig")
ROOT = Path(__file__).parents[2]
PLANTED = {name: f"planted-{number}-{name.lower()}-s3cret" for number, name in enumerate(HIDDEN)} | {
    "BLOCKRUN_WALLET_KEY": "0x" + "5eed" * 16,
    "DISCORD_WEBHOOK_URL": "https://discord.com/api/webhooks/1/planted-hook-token_s3cret",
}
TELLING = ("s3cret", "5eed5eed")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What is logged at all, whoever ran before."""
    root, before = logging.getLogger(), logging.getLogger().level
    root.setLevel(logging.INFO)
    yield
    root.setLevel(before)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def beside(stream: io.StringIO) -> logging.Handler:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLine("%(asctime)s %(message)s", "%H:%M:%S"))
    handler.addFilter(Damped())
    return handler


# --- The file ---------------------------------------------------------------------------------------------------------


def test_a_log_is_a_line_each_within_its_bounds(tmp_path: Path) -> None:
    with diary.kept(tmp_path, largest=4000) as file:
        for number in range(400):
            log.info("the line of number %d\nand its second", number)

    written = sorted(file.parent.iterdir())
    assert len(written) == 5 and all(one.stat().st_size <= 4000 for one in written)
    last = lines(file)[-1]
    assert (last["message"], last["level"], last["logger"]) == (
        "the line of number 399\nand its second", "INFO", "semsig",
    )  # fmt: skip


def test_a_stack_is_in_the_file_and_one_line_is_on_the_terminal(tmp_path: Path) -> None:
    shown = io.StringIO()
    handler = beside(shown)
    logging.getLogger().addHandler(handler)
    try:
        with diary.kept(tmp_path) as file, diary.unsaid(Unsaid(lambda _: "")):
            try:
                raise KeyError("what broke")
            except KeyError:
                log.exception("a defect")
                diary.stacks.exception("for the file")
    finally:
        logging.getLogger().removeHandler(handler)

    assert shown.getvalue().count("\n") == 1 and shown.getvalue().endswith(" a defect\n")
    told = lines(file)
    assert [one["message"] for one in told] == ["a defect", "for the file"]
    assert all(one["stack"][-1] == "KeyError: 'what broke'" and "test_diary.py" in one["stack"][1] for one in told)


def test_a_thread_that_dies_is_a_line_and_a_stack(tmp_path: Path) -> None:
    def dies() -> None:
        raise ValueError("of a thread")

    with diary.unsaid(Unsaid(lambda _: "")), diary.kept(tmp_path) as file:
        thread = threading.Thread(target=dies, name="one")
        thread.start()
        thread.join()

    (told,) = lines(file)
    assert told["message"] == "a defect in one: ValueError('of a thread')" and "in dies" in " ".join(told["stack"])


def test_a_disk_that_refuses_costs_lines_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").write_text("no folder")
    with diary.kept(tmp_path):
        log.info("lost")
    (tmp_path / "logs").unlink()
    with diary.kept(tmp_path) as file:
        log.info("kept")

    assert [one["message"] for one in lines(file)] == ["kept"]
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a file that keeps whoever opens it waiting")
def test_a_disk_that_hangs_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diary, "CLOSES_WITHIN_S", 0.05)
    monkeypatch.setattr(diary, "WAITING", 10)
    (tmp_path / "logs").mkdir()
    os.mkfifo(tmp_path / "logs" / "semsig.log")

    with diary.kept(tmp_path):
        for number in range(100):
            log.info("nobody takes number %d", number)
    reader = os.open(tmp_path / "logs" / "semsig.log", os.O_RDONLY | os.O_NONBLOCK)  # lets the waiting thread go
    os.close(reader)


def test_the_same_trouble_is_told_once_a_minute_with_how_often_it_was_not() -> None:
    now_s, shown = 0.0, io.StringIO()
    handler = beside(shown)
    handler.filters = [Damped(now=lambda: now_s)]
    logging.getLogger().addHandler(handler)
    try:
        for _ in range(100):
            log.warning("the disk is full")
            log.info("a decision")
        now_s = 61.0
        log.warning("the disk is full")
        log.warning("another trouble")
    finally:
        logging.getLogger().removeHandler(handler)

    said = [line.split(" ", 1)[1] for line in shown.getvalue().splitlines()]
    assert said.count("a decision") == 100
    assert [line for line in said if line != "a decision"] == [
        "the disk is full", "the disk is full (99 times more since)", "another trouble",
    ]  # fmt: skip


def test_what_is_about_the_same_is_told_once_in_five_minutes_however_its_words_change() -> None:
    now_s, shown = 0.0, io.StringIO()
    handler = beside(shown)
    handler.filters = [damped := Damped(now=lambda: now_s)]
    logging.getLogger().addHandler(handler)
    troubles = Troubles(SetClock(MONDAY), str)
    try:
        for number in range(2000):
            troubles.said("BTC/USDC", f"binance is left alone until 12:{number:04}")
            now_s += 299 / 2000
        troubles.said("ETH/USDC", "silent")
        now_s = 301.0
        troubles.said("BTC/USDC", "silent too")
    finally:
        logging.getLogger().removeHandler(handler)

    assert [line.split(" ", 1)[1] for line in shown.getvalue().splitlines()] == [
        "BTC/USDC: binance is left alone until 12:0000", "ETH/USDC: silent",
        "BTC/USDC: silent too (1999 times more since)",
    ]  # fmt: skip
    assert len(damped._told) == 2, "what is remembered does not grow with the words"


# --- Secrets ----------------------------------------------------------------------------------------------------------


def test_every_secret_that_there_is_is_known_here() -> None:
    named = [line.partition("=")[0] for line in (ROOT / ".env.example").read_text().splitlines() if line[:1].isupper()]

    assert set(named) - {"MAIN_CHANNEL_ID"} == set(HIDDEN)


@pytest.mark.usefixtures("planted")
def test_no_secret_is_in_the_file_on_the_terminal_or_in_a_stack(tmp_path: Path) -> None:
    shown, tail = io.StringIO(), terminal.Tail()
    handlers = [beside(shown), tail]
    for handler in handlers:
        logging.getLogger().addHandler(handler)
    try:
        with diary.unsaid(wiring.unsaid()), diary.kept(tmp_path) as file:
            for name, value in PLANTED.items():
                log.warning("%s says %s and %s", name, value, value.upper())
                logging.getLogger("httpx").error("GET %s", f"https://{name}.example/v1?key={value}&a=b")
                try:
                    raise httpx.ConnectError(f"no route to https://api.example/{value}/x") from ValueError(value)
                except httpx.ConnectError:
                    log.exception("failed with %r", value)
            log.warning("of somebody else: https://discord.com/api/v10/webhooks/1234/other-s3cret-token")
            log.warning("Authorization: Bearer other-s3cret-token-0123456789")
            log.warning("a library that miscounts %s %s", *[PLANTED["MODEL_API_KEY"]])
    finally:
        for handler in handlers:
            logging.getLogger().removeHandler(handler)

    everything = {"file": file.read_text(), "terminal": shown.getvalue(), "screen": "\n".join(tail.lines)}
    leaks = {where: word for where, text in everything.items() for word in TELLING if word in text.lower()}
    assert leaks == {}
    assert all(f"{name} says [{name}] and [{name}]" in everything["file"] for name in HIDDEN)
    assert len(lines(file)) == 3 * len(HIDDEN) + 3


@pytest.mark.usefixtures("planted")
async def test_a_venue_that_says_a_secret_back_says_it_to_nobody(tmp_path: Path) -> None:
    class Parrot:
        is_simulated, sources = False, ("parrot",)

        def __getattr__(self, question: str) -> Any:
            async def refuses(*_: Any, **__: Any) -> Any:
                raise MarketUnavailable(f"HTTP 401 to {question}: who is {' '.join(PLANTED.values())}?")

            return refuses

    told = settings(memory__store="embedded", collect__deadline_s=0.0)
    held = wiring.home(tmp_path / "home", told, "run", is_durable=False)
    room = Host(told, held, wiring.World(Parrot(), SetClock(MONDAY + H4), CycleModel(), 1.0))  # type: ignore[arg-type]
    heard = room.notifier.join()
    await room.run(CandleClosed(BTC, Timeframe.H4, MONDAY + H4))
    room.real = room.troubles.real = SetClock(room.real.now() + timedelta(hours=1))
    await room._alarm()

    said = [str(room.health()), str(await measured(room)), *(heard.get_nowait() or "" for _ in range(heard.qsize()))]
    assert "[MODEL_API_KEY]" in said[0] and any("[MODEL_API_KEY]" in one for one in said[2:])
    assert not [one for one in said if any(word in one.lower() for word in TELLING)]
    assert room.office
    posts = [one.post.body.lower() for one in await room.office._mail.waiting()]
    assert posts and not any("s3cret" in body for body in posts)
    room.office._mail.close()
    held.close()


@pytest.mark.usefixtures("planted")
async def test_nothing_goes_into_the_mail_to_discord_with_a_secret_in_it(tmp_path: Path) -> None:
    told, key = settings(memory__store="embedded"), PLANTED["MODEL_API_KEY"]
    held = wiring.home(tmp_path / "home", told, "run", is_durable=False)
    office, (_, box) = post_office.opened(told, held, InMemoryArchive(), str)
    said = f"was {key}, or {key[:5]}\u200b{key[5:]}?"
    rows = (Row(said, said),)
    message = Message("one", Topic.ALARM, Tone.ALARM, MONDAY, said, said, about=said, worth_s=60, text=said, rows=rows)

    await box.take(message)

    assert office
    (one,) = await office._mail.waiting()
    assert "s3cret" not in one.post.body and one.post.body.count("was [MODEL_API_KEY], or [MODEL_API_KEY]?") == 5
    office._mail.close()
    held.close()


async def test_a_model_that_says_its_key_back_is_kept_without_it() -> None:
    key = PLANTED["OPENROUTER_API_KEY"]
    mind = Discreet(CycleModel({"p": says("HOLD", reasoning=f"my key is {key}")}), {"OPENROUTER_API_KEY": key})

    reply = await mind.complete(Prompt("p", "", "", ""))

    assert json.loads(reply.text)["reasoning"] == "my key is [OPENROUTER_API_KEY]"
