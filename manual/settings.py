"""Every setting as a page: what `settings.py` bounds, what `policy.py` defaults to, and where it has a say."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import groupby
from typing import Any, Literal, get_args, get_origin, get_type_hints

from semanticsignal.domain.policy import Settings
from semanticsignal.settings import KEYS, NOT_FOR_FUNCTIONS, PLACES

from .markdown import code, table, words

# By how a key ends: the house says a unit in the name.
UNITS = {
    "_s": "seconds", "_ratio": "(0.01 is 1 %)", "_bps": "basis points", "_usd": "US dollars", "_quote": "of the quote",
    "_bars": "bars", "_days": "days", "_hours": "hours", "_minutes": "minutes", "_tokens": "tokens",
    "news.tokens": "tokens", "model.input_usd": "US dollars a million tokens", "_limit": "bars", "pause_bars": "bars",
    "model.output_usd": "US dollars a million tokens", "half_life_days": "days", "reflect_every": "closed trades",
    "simulation.speed": "simulated seconds a second", "news.limit": "articles", "log_days": "days",
    "quiet_hours": "", "losing_streak": "closed trades",
}  # fmt: skip
HERE, THERE, BOTH, REPLAY = "one's own machine", "AWS", "both", "replay"
# Nothing in a function reads them.
ONLY_HERE = ("memory.store",)
TITLES = {
    "": "General", "paper": "Paper money", "risk": "Risk", "memory": "Memory", "model": "Who decides",
    "google": "Gemini", "openrouter": "OpenRouter", "blockrun": "BlockRun", "budget": "Budget",
    "collect": "Collecting the market", "context": "The whole market", "news": "The press",
    "discord": "Discord", "simulation": "The simulated market",
    "cloud": "AWS",
}  # fmt: skip


def page(example: str) -> str:
    """`example`: the file .env.example, which lists the secrets."""
    parts = [words("settings").format(here=HERE, there=THERE, both=BOTH)]
    for section, group in groupby(KEYS, key=section_of):
        keys = list(group)
        where = f"Table `[{section}]` of `config.toml`.\n\n" if section else ""
        parts.append(f"\n## {TITLES[section]}\n\n{where}")
        parts.append(table(("key", "default", "allowed", "where", "what it is"), map(row, keys)))
        parts.append(f'\n??? note "Variables"\n\n    {", ".join(f"`{variable(key)}`" for key in keys)}\n')
    parts.append(f"\n{words('settings-secrets')}\n{table(('secret', 'for'), secrets(example))}")
    told = ((f"`{name}`", part) for part, name in PLACES.items())
    parts.append(f"\n{words('settings-places')}\n{table(('variable', 'names'), told)}")
    return "".join(parts)


def section_of(key: str) -> str:
    return key.partition(".")[0] if "." in key else ""


def secrets(example: str) -> Iterator[tuple[str, str]]:
    """Names, and what is said above them; the first paragraph is of the file itself."""
    for part in example.strip().split("\n\n")[1:]:
        lines = part.splitlines()
        names = [f"`{line.rstrip('=')}`" for line in lines if not line.startswith("#")]
        yield ", ".join(names), " ".join(line.removeprefix("#").strip() for line in lines if line.startswith("#"))


def row(key: str) -> tuple[str, ...]:
    meaning, bounds = KEYS[key]
    value = default(key)
    return (
        f"`{key.rpartition('.')[2]}`",
        code(said(value)),
        f"{allowed(kind(key), bounds)} {unit(key)}",
        where(key),
        meaning,
    )


def variable(key: str) -> str:
    return f"SEMSIG_{key.upper().replace('.', '__')}"


def default(key: str) -> Any:
    value: Any = Settings()
    for part in key.split("."):
        value = getattr(value, part)
    return value


def kind(key: str) -> Any:
    """The type that the key is declared with."""
    holder: Any = Settings
    for part in key.split("."):
        kind = get_type_hints(holder)[part]
        holder = kind
    assert not is_dataclass(holder), f"{key} is a table of {[field.name for field in fields(holder)]}"
    return holder


def said(value: Any) -> str:
    """As config.toml would have it."""
    match value:
        case bool():
            return str(value).lower()
        case StrEnum() | str():
            return f'"{value}"'
        case tuple():
            return f"[{', '.join(map(said, value))}]"
        case Decimal():
            return f"{value:f}"
    return str(value)


def unit(key: str) -> str:
    for end in sorted(UNITS, key=len, reverse=True):
        if key.endswith(end):
            return UNITS[end]
    return ""


def allowed(kind: Any, bounds: dict[str, Any]) -> str:
    if get_origin(kind) is tuple:
        return of_list(get_args(kind)[0], bounds)
    if get_origin(kind) is Literal:
        return ", ".join(code(value) for value in get_args(kind))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return ", ".join(code(value.value) for value in kind)
    if kind is bool:
        return "`true`, `false`"
    if "pattern" in bounds:
        return f"text like {code(bounds['pattern'])}"
    if kind is str:
        return f"text, {bounds.get('min_length', 0)} to {bounds['max_length']} characters"
    return between(bounds)


def of_list(kind: Any, bounds: dict[str, Any]) -> str:
    of = f" of {', '.join(map(code, get_args(kind)))}" if get_origin(kind) is Literal else ""
    least, most = bounds.get("min_length"), bounds.get("max_length")
    many = f"{least or 0} to {most}" if most else f"at least {least}" if least else "any number"
    return f"a list{of}, {many}"


def between(bounds: dict[str, Any]) -> str:
    """`0.5 … 10`; `> 0 … 10` where the edge itself is left out."""
    low = f"> {number(bounds['gt'])}" if "gt" in bounds else number(bounds["ge"]) if "ge" in bounds else ""
    high = f"< {number(bounds['lt'])}" if "lt" in bounds else number(bounds["le"]) if "le" in bounds else ""
    return f"{low} … {high}" if low and high else f"{low} or more" if low else f"up to {high}" if high else ""


def number(value: Any) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value}"


def where(key: str) -> str:
    if key.startswith("cloud."):
        return THERE
    if KEYS[key][0].startswith("replay:"):
        return REPLAY
    return HERE if key.startswith(NOT_FOR_FUNCTIONS) or key in ONLY_HERE else BOTH
