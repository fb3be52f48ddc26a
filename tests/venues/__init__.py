"""Eight exchanges on loopback, each speaking its own REST, all serving one simulated world; and their faults."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from tests.loopback import serve
from tests.venues.binance import Binance
from tests.venues.coinbase import Coinbase
from tests.venues.desk import Asked, Desk
from tests.venues.faults import Fault, Faults, Kind
from tests.venues.gate import Gate
from tests.venues.hyperliquid import Hyperliquid
from tests.venues.kraken import Kraken
from tests.venues.kucoin import Kucoin
from tests.venues.mexc import Mexc
from tests.venues.okx import Okx
from tests.venues.world import World

__all__ = ["VENUES", "Asked", "Desk", "Fault", "Faults", "Kind", "Venue", "World", "venues"]

VENUES: dict[str, Callable[[World], Desk]] = {
    desk.name: desk for desk in (Binance, Kucoin, Gate, Mexc, Hyperliquid, Kraken, Coinbase, Okx)
}


@dataclass(frozen=True)
class Venue:
    """One of them while it stands. `log`: who asked for what; `faults`: its switches."""

    name: str
    url: str
    log: list[Asked]
    faults: Faults


@asynccontextmanager
async def venues(*names: str, world: World) -> AsyncIterator[dict[str, Venue]]:
    """Each on a port of its own, by name; without names all of them."""
    async with AsyncExitStack() as stack:
        standing = {}
        for name in names or VENUES:
            desk = VENUES[name](world)
            url = await stack.enter_async_context(serve(desk))
            standing[name] = Venue(name, url, desk.log, desk.faults)
        yield standing
