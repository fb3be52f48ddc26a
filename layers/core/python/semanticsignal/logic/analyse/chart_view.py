"""What all panes of the chart share: palette, places, the bars shown and how their prices become pixels."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...domain.analysis import Level, Snapshot
from ...domain.collected import Market
from ...domain.market import Candles, epoch_ms
from ...domain.trading import Position
from . import trend
from .chart_labels import Array, Axis, Whole, Words, apart, words
from .chart_sheet import WIDTH, Font, Pen, Sheet

SHOWN = 125
FEWEST_SLOTS = 40  # a pair listed yesterday is not drawn with bars as wide as houses
EDGE, LEFT, RIGHT, LEGEND = 24.0, 140.0, 1640.0, 966.5
PRICE, VOLUME, RSI, FLOW = (452.0, 944.0), (326.0, 420.0), (190.0, 296.0), (56.0, 160.0)
PANES = (PRICE, VOLUME, RSI, FLOW)
TAG_HEIGHT, TAG_LEFT = 28.0, RIGHT + 22.0
TAG_ROOM = WIDTH - 10 - TAG_LEFT
REACH = 0.5  # how much of the bars' own span the price pane grows each way to show a level, a mean, a stop
RSI_PERIOD, FLOW_PERIOD, LEVEL_BARS = 14, 20, 15

# Blue and orange, hollow and filled: told apart by everybody, and on paper. Words have a contrast above 4.5.
PAPER, PANEL, GRID, FAINT, TEXT, BRIGHT = "#0e141b", "#121a23", "#1f2a36", "#8a9aad", "#c3cedb", "#ffffff"
UP, DOWN, FAST, SLOW, OBV = "#56b4e9", "#e69f00", "#f0e442", "#b79bea", "#d38bb5"
SUPPORT, RESISTANCE, ENTRY, STOP, TARGET, WARNING = "#4fb59b", "#d38bb5", "#9fb4c9", "#ff7a45", "#4fd1e0", "#ffd23f"
DOTTED, DOT_DASHED, DASHED = (2, 5), (2, 4, 8, 4), (9, 5)
MEAN_PENS = (Pen(FAST, 2), Pen(SLOW, 2.5, (7, 2)))


class Tag(NamedTuple):
    """A price worth a line across the pane and a label at its right end. `since`: where the line begins."""

    name: str
    price: float
    color: str
    dash: tuple[float, ...] = ()
    is_filled: bool = False
    since: float = LEFT


class View(NamedTuple):
    """What is drawn: `shown` of the candles there are, the bars' middles `x`, the prices' axis and their words."""

    market: Market
    snapshot: Snapshot
    position: Position | None
    shown: Candles
    x: Array
    means: tuple[Array, Array]
    tags: tuple[Tag, ...]
    axis: Axis
    words: Words

    @property
    def opened(self) -> Whole:
        return np.asarray(self.shown.opened_ms, dtype=np.int64)

    @property
    def half(self) -> float:
        """Half the width of a bar."""
        return float((RIGHT - LEFT) / (max(len(self.x), FEWEST_SLOTS) + 1) * 0.34 // 1)


def view_of(market: Market, snapshot: Snapshot, position: Position | None) -> View:
    shown, x = market.candles[-SHOWN:], _middles(min(len(market.candles), SHOWN))
    close = floats(market.candles.close)
    fast, slow = (trend.sma(close, period)[-SHOWN:] for period in (50, 200))
    opened = np.asarray(shown.opened_ms, dtype=np.int64)
    tags = _tags(snapshot, position, opened, x)
    axis = _axis(shown, (fast, slow, np.array([tag.price for tag in tags])))
    written = words(market.rules.price_tick, axis.high, snapshot.price)
    return View(market, snapshot, position, shown, x, (fast, slow), tags, axis, written)


def _tags(snapshot: Snapshot, position: Position | None, opened: Whole, x: Array) -> tuple[Tag, ...]:
    tags = [
        Tag(_level(level), level.price, *((SUPPORT, DOTTED) if level.kind == "support" else (RESISTANCE, DOT_DASHED)))
        for level in snapshot.levels
    ]
    if position is not None:
        since, rest = (x_at(at, opened, x) for at in (position.opened_at, position.stop_from))
        tags.append(Tag(f"{position.side} entry", float(position.entry_price), ENTRY, DASHED, True, since))
        tags.append(Tag("stop", float(position.stop_price), STOP, DASHED, True, rest))
        if position.target_price is not None:
            tags.append(Tag("target", float(position.target_price), TARGET, DASHED, True, rest))
    return (*tags, Tag("last", float(snapshot.price), BRIGHT, (1, 3), True))


def _level(level: Level) -> str:
    name = "sup." if level.kind == "support" else "res."
    return f"{name} ×{level.touches}" if level.touches > 1 else name


def x_at(at: datetime, opened: Whole, x: Array) -> float:
    """Where an instant lies: the middle of the bar that holds it, or the edge it is beyond."""
    row = int(np.searchsorted(opened, epoch_ms(at), side="right")) - 1
    return float(x[row]) if row >= 0 else LEFT


def _axis(shown: Candles, wanted: Sequence[Array]) -> Axis:
    """Room for all bars, for what else is wanted not far from them, and for a word above and below."""
    low, high = float(np.min(floats(shown.low))), float(np.max(floats(shown.high)))
    span = max(high - low, high * (1e-6 if high > low else 0.02))
    low, high = (low + high - span) / 2, (low + high + span) / 2
    values = np.concatenate([floats((low, high)), *wanted])
    near = values[(values >= low - REACH * span) & (values <= high + REACH * span)]
    low, high = float(near.min()), float(near.max())
    margin = 0.09 * (high - low)
    return Axis(low - margin, high + margin, PRICE)


def _middles(bars: int) -> Array:
    """The x of each bar, on whole pixels and half, newest at the right."""
    slots = max(bars, FEWEST_SLOTS)
    pitch = (RIGHT - LEFT) / (slots + 1)
    return floats(np.floor(LEFT + pitch * (np.arange(slots - bars, slots) + 1.0)) + 0.5)


def floats(values: Sequence[float] | Array) -> Array:
    return np.asarray(values, dtype=np.float64)


def points(lines: Sequence[Sequence[tuple[float, float]]]) -> Array:
    return np.array(lines, dtype=np.float64)


def guides(sheet: Sheet, axis: Axis, ticks: Sequence[tuple[float, str]], pen: Pen) -> None:
    """Level lines with their numbers at the left."""
    for value, said in ticks:
        y = axis.at(value)
        sheet.lines(points([[(LEFT, y), (RIGHT, y)]]), pen)
        font = sheet.fitted(said, Font(FAINT, size=16, align="right"), LEFT - 12 - 6)
        sheet.text(LEFT - 12, y, said, font)


def caption(sheet: Sheet, pane: tuple[float, float], said: str) -> None:
    """What a pane shows, above it, where no line runs."""
    sheet.text(LEFT, pane[1] + 14, said, sheet.fitted(said, Font(TEXT, size=16), RIGHT - LEFT))


def newest(sheet: Sheet, pane: tuple[float, float], told: Sequence[tuple[float, str, str]]) -> None:
    """The newest values at the right, each at its height: y, words, color."""
    heights = apart(floats([y for y, _, _ in told]), (pane[0] - 4, pane[1] + 4), 22)
    for (_, said, color), y in zip(told, heights, strict=True):
        sheet.text(TAG_LEFT, float(y), said, sheet.fitted(said, Font(color, is_bold=True), TAG_ROOM))


def is_rising(shown: Candles) -> NDArray[np.bool_]:
    return np.asarray(floats(shown.close) >= floats(shown.open), dtype=np.bool_)


def bodies(sheet: Sheet, view: View, ends: Sequence[Array]) -> None:
    """Hollow where the price rose, filled where it fell; at least a pixel high."""
    bottom, top = np.floor(np.minimum(*ends)) + 0.5, np.floor(np.maximum(*ends)) + 0.5
    edges = np.column_stack([view.x - view.half, bottom, view.x + view.half, np.maximum(top, bottom + 1)])
    rises, drawn = is_rising(view.shown), np.isfinite(bottom)
    for which, color, face in ((rises, UP, PANEL), (~rises, DOWN, DOWN)):
        sheet.boxes(edges[which & drawn], face, edge=color)
