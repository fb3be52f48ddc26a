"""Talking to an instance and to a deployment: what is said when there is none, or it is not what was meant."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from drivers.instance import free_port, here
from fastapi import FastAPI, Response
from loopback import serve

from semanticsignal.domain.errors import BadInput, Unavailable
from semanticsignal.domain.policy import Settings
from semanticsignal.drivers import doctor_aws, remote
from semanticsignal.drivers.findings import State
from tests.functions.aws import IDENTITY, REGION, Account, account, client

BTC, SETTINGS = "BTC/USDC", Settings()


@pytest.fixture(scope="module")
def aws() -> Iterator[Account]:
    with account() as there:
        client("ssm", there.url).describe_parameters()  # the first question to a service loads it
        client("lambda", there.url).list_functions()
        yield there


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A machine with credentials that are nobody's."""
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@asynccontextmanager
async def saying(status: int, body: Any, kind: str = "") -> AsyncIterator[str]:
    """A server with one answer to everything."""
    api = FastAPI()

    async def answer() -> Response:
        headers = {"x-amzn-errortype": kind} if kind else {}
        return Response(body if isinstance(body, str) else json.dumps(body), status, headers, "application/json")

    api.add_api_route("/{path:path}", answer, methods=["GET", "POST"], response_model=None)
    async with serve(api) as url:
        yield url


# --- An instance ---


def test_where_nobody_listens_it_says_how_to_start_one(tmp_path: Path) -> None:
    done = here("analyze", BTC, "--port", port := free_port(), folder=tmp_path)

    said = f"semsig: no semsig runs at http://127.0.0.1:{port}; `semsig run` starts one, --port names another\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


@pytest.mark.parametrize("body", ["<h1>It works</h1>", "[]", '{"ok": true}'])
async def test_another_program_on_that_port_is_told_apart(body: str) -> None:
    async with saying(200, body) as url:
        with pytest.raises(Unavailable, match=f"what is at {url} does not answer as semsig does"):
            await remote.analyze(url, BTC, wait=False)


# --- A deployment ---


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (404, "ResourceNotFoundException",
         "there is no function semanticsignal-dev-collect in eu-central-1; make deploy, or another AWS_REGION"),
        (429, "TooManyRequestsException", "AWS is asked too often; ask again in a minute"),
        (403, "AccessDeniedException", "these AWS credentials may not do that; a role that may"),
        (403, "ExpiredTokenException", "the AWS credentials are no longer valid; aws configure"),
        (403, "UnrecognizedClientException", "AWS does not know these credentials; aws configure"),
        (500, "ServiceException", "collect cannot be called: An error occurred (ServiceException)"),
    ],
)  # fmt: skip
async def test_what_aws_answers_is_said_with_its_mend(
    status: int, kind: str, said: str, desk: pytest.MonkeyPatch
) -> None:
    async with saying(status, {"message": "no"}, kind) as url:
        desk.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(Unavailable) as caught:
            await remote.analyze_deployed(SETTINGS, BTC, wait=True)

    assert said in str(caught.value)


async def test_a_pair_that_the_deployment_does_not_trade_is_a_wrong_use(desk: pytest.MonkeyPatch) -> None:
    api = FastAPI()

    async def refused() -> Response:
        told = {"errorType": "InvalidSymbol", "errorMessage": "DOGE/USDC is not traded here, was BTC/USDC"}
        return Response(json.dumps(told), headers={"x-amz-function-error": "Unhandled"}, media_type="application/json")

    api.add_api_route("/{path:path}", refused, methods=["POST"], response_model=None)
    async with serve(api) as url:
        desk.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(BadInput, match="DOGE/USDC is not traded here"):
            await remote.analyze_deployed(SETTINGS, "DOGE/USDC", wait=False)


@pytest.mark.parametrize(
    ("gone", "given", "said"),
    [
        (("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), {}, "there are no AWS credentials on this machine; aws"),
        (("AWS_DEFAULT_REGION",), {}, "no AWS region is set; AWS_REGION, such as eu-central-1"),
        ((), {"AWS_PROFILE": "nobody"}, "there is no such AWS profile; another AWS_PROFILE"),
        ((), {"AWS_REGION": "mars 1"}, "AWS_REGION is no region; one such as eu-central-1"),
        ((), {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "AWS cannot be reached; the network, and whether AWS_REGION"),
    ],
)
async def test_what_a_desk_lacks_is_said_before_anybody_is_asked(
    gone: tuple[str, ...], given: dict[str, str], said: str, desk: pytest.MonkeyPatch
) -> None:
    for name in gone:
        desk.delenv(name)
    for name, value in given.items():
        desk.setenv(name, value)

    with pytest.raises(Unavailable) as caught:
        await remote.rebuild_deployed(SETTINGS)

    assert str(caught.value).startswith(f"semanticsignal-dev-memory cannot be called: {said}")
    (found,) = await doctor_aws.examined(SETTINGS, 9)
    assert found.state is State.MISSING and said.replace("; ", "; mend: ", 1) in str(found)


# --- What the doctor finds there ---


async def test_an_account_without_a_deployment_is_told_with_what_to_do(aws: Account, desk: pytest.MonkeyPatch) -> None:
    desk.setenv("AWS_ENDPOINT_URL", aws.url)

    found = [str(one) for one in await doctor_aws.examined(SETTINGS, 9)]

    assert found[0].startswith("aws identity: account 123456789012, as ")
    assert found[1:] == [
        "aws region: eu-central-1",
        "aws bootstrap: no CDK in eu-central-1; mend: npx cdk bootstrap, once an account and region",
        "aws deployment: there is no semanticsignal-dev-collect in eu-central-1; mend: make deploy, or another "
        "AWS_REGION or cloud.stage",
    ]


@pytest.mark.parametrize(("version", "state"), [("22", State.OK), ("5", State.WARNING), ("x", State.WARNING)])
async def test_the_stack_of_the_cdk_is_looked_at(
    version: str, state: State, aws: Account, desk: pytest.MonkeyPatch
) -> None:
    desk.setenv("AWS_ENDPOINT_URL", aws.url)
    parameter = {"Name": "/cdk-bootstrap/hnb659fds/version", "Value": version, "Type": "String", "Overwrite": True}
    client("ssm", aws.url).put_parameter(**parameter)

    found = {one.what: one for one in await doctor_aws.examined(SETTINGS, 9)}

    assert found["aws bootstrap"].state is state and version in found["aws bootstrap"].said
    assert found["aws region"].said == REGION
