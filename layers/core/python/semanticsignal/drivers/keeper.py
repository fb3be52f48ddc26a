"""Keeps the memory of a home alive: starts its Chroma, watches it, and mends what it lost from the ledger."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from .. import wiring
from ..domain.errors import LeaseLost, MemoryUnavailable, SemanticSignalError
from ..domain.policy import Settings
from . import disk, tenure

log = logging.getLogger("semsig")

TICK_S, LOOK_S, LONGEST_S, READY_S = 1.0, 30.0, 60.0, 3.0
READY_LOOK_S = 0.02
# What goes wrong so often in a row is answered with a new start, with a new folder, with the index in this process.
RESTART, AFRESH, GIVEN_UP = 2, 4, 8


class Keeper:
    """`said`: is told what is wrong with memory, and with nothing when it is well again."""

    def __init__(self, room: wiring.HomeMemory, said: Callable[[str], None], tick_s: float = TICK_S) -> None:
        self._room, self._said, self._tick_s = room, said, tick_s
        self._wrong = 0

    async def keep(self) -> None:
        """Until it is cancelled, or Chroma is given up."""
        if not wiring.has_chroma():
            await self._give_up("the package chromadb is not installed")
            return
        while self._wrong < GIVEN_UP:
            try:
                await self._mended()
            except LeaseLost:
                raise
            except MemoryUnavailable as wrong:
                await self._worse(str(wrong))
            except SemanticSignalError as wrong:
                self._said(str(wrong))
                await asyncio.sleep(self._tick_s)
            else:
                self._wrong = 0
                self._said("")
                await self._rested()
        words = self._room.server.log
        await self._give_up(f"Chroma does not start or does not answer, {words} says more")

    @property
    def is_ours(self) -> bool:
        """Whether the home is, whose memory is kept."""
        try:
            self._room.server.permitted()
        except LeaseLost:
            return False
        return True

    async def _mended(self) -> None:
        room = self._room
        if not room.server.is_up:
            room.server.permitted()
            room.memory.is_whole = False  # nobody waits for it, or asks it, while it starts
            if room.server.pid is not None:
                log.warning("memory: Chroma has ended, or its folder is gone; it starts again")
            await room.server.start()
            room.memory.memory.move(room.server.url)
        came = await room.memory.mend()
        if came:
            log.info("memory: %d entries taken in from the ledger", came)

    async def _worse(self, why: str) -> None:
        if disk.is_full(self._room.server.folder.parent):
            # no new start and no new folder helps
            self._said(f"{why}; the disk is full")
            await asyncio.sleep(self._tick_s)
            return
        self._wrong += 1
        self._said(why)
        if self._wrong == AFRESH:
            with suppress(MemoryUnavailable):
                there = await self._room.server.set_aside()
                log.warning("memory starts afresh and is filled from the ledger; what was there is kept as %s", there)
        elif self._wrong >= RESTART:
            await self._room.server.stop()
        await asyncio.sleep(min(self._tick_s * 2 ** (self._wrong - 2), LONGEST_S))

    async def _rested(self) -> None:
        """Until it is time to look again, or something is wrong."""
        for _ in range(int(LOOK_S / TICK_S)):
            if not self._room.server.is_up or not self._room.memory.is_whole:
                return
            await asyncio.sleep(self._tick_s)

    async def _give_up(self, why: str) -> None:
        await self._room.server.stop()
        await wiring.embed(self._room)
        self._said(f"{why}: the index in this process stands in")


async def ready(room: wiring.HomeMemory | None, patience_s: float = READY_S) -> None:
    """A moment for memory to be whole, so that the next decision has it; who fills for minutes is not waited for."""
    for _ in range(int(patience_s / READY_LOOK_S)):
        if room is None or room.memory.instead or (room.memory.is_whole and room.server.is_up):
            return
        await asyncio.sleep(READY_LOOK_S)


@asynccontextmanager
async def kept(room: wiring.HomeMemory | None, said: Callable[[str], None]) -> AsyncIterator[None]:
    """Memory lives as long as this."""
    if room is None:
        yield
        return
    keeping = asyncio.create_task(_reported(Keeper(room, said), said))
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await room.server.stop()
        await room.memory.memory.close()


async def _reported(keeper: Keeper, said: Callable[[str], None]) -> None:
    try:
        await keeper.keep()
    except LeaseLost as wrong:
        if keeper.is_ours:  # else the memory of this home is somebody else's to keep
            said(f"{wrong}: decisions are made without memory")
    except Exception as wrong:
        said(f"a defect: {wrong!r}")


async def rebuilt(settings: Settings) -> int:
    """On a home that nobody runs: the index anew from the ledger; how many experiences there are.

    Raises AlreadyRunning, BadInput, MemoryUnavailable."""
    held = wiring.resting(Path(settings.home), settings, tenure.renews_s(settings))
    try:
        room = wiring.home_memory(settings, held)
        async with tenure.renewed(held):
            return await _rebuilt(room) if room else 0
    finally:
        held.close()


async def _rebuilt(room: wiring.HomeMemory) -> int:
    server = room.server
    try:
        try:
            await server.start()
        except MemoryUnavailable:
            await server.set_aside()
            await server.start()
        room.memory.memory.move(server.url)
        return await room.memory.memory.rebuild(room.ledger)
    finally:
        await server.stop()
        await room.memory.memory.close()
