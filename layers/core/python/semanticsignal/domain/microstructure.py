"""What a venue tells between bars: its order book, the public trades, funding and open interest of its perpetuals."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from .errors import InvalidBook
from .market import Symbol

YEAR_S = 365 * 86_400
# Nothing that is traded is worth as much in one order; whatever claims to be is a mistake, and its sums would overflow.
DEAREST_QUOTE = Decimal(10) ** 15
Rung = tuple[Decimal, Decimal]


def is_traded(price: Decimal, quantity: Decimal) -> bool:
    """Whether somebody can have meant it: both finite and above zero, and together worth what can be."""
    return price.is_finite() and quantity.is_finite() and price > 0 < quantity and price * quantity < DEAREST_QUOTE


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
        if not all(is_traded(*rung) for side in (self.bids, self.asks) for rung in side):
            raise InvalidBook(f"{self.source} {self.symbol}: prices and quantities must be above zero and believable")
        falls = all(one[0] > other[0] for one, other in pairwise(self.bids))
        rises = all(one[0] < other[0] for one, other in pairwise(self.asks))
        if not (falls and rises):
            raise InvalidBook(f"{self.source} {self.symbol}: rungs must lead away from the middle")
        if self.bids[0][0] >= self.asks[0][0]:
            raise InvalidBook(f"{self.source} {self.symbol}: crossed, was bid {self.bids[0][0]} ask {self.asks[0][0]}")


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """One trade of the venue's tape. `is_buy`: the taker bought. Price in quote, quantity in base.
    Raises InvalidBook for one that nobody can have meant."""

    at: datetime
    price: Decimal
    quantity: Decimal
    is_buy: bool

    def __post_init__(self) -> None:
        if not is_traded(self.price, self.quantity):
            raise InvalidBook(f"a public trade that cannot be, was {self.quantity} at {self.price}")


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

    `perpetual`: the venue's name of it. `interval_s`: None where the venue does not say; then nothing is annualized.
    Raises InvalidBook for a rate beyond ±1."""

    symbol: Symbol
    at: datetime
    rate_ratio: Decimal
    interval_s: int | None
    perpetual: str
    source: str

    def __post_init__(self) -> None:
        if not (self.rate_ratio.is_finite() and abs(self.rate_ratio) <= 1):
            raise InvalidBook(f"{self.source} {self.symbol}: a funding rate that cannot be, was {self.rate_ratio}")

    @property
    def annualized_ratio(self) -> Decimal | None:
        """Simple, not compounded, over 365 days of the true interval."""
        return self.rate_ratio * YEAR_S / self.interval_s if self.interval_s else None


@dataclass(frozen=True, slots=True)
class OpenInterest:
    """Contracts open on the perpetual of this base. `quantity`: base; `notional_quote`: its worth; None: not told.
    Raises InvalidBook for what is negative or not finite."""

    symbol: Symbol
    at: datetime
    quantity: Decimal | None
    notional_quote: Decimal | None
    perpetual: str
    source: str

    def __post_init__(self) -> None:
        told = [value for value in (self.quantity, self.notional_quote) if value is not None]
        if not all(value.is_finite() and 0 <= value < DEAREST_QUOTE for value in told):
            raise InvalidBook(f"{self.source} {self.symbol}: open interest that cannot be, was {told}")


@dataclass(frozen=True, slots=True)
class Quote:
    """A price of a pair and the instant it was true, in quote per base."""

    at: datetime
    price: float
    source: str
