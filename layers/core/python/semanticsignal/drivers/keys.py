"""Single keys of a terminal, without waiting for Enter: POSIX terminals and the Windows console."""

import asyncio
import atexit
import os
import re
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

Pressed = Callable[[str], Awaitable[None]]
# The rest of a key that came in parts is waited for so long.
LATE_S = 0.25
ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O[@-~]|[^\[O]|$)|\x1b[\[O]")
# All of it so far, and no end of it yet.
BEGUN = re.compile(r"\x1b(?:\[[0-9;?]{0,16}[ -/]{0,4}|O)?")
NAMES = {
    "\x1b[A": "up", "\x1bOA": "up", "\x1b[B": "down", "\x1bOB": "down", "\x1b[C": "down", "\x1bOC": "down",
    "\x1b[D": "up", "\x1bOD": "up", "\x1b[Z": "up", "\t": "down", "\x0c": "anew",
}  # fmt: skip
PASTED, PASTED_END = "\x1b[200~", "\x1b[201~"


class Keys:
    """Bytes of a terminal → names of keys. Of a paste nothing is a key, and of an unknown sequence nothing either. What
    a slow line brings in parts waits for its rest."""

    def __init__(self) -> None:
        self._is_pasting = False
        self._begun = ""

    def late(self) -> list[str]:
        """Of what was begun no more came: Esc by itself is a key."""
        begun, self._begun = self._begun, ""
        return ["esc"] if begun == "\x1b" else []

    @property
    def is_waiting(self) -> bool:
        return bool(self._begun)

    def heard(self, content: bytes) -> list[str]:
        text, found = self._begun + content.decode(errors="ignore"), []
        self._begun = ""
        while text:
            if self._is_pasting:
                _, end, text = text.partition(PASTED_END)
                self._is_pasting = not end
            elif BEGUN.fullmatch(text):
                self._begun, text = text, ""
            elif text.startswith(PASTED):
                self._is_pasting, text = True, text.removeprefix(PASTED)
            elif escape := ESCAPE.match(text):
                found.append(NAMES.get(escape[0], ""))
                text = text[escape.end() :]
            else:
                found.append(NAMES.get(text[0], text[0].lower()))
                text = text[1:]
        return [key for key in found if key]


async def listen(pressed: Pressed) -> None:
    """Until canceled. Without a terminal nothing is read, and nothing blocks."""
    if not sys.stdin.isatty():
        return
    if sys.platform == "win32":
        await _windows(pressed)
        return
    heard, keys = asyncio.Queue[bytes](), Keys()
    loop = asyncio.get_running_loop()
    # Not through sys.stdin: its buffer would swallow a second key that came with the first.
    terminal = sys.stdin.fileno()

    async def pressed_next() -> list[str]:
        try:
            return keys.heard(await asyncio.wait_for(heard.get(), LATE_S if keys.is_waiting else None))
        except TimeoutError:
            return keys.late()

    with _unbuffered():
        loop.add_reader(terminal, lambda: heard.put_nowait(os.read(terminal, 64)))
        try:
            while True:
                for key in await pressed_next():
                    await pressed(key)
        finally:
            loop.remove_reader(terminal)


@contextmanager
def _unbuffered() -> Iterator[None]:
    import termios
    import tty

    restore = partial(_restored, termios.tcgetattr(sys.stdin))
    atexit.register(restore)  # for a process that is left in the middle
    tty.setcbreak(sys.stdin)
    try:
        yield
    finally:
        restore()
        atexit.unregister(restore)


def _restored(before: list[Any]) -> None:
    """Not in the background of a shell: to set the terminal there would stop us."""
    import termios

    try:
        is_ours = os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:  # no terminal that controls us
        is_ours = True
    if is_ours:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


async def _windows(pressed: Pressed) -> None:
    import msvcrt

    while True:
        while msvcrt.kbhit():  # type: ignore[attr-defined]
            await pressed(msvcrt.getwch().lower())  # type: ignore[attr-defined]
        await asyncio.sleep(0.1)
