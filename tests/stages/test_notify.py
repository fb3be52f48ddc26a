"""What people are told of a day: what they would want to read, once, and no more."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from discord_server import refused
from stages.test_crash import FIRST, LAST, eventful, prices
from world import BTC, ETH, H4, MONDAY, CycleModel, close, cycle, live, says, told, world, written

from semanticsignal.adapters.letterbox import DiscordLetterbox
from semanticsignal.adapters.sqlite import SqliteMail
from semanticsignal.domain.decision import Prompt, Reply
from semanticsignal.domain.errors import ModelUnavailable
from semanticsignal.domain.messages import Message
from semanticsignal.logic.notify.discord import level, posts
from semanticsignal.ports import Sockets
from semanticsignal.stages.notify import TOLD, notify


class Listener:
    """Keeps what it is told, in order, each under its id once."""

    is_rich = True

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}

    async def take(self, message: Message) -> None:
        self.messages.setdefault(message.id, message)

    def sent(self, on: Sockets) -> list[Message]:
        """What Discord is told by default."""
        return [one for one in self.messages.values() if level(one, on.settings.discord) != "off"]


def heard(on: Sockets) -> tuple[Sockets, Listener]:
    listener = Listener()
    return replace(on, messengers=(listener,)), listener


async def test_a_day_on_which_nothing_is_done_is_one_message() -> None:
    on, listener = heard(world(*prices(BTC, 100, [100] * 13)))

    await live(on, MONDAY + 6 * H4, MONDAY + 12 * H4)

    assert [m.title.replace("\u00a0", " ") for m in listener.sent(on)] == [
        "Day 2026-01-05 · +0.00 USDC",
        "Day 2026-01-06 · +0.00 USDC",
    ]
    assert len([m for m in listener.messages.values() if m.is_minor]) == 7


async def test_what_was_refused_is_told_once_a_day_and_not_each_time() -> None:
    script = {cycle(BTC, MONDAY + bar * H4): says("BUY") for bar in (7, 8)}
    on, listener = heard(world(*prices(BTC, 100, [100] * 13), model=CycleModel(script)))

    await live(on, MONDAY + 7 * H4, MONDAY + 12 * H4)

    assert [m.title.replace("\u00a0", " ") for m in listener.sent(on)] == [
        "Day 2026-01-06 · +0.00 USDC",
        "Day 2026-01-06 · not done: 2",
    ]


async def test_a_life_is_told_by_what_happened_in_it_and_trades_as_if_nobody_listened() -> None:
    alone = eventful()
    await live(alone, FIRST, LAST)
    on, listener = heard(eventful())
    on = replace(on, settings=replace(on.settings, discord=replace(on.settings.discord, has_chart=False)))

    await live(on, FIRST, LAST)

    assert await written(on) == await written(alone)
    happened = Counter(entry.kind for entry in await told(on))
    acts = [e for e in await told(on, "DecisionMade") if e.subject.action != "HOLD"]  # type: ignore[union-attr]
    sent = listener.sent(on)
    counts = Counter(str(message.topic) for message in sent)
    stands = sum(message.id.startswith("status#") for message in sent)
    assert counts["exit"] == happened["PositionClosed"] > 5 and counts["decision"] == len(acts)
    assert counts["position"] - stands == happened["PositionOpened"]
    rows = [row.value for message in sent for row in message.rows if row.name == "Open at its end"]
    assert len(rows) == 3 and all(row == "nothing" or row.endswith("before fees and funding") for row in rows)
    assert not {"nothing"}.issuperset(rows)
    assert counts["performance"] == 3 and 0 < stands <= 6 and counts["alarm"] == 0
    made = [post for message in listener.messages.values() for post in posts(message, "normal")]
    assert [wrong for post in made if (wrong := refused(json.loads(post.body)))] == []


async def test_a_mark_that_is_told_late_says_no_more_how_positions_stood() -> None:
    bought = CycleModel({cycle(BTC, MONDAY + 7 * H4): says("BUY", 90, 150)})
    on, in_time = heard(world(*prices(BTC, 100, [100] * 20), model=bought, discord__status_bars=1))
    await live(on, MONDAY + 6 * H4, MONDAY + 12 * H4)
    on, late = heard(on)
    told_of = [message.at for message in in_time.messages.values() if message.id.startswith("status#")]

    for mark in await told(on, "EquityMarked"):
        on.clock.set(mark.fact.at)  # type: ignore[attr-defined]
        await notify(mark.fact, on)  # type: ignore[arg-type]

    assert len(told_of) > 2 and (await on.ledger.portfolio()).positions
    assert [message.at for message in late.messages.values() if message.id.startswith("status#")] == told_of[-1:]


async def test_a_day_is_the_same_told_at_its_end_and_told_again_when_more_stands() -> None:
    """What is done at midnight is done after the mark that ends the day: it belongs to the next."""
    on, at_once = heard(eventful())
    await live(on, FIRST, LAST)
    on, later = heard(on)

    for mark in await told(on, "EquityMarked"):
        on.clock.set(mark.fact.at)  # type: ignore[attr-defined]
        await notify(mark.fact, on)  # type: ignore[arg-type]

    def days(listener: Listener) -> list[Message]:
        return [message for message in listener.messages.values() if message.id.startswith("performance#")]

    ended = days(at_once)[-1].at
    decided = [entry for entry in await told(on, "DecisionMade") if entry.fact.at < ended]
    rows = [row.value for message in days(at_once) for row in message.rows if row.name == "Decisions"]
    assert days(later) == days(at_once)
    assert sum(int(number) for row in rows for number in re.findall(r"\d+", row)) == len(decided) > 30


async def test_a_fact_that_comes_again_after_a_crash_is_posted_once(tmp_path: Path) -> None:
    on, _ = heard(eventful())
    mail = SqliteMail(tmp_path / "mail.db")
    box = DiscordLetterbox(mail, replace(on.settings.discord, has_chart=False), on.clock.now, lambda _: None)
    on = replace(on, messengers=(box,))
    await live(on, FIRST, FIRST + 6 * H4)

    async def waiting() -> list[str]:
        found = []
        while some := await mail.waiting():
            found.append(some[0].post.id)
            await mail.sent(some[0].post.id, "1", until=None)
        return found

    once = await waiting()
    mail.close()
    mail = box._mail = SqliteMail(tmp_path / "mail.db")
    for entry in await told(on):
        if isinstance(entry.fact, TOLD):
            await notify(entry.fact, on)

    assert len(once) > 5 and await waiting() == []
    mail.close()


async def test_a_history_that_is_lived_through_late_is_not_told() -> None:
    on, listener = heard(eventful())
    await live(replace(on, messengers=()), FIRST, LAST)

    on.clock.set(LAST + 7 * H4)  # type: ignore[attr-defined]
    for entry in await told(on):
        if isinstance(entry.fact, TOLD):
            await notify(entry.fact, on)

    assert {m.topic for m in listener.messages.values()} <= {"exit", "performance", "refusals"}
    assert all(on.clock.now() - m.at <= 6 * H4 for m in listener.messages.values())


@pytest.mark.parametrize(("speed", "rings"), [(1.0, True), (7200.0, False)])
async def test_a_night_of_candles_that_were_slept_through_is_one_alarm_and_seconds_of_a_fast_clock_are_none(
    speed: float, rings: bool
) -> None:
    on, listener = heard(world(*prices(BTC, 100, [100] * 20), *prices(ETH, 10, [10] * 20)))
    on.clock.speed = speed  # type: ignore[misc]
    await live(on, MONDAY + 6 * H4, MONDAY + 7 * H4)
    for bar in range(8, 14):
        for pair in (BTC, ETH):
            await close(on, MONDAY + bar * H4, MONDAY + 16 * H4, symbol=pair)
    await live(on, MONDAY + 16 * H4, MONDAY + 17 * H4)

    rung = [m for m in listener.messages.values() if m.topic == "alarm"]
    assert [m.title for m in rung] == ["A candle came too late to decide on"] * rings
    assert not rings or "that closed at 2026-01-06 08:00 UTC was heard of 1 d 8 h late" in rung[0].text


async def test_a_model_that_is_gone_is_one_alarm_and_the_candle_goes_on() -> None:
    class Gone:
        async def complete(self, prompt: Prompt) -> Reply:
            raise ModelUnavailable("gemini: nobody there")

    on, listener = heard(world(*prices(BTC, 100, [100] * 13), *prices(ETH, 10, [10] * 13)))
    await live(on, MONDAY + 6 * H4, MONDAY + 7 * H4)
    await live(replace(on, model=Gone()), MONDAY + 8 * H4, MONDAY + 10 * H4)

    rung = [m for m in listener.messages.values() if m.topic == "alarm"]
    assert [m.title for m in rung] == ["No model answers with a decision"] and "nobody there" in rung[0].text


@pytest.mark.parametrize(("speed", "is_told"), [(1.0, False), (7200.0, True)])
async def test_a_decision_is_worth_a_candle_of_a_person_s_time_however_fast_the_market_runs(
    speed: float, is_told: bool
) -> None:
    """Twenty candles later by the market's clock: three days of a life at 1, forty seconds at 7200."""
    on, listener = heard(world(*prices(BTC, 100, [100] * 13)))
    await live(replace(on, messengers=()), MONDAY + 7 * H4, MONDAY + 7 * H4)
    on.clock.set(MONDAY + 27 * H4)  # type: ignore[attr-defined]
    on.clock.speed = speed  # type: ignore[misc]

    await notify((await told(on, "DecisionMade"))[0].fact, on)  # type: ignore[arg-type]

    assert bool(listener.messages) is is_told
