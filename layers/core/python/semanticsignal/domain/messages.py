"""What people are told: a message in nouns, and a post of it as one messenger takes it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

# off: not sent. silent: sent, and nobody's phone rings. normal: it rings outside the quiet hours. always: it rings.
Level = Literal["off", "silent", "normal", "always"]
# Of posts in a mail: of more the oldest are dropped.
MOST_WAITING = 200
# So long a messenger is believed that wants to be left alone; then it is asked again, whatever it said.
BELIEVED_S = 900.0


def wait_end(until: datetime | None, now: datetime) -> datetime:
    """`now` where nothing is waited for. No wait ends later from now than is believed: one that seems to was begun by a
    clock that has been set back since."""
    return until if until is not None and now < until <= now + timedelta(seconds=BELIEVED_S) else now


class Topic(StrEnum):
    """What a message is about: its level is a setting of this name."""

    ANALYSIS = "analysis"
    DECISION = "decision"
    POSITION = "position"
    EXIT = "exit"
    PERFORMANCE = "performance"
    REFUSALS = "refusals"
    ALARM = "alarm"


# They go before everything else that waits.
URGENT = (Topic.ALARM, Topic.EXIT)


class Tone(StrEnum):
    """What its color says."""

    BUY = "BUY"
    SELL = "SELL"
    HOLD = "HOLD"
    CLOSE = "CLOSE"
    UPDATE = "UPDATE"
    GAIN = "gain"
    LOSS = "loss"
    FLAT = "flat"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure with its name. `is_wide`: it has a line of its own."""

    name: str
    value: str
    is_wide: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """Told once, under `id`. `line`: all of it on one line of a console. `text` may be long and a model's; `about`
    stands below. `chart`: key of a picture in the archive. `worth_s`: how late it may come, seconds."""

    id: str
    topic: Topic
    tone: Tone
    at: datetime
    title: str
    line: str
    about: str
    worth_s: float
    text: str = ""
    rows: tuple[Row, ...] = ()
    chart: str | None = None

    @property
    def is_minor(self) -> bool:
        """A decision that nothing came of and the words to it, or a move that its decision has told of already."""
        if self.topic is Topic.POSITION:
            return self.tone is Tone.UPDATE
        return self.tone is Tone.HOLD and self.topic in (Topic.ANALYSIS, Topic.DECISION)


@dataclass(frozen=True, slots=True)
class Post:
    """A message, or the next part of a long one. `body`: JSON, as the messenger takes it."""

    id: str
    body: str
    level: Level
    worth_s: float
    chart: str | None = None
    topic: Topic = Topic.DECISION


@dataclass(frozen=True, slots=True)
class Waiting:
    """A post that was put `since` then. `begun_at`: its sending began then, and nobody noted what came of it. `tries`:
    how often it alone was not taken."""

    post: Post
    since: datetime
    begun_at: datetime | None = None
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Posted:
    """A post that was sent, by the name its messenger gave it."""

    id: str
    name: str
