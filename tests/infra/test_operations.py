"""What the pages on AWS tell somebody to type is there: targets, settings, names, outputs, payloads, AWS's words."""

import importlib.util
import json
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from assembly import Assembly
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from typer.main import get_command

from infra.cost import tariff
from infra.deployment import ROOT
from infra.memory import IMAGE
from infra.recipes import VENUES
from semanticsignal.domain.market import Symbol
from semanticsignal.domain.secrets import DISCORD
from semanticsignal.drivers.aws_lambda import FORCED
from semanticsignal.drivers.aws_memory import ASKS
from semanticsignal.drivers.cli import cli
from semanticsignal.settings import DISCORD_IN, KEYS, load
from semanticsignal.wiring import models

PAGES = ("deploy", "operations", "troubleshooting", "discord")
PAGE = "\n".join((ROOT / f"docs/{name}.md").read_text(encoding="utf-8") for name in PAGES)
STAGE = "semanticsignal-dev-"
# Of the command line itself, known to every one of its commands.
GLOBAL = {"query", "output", "cli-binary-format"}
# The command line's own, made of several calls.
OWN = {("logs", "tail"): {"follow"}}


def code() -> list[str]:
    """Every line of a block and every span in backticks: what is meant letter by letter."""
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", PAGE, re.DOTALL | re.MULTILINE)
    prose = re.sub(r"^ *```\w*\n.*?^ *```", "", PAGE, flags=re.DOTALL | re.MULTILINE)
    return [line.strip() for block in blocks for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", prose)


@cache
def calls() -> tuple[tuple[str, ...], ...]:
    """Each `aws …` in it, as words."""
    found = []
    for line in code():
        plain = re.sub(r"\$\((?:python3 -c '[^']*'|date [^)]*)\)", "IT", line)
        if told := re.search(r"(?:^|\| )aws ([a-z].*)$", re.sub(r"^QUEUE=\$\((.*)\)$", r"\1", plain)):
            found.append(tuple(shlex.split(told[1])))
    return tuple(found)


def names(pattern: str) -> set[str]:
    return set(re.findall(pattern, "\n".join(code())))


def test_the_targets_are_in_the_makefile() -> None:
    there = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    told = names(r"(?:^|\s)make ([a-z]+)")

    assert {"setup", "synth", "deploy", "destroy", "layers"} <= told <= there


def test_the_settings_are_settings() -> None:
    tables = "|".join(sorted({key.partition(".")[0] for key in KEYS if "." in key}))
    variables = {name.lower().replace("__", ".") for name in names(r"SEMSIG_([A-Z_]+)")}
    told = names(rf"(?<![\w./-])((?:{tables})\.[a-z_]+)") | variables

    assert {"cloud.stage", "cloud.alarm_email", "model.base_url", "cloud.log_days"} <= told
    assert told - {"model.name"} <= KEYS.keys() and "model.name" in KEYS
    assert {"symbols", "timeframe", "candle_limit"} <= KEYS.keys()


def test_the_sample_of_config_toml_is_one(tmp_path: Path) -> None:
    deploy = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    [sample] = re.findall(r"```toml\n(.*?)```", deploy, re.DOTALL)
    text = "\n".join(line.strip() for line in sample.splitlines())
    (file := tmp_path / "config.toml").write_text(text, encoding="utf-8")

    assert set(load({}, {}, file).origins) == {
        "symbols",
        *(f"cloud.{key}" for key in tomllib.loads(text)["cloud"]),
    }


def test_the_venues_it_names_are_worn_in_the_cloud() -> None:
    told = re.search(r"Venues that can be named:(.*?)others work", PAGE, re.DOTALL)

    assert told is not None
    venues = set(re.findall(r"`([a-z]+)`", told[1]))
    assert len(venues) >= 6 and venues <= VENUES


def test_every_name_of_a_deployment_is_in_the_templates(cloud: Assembly) -> None:
    made = {text for each in cloud.all() for text in strings(each.properties)}
    stacks = {f"{STAGE}{stack}" for stack in cloud.templates}
    told = names(rf"({STAGE}[A-Za-z-]*[A-Za-z])") - {f"{STAGE}restored"}
    known = made | stacks

    assert {f"{STAGE}{name}" for name in ("decide", "web", "pipeline", "execute-dead", "chroma", "budget")} <= told
    assert {name for name in told if not any(name == one or one.endswith(f"/{name}") for one in known)} <= {
        f"{STAGE}data-LedgerB",  # what CloudFormation makes of its own names
        f"{STAGE}data-archiveda",
    }
    kept = {f"/semanticsignal/dev/{name}" for name in (*secrets(), DISCORD_IN)}
    logs = names(r"(/(?:aws|semanticsignal)/[a-z-]+/[\w-]+)") - kept
    assert logs <= {each.properties["LogGroupName"] for each in cloud.all("AWS::Logs::LogGroup")}


def strings(value: Any) -> set[str]:
    match value:
        case str():
            return {value}
        case dict():
            return {text for each in value.values() for text in strings(each)}
        case list():
            return {text for each in value for text in strings(each)}
    return set()


def secrets() -> set[str]:
    """Names by which the wiring asks."""
    text = (ROOT / "layers/core/python/semanticsignal/wiring/__init__.py").read_text(encoding="utf-8")
    of_models = {models.model_key(f"https://{host}/v1") for host in ("openrouter.ai", "models.example.org")}
    of_models |= {name for names, _ in models.KEYS.values() for name in names}
    return of_models | set(re.findall(r'(?<!environment_)secret\("([A-Z_]+)"\)', text))


def test_every_secret_is_named_and_no_other() -> None:
    assert names(r"/semanticsignal/dev/([A-Z_]+)") == secrets()
    assert names(rf"/semanticsignal/dev/{DISCORD_IN}/([A-Z_]+)") == set(DISCORD)


def test_every_alarm_is_explained_and_no_other(cloud: Assembly) -> None:
    alarms = {each.properties["AlarmName"].removeprefix(STAGE) for each in cloud.all("AWS::CloudWatch::Alarm")}
    [table] = re.findall(r"\| alarm \|.*?\n\n", PAGE, re.DOTALL)
    told = {name for row in table.strip().splitlines()[2:] for name in re.findall(r"`([\w-]+)`", row.split("|")[1])}

    assert told == {*alarms, f"{STAGE}budget"}
    budget = cloud.one("AWS::Budgets::Budget").properties["Budget"]["BudgetName"]
    assert budget == f"{STAGE}budget"


def test_the_metrics_it_names_are_sent() -> None:
    sent = {name for rows in tariff()["usage"]["metrics"].values() for name in rows}

    assert set(re.findall(r"metric `(\w+)`", PAGE)) == sent


def test_the_outputs_it_names_are_there(cloud: Assembly) -> None:
    stacks = cloud.templates.items()
    outputs = {name: stack for stack, template in stacks for name in template.get("Outputs", {})}

    for name, stack in {"MakeAnAdmin": "web", "DashboardUrl": "web", "ForceAnAnalysis": "pipeline"}.items():
        assert f"`{name}`" in PAGE and outputs[name] == stack
    forced = cloud.templates["pipeline"]["Outputs"]["ForceAnAnalysis"]["Value"]
    assert forced in code()


def test_the_payloads_are_what_the_functions_take() -> None:
    payloads = [json.loads(call[call.index("--payload") + 1]) for call in calls() if "{" in " ".join(call)]

    assert len(payloads) == 2  # the third is a file
    for payload in payloads:
        if "ask" in payload:
            assert set(payload) == {"ask", *ASKS[payload["ask"]]}
        else:
            assert set(payload) == FORCED and payload["kind"] == "AnalysisRequested"
            Symbol.parse(payload["symbol"])


@pytest.mark.parametrize("call", calls(), ids=lambda call: "-".join(call[:2]))
def test_aws_knows_the_command_and_its_options(call: tuple[str, ...]) -> None:
    service, operation, *words = call
    options = {word.removeprefix("--").partition("=")[0] for word in words if word.startswith("--")}
    if (service, operation) in OWN:
        assert options <= OWN[service, operation]
        return
    session = botocore.session.get_session()
    if operation == "wait":
        waiters = session.get_waiter_model(service).waiter_names
        assert xform_name(words[0]).replace("-", "_") in {xform_name(name) for name in waiters}, words[0]
        model = session.get_service_model(service)
        waited = next(name for name in waiters if xform_name(name, "-") == words[0])
        operation = xform_name(session.get_waiter_model(service).get_waiter(waited).operation, "-")
    else:
        model = session.get_service_model(service)
    known = {xform_name(name, "-"): name for name in model.operation_names}

    assert operation in known
    members = model.operation_model(known[operation]).input_shape.members
    assert options - GLOBAL <= {xform_name(name, "-") for name in members}


def test_an_unknown_command_would_be_seen() -> None:
    with pytest.raises(UnknownServiceError):
        botocore.session.get_session().get_service_model("lamda")


def test_our_own_commands_and_their_options_are_there() -> None:
    told = names(r"(?m)^(?:\.venv/bin/)?semsig (.+)$")

    assert {"analyze BTC/USDC --remote", "memory rebuild --remote", "doctor", "config"} <= told
    assert "`semsig analyze BTC/USDC --remote`, with `--wait`" in PAGE
    for words in (*map(str.split, told), ["analyze", "--wait"]):
        assert {word for word in words if word.startswith("--")} <= options(words), words
    for module in names(r"-m (infra\.\w+)"):
        assert importlib.util.find_spec(module) is not None
    assert IMAGE == "chromadb/chroma"


def options(words: list[str]) -> set[str]:
    """Of the command that these words begin with."""
    command: Any = get_command(cli)
    for word in words:
        if not (groups := getattr(command, "commands", None)):
            break
        command = groups[word]
    return {name for each in command.params for name in each.opts}


def test_what_is_taken_over_is_named_as_in_the_template(cloud: Assembly) -> None:
    [mapping] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    kept = {"LedgerB7379752": "AWS::DynamoDB::Table", "ArchiveDA4CB258": "AWS::S3::Bucket"}

    assert set(json.loads(mapping)) == set(kept)
    resources = cloud.templates["data"]["Resources"]
    assert {id: resources[id]["Type"] for id in kept} == kept
    assert all(resources[id]["DeletionPolicy"] == "Retain" for id in kept)
    # what a restored table lacks, and must be given because the template takes it for granted
    table = resources["LedgerB7379752"]["Properties"]
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    assert table["DeletionProtectionEnabled"] is True
    assert {"project", "stage", "kept"} == {tag["Key"] for tag in table["Tags"]}


def test_a_dead_letter_becomes_its_event_again(tmp_path: Path) -> None:
    [script] = [line for line in code() if line.startswith("python3 -c 'import json; body")]
    event = {"detail-type": "DecisionMade", "detail": {"kind": "DecisionMade"}}
    failed = {"requestContext": {"condition": "RetriesExhausted"}, "requestPayload": event, "responsePayload": {}}

    for body in (failed, event):
        letter = {"Messages": [{"Body": json.dumps(body), "ReceiptHandle": "x"}]}
        (tmp_path / "letter.json").write_text(json.dumps(letter), encoding="utf-8")
        subprocess.run([sys.executable, *shlex.split(script)[1:]], cwd=tmp_path, check=True, timeout=30)
        assert json.loads((tmp_path / "event.json").read_text(encoding="utf-8")) == event


def test_it_names_no_account_and_links_to_pages_that_are_there() -> None:
    assert not re.search(r"\b\d{12}\b", PAGE)
    for link in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert (ROOT / "docs" / link.partition("#")[0]).exists() or link.startswith("#"), link
