"""`python -m infra.farewell`: what outlives `cdk destroy`, and how it goes too, when that is truly meant.

python -m infra.farewell          names the ledger and the archive that were kept
python -m infra.farewell --gone   deletes them: protection off, every version, then the rest; no way back
python -m infra.farewell --site   before `cdk destroy`: asks, then empties the dashboard's bucket, which stays otherwise
python -m infra.farewell --site --force   the same without asking"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from semanticsignal.settings import load

MOST_DELETED = 1000
BUCKET = "AWS::S3::Bucket"
KEPT = "kept"  # a tag of what `data.py` lets outlive its stack, with what it is as its value


def kept(stage: str, session: Any) -> list[tuple[str, str]]:
    """(what it is, name) of every ledger and archive of a deployment, those of earlier ones too."""
    wanted = {"project": ["semanticsignal"], "stage": [stage], KEPT: []}
    tags = [{"Key": key, "Values": values} for key, values in wanted.items()]
    pages = session.client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=tags)
    return sorted(_named(each) for page in pages for each in page["ResourceTagMappingList"])


def remove(kind: str, name: str, session: Any) -> None:
    """Raises what AWS says when it cannot; what is gone already is no failure."""
    if kind == "archive":
        _empty(name, session)
        session.client("s3").delete_bucket(Bucket=name)
        return
    tables = session.client("dynamodb")
    tables.update_table(TableName=name, DeletionProtectionEnabled=False)
    tables.get_waiter("table_exists").wait(TableName=name)
    tables.delete_table(TableName=name)


def _empty(bucket: str, session: Any) -> None:
    s3 = session.client("s3")
    pages = s3.get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=bucket, PaginationConfig={"PageSize": MOST_DELETED}):
        doomed = list(_versions(page))
        if doomed:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": doomed, "Quiet": True})


def _versions(page: Any) -> Iterator[dict[str, str]]:
    for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
        yield {"Key": each["Key"], "VersionId": each["VersionId"]}


def _named(found: Any) -> tuple[str, str]:
    kind = next(tag["Value"] for tag in found["Tags"] if tag["Key"] == KEPT)
    return kind, found["ResourceARN"].rpartition("/" if kind == "ledger" else ":")[2]


def said(session: Any, stage: str, *, is_gone: bool) -> Iterator[str]:
    """Names what was kept; deletes it when that is meant."""
    found = kept(stage, session)
    for kind, name in found:
        if is_gone:
            remove(kind, name, session)
        yield f"destroy: {kind} {name} {'is gone' if is_gone else 'was kept'}"
    if found and not is_gone:
        yield "destroy: to delete the money and all that was learned: make destroy MONEY=gone"


def sites(stage: str, session: Any) -> list[str]:
    """The bucket of the dashboard, by the stack that owns it; none when there is no such stack."""
    from botocore.exceptions import ClientError

    pages = session.client("cloudformation").get_paginator("list_stack_resources")
    try:
        found = [each for page in pages.paginate(StackName=web(stage)) for each in page["StackResourceSummaries"]]
    except ClientError as wrong:
        if "does not exist" in str(wrong):
            return []
        raise
    return [each["PhysicalResourceId"] for each in found if each["ResourceType"] == BUCKET and is_there(each)]


def is_there(resource: Any) -> bool:
    return "PhysicalResourceId" in resource and resource["ResourceStatus"] != "DELETE_COMPLETE"


def web(stage: str) -> str:
    return f"semanticsignal-{stage}-web"


def emptied(session: Any, stage: str) -> Iterator[str]:
    """CloudFormation deletes no bucket with files in it."""
    for bucket in sites(stage, session):
        _empty(bucket, session)
        yield f"destroy: {bucket}, the dashboard, is empty"


def agreed(stage: str, region: str, *, is_gone: bool, ask: Callable[[str], str] = input) -> bool:
    """Asked here and not by cdk: a no after the bucket was emptied would leave a dashboard without pages."""
    what = "all stacks, and ledger and archive FOR GOOD" if is_gone else "all stacks; ledger and archive stay"
    try:
        return ask(f"destroy: semanticsignal-{stage} in {region}, {what}. Sure? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def here() -> Any:
    """The account and region that cdk works in; boto3 by itself knows only AWS_DEFAULT_REGION."""
    import boto3

    return boto3.session.Session(region_name=os.environ.get("AWS_REGION") or None)


def main(words: list[str]) -> int:
    asked = argparse.ArgumentParser(prog="python -m infra.farewell", description="Names what outlives cdk destroy.")
    asked.add_argument("--gone", action="store_true", help="deletes it, for good; with --site only says so")
    asked.add_argument("--site", action="store_true", help="asks, then empties the dashboard's bucket")
    asked.add_argument("--force", action="store_true", help="does not ask")
    meant = asked.parse_args(words)
    session, stage = here(), load().settings.cloud.stage
    if meant.site and not meant.force and not agreed(stage, str(session.region_name), is_gone=meant.gone):
        sys.stdout.write("destroy: nothing was done\n")
        return 1
    lines = emptied(session, stage) if meant.site else said(session, stage, is_gone=meant.gone)
    for line in lines:
        sys.stdout.write(f"{line}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
