"""All that was known when a cycle began: the input of analysis."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .context import Reading
from .market import Candles, Symbol, Timeframe, TradingRules
from .microstructure import FundingQuote, OpenInterest, OrderBook, PublicTrades
from .news import Excerpt


class Part(StrEnum):
    """What a cycle may know, beside the bars that it is about."""

    DAILY = "daily candles"
    WEEKLY = "weekly candles"
    BOOK = "order book"
    TRADES = "public trades"
    FUNDING = "funding rate"
    INTEREST = "open interest"
    CONTEXT = "market context"
    NEWS = "news"


@dataclass(frozen=True, slots=True)
class Around:
    """What was known beside the bars; each part says whose it is.

    `asked`: the parts that could be had here; `missing`: those of them that were not, and others that no venue tells of
    this pair, with why. `flags`: what is not as it should be, in words."""

    daily: Candles | None = None
    weekly: Candles | None = None
    book: OrderBook | None = None
    trades: PublicTrades | None = None
    funding: FundingQuote | None = None
    interest: OpenInterest | None = None
    readings: tuple[Reading, ...] = ()
    news: tuple[Excerpt, ...] = ()
    asked: tuple[Part, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Market:
    """All that was collected for one cycle at `collected_at`, archived whole.

    `flags`: repaired bars and doubtful prices, in words. `is_disputed`: another venue's price is another.
    `is_simulated` travels from the venue to every page that shows it."""

    id: str
    symbol: Symbol
    timeframe: Timeframe
    collected_at: datetime
    candles: Candles
    rules: TradingRules
    is_simulated: bool = False
    flags: tuple[str, ...] = ()
    is_disputed: bool = False
    around: Around = field(default_factory=Around)
