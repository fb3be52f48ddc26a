"""The error tree. Every message says what was wrong and what it was.

SemanticSignalError
├── BadInput            somebody gave us something we refuse; exit code 2, HTTP 422
│   ├── InvalidSetting    a key of config.toml, an environment variable or a flag
│   ├── InvalidSymbol     not BASE/QUOTE, or not traded here
│   ├── InvalidCandle     one bar, or a file of bars, that cannot be true
│   ├── InvalidBook       an order book, a public trade or a figure of a perpetual that cannot be true
│   ├── InvalidReading    a figure of the whole market that is none
│   ├── InvalidReply      the model's words make no signal
│   ├── InvalidOrder      the venue's own rules forbid it
│   └── InvalidPost       a messenger will never take such a message
├── Unavailable         an outside system did not answer; try again later
│   ├── MarketUnavailable
│   │   ├── Blocked           the venue lets nobody in from here
│   │   ├── RateLimited       the venue wants fewer questions
│   │   ├── Maintenance       the venue says that it is closed
│   │   └── NotOffered        the venue tells no such thing at all: no fault of its
│   ├── ModelUnavailable
│   ├── MemoryUnavailable
│   ├── LedgerUnavailable   the disk is full, locked or broken: nothing was written
│   ├── MessengerUnavailable  messages cannot be sent now
│   │   ├── Unanswered        a message went out, and nobody said whether it came
│   │   ├── Postponed         it wants to be left alone for a while
│   │   └── NobodyHome        what messages were sent to is no more, or lets us in no more
│   ├── ArchiveUnavailable  the archive's disk or bucket refuses
│   ├── CloudUnavailable  AWS refuses a question asked from a desk, or cannot be asked
│   ├── Stuck               a stage did not come back in its time
│   └── Missing             a fact names something that is not there (yet)
├── LedgerConflict      somebody else moved the portfolio first; read again
├── LeaseLost           another process took this home over while we stood still: stop, write nothing
└── AlreadyRunning      another process holds this home
    └── Silent            it gives no sign of life: it may have been stopped
"""

from .asking import Attempt, Fault, Usage
from .lease import Lease


class SemanticSignalError(Exception):
    """Everything this system raises on purpose."""


class BadInput(SemanticSignalError):
    """Input that is refused; the message names it."""


class InvalidSetting(BadInput):
    """A setting that is unknown, of the wrong type or out of range."""


class InvalidSymbol(BadInput):
    """A pair that is not BASE/QUOTE or that the venue does not list."""


class InvalidCandle(BadInput):
    """A bar whose prices contradict each other, or a series out of order."""


class InvalidBook(BadInput):
    """An order book that is empty, crossed or out of order; what nobody can have traded."""


class InvalidReading(BadInput):
    """A figure of the whole market whose name, source or value cannot be."""


class InvalidReply(BadInput):
    """A model reply that cannot be read as a signal."""


class InvalidOrder(BadInput):
    """An order below the venue's minimum or off its steps."""


class InvalidPost(BadInput):
    """A message that its messenger refuses, however often it is sent."""


class Unavailable(SemanticSignalError):
    """An outside system did not answer."""


class MarketUnavailable(Unavailable):
    """The venue did not answer, or has not published what was asked for."""


class Blocked(MarketUnavailable):
    """HTTP 451 or 403: the venue lets nobody in from here."""


class RateLimited(MarketUnavailable):
    """HTTP 429 or 418. `wait_s`: how long the venue wants to be left alone; None where it does not say."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class Maintenance(MarketUnavailable):
    """The venue says that it is closed for a while."""


class NotOffered(MarketUnavailable):
    """The venue tells no such thing at all."""


class ModelUnavailable(Unavailable):
    """No model answered, or none with a decision.

    `wait_s`: how long the server wants to be left alone; None where it does not say. `usage`: what it took all the
    same: an answer that cannot be used is paid like any other. `attempts`: every question that led here."""

    def __init__(
        self,
        message: str,
        fault: Fault = Fault.CONNECTION,
        *,
        wait_s: float | None = None,
        usage: Usage | None = None,
        attempts: tuple[Attempt, ...] = (),
    ) -> None:
        super().__init__(message)
        self.fault, self.wait_s, self.usage, self.attempts = fault, wait_s, usage or Usage(), attempts


class MemoryUnavailable(Unavailable):
    """The memory store did not answer."""


class CloudUnavailable(Unavailable):
    """AWS did not answer a desk. `code`: what it is called there (`NoCredentialsError`, `ThrottlingException`)."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class ArchiveUnavailable(Unavailable):
    """What was seen, asked or answered could not be kept or read."""


class Stuck(Unavailable):
    """A stage did not come back in its time and was told to end; what it wrote stands."""


class MessengerUnavailable(Unavailable):
    """Messages cannot be sent now."""


class Unanswered(MessengerUnavailable):
    """The whole message went out and no answer came back: it may stand there or not."""


class Postponed(MessengerUnavailable):
    """HTTP 429, or what it told us before. `wait_s`: how long the messenger wants to be left alone."""

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class NobodyHome(MessengerUnavailable):
    """HTTP 401, 403 or 404: the webhook or the channel is gone, or closed to us."""


class Missing(Unavailable):
    """A fact names something that the ledger or the archive does not hold; a retry may find it."""


class LedgerUnavailable(Unavailable):
    """The ledger could not be read or written."""


class LedgerConflict(SemanticSignalError):
    """The portfolio changed between reading and writing."""


class LeaseLost(SemanticSignalError):
    """Another process took the home over: whatever we would write comes too late."""


class AlreadyRunning(SemanticSignalError):
    """Another process holds this home."""


class Silent(AlreadyRunning):
    """The holder of `lease` may live or not: only time tells."""

    def __init__(self, message: str, lease: Lease) -> None:
        super().__init__(message)
        self.lease = lease
