"""`python -m bench [NAME…] [--OPTION…]`: every figure with n, median, min and max, in a table and in
bench/results.json. Options are of the soak."""

import json
import platform
import re
import statistics
import sys
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import measures
from bench.analysing import analysing
from bench.bars import bars
from bench.browsing import browsing, lighthouse
from bench.cold import cold
from bench.collecting import collecting
from bench.deciding import deciding
from bench.measures import Figure
from bench.relevance import relevance
from bench.remembering import remembering, remembering_long
from bench.replies import replies
from bench.soak import soaking
from bench.stopping import stopping
from bench.synth import synth
from bench.tallying import tallying

MEASURES = {
    **measures.MEASURES,
    "analysing": analysing,
    "bars": bars,
    "deciding": deciding,
    "remembering": remembering,
    "remembering-long": remembering_long,
    "relevance": relevance,
    "replies": replies,
    "tallying": tallying,
    "collecting": collecting,
    "cold": cold,
    "synth": synth,
    "browsing": browsing,
    "lighthouse": lighthouse,
    "stopping": stopping,
}
# Takes options.
SOAK = "soak"
# Measured when asked for by name, and kept until then.
LONG = ("remembering-long", "lighthouse", "stopping", SOAK)
RESULTS = Path(__file__).parent / "results.json"
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
HEAD = """# Speed, size, memory

Made by `make bench`, each figure on its day, the last on {cpu}, Python {python}. Wall time; medians with their
spread: a shared machine is noisy. An aim is of the median, or with its name of the least (min) or the most (max) of
all; one in bold is missed.

| work | unit | n | median | min | max | aim | on |
|---|---|---|---|---|---|---|---|
"""
AIM = re.compile(r"(?:(min|max) )?(<=|>=) (\S+)")


def machine() -> dict[str, str]:
    cpu = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in cpu.read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": f"{len(names)} x {names[0]}" if names else platform.processor(),
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def row(figure: Figure, measure: str, on: str) -> dict[str, object]:
    """`on`: the day it was measured, UTC."""
    return {
        "measure": measure,
        "name": figure.name,
        "unit": figure.unit,
        "n": len(figure.samples),
        "median": statistics.median(figure.samples),
        "min": min(figure.samples),
        "max": max(figure.samples),
        "aim": figure.aim,
        "on": on,
    }


def line(one: dict[str, object]) -> str:
    figures = " | ".join(f"{one[key]:.4g}" for key in ("median", "min", "max"))
    aim = f"**{one['aim']}**" if is_missed(one) else one["aim"]
    return f"| {one['name']} | {one['unit']} | {one['n']} | {figures} | {aim} | {one.get('on', '')} |\n"


def is_missed(one: dict[str, object]) -> bool:
    """By the first of the aims: `<= 5` and `>= 150; 300` are of the median, `max <= 5` is of the worst, where one that
    is worse breaks a promise. A value that is no number reaches none. Raises ValueError for an aim it cannot read."""
    first = str(one["aim"]).split(";")[0]
    if not first:
        return False
    aim = AIM.fullmatch(first)
    if aim is None:
        raise ValueError(f"an aim is `<= 5`, `>= 5` or `max <= 5`, was {first}")
    of, sign, limit = aim[1] or "median", aim[2], float(aim[3])
    value = float(str(one[of]))
    return not (value <= limit if sign == "<=" else value >= limit)


def page(here: dict[str, str], rows: list[dict[str, object]]) -> str:
    return HEAD.format(**here) + "".join(map(line, rows))


def merged(before: list[dict[str, object]], new: list[dict[str, object]]) -> list[dict[str, object]]:
    """What was measured now in the place of what was measured before; the rest stays."""
    fresh = {one["name"]: one for one in new}
    kept = [fresh.pop(one["name"], one) for one in before]
    return [*kept, *fresh.values()]


def main(words: list[str]) -> None:
    wanted = list(takewhile(lambda word: not word.startswith("-"), words))
    options = words[len(wanted) :]
    if options and wanted != [SOAK]:
        raise SystemExit(f"bench: options are of {SOAK} alone, was {' '.join(words)}")
    MEASURES[SOAK] = lambda: soaking(options)
    unknown = [name for name in wanted if name not in MEASURES]
    if unknown:
        raise SystemExit(f"bench: there is {', '.join(MEASURES)}, was {', '.join(unknown)}")
    console, rows = Console(stderr=True), []
    for name in wanted or [name for name in MEASURES if name not in LONG]:
        with console.status(f"measuring {name}"):
            figures = MEASURES[name]()
        rows += [row(figure, name, datetime.now(UTC).date().isoformat()) for figure in figures]
    here = machine()
    table = Table(
        "measure", "unit", "n", "median", "min", "max", "aim", title=f"{here['cpu']}, Python {here['python']}"
    )
    for one in rows:
        shown = [f"{one[key]:.4g}" for key in ("median", "min", "max")]
        table.add_row(str(one["name"]), str(one["unit"]), str(one["n"]), *shown, str(one["aim"]))
    Console(width=150).print(table)
    before = json.loads(RESULTS.read_text())["results"] if RESULTS.exists() else []
    rows = merged([one for one in before if wanted or one.get("measure") in LONG], rows)
    RESULTS.write_text(json.dumps({"machine": here, "results": rows}, indent=1) + "\n")
    PAGE.write_text(page(here, rows))


if __name__ == "__main__":
    main(sys.argv[1:])
