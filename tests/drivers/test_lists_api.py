"""The endless lists: decisions by cursor, everything lived by page, both chosen on the server."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from drivers.test_news_api import Site, asking, both, sockets
from world import BTC, MONDAY, decision, lived, signal

from semanticsignal.domain.decision import Action, Refusal
from semanticsignal.domain.events import DecisionMade, LessonLearned
from semanticsignal.domain.learning import Conditions, Lesson
from semanticsignal.domain.ledger import Entry, Learned
from semanticsignal.drivers import api
from semanticsignal.logic.decide.recall import likeness, vector
from semanticsignal.ports import Sockets

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RISING, FALLING = Conditions({}, {"rsi": 80.0, "adx": 40.0}), Conditions({}, {"rsi": 20.0, "adx": 40.0})


async def decide(on: Sockets, number: int, **changes: Any) -> str:
    made = decision(id=f"d{number}", closed_at=MONDAY - (100 - number) * HOUR, **changes)
    await on.ledger.record(Entry(DecisionMade(made.id, made.symbol, made.closed_at), made))
    return made.id


async def learn(on: Sockets, name: str, days: int, **more: Any) -> None:
    one = lived(name, closed_at=MONDAY - days * DAY, **more)
    told = Lesson(f"{name}#lesson", name, BTC, one.closed_at, "worked", f"{name} taught this")
    await on.ledger.record(Entry(LessonLearned(name, BTC, one.closed_at), Learned(one, told)))


async def some_decisions() -> Sockets:
    on = sockets()
    for number in range(10):
        await decide(on, number)
    await decide(on, 10, action=Action.BUY, signal=replace(signal(), reasoning="The breakout held"))
    await decide(on, 11, is_forced=True)
    await decide(on, 12, signal=signal(Action.BUY), refusals=(Refusal("cooldown", "two bars since the stop"),))
    return on


def ids(told: dict[str, Any]) -> list[str]:
    return [one["id"] for one in told["decisions"]]


@both
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("action=acted", ["d10"]),
        ("action=BUY", ["d10"]),
        ("action=refused", ["d12"]),
        ("action=forced", ["d11"]),
        ("words=BREAKOUT+held", ["d10"]),
        ("words=cooldown", ["d12"]),
        ("words=breakout&action=HOLD", []),
        ("words=nowhere", []),
    ],
)
async def test_decisions_are_chosen_by_what_became_of_them_and_by_words(
    asked: str, found: list[str], site: Site
) -> None:
    async with asking(await some_decisions(), site) as ask:
        told = await ask(f"/api/decisions?{asked}")

    assert (ids(told), told["next"]) == (found, None)


async def test_what_matches_nothing_is_not_looked_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "GLANCE", 2)
    monkeypatch.setattr(api, "LOOKED_AT", 4)
    async with asking(await some_decisions()) as ask:
        first = await ask("/api/decisions?words=nowhere")
        second = await ask(f"/api/decisions?words=nowhere&before={first['next']}")

    assert (ids(first), first["next"], second["next"]) == ([], "d9", "d5")
    assert first["searched_until"] > second["searched_until"]


@pytest.mark.parametrize("asked", ["", "&action=HOLD", "&action=acted"])
async def test_page_after_page_tells_each_once_until_the_ledger_begins(asked: str) -> None:
    async with asking(await some_decisions()) as ask:
        whole = ids(await ask(f"/api/decisions?limit=100{asked}"))
        paged, before = [], ""
        for _ in range(20):
            told = await ask(f"/api/decisions?limit=3&before={before}{asked}")
            paged += ids(told)
            if (before := told["next"]) is None:
                break

    assert before is None and paged == whole and whole


@both
async def test_a_page_of_everything_lived_says_how_much_there_is(site: Site) -> None:
    on = sockets()
    for number in range(5):
        await learn(on, f"t{number}", number)
    async with asking(on, site) as ask:
        told = await ask("/api/memory?offset=1&limit=2")
        chosen = await ask(f"/api/memory?since={quote((MONDAY - 2 * DAY).isoformat())}&outcome=won&side=long")
        await learn(on, "newest", 0)
        same = await ask(f"/api/memory?offset=1&limit=2&until={quote((MONDAY - HOUR).isoformat())}")

    assert ([one["trade_id"] for one in told["experiences"]], told["total"]) == (["t1", "t2"], 5)
    assert [one["trade_id"] for one in chosen["experiences"]] == ["t0", "t1", "t2"]
    assert ([one["trade_id"] for one in same["experiences"]], same["total"]) == (["t2", "t3"], 4)


async def test_likeness_is_that_of_recall_to_the_newest_decision_of_the_pair_or_to_one_that_is_named() -> None:
    on = sockets()
    await learn(on, "up", 3, conditions=RISING)
    await learn(on, "down", 2, conditions=FALLING)
    named = await decide(on, 1, conditions=FALLING)
    newest = await decide(on, 2, conditions=RISING)
    async with asking(on) as ask:
        told = await ask(f"/api/memory?sort=similarity&like={quote(str(BTC))}")
        other = await ask(f"/api/memory?sort=similarity&like={named}")

    alike = {one["trade_id"]: one["similarity_ratio"] for one in told["experiences"]}
    assert list(alike) == ["up", "down"] and told["like"] == newest
    assert alike["down"] == pytest.approx(likeness(vector(RISING), vector(FALLING)))
    assert alike["up"] == pytest.approx(1)
    assert [one["trade_id"] for one in other["experiences"]] == ["down", "up"]


async def test_one_thing_lived_names_the_decisions_that_recalled_it_newest_first() -> None:
    on = sockets()
    await learn(on, "t", 3)
    async with asking(on) as ask:
        before = await ask(f"/api/memory/{quote('t#experience', safe='')}")
        for number in (1, 2):
            await decide(on, number, recalled=("t#experience",))
        told = await ask(f"/api/memory/{quote('t#experience', safe='')}")
        await ask("/api/memory/nothing", 404)

    assert (before["experience"]["used"], before["recalled_by"]) == (0, [])
    assert [one["decision_id"] for one in told["recalled_by"]] == ["d2", "d1"]
    assert told["experience"]["used"] == 2 and told["recalled_by"][0]["return_ratio"] is None
