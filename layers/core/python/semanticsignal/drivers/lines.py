"""Words of others, made fit for a terminal."""

import logging


def one_line(text: str) -> str:
    """Words of others on a terminal: no line of their own, no escape that moves the cursor."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


class OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return one_line(super().format(record))
