"""Single keys of a terminal, without waiting for Enter: POSIX terminals and the Windows console."""

import asyncio
import atexit
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

Pressed = Callable[[str], Awaitable[None]]


async def listen(pressed: Pressed) -> None:
    """Until canceled. Without a terminal nothing is read, and nothing blocks."""
    if not sys.stdin.isatty():
        return
    if sys.platform == "win32":
        await _windows(pressed)
        return
    keys: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    # Not through sys.stdin: its buffer would swallow a second key that came with the first.
    terminal = sys.stdin.fileno()

    def heard() -> None:
        for key in os.read(terminal, 64).decode(errors="ignore"):
            keys.put_nowait(key)

    with _unbuffered():
        loop.add_reader(terminal, heard)
        try:
            while True:
                await pressed((await keys.get()).lower())
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
