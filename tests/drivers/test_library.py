"""What was written down is found by what it means; nothing is found before it was written."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray
from world import BTC, MONDAY, lived

from semanticsignal import wiring
from semanticsignal.adapters.inmemory import InMemoryLedger
from semanticsignal.domain.errors import BadInput
from semanticsignal.domain.events import LessonLearned, PostMortemWritten, RuleFormed
from semanticsignal.domain.learning import Lesson, PassageKind, PostMortem, RuleKind, RuleStatus, SemanticRule
from semanticsignal.domain.ledger import Entry, Learned
from semanticsignal.domain.policy import Settings
from semanticsignal.drivers.library import Library
from semanticsignal.ports import Ledger

DAY = timedelta(days=1)


def lesson(name: str, insight: str) -> Entry:
    told = Lesson(f"{name}#lesson", name, BTC, MONDAY, "stopped out", "it ended by stop")
    return Entry(LessonLearned(name, BTC, MONDAY), Learned(lived(name, insight=insight), told))


def rule(text: str, count: int = 5, status: RuleStatus = RuleStatus.ACTIVE) -> Entry:
    at = MONDAY + count * DAY
    one = SemanticRule(f"rule#p#{count}", "long in bull", RuleKind.AVOID, status, text, 0, count, -0.1, at, ())
    return Entry(RuleFormed(one.id, at), one)


def post_mortem(name: str, text: str) -> Entry:
    one = PostMortem(f"{name}#post-mortem", name, BTC, MONDAY, "chased", "a rise", "a fall", text, "analyst")
    return Entry(PostMortemWritten(one.id, BTC, MONDAY), one)


async def holding(*entries: Entry) -> Ledger:
    ledger = InMemoryLedger(Settings().paper.start_quote)
    for entry in entries:
        await ledger.record(entry)
    return ledger


MEANINGS = wiring.meanings()


async def found(ledger: Ledger, words: str, days: int = 99, **more: object) -> list[str]:
    shelf = Library(ledger, MEANINGS)
    told = await shelf.search(words, until=MONDAY + days * DAY, limit=5, **more)  # type: ignore[arg-type]
    return [one.passage.id for one in told]


async def test_what_means_the_same_is_found_though_it_says_it_otherwise() -> None:
    ledger = await holding(
        lesson("fake", "the breakout failed because volume dried up"),
        lesson("fear", "bought on Sunday while everybody was afraid"),
        post_mortem("etf", "news of an approval moved the price"),
    )

    assert (await found(ledger, "fake breakout without volume"))[0] == "fake#experience"
    assert (await found(ledger, "a weekend purchase out of fear"))[0] == "fear#experience"
    assert (await found(ledger, "headlines moved the market"))[0] == "etf#post-mortem"


async def test_only_the_kinds_that_are_asked_for_are_found() -> None:
    ledger = await holding(lesson("a", "volume dried up"), post_mortem("b", "volume dried up"))

    assert await found(ledger, "volume dried up", kinds=(PassageKind.POST_MORTEM,)) == ["b#post-mortem"]


async def test_of_a_rule_the_edition_that_stood_then_is_found() -> None:
    ledger = await holding(rule("avoid low volume", 5), rule("avoid low volume, it still loses", 8))

    assert await found(ledger, "low volume", days=6) == ["rule#p#5"]
    assert await found(ledger, "low volume", days=9) == ["rule#p#8"]


async def test_nothing_is_found_before_it_was_written() -> None:
    ledger = await holding(rule("avoid low volume", 5))

    assert await found(ledger, "low volume", days=4) == []


async def test_what_is_written_later_is_found_too_and_read_once() -> None:
    read: list[int] = []

    def counted(texts: Sequence[str]) -> NDArray[np.float32]:
        read.append(len(texts))
        return MEANINGS(texts)

    ledger = await holding(lesson("a", "volume dried up"))
    shelf = Library(ledger, counted)
    first = await shelf.search("dry volume", until=MONDAY, limit=5)
    await ledger.record(lesson("b", "no volume at all"))
    second = await shelf.search("dry volume", until=MONDAY, limit=5)

    assert (len(first), len(second)) == (1, 2)
    assert read == [1, 1, 1, 1]  # a page of one and the question, twice


async def test_what_has_nothing_to_do_with_it_is_left_out() -> None:
    assert await found(await holding(lesson("fake", "the breakout failed")), "pancake recipe") == []


@pytest.mark.parametrize("words", ["", "   ", "?!", "x" * 1001])
async def test_a_question_without_words_is_refused(words: str) -> None:
    with pytest.raises(BadInput, match="search for words"):
        await found(await holding(), words)


async def test_half_a_character_is_no_reason_to_fail() -> None:
    ledger = await holding(lesson("a", "broken \ud83d volume dried up"))

    assert await found(ledger, "volume \udc00 dried up") == ["a#experience"]
