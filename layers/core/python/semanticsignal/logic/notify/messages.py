"""Facts of the ledger → messages: each what a person wants to know of it, and a line for the console."""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from textwrap import shorten

from ...domain.analysis import Level
from ...domain.decision import Action, Decision
from ...domain.ledger import Amendment, Closing, Opening
from ...domain.messages import Message, Row, Tone, Topic
from ...domain.money import exactly
from ...domain.policy import Settings
from ...domain.trading import EquityPoint, ExitReason, Position, Trade
from .words import amount, away, instant, lasted, money, price, ratio, refused

HOUR_S, DAY_S = 3_600.0, 86_400.0
# Of a reason, on a console. Of a narrative, to people: the rest is on the dashboard.
LINE, NARRATIVE = 200, 20_000
LEVELS = 3
# What a console shows as it is.
MARKS = re.compile(r"[#*_`>]+")
BY = {ExitReason.STOP: "at its stop", ExitReason.TARGET: "at its target", ExitReason.SIGNAL: "by decision"}
MEANS = {Action.UPDATE: ": stop and target move"}
PAPER = "Paper money only · no real order, no advice"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside a fact. `tick`: of the pair's price, None where nobody knows; `bar_s`: length of a bar;
    `narrative`: what the model wrote before its answer; `levels`: as they stood."""

    is_simulated: bool
    bar_s: float
    tick: Decimal | None = None
    narrative: str = ""
    levels: tuple[Level, ...] = ()
    has_chart: bool = False

    @property
    def about(self) -> str:
        return f"{PAPER} · simulated market" if self.is_simulated else PAPER


def narrative(reply: str) -> str:
    """What stands before the answer proper, which is JSON in a fence, or from a line that begins with a brace."""
    kept = []
    for line in reply.splitlines():
        if line.lstrip().startswith(("{", "```")):
            break
        kept.append(line)
    return "\n".join(kept).strip()


def decided(made: Decision, known: Known) -> tuple[Message, ...]:
    """The decision with its figures, then what the model wrote."""
    symbol, signal = made.symbol, made.signal
    reason = signal.reasoning if signal else ""
    if made.refusals:
        reason = f"{refused(made.refusals[0].guard)}: {made.refusals[0].reason}"
    is_other = made.refusals and signal and signal.action is not made.action
    wanted = f": {signal.action} refused" if is_other and signal else MEANS.get(made.action, "")
    rows = [Row("Price", price(made.price, symbol, known.tick))]
    if signal and made.action in (Action.BUY, Action.SELL, Action.UPDATE):
        rows += _levels_of(made, known)
    if signal and signal.size_ratio is not None and made.action in (Action.BUY, Action.SELL):
        rows.append(Row("Size asked for", f"{ratio(signal.size_ratio, places=1)} of equity"))
    if signal:
        rows.append(Row("Confidence", ratio(signal.confidence_ratio, places=0)))
    rows += [Row("Market", made.regime), *_near(made, known)]
    if made.decider:
        rows.append(Row("Decided by", made.decider))
    said = "\n".join(f"{refused(one.guard)}: {one.reason}" for one in made.refusals)
    rows += [Row("Refused", said, is_wide=True)] * bool(said)
    told = Message(
        id=f"decision#{made.id}",
        topic=Topic.DECISION,
        tone=Tone(made.action),
        at=made.decided_at,
        title=f"{symbol} · {made.action}{wanted}",
        line=f"{symbol} {made.action}{wanted} at {price(made.price, symbol, known.tick)}: {_short(reason)}",
        about=f"{known.about} · {made.timeframe} candle to {instant(made.closed_at)}",
        worth_s=known.bar_s,
        text=signal.reasoning if signal else "",
        rows=tuple(rows),
        chart=f"chart/{made.id}" if known.has_chart else None,
    )
    return (told, *_analysis(made, known))


def _short(text: str) -> str:
    return shorten(text, LINE, placeholder=" …")


def _analysis(made: Decision, known: Known) -> tuple[Message, ...]:
    if not known.narrative:
        return ()
    text, left = known.narrative[:NARRATIVE], len(known.narrative) - NARRATIVE
    told = Message(
        id=f"analysis#{made.id}",
        topic=Topic.ANALYSIS,
        tone=Tone(made.action),
        at=made.decided_at,
        title=f"{made.symbol} · analysis",
        line=f"{made.symbol} analysis: {_short(MARKS.sub('', text))}",
        about=f"{known.about} · written by {made.decider or 'a model'}",
        worth_s=known.bar_s,
        text=f"{text}\n\n… and {left:,} characters more" if left > 0 else text,
    )
    return (told,)


@exactly
def _levels_of(made: Decision, known: Known) -> list[Row]:
    signal, symbol = made.signal, made.symbol
    rows: list[Row] = []
    if signal is None:
        return rows
    stop, target = signal.stop_price, signal.target_price
    for name, level in (("Stop", stop), ("Target", target)):
        if level is not None:
            rows.append(Row(name, f"{price(level, symbol, known.tick)}\n{away(level, made.price)}"))
    if stop is not None and target is not None and stop != made.price and made.action is not Action.UPDATE:
        rows.append(Row("Reward / risk", f"{abs(target - made.price) / abs(made.price - stop):.2f}"))
    return rows


def _near(made: Decision, known: Known) -> list[Row]:
    """The nearest levels of each side."""
    rows = []
    for kind in ("support", "resistance"):
        near = sorted((lv for lv in known.levels if lv.kind == kind), key=lambda lv: abs(lv.price - float(made.price)))
        if near:
            said = "\n".join(price(Decimal(repr(lv.price)), made.symbol, known.tick) for lv in near[:LEVELS])
            rows.append(Row(kind.capitalize(), said))
    return rows


def opened(id: str, told: Opening, known: Known) -> Message:
    held, fill = told.position, told.fill
    return Message(
        id=f"opened#{id}",
        topic=Topic.POSITION,
        tone=Tone.BUY if held.side.sign > 0 else Tone.SELL,
        at=fill.filled_at,
        title=f"{held.symbol} · {held.side} opened",
        line=f"{held.symbol} {held.side} opened: {amount(held.quantity, held.symbol)} at "
        f"{price(held.entry_price, held.symbol, known.tick)}",
        about=known.about,
        worth_s=max(HOUR_S, known.bar_s),
        rows=(
            Row("Entry", price(held.entry_price, held.symbol, known.tick)),
            Row("Quantity", amount(held.quantity, held.symbol)),
            Row("Invested", money(held.notional_quote, held.symbol.quote)),
            *_resting(held, held.entry_price, known),
            Row("At risk (1R)", money(held.risk_quote, held.symbol.quote)),
            Row("Entry fee", money(held.entry_fee_quote, held.symbol.quote)),
        ),
    )


def updated(id: str, at: datetime, told: Amendment, known: Known) -> Message:
    held = told.position
    levels = _resting(held, held.entry_price, known)
    said = [f"{row.name.lower()} {row.value.splitlines()[0]}" for row in levels]
    return Message(
        id=f"updated#{id}",
        topic=Topic.POSITION,
        tone=Tone.UPDATE,
        at=at,
        title=f"{held.symbol} · {held.side}: stop and target moved",
        line=f"{held.symbol} {held.side} moved: {', '.join(said)}",
        about=known.about,
        worth_s=max(HOUR_S, known.bar_s),
        rows=(Row("Entry", price(held.entry_price, held.symbol, known.tick)), *levels),
    )


@exactly
def status(held: Position, at: datetime, known: Known) -> Message:
    """How it stands at a mark."""
    pnl, quote = held.unrealized_pnl_quote, held.symbol.quote
    return Message(
        id=f"status#{held.id}#{at.isoformat()}",
        topic=Topic.POSITION,
        tone=_tone(pnl),
        at=at,
        title=f"{held.symbol} · {held.side} stands at {money(pnl, quote, is_signed=True)} before fees",
        line=f"{held.symbol} {held.side} stands at {money(pnl, quote, is_signed=True)} before fees",
        about=known.about,
        worth_s=known.bar_s,
        rows=(
            Row("Entry", price(held.entry_price, held.symbol, known.tick)),
            Row("Now", f"{price(held.mark_price, held.symbol, known.tick)}\n{away(held.mark_price, held.entry_price)}"),
            Row("Result so far", f"{money(pnl, quote, is_signed=True)}\nbefore fees and funding"),
            *_resting(held, held.mark_price, known),
            Row("Invested", money(held.notional_quote, quote)),
            Row("Held", lasted(at - held.opened_at)),
        ),
    )


def _resting(held: Position, from_price: Decimal, known: Known) -> tuple[Row, ...]:
    levels = (("Stop", held.stop_price), ("Target", held.target_price))
    return tuple(
        Row(name, f"{price(level, held.symbol, known.tick)}\n{away(level, from_price)}")
        for name, level in levels
        if level is not None
    )


def closed(told: Closing, why: str, known: Known) -> Message:
    """`why`: what the model said who closed it; empty where a level did."""
    done = told.trade
    quote, r = done.symbol.quote, done.r_multiple
    return Message(
        id=f"exit#{done.id}",
        topic=Topic.EXIT,
        tone=_tone(done.realized_pnl_quote),
        at=done.closed_at,
        title=f"{done.symbol} · {done.side} closed, {money(done.realized_pnl_quote, quote, is_signed=True)}",
        line=f"{done.symbol} {done.side} closed {BY[done.exit_reason]}: "
        f"{money(done.realized_pnl_quote, quote, is_signed=True)}",
        about=f"{known.about} · trade {done.number}",
        worth_s=DAY_S,
        text=_reason(done, why),
        rows=(
            Row("Result after costs", money(done.realized_pnl_quote, quote, is_signed=True)),
            Row("Return", ratio(done.return_ratio, is_signed=True)),
            *((Row("Times the risk (R)", f"{r:+.2f} R".replace("-", "−")),) if r is not None else ()),
            Row("Entry", price(done.entry_price, done.symbol, known.tick)),
            Row("Exit", price(done.exit_price, done.symbol, known.tick)),
            Row("Held", lasted(done.closed_at - done.opened_at)),
            Row("Before costs", money(done.gross_pnl_quote, quote, is_signed=True)),
            Row("Fees and funding", money(done.fees_quote + done.funding_quote, quote)),
            Row("Worst / best on the way", f"{ratio(done.mae_ratio)} / {ratio(done.mfe_ratio, is_signed=True)}"),
        ),
    )


def _reason(done: Trade, why: str) -> str:
    match done.exit_reason:
        case ExitReason.STOP:
            said = f"The stop {'in profit ' if done.is_win else ''}was met."
            return f"{said} One bar held stop and target: the stop counts." if done.is_ambiguous else said
        case ExitReason.TARGET:
            return "The target was reached."
    return f"Closed by decision. {why}".strip()


def stands(point: EquityPoint, bars: int, known: Known) -> bool:
    """Whether positions are told of at this mark: each so many bars, counted from the epoch; 0: never."""
    return bars > 0 and int(point.at.timestamp() // known.bar_s) % bars == 0


def _tone(pnl: Decimal) -> Tone:
    return Tone.GAIN if pnl > 0 else Tone.LOSS if pnl < 0 else Tone.FLAT


def hello(settings: Settings, place: str, at: datetime) -> Message:
    """The first word at a place, once for ever: what is told there."""
    pairs, bars = ", ".join(map(str, settings.pairs)), f"{settings.timeframe} bars"
    text = (
        f"Semantic Signal tells here what it does: {pairs} on {bars}, with paper money. It speaks when something "
        "happens, and once a day; a candle on which nothing is done makes no message."
    )
    return Message(
        id=f"hello#{place}", topic=Topic.PERFORMANCE, tone=Tone.FLAT, at=at, title="Semantic Signal is connected",
        line=text, about=PAPER, worth_s=7 * DAY_S, text=text,
    )  # fmt: skip
