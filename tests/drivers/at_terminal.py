"""A room made by hand, on the terminal of this process until it stops: at_terminal.py [held] [breaks] [silent]."""

import asyncio
import logging
import signal
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from semanticsignal.adapters.websocket import WebSocketNotifier
from semanticsignal.domain.market import MarketKind, Symbol
from semanticsignal.domain.policy import Settings
from semanticsignal.domain.trading import Account, Portfolio, Position, Side
from semanticsignal.drivers import terminal
from semanticsignal.drivers.lines import OneLine
from semanticsignal.logic.show.views import HealthView, QueuedView

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HELD = Position(
    "BTC#1", "BTC", Symbol("BTC", "USDC"), MarketKind.SPOT, Side.LONG, Decimal("0.5"), Decimal(60_000), Decimal(20),
    NOON, Decimal(59_000), Decimal(59_000), Decimal(63_000), NOON, NOON, NOON, Decimal(60_000), Decimal(60_000),
    Decimal("60_500.5"),
)  # fmt: skip


class Ledger:
    def __init__(self, *held: Position) -> None:
        self._held = held

    async def portfolio(self) -> Portfolio:
        return Portfolio(1, Account(Decimal(10_000)), self._held)

    async def entries(self, **_: object) -> tuple[()]:
        return ()


class Room:
    def __init__(self, words: set[str]) -> None:
        self.settings = Settings(symbols=("BTC/USDC", "ETH/USDC"))
        self.notifier, self.stop, self.on = WebSocketNotifier(), asyncio.Event(), self
        self.ledger: Any = Ledger(*[HELD] if "held" in words else [])
        self._breaks = "breaks" in words
        self._shown = 0

    def health(self) -> HealthView:
        self._shown += 1
        if self._breaks and self._shown > 2:
            raise ValueError("no such health")
        return HealthView(
            "running", None, "1", NOON, True, 1.0, self.settings.symbols, "4h", "simulated binance", "rules-analyst",
            1.0, NOON + timedelta(hours=4),
        )  # fmt: skip

    async def request_analysis(self, symbol: Symbol) -> QueuedView:
        logging.getLogger("semsig").info("asked for %s", symbol)
        return QueuedView("1", str(symbol), False)


async def main() -> None:
    room: Any = Room(set(sys.argv[1:]))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, room.stop.set)
    await terminal.show(room, "http://127.0.0.1:8000", yes=False)
    if "silent" not in sys.argv:
        sys.stdout.write("it ended by itself\n")


if __name__ == "__main__":
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    asyncio.run(main())
