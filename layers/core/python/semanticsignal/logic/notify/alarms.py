"""What somebody should look at: found in facts and told once, until it is well again."""

from collections.abc import Iterable
from datetime import datetime

from ...domain.asking import Fault
from ...domain.decision import Decision
from ...domain.events import CandleMissed
from ...domain.market import Symbol
from ...domain.messages import Message, Tone, Topic
from .messages import HOUR_S, Known
from .words import instant, lasted, refused

# Guards that stop all entries for a while: nobody finds out from one refusal among many.
BREAKERS = ("losing_streak", "daily_loss", "drawdown")
# Why somebody answers no more, where it does not pass by itself.
LASTING = {
    Fault.BUDGET: "The money set aside for models is spent.",
    Fault.QUOTA: "What its key may use is used up.",
    Fault.AUTH: "It does not accept the key.",
    Fault.PAYMENT: "It asks a price that may not be paid.",
    Fault.REQUEST: "It does not take what it is asked.",
}
# Two candles, and what a decision may take; and no less than that of a person's time, however fast the clock runs.
SILENT_BARS, SILENT_S = 2.25, 60.0


def alarm(id: str, at: datetime, said: tuple[str, str], known: Known) -> Message:
    """A headline and what there is to it."""
    title, text = said
    return Message(
        id=f"alarm#{id}", topic=Topic.ALARM, tone=Tone.ALARM, at=at, title=title,
        line=f"{title}: {' '.join(text.split())}", about=known.about, worth_s=6 * HOUR_S, text=text,
    )  # fmt: skip


def paused(made: Decision, known: Known) -> tuple[Message, ...]:
    """Once for each pause, however many pairs and bars meet it."""
    return tuple(
        alarm(
            f"{one.guard}#{one.until.isoformat()}",
            made.decided_at,
            (
                f"No new positions until {instant(one.until)}",
                f"A safeguard has stopped all entries, {refused(one.guard)}: {one.reason}. What is open stays open, "
                "with its stop and its target.",
            ),
            known,
        )
        for one in made.refusals
        if one.guard in BREAKERS and one.until
    )


def troubles(made: Decision) -> tuple[tuple[str, str, str], ...]:
    """What is wrong with who decides: its name for ever, a headline, and what there is to it."""
    why = next((one.reason for one in made.refusals if one.guard == "model"), None)
    if why is not None:
        faults = [one.fault for one in made.attempts]
        cause = "The money for models is spent" if Fault.BUDGET in faults else "No model answers with a decision"
        stays = "Positions stay as they are, with their stops and targets, and nothing new is opened."
        return (("model", cause, f"{stays} The next candle asks again. Last heard: {why}"),)
    instead = f"Decided by {made.decider} instead."
    ill = {one.provider: LASTING[one.fault] for one in made.attempts if one.fault in LASTING}
    return tuple((f"provider {who}", f"{who} answers no more", f"{why} {instead}") for who, why in ill.items())


def troubled(made: Decision, earlier: Iterable[Decision], known: Known) -> tuple[Message, ...]:
    """Once from the first candle that met it until one on which no pair did. `earlier`: newest first."""
    found, past = troubles(made), list(earlier)
    return tuple(
        alarm(f"{name}#{_well_until(name, past)}", made.decided_at, (title, text), known) for name, title, text in found
    )


def _well_until(name: str, earlier: Iterable[Decision]) -> str:
    """When the newest candle closed on which nobody met it."""
    ill = {one.closed_at for one in earlier if any(name == known for known, *_ in troubles(one))}
    return max((one.closed_at.isoformat() for one in earlier if one.closed_at not in ill), default="")


def missed(fact: CandleMissed, decided_until: datetime | None, speed: float, known: Known) -> tuple[Message, ...]:
    """Of all that were missed since the last decision one is told of; none where only the clock ran too fast."""
    closed_at = fact.closed_at
    if (fact.at - closed_at).total_seconds() < SILENT_S * speed:
        return ()
    since = decided_until.isoformat() if decided_until else ""
    late = lasted(fact.at - closed_at)
    text = (
        f"The {fact.symbol} candle that closed at {instant(closed_at)} was heard of {late} late, when its price was "
        "history. The next one is decided on again. Stops and targets were checked for all of that time. If more "
        "candles were missed with it, this is the only alarm."
    )
    return (alarm(f"missed#{since}", fact.at, ("A candle came too late to decide on", text), known),)


def silent(symbol: Symbol, last: datetime, now: datetime, speed: float, known: Known) -> Message | None:
    """Nothing was decided for two candles. `last`: when something was, or somebody began to wait for it."""
    most_s = max(SILENT_BARS * known.bar_s, SILENT_S * speed)
    if (now - last).total_seconds() < most_s:
        return None
    said = (
        f"{symbol}: nothing was decided for two candles",
        f"The last word of it was at {instant(last)}. Nothing new is opened until a decision comes; look at the "
        "dashboard or the log for why.",
    )
    return alarm(f"silent#{symbol}#{last.isoformat()}", now, said, known)


def wrong(problems: dict[str, str], since: datetime, minutes: int, known: Known) -> Message:
    """Of a running instance. `problems`: what they are about, and what is said of them."""
    what = ", ".join(problems)
    text = "\n".join(dict.fromkeys(problems.values()))
    mend = "It is tried again until it works; nothing needs to be restarted."
    said = (f"Not working for {minutes} minutes: {what}", f"{text}\n{mend}")
    return alarm(f"{'+'.join(problems)}#{since.isoformat()}", since, said, known)
