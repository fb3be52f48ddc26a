"""What a home came to and its tables for spreadsheets: exact, with how much of it may be luck said first."""

import asyncio
import csv
import json
import re
import stat
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from shutil import which

import pyarrow.parquet as pq
import pytest
from drivers.instance import here, refusal
from hypothesis import given, settings
from hypothesis import strategies as st
from world import BTC, decision, signal

from semanticsignal import wiring
from semanticsignal.adapters.sqlite import SqliteLedger
from semanticsignal.domain.decision import Decision, Refusal
from semanticsignal.domain.events import DecisionMade, EquityMarked, PositionClosed
from semanticsignal.domain.ledger import Closing, Entry, What
from semanticsignal.domain.market import MarketKind, Symbol
from semanticsignal.domain.trading import EquityPoint, ExitReason, Fill, Side, Trade
from semanticsignal.drivers import completions, export, report, report_page
from semanticsignal.logic.show.report import Report, months
from semanticsignal.settings import load

JULY = datetime(2026, 7, 1, tzinfo=UTC)
DAY = timedelta(days=1)
EVIL = '=HYPERLINK("http://evil")<script>alert(1)</script>\x1b[2J'


def trade(number: int, net: str) -> Trade:
    """Closed on the so many-th day of July; 1.000000000000000001 of fees, whatever it brought."""
    fees, won = Decimal("1.000000000000000001"), Decimal(net)
    return Trade(
        f"t{number}", number, f"p{number}", f"d{number}", BTC, MarketKind.SPOT, Side.LONG, Decimal(1), Decimal(100),
        Decimal(100) + won, JULY + (number - 1) * DAY, JULY + number * DAY, Decimal(95), Decimal(95), None,
        won + fees, fees, Decimal(0), won, float(won) / 100, float(won) / 5, -0.01, 0.01,
        ExitReason.STOP if won < 0 else ExitReason.TARGET, False,
    )  # fmt: skip


def closed(one: Trade) -> Entry:
    fill = Fill(f"{one.id}#order", one.closed_at, one.exit_price, one.quantity, Decimal(0), Decimal(0))
    return Entry(PositionClosed(one.id, BTC, one.closed_at), Closing(one, fill))


def marked(at: datetime, equity: str) -> Entry:
    return Entry(EquityMarked(at.isoformat(), at), EquityPoint(at, Decimal(equity), Decimal(equity), Decimal(0), 0))


def decided(number: int, reasoning: str) -> Entry:
    made: Decision = decision(replace(signal(), reasoning=reasoning), regime=f"bull {EVIL}", id=f"d{number}")
    made = replace(made, refusals=(Refusal("cooldown", "two bars of rest"),), decided_at=JULY)
    return Entry(DecisionMade(f"d{number}", BTC, JULY), made)


def home_of(folder: Path, entries: Iterable[Entry]) -> Path:
    home = folder / "home"
    home.mkdir()
    ledger = SqliteLedger(home / wiring.LEDGER, Decimal(10_000))

    async def written() -> None:
        for entry in entries:
            await ledger.record(entry)

    asyncio.run(written())
    ledger.close()
    return home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    nets = ("10.10", "-5", "20", "-5.000000000000000001")
    return home_of(tmp_path, [
        decided(1, EVIL), *(closed(trade(n, net)) for n, net in enumerate(nets, 1)),
        marked(JULY + 20 * DAY, "10015.1"), marked(JULY + 31 * DAY, "10020.099999999999999999"),
        marked(JULY + 40 * DAY, "9900"),
    ])  # fmt: skip


def test_a_report_says_first_what_cannot_be_concluded(home: Path, tmp_path: Path) -> None:
    done = here("report", "--home", home, folder=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    first, _, rest = done.stdout.partition("\nResult\n")
    assert "n = 4 closed trades; 2 won" in first and "Nothing can be told from luck yet" in first
    assert "largest drawdown" in rest and "1.20%" in rest
    assert "\x1b" not in done.stdout


def test_money_of_a_report_adds_up_to_the_last_digit(home: Path, tmp_path: Path) -> None:
    done = here("report", "--home", home, "--json", "told.json", "--to", "2026-08-09", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    money = {name: Decimal(text) for name, text in json.loads((tmp_path / "told.json").read_text())["money"].items()}
    assert money["closed_net_quote"] == Decimal("20.099999999999999999")
    assert money["net_quote"] == money["closed_net_quote"] + money["rest_quote"] == Decimal("20.099999999999999999")
    assert (
        money["closed_gross_quote"] - money["closed_fees_quote"] - money["closed_funding_quote"]
        == money["closed_net_quote"]
    )


def test_a_report_of_a_time_begins_with_the_equity_of_before(home: Path, tmp_path: Path) -> None:
    done = here("report", "--home", home, "--json", "told.json", "--from", "2026-07-25", folder=tmp_path)

    told = json.loads((tmp_path / "told.json").read_text())
    assert done.returncode == 0
    assert told["money"]["begin_quote"] == "10015.1" and told["groups"] == []
    assert [(month["month"], month["net_quote"]) for month in told["months"]] == [
        ("2026-07", "4.999999999999999999"), ("2026-08", "-120.099999999999999999")
    ]  # fmt: skip
    assert "No trade was closed: of skill nothing can be said." in told["luck"]


WHEN = st.integers(0, 44).map(lambda days: JULY + days * DAY)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Marked and decided each midnight and noon, with a trade every other midnight: much happens at a bound."""
    trades = [trade(day, f"{(7 * day) % 11 - 5}.{day:018d}") for day in range(1, 44, 2)]
    return home_of(tmp_path_factory.mktemp("lived"), [
        *map(closed, trades),
        *(decided_at(JULY + n * DAY / 2) for n in range(90)),
        *(marked(JULY + n * DAY / 2, f"{10_000 + (n * n) % 37}.{n:018d}") for n in range(90)),
    ])  # fmt: skip


def decided_at(at: datetime) -> Entry:
    made: Decision = decision(signal(), id=at.isoformat(), closed_at=at, decided_at=at)
    return Entry(DecisionMade(made.id, BTC, at), made)


def came_to(home: Path, since: datetime | None, until: datetime | None) -> Report:
    return asyncio.run(report.read(load({"home": str(home)}).settings, report.Between(since, until)))


@settings(max_examples=15, deadline=None)
@given(st.sets(WHEN, min_size=1, max_size=4), WHEN, st.booleans())
def test_times_side_by_side_add_up_to_the_whole_to_the_last_digit(
    lived: Path, cuts: set[datetime], end: datetime, is_open: bool
) -> None:
    bounds = [None, *sorted(cut for cut in cuts if cut < end), None if is_open else end]
    whole = came_to(lived, None, bounds[-1])
    parts = [came_to(lived, *pair) for pair in pairwise(bounds)]

    def summed(part: Report) -> list[Decimal]:
        money = part.money
        amounts = (money.net_quote, money.closed_net_quote, money.closed_fees_quote, money.rest_quote)
        months = sum((month.net_quote for month in part.months), Decimal(0))
        return [*amounts, months, Decimal(len(part.returns)), Decimal(part.decisions)]

    assert [sum(each) for each in zip(*map(summed, parts), strict=True)] == summed(whole)
    assert all(one.money.end_quote == other.money.begin_quote for one, other in pairwise(parts))


def test_what_happens_at_the_end_of_a_time_belongs_to_the_next_and_its_mark_to_both(lived: Path) -> None:
    middle = JULY + 31 * DAY
    before, after = came_to(lived, None, middle), came_to(lived, middle, None)

    assert (before.money.end_quote, after.money.begin_quote) == (Decimal("10033.000000000000000062"),) * 2
    assert [month.month for month in before.months] == ["2026-07"]  # the first midnight ends no June
    assert [month.month for month in after.months] == ["2026-08"]
    assert (len(before.returns), len(after.returns)) == (15, 7)
    assert (before.decisions, after.decisions) == (62, 28)
    assert before.equity[-1] == after.equity[0]


def test_a_report_names_the_currency_that_was_lived_in_whatever_is_set_now(tmp_path: Path) -> None:
    done_in = replace(trade(1, "5"), symbol=Symbol("BTC", "USDT"))
    home = home_of(tmp_path, [closed(done_in), marked(JULY + DAY, "10005"), marked(JULY + 2 * DAY, "10005")])
    done = here("report", "--home", home, "--html", "told.html", "--json", "told.json", folder=tmp_path)

    for text in (done.stdout, re.sub(r"<[^>]*>", " ", (tmp_path / "told.html").read_text())):
        said = re.sub(r"\s+", " ", text)
        assert (
            "equity at the beginning 10000 USDT " in said
            and "their net +5.000000000000000000 USDT " in said
            and "Months, USDT " in said
        )
        assert "USDC" not in said
    assert json.loads((tmp_path / "told.json").read_text())["quote"] == "USDT"


def test_the_return_of_a_month_that_began_with_nothing_is_undefined() -> None:
    (month,) = months(Decimal(0), [EquityPoint(JULY + DAY, Decimal(5), Decimal(5), Decimal(0), 0)])

    assert (month.net_quote, month.return_ratio) == (5, None)


def test_the_page_of_a_report_is_one_file_without_script_and_with_every_word_escaped(
    home: Path, tmp_path: Path
) -> None:
    done = here("report", "--home", home, "--html", "told.html", folder=tmp_path)

    page = (tmp_path / "told.html").read_text()
    assert done.returncode == 0 and done.stderr == "written: told.html\n"
    assert "<script" not in page.lower() and "&lt;script&gt;" in page and "\x1b" not in page
    assert not re.search(r"""(?:src|href)=['"](?!data:)""", page)
    assert page.count("src='data:image/svg+xml;base64,") == 3
    assert page.count("media='(prefers-color-scheme: dark)' srcset='data:image/svg+xml;base64,") == 3
    assert page.index("how much of it may be luck") < page.index("Equity and drawdown")


@pytest.mark.parametrize("returns", [(0.1,), (0.0,), (-0.05, 0.021), (0.07,) * 3 + (-0.003,) * 40, (0.3, 0.1, 0.2) * 9])
def test_every_trade_is_drawn_and_no_bar_holds_both_kinds(returns: tuple[float, ...]) -> None:
    (axes,) = report_page._distribution(returns, report_page.NIGHT).axes

    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches if bar.get_height()]
    assert sum(bar.get_height() for bar in axes.patches) == len(returns)
    assert not any(left < -1e-9 and right > 1e-9 for left, right in bars)


def sheet(done_in: Path, home: Path, what: str) -> list[dict[str, str]]:
    done = here("export", "--home", home, "--what", what, "--to", f"{what}.csv", folder=done_in)
    assert done.returncode == 0, done.stderr
    with (done_in / f"{what}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_what_is_exported_is_exact_in_every_form(home: Path, tmp_path: Path) -> None:
    rows = sheet(tmp_path, home, "trades")
    for form in ("jsonl", "parquet"):
        done = here("export", "--home", home, "--what", "trades", "--to", f"t.{form}", folder=tmp_path)
        assert done.stdout == f"4 rows of trades in t.{form}\n"
    lines = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    table = pq.read_table(tmp_path / "t.parquet").to_pylist()

    for each in (rows, lines, table):
        assert [row["realized_pnl_quote"] for row in each] == ["10.10", "-5", "20", "-5.000000000000000001"]
    assert rows[0]["closed_at"] == lines[0]["closed_at"] == "2026-07-02T00:00:00Z"
    assert table[0]["closed_at"] == JULY + DAY


def test_no_cell_is_a_formula_and_a_negative_figure_stays_one(home: Path, tmp_path: Path) -> None:
    (row,) = sheet(tmp_path, home, "decisions")

    assert row["reasoning"] == "'" + EVIL
    assert row["refusals"] == "cooldown: two bars of rest"
    assert sheet(tmp_path, home, "trades")[1]["return_ratio"] == "-0.05"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d"])
def test_nor_is_one_for_a_spreadsheet_that_separates_cells_otherwise(sign: str, separator: str, tmp_path: Path) -> None:
    words = [f"{before}{sign}1+1" for before in ("", "fine;", 'fine;"', "a\n", "a\r\n", "a\t", "a;;\t", "\t")]
    with export.WRITERS[".csv"](tmp_path / "t.csv", {"id": str, "reasoning": str}) as write:
        write([[word, word] for word in words])

    with (tmp_path / "t.csv").open(newline="") as file:
        cells = [cell for row in csv.reader(file, delimiter=separator) for cell in row]

    assert len(cells) > 2 * len(words) and not [cell for cell in cells if cell.startswith(sign)]


@pytest.mark.parametrize(("what", "many"), [("equity", 3), ("refusals", 1), ("experiences", 0), ("events", 8)])
def test_every_table_is_there(what: str, many: int, home: Path, tmp_path: Path) -> None:
    rows = sheet(tmp_path, home, what)
    done = here("export", "--home", home, "--what", what, "--to", "x.parquet", folder=tmp_path)

    assert done.returncode == 0 and len(rows) == many == pq.read_metadata(tmp_path / "x.parquet").num_rows
    assert what != "events" or json.loads(rows[-1]["entry"])["equity_quote"] == "9900"


def test_a_file_that_is_there_is_overwritten_only_when_told_so_and_never_halved(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.csv").write_text("mine")
    line = ("export", "--home", home, "--what", "trades", "--to", "t.csv")
    assert "was t.csv; --force overwrites" in refusal(here(*line, folder=tmp_path))

    with monkeypatch.context() as broken:
        broken.setitem(export.TABLES, What.TRADES, (("PositionClosed",), Trade, lambda _: 1 / 0))
        with pytest.raises(ZeroDivisionError):
            here(*line, "--force", folder=tmp_path)
    assert (tmp_path / "t.csv").read_text() == "mine"
    assert not list(tmp_path.glob(".*.partial"))

    assert here(*line, "--force", folder=tmp_path).returncode == 0
    assert (tmp_path / "t.csv").read_text().startswith("id,symbol")
    assert stat.S_IMODE((tmp_path / "t.csv").stat().st_mode) & 0o400


@pytest.mark.parametrize(("shell", "form"), [("bash", "_semsig_completion() {"), ("zsh", "#compdef semsig"),
                                              ("fish", "complete --command semsig")])  # fmt: skip
def test_a_shell_completes_commands(shell: str, form: str, tmp_path: Path) -> None:
    assert form in here("completion", shell, folder=tmp_path).stdout

    typed = {"_SEMSIG_COMPLETE": "complete_bash", "COMP_WORDS": "semsig re", "COMP_CWORD": "1"}
    assert set(here(folder=tmp_path, variables=typed).stdout.split()) == {"replay", "record", "report"}


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("analyze B", {"BTC/USDC"}),
        ("replay x --symbol BTC/USDC,", {"BTC/USDC,ETH/USDC", "BTC/USDC,SOL/USDC"}),
        ("replay x --timeframe 1", {"15m", "1d", "1h", "12h", "1m", "1w"}),
        ("record --timeframes 1m,4", {"1m,4h"}),
        ("replay x --model o", {"openrouter", "openai_compatible"}),
        ("run --market l", {"live"}),
        ("export --what t", {"trades"}),
        ("memory search x --kind r", {"rule"}),
        ("run --sp", {"--speed"}),
    ],
)
def test_a_shell_completes_what_a_command_takes(typed: str, offered: set[str], tmp_path: Path) -> None:
    at = str(len(typed.split()))
    variables = {"_SEMSIG_COMPLETE": "complete_bash", "COMP_WORDS": f"semsig {typed}", "COMP_CWORD": at}

    assert set(here(folder=tmp_path, variables=variables).stdout.split()) == offered


WORDS = {Decimal: "decimal", float: "number", int: "integer", bool: "yes/no", str: "text", datetime: "time"}


def test_every_column_of_every_table_is_explained_in_order() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "export.md").read_text()

    for what in What:
        section = page.partition(f"\n## {what}\n")[2].partition("\n## ")[0]
        told = re.findall(r"^\| `(\w+)` \| ([\w/]+) \| \S.* \|$", section, re.MULTILINE)
        assert told == [(name, WORDS[kind]) for name, kind in export.columns(what).items()], what


@pytest.mark.parametrize("shell", completions.SHELLS)
def test_what_a_shell_is_told_is_in_its_language(shell: str, tmp_path: Path) -> None:
    """Read by the shell where this machine has it; a machine without it has nothing to read it with."""
    (tmp_path / "script").write_text(here("completion", shell, folder=tmp_path).stdout)

    program = which(shell)
    done = program and subprocess.run([program, "-n", tmp_path / "script"], capture_output=True, text=True, check=False)
    assert not done or (done.returncode, done.stderr) == (0, "")
