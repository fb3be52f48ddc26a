"""What happened → messages to people, each once. It trades nothing, and nothing waits for it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ..domain.analysis import Snapshot
from ..domain.collected import Market
from ..domain.decision import Action, Decision, Refusal, Reply
from ..domain.errors import BadInput, Unavailable
from ..domain.events import (
    CandleMissed,
    DecisionMade,
    EquityMarked,
    PositionClosed,
    PositionOpened,
    PositionUpdated,
)
from ..domain.ledger import Amendment, Closing, Entry, Expiry, Opening
from ..domain.market import EPOCH, Symbol
from ..domain.messages import Message
from ..domain.trading import EquityPoint, Trade
from ..logic.evaluate import luck
from ..logic.notify import alarms, daily, messages
from ..logic.notify.daily import Day
from ..logic.notify.messages import Known
from ..ports import Facts, Sockets

TOLD = (DecisionMade, PositionOpened, PositionUpdated, PositionClosed, EquityMarked, CandleMissed)
# Where a candle was heard of, whatever came of it.
HEARD = ("DecisionMade", "CandleMissed")
PAGE = 500
DAY = timedelta(days=1)
Told = DecisionMade | PositionOpened | PositionUpdated | PositionClosed | EquityMarked | CandleMissed


async def notify(fact: Told, on: Sockets) -> Facts:
    """What is older than it is worth is not told any more: a history that is lived through, or a long sleep."""
    if not on.messengers:
        return ()
    now = on.clock.now()
    entry = await on.ledger.entry(f"{type(fact).__name__}:{fact.id}")
    for message in await _messages(entry, on) if entry else ():
        # people live by their own time, however fast the market's runs
        if (now - message.at).total_seconds() / on.clock.speed <= message.worth_s:
            for messenger in on.messengers:
                await messenger.take(message)
    return ()


async def silences(awake_since: datetime, now: datetime, on: Sockets) -> tuple[Message, ...]:
    """Of pairs that nothing was decided on for too long, while somebody was awake to do it."""
    found = []
    for symbol in on.settings.pairs:
        if symbol in on.leaving:
            continue
        heard = await on.ledger.entries(kinds=HEARD, symbol=symbol, until=now, limit=1, newest_first=True)
        last = max([awake_since, *(entry.fact.at for entry in heard)])
        found.append(alarms.silent(symbol, last, now, on.clock.speed, plainly(on)))
    return tuple(one for one in found if one)


async def _messages(entry: Entry, on: Sockets) -> tuple[Message, ...]:
    match entry.subject:
        case Decision() as made:
            known = await _known_of(made, on)
            return (*messages.decided(made, known), *alarms.paused(made, known), *await _troubled(made, known, on))
        case Opening() as told:
            return (messages.opened(entry.fact.id, told, await _known(told.position.decision_id, on)),)
        case Amendment() as told:
            known = await _known(told.position.decision_id, on)
            return (messages.updated(entry.fact.id, entry.fact.at, told, known),)
        case Closing() as told:
            return (messages.closed(told, await _why(told.trade, on), await _known(told.trade.decision_id, on)),)
        case EquityPoint() as point:
            return await _marked(point, on)
        case Refusal() if isinstance(entry.fact, CandleMissed):
            closed_at = entry.fact.closed_at
            last = await on.ledger.entries(kinds=("DecisionMade",), until=closed_at, limit=1, newest_first=True)
            decided_until = last[0].fact.at if last else None
            return alarms.missed(entry.fact, decided_until, on.clock.speed, plainly(on))
    return ()


async def _troubled(made: Decision, known: Known, on: Sockets) -> tuple[Message, ...]:
    if not alarms.troubles(made):
        return ()
    lived = await on.ledger.entries(kinds=("DecisionMade",), until=made.decided_at, limit=PAGE, newest_first=True)
    past = (entry.subject for entry in lived)
    return alarms.troubled(made, [o for o in past if isinstance(o, Decision) and o.closed_at < made.closed_at], known)


# --- What is known beside -------------------------------------------------------------------------------------------


def plainly(on: Sockets) -> Known:
    return Known(on.market.is_simulated, on.settings.timeframe.seconds)


def _shows(made: Decision, on: Sockets) -> bool:
    """Whether anybody shows more of it than a line."""
    is_wanted = made.action is not Action.HOLD or on.settings.discord.has_holds
    return is_wanted and any(messenger.is_rich for messenger in on.messengers)


async def _known(decision_id: str, on: Sockets) -> Known:
    entry = await on.ledger.entry(f"DecisionMade:{decision_id}")
    made = entry.subject if entry and isinstance(entry.subject, Decision) else None
    is_rich = any(messenger.is_rich for messenger in on.messengers)
    return replace(plainly(on), tick=await _tick(made.id, made.symbol, on) if made and is_rich else None)


async def _known_of(made: Decision, on: Sockets) -> Known:
    if not _shows(made, on):
        return plainly(on)
    seen: Snapshot | None = await _kept(f"snapshot/{made.id}", Snapshot, on)
    reply: Reply | None = await _kept(f"reply/{made.id}", Reply, on)
    return replace(
        plainly(on),
        tick=await _tick(made.id, made.symbol, on),
        narrative=messages.narrative(reply.text) if reply else "",
        levels=seen.levels if seen else (),
        has_chart=await _draws(made, seen, on),
    )


async def _tick(id: str, symbol: Symbol, on: Sockets) -> Decimal | None:
    """As it was when it was decided; else as the venue says now. A price can be read without it."""
    try:
        market: Market | None = await on.archive.get(f"market/{id}", Market)
        return (market.rules if market else await on.market.rules(symbol)).price_tick
    except (Unavailable, BadInput):
        return None


async def _kept(key: str, kind: type, on: Sockets) -> Any:
    """None where the archive has it not, or not now: the message goes without."""
    try:
        return await on.archive.get(key, kind)
    except (Unavailable, BadInput):
        return None


async def _draws(made: Decision, seen: Snapshot | None, on: Sockets) -> bool:
    """Whether there is a chart: the one that the model saw, or one drawn now."""
    if not on.settings.discord.has_chart or made.action is Action.HOLD:
        return False
    if await _kept(f"chart/{made.id}", bytes, on):
        return True
    market: Market | None = await _kept(f"market/{made.id}", Market, on)
    if market is None or seen is None:
        return False
    from ..logic.analyse.chart import chart

    position = (await on.ledger.portfolio()).position(made.symbol)
    await on.archive.put(f"chart/{made.id}", await asyncio.to_thread(chart, market, seen, position))
    return True


async def _why(trade: Trade, on: Sockets) -> str:
    entry = await on.ledger.entry(f"DecisionMade:{trade.close_decision_id}") if trade.close_decision_id else None
    made = entry.subject if entry else None
    return made.signal.reasoning if isinstance(made, Decision) and made.signal else ""


# --- At a mark of equity --------------------------------------------------------------------------------------------


async def _marked(point: EquityPoint, on: Sockets) -> tuple[Message, ...]:
    """At midnight the day that has passed; each so many bars how each position stands."""
    told: list[Message] = []
    midnight = point.at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if point.at == midnight:
        day, known = await _day(point, on), plainly(on)
        told += [one for one in (daily.performance(day, known), daily.refusals(day, known)) if one]
    portfolio = await on.ledger.portfolio()
    # a mark that is told late would stand beside prices of another time
    if portfolio.marked_until == point.at and messages.stands(point, on.settings.discord.status_bars, plainly(on)):
        for held in portfolio.positions:
            if held.opened_at < point.at:
                told.append(messages.status(held, point.at, await _known(held.decision_id, on)))
    return tuple(told)


async def _day(after: EquityPoint, on: Sockets) -> Day:
    until = after.at
    since = until - max(DAY, on.settings.timeframe.span)
    before = await on.ledger.entries(kinds=("EquityMarked",), until=since, limit=1, newest_first=True)
    kinds = ("DecisionMade", "OrderExpired", "CandleMissed")
    lived = await _lived(kinds, since, until, on)
    decisions = tuple(entry.subject for entry in lived if isinstance(entry.subject, Decision))
    closings = await _lived(("PositionClosed",), EPOCH, until, on)
    trades = tuple(entry.subject.trade for entry in closings if isinstance(entry.subject, Closing))
    figures = await asyncio.to_thread(luck.of_trades, trades)
    return Day(
        since=since,
        until=until,
        quote=on.settings.pairs[0].quote,
        start_quote=(await on.ledger.portfolio()).account.start_quote,
        before=before[0].subject if before and isinstance(before[0].subject, EquityPoint) else None,
        after=after,
        trades=trades,
        figures=figures,
        said=luck.verdict(figures)[1],
        decisions=decisions,
        refused=tuple(found for entry in lived for found in _refused(entry)),
    )


async def _lived(kinds: tuple[str, ...], since: datetime, until: datetime, on: Sockets) -> list[Entry]:
    """What happened from `since` on and before `until`, oldest first: what is done at midnight comes after the mark
    that ends the day, and belongs to the next. Of a long life no more is read than that, and a page."""
    found: list[Entry] = []
    before = None
    while page := await on.ledger.entries(kinds=kinds, before=before, until=until, limit=PAGE, newest_first=True):
        found += (entry for entry in page if since <= entry.fact.at < until)
        if page[-1].fact.at < since:
            break
        before = page[-1].seq
    return found[::-1]


def _refused(entry: Entry) -> tuple[tuple[str, str], ...]:
    symbol = getattr(entry.fact, "symbol", "")
    match entry.subject:
        case Decision(refusals=refusals):
            return tuple((one.guard, f"{symbol}: {one.reason}") for one in refusals)
        case (Expiry(refusal=one)) | (Refusal() as one):
            return ((one.guard, f"{symbol}: {one.reason}"),)
    return ()
