"""What each stage hears and when: rules for what is told on the bus, schedules for what only time tells."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from assembly import ASKED, Assembly, Resource

from infra.pipeline import on_the_bus
from infra.schedules import BY_SCHEDULE, CLOCKS, ROUND, SCHEDULED_AT, age_s, cron
from semanticsignal.domain import events
from semanticsignal.domain.market import Timeframe
from semanticsignal.drivers.aws_lambda import heard
from semanticsignal.stages import STAGES

# A Wednesday, just before a second begins that is the first of nothing.
START = datetime(2026, 7, 1, 0, 0, tzinfo=UTC)
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
# Fed by the ledger's stream instead of by the bus.
ON_THE_BUS = [stage for stage in STAGES if stage.name != "show"]


@pytest.mark.parametrize("stage", ON_THE_BUS, ids=lambda stage: stage.name)
def test_a_stage_hears_on_the_bus_what_its_row_says_and_nothing_more(stage: Any, cloud: Assembly) -> None:
    kinds = {kind.__name__ for kind in stage.hears} - {kind.__name__ for kind in BY_SCHEDULE}

    patterns = [rule.properties["EventPattern"] for rule in rules(stage.name, cloud)]
    assert patterns == ([{"source": ["semanticsignal"], "detail-type": on_the_bus(stage)}] if kinds else [])
    assert not kinds or set(patterns[0]["detail-type"]) == kinds


@pytest.mark.parametrize("stage", ON_THE_BUS, ids=lambda stage: stage.name)
def test_what_a_stage_hears_comes_by_bus_or_by_schedule(stage: Any, cloud: Assembly) -> None:
    by_bus = {kind for rule in rules(stage.name, cloud) for kind in rule.properties["EventPattern"]["detail-type"]}
    scheduled = {payload(each)["kind"] for each in schedules(stage.name, cloud)} - {ROUND.kind}

    by_time = {
        "CandleClosed" if kind == "ScheduledCandle" else f"{kind.removeprefix('Scheduled')}Passed" for kind in scheduled
    }
    assert by_bus | by_time == {kind.__name__ for kind in stage.hears}


@pytest.mark.parametrize("stage", ON_THE_BUS, ids=lambda stage: stage.name)
def test_an_event_is_tried_three_times_grows_old_and_is_then_a_dead_letter(stage: Any, cloud: Assembly) -> None:
    queue = f"<{cloud.one('AWS::SQS::Queue', QueueName=f'semanticsignal-dev-{stage.name}-dead').id}.Arn>"

    for rule in rules(stage.name, cloud):
        [target] = cloud.read(rule.properties["Targets"])
        assert target["Arn"] == f"<{cloud.functions[stage.name].id}.Arn>"
        assert target["DeadLetterConfig"]["Arn"] == queue
        assert target["RetryPolicy"]["MaximumRetryAttempts"] == 2
        assert 60 <= target["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 21_600
    [invoked] = [each for each in cloud.all("AWS::Lambda::EventInvokeConfig") if of(each, stage.name, cloud)]
    assert invoked.properties["MaximumRetryAttempts"] == 2
    assert 60 <= invoked.properties["MaximumEventAgeInSeconds"] <= 21_600
    assert cloud.read(invoked.properties["DestinationConfig"]["OnFailure"]["Destination"]) == queue


def test_no_decision_is_made_of_a_candle_a_quarter_of_a_bar_old(cloud: Assembly) -> None:
    for name in ("collect", "analyse", "decide", "execute"):
        [invoked] = [each for each in cloud.all("AWS::Lambda::EventInvokeConfig") if of(each, name, cloud)]
        assert invoked.properties["MaximumEventAgeInSeconds"] == 3_600


def test_every_pair_has_one_schedule_at_the_closes_of_its_bars(cloud: Assembly) -> None:
    candles = [each for each in schedules("collect", cloud) if payload(each)["kind"] == "ScheduledCandle"]

    assert [payload(each)["symbol"] for each in candles] == ASKED["symbols"]
    for each in candles:
        assert payload(each) == {
            "kind": "ScheduledCandle",
            "symbol": payload(each)["symbol"],
            "timeframe": "4h",
            "scheduled_at": SCHEDULED_AT,
        }
        assert each.properties["ScheduleExpression"] == cron(Timeframe.H4)


def test_a_schedule_is_punctual_and_gives_up_in_time(cloud: Assembly) -> None:
    everything = list(cloud.all("AWS::Scheduler::Schedule"))

    assert len(everything) >= len(ASKED["symbols"]) + 2
    for each in everything:
        retries = each.properties["Target"]["RetryPolicy"]
        assert each.properties["FlexibleTimeWindow"] == {"Mode": "OFF"}
        assert each.properties["ScheduleExpressionTimezone"] == "UTC"
        assert retries["MaximumRetryAttempts"] == 2
        assert 60 <= retries["MaximumEventAgeInSeconds"] <= 3_600
        assert ".Arn>" in cloud.read(each.properties["Target"]["DeadLetterConfig"]["Arn"])


@pytest.mark.parametrize("timeframe", Timeframe)
def test_the_cron_of_a_timeframe_rings_at_its_closes_and_at_no_other_minute(timeframe: Timeframe) -> None:
    minutes = [START + timedelta(minutes=n) for n in range(8 * 1_440)]

    rung = [at for at in minutes if rings(cron(timeframe), at)]
    assert rung == [at for at in minutes if timeframe.floor(at) == at]
    assert len(rung) > 0


@pytest.mark.parametrize("timeframe", Timeframe)
def test_a_scheduled_candle_may_be_a_quarter_of_its_bar_late(timeframe: Timeframe) -> None:
    assert age_s(timeframe) == min(max(60, timeframe.seconds // 4), 86_400)


@pytest.mark.parametrize("kind", CLOCKS, ids=lambda kind: kind.__name__)
def test_a_clock_rings_once_an_interval(kind: type) -> None:
    every = {"MinutePassed": 1, "QuarterPassed": 15, "HourPassed": 60}[kind.__name__]

    rung = [n for n in range(1_440) if rings(CLOCKS[kind].cron, START + timedelta(minutes=n))]
    assert rung == list(range(0, 1_440, every))


def test_what_a_schedule_sends_is_what_the_function_hears(cloud: Assembly) -> None:
    by_name = {stage.name: stage for stage in STAGES}

    for name in cloud.functions:
        for each in [each for each in schedules(name, cloud) if payload(each)["kind"] != ROUND.kind]:
            event = json.loads(each.properties["Target"]["Input"].replace(SCHEDULED_AT, "2026-07-01T04:00:00Z"))
            assert type(heard(event, by_name[name])) in by_name[name].hears


def test_the_mail_is_looked_at_every_five_minutes(cloud: Assembly) -> None:
    [each] = schedules("notify", cloud)

    assert payload(each) == {"kind": ROUND.kind, "scheduled_at": SCHEDULED_AT}
    assert [n for n in range(60) if rings(ROUND.cron, START + timedelta(minutes=n))] == list(range(0, 60, 5))
    assert each.properties["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"] < 300


def test_every_fact_that_time_tells_has_a_schedule(cloud: Assembly) -> None:
    listening = {kind for stage in STAGES for kind in stage.hears} & set(CLOCKS)

    kinds = {payload(each)["kind"] for each in cloud.all("AWS::Scheduler::Schedule")}
    assert kinds == {"ScheduledCandle", ROUND.kind, *(CLOCKS[kind].kind for kind in listening)}
    assert set(CLOCKS) | {events.CandleClosed} == BY_SCHEDULE <= set(get_args(events.Fact))


def test_the_scheduler_may_call_what_it_schedules_and_nothing_else(cloud: Assembly) -> None:
    for role in cloud.all("AWS::IAM::Role"):
        trusted = json.dumps(role.properties["AssumeRolePolicyDocument"])
        if "scheduler.amazonaws.com" in trusted:
            targets = [each for each in cloud.all("AWS::Scheduler::Schedule") if each.stack == role.stack]
            reached = {cloud.read(each.properties["Target"]["Arn"]) for each in targets}
            reached |= {cloud.read(each.properties["Target"]["DeadLetterConfig"]["Arn"]) for each in targets}
            assert {on for each in cloud.statements(role.stack, role.id) for on in each["Resource"]} == reached
            assert "aws:SourceAccount" in trusted and "aws:SourceArn" in trusted


def rules(name: str, cloud: Assembly) -> list[Resource]:
    return [each for each in cloud.all("AWS::Events::Rule") if each.properties["Name"] == f"semanticsignal-dev-{name}"]


def schedules(name: str, cloud: Assembly) -> list[Resource]:
    function = f"<{cloud.functions[name].id}.Arn>"
    found = cloud.all("AWS::Scheduler::Schedule")
    return [each for each in found if cloud.read(each.properties["Target"]["Arn"]) == function]


def payload(schedule: Resource) -> dict[str, str]:
    return dict(json.loads(schedule.properties["Target"]["Input"]))


def of(config: Resource, name: str, cloud: Assembly) -> bool:
    return bool(cloud.read(config.properties["FunctionName"]) == f"<{cloud.functions[name].id}>")


def rings(expression: str, at: datetime) -> bool:
    """As much of AWS's cron as is used here: `cron(minute hour day month weekday year)`, with *, ?, n, n/n, names."""
    minute, hour, day, month, weekday, year = expression.removeprefix("cron(").removesuffix(")").split()
    assert (day == "?") != (weekday == "?"), "one of day and weekday is ?"
    assert (day, month, year) in {("*", "*", "*"), ("?", "*", "*")}
    return meets(minute, at.minute) and meets(hour, at.hour) and weekday in {"?", DAYS[at.isoweekday() % 7]}


def meets(field: str, value: int) -> bool:
    if field == "*":
        return True
    first, _, step = field.partition("/")
    return value == int(first) if not step else value >= int(first) and (value - int(first)) % int(step) == 0
