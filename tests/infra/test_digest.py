"""Finding the Chroma image: a registry on this machine that speaks as the public one does."""

import asyncio
import json
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from loopback import serve

from infra import digest, memory
from infra.digest import NoDigest
from semanticsignal.settings import KEYS, load

TOKEN = "good.for.five.minutes"
INDEX = "application/vnd.oci.image.index.v1+json"


class Registry:
    """What was asked of it, and what it holds: tag → (media type, body)."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[str, bytes]] = {}
        self.asked: list[str] = []
        self.said: str | None = None  # a digest that is not that of the body
        self.challenge = 'Bearer realm="{url}/token",service="registry.docker.io",scope="repository:{name}:pull"'
        self.url = ""

    def holds(self, tag: str, *platforms: tuple[str, str], media_type: str = INDEX) -> str:
        rows = [
            {
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": f"sha256:{'a' * 64}",
                "size": 1000,
                "platform": {"architecture": architecture, "os": os},
            }
            for os, architecture in platforms
        ]
        body = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": rows}, indent=3).encode()
        self.held[tag] = (media_type, body)
        return f"sha256:{sha256(body).hexdigest()}"


def site(registry: Registry) -> FastAPI:
    web = FastAPI()

    @web.get("/token")
    async def token(service: str, scope: str) -> dict[str, Any]:
        registry.asked.append(f"{service} {scope}")
        return {"token": TOKEN, "access_token": TOKEN, "expires_in": 300, "issued_at": "2026-11-22T12:00:00Z"}

    @web.get("/v2/{name:path}/manifests/{tag}")
    async def manifest(name: str, tag: str, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            challenge = registry.challenge.format(url=registry.url, name=name)
            refused = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
            return Response(
                json.dumps(refused),
                401,
                {"WWW-Authenticate": challenge, "Docker-Distribution-Api-Version": "registry/2.0"},
            )
        media_type, body = registry.held.get(tag, ("", b""))
        if not body:
            return Response('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', 404)
        # Who does not ask for an index gets the manifest of one machine, as registries do for old clients.
        if media_type not in request.headers["accept"]:
            return Response(b"{}", 200)
        said = registry.said or f"sha256:{sha256(body).hexdigest()}"
        return Response(body, 200, {"Docker-Content-Digest": said}, media_type)

    return web


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    made = Registry()
    async with serve(site(made)) as made.url:
        yield made


async def found(registry: Registry, tag: str) -> str:
    return await asyncio.to_thread(digest.digest, tag, registry.url)


async def test_the_digest_of_an_index_with_arm_is_found(registry: Registry) -> None:
    wanted = registry.holds("1.5.9", ("linux", "amd64"), ("linux", "arm64"), ("unknown", "unknown"))

    assert await found(registry, "1.5.9") == wanted
    assert registry.asked == ["registry.docker.io repository:chromadb/chroma:pull"]
    assert load({"cloud.chroma_digest": wanted}, {"SEMSIG_CONFIG": "/dev/null"}).settings.cloud.chroma_digest == wanted


async def test_an_index_of_the_older_kind_will_do(registry: Registry) -> None:
    kind = "application/vnd.docker.distribution.manifest.list.v2+json"
    wanted = registry.holds("1.5.9", ("linux", "arm64"), media_type=kind)

    assert await found(registry, "1.5.9") == wanted


async def test_what_could_not_be_run_is_refused(registry: Registry) -> None:
    registry.holds("old", ("linux", "amd64"))
    registry.holds("single", ("linux", "arm64"), media_type="application/vnd.oci.image.manifest.v1+json")

    for tag in ("old", "single"):
        with pytest.raises(NoDigest, match="no index with linux/arm64"):
            await found(registry, tag)
    with pytest.raises(NoDigest, match=r"there is no chromadb/chroma:9\.9"):
        await found(registry, "9.9")


async def test_a_body_that_is_not_what_the_registry_says_is_refused(registry: Registry) -> None:
    registry.holds("1.5.9", ("linux", "arm64"))
    registry.said = f"sha256:{'b' * 64}"

    with pytest.raises(NoDigest, match="says sha256:bbb"):
        await found(registry, "1.5.9")


async def test_a_registry_that_wants_a_password_is_refused(registry: Registry) -> None:
    registry.holds("1.5.9", ("linux", "arm64"))
    registry.challenge = 'Basic realm="members"'

    with pytest.raises(NoDigest, match="something else than a token"):
        await found(registry, "1.5.9")


async def test_it_is_said_as_config_toml_wants_it(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = registry.holds("1.5.9", ("linux", "arm64"))
    monkeypatch.setattr(digest.digest, "__defaults__", (registry.url,))

    assert await asyncio.to_thread(digest.main, ["1.5.9"]) == 0
    assert capsys.readouterr().out.startswith(f'chroma_digest = "{wanted}"') and "cloud.chroma_digest" in KEYS
    assert await asyncio.to_thread(digest.main, ["9.9"]) == 1
    assert capsys.readouterr().err == "digest: there is no chromadb/chroma:9.9\n"


def test_it_asks_for_the_image_that_is_deployed() -> None:
    assert digest.IMAGE == memory.IMAGE


def test_a_registry_that_is_away_is_said_in_one_line() -> None:
    with pytest.raises(NoDigest, match="does not answer"):
        digest.digest("1.5.9", "http://127.0.0.1:9")
