"""What the page is told of the press, the whole market, and of what a decision saw beyond its bars."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from drivers.test_web import House
from starlette.types import ASGIApp
from world import BTC, MONDAY, bars, close, cycle, d, path, world

from semanticsignal.adapters.folder import FolderArchive
from semanticsignal.adapters.inmemory import InMemoryArchive
from semanticsignal.adapters.websocket import WebSocketNotifier
from semanticsignal.domain.analysis import BookView, Depth, Flow, Liquidity, Snapshot, Wall
from semanticsignal.domain.context import MarketContext, Reading, Unit
from semanticsignal.domain.errors import ArchiveUnavailable
from semanticsignal.domain.market import Timeframe
from semanticsignal.domain.microstructure import FundingQuote, OpenInterest
from semanticsignal.domain.news import Article, Excerpt, News
from semanticsignal.drivers import aws_api, web
from semanticsignal.drivers.aws_api import CloudRoom
from semanticsignal.drivers.figures import Figures
from semanticsignal.ports import Sockets

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NOW = MONDAY + 8 * HOUR + 12 * MINUTE
NOBODY: Any = None


def sockets(archive: Any = None) -> Sockets:
    on = world(bars(path([100, 101, 102])))
    on.clock.set(NOW)  # type: ignore[attr-defined]
    return replace(on, archive=archive) if archive else on


def at_home(on: Sockets) -> ASGIApp:
    notifier = WebSocketNotifier()
    return web.site(House(on, Figures(on.ledger, Timeframe.H4), notifier), notifier)


def in_the_cloud(on: Sockets) -> ASGIApp:
    return aws_api.site(CloudRoom(on, NOBODY, NOBODY))


Site = Callable[[Sockets], ASGIApp]
both = pytest.mark.parametrize("site", [at_home, in_the_cloud])


@asynccontextmanager
async def asking(on: Sockets, site: Site = at_home) -> AsyncIterator[Callable[..., Any]]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(site(on)), base_url="http://127.0.0.1") as client:

        async def ask(path: str, status: int = 200) -> Any:
            answer = await client.get(path)
            assert answer.status_code == status, answer.text
            return answer.json()

        yield ask


def article(number: int = 1, **change: Any) -> Article:
    told = Article(
        f"a{number}", "coindesk", f"Title {number}", "Lead.\nMore.", f"https://news.example/{number}",
        NOW - number * MINUTE, NOW - number * MINUTE + MINUTE,
    )  # fmt: skip
    return replace(told, **change)


async def keep_news(on: Sockets, articles: Iterable[Article], at: datetime = NOW, **silent: str) -> None:
    id = f"news#{Timeframe.H1.floor(at).isoformat()}"
    await on.archive.put(f"news/{id}", News(id, at, tuple(articles), silent))


def reading(name: str, value: str, at: datetime = NOW - MINUTE, lasts: timedelta = HOUR) -> Reading:
    return Reading(name, d(value), Unit.USD, at, at + lasts, "coingecko")


async def keep_context(on: Sockets, readings: Iterable[Reading], at: datetime = NOW, **silent: str) -> None:
    id = f"context#{Timeframe.M15.floor(at).isoformat()}"
    await on.archive.put(f"context/{id}", MarketContext(id, at, tuple(readings), silent))


async def decided(on: Sockets, **change: Any) -> tuple[str, Sockets]:
    """A decision, and an archive in which its snapshot saw all of this."""
    closed_at = MONDAY + 8 * HOUR
    await close(on, closed_at)
    id, archive = cycle(BTC, closed_at), InMemoryArchive()
    await archive.put(f"snapshot/{id}", replace(await on.archive.get(f"snapshot/{id}", Snapshot), **change))
    on.clock.set(NOW)  # type: ignore[attr-defined]
    return id, replace(on, archive=archive)


@both
async def test_an_empty_home_knows_nothing_and_says_so_without_a_single_zero(site: Site) -> None:
    async with asking(sockets(), site) as ask:
        assert await ask("/api/news") == {"gathered_at": None, "articles": [], "silent": []}
        assert await ask("/api/context") == {"gathered_at": None, "readings": [], "silent": []}
        assert (await ask("/api/snapshots/BTC%2FUSDC%234h", 404))["detail"].startswith("no such decision")


@both
async def test_news_without_context_is_told_newest_first(site: Site) -> None:
    on = sockets()
    await keep_news(on, [article(3), article(1), article(2)], decrypt="no answer in 20 s")
    async with asking(on, site) as ask:
        told = await ask("/api/news")
        two = await ask("/api/news?limit=2")

        assert (await ask("/api/context"))["gathered_at"] is None
    assert [one["id"] for one in told["articles"]] == ["a1", "a2", "a3"]
    assert [one["id"] for one in two["articles"]] == ["a1", "a2"]
    assert told["silent"] == [{"name": "decrypt", "why": "no answer in 20 s"}]
    first = told["articles"][0]
    assert (first["text"], first["url"], first["source"]) == ("Lead. More.", "https://news.example/1", "coindesk")
    assert datetime.fromisoformat(first["seen_at"]) == NOW


async def test_context_without_news_tells_each_figure_with_its_past() -> None:
    on = sockets()
    days = [
        reading("fear_greed", str(40 + day), NOW - (3 - day) * timedelta(days=1), 2 * 24 * HOUR) for day in range(3)
    ]
    await keep_context(on, [*days, reading("market_cap", "3210000000000.5")], coingecko="429")
    async with asking(on) as ask:
        told = await ask("/api/context")

        assert (await ask("/api/news"))["articles"] == []
    fear, cap = told["readings"]
    assert (fear["name"], fear["value"], [p["value"] for p in fear["history"]]) == (
        "fear_greed",
        "42",
        ["40", "41", "42"],
    )
    assert (cap["value"], cap["unit"], cap["source"]) == ("3210000000000.5", "usd", "coingecko")
    assert told["silent"] == [{"name": "coingecko", "why": "429"}]


async def test_a_figure_that_is_too_old_has_no_value_and_one_of_the_future_is_not_told() -> None:
    on = sockets()
    old = reading("tvl", "1", NOW - 2 * HOUR, HOUR)
    await keep_context(on, [old, reading("fees_24h", "2", NOW + MINUTE)])
    async with asking(on) as ask:
        (told,) = (await ask("/api/context"))["readings"]

    assert (told["name"], told["value"], told["history"]) == ("tvl", None, [])
    assert datetime.fromisoformat(told["stale_at"]) == NOW - HOUR


async def test_the_newest_that_was_kept_counts_for_as_long_as_articles_and_figures_do() -> None:
    on = sockets()
    await keep_news(on, [article(1)], NOW - 24 * HOUR)
    await keep_context(on, [reading("tvl", "1")], NOW - HOUR)
    async with asking(on) as ask:
        news, context = await ask("/api/news"), await ask("/api/context")
    later = sockets()
    await keep_news(later, [article(1)], NOW - 26 * HOUR)
    async with asking(later) as ask:
        forgotten = await ask("/api/news")

    assert (len(news["articles"]), len(context["readings"])) == (1, 1)
    assert forgotten["gathered_at"] is None


async def test_a_newer_gathering_takes_the_place_of_an_older_one() -> None:
    on = sockets()
    await keep_news(on, [article(1)], NOW - 3 * HOUR)
    await keep_news(on, [article(2)], NOW - HOUR)
    async with asking(on) as ask:
        assert [one["id"] for one in (await ask("/api/news"))["articles"]] == ["a2"]


HOSTILE = "<script>alert(1)</script> \u202e\u2066drow\u2069\x00\x1b[31m\n[a](javascript:alert(1))\U000e0041 "


async def test_hostile_text_stays_text_of_one_bounded_line() -> None:
    on = sockets()
    bad = article(1, title=HOSTILE + "x" * 5000, source=HOSTILE, body=HOSTILE * 50)
    await keep_news(on, [bad], NOW, **{f"evil {HOSTILE}": HOSTILE * 40})
    async with asking(on) as ask:
        told = await ask("/api/news")

    (one,), (silent,) = told["articles"], told["silent"]
    assert one["title"].startswith("<script>alert(1)</script> drow[31m [a](javascript:alert(1))")
    assert [len(one["title"]) <= 300, len(one["text"]) <= 280, len(one["source"]) <= 60] == [True] * 3
    assert len(silent["why"]) <= 300
    for text in (one["title"], one["text"], one["source"], silent["name"], silent["why"]):
        assert not set(text) & set("\u202e\u2066\u2069\x00\x1b\n\U000e0041")


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,<script>", "//evil.example", "ftp://evil.example",
        "", "https://", "https://you@evil.example/", "https://[", "https://a.example/\n", "https://a.example/ b", " https://a",
    ],
)  # fmt: skip
async def test_what_is_no_address_of_the_web_is_none(url: str) -> None:
    on = sockets()
    await keep_news(on, [article(1, url=url)])
    async with asking(on) as ask:
        assert (await ask("/api/news"))["articles"][0]["url"] is None


def spoiled(archive: FolderArchive, key: str, content: bytes = b"not gzip") -> None:
    path = archive._path(key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


async def test_a_damaged_item_is_passed_over_for_the_one_before_it(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path)
    on = sockets(archive)
    await keep_news(on, [article(1)], NOW - HOUR)
    spoiled(archive, f"news/news#{Timeframe.H1.floor(NOW).isoformat()}")
    async with asking(on) as ask:
        assert [one["id"] for one in (await ask("/api/news"))["articles"]] == ["a1"]


async def test_nothing_but_a_damaged_item_is_said_to_be_that(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path)
    on = sockets(archive)
    spoiled(archive, f"context/context#{Timeframe.M15.floor(NOW).isoformat()}")
    async with asking(on) as ask:
        assert "a damaged file" in (await ask("/api/context", 503))["detail"]


async def test_what_is_no_such_noun_is_no_fault_of_whoever_asks(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path)
    on = sockets(archive)
    await archive.put(f"context/context#{Timeframe.M15.floor(NOW).isoformat()}", article())
    async with asking(on) as ask:
        assert "not a MarketContext" in (await ask("/api/context", 503))["detail"]


async def test_an_archive_that_does_not_answer_is_not_asked_for_each_hour_of_a_day() -> None:
    class Gone:
        asked = 0

        async def get(self, key: str, kind: type) -> Any:
            self.asked += 1
            raise ArchiveUnavailable("the bucket does not answer")

    gone = Gone()
    async with asking(sockets(gone)) as ask:
        assert (await ask("/api/news", 503))["detail"] == "the bucket does not answer"
    assert gone.asked < 12


async def test_a_decision_tells_what_it_saw_of_book_trades_perpetual_press_and_mood() -> None:
    at = MONDAY + 8 * HOUR
    book = BookView(
        at,
        "binance",
        102.0,
        1.5,
        (Depth(5, 10.0, 5.0, 0.33),),
        (Liquidity(10, 20.0, 10.0, True),),
        (Wall(True, 101.0, 9.0, 98.0, 0.4),),
    )
    excerpt = Excerpt("a1", "coindesk", HOSTILE, "Lead.", "javascript:alert(1)", at, at, 3.5)
    id, on = await decided(
        sockets(),
        score_ratio=0.8,
        book=book,
        flow=Flow(at, "binance", 2, 6.0, 4.0, 60.0, 0.6, 2.0),
        funding=FundingQuote(BTC, at, d("0.0001"), 8 * 3600, "BTC/USDC:USDC", "binance"),
        interest=OpenInterest(BTC, at, None, d("1000"), "BTC/USDC:USDC", "binance"),
        readings=(reading("tvl", "7", at - MINUTE),),
        news=(excerpt,),
        missing={"weekly candles": "no answer in 20 s"},
        flags=("price disputed: 102 here, 99 at kraken",),
        is_disputed=True,
    )
    async with asking(on) as ask:
        told = await ask(f"/api/snapshots/{quote(id, safe='')}")

    seen = told["snapshot"]
    assert told["decision_id"] == seen["id"] == id
    assert (seen["symbol"], seen["score_ratio"], seen["is_disputed"]) == ("BTC/USDC", 0.8, True)
    assert (seen["book"]["spread_bps"], seen["book"]["depths"][0]["imbalance_ratio"]) == (1.5, 0.33)
    assert (seen["flow"]["buy_ratio"], seen["interest"]["quantity"], seen["interest"]["notional_quote"]) == (
        0.6,
        None,
        "1000",
    )
    assert (seen["funding"]["rate_ratio"], seen["funding"]["annualized_ratio"]) == ("0.0001", "0.1095")
    assert seen["missing"] == [{"name": "weekly candles", "why": "no answer in 20 s"}]
    assert seen["flags"] == ["price disputed: 102 here, 99 at kraken"]
    assert (seen["news"][0]["url"], seen["news"][0]["score"]) == (None, 3.5)
    assert [(one["name"], one["value"]) for one in seen["readings"]] == [("tvl", "7")]
    assert "prompt" not in str(told)


async def test_what_a_decision_did_not_see_is_null() -> None:
    id, on = await decided(sockets(), book=None, flow=None, funding=None, interest=None, readings=(), news=())
    async with asking(on) as ask:
        seen = (await ask(f"/api/snapshots/{quote(id, safe='')}"))["snapshot"]

    assert [seen[part] for part in ("book", "flow", "funding", "interest")] == [None] * 4
    assert (seen["readings"], seen["news"]) == ([], [])


async def test_a_snapshot_that_the_archive_no_longer_has_is_null(tmp_path: Path) -> None:
    id, on = await decided(sockets())
    async with asking(replace(on, archive=FolderArchive(tmp_path))) as ask:
        told = await ask(f"/api/snapshots/{quote(id, safe='')}")

    assert (told["decision_id"], told["snapshot"]) == (id, None)
    # The decision itself keeps how the market was, in words.
    assert {"name": "trend", "word": "neutral"} in told["conditions"]


@pytest.mark.parametrize("limit", ["0", "201", "x"])
async def test_no_more_articles_are_told_than_are_kept(limit: str) -> None:
    async with asking(sockets()) as ask:
        await ask(f"/api/news?limit={limit}", 422)
