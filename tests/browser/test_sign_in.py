"""The hosted dashboard in a real Chromium: its own policy and configuration, a user pool, tokens before the API.

The API, the socket and their figures are those of a real instance; before it stand-ins for CloudFront, API Gateway and
Cognito here; those three themselves, and TLS, are not tried."""

import os
import secrets
import subprocess
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
import uvicorn
import websockets
from drivers.instance import Instance, until
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from infra.site import Addresses, content_security_policy, page_config
from semanticsignal.drivers.web import bound

from .test_dashboard import FRONTEND, browser  # noqa: F401 - a fixture

DIST = FRONTEND / "dist"
CLIENT, ISSUER, LIVES_S = (
    "6eu4hpfbk1example",
    "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Example",
    3600,
)
PEOPLE = {"ada@example.org": ["admin"], "guest@example.org": []}


@contextmanager
def serving(web: ASGIApp) -> Iterator[str]:
    """Serves from a thread until the block ends; gives `127.0.0.1:port`."""
    listener = bound(0)
    server = uvicorn.Server(uvicorn.Config(web, log_level="warning", lifespan="off", ws="websockets-sansio"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


class Pool:
    """Cognito's hosted pages and its tokens, as far as the dashboard meets them."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048)
        self.codes: dict[str, dict[str, str]] = {}
        self.sessions: dict[str, str] = {}
        routes = {"/oauth2/authorize": self.page, "/oauth2/token": self.token, "/oauth2/revoke": self.revoke}
        self.web = Starlette(
            routes=[
                *(Route(path, ask, methods=["GET", "POST"]) for path, ask in routes.items()),
                Route("/logout", self.logout),
            ]
        )

    async def page(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["client_id"] == CLIENT and asked["code_challenge_method"] == "S256"
        if request.method == "GET":
            form = f"<form method=post action='?{escape(urlencode(asked))}'><label>E-mail <input name=email></label>"
            return HTMLResponse(f"<!doctype html><html lang=en><title>Sign in</title>{form}<button>Continue</button>")
        form = dict(parse_qsl((await request.body()).decode()))
        code = secrets.token_hex(8)
        self.codes[code] = {**asked, "email": form["email"]}
        answer = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{answer}", 302)

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        told = self._granted(form) if form.get("client_id") == CLIENT else None
        # Any page may ask, as at Cognito: it needs a code or a refresh token.
        open_to_all = {"access-control-allow-origin": "*"}
        return JSONResponse(told or {"error": "invalid_grant"}, 200 if told else 400, open_to_all)

    async def revoke(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        self.sessions.pop(form["token"], None)
        return Response(headers={"access-control-allow-origin": "*"})

    async def logout(self, request: Request) -> Response:
        return RedirectResponse(request.query_params["logout_uri"], 302)

    def _granted(self, form: dict[str, str]) -> dict[str, Any] | None:
        if form["grant_type"] == "refresh_token":
            email = self.sessions.pop(form["refresh_token"], None)
            return self._tokens(email) if email else None
        asked = self.codes.pop(form["code"], None)
        if asked is None:
            return None
        challenge = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        proved = challenge == asked["code_challenge"] and form["redirect_uri"] == asked["redirect_uri"]
        return self._tokens(asked["email"], nonce=asked["nonce"]) if proved else None

    def _tokens(self, email: str, **more: str) -> dict[str, Any]:
        now, refresh = int(time.time()), secrets.token_urlsafe(32)
        self.sessions[refresh] = email
        common = {"sub": email, "iss": ISSUER, "iat": now, "exp": now + LIVES_S, "cognito:groups": PEOPLE[email]}
        access = {**common, "token_use": "access", "client_id": CLIENT, "jti": secrets.token_hex(8)}
        identity = {**common, "token_use": "id", "aud": CLIENT, "email": email, **more}
        return {
            "access_token": self._signed(access), "id_token": self._signed(identity), "refresh_token": refresh,
            "token_type": "Bearer", "expires_in": LIVES_S,
        }  # fmt: skip

    def _signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256"}, claims, self.key)

    def verified(self, bearer: str) -> bool:
        """As the JWT authorizer does: signature, issuer, client, end."""
        try:
            claims = jwt.decode(bearer.removeprefix("Bearer "), self.key, algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            return False
        return claims["iss"] == ISSUER and claims.get("client_id") == CLIENT and claims["exp"] > time.time()


class Front:
    """The site, `/api/*` behind the authorizer, and the socket behind its tickets, in front of a real instance."""

    def __init__(self, instance: Instance, pool: Pool) -> None:
        self.instance, self.pool = instance, pool
        self.tickets: set[str] = set()
        self.addresses = Addresses("", "", "", ISSUER)
        self.web = Starlette(
            routes=[
                Route("/api/{path:path}", self.api, methods=["GET", "POST"]),
                Route("/config.json", self.config),
                Route("/{path:path}", self.file),
            ]
        )
        self.sockets = Starlette(routes=[WebSocketRoute("/dev", self.socket)])

    async def config(self, _: Request) -> Response:
        return self._dressed(JSONResponse(page_config("dev", self.addresses, CLIENT)))

    async def file(self, request: Request) -> Response:
        path = request.path_params["path"]
        return self._dressed(FileResponse(DIST / (path if "." in path else "index.html")))

    async def api(self, request: Request) -> Response:
        if not self.pool.verified(request.headers.get("authorization", "")):
            return self._dressed(JSONResponse({"message": "Unauthorized"}, 401))
        if request.url.path == "/api/tickets":
            self.tickets.add(ticket := secrets.token_urlsafe(16))
            return self._dressed(JSONResponse({"ticket": ticket, "expires_at": "2999-01-01T00:00:00+00:00"}, 201))
        # The path as it was asked for: ids hold slashes, which travel encoded.
        target = f"{self.instance.base}{request.scope['raw_path'].decode()}?{request.url.query}"
        told = {"content-type": request.headers.get("content-type", "application/json")}
        async with httpx.AsyncClient(verify=False, trust_env=False, timeout=20) as client:
            found = await client.request(request.method, target, content=await request.body(), headers=told)
        return self._dressed(Response(found.content, found.status_code, media_type=found.headers["content-type"]))

    async def socket(self, page: WebSocket) -> None:
        ticket = page.query_params.get("ticket", "")
        if ticket not in self.tickets:
            await page.close()
            return
        self.tickets.remove(ticket)
        await page.accept()
        async with websockets.connect(f"{self.instance.base.replace('http', 'ws')}/ws", proxy=None) as behind:
            try:
                async for text in behind:
                    await page.send_text(str(text))
            except (WebSocketDisconnect, RuntimeError):
                return

    def _dressed(self, answer: Response) -> Response:
        answer.headers["content-security-policy"] = content_security_policy(self.addresses)
        answer.headers["cache-control"] = "no-store"
        return answer


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[str]:
    if not (DIST / "index.html").exists():
        pytest.skip("the dashboard is not built: make setup")
    pool = Pool()
    with Instance(tmp_path / "home", "--yes") as instance, ExitStack() as open_servers:
        instance.running()
        until(lambda: instance.get("/api/trades", limit=20)["trades"], "a trade has closed")
        front = Front(instance, pool)
        authority, sockets, site = (
            open_servers.enter_context(serving(web)) for web in (pool.web, front.sockets, front.web)
        )
        front.addresses = Addresses(f"ws://{sockets}/dev", f"ws://{sockets}", f"http://{authority}", ISSUER)
        yield f"http://{site}"


def test_a_person_signs_in_looks_around_and_signs_out(browser: str, hosted: str) -> None:  # noqa: F811
    done = subprocess.run(
        ["npm", "run", "--silent", "test:sign-in"],
        cwd=FRONTEND,
        env={**os.environ, "SEMSIG_HOSTED": hosted, "CHROMIUM": browser, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "passed" in done.stdout and "skipped" not in done.stdout, done.stdout
