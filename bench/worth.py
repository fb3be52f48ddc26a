"""What memory is worth: the same years lived through twice, with the past having a say and without."""

import asyncio
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from semanticsignal import wiring
from semanticsignal.domain.policy import Settings
from semanticsignal.domain.trading import EquityPoint

ROOT = Path(__file__).parents[1]
SEMSIG = str(ROOT / ".venv" / "bin" / "semsig")
DRAWS, SEED, DAYS = 4000, 7, 365
LIVES = {"with": "true", "without": "false"}
Days = NDArray[np.int64]
Array = NDArray[np.float64]


class Life(NamedTuple):
    """A report as `semsig replay --json` writes it, and equity at each midnight: days since 1970 → quote."""

    report: dict[str, Any]
    days: Days
    equity: Array


class Difference(NamedTuple):
    """Mean logarithmic return a year, with less without, its 95 % interval, and the share of draws above nothing."""

    mean: float
    low: float
    high: float
    above: float


def lived(data: Path, since: str, until: str, used: str) -> Life:
    with tempfile.TemporaryDirectory() as temporary:
        home, report = Path(temporary) / "home", Path(temporary) / "report.json"
        line = [
            SEMSIG, "replay", str(data), "--symbol", "BTC/USDT", "--timeframe", "4h", "--from", since, "--to", until,
            "--home", str(home), "--json", str(report),
        ]  # fmt: skip
        subprocess.run(line, check=True, capture_output=True, env=os.environ | {"SEMSIG_MEMORY__IS_USED": used})
        marks = asyncio.run(_marks(home))
        days = np.array([int(at // 86_400) for at, _ in marks if at % 86_400 == 0], dtype=np.int64)
        equity = np.array([value for at, value in marks if at % 86_400 == 0])
        return Life(json.loads(report.read_text()), days, equity)


async def _marks(home: Path) -> list[tuple[float, float]]:
    ledger = wiring.read_ledger(home, Settings())
    found: list[tuple[float, float]] = []
    after = 0
    while page := await ledger.entries(kinds=("EquityMarked",), after=after, limit=5000):
        points = [entry.subject for entry in page if isinstance(entry.subject, EquityPoint)]
        found += [(point.at.timestamp(), float(point.equity_quote)) for point in points]
        after = page[-1].seq
    ledger.close()
    return found


def difference(one: Life, other: Life) -> Difference:
    """Paired day by day; whole calendar months are drawn, so that what hangs together stays together."""
    if not np.array_equal(one.days, other.days):
        raise ValueError("two lives of the same days are compared, was of others")
    daily = np.diff(np.log(one.equity)) - np.diff(np.log(other.equity))
    months = one.days[1:].astype("datetime64[D]").astype("datetime64[M]")
    _, of_month = np.unique(months, return_inverse=True)
    sums, counts = np.bincount(of_month, daily), np.bincount(of_month)
    drawn = np.random.default_rng(SEED).integers(0, len(sums), (DRAWS, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1) * DAYS
    low, high = np.percentile(means, [2.5, 97.5])
    return Difference(float(daily.mean() * DAYS), float(low), float(high), float((means > 0).mean()))


def worth(data: Path, since: str = "2018-01-01", until: str = "2026-01-01") -> str:
    """Both results and their difference, as a table for people."""
    lives = {name: lived(data, since, until, used) for name, used in LIVES.items()}
    rows = "".join(_row(name, life.report) for name, life in lives.items())
    found = difference(lives["with"], lives["without"])
    verdict = (
        "the interval holds zero: on these years nothing shows that memory helps this analyst, or that it harms it"
        if found.low <= 0 <= found.high
        else f"memory {'helped' if found.mean > 0 else 'harmed'} this analyst on these years"
    )
    return (
        "| memory | trades | win rate | end equity | net | max drawdown | mean R |\n|---|---|---|---|---|---|---|\n"
        f"{rows}\n"
        f"With less without: {found.mean * 100:+.2f} % a year (logarithmic), 95 % interval {found.low * 100:+.2f} to "
        f"{found.high * 100:+.2f} %, above nothing in {found.above:.0%} of {DRAWS:,} draws of whole "
        f"months: {verdict}.\n"
    )


def _row(name: str, report: dict[str, Any]) -> str:
    return (
        f"| {name} | {report['trades']} | {report['win_rate_ratio']:.1%} | {float(report['end_equity_quote']):,.2f} "
        f"| {float(report['net_pnl_quote']):+,.2f} | {report['max_drawdown_ratio']:.1%} | {report['mean_r']:+.3f} |\n"
    )
