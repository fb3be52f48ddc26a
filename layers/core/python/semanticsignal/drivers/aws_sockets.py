"""The function behind the WebSocket API: who may come in, who is there."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from .. import wiring
from ..domain.errors import BadInput
from ..ports import Audience
from .container import Container

# API Gateway itself ends every connection after two hours.
LASTS = timedelta(hours=2)
LONGEST_TICKET = 100
DONE = {"statusCode": 200}


def serve(
    audience: Callable[[], Audience] = wiring.audience, now: Callable[[], datetime] | None = None
) -> "SocketDesk":
    return SocketDesk(audience, now or wiring.system_clock().now)


class SocketDesk(Container):
    """The handler of the authorizer and of the routes `$connect`, `$default` and `$disconnect`."""

    def __init__(self, audience: Callable[[], Audience], now: Callable[[], datetime]) -> None:
        super().__init__("sockets")
        self._audience, self._now = audience, now

    def __call__(self, event: Any, _context: object) -> dict[str, Any]:
        """Raises BadInput for what the WebSocket API does not send, and Unavailable."""
        with self.reported():
            return self.runner.run(self._answered(event))

    async def _answered(self, event: Any) -> dict[str, Any]:
        match event:
            case {"type": "REQUEST", "methodArn": str(arn)}:
                return _policy(await self._who(event), arn)
            case {"requestContext": {"routeKey": "$disconnect", "connectionId": str(id)}}:
                await self.audience.leave(id)
                return DONE
            case {"requestContext": {"routeKey": "$connect" | "$default", "connectionId": str(id), "connectedAt": at}}:
                # Said again with each ping: what is told in the instant before a connection stands answers "gone".
                who = event["requestContext"].get("authorizer", {}).get("principalId", "unknown")
                await self.audience.join(id, who=str(who), until=_instant(at) + LASTS)
                return DONE
        raise BadInput(f"not an event of the WebSocket API, was {event!r:.300}")

    async def _who(self, event: Mapping[str, Any]) -> str | None:
        query = event.get("queryStringParameters")
        ticket = query.get("ticket") if isinstance(query, Mapping) else None
        if not isinstance(ticket, str) or not 0 < len(ticket) <= LONGEST_TICKET:
            return None
        return await self.audience.redeem(ticket, at=self._now())

    @cached_property
    def audience(self) -> Audience:
        return self._audience()


def _policy(who: str | None, arn: str) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow" if who else "Deny", "Resource": arn}
    return {"principalId": who or "nobody", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}


def _instant(at: Any) -> datetime:
    if not isinstance(at, int) or isinstance(at, bool):
        raise BadInput(f"connectedAt is in milliseconds, was {at!r}")
    return datetime.fromtimestamp(at / 1000, UTC)
