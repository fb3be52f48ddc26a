"""What a home holds, and whether what is asked now would be something else."""

import json
import re
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from ..codec import plain
from ..domain.policy import Settings

# Settings by which no decision on the same candles differs: where things are kept and shown, how long who is waited
# for, what may be spent and on whom, who is told of it, and the simulated market, which no replay sees. Every other one
# makes another plan.
NO_MATTER = re.compile(
    r"home|port|cloud\..*|discord\..*|budget\..*|simulation\..*|memory\.store|blockrun\.(payees|chain)"
    r"|.*\.(timeout_s|deadline_s|call_usd|day_usd)"
)
REPLAY, SETTING = "replay", "settings."


def replay(settings: Settings, **rest: Any) -> str:
    """Of a replay: these settings, and what else makes it this one. What is None is not said."""
    words = {key: value for key, value in rest.items() if value is not None}
    return f"{REPLAY} " + json.dumps(plain(words | {"settings": _spelled(settings)}), sort_keys=True)


def differing(held: str, asked: str) -> list[str]:
    """In what the two differ, each `key: was A, now B`; nothing that matters: they are one."""
    (kind, _, one), (other_kind, _, other) = held.partition(" "), asked.partition(" ")
    if held == asked:
        return []
    if kind != REPLAY or other_kind != REPLAY:
        return [f"was a {kind if kind == REPLAY else held}, now a {other_kind if other_kind == REPLAY else asked}"]
    first, second = _leaves(json.loads(one)), _leaves(json.loads(other))
    # a home from before there was a setting was made with its default, and one that is no more says nothing
    first = {f"{SETTING}{key}": value for key, value in _leaves(_spelled(Settings())).items()} | first
    keys = {key for key in first.keys() | second.keys() if not key.startswith(SETTING) or key in second}
    return [
        f"{key.removeprefix(SETTING)}: was {_said(first.get(key))}, now {_said(second.get(key))}"
        for key in sorted(keys)
        if first.get(key) != second.get(key) and not NO_MATTER.fullmatch(key.removeprefix(SETTING))
    ]


def _spelled(settings: Settings) -> dict[str, Any]:
    """As they are written down: 0.1 and 0.10 are one setting."""
    found: dict[str, Any] = plain(_normal(asdict(settings) | {"home": "", "port": 0}))
    return found


def _normal(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _normal(item) for key, item in value.items()}
    return format(value.normalize(), "f") if isinstance(value, Decimal) else value


def _leaves(value: Any, name: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {name: value}
    found: dict[str, Any] = {}
    for key, inner in value.items():
        found |= _leaves(inner, f"{name}.{key}" if name else key)
    return found


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "none"
    return "none" if value in (None, "") else str(value).lower() if isinstance(value, bool) else str(value)
