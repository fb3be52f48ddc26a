"""Several sources asked at once: who is silent is named, and blocks nobody else."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from ..domain.errors import Unavailable


class Named(Protocol):
    @property
    def name(self) -> str: ...


S = TypeVar("S", bound=Named)
T = TypeVar("T")


async def gather(
    sources: Sequence[S], ask: Callable[[S], Awaitable[tuple[T, ...]]]
) -> tuple[tuple[T, ...], Mapping[str, str]]:
    """What all of them told, in the order of the sources, and who told nothing, why. Raises Unavailable when nobody
    told anything."""
    silent: dict[str, str] = {}

    async def one(source: S) -> tuple[T, ...] | None:
        try:
            return await ask(source)
        except Unavailable as wrong:
            silent[source.name] = str(wrong)
            return None

    answers = await asyncio.gather(*(one(source) for source in sources))
    if all(answer is None for answer in answers):
        raise Unavailable(f"every source is silent: {'; '.join(sorted(silent.values()))}")
    return tuple(told for answer in answers if answer for told in answer), dict(sorted(silent.items()))
