"""What a venue tells between bars: its order book, the public trades, funding and open interest of its perpetuals."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from .errors import InvalidBook
from .market import Symbol

YEAR_S = 365 * 86_400
Rung = tuple[Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class OrderBook:
    """Bids best (highest) first, asks best (lowest) first, each (price in quote, quantity in base), as of `at`.

    Raises InvalidBook for an empty or crossed one, a rung out of order, or what is no price."""

    symbol: Symbol
    at: datetime
    bids: tuple[Rung, ...]
    asks: tuple[Rung, ...]
    source: str

    def __post_init__(self) -> None:
        if not (self.bids and self.asks):
            raise InvalidBook(f"{self.source} {self.symbol}: a side is empty, was {len(self.bids)}/{len(self.asks)}")
        if not all(price > 0 and quantity > 0 for side in (self.bids, self.asks) for price, quantity in side):
            raise InvalidBook(f"{self.source} {self.symbol}: prices and quantities must be above zero")
        falls = all(one[0] > other[0] for one, other in pairwise(self.bids))
        rises = all(one[0] < other[0] for one, other in pairwise(self.asks))
        if not (falls and rises):
            raise InvalidBook(f"{self.source} {self.symbol}: rungs must lead away from the middle")
        if self.bids[0][0] >= self.asks[0][0]:
            raise InvalidBook(f"{self.source} {self.symbol}: crossed, was bid {self.bids[0][0]} ask {self.asks[0][0]}")


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """One trade of the venue's tape. `is_buy`: the taker bought. Price in quote, quantity in base."""

    at: datetime
    price: Decimal
    quantity: Decimal
    is_buy: bool


@dataclass(frozen=True, slots=True)
class PublicTrades:
    """The newest public trades known at `at`, oldest first; empty when nobody traded."""

    symbol: Symbol
    at: datetime
    trades: tuple[PublicTrade, ...]
    source: str


@dataclass(frozen=True, slots=True)
class FundingQuote:
    """What the perpetual of this base asks of its longs now, for one interval, as a ratio of the notional.

    `perpetual`: the venue's name of it. `interval_s`: None where the venue does not say; then nothing is annualized."""

    symbol: Symbol
    at: datetime
    rate_ratio: Decimal
    interval_s: int | None
    perpetual: str
    source: str

    @property
    def annualized_ratio(self) -> Decimal | None:
        """Simple, not compounded, over 365 days of the true interval."""
        return self.rate_ratio * YEAR_S / self.interval_s if self.interval_s else None


@dataclass(frozen=True, slots=True)
class OpenInterest:
    """Contracts open on the perpetual of this base. `quantity`: base; `notional_quote`: its worth; None: not told."""

    symbol: Symbol
    at: datetime
    quantity: Decimal | None
    notional_quote: Decimal | None
    perpetual: str
    source: str


@dataclass(frozen=True, slots=True)
class Quote:
    """A price of a pair and the instant it was true, in quote per base."""

    at: datetime
    price: float
    source: str
