"""One contract, four purses: no account ever holds more than its limit, whoever asks at once, crashes or asks again."""

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from itertools import count
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import serve
from world import MONDAY, d

from semanticsignal.adapters.dynamodb import ENTRIES, PURSE, DynamoLedger, DynamoPurse
from semanticsignal.adapters.inmemory import InMemoryPurse
from semanticsignal.adapters.sqlite import SqlitePurse
from semanticsignal.domain.errors import BadInput, LedgerUnavailable
from semanticsignal.domain.events import EquityMarked
from semanticsignal.domain.ledger import Entry
from semanticsignal.domain.trading import EquityPoint
from tests.functions.aws import IDENTITY, client, ledger_table

DAY, MONTH, PROVIDER = "2026-11-28", "2026-11", "blockrun 2026-11-28"
# Caps as a deployment has them: a day, a month, and a day of one provider.
LIMITS = {DAY: d(1), MONTH: d(20), PROVIDER: d("0.50")}


pytestmark = pytest.mark.usefixtures("signed")


TABLES = count()


def table(url: str) -> str:
    return ledger_table(url, f"purse-{next(TABLES)}")


@pytest.fixture(params=["memory", "sqlite", "moto", "dynamodb-local"])
def purse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    match request.param:
        case "memory":
            yield InMemoryPurse()
            return
        case "sqlite":
            opened: Any = SqlitePurse(tmp_path / "home" / "purse.db")
        case "moto":
            url = request.getfixturevalue("moto")
            opened = DynamoPurse(table(url), endpoint_url=url)
        case _:
            url = request.getfixturevalue("real_dynamodb")
            opened = DynamoPurse(table(url), endpoint_url=url)
    yield opened
    opened.close()


async def told(purse: Any, *accounts: str) -> list[Decimal]:
    return [await purse.spent(one) for one in accounts or LIMITS]


class TestPurse:
    async def test_an_account_that_nobody_used_holds_nothing(self, purse: Any) -> None:
        assert await told(purse) == [0, 0, 0]

    async def test_money_is_set_aside_in_every_account(self, purse: Any) -> None:
        assert await purse.reserve("a", d("0.25"), LIMITS) is True
        assert await purse.reserve("b", d("0.10"), {DAY: d(1), MONTH: d(20)}) is True

        assert await told(purse) == [d("0.35"), d("0.35"), d("0.25")]

    async def test_an_account_is_filled_to_its_limit_and_not_by_the_last_digit_more(self, purse: Any) -> None:
        limits = {DAY: d("0.3")}

        assert await purse.reserve("a", d("0.1"), limits)
        assert not await purse.reserve("b", d("0.2000000000000000000000000000000000000001"), limits)
        assert await purse.reserve("c", d("0.2"), limits)
        assert not await purse.reserve("d", d("1E-60"), limits)

        assert await purse.spent(DAY) == d("0.3")

    async def test_one_full_account_keeps_money_out_of_all(self, purse: Any) -> None:
        await purse.reserve("a", d("0.40"), LIMITS)

        assert await purse.reserve("b", d("0.20"), LIMITS) is False

        assert await told(purse) == [d("0.40"), d("0.40"), d("0.40")]

    async def test_more_than_a_whole_limit_is_refused_at_once(self, purse: Any) -> None:
        assert not await purse.reserve("a", d("1.01"), {DAY: d(1)})
        assert not await purse.reserve("b", d("0.01"), {DAY: d(0)})
        assert await told(purse, DAY) == [0]

    async def test_the_limit_is_that_of_whoever_asks(self, purse: Any) -> None:
        assert await purse.reserve("a", d(5), {DAY: d(10)})

        assert not await purse.reserve("b", d(0), {DAY: d("4.99")})
        assert await purse.reserve("c", d(0), {DAY: d(5)})
        assert await purse.reserve("d", d(7), {DAY: d(12)})

        assert await told(purse, DAY) == [d(12)]

    async def test_asked_again_under_one_id_it_is_set_aside_once(self, purse: Any) -> None:
        assert await purse.reserve("a", d("0.50"), LIMITS)

        assert await purse.reserve("a", d("0.50"), LIMITS), "also where nothing more has room"
        assert await purse.reserve("a", d(99), {"another": d(1)}), "the first word stands"

        assert await told(purse, *LIMITS, "another") == [d("0.50"), d("0.50"), d("0.50"), 0]

    async def test_what_was_refused_may_be_asked_again_when_there_is_room(self, purse: Any) -> None:
        limits = {DAY: d(1)}
        await purse.reserve("a", d(1), limits)
        assert not await purse.reserve("b", d("0.5"), limits)

        await purse.settle("a", d("0.4"))

        assert await purse.reserve("b", d("0.5"), limits)
        assert await told(purse, DAY) == [d("0.9")]

    async def test_what_it_came_to_takes_the_place_of_what_was_set_aside_everywhere(self, purse: Any) -> None:
        await purse.reserve("a", d("0.50"), LIMITS)
        await purse.reserve("b", d("0.30"), {DAY: d(1), MONTH: d(20)})

        await purse.settle("a", d("0.0123"))

        assert await told(purse) == [d("0.3123"), d("0.3123"), d("0.0123")]

    async def test_what_came_dearer_is_booked_past_the_limit_and_nothing_after_it(self, purse: Any) -> None:
        await purse.reserve("a", d("0.9"), {DAY: d(1), MONTH: d(20)})

        await purse.settle("a", d("1.7"))

        assert await told(purse, DAY, MONTH) == [d("1.7"), d("1.7")]
        assert not await purse.reserve("b", d(0), {DAY: d(1)})
        assert await purse.reserve("c", d(1), {MONTH: d(20)})

    async def test_only_the_first_settlement_counts(self, purse: Any) -> None:
        await purse.reserve("a", d("0.5"), LIMITS)

        await purse.settle("a", d("0.2"))
        await purse.settle("a", d("0.2"))
        await purse.settle("a", d("0.4"))

        assert await told(purse) == [d("0.2")] * 3

    async def test_what_was_settled_is_not_set_aside_again(self, purse: Any) -> None:
        await purse.reserve("a", d("0.5"), LIMITS)
        await purse.settle("a", d(0))

        assert await purse.reserve("a", d("0.5"), LIMITS)

        assert await told(purse) == [0, 0, 0]

    async def test_a_settlement_of_nothing_set_aside_is_an_error_and_books_nothing(self, purse: Any) -> None:
        await purse.reserve("refused", d(5), {DAY: d(1)})

        for id in ("refused", "never asked"):
            with pytest.raises(LedgerUnavailable, match=f"nothing was set aside under '{id}', was settled with 0.1"):
                await purse.settle(id, d("0.1"))

        assert await told(purse, DAY, id) == [0, 0]

    async def test_whatever_is_bound_to_no_account_is_free(self, purse: Any) -> None:
        assert await purse.reserve("a", d(5), {})
        await purse.settle("a", d(7))
        await purse.settle("a", d(7))

    async def test_every_digit_is_kept(self, purse: Any) -> None:
        """90 digits are more than a number of DynamoDB has, or the default context of Python."""
        sums = ["123456789012345678901234567890", "0.000000000000000000000000000000123456789012345678901234567891",
                "1E-60", "0.1", "0.2"]  # fmt: skip
        for n, usd in enumerate(sums):
            assert await purse.reserve(str(n), d(usd), {DAY: d("9E+29")})
        await purse.settle("3", d("0.30000000000000000000000000000000000000000000000000000000001"))

        exact = "123456789012345678901234567890.500000000000000000000000000000123456789012345678901234567902"
        assert str(await purse.spent(DAY)) == exact

    @pytest.mark.parametrize(
        "usd",
        [0.1, 1, True, "0.1", None, d("-0.01"), d("-1E-60"), d("NaN"), d("sNaN"), d("Infinity"), d("-Infinity"),
         d("1E+30"), d("1E-61"), d("1E+999999"), d("0E-999999")],
        ids=repr,
    )  # fmt: skip
    async def test_what_is_no_sum_of_money_is_refused(self, purse: Any, usd: Any) -> None:
        await purse.reserve("a", d("0.5"), LIMITS)

        with pytest.raises(BadInput, match=", was "):
            await purse.reserve("b", usd, LIMITS)
        with pytest.raises(BadInput, match=", was "):
            await purse.reserve("b", d("0.1"), {MONTH: d(20), DAY: usd})
        with pytest.raises(BadInput, match=", was "):
            await purse.settle("a", usd)

        assert await told(purse) == [d("0.5")] * 3

    @pytest.mark.parametrize(
        "name", ["", "half \ud83d", "x" * 1025, "ä" * 513, None, 5, b"a"], ids=lambda n: repr(n)[:12]
    )
    async def test_what_no_store_takes_as_a_name_is_refused(self, purse: Any, name: Any) -> None:
        for asked in (purse.reserve(name, d(1), LIMITS), purse.reserve("a", d(1), {DAY: d(1), name: d(1)}),
                      purse.settle(name, d(1)), purse.spent(name)):  # fmt: skip
            with pytest.raises(BadInput, match="a name is text of 1 to 1024 bytes, was"):
                await asked

        assert await told(purse) == [0, 0, 0]

    async def test_no_name_gets_in_the_way_of_another(self, purse: Any) -> None:
        names = ["account", "reserved", "id#a", "head", "ledger", "purse#a", "a#b", "x" * 1024, "'; --", "\x00", "Ä\n"]
        for name in names:
            assert await purse.reserve(name, d(1), {name: d(1)})
        await purse.settle("head", d("0.5"))

        assert await told(purse, *names) == [d("0.5") if name == "head" else d(1) for name in names]

    async def test_ten_who_ask_at_once_get_what_there_is_and_no_more(self, purse: Any) -> None:
        answers = await asyncio.gather(*(purse.reserve(f"pair {n}", d("0.15"), LIMITS) for n in range(10)))

        assert sum(answers) == 3, "0.15 goes three times into the 0.50 of the provider"
        assert await told(purse) == [d("0.45")] * 3


# --- Any order of questions ------------------------------------------------------------------------------------------

ACCOUNTS = ("day", "month", "provider")
micro = st.integers(0, 3_000_000)
asked = st.tuples(
    st.just("reserve"), st.integers(0, 7), micro, st.dictionaries(st.sampled_from(ACCOUNTS), st.integers(0, 5_000_000))
)
paid = st.tuples(st.just("settle"), st.integers(0, 7), micro, st.just({}))
questions = st.lists(st.one_of(asked, asked, paid), max_size=30)


async def holds(purse: Any, steps: list[Any], prefix: str = "") -> None:
    """Against books kept by hand, in whole millionths."""
    books: dict[int, tuple[tuple[str, ...], int, bool]] = {}

    def total(account: str) -> int:
        return sum(usd for accounts, usd, _ in books.values() if account in accounts)

    for kind, id, usd, limits in steps:
        money = Decimal(usd).scaleb(-6)
        if kind == "reserve":
            caps = {f"{prefix}{account}": Decimal(cap).scaleb(-6) for account, cap in limits.items()}
            taken = id in books or all(total(account) + usd <= cap for account, cap in limits.items())
            assert await purse.reserve(f"{prefix}{id}", money, caps) is taken
            if taken:
                books.setdefault(id, (tuple(limits), usd, False))
                assert id in books
        elif id in books:
            await purse.settle(f"{prefix}{id}", money)
            accounts, reserved, is_settled = books[id]
            books[id] = accounts, reserved if is_settled else usd, True
        else:
            with pytest.raises(LedgerUnavailable):
                await purse.settle(f"{prefix}{id}", money)
        for one in ACCOUNTS:
            assert await purse.spent(f"{prefix}{one}") == Decimal(total(one)).scaleb(-6)


@given(questions)
async def test_in_any_order_a_purse_of_memory_is_what_was_taken_from_it(steps: list[Any]) -> None:
    await holds(InMemoryPurse(), steps)


NUMBERS = count()


@settings(max_examples=40)
@given(questions)
async def test_in_any_order_a_file_is_what_was_taken_from_it(one_file: SqlitePurse, steps: list[Any]) -> None:
    await holds(one_file, steps, f"{next(NUMBERS)} ")


@settings(max_examples=15)
@given(questions)
async def test_in_any_order_a_table_is_what_was_taken_from_it(one_table: DynamoPurse, steps: list[Any]) -> None:
    await holds(one_table, steps, f"{next(NUMBERS)} ")


@pytest.fixture(scope="module")
def one_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlitePurse]:
    with closing(SqlitePurse(tmp_path_factory.mktemp("purse") / "purse.db")) as purse:
        yield purse


@pytest.fixture(scope="module")
def one_table(moto: str) -> Iterator[DynamoPurse]:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in IDENTITY.items():
            environment.setenv(name, value)
        with closing(DynamoPurse(table(moto), endpoint_url=moto)) as purse:
            yield purse


# --- Races -----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "dynamodb-local"])
def runner(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Any]:
    """Each call opens the same purse once more, as another process would; a file is not there before the first."""
    if request.param == "sqlite":
        return lambda: SqlitePurse(tmp_path / "purse.db")
    url = request.getfixturevalue("real_dynamodb")
    name = table(url)
    return lambda: DynamoPurse(name, endpoint_url=url)


def at_once(runner: Callable[[], Any], runners: int, work: Callable[[Any, int], Any]) -> list[Any]:
    """Each runner in a thread and a loop of its own, all starting together: true races, no turn-taking."""
    start = Barrier(runners)

    def run(n: int) -> Any:
        start.wait()
        with closing(runner()) as purse:
            return asyncio.run(work(purse, n))

    with ThreadPoolExecutor(runners) as pool:
        return list(pool.map(run, range(runners)))


def found(runner: Callable[[], Any], *accounts: str) -> list[Decimal]:
    with closing(runner()) as purse:
        return asyncio.run(told(purse, *accounts))


def test_of_a_hundred_racing_questions_as_many_are_asked_as_there_is_money_for(runner: Callable[[], Any]) -> None:
    async def spend(purse: Any, n: int) -> int:
        return sum([await purse.reserve(f"{n}.{i}", d("0.03"), LIMITS) for i in range(10)])

    taken = at_once(runner, 10, spend)

    assert sum(taken) == 16, "0.50 / 0.03"
    assert found(runner) == [d("0.48")] * 3


def test_twins_set_aside_once_and_both_may_ask(runner: Callable[[], Any]) -> None:
    async def same(purse: Any, n: int) -> list[bool]:
        return [await purse.reserve(f"question {i}", d("0.1"), {DAY: d("0.5")}) for i in range(5)]

    answers = at_once(runner, 6, same)

    assert answers == [[True] * 5] * 6
    assert found(runner, DAY) == [d("0.5")]


def test_of_twins_that_settle_one_is_booked(runner: Callable[[], Any]) -> None:
    with closing(runner()) as purse:
        for i in range(5):
            assert asyncio.run(purse.reserve(f"question {i}", d(1), {f"account {i}": d(1), MONTH: d(9)}))

    async def settle(purse: Any, n: int) -> None:
        for i in range(5):
            await purse.settle(f"question {i}", d(n + 1) / 100)

    at_once(runner, 6, settle)

    settled = found(runner, *(f"account {i}" for i in range(5)))
    assert set(settled) <= {d(n + 1) / 100 for n in range(6)}
    assert found(runner, MONTH) == [sum(settled)]


def test_while_some_settle_and_others_ask_nobody_ever_sees_more_than_the_limit(runner: Callable[[], Any]) -> None:
    async def work(purse: Any, n: int) -> tuple[Decimal, Decimal]:
        spent, most = d(0), d(0)
        for i in range(8):
            if n and await purse.reserve(f"{n}.{i}", d("0.4"), {DAY: d(1)}):
                cost = d(n * 10 + i) / 1000
                await purse.settle(f"{n}.{i}", cost)
                spent += cost
            most = max(most, await purse.spent(DAY))
        return spent, most

    results = at_once(runner, 6, work)

    assert max(most for _, most in results) <= 1
    assert found(runner, DAY) == [sum(spent for spent, _ in results)]
    assert sum(spent for spent, _ in results) > 0


SPENDER = """
import asyncio, os, signal, sys
from decimal import Decimal
from pathlib import Path
from semanticsignal.adapters.sqlite import SqlitePurse

path, name, last = sys.argv[1:]
purse, taken = SqlitePurse(Path(path)), 0
sys.stdin.read(1)
for i in range(30):
    if asyncio.run(purse.reserve(f"{name} {i}", Decimal("0.01"), {"day": Decimal("0.80")})):
        taken += 1
        print(taken, flush=True)
        if taken == int(last):
            os.kill(os.getpid(), signal.SIGKILL)
        if i % 2:
            asyncio.run(purse.settle(f"{name} {i}", Decimal("0.01")))
"""


def test_processes_share_one_file_and_what_a_killed_one_set_aside_is_spent(tmp_path: Path) -> None:
    path = tmp_path / "purse.db"
    spenders = [
        subprocess.Popen(
            [sys.executable, "-c", SPENDER, str(path), f"spender {n}", last],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for n, last in enumerate(("7", "0", "0", "12"))
    ]  # fmt: skip

    said = [spender.communicate("go", timeout=60)[0].split() for spender in spenders]

    assert [spender.returncode for spender in spenders][::3] == [-signal.SIGKILL] * 2
    assert (said[0][-1], said[3][-1]) == ("7", "12")
    assert sum(int(lines[-1]) for lines in said) == min(80, 7 + 30 + 30 + 12) == 79
    assert found(lambda: SqlitePurse(path), "day") == [d("0.79")]


# --- The file --------------------------------------------------------------------------------------------------------


async def test_what_nobody_settled_is_spent_also_after_reopening(runner: Callable[[], Any]) -> None:
    first = runner()
    await first.reserve("a", d("0.4"), LIMITS)
    await first.reserve("b", d("0.1"), LIMITS)
    await first.settle("b", d("0.05"))
    first.close()

    with closing(runner()) as again:
        assert await told(again) == [d("0.45")] * 3
        assert not await again.reserve("c", d("0.06"), LIMITS)
        await again.settle("a", d("0.01"))
        assert await told(again) == [d("0.06")] * 3


async def test_a_file_that_others_hold_too_long_is_said_and_used_again_when_it_is_free(tmp_path: Path) -> None:
    purse, other = SqlitePurse(tmp_path / "purse.db"), SqlitePurse(tmp_path / "purse.db")
    purse._db.execute("PRAGMA busy_timeout=50")
    await purse.reserve("a", d("0.1"), {DAY: d(1)})

    other._db.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnavailable, match=r"cannot write the purse .*purse\.db, was database is locked"):
        await purse.reserve("b", d("0.1"), {DAY: d(1)})
    other._db.execute("ROLLBACK")
    # Somebody who reads does not keep others from beginning to write, and does keep them from ending it.
    other._db.execute("BEGIN")
    other._db.execute("SELECT * FROM accounts").fetchall()
    with pytest.raises(LedgerUnavailable):
        await purse.settle("a", d("0.05"))
    other._db.execute("ROLLBACK")

    assert await purse.spent(DAY) == d("0.1")
    await purse.settle("a", d("0.05"))
    assert await purse.spent(DAY) == await other.spent(DAY) == d("0.05")
    purse.close()
    other.close()


async def test_a_file_that_is_no_purse_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("buy milk " * 1000)

    for path in (tmp_path / "notes.txt", tmp_path, tmp_path / "notes.txt" / "purse.db"):
        with pytest.raises(LedgerUnavailable, match="cannot open the purse"):
            SqlitePurse(path)

    assert (tmp_path / "notes.txt").read_text() == "buy milk " * 1000


@pytest.mark.parametrize("sum", ["", "many", "NaN", "Infinity", b"\xff"])
async def test_a_sum_that_cannot_be_read_is_not_taken_for_nothing(tmp_path: Path, sum: Any) -> None:
    with closing(SqlitePurse(tmp_path / "purse.db")) as purse:
        await purse.reserve("a", d("0.1"), {DAY: d(1)})
        purse._db.execute("UPDATE accounts SET usd = ?", (sum,))

        for asked in (purse.reserve("b", d("0.1"), {DAY: d(1)}), purse.settle("a", d("0.1")), purse.spent(DAY)):
            with pytest.raises(LedgerUnavailable, match="cannot be read"):
                await asked


async def test_an_account_that_lost_what_was_set_aside_in_it_never_falls_below_nothing(tmp_path: Path) -> None:
    with closing(SqlitePurse(tmp_path / "purse.db")) as purse:
        await purse.reserve("a", d("0.5"), {DAY: d(1)})
        purse._db.execute("DELETE FROM accounts")

        with pytest.raises(LedgerUnavailable, match=r"0\.5 were set aside in '2026-11-28', which holds 0"):
            await purse.settle("a", d("0.1"))

        assert await purse.spent(DAY) == 0


# --- The table -------------------------------------------------------------------------------------------------------


class Overtaken(DynamoPurse):
    """Somebody else writes once: right before it reads its accounts, right after, or right before it writes."""

    before: Any = None
    after: Any = None
    writing: Any = None

    async def _held(self, accounts: Any) -> Any:
        await self._meanwhile("before")
        found = await super()._held(accounts)
        await self._meanwhile("after")
        return found

    def _transacted(self, actions: Any) -> bool:
        asyncio.run(self._meanwhile("writing"))
        return super()._transacted(actions)

    async def _meanwhile(self, when: str) -> None:
        twin = getattr(self, when)
        setattr(self, when, None)
        if twin:
            await twin()


@pytest.fixture
def overtaken(moto: str) -> tuple[Overtaken, DynamoPurse]:
    name = table(moto)
    return Overtaken(name, endpoint_url=moto), DynamoPurse(name, endpoint_url=moto)


@pytest.mark.parametrize("when", ["before", "after", "writing"])
async def test_what_somebody_took_a_moment_earlier_is_gone(overtaken: tuple[Overtaken, DynamoPurse], when: str) -> None:
    purse, other = overtaken
    setattr(purse, when, lambda: other.reserve("b", d("0.6"), {DAY: d(1)}))

    assert not await purse.reserve("a", d("0.6"), {DAY: d(1)})

    assert await purse.spent(DAY) == d("0.6")


@pytest.mark.parametrize("when", ["before", "after", "writing"])
async def test_a_twin_that_filled_the_account_a_moment_earlier_asked_for_both(
    overtaken: tuple[Overtaken, DynamoPurse], when: str
) -> None:
    purse, other = overtaken
    setattr(purse, when, lambda: other.reserve("a", d("0.6"), {DAY: d(1)}))

    assert await purse.reserve("a", d("0.6"), {DAY: d(1)})

    assert await other.spent(DAY) == d("0.6")


@pytest.mark.parametrize("when", ["before", "after", "writing"])
@pytest.mark.parametrize("cost", ["0.1", "0.6", "0.9"])
async def test_what_a_twin_settled_a_moment_earlier_stands(
    overtaken: tuple[Overtaken, DynamoPurse], when: str, cost: str
) -> None:
    """Also where it came to just what was set aside, and the account looks as it did before."""
    purse, other = overtaken
    await other.reserve("a", d("0.6"), {DAY: d(1)})
    setattr(purse, when, lambda: other.settle("a", d(cost)))

    await purse.settle("a", d("0.3"))

    assert await other.spent(DAY) == d(cost)


def mark() -> Entry:
    return Entry(EquityMarked(MONDAY.isoformat(), MONDAY), EquityPoint(MONDAY, d(1), d(1), d(0), 0))


async def test_beside_a_ledger_neither_sees_the_other(moto: str) -> None:
    name = table(moto)
    ledger, purse = DynamoLedger(name, d(10_000), endpoint_url=moto), DynamoPurse(name, endpoint_url=moto)

    await ledger.record(mark())
    for id in (mark().id, "head", "ledger"):
        await purse.reserve(id, d(1), {"ledger": d(9), "head": d(9)})
        await purse.settle(id, d("0.5"))

    assert await ledger.entries() == await ledger.entries(kinds=("EquityMarked",)) == (await ledger.entry(mark().id),)
    assert (await ledger.portfolio()).version == 0
    assert await told(purse, "ledger", "head") == [d("1.5")] * 2
    # The stream's filter lets new items of the entries' partition through, and the indexes hold items with their keys.
    items = client("dynamodb", moto).scan(TableName=name)["Items"]
    ours = [item for item in items if item["pk"]["S"].startswith(PURSE)]
    assert len(ours) == 5 and len(items) == 8
    assert all(item["pk"]["S"] != ENTRIES and not {"kind_seq", "pair_seq", "kind", "fact"} & set(item) for item in ours)


class Wire:
    """Between the purse and DynamoDB. `fault` is told each operation, and may answer in its place, before or after."""

    def __init__(self, url: str) -> None:
        self.asked: list[str] = []
        self.written: list[dict[str, Any]] = []
        self.throttles, self.loses = 0, 0
        self._url = url

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        operation = headers["x-amz-target"].rpartition(".")[2]
        self.asked.append(operation)
        status, content = 400, b'{"__type": "x#ThrottlingException", "message": "Rate exceeded"}'
        is_write = operation == "TransactWriteItems"
        if is_write and self.throttles:
            self.throttles -= 1
        else:
            async with httpx.AsyncClient(verify=False, trust_env=False) as moto:
                answer = await moto.post(self._url, headers=headers, content=body)
            status, content = answer.status_code, answer.content
            if is_write:
                self.written += json.loads(body)["TransactItems"]
            if is_write and self.loses:
                self.loses -= 1
                status, content = 500, b'{"__type": "x#InternalServerError", "message": "lost"}'
        told = [(b"content-type", b"application/x-amz-json-1.0"), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": content})


@pytest.mark.parametrize("fault", ["throttles", "loses"])
async def test_a_throttled_write_is_written_and_one_whose_answer_was_lost_counts_once(moto: str, fault: str) -> None:
    wire = Wire(moto)
    setattr(wire, fault, 1)
    async with serve(wire) as url:
        with closing(DynamoPurse(table(moto), endpoint_url=url)) as purse:
            assert await purse.reserve("a", d("0.6"), {DAY: d(1)})
            setattr(wire, fault, 1)
            await purse.settle("a", d("0.2"))

            assert await purse.spent(DAY) == d("0.2")


async def test_it_needs_no_right_that_who_writes_the_ledger_has_not(moto: str) -> None:
    """GetItem; and of what a transaction is authorized by, PutItem and UpdateItem."""
    wire = Wire(moto)
    async with serve(wire) as url:
        with closing(DynamoPurse(table(moto), endpoint_url=url)) as purse:
            await purse.reserve("a", d("0.6"), LIMITS | {PROVIDER: d(1)})
            await purse.settle("a", d("0.2"))
            await purse.spent(DAY)

    assert set(wire.asked) == {"GetItem", "TransactWriteItems"}
    assert {action for item in wire.written for action in item} == {"Put", "Update"}


async def test_a_table_that_is_not_there_is_said(moto: str) -> None:
    purse = DynamoPurse("nowhere", endpoint_url=moto)

    with pytest.raises(LedgerUnavailable, match="cannot read the purse in nowhere"):
        await purse.reserve("a", d(1), {DAY: d(1)})
    with pytest.raises(LedgerUnavailable, match="cannot read the purse in nowhere"):
        await purse.spent(DAY)


async def test_while_another_process_writes_only_who_asks_the_purse_waits(tmp_path: Path) -> None:
    path = tmp_path / "purse.db"
    with closing(SqlitePurse(path)) as purse, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        asked = asyncio.create_task(purse.reserve("a", d("0.25"), LIMITS))
        turns = 0
        while turns < 5:  # the loop turns on, and nothing was set aside yet
            await asyncio.sleep(0.01)
            turns += 1
            assert not asked.done()
        other.execute("ROLLBACK")

        assert await asked is True
        assert await purse.spent(DAY) == d("0.25")
