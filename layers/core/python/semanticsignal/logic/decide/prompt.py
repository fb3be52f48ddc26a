"""Briefing → Prompt: compact sections with units and as-of times, in no more room than there is."""

import tomllib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import cache, lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import NamedTuple

from ...domain.analysis import Session, Snapshot
from ...domain.decision import Briefing, Prompt
from ...domain.market import MarketKind
from ...domain.policy import Memory, Risk, Settings
from ...domain.tokens import tokens
from . import around, envelope, learned, lived, measured

PROMPTS = files(__package__) / "prompts"
# What experience moves makes new standing words; only the newest are asked for again.
KEPT = 8
# What is left out first where there is no room for all; what is not named here never is.
EXPENDABLE = (
    "news", "whole market", "periods", "record", "microstructure", "macro", "shapes", "refusals",
    "post-mortems", "memory",
)  # fmt: skip
CAPTION = (
    "The picture shows the newest candles of the pair in [market] with SMA 50 and 200, support and resistance, and the "
    "open position with entry, stop and target where there is one; below them volume, RSI 14, CMF 20 and OBV. It is "
    "drawn from the figures above: where it seems to say otherwise, the figures hold. Use it for shapes that no figure "
    "tells."
)


class Section(NamedTuple):
    """`name` as it stands in brackets; no text: there is nothing to tell."""

    name: str
    text: str

    @property
    def tokens(self) -> int:
        return tokens(self.text)


def prompt(briefing: Briefing, settings: Settings) -> Prompt:
    """The same briefing gives the same words, byte for byte."""
    seen, version = briefing.snapshot, chosen(briefing.snapshot.id, settings.model.prompts)
    told = sections(briefing, settings)
    return Prompt(
        id=seen.id,
        version=version,
        system=system(version, settings.risk, settings.memory),
        user="\n\n".join(section.text for section in told),
        image=briefing.chart,
        caption=CAPTION if briefing.chart is not None else "",
        price=seen.price,
        kind=briefing.kind,
    )


def chosen(id: str, versions: tuple[str, ...]) -> str:
    """Which of several versions a cycle is asked with: by its id, so that a retry asks the same way."""
    return versions[int.from_bytes(sha256(id.encode()).digest()[:8], "big") % len(versions)]


def prompt_sha256(words: Prompt) -> str:
    """Seals template, words and picture, each with its length before it: no two prompts run into the same bytes."""
    seal = sha256()
    turns = (part.encode() for turn in words.turns for part in (turn.reply, turn.complaint))
    said = (words.version.encode(), words.system.encode(), words.user.encode(), words.image or b"")
    for part in (*said, *((words.caption.encode(),) if words.caption else ()), *turns):
        seal.update(len(part).to_bytes(8, "big") + part)
    return seal.hexdigest()


@lru_cache(KEPT)
def system(version: str, risk: Risk, memory: Memory) -> str:
    """The standing instructions, with the very constants that the guards enforce."""
    asked = _methods()[version]
    template = (PROMPTS / f"{asked['template']}.txt").read_text(encoding="utf-8")
    return template.format(
        min_reward_risk=f"{risk.min_reward_risk:g}",
        min_reward_risk_chop=f"{risk.min_reward_risk_chop:g}",
        min_stop_percent=f"{risk.min_stop_ratio * 100:g}",
        max_stop_percent=f"{risk.max_stop_ratio * 100:g}",
        min_confidence=f"{risk.min_confidence_ratio * 100:g}",
        tighten_percent=f"{risk.tighten_progress_ratio * 100:g}",
        penalty=f"{memory.penalty_ratio * 100:g}",
        news=envelope.SAID,
        method=asked["method"],
    )


@cache
def _methods() -> dict[str, dict[str, str]]:
    return tomllib.loads((PROMPTS / "methods.toml").read_text(encoding="utf-8"))


def sections(briefing: Briefing, settings: Settings) -> tuple[Section, ...]:
    """What a model is told, in order, with no more tokens than the settings allow as far as that can be reached by
    leaving out what is expendable; what was left out is named."""
    seen, tick = briefing.snapshot, briefing.price_tick
    told: dict[str, Iterable[str]] = {
        "market": _market(briefing),
        "indicators": measured.indicators(seen, tick),
        "shapes": measured.shapes(seen, tick),
        "regime": _regime(seen),
        "periods": measured.periods(seen, tick),
        "macro": measured.macro(seen, tick),
        "microstructure": around.microstructure(seen, tick),
        "whole market": around.whole_market(seen),
        "position": lived.position(briefing),
        "account": lived.account(briefing),
        "record": lived.record(briefing),
        "learned": learned.told(briefing.reflection),
        "memory": lived.memory(briefing, settings.memory),
        "rules": lived.rules(briefing, settings.memory),
        "refusals": lived.refusals(briefing),
        "post-mortems": lived.post_mortems(briefing),
        "last decision": lived.last(briefing),
        "news": around.news(seen),
    }
    whole = tuple(Section(name, text) for name, lines in told.items() if (text := "\n".join(lines)))
    version = chosen(seen.id, settings.model.prompts)
    return _fitted(whole, settings.model.prompt_tokens - _standing(version, settings.risk, settings.memory))


@lru_cache(KEPT)
def _standing(version: str, risk: Risk, memory: Memory) -> int:
    return tokens(system(version, risk, memory))


def _fitted(whole: tuple[Section, ...], room: int) -> tuple[Section, ...]:
    used, left_out = sum(section.tokens for section in whole), []
    for name in EXPENDABLE:
        if used <= room:
            break
        for section in whole:
            if section.name == name:
                used -= section.tokens
                left_out.append(name)
    if not left_out:
        return whole
    market = whole[0]._replace(text=f"{whole[0].text}\nleft out: {', '.join(left_out)}")
    return market, *(section for section in whole[1:] if section.name not in left_out)


def _market(briefing: Briefing) -> Iterator[str]:
    seen = briefing.snapshot
    origin = f"{seen.source} (simulated market)" if seen.is_simulated else seen.source
    yield "[market]"
    sides = "long or short" if briefing.kind is MarketKind.PERP else "long only"
    yield f"pair: {seen.symbol} ({briefing.kind}; {sides})"
    yield f"timeframe: {seen.timeframe}"
    yield f"as_of: {seen.closed_at.isoformat()} {seen.closed_at:%A}, seen {seen.seen_at.isoformat()}"
    yield f"source: {origin}; {seen.bars} bars, {seen.gaps} missing"
    yield f"price: {seen.price:f} {seen.symbol.quote} per {seen.symbol.base}"
    for flag in seen.flags:
        yield f"caution: {flag}"
    if seen.missing:
        # why stands in the snapshot: those may be a venue's own words
        yield f"not known: {', '.join(seen.missing)}"
    yield f"closes: {' '.join(f'{price:f}' for price in seen.closes)} (oldest first)"
    if seen.session is not None:
        yield from _calendar(seen.session, seen.closed_at)


def _calendar(session: Session, at: datetime) -> Iterator[str]:
    """Times to what others watch, from the close of the bar on."""
    if session.is_weekend:
        yield "weekend: yes; thin liquidity, moves are easier to push and to fake"
    day, week = (_hours(close - at) for close in (session.daily_close_at, session.weekly_close_at))
    yield f"daily_close: in {day}; weekly_close: in {week}"
    if session.cme_opens_at is not None:
        yield f"cme_futures: closed, open in {_hours(session.cme_opens_at - at)}; a gap may be left and filled"
    elif session.cme_closes_at is not None:
        yield f"cme_futures: trading, close in {_hours(session.cme_closes_at - at)}"


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:g} h"


def _regime(seen: Snapshot) -> Iterator[str]:
    yield "[regime]"
    yield f"trend: {seen.regime.trend}"
    yield f"phase: {seen.regime.phase}"
    yield f"evidence: {'; '.join(seen.regime.evidence)}"
