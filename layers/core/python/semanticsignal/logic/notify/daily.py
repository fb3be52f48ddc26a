"""A day that has passed → its figures, luck beside them, and a digest of what was refused."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ...domain.decision import Action, Decision
from ...domain.luck import Estimate
from ...domain.messages import Message, Row, Tone, Topic
from ...domain.money import exactly
from ...domain.trading import EquityPoint, Trade
from .messages import DAY_S, Known
from .words import money, ratio, refused

KINDS = 20
SURE = "at 90 % sure:"


@dataclass(frozen=True, slots=True)
class Day:
    """`trades`: all that closed before its end, oldest first; `figures`: theirs, and `said`: whether luck could explain
    them. `refused`: guard and reason, in order."""

    since: datetime
    until: datetime
    quote: str
    start_quote: Decimal
    before: EquityPoint | None
    after: EquityPoint
    trades: tuple[Trade, ...]
    figures: tuple[Estimate, ...]
    said: str
    decisions: tuple[Decision, ...]
    refused: tuple[tuple[str, str], ...]


@exactly
def performance(day: Day, known: Known) -> Message:
    now, then = day.after.equity_quote, day.before.equity_quote if day.before else day.start_quote
    today = [trade for trade in day.trades if trade.closed_at >= day.since]
    gained, whole = now - then, now - day.start_quote
    name = f"{day.since:%Y-%m-%d}"
    rows = [
        Row("That day", f"{money(gained, day.quote, is_signed=True)}\n{ratio(gained / then, is_signed=True)}"),
        Row("Closed that day", _won(today)),
        Row("Decisions", _actions(day.decisions) or "none"),
        Row("Equity", money(now, day.quote)),
        Row("Since the start", f"{money(whole, day.quote, is_signed=True)}\n"
                               f"{ratio(whole / day.start_quote, is_signed=True)}"),
        Row("Open at its end", _open(day)),
        *_all(day),
    ]  # fmt: skip
    return Message(
        id=f"performance#{name}",
        topic=Topic.PERFORMANCE,
        tone=Tone.GAIN if gained > 0 else Tone.LOSS if gained < 0 else Tone.FLAT,
        at=day.until,
        title=f"Day {name} · {money(gained, day.quote, is_signed=True)}",
        line=f"day {name}: {money(gained, day.quote, is_signed=True)}, equity {money(now, day.quote)}, "
        f"trades closed: {len(today)}",
        about=known.about,
        worth_s=DAY_S,
        text=day.said,
        rows=tuple(rows),
    )


def refusals(day: Day, known: Known) -> Message | None:
    """None for a day without any."""
    if not day.refused:
        return None
    kinds: dict[str, list[str]] = {}
    for guard, reason in day.refused:
        kinds.setdefault(guard, []).append(reason)
    most = sorted(kinds.items(), key=lambda kind: (-len(kind[1]), kind[0]))
    name, count = f"{day.since:%Y-%m-%d}", len(day.refused)
    return Message(
        id=f"refusals#{name}",
        topic=Topic.REFUSALS,
        tone=Tone.FLAT,
        at=day.until,
        title=f"Day {name} · not done: {count}",
        line=f"not done on {name}: {', '.join(f'{refused(guard)} {len(reasons)}' for guard, reasons in most)}",
        about=known.about,
        worth_s=DAY_S,
        text="What was wanted or due, and why it was not done; of each reason the last.",
        rows=tuple(
            Row(f"{refused(guard).capitalize()} × {len(reasons)}", reasons[-1], is_wide=True)
            for guard, reasons in most[:KINDS]
        ),
    )


def _all(day: Day) -> Iterable[Row]:
    """Of all trades, and within what the true figures may lie."""
    trades = day.trades
    yield Row("Trades in all", _won(trades))
    if not trades:
        return
    fees = sum((trade.fees_quote + trade.funding_quote for trade in trades), Decimal(0))
    yield Row("Their fees and funding", money(fees, day.quote))
    known = {one.name: one for one in day.figures}
    yield Row("Share won", _estimate(known["win_rate"], _share))
    yield Row("Mean of a trade", _estimate(known["expectancy"], lambda value: _plain(value, day.quote)), is_wide=True)


def _estimate(one: Estimate, written: Callable[[float], str]) -> str:
    if one.value is None:
        return f"undefined: {one.why}"
    if one.low is None or one.high is None:
        return f"{written(one.value)}, without an interval: {one.why}"
    return f"{written(one.value)}, {SURE} {written(one.low)} to {written(one.high)}"


def _share(value: float) -> str:
    return ratio(value, places=1)


def _open(day: Day) -> str:
    if not day.after.open_positions:
        return "nothing"
    gained = money(day.after.unrealized_pnl_quote, day.quote, is_signed=True)
    return f"{day.after.open_positions}, at {gained}\nbefore fees and funding"


def _plain(value: float, quote: str) -> str:
    return money(Decimal(repr(value)), quote, is_signed=True)


def _won(trades: Iterable[Trade]) -> str:
    made = list(trades)
    return f"{len(made)}, {sum(trade.is_win for trade in made)} won" if made else "none"


def _actions(decisions: tuple[Decision, ...]) -> str:
    counts = {action: sum(one.action is action for one in decisions) for action in Action}
    return " · ".join(f"{action} {count}" for action, count in counts.items() if count)
