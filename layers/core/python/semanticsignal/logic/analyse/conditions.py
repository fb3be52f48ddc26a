"""The conditions memory compares: one function describes "then" and "now"."""

from datetime import timedelta
from math import log

from ...domain.analysis import BookView, Snapshot, Trend
from ...domain.learning import Conditions

ADX_WEAK, ADX_STRONG = 20.0, 25.0
ATR_LOW, ATR_HIGH = 0.015, 0.03
# Rungs of each side that pressure is read from: nearer ones change by the second.
PRESSING = 20
FOUR_HOURS = timedelta(hours=4)


def conditions(snapshot: Snapshot) -> Conditions:
    """Trend, ADX, volatility, RSI, MACD, volume, Bollinger, weekend, sentiment and book pressure, as words and as
    numbers. What is not known is left out, never neutral.

    Sentiment: the Fear & Greed index, 0 to 100, in the words of its publisher (alternative.me). Pressure: imbalance of
    the order book within 20 rungs, -1 only asks … 1 only bids. ATR as of bars of four hours, by the square root of
    time: so one center suits every timeframe. Beside these ten a word on whether the trends of all timeframes agree."""
    now = snapshot.indicators
    adx, rsi, ratio = now["adx_14"], now["rsi_14"], now["volume_ratio"]
    atr, atr_ratio, band = now["atr_14"], now["atr_ratio"], now["bb_position_ratio"]
    weekend = snapshot.closed_at.weekday() >= 5
    mood, pressure = _mood(snapshot), _pressure(snapshot.book)
    histogram = _per(now["macd_histogram"], atr)
    labels = {
        "trend": str(snapshot.regime.trend),
        "adx": _word(adx, (ADX_WEAK, "low"), (ADX_STRONG, "medium"), other="high"),
        "volatility": _word(atr_ratio, (ATR_LOW, "low"), (ATR_HIGH, "medium"), other="high"),
        "rsi": _word(rsi, (30, "oversold"), (45, "weak"), (55, "middle"), (70.000001, "strong"), other="overbought"),
        "macd": _word(histogram, (0, "bearish"), other="bullish"),
        "volume": _word(ratio, (0.5, "dry"), (1.5, "normal"), other="high"),
        "bollinger": _word(band, (0.2, "near lower"), (0.8, "inside"), other="near upper"),
        "weekend": "yes" if weekend else "no",
        "sentiment": _word(
            mood, (25.000001, "extreme fear"), (46.000001, "fear"), (55, "neutral"), (75.000001, "greed"),
            other="extreme greed",
        ),
        "pressure": _word(
            pressure, (-0.3, "strong selling"), (-0.1, "selling"), (0.100001, "balanced"), (0.300001, "buying"),
            other="strong buying",
        ),
        "alignment": _alignment(snapshot),
    }  # fmt: skip
    numbers = {
        "di_difference": _minus(now["plus_di_14"], now["minus_di_14"]),
        "sma_50_atr": _per(_minus(float(snapshot.price), now["sma_50"]), atr),
        "sma_200_atr": _per(_minus(float(snapshot.price), now["sma_200"]), atr),
        "adx": adx,
        "atr_log": log(atr_ratio) + log(FOUR_HOURS / snapshot.timeframe.span) / 2 if atr_ratio else None,
        "atr_rank": now["atr_rank_ratio"],
        "rsi": rsi,
        "macd_atr": histogram,
        "volume_log": log(ratio) if ratio else None,
        "bollinger": band,
        "weekend": float(weekend),
        "sentiment": mood,
        "pressure": pressure,
    }
    return Conditions({name: label for name, label in labels.items() if label}, numbers)


def _alignment(snapshot: Snapshot) -> str:
    """bull or bear when the trends of daily and weekly bars are that of the pair's own, else mixed."""
    trends = {snapshot.regime.trend, *(large.trend for large in snapshot.macro)}
    if not snapshot.macro:
        return ""
    return "mixed" if len(trends) > 1 or Trend.NEUTRAL in trends else str(trends.pop())


def _mood(snapshot: Snapshot) -> float | None:
    told = [float(one.value) for one in snapshot.readings if one.name == "fear_greed"]
    return told[-1] if told else None


def _pressure(book: BookView | None) -> float | None:
    """At 20 rungs, or the most below that the book has."""
    depths = [depth for depth in book.depths if depth.levels <= PRESSING] if book else []
    return depths[-1].imbalance_ratio if depths else None


def _word(value: float | None, *below: tuple[float, str], other: str) -> str:
    if value is None:
        return ""
    return next((word for edge, word in below if value < edge), other)


def _minus(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left - right


def _per(value: float | None, unit: float | None) -> float | None:
    return None if value is None or not unit else value / unit
