"""Where price and an indicator part: two swings of one kind, told apart by what stood behind them.

Regular: price goes further and the indicator does not; hidden: the indicator goes further and price does not."""

from collections.abc import Callable, Iterator, Sequence
from math import sqrt

from ...domain.analysis import Pattern
from .swings import Swing
from .tail import Tail, share

NEAREST, FARTHEST = 5, 60
# The least that counts as further: of price in ATR; of RSI in points, of MACD in ATR, of volume as a share of it.
PRICE_ATR, RSI, MACD_ATR, VOLUME_RATIO = 0.25, 2.0, 0.1, 0.05
Change = Callable[[Tail, Swing, Swing], float]


def divergences(tail: Tail, swings: Sequence[Swing]) -> Iterator[Pattern]:
    """Of the two newest highs and of the two newest lows that are known."""
    for first, second in ((-3, -1), (-4, -2)):
        if len(swings) >= -first:
            yield from _between(tail, swings[first], swings[second])


def _between(tail: Tail, first: Swing, second: Swing) -> Iterator[Pattern]:
    atr = tail.series["atr_14"][second.known]
    if not NEAREST <= second.at - first.at <= FARTHEST or _is_passed(tail, second):
        return
    side = 1 if second.is_high else -1
    moved = side * (second.price - first.price) / atr
    if abs(moved) < PRICE_ATR:
        return
    for name, change in CHANGES.items():
        other = side * change(tail, first, second)
        if abs(other) < 1 or (other > 0) == (moved > 0):
            continue
        word = ("" if moved > 0 else "hidden_") + ("bearish" if second.is_high else "bullish")
        confidence = sqrt(share(abs(moved), 0, 3) * share(abs(other), 0, 5))
        bars = tail.ago(first.at, second.at, second.known)
        yield Pattern(f"{name}_{word}_divergence", round(confidence, 4), bars, "down" if second.is_high else "up")


def _is_passed(tail: Tail, swing: Swing) -> bool:
    """A later close beyond the second swing: what it promised did not come."""
    later = tail.close[swing.known :]
    return max(later) > swing.price if swing.is_high else min(later) < swing.price


def _peak(values: Sequence[float], swing: Swing) -> float:
    """The indicator turns a bar or two beside the price; never later than the swing was known."""
    around = values[max(0, swing.at - 2) : min(swing.at + 2, swing.known) + 1]
    return max(around) if swing.is_high else min(around)


def _rsi(tail: Tail, first: Swing, second: Swing) -> float:
    values = tail.series["rsi_14"]
    return (_peak(values, second) - _peak(values, first)) / RSI


def _macd(tail: Tail, first: Swing, second: Swing) -> float:
    values = tail.series["macd"]
    return (_peak(values, second) - _peak(values, first)) / (MACD_ATR * tail.series["atr_14"][second.known])


def _volume(tail: Tail, first: Swing, second: Swing) -> float:
    """Change of on-balance volume between the swings as a share of what was traded: free of where it began."""
    rows = range(first.at + 1, second.at + 1)
    total = sum(tail.volume[first.at + 1 : second.at + 1])
    if not total > 0:
        return 0.0
    close = tail.close
    signed = sum(tail.volume[x] * ((close[x] > close[x - 1]) - (close[x] < close[x - 1])) for x in rows)
    return signed / total / VOLUME_RATIO


CHANGES: dict[str, Change] = {"rsi": _rsi, "macd": _macd, "volume": _volume}
