"""The HTTP face as a page, from its own document, frontend/openapi.json."""

import re
from collections.abc import Iterator
from typing import Any

from semanticsignal.adapters.websocket import WAITING
from semanticsignal.drivers.web import LARGEST_BODY

from .markdown import code, sentence, table, words

Shape = dict[str, Any]
EXAMPLE = """{
  "detail": "no such event, was 'yesterday'; read /api/state again",
  "status": 404,
  "title": "Not Found",
  "type": "about:blank"
}"""


# Parameters that name something there may not be.
NAMING = {"id", "symbol", "after", "before", "decision", "AnalysisWanted"}
# Where these only say which of all: of what there is not there is nothing.
SIFTING = ("/api/worked",)


def page(document: Shape) -> str:
    shapes = document["components"]["schemas"]
    kinds = sorted(event_kinds(document), key=lambda name: name.lower())
    asked = list(questions(document))
    overview = table(
        ("question", "answer"),
        ((f"[`{verb} {path}`](#{anchor(verb, path)})", linked(result(one))) for verb, path, one in asked),
    )
    told = "".join(section(verb, path, one) for verb, path, one in asked)
    drawn = "".join(shape(name, shapes[name]) for name in sorted(reached(document, asked, kinds)))
    listed = ", ".join(f"[`{name.removesuffix('View')}`](#{name.lower()})" for name in kinds)
    intro = (
        words("api")
        .replace("{example}", EXAMPLE)
        .replace("{waiting}", f"{WAITING}")
        .replace("{body}", f"{LARGEST_BODY:,}")
    )
    return f"{intro}{listed}.\n\n## Questions\n\n{overview}{told}\n## Shapes\n{drawn}"


def questions(document: Shape) -> Iterator[tuple[str, str, Shape]]:
    for path, verbs in document["paths"].items():
        for verb, one in verbs.items():
            yield verb.upper(), path, one


def anchor(verb: str, path: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", f"{verb}{path}".lower()).strip("-")


def section(verb: str, path: str, one: Shape) -> str:
    lines = [f"\n### {verb} {path} {{#{anchor(verb, path)}}}\n"]
    if text := one.get("description"):
        lines.append(f"\n{sentence(text)}\n")
    if rows := [parameter(each) for each in one.get("parameters", ())]:
        lines.append("\n" + table(("parameter", "type", "default", "allowed"), rows))
    if body := one.get("requestBody"):
        lines.append(f"\nBody: {linked(content(body))}.\n")
    lines.append(f"\nAnswer: {linked(result(one))}. Errors: {', '.join(errors(path, one))}.\n")
    return "".join(lines)


def parameter(each: Shape) -> tuple[str, ...]:
    schema = each["schema"]
    where = " in the path" if each["in"] == "path" else ""
    least = (
        "required"
        if each.get("required")
        else code(str(schema["default"]))
        if schema.get("default") not in (None, "")
        else ""
    )
    return f"`{each['name']}`{where}", linked(schema), least, bounded(schema)


def bounded(schema: Shape) -> str:
    said = []
    if "minimum" in schema or "maximum" in schema:
        said.append(f"{schema.get('minimum', '')} … {schema.get('maximum', '')}")
    if "minLength" in schema or "maxLength" in schema:
        said.append(f"{schema.get('minLength', 0)} to {schema.get('maxLength', 'any')} characters")
    return ", ".join(said)


def result(one: Shape) -> Shape:
    """What it answers when all is well."""
    [good] = [answer for status, answer in one["responses"].items() if status.startswith("2")]
    return content(good)


def content(answer: Shape) -> Shape:
    for kind, held in answer.get("content", {}).items():
        return held.get("schema", {}) if kind == "application/json" else {"type": kind}
    return {"type": "nothing"}


def errors(path: str, one: Shape) -> list[str]:
    found = {status for status in one["responses"] if not status.startswith("2")}
    asked = {each["name"] for each in one.get("parameters", ())} | names(one.get("requestBody", {}))
    return sorted(found | ({"404"} if asked & NAMING and path not in SIFTING else set()) | {"503"})


def linked(schema: Shape) -> str:
    """A type in words; a shape of ours leads to it."""
    if name := schema.get("$ref"):
        last = name.rpartition("/")[2]
        return f"[`{last}`](#{last.lower()})"
    if many := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(linked(one) for one in many))
    if "const" in schema:
        return code(str(schema["const"]))
    if "enum" in schema:
        return ", ".join(code(str(one)) for one in schema["enum"])
    return simple(schema)


def simple(schema: Shape) -> str:
    match schema.get("type"):
        case "array":
            items = schema.get("items") or {}
            return f"list of {linked(items)}" if items else "list"
        case "object":
            of = schema.get("additionalProperties")
            return f"object of {linked(of)}" if isinstance(of, dict) and of else "object"
        case "string":
            return {"date-time": "instant", "date": "day"}.get(schema.get("format", ""), "text")
        case "integer" | "number" | "boolean" as kind:
            return {"integer": "whole number", "number": "number", "boolean": "true or false"}[kind]
        case "null":
            return "`null`"
        case None:
            return "anything"
        case other:
            return str(other)


def shape(name: str, schema: Shape) -> str:
    text = f"\n{sentence(schema['description'])}\n" if schema.get("description") else ""
    if "properties" not in schema:
        return f"\n### {name}\n{text}\nOne of {linked(schema)}.\n"
    rows = ((f"`{field}`", linked(one)) for field, one in schema["properties"].items())
    return f"\n### {name}\n{text}\n{table(('field', 'type'), rows)}"


def event_kinds(document: Shape) -> set[str]:
    """What the list of `GET /api/events` is made of: the socket sends the same union."""
    return {name for name in names(document["components"]["schemas"]["Events"]) if name.endswith("View")}


def names(schema: Any) -> set[str]:
    if isinstance(schema, dict):
        own = {schema["$ref"].rpartition("/")[2]} if "$ref" in schema else set()
        return own.union(*(names(one) for one in schema.values()))
    return set().union(*(names(one) for one in schema)) if isinstance(schema, list) else set()


def reached(document: Shape, asked: list[tuple[str, str, Shape]], kinds: list[str]) -> set[str]:
    """Every shape that an answer, a body or an event holds, however deep."""
    shapes = document["components"]["schemas"]
    found: set[str] = set()
    waiting = set(kinds) | names([one for _, _, one in asked])
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= names(shapes[name]) - found
    return found
