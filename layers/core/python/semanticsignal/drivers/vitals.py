"""What a crank knows of itself, with what the ledger tells of every crank."""

from datetime import datetime
from typing import NamedTuple, Protocol

from .. import __version__
from ..domain.errors import MemoryUnavailable
from ..logic.show import vitals
from ..logic.show.surroundings import GapView
from ..ports import Sockets
from .figures import Figures

DAYS = 14


class Known(NamedTuple):
    """As in VitalsView; `unknown`: field → why it is None."""

    speed: float = 1.0
    started_at: datetime | None = None
    uptime_s: float | None = None
    last_minute_at: datetime | None = None
    problems: tuple[tuple[str, str], ...] = ()
    circuits: tuple[vitals.CircuitView, ...] | None = None
    watchdog: vitals.WatchdogView | None = None
    dead_letters: int | None = None
    deliveries: int | None = None
    kept_by: str = ""
    is_whole: bool | None = None
    ledger_bytes: int | None = None
    disk_free_bytes: int | None = None
    unknown: tuple[tuple[str, str], ...] = ()


class Patient(Protocol):
    on: Sockets
    figures: Figures

    def known(self) -> Known: ...


async def measured(room: Patient) -> vitals.VitalsView:
    """Asks the ledger for what is new in it, and memory for its count."""
    on, figures, known = room.on, room.figures, room.known()
    await figures.refresh()
    unknown = list(known.unknown)
    try:
        experiences: int | None = await on.memory.count(until=on.clock.now())
    except MemoryUnavailable as wrong:
        experiences = None
        unknown.append(("experiences", str(wrong)))
    return vitals.VitalsView(
        now=on.clock.now(),
        version=__version__,
        speed=known.speed,
        started_at=known.started_at,
        uptime_s=known.uptime_s,
        last_minute_at=known.last_minute_at,
        pairs=tuple(_pair(str(symbol), figures) for symbol in on.settings.pairs),
        days=vitals.days(figures.days.items(), DAYS),
        problems=tuple(GapView(*one) for one in known.problems),
        circuits=known.circuits,
        watchdog=known.watchdog,
        dead_letters=known.dead_letters,
        deliveries=known.deliveries,
        memory=vitals.MemoryVitalsView(known.kept_by, known.is_whole, experiences),
        ledger_entries=figures.seq,
        ledger_bytes=known.ledger_bytes,
        disk_free_bytes=known.disk_free_bytes,
        unknown=tuple(GapView(*one) for one in unknown),
    )


def _pair(symbol: str, figures: Figures) -> vitals.PairVitalsView:
    last = figures.last.get(symbol)
    if last is None:
        return vitals.PairVitalsView(symbol, None, None, None)
    return vitals.PairVitalsView(symbol, last.id, last.closed_at, last.decided_at)
