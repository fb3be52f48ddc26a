"""The pipeline: STAGES as functions, a rule for what each hears on the bus, schedules for what only time tells."""

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from semanticsignal.adapters.eventbridge import SOURCE
from semanticsignal.stages import STAGES, Stage

from .deployment import Deployment
from .grants import Place, grant
from .schedules import BY_SCHEDULE, Timetable
from .stage_function import RETRIES, StageFunction

# `show` is fed by the ledger's stream, so that nothing is shown that is not written; it lives in `web.py`, beside its
# sockets.
ELSEWHERE = {"show"}
ROWS = tuple(stage for stage in STAGES if stage.name not in ELSEWHERE)


class Pipeline(Stack):
    """The bus, and every stage but those elsewhere."""

    def __init__(self, scope: Construct, construct_id: str, deployment: Deployment, given: dict[str, Place]) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=deployment.named("pipeline"),
            description="Semantic Signal: bus, schedules, the function of each stage",
        )
        self.bus = events.EventBus(self, "Bus", event_bus_name=f"semanticsignal-{deployment.stage}")
        timetable = Timetable(self, deployment, "pipeline")
        self.functions = {row.name: StageFunction(self, row.name, deployment) for row in ROWS}
        for row in ROWS:
            function = self.functions[row.name]
            grant(row.name, function, {**given, **self.places, "secrets": self._secrets(deployment)})
            self._rule(row, function, deployment)
            timetable.clocks(function, row.hears)
        timetable.candles(self.functions["collect"])
        timetable.rounds(self.functions["notify"])
        CfnOutput(self, "ForceAnAnalysis", value=_forced(deployment), description="an analysis now, between candles")

    @property
    def places(self) -> dict[str, Place]:
        return {"bus": Place(self.bus.event_bus_name, self.bus.event_bus_arn)}

    def _rule(self, row: Stage, function: StageFunction, deployment: Deployment) -> None:
        if not (kinds := on_the_bus(row)):
            return
        target = targets.LambdaFunction(
            function, dead_letter_queue=function.dead, retry_attempts=RETRIES, max_event_age=function.age
        )
        events.Rule(
            self,
            f"{row.name.capitalize()}Rule",
            rule_name=deployment.named(row.name),
            description=f"What {row.name} hears",
            event_bus=self.bus,
            event_pattern=of_ours(kinds),
            targets=[target],
        )

    def _secrets(self, deployment: Deployment) -> Place:
        arn = self.format_arn(service="ssm", resource="parameter", resource_name=deployment.secrets.removeprefix("/"))
        return Place(deployment.secrets, arn)


def on_the_bus(row: Stage) -> list[str]:
    """The facts a stage hears that somebody tells; the rest come by schedule."""
    return [kind.__name__ for kind in row.hears if kind not in BY_SCHEDULE]


def of_ours(kinds: list[str]) -> events.EventPattern:
    return events.EventPattern(source=[SOURCE], detail_type=kinds)


def _forced(deployment: Deployment) -> str:
    symbol = deployment.settings.symbols[0]
    told = f'{{"kind":"AnalysisRequested","symbol":"{symbol}"}}'
    return (
        f"aws lambda invoke --function-name {deployment.named('collect')} --invocation-type Event "
        f"--cli-binary-format raw-in-base64-out --payload '{told}' /dev/stdout"
    )
