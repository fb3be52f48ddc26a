"""A real process, really killed, between writing a fact and telling it."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tape import frames, written

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    there = tmp_path_factory.mktemp("candles")
    written(there, "BTC/USDT", frames(750, seed=3))
    return written(there, "ETH/USDT", frames(750, seed=7))


def lived(folder: Path, home: Path, *, die_after: int = 0, told: str = "once") -> tuple[int, list[str]]:
    line = [sys.executable, "-m", "tests.replay.dying", str(folder), str(home), str(die_after), told]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode, done.stdout.split()


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    code, (digest, trades, entries) = lived(folder, tmp_path_factory.mktemp("whole"))
    assert code == 0
    assert int(trades) >= 6
    return [digest, trades, entries]


def test_killed_after_a_write_and_before_it_is_told_nothing_is_lost_and_nothing_doubled(
    folder: Path, whole: list[str], tmp_path: Path
) -> None:
    home, dice, deaths = tmp_path / "home", random.Random(5), 0

    code = -signal.SIGKILL
    while code == -signal.SIGKILL and deaths < 12:
        code, said = lived(folder, home, die_after=dice.randint(1, int(whole[2]) // 5))
        deaths += code != 0
    if code:
        code, said = lived(folder, home)

    assert deaths >= 5
    assert said == whole


def test_every_candle_and_every_fact_told_twice_trades_once(folder: Path, whole: list[str], tmp_path: Path) -> None:
    code, said = lived(folder, tmp_path / "home", told="twice")

    assert code == 0
    assert said == whole


def test_told_twice_and_killed_on_the_way_it_is_still_the_same_ledger(
    folder: Path, whole: list[str], tmp_path: Path
) -> None:
    home = tmp_path / "home"

    first, _ = lived(folder, home, die_after=int(whole[2]) // 3, told="twice")
    second, said = lived(folder, home, told="twice")

    assert (first, second) == (-signal.SIGKILL, 0)
    assert said == whole
