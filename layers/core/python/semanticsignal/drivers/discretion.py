"""What a command prints and what is raised, without a secret: words of others are among it."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from traceback import format_exception
from typing import Any

from ..domain.errors import SemanticSignalError
from ..logic.show.unsaid import Unsaid


class _Discreet:
    """A stream of text that says all but what is left out."""

    def __init__(self, stream: Any, hides: Callable[[str], str]) -> None:
        self._stream, self._hides = stream, hides

    def write(self, text: str) -> int:
        self._stream.write(self._hides(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # a way around
            raise AttributeError(name)
        return getattr(self._stream, name)


@contextmanager
def discreet(unsaid: Unsaid) -> Iterator[None]:
    """While it lasts nothing printed holds a secret of this machine, and no complaint anything that looks like one; nor
    does a defect, whose stack is printed when all is over."""
    shown: Any = _Discreet(sys.stdout, unsaid.known)
    complained: Any = _Discreet(sys.stderr, unsaid)
    with redirect_stdout(shown), redirect_stderr(complained), hushed(unsaid):
        yield


@contextmanager
def hushed(hides: Callable[[str], str]) -> Iterator[None]:
    """What is raised says no secret, nor does what led to it. What led to it is left out where it cannot be made to;
    what cannot itself is raised by its name alone, with what it may say."""
    try:
        yield
    except BaseException as wrong:  # an end by sys.exit or Ctrl-C is printed too
        _hush(wrong, hides)
        if _is_silent(wrong, hides):
            raise
        wrong.__cause__, wrong.__suppress_context__ = None, True
        if _is_silent(wrong, hides):
            raise
        raise SemanticSignalError(f"{type(wrong).__name__}: {hides(str(wrong))}") from None


def _is_silent(wrong: BaseException, hides: Callable[[str], str]) -> bool:
    """All that is printed of it but the stack: there stands our own code."""
    told = "".join(format_exception(wrong, limit=0))
    return hides(told) == told


def _hush(wrong: BaseException, hides: Callable[[str], str]) -> None:
    seen: set[int] = set()
    one: BaseException | None = wrong
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        one.args = tuple(hides(word) if isinstance(word, str) else word for word in one.args)
        if notes := getattr(one, "__notes__", None):
            one.__notes__ = [hides(str(note)) for note in notes]
        if isinstance(one, SystemExit) and not isinstance(one.code, int | None):
            one.code = hides(str(one.code))
        one = one.__cause__ or one.__context__
