"""Signal → refusals: each guard is a verdict with its reason and until when it stands. Fail closed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from ...domain.analysis import Phase, Snapshot
from ...domain.decision import Action, Briefing, Refusal, Signal
from ...domain.learning import Threshold
from ...domain.market import MarketKind, Timeframe, exact
from ...domain.policy import Risk, Settings
from ...domain.trading import Portfolio, Position, Trade

Opened = datetime | None


def entry_refusals(
    signal: Signal, briefing: Briefing, past: tuple[Sequence[Trade], Opened], settings: Settings
) -> tuple[Refusal, ...]:
    """Everything that speaks against opening what the signal wants. `past`: recent trades of all pairs, newest
    first, and when this pair was last entered."""
    risk, learned = settings.risk, thresholds(briefing)
    snapshot, portfolio = briefing.snapshot, briefing.portfolio
    trades, entered_at = past
    now = snapshot.seen_at
    found = (
        _short_on_spot(signal, settings.market_kind),
        _disputed(snapshot),
        confidence(signal, risk, learned),
        _stop_distance(signal, snapshot.price, risk),
        _reward_risk(signal, snapshot, risk, learned),
        _cooldown(entered_at, now, snapshot.timeframe, risk),
        _losing_streak(trades, now, snapshot.timeframe, risk),
        _daily_loss(trades, portfolio, now, risk),
        _drawdown(trades, portfolio, (now, snapshot.timeframe), risk),
        _exposure(portfolio, risk),
    )
    return tuple(refusal for refusal in found if refusal)


def completeness(snapshot: Snapshot, settings: Settings) -> Refusal | None:
    """Too little was seen to ask anybody."""
    if snapshot.bars < settings.min_bars:
        return Refusal("completeness", f"needs {settings.min_bars} bars, was {snapshot.bars}")
    if snapshot.completeness_ratio < settings.min_completeness_ratio:
        return Refusal(
            "completeness",
            f"needs {settings.min_completeness_ratio:.0%} of the bars, was {snapshot.completeness_ratio:.1%}",
        )
    if snapshot.score_ratio < settings.collect.min_score_ratio:
        missing = ", ".join(snapshot.missing) or "bars"
        return Refusal(
            "completeness",
            f"needs {settings.collect.min_score_ratio:.0%} of what should be known, was {snapshot.score_ratio:.1%} "
            f"without {missing}",
        )
    return None


def _disputed(snapshot: Snapshot) -> Refusal | None:
    """Nothing is opened at a price that another venue does not see."""
    if not snapshot.is_disputed:
        return None
    said = next((flag for flag in snapshot.flags if flag.startswith("price disputed")), "price disputed")
    return Refusal("price_disputed", said)


def overdue(snapshot: Snapshot, now: datetime, risk: Risk, *, is_forced: bool) -> Refusal | None:
    """A decision that comes long after its bar closed opens nothing; a forced one may come anywhere in the next bar."""
    age = (now - snapshot.closed_at) / snapshot.timeframe.span
    limit = risk.stale_ratio + (1 if is_forced else 0)
    if age > limit:
        return Refusal("stale", f"decided {age:.2f} bars after the close, at most {limit:g}")
    return None


def update_refusal(signal: Signal, position: Position, price: Decimal, risk: Risk) -> Refusal | None:
    """A stop only tightens, only after enough of the way to the target, and levels stay on their side of the price."""
    sign = position.side.sign
    stop, target = signal.stop_price, signal.target_price
    if target is not None and (target - price) * sign <= 0:
        return Refusal("target_side", f"the target of a {position.side} lies beyond the price {price}, was {target}")
    if stop is None:
        return None
    if (price - stop) * sign <= 0:
        return Refusal("stop_side", f"the stop of a {position.side} lies behind the price {price}, was {stop}")
    if (stop - position.stop_price) * sign < 0:
        return Refusal("stop_loosened", f"a stop only tightens from {position.stop_price}, was {stop}")
    way = None if position.target_price is None else (position.target_price - position.entry_price) * sign
    if way and stop != position.stop_price:
        progress = float((price - position.entry_price) * sign / way)
        if progress < risk.tighten_progress_ratio:
            return Refusal(
                "tightened_early",
                f"a stop tightens after {risk.tighten_progress_ratio:.0%} of the way, was {progress:.0%}",
            )
    return None


def _short_on_spot(signal: Signal, kind: MarketKind) -> Refusal | None:
    if signal.action is Action.SELL and kind is MarketKind.SPOT:
        return Refusal("short_on_spot", "a spot pair cannot be sold before it is bought")
    return None


def confidence(signal: Signal, risk: Risk, learned: Sequence[Threshold] = ()) -> Refusal | None:
    setting, raised = risk.min_confidence_ratio, _raised("min_confidence_ratio", risk.min_confidence_ratio, learned)
    if raised and signal.confidence_ratio < raised.value:
        why = f"needs {raised.value:.1%}, raised from {raised.default:.0%} by {raised.trades} trades"
        return Refusal("confidence", f"{why}, was {signal.confidence_ratio:.1%}")
    if signal.confidence_ratio < setting:
        return Refusal("confidence", f"needs {setting:.0%}, was {signal.confidence_ratio:.0%}")
    return None


def thresholds(briefing: Briefing) -> tuple[Threshold, ...]:
    """What the newest reflection made of experience; nothing before the first, or without memory."""
    return briefing.reflection.thresholds if briefing.reflection else ()


def _raised(name: str, setting: float, learned: Sequence[Threshold]) -> Threshold | None:
    """What was learned where it is as strict as the setting in force, or stricter: experience loosens no limit."""
    return next((one for one in learned if one.name == name and one.value > one.default and one.value >= setting), None)


def _stop_distance(signal: Signal, price: Decimal, risk: Risk) -> Refusal | None:
    if signal.stop_price is None:
        return Refusal("stop_missing", "an entry needs a stop, was none")
    distance = float(abs(price - signal.stop_price) / price)
    if not risk.min_stop_ratio <= distance <= risk.max_stop_ratio:
        return Refusal(
            "stop_distance",
            f"the stop lies {risk.min_stop_ratio:.1%} to {risk.max_stop_ratio:.1%} from the price, was {distance:.2%}",
        )
    return None


def _reward_risk(signal: Signal, snapshot: Snapshot, risk: Risk, learned: Sequence[Threshold] = ()) -> Refusal | None:
    if signal.stop_price is None or signal.target_price is None or signal.stop_price == snapshot.price:
        return Refusal("reward_risk", "cannot be computed without a stop and a target")
    phase = snapshot.regime.phase
    name = "min_reward_risk_chop" if phase is Phase.RANGING else "min_reward_risk"
    setting = risk.min_reward_risk_chop if phase is Phase.RANGING else risk.min_reward_risk
    raised = _raised(name, setting, learned)
    ratio = float(abs(signal.target_price - snapshot.price) / abs(snapshot.price - signal.stop_price))
    if raised and ratio < raised.value:
        why = f"needs {raised.value:.2f} in a {phase} market, raised from {raised.default:g} by {raised.trades} trades"
        return Refusal("reward_risk", f"{why}, was {ratio:.2f}")
    if ratio < setting:
        return Refusal("reward_risk", f"needs {setting:g} in a {phase} market, was {ratio:.2f}")
    return None


def _cooldown(entered_at: Opened, now: datetime, timeframe: Timeframe, risk: Risk) -> Refusal | None:
    if entered_at is None or not risk.cooldown_bars:
        return None
    until = entered_at + timeframe.span * risk.cooldown_bars
    if now < until:
        return Refusal(
            "cooldown", f"{risk.cooldown_bars} bars between entries, last at {entered_at.isoformat()}", until
        )
    return None


def _losing_streak(trades: Sequence[Trade], now: datetime, timeframe: Timeframe, risk: Risk) -> Refusal | None:
    streak = 0
    for trade in trades:
        if trade.is_win:
            break
        streak += 1
    until = trades[0].closed_at + timeframe.span * risk.pause_bars if trades else now
    if streak >= risk.losing_streak and now < until:
        return Refusal("losing_streak", f"{streak} losses in a row, {risk.losing_streak} pause entries", until)
    return None


def _daily_loss(trades: Sequence[Trade], portfolio: Portfolio, now: datetime, risk: Risk) -> Refusal | None:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    lost = -sum((t.realized_pnl_quote for t in trades if t.closed_at >= midnight), Decimal(0))
    limit = portfolio.account.balance_quote * exact(risk.daily_loss_ratio)
    if lost >= limit:
        return Refusal(
            "daily_loss", f"{lost:.2f} lost since midnight UTC, the limit is {limit:.2f}", midnight + timedelta(days=1)
        )
    return None


def _drawdown(
    trades: Sequence[Trade], portfolio: Portfolio, when: tuple[datetime, Timeframe], risk: Risk
) -> Refusal | None:
    """Counted from the last closed trade, so that a breaker pauses and does not end the account for ever."""
    peak = portfolio.peak_equity_quote
    if peak is None or peak <= 0 or not trades:
        return None
    now, timeframe = when
    fall = float((peak - portfolio.equity_quote) / peak)
    until = trades[0].closed_at + timeframe.span * risk.pause_bars
    if fall >= risk.max_drawdown_ratio and now < until:
        return Refusal(
            "drawdown", f"equity is {fall:.1%} below its peak, the limit is {risk.max_drawdown_ratio:.0%}", until
        )
    return None


def _exposure(portfolio: Portfolio, risk: Risk) -> Refusal | None:
    limit = portfolio.equity_quote * risk.exposure_cap_ratio
    if portfolio.exposure_quote >= limit:
        return Refusal("exposure", f"{portfolio.exposure_quote:.2f} is at work, the cap is {limit:.2f}")
    return None
