"""Takes a home, also over from a process that was stopped, and renews its lease for as long as this one lives."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from math import ceil
from pathlib import Path
from socket import socket

from .. import wiring
from ..domain.errors import AlreadyRunning, BadInput, LeaseLost, LedgerUnavailable, Silent
from ..domain.lease import Lease
from ..domain.policy import Settings
from ..ports import Clock
from . import web

log = logging.getLogger("semsig")

RENEWED_EACH_S = 2.0
# Of the silence that is waited for: a holder that is slow for a while is no holder that stands still.
SIGNS = 6
# How often a newcomer looks, and how long it looks without a word: a living holder is found out before.
LOOK_S, QUIET_S = 0.25, 6.0


def renews_s(settings: Settings) -> float:
    return min(RENEWED_EACH_S, settings.takeover_s / SIGNS)


async def taken(settings: Settings, holds: str, listener: socket, clock: Clock) -> wiring.Home:
    """Raises AlreadyRunning as soon as its holder gives a sign of life; BadInput, LedgerUnavailable."""
    port = listener.getsockname()[1]
    wish = wiring.Wish(renews_s(settings), port)
    try:
        held = _tried(settings, holds, wish)
    except Silent as silent:
        held = await _outwaited(settings, holds, (wish, silent.lease), clock)
    if port != settings.port:
        log.warning("port %d is still taken, so the dashboard is on port %d", settings.port, port)
    return held


def _tried(settings: Settings, holds: str, wish: wiring.Wish) -> wiring.Home:
    return wiring.home(Path(settings.home), settings, holds, is_durable=False, wish=wish)


async def _outwaited(settings: Settings, holds: str, claim: tuple[wiring.Wish, Lease], clock: Clock) -> wiring.Home:
    """Looks are counted, not time: while this machine sleeps nobody looks, and when it wakes a holder that slept too
    has its turn before the wait is over."""
    wish, lease = claim
    wait_s = max(settings.takeover_s, SIGNS / 2 * lease.renews_s)
    for look in range(ceil(wait_s / LOOK_S)):
        if look == int(min(QUIET_S, wait_s / 2) / LOOK_S):
            silent = (settings.home, lease.holder, wait_s - look * LOOK_S)
            log.warning("home %s is held by %s, which gives no sign of life; it is taken over in %.0f s", *silent)
        await clock.sleep(LOOK_S)
        try:
            return _tried(settings, holds, wish)
        except Silent as other:
            if other.lease != lease:
                raise AlreadyRunning(str(other)) from None
    try:
        held = _tried(settings, holds, wish._replace(over=lease))
    except LedgerUnavailable as wrong:
        said = f"pid {lease.pid} was stopped in the middle of a write, end it first (kill -9 {lease.pid})"
        raise LedgerUnavailable(f"{wrong}; {said}") from wrong
    log.warning("home %s is taken over from pid %d, which can write there no more", settings.home, lease.pid)
    return held


def _logged(problem: str) -> None:
    if problem:
        log.warning("%s", problem)


@asynccontextmanager
async def renewed(
    held: wiring.Home, lost: Callable[[], None] = lambda: None, said: Callable[[str], None] = _logged
) -> AsyncIterator[None]:
    """Our lease, as long as this lasts. `lost` is told when it is another's; `said`, why it cannot be renewed."""
    task = asyncio.create_task(_renewing(held, lost, said))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _renewing(held: wiring.Home, lost: Callable[[], None], said: Callable[[str], None]) -> None:
    while True:
        try:
            held.ledger.renew()
            said("")
        except LeaseLost:
            lost()
            return
        except LedgerUnavailable as wrong:
            said(f"the lease of this home cannot be renewed: {wrong}")
        await asyncio.sleep(held.lease.renews_s)


def listener(settings: Settings, *, is_given: bool) -> socket:
    """Where the dashboard listens. A stopped run still has its port: who takes its home over and was given none takes
    a free one. Raises BadInput when it is taken, AlreadyRunning when that is by the holder of this home."""
    path = Path(settings.home)
    try:
        return web.bound(settings.port)
    except BadInput:
        lease, _ = wiring.lease_of(path)
        if lease is None or lease.port != settings.port or not wiring.is_locked(path, lease):
            raise
        if is_given:
            said = f"another semsig ({lease.holder}) has this home and port {lease.port}, was {path}; stop it"
            mend = f"or, where it stands still, give another --port or end it (kill -9 {lease.pid})"
            raise AlreadyRunning(f"{said}, {mend}") from None
    return web.bound(0)
