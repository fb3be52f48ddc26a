"""The public door of the cloud: open only where the settings say so, and never to a word that was asked or answered."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest
from world import BTC, H4, MONDAY, CycleModel, bars, close, path, told, world

from semanticsignal.domain.decision import Prompt, Reply
from semanticsignal.domain.errors import ModelUnavailable
from semanticsignal.drivers.aws_api import CloudRoom, site
from semanticsignal.ports import Sockets

PROMPT_HASH = "prompt_sha256"


KEY = "sk-or-abc123"
EVERYWHERE = (
    "state",
    "events",
    "decisions",
    "refusals",
    "brain",
    "memory",
    "news",
    "context",
    "hindsights",
    "post-mortems",
)


class Leaking(CycleModel):
    """Its server says more than it should."""

    async def complete(self, prompt: Prompt) -> Reply:
        raise ModelUnavailable(f"http://10.0.3.7/v1 said: key {KEY} at /home/me")


async def lived(*, is_public: bool, model: CycleModel | None = None) -> tuple[Sockets, httpx.AsyncClient]:
    closed = MONDAY + 300 * H4
    on = world(bars(path([100 + n % 7 for n in range(320)])), model=model or CycleModel(), cloud__is_public=is_public)
    await close(on, closed)
    nobody: Any = None
    room = CloudRoom(on, nobody, nobody)
    await room.refresh()
    return on, httpx.AsyncClient(transport=httpx.ASGITransport(site(room)), base_url="http://page")


async def test_anybody_sees_a_decision_and_none_of_the_words_that_led_to_it() -> None:
    on, page = await lived(is_public=True)
    (made,) = await told(on, "DecisionMade")
    where = f"/api/decisions/{quote(made.fact.id, safe='')}"
    private = (await page.get(where)).json()

    shown = await page.get(f"/public{where}")

    assert all(private[name] for name in ("user_prompt", "reply", "snapshot"))
    assert shown.status_code == 200
    seen = shown.json()
    assert [seen[name] for name in ("system_prompt", "user_prompt", "reply", "snapshot", PROMPT_HASH)] == [None] * 5
    assert seen["decision"] == private["decision"]
    assert private["user_prompt"][:80] not in shown.text and private["reply"] not in shown.text


async def test_what_a_models_server_said_is_neither_told_nor_found_by_guessing() -> None:
    on, page = await lived(is_public=True, model=Leaking())
    (made,) = await told(on, "DecisionMade")
    story = f"decisions/{quote(made.fact.id, safe='')}"
    assert KEY in (await page.get("/api/refusals")).text

    for where in (*EVERYWHERE, story, f"brain?decision={quote(made.fact.id, safe='')}"):
        answer = await page.get(f"/public/api/{where}")
        assert (answer.status_code, KEY in answer.text) == (200, False), where
    found = [(await page.get(f"/{door}api/decisions?words={KEY[:5]}")).json() for door in ("", "public/")]
    assert [len(one["decisions"]) for one in found] == [1, 0]


async def test_after_the_public_the_signed_in_see_everything_again() -> None:
    on, page = await lived(is_public=True)
    (made,) = await told(on, "DecisionMade")
    where = f"/api/decisions/{quote(made.fact.id, safe='')}"

    await page.get(f"/public{where}")

    assert (await page.get(where)).json()["user_prompt"]


@pytest.mark.parametrize("asked", ["/api/costs", "/api/vitals", "/api/search?words=x", "/api/snapshots/x", "/config"])
async def test_what_is_not_shown_is_not_there(asked: str) -> None:
    _, page = await lived(is_public=True)

    answer = await page.get(f"/public{asked}")

    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")


async def test_nobody_acts_through_the_public_door() -> None:
    _, page = await lived(is_public=True)

    assert (await page.post("/public/api/analyses", json={"symbol": str(BTC)})).status_code == 404


async def test_where_the_settings_do_not_say_so_the_door_is_shut() -> None:
    _, page = await lived(is_public=False)

    assert (await page.get("/public/api/state")).status_code == 404
