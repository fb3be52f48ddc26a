"""Messages to Discord: in order, once, within its limits, and never at the cost of anything else."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from discord_server import HOOK, LOST, SILENCE, TOKEN, Answer, Discord, limited
from discord_server import refused as refused_by_discord
from loopback import serve
from world import MONDAY

from semanticsignal import wiring
from semanticsignal.adapters.discord import DiscordCourier
from semanticsignal.adapters.inmemory import InMemoryArchive
from semanticsignal.adapters.letterbox import DiscordLetterbox
from semanticsignal.adapters.sqlite import SqliteMail
from semanticsignal.adapters.system_clock import SetClock, SystemClock
from semanticsignal.domain import policy
from semanticsignal.domain.errors import InvalidSetting, Postponed
from semanticsignal.domain.market import epoch_us
from semanticsignal.domain.messages import Message, Tone, Topic
from semanticsignal.domain.secrets import DISCORD
from semanticsignal.drivers import doctor_discord, doctor_keys, post_office
from semanticsignal.drivers.post_office import PostOffice
from semanticsignal.logic.notify import address
from semanticsignal.logic.notify.discord import payload, posts
from semanticsignal.logic.notify.discord import rings as is_heard

HOUR, YEAR = timedelta(hours=1), timedelta(days=365)


class Room:
    """A home's mail and a Discord, on a clock that nobody waits for."""

    def __init__(self, url: str, there: Discord, folder: Path, **wanted: Any) -> None:
        self.url, self.there, self.folder = url, there, folder
        self.wanted = replace(policy.Discord(), **wanted)
        self.clock, self.archive = SetClock(MONDAY), InMemoryArchive()
        self.begin()

    def begin(self, **bot: Any) -> None:
        """Again, as after a crash: only the file is left."""
        self.bot = bot
        if hasattr(self, "mail"):
            self.mail.close()
        self.mail = SqliteMail(self.folder / "mail.db", most=20)
        to: dict[str, Any] = bot or {"webhook": self.url + HOOK}
        courier = DiscordCourier(self.clock.now, 0.5, **to)
        self.office = PostOffice(self.mail, courier, self.archive, self.clock, self.wanted)
        self.box = DiscordLetterbox(self.mail, self.wanted, self.clock.now, self.office.woken)

    async def told(self, *names: str, **more: Any) -> None:
        for name in names:
            await self.box.take(message(name, **more))
        await self.office.emptied()


def message(name: str, **more: Any) -> Message:
    told: dict[str, Any] = {
        "id": name, "topic": Topic.EXIT, "tone": Tone.GAIN, "at": MONDAY, "title": name, "line": name,
        "about": "paper", "worth_s": 3600.0,
    }  # fmt: skip
    return Message(**told | more)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    there = Discord()
    async with serve(there) as url:
        made = Room(url, there, tmp_path)
        yield made
        made.mail.close()


async def test_what_is_told_is_there_in_order_and_once_however_often_it_is_told_again(room: Room) -> None:
    await room.told("one", "two", "three")
    room.begin()
    await room.told("two", "one", "four")

    assert room.there.titles == ["one", "two", "three", "four"]


async def test_a_message_that_is_made_anew_and_longer_adds_nothing_to_what_was_told(room: Room) -> None:
    await room.told("one", text="short")
    await room.told("one", text="long " * 2_000)

    assert len(room.there.messages) == 1


@pytest.mark.parametrize(
    "moods",
    [
        [limited(7.5)],
        [limited(30.0, is_global=True)],
        [Answer(429, None, {"retry-after": "12"}), limited(1.0)],
        [Answer(500), Answer(502, {"message": "bad gateway"}), Answer(503, b"<html>"), Answer(408)],
        [Answer(500, drips=True), Answer(500)],
    ],
    ids=["limited", "everywhere", "by Cloudflare", "ill", "dripping"],
)
async def test_a_mood_of_discord_s_costs_time_and_no_message_and_no_order(moods: list[Answer], room: Room) -> None:
    room.there.next = list(moods)

    await room.told("one", "two")

    assert room.there.titles == ["one", "two"] and room.office.dropped == 0
    waits = [float(m.body["retry_after"]) for m in moods if isinstance(m.body, dict) and "retry_after" in m.body]
    assert room.clock.now() - MONDAY >= timedelta(seconds=sum(waits) or 1)


@pytest.mark.parametrize(
    "poison", [Answer(500), Answer(503, b"{not json"), LOST, SILENCE], ids=["500", "503", "lost", "silent"]
)
async def test_a_message_that_discord_alone_does_not_take_holds_up_its_topic_for_moments_and_no_other(
    poison: Answer, room: Room
) -> None:
    room.there.to["sick"] = poison

    await room.box.take(message("sick", topic=Topic.DECISION, worth_s=86_400.0))
    for name, topic in (("next", Topic.DECISION), ("held", Topic.POSITION), ("exit", Topic.EXIT)):
        await room.box.take(message(name, topic=topic))
    await room.office.emptied()

    told = [title for title in room.there.titles if title != "sick"]
    assert told[0] == "exit" and sorted(told) == ["exit", "held", "next"] and room.office.dropped == 1
    assert room.clock.now() - MONDAY < timedelta(minutes=1) and room.there.titles.count("sick") == (poison is LOST)


async def test_alarms_and_exits_overtake_and_each_topic_keeps_its_order(room: Room) -> None:
    topics = {"d": Topic.DECISION, "a": Topic.ANALYSIS, "x": Topic.EXIT, "!": Topic.ALARM}
    for name in ("d1", "a1", "d2", "x1", "a2", "!1", "x2"):
        await room.box.take(message(name, topic=topics[name[0]]))
    await room.office.emptied()

    assert room.there.titles == ["x1", "!1", "x2", "d1", "a1", "d2", "a2"]


async def test_an_alarm_goes_at_once_while_a_topic_pauses(room: Room) -> None:
    """On the machine's own time: a pause that has begun is broken off."""
    room.there.to["sick"] = Answer(500)
    room.clock = SystemClock()  # type: ignore[assignment]
    room.begin()
    async with room.office.open():
        await room.box.take(message("sick", topic=Topic.DECISION))
        while not room.office._topic_at:
            await asyncio.sleep(0)
        for _ in range(20):  # until it rests
            await asyncio.sleep(0)
        await room.box.take(message("alarm", topic=Topic.ALARM))
        async with asyncio.timeout(1.5):  # the first pause is two seconds
            while room.there.titles != ["alarm"]:
                await asyncio.sleep(0.001)
    room.mail = SqliteMail(room.folder / "mail.db")


async def test_a_silence_of_an_hour_costs_the_message_that_met_it_and_no_other_and_repeats_none(room: Room) -> None:
    room.there.next = [LOST, *[SILENCE] * 3]

    await room.told("met it", "two", "three", topic=Topic.DECISION, worth_s=86_400.0)

    assert room.there.titles == ["met it", "two", "three"] and room.office.dropped == 1
    assert room.there.asked == ["POST", *["GET"] * 4, "POST", "POST"]


async def test_an_exit_whose_answer_is_lost_is_told_once_more_and_never_a_third_time(room: Room) -> None:
    room.there.to["exit"] = LOST

    await room.told("exit", "next", worth_s=86_400.0)

    assert room.there.titles == ["exit", "exit", "next"]


@pytest.mark.parametrize(
    ("topic", "times"), [(Topic.EXIT, 2), (Topic.ALARM, 2), (Topic.DECISION, 1), (Topic.PERFORMANCE, 1)]
)
async def test_what_was_under_way_when_the_process_was_killed_comes_again_only_where_it_is_urgent(
    topic: Topic, times: int, room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    await room.box.take(message("one", topic=topic))
    await killed_before_the_note(room)

    await room.told("two", topic=topic)

    assert room.there.titles == ["one"] * times + ["two"]
    assert ("may have come to Discord or not" in caplog.text) == (times == 1)


async def killed_before_the_note(room: Room) -> None:
    """Discord has taken the first that waits, and nothing was written down since it was begun."""
    (found,) = await room.mail.waiting()
    await room.mail.begun(found.post.id, at=room.clock.now())
    await room.office._courier.post(found.post, payload(found.post, rings=True, has_chart=False), None)
    room.begin(**room.bot)


async def test_an_answer_that_cannot_be_read_is_an_answer_and_nothing_is_told_twice(room: Room) -> None:
    odd = (b"{not json", {"id": None}, ["a list"])
    room.there.next = [Answer(200, body, takes=True) for body in odd] + [Answer(200, drips=True, takes=True)]

    await room.told("one", "two", "three", "four")

    assert room.there.titles == ["one", "two", "three", "four"] and room.office.dropped == 0


async def test_where_nobody_listens_everything_waits_as_long_as_it_is_worth(room: Room) -> None:
    url, room.url = room.url, "http://127.0.0.1:9"
    room.begin()
    await room.told("short", worth_s=20.0, topic=Topic.DECISION)
    assert room.office.dropped == 1

    await room.box.take(message("long", topic=Topic.DECISION))
    room.url = url
    room.begin()
    await room.told()
    assert room.there.titles == ["long"]


async def test_what_cannot_be_taken_back_holds_up_no_message_and_not_for_ever_what_can(room: Room) -> None:
    await room.told("old", "older")
    room.clock.set(MONDAY + 169 * HOUR)
    ill, well = Answer(500), Answer(200, {})
    room.there.next = [Answer(200, {"id": "1"}, takes=True), *[ill, well] * 5]

    await room.told("new")

    assert room.there.titles == ["old", "new"]


async def test_mail_of_an_older_version_is_sent(room: Room) -> None:
    room.mail.close()
    file = room.folder / "mail.db"
    file.unlink()
    with sqlite3.connect(file) as db:
        db.execute(
            "CREATE TABLE posts (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL, "
            "put_us INTEGER NOT NULL, body TEXT, level TEXT NOT NULL, worth_s REAL NOT NULL, chart TEXT, name TEXT, "
            "until_us INTEGER)"
        )
        (post,) = posts(message("kept"), "normal")
        row = (post.id, "waits", epoch_us(MONDAY), post.body, post.level, post.worth_s)
        db.execute("INSERT INTO posts (id, state, put_us, body, level, worth_s) VALUES (?, ?, ?, ?, ?, ?)", row)
    db.close()
    room.mail = SqliteMail(file)
    room.begin()

    await room.told("new")

    assert sorted(room.there.titles) == ["kept", "new"]


async def test_nobody_is_asked_before_the_time_that_a_limit_names(room: Room) -> None:
    room.there.headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "2.5"}

    await room.told("one", "two", "three")

    assert room.there.asked == ["POST"] * 3
    assert room.clock.now() == MONDAY + timedelta(seconds=5)


@pytest.mark.parametrize(
    "moods",
    [[limited(7.5)], [Answer(500), Answer(200, {})], [Answer(500), Answer(500)], [SILENCE]],
    ids=["limited", "one message not taken", "ill", "silent"],
)
async def test_a_wait_that_a_clock_a_year_ahead_began_ends_when_the_clock_is_put_right(
    moods: list[Answer], room: Room
) -> None:
    room.office.leaves = lambda wait_s: wait_s > 0
    room.clock.set(MONDAY + YEAR)
    room.there.next = list(moods)
    await room.told("one")
    assert room.there.titles == [] and room.there.next == [], "it has begun"

    room.clock.set(MONDAY)
    await room.told("two")

    assert room.there.titles == ["one", "two"] and room.clock.now() == MONDAY


async def test_what_a_clock_a_year_ahead_put_off_taking_back_is_taken_back_in_its_time(room: Room) -> None:
    await room.told("one")
    room.office.leaves = lambda wait_s: wait_s > 0
    room.clock.set(MONDAY + YEAR)
    room.there.next = [limited(7.5)]
    await room.told()
    assert room.there.titles == ["one"] and room.there.next == []

    room.clock.set(MONDAY + 169 * HOUR)
    await room.told()

    assert room.there.titles == []


async def test_a_limit_holds_also_after_a_clock_was_put_right_in_the_middle_of_another(room: Room) -> None:
    courier = DiscordCourier(room.clock.now, 5.0, webhook=room.url + HOOK)
    (post,) = posts(message("one"), "silent")
    room.there.next = [limited(7.5), limited(30.0)]
    for at in (MONDAY + YEAR, MONDAY, MONDAY):
        room.clock.set(at)
        with pytest.raises(Postponed):
            await courier.post(post, payload(post, rings=False, has_chart=False), None)

    assert room.there.asked == ["POST"] * 2


async def test_a_number_that_no_clock_can_hold_is_a_limit_like_any_other(room: Room) -> None:
    room.there.next = [Answer(429, b'{"retry_after": 1' + b"0" * 400 + b"}"), Answer(429, {"retry_after": True})]

    await room.told("one")

    assert room.there.titles == ["one"] and room.clock.now() - MONDAY <= timedelta(minutes=3)


@pytest.mark.parametrize("says", [0, -1, 0.001])
async def test_who_is_refused_again_and_again_asks_less_and_less_often(says: float, room: Room) -> None:
    room.there.next = [Answer(429, {"retry_after": says})] * 12

    await room.told("one", "two", worth_s=86_400.0)

    doubled = sum(min(2**n, 300) for n in range(12))
    assert room.there.asked == ["POST"] * 14 and room.clock.now() == MONDAY + timedelta(seconds=doubled)

    room.there.next = [Answer(200, {"id": "1"}), *[Answer(429, {"retry_after": says})] * 4]
    room.clock.set(then := room.clock.now() + 169 * HOUR)
    await room.told("three")
    assert room.there.asked[15:] == ["DELETE"] * 6 and room.clock.now() == then + timedelta(seconds=1 + 2 + 4 + 8)


@pytest.mark.parametrize("is_refused", [True, False])
async def test_who_wants_to_be_left_alone_for_ever_is_asked_again_in_a_quarter_of_an_hour_and_that_is_said(
    is_refused: bool, room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    said: list[str] = []
    room.office.said = said.append
    for_ever = {"x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "1e9"}
    room.there.next = [limited(1e9) if is_refused else Answer(200, {"id": "1"}, for_ever, takes=True)]

    await room.told("one", "two")

    assert room.there.titles == ["one", "two"] and room.clock.now() == MONDAY + HOUR / 4
    why = "Discord wants no messages for 15 minutes; they wait, and trading goes on"
    assert said == [why, ""] and caplog.text.count(why) == 1


async def test_a_defect_of_the_office_is_said_and_it_goes_on(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(SqliteMail):
        left = 3

        async def expired(self, *, at: datetime, limit: int) -> Any:
            self.left -= 1
            if self.left >= 0:
                raise RuntimeError(f"a defect near {room.url}{HOOK}")
            return await super().expired(at=at, limit=limit)

    said: list[str] = []
    room.mail.close()
    room.office._mail = room.box._mail = room.mail = Broken(room.folder / "mail.db")
    room.office.said = said.append
    async with room.office.open():
        async with asyncio.timeout(5):
            while not said or said[-1]:
                await asyncio.sleep(0)
        await room.box.take(message("one"))
        async with asyncio.timeout(5):
            while not room.there.titles:
                await asyncio.sleep(0)
    room.mail = SqliteMail(room.folder / "mail.db")

    why = "a defect in the post office, was RuntimeError; it is tried again in 60 s"
    assert said == [why] * 3 + [""] and caplog.text.count("Traceback") == 1


async def test_mail_that_cannot_be_read_is_given_up_and_all_other_mail_is_sent(room: Room) -> None:
    for name in ("no embeds", "of tomorrow", "two"):
        await room.box.take(message(name, chart="chart/one"))
    await room.archive.put("chart/one", b"picture")
    room.mail._db.execute("UPDATE posts SET body = '[]' WHERE id = 'no embeds#1'")
    room.mail._db.execute("UPDATE posts SET topic = 'tomorrow' WHERE id = 'of tomorrow#1'")

    await room.office.emptied()

    assert room.there.titles == ["two"] and room.office.dropped == 2


async def test_what_comes_too_late_to_be_worth_it_is_dropped_and_counted(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    room.there.next = [limited(4000.0)] * 5  # each is believed for a quarter of an hour

    await room.told("late", worth_s=3600.0)
    await room.told("in time")

    assert room.there.titles == ["in time"] and room.office.dropped == 1
    assert "1 messages to Discord came too late" in caplog.text


async def test_of_too_many_that_wait_the_oldest_are_dropped_and_urgent_ones_last(room: Room) -> None:
    await room.box.take(message("exit"))
    for number in range(22):
        await room.box.take(message(str(number), topic=Topic.DECISION))
    await room.office.emptied()

    assert room.there.titles == ["exit", *(str(number) for number in range(3, 22))] and room.office.dropped == 3


async def test_a_webhook_that_is_gone_is_said_once_and_asked_no_more_until_the_next_start(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    room.there.is_deleted = True

    await room.told("one", "two")
    await room.told("three")

    assert room.there.asked == ["POST"] and caplog.text.count("the webhook is gone") == 1

    room.there.is_deleted = False
    room.begin()
    await room.told()
    assert room.there.titles == ["one", "two", "three"]


async def test_a_message_that_discord_refuses_holds_up_no_other(room: Room) -> None:
    room.there.next = [Answer(400, {"code": 50035, "message": "Invalid Form Body"})]

    await room.told("refused", "taken")

    assert room.there.titles == ["taken"] and room.office.dropped == 1


async def test_messages_are_taken_back_a_week_later_also_by_another_process_and_those_that_are_gone_too(
    room: Room,
) -> None:
    await room.told("one", "two")
    del room.there.messages[next(iter(room.there.messages))]
    room.begin()

    room.clock.set(MONDAY + 167 * HOUR)
    await room.told()
    assert room.there.titles == ["two"] and "DELETE" not in room.there.asked

    room.clock.set(MONDAY + 168 * HOUR)
    await room.told("three")
    assert room.there.titles == ["three"] and room.there.asked[-3:] == ["POST", "DELETE", "DELETE"]


async def test_a_bot_whose_answer_was_lost_tells_nothing_twice(room: Room) -> None:
    room.begin(bot=("planted-bot-token.planted.planted-bot-token", f"77{0:016}"), base_url=room.url)
    await room.box.take(message("one", topic=Topic.DECISION))
    await killed_before_the_note(room)

    await room.told("two", topic=Topic.DECISION)

    assert room.there.titles == ["one", "two"] and room.there.asked == ["POST"] * 3


async def test_a_decision_comes_with_its_chart_and_without_where_there_is_none(room: Room) -> None:
    await room.archive.put("chart/one", b"\x89PNG picture")

    await room.told("one", chart="chart/one")
    await room.told("two", chart="chart/two")

    (first, second) = room.there.messages.values()
    assert first["embeds"][0]["image"] == {"url": "attachment://chart.png"} and "image" not in second["embeds"][0]
    assert list(room.there.pictures.values()) == [b"\x89PNG picture"]


async def test_phones_ring_by_level_and_not_in_the_quiet_hours(tmp_path: Path) -> None:
    there = Discord()
    async with serve(there) as url:
        wanted = {"quiet_hours": "22:00-07:00", "zone": "Europe/Berlin", "performance": "silent", "refusals": "off"}
        room = Room(url, there, tmp_path, **wanted)
        for hour in (5, 6):  # 6 and 7 in Berlin
            room.clock.set(MONDAY + hour * HOUR)
            await room.told(f"exit {hour}")
        room.clock.set(MONDAY + 23 * HOUR)
        await room.told("alarm", topic=Topic.ALARM)
        await room.told("day", topic=Topic.PERFORMANCE)
        await room.told("digest", topic=Topic.REFUSALS)
        room.mail.close()

    rang = {m["embeds"][0]["title"]: not m.get("flags") for m in there.messages.values()}
    assert rang == {"exit 5": False, "exit 6": True, "alarm": True, "day": False}


@pytest.mark.parametrize(
    ("at", "rings"),
    [
        # winter in Berlin is UTC+1, summer UTC+2; the nights between have 23 and 25 hours
        ("2026-01-10T20:59", True), ("2026-01-10T21:00", False),
        ("2026-01-11T05:59", False), ("2026-01-11T06:00", True),
        ("2026-03-28T21:00", False), ("2026-03-29T04:59", False), ("2026-03-29T05:00", True),
        ("2026-10-24T20:00", False), ("2026-10-25T05:59", False), ("2026-10-25T06:00", True),
    ],
)  # fmt: skip
def test_quiet_hours_are_those_of_the_clock_on_the_wall_over_midnight_and_over_both_changes_of_time(
    at: str, rings: bool
) -> None:
    wanted = policy.Discord(quiet_hours="22:00-07:00", zone="Europe/Berlin")
    (post,) = posts(message("exit"), "normal")
    then = datetime.fromisoformat(at).replace(tzinfo=UTC)

    assert is_heard(post, then, wanted) is rings
    assert is_heard(replace(post, level="always"), then, wanted)
    assert not is_heard(replace(post, level="silent"), then, wanted)
    assert is_heard(post, then, replace(wanted, quiet_hours=""))


async def test_the_webhook_is_told_to_nobody_whatever_happens(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ill, well = Answer(500, {"message": TOKEN}), Answer(200, {})
    room.there.next = [limited(1.0), ill, ill, ill, well, Answer(400, {"message": TOKEN}), LOST, Answer(404)]
    await room.told("one", "two")
    room.url = "http://127.0.0.1:9"
    room.begin()
    await room.box.take(message("three", worth_s=2.0))
    await room.office.emptied()

    said = [record.getMessage() for record in caplog.records if not record.name.startswith("uvicorn")]
    assert len(said) >= 4 and not any(TOKEN in each for each in said)
    for wrong in ("not an address", f"https://example.com/api/webhooks/1/{TOKEN}", f"http://discord.com{HOOK}"):
        with pytest.raises(InvalidSetting) as refused:
            DiscordCourier(room.clock.now, 1.0, webhook=wrong)
        assert TOKEN not in str(refused.value) and "not an address" not in str(refused.value)


async def test_doctor_reads_the_name_of_the_webhook_and_posts_nothing(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCORD_WEBHOOK_URL", room.url + HOOK)

    (well,) = await doctor_discord.examined(policy.Settings(), 2.0)
    room.there.is_deleted = True
    (gone,) = await doctor_discord.examined(policy.Settings(), 2.0)

    assert (well.state, well.said) == ("ok", "webhook Signals")
    assert gone.state == "warning" and "404" in gone.said and TOKEN not in f"{well}{gone}"
    assert room.there.asked == ["GET", "GET"]


WEBHOOK, BOT, CHANNEL = (
    f"https://discord.com/api/webhooks/1/{TOKEN}", f"{TOKEN}.planted.{TOKEN}", "123456789012345678",
)  # fmt: skip


@pytest.mark.parametrize(
    ("secrets", "is_well"),
    [
        ((WEBHOOK, "", ""), True),
        ((WEBHOOK.replace("discord.com", "ptb.discord.com"), "", ""), True),
        ((f"http://localhost:8080{HOOK}", "", ""), True),
        ((f"http://127.0.0.1:8080{HOOK}", "", ""), True),
        (("", BOT, CHANNEL), True),
        ((f"http://127.0.0.1:8080{HOOK}?wait=true", "", ""), False),
        (("https://discord.com/api/webhooks/1/short", "", ""), False),
        ((WEBHOOK.replace("discord.com", "evil-discord.com"), "", ""), False),
        (("", TOKEN, CHANNEL), False),
        (("", BOT, "77"), False),
    ],
)
async def test_doctor_and_a_run_take_the_same_for_a_secret_of_discord(
    secrets: tuple[str, str, str], is_well: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = dict(zip(DISCORD, secrets, strict=True))
    for name, value in told.items():
        monkeypatch.setenv(name, value)

    named = [found for found in doctor_keys.examined() if any(name in found.said for name in DISCORD)]
    assert all(found.state == "ok" for found in named) is is_well
    if is_well:
        assert wiring.discord(policy.Settings(), SetClock(MONDAY))
        return
    with pytest.raises(InvalidSetting) as refused:
        wiring.discord(policy.Settings(), SetClock(MONDAY))
    (found,) = await doctor_discord.examined(policy.Settings(), 2.0)
    assert (found.state, found.said) == ("missing", str(refused.value)) and "semsig run does not start" in found.mend
    assert "trading goes on" not in str(found) and not any(value and value in str(found) for value in secrets)


async def test_a_webhook_is_greeted_once_for_ever_whatever_its_token_and_silently(
    room: Room, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "semsig")

    async def started(path: str) -> None:
        monkeypatch.setenv("DISCORD_WEBHOOK_URL", room.url + path)
        held = wiring.home(room.folder / "home", policy.Settings(), "a test", is_durable=False)
        office, _ = post_office.opened(policy.Settings(), held, room.archive, lambda _: None)
        assert office
        async with office.open(), asyncio.timeout(5):
            while await office._mail.waiting() and not office.is_closed:
                await asyncio.sleep(0)
        held.close()

    await started(HOOK)
    await started(HOOK)
    await started(f"{HOOK}-anew")
    (told,) = room.there.messages.values()
    assert told["flags"] == 4096 and "BTC/USDC" in told["embeds"][0]["description"] and not refused_by_discord(told)
    assert caplog.text.count("Discord: told by a webhook") == 3 and TOKEN not in caplog.text

    await started(HOOK.replace("1200", "1300"))  # another one, though it is gone
    assert room.there.asked.count("POST") == 2


def test_what_is_said_of_a_place_is_no_secret() -> None:
    assert address.place(WEBHOOK, "").by == "a webhook"
    assert address.place("", CHANNEL).by == f"a bot in channel {CHANNEL}"


async def test_at_the_end_what_is_under_way_is_written_down(room: Room) -> None:
    async with room.office.open():
        await room.box.take(message("one"))
        while not room.there.messages:
            await asyncio.sleep(0)
    room.mail = SqliteMail(room.folder / "mail.db")

    assert await room.mail.waiting() == () and room.there.titles == ["one"]
