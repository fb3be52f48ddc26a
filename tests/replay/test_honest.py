"""What a replay must not smooth over: where the tape ends, who did not answer, which Python ran."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
import tape
from drivers.instance import free_port, here, refusal, semsig

BARS = 620
PAIR = ("--symbol", "BTC/USDT", "--timeframe", "4h")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tape.written(tmp_path_factory.mktemp("candles"), "BTC/USDT", tape.frames(BARS, seed=3))


def report(folder: Path, home: Path, *more: str) -> dict[str, object]:
    out = home.parent / f"{home.name}.json"
    done = here("replay", folder, *PAIR, "--home", home, "--json", out, *more, folder=home.parent)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(out.read_text())
    return found


def test_beyond_the_last_bar_nothing_is_marked(folder: Path, tmp_path: Path) -> None:
    """Years of marks without a market would thin out Sharpe and exposure."""
    last = tape.at(BARS) + timedelta(milliseconds=1)

    exact = report(folder, tmp_path / "exact", "--from", tape.at(250).isoformat(), "--to", last.isoformat())
    endless = report(folder, tmp_path / "endless", "--from", tape.at(250).isoformat())

    assert endless["to"] == tape.at(BARS).isoformat()
    assert endless["ledger_sha256"] == exact["ledger_sha256"]
    assert endless["sharpe_annualized"] == exact["sharpe_annualized"]


def test_a_model_that_is_away_ends_the_replay_instead_of_making_it_flat(folder: Path, tmp_path: Path) -> None:
    nobody = {"SEMSIG_MODEL__BASE_URL": "http://127.0.0.1:9/v1", "SEMSIG_MODEL__TIMEOUT_S": "5"}

    done = semsig("replay", folder, *PAIR, "--model", "gpt", folder=tmp_path, variables=nobody)

    assert done.returncode == 1
    assert "semsig: the model does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_delay_that_no_bar_can_fill_is_refused_before_the_start(tmp_path: Path) -> None:
    coarse = tape.written(tmp_path / "coarse", "BTC/USDT", tape.frames(300, seed=3, finer=()))

    said = refusal(
        here("replay", coarse, *PAIR, folder=tmp_path, variables={"SEMSIG_DECISION_DELAY_S": "60"})
    )  # fmt: skip

    assert "decision_delay_s needs candles of at most 3600 s" in said


def test_a_report_that_cannot_be_written_is_refused_before_the_start(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()

    assert "--json" in refusal(here("replay", folder, *PAIR, "--json", tmp_path / "there", folder=tmp_path))
    assert "--json" in refusal(here("replay", folder, *PAIR, "--json", "/dev/null/x", folder=tmp_path))


def test_a_typo_in_the_market_leaves_the_home_as_it_was(tmp_path: Path) -> None:
    refusal(here("run", "--market", "simulatd", "--home", tmp_path / "home", "--port", free_port(), folder=tmp_path))

    assert not (tmp_path / "home").exists()


# One hash for all Pythons from 3.11 to 3.13: what is decided, seen and asked on a seeded tape. A change of prompt,
# snapshot or money changes it on purpose; anything else that changes it is a defect.
GOLDEN = "0fab950e8f07082d30b64afb059439bd7ff2a3523ac923af0f4bb144fd19ff91"


def test_the_golden_tape_gives_the_golden_ledger(folder: Path, tmp_path: Path) -> None:
    found = report(folder, tmp_path / "home", "--from", tape.at(250).isoformat())

    assert int(str(found["trades"])) >= 3
    assert found["ledger_sha256"] == GOLDEN
