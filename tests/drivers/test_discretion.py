"""Every command prints, writes, logs and raises what others said, and none of this machine's secrets with it."""

import subprocess
import traceback
from dataclasses import replace
from pathlib import Path

import pytest
from drivers.instance import PATIENCE_S, SEMSIG, here, surroundings
from drivers.test_report import JULY, closed, home_of, trade
from world import decision, signal

from semanticsignal.domain.decision import Refusal
from semanticsignal.domain.events import DecisionMade
from semanticsignal.domain.ledger import Entry, What
from semanticsignal.domain.market import Symbol
from semanticsignal.drivers import export
from semanticsignal.drivers.discretion import hushed

KEY, NAME = "planted-gecko-s3cret-0123456789", "COINGECKO_API_KEY"
PLANTED = {NAME: KEY, "MODEL_API_KEY": "none"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A server said the key back, and it is in the ledger."""
    made = decision(replace(signal(), reasoning=f"403: {KEY}?"), regime=f"bull {KEY}", id="d1")
    made = replace(made, refusals=(Refusal(f"guard {KEY}", f"who is {KEY}?"),), decided_at=JULY)
    entry = Entry(DecisionMade("d1", Symbol.parse("BTC/USDC"), JULY), made)
    return home_of(tmp_path, [entry, *(closed(trade(number, "5")) for number in (1, 2))])


@pytest.mark.parametrize("what", ["decisions", "refusals", "events"])
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_no_table_holds_a_key_that_somebody_said_back(what: str, form: str, home: Path, tmp_path: Path) -> None:
    line = ("export", "--home", home, "--what", what, "--to", f"t.{form}")

    done = here(*line, folder=tmp_path, variables=PLANTED)

    table = (tmp_path / f"t.{form}").read_bytes()
    assert done.returncode == 0
    assert KEY.encode() not in table and f"[{NAME}]".encode() in table


def test_no_report_holds_one(home: Path, tmp_path: Path) -> None:
    line = ("report", "--home", home, "--json", "t.json", "--html", "t.html")

    done = here(*line, folder=tmp_path, variables=PLANTED)

    told = [done.stdout, *((tmp_path / name).read_text() for name in ("t.json", "t.html"))]
    assert not any(KEY in one for one in told) and all(f"[{NAME}]" in one for one in told)


@pytest.mark.parametrize(
    "line",
    [
        ("doctor", "--json"), ("config",), ("costs", "--home", KEY), ("memory", "search", "x", "--home", KEY),
        ("analyze", f"BTC/{KEY}"), ("run", "--market", KEY), ("record", KEY, "--market", KEY), ("replay", KEY), (KEY,),
    ],
    ids=lambda line: line[0],
)  # fmt: skip
def test_whatever_a_command_says_of_one_it_says_by_its_name(line: tuple[str, ...], tmp_path: Path) -> None:
    done = here(*line, folder=tmp_path, variables={**PLANTED, "SEMSIG_HOME": KEY})

    assert KEY not in done.stdout + done.stderr
    assert f"[{NAME}]" in done.stdout + done.stderr


def test_what_is_recorded_is_logged_without_it(tmp_path: Path) -> None:
    line = [SEMSIG, "record", KEY, "--market", "simulated", "--symbols", "BTC/USDC", "--timeframes", "4h"]
    with subprocess.Popen(
        line, cwd=tmp_path, env=surroundings(PLANTED), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    ) as recording:  # fmt: skip
        assert recording.stdout
        said = ""
        while "recording BTC/USDC" not in said and (told := recording.stdout.readline()):
            said += told
        recording.terminate()
        said += recording.communicate(timeout=PATIENCE_S)[0]

    assert recording.returncode == 0
    assert KEY not in said and f"recording BTC/USDC to [{NAME}]" in said and f"recorded to [{NAME}]" in said


def test_a_defect_says_none_either(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> tuple[object, ...]:
        raise ZeroDivisionError(f"of {KEY}") from ValueError(KEY)

    monkeypatch.setitem(export.TABLES, What.TRADES, (("PositionClosed",), export.EventRow, broken))

    with pytest.raises(ZeroDivisionError) as wrong:
        here("export", "--home", home, "--what", "trades", "--to", "t.csv", folder=tmp_path, variables=PLANTED)

    assert str(wrong.value) == f"of [{NAME}]" and str(wrong.value.__cause__) == f"[{NAME}]"


class Odd(Exception):
    """Says what nobody can take from it."""

    def __str__(self) -> str:
        return f"odd {KEY}"


def noted() -> Exception:
    wrong = ValueError("noted")
    wrong.add_note(KEY)
    return wrong


@pytest.mark.parametrize(
    ("wrong", "cause", "told"),
    [
        (ExceptionGroup("many", [ValueError(KEY)]), None, "ExceptionGroup: many (1 sub-exception)"),
        (ExceptionGroup(KEY, [ValueError("one")]), None, f"ExceptionGroup: [{NAME}] (1 sub-exception)"),
        (ValueError("by another"), Odd(), "ValueError: by another"),
        (ValueError("by a file"), FileNotFoundError(2, "not there", KEY), "ValueError: by a file"),
        (ValueError("by many"), ExceptionGroup("many", [ValueError(KEY)]), "ValueError: by many"),
        (FileNotFoundError(2, "not there", KEY), None, f"FileNotFoundError: [Errno 2] not there: '[{NAME}]'"),
        (Odd(), None, f"Odd: odd [{NAME}]"),
        (noted(), None, f"ValueError: noted\n[{NAME}]"),
        (KeyboardInterrupt(KEY), Odd(), f"KeyboardInterrupt: [{NAME}]"),
        (SystemExit(KEY), None, f"SystemExit: [{NAME}]"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_nothing_of_what_is_raised_says_one(wrong: BaseException, cause: Exception | None, told: str) -> None:
    with (
        pytest.raises((Exception, KeyboardInterrupt, SystemExit)) as raised,
        hushed(lambda text: text.replace(KEY, f"[{NAME}]")),
    ):
        raise wrong from cause

    printed = "".join(traceback.format_exception(raised.value, limit=0))
    assert printed.removeprefix("semanticsignal.domain.errors.SemanticSignalError: ") == f"{told}\n"
    assert KEY not in str(getattr(raised.value, "code", ""))
    assert isinstance(raised.value, type(wrong)) or not told.startswith(("ValueError", "Key", "System"))
