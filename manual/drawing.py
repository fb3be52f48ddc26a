"""The two pictures of the manual, each for a light and a dark page: how a candle flows, and how the house is built."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from semanticsignal.stages import STAGES

FONT = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
WIDTH = 760


class Theme(NamedTuple):
    ink: str
    soft: str
    fill: str
    line: str
    accent: str


THEMES = {
    "light": Theme("#15202b", "#51616e", "#f3f6f8", "#b4c0ca", "#0a6fa8"),
    "dark": Theme("#e8eef3", "#9fb0bd", "#151d24", "#3a4955", "#56c4f5"),
}


class Sheet:
    """Collects what is drawn on it."""

    def __init__(self, theme: Theme, height: int, title: str, told: str) -> None:
        self.theme, self._height, self._title, self._told = theme, height, title, told
        self._drawn: list[str] = []

    def box(
        self, x: float, y: float, size: tuple[float, float], lines: Sequence[str], *, is_main: bool = False
    ) -> None:
        """A box with its first line in bold, when there are more or it is one of the main ones."""
        width, height = size
        stroke = self.theme.accent if is_main else self.theme.line
        self._drawn.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8" fill="{self.theme.fill}" '
            f'stroke="{stroke}" stroke-width="1.5"/>'
        )
        top = y + height / 2 - (len(lines) - 1) * 9
        for at, line in enumerate(lines):
            is_bold = at == 0 and (is_main or len(lines) > 1)
            self.words(x + width / 2, top + at * 18, line, is_bold=is_bold, is_soft=at > 0)

    def words(self, x: float, y: float, text: str, *, is_bold: bool = False, is_soft: bool = False) -> None:
        weight, size = ("600", 15) if is_bold else ("400", 13)
        color = self.theme.soft if is_soft else self.theme.ink
        self._drawn.append(
            f'<text x="{x:g}" y="{y:g}" dy="0.35em" text-anchor="middle" font-size="{size}" font-weight="{weight}" '
            f'fill="{color}">{escape(text)}</text>'
        )

    def arrow(self, *points: tuple[float, float], is_dashed: bool = False) -> None:
        way = "M" + " L".join(f"{x:g} {y:g}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if is_dashed else ""
        self._drawn.append(
            f'<path d="{way}" fill="none" stroke="{self.theme.accent}" stroke-width="1.6"{dash} '
            'marker-end="url(#tip)"/>'
        )

    def svg(self) -> str:
        drawn = "\n".join(self._drawn)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self._height}" role="img" '
            f'aria-labelledby="title told" font-family="{FONT}">\n<title id="title">{escape(self._title)}</title>\n'
            f'<desc id="told">{escape(self._told)}</desc>\n<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" '
            f'markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="{self.theme.accent}"/>'
            f"</marker></defs>\n{drawn}\n</svg>\n"
        )


# The stages that a candle goes through, and what each does in two words; the others stand beside.
MAIN = {
    "collect": "market, press", "analyse": "figures, chart", "decide": "asks, guards", "execute": "on paper",
    "reflect": "lessons, rules", "review": "post-mortems",
}  # fmt: skip
BESIDE = {"watch", "context", "news", "show", "notify"}


def flow(theme: Theme) -> str:
    """A candle from the exchange to the next decision."""
    names = {stage.name for stage in STAGES}
    assert names == MAIN.keys() | BESIDE, f"a stage is not drawn: {names ^ (MAIN.keys() | BESIDE)}"
    told = (
        "Market and press go through collect, analyse, decide, execute, reflect and review. Models are asked by "
        "decide. Watch looks at stops each minute. Memory leads from reflect and review back to decide. Every fact "
        "goes to the ledger, dashboard and Discord."
    )
    sheet = Sheet(theme, 400, "How a candle flows", told)
    wide, gap, top, high = 108.0, 20.0, 112.0, 56.0
    left = {name: 8 + at * (wide + gap) - (3 if at else 0) for at, name in enumerate(MAIN)}
    middle = {name: x + wide / 2 for name, x in left.items()}
    sheet.box(8, 12, (236, 52), ["exchanges and the press", "read every bar, quarter, hour"])
    sheet.box(258, 12, (192, 52), ["a language model", "or the built-in analyst"])
    sheet.arrow((middle["collect"], 64), (middle["collect"], top))
    sheet.arrow((middle["decide"] - 8, top), (middle["decide"] - 8, 64))
    sheet.arrow((middle["decide"] + 8, 64), (middle["decide"] + 8, top))
    for name, does in MAIN.items():
        sheet.box(left[name], top, (wide, high), [name, does], is_main=True)
    for one, other in zip(list(MAIN)[:-1], list(MAIN)[1:], strict=True):
        sheet.arrow((left[one] + wide, top + high / 2), (left[other], top + high / 2))
    below = top + high
    sheet.box(464, 12, (288, 52), ["watch, every minute", "stops and targets; equity"])
    sheet.arrow((middle["execute"] + 30, 64), (middle["execute"] + 30, top))
    sheet.box(
        left["decide"],
        214,
        (left["review"] + wide - left["decide"], 44),
        ["memory, the only way back: what was lived, learned, refused"],
    )
    sheet.arrow((middle["decide"], 214), (middle["decide"], below))
    sheet.arrow((middle["reflect"], below), (middle["reflect"], 214))
    sheet.arrow((middle["review"], below), (middle["review"], 214))
    sheet.box(8, 286, (744, 40), ["ledger: every fact, written once, never changed"])
    sheet.arrow((middle["analyse"], below), (middle["analyse"], 286), is_dashed=True)
    for at, words in enumerate(("dashboard, live", "Discord, console", "replay: the same again", "report, export")):
        x = 8 + at * 189.0
        sheet.box(x, 354, (177, 36), [words])
        sheet.arrow((x + 88, 326), (x + 88, 354))
    return sheet.svg()


# What lives on a floor, as people would say it.
FLOORS = {
    "functions": "Lambda's doors", "drivers": "cranks: host, replay, Lambda, API, command line",
    "wiring": "picks the plugs", "simulate": "a market to try on", "adapters": "plugs: one outside system each",
    "stages": "steps: fact in, facts out", "ports": "sockets", "logic": "verbs: pure", "codec": "JSON, once",
    "settings": "read once", "domain": "nouns: frozen, import nothing",
}  # fmt: skip


def house(theme: Theme, floors: Sequence[Sequence[str]]) -> str:
    """Who may know whom: each floor looks only down."""
    told = (
        "Floors from the top: "
        + "; ".join(", ".join(floor) for floor in floors)
        + ". Each may import only what lies below."
    )
    sheet = Sheet(theme, 20 + len(floors) * 66, "How the house is built", told)
    for at, floor in enumerate(floors):
        y, gap = 10 + at * 66.0, 14.0
        wide = (640 - gap * (len(floor) - 1)) / len(floor)
        for nth, name in enumerate(floor):
            words = FLOORS[name] if len(floor) > 1 or len(FLOORS[name]) < 60 else ""
            sheet.box(60 + nth * (wide + gap), y, (wide, 46), [name, words], is_main=True)
        if at + 1 < len(floors):
            sheet.arrow((380, y + 46), (380, y + 66))
    return sheet.svg()


def floors(root: Path) -> list[list[str]]:
    """As the import contract has them, and the functions above."""
    told = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    [contract] = [one for one in told if one["id"] == "floors"]
    return [["functions"], *(layer.split(" | ") for layer in contract["layers"])]


def drawings(root: Path) -> dict[str, str]:
    """Every picture by its file."""
    found = {}
    for name, theme in THEMES.items():
        found[f"flow-{name}.svg"] = flow(theme)
        found[f"house-{name}.svg"] = house(theme, floors(root))
    return found
