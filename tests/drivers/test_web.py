"""The socket and the pages in this process: listeners come, fall behind, leave, and are told when it ends."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from drivers.instance import free_port
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from world import BTC, MONDAY, bars, path, world

from semanticsignal.adapters.websocket import WAITING, WebSocketNotifier
from semanticsignal.domain.errors import BadInput
from semanticsignal.domain.market import Symbol, Timeframe
from semanticsignal.drivers import web
from semanticsignal.drivers.figures import Figures
from semanticsignal.drivers.vitals import Known
from semanticsignal.logic.execute.position import empty
from semanticsignal.logic.show import views
from semanticsignal.ports import Sockets


@dataclass
class House:
    """What the site needs of the crank that serves it."""

    on: Sockets
    figures: Figures
    notifier: WebSocketNotifier

    def health(self) -> views.HealthView:
        raise NotImplementedError

    def known(self) -> Known:
        return Known()

    async def request_analysis(self, symbol: Symbol) -> views.QueuedView:
        return views.QueuedView("asked", str(symbol), False)


def house() -> House:
    on = world(bars(path([100, 101, 102])))
    on.clock.set(MONDAY + timedelta(hours=8))  # type: ignore[attr-defined]
    return House(on, Figures(on.ledger, Timeframe.H4), WebSocketNotifier())


@asynccontextmanager
async def open_house() -> AsyncIterator[tuple[House, str]]:
    room = house()
    async with web.served(web.site(room, room.notifier), web.bound(0)) as address:
        yield room, address


@asynccontextmanager
async def listening(room: House, address: str) -> AsyncIterator[ClientConnection]:
    async with connect(address.replace("http", "ws") + "/ws", origin=address, proxy=None) as browser:  # type: ignore[arg-type]
        await eventually(lambda: room.notifier._listeners)
        yield browser


async def eventually(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


def view(number: int) -> views.MinutePassedView:
    return views.minute(MONDAY + timedelta(minutes=number), empty(Decimal(10_000)), {})


async def told(browser: ClientConnection) -> list[str]:
    """All it hears until it is closed."""
    heard: list[str] = []
    async with asyncio.timeout(10):
        try:
            while True:
                heard.append(str(await browser.recv()))
        except ConnectionClosed:
            return heard


async def test_a_listener_hears_what_is_told_in_order_and_then_that_it_ends() -> None:
    async with open_house() as (room, address), listening(room, address) as browser:
        for number in range(20):
            await room.notifier.tell(view(number))
        room.notifier.close()

        heard = await told(browser)

    assert [message.count("MinutePassed") for message in heard] == [1] * 20
    assert heard == sorted(heard) and len(set(heard)) == 20
    assert browser.close_code == 1001


async def test_a_listener_that_falls_behind_is_closed_and_nobody_else_is() -> None:
    async with open_house() as (room, address), listening(room, address) as slow:
        for number in range(WAITING + 1):
            await room.notifier.tell(view(number))
        heard = await told(slow)
        async with listening(room, address) as quick:
            await room.notifier.tell(view(0))
            after = str(await asyncio.wait_for(quick.recv(), 10))

    assert len(heard) == WAITING
    assert slow.close_code == 1001
    assert "MinutePassed" in after


async def test_who_left_is_told_nothing_more() -> None:
    async with open_house() as (room, address):
        async with listening(room, address):
            pass

        await eventually(lambda: not room.notifier._listeners)


async def test_whatever_a_page_sends_is_read_and_forgotten() -> None:
    async with open_house() as (room, address), listening(room, address) as browser:
        await browser.send("x" * 10_000)
        await browser.send('{"kind": "DecisionMade"}')
        await room.notifier.tell(view(1))

        heard = str(await asyncio.wait_for(browser.recv(), 10))

    assert "MinutePassed" in heard


async def test_a_page_that_sends_bytes_does_no_harm() -> None:
    async with open_house() as (room, address), listening(room, address) as other:
        async with listening(room, address) as browser:
            await browser.send(b"\x00\xff")
            await room.notifier.tell(view(1))

        heard = str(await asyncio.wait_for(other.recv(), 10))
        await room.notifier.tell(view(2))
        more = str(await asyncio.wait_for(other.recv(), 10))

    assert "00:01:00" in heard and "00:02:00" in more


async def test_the_port_is_free_once_it_stopped() -> None:
    async with open_house() as (_, address):
        port = int(address.rsplit(":", 1)[1])
        with pytest.raises(BadInput, match=f"port {port} is busy"):
            web.bound(port)

    web.bound(port).close()


async def test_it_listens_on_loopback_only() -> None:
    listener = web.bound(free_port())

    name = listener.getsockname()[0]
    listener.close()

    assert name == "127.0.0.1"
    assert listener.family == socket.AF_INET


async def test_without_a_built_dashboard_the_page_says_how_to_build_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "SITE", tmp_path)
    async with (
        open_house() as (_, address),
        httpx.AsyncClient(base_url=address, verify=False, trust_env=False) as browser,
    ):
        page = await browser.get("/")

    assert page.status_code == 200
    assert "make setup" in page.text and "default-src 'self'" in page.headers["content-security-policy"]


async def test_its_own_page_by_either_name_and_no_page_at_all_may_act() -> None:
    async with (
        open_house() as (_, address),
        httpx.AsyncClient(base_url=address, verify=False, trust_env=False) as browser,
    ):
        port = address.rsplit(":", 1)[1]
        pages = [{}, {"origin": address}, {"origin": f"http://localhost:{port}", "host": f"localhost:{port}"}]
        answers = [await browser.post("/api/analyses", json={"symbol": str(BTC)}, headers=page) for page in pages]

    assert [answer.status_code for answer in answers] == [202, 202, 202]


async def test_a_refusal_carries_the_headers_of_every_answer() -> None:
    """A frame or a script may be made of an error page too."""
    async with (
        open_house() as (_, address),
        httpx.AsyncClient(base_url=address, verify=False, trust_env=False) as browser,
    ):
        foreign = await browser.get("/", headers={"origin": "https://evil.example"})
        unknown = await browser.get("/api/nothing")

    for answer in (foreign, unknown):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


async def test_long_answers_are_sent_small_to_who_can_read_them() -> None:
    async with (
        open_house() as (_, address),
        httpx.AsyncClient(base_url=address, verify=False, trust_env=False) as browser,
    ):
        plain = await browser.get("/openapi.json", headers={"accept-encoding": "identity"})
        page = await browser.get("/openapi.json", headers={"accept-encoding": "gzip"})

    assert "content-encoding" not in plain.headers
    assert page.headers["content-encoding"] == "gzip" and page.content == plain.content


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_foreign_page_may_not_even_load_a_picture(site: str) -> None:
    async with open_house() as (_, address), httpx.AsyncClient(base_url=address, verify=False, trust_env=False) as web:
        picture = await web.get("/api/health", headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"})
        page = await web.get("/", headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"})

    assert picture.status_code == 403
    assert page.status_code == 200
    assert page.headers["cross-origin-resource-policy"] == "same-origin"


async def test_a_body_larger_than_any_question_is_not_read() -> None:
    async with open_house() as (_, address), httpx.AsyncClient(base_url=address, verify=False, trust_env=False) as web:
        large = await web.post("/api/analyses", json={"symbol": "B" * 10_000})

    assert large.status_code == 413
    assert large.headers["content-type"] == "application/problem+json"


async def test_an_origin_that_cannot_be_read_is_foreign() -> None:
    async with open_house() as (_, address), httpx.AsyncClient(base_url=address, verify=False, trust_env=False) as web:
        odd = await web.get("/api/health", headers={"Origin": "http://["})

    assert odd.status_code == 403
