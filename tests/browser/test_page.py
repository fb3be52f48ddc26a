"""The page before a stand-in of any size, in a real Chromium: panels, bursts, outages, sleep, strangers' words."""

import json
import os
import subprocess

import pytest

from infra.site import LOGO_STYLE
from semanticsignal.drivers.api import HEADERS

from .test_dashboard import FRONTEND, browser  # noqa: F401 - a fixture


@pytest.mark.parametrize("name", ["panels", "busy", "away", "strangers"])
def test_the_page_holds_what_is_promised_of_it(browser: str, name: str) -> None:  # noqa: F811
    if not (FRONTEND / "dist" / "index.html").exists():
        pytest.skip("the dashboard is not built: make setup")
    # Of the two policies that the page runs under, the narrower for styles: the cloud's.
    policy = HEADERS["content-security-policy"].replace("'unsafe-inline'", LOGO_STYLE)
    strict = {**HEADERS, "content-security-policy": policy}
    done = subprocess.run(
        ["npm", "run", "--silent", "test:page", name],
        cwd=FRONTEND,
        env={**os.environ, "SEMSIG_HEADERS": json.dumps(strict), "CHROMIUM": browser, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "passed" in done.stdout and "skipped" not in done.stdout, done.stdout
