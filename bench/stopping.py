"""How long a run takes to end when it is told to: while it loads, while it lives through its past, while it trades."""

import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil

from bench.measures import Figure

SEED, ROUNDS = 5, 8
# It is the promise: within five seconds, whatever is under way, each time.
AIM = "max <= 5"
# Seconds after the start, or after it runs, between which the moment lies.
MOMENTS = {"loading": (0.1, 1.5), "living through its past": (2.0, 6.0), "running": (0.0, 10.0)}
READY_WITHIN_S = 120.0


def stopping() -> list[Figure]:
    """Each time on a new home of the simulated market, with Chroma, SIGTERM and SIGINT in turn. A stop that is not
    clean (exit code, a child left) is no figure: it ends the benchmark."""
    dice = random.Random(SEED)
    return [
        Figure(f"stop: {name}", "s", [_stopped(name, dice.uniform(*span), turn) for turn in range(ROUNDS)], AIM)
        for name, span in MOMENTS.items()
    ]


def _stopped(name: str, after_s: float, turn: int) -> float:
    with socket.socket() as free, tempfile.TemporaryDirectory() as home:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        semsig = Path(sys.executable).parent / "semsig"
        line = [semsig, "run", "--home", home, "--port", str(port), "--yes", "--speed", "7200"]
        with subprocess.Popen(line, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            if name == "running":
                _until_it_runs(port)
            time.sleep(after_s)
            children = psutil.Process(run.pid).children(recursive=True)
            began = time.monotonic()
            run.send_signal((signal.SIGTERM, signal.SIGINT)[turn % 2])
            code = run.wait(timeout=60)
            took_s = time.monotonic() - began
        left = psutil.wait_procs(children, timeout=3)[1]
        if code or left:
            raise SystemExit(f"bench: a stop while {name} was not clean: exit code {code}, {len(left)} children left")
        return took_s


def _until_it_runs(port: int) -> None:
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/api/health", timeout=5).json()["status"] == "running":
                return
        except httpx.HTTPError:
            pass  # nobody listens yet
        time.sleep(0.2)
    raise SystemExit(f"bench: an instance did not run within {READY_WITHIN_S:.0f} s")
