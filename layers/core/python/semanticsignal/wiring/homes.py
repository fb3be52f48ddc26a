"""A home is held by one process at a time: by a lock while it lives, and by a lease in the ledger, which can be taken
from one that was stopped: from then on that one can write nothing."""

import logging
import os
import time
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..domain.errors import AlreadyRunning, BadInput, LeaseLost, LedgerUnavailable, Silent
from ..domain.lease import LOCK, Lease
from ..domain.policy import Settings
from . import identity
from .models import PURSE

if TYPE_CHECKING:
    from ..adapters.sqlite import SqliteLedger

LEDGER, MAIL, CHROMA = "ledger.db", "mail.db", "chroma"

# How many renewals of a holder's lease are waited for, and in how many looks.
RENEWALS, LOOKS = 2.5, 10
# What SQLite may keep of one file, by the ends of the names: the file itself last.
JOURNALS = ("-journal", "-wal", "-shm", "")

log = logging.getLogger("semsig")


class Home(NamedTuple):
    """A folder held by this process alone, with its ledger, under its lease."""

    path: Path
    ledger: "SqliteLedger"
    lock: Any
    lease: Lease

    def close(self) -> None:
        self.ledger.close()
        self.lock.release()

    def lost(self) -> LeaseLost:
        """What there is to say when it is ours no more."""
        standing, _ = lease_of(self.path)
        by = standing.holder if standing and standing.token != self.lease.token else "another process"
        return LeaseLost(
            f"another semsig ({by}) took this home over while this one, pid {self.lease.pid}, stood still, was "
            f"{self.path}; this one has written nothing since and ends"
        )


class Wish(NamedTuple):
    """What a holder says of itself, and the silent one whose home it takes."""

    renews_s: float = 0.0
    port: int | None = None
    over: Lease | None = None


NO_WISH = Wish()


def home(path: Path, settings: Settings, holds: str, *, is_durable: bool, wish: Wish = NO_WISH) -> Home:
    """Raises AlreadyRunning when another process holds it, Silent when that may have been stopped, BadInput when it
    holds something else than `holds`, LedgerUnavailable."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        (path / LOCK).touch()
    except OSError as wrong:
        raise BadInput(f"home cannot be written, was {path}: {wrong}; choose another --home") from wrong
    standing, held = lease_of(path)
    if held and (differing := identity.differing(held, holds)):
        raise BadInput(f"home {path} holds something else: {'; '.join(differing)}; choose another --home")
    found = _taken(path, settings, standing, wish, is_durable=is_durable)
    if held is None:
        found.ledger.set_note("holds", holds)
    return found


def resting(path: Path, settings: Settings, renews_s: float) -> Home:
    """A home that nobody runs, to be looked after: no entry is written. Raises AlreadyRunning, BadInput."""
    if not (path / LEDGER).is_file():
        raise BadInput(f"nothing was lived in this home yet, was {path}; semsig run, or choose another --home")
    standing, _ = lease_of(path)
    return _taken(path, settings, standing, Wish(renews_s), is_durable=True)


def lease_of(path: Path) -> tuple[Lease | None, str | None]:
    """Who holds the home, or held it last, and what it is for. Raises LedgerUnavailable."""
    from ..adapters.sqlite import lease_of as read

    return read(path / LEDGER)


def is_locked(path: Path, lease: Lease) -> bool:
    """Whether that holder is still there, alive or stopped."""
    lock = _locked(path / lease.lock)
    if lock is not None:
        lock.release()
    return lock is None


def _taken(path: Path, settings: Settings, standing: Lease | None, wish: Wish, *, is_durable: bool) -> Home:
    """The holder keeps the file locked that its lease names: whoever gets that lock knows that it is gone. Who takes
    over from one that stands still cannot have its lock, and makes one of its own; what changed since, the claim
    finds."""
    from ..adapters.chroma_server import fence_of
    from ..adapters.sqlite import SqliteLedger
    from ..adapters.system_clock import SystemClock

    name = standing.lock if standing else LOCK
    lock = _locked(path / name)
    if lock is not None:
        standing, _ = lease_of(path)  # it may have changed hands before we had the lock
    elif standing and wish.over == standing:
        name = f"{LOCK}.{standing.token + 1}"
        lock = _locked(path / name)
    if lock is None:
        raise _refused(path, standing)
    with ExitStack() as undone:
        undone.callback(lock.release)
        if standing and wish.over != standing and _moves(path, standing):
            raise _refused(path, standing)
        if standing and standing.lock != name and standing != wish.over:
            raise _refused(path, standing)
        ledger = SqliteLedger(path / LEDGER, settings.paper.start_quote, is_durable=is_durable)
        undone.callback(ledger.close)
        wanted = Lease(0, os.getpid(), SystemClock().now(), name, wish.renews_s, wish.port)
        _sound(path)
        beside = [file for file in (path / MAIL, path / PURSE) if file.is_file()]
        lease = ledger.claim(wanted, standing, beside, fence_of(path / CHROMA))
        undone.pop_all()
    for left in path.glob(f"{LOCK}.*"):
        if left.name != name:
            with suppress(OSError):  # Windows, while a stopped process has it open
                left.unlink()
    return Home(path, ledger, lock, lease)


def _moves(path: Path, lease: Lease) -> bool:
    """Whether its holder lives on without its lock, whose file somebody removed: its lease tells within a moment."""
    import psutil

    # nobody can remove on Windows what a process has open
    if lease.pid == os.getpid() or os.name == "nt" or not psutil.pid_exists(lease.pid):
        return False
    log.info("looking for %.1f s whether %s still runs on this home", lease.renews_s * RENEWALS, lease.holder)
    for _ in range(LOOKS):
        time.sleep(lease.renews_s * RENEWALS / LOOKS)
        if lease_of(path)[0] != lease:
            return True
    return False


def _sound(path: Path) -> None:
    """Mail that cannot be used is set aside, for it holds up no trade. Money that models have cost is not forgotten:
    raises BadInput. Raises LedgerUnavailable for mail that somebody else has locked."""
    from ..adapters.sqlite import ailing, is_sound

    mail, purse = path / MAIL, path / PURSE
    if purse.is_file() and not is_sound(purse):
        said = f"what models have cost cannot be read, was {purse}: it is no database"
        raise BadInput(f"{said}; put a copy back, or move it away, and the budget of this day and month begins anew")
    if os.path.lexists(mail) and (wrong := ailing(mail)):
        aside = next(f"{MAIL}.broken-{n}" for n in count(1) if not os.path.lexists(path / f"{MAIL}.broken-{n}"))
        try:
            for end in JOURNALS:  # none of it may be taken for the new one's
                if os.path.lexists(path / f"{MAIL}{end}"):
                    (path / f"{MAIL}{end}").rename(path / f"{aside}{end}")
        except OSError as refused:
            raise LedgerUnavailable(f"{mail} cannot be used ({wrong}) nor set aside: {refused}") from refused
        log.warning("%s was set aside as %s, and what waited in it for Discord is not sent: %s", mail, aside, wrong)


def _refused(path: Path, standing: Lease | None) -> AlreadyRunning:
    if standing is None:
        return AlreadyRunning(f"another semsig runs on this home, was {path}; stop it or choose another --home")
    said = f"another semsig runs on this home ({standing.holder}), was {path}; stop it or choose another --home"
    return Silent(said, standing) if standing.renews_s else AlreadyRunning(said)


def _locked(path: Path) -> Any:
    """None while another process has it. Raises BadInput for what is no file."""
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    except OSError as wrong:
        raise BadInput(f"home cannot be locked, was {path}: {wrong}; choose another --home") from wrong
    return lock
