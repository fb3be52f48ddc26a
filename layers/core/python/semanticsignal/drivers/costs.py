"""What models cost, for the API and for `semsig costs`."""

from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from .. import wiring
from ..domain.errors import BadInput
from ..domain.policy import Settings
from ..logic.decide import purse
from ..logic.show.costs import AccountView, CostsView, CostView
from ..ports import Purse
from .figures import Figures

# Accounts of a purse at this moment, and the most that may be in each, US dollars.
Caps = Callable[[], Mapping[str, Decimal]]
Row = tuple[str, ...]

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
    if not (home / wiring.LEDGER).is_file():
        raise BadInput(f"no ledger is there, was {home}; --home is that of a run")
    with closing(wiring.read_ledger(home, settings)) as ledger:
        return await Figures(ledger, settings.timeframe).costs(days)


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
