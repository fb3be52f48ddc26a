"""Memory behind a Lambda function: who decides and reflects has no way into Chroma's network."""

import asyncio
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

import orjson

from ..codec import decode, plain
from ..domain.errors import LedgerUnavailable, MemoryUnavailable
from ..domain.learning import ANY, Conditions, Experience, Hindsight, PostMortem, SemanticRule, Which

T = TypeVar("T")

# Longer than any answer takes but the first after Chroma lost its disk: that goes on by itself, and who asked goes on
# without memory meanwhile.
CONNECT_S, READ_S = 2.0, 10.0


class MemoryFunction:
    """Asked once: a stage that fails is turned again, and Lambda runs what it was asked twice, twice. Where it is the
    ledger that did not answer the function, that is what is raised: nobody goes on without memory for it, as nobody
    goes on without the ledger."""

    def __init__(self, name: str, *, endpoint_url: str | None = None) -> None:
        self._name, self._endpoint_url = name, endpoint_url

    async def remember(self, one: Experience | Hindsight | PostMortem) -> None:
        """The function reads it from the ledger, where it stands first; this only says that it must be in now."""
        await self._asked("remember", id=one.id, kind=type(one).__name__)

    async def learn(self, rule: SemanticRule) -> None:
        await self._asked("learn", id=rule.id)

    async def similar(
        self, conditions: Conditions, *, until: datetime, limit: int, which: Which = ANY
    ) -> tuple[tuple[Experience, float], ...]:
        if limit <= 0:
            return ()
        found = await self._asked("similar", "found", conditions=conditions, until=until, limit=limit, which=which)
        return self._read(tuple[tuple[Experience, float], ...], found)

    async def refused(
        self, conditions: Conditions, *, until: datetime, limit: int, which: Which = ANY
    ) -> tuple[tuple[Hindsight, float], ...]:
        if limit <= 0:
            return ()
        found = await self._asked("refused", "found", conditions=conditions, until=until, limit=limit, which=which)
        return self._read(tuple[tuple[Hindsight, float], ...], found)

    async def count(self, *, until: datetime, which: Which = ANY) -> int:
        return self._read(int, await self._asked("count", "count", until=until, which=which))

    async def rules(self, *, until: datetime) -> tuple[SemanticRule, ...]:
        return self._read(tuple[SemanticRule, ...], await self._asked("rules", "rules", until=until))

    async def rebuild(self) -> int:
        """From nothing, by the ledger; returns how many experiences there are."""
        return self._read(int, await self._asked("rebuild", "count"))

    async def heartbeat(self) -> int:
        return self._read(int, await self._asked("heartbeat", "heartbeat"))

    async def _asked(self, ask: str, part: str = "holds", /, **given: Any) -> Any:
        answer = await asyncio.to_thread(self._invoked, ask, plain({"ask": ask, **given}))
        if not isinstance(answer, dict) or part not in answer:
            raise self._failed(ask, f"its answer has no {part}, was {answer!r:.200}")
        return answer[part]

    def _invoked(self, ask: str, event: dict[str, Any]) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.invoke(FunctionName=self._name, Payload=orjson.dumps(event))
            said: bytes = answer["Payload"].read()
        except (BotoCoreError, ClientError) as wrong:
            raise self._failed(ask, str(wrong)) from wrong
        try:
            told = orjson.loads(said)
        except orjson.JSONDecodeError as wrong:
            raise self._failed(ask, f"no JSON, was {said[:200]!r}") from wrong
        if "FunctionError" in answer:
            known = told if isinstance(told, dict) else {}
            kind, why = known.get("errorType", "error"), f"{known.get('errorMessage', told)!s:.500}"
            if kind == LedgerUnavailable.__name__:
                raise LedgerUnavailable(f"memory function {self._name}, asked {ask}: {why}")
            raise self._failed(ask, f"{kind}: {why}")
        return told

    def _read(self, kind: type[T], data: Any) -> T:
        try:
            noun: T = decode(kind, data)
            return noun
        except (LookupError, TypeError, ValueError, ArithmeticError) as wrong:
            raise self._failed("what it was asked", f"nonsense: {wrong!r:.200}") from wrong

    def _failed(self, ask: str, why: str) -> MemoryUnavailable:
        return MemoryUnavailable(f"memory function {self._name} did not answer {ask}: {why}")

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        once = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"total_max_attempts": 1})
        return boto3.session.Session().client("lambda", endpoint_url=self._endpoint_url, config=once)
