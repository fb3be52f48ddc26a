"""A picture in pixels, origin at the bottom left: all that knows matplotlib, and no global state of it."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .chart_labels import Array, Box

if TYPE_CHECKING:
    from matplotlib.collections import Collection
    from matplotlib.font_manager import FontProperties

WIDTH, HEIGHT = 1920, 1080
DOT = 0.72  # points in a pixel, at 100 dots an inch
LINE = 1.25  # how high a line of words is, in sizes of its font
PAD = 0.2  # room around words in a box, in the same


class Pen(NamedTuple):
    """`layer`: a higher one covers a lower one. `is_smooth`: for a line that is neither level nor upright."""

    color: str
    width: float = 1
    dash: tuple[float, ...] = ()
    opacity: float = 1
    layer: float = 3
    is_smooth: bool = False


class Font(NamedTuple):
    """`size`: pixels. `align`: which end of the words is meant by x. `box`: color behind them."""

    color: str
    size: float = 17
    is_bold: bool = False
    align: str = "left"
    box: str = ""


def known_runs(x: Array, y: Array) -> list[Array]:
    """Pieces of at least two points between what is not known, each point x and y."""
    edges = np.flatnonzero(np.diff(np.isfinite(y))) + 1
    return [run for run in np.split(np.column_stack([x, y]), edges) if len(run) > 1 and np.isfinite(run[0, 1])]


class Sheet:
    """`taken`: where words stand."""

    def __init__(self, paper: str) -> None:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.transforms import IdentityTransform

        self.taken: list[Box] = []
        self.figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor=paper)
        self.canvas = FigureCanvasAgg(self.figure)
        self._pixels = IdentityTransform()
        self._family = f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans"
        self._fonts: dict[tuple[float, bool], FontProperties] = {}
        self._widths: dict[tuple[str, float, bool], float] = {}

    def lines(self, segments: Array, pen: Pen) -> None:
        """Each line its points, each point x and y."""
        from matplotlib.collections import LineCollection

        if len(segments):
            drawn = LineCollection(list(segments), colors=pen.color, linewidths=pen.width * DOT, alpha=pen.opacity)
            drawn.set_linestyle((0, pen.dash) if pen.dash else "solid")
            drawn.set_antialiased(pen.is_smooth)
            self._add(drawn, pen.layer)

    def path(self, x: Array, y: Array, pen: Pen, clip: Box) -> None:
        """A line through all that is known; where nothing is, it breaks."""
        from matplotlib.collections import LineCollection
        from matplotlib.transforms import Bbox

        runs = known_runs(x, y)
        if runs:
            drawn = LineCollection(runs, colors=pen.color, linewidths=pen.width * DOT, capstyle="butt")
            drawn.set_linestyle((0, pen.dash) if pen.dash else "solid")
            drawn.set_clip_box(Bbox.from_extents(*clip))
            self._add(drawn, 4)

    def boxes(self, edges: Array, face: str, *, edge: str = "none", opacity: float = 1) -> None:
        """Rectangles, each left, bottom, right, top."""
        if len(edges):
            self.shapes(list(edges[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]), face, edge=edge, opacity=opacity)

    def shapes(self, corners: Sequence[Array], face: str, *, edge: str = "none", opacity: float = 1) -> None:
        from matplotlib.collections import PolyCollection

        drawn = PolyCollection(list(corners), facecolors=face, edgecolors=edge, alpha=opacity, linewidths=1.5 * DOT)
        drawn.set_antialiased(False)
        self._add(drawn, 0.5 if edge == "none" else 3.5)

    def width(self, words: str, font: Font) -> float:
        key = (words, font.size, font.is_bold)
        if key not in self._widths:
            measured = self.canvas.get_renderer().get_text_width_height_descent(  # type: ignore[no-untyped-call]
                words, self._properties(font), ismath=False
            )
            self._widths[key] = float(measured[0])
        return self._widths[key] + 2 * PAD * font.size * bool(font.box)

    def fitted(self, words: str, font: Font, room: float) -> Font:
        """The font, smaller where the words would be wider than their room."""
        width = self.width(words, font)
        return font if width <= room else font._replace(size=font.size * room / width * 0.98)

    def text(self, x: float, y: float, words: str, font: Font) -> Box:
        """`y`: the middle of the line. Nothing in the words is markup. Tells where they stand."""
        box = {"boxstyle": f"square,pad={PAD}", "facecolor": font.box, "edgecolor": "none"} if font.box else None
        self.figure.text(
            x, y, words, color=font.color, fontproperties=self._properties(font), ha=font.align,
            va="center_baseline", bbox=box, transform=self._pixels, parse_math=False, zorder=5,
        )  # fmt: skip
        width, half = self.width(words, font), font.size * LINE / 2
        left = x - width * {"left": 0, "center": 0.5, "right": 1}[font.align]
        self.taken.append((left, y - half, left + width, y + half))
        return self.taken[-1]

    def png(self) -> bytes:
        """No date and no name of the program: the same drawing is the same bytes."""
        from PIL import Image

        self.canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(self.canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        out = BytesIO()
        Image.fromarray(pixels).convert("RGB").quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
            out, "PNG", compress_level=6
        )
        return out.getvalue()

    def _properties(self, font: Font) -> FontProperties:
        from matplotlib.font_manager import FontProperties

        key = (font.size, font.is_bold)
        if key not in self._fonts:
            file = f"{self._family}{'-Bold' if font.is_bold else ''}.ttf"
            self._fonts[key] = FontProperties(fname=file, size=font.size * DOT)
        return self._fonts[key]

    def _add(self, drawn: Collection, layer: float) -> None:
        drawn.set_transform(self._pixels)
        drawn.set_zorder(layer)
        self.figure.add_artist(drawn)
