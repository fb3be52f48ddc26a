"""An instance from its first moment to its last: its home, its world, its host, and the crank that turns it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from socket import socket
from typing import Any, NamedTuple

from .. import wiring
from ..domain.errors import LedgerUnavailable
from ..domain.policy import Settings
from . import allocator, diary, keeper, pace, tenure, web, worlds
from .costs import limits
from .farewell import Farewell
from .host import Host
from .past import Past, Stopped, insisted

log = logging.getLogger("semsig")

PATIENCE_S = 1.5

Ready = Callable[[Host, str], Any]
Made = Callable[[AsyncExitStack, Settings, wiring.Home], Awaitable[wiring.World]]


class Where(NamedTuple):
    """The market and its speed. `world`: who makes it, where it is not the usual one."""

    market: str
    speed: str | None
    world: Made | None = None


async def run(
    settings: Settings, where: tuple[str, str | None], ready: Ready, *, bye: Farewell, is_port_given: bool = True
) -> None:
    """Everything until it is told to stop, from its first moment on. `where`: the market and its speed. `ready` is told
    the address. Raises BadInput, AlreadyRunning; LeaseLost when another process took the home over meanwhile."""
    bye.cancels()
    lost: wiring.Home | None = None
    try:
        async with AsyncExitStack() as stack:
            listener = tenure.listener(settings, is_given=is_port_given)
            stack.callback(listener.close)
            lost = await lived(stack, settings, Where(*where), (listener, ready), bye)
    except asyncio.CancelledError:
        if not bye.heard:
            raise
        log.info("stopped before it was running; the next start goes on from here")
    if lost:
        raise lost.lost()


async def lived(
    stack: AsyncExitStack,
    settings: Settings,
    where: Where,
    door: tuple[socket, Ready],
    bye: Farewell,
) -> wiring.Home | None:
    """The home, where it was lost."""
    allocator.gives_back()
    (market, speed, world), (listener, ready) = where, door
    wiring.discord(settings, wiring.system_clock())  # refused before there is a home
    settings = worlds.suited(settings, market, speed)
    worlds.factor_of(settings, speed)
    recorded = None if market in ("simulated", "live") else wiring.tape(Path(market), settings)
    held = await tenure.taken(settings, worlds.holds(settings, market), listener, wiring.system_clock())
    stack.callback(held.close)
    stack.enter_context(diary.kept(held.path))
    asked, settings = frozenset(settings.pairs), await worlds.with_open_pairs(settings, held, recorded)
    made = world(stack, settings, held) if world else worlds.made(stack, settings, (market, recorded), speed, held)
    host = Host(settings, held, await made, leaving=frozenset(settings.pairs) - asked)
    await stack.enter_async_context(tenure.renewed(held, host.lose, host.renewal))
    stack.enter_context(host.watchdog.listening())
    site = web.site(host, host.notifier, host.world.purse, lambda: limits(settings, host.real.now()))
    address = await stack.enter_async_context(web.served(site, listener))
    stack.callback(host.notifier.close)
    if host.office:
        await stack.enter_async_context(host.office.open())
    await stack.enter_async_context(keeper.kept(host.memory, host.remembers))
    if host.memory:
        bye.tidies.append(host.memory.server.kill)
    bye.stops(host.stop.set)
    ready(host, address)
    with host.losing():
        await until_stopped(host, bye)
        if not host.is_lost:
            _note_clock(host)
    return held if host.is_lost else None


def _note_clock(host: Host) -> None:
    try:
        host.held.ledger.set_note("clock", host.world.clock.now().isoformat())
    except LedgerUnavailable as wrong:
        log.warning("where the clock stood is not noted, so it goes on from what was written last: %s", wrong)


async def until_stopped(host: Host, bye: Farewell) -> None:
    """A stop is heard at once, also while history is fetched; what runs then has a moment to end by itself."""
    life = asyncio.create_task(_life(host))
    stopped = asyncio.create_task(host.stop.wait())
    await asyncio.wait({life, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if host.stop.is_set():  # else it failed, and ends with that
        bye.begin()
    await asyncio.wait({life}, timeout=PATIENCE_S)
    life.cancel()
    stopped.cancel()
    try:
        await life
    except (Stopped, asyncio.CancelledError):
        if host.is_lost:
            return
        if host.health().status == "starting":
            log.info("stopped before it was running; the next start goes on from here")
        else:
            log.info("stopped in the middle of a candle; the next start looks at it again")


async def _life(host: Host) -> None:
    """History first, then candle after candle until `stop`."""
    if host.memory is None:
        await wiring.remember(host.held.ledger, host.on.memory)
    await Past(host).lived()

    async def durable() -> None:
        host.held.ledger.make_durable()

    await insisted(host, durable)
    host.world.clock.start()
    await keeper.ready(host.memory)
    crank = pace.crank(host)
    await host.patiently(crank.recovered())
    host.runs()
    try:
        await crank.turn()
    finally:
        await host.ended()
