"""Figures as people read them: prices by the venue's tick, money in the pair's quote."""

from datetime import datetime, timedelta
from decimal import Decimal

from ...domain.market import Symbol
from ...domain.money import exactly

CENT, MOST_PLACES, FIGURES = 2, 18, 4
LEAST = Decimal("0.01")
IN_CENTS = frozenset({"USD", "USDC", "USDT", "DAI", "FDUSD", "PYUSD", "TUSD", "USDE", "EUR", "EURC", "GBP"})
# Guards, as people would say what they refuse.
REFUSED = {
    "already_open": "a position is open already", "cash": "not enough cash",
    "clock": "the time is unsure", "completeness": "too little data",
    "confidence": "confidence too low", "cooldown": "too soon after the last entry",
    "daily_loss": "loss limit of the day", "drawdown": "drawdown limit", "exposure": "too much at work already",
    "gapped": "the price jumped a level", "late": "candle came too late", "losing_streak": "pause after losses",
    "model": "no model answered", "no_position": "nothing is open", "no_price": "no price came",
    "order_waiting": "an order waits already", "overtaken": "overtaken by another change",
    "price_band": "price not believed", "price_disputed": "venues disagree on the price",
    "reply": "answer could not be read", "reward_risk": "too little reward for the risk",
    "short_on_spot": "nothing there to sell", "size": "size cannot be traded", "stale": "decided too late",
    "stop_distance": "stop too near or too far", "stop_loosened": "stop would be loosened",
    "stop_missing": "no stop was given", "stop_side": "stop on the wrong side",
    "target_side": "target on the wrong side", "tightened_early": "stop tightened too early",
}  # fmt: skip
# A figure and its unit stay on one line.
SPACE = "\u00a0"


@exactly
def price(value: Decimal, symbol: Symbol, tick: Decimal | None = None) -> str:
    """By the tick; where nobody knows it, with every digit there is."""
    places = _places(tick or value)
    return f"{value:,.{places}f}{SPACE}{symbol.quote}"


@exactly
def money(value: Decimal, quote: str, *, is_signed: bool = False) -> str:
    """In cents; what is less than a cent, or than one of what has none, by its first digits."""
    places = CENT
    if value and abs(value) < (LEAST if quote in IN_CENTS else 1):
        places = max(CENT, min(MOST_PLACES, FIGURES - 1 - value.adjusted()))
    text = f"{value:{'+' if is_signed else ''},.{places}f}"
    whole, point, cents = text.partition(".")
    return f"{whole}{point}{cents[:CENT]}{cents[CENT:].rstrip('0')}{SPACE}{quote}".replace("-", "−")


@exactly
def amount(value: Decimal, symbol: Symbol) -> str:
    return f"{value:,.{_places(value)}f}{SPACE}{symbol.base}"


def ratio(value: float | Decimal, *, is_signed: bool = False, places: int = 2) -> str:
    return f"{100 * value:{'+' if is_signed else ''}.{places}f}{SPACE}%".replace("-", "−")


@exactly
def away(level: Decimal, entry: Decimal) -> str:
    """How far from the price, with its sign."""
    return ratio((level - entry) / entry, is_signed=True)


def lasted(span: timedelta) -> str:
    minutes = int(span.total_seconds()) // 60
    days, hours = divmod(minutes // 60, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def refused(guard: str) -> str:
    return REFUSED.get(guard, guard.replace("_", " "))


def instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return min(MOST_PLACES, max(0, -exponent)) if isinstance(exponent, int) else CENT
