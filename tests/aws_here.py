"""A deployment on this machine: what the template says, and servers of loopback that speak AWS's wire format.

Tables, bucket and stream are made by CloudFormation (moto) from the synthesized data stack; names, environments, rules
and filters are read from the templates; Chroma is a child of its own. Functions are the real handlers."""

import importlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import unquote

import httpx
import uvicorn
from assembly import Assembly
from chroma_server import ChromaServer, Lambda
from moto.events.models import EventPattern

from semanticsignal import wiring
from semanticsignal.adapters.system_clock import SetClock
from semanticsignal.domain.events import CandleClosed, MinutePassed
from semanticsignal.drivers.aws_api import CloudRoom
from semanticsignal.ports import MarketData, Sockets
from semanticsignal.settings import DISCORD_IN
from tests.functions.aws import IDENTITY, REGION, account, client
from tests.functions.lambdas import scheduled

Event = dict[str, Any]
STAGE = "/dev"
BATCH = 100


class Browsers:
    """The side of API Gateway that a WebSocket is on: what was posted to whom; 410 for who has left."""

    def __init__(self) -> None:
        self.heard: dict[str, list[Event]] = {}

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        connection = unquote(scope["path"]).removeprefix(f"{STAGE}/@connections/")
        known = scope["method"] == "POST" and connection in self.heard
        if known:
            self.heard[connection].append(json.loads(body))
        headers = [] if known else [(b"x-amzn-errortype", b"GoneException")]
        await send({"type": "http.response.start", "status": 200 if known else 410, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


class Wire:
    """Between the functions and AWS. `fault` sees each question (`dynamodb TransactWriteItems`, `s3 GET`) and may
    answer in its place, or never."""

    def __init__(self, url: str) -> None:
        self.fault: Callable[[str], Answer | None] = lambda question: None
        self.asked: list[str] = []
        self._url = url
        self._moto = httpx.AsyncClient(verify=False, trust_env=False, timeout=30)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        headers = [(name.decode(), value.decode()) for name, value in scope["headers"]]
        question = _question(scope["method"], dict(headers))
        self.asked.append(question)
        answer = self.fault(question)
        if answer is None:
            answer = await self._passed(scope, headers, body)
        elif answer is NEVER:
            await receive()  # until the other side hangs up
            return
        status, told, content = answer
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": content})

    async def _passed(self, scope: dict[str, Any], headers: list[tuple[str, str]], body: bytes) -> "Answer":
        path = scope["raw_path"].decode() + (f"?{scope['query_string'].decode()}" if scope["query_string"] else "")
        asked = self._moto.build_request(scope["method"], self._url + path, headers=headers, content=body)
        got = await self._moto.send(asked, stream=True)
        content = b"".join([part async for part in got.aiter_raw()])
        told = [(n, v) for n, v in got.headers.raw if n.lower() not in (b"connection", b"transfer-encoding")]
        if b"content-length" not in {n.lower() for n, _ in told}:
            told.append((b"content-length", b"%d" % len(content)))
        return got.status_code, told, content


Answer = tuple[int, list[tuple[bytes, bytes]], bytes]
NEVER: Answer = (0, [], b"")


def throttled() -> Answer:
    """As DynamoDB says it."""
    told = {"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "Rate exceeded"}
    content = json.dumps(told).encode()
    return 400, [(b"content-type", b"application/x-amz-json-1.0"), (b"content-length", b"%d" % len(content))], content


def _question(method: str, headers: Mapping[str, str]) -> str:
    service = headers.get("authorization", "").partition("Credential=")[2].split("/")[3:4]
    operation = headers.get("x-amz-target", f".{method}").rpartition(".")[2]
    return f"{(service or ['nobody'])[0]} {operation}"


class Functions:
    """Lambda's own door: any function by its deployed name, one event at a time each."""

    def __init__(self, here: "Deployed") -> None:
        self._doors = {
            each.properties["FunctionName"]: Lambda(each.properties["FunctionName"], partial(here.invoke, name))
            for name, each in here.assembly.functions.items()
        }

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        name = unquote(scope["path"]).split("/")[3]
        await self._doors[name](scope, receive, send)


@contextmanager
def threaded(app: Callable[..., Any]) -> Iterator[str]:
    """A server beside the functions, which have loops of their own."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
            assert thread.is_alive(), "the server did not start"
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


class Deployed:
    """Functions by name, and what carries events between them. The clock is set by hand."""

    def __init__(self, assembly: Assembly, aws: Any, chroma: ChromaServer) -> None:
        self.assembly, self.aws, self.chroma = assembly, aws, chroma
        self.wire = Wire(aws.url)
        self.clock = SetClock(datetime(2000, 1, 1, tzinfo=UTC))
        self.browsers = Browsers()
        self.endpoints: dict[str, str] = {}
        self.handlers: dict[str, Any] = {}
        self.venues: list[tuple[str, Any]] = []
        self.heard: list[Event] = []
        self.dead: list[tuple[str, Event, Exception]] = []
        named = {each.id: each.properties for each in assembly.all("AWS::Events::EventBus", "AWS::Lambda::Function")}
        names = {id: told.get("FunctionName", told.get("Name")) for id, told in named.items()}
        self.names = {**{id: name for id, name in names.items() if name}, **_data_stack(assembly, aws.url)}
        self._shards: dict[str, str] = {}
        self.worn: Callable[[Callable[[str], Mapping[str, str]]], None] = lambda _: None
        self._bus = assembly.one("AWS::Events::EventBus").properties["Name"]
        self._queue = _listening(aws.url, self._bus)

    def environment(self, function: str) -> dict[str, str]:
        """As the template has it, references followed to what was made here."""
        told = {name: str(value) for name, value in self.assembly.environment(function).items()}
        for reference, made in self.names.items():
            told = {name: value.replace(f"<{reference}>", made) for name, value in told.items()}
        return told

    def resource(self, id: str) -> Any:
        return next(each for each in self.assembly.all() if each.id == id)

    # --- What happens -----------------------------------------------------------------------------------------------

    def invoke(self, function: str, event: Event) -> Any:
        """One call, through JSON and back, as Lambda does it."""
        answer = self.handlers[function](json.loads(json.dumps(event)), Context(function))
        return json.loads(json.dumps(answer))

    def live(self, instants: Sequence[datetime], times: int = 1) -> None:
        """At each boundary the minute's schedule, then each pair's, then all that comes of it."""
        settings = self.handlers["collect"].on.settings
        for at in instants:
            self.clock.set(at)
            for fact in (MinutePassed(at), *(CandleClosed(pair, settings.timeframe, at) for pair in settings.pairs)):
                targets = ("watch", "show") if isinstance(fact, MinutePassed) else ("collect",)
                for target in targets:
                    self.deliver(target, scheduled(fact), times)
                self.run(times)

    def run(self, times: int = 1) -> None:
        """Everything on the bus and in the stream, first in, first out."""
        while events := self._delivered():
            for event in events:
                self.heard.append(event)
                for target in self.targets(event):
                    self.deliver(target, event, times)
        self.stream(times)

    def deliver(self, function: str, event: Event, times: int = 1, tries: int = 3) -> None:
        """At least once, with the retries of the template; what fails for good is a dead letter."""
        for _ in range(times):
            for left in reversed(range(tries)):
                try:
                    self.invoke(function, event)
                    break
                except Exception as wrong:  # noqa: BLE001 - as Lambda does
                    if not left:
                        self.dead.append((function, event, wrong))

    def targets(self, event: Event) -> list[str]:
        """Whom the rules of the template call for an event, in the order of the template: their patterns decide."""
        found = []
        for rule in self.assembly.all("AWS::Events::Rule"):
            if EventPattern.load(json.dumps(rule.properties["EventPattern"])).matches_event(event):
                for target in rule.properties["Targets"]:
                    function = self.resource(target["Arn"]["Fn::GetAtt"][0])
                    found.append(function.properties["FunctionName"].rpartition("-")[2])
        return found

    def stream(self, times: int = 1) -> None:
        """New items of the ledger that the filter of the template lets through, in batches, until all are taken."""
        mapping = self.assembly.one("AWS::Lambda::EventSourceMapping").properties
        patterns = [json.loads(each["Pattern"]) for each in mapping["FilterCriteria"]["Filters"]]
        records = [r for r in self._records() if any(matches(pattern, r) for pattern in patterns)]
        for _ in range(times):
            left = records
            for _ in range(1 + mapping["MaximumRetryAttempts"]):
                failed = self._batch(left)
                if failed is None:
                    break
                left = left[failed:]

    def _batch(self, records: list[Event]) -> int | None:
        """Where the first batch failed, if one did."""
        for start in range(0, len(records), BATCH):
            answer = self.invoke("show", {"Records": records[start : start + BATCH]})
            if answer["batchItemFailures"]:
                wanted = answer["batchItemFailures"][0]["itemIdentifier"]
                return next(i for i, r in enumerate(records) if r["dynamodb"]["SequenceNumber"] == wanted)
        return None

    def authorized(self, ticket: str) -> str:
        """What the authorizer says to a ticket."""
        asked = {
            "type": "REQUEST",
            "methodArn": f"arn:aws:execute-api:{REGION}:123456789012:socket{STAGE}/$connect",
            "queryStringParameters": {"ticket": ticket},
            "requestContext": {"routeKey": "$connect", "eventType": "CONNECT", "connectionId": "new"},
        }
        said: str = self.invoke("sockets", asked)["policyDocument"]["Statement"][0]["Effect"]
        return said

    def connect(self, connection: str) -> str:
        """As a page does: a ticket from the API, the authorizer, then the socket. What the authorizer says."""
        said = self.authorized(self.api("POST", "/api/tickets")["ticket"])
        if said == "Allow":
            self.browsers.heard.setdefault(connection, [])
            self.invoke("sockets", self._routed("$connect", connection, self.clock.now()))
        return said

    def ping(self, connection: str, since: datetime) -> None:
        self.invoke("sockets", self._routed("$default", connection, since))

    def audience(self) -> Any:
        patch = _told_of(self, "show")
        try:
            return wiring.audience()
        finally:
            patch.undo()

    def wear(self, more: Callable[[str], Mapping[str, str]]) -> None:
        """The functions anew, as a deployment with other settings would have them."""
        self.undress()
        self.worn(more)

    def undress(self) -> None:
        """Lambda just stops a container; here what it held is closed, in its own loop."""
        for name, plug in self.venues:
            if "_plug" in plug.__dict__:
                self.handlers[name].runner.run(plug.close())
        self.venues.clear()
        for name, handler in self.handlers.items():
            if name != "memory":
                handler.runner.close()

    def keep(self, **secrets: str) -> None:
        """Discord's, in the parameter store."""
        for name, value in secrets.items():
            path = f"{self.environment('notify')['SEMSIG_SECRETS']}/{DISCORD_IN}/{name}"
            client("ssm", self.aws.url).put_parameter(Name=path, Type="SecureString", Value=value, Overwrite=True)

    def leave(self, connection: str, *, says_so: bool = True) -> None:
        del self.browsers.heard[connection]
        if says_so:
            self.invoke("sockets", self._routed("$disconnect", connection, self.clock.now()))

    def _routed(self, route: str, connection: str, since: datetime) -> Event:
        at = int(since.timestamp() * 1000)
        who = {"principalId": f"person of {connection}"}
        return {"requestContext": {"routeKey": route, "connectionId": connection, "connectedAt": at, "authorizer": who}}

    def api(self, method: str, path: str, body: Any = None, groups: str = "[admin]") -> Any:
        """A question as API Gateway passes it on, its token verified."""
        answer = self.invoke("api", http(method, path, body, groups))
        content = json.loads(answer["body"]) if answer["body"] else None
        assert answer["statusCode"] < 400, content
        return content

    def _delivered(self) -> list[Event]:
        sqs = client("sqs", self.aws.url)
        found: list[Event] = []
        while page := sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages", []):
            found += [json.loads(message["Body"]) for message in page]
            for message in page:
                sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def _records(self) -> list[Event]:
        """What came into the stream since it was last asked."""
        streams = client("dynamodbstreams", self.aws.url)
        found: list[Event] = []
        for shard, iterator in (self._shards or self._opened(streams)).items():
            page = streams.get_records(ShardIterator=iterator)
            while page["Records"]:
                found += page["Records"]
                page = streams.get_records(ShardIterator=page["NextShardIterator"])
            self._shards[shard] = page["NextShardIterator"]
        return [json.loads(json.dumps(record, default=_told)) for record in found]

    def _opened(self, streams: Any) -> dict[str, str]:
        table = client("dynamodb", self.aws.url).describe_table(TableName=self.environment("show")["SEMSIG_TABLE"])
        stream = table["Table"]["LatestStreamArn"]
        for shard in streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]:
            asked = {"StreamArn": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
            self._shards[shard["ShardId"]] = streams.get_shard_iterator(**asked)["ShardIterator"]
        return self._shards


def _told(value: Any) -> Any:
    return value.timestamp() if isinstance(value, datetime) else str(value)


class Context:
    """As much of Lambda's as anybody asks for."""

    def __init__(self, function: str) -> None:
        self.function_name, self.memory_limit_in_mb = function, 512
        self.invoked_function_arn, self.aws_request_id = f"arn:aws:lambda:::function:{function}", "1"

    def get_remaining_time_in_millis(self) -> int:
        return 80_000


def http(method: str, path: str, body: Any, groups: str) -> Event:
    """Payload format 2.0 of an HTTP API with a JWT authorizer."""
    plain, _, query = path.partition("?")
    claims = {"sub": "somebody", "client_id": "client", "cognito:groups": groups}
    told = {} if body is None else {"body": json.dumps(body), "isBase64Encoded": False}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": plain,
        "rawQueryString": query,
        "headers": {"host": "api", "content-type": "application/json", "authorization": "Bearer token"},
        "requestContext": {
            "http": {"method": method, "path": plain, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "authorizer": {"jwt": {"claims": claims, "scopes": None}},
            "stage": "$default",
        },
        **told,
    }


def matches(pattern: Any, told: Any) -> bool:
    """An event filter of exact values, as event source mappings use them."""
    if isinstance(pattern, Mapping):
        return isinstance(told, Mapping) and all(matches(wanted, told.get(key)) for key, wanted in pattern.items())
    return told in pattern


def _data_stack(assembly: Assembly, url: str) -> dict[str, str]:
    """Makes the stack from its template; what each of its resources came to be called."""
    formation, template = client("cloudformation", url), assembly.templates["data"]
    # The CDK's own look at its bootstrap, which moto has not.
    parameters = {k: v for k, v in template.get("Parameters", {}).items() if k != "BootstrapVersion"}
    # Moto's CloudFormation knows no bucket policies; the template tests read that one.
    resources = {id: r for id, r in template["Resources"].items() if r["Type"] != "AWS::S3::BucketPolicy"}
    body = {**template, "Parameters": parameters, "Rules": {}, "Resources": resources}
    formation.create_stack(StackName="data", TemplateBody=json.dumps(body))
    listed = formation.describe_stack_resources(StackName="data")["StackResources"]
    return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in listed}


def _listening(url: str, bus: str) -> str:
    """A queue that gets whatever is told on the bus."""
    events, sqs = client("events", url), client("sqs", url)
    queue: str = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.create_event_bus(Name=bus)
    events.put_rule(Name="all", EventBusName=bus, EventPattern=json.dumps({"source": ["semanticsignal"]}))
    events.put_targets(Rule="all", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    return queue


@contextmanager
def deployed(
    assembly: Assembly, chroma: ChromaServer, market: Callable[[SetClock], MarketData], environ: Any
) -> Iterator[Deployed]:
    """`environ`: pytest's monkeypatch. `market`: the venue's plug, one a function, on the clock it is given."""
    chroma.empty()
    with ExitStack() as stack:
        aws = stack.enter_context(account())
        here = Deployed(assembly, aws, chroma)
        here.endpoints["aws"] = stack.enter_context(threaded(here.wire))
        for name, value in {**IDENTITY, "AWS_ENDPOINT_URL": here.endpoints["aws"]}.items():
            environ.setenv(name, value)
        _memory(here, stack, environ)
        here.endpoints["socket"] = stack.enter_context(threaded(here.browsers))
        endpoint = here.endpoints["socket"] + STAGE

        def worn(more: Callable[[str], Mapping[str, str]]) -> None:
            for name in assembly.functions:
                if name != "memory":
                    _function(here, name, market, {"SEMSIG_SOCKET_ENDPOINT": endpoint, **more(name)})

        here.worn = worn
        worn(lambda _: {})
        try:
            yield here
        finally:
            here.undress()
            memory = here.handlers["memory"]
            memory.runner.run(memory.room.memory.close())
            memory.runner.close()


def _told_of(here: Deployed, name: str, **more: str) -> Any:
    """The environment of one function while it puts on what it wears."""
    import pytest

    patch = pytest.MonkeyPatch()
    for key, value in {**here.environment(name), **more}.items():
        patch.setenv(key, value)
    return patch


def _function(here: Deployed, name: str, market: Callable[[SetClock], MarketData], more: Mapping[str, str]) -> None:
    module = importlib.reload(importlib.import_module(f"functions.{name}"))
    handler = here.handlers[name] = module.handler
    patch = _told_of(here, name, **more)

    def worn() -> Sockets:
        on = wiring.cloud()
        venue: Any = wiring._Late(lambda: market(here.clock))
        here.venues.append((name, venue))
        return replace(on, clock=here.clock, market=venue, context=(), news=())

    match name:
        case "sockets":
            handler.audience = wiring.audience()
            handler._now = here.clock.now
        case "api":
            room = CloudRoom(worn(), wiring.audience(), wiring.bus().publish)
            handler._made = lambda: room
        case _:
            handler.on = worn()
            if name == "notify":
                handler.mail, handler.secrets = wiring.cloud_mail(), wiring.discord_parameters()
            elif name != "show":
                handler.publish = wiring.bus().publish
            else:
                handler.on = replace(handler.on, notifier=_notifier(more["SEMSIG_SOCKET_ENDPOINT"], here))
    patch.undo()


def _notifier(endpoint: str, here: Deployed) -> Any:
    from semanticsignal.adapters.apigateway import ApiGateway

    return ApiGateway(endpoint, wiring.audience(), here.clock.now)


def _memory(here: Deployed, stack: ExitStack, environ: Any) -> None:
    """The memory function behind Lambda's wire format, with a Chroma of this machine."""
    handler = importlib.reload(importlib.import_module("functions.memory")).handler
    here.handlers["memory"] = handler
    patch = _told_of(here, "memory", SEMSIG_CHROMA_URL=here.chroma.url)
    handler.room = wiring.memory_room()
    patch.undo()
    here.endpoints["lambda"] = stack.enter_context(threaded(Functions(here)))
    environ.setenv("AWS_ENDPOINT_URL_LAMBDA", here.endpoints["lambda"])
