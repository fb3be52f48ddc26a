"""What moves every coin, and what only wants to sell one: word by word. The lists are in topics.toml."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from .facts import facts

LEADER = 0.6
LESSER, IN_LEAD = 0.25, 0.5


@dataclass(frozen=True, slots=True)
class Topic:
    """`phrases`: each after its first word. `together`: words of which one must stand there too."""

    weight: float
    words: frozenset[str]
    phrases: tuple[tuple[str, str], ...]
    together: frozenset[str]


@cache
def topics() -> tuple[Topic, ...]:
    return tuple(
        Topic(
            one["weight"], frozenset(one["words"].split()), _phrases(one.get("phrases", ())),
            frozenset(one.get("with", "").split()),
        ) for one in facts("topics")["topic"]
    )  # fmt: skip


def market(title: Sequence[str], lead: Sequence[str]) -> float:
    """How much of what moves all coins stands in it, 0 … 1. In the lead it counts for half."""
    head, below = _Words(title), _Words(lead)
    weights = sorted((max(head.weight(one), IN_LEAD * below.weight(one)) for one in topics()), reverse=True)
    return min(1.0, weights[0] + LESSER * sum(weights[1:]))


def leader(title: Sequence[str]) -> float:
    """What a headline that names Bitcoin means to the others: its price does, its miners' land does not."""
    return LEADER if not _moves().isdisjoint(word.lower() for word in title) else 0.0


def is_advert(title: Sequence[str]) -> bool:
    return _Words(title).has(_adverts())


@cache
def _adverts() -> tuple[tuple[str, str], ...]:
    return _phrases(facts("topics")["adverts"])


def _phrases(some: Iterable[str]) -> tuple[tuple[str, str], ...]:
    return tuple((phrase.split()[0], f" {phrase} ") for phrase in some)


@cache
def _moves() -> frozenset[str]:
    return frozenset(facts("topics")["moves"].split())


class _Words:
    """A text to look words up in: as written, in small letters, and in a line for the phrases."""

    def __init__(self, words: Sequence[str]) -> None:
        text = " ".join(words)
        lowered = text.lower()
        self.all = {*words, *lowered.split(" ")}
        self.line = f" {lowered.replace(' - ', ' ')} "

    def weight(self, topic: Topic) -> float:
        if topic.together and topic.together.isdisjoint(self.all):
            return 0.0
        return topic.weight if not topic.words.isdisjoint(self.all) or self.has(topic.phrases) else 0.0

    def has(self, phrases: Iterable[tuple[str, str]]) -> bool:
        return any(first in self.all and phrase in self.line for first, phrase in phrases)
