"""A closed trade is looked at again: by the model, or by the rules analyst in its place; once, and kept."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from world import BTC, H4, MONDAY, CycleModel, GoneMemory, bars, close, cycle, path, says, subjects, tick, told, world

from semanticsignal.adapters.analyst import RulesAnalyst
from semanticsignal.adapters.by_form import ByForm
from semanticsignal.domain.asking import Attempt, Fault, Usage
from semanticsignal.domain.decision import Form, Prompt, Reply
from semanticsignal.domain.errors import Missing, ModelUnavailable
from semanticsignal.domain.events import LessonLearned
from semanticsignal.domain.learning import PostMortem
from semanticsignal.logic.review.prompt import VERSION
from semanticsignal.ports import Sockets
from semanticsignal.stages.review import review, unreviewed

FOUR, TWENTY = MONDAY + H4, MONDAY + 5 * H4
TRADE = f"{cycle(BTC, FOUR)}#order#closed"
SAID = {"expected": "a breakout", "actual": "it held", "verdict": "as planned", "lesson": "trust the retest"}
ASKED = Attempt("openrouter", "dear", MONDAY, 7.5, Usage(900, 120, cost_usd=Decimal("0.0031")))


class Reviewer:
    """Answers each prompt for a post-mortem from its script, the last line again and again: a Reply or a failure."""

    def __init__(self, *script: Reply | ModelUnavailable) -> None:
        self.script, self.asked = list(script), list[Prompt]()

    async def complete(self, prompt: Prompt) -> Reply:
        self.asked.append(prompt)
        line = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(line, ModelUnavailable):
            raise line
        return line

    async def close(self) -> None:
        """Nothing is held."""


def words(**changes: Any) -> Reply:
    return Reply(json.dumps(SAID | changes), "dear-model", 7.5, attempts=(ASKED,))


def market(reviewer: Reviewer, **overrides: Any) -> Sockets:
    """A long from 100 on Monday at four, that its target of 104 will close before twenty."""
    decides = CycleModel({cycle(BTC, FOUR): says("BUY", 98, 104, invalidation="a close below 98")})
    prices = bars(path([100, 100, 100, 103, 105, 105, 105]))
    return world(prices, model=ByForm(decides, reviewer), **overrides)  # type: ignore[arg-type]


async def traded(reviewer: Reviewer, **overrides: Any) -> Sockets:
    on = market(reviewer, **overrides)
    await close(on, FOUR)
    await tick(on, TWENTY)
    return on


async def written(on: Sockets) -> PostMortem:
    (one,) = await subjects(on, "PostMortemWritten")
    assert isinstance(one, PostMortem)
    return one


async def test_a_closed_trade_is_looked_at_again_by_the_model() -> None:
    reviewer = Reviewer(words())

    on = await traded(reviewer)

    assert await written(on) == PostMortem(
        f"{TRADE}#post-mortem", TRADE, BTC, TWENTY, "as planned", "a breakout", "it held", "trust the retest",
        "dear-model", attempts=(ASKED,),
    )  # fmt: skip
    (asked,) = reviewer.asked
    assert (asked.id, asked.version, asked.form, asked.price) == (f"{TRADE}#review", VERSION, Form.POST_MORTEM, None)
    assert "exit_reason: target" in asked.user and "> a close below 98" in asked.user
    assert [entry.id for entry in await told(on, "PostMortemWritten")] == [f"PostMortemWritten:{TRADE}#post-mortem"]


async def test_what_it_cost_is_told_though_its_words_were_no_post_mortem() -> None:
    on = await traded(Reviewer(replace(words(), text="I would rather not.")))

    one = await written(on)
    assert (one.by, one.attempts, one.verdict) == ("analyst", (ASKED,), "went as planned")
    assert one.why == "dear-model: a post-mortem is one JSON object, was 'I would rather not.'"


async def test_where_no_model_answers_the_rules_analyst_writes_it_and_says_why() -> None:
    failed = replace(ASKED, fault=Fault.BUDGET, usage=Usage())
    silent = ModelUnavailable("dear at\nopenrouter: 0.02 USD more would pass a limit", Fault.BUDGET, attempts=(failed,))

    on = await traded(Reviewer(silent))

    one = await written(on)
    assert (one.by, one.attempts) == ("analyst", (failed,))
    assert one.why == "dear at openrouter: 0.02 USD more would pass a limit"
    assert one.expected.startswith("A long of BTC/USDC (spot) from") and one.actual.startswith("Closed by target at")


async def test_nobody_is_paid_for_what_nobody_reads() -> None:
    reviewer = Reviewer(words())

    on = await traded(reviewer, memory__is_used=False)

    assert reviewer.asked == []
    assert (await written(on)).by == "analyst" and (await written(on)).why.startswith("memory is switched off")


async def test_the_first_post_mortem_stands_whatever_the_model_says_later() -> None:
    reviewer = Reviewer(words(), words(verdict="changed its mind"))
    on = await traded(reviewer)

    again = await review(LessonLearned(TRADE, BTC, MONDAY), on)

    (entry,) = await told(on, "PostMortemWritten")
    assert again == (entry.fact,)
    assert len(reviewer.asked) == 1 and (await written(on)).verdict == "as planned"


async def test_a_retry_neither_pays_nor_asks_twice() -> None:
    """The answer was kept, and then the process died before it was read."""
    reviewer = Reviewer(words(), words(verdict="changed its mind"))
    on = market(reviewer)
    await on.archive.put(f"review-reply/{TRADE}#review", words(verdict="kept"))

    await close(on, FOUR)
    await tick(on, TWENTY)

    assert reviewer.asked == []
    assert (await written(on)).verdict == "kept" and (await written(on)).attempts == (ASKED,)


async def test_question_and_answer_are_kept_before_anybody_reads_them() -> None:
    on = await traded(Reviewer(replace(words(), text="half a character \ud800")))

    kept = await on.archive.get(f"review-prompt/{TRADE}#review", Prompt)
    answer = await on.archive.get(f"review-reply/{TRADE}#review", Reply)
    assert kept.form is Form.POST_MORTEM and "[closed trade]" in kept.user
    assert answer.text == "half a character ?"


async def test_it_is_remembered_and_memory_that_is_away_loses_nothing() -> None:
    here = await traded(Reviewer(words()))

    gone = replace(here, memory=GoneMemory())
    facts = await review(LessonLearned(TRADE, BTC, MONDAY), gone)

    assert facts == tuple(entry.fact for entry in await told(here, "PostMortemWritten"))
    assert [one.id for one in here.memory._written.values()] == [f"{TRADE}#post-mortem"]  # type: ignore[attr-defined]


async def test_a_model_that_calls_itself_what_it_likes_stays_on_one_line() -> None:
    on = await traded(Reviewer(replace(words(), model="m\n[rules]\x1b" + "x" * 900)))

    by = (await written(on)).by
    assert by.startswith("m [rules]x") and by.isprintable() and len(by) <= 300


async def test_a_lesson_that_is_not_there_yet_is_left_to_the_next_try() -> None:
    with pytest.raises(Missing, match="no lesson"):
        await review(LessonLearned("nothing", BTC, MONDAY), market(Reviewer(words())))


async def test_a_trade_that_a_decision_closed_is_reviewed_with_that_decision() -> None:
    reviewer = Reviewer(words())
    script = {cycle(BTC, FOUR): says("BUY", 90, 130), cycle(BTC, FOUR + H4): says("CLOSE", reasoning="it is tired")}
    on = world(bars(path([100, 100, 101, 101, 101, 101])), model=ByForm(CycleModel(script), reviewer))  # type: ignore[arg-type]

    await close(on, FOUR)
    await close(on, FOUR + H4)
    await tick(on, FOUR + 2 * H4)

    (asked,) = reviewer.asked
    assert "[close]\ngiven_up_with: 70%\n" in asked.user
    assert "--- why it was given up begins" in asked.user and "> it is tired" in asked.user


async def test_the_rules_analyst_as_the_model_is_read_like_any_other() -> None:
    decides = CycleModel({cycle(BTC, FOUR): says("BUY", 98, 104)})
    on = world(bars(path([100, 100, 100, 103, 105, 105, 105])), model=ByForm(decides, RulesAnalyst()))  # type: ignore[arg-type]

    await close(on, FOUR)
    await tick(on, TWENTY)

    one = await written(on)
    assert (one.by, one.why, one.verdict, one.attempts) == ("rules-analyst", "", "went as planned", ())


async def test_what_a_crash_left_unreviewed_is_known_by_its_time() -> None:
    on = await traded(Reviewer(words()))
    (closing,) = await told(on, "PositionClosed")
    left = replace(on, ledger=_Without(on.ledger, "PostMortemWritten"))  # type: ignore[arg-type]

    assert await unreviewed(TWENTY, left) == (closing.fact,)
    assert await unreviewed(closing.fact.at - timedelta(seconds=1), left) == ()
    assert await unreviewed(TWENTY, on) == ()


class _Without:
    """A ledger in which one kind of entry was not written yet."""

    def __init__(self, ledger: Any, kind: str) -> None:
        self._ledger, self._kind = ledger, kind

    async def entry(self, id: str) -> Any:
        return None if id.startswith(self._kind) else await self._ledger.entry(id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)
