"""What worked, asked of a home from the command line."""

import asyncio
import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from chroma_server import lesson
from drivers.instance import here, refusal
from world import BTC, ETH, MONDAY, d, decision, lived

from semanticsignal.adapters.sqlite import SqliteLedger
from semanticsignal.domain.events import DecisionMade
from semanticsignal.domain.ledger import Entry

DAY = timedelta(days=1)
# Ten days of a bull market, then one trade that closed in it and one that closed after it.
BULL = [MONDAY + n * DAY for n in range(10)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    async def filled() -> None:
        for at in [*BULL, MONDAY + 30 * DAY]:
            regime = "bull trending" if at in BULL else "bear trending"
            made = replace(decision(), id=f"d{at}", closed_at=at, regime=regime)
            await ledger.record(Entry(DecisionMade(made.id, BTC, at), made))
        for name, days in (("in", 5), ("after", 20)):
            await ledger.record(lesson(lived(name, closed_at=MONDAY + days * DAY)))

    with closing(SqliteLedger(tmp_path / "home" / "ledger.db", d(10_000))) as ledger:
        asyncio.run(filled())
    return tmp_path / "home"


def test_each_pair_is_asked_about_its_own_bull_market(home: Path, worked: Callable[..., str]) -> None:
    """ETH rises while BTC falls: a trade of BTC of that time is none of a bull market."""

    async def more() -> None:
        for n in range(15, 30):
            at = MONDAY + n * DAY
            made = replace(decision(), id=f"e{n}", symbol=ETH, closed_at=at, regime="bull ranging")
            await ledger.record(Entry(DecisionMade(made.id, ETH, at), made))
        await ledger.record(lesson(lived("eth", symbol=ETH, closed_at=MONDAY + 20 * DAY)))

    with closing(SqliteLedger(home / "ledger.db", d(10_000))) as ledger:
        asyncio.run(more())

    told = json.loads(worked("--during", "bull", "--json"))

    assert told["trades"] == 2  # "in" of BTC and "eth", not "after", which closed while only ETH rose
    assert (told["since"], told["until"]) == (BULL[0].isoformat(), (MONDAY + 29 * DAY).isoformat())


@pytest.fixture
def worked(home: Path) -> Callable[..., str]:
    return lambda *options: here("memory", "worked", "--home", home, *options, folder=home.parent).stdout


def test_what_worked_in_the_last_bull_market_names_its_time_and_counts_no_trade_of_another(
    worked: Callable[..., str],
) -> None:
    said = worked("--during", "bull")

    assert (
        said.splitlines()[0] == f"trades closed from {BULL[0]:%Y-%m-%d %H:%M} UTC until {BULL[-1]:%Y-%m-%d %H:%M} UTC"
    )
    assert next(line.split()[:3] for line in said.splitlines() if "all trades" in line) == ["all", "trades", "1"]
    assert json.loads(worked("--during", "bull", "--json"))["trades"] == 1
    assert json.loads(worked("--json"))["trades"] == 2


def test_where_no_trade_is_meant_it_says_of_which_time(worked: Callable[..., str]) -> None:
    assert worked("--during", "bull", "--side", "short") == (
        f"no trade closed from {BULL[0]:%Y-%m-%d %H:%M} UTC until {BULL[-1]:%Y-%m-%d %H:%M} UTC matches\n"
    )
    assert worked("--from", "2099-01-01") == "no trade closed from 2099-01-01 00:00 UTC matches\n"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--during", "zebra"), "no week of a regime with that word in it was lived through, was 'zebra'"),
        (("--from", "yesterday"), "--from is a date or an instant"),
        (("--symbol", "BTC"), "BASE/QUOTE"),
        (("--regime", "bull"), "no trade was entered in such a regime, was 'bull'; there are bull trending"),
        (("--during", "bull", "--from", "2026-02-01"), "the newest such time ended at 2026-01-14"),
        (("--from", "2026-05-01", "--to", "2025-01-01"), "nothing lies between, was from 2026-05-01"),
    ],
)
def test_what_nobody_can_mean_is_refused(home: Path, options: tuple[str, ...], why: str) -> None:
    assert why in refusal(here("memory", "worked", "--home", home, *options, folder=home.parent))


@pytest.mark.parametrize("asked", [("memory", "worked"), ("memory", "search", "x"), ("memory", "rebuild"), ("costs",)])
def test_of_a_home_where_nobody_lived_every_command_says_the_same(asked: tuple[str, ...], tmp_path: Path) -> None:
    said = refusal(here(*asked, "--home", tmp_path / "nowhere", folder=tmp_path))

    assert said == (
        f"semsig: nothing was lived in this home yet, was {tmp_path / 'nowhere'}; semsig run, or choose another --home"
    )
    assert not (tmp_path / "nowhere").exists()
