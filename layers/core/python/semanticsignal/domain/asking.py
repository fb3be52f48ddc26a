"""What asking a language model came to: tokens, money, time, and what went wrong."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class Fault(StrEnum):
    """Why an attempt brought no decision: what is done next depends on it."""

    AUTH = "auth"  # the key is missing, wrong or not allowed
    QUOTA = "quota"  # what the key may use is used up
    RATE_LIMIT = "rate_limit"  # too many questions just now
    OVERLOAD = "overload"  # the server's own trouble: 5xx, too busy
    TIMEOUT = "timeout"  # no whole answer in time
    CONNECTION = "connection"  # nobody there
    REFUSAL = "refusal"  # safety, recitation, a content filter
    TRUNCATED = "truncated"  # ran into the length limit, or the connection broke off in the middle
    EMPTY = "empty"  # an answer without words
    MALFORMED = "malformed"  # no answer of this protocol
    SCHEMA = "schema"  # words that make no decision
    REQUEST = "request"  # the server does not take what it was asked: an unknown model, a picture
    PAYMENT = "payment"  # the price asked is not one that may be paid
    BUDGET = "budget"  # there is no money left for it: it was not asked
    CIRCUIT = "circuit"  # it failed too often just now: it was not asked
    DEADLINE = "deadline"  # the time for the whole decision is over: it was not asked
    UNRECORDED = "unrecorded"  # the tape holds no such question


# What a plug calls a fault that it met; the others are met by what stands around it.
WORDS = {
    Fault.AUTH: "auth refused",
    Fault.QUOTA: "quota used up",
    Fault.RATE_LIMIT: "rate limit",
    Fault.OVERLOAD: "server error",
    Fault.TIMEOUT: "timeout",
    Fault.CONNECTION: "connection failed",
    Fault.REFUSAL: "refusal",
    Fault.TRUNCATED: "truncated",
    Fault.EMPTY: "empty reply",
    Fault.MALFORMED: "malformed answer",
    Fault.REQUEST: "request refused",
}


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer took, in tokens and US dollars; None where nobody says.

    `output_tokens`: all that is billed as output; `thinking_tokens` of them were thought and not said."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    thinking_tokens: int | None = None
    cost_usd: Decimal | None = None


# Nobody had the question: nothing can be owed for it.
UNSENT = Usage(cost_usd=Decimal(0))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One question to one model. `asked_at`: real time, also in a simulated market, for money is real.

    `model`: as it was asked for; `served`: as the server called itself, where it said something else. `fault` is None
    for an answer that could be used. `said`: why not, in one line; `text`: the words that made no decision, as they
    came but for their length."""

    provider: str
    model: str
    asked_at: datetime
    latency_s: float
    usage: Usage = field(default_factory=Usage)
    fault: Fault | None = None
    said: str = ""
    text: str = ""
    served: str = ""
