"""The panes below the prices: volume, RSI, money flow. Each says what it shows, or why it cannot."""

from __future__ import annotations

from math import isfinite

import numpy as np

from . import momentum, volume
from .chart_labels import Array, Axis, needs, plain, short, signed
from .chart_sheet import Pen, Sheet, known_runs
from .chart_view import (
    BRIGHT,
    DASHED,
    DOWN,
    FAINT,
    FLOW,
    FLOW_PERIOD,
    GRID,
    LEFT,
    OBV,
    RIGHT,
    RSI,
    RSI_PERIOD,
    SHOWN,
    TEXT,
    UP,
    VOLUME,
    View,
    bodies,
    caption,
    floats,
    guides,
    newest,
)


def volume_pane(sheet: Sheet, view: View) -> None:
    traded = floats(view.shown.volume)
    most, base = float(traded.max()), plain(view.shown.symbol.base)
    if most <= 0:
        caption(sheet, VOLUME, f"Volume: nothing was traded in these {len(traded)} bars")
        return
    axis = Axis(0.0, most * 1.08, VOLUME)
    ratio = view.snapshot.indicators.get("volume_ratio")
    beside = f": the last bar {ratio:.2f} times the mean of 20" if ratio is not None else ""
    caption(sheet, VOLUME, f"Volume in {base}{beside}")
    guides(sheet, axis, [(float(at), short(float(at))) for at in axis.ticks(2) if at > 0], Pen(GRID, layer=1))
    tops = np.where(traded > 0, axis.y(traded), np.nan)
    bodies(sheet, view, [np.where(traded > 0, VOLUME[0], np.nan), tops])
    newest(sheet, VOLUME, [(axis.at(float(traded[-1])), short(float(traded[-1])), TEXT)])


def rsi_pane(sheet: Sheet, view: View) -> None:
    close = floats(view.market.candles.close)
    rsi = momentum.rsi(close, RSI_PERIOD)[-SHOWN:]
    axis = Axis(0.0, 100.0, RSI)
    sheet.boxes(np.array([[LEFT, axis.at(30), RIGHT, axis.at(70)]]), GRID, opacity=0.45)
    guides(sheet, axis, [(at, f"{at:.0f}") for at in (30.0, 50.0, 70.0)], Pen(FAINT, dash=(4, 6), opacity=0.6))
    sheet.path(view.x, axis.y(rsi), Pen(TEXT, 2), (LEFT, RSI[0], RIGHT, RSI[1]))
    name = f"RSI {RSI_PERIOD}"
    if len(close) <= RSI_PERIOD:
        caption(sheet, RSI, needs(name, RSI_PERIOD + 1, len(close)))
    elif not isfinite(rsi[-1]):
        caption(sheet, RSI, f"{name}: the price has never moved")
    else:
        caption(sheet, RSI, f"{name}: overbought above 70, oversold below 30")
        newest(sheet, RSI, [(axis.at(float(rsi[-1])), f"{rsi[-1]:.1f}", BRIGHT)])


def flow_pane(sheet: Sheet, view: View) -> None:
    """Two answers to who traded more, buyers or sellers, on one scale: −1 all sold … 1 all bought."""
    candles = view.market.candles
    high, low, close, traded = (floats(c) for c in (candles.high, candles.low, candles.close, candles.volume))
    cmf = volume.cmf(high, low, close, traded, FLOW_PERIOD)[-SHOWN:]
    obv = _obv_share(view)
    known = np.abs(np.concatenate([cmf, obv]))
    most = float(np.max(known, where=np.isfinite(known), initial=0.05))
    limit = next(each for each in (0.1, 0.2, 0.3, 0.5, 0.7, 1.0) if most <= each + 1e-9)
    axis = Axis(-limit * 1.1, limit * 1.1, FLOW)
    guides(sheet, axis, [(at, signed(at, 1)) for at in (-limit, limit)], Pen(FAINT, dash=(4, 6), opacity=0.6))
    guides(sheet, axis, [(0.0, "0")], Pen(FAINT))
    _fill(sheet, view.x, cmf, axis)
    clip = (LEFT, FLOW[0], RIGHT, FLOW[1])
    sheet.path(view.x, axis.y(cmf), Pen(TEXT, 1.2), clip)
    sheet.path(view.x, axis.y(obv), Pen(OBV, 2, DASHED), clip)
    caption(sheet, FLOW, f"{_flow_words(view, cmf)}      {_obv_words(view, obv)}")
    lines = (("CMF", cmf, BRIGHT), ("OBV", obv, OBV))
    told = [(axis.at(float(v[-1])), f"{name} {signed(float(v[-1]))}", c) for name, v, c in lines if isfinite(v[-1])]
    newest(sheet, FLOW, told)


def _obv_share(view: View) -> Array:
    """On-balance volume since the first bar shown, as a share of all that was traded since: its own level says
    nothing, it depends on where one began to count."""
    traded = floats(view.shown.volume)
    total = float(traded[1:].sum())
    if total <= 0:
        return np.full_like(traded, np.nan)
    flow = volume.obv(floats(view.shown.close), traded)
    return np.asarray((flow - flow[0]) / total, dtype=np.float64)


def _flow_words(view: View, cmf: Array) -> str:
    name, bars = f"CMF {FLOW_PERIOD}", len(view.market.candles)
    if bars < FLOW_PERIOD:
        return needs(name, FLOW_PERIOD, bars)
    return f"{name} (filled)" if isfinite(cmf[-1]) else f"{name}: nothing was traded in {FLOW_PERIOD} bars"


def _obv_words(view: View, obv: Array) -> str:
    if len(obv) < 2:
        return needs("OBV change", 2, len(obv))
    if not isfinite(obv[-1]):
        return "OBV: nothing was traded"
    return "OBV (dashed): its change since the first bar shown, as a share of all volume shown"


def _fill(sheet: Sheet, x: Array, flow: Array, axis: Axis) -> None:
    """Between the line and zero, blue above and orange below."""
    zero = axis.at(0)
    for run in known_runs(x, flow):
        at, value = _with_crossings(*run.T)
        for side, color in ((np.maximum(value, 0), UP), (np.minimum(value, 0), DOWN)):
            along = np.concatenate([at, at[::-1]])
            outline = np.column_stack([along, np.concatenate([axis.y(side), np.full_like(at, zero)])])
            sheet.shapes([outline], color, opacity=0.55)


def _with_crossings(x: Array, value: Array) -> tuple[Array, Array]:
    """The same line with a point wherever it goes through zero."""
    turns = np.flatnonzero(value[:-1] * value[1:] < 0)
    at = x[turns] - value[turns] * (x[turns + 1] - x[turns]) / (value[turns + 1] - value[turns])
    return np.insert(x, turns + 1, at), np.insert(value, turns + 1, 0.0)
