"""A language model that is told once what was wrong with its answer."""

from dataclasses import replace
from time import perf_counter

from ..domain.asking import Attempt, Fault
from ..domain.decision import Prompt, Reply, Turn
from ..domain.errors import InvalidReply, ModelUnavailable
from ..domain.untrusted import writable
from ..logic.decide.reply import signal
from ..ports import LanguageModel

REPEATED, KEPT, SAID = 8_000, 4_000, 300


class Repaired:
    """Gives back only answers that are a decision. A picture that is not taken is left away; an answer that is none is
    sent back with what was wrong, each once. Raises ModelUnavailable with Fault.SCHEMA for a second one that is none;
    its attempts are all of them."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    async def complete(self, prompt: Prompt) -> Reply:
        began = perf_counter()
        before: tuple[Attempt, ...] = ()
        try:
            reply = await self._model.complete(prompt)
        except ModelUnavailable as wrong:
            if wrong.fault is not Fault.REQUEST or prompt.image is None:
                raise
            before, prompt = wrong.attempts, replace(prompt, image=None, caption="")
            reply = await self._again(prompt, before, began)
        invalid = _invalid(reply, prompt)
        if invalid is None:
            return reply
        before = _marked(reply, invalid)
        complaint = (
            f"That is no decision that can be used: {invalid} Answer once more, with one JSON object of the form that "
            "was asked for and nothing else."
        )
        prompt = replace(prompt, turns=(*prompt.turns, Turn(reply.text[:REPEATED], complaint)))
        reply = await self._again(prompt, before, began)
        invalid = _invalid(reply, prompt)
        if invalid is not None:
            raise ModelUnavailable(
                f"{reply.model}: twice no decision, {invalid}", Fault.SCHEMA, attempts=_marked(reply, invalid)
            )
        return reply

    async def close(self) -> None:
        await self._model.close()

    async def _again(self, prompt: Prompt, before: tuple[Attempt, ...], began: float) -> Reply:
        """In what is left of the time for this answer."""
        if prompt.within_s is not None:
            prompt = replace(prompt, within_s=max(0.001, prompt.within_s - (perf_counter() - began)))
        try:
            reply = await self._model.complete(prompt)
        except ModelUnavailable as wrong:
            wrong.attempts = (*before, *wrong.attempts)
            raise
        return replace(reply, attempts=(*before, *reply.attempts))


def _invalid(reply: Reply, prompt: Prompt) -> str | None:
    """What is wrong with it, on one line."""
    if prompt.price is None:
        return None
    try:
        signal(reply, prompt.price, prompt.kind)
    except InvalidReply as wrong:
        return " ".join(str(wrong).split())[:SAID]
    return None


def _marked(reply: Reply, said: str) -> tuple[Attempt, ...]:
    """The last of its attempts brought words, but no decision."""
    text = writable(reply.text[:KEPT])
    wrong = (replace(one, fault=Fault.SCHEMA, said=said, text=text) for one in reply.attempts[-1:])
    return (*reply.attempts[:-1], *wrong)
