"""Language models made of language models: the first that answers, and the tape that never asks twice."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from semanticsignal.adapters.discreet import Discreet
from semanticsignal.adapters.fallback import Fallback, Named
from semanticsignal.adapters.recorded import Outcome, Recorded
from semanticsignal.codec import dumps, loads
from semanticsignal.domain.asking import Attempt, Fault, Usage
from semanticsignal.domain.decision import Prompt, Reply, Turn
from semanticsignal.domain.errors import LedgerUnavailable, ModelUnavailable
from semanticsignal.logic.decide.prompt import prompt_sha256
from semanticsignal.ports import LanguageModel

AT = datetime(2026, 11, 28, tzinfo=UTC)
PROMPT = Prompt(id="p1", version="1", system="You trade.", user="price: 100")


class Says:
    """Answers with its words, numbered; counts how often it was asked."""

    def __init__(self, words: str) -> None:
        self.words, self.times = words, 0

    async def complete(self, prompt: Prompt) -> Reply:
        self.times += 1
        return Reply(text=f"{self.words} {self.times}", model=self.words)


class Silent:
    def __init__(self, why: str) -> None:
        self.why = why

    async def complete(self, prompt: Prompt) -> Reply:
        raise ModelUnavailable(self.why)


def fallback(*models: LanguageModel) -> Fallback:
    named = [Named(f"p{number}", "m", model, 60) for number, model in enumerate(models)]
    return Fallback(named, 100, lambda: AT)


class Broken:
    async def complete(self, prompt: Prompt) -> Reply:
        raise RuntimeError("a bug")


class Shelf:
    """An Archive that is a dict."""

    def __init__(self) -> None:
        self.items: dict[str, Any] = {}

    async def put(self, key: str, item: Any) -> Any:
        return self.items.setdefault(key, item)

    async def get(self, key: str, kind: type) -> Any:
        return self.items.get(key)


async def test_the_first_that_answers_speaks_and_the_rest_are_not_asked() -> None:
    second, third = Says("second"), Says("third")

    reply = await fallback(Silent("timeout"), second, third).complete(PROMPT)

    assert reply.text == "second 1"
    assert third.times == 0


async def test_when_none_answers_every_attempt_is_named_in_order() -> None:
    with pytest.raises(ModelUnavailable) as caught:
        await fallback(Silent("a: timeout"), Silent("b: rate limit")).complete(PROMPT)

    assert (
        str(caught.value)
        == "nothing usable came from any of 2 models that can be asked: 1. a: timeout; 2. b: rate limit"
    )


async def test_a_fallback_to_nobody_is_unavailable() -> None:
    with pytest.raises(ModelUnavailable, match="any of 0 models"):
        await fallback().complete(PROMPT)


async def test_a_bug_in_a_model_is_not_taken_for_silence() -> None:
    with pytest.raises(RuntimeError, match="a bug"):
        await fallback(Broken(), Says("second")).complete(PROMPT)


async def test_the_same_prompt_is_asked_once_whatever_its_id() -> None:
    model = Says("model")
    recorded = Recorded(Shelf(), model)

    replies = [await recorded.complete(PROMPT), await recorded.complete(replace(PROMPT, id="p2"))]

    assert [reply.text for reply in replies] == ["model 1", "model 1"]
    assert model.times == 1


@pytest.mark.parametrize(
    "other",
    [
        replace(PROMPT, system="You trade!"),
        replace(PROMPT, user="price: 101"),
        replace(PROMPT, version="2"),
        replace(PROMPT, image=b"png"),
        replace(PROMPT, system="You trade.p", user="rice: 100"),
    ],
)
async def test_a_prompt_that_differs_in_any_part_is_another_prompt(other: Prompt) -> None:
    recorded = Recorded(Shelf(), Says("model"))

    first, second = await recorded.complete(PROMPT), await recorded.complete(other)

    assert (first.text, second.text) == ("model 1", "model 2")


async def test_a_tape_alone_answers_what_it_holds_and_says_what_it_does_not() -> None:
    shelf = Shelf()
    said = await Recorded(shelf, Says("model")).complete(PROMPT)

    tape = Recorded(shelf, None)

    assert await tape.complete(PROMPT) == said
    assert [key.split("/")[:2] for key in shelf.items] == [["reply", "by-prompt"]]
    with pytest.raises(ModelUnavailable, match="the tape has no such prompt, was p3"):
        await tape.complete(Prompt(id="p3", version="1", system="s", user="never asked"))


async def test_when_two_ask_at_once_both_hear_what_stands() -> None:
    class Late(Shelf):
        """Another process wrote between our reading and our writing."""

        async def put(self, key: str, item: Any) -> Any:
            self.items[key] = Outcome(Reply(text="theirs", model="other"))
            return await super().put(key, item)

    assert (await Recorded(Late(), Says("ours")).complete(PROMPT)).text == "theirs"


async def test_silence_is_on_the_tape_as_it_was_for_a_decision_hung_on_it() -> None:
    shelf, attempt = Shelf(), Attempt("p", "m", AT, 1.5, Usage(3), Fault.TIMEOUT, "timeout")

    class Late:
        async def complete(self, prompt: Prompt) -> Reply:
            raise ModelUnavailable("timeout", Fault.TIMEOUT, attempts=(attempt,))

    failures = []
    for recorded in (Recorded(shelf, Late()), Recorded(shelf, Says("better now")), Recorded(shelf, None)):
        with pytest.raises(ModelUnavailable) as caught:
            await recorded.complete(PROMPT)
        failures.append((str(caught.value), caught.value.fault, caught.value.attempts))

    assert failures == [("timeout", Fault.TIMEOUT, (attempt,))] * 3


async def test_a_tape_without_the_prompt_says_so_by_its_fault() -> None:
    with pytest.raises(ModelUnavailable) as caught:
        await Recorded(Shelf(), None).complete(PROMPT)

    assert caught.value.fault is Fault.UNRECORDED


ANSWERED = Outcome(Reply("x", "m", 0.5, Usage(1, 2, 1), (Attempt("p", "m", AT, 0.5),)))
FAILED = Outcome(None, "no", Fault.AUTH, (Attempt("p", "m", AT, 0.5, Usage(), Fault.AUTH),))


@pytest.mark.parametrize("outcome", [ANSWERED, FAILED])
def test_what_came_of_it_is_kept_to_the_last_digit(outcome: Outcome) -> None:
    assert loads(Outcome, dumps(outcome)) == outcome


def test_a_complaint_makes_another_prompt() -> None:
    assert prompt_sha256(PROMPT) != prompt_sha256(replace(PROMPT, turns=(Turn("no", "why"),)))
    assert prompt_sha256(PROMPT) == prompt_sha256(replace(PROMPT, within_s=3.0))


KEY, KEYS = "planted-0123456789", {"MODEL_API_KEY": "planted-0123456789"}
SAID = Attempt("local", "m", AT, 1.0, fault=Fault.SCHEMA, said=f"was {KEY}", text=KEY, served=KEY)


class Parrot:
    """Says its key back in an answer, or in what it raises."""

    def __init__(self, wrong: Exception | None = None) -> None:
        self.wrong = wrong

    async def complete(self, prompt: Prompt) -> Reply:
        if self.wrong:
            raise self.wrong
        return Reply(text=KEY, model=KEY, attempts=(SAID,))

    async def close(self) -> None:
        return


async def test_nothing_of_an_answer_says_the_key_that_was_shown_for_it() -> None:
    reply = await Discreet(Parrot(), KEYS).complete(PROMPT)

    assert KEY not in repr(reply) and reply.attempts[0].said == "was [MODEL_API_KEY]"


@pytest.mark.parametrize(
    "wrong", [ModelUnavailable(f"was {KEY}", Fault.SCHEMA, wait_s=7, attempts=(SAID,)), LedgerUnavailable(KEY)]
)
async def test_nor_does_what_is_raised_which_stays_what_it_is(wrong: Exception) -> None:
    with pytest.raises(type(wrong)) as caught:
        await Discreet(Parrot(wrong), KEYS).complete(PROMPT)

    assert KEY not in repr(vars(caught.value)) + repr(caught.value) and "[MODEL_API_KEY]" in str(caught.value)
    if isinstance(wrong, ModelUnavailable):
        assert (wrong.fault, wrong.wait_s, wrong.attempts[0].text) == (Fault.SCHEMA, 7, "[MODEL_API_KEY]")
