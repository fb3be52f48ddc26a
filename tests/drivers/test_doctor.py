"""`semsig doctor`, and the look before a live run: what can be reached from here, said shortly and in time."""

import asyncio
import json
import os
import platform
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from socket import gaierror
from threading import Event
from typing import Any

import pytest
from drivers.instance import free_port, here, refusal
from fastapi import FastAPI
from fastapi.responses import Response
from loopback import serve

from semanticsignal import wiring
from semanticsignal.adapters.ccxt import CcxtMarket
from semanticsignal.adapters.system_clock import SystemClock
from semanticsignal.domain.errors import InvalidSymbol, Unavailable
from semanticsignal.domain.market import Symbol, epoch_ms
from semanticsignal.domain.policy import Model, Settings
from semanticsignal.domain.secrets import SECRETS
from semanticsignal.drivers import doctor, doctor_keys, web
from semanticsignal.drivers.doctor import Answer, Offline
from semanticsignal.drivers.findings import Finding, State, reason
from semanticsignal.simulate import exchange
from semanticsignal.simulate.market import SimulatedMarket

BTC, ETH = Symbol("BTC", "USDC"), Symbol("ETH", "USDC")
CLOCK = SystemClock()


def venue(url: str, name: str = "binance") -> CcxtMarket:
    return CcxtMarket(name, base_url=url, clock=CLOCK.now)


@asynccontextmanager
async def listing(*pairs: Symbol, ahead_ms: int = 0) -> AsyncIterator[str]:
    """The simulated exchange, with a clock of its own."""
    market = SimulatedMarket(17, pairs)
    async with serve(exchange.app(market, lambda: epoch_ms(CLOCK.now()) + ahead_ms)) as url:
        yield url


@asynccontextmanager
async def answering(status: int) -> AsyncIterator[str]:
    api = FastAPI()

    async def answer() -> Response:
        return Response("not from there", status)

    api.add_api_route("/{path:path}", answer, methods=["GET"], response_model=None)
    async with serve(api) as url:
        yield url


@asynccontextmanager
async def black_hole() -> AsyncIterator[str]:
    """It lets everybody in, and never answers."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        finally:
            writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


# --- Venues --------------------------------------------------------------------------------------------------------


async def test_each_venue_is_told_with_what_it_lists_and_how_it_answers() -> None:
    async with listing(BTC, ahead_ms=-5_000) as late, listing(BTC, ETH) as well, answering(451) as shut:
        markets = {"one": venue(late), "two": venue(well), "three": venue(shut)}

        found = await doctor.answers(markets, (BTC, ETH))

    one, two, three = (doctor._venue(answer) for answer in found)
    assert [answer.listed for answer in found] == [(BTC,), (BTC, ETH), ()]
    assert (one.state, one.mend) == (State.WARNING, "set this machine's clock")
    assert one.said.startswith("our clock ") and one.said.endswith("ms ahead; lists BTC/USDC")
    assert (two.state, two.mend) == (State.OK, "") and 0 <= (two.latency_ms or 0) < 5_000
    assert three.state is State.WARNING and three.said.startswith("blocked from here: ")


async def test_a_venue_that_never_answers_costs_its_own_time_and_no_others() -> None:
    began = time.monotonic()
    async with listing(BTC) as well, black_hole() as hole:
        markets = {str(n): venue(hole) for n in range(5)} | {"well": venue(well)}

        found = await doctor.answers(markets, (BTC,), limit_s=1.5)

    assert time.monotonic() - began < 8
    assert [bool(answer.wrong) for answer in found] == [True] * 5 + [False]
    assert {answer.wrong for answer in found[:5]} == {"no answer in 1.5 s"}


async def test_a_venue_that_is_none_and_one_where_nobody_listens_are_told_apart() -> None:
    markets = {"nosuch": CcxtMarket("nosuch", clock=CLOCK.now), "away": venue(f"http://127.0.0.1:{free_port()}")}

    found = await doctor.answers(markets, (BTC,))

    assert "exchange must be a venue that ccxt knows" in found[0].wrong and "ccxt knows" in found[0].mend
    assert found[1].wrong.startswith("cannot reach 127.0.0.1:")


@pytest.mark.parametrize(
    ("name", "said", "short"),
    [
        ("kucoin", "kucoin: no whole answer in 8 s", "no whole answer in 8 s"),
        ("kucoin", "kucoin: ", "no answer"),
        ("data-api.binance.vision", "binance: no whole answer in 8 s", "no whole answer in 8 s"),
        ("gate", "binance: no whole answer in 8 s", "binance: no whole answer in 8 s"),
        ("gate", "gate", "gate"),
    ],
)
async def test_a_venue_is_named_once_beside_its_reason(name: str, said: str, short: str) -> None:
    (answer,) = await doctor.answers({name: Silent(said)}, (BTC,))

    assert answer.wrong == short


class Silent:
    """A venue that says why it cannot be read."""

    def __init__(self, said: str) -> None:
        self._said = said

    async def probe(self, pairs: object) -> None:
        raise Unavailable(self._said)

    async def close(self) -> None:
        """Nothing was opened."""


@pytest.mark.parametrize("fallback", ["nosuch", "Kraken", ""])
def test_a_fallback_that_is_no_venue_is_refused_as_by_run(tmp_path: Path, fallback: str) -> None:
    (tmp_path / "config.toml").write_text(f'[collect]\nfallbacks = ["{fallback}"]\n')

    said = refusal(here("doctor", folder=tmp_path))

    assert said.startswith("semsig: collect.fallbacks must be a venue ") and said.endswith(f"was {fallback!r}")
    assert ("in lower case, like kraken" in said) == (fallback == "Kraken")
    assert refusal(here("run", "--market", "live", folder=tmp_path)) == said


def told(*listed: tuple[Symbol, ...] | None) -> tuple[Answer, ...]:
    return tuple(
        Answer(f"v{n}", wrong="no answer in 9 s") if pairs is None else Answer(f"v{n}", pairs, 20)
        for n, pairs in enumerate(listed)
    )


@pytest.mark.parametrize(
    ("listed", "state", "said"),
    [
        (((BTC, ETH), None), State.OK, "BTC/USDC, ETH/USDC can be read, v0 first"),
        ((None, (BTC,), (ETH,)), State.OK, "BTC/USDC, ETH/USDC can be read, v1 first"),
        (((BTC,), None), State.MISSING, "no venue that can be read lists ETH/USDC"),
        ((None, None), State.MISSING, "no venue can be read, asked: v0, v1"),
    ],
)
def test_each_pair_needs_one_venue(listed: tuple[Any, ...], state: State, said: str) -> None:
    (found,) = doctor._market(told(*listed), (BTC, ETH))

    assert (found.state, found.said) == (state, said)
    assert bool(found.mend) == (state is State.MISSING)


def test_before_a_run_all_some_or_none_can_be_read() -> None:
    assert doctor.reachable(told((BTC,), ()), (BTC,)) == ""
    assert doctor.reachable(told((BTC,), None), (BTC,)) == (
        "cannot be read from here: v1 (no answer in 9 s); it goes on with v0"
    )
    with pytest.raises(InvalidSymbol, match="no venue lists ETH/USDC, was v0, v1"):
        doctor.reachable(told((BTC,), (BTC,)), (BTC, ETH))
    with pytest.raises(Offline) as screen:
        doctor.reachable(told(None, None), (BTC,))
    assert "  v0  no answer in 9 s\n  v1  no answer in 9 s\n" in str(screen.value)
    for step in ("VPN", "SEMSIG_EXCHANGE", "semsig doctor", "semsig run --market simulated", "Nothing was started"):
        assert step in str(screen.value)


# --- Sources, and what hangs ---------------------------------------------------------------------------------------


class Source:
    """Tells so many, or fails, or never answers."""

    def __init__(self, count: int) -> None:
        self._count = count

    async def articles(self, *, until: object, limit: int) -> tuple[int, ...]:
        if self._count < 0:
            await asyncio.sleep(3600)
        if not self._count:
            raise Unavailable("www.coindesk.com: HTTP 500")
        return (1,) * self._count


@pytest.mark.parametrize(
    ("count", "state", "said"),
    [
        (12, State.OK, "12 articles"),
        (0, State.WARNING, "www.coindesk.com: HTTP 500"),
        (-1, State.WARNING, "no answer in 0.05 s"),
    ],
)
async def test_a_source_that_is_silent_is_a_warning(count: int, state: State, said: str) -> None:
    found = await doctor._source("news x", Source(count).articles(until=None, limit=9), "articles", 0.05)

    assert (found.state, found.said) == (state, said)


def test_who_cannot_be_reached_is_named_without_the_words_of_a_library() -> None:
    wrong = Unavailable("api.coingecko.com: ConnectError [Errno -2] Name or service not known")
    wrong.__cause__ = gaierror(-2, "Name or service not known")

    assert reason(wrong) == "cannot reach api.coingecko.com, was Name or service not known"


def test_what_only_took_too_long_is_said_to() -> None:
    wrong = Unavailable("api.coingecko.com: no whole answer in 10 s")
    wrong.__cause__ = TimeoutError()

    assert reason(wrong) == "api.coingecko.com: no whole answer in 10 s"


def test_a_look_asks_publishers_for_their_feed_and_for_no_page() -> None:
    def pages(feeds: tuple[Any, ...]) -> list[bool]:
        return [feed._pages is not None for feed in feeds]

    assert pages(wiring.gathered(Settings(), with_pages=False)[1]) == [False] * 4
    assert pages(wiring.gathered(Settings())[1]) == [True] * 4


async def test_the_look_of_doctor_is_the_one_without_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, bool]] = []

    def gathered(_: Settings, **how: bool) -> tuple[tuple[()], tuple[()]]:
        asked.append(how)
        return (), ()

    monkeypatch.setattr(wiring, "gathered", gathered)
    assert await doctor._sources(Settings(), CLOCK, 1) == [] and asked == [{"with_pages": False}]


@pytest.mark.parametrize(("place", "state"), [("home", State.OK), ("file/home", State.MISSING)])
def test_a_home_is_tried_and_nothing_is_left_of_it(tmp_path: Path, place: str, state: State) -> None:
    (tmp_path / "file").write_text("in the way")

    assert doctor._home(Settings(home=str(tmp_path / place))).state is state
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="a file system that refuses whatever its permissions say")
def test_a_home_that_the_file_system_refuses_is_missing() -> None:
    assert doctor._home(Settings(home="/proc/x")).state is State.MISSING


def test_who_holds_a_port_is_named(tmp_path: Path) -> None:
    taken = web.bound(0)
    port = taken.getsockname()[1]

    found = doctor._port(Settings(port=port))
    taken.close()

    assert found.state is State.MISSING and found.said.startswith(f"{port} is busy: ")
    assert found.said.endswith(f", process {os.getpid()}, listens there")


KEYS = {
    "OPENROUTER_API_KEY": "sk-or-v1-" + "planted" * 2, "BLOCKRUN_WALLET_KEY": "0x" + "9a" * 32,
    "DISCORD_WEBHOOK_URL": "https://discord.com/api/webhooks/1/planted-planted-planted",
    "MAIN_CHANNEL_ID": "123456789012345678",
    "BOT_TOKEN_DISCORD": "planted1planted1.planted.planted1planted1", "GOOGLE_STUDIO_API_KEY": "planted-planted-1",
}  # fmt: skip


def test_keys_are_told_by_name_and_place_and_one_that_cannot_be_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in SECRETS:
        monkeypatch.delenv(name, raising=False)
    assert [found.said for found in doctor_keys.examined()] == ["set: none, and none is needed"]

    (tmp_path / ".env").write_text("".join(f"{name}={key}\n" for name, key in KEYS.items()))
    monkeypatch.setenv("MODEL_API_KEY", "planted")
    (well,) = doctor_keys.examined()
    assert well.state is State.OK and all(f"{name} (.env)" in well.said for name in KEYS)
    assert "MODEL_API_KEY (environment)" in well.said and "planted" not in well.said

    for name in (*KEYS, "CRYPTOCOMPARE_API_KEY"):
        monkeypatch.setenv(name, "plan ted")
        odd = doctor_keys.examined()[-1]
        assert (odd.state, odd.said) == (State.WARNING, f"{name} (environment) does not look like one")
        assert odd.mend.startswith(f"another {name}: ") and "plan ted" not in odd.mend
        monkeypatch.delenv(name)


def test_the_system_is_told() -> None:
    found = doctor._system()

    assert found.state is State.OK and found.said.startswith(f"Python {platform.python_version()} on ")


def test_a_name_that_is_never_resolved_holds_up_nobody() -> None:
    """The resolver runs in a thread, and a thread cannot be told to stop."""
    never, began = Event(), time.monotonic()

    async def hanging() -> str:
        try:
            async with asyncio.timeout(0.1):
                await asyncio.to_thread(never.wait, 30)
        except TimeoutError:
            return "gone on"
        return "waited"

    try:
        assert doctor.run(hanging()) == "gone on"
        assert time.monotonic() - began < 5
    finally:
        never.set()


async def test_the_whole_takes_no_longer_than_its_limit_when_everything_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Settings(home=str(tmp_path / "home"), port=free_port())
    async with black_hole() as hole:
        monkeypatch.setattr(wiring, "venues", lambda *_: {"binance": venue(hole), "kraken": venue(hole, "kraken")})
        monkeypatch.setattr(wiring, "gathered", lambda *_, **__: ((), (Named(-1),)))
        settings = replace(place, model=Model("openai_compatible", f"{hole}/v1"))
        began = time.monotonic()

        found = await doctor.examined(settings, CLOCK, limit_s=0.5)

    assert time.monotonic() - began < 8
    assert [f.what for f in found if f.state is State.MISSING] == ["market", "model"]
    assert not (tmp_path / "home").exists()


class Named(Source):
    name = "x"


# --- The commands --------------------------------------------------------------------------------------------------


@contextmanager
def unreachable(*names: str) -> Iterator[pytest.MonkeyPatch]:
    """Venues of that name, at addresses where nobody listens; and no other source."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            wiring, "venues", lambda *_: {name: venue(f"http://127.0.0.1:{free_port()}", name) for name in names}
        )
        patch.setattr(wiring, "gathered", lambda *_, **__: ((), ()))
        yield patch


@pytest.mark.parametrize("command", [("run", "--market", "live"), ("record", "tapes")])
def test_without_a_network_a_live_run_ends_on_one_screen_and_leaves_nothing(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    began = time.monotonic()
    with unreachable("binance", "kraken"):
        done = here(*command, folder=tmp_path)

    assert time.monotonic() - began < 15
    assert (done.returncode, done.stdout, list(tmp_path.iterdir())) == (1, "", [])
    lines = done.stderr.splitlines()
    assert lines[0] == "semsig: no exchange can be read from here, and a live market needs one."
    assert [line.split()[0] for line in lines[2:4]] == ["binance", "kraken"] and lines[4] == ""
    assert "Traceback" not in done.stderr and "Unclosed" not in done.stderr and len(lines) < 24


def test_doctor_tells_machines_what_it_tells_people(tmp_path: Path) -> None:
    port = free_port()
    with unreachable("binance"):
        people = here("doctor", "--port", port, folder=tmp_path)
        machines = here("doctor", "--port", port, "--json", folder=tmp_path)

    body = json.loads(machines.stdout)
    findings = [Finding(**(row | {"state": State(row["state"])})) for row in body["findings"]]
    assert (people.returncode, machines.returncode, body["is_missing"]) == (1, 1, True)
    assert [finding.what for finding in findings] == [
        line.split(":")[0].split(None, 1)[1] for line in people.stdout.splitlines()
    ]
    assert all(finding.mend for finding in findings if finding.state is not State.OK)


async def test_a_silent_press_alone_is_exit_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "gathered", lambda *_, **__: ((), (Named(0),)))
    async with listing(BTC) as url:
        monkeypatch.setattr(wiring, "venues", lambda *_: {"binance": venue(url)})

        done = await asyncio.to_thread(here, "doctor", "--port", free_port(), folder=tmp_path)

    assert done.returncode == 0, done.stdout
    assert "warning  news x: www.coindesk.com: HTTP 500; mend: " in done.stdout
    assert "ok       market: BTC/USDC can be read, binance first" in done.stdout
