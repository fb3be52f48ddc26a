"""What stands in the manual letter by letter: blocks, and words in backticks, of every page that people write."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from manual.staging import OF_ROOT, ROOT, generated

# Written by programs, with words of their own; the others are people's.
MEASURED = ("docs/cost.md", "docs/performance.md", "docs/learning.md", "docs/memory.md", "docs/patterns.md")
# Read letter by letter by tests/infra/test_operations.py.
ON_AWS = ("docs/deploy.md", "docs/operations.md", "docs/troubleshooting.md")
BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    page: str
    language: str
    text: str


@cache
def pages() -> dict[str, str]:
    """By file, and the generated ones by the place they have in docs/."""
    files = [ROOT / "README.md", *(ROOT / name for name in OF_ROOT), *(ROOT / "docs").glob("*.md")]
    found = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in files}
    made = {f"docs/{name}": make() for name, make in generated().items()}
    return {name: text for name, text in (found | made).items() if name not in (*MEASURED, "CHANGELOG.md")}


@cache
def blocks(*languages: str) -> tuple[Block, ...]:
    found = []
    for page, text in pages().items():
        for indent, language, body in BLOCK.findall(text):
            if language in languages:
                lines = body.splitlines(keepends=True)
                found.append(Block(page, language, "".join(line.removeprefix(indent) for line in lines)))
    return tuple(found)


@cache
def spans(*, is_aws: bool = True) -> frozenset[str]:
    """What stands in backticks outside of blocks."""
    texts = [BLOCK.sub("", text) for page, text in pages().items() if is_aws or page not in ON_AWS]
    return frozenset(span for text in texts for span in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text))


class Command(NamedTuple):
    page: str
    line: str

    @property
    def variables(self) -> dict[str, str]:
        assigned = (word.partition("=") for word in self._words() if re.match(r"[A-Z_]+=", word))
        return {name: value for name, _, value in assigned}

    @property
    def words(self) -> list[str]:
        """Without variables before it, and without where its words go."""
        line = self.line.partition(" >")[0]
        words = shlex.split(line)
        while words and re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        return ["semsig" if word == ".venv/bin/semsig" else word for word in words]

    def _words(self) -> Iterator[str]:
        for word in shlex.split(self.line):
            if not re.match(r"[A-Z_]+=", word):
                return
            yield word


@cache
def commands() -> tuple[Command, ...]:
    """Every line of every block of commands, each once."""
    found = [
        Command(block.page, line.removeprefix("$ ").strip())
        for block in blocks("sh", "console", "bash")
        for line in block.text.splitlines()
    ]
    return tuple({one.line: one for one in found if one.line and not one.line.startswith("#")}.values())
