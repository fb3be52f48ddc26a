"""GRANTS: which function may do what to which part of a deployment, beside STAGES, and nothing more."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from semanticsignal.domain.secrets import DISCORD
from semanticsignal.settings import DISCORD_IN, PLACES

from .deployment import waive

READS = ("dynamodb:GetItem", "dynamodb:Query")
# A transaction is authorized by what it is made of.
WRITES = ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:ConditionCheckItem")
# Sort keys that list the ledger by kind of fact, and by pair.
INDEXES = {"by_kind": "kind_seq", "by_pair": "pair_seq"}
# And those that list the mail: what waits, and what is to be taken back.
MAIL_INDEXES = {"waiting": "waits", "expiring": "expires"}
LEDGER = ("", *(f"/index/{name}" for name in INDEXES))


class Place(NamedTuple):
    """A part of a deployment: what a function is told of it, and the ARN it is reached by."""

    told: str
    arn: str


class Right(NamedTuple):
    """`place`: key of `settings.PLACES`. `acts`: actions → what follows the place's ARN. No action: it is only told."""

    place: str
    acts: Mapping[tuple[str, ...], tuple[str, ...]]


READ_LEDGER = Right("table", {READS: LEDGER})
WRITE_LEDGER = Right("table", {READS: LEDGER, WRITES: ("",)})
# Without ListBucket S3 answers 403 for a key that is not there.
READ_ARCHIVE = Right("bucket", {("s3:GetObject",): ("/*",), ("s3:ListBucket",): ("",)})
WRITE_ARCHIVE = Right("bucket", {("s3:GetObject", "s3:PutObject"): ("/*",), ("s3:ListBucket",): ("",)})
# One that no model saw is drawn for people.
DRAW_CHARTS = Right("bucket", {("s3:PutObject",): ("/chart/*",)})
KEEP_MAIL = Right(
    "mail",
    {
        ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"): ("",),
        ("dynamodb:Query",): tuple(f"/index/{name}" for name in MAIL_INDEXES),
    },
)
TELL = Right("bus", {("events:PutEvents",): ("",)})
ASK_MEMORY = Right("memory", {("lambda:InvokeFunction",): ("",)})
READ_SECRETS = Right("secrets", {("ssm:GetParametersByPath",): ("", "/*"), ("ssm:GetParameter",): ("/*",)})
# Those of Discord, and no key of a model or a venue.
READ_DISCORD = Right("secrets", {("ssm:GetParameters",): tuple(f"/{DISCORD_IN}/{name}" for name in DISCORD)})
# Tickets, and which analyses were asked for; one that could not be told is forgotten.
ISSUE_TICKETS = Right("connections", {("dynamodb:PutItem", "dynamodb:DeleteItem"): ("",)})
# A ticket is taken by deleting it; a connection that is gone likewise.
KEEP_CONNECTIONS = Right("connections", {("dynamodb:PutItem", "dynamodb:DeleteItem"): ("",)})
SEE_CONNECTIONS = Right("connections", {("dynamodb:Query", "dynamodb:DeleteItem"): ("",)})
SPEAK = Right("socket", {("execute-api:ManageConnections",): ("/POST/@connections/*",)})
# The network is its lock: no action to grant.
CHROMA = Right("chroma", {})

GRANTS: Mapping[str, tuple[Right, ...]] = {
    "collect": (WRITE_LEDGER, WRITE_ARCHIVE, TELL),
    # its chart shows what is open
    "analyse": (READ_LEDGER, WRITE_ARCHIVE, TELL),
    "decide": (WRITE_LEDGER, WRITE_ARCHIVE, TELL, ASK_MEMORY, READ_SECRETS),
    "execute": (WRITE_LEDGER, TELL, ASK_MEMORY),
    "watch": (WRITE_LEDGER, TELL, ASK_MEMORY),
    # refused entries are held against the bars of the cycle
    "reflect": (WRITE_LEDGER, READ_ARCHIVE, TELL, ASK_MEMORY),
    "review": (WRITE_LEDGER, WRITE_ARCHIVE, TELL, ASK_MEMORY, READ_SECRETS),
    "context": (WRITE_ARCHIVE, TELL, READ_SECRETS),
    "news": (WRITE_ARCHIVE, TELL, READ_SECRETS),
    "notify": (READ_LEDGER, READ_ARCHIVE, DRAW_CHARTS, KEEP_MAIL, READ_DISCORD),
    "show": (READ_LEDGER, SEE_CONNECTIONS, SPEAK),
    "api": (READ_LEDGER, READ_ARCHIVE, TELL, ASK_MEMORY, ISSUE_TICKETS),
    "sockets": (KEEP_CONNECTIONS,),
    "memory": (READ_LEDGER, CHROMA),
}
WHY_OPEN = {
    "/*": "keys below this one prefix are named at run time; all of them are this deployment's own",
    "/chart/*": "a chart is named by its decision, at run time",
    "/POST/@connections/*": "connections have no name before a browser opens one",
}


def grant(name: str, function: lambda_.Function, places: Mapping[str, Place]) -> None:
    """Gives a function its row of GRANTS: statements in its role, and in its environment where the places are."""
    for right in GRANTS[name]:
        place = places[right.place]
        function.add_environment(PLACES[right.place], place.told)
        for actions, ends in right.acts.items():
            resources = [f"{place.arn}{end}" for end in ends]
            function.add_to_role_policy(iam.PolicyStatement(actions=[*actions], resources=resources))
            open_ended = {f"{place.arn}{end}": WHY_OPEN[end] for end in ends if end in WHY_OPEN}
            waive(function.role or function, {finding(Stack.of(function), arn): why for arn, why in open_ended.items()})


def finding(stack: Stack, arn: str) -> str:
    """As cdk-nag names an open-ended resource: the ARN with its references in angle brackets."""
    return f"AwsSolutions-IAM5[Resource::{_flat(stack.resolve(arn))}]"


def _flat(resolved: Any) -> str:
    match resolved:
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::ImportValue": name}:
            return _flat(name)
        case {"Fn::Join": [between, parts]}:
            return str(between).join(map(_flat, parts))
    return str(resolved)
