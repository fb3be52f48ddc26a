"""AWS on this machine: moto's server, with a bus, and a queue that keeps what the bus delivers."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import httpx
from moto.server import ThreadedMotoServer

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
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": REGION}
        return boto3.session.Session(**keys).client(name, endpoint_url=self.url)


@contextmanager
def account() -> Iterator[Account]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        # its accounts live in this process, whichever server speaks for them
        httpx.post(f"http://{host}:{port}/moto-api/reset").raise_for_status()
        yield Account(f"http://{host}:{port}")
    finally:
        server.stop()
