"""A model that says no secret back."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from ..domain.asking import Attempt
from ..domain.decision import Prompt, Reply
from ..domain.errors import ModelUnavailable, SemanticSignalError
from ..logic.show.unsaid import Unsaid
from ..ports import LanguageModel


class Discreet:
    """A model whose answers, attempts and errors repeat no secret that it was asked with: they are kept and shown.
    `told`: by name."""

    def __init__(self, model: LanguageModel, told: Mapping[str, str]) -> None:
        self._model, self._told = model, told

    async def complete(self, prompt: Prompt) -> Reply:
        hides = Unsaid(lambda name: self._told.get(name, "")).known
        try:
            reply = await self._model.complete(prompt)
        except SemanticSignalError as wrong:
            wrong.args = tuple(hides(word) if isinstance(word, str) else word for word in wrong.args)
            if isinstance(wrong, ModelUnavailable):
                wrong.attempts = _hidden(wrong.attempts, hides)
            raise
        return replace(reply, text=hides(reply.text), model=hides(reply.model), attempts=_hidden(reply.attempts, hides))

    async def close(self) -> None:
        await self._model.close()


def _hidden(attempts: tuple[Attempt, ...], hides: Callable[[str], str]) -> tuple[Attempt, ...]:
    return tuple(replace(one, said=hides(one.said), text=hides(one.text), served=hides(one.served)) for one in attempts)
