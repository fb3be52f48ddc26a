"""The newest bars as a picture for eyes and models: candles, means, levels, the open position, volume, RSI; a PNG."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from io import BytesIO
from math import floor, isfinite, log10
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...domain.analysis import Level, Snapshot
from ...domain.collected import Market
from ...domain.market import Candles, epoch_ms, instant
from ...domain.trading import Position
from . import momentum, trend

if TYPE_CHECKING:
    from matplotlib.collections import Collection

Array = NDArray[np.float64]
Pane = tuple[float, float]  # bottom and top, in pixels
Words = Callable[[float], str]

WIDTH, HEIGHT, SHOWN = 1920, 1080, 125
FEWEST_SLOTS = 40  # a pair listed yesterday is not drawn with bars as wide as houses
LEFT, RIGHT = 28.0, 1660.0
PRICE, VOLUME, RSI = (366.0, 944.0), (214.0, 340.0), (58.0, 188.0)
TAG_HEIGHT, TAG_LEFT = 28.0, RIGHT + 22.0
REACH = 0.5  # how much of the bars' own span the price pane grows each way to show a level, a mean, a stop

# Blue and orange, hollow and filled: told apart by everybody, and on paper.
PAPER, PANEL, GRID, FAINT, TEXT, BRIGHT = "#0e141b", "#121a23", "#1f2a36", "#77879a", "#c3cedb", "#ffffff"
UP, DOWN, FAST, SLOW = "#56b4e9", "#e69f00", "#f0e442", "#b79bea"
SUPPORT, RESISTANCE, ENTRY, STOP, TARGET, WARNING = "#4fb59b", "#d38bb5", "#9fb4c9", "#ff7a45", "#4fd1e0", "#ffd23f"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


class _Tag(NamedTuple):
    """A price worth a line across the pane and a label at its right end."""

    name: str
    price: float
    color: str
    dash: tuple[float, ...] = ()
    is_filled: bool = False


class _Pen(NamedTuple):
    """`layer`: a higher one covers a lower one. `is_smooth`: for a line that is neither level nor upright."""

    color: str
    width: float = 1
    dash: tuple[float, ...] = ()
    opacity: float = 1
    layer: float = 3
    is_smooth: bool = False


class _Font(NamedTuple):
    """`size`: pixels. `align`: which end of the words is meant by x. `box`: color behind them."""

    color: str
    size: float = 17
    is_bold: bool = False
    align: str = "left"
    box: str = ""
    opacity: float = 1


class _Axis(NamedTuple):
    """Prices between `low` and `high` on a pane; all scales become pixels here, so 1e-8 draws like 1e6."""

    low: float
    high: float
    pane: Pane

    def y(self, price: Array) -> Array:
        bottom, top = self.pane
        return np.asarray(bottom + (price - self.low) / (self.high - self.low) * (top - bottom), dtype=np.float64)


def chart(market: Market, snapshot: Snapshot, position: Position | None) -> bytes:
    """PNG, 1920×1080, of the newest 125 candles. The means are of all candles given; the same input is the same bytes.

    A level, stop or target far outside the bars' range is labeled at the edge it lies beyond."""
    candles = market.candles
    shown = candles[-SHOWN:]
    close = np.asarray(candles.close, dtype=np.float64)
    means = [trend.sma(close, period)[-SHOWN:] for period in (50, 200)]
    tags = _tags(snapshot, position)
    axis = _axis(shown, (*means, np.array([tag.price for tag in tags])))
    words = _words(axis, market.rules.price_tick)
    sheet, x = _Sheet(), _middles(len(shown))

    _panes(sheet, shown, x)
    _position_zone(sheet, shown, position, axis)
    _candles(sheet, shown, x, axis)
    for mean, color in zip(means, (FAST, SLOW), strict=True):
        sheet.path(x, axis.y(mean), color, clip=PRICE)
    _tag_lines(sheet, tags, axis, words)
    _volume(sheet, shown, x)
    _rsi(sheet, momentum.rsi(close)[-SHOWN:], x)
    _header(sheet, market, snapshot)
    _numbers(sheet, market, snapshot, words)
    _legend(sheet, means, words)
    _open_position(sheet, snapshot, position)
    return sheet.png()


# --- Prices and pixels ------------------------------------------------------------------------------------------------


def _column(values: Sequence[float] | Array) -> Array:
    return np.asarray(values, dtype=np.float64)


def _points(lines: Sequence[Sequence[tuple[float, float]]]) -> Array:
    return np.array(lines, dtype=np.float64)


def _middles(bars: int) -> Array:
    """The x of each bar, on whole pixels and half, newest at the right."""
    slots = max(bars, FEWEST_SLOTS)
    pitch = (RIGHT - LEFT) / (slots + 1)
    return _column(np.floor(LEFT + pitch * (np.arange(slots - bars, slots) + 1.0)) + 0.5)


def _axis(shown: Candles, wanted: Iterable[Array]) -> _Axis:
    low, high = float(np.min(_column(shown.low))), float(np.max(_column(shown.high)))
    span = max(high - low, high * (1e-6 if high > low else 0.02))
    low, high = (low + high - span) / 2, (low + high + span) / 2
    values = np.concatenate([_column((low, high)), *wanted])
    near = values[(values >= low - REACH * span) & (values <= high + REACH * span)]
    low, high = float(near.min()), float(near.max())
    margin = 0.04 * (high - low)
    return _Axis(low - margin, high + margin, PRICE)


def _step(axis: _Axis) -> float:
    """The round step, 1, 2 or 5 times a power of ten, that parts the axis into about eight."""
    rough = (axis.high - axis.low) / 8
    power = 10.0 ** floor(log10(rough))
    return next(nice * power for nice in (1, 2, 5, 10) if nice * power >= rough)


def _words(axis: _Axis, tick: Decimal) -> Words:
    """How prices of this axis are written: as fine as the venue's tick, but no finer than a thousandth of a step;
    where that takes a dozen zeros, with one exponent for all."""
    power, coarse = floor(log10(axis.high)), max(0, -floor(log10(_step(axis)) + 1e-9))
    digits = max(coarse, min(-int(tick.normalize().as_tuple().exponent), coarse + 3))
    if digits <= 10:
        return lambda price: f"{price:,.{digits}f}"
    return lambda price: f"{price * 10.0**-power:.{digits + power}f}e{power}"


def _short(amount: float) -> str:
    """An amount in four digits: 1.234M."""
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if amount >= size:
            return f"{amount / size:.4g}{letter}" if amount < 1e16 else f"{amount:.3g}"
    return f"{amount:.4g}"


def _plain(text: str) -> str:
    """Foreign words as the font can draw them."""
    return text.encode("ascii", "replace").decode()


# --- The panes -------------------------------------------------------------------------------------------------------


def _panes(sheet: _Sheet, shown: Candles, x: Array) -> None:
    sheet.boxes(np.array([[LEFT, bottom, RIGHT, top] for bottom, top in (PRICE, VOLUME, RSI)]), PANEL)
    for row, label in _dates(shown):
        sheet.lines(_points([[(x[row], bottom), (x[row], top)] for bottom, top in (PRICE, VOLUME, RSI)]), _Pen(GRID))
        sheet.text(float(x[row]), 34, label, _Font(FAINT, align="center"))
    opened = np.asarray(shown.opened_ms, dtype=np.int64)
    after_gap = np.flatnonzero(np.diff(opened) > shown.timeframe.ms)
    if len(after_gap):
        middles = (x[after_gap] + x[after_gap + 1]) // 2 + 0.5
        sheet.lines(_points([[(at, PRICE[0]), (at, PRICE[1])] for at in middles]), _Pen(FAINT, dash=(1, 5)))


def _dates(shown: Candles) -> list[tuple[int, str]]:
    """Bars that begin a new hour, day or month, whichever gives at most twelve, with what to write below them."""
    opened = np.asarray(shown.opened_ms, dtype=np.int64)
    steps = [HOUR_MS // 12, HOUR_MS // 4, *(n * HOUR_MS for n in (1, 2, 4, 6, 12)), *(n * DAY_MS for n in (1, 2, 4, 7))]
    steps += [n * DAY_MS for n in (14, 28, 91, 182, 364)]
    slots = max(FEWEST_SLOTS, len(shown))
    step = next((s for s in steps if shown.timeframe.ms * slots / s <= 12), steps[-1])
    marks = np.flatnonzero(np.diff(opened // step, prepend=opened[0] // step))
    if not len(marks):
        marks = np.array([len(opened) - 1])
    return [(int(row), _date(int(opened[row]), step)) for row in marks]


def _date(opened_ms: int, step: int) -> str:
    at = instant(opened_ms)
    if step < DAY_MS and opened_ms % DAY_MS:
        return f"{at:%H:%M}"
    return f"{MONTHS[at.month - 1]} {at.year}" if step >= 28 * DAY_MS else f"{MONTHS[at.month - 1]} {at.day}"


def _candles(sheet: _Sheet, shown: Candles, x: Array, axis: _Axis) -> None:
    opens, high, low, close = (axis.y(_column(c)) for c in (shown.open, shown.high, shown.low, shown.close))
    rises = close >= opens
    half = _half_width(x)
    bottom, top = np.floor(np.minimum(opens, close)) + 0.5, np.floor(np.maximum(opens, close)) + 0.5
    top = np.maximum(top, bottom + 1)
    for which, color, face in ((rises, UP, PANEL), (~rises, DOWN, DOWN)):
        sheet.lines(
            np.stack([np.column_stack([x, low]), np.column_stack([x, high])], axis=1)[which], _Pen(color, width=1.5)
        )
        sheet.boxes(np.column_stack([x - half, bottom, x + half, top])[which], face, edge=color)


def _half_width(x: Array) -> float:
    return float(floor((RIGHT - LEFT) / (max(len(x), FEWEST_SLOTS) + 1) * 0.34))


def _volume(sheet: _Sheet, shown: Candles, x: Array) -> None:
    volume, half = _column(shown.volume), _half_width(x)
    most = float(volume.max())
    bottom, top = VOLUME
    sheet.text(LEFT + 10, top - 15, f"Volume {_short(float(volume[-1]))} {_plain(shown.symbol.base)}", _Font(FAINT))
    if most <= 0:
        return
    height = np.floor(volume / most * (top - bottom - 30))
    rises = _column(shown.close) >= _column(shown.open)
    for which, color, face in ((rises, UP, PANEL), (~rises, DOWN, DOWN)):
        drawn = which & (volume > 0)
        bars = np.column_stack(
            [x - half, np.full_like(x, bottom + 0.5), x + half, bottom + 0.5 + np.maximum(height, 1)]
        )
        sheet.boxes(bars[drawn], face, edge=color)
    sheet.text(TAG_LEFT, float(bottom + height.max()), _short(most), _Font(FAINT))


def _rsi(sheet: _Sheet, rsi: Array, x: Array) -> None:
    axis = _Axis(0.0, 100.0, RSI)
    guides = (30.0, 50.0, 70.0)
    edges = [round(float(axis.y(_column((at,)))[0])) + 0.5 for at in guides]
    sheet.boxes(np.array([[LEFT, edges[0], RIGHT, edges[2]]]), GRID, opacity=0.45)
    sheet.lines(_points([[(LEFT, y), (RIGHT, y)] for y in edges]), _Pen(FAINT, dash=(4, 6), opacity=0.6))
    sheet.path(x, axis.y(rsi), TEXT, clip=RSI)
    for at, y in zip(guides, edges, strict=True):
        if not (isfinite(rsi[-1]) and abs(rsi[-1] - at) < 18):
            sheet.text(TAG_LEFT, y, f"{at:.0f}", _Font(FAINT))
    if isfinite(rsi[-1]):
        sheet.text(TAG_LEFT, float(axis.y(rsi[-1:])[0]), f"{rsi[-1]:.1f}", _Font(BRIGHT, is_bold=True))
    sheet.text(LEFT + 10, RSI[1] - 15, "RSI 14", _Font(FAINT))


# --- What lies across the price pane ---------------------------------------------------------------------------------


def _tags(snapshot: Snapshot, position: Position | None) -> list[_Tag]:
    tags = [
        _Tag(_level(level), level.price, SUPPORT if level.kind == "support" else RESISTANCE, (2, 5))
        for level in snapshot.levels
    ]
    if position is not None:
        tags.append(_Tag(f"{position.side} entry", float(position.entry_price), ENTRY, (9, 5), True))
        tags.append(_Tag("stop", float(position.stop_price), STOP, (9, 5), True))
        if position.target_price is not None:
            tags.append(_Tag("target", float(position.target_price), TARGET, (9, 5), True))
    return [*tags, _Tag("last", float(snapshot.price), BRIGHT, (1, 3), True)]


def _level(level: Level) -> str:
    return f"{level.kind[0].upper()} ×{level.touches}" if level.touches > 1 else level.kind[0].upper()


def _position_zone(sheet: _Sheet, shown: Candles, position: Position | None, axis: _Axis) -> None:
    """What may be lost and what may be won, since the entry."""
    if position is None:
        return
    opened = np.asarray(shown.opened_ms, dtype=np.int64)
    row = int(np.searchsorted(opened, epoch_ms(position.opened_at), side="right")) - 1
    x = _middles(len(shown))
    left = float(x[row]) if row >= 0 else LEFT
    for edge, color in ((position.stop_price, STOP), (position.target_price, TARGET)):
        if edge is not None:
            ends = np.clip(axis.y(_column((float(position.entry_price), float(edge)))), *PRICE)
            sheet.boxes(np.array([[left, ends.min(), RIGHT, ends.max()]]), color, opacity=0.13)


def _tag_lines(sheet: _Sheet, tags: Sequence[_Tag], axis: _Axis, words: Words) -> None:
    wanted = axis.y(_column([tag.price for tag in tags]))
    inside = (wanted >= PRICE[0]) & (wanted <= PRICE[1])
    true = np.asarray(np.round(np.clip(wanted, *PRICE)) + 0.5, dtype=np.float64)
    placed = _apart(true, PRICE, TAG_HEIGHT)
    for tag, y, at, is_inside, raw in zip(tags, true, placed, inside, wanted, strict=True):
        arrow = "" if is_inside else "▲ " if raw > y else "▼ "
        if is_inside:
            sheet.lines(_points([[(LEFT, y), (RIGHT, y)]]), _Pen(tag.color, dash=tag.dash, opacity=0.85))
        sheet.lines(_points([[(RIGHT, y), (TAG_LEFT - 7, at)]]), _Pen(tag.color, is_smooth=True))
        ink, box = (PAPER, tag.color) if tag.is_filled else (tag.color, PAPER)
        sheet.text(TAG_LEFT, at, f"{arrow}{tag.name}  {words(tag.price)}", _Font(ink, box=box))
    _ticks(sheet, axis, placed, words)


def _ticks(sheet: _Sheet, axis: _Axis, placed: Array, words: Words) -> None:
    """Round prices; the number gives way to a label, the line never."""
    step = _step(axis)
    first = np.ceil(axis.low / step)
    ticks = step * np.arange(first, np.floor(axis.high / step) + 1)
    for price, y in zip(ticks, np.round(axis.y(ticks)) + 0.5, strict=True):
        sheet.lines(_points([[(LEFT, y), (RIGHT, y)]]), _Pen(GRID, layer=1))
        if np.all(np.abs(placed - y) >= TAG_HEIGHT - 2):
            sheet.text(TAG_LEFT, float(y), words(float(price)), _Font(FAINT))


def _apart(wanted: Array, pane: Pane, height: float) -> Array:
    """Each label as near to where it belongs as it can be with none on another: neighbors that would touch share
    the room around their middle."""
    order = np.argsort(wanted, kind="stable")
    half = height / 2
    groups: list[list[float]] = []  # middle, labels
    for y in wanted[order]:
        groups.append([float(y), 1])
        while True:
            middle, count = groups[-1]
            reach = min(count * half, (pane[1] - pane[0]) / 2)
            groups[-1][0] = min(max(middle, pane[0] + reach), pane[1] - reach)
            if len(groups) < 2 or groups[-1][0] - groups[-2][0] >= (count + groups[-2][1]) * half:
                break
            above, below = groups.pop(), groups.pop()
            total = above[1] + below[1]
            groups.append([(above[0] * above[1] + below[0] * below[1]) / total, total])
    placed = np.empty_like(wanted)
    placed[order] = [middle + (k - (n - 1) / 2) * height for middle, n in groups for k in range(int(n))]
    return placed


# --- Words -----------------------------------------------------------------------------------------------------------


def _header(sheet: _Sheet, market: Market, snapshot: Snapshot) -> None:
    title, middle = f"{_plain(str(market.symbol))}  {market.timeframe}", (LEFT + RIGHT) / 2
    sheet.text(LEFT, 1046, title, _Font(BRIGHT, size=34, is_bold=True))
    sheet.text(LEFT + 23.5 * len(title) + 16, 1044, _plain(snapshot.source), _Font(TEXT, size=24))
    sheet.text(WIDTH - 24, 1044, f"as of {snapshot.closed_at:%Y-%m-%d %H:%M} UTC", _Font(TEXT, size=24, align="right"))
    if snapshot.is_simulated:
        sheet.text(middle, 1044, "SIMULATED MARKET", _Font(PAPER, size=24, is_bold=True, align="center", box=WARNING))
        sheet.text(middle, sum(PRICE) / 2, "SIMULATED MARKET", _Font(WARNING, size=96, align="center", opacity=0.07))


def _numbers(sheet: _Sheet, market: Market, snapshot: Snapshot, words: Words) -> None:
    newest, now = market.candles[-1:], snapshot.indicators
    prices = (newest.open[0], newest.high[0], newest.low[0], newest.close[0])
    said = [f"{name} {words(price)}" for name, price in zip("OHLC", prices, strict=True)]
    said += [_ratio(name, now.get(key)) for name, key in (("1 bar", "change_1_ratio"), ("42 bars", "change_42_ratio"))]
    said += [_ratio("ATR", now.get("atr_ratio"), is_signed=False), str(snapshot.regime)]
    said += [f"missing bars {snapshot.gaps}"] if snapshot.gaps else []
    sheet.text(LEFT, 1001, "    ".join(part for part in said if part), _Font(TEXT, size=20))


def _ratio(name: str, value: float | None, *, is_signed: bool = True) -> str:
    if value is None:
        return ""
    return f"{name} {value * 100:{'+' if is_signed else ''}.2f} %".replace("-", "−")


def _legend(sheet: _Sheet, means: Sequence[Array], words: Words) -> None:
    x = LEFT
    for name, mean, color in zip(("SMA 50", "SMA 200"), means, (FAST, SLOW), strict=True):
        said = f"{name}  {words(float(mean[-1])) if isfinite(mean[-1]) else 'too few bars'}"
        sheet.lines(_points([[(x, 966.5), (x + 26, 966.5)]]), _Pen(color, width=3))
        sheet.text(x + 36, 967, said, _Font(TEXT))
        x += 36 + 10.5 * len(said) + 40


def _open_position(sheet: _Sheet, snapshot: Snapshot, position: Position | None) -> None:
    if position is None:
        return
    change = float(position.side.sign * (snapshot.price / position.entry_price - 1))
    said = f"{position.side} since {position.opened_at:%Y-%m-%d %H:%M}    {_ratio('result before fees', change)}"
    sheet.text(RIGHT, 967, said, _Font(TEXT, size=20, align="right"))


class _Sheet:
    """A picture in pixels, origin at the bottom left; all that knows matplotlib, and no global state of it."""

    def __init__(self) -> None:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.transforms import IdentityTransform

        self._figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor=PAPER)
        self._canvas = FigureCanvasAgg(self._figure)
        self._pixels = IdentityTransform()
        self._fonts = f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans"

    def lines(self, segments: Array, pen: _Pen) -> None:
        """Each line its points, each point x and y."""
        from matplotlib.collections import LineCollection

        if len(segments):
            drawn = LineCollection(list(segments), colors=pen.color, linewidths=pen.width * 0.72, alpha=pen.opacity)
            drawn.set_linestyle((0, pen.dash) if pen.dash else "solid")
            drawn.set_antialiased(pen.is_smooth)
            self._add(drawn, pen.layer)

    def path(self, x: Array, y: Array, color: str, *, clip: Pane) -> None:
        from matplotlib.collections import LineCollection
        from matplotlib.transforms import Bbox

        known = np.isfinite(y)
        if known.sum() < 2:
            return
        drawn = LineCollection([np.column_stack([x, y])[known]], colors=color, linewidths=2 * 0.72, capstyle="round")
        drawn.set_clip_box(Bbox.from_extents(LEFT, clip[0], RIGHT, clip[1]))
        self._add(drawn, 4)

    def boxes(self, edges: Array, face: str, *, edge: str = "none", opacity: float = 1) -> None:
        """Rectangles, each left, bottom, right, top."""
        from matplotlib.collections import PolyCollection

        if len(edges):
            corners = edges[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
            drawn = PolyCollection(
                list(corners), facecolors=face, edgecolors=edge, alpha=opacity, linewidths=1.5 * 0.72
            )
            drawn.set_antialiased(False)
            self._add(drawn, 0.5 if edge == "none" else 3.5)

    def text(self, x: float, y: float, words: str, font: _Font) -> None:
        """`y`: the middle of the line. Nothing in the words is markup."""
        from matplotlib.font_manager import FontProperties

        file = f"{self._fonts}{'-Bold' if font.is_bold else ''}.ttf"
        box = {"boxstyle": "square,pad=0.28", "facecolor": font.box, "edgecolor": "none"} if font.box else None
        self._figure.text(
            x, y, words, color=font.color, fontproperties=FontProperties(fname=file, size=font.size * 0.72),
            ha=font.align, va="center_baseline", alpha=font.opacity, bbox=box, transform=self._pixels,
            parse_math=False, zorder=5 if font.opacity == 1 else 2,
        )  # fmt: skip

    def png(self) -> bytes:
        from PIL import Image

        self._canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(self._canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        out = BytesIO()
        Image.fromarray(pixels).convert("RGB").quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
            out, "PNG", compress_level=6
        )
        return out.getvalue()

    def _add(self, drawn: Collection, layer: float) -> None:
        drawn.set_transform(self._pixels)
        drawn.set_zorder(layer)
        self._figure.add_artist(drawn)
