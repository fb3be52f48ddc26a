"""What a shell offers after Tab. Nothing is asked of anybody, and what goes wrong offers nothing."""

from collections.abc import Iterable
from typing import get_args

from ..domain.errors import BadInput
from ..domain.ledger import What
from ..domain.market import Timeframe
from ..domain.policy import Provider, Settings
from ..settings import load

MARKETS, LIVING = ("simulated", "live"), ("live", "simulated")
SPEEDS = ("1", "60", "720", "max")
SHELLS = ("bash", "zsh", "fish")


def begun(offered: Iterable[str], incomplete: str) -> list[str]:
    return [word for word in offered if word.startswith(incomplete)]


def listed(offered: Iterable[str], incomplete: str) -> list[str]:
    """The last of several with commas between them, each once."""
    before, comma, last = incomplete.rpartition(",")
    given = before.split(",")
    return [f"{before}{comma}{word}" for word in offered if word.startswith(last) and word not in given]


def symbol(incomplete: str) -> list[str]:
    """Those of the settings, in the spelling of the settings."""
    return begun(_pairs(), incomplete.upper())


def symbols(incomplete: str) -> list[str]:
    return listed(_pairs(), incomplete.upper())


def timeframe(incomplete: str) -> list[str]:
    return begun(Timeframe, incomplete)


def timeframes(incomplete: str) -> list[str]:
    return listed(Timeframe, incomplete)


def model(incomplete: str) -> list[str]:
    return begun((*get_args(Provider), "recorded:"), incomplete)


def market(incomplete: str) -> list[str]:
    return begun(MARKETS, incomplete)


def living(incomplete: str) -> list[str]:
    return begun(LIVING, incomplete)


def speed(incomplete: str) -> list[str]:
    return begun(SPEEDS, incomplete)


def shell(incomplete: str) -> list[str]:
    return begun(SHELLS, incomplete)


def table(incomplete: str) -> list[str]:
    return begun(What, incomplete)


def _pairs() -> list[str]:
    try:
        settings = load({}).settings
    except BadInput:
        settings = Settings()
    return list(dict.fromkeys((*settings.symbols, *settings.simulation.symbols)))
