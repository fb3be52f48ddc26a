"""The living screen: what it shows at any size, and on a real pseudo-terminal what its keys do and how it is left."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import pytest
from drivers.at_terminal import HELD, Room
from drivers.instance import SEMSIG, free_port, surroundings
from rich.cells import cell_len

from semanticsignal.drivers import actions
from semanticsignal.drivers.cli import _Lines
from semanticsignal.drivers.keys import Keys
from semanticsignal.drivers.screen import Screen, drawn, price, span
from semanticsignal.logic.show import views
from semanticsignal.settings import has_display

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PATIENCE_S = 60.0
MADE = views.DecisionView(
    "BTC#1", 1, "BTC/USDC", "4h", NOON, NOON, Decimal("60500.5"), "HOLD", "BUY", 0.62, 0.5, 0.5, None, None,
    "Momentum and trend agree, but the market is too quiet to pay for the spread. " * 6, None, "quiet", (), (), (), (),
    "analyst", "1", False, True, None,
)  # fmt: skip
HEALTH = views.HealthView(
    "running", None, "1", NOON, True, 720.0, ("BTC/USDC",), "4h", "simulated binance", "rules-analyst", 1.0,
    NOON + timedelta(hours=2, minutes=13),
)  # fmt: skip
SCREEN = Screen(
    HEALTH, "http://127.0.0.1:8000", (views.position(HELD),), Decimal("10250.25"), Decimal(10_000), Decimal(10_500), 3,
    (MADE,), "BTC/USDC",
)  # fmt: skip


def told(screen: Screen, width: int, height: int) -> str:
    lines = drawn(screen, width, height)
    assert len(lines) == height
    assert all(cell_len(line.plain) <= width for line in lines), [line.plain for line in lines]
    return "\n".join(line.plain for line in lines)


@pytest.mark.parametrize(("width", "height"), [(120, 40), (80, 24)])
def test_the_screen_tells_how_things_stand(width: int, height: int) -> None:
    shown = re.sub(r"\s+", " ", told(SCREEN, width, height))

    for words in (
        "SIMULATED market, paper money only", "● running", "simulated binance · 4h · 720×", "next candle in 2 h 13 min",
        "14:13, 11 s here", "http://127.0.0.1:8000", "equity 10,250.25", "net +250.25 (+2.50%)", "drawdown 2.38%",
        "3 trades closed", "BTC/USDC long 0.5", "+250.25 (+0.50 R) before fees", "stop 59,000.00 · target 63,000.00",
        "BTC/USDC HOLD at 60,500.50", "sure 62%", "Momentum and trend agree", "a analyse", "q quit",
    ):  # fmt: skip
        assert words in shown, words


def test_a_small_screen_still_tells_what_is_open_and_what_was_decided() -> None:
    shown = told(SCREEN, 40, 12)

    for words in ("equity 10,250.25", "BTC/USDC long 0.5", "q quit"):
        assert words in shown, words
    assert "BTC/USDC HOLD" in told(SCREEN, 80, 12)


def test_a_narrow_screen_tells_the_same_in_more_lines() -> None:
    shown = told(SCREEN, 40, 24)

    for words in ("running", "equity 10,250.25", "+250.25", "stop 59,000.00", "BTC/USDC HOLD", "q quit"):
        assert words in shown, words


@pytest.mark.parametrize(("width", "height"), [(1, 1), (7, 3), (200, 2), (20, 8)])
def test_no_screen_is_too_small(width: int, height: int) -> None:
    told(SCREEN, width, height)


def test_words_of_a_model_move_no_cursor_and_forge_no_line() -> None:
    evil = "\x1b[2J\x1b]0;owned\x07well\r\n● degraded \u202eBTC bought\x9b31m"

    shown = told(replace(SCREEN, decided=(replace(MADE, reasoning=evil),), log=(evil,)), 120, 40)

    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown)
    assert not any(line.startswith("● degraded") for line in shown.splitlines())


def test_a_refusal_is_the_reason_of_what_was_not_done() -> None:
    refused = replace(MADE, refusals=(views.RefusalView("cooldown", "two bars of rest", None),))

    assert "BUY refused: two bars of rest" in told(replace(SCREEN, decided=(refused,)), 80, 24)


def test_of_many_pairs_the_chosen_is_always_seen() -> None:
    many = tuple(replace(MADE, symbol=f"C{n}/USDC") for n in range(40))

    shown = told(replace(SCREEN, decided=many, chosen="C33/USDC"), 80, 24)

    assert "▸ C33/USDC" in shown and re.search(r"… \d+ more pairs", shown)


def test_figures_are_as_people_read_them() -> None:
    assert [price(Decimal(text)) for text in ("60500.5", "1.23456", "0.00001234", "0.5")] == [
        "60,500.50", "1.2346", "0.00001234", "0.50"
    ]  # fmt: skip
    assert [span(timedelta(seconds=s)) for s in (0, 59.6, 3661, 90_000, -5)] == [
        "0 s", "1 min 0 s", "1 h 1 min", "1 d 1 h", "0 s"
    ]  # fmt: skip


def test_a_paste_presses_no_key_and_an_unknown_sequence_neither() -> None:
    keys = Keys()

    assert keys.heard(b"\x1b[A\x1bOB\tQ\x1b[15~\x1b[1;5C\x1b[Z") == ["up", "down", "down", "q", "up"]
    assert keys.heard(b"\x1b[200~qq") == []
    assert keys.heard(b"qq\x1b[201~h") == ["h"]


def test_a_key_that_comes_in_parts_is_one_key_and_esc_alone_is_one_too() -> None:
    keys = Keys()

    assert (keys.heard(b"\x1b"), keys.heard(b"["), keys.heard(b"A")) == ([], [], ["up"])
    assert (keys.heard(b"a\x1b[1;"), keys.late(), keys.heard(b"h")) == (["a"], [], ["h"])
    assert (keys.heard(b"\x1b"), keys.is_waiting, keys.late(), keys.is_waiting) == ([], True, ["esc"], False)


async def pressed(*keys: str, words: str = "", browse: actions.Browse | None = None) -> Room:
    """A room after these keys, beside a log."""
    room: Any = Room({words})
    acts = actions.Actions(room, "http://127.0.0.1:8000", _Lines("http://127.0.0.1:8000"), yes=False, browse=browse)
    for key in keys:
        await acts.press(key)
    return room  # type: ignore[no-any-return]


async def test_keys_beside_a_log_do_what_they_do_on_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    opened: list[str] = []

    room = await pressed("a", "down", "a", "d", "h", "q", browse=opened.append)

    said = capsys.readouterr().out.splitlines()
    assert said[:4] == [
        "analysis of BTC/USDC started", "ETH/USDC is chosen", "analysis of ETH/USDC started",
        "the dashboard is at http://127.0.0.1:8000",
    ]  # fmt: skip
    assert "d: open the dashboard" in said[4] and len(said) == 5
    assert opened == ["http://127.0.0.1:8000"] and room.stop.is_set()


@pytest.mark.parametrize(
    ("keys", "is_left"), [("qx", False), ("qn", False), ("qny", False), ("qxy", True), ("qq", True)]
)
async def test_beside_a_log_too_a_position_is_left_only_by_a_second_word(keys: str, is_left: bool) -> None:
    room = await pressed(*keys, words="held")

    assert room.stop.is_set() == is_left


@pytest.mark.parametrize(
    ("platform", "variables", "is_seen"),
    [
        ("linux", {}, False), ("linux", {"DISPLAY": ":0"}, True), ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("darwin", {}, True), ("darwin", {"SSH_CONNECTION": "1.2.3.4 5 6"}, False), ("win32", {}, True),
    ],
)  # fmt: skip
def test_a_browser_is_opened_only_where_its_window_would_be_seen(
    platform: str, variables: dict[str, str], is_seen: bool
) -> None:
    assert has_display(variables, platform) == is_seen


def _sit_down() -> None:
    """Signals of the keyboard go to whose terminal it is."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A process that sits at a pseudo-terminal of its own, and what stands on its screen."""

    def __init__(self, *command: str, columns: int = 100, lines: int = 30, **variables: str) -> None:
        self.ours, self._theirs = pty.openpty()
        self.before = termios.tcgetattr(self._theirs)
        self._set_size(columns, lines)
        self.written = ""
        self.process = subprocess.Popen(
            command, stdin=self._theirs, stdout=self._theirs, stderr=self._theirs, start_new_session=True,
            env=surroundings({"TERM": "xterm-256color", "PYTHONUTF8": "1"} | variables),
            preexec_fn=_sit_down,  # noqa: PLW1509, no thread runs in a test here
        )  # fmt: skip

    def _set_size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, columns: int, lines: int) -> None:
        self.written = ""
        self._set_size(columns, lines)

    def press(self, keys: str) -> None:
        os.write(self.ours, keys.encode())

    def read(self) -> None:
        while select.select([self.ours], [], [], 0.05)[0]:
            try:
                self.written += os.read(self.ours, 65536).decode(errors="replace")
            except OSError:
                return

    def rows(self) -> dict[int, str]:
        """By number; each is always written whole."""
        frames = re.findall(r"\x1b\[(\d+);1H(.*?)(?=\x1b\[\d+;1H|\x1b\[\?|$)", self.written, re.DOTALL)
        return {int(row): re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text) for row, text in frames}

    def until(self, words: str) -> None:
        """They stand on the screen."""
        deadline = time.monotonic() + PATIENCE_S
        while not any(words in row for row in self.rows().values()):
            assert time.monotonic() < deadline, f"{words!r} is not on {self.written[-3000:]!r}"
            self.read()

    def ended(self) -> int:
        deadline = time.monotonic() + PATIENCE_S
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.written[-3000:]
            self.read()
        self.read()
        return self.process.returncode

    def is_as_before(self) -> bool:
        """Modes as they were, the first screen, a cursor."""
        left = self.written.rfind("\x1b[?1049l")
        return (
            termios.tcgetattr(self._theirs) == self.before
            and left > self.written.rfind("\x1b[?1049h")
            and "\x1b[?25h" in self.written[left - 40 :]
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)
        os.close(self.ours)
        os.close(self._theirs)


def shown(*words: str) -> Terminal:
    return Terminal(sys.executable, str(Path(__file__).with_name("at_terminal.py")), *words)


def test_keys_choose_a_pair_analyse_it_help_and_name_the_dashboard() -> None:
    with shown() as at:
        at.until("● running")
        at.press("\x1b[Ba")
        at.until("analysis of ETH/USDC started")
        at.until("asked for ETH/USDC")
        at.press("d")
        at.until("the dashboard is at http://127.0.0.1:8000")
        at.press("h")
        at.until("analyse the chosen pair now")
        at.press("q")

        assert at.ended() == 0 and at.is_as_before()
        assert not re.search(r"\x1b\[(?:\d+;)*[349]\d(?:;\d+)*m", at.written), "a colour, though there is NO_COLOR"
        assert "it ended by itself" in at.written
        assert "asked for ETH/USDC\r\n" in at.written[at.written.rfind("\x1b[?1049l") :], "the log stays behind"


@pytest.mark.parametrize(("stays", "leaves"), [("n", "qy"), ("\x1b", "qq")])
def test_an_open_position_is_left_only_by_a_second_word_and_nothing_waits_for_it(stays: str, leaves: str) -> None:
    with shown("held") as at:
        at.until("BTC/USDC long 0.5")
        at.press("q")
        at.until("1 position is open and stays so until the next start. Quit? y or q within 10 s, n or Esc stays")
        at.press("a")
        at.until("analysis of BTC/USDC started")
        at.press(stays)
        at.until("going on")
        at.press("yn")
        assert at.process.poll() is None
        at.press(leaves)

        assert at.ended() == 0 and at.is_as_before()


def test_a_new_size_is_drawn_at_once() -> None:
    with shown("held") as at:
        at.until("q quit")
        at.resize(40, 12)
        at.until("q quit")

        assert max(at.rows()) == 12 and all(cell_len(row) <= 40 for row in at.rows().values())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_leaves_the_terminal_as_it_was(number: signal.Signals) -> None:
    with shown("held") as at:
        at.until("q quit")
        at.process.send_signal(number)

        assert at.ended() == (-number if number == signal.SIGQUIT else 0) and at.is_as_before()


def test_an_exception_leaves_the_terminal_as_it_was_and_is_told_there() -> None:
    with shown("breaks") as at:
        at.until("q quit")

        assert at.ended() == 1 and at.is_as_before()
        assert "no such health" in at.written[at.written.rfind("\x1b[?1049l") :]


def test_ctrl_z_gives_the_shell_its_terminal_and_fg_comes_back() -> None:
    with shown() as at:
        at.until("q quit")
        at.press("\x1a")
        _, status = os.waitpid(at.process.pid, os.WUNTRACED)
        at.read()
        assert os.WIFSTOPPED(status) and at.is_as_before()

        at.written = ""
        at.process.send_signal(signal.SIGCONT)
        at.until("q quit")
        at.press("q")

        assert at.ended() == 0 and at.is_as_before()


def test_a_terminal_that_takes_nothing_holds_nothing_up() -> None:
    """Ctrl-S, a dead line: keys are heard, and a stop is a stop."""
    with shown("silent") as at:
        at.until("q quit")
        termios.tcflow(at._theirs, termios.TCOOFF)
        for n in range(40):
            at._set_size(90 + n, 40)
            at.press("a")
        at.press("q")

        assert at.process.wait(10) == 0
        assert termios.tcgetattr(at._theirs) == at.before


def test_a_run_on_a_terminal_is_a_screen(tmp_path: Path) -> None:
    run = (SEMSIG, "run", "--speed", "1", "--home", str(tmp_path / "home"), "--port", str(free_port()))
    with Terminal(*run, SEMSIG_SIMULATION__HISTORY_DAYS="0") as at:
        at.until("● running")
        at.press("q")

        assert at.ended() == 0 and at.is_as_before()


def test_a_dumb_terminal_has_no_screen() -> None:
    with Terminal(sys.executable, "-c", "from semanticsignal.drivers import terminal as t; print(t.is_possible())",
                  TERM="dumb") as at:  # fmt: skip
        assert at.ended() == 0 and "False" in at.written
