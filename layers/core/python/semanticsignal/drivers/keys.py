"""Single keys of a terminal, without waiting for Enter: POSIX terminals and the Windows console."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

Pressed = Callable[[str], Awaitable[None]]


async def listen(pressed: Pressed) -> None:
    """Until cancelled. Without a terminal nothing is read, and nothing blocks."""
    if not sys.stdin.isatty():
        return
    if sys.platform == "win32":
        await _windows(pressed)
        return
    keys: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    with _unbuffered():
        loop.add_reader(sys.stdin, lambda: keys.put_nowait(sys.stdin.read(1)))
        try:
            while True:
                await pressed((await keys.get()).lower())
        finally:
            loop.remove_reader(sys.stdin)


@contextmanager
def _unbuffered() -> Iterator[None]:
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


async def _windows(pressed: Pressed) -> None:
    import msvcrt

    while True:
        while msvcrt.kbhit():  # type: ignore[attr-defined]
            await pressed(msvcrt.getwch().lower())  # type: ignore[attr-defined]
        await asyncio.sleep(0.1)
