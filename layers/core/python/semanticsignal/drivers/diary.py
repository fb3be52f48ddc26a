"""The log of a home: a file within bounds that holds up nobody, no line over and over, no secret."""

import json
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import copy
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path
from queue import Full, Queue
from typing import Any

FOLDER, NAME = "logs", "semsig.log"
# Five files of 5 MB; more lines than wait at once are not written.
LARGEST, OLDER, WAITING = 5_000_000, 4, 10_000
# How soon the same is told again: the same words, and what is about the same.
AGAIN_S, ABOUT_AGAIN_S, REMEMBERED, CLOSES_WITHIN_S = 60.0, 300.0, 500, 1.0
# Where something came from, for the file alone.
stacks = logging.getLogger("semsig.stacks")


class Damped(logging.Filter):
    """A warning or an error is told once a minute at the most, then with how often it was not. One that names what it
    is `about` is told once in five minutes, however its words change. `has_stacks`: whether this is a place for
    them."""

    def __init__(self, *, has_stacks: bool = False, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._has_stacks, self._now = has_stacks, now
        self._told: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == stacks.name and not self._has_stacks:
            return False
        if record.levelno < logging.WARNING:
            return True
        about = getattr(record, "about", None)
        again_s = AGAIN_S if about is None else ABOUT_AGAIN_S
        key, now = f"{record.name} {record.getMessage() if about is None else ('about', about)}", self._now()
        at, withheld = self._told.get(key, (-again_s, 0))
        if now - at < again_s:
            self._told[key] = (at, withheld + 1)
            return False
        self._told[key] = (now, 0)
        self._told.move_to_end(key)
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        record.withheld = withheld
        return True


class Lines(logging.Formatter):
    """A JSON object a line, whatever the words are."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told: dict[str, Any] = {
            "at": at, "level": record.levelname, "logger": record.name, "message": record.getMessage(),
        }  # fmt: skip
        if about := getattr(record, "about", None):
            told["about"] = about
        if withheld := getattr(record, "withheld", 0):
            told["withheld"] = withheld
        stack = record.exc_text or (self.formatException(record.exc_info) if record.exc_info else None)
        return json.dumps(told | ({"stack": stack.splitlines()} if stack else {}), ensure_ascii=False)


class _File(RotatingFileHandler):
    """A disk that takes nothing costs lines and nothing else."""

    def _open(self) -> Any:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - as the library calls it
        del record
        with suppress(OSError, ValueError):
            if self.stream:
                self.stream.close()
        self.stream = None  # opened anew with the next line


class _Waiting(QueueHandler):
    """Whoever logs waits for no disk; what does not fit is not written."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return copy(record)  # the words are made already, and a stack is text

    def enqueue(self, record: logging.LogRecord) -> None:
        with suppress(Full):
            super().enqueue(record)


@contextmanager
def unsaid(hides: Callable[[str], str]) -> Iterator[None]:
    """While it lasts no record of any logger holds what `hides` leaves out, in its words or in its stack."""
    made, plain = logging.getLogRecordFactory(), logging.Formatter()

    def record(*values: Any, **more: Any) -> logging.LogRecord:
        told = made(*values, **more)
        try:
            words = told.getMessage()
        except (TypeError, ValueError):  # of a library that miscounts; its words are better than none
            words = f"{told.msg} {told.args}"
        told.msg, told.args = hides(words), ()
        if told.exc_info and told.exc_info[0]:
            told.exc_text, told.exc_info = hides(plain.formatException(told.exc_info)), None
        return told

    def died(wrong: threading.ExceptHookArgs) -> None:
        if wrong.exc_value is not None:
            name = wrong.thread.name if wrong.thread else "a thread"
            log = logging.getLogger("semsig")
            log.error("a defect in %s: %r", name, wrong.exc_value, exc_info=wrong.exc_value)

    before = threading.excepthook
    logging.setLogRecordFactory(record)
    threading.excepthook = died
    try:
        yield
    finally:
        threading.excepthook = before
        logging.setLogRecordFactory(made)


@contextmanager
def kept(home: Path, largest: int = LARGEST) -> Iterator[Path]:
    """While it lasts all that is logged goes into a file of the home too."""
    path = home / FOLDER / NAME
    file = _File(path, maxBytes=largest, backupCount=OLDER, encoding="utf-8", errors="backslashreplace", delay=True)
    file.setFormatter(Lines())
    waiting: Queue[Any] = Queue(WAITING)
    taken, listener = _Waiting(waiting), QueueListener(waiting, file)
    taken.addFilter(Damped(has_stacks=True))
    root = logging.getLogger()
    root.addHandler(taken)
    listener.start()
    try:
        yield path
    finally:
        root.removeHandler(taken)
        ends = threading.Thread(target=_ended, args=(listener, file), daemon=True)
        ends.start()
        ends.join(CLOSES_WITHIN_S)
        if ends.is_alive():  # a disk that hangs keeps nobody, nor whoever closes all handlers at the very end
            file.lock = None


def _ended(listener: QueueListener, file: logging.Handler) -> None:
    with suppress(Full):
        listener.stop()
        file.close()
