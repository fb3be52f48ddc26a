"""What is wrong with a running instance for a while is told to people, once, and trading goes on."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from discord_server import HOOK, Discord
from loopback import serve
from stages.test_notify import Listener
from world import MONDAY, bars, path, settings, world

from semanticsignal import wiring
from semanticsignal.adapters.system_clock import SetClock
from semanticsignal.domain.errors import InvalidSetting, LedgerUnavailable
from semanticsignal.domain.ledger import Entry
from semanticsignal.domain.messages import Message
from semanticsignal.drivers.host import Host
from semanticsignal.drivers.pace import Ticking
from semanticsignal.logic.notify import alarms
from semanticsignal.stages.notify import plainly

MINUTE = timedelta(minutes=1)


def host(home: Path) -> Host:
    told = settings(memory__store="embedded")
    held = wiring.home(home, told, "a test", is_durable=False)
    market = world(bars(path([100, 101, 102]))).market
    lived = wiring.World(market, wiring.fast_clock(MONDAY, 1.0), wiring.model(told), 1.0)
    return Host(told, held, lived)


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISCORD_WEBHOOK_URL", raising=False)
    made = host(tmp_path / "home")
    made.real = made.troubles.real = SetClock(MONDAY)
    made.on = replace(made.on, messengers=(Listener(),), clock=SetClock(MONDAY))
    made._ticked_at = made._listened_at = made._awake_since = MONDAY
    yield made
    made.held.close()


def heard(room: Host) -> list[Message]:
    (listener,) = room.on.messengers
    assert isinstance(listener, Listener)
    return list(listener.messages.values())


async def after(room: Host, minutes: float, slept: float = 0.0) -> list[str]:
    """What was told by then, with two ticks in each minute; it slept for the first of them."""
    now = room.real.now()
    until = MONDAY + minutes * MINUTE
    now += slept * MINUTE
    while now < until:
        now = min(now + MINUTE / 2, until)
        room.real.set(now)  # type: ignore[attr-defined]
        room.on.clock.set(now)  # type: ignore[attr-defined]
        await room.watched_over()
    return [one.title for one in heard(room)]


async def test_what_is_wrong_for_five_minutes_is_one_alarm_and_another_when_it_comes_again(room: Host) -> None:
    for about in ("BTC/USDC", "ETH/USDC", "watch", "news", "Discord"):
        room.troubles.said(about, "binance: nobody answers")
    once = "Not working for 5 minutes: candles of BTC/USDC, candles of ETH/USDC, stops and targets"

    assert await after(room, 4.5) == []
    assert await after(room, 5) == [once] and await after(room, 60) == [once]
    assert heard(room)[0].text.count("nobody answers") == 1

    room.troubles.said("BTC/USDC", "")
    assert await after(room, 70) == [once]
    room.troubles.said("BTC/USDC", "binance: nobody answers again")
    assert await after(room, 74.5) == [once]
    assert await after(room, 75) == [once, "Not working for 5 minutes: candles of BTC/USDC"]
    assert (await after(room, 360))[2:] == ["Not working for 360 minutes: news"]
    assert room.office is None


async def test_what_is_no_pair_is_told_in_words_of_its_own(room: Host) -> None:
    for about in ("clock", "lease", "disk"):
        room.troubles.said(about, "ill")

    (told,) = await after(room, 5)
    assert told == "Not working for 5 minutes: the clock of this machine, the hold on its home, the disk"


async def test_a_broken_mail_stays_said_while_trades_are_looked_back_at(room: Host) -> None:
    async def full() -> None:
        raise LedgerUnavailable("the disk is full")

    async def well() -> None:
        """A post-mortem, written."""

    for stage, work in (("notify", full), ("review", well)):
        room.aside(stage, work)
        await asyncio.gather(*room.tasks)
    await room.watched_over()
    assert room.troubles.items() == (("messages", "the disk is full"),)

    room.aside("notify", well)
    await asyncio.gather(*room.tasks)
    assert room.troubles.items() == ()


async def test_what_cannot_be_told_again_is_a_problem_until_it_can(room: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    async def locked() -> tuple[Entry, ...]:
        raise LedgerUnavailable("the ledger is locked")

    crank = Ticking(room)
    with monkeypatch.context() as broken:
        broken.setattr(room.held.ledger, "untold", locked)
        await crank.recovered()
    assert room.troubles.items() == (("untold", "the ledger is locked"),) and room.loop.is_behind

    await crank.recovered()
    assert room.troubles.items() == () and not room.loop.is_behind


async def test_two_candles_without_a_word_are_an_alarm_once_and_sleep_is_none(room: Host) -> None:
    silent = "BTC/USDC: nothing was decided for two candles"

    assert await after(room, 9 * 60 - 1) == []
    assert await after(room, 9 * 60 + 1) == [silent] and await after(room, 12 * 60) == [silent]
    assert await after(room, 60 * 60, slept=48 * 60 - 1) == [silent]
    assert await after(room, 68 * 60) == [silent] and await after(room, 69 * 60) == [silent] * 2


async def test_a_messenger_that_cannot_write_stops_no_candle(room: Host) -> None:
    class Full(Listener):
        async def take(self, message: Message) -> None:
            raise LedgerUnavailable("the disk is full")

    room.on = replace(room.on, messengers=(Full(),))
    room.troubles.said("BTC/USDC", "nobody answers")
    room.real.set(MONDAY + 6 * MINUTE)  # type: ignore[attr-defined]
    await room.watched_over()
    assert ("alarms", "the disk is full") in room.troubles.items()

    room.on = replace(room.on, messengers=(Listener(),))
    assert await after(room, 7) == ["Not working for 6 minutes: candles of BTC/USDC"] and not dict(
        room.troubles.items()
    ).get("alarms")


async def test_a_webhook_that_is_gone_is_said_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = Discord(is_deleted=True)
    async with serve(there) as url:
        monkeypatch.setenv("DISCORD_WEBHOOK_URL", url + HOOK)
        room = host(tmp_path / "home")
        assert room.office
        await room._tell(alarms.alarm("one", room.office._clock.now(), ("A title", "and text"), plainly(room.on)))
        await room.office.emptied()
        room.office._mail.close()
    room.runs()

    assert "the webhook is gone" in (room.health().problem or "") and room.health().status == "degraded"
    room.held.close()


async def test_with_a_webhook_there_is_mail_and_with_what_is_none_no_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCORD_WEBHOOK_URL", f"https://discord.com{HOOK}")
    room = host(tmp_path / "home")
    assert room.office and [messenger.is_rich for messenger in room.on.messengers] == [False, True]
    room.office._mail.close()
    room.held.close()

    monkeypatch.setenv("DISCORD_WEBHOOK_URL", "https://discord.com/api/nonsense")
    with pytest.raises(InvalidSetting, match="DISCORD_WEBHOOK_URL is the address of a webhook"):
        host(tmp_path / "other")
