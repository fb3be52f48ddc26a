"""Archive in an S3 bucket: one compressed object an item, the first of each key."""

import asyncio
import gzip
import zlib
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from ..codec import dumps, loads
from ..domain.errors import ArchiveUnavailable, BadInput

CONNECT_S, READ_S, ATTEMPTS = 2.0, 10.0, 3
# S3 takes keys of at most this many bytes.
LONGEST_KEY = 1024


class S3Archive:
    """The object's key is the archive's (what no key may hold is written %XX): people find in the console what the
    ledger names. Raises ArchiveUnavailable when the bucket refuses or does not answer in time."""

    def __init__(self, bucket: str, *, endpoint_url: str | None = None) -> None:
        self._bucket, self._endpoint_url = bucket, endpoint_url

    async def put(self, key: str, item: Any) -> Any:
        content = gzip.compress(dumps(item), compresslevel=6, mtime=0)
        if await asyncio.to_thread(self._put, _object(key), content):
            return item
        return await self.get(key, type(item))

    async def get(self, key: str, kind: type) -> Any:
        content = await asyncio.to_thread(self._get, _object(key))
        if content is None:
            return None
        try:
            return loads(kind, gzip.decompress(content))
        except (OSError, EOFError, zlib.error) as wrong:
            raise ArchiveUnavailable(f"a damaged object in the archive, {key}, was {wrong!r}") from wrong

    def _put(self, key: str, content: bytes) -> bool:
        """False when one stands there already: the bucket itself lets only the first in."""
        from botocore.exceptions import BotoCoreError, ClientError

        for _ in range(ATTEMPTS):
            try:
                self._client.put_object(Bucket=self._bucket, Key=key, Body=content, IfNoneMatch="*",
                                        ContentType="application/json", ContentEncoding="gzip")  # fmt: skip
            except ClientError as wrong:
                status = wrong.response["ResponseMetadata"]["HTTPStatusCode"]
                if status == HTTPStatus.PRECONDITION_FAILED:
                    return False
                if status == HTTPStatus.CONFLICT:  # two at the same instant: ask again who was first
                    continue
                raise ArchiveUnavailable(f"cannot archive {key}: {wrong}") from wrong
            except BotoCoreError as wrong:
                raise ArchiveUnavailable(f"cannot archive {key}: {wrong}") from wrong
            return True
        raise ArchiveUnavailable(f"cannot archive {key}: another write of it was under way {ATTEMPTS} times")

    def _get(self, key: str) -> bytes | None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            content: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            return content
        except ClientError as wrong:
            if wrong.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise ArchiveUnavailable(f"cannot read the archive, {key}: {wrong}") from wrong
        except BotoCoreError as wrong:
            raise ArchiveUnavailable(f"cannot read the archive, {key}: {wrong}") from wrong

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        limits = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"mode": "standard", "max_attempts": 3})
        return boto3.session.Session().client("s3", endpoint_url=self._endpoint_url, config=limits)


def _object(key: str) -> str:
    name = f"{quote(key, safe='/#:+@=,')}.json.gz"
    if len(name.encode()) > LONGEST_KEY:
        raise BadInput(f"a key of the archive has at most {LONGEST_KEY} bytes, was {name[:80]}…")
    return name
