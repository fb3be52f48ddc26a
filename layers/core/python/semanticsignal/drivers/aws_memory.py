"""The memory function: one question a call, answered when everything that the ledger has learned is in."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from .. import wiring
from ..codec import dumps, loads, plain
from ..domain.errors import BadInput, MemoryUnavailable, Missing
from ..domain.learning import Conditions, Experience, Hindsight, PostMortem, SemanticRule, Which
from .container import Container

# What can be asked, and what each question brings. `remember` and `learn` name what the ledger holds already.
ASKS: dict[str, dict[str, Any]] = {
    "similar": {"conditions": Conditions, "until": datetime, "limit": int, "which": Which},
    "refused": {"conditions": Conditions, "until": datetime, "limit": int, "which": Which},
    "count": {"until": datetime, "which": Which},
    "rules": {"until": datetime},
    "remember": {"id": str, "kind": str},
    "learn": {"id": str},
    "rebuild": {},
    "heartbeat": {},
}
# A thousand experiences are 2 MB; Lambda returns 6 MB at most. Rules of 100,000 trades reach it.
MOST_RECALLED, MOST_BYTES = 1000, 6_000_000
LONGEST_ID = 1000
REMEMBERED = {kind.__name__: kind for kind in (Experience, Hindsight, PostMortem)}


def serve(room: Callable[[], wiring.MemoryRoom] = wiring.memory_room) -> "MemoryDesk":
    return MemoryDesk(room)


class MemoryDesk(Container):
    """The handler. Its ledger and its Chroma are put on with the first event."""

    def __init__(self, room: Callable[[], wiring.MemoryRoom]) -> None:
        super().__init__("memory")
        self._room = room

    def __call__(self, event: Any, _context: object) -> dict[str, Any]:
        """Raises BadInput for what is no question, and all that the ledger and Chroma raise."""
        with self.reported():
            ask, given = asked(event)
            answer = self.runner.run(self._answered(ask, given))
            if (size := len(json.dumps(answer))) > MOST_BYTES:
                raise MemoryUnavailable(f"an answer has at most {MOST_BYTES} bytes, {ask} was {size}")
            return answer

    async def _answered(self, ask: str, given: dict[str, Any]) -> dict[str, Any]:
        ledger, memory = self.room
        if ask == "heartbeat":
            return {"heartbeat": await memory.heartbeat()}
        if ask == "rebuild":
            count = await memory.rebuild(ledger)
            self.log.info("rebuilt: %d experiences", count)
            return {"count": count}
        followed = await memory.follow(ledger)
        self.log.info("%s, after %d new of the ledger", ask, followed)
        match ask:
            case "similar" | "refused":
                found: Any = await getattr(memory, ask)(given.pop("conditions"), **given)
                return {"found": [[plain(one), likeness] for one, likeness in found]}
            case "count":
                return {"count": await memory.count(**given)}
            case "rules":
                return {"rules": plain(await memory.rules(**given))}
        kind = REMEMBERED[given["kind"]] if ask == "remember" else SemanticRule
        if not await memory.holds(kind, given["id"]):
            raise Missing(f"the ledger has not learned the {kind.__name__} {given['id']}")
        return {"holds": given["id"]}

    @cached_property
    def room(self) -> wiring.MemoryRoom:
        return self._room()


def asked(event: Any) -> tuple[str, dict[str, Any]]:
    """The question and what it brings. Raises BadInput saying what else it was."""
    if not isinstance(event, Mapping) or not isinstance(event.get("ask"), str) or event["ask"] not in ASKS:
        raise BadInput(f"memory is asked one of {', '.join(ASKS)}, was {_short(event)}")
    ask = event["ask"]
    wanted = ASKS[ask]
    if set(event) != {"ask", *wanted}:
        raise BadInput(f"{ask} takes {', '.join(wanted) or 'nothing more'}, was {_short(event)}")
    try:
        given = {name: loads(kind, dumps(event[name])) for name, kind in wanted.items()}
    except TypeError as wrong:
        raise BadInput(f"{ask} takes what JSON can say: {wrong}, was {_short(event)}") from wrong
    if not 0 <= given.get("limit", 0) <= MOST_RECALLED:
        raise BadInput(f"{ask} recalls 0 to {MOST_RECALLED}, was {given['limit']}")
    if given.get("kind", "Experience") not in REMEMBERED:
        raise BadInput(f"remembered is one of {', '.join(REMEMBERED)}, was {_short(event)}")
    if len(given.get("id", "")) > LONGEST_ID:
        raise BadInput(f"an id has at most {LONGEST_ID} characters, was {_short(event)}")
    return ask, given


def _short(event: Any) -> str:
    return repr(event)[:300]
