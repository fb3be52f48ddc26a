"""The newest bars as a picture for eyes and models: candles, means, levels, swings, the position, volume, RSI, flow."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from threading import Lock
from typing import NamedTuple

import numpy as np

from ...domain.analysis import Snapshot
from ...domain.collected import Market
from ...domain.trading import Position
from . import swings
from .chart_below import flow_pane, rsi_pane, volume_pane
from .chart_labels import Whole, counted, date, dates, needs, percent, plain, signed
from .chart_price import mean_lines, position_zones, price_ticks, swing_marks, tag_lines, wicks
from .chart_sheet import HEIGHT, WIDTH, Font, Pen, Sheet
from .chart_view import (
    BRIGHT,
    EDGE,
    FAINT,
    FEWEST_SLOTS,
    GRID,
    LEFT,
    LEGEND,
    LEVEL_BARS,
    MEAN_PENS,
    PANEL,
    PANES,
    PAPER,
    RIGHT,
    SHOWN,
    TEXT,
    WARNING,
    View,
    bodies,
    floats,
    points,
    view_of,
)

# Fonts are drawn by code that knows no threads: one picture at a time.
_TURN = Lock()


def chart(market: Market, snapshot: Snapshot, position: Position | None) -> bytes:
    """PNG, 1920×1080, of the newest 125 candles. Means, swings and indicators are of all candles given; the same input
    is the same bytes. A level, stop or target far outside the bars' range is labeled at the edge it lies beyond."""
    with _TURN:
        return _drawn(market, snapshot, position).png()


def _drawn(market: Market, snapshot: Snapshot, position: Position | None) -> Sheet:
    view, sheet = view_of(market, snapshot, position), Sheet(PAPER)
    _panes(sheet, view)
    position_zones(sheet, view)
    bodies(sheet, view, [view.axis.y(floats(c)) for c in (view.shown.open, view.shown.close)])
    wicks(sheet, view)
    mean_lines(sheet, view)
    price_ticks(sheet, view)
    tag_lines(sheet, view)
    swing_marks(sheet, view)
    volume_pane(sheet, view)
    rsi_pane(sheet, view)
    flow_pane(sheet, view)
    _header(sheet, view)
    _numbers(sheet, view)
    _legend(sheet, view)
    return sheet


def _panes(sheet: Sheet, view: View) -> None:
    sheet.boxes(np.array([[LEFT, bottom, RIGHT, top] for bottom, top in PANES]), PANEL)
    span, rows = dates(view.opened, view.shown.timeframe.ms, max(FEWEST_SLOTS, len(view.shown)))
    sheet.lines(points([[(view.x[row], b), (view.x[row], t)] for row in rows for b, t in PANES]), Pen(GRID, layer=0.5))
    font, clear, before = Font(FAINT, align="center"), 0.0, None
    for row in rows:
        said = date(view.shown.opened_ms[row], span, before)
        middle, half = float(view.x[row]), sheet.width(said, font) / 2
        if middle - half >= clear + 12:
            clear, before = sheet.text(middle, 32, said, font)[2], view.shown.opened_ms[row]
    sheet.text(WIDTH - EDGE, 32, "UTC", Font(FAINT, align="right"))
    after = _gaps(view)
    middles = (view.x[after] + view.x[after + 1]) // 2 + 0.5
    sheet.lines(points([[(at, b), (at, t)] for at in middles for b, t in PANES]), Pen(FAINT, dash=(1, 4)))


def _gaps(view: View) -> Whole:
    """Bars behind which at least one is missing."""
    return np.flatnonzero(np.diff(view.opened) > view.shown.timeframe.ms)


class _Said(NamedTuple):
    """Words of a row, behind a piece of the line they explain."""

    words: str
    font: Font
    pen: Pen | None = None


def _row(sheet: Sheet, y: float, said: Sequence[_Said], right: float) -> None:
    """Words one after another from the left edge, all smaller where they would not end before `right`."""
    gap, piece = 26.0, 44.0
    whole = sum(sheet.width(each.words, each.font) + gap + piece * bool(each.pen) for each in said) - gap
    scale = min(1.0, (right - EDGE) / whole * 0.98)
    left = EDGE
    for each in said:
        if each.pen:
            sheet.lines(points([[(left, y), (left + (piece - 10) * scale, y)]]), each.pen)
            left += piece * scale
        left = sheet.text(left, y, each.words, each.font._replace(size=each.font.size * scale))[2] + gap * scale


def _header(sheet: Sheet, view: View) -> None:
    seen, y = view.snapshot, HEIGHT - 36.5
    at = sheet.text(WIDTH - EDGE, y, f"as of {seen.closed_at:%Y-%m-%d %H:%M} UTC", Font(TEXT, 24, align="right"))
    said = [
        _Said(f"{plain(str(view.market.symbol))}  {view.market.timeframe}", Font(BRIGHT, 34, is_bold=True)),
        _Said(f"last close {view.words(seen.price)}", Font(BRIGHT, 28)),
        _Said(plain(seen.source), Font(TEXT, 24)),
    ]
    if seen.is_simulated:
        said.append(_Said("SIMULATED MARKET", Font(PAPER, 24, is_bold=True, box=WARNING)))
    _row(sheet, y, said, at[0] - EDGE)


def _numbers(sheet: Sheet, view: View) -> None:
    shown, now = view.shown, view.snapshot.indicators
    prices = (shown.open[-1], shown.high[-1], shown.low[-1], shown.close[-1])
    said = [f"{name} {view.words(price)}" for name, price in zip("OHLC", prices, strict=True)]
    said += [percent(name, now.get(key)) for name, key in (("1 bar", "change_1_ratio"), ("42 bars", "change_42_ratio"))]
    said += [percent("ATR", now.get("atr_ratio"), is_signed=False), str(view.snapshot.regime)]
    row = [_Said(each, Font(TEXT, 20)) for each in said if each]
    _row(sheet, HEIGHT - 78.5, row + [_Said(each, Font(WARNING, 20)) for each in _doubts(view)], WIDTH - EDGE)


def _doubts(view: View) -> list[str]:
    """What is not as it should be with the bars shown."""
    shown = view.shown
    said = [f"only {counted(len(shown), 'bar')}"] if len(shown) < SHOWN else []
    said += [f"{counted(shown.gaps, 'bar')} missing at the dotted uprights"] if shown.gaps else []
    said += [f"{counted(len(shown.repairs), 'bar')} of another venue"] if shown.repairs else []
    return said + (["price disputed"] if view.snapshot.is_disputed else [])


def _legend(sheet: Sheet, view: View) -> None:
    bars, font = len(view.market.candles), Font(TEXT)
    said = []
    for period, mean, pen in zip((50, 200), view.means, MEAN_PENS, strict=True):
        known = isfinite(mean[-1])
        told = f"SMA {period}  {view.words(float(mean[-1]))}" if known else needs(f"SMA {period}", period, bars)
        said.append(_Said(told, font, pen if known else None))
    said.append(_Said("hollow up, filled down", font))
    if bars < LEVEL_BARS:
        said.append(_Said(needs("a level or swing", LEVEL_BARS, bars), font))
    else:
        said.append(_Said("×n: touched n times" if view.snapshot.levels else "no support or resistance found", font))
        said.append(_Said(f"triangles: turns of {swings.REACH_ATR:g} ATR", font))
    _row(sheet, LEGEND, said, _open_position(sheet, view))


def _open_position(sheet: Sheet, view: View) -> float:
    """Where it leaves room to its left."""
    position, price = view.position, view.snapshot.price
    if position is None:
        return WIDTH - EDGE
    gained = (price - position.entry_price) * position.side.sign
    risk = abs(position.entry_price - position.initial_stop_price)
    said = f"{position.side} since {position.opened_at:%Y-%m-%d %H:%M}    "
    said += percent("before fees", float(gained / position.entry_price))
    said += f" = {signed(float(gained / risk))} R" if risk else ""
    return sheet.text(WIDTH - EDGE, LEGEND, said, Font(TEXT, 18, align="right"))[0] - EDGE
