"""CandleClosed | AnalysisRequested → MarketCollected | CandleMissed."""

from datetime import datetime, timedelta

from ..domain.decision import Refusal
from ..domain.errors import BadInput, InvalidSymbol
from ..domain.events import AnalysisRequested, CandleClosed, CandleMissed, MarketCollected
from ..domain.ledger import Entry
from ..domain.market import Market
from ..logic.collect.candles import closed, expected
from ..ports import Facts, Sockets


async def collect(fact: CandleClosed | AnalysisRequested, on: Sockets) -> Facts:
    """A bar told long after it closed is not decided on, and that is recorded: better no trade than one on old prices.

    Raises MarketUnavailable while the venue has not published the bar: ask again."""
    _known(fact, on)
    if isinstance(fact, CandleClosed) and (now := on.clock.now()) - fact.closed_at > _patience(fact, on):
        return await _missed(fact, now, on)
    is_forced = isinstance(fact, AnalysisRequested)
    closed_at = fact.timeframe.floor(fact.requested_at) if isinstance(fact, AnalysisRequested) else fact.closed_at
    limit = on.settings.candle_limit
    candles = await on.market.candles(fact.symbol, fact.timeframe, until=closed_at, limit=limit)
    market = Market(
        id=fact.id,
        symbol=fact.symbol,
        timeframe=fact.timeframe,
        collected_at=on.clock.now(),
        candles=expected(closed(candles, closed_at), closed_at),
        rules=await on.market.rules(fact.symbol),
        is_simulated=on.market.is_simulated,
    )
    await on.archive.put(f"market/{fact.id}", market)
    return (MarketCollected(fact.id, fact.symbol, fact.timeframe, closed_at, is_forced),)


def _known(fact: CandleClosed | AnalysisRequested, on: Sockets) -> None:
    """Whoever may speak on the bus does not choose what is traded. Raises InvalidSymbol, BadInput."""
    if fact.symbol not in on.settings.pairs:
        raise InvalidSymbol(f"{fact.symbol} is not traded here, only {', '.join(on.settings.symbols)}")
    if fact.timeframe is not on.settings.timeframe:
        raise BadInput(f"bars of {on.settings.timeframe} are traded here, was {fact.timeframe}")
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
