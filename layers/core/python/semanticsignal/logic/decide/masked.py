"""A server's words without the key that it was shown, however JSON spells it there: as it came, and once it is read."""

import re
from typing import Any

MASK = "[key]"
# Between two letters of a key that was broken into lines. Nothing here is tried twice: 4 MB of blanks would take 100
# times as much.
BETWEEN = r"(?:\s|\\{1,4}+[nrt])*+"


class Masked:
    """Text without `key`; all of it where there is none."""

    def __init__(self, key: str) -> None:
        self._least = len(key)
        self._spelled = re.compile(BETWEEN.join(map(_spelled, key)), re.IGNORECASE) if key else None

    def __call__(self, text: str) -> str:
        return self._spelled.sub(MASK, text) if self._spelled and len(text) >= self._least else text

    def raw(self, content: bytes) -> bytes:
        return self(content.decode("latin-1")).encode("latin-1")

    def body(self, read: Any) -> Any:
        """What JSON held, names and all. None where it is nested too deep to be looked through."""
        try:
            return self._within(read)
        except RecursionError:
            return None

    def _within(self, thing: Any) -> Any:
        match thing:
            case str():
                return self(thing)
            case list():
                return [self._within(each) for each in thing]
            case dict():
                return {self(name): self._within(each) for name, each in thing.items()}
        return thing


def _spelled(letter: str) -> str:
    """A letter as it is, or as JSON may write it in a text, and in a text within a text."""
    codes = "|".join(f"{ord(each):04x}" for each in {letter, *letter.lower(), *letter.upper()})
    itself = r"\\{0,4}+/" if letter == "/" else re.escape(letter)
    return rf"(?:{itself}|\\{{1,4}}+u(?:{codes}))"
