"""A Lambda function called by its name, with the AWS credentials of this machine."""

import asyncio
import json
from functools import cached_property
from typing import Any

from ..domain.errors import BadInput, CloudUnavailable, Unavailable
from ..settings import variable

# A function may take its time; 15 minutes is the longest that Lambda allows.
CONNECT_S, READ_S = 5.0, 900.0


class LambdaFunction:
    """Raises CloudUnavailable when it cannot be called, Unavailable when it fails, BadInput for what it refuses."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def asked(self, event: dict[str, Any]) -> dict[str, Any]:
        """Its answer."""
        return await asyncio.to_thread(self._invoked, json.dumps(event).encode())

    def _invoked(self, event: bytes) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.invoke(FunctionName=self._name, Payload=event)
            told = json.loads(answer["Payload"].read() or b"null")
        except (BotoCoreError, ClientError, ValueError) as wrong:
            code = wrong.response["Error"]["Code"] if isinstance(wrong, ClientError) else type(wrong).__name__
            raise CloudUnavailable(f"{self._name} cannot be called: {str(wrong).rstrip('.')}", code) from wrong
        if "FunctionError" in answer:
            said = told if isinstance(told, dict) else {}
            kind, words = said.get("errorType", "error"), said.get("errorMessage", told)
            refused = BadInput if kind in REFUSALS else Unavailable
            raise refused(f"{self._name}: {words if refused is BadInput else f'{kind}: {words}'}")
        return dict(told)

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        once = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"total_max_attempts": 1})
        # What the CDK reads; boto3 by itself knows only AWS_DEFAULT_REGION.
        return boto3.session.Session(region_name=variable("AWS_REGION") or None).client("lambda", config=once)


REFUSALS = {BadInput.__name__, *(kind.__name__ for kind in BadInput.__subclasses__())}
