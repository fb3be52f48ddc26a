"""A replay that dies: `python -m tests.replay.dying FOLDER HOME DIE_AFTER TWICE`.

After that many ledger writes it kills itself with SIGKILL, between the write and whatever would have been told of it.
With TWICE every candle and every minute is told twice. Without dying it prints the ledger's hash and trades."""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from semanticsignal import wiring
from semanticsignal.domain.events import CandleClosed, MinutePassed
from semanticsignal.domain.policy import Memory, Settings
from semanticsignal.drivers import replay
from semanticsignal.drivers.loop import Loop
from tests.tape import START

PAIRS = ("BTC/USDT", "ETH/USDT")
FIRST, LAST = timedelta(hours=4 * 260), timedelta(hours=4 * 700)


class Mortal:
    """A ledger that dies right after a write: acknowledged on the disk, told to nobody."""

    def __init__(self, ledger: Any, writes: int) -> None:
        self._ledger, self._left = ledger, writes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def record(self, entry: Any) -> Any:
        return self._lived(await self._ledger.record(entry))

    async def settle(self, entry: Any, before: Any, after: Any) -> Any:
        return self._lived(await self._ledger.settle(entry, before, after))

    def _lived(self, written: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return written


class Twice(Loop):
    """At least once is what a bus promises; here it is always twice."""

    async def run(self, fact: Any) -> Any:
        told = await super().run(fact)
        if isinstance(fact, CandleClosed | MinutePassed):
            for again in told:
                await super().run(again)
        return told


async def main(folder: Path, home: Path, die_after: int, is_twice: bool) -> None:
    settings = Settings(symbols=PAIRS, memory=Memory(reflect_every=3, min_wins=1, min_losses=1))
    plan = replay.Plan(settings, START + FIRST, START + LAST)
    tape = wiring.tape(folder, settings)
    held = wiring.home(home, settings, plan.holds(tape), is_durable=True)
    rig = wiring.replayed(settings, tape, Mortal(held.ledger, die_after), plan.since, wiring.model(settings))  # type: ignore[arg-type]
    if is_twice:
        replay.Loop = Twice  # type: ignore[misc]
    await replay.walk(rig, plan, replay.closes(tape, plan))
    trades, entries = (await held.ledger.portfolio()).closed_trades, await held.ledger.last_seq()
    sys.stdout.write(f"{held.ledger.digest()} {trades} {entries}\n")


asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "twice"))
