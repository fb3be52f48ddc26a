"""A language model that never answers the same prompt twice: what it once said is read back from the archive."""

from hashlib import sha256

from ..domain.decision import Prompt, Reply
from ..domain.errors import ModelUnavailable
from ..ports import Archive, LanguageModel


class Recorded:
    """The tape first, then `model`. Without a model, raises ModelUnavailable for a prompt the tape does not hold."""

    def __init__(self, archive: Archive, model: LanguageModel | None) -> None:
        self._archive, self._model = archive, model

    async def complete(self, prompt: Prompt) -> Reply:
        key = f"reply/by-prompt/{_digest(prompt)}"
        kept: Reply | None = await self._archive.get(key, Reply)
        if kept is not None:
            return kept
        if self._model is None:
            raise ModelUnavailable(f"the tape has no such prompt, was {prompt.id} as {key}")
        stands: Reply = await self._archive.put(key, await self._model.complete(prompt))
        return stands


def _digest(prompt: Prompt) -> str:
    """Each part with its length before it, so that no two prompts run together into the same bytes."""
    digest = sha256()
    for part in (prompt.system.encode(), prompt.user.encode(), prompt.version.encode(), prompt.image or b""):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
