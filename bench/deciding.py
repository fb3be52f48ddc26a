"""What a decision costs on our side, when the model answers at once from a process of its own; how long a prompt is."""

import asyncio
import socket
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn

from bench.analysing import complete
from bench.measures import ROOT, TERMS, Figure, lived, precedents, reflected, timed
from semanticsignal import wiring
from semanticsignal.adapters.candle_files import Tape
from semanticsignal.adapters.inmemory import InMemoryArchive, InMemoryMemory, InMemoryNotifier
from semanticsignal.adapters.sqlite import SqliteLedger, SqlitePurse
from semanticsignal.adapters.system_clock import SetClock
from semanticsignal.domain.analysis import Snapshot
from semanticsignal.domain.collected import Around, Market
from semanticsignal.domain.context import Reading, Unit
from semanticsignal.domain.decision import Action, Briefing, Decision, Forecast, Mismatch, Refusal, Signal
from semanticsignal.domain.events import DecisionMade, MarketAnalysed, MarketCollected
from semanticsignal.domain.learning import End, Hindsight, PostMortem, RefusedEntry, RuleStatus
from semanticsignal.domain.ledger import Entry
from semanticsignal.domain.market import MarketKind
from semanticsignal.domain.microstructure import FundingQuote, OpenInterest, OrderBook, PublicTrade, PublicTrades
from semanticsignal.domain.news import Excerpt
from semanticsignal.domain.policy import Budget, Model, OpenRouter, Settings
from semanticsignal.domain.tokens import tokens
from semanticsignal.domain.trading import Record, Side
from semanticsignal.logic.analyse.conditions import conditions
from semanticsignal.logic.analyse.snapshot import snapshot
from semanticsignal.logic.decide.prompt import prompt, sections, system
from semanticsignal.logic.execute.position import empty
from semanticsignal.ports import Sockets
from semanticsignal.simulate import model as simulated
from semanticsignal.stages.analyse import analyse
from semanticsignal.stages.decide import STATED, decide, worth

# Of a prompt as long as it comes: a dozen rules that hold at a time.
DECISIONS, MOST_RULES = 60, 12
WORDS = "Bitcoin rose as exchange traded funds took in more money than in any week since spring, analysts said. "


def surrounded() -> Market:
    """BTC with everything that can be known around its bars."""
    seen = complete()
    at, pair, price = seen.collected_at, seen.symbol, Decimal(30_000)
    rungs = [(Decimal(n) / 10, Decimal(n % 7 + 1) / 4) for n in range(1, 51)]
    book = OrderBook(
        pair, at, tuple((price - off, size) for off, size in rungs), tuple((price + off, size) for off, size in rungs),
        "bench",
    )  # fmt: skip
    trades = PublicTrades(
        pair, at, tuple(
            PublicTrade(at - timedelta(seconds=500 - n), price, Decimal(1), n % 3 > 0) for n in range(500)
        ), "bench",
    )  # fmt: skip
    figures = (
        ("market_cap", Unit.USD, 7), ("market_cap_change_24h", Unit.RATIO, 1), ("volume_24h", Unit.USD, 7),
        ("btc_dominance", Unit.RATIO, 1), ("eth_dominance", Unit.RATIO, 1), ("tvl", Unit.USD, 7),
        ("stablecoins", Unit.USD, 7), ("dex_volume_24h", Unit.USD, 7), ("fees_24h", Unit.USD, 5),
    )  # fmt: skip
    readings = [
        Reading(name, Decimal(10) ** size, unit, at, at + timedelta(hours=1), "bench") for name, unit, size in figures
    ]
    readings += [
        Reading("fear_greed", Decimal(40 + n), Unit.POINTS, at - timedelta(days=6 - n), at + timedelta(days=2), "bench")
        for n in range(7)
    ]
    news = tuple(
        Excerpt(f"n{n}", "coindesk", "Bitcoin rises " * 4, WORDS * 20, "https://example.org", at, at, 5.0)
        for n in range(5)
    )
    around = replace(
        seen.around, book=book, trades=trades, readings=tuple(readings), news=news,
        funding=FundingQuote(pair, at, Decimal("0.0001"), 28_800, "BTC/USDT:USDT", "bench"),
        interest=OpenInterest(pair, at, Decimal(80_000), Decimal(2_400_000_000), "BTC/USDT:USDT", "bench"),
    )  # fmt: skip
    assert isinstance(around, Around)
    return replace(seen, id="bench#4h#1", around=around)


def briefed(seen: Snapshot) -> Briefing:
    """With all that an account has lived through, as long as it comes: no section is empty."""
    wanted = Signal(
        Action.BUY, 0.6, "why " * 200, Forecast(0.5, 0.5), Decimal(29_000), Decimal(33_000), invalidation="x " * 99
    )
    last = Decision(
        id="last", symbol=seen.symbol, timeframe=seen.timeframe, closed_at=seen.closed_at - seen.timeframe.span,
        decided_at=seen.seen_at, price=seen.price, action=Action.HOLD, signal=wanted,
        refusals=(Refusal("reward_risk", "needs 1.5 in a trending market, was 1.2"),), snapshot_id="last",
        snapshot_sha256="", prompt_sha256="", prompt_version="", reply_sha256="", model="", recalled=(), rules=(),
        regime="bull trending", conditions=conditions(seen), is_simulated=True,
        mismatches=tuple(Mismatch(f"sma_{n}", 1.0, 2.0) for n in range(10)),
    )  # fmt: skip
    trades, reflection = lived(300), None
    for began in range(0, len(trades), 10):
        reflection = reflected(reflection, trades[began : began + 10], began)
    assert reflection and reflection.rules
    # as if they had held, and more like them had
    held = [replace(reflection.rules[n % len(reflection.rules)], status=RuleStatus.ACTIVE) for n in range(MOST_RULES)]
    refused = RefusedEntry(
        "refused", seen.symbol, seen.timeframe, Side.LONG, seen.seen_at - timedelta(days=3), seen.price,
        seen.price * 97 / 100, seen.price * 106 / 100, 0.6, ("reward_risk", "confidence"), conditions(seen),
        "bull trending",
    )  # fmt: skip
    hindsights = [
        (Hindsight(replace(refused, id=f"refused{n}"), seen.seen_at, End.STOP, 9, -0.03, -1.0), 0.9) for n in range(10)
    ]
    words = ("verdict " * 9, "expected " * 12, "actual " * 14, "lesson " * 14)
    reviews = [PostMortem(f"p{n}", f"t{n}", seen.symbol, seen.seen_at, *words, "m") for n in range(6)]
    record = Record(50, 21, Decimal("-12.5"), 0.9, Decimal("-0.25"), -0.05)
    return Briefing(
        seen, empty(Decimal(10_000)), MarketKind.SPOT, Decimal("0.01"), recalled=precedents(5), stored=200,
        rules=tuple(held), last=last, record=record, conditions=conditions(seen), neighbors=precedents(10),
        refused=tuple(hindsights), post_mortems=tuple(reviews), reflection=reflection,
    )  # fmt: skip


def serve() -> None:
    """The rules analyst behind chat completions on a free port; tells the port, then serves until it is ended."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", flush=True)
    config = uvicorn.Config(simulated.app(), log_config=None, lifespan="off", ws="none")
    asyncio.run(uvicorn.Server(config).serve([listener]))


def _sockets(url: str, home: Path, seen: Market, *, can_see: bool) -> tuple[Sockets, SqliteLedger, SqlitePurse]:
    """A model with a price, so that its purse is asked, and ledger and purse on the disk."""
    settings = replace(
        Settings(), symbols=("BTC/USDC",), model=Model(provider="openrouter", has_chart=can_see),
        openrouter=OpenRouter(base_url=url, fallback_model=""), budget=Budget(day_usd=Decimal(1000)),
    )  # fmt: skip
    ledger = SqliteLedger(home / "ledger.db", settings.paper.start_quote)
    purse = SqlitePurse(home / "purse.db")
    on = Sockets(
        settings=settings,
        clock=SetClock(seen.collected_at),
        market=Tape({seen.symbol: {seen.timeframe: seen.candles}}, rules={seen.symbol: TERMS}),
        model=wiring.model(settings, secret=lambda name: "a key", spending=purse),
        memory=InMemoryMemory(),
        ledger=ledger,
        archive=InMemoryArchive(),
        notifier=InMemoryNotifier(is_heard=False),
    )
    return on, ledger, purse


async def _decided(url: str, *, can_see: bool) -> tuple[list[float], list[float]]:
    """CPU of this process, ms a decision: of the stages `analyse` (which draws the chart) and `decide`."""
    seen, analysed, decided = surrounded(), [], []
    with TemporaryDirectory() as home:
        on, ledger, purse = _sockets(url, Path(home), seen, can_see=can_see)
        for lesson in lived(200):
            await on.memory.remember(lesson)
        for number in range(DECISIONS + 1):
            one = replace(seen, id=f"BTC/USDC#4h#{number}")
            collected = MarketCollected(one.id, one.symbol, one.timeframe, one.candles.closed_at)
            await on.archive.put(f"market/{one.id}", one)
            began = time.process_time()
            (told,) = await analyse(collected, on)
            between = time.process_time()
            assert isinstance(told, MarketAnalysed)
            await decide(told, on)
            analysed.append((between - began) * 1e3)
            decided.append((time.process_time() - between) * 1e3)
        (newest,) = await on.ledger.entries(kinds=("DecisionMade",), limit=1)
        assert isinstance(newest.subject, Decision) and newest.subject.attempts[-1].usage.cost_usd
        await on.model.close()
        ledger.close()
        purse.close()
    return analysed[1:], decided[1:]


async def _worth() -> list[float]:
    """CPU, ms: what a model's word is worth, of 1,500 decisions in a ledger that was opened just now."""
    seen, spent = surrounded(), []
    now = snapshot(seen, seen.collected_at)
    last = briefed(now).last
    assert last is not None
    with TemporaryDirectory() as home:
        path = Path(home) / "ledger.db"
        ledger = SqliteLedger(path, Decimal(10_000), is_durable=False)
        for number in range(STATED):
            at = seen.collected_at - number * now.timeframe.span
            made = replace(last, id=f"d{number}", closed_at=at, decided_at=at, model="m")
            await ledger.record(Entry(DecisionMade(made.id, made.symbol, at), made))
        ledger.close()
        for _ in range(5):
            ledger = SqliteLedger(path, Decimal(10_000), is_durable=False)
            on = Sockets(*[None] * 5, ledger, *[None] * 2)  # type: ignore[arg-type]
            began = time.process_time()
            found = await worth(now, "m", on)
            spent.append((time.process_time() - began) * 1e3)
            assert found is not None
            ledger.close()
    return spent


def deciding() -> list[Figure]:
    market = surrounded()
    seen = snapshot(market, market.collected_at)
    briefing, settings = briefed(seen), Settings()
    words = prompt(briefing, settings)
    told = sections(briefing, replace(settings, model=Model(prompt_tokens=200_000)))
    whole = tokens(words.system + words.user)
    fixed = tokens(system("trader_v4", settings.risk, settings.memory))
    line = [sys.executable, "-c", "from bench.deciding import serve; serve()"]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        url = server.stdout.readline().strip()
        try:
            (analysed, blind), (drawn, seeing) = (asyncio.run(_decided(url, can_see=sees)) for sees in (False, True))
        finally:
            server.terminate()
    return [
        Figure("deciding, our side, model that answers at once", "ms CPU", blind, "<= 50"),
        Figure("deciding with a chart to send", "ms CPU", seeing, "<= 50"),
        Figure("analysing before it", "ms CPU", analysed),
        Figure("analysing and drawing the chart before it", "ms CPU", drawn),
        Figure("what a word is worth, of 1500 decisions never read before", "ms CPU", asyncio.run(_worth())),
        Figure("prompt with all there is, built", "ms", timed(lambda: prompt(briefing, settings), 50), "<= 5"),
        Figure("prompt with all there is, estimated", "tokens", [float(whole)], "<= 9000"),
        Figure("of it the standing words", "tokens", [float(fixed)]),
        *(Figure(f"of it: {section.name}", "tokens", [float(section.tokens)]) for section in told),
    ]
