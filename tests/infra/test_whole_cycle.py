"""A whole life on the deployment that the template describes: the ledger of a laptop's loop, fact for fact."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from assembly import Assembly, asked, built, dashboard
from aws_here import Deployed, deployed, threaded
from world import bars, world

from infra.app import app
from infra.deployment import Deployment
from semanticsignal import wiring
from semanticsignal.adapters.analyst import RulesAnalyst
from semanticsignal.adapters.dynamodb import DynamoLedger
from semanticsignal.adapters.folder import FolderArchive
from semanticsignal.adapters.sqlite import SqliteLedger
from semanticsignal.adapters.system_clock import SetClock
from semanticsignal.codec import dumps
from semanticsignal.domain.events import CandleClosed, MinutePassed
from semanticsignal.domain.ledger import Entry
from semanticsignal.domain.market import epoch_ms, instant
from semanticsignal.drivers.loop import Loop
from semanticsignal.ports import Ledger, MarketData
from semanticsignal.simulate import exchange
from semanticsignal.simulate.market import EPOCH_MS, SimulatedMarket

# A market and terms in which the analyst trades now and then.
SEED, FIRST, BARS = 31, 320, 60
TERMS = {
    "symbols": ["BTC/USDC", "ETH/USDC"], "candle_limit": 300, "risk.cooldown_bars": 0, "risk.losing_streak": 50,
    "risk.daily_loss_ratio": 1.0, "risk.max_drawdown_ratio": 1.0, "risk.min_confidence_ratio": 0.3,
    "risk.min_reward_risk": 0.5, "risk.min_reward_risk_chop": 0.5, "memory.reflect_every": 2, "memory.min_wins": 1,
    "memory.min_losses": 1, "paper.start_quote": 10_000,
}  # fmt: skip
SETTINGS = asked(**TERMS).settings
H4 = timedelta(hours=4)
INSTANTS = [instant(EPOCH_MS) + (FIRST + n) * H4 for n in range(BARS + 1)]


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    top = tmp_path_factory.mktemp("whole")
    deployment = Deployment(asked(**TERMS), layer=built(top / "layers"), site=dashboard(top / "dist"))
    app(deployment, outdir=str(top / "cdk.out")).synth()
    return Assembly(top / "cdk.out")


class Venue:
    """The simulated exchange behind Binance's REST, at the instant of whoever asks last."""

    def __init__(self) -> None:
        self.clock = SetClock(INSTANTS[0])
        self.url = ""

    def plug(self, clock: SetClock) -> MarketData:
        self.clock = clock
        return wiring.venue(SETTINGS, clock.now, self.url, is_simulated=True)


@pytest.fixture(scope="module")
def venue() -> Iterator[Venue]:
    found = Venue()
    market = SimulatedMarket(SEED, SETTINGS.pairs)
    with threaded(exchange.app(market, lambda: epoch_ms(found.clock.now()))) as found.url:
        yield found


@pytest.fixture
def here(assembly: Assembly, venue: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    with deployed(assembly, tmp_path / "chroma", venue.plug, monkeypatch) as found:
        yield found


def of_the_loop(venue: Venue, home: Path, instants: list[datetime]) -> list[bytes]:
    """What a laptop writes: SQLite, a folder, the memory in the process, the local loop."""
    clock = SetClock(instants[0])
    ledger = SqliteLedger(home / "ledger.db", SETTINGS.paper.start_quote, is_durable=False)
    market: Any = venue.plug(clock)
    on = replace(
        world(bars([(1, 1, 1, 1)])), settings=SETTINGS, clock=clock, market=market, model=RulesAnalyst(),
        ledger=ledger, archive=FolderArchive(home / "archive"),
    )  # fmt: skip

    async def live() -> list[bytes]:
        loop = Loop(on, ledger)
        for at in instants:
            clock.set(at)
            for fact in (MinutePassed(at), *(CandleClosed(pair, SETTINGS.timeframe, at) for pair in SETTINGS.pairs)):
                await loop.run(fact)
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


def shown(here: Deployed, connection: str = "page") -> list[str]:
    return [view["id"] for view in here.browsers.heard[connection] if view["kind"] != "MinutePassed"]


def test_the_ledger_of_the_deployment_is_that_of_the_laptop_fact_for_fact(
    here: Deployed, venue: Venue, tmp_path: Path
) -> None:
    expected = of_the_loop(venue, tmp_path, INSTANTS)

    for at in INSTANTS:
        # A connection lasts two hours; the page comes back with a new ticket.
        here.clock.set(at)
        assert here.connect("page") == "Allow"
        here.live([at])

    assert here.dead == []
    kinds = Counter(entry.kind for entry in entries(here))
    assert (kinds["DecisionMade"], kinds["EquityMarked"]) == (2 * len(INSTANTS), len(INSTANTS))
    assert kinds["PositionClosed"] >= 3 and kinds["RuleFormed"] >= 2 and kinds["PositionUpdated"] >= 1
    assert asyncio.run(written(ledger_of(here))) == expected
    assert shown(here) == [entry.id for entry in entries(here)]
