"""The data stack as CloudFormation makes it, on a stand-in for AWS; and what is left of it after a farewell."""

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import pytest
from assembly import Assembly, asked
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from infra import farewell
from infra.deployment import ROOT, Deployment

REGION = "eu-central-1"
# The stand-in knows every type of this stack but one, and goes on without it: the policy that wants TLS.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS..S3..BucketPolicy:UserWarning")


class Somewhere:
    """A session whose clients all speak to one address."""

    def __init__(self, url: str) -> None:
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": REGION}
        self._session, self._url = boto3.session.Session(**keys), url

    def client(self, name: str) -> Any:
        return self._session.client(name, endpoint_url=self._url)


@pytest.fixture(scope="module")
def aws() -> Iterator[Somewhere]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        url = f"http://localhost:{server.get_host_and_port()[1]}"
        httpx.post(f"{url}/moto-api/reset", verify=False).raise_for_status()
        # as `cdk bootstrap` leaves an account
        somewhere = Somewhere(url)
        somewhere.client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="28", Type="String")
        yield somewhere
    finally:
        server.stop()


@pytest.fixture(scope="module")
def deployed(aws: Somewhere, cloud: Assembly) -> dict[str, str]:
    """The data stack, deployed from its template as it stands: logical id → what CloudFormation called it."""
    stacks = aws.client("cloudformation")
    template = (cloud.folder / "data.template.json").read_text(encoding="utf-8")
    tags = [{"Key": "project", "Value": "semanticsignal"}, {"Key": "stage", "Value": "dev"}]
    stacks.create_stack(StackName="semanticsignal-dev-data", TemplateBody=template, Tags=tags)
    [stack] = stacks.describe_stacks(StackName="semanticsignal-dev-data")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    resources = stacks.describe_stack_resources(StackName="semanticsignal-dev-data")["StackResources"]
    made = [each for each in resources if "PhysicalResourceId" in each]
    return {each["LogicalResourceId"][:-8]: each["PhysicalResourceId"] for each in made}


def test_cloudformation_makes_the_ledger_as_it_is_written(aws: Somewhere, deployed: dict[str, str]) -> None:
    table = aws.client("dynamodb").describe_table(TableName=deployed["Ledger"])["Table"]

    assert [each["AttributeName"] for each in table["KeySchema"]] == ["pk", "sk"]
    assert {each["IndexName"] for each in table["LocalSecondaryIndexes"]} == {"by_kind", "by_pair"}
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    assert table["DeletionProtectionEnabled"] is True
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


def test_an_entry_is_found_by_kind_and_by_pair(aws: Somewhere, deployed: dict[str, str]) -> None:
    tables = aws.client("dynamodb")
    words = {
        "pk": "ledger",
        "sk": "0000000001",
        "kind_seq": "DecisionMade#0000000001",
        "pair_seq": "BTC/USDC#0000000001",
    }
    item = {key: {"S": value} for key, value in words.items()}

    tables.put_item(TableName=deployed["Ledger"], Item=item)

    for index, key in {"by_kind": "kind_seq", "by_pair": "pair_seq"}.items():
        found = tables.query(
            TableName=deployed["Ledger"],
            IndexName=index,
            KeyConditionExpression=f"pk = :pk AND begins_with({key}, :begin)",
            ExpressionAttributeValues={":pk": {"S": "ledger"}, ":begin": {"S": words[key].partition("#")[0]}},
        )
        assert found["Items"] == [item]


def test_the_archive_is_encrypted_and_says_that_it_is_kept(aws: Somewhere, deployed: dict[str, str]) -> None:
    buckets = aws.client("s3")

    [rule] = buckets.get_bucket_encryption(Bucket=deployed["Archive"])["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    tags = {tag["Key"]: tag["Value"] for tag in buckets.get_bucket_tagging(Bucket=deployed["Archive"])["TagSet"]}
    assert tags == {"project": "semanticsignal", "stage": "dev", "kept": "archive"}


def test_a_protected_ledger_cannot_be_deleted(aws: Somewhere, deployed: dict[str, str]) -> None:
    with pytest.raises(ClientError, match="DeletionProtectionEnabled"):
        aws.client("dynamodb").delete_table(TableName=deployed["Ledger"])


def test_what_was_kept_is_named_and_what_belongs_to_others_is_not(aws: Somewhere, deployed: dict[str, str]) -> None:
    assert farewell.kept("dev", aws) == [("archive", deployed["Archive"]), ("ledger", deployed["Ledger"])]
    assert farewell.kept("prod", aws) == []


def test_money_goes_only_when_that_is_meant(aws: Somewhere, deployed: dict[str, str]) -> None:
    buckets, archive = aws.client("s3"), deployed["Archive"]
    # which the stand-in's CloudFormation leaves out
    buckets.put_bucket_versioning(Bucket=archive, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"first", b"second"):
        buckets.put_object(Bucket=archive, Key="reply/1.json.gz", Body=body)
    buckets.delete_object(Bucket=archive, Key="reply/1.json.gz")

    kept = "\n".join(farewell.said(aws, "dev", is_gone=False))
    assert f"ledger {deployed['Ledger']} was kept" in kept and "make destroy MONEY=gone" in kept
    assert deployed["Ledger"] in aws.client("dynamodb").list_tables()["TableNames"]

    gone = "\n".join(farewell.said(aws, "dev", is_gone=True))
    assert f"archive {archive} is gone" in gone
    assert farewell.kept("dev", aws) == []
    left = aws.client("dynamodb").list_tables()["TableNames"]
    assert sorted(left) == sorted((deployed["Connections"], deployed["Mail"])), "what the stack itself takes with it"


@pytest.fixture
def web(aws: Somewhere, cloud: Assembly) -> str:
    """The bucket of the dashboard, deployed by the words of its template, with files in it."""
    stacks, named = aws.client("cloudformation"), farewell.web("dev")
    whole = cloud.templates["web"]["Resources"]
    bucket = {id: each for id, each in whole.items() if each["Type"] == farewell.BUCKET}
    stacks.create_stack(StackName=named, TemplateBody=json.dumps({"Resources": bucket}))
    [made] = stacks.describe_stack_resources(StackName=named)["StackResources"]
    name = str(made["PhysicalResourceId"])
    for key in ("index.html", "assets/index-0a1b2c3d.js"):
        aws.client("s3").put_object(Bucket=name, Key=key, Body=b"x")
    return name


def test_the_dashboard_s_bucket_can_be_deleted_once_it_was_emptied(aws: Somewhere, web: str) -> None:
    buckets = aws.client("s3")
    buckets.create_bucket(Bucket="another", CreateBucketConfiguration={"LocationConstraint": REGION})
    buckets.put_object(Bucket="another", Key="index.html", Body=b"x")
    with pytest.raises(ClientError, match="BucketNotEmpty"):
        buckets.delete_bucket(Bucket=web)

    assert list(farewell.emptied(aws, "prod")) == []
    assert list(farewell.emptied(aws, "dev")) == [f"destroy: {web}, the dashboard, is empty"]

    assert buckets.list_objects_v2(Bucket="another")["KeyCount"] == 1
    buckets.delete_bucket(Bucket=web)


def test_it_is_the_stack_that_is_deployed(cloud: Assembly) -> None:
    assert farewell.web("dev") == Deployment(asked()).named("web")
    buckets = [each for each in cloud.all(farewell.BUCKET) if each.stack == "web"]
    assert len(buckets) == 1 and buckets[0].whole["DeletionPolicy"] == "Delete"


def never(_question: str) -> str:
    raise EOFError


@pytest.mark.parametrize(
    ("answer", "is_meant"),
    [(lambda _: "y", True), (lambda _: " Yes ", True), (lambda _: "", False), (lambda _: "no", False), (never, False)],
)
def test_nothing_goes_unless_somebody_says_yes(answer: Callable[[str], str], is_meant: bool) -> None:
    assert farewell.agreed("dev", "eu-central-1", is_gone=False, ask=answer) is is_meant


def test_who_is_asked_is_told_what_goes() -> None:
    questions: list[str] = []

    for is_gone in (False, True):
        farewell.agreed("dev", "eu-central-1", is_gone=is_gone, ask=lambda question: questions.append(question) or "no")

    assert "ledger and archive stay" in questions[0]
    assert "ledger and archive FOR GOOD" in questions[1] and "semanticsignal-dev in eu-central-1" in questions[1]


@pytest.mark.parametrize(
    ("words", "before", "after"),
    [
        ((), "--site", ""),
        (("MONEY=gone",), "--site --gone", "--gone"),
        (("ARGS=--force --verbose", "MONEY=gone"), "--site --gone --force", "--gone"),
    ],
)
def test_make_destroy_empties_then_destroys_then_says_farewell(words: tuple[str, ...], before: str, after: str) -> None:
    told = subprocess.run(
        ["make", "--dry-run", "destroy", *words], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout

    lines = [" ".join(line.split()) for line in told.splitlines() if "farewell" in line or "cdk destroy" in line]
    first, destroyed, last = lines
    assert first.partition("infra.farewell")[2].strip() == before
    # it was asked before; what is not cdk's is not told to it
    verbose = ["--verbose"] if "--force" in before else []
    assert destroyed.partition("cdk destroy ")[2].split() == ["--all", "--build", "true", "--force", *verbose]
    assert last.partition("infra.farewell")[2].strip() == after


def test_it_works_in_the_region_that_cdk_works_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert farewell.here().region_name == "us-west-2"

    monkeypatch.setenv("AWS_REGION", REGION)
    assert farewell.here().region_name == REGION
