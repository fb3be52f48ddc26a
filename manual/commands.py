"""The command line as a page, from the program itself: every command, option, default, example."""

import re
from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args

from typer.main import get_command

from semanticsignal.drivers.cli import cli

from .markdown import code, table, words


def commands(command: Any = None, path: tuple[str, ...] = ("semsig",)) -> Iterator[tuple[str, Any]]:
    """`semsig memory search` and its command, those without others below them."""
    command = get_command(cli) if command is None else command
    inner = getattr(command, "commands", None)
    if inner is None:
        yield " ".join(path), command
        return
    for name in sorted(inner):
        yield from commands(inner[name], (*path, name))


def page() -> str:
    found = list(commands())
    overview = (
        (f"[`{path}`](#{anchor(path)})", prose(command.help)[0].partition(". ")[0].rstrip("."))
        for path, command in found
    )
    return (
        words("commands")
        + "\n"
        + table(("command", "does"), overview)
        + "".join(section(path, command) for path, command in found)
    )


def anchor(path: str) -> str:
    return path.replace(" ", "-")


def section(path: str, command: Any) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option"]
    shown = " ".join([path, *(meta(one) for one in arguments), *(["[OPTIONS]"] if options else [])])
    paragraphs = prose(command.help)
    examples = [found[1] for text in paragraphs if (found := EXAMPLE.match(text))]
    told = [text for text in paragraphs if not EXAMPLE.match(text)]
    parts = [f"\n## {path} {{#{anchor(path)}}}\n", *(f"\n{text}\n" for text in told), f"\n```text\n{shown}\n```\n"]
    rows = [*map(argument, arguments), *map(option, options)]
    if rows:
        parts.append("\n" + table(("", "default", "what it is"), rows))
    if examples:
        parts.append("\n```console\n" + "".join(f"$ {line}\n" for line in examples) + "```\n")
    return "".join(parts)


EXAMPLE = re.compile(r"(?:Example(?:, [\w ]+)?|Without a network): (.+)$")


def prose(text: str) -> list[str]:
    """Its paragraphs, each in one line."""
    return [re.sub(r"\s+", " ", part).strip() for part in re.split(r"\n\s*\n", text or "") if part.strip()]


def argument(one: Any) -> tuple[str, str, str]:
    return code(meta(one)), default(one), one.help or ""


def option(one: Any) -> tuple[str, str, str]:
    value = "" if one.is_flag else f" {meta(one)}"
    bound = (
        ""
        if one.min is None and one.max is None
        else f" {one.min} to {one.max}."
        if one.max
        else f" At least {one.min}."
    )
    return ", ".join(code(f"{name}{value}") for name in one.opts), default(one), f"{one.help or ''}{bound}"


def meta(one: Any) -> str:
    """What stands for its value: the words there are, where there are few."""
    kinds = get_args(one.type_descriptor.annotation) or (one.type_descriptor.annotation,)
    choices = [str(each) for kind in kinds if isinstance(kind, type) and issubclass(kind, Enum) for each in kind]
    return str(one.metavar or "|".join(choices) or one.name.upper())


def default(one: Any) -> str:
    if one.required:
        return "required"
    return "" if one.default in (None, False) else code(str(one.default))
