"""A model that says no secret back."""

from collections.abc import Mapping
from dataclasses import replace

from ..domain.decision import Prompt, Reply
from ..logic.show.unsaid import Unsaid
from ..ports import LanguageModel


class Discreet:
    """A model whose answers repeat no secret that it was asked with: what is kept of them is shown. `told`: by name."""

    def __init__(self, model: LanguageModel, told: Mapping[str, str]) -> None:
        self._model, self._told = model, told

    async def complete(self, prompt: Prompt) -> Reply:
        reply = await self._model.complete(prompt)
        return replace(reply, text=Unsaid(lambda name: self._told.get(name, "")).known(reply.text))

    async def close(self) -> None:
        await self._model.close()
