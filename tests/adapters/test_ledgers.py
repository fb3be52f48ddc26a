"""One contract, four ledgers: first write wins, one transaction an entry, the same after reopening and under races."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
from world import BTC, ETH, H4, MONDAY, d

from semanticsignal.adapters.dynamodb import DynamoLedger
from semanticsignal.adapters.inmemory import InMemoryLedger
from semanticsignal.adapters.sqlite import SqliteLedger
from semanticsignal.domain.errors import BadInput, LedgerConflict, LedgerUnavailable
from semanticsignal.domain.events import EquityMarked, OrderPlaced, RuleFormed
from semanticsignal.domain.learning import RuleKind, RuleStatus, SemanticRule
from semanticsignal.domain.ledger import Entry
from semanticsignal.domain.market import MarketKind, Symbol
from semanticsignal.domain.trading import EquityPoint, Order, Portfolio, Purpose, Side
from semanticsignal.logic.execute import position as fold
from tests.functions.aws import ledger_table

START = d("10000.00")


def mark(hours: int, equity: str = "10000") -> Entry:
    at = MONDAY + timedelta(hours=hours)
    return Entry(EquityMarked(at.isoformat(), at), EquityPoint(at, d(equity), d(equity), d(0), 0))


def order(name: str, symbol: Symbol = BTC, hours: int = 0) -> Order:
    at = MONDAY + timedelta(hours=hours)
    return Order(
        name, name, symbol, MarketKind.SPOT, Purpose.OPEN, Side.LONG, d("1.50"), at, at + H4, d(100), d(95), None
    )


def placed(of: Order) -> Entry:
    return Entry(OrderPlaced(of.id, of.symbol, of.created_at), of)


pytestmark = pytest.mark.usefixtures("signed")


TABLES = count()


def dynamo(url: str) -> DynamoLedger:
    """On a table of its own."""
    return DynamoLedger(ledger_table(url, f"ledger-{next(TABLES)}"), START, endpoint_url=url)


@pytest.fixture(params=["memory", "sqlite", "moto", "dynamodb-local"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    match request.param:
        case "memory":
            yield InMemoryLedger(START)
        case "sqlite":
            opened = SqliteLedger(tmp_path / "home" / "ledger.db", START)
            yield opened
            opened.close()
        case "moto":
            yield dynamo(request.getfixturevalue("moto"))
        case _:
            yield dynamo(request.getfixturevalue("real_dynamodb"))


@pytest.fixture
def reopened(tmp_path: Path) -> Iterator[Callable[..., SqliteLedger]]:
    """Opens one and the same file as often as one likes."""
    opened: list[SqliteLedger] = []

    def again(start_quote: Any = START) -> SqliteLedger:
        opened.append(SqliteLedger(tmp_path / "ledger.db", start_quote))
        return opened[-1]

    yield again
    for one in opened:
        one.close()


async def place(ledger: Any, of: Order) -> Entry:
    before = await ledger.portfolio()
    entry: Entry = await ledger.settle(placed(of), before, fold.with_order(before, of))
    return entry


class TestLedger:
    async def test_it_begins_with_the_starting_capital_and_nothing_else(self, ledger: Any) -> None:
        assert await ledger.portfolio() == fold.empty(START)
        assert await ledger.entries() == ()
        assert await ledger.entry("EquityMarked:x") is None

    async def test_entries_are_numbered_from_one(self, ledger: Any) -> None:
        first, second = await ledger.record(mark(0)), await ledger.record(mark(4))

        assert (first, second) == (replace(mark(0), seq=1), replace(mark(4), seq=2))
        assert await ledger.entry(mark(4).id) == second
        assert await ledger.entries() == (first, second)

    async def test_the_first_write_wins(self, ledger: Any) -> None:
        await ledger.record(mark(0, "10000"))

        stands = await ledger.record(mark(0, "9999"))

        assert stands.subject.equity_quote == d(10_000)
        assert await ledger.entries() == (stands,)

    async def test_entry_and_portfolio_are_written_together(self, ledger: Any) -> None:
        entry = await place(ledger, order("a"))

        assert entry.seq == 1
        portfolio = await ledger.portfolio()
        assert (portfolio.version, portfolio.orders) == (1, (order("a"),))
        assert portfolio.account.start_quote == START

    async def test_an_entry_that_stands_settles_nothing_anew(self, ledger: Any) -> None:
        first = await place(ledger, order("a"))
        portfolio = await ledger.portfolio()

        again = await ledger.settle(placed(order("a", ETH)), portfolio, fold.with_order(portfolio, order("b")))

        assert again == first
        assert await ledger.portfolio() == portfolio
        assert await ledger.entries() == (first,)

    async def test_an_entry_that_stands_wins_even_over_a_stale_portfolio(self, ledger: Any) -> None:
        stale = await ledger.portfolio()
        first = await place(ledger, order("a"))

        assert await ledger.settle(placed(order("a")), stale, fold.with_order(stale, order("a"))) == first

    async def test_a_stale_portfolio_is_a_conflict_and_writes_nothing(self, ledger: Any) -> None:
        stale = await ledger.portfolio()
        await place(ledger, order("a"))
        portfolio = await ledger.portfolio()

        with pytest.raises(LedgerConflict, match="at version 1, was read at 0"):
            await ledger.settle(placed(order("b", ETH)), stale, fold.with_order(stale, order("b", ETH)))

        assert await ledger.portfolio() == portfolio
        assert len(await ledger.entries()) == 1
        assert await ledger.entry("OrderPlaced:b") is None

    async def test_after_a_conflict_reading_again_settles(self, ledger: Any) -> None:
        stale = await ledger.portfolio()
        await place(ledger, order("a"))
        with pytest.raises(LedgerConflict):
            await ledger.settle(placed(order("b", ETH)), stale, stale)

        await place(ledger, order("b", ETH))

        assert [o.id for o in (await ledger.portfolio()).orders] == ["a", "b"]

    async def test_money_keeps_every_digit_it_was_written_with(self, ledger: Any) -> None:
        before = await ledger.portfolio()
        after = replace(before, version=1, account=before.account.book(fees=d("0.123456789012345678901234567")))

        await ledger.settle(mark(0), before, after)

        assert str((await ledger.portfolio()).account.fees_quote) == "0.123456789012345678901234567"
        assert str((await ledger.portfolio()).account.start_quote) == "10000.00"

    @pytest.mark.parametrize(
        ("wanted", "ids"),
        [
            ({}, ["m0", "a", "b", "m4", "c", "m8"]),
            ({"kinds": ("OrderPlaced",)}, ["a", "b", "c"]),
            ({"kinds": ("OrderPlaced", "EquityMarked")}, ["m0", "a", "b", "m4", "c", "m8"]),
            ({"kinds": ("RuleFormed",)}, []),
            ({"symbol": BTC}, ["a", "c"]),
            ({"symbol": BTC, "kinds": ("OrderPlaced", "OrderExpired")}, ["a", "c"]),
            ({"symbol": ETH, "kinds": ("OrderPlaced",), "after": 3}, []),
            ({"kinds": ("OrderPlaced",), "after": 2, "before": 5}, ["b"]),
            ({"kinds": ("OrderPlaced", "OrderPlaced"), "limit": 2}, ["a", "b"]),
            ({"kinds": ("OrderPlaced", "EquityMarked"), "limit": 3, "newest_first": True}, ["m8", "c", "m4"]),
            ({"symbol": BTC, "until": MONDAY, "limit": 1, "newest_first": True}, ["a"]),
            ({"after": 6}, []),
            ({"before": 1}, []),
            ({"symbol": Symbol("XRP", "USDC")}, []),
            ({"after": 2}, ["b", "m4", "c", "m8"]),
            ({"before": 3}, ["m0", "a"]),
            ({"after": 2, "before": 5}, ["b", "m4"]),
            ({"until": MONDAY + H4}, ["m0", "a", "b", "m4"]),
            ({"until": MONDAY + H4 - timedelta(microseconds=1)}, ["m0", "a", "b"]),
            ({"until": MONDAY - H4}, []),
            ({"limit": 2}, ["m0", "a"]),
            ({"limit": 0}, []),
            ({"limit": 2, "newest_first": True}, ["m8", "c"]),
            ({"newest_first": True, "kinds": ("OrderPlaced",), "until": MONDAY + H4}, ["b", "a"]),
            ({"newest_first": True, "before": 5, "limit": 1}, ["m4"]),
        ],
    )  # fmt: skip
    async def test_entries_are_found_by_what_they_are(
        self, ledger: Any, wanted: dict[str, Any], ids: list[str]
    ) -> None:
        names = {mark(hours).fact.id: f"m{hours}" for hours in (0, 4, 8)}
        for entry in (
            mark(0),
            placed(order("a")),
            placed(order("b", ETH, 1)),
            mark(4),
            placed(order("c", BTC, 5)),
            mark(8),
        ):
            await ledger.record(entry)

        found = await ledger.entries(**wanted)

        assert [names.get(entry.fact.id, entry.fact.id) for entry in found] == ids

    async def test_of_two_writers_at_once_one_settles_and_the_other_reads_again(self, ledger: Any) -> None:
        seen = await ledger.portfolio()

        settled = await asyncio.gather(
            *(ledger.settle(placed(o), seen, fold.with_order(seen, o)) for o in (order("a"), order("b", ETH))),
            return_exceptions=True,
        )

        assert [type(one) for one in settled if not isinstance(one, Entry)] == [LedgerConflict]
        (entry,) = await ledger.entries()
        assert [o.id for o in (await ledger.portfolio()).orders] == [entry.fact.id]

    async def test_a_long_entry_comes_back_whole(self, ledger: Any) -> None:
        """Thirty thousand trades behind one rule: far more than an item holds as it is written."""
        names = tuple(f"BTC/USDC#4h#2026-01-05T04:00:00+00:00#{n}" for n in range(30_000))
        rule = SemanticRule("p#1", "p", RuleKind.AVOID, RuleStatus.ACTIVE, "", 0, 9, 0.0, MONDAY, names)

        await ledger.record(Entry(RuleFormed(rule.id, MONDAY), rule))

        stands = await ledger.entry("RuleFormed:p#1")
        assert stands.subject == rule


class TestOutbox:
    @pytest.fixture(params=["memory", "sqlite"])
    def ledger(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
        if request.param == "memory":
            yield InMemoryLedger(START)
        else:
            opened = SqliteLedger(tmp_path / "ledger.db", START)
            yield opened
            opened.close()

    async def test_what_was_not_told_is_told_again(self, ledger: Any) -> None:
        for hours in (0, 4, 8):
            await ledger.record(mark(hours))

        before = await ledger.untold()
        await ledger.told(2)
        after = await ledger.untold()
        await ledger.told(3)

        assert [entry.seq for entry in before] == [1, 2, 3]
        assert [entry.seq for entry in after] == [3]
        assert await ledger.untold() == ()
        assert await ledger.last_seq() == 3


# --- Races -----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "dynamodb-local"])
def runner(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Any]:
    """Each call opens the same ledger once more, as another process would."""
    if request.param == "sqlite":
        SqliteLedger(tmp_path / "ledger.db", START).close()
        return lambda: SqliteLedger(tmp_path / "ledger.db", START)
    url = request.getfixturevalue("real_dynamodb")
    table = ledger_table(url, f"ledger-{next(TABLES)}")
    return lambda: DynamoLedger(table, START, endpoint_url=url)


def at_once(runner: Callable[[], Any], runners: int, work: Callable[[Any, int], Any]) -> list[Any]:
    """Each runner in a thread and a loop of its own, all starting together: true races, no turn-taking."""
    start = Barrier(runners)

    def run(n: int) -> Any:
        with closing(runner()) as ledger:
            start.wait()
            return asyncio.run(work(ledger, n))

    with ThreadPoolExecutor(runners) as pool:
        return list(pool.map(run, range(runners)))


async def settled(ledger: Any, mine: Order) -> Entry:
    """As a stage does it: on a conflict, read again."""
    while True:
        before = await ledger.portfolio()
        try:
            entry: Entry = await ledger.settle(placed(mine), before, fold.with_order(before, mine))
            return entry
        except LedgerConflict:
            continue


RUNNERS, WRITES = 20, 10


def test_of_two_hundred_racing_writers_one_makes_the_trade(runner: Callable[[], Any]) -> None:
    async def write(ledger: Any, n: int) -> set[Any]:
        wanted = [order("the-trade", hours=n * WRITES + i) for i in range(WRITES)]
        return {(await settled(ledger, mine)).subject.created_at for mine in wanted}

    told = set().union(*at_once(runner, RUNNERS, write))

    with closing(runner()) as ledger:
        portfolio, entries = asyncio.run(ledger.portfolio()), asyncio.run(ledger.entries())
    assert (len(told), len(portfolio.orders), portfolio.version) == (1, 1, 1)
    assert [entry.seq for entry in entries] == [1]


def test_racing_runners_lose_nothing_and_leave_no_gap(runner: Callable[[], Any]) -> None:
    """Some settle orders, others record marks: what moves money and what does not share one line of numbers."""

    async def write(ledger: Any, n: int) -> None:
        for i in range(WRITES):
            if n % 2:
                await ledger.record(mark(n * WRITES + i))
            else:
                await settled(ledger, order(f"o{n}.{i}", Symbol(f"C{n}X{i}", "USDC")))

    at_once(runner, 4, write)

    with closing(runner()) as ledger:
        portfolio, entries = asyncio.run(ledger.portfolio()), asyncio.run(ledger.entries())
    assert [entry.seq for entry in entries] == list(range(1, 41))
    assert len({entry.id for entry in entries}) == 40
    assert (portfolio.version, len(portfolio.orders)) == (20, 20)


# --- Between two looks -----------------------------------------------------------------------------------------------


class Overtaken(DynamoLedger):
    """Somebody else writes between its look at the name and its look at the head."""

    twin: Any = None

    async def _head(self) -> Any:
        if self.twin:
            twin, self.twin = self.twin, None
            await twin()
        return await super()._head()


@pytest.fixture
def overtaken(moto: str) -> tuple[Overtaken, DynamoLedger]:
    table = ledger_table(moto, f"ledger-{next(TABLES)}")
    return tuple(kind(table, START, endpoint_url=moto) for kind in (Overtaken, DynamoLedger))  # type: ignore[return-value]


async def test_a_name_is_given_once_also_when_a_twin_is_a_moment_earlier(
    overtaken: tuple[Overtaken, DynamoLedger],
) -> None:
    ledger, other = overtaken
    ledger.twin = lambda: other.record(mark(0, "1"))

    stands = await ledger.record(mark(0, "2"))

    assert stands.subject.equity_quote == d(1)  # type: ignore[union-attr]
    assert [entry.seq for entry in await other.entries()] == [1]


async def test_what_a_twin_settled_a_moment_earlier_is_no_conflict(overtaken: tuple[Overtaken, DynamoLedger]) -> None:
    ledger, other = overtaken
    before = await ledger.portfolio()
    ledger.twin = lambda: place(other, order("a"))

    stands = await ledger.settle(placed(order("a")), before, fold.with_order(before, order("a")))

    assert stands.seq == 1 and (await other.portfolio()).version == 1


class Frozen(DynamoLedger):
    """It stands still for an hour between what it read and what it writes of it; meanwhile the others go on."""

    meanwhile: Any = None

    def _transacted(self, actions: Any) -> bool:
        hour, self.meanwhile = self.meanwhile, None
        if hour:
            asyncio.run(hour())
        return super()._transacted(actions)


@pytest.fixture
def frozen(moto: str) -> tuple[Frozen, DynamoLedger]:
    table = ledger_table(moto, f"ledger-{next(TABLES)}")
    return tuple(kind(table, START, endpoint_url=moto) for kind in (Frozen, DynamoLedger))  # type: ignore[return-value]


async def test_who_thaws_after_an_hour_settles_nothing_on_what_it_read_before(
    frozen: tuple[Frozen, DynamoLedger],
) -> None:
    ledger, other = frozen
    before = await ledger.portfolio()

    async def hour() -> None:
        await place(other, order("theirs", ETH))
        await other.record(mark(1))

    ledger.meanwhile = hour

    with pytest.raises(LedgerConflict):
        await ledger.settle(placed(order("ours")), before, fold.with_order(before, order("ours")))

    after = await other.portfolio()
    assert [one.id for one in after.orders] == ["theirs"] and after.version == 1
    assert [(one.seq, one.kind) for one in await other.entries()] == [(1, "OrderPlaced"), (2, "EquityMarked")]


async def test_what_moves_no_money_comes_after_what_was_written_meanwhile_and_changes_none_of_it(
    frozen: tuple[Frozen, DynamoLedger],
) -> None:
    ledger, other = frozen

    async def hour() -> None:
        await other.record(mark(1, "1"))
        await place(other, order("theirs"))

    ledger.meanwhile = hour
    late = await ledger.record(mark(0))
    ledger.meanwhile = lambda: other.record(mark(2, "2"))
    same = await ledger.record(mark(2, "3"))

    assert (late.seq, same.seq, same.subject.equity_quote) == (3, 4, d(2))  # type: ignore[union-attr]
    assert [one.id for one in (await other.portfolio()).orders] == ["theirs"]


async def test_of_two_that_begin_an_empty_ledger_the_first_begins_it(moto: str) -> None:
    table = ledger_table(moto, f"ledger-{next(TABLES)}")
    other = DynamoLedger(table, d(5), endpoint_url=moto)

    class Late(DynamoLedger):
        def _begun(self) -> None:
            asyncio.run(place(other, order("theirs")))
            super()._begun()

    await Late(table, START, endpoint_url=moto).record(mark(1))

    portfolio = await other.portfolio()
    assert (portfolio.account.start_quote, len(portfolio.orders)) == (d(5), 1)


async def test_of_several_kinds_no_later_entry_is_seen_without_the_earlier_ones(moto: str) -> None:
    """Each kind is a question of its own; here two entries are written between the answers."""
    table = ledger_table(moto, f"ledger-{next(TABLES)}")
    other = DynamoLedger(table, START, endpoint_url=moto)
    await other.record(mark(0))
    answered = Event()

    class Slow(DynamoLedger):
        def _found(self, keys: Any, *more: Any) -> Any:
            if keys.first.startswith("EquityMarked"):
                found = super()._found(keys, *more)
                asyncio.run(other.record(mark(4)))
                asyncio.run(other.record(placed(order("a"))))
                answered.set()
                return found
            answered.wait()
            return super()._found(keys, *more)

    seen = await Slow(table, START, endpoint_url=moto).entries(kinds=("EquityMarked", "OrderPlaced"))

    assert [entry.seq for entry in seen] == [1]


async def test_what_could_not_be_read_back_is_never_written(ledger: Any) -> None:
    """The list only grows: one line that nobody can read would end it."""
    poison = replace(mark(0), subject=replace(mark(0).subject, equity_quote=5))  # type: ignore[type-var]
    if isinstance(ledger, InMemoryLedger):
        return  # keeps nouns, and encodes none

    with pytest.raises(BadInput):
        await ledger.record(poison)

    assert await ledger.entries() == ()
    assert (await ledger.record(mark(4))).seq == 1


# --- The file --------------------------------------------------------------------------------------------------------


async def test_a_file_reopened_holds_the_same(reopened: Callable[..., SqliteLedger]) -> None:
    first = reopened()
    await place(first, order("a"))
    await first.record(mark(4))
    await first.told(1)
    entries, portfolio, digest = await first.entries(), await first.portfolio(), first.digest()
    first.close()

    again = reopened()

    assert (await again.entries(), await again.portfolio(), again.digest()) == (entries, portfolio, digest)
    assert [entry.seq for entry in await again.untold()] == [2]


async def test_the_starting_capital_of_a_file_stands(reopened: Callable[..., SqliteLedger]) -> None:
    reopened(d(500)).close()

    assert (await reopened(d(9_000)).portfolio()).account.start_quote == d(500)


async def test_both_ledgers_tell_the_same_story(reopened: Callable[..., SqliteLedger]) -> None:
    file, memory = reopened(), InMemoryLedger(START)

    for ledger in (file, memory):
        await place(ledger, order("a"))
        await ledger.record(mark(4))
        await place(ledger, order("b", ETH))
    file._decoded.cache_clear()

    assert await file.entries() == await memory.entries()
    assert await file.portfolio() == await memory.portfolio()


async def test_equal_content_has_an_equal_digest_and_other_content_another(tmp_path: Path) -> None:
    async def digest(name: str, *entries: Entry, of: Order | None = None, start: str = "10000") -> str:
        ledger = SqliteLedger(tmp_path / name, d(start))
        for entry in entries:
            await ledger.record(entry)
        if of:
            await place(ledger, of)
        found = ledger.digest()
        ledger.close()
        return found

    same = {await digest("1", mark(0), mark(4)), await digest("2", mark(0), mark(4))}
    others = {
        await digest("3", mark(0)),
        await digest("4", mark(4), mark(0)),
        await digest("5", mark(0), mark(4, "9999")),
        await digest("6", mark(0), mark(4, "10000.0")),
        await digest("7", mark(0), mark(4), start="10001"),
        await digest("8", mark(0), mark(4), of=order("a")),
        await digest("9"),
    }

    assert len(same) == 1
    assert len(others) == 7
    assert same.isdisjoint(others)


async def test_what_was_told_and_noted_is_no_part_of_the_digest(reopened: Callable[..., SqliteLedger]) -> None:
    ledger = reopened()
    await ledger.record(mark(0))
    before = ledger.digest()

    await ledger.told(1)
    ledger.set_note("tape", "abc")

    assert ledger.digest() == before
    assert (ledger.note("tape"), ledger.note("nothing")) == ("abc", None)


async def test_of_two_ledgers_on_one_file_one_settles_and_the_other_reads_again(
    reopened: Callable[..., SqliteLedger],
) -> None:
    one, other = reopened(), reopened()
    seen = await one.portfolio()
    assert await other.portfolio() == seen

    await one.settle(placed(order("a")), seen, fold.with_order(seen, order("a")))
    with pytest.raises(LedgerConflict):
        await other.settle(placed(order("b", ETH)), seen, fold.with_order(seen, order("b", ETH)))

    assert await other.portfolio() == await one.portfolio()
    await place(other, order("b", ETH))
    assert [o.id for o in (await one.portfolio()).orders] == ["a", "b"]
    assert [entry.fact.id for entry in await one.entries()] == ["a", "b"]


async def test_of_two_ledgers_recording_the_same_the_first_wins(reopened: Callable[..., SqliteLedger]) -> None:
    one, other = reopened(), reopened()

    first = await one.record(mark(0, "1"))

    assert await other.record(mark(0, "2")) == first


def sqlite_needs_a_file(path: Path) -> SqliteLedger:
    return SqliteLedger(path, START)


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("buy milk " * 1000)

    with pytest.raises(LedgerUnavailable, match=r"cannot open the ledger .*notes\.txt"):
        sqlite_needs_a_file(tmp_path / "notes.txt")

    assert (tmp_path / "notes.txt").read_text() == "buy milk " * 1000


async def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable):
        sqlite_needs_a_file(tmp_path)


async def test_a_file_in_the_way_of_its_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")

    with pytest.raises(LedgerUnavailable):
        sqlite_needs_a_file(tmp_path / "home" / "ledger.db")


async def test_a_closed_ledger_says_so(reopened: Callable[..., SqliteLedger]) -> None:
    ledger = reopened()
    ledger.close()

    with pytest.raises(LedgerUnavailable):
        await ledger.portfolio()
    with pytest.raises(LedgerUnavailable):
        await ledger.record(mark(0))


async def test_an_entry_of_a_newer_version_is_named(reopened: Callable[..., SqliteLedger]) -> None:
    ledger = reopened()
    ledger._db.execute("INSERT INTO entries (id, kind, at_us, fact, subject) VALUES ('x', 'MoonLanded', 0, '{}', '{}')")

    with pytest.raises(BadInput, match="newer version: unknown kind 'MoonLanded'"):
        await ledger.entries()


async def test_a_write_that_fails_half_way_leaves_nothing(reopened: Callable[..., SqliteLedger]) -> None:
    ledger = reopened()
    before = await ledger.portfolio()
    unwritable = replace(mark(0), subject=object())  # type: ignore[arg-type]

    with pytest.raises(TypeError):
        await ledger.settle(unwritable, before, replace(before, version=1))

    assert await ledger.portfolio() == before == Portfolio(0, before.account)
    assert ledger.digest() == reopened().digest()
    await place(ledger, order("a"))
    assert await ledger.last_seq() == 1
