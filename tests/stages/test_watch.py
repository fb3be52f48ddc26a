"""Ticks late, missed, doubled or out of order find what a tick every minute finds, and nothing else."""

import asyncio
import random
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from world import (
    BTC,
    ETH,
    H4,
    M1,
    MONDAY,
    CycleModel,
    bars,
    close,
    coarser,
    cycle,
    d,
    path,
    says,
    story,
    subjects,
    tick,
    told,
    world,
    written,
)

from semanticsignal.domain.errors import MarketUnavailable
from semanticsignal.domain.events import MinutePassed
from semanticsignal.domain.market import FundingRate, MarketKind, Symbol, Timeframe
from semanticsignal.domain.trading import ExitReason
from semanticsignal.ports import Sockets
from semanticsignal.stages.watch import watch

HALF = timedelta(minutes=30)
LENGTH = 12
DELAY = timedelta(seconds=45)


def walk(dice: random.Random, start: float) -> list[float]:
    """A price each minute, in steps of a tenth."""
    prices = [start]
    for _ in range(LENGTH * 30):
        prices.append(round(max(start / 2, prices[-1] + dice.choice((-0.2, -0.1, 0.0, 0.1, 0.2))), 2))
    return prices


def market(seed: int, candles_at: set[int]) -> Sockets:
    """Two perpetuals in minutes and half hours, decisions at some of the boundaries, funding every hour and a half."""
    dice = random.Random(seed)
    tapes, script, funding = [], {}, []
    for symbol, start in ((BTC, 100.0), (ETH, 50.0)):
        prices = walk(dice, start)
        fine = bars(path(prices), timeframe=Timeframe.M1, symbol=symbol)
        tapes += [fine, coarser(fine, Timeframe.M30)]
        for number in sorted(candles_at):
            now, near, far = prices[number * 30], dice.choice((0.5, 1.0)), dice.choice((0.8, 2.0))
            reply = dice.choice(
                (
                    says("BUY", now - near, now + far),
                    says("SELL", now + near, now - far),
                    says("UPDATE", now - 0.4, now + 1),
                    says("UPDATE", now + 0.4, now - 1),
                    says("CLOSE"),
                    says("BUY", now - near, now + far),
                )
            )
            script[cycle(symbol, MONDAY + number * HALF, Timeframe.M30)] = reply
        funding += [FundingRate(symbol, MONDAY + 3 * n * HALF, Decimal("0.0001")) for n in range(1, 5)]
    return world(
        *tapes,
        model=CycleModel(script),
        funding=funding,
        timeframe=Timeframe.M30,
        market_kind=MarketKind.PERP,
        risk__cooldown_bars=0,
        risk__min_confidence_ratio=0.1,
        risk__tighten_progress_ratio=0.0,
        risk__min_reward_risk=0.1,
        risk__min_reward_risk_chop=0.1,
        memory__reflect_every=2,
        memory__min_losses=1,
        memory__min_wins=1,
    )


async def run(on: Sockets, ticks: Iterable[datetime], candles_at: set[int]) -> Sockets:
    """Each tick at its time; a bar's decision follows its boundary's tick by 45 seconds, so that its order waits."""
    events = sorted(
        {(at, 0) for at in ticks}
        | {(MONDAY + n * HALF, 0) for n in candles_at}
        | {(MONDAY + n * HALF + DELAY, n) for n in candles_at}
    )
    for at, number in events:
        if number:
            for symbol in (BTC, ETH):
                await close(on, MONDAY + number * HALF, at=at, symbol=symbol)
        else:
            await tick(on, at)
    return on


async def happened(on: Sockets) -> list[bytes]:
    """All but the post-mortems, which tell when they were written, and the place in the ledger of a reflection."""
    lines = [line for line in await written(on) if not line.startswith(b"PostMortemWritten")]
    return sorted(re.sub(rb'"through":\d+', b"", line) for line in lines)


END = MONDAY + LENGTH * HALF


@given(
    seed=st.integers(0, 2**32),
    candles_at=st.sets(st.integers(1, LENGTH - 1), min_size=4, max_size=9),
    seconds=st.lists(st.integers(30 * 60, LENGTH * 30 * 60 - 1), max_size=12),
)
@profile(max_examples=40)
async def test_random_ticks_equal_a_tick_every_minute(seed: int, candles_at: set[int], seconds: list[int]) -> None:
    first = min(candles_at)
    minutes = [MONDAY + first * HALF + n * M1 for n in range((LENGTH - first) * 30 + 1)]
    late = [at for s in seconds if (at := MONDAY + timedelta(seconds=s)) >= minutes[0]]

    steady = await run(market(seed, candles_at), minutes, candles_at)
    ragged = await run(market(seed, candles_at), [*late, END], candles_at)

    assert await happened(ragged) == await happened(steady)
    assert [e.id for e in await told(ragged, "PositionClosed")] == [e.id for e in await told(steady, "PositionClosed")]


async def test_the_property_above_is_about_stops_targets_closes_and_updates() -> None:
    everything = set(range(1, LENGTH))

    kinds: set[str] = set()
    for seed in range(3):
        on = await run(market(seed, everything), [END], everything)
        kinds |= set(await story(on)) | {trade.trade.exit_reason for trade in await subjects(on, "PositionClosed")}

    assert kinds >= {"OrderPlaced", "PositionOpened", "PositionUpdated", "PositionClosed", "stop", "target", "signal"}


async def test_ticks_doubled_and_out_of_order_change_nothing() -> None:
    candles_at = {1, 3, 5, 7, 9}
    steady = await run(market(3, candles_at), [END], candles_at)
    expected = await written(steady)

    for at in (END, END - 7 * M1, END - 90 * M1, END):
        await tick(steady, at)

    assert await written(steady) == expected


async def test_marks_missed_are_made_up_each_at_its_own_boundary() -> None:
    on = world(bars(path([100, 101, 102, 103, 104, 105])))
    await tick(on, MONDAY + timedelta(hours=4))

    await tick(on, MONDAY + timedelta(hours=17))

    assert [point.at.hour for point in await subjects(on, "EquityMarked")] == [4, 8, 12, 16]


async def test_funding_is_paid_by_who_holds_at_the_instant_on_the_price_of_that_instant() -> None:
    """Bought at 04:00, so that settlement is not ours; those of 08:00 and 16:00 are; closed at 16:00 after paying."""
    rates = [FundingRate(BTC, MONDAY + timedelta(hours=h), d("0.001")) for h in (4, 8, 16)]
    script = {
        cycle(BTC, MONDAY + timedelta(hours=4)): says("BUY", 95, 120, size_ratio=0.1),
        cycle(BTC, MONDAY + timedelta(hours=16)): says("CLOSE"),
    }
    on = world(
        bars(path([100, 100, 102, 104, 106, 106])),
        model=CycleModel(script),
        funding=rates,
        market_kind=MarketKind.PERP,
        paper__slippage_bps=d(0),
        paper__fee_ratio=d(0),
    )

    for hour in (4, 8, 12, 16):
        await tick(on, MONDAY + timedelta(hours=hour))
        await close(on, MONDAY + timedelta(hours=hour))

    (closing,) = await subjects(on, "PositionClosed")
    # 10 units: 0.001 of 10 × 102, the price at 08:00, and of 10 × 106, the price at 16:00
    assert closing.trade.quantity == d(10)
    assert closing.trade.funding_quote == d("1.02") + d("1.06")
    # bought at 100, sold at 106
    assert closing.trade.gross_pnl_quote == d(60)
    assert closing.trade.realized_pnl_quote == d("57.92")


async def test_a_short_is_paid_what_a_long_pays() -> None:
    rates = [FundingRate(BTC, MONDAY + timedelta(hours=8), d("0.001"))]
    script = {cycle(BTC, MONDAY + timedelta(hours=4)): says("SELL", 105, 80, size_ratio=0.1)}
    on = world(
        bars(path([100, 100, 98, 96])),
        model=CycleModel(script),
        funding=rates,
        market_kind=MarketKind.PERP,
        paper__slippage_bps=d(0),
    )

    for hour in (4, 8):
        await tick(on, MONDAY + timedelta(hours=hour))
        await close(on, MONDAY + timedelta(hours=hour))

    portfolio = await on.ledger.portfolio()
    assert portfolio.positions[0].funding_quote == d("-0.98")
    # 10,000 + 0.98 of funding − 0.75 of fee + 10 × 2 of price
    assert portfolio.equity_quote == d("10020.23")


async def test_equity_is_marked_at_every_bar_and_the_peak_is_the_highest_mark() -> None:
    script = {cycle(BTC, MONDAY + timedelta(hours=4)): says("BUY", 95, 130, size_ratio=0.1)}
    on = world(
        bars(path([100, 100, 110, 104])), model=CycleModel(script), paper__slippage_bps=d(0), paper__fee_ratio=d(0)
    )

    for hour in (4, 8, 12):
        await tick(on, MONDAY + timedelta(hours=hour))
        await close(on, MONDAY + timedelta(hours=hour))

    assert [point.equity_quote for point in await subjects(on, "EquityMarked")] == [d(10_000), d(10_100), d(10_040)]
    assert (await on.ledger.portfolio()).peak_equity_quote == d(10_100)


@pytest.mark.parametrize("holds", [True, False])
async def test_a_bar_that_is_wild_stops_nobody_until_the_next_confirms_it(holds: bool) -> None:
    """One minute prints 40 for a price of 100; then it is 40 indeed, or it is 100 as before."""
    after = 40.0 if holds else 100.0
    rows = [(100.0, 100.0, 100.0, 100.0)] * 250 + [(100.0, 100.0, 40.0, 40.0)] + [(after, after, after, after)] * 229
    fine = bars(rows, timeframe=Timeframe.M1)
    script = {cycle(BTC, MONDAY + timedelta(hours=4)): says("BUY", 98, 104)}
    on = world(fine, coarser(fine, Timeframe.H4), model=CycleModel(script))
    await tick(on, MONDAY + timedelta(hours=4))
    await close(on, MONDAY + timedelta(hours=4))

    await tick(on, MONDAY + timedelta(hours=4, minutes=30))

    closings = await subjects(on, "PositionClosed")
    assert len(closings) == holds
    if holds:
        # at the open of the confirming minute, 40 less two basis points: 39.992, down to the tick
        assert closings[0].trade.exit_reason is ExitReason.STOP
        assert closings[0].trade.exit_price == d("39.99")
        assert closings[0].trade.closed_at == MONDAY + timedelta(hours=4, minutes=11)


# --- Silent pairs -----------------------------------------------------------------------------------------------------


class Moody:
    """The venue, but for what is asked of some of its pairs."""

    def __init__(self, market: Any, **answers: Any) -> None:
        self._market, self._answers = market, answers

    @property
    def is_simulated(self) -> bool:
        return False

    @property
    def sources(self) -> tuple[str, ...]:
        return ("hand",)

    def __getattr__(self, question: str) -> Any:
        async def asked(symbol: Symbol, *given: Any, **more: Any) -> Any:
            if question in self._answers:
                await self._answers[question](symbol)
            return await getattr(self._market, question)(symbol, *given, **more)

        return asked


async def held(*symbols: Symbol) -> Sockets:
    """Perpetuals bought at 100 with a stop at 95; from the second bar on they trade at 90."""
    script = {cycle(symbol, MONDAY + H4): says("BUY", 95, 120) for symbol in symbols}
    tapes = [bars(path([100, 100, 100, 90, 90, 90]), symbol=symbol) for symbol in symbols]
    on = world(*tapes, model=CycleModel(script), market_kind=MarketKind.PERP, risk__exposure_cap_ratio=Decimal(1))
    await tick(on, MONDAY + H4)
    for symbol in symbols:
        await close(on, MONDAY + H4, symbol=symbol)
    await tick(on, MONDAY + 2 * H4)
    assert len((await on.ledger.portfolio()).positions) == len(symbols)
    return on


async def test_one_pairs_funding_that_fails_holds_up_no_stop_of_another() -> None:
    on = await held(BTC, ETH)

    async def fails(symbol: Symbol) -> None:
        if symbol == BTC:
            raise MarketUnavailable("funding is nonsense")

    away = replace(on, market=Moody(on.market, funding=fails))
    for at in (3, 4, 5):
        away.clock.set(MONDAY + at * H4)  # type: ignore[attr-defined]
        with pytest.raises(MarketUnavailable, match="BTC/USDC cannot be watched: funding is nonsense"):
            await watch(MinutePassed(MONDAY + at * H4), away)

    assert [trade.trade.symbol for trade in await subjects(on, "PositionClosed")] == [ETH]
    on.clock.set(MONDAY + 5 * H4)  # type: ignore[attr-defined]
    await watch(MinutePassed(MONDAY + 5 * H4), on)
    assert {trade.trade.symbol for trade in await subjects(on, "PositionClosed")} == {BTC, ETH}


async def test_all_pairs_are_asked_at_once_so_many_that_hang_cost_one_patience() -> None:
    symbols = [Symbol(name, "USDC") for name in ("AA", "BB", "CC", "DD", "EE", "ZZ")]
    on = await held(*symbols)
    asked: set[Symbol] = set()
    everybody = asyncio.Event()

    async def waits(symbol: Symbol) -> None:
        """Nobody is answered before all have asked."""
        asked.add(symbol)
        if asked == set(symbols):
            everybody.set()
        await everybody.wait()

    away = replace(on, market=Moody(on.market, fine_candles=waits))
    away.clock.set(MONDAY + 3 * H4)  # type: ignore[attr-defined]
    await watch(MinutePassed(MONDAY + 3 * H4), away)

    assert {trade.trade.symbol for trade in await subjects(on, "PositionClosed")} == set(symbols)


class Hanging:
    """A memory that takes every question and answers none."""

    async def count(self, **_: Any) -> int:
        await asyncio.Event().wait()
        return 0


async def test_a_memory_that_never_answers_stops_no_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("semanticsignal.stages.watch"), "COUNTED_WITHIN_S", 0.05)
    on = replace(await held(BTC), memory=Hanging())
    on.clock.set(MONDAY + 3 * H4)  # type: ignore[attr-defined]

    await asyncio.wait_for(watch(MinutePassed(MONDAY + 3 * H4), on), 5)

    assert {trade.trade.symbol for trade in await subjects(on, "PositionClosed")} == {BTC}


async def test_a_pair_has_the_time_of_three_answers_and_then_it_is_silent() -> None:
    on = await held(BTC)

    async def hangs(_: Symbol) -> None:
        await asyncio.Event().wait()

    collect = replace(on.settings.collect, timeout_s=0.01)
    away = replace(on, market=Moody(on.market, fine_candles=hangs), settings=replace(on.settings, collect=collect))
    away.clock.set(MONDAY + 3 * H4)  # type: ignore[attr-defined]

    with pytest.raises(MarketUnavailable, match=r"no answer in 0\.03 s"):
        await watch(MinutePassed(MONDAY + 3 * H4), away)
