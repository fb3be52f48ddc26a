"""Killed after any write, and turned on again from the last mark: the ledger is the same, byte for byte."""

import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any

import pytest
from world import (
    BTC,
    ETH,
    H4,
    MONDAY,
    CycleModel,
    bars,
    coarser,
    cycle,
    live,
    path,
    rebuilt,
    says,
    story,
    told,
    world,
    written,
)

from semanticsignal.adapters.inmemory import InMemoryArchive, InMemoryLedger
from semanticsignal.adapters.sqlite import SqliteLedger
from semanticsignal.adapters.system_clock import SetClock
from semanticsignal.domain.ledger import Entry
from semanticsignal.domain.market import Symbol, Timeframe
from semanticsignal.domain.trading import Portfolio
from semanticsignal.ports import Sockets

FIRST, LAST = MONDAY + 2 * H4, MONDAY + 20 * H4


class Killed(BaseException):
    """The process is gone. Not an Exception: nothing may catch it."""


class Mortal:
    """A ledger whose process dies right after write number `last`, before the caller hears of it."""

    def __init__(self, ledger: InMemoryLedger, last: int) -> None:
        self._ledger, self._left = ledger, last

    async def record(self, entry: Entry) -> Entry:
        return await self._counted(self._ledger.record(entry))

    async def settle(self, entry: Entry, before: Portfolio, after: Portfolio) -> Entry:
        return await self._counted(self._ledger.settle(entry, before, after))

    async def _counted(self, writing: Any) -> Entry:
        before = await self._ledger.last_seq()
        standing: Entry = await writing
        self._left -= await self._ledger.last_seq() - before
        if not self._left and standing.seq == before + 1:
            raise Killed
        return standing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


def prices(symbol: Symbol, start: float, turns: Iterable[float]) -> list[Any]:
    """Bars of 30 minutes through these turning points at the boundaries of 4 h, and the same in 4 h."""
    walk = [start]
    for turn in turns:
        walk += [round(walk[-1] + (turn - walk[-1]) * step / 8, 2) for step in range(1, 9)]
    fine = bars(path(walk, wick=0.05), timeframe=Timeframe.M30, symbol=symbol)
    return [fine, coarser(fine, Timeframe.H4)]


def eventful(ledger: InMemoryLedger | None = None) -> Sockets:
    """Two pairs, 20 bars: stops, targets, closes, updates, an order refused, and a reflection every second trade."""
    btc = prices(
        BTC, 100, (101, 102, 104, 107, 111, 108, 104, 101, 99, 96, 99, 103, 106, 104, 101, 98, 100, 104, 109, 112)
    )
    eth = prices(ETH, 50, (50, 51, 52, 50, 48, 47, 49, 52, 54, 55, 54, 52, 49, 48, 50, 52, 53, 55, 54, 52))

    def at(number: int, symbol: Symbol = BTC) -> str:
        return cycle(symbol, MONDAY + number * H4)

    script = {
        at(2): says("BUY", 98, 110),
        at(4): says("UPDATE", 104),
        at(6): says("BUY", 105, 115),
        at(9): says("BUY", 97, 105),
        at(11): says("BUY", 97, 105.5),
        at(14): says("BUY", 101.5, 110),
        at(16): says("BUY", 95, 108),
        at(18): says("CLOSE"),
        at(19): says("BUY", 105, 118),
        at(2, ETH): says("BUY", 50.4, 51.9),
        at(6, ETH): says("BUY", 45.5, 51.5),
        at(7, ETH): says("UPDATE", 47.5),
        at(10, ETH): says("BUY", 53, 59),
        at(12, ETH): says("SELL"),
        at(14, ETH): says("BUY", 47, 49.8),
        at(17, ETH): says("BUY", 51, 57),
        at(19, ETH): says("SELL"),
    }
    return world(
        *btc,
        *eth,
        model=CycleModel(script),
        ledger=ledger,
        risk__cooldown_bars=0,
        risk__min_confidence_ratio=0.3,
        memory__reflect_every=2,
        memory__min_losses=1,
        memory__min_wins=1,
        risk__tighten_progress_ratio=0.0,
        risk__losing_streak=100,
    )


async def resumed(on: Sockets, ledger: Any, until: datetime, delay: timedelta = timedelta(0)) -> Sockets:
    """The replay's way back: from the ledger's last mark on, memory made anew from the ledger."""
    after = replace(on, ledger=ledger, memory=await rebuilt(ledger))
    marked = (await ledger.portfolio()).marked_until
    await live(after, marked or FIRST, until, delay)
    return after


def parting(expected: list[bytes], got: list[bytes]) -> tuple[str, str] | None:
    """Where two ledgers part, in a few words; None when they are the same."""
    pairs = zip_longest(expected, got, fillvalue=b"nothing")
    return next(((f"was to be {a[:60]!r}", f"was {b[:60]!r}") for a, b in pairs if a != b), None)


async def uncrashed(delay: timedelta = timedelta(0)) -> Sockets:
    on = eventful()
    await live(on, FIRST, LAST, delay)
    return on


async def test_the_scenario_holds_what_can_be_crashed_into() -> None:
    on = await uncrashed()

    kinds = await story(on)

    assert kinds.count("PositionClosed") >= 6
    assert kinds.count("PositionUpdated") == 2
    assert len(await told(on, "Reflected")) >= 2
    assert any(a.kind == b.kind == "PositionClosed" for a, b in pairwise(await told(on)))
    assert {entry.subject.trade.exit_reason for entry in await told(on, "PositionClosed")} == {
        "stop",
        "target",
        "signal",
    }


@pytest.mark.parametrize("delay", [timedelta(0), timedelta(minutes=30)], ids=["at the close", "half an hour later"])
@pytest.mark.parametrize("keeps_archive", [True, False], ids=["archive kept", "archive lost"])
async def test_a_crash_after_any_write_changes_no_byte_of_the_ledger(keeps_archive: bool, delay: timedelta) -> None:
    whole = await uncrashed(delay)
    expected, last = await written(whole), len(await told(whole))
    changed = []

    for k in range(1, last + 1):
        ledger = InMemoryLedger(whole.settings.paper.start_quote)
        on = eventful()
        with pytest.raises(Killed):
            await live(replace(on, ledger=Mortal(ledger, k)), FIRST, LAST, delay)
        back = on if keeps_archive else replace(on, archive=InMemoryArchive())
        after = await resumed(back, ledger, LAST, delay)
        if parted := parting(expected, await written(after)):
            changed.append((k, *parted))

    assert changed == []


class Frozen:
    """A ledger whose process stands still before write number `nth`, while another lives on with the same stores."""

    def __init__(self, ledger: InMemoryLedger, nth: int, meanwhile: Callable[[], Awaitable[None]]) -> None:
        self._ledger, self._left, self._meanwhile = ledger, nth, meanwhile

    async def record(self, entry: Entry) -> Entry:
        await self._counted(entry)
        return await self._ledger.record(entry)

    async def settle(self, entry: Entry, before: Portfolio, after: Portfolio) -> Entry:
        await self._counted(entry)
        return await self._ledger.settle(entry, before, after)

    async def _counted(self, entry: Entry) -> None:
        if await self._ledger.entry(entry.id) is None:
            self._left -= 1
            if not self._left:
                await self._meanwhile()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


async def test_who_stands_still_before_a_write_while_another_lives_on_changes_no_byte_of_the_ledger() -> None:
    whole = await uncrashed()
    expected, last = await written(whole), len(await told(whole))
    changed = []

    for nth in range(1, last + 1, 11):
        on = eventful()
        ledger = on.ledger
        other = replace(on, clock=SetClock(FIRST))

        async def meanwhile(on: Sockets = on, other: Sockets = other, ledger: Any = ledger) -> None:
            marked = (await ledger.portfolio()).marked_until
            await live(other, marked or FIRST, LAST)
            on.clock.set(LAST)  # type: ignore[attr-defined]

        await live(replace(on, ledger=Frozen(ledger, nth, meanwhile)), FIRST, LAST)  # type: ignore[arg-type]
        if parted := parting(expected, await written(other)):
            changed.append((nth, *parted))

    assert changed == []


async def test_crashing_over_and_over_changes_no_byte_of_the_ledger() -> None:
    whole = await uncrashed()
    expected, last = await written(whole), len(await told(whole))
    dice = random.Random(7)
    ledger, on = InMemoryLedger(whole.settings.paper.start_quote), eventful()

    crashes = 0
    while await ledger.last_seq() < last:
        try:
            await resumed(on, Mortal(ledger, dice.randint(1, 6)), LAST)
        except Killed:
            crashes += 1

    await resumed(on, ledger, LAST)
    assert crashes > 10
    assert parting(expected, await written(replace(on, ledger=ledger))) is None


async def test_a_file_reopened_after_a_crash_ends_with_the_digest_of_a_run_without_one(tmp_path: Path) -> None:
    whole = SqliteLedger(tmp_path / "whole.db", eventful().settings.paper.start_quote)
    await live(eventful(whole), FIRST, LAST)
    on, file = eventful(), tmp_path / "crashed.db"

    for k in (8, 3, 12, 20, 30):
        dying = SqliteLedger(file, on.settings.paper.start_quote)
        with pytest.raises(Killed):
            await resumed(on, Mortal(dying, k), LAST)
        dying.close()
    ledger = SqliteLedger(file, on.settings.paper.start_quote)
    await resumed(on, ledger, LAST)

    assert ledger.digest() == whole.digest()
    ledger.close()
    whole.close()


async def test_running_everything_twice_on_one_ledger_writes_nothing_new() -> None:
    on = await uncrashed()
    expected = await written(on)

    await live(replace(on, memory=await rebuilt(on.ledger)), FIRST, LAST)

    assert parting(expected, await written(on)) is None
