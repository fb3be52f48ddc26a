"""A world made by hand: bars, a venue that holds them, a model that says what it is told to, every socket in memory."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from semanticsignal.adapters.candle_files import Tape
from semanticsignal.adapters.inmemory import InMemoryArchive, InMemoryLedger, InMemoryMemory, InMemoryNotifier
from semanticsignal.adapters.system_clock import SetClock
from semanticsignal.codec import dumps
from semanticsignal.domain.analysis import Phase, Regime, Snapshot, Trend
from semanticsignal.domain.decision import Action, Decision, Forecast, Prompt, Reply, Signal
from semanticsignal.domain.errors import MemoryUnavailable
from semanticsignal.domain.events import CandleClosed, Fact, MinutePassed
from semanticsignal.domain.learning import Conditions, Experience, SemanticRule
from semanticsignal.domain.ledger import Entry, Learned
from semanticsignal.domain.market import Candles, FundingRate, MarketKind, Symbol, Timeframe, TradingRules, epoch_ms
from semanticsignal.domain.policy import Settings
from semanticsignal.domain.trading import ExitReason, Position, Side
from semanticsignal.drivers.loop import Loop
from semanticsignal.ports import LanguageModel, Ledger, Sockets

BTC, ETH = Symbol("BTC", "USDC"), Symbol("ETH", "USDC")
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
H4, M1 = timedelta(hours=4), timedelta(minutes=1)
RULES = TradingRules(price_tick=Decimal("0.01"), quantity_step=Decimal("0.001"), min_notional_quote=Decimal(5))
Row = Sequence[float]
THOUGHT = (
    "DecisionMade", "EquityMarked", "EntryRefused", "RefusalJudged", "LessonLearned", "RuleFormed", "Reflected",
    "PostMortemWritten",
)  # fmt: skip


def d(text: str | int) -> Decimal:
    return Decimal(text)


def bars(
    rows: Iterable[Row], opened_at: datetime = MONDAY, timeframe: Timeframe = Timeframe.H4, symbol: Symbol = BTC
) -> Candles:
    """Each row `open, high, low, close[, volume]`, one after another from `opened_at` on."""
    full = [(*row, 100.0)[:5] for row in rows]
    first = epoch_ms(opened_at)
    opened = [first + i * timeframe.ms for i in range(len(full))]
    columns = [[float(row[i]) for row in full] for i in range(5)]
    return Candles(symbol, timeframe, "hand", opened, *columns).check()


def path(closes: Sequence[float], wick: float = 0.0) -> list[Row]:
    """Bars that run from each price to the next, with a wick beyond both ends."""
    return [(a, max(a, b) + wick, min(a, b) - wick, b) for a, b in pairwise(closes)]


def coarser(fine: Candles, timeframe: Timeframe) -> Candles:
    """The same market in longer bars."""
    size = timeframe.ms // fine.timeframe.ms
    rows = []
    for start in range(0, len(fine) - size + 1, size):
        cut = slice(start, start + size)
        rows.append(
            (
                fine.open[start],
                max(fine.high[cut]),
                min(fine.low[cut]),
                fine.close[start + size - 1],
                sum(fine.volume[cut]),
            )
        )
    opened = [fine.opened_ms[start] for start in range(0, len(fine) - size + 1, size)]
    columns = [[float(row[i]) for row in rows] for i in range(5)]
    return Candles(fine.symbol, timeframe, fine.source, opened, *columns).check()


def says(action: str = "HOLD", stop: float | None = None, target: float | None = None, **more: Any) -> str:
    """What a model answers. Confidence 70 unless told."""
    return json.dumps(
        {"action": action, "confidence": 70, "stop_price": stop, "target_price": target, "reasoning": action} | more
    )


class CycleModel:
    """Answers each cycle by its id, so that asking again is answered alike; HOLD where nothing is written."""

    def __init__(self, script: Mapping[str, str] | None = None) -> None:
        self.script = dict(script or {})
        self.prompts: list[Prompt] = []

    async def complete(self, prompt: Prompt) -> Reply:
        self.prompts.append(prompt)
        return Reply(self.script.get(prompt.id, says()), "by-cycle")


class GoneMemory:
    """A memory that does not answer."""

    def __getattr__(self, question: str) -> Any:
        async def unanswered(*_: Any, **__: Any) -> Any:
            raise MemoryUnavailable(f"nobody answers {question}")

        return unanswered


def cycle(symbol: Symbol, closed_at: datetime, timeframe: Timeframe = Timeframe.H4) -> str:
    return CandleClosed(symbol, timeframe, closed_at).id


def settings(symbols: Iterable[Symbol] = (BTC,), **overrides: Any) -> Settings:
    """Defaults that let a few bars decide; `risk__cooldown_bars=0` reaches inside."""
    made = Settings(symbols=tuple(map(str, symbols)), min_bars=1, min_completeness_ratio=0.0)
    for key, value in overrides.items():
        made = _set(made, key.split("__"), value)
    return made


def _set(noun: Any, parts: list[str], value: Any) -> Any:
    name, *rest = parts
    return replace(noun, **{name: _set(getattr(noun, name), rest, value) if rest else value})


def world(
    *candles: Candles,
    model: LanguageModel | None = None,
    funding: Iterable[FundingRate] = (),
    rules: TradingRules = RULES,
    ledger: Ledger | None = None,
    **overrides: Any,
) -> Sockets:
    """Every socket in memory over these bars, of any pairs and timeframes; the clock stands at the first open."""
    series: dict[Symbol, dict[Timeframe, Candles]] = {}
    for tape in candles:
        series.setdefault(tape.symbol, {})[tape.timeframe] = tape
    policy = settings(series, **overrides)
    paid = tuple(funding)
    tape = Tape(
        series,
        funding={symbol: tuple(r for r in paid if r.symbol == symbol) for symbol in series},
        rules=dict.fromkeys(series, rules),
    )
    return Sockets(
        settings=policy,
        clock=SetClock(min(c.candle(0).opened_at for c in candles)),
        market=tape,
        model=model or CycleModel(),
        memory=InMemoryMemory(),
        ledger=ledger or InMemoryLedger(policy.paper.start_quote),
        archive=InMemoryArchive(),
        notifier=InMemoryNotifier(is_heard=False),
    )


async def tick(on: Sockets, at: datetime) -> tuple[Fact, ...]:
    """The clock strikes: stops, orders and marks."""
    on.clock.set(at)  # type: ignore[attr-defined]
    return await Loop(on, on.ledger).run(MinutePassed(at))  # type: ignore[arg-type]


async def close(on: Sockets, closed_at: datetime, at: datetime | None = None, symbol: Symbol = BTC) -> tuple[Fact, ...]:
    """A bar closes; the cycle runs `at` that instant or later."""
    on.clock.set(at or closed_at)  # type: ignore[attr-defined]
    return await Loop(on, on.ledger).run(CandleClosed(symbol, on.settings.timeframe, closed_at))  # type: ignore[arg-type]


async def live(on: Sockets, since: datetime, until: datetime, delay: timedelta = timedelta(0)) -> None:
    """As replay does: at each boundary first the minute, then, `delay` later, the closed bar of each pair."""
    at = since
    while at <= until:
        await tick(on, at)
        for symbol in on.settings.pairs:
            await close(on, at, at + delay, symbol=symbol)
        at += on.settings.timeframe.span


async def told(on: Sockets, *kinds: str) -> list[Entry]:
    return list(await on.ledger.entries(kinds=kinds, limit=100_000))


async def subjects(on: Sockets, kind: str) -> list[Any]:
    return [entry.subject for entry in await told(on, kind)]


async def story(on: Sockets) -> list[str]:
    """The kinds of everything that happened, what was thought and marked aside."""
    return [e.kind for e in await told(on) if e.kind not in THOUGHT]


async def written(on: Sockets) -> list[bytes]:
    """The ledger as bytes, in order: two runs with the same are the same run."""
    return [b" ".join((e.id.encode(), dumps(e.fact), dumps(e.subject))) for e in await told(on)] + [
        dumps(await on.ledger.portfolio())
    ]


async def rebuilt(ledger: Ledger) -> InMemoryMemory:
    """The memory index, from what the ledger says was learned."""
    memory = InMemoryMemory()
    for entry in await ledger.entries(kinds=("LessonLearned", "RuleFormed"), limit=100_000):
        if isinstance(entry.subject, Learned):
            await memory.remember(entry.subject.experience)
        elif isinstance(entry.subject, SemanticRule):
            await memory.learn(entry.subject)
    return memory


# --- Nouns by hand --------------------------------------------------------------------------------------------------


def lived(name: str, symbol: Symbol = BTC, closed_at: datetime = MONDAY, **more: Any) -> Experience:
    """A long that reached its target: +1 %, half an R."""
    told: dict[str, Any] = {
        "id": f"{name}#experience", "trade_id": name, "symbol": symbol, "side": Side.LONG,
        "opened_at": closed_at - timedelta(days=1), "closed_at": closed_at,
        "conditions": Conditions({}, {"rsi": 50.0}), "regime": "bull trending", "confidence_ratio": 0.7, "insight": "",
        "return_ratio": 0.01, "r_multiple": 0.5, "is_win": True, "exit_reason": ExitReason.TARGET, "mae_ratio": -0.01,
        "mfe_ratio": 0.02,
    }  # fmt: skip
    return Experience(**told | more)


INDICATORS = (
    "sma_20",
    "sma_50",
    "sma_200",
    "macd",
    "macd_signal",
    "macd_histogram",
    "adx_14",
    "plus_di_14",
    "minus_di_14",
    "rsi_14",
    "change_1_ratio",
    "change_6_ratio",
    "change_42_ratio",
    "atr_14",
    "atr_ratio",
    "bb_upper",
    "bb_middle",
    "bb_lower",
    "bb_position_ratio",
    "bb_width_ratio",
    "obv_change_10_ratio",
    "volume",
    "volume_ratio",
)


def snapshot(
    price: str | Decimal = "100",
    *,
    phase: Phase = Phase.TRENDING,
    late: timedelta = timedelta(0),
    **numbers: float | None,
) -> Snapshot:
    """What was seen when Monday's first bar had closed; `numbers`: indicators, the others unknown."""
    closed_at = MONDAY + H4
    return Snapshot(
        id=cycle(BTC, closed_at),
        symbol=BTC,
        timeframe=Timeframe.H4,
        closed_at=closed_at,
        seen_at=closed_at + late,
        price=Decimal(price),
        source="hand",
        is_simulated=False,
        indicators=dict.fromkeys(INDICATORS) | {"atr_rank_ratio": None} | numbers,
        earlier=dict.fromkeys(INDICATORS),
        regime=Regime(Trend.BULL, phase, ("ADX 30.0",)),
        patterns=(),
        levels=(),
        closes=(Decimal(price),),
        bars=300,
        gaps=0,
        completeness_ratio=1.0,
    )


def signal(
    action: Action = Action.BUY,
    stop: str | None = "98",
    target: str | None = "104",
    confidence: float = 0.7,
    size: float | None = None,
) -> Signal:
    return Signal(
        action=action,
        confidence_ratio=confidence,
        reasoning="because",
        forecast=Forecast(0.5),
        stop_price=None if stop is None else Decimal(stop),
        target_price=None if target is None else Decimal(target),
        size_ratio=size,
    )


def decision(of: Signal | None = None, price: str = "100", **changes: Any) -> Decision:
    """What was decided on Monday's first bar."""
    seen = snapshot(price)
    made = Decision(
        id=seen.id,
        symbol=BTC,
        timeframe=Timeframe.H4,
        closed_at=seen.closed_at,
        decided_at=seen.seen_at,
        price=seen.price,
        action=of.action if of else Action.HOLD,
        signal=of,
        refusals=(),
        snapshot_id=seen.id,
        snapshot_sha256="",
        prompt_sha256=None,
        prompt_version=None,
        reply_sha256=None,
        model=None,
        recalled=(),
        rules=(),
        regime=str(seen.regime),
        conditions=Conditions({}, {}),
        is_simulated=False,
    )
    return replace(made, **changes)


def position(
    side: Side = Side.LONG, entry: str = "100", stop: str = "95", target: str | None = "110", **changes: Any
) -> Position:
    """Two units, opened when Monday began."""
    price = Decimal(entry)
    made = Position(
        id="one#order",
        decision_id="one",
        symbol=BTC,
        kind=MarketKind.PERP,
        side=side,
        quantity=Decimal(2),
        entry_price=price,
        entry_fee_quote=Decimal("0.15"),
        opened_at=MONDAY,
        stop_price=Decimal(stop),
        initial_stop_price=Decimal(stop),
        target_price=None if target is None else Decimal(target),
        stop_from=MONDAY,
        checked_until=MONDAY,
        funded_until=MONDAY,
        highest_price=price,
        lowest_price=price,
        mark_price=price,
    )
    return replace(made, **changes)


def every_number(noun: Any) -> Iterable[Any]:
    """Each leaf of a noun, however deep."""
    if is_dataclass(noun) and not isinstance(noun, type):
        for field in fields(noun):
            yield from every_number(getattr(noun, field.name))
    elif isinstance(noun, Mapping):
        for item in noun.values():
            yield from every_number(item)
    elif isinstance(noun, (list, tuple)):
        for item in noun:
            yield from every_number(item)
    else:
        yield noun
