"""Every fact of the bus as a page: its fields, who hears it and who tells it, from nouns and stages."""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import fields
from enum import StrEnum
from types import UnionType
from typing import Any, get_args, get_type_hints

from semanticsignal.domain import events
from semanticsignal.domain.ledger import LedgerFact
from semanticsignal.stages import STAGES, Stage

from .markdown import code, sentence, table
from .markdown import words as said

FACTS: tuple[type, ...] = get_args(events.Fact)
WRITTEN: tuple[type, ...] = get_args(LedgerFact)
# Of the fields that many have.
MEANINGS = {
    "id": "what it is the fact of; the same thing twice has the same id", "symbol": "pair, `BASE/QUOTE`",
    "timeframe": "length of the bar", "closed_at": "when the bar closed, UTC", "at": "when it happened, UTC",
    "requested_at": "when somebody asked, UTC, to the minute",
    "is_forced": "whether somebody asked for it between candles",
    "schema": "version of this shape",
}  # fmt: skip
SCHEDULE = "the schedule"


def page() -> str:
    rows = (
        (f"[`{kind.__name__}`](#{kind.__name__.lower()})", by(tellers(kind)), by(hearers(kind)), yes(kind))
        for kind in FACTS
    )
    flow = table(("fact", "told by", "heard by", "in the ledger"), rows)
    stages = table(("stage", "hears", "tells"), map(of_stage, STAGES))
    return (
        said("facts").format(schedule=SCHEDULE)
        + "\n"
        + flow
        + "\n## The stages\n\n"
        + stages
        + "".join(map(section, FACTS))
    )


def section(kind: type) -> str:
    rows = ((f"`{name}`", typed(hint), MEANINGS[name]) for name, hint in members(kind))
    heard = by(hearers(kind))
    lines = [f"\n## {kind.__name__}\n", f"\n{words(kind)}\n" if words(kind) else ""]
    lines.append(
        f"\nTold by {by(tellers(kind))}. {f'Heard by {heard}.' if heard else 'Heard by the dashboards alone.'}\n\n"
    )
    return "".join(lines) + table(("field", "type", "what it is"), rows)


def words(kind: type) -> str:
    """Its own docstring; a dataclass makes itself one of its signature, and a subclass has that of none."""
    text = kind.__dict__.get("__doc__") or ""
    return "" if text.startswith(f"{kind.__name__}(") else sentence(text)


def members(kind: type) -> Iterator[tuple[str, Any]]:
    """Its fields, and the id where that is made from them."""
    hints = get_type_hints(kind)
    found = {field.name: hints[field.name] for field in fields(kind)}
    yield from ({} if "id" in found else {"id": str}).items()
    yield from found.items()


def typed(hint: Any) -> str:
    if isinstance(hint, UnionType):
        return " or ".join(typed(one) for one in get_args(hint))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return ", ".join(code(one.value) for one in hint)
    return {"Symbol": "text", "str": "text", "datetime": "instant", "bool": "true or false", "int": "number"}[
        hint.__name__
    ]


def hearers(kind: type) -> list[str]:
    """Those that do something about it; `show` hears everything and is not worth a word."""
    return [stage.name for stage in STAGES if kind in stage.hears and stage.name != "show"]


def tellers(kind: type) -> list[str]:
    found = [stage.name for stage in STAGES if kind.__name__ in told(stage)]
    return found or ["a person" if kind is events.AnalysisRequested else SCHEDULE]


def told(stage: Stage) -> set[str]:
    """The facts that its module makes, of those that come after what it hears: an earlier one it makes for its id."""
    tree = ast.parse(inspect.getsource(inspect.getmodule(stage.run)))  # type: ignore[arg-type]
    names = {ast.unparse(node.func).removeprefix("events.") for node in ast.walk(tree) if isinstance(node, ast.Call)}
    first = min(map(FACTS.index, stage.hears))
    return names & {kind.__name__ for kind in FACTS[first:]}


def of_stage(stage: Stage) -> tuple[str, str, str]:
    hears = "every fact" if len(stage.hears) == len(FACTS) else by([kind.__name__ for kind in stage.hears])
    makes = told(stage)
    return f"`{stage.name}`", hears, by([kind.__name__ for kind in FACTS if kind.__name__ in makes]) or "nothing"


def by(names: list[str]) -> str:
    return ", ".join(name if " " in name else f"`{name}`" for name in names)


def yes(kind: type) -> str:
    return "yes" if kind in WRITTEN else ""
