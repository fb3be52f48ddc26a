"""A language model made of language models: the first that answers speaks."""

from collections.abc import Sequence

from ..domain.decision import Prompt, Reply
from ..domain.errors import ModelUnavailable
from ..ports import LanguageModel


class Fallback:
    """Asks in order. Raises ModelUnavailable naming every attempt when none answered."""

    def __init__(self, models: Sequence[LanguageModel]) -> None:
        self._models = tuple(models)

    async def complete(self, prompt: Prompt) -> Reply:
        attempts: list[str] = []
        for number, model in enumerate(self._models, start=1):
            try:
                return await model.complete(prompt)
            except ModelUnavailable as silent:
                attempts.append(f"{number}. {silent}")
        raise ModelUnavailable(f"none of {len(self._models)} models answered: {'; '.join(attempts)}")
