"""CandleClosed | AnalysisRequested → MarketCollected | CandleMissed."""

from datetime import datetime, timedelta

from ..domain.collected import Market
from ..domain.decision import Refusal
from ..domain.errors import BadInput, InvalidSymbol, MarketUnavailable
from ..domain.events import AnalysisRequested, CandleClosed, CandleMissed, MarketCollected
from ..domain.ledger import Entry
from ..domain.market import TradingRules
from ..ports import Facts, Sockets
from .around import around
from .bars import bars
from .gather import together


async def collect(fact: CandleClosed | AnalysisRequested, on: Sockets) -> Facts:
    """A bar told long after it closed is not decided on, and that is recorded: better no trade than one on old prices.

    Raises MarketUnavailable when no venue publishes the bar in time: ask again."""
    _known(fact, on)
    if fact.symbol in on.leaving and not (await on.ledger.portfolio()).is_at_work(fact.symbol):
        return ()
    if isinstance(fact, CandleClosed) and (now := on.clock.now()) - fact.closed_at > _patience(fact, on):
        return await _missed(fact, now, on)
    is_forced = isinstance(fact, AnalysisRequested)
    closed_at = fact.timeframe.floor(fact.requested_at) if isinstance(fact, AnalysisRequested) else fact.closed_at
    told = MarketCollected(fact.id, fact.symbol, fact.timeframe, closed_at, is_forced)
    if await on.archive.get(f"market/{fact.id}", Market) is None:
        await on.archive.put(f"market/{fact.id}", await _collected(told, on))
    return (told,)


async def _collected(told: MarketCollected, on: Sockets) -> Market:
    """Everything side by side: the slowest answer is what it takes."""
    (seen, rules), known = await together(
        together(bars(told.symbol, told.timeframe, told.closed_at, on), _rules(told, on)), around(told, on)
    )
    return Market(
        id=told.id,
        symbol=told.symbol,
        timeframe=told.timeframe,
        collected_at=on.clock.now(),
        candles=seen.candles,
        rules=rules,
        is_simulated=on.market.is_simulated,
        flags=seen.flags,
        is_disputed=seen.is_disputed,
        around=known,
    )


async def _rules(told: MarketCollected, on: Sockets) -> TradingRules:
    return await on.market.rules(told.symbol)


def _known(fact: CandleClosed | AnalysisRequested, on: Sockets) -> None:
    """Whoever may speak on the bus does not choose what is traded, nor when. Raises InvalidSymbol, BadInput, and
    MarketUnavailable for a bar that still runs by our clock."""
    if fact.symbol not in on.settings.pairs:
        raise InvalidSymbol(f"{fact.symbol} is not traded here, only {', '.join(on.settings.symbols)}")
    if fact.timeframe is not on.settings.timeframe:
        raise BadInput(f"bars of {on.settings.timeframe} are traded here, was {fact.timeframe}")
    if isinstance(fact, CandleClosed) and fact.closed_at > on.clock.now():
        raise MarketUnavailable(f"the bar that closes at {fact.closed_at.isoformat()} still runs")
    if isinstance(fact, AnalysisRequested) and fact.requested_at > on.clock.now():
        raise BadInput(f"an analysis is asked for now, was {fact.requested_at.isoformat()}")


async def _missed(fact: CandleClosed, now: datetime, on: Sockets) -> Facts:
    if await on.ledger.entry(f"DecisionMade:{fact.id}") or await on.archive.get(f"market/{fact.id}", Market):
        return ()  # told once more, after it was collected in time
    age, most = (now - fact.closed_at).total_seconds(), _patience(fact, on).total_seconds()
    late = f"not collected within {most:g} s of the close, was {age:g} s"
    missed = Entry(CandleMissed(fact.id, fact.symbol, now), Refusal("late", late))
    return ((await on.ledger.record(missed)).fact,)


def _patience(fact: CandleClosed, on: Sockets) -> timedelta:
    return fact.timeframe.span * on.settings.risk.stale_ratio
