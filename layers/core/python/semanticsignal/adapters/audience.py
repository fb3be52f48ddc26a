"""Audience in a DynamoDB table that forgets by itself: tickets and open connections."""

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Any

from ..domain.errors import Unavailable

CONNECT_S, READ_S = 2.0, 5.0
CONNECTION, TICKET = "connection#", "ticket#"


class DynamoAudience:
    """Key: `id`; `expires_at` (epoch seconds) is the table's time to live, which may lag by days, so it is asked here
    too. Raises Unavailable."""

    def __init__(self, table: str, *, endpoint_url: str | None = None) -> None:
        self._table, self._endpoint_url = table, endpoint_url

    async def admit(self, who: str, *, until: datetime) -> str:
        ticket = secrets.token_urlsafe(32)
        await self._put(f"{TICKET}{ticket}", who, until)
        return ticket

    async def redeem(self, ticket: str, *, at: datetime) -> str | None:
        """Deleting is what lets in, so of two who show the same ticket one comes in."""
        gone = await self._asked(self._client.delete_item, Key=_id(f"{TICKET}{ticket}"), ReturnValues="ALL_OLD")
        found = gone.get("Attributes")
        return found["who"]["S"] if found and int(found["expires_at"]["N"]) > at.timestamp() else None

    async def join(self, connection: str, *, until: datetime) -> None:
        await self._put(f"{CONNECTION}{connection}", connection, until)

    async def leave(self, connection: str) -> None:
        await self._asked(self._client.delete_item, Key=_id(f"{CONNECTION}{connection}"))

    async def listeners(self, *, at: datetime) -> tuple[str, ...]:
        found: list[str] = []
        asked: dict[str, Any] = {
            "ConsistentRead": True,
            "FilterExpression": "begins_with(id, :connection) AND expires_at > :at",
            "ExpressionAttributeValues": {":connection": {"S": CONNECTION}, ":at": {"N": str(int(at.timestamp()))}},
        }
        while True:
            page = await self._asked(self._client.scan, **asked)
            found += [item["who"]["S"] for item in page.get("Items", [])]
            if "LastEvaluatedKey" not in page:
                return tuple(sorted(found))
            asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    async def _put(self, id: str, who: str, until: datetime) -> None:
        item = {**_id(id), "who": {"S": who}, "expires_at": {"N": str(int(until.timestamp()))}}
        await self._asked(self._client.put_item, Item=item)

    async def _asked(self, question: Callable[..., Any], **asked: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = await asyncio.to_thread(question, TableName=self._table, **asked)
        except (BotoCoreError, ClientError) as wrong:
            raise Unavailable(f"the table of connections {self._table} does not answer: {wrong}") from wrong
        return answer

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        limits = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"mode": "standard", "max_attempts": 3})
        return boto3.session.Session().client("dynamodb", endpoint_url=self._endpoint_url, config=limits)


def _id(id: str) -> dict[str, dict[str, str]]:
    return {"id": {"S": id}}
