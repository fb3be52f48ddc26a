"""`semsig doctor`: what a live run needs, and what of it can be reached from here."""

import asyncio
import os
import platform
import shutil
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from .. import wiring
from ..domain.errors import BadInput, Blocked, InvalidSetting, InvalidSymbol, MemoryUnavailable, SemanticSignalError
from ..domain.market import Symbol
from ..domain.policy import Settings
from ..domain.untrusted import line
from ..ports import Clock
from ..settings import passed_over
from . import doctor_aws, doctor_discord, doctor_keys, doctor_models, web
from .findings import Finding, State, ms_since, reason, short
from .writable import nearest, unwritable

# Everybody is asked at once, and nobody is waited for longer: the whole takes some seconds more at most.
LIMIT_S, CLOSING_S = 9.0, 2.0
ARTICLES = 100
LEAST_FREE_MB, MB = 500, 1_000_000
# As pyproject.toml says.
LEAST_PYTHON, MOST_PYTHON = (3, 11), (3, 13)
KNOWN = "set exchange and collect.fallbacks to venues that ccxt knows"
# A clock that is further off makes bars that have closed look open.
MOST_SKEW_MS = 2_000


class Answer(NamedTuple):
    """What one venue said of itself. `skew_ms`: how far our clock is ahead of its; None: it tells no time. `wrong`: why
    it cannot be read; empty when it can."""

    venue: str
    listed: tuple[Symbol, ...] = ()
    latency_ms: int | None = None
    skew_ms: int | None = None
    wrong: str = ""
    mend: str = ""


class Offline(SemanticSignalError):
    """No venue can be read from here. The message is a screen: who was asked, and what to do."""

    is_screen = True


class Impatient(ThreadPoolExecutor):
    """Threads that nobody waits for, not even the interpreter at its end: a resolver may never answer."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()

        def answer() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(fn(*args, **kwargs))
                except BaseException as wrong:
                    future.set_exception(wrong)

        threading.Thread(target=answer, daemon=True).start()
        return future


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """As asyncio.run, but a name that cannot be resolved holds up nobody."""

    async def impatiently() -> Any:
        asyncio.get_running_loop().set_default_executor(Impatient(1))
        return await work

    return asyncio.run(impatiently())


class More(NamedTuple):
    """What is looked at when it is asked for: every key that is set, also those that nobody would use, and AWS."""

    every_key: bool = False
    aws: bool = False


NO_MORE = More()


async def examined(settings: Settings, clock: Clock, limit_s: float = LIMIT_S, more: More = NO_MORE) -> list[Finding]:
    """Everything, asked side by side; in the order in which people mend it. Raises InvalidSetting for a venue that
    there is not, like every command."""
    asked = asyncio.gather(
        answers(wiring.venues(settings, clock), settings.pairs, limit_s),
        doctor_models.examined(settings, limit_s),
        _sources(settings, clock, limit_s),
    )
    more_asked = asyncio.gather(
        doctor_discord.examined(settings, limit_s),
        _memory(settings, limit_s),
        doctor_models.unused(settings, limit_s) if more.every_key else _nothing(),
        doctor_aws.examined(settings, limit_s) if more.aws else _nothing(),
    )
    (venues, models, sources), (discord, memory, unused, aws) = await asked, await more_asked
    found = [
        *_market(venues, settings.pairs), *map(_venue, venues), *models, *unused, _home(settings), _port(settings),
        _disk(settings), *memory, _dashboard(), *sources, *discord, *doctor_keys.examined(), *_dotenv(), *aws,
        _system(),
    ]  # fmt: skip
    hides = wiring.unsaid().known  # a server may have answered with the key that it was shown
    return [one._replace(said=hides(one.said), mend=hides(one.mend)) for one in found]


async def _nothing() -> list[Finding]:
    return []


def _dotenv() -> list[Finding]:
    try:
        return [Finding("secrets", State.WARNING, said, "that line of .env") for said in passed_over()]
    except InvalidSetting as wrong:
        return [Finding("secrets", State.WARNING, str(wrong), "a .env that can be read")]


# --- Venues ---


async def answers(
    markets: Mapping[str, Any], pairs: tuple[Symbol, ...], limit_s: float = LIMIT_S
) -> tuple[Answer, ...]:
    """Of each venue, in order; every one of them is closed."""
    return tuple(await asyncio.gather(*(_answer(venue, market, pairs, limit_s) for venue, market in markets.items())))


async def _answer(venue: str, market: Any, pairs: tuple[Symbol, ...], limit_s: float) -> Answer:
    try:
        async with asyncio.timeout(limit_s):
            told = await market.probe(pairs)
        skew_ms = None if told.skew_s is None else round(1_000 * told.skew_s)
        return Answer(venue, told.listed, round(1_000 * told.latency_s), skew_ms)
    except Blocked as wrong:
        said = f"blocked from here: {_unlabeled(venue, str(wrong))}"
        return Answer(venue, wrong=said, mend="another venue, or a network that it lets in")
    except BadInput as wrong:
        return Answer(venue, wrong=str(wrong), mend=KNOWN)
    except TimeoutError:
        return Answer(venue, wrong=f"no answer in {limit_s:g} s", mend="the network, or another venue")
    except Exception as wrong:
        return Answer(venue, wrong=_unlabeled(venue, reason(wrong)), mend="the network, or another venue")
    finally:
        await _closed(market)


async def _closed(market: Any) -> None:
    """Without a word left behind, whatever it was in the middle of."""
    try:
        async with asyncio.timeout(CLOSING_S):
            await market.close()
    except Exception:
        return


def _venue(told: Answer) -> Finding:
    """A venue that cannot be read is a warning: others stand in."""
    what = f"venue {told.venue}"
    if told.wrong:
        return Finding(what, State.WARNING, short(told.wrong), told.mend)
    said = f"lists {', '.join(map(str, told.listed)) or 'none of the pairs'}"
    if told.skew_ms is None:
        return Finding(what, State.OK, said, latency_ms=told.latency_ms)
    said = f"our clock {abs(told.skew_ms)} ms {'ahead' if told.skew_ms > 0 else 'behind'}; {said}"
    if abs(told.skew_ms) > MOST_SKEW_MS:
        return Finding(what, State.WARNING, said, "set this machine's clock", told.latency_ms)
    return Finding(what, State.OK, said, latency_ms=told.latency_ms)


def _market(told: tuple[Answer, ...], pairs: tuple[Symbol, ...]) -> list[Finding]:
    """Each pair needs one venue."""
    if all(answer.wrong for answer in told):
        said = f"no venue can be read, asked: {', '.join(answer.venue for answer in told)}"
        mend = "the network, another exchange, or semsig run --market simulated"
        return [Finding("market", State.MISSING, said, mend)]
    homeless = [str(symbol) for symbol in pairs if not any(symbol in answer.listed for answer in told)]
    if homeless:
        said = f"no venue that can be read lists {', '.join(homeless)}"
        return [Finding("market", State.MISSING, said, "other symbols, or another exchange")]
    first = next(answer.venue for answer in told if answer.listed)
    return [Finding("market", State.OK, f"{', '.join(map(str, pairs))} can be read, {first} first")]


def reachable(told: tuple[Answer, ...], pairs: tuple[Symbol, ...]) -> str:
    """One line on who cannot be read; empty when all can. Raises Offline when nobody can, InvalidSymbol when all can
    and none lists a pair."""
    silent = [answer for answer in told if answer.wrong]
    if len(silent) == len(told):
        raise Offline(_screen(silent))
    for symbol in pairs:
        if not silent and not any(symbol in answer.listed for answer in told):
            raise InvalidSymbol(f"no venue lists {symbol}, was {', '.join(answer.venue for answer in told)}")
    reasons = "; ".join(f"{answer.venue} ({short(answer.wrong)})" for answer in silent)
    others = ", ".join(answer.venue for answer in told if not answer.wrong)
    return f"cannot be read from here: {reasons}; it goes on with {others}" if reasons else ""


def _screen(silent: list[Answer]) -> str:
    width = max(len(answer.venue) for answer in silent)
    rows = "\n".join(f"  {answer.venue:{width}}  {short(answer.wrong)}" for answer in silent)
    return f"""no exchange can be read from here, and a live market needs one.

{rows}

What to do:
  - look at the network, a VPN or a proxy; some venues let nobody in from some countries
  - set another venue: exchange and collect.fallbacks in config.toml, or SEMSIG_EXCHANGE=kraken
  - semsig doctor                   says what can be reached from here, and what else is missing
  - semsig run --market simulated   needs no network at all; semsig record can do so too

Nothing was started, nothing was written."""


# --- The rest ---


async def _sources(settings: Settings, clock: Clock, limit_s: float) -> list[Finding]:
    """Context and news: without them decisions know less, and that is all. Feeds alone: a look asks for no pages."""
    try:
        figures, press = wiring.gathered(settings, with_pages=False)
    except BadInput as wrong:
        # a run refuses it too
        return [Finding("sources", State.MISSING, str(wrong), "the key in .env")]
    now = clock.now()
    probes = [
        *(_source(f"context {s.name}", s.readings(until=now), "figures", limit_s) for s in figures),
        *(_source(f"news {s.name}", s.articles(until=now, limit=ARTICLES), "articles", limit_s) for s in press),
    ]
    return list(await asyncio.gather(*probes))


async def _source(what: str, asked: Awaitable[tuple[Any, ...]], of: str, limit_s: float) -> Finding:
    began = time.monotonic()
    try:
        async with asyncio.timeout(limit_s):
            told = await asked
    except TimeoutError:
        return Finding(what, State.WARNING, f"no answer in {limit_s:g} s", "the network; the rest runs without it")
    except Exception as wrong:
        return Finding(what, State.WARNING, short(reason(wrong)), "the network; the rest runs without it")
    if not told:
        return Finding(what, State.WARNING, f"no {of}", "nothing here; the source is empty", ms_since(began))
    return Finding(what, State.OK, f"{len(told)} {of}", latency_ms=ms_since(began))


def _home(settings: Settings) -> Finding:
    path = Path(settings.home)
    if not unwritable(nearest(path)):
        return Finding("home", State.OK, f"{path} can be written")
    return Finding("home", State.MISSING, f"cannot be written, was {path}", "choose another with --home or SEMSIG_HOME")


def _port(settings: Settings) -> Finding:
    try:
        web.bound(settings.port).close()
    except BadInput as wrong:
        said = str(wrong).partition("; ")[0].removeprefix("port ") + holder(settings.port)
        return Finding("port", State.MISSING, said, "choose another with --port or SEMSIG_PORT")
    return Finding("port", State.OK, f"{settings.port} is free")


def holder(port: int) -> str:
    """Who listens there, as far as this machine tells us."""
    try:
        found = [one for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
        pid = next((one.pid for one in found if one.laddr and one.laddr.port == port and one.pid), None)
        return "" if pid is None else f": {line(psutil.Process(pid).name(), 40)}, process {pid}, listens there"
    except (psutil.Error, OSError):
        return ""


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(nearest(Path(settings.home))).free // MB
    if free < LEAST_FREE_MB:
        return Finding("disk", State.WARNING, f"{free} MB are free", f"make room: {LEAST_FREE_MB} MB last for months")
    return Finding("disk", State.OK, f"{free} MB are free")


async def _memory(settings: Settings, limit_s: float) -> list[Finding]:
    """Chroma is started on a folder of its own and stopped again; the home's is left alone."""
    if settings.memory.store == "embedded":
        return [Finding("memory", State.OK, "kept in the process, as memory.store says")]
    if not wiring.has_chroma():
        return [Finding("memory", State.WARNING, "Chroma is not installed: it is kept in the process", "make setup")]
    began = time.monotonic()
    try:
        async with asyncio.timeout(limit_s):
            port = await wiring.tried_chroma()
    except (MemoryUnavailable, TimeoutError) as wrong:
        said = f"Chroma does not start: {short(str(wrong) or f'not within {limit_s:g} s')}; it is kept in the process"
        return [Finding("memory", State.WARNING, said, 'make setup, or memory.store = "embedded"')]
    return [Finding("memory", State.OK, f"Chroma starts, on a free port such as {port}", latency_ms=ms_since(began))]


def _system() -> Finding:
    said = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    if not LEAST_PYTHON <= sys.version_info[:2] <= MOST_PYTHON:
        wanted = f"Python {LEAST_PYTHON[0]}.{LEAST_PYTHON[1]} to {MOST_PYTHON[0]}.{MOST_PYTHON[1]}; make setup"
        return Finding("system", State.WARNING, said, wanted)
    return Finding("system", State.OK, said)


def _dashboard() -> Finding:
    if (web.SITE / "index.html").exists():
        return Finding("dashboard", State.OK, "built")
    return Finding("dashboard", State.WARNING, "not built", "make setup")


def _unlabeled(venue: str, said: str) -> str:
    """A venue is named beside its reason; a mirror calls itself by the name of the venue."""
    names = {venue, *(name for name, address in wiring.MIRRORS.items() if venue in address)}
    head, colon, rest = said.partition(":")
    return rest.strip() or "no answer" if colon and head in names else said
