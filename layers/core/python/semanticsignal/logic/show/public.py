"""What anybody may see: the same shapes without the words that were asked and answered.

What is not named here as shown is not shown: of a decision's story field by field, of everything else path by path."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from . import live, views
from .brain import BrainNodeView
from .surroundings import GapView

# Of these only so much; a field that is added is hidden until it is named.
SHOWN: Mapping[type, frozenset[str]] = {
    views.WhyView: frozenset(
        ("decision", "saw_chart", "snapshot_sha256", "recalled", "rules", "events", "fills", "attempts", "mismatches")
    ),
    views.DecisionView: frozenset(
        (
            "id", "seq", "symbol", "timeframe", "closed_at", "decided_at", "price", "action", "wanted",
            "confidence_ratio", "p_up", "p_up_24h", "stop_price", "target_price", "reasoning", "invalidation", "regime",
            "refusals", "notes", "recalled", "rules", "model", "prompt_version", "is_forced", "is_simulated",
        )
    ),
    views.AttemptView: frozenset(("provider", "model", "asked_at", "latency_s", "fault")),
    # A problem is told in the words of whoever had it: addresses, keys, paths.
    views.HealthView: frozenset(
        (
            "status", "version", "now", "is_simulated", "speed", "symbols", "timeframe", "market_source", "model",
            "history_done_ratio", "next_candle_at",
        )
    ),
    GapView: frozenset(("name",)),
    BrainNodeView: frozenset(
        (
            "id", "kind", "title", "symbol", "at", "tone", "decision_id", "price", "stop_price", "target_price",
            "pnl_quote", "return_ratio", "r_multiple",
        )
    ),
    live.PulseView: frozenset(("status", "history_done_ratio", "next_candle_at", "lag_s")),
    live.AnalysisSteppedView: frozenset(("kind", "id", "at", "symbol", "step", "is_forced")),
}  # fmt: skip
# A refusal by these repeats what a model, its server or a venue said.
FOREIGN = frozenset(("model", "reply", "no_price"))
UNTOLD = "not told in the public view"
# Nothing costs money here, nothing acts, and nothing is a file of all that was said.
PATHS = re.compile(
    r"/api/(health|state|position|statistics|calibration|market|events|trades|equity|refusals|hindsights|post-mortems"
    r"|reflection|rules|memory(/[^/#]+/[^/#]+#[^/]+)?|brain|curve|intervals|worked|news|context|decisions(/[^/#]+/[^/#]+#[^/#]+#[^/#]+(/chart\.png)?)?)"
)


def is_shown(method: str, path: str) -> bool:
    """`path` with its escapes undone; a decision's id ends it, and what else may come to hang on one is not shown."""
    return method == "GET" and PATHS.fullmatch(path) is not None


def scrubbed(view: Any) -> Any:
    """The same view, and all views in it, without what is not shown."""
    if isinstance(view, tuple):
        return tuple(scrubbed(one) for one in view)
    if not is_dataclass(view) or isinstance(view, type):
        return view
    if isinstance(view, views.RefusalView | views.RefusedView) and view.guard in FOREIGN:
        return replace(view, reason=UNTOLD)
    kind = type(view)
    shown = SHOWN.get(kind)
    changes = {
        field.name: scrubbed(getattr(view, field.name)) if shown is None or field.name in shown
        else _nothing(kind, field.name)
        for field in fields(kind)
    }  # fmt: skip
    return kind(**changes)


@cache
def _nothing(kind: type, name: str) -> Any:
    """None where there may be none, else the emptiest there is."""
    hint = get_type_hints(kind)[name]
    if type(None) in get_args(hint):
        return None
    return {str: "", tuple: ()}.get(get_origin(hint) or hint)
