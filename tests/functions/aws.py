"""AWS on this machine: moto's server, with a bus, and a queue that keeps what the bus delivers."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

import boto3
import botocore.session
import httpx
from moto import backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.server import ThreadedMotoServer

# Each plug has a session of its own, and each would read what AWS says of its services, 0.1 s of JSON, anew.
botocore.session.create_loader = cache(botocore.session.create_loader)
# Moto would look through its folder at each question.
MODULES = tuple(backends.list_of_moto_modules())
backends.list_of_moto_modules = lambda: MODULES
# AWS looks at a condition and writes in one go; between moto's look and its write another thread may come.
TURN, ANSWERED = Lock(), DomainDispatcherApplication.__call__


def one_at_a_time(*asked: Any) -> Any:
    with TURN:
        return ANSWERED(*asked)


DomainDispatcherApplication.__call__ = one_at_a_time
# A line for each of some 10,000 questions, and nobody reads them.
logging.getLogger("werkzeug").setLevel(logging.ERROR)

BUS = "semanticsignal"
REGION = "eu-central-1"
# Nobody's: enough to sign with.
IDENTITY = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Account:
    """Where to call it, and what its bus delivered."""

    def __init__(self, url: str) -> None:
        self.url = url
        events, self._sqs = self._client("events"), self._client("sqs")
        self._queue = self._sqs.create_queue(QueueName="heard")["QueueUrl"]
        wanted = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        events.create_event_bus(Name=BUS)
        events.put_rule(Name="all", EventBusName=BUS, EventPattern=json.dumps({"source": [BUS]}))
        target = {"Id": "queue", "Arn": wanted["Attributes"]["QueueArn"]}
        events.put_targets(Rule="all", EventBusName=BUS, Targets=[target])

    def delivered(self) -> list[dict[str, Any]]:
        """Every envelope, as a function would get it."""
        found: list[dict[str, Any]] = []
        while page := self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages", []):
            found += [json.loads(message["Body"]) for message in page]
        return found

    def _client(self, name: str) -> Any:
        return client(name, self.url)


@contextmanager
def account() -> Iterator[Account]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        # its accounts live in this process, whichever server speaks for them
        httpx.post(f"http://{host}:{port}/moto-api/reset", verify=False).raise_for_status()
        yield Account(f"http://{host}:{port}")
    finally:
        server.stop()


@cache
def client(name: str, url: str) -> Any:
    """Calls a service of this machine, whatever the environment says."""
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": REGION}
    return boto3.session.Session(**keys).client(name, endpoint_url=url)


def ledger_table(url: str, name: str) -> str:
    """The keys and indexes that the plug needs; the template's own table is compared with it elsewhere."""
    dynamodb = client("dynamodb", url)
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk", "kind_seq", "pair_seq")],
        KeySchema=_keys("pk", "sk"),
        LocalSecondaryIndexes=[
            {"IndexName": index, "KeySchema": _keys("pk", key), "Projection": {"ProjectionType": "ALL"}}
            for index, key in (("by_kind", "kind_seq"), ("by_pair", "pair_seq"))
        ],
    )
    dynamodb.get_waiter("table_exists").wait(TableName=name)
    return name


def mail_table(url: str, name: str) -> str:
    dynamodb = client("dynamodb", url)
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk", "waits", "expires")],
        KeySchema=_keys("pk", "sk"),
        LocalSecondaryIndexes=[
            {"IndexName": index, "KeySchema": _keys("pk", key), "Projection": {"ProjectionType": "KEYS_ONLY"}}
            for index, key in (("waiting", "waits"), ("expiring", "expires"))
        ],
    )
    dynamodb.get_waiter("table_exists").wait(TableName=name)
    return name


def connections_table(url: str, name: str) -> str:
    dynamodb = client("dynamodb", url)
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("kind", "id")],
        KeySchema=_keys("kind", "id"),
    )
    dynamodb.get_waiter("table_exists").wait(TableName=name)
    return name


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def bucket(url: str, name: str) -> str:
    client("s3", url).create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return name
