"""An hour of the press: one of each story as it was first seen, who is silent, and nothing that was not known yet."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from world import H4, MONDAY, bars, path, told, world

from semanticsignal.adapters.folder import FolderArchive
from semanticsignal.codec import dumps, loads
from semanticsignal.domain.errors import Unavailable
from semanticsignal.domain.events import HourPassed, NewsGathered
from semanticsignal.domain.news import Article, News
from semanticsignal.drivers.aws_lambda import serve
from semanticsignal.drivers.loop import Loop
from semanticsignal.ports import Sockets
from semanticsignal.stages.news import news
from tests.functions.lambdas import Bus, recorded

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
TWENTY = MONDAY + 5 * H4
ID = "news#2026-01-05T20:00:00+00:00"


def article(number: int, published_at: datetime = TWENTY - MINUTE, **changes: Any) -> Article:
    made = Article(
        str(number), "hand", f"Story {number}", "Told.", f"https://n.example/{number}", published_at, published_at
    )
    return replace(made, **changes)


class Press:
    """Tells what it is given, after `takes_s`; keeps what it was asked."""

    def __init__(self, name: str, *tells: Article, wrong: str = "", takes_s: float = 0) -> None:
        self.name, self.tells, self.wrong, self._takes_s = name, tells, wrong, takes_s
        self.asked: list[tuple[datetime, int]] = []

    async def articles(self, *, until: datetime, limit: int) -> tuple[Article, ...]:
        self.asked.append((until, limit))
        await asyncio.sleep(self._takes_s)
        if self.wrong:
            raise Unavailable(self.wrong)
        return self.tells


def sockets(*press: Press, at: datetime = TWENTY + SECOND, archive: Any = None, **overrides: Any) -> Sockets:
    on = world(bars(path([100] * 8)), **overrides)
    on.clock.set(at)  # type: ignore[attr-defined]
    return replace(on, news=press, archive=archive or on.archive)


async def hour(on: Sockets, at: datetime = TWENTY) -> News:
    """What stands of the hour that begins, a second later."""
    on.clock.set(at + SECOND)  # type: ignore[attr-defined]
    (fact,) = await news(HourPassed(at), on)
    found: News = await on.archive.get(f"news/{fact.id}", News)
    return found


async def test_an_hour_is_gathered_archived_and_told() -> None:
    on = sockets(Press("a", article(1), article(2, TWENTY - HOUR)), Press("b", article(3, TWENTY - 2 * MINUTE)))

    facts = await news(HourPassed(TWENTY), on)

    now = TWENTY + SECOND
    assert facts == (NewsGathered(ID, now),)
    assert await on.archive.get(f"news/{ID}", News) == News(
        ID,
        now,
        (
            article(1, seen_at=now),
            article(3, TWENTY - 2 * MINUTE, seen_at=now),
            article(2, TWENTY - HOUR, seen_at=now),
        ),
        silent={},
    )


async def test_everyone_is_asked_at_once_and_until_now() -> None:
    press = [Press(str(number), article(number), takes_s=0.2) for number in range(10)]

    async with asyncio.timeout(1.5):
        await news(HourPassed(TWENTY), sockets(*press))

    assert [one.asked for one in press] == [[(TWENTY + SECOND, 100)]] * 10


async def test_who_is_silent_is_named_and_silences_nobody() -> None:
    found = await hour(sockets(Press("b", wrong="b: HTTP 500"), Press("one", article(1))))

    assert ([a.id for a in found.articles], found.silent) == (["1"], {"b": "b: HTTP 500"})


async def test_when_all_are_silent_nothing_is_kept_and_the_next_try_may_hear() -> None:
    press = Press("one", article(1), wrong="one: HTTP 500")
    on = sockets(press)

    with pytest.raises(Unavailable, match="every source is silent: one: HTTP 500"):
        await news(HourPassed(TWENTY), on)
    press.wrong = ""

    assert len((await hour(on)).articles) == 1


async def test_the_press_may_have_nothing_to_say() -> None:
    assert (await hour(sockets(Press("one")))).articles == ()


async def test_the_same_hour_twice_tells_the_same_and_asks_nobody_again() -> None:
    press = Press("one", article(1))
    on = sockets(press)
    first = await news(HourPassed(TWENTY), on)
    on.clock.set(TWENTY + 99 * HOUR)  # type: ignore[attr-defined]

    assert await news(HourPassed(TWENTY + 3 * SECOND), on) == first
    assert len(press.asked) == 1


@pytest.mark.parametrize("at", [TWENTY - SECOND, TWENTY + HOUR, TWENTY + 99 * HOUR])
async def test_an_hour_that_is_over_or_has_not_begun_is_not_gathered(at: datetime) -> None:
    press = Press("one", article(1))
    on = sockets(press, at=at)

    assert await news(HourPassed(TWENTY), on) == ()
    assert press.asked == []


async def test_without_a_source_nobody_is_asked_and_nothing_told() -> None:
    assert await news(HourPassed(TWENTY), sockets()) == ()


async def test_one_story_of_two_publishers_stands_once() -> None:
    same = article(9, TWENTY - 2 * MINUTE, title="STORY 1!")

    found = await hour(sockets(Press("a", article(1)), Press("b", same)))

    assert [a.id for a in found.articles] == ["9"]


async def test_an_article_stands_as_it_was_first_seen() -> None:
    press = Press("one", article(1))
    on = sockets(press)
    await hour(on, TWENTY)
    press.tells = (article(1, body="Rewritten, and much longer."), article(2, TWENTY + 30 * MINUTE))

    later = await hour(on, TWENTY + HOUR)

    assert [(a.id, a.body, a.seen_at) for a in later.articles] == [
        ("2", "Told.", TWENTY + HOUR + SECOND),
        ("1", "Told.", TWENTY + SECOND),
    ]


async def test_what_left_the_feed_stays_until_it_is_too_old() -> None:
    press = Press("one", article(1))
    on = sockets(press, news__keep_hours=3)
    await hour(on, TWENTY)
    press.tells = ()

    assert [len((await hour(on, TWENTY + hours * HOUR)).articles) for hours in (1, 2, 3)] == [1, 1, 0]


async def test_what_was_seen_before_hours_that_nobody_gathered_is_remembered() -> None:
    press = Press("one", article(1))
    on = sockets(press)
    first = await hour(on, TWENTY)
    press.tells = (article(1, title="Rewritten"),)

    assert (await hour(on, TWENTY + 9 * HOUR)).articles == first.articles


async def test_what_is_published_later_is_not_kept() -> None:
    found = await hour(sockets(Press("one", article(1, TWENTY + 2 * SECOND), article(2))))

    assert [a.id for a in found.articles] == ["2"]


async def test_what_is_archived_comes_back_from_a_folder_as_it_was(tmp_path: Path) -> None:
    on = sockets(Press("one", article(1)), Press("two", wrong="two: gone"), archive=FolderArchive(tmp_path))

    found = await hour(on)

    assert found == loads(News, dumps(found)) and found.silent == {"two": "two: gone"}


def test_the_function_hears_its_schedule_and_tells_the_bus() -> None:
    on, bus = sockets(Press("one", article(1))), Bus()
    function = serve("news", lambda: on, bus.publish)

    answer = function(recorded("news"), None)
    function.runner.close()

    assert answer == {"facts": [ID]}
    assert bus.facts == [NewsGathered(ID, TWENTY + SECOND)]


async def test_nothing_is_decided_or_written_because_of_it() -> None:
    on = sockets(Press("one", article(1)))

    facts = await Loop(on, on.ledger).run(HourPassed(TWENTY))  # type: ignore[arg-type]

    assert [type(fact).__name__ for fact in facts] == ["HourPassed", "NewsGathered"]
    assert await told(on) == []
