"""The end of what lasts and is told to stop: within five seconds, whatever is under way, from its first moment on.

Loaded before all else: what takes long to load is loaded where it is used."""

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

# What is not over by then is left, as if the process were killed: what was acknowledged stands. The rest of five
# seconds is for the terminal and the children.
ENDS_WITHIN_S, TIDIES_WITHIN_S = 4.3, 0.4
# What tells it to stop; Windows knows no terminal that hangs up.
SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))
DONE, INTERRUPTED = 0, 1


class Farewell:
    """`code`: what it ends with. `heard`: the signals so far. `tidies`: what is to be done even by a process that is
    left in the middle; the last of it is what was registered for its exit, the terminal among it."""

    def __init__(
        self,
        code: int = DONE,
        leave: Callable[[int], Any] = os._exit,
        tidy: Callable[[], object] = atexit._run_exitfuncs,  # noqa: SLF001 - nobody else will ask for them
        within_s: float | None = None,
    ) -> None:
        self.heard: list[int] = []
        self.tidies: list[Callable[[], object]] = [tidy]
        self._code, self._leave, self._within_s = code, leave, ENDS_WITHIN_S if within_s is None else within_s
        self._stop: Callable[[], object] | None = None
        self._limit: threading.Timer | None = None

    @property
    def is_interrupted(self) -> bool:
        return signal.SIGINT in self.heard

    @contextmanager
    def listening(self, *, is_last: bool = False) -> Iterator["Farewell"]:
        """While it lasts a signal stops what `stops` says; before there is anything to stop it ends the process.
        `is_last`: all is done then, and what comes after would only spoil the exit code."""
        before = {number: signal.signal(number, self._hear) for number in _heeded()}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_IGN if is_last else handler)
            if self._limit:
                self._limit.cancel()

    def stops(self, stop: Callable[[], object]) -> None:
        """From now on that is how; told once more where it was told already. Called on the event loop."""
        import asyncio

        loop = asyncio.get_running_loop()
        self._stop = lambda: loop.call_soon_threadsafe(stop)
        if self.heard:
            stop()

    def cancels(self) -> None:
        """From now on the task that calls is canceled."""
        import asyncio

        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only a task can be canceled")
        self.stops(task.cancel)

    def begin(self) -> None:
        """The time runs, from the first time on."""
        if self._limit is None:
            self._limit = threading.Timer(self._within_s, self._out_of_time)
            self._limit.daemon = True
            self._limit.start()

    def _hear(self, number: int, _frame: object) -> None:
        """In the main thread, also while its loop is held up by work of its own."""
        self.heard.append(number)
        self.begin()
        if self._stop is None:
            self._end()
        with suppress(RuntimeError):  # the loop is closed: it is over
            self._stop()

    def _end(self) -> NoReturn:
        if self._code != DONE:
            sys.stderr.write("semsig: interrupted\n")
        sys.exit(self._code)

    def _out_of_time(self) -> None:
        tidying = threading.Thread(target=self._tidied, daemon=True)
        tidying.start()
        tidying.join(TIDIES_WITHIN_S)
        self._leave(self._code)

    def _tidied(self) -> None:
        for tidy in self.tidies[::-1]:
            with suppress(Exception):
                tidy()
        import logging

        logging.getLogger("semsig").warning(
            "stopped in the middle of something that did not end; what was written stands"
        )


def _heeded() -> list[signal.Signals]:
    """A terminal that is closed tells to stop, unless nohup said that it does not. Only the main thread can hear."""
    if threading.current_thread() is not threading.main_thread():
        return []
    return [one for one in SIGNALS if one in SIGNALS[:2] or signal.getsignal(one) is not signal.SIG_IGN]
