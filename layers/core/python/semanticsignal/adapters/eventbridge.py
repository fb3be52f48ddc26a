"""Facts onto an EventBridge bus, ten at a time, at least once."""

import asyncio
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import orjson

from ..codec import dump_fact
from ..domain.errors import BadInput, Unavailable
from ..domain.events import Fact

SOURCE = "semanticsignal"
# What one PutEvents takes: 256 KB in AWS's words, read as the smaller of the two kilobytes.
MOST_ENTRIES, MOST_BYTES = 10, 256_000
RETRIES = 3
CONNECT_S, READ_S = 3.0, 10.0


class EventBridge:
    """Source `semanticsignal`, detail-type the fact's kind, detail the fact as the codec writes it."""

    def __init__(self, bus: str, *, endpoint_url: str | None = None) -> None:
        self._bus, self._endpoint_url = bus, endpoint_url

    async def publish(self, facts: Sequence[Fact]) -> None:
        """Returns when the bus has taken every fact; one that it took may be told again by whoever tries again.

        Raises Unavailable naming what it did not take, BadInput for a fact too large for any bus."""
        for batch in tuple(self._batches(facts)):
            await asyncio.to_thread(self._put, batch)

    def _batches(self, facts: Sequence[Fact]) -> Iterator[list[Fact]]:
        batch: list[Fact] = []
        filled = 0
        for fact in facts:
            size = _size(self._entry(fact))
            if size > MOST_BYTES:
                raise BadInput(f"a fact on the bus has at most {MOST_BYTES} bytes, {_name(fact)} was {size}")
            if batch and (len(batch) == MOST_ENTRIES or filled + size > MOST_BYTES):
                yield batch
                batch, filled = [], 0
            batch.append(fact)
            filled += size
        if batch:
            yield batch

    def _put(self, facts: list[Fact]) -> None:
        """An entry is taken when it has an id: the others are asked for again, and only they."""
        left = [(fact, "") for fact in facts]
        for _ in range(1 + RETRIES):
            results = self._answered([fact for fact, _ in left])
            pairs = zip(left, results, strict=True)
            left = [(fact, str(got.get("ErrorCode"))) for (fact, _), got in pairs if not got.get("EventId")]
            if not left:
                return
        raise Unavailable(f"bus {self._bus} did not take {', '.join(f'{_name(fact)} ({why})' for fact, why in left)}")

    def _answered(self, facts: list[Fact]) -> list[dict[str, Any]]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.put_events(Entries=[self._entry(fact) for fact in facts])
        except (BotoCoreError, ClientError) as wrong:
            raise Unavailable(f"bus {self._bus} did not take {', '.join(map(_name, facts))}: {wrong}") from wrong
        results: list[dict[str, Any]] = answer.get("Entries", [])
        # An answer that leaves entries out has not taken them.
        return (results + [{"ErrorCode": "NoAnswer"}] * len(facts))[: len(facts)]

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        limits = Config(connect_timeout=CONNECT_S, read_timeout=READ_S)
        return boto3.session.Session().client("events", endpoint_url=self._endpoint_url, config=limits)

    def _entry(self, fact: Fact) -> dict[str, str]:
        told = dump_fact(fact)
        detail = orjson.dumps(told).decode()
        return {"EventBusName": self._bus, "Source": SOURCE, "DetailType": told["kind"], "Detail": detail}


def _size(entry: dict[str, str]) -> int:
    """As AWS counts it."""
    return sum(len(entry[part].encode()) for part in ("Source", "DetailType", "Detail"))


def _name(fact: Fact) -> str:
    return f"{type(fact).__name__} {fact.id[:200]}"
