"""The panels of press and market in a real Chromium, through the real API, in a house that strangers wrote into."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from math import sin
from typing import Any

import pytest
from drivers.test_web import House
from world import BTC, ETH, MONDAY, bars, cycle, d, live, path, world

from semanticsignal.adapters.inmemory import InMemoryArchive, SplitArchive
from semanticsignal.adapters.websocket import WebSocketNotifier
from semanticsignal.domain.analysis import BookView, Depth, Flow, Liquidity, Snapshot, Wall
from semanticsignal.domain.context import MarketContext, Reading, Unit
from semanticsignal.domain.decision import Reply
from semanticsignal.domain.market import Timeframe
from semanticsignal.domain.microstructure import FundingQuote, OpenInterest
from semanticsignal.domain.news import Article, Excerpt, News
from semanticsignal.drivers import web
from semanticsignal.drivers.figures import Figures
from semanticsignal.logic.show import views
from semanticsignal.ports import Sockets

from .test_dashboard import FRONTEND, browser  # noqa: F401 - a fixture

HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
LAST = MONDAY + 30 * 4 * HOUR
NOW = LAST + 12 * MINUTE
EVIL = "https://evil.example"
TITLES = (
    "Bitcoin climbs as exchanges report the lowest reserves in years",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    f'"><svg onload=alert(1)><iframe src="{EVIL}"></iframe><a href="javascript:alert(1)">x</a>',
    f"[click](javascript:alert(1)) ![picture]({EVIL}/x.png) **bold** `code` <{EVIL}>",
    "\u202etxt.exe\u202c \u2066hidden\u2069 \u200f\u200brlo \U000e0041",
    "مرحبا سعر البيتكوين اليوم <b>عربي</b> abc",
    "W" * 5000,
    f"<iframe src={EVIL}>" * 300,
    "${alert(1)} {{constructor.constructor('alert(1)')()}} <!-- --> &lt;script&gt; \x00\x1b[31m",
    "Ether follows",
)
URLS = (
    f"{EVIL}/1",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    f"{EVIL}/{'a' * 1500}",
    "//evil.example",
)


# A reply as a model may be talked into writing it.
REPLY = f"""# <script>alert(1)</script> A heading

**bold of a model** and <img src=x onerror=alert(1)> and <b style="position:fixed" id="main" class="why">dress</b>

[good](https://example.org/a) [bad](javascript:alert(1)) [you](https://you:word@evil.example/) <javascript:alert(2)>
[split](java\nscript:alert(1)) [data](data:text/html,<script>alert(1)</script>) ![picture]({EVIL}/x.png "t")

<form action="{EVIL}"><input name="x"><button>Go</button></form> <style>*{{display:none}}</style>
<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg><math><mtext><table><mglyph><style><img src=x>

| a | b |
|---|:-:|
| <td onmouseover=alert(1)> | `code <img src={EVIL}/y.png>` |

- [ ] task
"""


@dataclass
class Open(House):
    """A living market, as far as the page is told."""

    def health(self) -> views.HealthView:
        return views.HealthView(
            status="running", problem=None, version="0", now=self.on.clock.now(), is_simulated=False, speed=1.0,
            symbols=self.on.settings.symbols, timeframe="4h", market_source="hand", model="by hand",
            history_done_ratio=1.0, next_candle_at=LAST + 4 * HOUR,
        )  # fmt: skip


def press() -> News:
    told = tuple(
        Article(f"a{n}", TITLES[(n + 1) % len(TITLES)] if n % 4 == 1 else "coindesk", title, f"{title} {TITLES[1]}" * 3,
                URLS[n % len(URLS)], NOW - n * 17 * MINUTE, NOW - n * 17 * MINUTE + MINUTE)
        for n, title in enumerate(TITLES)
    )  # fmt: skip
    return News("news", NOW - 12 * MINUTE, told, {"decrypt": "no answer in 20 s", TITLES[2]: TITLES[1] * 20})


def mood() -> MarketContext:
    usd = {"market_cap": "3214567890123", "volume_24h": "98765432109.5", "tvl": "123456789012", "fees_24h": "54321098"}
    at = NOW - 7 * MINUTE
    fear = (
        Reading("fear_greed", d(20 + 9 * n), Unit.POINTS, at - (6 - n) * DAY, at + DAY, "alternative.me")
        for n in range(7)
    )
    return MarketContext(
        "context",
        at,
        (
            *fear,
            *(Reading(name, d(value), Unit.USD, at, at + HOUR, "coingecko") for name, value in usd.items()),
            Reading("market_cap_change_24h", d("-0.0213"), Unit.RATIO, at, at + HOUR, "coingecko"),
            Reading("btc_dominance", d("0.5631"), Unit.RATIO, at, at + HOUR, TITLES[1]),
            Reading("stablecoins", d("1"), Unit.USD, at - 2 * DAY, at - HOUR, "defillama"),
        ),
        {"defillama dex_volume_24h": f"answered 500 {TITLES[2]}"},
    )


def surrounded(seen: Snapshot) -> Snapshot:
    at = seen.seen_at
    depths = tuple(Depth(n, 240_000.0 * n, 180_000.0 * n + n**3, round(0.2 - n / 90, 3)) for n in (5, 10, 20, 50))
    walls = (Wall(True, 101.25, 5_400_000.0, 12.4, 0.31), Wall(False, 104.5, 7_100_000.0, 22.9, 0.42))
    liquidity = (Liquidity(10, 1_200_000.0, 900_000.0, True), Liquidity(25, 4_100_000.0, 5_200_000.0, False))
    shown = tuple(
        Excerpt(a.id, a.source, a.title, a.body, a.url, a.published_at, a.seen_at, score)
        for a, score in zip(press().articles, (7.25, 3.5, 2.0), strict=False)
    )
    return replace(
        seen, score_ratio=0.83, book=BookView(at, "binance", 102.0, 1.5, depths, liquidity, walls, 0.2, -0.1),
        flow=Flow(at, "binance", 500, 612_000.0, 420_000.0, 1_800.0, 0.593, 16.7),
        funding=FundingQuote(BTC, at, d("-0.0000731"), 8 * 3600, "BTC/USDC:USDC", "binance"),
        interest=OpenInterest(BTC, at, d("81234.5"), d("8123450000"), "BTC/USDC:USDC", "binance"),
        readings=mood().readings, news=shown, is_disputed=True,
        missing={"weekly candles": f"no answer in 20 s {TITLES[1]}", "open interest": "X" * 900},
        flags=("price disputed: 102.00 at binance, 99.10 at kraken, 2.9 % apart", f"repaired {TITLES[1]}"),
    )  # fmt: skip


async def written_into() -> Sockets:
    """Lived through, then with the archive that strangers wrote."""
    prices = [100 + 6 * sin(n / 3) for n in range(32)]
    on = world(bars(path(prices, wick=1.0)), bars(path([n / 20 for n in prices], wick=0.1), symbol=ETH))
    await live(on, MONDAY + 20 * 4 * HOUR, LAST)
    strangers = InMemoryArchive()
    seen = await on.archive.get(f"snapshot/{cycle(BTC, LAST)}", Snapshot)
    await strangers.put(f"snapshot/{cycle(BTC, LAST)}", surrounded(seen))
    said = await on.archive.get(f"reply/{cycle(BTC, LAST)}", Reply)
    await strangers.put(f"reply/{cycle(BTC, LAST)}", replace(said, text=REPLY))
    for earlier in range(1, 4):
        key = f"reply/{cycle(BTC, LAST - earlier * 4 * HOUR)}"
        await strangers.put(key, await on.archive.get(key, Reply))
    await strangers.put(f"news/news#{Timeframe.H1.floor(NOW).isoformat()}", press())
    await strangers.put(f"context/context#{Timeframe.M15.floor(NOW).isoformat()}", mood())
    on.clock.set(NOW)  # type: ignore[attr-defined]
    parts: Any = dict.fromkeys(("snapshot", "news", "context", "reply"), strangers)
    return replace(on, archive=SplitArchive(parts, on.archive))


@asynccontextmanager
async def open_house() -> AsyncIterator[str]:
    on, notifier = await written_into(), WebSocketNotifier()
    room = Open(on, Figures(on.ledger, Timeframe.H4), notifier)

    async def beats() -> None:
        while True:
            await notifier.tell(views.minute(NOW, await on.ledger.portfolio(), {BTC: d("101.5")}))
            await asyncio.sleep(1)

    async with web.served(web.site(room, notifier), web.bound(0)) as address:
        beating = asyncio.create_task(beats())
        try:
            yield address
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating
            notifier.close()


async def test_what_strangers_wrote_stays_text(browser: str) -> None:  # noqa: F811
    if not (FRONTEND / "dist" / "index.html").exists():
        pytest.skip("the dashboard is not built: make setup")
    async with open_house() as address:
        done = await asyncio.create_subprocess_exec(
            "npm", "run", "--silent", "test:foreign",
            cwd=FRONTEND, env={**os.environ, "SEMSIG_URL": address, "CHROMIUM": browser, "NO_COLOR": "1"},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(300):
            said = (await done.communicate())[0].decode()

    assert done.returncode == 0, said
    assert "passed" in said and "skipped" not in said, said
