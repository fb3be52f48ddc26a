"""What anybody may see: a secret planted in every word that was asked or answered is nowhere in it."""

from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, get_args, get_type_hints

import pytest
from world import MONDAY

from semanticsignal.codec import dumps
from semanticsignal.domain.decision import Mismatch
from semanticsignal.logic.show import live, public, views
from semanticsignal.logic.show.brain import BrainNodeView
from semanticsignal.logic.show.surroundings import GapView

SECRET = "s3cret-planted"
KINDS: dict[Any, Any] = {
    str: SECRET, int: 7, float: 0.5, bool: True, Decimal: Decimal("0.5"), type(MONDAY): MONDAY,
}  # fmt: skip


def full(kind: type, depth: int = 3) -> Any:
    """A view with every text the secret, and everything there that may be there."""
    hints = get_type_hints(kind)
    return kind(**{field.name: _filled(hints[field.name], depth) for field in fields(kind)})


def _filled(hint: Any, depth: int) -> Any:
    args = get_args(hint)
    if hint in KINDS:
        return KINDS[hint]
    if is_dataclass(hint) and isinstance(hint, type):
        return full(hint, depth - 1)
    if args and args[-1] is Ellipsis:
        return (_filled(args[0], depth),) if depth else ()
    if args and isinstance(args[0], str):  # Literal
        return args[0]
    return next((_filled(one, depth) for one in args if one is not type(None)), None)


def planted(name: str, whole: Any) -> bool:
    """Whether the secret, in this field alone, is still there afterwards."""
    value = getattr(whole, name)
    harmless = _without(whole)
    told = public.scrubbed(replace(harmless, **{name: value}))
    return SECRET.encode() in dumps(told)


def _without(view: Any) -> Any:
    if isinstance(view, tuple):
        return tuple(map(_without, view))
    if is_dataclass(view) and not isinstance(view, type):
        return replace(view, **{field.name: _without(getattr(view, field.name)) for field in fields(view)})
    return "harmless" if view == SECRET else view


HIDDEN = [
    *(
        (views.WhyView, name)
        for name in ("snapshot", "system_prompt", "user_prompt", "reply", "prompt_sha256", "reply_sha256")
    ),
    *((views.AttemptView, name) for name in ("said", "text")),
    (views.HealthView, "problem"),
    (live.PulseView, "problem"),
    (live.AnalysisSteppedView, "problem"),
    (BrainNodeView, "detail"),
    (GapView, "why"),
]


@pytest.mark.parametrize(("kind", "name"), HIDDEN, ids=lambda one: getattr(one, "__name__", one))
def test_what_must_not_be_seen_is_not_seen(kind: type, name: str) -> None:
    whole = full(kind)

    assert SECRET.encode() in dumps(replace(_without(whole), **{name: getattr(whole, name)}))
    assert not planted(name, whole)


def test_nothing_is_hidden_but_what_was_asked_answered_or_paid() -> None:
    hidden = {(kind, field.name) for kind, shown in public.SHOWN.items() for field in fields(kind)} - {
        (kind, name) for kind, shown in public.SHOWN.items() for name in shown
    }

    counts = {(views.AttemptView, name) for name in ("input_tokens", "output_tokens", "thinking_tokens", "cost_usd")}
    assert hidden == set(HIDDEN) | counts | {(views.DecisionView, "cost_usd")}


def test_the_attempts_of_a_decision_are_scrubbed_where_they_stand() -> None:
    told = public.scrubbed(full(views.WhyView))

    assert isinstance(told, views.WhyView)
    (attempt,) = told.attempts
    assert (attempt.said, attempt.text, attempt.cost_usd, attempt.input_tokens) == ("", "", None, None)
    assert told.decision.reasoning == SECRET  # what was decided, and why, is what the page is for
    assert told.mismatches == (Mismatch(SECRET, 0.5, 0.5),)


@pytest.mark.parametrize(("guard", "is_told"), [("model", False), ("reply", False), ("cooldown", True)])
def test_a_refusal_in_foreign_words_is_told_without_them(guard: str, is_told: bool) -> None:
    refusal = views.RefusalView(guard, SECRET, MONDAY + timedelta(hours=1))
    event = views.CandleMissedView("CandleMissed", "c", 1, MONDAY, "BTC/USDC", refusal)

    assert (SECRET.encode() in dumps(public.scrubbed(event))) is is_told


ID = "BTC/USDC#4h#2026-01-05T04:00:00+00:00"


@pytest.mark.parametrize(
    ("method", "path", "is_shown"),
    [
        ("GET", "/api/state", True),
        ("GET", f"/api/decisions/{ID}", True),
        ("GET", f"/api/decisions/{ID}/chart.png", True),
        ("GET", f"/api/decisions/{ID}/export.json", False),
        ("GET", "/api/costs", False),
        ("GET", "/api/vitals", False),
        ("GET", "/api/search", False),
        ("GET", f"/api/snapshots/{ID}", False),
        ("GET", "/api/tickets", False),
        ("GET", "/api/../api/costs", False),
        ("POST", "/api/analyses", False),
        ("HEAD", "/api/state", False),
    ],
)
def test_only_what_is_named_is_shown(method: str, path: str, is_shown: bool) -> None:
    assert public.is_shown(method, path) is is_shown
