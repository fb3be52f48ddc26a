"""The door for whoever is not signed in, under `/public`: it leads to part of the API, and answers are scrubbed."""

from contextvars import ContextVar
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from ..logic.show import public

PREFIX = "/public"
_IS_PUBLIC: ContextVar[bool] = ContextVar("is_public", default=False)


def for_whom(content: Any) -> Any:
    """What of a view whoever asks may see."""
    return public.scrubbed(content) if _IS_PUBLIC.get() else content


def why(status: int, detail: str) -> str:
    """What went wrong inside is told in foreign words."""
    return public.UNTOLD if _IS_PUBLIC.get() and status >= 500 else detail


def unsearched() -> frozenset[str]:
    """Guards whose reasons whoever asks may not see."""
    return public.FOREIGN if _IS_PUBLIC.get() else frozenset()


class PublicDoor:
    """`is_open`: the settings let anybody look. Everything else passes by."""

    def __init__(self, inner: ASGIApp, refused: ASGIApp, *, is_open: bool) -> None:
        self._inner, self._refused, self._is_open = inner, refused, is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        if scope["type"] != "http" or not path.startswith(f"{PREFIX}/"):
            await self._inner(scope, receive, send)
            return
        asked = path.removeprefix(PREFIX)
        if not self._is_open or not public.is_shown(scope["method"], asked):
            await self._refused(scope, receive, send)
            return
        told = _IS_PUBLIC.set(True)
        try:
            await self._inner({**scope, "path": asked, "raw_path": asked.encode()}, receive, send)
        finally:
            _IS_PUBLIC.reset(told)
