"""The web on loopback: late, long, moved, refused, broken; and keys that nobody hears of."""

import asyncio
import gzip
import socket
import ssl
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, StreamingResponse
from pydantic import BaseModel

from semanticsignal.adapters.web import Web
from semanticsignal.domain.errors import Unavailable
from tests.feeds import NOON, site
from tests.loopback import serve

DAY = timedelta(days=1)
KEY = {"x-key": "k3y-of-ours"}


class Figure(BaseModel):
    figure: int


async def refusal(web: Web, url: str) -> str:
    with pytest.raises(Unavailable) as refused:
        await web.read(Figure, url, KEY)
    assert "k3y" not in str(refused.value) + repr(refused.value.__cause__)
    return str(refused.value)


async def test_what_lies_there_comes_and_we_say_who_asks() -> None:
    async with site({"/a": {"figure": 5, "more": None}}) as there:
        told = await Web(5).read(Figure, f"{there.url}/a?b=c", KEY)
        whole = await Web(5).get(f"{there.url}/a")

    assert (told, whole) == (Figure(figure=5), b'{"figure": 5, "more": null}')
    (first, headers), (_, without) = there.asked
    assert (first, headers["x-key"]) == ("/a?b=c", "k3y-of-ours")
    assert headers["user-agent"].startswith("SemanticSignal/") and "x-key" not in without


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 451, 500, 503])
async def test_another_status_is_no_answer(status: int) -> None:
    async with site({"/a": {"figure": 5, "key": KEY["x-key"]}}, status) as there:
        said = await refusal(Web(5), f"{there.url}/a")

    assert said.startswith(f"127.0.0.1: HTTP {status} ")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "Invalid JSON"),
        (b"<html>", "Invalid JSON"),
        ({"figure": "k3y-of-ours"}, "unreadable answer, figure: Input should be a valid integer"),
        ({"k3y": 1}, "figure: Field required"),
        ([], "Input should be an object"),
        (b"[" * 100_000, "recursion limit"),
    ],
)
async def test_an_answer_that_is_something_else_is_no_answer(body: object, words: str) -> None:
    async with site({"/a": body}) as there:
        said = await refusal(Web(5), f"{there.url}/a")

    assert words in said


async def test_an_answer_that_is_too_long_is_not_read_to_its_end() -> None:
    api, sent = FastAPI(), []

    async def long() -> AsyncIterator[bytes]:
        for part in range(2_000):
            sent.append(part)
            yield b"x" * 10_000
            await asyncio.sleep(0.001)

    api.add_api_route("/a", lambda: StreamingResponse(long()), response_model=None)
    async with serve(api) as url:
        said = await refusal(Web(5, limit_bytes=100_000), f"{url}/a")

    assert "more than 100000 bytes" in said
    assert len(sent) < 2_000


async def test_a_short_answer_that_unpacks_to_a_long_one_is_too_long() -> None:
    async with site({"/a": gzip.compress(b" " * 3_000_000)}, headers={"content-encoding": "gzip"}) as there:
        said = await refusal(Web(5), f"{there.url}/a")

    assert "more than 2000000 bytes" in said


async def test_what_does_not_unpack_is_no_answer() -> None:
    async with site({"/a": b"no gzip"}, headers={"content-encoding": "gzip"}) as there:
        assert "does not unpack" in await refusal(Web(5), f"{there.url}/a")


async def test_what_is_packed_once_is_asked_for_and_unpacked() -> None:
    body = b'{"figure": 5, "more": "' + b"word " * 100_000 + b'"}'
    async with site({"/a": gzip.compress(body)}, headers={"content-encoding": "GZip"}) as there:
        told = await Web(5).get(f"{there.url}/a")

    assert told == body and there.asked[0][1]["accept-encoding"] == "gzip"


async def test_as_much_as_may_be_is_read_and_not_a_byte_more() -> None:
    for body, headers in ((b"x" * 9_000, {}), (gzip.compress(b"x" * 9_000), {"content-encoding": "gzip"})):
        async with site({"/a": body}, headers=headers) as there:
            assert await Web(5, 9_000).get(f"{there.url}/a") == b"x" * 9_000
            assert "more than 8999 bytes" in await refusal(Web(5, 8_999), f"{there.url}/a")


@pytest.mark.parametrize("coding", ["gzip, gzip", "deflate", "br", "zstd", "gzip, identity", "x"])
async def test_what_is_packed_otherwise_is_no_answer(coding: str) -> None:
    # packed as it says, where that is gzip: whoever unpacked it would find a figure
    body = gzip.compress(gzip.compress(b'{"figure": 5}')) if coding == "gzip, gzip" else b'{"figure": 5}'
    async with site({"/a": body}, headers={"content-encoding": coding}) as there:
        assert f"an answer that is {coding}" in await refusal(Web(5), f"{there.url}/a")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (gzip.compress(b'{"figure": 5}', mtime=0)[:-9], "cut"),
        (b"", "cut"),
        (gzip.compress(b'{"figure": 5}', mtime=0) * 2, "after the end"),
        (b"\x1f\x8b\x08\x08" + b"\0" * 6 + b"name" * 30_000, "more than 100000 bytes"),
    ],
)
async def test_what_is_packed_wrong_is_no_answer(body: bytes, words: str) -> None:
    async with site({"/a": body}, headers={"content-encoding": "gzip"}) as there:
        assert words in await refusal(Web(5, 100_000), f"{there.url}/a")


async def test_no_more_is_unpacked_than_may_be() -> None:
    body = gzip.compress(b" " * 50_000_000)
    async with site({"/a": body}, headers={"content-encoding": "gzip"}) as there:
        tracemalloc.start()
        try:
            said = await refusal(Web(5, 1_000_000), f"{there.url}/a")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert "more than 1000000 bytes" in said
    assert peak < 5_000_000


async def test_of_a_thousand_faults_only_their_number_is_told() -> None:
    async with site({"/a": [5] * 1_000}) as there:
        with pytest.raises(Unavailable, match=r"unreadable answer, 1000 faults$"):
            await Web(5).read(list[Figure], f"{there.url}/a")


async def test_an_answer_that_drips_is_given_up() -> None:
    async def dripping() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x"
            await asyncio.sleep(0.02)

    api = FastAPI()
    api.add_api_route("/a", lambda: StreamingResponse(dripping()), response_model=None)
    async with serve(api) as url:
        assert "no whole answer in 0.3 s" in await refusal(Web(0.3), f"{url}/a")


async def test_nobody_there_is_no_answer() -> None:
    assert "ConnectError" in await refusal(Web(5), "http://127.0.0.1:9/a")


@pytest.mark.parametrize("url", ["http://", "ftp://127.0.0.1/a", "http://127.0.0.1:x/", "nonsense", "http://[1/"])
async def test_an_address_that_is_none_is_no_answer(url: str) -> None:
    await refusal(Web(5), url)


@pytest.mark.parametrize("to", ["/b", "http://127.0.0.1:9/b", "ftp://127.0.0.1/b", "file:///etc/passwd", "//host/b"])
async def test_a_redirect_to_anything_but_https_is_not_followed(to: str) -> None:
    api = FastAPI()
    api.add_api_route("/a", lambda: RedirectResponse(to), response_model=None)
    async with serve(api) as url:
        assert "redirected to something else than https" in await refusal(Web(5), f"{url}/a")


class Trusting(Web):
    """Believes a certificate of our own."""

    def __init__(self, certificate: Path) -> None:
        super().__init__(timeout_s=5)
        self._certificate = certificate

    @property
    def _tls(self) -> ssl.SSLContext:  # type: ignore[override]
        return ssl.create_default_context(cafile=str(self._certificate))


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for this machine, and its key."""
    folder = tmp_path_factory.mktemp("identity")
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.OID_COMMON_NAME, "here")])
    here = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), NOON - 9999 * DAY, NOON + 9999 * DAY
    )
    certificate = made.add_extension(here, critical=False).sign(key, hashes.SHA256())
    (folder / "certificate").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return folder / "certificate", folder / "key"


@asynccontextmanager
async def secured(api: FastAPI, identity: tuple[Path, Path]) -> AsyncIterator[int]:
    """The port at which it answers https."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    certificate, key = map(str, identity)
    config = uvicorn.Config(api, log_config=None, lifespan="off", ws="none", ssl_certfile=certificate, ssl_keyfile=key)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup([listener])
    try:
        yield int(listener.getsockname()[1])
    finally:
        await server.shutdown([listener])


@pytest.mark.parametrize(("host", "is_same"), [("127.0.0.1", True), ("localhost", False)])
async def test_a_redirect_to_https_is_followed_and_a_key_stays_with_its_host(
    host: str, is_same: bool, identity: tuple[Path, Path]
) -> None:
    asked: list[Any] = []

    def answer(request: Request) -> dict[str, int]:
        asked.append(request.headers.get("x-key"))
        return {"figure": 5}

    moved, stays = FastAPI(), FastAPI()
    stays.add_api_route("/b", answer, response_model=None)
    async with secured(stays, identity) as port:
        moved.add_api_route("/a", lambda: RedirectResponse(f"https://{host}:{port}/b"), response_model=None)
        async with serve(moved) as url:
            told = await Trusting(identity[0]).read(Figure, f"{url}/a", KEY)

    assert (told.figure, asked) == (5, ["k3y-of-ours" if is_same else None])


async def test_redirects_in_a_circle_are_given_up(identity: tuple[Path, Path]) -> None:
    api = FastAPI()
    api.add_api_route("/a", lambda: RedirectResponse("/a"), response_model=None)
    async with secured(api, identity) as port:
        assert "more than 3 redirects" in await refusal(Trusting(identity[0]), f"https://127.0.0.1:{port}/a")


async def test_a_certificate_of_a_stranger_is_not_believed(identity: tuple[Path, Path]) -> None:
    async with secured(FastAPI(), identity) as port:
        assert "CERTIFICATE_VERIFY_FAILED" in await refusal(Web(5), f"https://127.0.0.1:{port}/a")
