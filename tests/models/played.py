"""A model that plays what it is told, and what stands around it in a real chain."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from semanticsignal.adapters.breaker import Breaker
from semanticsignal.adapters.fallback import Fallback, Named
from semanticsignal.adapters.inmemory import InMemoryPurse
from semanticsignal.adapters.metered import Metered, Tariff
from semanticsignal.adapters.repaired import Repaired
from semanticsignal.domain.asking import Fault, Usage
from semanticsignal.domain.decision import Prompt, Reply
from semanticsignal.domain.errors import ModelUnavailable
from semanticsignal.domain.policy import Budget
from semanticsignal.ports import Purse
from tests.world import says

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
PROMPT = Prompt(id="BTC/USDC#4h#1", version="v", system="You trade.", user="price: 100", price=Decimal(100))
HOLD = says("HOLD")


@dataclass
class Time:
    """Real time and its seconds, moved by hand."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return AT + timedelta(seconds=self.seconds)

    def now_s(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


def fault(kind: Fault, wait_s: float | None = None, **usage: Any) -> ModelUnavailable:
    return ModelUnavailable(f"played: {kind}", kind, wait_s=wait_s, usage=Usage(**usage) if usage else None)


class Plays:
    """Its script in order, the last line again and again: words, a Reply, or a ModelUnavailable. `takes_s`: how long
    each answer takes."""

    def __init__(self, *script: Any, time: Time | None = None, takes_s: float = 0.0) -> None:
        self.script, self.time, self.takes_s = list(script), time or Time(), takes_s
        self.asked: list[Prompt] = []

    async def complete(self, prompt: Prompt) -> Reply:
        self.asked.append(prompt)
        self.time.seconds += self.takes_s
        line = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        match line:
            case ModelUnavailable():
                raise ModelUnavailable(str(line), line.fault, wait_s=line.wait_s, usage=line.usage)
            case str():
                return Reply(line, "played", usage=Usage(1000, 200))
            case Reply():
                return line
            case Callable():  # type: ignore[misc]
                return await line(prompt)
        raise AssertionError(line)


FREE = Tariff((Decimal(0), Decimal(0)), 1000)


def chain(
    *models: Plays, time: Time, purse: Purse | None = None, budget: Budget | None = None, deadline_s: float = 100,
    timeout_s: float = 60, tariff: Tariff = FREE,
) -> Fallback:  # fmt: skip
    """As the wiring builds it, on a clock moved by hand."""
    named = []
    for number, plug in enumerate(models):
        who = (f"provider-{number}", "asked-for")
        metered = Metered(plug, who, tariff, purse or InMemoryPurse(), budget or Budget(), now=time.now)
        named.append(Named(*who, Repaired(Breaker(metered, who[0], time.now_s)), timeout_s))
    return Fallback(named, deadline_s, time.now, time.now_s, time.sleep)
