"""A soak: the whole host in one process at full speed, for weeks of the market, while everything around it fails.

Each run is a process of its own: once in fair weather, once with faults that mend while the market waits, once with
faults that do not. The simulated venue, the rules analyst, a Discord and Chroma are real servers on loopback."""

import argparse
import asyncio
import gc
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Any

import psutil

from bench.measures import ROOT, Figure
from bench.weather import CLASSES, Troubled, WatchedClock, Weather, forecast
from semanticsignal import wiring
from semanticsignal.adapters.sqlite import DECODED
from semanticsignal.domain.ledger import Closing, Entry, Opening
from semanticsignal.domain.market import Timeframe, epoch_ms, instant
from semanticsignal.domain.money import exactly
from semanticsignal.domain.policy import Settings
from semanticsignal.domain.trading import Portfolio
from semanticsignal.drivers import cli, diary, instance, pace, web, worlds
from semanticsignal.drivers.farewell import Farewell
from semanticsignal.drivers.host import Host
from semanticsignal.simulate import exchange, model
from semanticsignal.simulate.market import EPOCH_MS, SimulatedMarket
from tests.discord_server import HOOK, Discord

PAGE = ROOT / "docs" / "soak.md"
PAIRS = ("BTC/USDC", "ETH/USDC")
# What a process has in hand before it is measured: caches fill, modules load.
WARM_DAYS = 5
# Short, because the market waits for each of them.
PATIENT_S = 6.0
# Four numbers of a simulated minute.
MINUTE_BYTES = 16
LOOK_S, STEADY, ENDS_WITHIN_S = 0.05, 10, 60.0
# Who tells of faults on the other side of the wire is not the product.
OUTSIDE = ("uvicorn", "asyncio")
# Of a line, what is not what it is made from: names of facts, figures, pairs.
VARYING = re.compile(r"\S*\d\S*")


@dataclass(frozen=True)
class Asked:
    """`kinds`: which faults; see weather.CLASSES."""

    days: float = 30.0
    seed: int = 7
    market: int = 7
    kinds: str = "none"
    timeframe: str = "4h"
    per_day: float = 3.0
    history_days: int = 10


@dataclass
class Day:
    """At the end of a simulated day, when nothing is under way."""

    at: str
    rss_mb: float
    chroma_mb: float | None
    tasks: int
    threads: int
    files: int
    sockets: int
    objects: int
    lines: int
    log_bytes: int
    entries: int
    wall_s: float


@dataclass
class Came:
    """What became of a run. `lines`: of the log, by what they are made from; `problems`: those left at the end."""

    asked: dict[str, Any]
    digest: str = ""
    entries: list[tuple[str, str, str]] = field(default_factory=list)
    days: list[Day] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    most_in_an_hour: int = 0
    loose: dict[str, int] = field(default_factory=dict)
    met: dict[str, int] = field(default_factory=dict)
    posts: dict[str, int] = field(default_factory=dict)
    orphans: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    untold: int = 0
    mail_left: int = 0
    mail_dropped: int = 0
    missing_quote: str = ""
    wall_s: float = 0.0


class Heard:
    """What `semsig run` wrote into the log of its home: how much, of what, and how thick in one simulated hour."""

    def __init__(self, home: Path, clock: WatchedClock) -> None:
        self._folder = home / diary.FOLDER
        self._turns = [(0.0, self._hour(clock.now()))]
        clock.turns.append(lambda now: self._turns.append((time.time(), self._hour(now))))
        self.made: Counter[str] = Counter()
        self.hours: Counter[tuple[str, str]] = Counter()
        self.bytes = 0

    def read(self) -> "Heard":
        """All of it, from the start."""
        self.made, self.hours, self.bytes = Counter(), Counter(), 0
        for file in self._folder.glob(f"{diary.NAME}*"):
            for line in file.read_text(encoding="utf-8").splitlines():
                told = json.loads(line) if line.endswith("}") else {}  # a full disk breaks a line off
                if told and not told["logger"].startswith(OUTSIDE):
                    self._count(told, len(line) + 1)
        return self

    def _count(self, told: dict[str, Any], size: int) -> None:
        about = told.get("about")
        words = f"{about}: …" if about else VARYING.sub("…", told["message"])
        said = f"{told['level'].lower()} {told['logger']}: {words}"
        at = datetime.fromisoformat(told["at"]).timestamp()
        _, hour = self._turns[max(0, bisect_right(self._turns, at, key=lambda turn: turn[0]) - 1)]
        self.made[said] += 1
        self.hours[said, hour] += 1
        self.bytes += size

    @staticmethod
    def _hour(now: datetime) -> str:
        return Timeframe.H1.floor(now).isoformat()


async def soak(asked: Asked, home: Path) -> Came:
    came = Came(asdict(asked))
    began = time.perf_counter()
    settings = _settings(asked, home)
    span = settings.timeframe.span
    since = settings.timeframe.floor(instant(EPOCH_MS) + span * (settings.candle_limit + worlds.MARGIN_BARS))
    start = settings.timeframe.floor(since + timedelta(days=asked.history_days))
    until = start + span * round(timedelta(days=asked.days) / span) + span / pace.LOOKS
    clock = WatchedClock(start, float("inf"))
    before = asyncio.all_tasks()
    heard = Heard(home, clock)
    with Farewell(within_s=ENDS_WITHIN_S).listening() as bye, diary.unsaid(wiring.unsaid()):
        async with AsyncExitStack() as stack:
            cli._logged()
            outside, urls = await _outside(stack, settings, clock)
            if asked.kinds != "none":  # before time begins to pass
                outside["venue"].next["bars"] = deque(["503", "cut"])
            weather = Weather(forecast(asked.seed, asked.kinds, (start, until), asked.per_day), outside)
            os.environ["DISCORD_WEBHOOK_URL"] = urls["discord"] + HOOK
            listener = web.bound(0)
            settings = replace(settings, port=listener.getsockname()[1])
            lasting: list[asyncio.Task[None]] = []

            async def world(stack: AsyncExitStack, settings: Settings, _: wiring.Home) -> wiring.World:
                made = wiring.World(*await _plugs(stack, settings, clock, urls))
                return made._replace(speed=1e9, lived_from=since, lived_until=clock.now(), closed_at=until)

            def ready(lived: Host, _: str) -> None:
                weather.chroma = lambda: lived.memory.server.pid if lived.memory else None
                weather.ledger = lived.held.ledger._db.execute
                took = _Measures(came, lived, heard, began)
                clock.turns += [took.turned, weather.passes]
                lasting.append(asyncio.create_task(_to_the_end(lived, took, bye)))

            where = instance.Where("simulated", "max", world)
            if lost := await instance.lived(stack, settings, where, (listener, ready), bye):
                raise lost.lost()
            await lasting[0]
        came.posts = dict(sorted(Counter(map(_kind, outside["discord"]._app.titles)).items()))  # type: ignore[attr-defined]
    heard.read()
    came.loose, came.met = (
        dict(sorted(weather.loose.items())),
        dict(sorted((outside["venue"].met + outside["model"].met + outside["discord"].met).items())),
    )
    came.lines, came.most_in_an_hour = dict(heard.made.most_common()), max(heard.hours.values(), default=0)
    await asyncio.sleep(0)
    came.orphans = [str(task.get_coro()) for task in asyncio.all_tasks() - before]
    came.wall_s = time.perf_counter() - began
    return came


def _settings(asked: Asked, home: Path) -> Settings:
    one = Settings()
    return replace(
        one,
        symbols=PAIRS,
        timeframe=Timeframe(asked.timeframe),
        home=str(home),
        model=replace(one.model, timeout_s=PATIENT_S),
        collect=replace(one.collect, timeout_s=PATIENT_S),
        discord=replace(one.discord, timeout_s=PATIENT_S),
        simulation=replace(one.simulation, seed=asked.market, history_days=asked.history_days),
    )


async def _outside(
    stack: AsyncExitStack, settings: Settings, clock: WatchedClock
) -> tuple[dict[str, Troubled], dict[str, str]]:
    desk = exchange.app(SimulatedMarket(settings.simulation.seed, settings.pairs), lambda: epoch_ms(clock.now()))
    outside: dict[str, Troubled] = {"venue": Troubled(desk), "model": Troubled(model.app()),
                                    "discord": Troubled(Discord())}  # fmt: skip
    return outside, {
        name: await stack.enter_async_context(web.served(app, web.bound(0)))  # type: ignore[arg-type]
        for name, app in outside.items()
    }


async def _plugs(stack: AsyncExitStack, settings: Settings, clock: WatchedClock, urls: dict[str, str]) -> Any:
    venue = wiring.venue(settings, clock.now, urls["venue"], is_simulated=True)
    stack.push_async_callback(venue.close)
    mind = wiring.served(f"{urls['model']}/v1", model.MODEL, settings.model.timeout_s)
    stack.push_async_callback(mind.close)
    return venue, clock, mind, worlds.FASTEST


async def _to_the_end(lived: Host, took: "_Measures", bye: Farewell) -> None:
    """Tells it to stop when its market has ended and all is quiet; before that everything is looked at."""
    try:
        steady, deadline = 0, 0.0
        while steady < STEADY:
            await asyncio.sleep(LOOK_S)
            is_over = lived.on.clock.now() >= lived.ends_at() and not (
                lived.tasks or lived.loop.is_at_work or lived.loop.is_behind
            )
            deadline = deadline or time.monotonic() + ENDS_WITHIN_S if is_over else 0.0
            is_well = lived.troubles.problem is None or time.monotonic() > deadline
            steady = steady + 1 if is_over and is_well else 0
        await took.last()
    finally:
        lived.stop.set()


async def _mail_left(lived: Host) -> int:
    """After a while in which all of it can be sent."""
    deadline = time.monotonic() + ENDS_WITHIN_S
    count = 0
    while time.monotonic() < deadline:
        (count,) = lived.office._mail._db.execute("SELECT COUNT(*) FROM posts WHERE state = 'waits'").fetchone()  # type: ignore[union-attr,attr-defined]
        if not count:
            break
        await asyncio.sleep(LOOK_S)
    return int(count)


class _Measures:
    """Taken at midnight, before the market goes on, and at the end, before it is told to stop."""

    def __init__(self, came: Came, lived: Host, heard: Heard, began: float) -> None:
        self._came, self._lived, self._heard, self._began = came, lived, heard, began
        self._process = psutil.Process()
        self._day = lived.on.clock.now().date()

    def turned(self, now: datetime) -> None:
        if now.date() != self._day:
            self._day = now.date()
            self.taken(now)

    def taken(self, now: datetime) -> None:
        gc.collect()
        room = self._lived.memory
        pid = room.server.pid if room and room.server.is_up else None  # else it is about to start again
        chroma: float | None = None
        try:
            chroma = psutil.Process(pid).memory_info().rss / 1e6 if pid else None
        except psutil.NoSuchProcess:
            chroma = None
        heard = self._heard.read()
        (entries,) = self._lived.held.ledger._db.execute("SELECT COUNT(*) FROM entries").fetchone()
        self._came.days.append(
            Day(
                now.isoformat(), self._process.memory_info().rss / 1e6, chroma, len(asyncio.all_tasks()),
                self._process.num_threads(), self._process.num_fds(), len(self._process.net_connections()),
                len(gc.get_objects()),
                heard.made.total(), heard.bytes, entries, time.perf_counter() - self._began,
            )
        )  # fmt: skip

    async def last(self) -> None:
        came, lived, ledger = self._came, self._lived, self._lived.held.ledger
        self.taken(lived.ends_at())
        came.problems = [problem for _, problem in lived.troubles.items()]
        came.digest, came.untold = ledger.digest(), len(await ledger.untold())
        came.entries = _entries(ledger)
        came.missing_quote = str(missing(await _all(ledger), await ledger.portfolio(), lived.settings))
        if lived.office:
            came.mail_left = await _mail_left(lived)
            came.mail_dropped = lived.office.dropped


def _kind(title: str) -> str:
    """What a message is of, without pair and figures."""
    return " ".join(word for word in title.split() if word.isalpha() and word.isascii())[:40]


def _entries(ledger: "wiring.SqliteLedger") -> list[tuple[str, str, str]]:
    """(id, fact, subject) as they stand."""
    rows = ledger._db.execute("SELECT id, fact, subject FROM entries ORDER BY seq")
    return [(id, fact.decode(), subject.decode()) for id, fact, subject in rows]


async def _all(ledger: "wiring.SqliteLedger") -> tuple[Entry, ...]:
    return await ledger.entries(limit=-1)


@exactly
def missing(entries: tuple[Entry, ...], last: Portfolio, settings: Settings) -> Decimal:
    """Of cash and positions against what every fill moved, to the last digit."""
    cash = settings.paper.start_quote
    for entry in entries:
        match entry.subject:
            case Opening(position, fill):
                cash -= position.side.sign * fill.price * fill.quantity + fill.fee_quote
            case Closing(trade, fill):
                cash += trade.side.sign * fill.price * fill.quantity - fill.fee_quote - trade.funding_quote
    worth = sum((p.side.sign * p.quantity * p.mark_price - p.funding_quote for p in last.positions), Decimal(0))
    return last.equity_quote - cash - worth


# --- What they say together -----------------------------------------------------------------------------------------


def slope(days: list[Day], of: str) -> float:
    """By Theil and Sen, of the days after the warm-up, a day."""
    every = [(number, getattr(day, of)) for number, day in enumerate(days)]
    seen = [(number, value) for number, value in every[min(WARM_DAYS, len(days) // 3) :] if value is not None]
    steps = [(b - a) / (j - i) for (i, a), (j, b) in combinations(seen, 2)]
    return statistics.median(steps) if steps else 0.0


def differing(one: Came, other: Came) -> list[tuple[str, str, str]]:
    """Each entry that only one of them has, or has otherwise, or elsewhere in the order: (id, theirs, others)."""
    ours, theirs = ({id: fact + subject for id, fact, subject in came.entries} for came in (one, other))
    found = [(id, ours.get(id, ""), theirs.get(id, "")) for id in {**ours, **theirs} if ours.get(id) != theirs.get(id)]
    if not found and one.digest != other.digest:
        found.append(("order", "", ""))
    return found


def reasons(one: Came, other: Came) -> Counter[str]:
    """Why entries of `other` are not those of `one`, as `other` itself tells of each. What has no reason of its own may
    follow from an earlier one that has; a defect after the first would stand there too."""
    found: Counter[str] = Counter()
    has_begun = False
    for id, ours, theirs in differing(one, other):
        why = _why(id, ours, theirs)
        has_begun = has_begun or bool(why)
        found[
            why
            or ("after the first of these, and not told apart from what follows of it" if has_begun else "UNEXPLAINED")
        ] += 1
    return found


def _why(id: str, ours: str, theirs: str) -> str:
    if id.startswith("CandleMissed"):
        return "a bar that was not published in time"
    if '"guard":"model"' in theirs:
        return "no model answered: held"
    if "without memory" in theirs and "without memory" not in ours:
        return "decided without memory"
    if id.startswith("PostMortem") and ours and theirs:
        return "post-mortem by the rules"
    if id.startswith("DecisionMade") and _of(ours, "snapshot_sha256") != _of(theirs, "snapshot_sha256"):
        return "a part of the market was missing, and said so"
    return ""


def _of(text: str, key: str) -> Any:
    return json.loads(text[text.index("}{") + 1 :]).get(key) if "}{" in text else None


def lived(asked: Asked, *kinds: str) -> list[Came]:
    """One after another, in a process of their own: a full disk is the whole process's."""
    options = asdict(asked) | {"kinds": ",".join(kinds)}
    command = [sys.executable, "-m", "bench.soak", *(f"--{k.replace('_', '-')}={v}" for k, v in options.items())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return [came(told) for told in json.loads(done.stdout)]


def came(told: dict[str, Any]) -> Came:
    days, entries = [Day(**day) for day in told["days"]], [tuple(entry) for entry in told["entries"]]
    return Came(**{**told, "days": days, "entries": entries})


def soaking(options: list[str]) -> list[Figure]:
    asked = _parsed(options)
    with ThreadPoolExecutor() as together:
        runs = {came.asked["kinds"]: came for (came,) in together.map(lambda kinds: lived(asked, kinds), CLASSES)}
    PAGE.write_text(page(runs))
    return figures(runs)


def figures(runs: dict[str, Came]) -> list[Figure]:
    """Each run is another weather: an aim is missed where one of them misses it."""
    every, fair = list(runs.values()), runs["none"]
    days = f"{fair.asked['days']:g} days"
    return [
        Figure(f"soak of {days}: entries that faults which mend made otherwise", "entries",
               [len(differing(fair, runs["mendable"]))], "max <= 0"),
        Figure("soak: resident, slope after the warm-up", "kB a day", [slope(c.days, "rss_mb") * 1e3 for c in every],
               "max <= 200"),
        Figure("soak: resident at the end", "MB", [c.days[-1].rss_mb for c in every], "max <= 400"),
        Figure("soak: Chroma resident, slope after the warm-up", "kB a day",
               [slope(c.days, "chroma_mb") * 1e3 for c in every]),
        Figure("soak: orphan tasks", "tasks", [len(c.orphans) for c in every], "max <= 0"),
        Figure("soak: facts left untold, messages left", "", [c.untold + c.mail_left for c in every], "max <= 0"),
        Figure("soak: messages dropped, most of them for an answer that never came", "",
               [c.mail_dropped for c in every]),
        Figure("soak: money missing", "quote", [abs(float(c.missing_quote)) for c in every], "max <= 0"),
        Figure("soak: the same line in one simulated hour, at most", "lines", [c.most_in_an_hour for c in every],
               "max <= 20"),
        Figure("soak: wall time a run", "s", [c.wall_s for c in every]),
    ]  # fmt: skip


TITLES = {"none": "fair weather", "mendable": "faults that mend", "lossy": "faults that do not"}
WORDS = """# Soak

Made by `python -m bench soak {options}`, last at {at}.

The whole host of `semsig run` in one process at full speed, {days:g} simulated days of {pairs} on {timeframe} bars,
three times on the same market. Venue, model, Discord and Chroma are servers on loopback. Faults come at simulated
times drawn from seed {seed}. At full speed the market waits while anything is under way, up to 30 s for who is away.

- **Faults that mend** are answered late, wrongly or not at all by the venue for the bars that are decided on and
  watched; by Discord; by Chroma, killed or paused between two decisions; by the disk, full for a second. The model is
  only slow. The ledger must be that of fair weather, byte for byte.
- **Faults that do not** also reach the model, what is asked beside the bars, and Chroma in the middle of a decision:
  a decision is then made without that part, and says so. Money must be right to the last digit.

The warm-up is the first {warm} days; the slope is that of Theil and Sen. What still grows are the ledger's decoded
entries, kept up to {kept:,}, and the minutes of the simulated market, {minutes:.0f} kB a day, which a real one has not.
The three runs go side by side: wall time is of a busy machine.

"""


def page(runs: dict[str, Came]) -> str:
    asked = runs["none"].asked
    rows: list[tuple[str, list[str]]] = [
        ("ledger entries", [str(len(c.entries)) for c in runs.values()]),
        ("entries otherwise than in fair weather", [str(len(differing(runs["none"], c))) for c in runs.values()]),
        ("ledger, SHA-256", [f"`{c.digest[:12]}`" for c in runs.values()]),
        ("cash and positions against all fills, quote", [f"{Decimal(c.missing_quote).normalize():f}"
                                                         for c in runs.values()]),
        ("faults let loose", [str(sum(c.loose.values())) for c in runs.values()]),
        ("questions that met one", [str(sum(c.met.values())) for c in runs.values()]),
        *((f"{title}: start, after warm-up, end; slope a day", [_course(c.days, of, unit) for c in runs.values()])
          for title, of, unit in (("resident, MB", "rss_mb", "kB"), ("Chroma resident, MB", "chroma_mb", "kB"),
                                  ("objects of Python", "objects", ""))),
        *((f"{title}: start, end, most", [_ends(c.days, of) for c in runs.values()])
          for title, of in (("tasks", "tasks"), ("threads", "threads"), ("open files", "files"),
                              ("sockets among them, both ends", "sockets"))),
        ("orphan tasks", [str(len(c.orphans)) for c in runs.values()]),
        ("facts left untold", [str(c.untold) for c in runs.values()]),
        ("messages sent, left, dropped", [f"{sum(c.posts.values())}, {c.mail_left}, {c.mail_dropped}"
                                          for c in runs.values()]),
        ("lines of log, kB", [f"{c.days[-1].lines}, {c.days[-1].log_bytes / 1e3:.0f}" for c in runs.values()]),
        ("the same line in one simulated hour, at most", [str(c.most_in_an_hour) for c in runs.values()]),
        ("wall time, s", [f"{c.wall_s:.0f}" for c in runs.values()]),
    ]  # fmt: skip
    head = f"| | {' | '.join(TITLES[name] for name in runs)} |\n|---|{'---|' * len(runs)}\n"
    table = "".join(f"| {title} | {' | '.join(cells)} |\n" for title, cells in rows)
    at, options = datetime.now(UTC).isoformat(timespec="minutes"), " ".join(
        f"--{name} {asked[name]:g}" for name in ("days", "seed", "market"))  # fmt: skip
    words = WORDS.format(at=at, options=options, pairs=" and ".join(PAIRS), warm=WARM_DAYS, kept=DECODED,
                         minutes=len(PAIRS) * MINUTE_BYTES * 1.44, **asked)  # fmt: skip
    parts = [words, head, table]
    if "lossy" in runs:
        parts += ["\nWhy entries are otherwise where faults do not mend:\n\n| reason | entries |\n|---|---|\n"]
        parts += [f"| {why} | {many} |\n" for why, many in reasons(runs["none"], runs["lossy"]).most_common()]
    parts += ["\nWhat was logged:\n\n| line | fair | mend | do not |\n|---|---|---|---|\n"]
    lines = Counter[str]()
    for one in runs.values():
        lines.update(one.lines)
    for line, _ in lines.most_common(12):
        counts = " | ".join(str(one.lines.get(line, 0)) for one in runs.values())
        parts.append(f"| `{line.replace('|', ' ')}` | {counts} |\n")
    return "".join(parts)


def _course(days: list[Day], of: str, unit: str) -> str:
    seen = [getattr(day, of) for day in days if getattr(day, of) is not None]
    warm = seen[min(WARM_DAYS, len(seen) // 3)]
    steep = slope(days, of) * (1e3 if unit else 1)
    return f"{seen[0]:.0f}, {warm:.0f}, {seen[-1]:.0f}; {steep:+.0f} {unit}".strip()


def _ends(days: list[Day], of: str) -> str:
    seen = [getattr(day, of) for day in days]
    return f"{seen[0]}, {seen[-1]}, {max(seen)}"


def _parsed(options: list[str]) -> Asked:
    parser = argparse.ArgumentParser(prog="python -m bench soak")
    for name, value in asdict(Asked()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    return Asked(**vars(parser.parse_args(options)))


def main() -> None:
    asked, told = _parsed(sys.argv[1:]), []
    for kinds in asked.kinds.split(","):
        with tempfile.TemporaryDirectory() as home:
            told.append(asdict(asyncio.run(soak(replace(asked, kinds=kinds), Path(home) / "home"))))
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
