"""When things happen by themselves: EventBridge Scheduler, in UTC, never later than they are worth."""

import json
from typing import NamedTuple

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from semanticsignal.domain import events
from semanticsignal.domain.market import Timeframe

from .deployment import Deployment
from .stage_function import LEAST_AGE_S, RETRIES, StageFunction

SCHEDULED_AT = "<aws.scheduler.scheduled-time>"
DAY_S = 86_400


class Clock(NamedTuple):
    """What only time tells: the envelope it comes in, when, and how late it may come."""

    kind: str
    cron: str
    age_s: int


CLOCKS: dict[type, Clock] = {
    events.MinutePassed: Clock("ScheduledMinute", "cron(* * * * ? *)", LEAST_AGE_S),
    events.QuarterPassed: Clock("ScheduledQuarter", "cron(0/15 * * * ? *)", 225),
    events.HourPassed: Clock("ScheduledHour", "cron(0 * * * ? *)", 900),
}
# No fact: to send what had to wait, and to take back what has expired.
ROUND = Clock("ScheduledRound", "cron(0/5 * * * ? *)", 240)
# These never travel on the bus.
BY_SCHEDULE = {events.CandleClosed, *CLOCKS}


def cron(timeframe: Timeframe) -> str:
    """The closes of its bars. A week closes as Monday begins."""
    minutes = timeframe.seconds // 60
    if timeframe is Timeframe.W1:
        return "cron(0 0 ? * MON *)"
    if minutes < 60:
        return f"cron({'*' if minutes == 1 else f'0/{minutes}'} * * * ? *)"
    hours = minutes // 60
    return f"cron(0 {'*' if hours == 1 else '0' if hours == 24 else f'0/{hours}'} * * ? *)"


def age_s(timeframe: Timeframe) -> int:
    """A quarter of the bar, as far as Scheduler can count: a decision on an old candle is a wrong one."""
    return min(max(timeframe.seconds // 4, LEAST_AGE_S), DAY_S)


class Timetable(Construct):
    """One group of schedules, and the role by which they call functions of one stack and reach their dead letters."""

    def __init__(self, scope: Construct, deployment: Deployment, name: str) -> None:
        super().__init__(scope, "Timetable")
        self._deployment, self._name = deployment, deployment.named(name)
        group = scheduler.CfnScheduleGroup(self, "Group", name=self._name)
        stack = Stack.of(self)
        self._group = group
        within = stack.format_arn(service="scheduler", resource="schedule-group", resource_name=self._name)
        self._role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": stack.account, "aws:SourceArn": within}},
            ),
        )

    def candles(self, function: StageFunction) -> None:
        """One schedule per pair, at the closes of the timeframe."""
        timeframe = self._deployment.settings.timeframe
        for symbol in self._deployment.settings.pairs:
            told = {"kind": "ScheduledCandle", "symbol": str(symbol), "timeframe": str(timeframe)}
            clock = Clock("ScheduledCandle", cron(timeframe), age_s(timeframe))
            self._add(f"{symbol.joined}-{timeframe}", function, clock, told)

    def clocks(self, function: StageFunction, hears: tuple[type, ...]) -> None:
        """One schedule for each fact that only time tells and that this stage hears."""
        for kind, clock in CLOCKS.items():
            if kind in hears:
                self._add(f"{function.stage}-{clock.kind}", function, clock, {"kind": clock.kind})

    def rounds(self, function: StageFunction) -> None:
        self._add(f"{function.stage}-{ROUND.kind}", function, ROUND, {"kind": ROUND.kind})

    def _add(self, name: str, function: StageFunction, clock: Clock, told: dict[str, str]) -> None:
        if function.dead is None:
            raise ValueError(f"what a schedule calls has dead letters, was {function.stage}")
        scheduler.CfnSchedule(
            self,
            name,
            name=name,
            group_name=self._group.ref,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            schedule_expression=clock.cron,
            schedule_expression_timezone="UTC",
            target=scheduler.CfnSchedule.TargetProperty(
                arn=function.function_arn,
                role_arn=self._role.role_arn,
                input=json.dumps({**told, "scheduled_at": SCHEDULED_AT}),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=clock.age_s, maximum_retry_attempts=RETRIES
                ),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=function.dead.queue_arn),
            ),
        ).node.add_dependency(self._role)
        calls = iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function.function_arn])
        self._role.add_to_policy(calls)
        self._role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[function.dead.queue_arn]))
