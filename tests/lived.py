"""The life that deployments of the tests live: its market, its terms, and what a laptop makes of it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from assembly import asked
from aws_here import Deployed, threaded
from world import bars, world

from semanticsignal import wiring
from semanticsignal.adapters.analyst import RulesAnalyst
from semanticsignal.adapters.discord import DiscordCourier
from semanticsignal.adapters.dynamodb import DynamoLedger
from semanticsignal.adapters.folder import FolderArchive
from semanticsignal.adapters.letterbox import DiscordLetterbox
from semanticsignal.adapters.sqlite import SqliteLedger, SqliteMail
from semanticsignal.adapters.system_clock import SetClock
from semanticsignal.codec import dumps
from semanticsignal.domain.events import CandleClosed, MinutePassed
from semanticsignal.domain.ledger import Entry
from semanticsignal.domain.market import epoch_ms, instant
from semanticsignal.domain.policy import Settings
from semanticsignal.drivers.loop import Loop
from semanticsignal.drivers.post_office import PostOffice
from semanticsignal.ports import Ledger, MarketData
from semanticsignal.simulate import exchange
from semanticsignal.simulate.market import EPOCH_MS, SimulatedMarket

# A market and terms in which the analyst trades now and then.
SEED, FIRST, BARS = 31, 330, 40
TERMS = {
    "symbols": ["BTC/USDC", "ETH/USDC"], "candle_limit": 300, "risk.cooldown_bars": 0, "risk.losing_streak": 50,
    "risk.daily_loss_ratio": 1.0, "risk.max_drawdown_ratio": 1.0, "risk.min_confidence_ratio": 0.3,
    "risk.min_reward_risk": 0.5, "risk.min_reward_risk_chop": 0.5, "memory.reflect_every": 2, "memory.min_wins": 1,
    "memory.min_losses": 1, "paper.start_quote": 10_000,
}  # fmt: skip
SETTINGS = asked(**TERMS).settings
H4 = timedelta(hours=4)
INSTANTS = [instant(EPOCH_MS) + (FIRST + n) * H4 for n in range(BARS + 1)]


class Venue:
    """The simulated exchange behind Binance's REST, at the instant of whoever asks last."""

    def __init__(self) -> None:
        self.clock = SetClock(INSTANTS[0])
        self.url = ""

    def plug(self, clock: SetClock) -> MarketData:
        self.clock = clock
        return wiring.venue(SETTINGS, clock.now, self.url, is_simulated=True)


@contextmanager
def open_venue() -> Iterator[Venue]:
    found = Venue()
    market = SimulatedMarket(SEED, SETTINGS.pairs)
    with threaded(exchange.app(market, lambda: epoch_ms(found.clock.now()))) as found.url:
        yield found


def of_the_loop(
    venue: Venue, home: Path, instants: list[datetime], settings: Settings = SETTINGS, webhook: str = ""
) -> list[bytes]:
    """What a laptop writes: SQLite, a folder, the memory in the process, the local loop. With a webhook it also tells
    people there."""
    clock = SetClock(instants[0])
    ledger = SqliteLedger(home / "ledger.db", settings.paper.start_quote, is_durable=False)
    market: Any = venue.plug(clock)
    on = replace(
        world(bars([(1, 1, 1, 1)])), settings=settings, clock=clock, market=market, model=RulesAnalyst(),
        ledger=ledger, archive=FolderArchive(home / "archive"),
    )  # fmt: skip

    office = None
    if webhook:
        mail, courier = SqliteMail(home / "mail.db"), DiscordCourier(clock.now, 20.0, webhook)
        office = PostOffice(mail, courier, on.archive, clock, settings.discord)
        on = replace(on, messengers=(DiscordLetterbox(mail, settings.discord, clock.now, office.woken),))

    async def live() -> list[bytes]:
        loop = Loop(on, ledger)
        for at in instants:
            clock.set(at)
            for fact in (MinutePassed(at), *(CandleClosed(pair, settings.timeframe, at) for pair in settings.pairs)):
                await loop.run(fact)
            if office:
                await office.emptied()
        await market.close()
        return await written(ledger)

    try:
        return asyncio.run(live())
    finally:
        ledger.close()


async def written(ledger: Ledger) -> list[bytes]:
    entries = await ledger.entries(limit=100_000)
    return [b"%d %s %s %s" % (e.seq, e.id.encode(), dumps(e.fact), dumps(e.subject)) for e in entries] + [
        dumps(await ledger.portfolio())
    ]


def ledger_of(here: Deployed) -> DynamoLedger:
    return DynamoLedger(here.environment("show")["SEMSIG_TABLE"], SETTINGS.paper.start_quote, endpoint_url=here.aws.url)


def entries(here: Deployed, *kinds: str) -> list[Entry]:
    return list(asyncio.run(ledger_of(here).entries(kinds=kinds, limit=100_000)))
