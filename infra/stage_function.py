"""StageFunction: every default of a Lambda function of the house, once.

    function = StageFunction(stack, "show", deployment)        # functions/show.py, its layers, logs, dead letters
    grant("show", function, {**data.places, **places_of_mine}) # its row of GRANTS: statements and SEMSIG_… variables

`is_asked=True` is for what somebody waits for (api, sockets, memory): no retries, no dead letters. What nobody waits
for has `dead`, the queue of what failed for good: give it to event source mappings, rules and schedules too."""

import ast
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from semanticsignal.domain.policy import Settings
from semanticsignal.settings import PLACES

from .deployment import ROOT, Deployment, refuse, waive
from .layers import WEARS

FUNCTIONS = ROOT / "functions"
RETRIES = 2
HOUR_S = 3_600
# Two tries more, after one minute and after two.
LEAST_AGE_S, CLOCK_AGE_S, MOST_AGE_S = 60, 300, 6 * HOUR_S
# matplotlib wants a folder that it can write; Lambda has no other.
DRAWS = {"MPLCONFIGDIR": "/tmp/matplotlib"}  # noqa: S108


@dataclass(frozen=True)
class Size:
    """`age_s`: how old an event may be that is tried again; None for a quarter of the timeframe."""

    memory_mb: int
    timeout_s: int
    age_s: int | None = None


SIZES = {
    "collect": Size(512, 120),
    "analyse": Size(1024, 60),
    "decide": Size(512, 60),  # and what the models may take
    "execute": Size(512, 60),
    "watch": Size(512, 50, CLOCK_AGE_S),  # over before the next minute
    "reflect": Size(512, 60, MOST_AGE_S),  # a late lesson is a lesson
    "review": Size(512, 60, MOST_AGE_S),  # and what the models may take; a late one is one
    "context": Size(256, 60, CLOCK_AGE_S),
    "news": Size(512, 120, HOUR_S),
    "notify": Size(512, 60, HOUR_S),  # and what Discord may take
    "show": Size(256, 50, CLOCK_AGE_S),
    "memory": Size(512, 30),
    "api": Size(512, 29),  # the HTTP API gives up at 30
    "sockets": Size(256, 10),
}


class StageFunction(lambda_.Function):
    """The function `semanticsignal-{stage}-{name}`; `options` go to the underlying function (vpc, …)."""

    dead: sqs.Queue | None = None

    def __init__(
        self, scope: Construct, name: str, deployment: Deployment, *, is_asked: bool = False, **options: Any
    ) -> None:
        self.stage, self.age = name, Duration.seconds(age_s(name, deployment.settings))
        stack, title = Stack.of(scope), name.capitalize()
        if not (FUNCTIONS / f"{name}.py").exists():
            refuse(stack, f"Function{title}", f"functions/{name}.py is not there: take a complete checkout")
        log = _log(scope, name, deployment)
        if not is_asked:
            self.dead = dead_letters(scope, f"{title}Dead", deployment.named(f"{name}-dead"))
            options |= {
                "retry_attempts": RETRIES,
                "max_event_age": self.age,
                "on_failure": destinations.SqsDestination(self.dead),
            }
        super().__init__(
            scope,
            title,
            description=_said(name),
            function_name=deployment.named(name),
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            code=lambda_.Code.from_asset(str(FUNCTIONS), exclude=["**", f"!{name}.py"]),
            handler=f"{name}.handler",
            layers=[layer(stack, worn, deployment) for worn in WEARS[name]],
            memory_size=SIZES[name].memory_mb,
            timeout=Duration.seconds(timeout_s(name, deployment.settings)),
            environment=_told(name, deployment),
            role=_role(scope, name, log),
            log_group=log,
            logging_format=lambda_.LoggingFormat.JSON,
            **options,
        )
        waive(self, {"AwsSolutions-L1": "the layers hold byte-code and binaries of exactly Python 3.13"})


def _told(name: str, deployment: Deployment) -> dict[str, str]:
    """The settings, and what needs no grant; `grant` adds the places."""
    own = {PLACES["metrics"]: deployment.metrics}
    return deployment.variables | own | (DRAWS if "analysis" in WEARS[name] else {})


def _said(name: str) -> str:
    """What its file says of itself."""
    path = FUNCTIONS / f"{name}.py"
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or name)[:256] if path.exists() else name


def age_s(name: str, settings: Settings) -> int:
    """How old an event may grow before it is a dead letter, seconds: a stale candle must not be decided on."""
    named = SIZES[name].age_s
    return named if named is not None else min(max(settings.timeframe.seconds // 4, LEAST_AGE_S), MOST_AGE_S)


def timeout_s(name: str, settings: Settings) -> int:
    """Who asks models may wait for them until the deadline; what is collected waits for its bar, and for a second
    opinion on it; who tells Discord begins nothing that it could not end."""
    own = SIZES[name].timeout_s
    match name:
        case "decide" | "review":
            return min(own + ceil(settings.model.deadline_s), 900)
        case "collect":
            return own + ceil(settings.collect.deadline_s)
        case "notify":
            return own + ceil(2 * settings.discord.timeout_s)
    return own


def dead_letters(scope: Construct, construct_id: str, name: str) -> sqs.Queue:
    """Kept two weeks: time to read why, and to send them again."""
    queue = sqs.Queue(
        scope,
        construct_id,
        queue_name=name,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(14),
        removal_policy=RemovalPolicy.DESTROY,
    )
    waive(queue, {"AwsSolutions-SQS3": "it holds the dead letters itself"})
    return queue


def layer(stack: Stack, name: str, deployment: Deployment) -> lambda_.LayerVersion:
    """One version a stack: a version shared between stacks could never be replaced while the other uses it."""
    construct_id = f"Layer{name.capitalize()}"
    if isinstance(known := stack.node.try_find_child(construct_id), lambda_.LayerVersion):
        return known
    folder = deployment.layer(name)
    if folder is None:
        refuse(stack, "Layers", "the layers are not built: run make layers, then deploy again")
    return lambda_.LayerVersion(
        stack,
        construct_id,
        layer_version_name=deployment.named(name),
        # A stand-in whose hash no built layer has.
        code=_packed(folder) if folder else _stand_in(),
        compatible_architectures=[lambda_.Architecture.ARM_64],
        compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
    )


def _packed(folder: Path) -> lambda_.Code:
    """As `make layers` zipped it: one file to hash and to copy."""
    zipped = folder.with_suffix(".zip")
    return lambda_.Code.from_asset(str(zipped if zipped.exists() else folder))


def _stand_in() -> lambda_.Code:
    return lambda_.Code.from_asset(str(FUNCTIONS), exclude=["**", "!__init__.py"])


def _log(scope: Construct, name: str, deployment: Deployment) -> logs.LogGroup:
    return logs.LogGroup(
        scope,
        f"{name.capitalize()}Log",
        log_group_name=f"/aws/lambda/{deployment.named(name)}",
        retention=retention(deployment.settings.cloud.log_days),
        removal_policy=RemovalPolicy.DESTROY,
    )


def _role(scope: Construct, name: str, log: logs.LogGroup) -> iam.Role:
    """May write its own log and nothing else; the rest is in GRANTS."""
    role = iam.Role(scope, f"{name.capitalize()}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    log.grant(role, "logs:CreateLogStream", "logs:PutLogEvents")
    return role


def retention(days: int) -> logs.RetentionDays:
    """CloudWatch keeps logs for some numbers of days only: the next one that is long enough."""
    return next(period for limit, period in KEPT if limit >= days)


KEPT = sorted(
    (days, period)
    for days, period in {
        1: logs.RetentionDays.ONE_DAY,
        3: logs.RetentionDays.THREE_DAYS,
        5: logs.RetentionDays.FIVE_DAYS,
        7: logs.RetentionDays.ONE_WEEK,
        14: logs.RetentionDays.TWO_WEEKS,
        30: logs.RetentionDays.ONE_MONTH,
        60: logs.RetentionDays.TWO_MONTHS,
        90: logs.RetentionDays.THREE_MONTHS,
        120: logs.RetentionDays.FOUR_MONTHS,
        150: logs.RetentionDays.FIVE_MONTHS,
        180: logs.RetentionDays.SIX_MONTHS,
        365: logs.RetentionDays.ONE_YEAR,
        400: logs.RetentionDays.THIRTEEN_MONTHS,
        545: logs.RetentionDays.EIGHTEEN_MONTHS,
        731: logs.RetentionDays.TWO_YEARS,
        1096: logs.RetentionDays.THREE_YEARS,
        1827: logs.RetentionDays.FIVE_YEARS,
        2192: logs.RetentionDays.SIX_YEARS,
        2557: logs.RetentionDays.SEVEN_YEARS,
        2922: logs.RetentionDays.EIGHT_YEARS,
        3288: logs.RetentionDays.NINE_YEARS,
        3653: logs.RetentionDays.TEN_YEARS,
    }.items()
)
