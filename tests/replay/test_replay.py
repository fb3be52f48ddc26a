"""`semsig replay` in processes of its own: money adds up, runs repeat, crashes resume, and the future stays unknown."""

import gzip
import json
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tape
from drivers.instance import PATIENCE_S, SEMSIG, here, refusal, semsig, surroundings

from semanticsignal import wiring
from semanticsignal.codec import dumps, loads
from semanticsignal.domain.decision import Decision
from semanticsignal.domain.learning import RuleKind, RuleStatus, SemanticRule
from semanticsignal.domain.ledger import Closing, Entry, Expiry, Learned, Opening
from semanticsignal.domain.market import epoch_ms
from semanticsignal.domain.policy import Settings
from semanticsignal.drivers.replay import Plan, closes, walk

BTC, THREE = "BTC/USDT", "BTC/USDT,ETH/USDT,SOL/USDT"
BARS, FIRST = 800, 250
SINCE, UNTIL = tape.at(FIRST), tape.at(BARS)
SEEDS = {"BTC/USDT": 3, "ETH/USDT": 1, "SOL/USDT": 2}
H4 = timedelta(hours=4)
PERP = {"SEMSIG_MARKET_KIND": "perp"}
FEE, SLIPPED = Decimal("0.00075"), Decimal("0.0002")


@dataclass(frozen=True)
class Span:
    """Which pairs from when to when; as arguments of the command."""

    symbols: str = BTC
    since: datetime = SINCE
    until: datetime = UNTIL

    def command(self, folder: Path, *more: object) -> list[str]:
        dates = ("--from", self.since.isoformat(), "--to", self.until.isoformat())
        return ["replay", str(folder), "--symbol", self.symbols, "--timeframe", "4h", *dates, *map(str, more)]


@dataclass(frozen=True)
class Ran:
    """What a replay left: its report, and the home that holds its ledger."""

    report: dict[str, Any]
    home: Path

    def rows(self) -> list[tuple[Any, ...]]:
        """The ledger, byte for byte, and the portfolio it adds up to."""
        return ledger_rows(self.home)

    def subjects(self, kind: type) -> list[Any]:
        return [entry.subject for entry in entries(self.home) if isinstance(entry.subject, kind)]

    def trades(self) -> list[Any]:
        return [told.trade for told in self.subjects(Closing)]


def ledger_rows(home: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{home / 'ledger.db'}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT seq, id, kind, symbol, at_us, fact, subject FROM entries ORDER BY seq").fetchall()
        return [*rows, *db.execute("SELECT body FROM portfolio").fetchall()]


def entries(home: Path) -> list[Entry]:
    from semanticsignal.codec import FACTS, SUBJECTS

    return [
        Entry(loads(FACTS[row[2]], row[5]), loads(SUBJECTS[row[2]], row[6]), row[0]) for row in ledger_rows(home)[:-1]
    ]


def replay(folder: Path, home: Path, span: Span = Span(), variables: dict[str, str] | None = None) -> Ran:
    out = home.parent / f"{home.name}.json"
    done = semsig(*span.command(folder, "--home", home, "--json", out), folder=home.parent, variables=variables)
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("replaying: ")]
    assert (done.returncode, complaints) == (0, [])
    return Ran(json.loads(out.read_text()), home)


def adds_up(report: dict[str, Any]) -> bool:
    start, end, gross, fees, funding = (
        Decimal(report[f"{name}_quote"]) for name in ("start_equity", "end_equity", "gross_pnl", "fees", "funding")
    )
    return end == start + gross - fees - funding and Decimal(report["net_pnl_quote"]) == end - start


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pairs of spot, 4 h and 1 h, in two formats; one of perp with funding."""
    folder = tmp_path_factory.mktemp("market") / "candles"
    for pair, seed in SEEDS.items():
        ending = "parquet" if pair == "ETH/USDT" else "csv.gz"
        tape.written(folder, pair, tape.frames(BARS, seed), ending=ending)
    tape.written(folder, BTC, tape.frames(BARS, 3), kind="perp")
    return tape.funded(folder, BTC, BARS, 3)


@pytest.fixture(scope="module")
def one(market: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """BTC alone, uninterrupted."""
    return replay(market, tmp_path_factory.mktemp("one") / "home")


@pytest.fixture(scope="module")
def three(market: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Three pairs in one account, uninterrupted."""
    return replay(market, tmp_path_factory.mktemp("three") / "home", Span(THREE))


@pytest.fixture(scope="module")
def perp(market: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The same market as a perpetual."""
    return replay(market, tmp_path_factory.mktemp("perp") / "home", variables=PERP)


# --- Money ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["one", "three", "perp"])
def test_end_is_start_plus_gross_minus_fees_minus_funding_to_the_last_digit(
    which: str, request: pytest.FixtureRequest
) -> None:
    ran: Ran = request.getfixturevalue(which)
    trades = ran.trades()

    assert adds_up(ran.report)
    assert ran.report["trades"] == len(trades) >= 3
    assert Decimal(ran.report["fees_quote"]) > 0
    assert all(isinstance(ran.report[key], str) for key in ran.report if key.endswith("_quote"))
    for trade in trades:
        assert trade.realized_pnl_quote == trade.gross_pnl_quote - trade.fees_quote - trade.funding_quote


@pytest.mark.parametrize("which", ["one", "three", "perp"])
def test_the_report_is_the_sum_of_the_ledger_s_fills(which: str, request: pytest.FixtureRequest) -> None:
    ran: Ran = request.getfixturevalue(which)
    opened, closed = ran.subjects(Opening), ran.subjects(Closing)

    fees = sum((told.fill.fee_quote for told in [*opened, *closed]), Decimal(0))
    gross = sum((told.trade.gross_pnl_quote for told in closed), Decimal(ran.report["unrealized_pnl_quote"]))

    assert Decimal(ran.report["fees_quote"]) == fees
    assert Decimal(ran.report["gross_pnl_quote"]) == gross
    assert all(told.fill.fee_quote == told.fill.price * told.fill.quantity * FEE for told in [*opened, *closed])


def test_a_perpetual_is_sold_short_and_pays_funding(perp: Ran) -> None:
    shorts = [trade for trade in perp.trades() if trade.side == "short"]

    assert len(shorts) >= 1
    assert all(t.gross_pnl_quote == (t.entry_price - t.exit_price) * t.quantity for t in shorts)
    assert Decimal(perp.report["funding_quote"]) != 0
    assert all(trade.funding_quote != 0 for trade in perp.trades() if trade.closed_at - trade.opened_at > 2 * H4)


def test_spot_is_never_sold_short_and_pays_no_funding(three: Ran) -> None:
    assert {trade.side for trade in three.trades()} == {"long"}
    assert three.report["funding_quote"] == "0"
    assert len({trade.symbol for trade in three.trades()}) >= 2


# --- Again, and after a crash --------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["one", "perp"])
def test_the_same_run_in_another_process_leaves_the_same_ledger(
    which: str, market: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    first: Ran = request.getfixturevalue(which)
    elsewhere = {"PYTHONHASHSEED": "7", "TZ": "Asia/Kathmandu", "LANG": "C"} | (PERP if which == "perp" else {})

    second = replay(market, tmp_path / "home", variables=elsewhere)

    assert second.report["ledger_sha256"] == first.report["ledger_sha256"]
    assert second.rows() == first.rows()


def killed(market: Path, home: Path, span: Span, at_rows: int) -> int:
    """Runs until the ledger holds that many entries, then is no more. Returns how many it left."""
    process = subprocess.Popen(
        [SEMSIG, *span.command(market, "--home", home)],
        cwd=home.parent,
        env=surroundings({}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + PATIENCE_S
    try:
        while count(home) < at_rows and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait(10)
    assert process.returncode == -signal.SIGKILL
    return count(home)


def count(home: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{home / 'ledger.db'}?mode=ro", uri=True, timeout=1)) as db:
            return int(db.execute("SELECT COALESCE(MAX(seq), 0) FROM entries").fetchone()[0])
    except sqlite3.OperationalError:  # not there yet
        return 0


SHORT = Span(THREE, until=tape.at(FIRST + 200))


@pytest.fixture(scope="module")
def short(market: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Three pairs for a month, uninterrupted: long enough to be killed anywhere."""
    ran = replay(market, tmp_path_factory.mktemp("short") / "home", SHORT)
    assert ran.report["trades"] >= 3, "or there is little to lose"
    return ran


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_killed_anywhere_and_run_again_leaves_the_ledger_of_a_run_without_a_crash(
    share: float, market: Path, short: Ran, tmp_path: Path
) -> None:
    whole, dice = len(short.rows()) - 1, random.Random(share)
    home = tmp_path / "home"

    left = killed(market, home, SHORT, int(whole * share) - dice.randint(0, whole // 20))
    resumed = replay(market, home, SHORT)

    assert 0 < left < whole
    assert resumed.report["ledger_sha256"] == short.report["ledger_sha256"]
    assert resumed.rows() == short.rows()
    assert without_time(resumed) == without_time(short)


def test_killed_over_and_over_leaves_the_ledger_of_a_run_without_a_crash(
    market: Path, short: Ran, tmp_path: Path
) -> None:
    whole, dice = len(short.rows()) - 1, random.Random(11)
    moments = sorted(dice.sample(range(10, int(whole * 0.8)), 3))

    left = [killed(market, tmp_path / "home", SHORT, moment) for moment in moments]
    resumed = replay(market, tmp_path / "home", SHORT)

    assert left == sorted(left) and 0 < left[0] < left[-1] < whole
    assert resumed.rows() == short.rows()


def test_a_finished_home_run_once_more_gives_the_same_report(market: Path, one: Ran) -> None:
    before = one.rows()

    again = replay(market, one.home)

    assert again.rows() == before
    assert without_time(again) == without_time(one)


def without_time(ran: Ran) -> dict[str, Any]:
    return {key: value for key, value in ran.report.items() if key not in {"seconds", "decisions_per_s"}}


# --- The future ----------------------------------------------------------------------------------------------------

T = tape.at(650)


@pytest.fixture(scope="module", params=["spot", "perp"])
def two_futures(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """Two markets that are the same up to T and differ in every bar of every timeframe from then on."""
    folder = tmp_path_factory.mktemp("futures")
    true = tape.frames(BARS, 3)
    for name, frames in (("true", true), ("false", tape.altered(true, T))):
        tape.written(folder / name, BTC, frames, kind=request.param)
        if request.param == "perp":
            tape.funded(folder / name, BTC, BARS, 3)
    return folder / "true", folder / "false", request.param


def test_candles_altered_after_an_instant_change_no_byte_up_to_it(
    two_futures: tuple[Path, Path, str], tmp_path: Path
) -> None:
    true, false, kind = two_futures
    span, variables = Span(until=T), {"SEMSIG_MARKET_KIND": kind}

    known = replay(true, tmp_path / "known", span, variables)
    other = replay(false, tmp_path / "other", span, variables)

    assert known.report["trades"] >= 2
    assert other.rows() == known.rows()
    assert other.report["ledger_sha256"] == known.report["ledger_sha256"]
    assert other.report["baselines"] == known.report["baselines"]


def test_two_futures_share_every_entry_until_they_part(two_futures: tuple[Path, Path, str], tmp_path: Path) -> None:
    true, false, kind = two_futures
    before_us = epoch_ms(T) * 1_000

    runs = [replay(f, tmp_path / f.name, variables={"SEMSIG_MARKET_KIND": kind}).rows()[:-1] for f in (true, false)]
    known, other = ([row for row in rows if row[4] < before_us] for rows in runs)

    assert len(known) > 800
    assert other == known
    assert runs[0] != runs[1]


async def lived(folder: Path, home: Path, span: Span, recall: Callable[[Any], Any]) -> list[bytes]:
    """The ledger as bytes, after a walk in this process with a memory that was told things before it began."""
    settings = Settings(symbols=(BTC,))
    plan = Plan(settings, span.since, span.until)
    market = wiring.tape(folder, settings)
    held = wiring.home(home, settings, plan.holds(market), is_durable=False)
    try:
        rig = wiring.replayed(settings, market, held.ledger, plan.since, wiring.model(settings, None))
        await recall(rig.on.memory)
        await walk(rig, plan, closes(market, plan))
        found = await held.ledger.entries(limit=100_000)
        return [entry.id.encode() + dumps(entry.fact) + dumps(entry.subject) for entry in found]
    finally:
        held.close()


async def test_memories_dated_after_an_instant_change_nothing_up_to_it(market: Path, one: Ran, tmp_path: Path) -> None:
    learned = [told.experience for told in one.subjects(Learned)]
    span = Span(until=T)

    def told(shift_to: datetime) -> Callable[[Any], Any]:
        async def recall(memory: Any) -> None:
            for number in range(12):
                like = learned[number % len(learned)]
                await memory.remember(
                    replace(
                        like,
                        id=f"later-{number}",
                        closed_at=shift_to,
                        opened_at=shift_to - H4,
                        is_win=False,
                        return_ratio=-0.05,
                        r_multiple=-1.0,
                    )
                )
            await memory.learn(
                SemanticRule(
                    "later-rule", "later", RuleKind.AVOID, RuleStatus.ACTIVE, "Never.", 0, 12, -0.05, shift_to, ()
                )
            )

        return recall

    async def nothing(memory: Any) -> None:
        del memory

    plain = await lived(market, tmp_path / "plain", span, nothing)
    later = await lived(market, tmp_path / "later", span, told(T + timedelta(milliseconds=1)))
    earlier = await lived(market, tmp_path / "earlier", span, told(span.since - H4))

    assert later == plain
    assert earlier != plain, "or memories change nothing at all, and this test could not fail"


# --- One home ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("span", "variables"),
    [
        (Span("ETH/USDT"), {}),
        (Span(since=tape.at(FIRST + 1)), {}),
        (Span(until=tape.at(BARS - 1)), {}),
        (Span(), {"SEMSIG_PAPER__FEE_RATIO": "0.001"}),
        (Span(), PERP),
    ],
    ids=["other pair", "other start", "other end", "other fee", "other market"],
)
def test_a_home_of_another_plan_is_refused(
    span: Span, variables: dict[str, str], market: Path, one: Ran, tmp_path: Path
) -> None:
    before = one.rows()

    done = semsig(*span.command(market, "--home", one.home), folder=tmp_path, variables=variables)

    assert "holds something else" in refusal(done) and "--home" in done.stderr
    assert one.rows() == before


def test_what_differs_is_said_in_words(market: Path, one: Ran, tmp_path: Path) -> None:
    said = refusal(
        semsig(
            *Span().command(market, "--home", one.home), folder=tmp_path, variables={"SEMSIG_PAPER__FEE_RATIO": "0.001"}
        )
    )

    assert said.endswith("holds something else: paper.fee_ratio: was 0.00075, now 0.001; choose another --home")


@pytest.mark.parametrize(
    "variables",
    [
        {"SEMSIG_MODEL__TIMEOUT_S": "7"},
        {"SEMSIG_BUDGET__DAY_USD": "2"},
        {"SEMSIG_PORT": "8123"},
        {"SEMSIG_CLOUD__LOG_DAYS": "3"},
    ],
)
def test_patience_money_and_places_make_no_other_plan(
    variables: dict[str, str], market: Path, one: Ran, tmp_path: Path
) -> None:
    done = semsig(*Span().command(market, "--home", one.home), folder=tmp_path, variables=variables)

    assert done.returncode == 0, done.stderr


def test_a_home_of_another_tape_is_refused(one: Ran, tmp_path: Path) -> None:
    other = tape.written(tmp_path / "candles", BTC, tape.altered(tape.frames(BARS, 3), tape.at(BARS - 1)))

    done = semsig(*Span().command(other, "--home", one.home), folder=tmp_path)

    assert "holds something else" in refusal(done)


def test_of_two_processes_on_one_home_one_works_and_the_other_is_refused(
    market: Path, three: Ran, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    command = [SEMSIG, *Span(THREE).command(market, "--home", home)]
    started = [
        subprocess.Popen(
            command, cwd=tmp_path, env=surroundings({}), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]

    ended = [(process.communicate(timeout=PATIENCE_S)[1], process.returncode) for process in started]

    assert sorted(code for _, code in ended) == [0, 2]
    said = next(stderr for stderr, code in ended if code == 2)
    assert said.count("\n") == 1 and said.startswith("semsig: another semsig runs on this home")
    assert ledger_rows(home) == three.rows()


# --- Gaps and delays -----------------------------------------------------------------------------------------------


def test_gaps_are_counted_and_nothing_is_decided_on_bars_that_are_not_there(tmp_path: Path) -> None:
    gaps = {300: 5, 420: 1, 500: 8}
    frames = tape.frames(BARS, 3, gaps=gaps)
    folder = tape.written(tmp_path / "candles", BTC, frames)

    ran = replay(folder, tmp_path / "home")
    decided = [made.closed_at for made in ran.subjects(Decision)]

    there = {datetime.fromtimestamp(ts / 1_000, UTC) + H4 for ts in frames[tape.H4]["ts"]}
    assert ran.report["missing_candles"] == 14
    assert ran.report["candles"] == ran.report["decisions"] == len(decided) == BARS - FIRST - 14
    assert set(decided) == {at for at in there if tape.at(FIRST) <= at < tape.at(BARS)}
    assert adds_up(ran.report)


@pytest.mark.parametrize("gap", [FIRST - 4, BARS - 14], ids=["over the start", "over the end"])
def test_an_outage_over_an_edge_of_the_plan_is_counted_too(gap: int, tmp_path: Path) -> None:
    """Every close of the plan is either a candle or a missing one."""
    folder = tape.written(tmp_path / "candles", BTC, tape.frames(BARS, 3, gaps={gap: 8}))
    span = Span(until=tape.at(BARS - 10))

    report = replay(folder, tmp_path / "home", span).report

    assert report["candles"] + report["missing_candles"] == (span.until - span.since) / H4


def first_opening(ran: Ran) -> Any:
    """The first position that lived for three bars or more."""
    return next(
        told.position
        for told in ran.subjects(Opening)
        for trade in ran.trades()
        if trade.position_id == told.position.id and trade.closed_at - trade.opened_at >= 3 * H4
    )


def test_a_position_open_over_a_gap_is_stopped_at_the_open_after_it(one: Ran, tmp_path: Path) -> None:
    """The venue is down for three bars; when it is back the price is far below the stop: no fill at the stop itself."""
    position = first_opening(one)
    entered = round((position.opened_at - tape.START) / H4)
    back = entered + 4
    frames = tape.altered(tape.frames(BARS, 3, gaps={entered + 1: 3}), tape.at(back), 0.85)
    folder = tape.written(tmp_path / "candles", BTC, frames)

    ran = replay(folder, tmp_path / "home")

    trade = next(trade for trade in ran.trades() if trade.position_id == position.id)
    opened = frames[tape.H1].loc[frames[tape.H1]["ts"] == epoch_ms(tape.at(back)), "open"].item()
    assert opened < trade.stop_price
    assert (trade.exit_reason, trade.closed_at) == ("stop", tape.at(back))
    assert trade.exit_price == on_tick(Decimal(repr(opened)) * (1 - SLIPPED), up=False)


def test_an_order_into_a_gap_expires_and_nothing_is_bought(one: Ran, tmp_path: Path) -> None:
    position = first_opening(one)
    entered = round((position.opened_at - tape.START) / H4)
    folder = tape.written(tmp_path / "candles", BTC, tape.frames(BARS, 3, gaps={entered: 5}))

    ran = replay(folder, tmp_path / "home")

    expired = next(told for told in ran.subjects(Expiry) if told.order.id == position.id)
    assert expired.refusal.guard == "no_price"
    assert position.id not in {told.position.id for told in ran.subjects(Opening)}


def on_tick(price: Decimal, *, up: bool, tick: Decimal = Decimal("0.0001")) -> Decimal:
    """The tape starts at a price of three digits before the point, so its tick is the fourth after it."""
    whole, rest = divmod(price, tick)
    return (whole + (1 if up and rest else 0)) * tick


@pytest.fixture(scope="module")
def minutes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tape.Frames]:
    frames = tape.frames(600, 3, finer=(tape.M1,))
    return tape.written(tmp_path_factory.mktemp("minutes") / "candles", BTC, frames, ending="parquet"), frames


@pytest.mark.parametrize(("delay_s", "minute"), [(0, 0), (1, 1), (60, 1), (90, 2)])
def test_a_late_decision_fills_at_the_open_of_the_next_minute(
    delay_s: int, minute: int, minutes: tuple[Path, tape.Frames], tmp_path: Path
) -> None:
    folder, frames = minutes
    opens = frames[tape.M1].set_index("ts")["open"]

    ran = replay(folder, tmp_path / "home", Span(until=tape.at(600)), {"SEMSIG_DECISION_DELAY_S": str(delay_s)})

    fills = [told.fill for told in ran.subjects(Opening)]
    assert len(fills) >= 2
    for fill in fills:
        closed_at = tape.H4.floor(fill.filled_at)
        assert fill.filled_at == closed_at + timedelta(minutes=minute)
        opened = Decimal(repr(float(opens[epoch_ms(fill.filled_at)])))
        assert fill.price == on_tick(opened * (1 + SLIPPED), up=True)
    assert {made.decided_at - made.closed_at for made in ran.subjects(Decision)} == {timedelta(seconds=delay_s)}
    assert adds_up(ran.report)


# --- Baselines -----------------------------------------------------------------------------------------------------


def test_baselines_of_a_tiny_tape_are_those_worked_out_by_hand(tmp_path: Path) -> None:
    folder = tmp_path / "candles"
    tape.written(folder, "AAA/USDT", tape.by_hand([(99, 99, 99, 99), (100, 130, 90, 120), (120, 125, 110, 125)]))
    tape.written(folder, "BBB/USDT", tape.by_hand([(9, 9, 9, 9), (10, 10, 7, 8), (8, 9, 8, 9)]))

    report = replay(folder, tmp_path / "home", Span("AAA/USDT,BBB/USDT", tape.at(1), tape.at(3))).report

    costs = Decimal("1.0002") * Decimal("1.00075")
    held = 5000 / costs * 125 / 100 + 5000 / costs * 9 / 10
    assert report["baselines"]["cash"] == {"end_equity_quote": "10000.00000000", "return_ratio": 0.0}
    assert Decimal(report["baselines"]["buy_and_hold"]["end_equity_quote"]) == held.quantize(Decimal("1e-8"))
    assert report["baselines"]["sma_50_200_cross"]["end_equity_quote"] == "10000.00000000"
    assert (report["candles"], report["trades"], report["end_equity_quote"]) == (4, 0, "10000")


def test_the_moving_average_cross_by_hand_buys_and_sells_at_the_open_after_the_close_that_crossed(
    tmp_path: Path,
) -> None:
    """Flat at 100 for 210 bars; a close at 110 lifts SMA 50 (100.2) over SMA 200 (100.05): bought at the next open,
    112. The close at 60 after it pulls SMA 50 (99.4) under SMA 200 (99.85): sold at the next open, 61."""
    rows = [(100.0, 100.0, 100.0, 100.0)] * 210 + [(100, 110, 100, 110), (112, 112, 60, 60), (61, 62, 50, 55)]
    folder = tape.written(tmp_path / "candles", BTC, tape.by_hand(rows))

    report = replay(folder, tmp_path / "home", Span(BTC, tape.at(205), tape.at(213))).report

    bought = 10_000 / (112 * 1.0002 * 1.00075)
    crossed = Decimal(report["baselines"]["sma_50_200_cross"]["end_equity_quote"])
    assert float(crossed) == pytest.approx(bought * 61 * 0.9998 * 0.99925, abs=1e-6)


# --- Wrong use -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One pair, enough bars to decide on a few."""
    return tape.written(tmp_path_factory.mktemp("small") / "candles", BTC, tape.frames(230, 3, finer=()))


SMALL = Span(until=tape.at(230), since=tape.at(220))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--symbol", "NOPE/USDT"), "NOPE/USDT"),
        (("--symbol", "BTCUSDT"), "BASE/QUOTE"),
        (("--symbol", ""), "symbols"),
        (("--symbol", "BTC/USDT,BTC/USDT"), "each pair once"),
        (("--from", "2024-03-01", "--to", "2024-02-01"), "--from must lie before --to"),
        (("--from", "2024-02-01", "--to", "2024-02-01"), "--from must lie before --to"),
        (("--from", "yesterdayish"), "--from"),
        (("--from", "2024-02-31"), "2024-02-31"),
        (("--from", "0001-01-01T00:00+10:00"), "--from"),
        (("--to", "9999-12-31T23:00-10:00"), "--to"),
        (("--from", "2090-01-01", "--to", "2091-01-01"), "no candle closes"),
        (("--timeframe", "7x"), "timeframe"),
        (("--timeframe", "12h"), "12h"),
        (("--json", "nowhere/out.json"), "--json"),
        (("--json", "."), "--json"),
        (("--home", "a-file/home"), "home cannot be written"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_use_is_said_in_one_line(more: tuple[str, ...], said: str, small: Path, tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("not a folder")

    line = SMALL.command(small)
    for option in more[::2]:
        if option in line:  # in the place of the right one
            del line[(at := line.index(option)) : at + 2]

    done = here(*line, *more, folder=tmp_path)

    assert said in refusal(done)


@pytest.mark.parametrize(
    "line", [("replay", "{}", "--frobnicate"), ("replay",), ("replay", "{}", "--from"), ("frobnicate",)], ids=" ".join
)
def test_an_unknown_command_line_is_refused_in_one_line(line: tuple[str, ...], small: Path, tmp_path: Path) -> None:
    done = semsig(*(str(small) if word == "{}" else word for word in line), folder=tmp_path)

    assert refusal(done)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "no such folder" in refusal(here(*SMALL.command(tmp_path / "nowhere"), folder=tmp_path))


def test_a_folder_without_candles_is_refused(tmp_path: Path) -> None:
    assert "no candles of BTC/USDT" in refusal(semsig(*SMALL.command(tmp_path), folder=tmp_path))


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"SEMSIG_TIMEFRAME": "7x"}, ("timeframe", "'7x'", "'4h'")),
        ({"SEMSIG_PAPER__FEE_RATIO": "2"}, ("paper.fee_ratio", "'2'", "0.05")),
        ({"SEMSIG_CANDLE_LIMIT": "10"}, ("candle_limit", "'10'", "250")),
        ({"SEMSIG_DECISION_DELAY_S": "nan"}, ("decision_delay_s", "nan")),
        ({"SEMSIG_PAPER__START_QUOTE": "inf"}, ("paper.start_quote", "inf")),
        ({"SEMSIG_FROBNICATE": "1"}, ("frobnicate", "SEMSIG_FROBNICATE", "is no setting")),
        ({"SEMSIG_PAPER": "5"}, ("paper", "'5'")),
        ({"SEMSIG_PAPER__FEE_RATIO__X": "5"}, ("paper.fee_ratio", "5")),
        ({"SEMSIG_CONFIG": "nowhere.toml"}, ("nowhere.toml",)),
        ({"SEMSIG_CONFIG": "broken.toml"}, ("broken.toml",)),
        ({"SEMSIG_CONFIG": "wrong.toml"}, ("risk.cooldown_bars", "-3", "0")),
    ],
    ids=lambda value: " ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else "",
)
def test_a_bad_setting_is_refused_with_key_value_and_range(
    variables: dict[str, str], said: tuple[str, ...], small: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.toml").write_text("candle_limit = ")
    (tmp_path / "wrong.toml").write_text("[risk]\ncooldown_bars = -3\n")

    line = refusal(here(*SMALL.command(small), folder=tmp_path, variables=variables))

    assert [word for word in said if word not in line] == []


def test_a_config_toml_of_the_folder_is_read_and_its_mistake_told_even_where_a_variable_hides_it(
    small: Path, tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text("candle_limit = 1\n")

    line = refusal(here(*SMALL.command(small), folder=tmp_path, variables={"SEMSIG_CANDLE_LIMIT": "999"}))

    assert "candle_limit" in line and "config.toml" in line


def spoiled(row: int, **values: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def changed(table: pd.DataFrame) -> pd.DataFrame:
        table = table.astype(dict.fromkeys(values, object))
        for column, value in values.items():
            table.loc[row, column] = value
        return table

    return changed


def moved(table: pd.DataFrame) -> pd.DataFrame:
    order = [*range(50), 60, *range(50, 60), *range(61, len(table))]
    return table.iloc[order]


SPOILS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "a missing column": lambda table: table.drop(columns="close"),
    "no row": lambda table: table.iloc[:0],
    "a price that is no number": spoiled(50, close=float("nan")),
    "a price of text": spoiled(50, close="dear"),
    "an infinite price": spoiled(50, high=float("inf")),
    "a price of zero": spoiled(50, low=0.0),
    "a negative volume": spoiled(50, volume=-1.0),
    "high below low": spoiled(50, high=1.0),
    "half a millisecond": spoiled(50, ts=epoch_ms(tape.at(50)) + 0.5),
    "a duplicate candle": lambda table: table.iloc[[*range(50), 49, *range(50, len(table))]],
    "disorder": moved,
}


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_broken_table_is_refused_by_its_name(spoil: str, tmp_path: Path) -> None:
    frames = tape.frames(230, 3, finer=())
    folder = tape.written(tmp_path / "candles", BTC, {tape.H4: SPOILS[spoil](frames[tape.H4])})

    line = refusal(here(*SMALL.command(folder), folder=tmp_path))

    assert "binance_spot_BTCUSDT_4h.csv.gz" in line


def test_a_finer_file_that_is_broken_is_refused_by_its_name(tmp_path: Path) -> None:
    frames = tape.frames(230, 3)
    frames[tape.H1] = SPOILS["high below low"](frames[tape.H1])

    line = refusal(here(*SMALL.command(tape.written(tmp_path / "candles", BTC, frames)), folder=tmp_path))

    assert "binance_spot_BTCUSDT_1h.csv.gz" in line and "row 50" in line


def whole_file(folder: Path) -> bytes:
    return (folder / "binance_spot_BTCUSDT_4h.csv.gz").read_bytes()


@pytest.mark.parametrize(
    ("ending", "content"),
    [
        ("csv", lambda folder: b"hello\n"),
        ("csv", lambda folder: b""),
        ("csv", lambda folder: bytes(range(256)) * 8),
        ("csv.gz", lambda folder: b"not gzip at all"),
        ("csv.gz", lambda folder: b""),
        ("csv.gz", lambda folder: whole_file(folder)[:2000]),
        ("csv.gz", lambda folder: whole_file(folder)[:500] + bytes(200) + whole_file(folder)[700:]),
        ("csv.gz", lambda folder: gzip.compress(b"hello\n")),
        ("parquet", lambda folder: b"PAR1 and nothing more"),
        ("parquet", lambda folder: b""),
    ],
    ids=[
        "text",
        "empty",
        "bytes",
        "no gzip",
        "empty gzip",
        "cut gzip",
        "torn gzip",
        "gzipped text",
        "no parquet",
        "empty parquet",
    ],
)
def test_a_file_that_is_no_table_is_refused_by_its_name(
    ending: str, content: Callable[[Path], bytes], small: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "candles"
    folder.mkdir()
    (folder / f"binance_spot_BTCUSDT_4h.{ending}").write_bytes(content(small))

    line = refusal(here(*SMALL.command(folder), folder=tmp_path))

    assert f"binance_spot_BTCUSDT_4h.{ending}" in line


@pytest.mark.parametrize(
    "spoil",
    [
        lambda table: table.drop(columns="rate"),
        lambda table: table.assign(rate=float("nan")),
        lambda table: table.assign(rate="dear"),
        lambda table: table.assign(ts=float("nan")),
        lambda table: table.iloc[::-1],
        lambda table: table.iloc[[0, 0, *range(1, len(table))]],
    ],
    ids=["a missing column", "no number", "text", "no time", "disorder", "a duplicate"],
)
def test_broken_funding_is_refused_by_its_name(spoil: Callable[[pd.DataFrame], pd.DataFrame], tmp_path: Path) -> None:
    folder = tape.written(tmp_path / "candles", BTC, tape.frames(230, 3, finer=()), kind="perp")
    tape.funded(folder, BTC, 230, 3)
    file = folder / "binance_perp_BTCUSDT_funding_8h.parquet"
    spoil(pd.read_parquet(file)).to_parquet(file)

    line = refusal(here(*SMALL.command(folder), folder=tmp_path, variables=PERP))

    assert file.name in line


def test_a_home_whose_ledger_is_no_ledger_fails_in_one_line(small: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/ledger.db").write_bytes(b"this is no database " * 100)

    done = here(*SMALL.command(small, "--home", tmp_path / "home"), folder=tmp_path)

    assert done.returncode in {1, 2} and "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1 and "ledger" in done.stderr


# --- Recorded data -------------------------------------------------------------------------------------------------


def candles_of(recorded_data: Path) -> Path:
    return recorded_data / "candles"


def test_the_crash_of_luna_adds_up(recorded_data: Path, tmp_path: Path) -> None:
    span = Span(BTC, datetime(2022, 1, 1, tzinfo=UTC), datetime(2022, 7, 1, tzinfo=UTC))

    ran = replay(candles_of(recorded_data), tmp_path / "home", span)

    assert adds_up(ran.report)
    assert (ran.report["candles"], ran.report["decisions"], ran.report["missing_candles"]) == (1086, 1086, 0)
    assert ran.report["trades"] == len(ran.trades()) >= 1
    assert Decimal(ran.report["baselines"]["buy_and_hold"]["end_equity_quote"]) < 5000


def test_the_outage_of_february_2018_is_counted_and_not_decided_on(recorded_data: Path, tmp_path: Path) -> None:
    since, end = datetime(2018, 2, 1, tzinfo=UTC), datetime(2018, 3, 1, tzinfo=UTC)
    bars = pd.read_parquet(candles_of(recorded_data) / "binance_spot_BTCUSDT_4h.parquet", columns=["ts"])["ts"]
    closes_at = {datetime.fromtimestamp(ts / 1_000, UTC) + H4 for ts in bars}
    there = {at for at in closes_at if since <= at < end}

    ran = replay(candles_of(recorded_data), tmp_path / "home", Span(BTC, since, end))

    assert len(there) < 28 * 6
    assert ran.report["missing_candles"] == 28 * 6 - len(there)
    assert {made.closed_at for made in ran.subjects(Decision)} == there
    assert adds_up(ran.report)


@pytest.fixture(autouse=True)
def _nothing_of_ours_is_left(tmp_path: Path) -> Iterator[None]:
    """A replay writes where it is told to, and nowhere else."""
    yield
    assert not (tmp_path / ".semsig").exists()
