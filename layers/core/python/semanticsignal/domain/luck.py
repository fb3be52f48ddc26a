"""A figure with how sure it is."""

from dataclasses import dataclass
from typing import Literal

# Fewer independent ones than this, of trades or forecasts, and an interval is itself a guess.
FEW = 30
Name = Literal["win_rate", "mean_r", "expectancy", "profit_factor", "sharpe", "max_drawdown", "against_hold"]
# Whether the mean result of a trade can be told from luck.
Verdict = Literal["nothing", "unclear", "edge", "loss"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """One figure: `low` and `high` are its 90 % interval by `method`. `n` of `of` it rests on, of which so many as
    `effective` are independent at least (None: not reckoned). Without a `value` `why` says so, without an interval
    too. `needed`: how many would tell it from nothing, if it stays as it is. `against_hold`: holding pays fees but no
    funding, and both end at the last mark whose price was decided on."""

    name: Name
    value: float | None
    low: float | None
    high: float | None
    of: Literal["trades", "marks"]
    n: int
    effective: float | None
    needed: float | None
    method: str
    why: str | None
