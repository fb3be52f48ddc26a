"""What making the templates costs, and how large they come out."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from bench.measures import Figure

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 3


def synth() -> list[Figure]:
    """The app by itself, each time in a process and a folder of its own; the CDK's command line adds its own start."""
    spent: list[float] = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            started = perf_counter()
            subprocess.run(
                [sys.executable, "-m", "infra.app"],
                cwd=ROOT, env={**os.environ, "CDK_OUTDIR": folder}, check=True, capture_output=True,
            )  # fmt: skip
            spent.append(perf_counter() - started)
            templates = sorted(Path(folder).glob("*.template.json"))
            sizes = {path.name.removesuffix(".template.json"): path.stat().st_size / 1000 for path in templates}
    return [
        Figure("synth, all stacks", "s", spent),
        *(Figure(f"template {name}", "KB", [size], "<= 1000") for name, size in sizes.items()),
    ]
