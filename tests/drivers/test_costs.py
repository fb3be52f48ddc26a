"""What models cost, as the page is told at home and in the cloud, and `semsig costs` beside whoever holds a home."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from drivers.instance import here, refusal
from drivers.test_web import House
from starlette.types import ASGIApp
from world import BTC, MONDAY, bars, close, cycle, d, path, world

from semanticsignal.adapters.inmemory import InMemoryLedger, InMemoryPurse
from semanticsignal.adapters.sqlite import SqliteLedger
from semanticsignal.adapters.websocket import WebSocketNotifier
from semanticsignal.codec import plain
from semanticsignal.domain.asking import Attempt, Fault, Usage
from semanticsignal.domain.decision import Decision
from semanticsignal.domain.errors import LedgerUnavailable
from semanticsignal.domain.events import DecisionMade
from semanticsignal.domain.ledger import Entry
from semanticsignal.domain.market import Timeframe
from semanticsignal.domain.policy import Budget
from semanticsignal.drivers import api, aws_api, web
from semanticsignal.drivers.aws_api import CloudRoom
from semanticsignal.drivers.costs import restored
from semanticsignal.drivers.figures import Figures
from semanticsignal.ports import Sockets

NOBODY: Any = None
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def asked(provider: str, model: str, at: datetime, usage: Usage, fault: Fault | None = None) -> Attempt:
    return Attempt(provider, model, at, 2.0, usage, fault)


# Three days; on the middle one the first to be asked was silent, and the last had no money left.
ATTEMPTS = (
    (asked("google", "flash", NOON - 2 * DAY, Usage(1000, 300, 200, d("0.0012"))),),
    (
        asked("google", "flash", NOON - DAY, Usage(), Fault.TIMEOUT),
        asked("openrouter", "r1", NOON - DAY, Usage(1100, 250, None, d("0.00000003"))),
    ),
    (
        asked("blockrun", "reasoner", NOON, Usage(), Fault.BUDGET),
        asked("local", "qwen", NOON, Usage(900, 100, None, None)),
    ),
)


async def decided(on: Sockets) -> Decision:
    """One decision of a market made by hand, asked of nobody."""
    await close(on, MONDAY + timedelta(hours=8))
    entry = await on.ledger.entry(f"DecisionMade:{cycle(BTC, MONDAY + timedelta(hours=8))}")
    assert entry and isinstance(entry.subject, Decision)
    return replace(entry.subject, attempts=())


def entry(made: Decision, number: int, attempts: tuple[Attempt, ...]) -> Entry:
    id = f"{made.id}#{number}"
    return Entry(DecisionMade(id, made.symbol, made.decided_at), replace(made, id=id, attempts=attempts))


async def lived(ledger: Any, *asked: tuple[Attempt, ...]) -> None:
    made = await decided(world(bars(path([100, 101, 102]))))
    for number, attempts in enumerate(asked):
        await ledger.record(entry(made, number, attempts))


def sockets() -> Sockets:
    return replace(world(bars(path([100, 101, 102]))), ledger=InMemoryLedger(d(10_000)))


def at_home(on: Sockets) -> ASGIApp:
    notifier = WebSocketNotifier()
    return web.site(House(on, Figures(on.ledger, Timeframe.H4), notifier), notifier)


def in_the_cloud(on: Sockets) -> ASGIApp:
    return aws_api.site(CloudRoom(on, NOBODY, NOBODY))


both = pytest.mark.parametrize("site", [at_home, in_the_cloud])


@asynccontextmanager
async def asking(site: ASGIApp) -> AsyncIterator[Callable[..., Any]]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url="http://127.0.0.1") as client:

        async def ask(path: str, status: int = 200) -> Any:
            answer = await client.get(path)
            assert answer.status_code == status, answer.text
            return answer.json()

        yield ask


# --- The API ---------------------------------------------------------------------------------------------------------


@both
async def test_who_never_asked_a_model_has_no_costs_and_not_costs_of_nothing(site: Any) -> None:
    async with asking(site(sockets())) as ask:
        told = await ask("/api/costs")

    assert (told["days"], told["providers"], told["models"], told["budget"]) == ([], [], [], None)
    assert (told["total"]["calls"], told["total"]["cost_usd"], told["total"]["input_tokens"]) == (0, None, None)


@both
async def test_costs_are_told_by_day_provider_and_model(site: Any) -> None:
    on = sockets()
    await lived(on.ledger, *ATTEMPTS)
    async with asking(site(on)) as ask:
        told = await ask("/api/costs")

    assert told["total"] == {
        "calls": 4, "faults": 1, "unasked": 1, "input_tokens": 3000, "input_untold": 1, "output_tokens": 650,
        "output_untold": 1, "thinking_tokens": 200, "thinking_untold": 3, "cost_usd": "0.00120003", "cost_untold": 2,
        "mean_latency_s": 2.0, "median_latency_s": 2.0,
    }  # fmt: skip
    assert [(one["day"], one["cost"]["calls"], one["cost"]["cost_usd"]) for one in told["days"]] == [
        ("2026-11-28", 1, None), ("2026-11-27", 2, "3E-8"), ("2026-11-26", 1, "0.0012")
    ]  # fmt: skip
    assert [(one["provider"], one["cost"]["cost_usd"]) for one in told["providers"]] == [
        ("google", "0.0012"), ("openrouter", "3E-8"), ("blockrun", None), ("local", None)
    ]  # fmt: skip
    assert [one["model"] for one in told["models"]] == ["flash", "r1", "reasoner", "qwen"]
    assert told["earlier_days"] == 0


async def test_fewer_days_are_asked_for_by_their_number() -> None:
    on = sockets()
    await lived(on.ledger, *ATTEMPTS)
    async with asking(at_home(on)) as ask:
        told = await ask("/api/costs?limit=2")
        for wrong in ("0", "-1", "1001", "many"):
            assert "limit" in (await ask(f"/api/costs?limit={wrong}", 422))["detail"]

    assert [one["day"] for one in told["days"]] == ["2026-11-28", "2026-11-27"]
    assert (told["total"]["cost_usd"], told["earlier_days"]) == ("3E-8", 1)


async def test_what_came_since_is_counted_and_nothing_twice() -> None:
    on = sockets()
    await lived(on.ledger, *ATTEMPTS[:1])
    async with asking(at_home(on)) as ask:
        first = await ask("/api/costs")
        await lived(on.ledger, *ATTEMPTS)
        again, third = await ask("/api/costs"), await ask("/api/costs")

    assert first["total"]["calls"] == 1
    assert again == third
    assert again["total"]["calls"] == 4


class Slow(InMemoryLedger):
    """Others get their turn while it answers, as with a table that is far away."""

    async def entries(self, **asked: Any) -> tuple[Entry, ...]:
        found = await super().entries(**asked)
        await asyncio.sleep(0)
        return found


async def test_two_who_ask_at_once_read_each_entry_once() -> None:
    ledger = Slow(d(10_000))
    await lived(ledger, *ATTEMPTS)
    figures = Figures(ledger, Timeframe.H4)

    costs = await asyncio.gather(*(figures.costs() for _ in range(3)))

    assert [told.total.calls for told in costs] == [4, 4, 4]
    assert figures.decisions == 3


async def test_the_budget_of_now_is_told_beside_it() -> None:
    on, purse = sockets(), InMemoryPurse()
    limits = {"2026-11-28": d(1), "2026-11": d(20)}
    await purse.reserve("a", d("0.25"), limits)
    await purse.reserve("b", d("0.10"), limits)
    await purse.settle("b", d("0.0123"))
    await purse.reserve("yesterday", d(3), {"2026-11": d(20)})
    room = House(on, Figures(on.ledger, Timeframe.H4), WebSocketNotifier())

    async with asking(api.app(room, purse, lambda: limits)) as ask:
        told = await ask("/api/costs")

    assert told["budget"] == [
        {"account": "2026-11-28", "cap_usd": "1", "spent_usd": "0.2623"},
        {"account": "2026-11", "cap_usd": "20", "spent_usd": "3.2623"},
    ]


async def test_a_purse_that_does_not_answer_is_said() -> None:
    class Gone(InMemoryPurse):
        async def spent(self, account: str) -> Any:
            raise LedgerUnavailable("cannot read the purse")

    on = sockets()
    room = House(on, Figures(on.ledger, Timeframe.H4), WebSocketNotifier())

    async with asking(api.app(room, Gone(), lambda: {"2026-11": d(20)})) as ask:
        assert (await ask("/api/costs", 503))["detail"] == "cannot read the purse"


# --- The command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Of a run that is over."""
    with closing(SqliteLedger(tmp_path / "home" / "ledger.db", d(10_000))) as ledger:
        asyncio.run(lived(ledger, *ATTEMPTS))
    return tmp_path / "home"


def told(home: Path, *options: object) -> Any:
    done = here("costs", "--home", home, "--json", *options, folder=home.parent)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_costs_for_machines_are_those_of_the_api(home: Path) -> None:
    with closing(SqliteLedger(home / "ledger.db", d(10_000))) as ledger:
        view = asyncio.run(Figures(ledger, Timeframe.H4).costs())

    assert told(home) == plain(view)
    assert told(home)["total"]["cost_usd"] == "0.00120003"


def test_costs_of_the_newest_days_alone(home: Path) -> None:
    found = told(home, "--days", 1)

    assert [one["day"] for one in found["days"]] == ["2026-11-28"]
    assert (found["total"]["calls"], found["earlier_days"]) == (1, 2)
    assert told(home, "--days", 10**30) == told(home)


def test_costs_for_people_are_a_line_each_that_is_never_cut(home: Path) -> None:
    done = here("costs", "--home", home, folder=home.parent, variables={"COLUMNS": "40"})

    assert (done.returncode, done.stderr) == (0, "")
    assert "asked  faults  unasked  input  output  thought          USD  mean s  median s" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if any(c.isdigit() for c in line)]
    assert rows == [
        ["2026-11-28", "1", "0", "1", "900", "100", "?", "?", "2.0", "2.0"],
        ["2026-11-27", "2", "1", "0", "1100+", "250+", "?", "0.00000003+", "2.0", "2.0"],
        ["2026-11-26", "1", "0", "0", "1000", "300", "200", "0.0012", "2.0", "2.0"],
        ["google", "2", "1", "0", "1000+", "300+", "200+", "0.0012+", "2.0", "2.0"],
        ["openrouter", "1", "0", "0", "1100", "250", "?", "0.00000003", "2.0", "2.0"],
        ["blockrun", "0", "0", "1", "?", "?", "?", "?"],
        ["local", "1", "0", "0", "900", "100", "?", "?", "2.0", "2.0"],
        ["google", "flash", "2", "1", "0", "1000+", "300+", "200+", "0.0012+", "2.0", "2.0"],
        ["openrouter", "r1", "1", "0", "0", "1100", "250", "?", "0.00000003", "2.0", "2.0"],
        ["blockrun", "reasoner", "0", "0", "1", "?", "?", "?", "?"],
        ["local", "qwen", "1", "0", "0", "900", "100", "?", "?", "2.0", "2.0"],
        ["in", "all", "4", "1", "1", "3000+", "650+", "200+", "0.00120003+", "2.0", "2.0"],
    ]


def test_a_name_cannot_move_the_cursor_or_forge_a_line(tmp_path: Path) -> None:
    with closing(SqliteLedger(tmp_path / "home" / "ledger.db", d(10_000))) as ledger:
        forged = asked("a[red]b", "\x1b[2Jq\n2026-11-29 1", NOON, Usage())
        asyncio.run(lived(ledger, (forged,)))

    done = here("costs", "--home", tmp_path / "home", folder=tmp_path)

    assert "\x1b" not in done.stdout
    assert "a[red]b  [2Jq 2026-11-29 1 " in done.stdout
    assert not any(line.lstrip().startswith("2026-11-29") for line in done.stdout.splitlines())


def test_the_home_of_the_settings_is_looked_at_where_none_is_named(home: Path) -> None:
    done = here("costs", "--json", folder=home.parent, variables={"SEMSIG_HOME": "home"})

    assert json.loads(done.stdout) == told(home)


@pytest.mark.parametrize("name", ["nowhere", "empty", "file", "folder"])
def test_a_place_without_a_ledger_is_named_and_nothing_is_made_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "folder" / "ledger.db").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))

    done = here("costs", "--home", tmp_path / name, folder=tmp_path)

    assert f"nothing was lived in this home yet, was {tmp_path / name}" in refusal(done)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_command_explains_itself(tmp_path: Path) -> None:
    said = here("costs", "--help", folder=tmp_path).stdout

    assert "semsig costs --days 7" in said and "A ? was told by nobody" in said


@pytest.mark.parametrize("days", ["0", "-1", "many", "1.5", ""])
def test_days_are_a_number_of_them(home: Path, days: str) -> None:
    assert "--days" in refusal(here("costs", "--home", home, "--days", days, folder=home.parent))


def test_a_file_that_is_no_ledger_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("buy milk " * 1000)

    done = here("costs", "--home", tmp_path, folder=tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("semsig: cannot open the ledger") and len(done.stderr.splitlines()) == 1
    assert (tmp_path / "ledger.db").read_text() == "buy milk " * 1000


def test_a_home_that_a_run_holds_is_read_beside_it_and_not_written(home: Path) -> None:
    """As a run does it: the lock, a write in the middle, and what it wrote last not yet in the file itself."""
    from semanticsignal import wiring
    from semanticsignal.domain.policy import Settings

    held = wiring.home(home, Settings(), "a run", is_durable=False)
    asyncio.run(lived(held.ledger, *ATTEMPTS, (asked("google", "flash", NOON + DAY, Usage(cost_usd=d(2))),)))
    held.ledger._db.execute("BEGIN IMMEDIATE")
    held.ledger._db.execute("INSERT INTO notes VALUES ('half', 'written')")

    found = told(home)

    held.ledger._db.execute("COMMIT")
    assert found["total"]["cost_usd"] == "2.00120003"
    assert held.ledger.note("half") == "written"
    held.close()


KILLED = """
import os, signal, sys
from decimal import Decimal
from pathlib import Path
from semanticsignal.adapters.sqlite import SqliteLedger
ledger = SqliteLedger(Path(sys.argv[1]), Decimal(1))
ledger.set_note("still", "there")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_home_whose_run_was_killed_is_read_as_it_stands(home: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(home / "ledger.db")], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL and (home / "ledger.db-wal").stat().st_size

    assert told(home)["total"]["cost_usd"] == "0.00120003"


async def test_a_ledger_that_is_only_read_refuses_to_write(home: Path) -> None:
    before = (home / "ledger.db").read_bytes()
    with closing(SqliteLedger(home / "ledger.db", d(1), only_reads=True)) as ledger:
        assert len(await ledger.entries()) == 3
        assert (await ledger.portfolio()).account.start_quote == d(10_000)
        with pytest.raises(LedgerUnavailable, match=r"cannot write the ledger .* readonly"):
            await ledger.told(1)

    assert (home / "ledger.db").read_bytes() == before
    with pytest.raises(LedgerUnavailable, match="cannot open the ledger"):
        SqliteLedger(home / "another.db", d(1), only_reads=True)
    assert not (home / "another.db").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="names of files that need it are of POSIX")
async def test_a_home_of_any_name_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a home? 100%#é" / "ledger.db"
    SqliteLedger(path, d(5)).close()

    with closing(SqliteLedger(path, d(1), only_reads=True)) as ledger:
        assert (await ledger.portfolio()).account.start_quote == d(5)


async def test_a_purse_that_was_deleted_learns_from_the_ledger_what_the_month_cost() -> None:
    ledger, purse = InMemoryLedger(d(1)), InMemoryPurse()
    early = asked("google", "flash", NOON.replace(day=2), Usage(cost_usd=d("0.5")))
    before = asked("google", "flash", NOON - 40 * DAY, Usage(cost_usd=d(7)))
    today = asked("blockrun", "r", NOON, Usage(cost_usd=d("0.003")))
    await lived(ledger, (before,), (early,), (today, asked("local", "q", NOON, Usage())))

    await restored(purse, ledger, NOON, Budget())
    await restored(purse, ledger, NOON, Budget())

    told = [await purse.spent(name) for name in ("2026-11", "2026-11-28", "blockrun 2026-11-28", "2026-10")]
    assert told == [d("0.503"), d("0.003"), d("0.003"), 0]


async def test_of_a_lie_in_the_ledger_no_more_is_restored_than_was_believed_of_it() -> None:
    ledger, purse = InMemoryLedger(d(1)), InMemoryPurse()
    endless = asked("google", "flash", NOON, Usage(cost_usd=d("Infinity")))
    await lived(ledger, (asked("google", "flash", NOON, Usage(cost_usd=d(20))), endless))

    await restored(purse, ledger, NOON, Budget(call_usd=d("0.25")))

    assert await purse.spent("2026-11") == d(1)


async def test_what_was_restored_half_is_restored_whole_at_the_next_start() -> None:
    ledger, purse = InMemoryLedger(d(1)), InMemoryPurse()
    await lived(ledger, (asked("blockrun", "r", NOON, Usage(cost_usd=d("0.003"))),))
    await purse.reserve("restored 2026-11-28", d("0.003"), {"2026-11-28": d(1)})

    await restored(purse, ledger, NOON, Budget())

    told = [await purse.spent(name) for name in ("2026-11", "2026-11-28", "blockrun 2026-11-28")]
    assert told == [d("0.003")] * 3


async def test_a_ledger_is_read_for_a_purse_once_a_month() -> None:
    ledger, purse = InMemoryLedger(d(1)), InMemoryPurse()
    await restored(purse, ledger, NOON, Budget())
    await lived(ledger, (asked("google", "flash", NOON, Usage(cost_usd=d("0.5"))),))

    await restored(purse, ledger, NOON, Budget())

    assert await purse.spent("2026-11") == 0


async def test_a_purse_that_knows_of_this_month_is_believed() -> None:
    ledger, purse = InMemoryLedger(d(1)), InMemoryPurse()
    await lived(ledger, (asked("google", "flash", NOON, Usage(cost_usd=d("0.5"))),))
    await purse.reserve("a", d("0.1"), {"2026-11": d(1)})

    await restored(purse, ledger, NOON, Budget())

    assert await purse.spent("2026-11") == d("0.1")


def test_the_command_says_what_is_left_of_the_budget(home: Path) -> None:
    from semanticsignal.adapters.sqlite import SqlitePurse

    now = datetime.now(UTC)
    with closing(SqlitePurse(home / "purse.db")) as purse:
        asyncio.run(purse.reserve("a", d("0.25"), {f"{now:%Y-%m}": d(1)}))

    shown = here("costs", "--home", home, folder=home.parent).stdout
    found = {one["account"]: one for one in told(home)["budget"]}

    month = f"{now:%Y-%m}"
    assert found[month]["spent_usd"] == "0.25"
    (row,) = [line for line in shown.splitlines() if line.strip().startswith(f"{month} ")]
    cap = d(found[month]["cap_usd"])
    assert row.split() == [month, "0.25", f"{cap:f}", f"{cap - d('0.25'):f}"]


def test_a_home_in_which_nobody_was_asked_says_so(tmp_path: Path) -> None:
    SqliteLedger(tmp_path / "ledger.db", d(1)).close()

    assert here("costs", "--home", tmp_path, folder=tmp_path).stdout == "no model was ever asked in this home\n"
