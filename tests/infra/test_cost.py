"""What a month costs: from the templates, with nothing silently free, and the page says what its script says."""

import ast
import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import pytest

from infra import cost
from infra.cost import Bill, Month, Resource, Unpriced, resources, tariff
from infra.deployment import ROOT
from infra.schedules import BY_SCHEDULE
from semanticsignal.codec import SUBJECTS
from semanticsignal.domain.events import Fact
from semanticsignal.domain.secrets import DISCORD, SECRETS
from semanticsignal.drivers.container import NAMESPACE

DRIVERS = ROOT / "layers/core/python/semanticsignal/drivers"
STAGES = DRIVERS.with_name("stages")


@pytest.fixture(scope="module")
def all_bills() -> dict[str, Bill]:
    return cost.bills(tariff())


@pytest.fixture(scope="module")
def one(all_bills: dict[str, Bill]) -> Bill:
    return all_bills["one pair"]


def line(bill: Bill, price: str) -> cost.Line:
    [found] = [each for each in bill.lines if each.price == price]
    return found


def changed(bill: Bill, type: str, **properties: Any) -> Bill:
    """The bill of the same templates where the first resource of a type has other properties."""
    all = [deepcopy(each) for each in bill.month.all]
    next(each for each in all if each.type == type).properties.update(properties)
    return Bill(Month(all, bill.month.tariff))


def test_the_page_says_what_its_script_says(all_bills: dict[str, Bill]) -> None:
    written = cost.PAGE.read_text(encoding="utf-8")

    assert written == cost.page(all_bills, tariff()), "docs/cost.md is behind infra/cost.py: run make cost"


def test_two_lines_recomputed_by_hand(one: Bill) -> None:
    # A task of a quarter of a processor and half a gigabyte, at every hour of a month of 730.
    task = one.full(line(one, "fargate_arm_vcpu")) + one.full(line(one, "fargate_arm_gb"))
    assert task == pytest.approx(0.25 * 730 * 0.03238 + 0.5 * 730 * 0.00356)
    assert round(task, 2) == 7.21

    # Fourteen alarms of one metric, one of three and two of two: twenty-one, ten of which are free.
    alarms = line(one, "alarm_metrics")
    assert alarms.amount == 14 + 3 + 2 * 2
    assert one.full(alarms) == pytest.approx(2.10) and one.paid(alarms) == pytest.approx(1.10)


def test_a_decision_is_written_by_the_unit(one: Bill) -> None:
    # 2073 bytes are 3 units, twice in a transaction, and twice in each of two indexes; its name and the head, twice.
    decision = 3 * 2 + 3 * 2 * 2 + (1 + 1) * 2
    # 379 bytes are 1 unit, without a pair in one index only.
    mark = 1 * 2 + 1 * 2 * 1 + (1 + 1) * 2
    both = 182.5 * (decision + mark)

    assert both < line_of_ledger(one) < both * 1.06


def line_of_ledger(bill: Bill) -> float:
    return next(each.amount for each in bill.lines if (each.part, each.what) == ("ledger", "writes"))


def test_what_the_models_are_kept_in_is_counted(one: Bill) -> None:
    found = {each.what: each for each in one.lines if each.part == "purse"}
    questions = 182.5 + 182.5 * 0.0105

    # Set aside and settled: the item and the accounts of day and month, each written twice in a transaction.
    assert found["writes"].amount == pytest.approx(questions * (3 + 3) * 2)
    assert found["writes"].price == "dynamodb_writes"
    assert found["storage"].amount == pytest.approx(questions * 350 * 12 / 1e9)


# Those of Discord lie in a place of their own, where nobody reads who tells nobody.
KEPT = set(SECRETS) - set(DISCORD)


def test_each_secret_that_there_is_is_decrypted_at_each_reading(one: Bill) -> None:
    readings = 182.5 + 182.5 * 0.0105 + 2920 + 730

    heard = 182.5 * (1 + 0.001 + 0.0105 + 0.0064 + 0.0105 + 1)
    assert one.month.usage["secrets"]["kept"] == len(KEPT)
    assert line(one, "kms_requests").amount == pytest.approx(readings * len(KEPT) + heard * 2)


def test_what_people_are_told_is_counted(one: Bill) -> None:
    found = {each.what: each for each in one.lines if each.part == "mail"}

    # A look every five minutes, and the questions of each fact that somebody might be told of.
    assert found["reads"].amount == pytest.approx(8760 * 2 + 182.5 * 2.0284 * 8)
    posts = 182.5 * (0.08 + 0.0105 * 3 + 0.4)
    assert found["writes"].amount == pytest.approx(posts * 18 + 182.5 * 2.0284 * 2)


def test_every_folder_of_the_archive_that_stages_write_is_counted() -> None:
    """The tape of replies by prompt is of a home on a desk, which no deployment has."""
    written = {
        found
        for path in (*STAGES.glob("*.py"),)
        for found in re.findall(r"archive\.put\(f\"([a-z-]+)/", path.read_text(encoding="utf-8"))
    }

    assert written == set(tariff()["usage"]["objects"])


def test_schedules_ring_as_often_as_their_words_say() -> None:
    assert cost.times("cron(* * * * ? *)") == 43_800
    assert cost.times("cron(0/15 * * * ? *)") == 2920
    assert cost.times("cron(0 0/4 * * ? *)") == 182.5
    assert cost.times("cron(0 0 ? * MON *)") == pytest.approx(730 / 24 / 7)
    assert cost.times("rate(5 minutes)") == 8760
    for unknown in ("cron(0 0 1 * ? *)", "cron(0,30 * * * ? *)", "cron(0 0 * JAN ? *)"):
        with pytest.raises(Unpriced, match="not understood"):
            cost.times(unknown)


def test_every_function_is_called_and_every_pair_decides(all_bills: dict[str, Bill]) -> None:
    one, ten = all_bills["one pair"].month, all_bills["ten pairs"].month

    assert (one.pairs, ten.pairs) == (1, 10)
    assert all(one.calls[cost._name(each)] > 0 for each in one.of("AWS::Lambda::Function"))
    assert one.calls["watch"] == ten.calls["watch"] == 43_800
    assert ten.calls["decide"] == pytest.approx(10 * one.calls["decide"]) == 1825


def test_nothing_is_silently_free(one: Bill) -> None:
    for unknown in ("AWS::EC2::NatGateway", "AWS::KMS::Key"):
        with pytest.raises(Unpriced, match=unknown):
            Bill(Month([*one.month.all, Resource("memory", "Other", unknown, {})], one.month.tariff))
    for type, properties in {
        "AWS::EC2::VPCEndpoint": {"VpcEndpointType": "Interface"},
        "AWS::EFS::FileSystem": {"ThroughputMode": "elastic"},
        "AWS::DynamoDB::Table": {"BillingMode": "PROVISIONED"},
        "AWS::Logs::LogGroup": {"RetentionInDays": None},
        "AWS::Cognito::UserPool": {"UserPoolTier": "PLUS"},
        "AWS::CloudWatch::Alarm": {"Period": 10},
        "AWS::Lambda::Function": {"FunctionName": "semanticsignal-dev-other"},
    }.items():
        with pytest.raises(Unpriced):
            changed(one, type, **properties)


def test_what_is_priced_is_not_also_listed_as_free() -> None:
    assert not cost.PRICED.keys() & tariff()["free"].keys()


def test_a_bigger_function_and_a_longer_log_cost_more(one: Bill) -> None:
    sizes = {each.id: each.properties["MemorySize"] for each in one.month.of("AWS::Lambda::Function")}
    [first, *_] = sizes
    bigger = changed(one, "AWS::Lambda::Function", MemorySize=sizes[first] * 2)
    longer = changed(one, "AWS::Logs::LogGroup", RetentionInDays=365)

    assert bigger.total(bigger.full) > one.total(one.full)
    assert longer.total() > one.total()


def test_what_is_free_is_taken_off_once(one: Bill) -> None:
    writes = [each for each in one.lines if each.price == "lambda_arm_gb_s"]

    assert all(one.paid(each) == 0 < one.full(each) for each in writes)
    assert one.total() < one.total(one.full)
    assert one.total() == pytest.approx(sum(one.paid(each) for each in one.lines))


def test_spot_is_cheaper_by_the_task_alone(all_bills: dict[str, Bill]) -> None:
    one, spot = all_bills["one pair"], all_bills["one pair, Spot"]

    saved = one.paid_for("fargate_arm_vcpu", "fargate_arm_gb") - spot.paid_for(
        "fargate_spot_arm_vcpu", "fargate_spot_arm_gb"
    )
    assert one.total() - spot.total() == pytest.approx(saved) and saved > 0


def test_every_fact_is_counted_and_so_is_what_the_ledger_keeps_of_it() -> None:
    rows = tariff()["usage"]["facts"]

    assert set(rows) == {kind.__name__ for kind in get_args(Fact) if kind not in BY_SCHEDULE}
    assert {kind for kind, row in rows.items() if "bytes" in row} == set(SUBJECTS)


def test_every_metric_that_a_driver_sends_is_counted_and_an_alarm_reads_it(all_bills: dict[str, Bill]) -> None:
    one, ten = all_bills["one pair"], all_bills["ten pairs"]
    alarms = [each.properties for each in one.month.of("AWS::CloudWatch::Alarm")]
    parts = [
        part["MetricStat"]["Metric"] for each in alarms for part in each.get("Metrics", ()) if "MetricStat" in part
    ]
    read = {
        (each["Dimensions"][0]["Value"], each["MetricName"])
        for each in [*alarms, *parts]
        if each.get("Namespace") == f"{NAMESPACE}/dev"
    }

    assert one.month.metrics.keys() == read
    assert set(sent()) == {name for _, name in read}
    # Three at each close, which is one for all pairs, in 182.5 of the 730 hours; one with each trade, of which a candle
    # brings 0.0105; one never.
    assert line(one, "custom_metrics").amount == pytest.approx((3 + 0.0105) * 182.5 / 730)
    assert line(ten, "custom_metrics").amount == pytest.approx((3 + 10 * 0.0105) * 182.5 / 730)
    assert one.paid(line(one, "custom_metrics")) == 0


def test_a_metric_that_is_not_counted_is_seen(one: Bill) -> None:
    with pytest.raises(Unpriced, match="not counted, was Else"):
        changed(
            one,
            "AWS::CloudWatch::Alarm",
            Namespace=f"{NAMESPACE}/dev",
            MetricName="Else",
            Dimensions=[{"Value": "watch"}],
        )


def sent() -> Iterator[str]:
    """Names given to add_metric, each in so many words."""
    for path in DRIVERS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_metric":
                yield ast.literal_eval(node.args[0])


def test_every_price_and_assumption_says_where_it_comes_from() -> None:
    of = tariff()

    assert all(price.where and price.per and price.usd > 0 for price in cost.prices(of).values())
    assert all(row["why"] for table in ("functions", "objects") for row in of["usage"][table].values())
    assert all(of["free"].values())


def test_a_folder_of_templates_is_read_as_it_is(one: Bill, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stacks: dict[str, dict[str, Any]] = {}
    for each in one.month.all:
        stacks.setdefault(each.stack, {})[each.id] = {"Type": each.type, "Properties": each.properties}
    for stack, held in stacks.items():
        (tmp_path / f"{stack}.template.json").write_text(json.dumps({"Resources": held}))

    assert list(resources(tmp_path)) == sorted(one.month.all, key=lambda each: each.stack)
    assert cost.main([str(tmp_path)]) == 0
    assert f"**{one.total():.2f}**" in capsys.readouterr().out
