"""A language model that never answers the same prompt twice: what it once said is read back from the archive."""

from ..domain.decision import Prompt, Reply
from ..domain.errors import ModelUnavailable
from ..logic.decide.prompt import prompt_sha256
from ..ports import Archive, LanguageModel


class Recorded:
    """The tape first, then `model`. Without a model, raises ModelUnavailable for a prompt the tape does not hold."""

    def __init__(self, archive: Archive, model: LanguageModel | None) -> None:
        self._archive, self._model = archive, model

    async def complete(self, prompt: Prompt) -> Reply:
        key = f"reply/by-prompt/{prompt_sha256(prompt)}"
        kept: Reply | None = await self._archive.get(key, Reply)
        if kept is not None:
            return kept
        if self._model is None:
            raise ModelUnavailable(f"the tape has no such prompt, was {prompt.id} as {key}")
        stands: Reply = await self._archive.put(key, await self._model.complete(prompt))
        return stands
