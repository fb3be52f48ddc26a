"""What the market looked like at one instant, in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from .context import Reading
from .market import Symbol, Timeframe
from .microstructure import FundingQuote, OpenInterest
from .news import Excerpt


class Trend(StrEnum):
    BULL = "bull"
    BEAR = "bear"
    NEUTRAL = "neutral"


class Phase(StrEnum):
    TRENDING = "trending"
    RANGING = "ranging"
    VOLATILE = "volatile"


@dataclass(frozen=True, slots=True)
class Regime:
    """State of the market, with the numbers that say so."""

    trend: Trend
    phase: Phase
    evidence: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.trend} {self.phase}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A named shape. `confidence_ratio` 0…1; `bars`: how many closed bars ago each defining bar was, newest 0, the last
    the one that completed it; `direction`: up, down or none, where its books expect the price."""

    name: str
    confidence_ratio: float
    bars: tuple[int, ...]
    direction: str = "none"


@dataclass(frozen=True, slots=True)
class Level:
    """A price that mattered: `kind` support or resistance, `touches` times, newest touch `bars_ago`.
    `distance_atr`: from the close, in ATRs, below it negative. `volume_ratio`: of the bars that touched it, to the mean
    of all bars looked at; None where nothing was traded, or nobody says."""

    kind: str
    price: float
    touches: int
    bars_ago: int
    distance_atr: float | None = None
    volume_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """A price that many watch because it was calculated. `distance_atr` as a Level's."""

    kind: str
    price: float
    distance_atr: float | None


@dataclass(frozen=True, slots=True)
class Retracement:
    """Fibonacci's shares of a swing, from where it ended back to where it began."""

    from_price: float
    to_price: float
    from_bars_ago: int
    to_bars_ago: int
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Macro:
    """The large picture of daily or weekly bars, as far as `bars` of them tell it; the last is closed.

    `means`: bars → simple moving average of so many closes, quote. `order`: of the means, ascending when the shorter
    the higher. `cross`: the newest of SMA 50 and SMA 200, golden or death. `change_ratio`: over all bars;
    `year_change_ratio`: over a year, None when there is none. `volatility_annual_ratio`: standard deviation of the
    logarithmic returns of all bars, times the root of the bars in a year. `sma_200_distance_ratio`: the close off it.
    `numbers`: RSI, ADX, ±DI, ATR and volume, by name."""

    timeframe: Timeframe
    closed_at: datetime
    bars: int
    close: float
    means: Mapping[str, float]
    order: str | None
    cross: str | None
    cross_bars_ago: int | None
    change_ratio: float
    year_change_ratio: float | None
    volatility_annual_ratio: float | None
    sma_200_distance_ratio: float | None
    numbers: Mapping[str, float | None]
    trend: Trend
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Period:
    """The last `days`, of which `bars` of `bars_due` are there. `change_ratio`: the last close against the close one
    full period before; of a period that is not there whole against its first close. `range_ratio`: high over low, - 1.
    `volume`: base. `changes`: of indicators over the same bars."""

    days: int
    bars: int
    bars_due: int
    is_whole: bool
    change_ratio: float | None
    high: float
    low: float
    mean_close: float
    volume: float
    range_ratio: float
    changes: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Depth:
    """What rests within the first `levels` of each side, in quote. `imbalance_ratio`: -1 only asks … 1 only bids."""

    levels: int
    bids_quote: float
    asks_quote: float
    imbalance_ratio: float


@dataclass(frozen=True, slots=True)
class Wall:
    """The largest rung of a side. `distance_bps`: from the middle. `share_ratio`: of all that rests on its side."""

    is_bid: bool
    price: float
    quote: float
    distance_bps: float
    share_ratio: float


@dataclass(frozen=True, slots=True)
class Liquidity:
    """What rests within `bps` of the middle, in quote; at least so much unless `is_whole`: the book ends nearer."""

    bps: int
    bids_quote: float
    asks_quote: float
    is_whole: bool


@dataclass(frozen=True, slots=True)
class BookView:
    """The order book in figures. `depths`: at 5, 10, 20 and 50 levels, as many as it has. `imbalance_change`: against
    the last snapshot's at as many levels, None when it had none."""

    at: datetime
    source: str
    mid_price: float
    spread_bps: float
    depths: tuple[Depth, ...]
    liquidity: tuple[Liquidity, ...]
    walls: tuple[Wall, ...]
    spread_change_bps: float | None = None
    imbalance_change: float | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """The public trades in figures, `at` the last of them. Volumes in quote, by the taker's side; `span_s` from the
    first trade to the last. None where nothing can be divided by: `buy_ratio` of all volume, `per_minute` trades."""

    at: datetime
    source: str
    trades: int
    buy_quote: float
    sell_quote: float
    span_s: float
    buy_ratio: float | None
    per_minute: float | None


@dataclass(frozen=True, slots=True)
class Session:
    """What the calendar says at an instant. `cme_opens_at`: CME's crypto futures are closed until then;
    `cme_closes_at`: they trade until then; both None where they are not to be waited for."""

    is_weekend: bool
    daily_close_at: datetime
    weekly_close_at: datetime
    cme_opens_at: datetime | None
    cme_closes_at: datetime | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything known at `seen_at`; what the model is shown and the key of replay.

    `indicators`: name → value at the last closed bar, None until there are enough bars.
    `earlier`: the same, one bar before. `closes`: the newest closes, oldest first, quote.
    `completeness_ratio`: share of the bars that should have been there that were; `score_ratio`: of everything.
    `missing`, `flags`, `is_disputed`: as of the Market it was made from. `macro`: daily and weekly, as far as there
    are such bars. `pivots`: of the last UTC day. `session`: at the close; None in a snapshot of before it was told."""

    id: str
    symbol: Symbol
    timeframe: Timeframe
    closed_at: datetime
    seen_at: datetime
    price: Decimal
    source: str
    is_simulated: bool
    indicators: Mapping[str, float | None]
    earlier: Mapping[str, float | None]
    regime: Regime
    patterns: tuple[Pattern, ...]
    levels: tuple[Level, ...]
    closes: tuple[Decimal, ...]
    bars: int
    gaps: int
    completeness_ratio: float
    score_ratio: float = 1.0
    book: BookView | None = None
    flow: Flow | None = None
    funding: FundingQuote | None = None
    interest: OpenInterest | None = None
    readings: tuple[Reading, ...] = ()
    news: tuple[Excerpt, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    is_disputed: bool = False
    macro: tuple[Macro, ...] = ()
    periods: tuple[Period, ...] = ()
    pivots: tuple[Mark, ...] = ()
    retracement: Retracement | None = None
    session: Session | None = None
