"""The real `semsig` in processes of its own: a command to its end, or an instance until it is told to stop."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

SEMSIG = str(Path(sys.executable).with_name("semsig"))
# Generous for a loaded machine; nothing waits this long unless it is broken.
PATIENCE_S = 120.0


def surroundings(variables: dict[str, str]) -> dict[str, str]:
    """The environment without anybody's settings, without whom they tell and without a display, with these."""
    heard = ("SEMSIG_", "DISCORD_WEBHOOK_URL", "BOT_TOKEN_DISCORD", "DISPLAY", "WAYLAND_DISPLAY")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(heard)}
    return clean | {"NO_COLOR": "1", "COLUMNS": "200", "SSH_CONNECTION": "a test"} | variables


def semsig(
    *arguments: object, folder: Path, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A command to its end, from a folder without a config.toml."""
    return subprocess.run(
        [SEMSIG, *map(str, arguments)],
        cwd=folder,
        env=surroundings(variables or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def here(*arguments: object, folder: Path, variables: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The same in this process: a second saved where only its words and its exit code are asked for."""
    from semanticsignal.drivers import farewell
    from semanticsignal.drivers.cli import main

    said, complained = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(complained), chdir(folder):
        patch.setattr(sys, "argv", ["semsig", *map(str, arguments)])
        # Who is out of time leaves the process at once, which here is that of all tests.
        patch.setattr(farewell, "ENDS_WITHIN_S", PATIENCE_S)
        for name in [name for name in os.environ if name.startswith("SEMSIG_")]:
            patch.delenv(name)
        for name, value in (variables or {}).items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main()
    code = ended.value.code
    assert isinstance(code, int)
    return subprocess.CompletedProcess(list(map(str, arguments)), code, said.getvalue(), complained.getvalue())


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a wrong use: exit code 2, no traceback."""
    assert "Traceback" not in done.stderr + done.stdout, done.stderr[-2000:]
    assert done.returncode == 2, (done.returncode, done.stderr)
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and re.match(r"semsig: \S", lines[0]), done.stderr
    return lines[0]


def until(holds: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """What it answers once that is true. Fails when it never is."""
    deadline = time.monotonic() + patience_s
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience_s:g} s: {what}")
        time.sleep(0.05)
    return found


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Instance:
    """`semsig run` on a free port, its own process group, its words in `log`."""

    def __init__(
        self, home: Path, *options: object, stdin: int = subprocess.DEVNULL, log: str = "", **variables: str
    ) -> None:
        self.port, self.home = free_port(), home
        self.base = f"http://127.0.0.1:{self.port}"
        self.log = home.parent / (log or f"{home.name}.log")
        with self.log.open("ab") as words:
            self.process = subprocess.Popen(
                [SEMSIG, "run", "--port", str(self.port), "--home", str(home), *map(str, options)],
                cwd=home.parent,
                env=surroundings(variables),
                stdin=stdin,
                stdout=words,
                stderr=words,
                start_new_session=True,
            )

    def get(self, path: str, **query: object) -> Any:
        asked = {name: str(value) for name, value in query.items()} or None
        answer = httpx.get(self.base + path, params=asked, timeout=10, trust_env=False, verify=False)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def status(self) -> str | None:
        """What it says of its health; None while it does not answer."""
        assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.said()[-2000:]}"
        try:
            return str(self.get("/api/health")["status"])
        except httpx.TransportError:
            return None

    def running(self) -> "Instance":
        until(lambda: self.status() == "running", "it runs")
        return self

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def stopped(self, number: int = signal.SIGTERM) -> int:
        """Its exit code after the signal, at most ten seconds later."""
        self.process.send_signal(number)
        return self.process.wait(10)

    def group(self) -> list[str]:
        """Processes of its group that still live."""
        listed = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True)
        rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
        return [row[2] for row in rows if row[0] == str(self.process.pid) and not row[1].startswith("Z")]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(10)
