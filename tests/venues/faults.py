"""What goes wrong at a venue, and the switches for it."""

from collections.abc import Mapping
from enum import StrEnum

from semanticsignal.domain.market import Symbol, Timeframe

SKEW_MS = 90_000


class Kind(StrEnum):
    """What is asked for."""

    CANDLES = "candles"
    BOOK = "book"
    TRADES = "trades"
    TIME = "time"
    LISTING = "listing"
    FUNDING = "funding"
    TICKER = "ticker"


class Fault(StrEnum):
    """What goes wrong; the value is how a test is named for it."""

    LIMITED = "429 with retry-after"
    LIMITED_MUTE = "429 without retry-after"
    TEAPOT = "418"
    GEO = "451"
    FORBIDDEN = "403"
    BROKEN = "500"
    GATEWAY = "502"
    UNAVAILABLE = "503"
    SLOW_GATEWAY = "504"
    SILENT = "timeout"
    HALF = "half a body"
    PAGE = "html page"
    TRUNCATED = "truncated json"
    MISSHAPEN = "json of the wrong shape"
    MAINTENANCE = "maintenance"
    AHEAD = "clock 90 s ahead"
    BEHIND = "clock 90 s behind"
    LATE = "bar not yet published"
    REVISED = "bar revised after close"
    HOLE = "bar missing in the middle"
    TWICE = "rows told twice"
    DISORDER = "rows in disorder"
    CROSSED = "crossed book"
    NO_TRADES = "empty trades"
    DELISTED = "delisted pair"


STATUS: Mapping[Fault, int] = {
    Fault.LIMITED: 429, Fault.LIMITED_MUTE: 429, Fault.TEAPOT: 418, Fault.GEO: 451, Fault.FORBIDDEN: 403,
    Fault.BROKEN: 500, Fault.GATEWAY: 502, Fault.UNAVAILABLE: 503, Fault.SLOW_GATEWAY: 504, Fault.MAINTENANCE: 503,
}  # fmt: skip
# these replace the whole answer; the rest changes what it says
OF_THE_LINE = frozenset({*STATUS, Fault.SILENT, Fault.HALF, Fault.PAGE, Fault.TRUNCATED, Fault.MISSHAPEN})
SUBJECT: Mapping[Fault, Kind] = {
    Fault.AHEAD: Kind.TIME, Fault.BEHIND: Kind.TIME, Fault.LATE: Kind.CANDLES, Fault.REVISED: Kind.CANDLES,
    Fault.HOLE: Kind.CANDLES, Fault.TWICE: Kind.CANDLES, Fault.DISORDER: Kind.CANDLES, Fault.CROSSED: Kind.BOOK,
    Fault.NO_TRADES: Kind.TRADES, Fault.DELISTED: Kind.LISTING,
}  # fmt: skip
RETRY_AFTER_S = 7


class Faults:
    """Switches of one venue. A fault is on for the kinds named, or for all that it can touch, until off or used up."""

    def __init__(self) -> None:
        self._left: dict[tuple[Fault, Kind], float] = {}
        self._told: dict[tuple[Symbol, Timeframe], int] = {}

    def on(self, fault: Fault, *kinds: Kind, times: int | None = None) -> None:
        """`times`: how many answers it spoils before it heals."""
        for kind in kinds or ((SUBJECT[fault],) if fault in SUBJECT else tuple(Kind)):
            self._left[fault, kind] = float("inf") if times is None else times

    def off(self) -> None:
        self._left.clear()
        self._told.clear()

    def is_on(self, fault: Fault) -> bool:
        return self._left.get((fault, SUBJECT[fault]), 0) > 0

    def strikes(self, fault: Fault, kind: Kind) -> bool:
        """Whether it spoils this answer; one answer fewer is left of it."""
        left = self._left.get((fault, kind), 0)
        self._left[fault, kind] = left - 1
        return left > 0

    def has_told(self, symbol: Symbol, timeframe: Timeframe) -> bool:
        """Whether this newest bar was told before; now it is."""
        before = self._told.get((symbol, timeframe), 0)
        self._told[symbol, timeframe] = before + 1
        return before > 0

    def of_the_line(self, kind: Kind) -> Fault | None:
        active = [fault for fault, of in self._left if of is kind and fault in OF_THE_LINE]
        return next((fault for fault in active if self.strikes(fault, kind)), None)
