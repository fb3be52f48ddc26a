"""The price pane: position, bars, means, levels, and the swings with their names."""

from __future__ import annotations

import numpy as np

from ...domain.trading import Levels
from . import swings, volatility
from .chart_labels import Array, apart, first_free, spots, swing_names, tick_words
from .chart_sheet import LINE, Font, Pen, Sheet
from .chart_view import (
    BRIGHT,
    DOWN,
    GRID,
    LEFT,
    MEAN_PENS,
    PAPER,
    PRICE,
    RIGHT,
    STOP,
    TAG_HEIGHT,
    TAG_LEFT,
    TAG_ROOM,
    TARGET,
    TEXT,
    UP,
    Tag,
    View,
    floats,
    guides,
    is_rising,
    points,
    x_at,
)


def position_zones(sheet: Sheet, view: View) -> None:
    """What could be lost and what won, by the levels that rested at the time."""
    position = view.position
    if position is None:
        return
    now = Levels(position.stop_from, position.stop_price, position.target_price)
    rested = (*position.earlier, now)
    begins = [x_at(levels.since, view.opened, view.x) for levels in rested]
    entry = float(position.entry_price)
    for levels, left, right in zip(rested, begins, [*begins[1:], RIGHT], strict=True):
        for price, color in ((levels.stop_price, STOP), (levels.target_price, TARGET)):
            if price is not None and right > left:
                ends = np.clip(view.axis.y(floats((entry, float(price)))), *PRICE)
                sheet.boxes(np.array([[left, ends.min(), right, ends.max()]]), color, opacity=0.16)


def wicks(sheet: Sheet, view: View) -> None:
    low, high = (view.axis.y(floats(c)) for c in (view.shown.low, view.shown.high))
    ends = np.stack([np.column_stack([view.x, low]), np.column_stack([view.x, high])], axis=1)
    rises = is_rising(view.shown)
    for which, color in ((rises, UP), (~rises, DOWN)):
        sheet.lines(ends[which], Pen(color, width=1.5))


def mean_lines(sheet: Sheet, view: View) -> None:
    for mean, pen in zip(view.means, MEAN_PENS, strict=True):
        sheet.path(view.x, view.axis.y(mean), pen, (LEFT, PRICE[0], RIGHT, PRICE[1]))


def price_ticks(sheet: Sheet, view: View) -> None:
    said = tick_words(view.axis.step(), view.words)
    guides(sheet, view.axis, [(float(at), said(float(at))) for at in view.axis.ticks()], Pen(GRID, layer=1))


def tag_lines(sheet: Sheet, view: View) -> None:
    wanted = view.axis.y(floats([tag.price for tag in view.tags]))
    inside = (wanted >= PRICE[0]) & (wanted <= PRICE[1])
    true = np.asarray(np.round(np.clip(wanted, *PRICE)) + 0.5, dtype=np.float64)
    placed = apart(true, PRICE, TAG_HEIGHT)
    for tag, y, at, is_inside, raw in zip(view.tags, true, placed, inside, wanted, strict=True):
        arrow = "" if is_inside else "▲ " if raw > y else "▼ "
        if is_inside:
            sheet.lines(points([[(tag.since, y), (RIGHT, y)]]), Pen(tag.color, dash=tag.dash, opacity=0.85))
        sheet.lines(points([[(RIGHT, y), (TAG_LEFT - 4, at)]]), Pen(tag.color, is_smooth=True))
        said, ink, box = f"{arrow}{tag.name}  {view.words(tag.price)}", *_inks(tag)
        sheet.text(TAG_LEFT, at, said, sheet.fitted(said, Font(ink, box=box), TAG_ROOM))


def _inks(tag: Tag) -> tuple[str, str]:
    return (PAPER, tag.color) if tag.is_filled else (tag.color, PAPER)


def swing_marks(sheet: Sheet, view: View) -> None:
    """A mark at each confirmed swing, its name where there is room, and the highest and lowest price with theirs."""
    high, low = floats(view.shown.high), floats(view.shown.low)
    said: dict[tuple[int, bool], str] = {}
    for row, is_high, name in ((int(np.argmax(high)), True, "MAX"), (int(np.argmin(low)), False, "MIN")):
        said[row, is_high] = f"{name} {view.words((high if is_high else low)[row])}"
    named = _named_swings(view)
    marks = [_mark(*_tip(view, at), is_high=at[1]) for at, _ in named]
    if marks:
        sheet.shapes(marks, TEXT, edge=TEXT)
    for at, name in named:
        said[at] = f"{name}  {said[at]}" if at in said else name
    ink = np.concatenate([_ink(view), *(np.array([[*mark.min(axis=0), *mark.max(axis=0)]]) for mark in marks)])
    for at, name in said.items():
        _swing_label(sheet, view, at, name, ink)


def _tip(view: View, at: tuple[int, bool]) -> tuple[float, float]:
    row, is_high = at
    price = (view.shown.high if is_high else view.shown.low)[row]
    return float(view.x[row]), float(view.axis.y(floats([price]))[0])


def _swing_label(sheet: Sheet, view: View, at: tuple[int, bool], said: str, ink: Array) -> None:
    """Beside its mark, clear of all other words and, if that can be, of bars and lines; no room, no word."""
    font = Font(BRIGHT if " " in said else TEXT, size=15, is_bold=" " in said)
    size = (sheet.width(said, font) + 6, font.size * LINE)
    places = spots(_tip(view, at), size, (LEFT + 4, PRICE[0] + 3, RIGHT - 4, PRICE[1] - 3), is_above=at[1])
    words_there = np.array(sheet.taken)
    spot = first_free(places, [words_there, ink]) or first_free(places, [words_there])
    if spot:
        left, bottom, right, top = spot
        sheet.text((left + right) / 2, (bottom + top) / 2, said, font._replace(align="center"))


def _named_swings(view: View) -> list[tuple[tuple[int, bool], str]]:
    """Those that patterns are made of. Of all bars, for the first ones shown are held against those before; newest
    first, for theirs is the room."""
    candles, hidden = view.market.candles, len(view.market.candles) - len(view.shown)
    high, low, close = (floats(c) for c in (candles.high, candles.low, candles.close))
    reach = swings.REACH_ATR * volatility.atr(high, low, close)
    found = swings.zigzag(*(column.tolist() for column in (high, low, close, reach)))
    highs, lows = ([(each.at, each.price) for each in found if each.is_high is side] for side in (True, False))
    named = swing_names(highs, lows)
    return sorted((((row - hidden, up), name) for (row, up), name in named.items() if row >= hidden), reverse=True)


def _mark(x: float, y: float, *, is_high: bool) -> Array:
    """A small triangle that points at the end of a bar."""
    side = 1 if is_high else -1
    return np.array([(x, y + 4 * side), (x - 5, y + 11 * side), (x + 5, y + 11 * side)])


def _ink(view: View) -> Array:
    """What a word should not lie on: bars, and the means from bar to bar."""
    high, low = (view.axis.y(floats(c)) for c in (view.shown.high, view.shown.low))
    bars = np.column_stack([view.x - view.half, low, view.x + view.half, high])
    lines = [bars]
    for mean in view.means:
        y = view.axis.y(mean)
        ends = np.column_stack([view.x[:-1], np.minimum(y[:-1], y[1:]) - 3, view.x[1:], np.maximum(y[:-1], y[1:]) + 3])
        lines.append(ends[np.isfinite(ends).all(axis=1)])
    return np.concatenate(lines)
