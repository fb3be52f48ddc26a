"""What a panel shows: the same shapes for the page, the socket and the command line.

Money and prices that moved money are decimals (strings on the wire); ratios are 0…1 numbers; candles for
drawing are plain numbers. The socket sends the `EventView` union, and `GET /api/events` returns the very same."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal

from ...domain.asking import Attempt
from ...domain.decision import Decision, Mismatch, Refusal
from ...domain.events import CandleMissed
from ...domain.learning import Hindsight, PostMortem, Reflection, RefusedEntry, SemanticRule
from ...domain.ledger import Amendment, Closing, Entry, Expiry, Learned, Opening
from ...domain.market import Symbol
from ...domain.trading import EquityPoint, Order, Portfolio, Position, Trade
from . import learned, live
from .costs import paid
from .fills import FillView


@dataclass(frozen=True, slots=True)
class RefusalView:
    guard: str
    reason: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class DecisionView:
    """`action` is what was done, `wanted` what the model asked for (None: unreadable, or it was not asked).

    `cost_usd`: of every question to a model; None where none was asked or one did not tell."""

    id: str
    seq: int
    symbol: str
    timeframe: str
    closed_at: datetime
    decided_at: datetime
    price: Decimal
    action: str
    wanted: str | None
    confidence_ratio: float | None
    p_up: float | None
    p_up_24h: float | None
    stop_price: Decimal | None
    target_price: Decimal | None
    reasoning: str
    invalidation: str | None
    regime: str
    refusals: tuple[RefusalView, ...]
    notes: tuple[str, ...]
    recalled: tuple[str, ...]
    rules: tuple[str, ...]
    model: str | None
    prompt_version: str | None
    is_forced: bool
    is_simulated: bool
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class PositionView:
    id: str
    symbol: str
    side: str
    quantity: Decimal
    entry_price: Decimal
    mark_price: Decimal
    stop_price: Decimal
    initial_stop_price: Decimal
    target_price: Decimal | None
    opened_at: datetime
    notional_quote: Decimal
    unrealized_pnl_quote: Decimal
    funding_quote: Decimal
    r_now: float | None
    decision_id: str


@dataclass(frozen=True, slots=True)
class TradeView:
    id: str
    symbol: str
    side: str
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    stop_price: Decimal
    initial_stop_price: Decimal
    target_price: Decimal | None
    opened_at: datetime
    closed_at: datetime
    gross_pnl_quote: Decimal
    fees_quote: Decimal
    funding_quote: Decimal
    realized_pnl_quote: Decimal
    return_ratio: float
    r_multiple: float | None
    mae_ratio: float
    mfe_ratio: float
    exit_reason: str
    is_ambiguous: bool
    decision_id: str
    close_decision_id: str | None


@dataclass(frozen=True, slots=True)
class EquityView:
    id: str
    at: datetime
    equity_quote: Decimal
    balance_quote: Decimal


@dataclass(frozen=True, slots=True)
class ExperienceView:
    """`used`: how many decisions were shown it since; `used_wins`, `used_losses`: of closed trades that these opened.
    None where nobody counted. `decision_id`: the decision that opened the trade."""

    id: str
    trade_id: str
    symbol: str
    side: str
    opened_at: datetime
    closed_at: datetime
    regime: str
    conditions: tuple[str, ...]
    confidence_ratio: float
    insight: str
    lesson: str
    verdict: str
    return_ratio: float
    r_multiple: float | None
    is_win: bool
    exit_reason: str
    similarity_ratio: float | None
    decision_id: str | None
    used: int | None
    used_wins: int | None
    used_losses: int | None


@dataclass(frozen=True, slots=True)
class RuleView:
    """`wins`, `losses`: all that share the pattern; `tested_…`: those since it was found; `others_win_ratio`: of those
    since then that do not share it. `e_value`: how much the tested speak for it, 1 says nothing."""

    id: str
    pattern: str
    kind: str
    status: str
    text: str
    wins: int
    losses: int
    mean_return_ratio: float
    formed_at: datetime
    tested_wins: int
    tested_losses: int
    others_win_ratio: float | None
    e_value: float


@dataclass(frozen=True, slots=True)
class OrderView:
    id: str
    decision_id: str
    symbol: str
    purpose: str
    side: str
    quantity: Decimal
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DecisionMadeView:
    kind: Literal["DecisionMade"]
    id: str
    seq: int
    at: datetime
    decision: DecisionView


@dataclass(frozen=True, slots=True)
class CandleMissedView:
    kind: Literal["CandleMissed"]
    id: str
    seq: int
    at: datetime
    symbol: str
    refusal: RefusalView


@dataclass(frozen=True, slots=True)
class OrderPlacedView:
    kind: Literal["OrderPlaced"]
    id: str
    seq: int
    at: datetime
    order: OrderView


@dataclass(frozen=True, slots=True)
class OrderExpiredView:
    kind: Literal["OrderExpired"]
    id: str
    seq: int
    at: datetime
    order: OrderView
    refusal: RefusalView


@dataclass(frozen=True, slots=True)
class PositionOpenedView:
    kind: Literal["PositionOpened"]
    id: str
    seq: int
    at: datetime
    position: PositionView


@dataclass(frozen=True, slots=True)
class PositionUpdatedView:
    kind: Literal["PositionUpdated"]
    id: str
    seq: int
    at: datetime
    position: PositionView
    decision_id: str


@dataclass(frozen=True, slots=True)
class PositionClosedView:
    kind: Literal["PositionClosed"]
    id: str
    seq: int
    at: datetime
    trade: TradeView


@dataclass(frozen=True, slots=True)
class EquityMarkedView:
    kind: Literal["EquityMarked"]
    id: str
    seq: int
    at: datetime
    point: EquityView


@dataclass(frozen=True, slots=True)
class LessonLearnedView:
    kind: Literal["LessonLearned"]
    id: str
    seq: int
    at: datetime
    experience: ExperienceView


@dataclass(frozen=True, slots=True)
class RuleFormedView:
    kind: Literal["RuleFormed"]
    id: str
    seq: int
    at: datetime
    rule: RuleView


@dataclass(frozen=True, slots=True)
class PriceView:
    symbol: str
    price: Decimal


@dataclass(frozen=True, slots=True)
class MinutePassedView:
    """Pushed while running, never stored: the market's clock, the newest prices, the open positions at them, and how
    it goes."""

    kind: Literal["MinutePassed"]
    id: str
    at: datetime
    prices: tuple[PriceView, ...]
    positions: tuple[PositionView, ...]
    equity_quote: Decimal
    pulse: live.PulseView | None


EventView = (
    CandleMissedView | DecisionMadeView | OrderPlacedView | OrderExpiredView | PositionOpenedView | PositionUpdatedView
    | PositionClosedView | EquityMarkedView | LessonLearnedView | RuleFormedView | MinutePassedView
    | learned.ReflectedView | learned.PostMortemWrittenView | learned.EntryRefusedView | learned.RefusalJudgedView
    | live.AnalysisSteppedView | live.NewsGatheredView | live.ContextGatheredView
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CandleView:
    """For drawing. `time`: open, UTC seconds."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True)
class MarketView:
    """`forming`: of the bar that has not closed, what closed bars of the traded timeframe already tell of it; None
    where that is nothing. `timeframes`: those that can be asked for, the traded one first."""

    id: str
    symbol: str
    timeframe: str
    source: str
    is_simulated: bool
    as_of: datetime
    candles: tuple[CandleView, ...]
    forming: CandleView | None
    timeframes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StatisticsView:
    """Undefined is None, never 0. Sharpe and Sortino are annualized from equity marked at each bar, 365 days.
    `peak_quote`: the most that equity ever was, at the start, at a mark or now; `drawdown_ratio`: how far it is below
    that now. `max_drawdown_ratio`: how far it was below its peak at worst, at a mark."""

    trades: int
    wins: int
    losses: int
    win_rate_ratio: float | None
    profit_factor: float | None
    expectancy_quote: Decimal | None
    mean_r: float | None
    sharpe_annualized: float | None
    sortino_annualized: float | None
    max_drawdown_ratio: float | None
    drawdown_ratio: float | None
    peak_quote: Decimal
    exposure_ratio: float | None
    start_quote: Decimal
    equity_quote: Decimal
    gross_pnl_quote: Decimal
    fees_quote: Decimal
    funding_quote: Decimal
    net_pnl_quote: Decimal
    unrealized_pnl_quote: Decimal
    ambiguous_exits: int
    decisions: int
    refused: int


@dataclass(frozen=True, slots=True)
class BinView:
    """Forecasts that stated `lowest` to `highest`, `stated` in the mean; so many went up as `happened`, whose 90 %
    interval is `low` to `high` (Wilson) for the `effective` ones among them: those open at once count as one."""

    lowest: float
    highest: float
    stated: float
    happened: float
    forecasts: int
    effective: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CalibrationView:
    """How good the stated probabilities were. `brier_skill` above 0: better than the base rate known at the time;
    `skill_low`, `skill_high`: its 90 % interval by block bootstrap, the low end also against the best constant, chosen
    afterwards: above 0 only what knows more than any constant. `effective`: so many are independent at least.
    `bins`: ten or fewer of equal mass, lowest first."""

    horizon: str
    forecasts: int
    effective: float
    up_ratio: float | None
    brier: float | None
    brier_skill: float | None
    skill_low: float | None
    skill_high: float | None
    log_loss: float | None
    bins: tuple[BinView, ...]


@dataclass(frozen=True, slots=True)
class HealthView:
    """`status`: starting (reading history), running, or degraded with the `problem` in words."""

    status: Literal["starting", "running", "degraded"]
    problem: str | None
    version: str
    now: datetime
    is_simulated: bool
    speed: float
    symbols: tuple[str, ...]
    timeframe: str
    market_source: str
    model: str
    history_done_ratio: float
    next_candle_at: datetime | None


@dataclass(frozen=True, slots=True)
class StateView:
    """All that the page needs to start, in one answer. `last_event_id`: ask `/api/events?after=` from here.
    `last_lesson_id`: another one, and memory holds more.

    Decisions, trades and rules are newest first; equity is oldest first and thinned for drawing, as deep
    as the whole fell."""

    health: HealthView
    statistics: StatisticsView
    positions: tuple[PositionView, ...]
    orders: tuple[OrderView, ...]
    decisions: tuple[DecisionView, ...]
    trades: tuple[TradeView, ...]
    equity: tuple[EquityView, ...]
    rules: tuple[RuleView, ...]
    last_lesson_id: str | None
    last_event_id: str | None


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One question to one model. `fault` is None for the answer that was used."""

    provider: str
    model: str
    asked_at: datetime
    latency_s: float
    input_tokens: int | None
    output_tokens: int | None
    thinking_tokens: int | None
    cost_usd: Decimal | None
    fault: str | None
    said: str
    text: str


@dataclass(frozen=True, slots=True)
class WhyView:
    """Everything that led to one decision. Text of prompt and reply is None when the archive no longer has it.

    `saw_chart`: whether its picture was shown; None when nobody was asked, or the archive no longer tells. `events` and
    `fills`: what came of it, oldest first."""

    decision: DecisionView
    snapshot: str | None
    system_prompt: str | None
    user_prompt: str | None
    saw_chart: bool | None
    reply: str | None
    prompt_sha256: str | None
    reply_sha256: str | None
    snapshot_sha256: str
    recalled: tuple[ExperienceView, ...]
    rules: tuple[RuleView, ...]
    events: tuple[EventView, ...]
    fills: tuple[FillView, ...]
    attempts: tuple[AttemptView, ...]
    mismatches: tuple[Mismatch, ...]


@dataclass(frozen=True, slots=True)
class RefusedView:
    """`decision_id` is None for a candle on which nothing was decided."""

    id: str
    decision_id: str | None
    at: datetime
    symbol: str
    wanted: str | None
    guard: str
    reason: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class QueuedView:
    """A forced analysis was accepted; `waits` when one is running and this comes after it."""

    id: str
    symbol: str
    waits: bool


@dataclass(frozen=True, slots=True)
class TicketView:
    """Lets one socket in, once, until it expires."""

    ticket: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Events:
    events: tuple[EventView, ...]


@dataclass(frozen=True, slots=True)
class Decisions:
    """`next`: ask on with `before` this; None: the ledger begins here. `searched_until`: all that is newer was looked
    at, whether it is shown or not; None: nothing was there to look at."""

    decisions: tuple[DecisionView, ...]
    next: str | None
    searched_until: datetime | None


@dataclass(frozen=True, slots=True)
class Trades:
    trades: tuple[TradeView, ...]


@dataclass(frozen=True, slots=True)
class Positions:
    positions: tuple[PositionView, ...]
    orders: tuple[OrderView, ...]


@dataclass(frozen=True, slots=True)
class Equity:
    equity: tuple[EquityView, ...]


@dataclass(frozen=True, slots=True)
class Experiences:
    """A page of the `total`. `until` and `like` (a decision): ask for other pages of the same with these."""

    experiences: tuple[ExperienceView, ...]
    total: int
    until: datetime
    like: str | None


@dataclass(frozen=True, slots=True)
class Rules:
    rules: tuple[RuleView, ...]


@dataclass(frozen=True, slots=True)
class Refusals:
    refusals: tuple[RefusedView, ...]


@dataclass(frozen=True, slots=True)
class Calibrations:
    calibrations: tuple[CalibrationView, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str


def attempt(noun: Attempt) -> AttemptView:
    used = noun.usage
    return AttemptView(
        noun.provider, noun.model, noun.asked_at, noun.latency_s, used.input_tokens, used.output_tokens,
        used.thinking_tokens, used.cost_usd, noun.fault, noun.said, noun.text,
    )  # fmt: skip


def decision(noun: Decision, seq: int = 0) -> DecisionView:
    signal = noun.signal
    return DecisionView(
        id=noun.id,
        seq=seq,
        symbol=str(noun.symbol),
        timeframe=noun.timeframe,
        closed_at=noun.closed_at,
        decided_at=noun.decided_at,
        price=noun.price,
        action=noun.action,
        wanted=signal.action if signal else None,
        confidence_ratio=signal.confidence_ratio if signal else None,
        p_up=signal.forecast.p_up if signal else None,
        p_up_24h=signal.forecast.p_up_24h if signal else None,
        stop_price=signal.stop_price if signal else None,
        target_price=signal.target_price if signal else None,
        reasoning=signal.reasoning if signal else "",
        invalidation=signal.invalidation if signal else None,
        regime=noun.regime,
        refusals=tuple(RefusalView(r.guard, r.reason, r.until) for r in noun.refusals),
        notes=noun.notes,
        recalled=noun.recalled,
        rules=noun.rules,
        model=noun.model,
        prompt_version=noun.prompt_version,
        is_forced=noun.is_forced,
        is_simulated=noun.is_simulated,
        cost_usd=paid(noun.attempts),
    )


def position(noun: Position) -> PositionView:
    risk = noun.risk_quote
    return PositionView(
        id=noun.id,
        symbol=str(noun.symbol),
        side=noun.side,
        quantity=noun.quantity,
        entry_price=noun.entry_price,
        mark_price=noun.mark_price,
        stop_price=noun.stop_price,
        initial_stop_price=noun.initial_stop_price,
        target_price=noun.target_price,
        opened_at=noun.opened_at,
        notional_quote=noun.notional_quote,
        unrealized_pnl_quote=noun.unrealized_pnl_quote,
        funding_quote=noun.funding_quote,
        r_now=float(noun.unrealized_pnl_quote / risk) if risk else None,
        decision_id=noun.decision_id,
    )


def trade(noun: Trade) -> TradeView:
    return TradeView(
        id=noun.id,
        symbol=str(noun.symbol),
        side=noun.side,
        quantity=noun.quantity,
        entry_price=noun.entry_price,
        exit_price=noun.exit_price,
        stop_price=noun.stop_price,
        initial_stop_price=noun.initial_stop_price,
        target_price=noun.target_price,
        opened_at=noun.opened_at,
        closed_at=noun.closed_at,
        gross_pnl_quote=noun.gross_pnl_quote,
        fees_quote=noun.fees_quote,
        funding_quote=noun.funding_quote,
        realized_pnl_quote=noun.realized_pnl_quote,
        return_ratio=noun.return_ratio,
        r_multiple=noun.r_multiple,
        mae_ratio=noun.mae_ratio,
        mfe_ratio=noun.mfe_ratio,
        exit_reason=noun.exit_reason,
        is_ambiguous=noun.is_ambiguous,
        decision_id=noun.decision_id,
        close_decision_id=noun.close_decision_id,
    )


def order(noun: Order) -> OrderView:
    return OrderView(
        id=noun.id,
        decision_id=noun.decision_id,
        symbol=str(noun.symbol),
        purpose=noun.purpose,
        side=noun.side,
        quantity=noun.quantity,
        created_at=noun.created_at,
        expires_at=noun.expires_at,
    )


def equity(noun: EquityPoint) -> EquityView:
    return EquityView(noun.at.isoformat(), noun.at, noun.equity_quote, noun.balance_quote)


def rule(noun: SemanticRule) -> RuleView:
    return RuleView(
        id=noun.id,
        pattern=noun.pattern,
        kind=noun.kind,
        status=noun.status,
        text=noun.text,
        wins=noun.wins,
        losses=noun.losses,
        mean_return_ratio=noun.mean_return_ratio,
        formed_at=noun.formed_at,
        tested_wins=noun.tested.wins,
        tested_losses=noun.tested.losses,
        others_win_ratio=noun.others.win_ratio,
        e_value=noun.e_value,
    )


def experience(noun: Learned, similarity_ratio: float | None = None) -> ExperienceView:
    lived = noun.experience
    return ExperienceView(
        id=lived.id,
        trade_id=lived.trade_id,
        symbol=str(lived.symbol),
        side=lived.side,
        opened_at=lived.opened_at,
        closed_at=lived.closed_at,
        regime=lived.regime,
        conditions=tuple(f"{name} {label}" for name, label in lived.conditions.labels.items()),
        confidence_ratio=lived.confidence_ratio,
        insight=lived.insight,
        lesson=noun.lesson.text,
        verdict=noun.lesson.verdict,
        return_ratio=lived.return_ratio,
        r_multiple=lived.r_multiple,
        is_win=lived.is_win,
        exit_reason=lived.exit_reason,
        similarity_ratio=similarity_ratio,
        decision_id=lived.decision_id,
        used=None,
        used_wins=None,
        used_losses=None,
    )


def refused(entry: Entry) -> tuple[RefusedView, ...]:
    """What was refused in one entry: a candle, by the guards of a decision, or an order that expired."""
    decision_id: str | None
    match entry.subject:
        case Decision() as told:
            wanted = told.signal.action if told.signal else None
            symbol, decision_id, refusals = told.symbol, told.id, told.refusals
        case Expiry() as told:
            wanted, symbol, decision_id = None, told.order.symbol, told.order.decision_id
            refusals = (told.refusal,)
        case Refusal() as told if isinstance(entry.fact, CandleMissed):
            wanted, symbol, decision_id, refusals = None, entry.fact.symbol, None, (told,)
        case _:
            return ()
    return tuple(
        RefusedView(
            f"{entry.id}#{r.guard}", decision_id, entry.fact.at, str(symbol), wanted, r.guard, r.reason, r.until
        )
        for r in refusals
    )


def event(entry: Entry) -> EventView:  # noqa: PLR0912, one arm a subject
    """A ledger entry as the socket and `/api/events` tell it."""
    base = (entry.id, entry.seq, entry.fact.at)
    match entry.subject:
        case Refusal() as told:
            refusal = RefusalView(told.guard, told.reason, told.until)
            return CandleMissedView("CandleMissed", *base, str(getattr(entry.fact, "symbol", "")), refusal)
        case Decision() as told:
            return DecisionMadeView("DecisionMade", *base, decision(told, entry.seq))
        case Order() as told:
            return OrderPlacedView("OrderPlaced", *base, order(told))
        case Expiry() as told:
            refusal = RefusalView(told.refusal.guard, told.refusal.reason, told.refusal.until)
            return OrderExpiredView("OrderExpired", *base, order(told.order), refusal)
        case Opening() as told:
            return PositionOpenedView("PositionOpened", *base, position(told.position))
        case Amendment() as told:
            return PositionUpdatedView("PositionUpdated", *base, position(told.position), told.decision_id)
        case Closing() as told:
            return PositionClosedView("PositionClosed", *base, trade(told.trade))
        case EquityPoint() as told:
            return EquityMarkedView("EquityMarked", *base, equity(told))
        case Learned() as told:
            return LessonLearnedView("LessonLearned", *base, experience(told))
        case SemanticRule() as told:
            return RuleFormedView("RuleFormed", *base, rule(told))
        case Reflection() | PostMortem() | RefusedEntry() | Hindsight():
            return learned.event(entry)


def minute(
    at: datetime, portfolio: Portfolio, prices: Mapping[Symbol, Decimal], pulse: live.PulseView | None = None
) -> MinutePassedView:
    """The portfolio at the newest prices; a pair without one keeps its last mark."""
    positions = tuple(replace(p, mark_price=prices.get(p.symbol, p.mark_price)) for p in portfolio.positions)
    return MinutePassedView(
        "MinutePassed",
        f"minute#{at.isoformat()}",
        at,
        tuple(PriceView(str(symbol), price) for symbol, price in prices.items()),
        tuple(position(p) for p in positions),
        replace(portfolio, positions=positions).equity_quote,
        pulse,
    )
