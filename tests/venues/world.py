"""What is true, whichever venue tells it: the simulated market, and perpetuals beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from semanticsignal.domain.market import Symbol, Timeframe
from semanticsignal.simulate.market import Row, SimulatedMarket

WEEK_MS = 7 * 86_400_000


@dataclass(frozen=True)
class Perpetual:
    """What a perpetual asks of its longs for each interval, and how much of it is open, in base."""

    rate: Decimal
    interval_s: int
    open_interest: Decimal
    mark: Decimal
    funded_ms: int
    funds_ms: int


HOURLY = {"BTC": Decimal("0.0000125"), "ETH": Decimal("-0.000003"), "SOL": Decimal("0.00002")}
OPEN_INTEREST = {"BTC": Decimal("12345.67"), "ETH": Decimal("98765.4"), "SOL": Decimal(345_678)}


@dataclass(frozen=True)
class World:
    """What is true everywhere, whichever venue tells it. `latency_s`: how long each answer takes."""

    market: SimulatedMarket
    now_ms: Callable[[], int]
    latency_s: float = 0.0

    @property
    def bases(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(symbol.base for symbol in self.market.symbols))

    def priced(self, base: str) -> Symbol:
        """The pair whose prices a perpetual of this base has: there is no basis."""
        return next(symbol for symbol in self.market.symbols if symbol.base == base)

    def perpetual(self, base: str, hours: int) -> Perpetual:
        now, span = self.now_ms(), hours * 3_600_000
        return Perpetual(
            rate=HOURLY.get(base, Decimal("0.00001")) * hours,
            interval_s=hours * 3_600,
            open_interest=OPEN_INTEREST.get(base, Decimal(1_000_000)),
            mark=self.market.price(self.priced(base), now),
            funded_ms=now // span * span,
            funds_ms=(now // span + 1) * span,
        )

    def bars(self, symbol: Symbol, timeframe: Timeframe, first_ms: int, last_ms: int) -> list[Row]:
        """All that open in [first, last] and by now, oldest first; the newest may be unfinished. A week: on Monday."""
        limit = max(1, (last_ms - first_ms) // timeframe.ms + 2)
        return self.market.klines(symbol, timeframe, max(first_ms, 0), last_ms, limit, self.now_ms())

    def epoch_weeks(self, symbol: Symbol, first_ms: int, last_ms: int) -> list[Row]:
        """Weeks counted from 1970-01-01, which was a Thursday."""
        first, last = -(-first_ms // WEEK_MS) * WEEK_MS, last_ms // WEEK_MS * WEEK_MS
        weeks: dict[int, list[Row]] = {}
        for day in self.bars(symbol, Timeframe.D1, first, last + WEEK_MS - 1):
            weeks.setdefault(int(day[0]) // WEEK_MS * WEEK_MS, []).append(day)
        return [_joined(opened, days) for opened, days in weeks.items() if first <= opened <= last]


def _joined(opened: int, days: Sequence[Row]) -> Row:
    high, low = max(days, key=lambda day: float(day[2])), min(days, key=lambda day: float(day[3]))
    summed = [sum((Decimal(day[column]) for day in days), Decimal(0)) for column in (5, 7, 8)]
    volume, quote, count = f"{summed[0]:.8f}", f"{summed[1]:.8f}", int(summed[2])
    return (opened, days[0][1], high[2], low[3], days[-1][4], volume, opened + WEEK_MS - 1, quote, count, "0", "0", "0")
