"""The data stack as CloudFormation makes it, on a stand-in for AWS; and what is left of it after a farewell."""

from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest
from assembly import Assembly
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from infra import farewell

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
        httpx.post(f"{url}/moto-api/reset").raise_for_status()
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
    assert aws.client("dynamodb").list_tables()["TableNames"] == [deployed["Connections"]]
