"""A report as one file for a browser: no script, nothing from elsewhere, every word escaped."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from ..logic.show.report import Report
from .report_words import Section, sections

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Theme(NamedTuple):
    """Colours of a page in daylight, or at night."""

    ink: str
    up: str
    down: str
    back: str
    lines: tuple[str, str]

    @property
    def rc(self) -> Any:
        """As matplotlib wants to hear it."""
        inked = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "hatch.color")
        return dict.fromkeys(inked, self.ink) | {"axes.facecolor": self.back, "svg.hashsalt": "semsig"}


DAY = Theme("#1f2a37", "#0f7b4a", "#b3261e", "#ffffff", ("#1d5fa8", "#b35c00"))
NIGHT = Theme("#e6ebf2", "#3ccb88", "#ff7a70", "#11161d", ("#6db3ff", "#ffb454"))
Plot = Callable[[Theme], "Figure"]
# A curve needs no more points than a page has columns.
DRAWN = 2000
# Around what was stated and what came of it, as a probability.
SPARE = 0.02
STYLE = """
:root { color-scheme: light dark; --ink: #1f2a37; --back: #ffffff; --line: #c9d1db; --quiet: #526072; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6ebf2; --back: #11161d; --line: #35404e; --quiet: #9fb0c3; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); margin: 0 auto;
  padding: 1rem; max-width: 70rem; }
.luck { border: 2px solid var(--line); border-radius: .5rem; padding: .5rem 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
img { width: 100%; max-width: 60rem; min-width: 36rem; }
@media (max-width: 40rem) {
  table { font-size: .8rem; }
  th, td { padding: .2rem .25rem; }
  td:first-child, .two td, .two th { white-space: normal; overflow-wrap: anywhere; min-width: 4.5rem; }
}
p.quiet, footer { color: var(--quiet); }
"""


def page(report: Report) -> str:
    """The whole file."""
    told = sections(report)
    luck = "".join(f"<li>{escape(line)}</li>" for line in report.luck)
    tables = "".join(map(_table, told))
    plots = "".join(
        f"<h2>{escape(title)}</h2><div class='wide' tabindex='0'><picture>"
        f"<source media='(prefers-color-scheme: dark)' srcset='{_picture(plot, NIGHT)}'>"
        f"<img alt='{escape(words, quote=True)}' src='{_picture(plot, DAY)}'></picture></div>"
        for title, words, plot in _plots(report)
    )
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Semantic Signal: report</title>"
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; img-src data:; "
        "style-src 'unsafe-inline'\"><meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<style>{STYLE}</style></head><body><h1>What it came to</h1>"
        f"<section class='luck'><h2>First: how much of it may be luck</h2><ul>{luck}</ul></section>"
        f"{plots}{tables}<footer><p>Educational; paper money only, no real order was ever placed. Times are UTC.</p>"
        "</footer></body></html>\n"
    )


def _table(section: Section) -> str:
    head = "".join(f"<th scope='col'>{escape(title)}</th>" for title in section.head)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for part in section.rows for row in part
    )
    kind = " class='two'" if len(section.head) == 2 else ""
    table = (
        f"<div class='wide' tabindex='0'><table{kind}><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
    return f"<h2>{escape(section.title)}</h2>{table if rows else '<p class=quiet>none</p>'}"


def _picture(plot: Plot, theme: Theme) -> str:
    import matplotlib as mpl

    image = BytesIO()
    with mpl.rc_context(theme.rc):
        plot(theme).savefig(image, format="svg", metadata={"Date": None}, facecolor=theme.back)
    return f"data:image/svg+xml;base64,{b64encode(image.getvalue()).decode()}"


def _plots(report: Report) -> Iterable[tuple[str, str, Plot]]:
    """Title, words for who cannot see it, picture; none where there is nothing to draw."""
    if len(report.equity) > 1:
        begin, end = report.money.begin_quote, report.money.end_quote
        words = f"Equity from {begin} to {end} {report.quote}, and below it how far under its peak it was"
        yield "Equity and drawdown", words, partial(_equity, report)
    if ratios := [month.return_ratio for month in report.months if month.return_ratio is not None]:
        words = f"{len(ratios)} months, the worst {min(ratios):+.2%}, the best {max(ratios):+.2%}"
        yield "Monthly returns", words, partial(_months, report)
    if report.returns:
        words = f"{len(report.returns)} trades, from {min(report.returns):+.2%} to {max(report.returns):+.2%}"
        yield "Net returns of trades", words, partial(_distribution, report.returns)
    if any(one.bins for one in report.calibration):
        yield "Calibration", "How often it rose against how probable that was said to be", partial(_calibration, report)


def _blank(rows: int = 1, height: float = 3.2) -> tuple["Figure", list[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, height), layout="constrained")
    heights = [3, 1][:rows]
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
        one.grid(alpha=0.25)
    return figure, list(axes)


def _equity(report: Report, theme: Theme) -> "Figure":
    import numpy as np

    figure, (above, below) = _blank(2, 4.5)
    curve = np.array([float(point.equity_quote) for point in report.equity])
    under = curve / np.maximum.accumulate(np.maximum(curve, float(report.money.begin_quote))) - 1
    # the lowest of each stretch is kept, so that no drawdown is drawn away
    step = max(1, len(curve) // DRAWN)
    kept = [at + int(np.argmin(under[at : at + step])) for at in range(0, len(curve), step)]
    times = np.array([np.datetime64(report.equity[at].at.replace(tzinfo=None)) for at in kept])
    above.plot(times, curve[kept], color=theme.ink, linewidth=1.2)
    above.axhline(float(report.money.begin_quote), color=theme.ink, linewidth=0.6, linestyle=":")
    above.set_ylabel(f"equity, {report.quote}")
    below.fill_between(times, under[kept] * 100, 0, color=theme.down, alpha=0.5, linewidth=0)
    below.set_ylabel("under peak, %")
    return figure


def _months(report: Report, theme: Theme) -> "Figure":
    figure, (axes,) = _blank()
    known = {month.month: month.return_ratio * 100 for month in report.months if month.return_ratio is not None}
    ratios = list(known.values())
    axes.bar(range(len(ratios)), ratios, color=[theme.up if ratio >= 0 else theme.down for ratio in ratios])
    each = max(1, len(ratios) // 24)
    axes.set_xticks(range(0, len(ratios), each), list(known)[::each], rotation=45, ha="right")
    axes.axhline(0, color=theme.ink, linewidth=0.8)
    axes.set_ylabel("return, %")
    return figure


def _distribution(returns: Sequence[float], theme: Theme) -> "Figure":
    import numpy as np

    figure, (axes,) = _blank()
    low, high = min(*returns, 0.0) * 100, max(*returns, 0.0) * 100
    width = (high - low) / min(40, max(8, len(returns) // 4)) or 1.0
    # zero is an edge: no bar holds both who won and who did not
    first = np.floor(low / width)
    edges = np.arange(first, max(np.ceil(high / width), first + 1) + 1) * width
    edges[0], edges[-1] = min(edges[0], low), max(edges[-1], high)  # a product may fall short by its last digit
    axes.hist([one * 100 for one in returns if one > 0], bins=edges.tolist(), color=theme.up, label="won")
    axes.hist(
        [one * 100 for one in returns if one <= 0], bins=edges.tolist(), color=theme.down, label="not won", hatch="//"
    )
    axes.axvline(0, color=theme.ink, linewidth=0.8)
    axes.set_xlabel("net return of a trade, %")
    axes.set_ylabel("trades")
    axes.legend(frameon=False)
    return figure


def _calibration(report: Report, theme: Theme) -> "Figure":
    figure, (axes,) = _blank(height=4.5)
    axes.plot([0, 1], [0, 1], color=theme.ink, linewidth=0.8, linestyle=":", label="as said, so happened")
    bins = [b for one in report.calibration for b in one.bins]
    axes.set_xlim(*_around([b.stated for b in bins]))
    axes.set_ylim(*_around([end for b in bins for end in (b.low, b.high)]))
    for one, marker, color in zip(report.calibration, "os", theme.lines, strict=False):
        if one.bins:
            shares = [b.happened for b in one.bins]
            errors = [[b.happened - b.low for b in one.bins], [b.high - b.happened for b in one.bins]]
            stated = [b.stated for b in one.bins]
            axes.errorbar(stated, shares, yerr=errors, marker=marker, capsize=3, linewidth=1, color=color,
                          label=f"{one.horizon}, n = {one.forecasts}, 90 % intervals")  # fmt: skip
    axes.set_xlabel("stated probability of a rise")
    axes.set_ylabel("share that rose")
    axes.legend(frameon=False)
    return figure


def _around(shares: Sequence[float]) -> tuple[float, float]:
    return max(0.0, min(shares) - SPARE), min(1.0, max(shares) + SPARE)
