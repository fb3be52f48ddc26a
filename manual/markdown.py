"""Pieces of Markdown."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

WORDS = Path(__file__).with_name("words")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A cell holds what it holds: a bar in it ends no column, a line break no row."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell(text) for text in row)} |\n" for row in lines)


def cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().replace("\\|", "|").replace("|", "\\|")


def code(text: str) -> str:
    """Letter by letter, whatever stands in it."""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def sentence(text: str) -> str:
    """The words as a sentence: a capital first, a stop last."""
    plain = re.sub(r"\s+", " ", text).strip()
    return plain and plain[0].upper() + plain[1:] + ("" if plain[-1] in ".!?…" else ".")


def words(name: str) -> str:
    """What people wrote at the head of a generated page."""
    return (WORDS / f"{name}.md").read_text(encoding="utf-8")
