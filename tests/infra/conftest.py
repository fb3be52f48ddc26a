"""The deployment, made once for all tests of the cloud: complete, and with nothing built."""

from collections.abc import Iterator

import pytest
from assembly import Assembly, asked, built, dashboard
from chroma_server import ChromaServer, chroma_server
from lived import TERMS

from infra.app import app
from infra.deployment import Deployment


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """All that can be asked for, everything built. That it is made at all says that cdk-nag found nothing."""
    top = tmp_path_factory.mktemp("cloud")
    deployment = Deployment(asked(), layer=built(top / "layers"), site=dashboard(top / "dist"))
    app(deployment, outdir=str(top / "cdk.out")).synth()
    return Assembly(top / "cdk.out")


@pytest.fixture(scope="session")
def unbuilt(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """A fresh checkout on a machine without a network: defaults, no layer, no dashboard."""
    top = tmp_path_factory.mktemp("unbuilt")
    sourced = asked(**{"cloud.chroma_digest": "", "cloud.is_spot": True})
    app(Deployment(sourced, layer=lambda _: None, site=top / "nowhere"), outdir=str(top / "cdk.out")).synth()
    return Assembly(top / "cdk.out")


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    top = tmp_path_factory.mktemp("whole")
    deployment = Deployment(asked(**TERMS), layer=built(top / "layers"), site=dashboard(top / "dist"))
    app(deployment, outdir=str(top / "cdk.out")).synth()
    return Assembly(top / "cdk.out")


@pytest.fixture(scope="session")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaServer]:
    """One child for all deployments, which come one after the other and find it empty."""
    with chroma_server(tmp_path_factory.mktemp("chroma") / "disk") as found:
        yield found
