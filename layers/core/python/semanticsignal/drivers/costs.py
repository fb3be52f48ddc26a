"""What models cost, for the API and for `semsig costs`."""

from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from .. import wiring
from ..domain.asking import Attempt
from ..domain.decision import Decision
from ..domain.learning import PostMortem
from ..domain.policy import Budget, Settings
from ..logic.decide import purse
from ..logic.show.costs import AccountView, CostsView, CostView
from ..ports import Ledger, Purse
from .figures import Figures

# Accounts of a purse at this moment, and the most that may be in each, US dollars.
Caps = Callable[[], Mapping[str, Decimal]]
Row = tuple[str, ...]

NOTHING, ONE = Decimal(0), Decimal(1)
# Facts that a model was asked for, and how many are read at once.
ASKING, PAGE = ("DecisionMade", "PostMortemWritten"), 500
BUDGET_HEAD: Row = ("account", "spent USD", "cap USD", "left USD")
HEAD: Row = ("", "asked", "faults", "unasked", "input", "output", "thought", "USD", "mean s", "median s")


def limits(settings: Settings, now: datetime) -> Mapping[str, Decimal]:
    """The accounts of the purse that are open at that instant of real time, and the most that may be in each."""
    is_sold = settings.model.provider in ("blockrun", "all")
    return purse.limits(now, settings.budget, {"blockrun": settings.blockrun.day_usd} if is_sold else {})


async def budget(kept: Purse | None, caps: Caps) -> tuple[AccountView, ...] | None:
    """None where there is no purse. Raises LedgerUnavailable."""
    if kept is None:
        return None
    return tuple([AccountView(name, cap, await kept.spent(name)) for name, cap in caps().items()])


async def read(settings: Settings, days: int | None) -> CostsView:
    """Of the ledger of a home, whoever holds it. Raises BadInput where there is none, LedgerUnavailable."""
    home = Path(settings.home)
    with closing(wiring.read_ledger(home, settings)) as ledger:
        return await Figures(ledger, settings.timeframe).costs(days, await _budget_of(home, settings))


async def _budget_of(home: Path, settings: Settings) -> tuple[AccountView, ...] | None:
    """None where this home never paid a model."""
    if not (home / wiring.PURSE).is_file():
        return None
    with closing(wiring.purse(home)) as kept:
        return await budget(kept, lambda: limits(settings, wiring.system_clock().now()))


async def restored(kept: Purse, ledger: Ledger, now: datetime, budget: Budget) -> None:
    """A purse that knows nothing of this month learns from the ledger, once, what was spent in it: somebody deleted the
    file. Of answers that nobody told the cost of nothing is known there."""
    month = f"{now:%Y-%m}"
    looked_up = f"looked up {month}"
    if await kept.spent(month) > 0 or await kept.spent(looked_up) > 0:
        return
    # the month comes last: whoever dies in the middle begins again
    for account, usd in purse.spent_in(now, await _asked_since(now, ledger), budget).items():
        id = f"restored {account}"
        await kept.reserve(id, usd, {account: usd})
        await kept.settle(id, usd)
    await kept.reserve(looked_up, ONE, {looked_up: ONE})


async def _asked_since(now: datetime, ledger: Ledger) -> list[Attempt]:
    """Every attempt of this month of real time, newest first."""
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found: list[Attempt] = []
    before: int | None = None
    while page := await ledger.entries(kinds=ASKING, before=before, limit=PAGE, newest_first=True):
        attempts = [a for e in page if isinstance(one := e.subject, Decision | PostMortem) for a in one.attempts]
        found += [one for one in attempts if one.asked_at >= month]
        if attempts and all(one.asked_at < month for one in attempts):
            break
        before = page[-1].seq
    return found


def accounts(view: CostsView) -> tuple[tuple[Row, ...], ...]:
    """What `semsig costs` prints below BUDGET_HEAD."""
    rows = (
        (one.account, f"{one.spent_usd:f}", f"{one.cap_usd:f}", f"{max(NOTHING, one.cap_usd - one.spent_usd):f}")
        for one in view.budget or ()
    )
    return (tuple(rows),)


def sections(view: CostsView) -> tuple[tuple[Row, ...], ...]:
    """What `semsig costs` prints below HEAD."""
    return (
        tuple(_row(one.day.isoformat(), one.cost) for one in view.days),
        tuple(_row(one.provider, one.cost) for one in view.providers),
        tuple(_row(f"{one.provider} {one.model}", one.cost) for one in view.models),
        (_row("in all", view.total),),
    )


def _row(name: str, cost: CostView) -> Row:
    return (
        name,
        str(cost.calls),
        str(cost.faults),
        str(cost.unasked),
        _sum(cost.input_tokens, cost.input_untold),
        _sum(cost.output_tokens, cost.output_untold),
        _sum(cost.thinking_tokens, cost.thinking_untold),
        _sum(cost.cost_usd, cost.cost_untold),
        _seconds(cost.mean_latency_s),
        _seconds(cost.median_latency_s),
    )


def _sum(told: int | Decimal | None, untold: int) -> str:
    """`?` where nobody told, a `+` where somebody did not."""
    return "?" if told is None else f"{Decimal(told):f}{'+' if untold else ''}"


def _seconds(latency_s: float | None) -> str:
    return "" if latency_s is None else f"{latency_s:.1f}"
