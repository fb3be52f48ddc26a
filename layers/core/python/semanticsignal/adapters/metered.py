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
from ..logic.decide.purse import limits
from ..ports import LanguageModel, Purse

# The server said no before it did anything: nothing is owed, unless it tells of tokens. Whatever else goes wrong may
# have been paid, unless the plug knows that nobody had the question.
UNPAID = frozenset((
    Fault.AUTH, Fault.QUOTA, Fault.RATE_LIMIT, Fault.REQUEST, Fault.PAYMENT, Fault.BUDGET,
))  # fmt: skip
SAID = 300
GRACE_S = 0.25
MULTIPLE = 4
WHATEVER = Decimal(10) ** 9


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
    aside spent. `now`: real time."""

    def __init__(
        self, model: LanguageModel, who: tuple[str, str], tariff: Tariff, purse: Purse, budget: Budget, *,
        now: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._model, (self.provider, self.model) = model, who
        self._tariff, self._purse, self._budget, self._now = tariff, purse, budget, now
        self._questions, self._is_charged = 0, False

    async def complete(self, prompt: Prompt) -> Reply:
        at, began = self._now(), perf_counter()
        # the number, for a clock may stand still between two questions
        self._questions += 1
        set_aside = f"{prompt.id}#{self.provider}#{self.model}#{at.isoformat()}#{self._questions}"
        usage = Usage()
        try:
            most = await self._reserved(set_aside, prompt, at)
        except ModelUnavailable as poor:
            raise self._failed(poor, at, began) from None
        try:
            # the plug keeps the time, and knows what was paid; this is for one that does not
            async with asyncio.timeout(None if prompt.within_s is None else prompt.within_s + GRACE_S):
                reply = await self._model.complete(prompt)
            usage = self._told(reply.usage)
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
            if usage.cost_usd is not None and (most is not None or usage.cost_usd > 0):
                await self._settled(set_aside, usage.cost_usd, at, is_known=most is not None)
        spent_s = round(perf_counter() - began, 3)
        attempt = Attempt(self.provider, reply.model, at, spent_s, usage)
        return replace(reply, usage=usage, latency_s=spent_s, attempts=(attempt,))

    async def close(self) -> None:
        await self._model.close()

    def _told(self, usage: Usage) -> Usage:
        """With its cost, as the provider says or as the tokens reckon."""
        price, told = self._tariff.price, usage.cost_usd
        reckoned = None if price is None else Decimal(0) if price == FREE else cost_usd(usage, price)
        costs = [usd for usd in (told, reckoned) if usd is not None]
        # no answer is believed to cost a multiple of the most that one may
        return replace(usage, cost_usd=min(max(costs), MULTIPLE * self._budget.call_usd)) if costs else usage

    async def _reserved(self, id: str, prompt: Prompt, at: datetime) -> Decimal | None:
        """What was set aside; None for what costs nothing."""
        most = self._most(prompt)
        if most == 0:
            return None
        cap = self._budget.call_usd
        if most > cap:
            raise ModelUnavailable(
                f"{self.model} at {self.provider}: one answer may cost {most:.4f} USD, budget.call_usd is {cap}",
                Fault.BUDGET,
            )
        accounts = self._limits(at)
        try:
            is_there = await self._purse.reserve(id, most, accounts)
        except LedgerUnavailable as wrong:
            raise ModelUnavailable(
                f"{self.model} at {self.provider}: nobody knows what was spent, {wrong!s:.{SAID}}", Fault.BUDGET
            ) from wrong
        if not is_there:
            told = ", ".join(f"{account}: {limit} USD" for account, limit in accounts.items())
            raise ModelUnavailable(
                f"{self.model} at {self.provider}: {most:.4f} USD more would pass a limit of {told}", Fault.BUDGET
            )
        return most

    def _most(self, prompt: Prompt) -> Decimal:
        tariff = self._tariff
        if tariff.price is not None and not self._is_charged:
            return most_usd(prompt, tariff.price, tariff.max_output_tokens)
        return self._budget.call_usd if tariff.most_usd is None else tariff.most_usd

    def _limits(self, at: datetime) -> Mapping[str, Decimal]:
        own = self._tariff.day_usd
        return limits(at, self._budget, {} if own is None else {self.provider: own})

    async def _settled(self, id: str, usd: Decimal, at: datetime, *, is_known: bool) -> None:
        """What was thought to be free and is not is booked all the same, and from now on like any other."""
        try:
            if not is_known:
                self._is_charged = True
                await self._purse.reserve(id, Decimal(0), dict.fromkeys(self._limits(at), WHATEVER))
            await self._purse.settle(id, usd)
        except (LedgerUnavailable, BadInput):
            return  # what was set aside stays spent: more than it was, never less

    def _failed(self, wrong: ModelUnavailable, at: datetime, began: float) -> ModelUnavailable:
        spent_s = round(perf_counter() - began, 3)
        said = " ".join(str(wrong).split())[:SAID]
        wrong.attempts = (Attempt(self.provider, self.model, at, spent_s, wrong.usage, wrong.fault, said),)
        return wrong
