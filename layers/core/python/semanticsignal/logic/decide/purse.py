"""What an account of a purse holds after money was set aside in it or settled, to the last digit."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ...domain.asking import Attempt
from ...domain.errors import BadInput, LedgerUnavailable
from ...domain.money import exactly
from ...domain.policy import Budget

# US dollars of so many digits before and after the point: any number of them is summed in the wide context unrounded.
DIGITS, DECIMALS = 30, 60
LONGEST_BYTES = 1024
NOTHING = Decimal(0)
# Of the most that one answer may cost.
MULTIPLE = 4


def check_names(names: Iterable[Any]) -> None:
    """Raises BadInput for what no store takes as the name of an account or of a reservation."""
    for name in names:
        try:
            size = len(name.encode()) if isinstance(name, str) else 0
        except UnicodeEncodeError:
            size = 0
        if not 0 < size <= LONGEST_BYTES:
            raise BadInput(f"a name is text of 1 to {LONGEST_BYTES} bytes, was {name!r:.80}")


def check_sums(sums: Iterable[Any]) -> None:
    """Raises BadInput for what is no exact sum of US dollars: a float, less than nothing, without end."""
    for usd in sums:
        if not isinstance(usd, Decimal) or not usd.is_finite() or usd < 0:
            raise BadInput(f"a sum is a finite Decimal of US dollars, 0 or more, was {usd!r:.80}")
        if usd.adjusted() >= DIGITS or int(usd.as_tuple().exponent) < -DECIMALS:
            raise BadInput(f"a sum has at most {DIGITS} digits and {DECIMALS} decimals, was {usd!r:.80}")


def limits(at: datetime, budget: Budget, days: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The accounts that a question at that instant of real time is paid from, and the most that may be in each. `days`:
    providers with a limit a day of their own."""
    day = f"{at:%Y-%m-%d}"
    of_all = {day: budget.day_usd, f"{at:%Y-%m}": budget.month_usd}
    return of_all | {f"{provider} {day}": most for provider, most in days.items()}


def believed(usd: Decimal, budget: Budget) -> Decimal:
    """How much of what one answer is said to have cost counts: a lie shall not end a month."""
    return min(usd, MULTIPLE * budget.call_usd)


@exactly
def spent_in(now: datetime, attempts: Iterable[Attempt], budget: Budget) -> dict[str, Decimal]:
    """Account → what of these attempts counts there: the day of `now`, that day by provider, and its month, last."""
    month, day = f"{now:%Y-%m}", f"{now:%Y-%m-%d}"
    found: dict[str, Decimal] = {}
    of_month = NOTHING
    for one in attempts:
        at, usd = one.asked_at.astimezone(UTC), one.usage.cost_usd
        if usd is None or not usd.is_finite() or usd <= 0 or f"{at:%Y-%m}" != month:
            continue
        of_month += believed(usd, budget)
        for account in (day, f"{one.provider} {day}") if f"{at:%Y-%m-%d}" == day else ():
            found[account] = found.get(account, NOTHING) + believed(usd, budget)
    return found | {month: of_month} if of_month else found


@exactly
def set_aside(held: Mapping[str, Decimal], usd: Decimal, limits: Mapping[str, Decimal]) -> dict[str, Decimal] | None:
    """What the accounts of `limits` hold with so much more; None when one would hold more than its limit."""
    after = {account: held[account] + usd for account in limits}
    return None if any(after[account] > most for account, most in limits.items()) else after


@exactly
def settled(held: Mapping[str, Decimal], reserved: Decimal, usd: Decimal) -> dict[str, Decimal]:
    """What these accounts hold when `usd` takes the place of what was set aside, also where that passes a limit: it is
    spent. Raises LedgerUnavailable when an account holds less than was set aside in it: then its sum is not true."""
    if short := [account for account, sum in held.items() if sum < reserved]:
        raise LedgerUnavailable(f"{reserved} were set aside in {short[0]!r}, which holds {held[short[0]]}")
    return {account: sum - reserved + usd for account, sum in held.items()}


def stored(text: Any, account: str) -> Decimal:
    """A sum as it was kept. Raises LedgerUnavailable for what is none: a budget that cannot be read is not 0."""
    try:
        usd = Decimal(text) if isinstance(text, str) else None
    except ArithmeticError:
        usd = None
    if usd is None or not usd.is_finite():
        raise LedgerUnavailable(f"the sum under {account!r} cannot be read, was {text!r:.80}")
    return usd
