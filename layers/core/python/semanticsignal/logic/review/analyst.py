"""The rules analyst's own post-mortem: from the figures of the prompt alone, at once and for nothing.

It reads the words that a model would be given, so whatever the prompt hides from a model is hidden from it too."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import orjson

from .prompt import HEAD
from .reply import Words

LINE = re.compile(r"^([a-z0-9_]+): (.*)$", re.MULTILINE)
# Of 1 R: never really ahead; far enough ahead to be protected; a stop that was hardly needed; as good as nothing.
AHEAD_R, PROTECTED_R, SPARED_R, EVEN_R = 0.25, 1.0, 0.5, 0.25


class Path(NamedTuple):
    """How it went, in R; None: not known."""

    r: float | None
    worst_r: float | None
    best_r: float | None


def is_review(user: str) -> bool:
    """Whether these words ask for a post-mortem."""
    return user.startswith(HEAD)


def answer(user: str) -> str:
    """One JSON object of the reply schema."""
    return orjson.dumps(reviewed(user)._asdict()).decode()


def reviewed(user: str) -> Words:
    facts = dict(LINE.findall(user))
    path = Path(*(_number(facts, name) for name in ("r_multiple", "worst_r", "best_r")))
    verdict, lesson = _won(facts, path) if facts["result"] == "won" else _lost(facts, path)
    return Words(_expected(facts), _actual(facts), verdict, lesson)


def _expected(facts: Mapping[str, str]) -> str:
    wrong = "below" if facts["side"] == "long" else "above"
    stated = {"confidence": facts.get("stated_confidence"), "target first": facts.get("stated_p_target")}
    told = ", ".join(f"{name} {value}" for name, value in stated.items() if value not in (None, "unknown"))
    return (
        f"A {facts['side']} of {facts['pair']} from {facts['entry_price']} to {facts['target_price']}, wrong {wrong} "
        f"{facts['first_stop_price']}: reward/risk {facts['reward_risk']}, regime {facts['regime']}"
        f"{f'; stated {told}' if told else ''}."
    )


def _actual(facts: Mapping[str, str]) -> str:
    moves = "" if facts["moves"] == "0" else f", levels moved: {facts['moves']}"
    held = f"{facts['held_bars']} bars of {facts['timeframe']}{moves}"
    return (
        f"Closed by {facts['exit_reason']} at {facts['exit_price']} after {held}: {facts['return_percent']} % net, "
        f"{facts['r_multiple']} R; before costs {facts['worst_percent']} % at worst, {facts['best_percent']} % at best."
    )


def _won(facts: Mapping[str, str], path: Path) -> tuple[str, str]:
    """Verdict and lesson."""
    room = _room(path)
    match facts["exit_reason"]:
        case "target":
            return "went as planned", f"In {facts['regime']} this plan held. {room}"
        case "stop":
            return "the moved stop kept a gain", f"It was {_r(path.best_r)} ahead and kept {_r(path.r)}. {room}"
    if path.best_r is not None and path.r is not None and path.best_r - path.r >= PROTECTED_R:
        return "given up late", f"It was {_r(path.best_r)} ahead and kept {_r(path.r)}: move the stop sooner. {room}"
    return "given up with a gain", f"Closing kept {_r(path.r)} of the {_r(path.best_r)} that there were. {room}"


def _lost(facts: Mapping[str, str], path: Path) -> tuple[str, str]:
    best, regime = path.best_r or 0.0, facts["regime"]
    if (_number(facts, "gross") or 0.0) > 0:
        return "its costs ate the gain", "The price went the right way, but not by its fees: aim further, or stay out."
    if path.r is not None and path.r > -EVEN_R and facts["moves"] != "0" and facts["exit_reason"] == "stop":
        return (
            "the moved stop saved it",
            f"It was {_r(best)} ahead and turned; the moved stop kept that to {_r(path.r)}.",
        )
    if best >= PROTECTED_R:
        lesson = f"It was {_r(best)} ahead before it lost: from 1 R on the stop belongs at the entry."
        return "a gain became a loss", lesson
    if facts["exit_reason"] == "signal":
        return "given up before the stop", f"Giving up cost {_r(path.r)}: do so again once the reason is gone."
    if best < AHEAD_R:
        sure = facts.get("stated_confidence", "before")
        lesson = f"It was never more than {_r(best)} ahead: in {regime} let the move begin first, or be less sure than"
        return "wrong from the start", f"{lesson} {sure}."
    return "turned on the way", f"It came {_r(best)} far and turned: in {regime} take a nearer target or more evidence."


def _room(path: Path) -> str:
    if path.worst_r is None:
        return "How much room it needed is not known."
    if path.worst_r > -SPARED_R:
        return f"It needed only {_r(abs(path.worst_r))} of room: half the stop would have done."
    return f"It needed {_r(abs(path.worst_r))} of room: a tighter stop would have lost it."


def _r(value: float | None) -> str:
    return "an unknown part of the risk" if value is None else f"{value:.2f} R"


def _number(facts: Mapping[str, str], name: str) -> float | None:
    try:
        return float(facts.get(name, "").partition(" ")[0])
    except ValueError:
        return None
