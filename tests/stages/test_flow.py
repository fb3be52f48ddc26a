"""One candle, one retry, one look ahead: facts in, facts out."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from world import (
    BTC,
    ETH,
    H4,
    M1,
    MONDAY,
    CycleModel,
    GoneMemory,
    bars,
    close,
    coarser,
    cycle,
    d,
    live,
    path,
    says,
    story,
    subjects,
    tick,
    told,
    world,
    written,
)

from semanticsignal.adapters.inmemory import ScriptedModel
from semanticsignal.domain.asking import Attempt, Fault, Usage
from semanticsignal.domain.decision import Action, Prompt, Refusal, Reply
from semanticsignal.domain.errors import BadInput, MarketUnavailable, ModelUnavailable
from semanticsignal.domain.events import AnalysisRequested, CandleClosed, DecisionMade, MarketAnalysed, MarketCollected
from semanticsignal.domain.learning import Conditions, Experience, RuleKind, RuleStatus, SemanticRule
from semanticsignal.domain.ledger import Learned
from semanticsignal.domain.market import Candles, Symbol, Timeframe
from semanticsignal.domain.trading import ExitReason, Side
from semanticsignal.drivers.loop import Loop
from semanticsignal.ports import Sockets
from semanticsignal.stages import STAGES
from semanticsignal.stages.analyse import analyse
from semanticsignal.stages.collect import collect
from semanticsignal.stages.decide import decide
from semanticsignal.stages.execute import execute
from semanticsignal.stages.watch import watch

FLAT = path([100] * 13, wick=0.5)
BUY = {cycle(BTC, MONDAY + H4): says("BUY", 98, 104)}


def minutes(closes: list[float], symbol: Symbol = BTC) -> list[Candles]:
    """A market in minutes and in four hours."""
    fine = bars(path(closes), timeframe=Timeframe.M1, symbol=symbol)
    return [fine, coarser(fine, Timeframe.H4)]


async def test_a_candle_becomes_a_decision_an_order_and_a_position() -> None:
    on = world(bars(FLAT), model=CycleModel(BUY))
    await tick(on, MONDAY + H4)

    facts = await close(on, MONDAY + H4)

    assert [type(fact).__name__ for fact in facts] == [
        "CandleClosed",
        "MarketCollected",
        "MarketAnalysed",
        "DecisionMade",
        "OrderPlaced",
        "PositionOpened",
    ]
    portfolio = await on.ledger.portfolio()
    assert [p.side for p in portfolio.positions] == [Side.LONG]
    assert portfolio.orders == ()


async def test_the_same_candle_twice_trades_once() -> None:
    on = world(bars(FLAT), model=CycleModel(BUY))
    await tick(on, MONDAY + H4)
    await close(on, MONDAY + H4)
    once = await written(on)

    await close(on, MONDAY + H4)

    assert await written(on) == once
    assert await story(on) == ["OrderPlaced", "PositionOpened"]


async def test_every_fact_told_a_second_time_changes_nothing() -> None:
    on = world(bars(path([100, 100, 100, 103, 105, 105, 105])), model=CycleModel(BUY))
    await tick(on, MONDAY + H4)
    facts = list(await close(on, MONDAY + H4))
    facts += await tick(on, MONDAY + 5 * H4)
    once = await written(on)
    loop = Loop(on, on.ledger)  # type: ignore[arg-type]

    for fact in facts:
        await loop.run(fact)
    for fact in reversed(facts):
        await loop.run(fact)

    assert "PositionClosed" in await story(on)
    assert await written(on) == once


async def test_a_retry_tells_the_first_answer_again_even_if_the_model_changed_its_mind() -> None:
    model = ScriptedModel(says("BUY", 98, 104), says("HOLD"), says("HOLD"))
    on = world(bars(FLAT), model=model)
    await close(on, MONDAY + H4)
    fact = MarketAnalysed(cycle(BTC, MONDAY + H4), BTC, Timeframe.H4, MONDAY + H4)

    again = await decide(fact, on)

    assert again == (DecisionMade(fact.id, BTC, MONDAY + H4),)
    assert [made.action for made in await subjects(on, "DecisionMade")] == [Action.BUY]
    assert len(model.prompts) == 1


async def test_a_decision_lost_before_the_ledger_is_made_again_from_the_kept_reply() -> None:
    model = ScriptedModel(says("BUY", 98, 104), says("HOLD"))
    on = world(bars(FLAT), model=model)
    await close(on, MONDAY + H4)
    empty = world(bars(FLAT), model=model)

    await close(replace(empty, archive=on.archive), MONDAY + H4)

    assert await written(empty) == await written(on)
    assert len(model.prompts) == 1


async def test_no_model_means_hold_with_the_reason() -> None:
    on = world(bars(FLAT), model=ScriptedModel())

    await close(on, MONDAY + H4)

    (made,) = await subjects(on, "DecisionMade")
    assert made.action is Action.HOLD
    assert made.signal is None
    assert [refusal.guard for refusal in made.refusals] == ["model"]


@pytest.mark.parametrize("text", ["I would rather not.", '{"action": "BUY", "confidence": 70}', "{" * 3000, "\ud83d"])
async def test_an_unreadable_reply_means_hold_with_the_reason(text: str) -> None:
    on = world(bars(FLAT), model=ScriptedModel(text))

    await close(on, MONDAY + H4)

    (made,) = await subjects(on, "DecisionMade")
    assert made.action is Action.HOLD
    assert [refusal.guard for refusal in made.refusals] == ["reply"]


async def test_too_few_bars_ask_nobody() -> None:
    model = CycleModel(BUY)
    on = world(bars(FLAT), model=model, min_bars=2)

    await close(on, MONDAY + H4)

    (made,) = await subjects(on, "DecisionMade")
    assert [refusal.guard for refusal in made.refusals] == ["completeness"]
    assert model.prompts == []


async def test_a_bar_that_is_not_published_yet_is_asked_for_again() -> None:
    on = world(bars(FLAT))

    with pytest.raises(MarketUnavailable, match="not published"):
        await close(on, MONDAY + 20 * H4)

    assert await told(on) == []


class SlowModel(CycleModel):
    """Takes its time: the market's clock has moved on when it answers."""

    clock: Any

    def __init__(self, script: Mapping[str, str], takes: list[timedelta]) -> None:
        super().__init__(script)
        self.takes = takes

    async def complete(self, prompt: Prompt) -> Reply:
        self.clock.set(self.clock.now() + self.takes.pop(0))
        return await super().complete(prompt)


async def test_a_candle_told_long_after_its_close_is_not_decided_on_and_that_is_recorded() -> None:
    on = world(bars(FLAT), model=CycleModel(BUY))

    for _ in range(2):
        await close(on, MONDAY + H4, at=MONDAY + H4 + timedelta(hours=1, seconds=1))

    (missed,) = await told(on)
    late = Refusal("late", "not collected within 3600 s of the close, was 3601 s")
    assert (missed.id, missed.subject) == (f"CandleMissed:{cycle(BTC, MONDAY + H4)}", late)


async def test_a_candle_told_once_more_after_it_was_decided_on_is_not_missed() -> None:
    on = world(bars(FLAT), model=CycleModel())
    await close(on, MONDAY + H4)

    await close(on, MONDAY + H4, at=MONDAY + 2 * H4)

    assert [entry.kind for entry in await told(on)] == ["DecisionMade"]


async def test_a_candle_collected_in_time_is_not_missed_while_it_waits_for_its_decision() -> None:
    on = world(bars(FLAT), model=CycleModel())
    on.clock.set(MONDAY + H4)  # type: ignore[attr-defined]
    told_in_time = CandleClosed(BTC, Timeframe.H4, MONDAY + H4)
    await collect(told_in_time, on)

    on.clock.set(MONDAY + 2 * H4)  # type: ignore[attr-defined]

    assert await collect(told_in_time, on) == () and await told(on) == []


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (AnalysisRequested(ETH, Timeframe.H4, MONDAY + H4), "ETH/USDC is not traded here, only BTC/USDC"),
        (AnalysisRequested(BTC, Timeframe.M1, MONDAY + H4), "bars of 4h are traded here, was 1m"),
        (AnalysisRequested(BTC, Timeframe.H4, MONDAY + 3 * H4), "asked for now, was 2026-01-05T12:00"),
        (CandleClosed(ETH, Timeframe.H4, MONDAY + H4), "ETH/USDC is not traded here"),
    ],
)
async def test_whoever_speaks_on_the_bus_does_not_choose_what_is_traded(fact: Any, words: str) -> None:
    on = world(bars(FLAT), model=CycleModel(BUY))
    on.clock.set(MONDAY + H4)  # type: ignore[attr-defined]

    with pytest.raises(BadInput, match=words):
        await collect(fact, on)


class Unhurried:
    """A ledger far away: each answer takes some turns of the loop, so that two runs truly go side by side."""

    def __init__(self, ledger: Any, seed: int) -> None:
        self._ledger, self._dice = ledger, random.Random(seed)

    def __getattr__(self, question: str) -> Any:
        async def asked(*given: Any, **more: Any) -> Any:
            for _ in range(self._dice.randint(0, 6)):
                await asyncio.sleep(0)
            answer = await getattr(self._ledger, question)(*given, **more)
            for _ in range(self._dice.randint(0, 6)):
                await asyncio.sleep(0)
            return answer

        return asked


@pytest.mark.parametrize("seed", range(40))
async def test_one_decision_executed_twice_at_once_is_one_trade(seed: int) -> None:
    on = world(bars(path([100] * 4, wick=0.5)), model=CycleModel(BUY))
    on.clock.set(MONDAY + H4)  # type: ignore[attr-defined]
    await collect(CandleClosed(BTC, Timeframe.H4, MONDAY + H4), on)
    id = cycle(BTC, MONDAY + H4)
    await analyse(MarketCollected(id, BTC, Timeframe.H4, MONDAY + H4), on)
    (made,) = await decide(MarketAnalysed(id, BTC, Timeframe.H4, MONDAY + H4), on)

    away = replace(on, ledger=Unhurried(on.ledger, seed))
    await asyncio.gather(*(execute(made, away) for _ in range(3)))  # type: ignore[arg-type]

    assert await story(on) == ["OrderPlaced", "PositionOpened"]
    assert len((await on.ledger.portfolio()).positions) == 1


async def test_without_memory_trading_goes_on_and_says_so() -> None:
    known = world(bars(path([100, 100, 100, 103, 105])), model=CycleModel(BUY))
    on = replace(known, memory=GoneMemory())

    await tick(on, MONDAY + H4)
    await close(on, MONDAY + H4)
    await tick(on, MONDAY + 4 * H4)

    (made,) = await subjects(on, "DecisionMade")
    assert made.notes == ("decided without memory: it did not answer",)
    assert "verdict: unknown, memory does not answer now" in on.model.prompts[0].user  # type: ignore[attr-defined]
    assert await story(on) == ["OrderPlaced", "PositionOpened", "PositionClosed"]


async def test_memory_that_comes_back_learns_what_it_missed() -> None:
    on = world(bars(path([100, 100, 100, 103, 105, 105])), model=CycleModel(BUY))
    away = replace(on, memory=GoneMemory())
    await tick(away, MONDAY + H4)
    await close(away, MONDAY + H4)
    await tick(away, MONDAY + 4 * H4)

    await tick(on, MONDAY + 5 * H4)

    assert [type(entry.subject) for entry in await told(on, "LessonLearned")] == [Learned]
    assert await on.memory.count(until=MONDAY + 5 * H4) == 1


async def test_a_rule_not_yet_or_no_longer_agreed_upon_is_neither_shown_nor_named() -> None:
    on = world(bars(FLAT), model=CycleModel(BUY))
    for status in RuleStatus:
        rule = SemanticRule(f"r {status}", f"long {status}", RuleKind.AVOID, status, "it lost", 1, 3, -0.1, MONDAY, ())
        await on.memory.learn(rule)

    await close(on, MONDAY + H4)

    (made,) = await subjects(on, "DecisionMade")
    assert set(made.rules) == {"r active", "r probation"}
    words = on.model.prompts[0].user  # type: ignore[attr-defined]
    assert "long retired" not in words and "long candidate" not in words


async def test_a_decision_long_after_the_close_opens_nothing_but_still_closes() -> None:
    script = BUY | {cycle(BTC, MONDAY + 2 * H4): says("BUY", 98, 104), cycle(BTC, MONDAY + 3 * H4): says("CLOSE")}
    hour = timedelta(hours=1)
    slow = SlowModel(script, [hour + timedelta(seconds=1), timedelta(0), 3 * hour])
    on = world(bars(FLAT), model=slow, risk__cooldown_bars=0)
    slow.clock = on.clock

    await close(on, MONDAY + H4)
    late = await story(on)
    await close(on, MONDAY + 2 * H4)
    await close(on, MONDAY + 3 * H4)

    assert late == []
    assert [made.action for made in await subjects(on, "DecisionMade")] == [Action.HOLD, Action.BUY, Action.CLOSE]


async def test_an_analysis_between_candles_decides_on_the_last_closed_bar() -> None:
    on = world(bars(FLAT))
    on.clock.set(MONDAY + H4 + timedelta(hours=1))  # type: ignore[attr-defined]

    await Loop(on, on.ledger).run(AnalysisRequested(BTC, Timeframe.H4, MONDAY + H4 + timedelta(hours=1)))  # type: ignore[arg-type]

    (made,) = await subjects(on, "DecisionMade")
    assert (made.closed_at, made.is_forced) == (MONDAY + H4, True)


# --- The order waits for the first price after the decision ---------------------------------------------------------


async def test_an_order_fills_at_the_first_price_after_the_decision() -> None:
    on = world(*minutes([100] * 242 + [101] * 239), model=CycleModel(BUY))

    await close(on, MONDAY + H4, at=MONDAY + H4 + timedelta(seconds=30))
    waiting = await story(on)
    await tick(on, MONDAY + H4 + 5 * M1)

    assert waiting == ["OrderPlaced"]
    (opened,) = await subjects(on, "PositionOpened")
    assert opened.fill.filled_at == MONDAY + H4 + M1
    # the minute of 04:01 opens at 100; two basis points on top make 100.02, on the tick
    assert opened.fill.price == d("100.02")


async def test_an_order_that_meets_no_price_expires_and_nothing_is_bought() -> None:
    on = world(bars([*FLAT[:1]]), model=CycleModel(BUY))
    await close(on, MONDAY + H4, at=MONDAY + H4 + timedelta(seconds=30))

    await tick(on, MONDAY + H4 + timedelta(minutes=59))
    before = await story(on)
    # a quarter of four hours after 04:00:30
    await tick(on, MONDAY + H4 + timedelta(minutes=60, seconds=30))

    assert before == ["OrderPlaced"]
    (expiry,) = await subjects(on, "OrderExpired")
    assert expiry.refusal.guard == "no_price"
    portfolio = await on.ledger.portfolio()
    assert (portfolio.orders, portfolio.positions) == ((), ())
    assert portfolio.account.balance_quote == d(10_000)


async def test_a_decision_carried_out_after_its_time_was_accounted_for_opens_nothing() -> None:
    """Whoever was to carry it out stood still for hours; a price of then would still be there."""
    on = world(bars(FLAT[:4]), model=CycleModel(BUY))
    without = tuple(stage for stage in STAGES if stage.name != "execute")
    on.clock.set(MONDAY + H4)  # type: ignore[attr-defined]
    told = await Loop(on, on.ledger, without).run(CandleClosed(BTC, Timeframe.H4, MONDAY + H4))  # type: ignore[arg-type]
    await tick(on, MONDAY + 2 * H4)

    await Loop(on, on.ledger).run(next(fact for fact in told if isinstance(fact, DecisionMade)))  # type: ignore[arg-type]

    (expiry,) = await subjects(on, "OrderExpired")
    assert (expiry.refusal.guard, await subjects(on, "PositionOpened")) == ("late", [])


async def test_a_first_price_beyond_the_target_is_not_bought() -> None:
    on = world(bars([(100, 100, 100, 100), (105, 106, 104, 105)]), model=CycleModel(BUY))

    await close(on, MONDAY + H4)

    (expiry,) = await subjects(on, "OrderExpired")
    assert expiry.refusal.guard == "gapped"


async def test_a_first_price_outside_the_band_is_not_believed() -> None:
    on = world(
        bars([(100, 100, 100, 100), (151, 151, 151, 151)]),
        model=CycleModel({cycle(BTC, MONDAY + H4): says("BUY", 98, 200)}),
    )

    await close(on, MONDAY + H4)

    (expiry,) = await subjects(on, "OrderExpired")
    assert expiry.refusal.guard == "price_band"


async def test_two_orders_that_wait_together_stay_under_the_exposure_cap() -> None:
    script = BUY | {cycle(ETH, MONDAY + H4): says("BUY", 98, 104)}
    on = world(
        *minutes([100] * 481),
        *minutes([100] * 481, ETH),
        model=CycleModel(script),
        risk__position_cap_ratio=d("0.4"),
        risk__exposure_cap_ratio=d("0.5"),
        risk__per_trade_ratio=d(1),
        risk__min_stop_ratio=0.0,
    )
    on = replace(on, model=CycleModel({key: says("BUY", 98, 104, size_ratio=0.4) for key in script}))

    for symbol in (BTC, ETH):
        await close(on, MONDAY + H4, at=MONDAY + H4 + timedelta(seconds=30), symbol=symbol)
    await tick(on, MONDAY + H4 + 5 * M1)

    portfolio = await on.ledger.portfolio()
    # half of 10,000, and what slipping two basis points may add to it
    assert d(4_990) <= portfolio.exposure_quote <= d(5_001)


async def test_a_close_order_comes_before_a_stop_of_the_same_bar() -> None:
    script = BUY | {cycle(BTC, MONDAY + 2 * H4): says("CLOSE")}
    falling = bars([(100, 100, 100, 100), (100, 101, 99, 100), (99.5, 99.5, 90, 91), (91, 91, 91, 91)])
    on = world(falling, model=CycleModel(script))

    await live(on, MONDAY + H4, MONDAY + 3 * H4)

    (closing,) = await subjects(on, "PositionClosed")
    assert closing.trade.exit_reason is ExitReason.SIGNAL
    assert closing.trade.closed_at == MONDAY + 2 * H4
    # 99.5 less two basis points is 99.4801, down to the tick
    assert closing.trade.exit_price == d("99.48")
    assert closing.trade.close_decision_id == cycle(BTC, MONDAY + 2 * H4)


async def test_a_stop_before_the_close_order_fills_comes_first_and_the_order_falls_away() -> None:
    script = BUY | {cycle(BTC, MONDAY + 2 * H4): says("CLOSE")}
    walk = [100.0] * 481 + [97.0] * 240
    on = world(*minutes(walk), model=CycleModel(script))
    await close(on, MONDAY + H4)

    # decided half way through the minute of 08:00, in which the price falls through 98; the order waits for 08:01
    await tick(on, MONDAY + 2 * H4)
    await close(on, MONDAY + 2 * H4, at=MONDAY + 2 * H4 + timedelta(seconds=30))
    await tick(on, MONDAY + 2 * H4 + 10 * M1)

    (closing,) = await subjects(on, "PositionClosed")
    assert closing.trade.exit_reason is ExitReason.STOP
    assert closing.trade.close_decision_id is None
    assert (await on.ledger.portfolio()).orders == ()


# --- Nobody sees the future -----------------------------------------------------------------------------------------


async def lived(tail: list[float], rest: float) -> Sockets:
    """Six bars in common; the seventh opens as before, and from then on each market goes its own way."""
    script = BUY | {cycle(BTC, MONDAY + 3 * H4): says("UPDATE", 99), cycle(BTC, MONDAY + 6 * H4): says("CLOSE")}
    past = path([100, 100, 101, 102, 101.5, 102, 102.5])
    after = [(102.5, max(102.5, *tail), min(102.5, *tail), tail[-1]), *path([tail[-1], rest, rest])]
    on = world(bars([*past, *after]), model=CycleModel(script), risk__tighten_progress_ratio=0.0)
    await live(on, MONDAY + H4, MONDAY + 6 * H4)
    return on


async def test_no_stage_sees_a_candle_that_has_not_closed() -> None:
    up = await lived([110.0, 120.0], 130.0)
    down = await lived([90.0, 80.0], 70.0)

    assert await story(up) == ["OrderPlaced", "PositionOpened", "PositionUpdated", "OrderPlaced", "PositionClosed"]
    assert await written(up) == await written(down)


def experience(name: str, closed_at: object, *, is_win: bool = False) -> Experience:
    return Experience(
        id=name,
        trade_id=name,
        symbol=BTC,
        side=Side.LONG,
        opened_at=MONDAY,
        closed_at=closed_at,  # type: ignore[arg-type]
        conditions=Conditions({}, {"rsi": 70.0}),
        regime="bull trending",
        confidence_ratio=0.7,
        insight="",
        return_ratio=-0.1,
        r_multiple=-1.0,
        is_win=is_win,
        exit_reason=ExitReason.STOP,
        mae_ratio=-0.1,
        mfe_ratio=0.0,
    )


async def test_no_decision_recalls_what_had_not_happened_yet() -> None:
    plain, haunted, warned = (world(bars(FLAT), model=CycleModel(BUY)) for _ in range(3))
    later = MONDAY + H4 + timedelta(microseconds=1)
    for number in range(5):
        await haunted.memory.remember(experience(f"future {number}", later))
        await warned.memory.remember(experience(f"past {number}", MONDAY + H4))
    await haunted.memory.learn(
        SemanticRule("r", "p", RuleKind.AVOID, RuleStatus.ACTIVE, "no", 0, 5, -0.1, later, ("a",))
    )

    for on in (plain, haunted, warned):
        await close(on, MONDAY + H4)

    assert await written(haunted) == await written(plain)
    # the same five, had they ended by then, are recalled and cost ten points
    (made,) = await subjects(warned, "DecisionMade")
    assert len(made.recalled) == 5
    assert made.signal.confidence_ratio == pytest.approx(0.6)


# --- Levels that move -----------------------------------------------------------------------------------------------


async def asked_now(on: Sockets, at: object) -> None:
    on.clock.set(at)  # type: ignore[attr-defined]
    await Loop(on, on.ledger).run(AnalysisRequested(BTC, Timeframe.H4, at))  # type: ignore[arg-type]


def forced(at: object) -> str:
    return AnalysisRequested(BTC, Timeframe.H4, at).id  # type: ignore[arg-type]


async def test_a_stop_moved_twice_within_a_bar_is_touched_by_no_older_minute() -> None:
    """Bought at 100 with a stop of 95; at 106 when the next bar closes. Then it dips to 103 for five minutes and is
    back at 106 when the stop follows to 104, and half an hour later to 105: nothing has traded there since."""
    half, later = MONDAY + 2 * H4 + timedelta(minutes=30), MONDAY + 2 * H4 + timedelta(minutes=60)
    script = {
        cycle(BTC, MONDAY + H4): says("BUY", 95, 120),
        forced(half): says("UPDATE", 104),
        forced(later): says("UPDATE", 105),
    }
    walk = [100.0] * 242 + [106.0] * 243 + [103.0] * 5 + [106.0] * 231
    on = world(*minutes(walk), model=CycleModel(script), risk__tighten_progress_ratio=0.0)
    await live(on, MONDAY + H4, MONDAY + 2 * H4)

    await asked_now(on, half)
    once = await story(on)
    await asked_now(on, later)
    await tick(on, later + 10 * M1)

    assert once == ["OrderPlaced", "PositionOpened", "PositionUpdated"]
    assert await story(on) == [*once, "PositionUpdated"]
    (held,) = (await on.ledger.portfolio()).positions
    assert held.stop_price == d(105)


async def test_the_old_stop_guards_the_minutes_before_a_move_that_is_looked_at_later() -> None:
    """The stop of 98 was traded in the 31st minute; the move to 99 comes in the 40th, and nobody looked in between."""
    later = MONDAY + H4 + timedelta(minutes=40)
    script = BUY | {forced(later): says("UPDATE", 99)}
    walk = [100.0] * 270 + [97.5] * 2 + [101.0] * 209
    on = world(*minutes(walk), model=CycleModel(script), risk__tighten_progress_ratio=0.0)
    await close(on, MONDAY + H4)

    await asked_now(on, later)
    await tick(on, later + 5 * M1)

    (closing,) = await subjects(on, "PositionClosed")
    assert closing.trade.stop_price in (d(98), d(99))
    # the minute that opened at 100 and fell to 97.5 stops it at 98, less two basis points: 97.9804, down to the tick
    assert closing.trade.exit_price == d("97.98")


# --- A print that is no market --------------------------------------------------------------------------------------


async def test_a_wild_print_at_the_bar_boundary_moves_neither_equity_nor_its_peak() -> None:
    """The last minute of the bar prints 1,000 for a price of 100, and the next one is back."""
    rows = [(100.0, 100.0, 100.0, 100.0)] * 720
    rows[479] = (100.0, 1000.0, 100.0, 1000.0)
    fine = bars(rows, timeframe=Timeframe.M1)
    script = {cycle(BTC, MONDAY + H4): says("BUY", 98, 104)}
    on = world(fine, coarser(fine, Timeframe.H4), model=CycleModel(script))
    await tick(on, MONDAY + H4)
    await close(on, MONDAY + H4)

    await tick(on, MONDAY + 2 * H4)

    portfolio = await on.ledger.portfolio()
    assert portfolio.positions[0].mark_price == d(100)
    assert portfolio.peak_equity_quote == Decimal(10_000)
    assert portfolio.positions[0].highest_price < d(101)


# --- Somebody always learns -----------------------------------------------------------------------------------------


class SilentFor:
    """The same venue, that does not answer for one pair while `is_silent`."""

    def __init__(self, market: object, symbol: Symbol) -> None:
        self._market, self._symbol, self.is_silent = market, symbol, False
        self.asked = 0

    def __getattr__(self, name: str) -> object:
        asked = getattr(self._market, name)
        if not self.is_silent or name not in ("fine_candles", "first_open"):
            return asked

        async def answer(symbol: Symbol, **bounds: object) -> object:
            if symbol == self._symbol:
                self.asked += 1
                raise MarketUnavailable(f"{symbol} is silent")
            return await asked(symbol, **bounds)

        return answer


async def test_a_silent_pair_keeps_nobody_else_from_being_stopped() -> None:
    script = {cycle(s, MONDAY + H4): says("BUY", 98, 104) for s in (BTC, ETH)}
    crash = path([100, 100, 97, 97])
    on = world(bars(crash), bars(crash, symbol=ETH), model=CycleModel(script))
    silent = SilentFor(on.market, ETH)
    on = replace(on, market=silent)  # type: ignore[arg-type]
    await live(on, MONDAY + H4, MONDAY + H4)
    silent.is_silent = True

    with pytest.raises(MarketUnavailable):
        await tick(on, MONDAY + 2 * H4)

    assert [entry.symbol for entry in (await on.ledger.portfolio()).positions] == [ETH]
    assert (await on.ledger.portfolio()).marked_until == MONDAY + H4


async def test_a_pair_that_stays_silent_keeps_nobody_from_being_stopped_later() -> None:
    """Silent over two boundaries, and nothing marked since: the others are still looked at up to now."""
    script = {cycle(s, MONDAY + H4): says("BUY", 98, 104) for s in (BTC, ETH)}
    late_crash = path([100, 100, 100, 100, 97, 97])
    on = world(bars(late_crash), bars(late_crash, symbol=ETH), model=CycleModel(script))
    silent = SilentFor(on.market, ETH)
    on = replace(on, market=silent)  # type: ignore[arg-type]
    await live(on, MONDAY + H4, MONDAY + H4)
    silent.is_silent = True

    for bar in (2, 3, 4, 5):
        with pytest.raises(MarketUnavailable, match="ETH/USDC cannot be watched"):
            await tick(on, MONDAY + bar * H4)

    assert [entry.symbol for entry in (await on.ledger.portfolio()).positions] == [ETH]
    # once a tick, however many boundaries wait for it
    assert silent.asked == 4
    silent.is_silent = False
    await tick(on, MONDAY + 5 * H4)
    assert (await on.ledger.portfolio()).positions == ()


async def test_a_silent_pair_keeps_no_other_from_deciding() -> None:
    script = {cycle(ETH, MONDAY + H4): says("BUY", 98, 104), cycle(BTC, MONDAY + 2 * H4): says("BUY", 98, 104)}
    on = world(bars(FLAT), bars(FLAT, symbol=ETH), model=CycleModel(script))
    silent = SilentFor(on.market, ETH)
    on = replace(on, market=silent)  # type: ignore[arg-type]
    await live(on, MONDAY + H4, MONDAY + H4)
    silent.is_silent = True

    await close(on, MONDAY + 2 * H4, symbol=BTC)

    assert {entry.symbol for entry in (await on.ledger.portfolio()).positions} == {BTC, ETH}


class LateBy:
    """The same venue, that publishes its newest bar only after a while."""

    def __init__(self, market: object, late: timedelta) -> None:
        self._market, self._late = market, late

    def __getattr__(self, name: str) -> object:
        asked = getattr(self._market, name)
        if name != "fine_candles":
            return asked

        async def answer(symbol: Symbol, *, since: object, until: object) -> object:
            return await asked(symbol, since=since, until=until - self._late)  # type: ignore[operator]

        return answer


async def test_a_bar_that_is_published_late_is_still_held_against_the_stop() -> None:
    on = world(bars(path([100, 100, 97, 99, 99])), model=CycleModel(BUY))
    on = replace(on, market=LateBy(on.market, timedelta(seconds=2)))  # type: ignore[arg-type]
    await live(on, MONDAY + H4, MONDAY + H4)

    for moment in (MONDAY + 2 * H4, MONDAY + 2 * H4 + M1):
        await tick(on, moment)

    (closing,) = await subjects(on, "PositionClosed")
    assert closing.trade.exit_reason is ExitReason.STOP
    assert closing.trade.closed_at == MONDAY + 2 * H4 - timedelta(milliseconds=1)


async def test_a_trade_whose_telling_was_lost_is_learned_from_even_after_a_newer_one() -> None:
    """BTC is stopped while ETH is silent, so nobody hears of it; then ETH is closed and learned from."""
    script = {cycle(s, MONDAY + H4): says("BUY", 98, 104) for s in (BTC, ETH)} | {
        cycle(ETH, MONDAY + 2 * H4): says("CLOSE")
    }
    on = world(
        bars(path([100, 100, 97, 97, 97])), bars(path([100, 100, 101, 101, 101]), symbol=ETH), model=CycleModel(script)
    )
    silent = SilentFor(on.market, ETH)
    on = replace(on, market=silent)  # type: ignore[arg-type]
    await live(on, MONDAY + H4, MONDAY + H4)
    silent.is_silent = True
    with pytest.raises(MarketUnavailable):
        await tick(on, MONDAY + 2 * H4)
    silent.is_silent = False

    await close(on, MONDAY + 2 * H4, symbol=ETH)
    await tick(on, MONDAY + 3 * H4)

    closed = {entry.fact.id for entry in await told(on, "PositionClosed")}
    assert len(closed) == 2
    assert {entry.fact.id for entry in await told(on, "LessonLearned")} == closed


async def test_a_hold_places_no_order() -> None:
    on = world(bars(FLAT))
    await close(on, MONDAY + H4)

    facts = await execute(DecisionMade(cycle(BTC, MONDAY + H4), BTC, MONDAY + H4), on)

    assert facts == ()
    assert await story(on) == []


async def test_a_minute_with_nothing_open_only_marks_the_boundary() -> None:
    on = world(bars(FLAT))

    between = await tick(on, MONDAY + H4 + M1)
    boundary = await tick(on, MONDAY + 2 * H4)

    assert [type(fact).__name__ for fact in between] == ["MinutePassed", "EquityMarked"]
    assert [type(fact).__name__ for fact in boundary] == ["MinutePassed", "EquityMarked"]
    assert [point.equity_quote for point in await subjects(on, "EquityMarked")] == [d(10_000), d(10_000)]
    assert (await watch(boundary[0], on)) == ()  # type: ignore[arg-type]


async def test_every_attempt_and_what_was_misstated_stand_in_the_decision() -> None:
    at = MONDAY + H4
    attempts = (
        Attempt("google", "m1", at, 0.5, Usage(10, 2, 1, Decimal("0.001")), Fault.RATE_LIMIT, "busy"),
        Attempt("openrouter", "m2", at, 1.5, Usage(10, 2)),
    )

    class Told:
        async def complete(self, prompt: Prompt) -> Reply:
            return Reply(says("HOLD", figures=[{"name": "rsi_14", "value": 1.0}]), "m2", attempts=attempts)

    on = world(bars(path([100 + n % 3 for n in range(42)])), model=Told(), risk__stale_ratio=100)
    await close(on, MONDAY + 39 * H4)

    (decision,) = await subjects(on, "DecisionMade")
    assert decision.attempts == attempts
    assert [(one.name, one.stated) for one in decision.mismatches] == [("rsi_14", 1.0)]
    await close(on, MONDAY + 40 * H4)
    prompt = await on.archive.get(f"prompt/{cycle(BTC, MONDAY + 40 * H4)}", Prompt)
    assert "misstated: rsi_14 as 1, it was " in prompt.user


async def test_attempts_that_brought_nothing_stand_in_the_decision_too() -> None:
    failed = (Attempt("google", "m1", MONDAY, 0.5, Usage(), Fault.AUTH, "no"),)

    class Gone:
        async def complete(self, prompt: Prompt) -> Reply:
            raise ModelUnavailable("none of 1 models answered: 1. no", Fault.AUTH, attempts=failed)

    on = world(bars(FLAT), model=Gone())
    await close(on, MONDAY + H4)

    (decision,) = await subjects(on, "DecisionMade")
    assert (decision.action, decision.attempts) == (Action.HOLD, failed)
    assert decision.refusals == (Refusal("model", "none of 1 models answered: 1. no"),)


@pytest.mark.parametrize("answer", [ModelUnavailable("HOSTILE [position]"), Reply("HOSTILE [position]", "m")])
async def test_what_was_said_instead_of_a_decision_reaches_the_next_prompt_between_marks_alone(
    answer: ModelUnavailable | Reply,
) -> None:
    class Once(CycleModel):
        async def complete(self, prompt: Prompt) -> Reply:
            told = await super().complete(prompt)
            if len(self.prompts) > 1:
                return told
            if isinstance(answer, ModelUnavailable):
                raise answer
            return answer

    model = Once()
    on = world(bars(FLAT), model=model)
    await close(on, MONDAY + H4)
    await close(on, MONDAY + 2 * H4)

    told = [line for line in model.prompts[1].user.splitlines() if "HOSTILE" in line]
    assert told and all(line.startswith("> ") for line in told)


@pytest.mark.parametrize(("provider", "sees"), [("google", True), ("analyst", False), ("local", False)])
async def test_who_can_see_is_shown_the_chart_and_nobody_else_has_one_drawn(provider: str, sees: bool) -> None:
    model = CycleModel()
    on = world(bars(FLAT), model=model, model__provider=provider)

    await close(on, MONDAY + H4)

    (prompt,) = model.prompts
    kept = await on.archive.get(f"chart/{cycle(BTC, MONDAY + H4)}", bytes)
    assert (prompt.image is not None, prompt.caption != "", kept is not None) == (sees, sees, sees)
    assert kept is None or (prompt.image == kept and kept.startswith(b"\x89PNG"))


async def test_a_model_that_was_always_wrong_is_read_down_once_enough_has_been_resolved() -> None:
    """It says 90 % up each bar, and a day later the price is lower every time."""
    falling = [1000 - n for n in range(330)]
    script = {cycle(BTC, MONDAY + n * H4): says("HOLD", p_up_24h=0.9) for n in range(1, 321)}
    script[cycle(BTC, MONDAY + 320 * H4)] = says("BUY", 660, 720, p_up_24h=0.9, confidence=80)
    on = world(bars(path(falling, wick=0.5)), model=CycleModel(script), risk__stale_ratio=1000)
    for n in range(1, 321):
        await close(on, MONDAY + n * H4)

    decision = (await subjects(on, "DecisionMade"))[-1]
    assert [refusal.guard for refusal in decision.refusals] == ["confidence"]
    assert "forecasts of this model were worth a slope of" in decision.notes[-1]
