"""`python -m bench [NAME…]`: every figure with n, median, min and max, in a table and in bench/results.json."""

import json
import platform
import statistics
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.measures import MEASURES, Figure

RESULTS = Path(__file__).parent / "results.json"


def machine() -> dict[str, str]:
    cpu = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in cpu.read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": f"{len(names)} x {names[0]}" if names else platform.processor(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def row(figure: Figure) -> dict[str, object]:
    return {
        "name": figure.name,
        "unit": figure.unit,
        "n": len(figure.samples),
        "median": statistics.median(figure.samples),
        "min": min(figure.samples),
        "max": max(figure.samples),
        "aim": figure.aim,
    }


def main(wanted: list[str]) -> None:
    unknown = [name for name in wanted if name not in MEASURES]
    if unknown:
        raise SystemExit(f"bench: there is {', '.join(MEASURES)}, was {', '.join(unknown)}")
    console, rows = Console(stderr=True), []
    for name in wanted or MEASURES:
        with console.status(f"measuring {name}"):
            rows += [row(figure) for figure in MEASURES[name]()]
    here = machine()
    table = Table(
        "measure", "unit", "n", "median", "min", "max", "aim", title=f"{here['cpu']}, Python {here['python']}"
    )
    for one in rows:
        shown = [f"{one[key]:.4g}" for key in ("median", "min", "max")]
        table.add_row(str(one["name"]), str(one["unit"]), str(one["n"]), *shown, str(one["aim"]))
    Console(width=150).print(table)
    if not wanted:
        RESULTS.write_text(json.dumps({"machine": here, "results": rows}, indent=1) + "\n")


main(sys.argv[1:])
