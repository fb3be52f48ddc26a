"""Secrets in the parameter store of Systems Manager."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from ..domain.errors import Unavailable

KEPT_S = 300
CONNECT_S, READ_S = 2.0, 5.0
Noted = Callable[[Mapping[str, str]], object]


def _unheard(_read: Mapping[str, str]) -> None:
    """Nobody keeps them out of a log."""


class ParameterStore:
    """Read once and kept for a while: everything under `path` (`/semanticsignal/dev/`), decrypted. A new value is seen
    after five minutes at the latest. `noted` hears of all that is read, before anybody else does. Raises Unavailable;
    no message ever holds a value."""

    def __init__(self, path: str, noted: Noted = _unheard) -> None:
        self._path, self._noted = path, noted

    def secret(self, name: str) -> str:
        """Empty where none is kept under that name."""
        from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

        try:
            found = self._provider.get_multiple(self._path, decrypt=True, max_age=KEPT_S)
        except GetParameterError as wrong:
            raise Unavailable(
                f"the secrets under {self._path} cannot be read: {type(wrong.__cause__).__name__}"
            ) from wrong
        self._noted(found)
        return str(found.get(name, ""))

    @cached_property
    def _provider(self) -> Any:
        from aws_lambda_powertools.utilities.parameters import SSMProvider
        from botocore.config import Config

        return SSMProvider(boto_config=Config(connect_timeout=CONNECT_S, read_timeout=READ_S))


class NamedParameters:
    """A few below `path`, for who may read no other: those that are kept, decrypted, as they are now. `noted` hears of
    all that is read, before anybody else does. Raises Unavailable; no message ever holds a value."""

    def __init__(self, path: str, names: tuple[str, ...], noted: Noted = _unheard) -> None:
        self._path, self._names, self._noted = path, names, noted

    def read(self) -> Mapping[str, str]:
        from botocore.exceptions import BotoCoreError, ClientError

        asked = [f"{self._path}/{name}" for name in self._names]
        try:
            found = self._client.get_parameters(Names=asked, WithDecryption=True)["Parameters"]
        except (BotoCoreError, ClientError) as wrong:
            raise Unavailable(f"the secrets under {self._path} cannot be read: {type(wrong).__name__}") from wrong
        read = {each["Name"].rpartition("/")[2]: each["Value"] for each in found}
        self._noted(read)
        return read

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        limits = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"mode": "standard", "max_attempts": 3})
        return boto3.session.Session().client("ssm", config=limits)
