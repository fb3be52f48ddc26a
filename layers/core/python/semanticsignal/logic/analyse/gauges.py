"""What the indicators show by themselves: oscillators at their ends, volatility that rests or bursts, loud volume."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from ...domain.analysis import Pattern
from .swings import zigzag
from .tail import END, Tail, clear, run, share

RSI_LOW, RSI_TURN = 30.0, 5.0
STOCH_LOW = 20.0
RUN_BARS = 9
SQUEEZE_RATIO, SQUEEZE_BARS, SQUEEZE_LEAST = 0.05, 500, 100
KELTNER_ATR = 1.5
SPIKE, CLIMAX, DRY = 2.5, 3.0, 0.5
FLOW_BARS, FLOW_RATIO = 20, 0.65


def momentum(tail: Tail, within: int) -> Iterator[Pattern]:
    rsi = tail.series["rsi_14"]
    yield from _beyond("rsi", rsi, RSI_LOW)
    if len(rsi) > 3 * RUN_BARS:
        newest = rsi[-60:]
        yield from _double_turn(newest, "rsi_w_bottom", "up")
        yield from _double_turn([100 - x for x in newest], "rsi_m_top", "down")
    yield from _histogram(tail.series["macd_histogram"])
    yield from _stochastic(tail, within)


def _beyond(name: str, values: Sequence[float], low: float) -> Iterator[Pattern]:
    """An oscillator of 0…100 beyond its threshold now, and since when (Wilder; Lane)."""
    newest = values[-1]
    if newest < low:
        bars = run([x < low for x in values[-END:]])
        yield Pattern(f"{name}_oversold", clear(low - newest, 0, low / 2), (bars - 1, 0), "up")
    elif newest > 100 - low:
        bars = run([x > 100 - low for x in values[-END:]])
        yield Pattern(f"{name}_overbought", clear(newest - 100 + low, 0, low / 2), (bars - 1, 0), "down")


def _double_turn(rsi: Sequence[float], name: str, direction: str) -> Iterator[Pattern]:
    """Wilder's failure swing, of an RSI that is low: a trough beyond the threshold, a second no lower, and then a rise
    past the peak between."""
    if not min(rsi) < RSI_LOW:
        return
    turns = zigzag(rsi, rsi, rsi, [RSI_TURN] * len(rsi))
    last = len(turns) - 1
    for end in range(last, max(1, last - 3), -1):
        first, peak, second = turns[end - 2 : end + 1]
        if second.is_high or first.price >= RSI_LOW or not 0 <= second.price - first.price <= 10:
            continue
        stop = turns[end + 2].at if end + 2 <= last else len(rsi)
        row = next((x for x in range(second.at + 1, stop) if rsi[x] > peak.price), None)
        if row is not None:
            bars = tuple(len(rsi) - 1 - x for x in (first.at, second.at, max(row, second.known)))
            depth = share(RSI_LOW - first.price, 0, 10)
            alike = 1 - (second.price - first.price) / 10
            yield Pattern(name, round((depth + alike + share(peak.price - first.price, 0, 25)) / 3, 4), bars, direction)
            return


def _histogram(values: Sequence[float]) -> Iterator[Pattern]:
    """The MACD histogram growing or shrinking for five bars in a row or more (Appel)."""
    steps = [after - before for before, after in pairwise(values[-16:])]
    for word, direction, side in (("rising", "up", 1), ("falling", "down", -1)):
        bars = run([side * step > 0 for step in steps])
        if bars >= 5:
            yield Pattern(f"macd_histogram_{word}", clear(bars, 5, 10), (bars, 0), direction)


def _stochastic(tail: Tail, within: int) -> Iterator[Pattern]:
    """Slow stochastic 14, 3, 3 (Lane): beyond 20 or 80, and K crossing D out of there."""
    fast, slow = tail.series["stochastic_k"], tail.series["stochastic_d"]
    yield from _beyond("stoch", fast, STOCH_LOW)
    for ago in range(min(within, len(fast) - 2) + 1):
        now, before = len(fast) - 1 - ago, len(fast) - 2 - ago
        gap, was = fast[now] - slow[now], fast[before] - slow[before]
        edge = min(fast[before], slow[before]) if gap > 0 else 100 - max(fast[before], slow[before])
        if gap * was <= 0 and gap and edge < STOCH_LOW:
            word = "up" if gap > 0 else "down"
            yield Pattern(f"stoch_cross_{word}", clear(abs(gap), 0, 20), (ago + 1, ago), word)
            return


def alignment(tail: Tail) -> Iterator[Pattern]:
    """The averages of 20, 50 and 200 bars in the order of a trend, and since when."""
    fast, middle, slow = (tail.series[f"sma_{bars}"] for bars in (20, 50, 200))
    atr = tail.series["atr_14"][-1]
    if not (atr > 0 and (fast[-1] > middle[-1] > slow[-1] or fast[-1] < middle[-1] < slow[-1])):
        return
    columns = zip(fast, middle, slow, strict=True)
    is_up = fast[-1] > middle[-1]
    bars = run([f > m > s if is_up else f < m < s for f, m, s in columns])
    spread = min(abs(fast[-1] - middle[-1]), abs(middle[-1] - slow[-1])) / atr
    word = "up" if is_up else "down"
    yield Pattern(f"sma_alignment_{word}", round(share(spread, 0, 3), 4), (bars - 1, 0), word)


def volatility(tail: Tail, widths: np.ndarray, within: int) -> Iterator[Pattern]:
    """`widths`: of the Bollinger bands as a ratio, as long as is known."""
    atr = tail.series["atr_14"]
    for row in range(len(atr) - 1, max(13, len(atr) - 2 - within), -1):
        usual = sum(atr[row - 14 : row]) / 14
        if usual > 0 and atr[row] >= 1.5 * usual:
            yield Pattern("atr_spike", clear(atr[row] / usual, 1.5, 2.5), tail.ago(row))
            break
    yield from _volatility_run(atr[-RUN_BARS - 1 :])
    yield from _bands(widths[-SQUEEZE_BARS:])
    yield from _squeeze(tail, within)


def _volatility_run(atr: Sequence[float]) -> Iterator[Pattern]:
    """Eight of the last nine steps of the average true range one way, by a sixth together or more."""
    ups = sum(after > before for before, after in pairwise(atr))
    downs = sum(after < before for before, after in pairwise(atr))
    if max(ups, downs) < RUN_BARS - 1 or not atr[0] > 0:
        return
    change = atr[-1] / atr[0] if ups > downs else atr[0] / max(atr[-1], atr[0] / 100)
    if change >= 7 / 6:
        word = "rising" if ups > downs else "falling"
        yield Pattern(f"volatility_{word}", clear(change, 7 / 6, 2), (RUN_BARS, 0))


def _bands(widths: np.ndarray) -> Iterator[Pattern]:
    """Bollinger's squeeze: narrower now than 95 of 100 of the last 500 bars."""
    known = widths[~np.isnan(widths)]
    # Dust of rounding is no width: a market that stands still is not squeezed.
    if len(known) < SQUEEZE_LEAST or not known[-1] > 1e-9:
        return
    rank = float(np.count_nonzero(known < known[-1])) / (len(known) - 1)
    if rank <= SQUEEZE_RATIO:
        yield Pattern("bb_squeeze", clear(-rank, -SQUEEZE_RATIO, 0), (0,))


def _squeeze(tail: Tail, within: int) -> Iterator[Pattern]:
    """Carter's squeeze: two deviations inside one and a half ranges, both around one average; and its release, to the
    side of the average on which the bar closed."""
    names = ("bb_upper", "bb_lower", "atr_14", "sma_20")
    upper, lower, atr, middle = (tail.series[name][-40:] for name in names)
    ratios = [(u - b) / (2 * KELTNER_ATR * a) if a > 0 else 1.0 for u, b, a in zip(upper, lower, atr, strict=True)]
    inside = [ratio < 1 for ratio in ratios]
    bars = run(inside)
    if bars:
        yield Pattern("ttm_squeeze", clear(-ratios[-1], -1, -0.6), (bars - 1, 0))
        return
    ago = run([not x for x in inside]) - 1
    before = run(inside[: len(inside) - 1 - ago])
    if 0 <= ago <= within and before >= 5:
        word = "up" if tail.close[-1 - ago] > middle[-1 - ago] else "down"
        yield Pattern(f"ttm_release_{word}", clear(before, 5, 20), (ago + before, ago), word)


def volume(tail: Tail, within: int) -> Iterator[Pattern]:
    traded, last = tail.volume, len(tail.volume) - 1
    rows = range(last, max(last - within - 1, 19), -1)
    for row in rows:
        usual = sum(traded[row - 20 : row]) / 20
        if usual > 0 and traded[row] >= SPIKE * usual:
            body = tail.close[row] - tail.open[row]
            direction = "up" if body > 0 else "down" if body < 0 else "none"
            yield Pattern("volume_spike", clear(traded[row] / usual, SPIKE, 2 * SPIKE), tail.ago(row), direction)
            break
    climaxes = (_climax(tail, row) for row in rows if row >= 50)
    yield from [climax for climax in climaxes if climax][:1]
    yield from _quiet(traded)
    yield from _flow(tail)


def _climax(tail: Tail, row: int) -> Pattern | None:
    """Wyckoff's climax: thrice the volume of 50 bars on a wide bar that reaches a new extreme of 20."""
    traded, atr = tail.volume, tail.series["atr_14"][row - 1]
    usual = sum(traded[row - 50 : row]) / 50
    if not (usual > 0 and atr > 0 and traded[row] >= CLIMAX * usual and tail.high[row] - tail.low[row] >= 2 * atr):
        return None
    confidence = clear(traded[row] / usual, CLIMAX, 2 * CLIMAX)
    if tail.close[row] < tail.open[row] and tail.low[row] < min(tail.low[row - 20 : row]):
        return Pattern("selling_climax", confidence, tail.ago(row), "up")
    if tail.close[row] > tail.open[row] and tail.high[row] > max(tail.high[row - 20 : row]):
        return Pattern("buying_climax", confidence, tail.ago(row), "down")
    return None


def _quiet(traded: Sequence[float]) -> Iterator[Pattern]:
    if len(traded) < 23:
        return
    usual, now = sum(traded[-23:-3]) / 20, sum(traded[-3:]) / 3
    if usual > 0 and now <= DRY * usual:
        yield Pattern("volume_dry_up", clear(-now / usual, -DRY, 0), (2, 0))


def _flow(tail: Tail) -> Iterator[Pattern]:
    """Granville's: of what was traded in 20 bars, two thirds in those that rose, or in those that fell."""
    if len(tail.close) <= FLOW_BARS:
        return
    rows = range(len(tail.close) - FLOW_BARS, len(tail.close))
    up = sum(tail.volume[row] for row in rows if tail.close[row] > tail.close[row - 1])
    down = sum(tail.volume[row] for row in rows if tail.close[row] < tail.close[row - 1])
    if not up + down > 0:
        return
    for name, direction, part in (("accumulation", "up", up), ("distribution", "down", down)):
        if part / (up + down) >= FLOW_RATIO:
            yield Pattern(f"volume_{name}", clear(part / (up + down), FLOW_RATIO, 0.9), (FLOW_BARS - 1, 0), direction)
