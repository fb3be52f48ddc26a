"""From the words to the act: Prompt → Reply → Signal → Decision."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from .analysis import Snapshot
from .asking import Attempt, Usage
from .learning import Conditions, Hindsight, PostMortem, Recalled, Reflection, SemanticRule
from .market import MarketKind, Symbol, Timeframe
from .trading import Portfolio, Record


class Action(StrEnum):
    BUY = "BUY"
    SELL = "SELL"
    HOLD = "HOLD"
    CLOSE = "CLOSE"
    UPDATE = "UPDATE"


class Form(StrEnum):
    """What a prompt asks for."""

    DECISION = "decision"
    POST_MORTEM = "post-mortem"


@dataclass(frozen=True, slots=True)
class Turn:
    """An answer that could not be used, and what was said to it."""

    reply: str
    complaint: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """The words out. `version` names the template; `image` is a PNG or None.

    `caption` goes with the image and only with it: who cannot see is not told of a picture. `turns` follow the user's
    words, oldest first. A reply is checked against `price`, quote per base, and `kind`; no price: not at all.
    `within_s`: the time for a whole answer, where whoever asks sets one. `form`: of the answer."""

    id: str
    version: str
    system: str
    user: str
    image: bytes | None = None
    caption: str = ""
    turns: tuple[Turn, ...] = ()
    price: Decimal | None = None
    kind: MarketKind = MarketKind.SPOT
    within_s: float | None = None
    form: Form = Form.DECISION


@dataclass(frozen=True, slots=True)
class Reply:
    """The words back, as they came. `attempts`: every question that led to them, oldest first, the last of them theirs;
    none where nobody keeps count."""

    text: str
    model: str
    latency_s: float | None = None
    usage: Usage = field(default_factory=Usage)
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Forecast:
    """Probabilities stated at every cycle, HOLD included; resolved later by code alone.

    `p_up`: next close above this one. `p_up_24h`: the close 24 hours on. `p_target`: target before stop."""

    p_up: float | None
    p_up_24h: float | None = None
    p_target: float | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """The reply understood. Prices: quote per base. `size_ratio`: notional as a share of equity. `figures`: what the
    model says it relied on, by the name of the indicator. `stated_ratio`: the confidence that was stated, where code
    has lowered it."""

    action: Action
    confidence_ratio: float
    reasoning: str
    forecast: Forecast
    stop_price: Decimal | None = None
    target_price: Decimal | None = None
    size_ratio: float | None = None
    trend: str | None = None
    invalidation: str | None = None
    factors: dict[str, float] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    stated_ratio: float | None = None

    @property
    def stated(self) -> float:
        """The confidence that was stated, whatever became of it."""
        return self.confidence_ratio if self.stated_ratio is None else self.stated_ratio


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A figure that the model stated and that is another. `computed`: None where there is no such figure."""

    name: str
    stated: float
    computed: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a model's stated probabilities of a rise were worth: logit P = slope · logit stated."""

    forecasts: int
    slope: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something was not done, by which guard, and until when that stands (None: this time only)."""

    guard: str
    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked and answered, each under its hash. `reply` is None when no model answered: `failure` says why.
    `attempts`: every question that it took."""

    prompt: Prompt
    prompt_sha256: str
    reply: Reply | None
    reply_sha256: str | None
    failure: str | None = None
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What will be done, what the model wanted (None: unreadable or not asked), and what spoke against it."""

    action: Action
    signal: Signal | None = None
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    mismatches: tuple[Mismatch, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """The Signal after the guards. `action` is what will be done: HOLD when refused, with the refusals kept.

    `prompt_sha256` and `snapshot_sha256` seal what was asked and seen; `recalled` names the experiences shown.
    `conditions` are frozen here, so that what is remembered later is what was known now. `size_factor`: what experience
    leaves of an entry's size, 0…1. `attempts`: every question
    to a model, oldest first; `mismatches`: what the one that answered got wrong of the figures it was shown."""

    id: str
    symbol: Symbol
    timeframe: Timeframe
    closed_at: datetime
    decided_at: datetime
    price: Decimal
    action: Action
    signal: Signal | None
    refusals: tuple[Refusal, ...]
    snapshot_id: str
    snapshot_sha256: str
    prompt_sha256: str | None
    prompt_version: str | None
    reply_sha256: str | None
    model: str | None
    recalled: tuple[str, ...]
    rules: tuple[str, ...]
    regime: str
    conditions: Conditions
    is_simulated: bool
    is_forced: bool = False
    notes: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    mismatches: tuple[Mismatch, ...] = ()
    size_factor: float = 1.0

    @property
    def decider(self) -> str | None:
        """Who answered, by the name they were asked under: what a server calls itself is its own affair."""
        return decider(self.attempts, self.model)


def decider(attempts: tuple[Attempt, ...], model: str | None) -> str | None:
    """Of the attempts behind an answer, or who gave it without any."""
    answered = attempts[-1] if attempts and attempts[-1].fault is None else None
    return f"{answered.model} at {answered.provider}" if answered else model


@dataclass(frozen=True, slots=True)
class Briefing:
    """All that a prompt is made of. `price_tick` fixes its decimals. `stored`: how many experiences there were to
    choose from, of this pair alone where `is_own`; None: memory did not answer, and nothing was recalled. `recalled` is
    shown, `neighbors` are all that were alike, best first; `refused`: refused entries that were, with their likeness.
    `record`: of the newest closed trades; `chart`: a PNG."""

    snapshot: Snapshot
    portfolio: Portfolio
    kind: MarketKind
    price_tick: Decimal
    recalled: tuple[Recalled, ...] = ()
    stored: int | None = 0
    rules: tuple[SemanticRule, ...] = ()
    last: Decision | None = None
    record: Record | None = None
    chart: bytes | None = None
    conditions: Conditions | None = None
    neighbors: tuple[Recalled, ...] = ()
    is_own: bool = False
    refused: tuple[tuple[Hindsight, float], ...] = ()
    post_mortems: tuple[PostMortem, ...] = ()
    reflection: Reflection | None = None
