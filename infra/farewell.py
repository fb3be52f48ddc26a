"""`python -m infra.farewell`: what outlives `cdk destroy`, and how it goes too, when that is truly meant.

python -m infra.farewell          names the ledger and the archive that were kept
python -m infra.farewell --gone   deletes them: protection off, every version, then the rest; no way back"""

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from semanticsignal.settings import load

MOST_DELETED = 1000
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


def main(words: list[str]) -> int:
    import boto3

    asked = argparse.ArgumentParser(prog="python -m infra.farewell", description="Names what outlives cdk destroy.")
    asked.add_argument("--gone", action="store_true", help="deletes it, for good")
    is_gone = asked.parse_args(words).gone
    for line in said(boto3.session.Session(), load().settings.cloud.stage, is_gone=is_gone):
        sys.stdout.write(f"{line}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
