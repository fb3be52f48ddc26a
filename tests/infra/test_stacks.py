"""What each function may do and is told, what outlives everything, and who can reach what."""

import ast
import asyncio
import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from assembly import DIGEST, Assembly, Resource, asked, built, dashboard
from aws_cdk import App
from aws_cdk.assertions import Annotations, Match

from infra.app import ALWAYS, app
from infra.cost import tariff
from infra.data import BAR_BYTES, CANDLE_BYTES, Data, years
from infra.deployment import ROOT, Deployment
from infra.grants import ASK_MEMORY, GRANTS, INDEXES, LEDGER, MAIL_INDEXES, WHY_OPEN
from infra.layers import WEARS
from infra.stage_function import SIZES
from infra.web import ADMINS
from semanticsignal.adapters.dynamodb import _range
from semanticsignal.adapters.memory_function import CONNECT_S, READ_S
from semanticsignal.domain.market import Symbol
from semanticsignal.drivers import aws_api, remote
from semanticsignal.settings import PLACES, load, rows
from semanticsignal.stages import STAGES

STACKS = {"data", "memory", "pipeline", "web", "watchtower"}
NAMES = sorted(GRANTS)
ROWS = [stage.name for stage in STAGES]
# What a role of Lambda needs beside its row of GRANTS, and on what.
STREAM = {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """A second deployment, beside that of `cloud`."""
    top = tmp_path_factory.mktemp("prod")
    deployment = Deployment(asked(**{"cloud.stage": "prod"}), layer=built(top / "layers"), site=dashboard(top / "dist"))
    app(deployment, outdir=str(top / "cdk.out")).synth()
    return Assembly(top / "cdk.out")


def test_a_deployment_is_five_stacks(cloud: Assembly) -> None:
    assert set(cloud.templates) == STACKS


def test_every_stage_has_a_function_and_so_has_who_is_asked(cloud: Assembly) -> None:
    ours = {name: each for name, each in cloud.functions.items() if name in GRANTS}

    assert set(ours) == {*ROWS, "memory", "api", "sockets"}
    assert set(ours) == set(WEARS) == set(SIZES)


@pytest.mark.parametrize("name", NAMES)
def test_every_function_has_the_defaults_of_the_house(name: str, cloud: Assembly) -> None:
    function = cloud.functions[name]
    log = cloud.one("AWS::Logs::LogGroup", LogGroupName=f"/aws/lambda/semanticsignal-dev-{name}")

    assert function.properties["Architectures"] == ["arm64"]
    assert function.properties["Runtime"] == "python3.13"
    assert function.properties["Handler"] == f"{name}.handler"
    assert function.properties["LoggingConfig"] == {"LogFormat": "JSON", "LogGroup": {"Ref": log.id}}
    assert log.properties["RetentionInDays"] == 30
    assert "TracingConfig" not in function.properties
    assert layers(function, cloud) == [f"semanticsignal-dev-{layer}" for layer in WEARS[name]]


@pytest.mark.parametrize("name", NAMES)
def test_a_function_carries_exactly_its_own_file(name: str, cloud: Assembly) -> None:
    code = cloud.functions[name].properties["Code"]["S3Key"].removesuffix(".zip")

    assert [path.name for path in (cloud.folder / f"asset.{code}").iterdir()] == [f"{name}.py"]


@pytest.mark.parametrize("name", NAMES)
def test_a_function_may_do_what_its_row_of_grants_says_and_nothing_more(name: str, cloud: Assembly) -> None:
    places = where(cloud)
    granted = {
        (action, f"{places[right.place][1]}{end}")
        for right in GRANTS[name]
        for actions, ends in right.acts.items()
        for action in actions
        for end in ends
    }

    assert cloud.allowed(name) - of_lambda(name, cloud) == granted


@pytest.mark.parametrize("name", NAMES)
def test_a_function_is_told_its_settings_and_the_places_it_is_granted(name: str, cloud: Assembly) -> None:
    places = where(cloud)
    told = {PLACES[right.place]: places[right.place][0] for right in GRANTS[name]}
    told[PLACES["metrics"]] = "SemanticSignal/dev"

    settings = {key: value for key, value in cloud.environment(name).items() if key not in PLACES.values()}
    assert {key: value for key, value in cloud.environment(name).items() if key in PLACES.values()} == told
    assert {key: value for key, value in settings.items() if key.startswith("SEMSIG_")} == {
        "SEMSIG_SYMBOLS": "BTC/USDC,ETH/USDC",
        "SEMSIG_RISK__MIN_CONFIDENCE_RATIO": "0.6",
        "SEMSIG_PAPER__START_QUOTE": "25000",
    }


def test_who_draws_has_a_folder_that_can_be_written(cloud: Assembly) -> None:
    folders = {name: cloud.environment(name).get("MPLCONFIGDIR") for name in NAMES}

    assert {name: folder for name, folder in folders.items() if folder} == dict.fromkeys(
        ("analyse", "api", "notify"), "/tmp/matplotlib"
    )


def test_what_functions_are_told_reads_back_as_the_settings_that_were_asked_for() -> None:
    every = {key: value for key, value, _ in rows(asked().settings) if key != "cloud.stage"}
    sourced = asked(**every)

    variables = Deployment(sourced).variables

    read_back = load(environ={"SEMSIG_CONFIG": os.devnull, **variables}).settings
    assert replace(read_back, cloud=sourced.settings.cloud) == sourced.settings
    assert not [name for name in variables if name.startswith(("SEMSIG_CLOUD", "SEMSIG_SIMULATION", "SEMSIG_HOME"))]
    # Lambda takes 4 KB of them, and of where the places are; here every setting there is was changed
    assert sum(len(name) + len(value) for name, value in variables.items()) < 3_200


def test_nobody_may_do_everything(cloud: Assembly) -> None:
    for role in cloud.all("AWS::IAM::Role"):
        actions = [action for statement in cloud.statements(role.stack, role.id) for action in statement["Action"]]
        # The CDK's own copier of the site says `s3:GetObject*`, of its own two buckets.
        open_ended = [action for action in actions if "*" in action and not role.id.startswith("CustomCDK")]
        assert open_ended == [], role.id
        assert not [action for action in actions if action == "*" or action.endswith(":*")], role.id


def test_where_a_resource_is_open_ended_somebody_wrote_why(cloud: Assembly) -> None:
    """cdk-nag stops the synthesis for a wildcard without a reason; this says which ones there are."""
    wide = {
        (role.id, on)
        for role in cloud.all("AWS::IAM::Role")
        for statement in cloud.statements(role.stack, role.id)
        for on in statement["Resource"]
        if "*" in on and statement["Effect"] == "Allow"
    }

    assert {on for _, on in wide if on == "*" or not on.endswith(tuple(WHY_OPEN))} <= {"*"}
    assert {role.rstrip("0123456789ABCDEF") for role, on in wide if on == "*"} <= {"MemoryRole", "ShowRole"}
    assert all(len(reason) > 30 for reason in reasons(cloud.folder))


def test_the_ledger_is_protected_three_times(cloud: Assembly) -> None:
    ledger = the_ledger(cloud)

    assert ledger.whole["DeletionPolicy"] == ledger.whole["UpdateReplacePolicy"] == "Retain"
    assert ledger.properties["DeletionProtectionEnabled"] is True
    assert ledger.properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert "TableName" not in ledger.properties
    assert ledger.properties["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    assert "TimeToLiveSpecification" not in ledger.properties


def test_the_ledger_can_be_read_by_kind_and_by_pair(cloud: Assembly) -> None:
    ledger = the_ledger(cloud).properties

    indexes = {each["IndexName"]: each for each in ledger["LocalSecondaryIndexes"]}
    assert keys(ledger) == ["pk", "sk"]
    assert keys(indexes["by_kind"]) == ["pk", "kind_seq"]
    assert keys(indexes["by_pair"]) == ["pk", "pair_seq"]
    assert {each["Projection"]["ProjectionType"] for each in indexes.values()} == {"ALL"}
    assert {each["AttributeType"] for each in ledger["AttributeDefinitions"]} == {"S"}


def test_the_archive_is_kept_and_nobody_reads_it_in_the_open(cloud: Assembly) -> None:
    archive = the_archive(cloud)
    rules = {rule["Id"]: rule for rule in archive.properties["LifecycleConfiguration"]["Rules"]}

    assert archive.whole["DeletionPolicy"] == "Retain"
    assert archive.properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert all(archive.properties["PublicAccessBlockConfiguration"].values())
    assert rules["bars"] == {"Id": "bars", "Prefix": "market/", "ExpirationInDays": 90, "Status": "Enabled"}
    assert rules["old versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rules["old versions"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert set(rules) == {"bars", "old versions"} and "ExpirationInDays" not in rules["old versions"]


def test_the_mail_is_apart_from_the_ledger_and_listed_by_what_waits_and_what_expires(cloud: Assembly) -> None:
    mail = the_mail(cloud)

    assert "StreamSpecification" not in mail.properties and mail.whole["DeletionPolicy"] == "Delete"
    indexes = {each["IndexName"]: keys(each) for each in mail.properties["LocalSecondaryIndexes"]}
    assert keys(mail.properties) == ["pk", "sk"]
    assert indexes == {name: ["pk", key] for name, key in MAIL_INDEXES.items()}
    written = {action for right in GRANTS["notify"] if right.place == "table" for acts in right.acts for action in acts}
    assert written == {"dynamodb:GetItem", "dynamodb:Query"}


def test_connections_go_by_themselves(cloud: Assembly) -> None:
    table = next(each for each in cloud.all("AWS::DynamoDB::Table") if each.id.startswith("Connections"))

    assert table.whole["DeletionPolicy"] == "Delete"
    assert table.properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert keys(table.properties) == ["kind", "id"]


def test_everything_that_can_wear_a_tag_says_whose_it_is(cloud: Assembly) -> None:
    whose = {"project": "semanticsignal", "stage": "dev"}

    for type in (
        "AWS::Lambda::Function",
        "AWS::DynamoDB::Table",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
        "AWS::EC2::VPC",
    ):
        for each in cloud.all(type):
            assert whose.items() <= {tag["Key"]: tag["Value"] for tag in each.properties["Tags"]}.items(), each.id


def test_chroma_is_one_writer_of_one_pinned_image(cloud: Assembly) -> None:
    task = cloud.one("AWS::ECS::TaskDefinition").properties
    container = task["ContainerDefinitions"][0]
    rollout = cloud.one("AWS::ECS::Service").properties["DeploymentConfiguration"]

    assert (task["Cpu"], task["Memory"]) == ("256", "512")
    assert task["RuntimePlatform"]["CpuArchitecture"] == "ARM64"
    assert container["Image"] == f"chromadb/chroma@{DIGEST}"
    assert container["HealthCheck"]["Command"][:3] == ["CMD", "/bin/bash", "-c"]
    assert container["MountPoints"] == [{"ContainerPath": "/data", "ReadOnly": False, "SourceVolume": "index"}]
    assert (rollout["MinimumHealthyPercent"], rollout["MaximumPercent"]) == (0, 100)
    assert rollout["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


def test_the_disk_of_chroma_is_locked_and_encrypted_on_the_way(cloud: Assembly) -> None:
    volume = cloud.one("AWS::ECS::TaskDefinition").properties["Volumes"][0]["EFSVolumeConfiguration"]
    disk = cloud.one("AWS::EFS::FileSystem").properties

    assert volume["TransitEncryption"] == "ENABLED" and volume["AuthorizationConfig"]["IAM"] == "ENABLED"
    assert disk["Encrypted"] is True and disk["BackupPolicy"] == {"Status": "ENABLED"}
    assert {each["Effect"] for each in disk["FileSystemPolicy"]["Statement"]} == {"Deny"}


def test_only_the_memory_function_reaches_chroma(cloud: Assembly) -> None:
    service = cloud.one("AWS::ECS::Service").properties["NetworkConfiguration"]["AwsvpcConfiguration"]
    [lock] = cloud.read(service["SecurityGroups"])
    [key] = cloud.read(cloud.functions["memory"].properties["VpcConfig"]["SecurityGroupIds"])

    admitted = [each.properties for each in cloud.all("AWS::EC2::SecurityGroupIngress")]
    to_chroma = [each for each in admitted if cloud.read(each["GroupId"]) == lock]
    assert [(cloud.read(each["SourceSecurityGroupId"]), each["FromPort"], each["ToPort"]) for each in to_chroma] == [
        (key, 8000, 8000)
    ]
    assert not any("SecurityGroupIngress" in each.properties for each in cloud.all("AWS::EC2::SecurityGroup"))
    assert [name for name, each in cloud.functions.items() if "VpcConfig" in each.properties] == ["memory"]


def test_the_network_costs_nothing_but_one_address(cloud: Assembly) -> None:
    assert not list(cloud.all("AWS::EC2::NatGateway", "AWS::EC2::EIP", "AWS::ElasticLoadBalancingV2::LoadBalancer"))
    assert {each.properties["VpcEndpointType"] for each in cloud.all("AWS::EC2::VPCEndpoint")} == {"Gateway"}


def test_chroma_runs_on_spot_when_asked(cloud: Assembly, unbuilt: Assembly) -> None:
    def capacity(assembly: Assembly) -> Any:
        return assembly.one("AWS::ECS::Service").properties["CapacityProviderStrategy"]

    assert capacity(cloud) == [{"CapacityProvider": "FARGATE", "Weight": 1}]
    assert capacity(unbuilt) == [{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}]


def test_chroma_starts_when_all_it_needs_is_there(cloud: Assembly) -> None:
    waits = set(cloud.one("AWS::ECS::Service").whole["DependsOn"])
    resources = cloud.templates["memory"]["Resources"]
    [lock] = cloud.one("AWS::ECS::Service").properties["NetworkConfiguration"]["AwsvpcConfiguration"]["SecurityGroups"]

    def of(type: str, holds: Callable[[dict[str, Any]], bool] = lambda _: True) -> set[str]:
        return {id for id, each in resources.items() if each["Type"] == type and holds(each["Properties"])}

    def is_nfs(rule: dict[str, Any]) -> bool:
        return bool(rule["FromPort"] == 2049)

    way_out = of("AWS::EC2::Route", lambda route: "GatewayId" in route)
    needed = {
        "disk": of("AWS::EFS::MountTarget"),
        "way out": way_out | of("AWS::EC2::SubnetRouteTableAssociation", lambda p: "public" in json.dumps(p)),
        "let in": of("AWS::EC2::SecurityGroupIngress", is_nfs),
        "let out": of("AWS::EC2::SecurityGroupEgress", is_nfs) | {lock["Fn::GetAtt"][0]},
        "capacity": of("AWS::ECS::ClusterCapacityProviderAssociations"),
    }
    assert len(way_out) == 2 and all(needed.values())
    assert {name for name, ids in needed.items() if not ids <= waits} == set()


def test_every_queue_of_dead_letters_has_its_alarm(cloud: Assembly) -> None:
    queues = {each.properties["QueueName"] for each in cloud.all("AWS::SQS::Queue")}

    watched = {
        cloud.read(dimension["Value"])
        for alarm in cloud.all("AWS::CloudWatch::Alarm")
        for dimension in alarm.properties.get("Dimensions", [])
        if dimension["Name"] == "QueueName"
    }
    assert watched == queues and len(queues) >= len(ROWS)


def test_every_promise_has_an_alarm_that_rings(cloud: Assembly) -> None:
    alarms = {
        each.properties["AlarmName"].rpartition("-")[2]: each.properties for each in cloud.all("AWS::CloudWatch::Alarm")
    }
    none = alarms["NoDecision"]

    assert {"NoDecision", "ModelSpend", "Drawdown", "Forgetting", "LedgerThrottled", "Errors"} <= set(alarms)
    assert (none["MetricName"], none["Period"], none["EvaluationPeriods"]) == ("DecisionMade", 14_400, 2)
    assert (none["Threshold"], none["TreatMissingData"]) == (2, "breaching")
    assert alarms["Drawdown"]["Threshold"] == 0.25
    bell = {f"<{cloud.one('AWS::SNS::Topic').id}>"}
    assert all(set(cloud.read(each["AlarmActions"])) == bell for each in alarms.values())


def test_alarms_hold_no_stage_back(cloud: Assembly) -> None:
    """What a stack imports cannot leave the one it comes from: of others the watchtower knows the table alone."""
    imported = set(re.findall(r'"Fn::ImportValue": "([^"]+)"', json.dumps(cloud.templates["watchtower"])))

    assert [name.partition(":")[2][:22] for name in imported] == ["ExportsOutputRefLedger"]
    manifest = json.loads((cloud.folder / "manifest.json").read_text())["artifacts"]
    assert STACKS - {"watchtower"} <= set(manifest["watchtower"]["dependencies"])
    [errors] = [each for each in cloud.all("AWS::CloudWatch::Alarm") if each.properties["AlarmName"].endswith("Errors")]
    stats = [each["MetricStat"]["Metric"] for each in errors.properties["Metrics"] if "MetricStat" in each]
    named = {each.properties["FunctionName"] for each in cloud.functions.values()}
    assert {each["Dimensions"][0]["Value"] for each in stats} == {
        f"semanticsignal-dev-{name}" for name in ("api", "memory", "sockets")
    }
    assert {each["Dimensions"][0]["Value"] for each in stats} <= named


def test_a_part_of_a_sum_that_says_nothing_counts_as_nothing(cloud: Assembly) -> None:
    sums = [
        (part["Expression"], {each["Id"] for each in alarm.properties["Metrics"] if "MetricStat" in each})
        for alarm in cloud.all("AWS::CloudWatch::Alarm")
        for part in alarm.properties.get("Metrics", ())
        if "Expression" in part
    ]

    assert len(sums) == 3
    for expression, ids in sums:
        assert set(expression.split("+")) == {f"FILL({id},0)" for id in ids}


def test_a_function_says_its_figures_where_the_alarms_of_its_stage_read_them(cloud: Assembly, prod: Assembly) -> None:
    for assembly, stage in ((cloud, "dev"), (prod, "prod")):
        read = {each.properties.get("Namespace", "") for each in assembly.all("AWS::CloudWatch::Alarm")}
        assert {name for name in read if not name.startswith("AWS/")} == {"", f"SemanticSignal/{stage}"}
        assert {assembly.environment(name)["SEMSIG_METRICS"] for name in NAMES} == {f"SemanticSignal/{stage}"}


def test_alarms_and_budget_may_ring_and_somebody_hears(cloud: Assembly) -> None:
    policy = cloud.one("AWS::SNS::TopicPolicy").properties["PolicyDocument"]["Statement"]
    budget = cloud.one("AWS::Budgets::Budget").properties

    ringers = {each["Principal"].get("Service") for each in policy if each["Effect"] == "Allow"}
    assert ringers == {"cloudwatch.amazonaws.com", "budgets.amazonaws.com"}
    assert cloud.one("AWS::SNS::Subscription").properties["Endpoint"] == "you@example.org"
    assert budget["Budget"]["BudgetLimit"] == {"Amount": 20, "Unit": "USD"}
    [refused] = [each for each in policy if each["Effect"] == "Deny"]
    assert refused["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert not list(cloud.all("AWS::KMS::Key"))  # a key costs more than the alarms


def test_an_analysis_can_be_forced_by_one_command(cloud: Assembly) -> None:
    command = cloud.templates["pipeline"]["Outputs"]["ForceAnAnalysis"]["Value"]

    assert "--function-name semanticsignal-dev-collect " in command
    payload = command.partition("--payload '")[2].partition("'")[0]
    assert json.loads(payload) == {"kind": "AnalysisRequested", "symbol": "BTC/USDC"}


def test_what_is_complete_is_not_refused(cloud: Assembly) -> None:
    assert remedies(cloud) == set()


def test_what_is_not_built_can_be_looked_at_and_never_be_deployed(unbuilt: Assembly) -> None:
    said = remedies(unbuilt)

    assert any("make layers" in remedy for remedy in said)
    assert any("cloud.chroma_digest" in remedy for remedy in said)
    for template in unbuilt.templates.values():
        for name, rule in template["Rules"].items():
            if name.startswith("Unbuilt"):
                [assertion] = rule["Assertions"]
                first, second = assertion["Assert"]["Fn::Equals"]
                assert first != second and "RuleCondition" not in rule


def test_a_stand_in_is_never_taken_for_a_layer(cloud: Assembly, unbuilt: Assembly) -> None:
    def contents(assembly: Assembly) -> set[str]:
        ours = [each.properties for each in assembly.all("AWS::Lambda::LayerVersion") if "LayerName" in each.properties]
        return {each["Content"]["S3Key"] for each in ours}

    assert not contents(cloud) & contents(unbuilt)
    assert len(contents(unbuilt)) == 1


def test_every_grant_is_to_a_file_that_is_there() -> None:
    functions = {path.stem for path in (ROOT / "functions").glob("*.py")} - {"__init__"}

    assert functions == set(GRANTS)
    for name in functions:
        assert ast.get_docstring(ast.parse((ROOT / f"functions/{name}.py").read_text(encoding="utf-8")))


def test_whoever_asks_memory_lives_on_when_it_does_not_answer() -> None:
    asks = {name for name, rights in GRANTS.items() if ASK_MEMORY in rights}

    assert SIZES["memory"].timeout_s > READ_S  # what nobody waits for any more is still taken in
    assert asks and all(SIZES[name].timeout_s > CONNECT_S + READ_S for name in asks)


def test_the_api_answers_before_its_gateway_gives_up() -> None:
    assert SIZES["api"].timeout_s + 1 <= 30  # as long as the HTTP API waits


def test_the_ledger_is_asked_by_the_indexes_it_has() -> None:
    asked = [_range("DecisionMade", symbol, 1, 2) for symbol in (None, Symbol("BTC", "USDC"))]

    assert {each.by: each.key for each in asked} == INDEXES
    assert set(LEDGER) == {"", *(f"/index/{name}" for name in INDEXES)}


def test_who_may_act_is_the_group_that_is_made() -> None:
    assert ADMINS == aws_api.ADMINS


def test_a_desk_asks_functions_by_the_names_they_have(cloud: Assembly, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment, asked = Deployment(asked_for := load({}, {"SEMSIG_CONFIG": os.devnull})), []
    answers: dict[str, Any] = {"facts": ["id"], "count": 0, "statusCode": 200, "body": '{"decision": {}}'}

    class Function:
        async def asked(self, _event: Any) -> dict[str, Any]:
            return answers

    monkeypatch.setattr(remote.wiring, "function", lambda name: asked.append(name) or Function())
    asyncio.run(remote.analyze_deployed(asked_for.settings, "BTC/USDC", wait=True))
    asyncio.run(remote.rebuild_deployed(asked_for.settings))

    assert asked == [deployment.named(name) for name in ("collect", "api", "memory")]
    assert set(asked) <= {each.properties["FunctionName"] for each in cloud.functions.values()}


def test_years_of_the_ledger_are_counted_from_what_was_measured() -> None:
    rows = [row for row in tariff()["usage"]["facts"].values() if "bytes" in row]
    # the table, the index by kind and, of what has a pair, the index by pair
    written = {
        per: sum(row["bytes"] * row["times"] * (2 if row.get("pairless") else 3) for row in rows if row["per"] == per)
        for per in ("candle", "bar")
    }

    assert written["candle"] <= CANDLE_BYTES <= 1.1 * written["candle"]
    assert written["bar"] <= BAR_BYTES <= 1.1 * written["bar"]


@pytest.mark.parametrize(
    ("pairs", "timeframe", "lasts"), [(1, "4h", 585), (10, "15m", 4.03), (1, "1m", 2.44), (2, "1m", 1.29)]
)
def test_who_would_fill_the_ledger_soon_is_warned(pairs: int, timeframe: str, lasts: float, tmp_path: Path) -> None:
    names = [f"{chr(65 + n)}BC/USDC" for n in range(pairs)]
    sourced = asked(symbols=names, timeframe=timeframe)
    top = App(outdir=str(tmp_path), context=ALWAYS)
    data = Data(top, "data", Deployment(sourced))

    warned = Annotations.from_stack(data).find_warning("*", Match.string_like_regexp("the ledger is full in"))
    assert years(sourced.settings) == pytest.approx(lasts, rel=0.02)
    assert bool(warned) == (lasts < 2)


def where(cloud: Assembly) -> dict[str, tuple[str, str]]:
    """key of PLACES → (what a function is told, its ARN)."""
    ledger, archive = the_ledger(cloud).id, the_archive(cloud).id
    table = next(each.id for each in cloud.all("AWS::DynamoDB::Table") if each.id.startswith("Connections"))
    bus, memory = cloud.one("AWS::Events::EventBus").id, cloud.functions["memory"].id
    speaks = next(
        each for each in cloud.all("AWS::ApiGatewayV2::Api") if each.properties["ProtocolType"] == "WEBSOCKET"
    )
    here = "arn:<AWS::Partition>:{}:<AWS::Region>:<AWS::AccountId>:"
    stage = cloud.one("AWS::ApiGatewayV2::Stage", ApiId={"Ref": speaks.id})
    named = stage.properties["StageName"]
    return {
        "table": (f"<{ledger}>", f"<{ledger}.Arn>"),
        "bucket": (f"<{archive}>", f"<{archive}.Arn>"),
        "mail": (f"<{the_mail(cloud).id}>", f"<{the_mail(cloud).id}.Arn>"),
        "connections": (f"<{table}>", f"<{table}.Arn>"),
        "bus": (f"<{bus}>", f"<{bus}.Arn>"),
        "memory": (f"<{memory}>", f"<{memory}.Arn>"),
        "chroma": ("http://chroma.semanticsignal-dev.internal:8000", ""),
        "secrets": ("/semanticsignal/dev", here.format("ssm") + "parameter/semanticsignal/dev"),
        "socket": (
            f"https://<{speaks.id}>.execute-api.<AWS::Region>.<AWS::URLSuffix>/{named}",
            here.format("execute-api") + f"<{speaks.id}>/{named}",
        ),
    }


def of_lambda(name: str, cloud: Assembly) -> set[tuple[str, str]]:
    """Its own log; for memory its place in the network; for show the ledger's stream."""
    log = cloud.one("AWS::Logs::LogGroup", LogGroupName=f"/aws/lambda/semanticsignal-dev-{name}")
    own = {(action, f"<{log.id}.Arn>") for action in ("logs:CreateLogStream", "logs:PutLogEvents")}
    dead = [each.id for each in cloud.all("AWS::SQS::Queue") if each.properties["QueueName"].endswith(f"-{name}-dead")]
    queue = {(action, f"<{id}.Arn>") for id in dead for action in SENDS}
    match name:
        case "memory":
            return own | {pair for pair in cloud.allowed(name) if pair[0].startswith("ec2:") and pair[1] == "*"}
        case "show":
            stream = {(action, f"<{the_ledger(cloud).id}.StreamArn>") for action in STREAM}
            return own | queue | stream | {("dynamodb:ListStreams", "*")}
    return own | queue


SENDS = ("sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl")


def the_ledger(cloud: Assembly) -> Resource:
    return next(each for each in cloud.all("AWS::DynamoDB::Table") if each.id.startswith("Ledger"))


def the_mail(cloud: Assembly) -> Resource:
    return next(each for each in cloud.all("AWS::DynamoDB::Table") if each.id.startswith("Mail"))


def the_archive(cloud: Assembly) -> Resource:
    return next(each for each in cloud.all("AWS::S3::Bucket") if each.stack == "data")


def keys(table: dict[str, Any]) -> list[str]:
    return [each["AttributeName"] for each in table["KeySchema"]]


def layers(function: Resource, cloud: Assembly) -> list[str]:
    resources = cloud.templates[function.stack]["Resources"]
    return [resources[each["Ref"]]["Properties"]["LayerName"] for each in function.properties["Layers"]]


def remedies(assembly: Assembly) -> set[str]:
    return {
        assertion["AssertDescription"]
        for template in assembly.templates.values()
        for name, rule in template["Rules"].items()
        if name.startswith("Unbuilt")
        for assertion in rule["Assertions"]
    }


def reasons(folder: Path) -> list[str]:
    """Every reason given for a rule that does not hold."""
    entries = [
        entry
        for path in folder.glob("*.metadata.json")
        for found in json.loads(path.read_text()).values()
        for entry in found
        if entry["type"] == "aws:cdk:acknowledged-rules"
    ]
    return [reason for entry in entries for reason in entry["data"].values()]
