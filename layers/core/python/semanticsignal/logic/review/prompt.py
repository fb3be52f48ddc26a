"""A closed trade, what was decided, and what was lived → the prompt of its post-mortem."""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from ...domain.decision import Decision, Form, Prompt
from ...domain.learning import Experience
from ...domain.trading import Trade
from ...domain.untrusted import code, marked

VERSION, HEAD = "review_v1", "[closed trade]"
PROMPTS = files(__package__) / "prompts"
CHANGES, FACTORS, MISSTATED, NAME_LENGTH = 10, 10, 10, 60
# What a model may have called something, and still stands among figures.
NAME = re.compile(r"[a-z0-9_]{1,40}")


class Case(NamedTuple):
    """`close`: the decision that gave the trade up; None where a level traded."""

    experience: Experience
    trade: Trade
    entry: Decision
    close: Decision | None = None


def prompt(case: Case) -> Prompt:
    """The same case gives the same words, byte for byte."""
    id = f"{case.trade.id}#review"
    lines = (HEAD, *_traded(case), *_moved(case.experience), *_went(case), *_entered(case), *_thought(case, id))
    return Prompt(id=id, version=VERSION, system=_system(), user="\n".join(lines), form=Form.POST_MORTEM)


@cache
def _system() -> str:
    return (PROMPTS / f"{VERSION}.txt").read_text(encoding="utf-8")


def _traded(case: Case) -> Iterator[str]:
    trade, lived = case.trade, case.experience
    yield f"pair: {trade.symbol} ({trade.kind})"
    yield f"side: {trade.side}"
    yield f"opened: {_minute(trade.opened_at)}"
    yield f"closed: {_minute(trade.closed_at)}"
    yield f"timeframe: {case.entry.timeframe}"
    yield f"held_bars: {(trade.closed_at - trade.opened_at) / case.entry.timeframe.span:.1f}"
    yield f"entry_price: {trade.entry_price:f}"
    yield f"first_stop_price: {trade.initial_stop_price:f}"
    yield f"last_stop_price: {trade.stop_price:f}"
    yield f"target_price: {'none' if trade.target_price is None else format(trade.target_price, 'f')}"
    yield f"reward_risk: {_known(lived.reward_risk, '.2f')}"
    yield f"size_ratio: {_known(lived.size_ratio, '.3f')}"


def _moved(lived: Experience) -> Iterator[str]:
    yield f"moves: {len(lived.changes)}"
    for one in lived.changes[-CHANGES:]:
        target = "" if one.target_to == one.target_from else f", target {one.target_from} to {one.target_to}"
        yield f"moved: {_minute(one.at)} at {one.price:f}, stop {one.stop_from:f} to {one.stop_to:f}{target}"


def _went(case: Case) -> Iterator[str]:
    trade = case.trade
    yield f"exit_price: {trade.exit_price:f}"
    yield f"exit_reason: {trade.exit_reason}"
    if trade.is_ambiguous:
        yield "caution: one bar held both stop and target; the stop was taken"
    yield f"result: {'won' if trade.is_win else 'lost'}"
    yield f"return_percent: {trade.return_ratio * 100:+.2f}"
    yield f"r_multiple: {_known(trade.r_multiple, '+.2f')}"
    yield f"gross: {trade.gross_pnl_quote:+.2f} {trade.symbol.quote}"
    yield f"net: {trade.realized_pnl_quote:+.2f}, fees {trade.fees_quote:.2f}, funding {trade.funding_quote:.2f}"
    # as R is: from where it was entered
    risk = float(abs(trade.entry_price - trade.initial_stop_price) / trade.entry_price)
    for name, ratio in (("worst", trade.mae_ratio), ("best", trade.mfe_ratio)):
        yield f"{name}_percent: {ratio * 100:+.2f}"
        yield f"{name}_r: {_known(ratio / risk if risk else None, '+.2f')}"


def _entered(case: Case) -> Iterator[str]:
    entry, signal = case.entry, case.entry.signal
    yield "[entry]"
    yield f"regime: {entry.regime}"
    yield f"conditions: {', '.join(f'{name} {word}' for name, word in entry.conditions.labels.items()) or 'unknown'}"
    yield f"decided_by: {_name(entry.model)}, {_name(entry.prompt_version)}"
    if signal is not None:
        stated = signal.forecast
        yield f"stated_confidence: {signal.confidence_ratio:.0%}"
        yield f"stated_p_up: {_known(stated.p_up, '.2f')}"
        yield f"stated_p_up_24h: {_known(stated.p_up_24h, '.2f')}"
        yield f"stated_p_target: {_known(stated.p_target, '.2f')}"
        known = [f"{name} {score:g}" for name, score in signal.factors.items() if NAME.fullmatch(name)]
        yield f"factors: {', '.join(known[:FACTORS]) or 'unknown'}"
    for wrong in [one for one in entry.mismatches if NAME.fullmatch(one.name)][:MISSTATED]:
        was = "there is no such figure" if wrong.computed is None else f"it was {wrong.computed:.6g}"
        yield f"misstated: {wrong.name} as {wrong.stated:.6g}, {was}"
    if case.close is not None and case.close.signal is not None:
        yield "[close]"
        yield f"given_up_with: {case.close.signal.confidence_ratio:.0%}"
        yield f"regime_then: {case.close.regime}"


def _thought(case: Case, id: str) -> Iterator[str]:
    """Last of all: words of whoever decided, each line marked."""
    told = {
        "why it was entered": case.entry.signal and case.entry.signal.reasoning,
        "what would have proved it wrong": case.entry.signal and case.entry.signal.invalidation,
        "why it was given up": case.close and case.close.signal and case.close.signal.reasoning,
    }
    said = {what: words for what, words in told.items() if words and words.strip()}
    if not said:
        return
    seal = code(id, said.values())
    yield "[words]"
    for what, words in said.items():
        yield from marked(what, filter(None, map(_readable, words.splitlines())), seal)


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _known(value: float | None, form: str) -> str:
    return "unknown" if value is None else format(value, form)


def _name(told: str | None) -> str:
    return _readable(told or "")[:NAME_LENGTH] or "unknown"


def _readable(words: str) -> str:
    words = words if words.isprintable() else "".join(each if each.isprintable() else " " for each in words)
    return " ".join(words.split())
