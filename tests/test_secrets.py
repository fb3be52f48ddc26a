"""Where a secret comes from, and that nobody ever reads one on a screen."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from drivers.instance import free_port, here, surroundings

from semanticsignal.domain.errors import InvalidSetting
from semanticsignal.settings import passed_over, secret

NAME = "GOOGLE_STUDIO_API_KEY"


@pytest.fixture(autouse=True)
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and an environment without this key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(NAME, raising=False)
    return tmp_path / ".env"


# --- The file .env -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f"{NAME}=s3cret\n",
        f"{NAME}=s3cret",
        f"\ufeff{NAME}=s3cret\n",
        f"{NAME} = 's3cret'  # mine\r\n",
        f'export {NAME}="s3cret"\n',
        f"# {NAME}=another\nOTHER=x\n{NAME}=s3cret\n",
        f"{NAME}=another\n{NAME}=s3cret\n",
        f"no line of a kind that there is\n{NAME}=s3cret\n",
    ],
)
def test_a_key_in_the_file_beside_us_is_found(text: str, beside: Path) -> None:
    beside.write_bytes(text.encode())

    assert secret(NAME) == "s3cret"


def test_a_key_is_not_expanded(beside: Path) -> None:
    beside.write_text(f"{NAME}=s3${{HOME}}$x\n")

    assert secret(NAME) == "s3${HOME}$x"


def test_without_the_file_or_the_line_or_a_value_there_is_no_key(beside: Path) -> None:
    assert secret(NAME) == ""

    beside.write_text(f"OTHER=x\n{NAME}=\n")
    assert secret(NAME) == ""

    beside.write_text(f"{NAME}\n")
    assert secret(NAME) == ""


def test_a_folder_of_that_name_is_no_file(beside: Path) -> None:
    beside.mkdir()

    assert secret(NAME) == ""


def test_the_file_of_another_folder_is_not_ours(beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside.write_text(f"{NAME}=s3cret\n")
    (beside.parent / "deeper").mkdir()
    monkeypatch.chdir(beside.parent / "deeper")

    assert secret(NAME) == ""


def test_the_environment_comes_before_the_file_unless_it_says_nothing(
    beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside.write_text(f"{NAME}=of-the-file\n")

    monkeypatch.setenv(NAME, "of-the-environment")
    assert secret(NAME) == "of-the-environment"

    monkeypatch.setenv(NAME, "")
    assert secret(NAME) == "of-the-file"


def test_the_file_is_read_into_no_environment(beside: Path) -> None:
    beside.write_text(f"{NAME}=s3cret\n")

    assert secret(NAME) == "s3cret" and NAME not in os.environ


def test_with_an_environment_of_one_s_own_no_file_is_read(beside: Path) -> None:
    beside.write_bytes(b"\xff")

    assert secret(NAME, {}) == "" and secret(NAME, {NAME: "mine"}) == "mine"


@pytest.mark.parametrize(
    "content", [f"{NAME}=s3cret\xe9".encode("latin-1"), f"{NAME}=s3cret".encode("utf-16"), b"s3cret\xff\xfe\x00" * 99]
)
def test_a_file_that_is_no_text_is_refused_without_a_word_of_it(content: bytes, beside: Path) -> None:
    beside.write_bytes(content)

    assert refused() == "cannot read secrets from .env, was UnicodeDecodeError"


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="a file that nobody can read, whoever they are")
def test_a_file_that_cannot_be_read_is_refused(beside: Path) -> None:
    beside.symlink_to("/proc/self/mem")

    assert refused() == "cannot read secrets from .env, was OSError"


def refused() -> str:
    with pytest.raises(InvalidSetting) as wrong:
        secret(NAME)
    assert wrong.value.__suppress_context__ and "s3cret" not in repr(wrong.value)
    return str(wrong.value)


# --- What is printed -----------------------------------------------------------------------------------------------

# The last is a key of a wallet, which is hex digits and nothing else; it is planted nowhere but here.
PLANTED = {
    "GOOGLE_STUDIO_API_KEY": "planted-google-free",
    "GOOGLE_STUDIO_PAID_API_KEY": "planted-google-paid",
    "OPENROUTER_API_KEY": "planted-openrouter",
    "MODEL_API_KEY": "planted-local",
    "COINGECKO_API_KEY": "planted-coingecko",
    "CRYPTOCOMPARE_API_KEY": "planted-cryptocompare",
    "BLOCKRUN_WALLET_KEY": "0x" + "9a7e57ed" * 8,
    "DISCORD_WEBHOOK_URL": "{url}/planted-discord-hook/token",
}
SENT = ("google-free", "google-paid", "openrouter", "local", "discord-hook")
# Venues and sources have addresses of their own: they are where nobody listens, and a source that repeats its key.
WORLD = """
import sys
from semanticsignal import wiring
from semanticsignal.adapters.ccxt import CcxtMarket
from semanticsignal.domain.errors import Unavailable
from semanticsignal.settings import secret

class Source:
    name = "echo"

    async def readings(self, **_):
        raise Unavailable(f"HTTP 403 {secret('COINGECKO_API_KEY')} {secret('CRYPTOCOMPARE_API_KEY')}")

where = sys.argv.pop(1)
wiring.venues = lambda *_: {"binance": CcxtMarket("binance", base_url=where, clock=wiring.system_clock().now)}
wiring.gathered = lambda *_, **__: ((Source(),), ())

from semanticsignal.drivers.cli import main
main()
"""


def refusing(head: str) -> bytes:
    """An error that repeats all that it was asked with."""
    error = {"code": 401, "message": head, "status": head, "details": [{"reason": head}]}
    return answer(401, {"error": error})


def listing(head: str) -> bytes:
    """A list of nothing but what it was asked with, word by word; for Google and for OpenRouter's key too."""
    words = head.split()
    return answer(200, {"data": [{"id": word, "canonical_slug": word} for word in words], "name": head})


def lending(head: str) -> bytes:
    """What is known of a key, which is the key."""
    return answer(200, {"data": {"label": head, "limit_remaining": head}, "supportedGenerationMethods": head.split()})


def garbling(head: str) -> bytes:
    """No HTTP."""
    return f"HTTP/1.1 {head.replace(chr(13), ' ').replace(chr(10), ' ')}\r\n\r\n".encode()


def answer(status: int, body: object) -> bytes:
    content = json.dumps(body).encode()
    return f"HTTP/1.1 {status} Said\r\ncontent-length: {len(content)}\r\nconnection: close\r\n\r\n".encode() + content


@asynccontextmanager
async def echoing(says: Callable[[str], bytes]) -> AsyncIterator[tuple[str, list[str]]]:
    heads: list[str] = []

    async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        heads.append(head)
        writer.write(says(head))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(said, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads
    finally:
        server.close()


def planted(beside: Path, url: str) -> None:
    """Every secret in .env, everybody at one address."""
    beside.write_text("".join(f"{name}={key.replace('{url}', url)}\n" for name, key in PLANTED.items()))
    beside.with_name("config.toml").write_text(f"""
[model]
provider = "all"
base_url = "{url}/v1"
name = "a, b"
[google]
base_url = "{url}"
[openrouter]
base_url = "{url}/api/v1"
[blockrun]
base_url = "{url}/api/v1"
payees = ["0x{"ab" * 20}"]
""")


def told(*command: str, folder: Path) -> str:
    """All that it prints, to whomever."""
    done = subprocess.run(
        [sys.executable, "-c", WORLD, f"http://127.0.0.1:{free_port()}", *command],
        cwd=folder,
        env={name: value for name, value in surroundings({}).items() if name not in PLANTED},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    return done.stdout + done.stderr


def leaked(said: str) -> list[str]:
    keys = {name: key.removeprefix("0x").removeprefix("{url}/").lower() for name, key in PLANTED.items()}
    return [name for name, key in keys.items() if key in said.lower()]


@pytest.mark.parametrize("says", [refusing, listing, lending, garbling])
async def test_doctor_tells_no_secret_whatever_a_server_repeats(says: Callable[[str], bytes], beside: Path) -> None:
    async with echoing(says) as (url, heads):
        planted(beside, url)

        said = await asyncio.to_thread(told, "doctor", "--port", str(free_port()), folder=beside.parent)

    asked = "".join(heads)
    assert all(f"planted-{key}" in asked for key in SENT) and "9a7e57ed" not in asked
    assert [line.split()[2].rstrip(":") for line in said.splitlines() if line.split()[1] == "model"] == [
        "google", "google-paid", "openrouter", "blockrun", "local",
    ]  # fmt: skip
    assert "context echo: HTTP 403 [COINGECKO_API_KEY] [CRYPTOCOMPARE_API_KEY]" in said
    assert leaked(said) == []


@pytest.mark.parametrize(
    "command", [("doctor", "--json"), ("config",), ("config", "--json"), ("run", "--market", "live")]
)
async def test_no_command_tells_a_secret(command: tuple[str, ...], beside: Path) -> None:
    async with echoing(refusing) as (url, _):
        planted(beside, url)

        said = await asyncio.to_thread(told, *command, folder=beside.parent)

    assert len(said.splitlines()) > 5 and leaked(said) == []


def test_a_secret_that_was_told_would_be_found() -> None:
    assert leaked("status 401, PLANTED-LOCAL and 9A7E57ED" + "9a7e57ed" * 7) == ["MODEL_API_KEY", "BLOCKRUN_WALLET_KEY"]


# --- What is not heeded -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("A=1\nthis was meant as s3cret\nB=2\n", [2]),
        ("A=1\n\n# s3cret\n\n\nthis was meant as s3cret\n", [6]),
        ("A=1\r\n\r\nthis was meant as s3cret\r\n", [3]),
        ("\n\ns3cret\nA=1\n", [3]),
        ('A="s3cret\nB=2\n', [1]),
        ("A=1\nexport B='2'\n# s3cret\nC=\n\n", []),
    ],
    ids=["words", "after blank lines", "of Windows", "a key without a name", "no end quote", "all well"],
)
def test_a_line_that_is_no_assignment_is_said_by_its_number_and_never_by_what_it_says(
    text: str, lines: list[int], beside: Path
) -> None:
    beside.write_bytes(text.encode())

    assert passed_over() == tuple(f".env, line {line} is passed over: it is not NAME=value" for line in lines)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("SEMSIG_PORT=s3cret", "SEMSIG_PORT"),
        ("export SEMSIG_RISK__COOLDOWN_BARS=s3cret", "SEMSIG_RISK__COOLDOWN_BARS"),
        ("SEMSIG_S3CRET=s3cret", "it"),
        ("SEMSIG_S3CRET", "it"),
    ],
)
def test_a_setting_among_the_secrets_is_said_and_its_value_is_not(line: str, what: str, beside: Path) -> None:
    beside.write_text(f"GOOGLE_STUDIO_API_KEY=k\n{line}\n")

    assert passed_over() == (
        f".env, line 2 is passed over: {what} is a setting, for config.toml or the environment",
    )  # fmt: skip


@pytest.mark.parametrize("command", ["config", "doctor", "run"])
def test_every_command_that_reads_settings_says_what_it_passes_over(command: str, beside: Path) -> None:
    beside.write_text("SEMSIG_TIMEFRAME=s3cret-frame\nmeant as s3cret words\n")
    options = {"config": (), "doctor": ("--port", free_port()), "run": ("--market", "nowhere", "--yes")}[command]

    done = here(command, *options, folder=beside.parent)

    said = done.stdout + done.stderr
    assert "Traceback" not in said and "s3cret" not in said
    assert ".env, line 1 is passed over: SEMSIG_TIMEFRAME is a setting" in said
    assert ".env, line 2 is passed over: it is not NAME=value" in said


def test_where_there_is_no_such_file_nothing_is_passed_over(beside: Path) -> None:
    beside.unlink(missing_ok=True)

    assert passed_over() == ()
