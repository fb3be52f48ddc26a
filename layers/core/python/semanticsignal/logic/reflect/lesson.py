"""Trade + what was known at its entry → the experience for memory and the lesson for people."""

from collections.abc import Iterable
from decimal import Decimal

from ...domain.decision import Decision
from ...domain.learning import Change, Experience, Lesson
from ...domain.ledger import Learned
from ...domain.trading import ExitReason, Position, Trade
from ...domain.untrusted import line

INSIGHT_LENGTH = 500


def learned(
    trade: Trade, entry: Decision, amended: Iterable[Position] = (), equity_quote: Decimal | None = None
) -> Learned:
    """Frozen at entry: the conditions, the regime and the reasoning are those of the decision that opened it.

    `amended`: the position as it stood after each change of its levels, oldest first. `equity_quote`: of the account at
    entry, None where no mark tells it."""
    signal = entry.signal
    stop, target = (signal.stop_price, signal.target_price) if signal else (None, None)
    # as the guards saw them: what is learned of a limit is held against that very figure, not against the fill
    stop_ratio = None if stop is None else _distance(stop, entry.price)
    target_ratio = None if target is None else _distance(target, entry.price)
    insight = line(signal.reasoning if signal else "", INSIGHT_LENGTH)
    experience = Experience(
        id=f"{trade.id}#experience",
        trade_id=trade.id,
        symbol=trade.symbol,
        side=trade.side,
        opened_at=trade.opened_at,
        closed_at=trade.closed_at,
        conditions=entry.conditions,
        regime=entry.regime,
        confidence_ratio=signal.confidence_ratio if signal else 0.0,
        stated_ratio=signal.stated_ratio if signal else None,
        insight=insight,
        return_ratio=trade.return_ratio,
        r_multiple=trade.r_multiple,
        is_win=trade.is_win,
        exit_reason=trade.exit_reason,
        mae_ratio=trade.mae_ratio,
        mfe_ratio=trade.mfe_ratio,
        timeframe=entry.timeframe,
        decision_id=entry.id,
        stop_ratio=stop_ratio,
        target_ratio=target_ratio,
        reward_risk=round(target_ratio / stop_ratio, 4) if target_ratio is not None and stop_ratio else None,
        size_ratio=float(trade.entry_price * trade.quantity / equity_quote) if equity_quote else None,
        factors=dict(signal.factors) if signal else {},
        model=entry.model,
        prompt_version=entry.prompt_version,
        changes=_changes(trade, target, amended),
        is_simulated=entry.is_simulated,
    )
    lesson = Lesson(f"{trade.id}#lesson", trade.id, trade.symbol, trade.closed_at, _verdict(trade), _text(trade, entry))
    return Learned(experience, lesson)


def _distance(level: Decimal, price: Decimal) -> float:
    return float(abs(level - price) / price)


def _changes(trade: Trade, target: Decimal | None, amended: Iterable[Position]) -> tuple[Change, ...]:
    found: list[Change] = []
    stop = trade.initial_stop_price
    for after in amended:
        found.append(Change(after.stop_from, after.mark_price, stop, after.stop_price, target, after.target_price))
        stop, target = after.stop_price, after.target_price
    return tuple(found)


def _verdict(trade: Trade) -> str:
    """One phrase: what kind of trade it was, by its path and its end."""
    r = trade.r_multiple
    if trade.is_win:
        return "target reached" if trade.exit_reason is ExitReason.TARGET else "profit kept"
    if trade.exit_reason is not ExitReason.STOP:
        return "left before the stop"
    initial = abs(trade.entry_price - trade.initial_stop_price) / trade.entry_price
    if trade.mfe_ratio >= float(initial):
        return "gave back a gain of 1 R and more"
    return "never worked" if r is not None and trade.mfe_ratio < 0.25 * float(initial) else "stopped out"


def _text(trade: Trade, entry: Decision) -> str:
    held = (trade.closed_at - trade.opened_at).total_seconds() / 3600
    r = "" if trade.r_multiple is None else f" ({trade.r_multiple:+.2f} R)"
    labels = ", ".join(f"{name} {word}" for name, word in entry.conditions.labels.items())
    return (
        f"{trade.side.capitalize()} {trade.symbol} in a {entry.regime} market ended by {trade.exit_reason} "
        f"after {held:.0f} h: {trade.return_ratio * 100:+.2f} %{r} net, "
        f"before costs {trade.mfe_ratio * 100:+.2f} % at best, {trade.mae_ratio * 100:+.2f} % at worst. "
        f"At entry: {labels}."
    )
