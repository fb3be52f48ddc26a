"""Several sources asked at once: who is silent is named, and blocks nobody else."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from ..domain.errors import BadInput, Unavailable


class Named(Protocol):
    @property
    def name(self) -> str: ...


S = TypeVar("S", bound=Named)
T = TypeVar("T")
U = TypeVar("U")


async def gather(
    sources: Sequence[S], ask: Callable[[S], Awaitable[tuple[T, ...]]]
) -> tuple[tuple[T, ...], Mapping[str, str]]:
    """What all of them told, in the order of the sources, and who told nothing, why. Raises Unavailable when nobody
    told anything."""
    silent: dict[str, str] = {}

    async def one(source: S) -> tuple[T, ...] | None:
        try:
            return await ask(source)
        except (Unavailable, BadInput) as wrong:
            silent[source.name] = str(wrong)
            return None

    answers = await asyncio.gather(*(one(source) for source in sources))
    if all(answer is None for answer in answers):
        raise Unavailable(f"every source is silent: {'; '.join(sorted(silent.values()))}")
    return tuple(told for answer in answers if answer for told in answer), dict(sorted(silent.items()))


async def together(first: Coroutine[Any, Any, T], second: Coroutine[Any, Any, U]) -> tuple[T, U]:
    """Both at once; what one raises ends the other."""
    beside = asyncio.ensure_future(second)
    try:
        return await first, await beside
    finally:
        beside.cancel()
