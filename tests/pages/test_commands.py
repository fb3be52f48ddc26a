"""Every command of the manual is run, or stands in kept_back.toml with its reason; all of them can be read."""

import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from drivers.instance import Instance, here
from typer.main import get_command
from written import BLOCK, ON_AWS, Command, blocks, commands, pages

from manual import api
from manual.staging import ROOT
from semanticsignal.drivers.cli import cli
from semanticsignal.settings import load

KEPT_BACK = tomllib.loads((Path(__file__).with_name("kept_back.toml")).read_text(encoding="utf-8"))
TERMS = {"SEMSIG_SIMULATION__HISTORY_DAYS": "2", "SEMSIG_MEMORY__STORE": "embedded"}


def reason(command: Command) -> str | None:
    """Why it is kept back."""
    line = " ".join(command.words) if command.words and command.words[0] == "semsig" else command.line
    begun = [why for start, why in KEPT_BACK["begins"].items() if line.startswith(start)]
    held = [why for part, why in KEPT_BACK["holds"].items() if part in line]
    return next(iter(begun + held), None)


def understood(words: list[str]) -> None:
    """The command that is meant reads all of its words. Raises what the program itself would complain of."""
    command: Any = get_command(cli)
    path = ["semsig"]
    while getattr(command, "commands", None):
        path.append(words.pop(0))
        command = command.commands[path[-1]]
    command.make_context(" ".join(path), words)


OURS = [one for one in commands() if one.words and one.words[0] == "semsig"]
MADE = [one for one in commands() if one.words and one.words[0] == "make"]


def test_there_is_much_to_run_and_little_is_kept_back() -> None:
    run = [one for one in commands() if reason(one) is None]

    assert len(OURS) >= 35 and len(MADE) >= 8
    assert {"semsig report", "semsig memory worked", "semsig costs"} <= {one.line for one in run}
    kinds = {one.words[0] for one in run if one.words}
    assert kinds == {"semsig", "curl"}, f"neither run nor kept back with a reason: {sorted(kinds)}"


def test_every_block_says_what_it_is_and_somebody_looks_at_it() -> None:
    kinds = {(page, language) for page, text in pages().items() for _, language, _ in BLOCK.findall(text)}

    assert {language for _, language in kinds} == {"sh", "console", "toml", "json", "text"}
    # the one of operations.md is looked at by tests/infra/test_operations.py
    assert {page for page, language in kinds if language == "json"} == {"docs/api.md", "docs/operations.md"}


def test_no_reason_has_outlived_its_command() -> None:
    lines = [" ".join(one.words) if one in OURS else one.line for one in commands()]
    stale = [start for start in KEPT_BACK["begins"] if not any(line.startswith(start) for line in lines)]
    stale += [part for part in KEPT_BACK["holds"] if not any(part in line for line in lines)]

    assert stale == []


def test_the_program_reads_every_command_that_is_written() -> None:
    for command in OURS:
        try:
            understood(command.words[1:])
        except Exception as wrong:
            raise AssertionError(f"{command.page}: {command.line}: {wrong}") from wrong
        load({}, command.variables)


@pytest.mark.parametrize("line", ["semsig run --sped max", "semsig replay", "semsig memory serch x"])
def test_a_command_that_there_is_not_would_be_seen(line: str) -> None:
    with pytest.raises(BaseException, match=r"."):
        understood(Command("", line).words[1:])


def test_make_knows_every_target_and_passes_on_what_it_is_given() -> None:
    for command in MADE:
        if command.page in ON_AWS:
            continue  # its synth and deploy begin with building; test_operations looks the targets up
        done = subprocess.run(
            ["make", "-n", *command.words[1:]], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, (command.line, done.stderr)
        for run in re.findall(r"^exec \S+/semsig (.*)$", done.stdout, re.MULTILINE):
            understood(Command("", f"semsig {run}").words[1:])


def candles(top: Path) -> None:
    """A few weeks of two pairs, where somebody who reads the manual types."""
    (top / "candles").mkdir()
    first = datetime(2022, 11, 28, tzinfo=UTC)
    for pair, price in (("BTCUSDT", 17_000.0), ("ETHUSDT", 1_200.0)):
        rows = ["ts,open,high,low,close,volume"]
        for bar in range(220):
            opened, closed = (price * (1 + 0.01 * ((bar + step) * 7 % 5 - 2)) for step in (0, 1))
            high, low = max(opened, closed) * 1.004, min(opened, closed) * 0.996
            at = int((first + timedelta(hours=4 * bar)).timestamp() * 1000)
            rows.append(f"{at},{opened:.2f},{high:.2f},{low:.2f},{closed:.2f},100")
        (top / "candles" / f"binance_spot_{pair}_4h.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


@contextmanager
def a_run(folder: Path) -> Iterator[Instance]:
    """`semsig run` with two days behind it."""
    with Instance(folder / ".semsig", "--yes", "--symbols", "BTC/USDC", **TERMS) as running:
        running.running()
        yield running


def each_command_does_what_the_page_says(instance: Instance, folder: Path) -> None:
    """One after the other, as a reader would, beside a run that holds the home."""
    for command in commands():
        if command not in OURS or reason(command):
            continue
        variables = command.variables | {"SEMSIG_PORT": str(instance.port), "SEMSIG_SIMULATION__SEED": "17"}
        words = [word.replace("~/semsig", str(instance.home)) for word in command.words[1:]]
        done = here(*words, folder=folder, variables=variables)

        assert done.returncode == 0, f"{command.page}: {command.line}: {done.stderr[-500:]}"
        for option in ("--html", "--json", "--to"):
            if option in words and (at := words.index(option) + 1) < len(words) and "." in words[at]:
                assert (folder / words[at]).stat().st_size > 0, command.line


def the_answers_on_the_page_are_what_is_answered(instance: Instance) -> None:
    answers = []
    for command in commands():
        if not command.words or command.words[0] != "curl":
            continue
        words = command.words[1:]
        body = words[words.index("--json") + 1] if "--json" in words else None
        [address] = [word for word in words if word.startswith("http://127.0.0.1:8000")]
        answers.append(
            httpx.request(
                "POST" if body else "GET", address.replace("http://127.0.0.1:8000", instance.base), content=body,
                headers={"content-type": "application/json"}, timeout=120, trust_env=False,
            )
        )  # fmt: skip

    assert [one.status_code for one in answers] == [200, 200, 202, 404]
    told = [json.loads(block.text) for block in blocks("json") if block.page == "docs/api.md"]
    assert told == [answers[-1].json()]


def the_errors_that_the_page_lists_are_what_unknown_things_get(instance: Instance) -> None:
    document = json.loads((ROOT / "frontend/openapi.json").read_text(encoding="utf-8"))
    for verb, path, one in api.questions(document):
        names = {each["name"] for each in one.get("parameters", ())} & api.NAMING
        if verb == "GET" and names and path not in api.SIFTING:
            asked = {name: "none/SUCH" if name == "symbol" else "nosuch" for name in names if name != "id"}
            answer = httpx.get(
                instance.base + path.replace("{id}", "nosuch"), params=asked or None, timeout=120, trust_env=False
            )
            assert answer.status_code == 404 and "404" in api.errors(path, one), (path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"


def test_commands_and_answers_are_as_the_page_says_beside_one_run(tmp_path: Path) -> None:
    """All with one instance: to start one takes longer than all of them."""
    candles(tmp_path)
    with a_run(tmp_path) as instance:
        each_command_does_what_the_page_says(instance, tmp_path)
        the_answers_on_the_page_are_what_is_answered(instance)
        the_errors_that_the_page_lists_are_what_unknown_things_get(instance)
