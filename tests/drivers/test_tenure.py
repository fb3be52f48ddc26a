"""One writer at a time on a home: who lives is left alone, who was stopped is taken over and never writes again."""

import os
import random
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from socket import socket
from threading import Event, Thread

import psutil
import pytest
from drivers.instance import Instance, until
from world import BTC, MONDAY, settings

from semanticsignal import wiring
from semanticsignal.adapters import sqlite
from semanticsignal.adapters.sqlite import SqliteLedger, SqliteMail
from semanticsignal.adapters.system_clock import SetClock
from semanticsignal.domain.decision import Refusal
from semanticsignal.domain.errors import AlreadyRunning, BadInput, LeaseLost, LedgerUnavailable, Silent
from semanticsignal.domain.events import CandleMissed
from semanticsignal.domain.lease import Lease
from semanticsignal.domain.ledger import Entry
from semanticsignal.domain.messages import Post
from semanticsignal.domain.policy import Settings
from semanticsignal.drivers import tenure, web
from semanticsignal.logic.execute import position as fold

ONE = Decimal(1)
LIFE = "run a market"


def entry(name: str) -> Entry:
    return Entry(CandleMissed(name, BTC, MONDAY), Refusal("late", "a test"))


class Watched(SetClock):
    """Counts the looks; `meanwhile` happens between two of them. Each look takes as long as it is told."""

    def __init__(self, meanwhile: Callable[[int], object] = lambda look: None, takes_s: float = 0.0) -> None:
        super().__init__(MONDAY)
        self.looks, self._meanwhile, self._takes_s = 0, meanwhile, takes_s

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds + self._takes_s)
        self.looks += 1
        self._meanwhile(self.looks)


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return settings(home=str(tmp_path / "home"), takeover_s=30.0)


@pytest.fixture
def listener() -> Iterator[socket]:
    with closing(web.bound(0)) as bound:
        yield bound


def living(here: Settings, port: int | None = None) -> wiring.Home:
    """A run that holds the home; it stands still but for what a test lets it do."""
    wish = wiring.Wish(tenure.renews_s(here), port)
    return wiring.home(Path(here.home), here, LIFE, is_durable=False, wish=wish)


# --- Who comes second -------------------------------------------------------------------------------------------------


async def test_who_comes_while_the_holder_renews_is_refused_at_its_next_sign_and_told_whose_it_is(
    here: Settings, listener: socket, caplog: pytest.LogCaptureFixture
) -> None:
    first = living(here)
    clock = Watched(lambda look: look == 8 and first.ledger.renew())

    with pytest.raises(AlreadyRunning) as refused:
        await tenure.taken(here, LIFE, listener, clock)

    assert not isinstance(refused.value, Silent)
    assert str(refused.value).startswith(f"another semsig runs on this home (pid {first.lease.pid} since ")
    assert clock.looks == 8 and not caplog.messages, "nobody is told to wait for what is over in a moment"
    await first.ledger.record(entry("still mine"))
    first.close()


async def test_a_home_whose_holder_was_killed_is_had_at_once(here: Settings, listener: socket) -> None:
    killed = living(here)
    killed.lock.release()  # what the system does for a process that is no more
    clock = Watched()

    held = await tenure.taken(here, LIFE, listener, clock)

    assert (clock.looks, held.lease.token) == (0, killed.lease.token + 1)
    held.close()


async def test_a_silent_holder_is_taken_over_after_the_whole_wait_and_the_user_told(
    here: Settings, listener: socket, caplog: pytest.LogCaptureFixture
) -> None:
    stopped, clock = living(here), Watched()

    held = await tenure.taken(here, LIFE, listener, clock)

    assert clock.looks * tenure.LOOK_S == here.takeover_s
    assert held.lease.token == stopped.lease.token + 1
    assert "gives no sign of life; it is taken over in 24 s" in caplog.messages[0]
    assert "is taken over from pid" in caplog.messages[1]
    held.close()


async def test_a_night_asleep_is_no_silence(here: Settings, listener: socket) -> None:
    """Both slept: the holder wakes too, and has its turn before the wait is over, whatever clocks say."""
    first = living(here)
    clock = Watched(lambda look: look == 100 and first.ledger.renew(), takes_s=8 * 3600)

    with pytest.raises(AlreadyRunning):
        await tenure.taken(here, LIFE, listener, clock)

    assert clock.looks == 100
    first.close()


async def test_a_sign_of_life_in_the_last_moment_counts(here: Settings, listener: socket) -> None:
    first = living(here)
    standing, _ = wiring.lease_of(first.path)
    first.ledger.renew()

    with pytest.raises(AlreadyRunning):
        wiring.home(first.path, here, LIFE, is_durable=False, wish=wiring.Wish(over=standing))

    await first.ledger.record(entry("mine"))
    first.close()


async def test_a_holder_that_ends_while_it_is_waited_for_is_followed_at_once(here: Settings, listener: socket) -> None:
    first = living(here)
    clock = Watched(lambda look: look == 3 and first.close())

    held = await tenure.taken(here, LIFE, listener, clock)

    assert clock.looks == 3
    held.close()


async def test_a_home_of_something_else_is_not_waited_for(here: Settings, listener: socket) -> None:
    first, clock = living(here), Watched()

    with pytest.raises(BadInput, match="holds something else"):
        await tenure.taken(here, "run another market", listener, clock)

    assert clock.looks == 0
    first.close()


async def test_the_third_is_held_off_by_the_second_whatever_becomes_of_the_first(
    here: Settings, listener: socket
) -> None:
    stopped = living(here)
    second = await tenure.taken(here, LIFE, listener, Watched())
    stopped.close()  # it woke, and ended
    clock = Watched(lambda look: look == 4 and second.ledger.renew())

    with pytest.raises(AlreadyRunning):
        await tenure.taken(here, LIFE, listener, clock)

    await second.ledger.record(entry("the second's"))
    second.close()
    with closing(await tenure.taken(here, LIFE, listener, Watched())) as fourth:
        assert fourth.lease.token == second.lease.token + 1


def test_nobody_takes_a_replay_or_a_home_that_is_looked_after(here: Settings) -> None:
    """Neither renews: whoever comes is refused, and no silence means anything."""
    replayed = wiring.home(Path(here.home), here, LIFE, is_durable=False)

    with pytest.raises(AlreadyRunning) as refused:
        living(here)

    assert not isinstance(refused.value, Silent)
    replayed.close()


# --- Who was taken over -----------------------------------------------------------------------------------------------


async def test_who_wakes_after_it_was_taken_over_can_write_nowhere(here: Settings, listener: socket) -> None:
    first = living(here)
    mail, purse = wiring.mail(first), wiring.purse(first.path, first.lease.token)
    before = await first.ledger.portfolio()
    await mail.put([Post("p", "{}", "normal", 60.0, None)], at=MONDAY)
    await purse.reserve("asked", ONE, {"day": ONE * 5})
    second = await tenure.taken(here, LIFE, listener, Watched())
    stood = second.ledger.digest()

    for late in (
        lambda: first.ledger.record(entry("late")),
        lambda: first.ledger.settle(entry("late"), before, fold.empty(ONE)),
        lambda: first.ledger.told(1),
        lambda: mail.put([Post("q", "{}", "normal", 60.0, None)], at=MONDAY),
        mail.waiting,
        lambda: mail.begun("p", at=MONDAY),
        lambda: mail.back("p", tries=1),
        lambda: mail.sent("p", "name", until=None),
        lambda: mail.dropped("p"),
        lambda: mail.gone("p"),
        lambda: purse.reserve("more", ONE, {"day": ONE * 5}),
        lambda: purse.settle("asked", ONE),
    ):
        with pytest.raises(LeaseLost):
            await late()
    for late_too in (first.ledger.renew, first.ledger.check_lease, lambda: first.ledger.set_note("clock", "late")):
        with pytest.raises(LeaseLost):
            late_too()

    assert second.ledger.digest() == stood and second.ledger.note("clock") is None
    assert str(first.lost()).startswith(f"another semsig (pid {second.lease.pid} since ")
    with closing(wiring.mail(second)) as post:
        assert [one.post.id for one in await post.waiting()] == ["p"]
    await second.ledger.record(entry("in time"))
    for one in (mail, purse, first, second):
        one.close()


async def test_files_that_it_opens_only_after_it_woke_are_closed_to_it_too(here: Settings, listener: socket) -> None:
    first = living(here)
    second = await tenure.taken(here, LIFE, listener, Watched())
    theirs = (wiring.mail(second), wiring.purse(second.path, second.lease.token))

    ours = (wiring.mail(first), wiring.purse(first.path, first.lease.token))

    with pytest.raises(LeaseLost):
        await ours[0].put([Post("q", "{}", "normal", 60.0, None)], at=MONDAY)
    with pytest.raises(LeaseLost):
        await ours[1].reserve("more", ONE, {"day": ONE * 5})
    assert await theirs[1].reserve("more", ONE, {"day": ONE * 5})
    for one in (*ours, *theirs, first, second):
        one.close()


async def test_who_took_no_lease_writes_nothing_in_a_home_that_somebody_took(here: Settings) -> None:
    with closing(living(here)) as held:
        stray = SqliteLedger(held.path / "ledger.db", ONE)
        with closing(stray), pytest.raises(LeaseLost):
            await stray.record(entry("stray"))


async def test_a_lease_that_cannot_be_read_lets_nobody_write(here: Settings) -> None:
    with closing(living(here)) as held:
        held.ledger._db.execute("DELETE FROM fence")
        with pytest.raises(LedgerUnavailable):
            await held.ledger.record(entry("unknown whose"))
        held.ledger._db.execute("DROP TABLE fence")
        with pytest.raises(LedgerUnavailable):
            held.ledger.renew()
        assert await held.ledger.last_seq() == 0

    (held.path / "ledger.db").write_bytes(b"no database at all" * 300)
    with pytest.raises(LedgerUnavailable):
        living(here)


async def test_who_was_stopped_in_the_middle_of_a_write_has_to_be_ended_first(
    here: Settings, listener: socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "PATIENCE_S", 0.05)
    stopped = living(here)
    stopped.ledger._db.execute("BEGIN IMMEDIATE")

    with pytest.raises(LedgerUnavailable, match=rf"end it first \(kill -9 {stopped.lease.pid}\)"):
        await tenure.taken(here, LIFE, listener, Watched())

    stopped.ledger._db.execute("ROLLBACK")
    await stopped.ledger.record(entry("it woke, and nobody has it"))
    stopped.close()


# --- Races ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
async def test_in_any_order_of_steps_nobody_writes_after_somebody_later_did(seed: int, tmp_path: Path) -> None:
    """Four open one ledger, each with what it saw of the lease when it last looked."""
    steps, path = random.Random(seed), tmp_path / "ledger.db"
    mine = [SqliteLedger(path, ONE, is_durable=False) for _ in range(4)]
    mail = [SqliteMail(tmp_path / "mail.db")]
    seen: list[Lease | None] = [None] * 4
    tokens, wrote = [0] * 4, []
    for step in range(120):
        who = steps.randrange(4)
        try:
            match steps.choice(("look", "claim", "renew", "write", "write")):
                case "look":
                    seen[who] = wiring.lease_of(tmp_path)[0]
                case "claim":
                    wanted = Lease(0, who + 1, datetime.now(UTC), "lock")
                    standing, _ = wiring.lease_of(tmp_path)
                    tokens[who] = mine[who].claim(wanted, seen[who], [tmp_path / "mail.db"]).token
                    assert standing == seen[who], "who renewed it since keeps it"
                case "renew":
                    mine[who].renew()
                case "write":
                    await mine[who].record(entry(f"{step}"))
                    wrote.append(tokens[who])
        except (AlreadyRunning, LeaseLost):
            continue

    assert wrote == sorted(wrote), "a token that was followed by a higher one wrote again"
    assert len(set(wrote)) > 2 and await mine[0].last_seq() == len(wrote)
    for one in (*mine, *mail):
        one.close()


# --- The port ---------------------------------------------------------------------------------------------------------


async def test_the_port_of_a_stopped_run_is_left_to_it_by_who_was_given_none(
    here: Settings, listener: socket, caplog: pytest.LogCaptureFixture
) -> None:
    port = listener.getsockname()[1]
    told = settings(home=here.home, takeover_s=30.0, port=port)
    stopped = living(told, port)

    with closing(tenure.listener(told, is_given=False)) as own:
        held = await tenure.taken(told, LIFE, own, Watched())

        assert stopped.lease.port == port != held.lease.port == own.getsockname()[1]
        assert caplog.messages[-1] == f"port {port} is still taken, so the dashboard is on port {held.lease.port}"
    held.close()


def test_who_asks_for_the_port_of_a_stopped_run_is_told_whose_it_is(here: Settings, listener: socket) -> None:
    port = listener.getsockname()[1]
    told = settings(home=here.home, port=port)
    held = living(told, port)

    with pytest.raises(AlreadyRunning, match=rf"pid {held.lease.pid} .* this home and port {port}, .*\(kill -9"):
        tenure.listener(told, is_given=True)

    held.close()
    with pytest.raises(BadInput, match=f"port {port} is busy"):
        tenure.listener(told, is_given=False)


# --- All of it --------------------------------------------------------------------------------------------------------


def entries(home: Path) -> list[tuple[str, bytes]]:
    with closing(sqlite3.connect(f"file:{home / 'ledger.db'}?mode=ro", uri=True)) as db:
        return db.execute("SELECT id, fact FROM entries ORDER BY seq").fetchall()


def servers(of: Instance) -> list[psutil.Process]:
    """Its children: Chroma."""
    return [each for each in psutil.Process(of.process.pid).children() if each.status() != psutil.STATUS_ZOMBIE]


def is_gone(server: psutil.Process) -> bool:
    """Its parent, which stands still, cannot take note of its end."""
    return not server.is_running() or bool(server.status() == psutil.STATUS_ZOMBIE)


def test_a_run_that_is_frozen_while_another_takes_its_home_over_wakes_writes_nothing_and_ends(tmp_path: Path) -> None:
    home = tmp_path / "home"
    quick = {"SEMSIG_SIMULATION__HISTORY_DAYS": "0", "SEMSIG_SYMBOLS": "BTC/USDC", "SEMSIG_TAKEOVER_S": "2"}
    options = ("--yes", "--speed", "7200")
    with Instance(home, *options, **quick) as first:
        first.running()
        until(lambda: len(entries(home)) > 2 and servers(first), "it lives")
        (server,) = servers(first)
        first.process.send_signal(signal.SIGSTOP)
        said, frozen = len(first.said()), len(entries(home))
        with Instance(home, *options, log="second.log", **quick) as second:
            second.running()
            until(lambda: len(entries(home)) > frozen + 2 and is_gone(server), "the second lives")
            first.process.send_signal(signal.SIGCONT)

            assert first.process.wait(20) == 1
            stood = len(entries(home))
            until(lambda: len(entries(home)) > stood + 2, "the second goes on")
            health = second.get("/api/health")
            assert servers(second) and (health["status"], health["problem"]) == ("running", None)
    (line,) = first.said()[said:].splitlines()
    assert line.startswith(f"semsig: another semsig (pid {second.process.pid} since ")
    assert line.endswith("this one has written nothing since and ends")


def test_a_ledger_that_was_put_back_is_held_above_all_that_was_kept_beside_it(tmp_path: Path) -> None:
    for _ in range(2):
        wiring.home(tmp_path, settings(), LIFE, is_durable=False).close()
    (tmp_path / "chroma.fence").write_text("7")
    for file in tmp_path.glob("ledger.db*"):
        file.unlink()

    held = wiring.home(tmp_path, settings(), LIFE, is_durable=False)

    assert held.lease.token == 8
    held.close()


def test_mail_that_is_no_database_is_set_aside_and_a_purse_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "mail.db").write_bytes(b"buy milk " * 1000)
    held = wiring.home(tmp_path, settings(), LIFE, is_durable=False)
    assert (tmp_path / "mail.db.broken-1").is_file() and not (tmp_path / "mail.db").exists()
    held.close()

    (tmp_path / "purse.db").write_bytes(b"buy milk " * 1000)
    with pytest.raises(BadInput, match=r"purse\.db: it is no database; put a copy back"):
        wiring.home(tmp_path, settings(), LIFE, is_durable=False)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE fence SET token = 'many'",
        f"UPDATE fence SET token = {2**53 - 1}",
        "DROP TABLE fence; CREATE VIEW fence AS SELECT 1 AS one, 1 AS token",
        "DROP TABLE fence; CREATE TABLE fence (x)",
        "DROP TABLE posts; CREATE TABLE posts (seq, state)",
        "DROP TABLE posts; CREATE VIEW posts AS SELECT 1 AS id",
    ],
)
def test_mail_that_no_start_could_use_is_set_aside_and_the_next_is_sound(
    here: Settings, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(living(here)) as first:
        wiring.mail(first).close()
    with closing(sqlite3.connect(first.path / "mail.db", isolation_level=None)) as db:
        db.executescript(damage)

    with closing(living(here)) as second:
        wiring.mail(second).close()
    assert (first.path / "mail.db.broken-1").is_file()
    assert "mail.db was set aside as mail.db.broken-1, and what waited in it for Discord is not sent: " in caplog.text

    with closing(living(here)) as third:
        wiring.mail(third).close()
    assert third.lease.token == 3 and not (first.path / "mail.db.broken-2").exists()


def test_mail_in_an_encoding_that_is_not_the_ledgers_is_set_aside(here: Settings) -> None:
    living(here).close()
    with closing(sqlite3.connect(Path(here.home) / "mail.db", isolation_level=None)) as db:
        db.executescript("PRAGMA encoding = 'UTF-16le'; CREATE TABLE notes (text)")

    with closing(living(here)) as held:
        wiring.mail(held).close()

    assert (held.path / "mail.db.broken-1").is_file()


async def test_mail_with_damaged_pages_is_set_aside_with_its_journal_over_nothing_that_was_before(
    here: Settings,
) -> None:
    with closing(living(here)) as first, closing(wiring.mail(first)) as mail:
        await mail.put([Post(f"{n}", "x" * 500, "normal", 60.0, None) for n in range(20)], at=MONDAY)
    file = first.path / "mail.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + random.Random(0).randbytes(len(whole) - 4096))
    (first.path / "mail.db-journal").write_bytes(b"of before")
    (first.path / "mail.db.broken-2").mkdir()
    (first.path / "mail.db.broken-1").write_bytes(b"of before")

    living(here).close()

    assert (first.path / "mail.db.broken-1").read_bytes() == b"of before"
    assert (first.path / "mail.db.broken-3").read_bytes()[:4096] == whole[:4096]
    assert not list(first.path.glob("mail.db-*"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a file that keeps whoever opens it waiting")
@pytest.mark.parametrize(
    "made", [Path.mkdir, getattr(os, "mkfifo", Path.mkdir), lambda path: path.symlink_to("nowhere")]
)
def test_what_is_no_file_where_mail_should_be_is_set_aside_unopened(
    here: Settings, made: Callable[[Path], object]
) -> None:
    living(here).close()
    mail = Path(here.home) / "mail.db"
    made(mail)

    with closing(living(here)) as held:
        wiring.mail(held).close()

    assert mail.is_file() and os.path.lexists(f"{mail}.broken-1")


def test_mail_that_another_program_has_locked_is_refused_by_its_name_and_kept(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(living(here)) as held:
        wiring.mail(held).close()
    monkeypatch.setattr(sqlite, "PATIENCE_S", 0.05)
    with closing(sqlite3.connect(held.path / "mail.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LedgerUnavailable, match=r"cannot open the mail .*mail\.db, was database is locked"):
            living(here)

    living(here).close()
    assert not list(held.path.glob("mail.db.broken-*"))


def test_mail_for_which_the_disk_has_no_room_now_is_kept(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    living(here).close()
    home = Path(here.home)
    (home / "mail.db").touch()
    with monkeypatch.context() as full:
        full.setattr(sqlite, "MAIL_SCHEMA", f"PRAGMA max_page_count = 1; {sqlite.MAIL_SCHEMA}")
        with pytest.raises(LedgerUnavailable, match=r"mail\.db, was database or disk is full"):
            living(here)

    living(here).close()
    assert not list(home.glob("mail.db.broken-*"))


def test_a_token_that_nobody_could_read_back_is_not_written(here: Settings) -> None:
    with closing(living(here)) as held, pytest.raises(LedgerUnavailable, match="says no more who may write there"):
        held.ledger.claim(held.lease, held.lease, least=2**53 - 1)

    with closing(living(here)) as second:
        assert second.lease.token == 2


def test_a_fence_of_the_purse_that_makes_no_sense_is_told_as_that_of_the_purse(here: Settings) -> None:
    with closing(living(here)) as held:
        wiring.purse(held.path, held.lease.token).close()
    with closing(sqlite3.connect(held.path / "purse.db")) as db, db:
        db.execute("UPDATE fence SET token = 'many'")

    with pytest.raises(LedgerUnavailable, match=r"cannot take .*purse\.db, was it says no more who may write there"):
        living(here)


@pytest.mark.parametrize(
    ("column", "told"),
    [
        *(("since", told) for told in ("soon", 5)),
        *(("pid", told) for told in ("me", 0, -1, 2**62)),
        *(("renews_s", told) for told in ("soon", -1, 1e9)),
        *(("lock", told) for told in (7, "a\0b", "archive", "ledger.db", "../lock", "lock.", "lock.1/x", "lock\n")),
    ],
)
def test_a_lease_of_nobody_is_one_line_and_no_other_file_is_locked_for_it(
    here: Settings, column: str, told: object
) -> None:
    living(here).close()
    home = Path(here.home)
    with closing(sqlite3.connect(home / "ledger.db")) as db, db:
        db.execute(f"UPDATE lease SET {column} = ?", (told,))

    def others() -> set[Path]:
        return {file for file in home.parent.rglob("*") if not file.name.startswith("ledger.db-")}

    before = others()
    with pytest.raises(LedgerUnavailable, match=r"cannot read the ledger .*ledger\.db, was its lease "):
        living(here)

    assert others() == before


def test_a_lock_that_is_a_folder_is_refused(here: Settings) -> None:
    (Path(here.home) / "lock").mkdir(parents=True)

    with pytest.raises(BadInput, match=r"home cannot be locked, was .*lock"):
        living(here)


@pytest.mark.parametrize("token", ["many", 2**63 - 1])
def test_a_lease_that_makes_no_sense_lets_nobody_write_and_is_one_line(token: object, tmp_path: Path) -> None:
    wiring.home(tmp_path, settings(), LIFE, is_durable=False).close()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db, db:
        db.execute("UPDATE fence SET token = ?", (token,))

    with pytest.raises(LedgerUnavailable, match=r"ledger\.db, was it says no more who may write there"):
        wiring.home(tmp_path, settings(), LIFE, is_durable=False)


@pytest.mark.parametrize("moves", [True, False])
def test_whoever_removes_the_lock_of_a_living_run_does_not_evict_it(here: Settings, moves: bool) -> None:
    """Its pid is another's that lives: the one that started this test."""
    first = wiring.home(Path(here.home), here, LIFE, is_durable=False, wish=wiring.Wish(0.05))
    first.ledger._db.execute("UPDATE lease SET pid = ?", (os.getppid(),))
    first.ledger._db.commit()
    (first.path / first.lease.lock).unlink()
    ended = Event()

    def beating() -> None:
        with closing(sqlite3.connect(first.path / "ledger.db")) as db:
            while not ended.wait(0.01):
                db.execute("UPDATE lease SET beats = beats + 1")
                db.commit()

    beats = Thread(target=beating)
    if moves:
        beats.start()
    try:
        if moves:
            with pytest.raises(Silent, match="another semsig runs on this home"):
                living(here)
        else:
            living(here).close()
    finally:
        ended.set()
        if moves:
            beats.join()
        first.close()
