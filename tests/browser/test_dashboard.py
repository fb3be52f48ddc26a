"""The dashboard in a real Chromium, against a real instance of the simulated market with all of its history."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from drivers.instance import Instance, until

FRONTEND = Path(__file__).resolve().parents[2] / "frontend"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
APPLICATIONS = ("Google Chrome.app/Contents/MacOS/Google Chrome", "Chromium.app/Contents/MacOS/Chromium")


def chromium() -> str | None:
    """The browser that CHROMIUM names, else the first that is installed; as the Makefile looks for it."""
    named = os.environ.get("CHROMIUM")
    found = [shutil.which(name) for name in ([named] if named else NAMES)]
    return next(filter(None, [*found, *(p for a in APPLICATIONS if Path(p := f"/Applications/{a}").exists())]), None)


@pytest.fixture
def browser() -> str:
    if not (FRONTEND / "node_modules" / ".bin" / "vitest").exists():
        pytest.skip("the dashboard's packages are not here: make setup")
    found = chromium()
    if found is None:
        pytest.skip("no Chromium or Google Chrome is here: apt-get install chromium, or name one by CHROMIUM")
    return found


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """All settings at their defaults, with trades to show."""
    with Instance(tmp_path / "home", "--yes") as running:
        running.running()
        until(lambda: running.get("/api/trades", limit=20)["trades"], "a trade has closed")
        yield running


def test_every_browser_test_of_the_dashboard_holds(browser: str, instance: Instance) -> None:
    done = subprocess.run(
        ["npm", "run", "--silent", "test:browser"],
        cwd=FRONTEND,
        env={**os.environ, "SEMSIG_URL": instance.base, "CHROMIUM": browser, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "passed" in done.stdout and "skipped" not in done.stdout, done.stdout
    assert instance.status() == "running"
    assert "Traceback" not in instance.said()
