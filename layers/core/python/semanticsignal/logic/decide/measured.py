"""What was calculated from the bars, as sections of the prompt: indicators by family, shapes, levels, macro, periods.

Prices have the decimals of the pair, everything else four significant digits."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from ...domain.analysis import Macro, Mark, Period, Snapshot
from ...domain.market import Timeframe

# Each family with its unit and its members; what ends in _ratio is 0.01 for 1 %. PRICED are quote per base.
FAMILIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "trend: quote; ppo and trix percent; adx and di 0 to 100; direction 1 or -1; td_setup -9 to 9",
        (
            "sma_20", "sma_50", "sma_200", "ema_20", "ema_50", "macd", "macd_signal", "macd_histogram", "ppo",
            "trix_15", "adx_14", "plus_di_14", "minus_di_14", "sar", "supertrend_10", "supertrend_direction",
            "ichimoku_conversion", "ichimoku_base", "ichimoku_span_a", "ichimoku_span_b", "ichimoku_cloud_top",
            "ichimoku_cloud_bottom", "vortex_plus_14", "vortex_minus_14", "slope_14_ratio", "r2_14", "pfe_10",
            "td_setup",
        ),
    ),
    (
        "momentum: 0 to 100; williams -100 to 0; tsi -100 to 100; coppock and kst percent",
        (
            "rsi_14", "change_1_ratio", "change_6_ratio", "change_14_ratio", "change_42_ratio", "stochastic_k",
            "stochastic_d", "williams_r_14", "ultimate", "tsi_25_13", "rmi_20_5", "cci_20", "coppock", "kst",
            "kst_signal",
        ),
    ),
    (
        "volatility: quote; choppiness 0 to 100",
        (
            "atr_14", "atr_ratio", "atr_rank_ratio", "bb_upper", "bb_middle", "bb_lower", "bb_position_ratio",
            "bb_width_ratio", "keltner_upper", "keltner_middle", "keltner_lower", "donchian_upper", "donchian_lower",
            "chandelier_long", "chandelier_short", "choppiness_14",
        ),
    ),
    (
        "volume: base; vwap and twap quote; mfi 0 to 100; cmf and obv -1 to 1; force quote x base",
        (
            "volume", "volume_ratio", "obv_change_10_ratio", "obv_slope_10_ratio", "ad_change_10_ratio",
            "pvt_change_10_ratio", "cmf_20", "mfi_14", "force_13", "vwap_20", "twap_20",
        ),
    ),
    (
        "statistics: of logarithmic returns; zscore of the close; hurst 0.5 +- 0.05 wanders",
        ("zscore_20", "return_variance_20", "return_skewness_20", "return_kurtosis_20", "hurst_256"),
    ),
)  # fmt: skip
GROUPED = frozenset(name for _, names in FAMILIES for name in names)
# Indicators on the scale of the price: shown with the pair's own decimals.
PRICED = frozenset((
    "sma_20", "sma_50", "sma_200", "ema_20", "ema_50", "macd", "macd_signal", "macd_histogram", "sar", "supertrend_10",
    "ichimoku_conversion", "ichimoku_base", "ichimoku_span_a", "ichimoku_span_b", "ichimoku_cloud_top",
    "ichimoku_cloud_bottom", "atr_14", "bb_upper", "bb_middle", "bb_lower", "keltner_upper", "keltner_middle",
    "keltner_lower", "donchian_upper", "donchian_lower", "chandelier_long", "chandelier_short", "vwap_20", "twap_20",
))  # fmt: skip
SPELLED = {Timeframe.D1: "daily", Timeframe.W1: "weekly"}


def indicators(seen: Snapshot, tick: Decimal) -> Iterator[str]:
    digits = decimals(tick)
    yield "[indicators]"
    for family, names in FAMILIES:
        members = [name for name in names if name in seen.indicators]
        if members:
            yield f"# {family}"
            yield from _lines(members, seen, digits)
    others = [name for name in seen.indicators if name not in GROUPED]
    if others:
        yield "# others"
        yield from _lines(others, seen, digits)


def shapes(seen: Snapshot, tick: Decimal) -> Iterator[str]:
    """Patterns, levels, pivots and the retracement of the last swing; nothing at all where there is none of them."""
    lines = [*_shapes(seen, decimals(tick))]
    if lines:
        yield "[shapes]"
        yield from lines


def _shapes(seen: Snapshot, digits: int) -> Iterator[str]:
    for pattern in seen.patterns:
        way = "" if pattern.direction == "none" else f", its books expect {pattern.direction}"
        yield f"pattern: {pattern.name}, {pattern.bars[-1]} bars ago, confidence {pattern.confidence_ratio:.2f}{way}"
    for level in seen.levels:
        away = "" if level.distance_atr is None else f", {level.distance_atr:+.2f} ATR away"
        traded = "" if level.volume_ratio is None else f", on {level.volume_ratio:.2f} of the mean volume"
        price = priced(level.price, digits)
        yield f"{level.kind}: {price}, touched {level.touches} times, last {level.bars_ago} bars ago{away}{traded}"
    yield from _calculated(seen, digits)


def _lines(names: Iterable[str], seen: Snapshot, digits: int) -> Iterator[str]:
    now, earlier = seen.indicators, seen.earlier
    for name in names:
        value, before = now[name], earlier.get(name)
        if name in PRICED:
            text = "unknown" if value is None else priced(value, digits)
            yield f"{name}: {text}" if before is None else f"{name}: {text} ({priced(before, digits)})"
        else:
            text = "unknown" if value is None else figure(value)
            yield f"{name}: {text}" if before is None else f"{name}: {text} ({figure(before)})"


def _calculated(seen: Snapshot, digits: int) -> Iterator[str]:
    if seen.pivots:
        yield f"pivots of the last day: {_marks(seen.pivots, digits)}"
    swing = seen.retracement
    if swing is not None:
        way = (
            f"{priced(swing.from_price, digits)} {swing.from_bars_ago} bars ago to "
            f"{priced(swing.to_price, digits)} {swing.to_bars_ago} bars ago"
        )
        yield f"retracement of {way}: {_marks(swing.marks, digits)}"


def _marks(marks: Iterable[Mark], digits: int) -> str:
    return ", ".join(
        f"{mark.kind} {priced(mark.price, digits)}"
        + ("" if mark.distance_atr is None else f" ({mark.distance_atr:+.2f} ATR)")
        for mark in marks
    )


def macro(seen: Snapshot, tick: Decimal) -> Iterator[str]:
    """Nothing at all where there are no longer bars."""
    if not seen.macro:
        return
    digits = decimals(tick)
    yield "[macro]"
    for one in seen.macro:
        name = SPELLED.get(one.timeframe, f"{one.timeframe}")
        yield f"{name}_trend: {one.trend}, {one.bars} bars to {one.closed_at:%Y-%m-%d}; {'; '.join(one.evidence)}"
        yield f"{name}_means: {_means(one, digits)}"
        yield f"{name}_change: {_changes(one)}"
        known = [f"{key} {figure(value)}" for key, value in one.numbers.items() if value is not None]
        if known:
            yield f"{name}_numbers: {', '.join(known)}"


def _means(one: Macro, digits: int) -> str:
    means = [f"{key} {priced(value, digits)}" for key, value in one.means.items()]
    order = [] if one.order is None else [one.order]
    cross = [] if one.cross is None else [f"{one.cross} cross of sma_50 and sma_200 {one.cross_bars_ago} bars ago"]
    return ", ".join([f"close {priced(one.close, digits)}", *means, *order, *cross])


def _changes(one: Macro) -> str:
    known = (
        ("in all", one.change_ratio),
        ("in a year", one.year_change_ratio),
        ("off sma_200", one.sma_200_distance_ratio),
    )
    parts = [f"{value * 100:+.1f} % {words}" for words, value in known if value is not None]
    if one.volatility_annual_ratio is not None:
        parts.append(f"volatility {one.volatility_annual_ratio * 100:.1f} % a year")
    return ", ".join(parts)


def periods(seen: Snapshot, tick: Decimal) -> Iterator[str]:
    if seen.periods:
        yield "[periods]"
        yield from (_period(one, decimals(tick)) for one in seen.periods)


def _period(one: Period, digits: int) -> str:
    part = "" if one.is_whole else f"only {one.bars} of {one.bars_due} bars, "
    change = "unknown" if one.change_ratio is None else f"{one.change_ratio * 100:+.2f} %"
    moved = "".join(f", {name} {_signed(value)}" for name, value in one.changes.items() if value is not None)
    return (
        f"last_{one.days}d: {part}change {change}, high {priced(one.high, digits)}, low {priced(one.low, digits)}, "
        f"mean {priced(one.mean_close, digits)}, range {one.range_ratio * 100:.2f} %, "
        f"volume {figure(one.volume)}{moved}"
    )


def _signed(value: float) -> str:
    return figure(value) if value < 0 else f"+{figure(value)}"


def decimals(tick: Decimal) -> int:
    """Of a price that is written with this tick; none for ticks of one and more."""
    exponent = tick.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def priced(value: float, digits: int) -> str:
    """What the pair's decimals would show as nothing keeps its own digits: an ATR smaller than a tick is not zero."""
    text = f"{value:.{digits}f}"
    return text if value == 0 or float(text) else figure(value)


def figure(value: float) -> str:
    size = abs(value)
    if size and size < 1e-4:
        return f"{value:.3e}"
    if 1000 <= size < 1e12:
        return f"{value:.0f}"
    text = f"{value:#.4g}"
    return text.removesuffix(".")
