"""What every test stands on: recorded data when it is here, repeatable properties, and no silent skips in CI."""

import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings

# Whoever signs in a test imports a library that lifts the limit so far that a nest of brackets would end the process.
LIMIT = sys.getrecursionlimit()
import py_ecc  # noqa: E402, F401

sys.setrecursionlimit(LIMIT)

# Images of Python forbid it, and then each of some hundred processes compiles its libraries anew: 3 s for ccxt alone.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Whoever was begun in the background of a shell ignores these, and so would every process that a test stops with them.
for number, usual in (
    (signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL), (signal.SIGHUP, signal.SIG_DFL)
):  # fmt: skip
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)

ROOT = Path(__file__).resolve().parent.parent
IN_CI = bool(os.environ.get("CI"))
NO_RECORDED_DATA = "recorded data is not here (SEMSIG_DATA)"

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

settings.register_profile("house", deadline=None, derandomize=IN_CI, print_blob=True)
settings.load_profile("house")


def recorded_data_folder() -> Path | None:
    """SEMSIG_DATA, else `../shared/data` beside the checkout, else None."""
    named = os.environ.get("SEMSIG_DATA")
    if named:
        return Path(named)
    beside = ROOT.parent / "shared" / "data"
    return beside if beside.is_dir() else None


@pytest.fixture(scope="session")
def recorded_data() -> Path:
    """The folder of recorded candles, funding, news…; a test that asks for it is skipped where there is none."""
    folder = recorded_data_folder()
    if folder is None:
        pytest.skip(NO_RECORDED_DATA)
    if not folder.is_dir():
        pytest.fail(f"SEMSIG_DATA must name a folder, was {str(folder)!r}")
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _refused_if_silent((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _refused_if_silent((yield))


def _refused_if_silent(report: Report) -> Report:
    """In CI a skip is a failure, but for recorded data that truly is not here. (An expected failure is no skip.)"""
    if not IN_CI or not report.skipped or hasattr(report, "wasxfail"):
        return report
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    if NO_RECORDED_DATA in reason and recorded_data_folder() is None:
        return report
    report.outcome = "failed"
    report.longrepr = f"In CI nothing is skipped, was: {reason}"
    return report
