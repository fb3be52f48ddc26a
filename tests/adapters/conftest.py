"""Stores of AWS on loopback: one stand-in that answers everything, and the real DynamoDB."""

from collections.abc import Iterator

import pytest
from dynamodb_local import dynamodb_local

from tests.functions.aws import IDENTITY, account


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with account() as aws:
        yield aws.url


@pytest.fixture(scope="session")
def real_dynamodb() -> Iterator[str]:
    """A process of Java, which takes seconds to start: every test makes a table of its own in it."""
    with dynamodb_local() as url:
        yield url


@pytest.fixture
def signed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
