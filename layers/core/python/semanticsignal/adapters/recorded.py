"""A language model that never answers the same prompt twice: what came of it once is read back from the archive."""

from dataclasses import dataclass

from ..domain.asking import Attempt, Fault
from ..domain.decision import Prompt, Reply
from ..domain.errors import ModelUnavailable
from ..logic.decide.prompt import prompt_sha256
from ..ports import Archive, LanguageModel


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking: a reply, or why there is none."""

    reply: Reply | None
    failure: str = ""
    fault: Fault = Fault.CONNECTION
    attempts: tuple[Attempt, ...] = ()


class Recorded:
    """The tape first, then `model`; a failure is on the tape as it was, for what was decided hung on it. Without a
    model, raises ModelUnavailable for a prompt the tape does not hold."""

    def __init__(self, archive: Archive, model: LanguageModel | None) -> None:
        self._archive, self._model = archive, model

    async def complete(self, prompt: Prompt) -> Reply:
        key = f"reply/by-prompt/{prompt_sha256(prompt)}"
        stands: Outcome | None = await self._archive.get(key, Outcome)
        if stands is None:
            if self._model is None:
                raise ModelUnavailable(f"the tape has no such prompt, was {prompt.id} as {key}", Fault.UNRECORDED)
            stands = await self._archive.put(key, await _asked(self._model, prompt))
        if stands.reply is None:
            raise ModelUnavailable(stands.failure, stands.fault, attempts=stands.attempts)
        return stands.reply

    async def close(self) -> None:
        if self._model is not None:
            await self._model.close()


async def _asked(model: LanguageModel, prompt: Prompt) -> Outcome:
    try:
        return Outcome(await model.complete(prompt))
    except ModelUnavailable as wrong:
        return Outcome(None, str(wrong), wrong.fault, wrong.attempts)
