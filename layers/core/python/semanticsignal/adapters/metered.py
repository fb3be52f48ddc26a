"""A language model whose every answer is bounded in time and money beforehand and written down afterwards."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from time import perf_counter

from ..domain.asking import Attempt, Fault, Usage
from ..domain.decision import Prompt, Reply
from ..domain.errors import BadInput, LedgerUnavailable, ModelUnavailable
from ..domain.policy import Budget
from ..logic.decide.prices import FREE, Price, cost_usd, most_usd
from ..logic.decide.purse import believed, limits
from ..ports import LanguageModel, Purse

# The server said no before it did anything: nothing is owed, unless it tells of tokens. Whatever else goes wrong may
# have been paid, unless the plug knows that nobody had the question.
UNPAID = frozenset((
    Fault.AUTH, Fault.QUOTA, Fault.RATE_LIMIT, Fault.REQUEST, Fault.PAYMENT, Fault.BUDGET,
))  # fmt: skip
SAID = 300
GRACE_S = 0.25
WHATEVER = Decimal(10) ** 9
ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Tariff:
    """What one provider's answers cost: `price` a million tokens, None where it is not known before. `most_usd`: of one
    answer, no matter who says so; `day_usd`: of a day of this provider alone."""

    price: Price | None
    max_output_tokens: int
    most_usd: Decimal | None = None
    day_usd: Decimal | None = None


class Metered:
    """Asks nothing that the purse does not hold the money for: Fault.BUDGET. A crash in the middle leaves what was set
    aside spent. `now`: real time.

    What is said to cost nothing is believed once it has: until its first free answer the most that one may cost is set
    aside (a limit that is lower, whole), and again for ever after it has charged once. Both are kept in the purse, for
    every process and after every start. Beyond a limit no more is ever spent than by the questions under way when a
    free name first charges.

    An attempt tells what the provider said, up to what a month may cost; less of it counts in the purse: a lie shall
    not end a month."""

    def __init__(
        self, model: LanguageModel, who: tuple[str, str], tariff: Tariff, purse: Purse, budget: Budget, *,
        now: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._model, (self.provider, self.model) = model, who
        self._tariff, self._purse, self._budget, self._now = tariff, purse, budget, now
        self._questions = 0
        self._who = f"{self.model} at {self.provider}"
        self._marks: dict[str, bool] = {}

    async def complete(self, prompt: Prompt) -> Reply:
        at, began = self._now(), perf_counter()
        # the number, for a clock may stand still between two questions
        self._questions += 1
        set_aside = f"{prompt.id}#{self.provider}#{self.model}#{at.isoformat()}#{self._questions}"
        usage, is_answered = Usage(), False
        try:
            most = await self._reserved(set_aside, prompt, at)
        except ModelUnavailable as poor:
            raise self._failed(poor, at, began) from None
        try:
            # the plug keeps the time, and knows what was paid; this is for one that does not
            async with asyncio.timeout(None if prompt.within_s is None else prompt.within_s + GRACE_S):
                reply = await self._model.complete(prompt)
            usage, is_answered = self._told(reply.usage), True
        except TimeoutError as wrong:
            late = ModelUnavailable(
                f"{self.model} at {self.provider}: no whole answer in {prompt.within_s:.3g} s", Fault.TIMEOUT
            )
            raise self._failed(late, at, began) from wrong
        except ModelUnavailable as wrong:
            usage = self._told(wrong.usage)
            if usage.cost_usd is None and usage.input_tokens is None and wrong.fault in UNPAID:
                usage = replace(usage, cost_usd=Decimal(0))
            wrong.usage = usage
            raise self._failed(wrong, at, began) from wrong.__cause__
        finally:
            if usage.cost_usd is not None:
                await self._settled(set_aside, usage.cost_usd, at, most, is_answered=is_answered)
        spent_s = round(perf_counter() - began, 3)
        served = "" if reply.model == self.model else reply.model[:SAID]
        attempt = Attempt(self.provider, self.model, at, spent_s, usage, served=served)
        return replace(reply, usage=usage, latency_s=spent_s, attempts=(attempt,))

    async def close(self) -> None:
        await self._model.close()

    def _told(self, usage: Usage) -> Usage:
        """With its cost, as the provider says or as the tokens reckon: the higher, at most what a month may cost."""
        price, told = self._tariff.price, usage.cost_usd
        reckoned = None if price is None else Decimal(0) if price == FREE else cost_usd(usage, price)
        costs = [usd for usd in (told, reckoned) if usd is not None]
        return replace(usage, cost_usd=min(max(costs), self._budget.month_usd)) if costs else usage

    async def _reserved(self, id: str, prompt: Prompt, at: datetime) -> Decimal | None:
        """What was set aside; None for what costs nothing."""
        cap, accounts = self._budget.call_usd, self._limits(at)
        try:
            most = await self._most(prompt, accounts)
            if most == 0:
                return None
            if most > cap:
                raise ModelUnavailable(
                    f"{self._who}: one answer may cost {most:.4f} USD, budget.call_usd is {cap}", Fault.BUDGET
                )
            is_there = await self._purse.reserve(id, most, accounts)
        except LedgerUnavailable as wrong:
            raise ModelUnavailable(
                f"{self._who}: nobody knows what was spent, {wrong!s:.{SAID}}", Fault.BUDGET
            ) from wrong
        if not is_there:
            told = ", ".join(f"{account}: {limit} USD" for account, limit in accounts.items())
            raise ModelUnavailable(f"{self._who}: {most:.4f} USD more would pass a limit of {told}", Fault.BUDGET)
        return most

    async def _most(self, prompt: Prompt, accounts: Mapping[str, Decimal]) -> Decimal:
        tariff = self._tariff
        if tariff.price not in (None, FREE):
            return most_usd(prompt, tariff.price, tariff.max_output_tokens)
        most = self._budget.call_usd if tariff.most_usd is None else tariff.most_usd
        if tariff.price is None or await self._purse.spent(f"charged {self._who}") > 0:
            return most
        is_seen = await self._purse.spent(f"free {self._who}") > 0
        return Decimal(0) if is_seen else min(most, *accounts.values())

    def _limits(self, at: datetime) -> Mapping[str, Decimal]:
        own = self._tariff.day_usd
        return limits(at, self._budget, {} if own is None else {self.provider: own})

    async def _settled(
        self, id: str, usd: Decimal, at: datetime, most: Decimal | None, *, is_answered: bool
    ) -> None:  # fmt: skip
        """What was thought to be free and is not is booked all the same; that nobody was billed for no answer proves
        nothing."""
        try:
            if self._tariff.price == FREE and (is_answered or usd > 0):
                await self._marked("charged" if usd > 0 else "free")
            if most is None and usd > 0:
                await self._purse.reserve(id, Decimal(0), dict.fromkeys(self._limits(at), WHATEVER))
            if most is not None or usd > 0:
                await self._purse.settle(id, believed(usd, self._budget))
        except (LedgerUnavailable, BadInput):
            return  # what was set aside stays spent: more than it was, never less

    async def _marked(self, what: str) -> None:
        """Once and for ever: a mark of one in an account of its own."""
        name = f"{what} {self._who}"
        if self._marks.get(name) is None:
            self._marks[name] = await self._purse.reserve(name, ONE, {name: ONE})

    def _failed(self, wrong: ModelUnavailable, at: datetime, began: float) -> ModelUnavailable:
        spent_s = round(perf_counter() - began, 3)
        said = " ".join(str(wrong).split())[:SAID]
        wrong.attempts = (Attempt(self.provider, self.model, at, spent_s, wrong.usage, wrong.fault, said),)
        return wrong
