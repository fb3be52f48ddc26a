"""Secrets in the parameter store of Systems Manager, read once and kept for a while."""

from functools import cached_property
from typing import Any

from ..domain.errors import Unavailable

KEPT_S = 300
CONNECT_S, READ_S = 2.0, 5.0


class ParameterStore:
    """Everything under `path` (`/semanticsignal/dev/`), decrypted. A new value is seen after five minutes at the
    latest. Raises Unavailable; no message ever holds a value."""

    def __init__(self, path: str) -> None:
        self._path = path

    def secret(self, name: str) -> str:
        """Empty where none is kept under that name."""
        from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

        try:
            found = self._provider.get_multiple(self._path, decrypt=True, max_age=KEPT_S)
        except GetParameterError as wrong:
            raise Unavailable(
                f"the secrets under {self._path} cannot be read: {type(wrong.__cause__).__name__}"
            ) from wrong
        return str(found.get(name, ""))

    @cached_property
    def _provider(self) -> Any:
        from aws_lambda_powertools.utilities.parameters import SSMProvider
        from botocore.config import Config

        return SSMProvider(boto_config=Config(connect_timeout=CONNECT_S, read_timeout=READ_S))
