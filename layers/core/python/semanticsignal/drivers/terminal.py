"""The living screen of `semsig run`: reads what the host offers, twice a second, and hears keys. Nothing it does can
hold up a candle: what the terminal does not take at once is dropped and drawn again."""

import asyncio
import atexit
import logging
import os
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
from rich.console import Console
from rich.text import Text

from ..domain.decision import Decision
from ..domain.ledger import Closing
from ..logic.show import views
from .actions import Actions, Browse
from .diary import Damped
from .keys import LATE_S, Keys
from .lines import OneLine
from .screen import ASCII, Screen, drawn

if TYPE_CHECKING:
    from .host import Host

log = logging.getLogger("semsig")

REDRAWN_EACH_S = 0.5
# While history is lived through nobody tells of decisions: they are looked up so often.
LOOKED_UP_EACH_S = 2.0
# Others may write to a terminal too: now and then all of it is drawn anew.
ANEW_EACH_S = 30.0
# A terminal that takes nothing is left after so long.
FAREWELL_S = 0.3
KEPT, LEFT_BEHIND = 200, 10
# The other screen, no cursor, pasted text marked as such, no wrapping; and back.
ENTER = b"\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[?7l\x1b[2J"
LEAVE = b"\x1b[?2026l\x1b[?7h\x1b[?2004l\x1b[0m\x1b[?25h\x1b[?1049l"


def is_possible() -> bool:
    """A screen needs a terminal on both sides that can move its cursor."""
    if sys.platform == "win32" or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return not Console().is_dumb_terminal


class Tty:
    """The terminal, entered and left as often as need be, and always left as it was found."""

    def __init__(self) -> None:
        self._keys, self._shown = sys.stdin.fileno(), sys.stdout.fileno()
        self._console = Console(force_terminal=True, markup=False, emoji=False, highlight=False, width=1000)
        self._is_plain = "utf" not in self._console.encoding
        self._out = _unblocking(self._shown)
        self._before: Any = None
        self._lines: list[Any] = []
        self.is_entered, self.is_dead = False, False

    @property
    def size(self) -> tuple[int, int]:
        """Columns, lines."""
        try:
            columns, lines = os.get_terminal_size(self._shown)
        except OSError:
            return 80, 24
        return (columns or 80, lines or 24)

    def is_ours(self) -> bool:
        """False in the background of a shell."""
        try:
            return os.tcgetpgrp(self._keys) == os.getpgrp()
        except OSError:
            return True

    def enter(self) -> None:
        import termios
        import tty

        if self._before is None:
            self._before = termios.tcgetattr(self._keys)
        tty.setcbreak(self._keys, termios.TCSANOW)
        self.is_entered = True
        self._write(ENTER)
        self.anew()

    def leave(self) -> None:
        import termios

        if not self.is_entered:
            return
        self.is_entered = False
        if not self.is_ours():  # another program's by now, which we would disturb, and be stopped for it
            return
        deadline, left = time.monotonic() + FAREWELL_S, LEAVE
        while left and time.monotonic() < deadline:
            select.select((), (self._out,), (), FAREWELL_S / 10)
            left = left[self._write(left) :]
        self.is_dead = bool(left)
        try:
            termios.tcsetattr(self._keys, termios.TCSANOW, self._before)
            termios.tcflush(self._keys, termios.TCIFLUSH)
        except termios.error:  # it hung up
            pass

    def close(self) -> None:
        self.leave()
        if self._out != self._shown:
            os.close(self._out)
            self._out = self._shown

    def anew(self) -> None:
        """Nothing is known of what stands there."""
        self._lines = []

    def read(self) -> bytes:
        """Empty when it hung up."""
        try:
            return os.read(self._keys, 1024)
        except OSError:
            return b""

    def paint(self, lines: list[Text], width: int) -> None:
        """Only what changed, and in one go."""
        frame = []
        known = [(line.plain, line.style, tuple(line.spans)) for line in lines]
        for row, key in enumerate(known):
            if row >= len(self._lines) or self._lines[row] != key:
                rest = "\x1b[K" if lines[row].cell_len < width else ""
                frame.append(f"\x1b[{row + 1};1H\x1b[0m{self._ansi(lines[row])}{rest}")
        if not frame:
            return
        cleared = "" if self._lines else "\x1b[2J"
        text = f"\x1b[?2026h{cleared}{''.join(frame)}\x1b[?2026l"
        content = text.translate(ASCII).encode("ascii", "replace") if self._is_plain else text.encode(errors="replace")
        self._lines = known if self._write(content) == len(content) else []

    def _ansi(self, line: Text) -> str:
        with self._console.capture() as got:
            self._console.print(line, end="", no_wrap=True, overflow="ignore", crop=False)
        return got.get()

    def _write(self, content: bytes) -> int:
        """How much was taken at once."""
        try:
            if not select.select((), (self._out,), (), 0)[1]:
                return 0
            return os.write(self._out, content)
        except OSError:
            return 0


def _unblocking(fd: int) -> int:
    """The same terminal, opened once more: to write without waiting must not change how the shell and others write."""
    try:
        return os.open(os.ttyname(fd), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return fd


class Tail(logging.Handler):
    """The newest lines of the log."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(OneLine("%(asctime)s %(message)s", "%H:%M:%S"))
        self.addFilter(Damped())
        self.lines: deque[str] = deque(maxlen=KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def _kept(tty: Tty) -> Iterator[Tail]:
    """Lines of the log go to the screen instead of across it, and the last of them stay behind; a log that goes to a
    file goes there still. A terminal that takes nothing is told nothing more: whoever wrote there would wait."""
    tail, root = Tail(), logging.getLogger()
    across = [one for one in root.handlers if _is_across(one)]
    for one in across:
        root.removeHandler(one)
    root.addHandler(tail)
    try:
        yield tail
    finally:
        tty.close()
        if not tty.is_dead:
            root.removeHandler(tail)
            for one in across:
                root.addHandler(one)
            if across and tty.is_ours():
                sys.stderr.writelines(f"{line}\n" for line in list(tail.lines)[-LEFT_BEHIND:])
                sys.stderr.flush()


def _is_across(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and bool(getattr(handler.stream, "isatty", bool)())


@dataclass(slots=True)
class _Said:
    text: str = ""
    until_s: float = 0.0


class View:
    """What is known of the room, and a face for the keys."""

    def __init__(self, room: "Host", address: str, *, yes: bool, browse: Browse | None = None) -> None:
        self._room, self._address = room, address
        self.actions = Actions(room, address, self, yes=yes, browse=browse)
        self._prices: dict[str, Decimal] = {}
        self._decided: dict[str, views.DecisionView] = {}
        self._last_trade: views.TradeView | None = None
        self._look_up_at_s: float | None = 0.0
        self._said, self.is_helping = _Said(), False
        self._told = room.notifier.join()

    def close(self) -> None:
        self._room.notifier.leave(self._told)

    async def screen(self, log_lines: tuple[str, ...]) -> Screen:
        room = self._room
        health, portfolio = room.health(), await room.on.ledger.portfolio()
        await self._hear(is_history=health.status == "starting")
        prices = {pair: price for pair in room.settings.pairs if (price := self._prices.get(str(pair)))}
        now = views.minute(health.now, portfolio, prices)
        return Screen(
            health, self._address, now.positions, now.equity_quote, portfolio.account.start_quote,
            portfolio.peak_equity_quote, portfolio.closed_trades, tuple(self._decided.values()), self.actions.chosen,
            self._last_trade, self._said.text if time.monotonic() < self._said.until_s else "", log_lines,
            self.is_helping,
        )  # fmt: skip

    async def _hear(self, *, is_history: bool) -> None:
        """What was told since; and at first, and in history, what stands in the ledger."""
        pairs, is_closed = set[str](), False
        while not self._told.empty():
            message = self._told.get_nowait()
            if message is None:  # too far behind: from here on anew
                self._told, self._look_up_at_s = self._room.notifier.join(), 0.0
                break
            fact = orjson.loads(message)
            if fact["kind"] == "MinutePassed":
                self._prices |= {row["symbol"]: Decimal(row["price"]) for row in fact["prices"]}
            elif fact["kind"] == "DecisionMade":
                pairs.add(fact["decision"]["symbol"])
            is_closed |= fact["kind"] == "PositionClosed"
        if self._look_up_at_s is not None and (not is_history or time.monotonic() >= self._look_up_at_s):
            pairs, is_closed = set(self._room.settings.symbols), True
            self._look_up_at_s = time.monotonic() + LOOKED_UP_EACH_S if is_history else None
        await self._look_up(pairs)
        if is_closed:
            newest = await self._room.on.ledger.entries(kinds=("PositionClosed",), limit=1, newest_first=True)
            if newest and isinstance(done := newest[0].subject, Closing):
                self._last_trade = views.trade(done.trade)

    async def _look_up(self, pairs: set[str]) -> None:
        for pair in self._room.settings.pairs:
            if str(pair) in pairs:
                newest = await self._room.on.ledger.entries(
                    kinds=("DecisionMade",), symbol=pair, limit=1, newest_first=True
                )
                if newest and isinstance(made := newest[0].subject, Decision):
                    self._decided[str(pair)] = views.decision(made)
        self._decided = {pair: self._decided[pair] for pair in self._room.settings.symbols if pair in self._decided}

    def say(self, text: str, for_s: float) -> None:
        self._said = _Said(text, time.monotonic() + for_s)

    def chose(self, pair: str) -> None:
        """It is marked."""

    def help(self) -> None:
        self.is_helping = not self.is_helping


async def show(room: "Host", address: str, *, yes: bool, browse: Browse | None = None) -> None:
    """Until the room stops or this is canceled; the terminal is left as it was, whatever happens."""
    tty = Tty()
    atexit.register(tty.close)
    with _kept(tty) as tail:
        view = View(room, address, yes=yes, browse=browse)
        try:
            await _Shown(tty, view, tail, room.stop).turn()
        finally:
            view.close()
    atexit.unregister(tty.close)


class _Shown:
    """The crank of a screen: keys, signals, and two pictures a second."""

    def __init__(self, tty: Tty, view: View, tail: Tail, stop: asyncio.Event) -> None:
        self._tty, self._view, self._tail, self._stop = tty, view, tail, stop
        self._loop = asyncio.get_running_loop()
        self._woken, self._keys = asyncio.Event(), Keys()
        self._pressed: deque[str] = deque()
        self._anew_at_s = self._heard_at_s = 0.0

    async def turn(self) -> None:
        stopped = asyncio.create_task(self._stop.wait())
        try:
            self._signals(is_heard=True)
            self._enter()
            while not self._stop.is_set():
                await self._drawn()
                woken = asyncio.create_task(self._woken.wait())
                try:
                    await asyncio.wait({woken, stopped}, timeout=REDRAWN_EACH_S, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    woken.cancel()
        finally:
            stopped.cancel()
            self._loop.remove_reader(sys.stdin.fileno())
            self._signals(is_heard=False)

    async def _drawn(self) -> None:
        self._woken.clear()
        if self._keys.is_waiting and self._loop.time() - self._heard_at_s > LATE_S:
            self._pressed.extend(self._keys.late())
        while self._pressed:
            await self._press(self._pressed.popleft())
        if not (self._tty.is_entered and self._tty.is_ours()):
            self._resume()
        if not self._tty.is_entered:
            return
        if self._loop.time() >= self._anew_at_s:
            self._anew()
        screen = await self._view.screen(tuple(self._tail.lines))
        if self._tty.is_entered:
            width, height = self._tty.size
            self._tty.paint(drawn(screen, width, height), width)

    async def _press(self, key: str) -> None:
        if key == "anew":
            self._anew()
        else:
            await self._view.actions.press(key)

    def _anew(self) -> None:
        self._tty.anew()
        self._anew_at_s = self._loop.time() + ANEW_EACH_S
        self._woken.set()

    def _enter(self) -> None:
        """Not while another program has the terminal: reading or setting it would stop us."""
        if self._tty.is_ours():
            self._tty.enter()
            self._loop.add_reader(sys.stdin.fileno(), self._read)
            self._anew()

    def _leave(self) -> None:
        self._loop.remove_reader(sys.stdin.fileno())
        self._tty.leave()

    def _read(self) -> None:
        content = self._tty.read()
        if not content:
            self._loop.remove_reader(sys.stdin.fileno())
        self._pressed.extend(self._keys.heard(content))
        self._heard_at_s = self._loop.time()
        self._woken.set()

    def _signals(self, *, is_heard: bool) -> None:
        hearers = {
            signal.SIGWINCH: self._anew, signal.SIGTSTP: self._suspend, signal.SIGCONT: self._resume,
            signal.SIGQUIT: self._abort,
        }  # fmt: skip
        for number, hear in hearers.items():
            if not is_heard:
                self._loop.remove_signal_handler(number)
            elif signal.getsignal(number) is not signal.SIG_IGN:
                self._loop.add_signal_handler(number, hear)

    def _suspend(self) -> None:
        """The shell gets its terminal back before we stop, and we ours when we go on."""
        self._leave()
        os.kill(os.getpid(), signal.SIGSTOP)

    def _resume(self) -> None:
        """Who stopped us unasked may have changed the terminal meanwhile."""
        if self._tty.is_ours():
            self._enter()
        elif self._tty.is_entered:
            self._tty.is_entered = False
            self._loop.remove_reader(sys.stdin.fileno())

    def _abort(self) -> None:
        self._leave()
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGQUIT)
