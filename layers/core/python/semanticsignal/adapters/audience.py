"""Audience in a DynamoDB table that forgets by itself: tickets and open connections."""

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Any

from ..domain.errors import Unavailable

CONNECT_S, READ_S = 2.0, 5.0
CONNECTION, TICKET, ASKED = "connection", "ticket", "asked"
# Pages that one person may keep open; older ones are told nothing more.
MOST_EACH = 10


class DynamoAudience:
    """Keys: partition `kind`, sort `id`; `expires_at` (epoch seconds) is the table's time to live, which may lag by
    days, so it is asked here too. Raises Unavailable."""

    def __init__(self, table: str, *, endpoint_url: str | None = None) -> None:
        self._table, self._endpoint_url = table, endpoint_url

    async def admit(self, who: str, *, until: datetime) -> str:
        ticket = secrets.token_urlsafe(32)
        await self._put(TICKET, ticket, who, until)
        return ticket

    async def redeem(self, ticket: str, *, at: datetime) -> str | None:
        """Deleting what is there is what lets in, so of two who show the same ticket one comes in."""
        try:
            gone = await self._asked(
                self._client.delete_item, Key=_key(TICKET, ticket), ReturnValues="ALL_OLD",
                ConditionExpression="attribute_exists(id)",
            )  # fmt: skip
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        found = gone.get("Attributes")
        return found["who"]["S"] if found and int(found["expires_at"]["N"]) > at.timestamp() else None

    async def first(self, what: str, *, until: datetime) -> bool:
        try:
            await self._put(ASKED, what, "", until, ConditionExpression="attribute_not_exists(id)")
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    async def forget(self, what: str) -> None:
        await self._asked(self._client.delete_item, Key=_key(ASKED, what))

    async def join(self, connection: str, *, who: str, until: datetime) -> None:
        await self._put(CONNECTION, connection, who, until)

    async def leave(self, connection: str) -> None:
        await self._asked(self._client.delete_item, Key=_key(CONNECTION, connection))

    async def listeners(self, *, at: datetime) -> tuple[str, ...]:
        found: list[dict[str, Any]] = []
        asked: dict[str, Any] = {
            "ConsistentRead": True,
            "KeyConditionExpression": "kind = :connection",
            "FilterExpression": "expires_at > :at",
            "ExpressionAttributeValues": {":connection": {"S": CONNECTION}, ":at": {"N": str(int(at.timestamp()))}},
        }
        while True:
            page = await self._asked(self._client.query, **asked)
            found += page.get("Items", [])
            if "LastEvaluatedKey" not in page:
                return _few_each(found)
            asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    async def _put(self, kind: str, id: str, who: str, until: datetime, **condition: str) -> None:
        item = {**_key(kind, id), "who": {"S": who}, "expires_at": {"N": str(int(until.timestamp()))}}
        await self._asked(self._client.put_item, Item=item, **condition)

    async def _asked(self, question: Callable[..., Any], **asked: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = await asyncio.to_thread(question, TableName=self._table, **asked)
        except self._client.exceptions.ConditionalCheckFailedException:
            raise
        except (BotoCoreError, ClientError) as wrong:
            raise Unavailable(f"the table of connections {self._table} does not answer: {wrong}") from wrong
        return answer

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        limits = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"mode": "standard", "max_attempts": 3})
        return boto3.session.Session().client("dynamodb", endpoint_url=self._endpoint_url, config=limits)


def _few_each(items: list[dict[str, Any]]) -> tuple[str, ...]:
    of: dict[str, list[str]] = {}
    for item in sorted(items, key=lambda item: (-int(item["expires_at"]["N"]), item["id"]["S"])):
        of.setdefault(item["who"]["S"], []).append(item["id"]["S"])
    return tuple(sorted(id for ids in of.values() for id in ids[:MOST_EACH]))


def _key(kind: str, id: str) -> dict[str, dict[str, str]]:
    return {"kind": {"S": kind}, "id": {"S": id}}
