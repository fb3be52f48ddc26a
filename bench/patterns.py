"""`python -m bench.patterns`: how often each pattern comes, on BTC and by chance, and what came after.

Writes docs/patterns.md; the same candles give the same page."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.measures import ROOT
from semanticsignal.adapters.candle_files import read
from semanticsignal.domain.market import Candles, Symbol, Timeframe
from semanticsignal.logic.analyse import patterns
from semanticsignal.logic.analyse.series import columns, series

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
PAGE = ROOT / "docs" / "patterns.md"
TAPE = "candles/binance_spot_BTCUSDT_4h.parquet"
FROM_MS, TO_MS = 1_514_764_800_000, 1_751_328_000_000  # 2018-01-01, 2025-07-01
WINDOW = 999
STEPS = 24
HORIZONS = (6, 42)
BLOCK, DRAWS, SEED, FEWEST = 126, 2000, 7, 10

HEAD = """# Patterns

Made by `python -m bench.patterns`; not edited by hand. What `logic/analyse/patterns.py` tells the model, what makes
each, where it is from, and how often it comes.

Confidence (0…1) says how clearly a shape is drawn: symmetry, depth in average true ranges, fit of the lines, touches;
for a crossing, how new it is. It is calibrated to no result. `bars` name the bars that made it, the last the one that
completed it: its age. `direction` is where its books expect the price. A pattern older than its family's window is not
told: {windows} bars. Of one family only the newest and then the strongest are told: {most}.

Swings are those of a zigzag that turns when a close is two average true ranges from the extreme; nothing is made of a
swing before that close. Prices are measured in average true ranges, so that no pattern knows a unit of price.

## What they are

| pattern | what makes it | source |
|---|---|---|
"""
BOOKS = """
`…_break_up`, `…_break_down`: a close left the triangle, wedge, channel or rectangle on that side.

Appel, *Technical Analysis: Power Tools*, 2005. Bollinger, *Bollinger on Bollinger Bands*, 2001. Brown, *Technical
Analysis for the Trading Professional*, 1999. Bulkowski, *Encyclopedia of Chart Patterns*, 2005. Carter, *Mastering the
Trade*, 2005. Edwards & Magee, *Technical Analysis of Stock Trends*, 1948. Elder, *Trading for a Living*, 1993.
Granville, *New Key to Stock Market Profits*, 1963. Lane, *Lane's Stochastics*, 1984. Lo, Mamaysky & Wang, *Foundations
of Technical Analysis*, 2000. Morris, *Candlestick Charting Explained*, 2006. Murphy, *Technical Analysis of the
Financial Markets*, 1999. Nison, *Japanese Candlestick Charting Techniques*, 1991. Pruden, *The Three Skills of Top
Trading*, 2007. Wilder, *New Concepts in Technical Trading Systems*, 1978. What "is common" has no single source.
"""
READING = """
## How often they come, and what came after

BTC/USDT 4h, {start} to {end}, {bars} bars, windows of {window} as in the live system. A *firing* is a bar at which the
pattern is told and at the bar before was not. `walk`: geometric Brownian motion with the same volatility a bar
({volatility:.2f} %) and the real volumes shuffled; `shuffled`: the real bars in a random order, each with its own body,
wicks and volume. Both are seeded and as long as BTC. Rates are firings per 1,000 bars. Returns: mean from the close of
the firing to the close 6 and 42 bars later (a day, a week) in %, of n firings, with a 95 % interval by a moving-block
bootstrap (blocks of {block} bars, {draws} draws, seeded). `any bar` is what holding gave.

**How to read it:** what fires as often on noise as on BTC says nothing by firing. What fires more often says that the
market is not that noise (volatility comes in clusters), which is not yet that it pays. A return means something only
when its interval leaves out the mean of `any bar`; of {rows} rows about {lucky} would do so in each column by luck
alone, and {outside_6} and {outside_42} do.

| pattern | BTC | walk | shuffled | n | after 6 bars, % | after 42 bars, % |
|---|---|---|---|---|---|---|
"""
KINDS = (
    ("macd_cross_up/down", "MACD line over or under its signal, 12 bars", "Appel 2005"),
    ("macd_zero_cross_up/down", "MACD line over or under zero, 12 bars", "Appel 2005"),
    ("sma_20_50_cross_up/down", "20-bar average over or under that of 50, 30 bars", "Murphy 1999, ch. 9"),
    ("sma_50_200_cross_up/down", "golden and death cross, 60 bars", "Murphy 1999, ch. 9"),
    ("sma_alignment_up/down", "averages of 20, 50, 200 in order, and since when", "Murphy 1999, ch. 9"),
    ("rsi_oversold/overbought", "RSI 14 below 30, above 70, and since when", "Wilder 1978"),
    ("rsi_w_bottom", "two RSI troughs, the first below 30, the second no lower, then past the peak between",
     "Wilder 1978 (failure swing)"),
    ("rsi_m_top", "its mirror above 70", "Wilder 1978 (failure swing)"),
    ("macd_histogram_rising/falling", "five steps or more one way", "Appel 2005; Elder 1993"),
    ("stoch_oversold/overbought", "slow %K 14, 3 below 20, above 80, and since when", "Lane 1984"),
    ("stoch_cross_up/down", "%K crosses %D out of there", "Lane 1984"),
    ("rsi_bullish/bearish_divergence", "price goes further at the second of two swings, RSI does not", "Wilder 1978"),
    ("rsi_hidden_bullish/bearish_divergence", "RSI goes further, price does not", "Cardwell, in Brown 1999"),
    ("macd_bullish/bearish_divergence", "as with RSI, by the MACD line", "Appel 2005; Elder 1993"),
    ("macd_hidden_bullish/bearish_divergence", "as with RSI, by the MACD line", "Brown 1999"),
    ("volume_bullish/bearish_divergence", "as with RSI, by on-balance volume", "Granville 1963"),
    ("volume_hidden_bullish/bearish_divergence", "as with RSI, by on-balance volume", "Granville 1963; Brown 1999"),
    ("atr_spike", "average true range 1.5 × its mean of the 14 bars before", "Wilder 1978 (the range)"),
    ("volatility_rising/falling", "eight of nine steps of the range one way, by a sixth together", "is common"),
    ("bb_squeeze", "Bollinger bands narrower than in 95 of 100 of the last 500 bars", "Bollinger 2001"),
    ("ttm_squeeze", "Bollinger bands (2 σ) inside Keltner's (1.5 ranges), and since when", "Carter 2005"),
    ("ttm_release_up/down", "its end after five bars or more, to the side of the close", "Carter 2005"),
    ("volume_spike", "2.5 × the mean of the 20 bars before", "is common"),
    ("selling_climax", "3 × the mean of 50 on a falling bar of two ranges at a low of 20", "Wyckoff, in Pruden 2007"),
    ("buying_climax", "its mirror", "Wyckoff, in Pruden 2007"),
    ("volume_dry_up", "three bars at half the mean of the 20 before, or less", "is common"),
    ("volume_accumulation/distribution", "65 % of 20 bars' volume in rising, falling closes", "Granville 1963"),
    ("double_top/bottom", "two peaks alike to a quarter of their height after a move as tall; a close breaks it",
     "Edwards & Magee 1948; Bulkowski 2005"),
    ("triple_top/bottom", "the same of three peaks", "Edwards & Magee 1948; Bulkowski 2005"),
    ("head_and_shoulders", "a head between even shoulders; a close breaks the neckline",
     "Edwards & Magee 1948; Lo, Mamaysky & Wang 2000"),
    ("inverse_head_and_shoulders", "its mirror", "the same"),
    ("ascending_triangle", "five or six swings on a flat top and a rising bottom, narrowing", "Edwards & Magee 1948"),
    ("descending_triangle", "on a flat bottom and a falling top, narrowing", "Edwards & Magee 1948"),
    ("symmetrical_triangle", "a falling top and a rising bottom", "Edwards & Magee 1948"),
    ("rising_wedge", "both rise, narrowing", "Bulkowski 2005"),
    ("falling_wedge", "both fall, narrowing", "Bulkowski 2005"),
    ("rising_channel", "both rise side by side", "Murphy 1999, ch. 4"),
    ("falling_channel", "both fall side by side", "Murphy 1999, ch. 4"),
    ("rectangle", "both flat", "Edwards & Magee 1948"),
    ("bull_flag", "a short rest against a steep leg of five ranges, giving back less than half", "Bulkowski 2005"),
    ("bear_flag", "its mirror", "Bulkowski 2005"),
    ("bull_pennant", "such a rest that narrows", "Bulkowski 2005"),
    ("bear_pennant", "its mirror", "Bulkowski 2005"),
    ("higher_highs_and_lows", "the two newest highs and the two newest lows rise", "Dow, in Murphy 1999, ch. 2"),
    ("lower_highs_and_lows", "both fall", "Dow, in Murphy 1999, ch. 2"),
    ("spreading_swings", "a higher high and a lower low", "Dow, in Murphy 1999, ch. 2"),
    ("narrowing_swings", "a lower high and a higher low", "Dow, in Murphy 1999, ch. 2"),
    ("bullish/bearish_engulfing", "TA-Lib CDLENGULFING, after a move of a range against it", "Nison 1991"),
    ("bullish/bearish_harami", "TA-Lib CDLHARAMI, after such a move", "Nison 1991"),
    ("hammer", "TA-Lib CDLHAMMER, after such a move", "Nison 1991"),
    ("shooting_star", "the same in a mirror: TA-Lib's own asks for a gap", "Nison 1991"),
    ("hanging_man", "TA-Lib CDLHANGINGMAN, after such a move", "Nison 1991"),
    ("inverted_hammer", "the same in a mirror", "Nison 1991"),
    ("dragonfly_doji", "TA-Lib CDLDRAGONFLYDOJI, after such a move", "Nison 1991"),
    ("gravestone_doji", "the same in a mirror", "Nison 1991"),
    ("doji", "TA-Lib CDLDOJI, after a move of a range either way", "Nison 1991"),
    ("morning_star", "a long body, a small one, one that takes back half; after such a move; no gap is asked for",
     "Nison 1991"),
    ("evening_star", "its mirror", "Nison 1991"),
    ("three_inside_up/down", "TA-Lib CDL3INSIDE, after such a move", "Morris 2006"),
    ("three_white_soldiers", "three bodies up, none small, each closing in the end quarter of its bar", "Nison 1991"),
    ("three_black_crows", "its mirror", "Nison 1991"),
    ("bullish/bearish_marubozu", "TA-Lib CDLMARUBOZU", "Nison 1991"),
)  # fmt: skip


class Firings(NamedTuple):
    """Row numbers from the first full window on, by pattern; `rows`: how many were looked at."""

    at: dict[str, Rows]
    rows: int

    def rate(self, name: str) -> float:
        return 1000 * len(self.at.get(name, ())) / self.rows


def firings(candles: Candles) -> Firings:
    whole = series(columns(candles))
    at: dict[str, list[int]] = {}
    before: set[str] = set()
    for end in range(WINDOW, len(candles) + 1):
        cut = slice(end - WINDOW, end)
        told = patterns.found(candles[cut], {name: values[cut] for name, values in whole.items()})
        names = {pattern.name for pattern in told}
        for name in names - before:
            at.setdefault(name, []).append(end - 1)
        before = names
    return Firings({name: np.array(rows, dtype=np.int64) for name, rows in at.items()}, len(candles) + 1 - WINDOW)


def of(candles: Candles, prices: Sequence[Any], volume: Any) -> Candles:
    opened, high, low, close = prices
    return replace(candles, source="chance", open=opened, high=high, low=low, close=close, volume=volume)


def brownian(candles: Candles, chance: np.random.Generator) -> Candles:
    """As many bars of a continuous walk, each seen at `STEPS` instants."""
    close = np.asarray(candles.close)
    volatility = np.diff(np.log(close)).std()
    steps = chance.normal(0, volatility / np.sqrt(STEPS), (len(close), STEPS))
    path = np.exp(np.cumsum(steps)).reshape(steps.shape) * close[0]
    opened = np.concatenate(([close[0]], path[:-1, -1]))
    high, low = np.maximum(path.max(axis=1), opened), np.minimum(path.min(axis=1), opened)
    return of(candles, (opened, high, low, path[:, -1]), chance.permutation(np.asarray(candles.volume)))


def shuffled(candles: Candles, chance: np.random.Generator) -> Candles:
    """The same bars in another order: each opens where the one before closed."""
    close = np.asarray(candles.close)
    base = np.concatenate(([candles.open[0]], close[:-1]))
    order = chance.permutation(len(close))
    opened, high, low, last = (np.asarray(x)[order] / base[order] for x in
                               (candles.open, candles.high, candles.low, candles.close))  # fmt: skip
    after = np.cumprod(last) * close[0]
    before = np.concatenate(([close[0]], after[:-1]))
    prices = (before * opened, before * high, before * low, after)
    return of(candles, prices, np.asarray(candles.volume)[order])


class After(NamedTuple):
    """Mean return in % and its 95 % interval; None where too few fired."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.2f} ({self.low:+.2f} … {self.high:+.2f})"


def after(close: Array, at: Rows, bars: int, starts: Rows) -> After | None:
    """Blocks of bars are drawn, and the firings that lie in them averaged."""
    known = at[at < len(close) - bars]
    if len(known) < FEWEST:
        return None
    fired, gained = np.zeros(len(close) + 1), np.zeros(len(close) + 1)
    fired[known + 1] = 1
    gained[known + 1] = 100 * (close[known + bars] / close[known] - 1)
    counts, sums = (np.cumsum(x) for x in (fired, gained))
    drawn = (counts[starts + BLOCK] - counts[starts]).sum(axis=1)
    means = (sums[starts + BLOCK] - sums[starts]).sum(axis=1)[drawn > 0] / drawn[drawn > 0]
    return After(gained.sum() / len(known), *np.quantile(means, (0.025, 0.975)))


def spelled(names: str) -> set[str]:
    """`rsi_oversold/overbought` → both; `bullish/bearish_harami` too."""
    left, slash, right = names.partition("/")
    if not slash:
        return {names}
    head, tail = left.rpartition("_")[0], right.partition("_")[2]
    first, second = left.rpartition("_")[2], right.partition("_")[0]
    fixed = [f"{head}_" if head else "", f"_{tail}" if tail else ""]
    return {f"{fixed[0]}{word}{fixed[1]}" for word in (first, second)}


def undocumented(names: set[str]) -> set[str]:
    told = {name for kind, _, _ in KINDS for name in spelled(kind)}
    return {name for name in names if name.partition("_break_")[0] not in told}


def line(name: str, rates: Sequence[str], fired: int, gains: Sequence[After | None]) -> str:
    told = [str(gain) if gain else "too few" for gain in gains]
    return f"| {' | '.join([name, *rates, str(fired), *told])} |\n"


def page(candles: Candles) -> str:
    chance = np.random.default_rng(SEED)
    each = [firings(x) for x in (candles, brownian(candles, chance), shuffled(candles, chance))]
    names = sorted(set().union(*(one.at for one in each)))
    if missing := undocumented(set(names)):
        raise SystemExit(f"bench.patterns: KINDS must say what these are, was without {', '.join(sorted(missing))}")
    close = np.asarray(candles.close)
    starts = chance.integers(WINDOW - 1, len(close) - BLOCK, (DRAWS, (len(close) - WINDOW) // BLOCK))

    def gains(at: Rows) -> list[After | None]:
        return [after(close, at, bars, starts) for bars in HORIZONS]

    every = np.arange(WINDOW - 1, len(close), dtype=np.int64)
    usual, told = gains(every), {name: gains(each[0].at.get(name, every[:0])) for name in names}
    rows = [line("any bar", ["", "", ""], len(every), usual)]
    for name in names:
        fired = len(each[0].at.get(name, ()))
        rows.append(line(name, [f"{one.rate(name):.2f}" for one in each], fired, told[name]))
    return head() + reading(candles, usual, list(told.values())) + "".join(rows)


def head() -> str:
    windows = ", ".join(f"{family} {bars}" for family, (bars, _) in patterns.FAMILIES.items())
    most = ", ".join(f"{family} {count}" for family, (_, count) in patterns.FAMILIES.items())
    kinds = "".join(f"| {name} | {rule} | {source} |\n" for name, rule, source in KINDS)
    return HEAD.format(windows=windows, most=most) + kinds + BOOKS


def reading(candles: Candles, usual: list[After | None], told: list[list[After | None]]) -> str:
    outside = [
        sum(gain is not None and mean is not None and not gain.low <= mean.mean <= gain.high for gain in column)
        for mean, column in zip(usual, zip(*told, strict=True), strict=True)
    ]
    known = sum(gains[0] is not None for gains in told)
    return READING.format(
        start=candles.candle(0).opened_at.date(), end=candles.closed_at.date(), bars=len(candles), window=WINDOW,
        volatility=100 * np.diff(np.log(np.asarray(candles.close))).std(), block=BLOCK, draws=DRAWS, rows=known,
        lucky=round(0.05 * known), outside_6=outside[0], outside_42=outside[1],
    )  # fmt: skip


def tape() -> Candles:
    folder = Path(os.environ.get("SEMSIG_DATA") or ROOT.parent / "shared" / "data")
    whole = read(folder / TAPE, Symbol("BTC", "USDT"), Timeframe.H4, "binance")
    first, end = (int(np.searchsorted(np.asarray(whole.opened_ms), ms)) for ms in (FROM_MS, TO_MS))
    return whole[first:end]


if __name__ == "__main__":
    PAGE.write_text(page(tape()), encoding="utf-8")
