"""Recorded candles through the loop: the whole agent over years, and a report that adds up."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from .. import wiring
from ..codec import plain
from ..domain.asking import Fault
from ..domain.decision import Prompt, Reply
from ..domain.errors import BadInput, ModelUnavailable, SemanticSignalError
from ..domain.events import CandleClosed, MinutePassed
from ..domain.market import Candles, FundingRate, Symbol, epoch_ms, exact, instant
from ..domain.policy import Settings
from ..logic.evaluate import baselines, statistics
from ..ports import LanguageModel, Ledger
from ..stages import STAGES
from .costs import restored
from .figures import Figures
from .loop import Loop

Progress = Callable[[int, int], Awaitable[None]]


async def _unseen(done: int, of: int) -> None:
    """Nobody watches the progress."""


BEAT_S = 1.0
# Nobody listens to a replay, and a report reads the ledger.
REPLAYED = tuple(stage for stage in STAGES if stage.name not in ("show", "notify"))


class Plan(NamedTuple):
    """Which bars to decide on: those that close in [since, until). `recorded`: the home whose replies answer."""

    settings: Settings
    since: datetime
    until: datetime
    recorded: Path | None = None

    def holds(self, tape: "wiring.Tape") -> str:
        """What makes two replays the same: a home is continued only by its own."""
        recorded = str(self.recorded.resolve()) if self.recorded else None
        return wiring.identity.replay(
            self.settings, since=self.since, until=self.until, tape=tape.digest(), recorded=recorded
        )


class Ran(NamedTuple):
    """What this process did: bars walked and seconds taken (a resumed run walks only what was left)."""

    decisions: int
    seconds: float


def closes(tape: "wiring.Tape", plan: Plan) -> dict[datetime, list[Symbol]]:
    """Each instant of the plan at which bars closed, and of which pairs, in order. Raises BadInput on none."""
    found: dict[datetime, list[Symbol]] = {}
    timeframe = plan.settings.timeframe
    for symbol in sorted(plan.settings.pairs):
        for opened in tape.tape(symbol, timeframe).opened_ms:
            at = instant(opened + timeframe.ms)
            if plan.since <= at < plan.until:
                found.setdefault(at, []).append(symbol)
    if not found:
        raise BadInput(f"no candle closes between {plan.since.isoformat()} and {plan.until.isoformat()}")
    return dict(sorted(found.items()))


async def walk(
    rig: wiring.Rig, plan: Plan, instants: dict[datetime, list[Symbol]], progress: Progress = _unseen
) -> Ran:
    """Turns the crank from where the ledger stands: at the last mark everything is told again, and nothing twice.

    At each close: first what rested fills or closes, then equity is marked, then each pair decides, by name."""
    on, clock, ledger = rig
    await wiring.remember(ledger, on.memory)
    loop = Loop(on, ledger, REPLAYED)
    marked = (await ledger.portfolio()).marked_until
    left = {at: symbols for at, symbols in instants.items() if marked is None or at >= marked}
    delay = timedelta(seconds=plan.settings.decision_delay_s)
    began, decisions = time.perf_counter(), 0
    await progress(len(instants) - len(left), len(instants))
    for done, (at, symbols) in enumerate(left.items()):
        clock.set(at)
        await loop.run(MinutePassed(at))
        clock.set(at + delay)
        for symbol in symbols:
            await loop.run(CandleClosed(symbol, plan.settings.timeframe, at))
            decisions += 1
        await progress(len(instants) - len(left) + done + 1, len(instants))
    clock.set(plan.until)
    await loop.run(MinutePassed(plan.until))
    return Ran(decisions, time.perf_counter() - began)


@asynccontextmanager
async def _beating(progress: Progress) -> AsyncIterator[Progress]:
    """How far it is, told at each close and, while a model is waited for, each second all the same."""
    stands: list[tuple[int, int]] = []

    async def tell(done: int, of: int) -> None:
        stands[:] = [(done, of)]
        await progress(done, of)
        # Nothing else in a replay waits: a beat has its turn, and a stop is heard, between two closes.
        await asyncio.sleep(0)

    async def beat() -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            for stood in tuple(stands):
                await progress(*stood)

    beating = asyncio.create_task(beat())
    try:
        yield tell
    finally:
        beating.cancel()


class ReplayBroken(SemanticSignalError):
    """The replay cannot go on as it should; with a home it goes on later from where it was."""


# A model that answered, if with nothing that can be used: that is a result.
SPOKEN = frozenset((Fault.SCHEMA, Fault.REFUSAL, Fault.TRUNCATED, Fault.EMPTY))


class Insistent:
    """In a replay a model that is away is no reason to hold: it would make a flat result that nobody decided."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    async def complete(self, prompt: Prompt) -> Reply:
        try:
            return await self._model.complete(prompt)
        except ModelUnavailable as wrong:
            if any(attempt.fault in SPOKEN for attempt in wrong.attempts):
                raise
            raise ReplayBroken(f"the model does not answer: {wrong}; run again with --home to go on") from wrong

    async def close(self) -> None:
        await self._model.close()


class OnTape:
    """What was answered once, or nothing: a prompt that the tape does not hold would make a result of its own."""

    def __init__(self, tape: LanguageModel) -> None:
        self._tape = tape

    async def complete(self, prompt: Prompt) -> Reply:
        try:
            return await self._tape.complete(prompt)
        except ModelUnavailable as wrong:
            if wrong.fault is not Fault.UNRECORDED:
                raise
            raise ReplayBroken(
                f"{wrong}; run it with the settings of the recording, among them model.provider and model.has_chart"
            ) from wrong

    async def close(self) -> None:
        await self._tape.close()


async def replay(folder: Path, plan: Plan, home: Path | None, progress: Progress = _unseen) -> dict[str, Any]:
    """The report of one run, as `--json` writes it. Without a home the ledger lives in a temporary folder.

    Raises BadInput for anything about the tape or the plan that cannot be, AlreadyRunning for a home in use."""
    tape = wiring.tape(folder, plan.settings)
    # Beyond the last bar nothing is known, so nothing is marked either.
    last = tape.ends_at + timedelta(milliseconds=1)
    plan = plan._replace(until=min(plan.until, last))
    instants = closes(tape, plan)
    _check_delay(tape, plan)
    with TemporaryDirectory(prefix="semsig-replay-") as temporary:
        held = wiring.home(home or Path(temporary), plan.settings, plan.holds(tape), is_durable=False)
        try:
            async with AsyncExitStack() as stack:
                mind = await _mind(stack, plan, held if home else None, held.ledger)
                rig = wiring.replayed(plan.settings, tape, held.ledger, plan.since, mind)
                told = await stack.enter_async_context(_beating(progress))
                ran = await walk(rig, plan, instants, told)
                return await report(held.ledger, tape, plan, instants, ran)
        finally:
            held.close()


async def _mind(stack: AsyncExitStack, plan: Plan, held: "wiring.Home | None", ledger: Ledger) -> LanguageModel:
    """Who decides, until the stack ends. Without a home what is spent is this run's alone, within its budget."""
    if plan.recorded:
        return OnTape(wiring.recorded(plan.recorded))
    is_paid = plan.settings.model.provider != "analyst"
    purse = wiring.purse(held.path, held.lease.token) if held and is_paid else None
    if purse:
        stack.callback(purse.close)
        await restored(purse, ledger, wiring.system_clock().now(), plan.settings.budget)
    mind = wiring.model(plan.settings, held.path if held else None, spending=purse, within=Insistent)
    stack.push_async_callback(mind.close)
    return mind


def _check_delay(tape: "wiring.Tape", plan: Plan) -> None:
    """A decision some seconds after the close needs a price before its order dies."""
    settings = plan.settings
    life_s = settings.timeframe.seconds * settings.risk.order_life_ratio
    coarse = [symbol for symbol in settings.pairs if tape.finest(symbol).seconds > life_s]
    if settings.decision_delay_s and coarse:
        raise BadInput(
            f"decision_delay_s needs candles of at most {life_s:g} s to fill on, {coarse[0]} has only "
            f"{tape.finest(coarse[0])}; set it to 0, was {settings.decision_delay_s:g}"
        )


async def report(
    ledger: "wiring.SqliteLedger", tape: "wiring.Tape", plan: Plan, instants: dict[datetime, list[Symbol]], ran: Ran
) -> dict[str, Any]:
    """Money as decimal strings; undefined is None. `gross` holds the open positions' result at the last mark."""
    settings = plan.settings
    figures = Figures(ledger, settings.timeframe)
    found = await figures.statistics()
    windows = {symbol: _window(tape.tape(symbol, settings.timeframe), plan) for symbol in settings.pairs}
    rates = {symbol: await tape.funding(symbol, since=plan.since, until=plan.until) for symbol in settings.pairs}
    actions = {name: figures.actions.get(name, 0) for name in ("BUY", "SELL", "HOLD", "CLOSE", "UPDATE")}
    body = {
        "symbols": list(settings.symbols),
        "timeframe": settings.timeframe,
        "from": plan.since,
        "to": min(plan.until, tape.ends_at),
        "candles": sum(len(symbols) for symbols in instants.values()),
        "missing_candles": sum(_missing(tape.tape(symbol, settings.timeframe), plan) for symbol in settings.pairs),
        "decisions": figures.decisions,
        "actions": actions,
        "refusals": figures.refused,
        "refusals_by_guard": dict(sorted(figures.guards.items())),
        "trades": found.trades,
        "start_equity_quote": found.start_quote,
        "end_equity_quote": found.equity_quote,
        "gross_pnl_quote": found.gross_pnl_quote,
        "unrealized_pnl_quote": found.unrealized_pnl_quote,
        "fees_quote": found.fees_quote,
        "funding_quote": found.funding_quote,
        "funding_settlements": sum(len(settled) for settled in rates.values()),
        "net_pnl_quote": found.net_pnl_quote,
        "win_rate_ratio": found.win_rate_ratio,
        "profit_factor": found.profit_factor,
        "expectancy_quote": found.expectancy_quote,
        "mean_r": found.mean_r,
        "sharpe_annualized": found.sharpe_annualized,
        "sortino_annualized": found.sortino_annualized,
        "max_drawdown_ratio": found.max_drawdown_ratio,
        "exposure_ratio": found.exposure_ratio,
        "ambiguous_exits": found.ambiguous_exits,
        "forecasts": await figures.calibration(),
        "baselines": _baselines(windows, rates, settings),
        "ledger_sha256": ledger.digest(),
        "seconds": round(ran.seconds, 3),
        "decisions_per_s": round(ran.decisions / ran.seconds, 1) if ran.seconds else None,
    }
    result: dict[str, Any] = plain(body)
    return result


def _missing(tape: Candles, plan: Plan) -> int:
    """Closes of the plan, between the first and the last bar of the tape, at which there is no bar."""
    span = tape.timeframe.ms
    closes = [opened + span for opened in tape.opened_ms]
    first, last = max(epoch_ms(plan.since), closes[0]), min(epoch_ms(plan.until), closes[-1] + 1)
    start = tape.timeframe.floor_ms(first - 1) + span
    return len(range(start, last, span)) - sum(first <= close < last for close in closes)


def _window(tape: Candles, plan: Plan) -> tuple[Candles, int]:
    """The bars that baselines may use: those held by the plan from its first decision's fill on, with the bars before
    them to warm up the means; and how many those are."""
    span = plan.settings.timeframe.ms
    first, last = epoch_ms(plan.since), epoch_ms(plan.until)
    start = next((row for row in range(len(tape)) if tape.opened_ms[row] >= first), len(tape))
    end = next((row for row in range(start, len(tape)) if tape.opened_ms[row] + span > last), len(tape))
    warm_up = min(start, 250)
    return tape[start - warm_up : end], warm_up


def _baselines(
    windows: dict[Symbol, tuple[Candles, int]], rates: dict[Symbol, tuple[FundingRate, ...]], settings: Settings
) -> dict[str, Any]:
    """The same start, bars, fees, slippage and funding; pairs share the start equally, and one that is listed later is
    cash until then."""
    prices, paid, curves = {}, {}, []
    for symbol, (window, warm_up) in windows.items():
        if len(window) > warm_up:
            per_coin = baselines.funding_per_coin(window, rates.get(symbol, ()))
            prices[str(symbol)] = (window.candle(warm_up).open, window.candle(len(window) - 1).close)
            paid[str(symbol)] = exact(float(per_coin[warm_up + 1 :].sum()))
            curve = baselines.sma_cross(window, warm_up, settings.paper, per_coin)[1]
            curves.append((np.asarray(window.opened_ms[warm_up:], dtype=np.int64), curve))
    crossed = _together(curves, float(settings.paper.start_quote))
    return {
        "cash": _baseline(settings.paper.start_quote, settings),
        "buy_and_hold": _baseline(baselines.buy_and_hold(prices, settings.paper, paid), settings),
        "sma_50_200_cross": _baseline(exact(float(crossed[-1])), settings)
        | {
            "max_drawdown_ratio": statistics.max_drawdown_ratio(crossed, float(settings.paper.start_quote)),
            "sharpe_annualized": statistics.sharpe_annualized(crossed, settings.timeframe.bars_per_year),
        },
    }


def _together(curves: list[tuple[Any, Any]], start: float) -> Any:
    """The mean of curves with bars of their own: each stands at its last value where it has no bar."""
    if not curves:
        return np.array([start])
    every = np.unique(np.concatenate([opened for opened, _ in curves]))
    # Each curve begins with its start, so the number of bars up to an instant is the place of its value.
    laid = [curve[np.searchsorted(opened, every, side="right")] for opened, curve in curves]
    return np.concatenate([[start], np.mean(laid, axis=0)])


def _baseline(end: Decimal, settings: Settings) -> dict[str, Any]:
    end = end.quantize(Decimal("1e-8"))
    return {"end_equity_quote": end, "return_ratio": float(end / settings.paper.start_quote - 1)}
