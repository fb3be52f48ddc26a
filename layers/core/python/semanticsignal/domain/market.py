"""What a venue publishes: pairs, closed bars, settlements, and the rules of its orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from math import isfinite

from .errors import InvalidCandle, InvalidSymbol


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """A pair as the field writes it, `BTC/USDC`. Raises InvalidSymbol when it is not BASE/QUOTE."""

    base: str
    quote: str

    @classmethod
    def parse(cls, text: str) -> "Symbol":
        base, slash, quote = text.strip().upper().partition("/")
        if not slash or not base.isalnum() or not quote.isalnum() or len(text) > 40:
            raise InvalidSymbol(f"a pair is written BASE/QUOTE, like BTC/USDC, was {text!r}")
        return cls(base, quote)

    @property
    def joined(self) -> str:
        """As venues and file names write it: `BTCUSDC`."""
        return self.base + self.quote

    def __str__(self) -> str:
        return f"{self.base}/{self.quote}"


class Timeframe(StrEnum):
    """Length of a bar. Bars start on UTC boundaries; a week starts on Monday."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H2 = "2h"
    H4 = "4h"
    H6 = "6h"
    H8 = "8h"
    H12 = "12h"
    D1 = "1d"
    W1 = "1w"

    @property
    def seconds(self) -> int:
        return SECONDS[self.value]

    @property
    def ms(self) -> int:
        return self.seconds * 1_000

    @property
    def span(self) -> timedelta:
        return timedelta(seconds=self.seconds)

    @property
    def bars_per_year(self) -> float:
        """Crypto trades every day: 365 days of 24 hours."""
        return 365 * 86_400 / self.seconds

    def floor_ms(self, ms: int) -> int:
        """Start of the bar that holds this instant. The epoch was a Thursday; a week starts four days later."""
        shift = 4 * 86_400_000 if self is Timeframe.W1 else 0
        return (ms - shift) // self.ms * self.ms + shift

    def floor(self, at: datetime) -> datetime:
        return instant(self.floor_ms(epoch_ms(at)))


UNITS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
# Asked for a hundred times a decision.
SECONDS = {each.value: int(each.value[:-1]) * UNITS[each.value[-1]] for each in Timeframe}


class MarketKind(StrEnum):
    """`spot` can only be bought first; `perp` can be sold short and pays funding."""

    SPOT = "spot"
    PERP = "perp"


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(ms: int) -> datetime:
    """Milliseconds since 1970 UTC, as venues write time, to an aware instant. Exact."""
    return EPOCH + timedelta(milliseconds=ms)


def epoch_ms(at: datetime) -> int:
    """The reverse of `instant`, in integers: a float would round the millisecond."""
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000 + since.microseconds // 1_000


def epoch_us(at: datetime) -> int:
    """Microseconds since 1970, all that an instant holds: for order, where a millisecond would be a tie."""
    return (at - EPOCH) // timedelta(microseconds=1)


def exact(value: float) -> Decimal:
    """The decimal a venue wrote, back from the float it became: shortest digits that round-trip."""
    return Decimal(repr(float(value)))


@dataclass(frozen=True, slots=True)
class Candle:
    """One closed OHLCV bar. `open, high, low, close`: quote per base. `volume`: base.
    Raises InvalidCandle if high or low does not bound the other prices."""

    opened_at: datetime
    closed_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal

    def __post_init__(self) -> None:
        low, high = min(self.open, self.close), max(self.open, self.close)
        if not (0 < self.low <= low and high <= self.high):
            raise InvalidCandle(
                f"high and low must bound open and close above zero, was open {self.open} high {self.high} "
                f"low {self.low} close {self.close} at {self.opened_at.isoformat()}"
            )


@dataclass(frozen=True, slots=True)
class Repair:
    """One bar that is not its series' own: whose it is, and what was wrong with the slot."""

    opened_ms: int
    source: str
    fault: str


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """Closed bars of one pair from one source, oldest first, as parallel columns.

    `opened_ms`: UTC ms, strictly rising. Prices are floats because indicators read them; a price that
    moves money is taken as `Candle`, in decimals. `source`: the venue; `repairs`: the bars that are another's.
    `gaps`: grid slots without a bar."""

    symbol: Symbol
    timeframe: Timeframe
    source: str
    opened_ms: Sequence[int]
    open: Sequence[float]
    high: Sequence[float]
    low: Sequence[float]
    close: Sequence[float]
    volume: Sequence[float]
    repairs: tuple[Repair, ...] = ()

    def __len__(self) -> int:
        return len(self.opened_ms)

    def __getitem__(self, cut: slice) -> "Candles":
        opened = self.opened_ms[cut]
        held = set(opened) if self.repairs else ()
        return Candles(
            self.symbol, self.timeframe, self.source,
            opened, self.open[cut], self.high[cut], self.low[cut], self.close[cut], self.volume[cut],
            tuple(repair for repair in self.repairs if repair.opened_ms in held),
        )  # fmt: skip

    def candle(self, index: int) -> Candle:
        opened = self.opened_ms[index]
        return Candle(
            opened_at=instant(opened),
            closed_at=instant(opened + self.timeframe.ms),
            open=exact(self.open[index]),
            high=exact(self.high[index]),
            low=exact(self.low[index]),
            close=exact(self.close[index]),
            volume=exact(self.volume[index]),
        )

    def row_at(self, at: datetime) -> int:
        """Of the bar that holds this instant. Raises ValueError when there is none."""
        return list(self.opened_ms).index(self.timeframe.floor_ms(epoch_ms(at)))

    def source_at(self, at: datetime) -> str:
        """Whose the bar is that holds this instant."""
        opened = self.timeframe.floor_ms(epoch_ms(at))
        return next((repair.source for repair in self.repairs if repair.opened_ms == opened), self.source)

    @property
    def closed_at(self) -> datetime:
        """Close of the newest bar."""
        return instant(self.opened_ms[-1] + self.timeframe.ms)

    @property
    def gaps(self) -> int:
        """Grid slots between first and last bar that hold no bar: the venue was down."""
        if not len(self):
            return 0
        return (self.opened_ms[-1] - self.opened_ms[0]) // self.timeframe.ms + 1 - len(self)

    @property
    def completeness_ratio(self) -> float:
        """Share of the grid slots from first to last bar that hold a bar; 0 when there is none."""
        return len(self) / (len(self) + self.gaps) if len(self) else 0.0

    def check(self) -> "Candles":
        """Itself, or InvalidCandle naming the row (counted from 0) that cannot be true."""
        before = None
        for row in range(len(self)):
            prices = (self.open[row], self.high[row], self.low[row], self.close[row])
            at, volume = self.opened_ms[row], self.volume[row]
            if not all(isfinite(p) and 0 < p < 1e15 for p in prices) or not (isfinite(volume) and volume >= 0):
                raise InvalidCandle(f"row {row}: prices must be above zero and finite, was {prices} volume {volume}")
            if self.high[row] < max(prices) or self.low[row] > min(prices):
                raise InvalidCandle(f"row {row}: high and low must bound open and close, was {prices}")
            if before is not None and at <= before:
                fault = "a duplicate" if at == before else "out of order"
                raise InvalidCandle(f"row {row}: {fault} candle, ts was {at} after {before}")
            if self.timeframe.floor_ms(at) != at:
                raise InvalidCandle(f"row {row}: a {self.timeframe} bar opens on its boundary, ts was {at}")
            before = at
        return self


@dataclass(frozen=True, slots=True)
class FundingRate:
    """What a perpetual's longs pay its shorts at `paid_at`, as a ratio of the mark notional."""

    symbol: Symbol
    paid_at: datetime
    rate_ratio: Decimal


@dataclass(frozen=True, slots=True)
class TradingRules:
    """The venue's order rules. `price_tick`: quote. `quantity_step`: base. `min_notional_quote`: smallest order."""

    price_tick: Decimal
    quantity_step: Decimal
    min_notional_quote: Decimal


class Alone(float):
    """What one venue alone tells of the time, with nobody who says the same."""
