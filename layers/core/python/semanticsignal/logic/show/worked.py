"""What worked, and when: closed trades of a side, a pair, a regime or a time, by what they had in common."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import fsum

from ...domain.learning import Experience
from ...domain.odds import independent, wilson

# Shorter interruptions do not end a run; what lasted less is none.
INTERRUPTED, LEAST = timedelta(days=3), timedelta(days=7)
# What trades are grouped by, in the order shown.
GROUPS = ("side", "regime", "adx", "volatility", "rsi", "weekend", "sentiment", "confidence", "exit")


@dataclass(frozen=True, slots=True)
class GroupView:
    """`win_low`, `win_high`: 90 % interval of the share that won (Wilson 1927), for as many trades as are independent:
    those open at once count as parts of one. A handful of them says little."""

    by: str
    name: str
    trades: int
    wins: int
    win_low: float
    win_high: float
    mean_return_ratio: float
    mean_r: float | None


@dataclass(frozen=True, slots=True)
class WorkedView:
    """Of trades closed from `since` until `until`. `groups`: all of them first, then by what they had in common."""

    since: datetime | None
    until: datetime
    trades: int
    groups: tuple[GroupView, ...]


def worked(lived: Sequence[Experience], since: datetime | None, until: datetime) -> WorkedView:
    """`lived` is all that is meant; nothing of it is left out here."""
    found: dict[tuple[str, str], list[Experience]] = {}
    for one in lived:
        found.setdefault(("all", "all trades"), []).append(one)
        for by, name in _traits(one):
            found.setdefault((by, name), []).append(one)
    order = ("all", *GROUPS)
    keys = sorted(found, key=lambda key: (order.index(key[0]), -len(found[key]), key[1]))
    return WorkedView(since, until, len(lived), tuple(_group(key, found[key]) for key in keys))


def run(regimes: Iterable[tuple[datetime, str]], word: str) -> tuple[datetime, datetime] | None:
    """First and last instant of the newest unbroken time in which a regime had that word in it, as in "bull". `regimes`
    oldest first."""
    stretches: list[tuple[datetime, datetime]] = []
    for at, regime in regimes:
        if word.lower() not in regime.lower().split():
            continue
        if stretches and at - stretches[-1][1] <= INTERRUPTED:
            stretches[-1] = (stretches[-1][0], at)
        else:
            stretches.append((at, at))
    long = [one for one in stretches if one[1] - one[0] >= LEAST]
    return long[-1] if long else None


def _traits(one: Experience) -> Iterator[tuple[str, str]]:
    yield "side", str(one.side)
    yield "regime", one.regime
    yield "exit", str(one.exit_reason)
    stated = one.stated
    yield "confidence", "70 % and more" if stated >= 0.7 else "50 to 70 %" if stated >= 0.5 else "below 50 %"
    for name in ("adx", "volatility", "rsi", "weekend", "sentiment"):
        if word := one.conditions.labels.get(name):
            yield name, word


def _group(key: tuple[str, str], lived: Sequence[Experience]) -> GroupView:
    wins = sum(one.is_win for one in lived)
    multiples = [one.r_multiple for one in lived if one.r_multiple is not None]
    effective = independent([(one.opened_at, one.closed_at) for one in lived])
    low, high = wilson(wins / len(lived) * effective, effective)
    return GroupView(
        by=key[0],
        name=key[1],
        trades=len(lived),
        wins=wins,
        win_low=low,
        win_high=high,
        mean_return_ratio=fsum(one.return_ratio for one in lived) / len(lived),
        mean_r=fsum(multiples) / len(multiples) if multiples else None,
    )
