"""Words of others, made fit for a terminal."""

import logging
from copy import copy


def one_line(text: str) -> str:
    """Words of others on a terminal: no line of their own, no escape that moves the cursor."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


class OneLine(logging.Formatter):
    """Without the stack, which is for a file; `withheld`: how often the same was not told meanwhile."""

    def format(self, record: logging.LogRecord) -> str:
        plain = copy(record)
        plain.exc_info = plain.exc_text = plain.stack_info = None
        withheld = getattr(record, "withheld", 0)
        return one_line(super().format(plain)) + (f" ({withheld} times more since)" if withheld else "")
