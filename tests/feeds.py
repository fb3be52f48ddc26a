"""A small site on loopback: what lies at which path, and who asked for it; and the same without a network."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from hypothesis import strategies as st

from semanticsignal.adapters.web import NONE, Web
from tests.loopback import serve

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@dataclass
class Site:
    """`answers`: path → body, status and headers as told. `asked`: path with query, and headers."""

    answers: dict[str, Any]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        self.asked.append((request.url.path + query, dict(request.headers)))
        body = self.answers.get(request.url.path)
        if body is None:
            return Response("not here", 404)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Response(content, self.status, dict(self.headers))


@asynccontextmanager
async def site(answers: dict[str, Any], status: int = 200, headers: Mapping[str, str] = NONE) -> AsyncIterator[Site]:
    stands, api = Site(answers, status, headers), FastAPI()
    api.add_api_route("/{path:path}", stands.__call__, methods=["GET"], response_model=None)
    async with serve(api) as url:
        stands.url = url
        yield stands


class Told(Web):
    """Whatever is asked for, these bytes come."""

    def __init__(self, content: bytes) -> None:
        super().__init__(timeout_s=1)
        self._content = content

    async def get(self, url: str, headers: Mapping[str, str] = NONE) -> bytes:
        return self._content


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["1e-99999", "-0", "1e400", "9" * 400, "NaN", "\ud800", "1750896000", 10**20])
)  # fmt: skip
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


@st.composite
def bent(draw: st.DrawFn, whole: Any) -> bytes:
    """No JSON, any JSON, or this with one thing in it exchanged for something else."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=60) | JSON.map(lambda noun: json.dumps(noun).encode()))
    copy = json.loads(json.dumps(whole))
    place, junk = draw(st.sampled_from(sorted(_places(copy), key=repr))), draw(JSON)
    inner = copy
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = junk
    return json.dumps(copy).encode()


def _places(noun: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = noun.keys() if isinstance(noun, dict) else range(len(noun)) if isinstance(noun, list) else ()
    return [place for key in keys for place in [(*above, key), *_places(noun[key], (*above, key))]]
