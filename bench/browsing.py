"""The dashboard in a real Chromium, before a stand-in with 10,000 decisions, 10,000 memories and 2,000 trades."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from bench.measures import ROOT, Figure
from semanticsignal.drivers.api import HEADERS

FRONTEND = ROOT / "frontend"
# A load of it is 150 MB: kept apart from what the dashboard itself needs, and put there when it is asked for.
LIGHTHOUSE = ROOT / ".venv" / "lighthouse"
LIGHTHOUSE_VERSION = "12.8.2"
ROUNDS = 3
TIMES = ("first-contentful-paint", "largest-contentful-paint", "total-blocking-time", "speed-index")
# Unit and aim of what tests/measured.ts tells; ` at 1440` and ` at 390` have those of the name before them.
AIMS = {
    "first paint": ("ms", "<= 700"),
    "data visible": ("ms", "<= 1200"),
    "layout shift": ("", "<= 0.02"),
    "long-task excess": ("ms", ""),
    "requests": ("", "<= 20"),
    "snapshot calls": ("", "<= 1"),
    "third-party requests": ("", "<= 0"),
    "JavaScript until idle, gzip": ("kB", "<= 150"),
    "elements": ("", "<= 800"),
    "heap": ("MB", "<= 10"),
    "fact to pixel, each": ("ms", "<= 100"),
    "fact to pixel, 99th of 100": ("ms", "<= 250"),
    "longest frame in a burst of 1,000 facts": ("ms", "<= 1000"),
    "scrolling decisions, each frame": ("ms", "<= 17"),
    "scrolling decisions, 95th of 100 frames": ("ms", "<= 17"),
    "scrolling memory, each frame": ("ms", "<= 17"),
    "scrolling memory, 95th of 100 frames": ("ms", "<= 17"),
}


def _surroundings() -> dict[str, str]:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise SystemExit("bench: no Chromium or Google Chrome is here, or name one by CHROMIUM")
    told = {"CHROMIUM": found, "CHROME_PATH": found, "SEMSIG_HEADERS": json.dumps(HEADERS), "NO_COLOR": "1"}
    return {**os.environ, **told}


def browsing() -> list[Figure]:
    """Five loads at each width, facts one by one, a burst, and both long lists scrolled as far as a fast wheel goes."""
    line = ["npm", "run", "--silent", "measure"]
    done = subprocess.run(line, cwd=FRONTEND, env=_surroundings(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: the page could not be measured:\n{done.stdout}{done.stderr}")
    told: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    found = []
    for name, samples in told.items():
        unit, aim = AIMS[name.partition(" at ")[0]]
        found.append(Figure(f"page: {name}", unit, samples, aim))
    return found


def lighthouse() -> list[Figure]:
    """Its own scores of the built page, as on a desk. Fetched from the npm registry the first time."""
    binary = LIGHTHOUSE / "node_modules" / ".bin" / "lighthouse"
    if not binary.exists():
        package = f"lighthouse@{LIGHTHOUSE_VERSION}"
        quiet = ("--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact")
        LIGHTHOUSE.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", *quiet, "--prefix", LIGHTHOUSE, package], check=True)
    env = _surroundings()
    line = ["node", "tests/run.mjs", "tests/standing.ts"]
    scores: dict[str, list[float]] = {}
    with subprocess.Popen(
        line, cwd=FRONTEND, env=env, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        try:
            for _ in range(ROUNDS):
                for name, score in _scored(binary, url, env).items():
                    scores.setdefault(name, []).append(score)
        finally:
            server.terminate()
    aims = {"performance": ">= 95", "accessibility": ">= 100", "best-practices": ">= 100"}
    units = dict.fromkeys(aims, "of 100")
    return [
        Figure(f"Lighthouse, {name}", units.get(name, ""), told, aims.get(name, "")) for name, told in scores.items()
    ]


def _scored(binary: Path, url: str, env: dict[str, str]) -> dict[str, float]:
    flags = "--headless=new --no-sandbox --disable-gpu"
    line = [binary, url, "--quiet", "--preset=desktop", "--output=json", f"--chrome-flags={flags}",
            "--only-categories=performance,accessibility,best-practices"]  # fmt: skip
    done = subprocess.run(line, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: Lighthouse failed:\n{done.stderr}")
    told = json.loads(done.stdout)
    failed = [
        f"{kind}: {told['audits'][one['id']]['title']}"
        for kind in ("accessibility", "best-practices")
        for one in told["categories"][kind]["auditRefs"]
        if one["weight"]
        and (told["audits"][one["id"]]["score"] or 0) < 1
        and told["audits"][one["id"]]["score"] is not None
    ]
    if failed:
        print("Lighthouse:", *failed, sep="\n  ")
    scores = {name: round(kind["score"] * 100) for name, kind in told["categories"].items()}
    return scores | {f"{name}, ms": told["audits"][name]["numericValue"] for name in TIMES}
