"""Whether a text gives orders to a model or to a machine that trades, or passes for something of ours."""

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from .skeleton import is_spaced, readings, turned

NAME = re.compile("<([A-Z_]+)>")
Patterns = tuple[re.Pattern[str], ...]


def is_order(text: str) -> bool:
    """However it is spelled."""
    spelled, torn = patterns()
    return any(
        is_spaced(reading)
        or _is_found(spelled, reading)
        or any(_is_found(torn, letters) for letters in turned(reading))
        for reading in readings(text)
    )


@cache
def patterns() -> tuple[Patterns, Patterns]:
    """Of words as they are spelled, and of letters alone. One by one: each is looked for from its own first words, many
    times faster than all as one."""
    told = tomllib.loads(files(__package__).joinpath("orders.toml").read_text(encoding="utf-8"))

    def whole(pattern: str) -> str:
        return NAME.sub(lambda name: whole(told["words"][name[1]]), pattern)

    spelled, torn = (tuple(re.compile(whole(pattern)) for pattern in told[key]) for key in ("spelled", "torn"))
    return spelled, torn


def _is_found(each: Iterable[re.Pattern[str]], text: str) -> bool:
    return any(pattern.search(text) for pattern in each)
