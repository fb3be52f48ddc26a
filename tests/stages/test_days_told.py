"""A day of the simulated market at full speed, told to a Discord on loopback: what a person would want to read."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from assembly import asked
from discord_server import HOOK, LOST, SILENCE, Answer, Discord, limited, refused
from loopback import serve
from world import bars, world, written

from semanticsignal import wiring
from semanticsignal.adapters.analyst import RulesAnalyst
from semanticsignal.adapters.discord import DiscordCourier
from semanticsignal.adapters.inmemory import InMemoryLedger
from semanticsignal.adapters.letterbox import DiscordLetterbox
from semanticsignal.adapters.sqlite import SqliteMail
from semanticsignal.adapters.system_clock import SetClock, SystemClock
from semanticsignal.domain.events import CandleClosed, MinutePassed
from semanticsignal.domain.market import epoch_ms
from semanticsignal.drivers.loop import Loop
from semanticsignal.drivers.post_office import PostOffice
from semanticsignal.simulate import exchange
from semanticsignal.simulate.market import SimulatedMarket

# Nobody listens there; the post office tries it on the machine's own time, beside the trade.
NOWHERE = "http://127.0.0.1:9"
DAY = timedelta(days=1)
# Of 7 decisions and of 50.
BY_4H = {"begins": datetime(2025, 2, 23, 4, tzinfo=UTC), "symbols": ["BTC/USDC"], "timeframe": "4h"}
BY_1H = {"begins": datetime(2025, 1, 22, 14, tzinfo=UTC), "symbols": ["BTC/USDC", "ETH/USDC"], "timeframe": "1h"}


class Life:
    """Of so many days from `begins` on, by the rules analyst; after each close the post office has its turn."""

    def __init__(self, begins: datetime, days: float = 1.0, **terms: Any) -> None:
        self.settings = asked(candle_limit=300, **terms).settings
        self.begins, self.ends = begins, begins + days * DAY
        self.ledger = InMemoryLedger(self.settings.paper.start_quote)

    async def live(self, mail: SqliteMail | None = None, discord: str = "", timeout_s: float = 10.0) -> list[bytes]:
        clock = SetClock(self.begins)
        market = SimulatedMarket(17, self.settings.pairs)
        async with AsyncExitStack() as stack:
            url = await stack.enter_async_context(serve(exchange.app(market, lambda: epoch_ms(clock.now()))))
            venue: Any = wiring.venue(self.settings, clock.now, url, is_simulated=True)
            stack.push_async_callback(venue.close)
            on = replace(
                world(bars([(1, 1, 1, 1)])), settings=self.settings, clock=clock, market=venue, model=RulesAnalyst(),
                ledger=self.ledger,
            )  # fmt: skip
            office = None
            if mail:
                real: Any = SystemClock() if discord.startswith(NOWHERE) else SetClock(self.begins)
                box = DiscordLetterbox(mail, self.settings.discord, real.now, lambda _: office.woken())
                courier = DiscordCourier(real.now, timeout_s, webhook=discord)
                office = PostOffice(mail, courier, on.archive, real, self.settings.discord)
                on = replace(on, messengers=(box,))
            if office and discord.startswith(NOWHERE):
                await stack.enter_async_context(office.open())
            loop, at, span = Loop(on, self.ledger), self.begins, self.settings.timeframe.span
            while at <= self.ends:
                clock.set(at)
                closed = (CandleClosed(pair, self.settings.timeframe, at) for pair in self.settings.pairs)
                for fact in (MinutePassed(at), *closed):
                    await loop.run(fact)
                if office and not discord.startswith(NOWHERE):
                    await office.emptied()
                at += span
        return await written(on)


def told(there: Discord) -> list[str]:
    """By kind of message, in the order in which they came."""
    kinds = {
        "BUY": "decision", "opened": "opened", "closed": "exit", "stands": "stands", "not done": "refusals",
    }  # fmt: skip
    titles = [title.replace("\u00a0", " ") for title in there.titles]
    return [next((kind for word, kind in kinds.items() if word in title), "day") for title in titles]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        # bought, and how it stands when the day ends: the other five decisions wanted nothing
        (BY_4H, ["decision", "opened", "day", "stands"]),
        # and every six hours, until the stop is met: of fifty decisions one is told, for 49 wanted nothing
        (BY_1H, ["decision", "opened", "day", "stands", "stands", "stands", "exit"]),
    ],
    ids=["4h", "1h and two pairs"],
)
async def test_a_day_is_a_handful_of_messages(day: dict[str, Any], expected: list[str], tmp_path: Path) -> None:
    there = Discord()
    async with serve(there) as url:
        await Life(**day).live(SqliteMail(tmp_path / "mail.db"), url + HOOK)

    assert told(there) == expected
    assert [refused(message) for message in there.messages.values()] == [""] * len(expected)
    rings = [
        kind for kind, message in zip(told(there), there.messages.values(), strict=True) if not message.get("flags")
    ]
    assert rings == [kind for kind in expected if kind in ("decision", "exit")]
    assert len(there.pictures) == 1


@pytest.fixture(scope="module")
def alone() -> list[bytes]:
    """The same day, told to nobody."""
    return asyncio.run(Life(**BY_4H).live())


ILL = [limited(0.5, is_global=True), Answer(500), Answer(503, b"<html>"), limited(3.0), LOST, SILENCE, Answer(429)]


@pytest.mark.parametrize(
    ("moods", "expected"),
    [
        # the decision met the lost answer: it is there, and is not told again
        (ILL, ["decision", "opened", "day", "stands"]),
        ([Answer(200, b"{not json", takes=True), Answer(401)], ["decision"]),
        ([Answer(404, {"code": 10015})], []),
        (None, []),
    ],
    ids=["ill", "shut out", "deleted", "nobody listens"],
)
async def test_whatever_discord_does_the_day_is_traded_as_if_nobody_were_told(
    moods: list[Answer] | None, expected: list[str], alone: list[bytes], tmp_path: Path
) -> None:
    there = Discord(next=list(moods or ()))
    async with serve(there) as url:
        hook = (url if moods else NOWHERE) + HOOK
        assert await Life(**BY_4H).live(SqliteMail(tmp_path / "mail.db"), hook, timeout_s=2.0) == alone

    assert told(there) == expected
