"""One story told by several: syndicated, with another headline, in brief. MinHash (rensa) names the pairs worth a look,
the words themselves decide, so nothing hangs on an estimate.

Thresholds, from 1,125 recorded articles: headlines of one story share 0.8 of their words and more, those of a series
("Bitcoin and Ethereum Struggle to Recover, …") up to 0.78, and numbers tell weeks and levels apart. First words told by
two publishers overlap by 0.47 in one story and by at most 0.32 in two on one theme. Within one source they say nothing:
a daily digest begins every day alike."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rensa import RMinHash, RMinHashLSH

from ...domain.news import Article

WORD = re.compile(r"[^\W_]+")
TITLE, LEAD = 0.8, 0.4
FIRST_WORDS, RUN = 30, 3
# Runs of words that are too few to tell a story.
FEWEST = 8
HASHES, SEED = 128, 17
# In how many parts a sketch is compared: more find less alike. Titles share words without sharing a story; runs do not.
TITLE_BANDS, LEAD_BANDS = 32, 64


@dataclass(frozen=True, slots=True)
class Told:
    """What is compared of an article."""

    source: str
    words: frozenset[str]
    numbers: frozenset[str]
    runs: frozenset[str]


def stories(articles: Iterable[Article]) -> tuple[tuple[Article, ...], ...]:
    """Each story with all who told it, the first seen first. Every teller is like the first: no chains."""
    order = sorted(articles, key=lambda one: (one.seen_at, one.published_at, one.id, one.source))
    told = [_told(one) for one in order]
    groups: dict[int, list[Article]] = {}
    for number, alike in enumerate(_candidates(told)):
        first = next((other for other in alike if other in groups and is_same(told[other], told[number])), number)
        groups.setdefault(first, []).append(order[number])
    return tuple(map(tuple, groups.values()))


def is_same(one: Told, other: Told) -> bool:
    shared = len(one.words & other.words)
    if shared and one.numbers == other.numbers and shared >= TITLE * len(one.words | other.words):
        return True
    fewer = min(len(one.runs), len(other.runs))
    return one.source != other.source and fewer >= FEWEST and len(one.runs & other.runs) >= LEAD * fewer


def _told(article: Article) -> Told:
    words = WORD.findall(article.title.lower())
    first = WORD.findall(article.body[: 10 * FIRST_WORDS].lower())[:FIRST_WORDS]
    runs = (" ".join(first[at : at + RUN]) for at in range(len(first) - RUN + 1))
    numbers = frozenset(word for word in words if any(letter.isdigit() for letter in word))
    return Told(article.source, frozenset(words), numbers, frozenset(runs))


def _candidates(told: Sequence[Told]) -> Iterator[list[int]]:
    """For each the earlier ones that may be the same, earliest first."""
    by_title = _alike([one.words for one in told], TITLE_BANDS)
    by_lead = _alike([one.runs for one in told], LEAD_BANDS)
    for number, (title, lead) in enumerate(zip(by_title, by_lead, strict=True)):
        yield sorted(other for other in {*title, *lead} if other < number)


def _alike(sets: Sequence[frozenset[str]], bands: int) -> list[list[int]]:
    if not sets:
        return []
    sketches = RMinHash.from_token_sets([sorted(one) for one in sets], num_perm=HASHES, seed=SEED)
    index = RMinHashLSH(threshold=TITLE, num_perm=HASHES, num_bands=bands)
    index.insert_many(sketches)
    found: list[list[int]] = index.query_all(sketches)
    return found
