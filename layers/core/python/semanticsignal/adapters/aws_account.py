"""Whose AWS account this machine's credentials are, and what a deployment needs of it; nothing is changed."""

import asyncio
from collections.abc import Callable
from functools import cached_property
from typing import Any

from ..domain.errors import CloudUnavailable
from ..settings import variable

CONNECT_S, READ_S = 3.0, 5.0
# Where the CDK writes which version of its own stack an account has.
BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
ABSENT = ("ParameterNotFound", "ResourceNotFoundException")


class AwsAccount:
    """Raises CloudUnavailable with AWS's own name of what is wrong."""

    async def identity(self) -> tuple[str, str]:
        """The account's number, and as whom we are known there."""
        told = await self._asked("sts", lambda sts: sts.get_caller_identity())
        return str(told["Account"]), str(told["Arn"])

    async def bootstrap(self) -> str | None:
        """The version of the CDK's own stack in the region; None where there is none."""
        told = await self._found("ssm", lambda ssm: ssm.get_parameter(Name=BOOTSTRAP))
        return None if told is None else str(told["Parameter"]["Value"])

    async def changed(self, function: str) -> str | None:
        """When a function was last changed; None where there is no such function."""
        told = await self._found("lambda", lambda it: it.get_function_configuration(FunctionName=function))
        return None if told is None else str(told["LastModified"])

    def region(self) -> str | None:
        """None where none is set."""
        return str(self._known(lambda: self._session.region_name) or "") or None

    async def _found(self, service: str, question: Callable[[Any], Any]) -> Any:
        try:
            return await self._asked(service, question)
        except CloudUnavailable as wrong:
            if wrong.code in ABSENT:
                return None
            raise

    async def _asked(self, service: str, question: Callable[[Any], Any]) -> Any:
        return await asyncio.to_thread(self._known, lambda: question(self._client(service)))

    def _known(self, question: Callable[[], Any]) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return question()
        except (BotoCoreError, ClientError) as wrong:
            code = wrong.response["Error"]["Code"] if isinstance(wrong, ClientError) else type(wrong).__name__
            raise CloudUnavailable(str(wrong).rstrip("."), code) from wrong

    def _client(self, service: str) -> Any:
        from botocore.config import Config

        once = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"total_max_attempts": 1})
        return self._session.client(service, config=once)

    @cached_property
    def _session(self) -> Any:
        import boto3

        # What the CDK reads; boto3 by itself knows only AWS_DEFAULT_REGION.
        return boto3.session.Session(region_name=variable("AWS_REGION") or None)
