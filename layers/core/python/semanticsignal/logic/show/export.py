"""One decision as one file: all that led to it and came of it, and the seals by which a stranger can check it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ...domain.collected import Market
from ...domain.decision import Decision
from .views import CandleView, WhyView

Sealed = Literal["snapshot", "prompt", "reply", "market", "chart"]
HOW: dict[Sealed, str] = {
    "snapshot": "SHA-256 of why.snapshot in UTF-8",
    "prompt": "SHA-256 of the prompt version, why.system_prompt, why.user_prompt, the picture where it was shown, its "
    "caption and any further turns, each after its length in eight bytes, the highest first",
    "reply": "SHA-256 of why.reply in UTF-8",
    "market": "SHA-256 of the member market as it stands in this file",
    "chart": "SHA-256 of chart_png, decoded",
}


@dataclass(frozen=True, slots=True)
class KeptMarketView:
    """The bars as they were collected for this decision, oldest first."""

    collected_at: datetime
    source: str
    flags: tuple[str, ...]
    is_disputed: bool
    candles: tuple[CandleView, ...]


@dataclass(frozen=True, slots=True)
class SealView:
    """`stated`: in the decision, which the ledger keeps; None where none is stated. `computed`: of what the archive
    holds now; None where it holds it no longer. `is_intact`: whether both are the same; None where one is missing."""

    of: Sealed
    how: str
    stated: str | None
    computed: str | None
    is_intact: bool | None


@dataclass(frozen=True, slots=True)
class ExportView:
    """The same ledger and archive give the same bytes. `market`, `chart_png` (base64): None when not kept."""

    format: Literal["semantic-signal decision 1"]
    decision_id: str
    why: WhyView
    market: KeptMarketView | None
    chart_png: bytes | None
    seals: tuple[SealView, ...]


def export(why: WhyView, market: KeptMarketView | None, chart: bytes | None, seals: tuple[SealView, ...]) -> ExportView:
    return ExportView("semantic-signal decision 1", why.decision.id, why, market, chart, seals)


def market(noun: Market) -> KeptMarketView:
    bars = noun.candles
    rows = zip(bars.opened_ms, bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True)
    drawn = tuple(CandleView(at // 1000, *prices) for at, *prices in rows)
    return KeptMarketView(noun.collected_at, bars.source, noun.flags, noun.is_disputed, drawn)


def seals(decision: Decision, computed: dict[Sealed, str | None]) -> tuple[SealView, ...]:
    stated: dict[Sealed, str | None] = {
        "snapshot": decision.snapshot_sha256, "prompt": decision.prompt_sha256, "reply": decision.reply_sha256,
    }  # fmt: skip
    return tuple(
        SealView(of, how, said, found, None if said is None or found is None else said == found)
        for of, how in HOW.items()
        for said, found in ((stated.get(of), computed.get(of)),)
    )


def file_name(decision_id: str) -> str:
    """Letters, digits and what no system objects to."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in ".-") else "-" for c in decision_id)
    return f"semantic-signal-{plain}.json"
