"""The templates are the same wherever they are made, and CloudFormation has nothing to say against them."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from assembly import Assembly, asked
from aws_cdk import aws_s3 as s3

from infra import summary
from infra.app import app
from infra.data import Data
from infra.deployment import ROOT, Deployment
from infra.recipes import VENUES
from semanticsignal.domain.errors import InvalidSetting

STACKS = ("data", "memory", "pipeline", "web", "watchtower")
# W3005: the CDK says twice what depends on what. W8003: that a rule can never hold is how an unbuilt part is refused.
KNOWN = ("W3005", "W8003")


@pytest.fixture(scope="session")
def twice(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Made by two machines that share no home, in different folders."""
    with ThreadPoolExecutor(2) as hands:
        return list(hands.map(synthesized, [tmp_path_factory.mktemp(name) for name in ("here", "there")]))


def test_two_machines_make_the_same_bytes(twice: list[Path]) -> None:
    here, there = ({path.relative_to(top): path.read_bytes() for path in files(top)} for top in twice)

    assert {path for path in here if path.suffix == ".json"}
    assert here == there


def test_nothing_names_the_machine_or_the_account_it_was_made_for(twice: list[Path]) -> None:
    machine = re.compile(
        rf"{re.escape(str(ROOT))}|{re.escape(str(twice[0]))}|/tmp/(?!matplotlib\b)|/home/|\b\d{{12}}\b"
    )

    found = {
        f"{path.name}: {match.group()}"
        for path in files(twice[0])
        if path.suffix == ".json" and (match := machine.search(path.read_text(encoding="utf-8")))
    }
    assert found == set()


def test_the_rules_of_cloudformation_hold_built_or_not(cloud: Assembly, unbuilt: Assembly) -> None:
    paths = [str(made.folder / f"{stack}.template.json") for made in (cloud, unbuilt) for stack in STACKS]
    linter = str(Path(sys.executable).with_name("cfn-lint"))

    verdict = subprocess.run(
        [linter, "--ignore-checks", *KNOWN, "--template", *paths],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )

    assert (verdict.returncode, verdict.stdout + verdict.stderr) == (0, "")


def test_what_cdk_nag_forbids_is_not_synthesized(tmp_path: Path) -> None:
    top = app(Deployment(asked(), layer=lambda _: None, site=tmp_path), outdir=str(tmp_path / "cdk.out"))
    data = top.node.find_child("data")
    assert isinstance(data, Data)
    s3.Bucket(data, "Open")

    with pytest.raises(RuntimeError, match="does not require requests to use SSL"):
        top.synth()


def test_a_venue_that_the_market_layer_does_not_hold_is_refused() -> None:
    with pytest.raises(InvalidSetting, match=rf"{', '.join(sorted(VENUES))}; was 'bitstamp'"):
        app(Deployment(asked(exchange="bitstamp"), layer=lambda _: None))


def test_a_template_fits_into_what_cloudformation_takes(cloud: Assembly) -> None:
    for stack in STACKS:
        assert (cloud.folder / f"{stack}.template.json").stat().st_size < 1_000_000
        assert len(cloud.templates[stack]["Resources"]) < 500


def test_the_summary_says_what_keeps_it_from_being_deployed(cloud: Assembly, unbuilt: Assembly) -> None:
    said = "\n".join(summary.lines(unbuilt.folder))

    assert all(re.search(rf"^{stack} +[\d.]+ +\d+$", said, re.MULTILINE) for stack in STACKS)
    assert "not to be deployed: the layers are not built: run make layers" in said
    assert "not to be deployed" not in "\n".join(summary.lines(cloud.folder))


def synthesized(top: Path) -> Path:
    """`python -m infra.app` as cdk runs it, with nothing around it: an empty home, no AWS, no proxy."""
    out = top / "cdk.out"
    bare = {
        "PATH": os.environ["PATH"],
        "HOME": str(top),
        "CDK_OUTDIR": str(out),
        "SEMSIG_CONFIG": os.devnull,
        # where the CDK unpacks itself: 200 MB, once and not each time
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(ROOT / ".venv" / "jsii"),
    }
    subprocess.run(
        [sys.executable, "-m", "infra.app"], cwd=ROOT, env=bare, check=True, capture_output=True, timeout=200
    )
    return out


def files(top: Path) -> list[Path]:
    return [path for path in sorted(top.rglob("*")) if path.is_file()]
