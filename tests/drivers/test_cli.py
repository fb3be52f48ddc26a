"""Commands that answer and end: settings in force with their source, and what is missing before a run."""

import json
import logging
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from drivers.instance import SEMSIG, free_port, here, refusal, semsig, surroundings

from semanticsignal import __version__, wiring
from semanticsignal.adapters.ccxt import CcxtMarket
from semanticsignal.adapters.system_clock import SystemClock
from semanticsignal.domain.policy import Settings
from semanticsignal.domain.secrets import SECRETS
from semanticsignal.drivers import web
from semanticsignal.drivers.cli import _Now
from semanticsignal.drivers.lines import OneLine
from semanticsignal.drivers.writable import whole
from semanticsignal.settings import KEYS, load

NARROW = {"COLUMNS": "80", "TERMINAL_WIDTH": "80"}


def in_force(folder: Path, variables: dict[str, str] | None = None) -> dict[str, dict[str, Any]]:
    done = here("config", "--json", folder=folder, variables=variables)
    assert (done.returncode, done.stderr) == (0, "")
    return {row["key"]: row for row in json.loads(done.stdout)["settings"]}


@pytest.mark.parametrize("line", ["--help", "config", "completion bash"])
def test_whoever_closed_what_is_written_to_hears_nothing_and_no_traceback(line: str, tmp_path: Path) -> None:
    closed = f"exec {shlex.quote(SEMSIG)} {line} >&-"
    done = subprocess.run(
        ["sh", "-c", closed], cwd=tmp_path, env=surroundings({}), capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_a_webhook_that_can_be_none_is_refused_before_there_is_a_home(tmp_path: Path) -> None:
    line = ("run", "--yes", "--home", tmp_path / "home", "--port", free_port())

    done = here(*line, folder=tmp_path, variables={"DISCORD_WEBHOOK_URL": "hello"})

    assert "DISCORD_WEBHOOK_URL is the address of a webhook" in refusal(done)
    assert not (tmp_path / "home").exists()


def test_a_report_is_written_where_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "kept.json").write_text("before")
    (tmp_path / "link.json").symlink_to("kept.json")

    with whole(tmp_path / "link.json") as partial:
        partial.write_text("after")

    assert (tmp_path / "link.json").is_symlink() and (tmp_path / "kept.json").read_text() == "after"


def test_config_tells_every_setting_with_its_meaning(tmp_path: Path) -> None:
    rows = in_force(tmp_path)

    assert list(rows) == list(KEYS)
    assert {row["from"] for row in rows.values()} == {"default"}
    assert all(row["meaning"] for row in rows.values())


def test_config_tells_where_each_value_came_from(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("candle_limit = 500\nmin_bars = 100\n[risk]\ncooldown_bars = 4\n")
    variables = {"SEMSIG_MIN_BARS": "120", "SEMSIG_PAPER__FEE_RATIO": "0.001", "SEMSIG_SYMBOLS": "ETH/USDC, BTC/USDC"}

    rows = in_force(tmp_path, variables)

    told = {key: (row["value"], row["from"]) for key, row in rows.items() if row["from"] != "default"}
    assert told == {
        "candle_limit": (500, "config.toml"),
        "risk.cooldown_bars": (4, "config.toml"),
        "min_bars": (120, "SEMSIG_MIN_BARS"),
        "paper.fee_ratio": ("0.001", "SEMSIG_PAPER__FEE_RATIO"),
        "symbols": (["ETH/USDC", "BTC/USDC"], "SEMSIG_SYMBOLS"),
    }


def test_config_tells_the_line_of_a_file_and_what_a_flag_would_change(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("# mine\nmin_bars = 100\n\n[risk] # tight\ncooldown_bars = 4\n")

    done = here("config", "--port", 8123, folder=tmp_path)

    told = {line.split()[0]: line.split()[1:3] for line in done.stdout.splitlines()}
    assert told["min_bars"] == ["100", "config.toml:2"] and told["risk.cooldown_bars"] == ["4", "config.toml:5"]
    assert told["port"] == ["8123", "flag"]


def test_config_says_of_a_secret_where_it_is_set_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENROUTER_API_KEY=sk-planted\n")

    done = here("config", "--json", folder=tmp_path, variables={"MODEL_API_KEY": "sk-planted"})

    told = {row["name"]: (row["is_set"], row["from"]) for row in json.loads(done.stdout)["secrets"]}
    assert told["OPENROUTER_API_KEY"] == (True, ".env") and told["MODEL_API_KEY"] == (True, "environment")
    assert told["COINGECKO_API_KEY"] == (False, None) and "planted" not in done.stdout


def test_every_secret_is_in_the_example_and_has_a_form() -> None:
    example = (Path(__file__).resolve().parents[2] / ".env.example").read_text()

    assert set(re.findall(r"^(\w+)=", example, re.MULTILINE)) == set(SECRETS)


def test_config_for_people_has_a_line_for_each_setting(tmp_path: Path) -> None:
    done = here("config", folder=tmp_path, variables={"SEMSIG_PORT": "8123"})

    lines = {line.split()[0]: line.split() for line in done.stdout.splitlines()}
    assert set(lines) == {*KEYS, *SECRETS}
    assert lines["port"][1:3] == ["8123", "SEMSIG_PORT"]


def test_the_config_toml_of_the_project_is_all_comments_that_tell_the_defaults(tmp_path: Path) -> None:
    """Every key of the file, uncommented, is the default: the file cannot fall behind the code."""
    text = (Path(__file__).resolve().parents[2] / "config.toml").read_text()
    keys = [line.removeprefix("# ") for line in text.splitlines() if re.match(r"\[|# \w+ = ", line)]
    (tmp_path / "config.toml").write_text("\n".join(keys))

    told = in_force(tmp_path)

    assert {key for key, row in told.items() if row["from"] == "config.toml"} == set(KEYS)
    assert load(environ={}, file=tmp_path / "config.toml").settings == Settings()


def test_a_bad_setting_is_refused_by_config_too(tmp_path: Path) -> None:
    done = here("config", folder=tmp_path, variables={"SEMSIG_PORT": "0"})

    assert "port" in refusal(done) and "SEMSIG_PORT" in done.stderr


def test_doctor_names_each_problem_in_a_line_with_its_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "SITE", tmp_path)
    (tmp_path / "file").write_text("in the way")
    taken = web.bound(0)
    nowhere = {"binance": CcxtMarket("binance", base_url=f"http://127.0.0.1:{free_port()}", clock=SystemClock().now)}
    monkeypatch.setattr(wiring, "venues", lambda *_: nowhere)
    variables = {
        "SEMSIG_NEWS__FEEDS": "",
        "SEMSIG_MODEL__PROVIDER": "openai_compatible",
        "SEMSIG_MODEL__BASE_URL": f"http://127.0.0.1:{free_port()}/v1",
        "SEMSIG_HOME": "file/home",
    }

    port = taken.getsockname()[1]
    done = here("doctor", "--port", port, folder=tmp_path, variables=variables)
    taken.close()

    lines = done.stdout.splitlines()
    assert done.returncode == 1 and "Traceback" not in done.stderr
    mended = [line.partition("; mend: ")[2] for line in lines if line.startswith(("missing  market", "missing  port"))]
    assert "semsig run --market simulated" in mended[0] and ", was " not in mended[1]
    assert f"missing  port: {port} is busy: " in done.stdout
    missing = [line for line in lines if line.startswith("missing ")]
    assert [line.split(":")[0].split()[1] for line in missing] == ["market", "model", "home", "port"]
    assert "warning  dashboard: not built; mend: make setup" in lines
    assert all("; mend: " in line for line in lines if not line.startswith("ok "))


def test_the_version_is_told(tmp_path: Path) -> None:
    assert semsig("--version", folder=tmp_path).stdout == f"semsig {__version__}\n"


@pytest.mark.parametrize(
    "command",
    ["run", "analyze", "replay", "config", "doctor", "record", "costs", "report", "export", "completion", "help",
     "memory rebuild", "memory search", "memory worked"],
)  # fmt: skip
def test_every_command_explains_itself(command: str, tmp_path: Path) -> None:
    done = here(*command.split(), "--help", folder=tmp_path, variables=NARROW)

    told = " ".join(done.stdout.split())
    assert done.returncode == 0
    assert f"semsig {command}" in told and "Exit code: 0 done" in told
    assert re.search(rf"Example[^:]*: [^:]*semsig {command}", told)
    assert ("SEMSIG_CONFIG" in told) == (command not in {"completion", "help"})
    assert max(map(len, done.stdout.splitlines())) <= 80, "a terminal of 80 columns shows it whole"
    assert here("help", *command.split(), folder=tmp_path, variables=NARROW).stdout == done.stdout


def test_an_example_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    told = here("help", "replay", folder=tmp_path, variables=NARROW).stdout

    example = told[told.index("    semsig replay") : told.index("Arguments:")]
    assert shlex.split(example.replace("\\\n", "")) == shlex.split(
        "semsig replay candles/ --symbol BTC/USDT --timeframe 4h --from 2023-01-01 --to 2024-01-01"
    )


def test_a_terminal_with_few_letters_is_told_what_it_can_show(tmp_path: Path) -> None:
    done = semsig("help", "replay", folder=tmp_path, variables={"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"})

    assert (done.returncode, done.stderr) == (0, "") and "--symbol S[,S?]" in done.stdout


def test_words_of_a_model_cannot_forge_a_line_or_move_the_cursor() -> None:
    record = logging.LogRecord("semsig", logging.INFO, "", 0, "HOLD: %s", ("\x1b[2Jwell\n12:00 BTC bought",), None)

    said = OneLine("%(message)s").format(record)

    assert "\n" not in said and "\x1b" not in said
    assert said == "HOLD:  [2Jwell 12:00 BTC bought"


def test_without_a_terminal_a_long_work_says_now_and_then_how_far_it_is(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    seldom, often = _Now(), _Now(0)

    for done in (2000, 4000):
        seldom("BTC/USDC 1m", done, 9000)
        often("BTC/USDC 1m", done, 9000)

    assert [entry.message for entry in caplog.records] == [
        "BTC/USDC 1m: 2000 of 9000 bars", "BTC/USDC 1m: 4000 of 9000 bars"
    ]  # fmt: skip
