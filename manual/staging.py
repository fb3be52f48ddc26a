"""All pages of the site, by their place in it: those of docs/, those of the root, and those that are generated."""

import json
import posixpath
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from . import api, commands, facts, settings
from .markdown import table

ROOT = Path(__file__).resolve().parent.parent
# Files that people look for in the root, and their pages.
OF_ROOT = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2 *$", re.DOTALL | re.MULTILINE)
OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]*:")


class BrokenLink(Exception):
    """A page leads to what is not there."""


def generated(root: Path = ROOT) -> dict[str, Callable[[], str]]:
    return {
        "settings.md": partial(settings.page, (root / ".env.example").read_text(encoding="utf-8")),
        "commands.md": commands.page,
        "facts.md": facts.page,
        "api.md": partial(api.page, json.loads((root / "frontend/openapi.json").read_text(encoding="utf-8"))),
        "adr/index.md": partial(records, read(root / "docs/adr")),
    }


def read(folder: Path) -> dict[str, str]:
    """Pages below a folder, by their place in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.md"))
    }


def pages(root: Path = ROOT) -> dict[str, str]:
    """The Markdown of the whole site. Raises BrokenLink."""
    texts = {f"docs/{name}": text for name, text in read(root / "docs").items()}
    texts |= {name: (root / name).read_text(encoding="utf-8") for name in OF_ROOT}
    made = {f"docs/{name}": make() for name, make in generated(root).items()}
    places = {name: OF_ROOT.get(name, name.removeprefix("docs/")) for name in texts | made}
    return {places[name]: linked(name, text, places, root) for name, text in (texts | made).items()}


def linked(name: str, text: str, places: Mapping[str, str], root: Path) -> str:
    """Links of a file as they lead in the site: what is in the tree and not in the site stays as its name alone."""
    own = posixpath.dirname(places[name])

    def lead(found: re.Match[str]) -> str:
        mark, words, target = found.groups()
        path, hash_, anchor = target.partition("#")
        if OUTSIDE.match(target) or not path:
            return found[0]
        where = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
        if where in places:
            return f"{mark}[{words}]({posixpath.relpath(places[where], own or '.')}{hash_}{anchor})"
        if where.startswith("docs/adr") and (root / where).is_dir():
            return f"[{words}]({posixpath.relpath('adr/index.md', own or '.')})"
        if not (root / where).exists():
            raise BrokenLink(f"{name} leads to {target}, and there is no {where}")
        if where.startswith("docs/"):
            return found[0]
        return words if "`" in words else f"{words} (`{where}`)"

    return outside_code(text, lambda part: LINK.sub(lead, part))


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """The text with everything but its blocks of code changed."""
    parts, at = [], 0
    for block in FENCE.finditer(text):
        parts += [change(text[at : block.start()]), block[0]]
        at = block.end()
    return "".join([*parts, change(text[at:])])


def records(found: Mapping[str, str]) -> str:
    """Every decision about the architecture, newest first."""
    rows = ((name[:4], f"[{title(text)}]({name})") for name, text in sorted(found.items(), reverse=True))
    return (
        "# Decisions\n\nWhy things are as they are, half a page each: what was the matter, what was decided, what it "
        "costs. A decision is not changed afterwards; a later one takes its place and says so.\n\n"
        + table(("", "decision"), rows)
    )


def title(text: str) -> str:
    """The heading without its number."""
    return re.sub(r"^#\s*\d+\s*[.:]?\s*", "", text.partition("\n")[0])


def stage(to: Path, root: Path = ROOT) -> None:
    """Everything that the site is made of, in one folder; what did not change keeps its time."""
    wanted = {name: text.encode() for name, text in pages(root).items()}
    for path in sorted((root / "docs").rglob("*")):
        if path.is_file() and path.suffix != ".md" and not path.name.startswith("."):
            wanted[path.relative_to(root / "docs").as_posix()] = path.read_bytes()
    for path in to.rglob("*") if to.exists() else ():
        if path.is_file() and path.relative_to(to).as_posix() not in wanted:
            path.unlink()
    for name, content in wanted.items():
        path = to / name
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
