"""What is wrong with a running instance for a while is told to people, once, and trading goes on."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from discord_server import HOOK
from stages.test_notify import Listener
from world import MONDAY, bars, path, settings, world

from semanticsignal import wiring
from semanticsignal.adapters.system_clock import SetClock
from semanticsignal.domain.errors import InvalidSetting
from semanticsignal.drivers.host import Host

MINUTE = timedelta(minutes=1)


def host(home: Path) -> Host:
    told = settings(memory__store="embedded")
    held = wiring.home(home, told, "a test", is_durable=False)
    market = world(bars(path([100, 101, 102]))).market
    lived = wiring.World(market, wiring.fast_clock(MONDAY, 1.0), wiring.model(told), 1.0)
    return Host(told, held, lived)


async def test_what_is_wrong_for_five_minutes_is_one_alarm_and_another_when_it_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISCORD_WEBHOOK_URL", raising=False)
    room, listener, clock = host(tmp_path / "home"), Listener(), SetClock(MONDAY)
    room.on, room._real = replace(room.on, messengers=(listener,)), clock  # type: ignore[assignment]

    async def after(minutes: int) -> int:
        clock.set(MONDAY + minutes * MINUTE)
        await room._alarm()
        return len(listener.messages)

    room._said("BTC/USDC", "nobody answers")
    counts = [await after(4), await after(5), await after(60)]
    room._said("BTC/USDC", "")
    counts.append(await after(70))
    room._said("BTC/USDC", "nobody answers again")
    counts += [await after(74), await after(75)]

    assert counts == [0, 1, 1, 1, 1, 2]
    assert [(m.topic, m.text) for m in listener.messages.values()] == [
        ("alarm", "nobody answers"),
        ("alarm", "nobody answers again"),
    ]
    assert room.office is None
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
