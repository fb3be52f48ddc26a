"""Paper money: orders, fills, positions, trades, and the portfolio they add up to."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from .market import MarketKind, Symbol
from .money import exactly

ZERO = Decimal(0)


class Side(StrEnum):
    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        return 1 if self is Side.LONG else -1


class Purpose(StrEnum):
    OPEN = "open"
    CLOSE = "close"


class ExitReason(StrEnum):
    STOP = "stop"
    TARGET = "target"
    SIGNAL = "signal"


@dataclass(frozen=True, slots=True)
class Order:
    """A market order that may fill at the first price from `created_at` on, until `expires_at`.

    `id` is made from the decision it carries out, so a retry is the same order. `quantity`: base.
    `decided_price`: what the decision saw; sizes the exposure while the order waits, and bounds what is believed."""

    id: str
    decision_id: str
    symbol: Symbol
    kind: MarketKind
    purpose: Purpose
    side: Side
    quantity: Decimal
    created_at: datetime
    expires_at: datetime
    decided_price: Decimal
    stop_price: Decimal | None = None
    target_price: Decimal | None = None

    @property
    @exactly
    def notional_quote(self) -> Decimal:
        """What an entry will bind; nothing for an exit."""
        return self.decided_price * self.quantity if self.purpose is Purpose.OPEN else ZERO


@dataclass(frozen=True, slots=True)
class Fill:
    """What the paper venue gave: `price` after slippage, `quantity` base, `fee_quote`, and what slipping cost.
    `source`: the venue whose price it was; None for a fill of before that was kept."""

    order_id: str
    filled_at: datetime
    price: Decimal
    quantity: Decimal
    fee_quote: Decimal
    slippage_quote: Decimal
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Levels:
    """Stop and target as they rested from `since` on."""

    since: datetime
    stop_price: Decimal
    target_price: Decimal | None


@dataclass(frozen=True, slots=True)
class Position:
    """Open exposure. The levels rest from `stop_from`; bars opened before it meet those of `earlier` (oldest first), so
    no older bar can touch a newer stop and none goes unguarded.

    `initial_stop_price` fixes 1R for ever. `highest_price`, `lowest_price`: extremes since entry.
    `checked_until`: every bar that closed by then has been looked at; a bar that is published late is looked at late.
    `funded_until`: the last settlement that was booked. `funding_quote`: paid so far. `source`: the venue at whose
    price it was opened, whose bars it is watched on; None for one of before that was kept."""

    id: str
    decision_id: str
    symbol: Symbol
    kind: MarketKind
    side: Side
    quantity: Decimal
    entry_price: Decimal
    entry_fee_quote: Decimal
    opened_at: datetime
    stop_price: Decimal
    initial_stop_price: Decimal
    target_price: Decimal | None
    stop_from: datetime
    checked_until: datetime
    funded_until: datetime
    highest_price: Decimal
    lowest_price: Decimal
    mark_price: Decimal
    funding_quote: Decimal = ZERO
    earlier: tuple[Levels, ...] = ()
    source: str | None = None

    def levels_at(self, at: datetime) -> Levels | None:
        """What rested when a bar opened at `at`; None before the entry."""
        if at >= self.stop_from:
            return Levels(self.stop_from, self.stop_price, self.target_price)
        return next((levels for levels in reversed(self.earlier) if levels.since <= at), None)

    @property
    @exactly
    def notional_quote(self) -> Decimal:
        return self.entry_price * self.quantity

    @property
    @exactly
    def risk_quote(self) -> Decimal:
        """1R: what the first stop would have lost, fees aside."""
        return abs(self.entry_price - self.initial_stop_price) * self.quantity

    @property
    @exactly
    def unrealized_pnl_quote(self) -> Decimal:
        """At the last mark, before the exit fee."""
        return (self.mark_price - self.entry_price) * self.quantity * self.side.sign


@dataclass(frozen=True, slots=True)
class Touch:
    """A resting level met its price: at `at` (the open of a bar that gapped, else the bar's last millisecond)."""

    at: datetime
    price: Decimal
    reason: ExitReason
    is_ambiguous: bool


@dataclass(frozen=True, slots=True)
class Trade:
    """A closed round trip. `gross_pnl_quote − fees_quote − funding_quote = realized_pnl_quote`, exactly.

    `mae_ratio ≤ 0 ≤ mfe_ratio`: worst and best excursion against entry. `r_multiple`: net result in 1R.
    `is_ambiguous`: one finest bar held both stop and target; the stop was taken.
    `number`: counted from 1, all pairs."""

    id: str
    number: int
    position_id: str
    decision_id: str
    symbol: Symbol
    kind: MarketKind
    side: Side
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    opened_at: datetime
    closed_at: datetime
    stop_price: Decimal
    initial_stop_price: Decimal
    target_price: Decimal | None
    gross_pnl_quote: Decimal
    fees_quote: Decimal
    funding_quote: Decimal
    realized_pnl_quote: Decimal
    return_ratio: float
    r_multiple: float | None
    mae_ratio: float
    mfe_ratio: float
    exit_reason: ExitReason
    is_ambiguous: bool
    close_decision_id: str | None = None

    @property
    def is_win(self) -> bool:
        """Net of fees and funding; breaking even is no win."""
        return self.realized_pnl_quote > 0


@dataclass(frozen=True, slots=True)
class Record:
    """How the last `trades` went, newest of all pairs, net of fees and funding; None where it cannot be reckoned."""

    trades: int
    wins: int
    net_quote: Decimal
    profit_factor: float | None
    expectancy_quote: Decimal | None
    mean_r: float | None


@dataclass(frozen=True, slots=True)
class Account:
    """The sums of everything realized. `balance_quote = start + gross − fees − funding`, to the last digit.

    Fees of an open position's entry are in `fees_quote` already; its price result is not in `gross_pnl_quote`."""

    start_quote: Decimal
    gross_pnl_quote: Decimal = ZERO
    fees_quote: Decimal = ZERO
    funding_quote: Decimal = ZERO

    @property
    @exactly
    def balance_quote(self) -> Decimal:
        return self.start_quote + self.gross_pnl_quote - self.fees_quote - self.funding_quote

    @exactly
    def book(self, *, gross: Decimal = ZERO, fees: Decimal = ZERO, funding: Decimal = ZERO) -> "Account":
        return replace(
            self,
            gross_pnl_quote=self.gross_pnl_quote + gross,
            fees_quote=self.fees_quote + fees,
            funding_quote=self.funding_quote + funding,
        )


@dataclass(frozen=True, slots=True)
class Portfolio:
    """All money state at once, under one `version`: whoever writes names the version they read.

    At most one position and one waiting order a pair. `peak_equity_quote`: highest mark so far.
    `marked_until`: the last bar boundary at which equity was marked; None before the first."""

    version: int
    account: Account
    positions: tuple[Position, ...] = ()
    orders: tuple[Order, ...] = ()
    closed_trades: int = 0
    marked_until: datetime | None = None
    peak_equity_quote: Decimal | None = None

    def position(self, symbol: Symbol) -> Position | None:
        return next((p for p in self.positions if p.symbol == symbol), None)

    def order(self, symbol: Symbol) -> Order | None:
        return next((o for o in self.orders if o.symbol == symbol), None)

    def is_at_work(self, symbol: Symbol) -> bool:
        """Whether anything of it is open or about to be."""
        return self.position(symbol) is not None or self.order(symbol) is not None

    @property
    @exactly
    def unrealized_pnl_quote(self) -> Decimal:
        return sum((p.unrealized_pnl_quote for p in self.positions), ZERO)

    @property
    @exactly
    def equity_quote(self) -> Decimal:
        """Balance and open positions at their last mark."""
        return self.account.balance_quote + self.unrealized_pnl_quote

    @property
    @exactly
    def cash_quote(self) -> Decimal:
        """What is left to spend once open positions and waiting entries are paid for."""
        return self.account.balance_quote - self.exposure_quote

    @property
    @exactly
    def exposure_quote(self) -> Decimal:
        """Notional of everything open, at entry, and of everything that waits to open."""
        opened = sum((p.notional_quote for p in self.positions), ZERO)
        return opened + sum((o.notional_quote for o in self.orders), ZERO)


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """Equity marked to market at a bar boundary, quote."""

    at: datetime
    equity_quote: Decimal
    balance_quote: Decimal
    unrealized_pnl_quote: Decimal
    open_positions: int
