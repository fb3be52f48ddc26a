"""`python -m bench.learning`: does it learn? Planted edges, chance, and real years with memory and without.

Writes docs/learning.md."""

import os
from pathlib import Path

from bench.rules import table
from bench.worth import worth

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "learning.md"
HEAD = """# Does it learn?

Made by `make learning` (`python -m bench.learning`); not edited by hand. How its memory finds moments alike stands in
[memory.md](memory.md).

## Rules

A synthetic market of independent trades, reflected on after every tenth; fifty seeds each. An edge is one pattern of
twelve that wins more often than the others do. How rules come to hold stands in
[ADR 0027](adr/0027-rules-on-trial.md).

"""
YEARS = """
## Real years, with memory and without

BTC/USDT, 4h bars of Binance, 2018 to 2025, the rules analyst, the same bars, fees and settings. *With*: precedents and
rules in the prompt, ten points off where similar trades lost, limits and sizes as experience made them. *Without*:
`memory.is_used = false`.

"""


def data() -> Path:
    return Path(os.environ.get("SEMSIG_DATA") or ROOT.parent / "shared" / "data") / "candles"


if __name__ == "__main__":
    PAGE.write_text(HEAD + table() + YEARS + worth(data()), encoding="utf-8")
